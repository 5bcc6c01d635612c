"""Time of the whole table set of a cohort of 1,487 children × 10 regions, beside pandas and statsmodels.

    make bench-statistics ARGS="--n 1487 --repeats 5"

prints the fastest of several runs of either, interleaved, imports and simulation not counted, and their ratio. The peer
makes the same models and tests, region by region through statsmodels' formulas and scipy, without intervals of effect
sizes, exclusions or notes. Exit code 1 if the tables take more than two seconds.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from typing import Any

from ctworkbench.core.analysis.observations import Observation
from ctworkbench.core.analysis.tables import sheets, tables
from ctworkbench.core.norms import published_norm
from ctworkbench.core.norms.simulated import simulate

BAR_SECONDS = 2.0


def main() -> None:
    """Print both times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=1487)
    parser.add_argument("--seed", type=int, default=2025)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    rows = cohort(given.n, given.seed)
    _ours(rows)  # imports
    _peer(_frame(rows))
    ours: list[float] = []
    peer: list[float] = []
    for _ in range(given.repeats):
        start = time.perf_counter()
        _ours(rows)
        ours.append(time.perf_counter() - start)
        start = time.perf_counter()
        _peer(_frame(rows))
        peer.append(time.perf_counter() - start)
    print(f"{given.n} children × 10 regions, fastest (slowest) of {given.repeats}")
    print(f"all tables:            {min(ours):6.3f} s ({max(ours):.3f}), bar {BAR_SECONDS:g} s")
    print(f"pandas + statsmodels:  {min(peer):6.3f} s ({max(peer):.3f})")
    print(f"ratio ours / peer:     {min(ours) / min(peer):6.2f}")
    sys.exit(min(ours) > BAR_SECONDS)


def cohort(n: int, seed: int) -> list[Observation]:
    """A cohort drawn from the published norm, with roles, two sites and two scanners."""
    roles = ("train", "train", "train", "validation", "test")
    return [
        Observation(
            subject=child.subject,
            sex=child.sex,
            age_years=child.age_years,
            region=region,
            volume_cm3=volume,
            source="model",
            scan=number,
            role=roles[number % 5],
            site=("North", "South")[number % 2],
            scanner=("Alpha", "Beta")[number % 3 == 0],
        )
        for number, child in enumerate(simulate(published_norm(), n, seed))
        for region, volume in child.volumes_cm3.items()
    ]


def _ours(rows: Sequence[Observation]) -> None:
    made = sheets(tables(rows))
    if not all(sheet.rows for sheet in made):
        raise SystemExit("a table is empty")


def _frame(rows: Sequence[Observation]) -> Any:
    import pandas as pd

    return pd.DataFrame([vars(row) for row in rows])


def _peer(frame: Any) -> None:
    """The same models and tests, as one would write them in a notebook."""
    import pandas as pd
    import statsmodels.formula.api as smf
    from scipy import stats
    from statsmodels.stats.multitest import multipletests

    wide = frame.pivot_table(
        index=["subject", "sex", "age_years", "role", "site", "scanner"], columns="region", values="volume_cm3"
    ).reset_index()
    wide["code"] = wide.sex.map({"M": 1, "F": 2})
    regions = list(dict.fromkeys(frame.region))
    wide.groupby("sex")[regions].describe()
    wide[regions].describe()
    ps: dict[str, list[float]] = {"code": [], "age_years": []}
    for region in regions:
        fit = smf.ols(f"{region} ~ code + age_years", wide).fit()
        fit.conf_int()
        for term, found in ps.items():
            found.append(fit.pvalues[term])
    correlated: dict[str, list[float]] = {"all": [], "M": [], "F": []}
    for sex, found in correlated.items():
        part = wide if sex == "all" else wide[wide.sex == sex]
        found += [stats.spearmanr(part[region], part.age_years).pvalue for region in regions]
    paired: list[float] = []
    for sex in ("M", "F"):
        part = wide[wide.sex == sex]
        for pair in ("frontal", "parietal", "occipital", "temporal"):
            test = stats.ttest_rel(part[f"right_{pair}"], part[f"left_{pair}"])
            test.confidence_interval()
            paired.append(test.pvalue)
    for family in (*ps.values(), *correlated.values(), paired):
        for method in ("holm", "fdr_bh"):
            multipletests(family, method=method)
    for grouping in ("role", "site", "scanner"):
        groups = [group.age_years for _, group in wide.groupby(grouping)]
        table = pd.crosstab(wide[grouping], wide.sex)
        stats.chi2_contingency(table, correction=False)
        if len(groups) == 2:
            stats.ttest_ind(*groups)
            stats.ttest_ind(*groups, equal_var=False)
            stats.chi2_contingency(table, correction=True)
        else:
            stats.f_oneway(*groups)


if __name__ == "__main__":
    main()
