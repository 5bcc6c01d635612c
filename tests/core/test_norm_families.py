"""The distributions of location, scale and shape: they are densities, their slopes are right, z and quantile invert."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from ctworkbench.core.norms.families import FAMILIES

CASES = [
    ("BCCG", 0.1, (1.0,)),
    ("BCCG", 0.3, (-1.5,)),
    ("BCCG", 0.3, (3.0,)),
    ("BCCG", 0.1, (0.0,)),
    ("BCCG", 0.1, (2e-3,)),
    ("SHASH", 0.1, (0.3, -0.2)),
    ("SHASH", 0.1, (-0.6, 0.4)),
]


def predictors(sigma: float, shapes: tuple[float, ...]) -> np.ndarray:
    return np.array([[np.log(170.0)], [np.log(sigma)], *([shape] for shape in shapes)])


@pytest.mark.parametrize(("name", "sigma", "shapes"), CASES)
def test_that_the_area_under_the_density_is_the_centile(name: str, sigma: float, shapes: tuple[float, ...]) -> None:
    family, eta = FAMILIES[name], predictors(sigma, shapes)

    def density(y: float) -> float:
        return float(np.exp(family.log_density(np.array([y]), eta)[0][0]))

    for z in (-2.0, -0.5, 0.0, 1.5):
        y = float(family.quantile(np.array([z]), eta)[0])
        assert quad(density, 1e-9, y, limit=300)[0] == pytest.approx(norm.cdf(z), abs=1e-6)


@pytest.mark.parametrize(("name", "sigma", "shapes"), CASES)
def test_that_the_slopes_are_those_of_the_log_density(name: str, sigma: float, shapes: tuple[float, ...]) -> None:
    family, eta = FAMILIES[name], predictors(sigma, shapes)
    for y in (120.0, 150.0, 200.0):
        slopes = family.log_density(np.array([y]), eta)[1][:, 0]
        for position in range(len(eta)):
            step = np.zeros_like(eta)
            step[position] = 1e-5
            above, below = (family.log_density(np.array([y]), eta + side * step)[0][0] for side in (1, -1))
            assert slopes[position] == pytest.approx((above - below) / 2e-5, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize(("name", "sigma", "shapes"), CASES)
def test_that_z_undoes_the_quantile(name: str, sigma: float, shapes: tuple[float, ...]) -> None:
    family, z = FAMILIES[name], np.array([-3.0, -1.0, -0.01, 0.0, 0.7, 2.5])
    eta = np.repeat(predictors(sigma, shapes), z.size, axis=1)
    assert family.z(family.quantile(z, eta), eta) == pytest.approx(z, abs=1e-9)


def test_that_neutral_shapes_make_the_normal_distribution() -> None:
    y = np.array([140.0, 170.0, 185.0])
    for family in FAMILIES.values():
        eta = np.repeat(predictors(0.1, family.neutral), y.size, axis=1)
        assert family.z(y, eta) == pytest.approx((y / 170 - 1) / 0.1)
        assert family.log_density(y, eta)[0] == pytest.approx(norm.logpdf(y, 170, 17), abs=1e-9)
