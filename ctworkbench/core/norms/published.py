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
from typing import Any

from ctworkbench.core.norms.norm import SEX_CODE, Limits, Norm, centile_of, deviate_of
from ctworkbench.core.settings import resource

_REACH = 1.959963984540054  # of a 95 % interval, in standard errors


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
class PublishedNorm(Norm):
    """A straight line in age for each region, with one residual SD for both sexes.

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
        raise self._no_region(region)

    def volume_at(self, region: str, sex: str, age_years: float, z: float) -> float:
        """Volume in cm³ that lies z residual SDs above the line; see `Norm.volume_at`."""
        line = self.line(region)
        self._refuse(sex, age_years)
        return line.intercept + line.sex * SEX_CODE[sex] + line.age * age_years + z * line.sd

    def sd(self, region: str, sex: str | None = None, age_years: float | None = None) -> float:
        """Residual SD in cm³ around the expected volume, one for both sexes and all ages as in the article's model."""
        return self.line(region).sd

    def z(self, region: str, sex: str, age_years: float, volume_cm3: float) -> float:
        """How many SDs a volume lies above what is expected.

        Raises:
            NormError: outside the norm's limits, or no such region.
        """
        return (volume_cm3 - self.mean(region, sex, age_years)) / self.sd(region)

    def centile_interval(self, region: str, sex: str, age_years: float, volume_cm3: float) -> tuple[float, float]:
        """95 % interval of the centile from the sampling error of the article's line and SD; see `_z_error`."""
        z = self.z(region, sex, age_years, volume_cm3)
        reach = _REACH * self._z_error(sex, age_years, z)
        return centile_of(z - reach), centile_of(z + reach)

    def curve_interval(
        self, region: str, sex: str, centile: float, ages: Sequence[float]
    ) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """95 % interval of a centile curve from the sampling error of the article's line and SD."""
        z = deviate_of(centile)
        ends = [
            tuple(self.volume_at(region, sex, age, z + side * _REACH * self._z_error(sex, age, z)) for age in ages)
            for side in (-1, 1)
        ]
        return ends[0], ends[1]

    def asymmetry_mean(self, pair: str, sex: str, age_years: float | None = None) -> float:
        """Mean of right minus left in cm³ (Table 5); pair such as "frontal"; no dependence on age was published."""
        return self._asymmetry(pair, sex).mean

    def asymmetry_sd(self, pair: str, sex: str) -> float:
        """SD of right minus left in cm³, from Table 5: |difference of means| / (t / √n)."""
        return self._asymmetry(pair, sex).sd

    def _z_error(self, sex: str, age_years: float, z: float) -> float:
        """Standard error of a z from chance in the article's children.

        Least squares with normal residuals: the line at x has the variance σ²·h(x), h = x'(X'X)⁻¹x from the numbers of
        boys and girls and the spread of age; the SD has the variance σ²/(2(n − 3)). With the delta method the variance
        of z is h + z²/(2(n − 3)).
        """
        limits = self.limits
        n, share = limits.n, limits.n_male * limits.n_female / limits.n**2
        sex_from_mean = SEX_CODE[sex] - (limits.n_male * SEX_CODE["M"] + limits.n_female * SEX_CODE["F"]) / n
        age_from_mean = age_years - limits.age_mean_years
        together = -share * self.age_gap_years  # boys (code 1) are older
        determinant = share * self.age_sd_years**2 - together**2
        distance = (
            self.age_sd_years**2 * sex_from_mean**2
            - 2 * together * sex_from_mean * age_from_mean
            + share * age_from_mean**2
        ) / determinant
        return math.sqrt((1 + distance) / n + z**2 / (2 * (n - 3)))

    def _asymmetry(self, pair: str, sex: str) -> Asymmetry:
        for entry in self.asymmetries:
            if (entry.pair, entry.sex) == (pair, sex):
                return entry
        raise self._no_pair(pair, sex)


@cache
def published_norm() -> PublishedNorm:
    """The norm of Xi et al. 2025."""
    folder = "norms/xi2025"
    card = tomllib.loads(resource(f"{folder}/card.toml").read_text(encoding="utf-8"))
    stated = [name for name in Limits.__dataclass_fields__ if name != "phantoms"]  # the article is of children
    given: dict[str, Any] = {name: card[name] for name in stated}
    for name in ("cautions", "scanners"):
        given[name] = tuple(given[name])
    limits = Limits(**given)
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
    return PublishedNorm(card["name"], card["title"], card["scheme"], limits, tuple(coefficients), pairs, age_sd, gap)


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
