"""Coefficients of a linear model as rows of a table: interval, exact p, effect size, corrected p."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ctworkbench.core.analysis.multiplicity import fdr, holm
from ctworkbench.core.analysis.observations import Row, finite
from ctworkbench.core.analysis.scans import Account
from ctworkbench.core.wording import count

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SAME = 1e-6
_NO_SCATTER = 1e-10  # of the largest outcome


class Effect(Row):
    """One coefficient of one model of one outcome.

    Attributes:
        outcome: region or pair.
        estimate: in `unit`; a sex effect is girls minus boys.
        statistic: t of least squares, z of a mixed model.
        df: residual degrees of freedom; None where the normal distribution is used.
        p: exact and two-sided.
        p_holm, p_fdr: p corrected for the outcomes tested with the same term of the same model (Holm 1979;
            Benjamini and Hochberg 1995).
        partial_eta2: t² / (t² + df), share of the variance left by the other terms; of one coefficient the same as
            partial R². None in a mixed model.
        n: scans in the fit.
        r_squared: of the whole fit; None in a mixed model.
    """

    model: str
    outcome: str
    term: str
    unit: str
    estimate: float
    standard_error: float
    ci_low: float
    ci_high: float
    statistic: float | None
    df: int | None
    p: float | None
    p_holm: float | None = None
    p_fdr: float | None = None
    partial_eta2: float | None = None
    n: int
    r_squared: float | None = None


def varies(values: "NDArray[np.float64]") -> bool:
    """Whether a variable differs between scans by more than rounding."""
    return values.size > 1 and float(values.max() - values.min()) > _SAME


def least_squares(
    volumes: "NDArray[np.float64]",
    columns: "Mapping[str, NDArray[np.float64]]",
    terms: Mapping[str, tuple[Mapping[str, float], str]],
    model: str,
    outcome: str,
    account: Account,
) -> list[Effect]:
    """Fit one outcome by least squares; one row for each term, none where the data cannot tell the terms apart.

    Args:
        volumes: outcome, n values.
        columns: the design without its intercept, n values each.
        terms: title of a row → (weights of columns that are summed, unit); a single coefficient has the weight 1.
        model: title of the model.
        outcome: region or pair.
        account: is told why there is no fit, or a fit without scatter, which has no t and no p.
    """
    import numpy as np
    from scipy import stats
    from statsmodels.regression.linear_model import OLS

    design = np.column_stack([np.ones(volumes.size), *columns.values()])
    if volumes.size < design.shape[1] + 2 or np.linalg.matrix_rank(_scaled(design)) < design.shape[1]:
        account.no_fit(
            model,
            outcome,
            f"{count(volumes.size, 'scan')} cannot tell {design.shape[1]} coefficients and their scatter apart",
        )
        return []
    fit: Any = OLS(volumes, design).fit()
    params, covariance, df = np.asarray(fit.params), np.asarray(fit.cov_params()), int(fit.df_resid)
    reach = float(stats.t.ppf(0.975, df))
    scatters = math.sqrt(float(fit.mse_resid)) > _NO_SCATTER * float(np.abs(volumes).max())
    if not scatters:
        account.note(f"{model}: all values of {outcome} lie on the fit; without scatter there is no t and no p.")
    names = list(columns)
    rows: list[Effect] = []
    for title, (weights, unit) in terms.items():
        contrast = np.zeros(design.shape[1])
        for name, weight in weights.items():
            contrast[1 + names.index(name)] = weight
        estimate, error = float(contrast @ params), math.sqrt(float(contrast @ covariance @ contrast))
        t = estimate / error if scatters and error > 0 else math.nan
        rows.append(
            Effect(
                model=model,
                outcome=outcome,
                term=title,
                unit=unit,
                estimate=estimate,
                standard_error=error,
                ci_low=estimate - reach * error,
                ci_high=estimate + reach * error,
                statistic=finite(t),
                df=df,
                p=finite(float(2 * stats.t.sf(abs(t), df))),
                partial_eta2=finite(t * t / (t * t + df)),
                n=int(volumes.size),
                r_squared=finite(float(fit.rsquared)) if fit.centered_tss > 0 else None,
            )
        )
    return rows


def corrected(rows: Sequence[Effect]) -> list[Effect]:
    """The rows with p corrected over the outcomes of each term of each model."""
    families: dict[tuple[str, str], list[int]] = {}
    for i, row in enumerate(rows):
        families.setdefault((row.model, row.term), []).append(i)
    done = list(rows)
    for places in families.values():
        ps = [rows[i].p for i in places]
        for i, by_holm, by_fdr in zip(places, holm(ps), fdr(ps), strict=True):
            done[i] = rows[i].model_copy(update={"p_holm": by_holm, "p_fdr": by_fdr})
    return done


def _scaled(design: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """The design with columns of length 1, so that its rank does not hang on units."""
    import numpy as np

    return design / np.linalg.norm(design, axis=0).clip(min=1e-300)
