"""Tables 1 to 5 of the article as sheets, made of a cohort's statistics, with what the article leaves out.

Captions say what stands in the table: its coding, which side is taken from which, and what p is corrected for.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ctworkbench.core.analysis.groups import POOLED
from ctworkbench.core.analysis.observations import Row
from ctworkbench.core.analysis.sheet import Cell, Column, TableSheet
from ctworkbench.core.schemes import DEFAULT, load

if TYPE_CHECKING:
    from ctworkbench.core.analysis.tables import StatisticsTables

SEXES = {"M": "Boys", "F": "Girls", "all": "All", "sex held": "All, sex held constant"}
_SETS = {"train": "Training", "validation": "Validation", "test": "Test", POOLED: "Training and validation"}
_CODING = "Sex is coded 1 male, 2 female, so a negative coefficient says that girls have less; age in years."
_P = "exact, two-sided p: the chance of so large a value, or a larger one, if there were no difference"
_HOLM = "p corrected by Holm: below 0.05, the chance of even one false find in the family is at most 5 %"
_FDR = "p corrected by Benjamini and Hochberg: of the finds below 0.05, 5 % are expected to be false"


def sheets(result: "StatisticsTables") -> tuple[TableSheet, ...]:
    """All tables of a cohort in the order of the article."""
    made = (_table1(result), _table1_tests(result), _table2(result), _descriptive(result))
    made += (_effect(result, "sex"), _effect(result, "age"), _regression(result), _correlation(result), _table5(result))
    found = [source.partition(", ")[2] for source in result.sources if ", harmonized by " in source]
    if not found:
        return made
    told = f" Volumes are {found[0]}, not as measured."
    return made[:1] + tuple(replace(sheet, caption=f"{sheet.caption}{told}") for sheet in made[1:])


TITLES: tuple[tuple[str, str], ...] = (
    ("table1_sets", "Table 1: sets"),
    ("table1_tests", "Table 1: tests"),
    ("table2_volumes_by_sex", "Table 2: volumes by sex"),
    ("table2_descriptive", "Table 2: in detail"),
    ("table3_sex_effect", "Table 3: effect of sex"),
    ("table4_age_effect", "Table 4: effect of age"),
    ("table3_4_regression", "Tables 3 and 4: whole fit"),
    ("correlation_with_age", "Correlation with age"),
    ("table5_hemispheres", "Table 5: left and right"),
)
"""Names and titles of the sheets in their order."""


def region_names() -> dict[str, str]:
    """Names of regions and of pairs for people."""
    scheme = load(DEFAULT)
    names = {region.name: region.title for region in scheme.regions}
    pairs = {right.name.removeprefix("right_"): right.title.removeprefix("Right ") for right, _ in scheme.pairs}
    return names | {name: title.capitalize() for name, title in pairs.items()}


def _text(key: str, title: str, meaning: str = "", names: dict[str, str] | None = None) -> Column:
    return Column(key, title, "text", meaning=meaning, names=names or {})


def _region() -> Column:
    return _text("region", "Region", names=region_names())


def _sex(key: str = "sex") -> Column:
    return _text(key, "Children", "boys, girls, or both; children of unknown sex are in none", SEXES)


def _count(key: str = "n", title: str = "n", meaning: str = "scans used, one of each child or all") -> Column:
    return Column(key, title, "count", meaning=meaning)


def _number(key: str, title: str, digits: int = 2, meaning: str = "", until: str = "") -> Column:
    return Column(key, title, "number", digits, meaning, until=until)


def _interval(low: str, high: str, of: str, digits: int = 2) -> tuple[Column, Column]:
    meaning = f"95 % confidence interval of {of}: values that the data do not refute"
    return (
        _number(low, "95 % CI", digits, meaning, until=high),
        _number(high, "to", digits, meaning),
    )


def _mean_sd(mean: str, sd: str, of: str) -> tuple[Column, Column]:
    """Mean and SD of a volume, in print one cell."""
    together = f"{of}, mean ± SD (cm³)"
    return (
        Column(mean, f"{of}, mean (cm³)", meaning="mean volume", until=sd, joint=" ± ", print_title=together),
        _number(sd, "SD (cm³)", 2, "standard deviation with n − 1"),
    )


def _p_columns(family: str) -> tuple[Column, ...]:
    return (
        Column("p", "p", "p", meaning=_P),
        Column("p_holm", "p (Holm)", "p", meaning=f"{_HOLM}; the family is {family}"),
        Column("p_fdr", "p (FDR)", "p", meaning=f"{_FDR}; the family is {family}"),
    )


def _sheet(
    result: "StatisticsTables",
    name: str,
    caption: str,
    columns: Sequence[Column],
    rows: Sequence[Row],
    table: str,
    notes: Callable[[str], bool],
) -> TableSheet:
    """A sheet of rows whose fields are named as the columns' keys, with the notes and exclusions that concern it."""
    return TableSheet(
        name=name,
        title=dict(TITLES)[name],
        caption=caption,
        columns=tuple(columns),
        rows=tuple(tuple(getattr(row, column.key) for column in columns) for row in rows),
        notes=tuple(note for note in result.notes if notes(note)),
        exclusions=tuple(e for e in result.exclusions if e.table == table or e.table not in _TABLES),
    )


_TABLES = frozenset({"table1", "table2", "table3_4", "table5", "correlation"})
_SPOKEN = ("Table 1", "Table 2", "Table 3", "Table 4", "Tables 3 and 4", "Table 5", "correlation")


def _about(*words: str) -> Callable[[str], bool]:
    """Notes that speak of these tables, or of no table by name."""

    def concerns(note: str) -> bool:
        return any(word in note for word in words) or not any(word in note for word in _SPOKEN)

    return concerns


def _table1(result: "StatisticsTables") -> TableSheet:
    columns = (
        _text("grouping", "Grouping", "what divides the children: their set in the split, the site, the scanner"),
        _text("group", "Group", names=_SETS),
        _count("n", "Children", "children with a measured label map, each counted once"),
        _count("male", "Boys"),
        _count("female", "Girls"),
        _count("sex_unknown", "Sex unknown"),
        _count("n_age", "Age known", "children whose age at the scan is known"),
        _number("age_mean_years", "Age, mean (y)", 2, "mean age at the scan, in years"),
        _number("age_sd_years", "SD (y)", 2, "standard deviation of the ages, with n − 1"),
        _number("age_min_years", "Youngest (y)", 2),
        _number("age_max_years", "Oldest (y)", 2),
    )
    caption = (
        "Table 1. Age and sex of the children in each set of the split (by subject), and by site and scanner where "
        "there are several. Children with a measured label map alone."
    )
    return _sheet(result, "table1_sets", caption, columns, result.groups, "table1", _about("Table 1"))


def _table1_tests(result: "StatisticsTables") -> TableSheet:
    columns = (
        _text("grouping", "Grouping", "“set, pooled” has training and validation as one set, against the test set"),
        _text("variable", "Compared"),
        _text("test", "Test"),
        _count("n", "n", "children in the test"),
        _number("statistic", "Statistic", 3, "t, F or χ², by the name of the test"),
        _number("df", "df", 1, "degrees of freedom; of an F the first"),
        _number("df2", "df 2", 1, "second degrees of freedom of an F"),
        Column("p", "p", "p", meaning=_P),
        _number("difference", "Difference (y)", 3, "mean age of the first group minus that of the second, in years"),
        *_interval("difference_low", "difference_high", "the difference", 3),
        _text("effect", "Effect size", "Cohen's d, η², Cramér's V or odds ratio; docs/statistics.md has the formulas"),
        _number("effect_size", "Value", 3, "size of the difference, whatever the number of children"),
        *_interval("effect_low", "effect_high", "the effect size", 3),
    )
    caption = (
        "Table 1, tests. Are the sets alike? Age by t-test (two groups) or analysis of variance (more), each with "
        "equal and with unequal variances; sex by χ² without and, in two groups, with Yates' correction. p is not "
        "corrected: the tests of one variable ask one question in several ways. A large p does not show that sets are "
        "alike; the interval says how unlike they may be."
    )
    return _sheet(result, "table1_tests", caption, columns, result.group_tests, "table1", _about("Table 1"))


def _table2(result: "StatisticsTables") -> TableSheet:
    kinds = (("all", "overall", "All"), ("M", "male", "Boys"), ("F", "female", "Girls"))
    columns = [_region()]
    for _, key, title in kinds:
        columns += [
            _count(f"{key}_n", f"{title}, n"),
            *_mean_sd(f"{key}_mean_cm3", f"{key}_sd_cm3", title),
        ]
    found = {(row.region, row.sex): row for row in result.descriptions}
    rows: list[tuple[Cell, ...]] = []
    for region in dict.fromkeys(row.region for row in result.descriptions):
        cells: list[Cell] = [region]
        for sex, _, _ in kinds:
            row = found[region, sex]
            cells += [row.n, row.mean_cm3, row.sd_cm3]
        rows.append(tuple(cells))
    caption = (
        "Table 2. Volumes of the regions (cm³), overall and by sex: mean ± standard deviation. Overall are the boys "
        "and girls together. The sexes may differ in age; the effect of sex is adjusted for age in a table of its own."
    )
    base = _sheet(result, "table2_volumes_by_sex", caption, columns, (), "table2", _about("Table 2"))
    return TableSheet(base.name, base.title, caption, base.columns, tuple(rows), base.notes, base.exclusions)


def _descriptive(result: "StatisticsTables") -> TableSheet:
    columns = (
        _region(),
        _sex(),
        _count(),
        _number("mean_cm3", "Mean (cm³)"),
        *_interval("ci_low", "ci_high", "the mean"),
        _number("sd_cm3", "SD (cm³)", 2, "standard deviation with n − 1"),
        _number("median_cm3", "Median (cm³)", 2, "half of the children have less"),
        _number("q1_cm3", "1st quartile", 2, "a quarter of the children have less"),
        _number("q3_cm3", "3rd quartile", 2, "a quarter of the children have more"),
        _number("min_cm3", "Least"),
        _number("max_cm3", "Most"),
    )
    caption = "Table 2 in detail. Volumes of the regions (cm³): mean with its 95 % interval, scatter, quartiles, range."
    return _sheet(result, "table2_descriptive", caption, columns, result.descriptions, "table2", _about("Table 2"))


def _effect(result: "StatisticsTables", term: str) -> TableSheet:
    number, name = (3, "table3_sex_effect") if term == "sex" else (4, "table4_age_effect")
    other = "age" if term == "sex" else "sex"
    unit = "cm³" if term == "sex" else "cm³/y"
    what = "girls minus boys of the same age" if term == "sex" else "a year more at the same sex"
    columns = (
        _region(),
        _number("coefficient", f"b ({unit})", 3, f"difference in volume: {what}"),
        _number("standard_error", "SE", 3, "standard error of b"),
        *_interval("ci_low", "ci_high", "b", 3),
        _number("t", "t", 2, "b over its standard error"),
        _count("df", "df", "degrees of freedom"),
        *_p_columns("the regions of this table"),
        _number("d", "d", 3, "b over the residual SD: the effect in units of the scatter of like children"),
        *_interval("d_low", "d_high", "d", 3),
        _number("partial_eta2", "partial η²", 3, "share of the scatter left by the other terms that this one explains"),
        *_interval("partial_eta2_low", "partial_eta2_high", "partial η²", 3),
        _count(),
    )
    caption = (
        f"Table {number}. Effect of {term} on the volume of each region, adjusted for {other}: "
        f"least squares of volume on sex and age. {_CODING} b: {what}. p corrected over the regions of this table. "
        "d = b / residual SD; partial η² = t² / (t² + df)."
    )
    rows = [row for row in result.coefficients if row.term == term]
    return _sheet(result, name, caption, columns, rows, "table3_4", _about(f"Table {number}", "Tables 3 and 4"))


def _regression(result: "StatisticsTables") -> TableSheet:
    columns = (
        _region(),
        _text("term", "Term", "intercept, sex or age", {"intercept": "Intercept", "sex": "Sex", "age": "Age"}),
        _number("coefficient", "b", 4, "cm³; of age cm³ a year"),
        _number("standard_error", "SE", 4),
        *_interval("ci_low", "ci_high", "b", 4),
        _number("t", "t"),
        _count("df", "df"),
        *_p_columns("the regions with the same term"),
        _count(),
        _number("r_squared", "R²", 3, "share of the scatter that sex and age explain together"),
        _number("residual_sd_cm3", "Residual SD (cm³)", 3, "scatter of the children about their expected volume"),
    )
    caption = (
        "Tables 3 and 4, whole fit. volume = intercept + b(sex) · sex + b(age) · age, by least squares. "
        f"{_CODING} The intercept is the volume at sex 0 and age 0, no child's, and stands here to make the fit usable."
    )
    about = _about("Table 3", "Table 4", "Tables 3 and 4")
    return _sheet(result, "table3_4_regression", caption, columns, result.coefficients, "table3_4", about)


def _correlation(result: "StatisticsTables") -> TableSheet:
    columns = (
        _region(),
        _sex("group"),
        _count(),
        _number("rho", "ρ", 3, "Spearman's rank correlation with age: 1 if every older child has more, 0 if none"),
        *_interval("ci_low", "ci_high", "ρ", 3),
        _number("t", "t", 2),
        _count("df", "df"),
        *_p_columns("the regions of the same children"),
        _text("method", "p by", "Student's t, or all permutations (n ≤ 9 without ties)"),
    )
    caption = (
        "Correlation with age. Spearman's ρ of volume with age: all, boys, girls, and all with sex held constant "
        "(partial correlation of the ranks). p corrected over the regions of the same children."
    )
    return _sheet(
        result, "correlation_with_age", caption, columns, result.correlations, "correlation", _about("correlation")
    )


def _table5(result: "StatisticsTables") -> TableSheet:
    columns = (
        _text("pair", "Pair", names=region_names()),
        _sex(),
        _count(),
        *_mean_sd("right_mean_cm3", "right_sd_cm3", "Right"),
        *_mean_sd("left_mean_cm3", "left_sd_cm3", "Left"),
        _number("difference_cm3", "R − L (cm³)", 2, "mean of right minus left; positive says that the right is larger"),
        *_interval("ci_low", "ci_high", "R − L"),
        _number("t", "t", 2, "paired t: mean difference over its standard error"),
        Column("df", "df", "count", meaning="degrees of freedom, n − 1", printed=False),
        *_p_columns("all tests of this table"),
        _number("d_z", "d_z", 3, "mean difference over the SD of the differences: how regular the difference is"),
        *_interval("d_z_low", "d_z_high", "d_z", 3),
        _number("d_av", "d_av", 3, "mean difference over the mean SD of both sides: how large the difference is"),
        *_interval("d_av_low", "d_av_high", "d_av", 3),
    )
    larger = _larger(result)
    caption = (
        "Table 5. Right and left volume of each pair (cm³), compared within the child by paired t-test, by sex. "
        f"Differences are right minus left.{larger} p corrected over all {len(result.hemispheres)} tests of the table. "
        "d_z = mean difference / SD of the differences = t / √n and says how regular a difference is; d_av = mean "
        "difference / mean of both SDs and says how large it is. d_z is no measure of a difference between groups."
    )
    return _sheet(result, "table5_hemispheres", caption, columns, result.hemispheres, "table5", _about("Table 5"))


def _larger(result: "StatisticsTables") -> str:
    """Which side is larger in which pair, told from the numbers themselves."""
    names, told = region_names(), {"right": list[str](), "left": list[str]()}
    for row in result.hemispheres:
        if row.p_holm is not None and row.p_holm < 0.05:
            side = "right" if row.difference_cm3 > 0 else "left"
            told[side].append(f"{names.get(row.pair, row.pair).lower()} ({SEXES[row.sex].lower()})")
    parts = [f"the {side} is larger in {', '.join(pairs)}" for side, pairs in told.items() if pairs]
    if not parts:
        return ""
    return f" By p (Holm) below 0.05, {'; '.join(parts)}."
