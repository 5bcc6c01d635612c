"""Agreement of pseudo-labels with the truth of phantoms, and the time they take.

    make bench-labels ARGS="--heads FOLDER --n 6 --seed 901 --presets quick fine"

prints, per preset and phantom, the mean Dice over the ten regions, the worst region, CPU seconds of preprocessing and
registration, and the volumes found relative to the true ones. Without --heads the shipped heads are used; they voted on
the template's label map, so heads that are not shipped are the honest test.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from ctworkbench.core.dicom import find_series
from ctworkbench.core.dicom_series import read_series
from ctworkbench.core.jobs import JobContext
from ctworkbench.core.label_maps import dice
from ctworkbench.core.phantom import make_phantom, plan_phantoms
from ctworkbench.core.preprocess import PreprocessParams, preprocess
from ctworkbench.core.register import LabelParams, pseudo_label
from ctworkbench.core.schemes import load
from ctworkbench.core.volume import read_nifti, write_nifti


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--heads", type=Path, help="folder of head_NN_tissue.nii.gz and head_NN_labels10.nii.gz")
    parser.add_argument("--n", type=int, default=4)
    parser.add_argument("--seed", type=int, default=901)
    parser.add_argument("--presets", nargs="+", default=["quick"], choices=["quick", "fine"])
    given = parser.parse_args()
    codes = load().codes
    means: dict[str, list[float]] = {preset: [] for preset in given.presets}
    print("| preset | head | mean Dice | worst region | preprocess CPU s | register CPU s | volume / truth |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        for plan in plan_phantoms(Path(name), given.n, given.seed, given.heads):
            folder = Path(name) / f"{plan.code}_work"
            folder.mkdir()
            context = JobContext(folder)
            made = make_phantom(plan, context)
            files = sorted(path for path in made.series.rglob("*") if path.is_file())
            volume = read_series(next(iter(find_series(files).series.values()))).volume
            truth = read_nifti(made.truth).oriented(volume.grid.axcodes)
            write_nifti(volume, folder / "scan.nii.gz")
            start = time.process_time()
            ready = preprocess(PreprocessParams(image=folder / "scan.nii.gz"), context)
            preparing = time.process_time() - start
            for preset in given.presets:
                params = LabelParams(
                    scan=folder / "scan.nii.gz", image=ready.image, brain=ready.brain, skull=ready.skull, preset=preset
                )
                start = time.process_time()
                found = pseudo_label(params, context)
                seconds = time.process_time() - start
                labels = read_nifti(found.labels).voxels
                overlap = list(dice(labels, truth.voxels, codes).values())
                share = np.bincount(labels.ravel(), minlength=11)[1:] / np.bincount(truth.voxels.ravel())[1:]
                means[preset].append(float(np.mean(overlap)))
                times = f"{preparing:.1f} | {seconds:.1f}"
                row = f"{means[preset][-1]:.3f} | {min(overlap):.3f} | {times} | {share.round(2)}"
                print(f"| {preset} | {made.head} | {row} |", flush=True)
    for preset, values in means.items():
        print(f"| {preset} | mean of {len(values)} | {np.mean(values):.3f} | | | | |")


if __name__ == "__main__":
    main()
