"""Does a norm say the truth of children it has not seen: coverage of its centiles, PIT histogram, worm plot."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from ctworkbench.core.norms.norm import deviate_of

Array = NDArray[np.float64]
CENTILES = (5.0, 25.0, 50.0, 75.0, 95.0)
BINS = 20
_WORM_POINTS = 30
_AGE_GROUPS = 4
_FARTHEST = 8.0  # SDs: what a centile's deviate is cut to where the centile is 0 or 100 to all digits
_REACH = 1.959963984540054
_FAR_OFF = 3.2905  # standard errors: thirty comparisons a region would call too many wrong at 95 %


class Coverage(BaseModel):
    """Share of n children below one centile of the norm, in percent, with its 95 % interval (Wilson)."""

    model_config = ConfigDict(frozen=True)

    centile: float
    n: int
    observed: float
    low: float
    high: float


class Worm(BaseModel):
    """One panel of a worm plot: how far the sorted deviates lie from where they should.

    Source: van Buuren and Fredriks, Stat Med 2001; 20:1259. With n children, 95 of 100 points should lie within
    ±1.96·√(p(1 − p)/n)/φ(z).

    Attributes:
        expected: deviates of a standard normal sample of this size, at most 30 of them.
        deviation: those found less those expected, in SDs.
    """

    model_config = ConfigDict(frozen=True)

    title: str
    n: int
    expected: tuple[float, ...]
    deviation: tuple[float, ...]


class Calibration(BaseModel):
    """What a norm says of children who were held out when it was fitted.

    Attributes:
        folds: in how many parts the children were held out.
        n: number of children.
        coverage: of the 5th, 25th, 50th, 75th and 95th centile.
        coverage_by_sex, coverage_by_age: the same of "M" and "F", and of four groups of age: a norm can be right for
            all children together and wrong for the youngest.
        pit: number of children in twentieths of the centile, 0–5, 5–10 …; all alike if the norm is right.
        worms: all children, then four groups of age.
        mean, sd, skewness, excess_kurtosis: of z; 0, 1, 0, 0 if the norm is right.
    """

    model_config = ConfigDict(frozen=True)

    folds: int
    n: int
    coverage: tuple[Coverage, ...]
    coverage_by_sex: dict[str, tuple[Coverage, ...]]
    coverage_by_age: dict[str, tuple[Coverage, ...]]
    pit: tuple[int, ...]
    worms: tuple[Worm, ...]
    mean: float
    sd: float
    skewness: float
    excess_kurtosis: float

    @property
    def error(self) -> float:
        """Mean distance of the five coverages from what their centiles say, in points of a percent."""
        return float(np.mean([abs(row.observed - row.centile) for row in self.coverage]))

    @property
    def largest(self) -> float:
        """The largest of these distances, in points of a percent."""
        return max(abs(row.observed - row.centile) for row in self.coverage)

    @property
    def wrong(self) -> tuple[Coverage, ...]:
        """Centiles whose coverage is off by more than chance explains: outside its 95 % interval."""
        return tuple(row for row in self.coverage if not row.low <= row.centile <= row.high)

    @property
    def wrong_groups(self) -> tuple[tuple[str, Coverage], ...]:
        """Centiles of one sex or one group of age that are off by more than 3.29 standard errors (p 0.001)."""
        return tuple(
            (group, row)
            for group, rows in (self.coverage_by_sex | self.coverage_by_age).items()
            for row in rows
            if abs(row.observed - row.centile) > _FAR_OFF * np.sqrt(row.centile * (100 - row.centile) / row.n)
        )


def calibrate(z: Array, ages: Array, female: Array, folds: int) -> Calibration:
    """Judge the deviates of children who were held out.

    Args:
        z: deviates, one a child.
        ages: years.
        female: 1 for girls, 0 for boys.
        folds: in how many parts they were held out.
    """
    from scipy.special import ndtr

    # a child whom the models give no number counts as one they miss, never as one in the middle
    z = np.clip(np.nan_to_num(z, nan=_FARTHEST, posinf=_FARTHEST, neginf=-_FARTHEST), -_FARTHEST, _FARTHEST)
    sexes = {"M": female == 0, "F": female == 1}
    centred = z - z.mean()
    sd = float(z.std(ddof=1))
    return Calibration(
        folds=folds,
        n=z.size,
        coverage=_coverage(z),
        coverage_by_sex={sex: _coverage(z[chosen]) for sex, chosen in sexes.items() if chosen.any()},
        coverage_by_age={title: _coverage(part) for title, part in _by_age(z, ages).items()},
        pit=tuple(int(count) for count in np.histogram(ndtr(z), BINS, (0, 1))[0]),
        worms=(_worm("all ages", z), *(_worm(title, part) for title, part in _by_age(z, ages).items())),
        mean=float(z.mean()),
        sd=sd,
        skewness=float(np.mean(centred**3) / np.mean(centred**2) ** 1.5),
        excess_kurtosis=float(np.mean(centred**4) / np.mean(centred**2) ** 2 - 3),
    )


def folds_of(female: Array, ages: Array, folds: int, seed: int) -> NDArray[np.intp]:
    """The part in which each child is held out: each part has its share of either sex and of all ages."""
    rng = np.random.default_rng(seed)
    parts = np.empty(female.size, dtype=np.intp)
    for sex in (0.0, 1.0):
        chosen = np.flatnonzero(female == sex)
        order = chosen[np.argsort(ages[chosen], kind="stable")]
        for start in range(0, order.size, folds):
            block = order[start : start + folds]
            parts[block] = rng.permutation(folds)[: block.size]
    return parts


def worm_band(expected: Sequence[float], n: int) -> tuple[float, ...]:
    """Half width of the 95 % band of a worm plot at each expected deviate."""
    from statistics import NormalDist

    normal = NormalDist()
    return tuple(
        _REACH * float(np.sqrt(normal.cdf(z) * (1 - normal.cdf(z)) / max(n, 1))) / normal.pdf(z) for z in expected
    )


def _coverage(z: Array) -> tuple[Coverage, ...]:
    found: list[Coverage] = []
    for centile in CENTILES:
        share, n = float(np.mean(z <= deviate_of(centile))), z.size
        middle = (share + _REACH**2 / (2 * n)) / (1 + _REACH**2 / n)
        reach = _REACH * np.sqrt(share * (1 - share) / n + _REACH**2 / (4 * n**2)) / (1 + _REACH**2 / n)
        low, high = max(0.0, 100 * (middle - float(reach))), min(100.0, 100 * (middle + float(reach)))
        found.append(Coverage(centile=centile, n=n, observed=100 * share, low=low, high=high))
    return tuple(found)


def _by_age(z: Array, ages: Array) -> dict[str, Array]:
    """Deviates of four groups of age with as many children each."""
    edges = np.quantile(ages, np.linspace(0, 1, _AGE_GROUPS + 1))
    group = np.clip(np.searchsorted(edges, ages, side="right") - 1, 0, _AGE_GROUPS - 1)
    titles = [f"{edges[number]:.2f}–{edges[number + 1]:.2f} years" for number in range(_AGE_GROUPS)]
    return {title: z[group == number] for number, title in enumerate(titles) if (group == number).any()}


def _worm(title: str, z: Array) -> Worm:
    """Points of the sorted deviates, evenly spread over their ranks, the outermost left out."""
    from scipy.special import ndtri

    ordered = np.sort(z)
    points = min(_WORM_POINTS, z.size)
    shares = (np.arange(points) + 0.5) / points
    found = np.interp(shares * z.size - 0.5, np.arange(z.size), ordered)
    expected = np.asarray(ndtri(shares), dtype=np.float64)
    return Worm(
        title=title,
        n=z.size,
        expected=tuple(round(float(value), 5) for value in expected),
        deviation=tuple(round(float(value), 5) for value in found - expected),
    )
