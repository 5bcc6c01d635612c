"""Statistics of a cohort's regional volumes: the article's Tables 2 to 5, made with its model.

Methods: mean ± SD by sex; least squares of volume on sex (1 male, 2 female) and age in years; paired t-test of right
against left in each sex. What the article leaves out is given too: intervals, exact p, Holm's correction over the
regions of a table, and both effect sizes of the paired test (d_z and d_av; Lakens 2013, Front Psychol 4:863).
Nothing is left out in silence: every table counts what it used, and `Exclusion` names the rest.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ctworkbench.core.analysis import writing
from ctworkbench.core.analysis.writing import (
    Coefficient,
    Description,
    Hemispheres,
    Ledger,
    Observation,
    StatisticsTables,
)
from ctworkbench.core.norms import SEX_CODE

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Observation", "StatisticsTables", "describe", "hemispheres", "regression", "tables", "write_tables"]

MIN_CHILDREN = 3
_SAME_AGE_YEARS = 1e-6


def tables(observations: Sequence[Observation]) -> StatisticsTables:
    """All tables of a cohort, with what was left out and why."""
    ledger = Ledger()
    rows = _once(observations, ledger)
    sources = tuple(sorted({row.source for row in rows}))
    if len(sources) > 1:
        counts = Counter(source for _, source in {(_scan(row), row.source) for row in rows})
        mixed = ", ".join(f"{source} ({counts[source]} scans)" for source in sources)
        ledger.note(
            f"Volumes come from several sources: {mixed}. Differences between the ways of labelling are mixed with "
            "differences between children."
        )
    subjects, scans = {row.subject for row in rows}, {_scan(row) for row in rows}
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


def write_tables(observations: Sequence[Observation], out: Path) -> list[Path]:
    """Make all tables and write them to a folder; the paths of table2, table3_4, table5, notes.txt, statistics.json.

    Raises:
        StudyError: the folder cannot be written.
    """
    return writing.write(tables(observations), out)


def describe(rows: Sequence[Observation], ledger: Ledger | None = None) -> list[Description]:
    """Table 2: mean ± SD of each region, overall and by sex; overall are the boys and girls, and nobody else."""
    ledger = ledger or Ledger()
    found: list[Description] = []
    for region, group in _by_region(_measured(rows, "table2", ledger)).items():
        for sex in ("all", "M", "F"):
            values = [row.volume_cm3 for row in group if row.sex in (SEX_CODE if sex == "all" else {sex})]
            mean, sd = _mean_sd(values)
            found.append(Description(region=region, sex=sex, n=len(values), mean_cm3=mean, sd_cm3=sd))
        for row in group:
            if row.sex not in SEX_CODE:
                ledger.exclude("table2", "sex unknown", row)
    if not found:
        ledger.note("Table 2 is empty: no volumes were given.")
    return found


def regression(rows: Sequence[Observation], ledger: Ledger | None = None) -> list[Coefficient]:
    """Tables 3 and 4: volume = b0 + b_sex * sex + b_age * age of each region (sex 1 male, 2 female; age in years).

    A term that does not vary in the cohort is left out of the fit with a note; a region with too few scans has none.
    """
    import numpy as np
    from statsmodels.regression.linear_model import OLS

    ledger = ledger or Ledger()
    fits: list[Coefficient] = []
    for region, group in _by_region(_with_sex_and_age(rows, ledger)).items():
        sex = np.array([SEX_CODE[row.sex or ""] for row in group], dtype=float)
        age = np.array([row.age_years for row in group], dtype=float)
        columns: dict[str, NDArray] = {"intercept": np.ones(len(group))}
        if np.ptp(sex) > 0:
            columns["sex"] = sex
        else:
            ledger.note("Table 3 is empty or partial: all children of a fit are of one sex, so sex has no coefficient.")
        if np.ptp(age) > _SAME_AGE_YEARS:
            columns["age"] = age
        else:
            ledger.note("Table 4 is empty or partial: all ages of a fit are equal, so age has no coefficient.")
        design = np.column_stack(list(columns.values()))
        if len(group) < max(MIN_CHILDREN, design.shape[1] + 1) or np.linalg.matrix_rank(design) < design.shape[1]:
            ledger.note(
                f"Tables 3 and 4 have no fit of {region}: {len(group)} scans with sex and age cannot tell "
                f"{design.shape[1]} coefficients and their scatter apart."
            )
            continue
        fit: Any = OLS(np.array([row.volume_cm3 for row in group]), design).fit()
        interval = np.asarray(fit.conf_int())
        for i, term in enumerate(columns):
            fits.append(
                Coefficient(
                    region=region,
                    term=term,
                    coefficient=float(fit.params[i]),
                    standard_error=float(fit.bse[i]),
                    t=_finite(fit.tvalues[i]),
                    p=_finite(fit.pvalues[i]),
                    p_holm=None,
                    ci_low=float(interval[i, 0]),
                    ci_high=float(interval[i, 1]),
                    n=len(group),
                    r_squared=_finite(fit.rsquared) if fit.centered_tss > 0 else None,
                    residual_sd_cm3=math.sqrt(float(fit.mse_resid)),
                )
            )
    corrected = {term: _holm([row.p for row in fits if row.term == term]) for term in ("intercept", "sex", "age")}
    return [row.model_copy(update={"p_holm": corrected[row.term].pop(0)}) for row in fits]


def hemispheres(rows: Sequence[Observation], ledger: Ledger | None = None) -> list[Hemispheres]:
    """Table 5: paired t-test of right against left of every pair, in boys, in girls."""
    import numpy as np
    from scipy import stats

    ledger = ledger or Ledger()
    sides: dict[tuple[str, str], dict[tuple[Any, ...], dict[str, Observation]]] = defaultdict(lambda: defaultdict(dict))
    for row in _measured(rows, "table5", ledger):
        side, _, pair = row.region.partition("_")
        if side not in ("right", "left"):
            continue
        if row.sex in SEX_CODE:
            sides[pair, row.sex or ""][_scan(row)][side] = row
        else:
            ledger.exclude("table5", "sex unknown", row)
    found: list[Hemispheres] = []
    for (pair, sex), scans in sides.items():
        whole = [both for both in scans.values() if len(both) == 2]
        for both in scans.values():
            for row in both.values() if len(both) < 2 else ():
                ledger.exclude("table5", "the other side was not measured", row)
        name = {"M": "boys", "F": "girls"}[sex]
        if len(whole) < MIN_CHILDREN:
            ledger.note(
                f"Table 5 lacks {pair} in {name}: {len(whole)} scans have both sides, at least {MIN_CHILDREN} must."
            )
            continue
        right = np.array([both["right"].volume_cm3 for both in whole])
        left = np.array([both["left"].volume_cm3 for both in whole])
        difference, n = right - left, len(whole)
        mean, sd = float(difference.mean()), float(difference.std(ddof=1))
        right_sd, left_sd = float(right.std(ddof=1)), float(left.std(ddof=1))
        half = float(stats.t.ppf(0.975, n - 1)) * sd / math.sqrt(n)
        varies = sd > 1e-9 * max(abs(float(right.mean())), 1e-9)
        if not varies:
            ledger.note(f"Table 5 has no t of the {pair} pair in {name}: all differences are equal.")
        t = mean / (sd / math.sqrt(n)) if varies else None
        found.append(
            Hemispheres(
                pair=pair,
                sex=sex,
                n=n,
                right_mean_cm3=float(right.mean()),
                right_sd_cm3=right_sd,
                left_mean_cm3=float(left.mean()),
                left_sd_cm3=left_sd,
                difference_cm3=mean,
                ci_low=mean - half,
                ci_high=mean + half,
                t=t,
                df=n - 1,
                p=None if t is None else float(2 * stats.t.sf(abs(t), n - 1)),
                p_holm=None,
                d_z=mean / sd if varies else None,
                d_av=mean / ((right_sd + left_sd) / 2) if right_sd + left_sd > 0 else None,
            )
        )
    if not found:
        ledger.note("Table 5 is empty: no pair was measured on both sides in enough children of one sex.")
    corrected = _holm([row.p for row in found])
    return [row.model_copy(update={"p_holm": p}) for row, p in zip(found, corrected, strict=True)]


def _once(observations: Iterable[Observation], ledger: Ledger) -> list[Observation]:
    """The observations, each region of a scan taken once; the first of several is kept."""
    seen: set[tuple[Any, ...]] = set()
    rows: list[Observation] = []
    for row in observations:
        key = (*_scan(row), row.source, row.region)
        if key in seen:
            ledger.exclude("all tables", "the same region of the same scan was given more than once", row)
        else:
            seen.add(key)
            rows.append(row)
    return rows


def _scan(row: Observation) -> tuple[Any, ...]:
    """What tells one scan from another."""
    return (row.subject, row.scan, row.age_years)


def _measured(rows: Iterable[Observation], table: str, ledger: Ledger) -> list[Observation]:
    """Rows with a volume; 0 means that the region is missing from the label map, and is no volume of a child."""
    kept: list[Observation] = []
    for row in rows:
        if math.isfinite(row.volume_cm3) and row.volume_cm3 > 0:
            kept.append(row)
        else:
            ledger.exclude(table, f"{row.region} is not in the label map (volume {row.volume_cm3:g})", row)
    return kept


def _with_sex_and_age(rows: Iterable[Observation], ledger: Ledger) -> list[Observation]:
    kept: list[Observation] = []
    for row in _measured(rows, "table3_4", ledger):
        if row.sex not in SEX_CODE:
            ledger.exclude("table3_4", "sex unknown", row)
        elif row.age_years is None or not math.isfinite(row.age_years):
            ledger.exclude("table3_4", "age unknown", row)
        else:
            kept.append(row)
    if not kept:
        ledger.note("Tables 3 and 4 are empty: no volume has both sex and age.")
    return kept


def _by_region(rows: Iterable[Observation]) -> dict[str, list[Observation]]:
    groups: dict[str, list[Observation]] = defaultdict(list)
    for row in rows:
        groups[row.region].append(row)
    return groups


def _mean_sd(values: Sequence[float]) -> tuple[float | None, float | None]:
    import statistics

    if not values:
        return None, None
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _holm(ps: Sequence[float | None]) -> list[float | None]:
    """Holm's step-down correction of those p that exist (Holm 1979, Scand J Statist 6:65)."""
    tested = sorted((p, i) for i, p in enumerate(ps) if p is not None)
    corrected: list[float | None] = [None] * len(ps)
    floor = 0.0
    for rank, (p, i) in enumerate(tested):
        floor = max(floor, min(1.0, p * (len(tested) - rank)))
        corrected[i] = floor
    return corrected
