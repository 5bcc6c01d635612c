"""Mean and scatter of each region by sex: the article's Table 2."""

from collections.abc import Sequence

from ctworkbench.core.analysis.observations import Ledger, Observation, Row, by_region, measured
from ctworkbench.core.norms import SEX_CODE


class Description(Row):
    """One region of Table 2; volumes in cm³, `sex` "all", "M" or "F"; SD with n - 1, None where n is below 2."""

    region: str
    sex: str
    n: int
    mean_cm3: float | None
    sd_cm3: float | None


def describe(rows: Sequence[Observation], ledger: Ledger | None = None) -> list[Description]:
    """Table 2: mean ± SD of each region, overall and by sex; overall are the boys and girls, and nobody else."""
    ledger = ledger or Ledger()
    found: list[Description] = []
    for region, group in by_region(measured(rows, "table2", ledger)).items():
        for sex in ("all", "M", "F"):
            values = [row.volume_cm3 for row in group if row.sex in (SEX_CODE if sex == "all" else {sex})]
            mean, sd = _mean_sd(values)
            found.append(Description(region=region, sex=sex, n=len(values), mean_cm3=mean, sd_cm3=sd))
        for row in group:
            if row.sex not in SEX_CODE:
                ledger.exclude("table2", "sex unknown", row)
    if not found:
        ledger.note("Table 2 is empty: no volumes were given.")
    return found


def _mean_sd(values: Sequence[float]) -> tuple[float | None, float | None]:
    import statistics

    if not values:
        return None, None
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None
