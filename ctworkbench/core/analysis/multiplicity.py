"""Corrections of p for several tests.

Holm's holds the chance of any false find; Benjamini and Hochberg's holds the share of false ones among the finds.
"""

from collections.abc import Sequence


def holm(ps: Sequence[float | None]) -> list[float | None]:
    """Holm's step-down correction of those p that exist (Holm 1979, Scand J Statist 6:65)."""
    # Not statsmodels' multipletests: for Holm it collects garbage, 0.1 s and more in a window full of objects.
    tested = sorted((p, i) for i, p in enumerate(ps) if p is not None)
    corrected: list[float | None] = [None] * len(ps)
    floor = 0.0
    for rank, (p, i) in enumerate(tested):
        floor = max(floor, min(1.0, p * (len(tested) - rank)))
        corrected[i] = floor
    return corrected


def fdr(ps: Sequence[float | None]) -> list[float | None]:
    """False discovery rate of those p that exist (Benjamini and Hochberg 1995, J R Statist Soc B 57:289)."""
    tested = sorted(((p, i) for i, p in enumerate(ps) if p is not None), reverse=True)
    corrected: list[float | None] = [None] * len(ps)
    ceiling = 1.0
    for rank, (p, i) in enumerate(tested):
        ceiling = min(ceiling, p * len(tested) / (len(tested) - rank))
        corrected[i] = ceiling
    return corrected
