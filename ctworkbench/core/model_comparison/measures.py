"""What is compared of a label map, and its value for each subject: repeats, folds and scans are averaged first."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from ctworkbench.core.segmentation_scores import RegionScores
from ctworkbench.core.splits import Role
from ctworkbench.core.training import CaseFigures, LabelKind

Better = Literal["higher", "lower"]
ALL_REGIONS = ""
"""Stands for the mean over the regions of a case."""


@dataclass(frozen=True)
class Measure:
    """One number of a region of a case.

    Attributes:
        key: in files and on the command line.
        title: for people, with the unit.
        digits: decimals in tables.
        better: which way is better.
        of: the number; None where there is none.
        meaning: one sentence.
    """

    key: str
    title: str
    digits: int
    better: Better
    of: Callable[[RegionScores], float | None]
    meaning: str


def _size_of_error(scores: RegionScores) -> float | None:
    return None if scores.volume_error_percent is None else abs(scores.volume_error_percent)


MEASURES = (
    Measure("dice", "Dice", 3, "higher", lambda scores: scores.dice, "Overlap, 0 to 1"),
    Measure(
        "surface_dice",
        "Surface Dice at 1 mm",
        3,
        "higher",
        lambda scores: scores.surface_dice,
        "Share of both surfaces within 1 mm of the other, 0 to 1",
    ),
    Measure(
        "hd95",
        "HD95 (mm)",
        2,
        "lower",
        lambda scores: scores.hd95_mm,
        "95th percentile of the distance between the surfaces, the larger of both directions",
    ),
    Measure(
        "volume_error",
        "Volume error (%)",
        2,
        "lower",
        _size_of_error,
        "Size of the difference of volumes in percent of the reference's, without its sign",
    ),
)
BY_KEY = {measure.key: measure for measure in MEASURES}


@dataclass(frozen=True)
class ComparedRun:
    """One training of a comparison that is done.

    Attributes:
        configuration: its place in the plan.
        figures: of its validation cases and some training cases, and of the test cases once they were opened.
        seed: of the training.
        cautions: what its model's card says of the training.
    """

    configuration: int
    repeat: int
    fold: int | None
    model_id: int
    seed: int
    figures: tuple[CaseFigures, ...]
    device: str = ""
    code_version: str = ""
    cautions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Values:
    """One number for each subject.

    Attributes:
        of: subject → mean over the trainings that hold a figure of it, each the mean over its scans.
        trainings: how many trainings gave figures.
        undefined: numbers that could not be told, such as a distance to a region that was not found.
    """

    of: Mapping[str, float]
    trainings: int
    undefined: int

    @property
    def mean(self) -> float | None:
        """Mean over subjects; None without any."""
        return fmean(self.of.values()) if self.of else None


def untold_regions(
    runs: Iterable[ComparedRun], measure: Measure, part: Role, kind: LabelKind
) -> dict[str, frozenset[str]]:
    """By subject the regions that have no number in one training at least.

    Whoever does not find a small region has no distance to it; a mean over what is left would favour that network.
    """
    found: dict[str, set[str]] = defaultdict(set)
    for run in runs:
        for case in run.figures:
            if (case.part, case.label_kind) == (part, kind):
                found[case.subject] |= {name for name, own in case.regions.items() if measure.of(own) is None}
    return {subject: frozenset(regions) for subject, regions in found.items()}


def subject_values(
    runs: Iterable[ComparedRun],
    measure: Measure,
    region: str,
    part: Role,
    kind: LabelKind,
    left_out: Mapping[str, frozenset[str]] | None = None,
) -> Values:
    """The numbers of one configuration by subject.

    Args:
        runs: trainings of the configuration.
        measure: what is asked for.
        region: name of a region, or `ALL_REGIONS`.
        part: of which subjects.
        kind: against which labels.
        left_out: by subject the regions that a mean over regions must do without (`untold_regions`).
    """
    by_subject: dict[str, list[float]] = defaultdict(list)
    trainings = undefined = 0
    for run in runs:
        own: dict[str, list[float]] = defaultdict(list)
        for case in run.figures:
            if (case.part, case.label_kind) != (part, kind):
                continue
            numbers = {
                name: measure.of(scores) for name, scores in case.regions.items() if region in (ALL_REGIONS, name)
            }
            known = {name: n for name, n in numbers.items() if n is not None and math.isfinite(n)}
            undefined += len(numbers) - len(known)
            without = (left_out or {}).get(case.subject, frozenset()) if region == ALL_REGIONS else frozenset()
            counted = [number for name, number in known.items() if name not in without]
            if counted:
                own[case.subject].append(fmean(counted))
        trainings += bool(own)
        for subject, values in own.items():
            by_subject[subject].append(fmean(values))
    found = {subject: fmean(values) for subject, values in sorted(by_subject.items())}
    return Values(found, trainings, undefined)


def kinds_of(runs: Sequence[ComparedRun]) -> list[LabelKind]:
    """Kinds of labels that figures are against, pseudo-labels first."""
    order: tuple[LabelKind, ...] = ("pseudo", "expert", "truth")
    present = {case.label_kind for run in runs for case in run.figures}
    return [kind for kind in order if kind in present]


def parts_of(runs: Sequence[ComparedRun]) -> list[Role]:
    """Parts that were held out and have figures: validation, then test where it was opened."""
    order: tuple[Role, ...] = ("validation", "test")
    present = {case.part for run in runs for case in run.figures}
    return [part for part in order if part in present]
