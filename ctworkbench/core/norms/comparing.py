"""Two norms side by side: how far their centile curves lie apart, by region, sex and age."""

from dataclasses import dataclass

from ctworkbench.core.norms.norm import Norm, NormError, centile_of
from ctworkbench.core.scanners import one_name_each

CENTILES = (5.0, 50.0, 95.0)
_AGES = 5


@dataclass(frozen=True)
class Difference:
    """One centile of one norm against another.

    Attributes:
        one_cm3, other_cm3: volume at the centile in either norm.
        centile_in_other: which centile of the other norm the first one's volume is.
    """

    region: str
    sex: str
    age_years: float
    centile: float
    one_cm3: float
    other_cm3: float
    centile_in_other: float

    @property
    def difference_cm3(self) -> float:
        """The first less the other, in cm³."""
        return self.one_cm3 - self.other_cm3

    @property
    def percent(self) -> float:
        """The same in percent of the other."""
        return 100 * self.difference_cm3 / self.other_cm3


@dataclass(frozen=True)
class Comparison:
    """What two norms say of the same children.

    Attributes:
        ages: in years, five over the range that both cover.
        notes: what differs between them beside the curves.
    """

    one: str
    other: str
    ages: tuple[float, ...]
    rows: tuple[Difference, ...]
    notes: tuple[str, ...]

    def largest(self, region: str) -> Difference:
        """Where the middle of a region lies farthest apart."""
        middle = [row for row in self.rows if row.region == region and row.centile == 50]
        return max(middle, key=lambda row: abs(row.percent))

    @property
    def regions(self) -> tuple[str, ...]:
        """Regions that both have."""
        return tuple(dict.fromkeys(row.region for row in self.rows))


def compare(one: Norm, other: Norm) -> Comparison:
    """Volumes at the 5th, 50th and 95th centile of both norms at five ages of the range that both cover.

    Raises:
        NormError: they share no region, no sex or no age.
    """
    regions = [region for region in one.regions if region in other.regions]
    low = max(one.limits.age_min_years, other.limits.age_min_years)
    high = min(one.limits.age_max_years, other.limits.age_max_years)
    sexes = [sex for sex in ("M", "F") if _count(one, sex) and _count(other, sex)]
    if not regions or low > high or not sexes:
        shared = "region" if not regions else "age" if low > high else "sex"
        raise NormError(
            f"The norms {one.name} and {other.name} share no {shared}.",
            f"{one.name} is of {one.limits.ages}, {other.name} of {other.limits.ages}.",
        )
    ages = tuple(low + (high - low) * step / (_AGES - 1) for step in range(_AGES)) if high > low else (low,)
    rows: list[Difference] = []
    for region in regions:
        for sex in sexes:
            ones, others = one.curves(region, sex, CENTILES, ages), other.curves(region, sex, CENTILES, ages)
            for centile in CENTILES:
                rows += [
                    Difference(region, sex, age, centile, first, second, centile_of(other.z(region, sex, age, first)))
                    for age, first, second in zip(ages, ones[centile], others[centile], strict=True)
                ]
    return Comparison(one.name, other.name, ages, tuple(rows), tuple(_notes(one, other, regions)))


def _notes(one: Norm, other: Norm, regions: list[str]) -> list[str]:
    notes = [f"{norm.name} is a n{norm.limits.rehearsal[1:]}" for norm in (one, other) if norm.limits.rehearsal]
    for norm, foil in ((one, other), (other, one)):
        lacking = [region for region in foil.regions if region not in regions]
        if lacking:
            notes.append(f"{norm.name} has no {', '.join(lacking)}.")
    for what, first, second in (
        ("The scanners differ", *_scanners(one, other)),
        ("The slices differ", one.limits.thicknesses or "unknown", other.limits.thicknesses or "unknown"),
        ("The methods differ", one.limits.method, other.limits.method),
        ("The children differ", one.limits.population, other.limits.population),
    ):
        if first != second:
            notes.append(f"{what}: {one.name}: {first}; {other.name}: {second}.")
    return notes


def _scanners(one: Norm, other: Norm) -> tuple[str, str]:
    """The scanners of two norms as they are told; the same text for the same devices, however many children each."""
    both = one.limits.scanners, other.limits.scanners
    known = one_name_each([*both[0], *both[1]])
    if all(both) and {known[name] for name in both[0]} == {known[name] for name in both[1]}:
        return one.limits.scanner, one.limits.scanner
    return one.limits.scanner, other.limits.scanner


def _count(norm: Norm, sex: str) -> int:
    return norm.limits.n_male if sex == "M" else norm.limits.n_female
