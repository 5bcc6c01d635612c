"""The midsagittal plane of a head, wherever the head is turned to."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.label_edits.drawing import Drawing
from ctworkbench.core.label_maps import Box

Points = NDArray[np.float64]

_COARSE_MM = 4.0
_FINE_MM = 1.0
_SOFT_MM = 2.0
# Scalp and fat lie above it, air and the foam of head rests below.
_HEAD_HU = -200.0
_BONE_HU = 400.0
_MOST_POINTS = 30_000
_NEAR_MM = 25.0
# A plane that leaves more of the nearest labels on the wrong side than this was drawn by other means than anatomy.
_MISPLACED = 0.05
_LEAST_VOXELS = 200
_LEAST_LIKENESS = 0.5


@dataclass(frozen=True, eq=False)
class Midplane:
    """The plane between the halves of a head.

    Attributes:
        point: a point on it, RAS+ mm.
        normal: its unit normal, which points to the patient's right.
        source: what it was found from.
    """

    point: NDArray[np.float64]
    normal: NDArray[np.float64]
    source: Literal["labels", "symmetry"]

    @property
    def degrees(self) -> float:
        """Angle between the head's left–right and the scanner's."""
        return float(np.degrees(np.arccos(np.clip(self.normal[0], -1.0, 1.0))))

    def right_mm(self, points: Points) -> NDArray[np.float64]:
        """How far points (…, 3) in RAS+ mm lie to the right of the plane; negative on the left."""
        return (points - self.point) @ self.normal

    def reflected(self, points: Points) -> Points:
        """Points (…, 3) seen in the plane as in a mirror."""
        return points - 2 * self.right_mm(points)[..., None] * self.normal


def find_midplane(drawing: Drawing) -> Midplane:
    """The midsagittal plane: between left and right labels where these are drawn, else from the head's symmetry.

    With regions of both sides drawn, it is the plane that leaves the fewest of their voxels within 25 mm on the wrong
    side. Without, or where no plane parts them, it is the plane in which the head is most like its mirror image, by the
    correlation of its HU (Ardekani et al., IEEE Trans. Med. Imaging 1997; 16:947–952), at 4 mm. Left and right are
    those of the patient, whatever the grid and whichever codes the labels hold.

    Raises:
        WorkbenchError: there are no such labels, and no head in the image that is like its mirror image.
    """
    return _between_labels(drawing) or _of_symmetry(drawing)


def world_of(drawing: Drawing, box: Box) -> Points:
    """RAS+ mm of each voxel of a box, (x, y, z, 3)."""
    return _world(drawing.affine, np.stack(np.meshgrid(*[np.arange(s.start, s.stop) for s in box], indexing="ij"), -1))


def _world(affine: NDArray[np.float64], index: NDArray) -> Points:
    return index @ affine[:3, :3].T + affine[:3, 3]


def _normal(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """The unit normal, to the right, of a plane turned by two angles (radians) about the body's and the nose's axis."""
    direction = np.array([1.0, np.tan(angles[0]), np.tan(angles[1])])
    return direction / np.linalg.norm(direction)


def _between_labels(drawing: Drawing) -> Midplane | None:
    sides: list[Points] = []
    chance = np.random.default_rng(0)
    steps = [max(1, int(_FINE_MM / length)) for length in drawing.spacing]
    fine = tuple(slice(None, None, step) for step in steps)
    for side in ("right", "left"):
        codes = np.zeros(256, dtype=bool)
        codes[[region.code for region in drawing.scheme.regions if region.side == side]] = True
        index = np.argwhere(codes[drawing.labels[fine]]) * steps
        if len(index) < _LEAST_VOXELS:
            return None
        sides.append(_world(drawing.affine, _some(index, chance, 10 * _MOST_POINTS)))
    middles = [points.mean(axis=0) for points in sides]
    across = middles[0] - middles[1]
    if abs(across[0]) < 0.5 * np.linalg.norm(across):
        return None
    across = across * np.sign(across[0])
    centre = (middles[0] + middles[1]) / 2
    # which code lies on which side is for the reader to say: swapped labels have the same plane
    order = sides if middles[0][0] > middles[1][0] else sides[::-1]
    start = np.array([np.arctan2(across[1], across[0]), np.arctan2(across[2], across[0]), 0.0])
    plane, misplaced = start, 1.0
    for _ in range(2):
        normal = _normal(plane[:2])
        near = [_some(p[np.abs((p - centre) @ normal - plane[2]) < _NEAR_MM], chance, _MOST_POINTS) for p in order]
        if min(map(len, near)) < _LEAST_VOXELS:
            return None
        plane = _parting(near, centre, plane)
        normal = _normal(plane[:2])
        wrong = [np.mean(sign * ((p - centre) @ normal - plane[2]) < 0) for sign, p in zip((1, -1), near, strict=True)]
        misplaced = float(np.mean(wrong))
    if misplaced > _MISPLACED:
        return None
    normal = _normal(plane[:2])
    return Midplane(centre + plane[2] * normal, normal, "labels")


def _parting(near: list[Points], centre: NDArray[np.float64], start: NDArray[np.float64]) -> NDArray[np.float64]:
    """Angles and offset of the plane that leaves the smallest share of two clouds on the wrong side, softly counted."""
    from scipy.special import expit

    right, left = near

    def wrong(plane: NDArray[np.float64]) -> float:
        normal = _normal(plane[:2])
        to_right = (right - centre) @ normal - plane[2]
        to_left = (left - centre) @ normal - plane[2]
        return float(expit(-to_right / _SOFT_MM).mean() + expit(to_left / _SOFT_MM).mean())

    return _searched(wrong, start)


def _of_symmetry(drawing: Drawing) -> Midplane:
    steps = [max(1, round(_COARSE_MM / length)) for length in drawing.spacing]
    coarse = drawing.image.voxels[tuple(slice(None, None, step) for step in steps)].astype(np.float32)
    affine = drawing.affine.copy()
    affine[:3, :3] *= steps
    # opened, so that the thin shell of a head rest does not count as head
    parts, count = ndimage.label(ndimage.binary_opening(coarse > _HEAD_HU))
    if not count:
        raise _nowhere()
    head = parts == 1 + int(np.bincount(parts.ravel())[1:].argmax())
    values = np.clip(coarse, _HEAD_HU, _BONE_HU)
    values[~ndimage.binary_dilation(head)] = _HEAD_HU
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    values = ndimage.gaussian_filter(values, _COARSE_MM / spacing)
    points = _world(affine, np.argwhere(ndimage.binary_dilation(head)))
    centre = points.mean(axis=0)
    chance = np.random.default_rng(0)
    back = np.asarray(np.linalg.inv(affine), dtype=np.float64)

    def sampled(cloud: Points) -> NDArray[np.float64]:
        return ndimage.map_coordinates(values, _world(back, cloud).T, order=1, cval=_HEAD_HU)

    def unlikeness(cloud: Points, own: NDArray[np.float64]) -> Callable[[NDArray[np.float64]], float]:
        def of(plane: NDArray[np.float64]) -> float:
            normal = _normal(plane[:2])
            seen = Midplane(centre + plane[2] * normal, normal, "symmetry").reflected(cloud)
            return -float(np.corrcoef(own, sampled(seen))[0, 1])

        return of

    few = _some(points, chance, 3000)
    rough = unlikeness(few, sampled(few))
    starts = [np.radians([a, b, 0.0]) for a in range(-40, 41, 10) for b in range(-30, 31, 10)]
    best = sorted(starts, key=rough)[:3]
    best = min((_searched(rough, start) for start in best), key=rough)
    many = _some(points, chance, _MOST_POINTS)
    fine = unlikeness(many, sampled(many))
    plane = _searched(fine, best)
    if -fine(plane) < _LEAST_LIKENESS:
        raise _nowhere()
    normal = _normal(plane[:2])
    return Midplane(centre + plane[2] * normal, normal, "symmetry")


def _searched(cost: Callable[[NDArray[np.float64]], float], start: NDArray[np.float64]) -> NDArray[np.float64]:
    """The nearest minimum over two angles and an offset (Nelder and Mead 1965), begun 5° and 5 mm wide."""
    from scipy.optimize import minimize

    simplex = np.vstack([start, start + np.diag([np.radians(5), np.radians(5), 5.0])])
    options = {"initial_simplex": simplex, "xatol": 1e-3, "fatol": 1e-7, "maxiter": 250}
    return minimize(cost, start, method="Nelder-Mead", options=options).x


def _some(points: NDArray, chance: np.random.Generator, most: int) -> NDArray:
    """No more than so many of the points, drawn by chance, the same ones each time."""
    return points if len(points) <= most else points[chance.choice(len(points), most, replace=False)]


def _nowhere() -> WorkbenchError:
    return WorkbenchError(
        "The head's midsagittal plane cannot be found.", "Draw a region of each side near the midline first."
    )
