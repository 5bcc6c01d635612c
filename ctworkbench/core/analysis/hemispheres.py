"""Left against right of each pair, by sex: the article's Table 5."""

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from ctworkbench.core.analysis.multiplicity import holm
from ctworkbench.core.analysis.observations import Ledger, Observation, Row, measured, scan_of
from ctworkbench.core.norms import SEX_CODE

MIN_CHILDREN = 3


class Hemispheres(Row):
    """One pair in one sex of Table 5. All differences are right minus left, in cm³; a positive t says right is larger.

    Attributes:
        d_z: mean difference over the SD of the differences, which is t / √n.
        d_av: mean difference over the mean of both sides' SDs.
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


def hemispheres(rows: Sequence[Observation], ledger: Ledger | None = None) -> list[Hemispheres]:
    """Table 5: paired t-test of right against left of every pair, in boys, in girls."""
    import numpy as np
    from scipy import stats

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
                f"Table 5 lacks {pair} in {name}: {len(whole)} scans have both sides, at least {MIN_CHILDREN} must."
            )
            continue
        right = np.array([both["right"].volume_cm3 for both in whole])
        left = np.array([both["left"].volume_cm3 for both in whole])
        difference, n = right - left, len(whole)
        mean, sd = float(difference.mean()), float(difference.std(ddof=1))
        right_sd, left_sd = float(right.std(ddof=1)), float(left.std(ddof=1))
        half = float(stats.t.ppf(0.975, n - 1)) * sd / math.sqrt(n)
        varies = sd > 1e-9 * max(abs(float(right.mean())), 1e-9)
        if not varies:
            ledger.note(f"Table 5 has no t of the {pair} pair in {name}: all differences are equal.")
        t = mean / (sd / math.sqrt(n)) if varies else None
        found.append(
            Hemispheres(
                pair=pair,
                sex=sex,
                n=n,
                right_mean_cm3=float(right.mean()),
                right_sd_cm3=right_sd,
                left_mean_cm3=float(left.mean()),
                left_sd_cm3=left_sd,
                difference_cm3=mean,
                ci_low=mean - half,
                ci_high=mean + half,
                t=t,
                df=n - 1,
                p=None if t is None else float(2 * stats.t.sf(abs(t), n - 1)),
                p_holm=None,
                d_z=mean / sd if varies else None,
                d_av=mean / ((right_sd + left_sd) / 2) if right_sd + left_sd > 0 else None,
            )
        )
    if not found:
        ledger.note("Table 5 is empty: no pair was measured on both sides in enough children of one sex.")
    corrected = holm([row.p for row in found])
    return [row.model_copy(update={"p_holm": p}) for row, p in zip(found, corrected, strict=True)]
