"""Regions that have a left and a right: split at the midsagittal plane, mirrored across it."""

import numpy as np
from scipy import ndimage

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.label_edits.drawing import ANYTHING, Change, Drawing, Limits, changed, reshaped
from ctworkbench.core.label_edits.midplane import Midplane, world_of
from ctworkbench.core.schemes import Region


def split(drawing: Drawing, code: int, plane: Midplane, limits: Limits = ANYTHING) -> Change | None:
    """Give each half of a region, and of the same region of the other side, the code of the side it lies on.

    Args:
        drawing: what is drawn so far.
        code: the region, of either side.
        plane: the head's own midsagittal plane; left and right are the patient's.
        limits: of these the HU window holds.

    Raises:
        WorkbenchError: the region has no sides or no voxels.
    """
    region = _sided(drawing, code)
    right = code if region.side == "right" else region.mirror
    left = region.mirror if region.side == "right" else code
    box = drawing.box_of([left, right])
    if box is None:
        drawing.needs(code)
        return None
    labels = drawing.labels[box]
    either = (labels == left) | (labels == right)
    window = limits.in_window(drawing.image.voxels[box])
    if window is not None:
        either &= window
    codes = labels.copy()
    codes[either] = np.where(plane.right_mm(world_of(drawing, box)[either]) >= 0, right, left)
    return changed(drawing, box, codes)


def mirror_across(drawing: Drawing, code: int, plane: Midplane, limits: Limits = ANYTHING) -> Change | None:
    """Make the region of the other side the mirror image of this one; None if it is that already.

    The region's indicator is sampled linearly at the mirrored place of each voxel and cut at one half. What the other
    side's region gives up goes to the nearest other code; this side's region is not painted over.

    Args:
        drawing: what is drawn so far.
        code: the region that is mirrored; its `mirror` in the scheme is made.
        plane: the head's own midsagittal plane.
        limits: which voxels may be changed.

    Raises:
        WorkbenchError: the region has no sides or no voxels.
    """
    region = _sided(drawing, code)
    drawing.needs(code)
    source = drawing.box_of([code], max(drawing.spacing))
    assert source is not None  # it has voxels
    back = np.linalg.inv(drawing.affine)
    corners = np.array(np.meshgrid(*[(s.start, s.stop - 1) for s in source])).reshape(3, -1).T
    seen = plane.reflected(corners @ drawing.affine[:3, :3].T + drawing.affine[:3, 3])
    reached = seen @ back[:3, :3].T + back[:3, 3]
    low = np.clip(np.floor(reached.min(axis=0)).astype(int), 0, drawing.labels.shape)
    high = np.clip(np.ceil(reached.max(axis=0)).astype(int) + 1, 0, drawing.labels.shape)
    if (low >= high).any():
        raise WorkbenchError(f"The mirror image of {region.title.lower()} lies outside the scan.")
    there = drawing.box_of([region.mirror])
    if there is not None:
        low = np.minimum(low, [s.start for s in there])
        high = np.maximum(high, [s.stop for s in there])
    box = (slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2]))
    places = plane.reflected(world_of(drawing, box)) @ back[:3, :3].T + back[:3, 3]
    places -= [s.start for s in source]
    indicator = (drawing.labels[source] == code).astype(np.float32)
    share = ndimage.map_coordinates(indicator, np.moveaxis(places, -1, 0), order=1, cval=0.0)
    wanted = (share >= 0.5) & (drawing.labels[box] != code)
    return reshaped(drawing, region.mirror, box, wanted, limits)


def _sided(drawing: Drawing, code: int) -> Region:
    region = drawing.region(code)
    if region.mirror == code:
        raise WorkbenchError(
            f"{region.title} has no left and right in this scheme.", "Choose a region that has two sides."
        )
    return region
