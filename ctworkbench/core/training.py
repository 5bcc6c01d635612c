"""What is asked of training and segmentation, and what they answer: data only, so that no torch is needed to ask."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from ctworkbench.core import plugins, schemes
from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.segmentation_scores import RegionScores
from ctworkbench.core.splits import Role

LabelKind = Literal["pseudo", "expert", "truth"]
"""What a label map is measured against: a registration's labels, an expert's, or the truth of a digital phantom."""

LABEL_KINDS: dict[LabelKind, str] = {
    "pseudo": "pseudo-labels",
    "expert": "expert labels",
    "truth": "truth of phantoms",
}
"""The kinds in words, as tables and texts name them."""


NEWEST_EXAMPLE, BEST_EXAMPLE = "example_newest.npz", "example_best.npz"
"""Files in a training's folder with slices of a validation case (`train.examples`)."""
EXAMPLE_PLANES = {"axial": 2, "coronal": 1, "sagittal": 0}
"""Their planes, and the axis of a (x, y, z) RAS array that each is a slice of."""

TRAINING_CASES = 10
"""Of how many training subjects scores are kept: enough to see a network that only knows its own cases."""


class TrainCase(BaseModel):
    """One accepted label map with its image.

    Attributes:
        subject: code of the subject; decides, never the scan, on which side of a split the case is.
        image: NIfTI, what the preset's network sees, equalized or in HU, 1 mm isotropic.
        brain: NIfTI, brain mask on the image's grid.
        labels: NIfTI, uint8 codes of the scheme on the scan's own grid.
        role: what the study's stored split says of the subject.
        label_kind: "pseudo" for a registration's labels, "expert" for labels drawn or corrected by an expert.
    """

    model_config = ConfigDict(frozen=True)

    subject: str
    image: Path
    brain: Path
    labels: Path
    role: Role
    label_kind: LabelKind = "pseudo"


class TrainRequest(BaseModel):
    """What to train on, and how.

    Attributes:
        cases: accepted label maps with the roles of the study's stored split; none of a test subject.
        network: name of the network.
        preset: name of the preset.
        scheme: region scheme of the label maps.
        seed: decides weights at the start, order, and changes of images.
        fold: which fold of the preset's cross-validation this is; None for the stored split.
        changes: settings that differ from the preset's, by name; "augmentation.flip" for one within another.
        fold_seed: decides who is in which fold; None for `seed`. Trainings that are compared share it.
        processes: how many train together, each on its share of every batch; how, not what.
    """

    model_config = ConfigDict(frozen=True)

    cases: tuple[TrainCase, ...]
    network: str = "resunet"
    preset: str = "demo"
    scheme: str = schemes.DEFAULT
    seed: int = 1
    fold: int | None = None
    # What says nothing is not written: a training of before these fields were there is the same training.
    changes: dict[str, JsonValue] = Field(default_factory=dict, exclude_if=lambda value: not value)
    fold_seed: int | None = Field(default=None, exclude_if=lambda value: value is None)
    processes: int = Field(default=1, ge=1, exclude_if=lambda value: value == 1)


class CaseFigures(BaseModel):
    """Scores of one case.

    Attributes:
        subject: code of the subject.
        part: what the subject was to the model: of its training, held out for validation, or of the locked test set.
        label_kind: what the reference is: "pseudo" makes its scores agreement with pseudo-labels.
        regions: scores by region name; a region that is in neither label map is left out.
    """

    model_config = ConfigDict(frozen=True)

    subject: str
    part: Role
    label_kind: LabelKind
    regions: dict[str, RegionScores]


class TrainAnswer(BaseModel):
    """What the study keeps of a training; all else that it tells is kept as it is.

    Attributes:
        weights: safetensors file.
        weights_sha256: its hash, asked for again before use.
        network_params: parameters of the network.
        settings: the preset's settings that were used.
        dice_validation: mean Dice over regions of the validation cases; None where there were none.
        label_kind: what that was measured against: "pseudo" makes it agreement with pseudo-labels.
        roles: what each subject was in this training; in a fold that is not what the stored split says.
        code_version: version of the program that trained.
        figures: scores of each validation case, and of some of the training cases; none from a program of before 0.2.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    weights: Path
    weights_sha256: str
    network_params: dict[str, JsonValue]
    settings: dict[str, JsonValue]
    dice_validation: float | None
    label_kind: LabelKind
    roles: dict[str, Role]
    code_version: str
    figures: tuple[CaseFigures, ...] = ()


class MeasureCase(BaseModel):
    """A scan that a model labels only to be compared with references.

    Attributes:
        image: NIfTI, what the preset's network sees, 1 mm isotropic.
        brain: NIfTI, brain mask on the image's grid.
        references: NIfTI label maps on the scan's own grid, by what they are.
    """

    model_config = ConfigDict(frozen=True)

    subject: str
    part: Role
    image: Path
    brain: Path
    references: dict[LabelKind, Path]


class MeasureRequest(BaseModel):
    """Cases, and the model as its training described it; see `SegmentRequest`.

    Attributes:
        model: its number in the study.
        final: whether this opens the locked test set.
        comparison: name of the comparison that asks; "" for none.
    """

    model_config = ConfigDict(frozen=True)

    model: int
    cases: tuple[MeasureCase, ...]
    weights: Path
    weights_sha256: str
    network: str
    network_params: dict[str, JsonValue]
    settings: dict[str, JsonValue]
    scheme: str = schemes.DEFAULT
    final: bool = False
    comparison: str = ""


class MeasureResult(BaseModel):
    """Scores of all cases, one entry for each reference."""

    model_config = ConfigDict(frozen=True)

    figures: tuple[CaseFigures, ...]
    device: Literal["cpu", "cuda"]


class SegmentCase(BaseModel):
    """One scan to be segmented.

    Attributes:
        key: names the result within the job, such as the scan's number; letters, digits, "-", "_", ".".
        image: NIfTI, what the preset's network sees, equalized or in HU, 1 mm isotropic.
        brain: NIfTI, brain mask on the image's grid.
        scan: NIfTI of the scan; its header alone is read, for the grid of the labels.
    """

    model_config = ConfigDict(frozen=True)

    key: str
    image: Path
    brain: Path
    scan: Path


class SegmentModel(BaseModel):
    """A model as its training described it.

    Attributes:
        weights: safetensors file.
        weights_sha256: hash that the model was recorded with; other weights are refused.
        network: name of the network.
        network_params: its parameters.
        settings: the preset's settings that the training used.
    """

    model_config = ConfigDict(frozen=True)

    weights: Path
    weights_sha256: str
    network: str
    network_params: dict[str, JsonValue]
    settings: dict[str, JsonValue]

    def mirrors(self, flips: bool | None) -> bool:
        """Whether it looks at the mirrored head too, where `flips` is asked for (None: as its preset says)."""
        return bool(self.settings.get("mirror_average")) if flips is None else flips


class SegmentRequest(SegmentModel):
    """Scans, and the model that labels them, or the first of several whose answers are averaged.

    Attributes:
        cases: scans to segment.
        scheme: region scheme of the labels.
        flips: whether the mirrored head is looked at too and averaged; None as each model's preset says.
        others: the further models; they see the same image on the same grid.
    """

    cases: tuple[SegmentCase, ...]
    scheme: str = schemes.DEFAULT
    flips: bool | None = None
    others: tuple[SegmentModel, ...] = ()

    @property
    def models(self) -> tuple[SegmentModel, ...]:
        """All models that answer."""
        return (self, *self.others)

    @property
    def mirrored(self) -> bool:
        """Whether any of them looks at the mirrored head too."""
        return any(model.mirrors(self.flips) for model in self.models)

    @property
    def identity(self) -> str:
        """What the answer hangs on: the hash of the weights, of several models that over theirs in any order."""
        return identity_of([model.weights_sha256 for model in self.models])


class SegmentedScan(BaseModel):
    """The labels of one scan.

    Attributes:
        key: the case's key.
        labels: NIfTI, uint8 region codes on the scan's own grid, largest component of each region.
        scores: `mean_probability` of the winning class over the brain (0 to 1), `removed_fraction` of region voxels
            that were in smaller components, `missing_regions` (count), `uncertainty` (mean over the labels, percent).
        seconds: time taken.
        uncertainty: NIfTI, uint8 percent on the scan's own grid (`core.uncertainty`); None where an older
            program made none.
        passes: how many answers were averaged: networks, twice where each looked at the mirrored head too.
        windows: whether the network's answer was put together from windows, as memory was short; None where a program
            of before 0.2 did not tell.
        device: what the network ran on; likewise.
    """

    model_config = ConfigDict(frozen=True)

    key: str
    labels: Path
    scores: dict[str, float]
    seconds: float
    windows: bool | None = None
    device: Literal["cpu", "cuda"] | None = None
    uncertainty: Path | None = None
    passes: int = 1


class SegmentResult(BaseModel):
    """All scans of the job, in the order given."""

    model_config = ConfigDict(frozen=True)

    cases: tuple[SegmentedScan, ...]
    device: Literal["cpu", "cuda"]


class ImportModelRequest(BaseModel):
    """A model's file to be taken in."""

    model_config = ConfigDict(frozen=True)

    package: Path


class ImportedModel(BaseModel):
    """A model that was checked: its weights, and its facts as `model_registry.ModelFacts` has them."""

    model_config = ConfigDict(frozen=True)

    weights: Path
    facts: dict[str, JsonValue]
    source: str


def identity_of(weights: Sequence[str]) -> str:
    """One hash for the models that answer together: of one that of its weights, of several that over all, sorted."""
    return weights[0] if len(weights) == 1 else hashlib.sha256("\n".join(sorted(weights)).encode()).hexdigest()


def changed_settings(preset: str, changes: Mapping[str, JsonValue]) -> dict[str, Any]:
    """The settings of a preset with some of them changed, as JSON.

    Raises:
        WorkbenchError: no such preset, no such setting, or a value that it cannot have.
    """
    kept: BaseModel = plugins.load(plugins.PRESETS, preset).PRESET
    settings: dict[str, Any] = kept.model_dump(mode="json")
    for name, value in changes.items():
        outer, _, inner = name.partition(".")
        place = settings.get(outer) if inner else settings
        key = inner or outer
        if not isinstance(place, dict) or key not in place or isinstance(place[key], dict) or key == "title":
            known = ", ".join(key for key, own in settings.items() if not isinstance(own, dict) and key != "title")
            raise WorkbenchError(
                f"The preset {preset} has no setting {name}.", f"It has {known}, and augmentation.flip and the like."
            )
        place[key] = value
    try:
        return type(kept).model_validate(settings).model_dump(mode="json")
    except ValidationError as error:
        fault = error.errors()[0]
        name = ".".join(str(part) for part in fault["loc"])
        raise WorkbenchError(f"The setting {name} cannot be {fault['input']!r}: {fault['msg']}.") from error
