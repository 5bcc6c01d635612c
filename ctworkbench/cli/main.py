"""The grammar of the command line, and what becomes of a command.

Exit codes: 0 when all that was asked for was done, 1 when something was not, 2 for bad usage, 130 when interrupted.
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from ctworkbench.cli import (
    audit,
    charts,
    checking,
    cohort,
    comparing,
    labelling,
    labels,
    methods,
    modelling,
    norms,
    phantoms,
    power,
    readers,
    reports,
    statistics,
    study,
    window,
)
from ctworkbench.cli.terminal import Command, Grammar, say
from ctworkbench.core.errors import WorkbenchError

_ROOMS = (
    *(
        study,
        cohort,
        labelling,
        checking,
        labels,
        readers,
        audit,
        modelling,
        comparing,
        norms,
        charts,
        reports,
        statistics,
    ),
    *(methods, power, phantoms, window),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["run-job"] and len(words) == 2:  # by the program itself, once per job; no command for people
        return _run_job(Path(words[1]))
    arguments = parser().parse_args(words)
    logging.basicConfig(level=logging.DEBUG if arguments.verbose else logging.ERROR, stream=sys.stderr)
    command: Command = arguments.command
    try:
        return command(arguments)
    except WorkbenchError as error:
        logging.getLogger(__name__).debug("refused", exc_info=True)
        say(f"ctworkbench: {error}")
        return 1
    except KeyboardInterrupt:
        say("ctworkbench: stopped. Run the command again and it goes on where it was.")
        return 130
    except BrokenPipeError:  # the reader of our output went away, as `head` does
        sys.stderr.close()
        return 1
    except OSError as error:  # a full disk, a file without permission: what the machine says is the reason
        logging.getLogger(__name__).debug("refused by the system", exc_info=True)
        say(f"ctworkbench: {error.strerror or error}{f': {error.filename}' if error.filename else ''}.")
        return 1


def parser() -> argparse.ArgumentParser:
    """The grammar of the command line."""
    top = argparse.ArgumentParser(
        prog="ctworkbench",
        description="From routine head CTs of children to regional brain volumes that can be trusted. "
        "Research use only, not for diagnosis.",
    )
    top.add_argument("--version", action=_Version, nargs=0, help="print the version and the commit of the program")
    top.add_argument("--verbose", action="store_true", help="tell on stderr what the program does")
    commands = top.add_subparsers(title="commands", required=True, metavar="COMMAND")
    grammar = Grammar(commands.add_parser)
    for room in _ROOMS:
        room.add(grammar)
    return top


class _Version(argparse.Action):
    """Prints the version; which commit it is, is found out only when it is asked for."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        """Print it and end."""
        from ctworkbench.core.code_version import code_version

        print(f"CT Workbench {code_version()}")
        parser.exit()


def _run_job(folder: Path) -> int:
    from ctworkbench.core.jobs import run_job

    return run_job(folder)
