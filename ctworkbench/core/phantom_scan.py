"""The scan of a phantom: where its voxels lie, what they measure, and the noise on them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from ctworkbench.core.phantom_head import BRAIN, CSF_OUTSIDE, SINUS, VENTRICLES, VESSELS, Head, region_at
from ctworkbench.core.phantom_skull import Skull
from ctworkbench.core.phantom_tissue import AIR_HU, Palette, hu_at

_LPS = np.diag([-1.0, -1.0, 1.0])
_NODE_MM = 2.0
_BELOW_BRAIN_MM = 12.0
_ABOVE_BRAIN_MM = 14.0
PADDING_HU = -3024  # what GE stores outside the circle, -2000, after its intercept of -1024
_HOLDER_GAP_MM = 4.0
_HOLDER_MM = 4.0


@dataclass(frozen=True)
class Kernel:
    """How a reconstruction kernel draws edges and noise.

    Attributes:
        point_spread_mm: SD of the blur of edges.
        noise_blur_mm: SD of the finer of the two filters that shape the noise.
        louder: noise at the same dose, relative to STANDARD.
    """

    point_spread_mm: float
    noise_blur_mm: float
    louder: float = 1.0


KERNELS = {
    "SOFT": Kernel(0.7, 0.85, 0.7),
    "STANDARD": Kernel(0.5, 0.6),
    "DETAIL": Kernel(0.4, 0.45, 1.5),
    "BONE": Kernel(0.25, 0.35, 2.5),
}
"""From the smoothest to the sharpest, named as GE names its own; the figures are assumed. An import refuses BONE."""


@dataclass(frozen=True, eq=False)
class ScanGrid:
    """Voxels of an axial series: columns to the patient's left, rows backwards, slices upwards.

    With a tilted gantry the slices lean while the table still moves along z, so the grid is sheared, as a GE series is.

    Attributes:
        shape: columns, rows, slices.
        spacing: column and row spacing, and the step of the table between slices, mm.
        tilt_degrees: positive where slices run downwards to the back, as GE's + does.
        first: DICOM position (LPS, mm) of the first voxel of the lowest slice.
    """

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    tilt_degrees: float
    first: tuple[float, float, float]

    @property
    def orientation(self) -> tuple[float, float, float, float, float, float]:
        """ImageOrientationPatient, seven decimals as in the files."""
        angle = np.deg2rad(self.tilt_degrees)
        return (1.0, 0.0, 0.0, 0.0, round(float(np.cos(angle)), 7), round(float(-np.sin(angle)), 7) + 0.0)

    @property
    def affine(self) -> NDArray[np.float64]:
        """4×4: (column, row, slice) → RAS+ mm; sheared where the gantry is tilted."""
        orientation = np.array(self.orientation)
        lps = np.stack([orientation[:3], orientation[3:], [0.0, 0.0, 1.0]], axis=1) * np.array(self.spacing)
        affine = np.eye(4)
        affine[:3, :3] = _LPS @ lps
        affine[:3, 3] = _LPS @ np.array(self.first)
        return affine


@dataclass(frozen=True)
class Pose:
    """How the head lies in the scanner: rotation about x, y and z in degrees, then a shift in mm (RAS+)."""

    degrees: tuple[float, float, float]
    shift_mm: tuple[float, float, float]

    @property
    def matrix(self) -> NDArray[np.float64]:
        """3×3 rotation from the child's frame to the scanner's."""
        return Rotation.from_euler("xyz", self.degrees, degrees=True).as_matrix()


def draw_pose(rng: np.random.Generator, spread: float) -> Pose:
    """A child's head in a holder: nods by 6°, leans by 4°, turns by 5° (SD times `spread`), off centre by 4 mm."""
    nod, lean, turn = (float(np.clip(z, -2, 2)) for z in rng.standard_normal(3))
    shift = [float(s) for s in 4 * spread * np.clip(rng.standard_normal(3), -2, 2)]
    return Pose((6 * spread * nod, 4 * spread * lean, 5 * spread * turn), (shift[0], shift[1], shift[2]))


def plan_grid(
    skull: Skull, pose: Pose, spacing: tuple[float, float, float], matrix: int | None, tilt_degrees: float
) -> ScanGrid:
    """The slices a radiographer would plan: from below the brain to above the head, the head and its holder in view."""
    brain = pose.matrix @ skull.brain_points + np.array(pose.shift_mm)[:, None]
    slope = float(np.tan(np.deg2rad(tilt_degrees)))
    # the slice through a point of RAS (y, z) meets the plane y = 0 at this height
    height = brain[2] - brain[1] * slope
    low, high = float(height.min()) - _BELOW_BRAIN_MM, float(height.max()) + _ABOVE_BRAIN_MM
    sides = np.ptp(skull.head_box, axis=0)
    if matrix is None:
        widest = max(sides[1] + 28, sides[0] + 24)
        matrix = int(-(-widest / min(spacing[:2]) // 16) * 16)
    centre = skull.head_box.mean(axis=0) + np.array(pose.shift_mm)
    middle = (matrix - 1) / 2
    back = -centre[1] + 4 - middle * spacing[1] * np.cos(np.deg2rad(tilt_degrees))
    first = (-centre[0] - middle * spacing[0], back, low - slope * back)
    x, y, z = (round(float(value), 4) for value in first)
    return ScanGrid((matrix, matrix, int(np.ceil((high - low) / spacing[2])) + 1), spacing, tilt_degrees, (x, y, z))


class Sampler:
    """The fields of a skull on the voxels of a scan, slab by slab: exact at nodes 2 mm apart, linear between them."""

    def __init__(self, skull: Skull, pose: Pose, grid: ScanGrid, beyond: float) -> None:
        """Args: `beyond`: how far, in slices, fields are asked for below the first and above the last slice."""
        nodes = [np.arange(start, stop + 1e-6 + step, step) for start, stop, step in self._axes(grid, beyond)]
        self._nodes = nodes
        index = np.stack(np.meshgrid(*nodes, indexing="ij")).reshape(3, -1)
        scanner = grid.affine[:3, :3] @ index + grid.affine[:3, 3:]
        points = pose.matrix.T @ (scanner - np.array(pose.shift_mm)[:, None])
        self._fields = skull.at(points.reshape(3, *map(len, nodes)).astype(np.float32))
        self._shape = grid.shape

    @staticmethod
    def _axes(grid: ScanGrid, beyond: float) -> list[tuple[float, float, float]]:
        steps = [max(1.0, _NODE_MM / s) for s in grid.spacing[:2]] + [_NODE_MM / grid.spacing[2]]
        return [
            (0.0, grid.shape[0] - 1, steps[0]),
            (0.0, grid.shape[1] - 1, steps[1]),
            (-beyond, grid.shape[2] - 1 + beyond, steps[2]),
        ]

    def slice(self, k: float, count: int = 8) -> NDArray[np.float32]:
        """The first `count` fields at slice coordinate `k`: (count, columns, rows)."""
        plane = _between(self._fields[:count], self._nodes[2], np.array([k]), 3)[..., 0]
        plane = _between(plane, self._nodes[1], np.arange(self._shape[1]), 2)
        return _between(plane, self._nodes[0], np.arange(self._shape[0]), 1)


def _between(values: NDArray[np.float32], nodes: NDArray[np.floating], at: NDArray, axis: int) -> NDArray[np.float32]:
    """Linear interpolation along one axis whose nodes are evenly spaced."""
    index = (at - nodes[0]) / (nodes[1] - nodes[0])
    low = np.clip(np.floor(index).astype(int), 0, len(nodes) - 2)
    part = (index - low).astype(np.float32).reshape([-1 if k == axis else 1 for k in range(values.ndim)])
    below, above = values.take(low, axis=axis), values.take(low + 1, axis=axis)
    return below + part * (above - below)


def truth_on(
    skull: Skull, pose: Pose, grid: ScanGrid, labels: NDArray[np.uint8], tick: Callable[[float], None]
) -> NDArray[np.uint8]:
    """Regions at the centres of a scan's voxels: (columns, rows, slices)."""
    sampler = Sampler(skull, pose, grid, 0.0)
    truth = np.zeros(grid.shape, dtype=np.uint8)
    for k in range(grid.shape[2]):
        fields = sampler.slice(k, 4)
        near = fields[3] < 3.0
        if near.any():
            truth[:, :, k][near] = region_at(labels, fields[:3, near])
        tick(k / grid.shape[2])
    return truth


def inside_on(skull: Skull, pose: Pose, grid: ScanGrid, head: Head) -> NDArray[np.bool_]:
    """The inside of the skull at the centres of voxels, down to the lowest point of the brain, as the image shows it.

    In the vault it is what lies within the child's inner table; at the base, where the adult's bone stands, it is the
    adult's brain, ventricles, vessels and fluid that are left within 3 mm of that table. The lowest point is known to
    6 mm, as `Skull.brain_points` are.
    """
    sampler = Sampler(skull, pose, grid, 0.0)
    cranial = head.is_tissue((*BRAIN, *VENTRICLES, *VESSELS, CSF_OUTSIDE, SINUS)) | (head.labels > 0)
    up = pose.matrix[:, 2] @ grid.affine[:3, :3]  # mm of the child's height by voxel
    base = pose.matrix[:, 2] @ (grid.affine[:3, 3] - np.array(pose.shift_mm))
    columns, rows = np.ogrid[: grid.shape[0], : grid.shape[1]]
    height = base + up[0] * columns + up[1] * rows
    lowest = float(skull.brain_points[2].min())
    inside = np.zeros(grid.shape, dtype=bool)
    for k in range(grid.shape[2]):
        fields = sampler.slice(k, 6)
        within = fields[3] < 0
        low = (fields[5] < 0.5) & (fields[4] < 0)
        adult = ndimage.map_coordinates(cranial.astype(np.float32), fields[:3, low], order=1, mode="nearest")
        within[low] = (adult > 0.5) & (fields[3, low] < 3.0)
        inside[:, :, k] = within & (height + up[2] * k > lowest)
    return inside


def measure_hu(
    skull: Skull,
    pose: Pose,
    grid: ScanGrid,
    painted: NDArray[np.float32],
    palette: Palette,
    thickness_mm: float,
    noise_hu: float,
    kernel: Kernel,
    rng: np.random.Generator,
    tick: Callable[[float], None],
) -> NDArray[np.int16]:
    """The image: HU as int16, (columns, rows, slices); outside the circle of reconstruction `PADDING_HU`.

    A slice is the mean over its thickness (partial volume); edges are blurred by the point spread; the noise is
    correlated in the plane, as the kernel has it, and stronger towards the middle of the head. `noise_hu`, its SD with
    the kernel STANDARD, stands for the dose.
    """
    parts = max(1, round(thickness_mm / 0.8))
    offsets = ((np.arange(parts) + 0.5) / parts - 0.5) * thickness_mm / grid.spacing[2]
    sampler = Sampler(skull, pose, grid, float(np.abs(offsets).max()))
    image = np.empty(grid.shape, dtype=np.int16)
    holder, circle, louder = _holder(skull, pose, grid), _circle(grid), _loudness(grid)
    width = [kernel.noise_blur_mm / s for s in grid.spacing[:2]]
    level = noise_hu * kernel.louder / _noise_level(width)
    for k in range(grid.shape[2]):
        hu = np.zeros(grid.shape[:2], dtype=np.float32)
        for offset in offsets:
            fields = sampler.slice(k + float(offset))
            near = fields[4] < 2.0
            hu += AIR_HU
            hu[near] += hu_at(painted, fields[:, near], palette, kernel.point_spread_mm) - np.float32(AIR_HU)
        hu /= parts
        hu = np.where(hu < -950, np.maximum(hu, holder), hu)
        hu += louder * np.float32(level) * _noise(grid.shape[:2], width, rng)
        image[:, :, k] = np.where(circle, np.clip(np.rint(hu), -1024, 3071), PADDING_HU)
        tick(k / grid.shape[2])
    return image


def _noise(shape: tuple[int, int], width: list[float], rng: np.random.Generator) -> NDArray[np.float32]:
    """White noise through a filter that lets middle frequencies pass, as reconstruction does."""
    white = rng.standard_normal(shape, dtype=np.float32)
    fine = ndimage.gaussian_filter(white, width, mode="wrap")
    return fine - np.float32(0.6) * ndimage.gaussian_filter(fine, [2.0 * w for w in width], mode="wrap")


def _noise_level(width: list[float]) -> float:
    """SD of `_noise` for a filter of this width."""
    return float(_noise((256, 256), width, np.random.default_rng(0)).std())


def _in_plane(grid: ScanGrid) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Distances in mm to the right and to the front of the middle of the image, (columns, 1) and (1, rows)."""
    x = ((grid.shape[0] - 1) / 2 - np.arange(grid.shape[0])) * grid.spacing[0]
    y = ((grid.shape[1] - 1) / 2 - np.arange(grid.shape[1])) * grid.spacing[1]
    return x[:, None], y[None, :]


def _circle(grid: ScanGrid) -> NDArray[np.bool_]:
    """The circle that is reconstructed."""
    x, y = _in_plane(grid)
    radius = min(grid.shape[0] * grid.spacing[0], grid.shape[1] * grid.spacing[1]) / 2
    return x**2 + y**2 <= radius**2


def _loudness(grid: ScanGrid) -> NDArray[np.float32]:
    """How strong the noise is: most in the middle, where the rays cross most of the head."""
    x, y = _in_plane(grid)
    return (0.75 + 0.4 * np.exp(-(x**2 + y**2) / 70.0**2)).astype(np.float32)


def _holder(skull: Skull, pose: Pose, grid: ScanGrid) -> NDArray[np.float32]:
    """HU of an empty head holder, a carbon trough behind the head with a foam pad: (columns, rows)."""
    x, y = _in_plane(grid)
    half = np.ptp(skull.head_box, axis=0)[:2] / 2
    y = y - 4.0  # the image is centred 4 mm behind the head
    wide, deep = half[0] + 8, half[1] + _HOLDER_GAP_MM
    radius = np.sqrt((x / wide) ** 2 + (np.minimum(y + 20, 0) / (deep - 20)) ** 2)
    depth = (radius - 1) * deep
    back = y < 0
    trough = back & (depth > 0) & (depth < _HOLDER_MM)
    skin = trough & ((depth < 1.2) | (depth > _HOLDER_MM - 1.2))
    foam = back & (depth <= 0) & (depth > -8)
    holder = np.full(np.broadcast_shapes(x.shape, y.shape), AIR_HU, dtype=np.float32)
    holder[np.broadcast_to(foam, holder.shape)] = -960.0
    holder[np.broadcast_to(trough, holder.shape)] = -800.0
    holder[np.broadcast_to(skin, holder.shape)] = -120.0
    return holder
