"""How far one and the same brain measures apart when it is scanned and labelled again, and what that does to a number.

Figures come from children scanned twice within one study, or from phantoms that were scanned again (shipped, made by
`scripts/measure_error.py`). Where neither speaks for a way of labelling, the error is not known, and nothing is drawn.
"""

import math
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.settings import resource

TOTAL = "total"
ENOUGH_CHILDREN = 5
_NORMAL_95 = 1.96
_FOLDER = "measurement_error"
_TOLERANCE = 0.01  # headers round

Basis = Literal["phantoms", "study", ""]


@dataclass(frozen=True)
class MeasurementError:
    """The measurement error of one volume, or of right minus left of one pair, by one way of labelling.

    Attributes:
        name: of the region ("right_frontal"), of the pair ("frontal") or "total" for the sum of all regions.
        method: the way of labelling, such as "registration, quick".
        sw_cm3: within-subject SD, the SD of repeated measurements of one child; None where it is not known.
        sw_low_cm3, sw_high_cm3: its 95 % interval.
        children, scans: how many were scanned again, and all their scans.
        bias_cm3, error_sd_cm3: mean and SD of measured minus true; None where no truth is known.
        against: what stands for the truth there: "the phantoms' truth", "expert corrections".
        basis: what `sw_cm3` comes from.
        note: one sentence: where the figure comes from, or why there is none.
        detail: what was varied, and with which program.
        ages_years, thickness_mm: of the bodies and scans that it was measured on, both ends included; None where it
            holds for whatever the study holds.
    """

    name: str
    method: str
    sw_cm3: float | None = None
    sw_low_cm3: float | None = None
    sw_high_cm3: float | None = None
    children: int = 0
    scans: int = 0
    bias_cm3: float | None = None
    error_sd_cm3: float | None = None
    against: str = ""
    basis: Basis = ""
    note: str = ""
    detail: str = ""
    ages_years: tuple[float, float] | None = None
    thickness_mm: tuple[float, float] | None = None

    def for_scan(self, age_years: float | None, thickness_mm: float | None) -> "MeasurementError":
        """The same error for one scan; not known for a scan unlike those that it was measured on."""
        if not self.known:
            return self
        if self.ages_years is not None and not _within(age_years, self.ages_years):
            low, high = self.ages_years
            told = "a scan of unknown age" if age_years is None else f"the age of {age_years:.3g} years"
            return unknown(self.name, self.method, f"it was measured on ages of {low:g} to {high:g} years, not {told}")
        if self.thickness_mm is not None and thickness_mm is not None and not _within(thickness_mm, self.thickness_mm):
            low, high = self.thickness_mm
            reason = f"it was measured on slices of {low:g} to {high:g} mm, not of {thickness_mm:g} mm"
            return unknown(self.name, self.method, reason)
        return self

    @property
    def known(self) -> bool:
        """Whether there is a figure to draw."""
        return self.sw_cm3 is not None

    @property
    def reach_cm3(self) -> float | None:
        """Half of the 95 % interval of one measurement: 1.96 · Sw."""
        return None if self.sw_cm3 is None else _NORMAL_95 * self.sw_cm3

    @property
    def smallest_change_cm3(self) -> float | None:
        """Smallest detectable change between two scans: 1.96 · √2 · Sw (Bland & Altman, BMJ 1996; 313:744)."""
        return None if self.sw_cm3 is None else _NORMAL_95 * math.sqrt(2) * self.sw_cm3


@dataclass(frozen=True)
class Repeatability:
    """Within-subject SD of repeated measurements, with its 95 % interval by the chi-square distribution."""

    sw: float
    low: float
    high: float
    children: int
    scans: int


def within_subject_sd(repeats: Iterable[Sequence[float]]) -> Repeatability | None:
    """Sw of repeated measurements: the root of the pooled variance within children (Bland & Altman, BMJ 1996; 313:744).

    Args:
        repeats: the measurements of each child; children with fewer than two are passed over.

    Returns:
        None where no child was measured twice.
    """
    used = [values for values in repeats if len(values) > 1]
    freedom = sum(len(values) - 1 for values in used)
    if not freedom:
        return None
    squares = math.fsum((value - math.fsum(one) / len(one)) ** 2 for one in used for value in one)
    low, high = _sd_interval(math.sqrt(squares / freedom), freedom)
    return Repeatability(math.sqrt(squares / freedom), low, high, len(used), sum(map(len, used)))


def bias_and_sd(differences: Sequence[float]) -> tuple[float, float] | None:
    """Mean and SD of measured minus true; None for fewer than two."""
    if len(differences) < 2:
        return None
    mean = math.fsum(differences) / len(differences)
    return mean, math.sqrt(math.fsum((one - mean) ** 2 for one in differences) / (len(differences) - 1))


def change_limit(before: MeasurementError | None, after: MeasurementError | None) -> float | None:
    """Smallest detectable change in cm³ between two measurements, 1.96 · √(Sw² + Sw²).

    None where an error is not known, or where they were made in two ways: what lies between two ways of labelling is
    not scatter.
    """
    if before is None or after is None or before.method != after.method:
        return None
    if before.sw_cm3 is None or after.sw_cm3 is None:
        return None
    return _NORMAL_95 * math.hypot(before.sw_cm3, after.sw_cm3)


def unknown(name: str, method: str, reason: str) -> MeasurementError:
    """The answer where nothing is known: no bar, and why."""
    return MeasurementError(name, method, note=f"The measurement error is not known: {reason}.")


def from_study(name: str, method: str, found: Repeatability, max_gap_years: float) -> MeasurementError:
    """The figure that children of the study give who were scanned again within `max_gap_years`."""
    note = (
        f"Measurement error from {found.children} children of this study scanned {found.scans} times within "
        f"{max_gap_years:g} years and labelled alike; what they grew in that time is in it."
    )
    return MeasurementError(
        name, method, found.sw, found.low, found.high, found.children, found.scans, basis="study", note=note
    )


def against_experts(error: MeasurementError, differences: Sequence[float]) -> MeasurementError:
    """The same error with the mean and SD of machine minus expert, where experts corrected enough of its label maps."""
    found = bias_and_sd(differences) if len(differences) >= ENOUGH_CHILDREN else None
    if found is None:
        return error
    against = f"expert corrections of {len(differences)} label maps"
    return replace(error, bias_cm3=found[0], error_sd_cm3=found[1], against=against)


def shipped(method: str, template_labels: str) -> Mapping[str, MeasurementError]:
    """The shipped figures of a way of labelling, by name of region and pair; empty where none were measured.

    Args:
        method: such as "registration, quick".
        template_labels: voxel key of the template's label map; figures hold for the template they were measured with.
    """
    for figures, template in _shipped():
        if next(iter(figures.values())).method == method and template == template_labels:
            return figures
    return {}


def shipped_methods() -> tuple[str, ...]:
    """The ways of labelling whose measurement error is shipped."""
    return tuple(next(iter(figures.values())).method for figures, _ in _shipped())


def shipped_cards() -> tuple[dict[str, Any], ...]:
    """The shipped files as they are, for tables and documentation."""
    paths = sorted(resource(_FOLDER).glob("*.toml"))
    return tuple(tomllib.loads(path.read_text(encoding="utf-8")) for path in paths)


@cache
def _shipped() -> tuple[tuple[dict[str, MeasurementError], str], ...]:
    return tuple((_figures(card), card["template_labels"]) for card in shipped_cards())


def _figures(card: Mapping[str, Any]) -> dict[str, MeasurementError]:
    """The figures of one shipped file.

    Raises:
        WorkbenchError: it holds none.
    """
    note = (
        f"Measurement error from {card['phantoms']} phantoms scanned {card['scans']} times; in patients it is larger: "
        "a lower bound."
    )
    detail = f"{card['varied']}; program {card['program']}, {card['date']}"
    found = {
        row["name"]: MeasurementError(
            name=row["name"],
            method=card["method"],
            sw_cm3=row["sw_cm3"],
            sw_low_cm3=row["sw_low_cm3"],
            sw_high_cm3=row["sw_high_cm3"],
            children=card["phantoms"],
            scans=card["scans"],
            bias_cm3=row["bias_cm3"],
            error_sd_cm3=row["error_sd_cm3"],
            against="the phantoms' truth",
            basis="phantoms",
            note=note,
            detail=detail,
            ages_years=tuple(card["ages_years"]),
            thickness_mm=tuple(card["thickness_mm"]),
        )
        for row in card["figure"]
    }
    if not found:
        raise WorkbenchError(f"The measurement error of {card['method']!r} has no figures.", "Make it again.")
    return found


def _within(value: float | None, limits: tuple[float, float]) -> bool:
    return value is not None and limits[0] - _TOLERANCE <= value <= limits[1] + _TOLERANCE


def _sd_interval(sd: float, freedom: int) -> tuple[float, float]:
    """95 % interval of a standard deviation: sd · √(freedom / χ²)."""
    from scipy.special import chdtri

    return (
        sd * math.sqrt(freedom / float(chdtri(freedom, 0.025))),
        sd * math.sqrt(freedom / float(chdtri(freedom, 0.975))),
    )
