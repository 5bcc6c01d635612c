"""Adjusted, interaction, mixed and asymmetry models: equal to R, and clear about what the data cannot tell."""

from dataclasses import replace

import numpy as np
import pytest

from ctworkbench.core.analysis import adjusted, asymmetry, mixed
from ctworkbench.core.analysis.effects import Effect
from ctworkbench.core.analysis.scans import Account, ScanVolumes
from tests.core.further_reference import REGIONS, children, cohort, expected

PAIRS = ("frontal", "parietal", "occipital", "temporal")


def only(rows: list[Effect], model: str, outcome: str, term: str) -> Effect:
    (row,) = [row for row in rows if (row.model, row.outcome, row.term) == (model, outcome, term)]
    return row


def assert_equals(row: Effect, key: str) -> None:
    want = expected()
    assert row.estimate == pytest.approx(want[f"{key}|estimate"], rel=1e-8)
    assert row.standard_error == pytest.approx(want[f"{key}|se"], rel=1e-8)
    assert row.p == pytest.approx(want[f"{key}|p"], rel=1e-7)
    assert row.ci_low == pytest.approx(want[f"{key}|low"], rel=1e-8)
    assert row.partial_eta2 == pytest.approx(want[f"{key}|partial_eta2"], rel=1e-7)


@pytest.mark.parametrize(
    ("model", "name", "size"),
    [
        (adjusted.TOTAL, "total", "total volume"),
        (adjusted.SHARE, "share", None),
        (adjusted.INTRACRANIAL, "skull", "intracranial volume"),
    ],
)
def test_that_adjusted_coefficients_equal_r(model: str, name: str, size: str | None) -> None:
    rows = adjusted.adjusted(children(), Account())
    for region in REGIONS:
        assert_equals(only(rows, model, region, adjusted.SEX), f"{name}|{region}|female")
        assert_equals(only(rows, model, region, adjusted.AGE), f"{name}|{region}|age")
        if size is not None:
            term = "total" if name == "total" else "intracranial"
            assert_equals(only(rows, model, region, size), f"{name}|{region}|{term}")


def test_that_p_is_corrected_over_the_regions_of_one_term_as_r_does_it() -> None:
    rows = adjusted.adjusted(children(), Account())
    for region in REGIONS:
        row = only(rows, adjusted.TOTAL, region, adjusted.SEX)
        assert row.p_holm == pytest.approx(expected()[f"p_holm|{region}"], rel=1e-7)
        assert row.p_fdr == pytest.approx(expected()[f"p_fdr|{region}"], rel=1e-7)


def test_that_partial_eta2_is_the_drop_in_the_residual_sum_of_squares() -> None:
    row = only(adjusted.adjusted(children(), Account()), adjusted.TOTAL, "right_frontal", adjusted.SEX)
    assert row.partial_eta2 == pytest.approx(expected()["anova|right_frontal|partial_eta2"], rel=1e-9)


def test_that_the_region_in_the_total_and_the_grid_of_the_skull_are_said() -> None:
    account = Account()
    adjusted.adjusted(children(), account)
    assert any("sum of the 10 regions" in note and "part of the total" in note for note in account.notes)
    assert any("1 mm grid" in note for note in account.notes)


def test_that_the_slopes_of_boys_and_girls_and_their_difference_equal_r() -> None:
    rows = adjusted.interaction(children(), Account())
    for region in REGIONS:
        of = {row.term: row for row in rows if row.outcome == region}
        assert_equals(of["age × sex (girls − boys)"], f"product|{region}|female:centred")
        assert_equals(of["age in boys"], f"product|{region}|centred")
        assert_equals(of["age in girls"], f"girls|{region}|centred")
        assert_equals(of["sex at mean age (girls − boys)"], f"product|{region}|female")


def test_that_a_region_missing_in_some_scans_costs_those_scans_alone_and_is_said() -> None:
    scans = children()
    scans[3] = replace(scans[3], volumes_cm3={**scans[3].volumes_cm3, "cerebellum": 0.0})
    account = Account()
    rows = adjusted.interaction(scans, account)
    assert {row.n for row in rows if row.outcome == "cerebellum"} == {239}
    assert {row.n for row in rows if row.outcome != "cerebellum"} == {240}
    (left,) = account.left_out
    assert (left.reason, left.volumes, left.subjects) == ("cerebellum is not in the label map", 1, (scans[3].subject,))
    account = Account()
    whole = adjusted.adjusted(scans, account)
    assert {row.n for row in whole if row.model == adjusted.TOTAL} == {239}, "without one region there is no total"
    assert {row.n for row in whole if row.model == adjusted.INTRACRANIAL and row.outcome != "cerebellum"} == {240}


def test_that_without_a_measured_skull_there_is_no_such_model_and_the_remedy_is_named() -> None:
    account = Account()
    rows = adjusted.adjusted([replace(scan, intracranial_cm3=None) for scan in children()], account)
    assert {row.model for row in rows} == {adjusted.TOTAL, adjusted.SHARE}
    assert any("ctworkbench preprocess" in note for note in account.notes)


def test_that_one_sex_only_leaves_age_and_says_so() -> None:
    boys = [scan for scan in children() if scan.sex == "M"]
    account = Account()
    assert {row.term for row in adjusted.adjusted(boys, account)} == {
        adjusted.AGE,
        "total volume",
        "intracranial volume",
    }
    assert adjusted.interaction(boys, account) == []
    assert {row.sex for row in asymmetry.against_zero(boys, account)} == {"all", "M"}
    assert {row.term for row in asymmetry.with_covariates(boys, account)} == {adjusted.AGE}
    assert {row.term for row in mixed.mixed(boys, mixed.SCANNER, account)[0]} == {adjusted.AGE}
    for model in (adjusted.TOTAL, adjusted.INTERACTION, asymmetry.ASYMMETRY, mixed.title(mixed.SCANNER)):
        assert any(note.startswith(model) and ("sex" in note) for note in account.notes), model


def test_that_equal_ages_leave_sex_and_say_so() -> None:
    account = Account()
    same = [replace(scan, age_years=2.0) for scan in children()]
    assert adjusted.AGE not in {row.term for row in adjusted.adjusted(same, account)}
    assert adjusted.interaction(same, account) == []
    assert {row.term for row in asymmetry.with_covariates(same, account)} == {adjusted.SEX}
    assert any("all ages of a fit are equal" in note for note in account.notes)


def test_that_unknown_sex_and_age_are_left_out_by_name() -> None:
    scans = children()
    scans[0], scans[1] = replace(scans[0], sex=None), replace(scans[1], age_years=None)
    account = Account()
    adjusted.interaction(scans, account)
    assert {(row.reason, row.subjects) for row in account.left_out} == {
        ("sex unknown", ("R001",)),
        ("age unknown", ("R002",)),
    }


def test_that_two_scans_are_too_few_for_any_model() -> None:
    account = Account()
    assert adjusted.adjusted(children()[:2], account) == []
    assert adjusted.interaction(children()[:2], account) == []
    assert asymmetry.against_zero(children()[:2], account) == []
    assert any("cannot tell" in note for note in account.notes)


def test_that_a_fit_without_scatter_has_no_t_and_no_p_and_says_so() -> None:
    scans = [
        replace(scan, volumes_cm3={"a": 10.0 + 2.0 * (scan.age or 0.0), "b": 300.0 + i % 7})
        for i, scan in enumerate(children())
    ]
    account = Account()
    row = only(adjusted.interaction(scans, account), adjusted.INTERACTION, "a", "age in boys")
    assert row.estimate == pytest.approx(2.0)
    assert (row.statistic, row.p, row.p_holm, row.partial_eta2) == (None, None, None, None)
    assert any("all values of a lie on the fit" in note for note in account.notes)
    even = [replace(scan, volumes_cm3={"right_x": 1.1 * i, "left_x": 1.3 * i}) for i, scan in enumerate(scans, 1)]
    assert asymmetry.against_zero(even, account) == []
    assert any("x (all), x (M), x (F): fewer than 3 scans, or no spread" in note for note in account.notes)


def test_that_scans_of_one_child_are_pointed_out() -> None:
    account = Account()
    adjusted.adjusted(cohort(), account)
    assert any(note.startswith("280 scans of 240 subjects") for note in account.notes)


# -- asymmetry -----------------------------------------------------------------------------------------------------


def test_that_the_asymmetry_index_is_left_minus_right_over_their_mean() -> None:
    scan = ScanVolumes("A", 1, "M", 2.0, {"left_frontal": 110.0, "right_frontal": 90.0})
    assert asymmetry.index(scan, "frontal") == pytest.approx(0.2)
    assert asymmetry.index(replace(scan, volumes_cm3={"left_frontal": 110.0, "right_frontal": 0.0}), "frontal") is None


def test_that_the_test_against_0_and_the_regression_of_asymmetry_equal_r() -> None:
    rows = {(row.pair, row.sex): row for row in asymmetry.against_zero(children(), Account())}
    effects = asymmetry.with_covariates(children(), Account())
    for pair in PAIRS:
        for sex in ("all", "M", "F"):
            row, key = rows[pair, sex], f"ai|{pair}|{sex}"
            assert row.mean == pytest.approx(expected()[f"{key}|mean"], rel=1e-8)
            assert row.p == pytest.approx(expected()[f"{key}|p"], rel=1e-7)
            assert row.ci_low == pytest.approx(expected()[f"{key}|low"], rel=1e-8)
            assert row.d == pytest.approx(expected()[f"{key}|d"], rel=1e-8)
        assert_equals(only(effects, asymmetry.ASYMMETRY, pair, adjusted.SEX), f"ai_model|{pair}|female")
        assert_equals(only(effects, asymmetry.ASYMMETRY, pair, adjusted.AGE), f"ai_model|{pair}|age")


def test_that_a_missing_side_leaves_the_pair_out_and_is_said() -> None:
    scans = children()
    scans[0] = replace(scans[0], volumes_cm3={**scans[0].volumes_cm3, "left_frontal": 0.0})
    account = Account()
    rows = {(row.pair, row.sex): row.n for row in asymmetry.against_zero(scans, account)}
    assert (rows["frontal", "all"], rows["parietal", "all"]) == (239, 240)
    assert account.left_out[0].reason == "a side of the frontal lobe is not in the label map"
    assert account.left_out[0].volumes == 1


# -- mixed models --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["scanner", "child"])
def test_that_mixed_models_equal_lme4_as_far_as_a_search_can(by: str) -> None:
    scans = children() if by == "scanner" else cohort()
    effects, spreads = mixed.mixed(scans, by, Account())
    want = expected()
    for region in REGIONS:
        for term, name in ((adjusted.SEX, "female"), (adjusted.AGE, "age")):
            row, key = only(effects, mixed.title(by), region, term), f"{by}|{region}|{name}"
            # Both come from a search that stops near the optimum, not from a closed formula: the estimates lie within
            # a millionth of an SE of each other, the SE and SD within five digits.
            assert abs(row.estimate - want[f"{key}|estimate"]) < 1e-6 * row.standard_error
            assert row.standard_error == pytest.approx(want[f"{key}|se"], rel=1e-5)
        (spread,) = [spread for spread in spreads if spread.region == region]
        assert spread.sd_group == pytest.approx(want[f"{by}|{region}|sd_group"], rel=1e-5)
        assert spread.sd_residual == pytest.approx(want[f"{by}|{region}|sd_residual"], rel=1e-5)
        assert spread.chi2 == pytest.approx(want[f"{by}|{region}|chi2"], abs=1e-7)
        assert (spread.groups, spread.n) == ((4, 240) if by == "scanner" else (240, 280))


def test_that_mixed_models_equal_those_of_statsmodels() -> None:
    from statsmodels.regression.mixed_linear_model import MixedLM

    scans = children()
    effects, spreads = mixed.mixed(scans, mixed.SCANNER, Account())
    design = np.array([[1.0, scan.female or 0.0, scan.age or 0.0] for scan in scans])
    for spread in spreads:
        volumes = np.array([scan.volumes_cm3[spread.region] for scan in scans])
        fit = MixedLM(volumes, design, np.array([scan.scanner for scan in scans])).fit(reml=True)
        assert spread.sd_group == pytest.approx(float(np.asarray(fit.cov_re)[0, 0]) ** 0.5, rel=1e-3)
        row = only(effects, mixed.title(mixed.SCANNER), spread.region, adjusted.SEX)
        assert abs(row.estimate - float(fit.fe_params[1])) < 1e-3 * row.standard_error


def test_that_groups_without_scatter_within_them_do_not_converge_and_give_no_numbers() -> None:
    scans = [
        replace(scan, volumes_cm3={"a": {"Alpha": 1.0, "Beta": 2.0}.get(scan.scanner, 3.0)}) for scan in children()
    ]
    account = Account()
    assert mixed.mixed(scans, mixed.SCANNER, account) == ([], [])
    assert any("no fit of a: it did not converge" in note for note in account.notes)


def test_that_a_model_of_no_spread_between_groups_is_called_singular_and_is_least_squares() -> None:
    chance = np.random.default_rng(3)
    scans = children()
    # within each scanner the same mean: nothing is left between them
    design = np.array([[1.0, scan.female or 0.0, scan.age or 0.0] for scan in scans])
    groups = np.array([scan.scanner for scan in scans])
    rest = chance.normal(size=240)
    full = np.column_stack([design, *(groups == name for name in sorted(set(groups)))])
    rest -= full @ np.linalg.lstsq(full, rest, rcond=None)[0]
    volumes = 100 + 5 * design[:, 1] + 3 * design[:, 2] + rest
    flat = [replace(scan, volumes_cm3={"cerebellum": v}) for scan, v in zip(scans, volumes.tolist(), strict=True)]
    account = Account()
    effects, (spread,) = mixed.mixed(flat, mixed.SCANNER, account)
    assert spread.sd_group == 0
    assert spread.outcome.startswith("singular")
    assert (spread.chi2, spread.p) == (0.0, 1.0)
    assert only(effects, mixed.title(mixed.SCANNER), "cerebellum", adjusted.SEX).estimate == pytest.approx(5.0)
    assert any("singular" in note for note in account.notes)


def test_that_a_planted_spread_between_many_sites_is_found() -> None:
    chance = np.random.default_rng(5)
    scans: list[ScanVolumes] = []
    for site, shift in enumerate(chance.normal(0, 8, 60)):
        for _ in range(12):
            sex, age = chance.choice(["M", "F"]), float(chance.uniform(1.5, 2.5))
            volume = 180 - 12 * (sex == "F") + 15 * age + shift + chance.normal(0, 14)
            scans.append(ScanVolumes(f"S{len(scans)}", len(scans), str(sex), age, {"a": volume}, site=f"site {site}"))
    effects, (spread,) = mixed.mixed(scans, mixed.SITE, Account())
    assert spread.sd_group == pytest.approx(8, rel=0.2)
    assert spread.sd_residual == pytest.approx(14, rel=0.06)
    assert spread.p < 1e-6
    age = only(effects, mixed.title(mixed.SITE), "a", adjusted.AGE)
    assert age.ci_low < 15 < age.ci_high


def test_that_one_site_only_or_no_site_gives_no_model_and_the_reason() -> None:
    account = Account()
    assert mixed.mixed([replace(scan, site="North") for scan in children()], mixed.SITE, account) == ([], [])
    assert mixed.mixed([replace(scan, scanner="") for scan in children()], mixed.SCANNER, account) == ([], [])
    assert any("all scans are of one site (North)" in note for note in account.notes)
    assert any("no scan has a scanner" in note for note in account.notes)
    assert [row.reason for row in account.left_out] == ["scanner unknown"]


def test_that_children_scanned_once_give_no_model_of_the_child_and_the_reason() -> None:
    account = Account()
    assert mixed.mixed(children(), mixed.CHILD, account) == ([], [])
    assert any("0 children have more than one scan" in note for note in account.notes)


def test_that_two_scans_of_a_child_are_said_in_a_model_of_the_scanner_and_not_in_one_of_the_child() -> None:
    by_scanner, by_child = Account(), Account()
    mixed.mixed(cohort(), mixed.SCANNER, by_scanner)
    mixed.mixed(cohort(), mixed.CHILD, by_child)
    assert any("280 scans of 240 subjects" in note for note in by_scanner.notes)
    assert not any("280 scans" in note for note in by_child.notes)


def test_that_few_groups_are_called_few() -> None:
    account = Account()
    mixed.mixed(children(), mixed.SCANNER, account)
    assert any("between 4 groups is poorly known" in note for note in account.notes)
