"""The command of the cohort's tables and figures."""

import argparse
from pathlib import Path

from ctworkbench.cli.terminal import SOURCES, Grammar, open_study, say

TABLES, FIGURES = ("csv", "docx", "latex"), ("svg", "pdf")


def add(grammar: Grammar) -> None:
    """Add this room's commands."""
    entry = grammar.over_study(
        "stats",
        _stats,
        "write the cohort's tables and figures: the article's Tables 1 to 5 and Figures 1 to 3, and what it leaves out",
    )
    entry.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for them; made if there is none")
    entry.add_argument("--source", choices=SOURCES, default="current", help="label maps to use (default: current)")
    entry.add_argument(
        "--format",
        nargs="+",
        choices=(*TABLES, *FIGURES),
        metavar="FORMAT",
        help="csv, docx, latex (tables), svg, pdf (figures); default: all. With figures named here, one that cannot be "
        "made fails the command",
    )
    entry.add_argument(
        "--repeats",
        choices=("first", "all"),
        default="first",
        help="of a child with several scans, use its first one or all (default: first)",
    )
    entry.add_argument("--json", action="store_true", help="print the tables as JSON")


def _stats(arguments: argparse.Namespace) -> int:
    with open_study(arguments) as workbench:
        result = workbench.norms.statistics(
            arguments.out, arguments.source, arguments.format or (*TABLES, *FIGURES), arguments.repeats, say
        )
    for reason in result.not_made:
        say(f"not made: {reason}")
    for note in result.notes:
        say(f"note: {note}")
    if arguments.json:
        print(result.model_dump_json(indent=1))
    else:
        print(f"Tables written to {arguments.out}.")
    return 1 if result.not_made and arguments.format else 0
