"""Left against right of each pair, by sex: the article's Table 5, with both effect sizes of the paired test."""

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ctworkbench.core.analysis.intervals import noncentrality_of_t
from ctworkbench.core.analysis.multiplicity import fdr, holm
from ctworkbench.core.analysis.observations import Ledger, Observation, Row, measured, scan_of
from ctworkbench.core.norms import SEX_CODE
from ctworkbench.core.schemes import spoken
from ctworkbench.core.wording import count

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MIN_CHILDREN = 3


class Hemispheres(Row):
    """One pair in one sex of Table 5. All differences are right minus left, in cm³; a positive t says right is larger.

    Attributes:
        p: exact and two-sided; p_holm and p_fdr are corrected for all tests of the table (pairs × sexes).
        d_z: mean difference over the SD of the differences, which is t / √n (Lakens 2013, Front Psychol 4:863): how
            regular the difference is. Its interval is that of the noncentral t, over √n.
        d_av: mean difference over the mean of both sides' SDs, (SD right + SD left) / 2 (Lakens 2013): how large the
            difference is beside the scatter of the volumes. Its interval is that of d_z times SD of the differences
            over the mean SD (after Algina and Keselman 2003, Educ Psychol Meas 63:537).
    """

    pair: str
    sex: str
    n: int
    right_mean_cm3: float
    right_sd_cm3: float
    left_mean_cm3: float
    left_sd_cm3: float
    difference_cm3: float
    ci_low: float
    ci_high: float
    t: float | None
    df: int
    p: float | None
    p_holm: float | None
    d_z: float | None
    d_av: float | None
    difference_sd_cm3: float = 0.0
    p_fdr: float | None = None
    d_z_low: float | None = None
    d_z_high: float | None = None
    d_av_low: float | None = None
    d_av_high: float | None = None


def hemispheres(rows: Sequence[Observation], ledger: Ledger | None = None) -> list[Hemispheres]:
    """Table 5: paired t-test of right against left of every pair, in boys, in girls."""
    import numpy as np

    ledger = ledger or Ledger()
    sides: dict[tuple[str, str], dict[tuple[Any, ...], dict[str, Observation]]] = defaultdict(lambda: defaultdict(dict))
    for row in measured(rows, "table5", ledger):
        side, _, pair = row.region.partition("_")
        if side not in ("right", "left"):
            continue
        if row.sex in SEX_CODE:
            sides[pair, row.sex or ""][scan_of(row)][side] = row
        else:
            ledger.exclude("table5", "sex unknown", row)
    found: list[Hemispheres] = []
    for (pair, sex), scans in sides.items():
        whole = [both for both in scans.values() if len(both) == 2]
        for both in scans.values():
            for row in both.values() if len(both) < 2 else ():
                ledger.exclude("table5", "the other side was not measured", row)
        name = {"M": "boys", "F": "girls"}[sex]
        if len(whole) < MIN_CHILDREN:
            ledger.note(
                f"Table 5 lacks the {spoken(pair)} in {name}: {count(len(whole), 'scan has', 'scans have')} both "
                f"sides, at least {MIN_CHILDREN} must."
            )
            continue
        right = np.array([both["right"].volume_cm3 for both in whole])
        left = np.array([both["left"].volume_cm3 for both in whole])
        row = paired_test(pair, sex, right, left)
        if row.t is None:
            ledger.note(f"Table 5 has no t of the {spoken(pair)} in {name}: all differences are equal.")
        found.append(row)
    if not found:
        ledger.note("Table 5 is empty: no pair was measured on both sides in enough children of one sex.")
    ps = [row.p for row in found]
    return [
        row.model_copy(update={"p_holm": by_holm, "p_fdr": by_fdr})
        for row, by_holm, by_fdr in zip(found, holm(ps), fdr(ps), strict=True)
    ]


def paired_test(pair: str, sex: str, right: "NDArray[np.float64]", left: "NDArray[np.float64]") -> Hemispheres:
    """One line of Table 5, its p not corrected yet; no t and no d_z where all differences are equal.

    Args:
        pair: such as "frontal".
        sex: "M" or "F".
        right: volumes in cm³, of two scans or more.
        left: of the same scans in the same order.
    """
    from scipy.special import stdtr, stdtrit

    difference, n = right - left, right.size
    mean, sd = float(difference.mean()), float(difference.std(ddof=1))
    right_sd, left_sd = float(right.std(ddof=1)), float(left.std(ddof=1))
    half = float(stdtrit(n - 1, 0.975)) * sd / math.sqrt(n)
    t = mean / (sd / math.sqrt(n)) if sd > 1e-9 * max(abs(float(right.mean())), 1e-9) else None
    effects: dict[str, float] = {}
    if t is not None:
        low, high = (bound / math.sqrt(n) for bound in noncentrality_of_t(t, n - 1))
        effects = {"d_z_low": low, "d_z_high": high}
        if right_sd + left_sd > 0:
            share = sd / ((right_sd + left_sd) / 2)
            effects |= {"d_av_low": low * share, "d_av_high": high * share}
    return Hemispheres(
        pair=pair,
        sex=sex,
        n=n,
        right_mean_cm3=float(right.mean()),
        right_sd_cm3=right_sd,
        left_mean_cm3=float(left.mean()),
        left_sd_cm3=left_sd,
        difference_cm3=mean,
        difference_sd_cm3=sd,
        ci_low=mean - half,
        ci_high=mean + half,
        t=t,
        df=n - 1,
        p=None if t is None else float(2 * stdtr(n - 1, -abs(t))),
        p_holm=None,
        d_z=None if t is None else mean / sd,
        d_av=mean / ((right_sd + left_sd) / 2) if right_sd + left_sd > 0 else None,
        **effects,
    )
