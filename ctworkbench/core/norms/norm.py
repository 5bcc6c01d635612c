"""What a norm is: expected volumes and their spread by region, sex and age, and where that ends.

Two kinds: the published norm (`published`) and a norm fitted to one's own cohort (`fitted`).
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.norms.units import volume_fault
from ctworkbench.core.scanners import same_scanner
from ctworkbench.core.wording import rehearsal

SEX_CODE: dict[str, int] = {"M": 1, "F": 2}
STEPS = 21
_THICKNESS_TOLERANCE_MM = 0.01  # headers round the thickness of a slice


class NormError(WorkbenchError):
    """A question that the norm has no answer to: outside its ages, sex unknown, or a region it does not know."""


@dataclass(frozen=True)
class Limits:
    """What a norm stands for and where it ends.

    Attributes:
        age_min_years, age_max_years: the ages of the children that it was made from, both ends included.
        n_male, n_female: how many they were.
        cautions: sentences that a reader of a z-score must know.
        scanners: the scanners it holds for; empty where those of its children are not known.
        thickness_min_mm, thickness_max_mm: the slices it holds for, both ends included; None where not known.
        thickness_reason: why slices other than those of its children are taken; "" where none are.
        phantoms: how many of its children are digital phantoms, and no children.
    """

    age_min_years: float
    age_max_years: float
    age_mean_years: float
    n_male: int
    n_female: int
    population: str
    centre: str
    scanner: str
    method: str
    citation: str
    licence: str
    cautions: tuple[str, ...]
    scanners: tuple[str, ...] = ()
    thickness_min_mm: float | None = None
    thickness_max_mm: float | None = None
    thickness_reason: str = ""
    phantoms: int = 0

    @property
    def n(self) -> int:
        """Number of children."""
        return self.n_male + self.n_female

    @property
    def rehearsal(self) -> str:
        """What must stand beside every number from a norm that phantoms are in; "" where none is."""
        return rehearsal(self.phantoms, self.n)

    @property
    def ages(self) -> str:
        """The range of ages, for people."""
        return f"{self.age_min_years:g}–{self.age_max_years:g} years"

    @property
    def thicknesses(self) -> str:
        """The range of slice thickness, for people; "" where it is not known."""
        low, high = self.thickness_min_mm, self.thickness_max_mm
        if low is None or high is None:
            return "" if high is None else f"up to {high:g} mm"
        return f"{low:g} mm" if low == high else f"{low:g}–{high:g} mm"

    @property
    def text(self) -> str:
        """One paragraph for a chart or a report."""
        first = f"{self.rehearsal} " if self.rehearsal else ""
        return first + (
            f"Norm: {self.n:,} children ({self.n_male} boys, {self.n_female} girls) aged {self.ages}; "
            f"{self.population}; {self.centre}; {self.scanner}; {self.method}. {self.citation}"
        )


@dataclass(frozen=True)
class Bands:
    """Expected volume and its bands over age, in cm³; all of the length of `ages`."""

    region: str
    sex: str
    ages: tuple[float, ...]
    mean: tuple[float, ...]
    minus2: tuple[float, ...]
    minus1: tuple[float, ...]
    plus1: tuple[float, ...]
    plus2: tuple[float, ...]


@dataclass(frozen=True)
class Assessment:
    """Where one volume stands in the norm, or why nothing is said of it.

    Attributes:
        expected_cm3: volume at the 50th centile.
        reason: empty where z is given; else why there is none.
        centile_low, centile_high: 95 % interval of the centile, 0 to 100, from the chance in who the norm's children
            were; None where there is none. The error of measuring this child is not in it.
    """

    region: str
    volume_cm3: float
    expected_cm3: float | None
    z: float | None
    centile: float | None
    reason: str
    centile_low: float | None = None
    centile_high: float | None = None


class Norm(ABC):
    """A norm by region, sex and age, with its limits.

    Attributes:
        name: by which it is chosen, such as "xi2025".
        title: for people.
        scheme: region scheme that its labels follow.
        limits: what it stands for and where it ends.
    """

    name: str
    title: str
    scheme: str
    limits: Limits

    @property
    @abstractmethod
    def regions(self) -> tuple[str, ...]:
        """Names of the regions, as in the scheme."""

    @property
    @abstractmethod
    def pairs(self) -> tuple[str, ...]:
        """Names of the regions with two sides, without the side."""

    @abstractmethod
    def volume_at(self, region: str, sex: str, age_years: float, z: float) -> float:
        """Volume in cm³ that lies z SDs of the norm above the middle: z 0 is the 50th centile.

        Raises:
            NormError: outside the norm's limits, or no such region.
        """

    @abstractmethod
    def sd(self, region: str, sex: str | None = None, age_years: float | None = None) -> float:
        """SD in cm³ around the expected volume; half the distance from z −1 to z +1 where the spread is skewed.

        Raises:
            NormError: no such region; or the spread depends on sex and age, and they are not given or outside.
        """

    @abstractmethod
    def z(self, region: str, sex: str, age_years: float, volume_cm3: float) -> float:
        """How many SDs a volume lies above what is expected: the normal deviate of its centile.

        Raises:
            NormError: outside the norm's limits, or no such region.
        """

    @abstractmethod
    def centile_interval(
        self, region: str, sex: str, age_years: float, volume_cm3: float
    ) -> tuple[float, float] | None:
        """95 % interval of the centile (0 to 100) from the chance in who the norm's children were.

        Raises:
            NormError: outside the norm's limits, or no such region.
        """

    @abstractmethod
    def curve_interval(
        self, region: str, sex: str, centile: float, ages: Sequence[float]
    ) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
        """95 % interval of a centile curve: its lower and its upper end in cm³, one value an age; None if not known.

        Raises:
            NormError: an age outside the norm's limits, or no such region.
        """

    @abstractmethod
    def asymmetry_mean(self, pair: str, sex: str, age_years: float | None = None) -> float:
        """Mean of right minus left in cm³; pair such as "frontal"; at the norm's mean age if none is given."""

    @abstractmethod
    def asymmetry_sd(self, pair: str, sex: str) -> float:
        """SD of right minus left in cm³."""

    def refusal(
        self,
        sex: str | None,
        age_years: float | None,
        scanner: str | None = None,
        thickness_mm: float | None = None,
    ) -> str | None:
        """Why no z-score or centile is given for such a child and scan; None where one is.

        A scanner or thickness that is not known is no refusal: `doubts` says it.

        Args:
            sex: "M", "F" or None.
            age_years: at the scan, None if unknown.
            scanner: maker and model; None or "" if unknown.
            thickness_mm: of the slices; None if unknown.
        """
        if age_years is None or not math.isfinite(age_years):
            return "the age at the scan is unknown"
        low, high = self.limits.age_min_years, self.limits.age_max_years
        if not low <= age_years <= high:
            return f"age {_outside(age_years, low, high)} y is outside the norm's {self.limits.ages}"
        if sex is None:
            return "the sex is unknown"
        if sex not in SEX_CODE:
            return f"the sex {sex!r} is neither M nor F, and the norm knows no other"
        count = self.limits.n_male if sex == "M" else self.limits.n_female
        if count == 0:
            return f"the norm was made without {'boys' if sex == 'M' else 'girls'}"
        return self._scan_refusal(scanner, thickness_mm)

    def doubts(self, scanner: str | None = None, thickness_mm: float | None = None) -> tuple[str, ...]:
        """What about a scan cannot be held against the norm's limits, one sentence each, to be shown beside a z.

        That a norm is of phantoms is the first of them.
        """
        found = [self.limits.rehearsal] if self.limits.rehearsal else []
        if not scanner and self.limits.scanners:
            found.append(f"The scanner is not known; the norm holds for {_either(self.limits.scanners)} alone.")
        if thickness_mm is None and self.limits.thicknesses:
            found.append(f"The slice thickness is not known; the norm holds for {self.limits.thicknesses} alone.")
        if not self.limits.scanners:
            found.append("The scanners of the norm's children are not all known.")
        return tuple(found)

    def mean(self, region: str, sex: str, age_years: float) -> float:
        """Expected volume in cm³: that of the 50th centile.

        Raises:
            NormError: outside the norm's limits, or no such region.
        """
        return self.volume_at(region, sex, age_years, 0.0)

    def centile(self, region: str, sex: str, age_years: float, volume_cm3: float) -> float:
        """Share of such children with a smaller volume, in percent (0 to 100).

        Raises:
            NormError: outside the norm's limits, or no such region.
        """
        return centile_of(self.z(region, sex, age_years, volume_cm3))

    def assess(
        self,
        region: str,
        sex: str | None,
        age_years: float | None,
        volume_cm3: float,
        scanner: str | None = None,
        thickness_mm: float | None = None,
    ) -> Assessment:
        """Where a volume stands, or why that is not said; never raises for a child outside the limits."""
        reason = self.refusal(sex, age_years, scanner, thickness_mm)
        if reason is None and region not in self.regions:
            reason = "the norm has no such region"
        if reason is not None or sex is None or age_years is None:
            return Assessment(region, volume_cm3, None, None, None, reason or "")
        expected = self.mean(region, sex, age_years)
        fault = volume_fault(volume_cm3)
        if fault:
            return Assessment(region, volume_cm3, expected, None, None, fault)
        z = self.z(region, sex, age_years, volume_cm3)
        low, high = self.centile_interval(region, sex, age_years, volume_cm3) or (None, None)
        return Assessment(region, volume_cm3, expected, z, centile_of(z), "", low, high)

    def asymmetry_z(self, pair: str, sex: str, age_years: float, right_cm3: float, left_cm3: float) -> float:
        """How many SDs the difference right minus left lies above the norm's mean difference.

        Raises:
            NormError: outside the norm's limits, or no such pair.
        """
        mean, sd = self.asymmetry_mean(pair, sex, age_years), self.asymmetry_sd(pair, sex)
        self._refuse(sex, age_years)
        return (right_cm3 - left_cm3 - mean) / sd

    def ages(self) -> tuple[float, ...]:
        """The norm's range of ages in 21 steps, in years."""
        low, high = self.limits.age_min_years, self.limits.age_max_years
        return tuple(low + (high - low) * i / (STEPS - 1) for i in range(STEPS))

    def curves(
        self, region: str, sex: str, centiles: Sequence[float], ages: Sequence[float] | None = None
    ) -> dict[float, tuple[float, ...]]:
        """Centile curves: volume in cm³ by centile (0 to 100, both ends left out), one value an age.

        Raises:
            NormError: an age outside the norm's limits, or no such region.
        """
        ages = self.ages() if ages is None else ages
        return {
            centile: tuple(self.volume_at(region, sex, age, deviate_of(centile)) for age in ages)
            for centile in centiles
        }

    def bands(self, region: str, sex: str, ages: Sequence[float] | None = None) -> Bands:
        """Expected volume, ±1 and ±2 SD over `ages` (years; the norm's range in 21 steps if not given).

        Raises:
            NormError: an age outside the norm's limits, or no such region.
        """
        ages = self.ages() if ages is None else ages
        lines = {z: tuple(self.volume_at(region, sex, age, z) for age in ages) for z in (-2, -1, 0, 1, 2)}
        return Bands(region, sex, tuple(ages), lines[0], lines[-2], lines[-1], lines[1], lines[2])

    def _scan_refusal(self, scanner: str | None, thickness_mm: float | None) -> str | None:
        """Why a scan of this scanner and thickness gets no centile; None where it does or where neither is known."""
        limits = self.limits
        if scanner and limits.scanners and not any(same_scanner(scanner, known) for known in limits.scanners):
            return f"the scanner {scanner} is not the norm's {_either(limits.scanners)}"
        if thickness_mm is not None:
            low, high = limits.thickness_min_mm, limits.thickness_max_mm
            thin = low is not None and thickness_mm < low - _THICKNESS_TOLERANCE_MM
            thick = high is not None and thickness_mm > high + _THICKNESS_TOLERANCE_MM
            if thin or thick:
                return f"slices of {thickness_mm:g} mm are outside the norm's {limits.thicknesses}"
        return None

    def _refuse(self, sex: str | None, age_years: float | None) -> None:
        reason = self.refusal(sex, age_years)
        if reason is not None:
            raise NormError(f"No norm: {reason}.", f"The norm holds for boys and girls of {self.limits.ages}.")

    def _no_region(self, region: str) -> NormError:
        return NormError(f"The norm {self.name} has no region {region!r}.", f"It has {', '.join(self.regions)}.")

    def _no_pair(self, pair: str, sex: str) -> NormError:
        return NormError(f"The norm {self.name} has no asymmetry of {pair!r} for sex {sex!r}.")


def centile_of(z: float) -> float:
    """Percent of a normal distribution that lies below z."""
    return 50.0 * math.erfc(-z / math.sqrt(2.0))


def deviate_of(centile: float) -> float:
    """The z below which that many percent of a normal distribution lie; the inverse of `centile_of`."""
    from statistics import NormalDist

    return NormalDist().inv_cdf(centile / 100)


def _either(names: Sequence[str]) -> str:
    """Names for a sentence; of many, the first three and how many more."""
    shown = list(names[:3])
    if len(names) > len(shown):
        shown.append(f"{len(names) - len(shown)} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} or {shown[-1]}"


def _outside(age: float, low: float, high: float) -> str:
    """An age with as many digits as it takes to see that it is outside the range."""
    shown = next((text for d in range(1, 17) if not low <= float(text := f"{age:.{d}f}") <= high), repr(age))
    return shown.rstrip("0").rstrip(".")
