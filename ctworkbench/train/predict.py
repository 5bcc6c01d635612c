"""Segment scans with trained weights: the brain alone is looked at, labels lie on the scan's own grid.

Several scans go through one process, because loading torch and the weights costs more than a coarse scan does. Several
networks answer one after another and into one sum, so that they take the memory of one, and of their weights.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ctworkbench.core import plugins, schemes
from ctworkbench.core.files import replace_text
from ctworkbench.core.jobs import JobContext
from ctworkbench.core.label_maps import keep_largest_components, labels_from_probabilities, resample_labels
from ctworkbench.core.training import SegmentCase, SegmentedScan, SegmentModel, SegmentRequest, SegmentResult
from ctworkbench.core.uncertainty import uncertainty_map
from ctworkbench.core.volume import Grid, Volume, nifti_bytes, read_grid, read_nifti
from ctworkbench.train.augment import class_mirror
from ctworkbench.train.checkpoint import fingerprint, load_weights
from ctworkbench.train.data import NetworkImage, network_image, network_input, write_whole
from ctworkbench.train.inference import Answer, PreparedAnswer, prepare_answer
from ctworkbench.train.preset import Preset

Device = Literal["cpu", "cuda"]


@dataclass(frozen=True, eq=False)
class _Member:
    """A network that answers, with the settings that it was trained with."""

    answer: PreparedAnswer
    settings: Preset


def segment(params: SegmentRequest, context: JobContext) -> SegmentResult:
    """Segment every scan; scans that were done before the job was cut off are kept.

    Several models answer by the mean of their probabilities.

    Raises:
        WorkbenchError: weights missing, changed, or not of their network; an image or mask that cannot be used.
    """
    context.progress(0.0, "Loading the model" if len(params.models) == 1 else f"Loading {len(params.models)} models")
    torch.set_num_threads(context.threads)
    scheme, device = schemes.load(params.scheme), pick_device()
    members = [_member(model, params.flips, device, context.threads) for model in params.models]
    made_by = fingerprint(params.model_copy(update={"cases": ()}))[:16]
    done: list[SegmentedScan] = []
    for number, case in enumerate(params.cases):
        told = f"Segmenting {case.key} ({number + 1} of {len(params.cases)})"
        context.progress(number / len(params.cases), told)
        note = context.folder / f"segmented-{case.key}-{made_by}.json"
        path, doubt = (context.folder / f"{name}-{case.key}.nii.gz" for name in ("labels", "uncertainty"))
        if not note.exists():
            started = time.perf_counter()
            brain, own = read_nifti(case.brain), read_grid(case.scan)
            probabilities, view = _mean_probabilities(
                members, case, brain, scheme, context, (number, len(params.cases))
            )
            mask = brain_on(brain, own)
            labels, scores = label_scan(probabilities, view, mask, own, scheme)
            uncertainty = uncertainty_map(probabilities, view.grid.affine, mask)
            labelled = uncertainty.voxels[labels.voxels > 0]
            scores["uncertainty"] = float(labelled.mean()) if labelled.size else 0.0
            write_whole(path, nifti_bytes(labels, compressed=True))
            write_whole(doubt, nifti_bytes(uncertainty, compressed=True))
            found = SegmentedScan(
                key=case.key,
                labels=path,
                scores=scores,
                seconds=time.perf_counter() - started,
                windows=any(member.answer.windows for member in members),
                device=device,
                uncertainty=doubt,
                passes=sum(2 if member.settings.mirror_average else 1 for member in members),
            )
            replace_text(note, found.model_dump_json())
        kept = SegmentedScan.model_validate(json.loads(note.read_text(encoding="utf-8")))
        # the study may have been moved since
        done.append(kept.model_copy(update={"labels": path, "uncertainty": doubt}))
    return SegmentResult(cases=tuple(done), device=device)


def _member(model: SegmentModel, flips: bool | None, device: Device, threads: int) -> _Member:
    settings = Preset.model_validate(model.settings).model_copy(update={"mirror_average": model.mirrors(flips)})
    network = build_network(model.network, model.network_params)
    load_weights(model.weights, model.weights_sha256, network)
    return _Member(prepare_answer(network.to(device).eval(), device, threads), settings)


def _mean_probabilities(
    members: Sequence[_Member],
    case: SegmentCase,
    brain: Volume,
    scheme: schemes.Scheme,
    context: JobContext,
    place: tuple[int, int],
) -> tuple[NDArray[np.float32], NetworkImage]:
    """The mean of what the networks answer, and the image that all of them see; `place` is the case's in the job."""
    view = network_image(read_nifti(case.image), brain, members[0].settings, case.key)
    total: NDArray[np.float32] | None = None
    for number, member in enumerate(members):
        if len(members) > 1:
            done = (place[0] + number / len(members)) / place[1]
            context.progress(done, f"Segmenting {case.key} ({place[0] + 1} of {place[1]}), network {number + 1}")
        found = class_probabilities(member.answer, view, member.settings, scheme)
        if len(members) > 1:
            member.answer.release()
        if total is None:
            total = found
        else:
            total += found
        context.check()
    assert total is not None, "a request has one model at least"
    total /= len(members)
    return total, view


def pick_device() -> Device:
    """The GPU where torch can use one."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def build_network(name: str, params: dict[str, Any]) -> nn.Module:
    """A network of `train/networks` by name, from its parameters as JSON."""
    module = plugins.load(plugins.NETWORKS, name)
    return module.build(module.Params.model_validate(params))


def class_probabilities(
    answer: Answer, view: NetworkImage, settings: Preset, scheme: schemes.Scheme
) -> NDArray[np.float32]:
    """Probabilities (regions + 1, x, y, z) on the network's grid; channel order is background, then the scheme's.

    With `mirror_average` the mirrored head is looked at too, its answer mirrored back and its sides swapped.
    """
    image = view.tensor()
    found = torch.softmax(answer(network_input([image], [view], settings.coordinates))[0], 0)
    if settings.mirror_average:
        swap = class_mirror(scheme.codes, scheme.mirror_table)
        mirrored = torch.softmax(answer(network_input([image.flip(1)], [view], settings.coordinates))[0], 0)
        found = (found + mirrored.flip(1)[swap]) / 2
    return found.numpy()


def brain_on(brain: Volume, own: Grid) -> Volume:
    """The brain mask (uint8) on the scan's own grid; one that lies there already is taken as it is."""
    return resample_labels(Volume((brain.voxels > 0).astype(np.uint8), brain.affine), own, (1,))


def label_scan(
    probabilities: NDArray[np.float32], view: NetworkImage, brain: Volume, own: Grid, scheme: schemes.Scheme
) -> tuple[Volume, dict[str, float]]:
    """Labels on the scan's own grid within the brain mask, one component per region, and scores of them."""
    codes: Sequence[int] = scheme.codes
    labels = labels_from_probabilities(probabilities, view.grid.affine, own, codes)
    raw = Volume(labels.voxels * brain_on(brain, own).voxels, own.affine)
    kept = keep_largest_components(raw, codes)
    total = int(np.count_nonzero(raw.voxels))
    changed = int(np.count_nonzero(kept.voxels != raw.voxels))
    inside = view.image > 0
    present = np.bincount(kept.voxels.ravel(), minlength=256) > 0
    return kept, {
        "mean_probability": float(probabilities.max(0)[inside].mean()),
        "removed_fraction": changed / total if total else 0.0,
        "missing_regions": float(sum(not present[code] for code in codes)),
    }
