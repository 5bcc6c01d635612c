"""Mean and scatter of each region by sex: the article's Table 2, and what it leaves out."""

import math
from collections.abc import Sequence

import numpy as np

from ctworkbench.core.analysis.observations import Ledger, Observation, Row, by_region, measured
from ctworkbench.core.norms import SEX_CODE


class Description(Row):
    """One region of Table 2; volumes in cm³, `sex` "all", "M" or "F".

    Attributes:
        sd_cm3: with n − 1; None where n is below 2, as are the ends of the interval.
        ci_low, ci_high: 95 % interval of the mean, from Student's t.
        median_cm3, q1_cm3, q3_cm3: quartiles by linear interpolation (R's type 7).
    """

    region: str
    sex: str
    n: int
    mean_cm3: float | None
    sd_cm3: float | None
    ci_low: float | None = None
    ci_high: float | None = None
    median_cm3: float | None = None
    q1_cm3: float | None = None
    q3_cm3: float | None = None
    min_cm3: float | None = None
    max_cm3: float | None = None


def describe(rows: Sequence[Observation], ledger: Ledger | None = None) -> list[Description]:
    """Mean ± SD of each region, overall and by sex; overall are the boys and girls, and nobody else."""
    ledger = ledger or Ledger()
    found: list[Description] = []
    for region, group in by_region(measured(rows, "table2", ledger)).items():
        for sex in ("all", "M", "F"):
            values = [row.volume_cm3 for row in group if row.sex in (SEX_CODE if sex == "all" else {sex})]
            found.append(_description(region, sex, values))
        for row in group:
            if row.sex not in SEX_CODE:
                ledger.exclude("table2", "sex unknown", row)
    if not found:
        ledger.note("Table 2 is empty: no volumes were given.")
    return found


def _description(region: str, sex: str, volumes: Sequence[float]) -> Description:
    from scipy.special import stdtrit

    if not volumes:
        return Description(region=region, sex=sex, n=0, mean_cm3=None, sd_cm3=None)
    values = np.array(volumes)
    n, mean = values.size, float(values.mean())
    sd = float(values.std(ddof=1)) if n > 1 else None
    half = None if sd is None else float(stdtrit(n - 1, 0.975)) * sd / math.sqrt(n)
    low, q1, middle, q3, high = (float(q) for q in np.quantile(values, (0, 0.25, 0.5, 0.75, 1)))
    return Description(
        region=region,
        sex=sex,
        n=n,
        mean_cm3=mean,
        sd_cm3=sd,
        ci_low=None if half is None else mean - half,
        ci_high=None if half is None else mean + half,
        median_cm3=middle,
        q1_cm3=q1,
        q3_cm3=q3,
        min_cm3=low,
        max_cm3=high,
    )
