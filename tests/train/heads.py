"""Small heads for training tests: an ellipsoid with ten regions, brighter on the patient's right, made in a second."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ctworkbench.core import schemes
from ctworkbench.core.splits import Role
from ctworkbench.core.training import TrainCase
from ctworkbench.core.volume import Volume, write_nifti
from ctworkbench.train.preset import Augmentation, Preset

SCHEME = schemes.load()

TINY = Preset(
    title="Tiny, for tests",
    spacing_mm=4.0,
    margin_mm=4.0,
    channels=(4, 6, 8),
    coordinates=True,
    mirror_average=True,
    optimizer="adamw",
    learning_rate=1e-2,
    schedule="cosine",
    loss="cross-entropy + dice",
    balanced=True,
    batch=2,
    together=2,
    epochs=2,
    folds=2,
    augmentation=Augmentation(flip=0.5, rotation_degrees=5.0, gain=0.05, noise=0.05),
)


@dataclass(frozen=True)
class Head:
    """Files of one head, and its label map."""

    subject: str
    image: Path
    brain: Path
    labels: Path
    truth: Volume

    def case(self, role: Role) -> TrainCase:
        """The head as a training case."""
        return TrainCase(subject=self.subject, image=self.image, brain=self.brain, labels=self.labels, role=role)


def regions_at(world: np.ndarray, centre: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Region codes at RAS+ mm points (3, …): right is x > 0, as in any RAS+ world."""
    x, y, z = ((world[axis] - centre[axis]) / radii[axis] for axis in range(3))
    inside = x * x + y * y + z * z < 1
    right = x > 0
    codes = np.where(right, 3, 4)  # parietal
    codes = np.where(y > 0.25, np.where(right, 1, 2), codes)
    codes = np.where(y < -0.45, np.where(right, 5, 6), codes)
    codes = np.where((z < -0.15) & (y > -0.2), np.where(right, 7, 8), codes)
    codes = np.where((z < -0.35) & (y < -0.2), 9, codes)
    codes = np.where((np.abs(x) < 0.3) & (np.abs(y + 0.1) < 0.35) & (z < -0.1), 10, codes)
    return np.where(inside, codes, 0).astype(np.uint8)


def make_head(folder: Path, number: int, codes: tuple[int, ...] | None = None) -> Head:
    """A head of its own size and place: image 2 mm, labels on a coarser, turned, left-handed grid of the "scan".

    Args:
        folder: where files go.
        number: decides size, place and noise.
        codes: keep these regions only.
    """
    rng = np.random.default_rng(number)
    centre = rng.uniform(-6, 6, 3)
    radii = np.array([30.0, 38.0, 32.0]) * rng.uniform(0.92, 1.08, 3)
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = centre - radii - 8
    shape = tuple(int(n) for n in np.ceil((2 * radii + 16) / 2))
    found = regions_at(points(shape, affine), centre, radii)
    brain = (found > 0).astype(np.uint8)
    bright = np.array([0, 0.62, 0.5, 0.72, 0.6, 0.52, 0.4, 0.66, 0.54, 0.8, 0.3])
    image = (bright[found] + rng.normal(0, 0.03, shape) * brain).astype(np.float32)
    turn = np.radians(8.0)
    own = np.eye(4)
    own[:3, :3] = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    own[:3, :3] = own[:3, :3] @ np.diag([-1.7, 1.7, 5.0])  # the scan's x axis runs to the patient's left
    own_shape = (52, 58, 20)
    own[:3, 3] = centre - own[:3, :3] @ ((np.array(own_shape) - 1) / 2)
    truth = regions_at(points(own_shape, own), centre, radii)
    if codes is not None:
        truth[~np.isin(truth, codes)] = 0
    folder.mkdir(parents=True, exist_ok=True)
    head = Head(
        f"H{number:02d}",
        folder / f"{number}_image.nii.gz",
        folder / f"{number}_brain.nii.gz",
        folder / f"{number}_labels.nii.gz",
        Volume(truth, own),
    )
    write_nifti(Volume(image, affine), head.image)
    write_nifti(Volume(brain, affine), head.brain)
    write_nifti(head.truth, head.labels)
    return head


def points(shape: tuple[int, ...], affine: np.ndarray) -> np.ndarray:
    """RAS+ mm coordinates (3, x, y, z) of every voxel."""
    index = np.indices(shape).reshape(3, -1)
    return (affine[:3, :3] @ index + affine[:3, 3:]).reshape(3, *shape)
