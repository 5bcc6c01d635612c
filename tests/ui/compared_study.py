"""A study with a comparison of three configurations that is done, its figures made up: no training is run."""

import random
from pathlib import Path

from ctworkbench.core.model import ModelRun
from ctworkbench.core.model_comparison import parse_configuration
from ctworkbench.core.model_comparison.plan import checked
from ctworkbench.core.training import changed_settings
from ctworkbench.core.workbench import Workbench
from ctworkbench.core.workbench.comparison_runs import requests_of
from ctworkbench.core.workbench.training_runs import parameters
from tests.core.compared import cases
from tests.ui.seeded_study import seed

CONFIGURATIONS = ("resunet:paper", "resunet:paper133", "unet3d:paper")
_DICE = (0.92, 0.90, 0.86)
NAME = "kernels"


def compared(folder: Path, repeats: int = 2, unfinished: int = 0) -> Workbench:
    """Sixteen children, three configurations, some repeats; the last `unfinished` trainings are missing."""
    workbench = seed(folder, measured=False)
    workbench.review.accept_all()
    comparisons, study = workbench.comparisons, workbench._study
    wanted = checked([parse_configuration(text) for text in CONFIGURATIONS], repeats, 1)
    plan = comparisons._decide(NAME, tuple(wanted), repeats, 1)
    chance = random.Random(3)
    roles = {case.subject: case.role for case in plan.cases}
    runs = list(zip(plan.runs, requests_of(study, plan), strict=True))
    with study.database.writing() as session:
        for number, (run, request) in enumerate(runs[: len(runs) - unfinished]):
            base = _DICE[run.configuration]
            held = {code: base + chance.gauss(0, 0.02) for code, role in roles.items() if role == "validation"}
            more = {f"P{90 + n}": base + chance.gauss(0, 0.02) for n in range(9)}  # a boxplot of more than two
            learned = {code: base + 0.02 + chance.gauss(0, 0.01) for code, role in roles.items() if role == "train"}
            figures = [*cases(held | more), *cases(learned, "train")]
            if run.configuration < 2:
                figures += cases({code: value - 0.06 for code, value in more.items()}, kind="expert")
            session.add(
                ModelRun(
                    job_id=f"c{number}",
                    network=request.network,
                    preset=request.preset,
                    parameters=parameters(request),
                    result={
                        "dice_validation": base,
                        "settings": changed_settings(request.preset, request.changes),
                        "figures": [case.model_dump(mode="json") for case in figures],
                        "device": "cpu",
                    },
                    split=dict(roles),
                    label_kind="pseudo-labels",
                    code_version="0",
                    weights_hash=f"{number:064x}",
                )
            )
    return workbench
