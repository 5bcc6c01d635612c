"""What lies at a place of a scan, in one line for people."""

import numpy as np
from numpy.typing import NDArray

from ctworkbench.core.schemes import Scheme
from ctworkbench.core.volume import Volume
from ctworkbench.ui.plane import for_display


def describe(image: Volume, labels: NDArray[np.uint8], scheme: Scheme, index: tuple[int, int, int]) -> str:
    """Patient position in mm, HU and region at an index of the displayed (z, y, x) array; "" outside it.

    Args:
        image: HU, axes (x, y, z), RAS.
        labels: region codes on the same grid.
        scheme: what the codes mean.
        index: array index as displayed: running superior, posterior, left.
    """
    shown = for_display(image.voxels)
    if not all(0 <= value < size for value, size in zip(index, shown.shape, strict=True)):
        return ""
    voxel = (shown.shape[2] - 1 - index[2], shown.shape[1] - 1 - index[1], index[0])
    world = image.affine @ np.array([*voxel, 1.0])
    directions = [
        f"{letters[0] if value >= 0 else letters[1]} {abs(value):.1f}"
        for value, letters in zip(world[:3], ("RL", "AP", "SI"), strict=True)
    ]
    code = int(for_display(labels)[index])
    title = next((region.title for region in scheme.regions if region.code == code), f"code {code}")
    return f"{'  '.join(directions)} mm    {shown[index]:.0f} HU    {title if code else 'no region'}"


def place_along(image: Volume, axis: int, index: int) -> str:
    """Where the middle of a slice lies along its own direction, such as "S 12.5", in mm from the scanner's origin.

    Args:
        image: axes (x, y, z), RAS.
        axis: of the displayed (z, y, x) array that the slice is cut across.
        index: of the slice.
    """
    middle = [(size - 1) / 2 for size in image.voxels.shape]
    # the displayed array runs superior, posterior, left
    middle[2 - axis] = index if axis == 0 else image.voxels.shape[2 - axis] - 1 - index
    value = float((image.affine @ np.array([*middle, 1.0]))[2 - axis])
    letters = ("RL", "AP", "SI")[2 - axis]
    return f"{letters[0] if value >= 0 else letters[1]} {abs(value):.1f}"
