"""Skull and brain masks of a head CT, from HU alone, before anything is equalized.

The inside of the skull is found by what surrounds it: from a voxel inside nearly every ray runs into bone, while from
the orbits, the nose, the scalp and the neck many run out into the open. Unlike a threshold with morphology, that holds
for open sutures and a fontanelle (they are a small part of the sky), for a thin vault, and for a head in any pose. The
search runs on 2-mm blocks; bone is taken as the brightest voxel of a block, so that a thin vault is not averaged away.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.volume import Volume

BRAIN_WINDOW = (0.0, 80.0)
"""HU between which brain, blood and CSF lie."""

_BONE_HU = 170.0
_SKULL_HU = 220.0
_TISSUE_HU = (-25.0, 110.0)
_BRAIN_HU, _AIR_BELOW_HU, _CLEAN_BELOW_HU = 35.0, -80.0, 130.0
_EDGE_MM = 2
_BLOCK = 2
_MIN_BRAIN_CM3 = 250.0
_MAX_BRAIN_CM3 = 2300.0

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class HeadMasks:
    """Masks on the 1-mm grid they were made from, axes (x, y, z).

    Attributes:
        brain: inside of the skull (brain, CSF, vessels) down to the foramen magnum, without its last millimetre, whose
            HU are mixed with bone: where HU tell tissues apart.
        inside: the same out to the edge of the bone: what an intracranial volume counts.
        skull: bone of the head.
        open_fraction: part of the brain's surroundings that is not bone; large for open sutures or a cut-off scan.
    """

    brain: Mask
    inside: Mask
    skull: Mask
    open_fraction: float


def head_masks(image: Volume, name: str) -> HeadMasks:
    """Skull and brain masks of a head CT.

    Args:
        image: HU on a 1-mm isotropic grid; any pose.
        name: what the scan is called in messages.

    Raises:
        WorkbenchError: no brain of a possible size is in view.
    """
    hu = image.voxels
    padded, shape = _pad_to_blocks(hu)
    mean = _blocks(padded.astype(np.float32)).mean((1, 3, 5))
    brightest = _blocks(padded).max((1, 3, 5))
    head = _head(mean)
    bone = (brightest > _BONE_HU) & head
    if bone.sum() * _BLOCK**3 < 30_000:
        raise WorkbenchError(
            f"{name} shows no skull: less than 30 cm³ of bone was found.",
            "Check that it is a CT of the head in Hounsfield units.",
        )
    walls = ndimage.binary_closing(np.pad(bone, 4), _ball(3))[4:-4, 4:-4, 4:-4] | bone
    enclosed = _enclosure(walls)
    soft = ndimage.uniform_filter(mean, 3)
    tissue = head & ~bone & (soft > _TISSUE_HU[0]) & (mean > _TISSUE_HU[0]) & (mean < _TISSUE_HU[1])
    coarse = _inside(tissue, enclosed)
    cm3 = coarse.sum() * _BLOCK**3 / 1000
    if not _MIN_BRAIN_CM3 < cm3 < _MAX_BRAIN_CM3:
        raise WorkbenchError(
            f"{name} shows no whole brain: {cm3:.0f} cm³ of tissue lie enclosed by bone.",
            "Import a head CT that covers the brain from the vertex to the foramen magnum.",
        )
    smooth = ndimage.gaussian_filter(hu.astype(np.float32), 0.6)
    brain = _refine(coarse, smooth)
    inside = _out_to_bone(brain, smooth)
    skull = _unblock(ndimage.binary_dilation(head, _ball(1)), shape) & (hu > _SKULL_HU)
    rim = ndimage.binary_dilation(coarse, _ball(2)) & ~ndimage.binary_dilation(coarse, _ball(1))
    return HeadMasks(brain, inside, skull, float(1 - ndimage.binary_dilation(bone, _ball(1))[rim].mean()))


def _head(mean: NDArray[np.float32]) -> Mask:
    """The largest body, without table and head holder: they are thin, or stand apart."""
    body = mean > -250
    core = _largest(_erode(body, 3))
    if not core.any():
        return core
    grown = _dilate(core, 4) & body
    return ndimage.binary_fill_holes(grown)  # sinuses and airways count as head


def _enclosure(walls: Mask) -> NDArray[np.float32]:
    """Part of 26 directions in which a ray from the voxel meets a wall, 0 to 1, weighted by solid angle.

    A ray in a direction has met a wall at a voxel if the next voxel is a wall or has met one: one sweep per direction.
    """
    met_sum = np.zeros(walls.shape, dtype=np.float32)
    total = 0.0
    steps = [(i, j, k) for i in (-1, 0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1) if (i, j, k) != (0, 0, 0)]
    for step in steps:
        axis = next(a for a in (2, 1, 0) if step[a])
        moved_walls = np.moveaxis(walls, axis, 0)
        met = np.zeros(moved_walls.shape, dtype=bool)
        across = [step[a] for a in range(3) if a != axis]
        count = len(met)
        order = range(count - 2, -1, -1) if step[axis] > 0 else range(1, count)
        for index in order:
            behind = index + step[axis]
            _shift_into(met[index], moved_walls[behind] | met[behind], across)
        weight = 1.0 / np.linalg.norm(step) ** 0.5
        met_sum += weight * np.moveaxis(met, 0, axis)
        total += weight
    return met_sum / np.float32(total)


def _shift_into(target: Mask, plane: Mask, step: list[int]) -> None:
    """`target[i, j] = plane[i + di, j + dj]`, False where that lies outside."""
    (di, dj), (n, m) = step, plane.shape
    target[max(0, -di) : n - max(0, di), max(0, -dj) : m - max(0, dj)] = plane[
        max(0, di) : n - max(0, -di), max(0, dj) : m - max(0, -dj)
    ]


def _inside(tissue: Mask, enclosed: NDArray[np.float32]) -> Mask:
    """The tissue enclosed by the skull, in 2-mm blocks."""
    core = _largest(_erode(tissue & (enclosed > 0.86), 3))
    grown = _dilate(core, 4) & tissue & (enclosed > 0.72)
    inside = _largest(grown)
    closed = _erode(_dilate(np.pad(inside, 8), 5), 5)[8:-8, 8:-8, 8:-8]  # under a fontanelle, and over noise
    inside |= closed & tissue
    body = _dilate(_erode(np.pad(inside, 12), 7), 12)[12:-12, 12:-12, 12:-12]
    inside &= body  # the spinal canal is a tube of under 28 mm: 10 mm of it are left below the wide posterior fossa
    return ndimage.binary_fill_holes(inside)


def _refine(coarse: Mask, smooth: NDArray[np.float32]) -> Mask:
    """The mask at 1 mm: the coarse one with a smooth border, held back by bone, holes filled."""
    soft = ndimage.gaussian_filter(np.pad(coarse, 1).astype(np.float32), 0.6)
    share = ndimage.zoom(soft, _BLOCK, order=1, mode="nearest", grid_mode=True)  # edges of blocks on edges of voxels
    inner = tuple(slice(_BLOCK, _BLOCK + n) for n in smooth.shape)
    brain = _largest((share[inner] > 0.35) & (smooth < _CLEAN_BELOW_HU) & (smooth > _AIR_BELOW_HU))
    return _without_holes(brain)


def _out_to_bone(brain: Mask, smooth: NDArray[np.float32]) -> Mask:
    """The mask carried on, by 2 mm at most and only where bone is near, to the edge of the bone.

    That edge lies where HU are half way between the brain's and those of the bone behind, however blurred it is and
    however thin the vault; a fixed threshold leaves 4 % of the volume out.
    """
    box = tuple(
        slice(max(0, s.start - 2 * _EDGE_MM), s.stop + 2 * _EDGE_MM)
        for s in ndimage.find_objects(brain.astype(np.uint8))[0]
    )
    inside, hu = brain[box], smooth[box]
    behind = ndimage.maximum_filter(hu, 2 * _EDGE_MM + 1)
    near = (behind > _SKULL_HU) & (hu > _AIR_BELOW_HU)
    inside = inside | ndimage.binary_dilation(inside) & near & (hu < _CLEAN_BELOW_HU)
    inside |= ndimage.binary_dilation(inside) & near & (hu < (behind + _BRAIN_HU) / 2)
    whole = np.zeros_like(brain)
    whole[box] = inside
    return _without_holes(whole)


def _without_holes(mask: Mask) -> Mask:
    """A mask with what it encloses."""
    box = ndimage.find_objects(mask.astype(np.uint8))[0]
    filled = mask.copy()
    filled[box] = ndimage.binary_fill_holes(mask[box])
    return filled


def _pad_to_blocks(hu: NDArray) -> tuple[NDArray, tuple[int, ...]]:
    """The array with its size brought up to whole blocks, and its size before."""
    return np.pad(hu, [(0, -n % _BLOCK) for n in hu.shape], mode="edge"), hu.shape


def _blocks(voxels: NDArray) -> NDArray:
    """View as (x, block, y, block, z, block)."""
    x, y, z = (n // _BLOCK for n in voxels.shape)
    return voxels.reshape(x, _BLOCK, y, _BLOCK, z, _BLOCK)


def _unblock(mask: Mask, shape: tuple[int, ...]) -> Mask:
    """A mask of blocks on the 1-mm grid."""
    fine = mask.repeat(_BLOCK, 0).repeat(_BLOCK, 1).repeat(_BLOCK, 2)
    return fine[: shape[0], : shape[1], : shape[2]]


def _ball(radius: int) -> Mask:
    x, y, z = np.ogrid[-radius : radius + 1, -radius : radius + 1, -radius : radius + 1]
    return x**2 + y**2 + z**2 <= (radius + 0.3) ** 2


def _erode(mask: Mask, radius: float) -> Mask:
    """Erosion by a ball through the distance map; the border of the array does not erode."""
    return ndimage.distance_transform_edt(mask) > radius if mask.any() else mask


def _dilate(mask: Mask, radius: float) -> Mask:
    return ndimage.distance_transform_edt(~mask) <= radius if mask.any() else mask


def _largest(mask: Mask) -> Mask:
    """The largest piece (6 neighbours, so that single corners do not connect)."""
    pieces, count = ndimage.label(mask)
    if count == 0:
        return mask
    return pieces == np.bincount(pieces.ravel())[1:].argmax() + 1
