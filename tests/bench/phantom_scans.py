"""Phantoms laid in any pose for the benches: one anatomy, many scans, with the truth beside them."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ctworkbench.core.jobs import JobContext
from ctworkbench.core.phantom import Anatomy, PhantomParams, scan_phantom
from ctworkbench.core.phantom_scan import Pose, inside_on
from ctworkbench.core.volume import Volume


class Laid(NamedTuple):
    """One scan and what is true of it, on one grid: HU, the regions, the inside of the skull."""

    scan: Volume
    truth: Volume
    inside: Volume


def random_pose(rng: np.random.Generator, most_degrees: float) -> Pose:
    """Turned about x, y and z by up to so many degrees each, evenly; off centre by up to 8 mm."""
    turn, shift = rng.uniform(-most_degrees, most_degrees, 3), rng.uniform(-8, 8, 3)
    return Pose((float(turn[0]), float(turn[1]), float(turn[2])), (float(shift[0]), float(shift[1]), float(shift[2])))


def lay(params: PhantomParams, anatomy: Anatomy, pose: Pose, context: JobContext) -> Laid:
    """Scan a head in a pose; RAS voxel order, HU as an import leaves them (no padding)."""
    grid, image, truth = scan_phantom(params, anatomy, pose, context)
    voxels = {"scan": np.maximum(image, -1024), "truth": truth}
    voxels["inside"] = inside_on(anatomy.skull, pose, grid, anatomy.head).astype(np.uint8)
    return Laid(**{name: Volume(array, grid.affine).oriented() for name, array in voxels.items()})


def with_open_fontanelle(anatomy: Anatomy, half_mm: float, suture_mm: float) -> Anatomy:
    """The same head with an anterior fontanelle of so many mm from the middle to a corner, and wider sutures.

    Args:
        anatomy: of a phantom.
        half_mm: 15 is a fontanelle of 3 cm across, large for a toddler.
        suture_mm: what each side of every suture gains.
    """
    skull = anatomy.skull
    low, high = skull.brain_points.min(axis=1), skull.brain_points.max(axis=1)
    middle, half = (low + high) / 2, (high - low) / 2
    axes = [skull.origin[k] + skull.step * np.arange(skull.fields.shape[k + 1]) - middle[k] for k in range(3)]
    x, y, z = np.ix_(*axes)
    bregma = 0.28 * half[1]  # where `phantom_skull` has it in the mean
    diamond = np.where(z > 0.5 * half[2], np.maximum(0, np.abs(x) + np.abs(y - bregma) - half_mm), np.inf)
    fields = skull.fields.copy()
    fields[6] = np.minimum(np.maximum(0, fields[6] - suture_mm), diamond)
    return replace(anatomy, skull=replace(skull, fields=fields))


def true_degrees(pose: Pose) -> float:
    """The angle of the one turn that a pose is."""
    return float(np.rad2deg(Rotation.from_matrix(pose.matrix).magnitude()))


def overlap(found: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    """Dice of two masks."""
    return float(2 * (found & truth).sum() / max(1, found.sum() + truth.sum()))
