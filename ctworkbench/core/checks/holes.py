"""Holes: brain without a label that labels enclose on all sides. Ventricles are enclosed too, and are no holes."""

import numpy as np
from scipy import ndimage

from ctworkbench.core.check_case import CheckCase
from ctworkbench.core.findings import HOLES, Finding, judged
from ctworkbench.core.wording import count

TITLE = "holes"
NEEDS_HEAD = True
_SMALL_ML = 0.05


def find(case: CheckCase) -> list[Finding]:
    """The volume of brain tissue in holes of the label map, in cm³."""
    empty, total = ndimage.label(case.labels == 0)
    shell = np.zeros(total + 1, dtype=bool)
    for axis in range(3):
        for side in (0, -1):
            shell[np.unique(np.take(empty, side, axis))] = True
    tissue = np.bincount(empty[case.tissue], minlength=total + 1) * case.ml_per_voxel
    size = np.bincount(empty.ravel(), minlength=total + 1) * case.ml_per_voxel
    tissue[shell | (tissue < size / 2)] = 0  # the rim of a ventricle looks like brain, its middle does not
    tissue[0] = 0
    holes = np.flatnonzero(tissue >= _SMALL_ML)
    cm3 = float(tissue[holes].sum())
    if not len(holes):
        return [judged("holes", HOLES, 0.0, "cm³", "no holes")]
    largest = int(tissue.argmax())
    box = ndimage.find_objects(empty, max_label=largest)[largest - 1]
    said = f"{count(len(holes), 'hole')} in the labels, {cm3:.1f} cm³ of brain"
    return [judged("holes", HOLES, cm3, "cm³", said, where=case.place_in(empty[box] == largest, box))]
