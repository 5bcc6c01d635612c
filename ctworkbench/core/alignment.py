"""The first guess of a registration: which way a head is turned, without trusting its header.

A gradient descent from the wrong side of a hill never arrives: on real heads that was the difference between a Dice of
0.56 and 0.88. So the pose is searched for: centres of mass and volumes give place and scale, a lattice of turns up to
±36° about every axis is tried on 5-mm voxels, and the best few are refined before one is chosen.
"""

from dataclasses import dataclass, field
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, optimize
from scipy.spatial.transform import Rotation

from ctworkbench.core.volume import Affine, Volume

_STEP_MM = 5.0
_ANGLES_DEGREES = (-36.0, -24.0, -12.0, 0.0, 12.0, 24.0, 36.0)
_REFINED = 5
_FAR_WORSE = 0.08


Coarse = tuple[NDArray[np.float32], NDArray[np.float32], Affine]


@dataclass(frozen=True, eq=False)
class Brain:
    """A brain for alignment.

    Attributes:
        image: HU, smoothed, 0 outside the brain.
        mask: 1 inside, 0 outside.
    """

    image: Volume
    mask: Volume
    _coarse: dict[float, Coarse] = field(default_factory=dict[float, Coarse], repr=False)

    def coarse(self, step_mm: float) -> Coarse:
        """Image and mask averaged to about `step_mm`, HU within the mask alone, and their affine; kept for the next."""
        if step_mm not in self._coarse:
            self._coarse[step_mm] = _averaged(self, step_mm)
        return self._coarse[step_mm]


def initial_similarity(fixed: Brain, moving: Brain) -> tuple[Affine, float]:
    """The rotation, scale and shift that lay `moving` onto `fixed` best, and their score (1 is perfect).

    Returns:
        4×4, world mm of `fixed` → world mm of `moving` (RAS+); and (mask overlap + half the correlation inside) / 1.5.
    """
    points, values, mass = _samples(fixed)
    target = moving.coarse(_STEP_MM)
    centre = points[mass > 0.5].mean(0)
    their_points, _, their_mass = _samples(moving)
    their_centre = their_points[their_mass > 0.5].mean(0)
    scale = float(np.log(_cm3(moving) / _cm3(fixed)) / 3)

    def transform(x: NDArray[np.float64]) -> Affine:
        affine = np.eye(4)
        affine[:3, :3] = np.exp(x[6]) * Rotation.from_rotvec(x[:3]).as_matrix()
        affine[:3, 3] = their_centre + 10 * x[3:6] - affine[:3, :3] @ centre
        return affine

    def cost(x: NDArray[np.float64]) -> float:
        return -_score(transform(x), points, values, mass, target)

    guesses: list[tuple[float, NDArray[np.float64]]] = []
    for angles in product(_ANGLES_DEGREES, repeat=3):
        x = np.zeros(7)
        x[:3] = Rotation.from_euler("xyz", angles, degrees=True).as_rotvec()
        x[6] = scale
        guesses.append((cost(x), x))
    guesses.sort(key=lambda guess: guess[0])
    simplex = np.vstack([np.zeros(7), np.diag([0.12, 0.12, 0.12, 0.5, 0.5, 0.5, 0.04])])
    options = {"maxfev": 160, "xatol": 2e-3, "fatol": 1e-4}
    found = [
        optimize.minimize(cost, x, method="Nelder-Mead", options=options | {"initial_simplex": x + simplex})
        for _, x in guesses[:_REFINED]
    ]
    best = min(found, key=lambda result: result.fun)
    return transform(best.x), float(-best.fun)


def carried_pose(fixed: Brain, moving: Brain, known: Brain, pose: Affine) -> tuple[Affine, float]:
    """The pose of one template from that of another, and its score: templates mostly lie straight, as their axes say.

    Only where that scores far worse is the pose searched for again.

    Args:
        fixed: the scan.
        moving: the template.
        known: another template.
        pose: 4×4, world mm of `fixed` → world mm of `known`.
    """
    theirs, ours = (_centre(brain) for brain in (known, moving))
    step = np.eye(4)
    step[:3, :3] *= (_cm3(moving) / _cm3(known)) ** (1 / 3)
    step[:3, 3] = ours - step[:3, :3] @ theirs
    points, values, mass = _samples(fixed)
    score = _score(step @ pose, points, values, mass, moving.coarse(_STEP_MM))
    if score >= _score(pose, points, values, mass, known.coarse(_STEP_MM)) - _FAR_WORSE:
        return step @ pose, score
    return initial_similarity(fixed, moving)


def shrunk(brain: Brain, step_mm: float) -> Brain:
    """A brain averaged to voxels of about `step_mm`; HU within the mask alone."""
    image, mask, affine = brain.coarse(step_mm)
    return Brain(Volume(image, affine), Volume(mask, affine))


def _centre(brain: Brain) -> NDArray[np.float64]:
    """World place of the middle of a brain."""
    affine = brain.mask.affine
    return affine[:3, :3] @ np.argwhere(brain.mask.voxels > 0).mean(axis=0) + affine[:3, 3]


def _samples(brain: Brain) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """World points every 5 mm in and around the brain, with image and mask there."""
    image, mask, affine = brain.coarse(_STEP_MM)
    near = np.argwhere(ndimage.binary_dilation(mask > 0.1, iterations=2))
    index = tuple(near.T)
    points = near @ affine[:3, :3].T + affine[:3, 3]
    return points, image[index].astype(np.float64), mask[index].astype(np.float64)


def _averaged(brain: Brain, step_mm: float) -> Coarse:
    factor = np.maximum(1, np.round(step_mm / np.array(brain.image.spacing))).astype(int)
    pad = [(2 * f, 2 * f + -n % f) for n, f in zip(brain.image.voxels.shape, factor, strict=True)]

    def shrink(voxels: NDArray) -> NDArray[np.float32]:
        padded = np.pad(voxels.astype(np.float32), pad)
        x, y, z = (n // f for n, f in zip(padded.shape, factor, strict=True))
        return padded.reshape(x, factor[0], y, factor[1], z, factor[2]).mean((1, 3, 5))

    affine = brain.image.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ ((factor - 1) / 2 - 2 * factor)
    affine[:3, :3] = affine[:3, :3] * factor
    mask = shrink(brain.mask.voxels)
    image = shrink(brain.image.voxels) / np.maximum(mask, 0.05)
    return image.astype(np.float32), mask, affine


def _score(
    transform: Affine,
    points: NDArray[np.float64],
    values: NDArray[np.float64],
    mass: NDArray[np.float64],
    target: tuple[NDArray[np.float32], NDArray[np.float32], Affine],
) -> float:
    """Overlap of the masks, and correlation of HU where both are brain; 1 is perfect."""
    image, mask, affine = target
    index = np.linalg.inv(affine) @ transform
    where = index[:3, :3] @ points.T + index[:3, 3:]
    their_mass = ndimage.map_coordinates(mask, where, order=1)
    overlap = float(2 * np.minimum(mass, their_mass).sum() / (mass.sum() + their_mass.sum() + 1e-6))
    both = (mass > 0.6) & (their_mass > 0.6)
    if both.sum() < 500:
        return overlap / 1.5
    theirs = ndimage.map_coordinates(image, where[:, both], order=1)
    ours = values[both]
    a, b = ours - ours.mean(), theirs - theirs.mean()
    correlation = float((a * b).sum() / (np.sqrt((a * a).sum() * (b * b).sum()) + 1e-6))
    return (overlap + 0.5 * correlation) / 1.5


def _cm3(brain: Brain) -> float:
    return float(brain.mask.voxels.sum() * brain.mask.grid.voxel_volume_mm3 / 1000)
