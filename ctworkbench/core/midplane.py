"""The plane that divides a head into its halves, found from the head itself.

A head lies turned in the scanner, and its middle is not the middle of the grid. The plane is searched for whose mirror
image of brain and skull fits best (the principle of Ardekani et al. 1997); labels play no part in it, so that it can
judge them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, optimize

from ctworkbench.core.volume import Affine

_STEP = 4
_TURNS_DEGREES = (-30.0, -20.0, -10.0, 0.0, 10.0, 20.0, 30.0)
_BRAIN_WINDOW = (0.0, 80.0)
_OUTSIDE = -60.0


@dataclass(frozen=True, eq=False)
class Midplane:
    """A plane in the patient.

    Attributes:
        normal: unit vector in RAS+, towards the patient's right.
        offset: of the plane along the normal, mm.
        score: correlation of the head with its mirror image, 1 for perfect symmetry.
    """

    normal: NDArray[np.float64]
    offset: float
    score: float

    def distance(self, points: NDArray) -> NDArray[np.float64]:
        """Signed distance in mm of points (n, 3) in RAS+ mm; to the right it is positive."""
        return points @ self.normal - self.offset


def find_midplane(hu: NDArray, brain: NDArray[np.bool_], affine: Affine) -> Midplane:
    """The plane of best mirror symmetry, within 35° of the scanner's own sagittal planes.

    Args:
        hu: HU at 1 mm, axes (x, y, z).
        brain: the inside of the skull, not empty.
        affine: voxel index → RAS+ mm.
    """
    value = np.where(brain, np.clip(hu, *_BRAIN_WINDOW), _OUTSIDE).astype(np.float32)
    trimmed = tuple(slice(0, n - n % _STEP) for n in value.shape)
    x, y, z = (n // _STEP for n in value.shape)
    coarse = value[trimmed].reshape(x, _STEP, y, _STEP, z, _STEP).mean((1, 3, 5))
    to_world = affine.copy()
    to_world[:3, 3] += affine[:3, :3] @ np.full(3, (_STEP - 1) / 2)
    to_world[:3, :3] *= _STEP
    to_index = np.linalg.inv(to_world)
    near = np.argwhere(ndimage.binary_dilation(coarse > _OUTSIDE / 2, iterations=2))
    own = coarse[tuple(near.T)].astype(np.float64)
    own -= own.mean()
    points = near @ to_world[:3, :3].T + to_world[:3, 3]
    inside = coarse[tuple(near.T)] > _OUTSIDE / 2
    centre = points[inside].mean(0)
    power = float((own * own).sum())

    def likeness(found: NDArray[np.float64]) -> float:
        normal = _normal(found[0], found[1])
        away = (points - centre) @ normal - found[2]
        mirrored = points - 2 * away[:, None] * normal
        where = (mirrored @ to_index[:3, :3].T + to_index[:3, 3]).T
        theirs = ndimage.map_coordinates(coarse, where, order=1, cval=_OUTSIDE).astype(np.float64)
        theirs -= theirs.mean()
        return float((own * theirs).sum() / np.sqrt(power * (theirs * theirs).sum() + 1e-9))

    turns = np.radians(_TURNS_DEGREES)
    guesses = [np.array([yaw, roll, 0.0]) for yaw in turns for roll in turns]
    best = max(guesses, key=likeness)
    simplex = best + np.vstack([np.zeros(3), np.diag([0.08, 0.08, 3.0])])
    found = optimize.minimize(
        lambda x: -likeness(x),
        best,
        method="Nelder-Mead",
        options={"maxfev": 90, "xatol": 2e-3, "fatol": 1e-5, "initial_simplex": simplex},
    )
    normal = _normal(found.x[0], found.x[1])
    return Midplane(normal, float(centre @ normal + found.x[2]), float(-found.fun))


def _normal(yaw: float, roll: float) -> NDArray[np.float64]:
    """The patient's right, turned about the long axis (yaw) and about the front-to-back axis (roll)."""
    normal = np.array([np.cos(yaw) * np.cos(roll), np.sin(yaw) * np.cos(roll), np.sin(roll)])
    return normal / np.linalg.norm(normal)
