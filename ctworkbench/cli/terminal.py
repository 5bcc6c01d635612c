"""What all commands share: opening a study, following jobs, and telling."""

import argparse
import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from ctworkbench.core.errors import WorkbenchError

if TYPE_CHECKING:
    from ctworkbench.core.workbench import Workbench

Command = Callable[[argparse.Namespace], int]
SOURCES = ("current", "registration", "expert", "model")


class VersionArgument(TypedDict):
    """How a version is named on the command line."""

    type: Callable[[str], str]
    metavar: str


def _version(text: str) -> str:
    if not re.fullmatch(r"a?[0-9]+", text):
        raise argparse.ArgumentTypeError(f"{text!r} is neither a version, such as 2, nor a label map, such as a17")
    return text


VERSION = VersionArgument(type=_version, metavar="N|aN")


@dataclass(frozen=True)
class Grammar:
    """Where a room puts its commands; `add_parser` is that of the top parser's subcommands."""

    add_parser: Callable[..., argparse.ArgumentParser]

    def command(self, name: str, function: Command, text: str) -> argparse.ArgumentParser:
        """A command of its own."""
        entry = self.add_parser(name, help=text, description=text)
        entry.set_defaults(command=function)
        return entry

    def over_study(self, name: str, function: Command, text: str) -> argparse.ArgumentParser:
        """A command whose first argument is a study."""
        entry = self.command(name, function, text)
        entry.add_argument("study", type=Path, metavar="STUDY", help="folder of the study")
        return entry

    def with_jobs(self, name: str, function: Command, text: str) -> argparse.ArgumentParser:
        """A command over a study that starts jobs."""
        entry = self.over_study(name, function, text)
        entry.add_argument(
            "--cluster",
            metavar="ADDRESS",
            help="give the jobs to this dask cluster (tcp://HOST:PORT or scheduler file)",
        )
        return entry


def say(text: str) -> None:
    """Tell a person, on stderr."""
    print(text, file=sys.stderr, flush=True)


def print_json(value: Any) -> None:
    """Answer a program, on stdout."""
    print(json.dumps(value, indent=1, default=str, ensure_ascii=False))


def open_study(arguments: argparse.Namespace) -> "Workbench":
    """The study that a command names, with the outcome of all ended jobs."""
    from ctworkbench.core.settings import Settings
    from ctworkbench.core.workbench import Workbench

    settings = Settings.from_environment()
    cluster: str | None = getattr(arguments, "cluster", None)
    if cluster:
        settings = settings.model_copy(update={"cluster": cluster})
    if getattr(arguments, "author_given", ""):
        settings = settings.model_copy(update={"author": arguments.author_given})
    workbench = Workbench.open(arguments.study, settings)
    workbench.collect()
    return workbench


def scans_of(workbench: "Workbench", codes: list[str] | None) -> list[int] | None:
    """Scans of some subjects; None stands for all."""
    if codes is None:
        return None
    rows = workbench.cohort.scans()
    unknown = sorted(set(codes) - {row.subject for row in rows})
    if unknown:
        raise WorkbenchError(
            f"There is no subject {', '.join(unknown)} in this study.", "See who is there: ctworkbench review STUDY"
        )
    return [row.id for row in rows if row.subject in codes]


def follow(workbench: "Workbench", job_ids: list[str], nothing: str) -> int:
    """Wait for jobs with progress on stderr; 0 if all of them ended well."""
    from ctworkbench.core.progress import Progress

    if not job_ids:
        say(nothing)
        return 0
    progress = Progress(workbench.jobs, job_ids, sys.stderr)
    try:
        failures = workbench.wait(job_ids, progress.show)
    except KeyboardInterrupt:
        for job_id in job_ids:
            if not workbench.jobs.state(job_id).ended:
                workbench.jobs.cancel(job_id)
        workbench.wait(job_ids)
        raise
    finally:
        progress.close()
    for failure in failures:
        say(f"failed: {failure}")
    return 1 if failures else 0
