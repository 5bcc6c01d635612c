"""One head through one network: as the program answers, and by MONAI's sliding window in PyTorch eager.

`make bench-segment`: same weights, same scan, same process. Time and memory of the article's size (1 mm, 27
convolutions, 16 to 256 channels, fresh weights), where the window slides over the whole preprocessed scan and the
program crops to the brain. Then, of a trained network, the Dice between the two answers and where it is lost:
the starter model, or ARGS="--model FILE.ctwmodel"; "--no-time" leaves the first part out, "--threads 2".
"""

import argparse
import tempfile
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import torch
from monai.inferers.inferer import SlidingWindowInferer
from numpy.typing import NDArray
from safetensors.torch import load
from torch import Tensor, nn
from torch.nn import functional

from ctworkbench.core import schemes
from ctworkbench.core.importing import ImportParams, import_scans
from ctworkbench.core.jobs import JobContext
from ctworkbench.core.label_maps import resample_labels
from ctworkbench.core.model_registry import read_package
from ctworkbench.core.phantom import make_phantom, plan_phantoms
from ctworkbench.core.preprocess import PreprocessParams, preprocess
from ctworkbench.core.settings import resource
from ctworkbench.core.volume import Volume, read_nifti
from ctworkbench.train.data import class_table, network_grid, network_image, network_input, padded
from ctworkbench.train.inference import eager, prepare_answer
from ctworkbench.train.networks import resunet
from ctworkbench.train.predict import build_network
from ctworkbench.train.preset import Preset, load_preset

_WINDOW_MM = 128.0


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


@dataclass(frozen=True, eq=False)
class Head:
    """A scan as the program prepares it, 1 mm, and the truth on the scan's own grid."""

    equalized: Volume
    hu: Volume
    brain: Volume
    truth: Volume


def scan(folder: Path) -> Head:
    """A digital phantom, made and prepared as the program does it."""
    context = JobContext(folder)
    made = make_phantom(plan_phantoms(folder, 1, seed=7)[0], context)
    image = import_scans(ImportParams(paths=(made.series,)), context).accepted[0].image
    found = preprocess(PreprocessParams(image=image), context)
    read = (read_nifti(path) for path in (found.equalized, found.image, found.brain, made.truth))
    return Head(*read)


def whole_head(image: Volume, brain: Volume, settings: Preset) -> Tensor:
    """The network's input over the whole grid of the scan, not the brain's box alone; 0 outside the brain."""
    everywhere = Volume(np.ones_like(brain.voxels), brain.affine)
    seen = network_image(Volume(image.voxels * (brain.voxels > 0), image.affine), everywhere, settings, "scan")
    return network_input([seen.tensor()], [seen], settings.coordinates)


def compare(name: str, network: nn.Module, image: Volume, brain: Volume, settings: Preset, threads: int) -> None:
    """Print time and memory of both ways."""
    network.eval()
    started = time.perf_counter()
    answer = prepare_answer(network, "cpu", threads)
    print(f"{name}: handing the network over {time.perf_counter() - started:.1f} s, once for all scans of a job")
    with Memory() as memory:
        view = network_image(image, brain, settings, "scan")
        cropped = network_input([view.tensor()], [view], settings.coordinates)
        answer(cropped)  # the first pass allocates
        started = time.perf_counter()
        answer(cropped)
        own = time.perf_counter() - started
    print(f"  program: {tuple(cropped.shape[2:])} voxels, {own:.2f} s, at most {memory.most:.1f} GB")
    started = time.perf_counter()
    eager(network, "cpu")(cropped)
    print(f"  torch eager, same voxels: {time.perf_counter() - started:.2f} s")
    seen = whole_head(image, brain, settings)
    with Memory() as memory:
        started = time.perf_counter()
        windowed(network, seen, settings)
        theirs = time.perf_counter() - started
    print(f"  MONAI window over {tuple(seen.shape[2:])} voxels: {theirs:.1f} s, at most {memory.most:.1f} GB")
    print(f"  {theirs / own:.1f} times as fast", flush=True)


def agreement(name: str, network: nn.Module, head: Head, settings: Preset, threads: int) -> None:
    """Print the Dice between a trained network's answers, taken in several ways, and of each with the truth."""
    network.eval()
    image, scheme = head.hu if settings.sees == "hu" else head.equalized, schemes.load()
    view = network_image(image, head.brain, settings, "scan")
    cropped = network_input([view.tensor()], [view], settings.coordinates)
    inside = view.image > 0
    truth = class_table(scheme.codes)[resample_labels(head.truth, view.grid, scheme.codes).voxels] * inside
    with torch.no_grad():
        whole = network(cropped)[0].argmax(0).numpy() * inside

    def told(what: str, logits: Tensor) -> None:
        found = logits[0].argmax(0).numpy() * inside
        print(f"  {what:55} {dice(whole, found):.4f}  {dice(truth, found):.4f}", flush=True)

    sides = " × ".join(map(str, view.image.shape))
    print(
        f"{name}, {settings.spacing_mm:g} mm, brain's box of {sides} voxels: Dice with torch's answer to the whole box,"
    )
    print(f"and with the phantom's truth (torch's own {dice(truth, whole):.4f})")
    told("the program's answer (OpenVINO)", prepare_answer(network, "cpu", threads)(cropped))
    told("MONAI's window over the box", windowed(network, cropped, settings))
    with norms_of(network, cropped):
        told("the same, all norms those of the whole box", windowed(network, cropped, settings))
    # What the scan holds around the brain is 0 to the network: its whole size on the very same grid.
    extent = network_grid(Volume(np.ones_like(head.brain.voxels), head.brain.affine), settings.spacing_mm, 0.0)[0].shape
    room = [max(0, outer - inner) // 2 for outer, inner in zip(extent, view.image.shape, strict=True)]
    shape = [inner + 2 * n for inner, n in zip(view.image.shape, room, strict=True)]
    around = network_input([padded(view.tensor(), shape)], [view], settings.coordinates)
    box = tuple(slice(n, n + inner) for n, inner in zip(room, view.image.shape, strict=True))
    told("MONAI's window over the whole scan", windowed(network, around, settings)[(..., *box)])


def windowed(network: nn.Module, image: Tensor, settings: Preset) -> Tensor:
    """The answer of MONAI's sliding window, 128 mm a side, in PyTorch eager."""
    side = round(_WINDOW_MM / settings.spacing_mm / 4) * 4
    with torch.no_grad():
        found = SlidingWindowInferer((side, side, side), 1, overlap=0.5, mode="gaussian")(image, network)
    assert isinstance(found, Tensor)
    return found


@contextmanager
def norms_of(network: nn.Module, image: Tensor) -> Generator[None]:
    """Within it each instance norm takes mean and variance of its map of `image`, whatever it is shown."""
    layers = [layer for layer in network.modules() if isinstance(layer, nn.InstanceNorm3d)]
    kept: dict[nn.Module, tuple[Tensor, Tensor]] = {}

    def keep(layer: nn.Module, given: tuple[Tensor]) -> None:
        kept[layer] = given[0].mean((0, 2, 3, 4)), given[0].var((0, 2, 3, 4), correction=0)

    def use(layer: nn.Module, given: tuple[Tensor], _: Tensor) -> Tensor:
        assert isinstance(layer, nn.InstanceNorm3d)
        return functional.batch_norm(given[0], *kept[layer], layer.weight, layer.bias, eps=layer.eps)

    hooks = [layer.register_forward_pre_hook(keep) for layer in layers]
    with torch.no_grad():
        network(image)
    for hook in hooks:
        hook.remove()
    hooks = [layer.register_forward_hook(use) for layer in layers]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


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


def trained(path: Path) -> tuple[nn.Module, Preset]:
    """The network of a model's file, and its settings."""
    package = read_package(path)
    network = build_network(package.facts.network, package.facts.network_params)
    network.load_state_dict(load(package.weights))
    return network, Preset.model_validate(package.facts.settings)


def main() -> None:
    """Make the scan, then compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--model", type=Path, default=resource("models") / "starter.ctwmodel", help="a trained network")
    parser.add_argument("--no-time", action="store_true", help="leave time and memory out")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    with tempfile.TemporaryDirectory() as folder:
        head = scan(Path(folder))
    if not given.no_time:
        torch.manual_seed(1)
        fresh = resunet.build(resunet.Params())
        compare("article's size", fresh, head.equalized, head.brain, load_preset("paper"), given.threads)
    network, settings = trained(given.model)
    agreement(given.model.name, network, head, settings, given.threads)


if __name__ == "__main__":
    main()
