"""The cohort's statistics return the article's tables on a cohort drawn from them, and say what they leave out."""

import csv
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from ctworkbench.core.analysis.descriptive import describe
from ctworkbench.core.analysis.hemispheres import hemispheres
from ctworkbench.core.analysis.observations import Observation
from ctworkbench.core.analysis.regression import regression
from ctworkbench.core.analysis.tables import StatisticsTables, tables
from ctworkbench.core.analysis.writing import write
from ctworkbench.core.errors import StudyError
from ctworkbench.core.norms import SEX_CODE, published_norm
from ctworkbench.core.norms.simulated import simulate
from ctworkbench.core.settings import resource

NORM = published_norm()


def cohort(n: int, seed: int) -> list[Observation]:
    return [
        Observation(child.subject, child.sex, child.age_years, region, volume, "model")
        for child in simulate(NORM, n, seed)
        for region, volume in child.volumes_cm3.items()
    ]


def article(name: str) -> list[dict[str, str]]:
    with resource(f"norms/xi2025/{name}").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def whole() -> list[Observation]:
    return cohort(1487, 2025)


@pytest.fixture(scope="module")
def few() -> list[Observation]:
    return cohort(24, 3)


def test_that_table_2_comes_back_within_sampling_error(whole: list[Observation]) -> None:
    found = {(row.region, row.sex): row for row in describe(whole)}
    for row in article("table2_volumes_by_sex.csv"):
        for sex, name in (("all", "overall"), ("M", "male"), ("F", "female")):
            ours = found[row["region"], sex]
            mean, sd = float(row[f"{name}_mean_cm3"]), float(row[f"{name}_sd_cm3"])
            assert ours.mean_cm3 == pytest.approx(mean, abs=3.5 * sd / math.sqrt(ours.n))
            assert ours.sd_cm3 == pytest.approx(sd, rel=3.5 / math.sqrt(2 * ours.n))
    assert [found["brainstem", sex].n for sex in ("all", "M", "F")] == [1487, 826, 661]


@pytest.mark.parametrize(
    ("name", "term", "column"),
    [
        ("table3_sex_effect.csv", "sex", "sex_coefficient_cm3"),
        ("table4_age_effect.csv", "age", "age_coefficient_cm3_per_year"),
    ],
)
def test_that_tables_3_and_4_come_back_within_three_standard_errors(
    whole: list[Observation], name: str, term: str, column: str
) -> None:
    found = {row.region: row for row in regression(whole) if row.term == term}
    for row in article(name):
        ours, se, t = found[row["region"]], float(row["standard_error"]), float(row["t_value"])
        assert abs(ours.coefficient - float(row[column])) < 3 * se
        assert ours.standard_error == pytest.approx(se, rel=0.06)
        assert ours.t is not None and math.copysign(1, ours.t) == math.copysign(1, t) and abs(ours.t - t) < 3.5
        assert ours.p is not None and 0 < ours.p <= (ours.p_holm or 0) < 1e-10
        assert ours.ci_low < ours.coefficient < ours.ci_high
        assert ours.n == 1487


def test_that_the_raw_sex_gap_is_wider_than_the_adjusted_one_as_in_the_article(whole: list[Observation]) -> None:
    means = {(row.region, row.sex): row.mean_cm3 or 0 for row in describe(whole)}
    for row in regression(whole):
        if row.term == "sex":
            raw = means[row.region, "M"] - means[row.region, "F"]
            assert 1.04 < raw / -row.coefficient < 1.11


def test_that_table_5_comes_back_within_sampling_error(whole: list[Observation]) -> None:
    found = {(row.pair, row.sex): row for row in hemispheres(whole)}
    assert len(found) == 8
    for row in article("table5_hemispheres.csv"):
        ours, t = found[row["region"], row["sex"]], float(row["t_value"])
        n = ours.n
        difference = float(row["right_mean_cm3"]) - float(row["left_mean_cm3"])
        sd = abs(difference) * math.sqrt(n) / abs(t)
        assert abs(ours.difference_cm3 - difference) < 3.5 * sd / math.sqrt(n)
        assert ours.t is not None and ours.t * t > 0
        assert abs(ours.t - t) < 3.5 * math.sqrt(1 + t**2 / (2 * n))  # sampling error of a noncentral t
        assert ours.d_z == pytest.approx(ours.t / math.sqrt(n))
        assert abs(ours.d_z) == pytest.approx(float(row["effect_size"]), abs=0.14)
        assert ours.d_av is not None and abs(ours.d_av) < 0.36  # by d_av the effects are small
        assert ours.ci_low < ours.difference_cm3 < ours.ci_high


def test_that_the_same_cohort_gives_the_same_tables(few: list[Observation]) -> None:
    assert tables(few) == tables(cohort(24, 3))
    assert StatisticsTables.model_validate_json(tables(few).model_dump_json()) == tables(few)


def test_that_the_regression_is_the_least_squares_solution(few: list[Observation]) -> None:
    rows = [row for row in few if row.region == "cerebellum"]
    design = np.array([[1, SEX_CODE[row.sex or ""], row.age_years] for row in rows])
    volumes = np.array([row.volume_cm3 for row in rows])
    solution, residual, _, _ = np.linalg.lstsq(design, volumes, rcond=None)
    variance = residual[0] / (len(rows) - 3)
    errors = np.sqrt(np.diag(np.linalg.inv(design.T @ design)) * variance)
    fit = regression(rows)
    assert [row.term for row in fit] == ["intercept", "sex", "age"]
    assert [row.coefficient for row in fit] == pytest.approx(solution, rel=1e-9)
    assert [row.standard_error for row in fit] == pytest.approx(errors, rel=1e-9)
    assert [row.p for row in fit] == pytest.approx(2 * stats.t.sf(abs(solution / errors), len(rows) - 3), rel=1e-6)
    assert fit[0].residual_sd_cm3 == pytest.approx(math.sqrt(variance))


def test_that_the_paired_test_is_the_one_of_scipy(few: list[Observation]) -> None:
    row = next(row for row in hemispheres(few) if (row.pair, row.sex) == ("parietal", "F"))
    sides = [
        [r.volume_cm3 for r in few if r.sex == "F" and r.region == f"{side}_parietal"] for side in ("right", "left")
    ]
    expected = stats.ttest_rel(*sides)
    assert (row.t, row.p, row.df) == (
        pytest.approx(expected.statistic),
        pytest.approx(expected.pvalue),
        len(sides[0]) - 1,
    )
    interval = expected.confidence_interval()
    assert (row.ci_low, row.ci_high) == pytest.approx((interval.low, interval.high))


def test_that_holms_correction_multiplies_the_smallest_p_by_the_number_of_tests(few: list[Observation]) -> None:
    ages = sorted((row for row in regression(few) if row.term == "age"), key=lambda row: row.p or 0)
    assert ages[0].p_holm == pytest.approx(min(1, 10 * (ages[0].p or 0)))
    assert ages[1].p_holm == pytest.approx(min(1, max(ages[0].p_holm or 0, 9 * (ages[1].p or 0))))


def test_that_missing_sex_age_and_regions_are_counted_and_named(few: list[Observation]) -> None:
    rows = list(few)
    rows[0:10] = [replace(row, age_years=None) for row in rows[0:10]]
    rows[10:20] = [replace(row, sex=None) for row in rows[10:20]]
    rows[20] = replace(rows[20], volume_cm3=0.0)
    result = tables(rows)
    said = {(entry.table, entry.reason): entry for entry in result.exclusions}
    assert said["table3_4", "age unknown"].volumes == 10
    assert said["table3_4", "sex unknown"].subjects == (rows[10].subject,)
    assert said["table2", "right frontal lobe is not in the label map (volume 0)"].subjects == (rows[20].subject,)
    assert said["table5", "the other side was not measured"].volumes == 1
    n = {row.region: row.n for row in result.coefficients if row.term == "age"}
    assert (n["right_frontal"], n["brainstem"]) == (21, 22)
    assert {(row.region, row.sex): row.n for row in result.descriptions}[
        "brainstem", "all"
    ] == 23  # boys and girls alone


def test_that_one_sex_alone_has_no_sex_coefficient_and_a_note(few: list[Observation]) -> None:
    result = tables([row for row in few if row.sex == "F"])
    assert {row.term for row in result.coefficients} == {"intercept", "age"}
    assert any("one sex" in note for note in result.notes)
    assert {row.sex for row in result.hemispheres} == {"F"}


def test_that_equal_ages_have_no_age_coefficient_and_a_note(few: list[Observation]) -> None:
    result = tables([replace(row, age_years=2.0) for row in few])
    assert {row.term for row in result.coefficients} == {"intercept", "sex"}
    assert any("all ages of a fit are equal" in note for note in result.notes)


@pytest.mark.parametrize("children", [0, 1, 2, 3])
def test_that_too_few_children_are_said_and_crash_nothing(few: list[Observation], children: int) -> None:
    subjects = sorted({row.subject for row in few if row.sex == "M"})[:children]
    result = tables([row for row in few if row.subject in subjects])
    assert result.notes
    assert len(result.hemispheres) == (4 if children == 3 else 0)
    assert all(row.n == children for row in result.descriptions if row.sex == "all")
    assert {row.term for row in result.coefficients} == ({"intercept", "age"} if children == 3 else set())


def test_that_equal_differences_have_no_t(few: list[Observation]) -> None:
    level = [
        replace(row, volume_cm3=50.0 if row.region.startswith("right") else 48.0)
        for row in few
        if row.region.endswith("occipital")
    ]
    result = tables(level)
    assert all(row.t is None and row.p is None and row.difference_cm3 == 2 for row in result.hemispheres)
    assert any("all differences are equal" in note for note in result.notes)


def test_that_mixed_sources_repeated_scans_and_doubles_are_said(few: list[Observation]) -> None:
    rows = [replace(row, source="expert") if row.subject == "SIM0001" else row for row in few]
    again = [replace(row, scan=9) for row in rows if row.subject == "SIM0002"]
    result = tables([*rows, *again, rows[0]])
    assert result.sources == ("expert", "model")
    assert any("several sources: expert (1 scan), model (24 scans)" in note for note in result.notes)
    assert [entry.volumes for entry in result.exclusions if "more than once" in entry.reason] == [1]
    assert any(
        "1 child with several scans: the first one is used, 1 further scan left out" in note for note in result.notes
    )
    assert {(e.volumes, e.subjects) for e in result.exclusions if "further scan" in e.reason} == {(10, ("SIM0002",))}
    assert {row.n for row in result.coefficients} == {24}


def test_that_all_scans_of_a_child_can_be_used_and_that_it_is_said(few: list[Observation]) -> None:
    again = [replace(row, scan=9) for row in few if row.subject == "SIM0002"]
    result = tables([*few, *again], repeats="all")
    assert any("25 scans of 24 subjects" in note for note in result.notes)
    assert {row.n for row in result.coefficients} == {25}


def test_that_the_tables_are_written_with_their_notes(few: list[Observation], tmp_path: Path) -> None:
    rows = [replace(few[0], sex=None), *few[1:]]
    paths = write(tables(rows), tmp_path / "tables")
    names = {path.name: path for path in paths}
    assert all(path.exists() for path in paths)
    assert {"table1_sets.csv", "table3_sex_effect.tex", "tables.docx", "tables.tex", "notes.txt"} <= set(names)
    with names["table3_4_regression.csv"].open(encoding="utf-8", newline="") as stream:
        written = list(csv.DictReader(stream))
    assert len(written) == 30 and {row["term"] for row in written} == {"intercept", "sex", "age"}
    fitted = next(row for row in tables(rows).coefficients if row.region == "right_frontal" and row.term == "sex")
    assert float(written[1]["p"]) == fitted.p
    notes = names["notes.txt"].read_text(encoding="utf-8")
    assert "table3_4: 1 volume, sex unknown: SIM0001" in notes and "not for diagnosis" in notes
    stored = names["statistics.json"].read_text(encoding="utf-8")
    assert StatisticsTables.model_validate_json(stored) == tables(rows)


def test_that_a_folder_that_cannot_be_written_is_named(few: list[Observation], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StudyError, match="file"):
        write(tables(few), tmp_path / "file")
