"""Faults as they happen to label maps, planted into sound ones. None of them knows a limit of the checks."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy import ndimage

from ctworkbench.core.alignment import initial_similarity
from ctworkbench.core.atlas_registration import affine_transform
from ctworkbench.core.label_fitting import brain_tissue, carry_labels, fit_labels, smoothed
from ctworkbench.core.label_maps import keep_largest_components, resample_labels
from ctworkbench.core.registration_scores import deformation_scores, similarity
from ctworkbench.core.schemes import load
from ctworkbench.core.settings import resource
from ctworkbench.core.template_library import cut_to_mask, in_brain_window, read_mask
from ctworkbench.core.volume import Volume, read_nifti, resample

SCHEME = load()
_LOBES = tuple(region for pair in SCHEME.pairs for region in pair)
_TEMPLATE = resource("templates/adult_ct")
_SMOOTHING_MM = 0.8

Chance = np.random.Generator


def sides_swapped(labels: Volume, brain: Volume, chance: Chance) -> Volume:
    """Every left region is called right: a header that lost its sign, a reader who was told the other convention."""
    return Volume(SCHEME.mirror_table[labels.voxels], labels.affine)


def shifted(labels: Volume, brain: Volume, chance: Chance) -> Volume:
    """Moved by 10 mm in a direction drawn by chance."""
    way = chance.normal(size=3)
    steps = np.linalg.solve(labels.affine[:3, :3], 10 * way / np.linalg.norm(way))
    return Volume(ndimage.shift(labels.voxels, steps, order=0), labels.affine)


def lobe_missing(labels: Volume, brain: Volume, chance: Chance) -> Volume:
    """One lobe, drawn by chance, is not labelled, or a neighbour has taken it over: one or the other by chance."""
    code = _LOBES[int(chance.integers(len(_LOBES)))].code
    lost = labels.voxels == code
    rest = np.where(lost, 0, labels.voxels)
    if chance.integers(2):
        nearest = ndimage.distance_transform_edt(rest == 0, labels.spacing, return_distances=False, return_indices=True)
        rest = np.where(lost, rest[tuple(nearest)], rest)
    return Volume(rest.astype(np.uint8), labels.affine)


def leak(labels: Volume, brain: Volume, chance: Chance) -> Volume:
    """A region runs out through the skull at a place drawn by chance: a ball of 8 to 14 mm radius on its surface."""
    skull_inside = resample(brain, labels.grid, "nearest").voxels > 0
    rim = (labels.voxels > 0) & ndimage.binary_dilation(~skull_inside, iterations=2)
    places = np.argwhere(rim)
    place = places[int(chance.integers(len(places)))]
    code = labels.voxels[tuple(place)]
    centre = np.argwhere(labels.voxels > 0).mean(0)
    spacing = np.array(labels.spacing)
    outward = (place - centre) * spacing
    middle = place * spacing + 6 * outward / np.linalg.norm(outward)
    away = [(np.arange(n) * step - at) ** 2 for n, step, at in zip(labels.voxels.shape, spacing, middle, strict=True)]
    ball = away[0][:, None, None] + away[1][None, :, None] + away[2][None, None, :] < chance.uniform(8, 14) ** 2
    return Volume(np.where(ball & (labels.voxels == 0), code, labels.voxels).astype(np.uint8), labels.affine)


FAULTS: dict[str, Callable[[Volume, Volume, Chance], Volume]] = {
    "sides swapped": sides_swapped,
    "shifted by 10 mm": shifted,
    "lobe missing": lobe_missing,
    "leak": leak,
}


def affine_only(scan: Volume, image: Volume, brain: Path, fitted: bool) -> tuple[Volume, dict[str, float]]:
    """The labels of the template carried by its affine registration alone, on the scan's grid, and the scores of that.

    Args:
        scan: gives the grid.
        image: HU at 1 mm.
        brain: file of the brain mask at 1 mm.
        fitted: whether the labels are fitted to the scan's own brain, as this program does after its deformation.
    """
    inside, hu = cut_to_mask(read_mask(brain), image)
    within = inside.voxels > 0
    smooth = smoothed(hu.voxels, within, _SMOOTHING_MM)
    hull, csf = brain_tissue(smooth, within)
    fixed = in_brain_window(Volume(smooth, hu.affine), hull)
    mask, ct = cut_to_mask(read_mask(_TEMPLATE / "brain_mask.nii.gz"), read_nifti(_TEMPLATE / "ct.nii.gz").oriented())
    theirs = mask.voxels > 0
    moving = in_brain_window(Volume(smoothed(ct.voxels, theirs, _SMOOTHING_MM), ct.affine), theirs)
    with tempfile.TemporaryDirectory() as folder:
        pose, pose_score = initial_similarity(fixed, moving)
        affine = affine_transform(fixed, moving, pose, Path(folder), seed=1)
    grid = fixed.image.affine.copy()
    grid[:3, :3] *= 8
    still = np.zeros((*(n // 8 + 1 for n in fixed.image.voxels.shape), 3), dtype=np.float32)
    template = read_nifti(_TEMPLATE / "labels10_child.nii.gz").oriented()
    carried = carry_labels(template, SCHEME.codes, inside, affine, still, grid)
    if fitted:
        carried = keep_largest_components(
            Volume(fit_labels(carried.voxels, within, hull, csf), inside.affine), SCHEME.codes
        )
    scores = {"pose_score": pose_score, "similarity": similarity(fixed, moving, affine, still, grid)}
    scores |= deformation_scores(still, grid, fixed)
    return resample_labels(carried, scan.grid, SCHEME.codes), scores
