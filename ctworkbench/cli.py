"""The command line: one command, one call of the Workbench. Progress goes to stderr, results to stdout.

Exit codes: 0 when all that was asked for was done, 1 when something was not, 2 for bad usage, 130 when interrupted.
"""

import argparse
import dataclasses
import json
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ctworkbench import __version__
from ctworkbench.core.errors import WorkbenchError

if TYPE_CHECKING:
    from ctworkbench.core.workbench import Workbench

VERDICTS = ("accept", "needs-edits", "reject", "later")
SOURCES = ("current", "registration", "expert", "model")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    arguments = parser().parse_args(argv)
    logging.basicConfig(level=logging.DEBUG if arguments.verbose else logging.ERROR, stream=sys.stderr)
    command: Callable[[argparse.Namespace], int] = arguments.command
    try:
        return command(arguments)
    except WorkbenchError as error:
        logging.getLogger(__name__).debug("refused", exc_info=True)
        _say(f"ctworkbench: {error}")
        return 1
    except KeyboardInterrupt:
        _say("ctworkbench: stopped. Run the command again and it goes on where it was.")
        return 130
    except BrokenPipeError:  # the reader of our output went away, as `head` does
        sys.stderr.close()
        return 1
    except OSError as error:  # a full disk, a file without permission: what the machine says is the reason
        logging.getLogger(__name__).debug("refused by the system", exc_info=True)
        _say(f"ctworkbench: {error.strerror or error}{f': {error.filename}' if error.filename else ''}.")
        return 1


def parser() -> argparse.ArgumentParser:
    """The grammar of the command line."""
    top = argparse.ArgumentParser(
        prog="ctworkbench",
        description="From routine head CTs of children to regional brain volumes that can be trusted. "
        "Research use only, not for diagnosis.",
    )
    top.add_argument("--version", action="version", version=f"CT Workbench {__version__}")
    top.add_argument("--verbose", action="store_true", help="tell on stderr what the program does")
    commands = top.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def command(name: str, function: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        entry = commands.add_parser(name, help=text, description=text)
        entry.set_defaults(command=function)
        return entry

    def over_study(name: str, function: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        entry = command(name, function, text)
        entry.add_argument("study", type=Path, metavar="STUDY", help="folder of the study")
        return entry

    entry = over_study("new", _new, "make a study folder")
    entry.add_argument("--database", metavar="URL", help="a database for a team (SQLAlchemy URL); SQLite by default")

    entry = over_study("import", _import, "import DICOM folders and NIfTI files")
    entry.add_argument("paths", type=Path, nargs="+", metavar="PATH", help="folders, DICOM files or NIfTI files")
    entry.add_argument("--cohort", type=Path, metavar="CSV", help="table: subject,sex,age_years[,site,scanner]")

    over_study("preprocess", _preprocess, "resample to 1 mm, mask brain and skull, equalize")

    entry = over_study("label", _label, "make label maps by registration of the template")
    entry.add_argument("--preset", choices=("quick", "fine"), default="quick", help="2 mm (default) or 1 mm")
    entry.add_argument("--subject", nargs="+", metavar="CODE", help="these subjects only")
    entry.add_argument("--again", action="store_true", help="also scans that were labelled; makes a further version")

    entry = over_study("review", _review, "judge label maps; without options, list them")
    choice = entry.add_mutually_exclusive_group()
    choice.add_argument("--accept-all", action="store_true", help="accept all that have no verdict yet")
    choice.add_argument("--subject", metavar="CODE", help="judge the current label map of this subject")
    entry.add_argument("--verdict", choices=VERDICTS, help="the verdict on --subject")
    entry.add_argument("--comment", default="", help="a remark on the verdict")
    entry.add_argument("--json", action="store_true", help="print the list as JSON")

    entry = over_study("train", _train, "train a network on accepted label maps")
    entry.add_argument("--network", default="resunet", help="name of the network (default: resunet)")
    entry.add_argument("--preset", default="demo", help="demo (default) or paper")
    entry.add_argument("--fold", type=int, metavar="N", help="fold of a cross-validation preset; the split by default")
    entry.add_argument("--again", action="store_true", help="train although the same was trained already")

    entry = over_study("segment", _segment, "label scans with a trained network")
    entry.add_argument("--model", type=int, metavar="ID", help="number of the model; the newest by default")
    entry.add_argument("--subject", nargs="+", metavar="CODE", help="these subjects only")

    entry = over_study("measure", _measure, "measure the volumes of all label maps")
    entry.add_argument("--json", action="store_true", help="print the volumes of the current label maps as JSON")

    entry = over_study("stats", _stats, "write the cohort's tables")
    entry.add_argument("--out", type=Path, required=True, metavar="DIR")
    entry.add_argument("--source", choices=SOURCES, default="current", help="label maps to use (default: current)")
    entry.add_argument("--json", action="store_true", help="print the tables as JSON")

    entry = over_study("report", _report, "write one child's page: volumes and charts")
    entry.add_argument("--subject", required=True, metavar="CODE")
    entry.add_argument("--out", type=Path, required=True, metavar="PDF")
    entry.add_argument("--source", choices=SOURCES, default="current", help="label map to use (default: current)")

    entry = over_study("export", _export, "write images, label maps and volumes.csv")
    entry.add_argument("--out", type=Path, required=True, metavar="DIR")

    entry = command("phantom", _phantom, "make digital head phantoms with a known truth")
    entry.add_argument("--out", type=Path, required=True, metavar="DIR")
    entry.add_argument("--n", type=int, default=1, metavar="N", help="number of phantoms (default: 1)")
    entry.add_argument("--seed", type=int, default=1, metavar="S", help="same seed, same phantoms (default: 1)")
    entry.add_argument("--heads", type=Path, metavar="DIR", help="folder of head_NN_tissue / _labels10 .nii.gz")
    entry.add_argument("--spacing", type=float, nargs=3, metavar=("X", "Y", "Z"), help="voxel size in mm")
    entry.add_argument("--tilt", type=float, metavar="DEGREES", help="gantry tilt")

    entry = over_study("status", _status, "say where the study stands")
    entry.add_argument("--json", action="store_true", help="print it as JSON")
    over_study("verify", _verify, "check that nothing in the study is missing or altered")

    entry = command("open", _open, "open the window")
    entry.add_argument("study", type=Path, nargs="?", metavar="STUDY", help="folder of the study")

    entry = command("demo", _demo, "run the whole walk on phantoms and one real scan")
    entry.add_argument("--out", type=Path, default=Path("demo"), metavar="DIR", help="where to (default: demo)")
    entry.add_argument("--n", type=int, default=16, metavar="N", help="number of phantoms (default: 16)")
    entry.add_argument("--no-window", action="store_true", help="do not open the window at the end")

    entry = commands.add_parser("run-job")  # started by the program itself, once per job
    entry.add_argument("folder", type=Path)
    entry.set_defaults(command=_run_job)
    return top


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=1, default=str, ensure_ascii=False))


def _study(arguments: argparse.Namespace) -> "Workbench":
    from ctworkbench.core.settings import Settings
    from ctworkbench.core.workbench import Workbench

    workbench = Workbench.open(arguments.study, Settings.from_environment())
    workbench.collect()
    return workbench


def _scans_of(workbench: "Workbench", codes: list[str] | None) -> list[int] | None:
    """Scans of some subjects; None stands for all."""
    if codes is None:
        return None
    rows = workbench.cohort.scans()
    unknown = sorted(set(codes) - {row.subject for row in rows})
    if unknown:
        raise WorkbenchError(f"There is no subject {', '.join(unknown)} in this study.", "See `ctworkbench status`.")
    return [row.id for row in rows if row.subject in codes]


def _follow(workbench: "Workbench", job_ids: list[str], nothing: str) -> int:
    """Wait for jobs with progress on stderr; 0 if all of them ended well."""
    from ctworkbench.core.progress import Progress

    if not job_ids:
        _say(nothing)
        return 0
    progress = Progress(workbench.jobs, job_ids, sys.stderr)
    try:
        failures = workbench.wait(job_ids, progress.show)
    except KeyboardInterrupt:
        for job_id in job_ids:
            if not workbench.jobs.state(job_id).ended:
                workbench.jobs.cancel(job_id)
        workbench.wait(job_ids)
        raise
    finally:
        progress.close()
    for failure in failures:
        _say(f"failed: {failure}")
    return 1 if failures else 0


def _new(arguments: argparse.Namespace) -> int:
    from ctworkbench.core.settings import Settings
    from ctworkbench.core.workbench import Workbench

    with Workbench.create(arguments.study, Settings.from_environment(), arguments.database):
        print(f"Made the study {arguments.study}.")
    return 0


def _import(arguments: argparse.Namespace) -> int:
    with _study(arguments) as workbench:
        before = {row.id for row in workbench.cohort.scans()}
        jobs = workbench.cohort.import_paths(arguments.paths, arguments.cohort)
        code = _follow(workbench, jobs, "")
        for row in workbench.cohort.scans():
            if row.id not in before:
                notes = "".join(f"; {note}" for note in (*row.corrections, *row.warnings))
                print(f"imported {row.subject}: {row.source}{notes}")
        for refusal in workbench.cohort.refused_by(jobs[0]):
            word = "skipped" if refusal.skipped else "refused"
            named = refusal.reason if refusal.source in refusal.reason else f"{refusal.source}: {refusal.reason}"
            _say(f"{word}: {named} {refusal.remedy}")
            code = code if refusal.skipped else 1
    return code


def _preprocess(arguments: argparse.Namespace) -> int:
    with _study(arguments) as workbench:
        return _follow(workbench, workbench.cohort.preprocess(), "All scans are preprocessed.")


def _label(arguments: argparse.Namespace) -> int:
    with _study(arguments) as workbench:
        scans = _scans_of(workbench, arguments.subject)
        jobs = workbench.labelling.pseudo_label(arguments.preset, scans, arguments.again)
        return _follow(workbench, jobs, "All preprocessed scans are labelled.") or _unprepared(workbench)


def _unprepared(workbench: "Workbench") -> int:
    """Name the scans that were left aside; 1 if there are any."""
    codes = [row.subject for row in workbench.cohort.scans() if not row.preprocessed]
    for code in codes:
        _say(f"left aside {code}: it is not preprocessed. Run `ctworkbench preprocess` and see why.")
    return 1 if codes else 0


def _review(arguments: argparse.Namespace) -> int:
    from ctworkbench.core.workbench import Verdict

    if (arguments.subject is None) != (arguments.verdict is None):
        _say("ctworkbench review: --subject and --verdict belong together.")
        return 2
    with _study(arguments) as workbench:
        if arguments.accept_all:
            print(f"Accepted {workbench.review.accept_all()} label maps.")
        elif arguments.subject is not None:
            verdict = Verdict(arguments.verdict.replace("-", " "))
            workbench.review.judge_subject(arguments.subject, verdict, arguments.comment)
            print(f"{arguments.subject}: {verdict}.")
        else:
            rows = [
                {"subject": row.subject, "versions": row.versions, "origin": row.origin, "verdict": row.verdict}
                for row in workbench.cohort.scans()
            ]
            if arguments.json:
                _print_json(rows)
            else:
                for row in rows:
                    print(f"{row['subject']:12} {row['origin'] or 'no label map':14} {row['verdict'] or 'no verdict'}")
    return 0


def _train(arguments: argparse.Namespace) -> int:
    with _study(arguments) as workbench:
        jobs = workbench.modelling.train(arguments.network, arguments.preset, arguments.fold, arguments.again)
        code = _follow(workbench, jobs, "")
        if code == 0:
            model = workbench.modelling.models()[0]
            dice = "not validated" if model.dice_validation is None else f"validation Dice {model.dice_validation:.3f}"
            print(f"Model {model.id}: {dice} ({model.validation_kind}), weights {model.weights_hash[:12]}.")
    return code


def _segment(arguments: argparse.Namespace) -> int:
    with _study(arguments) as workbench:
        jobs = workbench.modelling.segment(arguments.model, _scans_of(workbench, arguments.subject))
        done = "All preprocessed scans are segmented by this model."
        return _follow(workbench, jobs, done) or _unprepared(workbench)


def _measure(arguments: argparse.Namespace) -> int:
    with _study(arguments) as workbench:
        jobs = workbench.norms.measure()
        code = _follow(workbench, jobs, "All label maps are measured.")
        for problem in workbench.norms.problems(jobs):
            _say(f"note: {problem}")
        left = workbench.norms.unmeasured()
        if code == 0 and left:
            _say(f"failed: {left} label map{'s' * (left > 1)} could not be measured. Run `ctworkbench verify`.")
            code = 1
        if arguments.json:
            _print_json([dataclasses.asdict(row) for row in workbench.norms.volumes()])
    return code


def _stats(arguments: argparse.Namespace) -> int:
    with _study(arguments) as workbench:
        tables = workbench.norms.statistics(arguments.out, arguments.source)
        if arguments.json:
            print(tables.model_dump_json(indent=1))
        else:
            print(f"Tables written to {arguments.out}.")
    return 0


def _report(arguments: argparse.Namespace) -> int:
    with _study(arguments) as workbench:
        path = workbench.norms.report(arguments.subject, arguments.out, arguments.source)
        print(f"Report written to {path}.")
    return 0


def _export(arguments: argparse.Namespace) -> int:
    with _study(arguments) as workbench:
        print(f"Written: {workbench.export(arguments.out)}")
    return 0


def _phantom(arguments: argparse.Namespace) -> int:
    from ctworkbench.core.settings import Settings
    from ctworkbench.core.workbench.phantoms import make_phantoms

    if arguments.n < 1:
        _say("ctworkbench phantom: --n must be 1 or more.")
        return 2
    acquisition: dict[str, Any] = {}
    if arguments.spacing is not None:
        acquisition["spacing"] = tuple(arguments.spacing)
    if arguments.tilt is not None:
        acquisition["tilt_degrees"] = arguments.tilt
    settings = Settings.from_environment()
    path = make_phantoms(arguments.out, arguments.n, arguments.seed, arguments.heads, settings, sys.stderr, acquisition)
    print(f"Made {arguments.n} phantoms: {path}")
    return 0


def _status(arguments: argparse.Namespace) -> int:
    with _study(arguments) as workbench:
        status = workbench.status()
        if arguments.json:
            _print_json(dataclasses.asdict(status))
        else:
            for name, value in dataclasses.asdict(status).items():
                print(f"{name.replace('_', ' ')}: {value}")
    return 0


def _verify(arguments: argparse.Namespace) -> int:
    with _study(arguments) as workbench:
        problems = workbench.verify()
    for problem in problems:
        _say(problem)
    print("The study is whole." if not problems else f"{len(problems)} problems found.")
    return 1 if problems else 0


def _has_screen() -> bool:
    """Whether a window can be shown at all."""
    import os

    return sys.platform != "linux" or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    )


def _open(arguments: argparse.Namespace) -> int:
    if not _has_screen():
        raise WorkbenchError("There is no display to open a window on.", "Open it from a desktop, or use xvfb-run.")
    from ctworkbench.core.settings import Settings
    from ctworkbench.ui.app import run

    return run(arguments.study, Settings.from_environment())


def _demo(arguments: argparse.Namespace) -> int:
    from ctworkbench.core.settings import Settings
    from ctworkbench.core.workbench.demo import run_demo

    settings = Settings.from_environment()
    study = run_demo(arguments.out, arguments.n, settings, sys.stderr)
    return _show_demo(study, arguments.out, settings, arguments.no_window)


def _show_demo(study: Path, out: Path, settings: Any, no_window: bool) -> int:
    """Take the screenshots where there is a screen, tell where all lies, and open the window for a person."""
    import os
    import subprocess

    pictures = out / "screenshots"
    has_screen = sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    person = has_screen and not no_window and not os.environ.get("CTWORKBENCH_NO_WINDOW")
    charts = out / "charts"
    module = "ctworkbench.ui.screenshots"
    command = [sys.executable, "-m", module, str(study), str(pictures), "--charts", str(charts)]
    if not has_screen:
        import shutil

        if shutil.which("xvfb-run") is None:
            _say("No display and no xvfb-run: no screenshots were taken.")
            command = []
        else:
            command = ["xvfb-run", "-a", "-s", "-screen 0 1920x1080x24", *command]
    code = subprocess.run(command, check=False).returncode if command else 0
    if code:
        _say("The screenshots could not be taken.")
    print(f"\nThe demo study lies in   {study}")
    print(f"Its tables lie in         {out / 'tables'}")
    print(f"Reports of three subjects {out / 'reports'}")
    print(f"Images and label maps     {out / 'export'}")
    if command and not code:
        print(f"Charts                    {charts}")
        print(f"Screenshots of the window {pictures}")
    print(f'Open it: "{sys.executable}" -m ctworkbench open "{study}"\nResearch use only, not for diagnosis.')
    if person:
        from ctworkbench.ui.app import run

        return run(study, settings)
    return 1 if code else 0


def _run_job(arguments: argparse.Namespace) -> int:
    from ctworkbench.core.jobs import run_job

    return run_job(arguments.folder)
