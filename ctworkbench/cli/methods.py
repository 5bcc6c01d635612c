"""Command of the methods: checklists, the authors' text, and warnings of what does not add up."""

import argparse
from pathlib import Path

from ctworkbench.cli.terminal import SOURCES, Grammar, open_study, print_json, say

_ITEM = ("CHECKLIST", "ITEM", "TEXT")


def add(grammar: Grammar) -> None:
    """Add this room's command."""
    text = "write CLAIM 2024 and TRIPOD+AI, filled from the study, and warnings of what does not add up"
    entry = grammar.over_study("methods", _methods, text)
    entry.add_argument("--out", type=Path, metavar="DIR", help="folder for the files (CSV, Markdown, DOCX, JSON)")
    entry.add_argument("--source", choices=SOURCES, default="current", help="label maps to use (default: current)")
    entry.add_argument("--json", action="store_true", help="print checklists and warnings as JSON")
    entry.add_argument(
        "--answer",
        nargs=3,
        action="append",
        default=[],
        metavar=_ITEM,
        help="keep the authors' text of an item in the study, such as: --answer claim2024 5 'Retrospective.'",
    )
    entry.add_argument(
        "--not-applicable",
        nargs=3,
        action="append",
        default=[],
        metavar=_ITEM,
        help="an item that does not apply, and why",
    )


def _methods(arguments: argparse.Namespace) -> int:
    written = [(*row, True) for row in arguments.answer] + [(*row, False) for row in arguments.not_applicable]
    if arguments.out is None and not written and not arguments.json:
        say("ctworkbench methods: give --out DIR, --json, --answer or --not-applicable.")
        return 2
    with open_study(arguments) as workbench:
        for name, number, text, applies in written:
            workbench.methods.write(name, number, text, applies)
        if written:
            say(f"{len(written)} item{'s' * (len(written) > 1)} written into the study.")
        if arguments.out is None and not arguments.json:
            return 0
        report = workbench.methods.report(arguments.source)
        if arguments.out is not None:
            workbench.methods.export(arguments.out, report)
        if arguments.json:
            print_json(report.data)
            return 0
    for filled in report.checklists:
        counts = ", ".join(f"{number} {state}" for state, number in filled.counts.items() if number)
        print(f"{filled.checklist.title}: {counts}.")
    for warning in report.warnings:
        print(f"{warning.severity}: {warning.title}")
    print(f"Written to {arguments.out}.")
    return 0
