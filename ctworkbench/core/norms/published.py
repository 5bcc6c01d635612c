"""The published norm of regional brain volumes on CT, rebuilt from its article's tables.

Source: Xi et al., Front. Neurol. 2025; 16:1573060, Tables 1 to 5, shipped under `resources/norms/xi2025` (CC BY 4.0).
The article prints the coefficients of `volume = b0 + b_sex * sex + b_age * age` (sex 1 male, 2 female; age in years;
cm³) and their standard errors, but neither b0 nor the residual SD. Both follow from what is printed: a least squares
plane passes through the means, and a standard error is the residual SD over the spread of its regressor.
"""

import csv
import math
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.settings import resource

SEX_CODE: dict[str, int] = {"M": 1, "F": 2}


class NormError(WorkbenchError):
    """A question that the norm has no answer to: outside its ages, sex unknown, or a region it does not know."""


@dataclass(frozen=True)
class Limits:
    """What a norm stands for and where it ends.

    Attributes:
        age_min_years, age_max_years: the ages of the children that it was made from, both ends included.
        n_male, n_female: how many they were.
        cautions: sentences that a reader of a z-score must know.
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

    @property
    def n(self) -> int:
        """Number of children."""
        return self.n_male + self.n_female

    @property
    def ages(self) -> str:
        """The range of ages, for people."""
        return f"{self.age_min_years:g}–{self.age_max_years:g} years"

    @property
    def text(self) -> str:
        """One paragraph for a chart or a report."""
        return (
            f"Norm: {self.n:,} children ({self.n_male} boys, {self.n_female} girls) aged {self.ages}; "
            f"{self.population}; {self.centre}; {self.scanner}; {self.method}. {self.citation}"
        )


@dataclass(frozen=True)
class Coefficients:
    """One region's line: expected volume = intercept + sex * code + age * years, in cm³.

    Attributes:
        sd_by_sex_error, sd_by_age_error: the residual SD worked out from the standard error of either coefficient.
        sd_by_spread: the same from the SDs within each sex (Table 2), age taken out; a check from other numbers.
        sd_male, sd_female: the residual SD within each sex (Table 2), age taken out.
    """

    region: str
    intercept: float
    sex: float
    age: float
    sd_by_sex_error: float
    sd_by_age_error: float
    sd_by_spread: float
    sd_male: float
    sd_female: float

    @property
    def sd(self) -> float:
        """Residual SD in cm³, one for both sexes as in the article's model: the mean of both estimates."""
        return (self.sd_by_sex_error + self.sd_by_age_error) / 2


@dataclass(frozen=True)
class Asymmetry:
    """Right minus left of one pair in one sex, in cm³."""

    pair: str
    sex: str
    mean: float
    sd: float
    n: int


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
        reason: empty where z is given; else why there is none.
    """

    region: str
    volume_cm3: float
    expected_cm3: float | None
    z: float | None
    centile: float | None
    reason: str


@dataclass(frozen=True)
class Norm:
    """A norm by region, sex and age, with its limits.

    Attributes:
        age_sd_years: SD of age in the cohort, 0.285 (the article rounds it to 0.28).
        age_gap_years: how much older the boys were, implied by raw against adjusted sex differences.
    """

    name: str
    title: str
    scheme: str
    limits: Limits
    coefficients: tuple[Coefficients, ...]
    asymmetries: tuple[Asymmetry, ...]
    age_sd_years: float
    age_gap_years: float

    @property
    def regions(self) -> tuple[str, ...]:
        """Names of the regions, as in the scheme."""
        return tuple(entry.region for entry in self.coefficients)

    @property
    def pairs(self) -> tuple[str, ...]:
        """Names of the regions with two sides, without the side."""
        return tuple(dict.fromkeys(entry.pair for entry in self.asymmetries))

    def line(self, region: str) -> Coefficients:
        """The coefficients of one region."""
        for entry in self.coefficients:
            if entry.region == region:
                return entry
        raise NormError(f"The norm {self.name} has no region {region!r}.", f"It has {', '.join(self.regions)}.")

    def refusal(self, sex: str | None, age_years: float | None) -> str | None:
        """Why no z-score or centile is given for such a child; None where one is."""
        if age_years is None or not math.isfinite(age_years):
            return "the age at the scan is unknown"
        low, high = self.limits.age_min_years, self.limits.age_max_years
        if not low <= age_years <= high:
            return f"age {_outside(age_years, low, high)} y is outside the norm's {self.limits.ages}"
        if sex is None:
            return "the sex is unknown"
        if sex not in SEX_CODE:
            return f"the sex {sex!r} is neither M nor F, and the norm knows no other"
        return None

    def mean(self, region: str, sex: str, age_years: float) -> float:
        """Expected volume in cm³.

        Raises:
            NormError: outside the norm's limits, or no such region.
        """
        line = self.line(region)
        self._refuse(sex, age_years)
        return line.intercept + line.sex * SEX_CODE[sex] + line.age * age_years

    def sd(self, region: str) -> float:
        """Residual SD in cm³ around the expected volume, one for both sexes and all ages as in the article's model."""
        return self.line(region).sd

    def z(self, region: str, sex: str, age_years: float, volume_cm3: float) -> float:
        """How many SDs a volume lies above what is expected.

        Raises:
            NormError: outside the norm's limits, or no such region.
        """
        return (volume_cm3 - self.mean(region, sex, age_years)) / self.sd(region)

    def centile(self, region: str, sex: str, age_years: float, volume_cm3: float) -> float:
        """Share of such children with a smaller volume, in percent (0 to 100), by the normal distribution.

        Raises:
            NormError: outside the norm's limits, or no such region.
        """
        return centile_of(self.z(region, sex, age_years, volume_cm3))

    def assess(self, region: str, sex: str | None, age_years: float | None, volume_cm3: float) -> Assessment:
        """Where a volume stands, or why that is not said; never raises for a child outside the limits."""
        reason = self.refusal(sex, age_years)
        if reason is not None or sex is None or age_years is None:
            return Assessment(region, volume_cm3, None, None, None, reason or "")
        expected = self.mean(region, sex, age_years)
        if not math.isfinite(volume_cm3) or volume_cm3 <= 0:
            return Assessment(region, volume_cm3, expected, None, None, "the region is not in the label map")
        z = (volume_cm3 - expected) / self.sd(region)
        return Assessment(region, volume_cm3, expected, z, centile_of(z), "")

    def asymmetry_mean(self, pair: str, sex: str) -> float:
        """Mean of right minus left in cm³ (Table 5); pair such as "frontal"; no dependence on age was published."""
        return self._asymmetry(pair, sex).mean

    def asymmetry_sd(self, pair: str, sex: str) -> float:
        """SD of right minus left in cm³, from Table 5: |difference of means| / (t / √n)."""
        return self._asymmetry(pair, sex).sd

    def asymmetry_z(self, pair: str, sex: str, age_years: float, right_cm3: float, left_cm3: float) -> float:
        """How many SDs the difference right minus left lies above the norm's mean difference.

        Raises:
            NormError: outside the norm's limits, or no such pair.
        """
        entry = self._asymmetry(pair, sex)
        self._refuse(sex, age_years)
        return (right_cm3 - left_cm3 - entry.mean) / entry.sd

    def bands(self, region: str, sex: str, ages: Sequence[float] | None = None) -> Bands:
        """Expected volume, ±1 and ±2 SD over `ages` (years; the norm's range in 21 steps if not given).

        Raises:
            NormError: an age outside the norm's limits, or no such region.
        """
        if ages is None:
            low, high = self.limits.age_min_years, self.limits.age_max_years
            ages = [low + (high - low) * i / 20 for i in range(21)]
        sd = self.sd(region)
        mean = tuple(self.mean(region, sex, age) for age in ages)
        shifted = {k: tuple(value + k * sd for value in mean) for k in (-2, -1, 1, 2)}
        return Bands(region, sex, tuple(ages), mean, shifted[-2], shifted[-1], shifted[1], shifted[2])

    def _asymmetry(self, pair: str, sex: str) -> Asymmetry:
        for entry in self.asymmetries:
            if (entry.pair, entry.sex) == (pair, sex):
                return entry
        raise NormError(f"The norm {self.name} has no asymmetry of {pair!r} for sex {sex!r}.")

    def _refuse(self, sex: str | None, age_years: float | None) -> None:
        reason = self.refusal(sex, age_years)
        if reason is not None:
            raise NormError(f"No norm: {reason}.", f"The norm holds for boys and girls of {self.limits.ages}.")


def centile_of(z: float) -> float:
    """Percent of a normal distribution that lies below z."""
    return 50.0 * math.erfc(-z / math.sqrt(2.0))


@cache
def published_norm() -> Norm:
    """The norm of Xi et al. 2025."""
    folder = "norms/xi2025"
    card = tomllib.loads(resource(f"{folder}/card.toml").read_text(encoding="utf-8"))
    fields = [name for name in Limits.__dataclass_fields__ if name != "cautions"]
    limits = Limits(**{name: card[name] for name in fields}, cautions=tuple(card["cautions"]))
    by_sex, by_age = _table(f"{folder}/table3_sex_effect.csv"), _table(f"{folder}/table4_age_effect.csv")
    means = _table(f"{folder}/table2_volumes_by_sex.csv")

    rows = [(means[region], by_sex[region], by_age[region]) for region in means]
    root_n = math.sqrt(limits.n - 1)
    root_sex = math.sqrt(limits.n_male * limits.n_female / limits.n)
    gap = _mean([_age_gap(*row) for row in rows])
    age_sd = _mean([float(s["standard_error"]) * root_sex / (float(a["standard_error"]) * root_n) for _, s, a in rows])
    # boys were older: sex and age are correlated, which widens both standard errors by the same factor
    sex_sd = root_sex / root_n
    shrink = math.sqrt(1 - (gap * sex_sd / age_sd) ** 2)
    within_variance = age_sd**2 - (gap * sex_sd) ** 2

    coefficients: list[Coefficients] = []
    for mean, sex, age in rows:
        b_sex, b_age = float(sex["sex_coefficient_cm3"]), float(age["age_coefficient_cm3_per_year"])
        mean_code = (limits.n_male * SEX_CODE["M"] + limits.n_female * SEX_CODE["F"]) / limits.n
        male = float(mean["male_sd_cm3"]) ** 2 - b_age**2 * within_variance
        female = float(mean["female_sd_cm3"]) ** 2 - b_age**2 * within_variance
        coefficients.append(
            Coefficients(
                region=mean["region"],
                intercept=float(mean["overall_mean_cm3"]) - b_sex * mean_code - b_age * limits.age_mean_years,
                sex=b_sex,
                age=b_age,
                sd_by_sex_error=float(sex["standard_error"]) * root_sex * shrink,
                sd_by_age_error=float(age["standard_error"]) * age_sd * root_n * shrink,
                sd_by_spread=math.sqrt((limits.n_male * male + limits.n_female * female) / limits.n),
                sd_male=math.sqrt(male),
                sd_female=math.sqrt(female),
            )
        )
    pairs = tuple(_asymmetry_of(row, limits) for row in _rows(f"{folder}/table5_hemispheres.csv"))
    return Norm(card["name"], card["title"], card["scheme"], limits, tuple(coefficients), pairs, age_sd, gap)


def _outside(age: float, low: float, high: float) -> str:
    """An age with as many digits as it takes to see that it is outside the range."""
    shown = next((text for d in range(1, 17) if not low <= float(text := f"{age:.{d}f}") <= high), repr(age))
    return shown.rstrip("0").rstrip(".")


def _age_gap(mean: dict[str, str], sex: dict[str, str], age: dict[str, str]) -> float:
    """Years by which boys were older: what the raw difference of means holds beyond the coefficient of sex."""
    raw = float(mean["male_mean_cm3"]) - float(mean["female_mean_cm3"])
    return (raw + float(sex["sex_coefficient_cm3"])) / float(age["age_coefficient_cm3_per_year"])


def _asymmetry_of(row: dict[str, str], limits: Limits) -> Asymmetry:
    """Right minus left of a row of Table 5; its printed SDs are not used, they lost digits."""
    n = limits.n_male if row["sex"] == "M" else limits.n_female
    difference = float(row["right_mean_cm3"]) - float(row["left_mean_cm3"])
    sd = abs(difference) * math.sqrt(n) / abs(float(row["t_value"]))
    return Asymmetry(row["region"], row["sex"], difference, sd, n)


def _rows(name: str) -> list[dict[str, str]]:
    with resource(name).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def _table(name: str) -> dict[str, dict[str, str]]:
    return {row["region"]: row for row in _rows(name)}


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
