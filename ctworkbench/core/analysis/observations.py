"""What the statistics of a cohort are made from, and the ledger of what they leave out."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict

from ctworkbench.core.norms import SEX_CODE
from ctworkbench.core.schemes import spoken
from ctworkbench.core.wording import count


@dataclass(frozen=True)
class Observation:
    """One region's volume in one scan.

    Attributes:
        sex: "M", "F" or None where unknown.
        age_years: age at the scan, None where unknown.
        source: where the labels come from: "registration", "expert", "model", …
        scan: id of the scan, where a subject may have more than one.
        role: part of the split that the subject belongs to, "" where none.
        site, scanner: "" where unknown.
    """

    subject: str
    sex: str | None
    age_years: float | None
    region: str
    volume_cm3: float
    source: str
    scan: int | None = None
    role: str = ""
    site: str = ""
    scanner: str = ""


class Row(BaseModel):
    """A frozen row of a table."""

    model_config = ConfigDict(frozen=True)


class Exclusion(Row):
    """Volumes that a table did not use, and why; `unit` is "scan" where whole scans are counted."""

    table: str
    reason: str
    volumes: int
    subjects: tuple[str, ...]
    unit: str = "volume"


class Ledger:
    """What the tables leave out and what must be said with them, kept while they are made."""

    def __init__(self) -> None:
        self._excluded: dict[tuple[str, str], list[str]] = defaultdict(list)
        self.notes: list[str] = []

    def exclude(self, table: str, reason: str, observation: Observation) -> None:
        """One volume not used by a table."""
        self._excluded[table, reason].append(observation.subject)

    def note(self, sentence: str) -> None:
        """A sentence for the reader, once."""
        if sentence not in self.notes:
            self.notes.append(sentence)

    @property
    def exclusions(self) -> tuple[Exclusion, ...]:
        """What was left out, by table and reason."""
        return tuple(
            Exclusion(table=table, reason=reason, volumes=len(subjects), subjects=tuple(sorted(set(subjects))))
            for (table, reason), subjects in self._excluded.items()
        )


def once(observations: Iterable[Observation], ledger: Ledger) -> list[Observation]:
    """The observations, each region of a scan taken once; the first of several is kept."""
    seen: set[tuple[Any, ...]] = set()
    rows: list[Observation] = []
    for row in observations:
        key = (*scan_of(row), row.region)
        if key in seen:
            ledger.exclude("all tables", "the same region of the same scan was given more than once", row)
        else:
            seen.add(key)
            rows.append(row)
    return rows


def scan_of(row: Observation) -> tuple[Any, ...]:
    """What tells one scan from another."""
    return (row.subject, row.scan, row.age_years)


def first_scans(rows: Sequence[Observation], ledger: Ledger) -> list[Observation]:
    """One scan of each child, the one at the youngest age, since tests take scans for independent.

    Scans of unknown age come last; of two at one age the one with the lower number is taken.
    """
    scans: dict[str, set[tuple[Any, ...]]] = defaultdict(set)
    for row in rows:
        scans[row.subject].add(scan_of(row))
    first = {subject: min(found, key=_order) for subject, found in scans.items()}
    kept: list[Observation] = []
    for row in rows:
        if scan_of(row) == first[row.subject]:
            kept.append(row)
        else:
            ledger.exclude("all tables", "a further scan of a child whose first scan is used", row)
    further = sum(len(found) - 1 for found in scans.values())
    if further:
        again = sum(len(found) > 1 for found in scans.values())
        ledger.note(
            f"{count(again, 'child', 'children')} with several scans: the first one is used, "
            f"{count(further, 'further scan')} left out, since these tests take scans for independent."
        )
    return kept


def measured(rows: Iterable[Observation], table: str, ledger: Ledger) -> list[Observation]:
    """Rows with a volume; 0 means that the region is missing from the label map, and is no volume of a child."""
    kept: list[Observation] = []
    for row in rows:
        if math.isfinite(row.volume_cm3) and row.volume_cm3 > 0:
            kept.append(row)
        else:
            ledger.exclude(table, f"{spoken(row.region)} is not in the label map (volume {row.volume_cm3:g})", row)
    return kept


def with_sex_and_age(rows: Iterable[Observation], table: str, ledger: Ledger) -> list[Observation]:
    """Measured rows whose sex and age are known; the others are told to the ledger under the table's name."""
    kept: list[Observation] = []
    for row in measured(rows, table, ledger):
        if row.sex not in SEX_CODE:
            ledger.exclude(table, "sex unknown", row)
        elif row.age_years is None or not math.isfinite(row.age_years):
            ledger.exclude(table, "age unknown", row)
        else:
            kept.append(row)
    return kept


def by_region(rows: Iterable[Observation]) -> dict[str, list[Observation]]:
    """The rows of each region, in the order of their first appearance."""
    groups: dict[str, list[Observation]] = defaultdict(list)
    for row in rows:
        groups[row.region].append(row)
    return groups


def finite(value: float) -> float | None:
    """A number, or None where there is none."""
    return float(value) if math.isfinite(value) else None


def _order(scan: tuple[Any, ...]) -> tuple[Any, ...]:
    _, number, age = scan
    known = age is not None and math.isfinite(age)
    return (not known, age if known else 0.0, number is None, number or 0)
