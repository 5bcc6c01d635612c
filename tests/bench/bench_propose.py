"""How well a proposal meets the truth of phantoms when every so many slices are drawn, and how long it takes.

    make bench-propose ARGS="--n 3 --every 5"

Each region is drawn from the truth in every fifth axial slice. From nothing: the rest is left empty. Correcting: the
rest stands as in a label map that lies some millimetres off, smoothly and differently everywhere. Dice is taken over
the slices that were not drawn, between the first and the last drawn one, and is the mean over the regions.
"""

import argparse
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ctworkbench.core.dicom import find_series
from ctworkbench.core.dicom_series import read_series
from ctworkbench.core.jobs import JobContext
from ctworkbench.core.label_edits.drawing import Change, Drawing
from ctworkbench.core.label_edits.proposal import propose
from ctworkbench.core.label_edits.slices import interpolate
from ctworkbench.core.phantom import make_phantom, plan_phantoms
from ctworkbench.core.schemes import load
from ctworkbench.core.volume import Volume, read_nifti

_OFF_MM, _OFF_WIDTH_MM = 3.0, 15.0


def displaced(labels: NDArray[np.uint8], spacing: tuple[float, float, float], seed: int) -> NDArray[np.uint8]:
    """The label map pushed aside by a smooth random field of 3 mm (root of the mean square) along each axis."""
    chance = np.random.default_rng(seed)
    places = np.indices(labels.shape).astype(np.float32)
    for axis, length in enumerate(spacing):
        coarse = ndimage.gaussian_filter(
            chance.normal(size=[-(-n // 4) for n in labels.shape]), _OFF_WIDTH_MM / 4 / np.array(spacing)
        )
        field = ndimage.zoom(coarse / coarse.std(), 4, order=1)[tuple(slice(0, n) for n in labels.shape)]
        places[axis] += field * _OFF_MM / length
    return ndimage.map_coordinates(labels, places, order=0)


def linear(drawing: Drawing, code: int, keys: list[int]) -> NDArray[np.bool_]:
    """Plain linear interpolation of the region's indicator between drawn slices, cut at one half."""
    region = (drawing.labels == code).astype(np.float32)
    for low, high in pairwise(keys):
        for index in range(low + 1, high):
            share = (index - low) / (high - low)
            region[..., index] = (1 - share) * region[..., low] + share * region[..., high]
    return region >= 0.5


def overlap(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """Dice of two masks."""
    return float(2 * np.count_nonzero(a & b) / max(1, np.count_nonzero(a) + np.count_nonzero(b)))


def applied(drawing: Drawing, change: Change | None) -> NDArray[np.uint8]:
    """The label map with a change made."""
    labels = drawing.labels.copy(order="F")
    if change is not None:
        labels[change.box] = change.codes
    return labels


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--heads", type=Path, help="folder of head_NN_tissue.nii.gz and head_NN_labels10.nii.gz")
    parser.add_argument("--n", type=int, default=3)
    parser.add_argument("--seed", type=int, default=901)
    parser.add_argument("--every", type=int, default=5, help="draw every so many slices")
    given = parser.parse_args()
    scheme = load()
    print(f"every {given.every}th slice drawn; mean Dice over the regions in the slices between")
    print(
        "| phantom | spacing mm | from | undrawn | linear | shape | proposal | worst linear | worst proposal | s each |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        for number, plan in enumerate(plan_phantoms(Path(name), given.n, given.seed, given.heads)):
            folder = Path(name) / f"{plan.code}_work"
            folder.mkdir()
            made = make_phantom(plan, JobContext(folder))
            files = sorted(path for path in made.series.rglob("*") if path.is_file())
            volume = read_series(next(iter(find_series(files).series.values()))).volume.oriented("RAS")
            truth = np.asfortranarray(read_nifti(made.truth).oriented("RAS").voxels)
            image = Volume(np.asfortranarray(volume.voxels), volume.affine)
            for start, before in (
                ("nothing", np.zeros_like(truth)),
                ("a map 3 mm off", displaced(truth, image.spacing, number)),
            ):
                scores: list[list[float]] = []
                seconds: list[float] = []
                for code in scheme.codes:
                    present = np.flatnonzero((truth == code).any(axis=(0, 1)))
                    keys = [int(index) for index in present[:: given.every]]
                    if len(keys) < 2:
                        continue
                    own = np.where(before == code, np.uint8(code), np.uint8(0))
                    drawn = np.asfortranarray(own)
                    drawn[..., keys] = np.where(truth[..., keys] == code, np.uint8(code), np.uint8(0))
                    drawing = Drawing(drawn, image, scheme)
                    begun = time.perf_counter()
                    proposal = applied(drawing, propose(drawing, code, 2, keys, own)) == code
                    seconds.append(time.perf_counter() - begun)
                    shape = applied(drawing, interpolate(drawing, code, 2, keys)) == code
                    rest = [index for index in range(keys[0], keys[-1]) if index not in keys]
                    wanted = (truth == code)[..., rest]
                    guesses = (own == code, linear(drawing, code, keys), shape, proposal)
                    scores.append([overlap(guess[..., rest], wanted) for guess in guesses])
                table = np.array(scores)
                undrawn, plain, shape, proposed = table.mean(axis=0)
                spacing = " × ".join(f"{length:.2f}" for length in image.spacing)
                print(
                    f"| {plan.code} | {spacing} | {start} | {undrawn:.3f} | {plain:.3f} | {shape:.3f} | {proposed:.3f} "
                    f"| {table[:, 1].min():.3f} | {table[:, 3].min():.3f} | {np.mean(seconds):.2f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
