"""Sample sizes and power: equal to R and G*Power; centile precision equal to theory and to a simulation."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ctworkbench.cli import main
from ctworkbench.core.analysis import power
from ctworkbench.core.analysis.power import Level, SampleSize
from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.norms import published_norm
from ctworkbench.core.norms.fitted import FittedNorm
from ctworkbench.core.norms.simulated import simulate
from ctworkbench.core.settings import Settings
from ctworkbench.core.workbench import Workbench
from tests.core.further_reference import expected
from tests.core.norm_cohorts import fitted, scans_of

EFFECTS, SIZES = (0.2, 0.5, 0.8), (10, 64, 200)


def text(value: float) -> str:
    return f"{value:g}"


@pytest.mark.parametrize("effect", EFFECTS)
@pytest.mark.parametrize("n", SIZES)
def test_that_the_power_of_t_tests_equals_rs_power_t_test(effect: float, n: int) -> None:
    want = expected()
    key = f"{text(effect)}|{n}"
    # R integrates the noncentral t to about 1e-9 itself.
    assert power.two_groups(effect, n=2 * n).power == pytest.approx(want[f"power_two|{key}"], abs=1e-8)
    assert power.paired(effect, n=n).power == pytest.approx(want[f"power_paired|{key}"], abs=1e-8)
    one_sided = power.two_groups(effect, n=2 * n, level=Level(sides="one-sided"))
    assert one_sided.power == pytest.approx(want[f"power_two_one_sided|{key}"], abs=1e-8)


@pytest.mark.parametrize("effect", EFFECTS)
def test_that_sample_sizes_are_those_of_r_rounded_up(effect: float) -> None:
    want, ten = expected(), Level(tests=10)
    answer = power.two_groups(effect, 0.8)
    assert answer.n_first == answer.n_second == math.ceil(want[f"n_two|{text(effect)}"])
    assert power.two_groups(effect, 0.8, level=ten).n_first == math.ceil(want[f"n_two_tests|{text(effect)}"])
    assert power.paired(effect, 0.8).n == math.ceil(want[f"n_paired|{text(effect)}"])


def test_that_unequal_groups_equal_r() -> None:
    answer = power.two_groups(0.5, n=120, ratio=2)
    assert (answer.n_first, answer.n_second) == (40, 80)
    assert answer.power == pytest.approx(expected()["power_unequal|0.5|40|80"], abs=1e-9)


@pytest.mark.parametrize("f2", [0.02, 0.15])
@pytest.mark.parametrize("n", [50, 300])
def test_that_the_power_of_a_slope_equals_r(f2: float, n: int) -> None:
    key = f"{text(f2)}|{n}"
    for covariates, name in ((0, "power_slope"), (1, "power_slope_covariate")):
        answer = power.slope(math.sqrt(f2) * 4, 4.0, 1.0, n=n, covariates=covariates)
        assert answer.power == pytest.approx(expected()[f"{name}|{key}"], abs=1e-9)
        assert answer.effect == pytest.approx(f2)


@pytest.mark.parametrize(
    ("answer", "n"),
    [
        (lambda: power.two_groups(0.5, 0.8), 128),
        (lambda: power.two_groups(0.5, 0.95, level=Level(sides="one-sided")), 176),
        (lambda: power.paired(0.5, 0.8), 34),
        (lambda: power.slope(math.sqrt(0.15), 1.0, 1.0, 0.8, covariates=0), 55),
    ],
)
def test_that_sample_sizes_equal_known_ones_of_g_power(answer: Callable[[], SampleSize], n: int) -> None:
    assert answer().n == n


def test_that_the_paired_example_of_g_powers_manual_is_found() -> None:
    assert power.paired(0.421637, n=50).power == pytest.approx(0.832114, abs=1e-6)


@pytest.mark.parametrize("effect", [0.05, 0.3, 1.5])
@pytest.mark.parametrize("wanted", [0.5, 0.8, 0.99])
def test_that_the_sample_size_is_the_smallest_that_reaches_the_power(effect: float, wanted: float) -> None:
    n = power.paired(effect, wanted).n
    assert (power.paired(effect, n=n).power or 0) >= wanted
    assert n == 2 or (power.paired(effect, n=n - 1).power or 0) < wanted


def test_that_a_huge_effect_has_the_power_1_and_not_nothing() -> None:
    assert power.two_groups(5.0, n=2_000_000).power == pytest.approx(1.0)


def test_that_the_middle_of_the_ages_has_the_precision_of_bland_and_altmans_limits() -> None:
    # 95 % limits of agreement, mean ± 1.96 SD: SE = 1.71 SD / √n
    answer = power.centile(97.5, n=100, sd=10, confidence=0.95)
    assert answer.half_width == pytest.approx(1.96 * math.sqrt(2.92) * 10 / 10, rel=1e-3)


@pytest.mark.parametrize("normal", [True, False])
def test_that_the_half_width_of_a_centile_is_what_a_simulation_finds(normal: bool) -> None:
    from statsmodels.regression.quantile_regression import QuantReg

    chance, n, runs = np.random.default_rng(1), 400, 3000 if normal else 250
    ages = np.linspace(-1, 1, n)
    off, at = math.sqrt(3), np.array([1.0, 1.0])
    design = np.column_stack([np.ones(n), ages])
    found = np.empty(runs)
    for i in range(runs):
        volumes = 180 + 9 * ages + 16.2 * chance.standard_normal(n)
        if normal:
            beta, rest, *_ = np.linalg.lstsq(design, volumes, rcond=None)
            found[i] = at @ beta + -1.6448536 * math.sqrt(rest[0] / (n - 2))
        else:
            found[i] = at @ QuantReg(volumes, design).fit(q=0.05, max_iter=5000).params
    answer = power.centile(5, n=n, sd=16.2, off_age=off, normal=normal)
    assert answer.half_width == pytest.approx(1.96 * found.std(), rel=0.05 if normal else 0.12)


def test_that_a_wanted_half_width_is_met_by_the_smallest_n() -> None:
    answer = power.centile(5, half_width=2.0, sd=16.2)
    assert (answer.half_width or 9) <= 2.0
    assert (power.centile(5, n=answer.n - 1, sd=16.2).half_width or 0) > 2.0
    assert "± 1.3 centile points" in answer.sentence


@pytest.mark.parametrize(
    "ask",
    [
        lambda: power.two_groups(0.0, 0.8),
        lambda: power.two_groups(0.5),
        lambda: power.two_groups(0.5, 0.8, n=100),
        lambda: power.two_groups(0.5, 1.0),
        lambda: power.two_groups(0.5, 0.01),
        lambda: power.two_groups(0.5, 0.8, ratio=0),
        lambda: power.two_groups(1e-5, 0.8),
        lambda: power.two_groups(0.5, n=2),
        lambda: power.paired(math.nan, 0.8),
        lambda: power.paired(0.5, n=1),
        lambda: power.slope(1.0, 0.0, 1.0, 0.8),
        lambda: power.slope(1.0, 1.0, 1.0, 0.8, covariates=-1),
        lambda: power.slope(1.0, 1.0, 1.0, n=3),
        lambda: power.centile(0, 1.0),
        lambda: power.centile(5),
        lambda: power.centile(5, 1.0, n=10),
        lambda: power.centile(5, -1.0),
        lambda: power.centile(5, 1e-6),
        lambda: power.centile(5, 1.0, sd=0),
        lambda: power.centile(5, 1.0, confidence=1.0),
        lambda: Level(alpha=0),
        lambda: Level(tests=0),
    ],
)
def test_that_what_cannot_be_answered_is_refused_with_a_remedy(ask: Callable[[], object]) -> None:
    with pytest.raises(WorkbenchError) as refused:
        ask()
    assert refused.value.remedy


# -- the command ---------------------------------------------------------------------------------------------------


def test_that_the_command_answers_with_children_or_with_power(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["power", "two-groups", "--effect", "0.5", "--power", "0.8"]) == 0
    assert capsys.readouterr().out.startswith("64 and 64 children find a difference of 0.5 SD with a power of 0.801")
    assert main(["power", "paired", "--effect", "0.5", "--n", "34", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["power"] == pytest.approx(0.8077775, abs=1e-6)


def test_that_the_command_takes_sds_from_the_published_norm(capsys: pytest.CaptureFixture[str]) -> None:
    norm = published_norm()
    assert (
        main(["power", "two-groups", "--difference", "5", "--region", "right_frontal", "--power", "0.8", "--json"]) == 0
    )
    assert json.loads(capsys.readouterr().out)["effect"] == pytest.approx(5 / norm.sd("right_frontal"))
    assert main(["power", "paired", "--difference", "1", "--pair", "frontal", "--n", "50", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["effect"] == pytest.approx(1 / norm.asymmetry_sd("frontal", "M"))
    assert main(["power", "slope", "--slope", "8", "--region", "right_frontal", "--power", "0.9", "--json"]) == 0
    root = 8 * norm.age_sd_years / norm.sd("right_frontal")
    assert json.loads(capsys.readouterr().out)["effect"] == pytest.approx(root**2)
    assert main(["power", "centile", "--centile", "5", "--half-width", "2", "--region", "right_frontal", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["half_width"] <= 2


def test_that_the_command_takes_sds_from_the_norm_in_use_or_from_one_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    regions = ("right_frontal", "left_frontal")
    own = fitted(tmp_path / "fit", scans_of(simulate(published_norm(), 100, 6), regions), repeats=0).norm
    file = tmp_path / "own.json"
    file.write_text(own.text(), encoding="utf-8")
    with Workbench.create(tmp_path / "study", Settings(author="reader")) as workbench:
        workbench.norms.import_norm(file)
        workbench.norms.choose_norm(own.card.name)
    norm, study = FittedNorm(own), ["--study", str(tmp_path / "study")]
    age = (norm.limits.age_min_years + norm.limits.age_max_years) / 2
    ask = ["power", "two-groups", "--difference", "5", "--region", "right_frontal", "--power", "0.8", "--json"]
    widest = max(norm.sd("right_frontal", sex, age) for sex in ("M", "F"))
    for extra, sd in (
        (study, widest),
        ([*study, "--norm", "published"], published_norm().sd("right_frontal")),
        ([], published_norm().sd("right_frontal")),
    ):
        extra = [published_norm().name if word == "published" else word for word in extra]
        assert main([*ask, *extra]) == 0
        told = capsys.readouterr()
        assert json.loads(told.out)["effect"] == pytest.approx(5 / sd)
        assert f"SD {sd:.2f} cm³ (right_frontal) of the norm" in told.err
    pair = ["power", "paired", "--difference", "1", "--pair", "frontal", "--n", "50", "--json", *study]
    assert main(pair) == 0
    differ = max(norm.asymmetry_sd("frontal", sex) for sex in ("M", "F"))
    assert json.loads(capsys.readouterr().out)["effect"] == pytest.approx(1 / differ)
    for wrong, said in (
        ([*ask, *study, "--norm", "nowhere"], "no norm 'nowhere'"),
        ([*ask, "--norm", own.card.name], "Add --study STUDY"),
        ([*pair[:5], "parietal", "--n", "50", *study], "has no pair 'parietal'"),
        (["power", "slope", "--slope", "8", "--sd", "9", "--n", "90", *study], "Give --age-sd"),
    ):
        assert main(wrong) == 1
        assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["two-groups", "--difference", "5", "--power", "0.8"], "Give --sd or --region"),
        (["slope", "--slope", "8", "--power", "0.8"], "Give --sd or --region"),
        (["two-groups", "--effect", "0", "--power", "0.8"], "Give one above 0"),
        (["centile", "--centile", "5", "--n", "100", "--region", "left_foot"], "left_foot"),
    ],
)
def test_that_a_command_that_cannot_be_answered_says_what_to_give(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main(["power", *arguments]) == 1
    assert said in capsys.readouterr().err
