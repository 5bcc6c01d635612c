"""Means with bootstrap intervals, and paired tests between configurations over the same subjects."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean, stdev
from typing import Any, Literal

from ctworkbench.core.analysis.multiplicity import fdr, holm

Test = Literal["wilcoxon", "t"]
TESTS: dict[Test, str] = {"wilcoxon": "Wilcoxon signed-rank test", "t": "Paired t-test"}
LEAST: dict[Test, int] = {"wilcoxon": 6, "t": 3}
"""Subjects that a test needs; of fewer than six Wilcoxon's two-sided p is never below 0.05."""

LEAST_FOR_INTERVAL = 3
RESAMPLES = 2000
_SEED = 20250424


@dataclass(frozen=True)
class Estimate:
    """A mean over subjects with its bootstrap interval; None where there are too few."""

    n: int
    mean: float | None
    sd: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class PairedTest:
    """One test of the difference, first minus second, over the subjects that both have.

    Attributes:
        first, second: places of the configurations in the plan.
        difference: its mean over subjects with a bootstrap interval; None without a subject in common.
        p: two-sided; None where `why` says why.
        p_holm, p_fdr: corrected over the family that was tested together.
    """

    region: str
    first: int
    second: int
    difference: Estimate
    statistic: float | None
    p: float | None
    why: str = ""
    p_holm: float | None = None
    p_fdr: float | None = None


def estimate(values: Sequence[float]) -> Estimate:
    """Mean, SD (n − 1) and 95 % percentile interval of the bootstrap over subjects (Efron 1979, Ann Statist 7:1)."""
    import numpy as np

    n = len(values)
    if n == 0:
        return Estimate(0, None, None, None, None)
    mean, sd = fmean(values), stdev(values) if n > 1 else None
    if n < LEAST_FOR_INTERVAL:
        return Estimate(n, mean, sd, None, None)
    chance = np.random.default_rng(_SEED)
    drawn = np.asarray(values, dtype=float)[chance.integers(0, n, (RESAMPLES, n))].mean(1)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Estimate(n, mean, sd, float(low), float(high))


def paired_tests(values: Mapping[str, Sequence[Mapping[str, float]]], test: Test) -> list[PairedTest]:
    """All pairs of configurations in each region, with p corrected over all of them.

    Args:
        values: by region, for each configuration in its order, the number of each subject.
        test: which one.
    """
    found: list[PairedTest] = []
    for region, rows in values.items():
        for first, second in combinations(range(len(rows)), 2):
            both = sorted(rows[first].keys() & rows[second].keys())
            differences = [rows[first][subject] - rows[second][subject] for subject in both]
            statistic, p, why = _tested(differences, test)
            found.append(PairedTest(region, first, second, estimate(differences), statistic, p, why))
    ps = [row.p for row in found]
    return [
        PairedTest(row.region, row.first, row.second, row.difference, row.statistic, row.p, row.why, by_holm, by_fdr)
        for row, by_holm, by_fdr in zip(found, holm(ps), fdr(ps), strict=True)
    ]


def _tested(differences: Sequence[float], test: Test) -> tuple[float | None, float | None, str]:
    """Statistic and two-sided p, or why there is none."""
    from scipy import stats

    n = len(differences)
    if n == 0:
        return None, None, "no subject in common"
    if n < LEAST[test]:
        return None, None, f"{n} of at least {LEAST[test]} subjects"
    if max(differences) - min(differences) < 1e-12 and (test == "t" or abs(differences[0]) < 1e-12):
        return None, None, "all differences are equal"
    if test == "t":
        answer: Any = stats.ttest_1samp(differences, 0.0)
    else:
        # Pratt's way keeps the subjects without a difference, so that equal figures do not make p smaller.
        answer = stats.wilcoxon(differences, zero_method="pratt")
    p = float(answer.pvalue)
    return (float(answer.statistic), p, "") if math.isfinite(p) else (None, None, "the test has no answer")
