"""Cohorts for tests of fitted norms."""

from collections.abc import Sequence
from pathlib import Path

from ctworkbench.core.jobs import JobContext
from ctworkbench.core.norms.cohort import NormScan, Selection
from ctworkbench.core.norms.fitting import FitParams, FitResult, fit_norm
from ctworkbench.core.norms.simulated import SimulatedChild


def scans_of(
    children: Sequence[SimulatedChild], regions: Sequence[str] | None = None, scanner: str = "GE Revolution CT"
) -> tuple[NormScan, ...]:
    """One scan a child, with some of the regions alone if they are named: fits are then faster."""
    return tuple(
        NormScan(
            subject=child.subject,
            scan=number,
            sex=child.sex,
            age_years=child.age_years,
            volumes_cm3={name: value for name, value in child.volumes_cm3.items() if not regions or name in regions},
            source="expert",
            scanner=scanner,
            thickness_mm=0.625,
            site="North",
        )
        for number, child in enumerate(children, start=1)
    )


def fitted(
    folder: Path,
    scans: Sequence[NormScan],
    method: str = "linear",
    repeats: int = 20,
    selection: Selection | None = None,
    **others: str,
) -> FitResult:
    """Fit a norm in this process."""
    folder.mkdir(parents=True, exist_ok=True)
    params = FitParams(
        name="own",
        title="Our own children",
        method=method,
        scheme="lobes10",
        scans=tuple(scans),
        selection=selection or Selection(),
        repeats=repeats,
        **others,
    )
    return fit_norm(params, JobContext(folder))
