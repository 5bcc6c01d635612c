"""One scan with all its volumes: what a model of several variables is made from, and what it has to leave out.

Beside `observations`, which has a row for each region of a scan, and on purpose: the article's tables ask of each
region by itself, so a region that is missing costs its own row, and what is left out is counted in volumes. Totals,
pairs, intracranial volume and ComBat ask for several numbers of one scan at once: there a missing one costs the scan,
and what is left out is counted in scans. Either made from the other at every use is longer than both. What is plausible
is asked once (`plausible_scans`), and what is left out is told in one kind of row (`Exclusion`).
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from ctworkbench.core.analysis.observations import Exclusion, Ledger, Observation
from ctworkbench.core.analysis.plausibility import plausible
from ctworkbench.core.wording import count

_NAMED = 12


@dataclass(frozen=True)
class ScanVolumes:
    """One scan.

    Attributes:
        scan: id of the scan.
        sex: "M", "F" or None where unknown.
        age_years: age at the scan, None where unknown.
        volumes_cm3: by name of region; a volume of 0 says that the region is not in the label map.
        source: where the labels come from: "registration", "expert", "model", or a harmonized kind of them.
        site, scanner: "" where unknown.
        intracranial_cm3: inside of the skull down to the foramen magnum, None where not measured.
    """

    subject: str
    scan: int
    sex: str | None
    age_years: float | None
    volumes_cm3: Mapping[str, float] = field(default_factory=dict)
    source: str = ""
    site: str = ""
    scanner: str = ""
    intracranial_cm3: float | None = None

    @cached_property
    def found(self) -> Mapping[str, float]:
        """Volumes in cm³ of the regions that were found and measured; every model asks each of them anew."""
        return {region: value for region, value in self.volumes_cm3.items() if math.isfinite(value) and value > 0}

    def volume(self, region: str) -> float | None:
        """Volume of a region in cm³; None where it was not found or not measured."""
        return self.found.get(region)

    def total(self, regions: Sequence[str]) -> float | None:
        """Sum of regions in cm³; None unless all of them were found."""
        found = self.found
        if not regions or any(region not in found for region in regions):
            return None
        return math.fsum(found[region] for region in regions)

    @property
    def age(self) -> float | None:
        """Age in years; None where it is unknown or no number."""
        return self.age_years if self.age_years is not None and math.isfinite(self.age_years) else None

    @property
    def female(self) -> float | None:
        """0 for a boy, 1 for a girl, None where the sex is unknown."""
        return {"M": 0.0, "F": 1.0}.get(self.sex or "")


class Account:
    """What must be said with the further tables: notes, and scans that a model left out."""

    def __init__(self) -> None:
        self._notes: list[str] = []
        self._unfitted: dict[tuple[str, str], list[str]] = defaultdict(list)
        self._left_out: dict[tuple[str, str], dict[int, str]] = defaultdict(dict)

    @property
    def notes(self) -> list[str]:
        """Sentences for the reader; fits that were not made come last, those of one reason together."""
        unfitted = [
            f"{model}: no fit of {', '.join(outcomes)}: {reason}."
            for (model, reason), outcomes in self._unfitted.items()
        ]
        return [*self._notes, *unfitted]

    def note(self, sentence: str) -> None:
        """A sentence for the reader, once."""
        if sentence not in self._notes:
            self._notes.append(sentence)

    def no_fit(self, model: str, outcome: str, reason: str) -> None:
        """A model of a region or pair that was not made, and why; the reason has no full stop."""
        if outcome not in self._unfitted[model, reason]:
            self._unfitted[model, reason].append(outcome)

    def leave_out(self, model: str, reason: str, scan: ScanVolumes) -> None:
        """One scan that a model did not use; counted once for each reason."""
        self._left_out[model, reason][scan.scan] = scan.subject

    @property
    def left_out(self) -> tuple[Exclusion, ...]:
        """Scans that were left out, by model and reason."""
        return tuple(
            Exclusion(
                table=model,
                reason=reason,
                volumes=len(scans),
                subjects=tuple(sorted(set(scans.values()))),
                unit="scan",
            )
            for (model, reason), scans in self._left_out.items()
        )


def sentences(left_out: Iterable[Exclusion]) -> list[str]:
    """What was left out, in words; long lists of subjects are cut: the JSON has all."""
    lines: list[str] = []
    for row in left_out:
        more = len(row.subjects) - _NAMED
        names = ", ".join(row.subjects[:_NAMED]) + (f" and {more} more" if more > 0 else "")
        lines.append(f"Left out of “{row.table}”: {count(row.volumes, row.unit)}, {row.reason}: {names}.")
    return lines


def regions_of(scans: Iterable[ScanVolumes]) -> tuple[str, ...]:
    """All regions that any scan names, in the order of their first appearance."""
    return tuple(dict.fromkeys(region for scan in scans for region in scan.volumes_cm3))


def pairs_of(regions: Iterable[str]) -> tuple[str, ...]:
    """Pairs of which both sides are named, such as "frontal" of "right_frontal" and "left_frontal"."""
    named = tuple(regions)
    pairs = dict.fromkeys(region.removeprefix("right_") for region in named if region.startswith("right_"))
    return tuple(pair for pair in pairs if f"left_{pair}" in named)


def with_sex_and_age(scans: Iterable[ScanVolumes], model: str, account: Account) -> list[ScanVolumes]:
    """Scans whose sex and age are known; the others are left out by name."""
    kept: list[ScanVolumes] = []
    for scan in scans:
        if scan.female is None:
            account.leave_out(model, "sex unknown", scan)
        elif scan.age is None:
            account.leave_out(model, "age unknown", scan)
        else:
            kept.append(scan)
    return kept


def first_scans(scans: Sequence[ScanVolumes], account: Account) -> list[ScanVolumes]:
    """One scan of each child, the one at the youngest age, as in the article's tables; of unknown age come last."""
    first: dict[str, ScanVolumes] = {}
    for scan in sorted(scans, key=lambda scan: (scan.age is None, scan.age or 0.0, scan.scan)):
        first.setdefault(scan.subject, scan)
    kept = [scan for scan in scans if first[scan.subject] is scan]
    if len(kept) < len(scans):
        account.note(
            f"Of children with several scans the first is used: {count(len(scans) - len(kept), 'further scan')} left "
            "out, since this model takes scans for independent."
        )
    return kept


def plausible_scans(scans: Sequence[ScanVolumes], account: Account) -> list[ScanVolumes]:
    """The scans without impossible ages and volumes, as the article's tables have them; said, never converted."""
    ledger = Ledger()
    asked = [
        Observation(scan.subject, scan.sex, scan.age_years, region, volume, scan.source, scan.scan)
        for scan in scans
        for region, volume in {"": math.nan, **scan.volumes_cm3}.items()  # a scan without volumes has an age too
    ]
    rows: dict[int, list[Observation]] = defaultdict(list)
    for row in plausible(asked, ledger):
        if row.scan is not None:
            rows[row.scan].append(row)
    for note in ledger.notes:
        account.note(note)
    return [
        replace(
            scan,
            age_years=rows[scan.scan][0].age_years,
            volumes_cm3={row.region: row.volume_cm3 for row in rows[scan.scan] if row.region},
        )
        for scan in scans
    ]


def tell_repeats(scans: Sequence[ScanVolumes], account: Account) -> None:
    """Say that scans of one child stand in models that take scans for independent."""
    subjects = {scan.subject for scan in scans}
    if len(scans) > len(subjects):
        account.note(
            f"{len(scans)} scans of {count(len(subjects), 'subject')}: models without a random intercept of the child "
            "take scans of one child for independent, so their SE and p are too small."
        )
