"""A small head CT made of ellipsoids, with a known inside, open sutures, orbits, a nose, a neck and a head holder."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ctworkbench.core.volume import Volume


@dataclass(frozen=True)
class Head:
    """A scan and what is true of it, on one grid.

    Attributes:
        scan: HU, int16.
        inside: inside of the skull.
        eyes: both orbits.
        neck: below the skull.
    """

    scan: Volume
    inside: NDArray[np.bool_]
    eyes: NDArray[np.bool_]
    neck: NDArray[np.bool_]


def make_head(
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0),
    degrees: tuple[float, float, float] = (0, 0, 0),
    sutures: bool = True,
    vault_mm: float = 2.5,
    noise: float = 5.0,
    seed: int = 0,
) -> Head:
    """A toddler's head, about 900 cm³ inside, turned about x, y and z."""
    extent = np.array([170.0, 190.0, 190.0])
    count = (extent / spacing).astype(int)
    turn = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = -(count - 1) / 2 * spacing
    index = np.indices(tuple(count)).reshape(3, -1)
    x, y, z = (turn.T @ (affine[:3, :3] @ index + affine[:3, 3:])).reshape(3, *count)

    def ellipsoid(cx: float, cy: float, cz: float, a: float, b: float, c: float) -> NDArray[np.bool_]:
        return ((x - cx) / a) ** 2 + ((y - cy) / b) ** 2 + ((z - cz) / c) ** 2 < 1

    inside = ellipsoid(0, 0, 15, 56, 70, 55)
    bone = ellipsoid(0, 0, 15, 56 + vault_mm, 70 + vault_mm, 55 + vault_mm)
    head = ellipsoid(0, 0, 15, 62, 77, 61) | ellipsoid(0, 25, -35, 45, 52, 50)
    column = (x**2 + (y + 15) ** 2 < 38**2) & (z < 0)
    canal = (x**2 + (y + 15) ** 2 < 11**2) & (z < -35)
    hu = np.full(x.shape, -1000.0)
    hu[head | column] = 40
    hu[bone] = 550
    if sutures:
        gap = (np.abs(x) < 1.5) | (np.abs(y - 20) < 1.5) | (x**2 + (y - 20) ** 2 < 9**2)
        hu[bone & gap & (z > 25)] = 40
    ring = (x**2 + (y + 15) ** 2 < 17**2) & (z < -39)
    hu[ring & ~inside] = 500
    hu[canal] = 30
    hu[ellipsoid(0, 62, -32, 12, 25, 18)] = -1000
    eyes = ellipsoid(-28, 62, -22, 13, 13, 13) | ellipsoid(28, 62, -22, 13, 13, 13)
    around = ellipsoid(-28, 60, -22, 18, 18, 18) | ellipsoid(28, 60, -22, 18, 18, 18)
    hu[around & ~inside & ~bone] = 450
    hu[(np.abs(np.abs(x) - 28) < 14) & (y > 62) & (np.abs(z + 22) < 14) & head] = 40
    hu[eyes] = 12
    hu[inside] = 33
    hu[ellipsoid(-10, 0, 18, 7, 25, 9) | ellipsoid(10, 0, 18, 7, 25, 9)] = 8
    holder = (np.abs(np.hypot(x, y) - 88) < 2) & (y < -40)
    hu[holder] = 150
    rng = np.random.default_rng(seed)
    scan = hu + rng.normal(0, noise, hu.shape)
    return Head(Volume(np.rint(scan).astype(np.int16), affine), inside, eyes, (z < -50))
