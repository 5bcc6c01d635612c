"""Comparisons made up for tests: figures by case without any training."""

from collections.abc import Mapping, Sequence

from ctworkbench.core.model_comparison import ComparedRun, ComparisonResult, Configuration, Plan
from ctworkbench.core.schemes import load
from ctworkbench.core.segmentation_scores import RegionScores
from ctworkbench.core.splits import Role
from ctworkbench.core.training import CaseFigures, LabelKind

REGIONS = tuple(load().region_names)


def scores(dice: float) -> RegionScores:
    """Scores that all follow Dice."""
    return RegionScores(
        dice=dice, surface_dice=dice / 2, hd95_mm=10 * (1 - dice), volume_error_percent=-100 * (1 - dice)
    )


def cases(dice: Mapping[str, float], part: Role = "validation", kind: LabelKind = "pseudo") -> tuple[CaseFigures, ...]:
    """Figures of subjects, the same in every region."""
    return tuple(
        CaseFigures(subject=code, part=part, label_kind=kind, regions={name: scores(value) for name in REGIONS})
        for code, value in dice.items()
    )


def run(place: int, *figures: CaseFigures, repeat: int = 0, fold: int | None = None) -> ComparedRun:
    """A training that is done."""
    return ComparedRun(place, repeat, fold, model_id=10 * place + repeat + 1, seed=7 + repeat, figures=figures)


def result(runs: Sequence[ComparedRun], repeats: int = 1, folds: int = 1, openings: int = 0) -> ComparisonResult:
    """A comparison of as many configurations as there are runs of."""
    networks = ("resunet", "unet3d", "segresnet")[: 1 + max((run.configuration for run in runs), default=1)]
    plan = Plan(
        configurations=tuple(Configuration(network=name, preset="demo") for name in networks),
        repeats=repeats,
        folds=folds,
        seed=7,
        scheme="lobes10",
        cases=(),
    )
    return ComparisonResult("trial", plan, tuple(runs), openings=openings)
