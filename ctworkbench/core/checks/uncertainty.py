"""Where the networks that made a label map are unsure of it; what a hand has drawn since is not asked."""

import numpy as np
from scipy import ndimage

from ctworkbench.core.check_case import CheckCase
from ctworkbench.core.findings import UNCERTAIN, UNCERTAIN_REGION, Finding, judged
from ctworkbench.core.uncertainty import passes_text

TITLE = "uncertain"
NEEDS_HEAD = False
_AROUND_MM = 9.0
_ALONE = "; one network alone is too sure of itself, so a low figure means little"


def find(case: CheckCase) -> list[Finding]:
    """Mean uncertainty over all labels and over each region (Mehrtash 2020), in percent; nothing where none is kept.

    The place is the middle of the 9 mm that are least sure.
    """
    doubt = case.uncertainty
    if doubt is None or not (case.labels > 0).any():
        return []
    alone = _ALONE if case.networks == 1 else ""
    size = [max(1, round(float(_AROUND_MM / side))) for side in np.linalg.norm(case.affine[:3, :3], axis=0)]
    around = ndimage.uniform_filter(doubt.astype(np.float32), size, mode="constant")
    worst = case.world(np.array(np.unravel_index(np.where(case.labels > 0, around, -1).argmax(), doubt.shape)))
    mean = float(doubt[case.labels > 0].mean())
    said = f"{mean:.1f} % uncertain on average ({passes_text(case.networks, case.passes)}){alone}"
    found = [judged("uncertainty", UNCERTAIN, mean, "%", said, where=worst, at_most_look=True)]
    for code, box in case.boxes.items():
        inside = case.labels[box] == code
        own = float(doubt[box][inside].mean())
        place = np.unravel_index(np.where(inside, around[box], -1).argmax(), inside.shape)
        where = case.world(np.array(place) + [side.start for side in box])
        region = case.region(code)
        said = f"{region.title}: {own:.1f} % uncertain on average ({passes_text(case.networks, case.passes)}){alone}"
        found.append(judged("uncertainty", UNCERTAIN_REGION, own, "%", said, region.name, where, at_most_look=True))
    return found
