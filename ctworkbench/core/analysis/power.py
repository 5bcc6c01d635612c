"""How many children a study needs, or what a study of a given size can see.

Power of t-tests by the noncentral t distribution (Cohen 1988; the same as G*Power and R's power.t.test), of one slope
by the noncentral t of a linear model with fixed predictors, and the precision of a centile by its large-sample variance
(in the middle of the ages that of Bland and Altman's limits, 1999, Stat Methods Med Res 8:135).
"""

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ctworkbench.core.analysis.observations import Row
from ctworkbench.core.errors import WorkbenchError

if TYPE_CHECKING:
    from ctworkbench.core.norms import Norm

MOST = 10_000_000
_CERTAIN = 30.0


@dataclass(frozen=True)
class Level:
    """How strict a test is.

    Attributes:
        alpha: for all tests together.
        tests: number of tests that alpha is shared by (Bonferroni), such as ten regions.
        sides: "two-sided" or "one-sided".

    Raises:
        WorkbenchError: a value out of its range.
    """

    alpha: float = 0.05
    tests: int = 1
    sides: Literal["two-sided", "one-sided"] = "two-sided"

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise WorkbenchError(f"An alpha of {self.alpha:g} is not possible.", "Give 0.05, for example.")
        if self.tests < 1:
            raise WorkbenchError(f"{self.tests} tests are not possible.", "Give 1 or more.")

    @property
    def single(self) -> float:
        """Alpha of one test."""
        return self.alpha / self.tests

    def __str__(self) -> str:
        shared = f", shared by {self.tests} tests" if self.tests > 1 else ""
        return f"{self.sides}, alpha {self.alpha:.4g}{shared}"


LEVEL = Level()


class SampleSize(Row):
    """How many children, or what a number of them can show.

    Attributes:
        design: "two groups", "paired", "slope" or "centile".
        n: children in all; of two groups the first has `n_first` of them.
        effect: standardized: d of two groups, d_z of pairs, f² of a slope, half-width in SD of a centile.
        alpha: of one test, or one minus the confidence of a centile's interval.
        power: reached with n; None for a centile.
        half_width: of a centile's interval, in the unit of the SD that was given.
        sentence: the answer in words, with what was assumed.
    """

    design: str
    n: int
    effect: float
    alpha: float
    n_first: int | None = None
    n_second: int | None = None
    power: float | None = None
    half_width: float | None = None
    sentence: str


def two_groups(
    effect: float, power: float | None = None, n: int | None = None, ratio: float = 1.0, level: Level = LEVEL
) -> SampleSize:
    """Two independent groups, t-test with a common SD: children for a power, or the power of n children.

    Args:
        effect: Cohen's d, difference of means over the SD within groups.
        power: what is wanted; or
        n: children in both groups together.
        ratio: size of the second group over that of the first.
        level: of the test.

    Raises:
        WorkbenchError: a value out of its range, or neither or both of power and n.
    """
    _check(effect, level, power, n)
    if not ratio > 0 or not math.isfinite(ratio):
        raise WorkbenchError(f"The ratio of the groups is {ratio:g}.", "Give a number above 0, such as 1.")

    def second(first: int) -> int:
        return max(1, math.ceil(first * ratio - 1e-9))

    def reached(first: int, other: int) -> float:
        return _t_power(effect * math.sqrt(first * other / (first + other)), first + other - 2, level)

    if n is None:
        first = _smallest(lambda count: reached(count, second(count)), power or 0.0, 2)
        other = second(first)
    else:
        first = min(n - 1, max(1, round(n / (1 + ratio))))
        other = n - first
    found = reached(first, other)
    return SampleSize(
        design="two groups",
        n=first + other,
        n_first=first,
        n_second=other,
        effect=effect,
        alpha=level.single,
        power=found,
        sentence=f"{first} and {other} children find a difference of {abs(effect):.4g} SD with a power of {found:.3f} "
        f"({level}).",
    )


def paired(effect: float, power: float | None = None, n: int | None = None, level: Level = LEVEL) -> SampleSize:
    """Paired t-test, such as left against right: children for a power, or the power of n children.

    Args:
        effect: d_z, mean difference over the SD of the differences.
        power: what is wanted; or
        n: children, each of them a pair.
        level: of the test.

    Raises:
        WorkbenchError: as in `two_groups`.
    """
    _check(effect, level, power, n, least=2)

    def reached(count: int) -> float:
        return _t_power(effect * math.sqrt(count), count - 1, level)

    count = _smallest(reached, power or 0.0, 2) if n is None else n
    return SampleSize(
        design="paired",
        n=count,
        effect=effect,
        alpha=level.single,
        power=reached(count),
        sentence=f"{count} children find a mean difference of {abs(effect):.4g} SD of the differences with a power of "
        f"{reached(count):.3f} ({level}).",
    )


def slope(
    slope: float,
    residual_sd: float,
    predictor_sd: float,
    power: float | None = None,
    n: int | None = None,
    covariates: int = 1,
    level: Level = LEVEL,
) -> SampleSize:
    """One slope of a linear model, such as cm³ a year: children for a power, or the power of n children.

    λ = n · f², f² = (slope · SD of the predictor / residual SD)², df = n − covariates − 2 (G*Power's "linear multiple
    regression, fixed model, single regression coefficient").

    Args:
        slope: change of the volume with age, in cm³ a year.
        residual_sd: SD of the volume around the model, in cm³.
        predictor_sd: SD of age in years, the part that the covariates do not explain.
        power: what is wanted; or
        n: children.
        covariates: other predictors in the model, such as 1 for sex.
        level: of the test.

    Raises:
        WorkbenchError: as in `two_groups`.
    """
    for name, value in (("residual SD", residual_sd), ("SD of the predictor", predictor_sd)):
        if not value > 0 or not math.isfinite(value):
            raise WorkbenchError(f"The {name} is {value:g}.", "Give a number above 0.")
    if covariates < 0:
        raise WorkbenchError(f"{covariates} covariates are not possible.", "Give 0 or more.")
    root = slope * predictor_sd / residual_sd
    _check(root, level, power, n, least=covariates + 3)

    def reached(count: int) -> float:
        return _t_power(root * math.sqrt(count), count - covariates - 2, level)

    count = _smallest(reached, power or 0.0, covariates + 3) if n is None else n
    return SampleSize(
        design="slope",
        n=count,
        effect=root**2,
        alpha=level.single,
        power=reached(count),
        sentence=f"{count} children find a slope of {abs(slope):.4g} cm³ a year (f² = {root**2:.4g}, other predictors: "
        f"{covariates}) with a power of {reached(count):.3f} ({level}).",
    )


def centile(
    centile: float,
    half_width: float | None = None,
    n: int | None = None,
    sd: float | None = None,
    confidence: float = 0.95,
    off_age: float = 0.0,
    normal: bool = True,
) -> SampleSize:
    """Precision of a centile: children of one sex for a half-width of its interval, or the half-width that n give.

    The norm is a straight line along age with one SD around it. Normal: the centile is mean + z · SD, with the variance
    SD² (1 + k² + z²/2) / n, k the distance from the mean age in SD of age. Otherwise distribution-free, as a linear
    quantile regression gives it: p (1 − p) (1 + k²) / (n f²), with the normal density f at the centile.

    Args:
        centile: between 0 and 100.
        half_width: wanted half-width of the interval, in the unit of `sd`; or
        n: children.
        sd: SD of the volume at one age, such as 16.2 cm³; None for a half-width in SD.
        confidence: of the interval.
        off_age: where along age the centile is read, in SD of age from the mean age: 0 is the middle, √3 = 1.73 either
            end of ages that fill a range evenly.
        normal: whether volumes are taken for normal.

    Raises:
        WorkbenchError: a value out of its range, or neither or both of half-width and n.
    """
    from scipy.stats import norm

    if not 0 < centile < 100:
        raise WorkbenchError(f"There is no centile {centile:g}.", "Give a number between 0 and 100, such as 5.")
    unit, sd = ("SD", 1.0) if sd is None else ("cm³", sd)
    if not sd > 0 or not math.isfinite(sd):
        raise WorkbenchError(f"The SD is {sd:g}.", "Give a number above 0.")
    if not 0.5 <= confidence < 1:
        raise WorkbenchError(f"A confidence of {confidence:g} is not possible.", "Give 0.95, for example.")
    if not math.isfinite(off_age):
        raise WorkbenchError(f"The distance from the mean age is {off_age:g}.", "Give 0, or 1.73 for the end.")
    if (half_width is None) == (n is None):
        raise WorkbenchError("Either the half-width or n is to be found.", "Give exactly one of them.")
    if half_width is not None and not (half_width > 0 and math.isfinite(half_width)):
        raise WorkbenchError(f"The half-width is {half_width:g}.", "Give a number above 0.")
    if n is not None and n < 3:
        raise WorkbenchError(f"{n} children are too few for a line and a spread.", "Give 3 or more.")
    share = centile / 100
    z = float(norm.ppf(share))
    place = 1 + off_age**2
    one = place + z * z / 2 if normal else place * share * (1 - share) / float(norm.pdf(z)) ** 2
    reach = float(norm.ppf((1 + confidence) / 2)) * math.sqrt(one) * sd
    needed = float(n or 0) if half_width is None else (reach / half_width) ** 2
    if needed > MOST:
        raise WorkbenchError(f"That needs more than {MOST:,} children.", "Give a wider interval, or a lower n.")
    count = max(3, math.ceil(needed - 1e-9))
    width = reach / math.sqrt(count)
    points = 100 * float(norm.pdf(z)) * width / sd
    spread = f", SD {sd:.4g} cm³" if unit == "cm³" else ""
    return SampleSize(
        design="centile",
        n=count,
        effect=width / sd,
        alpha=1 - confidence,
        half_width=width,
        sentence=f"{count} children of one sex give centile {centile:g} to ± {width:.4g} {unit} "
        f"({100 * confidence:g} % interval{spread}, {abs(off_age):g} SD of age off the mean age; "
        f"± {points:.2g} centile points; "
        f"{'normal volumes' if normal else 'any distribution, as by quantile regression'}).",
    )


def along(ask: Callable[[int], SampleSize], answer: SampleSize, points: int = 41) -> list[SampleSize]:
    """The answers for other numbers of children, from few to twice as many as in one answer, fewest first.

    Args:
        ask: the same question with n given.
        answer: what was answered; it is among them.
        points: how many at most.
    """
    found = {answer.n: answer}
    for i in range(points):
        n = max(3, round(2 * answer.n * (i + 1) / points))
        if n not in found and n <= MOST:
            with suppress(WorkbenchError):  # too few children for the question: the curve begins later
                found[n] = ask(n)
    return [found[n] for n in sorted(found)]


def _t_power(noncentrality: float, df: int, level: Level) -> float:
    """Power of a t-test, both tails counted in a two-sided one."""
    from scipy.stats import nct, t

    if df < 1:
        return 0.0
    shift, one_sided = abs(noncentrality), level.sides == "one-sided"
    limit = float(t.isf(level.single if one_sided else level.single / 2, df))
    if shift > limit + _CERTAIN:  # the tail beyond is 0 to every digit, and nct loses its way there
        return 1.0
    above = float(nct.sf(limit, df, shift))
    return above if one_sided else above + float(nct.cdf(-limit, df, shift))


def _smallest(reached: Callable[[int], float], power: float, least: int) -> int:
    """The smallest n with at least this power; power grows with n."""
    high = least
    while reached(high) < power:
        high *= 2
        if high > MOST:
            raise WorkbenchError(
                f"A power of {power:g} needs more than {MOST:,} children.", "Give a larger effect or a lower power."
            )
    low = max(least, high // 2)
    while low < high:
        middle = (low + high) // 2
        if reached(middle) >= power:
            high = middle
        else:
            low = middle + 1
    return high


def _check(effect: float, level: Level, power: float | None, n: int | None, least: int = 3) -> None:
    """Look at all that was given."""
    if (power is None) == (n is None):
        raise WorkbenchError("Either the power or n is to be found.", "Give exactly one of them.")
    if not math.isfinite(effect) or effect == 0:
        raise WorkbenchError(f"An effect of {effect:g} cannot be found by any number of children.", "Give one above 0.")
    if power is not None and not level.single < power < 1:
        raise WorkbenchError(f"A power of {power:g} is not possible.", "Give a number above alpha and below 1: 0.8.")
    if n is not None and n < least:
        raise WorkbenchError(f"{n} children are too few for this test.", f"Give {least} or more.")
    if n is not None and n > MOST:
        raise WorkbenchError(f"{n:,} children are more than this can answer for.", f"Give {MOST:,} or fewer.")


def spread_of(norm: "Norm", name: str, difference: bool = False) -> float:
    """SD in cm³ to plan with: of a region at the norm's middle age, or of right minus left of a pair.

    The wider one of the sexes that the norm holds: it asks for more children, not for too few.

    Args:
        norm: that the spread is of.
        name: of a region, or of a pair for a difference.
        difference: whether right minus left of a pair is meant.

    Raises:
        WorkbenchError: the norm has no such region or pair.
    """
    limits = norm.limits
    known = norm.pairs if difference else norm.regions
    if name not in known:
        what = "pair" if difference else "region"
        raise WorkbenchError(f"The norm {norm.name} has no {what} {name!r}.", f"It has {', '.join(known)}.")
    age = (limits.age_min_years + limits.age_max_years) / 2
    sexes = [sex for sex, n in (("M", limits.n_male), ("F", limits.n_female)) if n]
    return max(norm.asymmetry_sd(name, sex) if difference else norm.sd(name, sex, age) for sex in sexes)
