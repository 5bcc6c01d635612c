"""Pseudo-labels against the truth of phantoms: presets, ways of fusion, and other programs beside them.

    make bench-labels ARGS="--heads FOLDER --n 6 --seed 901 --presets quick balanced fine"

prints, per way and phantom, the mean Dice over the ten regions, the worst region, the volumes found relative to the
true ones, CPU and wall seconds and the peak of memory, each of a process of its own from its start to its end, with one
thread; then the means. `fine` is told once more with one template, with majority and with STAPLE, from the same
deformations. `--mirror` labels the first phantom with the templates' mirror images too: what of its asymmetry turns
round is the templates'.

Peers (`--peers`, or `none`): ANTs' own presets, greedy and elastix, the last two where `--peers-python` has them
(docs/registration.md). Each is run twice: "cut", the brain that our presets see on the average template, plain and with
our fitting of labels; and "whole", as users run them: the scan at 1 mm with skull and face on a whole child's head.

Without --heads the shipped heads are used, and the template of a phantom's own head is left out; heads that are not
shipped are the honest test, for the shipped ones voted on the average template's label map.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
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
from ctworkbench.core.phantom_head import list_heads
from ctworkbench.core.preprocess import PreprocessParams, preprocess, to_one_mm
from ctworkbench.core.register import EFFORT, CarriedTemplates, LabelParams, Preset, carry_templates
from ctworkbench.core.schemes import load
from ctworkbench.core.settings import resource as shipped
from ctworkbench.core.template_library import TemplateFiles, average_template, children, read_template
from ctworkbench.core.volume import Volume, read_nifti, write_nifti
from scripts.build_templates import scan_of
from tests.bench.peers import PEERS

SCHEME = load()
PRESETS: tuple[Preset, ...] = ("quick", "balanced", "fine", "syn")
ANTS = ("antsRegistrationSyNQuick[s]", "SyN")


class Case(NamedTuple):
    """One phantom: its scan's files as `label` takes them, and its truth."""

    head: str
    params: LabelParams
    truth: Volume


class Spent(NamedTuple):
    """What a process took: seconds of the processor, seconds by the clock, the most memory in GB."""

    cpu: float
    wall: float
    gb: float


class Table:
    """Rows as they come, and their means at the end."""

    def __init__(self) -> None:
        self._rows: dict[str, list[tuple[float, float, Spent]]] = defaultdict(list)
        print("| way | head | mean Dice | worst region | volume / truth | CPU s | wall s | GB |")
        print(f"|{'---|' * 8}")

    def add(self, way: str, head: str, labels: Volume, truth: NDArray[np.uint8], spent: Spent) -> None:
        """Print one row; labels and truth on one grid."""
        overlap = list(dice(labels.voxels, truth, SCHEME.codes).values())
        codes = list(SCHEME.codes)
        share = np.bincount(labels.voxels.ravel(), minlength=256)[codes] / np.bincount(truth.ravel())[codes]
        mean, worst = float(np.mean(overlap)), float(min(overlap))
        self._rows[way].append((mean, worst, spent))
        told = f"{mean:.3f} | {worst:.3f} | {share.min():.2f} to {share.max():.2f}"
        print(f"| {way} | {head} | {told} | {spent.cpu:.0f} | {spent.wall:.0f} | {spent.gb:.1f} |", flush=True)

    def means(self) -> None:
        """Print mean Dice, lowest region, mean seconds and peak of memory of each way."""
        print(f"\n| way | phantoms | mean Dice | lowest region | CPU s | wall s | GB |\n|{'---|' * 7}")
        for way, rows in self._rows.items():
            mean, worst = np.mean([row[0] for row in rows]), min(row[1] for row in rows)
            cpu, wall = (np.mean([getattr(row[2], name) for row in rows]) for name in ("cpu", "wall"))
            memory = max(row[2].gb for row in rows)
            print(f"| {way} | {len(rows)} | {mean:.3f} | {worst:.3f} | {cpu:.0f} | {wall:.0f} | {memory:.1f} |")


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


def templates_for(preset: Preset, head: str) -> tuple[TemplateFiles, ...]:
    """What a preset chooses from: the average, or the child-sized templates but that of a head."""
    if EFFORT[preset].tried == 1:
        return (average_template(),)
    return tuple(one for one in children() if head not in one.image.parts)


def label_apart(params: LabelParams, folder: Path) -> tuple[CarriedTemplates, Volume, float, float]:
    """Label a scan; with what its process took by now: CPU seconds and GB."""
    laid = carry_templates(params, JobContext(folder))
    _, fitted = laid.together("joint")
    return laid, fitted, time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def bench_preset(preset: Preset, case: Case, folder: Path, table: Table) -> CarriedTemplates:
    """One preset in a new process; of `fine` also what other ways would make of the same deformations."""
    pool = templates_for(preset, case.head)
    params = case.params.model_validate(case.params.model_dump() | {"preset": preset, "templates": pool})
    begin = time.monotonic()
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        laid, fitted, cpu, gb = process.submit(label_apart, params, folder).result()
    spent = Spent(cpu, time.monotonic() - begin, gb)
    truth = resample_labels(case.truth, fitted.grid, SCHEME.codes).voxels
    table.add(preset, case.head, fitted, truth, spent)
    if preset == "fine":
        for way, fusion, most in (
            ("fine, the most alike alone", "joint", 1),
            ("fine, majority", "majority", None),
            ("fine, STAPLE", "staple", None),
        ):
            table.add(way, case.head, laid.together(fusion, most)[1], truth, spent)
    return laid


def run_peer(python: Path, kind: str, folder: Path, images: dict[str, Volume]) -> tuple[Volume, Spent] | str:
    """The labels that a peer carries to `fixed`, and what it took; the last line it wrote where it failed."""
    folder.mkdir()
    for name, volume in images.items():
        write_nifti(volume, folder / f"{name}.nii")
    begin = time.monotonic()
    script = str(Path(__file__).with_name("peers.py"))
    done = subprocess.run([python, script, kind, folder], capture_output=True, text=True)
    wall = time.monotonic() - begin
    if done.returncode:
        return (done.stderr.strip().splitlines() or [f"ended with {done.returncode}"])[-1]
    took = json.loads(done.stdout.strip().splitlines()[-1])
    carried = read_nifti(folder / "carried.nii")
    return Volume(np.rint(carried.voxels).astype(np.uint8), carried.affine), Spent(took["cpu"], wall, took["gb"])


def bench_peer(kind: str, python: Path, case: Case, laid: CarriedTemplates, folder: Path, table: Table) -> None:
    """A peer at 1 mm on the brain and the average template, plain and with our fitting; then on whole heads."""
    name, scan = f"ANTs {kind}" if kind in ANTS else kind, laid.scan
    template = read_template(average_template(), SCHEME)
    cut = {"fixed": scan.brain.image, "moving": template.brain.image, "labels": template.labels}
    found = run_peer(python, kind, folder / f"{kind}_cut", cut)
    if isinstance(found, str):
        print(f"{name}, cut, gave nothing: {found}", flush=True)
    else:
        plain, spent = found
        truth = resample_labels(case.truth, plain.grid, SCHEME.codes).voxels
        table.add(f"{name}, cut", case.head, plain, truth, spent)
        fitted = fit_labels(plain.voxels, scan.inside.voxels > 0, scan.hull, scan.csf)
        table.add(f"{name}, cut, labels fitted", case.head, Volume(fitted, plain.affine), truth, spent)
    other = next(path for path in list_heads(shipped("heads")) if not path.name.startswith(case.head))
    image, labels = scan_of(other, "M")
    air_is_air = to_one_mm(image, other.name)  # as an import leaves it: no padding of −3024 HU
    whole = {"fixed": read_nifti(case.params.image), "moving": air_is_air, "labels": labels}
    found = run_peer(python, kind, folder / f"{kind}_whole", whole)
    if isinstance(found, str):
        print(f"{name}, whole, gave nothing: {found}", flush=True)
        return
    plain, spent = found
    truth = resample_labels(case.truth, plain.grid, SCHEME.codes).voxels
    table.add(f"{name}, whole", case.head, plain, truth, spent)


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


def bench_mirror(preset: Preset, case: Case, folder: Path) -> None:
    """What of the asymmetry that the templates of a preset give turns round with them."""
    own = templates_for(preset, case.head)
    other = tuple(mirrored(one, folder / f"mirrored_{preset}_{number}") for number, one in enumerate(own))
    found: list[dict[str, float]] = []
    for pool in (own, other):
        laid = carry_templates(case.params.model_copy(update={"preset": preset, "templates": pool}), JobContext(folder))
        found.append(asymmetry(laid.together("joint")[1].voxels))
    true = asymmetry(case.truth.voxels)
    print(f"\n| pair, asymmetry %, `{preset}` | templates | mirrored | turns with them | stays | truth |")
    print(f"|{'---|' * 6}")
    for pair, value in found[0].items():
        turned = found[1][pair]
        turns, stays = (value - turned) / 2, (value + turned) / 2
        print(f"| {pair} | {value:+.1f} | {turned:+.1f} | {turns:+.1f} | {stays:+.1f} | {true[pair]:+.1f} |")
    print(flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--heads", type=Path, help="folder of head_NN_tissue.nii.gz and head_NN_labels10.nii.gz")
    parser.add_argument("--n", type=int, default=2)
    parser.add_argument("--seed", type=int, default=901)
    parser.add_argument("--presets", nargs="+", default=list(PRESETS[:3]), choices=PRESETS)
    parser.add_argument("--peers", nargs="+", default=list(ANTS), choices=(*PEERS, "none"))
    parser.add_argument(
        "--peers-python", type=Path, default=Path(sys.executable), help="Python that has greedy, elastix"
    )
    parser.add_argument("--mirror", action="store_true", help="the mirrored templates too, on one phantom")
    given = parser.parse_args()
    table = Table()
    with tempfile.TemporaryDirectory() as name:
        for plan in plan_phantoms(Path(name), given.n, given.seed, given.heads):
            folder = Path(name) / f"{plan.code}_work"
            case = make_case(plan, folder)
            laid = [bench_preset(preset, case, folder, table) for preset in given.presets]
            for peer in given.peers:
                if peer != "none":
                    python = Path(sys.executable) if peer in ANTS else given.peers_python
                    bench_peer(peer, python, case, laid[0], folder, table)
            if given.mirror and plan.index == 0:
                for preset in given.presets:
                    bench_mirror(preset, case, folder)
    table.means()


if __name__ == "__main__":
    main()
