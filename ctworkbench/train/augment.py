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
    image: Tensor,
    target: Tensor,
    mirror: Tensor,
    change: Augmentation,
    rng: np.random.Generator,
    spacing_mm: float = 1.0,
) -> tuple[Tensor, Tensor]:
    """A changed copy of one brain on the same grid; image linear, classes by nearest voxel, 0 from outside.

    Args:
        image: float32 (1, x, y, z), cubic voxels, 0 outside the brain.
        target: int64 (x, y, z) class numbers.
        mirror: class number → class number of the other side.
        change: how far.
        rng: decides all; the same generator state gives the same result.
        spacing_mm: side of the voxels.
    """
    angles = np.radians(rng.uniform(-1, 1, 3) * change.rotation_degrees)
    scale = 1 + rng.uniform(-1, 1, 3) * change.scale
    gain, offset = 1 + rng.uniform(-1, 1) * change.gain, rng.uniform(-1, 1) * change.gain
    flipped, noise_seed = rng.random() < change.flip, int(rng.integers(2**31))
    if flipped:
        image, target = flip(image, target, mirror)
    bend = _bend(image, change.elastic_mm / spacing_mm, rng) if change.elastic_mm else None
    if change.rotation_degrees or change.scale or bend is not None:
        image, target = _turn(image, target, rotation(angles) * scale, bend)
    if change.blur or change.slices_mm:
        image = _coarser(image, change, rng, spacing_mm)
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


def patch(image: Tensor, target: Tensor, size: int, rng: np.random.Generator) -> tuple[slice, slice, slice]:
    """Where to cut a cube of `size` voxels about a voxel of a region drawn at random; shorter axes stay whole.

    Args:
        image: (1, x, y, z), for its size.
        target: class numbers; 0 is no region.
        size: voxels along each axis.
        rng: decides.
    """
    present = torch.unique(target)
    present = present[present > 0]
    shape = image.shape[1:]
    middle = [n // 2 for n in shape]
    if len(present):
        voxels = torch.nonzero(target == present[int(rng.integers(len(present)))])
        middle = voxels[int(rng.integers(len(voxels)))].tolist()
    first = [max(0, min(m - size // 2, n - size)) for m, n in zip(middle, shape, strict=True)]
    cut = [slice(start, start + min(size, n)) for start, n in zip(first, shape, strict=True)]
    return cut[0], cut[1], cut[2]


def _bend(image: Tensor, largest: float, rng: np.random.Generator) -> Tensor:
    """A smooth displacement in voxels, (3, x, y, z): noise on six nodes along each axis, made smooth."""
    nodes = torch.from_numpy(rng.standard_normal((3, 6, 6, 6), dtype=np.float32)).to(image.device)
    field = functional.interpolate(nodes[None], image.shape[1:], mode="trilinear", align_corners=True)
    field = functional.avg_pool3d(field, 5, stride=1, padding=2, count_include_pad=False)[0]
    return field / field.std() * float(rng.uniform(0, largest))


def _coarser(image: Tensor, change: Augmentation, rng: np.random.Generator, spacing_mm: float) -> Tensor:
    """The image as a smoother kernel or thicker slices would have left it, 0 outside as before."""
    inside = image > 0
    sigma, thickness = float(rng.uniform(0, change.blur)), round(float(rng.uniform(0, change.slices_mm)) / spacing_mm)
    if sigma > 0.3:
        radius = max(1, round(2.5 * sigma))
        kernel = torch.exp(-0.5 * (torch.arange(-radius, radius + 1, device=image.device) / sigma) ** 2)
        kernel = (kernel / kernel.sum()).to(image.dtype)
        for axis in range(3):
            shape = [1, 1, 1, 1, 1]
            shape[2 + axis] = len(kernel)
            room = [radius if k == axis else 0 for k in range(3)]
            image = functional.conv3d(image[None], kernel.reshape(shape), padding=room)[0]
    if thickness >= 2:
        depth = image.shape[3]
        padded = functional.pad(image, (0, -depth % thickness))
        thick = functional.avg_pool3d(padded[None], (1, 1, thickness))
        image = functional.interpolate(thick, padded.shape[1:], mode="trilinear", align_corners=False)[0][..., :depth]
    return torch.where(inside, image, torch.zeros_like(image))


def _turn(image: Tensor, target: Tensor, matrix: NDArray[np.float64], bend: Tensor | None) -> tuple[Tensor, Tensor]:
    """Sample about the centre: voxel offset in the result → `matrix` times it in the source, plus the bend in voxels.

    torch counts axes backwards (its x is the last one) and in halves of the grid's size.
    """
    size = np.array(image.shape[1:], dtype=float)[::-1]
    backwards = matrix[::-1, ::-1] * size / size[:, None]
    theta = torch.zeros(1, 3, 4, dtype=image.dtype, device=image.device)
    theta[0, :, :3] = torch.from_numpy(np.ascontiguousarray(backwards)).to(image)
    grid = functional.affine_grid(theta, [1, 1, *image.shape[1:]], align_corners=False)
    if bend is not None:
        halves = torch.tensor([2 / n for n in image.shape[1:]], dtype=image.dtype, device=image.device)
        grid = grid + (bend.movedim(0, -1) * halves).flip(-1)[None]
    turned = functional.grid_sample(image[None], grid, mode="bilinear", align_corners=False)[0]
    classes = functional.grid_sample(target[None, None].to(image.dtype), grid, mode="nearest", align_corners=False)
    return turned, classes[0, 0].round().long()
