"""Agreement on volumes: intraclass correlation, and Bland and Altman's limits of agreement."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_LEAST = 3


@dataclass(frozen=True)
class Interval:
    """An estimate with its 95 % interval; NaN where there are too few cases or no scatter."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class BlandAltman:
    """Differences of two readings, the second minus the first, in the unit of the volumes.

    Attributes:
        cases: how many.
        bias: mean difference.
        sd: of the differences, with n − 1.
        lower, upper: limits of agreement, bias ∓ 1.96 SD.
    """

    cases: int
    bias: Interval
    sd: float
    lower: Interval
    upper: Interval


_NONE = Interval(math.nan, math.nan, math.nan)


def icc_absolute(values: NDArray[np.float64]) -> Interval:
    """ICC(2,1): absolute agreement of single readings, readers taken as a sample (Shrout & Fleiss 1979).

    Args:
        values: cases (rows) by readers (columns).
    """
    from scipy.stats import f

    if not _usable(values):
        return _NONE
    n, k = values.shape
    between, readers, error = _mean_squares(values)
    value = (between - error) / (between + (k - 1) * error + k * (readers - error) / n)
    if error <= 0:
        return Interval(value, math.nan, math.nan)
    ratio = readers / error
    part = n * (1 + (k - 1) * value) - k * value
    df = (k - 1) * (n - 1) * (k * value * ratio + part) ** 2 / ((n - 1) * k**2 * value**2 * ratio**2 + part**2)
    above, below = float(f.ppf(0.975, n - 1, df)), float(f.ppf(0.975, df, n - 1))
    rest = k * readers + (k * n - k - n) * error
    low = n * (between - above * error) / (above * rest + n * between)
    high = n * (below * between - error) / (rest + n * below * between)
    return Interval(value, low, high)


def icc_consistency(values: NDArray[np.float64]) -> Interval:
    """ICC(3,1): consistency of single readings, readers taken as they are (Shrout & Fleiss 1979).

    Args:
        values: cases (rows) by readers (columns).
    """
    from scipy.stats import f

    if not _usable(values):
        return _NONE
    n, k = values.shape
    between, _, error = _mean_squares(values)
    value = (between - error) / (between + (k - 1) * error)
    if error <= 0:
        return Interval(value, math.nan, math.nan)
    ratio, free = between / error, (n - 1) * (k - 1)
    low = ratio / float(f.ppf(0.975, n - 1, free))
    high = ratio * float(f.ppf(0.975, free, n - 1))
    return Interval(value, (low - 1) / (low + k - 1), (high - 1) / (high + k - 1))


def bland_altman(first: NDArray[np.float64], second: NDArray[np.float64]) -> BlandAltman:
    """Bias and limits of agreement with their 95 % intervals (Bland & Altman 1986, 1999).

    Args:
        first: volumes of the first reading.
        second: volumes of the second reading, of the same cases.
    """
    from scipy.stats import t

    differences = second - first
    n = len(differences)
    if n < 2:
        bias = float(differences[0]) if n else math.nan
        return BlandAltman(n, Interval(bias, math.nan, math.nan), math.nan, _NONE, _NONE)
    bias, sd = float(differences.mean()), float(differences.std(ddof=1))
    quantile = float(t.ppf(0.975, n - 1))
    of_bias = quantile * sd / math.sqrt(n)
    of_limit = quantile * sd * math.sqrt(1 / n + 1.96**2 / (2 * (n - 1)))

    def limit(value: float) -> Interval:
        return Interval(value, value - of_limit, value + of_limit)

    around = Interval(bias, bias - of_bias, bias + of_bias)
    return BlandAltman(n, around, sd, limit(bias - 1.96 * sd), limit(bias + 1.96 * sd))


def _usable(values: NDArray[np.float64]) -> bool:
    return values.shape[0] >= _LEAST and values.shape[1] >= 2 and float(np.ptp(values)) > 0


def _mean_squares(values: NDArray[np.float64]) -> tuple[float, float, float]:
    """Mean squares between cases, between readers, and of what is left, of a two-way layout with one value a cell."""
    n, k = values.shape
    mean = values.mean()
    cases = k * float(((values.mean(1) - mean) ** 2).sum())
    readers = n * float(((values.mean(0) - mean) ** 2).sum())
    rest = float(((values - mean) ** 2).sum()) - cases - readers
    return cases / (n - 1), readers / (k - 1), max(0.0, rest) / ((n - 1) * (k - 1))
