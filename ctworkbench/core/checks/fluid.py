"""Labels in fluid: over ventricles, cisterns and the space around the brain, which are not brain."""

import numpy as np
from scipy import ndimage

from ctworkbench.core.check_case import CheckCase
from ctworkbench.core.findings import FLUID, Finding, judged

TITLE = "labels in CSF"
NEEDS_HEAD = True


def find(case: CheckCase) -> list[Finding]:
    """What part of all labels stands on fluid, in percent; narrow sulci belong to the regions and are part of it."""
    wet = case.csf & (case.labels > 0)
    total = max(1, int(case.voxels[1:].sum()))
    share = 100.0 * float(wet.sum()) / total
    cm3 = float(wet.sum()) * case.ml_per_voxel
    pieces, number = ndimage.label(ndimage.binary_erosion(wet))
    where, region = None, ""
    if number:
        largest = int(np.bincount(pieces.ravel())[1:].argmax()) + 1
        box = ndimage.find_objects(pieces, max_label=largest)[largest - 1]
        inside = pieces[box] == largest
        where = case.place_in(inside, box)
        code = int(np.bincount(case.labels[box][inside]).argmax())
        region = f", most of it in the {case.region(code).title.lower()}" if code in case.boxes else ""
    said = f"{cm3:.0f} cm³ of the labels ({share:.1f} %) stand on CSF{region}"
    return [judged("fluid", FLUID, share, "%", said, where=where)]
