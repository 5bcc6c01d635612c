"""Statistics of a cohort's regional volumes: the article's Tables 1 to 5, made with its models.

Methods: age and sex of the sets; mean ± SD by sex; least squares of volume on sex (1 male, 2 female) and age in years;
Spearman's correlation with age; paired t-test of right against left in each sex. What the article leaves out is given
too: intervals, exact p, corrections for the number of tests, and effect sizes, each by its name and formula.
Nothing is left out in silence: every table counts what it used, and `Exclusion` names the rest.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Literal

from ctworkbench.core.analysis.article_tables import sheets
from ctworkbench.core.analysis.correlation import Correlation, correlations
from ctworkbench.core.analysis.descriptive import Description, describe
from ctworkbench.core.analysis.group_tests import GroupTest
from ctworkbench.core.analysis.groups import Group, compare
from ctworkbench.core.analysis.hemispheres import Hemispheres, hemispheres
from ctworkbench.core.analysis.observations import (
    Exclusion,
    Ledger,
    Observation,
    Row,
    first_scans,
    once,
    scan_of,
)
from ctworkbench.core.analysis.plausibility import plausible
from ctworkbench.core.analysis.regression import Coefficient, regression
from ctworkbench.core.analysis.sheet import Column, TableSheet
from ctworkbench.core.schemes import DEFAULT, load, spoken
from ctworkbench.core.wording import count

__all__ = ["Column", "Observation", "Repeats", "StatisticsTables", "TableSheet", "sheets", "tables"]

Repeats = Literal["first", "all"]
_SHOWN = 8


class StatisticsTables(Row):
    """All tables of a cohort; `notes` are sentences that a reader must see with them.

    Attributes:
        n_subjects, n_scans: what was given, before anything was left out.
        figures: captions of the figures that were made.
        not_made: what was asked for and could not be made, and why.
    """

    n_subjects: int
    n_scans: int
    sources: tuple[str, ...]
    groups: tuple[Group, ...] = ()
    group_tests: tuple[GroupTest, ...] = ()
    descriptions: tuple[Description, ...]
    coefficients: tuple[Coefficient, ...]
    correlations: tuple[Correlation, ...] = ()
    hemispheres: tuple[Hemispheres, ...]
    exclusions: tuple[Exclusion, ...]
    notes: tuple[str, ...]
    figures: tuple[str, ...] = ()
    not_made: tuple[str, ...] = ()


def tables(observations: Sequence[Observation], repeats: Repeats = "first") -> StatisticsTables:
    """All tables of a cohort, with what was left out and why.

    Args:
        observations: one row for each region of each scan.
        repeats: of a child with several scans, use the "first" (by age), or "all", which is told.
    """
    ledger = Ledger()
    rows = prepared(observations, ledger, repeats)
    subjects, scans = {row.subject for row in observations}, {(row.subject, row.scan) for row in observations}
    groups, group_tests = compare(rows, ledger)
    return StatisticsTables(
        n_subjects=len(subjects),
        n_scans=len(scans),
        sources=tuple(sorted({row.source for row in rows})),
        groups=groups,
        group_tests=group_tests,
        descriptions=tuple(describe(rows, ledger)),
        coefficients=tuple(regression(rows, ledger)),
        correlations=tuple(correlations(rows, ledger)),
        hemispheres=tuple(hemispheres(rows, ledger)),
        exclusions=ledger.exclusions,
        notes=tuple(ledger.notes),
    )


def prepared(observations: Sequence[Observation], ledger: Ledger, repeats: Repeats = "first") -> list[Observation]:
    """The rows that the tables are made from, in the order of the scheme's regions; the ledger is told of the rest."""
    rows = plausible(once(observations, ledger), ledger)
    sources = sorted({row.source for row in rows})
    if len(sources) > 1:
        counts = Counter(source for _, source in {(scan_of(row), row.source) for row in rows})
        mixed = ", ".join(f"{source} ({count(counts[source], 'scan')})" for source in sources)
        ledger.note(
            f"Volumes come from several sources: {mixed}. Differences between the ways of labelling are mixed with "
            "differences between children."
        )
    if repeats == "first":
        rows = first_scans(rows, ledger)
    else:
        subjects, scans = {row.subject for row in rows}, {scan_of(row) for row in rows}
        if len(scans) > len(subjects):
            ledger.note(
                f"{count(len(scans), 'scan')} of {count(len(subjects), 'subject')}: scans of one child are not "
                "independent, so SE and p are too small."
            )
    rows = _in_order(rows)
    _tell_absent(rows, ledger)
    return rows


def _in_order(rows: Sequence[Observation]) -> list[Observation]:
    """The rows with the regions in the order of the scheme; regions that it does not know come last."""
    place = {name: i for i, name in enumerate(load(DEFAULT).region_names)}
    return sorted(rows, key=lambda row: place.get(row.region, len(place)))


def _tell_absent(rows: Sequence[Observation], ledger: Ledger) -> None:
    """Say which regions have no volume at all in some of the scans."""
    scans = {scan_of(row) for row in rows}
    for region in dict.fromkeys(row.region for row in rows):
        absent = sorted({scan[0] for scan in scans - {scan_of(row) for row in rows if row.region == region}})
        if absent:
            more = f" and {len(absent) - _SHOWN} more" if len(absent) > _SHOWN else ""
            told = f"The {spoken(region)} was not measured in {len(absent)} of {count(len(scans), 'scan')}"
            ledger.note(f"{told}: {', '.join(absent[:_SHOWN])}{more}.")
