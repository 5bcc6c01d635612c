"""Commands of the networks: train and segment."""

import argparse

from ctworkbench.cli.checking import follow_checks
from ctworkbench.cli.labelling import unprepared
from ctworkbench.cli.terminal import Grammar, follow, open_study, say, scans_of


def add(grammar: Grammar) -> None:
    """Add this room's commands."""
    entry = grammar.with_jobs("train", _train, "train a network on accepted label maps")
    entry.add_argument("--network", default="resunet", help="name of the network (default: resunet)")
    entry.add_argument("--preset", default="demo", help="demo (default) or paper")
    entry.add_argument("--fold", type=int, metavar="N", help="fold of a cross-validation preset; the split by default")
    entry.add_argument("--again", action="store_true", help="train although the same was trained already")

    entry = grammar.with_jobs("segment", _segment, "label scans with a trained network")
    entry.add_argument("--model", type=int, metavar="ID", help="number of the model; the newest by default")
    entry.add_argument("--subject", nargs="+", metavar="CODE", help="these subjects only")


def _train(arguments: argparse.Namespace) -> int:
    with open_study(arguments) as workbench:
        wanted = (arguments.network, arguments.preset, arguments.fold)
        jobs = workbench.modelling.train(*wanted, arguments.again)
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
        jobs = workbench.modelling.segment(arguments.model, scans)
        done = "All preprocessed scans are segmented by this model."
        code = follow(workbench, jobs, done)
        return follow_checks(workbench, scans) or code or unprepared(workbench)
