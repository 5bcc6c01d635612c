"""The child's skull and scalp: distances that say how deep a point lies, on a grid of the child's own.

An adult's vault is three times as thick as a two-year-old's, so it is not scaled but made anew: around the brain lies a
shell of fluid, cut where an old brain has left too much of it, then a thin bone, then a scalp. Below the vault, base
and face stay those of the adult.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ctworkbench.core.phantom_child import Child
from ctworkbench.core.phantom_head import BRAIN, CSF_OUTSIDE, SINUS, VENTRICLES, VESSELS
from ctworkbench.core.phantom_shape import Shape

_GRID_MM = 1.5
_REACH_MM = 30.0
_LEAST_FLUID_MM = 0.4
_MOST_FLUID_MM = 6.0
_SCALP_MM = 3.6


@dataclass(frozen=True, eq=False)
class Skull:
    """Fields of the child's head on a grid of 1.5 mm, in the child's frame.

    Attributes:
        origin: mm of the first grid point.
        step: mm between grid points.
        fields: float32, (8, x, y, z): adult voxel coordinates x, y, z; depth outside the inner table (mm, negative
            inside); depth outside the skin (mm); 1 in the vault and 0 below it; distance to the nearest suture (mm);
            thickness of the vault (mm).
        intracranial_cm3: volume inside the inner table, above the lowest point of the brain.
        brain_points: points at every 6 mm of the brain (3, n), mm.
        head_box: lowest and highest point of the head on the grid (2, 3), mm.
    """

    origin: NDArray[np.float32]
    step: float
    fields: NDArray[np.float32]
    intracranial_cm3: float
    brain_points: NDArray[np.float64]
    head_box: NDArray[np.float64]

    def at(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """All fields at points (3, …) of the child's frame in mm: (8, …). Beyond the grid its edge goes on."""
        index = (points - self.origin.reshape(3, *[1] * (points.ndim - 1))) / np.float32(self.step)
        return np.stack([ndimage.map_coordinates(part, index, order=1, mode="nearest") for part in self.fields])


def build_skull(shape: Shape, child: Child, rng: np.random.Generator) -> Skull:
    """Lay the child's skull around its brain.

    Args:
        shape: the map from the adult's head.
        child: gives the intracranial volume and the thickness of the vault.
        rng: draws the sutures and the thickness of the scalp.
    """
    head = shape.head
    low, high = head.brain_box
    corners = np.stack([low, high]) - head.centre
    reach = corners * head.spacing * shape.scale * 1.15 + np.array([[-1.0], [1.0]]) * _REACH_MM
    origin = reach[0].astype(np.float32)
    count = np.ceil((reach[1] - reach[0]) / _GRID_MM).astype(int) + 1
    points = np.indices(count, dtype=np.float32) * np.float32(_GRID_MM) + origin.reshape(3, 1, 1, 1)
    voxels = shape.source(origin, _GRID_MM, count)

    brain = _sample(head.is_tissue((*BRAIN, *VENTRICLES)) | (head.labels > 0), voxels) > 0.5
    cranial = _sample(head.is_tissue((*BRAIN, *VENTRICLES, *VESSELS, CSF_OUTSIDE, SINUS)), voxels) > 0.5
    from_brain = _distance_to_closed(brain, 11.0)
    from_adult_table = _distance_to_closed(cranial | brain, 4.0)
    box = _box(points, brain)
    above = np.broadcast_to(points[2] > box[0, 2], brain.shape)
    inner = _inner_table(from_brain, from_adult_table, above, child.intracranial_cm3)
    inner = np.minimum(ndimage.gaussian_filter(inner, 1.2), from_brain - np.float32(0.2))

    above_base = head.above_base(voxels[1], voxels[2])
    vault = np.clip(above_base / 12.0 + 0.5, 0.0, 1.0)
    thicker = 45 * np.clip(0.5 - above_base / 60.0, 0.0, 1.0) ** 2  # soft tissue grows towards face and neck
    unit = (points - box.mean(axis=0).astype(np.float32).reshape(3, 1, 1, 1)) / (
        np.ptp(box, axis=0).astype(np.float32).reshape(3, 1, 1, 1) / 2
    )
    frontal, parietal, occipital = child.bone_mm
    thickness = np.interp(unit[1], [-0.9, -0.3, 0.3, 0.9], [occipital, parietal, parietal, frontal]).astype(np.float32)
    scalp = _SCALP_MM * (1 + 0.15 * float(rng.uniform(-1, 1)))
    skin = inner - thickness - np.float32(scalp) - thicker
    fields = np.stack([*voxels, inner, skin, vault, _sutures(unit, box, rng), thickness]).astype(np.float32)
    volume = float(((inner < 0) & above).sum()) * _GRID_MM**3 / 1000
    solid = (skin < 0) & (points[2] > box[0, 2] - 12) & (_sample(head.tissue > 0, voxels) > 0.5)
    sparse = (slice(None, None, 4),) * 3
    inside = points[:, *sparse][:, brain[sparse]].astype(np.float64)
    return Skull(origin, _GRID_MM, fields, volume, inside, _box(points, solid))


def _inner_table(
    from_brain: NDArray[np.float32], from_adult_table: NDArray[np.float32], above: NDArray[np.bool_], wanted_cm3: float
) -> NDArray[np.float32]:
    """Distance outside the child's inner table: the adult's, drawn in towards the brain until the volume is right."""
    voxel = _GRID_MM**3 / 1000

    def table(fluid_mm: float) -> NDArray[np.float32]:
        drawn_in = np.maximum(from_adult_table, from_brain - np.float32(fluid_mm))
        return np.minimum(drawn_in, from_brain - np.float32(_LEAST_FLUID_MM))

    low, high = _LEAST_FLUID_MM, _MOST_FLUID_MM
    for _ in range(12):
        middle = (low + high) / 2
        too_much = np.count_nonzero((table(middle) < 0) & above) * voxel > wanted_cm3
        low, high = (low, middle) if too_much else (middle, high)
    return table((low + high) / 2)


def _distance_to_closed(mask: NDArray[np.bool_], radius_mm: float) -> NDArray[np.float32]:
    """Signed distance in mm (positive outside) to a mask closed by a ball, so that sulci and fissures do not count."""
    outside = ndimage.distance_transform_edt(~mask, sampling=_GRID_MM)
    inside = ndimage.distance_transform_edt(outside <= radius_mm, sampling=_GRID_MM)
    return np.where(outside <= radius_mm, radius_mm - inside, outside).astype(np.float32)


def _sutures(unit: NDArray[np.float32], box: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float32]:
    """Distance in mm to the nearest suture: coronal, sagittal, lambdoid and metopic's rest, a little wavy.

    Args:
        unit: coordinates with the brain's bounding box as −1 to 1.
        box: that bounding box in mm.
        rng: draws where the sutures run and the rest of the anterior fontanelle.
    """
    half = np.ptp(box, axis=0) / 2
    x, y, z = unit
    wave = [float(p) for p in rng.uniform(0, 2 * np.pi, 4)]
    wiggle = 0.012 * np.sin(42 * x + wave[0]) + 0.012 * np.sin(37 * z + wave[1])
    bregma, lambda_ = rng.normal(0.28, 0.03), rng.normal(-0.72, 0.03)
    coronal = np.abs(y - (bregma + 0.25 * (z - 0.9)) + wiggle) * half[1]
    sagittal = np.abs(x + 0.015 * np.sin(30 * y + wave[2])) * half[0]
    sagittal = np.where((y < bregma) & (y > lambda_) & (z > 0), sagittal, np.inf)
    lambdoid = (
        np.abs((y - lambda_) - 0.45 * np.abs(x) + 0.3 * (0.55 - z) + 0.02 * np.sin(33 * x + wave[3])) * half[1] * 0.85
    )
    lambdoid = np.where((y < -0.2) & (z < 0.8), lambdoid, np.inf)
    coronal = np.where(z > -0.1, coronal, np.inf)
    fontanelle_mm = max(0.0, float(rng.normal(0.0, 3.0)))
    diamond = np.abs(x) * half[0] + np.abs(y - bregma) * half[1] - fontanelle_mm
    diamond = np.where((z > 0.5) & (fontanelle_mm > 0), np.maximum(0, diamond), np.inf)
    return np.minimum.reduce([coronal, sagittal, lambdoid, diamond]).clip(0, 50).astype(np.float32)


def _sample(mask: NDArray[np.bool_], voxels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Part of a mask at voxel coordinates, linear."""
    return ndimage.map_coordinates(mask.astype(np.float32), voxels, order=1, mode="nearest", prefilter=False)


def _box(points: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Lowest and highest point of a mask: (2, 3) in mm."""
    inside = points[:, mask]
    return np.stack([inside.min(axis=1), inside.max(axis=1)]).astype(np.float64)
