"""The window."""

import argparse
import sys
from pathlib import Path

from ctworkbench.cli.terminal import Grammar
from ctworkbench.core.errors import WorkbenchError


def add(grammar: Grammar) -> None:
    """Add this room's commands."""
    entry = grammar.command("open", _open, "open the window")
    entry.add_argument("study", type=Path, nargs="?", metavar="STUDY", help="folder of the study")


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
    from ctworkbench.ui.loading import load

    return load("ctworkbench.ui.app").run(arguments.study, Settings.from_environment())
