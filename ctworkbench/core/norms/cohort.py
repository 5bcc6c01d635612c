"""Who a norm is made from: one scan a child, and what is left out and why; units that cannot be are refused."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.norms.units import LARGEST_CM3, OLDEST_YEARS, months_doubt
from ctworkbench.core.schemes import spoken
from ctworkbench.core.wording import PHANTOM, count, rehearsal

Method = Literal["lms", "linear", "quantile"]
# CLSI EP28-A3c asks for 120 for reference limits without a distribution, and lets 40 do where one is assumed. Shapes by
# age and sex are no less to ask of a cohort than outer centiles.
LEAST_PER_SEX: dict[str, int] = {"lms": 120, "quantile": 120, "linear": 40}
METHOD_TITLES: dict[str, str] = {
    "lms": "location, scale and shape (LMS, GAMLSS)",
    "linear": "linear, normal residuals",
    "quantile": "quantile regression",
}
_WIDEST_GAP = 0.25  # of the range of ages
_SEXES = {"M": "boys", "F": "girls"}
_FEW_CHILDREN = 20  # as for harmonization: with fewer, what a scanner does to volumes is not told from its children
_OTHER_SLICES = 1.5  # times thicker: what lies closer was not seen to shift volumes


class NormScan(BaseModel):
    """One measured scan of the study.

    Attributes:
        source: what made the label map: "registration", "expert" or "model"; annotation: its number in the study.
        accepted: whether that label map was accepted; unread: by somebody who did not look at it.
        remembered: whether it was made by a model that was trained on this child, or corrected from what that made.
        phantom: whether it is of a digital phantom, and of no child.
    """

    model_config = ConfigDict(frozen=True)

    subject: str
    scan: int
    sex: Literal["M", "F"] | None
    age_years: float | None
    volumes_cm3: dict[str, float]
    source: str = ""
    annotation: int = 0
    accepted: bool = True
    unread: bool = False
    remembered: bool = False
    site: str = ""
    scanner: str = ""
    thickness_mm: float | None = None
    phantom: bool = False


class Selection(BaseModel):
    """Which children a norm is made from.

    Attributes:
        sex: one sex alone, or None for both.
        age_min, age_max: years, both ends included; None for no bound.
        sites: these alone; empty for all.
        unreviewed: take label maps that nobody has accepted as well.
        repeats: which scan of a child that has several.
        phantoms: take digital phantoms as well, for a rehearsal; the norm says so for good.
    """

    model_config = ConfigDict(frozen=True)

    sex: Literal["M", "F"] | None = None
    age_min: float | None = None
    age_max: float | None = None
    sites: tuple[str, ...] = ()
    unreviewed: bool = False
    repeats: Literal["first", "last"] = "first"
    phantoms: bool = False


@dataclass(frozen=True)
class Cohort:
    """The children of a norm.

    Attributes:
        scans: one a child, with sex and age known.
        excluded: number of scans by reason.
        left_out: subjects by reason, for the study alone: a norm's file names nobody.
        notes: what must be known of those who stayed.
    """

    scans: tuple[NormScan, ...]
    excluded: dict[str, int]
    left_out: dict[str, tuple[str, ...]]
    notes: tuple[str, ...]

    @property
    def ages(self) -> "np.typing.NDArray[np.float64]":
        """Years."""
        return np.array([scan.age_years for scan in self.scans], dtype=np.float64)

    @property
    def female(self) -> "np.typing.NDArray[np.float64]":
        """1 for girls, 0 for boys."""
        return np.array([scan.sex == "F" for scan in self.scans], dtype=np.float64)

    @property
    def phantoms(self) -> int:
        """Number of scans that are of digital phantoms."""
        return sum(scan.phantom for scan in self.scans)

    def count(self, sex: str) -> int:
        """Number of children of one sex."""
        return sum(scan.sex == sex for scan in self.scans)

    def volumes(self, region: str) -> "np.typing.NDArray[np.float64]":
        """cm³, NaN where the region is not in the label map."""
        found = [scan.volumes_cm3.get(region, 0.0) for scan in self.scans]
        return np.array([value if value > 0 else np.nan for value in found], dtype=np.float64)


def gather(scans: Sequence[NormScan], selection: Selection) -> Cohort:
    """One scan a child from those a study has, with the reason for each that is left out.

    Raises:
        WorkbenchError: ages that cannot be years, volumes that cannot be cm³, or a range of ages that is none.
    """
    low, high = selection.age_min, selection.age_max
    if low is not None and high is not None and low > high:
        raise WorkbenchError(f"No age lies between {low:g} and {high:g} years.", "Give the younger age first.")
    _check_units(scans)
    left: dict[str, list[str]] = {}
    kept: list[NormScan] = []
    for scan in scans:
        reason = next((text for text, wrong in _REASONS if wrong(scan, selection)), None)
        if reason is None:
            kept.append(scan)
        else:
            left.setdefault(reason, []).append(scan.subject)
    chosen: dict[str, NormScan] = {}
    for scan in sorted(kept, key=lambda scan: (scan.age_years or 0.0, scan.scan)):
        repeated = scan.subject in chosen
        if repeated:
            left.setdefault(f"another scan of a child; the {selection.repeats} was taken", []).append(scan.subject)
        if not repeated or selection.repeats == "last":
            chosen[scan.subject] = scan
    found = sorted(chosen.values(), key=lambda scan: (scan.subject, scan.scan))
    return Cohort(
        scans=tuple(found),
        excluded={reason: len(names) for reason, names in left.items()},
        left_out={reason: tuple(dict.fromkeys(names)) for reason, names in left.items()},
        notes=tuple(_notes(found)),
    )


def check(cohort: Cohort, method: Method, selection: Selection) -> None:
    """Refuse a cohort that no norm can be made from.

    Raises:
        WorkbenchError: no child but phantoms, too few of a sex, all of one age, or ages with a hole between them.
    """
    told = "; ".join(f"{reason}: {n}" for reason, n in cohort.excluded.items())
    if not cohort.scans and PHANTOM in cohort.excluded:
        raise WorkbenchError(
            "There is no child to make a norm from, only digital phantoms.",
            f"Left out: {told}. Take in children; or rehearse with the phantoms: `--phantoms`, or the tick at "
            "Phantoms in the window.",
        )
    least = LEAST_PER_SEX[method]
    sexes = [selection.sex] if selection.sex else ["M", "F"]
    few = [f"{cohort.count(sex)} {_SEXES[sex]}" for sex in sexes if cohort.count(sex) < least]
    if few:
        remedy = f"Left out: {told}. " if told else ""
        others = [name for name, n in LEAST_PER_SEX.items() if n < least]
        if others:
            remedy += f"The method {' or '.join(others)} needs {LEAST_PER_SEX[others[0]]} of each. "
        lone = next((sex for sex in ("M", "F") if cohort.count(sex) >= least), None)
        if lone and not selection.sex:
            remedy += f"For a norm of {_SEXES[lone]} alone choose the sex {lone}."
        raise WorkbenchError(
            f"There are {' and '.join(few)}; a norm by {METHOD_TITLES[method]} needs {least} of each sex it is for.",
            remedy.strip() or "Accept more label maps, or take in more children.",
        )
    for sex in sexes:
        ages = np.sort([scan.age_years for scan in cohort.scans if scan.sex == sex and scan.age_years is not None])
        span = float(ages[-1] - ages[0])
        if span <= 0:
            raise WorkbenchError(
                f"All {_SEXES[sex]} have the same age, {ages[0]:g} years: there is no curve over age.",
                "Take in children of other ages, or check the ages in the cohort table.",
            )
        low, high = max(pairwise(ages), key=lambda pair: float(pair[1] - pair[0]))
        if high - low > _WIDEST_GAP * span:
            raise WorkbenchError(
                f"There are no {_SEXES[sex]} between {low:.3g} and {high:.3g} years: a curve across would be a guess.",
                f"Choose the ages on one side, {ages[0]:.3g} to {low:.3g} or {high:.3g} to {ages[-1]:.3g} years.",
            )


def _check_units(scans: Sequence[NormScan]) -> None:
    """Refuse ages that cannot be years and volumes that cannot be cm³."""
    old = [scan for scan in scans if scan.age_years is not None and scan.age_years > OLDEST_YEARS]
    if old:
        age = max(scan.age_years or 0.0 for scan in old)
        raise WorkbenchError(
            f"{old[0].subject} is {old[0].age_years:g} years old ({count(len(old), 'scan')} over {OLDEST_YEARS:g}): "
            f"ages must be years, not {'days' if age > 365 else 'months or days'}.",
            "Correct the ages in the cohort table and import it again.",
        )
    negative = next((scan for scan in scans if scan.age_years is not None and scan.age_years < 0), None)
    if negative is not None:
        raise WorkbenchError(
            f"{negative.subject} is {negative.age_years:g} years old.", "Correct the age in the cohort table."
        )
    for scan in scans:
        region, volume = max(scan.volumes_cm3.items(), key=lambda item: item[1], default=("", 0.0))
        if volume > LARGEST_CM3:
            raise WorkbenchError(
                f"The {spoken(region)} of {scan.subject} has {volume:,.0f} cm³, more than a whole brain: "
                "volumes must be cm³, not mm³.",
                "Measure the label map again, or look at it in Review.",
            )


_Wrong = Callable[[NormScan, Selection], bool]
_REASONS: tuple[tuple[str, _Wrong], ...] = (
    (PHANTOM, lambda scan, want: scan.phantom and not want.phantoms),
    ("the label map was not accepted", lambda scan, want: not scan.accepted and not want.unreviewed),
    ("sex unknown", lambda scan, _: scan.sex is None),
    ("age unknown", lambda scan, _: scan.age_years is None or not np.isfinite(scan.age_years)),
    ("another sex than was chosen", lambda scan, want: want.sex is not None and scan.sex != want.sex),
    (
        "outside the ages that were chosen",
        lambda scan, want: (
            scan.age_years is not None
            and (
                (want.age_min is not None and scan.age_years < want.age_min)
                or (want.age_max is not None and scan.age_years > want.age_max)
            )
        ),
    ),
    ("another site than was chosen", lambda scan, want: bool(want.sites) and scan.site not in want.sites),
    ("no region in the label map", lambda scan, _: not any(value > 0 for value in scan.volumes_cm3.values())),
)


def _hardly_known(scanners: Counter[str], thicknesses: Sequence[float]) -> list[str]:
    """Limits that rest on few children: with so few, what a scanner or a thickness does to volumes is not seen."""
    few = {name: n for name, n in sorted(scanners.items()) if n < _FEW_CHILDREN}
    notes: list[str] = []
    if few and len(scanners) > 1:
        told = ", ".join(f"{name} ({n})" for name, n in few.items())
        notes.append(
            f"Fewer than {_FEW_CHILDREN} children were scanned on {told}: whether the norm holds there is hardly known."
        )
    thick = sorted(thicknesses)
    if len(thick) > 2 * _FEW_CHILDREN:
        thin, coarse = thick[_FEW_CHILDREN - 1], thick[-_FEW_CHILDREN]
        if thick[0] * _OTHER_SLICES < thin:
            notes.append(_few_slices("thinner", thin, thick[0], sum(value < thin for value in thick)))
        if thick[-1] > coarse * _OTHER_SLICES:
            notes.append(_few_slices("thicker", coarse, thick[-1], sum(value > coarse for value in thick)))
    return notes


def _few_slices(side: str, known_mm: float, end_mm: float, number: int) -> str:
    return (
        f"{count(number, 'child', 'children')} had slices {side} than {known_mm:g} mm: whether the norm holds to "
        f"{end_mm:g} mm is hardly known."
    )


def _notes(scans: Sequence[NormScan]) -> list[str]:
    """What must be known of the children who stayed."""
    unreal = rehearsal(sum(scan.phantom for scan in scans), len(scans))
    notes = [unreal] if unreal else []
    ages = [scan.age_years for scan in scans if scan.age_years is not None]
    months = months_doubt(ages)
    if months:
        notes.append(months)
    elif len(ages) > 10 and all(float(age).is_integer() for age in ages):
        notes.append(
            f"All ages are whole numbers, {min(ages):g} to {max(ages):g}, and are taken as completed years: "
            "a year's growth lies within one age. If they are months, correct them in the cohort table."
        )
    sources = Counter(scan.source for scan in scans if scan.source)
    if len(sources) > 1:
        told = ", ".join(f"{name} {n}" for name, n in sources.most_common())
        notes.append(f"The label maps are of several sources ({told}): what differs between them widens the norm.")
    if sources.get("registration"):
        notes.append(
            f"{count(sources['registration'], 'label map')} of a registration: they lean towards the template's "
            "proportions, and the norm is narrower than one of expert labels."
        )
    remembered = sum(scan.remembered for scan in scans)
    if remembered:
        notes.append(
            f"{count(remembered, 'label map')} of a model that was trained on that child, or corrected from it."
        )
    scanners = Counter(scan.scanner for scan in scans if scan.scanner)
    if len(scanners) > 1:
        notes.append(
            f"Scans of {len(scanners)} scanners were put together as they are, not harmonized: "
            "what differs between the scanners widens the norm."
        )
    notes += _hardly_known(scanners, [scan.thickness_mm for scan in scans if scan.thickness_mm is not None])
    unaccepted = sum(not scan.accepted for scan in scans)
    if unaccepted:
        notes.append(f"Accepted by nobody: {unaccepted} of {count(len(scans), 'label map')}.")
    unread = sum(scan.accepted and scan.unread for scan in scans)
    if unread:
        notes.append(f"Accepted unread, together with others: {unread} of {count(len(scans), 'label map')}.")
    return notes
