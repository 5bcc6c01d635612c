"""Corrections of p for several tests.

Holm's holds the chance of any false find; Benjamini and Hochberg's holds the share of false ones among the finds.
"""

from collections.abc import Sequence


def holm(ps: Sequence[float | None]) -> list[float | None]:
    """Holm's step-down correction of those p that exist (Holm 1979, Scand J Statist 6:65)."""
    return _corrected(ps, "holm")


def fdr(ps: Sequence[float | None]) -> list[float | None]:
    """False discovery rate of those p that exist (Benjamini and Hochberg 1995, J R Statist Soc B 57:289)."""
    return _corrected(ps, "fdr_bh")


def _corrected(ps: Sequence[float | None], method: str) -> list[float | None]:
    from statsmodels.stats.multitest import multipletests

    places = [i for i, p in enumerate(ps) if p is not None]
    corrected: list[float | None] = [None] * len(ps)
    if places:
        for i, p in zip(places, multipletests([ps[i] for i in places], method=method)[1], strict=True):
            corrected[i] = float(p)
    return corrected
