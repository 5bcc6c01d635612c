"""Time of the further tables of a cohort of 1,487 children × 10 regions, 200 of them scanned twice, on four scanners.

    make bench-further ARGS="--n 1487 --repeats 3 --mixedlm"

prints the fastest of several runs: all further tables, and the mixed model of the child alone; with --mixedlm also
the time of statsmodels' MixedLM for one region.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ctworkbench.core.analysis import mixed
from ctworkbench.core.analysis.further import further
from ctworkbench.core.analysis.further_sheets import sheets
from ctworkbench.core.analysis.scans import Account, ScanVolumes
from ctworkbench.core.norms import published_norm
from ctworkbench.core.norms.simulated import simulate


def main() -> None:
    """Print the times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=1487)
    parser.add_argument("--seed", type=int, default=2025)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--mixedlm", action="store_true", help="time statsmodels' MixedLM too (slow)")
    given = parser.parse_args()
    regions = published_norm().regions
    scans = cohort(given.n, given.seed)
    further(scans[:100], regions)  # imports
    print(f"{len(scans)} scans of {given.n} children × {len(regions)} regions, fastest of {given.repeats}")
    print(f"all further tables:         {_fastest(lambda: sheets(further(scans, regions)), given.repeats):6.2f} s")
    child = _fastest(lambda: mixed.mixed(scans, mixed.CHILD, Account()), given.repeats)
    print(f"mixed model of the child:   {child:6.2f} s (ten regions)")
    if given.mixedlm:
        _mixedlm(scans, regions[0])


def cohort(n: int, seed: int) -> list[ScanVolumes]:
    """A cohort drawn from the published norm; some children scanned again, each scan with an error of 2 %."""
    chance = np.random.default_rng(seed)
    scans = [
        ScanVolumes(
            child.subject,
            number,
            child.sex,
            child.age_years,
            child.volumes_cm3,
            "model",
            site=f"site {number % 3}",
            scanner=f"scanner {number % 4}",
            intracranial_cm3=1.2 * sum(child.volumes_cm3.values()),
        )
        for number, child in enumerate(simulate(published_norm(), n, seed))
    ]
    again = [replace(scan, scan=n + scan.scan, age_years=(scan.age or 0) + 0.3) for scan in scans[: min(200, n // 7)]]
    return [
        replace(scan, volumes_cm3={name: v * chance.normal(1, 0.02) for name, v in scan.volumes_cm3.items()})
        for scan in (*scans, *again)
    ]


def _mixedlm(scans: list[ScanVolumes], region: str) -> None:
    import warnings

    from statsmodels.regression.mixed_linear_model import MixedLM

    design = np.array([[1.0, scan.female or 0.0, scan.age or 0.0] for scan in scans])
    volumes = np.array([scan.volumes_cm3[region] for scan in scans])
    groups = np.unique([scan.subject for scan in scans], return_inverse=True)[1]
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = MixedLM(volumes, design, groups).fit(reml=True)
    seconds = time.perf_counter() - start
    (ours,) = mixed.mixed([replace(scan, volumes_cm3={region: scan.volumes_cm3[region]}) for scan in scans],
                          mixed.CHILD, Account())[1]  # fmt: skip
    variance = float(np.asarray(fit.cov_re)[0, 0])
    print(
        f"MixedLM, {region} alone: {seconds:6.2f} s; SD between children {variance**0.5:.3f} cm³, here "
        f"{ours.sd_group:.3f} cm³"
    )


def _fastest(run: Callable[[], object], repeats: int) -> float:
    seconds: list[float] = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


if __name__ == "__main__":
    main()
