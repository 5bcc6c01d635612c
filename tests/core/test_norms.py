"""The norm reproduces the article's tables and refuses to speak outside its limits."""

import csv
import math

import numpy as np
import pytest

from ctworkbench.core import schemes
from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.norms import SEX_CODE, centile_of, published_norm
from ctworkbench.core.norms.simulated import simulate
from ctworkbench.core.settings import resource

NORM = published_norm()


def table(name: str) -> list[dict[str, str]]:
    with resource(f"norms/xi2025/{name}").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_that_the_norm_has_the_regions_of_its_scheme() -> None:
    assert NORM.regions == schemes.load(NORM.scheme).region_names
    assert NORM.pairs == ("frontal", "parietal", "occipital", "temporal")


def test_that_the_right_frontal_line_is_the_one_worked_out_by_hand() -> None:
    line = NORM.line("right_frontal")
    assert line.intercept == pytest.approx(180.78, abs=0.005)
    assert NORM.sd("right_frontal") == pytest.approx(16.2, abs=0.05)


@pytest.mark.parametrize("row", table("table2_volumes_by_sex.csv"), ids=lambda row: row["region"])
def test_that_the_norm_at_each_sexs_mean_age_gives_table_2_within_its_rounding(row: dict[str, str]) -> None:
    limits = NORM.limits
    boys_age = limits.age_mean_years + NORM.age_gap_years * limits.n_female / limits.n
    girls_age = limits.age_mean_years - NORM.age_gap_years * limits.n_male / limits.n
    assert (boys_age, girls_age) == pytest.approx((2.007, 1.946), abs=0.0005)
    assert NORM.mean(row["region"], "M", boys_age) == pytest.approx(float(row["male_mean_cm3"]), abs=0.015)
    assert NORM.mean(row["region"], "F", girls_age) == pytest.approx(float(row["female_mean_cm3"]), abs=0.015)


@pytest.mark.parametrize("line", NORM.coefficients, ids=lambda line: line.region)
def test_that_three_ways_to_the_residual_sd_agree(line) -> None:
    # the coarsest of the standard errors, 0.068 of the brainstem, is rounded to 0.7 %
    assert line.sd_by_age_error == pytest.approx(line.sd_by_sex_error, rel=0.01)
    assert line.sd_by_spread == pytest.approx(line.sd, rel=0.003)


def test_that_the_sds_of_asymmetry_follow_from_table_5() -> None:
    found = [NORM.asymmetry_sd(pair, sex) for pair in NORM.pairs for sex in "MF"]
    assert found == pytest.approx([3.66, 3.34, 2.43, 2.18, 2.68, 2.44, 2.69, 2.63], abs=0.006)
    assert NORM.asymmetry_mean("frontal", "M") == pytest.approx(-3.89)
    assert NORM.asymmetry_mean("parietal", "F") == pytest.approx(1.90)


def test_that_z_and_centile_are_those_of_the_normal_distribution() -> None:
    mean, sd = NORM.mean("cerebellum", "F", 2.0), NORM.sd("cerebellum")
    assert NORM.z("cerebellum", "F", 2.0, mean - 1.96 * sd) == pytest.approx(-1.96)
    assert NORM.centile("cerebellum", "F", 2.0, mean) == pytest.approx(50)
    assert centile_of(-1.959964) == pytest.approx(2.5, abs=1e-4)
    assert NORM.asymmetry_z("temporal", "M", 2.0, 95.0, 97.3) == pytest.approx(0, abs=1e-9)


def test_that_bands_lie_one_and_two_sds_around_the_mean() -> None:
    bands = NORM.bands("brainstem", "M")
    assert (bands.ages[0], bands.ages[-1], len(bands.ages)) == (1.5, pytest.approx(2.5), 21)
    assert np.subtract(bands.plus2, bands.minus1) == pytest.approx(np.full(21, 3 * NORM.sd("brainstem")))
    assert bands.mean[10] == pytest.approx(NORM.mean("brainstem", "M", 2.0))


@pytest.mark.parametrize(
    ("sex", "age", "reason"),
    [
        ("M", 45.0, "age 45 y is outside the norm's 1.5–2.5 years"),
        ("F", 2.5001, "age 2.5001 y is outside the norm's 1.5–2.5 years"),
        ("F", 1.49, "age 1.49 y is outside the norm's 1.5–2.5 years"),
        ("M", 0.0, "age 0 y is outside the norm's 1.5–2.5 years"),
        (None, 45.3251, "age 45.3 y is outside the norm's 1.5–2.5 years"),
        ("M", None, "the age at the scan is unknown"),
        ("M", math.nan, "the age at the scan is unknown"),
        (None, 2.0, "the sex is unknown"),
        ("O", 2.0, "the sex 'O' is neither M nor F, and the norm knows no other"),
    ],
)
def test_that_outside_its_limits_the_norm_gives_no_number_and_says_why(sex, age, reason: str) -> None:
    assert NORM.refusal(sex, age) == reason
    assessment = NORM.assess("right_frontal", sex, age, 180.0)
    assert (assessment.expected_cm3, assessment.z, assessment.centile, assessment.reason) == (None, None, None, reason)
    for question in (NORM.z, NORM.centile):
        with pytest.raises(WorkbenchError, match="No norm"):
            question("right_frontal", sex, age, 180.0)
    with pytest.raises(WorkbenchError, match="No norm"):
        NORM.mean("right_frontal", sex, age)


def test_that_both_ends_of_the_age_range_belong_to_the_norm() -> None:
    assert NORM.refusal("M", 1.5) is None and NORM.refusal("F", 2.5) is None


def test_that_a_missing_region_gets_no_centile() -> None:
    assessment = NORM.assess("brainstem", "F", 2.0, 0.0)
    assert assessment.centile is None and assessment.reason == "the region is not in the label map"


def test_that_an_unknown_region_or_pair_is_refused_by_name() -> None:
    with pytest.raises(WorkbenchError, match="right_insula"):
        NORM.mean("right_insula", "M", 2.0)
    with pytest.raises(WorkbenchError, match="insula"):
        NORM.asymmetry_sd("insula", "M")


def test_that_the_limits_name_who_how_and_where_from() -> None:
    text = NORM.limits.text
    for part in ("1,487", "826 boys", "1.5–2.5 years", "GE Revolution", "one centre", "ANTs", "10.3389"):
        assert part in text
    assert any("opposite" in caution for caution in NORM.limits.cautions)


def test_that_a_simulated_cohort_is_the_same_for_the_same_seed_alone() -> None:
    assert simulate(NORM, 30, 4) == simulate(NORM, 30, 4) != simulate(NORM, 30, 5)
    assert simulate(NORM, 0, 1) == []
    assert [child.sex for child in simulate(NORM, 2, 1)] == ["M", "F"]


def test_that_simulated_ages_fill_the_norm_and_boys_are_older_as_the_tables_imply() -> None:
    children = simulate(NORM, 1487, 11)
    ages = {sex: np.array([child.age_years for child in children if child.sex == sex]) for sex in SEX_CODE}
    assert (len(ages["M"]), len(ages["F"])) == (826, 661)
    assert (ages["M"].mean(), ages["F"].mean()) == pytest.approx((2.007, 1.946), abs=0.001)
    pooled = np.concatenate(list(ages.values()))
    assert pooled.min() >= 1.5 and pooled.max() <= 2.5
    assert pooled.std(ddof=1) == pytest.approx(NORM.age_sd_years, abs=0.001)
    assert all(NORM.refusal(child.sex, child.age_years) is None for child in children)


def test_that_the_z_scores_of_a_simulated_cohort_are_standard() -> None:
    children = simulate(NORM, 1487, 12)
    for region in NORM.regions:
        z = np.array([NORM.z(region, c.sex, c.age_years, c.volumes_cm3[region]) for c in children])
        assert abs(z.mean()) < 4 / math.sqrt(z.size)
        assert z.std() == pytest.approx(1, abs=4 / math.sqrt(2 * z.size))


def test_that_z_of_the_published_norm_has_mean_0_and_sd_1_on_a_cohort_simulated_from_it() -> None:
    children = simulate(NORM, 14_870, 21)
    for region in NORM.regions:
        z = np.array([NORM.z(region, c.sex, c.age_years, c.volumes_cm3[region]) for c in children])
        assert abs(z.mean()) <= 0.05 and abs(z.std() - 1) <= 0.05


def test_that_boys_scatter_more_and_girls_less_than_the_one_sd_of_the_norm() -> None:
    children = simulate(NORM, 14_870, 21)
    for region in NORM.regions:
        z = {
            sex: np.std([NORM.z(region, sex, c.age_years, c.volumes_cm3[region]) for c in children if c.sex == sex])
            for sex in SEX_CODE
        }
        assert 1.02 < z["M"] < 1.12 and 0.85 < z["F"] < 0.97


@pytest.mark.parametrize(
    ("scanner", "thickness", "reason"),
    [
        ("GE MEDICAL SYSTEMS Revolution CT", 0.625, None),
        ("GE Revolution CT", 1.25, None),
        (None, None, None),
        ("", 1.0, None),
        ("SIEMENS SOMATOM Force", 0.625, "the scanner SIEMENS SOMATOM Force is not the norm's GE Revolution CT"),
        ("GE MEDICAL SYSTEMS Revolution EVO", 1.0, "the scanner GE MEDICAL SYSTEMS Revolution EVO is not the norm's"),
        ("GE Revolution CT", 5.0, "slices of 5 mm are outside the norm's 0.625–1.25 mm"),
        (None, 2.5, "slices of 2.5 mm are outside the norm's 0.625–1.25 mm"),
    ],
)
def test_that_another_scanner_or_thicker_slices_get_no_centile_and_why(scanner, thickness, reason) -> None:
    found = NORM.refusal("M", 2.0, scanner, thickness)
    assert found is None if reason is None else found.startswith(reason)
    assert (NORM.assess("brainstem", "M", 2.0, 25.0, scanner, thickness).centile is None) == (reason is not None)


def test_that_an_unknown_scanner_or_thickness_is_a_caution_and_no_refusal() -> None:
    assert NORM.doubts("GE Revolution CT", 1.0) == ()
    scanner, thickness = NORM.doubts()
    assert "scanner is not known" in scanner and "slice thickness is not known" in thickness


def test_that_the_interval_of_a_centile_is_as_wide_as_chance_in_such_cohorts_makes_it() -> None:
    """Cohorts of the article's size, drawn from its norm and fitted again: how far the z of one volume moves."""
    volume = NORM.volume_at("cerebellum", "F", 1.7, -1.5)
    found: list[float] = []
    for seed in range(100):
        children = simulate(NORM, 1487, 100 + seed)
        x = np.array([[1, SEX_CODE[c.sex], c.age_years] for c in children])
        y = np.array([c.volumes_cm3["cerebellum"] for c in children])
        beta, rest, *_ = np.linalg.lstsq(x, y, rcond=None)
        found.append((volume - beta @ [1, 2, 1.7]) / math.sqrt(rest[0] / 1484))
    assert NORM._z_error("F", 1.7, -1.5) == pytest.approx(np.std(found), rel=0.2)
    low, high = NORM.centile_interval("cerebellum", "F", 1.7, volume)
    assert low < centile_of(-1.5) < high and high - low < 3


def test_that_curves_lie_at_their_centiles_within_their_interval() -> None:
    curves = NORM.curves("brainstem", "F", (5, 50, 95), (1.6, 2.0))
    assert curves[50] == pytest.approx([NORM.mean("brainstem", "F", age) for age in (1.6, 2.0)])
    assert NORM.centile("brainstem", "F", 1.6, curves[5][0]) == pytest.approx(5)
    low, high = NORM.curve_interval("brainstem", "F", 5, (1.6, 2.0))
    assert all(a < b < c for a, b, c in zip(low, curves[5], high, strict=True))
