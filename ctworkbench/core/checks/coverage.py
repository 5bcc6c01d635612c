"""Brain tissue that has no label: a border drawn too far in, a part that was forgotten, a label map too small."""

import numpy as np
from scipy import ndimage

from ctworkbench.core.check_case import CheckCase
from ctworkbench.core.findings import COVERAGE, Finding, judged

TITLE = "brain unlabelled"
NEEDS_HEAD = True


def find(case: CheckCase) -> list[Finding]:
    """What part of the brain's tissue carries no label, in percent."""
    tissue = case.tissue
    bare = tissue & (case.labels == 0)
    total = max(1, int(tissue.sum()))
    share = 100.0 * float(bare.sum()) / total
    cm3 = float(bare.sum()) * case.ml_per_voxel
    pieces, number = ndimage.label(ndimage.binary_erosion(bare))
    where, beside = None, ""
    if number:
        largest = int(np.bincount(pieces.ravel())[1:].argmax()) + 1
        box = ndimage.find_objects(pieces, max_label=largest)[largest - 1]
        where = case.place_in(pieces[box] == largest, box)
        beside = _beside(case, pieces, largest, box)
    said = f"{cm3:.0f} cm³ of brain ({share:.1f} %) carry no label{beside}"
    return [judged("coverage", COVERAGE, share, "%", said, where=where)]


def _beside(case: CheckCase, pieces: np.ndarray, number: int, box: tuple[slice, ...]) -> str:
    """Which region the largest gap touches most."""
    wide = tuple(slice(max(0, side.start - 4), side.stop + 4) for side in box)
    grown = ndimage.binary_dilation(pieces[wide] == number, iterations=3)
    touching = np.bincount(case.labels[wide][grown], minlength=256)
    touching[0] = 0
    code = int(touching.argmax())
    return f", most of it beside the {case.region(code).title.lower()}" if touching[code] and code in case.boxes else ""
