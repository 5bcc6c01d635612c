"""Commands of volumes, tables and reports."""

import argparse
import dataclasses
from pathlib import Path

from ctworkbench.cli.terminal import SOURCES, Grammar, follow, open_study, print_json, say


def add(grammar: Grammar) -> None:
    """Add this room's commands."""
    entry = grammar.over_study("measure", _measure, "measure the volumes of all label maps")
    entry.add_argument("--json", action="store_true", help="print the volumes of the current label maps as JSON")

    entry = grammar.over_study("stats", _stats, "write the cohort's tables")
    entry.add_argument("--out", type=Path, required=True, metavar="DIR")
    entry.add_argument("--source", choices=SOURCES, default="current", help="label maps to use (default: current)")
    entry.add_argument("--json", action="store_true", help="print the tables as JSON")

    entry = grammar.over_study("report", _report, "write one child's page: volumes and charts")
    entry.add_argument("--subject", required=True, metavar="CODE")
    entry.add_argument("--out", type=Path, required=True, metavar="PDF")
    entry.add_argument("--source", choices=SOURCES, default="current", help="label map to use (default: current)")


def _measure(arguments: argparse.Namespace) -> int:
    with open_study(arguments) as workbench:
        jobs = workbench.norms.measure()
        code = follow(workbench, jobs, "All label maps are measured.")
        for problem in workbench.norms.problems(jobs):
            say(f"note: {problem}")
        left = workbench.norms.unmeasured()
        if code == 0 and left:
            say(f"failed: {left} label map{'s' * (left > 1)} could not be measured. Run `ctworkbench verify`.")
            code = 1
        if arguments.json:
            print_json([dataclasses.asdict(row) for row in workbench.norms.volumes()])
    return code


def _stats(arguments: argparse.Namespace) -> int:
    with open_study(arguments) as workbench:
        tables = workbench.norms.statistics(arguments.out, arguments.source)
        if arguments.json:
            print(tables.model_dump_json(indent=1))
        else:
            print(f"Tables written to {arguments.out}.")
    return 0


def _report(arguments: argparse.Namespace) -> int:
    with open_study(arguments) as workbench:
        path = workbench.norms.report(arguments.subject, arguments.out, arguments.source)
        print(f"Report written to {path}.")
    return 0
