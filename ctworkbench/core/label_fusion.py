"""Label maps of several templates made one.

Joint label fusion (Wang et al., IEEE TPAMI 35:611, 2013) weighs each template at each place by how far its HU are from
the scan's there, and takes from the weight of those that err together: ten alike templates are not ten witnesses. A
plain majority and STAPLE (Warfield et al. 2004) stand beside it to be compared with.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Fusion = Literal["joint", "local", "majority", "staple"]

_PATCH_MM = 2.5
_NOISE_MM = 1.0
_EXPONENT = 2
_STEADIED = 0.1
_VOTE_MM = 1.2

Labels = NDArray[np.uint8]
Image = NDArray[np.float32]


class Carried(NamedTuple):
    """One template on the grid of the scan: its region codes (uint8) and its HU (float32, 0 outside its brain)."""

    labels: Labels
    image: Image


class Fused(NamedTuple):
    """What several templates say together.

    Attributes:
        labels: uint8 region codes.
        weights: mean share of each template in the vote, in their order; sums to 1.
        apart: True where the winner has less than two thirds of the vote.
    """

    labels: Labels
    weights: NDArray[np.float64]
    apart: NDArray[np.bool_]


def fuse(
    scan: Image, brain: NDArray[np.bool_], carried: Sequence[Carried], codes: Sequence[int], method: Fusion = "joint"
) -> Fused:
    """The regions that several templates carried to a scan make together.

    Args:
        scan: HU at 1 mm within the brain window.
        brain: the hull of the scan's brain.
        carried: one or more templates on the same grid.
        codes: regions.
        method: "joint" and "local" weigh by likeness of HU from place to place, "majority" and "staple" look at the
            labels alone.
    """
    box = _box(brain | np.any([one.labels > 0 for one in carried], axis=0))
    cut = [Carried(one.labels[box], one.image[box]) for one in carried]
    weights = _weights(scan[box], brain[box], cut, method)
    votes = np.zeros((1 + len(codes), *cut[0].labels.shape), dtype=np.float32)
    for one, weight in zip(cut, weights, strict=True):
        for row, code in enumerate((0, *codes)):
            votes[row] += np.where(one.labels == code, weight, 0)
    if method in ("joint", "local") and len(cut) > 1:
        votes = np.stack([ndimage.gaussian_filter(one, _VOTE_MM) for one in votes])
    best = votes.argmax(axis=0)
    winner = np.array((0, *codes), dtype=np.uint8)[best]
    share = votes.max(axis=0) / np.maximum(votes.sum(axis=0), 1e-6)
    if method == "staple" and len(cut) > 1:
        winner = _staple([one.labels for one in cut], winner)
    labels, apart = np.zeros(brain.shape, dtype=np.uint8), np.zeros(brain.shape, dtype=bool)
    labels[box], apart[box] = winner, share < 2 / 3
    means = weights[:, brain[box]].mean(axis=1, dtype=np.float64)
    return Fused(labels, means / means.sum(), apart & brain)


def _weights(scan: Image, brain: NDArray[np.bool_], carried: Sequence[Carried], method: Fusion) -> NDArray[np.float32]:
    """The vote of each template at each voxel: (templates, x, y, z), not negative, sums to 1."""
    count = len(carried)
    if count == 1 or method in ("majority", "staple"):
        return np.full((count, *scan.shape), 1 / count, dtype=np.float32)
    apart = [_difference(scan, brain, one.image) for one in carried]
    small = tuple(-(-n // 2) for n in scan.shape)
    together = np.zeros((*small, count, count), dtype=np.float32)
    near = np.maximum(ndimage.gaussian_filter(brain[::2, ::2, ::2].astype(np.float32), _PATCH_MM / 2), 0.02)
    for i in range(count):
        for j in range(i, count):
            if method == "local" and i != j:
                continue
            product = ndimage.gaussian_filter(apart[i] * apart[j], _PATCH_MM / 2) / near
            together[..., i, j] = together[..., j, i] = product**_EXPONENT
    typical = float(np.median(together[brain[::2, ::2, ::2]].diagonal(axis1=1, axis2=2)))
    together += _STEADIED * max(typical, 1e-6) * np.eye(count, dtype=np.float32)
    votes = np.linalg.solve(together, np.ones((*small, count, 1), dtype=np.float32))[..., 0]
    votes = np.clip(votes, 0, None)
    votes /= np.maximum(votes.sum(axis=-1, keepdims=True), 1e-12)
    fine = votes.repeat(2, 0).repeat(2, 1).repeat(2, 2)[: scan.shape[0], : scan.shape[1], : scan.shape[2]]
    return np.moveaxis(fine, -1, 0)


def _difference(scan: Image, brain: NDArray[np.bool_], image: Image) -> Image:
    """|HU of scan − HU of template| every 2 mm, noise smoothed, levels of the two made alike; 0 outside the brain."""
    both = brain & (image > 0)
    level = float(np.median(scan[both]) - np.median(image[both])) if both.any() else 0.0
    there = np.where(image > 0, image + level, 0)
    apart = np.abs(ndimage.gaussian_filter(scan - there, _NOISE_MM))
    return np.where(brain, apart, 0)[::2, ::2, ::2].astype(np.float32)


def _staple(labels: Sequence[Labels], undecided: Labels) -> Labels:
    """STAPLE of many regions; where it cannot decide, the majority."""
    import SimpleITK as sitk

    images = [sitk.GetImageFromArray(np.ascontiguousarray(one.T)) for one in labels]
    found = sitk.GetArrayFromImage(sitk.MultiLabelSTAPLE(images, 255)).T
    return np.where(found == 255, undecided, found).astype(np.uint8)


def _box(mask: NDArray[np.bool_]) -> tuple[slice, slice, slice]:
    return ndimage.find_objects(mask.astype(np.uint8))[0]
