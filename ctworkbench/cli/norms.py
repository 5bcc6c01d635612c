"""Commands of volumes and reports."""

import argparse
import dataclasses
from pathlib import Path

from ctworkbench.cli.terminal import SOURCES, Grammar, follow, open_study, print_json, say


def add(grammar: Grammar) -> None:
    """Add this room's commands."""
    entry = grammar.over_study("measure", _measure, "measure the volumes of all label maps")
    entry.add_argument("--json", action="store_true", help="print the volumes of the current label maps as JSON")

    entry = grammar.over_study("report", _report, "write one child's page: volumes and charts")
    entry.add_argument("--subject", required=True, metavar="CODE")
    entry.add_argument("--out", type=Path, required=True, metavar="PDF")
    entry.add_argument("--source", choices=SOURCES, default="current", help="label map to use (default: current)")


def _measure(arguments: argparse.Namespace) -> int:
    with open_study(arguments) as workbench:
        jobs = workbench.norms.measure()
        there = any(row.versions for row in workbench.cohort.scans())
        nothing = "All label maps are measured." if there else "No label map to measure: ctworkbench label STUDY"
        code = follow(workbench, jobs, nothing)
        for problem in workbench.norms.problems(jobs):
            say(f"note: {problem}")
        left = workbench.norms.unmeasured()
        if code == 0 and left:
            say(f"failed: {left} label map{'s' * (left > 1)} could not be measured. Run `ctworkbench verify`.")
            code = 1
        if arguments.json:
            print_json([dataclasses.asdict(row) for row in workbench.norms.volumes()])
    return code


def _report(arguments: argparse.Namespace) -> int:
    with open_study(arguments) as workbench:
        path = workbench.norms.report(arguments.subject, arguments.out, arguments.source)
        print(f"Report written to {path}.")
    return 0
