"""Pseudo-labels: the regions of templates, carried to a scan by atlas registration and made one label map.

Templates and scan are stripped to the brain, the head's pose is searched for (`alignment`), an affine transform is
found (`affine_registration`), and a deformation (`diffeomorphism`); the preset that follows the study takes both from
ANTs (`atlas_registration`). Where several templates take part, those are chosen that are most like the scan after the
affine transform, and their labels are fused by likeness of HU from place to place (`label_fusion`). The result is
fitted to the scan's own brain and ventricles (`label_fitting`). What was tried and measured stands in
docs/registration.md.
"""

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, model_validator
from scipy import ndimage

from ctworkbench.core.affine_registration import fit_affine
from ctworkbench.core.alignment import Brain, carried_pose, initial_similarity
from ctworkbench.core.atlas_registration import affine_transform, deformation
from ctworkbench.core.diffeomorphism import AVERAGE, ONE_HEAD, Manner, deform
from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.jobs import JobContext
from ctworkbench.core.label_fitting import brain_tissue, carry_labels, fit_labels, places_in_template, smoothed
from ctworkbench.core.label_fusion import Carried, Fused, Fusion, fuse
from ctworkbench.core.label_maps import keep_largest_components, resample_labels
from ctworkbench.core.preprocess import cut_off_fraction
from ctworkbench.core.registration_scores import (
    LEAST_POSE,
    LEAST_SIMILARITY,
    deformation_scores,
    likeness,
    region_scores,
    similarity,
    warnings_of,
)
from ctworkbench.core.schemes import load
from ctworkbench.core.template_library import (
    SMOOTHING_MM,
    Template,
    TemplateFiles,
    average_template,
    children,
    cut_to_mask,
    in_brain_window,
    read_mask,
    read_template,
)
from ctworkbench.core.volume import Affine, Volume, read_nifti, write_nifti

Preset = Literal["quick", "balanced", "fine", "syn"]


class Effort(NamedTuple):
    """What a preset spends: how many templates take part, how each is deformed, and how many it chooses from.

    Attributes:
        templates: those most like the scan take part.
        manner: how they are deformed; None for ANTs' affine transform and SyN.
        tried: as many are laid on by an affine transform first; 1 for the one that was given first, without a choice.
    """

    templates: int
    manner: Manner | None
    tried: int


EFFORT: dict[Preset, Effort] = {
    "quick": Effort(1, AVERAGE, tried=1),
    "balanced": Effort(1, ONE_HEAD, tried=3),
    "fine": Effort(8, ONE_HEAD, tried=8),
    "syn": Effort(1, None, tried=1),
}
REGISTRATION = 2
"""Raised when the same preset gives other label maps than before: those of both are not one way of labelling."""
_YEARS_APART = 2.0
_HALF_SECTION = 0.5  # of the head's largest; 2 cm and more of a child's vertex are missing then


def bundled_templates(preset: Preset) -> tuple[TemplateFiles, ...]:
    """The bundled templates that a preset takes, or chooses from."""
    return (average_template(),) if EFFORT[preset].tried == 1 else children()


class LabelParams(BaseModel):
    """What to label, and with which templates.

    Attributes:
        scan: NIfTI of the scan on its own grid, which the labels are made for.
        image: HU at 1 mm, from `preprocess`.
        brain: mask of the inside of the skull at 1 mm, from `preprocess`.
        skull: mask of the bone at 1 mm, from `preprocess`.
        templates: those to choose from; "quick" and "syn" take the first.
        sex, age_years: of the child, for the choice; None where not known.
        preset: "quick" carries the first, "balanced" the most like the scan, "fine" fuses several, "syn" carries the
            first as the study did, by ANTs; see `EFFORT`.
        fusion: how the labels of several are made one.
        seed: of the metric's sampling.
    """

    model_config = ConfigDict(frozen=True)

    scan: Path
    image: Path
    brain: Path
    skull: Path
    templates: tuple[TemplateFiles, ...] = (average_template(),)
    sex: Literal["M", "F"] | None = None
    age_years: float | None = None
    scheme: str = "lobes10"
    preset: Preset = "quick"
    fusion: Fusion = "joint"
    seed: int = 1

    @model_validator(mode="before")
    @classmethod
    def _from_one_template(cls, given: Any) -> Any:
        """Jobs of older versions named the files of one template."""
        if isinstance(given, dict) and "template_image" in given and "templates" not in given:
            files = {part: given.pop(f"template_{part}") for part in ("image", "labels", "mask")}
            return given | {"templates": (TemplateFiles(name="", **files),)}
        return given


class Part(BaseModel):
    """What one template did for a label map: its likeness to the scan after the affine, its share of the vote."""

    model_config = ConfigDict(frozen=True)

    name: str
    likeness: float
    weight: float


class LabelResult(BaseModel):
    """Labels of one scan.

    Attributes:
        labels: uint8 on the scan's own grid.
        scores: how far to trust them; see `pseudo_label`.
        seconds: time taken.
        warnings: what a reader should look at.
        templates: which templates took part, the most alike first.
        registration: `REGISTRATION` of the program that made it.
    """

    model_config = ConfigDict(frozen=True)

    labels: Path
    scores: dict[str, float]
    seconds: float
    warnings: tuple[str, ...] = ()
    templates: tuple[Part, ...] = ()
    registration: int = 1


@dataclass(frozen=True, eq=False)
class ScanAtOneMm:
    """The scan at 1 mm, cut to the inside of its skull: mask, brain as registration sees it, hull and CSF."""

    inside: Volume
    brain: Brain
    hull: NDArray[np.bool_]
    csf: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class _Candidate:
    """A template laid on the scan by an affine transform; that of ANTs stands in `folder` as well."""

    files: TemplateFiles
    template: Template
    affine: Affine
    pose_score: float
    likeness: float
    folder: Path


@dataclass(frozen=True, eq=False)
class CarriedTemplates:
    """Templates carried to one scan, the most alike first.

    Attributes:
        scan: what they were carried to.
        codes: regions.
        names: of the templates; `likeness`: to the scan, after the affine transform.
        pose_score: of the first guess for the first of them.
        labels: their own label maps.
        carried: their labels and HU on the 1-mm grid of the scan.
        scores: what each deformation tells of itself.
    """

    scan: ScanAtOneMm
    codes: tuple[int, ...]
    names: list[str]
    likeness: list[float]
    pose_score: float
    labels: list[Volume]
    carried: list[Carried]
    scores: list[dict[str, float]]

    def together(self, fusion: Fusion, most: int | None = None) -> tuple[Fused, Volume]:
        """What the `most` most alike say together, and that as a label map fitted to the scan, at 1 mm."""
        scan = self.scan
        fused = fuse(scan.brain.image.voxels, scan.hull, self.carried[:most], self.codes, fusion)
        fitted = fit_labels(fused.labels, scan.inside.voxels > 0, scan.hull, scan.csf)
        return fused, keep_largest_components(Volume(fitted, scan.inside.affine), self.codes)


def pseudo_label(params: LabelParams, context: JobContext) -> LabelResult:
    """Label a scan by registration of one template or several.

    The scores are: `similarity` (of HU between scan and carried template inside the brain), `mask_overlap`
    (Dice of the labels and the brain), `pose_score` (of the first guess), `jacobian_min`, `jacobian_max` (local volume
    change of the deformation), `folding_fraction` (part of the brain where it folds, ideally 0), `volume_ratio_min` and
    `volume_ratio_max` (share of each region in the brain, against its share in the template). Of several templates the
    worst Jacobian is told and the mean similarity; `templates` is their number, and `disagreement` the part of the
    brain where the winning region has less than two thirds of the vote.

    Raises:
        WorkbenchError: the registration failed, or what it found is no head's: no label map is better than a wrong one.
    """
    start = time.monotonic()
    laid = carry_templates(params, context)
    context.progress(0.85, "Fusing and fitting the labels")
    scheme = load(params.scheme)
    fused, fitted = laid.together(params.fusion)
    scores = _worst(laid.scores) | {"pose_score": laid.pose_score, "templates": float(len(laid.carried))}
    if len(laid.carried) > 1:
        scores["disagreement"] = float(fused.apart.sum() / max(1, laid.scan.hull.sum()))
    scores |= region_scores(fitted, laid.labels, scheme.codes, laid.scan.hull)
    _refuse(params.scan.name, scores)
    context.progress(0.95, "Writing the labels")
    path = context.folder / "labels.nii.gz"
    write_nifti(resample_labels(fitted, read_nifti(params.scan).grid, scheme.codes), path)
    parts = tuple(
        Part(name=name, likeness=alike, weight=float(weight))
        for name, alike, weight in zip(laid.names, laid.likeness, fused.weights, strict=True)
    )
    seconds = time.monotonic() - start
    return LabelResult(
        labels=path,
        scores=scores,
        seconds=seconds,
        warnings=warnings_of(scores),
        templates=parts,
        registration=REGISTRATION,
    )


def carry_templates(params: LabelParams, context: JobContext) -> CarriedTemplates:
    """The templates that a preset chooses, carried to the scan.

    Raises:
        WorkbenchError: the scan shows no whole brain, a template lacks a region, or the registration failed.
    """
    context.progress(0.0, "Reading scan and templates")
    effort, scan = EFFORT[params.preset], _read_scan(params)
    files = params.templates[:1] if effort.tried == 1 else params.templates
    carried: list[Carried] = []
    told: list[dict[str, float]] = []
    folder = context.folder / "tmp"
    folder.mkdir(exist_ok=True)
    try:
        chosen = _lay_on(scan, files, effort.tried, params, folder, context)[: effort.templates]
        for number, one in enumerate(chosen):
            share = (number / len(chosen)) * 0.5
            context.progress(0.3 + share, f"Deforming {one.files.name or 'the template'}")
            labels, scores = _carry(scan, one, params, effort.manner)
            carried.append(labels)
            told.append(scores)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return CarriedTemplates(
        scan=scan,
        codes=load(params.scheme).codes,
        names=[one.files.name for one in chosen],
        likeness=[one.likeness for one in chosen],
        pose_score=chosen[0].pose_score,
        labels=[one.template.labels for one in chosen],
        carried=carried,
        scores=told,
    )


def _read_scan(params: LabelParams) -> ScanAtOneMm:
    mask, image = read_mask(params.brain), read_nifti(params.image).oriented()
    cut = cut_off_fraction(image)
    if cut > _HALF_SECTION:
        raise WorkbenchError(
            f"{params.scan.name} was not labelled: it ends within the head, at {cut:.0%} of its largest section.",
            "Import a head CT that covers the brain from the vertex to the foramen magnum.",
        )
    inside, hu = cut_to_mask(mask, image)
    smooth = smoothed(hu.voxels, inside.voxels > 0, SMOOTHING_MM)
    hull, csf = brain_tissue(smooth, inside.voxels > 0)
    if not hull.any():
        raise WorkbenchError(
            f"{params.scan.name} shows no brain tissue inside the skull.", "Look at the brain mask of the scan."
        )
    return ScanAtOneMm(inside, in_brain_window(Volume(smooth, hu.affine), hull), hull, csf)


def _lay_on(
    scan: ScanAtOneMm, files: Sequence[TemplateFiles], most: int, params: LabelParams, folder: Path, context: JobContext
) -> list[_Candidate]:
    """Templates laid on the scan, the one to be preferred first.

    The pose of the head is searched for once, with the first template; of many only the `most` are laid on by an affine
    transform that fit best in that pose.
    """
    scheme = load(params.scheme)
    posed: list[tuple[float, TemplateFiles, Template, Affine]] = []
    for number, one in enumerate(files):
        context.progress(0.05 + 0.1 * number / len(files), f"Finding the pose of {one.name or 'the template'}")
        template = read_template(one, scheme)
        if not posed:
            pose, score = initial_similarity(scan.brain, template.brain)
        else:
            _, _, first, known = posed[0]
            pose, score = carried_pose(scan.brain, template.brain, first.brain, known)
        posed.append((score, one, template, pose))
    found: list[_Candidate] = []
    for number, (score, one, template, pose) in enumerate(sorted(posed, key=lambda row: -row[0])[:most]):
        context.progress(0.15 + 0.15 * number / most, f"Laying on {one.name or 'the template'}")
        own = folder / str(number)
        own.mkdir(exist_ok=True)
        if EFFORT[params.preset].manner is None:
            affine = affine_transform(scan.brain, template.brain, pose, own, params.seed)
        else:
            affine = fit_affine(scan.brain, template.brain, pose)
        alike = likeness(scan.brain, template.brain, affine)
        found.append(_Candidate(one, template, affine, score, alike, own))
    return sorted(found, key=lambda one: _preference(one, params), reverse=True)


def _preference(one: _Candidate, params: LabelParams) -> tuple[bool, float, bool]:
    """Not of another age, then likeness, then of the same sex; what is not known speaks against nobody.

    Sex comes last, for it changes the size of a brain far more than its shape, and the affine transform takes size out.
    """
    ages = one.files.age_years, params.age_years
    near = ages[0] is None or ages[1] is None or abs(ages[0] - ages[1]) <= max(_YEARS_APART, ages[1] / 2)
    return near, round(one.likeness, 2), one.files.sex is not None and one.files.sex == params.sex


def _carry(
    scan: ScanAtOneMm, one: _Candidate, params: LabelParams, manner: Manner | None
) -> tuple[Carried, dict[str, float]]:
    """Labels and HU of one template on the scan, and what its deformation tells of itself."""
    brain = one.template.brain
    if manner is None:
        displacement, grid = deformation(scan.brain, brain, one.folder, params.seed)
    else:
        displacement, grid = deform(scan.brain, brain, one.affine, manner)
    codes = load(params.scheme).codes
    labels = carry_labels(one.template.labels, codes, scan.inside, one.affine, displacement, grid)
    image = np.zeros(labels.voxels.shape, dtype=np.float32)
    voxels = np.argwhere(scan.inside.voxels > 0)
    where = places_in_template(voxels, scan.inside.affine, brain.image.affine, one.affine, displacement, grid)
    image[tuple(voxels.T)] = ndimage.map_coordinates(brain.image.voxels, where, order=1)
    scores = deformation_scores(displacement, grid, scan.brain)
    scores["similarity"] = similarity(scan.brain, brain, one.affine, displacement, grid)
    return Carried(labels.voxels, image), scores


def _worst(told: Sequence[dict[str, float]]) -> dict[str, float]:
    """Scores of several deformations as one: the worst of each, and the mean similarity."""
    worst = {"jacobian_min": min, "jacobian_max": max, "folding_fraction": max}
    scores = {name: pick(one[name] for one in told) for name, pick in worst.items()}
    return scores | {"similarity": float(np.mean([one["similarity"] for one in told]))}


def _refuse(name: str, scores: dict[str, float]) -> None:
    """Let no label map stand that no head can have given.

    Raises:
        WorkbenchError: scan and template do not agree at all.
    """
    for score, least, what in (
        ("pose_score", LEAST_POSE, "the first guess of the pose"),
        ("similarity", LEAST_SIMILARITY, "the likeness of scan and carried template"),
    ):
        if scores[score] < least:
            raise WorkbenchError(
                f"{name} was not labelled: {what} scored {scores[score]:.2f}, and a head scores {least:.2f} or more.",
                "Look at the scan: is it a whole head CT, without an implant that hides the brain?",
            )
