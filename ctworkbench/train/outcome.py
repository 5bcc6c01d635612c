"""What is kept of a training that has ended: its weights, and what they reach on the validation scans."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, JsonValue

from ctworkbench import __version__
from ctworkbench.core.code_version import code_version
from ctworkbench.core.splits import Role
from ctworkbench.core.training import CaseFigures, LabelKind
from ctworkbench.core.volume import read_nifti
from ctworkbench.train.checkpoint import TrainState, save_weights
from ctworkbench.train.course import Course, dice_on_network_grid
from ctworkbench.train.data import Prepared
from ctworkbench.train.evaluate import Agreement, CaseDice, agreements, compare
from ctworkbench.train.figures import case_figures, some_of
from ctworkbench.train.inference import eager
from ctworkbench.train.predict import Device, class_probabilities, label_scan
from ctworkbench.train.preset import Preset


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
        threads: threads used, by each process.
        processes: how many trained together.
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
    processes: int = 1
    code_version: str
    torch_version: str
    cautions: tuple[str, ...] = ()


def finish(
    course: Course, state: TrainState, sets: Mapping[Role, Sequence[Prepared]], role_of: Sequence[Role]
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
    trained, _ = dice_on_network_grid(course, sets["train"])
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
        processes=course.ranks.size,
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
