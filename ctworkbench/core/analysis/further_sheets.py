"""The further tables as sheets: columns with units and meanings, numbers in full."""

from collections.abc import Sequence
from typing import Any

from ctworkbench.core.analysis.further import FurtherTables
from ctworkbench.core.analysis.observations import Row
from ctworkbench.core.analysis.sheet import Cell, Column, TableSheet

_P = (
    Column("p", "p", "p", meaning="Exact and two-sided, of this one test."),
    Column("p_holm", "p (Holm)", "p", meaning="Corrected for the rows of the same model and term, after Holm."),
    Column("p_fdr", "p (FDR)", "p", meaning="Corrected for the same rows, after Benjamini and Hochberg."),
)
_MODEL = Column("model", "Model", "text")
_REGION = Column("outcome", "Region", "text")
_TERM = Column("term", "Term", "text", meaning="Sex is girls minus boys; age is a year.")
_UNIT = Column("unit", "Unit", "text")
_N = Column("n", "n", "count", meaning="Scans in the fit.")


def _estimate(digits: int) -> tuple[Column, ...]:
    return (
        Column("estimate", "Estimate", digits=digits),
        Column("standard_error", "SE", digits=digits),
        Column("ci_low", "95 % from", digits=digits),
        Column("ci_high", "to", digits=digits),
    )


def _linear(digits: int) -> tuple[Column, ...]:
    return (
        _TERM,
        *_estimate(digits),
        Column("statistic", "t"),
        Column("df", "df", "count"),
        *_P,
        Column("partial_eta2", "Partial η²", digits=3, meaning="Share of what the other terms leave unexplained."),
        _N,
        Column("r_squared", "R²", digits=3, meaning="Share of the variance that the whole model explains."),
        _UNIT,
    )


_MIXED = (
    _MODEL,
    _REGION,
    _TERM,
    *_estimate(3),
    Column("statistic", "z"),
    *_P,
    _N,
    _UNIT,
)
_SPREAD = (
    _MODEL,
    Column("region", "Region", "text"),
    _N,
    Column("groups", "Groups", "count", meaning="Sites, scanners or children."),
    Column("smallest", "Smallest", "count", meaning="Scans of the smallest group."),
    Column("largest", "Largest", "count", meaning="Scans of the largest group."),
    Column("sd_group", "SD between (cm³)", meaning="Between groups, sex and age taken out."),
    Column("sd_residual", "SD within (cm³)", meaning="Between scans of one group."),
    Column("icc", "ICC", digits=3, meaning="Share of the variance that lies between groups."),
    Column("chi2", "χ²", meaning="Likelihood ratio against no difference between groups."),
    Column("p", "p", "p", meaning="Of the mixture of χ² with 0 and 1 degrees of freedom."),
    Column("outcome", "Remark", "text"),
)
_ASYMMETRY = (
    Column("pair", "Pair", "text"),
    Column("sex", "Sex", "text"),
    _N,
    Column("mean", "Mean AI", digits=4, meaning="(L − R) / ½(L + R); positive where the left is larger."),
    Column("sd", "SD", digits=4),
    Column("ci_low", "95 % from", digits=4),
    Column("ci_high", "to", digits=4),
    Column("t", "t"),
    Column("df", "df", "count"),
    *_P,
    Column("d", "d", digits=2, meaning="Mean over SD: how regular the asymmetry is, not how large."),
)
_BATCHES = (
    Column("batch", "Scanner or site", "text"),
    Column("region", "Region", "text"),
    Column("n", "n", "count", meaning="Children that were learned from."),
    Column("shift_cm3", "Adds (cm³)", meaning="What was taken off its volumes."),
    Column("scale", "Multiplies SD by", digits=3, meaning="What was divided out of its scatter."),
)
_HARMONIZED = (
    Column("subject", "Subject", "text"),
    Column("scan", "Scan", "count"),
    Column("batch", "Scanner or site", "text"),
    Column("region", "Region", "text"),
    Column("measured_cm3", "Measured (cm³)"),
    Column("harmonized_cm3", "Harmonized (cm³)"),
    Column("source", "Source of the harmonized volume", "text"),
)
_MISSING = (
    Column("variable", "Variable", "text"),
    Column("scans", "Scans", "count"),
    Column("missing", "Missing", "count"),
    Column("percent", "%", digits=1),
    Column("subjects", "Subjects", "text"),
)
_COMPLETE = (
    _MODEL,
    Column("outcome", "Region or pair", "text"),
    Column("used", "Complete cases", "count"),
    Column("scans", "Scans of the study", "count"),
)
_COMPARISON = (
    Column("variable", "Variable", "text"),
    Column("test", "Test", "text"),
    Column("n_complete", "n complete", "count"),
    Column("n_incomplete", "n incomplete", "count"),
    Column("complete", "Complete", digits=3),
    Column("incomplete", "Incomplete", digits=3),
    Column("difference", "Difference", digits=3),
    Column("ci_low", "95 % from", digits=3),
    Column("ci_high", "to", digits=3),
    Column("p", "p", "p"),
)


def sheets(tables: FurtherTables) -> tuple[TableSheet, ...]:
    """The sheets that are shown and written; `harmonized_sheet` is apart, since it has a row for each volume."""
    of = f"Volumes: {tables.source}; {tables.n_measured} of {tables.n_scans} scans measured."
    by = tables.harmonized_by
    return (
        _sheet(
            "adjusted",
            "Adjusted for size",
            f"Sex and age effects adjusted for total volume, as a share of it, and for intracranial volume. {of}",
            (_MODEL, _REGION, *_linear(4)),
            tables.adjusted,
            tables.notes["adjusted"],
        ),
        _sheet(
            "interaction",
            "Age × sex",
            f"Age × sex interaction: slopes of boys and girls, and their difference. {of}",
            (_REGION, *_linear(3)),
            tables.interaction,
            tables.notes["interaction"],
        ),
        _sheet(
            "mixed",
            "Mixed models",
            f"Sex and age effects with a random intercept of the site, the scanner or the child (REML). {of}",
            _MIXED,
            tables.mixed,
            tables.notes["mixed"],
        ),
        _sheet(
            "mixed_spread",
            "Spread between sites, scanners, children",
            f"Variances of the mixed models. {of}",
            _SPREAD,
            tables.spreads,
            tables.notes["mixed"],
        ),
        _sheet(
            "asymmetry",
            "Asymmetry index",
            f"Asymmetry index (L − R) / ½(L + R) against 0, one-sample t-test. {of}",
            _ASYMMETRY,
            tables.asymmetry,
            tables.notes["asymmetry"],
        ),
        _sheet(
            "asymmetry_by_sex_and_age",
            "Asymmetry, sex and age",
            f"Asymmetry index by sex and age, least squares. {of}",
            (Column("outcome", "Pair", "text"), *_linear(4)),
            tables.asymmetry_effects,
            tables.notes["asymmetry"],
        ),
        _sheet(
            "harmonization",
            "Harmonization (ComBat)",
            f"What each {by} adds to and multiplies volumes by, as ComBat by {by} found it; sex and age kept. "
            "Measured volumes are not changed: the harmonized ones are a source of their own.",
            _BATCHES,
            tables.batches,
            tables.notes["harmonization"],
        ),
        _sheet(
            "missing",
            "Missing data",
            f"What is missing, of {tables.n_scans} scans of {tables.n_subjects} subjects.",
            _MISSING,
            tables.missing,
            tables.notes["missing"],
        ),
        _sheet(
            "complete_cases",
            "Complete cases",
            f"Complete cases that each model used. {of}",
            _COMPLETE,
            tables.complete_cases,
            (),
        ),
        _sheet(
            "complete_against_incomplete",
            "Complete against incomplete",
            "Scans with every region against those that lack one or all: age and sex. A difference speaks against "
            "data missing by chance; no difference does not prove it.",
            _COMPARISON,
            tables.comparison,
            tables.notes["missing"],
        ),
    )


def harmonized_sheet(tables: FurtherTables) -> TableSheet:
    """Every scan and region as measured and as harmonized, side by side; long, so it is for CSV and the screen."""
    return _sheet(
        "harmonized_volumes",
        "Harmonized volumes",
        f"Volumes as measured and as harmonized by {tables.harmonized_by} (ComBat). Both are given; the harmonized "
        "ones depend on all scans of the cohort.",
        _HARMONIZED,
        tables.harmonized,
        tables.notes["harmonization"],
    )


def _sheet(
    name: str, title: str, caption: str, columns: Sequence[Column], rows: Sequence[Row], notes: Sequence[str]
) -> TableSheet:
    cells = tuple(tuple(_cell(getattr(row, column.key)) for column in columns) for row in rows)
    return TableSheet(f"further_{name}", title, caption, tuple(columns), cells, tuple(notes))


def _cell(value: Any) -> Cell:
    return ", ".join(value) if isinstance(value, tuple) else value
