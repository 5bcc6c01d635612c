"""The outline of a region in a slice, told from other slices in which it was drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ctworkbench.core.label_edits.drawing import Mask
from ctworkbench.core.label_edits.slices import between, signed_distance

Plane = NDArray[np.floating]

# Farther than this from an outline, a distance says nothing about where the outline runs in the next slice.
_FAR_MM = 8.0
# How far an outline is trusted, in mm: by itself, and less with each mm away from the slice where it was drawn.
_OUTLINE_MM, _OUTLINE_MM_PER_MM = 0.5, 0.25
# Brain, blood and fluid lie within; beyond, bone and air are alike to what they border.
_HU = (-50.0, 120.0)
_NOISE_MM = 0.8
_AROUND_MM = 4.0
_LEAST_HU_SD = 5.0
_MOST_EVIDENCE = 4.0


@dataclass(frozen=True)
class Way:
    """A way to tell an outline.

    Attributes:
        carry: carry the correction of the drawn slices to the outline that was there before.
        weight: of the HU against the outline; 0 leaves them out.
    """

    carry: bool = False
    weight: float = 0.0


class Outlines:
    """A region in a stack of parallel slices (slices, rows, columns), some of which a reader drew.

    Args:
        region: as it is drawn now.
        before: as it was before the reader began.
        image: HU.
        spacing: of slices, rows and columns, in mm.
        reach_mm: how far a correction is carried beyond the first and the last drawn slice.
    """

    def __init__(
        self, region: Mask, before: Mask, image: NDArray, spacing: tuple[float, float, float], reach_mm: float
    ) -> None:
        self.region, self.before = region, before
        self._step, self._plane, self._reach = spacing[0], spacing[1:], reach_mm
        hu = np.clip(image, *_HU).astype(np.float32)
        self._hu = ndimage.gaussian_filter(hu, [_NOISE_MM / length for length in spacing], mode="nearest")
        self._drawn = cache(lambda index: self._distance(self.region[index]))
        self._old = cache(lambda index: self._distance(self.before[index]))
        self._means = cache(self._means_of)

    def score(self, keys: Sequence[int], index: int, way: Way) -> Plane:
        """Log-odds that each voxel of a slice belongs to the region, told from the slices `keys` (ascending)."""
        away = min(abs(index - key) for key in keys) * self._step
        score = self._outline(keys, index, way.carry)
        if way.weight:
            score = score / (_OUTLINE_MM + _OUTLINE_MM_PER_MM * away) + way.weight * self._evidence(keys, index)
        return score

    def _outline(self, keys: Sequence[int], index: int, carry: bool) -> Plane:
        """Signed distance to the outline in mm, positive inside.

        Distances of the drawn slices are interpolated by cubic Hermite splines through the slices on both sides (Herman
        et al., IEEE Comput. Graph. Appl. 1992; 12(3):69–79, shape-based interpolation of higher order).
        """
        above = int(np.searchsorted(keys, index))
        inside = 0 < above < len(keys)
        ends = keys[above - 1 : above + 1] if inside else [keys[0] if above == 0 else keys[-1]]
        can_carry = self.before[index].any() and all(self.before[k].any() and self.region[k].any() for k in ends)
        if not inside:
            if not (carry and can_carry):
                return self._drawn(index)
            moved = self._drawn(ends[0]) - self._old(ends[0])
            return self._old(index) + moved * max(0.0, 1 - abs(index - ends[0]) * self._step / self._reach)
        near = list(keys[max(0, above - 2) : above + 2])
        place = near.index(ends[0])
        if carry and can_carry:
            usable = [k for k in near if k in ends or (self.before[k].any() and self.region[k].any())]
            moves = [self._drawn(key) - self._old(key) for key in usable]
            return self._old(index) + _hermite(usable, moves, usable.index(ends[0]), index)
        low, high = self.region[ends[0]], self.region[ends[1]]
        if low.any() and high.any() and not (low & high).any():
            steps = ends[1] - ends[0]
            return self._distance(between(low, high, steps, self._plane)[index - ends[0] - 1])
        return _hermite(near, [self._drawn(key) for key in near], place, index)

    def _distance(self, mask: Mask) -> Plane:
        if not mask.any() or mask.all():
            return np.full(mask.shape, _FAR_MM if mask.any() else -_FAR_MM, dtype=np.float32)
        return np.clip(signed_distance(mask, self._plane), -_FAR_MM, _FAR_MM)

    def _evidence(self, keys: Sequence[int], index: int) -> Plane:
        """What the HU say for the region, as log-odds; 0 where inside and outside of the drawn outlines look alike.

        Means of the HU inside and outside within some millimetres, as the localized region energy of Lankton and
        Tannenbaum has them (IEEE Trans. Image Process. 2008; 17:2029–2039), here of the drawn slices around.
        """
        above = int(np.searchsorted(keys, index))
        ends = [keys[0]] if above == 0 else [keys[-1]] if above == len(keys) else keys[above - 1 : above + 1]
        parts = [self._means(key) for key in ends]
        share = 0.0 if len(ends) == 1 else (index - ends[0]) / (ends[1] - ends[0])
        inside = _mixed(parts[0][0], parts[-1][0], share)
        outside = _mixed(parts[0][1], parts[-1][1], share)
        spread = max(float(np.mean([part[2] for part in parts])), _LEAST_HU_SD**2)
        hu = self._hu[index]
        odds = ((hu - outside) ** 2 - (hu - inside) ** 2) / (2 * spread)
        return np.clip(np.nan_to_num(odds), -_MOST_EVIDENCE, _MOST_EVIDENCE)

    def _means_of(self, key: int) -> tuple[Plane, Plane, float]:
        """Mean HU around each voxel of a drawn slice, of what lies inside and outside; NaN where nothing is near."""
        width = [_AROUND_MM / length for length in self._plane]
        mask, hu = self.region[key].astype(np.float32), self._hu[key]
        means: list[Plane] = []
        squares: list[NDArray] = []
        for side in (mask, 1 - mask):
            near = ndimage.gaussian_filter(side, width)
            mean = ndimage.gaussian_filter(hu * side, width) / np.maximum(near, 1e-3)
            means.append(np.where(near > 0.02, mean, np.nan).astype(np.float32))
            band = (side > 0) & (np.abs(self._drawn(key)) < _AROUND_MM)
            squares.append((hu[band] - means[-1][band]) ** 2)
        both = np.concatenate(squares)
        return means[0], means[1], float(np.nanmean(both)) if np.isfinite(both).any() else 0.0


def _hermite(keys: Sequence[int], values: Sequence[Plane], place: int, index: int) -> Plane:
    """A cubic through `values` at `keys`, between the keys at `place` and the next; slopes by finite differences."""
    low, high = keys[place], keys[place + 1]
    width = high - low
    at = (index - low) / width
    slope = (values[place + 1] - values[place]) / width
    before, after = slope, slope
    if place > 0:
        before = (values[place + 1] - values[place - 1]) / (high - keys[place - 1])
    if place + 2 < len(keys):
        after = (values[place + 2] - values[place]) / (keys[place + 2] - low)
    return (
        (2 * at**3 - 3 * at**2 + 1) * values[place]
        + (at**3 - 2 * at**2 + at) * width * before
        + (3 * at**2 - 2 * at**3) * values[place + 1]
        + (at**3 - at**2) * width * after
    )


def _mixed(low: Plane, high: Plane, share: float) -> Plane:
    """A mean between two slices; where one of them says nothing, the other's."""
    low, high = np.where(np.isnan(low), high, low), np.where(np.isnan(high), low, high)
    return (1 - share) * low + share * high
