"""Mean CT number of a region: shows a wrong rescale, contrast medium, oedema or a mask that took in bone."""

from collections.abc import Sequence

import numpy as np

from ctworkbench.core.volume import Volume

UNIT = "HU"
NEEDS_IMAGE = True


def compute(labels: Volume, image: Volume | None, code: int) -> float:
    """Mean HU of the voxels that carry `code`; NaN where there are none, or where no image is given.

    Args:
        labels: integer label map, axes (x, y, z).
        image: HU on the same grid, not equalized, windowed or smoothed.
        code: the region's value in the label map, 1 to 255.
    """
    return compute_all(labels, image, [code])[code]


def compute_all(labels: Volume, image: Volume | None, codes: Sequence[int]) -> dict[int, float]:
    """`compute` for many codes in one pass over the voxels."""
    counts, sums = np.zeros(256, dtype=np.int64), np.zeros(256)
    if image is not None:
        for k in range(labels.voxels.shape[2]):
            plane = labels.voxels[:, :, k]
            inside = plane > 0
            if inside.any():
                found = plane[inside]
                counts += np.bincount(found, minlength=256)
                sums += np.bincount(found, weights=image.voxels[:, :, k][inside], minlength=256)
    return {code: float(sums[code] / counts[code]) if counts[code] else float("nan") for code in codes}
