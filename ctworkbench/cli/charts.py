"""The charts of volumes against the norm, as files."""

import argparse
from pathlib import Path

from ctworkbench.cli.terminal import SOURCES, Grammar, open_study

COLOR_BY = ("sex", "site", "scanner", "role", "verdict", "warnings", "source", "phantom")


def add(grammar: Grammar) -> None:
    """Add this room's commands."""
    entry = grammar.over_study("charts", _charts, "draw volumes against the norm")
    entry.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the files")
    entry.add_argument(
        "--region", nargs="+", default=["all"], metavar="NAME", help="such as right_frontal; all ten by default"
    )
    kinds = ("pdf", "svg", "png", "csv")
    entry.add_argument("--format", nargs="+", choices=kinds, default=["pdf"], help="kinds of files (default: pdf)")
    entry.add_argument("--source", choices=SOURCES, default="current", help="label maps to use (default: current)")
    entry.add_argument("--color-by", choices=COLOR_BY, default="sex", help="what the dots are coloured by")
    entry.add_argument("--bands", choices=("sd", "centiles"), default="sd", help="lines of the norm (default: sd)")
    entry.add_argument("--subject", default="", metavar="CODE", help="ring the latest scan of this child")
    entry.add_argument("--dark", action="store_true", help="on a dark ground")


def _charts(arguments: argparse.Namespace) -> int:
    from ctworkbench.ui.chart_files import Wanted, write_charts

    wanted = Wanted(
        regions=tuple(dict.fromkeys(arguments.region)),
        kinds=tuple(dict.fromkeys(arguments.format)),
        source=arguments.source,
        color_by=arguments.color_by,
        bands=arguments.bands,
        theme="dark" if arguments.dark else "light",
        subject=arguments.subject,
    )
    with open_study(arguments) as workbench:
        for path in write_charts(workbench, arguments.out, wanted):
            print(path)
    return 0
