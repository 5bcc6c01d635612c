"""Labels of a template fitted to the brain they were carried to.

A smooth deformation follows gyri and ventricles only so far; what HU tell directly is better taken from HU. The brain's
hull (sulci filled, outer CSF and sinuses left out) and its ventricles are found in the scan, and the carried labels are
extended to the one and cut back from the other. Only which region a voxel belongs to is the template's word.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ctworkbench.core.volume import Affine, Volume

_CSF_HU = 8.0
_TISSUE_SHARE = 0.6
_CSF_SHARE = 0.45
_BLOOD_ABOVE_MEDIAN_HU = 20.0
_SULCUS_MM = 4.0
_REACH_MM = 5.0
_DEEP_MM = 6.0
_VENTRICLE_REACH_MM = 3.0

Mask = NDArray[np.bool_]


class Levels(NamedTuple):
    """HU of one scan: fluid lies below `csf`, brain between `tissue` and `blood`."""

    csf: float
    tissue: float
    blood: float


def brain_levels(hu: NDArray[np.float32], inside: Mask) -> Levels:
    """What separates fluid, brain and blood, set between CSF and the scan's own median.

    Brain HU change with age and scanner, so a fixed threshold would not do.

    Args:
        hu: smoothed HU at 1 mm.
        inside: the inside of the skull at 1 mm.
    """
    median = float(np.median(hu[inside]))
    above = median - _CSF_HU
    return Levels(_CSF_HU + _CSF_SHARE * above, _CSF_HU + _TISSUE_SHARE * above, median + _BLOOD_ABOVE_MEDIAN_HU)


def smoothed(image: NDArray, inside: Mask, sigma: float) -> NDArray[np.float32]:
    """HU (float32) smoothed by a Gaussian of `sigma` voxels, within the mask alone; 0 outside it."""
    weight = ndimage.gaussian_filter(inside.astype(np.float32), sigma)
    values = np.where(inside, np.clip(image, -20, 100), 0).astype(np.float32)
    return np.where(inside, ndimage.gaussian_filter(values, sigma) / np.maximum(weight, 0.05), 0).astype(np.float32)


def brain_tissue(hu: NDArray[np.float32], inside: Mask) -> tuple[Mask, Mask]:
    """The hull of the brain's tissue, and CSF, both within the skull.

    The hull is tissue closed by 4 mm, so that sulci belong to it and the CSF around an atrophic brain does not.

    Args:
        hu: smoothed HU at 1 mm.
        inside: the inside of the skull at 1 mm.

    Returns:
        hull and CSF, bool, shape of `hu`.
    """
    levels = brain_levels(hu, inside)
    tissue = inside & (hu > levels.tissue) & (hu < levels.blood)
    tissue = ndimage.binary_opening(tissue)
    pieces, count = ndimage.label(tissue)
    if count > 1:
        tissue = pieces == np.bincount(pieces.ravel())[1:].argmax() + 1
    grown = ndimage.distance_transform_edt(~tissue) <= _SULCUS_MM
    hull = (ndimage.distance_transform_edt(grown) > _SULCUS_MM) & inside | tissue
    csf = inside & (hu < levels.csf)
    hull |= ndimage.binary_fill_holes(hull) & ~csf  # a bleed within the brain is brain
    return hull, csf


def carry_labels(
    template: Volume,
    codes: Sequence[int],
    mask: Volume,
    affine: Affine,
    displacement: NDArray[np.float32],
    grid: Affine,
) -> Volume:
    """Labels of the template at the voxels of `mask`: linear interpolation of each indicator, largest wins.

    Args:
        template: uint8 region codes.
        codes: regions to carry.
        mask: where labels are wanted.
        affine: 4×4, displaced world of the scan → world of the template (RAS+ mm).
        displacement: (x, y, z, 3) mm RAS+, added to a point of the scan first.
        grid: 4×4, voxel index of `displacement` → world of the scan.

    Returns:
        uint8 on the grid of `mask`.
    """
    voxels = np.argwhere(mask.voxels > 0)
    where = places_in_template(voxels, mask.affine, template.affine, affine, displacement, grid)
    labels = np.zeros(mask.voxels.shape, dtype=np.uint8)
    labels[tuple(voxels.T)] = labels_at(template.voxels, codes, where)
    return Volume(labels, mask.affine)


def labels_at(template: NDArray[np.uint8], codes: Sequence[int], where: NDArray[np.float64]) -> NDArray[np.uint8]:
    """The region at places between voxels: linear interpolation of each indicator, largest wins.

    Args:
        template: region codes; other codes count as none.
        codes: regions to carry.
        where: fractional voxel indices, (3, n).

    Returns:
        codes, (n,); 0 where none of them is the largest.
    """
    known = np.where(np.isin(template, list(codes)), template, 0).astype(np.uint8)
    # Where all eight neighbours are of one region there is nothing to weigh: that is most of a brain.
    base = np.floor(where).astype(np.intp)
    within = np.all((base >= 0) & (base < np.array(template.shape)[:, None] - 1), axis=0)
    low, high = (pick(known, 2, origin=-1) for pick in (ndimage.minimum_filter, ndimage.maximum_filter))
    corner = tuple(np.where(within, base, 0))
    found = np.where(within, low[corner], 0).astype(np.uint8)
    mixed = np.flatnonzero(~within | (low[corner] != high[corner]))
    places = where[:, mixed]
    best = np.zeros(len(mixed), dtype=np.float32)
    total, winner = np.zeros_like(best), np.zeros(len(mixed), dtype=np.uint8)
    for code in codes:
        share = ndimage.map_coordinates((known == code).astype(np.float32), places, order=1)
        total += share
        ahead = share > best
        best[ahead] = share[ahead]
        winner[ahead] = code
    winner[best <= 1 - total] = 0
    found[mixed] = winner
    return found


def places_in_template(
    voxels: NDArray[np.int64],
    fixed: Affine,
    moving: Affine,
    affine: Affine,
    displacement: NDArray[np.float32],
    grid: Affine,
) -> NDArray[np.float64]:
    """Where voxels of a scan lie in the template: fractional voxel indices, (3, n).

    Args:
        voxels: indices in the scan, (n, 3).
        fixed: voxel index of the scan → RAS+ mm.
        moving: voxel index of the template → RAS+ mm.
        affine: 4×4, displaced world of the scan → world of the template.
        displacement: (x, y, z, 3) mm RAS+, added to a point of the scan first.
        grid: 4×4, voxel index of `displacement` → world of the scan.
    """
    world = voxels @ fixed[:3, :3].T + fixed[:3, 3]
    to_field = np.linalg.inv(grid)
    at = (world @ to_field[:3, :3].T + to_field[:3, 3]).T
    for axis in range(3):
        world[:, axis] += ndimage.map_coordinates(displacement[..., axis], at, order=1, mode="nearest")
    to_template = np.linalg.inv(moving) @ affine
    return (world @ to_template[:3, :3].T + to_template[:3, 3]).T


def fit_labels(carried: NDArray[np.uint8], inside: Mask, hull: Mask, csf: Mask) -> NDArray[np.uint8]:
    """Carried labels, extended to the hull of the brain and cut back from its ventricles and cisterns.

    Args:
        carried: region codes at 1 mm.
        inside: the inside of the skull.
        hull: from `brain_tissue`.
        csf: from `brain_tissue`.

    Returns:
        uint8, 0 outside the hull, in the ventricles and in the basal cisterns.
    """
    empty = carried == 0
    distance, nearest = ndimage.distance_transform_edt(empty, return_indices=True)
    deep = empty & (ndimage.distance_transform_edt(inside) > _DEEP_MM)
    ventricles = csf & (ndimage.distance_transform_edt(~deep) <= _VENTRICLE_REACH_MM) if deep.any() else deep
    wanted = hull & ~ventricles & (distance <= _REACH_MM)
    return np.where(wanted, carried[tuple(nearest)], 0).astype(np.uint8)
