"""Commands of the cohort: import and preprocess."""

import argparse
from pathlib import Path

from ctworkbench.cli.terminal import Grammar, follow, open_study, say


def add(grammar: Grammar) -> None:
    """Add this room's commands."""
    entry = grammar.with_jobs("import", _import, "import DICOM folders and NIfTI files")
    entry.add_argument("paths", type=Path, nargs="+", metavar="PATH", help="folders, DICOM files or NIfTI files")
    entry.add_argument("--cohort", type=Path, metavar="CSV", help="table: subject,sex,age_years[,site,scanner]")

    entry = grammar.over_study("correct", _correct, "correct the age or sex of a subject, with a reason")
    entry.add_argument("--subject", required=True, metavar="CODE")
    entry.add_argument("--age", type=float, metavar="YEARS", help="age at the scan in years")
    entry.add_argument("--sex", choices=("M", "F"), help="holds for all scans of the subject")
    entry.add_argument("--scan", type=int, metavar="N", help="the scan of that age, where the subject has several")
    entry.add_argument("--reason", required=True, metavar="TEXT", help="why; kept in the audit trail")

    grammar.with_jobs("preprocess", _preprocess, "resample to 1 mm, mask brain and skull, equalize")


def _import(arguments: argparse.Namespace) -> int:
    from ctworkbench.core.cohort_table import doubtful_ages, read_cohort

    with open_study(arguments) as workbench:
        doubt = doubtful_ages(read_cohort(arguments.cohort)) if arguments.cohort else ""
        if doubt:
            say(f"warning: {arguments.cohort.name}: {doubt}")
        before = {row.id for row in workbench.cohort.scans()}
        jobs = workbench.cohort.import_paths(arguments.paths, arguments.cohort)
        code = follow(workbench, jobs, "")
        for row in workbench.cohort.scans():
            if row.id not in before:
                notes = "".join(f"; {note}" for note in (*row.corrections, *row.warnings))
                print(f"imported {row.subject}: {row.source}{notes}")
        new = {row.id for row in workbench.cohort.scans()} - before
        doubt = "" if doubt else workbench.cohort.age_doubts(new)
        if doubt:
            say(f"warning: {doubt} Correct what is wrong: ctworkbench correct STUDY --subject CODE --age YEARS")
        for refusal in workbench.cohort.refused_by(jobs[0]):
            word = "skipped" if refusal.skipped else "refused"
            named = refusal.reason if refusal.source in refusal.reason else f"{refusal.source}: {refusal.reason}"
            say(f"{word}: {named} {refusal.remedy}")
            code = code if refusal.skipped else 1
    return code


def _correct(arguments: argparse.Namespace) -> int:
    with open_study(arguments) as workbench:
        done = workbench.cohort.correct(
            arguments.subject, arguments.reason, arguments.age, arguments.sex, arguments.scan
        )
        print(f"{arguments.subject}: {', '.join(done.changes)}.")
        say(done.stale)
    return 0


def _preprocess(arguments: argparse.Namespace) -> int:
    with open_study(arguments) as workbench:
        return follow(workbench, workbench.cohort.preprocess(), "All scans are preprocessed.")
