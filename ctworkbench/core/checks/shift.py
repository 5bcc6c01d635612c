"""The label map as a whole lies beside the brain: a wrong header, a wrong series, a registration that slid away."""

import numpy as np

from ctworkbench.core.check_case import CheckCase
from ctworkbench.core.findings import SHIFT, Finding, judged

TITLE = "shifted"
NEEDS_HEAD = True
_DIRECTIONS = (("right", "left"), ("front", "back"), ("top", "bottom"))


def find(case: CheckCase) -> list[Finding]:
    """Distance between the middle of all labels and the middle of the brain's tissue, in mm."""
    labelled, brain = np.argwhere(case.labels > 0), np.argwhere(case.tissue)
    if not len(labelled) or not len(brain):
        return []
    away = case.affine[:3, :3] @ (labelled.mean(0) - brain.mean(0))
    distance = float(np.linalg.norm(away))
    axis = int(np.abs(away).argmax())
    said = f"the labels lie {distance:.1f} mm from the brain, mostly to the {_DIRECTIONS[axis][int(away[axis] < 0)]}"
    return [judged("shift", SHIFT, distance, "mm", said, where=case.world(brain.mean(0)))]
