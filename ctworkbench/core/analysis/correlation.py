"""Spearman's rank correlation of each region with age: in all, in boys, in girls, and in all with sex held constant."""

import math
from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from itertools import permutations
from typing import TYPE_CHECKING

from ctworkbench.core.analysis.intervals import correlation_interval
from ctworkbench.core.analysis.multiplicity import fdr, holm
from ctworkbench.core.analysis.observations import Ledger, Observation, Row, by_region, with_sex_and_age
from ctworkbench.core.norms import SEX_CODE
from ctworkbench.core.wording import count

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MIN_CHILDREN = 4
_EXACT_UP_TO = 9
_GROUPS = {"all": ("M", "F"), "M": ("M",), "F": ("F",)}


class Correlation(Row):
    """One correlation; `group` is "all", "M", "F", or "sex held" for the partial correlation in all, sex held constant.

    Attributes:
        rho: Spearman's ρ, the product-moment correlation of the ranks (ties share their mean rank); "sex held":
            (ρ_va − ρ_vs ρ_as) / √((1 − ρ_vs²)(1 − ρ_as²)) of volume, age and sex. It is its own effect size.
        ci_low, ci_high: 95 % interval through Fisher's z with the variance of Bonett and Wright (2000).
        t: ρ √(df / (1 − ρ²)), df = n − 2, less 1 where sex is held.
        p: two-sided; `method` says how: "t" from Student's t, "exact" by all permutations (n ≤ 9, no ties).
        p_holm, p_fdr: corrected for the regions of the same group.
    """

    region: str
    group: str
    n: int
    rho: float
    ci_low: float | None
    ci_high: float | None
    t: float | None
    df: int
    p: float | None
    p_holm: float | None = None
    p_fdr: float | None = None
    method: str = "t"


def correlations(rows: Sequence[Observation], ledger: Ledger | None = None) -> list[Correlation]:
    """Spearman's ρ of volume and age in years of each region and group; none where age or volume does not vary."""
    import numpy as np

    ledger = ledger or Ledger()
    found: list[Correlation] = []
    missing: dict[tuple[str, int], list[str]] = defaultdict(list)
    for region, scans in by_region(with_sex_and_age(rows, "correlation", ledger)).items():
        sex = np.array([SEX_CODE[row.sex or ""] for row in scans], dtype=float)
        age = np.array([row.age_years for row in scans], dtype=float)
        volume = np.array([row.volume_cm3 for row in scans], dtype=float)
        for group, sexes in _GROUPS.items():
            chosen = np.isin(sex, [SEX_CODE[name] for name in sexes])
            row = _spearman(region, group, volume[chosen], age[chosen])
            if row is not None:
                found.append(row)
            else:
                missing[group, int(chosen.sum())].append(region)
        if np.ptp(sex) > 0:
            partial = _partial(region, volume, age, sex)
            found += [partial] if partial is not None else []
    for (group, n), regions in missing.items():
        ledger.note(
            f"No correlation with age in {_named(group)} of {', '.join(regions)}: {count(n, 'scan')} with sex and age "
            f"(at least {MIN_CHILDREN} must be), or all ages or volumes are equal."
        )
    if not found:
        ledger.note("The table of correlations is empty.")
    done: list[Correlation] = []
    corrected = {
        group: (holm(ps), fdr(ps))
        for group in (*_GROUPS, "sex held")
        for ps in [[row.p for row in found if row.group == group]]
    }
    for row in found:
        by_holm, by_fdr = corrected[row.group]
        done.append(row.model_copy(update={"p_holm": by_holm.pop(0), "p_fdr": by_fdr.pop(0)}))
    return done


def _named(group: str) -> str:
    return {"all": "all", "M": "boys", "F": "girls"}[group]


def _spearman(region: str, group: str, volume: "NDArray[np.float64]", age: "NDArray[np.float64]") -> Correlation | None:
    import numpy as np

    n = volume.size
    if n < MIN_CHILDREN or np.ptp(volume) == 0 or np.ptp(age) == 0:
        return None
    a, b = _ranks(volume), _ranks(age)
    row = _correlation(region, group, _pearson(a, b), n, held=0)
    if n <= _EXACT_UP_TO and len(set(a)) == n and len(set(b)) == n:
        return row.model_copy(update={"p": _exact_p(n, round(float(((a - b) ** 2).sum()))), "method": "exact"})
    return row


def _partial(
    region: str, volume: "NDArray[np.float64]", age: "NDArray[np.float64]", sex: "NDArray[np.float64]"
) -> Correlation | None:
    import numpy as np

    if volume.size < MIN_CHILDREN + 1 or np.ptp(volume) == 0 or np.ptp(age) == 0:
        return None
    v, a, s = _ranks(volume), _ranks(age), _ranks(sex)
    va, vs, as_ = _pearson(v, a), _pearson(v, s), _pearson(a, s)
    scale = (1 - vs * vs) * (1 - as_ * as_)
    if scale <= 1e-12:  # age or volume is told by sex alone
        return None
    return _correlation(region, "sex held", (va - vs * as_) / math.sqrt(scale), volume.size, held=1)


def _correlation(region: str, group: str, rho: float, n: int, held: int) -> Correlation:
    from scipy.special import stdtr

    df = n - 2 - held
    rho = max(-1.0, min(1.0, rho))
    t = rho * math.sqrt(df / (1 - rho * rho)) if abs(rho) < 1 - 1e-15 else None
    low, high = correlation_interval(rho, n, held, ranks=True) or (None, None)
    p = 0.0 if t is None else float(2 * stdtr(df, -abs(t)))
    return Correlation(region=region, group=group, n=n, rho=rho, ci_low=low, ci_high=high, t=t, df=df, p=p)


def _ranks(values: "NDArray[np.float64]") -> "NDArray[np.float64]":
    from scipy.stats import rankdata

    return rankdata(values)


def _pearson(a: "NDArray[np.float64]", b: "NDArray[np.float64]") -> float:
    a, b = a - a.mean(), b - b.mean()
    return float((a @ b) / math.sqrt(float(a @ a) * float(b @ b)))


@cache
def _rank_distances(n: int) -> "NDArray[np.int64]":
    """Sum of squared differences of ranks of every permutation of n."""
    import numpy as np

    orders = np.array(list(permutations(range(n))), dtype=np.int16)
    return ((orders - np.arange(n)) ** 2).sum(axis=1)


def _exact_p(n: int, distance: int) -> float:
    """Two-sided p of a sum of squared rank differences, by all permutations (as R's `cor.test`, n ≤ 9)."""
    distances = _rank_distances(n)
    far = distance > (n**3 - n) / 6
    share = float((distances >= distance).mean() if far else (distances <= distance).mean())
    return min(1.0, 2 * share)
