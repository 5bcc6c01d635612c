"""Time in which a study of 1,487 scans × 10 regions is read from its database: volumes, charts, the list of scans.

make bench-database ARGS="1487 5"
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ctworkbench.core.norms import published_norm
from ctworkbench.core.norms.simulated import simulate
from ctworkbench.core.schemes import load
from ctworkbench.core.workbench import Workbench
from tests.core.norm_study import study_of


def main(scans: int, repeats: int) -> None:
    """Print the fastest and the slowest of several readings, by the clock and of the processor."""
    names = load().region_names
    with (
        tempfile.TemporaryDirectory() as folder,
        study_of(Path(folder) / "s", simulate(published_norm(), scans, seed=3)) as workbench,
    ):
        acts: dict[str, Callable[[Workbench], object]] = {
            "volumes": lambda open_one: open_one.norms.volumes(),
            "one chart": lambda open_one: open_one.norms.charts([names[0]]),
            "all ten charts": lambda open_one: open_one.norms.charts(names),
            "list of scans": lambda open_one: open_one.cohort.scans(),
        }
        for name, act in acts.items():
            act(workbench)  # imports
            wall: list[float] = []
            cpu: list[float] = []
            for _ in range(repeats):
                start, used = time.perf_counter(), time.process_time()
                act(workbench)
                wall.append(time.perf_counter() - start)
                cpu.append(time.process_time() - used)
            fast, slow, used = (1e3 * value for value in (min(wall), max(wall), min(cpu)))
            print(f"{name:16s} {fast:7.0f} ms (slowest {slow:7.0f}), {used:7.0f} ms of CPU")


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    main(given[0] if given else 1_487, given[1] if given[1:] else 5)
