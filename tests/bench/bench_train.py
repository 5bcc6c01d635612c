"""Networks side by side: parameters, time of a forward pass and of a step, memory, Dice after a fixed time of training.

`make bench-train`; ARGS="--seconds 300 --threads 2" for a longer one. The nets of the program stand beside MONAI's
DynUNet, which is nnU-Net's plain U-Net, and MONAI's residual UNet, of like width. All are trained on the same drawn
heads (`ctworkbench/train/synthetic.py`), in the same order, and measured on drawn heads made from an adult that none
of them saw. A single short run with one seed: it tells costs, and no more than a first impression of quality.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from ctworkbench.core.phantom_head import list_heads, read_head
from ctworkbench.core.settings import resource
from ctworkbench.train.predict import build_network
from ctworkbench.train.synthetic import HeadPainter
from scripts.train_starter import MIRROR, head_fields, loss_of, together
from tests.bench.bench_segment import Memory

_FORM = {"channels": (16, 32, 64, 128), "in_channels": 4, "classes": len(MIRROR)}


def dynunet() -> nn.Module:
    """MONAI's DynUNet with the widths of the form."""
    from monai.networks.nets.dynunet import DynUNet

    return DynUNet(3, 4, len(MIRROR), [3] * 4, [1, 2, 2, 2], [2, 2, 2], filters=[16, 32, 64, 128])


def monai_unet() -> nn.Module:
    """MONAI's UNet with two residual units a level."""
    from monai.networks.nets.unet import UNet

    return UNet(3, 4, len(MIRROR), (16, 32, 64, 128), (2, 2, 2), num_res_units=2)


def ours(name: str) -> Callable[[], nn.Module]:
    """A network of the program."""
    return lambda: build_network(name, _FORM)


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "resunet": ours("resunet"),
    "unet3d": ours("unet3d"),
    "segresnet": ours("segresnet"),
    "MONAI DynUNet": dynunet,
    "MONAI UNet": monai_unet,
}


def main() -> None:
    """Print one line for each network."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--seconds", type=float, default=60.0, help="of training, for each; on a CPU those that all its threads work"
    )
    parser.add_argument("--spacing", type=float, default=5.0, help="side of the voxels, mm")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    fields = [head_fields(head.tissue, head.labels) for head in map(read_head, list_heads(resource("heads"))[:4])]
    mirror = torch.tensor(MIRROR)
    learned = HeadPainter(fields[:3], device, mirror, given.spacing)
    unseen = HeadPainter(fields[3:], device, mirror, given.spacing)
    held_out = [padded_to_eight(unseen, [2, number], given.spacing) for number in range(6)]
    print(f"{given.spacing:g} mm, {given.seconds:g} s of training each, {device}, {given.threads} thread(s)")
    print(f"{'network':15} {'params':>9} {'forward s':>10} {'step s':>8} {'memory GB':>10} {'steps':>6} {'Dice':>6}")
    for name, build in NETWORKS.items():
        torch.manual_seed(1)
        network = build().to(device)
        nn.utils.convert_conv3d_weight_memory_format(network, torch.channels_last_3d)
        with Memory() as memory:
            steps, seconds = trained(network, learned, given.seconds, given.spacing)
        network.eval()
        with torch.no_grad():
            started = clock()
            dice = [loss_of(network(image), target)[1] for image, target in held_out]
            forward = (clock() - started) / len(held_out)
        parameters = sum(parameter.numel() for parameter in network.parameters()) / 1e6
        told = f"{name:15} {parameters:7.2f} M {forward:10.2f} {seconds / steps:8.2f} {memory.most:10.2f}"
        print(f"{told} {steps:6} {np.mean(dice):6.3f}", flush=True)


def clock() -> float:
    """Seconds that this process has worked on a CPU, whatever else runs there; on a GPU seconds of the day."""
    return time.perf_counter() if torch.cuda.is_available() else time.process_time()


def trained(network: nn.Module, painter: HeadPainter, seconds: float, spacing: float) -> tuple[int, float]:
    """Train for a time, drawing left out; steps and the time that they took."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3)
    steps, spent = 0, 0.0
    network.train()
    while spent < seconds:
        image, target = padded_to_eight(painter, [1, steps], spacing)
        started = clock()
        loss, _ = loss_of(network(image), target)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        steps, spent = steps + 1, spent + clock() - started
    return steps, spent


def padded_to_eight(painter: HeadPainter, seed: list[int], spacing: float) -> tuple[Tensor, Tensor]:
    """A drawn head whose size MONAI's nets can halve three times."""
    image, target = together([painter.draw(np.random.default_rng(seed))], spacing)
    room = [n for size in reversed(target.shape[1:]) for n in (0, -size % 8)]
    return nn.functional.pad(image, room), nn.functional.pad(target, room)


if __name__ == "__main__":
    main()
