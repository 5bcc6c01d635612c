"""Confidence intervals of effect sizes, by turning noncentral distributions round.

The interval of a noncentrality holds every value that would not be refuted at the level asked for (Steiger and Fouladi
1997; Smithson 2003, Confidence Intervals, ch. 4). Effect sizes are functions of the noncentrality alone, so their
intervals follow. Distributions are summed here from central ones: scipy's noncentral t loses digits, and some values.
"""

import math
from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95
_TAIL = 1e-17
_NODES = 320
_LARGE_F, _ENDLESS = 1600.0, 1e8


def noncentrality_of_t(t: float, df: float, level: float = LEVEL) -> tuple[float, float]:
    """Interval of the noncentrality of a t with `df` degrees of freedom.

    P(T ≤ t) = ∫ Φ(t s − δ) f(s) ds, where s is a chi variable over √df; Gauss–Legendre over its range, Newton in δ.
    """
    from scipy.special import gammaln, ndtr

    s, weight = _chi_nodes(df)
    log_density = math.log(2) + (df / 2) * math.log(df / 2) - float(gammaln(df / 2))
    weight = weight * np.exp(log_density + (df - 1) * np.log(s) - df * s**2 / 2)
    weight /= weight.sum()

    def bound(probability: float) -> float:
        from scipy.special import ndtri

        delta = t - float(ndtri(probability)) * math.sqrt(1 + t * t / (2 * df))
        for _ in range(60):
            z = t * s - delta
            wrong = float(weight @ ndtr(z)) - probability
            slope = float(weight @ np.exp(-(z**2) / 2)) / math.sqrt(2 * math.pi)
            step = max(-1.0, min(1.0, wrong / slope)) if slope > 0 else math.copysign(1.0, wrong)
            delta += step
            if abs(step) < 1e-13 * max(1.0, abs(delta)):
                break
        return delta

    return bound((1 + level) / 2), bound((1 - level) / 2)


def noncentrality_of_f(f: float, df1: float, df2: float, level: float = LEVEL) -> tuple[float, float]:
    """Interval of the noncentrality λ of an F; a bound is 0 where even λ = 0 makes so small an F likely.

    NaN where F is so large that the sum has no end; no scatter within groups makes such an F.
    """
    from scipy.special import betainc

    if df1 == 1 and f > _LARGE_F:  # the square of a t whose other tail is empty
        low, high = noncentrality_of_t(math.sqrt(f), df2, level)
        return low**2, high**2
    if df1 * f > _ENDLESS:
        return math.nan, math.nan
    x = df1 * f / (df1 * f + df2)
    return _bounds(lambda j: betainc(df1 / 2 + j, df2 / 2, x), df1 * f, level)


def noncentrality_of_chi2(chi2: float, df: float, level: float = LEVEL) -> tuple[float, float]:
    """Interval of the noncentrality λ of a χ²; a bound is 0 where even λ = 0 makes so small a χ² likely."""
    from scipy.special import gammainc

    return _bounds(lambda j: gammainc(df / 2 + j, chi2 / 2), chi2, level)


def correlation_interval(
    r: float, n: int, held: int = 0, ranks: bool = False, level: float = LEVEL
) -> tuple[float, float] | None:
    """Interval of a correlation through Fisher's z = artanh r; None below five scans or where |r| is 1.

    Args:
        r: the correlation.
        n: number of pairs.
        held: number of variables held constant (a partial correlation).
        ranks: for Spearman's ρ, whose z has the variance (1 + ρ²/2) / (n − 3) (Bonett and Wright 2000, Psychometrika
            65:23), in place of 1 / (n − 3).
        level: of the interval.
    """
    from scipy.special import ndtri

    if n - 3 - held < 1 or abs(r) >= 1:
        return None
    half = float(ndtri((1 + level) / 2)) * math.sqrt((1 + r * r / 2 if ranks else 1.0) / (n - 3 - held))
    z = math.atanh(r)
    return math.tanh(z - half), math.tanh(z + half)


@cache
def _legendre() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    return np.asarray(nodes, dtype=np.float64), np.asarray(weights, dtype=np.float64)


def _chi_nodes(df: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Nodes and weights over all but 2e-17 of a chi variable over √df."""
    from scipy.special import gammainccinv, gammaincinv

    low = math.sqrt(2 * float(gammaincinv(df / 2, _TAIL)) / df)
    high = math.sqrt(2 * float(gammainccinv(df / 2, _TAIL)) / df)
    nodes, weights = _legendre()
    return (high - low) / 2 * nodes + (high + low) / 2, (high - low) / 2 * weights


def _bounds(
    central: Callable[[NDArray[np.float64]], NDArray[np.float64]], start: float, level: float
) -> tuple[float, float]:
    """λ at which the distribution, a Poisson mixture of central ones, holds the upper and the lower share."""
    from scipy.optimize import brentq
    from scipy.special import gammaln, xlogy

    def share(noncentrality: float) -> float:
        half = noncentrality / 2
        spread = 9 * math.sqrt(half) + 60
        j = np.arange(max(0, math.floor(half - spread)), math.ceil(half + spread)).astype(np.float64)
        return float(np.exp(xlogy(j, half) - half - gammaln(j + 1)) @ central(j))

    def bound(probability: float) -> float:
        if share(0.0) <= probability:
            return 0.0
        high = max(4.0, start)
        while share(high) > probability:
            high *= 2
        return float(brentq(lambda value: share(value) - probability, 0.0, high, xtol=1e-13, rtol=1e-13))

    return bound((1 + level) / 2), bound((1 - level) / 2)
