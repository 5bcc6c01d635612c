"""One child against a norm: every volume with what the norm's chance and what measurement error leave open.

Two intervals are kept apart. That of the norm says how well the norm knows its own centiles, from how many children it
was made. That of measurement error says where the centile would lie if the same brain were scanned and labelled again.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from ctworkbench.core.norms.change import ChildScan, Comparison, compare
from ctworkbench.core.norms.measurement_error import TOTAL, MeasurementError
from ctworkbench.core.norms.norm import Norm, NormError, centile_of
from ctworkbench.core.norms.units import volume_fault
from ctworkbench.core.schemes import Scheme

BEYOND = 2.0


@dataclass(frozen=True)
class ChildRow:
    """One region (or the total) of one child against the norm; `reason` says why there is no centile.

    Attributes:
        volume_cm3: 0 where the region is not in the label map.
        centile_low, centile_high: 95 % interval of the centile from the chance in who the norm's children were.
        reach_cm3: half of the 95 % interval that measurement error makes; None where the error is not known.
        z_low, z_high: z of the volume less and plus `reach_cm3`.
        measured_low, measured_high: the centiles there: the interval by measurement error alone.
        within_error: whether the difference from what is expected is no larger than measurement error makes it.
    """

    region: str
    title: str
    volume_cm3: float
    expected_cm3: float | None
    z: float | None
    centile: float | None
    reason: str
    centile_low: float | None = None
    centile_high: float | None = None
    reach_cm3: float | None = None
    z_low: float | None = None
    z_high: float | None = None
    measured_low: float | None = None
    measured_high: float | None = None
    within_error: bool = False

    @property
    def beyond(self) -> bool:
        """Whether z lies beyond ±2."""
        return self.z is not None and abs(self.z) > BEYOND

    @property
    def beyond_surely(self) -> bool:
        """Whether z lies beyond ±2 whatever measurement error did; without a known error, whether it lies there."""
        return _beyond_surely(self.z, self.z_low, self.z_high)


@dataclass(frozen=True)
class AsymmetryRow:
    """Right minus left of one pair, in cm³; numbers are None where a side is missing or the norm does not hold."""

    pair: str
    title: str
    difference_cm3: float | None
    percent: float | None
    expected_cm3: float | None = None
    z: float | None = None
    reach_cm3: float | None = None
    z_low: float | None = None
    z_high: float | None = None
    within_error: bool = False
    reason: str = ""

    @property
    def beyond(self) -> bool:
        """Whether z lies beyond ±2."""
        return self.z is not None and abs(self.z) > BEYOND

    @property
    def beyond_surely(self) -> bool:
        """Whether z lies beyond ±2 whatever measurement error did."""
        return _beyond_surely(self.z, self.z_low, self.z_high)


@dataclass(frozen=True)
class Child:
    """One scan of a child against the norm, and the child's other scans beside it.

    Attributes:
        refusal: why there is no z and no centile at all; None where there is.
        doubts: what could not be held against the norm's limits, one sentence each.
        error_note: where the measurement error comes from, or why it is not known.
        scans: all measured scans of the child in the order of their time, this one among them.
        comparisons: each scan with the one before it, and, of three or more, the last with the first.
        norm: title of the norm.
    """

    subject: str
    sex: str | None
    scan: ChildScan
    rows: tuple[ChildRow, ...]
    total: ChildRow
    asymmetries: tuple[AsymmetryRow, ...]
    refusal: str | None
    doubts: tuple[str, ...]
    error_note: str
    norm: str
    scans: tuple[ChildScan, ...] = ()
    comparisons: tuple[Comparison, ...] = ()

    @property
    def errors_known(self) -> bool:
        """Whether any region has a measurement error to be drawn."""
        return any(row.reach_cm3 is not None for row in self.rows)

    @property
    def since(self) -> Comparison | None:
        """This scan with the one before it; None where there is none."""
        found = [one for one in self.comparisons if one.after.scan_id == self.scan.scan_id]
        return found[0] if found else None


def describe(
    subject: str, sex: str | None, scan: ChildScan, norm: Norm, scheme: Scheme, others: Sequence[ChildScan] = ()
) -> Child:
    """Everything that can be said of one child, and why the rest cannot.

    Args:
        subject: the child's code.
        sex: "M", "F" or None.
        scan: the scan in question.
        norm: what to compare with.
        scheme: regions of the label map.
        others: the child's other measured scans, in any order.
    """
    refusal = norm.refusal(sex, scan.age_years, scan.scanner or None, scan.thickness_mm)
    rows = tuple(_row(norm, sex, scan, region.name, region.title) for region in scheme.regions)
    scans = tuple(sorted((scan, *others), key=_when))
    steps = list(itertools.pairwise(scans))
    if len(scans) > 2:
        steps.append((scans[0], scans[-1]))
    notes = _error_notes([error for name, error in scan.errors.items() if name in scheme.region_names])
    return Child(
        subject=subject,
        sex=sex,
        scan=scan,
        rows=rows,
        total=_total(scan, rows, refusal),
        asymmetries=tuple(
            _asymmetry(norm, sex, scan, right.name.removeprefix("right_"), refusal) for right, _ in scheme.pairs
        ),
        refusal=refusal,
        doubts=() if refusal else norm.doubts(scan.scanner or None, scan.thickness_mm),
        error_note=" ".join(notes) or "The measurement error is not known.",
        norm=norm.title,
        scans=scans,
        comparisons=tuple(compare(norm, sex, before, after, scheme) for before, after in steps),
    )


def _error_notes(errors: Sequence[MeasurementError]) -> list[str]:
    """Where the errors of the regions come from, and what a repeat cannot show: being off by the same each time."""
    notes = [note for note in dict.fromkeys(error.note for error in errors) if note]
    off = [(error.bias_cm3, error.error_sd_cm3) for error in errors if error.known]
    biases = [bias for bias, _sd in off if bias is not None]
    sds = [sd for _bias, sd in off if sd is not None]
    if biases and sds:
        told = (
            f"A repeat does not show what is off each time: against {errors[0].against} the regions were off by "
            f"{min(biases):+.1f} to {max(biases):+.1f} cm³ on average, SDs of {min(sds):.1f} to {max(sds):.1f} cm³."
        )
        notes.append(told.replace(" -", " −"))
    return notes


def _row(norm: Norm, sex: str | None, scan: ChildScan, name: str, title: str) -> ChildRow:
    volume = scan.volumes_cm3.get(name, 0.0)
    found = norm.assess(name, sex, scan.age_years, volume, scan.scanner or None, scan.thickness_mm)
    error = scan.errors.get(name)
    reach = None if error is None or volume <= 0 else error.reach_cm3
    z_low = z_high = None
    if found.z is not None and reach is not None and sex is not None and scan.age_years is not None:
        low = max(volume - reach, 1e-3)
        z_low = norm.z(name, sex, scan.age_years, low)
        z_high = norm.z(name, sex, scan.age_years, volume + reach)
    off = None if found.expected_cm3 is None or found.z is None else abs(volume - found.expected_cm3)
    return ChildRow(
        region=name,
        title=title,
        volume_cm3=volume,
        expected_cm3=found.expected_cm3,
        z=found.z,
        centile=found.centile,
        reason=found.reason,
        centile_low=found.centile_low,
        centile_high=found.centile_high,
        reach_cm3=reach,
        z_low=z_low,
        z_high=z_high,
        measured_low=None if z_low is None else centile_of(z_low),
        measured_high=None if z_high is None else centile_of(z_high),
        within_error=off is not None and reach is not None and off <= reach,
    )


def _total(scan: ChildScan, rows: Sequence[ChildRow], refusal: str | None) -> ChildRow:
    """The sum of all regions beside the sum of what is expected; no z, for norms are of single regions."""
    missing = [row.title for row in rows if volume_fault(row.volume_cm3)]
    volume = 0.0 if missing else math.fsum(row.volume_cm3 for row in rows)
    error = scan.errors.get(TOTAL)
    reach = None if error is None or missing else error.reach_cm3
    expected = [row.expected_cm3 for row in rows]
    whole = None if None in expected else math.fsum(value for value in expected if value is not None)
    reason = refusal or "the norm does not tell how the regions of one child go together, so the total has no z"
    if missing:
        reason = f"not given, since not all regions were found: {', '.join(missing)}"
    return ChildRow(TOTAL, "Total", volume, whole, None, None, reason, reach_cm3=reach)


def _asymmetry(norm: Norm, sex: str | None, scan: ChildScan, pair: str, refusal: str | None) -> AsymmetryRow:
    title = pair.capitalize()
    right, left = (scan.volumes_cm3.get(f"{side}_{pair}", 0.0) for side in ("right", "left"))
    if min(right, left) <= 0:
        return AsymmetryRow(pair, title, None, None, reason="a side is not in the label map")
    if fault := volume_fault(right) or volume_fault(left):
        return AsymmetryRow(pair, title, None, None, reason=fault)
    difference = right - left
    percent = 200 * difference / (right + left)
    error = scan.errors.get(pair)
    reach = None if error is None else error.reach_cm3
    if refusal is not None or sex is None or scan.age_years is None or pair not in norm.pairs:
        told = refusal or "the norm has no such pair"
        return AsymmetryRow(pair, title, difference, percent, reach_cm3=reach, reason=told)
    age = scan.age_years
    z_low = z_high = None
    try:
        expected = norm.asymmetry_mean(pair, sex, age)
        if reach is not None:
            z_low = norm.asymmetry_z(pair, sex, age, right - reach, left)
            z_high = norm.asymmetry_z(pair, sex, age, right + reach, left)
    except NormError as error:  # a norm may know a pair in one sex alone
        return AsymmetryRow(pair, title, difference, percent, reach_cm3=reach, reason=error.message.rstrip("."))
    return AsymmetryRow(
        pair=pair,
        title=title,
        difference_cm3=difference,
        percent=percent,
        expected_cm3=expected,
        z=norm.asymmetry_z(pair, sex, age, right, left),
        reach_cm3=reach,
        z_low=z_low,
        z_high=z_high,
        within_error=reach is not None and abs(difference - expected) <= reach,
    )


def _when(scan: ChildScan) -> tuple[float, str, int]:
    """What scans are sorted by: age, then the day, then the order in which they came; unknown ages come first."""
    return (-1.0 if scan.age_years is None else scan.age_years, scan.day, scan.scan_id)


def _beyond_surely(z: float | None, low: float | None, high: float | None) -> bool:
    if z is None or abs(z) <= BEYOND:
        return False
    if low is None or high is None:
        return True
    return low > BEYOND or high < -BEYOND
