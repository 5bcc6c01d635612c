"""A label map under correction, the limits that a reader set, and the change that an operation asks for."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.label_maps import Box
from ctworkbench.core.schemes import Region, Scheme
from ctworkbench.core.volume import Affine, Volume

Mask = NDArray[np.bool_]

UNLABELLED = 0
"""What `Limits.over` holds for voxels of no region."""


@dataclass(frozen=True, eq=False)
class Drawing:
    """A label map with the scan that it lies on.

    Attributes:
        labels: uint8 codes of the scheme, axes (x, y, z); operations do not change it.
        image: HU on the same grid; its axes stand at right angles (a scan's tilt is corrected when it is imported).
        scheme: the regions.
    """

    labels: NDArray[np.uint8]
    image: Volume
    scheme: Scheme

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Length of a voxel along each array axis, in mm."""
        return self.image.spacing

    @property
    def affine(self) -> Affine:
        """Voxel index → RAS+ mm."""
        return self.image.affine

    def region(self, code: int) -> Region:
        """The region of a code."""
        return next(region for region in self.scheme.regions if region.code == code)

    def box_of(self, codes: Sequence[int], margin_mm: float = 0.0) -> Box | None:
        """The smallest box around some regions, widened by so many mm on each side; None if they have no voxels."""
        # label maps lie in memory with x running fastest: seen the other way round they are read in one go
        found = ndimage.find_objects(self.labels.T, max_label=max(codes))
        boxes = [found[code - 1][::-1] for code in codes if found[code - 1] is not None]
        if not boxes:
            return None
        whole = tuple(slice(min(b[i].start for b in boxes), max(b[i].stop for b in boxes)) for i in range(3))
        return self.widened((whole[0], whole[1], whole[2]), margin_mm)

    def widened(self, box: Box, margin_mm: float) -> Box:
        """A box with so many mm more on each side (at least one voxel where it is not 0), cut at the grid's end."""
        steps = [int(np.ceil(margin_mm / length)) for length in self.spacing]
        x, y, z = (
            slice(max(0, side.start - step), min(size, side.stop + step))
            for side, step, size in zip(box, steps, self.labels.shape, strict=True)
        )
        return (x, y, z)

    def needs(self, code: int) -> None:
        """Refuse to work on a region without voxels.

        Raises:
            WorkbenchError: there are none.
        """
        if self.box_of([code]) is None:
            title = self.region(code).title
            raise WorkbenchError(f"There is no {title.lower()} in this label map yet.", "Draw some of it first.")


@dataclass(frozen=True)
class Limits:
    """Which voxels a reader lets a tool change.

    Attributes:
        over: paint over this code alone; `UNLABELLED` for voxels of no region; None for everything.
        hu: lowest and highest HU that may be changed, both included; None for any.
    """

    over: int | None = None
    hu: tuple[float, float] | None = None

    def in_window(self, image: NDArray) -> Mask | None:
        """Where the HU lie in the window; None where there is no window."""
        return None if self.hu is None else (image >= self.hu[0]) & (image <= self.hu[1])

    def allowed(self, labels: NDArray[np.uint8], image: NDArray) -> Mask | None:
        """Where a region may be painted on; None for everywhere. `labels` and `image` have one shape."""
        window = self.in_window(image)
        if self.over is None:
            return window
        over = labels == self.over
        return over if window is None else over & window


ANYTHING = Limits()


@dataclass(frozen=True, eq=False)
class Change:
    """New codes for a box of the label map.

    Attributes:
        box: where, in indices of the (x, y, z) array.
        codes: uint8, as large as the box; voxels that stay keep their code.
        voxels: how many differ from what was there.
    """

    box: Box
    codes: NDArray[np.uint8]
    voxels: int


def reshaped(drawing: Drawing, code: int, box: Box, wanted: Mask, limits: Limits = ANYTHING) -> Change | None:
    """Give a region another shape within a box; None if nothing would change.

    Voxels that it gains must be allowed by the limits. Voxels that it gives up go to the nearest voxel that is not of
    the region, so that no gap opens between neighbours; they must lie in the HU window, if there is one.

    Args:
        drawing: what is drawn so far.
        code: the region.
        box: where it is reshaped; outside it stays.
        wanted: where it shall be, of the size of the box.
        limits: which voxels may be changed.
    """
    labels, image = drawing.labels[box], drawing.image.voxels[box]
    region = labels == code
    gained, lost = wanted & ~region, region & ~wanted
    allowed = limits.allowed(labels, image)
    if allowed is not None:
        gained &= allowed
    window = limits.in_window(image)
    if window is not None:
        lost &= window
    codes = labels.copy()
    codes[gained] = code
    codes[lost] = nearest_other(drawing, code, box, lost)
    return changed(drawing, box, codes)


def changed(drawing: Drawing, box: Box, codes: NDArray[np.uint8]) -> Change | None:
    """A change cut down to the voxels that differ; None if there are none."""
    differs = codes != drawing.labels[box]
    found = ndimage.find_objects(differs.view(np.uint8), max_label=1)[0]
    if found is None:
        return None
    x, y, z = (slice(o.start + s.start, o.start + s.stop) for o, s in zip(box, found, strict=True))
    return Change((x, y, z), np.ascontiguousarray(codes[found]), int(np.count_nonzero(differs)))


def slice_of(box: Box, axis: int, index: int) -> Box:
    """One slice of a box, across an array axis."""
    x, y, z = (slice(index, index + 1) if number == axis else side for number, side in enumerate(box))
    return (x, y, z)


def nearest_other(drawing: Drawing, code: int, box: Box, given_up: Mask) -> NDArray[np.uint8]:
    """The code of the nearest voxel that is not of the region, in mm, for each voxel that the region gives up."""
    if not given_up.any():
        return np.empty(0, np.uint8)
    from scipy.spatial import KDTree

    wide = drawing.widened(box, max(drawing.spacing))
    labels = drawing.labels[wide]
    region = labels == code
    # the nearest voxel outside a region touches the region
    rim = np.argwhere(ndimage.binary_dilation(region, np.ones((3, 3, 3), bool)) & ~region)
    if not len(rim):
        return np.zeros(int(np.count_nonzero(given_up)), np.uint8)
    spacing = np.array(drawing.spacing)
    corner = np.array([b.start - w.start for b, w in zip(box, wide, strict=True)])
    _, nearest = KDTree(rim * spacing).query((np.argwhere(given_up) + corner) * spacing)
    return labels[tuple(rim[nearest].T)]
