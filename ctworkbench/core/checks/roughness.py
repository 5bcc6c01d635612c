"""A ragged border: speckle of a network, a brush held badly, slices that do not fit each other."""

import numpy as np

from ctworkbench.core.check_case import CheckCase
from ctworkbench.core.findings import ROUGHNESS, Finding, judged

TITLE = "ragged border"
NEEDS_HEAD = False
_LEAST_ML = 2.0


def find(case: CheckCase) -> list[Finding]:
    """Surface of each region over its volume to the power of two thirds; a cube has 6, whatever its size."""
    found: list[Finding] = []
    spacing = np.linalg.norm(case.affine[:3, :3], axis=0)
    for code, box in case.boxes.items():
        inside = np.pad(case.labels[box] == code, 1)
        mm3 = float(inside.sum()) * case.ml_per_voxel * 1000
        if mm3 < _LEAST_ML * 1000:
            continue
        area = 0.0
        for axis in range(3):
            faces = np.count_nonzero(np.diff(inside.view(np.int8), axis=axis))
            area += faces * float(np.prod(np.delete(spacing, axis)))
        ratio = area / mm3 ** (2 / 3)
        region = case.region(code)
        said = f"{region.title}: its border is {ratio / 6:.1f} times that of a cube of its volume"
        found.append(
            judged("roughness", ROUGHNESS, ratio, "", said, region.name, case.place_in(inside[1:-1, 1:-1, 1:-1], box))
        )
    return found
