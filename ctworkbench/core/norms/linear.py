"""A line in age with normal residuals: the article's own model, and the yardstick of the others."""

import numpy as np

from ctworkbench.core.norms.design import AgeScale, Array, Terms
from ctworkbench.core.norms.location_scale import Data
from ctworkbench.core.norms.models import LinearModel


def fit_linear(data: Data, scale: AgeScale) -> LinearModel:
    """Least squares of volume on sex and age; the residual SD has n − p in its denominator.

    Args:
        data: one region's volumes.
        scale: of age.
    """
    terms = Terms(age=1, sex="shift" if data.sexes > 1 else "none")
    return LinearModel(terms=terms, coefficients=tuple(refit_linear(data, terms, scale)))


def refit_linear(data: Data, terms: Terms, scale: AgeScale) -> Array:
    """Coefficients and the logarithm of the residual SD, in cm³."""
    matrix = terms.matrix(scale, data.ages, data.female)
    beta = np.linalg.lstsq(matrix, data.y, rcond=None)[0]
    residual = data.y - matrix @ beta
    sd = np.sqrt(residual @ residual / (data.y.size - matrix.shape[1]))
    return np.append(beta, np.log(max(float(sd), 1e-12)))
