"""Surfaces of the regions of a label map, to be looked at from all sides; nothing is measured on them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ctworkbench.core.volume import Volume

_GRID_MM = 2.0
_SMOOTHING = 0.7


@dataclass(frozen=True, eq=False)
class Surface:
    """The surface of one region.

    Attributes:
        code: of the region.
        vertices: float32 (n, 3), world mm RAS+.
        faces: int32 (m, 3), indices of vertices.
    """

    code: int
    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]


def region_surfaces(labels: Volume, codes: Sequence[int]) -> list[Surface]:
    """Surfaces of the regions that have voxels, by marching cubes (Lewiner et al. 2003) on a grid of about 2 mm.

    Args:
        labels: uint8 codes, axes (x, y, z); its affine may be oblique or flipped.
        codes: the regions wanted.
    """
    from scipy import ndimage
    from skimage.measure import marching_cubes

    steps = [max(1, round(_GRID_MM / length)) for length in labels.spacing]
    coarse = labels.voxels[tuple(slice(None, None, step) for step in steps)]
    affine = labels.affine @ np.diag([*steps, 1.0])
    found: list[Surface] = []
    for code, box in enumerate(ndimage.find_objects(coarse, max_label=max(codes, default=0)), start=1):
        if box is None or code not in codes:
            continue
        # two voxels of nothing around it, so that the surface is closed
        share = np.pad((coarse[box] == code).astype(np.float32), 2)
        share = ndimage.gaussian_filter(share, _SMOOTHING)
        if share.max() <= 0.5:  # thinner than the smoothing
            share /= share.max() * 1.2
        places, faces, *_ = marching_cubes(share, 0.5)
        index = places + np.array([part.start - 2 for part in box])
        world = index @ affine[:3, :3].T + affine[:3, 3]
        found.append(Surface(code, world.astype(np.float32), faces.astype(np.int32)))
    return found
