"""A fitted region as a norm's file has it: from age and sex to the volume of any centile, and back.

Each kind of model has one vector of coefficients, so that those of the bootstrap's repeats are evaluated by the same
few lines, all at once.
"""

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from ctworkbench.core.norms.design import AgeScale, Array, Terms
from ctworkbench.core.norms.families import FAMILIES
from ctworkbench.core.norms.location_scale import Structure

_FROZEN = ConfigDict(frozen=True, allow_inf_nan=False)
_OUTER = 3  # quantile curves: the tails go on with the slope between the outermost and the third centile


class LinearModel(BaseModel):
    """A straight line in age with a constant between the sexes and normal residuals, as in the article.

    Attributes:
        coefficients: cm³: mean of both sexes at the middle of the ages, girls less boys, half the gain from the
            youngest to the oldest; then the logarithm of the residual SD.
    """

    model_config = _FROZEN
    kind: Literal["linear"] = "linear"
    terms: Terms
    coefficients: tuple[float, ...]

    @property
    def text(self) -> str:
        """For people."""
        return f"volume ~ {self.terms.text}; normal residuals, one SD"

    def z(self, y: Array, scale: AgeScale, ages: Array, female: Array, betas: Array) -> Array:
        """Deviates, (repeats, children), of volumes in cm³."""
        mean, sd = self._parts(scale, ages, female, betas)
        return (y - mean) / sd

    def quantile(self, z: Array, scale: AgeScale, ages: Array, female: Array, betas: Array) -> Array:
        """Volumes in cm³, (repeats, children), at deviates z."""
        mean, sd = self._parts(scale, ages, female, betas)
        return mean + sd * z

    def _parts(self, scale: AgeScale, ages: Array, female: Array, betas: Array) -> tuple[Array, Array]:
        return betas[:, :-1] @ self.terms.matrix(scale, ages, female).T, np.exp(betas[:, -1:])


class ShapeModel(BaseModel):
    """Location, scale and shape by age and sex (`location_scale`).

    Attributes:
        family: "BCCG" (LMS) or "SHASH".
        terms: what each parameter depends on; None where a shape is held at that of the normal distribution.
        coefficients: of all parameters one after the other.
    """

    model_config = _FROZEN
    kind: Literal["shape"] = "shape"
    family: Literal["BCCG", "SHASH"]
    terms: tuple[Terms | None, ...]
    coefficients: tuple[float, ...]

    @property
    def text(self) -> str:
        """For people."""
        return self.structure.text

    @property
    def structure(self) -> Structure:
        """What depends on what."""
        return Structure(FAMILIES[self.family], self.terms)

    def z(self, y: Array, scale: AgeScale, ages: Array, female: Array, betas: Array) -> Array:
        """Deviates, (repeats, children), of volumes in cm³."""
        return FAMILIES[self.family].z(np.maximum(y, 1e-6), self._eta(scale, ages, female, betas))

    def quantile(self, z: Array, scale: AgeScale, ages: Array, female: Array, betas: Array) -> Array:
        """Volumes in cm³, (repeats, children), at deviates z."""
        return FAMILIES[self.family].quantile(z, self._eta(scale, ages, female, betas))

    def _eta(self, scale: AgeScale, ages: Array, female: Array, betas: Array) -> Array:
        """Predictors, (parameters, repeats, children)."""
        structure = self.structure
        rows: list[Array] = []
        start = 0
        for position, matrix in enumerate(structure.matrices(scale, ages, female)):
            if matrix is None:
                rows.append(np.full((len(betas), ages.size), structure.family.neutral[position - 2]))
            else:
                rows.append(betas[:, start : start + matrix.shape[1]] @ matrix.T)
                start += matrix.shape[1]
        return np.stack(rows)


class QuantileModel(BaseModel):
    """One regression a centile (Koenker and Bassett, Econometrica 1978; 46:33), no distribution assumed.

    Curves that cross are put in order at each age (Chernozhukov, Fernández-Val and Galichon, Econometrica 2010;
    78:1093). Between two centiles the deviate is linear in the volume; beyond the outermost it goes on with the slope
    of the outer three.

    Attributes:
        deviates: normal deviates of the centiles, rising.
        coefficients: in cm³, of all centiles one after the other.
    """

    model_config = _FROZEN
    kind: Literal["quantile"] = "quantile"
    terms: Terms
    deviates: tuple[float, ...]
    coefficients: tuple[float, ...]

    @property
    def text(self) -> str:
        """For people."""
        return f"volume ~ {self.terms.text} at each of {len(self.deviates)} centiles; crossing curves put in order"

    def curves(self, scale: AgeScale, ages: Array, female: Array, betas: Array) -> Array:
        """Volumes in cm³ at the fitted centiles as they come from the regressions, (repeats, children, centiles)."""
        matrix = self.terms.matrix(scale, ages, female)
        coefficients = betas.reshape(len(betas), len(self.deviates), matrix.shape[1])
        return np.einsum("rqp,np->rnq", coefficients, matrix)

    def z(self, y: Array, scale: AgeScale, ages: Array, female: Array, betas: Array) -> Array:
        """Deviates, (repeats, children), of volumes in cm³."""
        curves = self._ordered(scale, ages, female, betas)
        return _piecewise(np.broadcast_to(y, curves.shape[:2]), curves, np.broadcast_to(self.deviates, curves.shape))

    def quantile(self, z: Array, scale: AgeScale, ages: Array, female: Array, betas: Array) -> Array:
        """Volumes in cm³, (repeats, children), at deviates z."""
        curves = self._ordered(scale, ages, female, betas)
        return _piecewise(np.broadcast_to(z, curves.shape[:2]), np.broadcast_to(self.deviates, curves.shape), curves)

    def _ordered(self, scale: AgeScale, ages: Array, female: Array, betas: Array) -> Array:
        curves = np.sort(self.curves(scale, ages, female, betas), axis=2)
        # equal curves would leave the deviate between them undetermined
        return curves + np.arange(curves.shape[2]) * 1e-9 * np.abs(curves[..., :1])


RegionModel = Annotated[LinearModel | ShapeModel | QuantileModel, Field(discriminator="kind")]


def vector(model: "LinearModel | ShapeModel | QuantileModel") -> Array:
    """The model's own coefficients as one repeat, (1, coefficients)."""
    return np.asarray(model.coefficients, dtype=np.float64)[None]


def _piecewise(x: Array, knots: "np.ndarray[Any, Any]", values: "np.ndarray[Any, Any]") -> Array:
    """Straight lines through (knots, values), each (…, k) with rising knots, at x (…); outside with the outer slope."""
    k = knots.shape[-1]
    inner = np.clip(np.sum(knots <= x[..., None], axis=-1) - 1, 0, k - 2)
    low_x, high_x, low_y, high_y = (
        np.take_along_axis(array, index[..., None], axis=-1)[..., 0]
        for array, index in ((knots, inner), (knots, inner + 1), (values, inner), (values, inner + 1))
    )
    found = low_y + (x - low_x) * (high_y - low_y) / (high_x - low_x)
    for side, edge, other in ((x < knots[..., 0], 0, _OUTER - 1), (x > knots[..., -1], k - 1, k - _OUTER)):
        slope = (values[..., edge] - values[..., other]) / (knots[..., edge] - knots[..., other])
        found = np.where(side, values[..., edge] + (x - knots[..., edge]) * slope, found)
    return found
