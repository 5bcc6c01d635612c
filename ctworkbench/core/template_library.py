"""Templates as they are registered: files of image, labels and mask, the library that is shipped, and one read in."""

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from scipy import ndimage

from ctworkbench.core.alignment import Brain
from ctworkbench.core.brain_mask import BRAIN_WINDOW
from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.label_fitting import smoothed
from ctworkbench.core.schemes import Scheme
from ctworkbench.core.settings import resource
from ctworkbench.core.volume import Volume, read_nifti

SMOOTHING_MM = 0.8
AVERAGE_TEMPLATE = "adult_ct, child's regions"
_MARGIN = 12


class TemplateFiles(BaseModel):
    """One template.

    Attributes:
        name: what people call it.
        image: HU of the brain.
        labels: region codes on the same grid or another of the same space.
        mask: hull of the brain.
        sex: "M" or "F" of whom it was made; None where it is of many or not known.
        age_years: likewise.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    image: Path
    labels: Path
    mask: Path
    sex: Literal["M", "F"] | None = None
    age_years: float | None = None


class Template(NamedTuple):
    """A template read in: its brain as registration sees it, and its labels (uint8), RAS."""

    name: str
    brain: Brain
    labels: Volume


def average_template() -> TemplateFiles:
    """The average of many adults' CT, with a child's regions."""
    folder = resource("templates/adult_ct")
    return TemplateFiles(
        name=AVERAGE_TEMPLATE,
        image=folder / "ct.nii.gz",
        labels=folder / "labels10_child.nii.gz",
        mask=folder / "brain_mask.nii.gz",
    )


def offered_key(labels_keys: Iterable[str]) -> str:
    """One name for the label maps that a registration could choose from: the beginnings of their keys, sorted."""
    return "+".join(sorted(key[:8] for key in labels_keys))


def children() -> tuple[TemplateFiles, ...]:
    """The child-sized templates that are shipped, each of one head (`scripts/build_templates.py`)."""
    folder = resource("templates/children")
    listed = tomllib.loads((folder / "library.toml").read_text(encoding="utf-8"))
    return tuple(
        TemplateFiles(
            name=entry["name"],
            image=folder / entry["folder"] / "ct.nii.gz",
            labels=folder / entry["folder"] / "labels10.nii.gz",
            mask=folder / entry["folder"] / "brain_mask.nii.gz",
            sex=entry["sex"],
            age_years=entry["age_years"],
        )
        for entry in listed["template"]
    )


def read_template(files: TemplateFiles, scheme: Scheme) -> Template:
    """Read one template.

    Args:
        files: its files.
        scheme: the regions that it must have.

    Raises:
        WorkbenchError: its mask is empty, its grids differ, or its labels lack a region.
    """
    mask, hu = cut_to_mask(read_mask(files.mask), read_nifti(files.image).oriented())
    labels = read_nifti(files.labels).oriented()
    counts = np.bincount(labels.voxels.ravel(), minlength=256)
    missing = [region.title for region in scheme.regions if not counts[region.code]]
    if missing:
        raise WorkbenchError(
            f"The template {files.name} lacks {', '.join(missing)}: no scan labelled with it would have them.",
            "Choose another template: ctworkbench template list STUDY",
        )
    inside = mask.voxels > 0
    brain = in_brain_window(Volume(smoothed(hu.voxels, inside, SMOOTHING_MM), hu.affine), inside)
    return Template(files.name, brain, labels)


def read_mask(path: Path) -> Volume:
    """A mask, which must not be empty."""
    mask = read_nifti(path).oriented()
    if not mask.voxels.any():
        raise WorkbenchError(f"The brain mask {path.name} is empty.", "Preprocess the scan again.")
    return Volume((mask.voxels > 0).astype(np.uint8), mask.affine)


def cut_to_mask(mask: Volume, image: Volume) -> tuple[Volume, Volume]:
    """Mask and image cut to the box of the mask, with a margin: time goes with the voxels."""
    if not mask.grid.matches(image.grid):
        raise WorkbenchError("Image and brain mask do not lie on one grid.", "Preprocess the scan again.")
    box = ndimage.find_objects(mask.voxels)[0]
    start = [max(0, s.start - _MARGIN) for s in box]
    stop = [min(n, s.stop + _MARGIN) for s, n in zip(box, mask.voxels.shape, strict=True)]
    return mask.cropped(start, stop), image.cropped(start, stop)


def in_brain_window(smooth: Volume, mask: NDArray[np.bool_]) -> Brain:
    """HU within the brain window, 0 outside the mask; and the mask."""
    low, high = BRAIN_WINDOW
    voxels = np.where(mask, np.clip(smooth.voxels, low, high), 0).astype(np.float32)
    return Brain(Volume(voxels, smooth.affine), Volume(mask.astype(np.uint8), smooth.affine))
