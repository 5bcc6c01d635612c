"""A guess at the rest of a region from the slices in which a reader drew it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.label_edits.drawing import ANYTHING, Change, Drawing, Limits, Mask, reshaped
from ctworkbench.core.label_edits.outlines import Outlines, Way
from ctworkbench.core.label_maps import Box

_MARGIN_MM = 8.0
# How far a correction is carried beyond the first and the last drawn slice, in mm.
_LEAST_REACH_MM, _MOST_REACH_MM = 5.0, 20.0
# Slices are told from their neighbours at twice the distance of the slices that are asked for; there the error of a
# plain outline is about twice as large. Another way must be better than that to be taken.
_CLEARLY_BETTER = 0.5
_MOST_TRIALS = 9
_WEIGHTS = (0.5, 1.0)


def propose(
    drawing: Drawing,
    code: int,
    axis: int,
    drawn: Sequence[int],
    before: NDArray[np.uint8] | None = None,
    limits: Limits = ANYTHING,
) -> Change | None:
    """The rest of a region, guessed from the slices in which a reader drew or corrected it; None if it stands so.

    Three ways are known to guess the slices between: the drawn outlines alone, interpolated; the outlines with the HU;
    and, where the label map held the region before the reader began, the correction of the drawn slices carried to the
    others, where it fades beyond the first and the last (`outlines.Outlines`). Which way serves this region of this
    head is tried out on the drawn slices themselves: each is guessed from the others, and the plain outline is left
    only for a way that is clearly better there. What the reader drew, in whichever plane, stays as it is.

    Args:
        drawing: what is drawn so far.
        code: the region.
        axis: array axis that the drawn slices lie along.
        drawn: indices of those slices.
        before: the label map before the reader began, same shape; by default it was empty.
        limits: which voxels may be changed.

    Raises:
        WorkbenchError: too few slices were drawn to go by.
    """
    old = np.zeros_like(drawing.labels) if before is None else before
    region, held = drawing.labels == code, old == code
    keys = sorted(index for index in set(drawn) if 0 <= index < drawing.labels.shape[axis])
    filled = sum(bool(region.take(index, axis).any()) for index in keys)
    begun = bool(held.any())
    if not keys or (not begun and filled < 2):
        title = drawing.region(code).title
        said = "no slice" if not filled else "one slice"
        raise WorkbenchError(
            f"{title} was drawn in {said} of this view.",
            "Draw it in two or more slices, some way apart, then ask for the rest.",
        )
    box = _box(drawing, region | held, axis, keys, begun)
    if box is None:
        return None
    first, last = box[axis].start, box[axis].stop
    own = [length for number, length in enumerate(drawing.spacing) if number != axis]
    outlines = Outlines(
        np.moveaxis(region[box], axis, 0),
        np.moveaxis(held[box], axis, 0),
        np.moveaxis(drawing.image.voxels[box], axis, 0),
        (drawing.spacing[axis], own[0], own[1]),
        _reach_mm(keys, drawing.spacing[axis]),
    )
    keys = [index - first for index in keys]
    way = best_way(outlines, keys, begun)
    wanted = outlines.region.copy()
    for index in range(last - first):
        if index not in keys:
            wanted[index] = outlines.score(keys, index, way) > 0
    touched = np.moveaxis(drawing.labels[box] != old[box], axis, 0)
    wanted[touched] = outlines.region[touched]
    return reshaped(drawing, code, box, np.moveaxis(wanted, 0, axis), limits)


def best_way(outlines: Outlines, keys: Sequence[int], begun: bool) -> Way:
    """The way that guesses drawn slices best from the others; the plain outline unless another is clearly better.

    With too few slices to try, a correction is carried where there is something to correct.
    """
    inner = [key for key in keys[1:-1] if outlines.region[key].any()]
    if not inner:
        return Way(carry=begun)
    tried = [inner[number] for number in np.unique(np.linspace(0, len(inner) - 1, _MOST_TRIALS).round().astype(int))]
    plain = Way()
    others = [Way(weight=weight) for weight in _WEIGHTS]
    if begun:
        others += [Way(carry=True, weight=weight) for weight in (0.0, *_WEIGHTS)]

    def error(way: Way) -> float:
        wrong = size = 0
        for key in tried:
            rest = [other for other in keys if other != key]
            guess, truth = outlines.score(rest, key, way) > 0, outlines.region[key]
            wrong += int(np.count_nonzero(guess ^ truth))
            size += int(np.count_nonzero(guess)) + int(np.count_nonzero(truth))
        return wrong / max(1, size)

    errors = {way: error(way) for way in others}
    best = min(errors, key=lambda way: errors[way])
    return best if errors[best] < _CLEARLY_BETTER * error(plain) else plain


def _box(drawing: Drawing, mask: Mask, axis: int, keys: Sequence[int], begun: bool) -> Box | None:
    """The box in which a proposal is made: the region in-plane and some more, from the first to the last slice."""
    found = ndimage.find_objects(mask.view(np.uint8).T, max_label=1)[0]
    if found is None:
        return None
    wide = list(drawing.widened((found[2], found[1], found[0]), _MARGIN_MM))
    step = drawing.spacing[axis]
    beyond = int(_reach_mm(keys, step) / step) if begun else 0
    wide[axis] = slice(max(0, keys[0] - beyond), min(mask.shape[axis], keys[-1] + beyond + 1))
    return (wide[0], wide[1], wide[2])


def _reach_mm(keys: Sequence[int], step: float) -> float:
    gap = (keys[-1] - keys[0]) / (len(keys) - 1) * step if len(keys) > 1 else _LEAST_REACH_MM
    return float(np.clip(gap, _LEAST_REACH_MM, _MOST_REACH_MM))
