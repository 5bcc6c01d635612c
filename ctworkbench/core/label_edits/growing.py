"""A region made larger or smaller all around."""

import numpy as np
from scipy import ndimage

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.label_edits.drawing import ANYTHING, Change, Drawing, Limits, reshaped


def grow(drawing: Drawing, code: int, mm: float, limits: Limits = ANYTHING) -> Change | None:
    """Grow a region by so many mm, or shrink it; None if nothing changes, as where a voxel is longer than that.

    Distances run between the middles of voxels in patient space. Growing stops where the limits stop it: a voxel is
    reached only through voxels that may be painted, so that the region does not leap over bone. What a shrinking region
    gives up goes to the nearest other code.

    Args:
        drawing: what is drawn so far.
        code: the region.
        mm: how far; below zero to shrink.
        limits: which voxels may be changed.

    Raises:
        WorkbenchError: the region has no voxels, or shrinking would leave none.
    """
    drawing.needs(code)
    box = drawing.box_of([code], max(mm, max(drawing.spacing)))
    assert box is not None  # it has voxels
    labels = drawing.labels[box]
    region = labels == code
    reach = abs(mm) * (1 + 1e-6)
    if mm < 0:
        # the grid's end is no border: a region cut off by it is not drawn back from it
        kept = region & (ndimage.distance_transform_edt(region, drawing.spacing) > reach)
        if not kept.any():
            raise WorkbenchError(f"{drawing.region(code).title} would vanish: it is thinner than that.")
        return reshaped(drawing, code, box, kept, limits)
    near = ~region & (ndimage.distance_transform_edt(~region, drawing.spacing) <= reach)
    allowed = limits.allowed(labels, drawing.image.voxels[box])
    if allowed is not None:
        near &= allowed
    near = _reached(region, near)
    return reshaped(drawing, code, box, region | near, limits)


def _reached(region: np.ndarray, near: np.ndarray) -> np.ndarray:
    """Those of the voxels nearby that hang together with the region (6 neighbours)."""
    pieces, count = ndimage.label(near)
    touching = np.zeros(count + 1, dtype=bool)
    touching[np.unique(pieces[ndimage.binary_dilation(region)])] = True
    touching[0] = False
    return touching[pieces]
