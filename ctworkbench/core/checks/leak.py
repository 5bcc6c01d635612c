"""Labels outside the inside of the skull: in bone, in air, in scalp or neck."""

import numpy as np
from scipy import ndimage

from ctworkbench.core.check_case import CheckCase, Mask
from ctworkbench.core.findings import LEAK, LEAK_HARD, Finding, judged

TITLE = "leak"
NEEDS_HEAD = True
_TOLERANCE_MM = 2
_BONE_HU = 220
_AIR_HU = -200


def find(case: CheckCase) -> list[Finding]:
    """What each region has beyond 2 mm from the inside of the skull, in cm³; the 2 mm are the mask's own error.

    Soft tissue below the mask is left out: there the mask ends at an arbitrary height, and a brainstem may go on. Bone
    and air weigh more than soft tissue.
    """
    assert case.brain is not None and case.hu is not None
    near = ndimage.binary_dilation(case.brain, iterations=_TOLERANCE_MM)
    out = (case.labels > 0) & ~near
    hard = out & ((case.hu > _BONE_HU) | (case.hu < _AIR_HU))
    out &= hard | ~_below(case)
    amounts = np.bincount(case.labels[out], minlength=256) * case.ml_per_voxel
    bone = np.bincount(case.labels[out & (case.hu > _BONE_HU)], minlength=256) * case.ml_per_voxel
    air = np.bincount(case.labels[out & (case.hu < _AIR_HU)], minlength=256) * case.ml_per_voxel
    total = max(1.0, float(case.voxels[1:].sum())) * case.ml_per_voxel
    found: list[Finding] = []
    for code, box in case.boxes.items():
        cm3 = float(amounts[code])
        region = case.region(code)
        if cm3 == 0:
            continue
        parts = [f"{part[code]:.1f} in {name}" for part, name in ((bone, "bone"), (air, "air")) if part[code] >= 0.05]
        inside = f" ({', '.join(parts)})" if parts else ""
        said = f"{region.title}: {cm3:.1f} cm³ outside the skull's inside{inside}, {cm3 / total:.1%} of all labels"
        where = case.place_in(out[box] & (case.labels[box] == code), box)
        within = float(bone[code] + air[code])
        graver = LEAK_HARD.level(within) > LEAK.level(cm3)
        limit, value = (LEAK_HARD, within) if graver else (LEAK, cm3)
        found.append(judged("leak", limit, value, "cm³", said, region.name, where))
    return found or [judged("leak", LEAK, 0.0, "cm³", "no label lies outside the skull's inside")]


def _below(case: CheckCase) -> Mask:
    """Voxels that lie lower in the patient than the brain mask's end."""
    assert case.brain is not None
    heights = [row * np.arange(n) for row, n in zip(case.affine[2, :3], case.brain.shape, strict=True)]
    z = heights[0][:, None, None] + heights[1][None, :, None] + heights[2][None, None, :]
    return z < z[case.brain].min()
