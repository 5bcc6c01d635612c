"""Commands that make label maps and judge them."""

import argparse
import dataclasses
from typing import TYPE_CHECKING

from ctworkbench.cli.checking import follow_checks
from ctworkbench.cli.terminal import VERSION, Grammar, follow, open_study, print_json, say, scans_of
from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.wording import count

if TYPE_CHECKING:
    from ctworkbench.core.workbench import Workbench, WorklistRow

PRESETS = ("quick", "balanced", "fine", "syn")
VERDICTS = ("accept", "needs-edits", "reject", "later")


def add(grammar: Grammar) -> None:
    """Add this room's commands."""
    entry = grammar.with_jobs("label", _label, "make label maps by registration of templates")
    text = (
        "quick carries the template in use (default); balanced the most like the scan, fine fuses eight; "
        "syn carries the one in use by ANTs' SyN, as the study did"
    )
    entry.add_argument("--preset", choices=PRESETS, default=PRESETS[0], help=text)
    entry.add_argument("--subject", nargs="+", metavar="CODE", help="these subjects only")
    text = "one for quick and syn, by default the one in use; those that balanced and fine choose among, by default all"
    entry.add_argument("--template", nargs="+", metavar="NAME", help=f"{text} (`template list`)")
    entry.add_argument(
        "--again", action="store_true", help="also scans that have a registered label map; makes a further version"
    )

    text = "judge label maps; without options, list those that count and those to review"
    entry = grammar.over_study("review", _review, text)
    choice = entry.add_mutually_exclusive_group()
    choice.add_argument(
        "--accept-all", action="store_true", help="accept, unread, every label map that counts and has no verdict"
    )
    choice.add_argument("--subject", metavar="CODE", help="judge the label map of this subject")
    text = "the version to judge, or its number in the study (a17); the one that counts by default"
    entry.add_argument("--version", **VERSION, help=text)
    entry.add_argument("--verdict", choices=VERDICTS, help="the verdict on --subject")
    entry.add_argument("--grade", type=int, choices=range(1, 6), help="how good it is; without, accepted means unread")
    entry.add_argument(
        "--reason", nargs="+", default=[], metavar="WORD", help="what is wrong: ctworkbench reasons STUDY"
    )
    entry.add_argument("--comment", default="", help="a remark on the verdict")
    entry.add_argument("--author", dest="author_given", default="", metavar="NAME", help="who reads (default: you)")
    entry.add_argument("--json", action="store_true", help="print the list as JSON")

    top = grammar.add_parser("template", help="list, add and choose the templates that labels are carried from")
    top.description = "The templates that are bundled, and those that a study's own experts have drawn."
    inner = Grammar(top.add_subparsers(title="commands", required=True, metavar="COMMAND").add_parser)
    inner.over_study("list", _list_templates, "list the templates of the study")
    entry = inner.over_study("add", _add_template, "make a drawn label map a template")
    entry.add_argument("--subject", required=True, metavar="CODE", help="whose label map")
    entry.add_argument("--series", metavar="UID", help="of which scan, if there are several")
    entry.add_argument("--version", **VERSION, help="which version; the one that counts by default")
    entry.add_argument("--name", required=True, help="what the template is to be called")
    entry = inner.over_study("use", _use_template, "carry labels from this template from now on")
    entry.add_argument("name", metavar="NAME", help="of the template")


def _list_templates(arguments: argparse.Namespace) -> int:
    with open_study(arguments) as workbench:
        form = "{:6} {:32} {}"
        print(form.format("in use", "name", "drawn as"))
        for row in workbench.templates.templates():
            drawn = f", version {row.version}, by {row.author}" if row.version else ""
            age = "" if row.age_years is None else f", {row.age_years:g} years"
            made = f"bundled{age}" if row.annotation_id is None else f"{row.subject}{drawn}"
            print(form.format("*" if row.in_use else "", row.name, made))
    return 0


def _add_template(arguments: argparse.Namespace) -> int:
    with open_study(arguments) as workbench:
        scan = workbench.exchange.scan_of(arguments.subject, arguments.series)
        row = workbench.exchange.version_of(scan, arguments.version)
        if row is None:
            raise WorkbenchError(f"{arguments.subject} has no label map.", "Draw one in the window: Review")
        made = workbench.templates.add(row.id, arguments.name)
        print(f"Added the template {made.name}: {made.subject}, version {made.version}.")
        say(f"Choose it with: ctworkbench template use {arguments.study} '{made.name}'")
    return 0


def _use_template(arguments: argparse.Namespace) -> int:
    with open_study(arguments) as workbench:
        print(f"Labels are carried from {workbench.templates.use(arguments.name).name} from now on.")
    return 0


def _label(arguments: argparse.Namespace) -> int:
    with open_study(arguments) as workbench:
        scans = scans_of(workbench, arguments.subject)
        before = set[int]() if arguments.again else workbench.labelling.labelled(scans)
        jobs = workbench.labelling.pseudo_label(arguments.preset, scans, arguments.again, arguments.template)
        code = follow(workbench, jobs, "There is no scan to label.")
        if before:
            have = "has" if len(before) == 1 else "have"
            say(f"{count(len(before), 'scan')} {have} a registered label map; --again makes a further version.")
        return follow_checks(workbench, scans) or code or unprepared(workbench)


def unprepared(workbench: "Workbench") -> int:
    """Name the scans that were left aside; 1 if there are any."""
    codes = [row.subject for row in workbench.cohort.scans() if not row.preprocessed]
    for code in codes:
        say(f"left aside {code}: it is not preprocessed. See why: ctworkbench preprocess STUDY")
    return 1 if codes else 0


def _review(arguments: argparse.Namespace) -> int:
    if (arguments.subject is None) != (arguments.verdict is None):
        say("ctworkbench review: --subject and --verdict belong together.")
        return 2
    if arguments.subject is None and (arguments.version is not None or arguments.grade is not None or arguments.reason):
        say("ctworkbench review: --version, --grade and --reason go with --subject and --verdict.")
        return 2
    with open_study(arguments) as workbench:
        if arguments.accept_all:
            print(f"Accepted {count(workbench.review.accept_all(), 'label map')}, unread.")
            _tell_newer([row for row in workbench.review.worklist() if row.waiting and not row.counts])
        elif arguments.subject is not None:
            _judge(workbench, arguments)
        else:
            _list(workbench, arguments.json)
    return 0


def _judge(workbench: "Workbench", arguments: argparse.Namespace) -> None:
    """Judge one version, and say of a newer one that is to review."""
    from ctworkbench.core.workbench import Verdict
    from ctworkbench.core.workbench.current import verdict_text

    verdict = Verdict(arguments.verdict.replace("-", " "))
    code, wanted = arguments.subject, arguments.version
    judged = workbench.review.judge_subject(
        code, verdict, arguments.comment, version=wanted, grade=arguments.grade, reasons=tuple(arguments.reason)
    )
    for row in judged:
        said = verdict_text(row.verdict, row.accepted_unread)
        print(f"{code}, version {row.version} ({row.handle}, {row.origin}): {said}.")
    if any(row.accepted_unread for row in judged):
        say("note: an acceptance without a grade counts as unread; with --grade 1 to 5, or in the window, as read.")
    given = {row.scan_id: row.version for row in judged}
    rows = [row for row in workbench.review.worklist() if row.waiting and row.scan_id in given]
    _tell_newer([row for row in rows if row.version > given[row.scan_id]])


def _tell_newer(rows: "list[WorklistRow]") -> None:
    """Say which newer versions wait for a verdict of their own."""
    for row in rows:
        judge = f"--subject {row.subject} --version {row.handle} --verdict VERDICT"
        say(f"note: version {row.version} of {row.subject} ({row.origin}) is newer and to review: {judge}")


def _list(workbench: "Workbench", json: bool) -> None:
    """The label maps that count and those to review."""
    from ctworkbench.core.workbench.current import verdict_text

    rows = workbench.review.worklist()
    if json:
        print_json([dataclasses.asdict(row) for row in rows])
        return
    form = "{:16} {:>7}  {:8} {:14} {:16} {}"
    print(form.format("subject", "version", "number", "origin", "verdict", "waiting"))
    for row in rows:
        verdict = verdict_text(row.verdict, row.accepted_unread) if row.version else "–"
        waiting = "to review" if row.waiting else "–"
        told = (row.version or "–", row.handle or "–", row.origin or "no label map", verdict, waiting)
        print(form.format(row.subject, *told))
    say(f"{count(sum(row.waiting for row in rows), 'scan')} to review")
