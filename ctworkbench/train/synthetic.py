"""Training images that no patient was scanned for: head CTs drawn from label maps of whole heads.

The idea is SynthSeg's (Billot et al., Med. Image Anal. 2023): labels are bent, then painted with values drawn anew for
every image, so that a network learns shapes and not a scanner. Made for CT here: values are HU within what is seen at
120 kV, the head may shrink to a child's, fluid around and within the brain varies from a child's to an old adult's, and
slices may be thick. All is drawn with torch on the device that trains; nothing but torch and numpy is needed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

(
    BACKGROUND,
    WHITE,
    CORTEX,
    DEEP_GREY,
    BRAINSTEM,
    CEREBELLAR_WHITE,
    CEREBELLAR_CORTEX,
    VENTRICLE,
    FLUID,
    BLOOD,
    BONE,
) = range(11)
"""Tissues that are painted with a value of their own."""

_SUPERSAMPLED = 2
_COARSE_MM = 4.0
_REACH_MM = 128.0
_NODE_MM = 10.0
_WINDOW = (0.0, 80.0)
_CLIP = 3.0
_MIDDLE = 128
_TENTHS = 10.0


@dataclass(frozen=True, eq=False)
class HeadFields:
    """One head on 1-mm voxels (x, y, z), RAS+, all uint8; `head_fields` of the script makes them.

    Attributes:
        tissue: the tissues above.
        region: class numbers, place in the scheme + 1, 0 for none.
        filled: region that a voxel of the lateral ventricles has when they shrink.
        fluid_width: how wide the sulcus is at a voxel of fluid within a region, 0 elsewhere.
        from_brain: distance to the brain in tenths of a mm.
        from_ventricle: distance to the lateral ventricles in tenths of a mm, plus 128; less within.
    """

    tissue: NDArray[np.uint8]
    region: NDArray[np.uint8]
    filled: NDArray[np.uint8]
    fluid_width: NDArray[np.uint8]
    from_brain: NDArray[np.uint8]
    from_ventricle: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class SyntheticHead:
    """One drawn head as a network is shown it.

    Attributes:
        image: float32 (1, x, y, z), 0 outside the brain mask, scaled in it as `data.network_image` does.
        target: int64 (x, y, z) class numbers.
        box_mm: size of the mask's box, which has the grid's centre.
    """

    image: Tensor
    target: Tensor
    box_mm: tuple[float, float, float]


class HeadPainter:
    """Draws heads on one device; what is drawn depends on the generator handed in alone."""

    def __init__(self, heads: Sequence[HeadFields], device: str, mirror: Tensor, spacing_mm: float) -> None:
        """Args: `mirror`: class number → class number of the other side. `spacing_mm`: of the network's voxels."""
        names = [field.name for field in fields(HeadFields)]
        self._heads = [
            {name: torch.from_numpy(np.ascontiguousarray(getattr(head, name))).to(device) for name in names}
            for head in heads
        ]
        self._device = device
        self._mirror = mirror.to(device)
        self._classes = len(mirror)
        self.spacing_mm = spacing_mm

    def draw(self, rng: np.random.Generator, margin_mm: float = 4.0) -> SyntheticHead:
        """A head that never was."""
        head = self._heads[int(rng.integers(len(self._heads)))]
        noise = torch.Generator(self._device).manual_seed(int(rng.integers(2**62)))
        bend = _Bend(rng, noise, self._device, tuple(head["tissue"].shape), self.spacing_mm)
        extra_mm, below_mm = float(rng.uniform(0.4, 7.0)), float(rng.uniform(0, 12))
        grow_mm = float(rng.uniform(-2.0, 0.5) if rng.random() < 0.7 else rng.uniform(0.5, 4.0))
        widest = float(rng.uniform(0, 200) if rng.random() < 0.7 else 255)

        def seen(first: Sequence[float], step: float, count: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
            index, height = bend.source(first, step, count)
            found = {name: values.flatten()[index] for name, values in head.items()}
            return _anatomy(found, height, bend.lowest(head["region"]) - below_mm, extra_mm, grow_mm, widest)

        count = [int(2 * _REACH_MM / _COARSE_MM)] * 3
        corner = [-_REACH_MM + _COARSE_MM / 2] * 3
        _, _, mask = seen(corner, _COARSE_MM, count)
        box = _box(mask, corner, _COARSE_MM)
        shape = [int(np.ceil((high - low + 2 * margin_mm) / self.spacing_mm / 4)) * 4 for low, high in box]
        fine = self.spacing_mm / _SUPERSAMPLED
        first = [
            (low + high) / 2 - (n * _SUPERSAMPLED - 1) / 2 * fine for (low, high), n in zip(box, shape, strict=True)
        ]
        tissue, region, mask = seen(first, fine, [n * _SUPERSAMPLED for n in shape])
        mask = _rough(mask, rng)
        image = _paint(tissue, mask, fine, rng, noise)
        target = self._majority(region)
        if bend.flipped:
            target = self._mirror[target]
        size = [high - low for low, high in box]
        return SyntheticHead(image[None], target, (size[0], size[1], size[2]))

    def _majority(self, region: Tensor) -> Tensor:
        """The class that fills most of each of the network's voxels."""
        best = torch.zeros([n // _SUPERSAMPLED for n in region.shape], device=region.device)
        found = torch.zeros(best.shape, dtype=torch.int64, device=region.device)
        for number in range(self._classes):
            share = functional.avg_pool3d((region == number).float()[None, None], _SUPERSAMPLED)[0, 0]
            found[share > best] = number
            best = torch.maximum(best, share)
        return found


class _Bend:
    """A map from the drawn head's frame, mm about its middle, to voxels of the head it is drawn from."""

    def __init__(
        self, rng: np.random.Generator, noise: torch.Generator, device: str, shape: tuple[int, ...], spacing_mm: float
    ) -> None:
        self.flipped = bool(rng.random() < 0.5)
        angles = np.radians(rng.uniform(-1, 1, 3) * (15.0, 12.0, 12.0))
        size = rng.uniform(0.85, 1.08) * (1 + rng.uniform(-1, 1, 3) * 0.07)
        shear = np.eye(3) + np.triu(rng.uniform(-0.05, 0.05, (3, 3)), 1)
        turn = _rotation(angles) @ shear / size
        if self.flipped:
            turn[0] *= -1
        self._turn = torch.from_numpy(turn).to(device, torch.float32)
        self._shape = shape
        self._device = device
        nodes = int(2 * (_REACH_MM + _COARSE_MM) / _NODE_MM) + 2
        self._field = torch.zeros(1, 3, nodes, nodes, nodes, device=device)
        for passes, largest_mm in ((12, 6.0), (3, 3.0), (1, 1.5)):
            part = torch.randn(self._field.shape, generator=noise, device=device)
            for _ in range(passes):
                part = functional.avg_pool3d(part, 3, stride=1, padding=1, count_include_pad=False)
            self._field += part / part.std() * float(rng.uniform(0, largest_mm))
        self._half = (nodes - 1) / 2 * _NODE_MM

    def source(self, first: Sequence[float], step: float, count: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Flat index of the voxel that a grid of points falls on, and its height there in voxels, each (x, y, z)."""
        axes = [torch.arange(n, device=self._device) * step + start for n, start in zip(count, first, strict=True)]
        points = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).float()
        moved = functional.grid_sample(
            self._field, points.flip(-1)[None] / self._half, align_corners=True, padding_mode="border"
        )[0]
        place = torch.einsum("ij,xyzj->ixyz", self._turn, points) + moved
        voxel = [(place[k] + (n - 1) / 2).round().long().clamp_(0, n - 1) for k, n in enumerate(self._shape)]
        return (voxel[0] * self._shape[1] + voxel[1]) * self._shape[2] + voxel[2], voxel[2]

    @staticmethod
    def lowest(region: Tensor) -> float:
        """The lowest slice that holds a region."""
        return float(torch.nonzero(region.flatten(0, 1).any(0))[0, 0])


def _rotation(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """3×3 rotation about x, then y, then z, angles in radians."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(angles), np.sin(angles)
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


def _anatomy(
    found: dict[str, Tensor], height: Tensor, floor: float, extra_mm: float, grow_mm: float, widest: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Tissue, region and brain mask with ventricles grown or shrunk, sulci narrowed, and fluid around as wide as said.

    Args:
        found: `HeadFields` at the points.
        height: of the points, in voxels of the head.
        floor: height under which nothing is brain.
        extra_mm: fluid around the brain.
        grow_mm: how far the walls of the lateral ventricles move outwards.
        widest: sulci narrower than this are filled with cortex; 255 fills none.
    """
    tissue, region = found["tissue"].clone(), found["region"].long()
    wall = (found["from_ventricle"].float() - _MIDDLE) / _TENTHS
    lateral = wall < 0
    shrunk = lateral & (wall > grow_mm)
    tissue[shrunk] = WHITE
    region = torch.where(shrunk, found["filled"].long(), region)
    cerebrum = (tissue == WHITE) | (tissue == CORTEX) | (tissue == DEEP_GREY)
    grown = cerebrum & ~lateral & (wall < grow_mm)
    tissue[grown] = VENTRICLE
    region = torch.where(grown, torch.zeros_like(region), region)
    width = found["fluid_width"]
    narrow = (tissue == FLUID) & (width > 0) & (width.float() < 255 - widest)
    tissue[narrow] = CORTEX
    inside = (tissue != BACKGROUND) & (tissue != BONE)
    mask = inside & (found["from_brain"].float() <= _TENTHS * extra_mm) & (height >= floor)
    return tissue, region, mask


def _box(mask: Tensor, first: Sequence[float], step: float) -> list[tuple[float, float]]:
    """From face to face of a mask along each axis, in mm."""
    box: list[tuple[float, float]] = []
    for axis in range(3):
        along = torch.nonzero(mask.any((axis + 1) % 3 if axis == 2 else 2).any(1 if axis == 0 else 0)).flatten()
        box.append((first[axis] + (float(along[0]) - 0.5) * step, first[axis] + (float(along[-1]) + 0.5) * step))
    return box


def _rough(mask: Tensor, rng: np.random.Generator) -> Tensor:
    """A mask as one is found in a scan: a little too wide, a little too narrow, or right."""
    kind = rng.random()
    if kind < 0.3:
        return functional.max_pool3d(mask[None, None].float(), 3, 1, 1)[0, 0] > 0
    if kind < 0.45:
        return functional.max_pool3d(1 - mask[None, None].float(), 3, 1, 1)[0, 0] == 0
    return mask


def _paint(tissue: Tensor, mask: Tensor, fine_mm: float, rng: np.random.Generator, noise: torch.Generator) -> Tensor:
    """The image on the network's voxels, float32 (x, y, z), from tissues on voxels of half their side."""
    table = torch.from_numpy(_palette(rng)).to(tissue.device, torch.float32)
    hu = table[tissue.long()]
    hu = torch.where(mask, hu, table[BONE])
    fluid = (tissue == VENTRICLE) | (tissue == FLUID)
    texture = _smooth(_normal(hu, noise), 1.0 + float(rng.uniform(0, 1.5)))
    hu = hu + texture / texture.std() * float(rng.uniform(0, 2.5)) * (~fluid)
    hu = hu + _shading(hu, float(rng.uniform(0, 5)), noise)
    hu = _smooth(hu, float(rng.uniform(0.3, 1.0)) / fine_mm)
    hu = _slices(hu, float(rng.choice([0, 0, 3, 4, 5, 6, 8])), fine_mm, rng)
    grain = _smooth(_normal(hu, noise), float(rng.uniform(0.0, 1.0)))
    hu = hu + grain / grain.std() * float(rng.uniform(0, 7))
    hu = hu.clamp(*_WINDOW)
    inside = hu[mask]
    scaled = ((hu - inside.mean()) / inside.std().clamp(min=1.0)).clamp(-_CLIP, _CLIP) / _CLIP + 1
    scaled = _smooth(torch.where(mask, scaled, torch.zeros_like(scaled)), 0.8)
    return functional.avg_pool3d(scaled[None, None], _SUPERSAMPLED)[0, 0]


def _palette(rng: np.random.Generator) -> NDArray[np.float64]:
    """HU of the tissues; grey above white by 1 to 10, and in one head of eight any order, as in no real one."""
    white = rng.uniform(20, 36)
    grey = white + rng.uniform(1, 10)
    if rng.random() < 0.125:
        white, grey = rng.uniform(20, 45, 2)
    table = np.zeros(11)
    table[WHITE], table[CORTEX], table[DEEP_GREY] = white, grey, grey + rng.uniform(-2, 3)
    table[BRAINSTEM] = white + rng.uniform(-3, 6)
    table[CEREBELLAR_WHITE], table[CEREBELLAR_CORTEX] = white + rng.uniform(-2, 3), grey + rng.uniform(-4, 4)
    table[VENTRICLE] = rng.uniform(0, 14)
    table[FLUID] = table[VENTRICLE] + rng.uniform(-2, 6)
    table[BLOOD], table[BONE] = rng.uniform(38, 70), rng.uniform(60, 500)
    table[BACKGROUND] = table[BONE]
    return table


def _normal(like: Tensor, noise: torch.Generator) -> Tensor:
    return torch.randn(like.shape, generator=noise, device=like.device)


def _shading(like: Tensor, largest: float, noise: torch.Generator) -> Tensor:
    """A smooth field of values up to about `largest`, as beam hardening leaves it."""
    coarse = torch.randn((1, 1, 4, 4, 4), generator=noise, device=like.device) * (largest / 2)
    return functional.interpolate(coarse, tuple(like.shape), mode="trilinear", align_corners=True)[0, 0]


def _slices(hu: Tensor, thickness_mm: float, fine_mm: float, rng: np.random.Generator) -> Tensor:
    """What thick slices leave: the mean over each slice, and straight lines between slices."""
    size = round(thickness_mm / fine_mm)
    if size < 2:
        return hu
    start, depth = int(rng.integers(size)), hu.shape[2]
    padded = functional.pad(hu, (start, -(depth + start) % size), mode="replicate")
    thick = functional.avg_pool3d(padded[None, None], (1, 1, size))
    again = functional.interpolate(thick, tuple(padded.shape), mode="trilinear", align_corners=False)[0, 0]
    return again[:, :, start : start + depth]


def _smooth(values: Tensor, sigma: float) -> Tensor:
    """Gaussian filter, `sigma` in voxels, edges repeated."""
    if sigma < 0.2:
        return values
    radius = max(1, round(2.5 * sigma))
    offsets = torch.arange(-radius, radius + 1, device=values.device, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (offsets / sigma) ** 2)
    kernel = kernel / kernel.sum()
    for axis in range(3):
        ends = [radius if k == 2 - axis else 0 for k in range(3) for _ in range(2)]
        padded = functional.pad(values[None, None], ends, mode="replicate")[0, 0]
        length = values.shape[axis]
        values = sum(  # a filter of few taps by slices is faster than a convolution of one channel
            (weight * padded.narrow(axis, k, length) for k, weight in enumerate(kernel.tolist())),
            start=torch.zeros_like(values),
        )
    return values
