"""One training under way: what is asked of it, and the parts that each of its steps needs."""

import copy
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, Field, ValidationError
from torch import Tensor, nn

from ctworkbench.core import plugins, schemes
from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.jobs import JobContext
from ctworkbench.core.training import TrainRequest
from ctworkbench.train.augment import class_mirror
from ctworkbench.train.data import Prepared
from ctworkbench.train.distributed import Ranks
from ctworkbench.train.inference import eager
from ctworkbench.train.objective import count_overlap
from ctworkbench.train.predict import Device, class_probabilities, pick_device
from ctworkbench.train.preset import Preset


class TrainParams(TrainRequest):
    """What to train on, and how.

    Attributes:
        settings: settings to use instead of the preset's own.
        epochs: instead of the preset's.
    """

    settings: Preset | None = None
    epochs: int | None = Field(default=None, ge=1)


class Course:
    """One training under way: the parts that every step needs."""

    def __init__(self, params: TrainParams, settings: Preset, context: JobContext, ranks: Ranks) -> None:
        self.ranks = ranks
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


def dice_on_network_grid(
    course: Course, items: Sequence[Prepared]
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
