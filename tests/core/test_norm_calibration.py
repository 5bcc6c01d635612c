"""Calibration: coverage, PIT and worm say what they are made for; a right model passes and a wrong one does not."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm
from statsmodels.stats.proportion import proportion_confint

from ctworkbench.core.norms import published_norm
from ctworkbench.core.norms.calibration import CENTILES, calibrate, folds_of, worm_band
from ctworkbench.core.norms.comparing import compare
from ctworkbench.core.norms.fitted import FittedNorm
from ctworkbench.core.norms.norm import NormError
from ctworkbench.core.norms.simulated import SkewedGrowth, simulate
from tests.core.norm_cohorts import fitted, scans_of

NORM = published_norm()
LAW = SkewedGrowth(NORM.regions)
Z = norm.ppf((np.arange(2000) + 0.5) / 2000)
AGES = np.linspace(1, 2, 2000)
FEMALE = (np.arange(2000) % 2).astype(float)


def test_that_a_perfect_norm_has_no_error_a_flat_histogram_and_a_straight_worm() -> None:
    found = calibrate(Z, AGES, FEMALE, 10)
    assert found.error == pytest.approx(0) and found.wrong == () and set(found.pit) == {100}
    assert np.abs(found.worms[0].deviation).max() < 0.05
    assert (found.mean, found.sd, found.skewness) == pytest.approx((0, 1, 0), abs=0.005)


@pytest.mark.parametrize(
    ("z", "direction"), [(Z + 0.3, "below"), (1.4 * Z, "outside"), (np.sign(Z) * np.abs(Z) ** 0.6, "shape")]
)
def test_that_a_norm_that_is_off_is_told(z: np.ndarray, direction: str) -> None:
    found = calibrate(z, AGES, FEMALE, 10)
    assert found.error > 2 and len(found.wrong) >= 2
    first, middle, last = (found.worms[0].deviation[k] for k in (0, 15, -1))
    if direction == "below":
        assert found.coverage[2].observed < 40 and min(first, middle, last) > 0.2
    elif direction == "outside":
        assert found.coverage[0].observed > 10 and first < -0.4 and last > 0.4


def test_that_coverage_has_wilsons_interval() -> None:
    for row in calibrate(Z[:700], AGES[:700], FEMALE[:700], 5).coverage:
        low, high = proportion_confint(round(row.observed * 7), 700, method="wilson")
        assert (row.low, row.high) == pytest.approx((100 * low, 100 * high))


def test_that_a_deviate_beyond_all_digits_is_no_stumbling_block() -> None:
    z = Z.copy()
    z[[0, 1, -1]] = -np.inf, np.nan, np.inf
    assert np.isfinite(calibrate(z, AGES, FEMALE, 10).sd)


def test_that_95_of_100_points_of_a_worm_lie_in_its_band() -> None:
    rng = np.random.default_rng(4)
    inside: list[float] = []
    for _ in range(300):
        worm = calibrate(rng.standard_normal(500), AGES[:500], FEMALE[:500], 10).worms[0]
        inside += list(np.abs(worm.deviation) < np.array(worm_band(worm.expected, worm.n)))
    assert np.mean(inside) == pytest.approx(0.95, abs=0.015)


def test_that_each_part_holds_out_its_share_of_sexes_and_ages() -> None:
    parts = folds_of(FEMALE, AGES, 10, 1)
    for part in range(10):
        held = parts == part
        assert held.sum() == 200 and FEMALE[held].sum() == 100 and AGES[held].mean() == pytest.approx(1.5, abs=0.01)
    assert (folds_of(FEMALE, AGES, 10, 1) == parts).all()


@pytest.mark.parametrize("method", ["linear", "lms"])
def test_that_fitted_centiles_of_a_cohort_of_the_article_are_right_to_two_points(method: str, tmp_path: Path) -> None:
    scans = scans_of(simulate(NORM, 1487, 4), ("right_frontal", "brainstem"))
    for entry in fitted(tmp_path, scans, method, repeats=0).norm.regions:
        assert entry.calibration.error <= 2 and entry.calibration.wrong == ()
        assert abs(entry.calibration.mean) <= 0.05 and abs(entry.calibration.sd - 1) <= 0.05


def test_that_a_skewed_widening_curve_is_followed_by_lms_and_not_by_a_line(tmp_path: Path) -> None:
    children = LAW.draw(1487, 4)
    file = fitted(tmp_path / "lms", scans_of(children, ("brainstem",)), "lms", repeats=0).norm
    (entry,) = file.regions
    assert entry.calibration.error <= 2 and entry.calibration.wrong == () and entry.calibration.wrong_groups == ()
    line = fitted(tmp_path / "line", scans_of(children), "linear", repeats=0).norm
    assert max(one.calibration.error for one in line.regions) > 2
    assert all(one.calibration.wrong and len(one.calibration.wrong_groups) >= 8 for one in line.regions)
    assert sum("are off for children held out" in caution for caution in line.card.cautions) == len(line.regions)
    found = FittedNorm(file)
    for centile, curve in found.curves("brainstem", "M", CENTILES, np.linspace(0.6, 5.9, 20)).items():
        ages = np.linspace(0.6, 5.9, 20)
        true = [100 * norm.cdf(LAW.z("brainstem", "M", age, y)) for age, y in zip(ages, curve, strict=True)]
        assert abs(np.mean(true) - centile) < 3


def test_that_norms_of_other_ages_or_regions_are_not_compared(tmp_path: Path) -> None:
    young = scans_of(simulate(NORM, 90, 4))
    old = [scan.model_copy(update={"age_years": 10 * (scan.age_years or 0)}) for scan in young]
    own = FittedNorm(fitted(tmp_path, old, repeats=0).norm)
    with pytest.raises(NormError, match="share no age"):
        compare(own, NORM)
