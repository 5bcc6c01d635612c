"""One head through one network: as the program answers, and by MONAI's sliding window in PyTorch eager.

`make bench-segment`: same weights, same scan, same process. The article's size (1 mm, 27 convolutions, 16 to 256
channels), fresh weights: it tells time and memory, nothing of the labels. Both get the preprocessed scan; the window
slides over all of it, the program crops to the brain. ARGS="--threads 2".
"""

import argparse
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import torch
from monai.inferers.inferer import SlidingWindowInferer
from numpy.typing import NDArray
from torch import Tensor, nn

from ctworkbench.core.importing import ImportParams, import_scans
from ctworkbench.core.jobs import JobContext
from ctworkbench.core.phantom import make_phantom, plan_phantoms
from ctworkbench.core.preprocess import PreprocessParams, preprocess
from ctworkbench.core.volume import Volume, read_nifti
from ctworkbench.train.data import network_image, network_input
from ctworkbench.train.inference import eager, prepare_answer
from ctworkbench.train.networks import resunet
from ctworkbench.train.preset import Preset, load_preset


class Memory:
    """The most that this process holds while a block runs, sampled 50 times a second, in GB."""

    def __enter__(self) -> "Memory":
        self.most, self._running, self._process = 0.0, True, psutil.Process()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._running = False
        self._thread.join()

    def _watch(self) -> None:
        while self._running:
            self.most = max(self.most, self._process.memory_info().rss / 1e9)
            time.sleep(0.02)


def scan(folder: Path) -> tuple[Volume, Volume, Volume]:
    """Equalized image, HU and brain mask of a digital phantom at 1 mm, made as the program makes them."""
    context = JobContext(folder)
    made = make_phantom(plan_phantoms(folder, 1, seed=7)[0], context)
    image = import_scans(ImportParams(paths=(made.series,)), context).accepted[0].image
    found = preprocess(PreprocessParams(image=image), context)
    return read_nifti(found.equalized), read_nifti(found.image), read_nifti(found.brain)


def whole_head(image: Volume, brain: Volume, settings: Preset) -> Tensor:
    """The network's input over the whole grid of the scan, not the brain's box alone; 0 outside the brain."""
    everywhere = Volume(np.ones_like(brain.voxels), brain.affine)
    seen = network_image(Volume(image.voxels * (brain.voxels > 0), image.affine), everywhere, settings, "scan")
    return network_input([seen.tensor()], [seen], settings.coordinates)


def compare(name: str, network: nn.Module, image: Volume, brain: Volume, settings: Preset, threads: int) -> None:
    """Print time and memory of both ways, and how far they say the same."""
    torch.set_num_threads(threads)
    network.eval()
    started = time.perf_counter()
    answer = prepare_answer(network, "cpu", threads)
    print(f"{name}: handing the network over {time.perf_counter() - started:.1f} s, once for all scans of a job")
    with Memory() as memory:
        view = network_image(image, brain, settings, "scan")
        cropped = network_input([view.tensor()], [view], settings.coordinates)
        answer(cropped)  # the first pass allocates
        started = time.perf_counter()
        ours = answer(cropped).argmax(1).numpy()
        own = time.perf_counter() - started
    print(f"  program: {tuple(cropped.shape[2:])} voxels, {own:.2f} s, at most {memory.most:.1f} GB")
    started = time.perf_counter()
    plain = eager(network, "cpu")(cropped).argmax(1).numpy()
    seconds, same = time.perf_counter() - started, dice(ours, plain)
    print(f"  torch eager, same voxels: {seconds:.2f} s, Dice with the program's {same:.4f}")
    seen = whole_head(image, brain, settings)
    inferer = SlidingWindowInferer((128, 128, 128), 1, overlap=0.5, mode="gaussian")
    with Memory() as memory, torch.no_grad():
        started = time.perf_counter()
        inferer(seen, network)
        theirs = time.perf_counter() - started
    print(f"  MONAI window over {tuple(seen.shape[2:])} voxels: {theirs:.1f} s, at most {memory.most:.1f} GB")
    with torch.no_grad():
        windowed = inferer(cropped, network)
    assert isinstance(windowed, Tensor)
    print(f"  MONAI window over the same voxels: Dice with the program's {dice(ours, windowed.argmax(1).numpy()):.4f}")
    print(f"  {theirs / own:.1f} times as fast", flush=True)


def dice(first: NDArray, second: NDArray) -> float:
    """Mean Dice of the classes but 0 that either holds."""
    classes = np.union1d(first, second)
    values = [
        2
        * np.count_nonzero((first == c) & (second == c))
        / (np.count_nonzero(first == c) + np.count_nonzero(second == c))
        for c in classes[classes > 0]
    ]
    return float(np.mean(values))


def main() -> None:
    """Make the scan, then compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    threads = parser.parse_args().threads
    with tempfile.TemporaryDirectory() as folder:
        equalized, _hu, brain = scan(Path(folder))
    torch.manual_seed(1)
    compare("article's size", resunet.build(resunet.Params()), equalized, brain, load_preset("paper"), threads)


if __name__ == "__main__":
    main()
