"""The command of the automatic checks, and what ends every step that makes label maps."""

import argparse
import csv
import dataclasses
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ctworkbench.cli.terminal import Grammar, follow, open_study, print_json, say, scans_of
from ctworkbench.core.wording import count

if TYPE_CHECKING:
    from ctworkbench.core.workbench import Workbench
    from ctworkbench.core.workbench.checking import CheckedMap

_COLUMNS = (
    *("subject", "scan", "version", "origin", "risk"),
    *("check", "region", "value", "unit", "severity", "level", "sentence", "x_mm", "y_mm", "z_mm"),
)


def add(grammar: Grammar) -> None:
    """Add this room's command."""
    text = "check label maps automatically; list those to look at first, by risk, with what was found"
    entry = grammar.with_jobs("check", _check, text)
    entry.add_argument("--subject", nargs="+", metavar="CODE", help="these subjects only")
    entry.add_argument("--recheck", action="store_true", help="check also what was checked")
    entry.add_argument("--json", action="store_true", help="print all findings as JSON")
    entry.add_argument("--csv", type=Path, metavar="FILE", help="write all findings, those in order too, as CSV")


def follow_checks(workbench: "Workbench", scan_ids: Sequence[int] | None) -> int:
    """Check what has not been checked yet, with progress on stderr; 0 if all of it was."""
    jobs = workbench.checks.check(scan_ids)
    if not jobs:
        return 0
    code = follow(workbench, jobs, "")
    for problem in workbench.checks.problems(jobs):
        say(f"note: {problem}")
    return code


def _check(arguments: argparse.Namespace) -> int:
    with open_study(arguments) as workbench:
        scans = scans_of(workbench, arguments.subject)
        jobs = workbench.checks.check(scans, arguments.recheck)
        code = follow(workbench, jobs, "All label maps are checked.")
        problems = workbench.checks.problems(jobs)
        for problem in problems:
            say(f"note: {problem}")
        rows = workbench.checks.worklist(scans)
        titles = workbench.checks.titles()
    if arguments.csv is not None:
        _write_csv(rows, arguments.csv)
    if arguments.json:
        print_json([_plain(row) for row in rows])
    else:
        _print(rows, titles)
    return code or int(bool(problems))


def _print(rows: "list[CheckedMap]", titles: dict[str, str]) -> None:
    """The table, riskiest first; a line for each finding that is worth a look."""
    form = "{:>5}  {:16} {:>7}  {:14} {}"
    print(form.format("risk", "subject", "version", "origin", "found"))
    for row in rows:
        told = [f"{titles.get(one.check, one.check)} ({one.severity}): {one.sentence}" for one in row.told]
        first, *others = told or ["nothing" if row.checked else "not checked yet"]
        risk = f"{row.risk:.0f}" if row.checked else "–"
        print(form.format(risk, row.subject, row.version, row.origin, first))
        for line in others:
            print(form.format("", "", "", "", line))
    there = sum(bool(row.told) for row in rows)
    say(f"{count(there, 'label map')} of {len(rows)} to look at. A finding tells where to look; it is no verdict.")


def _plain(row: "CheckedMap") -> dict[str, Any]:
    """A label map with its findings as JSON knows them."""
    findings = [one._asdict() for one in row.findings]
    return {**dataclasses.asdict(row), "severity": row.severity, "findings": findings}


def _write_csv(rows: "list[CheckedMap]", path: Path) -> None:
    """Every finding in a line, wholly there or not at all."""
    from ctworkbench.core.files import replace_text

    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for row in rows:
        head = (row.subject, row.scan_id, row.version, row.origin, f"{row.risk:.1f}")
        for one in row.findings:
            place = ("", "", "") if one.where is None else tuple(f"{number:.1f}" for number in one.where)
            values = (one.check, one.region, f"{one.value:.4f}", one.unit, one.severity, f"{one.level:.2f}")
            writer.writerow((*head, *values, one.sentence, *place))
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_text(path, stream.getvalue())
