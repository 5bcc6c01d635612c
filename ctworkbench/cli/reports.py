"""Commands of one child: its numbers, its page, the pages of all, and how well a volume can be measured."""

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from ctworkbench.cli.terminal import SOURCES, Grammar, follow, open_study, print_json, say
from ctworkbench.core.wording import count

if TYPE_CHECKING:
    from ctworkbench.core.norms.child import AsymmetryRow, Child, ChildRow


def add(grammar: Grammar) -> None:
    """Add this room's commands."""
    entry = grammar.over_study("report", _report, "write one child's page, or the pages of all")
    who = entry.add_mutually_exclusive_group(required=True)
    who.add_argument("--subject", metavar="CODE", help="the page of this child")
    who.add_argument(
        "--all", action="store_true", help="one page for every subject; pages that would not change are kept"
    )
    entry.add_argument("--out", type=Path, required=True, metavar="PATH", help="the PDF, or with --all its folder")
    entry.add_argument("--source", choices=SOURCES, default="current", help="label map to use (default: current)")

    entry = grammar.over_study("child", _child, "print one child's volumes against the norm, and what changed")
    entry.add_argument("--subject", required=True, metavar="CODE", help="the child")
    entry.add_argument("--source", choices=SOURCES, default="current", help="label map to use (default: current)")
    entry.add_argument("--json", action="store_true", help="print them as JSON")

    entry = grammar.over_study("error", _error, "print how well volumes can be measured: test-retest and bias")
    entry.add_argument("--source", choices=SOURCES[1:], default="registration", help="kind of label maps")
    entry.add_argument(
        "--gap", type=float, default=0.1, metavar="YEARS", help="scans no further apart are repeats (default: 0.1)"
    )
    entry.add_argument("--json", action="store_true", help="print it as JSON")


def _report(arguments: argparse.Namespace) -> int:
    with open_study(arguments) as workbench:
        if not arguments.all:
            path = workbench.norms.report(arguments.subject, arguments.out, arguments.source)
            print(f"Report written to {path}.")
            return 0
        jobs = workbench.norms.reports(arguments.out, arguments.source)
        code = follow(workbench, jobs, "")
        done = workbench.norms.report_results(jobs)
        for problem in done.problems:
            say(f"failed: {problem}")
        print(f"{count(len(done.written), 'report')} written to {arguments.out}, {len(done.kept)} kept as they were.")
    return 1 if done.problems else code


def _child(arguments: argparse.Namespace) -> int:
    with open_study(arguments) as workbench:
        child = workbench.norms.subject(arguments.subject, arguments.source)
    if arguments.json:
        print_json(dataclasses.asdict(child))
    else:
        print("\n".join(_lines(child)))
    return 0


def _lines(child: "Child") -> list[str]:
    """A child as a table of plain text."""
    from ctworkbench.core.report.numbers import centile_text, range_text, reach_text, signed, years_text, z_text

    scan = child.scan
    lines = [f"{child.subject}, {child.sex or 'sex unknown'}, {years_text(scan.age_years)} years, {scan.labels}"]
    if scan.phantom:
        lines.append("Digital phantom: simulated images, no patient. The numbers say nothing about a child.")
    if child.refusal:
        lines.append(f"No z-score and no centile: {child.refusal}.")
    lines.append(f"{'cm³':>30} {'± 95 %':>8} {'expected':>9} {'z':>7} {'centile':>8} {'by norm':>9} {'by error':>9}")
    for row in (*child.rows, child.total):
        expected = "—" if row.expected_cm3 is None else f"{row.expected_cm3:.1f}"
        volume = f"{row.volume_cm3:.1f}" if row.volume_cm3 > 0 else "not found"
        norm, error = range_text(row.centile_low, row.centile_high), range_text(row.measured_low, row.measured_high)
        near = _error_text(row)
        lines.append(
            f"{row.title:20} {volume:>9} {reach_text(row.reach_cm3):>8} {expected:>9} {z_text(row.z):>7} "
            f"{centile_text(row.centile):>8} {norm:>9} {error:>9}{near}"
        )
    lines.append(f"{'R − L':>30} {'± 95 %':>8} {'expected':>9} {'z':>7}")
    for side in child.asymmetries:
        told = (signed(side.difference_cm3), reach_text(side.reach_cm3), signed(side.expected_cm3), z_text(side.z))
        near = _error_text(side)
        lines.append(f"{side.title:20} {told[0]:>9} {told[1]:>8} {told[2]:>9} {told[3]:>7}{near or _why(side.reason)}")
    for change in child.comparisons:
        spans = f"{years_text(change.before.age_years)} to {years_text(change.after.age_years)} years"
        lines.append(f"Change from {spans}:")
        lines += [f"  {note}" for note in change.notes]
        lines.append(f"{'change':>30} {'%':>8} {'from':>9} {'expected':>9}")
        for row in change.rows:
            least = "—" if row.smallest_cm3 is None else f"{row.smallest_cm3:.1f}"
            verdict = {True: "  beyond the error", False: "  within the measurement error", None: ""}[row.beyond_error]
            lines.append(
                f"{row.title:20} {signed(row.change_cm3, 1):>9} {signed(row.percent, 1):>8} {least:>9} "
                f"{signed(row.expected_cm3, 1):>9}{verdict}"
            )
    return [*lines, child.error_note, *child.scan.cautions, *child.doubts]


def _error_text(row: "ChildRow | AsymmetryRow") -> str:
    """What measurement error could have made, as the window and the report mark it."""
    if row.within_error:
        return "  within the measurement error"
    return "  beyond ±2, but measurement error could have made it" if row.beyond and not row.beyond_surely else ""


def _why(reason: str) -> str:
    return f"  {reason}" if reason else ""


def _error(arguments: argparse.Namespace) -> int:
    with open_study(arguments) as workbench:
        errors = workbench.norms.measurement_errors(arguments.source, arguments.gap)
    if arguments.json:
        print_json({name: dataclasses.asdict(error) for name, error in errors.items()})
        return 0
    print(f"{'':20} {'Sw':>8} {'95 %':>13} {'change from':>12} {'bias':>8} {'SD of error':>12}  cm³")
    for name, error in errors.items():
        if error.sw_cm3 is None:
            numbers = f"{'—':>8} {'—':>13} {'—':>12}"
        else:
            spread = f"{error.sw_low_cm3:.2f}–{error.sw_high_cm3:.2f}"
            numbers = f"{error.sw_cm3:8.2f} {spread:>13} {error.smallest_change_cm3:12.2f}"
        off = "" if error.bias_cm3 is None else f" {error.bias_cm3:+8.2f} {error.error_sd_cm3:12.2f}"
        print(f"{name:20} {numbers}{off}")
    for error in dict.fromkeys((error.method, error.note, error.detail, error.against) for error in errors.values()):
        method, note, detail, against = error
        varied = f" ({detail})" if detail else ""
        print(f"{method}: {note}{varied}{f' Bias against {against}.' if against else ''}")
    return 0
