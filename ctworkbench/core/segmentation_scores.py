"""How near a label map comes to a reference, region by region: overlap, surfaces and volume, in the patient's mm.

A surface is the voxels of a region that touch one outside it by a face, as MONAI has it; distances are between their
centres, placed by the affine, so that a grid sheared by a gantry's tilt is measured right too.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from ctworkbench.core.errors import VolumeError
from ctworkbench.core.volume import Affine, Volume

TOLERANCE_MM = 1.0
_ROUNDING_MM = 1e-6
_PERCENTILE = 95.0


class RegionScores(BaseModel):
    """One region of one label map against a reference.

    Attributes:
        dice: 2·|A ∩ B| / (|A| + |B|); 0 where one of the two has no such region.
        surface_dice: share of both surfaces that lies within 1 mm of the other (Nikolov et al. 2021, J Med Internet Res
            23:e26151), each voxel of a surface counted once; 0 where one of the two has no such region.
        hd95_mm: the larger of the two directions' 95th percentiles of the distance from one surface to the other; None
            where one of the two has no such region, for which there is no distance.
        volume_error_percent: (volume − reference) / reference · 100; None where the reference has no such region.
    """

    model_config = ConfigDict(frozen=True)

    dice: float
    surface_dice: float
    hd95_mm: float | None
    volume_error_percent: float | None


def region_scores(predicted: Volume, reference: Volume, codes: Sequence[int]) -> dict[int, RegionScores]:
    """Scores of every region that is in either label map, by its code.

    Args:
        predicted: uint8 label map, axes (x, y, z).
        reference: uint8 label map on the same grid.
        codes: regions to compare, each 1 to 255.

    Raises:
        VolumeError: the label maps lie on different grids.
    """
    from scipy import ndimage

    if not predicted.grid.matches(reference.grid):
        raise VolumeError("A label map and its reference lie on different grids.", "Segment the scan again.")
    most = max(codes, default=0)
    ours = ndimage.find_objects(predicted.voxels, max_label=most)
    theirs = ndimage.find_objects(reference.voxels, max_label=most)
    found: dict[int, RegionScores] = {}
    for code in codes:
        boxes = [box for box in (ours[code - 1], theirs[code - 1]) if box is not None]
        if boxes:
            box = tuple(slice(min(b[i].start for b in boxes), max(b[i].stop for b in boxes)) for i in range(3))
            found[code] = _scores(predicted.voxels[box] == code, reference.voxels[box] == code, predicted.affine)
    return found


def _scores(a: NDArray[np.bool_], b: NDArray[np.bool_], affine: Affine) -> RegionScores:
    in_a, in_b = int(np.count_nonzero(a)), int(np.count_nonzero(b))
    error = None if in_b == 0 else 100.0 * (in_a - in_b) / in_b
    if not in_a or not in_b:
        return RegionScores(dice=0.0, surface_dice=0.0, hd95_mm=None, volume_error_percent=error)
    there, back = surface_distances(a, b, affine)
    reach = TOLERANCE_MM + _ROUNDING_MM
    near = np.count_nonzero(there <= reach) + np.count_nonzero(back <= reach)
    return RegionScores(
        dice=2.0 * np.count_nonzero(a & b) / (in_a + in_b),
        surface_dice=float(near / (there.size + back.size)),
        hd95_mm=float(max(np.percentile(there, _PERCENTILE), np.percentile(back, _PERCENTILE))),
        volume_error_percent=error,
    )


def surface_distances(
    a: NDArray[np.bool_], b: NDArray[np.bool_], affine: Affine
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distance in mm of every surface voxel of one mask to the nearest of the other's surface, and the other way.

    Args:
        a: mask (x, y, z), not empty.
        b: mask of the same shape, not empty.
        affine: 4×4, voxel index → mm; any, sheared ones too.
    """
    from scipy.spatial import KDTree

    first, second = _surface(a, affine), _surface(b, affine)
    return KDTree(second).query(first)[0], KDTree(first).query(second)[0]


def _surface(mask: NDArray[np.bool_], affine: Affine) -> NDArray[np.float64]:
    """Centres (n, 3) in mm of the voxels that touch one outside; what the grid ends at counts as outside."""
    from scipy.ndimage import binary_erosion

    index = np.argwhere(mask & ~binary_erosion(mask))
    return index @ affine[:3, :3].T
