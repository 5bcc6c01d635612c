"""Label maps: carried between grids, cleaned, mirrored, compared.

A label map is a `Volume` of uint8 whose values are the codes of a region scheme; 0 is everything else.
"""

import warnings
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ctworkbench.core.errors import VolumeError
from ctworkbench.core.schemes import Scheme
from ctworkbench.core.volume import Affine, Grid, Volume

Box = tuple[slice, slice, slice]

_NEIGHBOURS = np.ones((3, 3, 3), dtype=bool)


def resample_labels(labels: Volume, grid: Grid, codes: Sequence[int]) -> Volume:
    """A label map on another grid of the same patient space, with smooth borders instead of nearest voxels.

    Each region's indicator is interpolated linearly and the largest wins, the background (one minus their sum) too.
    Only the box of each region is visited. Sheared grids are met exactly. Values outside `codes` become 0.

    Args:
        labels: uint8, axes (x, y, z).
        grid: where the labels are wanted; it may be turned, sheared, coarser or finer.
        codes: region codes to carry, each 1 to 255.

    Returns:
        uint8 on `grid`.
    """
    if grid.matches(labels.grid):
        return Volume(_only(labels.voxels, codes), grid.affine)
    source = labels.voxels
    back = np.linalg.inv(labels.affine) @ grid.affine
    found = ndimage.find_objects(source, max_label=max(codes, default=0))
    boxes = {code: found[code - 1] for code in codes if found[code - 1] is not None}
    wanted = np.zeros(grid.shape, dtype=np.uint8)
    frame = _union(_target_box(box, back, grid.shape) for box in boxes.values())
    if frame is None:
        return Volume(wanted, grid.affine)
    best = np.zeros([s.stop - s.start for s in frame], dtype=np.float32)
    total = np.zeros_like(best)
    winner = wanted[frame]
    for code, box in boxes.items():
        target = _target_box(box, back, grid.shape)
        if target is None:
            continue
        share = _sample((source[box] == code).astype(np.float32), box, back, target)
        here = _within(target, frame)
        total[here] += share
        ahead = share > best[here]
        best[here][ahead] = share[ahead]
        winner[here][ahead] = code
    winner[best <= 1 - total] = 0
    return Volume(wanted, grid.affine)


def labels_from_probabilities(
    probabilities: NDArray, affine: Affine, grid: Grid, codes: Sequence[int] | None = None
) -> Volume:
    """The most probable region of every voxel of `grid`; probabilities are interpolated linearly, then compared.

    Args:
        probabilities: (1 + regions, x, y, z), float; channel 0 is the background.
        affine: 4×4, voxel index of `probabilities` → RAS+ mm.
        grid: where the labels are wanted; may be sheared.
        codes: code of each channel after the first; 1, 2, 3 … when left out.

    Returns:
        uint8 on `grid`; 0 outside the probabilities.
    """
    channels = probabilities.shape[0]
    numbers = list(range(1, channels)) if codes is None else list(codes)
    if probabilities.ndim != 4 or len(numbers) != channels - 1:
        raise VolumeError(f"Probabilities of shape {probabilities.shape} do not fit {len(numbers)} regions.")
    back = np.linalg.inv(affine) @ grid.affine
    wanted = np.zeros(grid.shape, dtype=np.uint8)
    boxes: dict[int, Box] = {}
    for channel, code in enumerate(numbers, start=1):
        # below 1/channels nothing can win, and a linear interpolation never exceeds its corners
        found = ndimage.find_objects((probabilities[channel] >= 0.99 / channels).astype(np.uint8), max_label=1)
        if found[0] is not None and code:
            boxes[channel] = found[0]
    frame = _union(_target_box(box, back, grid.shape) for box in boxes.values())
    if frame is None:
        return Volume(wanted, grid.affine)
    whole = _whole(probabilities.shape[1:])
    best = 1 - _sample(1 - probabilities[0].astype(np.float32), whole, back, frame)
    winner = wanted[frame]
    for channel, box in boxes.items():
        target = _target_box(box, back, grid.shape)
        if target is None:
            continue
        wide = _grown(box, probabilities.shape[1:])
        share = _sample(probabilities[channel][wide].astype(np.float32), wide, back, target)
        here = _within(target, frame)
        ahead = share > best[here]
        best[here][ahead] = share[ahead]
        winner[here][ahead] = numbers[channel - 1]
    return Volume(wanted, grid.affine)


def keep_largest_components(labels: Volume, codes: Sequence[int]) -> Volume:
    """One connected piece per region (3D, 26 neighbours): the largest stays, islands go to what surrounds them.

    An island takes the region that most of the voxels touching it belong to, among the pieces that stay; one that
    touches no region becomes 0. The order of the codes does not matter. Values outside `codes` are left alone.
    """
    source = labels.voxels
    kept = source.copy()
    islands: list[tuple[Box, NDArray[np.bool_]]] = []
    for code, box in enumerate(ndimage.find_objects(source, max_label=max(codes, default=0)), start=1):
        if box is None or code not in codes:
            continue
        pieces, count = ndimage.label(source[box] == code, structure=_NEIGHBOURS)
        if count < 2:
            continue
        sizes = np.bincount(pieces.ravel())[1:]
        largest = int(sizes.argmax()) + 1
        for number, piece in enumerate(ndimage.find_objects(pieces), start=1):
            if number == largest or piece is None:
                continue
            x, y, z = (slice(o.start + s.start, o.start + s.stop) for o, s in zip(box, piece, strict=True))
            place = (x, y, z)
            islands.append((place, pieces[piece] == number))
            kept[place][islands[-1][1]] = 0
    cleaned = kept.copy()
    for place, island in islands:
        wide = _grown(place, source.shape)
        inner = _within(place, wide)
        grown = np.zeros([s.stop - s.start for s in wide], dtype=bool)
        grown[inner] = island
        touching = kept[wide][ndimage.binary_dilation(grown, _NEIGHBOURS) & ~grown]
        votes = np.bincount(touching[touching > 0], minlength=2)
        if votes.any():
            cleaned[place][island] = votes.argmax()
    return Volume(cleaned, labels.affine)


def mirror(labels: Volume, scheme: Scheme) -> Volume:
    """The label map of the mirrored head: flipped about the middle of its grid, left and right codes swapped.

    The array axis that runs closest to left–right is flipped; the affine stays, so an image flipped along the same axis
    belongs to the result. Twice is the identity.
    """
    axis = left_right_axis(labels.affine)
    return Volume(scheme.mirror_table[np.flip(labels.voxels, axis)], labels.affine)


def left_right_axis(affine: Affine) -> int:
    """The array axis that runs closest to the patient's left–right."""
    letters = Grid((1, 1, 1), affine).axcodes
    return next(axis for axis, letter in enumerate(letters) if letter in "RL")


def dice(a: NDArray, b: NDArray, codes: Sequence[int]) -> dict[int, float]:
    """Dice overlap 2·|A ∩ B| / (|A| + |B|) of every region (Dice 1945); NaN for a region that is in neither.

    Args:
        a: uint8 label map.
        b: uint8 label map of the same shape, on the same grid.
        codes: the regions to compare.

    Raises:
        VolumeError: the shapes differ.
    """
    if a.shape != b.shape:
        raise VolumeError(
            f"Label maps of shapes {a.shape} and {b.shape} cannot be compared.", "Bring them to one grid."
        )
    pairs = a.astype(np.uint16) * np.uint16(256)
    pairs += b
    counts = np.bincount(pairs.ravel(order="K"), minlength=65536).reshape(256, 256)
    in_a, in_b, in_both = counts.sum(1), counts.sum(0), np.diagonal(counts)
    return {
        code: float(2 * in_both[code] / (in_a[code] + in_b[code])) if in_a[code] + in_b[code] else float("nan")
        for code in codes
    }


def _only(voxels: NDArray, codes: Sequence[int]) -> NDArray[np.uint8]:
    """Voxels of `codes`, 0 elsewhere."""
    table = np.zeros(256, dtype=np.uint8)
    table[list(codes)] = list(codes)
    return table[voxels]


def _whole(shape: Sequence[int]) -> Box:
    return (slice(0, shape[0]), slice(0, shape[1]), slice(0, shape[2]))


def _target_box(box: Box, back: Affine, shape: tuple[int, int, int]) -> Box | None:
    """The box of target voxels that a source box can reach by linear interpolation, or None if outside the grid."""
    forward = np.linalg.inv(back)
    corners = np.array(np.meshgrid(*[(s.start - 1, s.stop) for s in box])).reshape(3, -1)
    reached = forward[:3, :3] @ corners + forward[:3, 3:]
    start = np.maximum(np.ceil(reached.min(1) - 1e-6).astype(int), 0)
    stop = np.minimum(np.floor(reached.max(1) + 1e-6).astype(int) + 1, shape)
    if (stop <= start).any():
        return None
    return (slice(start[0], stop[0]), slice(start[1], stop[1]), slice(start[2], stop[2]))


def _union(boxes: Iterable[Box | None]) -> Box | None:
    """The smallest box around boxes; None if there are none."""
    found = [box for box in boxes if box is not None]
    if not found:
        return None
    x, y, z = (slice(min(b[i].start for b in found), max(b[i].stop for b in found)) for i in range(3))
    return (x, y, z)


def _grown(box: Box, shape: Sequence[int]) -> Box:
    """A box with one voxel more on every side, where the array has it."""
    x, y, z = (slice(max(0, s.start - 1), min(n, s.stop + 1)) for s, n in zip(box, shape, strict=True))
    return (x, y, z)


def _within(box: Box, frame: Box) -> Box:
    """A box of the grid, counted from the corner of `frame`."""
    x, y, z = (slice(b.start - f.start, b.stop - f.start) for b, f in zip(box, frame, strict=True))
    return (x, y, z)


def _sample(values: NDArray[np.float32], box: Box, back: Affine, target: Box) -> NDArray[np.float32]:
    """`values`, standing at `box` of the source, seen at the voxels `target` of the grid; fades to 0 outside."""
    padded = np.pad(values, 1)
    matrix = back[:3, :3]
    start = np.array([s.start for s in target], dtype=float)
    offset = matrix @ start + back[:3, 3] - np.array([s.start - 1 for s in box], dtype=float)
    straight = bool(np.abs(matrix - np.diag(np.diag(matrix))).max() < 1e-9)
    shape = tuple(s.stop - s.start for s in target)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The behavior of affine_transform with a 1-D array")
        # a diagonal is done faster
        way = np.diag(matrix) if straight else matrix
        return ndimage.affine_transform(padded, way, offset, output_shape=shape, output=np.float32, order=1)
