"""Commands over a whole study: make it, say where it stands, check it, take it out."""

import argparse
import dataclasses
from pathlib import Path

from ctworkbench.cli.terminal import Grammar, open_study, print_json, say
from ctworkbench.core.wording import count

_TITLES = {"unreviewed": "to review"}


def add(grammar: Grammar) -> None:
    """Add this room's commands."""
    entry = grammar.over_study("new", _new, "make a study folder")
    entry.add_argument("--database", metavar="URL", help="a database for a team (SQLAlchemy URL); SQLite by default")

    entry = grammar.over_study("status", _status, "say where the study stands")
    entry.add_argument("--json", action="store_true", help="print it as JSON")

    entry = grammar.over_study("verify", _verify, "check that nothing in the study is missing or altered")
    entry.add_argument(
        "--clean", action="store_true", help="then remove images that nothing names and that are older than a day"
    )

    entry = grammar.over_study("export", _export, "write images, label maps and volumes.csv")
    entry.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the files")

    entry = grammar.over_study("cluster", _cluster, "say where the study's jobs run, or change it")
    choice = entry.add_mutually_exclusive_group()
    choice.add_argument("--use", metavar="ADDRESS", help="a dask cluster: tcp://HOST:PORT, or its scheduler file")
    choice.add_argument("--local", action="store_true", help="this machine")


def _new(arguments: argparse.Namespace) -> int:
    from ctworkbench.core.settings import Settings
    from ctworkbench.core.workbench import Workbench

    with Workbench.create(arguments.study, Settings.from_environment(), arguments.database):
        print(f"Made the study {arguments.study}.")
    return 0


def _status(arguments: argparse.Namespace) -> int:
    with open_study(arguments) as workbench:
        status = workbench.status()
        if arguments.json:
            print_json(dataclasses.asdict(status))
        else:
            for name, value in dataclasses.asdict(status).items():
                if name == "accepted" and status.accepted_unread:
                    value = f"{value}, {status.accepted_unread} of them unread"
                if name == "jobs":
                    value = ", ".join(f"{number} {state}" for state, number in status.jobs.items()) or "none"
                if name != "accepted_unread":
                    print(f"{_TITLES.get(name, name.replace('_', ' '))}: {value}")
    return 0


def _verify(arguments: argparse.Namespace) -> int:
    with open_study(arguments) as workbench:
        problems = workbench.verify()
        for problem in problems:
            say(problem)
        print("The study is whole." if not problems else f"{count(len(problems), 'problem')} found.")
        if arguments.clean:
            cleaned = workbench.clean()
            size = f", {cleaned.size_bytes / 1e6:.1f} MB" if cleaned.files else ""
            print(f"Removed {count(cleaned.files, 'file')} that nothing in the study names{size}.")
    return 1 if problems else 0


def _export(arguments: argparse.Namespace) -> int:
    with open_study(arguments) as workbench:
        print(f"Written: {workbench.export(arguments.out)}")
    return 0


def _cluster(arguments: argparse.Namespace) -> int:
    with open_study(arguments) as workbench:
        if arguments.use or arguments.local:
            workers = workbench.set_cluster(arguments.use or "")
        else:
            workers = workbench.jobs.move(workbench.jobs.cluster)
        cluster = workbench.jobs.cluster
        if cluster:
            print(f"Jobs run on the cluster at {cluster}, {count(workers, 'worker')} now.")
        else:
            print(f"Jobs run on this machine, {count(workers, 'job')} side by side.")
    return 0
