"""Pseudo-labels: the regions of a template, carried to a scan by atlas registration (ANTs; Avants et al. 2008).

Template and scan are stripped to the brain, the head's pose is searched for (`alignment`), an affine transform is found
at 4 mm and a diffeomorphism (SyN) on a grid of 2 mm (`quick`) or 1 mm (`fine`). The labels follow as smooth indicators
and are then fitted to the scan's own brain and ventricles (`label_fitting`). What was tried and measured stands in
docs/registration.md.
"""

import shlex
import shutil
import time
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from scipy import ndimage

from ctworkbench.core.alignment import Brain, initial_similarity
from ctworkbench.core.brain_mask import BRAIN_WINDOW
from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.jobs import JobContext
from ctworkbench.core.label_fitting import brain_tissue, carry_labels, fit_labels, places_in_template, smoothed
from ctworkbench.core.label_maps import keep_largest_components, resample_labels
from ctworkbench.core.schemes import load
from ctworkbench.core.settings import resource
from ctworkbench.core.volume import Affine, Grid, Volume, read_nifti, resample, write_nifti

Preset = Literal["quick", "fine"]

_LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_SMOOTHING_MM = 0.8
_LIKENESS_MM = 3.0
_MARGIN = 12
_GRID_MM: dict[Preset, int] = {"quick": 2, "fine": 1}
_SCHEDULE: dict[Preset, str] = {
    "quick": "--convergence [40x20x0,1e-6,8] --shrink-factors 4x2x1 --smoothing-sigmas 2x1x0",
    "fine": "--convergence [60x40x20x5,1e-6,8] --shrink-factors 8x4x2x1 --smoothing-sigmas 4x2x1x0",
}


class LabelParams(BaseModel):
    """What to label, and with which template.

    Attributes:
        scan: NIfTI of the scan on its own grid, which the labels are made for.
        image: HU at 1 mm, from `preprocess`.
        brain: mask of the inside of the skull at 1 mm, from `preprocess`.
        skull: mask of the bone at 1 mm, from `preprocess`.
        template_image: HU of the template's brain.
        template_labels: region codes of the template.
        template_mask: brain mask of the template.
        preset: "quick" deforms on a 2-mm grid, "fine" on a 1-mm grid.
        seed: of the metric's sampling.
    """

    model_config = ConfigDict(frozen=True)

    scan: Path
    image: Path
    brain: Path
    skull: Path
    template_image: Path = resource("templates/adult_ct") / "ct.nii.gz"
    template_labels: Path = resource("templates/adult_ct") / "labels10_child.nii.gz"
    template_mask: Path = resource("templates/adult_ct") / "brain_mask.nii.gz"
    scheme: str = "lobes10"
    preset: Preset = "quick"
    seed: int = 1


class LabelResult(BaseModel):
    """Labels of one scan.

    Attributes:
        labels: uint8 on the scan's own grid.
        scores: how far to trust them; see `pseudo_label`.
        seconds: time taken.
        warnings: what a reader should look at.
    """

    model_config = ConfigDict(frozen=True)

    labels: Path
    scores: dict[str, float]
    seconds: float
    warnings: tuple[str, ...] = ()


def pseudo_label(params: LabelParams, context: JobContext) -> LabelResult:
    """Label a scan by registration of a template.

    The scores are: `similarity` (of HU between scan and carried template inside the brain), `mask_overlap`
    (Dice of the brain masks), `pose_score` (of the first guess), `jacobian_min`, `jacobian_max` (local volume change of
    the deformation), `folding_fraction` (part of the brain where it folds, ideally 0), `volume_ratio_min` and
    `volume_ratio_max` (share of each region in the brain, against its share in the template).

    Raises:
        WorkbenchError: the registration failed or ended far from the brain.
    """
    start = time.monotonic()
    context.progress(0.0, "Reading scan and template")
    codes = load(params.scheme).codes
    skull = read_mask(params.brain)
    image = read_nifti(params.image).oriented()
    inside, hu = cut_to_mask(skull, image)
    smooth = smoothed(hu.voxels, inside.voxels > 0, _SMOOTHING_MM)
    hull, csf = brain_tissue(smooth, inside.voxels > 0)
    fixed = in_brain_window(Volume(smooth, hu.affine), hull)
    template_mask, template_hu = cut_to_mask(
        read_mask(params.template_mask), read_nifti(params.template_image).oriented()
    )
    in_template = template_mask.voxels > 0
    moving = in_brain_window(
        Volume(smoothed(template_hu.voxels, in_template, _SMOOTHING_MM), template_hu.affine), in_template
    )
    template = read_nifti(params.template_labels).oriented()
    folder = context.folder / "tmp"
    folder.mkdir(exist_ok=True)
    try:
        context.progress(0.05, "Finding the pose of the head")
        pose, pose_score = initial_similarity(fixed, moving)
        context.progress(0.2, "Affine registration at 4 mm")
        affine = affine_transform(fixed, moving, pose, folder, params.seed)
        context.progress(0.35, f"Deforming the template ({params.preset})")
        displacement, grid = deformation(fixed, moving, folder, params.preset, params.seed)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    context.progress(0.8, "Carrying the labels")
    carried = carry_labels(template, codes, inside, affine, displacement, grid)
    fitted = Volume(fit_labels(carried.voxels, inside.voxels > 0, hull, csf), inside.affine)
    fitted = keep_largest_components(fitted, codes)
    context.progress(0.95, "Writing the labels")
    scan = read_nifti(params.scan)
    path = context.folder / "labels.nii.gz"
    write_nifti(resample_labels(fitted, scan.grid, codes), path)
    scores = {"pose_score": pose_score} | deformation_scores(displacement, grid, fixed)
    scores["similarity"] = similarity(fixed, moving, affine, displacement, grid)
    scores |= _region_scores(fitted, template, codes, hull)
    return LabelResult(labels=path, scores=scores, seconds=time.monotonic() - start, warnings=_warnings(scores))


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


def similarity(fixed: Brain, moving: Brain, affine: Affine, displacement: NDArray[np.float32], grid: Affine) -> float:
    """Correlation of HU between scan and carried template where both are brain, −1 to 1; both smoothed by 3 mm.

    Unsmoothed, the noise of a CT and gyri that no deformation can match hide what is alike.

    Args:
        fixed: the scan.
        moving: the template.
        affine: from `affine_transform`.
        displacement: from `deformation`; zeros tell how alike the affine transform alone makes them.
        grid: from `deformation`.
    """
    voxels = np.argwhere(ndimage.binary_dilation(fixed.mask.voxels > 0, iterations=3))
    where = places_in_template(voxels, fixed.image.affine, moving.image.affine, affine, displacement, grid)
    carried, mask = (np.zeros(fixed.mask.voxels.shape, np.float32) for _ in range(2))
    carried[tuple(voxels.T)] = ndimage.map_coordinates(moving.image.voxels, where, order=1)
    mask[tuple(voxels.T)] = ndimage.map_coordinates(moving.mask.voxels.astype(np.float32), where, order=1)
    both = (fixed.mask.voxels > 0) & (mask > 0.5)
    if both.sum() < 2:
        return 0.0
    ours, theirs = (_blurred(*pair)[both] for pair in ((fixed.image.voxels, fixed.mask.voxels), (carried, mask)))
    return float(np.nan_to_num(np.corrcoef(ours, theirs)[0, 1]))


def _blurred(image: NDArray, mask: NDArray) -> NDArray[np.float32]:
    """An image smoothed by 3 mm within its mask."""
    weight = ndimage.gaussian_filter(mask.astype(np.float32), _LIKENESS_MM)
    return ndimage.gaussian_filter(image.astype(np.float32), _LIKENESS_MM) / np.maximum(weight, 0.05)


def deformation_scores(displacement: NDArray[np.float32], grid: Affine, fixed: Brain) -> dict[str, float]:
    """Local volume change (determinant of the Jacobian) of the deformation, within the brain."""
    step = np.linalg.norm(grid[:3, :3], axis=0)
    turn = grid[:3, :3] / step
    local = displacement @ turn.astype(np.float32)
    slopes = [np.stack(np.gradient(local[..., axis], *step), -1) for axis in range(3)]
    jacobian = np.linalg.det(np.stack(slopes, -2) + np.eye(3, dtype=np.float32))
    inside = resample(fixed.mask, Grid(_shape(jacobian), grid), "nearest").voxels > 0
    values = jacobian[inside]
    return {
        "jacobian_min": float(values.min()),
        "jacobian_max": float(values.max()),
        "folding_fraction": float((values <= 0).mean()),
    }


def _shape(array: NDArray) -> tuple[int, int, int]:
    return (array.shape[0], array.shape[1], array.shape[2])


def _region_scores(
    fitted: Volume, template: Volume, codes: tuple[int, ...], hull: NDArray[np.bool_]
) -> dict[str, float]:
    """How much of the brain is labelled, and each region's share of it against its share in the template."""
    ours = np.bincount(fitted.voxels.ravel(), minlength=256)[list(codes)].astype(float)
    theirs = np.bincount(template.voxels.ravel(), minlength=256)[list(codes)].astype(float)
    ratio = (ours / max(1.0, ours.sum())) / (theirs / theirs.sum())
    labelled = fitted.voxels > 0
    return {
        "mask_overlap": float(2 * (labelled & hull).sum() / max(1, labelled.sum() + hull.sum())),
        "volume_ratio_min": float(ratio.min()),
        "volume_ratio_max": float(ratio.max()),
    }


def _warnings(scores: dict[str, float]) -> tuple[str, ...]:
    """What the scores say for people."""
    found: list[str] = []
    if scores["pose_score"] < 0.6:
        found.append("Template and scan agree poorly even after the search for the pose: look at every plane.")
    if scores["folding_fraction"] > 0.001:
        found.append(f"The deformation folds in {scores['folding_fraction']:.1%} of the brain.")
    if scores["volume_ratio_min"] < 0.5 or scores["volume_ratio_max"] > 1.8:
        found.append("A region is far smaller or larger than in the template: look at its borders.")
    if scores["mask_overlap"] < 0.9:
        found.append("The labels do not cover the brain: look at its surface.")
    return tuple(found)


def affine_transform(fixed: Brain, moving: Brain, pose: Affine, folder: Path, seed: int) -> Affine:
    """The affine transform from world of `fixed` to world of `moving`, found at 4 mm."""
    import SimpleITK as sitk

    _write_channels(fixed, folder, "fixed4", 4)
    _write_channels(moving, folder, "moving4", 4)
    lps = _LPS_FROM_RAS @ pose @ _LPS_FROM_RAS
    transform = sitk.AffineTransform(lps[:3, :3].ravel().tolist(), lps[:3, 3].tolist())
    sitk.WriteTransform(transform, str(folder / "pose.mat"))
    pair = shlex.quote(f"{folder / 'fixed4.nii'},{folder / 'moving4.nii'}")
    _ants(
        f"--initial-moving-transform {shlex.quote(str(folder / 'pose.mat'))} --metric MI[{pair},1,32,Regular,0.5]"
        " --transform Affine[0.1] --convergence [100x50,1e-6,8] --shrink-factors 2x1 --smoothing-sigmas 1x0",
        folder / "affine",
        seed,
    )
    found = sitk.AffineTransform(sitk.ReadTransform(str(folder / "affine0GenericAffine.mat")))
    matrix, centre = np.array(found.GetMatrix()).reshape(3, 3), np.array(found.GetCenter())
    lps = np.eye(4)
    lps[:3, :3] = matrix
    lps[:3, 3] = np.array(found.GetTranslation()) + centre - matrix @ centre
    return _LPS_FROM_RAS @ lps @ _LPS_FROM_RAS


def deformation(
    fixed: Brain, moving: Brain, folder: Path, preset: Preset, seed: int
) -> tuple[NDArray[np.float32], Affine]:
    """The deformation that goes before the affine transform which `affine_transform` left in `folder`.

    Returns:
        displacement in mm RAS (x, y, z, 3), and the affine of the grid over `fixed` that it stands on.
    """
    import nibabel as nib

    _write_channels(fixed, folder, "fixed", _GRID_MM[preset])
    _write_channels(moving, folder, "moving", _GRID_MM[preset])
    pair = shlex.quote(f"{folder / 'fixed.nii'},{folder / 'moving.nii'}")
    masks = shlex.quote(f"{folder / 'fixedm.nii'},{folder / 'movingm.nii'}")
    _ants(
        f"--initial-moving-transform {shlex.quote(str(folder / 'affine0GenericAffine.mat'))}"
        f" --metric MI[{pair},1,32] --metric MeanSquares[{masks},0.5,0] --transform SyN[0.2,3,0] {_SCHEDULE[preset]}",
        folder / "warp",
        seed,
    )
    image = nib.Nifti1Image.from_filename(folder / "warp1Warp.nii.gz")
    field = np.asarray(image.dataobj, dtype=np.float32).reshape(*image.shape[:3], 3)
    return field * np.array([-1, -1, 1], np.float32), np.asarray(image.affine, dtype=np.float64)


def _write_channels(brain: Brain, folder: Path, name: str, step: int) -> None:
    """Image and mask averaged to `step` mm, uncompressed."""
    for volume, ending in ((brain.image, ""), (brain.mask, "m")):
        voxels = volume.voxels.astype(np.float32)
        pad = [(2 * step, 2 * step + -n % step) for n in voxels.shape]
        voxels = np.pad(voxels, pad)
        x, y, z = (n // step for n in voxels.shape)
        voxels = voxels.reshape(x, step, y, step, z, step).mean((1, 3, 5))
        if ending == "m":
            voxels = ndimage.gaussian_filter(voxels, 1.0 * 2 / step) * 40
        affine = volume.affine.copy()
        affine[:3, 3] += affine[:3, :3] @ np.full(3, (step - 1) / 2 - 2 * step)
        affine[:3, :3] *= step
        write_nifti(Volume(voxels, affine), folder / f"{name}{ending}.nii")


def _ants(arguments: str, prefix: Path, seed: int) -> None:
    """Run antsRegistration in this process: float, 3D, no guess of its own; `prefix` begins the names of its files.

    Raises:
        WorkbenchError: it failed, or wrote nothing.
    """
    import ants

    fixed = f"--dimensionality 3 --float 1 --random-seed {seed} -u 0 -z 1"
    command = shlex.split(f"{fixed} {arguments}")
    try:
        ants.registration([*command, "--output", f"[{prefix}]"], None)
    except RuntimeError as error:
        raise WorkbenchError(f"The registration failed: {error}", "Look at the brain mask of the scan.") from error
    if not any(prefix.parent.glob(f"{prefix.name}*")):
        raise WorkbenchError("The registration gave no result.", "Look at the brain mask of the scan.")
