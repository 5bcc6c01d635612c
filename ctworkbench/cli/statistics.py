"""The command of the cohort's tables and figures."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ctworkbench.cli.terminal import SOURCES, Grammar, open_study, print_json, say
from ctworkbench.core.errors import WorkbenchError

if TYPE_CHECKING:
    from ctworkbench.core.analysis.harmonization import Harmonizing

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
    entry.add_argument(
        "--further",
        action="store_true",
        help="write DIR/further too: adjusted for size, age × sex, mixed models, ComBat, asymmetry index, missing data",
    )
    entry.add_argument(
        "--harmonize",
        choices=("scanner", "site"),
        help="make all tables from volumes that ComBat harmonized; they are named so everywhere (default: as measured)",
    )
    entry.add_argument(
        "--min-per-batch",
        type=int,
        metavar="N",
        help="children that a scanner or site needs to be harmonized (default: 20)",
    )
    entry.add_argument("--json", action="store_true", help="print the tables as JSON")


def _stats(arguments: argparse.Namespace) -> int:
    formats = arguments.format or (*TABLES, *FIGURES)
    further = None
    with open_study(arguments) as workbench:
        how = _harmonizing(arguments)
        source, repeats = arguments.source, arguments.repeats
        result = workbench.norms.statistics(arguments.out, source, formats, repeats, say, how)
        if arguments.further:
            say("Further tables…")
            further = workbench.norms.write_further_tables(arguments.out, source, formats, repeats, how)
    for reason in result.not_made:
        say(f"not made: {reason}")
    for note in result.notes:
        say(f"note: {note}")
    if further is not None:
        for note in dict.fromkeys(
            note for notes in further.notes.values() for note in notes if note not in result.notes
        ):
            say(f"note: {note}")
    if not arguments.json:
        print(f"Tables written to {arguments.out}.")
    elif further is None:
        print(result.model_dump_json(indent=1))
    else:
        print_json(result.model_dump(mode="json") | {"further": further.model_dump(mode="json")})
    return 1 if result.not_made and arguments.format else 0


def _harmonizing(arguments: argparse.Namespace) -> "Harmonizing | None":
    from ctworkbench.core.analysis.harmonization import MIN_PER_BATCH, Harmonizing

    if arguments.harmonize is None:
        if arguments.min_per_batch is not None:
            raise WorkbenchError("--min-per-batch asks for --harmonize.", "Give both, or neither.")
        return None
    least = MIN_PER_BATCH if arguments.min_per_batch is None else arguments.min_per_batch
    return Harmonizing(arguments.harmonize, least)
