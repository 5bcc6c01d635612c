"""One child against a norm: both intervals, the total, asymmetry, change; and what is not said, with the reason."""

from typing import Any

import numpy as np
import pytest

from ctworkbench.core import schemes
from ctworkbench.core.norms import published_norm
from ctworkbench.core.norms.change import ChildScan
from ctworkbench.core.norms.child import describe
from ctworkbench.core.norms.measurement_error import TOTAL, MeasurementError, unknown

NORM = published_norm()
SCHEME = schemes.load()
AGE, SW = 2.0, 1.5
VOLUMES = {region: NORM.mean(region, "M", AGE) for region in NORM.regions}
ERRORS = {name: MeasurementError(name, "registration, quick", SW) for name in (*NORM.regions, *NORM.pairs, TOTAL)}


def scan(number: int = 1, age: float | None = AGE, volumes: dict[str, float] | None = None, **told: Any) -> ChildScan:
    known = {"method": "registration, quick", "method_key": "q", "image_key": f"i{number}", "errors": ERRORS}
    return ChildScan(number, age, VOLUMES if volumes is None else volumes, **(known | told))


def child(own: ChildScan | None = None, sex: str | None = "M", *others: ChildScan) -> Any:
    return describe("C1", sex, own or scan(), NORM, SCHEME, others)


def row_of(found: Any, region: str) -> Any:
    return next(row for row in (*found.rows, found.total) if row.region == region)


def test_that_measurement_error_alone_gives_its_own_interval_of_the_centile() -> None:
    row = row_of(child(), "cerebellum")
    assert row.reach_cm3 == pytest.approx(1.96 * SW)
    sd = NORM.sd("cerebellum")
    assert (row.z_low, row.z_high) == (pytest.approx(-1.96 * SW / sd), pytest.approx(1.96 * SW / sd))
    low = NORM.centile("cerebellum", "M", AGE, row.volume_cm3 - 1.96 * SW)
    assert row.measured_low == pytest.approx(low)
    own = NORM.centile_interval("cerebellum", "M", AGE, row.volume_cm3)
    assert own is not None
    assert (row.centile_low, row.centile_high) == pytest.approx(own)  # the norm's, untouched by it
    assert row.centile == pytest.approx(50) and row.within_error


@pytest.mark.parametrize(("sds", "beyond", "surely"), [(1.9, False, False), (2.1, True, False), (5.5, True, True)])
def test_that_beyond_two_sds_is_sure_only_if_the_whole_bar_is(sds: float, beyond: bool, surely: bool) -> None:
    volumes = VOLUMES | {"brainstem": VOLUMES["brainstem"] - sds * NORM.sd("brainstem")}
    row = row_of(child(scan(volumes=volumes)), "brainstem")
    assert (row.beyond, row.beyond_surely) == (beyond, surely)


def test_that_a_bar_keeps_off_zero_volume() -> None:
    row = row_of(child(scan(volumes=VOLUMES | {"brainstem": 1.0})), "brainstem")
    assert row.z_low is not None and np.isfinite(row.z_low)


def test_that_an_unknown_error_leaves_the_norms_interval_and_says_why() -> None:
    nothing = {name: unknown(name, "expert", "nobody was read twice") for name in ERRORS}
    found = child(scan(errors=nothing))
    row = row_of(found, "cerebellum")
    assert (row.reach_cm3, row.measured_low, row.within_error) == (None, None, False)
    assert row.centile_low is not None
    assert not found.errors_known and found.error_note.endswith("nobody was read twice.")


def test_that_an_error_measured_on_other_ages_or_slices_is_not_used() -> None:
    error = MeasurementError("brainstem", "r", SW, ages_years=(1.5, 2.5), thickness_mm=(1.0, 2.5))
    assert error.for_scan(2.0, 1.25).known
    assert error.for_scan(2.0, None).known
    assert "ages of 1.5 to 2.5 years, not the age of 45 years" in error.for_scan(45.0, 1.25).note
    assert "not a scan of unknown age" in error.for_scan(None, 1.25).note
    assert "slices of 1 to 2.5 mm, not of 5 mm" in error.for_scan(2.0, 5.0).note


def test_that_the_total_is_the_sum_of_ten_and_has_no_z_that_the_norm_cannot_give() -> None:
    total = child().total
    assert total.volume_cm3 == pytest.approx(sum(VOLUMES.values()))
    assert total.expected_cm3 == pytest.approx(sum(VOLUMES.values()))
    assert (total.z, total.centile) == (None, None)
    assert "does not tell how the regions of one child go together" in total.reason


def test_that_a_missing_region_leaves_no_total_no_z_and_no_asymmetry_of_its_pair() -> None:
    found = child(scan(volumes=VOLUMES | {"left_occipital": 0.0}))
    assert found.total.volume_cm3 == 0 and found.total.reach_cm3 is None
    assert found.total.reason == "not given, since not all regions were found: Left occipital lobe"
    assert row_of(found, "left_occipital").reason == "the region is not in the label map"
    pairs = {row.pair: row for row in found.asymmetries}
    assert pairs["occipital"].reason == "a side is not in the label map"
    assert pairs["frontal"].z is not None


@pytest.mark.parametrize(
    ("own", "sex", "reason"),
    [
        (scan(age=None), "M", "the age at the scan is unknown"),
        (scan(), None, "the sex is unknown"),
        (scan(age=3.0), "M", "age 3 y is outside the norm's 1.5–2.5 years"),
        (scan(thickness_mm=5.0), "M", "slices of 5 mm are outside the norm's 0.625–1.25 mm"),
        (scan(scanner="Siemens Force"), "M", "the scanner Siemens Force is not the norm's GE Revolution CT"),
    ],
)
def test_that_outside_the_norm_every_number_of_it_is_missing_with_one_reason(own: Any, sex: Any, reason: str) -> None:
    found = child(own, sex)
    assert found.refusal == reason
    assert {(row.z, row.centile, row.expected_cm3, row.reason) for row in found.rows} == {(None, None, None, reason)}
    assert {(row.z, row.expected_cm3) for row in found.asymmetries} == {(None, None)}
    assert found.rows[0].reach_cm3 is not None  # the error is that of measuring, and needs no norm


def test_that_a_scan_of_unknown_scanner_and_slices_gets_a_centile_with_doubts() -> None:
    found = child()
    assert found.refusal is None
    assert any("scanner is not known" in doubt for doubt in found.doubts)
    assert any("thickness is not known" in doubt for doubt in found.doubts)


def test_that_asymmetry_has_its_own_error_and_says_when_it_is_no_more() -> None:
    row = child().asymmetries[0]
    z = NORM.asymmetry_z("frontal", "M", AGE, VOLUMES["right_frontal"], VOLUMES["left_frontal"])
    assert row.z == pytest.approx(z)
    sd = NORM.asymmetry_sd("frontal", "M")
    assert (row.z_high - row.z_low) == pytest.approx(2 * 1.96 * SW / sd)
    assert row.within_error == (abs(row.difference_cm3 - row.expected_cm3) <= 1.96 * SW)


def grown(by: float) -> dict[str, float]:
    return {region: value - by for region, value in VOLUMES.items()}


def test_that_a_change_is_told_apart_from_noise_by_the_smallest_detectable_change() -> None:
    limit = 1.96 * np.sqrt(2) * SW
    before = scan(2, 1.6, grown(limit - 0.1) | {"brainstem": VOLUMES["brainstem"] - limit - 0.1})
    since = child(scan(), "M", before).since
    assert since.years == pytest.approx(0.4)
    rows = {row.region: row for row in since.rows}
    assert rows["cerebellum"].smallest_cm3 == pytest.approx(limit)
    assert (rows["cerebellum"].beyond_error, rows["brainstem"].beyond_error) == (False, True)
    assert rows["cerebellum"].expected_cm3 == pytest.approx(0.4 * NORM.line("cerebellum").age)
    assert rows[TOTAL].expected_cm3 == pytest.approx(0.4 * sum(NORM.line(region).age for region in NORM.regions))
    assert rows[TOTAL].change_cm3 == pytest.approx(sum(row.change_cm3 for row in since.rows[:-1]))
    assert since.notes == ()


@pytest.mark.parametrize("limit", [{"scanner": "Siemens Force"}, {"thickness_mm": 5.0}])
def test_that_no_growth_is_expected_of_scans_that_the_norm_does_not_hold_for(limit: dict[str, Any]) -> None:
    since = child(scan(**limit), "M", scan(2, 1.6)).since
    assert {row.expected_cm3 for row in since.rows} == {None}
    assert since.rows[0].change_cm3 is not None


def test_that_three_scans_are_joined_in_the_order_of_age_whatever_order_they_came_in() -> None:
    found = child(scan(1, 1.9), "M", scan(2, 2.4), scan(3, 1.6))
    assert [one.age_years for one in found.scans] == [1.6, 1.9, 2.4]
    spans = [(one.before.age_years, one.after.age_years) for one in found.comparisons]
    assert spans == [(1.6, 1.9), (1.9, 2.4), (1.6, 2.4)]
    assert found.since.before.age_years == 1.6


def test_that_volumes_labelled_in_two_ways_are_not_compared() -> None:
    since = child(scan(), "M", scan(2, 1.6, method="expert", method_key="e")).since
    assert {row.smallest_cm3 for row in since.rows} == {None}
    assert since.notes[0].startswith("The label maps were made in two ways (expert, then registration, quick)")


def test_that_one_image_imported_twice_is_no_change() -> None:
    since = child(scan(), "M", scan(2, 1.6, image_key="i1")).since
    assert since.notes[0] == "Both scans hold the same images: this is no change of the child."
    assert {row.beyond_error for row in since.rows} == {None}


def test_that_repeats_changed_scanners_and_changed_slices_are_said() -> None:
    before = scan(2, AGE, scanner="Siemens Force", thickness_mm=5.0)
    notes = child(scan(scanner="GE Revolution CT", thickness_mm=1.25), "M", before).comparisons[0].notes
    assert [note.split(" ")[1] for note in notes] == ["scans", "scanner", "slices"]


def test_that_scans_of_unknown_age_are_compared_without_a_time_between_them() -> None:
    since = child(scan(), "M", scan(2, None)).since
    assert since.years is None
    assert since.notes[0].startswith("An age is unknown")


def test_that_a_region_missing_in_one_scan_has_no_change() -> None:
    since = child(scan(), "M", scan(2, 1.6, VOLUMES | {"brainstem": 0.0})).since
    rows = {row.region: row for row in since.rows}
    assert (rows["brainstem"].change_cm3, rows["brainstem"].percent, rows["brainstem"].beyond_error) == (None,) * 3
    assert rows[TOTAL].change_cm3 is None
    assert rows["cerebellum"].change_cm3 == 0
