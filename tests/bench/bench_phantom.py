"""CPU seconds and error of the steering of each phantom, with other heads if a folder is given.

python tests/bench/bench_phantom.py [N] [SEED] [HEADS]
"""

import sys
import tempfile
import time
from pathlib import Path

from ctworkbench.core.jobs import JobContext
from ctworkbench.core.phantom import make_phantom, plan_phantoms


def main(n: int, seed: int, heads: Path | None) -> None:
    """Print one line for each phantom."""
    with tempfile.TemporaryDirectory() as folder:
        for params in plan_phantoms(Path(folder), n, seed, heads):
            start = time.process_time()
            result = make_phantom(params, JobContext(Path(folder)))
            seconds = time.process_time() - start
            worst = max(abs(result.true_cm3[name] / drawn - 1) for name, drawn in result.drawn_cm3.items())
            share = result.intracranial_cm3 / sum(result.true_cm3.values())
            print(
                f"{result.code} {result.head} {seconds:5.1f} CPU s, worst region {worst:.2%} off its draw, "
                f"intracranial {share:.3f} x brain, smallest Jacobian {result.smallest_jacobian:.2f}",
                flush=True,
            )


if __name__ == "__main__":
    given = sys.argv[1:]
    main(int(given[0]) if given else 8, int(given[1]) if given[1:] else 0, Path(given[2]) if given[2:] else None)
