"""Whether a norm that came as a file can be one: a hash tells that it is whole, not that it makes sense."""

import unicodedata
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ctworkbench.core.norms.models import vector
from ctworkbench.core.norms.units import LARGEST_CM3, OLDEST_YEARS

if TYPE_CHECKING:
    from ctworkbench.core.norms.norm_file import Card, NormFile, RegionFit

_SHARES = 13
_DEVIATES = (-2.0, -1.0, 0.0, 1.0, 2.0)


def fault_of(file: "NormFile") -> str:
    """What makes a norm none, for a sentence; "" where nothing does.

    Asked are the card's numbers, the shape of every vector of coefficients, and that the volumes which the models give
    at the norm's own ages are volumes and rise with the centile.
    """
    return next(filter(None, (*_of_card(file.card), *_of_scale(file), *_of_regions(file))), "")


def _of_card(card: "Card") -> Iterator[str]:
    low, high = card.age_min_years, card.age_max_years
    if not 0 <= low <= high <= OLDEST_YEARS:
        yield f"its ages run from {low:g} to {high:g} years"
    counts = (card.n_male, card.n_female, card.thickness_unknown, card.unaccepted, card.unread, card.repeats)
    counts += (card.phantoms, card.n_male + card.n_female - card.phantoms)
    many = (*counts, *card.scanners.values(), *card.sources.values(), *card.excluded.values())
    if min(many) < 0 or card.n_male + card.n_female < 1:
        yield "it counts no children, or fewer than none"
    if not 0 < card.confidence < 100:
        yield f"its intervals are of {card.confidence:g} %"
    for name in ("name", "title", "population", "centre", "author", "program", "created"):
        if any(unicodedata.category(sign).startswith("C") for sign in getattr(card, name)):
            yield f"its {name} holds signs that cannot be printed"


def _of_scale(file: "NormFile") -> Iterator[str]:
    scale = file.age_scale
    rising = len(scale.shares) == _SHARES and all(np.diff(scale.shares) >= 0)
    if not (scale.low < scale.high and rising and scale.low <= scale.shares[0] and scale.shares[-1] <= scale.high):
        yield "its scale of ages does not rise"


def _of_regions(file: "NormFile") -> Iterator[str]:
    names = [entry.region for entry in file.regions]
    if not names or len(set(names)) < len(names):
        yield "it has no region, or one twice"
    for entry in file.regions:
        try:
            with np.errstate(all="ignore"):
                fault = _of_region(file, entry)
            yield fault
        except (ValueError, IndexError, ArithmeticError) as error:  # vectors that do not fit their model
            yield f"{entry.region} cannot be worked out ({error})"
    for pair in file.pairs:
        if pair.sex not in ("M", "F") or not pair.sd > 0 or pair.n < 1:
            yield f"the asymmetry of {pair.pair} has no spread, no sex or no children"


def _of_region(file: "NormFile", entry: "RegionFit") -> str:
    own = vector(entry.model)
    card, n = file.card, own.shape[1]
    if any(len(repeat) != n for repeat in entry.replicates):
        return f"the repeats of {entry.region} are not of its model"
    if entry.n_male < 0 or entry.n_female < 0:
        return f"{entry.region} counts fewer than no children"
    ages = np.linspace(card.age_min_years, card.age_max_years, 3)
    for female in (0.0, 1.0):
        rows = [
            entry.model.quantile(np.full(3, z), file.age_scale, ages, np.full(3, female), own)[0] for z in _DEVIATES
        ]
        volumes = np.array(rows)
        if not np.isfinite(volumes).all() or not (np.diff(volumes, axis=0) > 0).all():
            return f"the centiles of {entry.region} do not rise"
        if not ((volumes[2] > 0) & (volumes[2] < LARGEST_CM3)).all():
            return f"the middle of {entry.region} is no volume in cm³"
    return ""
