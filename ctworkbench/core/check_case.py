"""One label map made ready for the checks: labels, HU and masks on one 1-mm grid, cut to head and labels.

The scan's own grid may hold a hundred million voxels, of which most are air. Shapes are judged as well at 1 mm, on the
grid of the preprocessing; volumes alone are counted on the scan's own grid.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ctworkbench.core.label_fitting import brain_levels, smoothed
from ctworkbench.core.midplane import Midplane, find_midplane
from ctworkbench.core.schemes import Region, Scheme
from ctworkbench.core.volume import Affine, Grid, Volume

_MARGIN = 6
_AIR_HU = -1024
_SMOOTHING_MM = 0.8

Mask = NDArray[np.bool_]
Place = tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Head:
    """What preprocessing made of a scan, on one 1-mm grid.

    Attributes:
        image: HU.
        brain: mask of the inside of the skull.
    """

    image: Volume
    brain: Volume


@dataclass(frozen=True, eq=False)
class CheckCase:
    """What a check is given.

    Attributes:
        whole: the label map on the scan's own grid; volumes are counted here.
        labels: region codes at 1 mm, axes (x, y, z).
        affine: of `labels`, `hu` and `brain`: voxel index → RAS+ mm.
        scheme: what the codes mean.
        hu: HU, int16; air where the scan does not reach. None for a scan that is not preprocessed.
        brain: the inside of the skull; None for a scan that is not preprocessed.
        scores: what the registration told of itself; empty for other label maps.
        other: the label map that another machine made of the same scan, at 1 mm; None where there is none.
        other_title: what that one is called.
        uncertainty: of the networks that made it, whole percents at 1 mm (`core.uncertainty`); None where none is kept.
        networks, passes: how many networks and answers that is the mean of.
    """

    whole: Volume
    labels: NDArray[np.uint8]
    affine: Affine
    scheme: Scheme
    hu: NDArray[np.int16] | None = None
    brain: Mask | None = None
    scores: Mapping[str, float] = field(default_factory=dict[str, float])
    other: NDArray[np.uint8] | None = None
    other_title: str = ""
    uncertainty: NDArray[np.uint8] | None = None
    networks: int = 1
    passes: int = 1

    @cached_property
    def voxels(self) -> NDArray[np.int64]:
        """Number of voxels of each code at 1 mm, (256,)."""
        return np.bincount(self.labels.ravel(), minlength=256)

    @cached_property
    def boxes(self) -> dict[int, tuple[slice, slice, slice]]:
        """The box of each region that is there."""
        found = ndimage.find_objects(self.labels, max_label=max(self.scheme.codes))
        return {code: found[code - 1] for code in self.scheme.codes if found[code - 1] is not None}

    @cached_property
    def soft(self) -> NDArray[np.float32]:
        """HU smoothed a little within the brain mask."""
        return smoothed(self._hu, self._brain, _SMOOTHING_MM)

    @cached_property
    def tissue(self) -> Mask:
        """Voxels inside the skull that are brain by their HU; blood and calcium are left out."""
        levels = brain_levels(self.soft, self._brain)
        return self._brain & (self.soft > levels.tissue) & (self.soft < levels.blood)

    @cached_property
    def csf(self) -> Mask:
        """Voxels inside the skull that are fluid by their HU."""
        return self._brain & (self.soft < brain_levels(self.soft, self._brain).csf)

    @cached_property
    def midplane(self) -> Midplane:
        """The plane that the head itself is symmetric about."""
        return find_midplane(self._hu, self._brain, self.affine)

    @property
    def ml_per_voxel(self) -> float:
        """Volume of a voxel at 1 mm, in cm³."""
        return float(abs(np.linalg.det(self.affine[:3, :3]))) / 1000.0

    def world(self, index: NDArray) -> Place:
        """RAS+ mm of a voxel index at 1 mm."""
        x, y, z = self.affine[:3, :3] @ np.asarray(index, dtype=float) + self.affine[:3, 3]
        return (float(x), float(y), float(z))

    def place_in(self, mask: Mask, box: tuple[slice, slice, slice] | None = None) -> Place:
        """A voxel of a mask near its middle, in RAS+ mm: a bent piece need not hold its own centroid.

        Args:
            mask: not empty.
            box: where the mask stands, if it is a part of the grid.
        """
        points = np.argwhere(mask)
        nearest = points[((points - points.mean(0)) ** 2).sum(1).argmin()]
        start = np.zeros(3) if box is None else np.array([side.start for side in box])
        return self.world(nearest + start)

    def region(self, code: int) -> Region:
        """The region of a code of the scheme."""
        return next(region for region in self.scheme.regions if region.code == code)

    @property
    def _hu(self) -> NDArray[np.int16]:
        assert self.hu is not None, "a check that needs the head says so by NEEDS_HEAD"
        return self.hu

    @property
    def _brain(self) -> Mask:
        assert self.brain is not None, "a check that needs the head says so by NEEDS_HEAD"
        return self.brain


def make_case(
    labels: Volume,
    scheme: Scheme,
    head: Head | None = None,
    scores: Mapping[str, float] | None = None,
    other: Volume | None = None,
    other_title: str = "",
    uncertainty: Volume | None = None,
    networks: int = 1,
    passes: int = 1,
) -> CheckCase:
    """Bring a label map, and what is known of its scan, to one grid.

    Args:
        labels: uint8 on the scan's own grid, any axis order.
        scheme: what its codes mean.
        head: what preprocessing made of the scan.
        scores: what the registration told of itself.
        other: the label map that another machine made, on any grid of the same patient space.
        other_title: what that one is called.
        uncertainty: of the networks that made it, whole percents, on any grid of the same patient space.
        networks: how many networks that is the mean of.
        passes: how many answers of theirs.
    """
    turned = labels.oriented()
    box = _box(turned.voxels)
    spot = (0, 0, 0) if box is None else (box[0].start, box[1].start, box[2].start)
    cut = turned.cropped(spot, spot if box is None else [side.stop for side in box])
    base = head.image.grid if head is not None else turned.grid.isotropic(1.0)
    grid = _frame(base, cut.grid if box is not None else None, None if head is None else head.brain.voxels)
    at = _index_of(base, grid)
    return CheckCase(
        whole=labels,
        labels=_sampled(cut, grid),
        affine=grid.affine,
        scheme=scheme,
        hu=None if head is None else _placed(head.image.voxels, at, grid.shape, _AIR_HU),
        brain=None if head is None else _placed(head.brain.voxels > 0, at, grid.shape, 0),
        scores=dict(scores or {}),
        other=None if other is None else _sampled(other.oriented(), grid),
        other_title=other_title,
        uncertainty=None if uncertainty is None else _sampled(uncertainty.oriented(), grid),
        networks=networks,
        passes=passes,
    )


def _box(voxels: NDArray) -> tuple[slice, slice, slice] | None:
    """The box of what is not 0: an axis after the other, so that only the first look takes in the whole array."""
    found: list[slice] = []
    for axis in (2, 1, 0):
        others = tuple(other for other in range(3) if other != axis)
        hit = np.flatnonzero(voxels.any(axis=others))
        if not len(hit):
            return None
        side = slice(int(hit[0]), int(hit[-1]) + 1)
        found.insert(0, side)
        voxels = voxels[(slice(None),) * axis + (side,)]
    return (found[0], found[1], found[2])


def _frame(base: Grid, labels: Grid | None, brain: NDArray | None) -> Grid:
    """The grid of `base` moved and cut to hold labels and brain with a margin."""
    corners: list[NDArray] = []
    if labels is not None:
        ends = np.array(np.meshgrid(*[(-0.5, n - 0.5) for n in labels.shape])).reshape(3, -1)
        back = np.linalg.inv(base.affine) @ labels.affine
        corners.append(back[:3, :3] @ ends + back[:3, 3:])
    box = None if brain is None else _box(brain)
    if box is not None:
        corners.append(np.array([[side.start, side.stop - 1] for side in box]))
    if not corners:
        return base
    every = np.hstack(corners)
    start = np.floor(every.min(1)).astype(int) - _MARGIN
    stop = np.ceil(every.max(1)).astype(int) + _MARGIN + 1
    affine = base.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ start
    x, y, z = (int(n) for n in stop - start)
    return Grid((x, y, z), affine)


def _index_of(base: Grid, grid: Grid) -> NDArray[np.int64]:
    """Where the first voxel of `grid` lies in `base`, which has the same axes and voxels."""
    return np.rint(np.linalg.inv(base.affine) @ grid.affine[:, 3])[:3].astype(np.int64)


def _placed(voxels: NDArray, at: NDArray[np.int64], shape: tuple[int, int, int], fill: int) -> NDArray:
    """The part of an array from index `at` on, `fill` where it does not reach."""
    out = np.full(shape, fill, dtype=voxels.dtype, order="F")
    source = tuple(slice(max(0, a), max(0, min(n, a + m))) for a, n, m in zip(at, voxels.shape, shape, strict=True))
    target = tuple(slice(s.start - a, s.stop - a) for s, a in zip(source, at, strict=True))
    if all(s.stop > s.start for s in source):
        out[target] = voxels[source]
    return out


def _sampled(labels: Volume, grid: Grid) -> NDArray[np.uint8]:
    """The nearest code at each voxel of `grid`; 0 outside."""
    back = np.linalg.inv(labels.affine) @ grid.affine
    matrix, offset = back[:3, :3], back[:3, 3]
    straight = np.abs(matrix - np.diag(np.diag(matrix))).max() * max(grid.shape) < 0.1
    if not straight:
        out = np.zeros(grid.shape, dtype=np.uint8)
        ndimage.affine_transform(labels.voxels, matrix, offset, output_shape=grid.shape, output=out, order=0)
        return out
    picks: list[NDArray[np.int64]] = []
    inside: list[NDArray[np.bool_]] = []
    for axis in range(3):
        index = np.rint(matrix[axis, axis] * np.arange(grid.shape[axis]) + offset[axis]).astype(np.int64)
        size = labels.voxels.shape[axis]
        inside.append((index >= 0) & (index < size))
        picks.append(np.clip(index, 0, max(0, size - 1)))
    if not all(side.any() for side in inside) or not labels.voxels.size:
        return np.zeros(grid.shape, dtype=np.uint8)
    found = np.asfortranarray(labels.voxels[np.ix_(*picks)].astype(np.uint8))
    for axis in range(3):
        outside = [slice(None)] * 3
        outside[axis] = ~inside[axis]  # type: ignore[call-overload]
        found[tuple(outside)] = 0
    return found
