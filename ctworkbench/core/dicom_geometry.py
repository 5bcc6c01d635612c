"""From slices at their true positions to one straight, even grid.

The convention is dcm2niix's: the image planes stay as they were scanned, each slice is moved within its own plane until
its first pixel lies on the normal through the lowest slice (the shear of a tilted gantry), and slices at uneven
distances are interpolated linearly along the normal. World coordinates stay true throughout: the
affine comes out oblique.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctworkbench.core.errors import ImportRefused
from ctworkbench.core.volume import Affine, Volume

_EVEN = 0.01
"""Slice distances that differ by less than this part count as equal."""
_ZONE = 0.1
"""Slice distances that differ by less than this part belong to one zone (an imprecise table)."""
_SAME_PLACE = 0.05
"""Slices nearer to each other than this part of the usual distance lie at one place."""
_MIN_SHEAR = 1e-3
"""In-plane drift per mm along the normal that is left alone: 0.2 mm over a head."""
_NEW_EXPORT = "Export the series again with all its slices, or choose another series of the study."


@dataclass(frozen=True)
class Stack:
    """Where the slices of a series lie, sorted along the normal.

    Attributes:
        order: index of each slice in the list that was given.
        row, column, normal: unit vectors (LPS) along which columns, rows and slices are counted.
        distances: place of each slice along the normal in mm, from 0, ascending.
        offsets: (n, 2) in-plane place of each slice's first pixel along `row` and `column`, mm, from the first slice.
        origin: LPS mm of the first pixel of the first slice.
    """

    order: NDArray[np.intp]
    row: NDArray[np.float64]
    column: NDArray[np.float64]
    normal: NDArray[np.float64]
    distances: NDArray[np.float64]
    offsets: NDArray[np.float64]
    origin: NDArray[np.float64]

    @property
    def gaps(self) -> NDArray[np.float64]:
        """Distance from each slice to the next, mm."""
        return np.diff(self.distances)

    @property
    def shear(self) -> NDArray[np.float64]:
        """In-plane drift per mm along the normal, (along row, along column): the slope of a straight line fitted."""
        span = self.distances - self.distances.mean()
        return (span @ self.offsets) / (span @ span)

    @property
    def tilt_degrees(self) -> float:
        """Angle between the way the slices are stacked and their normal, in degrees, unsigned."""
        return float(np.degrees(np.arctan(np.linalg.norm(self.shear))))


def stack_slices(positions: NDArray[np.float64], orientation: NDArray[np.float64]) -> Stack:
    """Sort slices along the normal of their planes.

    Args:
        positions: (n, 3) LPS mm of the first pixel of each slice.
        orientation: six direction cosines: along a row, then along a column.

    Raises:
        ImportRefused: the direction cosines are not at right angles or not of length 1.
    """
    row, column = orientation[:3], orientation[3:]
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if abs(lengths[0] - 1) > 0.01 or abs(lengths[1] - 1) > 0.01 or abs(row @ column) > 0.01:
        raise ImportRefused("the image orientation is not a pair of directions at right angles.", _NEW_EXPORT)
    row = row / lengths[0]
    column = column - (column @ row) * row
    column = column / np.linalg.norm(column)
    normal = np.cross(row, column).astype(np.float64)
    along = positions @ normal
    order = np.argsort(along, kind="stable")
    placed = positions[order] - positions[order[0]]
    offsets = np.stack([placed @ row, placed @ column], axis=1)
    return Stack(order, row, column, normal, placed @ normal, offsets, positions[order[0]])


def check_spacing(stack: Stack, thickness: NDArray[np.float64] | None) -> None:
    """Refuse a stack with slices at one place, or with a hole; zones of different even spacing are fine.

    Distances are cut into zones (runs of equal distances). A step between two zones may be smaller than either, or
    anything up to the larger of them: nothing is missing there. A wider step is a hole, and so are a few wide steps
    between slices too thin to fill them, or any number of such steps inside one zone.

    Args:
        stack: the slices, sorted.
        thickness: nominal thickness of each slice in sorted order, mm, where known.

    Raises:
        ImportRefused: duplicate positions, missing slices, or distances without any order.
    """
    gaps = stack.gaps
    if len(gaps) == 0:
        return
    usual = float(np.median(gaps))
    same = np.flatnonzero(gaps < max(_SAME_PLACE * usual, 0.01))
    if len(same):
        places = 1 + int(np.count_nonzero(np.diff(same) > 1))
        where = "the same position" if places == 1 else f"{places} positions, several at each"
        raise ImportRefused(
            f"{len(same) + places} slices lie at {where} (first at {stack.distances[same[0]]:.1f} mm): duplicates.",
            "Export the series once, without copies or repeated scans.",
        )
    zones = _zones(gaps)
    base = min((gap for gap, length, _ in zones if length >= 3), default=min(gap for gap, _, _ in zones))
    for index, (gap, length, start) in enumerate(zones):
        beside = [zones[i][0] for i in (index - 1, index + 1) if 0 <= i < len(zones) and zones[i][1] >= 3]
        within = len(beside) == 2 and abs(beside[0] - beside[1]) <= _ZONE * min(beside)
        if gap <= base * (1 + _ZONE) or _is_filled(gap, length, start, thickness) or (length >= 5 and not within):
            continue
        if length == 1 and len(beside) == 2 and not within and gap <= max(beside) * (1 + _ZONE):
            continue
        missing = round(gap / base) - 1
        what = f"about {missing * length} missing" if missing else "slice distances are uneven"
        raise ImportRefused(
            f"slices are missing: a step of {gap:.2f} mm after {stack.distances[start]:.1f} mm, where the others are "
            f"{base:.2f} mm ({what}).",
            _NEW_EXPORT,
        )
    if len(zones) > max(4, len(gaps) // 4):
        raise ImportRefused(f"slice distances follow no order ({gaps.min():.2f} to {gaps.max():.2f} mm).", _NEW_EXPORT)


def _zones(gaps: NDArray[np.float64]) -> list[tuple[float, int, int]]:
    """Runs of equal distances: (mean distance, number of steps, index of the first)."""
    zones: list[tuple[float, int, int]] = []
    start = 0
    for index in range(1, len(gaps) + 1):
        mean = float(gaps[start:index].mean())
        if index == len(gaps) or abs(gaps[index] - mean) > _ZONE * mean:
            zones.append((mean, index - start, start))
            start = index
    return zones


def _is_filled(gap: float, length: int, start: int, thickness: NDArray[np.float64] | None) -> bool:
    """Whether a zone of wide steps is a zone of its own: long, and its slices thick enough to touch."""
    if length < 3:
        return False
    return thickness is None or gap <= 1.2 * float(np.median(thickness[start + 1 : start + length + 1]))


def straighten(
    images: NDArray[Any], stack: Stack, spacing: tuple[float, float], fill: float
) -> tuple[Volume, list[str]]:
    """Shear and even out a stack into one volume.

    Args:
        images: axes (slice, row, column), sorted as `stack` is.
        stack: where the slices lie.
        spacing: distance between rows and between columns, mm.
        fill: value outside the scanned field.

    Returns:
        The volume with axes (column, row, slice) and its RAS+ affine, dtype kept; and what was corrected, for people.
    """
    corrections: list[str] = []
    origin = stack.origin
    shifts = stack.offsets / np.array([spacing[1], spacing[0]])
    drift = np.abs(stack.shear).max() > _MIN_SHEAR
    stray = np.abs(stack.offsets - np.outer(stack.distances, stack.shear)).max()
    if drift or stray > 0.5 * min(spacing):
        for axis, name in ((2, 0), (1, 1)):
            images, lowest = _shift(images, shifts[:, name], axis, fill)
            origin = origin + lowest * (spacing[1] * stack.row if name == 0 else spacing[0] * stack.column)
        if drift:
            corrections.append(f"gantry tilt {_tilt(stack)} sheared")
        if stray > 0.5 * min(spacing):
            corrections.append(f"slices up to {stray:.1f} mm off line moved within their planes")
    gaps = stack.gaps
    step = float(stack.distances[-1] / max(1, len(gaps)))
    if len(gaps) and (gaps.max() - gaps.min()) > max(_EVEN * step, 0.01):
        images, step = _equalize(images, stack)
        corrections.append(f"slice spacing {_spacings(gaps)} mm equalized to {step:.2f} mm")
    affine: Affine = np.eye(4)
    affine[:3, 0], affine[:3, 1], affine[:3, 2] = stack.row * spacing[1], stack.column * spacing[0], stack.normal * step
    affine[:3, 3] = origin
    return Volume(images.transpose(2, 1, 0), np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine), corrections


def _tilt(stack: Stack) -> str:
    """The tilt as a signed angle, positive as GantryDetectorTilt is: the top of the image plane leans to the feet."""
    sign = -1.0 if stack.shear[1] > 0 else 1.0
    return f"{sign * stack.tilt_degrees:+.1f}°"


def _spacings(gaps: NDArray[np.float64]) -> str:
    """The distances of the zones, such as "4.00/7.00"; a range where no zone is long."""
    means = [f"{gap:.2f}" for gap, length, _ in _zones(gaps) if length >= 3]
    if len(set(means)) > 1:
        return "/".join(dict.fromkeys(means))
    return f"{gaps.min():.2f}–{gaps.max():.2f}"


def _shift(images: NDArray[Any], shifts: NDArray[np.float64], axis: int, fill: float) -> tuple[NDArray[Any], int]:
    """Move each slice along an in-plane axis by its own number of pixels, linearly; also the new first index."""
    if np.abs(shifts).max() < 1e-3:
        return images, 0
    lowest, highest = int(np.floor(shifts.min() + 1e-6)), int(np.ceil(shifts.max() - 1e-6))
    shape = list(images.shape)
    size = shape[axis]
    shape[axis] += highest - lowest
    out = np.full(shape, fill, dtype=images.dtype)
    moved_out, moved_in = np.moveaxis(out, axis, 1), np.moveaxis(images, axis, 1)
    for source, target, shift in zip(moved_in, moved_out, shifts - lowest, strict=True):
        whole = int(np.floor(shift + 1e-6))
        part = max(0.0, float(shift) - whole)
        if part < 1e-3:
            target[whole : whole + size] = source
            continue
        padded = np.full((size + 2, source.shape[1]), fill, dtype=np.float32)
        padded[1:-1] = source
        target[whole : whole + size + 1] = _as(images.dtype, padded[1:] + part * (padded[:-1] - padded[1:]))
    return out, lowest


def _equalize(images: NDArray[Any], stack: Stack) -> tuple[NDArray[Any], float]:
    """Slices at even distances from the first to the last, linear between the two nearest.

    The new distance is the smallest old one, but no more than twice as many slices are made (as dcm2niix does); a
    stack that is merely imprecise keeps its number of slices.
    """
    gaps, extent = stack.gaps, float(stack.distances[-1])
    if gaps.max() - gaps.min() <= 2 * _ZONE * float(np.median(gaps)):
        count = len(images)
    else:
        count = min(int(np.ceil(extent / gaps.min())) + 1, 2 * len(images))
    places = np.linspace(0, extent, count)
    out = np.empty((count, *images.shape[1:]), dtype=images.dtype)
    below = np.clip(np.searchsorted(stack.distances, places, side="right") - 1, 0, len(images) - 2)
    for index, (low, place) in enumerate(zip(below, places, strict=True)):
        part = np.float32((place - stack.distances[low]) / gaps[low])
        lower, upper = images[low].astype(np.float32), images[low + 1].astype(np.float32)
        out[index] = _as(images.dtype, lower + part * (upper - lower))
    return out, float(extent / (count - 1))


def _as(dtype: np.dtype[Any], values: NDArray[Any]) -> NDArray[Any]:
    """Values in another dtype, rounded if it is whole."""
    return np.rint(values).astype(dtype) if np.issubdtype(dtype, np.integer) else values.astype(dtype)


def unsheared(volume: Volume, fill: float) -> tuple[Volume, list[str]]:
    """A volume whose slice axis leans (a NIfTI file of a tilted scan) on a straight grid.

    Raises:
        ImportRefused: no two of its axes are at right angles.
    """
    lengths = np.linalg.norm(volume.affine[:3, :3], axis=0)
    directions = volume.affine[:3, :3] / lengths
    leaning = np.abs(directions.T @ directions - np.eye(3))
    slice_axis = next((a for a in (2, 1, 0) if leaning[(a + 1) % 3, (a + 2) % 3] < 1e-3), None)
    if slice_axis is None:
        raise ImportRefused(
            "the axes of its grid are not at right angles to each other.", "Convert it again from DICOM."
        )
    first, second = ((slice_axis + 1) % 3, (slice_axis + 2) % 3)
    lps = np.diag([-1.0, -1.0, 1.0]) @ volume.affine[:3, :]
    count = volume.voxels.shape[slice_axis]
    positions = lps[:, 3] + np.arange(count)[:, None] * lps[:, slice_axis]
    stack = stack_slices(positions, np.concatenate([lps[:, first] / lengths[first], lps[:, second] / lengths[second]]))
    images = volume.voxels.transpose(slice_axis, second, first)[stack.order]
    return straighten(images, stack, (float(lengths[second]), float(lengths[first])), fill)
