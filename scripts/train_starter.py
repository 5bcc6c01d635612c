"""Train the starter model on head CTs that are drawn while it trains (`ctworkbench/train/synthetic.py`).

    python -m scripts.train_starter prepare WORK              # whole-head label maps → WORK/heads.npz
    python -m scripts.train_starter train WORK --minutes 25   # → WORK/weights.safetensors; goes on after a stop
    python -m scripts.train_starter package WORK              # → WORK/starter.ctwmodel, with its card

`train` needs torch, numpy, safetensors and pydantic alone, and uses the GPU where there is one. No patient is involved.
"""

import argparse
import json
import math
import os
import time
from dataclasses import fields
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor
from torch.nn import functional

from ctworkbench.train.networks import resunet
from ctworkbench.train.synthetic import (
    BACKGROUND,
    BLOOD,
    BONE,
    BRAINSTEM,
    CEREBELLAR_CORTEX,
    CEREBELLAR_WHITE,
    CORTEX,
    DEEP_GREY,
    FLUID,
    VENTRICLE,
    WHITE,
    HeadFields,
    HeadPainter,
    SyntheticHead,
)

MIRROR = (0, 2, 1, 4, 3, 6, 5, 8, 7, 9, 10)
"""Class number → that of the other side, of the scheme lobes10."""
_SAVE_EVERY_SECONDS = 60.0
_MARGIN = 12


def main() -> None:
    """Read the command line and do the step asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    steps = parser.add_subparsers(dest="step", required=True)
    step = steps.add_parser("prepare", help="make the fields of the heads")
    step.add_argument("work", type=Path)
    step.add_argument("--heads", type=Path, default=Path(__file__).parents[1] / "resources" / "heads")
    step = steps.add_parser("train", help="train, or go on")
    step.add_argument("work", type=Path)
    step.add_argument("--minutes", type=float, default=25.0, help="time of training, over all its runs")
    step.add_argument("--seed", type=int, default=1)
    step.add_argument("--threads", type=int, default=1, help="on the CPU")
    step.add_argument("--spacing", type=float, default=3.0, help="side of the network's voxels, mm")
    step.add_argument("--first", type=float, default=4.5, help="the same for the first part of the training, mm")
    step.add_argument("--share", type=float, default=0.5, help="how much of the time that part takes")
    step.add_argument("--channels", type=int, nargs="+", default=[16, 32, 64, 96, 128])
    step.add_argument("--batch", type=int, default=2)
    step.add_argument("--rate", type=float, default=2e-3, help="highest learning rate")
    step = steps.add_parser("package", help="put weights and card into one file")
    step.add_argument("work", type=Path)
    step.add_argument("--figures", type=Path, help="what `tests.bench.bench_starter` measured, for the card")
    arguments = parser.parse_args()
    if arguments.step == "package":
        package(arguments.work, arguments.figures)
    elif arguments.step == "prepare":
        prepare(arguments.heads, arguments.work)
    else:
        train(arguments)


def prepare(heads: Path, work: Path) -> None:
    """Write the fields of all heads of a folder into one file."""
    from ctworkbench.core.phantom_head import list_heads, read_head

    work.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, NDArray[np.uint8]] = {}
    for path in list_heads(heads):
        head = read_head(path)
        print(head.name, flush=True)
        made = head_fields(head.tissue, head.labels)
        arrays |= {f"{head.name}.{field.name}": getattr(made, field.name) for field in fields(HeadFields)}
    np.savez_compressed(work / "heads.npz", **arrays)  # pyright: ignore[reportArgumentType] - its stub takes every name for an option


def head_fields(tissue: NDArray[np.int16], labels: NDArray[np.uint8]) -> HeadFields:
    """What `HeadPainter` needs of one head with voxels of about 1 mm, cut to the inside of its skull with a margin."""
    from scipy import ndimage

    from ctworkbench.core import phantom_head as codes

    table = np.full(1024, BACKGROUND, dtype=np.uint8)
    for group, number in (
        (codes.WHITE, WHITE),
        (codes.CORTEX, CORTEX),
        (codes.DEEP_GREY, DEEP_GREY),
        ((codes.BRAINSTEM, 512), BRAINSTEM),
        ((7, 46), CEREBELLAR_WHITE),
        ((8, 47), CEREBELLAR_CORTEX),
        (codes.VENTRICLES, VENTRICLE),
        ((codes.CSF_OUTSIDE,), FLUID),
        ((*codes.VESSELS, codes.SINUS), BLOOD),
        (codes.BONE, BONE),
    ):
        table[list(group)] = number
    inside = np.isin(table[tissue], [BACKGROUND, BONE], invert=True) | (labels > 0)
    box = tuple(
        slice(max(0, part.start - _MARGIN), part.stop + _MARGIN) for part in ndimage.find_objects(inside.astype(int))[0]
    )
    tissue, labels = tissue[box], labels[box]
    lateral = np.isin(tissue, (4, 5, 43, 44)) & (labels == 0)
    brain = (labels > 0) | np.isin(tissue, codes.VENTRICLES)
    nearest = ndimage.distance_transform_edt(labels == 0, return_distances=False, return_indices=True)
    wall = ndimage.distance_transform_edt(~lateral) - ndimage.distance_transform_edt(lateral)
    fluid = (tissue == codes.CSF_OUTSIDE) & (labels > 0)
    width = ndimage.gaussian_filter(fluid.astype(np.float32), 1.0)
    return HeadFields(
        tissue=table[tissue],
        region=labels.astype(np.uint8),
        filled=labels[tuple(nearest)].astype(np.uint8),
        fluid_width=np.where(fluid, np.clip(255 * width, 1, 255), 0).astype(np.uint8),
        from_brain=np.clip(10 * ndimage.distance_transform_edt(~brain), 0, 255).astype(np.uint8),
        from_ventricle=np.clip(128 + 10 * np.asarray(wall), 0, 255).astype(np.uint8),
    )


def train(arguments: argparse.Namespace) -> None:
    """Train until the minutes are used up; a checkpoint a minute, from which the same command goes on."""
    torch.set_num_threads(arguments.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    heads, mirror = read_heads(arguments.work), torch.tensor(MIRROR)
    coarse = HeadPainter(heads, device, mirror, arguments.first)  # three heads in the time of one at 3 mm
    fine = HeadPainter(heads, device, mirror, arguments.spacing)
    params = resunet.Params(channels=tuple(arguments.channels), in_channels=4, classes=len(MIRROR))
    torch.manual_seed(arguments.seed)
    network = resunet.build(params).to(device)
    torch.nn.utils.convert_conv3d_weight_memory_format(network, torch.channels_last_3d)
    optimizer = torch.optim.AdamW(network.parameters(), lr=arguments.rate, weight_decay=1e-4)
    checkpoint = arguments.work / "checkpoint.safetensors"
    step, seconds = _load(checkpoint, network, optimizer)
    total = arguments.minutes * 60
    network.train()
    last, losses, dices = time.perf_counter(), [], []
    saved = seconds
    while seconds < total:
        for group in optimizer.param_groups:
            group["lr"] = arguments.rate * min(1.0, (step + 1) / 60) * (1 + math.cos(math.pi * seconds / total)) / 2
        painter = coarse if seconds < arguments.share * total else fine
        drawn = [
            painter.draw(np.random.default_rng([arguments.seed, step, number])) for number in range(arguments.batch)
        ]
        images, target = together(drawn, painter.spacing_mm)
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):  # on a CPU its gradients were infinite
            logits = network(images.to(memory_format=torch.channels_last_3d))
        loss, dice = loss_of(logits.float(), target)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        losses.append(float(loss.detach()))
        dices.append(dice)
        if not math.isfinite(losses[-1]):
            raise SystemExit(f"The loss is no longer a number at step {step}; choose a lower --rate.")
        step += 1
        now = time.perf_counter()
        seconds, last = seconds + now - last, now
        if seconds - saved > _SAVE_EVERY_SECONDS or seconds >= total:
            _save(checkpoint, network, optimizer, step, seconds)
            line = {"step": step, "seconds": round(seconds), "loss": np.mean(losses), "dice": np.mean(dices)}
            print(json.dumps({k: round(float(v), 4) for k, v in line.items()}), flush=True)
            losses, dices, saved = [], [], seconds
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    _whole(arguments.work / "weights.safetensors", save(weights))
    told = {
        "network": "resunet",
        "network_params": params.model_dump(mode="json"),
        "seed": arguments.seed,
        "steps": step,
        "batch": arguments.batch,
        "learning_rate": arguments.rate,
        "spacing_mm": arguments.spacing,
        "first_spacing_mm": arguments.first,
        "first_share": arguments.share,
        "seconds": round(seconds),
        "device": device,
        "threads": arguments.threads,
        "torch_version": str(torch.__version__),
    }
    _whole(arguments.work / "training.json", json.dumps(told, indent=1).encode())


def package(work: Path, figures: Path | None) -> None:
    """Write weights, facts and card as one file, and the card beside it for people."""
    import hashlib

    from ctworkbench.core.code_version import code_version
    from ctworkbench.core.model_registry import SUFFIX, ModelFacts, card, write_package
    from ctworkbench.core.model_registry.facts import HeldOut
    from ctworkbench.train.preset import Augmentation, Preset

    told = json.loads((work / "training.json").read_text())
    weights = work / "weights.safetensors"
    settings = Preset(
        title="Starter: drawn heads, no patient",
        spacing_mm=told["spacing_mm"],
        margin_mm=4.0,
        sees="hu",
        channels=told["network_params"]["channels"],
        coordinates=True,
        mirror_average=True,
        optimizer="adamw",
        learning_rate=told["learning_rate"],
        schedule="cosine",
        weight_decay=1e-4,
        loss="cross-entropy + dice",
        batch=told["batch"],
        together=told["batch"],
        epochs=1,
        clip=5.0,
        folds=1,
        augmentation=Augmentation(flip=0.5, rotation_degrees=15.0),
    )
    drawn = told["steps"] * told["batch"]
    measured = ["Its figures are of digital phantoms, made from heads that it did not learn from."] if figures else []
    facts = ModelFacts(
        title="Starter model",
        network=told["network"],
        network_params=told["network_params"],
        preset="starter",
        settings=settings.model_dump(mode="json"),
        scheme="lobes10",
        seed=told["seed"],
        label_kind="drawn heads",
        learned_from=(
            f"{drawn:,} images drawn by `scripts/train_starter.py` from label maps of eight adult heads "
            "(resources/heads, from SynthSeg): bent, scaled to a child's size, painted with HU, noise and thick slices "
            f"at random, {told['first_spacing_mm']:g} mm voxels for the first {told['first_share']:.0%} of the time.",
            "No patient's scan was used. The borders of the lobes are those of the CerebrA atlas, carried over.",
        ),
        cautions=(
            "The model learned from images drawn from adult heads: it has never seen the scan of a child.",
            *measured,
        ),
        validation=(HeldOut.model_validate_json(figures.read_text()),) if figures else (),
        seconds=told["seconds"],
        device=told["device"],
        threads=told["threads"],
        code_version=code_version(),
        torch_version=told["torch_version"],
        weights_sha256=hashlib.sha256(weights.read_bytes()).hexdigest(),
        created=time.strftime("%Y-%m-%d"),
    )
    write_package(facts, weights, work / f"starter{SUFFIX}")
    _whole(work / "starter.md", card.markdown(facts).encode())


def read_heads(work: Path) -> list[HeadFields]:
    """The fields that `prepare` wrote."""
    with np.load(work / "heads.npz", allow_pickle=False) as kept:
        names = sorted({key.rpartition(".")[0] for key in kept.files if "." in key})
        return [
            HeadFields(**{field.name: kept[f"{name}.{field.name}"] for field in fields(HeadFields)}) for name in names
        ]


def together(drawn: list[SyntheticHead], spacing_mm: float) -> tuple[Tensor, Tensor]:
    """Images with their coordinates (n, 4, x, y, z) and targets (n, x, y, z), padded about their centres."""
    shape = [max(head.target.shape[axis] for head in drawn) for axis in range(3)]
    images, targets = [], []
    for head in drawn:
        room = [(wanted - own) // 2 for wanted, own in zip(shape, head.target.shape, strict=True)]
        around = [n for side in reversed(room) for n in (side, side)]
        axes = [
            (torch.arange(n, device=head.image.device) - (n - 1) / 2) * (2 * spacing_mm / size)
            for n, size in zip(shape, head.box_mm, strict=True)
        ]
        places = torch.stack(torch.meshgrid(*axes, indexing="ij")).float()
        images.append(torch.cat([functional.pad(head.image, around), places]))
        targets.append(functional.pad(head.target, around))
    return torch.stack(images), torch.stack(targets)


def loss_of(logits: Tensor, target: Tensor) -> tuple[Tensor, float]:
    """Cross-entropy + 1 − soft Dice, and the mean Dice of the regions."""
    classes = logits.shape[1]
    found = torch.softmax(logits, 1).transpose(0, 1).flatten(1)
    wanted = functional.one_hot(target.flatten(), classes).T.to(found.dtype)
    both, either = (found * wanted).sum(1), found.sum(1) + wanted.sum(1)
    loss = functional.cross_entropy(logits, target) + 1 - ((2 * both + 1) / (either + 1))[1:].mean()
    table = torch.bincount((logits.detach().argmax(1) * classes + target).flatten(), minlength=classes**2)
    table = table.reshape(classes, classes).double()
    dice = 2 * table.diagonal() / (table.sum(0) + table.sum(1)).clamp(min=1)
    return loss, float(dice[1:].mean())


def _save(path: Path, network: torch.nn.Module, optimizer: torch.optim.Optimizer, step: int, seconds: float) -> None:
    """Weights, moments and place in one file."""
    tensors = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    for number, entry in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{name}": tensor for name, tensor in entry.items()}
    content = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    _whole(path, save(content, {"state": json.dumps({"step": step, "seconds": seconds})}))


def _load(path: Path, network: torch.nn.Module, optimizer: torch.optim.Optimizer) -> tuple[int, float]:
    """Put all back to the checkpoint's place; (0, 0) where there is none."""
    if not path.exists():
        return 0, 0.0
    with safe_open(path, framework="pt") as stored:
        state = json.loads((stored.metadata() or {})["state"])
        tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 - not a mapping
    own = "network."
    network.load_state_dict({name.removeprefix(own): value for name, value in tensors.items() if name.startswith(own)})
    moments: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith("optimizer."):
            _, number, key = name.split(".")
            moments.setdefault(int(number), {})[key] = tensor
    optimizer.load_state_dict({"state": moments, "param_groups": optimizer.state_dict()["param_groups"]})
    return int(state["step"]), float(state["seconds"])


def _whole(path: Path, content: bytes) -> None:
    """Write a file so that it is wholly there or not at all."""
    temporary = path.with_suffix(".part")
    with temporary.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)


if __name__ == "__main__":
    main()
