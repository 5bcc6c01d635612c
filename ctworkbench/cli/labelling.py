"""Commands that make label maps and judge them."""

import argparse
from typing import TYPE_CHECKING

from ctworkbench.cli.terminal import Grammar, follow, open_study, print_json, say, scans_of

if TYPE_CHECKING:
    from ctworkbench.core.workbench import Workbench

VERDICTS = ("accept", "needs-edits", "reject", "later")


def add(grammar: Grammar) -> None:
    """Add this room's commands."""
    entry = grammar.over_study("label", _label, "make label maps by registration of the template")
    entry.add_argument("--preset", choices=("quick", "fine"), default="quick", help="2 mm (default) or 1 mm")
    entry.add_argument("--subject", nargs="+", metavar="CODE", help="these subjects only")
    entry.add_argument("--again", action="store_true", help="also scans that were labelled; makes a further version")

    entry = grammar.over_study("review", _review, "judge label maps; without options, list them")
    choice = entry.add_mutually_exclusive_group()
    choice.add_argument("--accept-all", action="store_true", help="accept all that have no verdict yet")
    choice.add_argument("--subject", metavar="CODE", help="judge the current label map of this subject")
    entry.add_argument("--verdict", choices=VERDICTS, help="the verdict on --subject")
    entry.add_argument("--comment", default="", help="a remark on the verdict")
    entry.add_argument("--json", action="store_true", help="print the list as JSON")


def _label(arguments: argparse.Namespace) -> int:
    with open_study(arguments) as workbench:
        scans = scans_of(workbench, arguments.subject)
        jobs = workbench.labelling.pseudo_label(arguments.preset, scans, arguments.again)
        return follow(workbench, jobs, "All preprocessed scans are labelled.") or unprepared(workbench)


def unprepared(workbench: "Workbench") -> int:
    """Name the scans that were left aside; 1 if there are any."""
    codes = [row.subject for row in workbench.cohort.scans() if not row.preprocessed]
    for code in codes:
        say(f"left aside {code}: it is not preprocessed. Run `ctworkbench preprocess` and see why.")
    return 1 if codes else 0


def _review(arguments: argparse.Namespace) -> int:
    from ctworkbench.core.workbench import Verdict

    if (arguments.subject is None) != (arguments.verdict is None):
        say("ctworkbench review: --subject and --verdict belong together.")
        return 2
    with open_study(arguments) as workbench:
        if arguments.accept_all:
            print(f"Accepted {workbench.review.accept_all()} label maps.")
        elif arguments.subject is not None:
            verdict = Verdict(arguments.verdict.replace("-", " "))
            workbench.review.judge_subject(arguments.subject, verdict, arguments.comment)
            print(f"{arguments.subject}: {verdict}.")
        else:
            rows = [
                {"subject": row.subject, "versions": row.versions, "origin": row.origin, "verdict": row.verdict}
                for row in workbench.cohort.scans()
            ]
            if arguments.json:
                print_json(rows)
            else:
                for row in rows:
                    print(f"{row['subject']:12} {row['origin'] or 'no label map':14} {row['verdict'] or 'no verdict'}")
    return 0
