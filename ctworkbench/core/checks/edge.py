"""A region reaches the edge of the scan: a part of it may not have been scanned, and its volume is too small."""

import numpy as np

from ctworkbench.core.check_case import CheckCase
from ctworkbench.core.findings import EDGE, Finding, judged

TITLE = "cut off"
NEEDS_HEAD = False


def find(case: CheckCase) -> list[Finding]:
    """What each region shows on the outermost voxels of the scan, in cm²."""
    whole = case.whole
    spacing = whole.spacing
    areas = np.zeros(256)
    spots: dict[int, tuple[float, float, float]] = {}
    for axis in range(3):
        face_cm2 = float(np.prod([spacing[other] for other in range(3) if other != axis])) / 100
        for side in (0, -1):
            face = np.moveaxis(whole.voxels, axis, 0)[side]  # `take` would copy the whole array
            if not face.any():
                continue
            areas += np.bincount(face.ravel(), minlength=256) * face_cm2
            for code in np.unique(face[face > 0]).tolist():
                index = np.argwhere(face == code).mean(0).tolist()
                index.insert(axis, 0 if side == 0 else whole.voxels.shape[axis] - 1)
                x, y, z = whole.affine[:3, :3] @ np.array(index) + whole.affine[:3, 3]
                spots[code] = (float(x), float(y), float(z))
    regions = [region for region in case.scheme.regions if areas[region.code]]
    if not regions:
        return [judged("edge", EDGE, 0.0, "cm²", "no region reaches the edge of the scan")]
    return [
        judged(
            "edge",
            EDGE,
            float(areas[region.code]),
            "cm²",
            f"{region.title}: {areas[region.code]:.1f} cm² of it lie on the edge of the scan",
            region.name,
            spots[region.code],
        )
        for region in regions
    ]
