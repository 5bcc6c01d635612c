"""ComBat: what a scanner adds and multiplies goes, sex and age stay, and measured volumes are never overwritten."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from ctworkbench.core.analysis.harmonization import By, Harmonization, Harmonizing, harmonize
from ctworkbench.core.analysis.scans import Account, ScanVolumes
from tests.core.further_reference import REGIONS, children, cohort, combat

SHIFT, SCALE = 9.0, 1.8
SCANNER = Harmonizing("scanner")


def planted(seed: int = 11, n: int = 600) -> list[ScanVolumes]:
    """Two scanners; the second adds 9 cm³ to each of ten regions and scatters 1.8 times as wide. Sex −12, age +20."""
    chance = np.random.default_rng(seed)
    scans: list[ScanVolumes] = []
    for i in range(n):
        second, girl, age = bool(i % 3 == 0), bool(chance.random() < 0.45), float(chance.uniform(1.5, 2.5))
        size = 6 * chance.normal()
        volumes = {
            region: 150
            + 3 * k
            - 12 * girl
            + 20 * (age - 2)
            + (SHIFT if second else 0)
            + (SCALE if second else 1) * (size + 6 * chance.normal())
            for k, region in enumerate(REGIONS)
        }
        scans.append(
            ScanVolumes(f"C{i}", i, "F" if girl else "M", age, volumes, "expert", scanner="Two" if second else "One")
        )
    return scans


def fitted(scans: Sequence[ScanVolumes], region: str) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients (intercept, second scanner, girl, age − 2) and the residuals."""
    design = np.array([[1.0, scan.scanner == "Two", scan.female or 0.0, (scan.age or 0.0) - 2] for scan in scans])
    volumes = np.array([scan.volumes_cm3[region] for scan in scans])
    found = np.linalg.lstsq(design, volumes, rcond=None)[0]
    return found, volumes - design @ found


def test_that_harmonized_volumes_equal_those_of_rs_sva() -> None:
    done = harmonize(children(), SCANNER, Account())
    want = combat()
    assert len(done.rows) == 2400
    for row in done.rows:
        # Both stop the search for the posterior at a relative change of 1e-4; sva and neuroCombat take the same steps.
        assert row.harmonized_cm3 == pytest.approx(want[row.scan][row.region], rel=1e-7)


def test_that_a_planted_shift_and_scale_of_a_scanner_are_removed() -> None:
    scans = planted()
    done = harmonize(scans, SCANNER, Account()).scans
    before, after = [fitted(rows, "cerebellum") for rows in (scans, done)]
    second = np.array([scan.scanner == "Two" for scan in scans])
    assert before[0][1] == pytest.approx(SHIFT, abs=3)
    assert abs(after[0][1]) < 0.15 * abs(before[0][1])
    ratios = [rest[second].std() / rest[~second].std() for _, rest in (before, after)]
    assert ratios[0] == pytest.approx(SCALE, rel=0.12)
    assert ratios[1] == pytest.approx(1, abs=0.06)


def test_that_planted_effects_of_sex_and_age_are_kept() -> None:
    scans = planted()
    done = harmonize(scans, SCANNER, Account()).scans
    for region in REGIONS:
        before, after = fitted(scans, region)[0], fitted(done, region)[0]
        assert after[2] == pytest.approx(-12, abs=2.5)
        assert after[3] == pytest.approx(20, abs=4.5)
        assert after[2] == pytest.approx(before[2], abs=1.0)
        assert after[3] == pytest.approx(before[3], abs=2.0)


def test_that_a_sex_effect_is_kept_though_girls_go_with_the_scanner() -> None:
    chance = np.random.default_rng(2)
    scans = [
        scan for scan in planted(seed=4, n=1500) if scan.scanner == "One" or scan.sex == "F" or chance.random() < 0.2
    ]
    share = [np.mean([scan.sex == "F" for scan in scans if scan.scanner == name]) for name in ("One", "Two")]
    assert share[1] > share[0] + 0.3
    done = harmonize(scans, SCANNER, Account()).scans
    assert fitted(done, "cerebellum")[0][2] == pytest.approx(-12, abs=2.5)


def test_that_the_shift_and_scale_found_are_told() -> None:
    done = harmonize(planted(), SCANNER, Account())
    of = {(row.batch, row.region): row for row in done.batches}
    for region in REGIONS:
        one, two = of["One", region], of["Two", region]
        assert two.shift_cm3 - one.shift_cm3 == pytest.approx(SHIFT, abs=3)
        assert two.scale / one.scale == pytest.approx(SCALE, rel=0.15)
        assert (one.n, two.n) == (400, 200)


def test_that_harmonized_volumes_are_another_source_and_the_measured_ones_stand_beside_them() -> None:
    scans = children()
    kept = [dict(scan.volumes_cm3) for scan in scans]
    done = harmonize(scans, SCANNER, Account())
    assert [dict(scan.volumes_cm3) for scan in scans] == kept
    assert {scan.source for scan in done.scans} == {"expert, harmonized by scanner (ComBat)"}
    assert {row.source for row in done.rows} == {"expert, harmonized by scanner (ComBat)"}
    measured = {(scan.scan, region): value for scan in scans for region, value in scan.volumes_cm3.items()}
    assert {(row.scan, row.region): row.measured_cm3 for row in done.rows} == measured
    assert any(row.harmonized_cm3 != row.measured_cm3 for row in done.rows)


def test_that_a_scanner_with_too_few_children_is_left_out_by_name() -> None:
    scans = children()
    few = [scan for scan in scans if scan.scanner == "Delta"]
    scans = [scan for scan in scans if scan.scanner != "Delta"] + few[:19]
    account = Account()
    done = harmonize(scans, SCANNER, account)
    assert {row.batch for row in done.rows} == {"Alpha", "Beta", "Gamma"}
    (left,) = account.left_out
    assert left.reason == "scanner Delta has 19 children, fewer than 20"
    assert left.subjects == tuple(sorted(scan.subject for scan in few[:19]))
    assert {row.batch for row in harmonize(scans, Harmonizing("scanner", 10), Account()).rows} == {
        "Alpha",
        "Beta",
        "Gamma",
        "Delta",
    }


def refusal(scans: Sequence[ScanVolumes], by: By = "scanner") -> list[str]:
    """The notes of a harmonization that gives nothing."""
    account = Account()
    done = harmonize(scans, Harmonizing(by), account)
    assert done == Harmonization(by)
    return account.notes


def test_that_one_site_only_is_refused_with_the_reason() -> None:
    (note,) = refusal([replace(scan, site="North") for scan in children()], "site")
    assert note == "ComBat by site: nothing was harmonized, since fewer than two sites have enough scans."


def test_that_a_scanner_that_goes_with_sex_is_refused() -> None:
    scans = [replace(scan, scanner="One" if scan.sex == "M" else "Two") for scan in children()]
    (note,) = refusal(scans)
    assert "cannot be told from sex and age" in note


def test_that_a_single_region_is_refused() -> None:
    scans = [replace(scan, volumes_cm3={"cerebellum": scan.volumes_cm3["cerebellum"]}) for scan in children()]
    assert "a single region" in refusal(scans)[-1]


def test_that_equal_volumes_are_refused() -> None:
    scans = [replace(scan, volumes_cm3={**scan.volumes_cm3, "cerebellum": 100.0}) for scan in children()]
    assert "cerebellum is the same in all scans" in refusal(scans)[-1]


def test_that_one_sex_or_one_age_is_harmonized_and_said() -> None:
    account = Account()
    boys = [replace(scan, age_years=2.0) for scan in children() if scan.sex == "M" and scan.scanner != "Delta"]
    assert harmonize(boys, SCANNER, account).rows
    assert any("sex is the same in all scans" in note for note in account.notes)
    assert any("age is the same in all scans" in note for note in account.notes)


def test_that_scans_without_sex_age_scanner_or_a_region_are_left_out_by_name() -> None:
    scans = children()
    scans[0] = replace(scans[0], sex=None)
    scans[1] = replace(scans[1], age_years=None)
    scans[2] = replace(scans[2], scanner="")
    scans[3] = replace(scans[3], volumes_cm3={**scans[3].volumes_cm3, "brainstem": 0.0})
    account = Account()
    done = harmonize(scans, SCANNER, account)
    assert {row.scan for row in done.rows} == {scan.scan for scan in scans[4:]}
    assert {(row.reason, row.subjects) for row in account.left_out} == {
        ("sex unknown", ("R001",)),
        ("age unknown", ("R002",)),
        ("scanner unknown", ("R003",)),
        ("brainstem is not in the label map", ("R004",)),
    }


def test_that_a_second_scan_on_the_same_scanner_is_harmonized_and_teaches_nothing() -> None:
    first = children()
    again = [replace(scan, scan=1000 + scan.scan, age_years=(scan.age or 0) + 0.3) for scan in first[:30]]
    account = Account()
    alone, both = harmonize(first, SCANNER, Account()), harmonize([*first, *again], SCANNER, account)
    assert both.batches == alone.batches
    assert len(both.rows) == len(alone.rows) + 300
    assert any(note.startswith("ComBat by scanner: 30 later scans of children") for note in account.notes)
    of = {(row.scan, row.region): row.harmonized_cm3 for row in both.rows}
    assert {(row.scan, row.region): row.harmonized_cm3 for row in alone.rows}.items() <= of.items()


def test_that_ages_that_do_not_overlap_are_pointed_out() -> None:
    scans = [replace(scan, scanner="One" if (scan.age or 0) < 2 else "Two") for scan in children()]
    account = Account()
    harmonize(scans, SCANNER, account)
    assert any("the ages of One and Two do not overlap" in note for note in account.notes)


def test_that_sources_that_go_with_scanners_are_pointed_out() -> None:
    scans = [replace(scan, source="model" if scan.scanner == "Beta" else "expert") for scan in cohort()]
    account = Account()
    done = harmonize(scans, SCANNER, account)
    assert any("several sources" in note for note in account.notes)
    assert {row.source for row in done.rows} == {
        "expert, harmonized by scanner (ComBat)",
        "model, harmonized by scanner (ComBat)",
    }
