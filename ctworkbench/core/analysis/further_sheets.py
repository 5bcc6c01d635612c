"""The further tables as sheets: columns with units and meanings, numbers in full."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ctworkbench.core.analysis.article_tables import SEXES, region_names
from ctworkbench.core.analysis.further import TITLES, FurtherTables
from ctworkbench.core.analysis.observations import Exclusion, Row
from ctworkbench.core.analysis.scans import sentences
from ctworkbench.core.analysis.sheet import Cell, Column, TableSheet
from ctworkbench.core.analysis.writing import RESEARCH_USE, TABLE_FORMATS, csv_text, write_sheets
from ctworkbench.core.errors import StudyError
from ctworkbench.core.files import replace_text
from ctworkbench.core.wording import count

FOLDER = "further"
"""Folder beside the article's tables that the further tables are written to."""

SHEETS: tuple[tuple[str, str], ...] = (
    ("adjusted_for_size", "Adjusted for size"),
    ("age_by_sex", "Age × sex"),
    ("mixed_models", "Mixed models"),
    ("mixed_models_spread", "Mixed models: spread"),
    ("asymmetry_index", "Asymmetry index"),
    ("asymmetry_by_sex_and_age", "Asymmetry: sex and age"),
    ("harmonization", "Harmonization (ComBat)"),
    ("missing_data", "Missing data"),
    ("complete_cases", "Complete cases"),
    ("complete_against_incomplete", "Complete vs incomplete"),
    ("harmonized_volumes", "Harmonized volumes"),
)
"""Names and titles of the sheets in their order."""

_P = (
    Column("p", "p", "p", meaning="exact, two-sided p of this one test"),
    Column("p_holm", "p (Holm)", "p", meaning="p corrected by Holm over the rows of the same model and term"),
    Column("p_fdr", "p (FDR)", "p", meaning="p corrected by Benjamini and Hochberg over the same rows"),
)
_MODEL = Column("model", "Model", "text")
_TERM = Column("term", "Term", "text", meaning="sex is girls minus boys; age is for a year more")
_UNIT = Column("unit", "Unit of b", "text")
_N = Column("n", "n", "count", meaning="scans in the fit")


def _region(key: str = "outcome") -> Column:
    return Column(key, "Region", "text", names=region_names())


def _interval(digits: int) -> tuple[Column, Column]:
    meaning = "95 % confidence interval of the estimate: values that the data do not refute"
    return (
        Column("ci_low", "95 % CI", digits=digits, meaning=meaning, until="ci_high"),
        Column("ci_high", "to", digits=digits, meaning=meaning),
    )


def _estimate(digits: int) -> tuple[Column, ...]:
    return (
        Column("estimate", "b", digits=digits, meaning="estimate, in the unit beside it"),
        _UNIT,
        Column("standard_error", "SE", digits=digits, meaning="standard error of b"),
        *_interval(digits),
    )


def _linear(digits: int) -> tuple[Column, ...]:
    return (
        _TERM,
        *_estimate(digits),
        Column("statistic", "t", meaning="b over its standard error"),
        Column("df", "df", "count", meaning="degrees of freedom"),
        *_P,
        Column(
            "partial_eta2", "partial η²", digits=3, meaning="share of what the other terms leave that this one explains"
        ),
        _N,
        Column("r_squared", "R²", digits=3, meaning="share of the scatter that the whole model explains"),
    )


_MIXED = (
    _MODEL,
    _region(),
    _TERM,
    *_estimate(3),
    Column("statistic", "z", meaning="b over its standard error"),
    *_P,
    _N,
)
_SPREAD = (
    _MODEL,
    _region("region"),
    _N,
    Column("groups", "Groups", "count", meaning="sites, scanners or children"),
    Column("smallest", "Smallest", "count", meaning="scans of the smallest group"),
    Column("largest", "Largest", "count", meaning="scans of the largest group"),
    Column("sd_group", "SD between (cm³)", meaning="scatter between groups, sex and age taken out"),
    Column("sd_residual", "SD within (cm³)", meaning="scatter between scans of one group"),
    Column("icc", "ICC", digits=3, meaning="share of the variance that lies between groups"),
    Column("chi2", "χ²", meaning="likelihood ratio against no difference between groups"),
    Column("p", "p", "p", meaning="of the mixture of χ² with 0 and with 1 degree of freedom"),
    Column("outcome", "Remark", "text"),
)
_ASYMMETRY = (
    Column("pair", "Pair", "text", names=region_names()),
    Column("sex", "Children", "text", names=SEXES),
    _N,
    Column("mean", "Mean AI", digits=4, meaning="(L − R) / ½(L + R); positive where the left is larger"),
    Column("sd", "SD", digits=4),
    *_interval(4),
    Column("t", "t", meaning="mean over its standard error"),
    Column("df", "df", "count", meaning="degrees of freedom"),
    *_P,
    Column("d", "d", meaning="mean over SD: how regular the asymmetry is, not how large"),
)
_BATCHES = (
    Column("batch", "Scanner or site", "text"),
    _region("region"),
    Column("n", "n", "count", meaning="children that were learned from"),
    Column("shift_cm3", "Adds (cm³)", meaning="what was taken off its volumes"),
    Column("scale", "Multiplies SD by", digits=3, meaning="what its scatter was divided by"),
)
_HARMONIZED = (
    Column("subject", "Subject", "text"),
    Column("scan", "Scan", "count"),
    Column("batch", "Scanner or site", "text"),
    _region("region"),
    Column("measured_cm3", "Measured (cm³)"),
    Column("harmonized_cm3", "Harmonized (cm³)"),
    Column("source", "Source of the harmonized volume", "text"),
)
_MISSING = (
    Column("variable", "Variable", "text", names=region_names()),
    Column("scans", "Scans", "count", meaning="all scans of the study"),
    Column("missing", "Missing", "count", meaning="scans without it; a region that is not in the label map counts"),
    Column("percent", "%", digits=1, meaning="of all scans"),
    Column("subjects", "Subjects", "text", meaning="whose scans lack it"),
)
_COMPLETE = (
    _MODEL,
    Column("outcome", "Region or pair", "text", names=region_names()),
    Column("used", "Complete cases", "count", meaning="scans that the model used"),
    Column("scans", "Scans of the study", "count"),
)
_COMPARISON = (
    Column("variable", "Compared", "text"),
    Column("test", "Test", "text"),
    Column("n_complete", "n complete", "count"),
    Column("n_incomplete", "n incomplete", "count"),
    Column("complete", "Complete", digits=3),
    Column("incomplete", "Incomplete", digits=3),
    Column("difference", "Difference", digits=3, meaning="complete minus incomplete"),
    *_interval(3),
    Column("p", "p", "p", meaning="exact, two-sided"),
)


def sheets(tables: FurtherTables) -> tuple[TableSheet, ...]:
    """The sheets that are shown and written; `harmonized_sheet` is apart, since it has a row for each volume."""
    of = f"Volumes: {tables.source}; {tables.n_measured:,} of {count(tables.n_scans, 'scan')} measured."
    whom = f"{count(tables.n_scans, 'scan')} of {count(tables.n_subjects, 'subject')}"
    by = tables.harmonized_by
    p = "p corrected over the regions of one model and term."
    return (
        _sheet(
            "adjusted_for_size",
            "Effects of sex and age on each region, adjusted for total volume, as a share (%) of it, and adjusted for "
            f"intracranial volume: least squares. {p} {of}",
            (_MODEL, _region(), *_linear(4)),
            tables.adjusted,
            *_told(tables, "adjusted"),
        ),
        _sheet(
            "age_by_sex",
            f"Do boys and girls grow alike? Slopes of age in boys and girls, and their difference. {p} {of}",
            (_region(), *_linear(3)),
            tables.interaction,
            *_told(tables, "interaction"),
        ),
        _sheet(
            "mixed_models",
            "Effects of sex and age with a random intercept of the site, the scanner or the child: restricted maximum "
            f"likelihood. {p} {of}",
            _MIXED,
            tables.mixed,
            *_told(tables, "mixed"),
        ),
        _sheet(
            "mixed_models_spread",
            f"How far sites, scanners and children differ in the mixed models. {of}",
            _SPREAD,
            tables.spreads,
            *_told(tables, "mixed"),
        ),
        _sheet(
            "asymmetry_index",
            "Asymmetry index AI = (L − R) / ½(L + R) of each pair against 0: one-sample t-test. Positive says that the "
            f"left is larger. p corrected over the pairs of the same children. {of}",
            _ASYMMETRY,
            tables.asymmetry,
            *_told(tables, "asymmetry"),
        ),
        _sheet(
            "asymmetry_by_sex_and_age",
            "Asymmetry index AI = (L − R) / ½(L + R) by sex and age: least squares. p corrected over the pairs of one "
            f"term. {of}",
            (Column("outcome", "Pair", "text", names=region_names()), *_linear(4)),
            tables.asymmetry_effects,
            *_told(tables, "asymmetry"),
        ),
        _sheet(
            "harmonization",
            f"What each {by} adds to volumes and multiplies their scatter by, as ComBat found it; sex and age kept. "
            "Measured volumes are not changed: the harmonized ones are a source of their own.",
            _BATCHES,
            tables.batches,
            *_told(tables, "harmonization"),
        ),
        _sheet(
            "missing_data",
            f"What is missing, and of whom, in {whom}.",
            _MISSING,
            tables.missing,
            *_told(tables, "missing"),
        ),
        _sheet(
            "complete_cases",
            f"How many scans each model used. {of}",
            _COMPLETE,
            tables.complete_cases,
        ),
        _sheet(
            "complete_against_incomplete",
            "Scans that have every region against those that lack one or all, by age and sex. A difference speaks "
            "against data missing by chance; no difference does not prove it.",
            _COMPARISON,
            tables.comparison,
            *_told(tables, "missing"),
        ),
    )


def harmonized_sheet(tables: FurtherTables) -> TableSheet:
    """Every volume as measured and as harmonized, side by side; too long for print."""
    return _sheet(
        "harmonized_volumes",
        f"Every volume as measured and as harmonized by {tables.harmonized_by} (ComBat). The harmonized ones are "
        "estimates that depend on all scans of the cohort.",
        _HARMONIZED,
        tables.harmonized,
        *_told(tables, "harmonization"),
    )


def write_further(tables: FurtherTables, out: Path, formats: Sequence[str] = TABLE_FORMATS) -> list[Path]:
    """Write the further tables to the folder `further` in a folder: in the formats, and all as JSON; the paths.

    Raises:
        StudyError: the folder cannot be written.
    """
    folder = out / FOLDER
    paths = write_sheets(sheets(tables), folder, formats, notes_text(tables), "further_tables")
    texts = {"further.json": tables.model_dump_json(indent=1)}
    if tables.harmonized and "csv" in formats:
        texts["harmonized_volumes.csv"] = csv_text(harmonized_sheet(tables))
    try:
        for name, text in texts.items():
            replace_text(folder / name, text)
    except OSError as error:
        raise StudyError(
            f"The tables cannot be written to {folder}: {error}", "Choose a folder that can be written."
        ) from error
    return [*paths, *(folder / name for name in texts)]


def notes_text(tables: FurtherTables) -> str:
    """What a reader must know to use the further tables, as plain text."""
    lines = [
        RESEARCH_USE,
        "",
        f"{count(tables.n_scans, 'scan')} of {count(tables.n_subjects, 'subject')}; {tables.n_measured:,} measured; "
        f"volumes: {tables.source}.",
        "Volumes in cm³, age in years. Effects of sex are girls minus boys. p is exact and two-sided; p_holm and p_fdr",
        "are corrected over the regions or pairs of one term of one model. partial_eta2 = t² / (t² + df).",
    ]
    for name, title in TITLES.items():
        told = [*tables.notes[name], *sentences(tables.left_out[name])]
        lines += ["", f"{title}:", *(f"- {note}" for note in told or ("nothing to add",))]
    return "\n".join(lines) + "\n"


def _told(tables: FurtherTables, family: str) -> tuple[Sequence[str], Sequence[Exclusion]]:
    """Notes of a family of tables, and what it left out, each reason with its model."""
    left_out = [row.model_copy(update={"reason": f"{row.reason} ({row.table})"}) for row in tables.left_out[family]]
    return tables.notes[family], left_out


def _sheet(
    name: str,
    caption: str,
    columns: Sequence[Column],
    rows: Sequence[Row],
    notes: Sequence[str] = (),
    left_out: Sequence[Exclusion] = (),
) -> TableSheet:
    title = dict(SHEETS)[name]
    cells = tuple(tuple(_cell(getattr(row, column.key)) for column in columns) for row in rows)
    return TableSheet(name, title, f"{title}. {caption}", tuple(columns), cells, tuple(notes), tuple(left_out))


def _cell(value: Any) -> Cell:
    return ", ".join(value) if isinstance(value, tuple) else value
