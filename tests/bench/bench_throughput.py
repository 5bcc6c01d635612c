"""Scans labelled in an hour, against the number of workers of a dask cluster on this machine.

    make bench-throughput ARGS="--n 8 --workers 1 2 --preset quick"

makes phantoms once, imports and preprocesses them on this machine, then labels them on clusters of so many workers, one
thread each, and says what 1,487 and 100,000 scans would take at the rate of one worker times their number, times the
efficiency that was measured. Starting the cluster is not counted.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from distributed import LocalCluster

from ctworkbench.core.settings import Settings
from ctworkbench.core.workbench import Workbench
from ctworkbench.core.workbench.phantoms import make_phantoms

_COHORTS = (1_487, 100_000)
_WORKERS = (1, 2, 8, 64, 200)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=8, help="number of phantoms")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--preset", default="quick")
    given = parser.parse_args()
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"), "1")
    settings = Settings(author="bench")
    rates: dict[int, float] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table = make_phantoms(folder / "phantoms", given.n, 901, None, settings, sys.stderr)
        with Workbench.create(folder / "study", settings) as workbench:
            done(workbench, workbench.cohort.import_paths([folder / "phantoms"], table))
            done(workbench, workbench.cohort.preprocess())
            print(f"Load before: {os.getloadavg()[0]:.1f}\n")
            print("| workers | seconds | scans in an hour | efficiency |\n|---|---|---|---|")
            for workers in given.workers:
                options = {"threads_per_worker": 1, "processes": True, "dashboard_address": None}
                with LocalCluster(n_workers=workers, **options, silence_logs=50) as cluster:
                    workbench.jobs.move(cluster.scheduler_address)
                    begin = time.monotonic()
                    done(workbench, workbench.labelling.pseudo_label(given.preset, again=True))
                    seconds = time.monotonic() - begin
                    workbench.jobs.move("")
                rates[workers] = given.n * 3600 / seconds
                share = rates[workers] / (rates[given.workers[0]] / given.workers[0] * workers)
                print(f"| {workers} | {seconds:.1f} | {rates[workers]:.0f} | {share:.0%} |", flush=True)
    most = max(rates)
    each = rates[most] / most
    print(f"\nAt {each:.0f} scans an hour and worker, as with {most}:\n")
    print("| workers | " + " | ".join(f"{scans:,} scans" for scans in _COHORTS) + " |\n|---|" + "---|" * len(_COHORTS))
    for workers in _WORKERS:
        print(f"| {workers} | " + " | ".join(f"{scans / each / workers:,.1f} h" for scans in _COHORTS) + " |")


def done(workbench: Workbench, jobs: list[str]) -> None:
    """Wait for jobs; an error if one failed."""
    failures = workbench.wait(jobs)
    if failures:
        raise failures[0]


if __name__ == "__main__":
    main()
