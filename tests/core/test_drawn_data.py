"""Numbers on drawn data: against numpy, scipy and statsmodels, by their signs, and by how often intervals hold."""

import numpy as np
import pytest
from numpy.typing import NDArray

from ctworkbench.core.analysis.asymmetry import index
from ctworkbench.core.analysis.observations import Observation
from ctworkbench.core.analysis.scans import ScanVolumes
from ctworkbench.core.analysis.tables import tables
from ctworkbench.core.model import Sex
from ctworkbench.core.norms import SEX_CODE, centile_of, deviate_of, published_norm
from ctworkbench.core.schemes import load
from ctworkbench.core.statistics.volume import compute
from ctworkbench.core.volume import Volume

Array = NDArray[np.float64]


def draw(seed: int) -> tuple[list[str], Array, dict[str, Array]]:
    """Sexes, ages and volumes of a cohort of some size; heavy tails, no norm behind it."""
    chance = np.random.default_rng(seed)
    n = int(chance.integers(12, 200))
    sexes = [str(sex) for sex in np.where(chance.random(n) < 0.4, "M", "F")]
    ages = chance.uniform(0.2, 17.0, n)
    level = 100 + 5 * np.array([sex == "F" for sex in sexes]) - 3 * ages
    regions = ("right_frontal", "left_frontal", "brainstem")
    return sexes, ages, {name: np.abs(level + 9 * chance.standard_t(4, n)) + 1e-3 for name in regions}


@pytest.mark.parametrize("seed", [1971, 1988, 2003, 2026])
def test_that_tables_3_and_5_equal_numpy_statsmodels_and_scipy_on_drawn_data(seed: int) -> None:
    import statsmodels.api as sm
    from scipy.stats import ttest_rel

    sexes, ages, volumes = draw(seed)
    made = tables(
        [
            Observation(
                f"S{number}", sexes[number], float(ages[number]), region, float(values[number]), "model", number
            )
            for region, values in volumes.items()
            for number in range(len(sexes))
        ]
    )
    design = np.column_stack([np.ones(len(sexes)), [1 if sex == "M" else 2 for sex in sexes], ages])
    for region, values in volumes.items():
        fit = sm.OLS(values, design).fit()
        normal = np.linalg.solve(design.T @ design, design.T @ values)
        rows = {row.term: row for row in made.coefficients if row.region == region}
        for place, term in enumerate(("intercept", "sex", "age")):
            row, interval = rows[term], fit.conf_int()[place]
            assert row.coefficient == pytest.approx(normal[place], rel=1e-9, abs=1e-9)
            assert row.coefficient == pytest.approx(fit.params[place], rel=1e-9, abs=1e-9)
            assert row.p == pytest.approx(fit.pvalues[place], abs=1e-10)
            assert (row.ci_low, row.ci_high) == pytest.approx(tuple(interval), rel=1e-9, abs=1e-9)
    for row in made.hemispheres:
        own = np.array([sex == row.sex for sex in sexes])
        test = ttest_rel(volumes["right_frontal"][own], volumes["left_frontal"][own])
        assert (row.t, row.p) == pytest.approx((test.statistic, test.pvalue), abs=1e-9)


def test_that_sex_is_1_for_male_and_2_for_female_everywhere() -> None:
    assert SEX_CODE == {"M": 1, "F": 2} == {str(sex): sex.code for sex in Sex}
    rows = [
        Observation(f"S{n}", "MF"[n % 2], 2.0 + n / 10, "brainstem", 20.0 + 3.0 * (n % 2) + 0.01 * (n % 5), "model", n)
        for n in range(12)
    ]
    (sex,) = (row for row in tables(rows).coefficients if row.term == "sex")
    assert sex.coefficient == pytest.approx(3.0, abs=0.1)  # girls are larger, so the coefficient is above 0


@pytest.mark.parametrize("flip", [(1, 1), (-1, 1), (1, -1), (-1, -1)])
def test_that_a_head_with_a_larger_left_side_has_an_index_above_0_however_it_is_stored(flip: tuple[int, int]) -> None:
    """(L − R) / ½(L + R) of 120 and 80 voxels is 0.4; the patient's left is at x below 0 in RAS+."""
    scheme = load()
    code = {region.name: region.code for region in scheme.regions}
    labels = np.zeros((24, 10, 10), np.uint8)
    labels[0:12, :10, 0] = code["left_frontal"]
    labels[14:22, :10, 0] = code["right_frontal"]
    affine = np.diag([flip[0] * 10.0, flip[1] * 10.0, 10.0, 1.0])
    stored = Volume(np.asfortranarray(labels[:: flip[0], :: flip[1]]), affine)
    volumes = {name: compute(stored, None, code[name]) for name in ("left_frontal", "right_frontal")}
    assert volumes == pytest.approx({"left_frontal": 120.0, "right_frontal": 80.0})
    assert index(ScanVolumes("S", 1, "M", 2.0, volumes), "frontal") == pytest.approx(0.4)


def test_that_z_and_centile_are_one_and_the_same_statement() -> None:
    from scipy.stats import norm as normal

    for z in np.linspace(-6, 6, 241):
        assert centile_of(float(z)) == pytest.approx(100 * normal.cdf(z), abs=1e-10)
    for centile in (0.1, 5.0, 50.0, 95.0, 99.9):
        assert centile_of(deviate_of(centile)) == pytest.approx(centile)
    norm = published_norm()
    for sex in "MF":
        found = norm.assess("brainstem", sex, 2.0, 27.0)
        assert found.z is not None and found.centile == pytest.approx(centile_of(found.z))
        assert (found.z > 0) == (norm.mean("brainstem", sex, 2.0) < 27.0)


def test_that_the_interval_of_a_slope_holds_it_in_95_of_100_cohorts() -> None:
    """Of 300 cohorts 95 % are 285; fewer than 269 or more than 297 have a chance below one in a thousand."""
    chance = np.random.default_rng(5)
    hits = 0
    for _ in range(300):
        ages = chance.uniform(1, 3, 60)
        values = 50 + 7 * ages + chance.normal(0, 5, 60)
        rows = [
            Observation(f"S{n}", "MF"[n % 2], float(ages[n]), "brainstem", float(values[n]), "model", n)
            for n in range(60)
        ]
        (age,) = (row for row in tables(rows).coefficients if row.term == "age")
        hits += age.ci_low <= 7 <= age.ci_high
    assert 269 <= hits <= 297
