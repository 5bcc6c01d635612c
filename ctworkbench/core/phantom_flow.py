"""Smooth flows on a grid: their exponential, its Jacobian, and flows that make given places grow.

Displacements and velocities are float32 arrays (3, x, y, z) in cells of the grid.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

Field = NDArray[np.float32]

_SQUARINGS = 6
_EASE_OUTSIDE = 0.15
_CONJUGATE_STEPS = 6


def exponential(velocity: Field) -> Field:
    """Displacement of the flow of a stationary velocity field after unit time, by scaling and squaring.

    Source: Arsigny et al., A log-Euclidean framework for statistics on diffeomorphisms, MICCAI 2006.
    """
    flow = velocity / np.float32(2**_SQUARINGS)
    identity = np.indices(velocity.shape[1:], dtype=np.float32)
    for _ in range(_SQUARINGS):
        at = identity + flow
        flow = flow + np.stack([ndimage.map_coordinates(part, at, order=1, mode="nearest") for part in flow])
    return flow


def jacobian(displacement: Field) -> NDArray[np.float32]:
    """Determinant of the derivative of x + displacement(x), by central differences."""
    rows = [np.gradient(part) for part in displacement]
    a, b, c = ([rows[i][j] + np.float32(i == j) for j in range(3)] for i in range(3))
    cross = (b[1] * c[2] - b[2] * c[1], b[2] * c[0] - b[0] * c[2], b[0] * c[1] - b[1] * c[0])
    return a[0] * cross[0] + a[1] * cross[1] + a[2] * cross[2]


class Steering:
    """Flows that change volumes: within the brain rather than through the skull, which keeps the head's outline.

    A flow is σ∇φ with ∇·(σ∇φ) the wanted growth, σ = 1 in the brain and little outside it, and nothing flows through
    the walls of the box. Solved by conjugate gradients, preconditioned by the equation with σ = 1 (a cosine transform).
    """

    def __init__(self, inside: Field, size: NDArray[np.float64]) -> None:
        """Prepare the equation.

        Args:
            inside: part of each cell that is brain.
            size: of a cell along (x, y, z), mm.
        """
        self._size = size
        waves = [(2 * np.cos(np.pi * np.arange(n) / n) - 2) / h**2 for n, h in zip(inside.shape, size, strict=True)]
        laplacian = waves[0][:, None, None] + waves[1][:, None] + waves[2]
        laplacian[0, 0, 0] = np.inf
        self._inverse = (1 / laplacian).astype(np.float32)
        soft = np.clip(1.5 * ndimage.gaussian_filter(inside, 1.0), 0, 1)
        ease = np.float32(_EASE_OUTSIDE) + np.float32(1 - _EASE_OUTSIDE) * soft
        self._faces = [(_part(ease, k, 1) + _part(ease, k, 0)) / np.float32(2 * size[k]) for k in range(3)]
        self._outside = ndimage.gaussian_filter((inside < 0.02).astype(np.float32), 1.0)
        self._outside /= self._outside.sum()

    def flow(self, growth: Field) -> Field:
        """Velocity (3, x, y, z) in cells whose divergence is `growth` (log volume), smoothed over a cell.

        What the growth adds up to is taken from outside the brain.
        """
        wanted = ndimage.gaussian_filter(growth.astype(np.float32), 1.0)
        wanted -= self._outside * wanted.sum()
        potential = self._solve(wanted)
        faces = self._through_faces(potential)
        velocity = np.zeros((3, *growth.shape), dtype=np.float32)
        for k, through in enumerate(faces):  # from faces to the middle of cells
            half = np.float32(0.5 / self._size[k]) * through
            _part(velocity[k], k, 0)[...] += half
            _part(velocity[k], k, 1)[...] += half
        return velocity

    def _solve(self, wanted: Field) -> Field:
        potential = np.zeros_like(wanted)
        residual = wanted.copy()
        ahead = self._precondition(residual)
        direction = ahead
        strength = np.vdot(residual, ahead)
        for _ in range(_CONJUGATE_STEPS):
            if strength == 0:
                break
            applied = self._divergence(self._through_faces(direction))
            length = np.float32(strength / np.vdot(direction, applied))
            potential += length * direction
            residual -= length * applied
            ahead = self._precondition(residual)
            before, strength = strength, np.vdot(residual, ahead)
            direction = np.asarray(ahead + np.float32(strength / before) * direction, dtype=np.float32)
        return potential

    def _precondition(self, values: Field) -> Field:
        return fft.idctn(fft.dctn(values, type=2) * self._inverse, type=2)

    def _through_faces(self, potential: Field) -> list[Field]:
        """σ times the derivative of the potential, mm, at the faces between cells along each axis."""
        return [np.diff(potential, axis=k) * self._faces[k] for k in range(3)]

    def _divergence(self, faces: list[Field]) -> Field:
        total = np.zeros_like(self._outside)
        for k, through in enumerate(faces):
            scaled = through / np.float32(self._size[k])
            _part(total, k, 0)[...] += scaled
            _part(total, k, 1)[...] -= scaled
        return total


def _part(values: Field, axis: int, end: int) -> Field:
    """All but the last (`end` 0) or all but the first (`end` 1) cells along an axis; a view."""
    cut = [slice(None)] * 3
    cut[axis] = slice(1, None) if end else slice(None, -1)
    return values[tuple(cut)]
