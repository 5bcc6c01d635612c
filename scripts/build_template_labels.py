"""Build `labels10_child.nii.gz`, the label map of the bundled template, from the heads that are shipped.

The template's own label map (`labels10.nii.gz`, CerebrA) follows another protocol than the heads: its brainstem takes
in the cerebellar peduncles. Two kinds of votes replace it, both of the shipped heads:

* Heads: each head, painted as a CT, is registered to the template and votes with its own regions. Between frontal,
  parietal, temporal and occipital lobes CT shows no border, and a two-year-old's lobes have other proportions than an
  adult's; these votes are weighted until each region's share of the brain is the mean that Xi et al. 2025 report.
* Children: phantoms of two-year-olds are made from the heads, the template is registered to each as `label` does it,
  and each voxel of a phantom tells the point of the template that was laid on it which region it truly is. So the map
  also knows where a deformation ends off a border, which is what makes a brainstem come out too small.

The logarithms of both are averaged, heads 0.6 and children 0.4; the brainstem, the smallest region, is weighted until
its volume is right on average over the phantoms. See docs/registration.md for gain and cost.

Run: python scripts/build_template_labels.py [OUT]   (about ten minutes on one core)
"""

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ctworkbench.core.affine_registration import fit_affine
from ctworkbench.core.alignment import Brain, initial_similarity
from ctworkbench.core.dicom import find_series
from ctworkbench.core.dicom_series import read_series
from ctworkbench.core.diffeomorphism import AVERAGE, deform
from ctworkbench.core.jobs import JobContext
from ctworkbench.core.label_fitting import brain_tissue, carry_labels, fit_labels, smoothed
from ctworkbench.core.label_maps import dice, resample_labels
from ctworkbench.core.norms import published_norm
from ctworkbench.core.phantom import PhantomParams, make_phantom, plan_phantoms
from ctworkbench.core.preprocess import PreprocessParams, preprocess
from ctworkbench.core.schemes import load
from ctworkbench.core.settings import resource
from ctworkbench.core.template_library import cut_to_mask, in_brain_window, read_mask
from ctworkbench.core.volume import Affine, Volume, read_nifti, write_nifti

AGE_YEARS = 2.0
HEAD_SMOOTHING_MM = 1.5
BORDER_SMOOTHING_MM = 3.0
HEADS_SHARE = 0.6
CHILDREN, CHILDREN_SEED = 24, 4242
CHILD_SMOOTHING_MM = 1.2
ROUNDS = 4
WHITE, GREY, CSF, BRAINSTEM = 29.0, 37.0, 8.0, 31.0
WHITE_CODES, BRAINSTEM_CODE = (2, 41, 7, 46, 77), 16
VENTRICLE_CODES = (4, 5, 14, 15, 43, 44, 72)
EXTRA_AXIAL_CODE, FIRST_OUTER_CODE = 24, 500
SCHEME = load()
CODES = SCHEME.codes


def brain_of(image: Volume, mask: Volume) -> tuple[Brain, Volume]:
    """A brain as the registration sees it, and its mask cut to size."""
    inside, hu = cut_to_mask(mask, image)
    within = inside.voxels > 0
    return in_brain_window(Volume(smoothed(hu.voxels, within, 0.8), hu.affine), within), inside


def painted(tissue: Volume, labels: Volume) -> tuple[Volume, Volume]:
    """A head's tissue map as HU of the brain, and the brain's mask."""
    codes = tissue.voxels
    brain = (labels.voxels > 0) | np.isin(codes, VENTRICLE_CODES)
    brain |= ndimage.binary_closing(brain, iterations=3)
    hu = np.full(codes.shape, GREY, dtype=np.float32)
    hu[np.isin(codes, WHITE_CODES)] = WHITE
    hu[codes == BRAINSTEM_CODE] = BRAINSTEM
    fluid = np.isin(codes, (*VENTRICLE_CODES, EXTRA_AXIAL_CODE, 0)) | (codes >= FIRST_OUTER_CODE)
    hu[fluid] = CSF
    return Volume(np.where(brain, hu, 0), tissue.affine), Volume(brain.astype(np.uint8), tissue.affine)


def vote(tissue: Path, template: Brain, inside: Volume) -> NDArray[np.uint8]:
    """The regions of one head on the grid of the template."""
    labels = read_nifti(tissue.with_name(tissue.name.replace("_tissue", "_labels10"))).oriented()
    head, _ = brain_of(*painted(read_nifti(tissue).oriented(), labels))
    pose, _ = initial_similarity(template, head)
    affine = fit_affine(template, head, pose)
    displacement, grid = deform(template, head, affine, AVERAGE)
    return carry_labels(labels, SCHEME.codes, inside, affine, displacement, grid).voxels


def shares_of_two_year_olds() -> NDArray[np.float64]:
    """Share of each region in the brain, mean of boys and girls of two years, in the order of the scheme."""
    norm = published_norm()
    volumes = [np.mean([norm.mean(name, sex, AGE_YEARS) for sex in ("M", "F")]) for name in SCHEME.region_names]
    return np.array(volumes) / np.sum(volumes)


def of_heads(votes: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """The winner of the votes in each voxel, weighted until the shares are those of two-year-olds."""

    def chances(sigma: float) -> NDArray[np.float32]:
        counted = [np.mean([one == code for one in votes], axis=0, dtype=np.float32) for code in (0, *SCHEME.codes)]
        return np.stack([ndimage.gaussian_filter(one, sigma) for one in counted])

    plain = chances(HEAD_SMOOTHING_MM).argmax(axis=0)
    brain = plain > 0
    wanted = shares_of_two_year_olds()
    evidence = np.log(chances(BORDER_SMOOTHING_MM)[1:, brain] + 1e-3)
    weights = np.zeros(len(wanted))
    winner = evidence.argmax(axis=0)
    for _ in range(100):
        found = np.bincount(winner, minlength=len(wanted)) / winner.size
        error = np.log(wanted / np.maximum(found, 1e-6))
        weights += 0.5 * error
        winner = (evidence + weights[:, None]).argmax(axis=0)
        if np.abs(error).max() < 0.005:
            break
    labels = np.zeros(plain.shape, dtype=np.uint8)
    labels[brain] = np.array(SCHEME.codes, dtype=np.uint8)[winner]
    return labels


@dataclass(frozen=True)
class Lesson:
    """A phantom with the template laid on it.

    Attributes:
        inside: mask of the inside of the skull, 1 mm.
        hull: hull of the brain's tissue.
        csf: CSF within the skull.
        truth: true regions on the same grid.
        affine, displacement, grid: the registration, as `carry_labels` takes it.
    """

    inside: Volume
    hull: NDArray[np.bool_]
    csf: NDArray[np.bool_]
    truth: NDArray[np.uint8]
    affine: Affine
    displacement: NDArray[np.float32]
    grid: Affine


def lesson(plan: PhantomParams, folder: Path, template: Brain) -> Lesson:
    """Make a phantom and register the template to it, as `pseudo_label` does with the preset `quick`."""
    context = JobContext(folder)
    made = make_phantom(plan, context)
    files = sorted(path for path in made.series.rglob("*") if path.is_file())
    scan = folder / "scan.nii.gz"
    write_nifti(read_series(next(iter(find_series(files).series.values()))).volume, scan)
    ready = preprocess(PreprocessParams(image=scan), context)
    inside, hu = cut_to_mask(read_mask(ready.brain), read_nifti(ready.image).oriented())
    within = inside.voxels > 0
    smooth = smoothed(hu.voxels, within, 0.8)
    hull, csf = brain_tissue(smooth, within)
    fixed = in_brain_window(Volume(smooth, hu.affine), hull)
    pose, _ = initial_similarity(fixed, template)
    affine = fit_affine(fixed, template, pose)
    displacement, grid = deform(fixed, template, affine, AVERAGE)
    truth = resample_labels(read_nifti(made.truth), inside.grid, CODES).voxels
    return Lesson(inside, hull, csf, truth, affine, displacement, grid)


def of_children(lessons: list[Lesson], template: Volume) -> NDArray[np.float32]:
    """How often each region (0 first) was seen at each voxel of the template: (1 + regions, x, y, z), sums to 1.

    A voxel of a phantom votes at the template's nearest voxel; where none was seen, the template has no region.
    """
    shape = template.voxels.shape
    counts = np.zeros((1 + len(CODES), *shape), dtype=np.float32)
    for one in lessons:
        where = template_points(one, template)
        at = np.rint(where).astype(int)
        seen = np.all((at >= 0) & (at < np.array(shape)[:, None]), axis=0)
        flat = np.asarray(np.ravel_multi_index(tuple(at[:, seen]), shape))
        regions = one.truth[one.inside.voxels > 0][seen]
        for row, code in enumerate((0, *CODES)):
            counts[row] += np.bincount(flat[regions == code], minlength=template.voxels.size).reshape(shape)
    counts = np.stack([ndimage.gaussian_filter(one, CHILD_SMOOTHING_MM) for one in counts])
    total = counts.sum(0)
    counts[0, total < 0.05] = 1
    return counts / np.maximum(counts.sum(0), 1e-6)


def template_points(one: Lesson, template: Volume) -> NDArray[np.float64]:
    """Voxel index in the template of every voxel inside the skull of a phantom: (3, n)."""
    voxels = np.argwhere(one.inside.voxels > 0)
    world = voxels @ one.inside.affine[:3, :3].T + one.inside.affine[:3, 3]
    to_field = np.linalg.inv(one.grid)
    at = (world @ to_field[:3, :3].T + to_field[:3, 3]).T
    for axis in range(3):
        world[:, axis] += ndimage.map_coordinates(one.displacement[..., axis], at, order=1, mode="nearest")
    to_template = np.linalg.inv(template.affine) @ one.affine
    return (world @ to_template[:3, :3].T + to_template[:3, 3]).T


def combined(heads: NDArray[np.uint8], lessons: list[Lesson], template: Volume) -> Volume:
    """The label map that heads and children make together, the brainstem's volume right over the children."""
    children = of_children(lessons, template)
    brain = children[0] < 0.5
    hard = np.stack(
        [ndimage.gaussian_filter((heads == code).astype(np.float32), BORDER_SMOOTHING_MM) for code in CODES]
    )
    evidence = HEADS_SHARE * np.log(hard[:, brain] + 1e-3) + (1 - HEADS_SHARE) * np.log(children[1:, brain] + 1e-3)
    stem = SCHEME.region_names.index("brainstem")
    made = Volume(heads, template.affine)
    for number in range(ROUNDS):
        labels = np.zeros(brain.shape, dtype=np.uint8)
        labels[brain] = np.array(CODES, dtype=np.uint8)[evidence.argmax(axis=0)]
        made = Volume(labels, template.affine)
        ratios = np.mean([_counts(fitted(made, one)) / _counts(one.truth) for one in lessons], axis=0)
        print(f"round {number}: volume / truth {ratios.round(3)}", flush=True)
        if number < ROUNDS - 1:
            evidence[stem] -= 2 * np.log(ratios[stem])
    return made


def fitted(labels: Volume, one: Lesson) -> NDArray[np.uint8]:
    """A label map of the template on a phantom."""
    carried = carry_labels(labels, CODES, one.inside, one.affine, one.displacement, one.grid)
    return fit_labels(carried.voxels, one.inside.voxels > 0, one.hull, one.csf)


def _counts(labels: NDArray[np.uint8]) -> NDArray[np.float64]:
    return np.bincount(labels.ravel(), minlength=256)[list(CODES)].astype(float)


def main(out: Path) -> None:
    """Build the label map and write it."""
    folder = resource("templates/adult_ct")
    image = read_nifti(folder / "ct.nii.gz").oriented()
    template, inside = brain_of(image, read_mask(folder / "brain_mask.nii.gz"))
    votes: list[NDArray[np.uint8]] = []
    for tissue in sorted(resource("heads").glob("*_tissue.nii.gz")):
        votes.append(vote(tissue, template, inside))
        print(f"{tissue.name} has voted", flush=True)
    lessons: list[Lesson] = []
    with tempfile.TemporaryDirectory() as scratch:
        for plan in plan_phantoms(Path(scratch), CHILDREN, CHILDREN_SEED):
            work = Path(scratch) / f"{plan.code}_work"
            work.mkdir()
            lessons.append(lesson(plan, work, template))
            print(f"{plan.code} of {CHILDREN} has voted", flush=True)
    labels = combined(of_heads(votes), lessons, inside)
    write_nifti(labels, out)
    overlap = np.array([list(dice(fitted(labels, one), one.truth, CODES).values()) for one in lessons])
    for name, volume, mean in zip(SCHEME.region_names, _counts(labels.voxels) / 1000, overlap.mean(0), strict=True):
        print(f"{name:16} {volume:6.1f} cm³, Dice on its own phantoms {mean:.3f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else resource("templates/adult_ct") / "labels10_child.nii.gz")
