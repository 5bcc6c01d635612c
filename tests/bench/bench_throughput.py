"""Scans labelled in an hour, against the number of workers of a dask cluster on this machine.

    make bench-throughput ARGS="--n 8 --workers 1 2 --preset quick --page docs/cluster.md"

makes phantoms once, imports and preprocesses them on this machine, one after another, then labels them on clusters of
so many workers, one thread each, and says what 1,487 and 100,000 scans would take: preprocessing and labelling, at the
rate of one worker times their number, times the efficiency that was measured. Starting the cluster is not counted.
With --page the tables take the place of those between the two marks in that page.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from distributed import LocalCluster

from ctworkbench.core.code_version import code_version
from ctworkbench.core.settings import Settings
from ctworkbench.core.workbench import Workbench
from ctworkbench.core.workbench.phantoms import make_phantoms

_COHORTS = (1_487, 100_000)
_WORKERS = (1, 2, 8, 64, 200)
_MARKS = "<!-- bench-throughput -->", "<!-- end -->"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=8, help="number of phantoms")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--page", type=Path, help="Markdown page that gets the tables, between its two marks")
    given = parser.parse_args()
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"), "1")
    settings = Settings(author="bench", slots=1)
    lines: list[str] = []

    def tell(*told: str) -> None:
        lines.extend(told)
        print(*told, sep="\n", flush=True)

    rates: dict[int, float] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table = make_phantoms(folder / "phantoms", given.n, 901, None, settings, sys.stderr)
        with Workbench.create(folder / "study", settings) as workbench:
            done(workbench, workbench.cohort.import_paths([folder / "phantoms"], table))
            begin = time.monotonic()
            done(workbench, workbench.cohort.preprocess())
            before = (time.monotonic() - begin) / given.n
            version = code_version()
            tell(
                f"{given.n} phantoms, preset `{given.preset}`, version {version}; load {os.getloadavg()[0]:.1f} before."
            )
            tell(f"Preprocessing: {before:.1f} s a scan with one worker. Labelling:", "")
            tell("| workers | seconds | scans in an hour | efficiency |", "|---|---|---|---|")
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
                tell(f"| {workers} | {seconds:.1f} | {rates[workers]:.0f} | {share:.0%} |")
    most = max(rates)
    each = 3600 / (before + 3600 * most / rates[most])
    tell("", f"Both steps, {each:.0f} scans an hour and worker, labelled as with {most}:", "")
    tell("| workers | " + " | ".join(f"{scans:,} scans" for scans in _COHORTS) + " |", "|---|" + "---|" * len(_COHORTS))
    for workers in _WORKERS:
        tell(f"| {workers} | " + " | ".join(f"{scans / each / workers:,.1f} h" for scans in _COHORTS) + " |")
    if given.page is not None:
        write_between_marks(given.page, lines)


def write_between_marks(page: Path, lines: list[str]) -> None:
    """Put lines in the place of what stands between the two marks of a page.

    Raises:
        SystemExit: the page has no such marks.
    """
    text = page.read_text(encoding="utf-8")
    start, end = (text.find(mark) for mark in _MARKS)
    if start < 0 or end < start:
        raise SystemExit(f"{page} has no lines {_MARKS[0]} and {_MARKS[1]}.")
    told = "\n".join(["", "", *lines, "", ""])
    page.write_text(text[: start + len(_MARKS[0])] + told + text[end:], encoding="utf-8")


def done(workbench: Workbench, jobs: list[str]) -> None:
    """Wait for jobs; an error if one failed."""
    failures = workbench.wait(jobs)
    if failures:
        raise failures[0]


if __name__ == "__main__":
    main()
