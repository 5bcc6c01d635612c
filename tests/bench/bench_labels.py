"""Pseudo-labels against the truth of phantoms: presets, ways of fusion, and other programs' presets beside them.

    make bench-labels ARGS="--heads FOLDER --n 6 --seed 901 --presets quick balanced fine"

prints, per way and phantom, the mean Dice over the ten regions, the worst region, the volumes found relative to the
true ones, CPU seconds and the peak of memory so far; then the means. `fine` is told once more with one template, with
majority and with STAPLE, from the same deformations. Peers: ANTs' own presets on the average template, cut to the brain
and with our fitting of labels (`--peers none` leaves them out). `--mirror` labels with the average template and its
mirror image: what of the asymmetry turns round is the template's.

Without --heads the shipped heads are used, and the template of a phantom's own head is left out; heads that are not
shipped are the honest test, for the shipped ones voted on the average template's label map. One thread.
"""

import argparse
import resource as process
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ctworkbench.core.dicom import find_series
from ctworkbench.core.dicom_series import read_series
from ctworkbench.core.jobs import JobContext
from ctworkbench.core.label_fitting import fit_labels
from ctworkbench.core.label_maps import dice, mirror, resample_labels
from ctworkbench.core.phantom import PhantomParams, make_phantom, plan_phantoms
from ctworkbench.core.preprocess import PreprocessParams, preprocess
from ctworkbench.core.register import CarriedTemplates, LabelParams, carry_templates
from ctworkbench.core.schemes import load
from ctworkbench.core.template_library import TemplateFiles, average_template, children, read_template
from ctworkbench.core.volume import Volume, read_nifti, write_nifti

SCHEME = load()
PRESETS = ("quick", "balanced", "fine")
PEERS = ("antsRegistrationSyNQuick[s]", "SyN")


class Case(NamedTuple):
    """One phantom: its scan's files as `label` takes them, and its truth."""

    head: str
    params: LabelParams
    truth: Volume


class Table:
    """Rows as they come, and their means at the end."""

    def __init__(self) -> None:
        self._rows: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
        print("| way | head | mean Dice | worst region | volume / truth | CPU s | GB |\n|---|---|---|---|---|---|---|")

    def add(self, way: str, head: str, labels: Volume, truth: NDArray[np.uint8], seconds: float) -> None:
        """Print one row; labels and truth on one grid."""
        overlap = list(dice(labels.voxels, truth, SCHEME.codes).values())
        codes = list(SCHEME.codes)
        share = np.bincount(labels.voxels.ravel(), minlength=256)[codes] / np.bincount(truth.ravel())[codes]
        mean, worst = float(np.mean(overlap)), float(min(overlap))
        self._rows[way].append((mean, worst, seconds))
        memory = process.getrusage(process.RUSAGE_SELF).ru_maxrss / 1e6
        told = f"{mean:.3f} | {worst:.3f} | {share.min():.2f} to {share.max():.2f} | {seconds:.0f} | {memory:.1f}"
        print(f"| {way} | {head} | {told} |", flush=True)

    def means(self) -> None:
        """Print mean Dice, lowest region and mean seconds of each way."""
        print("\n| way | phantoms | mean Dice | lowest region | CPU s |\n|---|---|---|---|---|")
        for way, rows in self._rows.items():
            mean, worst, seconds = np.mean(rows, axis=0)[0], min(row[1] for row in rows), np.mean(rows, axis=0)[2]
            print(f"| {way} | {len(rows)} | {mean:.3f} | {worst:.3f} | {seconds:.0f} |")


def make_case(plan: PhantomParams, folder: Path) -> Case:
    """Make a phantom and preprocess it."""
    folder.mkdir()
    context = JobContext(folder)
    made = make_phantom(plan, context)
    files = sorted(path for path in made.series.rglob("*") if path.is_file())
    volume = read_series(next(iter(find_series(files).series.values()))).volume
    scan = folder / "scan.nii.gz"
    write_nifti(volume, scan)
    ready = preprocess(PreprocessParams(image=scan), context)
    params = LabelParams(scan=scan, image=ready.image, brain=ready.brain, skull=ready.skull)
    return Case(made.head, params, read_nifti(made.truth).oriented(volume.grid.axcodes))


def library_without(head: str) -> tuple[TemplateFiles, ...]:
    """The child-sized templates but that of a head."""
    return tuple(one for one in children() if head not in one.image.parts)


def bench_preset(preset: str, case: Case, folder: Path, table: Table) -> CarriedTemplates:
    """One preset; of `fine` also what other ways would make of the same deformations."""
    pool = (average_template(),) if preset == "quick" else library_without(case.head)
    start = time.process_time()
    params = case.params.model_validate(case.params.model_dump() | {"preset": preset, "templates": pool})
    laid = carry_templates(params, JobContext(folder))
    _, fitted = laid.together("joint")
    seconds = time.process_time() - start
    truth = resample_labels(case.truth, fitted.grid, SCHEME.codes).voxels
    table.add(preset, case.head, fitted, truth, seconds)
    if preset == "fine":
        for way, fusion, most in (
            ("fine, the most alike alone", "joint", 1),
            ("fine, majority", "majority", None),
            ("fine, STAPLE", "staple", None),
        ):
            table.add(way, case.head, laid.together(fusion, most)[1], truth, seconds)
    return laid


def bench_peer(kind: str, case: Case, laid: CarriedTemplates, folder: Path, table: Table) -> None:
    """One of ANTs' presets at 1 mm, from the average template, plain and with our fitting of labels."""
    import ants

    template = read_template(average_template(), SCHEME)
    images = {"fixed": laid.scan.brain.image, "moving": template.brain.image, "labels": template.labels}
    for name, volume in images.items():
        write_nifti(volume, folder / f"{name}.nii")
    fixed, moving, labels = (ants.image_read(str(folder / f"{name}.nii")) for name in images)
    start = time.process_time()
    found = ants.registration(fixed, moving, type_of_transform=kind, random_seed=1)
    carried = ants.apply_transforms(fixed, labels, found["fwdtransforms"], interpolator="genericLabel")
    seconds = time.process_time() - start
    scan = laid.scan
    plain = carried.numpy().astype(np.uint8)
    truth = resample_labels(case.truth, scan.inside.grid, SCHEME.codes).voxels
    table.add(f"ANTs {kind}", case.head, Volume(plain, scan.inside.affine), truth, seconds)
    fitted = fit_labels(plain, scan.inside.voxels > 0, scan.hull, scan.csf)
    table.add(f"ANTs {kind}, labels fitted", case.head, Volume(fitted, scan.inside.affine), truth, seconds)


def asymmetry(labels: NDArray[np.uint8]) -> dict[str, float]:
    """(right − left) / (right + left) of each pair of regions, %."""
    counts = np.bincount(labels.ravel(), minlength=256).astype(float)
    found: dict[str, float] = {}
    for right, left in SCHEME.pairs:
        both = counts[right.code], counts[left.code]
        found[right.name.removeprefix("right_")] = 100 * (both[0] - both[1]) / sum(both)
    return found


def mirrored(files: TemplateFiles, folder: Path) -> TemplateFiles:
    """The files of a template's mirror image."""
    paths = {"image": folder / "image.nii.gz", "labels": folder / "labels.nii.gz", "mask": folder / "mask.nii.gz"}
    folder.mkdir()
    for part, path in paths.items():
        volume = read_nifti(getattr(files, part)).oriented()
        flipped = mirror(volume, SCHEME) if part == "labels" else Volume(volume.voxels[::-1], volume.affine)
        affine = volume.affine.copy()
        affine[0, 3] = -(affine[0, 3] + affine[0, 0] * (volume.voxels.shape[0] - 1))
        write_nifti(Volume(np.asfortranarray(flipped.voxels), affine), path)
    return TemplateFiles(name=f"{files.name}, mirrored", **paths)


def bench_mirror(case: Case, folder: Path) -> None:
    """What of the asymmetry that the average template gives turns round with it."""
    found: list[dict[str, float]] = []
    for files in (average_template(), mirrored(average_template(), folder / "mirrored")):
        laid = carry_templates(case.params.model_copy(update={"templates": (files,)}), JobContext(folder))
        found.append(asymmetry(laid.together("joint")[1].voxels))
    true = asymmetry(case.truth.voxels)
    print("\n| pair, asymmetry % | template | mirrored | turns with the template | stays | truth |")
    print("|---|---|---|---|---|---|")
    for pair, value in found[0].items():
        other = found[1][pair]
        turns, stays = (value - other) / 2, (value + other) / 2
        print(f"| {pair} | {value:+.1f} | {other:+.1f} | {turns:+.1f} | {stays:+.1f} | {true[pair]:+.1f} |")
    print(flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--heads", type=Path, help="folder of head_NN_tissue.nii.gz and head_NN_labels10.nii.gz")
    parser.add_argument("--n", type=int, default=2)
    parser.add_argument("--seed", type=int, default=901)
    parser.add_argument("--presets", nargs="+", default=list(PRESETS), choices=PRESETS)
    parser.add_argument("--peers", nargs="+", default=list(PEERS), choices=(*PEERS, "none"))
    parser.add_argument("--mirror", action="store_true", help="the mirrored average template too, on one phantom")
    given = parser.parse_args()
    table = Table()
    with tempfile.TemporaryDirectory() as name:
        for plan in plan_phantoms(Path(name), given.n, given.seed, given.heads):
            folder = Path(name) / f"{plan.code}_work"
            case = make_case(plan, folder)
            laid = [bench_preset(preset, case, folder, table) for preset in given.presets]
            for peer in given.peers:
                if peer != "none":
                    bench_peer(peer, case, laid[0], folder, table)
            if given.mirror and plan.index == 0:
                bench_mirror(case, folder)
    table.means()


if __name__ == "__main__":
    main()
