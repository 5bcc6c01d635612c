"""How two label maps of one scan agree, counted once for Dice and volumes alike."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ctworkbench.core.errors import VolumeError


def overlap_counts(one: NDArray, other: NDArray, codes: Mapping[str, int]) -> dict[str, list[int]]:
    """Voxels of each region in the first label map, in the other, and in both.

    Args:
        one: uint8 label map.
        other: uint8 label map of the same shape, on the same grid.
        codes: name → code of each region.

    Raises:
        VolumeError: the shapes differ.
    """
    if one.shape != other.shape:
        raise VolumeError(
            f"Label maps of shapes {one.shape} and {other.shape} cannot be compared.", "Bring them to one grid."
        )
    pairs = one.astype(np.uint16) * np.uint16(256)
    pairs += other
    counts = np.bincount(pairs.ravel(order="K"), minlength=65536).reshape(256, 256)
    in_one, in_other, in_both = counts.sum(1), counts.sum(0), np.diagonal(counts)
    return {name: [int(in_one[code]), int(in_other[code]), int(in_both[code])] for name, code in codes.items()}
