"""Commands of volumes and of norms."""

import argparse
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ctworkbench.cli.terminal import SOURCES, Grammar, follow, open_study, print_json, say

if TYPE_CHECKING:
    from ctworkbench.core.norms.comparing import Comparison
    from ctworkbench.core.workbench.rows import NormRow

_METHODS = ("lms", "linear", "quantile")


def add(grammar: Grammar) -> None:
    """Add this room's commands."""
    entry = grammar.with_jobs("measure", _measure, "measure the volumes of all label maps")
    entry.add_argument("--json", action="store_true", help="print the volumes of the current label maps as JSON")

    top = grammar.add_parser("norm", help="list, fit, show, export, import, compare and choose norms")
    top.description = "What volume is expected of a child of some sex and age: the norms of a study."
    _norm_commands(Grammar(top.add_subparsers(title="commands", required=True, metavar="COMMAND").add_parser))


def _norm_commands(grammar: Grammar) -> None:
    def command(name: str, function: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        entry = grammar.over_study(name, function, text)
        entry.add_argument("--json", action="store_true", help="print it as JSON")
        return entry

    command("list", _list, "list the norms of the study")

    entry = command("fit", _fit, "fit a norm to the study's own children")
    entry.add_argument("--name", required=True, help="what the norm is to be called; letters, digits, . - _")
    entry.add_argument(
        "--method",
        choices=_METHODS,
        default="lms",
        help="lms: location, scale and shape (GAMLSS), the default; linear: as in the article; quantile: regression",
    )
    entry.add_argument("--source", choices=SOURCES, default="current", help="label maps to use (default: current)")
    entry.add_argument("--unreviewed", action="store_true", help="also label maps that nobody has accepted")
    entry.add_argument(
        "--phantoms", action="store_true", help="also digital phantoms, for a rehearsal; the norm says so for good"
    )
    entry.add_argument("--sex", choices=("M", "F"), help="boys or girls alone; both by default")
    entry.add_argument("--ages", nargs=2, type=float, metavar=("FROM", "TO"), help="these ages alone, in years")
    entry.add_argument("--site", nargs="+", default=[], metavar="SITE", help="these sites alone")
    entry.add_argument(
        "--repeats", choices=("first", "last"), default="first", help="which scan of a child with several"
    )
    entry.add_argument("--title", default="", help="one line for people")
    entry.add_argument("--population", default="", help="who the children are, for the card")
    entry.add_argument("--centre", default="", help="where they were scanned, for the card")
    entry.add_argument(
        "--bootstrap", type=int, metavar="N", help="samples for the intervals (default: 400; quantile 100)"
    )

    entry = command("show", _show, "print the card of a norm")
    entry.add_argument("name", nargs="?", metavar="NAME", help="of the norm; the one in use by default")

    entry = command("export", _export, "write a norm as a file, or its card")
    entry.add_argument("name", metavar="NAME")
    entry.add_argument("--out", type=Path, required=True, metavar="FILE", help=".json: the norm; .md or .pdf: its card")

    entry = command("import", _import, "take a norm from a file into the study")
    entry.add_argument("file", type=Path, metavar="FILE")
    entry.add_argument("--name", default="", help="another name for it")

    entry = command("compare", _compare, "tell how far two norms lie apart")
    entry.add_argument("one", metavar="NAME")
    entry.add_argument("other", metavar="OTHER")

    entry = command("use", _use, "choose the norm of the study")
    entry.add_argument("name", metavar="NAME")


def _measure(arguments: argparse.Namespace) -> int:
    with open_study(arguments) as workbench:
        jobs = workbench.norms.measure()
        there = any(row.versions for row in workbench.cohort.scans())
        nothing = "All label maps are measured." if there else "No label map to measure: ctworkbench label STUDY"
        code = follow(workbench, jobs, nothing)
        for problem in workbench.norms.problems(jobs):
            say(f"note: {problem}")
        left = workbench.norms.unmeasured()
        if code == 0 and left:
            say(f"failed: {left} label map{'s' * (left > 1)} could not be measured. Run `ctworkbench verify`.")
            code = 1
        if arguments.json:
            print_json([dataclasses.asdict(row) for row in workbench.norms.volumes()])
    return code


def _list(arguments: argparse.Namespace) -> int:
    with open_study(arguments) as workbench:
        rows = workbench.norms.library()
    if arguments.json:
        print_json([dataclasses.asdict(row) for row in rows])
        return 0
    for row in rows:
        print(_line(row))
    return 0


def _line(row: "NormRow") -> str:
    mark = "*" if row.used else " "
    told = f"{row.n_male} boys, {row.n_female} girls, {row.ages}"
    error = "" if row.error is None else f"; centiles off by {row.error:.1f} points on average in the worst region"
    return f"{mark} {row.name} ({row.origin}): {row.title}; {told}{error}"


def _fit(arguments: argparse.Namespace) -> int:
    from ctworkbench.core.norms.cohort import Selection

    ages: tuple[float | None, float | None] = tuple(arguments.ages) if arguments.ages else (None, None)
    selection = Selection(
        sex=arguments.sex,
        age_min=ages[0],
        age_max=ages[1],
        sites=tuple(arguments.site),
        unreviewed=arguments.unreviewed,
        repeats=arguments.repeats,
        phantoms=arguments.phantoms,
    )
    with open_study(arguments) as workbench:
        room = workbench.norms
        preview = room.preview_fit(arguments.method, arguments.source, selection)
        for reason, n in preview.excluded.items():
            say(f"left out: {reason}: {n}")
        jobs = room.fit_norm(
            name=arguments.name,
            method=arguments.method,
            source=arguments.source,
            selection=selection,
            title=arguments.title,
            population=arguments.population,
            centre=arguments.centre,
            repeats=arguments.bootstrap,
        )
        code = follow(workbench, jobs, "")
        if code:
            return code
        for note in room.fit_notes(jobs):
            say(f"note: {note}")
        row = next(row for row in room.library() if row.name == arguments.name)
        for caution in row.cautions:
            say(f"caution: {caution}")
        if arguments.json:
            print_json(dataclasses.asdict(row))
        else:
            print(f"Fitted{_line(row)[1:]}.")
            say(f"Use it: ctworkbench norm use {arguments.study} {row.name}")
    return code


def _show(arguments: argparse.Namespace) -> int:
    from ctworkbench.core.norms import card
    from ctworkbench.core.norms.fitted import FittedNorm

    with open_study(arguments) as workbench:
        norm = workbench.norms.norm(arguments.name)
    if not arguments.json:
        print(card.markdown(norm), end="")
        return 0
    told: dict[str, Any] = {"name": norm.name, "title": norm.title, "scheme": norm.scheme}
    told["limits"] = dataclasses.asdict(norm.limits)
    if isinstance(norm, FittedNorm):
        told["card"] = norm.file.card.model_dump(mode="json")
        told["sha256"] = norm.file.sha256
        told["regions"] = [
            entry.model_dump(mode="json", exclude={"replicates"}) | {"formula": entry.model.text}
            for entry in norm.file.regions
        ]
    print_json(told)
    return 0


def _export(arguments: argparse.Namespace) -> int:
    with open_study(arguments) as workbench:
        path = workbench.norms.export_norm(arguments.name, arguments.out)
    if arguments.json:
        print_json({"written": path})
    else:
        print(f"Written: {path}")
    return 0


def _import(arguments: argparse.Namespace) -> int:
    with open_study(arguments) as workbench:
        row = workbench.norms.import_norm(arguments.file, arguments.name)
    if arguments.json:
        print_json(dataclasses.asdict(row))
    else:
        print(f"Imported{_line(row)[1:]}.")
    return 0


def _compare(arguments: argparse.Namespace) -> int:
    with open_study(arguments) as workbench:
        found = workbench.norms.compare_norms(arguments.one, arguments.other)
    if arguments.json:
        told = dataclasses.asdict(found)
        told["rows"] = [
            dataclasses.asdict(row) | {"difference_cm3": row.difference_cm3, "percent": row.percent}
            for row in found.rows
        ]
        print_json(told)
        return 0
    print(f"{found.one} less {found.other}, {found.ages[0]:.2f} to {found.ages[-1]:.2f} years")
    for line in _compared(found):
        print(line)
    for note in found.notes:
        say(f"note: {note}")
    return 0


def _compared(found: "Comparison") -> list[str]:
    """The widest difference of each region's middle, one line each."""
    lines: list[str] = []
    for region in found.regions:
        row = found.largest(region)
        sex = "boys" if row.sex == "M" else "girls"
        lines.append(
            f"{region}: {row.difference_cm3:+.1f} cm³ ({row.percent:+.1f} %) for {sex} of {row.age_years:.2f} years; "
            f"the middle of {found.one} is at centile {row.centile_in_other:.0f} of {found.other}"
        )
    return lines


def _use(arguments: argparse.Namespace) -> int:
    with open_study(arguments) as workbench:
        workbench.norms.choose_norm(arguments.name)
        norm = workbench.norms.norm()
    if arguments.json:
        print_json({"name": norm.name, "title": norm.title})
    else:
        print(f"The study's norm is now {norm.name}: {norm.title}.")
    return 0
