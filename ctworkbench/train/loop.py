"""Training: accepted label maps in, weights and their figures out; goes on exactly where it was cut off.

All that is random is drawn from (seed, epoch, step), so a training that was killed and started again gives, on one CPU
with one number of threads, the same weights bit for bit. On a GPU some sums are made in no fixed order.
"""

import copy
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError
from torch import Tensor, nn

from ctworkbench import __version__
from ctworkbench.core import plugins, schemes
from ctworkbench.core.code_version import code_version
from ctworkbench.core.errors import JobCancelled, WorkbenchError
from ctworkbench.core.jobs import JobContext
from ctworkbench.core.splits import Role
from ctworkbench.core.training import CaseFigures, LabelKind, TrainCase, TrainRequest, changed_settings
from ctworkbench.core.volume import read_nifti
from ctworkbench.train.augment import augment, class_mirror, patch
from ctworkbench.train.checkpoint import TrainState, fingerprint, load_checkpoint, save_checkpoint, save_weights
from ctworkbench.train.data import Prepared, network_input, padded, prepare, roles
from ctworkbench.train.evaluate import Agreement, CaseDice, agreements, compare
from ctworkbench.train.examples import keep_example
from ctworkbench.train.figures import case_figures, some_of
from ctworkbench.train.inference import eager
from ctworkbench.train.memory import memory_held, out_of_memory, smaller
from ctworkbench.train.objective import count_overlap, learning_rate, loss_of
from ctworkbench.train.predict import Device, class_probabilities, label_scan, pick_device
from ctworkbench.train.preset import Preset

_SAVE_EVERY_SECONDS = 60.0


class TrainParams(TrainRequest):
    """What to train on, and how.

    Attributes:
        settings: settings to use instead of the preset's own.
        epochs: instead of the preset's.
    """

    settings: Preset | None = None
    epochs: int | None = Field(default=None, ge=1)


class TrainResult(BaseModel):
    """The trained model and all that must be recorded of it.

    Attributes:
        weights: safetensors file.
        weights_sha256: its hash, asked for again before use.
        network: name of the network.
        network_params: its `Params`.
        preset: name of the preset.
        settings: the settings used at the end, smaller than the preset's where the memory ran out.
        scheme: region scheme.
        seed: the seed used.
        fold: the fold, None for the stored split.
        roles: role of every subject in this training.
        history: per epoch: `epoch`, `loss`, `dice_train` (on changed images), `dice_validation`, and
            `dice_validation_<region>`; all on the network's grid, validation against labels of `label_kind` alone.
        dice_train: mean Dice over training cases, unchanged images, on the network's grid.
        dice_train_regions: the same by region.
        validation: Dice of the validation cases on their scans' own grids, one entry per kind of label, as segmentation
            makes them.
        dice_validation: `mean` of the first entry of `validation`.
        dice_validation_regions: `regions` of it.
        label_kind: what `dice_validation` was measured against: "pseudo" makes it agreement with pseudo-labels.
        figures: scores of each validation case and of a sample of training cases, on the scans' own grids.
        dice_test: always None here; the test set is opened for evaluation alone.
        seconds: time of training over all its runs, preparation and evaluation left out.
        device: "cpu" or "cuda".
        threads: threads used.
        code_version: version of the program.
        torch_version: version of torch.
        cautions: what the model's card must say of this training, a sentence each.
    """

    model_config = ConfigDict(frozen=True)

    weights: Path
    weights_sha256: str
    network: str
    network_params: dict[str, JsonValue]
    preset: str
    settings: Preset
    scheme: str
    seed: int
    fold: int | None
    roles: dict[str, Role]
    history: list[dict[str, float]]
    dice_train: float
    dice_train_regions: dict[str, float]
    validation: tuple[Agreement, ...]
    dice_validation: float
    dice_validation_regions: dict[str, float]
    label_kind: LabelKind
    figures: tuple[CaseFigures, ...]
    dice_test: float | None = None
    seconds: float
    device: Device
    threads: int
    code_version: str
    torch_version: str
    cautions: tuple[str, ...] = ()


class _Course:
    """One training under way: the parts that every step needs."""

    def __init__(self, params: TrainParams, settings: Preset, context: JobContext) -> None:
        self.params = params
        self.settings = settings
        self.context = context
        self.scheme = schemes.load(params.scheme)
        self.device: Device = pick_device()
        module = plugins.load(plugins.NETWORKS, params.network)
        try:
            self.network_params: BaseModel = module.Params(
                channels=settings.channels,
                kernel=settings.kernel,
                in_channels=4 if settings.coordinates else 1,
                classes=len(self.scheme.codes) + 1,
            )
        except ValidationError as error:
            fault = error.errors()[0]
            raise WorkbenchError(
                f"The network {params.network} cannot be made as {params.preset} asks: {fault['msg']}.",
                "Choose another preset or another network.",
            ) from error
        torch.manual_seed(params.seed)
        self.network = cast(nn.Module, module.build(self.network_params)).to(self.device)
        method = torch.optim.Adam if settings.optimizer == "adam" else torch.optim.AdamW
        self.optimizer = method(
            self.network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        self.average = copy.deepcopy(self.network) if settings.average else self.network
        self.mirror = class_mirror(self.scheme.codes, self.scheme.mirror_table).to(self.device)
        self.epochs = params.epochs or settings.epochs
        self.class_weights: Tensor | None = None
        self.checkpoint = context.folder / "checkpoint.safetensors"


def train(params: TrainParams, context: JobContext) -> TrainResult:
    """Train a network; every epoch is told as a metric, cancelling stops at the next step.

    Raises:
        WorkbenchError: no or too few accepted cases, a subject in two roles, a region that no label map has, a loss
            that is no longer a number, or files that cannot be used.
    """
    settings = params.settings or Preset.model_validate(changed_settings(params.preset, params.changes))
    fold_seed = params.seed if params.fold_seed is None else params.fold_seed
    role_of = roles(params.cases, params.fold, settings.folds, fold_seed)
    torch.set_num_threads(context.threads)
    course = _Course(params, settings, context)
    sets = _prepare_all(course, role_of)
    own = fingerprint(params)
    state = load_checkpoint(course.checkpoint, course.network, course.optimizer, own, course.average)
    state = state or TrainState(fingerprint=own)
    kinds = {item.case.label_kind for item in sets["validation"]}
    shown: LabelKind = "expert" if "expert" in kinds else "pseudo"  # the two kinds are never averaged together
    held_out = [item for item in sets["validation"] if item.case.label_kind == shown]
    while state.epoch < course.epochs:
        _epoch(course, state, sets["train"], held_out)
    return _finish(course, state, sets, role_of)


def _prepare_all(course: _Course, role_of: Sequence[Role]) -> dict[Role, list[Prepared]]:
    """Training and validation cases on the network's grid; test cases are not opened."""
    wanted: list[tuple[TrainCase, Role]] = [
        (case, role) for case, role in zip(course.params.cases, role_of, strict=True) if role != "test"
    ]
    sets: dict[Role, list[Prepared]] = {"train": [], "validation": []}
    settings, folder = course.settings, course.context.folder / "prepared"
    for number, (case, role) in enumerate(wanted):
        course.context.progress(0.1 * number / len(wanted), f"Preparing {case.subject} ({number + 1} of {len(wanted)})")
        sets[role].append(prepare(case, folder, settings, course.scheme.codes))
    classes = len(course.scheme.codes) + 1
    counts = np.sum([np.bincount(item.target.ravel(), minlength=classes) for item in sets["train"]], axis=0)
    missing = [region.title for number, region in enumerate(course.scheme.regions, 1) if counts[number] == 0]
    if missing:
        raise WorkbenchError(
            f"No training label map holds {', '.join(missing)}: the network could never learn it.",
            "Correct the label maps, or choose a scheme without it.",
        )
    if settings.balanced:
        weights = (counts.sum() / (classes * np.maximum(counts, 1))) ** 0.5
        course.class_weights = torch.from_numpy(weights.astype(np.float32)).to(course.device)
    return sets


def _epoch(course: _Course, state: TrainState, items: Sequence[Prepared], held_out: Sequence[Prepared]) -> None:
    """One pass through the training cases from where `state` stands, then a look at the validation cases."""
    settings, context = course.settings, course.context
    order = np.random.default_rng([course.params.seed, state.epoch]).permutation(len(items))
    steps = math.ceil(len(items) / settings.batch)
    if not state.overlap:
        state.overlap = [[0.0, 0.0] for _ in range(len(course.scheme.codes) + 1)]
    course.network.train()
    started = saved = time.perf_counter()
    while state.step < steps:
        chosen = [int(index) for index in order[state.step * settings.batch : (state.step + 1) * settings.batch]]
        for group in course.optimizer.param_groups:
            group["lr"] = learning_rate(settings, (state.epoch + state.step / steps) / course.epochs)
        try:
            loss, overlap = _step(course, state, [items[index] for index in chosen], chosen)
        except JobCancelled:  # paused: it goes on from this very step
            state.seconds += time.perf_counter() - started
            _keep(course, state)
            raise
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            _take_less(course, state, items)
            continue
        if not math.isfinite(loss):
            raise WorkbenchError(
                f"The loss is no longer a number in epoch {state.epoch + 1}, step {state.step + 1}.",
                "Check the accepted label maps, then train again; a preset with a lower learning rate helps too.",
            )
        state.loss_sum += loss
        state.overlap = (np.array(state.overlap) + overlap).tolist()
        state.step += 1
        _average(course, state.epoch * steps + state.step)
        now = time.perf_counter()
        if now - saved > _SAVE_EVERY_SECONDS and state.step < steps:
            state.seconds += now - started
            started = saved = now
            _keep(course, state)
            _tell(course, state, steps)
    now = time.perf_counter()
    state.seconds += now - started
    started = now
    _keep(course, state)  # a pause while validating costs no step
    validation, seen = _dice_on_network_grid(course, held_out)
    overlap = np.array(state.overlap)[1:]
    trained = float(np.mean(overlap[:, 0] / np.maximum(overlap[:, 1], 1)))
    figures = {"epoch": state.epoch + 1.0, "loss": state.loss_sum / steps, "dice_train": trained}
    figures["dice_validation"] = float(np.mean(list(validation.values()))) if validation else 0.0
    figures |= {f"dice_validation_{name}": value for name, value in validation.items()}
    best = all(figures["dice_validation"] >= row["dice_validation"] for row in state.history)
    keep_example(context.folder, held_out[0], seen, state.epoch + 1, figures["dice_validation"], best)
    state.history = [*state.history, figures]
    state.seconds += time.perf_counter() - started
    state.epoch, state.step, state.loss_sum, state.overlap = state.epoch + 1, 0, 0.0, []
    _keep(course, state)
    context.metric(**{**figures, "epoch": state.epoch})
    _tell(course, state, steps)


def _step(
    course: _Course, state: TrainState, items: Sequence[Prepared], indices: Sequence[int]
) -> tuple[float, NDArray[np.float64]]:
    """One step of the optimizer over a batch of brains, a few at once; the mean loss, and the overlap by class."""
    settings, device = course.settings, course.device
    course.context.check()
    course.optimizer.zero_grad(set_to_none=True)
    total, together = 0.0, state.together or settings.together
    table = np.zeros((len(course.scheme.codes) + 1, 2))
    for start in range(0, len(items), together):
        course.context.check()
        images, target = _shown(course, state, items[start : start + together], indices[start:])
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            logits = course.network(images)
        loss = loss_of(logits.float(), target, settings.loss, course.class_weights) * (len(images) / len(items))
        loss.backward()
        total += float(loss.detach())
        table += count_overlap(logits.detach().argmax(1), target, logits.shape[1])
    if settings.clip is not None:
        torch.nn.utils.clip_grad_norm_(course.network.parameters(), settings.clip)
    course.optimizer.step()
    return total, table


def _shown(
    course: _Course, state: TrainState, items: Sequence[Prepared], indices: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """What the network sees of a few cases in this epoch, whole or a cube of each, and their classes."""
    settings, views = course.settings, [item.view for item in items]
    size = state.patch or settings.patch
    changed: list[tuple[Tensor, Tensor]] = []
    cuts: list[tuple[slice, slice, slice]] = []
    for item, index in zip(items, indices, strict=False):
        rng = np.random.default_rng([course.params.seed, state.epoch, index, 1])
        target = torch.from_numpy(item.target).to(course.device, torch.int64)
        image = item.view.tensor().to(course.device)
        changed.append(augment(image, target, course.mirror, settings.augmentation, rng, settings.spacing_mm))
        if size is not None:
            cuts.append(patch(*changed[-1], size, rng))
    if not cuts:
        images = network_input([image for image, _ in changed], views, settings.coordinates)
        return images, torch.stack([padded(classes, images.shape[2:]) for _, classes in changed])
    seen = [
        network_input([image], [view], settings.coordinates)[0][(slice(None), *cut)]
        for (image, _), view, cut in zip(changed, views, cuts, strict=True)
    ]
    shape = [max(image.shape[axis] for image in seen) for axis in (1, 2, 3)]
    targets = [padded(classes[cut], shape) for (_, classes), cut in zip(changed, cuts, strict=True)]
    return torch.stack([padded(image, shape) for image in seen]), torch.stack(targets)


def _average(course: _Course, step: int) -> None:
    """Let the average of the weights follow; it forgets the first steps sooner."""
    if course.average is course.network:
        return
    kept = min(course.settings.average, (1 + step) / (10 + step))
    with torch.no_grad():
        for own, new in zip(course.average.parameters(), course.network.parameters(), strict=True):
            own.lerp_(new, 1 - kept)
        for own, new in zip(course.average.buffers(), course.network.buffers(), strict=True):
            own.copy_(new)


def _take_less(course: _Course, state: TrainState, items: Sequence[Prepared]) -> None:
    """Go on with smaller bites, and say so."""
    settings = course.settings
    whole = max(max(item.target.shape) for item in items)
    before = state.patch or settings.patch or whole
    state.together, state.patch = smaller(state.together or settings.together, before)
    if state.patch == whole:
        state.patch = None
    shown = "one brain at a time" if state.patch in (None, before) else f"cubes of {state.patch} voxels a side"
    done = (state.epoch / course.epochs) * 0.85 + 0.1
    course.context.progress(done, f"The memory was too small for a step: going on with {shown}")


def _keep(course: _Course, state: TrainState) -> None:
    save_checkpoint(course.checkpoint, course.network, course.optimizer, state, course.average)


def _dice_on_network_grid(
    course: _Course, items: Sequence[Prepared]
) -> tuple[dict[str, float], NDArray[np.integer[Any]]]:
    """Mean Dice by region over cases, images unchanged, and the classes (x, y, z) that the first case was given.

    A region that a case has in neither map is left out.
    """
    course.average.eval()
    found: dict[str, list[float]] = {region.name: [] for region in course.scheme.regions}
    first: NDArray[np.integer[Any]] | None = None
    for item in items:
        course.context.check()
        classes = class_probabilities(
            eager(course.average, course.device), item.view, course.settings, course.scheme
        ).argmax(0)
        first = classes if first is None else first
        overlap = count_overlap(torch.from_numpy(classes), torch.from_numpy(item.target).long(), len(found) + 1)
        for name, (both, either) in zip(found, overlap[1:], strict=True):
            if either:
                found[name].append(both / either)
    assert first is not None, "a training has cases of both sets"
    return {name: float(np.mean(values)) for name, values in found.items() if values}, first


def _tell(course: _Course, state: TrainState, steps: int) -> None:
    done = state.epoch + state.step / steps
    left = state.seconds / done * (course.epochs - done)
    text = f"{left:.0f} s" if left < 90 else f"{left / 60:.0f} min" if left < 5400 else f"{left / 3600:.1f} h"
    dice = f", validation Dice {state.history[-1]['dice_validation']:.3f}" if state.history else ""
    epoch = min(state.epoch + 1, course.epochs)
    course.context.progress(
        0.1 + 0.85 * done / course.epochs,
        f"Epoch {epoch} of {course.epochs}{dice}, {text} left, {memory_held(course.device):.1f} GB held",
    )


def _finish(
    course: _Course, state: TrainState, sets: dict[Role, list[Prepared]], role_of: Sequence[Role]
) -> TrainResult:
    """Write the weights, and measure them on the validation scans as segmentation would."""
    params, context, settings = course.params, course.context, course.settings
    course.average.eval()
    cases: list[CaseDice] = []
    figures: list[CaseFigures] = []
    answer = eager(course.average, course.device)
    measured = [*sets["validation"], *some_of(sets["train"])]
    for number, item in enumerate(measured):
        context.progress(0.95 + 0.05 * number / len(measured), f"Evaluating on {item.case.subject}")
        probabilities = class_probabilities(answer, item.view, settings, course.scheme)
        truth = read_nifti(item.case.labels)
        found, _ = label_scan(probabilities, item.view, read_nifti(item.case.brain), truth.grid, course.scheme)
        part: Role = "validation" if number < len(sets["validation"]) else "train"
        figures.append(case_figures(item.case.subject, part, item.case.label_kind, found, truth, course.scheme))
        if part == "validation":
            cases.append(compare(item.case.subject, item.case.label_kind, found.voxels, truth.voxels, course.scheme))
    validation = agreements(cases)
    trained, _ = _dice_on_network_grid(course, sets["train"])
    network_params = course.network_params.model_dump(mode="json")
    described = {"network": params.network, "params": network_params, "preset": params.preset, "scheme": params.scheme}
    weights = context.folder / "weights.safetensors"
    used = settings.model_copy(
        update={"together": state.together or settings.together, "patch": state.patch or settings.patch}
    )
    # In the weights the version alone, for the same training gives the same file whatever else was changed meanwhile.
    return TrainResult(
        weights=weights,
        weights_sha256=save_weights(weights, course.average, described | {"code_version": __version__}),
        network=params.network,
        network_params=network_params,
        preset=params.preset,
        settings=used,
        scheme=params.scheme,
        seed=params.seed,
        fold=params.fold,
        roles={case.subject: role for case, role in zip(params.cases, role_of, strict=True)},
        history=state.history,
        dice_train=float(np.mean(list(trained.values()))),
        dice_train_regions=trained,
        validation=validation,
        dice_validation=validation[0].mean,
        dice_validation_regions=validation[0].regions,
        label_kind=validation[0].label_kind,
        figures=tuple(figures),
        seconds=state.seconds,
        device=course.device,
        threads=context.threads,
        code_version=code_version(),
        torch_version=str(torch.__version__),
        cautions=_shortfall(settings, used),
    )


def _shortfall(asked: Preset, used: Preset) -> tuple[str, ...]:
    """What the card says of a training that had to take smaller bites than its preset asks for."""
    if used.patch == asked.patch:  # brains that go through one by one give the same steps
        return ()
    before = "whole brains" if asked.patch is None else f"cubes of {asked.patch} voxels a side"
    return (
        f"The memory was too small for the preset: it was trained on cubes of {used.patch} voxels a side instead of "
        f"{before}, from the step on that did not fit.",
    )
