"""Volume of a region, in patient space."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ctworkbench.core.volume import Volume

UNIT = "cm³"


def compute(labels: Volume, image: Volume | None, code: int) -> float:
    """Volume of the voxels that carry `code`, in cm³: their number × |det(affine)| / 1000; 0 where there are none.

    Args:
        labels: integer label map, axes (x, y, z), on the scan's own grid, never on a resampled one.
        image: not needed.
        code: the region's value in the label map, 1 to 255.
    """
    return compute_all(labels, image, [code])[code]


def compute_all(labels: Volume, image: Volume | None, codes: Sequence[int]) -> dict[int, float]:
    """`compute` for many codes in one pass over the voxels."""
    counts = count(labels)
    voxel_cm3 = labels.grid.voxel_volume_mm3 / 1000.0
    return {code: float(counts[code]) * voxel_cm3 for code in codes}


def count(labels: Volume) -> NDArray[np.int64]:
    """Number of voxels of each code: int64 (256,). Slice by slice, since `bincount` widens its input."""
    counts = np.zeros(256, dtype=np.int64)
    for k in range(labels.voxels.shape[2]):
        plane = labels.voxels[:, :, k]
        if plane.any():
            counts += np.bincount(plane.ravel(order="K"), minlength=256)
        else:
            counts[0] += plane.size
    return counts
