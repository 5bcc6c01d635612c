"""Agreement on verdicts and grades beyond chance: Cohen's, weighted, and Fleiss' kappa."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_RESAMPLES = 2000
_SEED = 20250424


@dataclass(frozen=True)
class Kappa:
    """A kappa with its 95 % interval; NaN for one case, or where all gave one answer: no chance to correct for.

    Attributes:
        cases: how many were judged by all.
        agreement: share of them on which all agree (of Fleiss: mean share of pairs that agree).
    """

    cases: int
    agreement: float
    value: float
    low: float
    high: float


def cohen_kappa(pairs: Sequence[tuple[str, str]]) -> Kappa:
    """Cohen's kappa of two readers (Cohen 1960), with the asymptotic interval (Fleiss, Cohen & Everitt 1969).

    Args:
        pairs: what the one and the other said of each case.
    """
    known = sorted({said for pair in pairs for said in pair})
    return _of_table(_table(pairs, known), None)


def weighted_kappa(pairs: Sequence[tuple[int, int]], lowest: int = 1, highest: int = 5) -> Kappa:
    """Kappa of two readers on an ordered scale, with quadratic weights (Cohen 1968).

    Args:
        pairs: grades of the one and the other.
        lowest: first grade of the scale.
        highest: last grade of the scale.
    """
    return _of_table(_table(pairs, list(range(lowest, highest + 1))), "quadratic")


def fleiss_kappa(cases: Sequence[Sequence[str]]) -> Kappa:
    """Fleiss' kappa of any number of readers (Fleiss 1971), with a percentile bootstrap interval over cases.

    Args:
        cases: what the readers said of each case; as many answers for each.

    Raises:
        ValueError: cases with different numbers of answers.
    """
    if len({len(case) for case in cases}) > 1:
        raise ValueError("each case must have as many answers")
    known = sorted({said for case in cases for said in case})
    counts = np.array([[list(case).count(said) for said in known] for case in cases], dtype=float)
    return fleiss_kappa_of_counts(counts)


def fleiss_kappa_of_counts(counts: np.ndarray) -> Kappa:
    """Fleiss' kappa of a table: how many readers (cells) put each case (rows) into each category (columns)."""
    from statsmodels.stats.inter_rater import fleiss_kappa as fleiss

    if counts.size == 0 or np.count_nonzero(counts.sum(0)) < 2:
        return Kappa(len(counts), 1.0 if len(counts) else math.nan, math.nan, math.nan, math.nan)
    readers = counts[0].sum()
    agreement = float(np.mean((counts * (counts - 1)).sum(1) / (readers * (readers - 1))))
    chance = np.random.default_rng(_SEED)
    drawn = counts[chance.integers(0, len(counts), (_RESAMPLES, len(counts)))]
    share = drawn.sum(1) / (len(counts) * readers)
    expected = (share**2).sum(1)
    observed = ((drawn * (drawn - 1)).sum(2) / (readers * (readers - 1))).mean(1)
    kept = expected < 1
    values = (observed[kept] - expected[kept]) / (1 - expected[kept])
    low, high = np.percentile(values, [2.5, 97.5])
    return Kappa(len(counts), agreement, float(fleiss(counts)), float(low), float(high))


def _table(pairs: Sequence[tuple[object, object]], known: Sequence[object]) -> np.ndarray:
    table = np.zeros((len(known), len(known)))
    for one, other in pairs:
        table[known.index(one), known.index(other)] += 1
    return table


def _of_table(table: np.ndarray, weights: str | None) -> Kappa:
    from statsmodels.stats.inter_rater import cohens_kappa

    cases = int(table.sum())
    agreement = float(np.trace(table) / cases) if cases else math.nan
    used = np.count_nonzero(table.sum(0) + table.sum(1))
    if cases < 2 or used < 2:  # one case tells nothing of chance
        return Kappa(cases, agreement, math.nan, math.nan, math.nan)
    with np.errstate(invalid="ignore", divide="ignore"):  # its z-value, which is not asked for
        found = cohens_kappa(table, wt=weights)
    value, low, high = float(found.kappa), float(found.kappa_low), float(found.kappa_upp)
    return Kappa(cases, agreement, value, max(-1.0, low), min(1.0, high))
