"""Does the uncertainty of networks tell where they are wrong?

    python -m tests.bench.bench_uncertainty [--n 6] [--seed 41] [--learn 58] [--keep build/bench_checks]

Three networks (preset `demo`, each of another fold, 150 epochs) are trained on phantoms of the seed `--learn`, labelled
by registration ("quick"). They label phantoms of another seed, each alone and all by the mean of their answers; the
starter labels them too. Printed is, for every way, the uncertainty that the check reads of whole label maps and of
regions, Dice with the truth, the rank correlation of the two over all regions, and the chance that a region with a Dice
below 0.7 is less sure than one above it (area under the ROC curve). No limit of the check was set on these.
"""

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.stats import spearmanr
from sqlalchemy import select

from ctworkbench.core import plugins
from ctworkbench.core.check_case import make_case
from ctworkbench.core.checks import uncertainty as check
from ctworkbench.core.jobs import JobContext
from ctworkbench.core.label_maps import dice
from ctworkbench.core.model import Scan
from ctworkbench.core.model_registry import read_package
from ctworkbench.core.settings import Settings, resource
from ctworkbench.core.splits import Role
from ctworkbench.core.training import ImportModelRequest, SegmentCase, SegmentModel, SegmentRequest, TrainCase
from ctworkbench.core.volume import read_nifti
from ctworkbench.core.workbench import Workbench
from ctworkbench.core.workbench.labelling import preprocessings
from ctworkbench.train.course import TrainParams
from ctworkbench.train.loop import train
from ctworkbench.train.model_import import import_model
from ctworkbench.train.outcome import TrainResult
from ctworkbench.train.predict import segment
from ctworkbench.train.preset import Preset
from tests.bench.bench_checks import auroc, prepare_study
from tests.bench.planted_faults import SCHEME

FOLDS, EPOCHS = 3, 150
POOR = 0.7


class Case(NamedTuple):
    """A phantom with what preprocessing and registration made of it."""

    subject: str
    hu: Path
    equalized: Path
    brain: Path
    scan: Path
    registered: Path
    truth: Path


class Read(NamedTuple):
    """What was read of one label map: uncertainty in percent, whole and by region, and Dice by region."""

    whole: float
    regions: dict[str, float]
    dice: dict[str, float]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=6)
    parser.add_argument("--seed", type=int, default=41)
    parser.add_argument("--learn", type=int, default=58)
    parser.add_argument("--keep", type=Path, default=Path("build/bench_checks"))
    given = parser.parse_args()
    learned, unseen = (_cases(given.keep.resolve(), given.n, seed) for seed in (given.learn, given.seed))
    folder = given.keep.resolve() / f"uncertainty_learn{given.learn}_n{given.n}"
    networks = [_trained(learned, fold, folder) for fold in range(FOLDS)]
    ways = {f"network {number + 1} alone": [network] for number, network in enumerate(networks)}
    ways |= {f"mean of {FOLDS}": networks, "starter": [_starter(folder)]}
    print("| by | whole: lowest, median, highest % | region: median, 95th, highest % | Dice | rank correlation | ROC |")
    print("|---|---|---|---|---|---|")
    for number, (name, models) in enumerate(ways.items()):
        rows = _read(models, unseen, folder / f"seed{given.seed}_{number}")
        whole = np.array([row.whole for row in rows])
        pairs = np.array([(row.regions[one], row.dice[one]) for row in rows for one in row.regions])
        poor, sound = pairs[pairs[:, 1] < POOR, 0], pairs[pairs[:, 1] >= POOR, 0]
        area = f"{auroc(list(poor), list(sound)):.2f} ({len(poor)} of {len(pairs)})" if len(poor) else "none below"
        rank = float(spearmanr(pairs[:, 0], pairs[:, 1]).statistic)
        spread = f"{np.median(pairs[:, 0]):.1f}, {np.percentile(pairs[:, 0], 95):.1f}, {pairs[:, 0].max():.1f}"
        told = f"{whole.min():.1f}, {np.median(whole):.1f}, {whole.max():.1f}"
        print(f"| {name} | {told} | {spread} | {pairs[:, 1].mean():.3f} | {rank:.2f} | {area} |", flush=True)
        by_region = {
            one: np.median([row.regions[one] for row in rows if one in row.regions]) for one in rows[0].regions
        }
        print("   ", ", ".join(f"{one} {value:.1f}" for one, value in by_region.items()), file=sys.stderr)


def _cases(keep: Path, n: int, seed: int) -> list[Case]:
    """Phantoms of a seed, imported, preprocessed and registered; made once."""
    kept = keep / f"seed{seed}_n{n}"
    prepare_study(kept, n, seed, Settings(author="bench"))
    with Workbench.open(kept / "study", Settings(author="bench")) as workbench:
        study, path = workbench._study, workbench._study.store.path
        with study.database.reading() as session:
            prepared = preprocessings(session)
            images = dict(session.execute(select(Scan.id, Scan.image_key)).tuples().all())
        found: list[Case] = []
        for scan in workbench.cohort.scans():
            own = prepared[scan.id]
            found.append(
                Case(
                    subject=scan.subject,
                    hu=path(own.image_key),
                    equalized=path(own.equalized_key),
                    brain=path(own.brain_key),
                    scan=path(images[scan.id]),
                    registered=path(workbench.review.annotations(scan.id)[-1].labels_key),
                    truth=kept / "phantoms" / f"{scan.subject}_truth.nii.gz",
                )
            )
        return found


def _trained(cases: list[Case], fold: int, folder: Path) -> SegmentModel:
    """A network of one fold; made once."""
    own = folder / f"fold{fold}"
    own.mkdir(parents=True, exist_ok=True)
    note = own / "result.json"
    if not note.exists():
        print(f"training fold {fold}", file=sys.stderr, flush=True)
        preset = plugins.load(plugins.PRESETS, "demo").PRESET
        assert isinstance(preset, Preset)
        role: Role = "train"
        shown = tuple(
            TrainCase(subject=c.subject, image=c.equalized, brain=c.brain, labels=c.registered, role=role)
            for c in cases
        )
        params = TrainParams(
            cases=shown, settings=preset.model_copy(update={"folds": FOLDS}), fold=fold, seed=1 + fold, epochs=EPOCHS
        )
        note.write_text(train(params, JobContext(own)).model_dump_json())
    found = TrainResult.model_validate_json(note.read_text())
    settings = found.settings.model_dump(mode="json")
    return SegmentModel(
        weights=found.weights,
        weights_sha256=found.weights_sha256,
        network=found.network,
        network_params=found.network_params,
        settings=settings,
    )


def _starter(folder: Path) -> SegmentModel:
    package = resource("models/starter.ctwmodel")
    own = folder / "starter"
    own.mkdir(parents=True, exist_ok=True)
    answer = import_model(ImportModelRequest(package=package), JobContext(own))
    facts = read_package(package).facts
    return SegmentModel(
        weights=answer.weights,
        weights_sha256=facts.weights_sha256,
        network=facts.network,
        network_params=facts.network_params,
        settings=facts.settings,
    )


def _read(models: list[SegmentModel], cases: list[Case], folder: Path) -> list[Read]:
    """Label the phantoms, and read what the check would of them."""
    folder.mkdir(parents=True, exist_ok=True)
    first, *others = models
    hu = first.settings.get("sees") == "hu"
    asked = tuple(
        SegmentCase(key=case.subject, image=case.hu if hu else case.equalized, brain=case.brain, scan=case.scan)
        for case in cases
    )
    result = segment(SegmentRequest(**dict(first), cases=asked, others=tuple(others)), JobContext(folder))
    found: list[Read] = []
    for case, made in zip(cases, result.cases, strict=True):
        assert made.uncertainty is not None
        labels, doubt = read_nifti(made.labels), read_nifti(made.uncertainty)
        told = check.find(make_case(labels, SCHEME, uncertainty=doubt, networks=len(models), passes=made.passes))
        truth = read_nifti(case.truth).oriented(labels.grid.axcodes)
        overlap = dice(labels.voxels, truth.voxels, SCHEME.codes)
        names = {region.code: region.name for region in SCHEME.regions}
        found.append(
            Read(
                whole=told[0].value,
                regions={one.region: one.value for one in told[1:]},
                dice={names[code]: value for code, value in overlap.items()},
            )
        )
        packed, plain = made.uncertainty.stat().st_size, made.labels.stat().st_size
        print(f"{case.subject}: uncertainty {packed / 1e6:.2f} MB, labels {plain / 1e6:.2f} MB", file=sys.stderr)
    return found


if __name__ == "__main__":
    main()
