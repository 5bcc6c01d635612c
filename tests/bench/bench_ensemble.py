"""What several networks that label together cost: seconds and the most memory, beside one alone.

`make bench-ensemble`: networks of the article's size (1 mm, 16 to 256 channels) with fresh weights label one digital
phantom, as the job does, each number of them in a process of its own. It tells costs, nothing of the labels.
ARGS="--networks 1 3 --threads 2".
"""

import argparse
import multiprocessing
import resource
import tempfile
import time
from pathlib import Path

import torch

from ctworkbench.core.importing import ImportParams, import_scans
from ctworkbench.core.jobs import JobContext
from ctworkbench.core.phantom import make_phantom, plan_phantoms
from ctworkbench.core.preprocess import PreprocessParams, preprocess
from ctworkbench.core.training import SegmentCase, SegmentModel, SegmentRequest
from ctworkbench.train.checkpoint import save_weights
from ctworkbench.train.networks import resunet
from ctworkbench.train.predict import segment
from ctworkbench.train.preset import load_preset


def prepared(folder: Path) -> SegmentCase:
    """A phantom, imported and preprocessed."""
    context = JobContext(folder)
    made = make_phantom(plan_phantoms(folder, 1, seed=7)[0], context)
    image = import_scans(ImportParams(paths=(made.series,)), context).accepted[0].image
    found = preprocess(PreprocessParams(image=image), context)
    return SegmentCase(key="phantom", image=found.equalized, brain=found.brain, scan=image)


def label(case: SegmentCase, count: int, threads: int, folder: Path) -> None:
    """Label the phantom by so many networks, and print what it took."""
    params, preset = resunet.Params(), load_preset("paper")
    models: list[SegmentModel] = []
    for number in range(count):
        torch.manual_seed(number)
        weights = folder / f"{count}_{number}.safetensors"
        models.append(
            SegmentModel(
                weights=weights,
                weights_sha256=save_weights(weights, resunet.build(params), {}),
                network="resunet",
                network_params=params.model_dump(mode="json"),
                settings=preset.model_dump(mode="json"),
            )
        )
    own = folder / f"job{count}"
    own.mkdir()
    started = time.perf_counter()
    request = SegmentRequest(**dict(models[0]), others=tuple(models[1:]), cases=(case,))
    windows = segment(request, JobContext(own, threads)).cases[0].windows
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    told = "in windows" if windows else "in one pass"
    print(f"{count} at 1 mm: {time.perf_counter() - started:.1f} s, at most {most:.2f} GB, {told}", flush=True)


def main() -> None:
    """Make the scan, then label it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--networks", type=int, nargs="+", default=[1, 3, 5])
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    fresh = multiprocessing.get_context("spawn")  # the most memory is that of a whole process
    with tempfile.TemporaryDirectory() as name:
        case = prepared(Path(name))
        for count in given.networks:
            process = fresh.Process(target=label, args=(case, count, given.threads, Path(name)))
            process.start()
            process.join()


if __name__ == "__main__":
    main()
