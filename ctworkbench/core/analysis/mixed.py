"""Mixed models: sex and age with a random intercept of the site, of the scanner, or of the child who was scanned twice.

Method: linear mixed model with one random intercept, restricted maximum likelihood (Laird and Ware 1982, Biometrics
38:963). With one intercept all but the ratio of the two variances has a closed form, so the fit is a search along one
line (Bates et al. 2015, J Stat Softw 67:1, section 3, is the general case). statsmodels' MixedLM finds the same
estimates by searching with gradients in all parameters, with thousands of children a hundred times as slowly and to
three or four digits; the tests compare with lme4 and with it.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ctworkbench.core.analysis.adjusted import AGE, SEX
from ctworkbench.core.analysis.effects import Effect, corrected, least_squares, varies
from ctworkbench.core.analysis.observations import Row, finite
from ctworkbench.core.analysis.scans import Account, ScanVolumes, regions_of, tell_repeats, with_sex_and_age
from ctworkbench.core.schemes import spoken

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SITE, SCANNER, CHILD = "site", "scanner", "child"
MIN_REPEATED = 5
_FEW_GROUPS = 5
_LOG_RATIOS = (-7.0, 4.0)
_BOUNDARY = 1e-6


class Spread(Row):
    """The variances of one mixed model of one region, in cm³ as SD.

    Attributes:
        groups: number of sites, scanners or children; `smallest` and `largest` count their scans.
        sd_group, sd_residual: SD between groups and within them.
        icc: share of the variance between groups.
        chi2, p: likelihood-ratio test of "no difference between groups", p of the mixture ½χ²₀ + ½χ²₁ (Self and Liang
            1987, J Am Stat Assoc 82:605).
        outcome: what became of the fit: "", or why it is less than it seems.
    """

    model: str
    region: str
    n: int
    groups: int
    smallest: int
    largest: int
    sd_group: float
    sd_residual: float
    icc: float
    chi2: float
    p: float
    outcome: str = ""


def title(by: str) -> str:
    """Title of the model with a random intercept of the site, the scanner or the child."""
    return f"random intercept of the {by}"


def mixed(scans: Sequence[ScanVolumes], by: str, account: Account) -> tuple[list[Effect], list[Spread]]:
    """Volume = b0 + sex + age + intercept of the group + rest, for each region; sex and age effects, and the spread.

    Args:
        scans: the cohort.
        by: "site", "scanner" or "child".
        account: is told why there is no model, and what to know of it.
    """
    model = title(by)
    group_of: Callable[[ScanVolumes], str] = {
        SITE: lambda scan: scan.site,
        SCANNER: lambda scan: scan.scanner,
        CHILD: lambda scan: scan.subject,
    }[by]
    known: list[ScanVolumes] = []
    for scan in with_sex_and_age(scans, model, account):
        if group_of(scan):
            known.append(scan)
        else:
            account.leave_out(model, f"{by} unknown", scan)
    if not _can_tell_groups(known, by, group_of, account):
        return [], []
    if by != CHILD:
        tell_repeats(known, account)
    account.note(f"{model}: p and intervals of sex and age are Wald's, by the normal distribution.")
    effects: list[Effect] = []
    spreads: list[Spread] = []
    for region in regions_of(known):
        used = [scan for scan in known if region in scan.found]
        for scan in known:
            if region not in scan.found:
                account.leave_out(model, f"{spoken(region)} is not in the label map", scan)
        rows, spread = _fit(used, [group_of(scan) for scan in used], region, model, account)
        effects += rows
        spreads += [spread] if spread is not None else []
        if spread is None:
            account.no_fit(model, region, "it did not converge, or the scans do not tell the groups, sex and age apart")
    return corrected(effects), spreads


def _can_tell_groups(
    scans: Sequence[ScanVolumes], by: str, group_of: Callable[[ScanVolumes], str], account: Account
) -> bool:
    counts = Counter(group_of(scan) for scan in scans)
    if by == CHILD:
        repeated = sum(count > 1 for count in counts.values())
        if repeated < MIN_REPEATED:
            account.note(
                f"{title(by)}: no model. {repeated} children have more than one scan; {MIN_REPEATED} are needed to "
                "tell the differences between children from those between scans of one child."
            )
            return False
        return True
    if len(counts) < 2:
        there = f"all scans are of one {by} ({next(iter(counts))})" if counts else f"no scan has a {by}, sex and age"
        account.note(f"{title(by)}: no model, since {there}.")
        return False
    if sum(number > 1 for number in counts.values()) < 2:
        account.note(
            f"{title(by)}: no model, since fewer than two {by}s have two scans: a {by} of one scan cannot be told from "
            "its child."
        )
        return False
    if len(counts) < _FEW_GROUPS:
        account.note(
            f"{title(by)}: the SD between {len(counts)} groups is poorly known; {_FEW_GROUPS} or more are advised."
        )
    return True


def _fit(
    scans: Sequence[ScanVolumes], groups: Sequence[str], region: str, model: str, account: Account
) -> tuple[list[Effect], Spread | None]:
    """One region; no row where there is nothing to tell apart."""
    import numpy as np

    sex = np.array([scan.female for scan in scans], dtype=float)
    age = np.array([scan.age for scan in scans], dtype=float)
    volumes = np.array([scan.found[region] for scan in scans])
    columns: dict[str, NDArray[np.float64]] = {}
    terms: dict[str, tuple[dict[str, float], str]] = {}
    for name, term, unit, values in (("sex", SEX, "cm³", sex), ("age", AGE, "cm³/year", age)):
        if varies(values):
            columns[name], terms[term] = values - values.mean(), ({name: 1.0}, unit)
        else:
            account.note(f"{model}: {name} is the same in all scans of a fit and has no coefficient.")
    plain = least_squares(volumes, columns, terms, model, region, account)
    counts = Counter(groups)
    if len(counts) < 2 or len(counts) == len(groups) or (columns and not plain) or not varies(volumes):
        return [], None
    found = _random_intercept(volumes, np.column_stack([np.ones(volumes.size), *columns.values()]), groups)
    if found is None:
        return [], None
    outcome = ""
    if found.sd_group == 0:
        outcome = "singular: no spread is seen"
        account.note(f"{model}: some fits are singular (SD between groups 0); their coefficients are least squares'.")
    rows = [_effect(row, float(found.estimates[1 + i]), float(found.errors[1 + i])) for i, row in enumerate(plain)]
    variance = found.sd_group**2 + found.sd_residual**2
    return rows, Spread(
        model=model,
        region=region,
        n=volumes.size,
        groups=len(counts),
        smallest=min(counts.values()),
        largest=max(counts.values()),
        sd_group=found.sd_group,
        sd_residual=found.sd_residual,
        icc=found.sd_group**2 / variance,
        chi2=found.chi2,
        p=found.p,
        outcome=outcome,
    )


@dataclass(frozen=True)
class _Fit:
    estimates: "NDArray[np.float64]"
    errors: "NDArray[np.float64]"
    sd_group: float
    sd_residual: float
    chi2: float
    p: float


def _random_intercept(
    volumes: "NDArray[np.float64]", design: "NDArray[np.float64]", groups: Sequence[str]
) -> _Fit | None:
    """REML fit of one random intercept; None where the search finds no maximum within its bounds."""
    import numpy as np
    from scipy.optimize import brentq
    from scipy.stats import chi2

    # One scale for volumes and columns keeps the likelihood well rounded whatever the unit.
    scale = float(volumes.std())
    widths = np.array([1.0, *design[:, 1:].std(axis=0)])
    sums = _sums(volumes / scale, design / widths, groups)
    grid = np.linspace(*_LOG_RATIOS, 23)
    best = float(grid[int(np.argmin([_minus_log_likelihood(10**log_ratio, sums) for log_ratio in grid]))])
    step = float(grid[1] - grid[0])
    low, high = best - step, best + step

    def slope(log_ratio: float) -> float:
        return _slope(10**log_ratio, sums)

    ratio = 0.0
    if slope(low) < 0 < slope(high):  # the root of the slope is known to all digits; a search by height to half of them
        root = float(brentq(slope, low, high, xtol=1e-12))
        if root > _LOG_RATIOS[1] - step:  # no scatter within groups is left to divide by
            return None
        ratio = 10**root
    elif slope(high) <= 0:
        return None
    statistic = max(0.0, 2 * (_minus_log_likelihood(0.0, sums) - _minus_log_likelihood(ratio, sums)))
    ratio = ratio if statistic > _BOUNDARY else 0.0
    cross = _cross(ratio, sums)
    inverse = np.linalg.inv(cross[:-1, :-1])
    estimates = inverse @ cross[:-1, -1]
    variance = float(cross[-1, -1] - cross[:-1, -1] @ estimates) / sums.df
    return _Fit(
        estimates * scale / widths,
        np.sqrt(variance * np.diag(inverse)) * scale / widths,
        math.sqrt(ratio * variance) * scale,
        math.sqrt(variance) * scale,
        statistic if ratio > 0 else 0.0,
        float(chi2.sf(statistic, 1)) / 2 if ratio > 0 else 1.0,
    )


@dataclass(frozen=True)
class _Sums:
    """All that the likelihood knows of the scans, summed once: it is asked some forty times.

    Attributes:
        products: products of the columns of design and outcome, p + 1 square.
        of_groups: sums of these columns over each group, groups × (p + 1).
        sizes: scans of each group.
        df: scans less coefficients.
    """

    products: "NDArray[np.float64]"
    of_groups: "NDArray[np.float64]"
    sizes: "NDArray[np.intp]"
    df: int


def _sums(y: "NDArray[np.float64]", x: "NDArray[np.float64]", groups: Sequence[str]) -> _Sums:
    """Sums over the scans and over each group; y has n values, x is n × p, groups are named scan by scan."""
    import numpy as np

    _, of_scan = np.unique(np.asarray(groups), return_inverse=True)
    both = np.column_stack([x, y])
    columns = [np.bincount(of_scan, weights=column).astype(np.float64, copy=False) for column in both.T]
    return _Sums(both.T @ both, np.column_stack(columns), np.bincount(of_scan), y.size - x.shape[1])


def _minus_log_likelihood(ratio: float, sums: _Sums) -> float:
    """Minus the restricted log-likelihood without its constant, all but the variance ratio profiled out.

    The covariance is σ² (I + ratio · ZZ'), whose inverse takes c = ratio / (1 + ratio · n) of a group's sums off.

    Args:
        ratio: variance between groups over variance within, 0 or more.
        sums: what is to be known of the scans.
    """
    import numpy as np

    cross = _cross(ratio, sums)
    xx, xy, yy = cross[:-1, :-1], cross[:-1, -1], float(cross[-1, -1])
    rest = max(yy - float(xy @ np.linalg.solve(xx, xy)), 1e-300)
    logs = sums.df * math.log(rest / sums.df)
    return (logs + float(np.log1p(ratio * sums.sizes).sum()) + float(np.linalg.slogdet(xx)[1])) / 2


def _slope(ratio: float, sums: _Sums) -> float:
    """Derivative of `_minus_log_likelihood` by the ratio; arguments as there."""
    import numpy as np

    cross = _cross(ratio, sums)
    estimates = np.linalg.solve(cross[:-1, :-1], cross[:-1, -1])
    rest = float(cross[-1, -1] - cross[:-1, -1] @ estimates)
    kept = 1 / (1 + ratio * sums.sizes)
    change = -sums.of_groups.T @ (kept[:, None] ** 2 * sums.of_groups)
    contrast = np.append(-estimates, 1.0)
    of_rest = sums.df * float(contrast @ change @ contrast) / max(rest, 1e-300)
    of_design = float(np.trace(np.linalg.solve(cross[:-1, :-1], change[:-1, :-1])))
    return (of_rest + float((sums.sizes * kept).sum()) + of_design) / 2


def _cross(ratio: float, sums: _Sums) -> "NDArray[np.float64]":
    """Products of the columns of design and outcome, p + 1 square, weighted by the inverse of I + ratio · ZZ'."""
    weights = ratio / (1 + ratio * sums.sizes)
    return sums.products - sums.of_groups.T @ (weights[:, None] * sums.of_groups)


def _effect(plain: Effect, estimate: float, error: float) -> Effect:
    """The row of least squares with the mixed model's numbers in place."""
    from scipy.stats import norm

    z, half = estimate / error, float(norm.ppf(0.975)) * error
    return plain.model_copy(
        update={
            "estimate": estimate,
            "standard_error": error,
            "ci_low": estimate - half,
            "ci_high": estimate + half,
            "statistic": finite(z),
            "df": None,
            "p": finite(float(2 * norm.sf(abs(z)))),
            "partial_eta2": None,
            "r_squared": None,
        }
    )
