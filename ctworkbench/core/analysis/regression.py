"""Least squares of each region on sex and age: the article's Tables 3 and 4, with what they leave out."""

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ctworkbench.core.analysis.intervals import noncentrality_of_f, noncentrality_of_t
from ctworkbench.core.analysis.multiplicity import fdr, holm
from ctworkbench.core.analysis.observations import Ledger, Observation, Row, by_region, finite, with_sex_and_age
from ctworkbench.core.norms import SEX_CODE
from ctworkbench.core.schemes import spoken
from ctworkbench.core.wording import count

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MIN_CHILDREN = 3
_SAME_AGE_YEARS = 1e-6
_NO_SCATTER = 1e-10


class Coefficient(Row):
    """One coefficient of Tables 3 and 4; `term` is "intercept", "sex" (cm³, female minus male) or "age" (cm³ a year).

    Attributes:
        df: residual degrees of freedom, n − number of coefficients.
        p: exact and two-sided; p_holm and p_fdr are corrected for the regions tested with the same term.
        ci_low, ci_high: 95 % interval of the coefficient, from Student's t.
        n: scans in the fit.
        r_squared: of the whole fit.
        residual_sd_cm3: of the whole fit, √(sum of squared residuals / df).
        d: adjusted standardized effect, coefficient / residual_sd_cm3: how many residual SDs girls differ from boys,
            or a year makes. Its interval is that of the noncentral t, times standard_error / residual_sd_cm3.
        partial_eta2: t² / (t² + df), the share of what the other terms leave that this one explains (partial R²). Its
            interval is λ / (λ + df + 2) of the noncentral F(1, df) (Steiger 2004, Psychol Methods 9:164).
    """

    region: str
    term: str
    coefficient: float
    standard_error: float
    t: float | None
    p: float | None
    p_holm: float | None
    ci_low: float
    ci_high: float
    n: int
    r_squared: float | None
    residual_sd_cm3: float
    p_fdr: float | None = None
    df: int = 0
    d: float | None = None
    d_low: float | None = None
    d_high: float | None = None
    partial_eta2: float | None = None
    partial_eta2_low: float | None = None
    partial_eta2_high: float | None = None


def regression(rows: Sequence[Observation], ledger: Ledger | None = None) -> list[Coefficient]:
    """Tables 3 and 4: volume = b0 + b_sex * sex + b_age * age of each region (sex 1 male, 2 female; age in years).

    A term that does not vary in the cohort is left out of the fit with a note; a region with too few scans has none.
    """
    import numpy as np

    ledger = ledger or Ledger()
    known = with_sex_and_age(rows, "table3_4", ledger)
    if not known:
        ledger.note("Tables 3 and 4 are empty: no volume has both sex and age.")
    fits: list[Coefficient] = []
    missing: dict[tuple[int, int], list[str]] = defaultdict(list)
    for region, group in by_region(known).items():
        sex = np.array([SEX_CODE[row.sex or ""] for row in group], dtype=float)
        age = np.array([row.age_years for row in group], dtype=float)
        columns: dict[str, NDArray] = {"intercept": np.ones(len(group))}
        if np.ptp(sex) > 0:
            columns["sex"] = sex
        else:
            ledger.note("Table 3 is empty or partial: all children of a fit are of one sex, so sex has no coefficient.")
        if np.ptp(age) > _SAME_AGE_YEARS:
            columns["age"] = age
        else:
            ledger.note("Table 4 is empty or partial: all ages of a fit are equal, so age has no coefficient.")
        design = np.column_stack(list(columns.values()))
        if len(group) < max(MIN_CHILDREN, design.shape[1] + 1) or np.linalg.matrix_rank(design) < design.shape[1]:
            missing[len(group), design.shape[1]].append(region)
            continue
        fits += _fit(region, np.array([row.volume_cm3 for row in group]), columns, design, ledger)
    for (n, coefficients), regions in missing.items():
        ledger.note(
            f"Tables 3 and 4 have no fit of {', '.join(regions)}: {count(n, 'scan')} with sex and age cannot tell "
            f"{count(coefficients, 'coefficient')} and the scatter apart."
        )
    by_holm = {term: holm([row.p for row in fits if row.term == term]) for term in ("intercept", "sex", "age")}
    by_fdr = {term: fdr([row.p for row in fits if row.term == term]) for term in ("intercept", "sex", "age")}
    return [
        row.model_copy(update={"p_holm": by_holm[row.term].pop(0), "p_fdr": by_fdr[row.term].pop(0)}) for row in fits
    ]


def _fit(
    region: str,
    volumes: "NDArray[np.float64]",
    columns: "dict[str, NDArray]",
    design: "NDArray[np.float64]",
    ledger: Ledger,
) -> list[Coefficient]:
    import numpy as np
    from statsmodels.regression.linear_model import OLS

    fit: Any = OLS(volumes, design).fit()
    interval = np.asarray(fit.conf_int())
    n, df = volumes.size, volumes.size - design.shape[1]
    residual = math.sqrt(float(fit.mse_resid))
    scatters = residual > _NO_SCATTER * float(np.abs(volumes).max())
    if not scatters:
        ledger.note(
            f"Tables 3 and 4: all volumes of the {spoken(region)} lie on the fit; without scatter there is no t and "
            "no p."
        )
    found: list[Coefficient] = []
    for i, term in enumerate(columns):
        t, error = finite(fit.tvalues[i]) if scatters else None, float(fit.bse[i])
        effects = {} if term == "intercept" or t is None else _effects(t, df, error, residual)
        found.append(
            Coefficient(
                region=region,
                term=term,
                coefficient=float(fit.params[i]),
                standard_error=error,
                t=t,
                p=finite(fit.pvalues[i]) if scatters else None,
                p_holm=None,
                ci_low=float(interval[i, 0]),
                ci_high=float(interval[i, 1]),
                n=n,
                r_squared=finite(fit.rsquared) if fit.centered_tss > 0 else None,
                residual_sd_cm3=residual,
                df=df,
                **effects,
            )
        )
    return found


def _effects(t: float, df: int, error: float, residual: float) -> dict[str, float]:
    """Both effect sizes of a coefficient with their 95 % intervals."""
    per_t = error / residual
    low, high = noncentrality_of_t(t, df)
    least, most = noncentrality_of_f(t * t, 1, df)
    return {
        "d": t * per_t,
        "d_low": low * per_t,
        "d_high": high * per_t,
        "partial_eta2": t * t / (t * t + df),
        "partial_eta2_low": least / (least + df + 2),
        "partial_eta2_high": most / (most + df + 2),
    }
