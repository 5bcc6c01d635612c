"""Fit of location, scale and shape by age and sex (GAMLSS): maximum likelihood, with the model chosen by BIC.

Sources: Cole and Green, Stat Med 1992; 11:1305 (LMS); Rigby and Stasinopoulos, Appl Stat 2005; 54:507 (GAMLSS);
Stasinopoulos and Rigby, J Stat Softw 2007; 23(7). The likelihood and its gradient are analytic (`families`), splines
have few degrees of freedom, and these are chosen by BIC and not by a penalty.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ctworkbench.core.norms.design import AgeScale, Array, Terms, within
from ctworkbench.core.norms.families import FAMILIES, Family

_LOCATIONS = (
    *(Terms(age=age, sex="shift") for age in (1, 2, 3, 4, 6)),
    *(Terms(age=age, sex="curve") for age in (1, 2, 3, 4)),
)
_SCALES = (
    Terms(),
    Terms(sex="shift"),
    Terms(age=1),
    Terms(age=1, sex="shift"),
    Terms(age=2, sex="shift"),
    Terms(age=3, sex="shift"),
    Terms(age=1, sex="curve"),
)
_SHAPES = (Terms(), Terms(age=1), Terms(sex="shift"))


@dataclass(frozen=True)
class Data:
    """Volumes of one region, one child each.

    Attributes:
        y: cm³, above 0.
        ages: years.
        female: 1 for girls, 0 for boys.
    """

    y: Array
    ages: Array
    female: Array

    def __len__(self) -> int:
        return self.y.size

    @property
    def sexes(self) -> int:
        """Number of sexes, 1 or 2."""
        return np.unique(self.female).size

    def of(self, index: "np.typing.NDArray[np.intp]") -> "Data":
        """Some children, in the order of `index`, which may name one several times."""
        return Data(self.y[index], self.ages[index], self.female[index])


@dataclass(frozen=True)
class Structure:
    """Which family, and what each of its parameters depends on; None holds a shape at its neutral value."""

    family: Family
    terms: tuple[Terms | None, ...]

    @property
    def parameters(self) -> int:
        """Number of coefficients."""
        return sum(term.columns for term in self.terms if term is not None)

    @property
    def text(self) -> str:
        """For people, such as "BCCG: log mu ~ sex + age; log sigma ~ sex"."""
        free = zip(self.family.parameters, self.terms, strict=True)
        return f"{self.family.name}: " + "; ".join(f"{name} ~ {term.text}" for name, term in free if term is not None)

    def eta(self, matrices: "Sequence[Array | None]", beta: Array, n: int) -> Array:
        """Predictors, one row a parameter, one column a child."""
        rows: list[Array] = []
        start = 0
        for position, matrix in enumerate(matrices):
            if matrix is None:
                rows.append(np.full(n, self.family.neutral[position - 2]))
            else:
                rows.append(matrix @ beta[start : start + matrix.shape[1]])
                start += matrix.shape[1]
        return np.stack(rows)

    def matrices(self, scale: AgeScale, ages: Array, female: Array) -> "list[Array | None]":
        """Columns of each parameter."""
        return [None if term is None else term.matrix(scale, ages, female) for term in self.terms]


@dataclass(frozen=True)
class Fit:
    """A fitted model; `beta` has the coefficients of all parameters one after the other."""

    structure: Structure
    beta: Array
    log_likelihood: float
    n: int

    @property
    def bic(self) -> float:
        """Schwarz' criterion; less is better."""
        return -2 * self.log_likelihood + self.structure.parameters * float(np.log(self.n))


def choose(data: Data, scale: AgeScale) -> Fit:
    """The model of lowest BIC, found by going through location, scale and shape, then location once more.

    Args:
        data: one region's volumes.
        scale: of age.
    """
    bccg, shash = FAMILIES["BCCG"], FAMILIES["SHASH"]
    locations, scales, shapes = (within(terms, data.sexes, scale) for terms in (_LOCATIONS, _SCALES, _SHAPES))
    best = fit(Structure(bccg, (locations[0], scales[0], None)), data, scale)

    def improve(candidates: Sequence[Structure], best: Fit) -> Fit:
        tried = [fit(other, data, scale, best) for other in candidates if other != best.structure]
        return min((best, *tried), key=lambda found: found.bic)

    def relocated(best: Fit) -> Fit:
        rest = best.structure.terms[1:]
        return improve([Structure(best.structure.family, (term, *rest)) for term in locations], best)

    best = relocated(best)
    location = best.structure.terms[0]
    best = improve([Structure(bccg, (location, term, None)) for term in scales], best)
    start = best.structure.terms[:2]
    skewed = [Structure(bccg, (*start, shape)) for shape in shapes]
    tailed = [Structure(shash, (*start, shape, Terms())) for shape in shapes]
    tailed += [Structure(shash, (*start, None, Terms())), Structure(shash, (*start, Terms(), None))]
    best = improve([*skewed, *tailed], best)
    family, shape = best.structure.family, best.structure.terms[2:]
    location = best.structure.terms[0]
    best = improve([Structure(family, (location, term, *shape)) for term in scales], best)
    return relocated(best)


def fit(structure: Structure, data: Data, scale: AgeScale, near: Fit | None = None) -> Fit:
    """Maximum likelihood by quasi-Newton steps with the analytic gradient.

    Args:
        structure: what depends on what.
        data: one region's volumes.
        scale: of age.
        near: a model of the same data to start from, of any structure.
    """
    from scipy.optimize import minimize

    matrices = structure.matrices(scale, data.ages, data.female)
    unit = float(np.exp(np.mean(np.log(data.y))))  # volumes near 1 keep the coefficients of one size
    y = data.y / unit
    start = _start(structure, matrices, y, data, scale, near, unit)
    free = [matrix for matrix in matrices if matrix is not None]
    positions = [position for position, matrix in enumerate(matrices) if matrix is not None]

    def loss(beta: Array) -> tuple[float, Array]:
        density, slopes = structure.family.log_density(y, structure.eta(matrices, beta, y.size))
        value = -float(density.mean())
        if not np.isfinite(value):
            return 1e10, np.zeros_like(beta)
        gradient = [-matrix.T @ slopes[position] / y.size for matrix, position in zip(free, positions, strict=True)]
        return value, np.concatenate(gradient)

    # the products of the children's own slopes stand in for the curvature (Berndt, Hall, Hall and Hausman 1974)
    slopes = structure.family.log_density(y, structure.eta(matrices, start, y.size))[1]
    scores = np.hstack([matrix * slopes[position][:, None] for matrix, position in zip(free, positions, strict=True)])
    curvature = scores.T @ scores / y.size
    ridge = 1e-8 * np.trace(curvature) / len(curvature)
    metric = np.linalg.inv(curvature + ridge * np.eye(len(curvature)))
    options = {"gtol": 1e-5, "maxiter": 200, "hess_inv0": (metric + metric.T) / 2}
    found = minimize(loss, start, jac=True, method="BFGS", options=options)
    beta = np.asarray(found.x, dtype=np.float64)
    beta[0] += np.log(unit)
    return Fit(structure, beta, -float(found.fun) * y.size - y.size * float(np.log(unit)), y.size)


def _start(
    structure: Structure,
    matrices: "Sequence[Array | None]",
    y: Array,
    data: Data,
    scale: AgeScale,
    near: Fit | None,
    unit: float,
) -> Array:
    """First coefficients: those of a neighbouring model projected on the new columns, else least squares."""
    if near is None:
        log_y = np.log(y)
        first = matrices[0]
        assert first is not None
        location = np.linalg.lstsq(first, log_y, rcond=None)[0]
        spread = float(np.std(log_y - first @ location)) or 1e-3
        eta = [log_y * 0, np.full(y.size, np.log(spread))]
        eta += [np.full(y.size, value) for value in structure.family.neutral]
        eta[0] = first @ location
    else:
        old = near.structure
        eta = list(old.eta(old.matrices(scale, data.ages, data.female), near.beta, y.size))
        eta[0] = eta[0] - np.log(unit)
        if old.family is not structure.family:
            eta = [*eta[:2], *(np.full(y.size, value) for value in structure.family.neutral)]
    parts = [
        np.linalg.lstsq(matrix, row, rcond=None)[0]
        for matrix, row in zip(matrices, eta, strict=True)
        if matrix is not None
    ]
    return np.concatenate(parts).astype(np.float64)
