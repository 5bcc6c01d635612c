"""Values that cannot be what they are called: ages in months or days, volumes in mm³. Said, never converted."""

import math
from collections import defaultdict
from collections.abc import Sequence
from statistics import median

from ctworkbench.core.analysis.observations import Ledger, Observation
from ctworkbench.core.norms.units import CHILD_YEARS, LARGEST_CM3, OLDEST_YEARS, months_doubt
from ctworkbench.core.schemes import spoken
from ctworkbench.core.wording import count

_APART = 4.0
_UNITS = (("months", 12.0), ("days", 365.25))
_SHOWN = 8


def plausible(rows: Sequence[Observation], ledger: Ledger) -> list[Observation]:
    """Rows whose volume can be one in cm³, impossible ages taken for unknown; what looks like another unit is said.

    - A volume above 2,000 cm³ is left out: no region is so large, but every region is in mm³. So is one below 0.
    - An age below 0 or above 120 is no age in years: it is not used, its volume is where no age is asked for.
    - Ages that could be years, but stand apart or would all be a child's in months, are used and pointed out.
    """
    kept: list[Observation] = []
    huge: dict[str, list[float]] = defaultdict(list)
    negative: list[str] = []
    for row in rows:
        if math.isfinite(row.volume_cm3) and row.volume_cm3 > LARGEST_CM3:
            huge[row.region].append(row.volume_cm3)
            ledger.exclude("all tables", f"no {spoken(row.region)} is larger than {LARGEST_CM3:g} cm³: mm³?", row)
        elif row.volume_cm3 < 0:
            negative.append(row.subject)
            ledger.exclude("all tables", f"a volume of the {spoken(row.region)} below 0 is none", row)
        else:
            kept.append(row)
    if huge:
        region, values = next(iter(huge.items()))
        middle = median(values)
        ledger.note(
            f"{count(sum(map(len, huge.values())), 'volume')} too large for cm³, left out: {spoken(region)}, median "
            f"{middle:,.0f}. If these are mm³, {middle / 1000:.1f} cm³ is meant; nothing was converted. Correct the "
            "volumes and make the tables again."
        )
    if negative:
        names = sorted(set(negative))
        ledger.note(
            f"{count(len(negative), 'volume')} below 0, left out: {', '.join(names[:_SHOWN])}"
            f"{' …' if len(names) > _SHOWN else ''}. No label map measures so; measure again."
        )
    return _ages(kept, ledger)


def _ages(rows: list[Observation], ledger: Ledger) -> list[Observation]:
    """The rows without impossible ages."""
    ages = {(row.subject, row.scan): row.age_years for row in rows if row.age_years is not None}
    ages = {scan: age for scan, age in ages.items() if math.isfinite(age)}
    impossible = {scan: age for scan, age in ages.items() if not 0 <= age <= OLDEST_YEARS}
    if impossible:
        shown = ", ".join(f"{subject} {age:g}" for (subject, _), age in sorted(impossible.items(), key=str)[:_SHOWN])
        unit = _unit(list(impossible.values()))
        ledger.note(
            f"{count(len(impossible), 'age')} outside 0 to {OLDEST_YEARS:g} years, taken for unknown: {shown}"
            f"{' …' if len(impossible) > _SHOWN else ''}.{unit} Nothing was converted; correct the cohort table."
        )
    possible = [age for scan, age in ages.items() if scan not in impossible]
    if possible:
        _tell_months({scan: age for scan, age in ages.items() if scan not in impossible}, median(possible), ledger)
    if not impossible:
        return rows
    done: list[Observation] = []
    for row in rows:
        if (row.subject, row.scan) in impossible:
            ledger.exclude("tables that ask for age", "the age is no human age in years", row)
            done.append(_without_age(row))
        else:
            done.append(row)
    return done


def _tell_months(ages: dict[tuple[str, int | None], float], middle: float, ledger: Ledger) -> None:
    """Say that ages look like months: all of them, or some that stand apart from the others."""
    months = months_doubt(list(ages.values()))
    if months:
        ledger.note(months)
        return
    apart = {scan: age for scan, age in ages.items() if age > CHILD_YEARS and age > _APART * middle}
    if apart:
        shown = ", ".join(f"{subject} {age:g}" for (subject, _), age in sorted(apart.items(), key=str)[:_SHOWN])
        ledger.note(
            f"{count(len(apart), 'age')} far above the others (median {middle:.2f} years): {shown}"
            f"{' …' if len(apart) > _SHOWN else ''}. Taken for years, as the cohort table says; adults are "
            f"no part of a cohort of children, and in months {next(iter(apart.values())):g} would be "
            f"{next(iter(apart.values())) / 12:.2f} years."
        )


def _unit(ages: list[float]) -> str:
    """The unit in which most impossible ages would be a child's, as a question."""
    above = [age for age in ages if age > OLDEST_YEARS]
    for name, per_year in _UNITS:
        if above and sum(age / per_year <= CHILD_YEARS for age in above) > len(above) / 2:
            return f" In {name}, {above[0]:g} would be {above[0] / per_year:.2f} years."
    return ""


def _without_age(row: Observation) -> Observation:
    from dataclasses import replace

    return replace(row, age_years=None)
