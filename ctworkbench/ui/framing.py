"""Where a scan is opened and how far it is zoomed: at the middle of the brain, filled by the head."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ctworkbench.core.volume import Volume
from ctworkbench.ui.plane import for_display

Index = tuple[int, int, int]

# Scalp and fat lie above it, air and the foam of most head rests below.
_HEAD_HU = -200
_COARSE_MM = 4.0
_MARGIN_MM = 8.0


@dataclass(frozen=True)
class Frame:
    """What is shown at first, in indices of the displayed (z, y, x) array.

    Attributes:
        centre: where the crosshair is put.
        low: first corner of the box that fills the views.
        high: corner beyond the last voxel of that box.
    """

    centre: Index
    low: Index
    high: Index


def frame_of(image: Volume, labels: NDArray[np.uint8]) -> Frame:
    """The frame of a scan: around its largest connected part that is not air, centred on the labels if there are any.

    Args:
        image: HU, axes (x, y, z), RAS.
        labels: region codes on the same grid.
    """
    from scipy import ndimage

    shown, codes = for_display(image.voxels), for_display(labels)
    spacing = image.spacing[::-1]
    step = tuple(max(1, round(_COARSE_MM / length)) for length in spacing)
    coarse = tuple(slice(None, None, number) for number in step)
    # Opened, so that the thin shell of a head rest does not count as head.
    parts, count = ndimage.label(ndimage.binary_opening(shown[coarse] > _HEAD_HU))
    low, high = [0, 0, 0], list(shown.shape)
    middle = [size / 2 for size in shown.shape]
    if count:
        sizes = np.bincount(parts.ravel())[1:]
        head = parts == 1 + int(np.argmax(sizes))
        found = np.argwhere(head)
        middle = [float(value) * number for value, number in zip(found.mean(axis=0), step, strict=True)]
        for axis in range(3):
            margin = round(_MARGIN_MM / spacing[axis])
            low[axis] = max(0, int(found[:, axis].min()) * step[axis] - margin)
            high[axis] = min(shown.shape[axis], (int(found[:, axis].max()) + 1) * step[axis] + margin)
    brain = np.argwhere(codes[coarse] > 0)
    if len(brain):
        middle = [float(value) * number for value, number in zip(brain.mean(axis=0), step, strict=True)]
    centre = tuple(min(size - 1, round(value)) for value, size in zip(middle, shown.shape, strict=True))
    return Frame((centre[0], centre[1], centre[2]), (low[0], low[1], low[2]), (high[0], high[1], high[2]))


def middle_of(labels: NDArray[np.uint8], code: int) -> Index | None:
    """The middle of a region on its largest axial slice; None if it has no voxels.

    Args:
        labels: region codes of the displayed (z, y, x) array.
        code: of the region.
    """
    areas = [int(np.count_nonzero(plane == code)) for plane in labels]
    z = int(np.argmax(areas))
    if not areas[z]:
        return None
    points = np.argwhere(labels[z] == code)
    # A curved region does not hold its own centroid: the nearest voxel of the region does for it.
    y, x = points[np.argmin(((points - points.mean(axis=0)) ** 2).sum(axis=1))]
    return (z, int(y), int(x))
