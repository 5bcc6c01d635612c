"""Volumes and asymmetry held against the norm in use and against the other children of the study, when asked for."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ctworkbench.core.findings import ASYMMETRY_Z, Finding, Limit, Z, judged
from ctworkbench.core.norms import Norm
from ctworkbench.core.schemes import Scheme

LEAST_COHORT = 12
"""From so many label maps on, median and spread of a cohort are told; fewer make a spread of their own."""
_MAD_TO_SD = 1.4826
_LEAST_SPREAD = 0.03
"""Relative spread that a cohort is granted at least: label maps of one machine may scatter less than children do."""


@dataclass(frozen=True)
class Measured:
    """The volumes of one label map, with what a norm must know of its scan.

    Attributes:
        sizes: the finding of each region that holds its volume in cm³, by name.
        inside_cm3: volume of the inside of the skull; None where it is not known.
    """

    annotation_id: int
    scan_id: int
    sex: str | None
    age_years: float | None
    scanner: str
    thickness_mm: float | None
    inside_cm3: float | None
    sizes: Mapping[str, Finding]

    def volume(self, region: str) -> float:
        """Volume of a region in cm³; 0 where it is not there."""
        return self.sizes[region].value if region in self.sizes else 0.0

    @property
    def total(self) -> float:
        """Volume of all regions, in cm³."""
        return sum(one.value for one in self.sizes.values())


class VolumeChecks:
    """z of volumes and of asymmetry.

    Where the norm holds, a volume is held against it. Where it does not, the region's share of all labels is held
    against the shares in the cohort by median and median absolute deviation: shares do not grow with a head. Right
    minus left is held against the norm and, over the mean of both, against the cohort.

    Args:
        scheme: what the regions are.
        norm: the norm in use.
        asked: the label maps that are asked about.
        cohort: the label map that counts of every scan.
    """

    def __init__(self, scheme: Scheme, norm: Norm, asked: Sequence[Measured], cohort: Sequence[Measured]) -> None:
        self._scheme = scheme
        self._norm = norm
        self._norm_named = f"{norm.name}, made of digital phantoms" if norm.limits.phantoms else norm.name
        self._asked = {one.annotation_id: one for one in asked}
        self._cohort = [one for one in cohort if one.total > 0]
        self._spreads: dict[str, tuple[float, float] | None] = {}

    def of(self, annotation_id: int) -> list[Finding]:
        """What the volumes of a label map say; nothing of one that holds none."""
        case = self._asked[annotation_id]
        if case.total <= 0:
            return []
        refusal = self._norm.refusal(case.sex, case.age_years, case.scanner, case.thickness_mm)
        return [*self._volumes(case, refusal is None), *self._asymmetries(case, refusal is None)]

    def _volumes(self, case: Measured, norm_holds: bool) -> list[Finding]:
        found: list[Finding] = []
        for region in self._scheme.regions:
            size, cm3 = case.sizes.get(region.name), case.volume(region.name)
            if size is None or cm3 <= 0:
                continue
            if norm_holds and region.name in self._norm.regions and case.sex and case.age_years is not None:
                z = self._norm.z(region.name, case.sex, case.age_years, cm3)
                said = f"{region.title}: {cm3:.0f} cm³, z {_signed(z)} in the norm {self._norm_named}"
            else:
                share = _share(region.name)
                told = self._against_cohort(f"share {region.name}", share, case)
                if told is None:
                    continue
                z = told
                said = (
                    f"{region.title}: {100 * math.exp(share(case)):.1f} % of all labels, z {_signed(z)} in this study"
                )
            found.append(_of_z("volume", z, said, region.name, size))
        return found

    def _asymmetries(self, case: Measured, norm_holds: bool) -> list[Finding]:
        found: list[Finding] = []
        for right, left in self._scheme.pairs:
            pair = right.name.removeprefix("right_")
            a, b = case.volume(right.name), case.volume(left.name)
            if min(a, b) <= 0:
                continue
            larger = right if a > b else left
            begun = f"{larger.title}: {abs(a - b):.1f} cm³ larger than the other side"
            if norm_holds and pair in self._norm.pairs and case.sex and case.age_years is not None:
                z = self._norm.asymmetry_z(pair, case.sex, case.age_years, a, b)
                said = f"{begun}, z {_signed(z)} in the norm {self._norm_named}"
                found.append(_of_z("asymmetry", z, said, larger.name, case.sizes[larger.name], ASYMMETRY_Z))
            z = self._against_cohort(f"asymmetry {pair}", _asymmetry(right.name, left.name), case)
            if z is not None:
                said = f"{begun}, z {_signed(z)} in this study"
                found.append(_of_z("asymmetry", z, said, larger.name, case.sizes[larger.name]))
        return found

    def _against_cohort(self, name: str, value: Callable[[Measured], float], case: Measured) -> float | None:
        """Robust z among the label maps that count; None where they are too few."""
        if name not in self._spreads:
            known = np.array([number for one in self._cohort if math.isfinite(number := value(one))])
            self._spreads[name] = None
            if len(known) >= LEAST_COHORT:
                middle = float(np.median(known))
                spread = _MAD_TO_SD * float(np.median(np.abs(known - middle)))
                self._spreads[name] = (middle, max(spread, _LEAST_SPREAD))
        spread = self._spreads[name]
        return None if spread is None else (value(case) - spread[0]) / spread[1]


def _share(region: str) -> Callable[[Measured], float]:
    """Logarithm of a region's share of all labels: shares are skewed, and a half weighs as much as a double."""

    def value(case: Measured) -> float:
        cm3 = case.volume(region)
        return math.log(cm3 / case.total) if cm3 > 0 else math.nan

    return value


def _asymmetry(right: str, left: str) -> Callable[[Measured], float]:
    """Right minus left as a part of the mean of both."""

    def value(case: Measured) -> float:
        a, b = case.volume(right), case.volume(left)
        return 2 * (a - b) / (a + b) if min(a, b) > 0 else math.nan

    return value


def _of_z(check: str, z: float, said: str, region: str, size: Finding, limit: Limit = Z) -> Finding:
    """A finding by |z|; never graver than "look": a child may be so, and a volume tells nothing of the borders."""
    return judged(check, limit, abs(z), "|z|", said, region, size.where, at_most_look=True)


def _signed(z: float) -> str:
    return f"{z:+.1f}".replace("-", "−")
