"""Least squares of each region on sex and age: the article's Tables 3 and 4."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ctworkbench.core.analysis.multiplicity import holm
from ctworkbench.core.analysis.observations import Ledger, Observation, Row, by_region, finite, with_sex_and_age
from ctworkbench.core.norms import SEX_CODE

if TYPE_CHECKING:
    from numpy.typing import NDArray

MIN_CHILDREN = 3
_SAME_AGE_YEARS = 1e-6


class Coefficient(Row):
    """One coefficient of Tables 3 and 4; `term` is "intercept", "sex" (cm³, female minus male) or "age" (cm³ a year).

    Attributes:
        p_holm: p corrected for the number of regions tested with the same term.
        n: scans in the fit.
        r_squared: of the whole fit.
        residual_sd_cm3: of the whole fit, with its degrees of freedom.
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


def regression(rows: Sequence[Observation], ledger: Ledger | None = None) -> list[Coefficient]:
    """Tables 3 and 4: volume = b0 + b_sex * sex + b_age * age of each region (sex 1 male, 2 female; age in years).

    A term that does not vary in the cohort is left out of the fit with a note; a region with too few scans has none.
    """
    import numpy as np
    from statsmodels.regression.linear_model import OLS

    ledger = ledger or Ledger()
    fits: list[Coefficient] = []
    for region, group in by_region(with_sex_and_age(rows, ledger)).items():
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
            ledger.note(
                f"Tables 3 and 4 have no fit of {region}: {len(group)} scans with sex and age cannot tell "
                f"{design.shape[1]} coefficients and their scatter apart."
            )
            continue
        fit: Any = OLS(np.array([row.volume_cm3 for row in group]), design).fit()
        interval = np.asarray(fit.conf_int())
        for i, term in enumerate(columns):
            fits.append(
                Coefficient(
                    region=region,
                    term=term,
                    coefficient=float(fit.params[i]),
                    standard_error=float(fit.bse[i]),
                    t=finite(fit.tvalues[i]),
                    p=finite(fit.pvalues[i]),
                    p_holm=None,
                    ci_low=float(interval[i, 0]),
                    ci_high=float(interval[i, 1]),
                    n=len(group),
                    r_squared=finite(fit.rsquared) if fit.centered_tss > 0 else None,
                    residual_sd_cm3=math.sqrt(float(fit.mse_resid)),
                )
            )
    corrected = {term: holm([row.p for row in fits if row.term == term]) for term in ("intercept", "sex", "age")}
    return [row.model_copy(update={"p_holm": corrected[row.term].pop(0)}) for row in fits]
