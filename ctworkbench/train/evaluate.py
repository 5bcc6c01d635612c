"""Dice of label maps against a truth, kept apart by what that truth is.

Against a registration's labels Dice measures imitation and is called agreement with pseudo-labels; only against labels
of an expert is it accuracy. The two are never averaged together.
"""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from ctworkbench.core import schemes
from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.jobs import JobContext
from ctworkbench.core.label_maps import dice
from ctworkbench.core.training import LabelKind
from ctworkbench.core.volume import read_nifti

TITLES: dict[LabelKind, str] = {
    "pseudo": "Agreement with pseudo-labels (Dice)",
    "expert": "Dice against expert labels",
    "truth": "Dice against the truth of digital phantoms",
}


class EvaluateCase(BaseModel):
    """One label map to be compared with its truth; both on the scan's own grid."""

    model_config = ConfigDict(frozen=True)

    subject: str
    predicted: Path
    truth: Path
    label_kind: LabelKind


class EvaluateParams(BaseModel):
    """What to compare. The caller decides which subjects; the test set is for here alone."""

    model_config = ConfigDict(frozen=True)

    cases: tuple[EvaluateCase, ...]
    scheme: str = schemes.DEFAULT


class CaseDice(BaseModel):
    """Dice of one case, by region name; a region that is in neither map is left out."""

    model_config = ConfigDict(frozen=True)

    subject: str
    label_kind: LabelKind
    regions: dict[str, float]

    @property
    def mean(self) -> float:
        """Mean over regions; 0 where there is none."""
        return _mean(self.regions.values())


class Agreement(BaseModel):
    """Dice of all cases with one kind of truth.

    Attributes:
        label_kind: what it was measured against.
        title: what the figure must be called.
        n: number of cases.
        mean: mean over cases of each case's mean over regions.
        sd: standard deviation of it between cases; None for fewer than two.
        regions: mean over cases by region.
        cases: figures of each case.
    """

    model_config = ConfigDict(frozen=True)

    label_kind: LabelKind
    title: str
    n: int
    mean: float
    sd: float | None
    regions: dict[str, float]
    cases: tuple[CaseDice, ...]


class EvaluateResult(BaseModel):
    """One entry per kind of truth that occurs, expert labels first."""

    model_config = ConfigDict(frozen=True)

    agreements: tuple[Agreement, ...]


def evaluate(params: EvaluateParams, context: JobContext) -> EvaluateResult:
    """Compare label maps with their truths, region by region.

    Raises:
        WorkbenchError: nothing to compare, or a label map that lies on another grid than its truth.
    """
    if not params.cases:
        raise WorkbenchError("There is no label map to evaluate.", "Segment scans that have accepted label maps first.")
    scheme = schemes.load(params.scheme)
    found: list[CaseDice] = []
    for number, case in enumerate(params.cases):
        context.progress(number / len(params.cases), f"Comparing {case.subject}")
        predicted, truth = read_nifti(case.predicted), read_nifti(case.truth)
        if not predicted.grid.matches(truth.grid):
            raise WorkbenchError(
                f"{case.subject}: the label map and its truth lie on different grids.", "Segment the scan again."
            )
        found.append(compare(case.subject, case.label_kind, predicted.voxels, truth.voxels, scheme))
    return EvaluateResult(agreements=agreements(found))


def compare(subject: str, kind: LabelKind, predicted: NDArray, truth: NDArray, scheme: schemes.Scheme) -> CaseDice:
    """Dice of one case by region name, both uint8 code maps on one grid."""
    overlap = dice(predicted.astype(np.uint8), truth.astype(np.uint8), scheme.codes)
    by_name = {region.name: overlap[region.code] for region in scheme.regions}
    present = {name: value for name, value in by_name.items() if not math.isnan(value)}
    return CaseDice(subject=subject, label_kind=kind, regions=present)


def agreements(cases: Sequence[CaseDice]) -> tuple[Agreement, ...]:
    """Figures by kind of truth, expert labels first."""
    kinds: tuple[LabelKind, ...] = ("expert", "truth", "pseudo")
    return tuple(
        _agreement(kind, own) for kind in kinds if (own := [case for case in cases if case.label_kind == kind])
    )


def _agreement(kind: LabelKind, cases: Sequence[CaseDice]) -> Agreement:
    means = [case.mean for case in cases]
    names = list(dict.fromkeys(name for case in cases for name in case.regions))
    return Agreement(
        label_kind=kind,
        title=TITLES[kind],
        n=len(cases),
        mean=_mean(means),
        sd=float(np.std(means, ddof=1)) if len(means) > 1 else None,
        regions={name: _mean([case.regions[name] for case in cases if name in case.regions]) for name in names},
        cases=tuple(cases),
    )


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return sum(found) / len(found) if found else 0.0
