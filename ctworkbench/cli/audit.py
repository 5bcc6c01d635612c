"""The commands of the audit trail."""

import argparse
from datetime import date
from pathlib import Path

from ctworkbench.cli.terminal import Grammar, open_study, say
from ctworkbench.core.wording import count


def add(grammar: Grammar) -> None:
    """Add this room's commands."""
    text = "the audit trail: who did what, when, from which version and why; and whether anything of it was altered"
    entry = grammar.command("audit", _list, text)
    commands = entry.add_subparsers(title="commands", required=True, metavar="COMMAND")
    below = Grammar(commands.add_parser)

    entry = below.over_study("list", _list, "list the entries, newest last")
    entry.add_argument("--subject", default="", metavar="CODE", help="of this subject only")
    entry.add_argument("--since", type=date.fromisoformat, metavar="YYYY-MM-DD", help="from this day on (UTC)")
    entry.add_argument("--author", default="", metavar="NAME", help="what this person did")
    entry.add_argument("--csv", type=Path, metavar="FILE", help="write them to a file in place of listing them")

    entry = below.over_study(
        "verify", _verify, "find every entry, verdict, label map and number that was altered, removed or put in"
    )
    entry.add_argument("--head", default="", metavar="HASH", help="a hash noted earlier that the trail must still hold")


def _list(arguments: argparse.Namespace) -> int:
    with open_study(arguments) as workbench:
        rows = workbench.audit.entries(arguments.subject, arguments.since, arguments.author)[::-1]
        if arguments.csv is not None:
            print(f"Written: {workbench.audit.write_csv(rows, arguments.csv)}")
            return 0
    form = "{:>6}  {:19}  {:16} {:12} {:18} {:>4}  {}"
    print(form.format("no.", "when (UTC)", "who", "subject", "what", "v", "why and details"))
    for row in rows:
        told = "; ".join(text for text in (row.why, row.details) if text)
        version = "" if row.version is None else row.version
        moment = f"{row.time:%Y-%m-%d %H:%M:%S}"
        print(form.format(row.id, moment, row.author, row.subject or "–", row.action, version, told).rstrip())
    return 0


def _verify(arguments: argparse.Namespace) -> int:
    with open_study(arguments) as workbench:
        found = workbench.audit.verify(arguments.head)
    for problem in found.problems:
        say(problem)
    whole = "whole" if not found.problems else f"not whole: {count(len(found.problems), 'problem')} found"
    print(f"{count(found.entries, 'entry', 'entries')}, head {found.head}: {whole}.")
    return 1 if found.problems else 0
