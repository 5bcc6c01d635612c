"""Scores of a model case by case: made when a training ends, and by a job of their own for a model that is there."""

from collections.abc import Sequence

import numpy as np
import torch

from ctworkbench.core import schemes
from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.files import replace_text
from ctworkbench.core.jobs import JobContext
from ctworkbench.core.segmentation_scores import region_scores
from ctworkbench.core.splits import Role, some_subjects
from ctworkbench.core.training import (
    TRAINING_CASES,
    CaseFigures,
    LabelKind,
    MeasureCase,
    MeasureRequest,
    MeasureResult,
)
from ctworkbench.core.volume import Volume, read_nifti
from ctworkbench.train.checkpoint import fingerprint, load_weights
from ctworkbench.train.data import Prepared, network_image
from ctworkbench.train.inference import Answer, prepare_answer
from ctworkbench.train.predict import build_network, class_probabilities, label_scan, pick_device
from ctworkbench.train.preset import Preset


def measure(params: MeasureRequest, context: JobContext) -> MeasureResult:
    """Label every case as segmentation would and score it; cases done before the job was cut off are kept.

    Raises:
        WorkbenchError: weights missing, changed, or not of this network; files that cannot be used.
    """
    context.progress(0.0, "Loading the model")
    torch.set_num_threads(context.threads)
    scheme, settings = schemes.load(params.scheme), Preset.model_validate(params.settings)
    device = pick_device()
    network = build_network(params.network, params.network_params)
    load_weights(params.weights, params.weights_sha256, network)
    answer = prepare_answer(network.to(device).eval(), device, context.threads)
    own = fingerprint(params)[:16]
    found: list[CaseFigures] = []
    for number, case in enumerate(params.cases):
        context.progress(
            number / len(params.cases), f"Measuring on {case.subject} ({number + 1} of {len(params.cases)})"
        )
        note = context.folder / f"figures-{number}-{own}.json"
        if not note.exists():
            scored = MeasureResult(figures=_scored(case, answer, settings, scheme), device=device)
            replace_text(note, scored.model_dump_json())
        found += MeasureResult.model_validate_json(note.read_text(encoding="utf-8")).figures
    return MeasureResult(figures=tuple(found), device=device)


def _scored(case: MeasureCase, answer: Answer, settings: Preset, scheme: schemes.Scheme) -> tuple[CaseFigures, ...]:
    """Scores of one case against each of its references; the scan is labelled once for all of one grid."""
    for path in (case.image, case.brain, *case.references.values()):
        if not path.exists():
            raise WorkbenchError(f"{case.subject}: {path.name} is missing.", "Restore it from a backup of the study.")
    brain = read_nifti(case.brain)
    view = network_image(read_nifti(case.image), brain, settings, case.subject)
    probabilities = class_probabilities(answer, view, settings, scheme)
    labels: Volume | None = None
    found: list[CaseFigures] = []
    for kind, path in case.references.items():
        reference = read_nifti(path)
        if labels is None or not labels.grid.matches(reference.grid):
            labels, _ = label_scan(probabilities, view, brain, reference.grid, scheme)
        found.append(case_figures(case.subject, case.part, kind, labels, reference, scheme))
    return tuple(found)


def case_figures(
    subject: str, part: Role, kind: LabelKind, predicted: Volume, reference: Volume, scheme: schemes.Scheme
) -> CaseFigures:
    """Scores of one label map by region name, both maps of region codes on one grid."""
    scores = region_scores(_codes(predicted), _codes(reference), scheme.codes)
    names = {region.code: region.name for region in scheme.regions}
    return CaseFigures(
        subject=subject, part=part, label_kind=kind, regions={names[code]: own for code, own in scores.items()}
    )


def some_of(items: Sequence[Prepared], most: int = TRAINING_CASES) -> list[Prepared]:
    """One case of each of at most `most` subjects; the same ones in every training, wherever they are in it."""
    first: dict[str, Prepared] = {}
    for item in items:
        first.setdefault(item.case.subject, item)
    return [first[code] for code in some_subjects(first, most)]


def _codes(labels: Volume) -> Volume:
    return Volume(labels.voxels.astype(np.uint8), labels.affine)
