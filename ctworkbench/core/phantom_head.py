"""Whole heads that phantoms are made from: tissue map and regions of one adult, read and put in one frame.

The heads are SynthSeg's training label maps (Billot et al., Med. Image Anal. 2023; Apache-2.0), 1 mm, with FreeSurfer
codes inside the skull and further codes outside it; eight are shipped under `resources/heads`.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.volume import Volume, read_nifti

CSF_OUTSIDE = 24
VENTRICLES = (4, 5, 14, 15, 43, 44, 72)
WHITE = (2, 7, 25, 28, 41, 46, 57, 60, 77, 85)
CORTEX = (3, 8, 17, 18, 42, 47, 53, 54)
DEEP_GREY = (10, 11, 12, 13, 26, 49, 50, 51, 52, 58, 136, 137, 163, 164)
BRAINSTEM = 16
VESSELS = (30, 62)
SINUS = 514
BONE = (515, 516)
BRAIN = (*WHITE, *CORTEX, *DEEP_GREY, BRAINSTEM)
REGIONS = 10
VENTRICLE_REGION = 11
_LARGEST_CODE = 1023
_PAD = 6
_FLUID_SHARE = 0.03
_MOST_LAYERS = 3


class PhantomError(WorkbenchError):
    """A phantom that cannot be made as asked."""


@dataclass(frozen=True, eq=False)
class Head:
    """One adult head.

    Attributes:
        name: such as "head_03".
        tissue: int16 codes of `codes.csv`, axes (x, y, z) in RAS+, air on five sides, the neck cut at the bottom.
        labels: uint8, the same shape: the ten regions of the scheme lobes10, 0 elsewhere.
        spacing: voxel size in mm along (x, y, z).
    """

    name: str
    tissue: NDArray[np.int16]
    labels: NDArray[np.uint8]
    spacing: NDArray[np.float64]

    @cached_property
    def centre(self) -> NDArray[np.float64]:
        """Voxel coordinates of the middle of the brain's bounding box."""
        low, high = self.brain_box
        return (low + high) / 2

    @cached_property
    def brain_box(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """First and last voxel of the ten regions along each axis."""
        return _box(self.labels > 0)

    def above_base(self, y: NDArray[np.float32], z: NDArray[np.float32]) -> NDArray[np.float32]:
        """Height in mm of voxel coordinates y and z above a plane that parts the vault from base and face.

        The plane runs from above the orbits to below the occipital squama and is level from side to side.
        """
        low, high = self.brain_box
        front = self.labels[:, int(high[1] - 0.12 * (high[1] - low[1])) :, :] > 0
        height_front = float(np.flatnonzero(front.any(axis=(0, 1)))[0]) + 8 / self.spacing[2]
        height_back = low[2] + 12 / self.spacing[2]
        forward = (y - np.float32(low[1])) / np.float32(high[1] - low[1])
        plane = np.float32(height_back) + np.clip(forward, 0, 1.1) * np.float32(height_front - height_back)
        return np.asarray((z - plane) * np.float32(self.spacing[2]), dtype=np.float32)

    def is_tissue(self, codes: tuple[int, ...]) -> NDArray[np.bool_]:
        """Mask of some tissue codes."""
        table = np.zeros(_LARGEST_CODE + 1, dtype=bool)
        table[list(codes)] = True
        return table[self.tissue]


def list_heads(folder: Path) -> list[Path]:
    """The tissue maps `head_NN_tissue.nii.gz` of a folder, sorted, each with its `head_NN_labels10.nii.gz` beside it.

    Raises:
        PhantomError: no such folder, no heads in it, or a tissue map without its regions.
    """
    remedy = "Give a folder that holds head_NN_tissue.nii.gz with head_NN_labels10.nii.gz, or leave it out."
    if not folder.is_dir():
        raise PhantomError(f"There is no folder of heads {folder}.", remedy)
    found = sorted(folder.glob("*_tissue.nii.gz"))
    if not found:
        raise PhantomError(f"The folder {folder} holds no head (*_tissue.nii.gz).", remedy)
    for path in found:
        if not labels_beside(path).exists():
            raise PhantomError(f"{path.name} has no {labels_beside(path).name} beside it in {folder}.", remedy)
    return found


def labels_beside(tissue: Path) -> Path:
    """Where the regions of a tissue map lie."""
    return tissue.with_name(tissue.name.replace("_tissue.nii.gz", "_labels10.nii.gz"))


def read_head(tissue: Path) -> Head:
    """Read one head, cut it below the brain and surround it with air.

    Raises:
        PhantomError: the two files do not belong together, or hold other codes than they should.
        VolumeError: a file that cannot be read.
    """
    codes = read_nifti(tissue).oriented("RAS")
    regions = read_nifti(labels_beside(tissue)).oriented("RAS")
    _check(codes, regions, tissue.name)
    voxels, labels = codes.voxels.astype(np.int16), regions.voxels.astype(np.uint8)
    spacing = np.array(codes.spacing)
    low, _ = _box(labels > 0)
    bottom = max(0, int(low[2] - 25 / spacing[2]))
    pad = ((_PAD, _PAD), (_PAD, _PAD), (0, _PAD))  # the cut neck goes on downwards, there is no air below it
    voxels, labels = voxels[:, :, bottom:], labels[:, :, bottom:]
    voxels, labels = _fill_fissures(voxels, labels)
    return Head(
        name=tissue.name.removesuffix("_tissue.nii.gz"),
        tissue=np.pad(voxels, pad),
        labels=np.pad(labels, pad),
        spacing=spacing,
    )


def _fill_fissures(tissue: NDArray[np.int16], labels: NDArray[np.uint8]) -> tuple[NDArray[np.int16], NDArray[np.uint8]]:
    """Let the brain grow into wide cisterns and fissures, tissue and regions alike, until a child's share is left.

    Layer by layer, each a voxel thick; a voxel between two regions stays fluid, so that fissures do not close.
    """
    fluid = (tissue == CSF_OUTSIDE) & (labels == 0)
    tissue, labels = tissue.copy(), labels.copy()
    within = _hull(labels > 0) & fluid
    for _ in range(_MOST_LAYERS):
        if np.count_nonzero(within) <= _FLUID_SHARE * np.count_nonzero(labels):
            break
        highest = ndimage.grey_dilation(labels, footprint=ndimage.generate_binary_structure(3, 1))
        turned = np.where(labels > 0, 255 - labels, 0).astype(np.uint8)
        lowest = 255 - ndimage.grey_dilation(turned, footprint=ndimage.generate_binary_structure(3, 1))
        grown = within & (highest > 0) & (highest == lowest)
        labels[grown] = highest[grown]
        tissue[grown] = np.where(highest[grown] == 9, 8, np.where(highest[grown] == 10, BRAINSTEM, 3))
        within &= ~grown
    return tissue, labels


def _hull(mask: NDArray[np.bool_], every: int = 3, radius: float = 4.0) -> NDArray[np.bool_]:
    """A mask with its sulci and fissures, closed by a ball on every third voxel (`radius` in those)."""
    outside = ndimage.distance_transform_edt(~mask[::every, ::every, ::every])
    coarse = ndimage.distance_transform_edt(outside <= radius) > radius
    x, y, z = (np.arange(n) // every for n in mask.shape)
    return coarse[np.ix_(x, y, z)]


def _check(codes: Volume, regions: Volume, name: str) -> None:
    """Refuse files that are not a tissue map and the regions of the same head."""
    remedy = "Give heads as those shipped: FreeSurfer tissue codes, and the ten regions 1 to 10 on the same grid."
    if not codes.grid.matches(regions.grid):
        raise PhantomError(f"{name} and its regions lie on different grids.", remedy)
    for volume, what, most in ((codes, "tissue code", _LARGEST_CODE), (regions, "region", REGIONS)):
        low, high = int(volume.voxels.min()), int(volume.voxels.max())
        if low < 0 or high > most:
            raise PhantomError(f"{name} holds the {what} {low if low < 0 else high}.", remedy)
    missing = sorted(set(range(1, REGIONS + 1)) - set(np.unique(regions.voxels).tolist()))
    if missing:
        raise PhantomError(f"{name} has no voxels of region {', '.join(map(str, missing))}.", remedy)
    present = np.zeros(_LARGEST_CODE + 1, dtype=bool)
    present[np.unique(codes.voxels)] = True
    if not present[list(BONE)].any() or not present[list(BRAIN)].any():
        raise PhantomError(f"{name} is not a whole head: it lacks bone or brain.", remedy)


def _box(mask: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """First and last index of a mask along each axis."""
    ends = [np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))[[0, -1]] for axis in range(3)]
    return np.array([e[0] for e in ends], dtype=float), np.array([e[1] for e in ends], dtype=float)


def region_at(labels: NDArray[np.uint8], voxels: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Region with the greatest linear weight among the eight voxels around each point (3, n); smooth borders.

    Equal to interpolating each region's mask linearly and taking the largest.
    """
    shape = np.array(labels.shape)
    base = np.floor(voxels).astype(np.int32)
    part = voxels - base
    n = voxels.shape[1]
    votes = np.zeros(n * (REGIONS + 1), dtype=np.float32)
    row = np.arange(n, dtype=np.int64) * (REGIONS + 1)
    for corner in np.ndindex(2, 2, 2):
        at = [np.clip(base[k] + corner[k], 0, shape[k] - 1) for k in range(3)]
        x, y, z = (part[k] if corner[k] else 1 - part[k] for k in range(3))
        votes[row + labels[at[0], at[1], at[2]]] += x * y * z
    return votes.reshape(n, REGIONS + 1).argmax(axis=1).astype(np.uint8)
