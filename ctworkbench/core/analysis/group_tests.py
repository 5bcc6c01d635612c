"""Tests of age and of sex between groups of children, each with its effect size."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ctworkbench.core.analysis.intervals import noncentrality_of_chi2, noncentrality_of_f, noncentrality_of_t
from ctworkbench.core.analysis.observations import Ledger, Row, finite

MIN_CHILDREN = 2
_FEW_EXPECTED = 5.0


class GroupTest(Row):
    """One test of Table 1; p is exact, two-sided, and not corrected: the tests of a variable ask one question.

    Attributes:
        variable: "age" or "sex".
        statistic: t, F or χ² by `test`; None for Fisher's.
        df2: second degrees of freedom of an F.
        difference: mean age of the first group minus the second's, in years, with its 95 % interval.
        effect: name of the effect size.

            - "Cohen's d" (Student): difference / s, s² = Σ(nᵢ − 1)sᵢ² / (n − 2); interval by the noncentral t.
            - "d of mean variance" (Welch): difference / s, s² = (s₁² + s₂²) / 2; interval of Bonett (2008, Psychol
              Methods 13:99).
            - "η²" (analysis of variance): sum of squares between / total; interval λ / (λ + n) by the noncentral F,
              none for Welch's.
            - "Cramér's V": √(χ² / (n · (k − 1))), k the smaller number of rows and columns (in 2 × 2 it is φ); interval
              √(λ / (n · (k − 1))) by the noncentral χ². It is taken of χ² without correction for either row.
            - "odds ratio" (Fisher): boys to girls in the first group over the same in the second, a d / (b c);
              interval of Woolf (1955, Ann Hum Genet 19:251).
    """

    grouping: str
    variable: str
    test: str
    n: int
    statistic: float | None
    df: float | None
    p: float | None
    df2: float | None = None
    difference: float | None = None
    difference_low: float | None = None
    difference_high: float | None = None
    effect: str = ""
    effect_size: float | None = None
    effect_low: float | None = None
    effect_high: float | None = None


def age_tests(grouping: str, ages: Mapping[str, Sequence[float]], ledger: Ledger) -> list[GroupTest]:
    """Student's and Welch's t-test of two groups, analysis of variance and Welch's of more; ages in years by group.

    A group of one child has no spread of its own: it is left out by name where two others remain.
    """
    samples = [np.array(group, dtype=float) for group in ages.values() if len(group) >= MIN_CHILDREN]
    small = [name for name, group in ages.items() if len(group) < MIN_CHILDREN]
    if len(samples) < 2:
        ledger.note(
            f"Table 1 has no test of age between groups (by {grouping}): each needs {MIN_CHILDREN} children of known "
            "age."
        )
        return []
    if small:
        ledger.note(
            f"Table 1: the tests of age by {grouping} are without {', '.join(small)}, which "
            f"{'has' if len(small) == 1 else 'have'} fewer than {MIN_CHILDREN} children of known age."
        )
    if sum(float(((sample - sample.mean()) ** 2).sum()) for sample in samples) <= 1e-12:
        ledger.note(f"Table 1 has no test of age between groups (by {grouping}): all ages of a group are equal.")
        return []
    if len(samples) == 2:
        return [_student(grouping, *samples), *_welch(grouping, *samples)]
    return _variance(grouping, samples)


def sex_tests(grouping: str, counts: Sequence[tuple[int, int]], ledger: Ledger) -> list[GroupTest]:
    """χ² of sex by group without and, for two groups, with Yates' correction; Fisher's where an expected count is low.

    Args:
        grouping: what divides the children.
        counts: boys and girls of each group.
        ledger: is told why there is no test.
    """
    from scipy.stats import chi2_contingency, fisher_exact

    table = np.array([row for row in counts if sum(row)], dtype=float)
    if len(table) < 2 or not table.sum(axis=0).all():
        ledger.note(f"Table 1 has no test of sex between groups (by {grouping}): one sex or one group is empty.")
        return []
    n, smaller = int(table.sum()), min(table.shape) - 1
    plain = chi2_contingency(table, correction=False)
    df = int(plain.dof)
    v = math.sqrt(float(plain.statistic) / (n * smaller))
    low, high = (math.sqrt(x / (n * smaller)) for x in noncentrality_of_chi2(float(plain.statistic), df))
    if high < v:
        ledger.note(
            f"Table 1: Cramér's V (by {grouping}) lies above its interval, which ends at {high:.3f}: the "
            "groups are more alike than chance makes most groups that do not differ."
        )
    found = [
        GroupTest(
            grouping=grouping,
            variable="sex",
            test="χ² without correction",
            n=n,
            statistic=float(plain.statistic),
            df=df,
            p=float(plain.pvalue),
            effect="Cramér's V",
            effect_size=v,
            effect_low=low,
            effect_high=min(1.0, high),
        )
    ]
    if table.shape == (2, 2):
        yates = chi2_contingency(table, correction=True)
        found.append(
            GroupTest(
                grouping=grouping,
                variable="sex",
                test="χ² with Yates' correction",
                n=n,
                statistic=float(yates.statistic),
                df=df,
                p=float(yates.pvalue),
                effect="Cramér's V",
                effect_size=v,
                effect_low=low,
                effect_high=min(1.0, high),
            )
        )
    if float(np.min(plain.expected_freq)) < _FEW_EXPECTED:
        ledger.note(
            f"Table 1: an expected count of boys or girls in a group (by {grouping}) is below {_FEW_EXPECTED:g}, so "
            "the p of χ² is rough" + (": prefer Fisher's." if table.shape == (2, 2) else ".")
        )
        if table.shape == (2, 2):
            found.append(_fisher(grouping, table, float(fisher_exact(table.astype(int))[1])))
    return found


def _student(grouping: str, a: NDArray[np.float64], b: NDArray[np.float64]) -> GroupTest:
    from scipy.special import stdtr, stdtrit

    df = a.size + b.size - 2
    difference = float(a.mean() - b.mean())
    sd = math.sqrt((float(a.var(ddof=1)) * (a.size - 1) + float(b.var(ddof=1)) * (b.size - 1)) / df)
    per_t = math.sqrt(1 / a.size + 1 / b.size)
    t = difference / (sd * per_t)
    half = float(stdtrit(df, 0.975)) * sd * per_t
    low, high = noncentrality_of_t(t, df)
    return GroupTest(
        grouping=grouping,
        variable="age",
        test="Student's t",
        n=a.size + b.size,
        statistic=t,
        df=df,
        p=float(2 * stdtr(df, -abs(t))),
        difference=difference,
        difference_low=difference - half,
        difference_high=difference + half,
        effect="Cohen's d",
        effect_size=difference / sd,
        effect_low=low * per_t,
        effect_high=high * per_t,
    )


def _welch(grouping: str, a: NDArray[np.float64], b: NDArray[np.float64]) -> list[GroupTest]:
    from scipy.special import ndtri, stdtr, stdtrit

    va, vb = float(a.var(ddof=1)), float(b.var(ddof=1))
    error2 = va / a.size + vb / b.size
    df = error2**2 / ((va / a.size) ** 2 / (a.size - 1) + (vb / b.size) ** 2 / (b.size - 1))
    difference = float(a.mean() - b.mean())
    t = difference / math.sqrt(error2)
    half = float(stdtrit(df, 0.975)) * math.sqrt(error2)
    mean_variance = (va + vb) / 2
    d = difference / math.sqrt(mean_variance)
    variance = d * d * (va**2 / (a.size - 1) + vb**2 / (b.size - 1)) / (8 * mean_variance**2)
    variance += (va / (a.size - 1) + vb / (b.size - 1)) / mean_variance
    reach = float(ndtri(0.975)) * math.sqrt(variance)
    return [
        GroupTest(
            grouping=grouping,
            variable="age",
            test="Welch's t",
            n=a.size + b.size,
            statistic=t,
            df=df,
            p=float(2 * stdtr(df, -abs(t))),
            difference=difference,
            difference_low=difference - half,
            difference_high=difference + half,
            effect="d of mean variance",
            effect_size=d,
            effect_low=d - reach,
            effect_high=d + reach,
        )
    ]


def _variance(grouping: str, samples: Sequence[NDArray[np.float64]]) -> list[GroupTest]:
    from scipy.special import fdtrc

    everyone = np.concatenate(samples)
    n, k = everyone.size, len(samples)
    between = sum(sample.size * float(sample.mean() - everyone.mean()) ** 2 for sample in samples)
    within = sum(float(((sample - sample.mean()) ** 2).sum()) for sample in samples)
    f = (between / (k - 1)) / (within / (n - k))
    low, high = (x / (x + n) for x in noncentrality_of_f(f, k - 1, n - k))
    share = between / (between + within)
    found = [
        GroupTest(
            grouping=grouping,
            variable="age",
            test="analysis of variance",
            n=n,
            statistic=f,
            df=k - 1,
            df2=n - k,
            p=float(fdtrc(k - 1, n - k, f)),
            effect="η²",
            effect_size=share,
            effect_low=finite(low),
            effect_high=finite(high),
        )
    ]
    variances = [float(sample.var(ddof=1)) for sample in samples]
    if min(variances) > 0:  # Welch (1951, Biometrika 38:330) weighs each mean by its own precision
        weights = np.array([sample.size / variance for sample, variance in zip(samples, variances, strict=True)])
        total = float(weights.sum())
        means = np.array([sample.mean() for sample in samples])
        middle = float(weights @ means) / total
        rest = sum((1 - w / total) ** 2 / (s.size - 1) for w, s in zip(weights, samples, strict=True)) / (k**2 - 1)
        statistic = float(weights @ (means - middle) ** 2) / ((k - 1) * (1 + 2 * (k - 2) * rest))
        df2 = 1 / (3 * rest)
        found.append(
            GroupTest(
                grouping=grouping,
                variable="age",
                test="Welch's analysis of variance",
                n=n,
                statistic=statistic,
                df=k - 1,
                df2=df2,
                p=finite(float(fdtrc(k - 1, df2, statistic))),
                effect="η²",
                effect_size=share,
            )
        )
    return found


def _fisher(grouping: str, table: NDArray[np.float64], p: float) -> GroupTest:
    from scipy.special import ndtri

    (a, b), (c, d) = table.tolist()
    ratio = low = high = None
    if min(a, b, c, d) > 0:
        ratio = a * d / (b * c)
        reach = float(ndtri(0.975)) * math.sqrt(1 / a + 1 / b + 1 / c + 1 / d)
        low, high = ratio * math.exp(-reach), ratio * math.exp(reach)
    return GroupTest(
        grouping=grouping,
        variable="sex",
        test="Fisher's exact",
        n=int(table.sum()),
        statistic=None,
        df=None,
        p=p,
        effect="odds ratio",
        effect_size=ratio,
        effect_low=low,
        effect_high=high,
    )
