"""How far a registration can be trusted: likeness, folding, shares of the regions, and what that says to people."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ctworkbench.core.alignment import Brain, shrunk
from ctworkbench.core.label_fitting import places_in_template
from ctworkbench.core.volume import Affine, Grid, Volume, resample

LEAST_POSE = 0.4
"""Below this score of the first guess no head was found: sound ones score 0.69 to 0.74."""
LEAST_SIMILARITY = 0.15
"""Below this no brain was found: sound ones have 0.4 to 0.75, a wrong pose gives about 0."""
DISAGREEMENT = 0.2
"""Part of the brain; sound label maps of five templates have about a tenth, along the borders of lobes."""

_LIKENESS_MM = 3.0
_CHOICE_MM = 4


def similarity(fixed: Brain, moving: Brain, affine: Affine, displacement: NDArray[np.float32], grid: Affine) -> float:
    """Correlation of HU between scan and carried template where both are brain, −1 to 1; both smoothed by 3 mm.

    Unsmoothed, the noise of a CT and gyri that no deformation can match hide what is alike.

    Args:
        fixed: the scan.
        moving: the template.
        affine: from `affine_transform`.
        displacement: from `deformation`; zeros tell how alike the affine transform alone makes them.
        grid: from `deformation`.
    """
    voxels = np.argwhere(ndimage.binary_dilation(fixed.mask.voxels > 0, iterations=3))
    where = places_in_template(voxels, fixed.image.affine, moving.image.affine, affine, displacement, grid)
    carried, mask = (np.zeros(fixed.mask.voxels.shape, np.float32) for _ in range(2))
    carried[tuple(voxels.T)] = ndimage.map_coordinates(moving.image.voxels, where, order=1)
    mask[tuple(voxels.T)] = ndimage.map_coordinates(moving.mask.voxels.astype(np.float32), where, order=1)
    both = (fixed.mask.voxels > 0) & (mask > 0.5)
    if both.sum() < 2:
        return 0.0
    ours, theirs = (_blurred(*pair)[both] for pair in ((fixed.image.voxels, fixed.mask.voxels), (carried, mask)))
    return float(np.nan_to_num(np.corrcoef(ours, theirs)[0, 1]))


def likeness(fixed: Brain, moving: Brain, affine: Affine) -> float:
    """`similarity` after the affine transform alone, on 4 mm: for the choice among templates.

    Args:
        fixed: the scan.
        moving: the template.
        affine: world of `fixed` → world of `moving`.
    """
    return _correlation(shrunk(fixed, _CHOICE_MM), moving, affine)


def _correlation(fixed: Brain, moving: Brain, affine: Affine) -> float:
    """Correlation of HU where both are brain, at the voxels of `fixed`."""
    inside = np.argwhere(fixed.mask.voxels > 0.5)
    to_template = np.linalg.inv(moving.image.affine) @ affine @ fixed.image.affine
    where = (inside @ to_template[:3, :3].T + to_template[:3, 3]).T
    smooth = ndimage.gaussian_filter(moving.image.voxels, 1.5)
    there = ndimage.map_coordinates(moving.mask.voxels.astype(np.float32), where, order=1) > 0.9
    if there.sum() < 2:
        return 0.0
    ours = fixed.image.voxels[tuple(inside.T)][there]
    theirs = ndimage.map_coordinates(smooth, where[:, there], order=1)
    return float(np.nan_to_num(np.corrcoef(ours, theirs)[0, 1]))


def _blurred(image: NDArray, mask: NDArray) -> NDArray[np.float32]:
    """An image smoothed by 3 mm within its mask."""
    weight = ndimage.gaussian_filter(mask.astype(np.float32), _LIKENESS_MM)
    return ndimage.gaussian_filter(image.astype(np.float32), _LIKENESS_MM) / np.maximum(weight, 0.05)


def deformation_scores(displacement: NDArray[np.float32], grid: Affine, fixed: Brain) -> dict[str, float]:
    """Local volume change (determinant of the Jacobian) of the deformation, within the brain."""
    step = np.linalg.norm(grid[:3, :3], axis=0)
    turn = grid[:3, :3] / step
    local = displacement @ turn.astype(np.float32)
    slopes = [np.stack(np.gradient(local[..., axis], *step), -1) for axis in range(3)]
    jacobian = np.linalg.det(np.stack(slopes, -2) + np.eye(3, dtype=np.float32))
    inside = resample(fixed.mask, Grid(_shape(jacobian), grid), "nearest").voxels > 0
    values = jacobian[inside]
    return {
        "jacobian_min": float(values.min()),
        "jacobian_max": float(values.max()),
        "folding_fraction": float((values <= 0).mean()),
    }


def _shape(array: NDArray) -> tuple[int, int, int]:
    return (array.shape[0], array.shape[1], array.shape[2])


def region_scores(
    fitted: Volume, templates: Sequence[Volume], codes: Sequence[int], hull: NDArray[np.bool_]
) -> dict[str, float]:
    """How much of the brain is labelled, and each region's share of it against its mean share in the templates."""
    ours = np.bincount(fitted.voxels.ravel(), minlength=256)[list(codes)].astype(float)
    counts = [np.bincount(one.voxels.ravel(), minlength=256)[list(codes)].astype(float) for one in templates]
    ratio = (ours / max(1.0, ours.sum())) / np.mean([one / one.sum() for one in counts], axis=0)
    labelled = fitted.voxels > 0
    return {
        "mask_overlap": float(2 * (labelled & hull).sum() / max(1, labelled.sum() + hull.sum())),
        "volume_ratio_min": float(ratio.min()),
        "volume_ratio_max": float(ratio.max()),
    }


def warnings_of(scores: Mapping[str, float]) -> tuple[str, ...]:
    """What the scores say for people."""
    found: list[str] = []
    if scores["pose_score"] < 0.6:
        found.append("Template and scan agree poorly even after the search for the pose: look at every plane.")
    if scores["folding_fraction"] > 0.001:
        found.append(f"The deformation folds in {scores['folding_fraction']:.1%} of the brain.")
    if scores["volume_ratio_min"] < 0.5 or scores["volume_ratio_max"] > 1.8:
        found.append("A region is far smaller or larger than in the template: look at its borders.")
    if scores["mask_overlap"] < 0.9:
        found.append("The labels do not cover the brain: look at its surface.")
    if scores.get("disagreement", 0.0) > DISAGREEMENT:
        found.append(f"The templates disagree in {scores['disagreement']:.0%} of the brain: look at borders of lobes.")
    return tuple(found)
