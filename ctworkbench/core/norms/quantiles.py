"""Centiles by quantile regression (statsmodels), one a centile, with the terms of age chosen by Schwarz' criterion."""

import warnings

import numpy as np

from ctworkbench.core.norms.design import AgeScale, Array, Terms, within
from ctworkbench.core.norms.location_scale import Data
from ctworkbench.core.norms.models import QuantileModel, vector
from ctworkbench.core.norms.norm import deviate_of

CENTILES = (2.0, 5.0, 10.0, 15.0, 25.0, 37.5, 50.0, 62.5, 75.0, 85.0, 90.0, 95.0, 98.0)
_JUDGED = (5.0, 25.0, 50.0, 75.0, 95.0)
_TERMS = (
    Terms(age=1, sex="shift"),
    Terms(age=1, sex="curve"),
    Terms(age=2, sex="shift"),
    Terms(age=3, sex="shift"),
    Terms(age=2, sex="curve"),
)


def choose_quantiles(data: Data, scale: AgeScale) -> QuantileModel:
    """The terms of the lowest Schwarz criterion summed over five centiles, fitted at all of them.

    The criterion of a quantile regression is n·log(mean check loss) + ½·p·log n (Koenker, Quantile Regression, 2005,
    section 4.9.1).

    Args:
        data: one region's volumes.
        scale: of age.
    """

    def criterion(terms: Terms) -> float:
        matrix = terms.matrix(scale, data.ages, data.female)
        total = 0.0
        for centile in _JUDGED:
            rest = data.y - matrix @ _one(matrix, data.y, centile)
            loss = float(np.mean(rest * (centile / 100 - (rest < 0))))
            total += len(data) * np.log(loss) + terms.columns * np.log(len(data)) / 2
        return total

    terms = min(within(_TERMS, data.sexes, scale), key=criterion)
    return QuantileModel(
        terms=terms,
        deviates=tuple(deviate_of(centile) for centile in CENTILES),
        coefficients=tuple(refit_quantiles(data, terms, scale)),
    )


def refit_quantiles(data: Data, terms: Terms, scale: AgeScale) -> Array:
    """Coefficients of all centiles one after the other, in cm³."""
    matrix = terms.matrix(scale, data.ages, data.female)
    return np.concatenate([_one(matrix, data.y, centile) for centile in CENTILES])


def crossings(model: QuantileModel, scale: AgeScale, data: Data) -> float:
    """Share of the children at whose age and sex two centiles were in the wrong order before they were sorted."""
    curves = model.curves(scale, data.ages, data.female, vector(model))[0]
    return float(np.mean((np.diff(curves, axis=1) < 0).any(axis=1)))


def _one(matrix: Array, y: Array, centile: float) -> Array:
    from statsmodels.regression.quantile_regression import QuantReg
    from statsmodels.tools.sm_exceptions import IterationLimitWarning

    unit = float(np.median(y))
    with warnings.catch_warnings():
        # where its steps grow small without end the last one is the answer to the digits that matter here
        warnings.simplefilter("ignore", IterationLimitWarning)
        found = QuantReg(y / unit, matrix).fit(q=centile / 100, p_tol=1e-6)
    return np.asarray(found.params, dtype=np.float64) * unit
