"""All that a model card tells, kept beside the weights."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ctworkbench.core.training import LabelKind

STARTER_PRESET = "starter"
# That training drew its images itself, step by step: what a preset says of these it never had.
_NOT_OF_THE_STARTER = ("augmentation", "epochs", "folds")
_SHA256 = r"^[0-9a-f]{64}$"


class HeldOut(BaseModel):
    """Dice of the validation cases against one kind of label, on the scans' own grids.

    Attributes:
        label_kind: what it was measured against; "pseudo" makes it agreement with pseudo-labels.
        n: number of cases.
        mean: over cases and regions.
        sd: between cases; None for fewer than two.
        regions: mean by region.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    label_kind: LabelKind
    n: int
    mean: float
    sd: float | None = None
    regions: dict[str, float] = {}


class ModelFacts(BaseModel):
    """A trained network without its weights. No subject is named: a card may leave the house.

    Attributes:
        title: one line for people.
        network, network_params: which network, and its parameters.
        preset, settings: settings of the training; segmentation needs them too.
        scheme: region scheme.
        regions: (code, name) of its regions, in the order of the network's classes; empty in files of before 0.2.
        seed, fold: of the training.
        subjects: number of subjects by role, such as {"train": 10}.
        label_kind: what it was trained on, in words.
        learned_from: sentences on the training data beyond that.
        cautions: what limits the trust in it, a sentence each.
        validation: one entry for each kind of label.
        dice_train, dice_train_regions: on the training cases, unchanged images, the network's own grid.
        history: numbers of each epoch.
        seconds, device, threads: of the training.
        processes: how many trained together, each with that many threads.
        code_version, torch_version: of the program that trained.
        weights_sha256: hash of the weights; whatever has another is another model.
        created: when it was trained or recorded, ISO 8601.
    """

    model_config = ConfigDict(frozen=True)

    title: str
    network: str
    network_params: dict[str, Any]
    preset: str
    settings: dict[str, Any]
    scheme: str
    regions: tuple[tuple[int, str], ...] = ()
    seed: int | None = None
    fold: int | None = None
    subjects: dict[str, int] = {}
    label_kind: str
    learned_from: tuple[str, ...] = ()
    cautions: tuple[str, ...] = ()
    validation: tuple[HeldOut, ...] = ()
    dice_train: float | None = None
    dice_train_regions: dict[str, float] = {}
    history: tuple[dict[str, float], ...] = ()
    seconds: float | None = None
    device: str = ""
    threads: int | None = None
    processes: int = 1
    code_version: str
    torch_version: str = ""
    weights_sha256: str = Field(pattern=_SHA256)
    created: str


def settings_told(preset: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that a training had, for people; a preset's other fields are there for segmentation alone."""
    left_out = _NOT_OF_THE_STARTER if preset == STARTER_PRESET else ()
    return {name: value for name, value in settings.items() if name not in left_out}
