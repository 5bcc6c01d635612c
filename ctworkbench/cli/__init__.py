"""The command line: one command, one call of the Workbench. Progress goes to stderr, results to stdout."""

from ctworkbench.cli.main import main, parser

__all__ = ["main", "parser"]
