"""Build `labels10_child.nii.gz`, the label map of the bundled template, from the heads that are shipped.

The template's own label map (`labels10.nii.gz`, CerebrA) follows another protocol than the heads: its brainstem takes
in the cerebellar peduncles. So each shipped head, painted as a CT, is registered to the template and votes with its own
regions. Between frontal, parietal, temporal and occipital lobes CT shows no border, and a two-year-old's lobes have
other proportions than an adult's; the votes are therefore weighted until each region's share of the brain is the mean
that Xi et al. 2025 report for two-year-olds: the borders follow the protocol of the norm that the volumes are held
against. The outer border and the ventricles are the votes' own. See docs/registration.md for gain and cost.

Run: python scripts/build_template_labels.py [OUT]   (about two minutes on one core)
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ctworkbench.core.alignment import Brain, initial_similarity
from ctworkbench.core.label_fitting import carry_labels, smoothed
from ctworkbench.core.norms import published_norm
from ctworkbench.core.register import affine_transform, cut_to_mask, deformation, in_brain_window, read_mask
from ctworkbench.core.schemes import load
from ctworkbench.core.settings import resource
from ctworkbench.core.volume import Volume, read_nifti, write_nifti

SEED = 1
AGE_YEARS = 2.0
VOTE_SMOOTHING_MM = 1.5
BORDER_SMOOTHING_MM = 3.0
WHITE, GREY, CSF, BRAINSTEM = 29.0, 37.0, 8.0, 31.0
WHITE_CODES, BRAINSTEM_CODE = (2, 41, 7, 46, 77), 16
VENTRICLE_CODES = (4, 5, 14, 15, 43, 44, 72)
EXTRA_AXIAL_CODE, FIRST_OUTER_CODE = 24, 500
SCHEME = load()


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
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        pose, _ = initial_similarity(template, head)
        affine = affine_transform(template, head, pose, folder, SEED)
        displacement, grid = deformation(template, head, folder, "quick", SEED)
    return carry_labels(labels, SCHEME.codes, inside, affine, displacement, grid).voxels


def shares_of_two_year_olds() -> NDArray[np.float64]:
    """Share of each region in the brain, mean of boys and girls of two years, in the order of the scheme."""
    norm = published_norm()
    volumes = [np.mean([norm.mean(name, sex, AGE_YEARS) for sex in ("M", "F")]) for name in SCHEME.region_names]
    return np.array(volumes) / np.sum(volumes)


def weighted(votes: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """The winner of the votes in each voxel, weighted until the shares are those of two-year-olds."""

    def chances(sigma: float) -> NDArray[np.float32]:
        counted = [np.mean([one == code for one in votes], axis=0, dtype=np.float32) for code in (0, *SCHEME.codes)]
        return np.stack([ndimage.gaussian_filter(one, sigma) for one in counted])

    plain = chances(VOTE_SMOOTHING_MM).argmax(axis=0)
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


def main(out: Path) -> None:
    """Build the label map and write it."""
    folder = resource("templates/adult_ct")
    template, inside = brain_of(read_nifti(folder / "ct.nii.gz").oriented(), read_mask(folder / "brain_mask.nii.gz"))
    votes: list[NDArray[np.uint8]] = []
    for tissue in sorted(resource("heads").glob("*_tissue.nii.gz")):
        votes.append(vote(tissue, template, inside))
        print(f"{tissue.name} has voted", flush=True)
    labels = Volume(weighted(votes), inside.affine)
    write_nifti(labels, out)
    counts = np.bincount(labels.voxels.ravel())[1:] / 1000
    for name, volume in zip(SCHEME.region_names, counts, strict=True):
        print(f"{name:16} {volume:6.1f} cm³")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else resource("templates/adult_ct") / "labels10_child.nii.gz")
