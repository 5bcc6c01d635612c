"""Training: accepted label maps in, weights and their figures out; goes on exactly where it was cut off.

All that is random is drawn from (seed, epoch, step), so a training that was killed and started again gives, on one CPU
with one number of threads, the same weights bit for bit. On a GPU some sums are made in no fixed order.
"""

import math
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ctworkbench.core.errors import JobCancelled, WorkbenchError
from ctworkbench.core.jobs import JobContext
from ctworkbench.core.splits import Role
from ctworkbench.core.training import LabelKind, TrainCase, changed_settings
from ctworkbench.train.augment import augment, patch
from ctworkbench.train.checkpoint import TrainState, fingerprint, load_checkpoint, save_checkpoint
from ctworkbench.train.course import Course, TrainParams, dice_on_network_grid
from ctworkbench.train.data import Prepared, network_input, padded, prepare, roles
from ctworkbench.train.distributed import Ranks, launch
from ctworkbench.train.examples import keep_example
from ctworkbench.train.memory import gpu_alone, memory_held, out_of_memory, smaller
from ctworkbench.train.objective import count_overlap, learning_rate, loss_of
from ctworkbench.train.outcome import TrainResult, finish
from ctworkbench.train.predict import pick_device
from ctworkbench.train.preset import Preset

_SAVE_EVERY_SECONDS = 60.0


def train(params: TrainParams, context: JobContext) -> TrainResult:
    """Train a network; every epoch is told as a metric, cancelling stops at the next step.

    Raises:
        WorkbenchError: no or too few accepted cases, a subject in two roles, a region that no label map has, a loss
            that is no longer a number, files that cannot be used, or more processes than a batch has brains.
    """
    settings = _settings(params)
    if params.processes > settings.batch:
        raise WorkbenchError(
            f"{params.processes} processes cannot share a batch of {settings.batch}.",
            f"Train with {settings.batch} processes at most, or change the preset's batch.",
        )
    with gpu_alone(context) if pick_device() == "cuda" else nullcontext():
        if params.processes > 1:
            return launch(_train, params, context, params.processes)
        result = _train(params, context, Ranks())
    assert result is not None, "the first process has the result"
    return result


def _train(params: TrainParams, context: JobContext, ranks: Ranks) -> TrainResult | None:
    """Train, alone or as one of several processes; the first alone has the result."""
    settings = _settings(params)
    fold_seed = params.seed if params.fold_seed is None else params.fold_seed
    role_of = roles(params.cases, params.fold, settings.folds, fold_seed)
    torch.set_num_threads(context.threads)
    course = Course(params, settings, context, ranks)
    prepared: list[dict[Role, list[Prepared]]] = []
    ranks.led(lambda: prepared.append(_prepare_all(course, role_of)))
    sets = prepared[0] if prepared else _prepare_all(course, role_of)  # from the files that the first has made
    own = fingerprint(params)
    state = load_checkpoint(course.checkpoint, course.network, course.optimizer, own, course.average)
    state = state or TrainState(fingerprint=own)
    kinds = {item.case.label_kind for item in sets["validation"]}
    shown: LabelKind = "expert" if "expert" in kinds else "pseudo"  # the two kinds are never averaged together
    held_out = [item for item in sets["validation"] if item.case.label_kind == shown]
    while state.epoch < course.epochs:
        _epoch(course, state, sets["train"], held_out)
    return finish(course, state, sets, role_of) if ranks.first else None


def _settings(params: TrainParams) -> Preset:
    return params.settings or Preset.model_validate(changed_settings(params.preset, params.changes))


def _prepare_all(course: Course, role_of: Sequence[Role]) -> dict[Role, list[Prepared]]:
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


def _epoch(course: Course, state: TrainState, items: Sequence[Prepared], held_out: Sequence[Prepared]) -> None:
    """One pass through the training cases from where `state` stands, then a look at the validation cases."""
    settings = course.settings
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
        if course.ranks.told(now - saved > _SAVE_EVERY_SECONDS) and state.step < steps:
            state.seconds += now - started
            started = saved = now
            _keep(course, state)
            course.ranks.led(lambda: _tell(course, state, steps))
    state.seconds += time.perf_counter() - started
    course.ranks.check_alike(course.network)
    _keep(course, state)  # a pause while validating costs no step
    course.ranks.led(lambda: _look(course, state, held_out, steps))
    state.epoch, state.step, state.loss_sum, state.overlap = state.epoch + 1, 0, 0.0, []
    _keep(course, state)
    course.ranks.led(lambda: _tell(course, state, steps, state.history[-1]))


def _look(course: Course, state: TrainState, held_out: Sequence[Prepared], steps: int) -> None:
    """Measure the network on the validation cases at the end of an epoch, and keep slices of the first."""
    started = time.perf_counter()
    validation, seen = dice_on_network_grid(course, held_out)
    overlap = np.array(state.overlap)[1:]
    trained = float(np.mean(overlap[:, 0] / np.maximum(overlap[:, 1], 1)))
    figures = {"epoch": state.epoch + 1.0, "loss": state.loss_sum / steps, "dice_train": trained}
    figures["dice_validation"] = float(np.mean(list(validation.values()))) if validation else 0.0
    figures |= {f"dice_validation_{name}": value for name, value in validation.items()}
    best = all(figures["dice_validation"] >= row["dice_validation"] for row in state.history)
    keep_example(course.context.folder, held_out[0], seen, state.epoch + 1, figures["dice_validation"], best)
    state.history = [*state.history, figures]
    state.seconds += time.perf_counter() - started


def _step(
    course: Course, state: TrainState, items: Sequence[Prepared], indices: Sequence[int]
) -> tuple[float, NDArray[np.float64]]:
    """One step of the optimizer over a batch of brains, a few at once; the mean loss, and the overlap by class."""
    settings, network = course.settings, course.network
    course.optimizer.zero_grad(set_to_none=True)
    found = np.zeros((len(course.scheme.codes) + 2, 2))  # the last row: the loss
    trouble: Exception | None = None
    try:
        course.context.check()
        own = course.ranks.share(range(len(items)))
        together = state.together or settings.together
        for start in range(0, len(own), together):
            places = own[start : start + together]
            found += _learn(course, state, [items[n] for n in places], [indices[n] for n in places], len(items))
    except (JobCancelled, RuntimeError, MemoryError) as error:
        if not isinstance(error, JobCancelled) and not out_of_memory(error):
            raise
        trouble = error
    found = course.ranks.add_up(network, found, trouble)
    if settings.clip is not None:
        torch.nn.utils.clip_grad_norm_(network.parameters(), settings.clip)
    course.optimizer.step()
    return float(found[-1, 0]), found[:-1]


def _learn(
    course: Course, state: TrainState, items: Sequence[Prepared], indices: Sequence[int], batch: int
) -> NDArray[np.float64]:
    """Add the gradients of a few brains of a batch; their overlap by class, in a last row their part of the loss."""
    course.context.check()
    images, target = _shown(course, state, items, indices)
    with torch.autocast(course.device, torch.bfloat16, enabled=course.device == "cuda"):
        logits = course.network(images)
    loss = loss_of(logits.float(), target, course.settings.loss, course.class_weights) * (len(images) / batch)
    loss.backward()
    overlap = count_overlap(logits.detach().argmax(1), target, logits.shape[1])
    return np.concatenate([overlap, [[float(loss.detach()), 0.0]]])


def _shown(
    course: Course, state: TrainState, items: Sequence[Prepared], indices: Sequence[int]
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


def _average(course: Course, step: int) -> None:
    """Let the average of the weights follow; it forgets the first steps sooner."""
    if course.average is course.network:
        return
    kept = min(course.settings.average, (1 + step) / (10 + step))
    with torch.no_grad():
        for own, new in zip(course.average.parameters(), course.network.parameters(), strict=True):
            own.lerp_(new, 1 - kept)
        for own, new in zip(course.average.buffers(), course.network.buffers(), strict=True):
            own.copy_(new)


def _take_less(course: Course, state: TrainState, items: Sequence[Prepared]) -> None:
    """Go on with smaller bites, and say so."""
    settings = course.settings
    whole = max(max(item.target.shape) for item in items)
    before = state.patch or settings.patch or whole
    state.together, state.patch = smaller(state.together or settings.together, before)
    if state.patch == whole:
        state.patch = None
    shown = "one brain at a time" if state.patch in (None, before) else f"cubes of {state.patch} voxels a side"
    done = (state.epoch / course.epochs) * 0.85 + 0.1
    told = f"The memory was too small for a step: going on with {shown}"
    course.ranks.led(lambda: course.context.progress(done, told))


def _keep(course: Course, state: TrainState) -> None:
    course.ranks.led(
        lambda: save_checkpoint(course.checkpoint, course.network, course.optimizer, state, course.average)
    )


def _tell(course: Course, state: TrainState, steps: int, figures: Mapping[str, float] | None = None) -> None:
    """Tell how far the training is, and the figures of an epoch that has ended."""
    if figures is not None:
        course.context.metric(**{**figures, "epoch": state.epoch})
    done = state.epoch + state.step / steps
    left = state.seconds / done * (course.epochs - done)
    text = f"{left:.0f} s" if left < 90 else f"{left / 60:.0f} min" if left < 5400 else f"{left / 3600:.1f} h"
    dice = f", validation Dice {state.history[-1]['dice_validation']:.3f}" if state.history else ""
    epoch = min(state.epoch + 1, course.epochs)
    course.context.progress(
        0.1 + 0.85 * done / course.epochs,
        f"Epoch {epoch} of {course.epochs}{dice}, {text} left, {memory_held(course.device):.1f} GB held",
    )
