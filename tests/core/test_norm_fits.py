"""Fits of location, scale and shape, of quantiles and of a line find what a cohort was drawn from."""

import numpy as np
import pytest

from ctworkbench.core.norms import published_norm
from ctworkbench.core.norms.calibration import calibrate
from ctworkbench.core.norms.design import AgeScale, Terms
from ctworkbench.core.norms.families import FAMILIES
from ctworkbench.core.norms.linear import fit_linear
from ctworkbench.core.norms.location_scale import Data, Structure, choose, fit
from ctworkbench.core.norms.models import QuantileModel, vector
from ctworkbench.core.norms.quantiles import choose_quantiles
from ctworkbench.core.norms.simulated import SkewedGrowth, simulate

NORM = published_norm()
LAW = SkewedGrowth(NORM.regions)


def data_of(children, region: str) -> Data:
    return Data(
        np.array([child.volumes_cm3[region] for child in children]),
        np.array([child.age_years for child in children]),
        np.array([child.sex == "F" for child in children], dtype=float),
    )


@pytest.fixture(scope="module")
def skewed() -> Data:
    return data_of(LAW.draw(1487, 5), "cerebellum")


def test_that_the_columns_of_a_spline_are_straight_beyond_its_knots_and_smooth_between_them() -> None:
    scale = AgeScale(low=0.0, high=12.0, shares=tuple(float(age) for age in range(13)))
    ages = np.linspace(0, 12, 2401)
    matrix = Terms(age=4).matrix(scale, ages, np.zeros(ages.size))
    assert matrix.shape == (2401, 5) and np.linalg.matrix_rank(matrix) == 5
    bend = np.diff(matrix, n=2, axis=0)
    assert np.abs(bend[[0, -1]]).max() < np.abs(bend).max() / 300  # a step of 1/600 of the way to the next knot
    assert np.abs(np.diff(bend, axis=0)).max() < 0.01 * np.abs(bend).max()


def test_that_terms_say_what_they_are() -> None:
    told = [Terms(), Terms(sex="shift"), Terms(age=1, sex="shift"), Terms(age=3, sex="curve")]
    assert [term.text for term in told] == ["constant", "sex", "sex + age", "sex × spline(age, 3 df)"]
    assert [term.columns for term in told] == [1, 2, 3, 8]


def test_that_a_line_is_least_squares() -> None:
    data = data_of(simulate(NORM, 300, 4), "brainstem")
    scale = AgeScale.of(data.ages)
    model = fit_linear(data, scale)
    matrix = np.column_stack([np.ones(300), data.ages, data.female])
    beta, rest, *_ = np.linalg.lstsq(matrix, data.y, rcond=None)
    at = model.quantile(np.zeros(300), scale, data.ages, data.female, vector(model))[0]
    assert at == pytest.approx(matrix @ beta)
    assert np.exp(model.coefficients[-1]) == pytest.approx(np.sqrt(rest[0] / 297))


def test_that_the_likelihood_has_no_slope_at_the_fit(skewed: Data) -> None:
    scale = AgeScale.of(skewed.ages)
    found = choose(skewed, scale)
    structure = found.structure
    matrices = structure.matrices(scale, skewed.ages, skewed.female)
    density, slopes = structure.family.log_density(skewed.y, structure.eta(matrices, found.beta, len(skewed)))
    assert density.sum() == pytest.approx(found.log_likelihood, abs=1e-6)
    for matrix, slope in zip(matrices, slopes, strict=True):
        if matrix is not None:
            assert np.abs(matrix.T @ slope / len(skewed)).max() < 1e-4


@pytest.mark.parametrize("name", list(FAMILIES))
def test_that_the_coefficients_of_a_law_are_found_again(name: str, skewed: Data) -> None:
    scale, shapes = AgeScale.of(skewed.ages), {"BCCG": (Terms(),), "SHASH": (Terms(), Terms())}[name]
    structure = Structure(FAMILIES[name], (Terms(age=2, sex="shift"), Terms(age=1, sex="shift"), *shapes))
    true = np.array([5.2, -0.07, 0.2, 0.05, -2.3, 0.1, 0.2, *{"BCCG": (-0.8,), "SHASH": (0.3, -0.2)}[name]])
    matrices = structure.matrices(scale, skewed.ages, skewed.female)
    rng = np.random.default_rng(8)
    eta = structure.eta(matrices, true, len(skewed))
    found: list[np.ndarray] = []
    for _ in range(12):
        y = structure.family.quantile(rng.standard_normal(len(skewed)), eta)
        again = fit(structure, Data(y, skewed.ages, skewed.female), scale)
        assert again.log_likelihood >= structure.family.log_density(y, eta)[0].sum()
        found.append(again.beta)
    bias, error = np.mean(found, axis=0) - true, np.std(found, axis=0, ddof=1) / np.sqrt(12)
    assert np.abs(bias / error).max() < 4


def test_that_a_fit_of_shape_finds_the_centiles_of_the_law(skewed: Data) -> None:
    scale = AgeScale.of(skewed.ages)
    found = choose(skewed, scale)
    ages, female = np.linspace(0.7, 5.8, 12), np.zeros(12)
    structure = found.structure
    eta = structure.eta(structure.matrices(scale, ages, female), found.beta, 12)
    for z in (-1.645, 0.0, 1.645):
        curve = structure.family.quantile(np.full(12, z), eta)
        true = np.array([LAW.z("cerebellum", "M", age, y) for age, y in zip(ages, curve, strict=True)])
        assert np.abs(true - z).max() < 0.35 and abs(np.mean(true) - z) < 0.12


def test_that_volumes_of_the_article_are_found_to_need_no_shape() -> None:
    data = data_of(simulate(NORM, 1487, 2), "left_parietal")
    found = choose(data, AgeScale.of(data.ages))
    assert found.structure.terms[0] == Terms(age=1, sex="shift")
    assert found.structure.terms[2] is None and found.structure.family.name == "BCCG"


def test_that_a_fit_does_not_depend_on_where_it_starts(skewed: Data) -> None:
    scale = AgeScale.of(skewed.ages)
    shape = Structure(FAMILIES["SHASH"], (Terms(age=3, sex="shift"), Terms(age=1), Terms(), Terms()))
    cold = fit(shape, skewed, scale)
    warm = fit(shape, skewed, scale, choose(skewed, scale))
    assert cold.log_likelihood == pytest.approx(warm.log_likelihood, abs=0.01)


def test_that_quantile_curves_never_cross_and_invert(skewed: Data) -> None:
    few = skewed.of(np.arange(240))
    scale = AgeScale.of(few.ages)
    model = choose_quantiles(few, scale)
    beta = vector(model)
    ages, female = np.linspace(scale.low, scale.high, 50), np.zeros(50)
    z = np.linspace(-3, 3, 25)
    curves = np.stack([model.quantile(np.full(50, at), scale, ages, female, beta)[0] for at in z])
    assert (np.diff(curves, axis=0) > 0).all()
    for at, curve in zip(z, curves, strict=True):
        assert model.z(curve, scale, ages, female, beta)[0] == pytest.approx(np.full(50, at), abs=1e-6)


def test_that_curves_that_cross_are_put_in_order() -> None:
    scale = AgeScale(low=0.0, high=2.0, shares=tuple(np.linspace(0, 2, 13)))
    model = QuantileModel(
        terms=Terms(age=1), deviates=(-1.0, 0.0, 1.0), coefficients=(10.0, 3.0, 10.5, -3.0, 11.0, 0.0)
    )
    ages, female = np.array([0.0, 2.0]), np.zeros(2)
    raw = model.curves(scale, ages, female, vector(model))[0]
    assert raw[0] == pytest.approx([7, 13.5, 11]) and raw[1] == pytest.approx([13, 7.5, 11])
    at = [model.quantile(np.full(2, z), scale, ages, female, vector(model))[0] for z in (-1.0, 0.0, 1.0)]
    assert np.stack(at, axis=1) == pytest.approx(np.sort(raw, axis=1), abs=1e-6)


@pytest.mark.parametrize("oldest", [5, 6])
def test_that_ages_in_whole_years_are_fitted_where_knots_of_a_spline_would_fall_together(oldest: int) -> None:
    rng = np.random.default_rng(1)
    ages = rng.integers(1, oldest + 1, 300).astype(float)
    female = rng.integers(0, 2, 300).astype(float)
    data = Data(np.exp(5 + 0.02 * ages - 0.05 * female + 0.09 * rng.standard_normal(300)), ages, female)
    scale = AgeScale.of(ages)
    assert len(set(scale.knots(6))) < 7
    found = choose(data, scale)
    assert np.isfinite(found.beta).all()
    assert np.isfinite(choose_quantiles(data, scale).coefficients).all()


def test_that_a_child_without_a_number_counts_as_missed_and_not_as_the_middle() -> None:
    z, ages, female = np.zeros(40), np.linspace(1, 3, 40), np.tile([0.0, 1.0], 20)
    z[:10] = np.nan
    found = calibrate(z, ages, female, 10)
    assert [row.observed for row in found.coverage if row.centile == 95] == [75.0]
