"""Commands of the cohort: import and preprocess."""

import argparse
from pathlib import Path

from ctworkbench.cli.terminal import Grammar, follow, open_study, say


def add(grammar: Grammar) -> None:
    """Add this room's commands."""
    entry = grammar.with_jobs("import", _import, "import DICOM folders and NIfTI files")
    entry.add_argument("paths", type=Path, nargs="+", metavar="PATH", help="folders, DICOM files or NIfTI files")
    entry.add_argument("--cohort", type=Path, metavar="CSV", help="table: subject,sex,age_years[,site,scanner]")

    grammar.with_jobs("preprocess", _preprocess, "resample to 1 mm, mask brain and skull, equalize")


def _import(arguments: argparse.Namespace) -> int:
    with open_study(arguments) as workbench:
        before = {row.id for row in workbench.cohort.scans()}
        jobs = workbench.cohort.import_paths(arguments.paths, arguments.cohort)
        code = follow(workbench, jobs, "")
        for row in workbench.cohort.scans():
            if row.id not in before:
                notes = "".join(f"; {note}" for note in (*row.corrections, *row.warnings))
                print(f"imported {row.subject}: {row.source}{notes}")
        for refusal in workbench.cohort.refused_by(jobs[0]):
            word = "skipped" if refusal.skipped else "refused"
            named = refusal.reason if refusal.source in refusal.reason else f"{refusal.source}: {refusal.reason}"
            say(f"{word}: {named} {refusal.remedy}")
            code = code if refusal.skipped else 1
    return code


def _preprocess(arguments: argparse.Namespace) -> int:
    with open_study(arguments) as workbench:
        return follow(workbench, workbench.cohort.preprocess(), "All scans are preprocessed.")
