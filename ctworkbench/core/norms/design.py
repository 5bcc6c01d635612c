"""How a parameter of a norm depends on age and sex: columns of a regression."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

Array = NDArray[np.float64]
Sex = Literal["none", "shift", "curve"]
_APART = 1e-6  # of half the range of ages


class AgeScale(BaseModel):
    """Where ages lie between the youngest (−1) and the oldest (1), and at which shares of the cohort splines bend.

    Attributes:
        low, high: years.
        shares: ages in years at the cohort's quantiles 0, 1/12, … 1, from which the knots of a spline are taken.
    """

    model_config = ConfigDict(frozen=True)

    low: float
    high: float
    shares: tuple[float, ...]

    @classmethod
    def of(cls, ages: Array) -> "AgeScale":
        """The scale of a cohort's ages in years."""
        shares = np.quantile(ages, np.linspace(0, 1, 13))
        return cls(low=float(ages.min()), high=float(ages.max()), shares=tuple(float(age) for age in shares))

    def scaled(self, ages: Array) -> Array:
        """Ages from −1 to 1."""
        return (2 * ages - self.low - self.high) / (self.high - self.low)

    def knots(self, df: int) -> Array:
        """Knots of a spline with so many degrees of freedom (a divisor of 12), both ends included, from −1 to 1."""
        return self.scaled(np.asarray(self.shares)[:: 12 // df])


class Terms(BaseModel):
    """What a parameter depends on.

    Attributes:
        age: degrees of freedom of age: 0 none, 1 a straight line, 2, 3, 4 or 6 a natural cubic spline.
        sex: "none", "shift" (a constant between the sexes) or "curve" (each sex has its own line or spline).
    """

    model_config = ConfigDict(frozen=True)

    age: Literal[0, 1, 2, 3, 4, 6] = 0
    sex: Sex = "none"

    @property
    def columns(self) -> int:
        """Number of coefficients."""
        return 1 + self.age + (self.sex != "none") + (self.age if self.sex == "curve" else 0)

    @property
    def text(self) -> str:
        """For people."""
        age = {0: "", 1: "age"}.get(self.age, f"spline(age, {self.age} df)")
        if self.sex == "curve" and age:
            return f"sex × {age}"
        return " + ".join(filter(None, ("" if self.sex == "none" else "sex", age))) or "constant"

    def matrix(self, scale: AgeScale, ages: Array, female: Array) -> Array:
        """One row a child: 1, sex, age, sex × age, in this order, as far as they are asked for.

        Args:
            scale: of the cohort that the coefficients were fitted to.
            ages: years.
            female: 1 for girls, 0 for boys; coded −½ and ½, so that the other columns speak of the mean of both.
        """
        sex = female[:, None] - 0.5
        age = _spline(scale.scaled(ages), scale.knots(self.age)) if self.age else np.empty((ages.size, 0))
        parts = [np.ones((ages.size, 1))]
        if self.sex != "none":
            parts.append(sex)
        parts.append(age)
        if self.sex == "curve":
            parts.append(sex * age)
        return np.hstack(parts)


def within(terms: Sequence[Terms], sexes: int, scale: AgeScale) -> list[Terms]:
    """The terms that a cohort can tell: without sex where it has one sex only; each once.

    Splines whose knots fall together are left out: ages in whole years are too few different ones to bend at.
    """
    known = [term if sexes > 1 else Terms(age=term.age) for term in terms]
    apart = [term for term in known if not term.age or (np.diff(scale.knots(term.age)) > _APART).all()]
    return list(dict.fromkeys(apart))


def _spline(t: Array, knots: Array) -> Array:
    """Natural cubic spline without its constant: t, and a column for each inner knot.

    It is cubic between the knots and straight beyond the outer ones (Hastie, Tibshirani, Friedman, The Elements of
    Statistical Learning, 2nd edition, eq. 5.4 and 5.5).

    Args:
        t: ages from −1 to 1.
        knots: in rising order, both ends included; with two of them it is the straight line.
    """

    def bend(knot: float) -> Array:
        return (np.maximum(t - knot, 0) ** 3 - np.maximum(t - knots[-1], 0) ** 3) / (knots[-1] - knot)

    last = bend(knots[-2]) if knots.size > 2 else t
    return np.column_stack([t, *(bend(knot) - last for knot in knots[:-2])])
