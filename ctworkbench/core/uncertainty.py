"""How unsure networks are of each voxel: the entropy of their mean answer, on the scan's own grid, and where to look.

The measure is the entropy of the mean softmax of all passes, the predictive entropy of an ensemble (Lakshminarayanan,
Pritzel & Blundell, NeurIPS 2017), over that of a network that knows nothing: 0 where all passes are sure of one region,
1 where every region is as likely. Its mean over a region follows the region's Dice (Mehrtash et al., IEEE Trans Med
Imaging 2020; 39:3868). A single pass has an entropy too, and a single network is too sure of itself (Guo et al., ICML
2017): a low one of it means little.

A map keeps whole percents as uint8, 0 to 100: finer steps tell a reader nothing and pack worse.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ctworkbench.core.volume import Affine, Volume

PERCENT = 100
"""Value of a voxel that may be anything."""
LEAST_SPOT = 10.0
"""Mean around a place, in percent, from which on it is worth a look; a third of what two regions at even odds have."""
_BLOCK_MM = 3.0
_AROUND_MM = 9.0


class Spot(NamedTuple):
    """A place where the networks are unsure.

    Attributes:
        voxel: its index (x, y, z).
        percent: mean uncertainty of the 9 mm around it, 0 to 100.
    """

    voxel: tuple[int, int, int]
    percent: float


def toss_percent(classes: int) -> float:
    """Uncertainty of a voxel that is one of two classes at even odds, in percent; 29 for ten regions and none."""
    return PERCENT * math.log(2) / math.log(classes)


def normalised_entropy(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Entropy of every voxel over the greatest possible, −Σ p·ln p / ln C: float32 (x, y, z), 0 to 1.

    Args:
        probabilities: (C, x, y, z), the mean of all passes; the C classes of a voxel sum up to 1.
    """
    found = np.zeros(probabilities.shape[1:], dtype=np.float32)
    for share in probabilities:  # a class at a time: no further array as large as all of them
        found -= share * np.log(np.maximum(share, np.float32(1e-12)))
    return np.clip(found / np.float32(math.log(len(probabilities))), 0, 1)


def uncertainty_map(probabilities: NDArray[np.float32], affine: Affine, inside: Volume) -> Volume:
    """The uncertainty of each voxel of the brain in percent, uint8, on the grid of `inside`; 0 outside.

    The entropy is taken on the network's own grid and carried linearly: were probabilities carried instead, every
    border of a coarse network would look unsure, where two sure voxels are mixed.

    Args:
        probabilities: (C, x, y, z), float32.
        affine: voxel index of `probabilities` → RAS+ mm.
        inside: brain mask on the scan's own grid, which may be sheared.
    """
    out = np.zeros(inside.voxels.shape, dtype=np.uint8, order="F")
    box = ndimage.find_objects((inside.voxels > 0).astype(np.uint8), max_label=1)[0]
    if box is None:
        return Volume(out, inside.affine)
    back = np.linalg.inv(affine) @ inside.affine
    offset = back[:3, :3] @ np.array([side.start for side in box], dtype=float) + back[:3, 3]
    shape = tuple(side.stop - side.start for side in box)
    entropy = normalised_entropy(probabilities)
    carried = ndimage.affine_transform(entropy, back[:3, :3], offset, output_shape=shape, output=np.float32, order=1)
    out[box] = np.rint(PERCENT * carried).astype(np.uint8) * (inside.voxels[box] > 0)
    return Volume(out, inside.affine)


def uncertain_spots(uncertainty: Volume, most: int = 12, apart_mm: float = 15.0) -> list[Spot]:
    """The places where the networks are least sure, the least sure first; none below `LEAST_SPOT`.

    A place counts by the mean of the 9 mm around it, so that a whole blurred border comes before a speck.

    Args:
        uncertainty: percent on the scan's own grid, as `uncertainty_map` makes it.
        most: how many.
        apart_mm: how far from each other at least.
    """
    box = ndimage.find_objects((uncertainty.voxels > 0).astype(np.uint8), max_label=1)[0]
    if box is None:
        return []
    spacing = np.array(uncertainty.spacing)
    step = np.maximum(1, np.rint(_BLOCK_MM / spacing)).astype(int)
    blocks = _block_means(uncertainty.voxels[box], step)
    size = [max(1, round(float(_AROUND_MM / side))) for side in spacing * step]
    around = ndimage.uniform_filter(blocks, size, mode="constant")
    peaks = np.argwhere((around == ndimage.maximum_filter(around, size)) & (around >= LEAST_SPOT))
    order = np.argsort(-around[tuple(peaks.T)], kind="stable")
    found: list[Spot] = []
    for peak in peaks[order]:
        corner = np.array([side.start for side in box])
        place = np.minimum(corner + peak * step + step // 2, np.array(uncertainty.voxels.shape) - 1)
        if all(np.linalg.norm((place - np.array(spot.voxel)) * spacing) >= apart_mm for spot in found):
            x, y, z = (int(n) for n in place)
            found.append(Spot((x, y, z), float(around[tuple(peak)])))
        if len(found) == most:
            break
    return found


def passes_text(networks: int, passes: int) -> str:
    """Whose answers were averaged, for people: "mean of 5 networks, each of the mirrored head too"."""
    mirrored = passes > networks
    if networks > 1:
        return f"mean of {networks} networks{', each of the mirrored head too' if mirrored else ''}"
    return "one network, of the head and its mirror image" if mirrored else "one network alone"


def _block_means(voxels: NDArray[np.uint8], step: NDArray[np.int64]) -> NDArray[np.float32]:
    """Means of blocks of so many voxels along each axis; what lies beyond the array counts as 0."""
    a, b, c = (int(n) for n in step)
    padded = np.pad(voxels, [(0, -n % side) for n, side in zip(voxels.shape, (a, b, c), strict=True)])
    x, y, z = padded.shape
    return padded.reshape(x // a, a, y // b, b, z // c, c).mean(axis=(1, 3, 5), dtype=np.float32)
