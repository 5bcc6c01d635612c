"""Two scans of one child: what changed, and what measurement error alone would change."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from ctworkbench.core.norms.measurement_error import TOTAL, MeasurementError, change_limit
from ctworkbench.core.norms.norm import Norm
from ctworkbench.core.scanners import same_scanner
from ctworkbench.core.schemes import Scheme

_LEAST_YEARS = 1 / 365.25


@dataclass(frozen=True)
class ChildScan:
    """One scan of a child with the volumes of one label map.

    Attributes:
        day: of the scan as 2021-05-04, "" where not known.
        volumes_cm3: by name of region; 0 where it is not in the label map.
        labels: where they come from, such as "registration, version 1".
        method: the way of labelling, such as "registration, quick"; "" where not known.
        method_key: tells this way from all others, as by the template's key; volumes of two ways are not compared.
        errors: measurement error by name of region and pair, and "total".
        thickness_mm: of the slices, None where not known.
        image_key: what tells the images from all others.
        phantom: a digital phantom's, which is no child.
        cautions: what must be known of the labels for what their model learned from, one sentence each.
    """

    scan_id: int
    age_years: float | None
    volumes_cm3: Mapping[str, float]
    errors: Mapping[str, MeasurementError] = field(default_factory=dict)
    labels: str = ""
    method: str = ""
    method_key: str = ""
    scanner: str = ""
    thickness_mm: float | None = None
    day: str = ""
    image_key: str = ""
    series_uid: str = ""
    phantom: bool = False
    cautions: tuple[str, ...] = ()


@dataclass(frozen=True)
class ChangeRow:
    """How one region differs between two scans.

    Attributes:
        smallest_cm3: smallest detectable change, 1.96 · √(Sw² + Sw²); None where the error is not known.
        expected_cm3: by how much the norm's children of this sex grow between these ages; None outside the norm.
    """

    region: str
    title: str
    before_cm3: float
    after_cm3: float
    smallest_cm3: float | None = None
    expected_cm3: float | None = None

    @property
    def change_cm3(self) -> float | None:
        """After minus before; None where the region is missing in one scan."""
        return self.after_cm3 - self.before_cm3 if min(self.before_cm3, self.after_cm3) > 0 else None

    @property
    def percent(self) -> float | None:
        """The change in percent of before."""
        return None if self.change_cm3 is None else 100 * self.change_cm3 / self.before_cm3

    @property
    def beyond_error(self) -> bool | None:
        """Whether the change is larger than measurement error makes it; None where that is not known."""
        if self.change_cm3 is None or self.smallest_cm3 is None:
            return None
        return abs(self.change_cm3) > self.smallest_cm3


@dataclass(frozen=True)
class Comparison:
    """Two scans of one child, the earlier first.

    Attributes:
        notes: what stands in the way of reading the changes, one sentence each, the gravest first.
    """

    before: ChildScan
    after: ChildScan
    years: float | None
    rows: tuple[ChangeRow, ...]
    notes: tuple[str, ...]


def compare(norm: Norm, sex: str | None, before: ChildScan, after: ChildScan, scheme: Scheme) -> Comparison:
    """What changed between two scans of one child, and what measurement error alone would change."""
    years = _years(before, after)
    comparable = not _same_images(before, after) and before.method_key == after.method_key
    named = [(region.name, region.title) for region in scheme.regions]
    volumes = [_with_total(scan.volumes_cm3, scheme) for scan in (before, after)]
    rows: list[ChangeRow] = []
    for name, title in (*named, (TOTAL, "Total")):
        limit = change_limit(before.errors.get(name), after.errors.get(name)) if comparable else None
        grown = None if name == TOTAL else _growth(norm, sex, name, before, after)
        rows.append(ChangeRow(name, title, volumes[0].get(name, 0.0), volumes[1].get(name, 0.0), limit, grown))
    if all(row.expected_cm3 is not None for row in rows[:-1]):
        last = rows[-1]
        grown = math.fsum(row.expected_cm3 or 0.0 for row in rows[:-1])
        rows[-1] = ChangeRow(last.region, last.title, last.before_cm3, last.after_cm3, last.smallest_cm3, grown)
    return Comparison(before, after, years, tuple(rows), _notes(before, after, years))


def _growth(norm: Norm, sex: str | None, region: str, before: ChildScan, after: ChildScan) -> float | None:
    """By how much the norm's middle grows between two scans; None where one of them lies outside the norm."""
    ages = before.age_years, after.age_years
    if sex is None or ages[0] is None or ages[1] is None or region not in norm.regions:
        return None
    if any(norm.refusal(sex, at.age_years, at.scanner or None, at.thickness_mm) is not None for at in (before, after)):
        return None
    return norm.mean(region, sex, ages[1]) - norm.mean(region, sex, ages[0])


def _notes(before: ChildScan, after: ChildScan, years: float | None) -> tuple[str, ...]:
    """What stands in the way of reading changes between two scans."""
    notes: list[str] = []
    if _same_images(before, after):
        notes.append("Both scans hold the same images: this is no change of the child.")
    if before.method_key != after.method_key:
        ways = f"{before.method or 'unknown'}, then {after.method or 'unknown'}"
        notes.append(f"The label maps were made in two ways ({ways}): their volumes are not to be compared.")
    if years is None:
        notes.append("An age is unknown, so the order of the scans and the time between them are not known.")
    elif abs(years) < _LEAST_YEARS:
        notes.append("Both scans have the same age: this is a repeat, not growth.")
    if before.scanner and after.scanner and not same_scanner(before.scanner, after.scanner):
        notes.append(f"The scanner changed ({before.scanner}, then {after.scanner}): that alone can shift volumes.")
    thick = before.thickness_mm, after.thickness_mm
    if thick[0] is not None and thick[1] is not None and abs(thick[0] - thick[1]) > 0.01:
        notes.append(f"The slices changed ({thick[0]:g}, then {thick[1]:g} mm): that alone can shift volumes.")
    return tuple(notes)


def _with_total(volumes: Mapping[str, float], scheme: Scheme) -> dict[str, float]:
    values = [volumes.get(name, 0.0) for name in scheme.region_names]
    return dict(volumes) | ({TOTAL: math.fsum(values)} if min(values) > 0 else {})


def _same_images(before: ChildScan, after: ChildScan) -> bool:
    return bool(before.image_key) and before.image_key == after.image_key


def _years(before: ChildScan, after: ChildScan) -> float | None:
    if before.age_years is None or after.age_years is None:
        return None
    return after.age_years - before.age_years
