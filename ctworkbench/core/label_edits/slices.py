"""A region carried from slice to slice: interpolated between drawn slices, or copied from the one beside."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.label_edits.drawing import ANYTHING, Change, Drawing, Limits, Mask, reshaped, slice_of


def interpolate(
    drawing: Drawing, code: int, axis: int, drawn: Sequence[int] = (), limits: Limits = ANYTHING
) -> Change | None:
    """Fill a region in between drawn slices by its shape; None if there is no gap or nothing changes.

    Signed distances to the outlines of two drawn slices are mixed by the place between them (Raya and Udupa, IEEE
    Trans. Med. Imaging 1990; 9:32–42). Outlines that do not overlap are first laid upon each other, and carried along
    the line from one to the other.

    Args:
        drawing: what is drawn so far.
        code: the region.
        axis: array axis that the slices lie along.
        drawn: slices that stand as they are; the region is made anew in between. By default those slices that hold the
            region stand, and only empty ones between them are filled.
        limits: which voxels may be changed.

    Raises:
        WorkbenchError: the region is in fewer than two slices.
    """
    drawing.needs(code)
    box = drawing.box_of([code])
    assert box is not None  # it has voxels
    own: Mask = drawing.labels[box] == code
    region = np.moveaxis(own, axis, 0)
    first = box[axis].start
    holds = [bool(plane.any()) for plane in region]
    keys = sorted({index - first for index in drawn if first <= index < box[axis].stop and holds[index - first]})
    if len(keys) < 2:
        keys = [int(index) for index in np.flatnonzero(holds)]
    if len(keys) < 2:
        raise WorkbenchError(
            f"{drawing.region(code).title} is drawn in one slice only.", "Draw it in another slice of this view too."
        )
    spacing = [length for number, length in enumerate(drawing.spacing) if number != axis]
    wanted = region.copy()
    for low, high in pairwise(keys):
        if high - low > 1:
            wanted[low + 1 : high] = between(region[low], region[high], high - low, spacing)
    return reshaped(drawing, code, box, np.moveaxis(wanted, 0, axis), limits)


def copy_slice(
    drawing: Drawing, code: int, axis: int, index: int, step: int, limits: Limits = ANYTHING
) -> Change | None:
    """Give a region in one slice the shape that it has in a slice beside it; None if it has that already.

    Args:
        drawing: what is drawn so far.
        code: the region.
        axis: array axis that the slices lie along.
        index: the slice that is changed.
        step: where the other lies from there, such as 1 or −1.
        limits: which voxels may be changed.

    Raises:
        WorkbenchError: there is no such slice, or it does not hold the region.
    """
    source = index + step
    title = drawing.region(code).title
    if not 0 <= source < drawing.labels.shape[axis]:
        raise WorkbenchError("There is no slice on that side: this is the last one.")
    x, y, z = (slice(0, size) for size in drawing.labels.shape)
    other = drawing.labels[slice_of((x, y, z), axis, source)] == code
    if not other.any():
        raise WorkbenchError(f"The slice beside this one holds no {title.lower()}.", "Draw it there first.")
    return reshaped(drawing, code, slice_of((x, y, z), axis, index), other, limits)


def between(low: Mask, high: Mask, steps: int, spacing: Sequence[float]) -> Mask:
    """The outlines between two slices that lie `steps` apart, (steps − 1, rows, columns); spacing in mm."""
    apart = np.zeros(2)
    if not (low & high).any():
        apart = np.array(ndimage.center_of_mass(high)) - np.array(ndimage.center_of_mass(low))
    near, far = signed_distance(low, spacing), signed_distance(high, spacing)
    made = np.empty((steps - 1, *low.shape), dtype=bool)
    for step in range(1, steps):
        share = step / steps
        one, two = near, far
        if apart.any():
            one, two = _moved(near, apart * share), _moved(far, -apart * (1 - share))
        made[step - 1] = (1 - share) * one + share * two > 0
    return made


def signed_distance(mask: Mask, spacing: Sequence[float]) -> NDArray[np.float32]:
    """Distance of each voxel to the outline of a mask in mm, positive inside; the mask is neither full nor empty.

    Both sides are taken half a voxel back, so that the outline lies between voxels and not on them.
    """
    half = min(spacing) / 2
    padded = np.pad(mask, 1)
    inside = ndimage.distance_transform_edt(padded, spacing)[tuple(slice(1, -1) for _ in spacing)]
    outside = ndimage.distance_transform_edt(~mask, spacing)
    return np.where(mask, inside - half, half - outside).astype(np.float32)


def _moved(distance: NDArray[np.float32], by: NDArray[np.float64]) -> NDArray[np.float32]:
    return ndimage.shift(distance, by, order=1, mode="nearest")
