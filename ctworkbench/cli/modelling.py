"""Commands of the networks: train, segment, and what carries models from one workstation to another."""

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from ctworkbench.cli.checking import follow_checks
from ctworkbench.cli.labelling import unprepared
from ctworkbench.cli.terminal import Grammar, follow, open_study, print_json, say, scans_of

if TYPE_CHECKING:
    from ctworkbench.core.workbench import Workbench

_STARTER = "starter"


def add(grammar: Grammar) -> None:
    """Add this room's commands."""
    entry = grammar.with_jobs("train", _train, "train a network on accepted label maps")
    entry.add_argument("--network", default="resunet", help="resunet (default), unet3d or segresnet")
    entry.add_argument("--preset", default="demo", help="demo (default), cpu, best, paper or paper133")
    entry.add_argument("--fold", type=int, metavar="N", help="fold of a cross-validation preset; the split by default")
    entry.add_argument(
        "--processes",
        type=int,
        default=1,
        metavar="N",
        help="train with N processes that share each batch (torchrun): one for each GPU; on a CPU they share its cores",
    )
    entry.add_argument("--again", action="store_true", help="train although the same was trained already")

    entry = grammar.with_jobs("segment", _segment, "label scans with a trained network")
    which = entry.add_mutually_exclusive_group()
    which.add_argument(
        "--model",
        type=_model,
        nargs="+",
        metavar="ID",
        help="number of the model; of several the mean of their answers labels; by default the newest that was trained "
        "here; `starter` for the one that is shipped",
    )
    which.add_argument(
        "--folds-of",
        type=int,
        metavar="ID",
        help="all folds of the training that this model is one of, by the mean of their answers",
    )
    entry.add_argument(
        "--flips",
        action=argparse.BooleanOptionalAction,
        help="look at the mirrored head too and average; as the model's preset says by default",
    )
    entry.add_argument("--subject", nargs="+", metavar="CODE", help="these subjects only")

    top = grammar.add_parser("model", help="list, show, export and import trained networks")
    top.description = "The trained networks of a study, each with its card."
    _model_commands(Grammar(top.add_subparsers(title="commands", required=True, metavar="COMMAND").add_parser))


def _model_commands(grammar: Grammar) -> None:
    entry = grammar.over_study("list", _list, "list the models of the study")
    entry.add_argument("--json", action="store_true", help="print them as JSON")

    entry = grammar.over_study("show", _show, "print the card of a model")
    entry.add_argument("model", type=int, metavar="ID")

    entry = grammar.over_study("export", _export, "write a model as one file, or its card")
    entry.add_argument("model", type=int, metavar="ID")
    entry.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help=".ctwmodel: the model; .md or .pdf: its card"
    )

    entry = grammar.over_study("import", _import, "take a model from a file into the study")
    entry.add_argument("file", type=Path, metavar="FILE")


def _model(text: str) -> int | str:
    """A model as it is named on the command line."""
    if text == _STARTER or text.isdecimal():
        return text if text == _STARTER else int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is neither the number of a model nor `{_STARTER}`")


def _train(arguments: argparse.Namespace) -> int:
    with open_study(arguments) as workbench:
        wanted = (arguments.network, arguments.preset, arguments.fold)
        jobs = workbench.modelling.train(*wanted, arguments.again, processes=arguments.processes)
        if not jobs:
            names = ", ".join(f"model {model.id}" for model in workbench.modelling.trained(*wanted))
            same = f"{arguments.network} ({arguments.preset}) is already trained on exactly these label maps"
            say(f"{same}: {names}; --again trains anew.")
            return 0
        for note in workbench.modelling.split_notes():
            say(f"note: {note}")
        code = follow(workbench, jobs, "")
        for model in reversed(workbench.modelling.models()):
            if model.job_id in jobs:
                dice = model.dice_validation
                told = "not validated" if dice is None else f"validation Dice {dice:.3f} ({model.validation_kind})"
                print(f"Model {model.id}: {told}, weights {model.weights_hash[:12]}.")
    return code


def _segment(arguments: argparse.Namespace) -> int:
    with open_study(arguments) as workbench:
        scans = scans_of(workbench, arguments.subject)
        models = _models(workbench, arguments)
        jobs = workbench.modelling.segment(models, scans, flips=arguments.flips)
        done = "All preprocessed scans are segmented by this model."
        if models is not None and len(models) > 1:
            done = "All preprocessed scans are segmented by these models."
            say(f"note: the mean of the answers of models {', '.join(map(str, models))}.")
        before = workbench.comparisons.openings()
        code = follow(workbench, jobs, done)
        if workbench.comparisons.openings() > before:
            say("note: scans of the test set were labelled: it was opened for this model (`ctworkbench audit list`).")
        return follow_checks(workbench, scans) or code or unprepared(workbench)


def _models(workbench: "Workbench", arguments: argparse.Namespace) -> list[int] | None:
    """Numbers of the models that are named; None where none is."""
    if arguments.folds_of is not None:
        return workbench.modelling.folds_of(arguments.folds_of)
    if arguments.model is None:
        return None
    found = [_starter(workbench) if name == _STARTER else name for name in arguments.model]
    return [number for number in found if number is not None]


def _starter(workbench: "Workbench") -> int | None:
    """The number of the starter model, which is taken into the study where it is not yet."""
    jobs, number = workbench.modelling.starter()
    if jobs:
        follow(workbench, jobs, "")
        _, number = workbench.modelling.starter()
    return number


def _list(arguments: argparse.Namespace) -> int:
    with open_study(arguments) as workbench:
        rows = workbench.modelling.models()
    if arguments.json:
        print_json([dataclasses.asdict(row) for row in rows])
        return 0
    for row in rows:
        dice = "not validated" if row.dice_validation is None else f"Dice {row.dice_validation:.3f}"
        told = f"{dice} ({row.validation_kind})" if row.validation_kind else dice
        source = f", from {row.source}" if row.source else ""
        mean = f", mean of models {' '.join(map(str, row.members))}" if row.members else ""
        variant = f", {row.variant}" if row.variant else ""
        name = f"{row.network} ({row.preset}{variant}{mean})"
        print(f"{row.id}  {name}, {row.created:%Y-%m-%d}: {told}, {row.weights_hash[:12]}{source}")
    if not rows:
        say("There is no model yet: ctworkbench train STUDY")
    return 0


def _show(arguments: argparse.Namespace) -> int:
    from ctworkbench.core.model_registry import card

    with open_study(arguments) as workbench:
        print(card.markdown(workbench.modelling.facts(arguments.model)), end="")
    return 0


def _export(arguments: argparse.Namespace) -> int:
    with open_study(arguments) as workbench:
        print(workbench.modelling.export_model(arguments.model, arguments.out))
    return 0


def _import(arguments: argparse.Namespace) -> int:
    with open_study(arguments) as workbench:
        jobs = workbench.modelling.import_model(arguments.file)
        code = follow(workbench, jobs, "The study has this model already.")
        for row in workbench.modelling.models():
            if row.job_id in jobs:
                print(f"Model {row.id}: {row.network} ({row.preset}), weights {row.weights_hash[:12]}.")
    return code
