"""What differs between two label maps of one scan: region by region, and slice by slice."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ctworkbench.core.errors import VolumeError


@dataclass(frozen=True)
class RegionChange:
    """One region in two label maps.

    Attributes:
        code: of the region.
        before_cm3, after_cm3: its volumes.
        dice: overlap of the two (Dice 1945); NaN where it is in neither.
        gained, lost: voxels that only the second, or only the first, gives to it.
    """

    code: int
    before_cm3: float
    after_cm3: float
    dice: float
    gained: int
    lost: int

    @property
    def change_cm3(self) -> float:
        """Volume of the second less that of the first."""
        return self.after_cm3 - self.before_cm3

    @property
    def changed(self) -> int:
        """Voxels that one of them alone gives to the region."""
        return self.gained + self.lost


def region_changes(
    before: NDArray[np.uint8], after: NDArray[np.uint8], codes: Sequence[int], voxel_mm3: float
) -> list[RegionChange]:
    """Volume, overlap and changed voxels of every region, in the order of `codes`.

    Args:
        before: region codes, axes in any order.
        after: region codes of the same shape.
        codes: the regions.
        voxel_mm3: volume of a voxel.

    Raises:
        VolumeError: the shapes differ.
    """
    _same(before, after)
    table = np.zeros((256, 256), np.int64)
    for a, b in zip(before, after, strict=True):  # plane by plane: most are empty, and the rest fit the cache
        if a.any() or b.any():
            pairs = a.ravel().astype(np.uint16) * np.uint16(256) + b.ravel()
            table += np.bincount(pairs, minlength=65536).reshape(256, 256)
    first, second, both = table.sum(1), table.sum(0), np.diagonal(table)
    found: list[RegionChange] = []
    for code in codes:
        one, other, shared = int(first[code]), int(second[code]), int(both[code])
        dice = 2 * shared / (one + other) if one + other else float("nan")
        volumes = one * voxel_mm3 / 1000, other * voxel_mm3 / 1000
        found.append(RegionChange(code, *volumes, dice, other - shared, one - shared))
    return found


def changed_in_slices(before: NDArray[np.uint8], after: NDArray[np.uint8], axis: int) -> NDArray[np.int64]:
    """Number of voxels that differ in each slice along an axis.

    Raises:
        VolumeError: the shapes differ.
    """
    _same(before, after)
    sums = np.zeros(before.shape[axis], np.int64)
    for number, (a, b) in enumerate(zip(before, after, strict=True)):
        differs = a != b
        if axis == 0:
            sums[number] = np.count_nonzero(differs)
        elif differs.any():
            sums += differs.sum(axis=2 - axis)
    return sums


def next_changed(changed: NDArray[np.int64], start: int, forward: bool) -> int | None:
    """The next slice after `start` in which something differs, around the end if need be; None if none does."""
    order = np.arange(1, len(changed) + 1) if forward else -np.arange(1, len(changed) + 1)
    places = (start + order) % len(changed)
    hits = places[changed[places] > 0]
    return int(hits[0]) if len(hits) else None


def _same(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> None:
    if before.shape != after.shape:
        raise VolumeError(
            f"Label maps of shapes {before.shape} and {after.shape} cannot be compared.", "Bring them to one grid."
        )
