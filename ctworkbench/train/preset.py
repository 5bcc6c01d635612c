"""What a preset says: voxel size, network, augmentation, optimizer, length."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ctworkbench.core import plugins
from ctworkbench.core.terms import PREPROCESSING


class Augmentation(BaseModel):
    """How far training images are changed, anew for every step. Zero switches a change off.

    Attributes:
        flip: chance of a left–right flip, labels swapped with it.
        rotation_degrees: largest rotation about each axis.
        scale: largest relative change of size.
        gain: largest relative change of contrast inside the brain.
        noise: standard deviation of added noise, in standard deviations of the brain's values.
        blur: largest standard deviation of a Gaussian blur, voxels.
        slices_mm: thickest slices that are imitated: the mean over each, straight lines between them.
        elastic_mm: largest bend of the head, root mean square, over lengths of about 30 mm.
    """

    model_config = ConfigDict(frozen=True)

    flip: float = 0.5
    rotation_degrees: float = 10.0
    scale: float = 0.0
    gain: float = 0.0
    noise: float = 0.0
    blur: float = 0.0
    slices_mm: float = 0.0
    elastic_mm: float = 0.0


class Preset(BaseModel):
    """Everything about a training that is not its data.

    Attributes:
        title: one line for people.
        spacing_mm: side of the cubic voxels that the network sees.
        margin_mm: room kept around the brain.
        sees: "equalized" for the equalized image, "hu" for HU within the brain window.
        preprocessing: `PREPROCESSING` of the program that makes those images; a network never sees those of another.
        channels: width of each level of the network.
        kernel: (slice, row, column) of its convolutions.
        coordinates: whether the place within the brain's box is given to the network beside the image.
        mirror_average: whether prediction averages the image and its mirror image (labels swapped).
        optimizer: "adam" or "adamw".
        learning_rate: its rate; the peak where `schedule` is "cosine".
        schedule: "constant", or "cosine" with a short warm-up.
        weight_decay: of AdamW.
        loss: "cross-entropy", or "cross-entropy + dice".
        balanced: whether cross-entropy weighs each class by one over the root of its share of the training voxels.
        batch: brains per step of the optimizer; gradients are averaged over them.
        together: brains of a batch that go through the network at once; the rest of the batch follows them.
        epochs: passes through the training set.
        patch: voxels of the cubes that are cut out of brains, each about a voxel of a region drawn at random, so that
            small regions are seen as often as large ones; None for whole brains.
        average: how much of the average of all weights so far is kept at a step (exponential moving average); 0 for
            the weights of the last step.
        clip: largest norm of the gradient; None for any.
        folds: number of folds of a cross-validation; 1 where one fixed split is used.
        augmentation: changes of the training images.
    """

    model_config = ConfigDict(frozen=True)

    title: str
    spacing_mm: float = Field(gt=0)
    margin_mm: float = Field(ge=0)
    sees: Literal["equalized", "hu"] = "equalized"
    preprocessing: int = Field(default=PREPROCESSING, ge=PREPROCESSING, le=PREPROCESSING)
    channels: tuple[int, ...]
    kernel: tuple[int, int, int] = (3, 3, 3)
    coordinates: bool
    mirror_average: bool
    optimizer: Literal["adam", "adamw"]
    learning_rate: float = Field(gt=0)
    schedule: Literal["constant", "cosine"]
    weight_decay: float = 0.0
    loss: Literal["cross-entropy", "cross-entropy + dice"]
    balanced: bool = False
    batch: int = Field(ge=1)
    together: int = Field(default=1, ge=1)
    epochs: int = Field(ge=1)
    patch: int | None = Field(default=None, ge=16, multiple_of=4)
    average: float = Field(default=0.0, ge=0, lt=1)
    clip: float | None = Field(default=None, gt=0)
    folds: int = Field(ge=1)
    augmentation: Augmentation


def load_preset(name: str) -> Preset:
    """A preset by the name of its file.

    Raises:
        WorkbenchError: there is none of that name.
    """
    preset = plugins.load(plugins.PRESETS, name).PRESET
    assert isinstance(preset, Preset)
    return preset
