"""A child's shape from an adult's head: one diffeomorphism that is random, and steered to wanted volumes.

The map from the adult to the child is A ∘ exp(v): the exponential of a stationary velocity field (Arsigny et al.,
MICCAI 2006), then a scaling along the axes. The field is the sum of a random smooth part, a part that shrinks the face,
and a part that steers the regions: the gradient of a potential whose Laplacian is the wanted change of log volume, found
by fixed-point iteration. All of it lives on cells of about 4 mm of the adult's head.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from ctworkbench.core.phantom_child import Child
from ctworkbench.core.phantom_head import REGIONS, VENTRICLE_REGION, VENTRICLES, Head, PhantomError

Field = NDArray[np.float32]

_CELL_MM = 4.0
_MARGIN_CELLS = 4
_SQUARINGS = 6
_ITERATIONS = 25
_CLOSE_ENOUGH = 0.002
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

    def source(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Voxel coordinates in the adult's head of points (3, …) in the child's frame, RAS+ mm."""
        axes = (3, *[1] * (points.ndim - 1))
        mm = (self.scale * self.head.spacing).astype(np.float32).reshape(axes)
        voxels = points / mm + self.head.centre.astype(np.float32).reshape(axes)
        cell = self.cell.astype(np.float32).reshape(axes)
        at = _cells(voxels, cell)
        moved = [ndimage.map_coordinates(part, at, order=3, mode="nearest", prefilter=True) for part in self.displacement]
        return voxels + np.stack(moved).astype(np.float32) * cell


def shape_child(head: Head, child: Child, targets: NDArray[np.float64], rng: np.random.Generator, tick: Callable[[], None]) -> Shape:
    """Find the map under which the head's regions get the child's volumes.

    Args:
        head: the adult.
        child: for the cephalic index and the thickness of the skull.
        targets: volumes in cm³ of the codes 1 to 10, then of the ventricles.
        rng: draws the random part.
        tick: called often; may raise to end the work.

    Raises:
        PhantomError: the steering did not come within 0.5 %, or the map would fold.
    """
    cell = np.maximum(1, np.round(_CELL_MM / head.spacing))
    size = cell * head.spacing
    amounts = _amounts(head, cell)
    inside = amounts.sum(axis=0) / np.prod(size)
    fractions = amounts / np.prod(size)
    outside = ndimage.gaussian_filter((inside < 0.02).astype(np.float32), 1.0)
    velocity = _random_velocity(inside.shape, size, rng) + _steer(_FACE_LOG_SHRINK * _face(head, cell), outside, size)
    surface = _surface(head, cell)
    wanted = targets * 1000.0
    scale = np.ones(3)
    worst, steps = np.inf, 0
    for steps in range(1, _ITERATIONS + 1):
        tick()
        forward = exponential(velocity)
        volumes = np.tensordot(amounts, jacobian(forward), axes=3)
        scale = _scale(wanted[:REGIONS].sum() / volumes[:REGIONS].sum(), surface, forward, size, child)
        missing = np.log(wanted / (np.prod(scale) * volumes))
        worst = float(np.abs(missing[:REGIONS]).max())
        if worst < _CLOSE_ENOUGH:
            break
        missing[REGIONS:] = np.clip(missing[REGIONS:], -0.2, 0.2)
        velocity = velocity + _steer(np.tensordot(_GAIN * missing, fractions, axes=1), outside, size)
    backward = exponential(-velocity)
    smallest = float(min(jacobian(exponential(velocity)).min(), jacobian(backward).min()))
    if worst > 0.005 or smallest <= 0:
        raise PhantomError(
            f"{head.name} could not be given the wanted volumes (off by {worst:.1%}, smallest Jacobian {smallest:.2f}).",
            "Choose another head or another seed.",
        )
    return Shape(head, cell, backward, scale, smallest, steps)


def exponential(velocity: Field) -> Field:
    """Displacement of the flow of a stationary velocity field after unit time, by scaling and squaring; in cells."""
    flow = velocity / 2**_SQUARINGS
    identity = np.indices(velocity.shape[1:], dtype=np.float32)
    for _ in range(_SQUARINGS):
        at = identity + flow
        flow = flow + np.stack([ndimage.map_coordinates(part, at, order=1, mode="nearest") for part in flow])
    return flow


def jacobian(displacement: Field) -> NDArray[np.float32]:
    """Determinant of the derivative of x + displacement(x), central differences, on the cells."""
    rows = [np.gradient(part) for part in displacement]
    a, b, c = ([rows[i][j] + (i == j) for j in range(3)] for i in range(3))
    cross = (b[1] * c[2] - b[2] * c[1], b[2] * c[0] - b[0] * c[2], b[0] * c[1] - b[1] * c[0])
    return a[0] * cross[0] + a[1] * cross[1] + a[2] * cross[2]


def _steer(growth: Field, outside: Field, size: NDArray[np.float64]) -> Field:
    """Velocity (cells) whose divergence is `growth`, smoothed; what is won inside is lost outside the brain.

    The Poisson equation is solved by cosine transform: nothing flows through the walls of the box.
    """
    source = ndimage.gaussian_filter(growth.astype(np.float32), 1.0)
    source -= outside * (source.sum() / outside.sum())
    waves = [(2 * np.cos(np.pi * np.arange(n) / n) - 2) / h**2 for n, h in zip(source.shape, size, strict=True)]
    laplacian = waves[0][:, None, None] + waves[1][:, None] + waves[2]
    laplacian[0, 0, 0] = 1.0
    spectrum = fft.dctn(source, type=2) / laplacian
    spectrum[0, 0, 0] = 0.0
    potential = fft.idctn(spectrum, type=2)
    return np.stack([d / h for d, h in zip(np.gradient(potential, *size), size, strict=True)]).astype(np.float32)


def _random_velocity(shape: tuple[int, ...], size: NDArray[np.float64], rng: np.random.Generator) -> Field:
    """Two scales of smooth noise, in cells: 4 mm over lengths of 28 mm, and 1.5 mm over 12 mm (root mean squares)."""
    velocity = np.zeros((3, *shape), dtype=np.float32)
    for amplitude_mm, length_mm in ((4.0, 28.0), (1.5, 12.0)):
        for axis in range(3):
            noise = ndimage.gaussian_filter(rng.standard_normal(shape, dtype=np.float32), length_mm / size, mode="reflect")
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


def _cells(voxels: NDArray[np.float32], cell: NDArray[np.float32]) -> NDArray[np.float32]:
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
    return flat.reshape(VENTRICLE_REGION, *shape) * float(np.prod(head.spacing))


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
    centres = (np.indices(shape, dtype=np.float32) - _MARGIN_CELLS + 0.5) * cell.astype(np.float32).reshape(3, 1, 1, 1) - 0.5
    below = np.clip(-head.above_base(centres[1], centres[2]) / 15.0, 0.0, 1.0)
    low, _ = head.brain_box
    forward = np.clip((centres[1] - head.centre[1]) * head.spacing[1] / 15.0, 0.0, 1.0)
    brain = np.zeros(shape, dtype=np.float32)
    inside = np.clip(np.round(centres), 0, np.array(head.labels.shape).reshape(3, 1, 1, 1) - 1).astype(int)
    brain[:] = head.labels[tuple(inside)] > 0
    away = 1 - np.clip(ndimage.gaussian_filter(brain, 1.5) * 4, 0.0, 1.0)
    return (below * forward * away).astype(np.float32)
