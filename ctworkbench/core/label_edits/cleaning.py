"""Islands and holes of one region."""

import numpy as np
from scipy import ndimage

from ctworkbench.core.label_edits.drawing import (
    ANYTHING,
    UNLABELLED,
    Change,
    Drawing,
    Limits,
    Mask,
    changed,
    reshaped,
    slice_of,
)

_TOUCHING = np.ones((3, 3, 3), dtype=bool)


def remove_islands(
    drawing: Drawing, code: int, smaller_than_mm3: float | None = None, limits: Limits = ANYTHING
) -> Change | None:
    """Remove the pieces of a region that hang together with nothing (3D, 26 neighbours); None if there are none.

    An island takes the code that most of the voxels around it have, which may be none.

    Args:
        drawing: what is drawn so far.
        code: the region.
        smaller_than_mm3: remove the pieces below this volume; by default all but the largest piece. The largest stays.
        limits: of these the HU window holds.

    Raises:
        WorkbenchError: the region has no voxels.
    """
    drawing.needs(code)
    box = drawing.box_of([code], max(drawing.spacing))
    assert box is not None  # it has voxels
    labels = drawing.labels[box]
    pieces, count = ndimage.label(labels == code, structure=_TOUCHING)
    if count < 2:
        return None
    sizes = np.bincount(pieces.ravel())[1:]
    small = np.ones(count, dtype=bool)
    if smaller_than_mm3 is not None:
        small = sizes * drawing.image.grid.voxel_volume_mm3 < smaller_than_mm3
    small[int(sizes.argmax())] = False
    codes = labels.copy()
    window = limits.in_window(drawing.image.voxels[box])
    for number, place in enumerate(ndimage.find_objects(pieces), start=1):
        if place is None or not small[number - 1]:
            continue
        # the box is a voxel wider than the region wherever the grid goes on
        wide = tuple(slice(max(0, s.start - 1), s.stop + 1) for s in place)
        island = pieces[wide] == number
        around = labels[wide][ndimage.binary_dilation(island, _TOUCHING) & ~island]
        if window is not None:
            island &= window[wide]
        codes[wide][island] = np.bincount(around).argmax() if around.size else UNLABELLED
    return changed(drawing, box, codes)


def fill_holes(
    drawing: Drawing, code: int, axis: int | None = None, index: int | None = None, limits: Limits = ANYTHING
) -> Change | None:
    """Fill what a region encloses and no other region owns; None if there is nothing.

    Args:
        drawing: what is drawn so far.
        code: the region.
        axis: array axis to go along slice by slice; by default holes are those closed on all sides in 3D.
        index: with `axis`, the one slice to work in; by default all.
        limits: with `over` set to a region, enclosed voxels of that region are filled instead of those of none.

    Raises:
        WorkbenchError: the region has no voxels.
    """
    drawing.needs(code)
    box = drawing.box_of([code])
    assert box is not None  # it has voxels
    if axis is not None and index is not None:
        box = slice_of(box, axis, index)
    region = drawing.labels[box] == code
    inside = filled(region, axis) & ~region
    inside &= drawing.labels[box] == (UNLABELLED if limits.over is None else limits.over)
    return reshaped(drawing, code, box, region | inside, limits)


def filled(region: Mask, axis: int | None) -> Mask:
    """A mask with its holes, slice by slice along an axis or in 3D (6 neighbours leak, edges and corners do not)."""
    if axis is None:
        return ndimage.binary_fill_holes(region)
    flat = np.zeros((3, 3, 3), dtype=bool)
    middle: list[int | slice] = [slice(None)] * 3
    middle[axis] = 1
    flat[tuple(middle)] = ndimage.generate_binary_structure(2, 1)
    return ndimage.binary_fill_holes(region, flat)
