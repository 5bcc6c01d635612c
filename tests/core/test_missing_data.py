"""What is missing is counted and named, and complete cases are compared with the rest."""

from dataclasses import replace

import pytest

from ctworkbench.core.analysis import adjusted, mixed
from ctworkbench.core.analysis.missing import comparison, complete_cases, missing
from ctworkbench.core.analysis.scans import Account, ScanVolumes
from tests.core.further_reference import REGIONS, children, expected


def with_gaps() -> list[ScanVolumes]:
    scans = children()
    scans[0] = replace(scans[0], sex=None)
    scans[1] = replace(scans[1], age_years=float("nan"))
    scans[2] = replace(scans[2], volumes_cm3={**scans[2].volumes_cm3, "cerebellum": 0.0})
    scans[3] = replace(scans[3], volumes_cm3={})
    scans[4] = replace(scans[4], intracranial_cm3=None, site="", scanner="")
    return scans


def test_that_each_variable_and_region_tells_how_many_and_who() -> None:
    rows = {row.variable: row for row in missing(with_gaps(), REGIONS)}
    assert {name: row.subjects for name, row in rows.items() if row.missing} == {
        "sex": ("R001",),
        "age": ("R002",),
        "site": ("R005",),
        "scanner": ("R005",),
        "intracranial volume": ("R005",),
        "any volume": ("R004",),
        **dict.fromkeys(REGIONS, ("R004",)),
        "cerebellum": ("R003", "R004"),
        "all of these: sex, age and every region": ("R001", "R002", "R003", "R004"),
    }
    assert rows["cerebellum"].percent == pytest.approx(100 * 2 / 240)
    assert {row.scans for row in rows.values()} == {240}


def test_that_each_model_tells_how_many_complete_cases_it_used() -> None:
    account = Account()
    effects = adjusted.interaction(with_gaps(), account)
    mixed_effects, spreads = mixed.mixed(with_gaps(), mixed.SCANNER, account)
    used = {(row.model, row.outcome): row for row in complete_cases([*effects, *mixed_effects], spreads, 240)}
    assert used[adjusted.INTERACTION, "brainstem"].used == 237
    assert used[adjusted.INTERACTION, "cerebellum"].used == 236
    assert used[mixed.title(mixed.SCANNER), "brainstem"].used == 236
    assert {row.scans for row in used.values()} == {240}


def test_that_complete_and_incomplete_children_are_compared_by_age_and_sex_as_r_does_it() -> None:
    scans = children()
    scans[200:] = [replace(scan, volumes_cm3={}) for scan in scans[200:]]
    age, sex = comparison(scans, Account())
    assert (age.n_complete, age.n_incomplete) == (200, 40)
    assert age.p == pytest.approx(expected()["welch|p"], rel=1e-8)
    assert age.ci_low == pytest.approx(expected()["welch|low"], rel=1e-8)
    assert sex.p == pytest.approx(expected()["fisher|p"], rel=1e-8)


def test_that_nothing_missing_or_nothing_complete_is_said() -> None:
    account = Account()
    assert comparison(children(), account) == []
    assert comparison([replace(scan, volumes_cm3={}) for scan in children()], account, REGIONS) == []
    assert account.notes == [
        "missing data: every scan has every region.",
        "missing data: no scan has every region, so there is nothing to compare with.",
    ]


def test_that_a_single_incomplete_child_is_told_without_a_test_of_age() -> None:
    scans = children()
    scans[7] = replace(scans[7], volumes_cm3={})
    age, sex = comparison(scans, Account())
    assert (age.n_incomplete, age.p) == (1, None)
    assert sex.p is not None


def test_that_an_empty_study_has_nothing_missing() -> None:
    assert {row.missing for row in missing([], REGIONS)} == {0}
