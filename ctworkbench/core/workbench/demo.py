"""The demo: the whole walk on digital phantoms and one real scan, each step the one that a user would take."""

import time
from pathlib import Path
from typing import TextIO

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.model import Verdict
from ctworkbench.core.progress import Progress
from ctworkbench.core.settings import Settings, resource
from ctworkbench.core.workbench.phantoms import make_phantoms
from ctworkbench.core.workbench.service import STUDY_FILE, Workbench

SEED = 3
REAL_SUBJECT = "REAL01"
REAL_SCAN = "demo/ge_head_tilt_varspacing.tar.xz"


def run_demo(out: Path, n: int, settings: Settings, stream: TextIO) -> Path:
    """Make the demo study under `out`, or go on with one that was cut off; the study's folder.

    Raises:
        WorkbenchError: a step failed.
    """
    began = time.monotonic()

    def step(number: int, title: str) -> None:
        print(f"\n[{time.monotonic() - began:4.0f} s] {number}/9 {title}", file=stream, flush=True)

    step(1, f"Make {n} digital head phantoms (no child's scan may be published)")
    cohort_csv = make_phantoms(out / "phantoms", n, SEED, None, settings, stream)
    folder = out / "study"
    exists = (folder / STUDY_FILE).exists()
    workbench = Workbench.open(folder, settings) if exists else Workbench.create(folder, settings)
    with workbench:
        workbench.collect()

        def follow(jobs: list[str]) -> None:
            if not jobs:
                return
            progress = Progress(workbench.jobs, jobs, stream)
            try:
                failures = workbench.wait(jobs, progress.show)
            finally:
                progress.close()
            if failures:
                raise failures[0]

        step(2, "Import the phantoms' DICOM series and one real adult head CT")
        known = {row.subject for row in workbench.cohort.scans()}
        if len(known - {REAL_SUBJECT}) < n:
            follow(workbench.cohort.import_paths([out / "phantoms"], cohort_csv))
        if REAL_SUBJECT not in known:
            follow(workbench.cohort.import_paths([resource(REAL_SCAN)], resource("demo/cohort.csv")))
        step(3, "Preprocess: 1 mm, brain and skull masks from HU, equalization")
        follow(workbench.cohort.preprocess())
        step(4, "Register the template to every scan (quick, 2 mm), and check the label maps")
        follow(workbench.labelling.pseudo_label("quick"))
        follow(workbench.checks.check())
        step(5, "Review: the phantoms' label maps are accepted, the adult's is put aside for a reader")
        _judge(workbench)
        step(6, "Train ResU-Net (demo preset) on the accepted label maps")
        if not workbench.modelling.models():
            follow(workbench.modelling.train("resunet", "demo"))
        step(7, "Segment every scan with the trained network")
        follow(workbench.modelling.segment())
        follow(workbench.checks.check())
        step(8, "Measure all label maps")
        follow(workbench.norms.measure())
        step(9, "Tables, reports, export")
        workbench.norms.statistics(out / "tables")
        _reports(workbench, out / "reports")
        workbench.export(out / "export")
        model = workbench.modelling.models()[0]
        validation = ("validation", model.dice_validation, model.validation_kind)
        print(_summary(validation, ("locked test set", model.dice_test, model.test_kind)), file=stream)
    print(f"\nDone in {time.monotonic() - began:.0f} s.", file=stream, flush=True)
    return folder


def _judge(workbench: Workbench) -> None:
    """Accept the phantoms' label maps; no expert has read the adult's, and an adult must not train a child's model."""
    for scan in workbench.cohort.scans():
        row = workbench.review.current(scan.id)
        if row is None:
            raise WorkbenchError(f"{scan.subject} has no label map.", "Run the demo again.")
        if row.verdict is None:
            phantom = scan.subject != REAL_SUBJECT
            verdict = Verdict.ACCEPT if phantom else Verdict.LATER
            comment = "demo: accepted unread" if phantom else "demo: an adult, left for a reader"
            workbench.review.judge(row.id, verdict, comment=comment, reviewer="nobody (demo)")


def _reports(workbench: Workbench, folder: Path) -> None:
    """A boy's page, a girl's, and the adult's that says why it has no centile; `ctworkbench report` makes any other."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = workbench.cohort.scans()
    chosen = {row.sex: row for row in reversed(rows) if row.subject != REAL_SUBJECT}
    for row in (*chosen.values(), *(row for row in rows if row.subject == REAL_SUBJECT)):
        workbench.norms.report(row.subject, folder / f"{row.subject}.pdf")


def _summary(*figures: tuple[str, float | None, str]) -> str:
    told = [f"{name} {value:.3f} against {kind}" for name, value, kind in figures if value is not None]
    return f"Mean Dice of the network: {', '.join(told) or 'not measured'}."
