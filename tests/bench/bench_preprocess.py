"""Brain extraction and equalization: against the truth of phantoms, against SimpleITK's filter, and on real heads.

    make bench-preprocess ARGS="--heads FOLDER --n 6 --seed 901 --real SCAN... --out FOLDER"

Every phantom is scanned three times: as a child lies, turned by up to 30° about each axis, and with an open fontanelle
of 3 cm. The truth is the inside of the skull, fluid and vessels included, down to the lowest point of the brain
(`phantom_scan.inside_on`). Printed, per scan: Dice with that truth of the inside of the skull that is measured
(`HeadMasks.inside`), its volume relative to it, the part of the true regions that it holds; Dice of the mask in which
HU are looked at (`HeadMasks.brain`, held back from bone on purpose) and of a plain threshold with morphology, the usual
way; CPU seconds, on one thread, of extraction (1-mm grid and masks) and of equalization; the most memory so far.

Then the equalized image against SimpleITK's AdaptiveHistogramEqualization of the same brain with the same settings:
differences of 255 grey levels. With --real also the volume of real heads (NIfTI, or a folder of one DICOM series), and
with --out a picture of each real head with its mask, to be looked at.
Ends with 1 if a Dice lies under 0.98 or a time over its bar.
"""

import argparse
import resource as process
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ctworkbench.core.analysis.figures import new_figure
from ctworkbench.core.brain_mask import BRAIN_WINDOW, HeadMasks, head_masks
from ctworkbench.core.dicom import find_series
from ctworkbench.core.dicom_series import read_series
from ctworkbench.core.jobs import JobContext
from ctworkbench.core.phantom import plan_phantoms, shape_phantom
from ctworkbench.core.phantom_scan import draw_pose
from ctworkbench.core.preprocess import EQUALIZATION, equalize, to_one_mm
from ctworkbench.core.volume import Volume, read_nifti, resample
from tests.bench.phantom_scans import Laid, lay, overlap, random_pose, with_open_fontanelle

LEAST_DICE, MOST_EXTRACTION_S, MOST_EQUALIZATION_S = 0.98, 3.0, 2.0


class Extracted(NamedTuple):
    """A scan at 1 mm with its masks, and the CPU seconds of extraction and equalization."""

    image: Volume
    masks: HeadMasks
    equalized: NDArray[np.uint8]
    seconds: tuple[float, float]


def extract(scan: Volume, name: str) -> Extracted:
    """What `preprocess` does between reading and writing."""
    begin = time.process_time()
    image = to_one_mm(scan, name)
    masks = head_masks(image, name)
    middle = time.process_time()
    equalized = equalize(image.voxels, masks.brain)
    return Extracted(image, masks, equalized, (middle - begin, time.process_time() - middle))


def threshold_strip(image: Volume) -> NDArray[np.bool_]:
    """The usual way: brain by HU, opened by 3 mm, the largest piece, closed by 5 mm, holes filled."""
    hu = ndimage.gaussian_filter(image.voxels.astype(np.float32), 0.6)
    opened = ndimage.distance_transform_edt((hu > 0) & (hu < 100)) > 3
    pieces, _ = ndimage.label(opened)
    largest = pieces == np.bincount(pieces.ravel())[1:].argmax() + 1
    grown = np.pad(ndimage.distance_transform_edt(~largest) <= 8, 6)
    closed = (ndimage.distance_transform_edt(grown) > 5)[6:-6, 6:-6, 6:-6]
    return ndimage.binary_fill_holes(closed)


def tell(head: str, case: str, laid: Laid, found: Extracted) -> tuple[float, float, float]:
    """Print a row; Dice, seconds of extraction and of equalization."""
    grid = found.image.grid
    inside = resample(laid.inside, grid, "nearest").voxels > 0
    regions = resample(laid.truth, grid, "nearest").voxels > 0
    ours, brain = found.masks.inside, found.masks.brain
    dice = overlap(ours, inside)
    told = [f"{dice:.4f}", f"{ours.sum() / inside.sum():.3f}", f"{(ours & regions).sum() / regions.sum():.4f}"]
    told += [f"{overlap(brain, inside):.3f}", f"{overlap(threshold_strip(found.image), inside):.3f}"]
    told += [f"{seconds:.2f}" for seconds in found.seconds]
    memory = process.getrusage(process.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"| {head} | {case} | {' | '.join(told)} | {memory:.1f} |", flush=True)
    return dice, *found.seconds


def against_simpleitk(found: Extracted) -> None:
    """Print how the equalized image differs from SimpleITK's of the same brain."""
    import SimpleITK as sitk

    low, high = BRAIN_WINDOW
    brain = found.masks.brain
    box = ndimage.find_objects(brain.astype(np.uint8))[0]
    window = np.where(brain, np.clip(found.image.voxels, low, high), low)[box].astype(np.float32)
    itk = sitk.AdaptiveHistogramEqualizationImageFilter()
    itk.SetRadius([EQUALIZATION.radius_mm] * 3)
    itk.SetAlpha(EQUALIZATION.alpha)
    itk.SetBeta(EQUALIZATION.beta)
    itk.SetNumberOfThreads(1)
    begin = time.process_time()
    flat = sitk.GetArrayFromImage(itk.Execute(sitk.GetImageFromArray(np.ascontiguousarray(window.T)))).T
    seconds = time.process_time() - begin
    theirs = 1 + 254 * (flat - low) / (high - low)
    ours = found.equalized[box].astype(np.float64)
    inside = brain[box]
    deep = ndimage.distance_transform_cdt(np.pad(inside, 1), "chessboard")[1:-1, 1:-1, 1:-1] > EQUALIZATION.radius_mm
    print(
        f"\nEqualized against SimpleITK's ({seconds:.1f} s on the box of the brain, ours {found.seconds[1]:.2f} s):\n"
    )
    print("| where | voxels | mean difference | mean absolute | 99th percentile | largest | correlation |")
    print("|---|---|---|---|---|---|---|")
    for where, mask in (("the window lies within the brain", deep), ("at the brain's surface", inside & ~deep)):
        apart = ours[mask] - theirs[mask]
        size = np.abs(apart)
        r = np.corrcoef(ours[mask], theirs[mask])[0, 1]
        told = f"{apart.mean():+.2f} | {size.mean():.2f} | {np.percentile(size, 99):.1f} | {size.max():.1f} | {r:.4f}"
        print(f"| {where} | {mask.sum():,} | {told} |")
    print("SimpleITK counts the zeros around the brain as dark tissue; ours counts the brain alone.", flush=True)


def real_head(path: Path, out: Path | None) -> None:
    """Print the volume inside a real head's skull, and draw its mask."""
    if path.is_dir():
        series = find_series(sorted(file for file in path.rglob("*") if file.is_file())).series
        scan = read_series(next(iter(series.values()))).volume.oriented()
    else:
        scan = read_nifti(path).oriented()
    found = extract(scan, path.name)
    inside, brain = (mask.sum() / 1000 for mask in (found.masks.inside, found.masks.brain))
    told = f"{inside:.0f} | {brain:.0f} | {found.masks.open_fraction:.0%}"
    print(f"| {path.name} | {told} | {found.seconds[0]:.2f} | {found.seconds[1]:.2f} |", flush=True)
    if out is None:
        return
    figure = new_figure(10, 7.5)
    panels = figure.subplots(3, 4)
    for row, axis in zip(panels, (2, 1, 0), strict=True):
        others = tuple(other for other in range(3) if other != axis)
        places = np.flatnonzero(found.masks.inside.any(axis=others))
        for panel, part in zip(row, (0.12, 0.35, 0.6, 0.9), strict=True):
            at = int(places[int(part * (len(places) - 1))])
            shown = (np.clip(found.image.voxels, -50, 300), found.masks.inside, found.masks.brain)
            image, inside, brain = (np.rot90(np.take(voxels, at, axis)) for voxels in shown)
            panel.imshow(image, cmap="gray")
            panel.contour(inside, [0.5], colors="tab:red", linewidths=0.7)
            panel.contour(brain, [0.5], colors="tab:cyan", linewidths=0.4)
            panel.axis("off")
    out.mkdir(parents=True, exist_ok=True)
    figure.savefig(out / f"{path.name.split('.')[0]}.png", dpi=110)


def main() -> int:
    """Print the tables; 1 if a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--heads", type=Path, help="folder of head_NN_tissue.nii.gz; those shipped if left out")
    parser.add_argument("--n", type=int, default=3, help="number of phantoms")
    parser.add_argument("--seed", type=int, default=901)
    parser.add_argument("--real", type=Path, nargs="+", default=[], help="NIfTI files or folders of a series")
    parser.add_argument("--out", type=Path, help="folder for pictures of the real heads")
    given = parser.parse_args()
    told = "Dice | volume / truth | regions held | `brain` | threshold | extraction s | equalization s | GB"
    print(f"| head | scan | {told} |")
    print(f"|{'---|' * 10}")
    rows: list[tuple[float, float, float]] = []
    first: Extracted | None = None
    with tempfile.TemporaryDirectory() as name:
        context = JobContext(Path(name))
        for plan in plan_phantoms(Path(name), given.n, given.seed, given.heads):
            anatomy = shape_phantom(plan, context)
            chance = np.random.default_rng([given.seed, plan.index])
            lying, turned = draw_pose(chance, 1.0), random_pose(chance, 30.0)
            cases = {"as a child lies": (anatomy, lying), "turned": (anatomy, turned)}
            cases["open fontanelle"] = (with_open_fontanelle(anatomy, 15.0, 0.5), lying)
            for case, (body, pose) in cases.items():
                laid = lay(plan, body, pose, context)
                found = extract(laid.scan, plan.code)
                first = first or found
                rows.append(tell(plan.head.name.removesuffix("_tissue.nii.gz"), case, laid, found))
    dice, extraction, equalization = (np.array(column) for column in zip(*rows, strict=True))
    slowest = f"{extraction.max():.2f} s and {equalization.max():.2f} s"
    print(f"\nDice {dice.mean():.4f}, lowest {dice.min():.4f}; at most {slowest}.")
    if first is not None:
        against_simpleitk(first)
    if given.real:
        told = "inside of the skull, cm³ | `brain`, cm³ | not bone around | extraction s | equalization s"
        print(f"\n| real head | {told} |")
        print(f"|{'---|' * 6}")
        for path in given.real:
            real_head(path, given.out)
    fast = extraction.max() <= MOST_EXTRACTION_S and equalization.max() <= MOST_EQUALIZATION_S
    met = dice.min() >= LEAST_DICE and fast
    bars = f"Dice {LEAST_DICE}, {MOST_EXTRACTION_S:g} s, {MOST_EQUALIZATION_S:g} s"
    print(f"\nThe bars ({bars}) are {'met' if met else 'missed'}.")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
