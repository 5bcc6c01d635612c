"""Do the automatic checks put faulty label maps before sound ones?

    python -m tests.bench.bench_checks [--n 6] [--seed 58] [--keep build/bench_checks]

Phantoms are made, labelled by registration ("quick") and kept. Sound are the registered label maps and the true ones,
which stand for an expert's. Into the registered ones faults are planted (`planted_faults`), and all of them are put
into a copy of the study and checked by the same job as any other label map. Printed is, for every fault, the area
under the ROC curve: the chance that a faulty label map has a higher risk than a sound one; beside it that of each check
alone, by its worst finding; then what a check of one scan of 512 × 512 × 224 takes.

The limits of the checks were set on other phantoms (seed 41) before any fault was planted; see `core/findings.py`.
Ends with 1 if an area is below 0.95.
"""

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from ctworkbench.core import plugins
from ctworkbench.core.check_case import Head, make_case
from ctworkbench.core.checking import findings_of
from ctworkbench.core.model import Annotation, Origin
from ctworkbench.core.settings import Settings
from ctworkbench.core.volume import Grid, Volume, read_nifti, resample
from ctworkbench.core.workbench import Verdict, Workbench
from ctworkbench.core.workbench.checking import CheckedMap
from ctworkbench.core.workbench.current import next_version
from ctworkbench.core.workbench.labelling import preprocessings
from ctworkbench.core.workbench.phantoms import make_phantoms
from tests.bench.planted_faults import FAULTS, SCHEME, affine_only

BAR = 0.95
SOUND = ("registered", "true")
AFFINE = {"affine only": False, "affine only, fitted": True}


def main() -> int:
    """Print the tables; 1 if the checks miss the bar."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=6)
    parser.add_argument("--seed", type=int, default=58)
    parser.add_argument("--keep", type=Path, default=Path("build/bench_checks"))
    given = parser.parse_args()
    kept = (given.keep / f"seed{given.seed}_n{given.n}").resolve()
    settings = Settings(author="bench")
    prepare_study(kept, given.n, given.seed, settings)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "study"
        shutil.copytree(kept / "study", folder)
        with Workbench.open(folder, settings) as workbench:
            kind_of = _plant(workbench, kept / "phantoms", given.seed)
            failures = workbench.wait(workbench.checks.check())
            if failures:
                raise failures[0]
            checked: dict[str, list[CheckedMap]] = {}
            for scan in workbench.cohort.scans():
                for row in workbench.checks.of_scan(scan.id):
                    checked.setdefault(kind_of[row.annotation_id], []).append(row)
            titles = workbench.checks.titles()
            met = _tell(checked, titles)
            _time(workbench)
    return 0 if met else 1


def prepare_study(kept: Path, n: int, seed: int, settings: Settings) -> None:
    """The phantoms, and a study in which they are labelled; made once."""
    cohort = make_phantoms(kept / "phantoms", n, seed, None, settings, sys.stderr)
    folder = kept / "study"
    exists = (folder / "study.toml").exists()
    with Workbench.open(folder, settings) if exists else Workbench.create(folder, settings) as workbench:
        workbench.collect()
        if len(workbench.cohort.scans()) < n:
            _wait(workbench, workbench.cohort.import_paths([kept / "phantoms"], cohort))
        _wait(workbench, workbench.cohort.preprocess())
        _wait(workbench, workbench.labelling.pseudo_label("quick"))


def _wait(workbench: Workbench, jobs: list[str]) -> None:
    failures = workbench.wait(jobs)
    if failures:
        raise failures[0]


def _plant(workbench: Workbench, phantoms: Path, seed: int) -> dict[int, str]:
    """Put true and faulty label maps beside the registered ones; what each label map of the study is."""
    study = workbench._study
    kind_of: dict[int, str] = {}
    with study.database.reading() as session:
        prepared = preprocessings(session)
    for scan in workbench.cohort.scans():
        (registered,) = workbench.review.annotations(scan.id)
        workbench.review.judge(registered.id, Verdict.ACCEPT, grade=4)
        kind_of[registered.id] = "registered"
        labels = workbench.review.labels(registered.id)
        brain, image = (study.store.get(getattr(prepared[scan.id], key)) for key in ("brain_key", "image_key"))
        truth = read_nifti(phantoms / f"{scan.subject}_truth.nii.gz").oriented(labels.grid.axcodes)
        made: dict[str, tuple[Volume, Origin, dict[str, float]]] = {"true": (truth, Origin.EXPERT, {})}
        for number, (kind, fault) in enumerate(FAULTS.items()):
            chance = np.random.default_rng([seed, scan.id, number])
            made[kind] = (fault(labels, brain, chance), Origin.REGISTRATION, registered.scores)
        for kind, fitted in AFFINE.items():
            where = study.store.path(prepared[scan.id].brain_key)
            found, scores = affine_only(labels, image, where, fitted)
            # fitted: by this program, whose scores stand with it; else by another one, which left none
            made[kind] = (found, Origin.REGISTRATION if fitted else Origin.EXPERT, scores if fitted else {})
        for kind, (voxels, origin, scores) in made.items():
            kind_of[_record(workbench, scan.id, voxels, origin, scores)] = kind
        print(f"planted: {scan.subject}", file=sys.stderr, flush=True)
    return kind_of


def _record(workbench: Workbench, scan_id: int, labels: Volume, origin: Origin, scores: dict[str, float]) -> int:
    """A further version of a scan's label map, written as a job of that origin would have left it; its id."""
    study = workbench._study
    key = study.store.put(Volume(np.asfortranarray(labels.voxels.astype(np.uint8)), labels.affine))
    with study.database.writing() as session:
        row = Annotation(
            scan_id=scan_id,
            scheme=study.scheme,
            version=next_version(session, scan_id),
            parent_id=None,
            labels_key=key,
            author="bench",
            origin=origin,
            scores=dict(scores),
            code_version=study.code_version,
        )
        session.add(row)
        session.flush()
        return row.id


def _tell(checked: dict[str, list[CheckedMap]], titles: dict[str, str]) -> bool:
    """Print the areas; whether all of them meet the bar."""
    sound = [row for kind in SOUND for row in checked[kind]]
    kinds = [kind for kind in checked if kind not in SOUND]
    faulty = [row for kind in kinds for row in checked[kind]]
    names = [name for name in titles if any(one.check == name for row in [*sound, *faulty] for one in row.findings)]
    print(f"\n{len(sound)} sound label maps, {len(faulty)} with a fault. Area under the ROC curve:\n")
    head = ["fault", "n", "**risk**", *(titles[name] for name in names)]
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
    met = True
    for kind, rows in [*((kind, checked[kind]) for kind in kinds), ("all", faulty)]:
        area = auroc([row.risk for row in rows], [row.risk for row in sound])
        met &= area >= BAR
        alone = [f"{auroc([_worst(r, name) for r in rows], [_worst(r, name) for r in sound]):.2f}" for name in names]
        print(f"| {kind} | {len(rows)} | **{area:.3f}** | {' | '.join(alone)} |")
    print("\n| label maps | risk: lowest, median, highest | worst findings |\n|---|---|---|")
    for kind in (*SOUND, *kinds):
        risks = sorted(row.risk for row in checked[kind])
        told = [sum(any(o.severity == s for o in row.findings) for row in checked[kind]) for s in ("wrong", "look")]
        print(f"| {kind} | {risks[0]:.1f}, {np.median(risks):.1f}, {risks[-1]:.1f} | {told[0]} wrong, {told[1]} look |")
    print(f"\nThe bar of {BAR} is {'met' if met else 'missed'}.")
    return met


def _worst(row: CheckedMap, check: str) -> float:
    """The level of the worst finding of one check; 0 where it has none."""
    return max((one.level for one in row.findings if one.check == check), default=0.0)


def auroc(faulty: list[float], sound: list[float]) -> float:
    """Chance that a faulty one has the higher number; a tie counts half (Mann and Whitney)."""
    pairs = np.subtract.outer(np.array(faulty), np.array(sound))
    return float((pairs > 0).mean() + 0.5 * (pairs == 0).mean())


def _time(workbench: Workbench) -> None:
    """What the checks of one label map of 512 × 512 × 224 take, reading of its files included."""
    study = workbench._study
    scan = workbench.cohort.scans()[0]
    with study.database.reading() as session:
        prepared = preprocessings(session)[scan.id]
    registered = workbench.review.annotations(scan.id)[-1]
    small = workbench.review.labels(registered.id)
    spacing = 230 / 512
    affine = np.diag([spacing, spacing, 0.8, 1.0])
    middle = small.affine @ np.array([*(n / 2 for n in small.voxels.shape), 1.0])
    affine[:3, 3] = middle[:3] - affine[:3, :3] @ np.array([256, 256, 112])
    large = resample(small, Grid((512, 512, 224), affine), "nearest")
    path = study.store.path(study.store.put(large))
    seconds: list[float] = []
    cpu = 0.0
    for _ in range(3):
        begun, used = time.perf_counter(), time.process_time()
        head = Head(*(read_nifti(study.store.path(key)) for key in (prepared.image_key, prepared.brain_key)))
        findings_of(make_case(read_nifti(path), SCHEME, head, registered.scores), plugins.names(plugins.CHECKS))
        seconds.append(time.perf_counter() - begun)
        cpu = time.process_time() - used
    print(f"\nOne label map of 512 × 512 × 224: {min(seconds):.2f} s ({cpu:.2f} s of the processor).")


if __name__ == "__main__":
    sys.exit(main())
