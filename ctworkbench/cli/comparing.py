"""Commands that compare trainings: decide, list, show, cancel, and the final test."""

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from ctworkbench.cli.terminal import Grammar, follow, open_study, print_json, say
from ctworkbench.core.errors import WorkbenchError

if TYPE_CHECKING:
    from ctworkbench.core.analysis.sheet import TableSheet
    from ctworkbench.core.model_comparison.plan import Configuration
    from ctworkbench.core.workbench import Workbench

_MEASURES = ("dice", "surface_dice", "hd95", "volume_error")
_FORMATS = ("csv", "docx", "latex", "svg", "pdf", "png")


def add(grammar: Grammar) -> None:
    """Add this room's commands."""
    top = grammar.add_parser("compare", help="compare trainings: networks, presets and changes of them")
    top.description = (
        "Comparisons of trainings over the same subjects. Each is decided once, under a name, and goes on after a stop."
    )
    commands = Grammar(top.add_subparsers(title="commands", required=True, metavar="COMMAND").add_parser)

    entry = commands.with_jobs("start", _start, "decide a comparison and train it, or go on with one")
    _add_name(entry)
    entry.add_argument(
        "--with",
        dest="configurations",
        nargs="+",
        metavar="CONFIGURATION",
        help="NETWORK:PRESET and changes of it, such as resunet:demo unet3d:demo resunet:demo:epochs=20; two or more. "
        "Left out, the comparison of that name goes on",
    )
    entry.add_argument(
        "--repeats", type=int, default=1, metavar="N", help="trainings of each with other seeds (default: 1)"
    )
    entry.add_argument(
        "--folds", type=int, default=1, metavar="K", help="of a cross-validation; the study's split by default"
    )
    _add_result(entry)

    entry = commands.over_study("list", _list, "list the comparisons of the study")
    entry.add_argument("--json", action="store_true", help="print them as JSON")

    entry = commands.over_study("show", _show, "print figures and tests of a comparison, and write them")
    _add_name(entry)
    _add_result(entry)

    entry = commands.over_study("cancel", _cancel, "stop the trainings of a comparison; `compare start` goes on")
    _add_name(entry)

    entry = commands.with_jobs("test", _test, "open the locked test set for the models of a comparison, last of all")
    _add_name(entry)
    entry.add_argument("--open", action="store_true", help="do it; it is written into the audit trail")
    _add_result(entry)


def _add_name(entry: argparse.ArgumentParser) -> None:
    entry.add_argument("name", metavar="NAME", help="of the comparison")


def _add_result(entry: argparse.ArgumentParser) -> None:
    entry.add_argument(
        "--measure", choices=_MEASURES, default="dice", help="what is printed (default: dice); files hold all"
    )
    entry.add_argument("--regions", action="store_true", help="print every region, not their mean alone")
    entry.add_argument(
        "--by", choices=("wilcoxon", "t"), default="wilcoxon", help="paired test: signed ranks (default) or Student's t"
    )
    entry.add_argument("--out", type=Path, metavar="DIR", help="write tables, cases, notes and box plots there")
    entry.add_argument("--format", nargs="+", choices=_FORMATS, default=_FORMATS, metavar="FORMAT", help="default: all")


def _configurations(texts: list[str]) -> "list[Configuration]":
    from ctworkbench.core.model_comparison.plan import parse_configuration

    return [parse_configuration(text) for text in texts]


def _start(arguments: argparse.Namespace) -> int:
    with open_study(arguments) as workbench:
        comparisons = workbench.comparisons
        if arguments.configurations is None:
            if (arguments.repeats, arguments.folds) != (1, 1):
                raise WorkbenchError(
                    "--repeats and --folds belong to the configurations of a comparison.", "Give them with --with."
                )
            jobs = comparisons.go_on(arguments.name)
        else:
            wanted = _configurations(arguments.configurations)
            jobs = comparisons.start(arguments.name, wanted, arguments.repeats, arguments.folds)
        code = follow(workbench, jobs, f"All trainings of {arguments.name} are done.")
        return _tell(workbench, arguments) or code


def _list(arguments: argparse.Namespace) -> int:
    with open_study(arguments) as workbench:
        rows = workbench.comparisons.rows()
    if arguments.json:
        print_json([dataclasses.asdict(row) for row in rows])
        return 0
    for row in rows:
        tested = ", tested" if row.tested else ""
        print(f"{row.name}: {'; '.join(row.configurations)}. {row.told}{tested}.")
    if not rows:
        say("There is no comparison yet: ctworkbench compare start STUDY NAME --with resunet:demo unet3d:demo")
    return 0


def _show(arguments: argparse.Namespace) -> int:
    with open_study(arguments) as workbench:
        return _tell(workbench, arguments)


def _cancel(arguments: argparse.Namespace) -> int:
    from ctworkbench.core.wording import count

    with open_study(arguments) as workbench:
        print(f"{count(workbench.comparisons.cancel(arguments.name), 'job')} cancelled.")
    return 0


def _test(arguments: argparse.Namespace) -> int:
    with open_study(arguments) as workbench:
        comparisons = workbench.comparisons
        if not arguments.open:
            raise WorkbenchError(
                f"This would open the locked test set ({comparisons.test_subjects()} subjects with an accepted label "
                f"map; opened {comparisons.openings()} times so far).",
                "Choose by the validation first; then add --open.",
            )
        code = follow(workbench, comparisons.final_test(arguments.name), "The models were tested already.")
        return _tell(workbench, arguments) or code


def _tell(workbench: "Workbench", arguments: argparse.Namespace) -> int:
    """Print figures and tests of one measure, notes on stderr, and write the files that are asked for."""
    from ctworkbench.core.model_comparison.measures import BY_KEY
    from ctworkbench.core.model_comparison.sheets import figure_sheet, test_sheet

    result = workbench.comparisons.result(arguments.name)
    measure = BY_KEY[arguments.measure]
    first = list(result.regions.values())[:1]
    for sheet in (figure_sheet(result, measure), test_sheet(result, measure, arguments.by)):
        print(sheet.caption)
        print(_text(sheet, None if arguments.regions else first))
    for note in result.notes(arguments.by):
        say(f"note: {note}")
    if arguments.out is not None:
        paths = workbench.comparisons.export(arguments.name, arguments.out, arguments.format, arguments.by)
        print(f"{len(paths)} files written to {arguments.out}.")
    return 0


def _text(sheet: "TableSheet", regions: list[str] | None) -> str:
    """A sheet in columns of plain text; only rows of some regions, if they are given."""
    heads, rows = sheet.printed()
    shown = [row for row in rows if regions is None or row[0] in regions]
    widths = [max(map(len, column)) for column in zip(heads, *shown, strict=True)]
    numbers = sheet.printed_numbers()
    lines = [
        "  ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(row, widths, numbers, strict=True)
        ).rstrip()
        for row in (heads, *shown)
    ]
    return "\n".join((*lines, ""))
