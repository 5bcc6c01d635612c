"""Registration and network label the same scan differently: one of them is wrong there, and nobody knows which."""

import numpy as np

from ctworkbench.core.check_case import CheckCase
from ctworkbench.core.findings import DISAGREEMENT, Finding, judged
from ctworkbench.core.label_maps import dice

TITLE = "machines differ"
NEEDS_HEAD = False


def find(case: CheckCase) -> list[Finding]:
    """Dice of every region against the other machine's label map; nothing where there is none."""
    other = case.other
    if other is None:
        return []
    found: list[Finding] = []
    for code, overlap in dice(case.labels, other, case.scheme.codes).items():
        if np.isnan(overlap):
            continue
        region = case.region(code)
        apart = (case.labels == code) != (other == code)
        cm3 = float(apart.sum()) * case.ml_per_voxel
        said = f"{region.title}: Dice {overlap:.2f} with {case.other_title}, {cm3:.0f} cm³ differ"
        where = case.place_in(apart) if overlap < DISAGREEMENT.look else None
        found.append(judged("disagreement", DISAGREEMENT, overlap, "Dice", said, region.name, where, at_most_look=True))
    return found
