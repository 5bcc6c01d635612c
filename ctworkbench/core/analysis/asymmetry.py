"""Asymmetry index of each pair, AI = (L − R) / ½(L + R): against 0, and with sex and age.

AI is positive where the left side is larger. It has no unit; 0.02 says that the left is 2 % of the pair's mean larger.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ctworkbench.core.analysis.adjusted import AGE, SEX
from ctworkbench.core.analysis.effects import Effect, corrected, least_squares, varies
from ctworkbench.core.analysis.multiplicity import fdr, holm
from ctworkbench.core.analysis.observations import Row, finite
from ctworkbench.core.analysis.scans import (
    Account,
    ScanVolumes,
    pairs_of,
    regions_of,
    tell_repeats,
    with_sex_and_age,
)
from ctworkbench.core.schemes import spoken

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ASYMMETRY = "asymmetry index"
MIN_SCANS = 3
_NO_SPREAD = 1e-10  # of the pair's mean; less is rounding
_GROUPS = {"all": ("M", "F"), "M": ("M",), "F": ("F",)}


class Asymmetry(Row):
    """One-sample t-test of AI against 0, of one pair in boys, girls or all with a known sex.

    Attributes:
        d: mean over SD (Cohen's d of one sample).
        p_holm, p_fdr: p corrected over the pairs of the same group.
    """

    pair: str
    sex: str
    n: int
    mean: float
    sd: float
    ci_low: float
    ci_high: float
    t: float | None
    df: int
    p: float | None
    p_holm: float | None = None
    p_fdr: float | None = None
    d: float | None = None


def index(scan: ScanVolumes, pair: str) -> float | None:
    """AI of a pair in a scan; None where a side is missing."""
    left, right = scan.volume(f"left_{pair}"), scan.volume(f"right_{pair}")
    return None if left is None or right is None else (left - right) / ((left + right) / 2)


def against_zero(scans: Sequence[ScanVolumes], account: Account) -> list[Asymmetry]:
    """Mean AI of each pair in all, boys and girls, with its t-test against 0."""
    tell_repeats(scans, account)
    known: list[ScanVolumes] = []
    for scan in scans:
        if scan.female is None:
            account.leave_out(ASYMMETRY, "sex unknown", scan)
        else:
            known.append(scan)
    done: list[Asymmetry] = []
    for sex, sexes in _GROUPS.items():
        rows: list[Asymmetry] = []
        for pair in pairs_of(regions_of(scans)):
            chosen = [scan for scan in known if scan.sex in sexes]
            row = _test(pair, sex, _indices(chosen, pair, ASYMMETRY, account))
            if row is not None:
                rows.append(row)
            elif chosen:
                account.no_fit(ASYMMETRY, f"{spoken(pair)} ({sex})", f"fewer than {MIN_SCANS} scans, or no spread")
        ps = [row.p for row in rows]
        for row, by_holm, by_fdr in zip(rows, holm(ps), fdr(ps), strict=True):
            done.append(row.model_copy(update={"p_holm": by_holm, "p_fdr": by_fdr}))
    if len({scan.sex for scan in known}) == 1:
        account.note(f"{ASYMMETRY}: all scans are of one sex.")
    return done


def with_covariates(scans: Sequence[ScanVolumes], account: Account) -> list[Effect]:
    """Least squares of AI on sex (0 boys, 1 girls) and age in years."""
    import numpy as np

    known = with_sex_and_age(scans, ASYMMETRY, account)
    rows: list[Effect] = []
    for pair in pairs_of(regions_of(scans)):
        used = [scan for scan in known if index(scan, pair) is not None]
        if not used:
            account.no_fit(ASYMMETRY, pair, "no scan is left")
            continue
        sex = np.array([scan.female for scan in used], dtype=float)
        age = np.array([scan.age for scan in used], dtype=float)
        columns: dict[str, NDArray[np.float64]] = {}
        terms: dict[str, tuple[dict[str, float], str]] = {}
        for name, title, unit, values in (("sex", SEX, "AI", sex), ("age", AGE, "AI/year", age)):
            if varies(values):
                columns[name], terms[title] = values - values.mean(), ({name: 1.0}, unit)
            else:
                account.note(f"{ASYMMETRY}: {name} is the same in all scans of a fit and has no coefficient.")
        if columns:
            rows += least_squares(_indices(used, pair, ASYMMETRY, account), columns, terms, ASYMMETRY, pair, account)
    return corrected(rows)


def _indices(scans: Sequence[ScanVolumes], pair: str, model: str, account: Account) -> "NDArray[np.float64]":
    import numpy as np

    values: list[float] = []
    for scan in scans:
        value = index(scan, pair)
        if value is None:
            account.leave_out(model, f"a side of the {spoken(pair)} is not in the label map", scan)
        else:
            values.append(value)
    return np.array(values)


def _test(pair: str, sex: str, values: "NDArray[np.float64]") -> Asymmetry | None:
    from scipy import stats

    n = values.size
    if n < MIN_SCANS or not float(values.std()) > _NO_SPREAD:
        return None
    mean, sd = float(values.mean()), float(values.std(ddof=1))
    error = sd / n**0.5
    half = float(stats.t.ppf(0.975, n - 1)) * error
    return Asymmetry(
        pair=pair,
        sex=sex,
        n=n,
        mean=mean,
        sd=sd,
        ci_low=mean - half,
        ci_high=mean + half,
        t=mean / error,
        df=n - 1,
        p=finite(float(2 * stats.t.sf(abs(mean / error), n - 1))),
        d=mean / sd,
    )
