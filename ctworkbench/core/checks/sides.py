"""Left and right: each of a pair of regions lies on its own side of the head's own middle."""

import numpy as np

from ctworkbench.core.check_case import CheckCase
from ctworkbench.core.findings import SIDES, Finding, judged

TITLE = "swapped sides"
NEEDS_HEAD = False
_TOLERANCE_MM = 5.0


def find(case: CheckCase) -> list[Finding]:
    """What part of each pair lies over 5 mm beyond the midsagittal plane, in percent.

    The plane is that of the head's own symmetry, in world coordinates, and no label has a part in it. For a scan that
    is not preprocessed it is the middle between the labels of both sides, which tells no more than swapped sides.
    """
    found: list[Finding] = []
    for right, left in case.scheme.pairs:
        name = right.name.removeprefix("right_")
        if right.code not in case.boxes or left.code not in case.boxes:
            continue
        across: list[float] = []
        worst: tuple[float, tuple[float, float, float] | None] = (0.0, None)
        sums = 0
        for region, sign in ((right, 1.0), (left, -1.0)):
            box = case.boxes[region.code]
            points = np.argwhere(case.labels[box] == region.code) + [side.start for side in box]
            away = sign * _distance(case, points)
            beyond = away < -_TOLERANCE_MM
            across.append(float(beyond.sum()))
            sums += len(points)
            if beyond.any() and beyond.sum() > worst[0]:
                centre = points[beyond].mean(0)
                nearest = points[beyond][((points[beyond] - centre) ** 2).sum(1).argmin()]
                worst = (float(beyond.sum()), case.world(nearest))
        share = 100 * sum(across) / max(1, sums)
        cm3 = sum(across) * case.ml_per_voxel
        said = f"{right.title} and its left: {cm3:.1f} cm³ ({share:.0f} %) lie on the other side"
        if share > 50:
            said = f"{name.capitalize()}: left and right are swapped in the patient"
        found.append(judged("sides", SIDES, share, "%", said, right.name, worst[1]))
    return found


def _distance(case: CheckCase, points: np.ndarray) -> np.ndarray:
    """Signed distance to the middle of the head in mm, positive to the patient's right."""
    world = points @ case.affine[:3, :3].T + case.affine[:3, 3]
    if case.hu is not None:
        return case.midplane.distance(world)
    codes = [region.code for pair in case.scheme.pairs for region in pair]
    everything = np.argwhere(np.isin(case.labels, codes))
    return world[:, 0] - float((everything @ case.affine[:3, :3].T + case.affine[:3, 3])[:, 0].mean())
