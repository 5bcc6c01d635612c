"""Statistics of a cohort's regional volumes: the article's Tables 2 to 5, made with its model.

Methods: mean ± SD by sex; least squares of volume on sex (1 male, 2 female) and age in years; paired t-test of right
against left in each sex. What the article leaves out is given too: intervals, exact p, Holm's correction over the
regions of a table, and both effect sizes of the paired test (d_z and d_av; Lakens 2013, Front Psychol 4:863).
Nothing is left out in silence: every table counts what it used, and `Exclusion` names the rest.
"""

from collections import Counter
from collections.abc import Sequence

from ctworkbench.core.analysis.descriptive import Description, describe
from ctworkbench.core.analysis.hemispheres import Hemispheres, hemispheres
from ctworkbench.core.analysis.observations import Exclusion, Ledger, Observation, Row, once, scan_of
from ctworkbench.core.analysis.regression import Coefficient, regression
from ctworkbench.core.analysis.sheet import Column, TableSheet

__all__ = ["Column", "Observation", "StatisticsTables", "TableSheet", "tables"]


class StatisticsTables(Row):
    """All tables of a cohort; `notes` are sentences that a reader must see with them."""

    n_subjects: int
    n_scans: int
    sources: tuple[str, ...]
    descriptions: tuple[Description, ...]
    coefficients: tuple[Coefficient, ...]
    hemispheres: tuple[Hemispheres, ...]
    exclusions: tuple[Exclusion, ...]
    notes: tuple[str, ...]


def tables(observations: Sequence[Observation]) -> StatisticsTables:
    """All tables of a cohort, with what was left out and why."""
    ledger = Ledger()
    rows = once(observations, ledger)
    sources = tuple(sorted({row.source for row in rows}))
    if len(sources) > 1:
        counts = Counter(source for _, source in {(scan_of(row), row.source) for row in rows})
        mixed = ", ".join(f"{source} ({counts[source]} scans)" for source in sources)
        ledger.note(
            f"Volumes come from several sources: {mixed}. Differences between the ways of labelling are mixed with "
            "differences between children."
        )
    subjects, scans = {row.subject for row in rows}, {scan_of(row) for row in rows}
    if len(scans) > len(subjects):
        ledger.note(
            f"{len(scans)} scans of {len(subjects)} subjects: scans of one child are not independent, so SE and p are "
            "too small."
        )
    return StatisticsTables(
        n_subjects=len(subjects),
        n_scans=len(scans),
        sources=sources,
        descriptions=tuple(describe(rows, ledger)),
        coefficients=tuple(regression(rows, ledger)),
        hemispheres=tuple(hemispheres(rows, ledger)),
        exclusions=ledger.exclusions,
        notes=tuple(ledger.notes),
    )
