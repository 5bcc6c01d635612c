"""Changes of training images, drawn from a generator that the caller seeds."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ctworkbench.train.preset import Augmentation


def class_mirror(codes: tuple[int, ...], mirror_table: NDArray[np.uint8]) -> Tensor:
    """int64 (classes,): class number → class number of the other side; class numbers are places in `codes` + 1."""
    place = {code: index + 1 for index, code in enumerate(codes)}
    return torch.tensor([0, *(place[int(mirror_table[code])] for code in codes)], dtype=torch.int64)


def flip(image: Tensor, target: Tensor, mirror: Tensor) -> tuple[Tensor, Tensor]:
    """Mirror a head across the middle of its grid; what was the left region becomes the right one and is named so.

    Args:
        image: float (channels, x, y, z); axis x runs left–right.
        target: int64 (x, y, z) class numbers.
        mirror: class number → class number of the other side.
    """
    return image.flip(1), mirror[target.flip(0)]


def augment(
    image: Tensor, target: Tensor, mirror: Tensor, change: Augmentation, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """A changed copy of one brain on the same grid; image linear, classes by nearest voxel, 0 from outside.

    Args:
        image: float32 (1, x, y, z), cubic voxels, 0 outside the brain.
        target: int64 (x, y, z) class numbers.
        mirror: class number → class number of the other side.
        change: how far.
        rng: decides all; the same generator state gives the same result.
    """
    angles = np.radians(rng.uniform(-1, 1, 3) * change.rotation_degrees)
    scale = 1 + rng.uniform(-1, 1, 3) * change.scale
    gain, offset = 1 + rng.uniform(-1, 1) * change.gain, rng.uniform(-1, 1) * change.gain
    flipped, noise_seed = rng.random() < change.flip, int(rng.integers(2**31))
    if flipped:
        image, target = flip(image, target, mirror)
    if change.rotation_degrees or change.scale:
        image, target = _turn(image, target, rotation(angles) * scale)
    if change.gain or change.noise:
        inside = image > 0
        changed = (image - 1) * gain + 1 + 0.3 * offset
        if change.noise:
            noise = np.random.default_rng(noise_seed).standard_normal(tuple(image.shape), dtype=np.float32)
            changed = changed + torch.from_numpy(noise).to(image) * (change.noise / 3)
        image = torch.where(inside, changed, image)
    return image, target


def rotation(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """3×3 rotation about x, then y, then z, angles in radians."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(angles), np.sin(angles)
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


def _turn(image: Tensor, target: Tensor, matrix: NDArray[np.float64]) -> tuple[Tensor, Tensor]:
    """Sample about the centre: voxel offset in the result → `matrix` times it in the source.

    torch counts axes backwards (its x is the last one) and in halves of the grid's size.
    """
    size = np.array(image.shape[1:], dtype=float)[::-1]
    backwards = matrix[::-1, ::-1] * size / size[:, None]
    theta = torch.zeros(1, 3, 4, dtype=image.dtype, device=image.device)
    theta[0, :, :3] = torch.from_numpy(np.ascontiguousarray(backwards)).to(image)
    grid = functional.affine_grid(theta, [1, 1, *image.shape[1:]], align_corners=False)
    turned = functional.grid_sample(image[None], grid, mode="bilinear", align_corners=False)[0]
    classes = functional.grid_sample(target[None, None].to(image.dtype), grid, mode="nearest", align_corners=False)
    return turned, classes[0, 0].round().long()
