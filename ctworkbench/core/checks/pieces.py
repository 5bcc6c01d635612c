"""A region in several pieces: islands that a stroke, a network or a torn deformation left behind."""

import numpy as np
from scipy import ndimage

from ctworkbench.core.check_case import CheckCase
from ctworkbench.core.findings import PIECES, Finding, judged
from ctworkbench.core.wording import count

TITLE = "pieces"
NEEDS_HEAD = False
_SMALL_ML = 0.05
_NEIGHBOURS = np.ones((3, 3, 3), dtype=bool)


def find(case: CheckCase) -> list[Finding]:
    """What lies apart from the largest piece of each region (26 neighbours, 1 mm), in cm³."""
    found: list[Finding] = []
    for code, box in case.boxes.items():
        region = case.region(code)
        pieces, _ = ndimage.label(case.labels[box] == code, structure=_NEIGHBOURS)
        sizes = np.bincount(pieces.ravel())[1:] * case.ml_per_voxel
        order = np.argsort(-sizes, kind="stable")
        apart = float(sizes.sum() - sizes[order[0]])
        number = 1 + int((sizes[order[1:]] >= _SMALL_ML).sum())
        where = case.place_in(pieces == order[1] + 1, box) if len(sizes) > 1 else None
        said = f"{region.title}: {count(max(number, 2), 'piece')}, {apart:.1f} cm³ lie apart from the largest"
        if apart < _SMALL_ML:
            said = f"{region.title}: in one piece"
        found.append(judged("pieces", PIECES, apart, "cm³", said, region.name, where))
    return found
