"""A smooth border of one region."""

import numpy as np
from scipy import ndimage

from ctworkbench.core.label_edits.drawing import ANYTHING, Change, Drawing, Limits, reshaped

# Beyond these the volume is not kept: specks would blow the rest up.
_LOWEST, _HIGHEST = 0.25, 0.75


def smooth(drawing: Drawing, code: int, sigma_mm: float = 1.5, limits: Limits = ANYTHING) -> Change | None:
    """Smooth the border of a region and keep its volume; None if nothing changes.

    The region's indicator is blurred by a Gaussian of `sigma_mm` in patient space (thick slices are hardly blurred
    along the slice axis) and cut again. The cut is put where the region keeps its number of voxels instead of at one
    half, which would shrink all that is convex.

    Args:
        drawing: what is drawn so far.
        code: the region.
        sigma_mm: standard deviation of the blur.
        limits: which voxels may be changed.

    Raises:
        WorkbenchError: the region has no voxels.
    """
    drawing.needs(code)
    box = drawing.box_of([code], 3 * sigma_mm)
    assert box is not None  # it has voxels
    labels = drawing.labels[box]
    region = labels == code
    share = ndimage.gaussian_filter(
        region.astype(np.float32), [sigma_mm / length for length in drawing.spacing], mode="nearest", truncate=3.0
    )
    allowed = limits.allowed(labels, drawing.image.voxels[box])
    candidates = region | (share > 0.05) if allowed is None else region | ((share > 0.05) & allowed)
    count = int(np.count_nonzero(region))
    shares = share[candidates]
    cut = float(np.partition(shares, len(shares) - count)[len(shares) - count])
    return reshaped(drawing, code, box, candidates & (share >= np.clip(cut, _LOWEST, _HIGHEST)), limits)
