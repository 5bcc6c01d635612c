"""The commands of several readers: who they are, what they are to read, and whether they agree."""

import argparse
from pathlib import Path

from ctworkbench.cli.terminal import Grammar, open_study, say, scans_of
from ctworkbench.core.wording import count

ROLES = ("first", "second", "repeat", "adjudicator")


def add(grammar: Grammar) -> None:
    """Add this room's commands."""
    entry = grammar.command("author", _author, "say or set the name that your verdicts and corrections are given under")
    entry.add_argument("name", nargs="?", metavar="NAME", help="keep this name for good")

    entry = grammar.command("readers", _list, "several readers of one study: second readings, repeats, adjudication")
    below = Grammar(entry.add_subparsers(title="commands", required=True, metavar="COMMAND").add_parser)
    entry = below.over_study("add", _add, "take in a reader")
    entry.add_argument("name", metavar="NAME")
    below.over_study("list", _list, "list the readers, what they are to read, and what is to adjudicate")
    entry = below.over_study("assign", _assign, "give a reader scans to read")
    entry.add_argument("--reader", required=True, metavar="NAME")
    entry.add_argument("--role", choices=ROLES, default="second", help="default: second; repeat: once more, blinded")
    entry.add_argument("--share", type=float, default=1.0, metavar="X", help="part of the scans, drawn at random")
    entry.add_argument("--seed", type=int, metavar="N", help="of the draw (default: that of the study)")
    entry.add_argument("--subject", nargs="+", metavar="CODE", help="of these subjects only")
    entry.add_argument("--open", action="store_true", help="not blinded: show what the others made of the scans")
    entry = below.over_study("withdraw", _withdraw, "take back scans that a reader has not read yet")
    entry.add_argument("--reader", required=True, metavar="NAME")
    entry.add_argument("--role", choices=ROLES, default="second")
    entry.add_argument("--subject", nargs="+", metavar="CODE", help="of these subjects only")
    entry = below.over_study("policy", _policy, "say or set from which mean Dice on two readers agree")
    entry.add_argument("--dice", type=float, metavar="X", help="0 to 1; below, a scan is to adjudicate")

    text = "write how far readers agree: kappa on verdicts and grades; Dice, ICC and Bland-Altman on label maps"
    entry = grammar.over_study("agreement", _agreement, text)
    entry.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for tables and pictures")

    entry = grammar.over_study("reasons", _reasons, "list or set the preset reasons of a verdict")
    entry.add_argument("--set", nargs="+", metavar="REASON", help="the new list; earlier verdicts keep their words")


def _author(arguments: argparse.Namespace) -> int:
    from ctworkbench.core.settings import UNKNOWN, Settings, remember_author
    from ctworkbench.core.workbench.open_study import name_of_person

    if arguments.name is not None:
        name = name_of_person(arguments.name)
        print(f"{name}: kept in {remember_author(name)}.")
        return 0
    name = Settings.from_environment().author
    print(name)
    if name in ("", UNKNOWN):
        say("This is no name: verdicts need one. Set it: ctworkbench author NAME")
        return 1
    return 0


def _add(arguments: argparse.Namespace) -> int:
    with open_study(arguments) as workbench:
        print(f"{workbench.readers.add(arguments.name)} is a reader of this study.")
    return 0


def _list(arguments: argparse.Namespace) -> int:
    with open_study(arguments) as workbench:
        pairs = workbench.readers.uncompared()
        for place, pair in enumerate(pairs):
            say(f"comparing label maps: {place + 1} of {len(pairs)}")
            workbench.readers.compare(pair)
        names, rows = workbench.readers.names(), workbench.readers.assignments()
        bound = workbench.readers.dice_bound
    if not names:
        say("This study has no readers yet: ctworkbench readers add STUDY NAME")
    form = "{:20} {:>6} {:>7} {:>7} {:>12}"
    print(form.format("reader", "first", "second", "repeat", "adjudicator"))
    for name in names:
        own = [row for row in rows if row.reader == name]
        told: list[str] = []
        for role in ROLES:
            given = [row for row in own if row.role == role]
            told.append(f"{sum(row.done for row in given)}/{len(given)}" if given else "–")
        print(form.format(name, *told))
    disputed = sorted({row.subject for row in rows if row.disputed})
    if disputed:
        print(f"To adjudicate: {', '.join(disputed)}")
    say(f"done/given; readers agree where their verdicts do and their mean Dice is {bound:g} or more")
    return 0


def _assign(arguments: argparse.Namespace) -> int:
    from ctworkbench.core.model import ReaderRole

    with open_study(arguments) as workbench:
        scans = scans_of(workbench, arguments.subject)
        role = ReaderRole(arguments.role)
        given = workbench.readers.assign(
            arguments.reader, role, arguments.share, arguments.seed, scans, not arguments.open
        )
        print(f"{arguments.reader}: {count(len(given), 'scan')} to read ({role}).")
    return 0


def _withdraw(arguments: argparse.Namespace) -> int:
    from ctworkbench.core.model import ReaderRole

    with open_study(arguments) as workbench:
        scans = scans_of(workbench, arguments.subject) or [row.id for row in workbench.cohort.scans()]
        taken = workbench.readers.withdraw(arguments.reader, scans, ReaderRole(arguments.role))
        print(f"{arguments.reader}: {count(taken, 'scan')} taken back.")
    return 0


def _policy(arguments: argparse.Namespace) -> int:
    with open_study(arguments) as workbench:
        if arguments.dice is not None:
            workbench.readers.set_dice_bound(arguments.dice)
        print(f"To adjudicate: verdicts that differ, or a mean Dice under {workbench.readers.dice_bound:g}.")
    return 0


def _agreement(arguments: argparse.Namespace) -> int:
    def tell(done: int, number: int) -> None:
        say(f"comparing label maps: {done + 1} of {number}")

    with open_study(arguments) as workbench:
        found = workbench.readers.write_agreement(arguments.out, tell)
    headings, rows = found.sheets[0].printed()
    for row in rows:
        print("; ".join(f"{heading} {cell}" for heading, cell in zip(headings, row, strict=True)))
    print(f"Written to {arguments.out}: {count(len(found.pairs), 'pair')} of readings.")
    return 0


def _reasons(arguments: argparse.Namespace) -> int:
    with open_study(arguments) as workbench:
        if arguments.set is not None:
            workbench.readers.set_reasons(arguments.set)
        for word, title in workbench.readers.reasons().items():
            print(word if word == title else f"{word}: {title}")
    return 0
