"""Segment scans with trained weights: the brain alone is looked at, labels lie on the scan's own grid.

Several scans go through one process, because loading torch and the weights costs more than a coarse scan does.
"""

import json
import time
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ctworkbench.core import plugins, schemes
from ctworkbench.core.files import replace_text
from ctworkbench.core.jobs import JobContext
from ctworkbench.core.label_maps import keep_largest_components, labels_from_probabilities, resample_labels
from ctworkbench.core.training import SegmentedScan, SegmentRequest, SegmentResult
from ctworkbench.core.volume import Grid, Volume, nifti_bytes, read_grid, read_nifti
from ctworkbench.train.augment import class_mirror
from ctworkbench.train.checkpoint import fingerprint, load_weights
from ctworkbench.train.data import NetworkImage, network_image, network_input, write_whole
from ctworkbench.train.inference import Answer, prepare_answer
from ctworkbench.train.preset import Preset

Device = Literal["cpu", "cuda"]


def segment(params: SegmentRequest, context: JobContext) -> SegmentResult:
    """Segment every scan; scans that were done before the job was cut off are kept.

    Raises:
        WorkbenchError: weights missing, changed, or not of this network; an image or mask that cannot be used.
    """
    context.progress(0.0, "Loading the model")
    torch.set_num_threads(context.threads)
    scheme, settings = schemes.load(params.scheme), Preset.model_validate(params.settings)
    device = pick_device()
    network = build_network(params.network, params.network_params)
    load_weights(params.weights, params.weights_sha256, network)
    answer = prepare_answer(network.to(device).eval(), device, context.threads)
    if params.flips is not None:
        settings = settings.model_copy(update={"mirror_average": params.flips})
    own = fingerprint(params.model_copy(update={"cases": ()}))[:16]
    done: list[SegmentedScan] = []
    for number, case in enumerate(params.cases):
        context.progress(number / len(params.cases), f"Segmenting {case.key} ({number + 1} of {len(params.cases)})")
        note = context.folder / f"segmented-{case.key}-{own}.json"
        path = context.folder / f"labels-{case.key}.nii.gz"
        if not note.exists():
            started = time.perf_counter()
            brain = read_nifti(case.brain)
            view = network_image(read_nifti(case.image), brain, settings, case.key)
            probabilities = class_probabilities(answer, view, settings, scheme)
            context.check()
            labels, scores = label_scan(probabilities, view, brain, read_grid(case.scan), scheme)
            write_whole(path, nifti_bytes(labels, compressed=True))
            seconds = time.perf_counter() - started
            found = SegmentedScan(
                key=case.key, labels=path, scores=scores, seconds=seconds, windows=answer.windows, device=device
            )
            replace_text(note, found.model_dump_json())
        kept = SegmentedScan.model_validate(json.loads(note.read_text(encoding="utf-8")))
        done.append(kept.model_copy(update={"labels": path}))  # the study may have been moved since
    return SegmentResult(cases=tuple(done), device=device)


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


def label_scan(
    probabilities: NDArray[np.float32], view: NetworkImage, brain: Volume, own: Grid, scheme: schemes.Scheme
) -> tuple[Volume, dict[str, float]]:
    """Labels on the scan's own grid within the brain mask, one component per region, and scores of them."""
    codes: Sequence[int] = scheme.codes
    labels = labels_from_probabilities(probabilities, view.grid.affine, own, codes)
    mask = resample_labels(Volume((brain.voxels > 0).astype(np.uint8), brain.affine), own, (1,))
    raw = Volume(labels.voxels * mask.voxels, own.affine)
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
