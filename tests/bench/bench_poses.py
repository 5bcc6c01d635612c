"""Phantoms in any pose and any of the 48 orientations: does the labelling ever fail, or swap the sides?

    make bench-poses ARGS="--heads FOLDER --n 100 --bodies 6 --seed 48 --preset quick"

A few bodies are made, each of another head; each scan lays one of them turned by up to 30° about each of the three axes
and off centre, and stores its voxels in one of the 48 orders of axes with the affine that belongs to it. All are
preprocessed and labelled as the program does; the templates of a shipped head's own are left out. A scan fails with a
mean Dice under 0.75, or where it is refused. Sides count as swapped where a region's labels lie more on the true region
of the other side than on its own. Ends with 1 if a scan fails or a side is swapped.
"""

import argparse
import shutil
import sys
import tempfile
import time
from itertools import permutations, product
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.jobs import JobContext
from ctworkbench.core.label_maps import dice
from ctworkbench.core.phantom import plan_phantoms, shape_phantom
from ctworkbench.core.preprocess import PreprocessParams, preprocess
from ctworkbench.core.register import EFFORT, LabelParams, pseudo_label
from ctworkbench.core.schemes import load
from ctworkbench.core.template_library import TemplateFiles
from ctworkbench.core.volume import read_nifti, write_nifti
from tests.bench.bench_labels import templates_for
from tests.bench.phantom_scans import Laid, lay, random_pose

SCHEME = load()
ORIENTATIONS = ["".join(letters) for axes in permutations(("RL", "AP", "SI")) for letters in product(*axes)]
FAILED = 0.75


class Outcome(NamedTuple):
    """What became of one scan: its Dice by region (none if refused), regions on the wrong side, and what was said."""

    overlap: dict[int, float]
    swapped: list[str]
    said: str

    @property
    def mean(self) -> float:
        """Mean Dice; 0 if refused."""
        return float(np.mean(list(self.overlap.values()))) if self.overlap else 0.0


def swapped_sides(labels: NDArray[np.uint8], truth: NDArray[np.uint8]) -> list[str]:
    """Regions whose labels lie more on the other side's true region than on their own."""
    found: list[str] = []
    for one, other in [pair for right, left in SCHEME.pairs for pair in ((right, left), (left, right))]:
        under = truth[labels == one.code]
        if np.count_nonzero(under == other.code) > np.count_nonzero(under == one.code):
            found.append(one.title)
    return found


def label(laid: Laid, axcodes: str, preset: str, templates: tuple[TemplateFiles, ...], folder: Path) -> Outcome:
    """Store a scan in an orientation, preprocess and label it."""
    folder.mkdir()
    context = JobContext(folder)
    scan, truth = (volume.oriented(axcodes) for volume in (laid.scan, laid.truth))
    write_nifti(scan, folder / "scan.nii.gz")
    try:
        ready = preprocess(PreprocessParams(image=folder / "scan.nii.gz"), context)
        files = {"image": ready.image, "brain": ready.brain, "skull": ready.skull}
        request = {"scan": folder / "scan.nii.gz", **files, "preset": preset, "templates": templates}
        result = pseudo_label(LabelParams.model_validate(request), context)
    except WorkbenchError as error:
        return Outcome({}, [], error.message)
    found = read_nifti(result.labels)
    assert found.grid.matches(scan.grid)
    overlap = dice(found.voxels, truth.voxels, SCHEME.codes)
    return Outcome(overlap, swapped_sides(found.voxels, truth.voxels), "; ".join(result.warnings))


def main() -> int:
    """Print a row for each scan and what failed; 1 if anything did."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--heads", type=Path, help="folder of heads; those shipped if left out")
    parser.add_argument("--n", type=int, default=100, help="number of scans")
    parser.add_argument("--bodies", type=int, default=6, help="number of anatomies they are made of")
    parser.add_argument("--seed", type=int, default=48)
    parser.add_argument("--degrees", type=float, default=30.0, help="the most that a scan is turned about each axis")
    parser.add_argument("--preset", default="quick", choices=list(EFFORT))
    given = parser.parse_args()
    chance = np.random.default_rng([given.seed, 0])
    orders = np.concatenate([chance.permutation(ORIENTATIONS) for _ in range(-(-given.n // 48))])[: given.n]
    outcomes: list[Outcome] = []
    begin = time.process_time()
    print("| scan | head | turned about x, y, z, ° | axes | mean Dice | lowest region | said |")
    print(f"|{'---|' * 7}")
    with tempfile.TemporaryDirectory() as name:
        context = JobContext(Path(name))
        for plan in plan_phantoms(Path(name), min(given.bodies, given.n), given.seed, given.heads):
            anatomy, head = shape_phantom(plan, context), plan.head.name.removesuffix("_tissue.nii.gz")
            pool = templates_for(given.preset, head)
            for number in range(plan.index, given.n, given.bodies):
                pose = random_pose(np.random.default_rng([given.seed, 1, number]), given.degrees)
                laid, folder = lay(plan, anatomy, pose, context), Path(name) / str(number)
                outcome = label(laid, str(orders[number]), given.preset, pool, folder)
                shutil.rmtree(folder)
                outcomes.append(outcome)
                turned = ", ".join(f"{angle:+.0f}" for angle in pose.degrees)
                worst = min(outcome.overlap.values(), default=0.0)
                said = "; ".join([outcome.said, *(f"{region} swapped" for region in outcome.swapped)]).strip("; ")
                row = f"{head} | {turned} | {orders[number]} | {outcome.mean:.3f} | {worst:.3f} | {said}"
                print(f"| {number + 1} | {row} |", flush=True)
    means = np.array([outcome.mean for outcome in outcomes])
    regions = [value for outcome in outcomes for value in outcome.overlap.values()]
    failed = int((means < FAILED).sum())
    swapped = sum(bool(outcome.swapped) for outcome in outcomes)
    print(f"\n{given.preset}, {len(outcomes)} scans of {min(given.bodies, given.n)} bodies, seed {given.seed}:")
    print(f"{failed} failed (mean Dice under {FAILED}, or refused), {swapped} with swapped sides.")
    told = f"Mean Dice {means.mean():.3f}, lowest {means.min():.3f}; lowest region {min(regions, default=0.0):.3f};"
    print(f"{told} {(time.process_time() - begin) / len(outcomes):.0f} CPU s a scan, making it included.")
    return 1 if failed or swapped else 0


if __name__ == "__main__":
    sys.exit(main())
