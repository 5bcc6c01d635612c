"""A head of ellipsoids with ten regions, in any pose and on any grid, for the tests of the checks."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ctworkbench.core.check_case import CheckCase, Head, make_case
from ctworkbench.core.checking import findings_of
from ctworkbench.core.findings import Finding, Severity
from ctworkbench.core.schemes import load
from ctworkbench.core.volume import Grid, Volume

SCHEME = load()
STEP = 2.0


@dataclass(frozen=True)
class Pose:
    """How the head lies, and on which grid its label map stands.

    Attributes:
        degrees: turn of the head about x, y and z.
        axes: direction of each array axis of the label map.
        oblique: turn of the label map's grid about z, degrees.
    """

    degrees: tuple[float, float, float] = (0.0, 0.0, 0.0)
    axes: str = "RAS"
    oblique: float = 0.0

    @property
    def turn(self) -> NDArray[np.float64]:
        """Head coordinates → world."""
        return Rotation.from_euler("xyz", self.degrees, degrees=True).as_matrix()


STRAIGHT = Pose()
POSES = [STRAIGHT, Pose((8.0, -12.0, 15.0), "LPS", 9.0), Pose((0.0, 14.0, -10.0), "SLA")]


def grid_of(pose: Pose, step: float = STEP) -> Grid:
    """The grid of the label map."""
    shape = tuple(int(n / step) for n in (176, 200, 176))
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("z", pose.oblique, degrees=True).as_matrix() * step
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return Volume(np.zeros(shape, np.uint8), affine).oriented(pose.axes).grid


def coordinates(grid: Grid, pose: Pose) -> NDArray[np.float64]:
    """Head coordinates (to the right, the front, the top; mm) of every voxel, (3, x, y, z)."""
    index = np.indices(grid.shape).reshape(3, -1)
    world = grid.affine[:3, :3] @ index + grid.affine[:3, 3:]
    return (pose.turn.T @ world).reshape(3, *grid.shape)


def ventricles(u: NDArray, v: NDArray, w: NDArray) -> NDArray[np.bool_]:
    """Two ellipsoids of fluid beside the middle."""
    return (((np.abs(u) - 12) / 7) ** 2 + (v / 28) ** 2 + ((w - 5) / 9) ** 2) < 1


def head_of(pose: Pose) -> Head:
    """HU and brain mask as preprocessing makes them: RAS, and here of 2 mm."""
    grid = grid_of(Pose(pose.degrees))
    u, v, w = coordinates(grid, pose)
    size = np.sqrt((u / 62) ** 2 + (v / 76) ** 2 + (w / 54) ** 2)
    hu = np.full(grid.shape, -1000.0)
    hu[size < 1.22] = 40
    hu[size < 1.1] = 900
    hu[size < 1.0] = 8
    hu[size < 0.97] = 33
    hu[ventricles(u, v, w)] = 8
    hu += np.random.default_rng(1).normal(0, 3, hu.shape)
    brain = Volume((size < 1).astype(np.uint8), grid.affine)
    return Head(Volume(np.rint(hu).astype(np.int16), grid.affine), brain)


def labels_of(pose: Pose) -> Volume:
    """A sound label map of that head."""
    grid = grid_of(pose)
    u, v, w = coordinates(grid, pose)
    inside = ((u / 62) ** 2 + (v / 76) ** 2 + (w / 54) ** 2 < 0.97**2) & ~ventricles(u, v, w)
    left = (u <= 0).astype(np.uint8)
    codes = np.select([v > 20, v < -38, w < -8], [1, 5, 7], 3).astype(np.uint8) + left
    codes[(w < -20) & (v < -8) & (np.abs(u) < 45)] = 9
    codes[(w < -14) & (np.abs(u) < 14) & (v >= -8) & (v < 16)] = 10
    return Volume(np.where(inside, codes, 0).astype(np.uint8), grid.affine)


def case_of(labels: Volume, pose: Pose = STRAIGHT, **known: object) -> CheckCase:
    """That label map with its head."""
    return make_case(labels, SCHEME, head_of(pose), **known)  # pyright: ignore[reportArgumentType]


def told(case: CheckCase, *names: str) -> list[Finding]:
    """What the checks tell a reader: all that is not in order."""
    from ctworkbench.core import plugins

    found = findings_of(case, names or plugins.names(plugins.CHECKS))
    return [one for one in found if one.severity is not Severity.OK]
