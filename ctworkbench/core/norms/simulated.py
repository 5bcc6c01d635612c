"""A cohort drawn from a norm, for tests of all that is computed from cohorts."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ctworkbench.core.norms.published import PublishedNorm

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# How far the volumes of different structures of one child go together, age and sex taken out. No table of the article
# tells; large structures of one head share its size. Only the joint spread of a simulated child rests on it.
_SHARED_SIZE = 0.7


@dataclass(frozen=True)
class SimulatedChild:
    """A child drawn from the norm; `volumes_cm3` by name of region. No such child exists."""

    subject: str
    sex: str
    age_years: float
    volumes_cm3: dict[str, float]


def simulate(norm: PublishedNorm, n: int, seed: int) -> list[SimulatedChild]:
    """Draw a cohort whose tables resemble those of the article; the same children for the same seed.

    Sexes stand as 826 to 661; ages fill the norm's range, boys older by the implied gap; residuals are normal with the
    SD of each sex (Table 2) and the SD of right minus left of each sex (Table 5). Structures of one child share an
    assumed correlation of 0.7.

    Args:
        norm: what to draw from.
        n: number of children.
        seed: of the random numbers.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    males = round(n * norm.limits.n_male / norm.limits.n)
    children: list[SimulatedChild] = []
    for sex, count in (("M", males), ("F", n - males)):
        ages = _ages(norm, sex, count, rng)
        residuals = rng.standard_normal((count, len(norm.regions))) @ np.linalg.cholesky(_covariance(norm, sex)).T
        for age, residual in zip(ages, residuals, strict=True):
            volumes = {
                region: norm.mean(region, sex, float(age)) + float(rest)
                for region, rest in zip(norm.regions, residual, strict=True)
            }
            children.append(SimulatedChild(f"SIM{len(children) + 1:04d}", sex, float(age), volumes))
    return children


def _ages(norm: PublishedNorm, sex: str, count: int, rng: "np.random.Generator") -> "NDArray[np.float64]":
    """Ages of one sex in years: a beta distribution over the norm's range with the mean and SD implied by the tables.

    One age is drawn from each of `count` equal shares of the distribution, so that the gap between the sexes, which is
    small, is not lost in chance.
    """
    import numpy as np
    from scipy.special import betaincinv

    limits = norm.limits
    width = limits.age_max_years - limits.age_min_years
    share = (limits.n_female if sex == "M" else -limits.n_male) / limits.n
    mean = (limits.age_mean_years + norm.age_gap_years * share - limits.age_min_years) / width
    between = norm.age_gap_years**2 * limits.n_male * limits.n_female / limits.n**2
    total = mean * (1 - mean) / ((norm.age_sd_years**2 - between) / width**2) - 1
    quantiles = (np.arange(count) + rng.random(count)) / max(count, 1)
    ages = limits.age_min_years + width * np.asarray(betaincinv(mean * total, (1 - mean) * total, quantiles))
    return rng.permutation(np.clip(ages, limits.age_min_years, limits.age_max_years))


def _covariance(norm: PublishedNorm, sex: str) -> "NDArray[np.float64]":
    """Covariance of the residuals of one sex in cm⁶, in the order of the norm's regions."""
    import numpy as np

    sds = np.array([line.sd_male if sex == "M" else line.sd_female for line in norm.coefficients])
    correlation = np.full((sds.size, sds.size), _SHARED_SIZE)
    np.fill_diagonal(correlation, 1.0)
    for pair in norm.pairs:
        right, left = (norm.regions.index(f"{side}_{pair}") for side in ("right", "left"))
        slopes = norm.coefficients[right].age - norm.coefficients[left].age
        difference = norm.asymmetry_sd(pair, sex) ** 2 - slopes**2 * norm.age_sd_years**2
        rho = (sds[right] ** 2 + sds[left] ** 2 - difference) / (2 * sds[right] * sds[left])
        correlation[right, left] = correlation[left, right] = rho
    return correlation * np.outer(sds, sds)


@dataclass(frozen=True)
class SkewedGrowth:
    """A law of growth that no straight line with one SD can follow; its centiles are known exactly.

    Volumes rise fast and level off from 0.5 to 6 years, their spread widens with age, and they are skewed to the right:
    (y/μ)^ν is normal with ν = −1.5 and a coefficient of variation that goes from 0.08 to 0.16. Made up for tests of
    fits; no child grows so.
    """

    regions: tuple[str, ...]
    age_min_years: float = 0.5
    age_max_years: float = 6.0

    def eta(self, region: str, female: "NDArray[np.float64]", ages: "NDArray[np.float64]") -> "NDArray[np.float64]":
        """Predictors of the law's distribution (`families.Bccg`), one row a parameter, one column a child."""
        import numpy as np

        size = 80.0 + 10.0 * self.regions.index(region)
        share = (ages - self.age_min_years) / (self.age_max_years - self.age_min_years)
        mu = size * (1 + 0.8 * (1 - np.exp(-(ages - self.age_min_years) / 1.2))) * (1 - 0.07 * female)
        return np.stack([np.log(mu), np.log(0.08 + 0.08 * share), np.full(ages.size, -1.5)])

    def draw(self, n: int, seed: int) -> list[SimulatedChild]:
        """A cohort of as many boys as girls, ages even over the range; the same for the same seed."""
        import numpy as np

        from ctworkbench.core.norms.families import FAMILIES

        rng = np.random.default_rng(seed)
        female = (np.arange(n) % 2).astype(np.float64)
        ages = rng.uniform(self.age_min_years, self.age_max_years, n)
        shared = rng.standard_normal(n)
        volumes: dict[str, NDArray[np.float64]] = {}
        for region in self.regions:
            z = np.sqrt(_SHARED_SIZE) * shared + np.sqrt(1 - _SHARED_SIZE) * rng.standard_normal(n)
            volumes[region] = FAMILIES["BCCG"].quantile(z, self.eta(region, female, ages))
        return [
            SimulatedChild(
                f"SIM{index + 1:04d}",
                "F" if female[index] else "M",
                float(ages[index]),
                {region: float(found[index]) for region, found in volumes.items()},
            )
            for index in range(n)
        ]

    def z(self, region: str, sex: str, age_years: float, volume_cm3: float) -> float:
        """The true deviate of a volume."""
        import numpy as np

        from ctworkbench.core.norms.families import FAMILIES

        eta = self.eta(region, np.array([float(sex == "F")]), np.array([age_years]))
        return float(FAMILIES["BCCG"].z(np.array([volume_cm3]), eta)[0])
