"""What is wrong with a cohort is said, and nothing is guessed: units, missing values, repeated scans, small groups."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from ctworkbench.core.analysis.correlation import correlations
from ctworkbench.core.analysis.group_tests import sex_tests
from ctworkbench.core.analysis.groups import compare
from ctworkbench.core.analysis.observations import Ledger, Observation
from ctworkbench.core.analysis.tables import StatisticsTables, sheets, tables
from ctworkbench.core.norms import published_norm
from ctworkbench.core.norms.simulated import simulate

ROLES = ("train", "train", "validation", "test")
Change = Callable[[Observation], Observation]


def cohort(n: int = 40, seed: int = 8) -> list[Observation]:
    return [
        Observation(child.subject, child.sex, child.age_years, region, volume, "expert", number, ROLES[number % 4], "A")
        for number, child in enumerate(simulate(published_norm(), n, seed))
        for region, volume in child.volumes_cm3.items()
    ]


def changed(change: Change, only: Callable[[Observation], bool] = lambda _: True) -> list[Observation]:
    return [change(row) if only(row) else row for row in cohort()]


def said(result: StatisticsTables, *words: str) -> bool:
    return any(all(word in note for word in words) for note in result.notes)


@pytest.mark.parametrize(
    "change",
    [
        lambda row: replace(row, sex=None),
        lambda row: replace(row, age_years=None),
        lambda row: replace(row, sex=None, age_years=None),
        lambda row: replace(row, sex="M"),
        lambda row: replace(row, age_years=2.0),
        lambda row: replace(row, age_years=float("nan")),
        lambda row: replace(row, volume_cm3=0.0),
        lambda row: replace(row, volume_cm3=50.0),
        lambda row: replace(row, role="", site=""),
    ],
)
def test_that_every_table_can_be_made_of_any_cohort(change: Change) -> None:
    for n in (1, 2, 3, 4, 12):
        result = tables([change(row) for row in cohort(n)])
        assert result.notes
        assert len(sheets(result)) == 9
        assert StatisticsTables.model_validate_json(result.model_dump_json()) == result


def test_that_no_volumes_at_all_make_empty_tables_with_notes() -> None:
    result = tables([])
    assert all(not sheet.rows for sheet in sheets(result))
    assert said(result, "Table 2 is empty") and said(result, "Table 5 is empty")


def test_that_ages_in_months_are_said_and_not_converted() -> None:
    result = tables(changed(lambda row: replace(row, age_years=12 * (row.age_years or 0))))
    assert said(result, "If they are months", "years are meant", "taken for years")
    assert min(row.age_min_years or 0 for row in result.groups) > 17  # as it was given
    age = next(row for row in result.coefficients if row.term == "age" and row.region == "cerebellum")
    years = next(row for row in tables(cohort()).coefficients if row.term == "age" and row.region == "cerebellum")
    assert age.coefficient == pytest.approx(years.coefficient / 12)


def test_that_some_ages_in_months_among_years_are_named() -> None:
    result = tables(
        changed(lambda row: replace(row, age_years=12 * (row.age_years or 0)), lambda row: row.subject == "SIM0003")
    )
    assert said(result, "1 age far above the others", "SIM0003", "in months")


def test_that_ages_in_days_are_no_ages_and_the_volumes_stay_where_no_age_is_asked_for() -> None:
    result = tables(changed(lambda row: replace(row, age_years=365.25 * (row.age_years or 0))))
    assert said(result, "40 ages outside 0 to 120 years", "In days", "Nothing was converted")
    assert not result.coefficients and not result.correlations
    assert {row.n for row in result.descriptions if row.sex == "all"} == {40}
    assert len(result.hemispheres) == 8
    left_out = {entry.reason: entry for entry in result.exclusions if entry.table == "tables that ask for age"}
    assert left_out["the age is no human age in years"].volumes == 400


def test_that_a_negative_age_is_no_age() -> None:
    result = tables(changed(lambda row: replace(row, age_years=-2.0), lambda row: row.subject == "SIM0001"))
    assert said(result, "1 age outside 0 to 120 years", "SIM0001 -2")
    assert {row.n for row in result.coefficients} == {39}


def test_that_a_cohort_of_plausible_ages_is_told_nothing_of_units() -> None:
    notes = " ".join(tables(cohort()).notes)
    assert "months" not in notes and "days" not in notes and "mm³" not in notes


def test_that_volumes_in_cubic_millimetres_are_said_and_left_out() -> None:
    result = tables(changed(lambda row: replace(row, volume_cm3=1000 * row.volume_cm3)))
    assert said(result, "400 volumes too large for cm³", "If these are mm³", "nothing was converted")
    assert not result.descriptions and not result.coefficients
    assert sum(entry.volumes for entry in result.exclusions if "mm³?" in entry.reason) == 400


def test_that_one_region_in_cubic_millimetres_leaves_the_others() -> None:
    result = tables(
        changed(lambda row: replace(row, volume_cm3=1000 * row.volume_cm3), lambda row: row.region == "brainstem")
    )
    assert said(result, "40 volumes too large for cm³", "brainstem")
    assert {row.region for row in result.coefficients} == {row.region for row in cohort()} - {"brainstem"}


def test_that_a_region_that_is_absent_from_some_scans_is_said_and_the_other_regions_keep_all() -> None:
    rows = [row for row in cohort() if not (row.region == "left_frontal" and row.subject in ("SIM0004", "SIM0005"))]
    result = tables(rows)
    assert said(result, "The left frontal lobe was not measured in 2 of 40 scans: SIM0004, SIM0005")
    n = {row.region: row.n for row in result.coefficients if row.term == "age"}
    assert (n["left_frontal"], n["right_frontal"]) == (38, 40)
    assert {row.n for row in result.hemispheres if row.pair == "frontal" and row.sex == "M"} == {
        next(row.n for row in result.hemispheres if row.pair == "parietal" and row.sex == "M") - 2
    }


def test_that_of_two_scans_of_a_child_the_younger_one_is_used_whatever_their_order() -> None:
    older = [
        replace(row, scan=900, age_years=(row.age_years or 0) + 0.4, volume_cm3=row.volume_cm3 + 9)
        for row in cohort()
        if row.subject == "SIM0007"
    ]
    result = tables([*older, *cohort()])
    assert result.coefficients == tables(cohort()).coefficients
    assert (result.n_scans, result.n_subjects) == (41, 40)
    assert said(result, "1 child with several scans", "1 further scan left out")


def test_that_of_two_scans_the_one_of_known_age_is_used() -> None:
    other = [replace(row, scan=-1, age_years=None) for row in cohort() if row.subject == "SIM0007"]
    assert tables([*other, *cohort()]).coefficients == tables(cohort()).coefficients


def test_that_sets_too_small_to_compare_are_said() -> None:
    rows = changed(lambda row: replace(row, role="test" if row.subject == "SIM0001" else "train"))
    result = tables(rows)
    assert {row.group: row.n for row in result.groups} == {"train": 39, "test": 1}
    assert {row.variable for row in result.group_tests} == {"sex"}
    assert said(result, "no test of age between groups (by set)")


def test_that_a_site_of_one_child_does_not_hinder_the_tests_of_the_others() -> None:
    def role(row: Observation) -> Observation:
        place = "alone" if row.subject == "SIM0001" else ("north", "south")[int(row.subject[-1]) % 2]
        return replace(row, site=place)

    result = tables(changed(role))
    tests = {(row.variable, row.test): row for row in result.group_tests if row.grouping == "site"}
    assert tests["age", "Student's t"].n == 39
    assert said(result, "the tests of age by site are without alone, which has fewer than 2 children")


def test_that_an_interval_that_ends_below_its_effect_size_is_explained() -> None:
    alike, apart = Ledger(), Ledger()
    (row,) = sex_tests("site", [(100, 101), (101, 100), (100, 100)], alike)
    assert row.effect_high is not None and row.effect_size is not None and row.effect_high < row.effect_size
    assert any("Cramér's V (by site) lies above its interval" in note for note in alike.notes)
    sex_tests("site", [(100, 50), (50, 100), (100, 100)], apart)
    assert not apart.notes


def test_that_a_cohort_without_a_split_says_so() -> None:
    result = tables(changed(lambda row: replace(row, role="")))
    assert not result.groups and said(result, "Table 1 has no sets to compare")


def test_that_one_sex_in_all_groups_makes_no_test_of_sex() -> None:
    ledger = Ledger()
    assert sex_tests("site", [(10, 0), (7, 0)], ledger) == []
    assert "one sex or one group is empty" in ledger.notes[0]


def test_that_children_of_unknown_site_are_counted_and_left_out_of_that_comparison() -> None:
    ledger = Ledger()
    rows = [replace(row, site={0: "", 1: "North"}.get((row.scan or 0) % 3, "South")) for row in cohort(30)]
    groups, _ = compare(rows, ledger)
    assert {row.group: row.n for row in groups if row.grouping == "site"} == {"North": 10, "South": 10}
    assert "Table 1: site unknown of 10 children, left out there." in ledger.notes


def test_that_volumes_without_scatter_have_coefficients_and_no_p() -> None:
    rows = [
        Observation(f"S{i:02d}", "MF"[i % 2], 1.5 + 0.05 * i, "brainstem", 12 + 0.3 * i, "expert") for i in range(16)
    ]
    result = tables(rows)
    age = next(row for row in result.coefficients if row.term == "age")
    assert age.coefficient == pytest.approx(6.0) and age.t is None and age.p is None and age.d is None
    assert said(result, "all volumes of the brainstem lie on the fit")


def test_that_an_adult_among_sets_of_children_makes_an_enormous_f_and_no_failure() -> None:
    for spread in (1e-2, 1e-5):
        rows: list[Observation] = []
        for row in cohort(30):
            number = row.scan or 0
            age = (2.0, 3.0, 45.0)[number % 3] + spread * number
            rows.append(replace(row, age_years=age, role=ROLES[1:][number % 3]))
        test = next(row for row in tables(rows).group_tests if row.test == "analysis of variance")
        assert test.statistic is not None and test.statistic > 1e5
        assert test.effect_size == pytest.approx(1.0, abs=1e-4)
        assert (test.effect_low is None) == (spread == 1e-5)  # beyond what can be summed, no interval is given


def test_that_a_perfect_correlation_is_not_given_an_interval() -> None:
    rows = [
        Observation(f"S{i:02d}", "MF"[i % 2], 1.5 + 0.05 * i, "brainstem", 12 + 0.3 * i, "expert") for i in range(16)
    ]
    row = next(row for row in correlations(rows) if row.group == "all")
    assert (row.rho, row.ci_low, row.ci_high, row.t) == (1.0, None, None, None)
