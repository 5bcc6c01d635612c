"""The planted cohort of `reference/further.R`, and what R made of it."""

import csv
from functools import cache
from pathlib import Path

from ctworkbench.core.analysis.scans import ScanVolumes

FOLDER = Path(__file__).parent / "reference"
REGIONS = (
    "right_frontal",
    "left_frontal",
    "right_parietal",
    "left_parietal",
    "right_occipital",
    "left_occipital",
    "right_temporal",
    "left_temporal",
    "cerebellum",
    "brainstem",
)


def _read(name: str) -> list[dict[str, str]]:
    with (FOLDER / name).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def cohort() -> list[ScanVolumes]:
    """240 children on four scanners, forty of them scanned twice."""
    return [
        ScanVolumes(
            subject=row["subject"],
            scan=int(row["scan"]),
            sex=row["sex"],
            age_years=float(row["age"]),
            volumes_cm3={region: float(row[region]) for region in REGIONS},
            source="expert",
            site="North" if row["scanner"] in ("Alpha", "Beta") else "South",
            scanner=row["scanner"],
            intracranial_cm3=float(row["intracranial"]),
        )
        for row in _read("further_cohort.csv")
    ]


def children() -> list[ScanVolumes]:
    """One scan of each child."""
    return cohort()[:240]


@cache
def expected() -> dict[str, float]:
    """R's numbers by key."""
    return {row["key"]: float(row["value"]) for row in _read("further_expected.csv")}


def combat() -> dict[int, dict[str, float]]:
    """Volumes as sva's ComBat harmonized them, by scan."""
    return {int(row["scan"]): {region: float(row[region]) for region in REGIONS} for row in _read("further_combat.csv")}
