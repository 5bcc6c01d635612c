"""A child's shape from an adult's head: one diffeomorphism that is random, and steered to wanted volumes.

The map from the adult to the child is A ∘ exp(v): the exponential of a stationary velocity field (Arsigny et al.,
MICCAI 2006), then a scaling along the axes. The field is the sum of a random smooth part, a part that shrinks the face,
and a part that steers the regions: a flow whose divergence is the wanted change of log volume, found by fixed-point
iteration. All of it lives on cells of about 4 mm of the adult's head.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ctworkbench.core.phantom_child import Child
from ctworkbench.core.phantom_flow import Field, Steering, exponential, jacobian
from ctworkbench.core.phantom_head import REGIONS, VENTRICLE_REGION, VENTRICLES, Head, PhantomError, region_at

_CELL_MM = 4.0
_MARGIN_CELLS = 4
_ITERATIONS = 30
_CLOSE_ENOUGH = 0.003
_COUNTED_CLOSE_ENOUGH = 0.006
_TOO_FAR = 0.015
_ROUNDS = 4
_COUNT_MM = 1.5
_REACH_MM = 12.0
_GAIN = 1.7  # smoothing takes part of every correction away
_FACE_LOG_SHRINK = -0.35
_CSF_SHELL_MM = 1.5


@dataclass(frozen=True, eq=False)
class Shape:
    """The map from the child, in mm about the middle of the brain, back to the voxels of the adult's head.

    Attributes:
        head: the adult's head.
        cell: number of voxels along each axis of a cell.
        displacement: float32, (3, cells x, y, z): what is added, in cells, to a cell's place to find its adult place.
        scale: child mm per adult mm along (x, y, z).
        smallest_jacobian: least determinant of the forward and the backward map, over all cells.
        steps: iterations that the steering took.
    """

    head: Head
    cell: NDArray[np.float64]
    displacement: Field
    scale: NDArray[np.float64]
    smallest_jacobian: float
    steps: int

    def source(self, origin: NDArray[np.float64], step: float, count: NDArray[np.int_]) -> NDArray[np.float32]:
        """Voxel coordinates in the adult's head, (3, x, y, z), of a regular grid in the child's frame (RAS+ mm).

        The displacement is interpolated by cubic splines, one axis after the other.
        """
        mm = self.scale * self.head.spacing
        places = [(origin[k] + step * np.arange(count[k])) / mm[k] + self.head.centre[k] for k in range(3)]
        moved = self.displacement
        for k in range(3):
            cells = _cells(places[k].astype(np.float32), np.float32(self.cell[k]))
            unit = np.eye(moved.shape[k + 1])
            weights = np.stack([ndimage.map_coordinates(row, [cells], order=3, mode="nearest") for row in unit])
            moved = np.moveaxis(np.tensordot(moved, weights.astype(np.float32), axes=(k + 1, 0)), -1, k + 1)
        steady = np.stack(np.meshgrid(*places, indexing="ij")).astype(np.float32)
        return np.asarray(steady + moved * self.cell.astype(np.float32).reshape(3, 1, 1, 1), dtype=np.float32)


def shape_child(
    head: Head, child: Child, targets: NDArray[np.float64], rng: np.random.Generator | None, tick: Callable[[], None]
) -> Shape:
    """Find the map under which the head's regions get the child's volumes.

    Args:
        head: the adult.
        child: for the cephalic index and the thickness of the skull.
        targets: volumes in cm³ of the codes 1 to 10, then of the ventricles.
        rng: draws the random part; None for a child with none of it, which keeps the adult's gyri and sulci.
        tick: called often; may raise to end the work.

    Raises:
        PhantomError: the steering did not come within 1.5 %, or the map would fold.
    """
    cell = np.maximum(1, np.round(_CELL_MM / head.spacing))
    size = cell * head.spacing
    amounts = _amounts(head, cell)
    fractions = (amounts / np.prod(size)).astype(np.float32)
    steering = Steering(fractions.sum(axis=0), size)
    velocity = steering.flow(_FACE_LOG_SHRINK * _face(head, cell))
    if rng is not None:
        velocity = _random_velocity(fractions.shape[1:], size, rng) + velocity
    surface = _surface(head, cell)
    wanted = targets * 1000.0
    bias = np.zeros(len(wanted))  # log of what a voxel count gives over what the Jacobian on the cells says
    scale, steps, worst = np.ones(3), 0, np.inf
    missing = np.zeros(len(wanted))
    shape: Shape | None = None
    for _ in range(_ROUNDS):
        while steps < _ITERATIONS:
            tick()
            steps += 1
            forward = exponential(velocity)
            volumes = np.tensordot(amounts, jacobian(forward), axes=3) * np.exp(bias)
            scale = _scale(wanted[:REGIONS].sum() / volumes[:REGIONS].sum(), surface, forward, size, child)
            missing = np.log(wanted / (np.prod(scale) * volumes))
            if np.abs(missing[:REGIONS]).max() < _CLOSE_ENOUGH:
                break
            missing[REGIONS:] = np.clip(missing[REGIONS:], -0.2, 0.2)
            velocity = velocity + steering.flow(np.tensordot(_GAIN * missing, fractions, axes=1))
        backward = exponential(-velocity)
        smallest = float(min(jacobian(exponential(velocity)).min(), jacobian(backward).min()))
        shape = Shape(head, cell, backward, scale, smallest, steps)
        tick()
        off = np.log(_count(shape) / wanted[:REGIONS])
        worst = float(np.abs(off).max())
        if worst < _COUNTED_CLOSE_ENOUGH or steps >= _ITERATIONS:
            break
        bias[:REGIONS] += off + missing[:REGIONS]
    if shape is None or worst > _TOO_FAR or shape.smallest_jacobian <= 0:
        least = shape.smallest_jacobian if shape else 0.0
        raise PhantomError(
            f"{head.name} could not be given the wanted volumes (off by {worst:.1%}, smallest Jacobian {least:.2f}).",
            "Choose another head or another seed.",
        )
    return shape


def _count(shape: Shape) -> NDArray[np.float64]:
    """Volume in mm³ of each region of the child, counted on a grid of 1.5 mm as it will be on a scan."""
    low, high = shape.head.brain_box
    reach = (np.stack([low, high]) - shape.head.centre) * shape.head.spacing * shape.scale * 1.15
    reach += np.array([[-_REACH_MM], [_REACH_MM]])
    count = np.ceil((reach[1] - reach[0]) / _COUNT_MM).astype(int) + 1
    voxels = shape.source(reach[0], _COUNT_MM, count).reshape(3, -1)
    near = ndimage.binary_dilation(shape.head.labels > 0)
    nearest = [np.clip(np.rint(v), 0, n - 1).astype(np.int32) for v, n in zip(voxels, near.shape, strict=True)]
    found = region_at(shape.head.labels, voxels[:, near[tuple(nearest)]])
    return np.asarray(np.bincount(found, minlength=REGIONS + 1)[1:] * _COUNT_MM**3, dtype=np.float64)


def _random_velocity(shape: tuple[int, ...], size: NDArray[np.float64], rng: np.random.Generator) -> Field:
    """Two scales of smooth noise, in cells: 4 mm over lengths of 28 mm, and 1.5 mm over 12 mm (root mean squares)."""
    velocity = np.zeros((3, *shape), dtype=np.float32)
    for amplitude_mm, length_mm in ((4.0, 28.0), (1.5, 12.0)):
        for axis in range(3):
            noise = ndimage.gaussian_filter(
                rng.standard_normal(shape, dtype=np.float32), length_mm / size, mode="reflect"
            )
            velocity[axis] += noise * np.float32(amplitude_mm / (size[axis] * noise.std()))
    return velocity


def _scale(
    grow: float, surface: NDArray[np.float32], forward: Field, size: NDArray[np.float64], child: Child
) -> NDArray[np.float64]:
    """Scaling along the axes that multiplies volumes by `grow` and gives the skull its cephalic index."""
    moved = np.stack([ndimage.map_coordinates(part, surface, order=1, mode="nearest") for part in forward[:2]])
    width, length = np.ptp(surface[:2] + moved, axis=1) * size[:2]
    shell = 2 * (float(np.mean(child.bone_mm)) + _CSF_SHELL_MM)
    ratio, s = child.cephalic_index / 100, grow ** (1 / 3)
    # (s·w·r + shell) = ratio · (s·l / r + shell), solved for r > 0
    b = shell * (1 - ratio)
    r = (-b + np.sqrt(b**2 + 4 * s**2 * width * length * ratio)) / (2 * s * width)
    return np.array([s * r, s / r, s])


def _cells(voxels: NDArray[np.float32], cell: NDArray[np.float32] | np.float32) -> NDArray[np.float32]:
    """Cell coordinates of voxel coordinates."""
    return (voxels + np.float32(0.5)) / cell + np.float32(_MARGIN_CELLS - 0.5)


def _amounts(head: Head, cell: NDArray[np.float64]) -> NDArray[np.float64]:
    """Volume in mm³ of each region (codes 1 to 10, then ventricles) in each cell: (11, cells x, y, z)."""
    what = head.labels.copy()
    what[head.is_tissue(VENTRICLES) & (what == 0)] = VENTRICLE_REGION
    shape = _grid(head, cell)
    where = np.nonzero(what)
    index = np.ravel_multi_index([w // int(c) + _MARGIN_CELLS for w, c in zip(where, cell, strict=True)], shape)
    total = int(np.prod(shape))
    flat = np.bincount(index + total * (what[where].astype(np.int64) - 1), minlength=total * VENTRICLE_REGION)
    return np.asarray(flat.reshape(VENTRICLE_REGION, *shape) * float(np.prod(head.spacing)), dtype=np.float64)


def _grid(head: Head, cell: NDArray[np.float64]) -> tuple[int, int, int]:
    x, y, z = (-(-n // int(c)) + 2 * _MARGIN_CELLS for n, c in zip(head.labels.shape, cell, strict=True))
    return (x, y, z)


def _surface(head: Head, cell: NDArray[np.float64]) -> NDArray[np.float32]:
    """Cell coordinates (3, n) of the voxels at the rim of the ten regions, which bound the width and the length."""
    mask = head.labels > 0
    rim = mask & ~ndimage.binary_erosion(mask)
    return _cells(np.stack(np.nonzero(rim)).astype(np.float32), cell.astype(np.float32)[:, None])


def _face(head: Head, cell: NDArray[np.float64]) -> Field:
    """How much of each cell is face and jaw: below the vault and away from the brain, soft-edged."""
    shape = _grid(head, cell)
    centres = (np.indices(shape, dtype=np.float32) - _MARGIN_CELLS + 0.5) * cell.astype(np.float32).reshape(
        3, 1, 1, 1
    ) - 0.5
    below = np.clip(-head.above_base(centres[1], centres[2]) / 15.0, 0.0, 1.0)
    forward = np.clip((centres[1] - head.centre[1]) * head.spacing[1] / 15.0, 0.0, 1.0)
    brain = np.zeros(shape, dtype=np.float32)
    inside = np.clip(np.round(centres), 0, np.array(head.labels.shape).reshape(3, 1, 1, 1) - 1).astype(int)
    brain[:] = head.labels[tuple(inside)] > 0
    away = 1 - np.clip(ndimage.gaussian_filter(brain, 1.5) * 4, 0.0, 1.0)
    return (below * forward * away).astype(np.float32)
