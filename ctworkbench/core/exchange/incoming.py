"""A label map that another program has written, checked before it is believed.

Its grid must be that of the scan, in whatever order and direction its axes run; its values or segment names must be
those of the scheme; left must lie on the left. What cannot be known for sure is refused with numbers and a remedy.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ctworkbench.core.errors import VolumeError
from ctworkbench.core.exchange.slicer import Segment, Segmentation, read_segmentation
from ctworkbench.core.measure import check, swapped_sides
from ctworkbench.core.schemes import Region, Scheme
from ctworkbench.core.volume import Grid, Volume, read_nifti
from ctworkbench.core.wording import count

SUFFIXES = (".nii", ".nii.gz", ".nrrd")
_TOLERANCE_MM = 0.05
_SAME_GRID = (
    "Draw on the image that was exported with it, and save on its grid: in 3D Slicer choose that image as the "
    "segmentation's source geometry."
)


@dataclass(frozen=True, eq=False)
class Incoming:
    """A label map that fits its scan.

    Attributes:
        labels: uint8 codes of the scheme on the scan's own grid.
        notes: what a reader should know of it, a sentence each.
        drawn_from: the mark that a segmentation was written with; "" if there is none.
    """

    labels: Volume
    notes: tuple[str, ...]
    drawn_from: str = ""


def read_label_file(path: Path, grid: Grid, scheme: Scheme) -> Incoming:
    """Read a label map from NIfTI (`.nii`, `.nii.gz`), from a segmentation of 3D Slicer or any other NRRD label map.

    Args:
        path: the file.
        grid: of the scan that it belongs to.
        scheme: what its codes mean; segments are found by name or ID, whatever their values.

    Raises:
        VolumeError: unreadable; another grid; values or segments that the scheme lacks; segments that overlap; nothing
            drawn; left and right swapped.
    """
    if not path.name.lower().endswith(SUFFIXES):
        raise VolumeError(f"{path.name} is no label map that can be read.", f"Give one of {', '.join(SUFFIXES)}.")
    if not path.is_file():
        raise VolumeError(f"There is no file {path}.", "Check the path.")
    notes: list[str] = []
    mark = ""
    if path.name.lower().endswith(".nrrd"):
        content = read_segmentation(path)
        mark = content.drawn_from
        if content.segments:
            labels, notes = _from_segments(content, scheme, path.name)
        else:
            labels = _from_values(_only_layer(content, path.name), scheme, path.name)
    else:
        labels = _from_values(read_nifti(path), scheme, path.name)
    if not labels.voxels.any():
        raise VolumeError(f"{path.name} is empty: no region is drawn in it.", "Check which file was saved.")
    placed = fit_to_grid(labels, grid, path.name)
    swapped = swapped_sides(placed, scheme)
    if swapped:
        raise VolumeError(
            f"{path.name} has left and right swapped in the patient: {', '.join(swapped)}.",
            "Check the names of the segments, or how the file was turned on its way.",
        )
    return Incoming(placed, (*notes, *check(placed, scheme)), mark)


def fit_to_grid(labels: Volume, grid: Grid, name: str) -> Volume:
    """The label map on the scan's grid: axes turned and flipped back, a part put in its place; nothing is resampled.

    Args:
        labels: whole-number codes; its grid is the scan's, a turned or flipped one, or a part of it.
        grid: of the scan.
        name: of the file, for the message.

    Raises:
        VolumeError: its voxels do not lie on those of the scan (to 0.05 mm), or something is drawn outside the scan.
    """
    between = np.linalg.inv(grid.affine) @ labels.affine
    steps = np.rint(between[:3, :3]).astype(int)
    offset = np.rint(between[:3, 3]).astype(int)
    rounded = np.eye(4)
    rounded[:3, :3], rounded[:3, 3] = steps, offset
    if not np.array_equal(np.abs(steps) @ np.abs(steps).T, np.eye(3)) or (
        _farthest(labels.grid, grid.affine @ rounded) > _TOLERANCE_MM
    ):
        raise VolumeError(
            f"{name} does not stand on the grid of its scan: {_difference(labels.grid, grid)}.", _SAME_GRID
        )
    # the file's axis that runs along each axis of the scan, and its direction there
    order = [int(np.flatnonzero(row)[0]) for row in steps]
    signs = [int(row.sum()) for row in steps]
    turned = labels.voxels.transpose(order)[tuple(slice(None, None, sign) for sign in signs)]
    start = [
        int(first) if sign > 0 else int(first) - (size - 1)
        for first, sign, size in zip(offset, signs, turned.shape, strict=True)
    ]
    inside = tuple(
        slice(max(0, -first), max(0, min(size, room - first)))
        for first, size, room in zip(start, turned.shape, grid.shape, strict=True)
    )
    lost = int(np.count_nonzero(turned)) - int(np.count_nonzero(turned[inside]))
    if lost:
        raise VolumeError(f"{name} holds {count(lost, 'voxel')} drawn outside the scan.", "Check which scan it is of.")
    placed = np.zeros(grid.shape, np.uint8, order="F")
    there = tuple(slice(first + part.start, first + part.stop) for first, part in zip(start, inside, strict=True))
    placed[there] = turned[inside]
    return Volume(placed, grid.affine)


def _farthest(grid: Grid, affine: NDArray[np.float64]) -> float:
    """Distance in mm by which another affine misplaces the worst corner of a grid."""
    corners = np.array(np.meshgrid(*[(0, size - 1) for size in grid.shape])).reshape(3, -1)
    away = (grid.affine - affine) @ np.vstack([corners, np.ones(8)])
    return float(np.linalg.norm(away[:3], axis=0).max())


def _difference(grid: Grid, wanted: Grid) -> str:
    """How two grids differ, in words with numbers."""
    ours, theirs = _axes_sorted(wanted), _axes_sorted(grid)
    said = [f"{_size(*theirs)}, where the scan has {_size(*ours)}"]
    corner = np.linalg.norm(_middle(grid) - _middle(wanted))
    said.append(f"its middle lies {corner:.1f} mm from the scan's")
    cosine = _directions(grid).T @ _directions(wanted)
    # how far its axes are from any axis of the scan, whichever way round
    turn = np.degrees(np.arccos(np.clip(np.abs(cosine).max(axis=0), 0, 1))).max()
    if turn > 0.05:
        said.append(f"its axes are turned by {turn:.1f}°")
    return "; ".join(said)


def _axes_sorted(grid: Grid) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Shape and spacing with the axes in the order right, anterior, superior."""
    places = np.abs(_directions(grid)).argmax(axis=0)
    order = np.argsort(places, kind="stable")
    return tuple(grid.shape[axis] for axis in order), tuple(grid.spacing[axis] for axis in order)


def _size(shape: Sequence[int], spacing: Sequence[float]) -> str:
    lengths = " × ".join(f"{length:.3f}" for length in spacing)
    return f"{' × '.join(map(str, shape))} voxels of {lengths} mm"


def _directions(grid: Grid) -> NDArray[np.float64]:
    return grid.affine[:3, :3] / np.array(grid.spacing)


def _middle(grid: Grid) -> NDArray[np.float64]:
    return (grid.affine @ np.array([*((size - 1) / 2 for size in grid.shape), 1.0]))[:3]


def _only_layer(content: Segmentation, name: str) -> Volume:
    """The one layer of a NRRD without segments."""
    first, *others = content.layers
    if others:
        raise VolumeError(f"{name} holds {len(content.layers)} layers and no segments.", "Give a label map.")
    return first


def _from_values(labels: Volume, scheme: Scheme, name: str) -> Volume:
    """A label map whose values are codes."""
    voxels = labels.voxels
    values, counts = np.unique(voxels, return_counts=True)
    wrong = [(value, number) for value, number in zip(values, counts, strict=True) if value not in (0, *scheme.codes)]
    if len(wrong) > 20:
        raise VolumeError(
            f"{name} is no label map: it holds {len(values)} values from {values[0]:g} to {values[-1]:g}.",
            "Give the label map, not the image.",
        )
    if wrong:
        said = ", ".join(f"{value:g} ({count(int(number), 'voxel')})" for value, number in wrong)
        raise VolumeError(
            f"{name} holds values that the scheme {scheme.name} lacks: {said}.",
            f"It has {min(scheme.codes)} to {max(scheme.codes)}; give these voxels one of its codes, or 0.",
        )
    return Volume(voxels.astype(np.uint8), labels.affine)


def _from_segments(content: Segmentation, scheme: Scheme, file: str) -> tuple[Volume, list[str]]:
    """A label map from segments, each found in the scheme by its name, else by its ID."""
    first = content.layers[0]
    codes = np.zeros(first.voxels.shape, np.uint8, order="F")
    taken: dict[int, str] = {}
    notes: list[str] = []
    unknown: list[str] = []
    drawn: list[tuple[Region, Segment]] = []
    for segment in content.segments:
        there = content.layers[segment.layer].voxels == segment.value
        if not there.any():
            continue
        by_name, by_id = _region(segment.name, scheme), _region(segment.identifier, scheme)
        region = by_name or by_id
        if region is None:
            unknown.append(segment.name or segment.identifier)
            continue
        if by_name is not None and by_id is not None and by_name is not by_id:
            notes.append(f"the segment {segment.name!r} was that of {by_id.title}; its name was taken as it stands.")
        if region.code in taken:
            raise VolumeError(
                f"{file}: two segments are {region.title}: {taken[region.code]!r} and {segment.name!r}.",
                "Join them, or rename one.",
            )
        taken[region.code] = segment.name
        drawn.append((region, segment))
        codes[there & (codes == 0)] = region.code
    if unknown:
        raise VolumeError(
            f"{file} holds segments that the scheme {scheme.name} lacks: {', '.join(map(repr, unknown))}.",
            f"Rename or remove them. It has {', '.join(region.title for region in scheme.regions)}.",
        )
    _refuse_overlap(content, drawn, file)
    _refuse_nameless(content, file)
    return Volume(codes, first.affine), notes


def _refuse_overlap(content: Segmentation, drawn: Sequence[tuple[Region, Segment]], file: str) -> None:
    """Segments of several layers may share voxels; a label map cannot say so."""
    said: list[str] = []
    for (one, a), (other, b) in combinations(drawn, 2):
        if a.layer != b.layer:
            both = (content.layers[a.layer].voxels == a.value) & (content.layers[b.layer].voxels == b.value)
            if both.any():
                said.append(f"{one.title} and {other.title} ({count(int(both.sum()), 'voxel')})")
    if said:
        raise VolumeError(
            f"{file}: segments overlap: {', '.join(said)}.",
            "A voxel belongs to one region: in 3D Slicer subtract one from the other (Logical operators).",
        )


def _refuse_nameless(content: Segmentation, file: str) -> None:
    """Voxels that belong to no segment would be lost without a word."""
    for number, layer in enumerate(content.layers):
        known = [0, *(segment.value for segment in content.segments if segment.layer == number)]
        lost = int(np.count_nonzero(~np.isin(layer.voxels, known)))
        if lost:
            raise VolumeError(
                f"{file} holds {count(lost, 'voxel')} that belong to no segment.", "Save it again in 3D Slicer."
            )


def _region(name: str, scheme: Scheme) -> Region | None:
    """The region of a name as people write it: its name or title, in any case, spaces or strokes between the words."""
    wanted = _plain(name)
    for region in scheme.regions:
        if wanted in (region.name, _plain(region.title), _plain(region.title.removesuffix(" lobe"))):
            return region
    return None


def _plain(name: str) -> str:
    return re.sub(r"[\s_\-]+", "_", name.strip().lower())
