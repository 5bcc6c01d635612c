"""A norm fitted to a cohort, as it answers for one child."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from ctworkbench.core.norms.design import Array
from ctworkbench.core.norms.models import vector
from ctworkbench.core.norms.norm import Limits, Norm, NormError, deviate_of
from ctworkbench.core.norms.norm_file import NormFile, PairFit, RegionFit
from ctworkbench.core.wording import REHEARSAL, rehearsal


class FittedNorm(Norm):
    """The models of a norm's file behind the interface of all norms.

    Args:
        file: what was fitted, here or elsewhere.
        name: by which this study knows it, where it is not the name in the file.
        phantoms: how many of its scans the study knows to be of digital phantoms; files of before phantoms were left
            out do not say it.
    """

    def __init__(self, file: NormFile, name: str = "", phantoms: int = 0) -> None:
        self.file = file
        card = file.card
        self.name = name or card.name
        phantoms = max(phantoms, card.phantoms)
        unreal = rehearsal(phantoms, card.n_male + card.n_female)
        self.title = f"{card.title} ({REHEARSAL[0].lower()}{REHEARSAL[1:]})" if unreal else card.title
        self.scheme = card.scheme
        self.limits = Limits(
            age_min_years=card.age_min_years,
            age_max_years=card.age_max_years,
            age_mean_years=card.age_mean_years,
            n_male=card.n_male,
            n_female=card.n_female,
            population=card.population,
            centre=card.centre,
            scanner=card.scanner_text,
            method=f"{card.method_title}; label maps: {card.source_text}",
            citation=f"Fitted with {card.program}, {card.created[:10]}; SHA-256 {file.sha256[:16]}",
            licence="",
            cautions=tuple(dict.fromkeys(filter(None, (unreal, *card.cautions)))),
            scanners=() if "unknown" in card.scanners else tuple(card.scanners),
            thickness_min_mm=card.thickness_min_mm,
            thickness_max_mm=card.thickness_max_mm,
            phantoms=phantoms,
        )

    @property
    def regions(self) -> tuple[str, ...]:
        """Names of the regions, as in the scheme."""
        return tuple(self._fits)

    @property
    def pairs(self) -> tuple[str, ...]:
        """Names of the regions with two sides, without the side."""
        return tuple(dict.fromkeys(entry.pair for entry in self.file.pairs))

    def volume_at(self, region: str, sex: str, age_years: float, z: float) -> float:
        """Volume in cm³ at a deviate; see `Norm.volume_at`."""
        return self._volumes(region, sex, [age_years], z)[0]

    def sd(self, region: str, sex: str | None = None, age_years: float | None = None) -> float:
        """Half the distance from z −1 to z +1 in cm³; it depends on sex and age. See `Norm.sd`."""
        if sex is None or age_years is None:
            raise NormError(f"The SD of {region} in the norm {self.name} depends on sex and age.", "Give both.")
        return (self.volume_at(region, sex, age_years, 1.0) - self.volume_at(region, sex, age_years, -1.0)) / 2

    def z(self, region: str, sex: str, age_years: float, volume_cm3: float) -> float:
        """Normal deviate of a volume's centile; see `Norm.z`."""
        self._refuse(sex, age_years)
        return float(self.z_scores(region, [sex], [age_years], [volume_cm3])[0])

    def z_scores(self, region: str, sexes: Sequence[str], ages: Sequence[float], volumes: Sequence[float]) -> Array:
        """Deviates of many children at once; nobody is held against the limits, ask `refusal` first."""
        fit = self._fit(region)
        female = np.array([sex == "F" for sex in sexes], dtype=np.float64)
        return fit.model.z(
            np.asarray(volumes, dtype=np.float64), self.file.age_scale, _array(ages), female, vector(fit.model)
        )[0]

    def centile_interval(
        self, region: str, sex: str, age_years: float, volume_cm3: float
    ) -> tuple[float, float] | None:
        """Interval of a centile from the bootstrap's repeats; None where the norm was fitted without."""
        from scipy.special import ndtr

        fit = self._fit(region)
        self._refuse(sex, age_years)
        betas = self._replicates[region]
        if not len(betas):
            return None
        z = fit.model.z(_array([volume_cm3]), self.file.age_scale, _array([age_years]), _female(sex, 1), betas)
        low, high = np.quantile(100 * ndtr(z[:, 0]), self._tails)
        return float(low), float(high)

    def curve_interval(
        self, region: str, sex: str, centile: float, ages: Sequence[float]
    ) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
        """Interval of a curve at each age from the bootstrap's repeats; None where the norm was fitted without."""
        fit = self._fit(region)
        for age in ages:
            self._refuse(sex, age)
        betas = self._replicates[region]
        if not len(betas):
            return None
        deviates = np.full(len(ages), deviate_of(centile))
        curves = fit.model.quantile(deviates, self.file.age_scale, _array(ages), _female(sex, len(ages)), betas)
        low, high = np.quantile(curves, self._tails, axis=0)
        return tuple(float(value) for value in low), tuple(float(value) for value in high)

    def curves(
        self, region: str, sex: str, centiles: Sequence[float], ages: Sequence[float] | None = None
    ) -> dict[float, tuple[float, ...]]:
        """Centile curves; see `Norm.curves`."""
        ages = self.ages() if ages is None else ages
        return {centile: self._volumes(region, sex, ages, deviate_of(centile)) for centile in centiles}

    def asymmetry_mean(self, pair: str, sex: str, age_years: float | None = None) -> float:
        """Mean of right minus left in cm³ at an age; at the mean age of the norm's children if none is given."""
        entry = self._pair(pair, sex)
        return entry.mean + (0.0 if age_years is None else entry.slope * (age_years - entry.mean_age))

    def asymmetry_sd(self, pair: str, sex: str) -> float:
        """SD of right minus left in cm³ around its line over age."""
        return self._pair(pair, sex).sd

    @cached_property
    def _fits(self) -> dict[str, RegionFit]:
        return {entry.region: entry for entry in self.file.regions}

    @cached_property
    def _replicates(self) -> dict[str, Array]:
        return {entry.region: _array(entry.replicates) for entry in self.file.regions}

    @property
    def _tails(self) -> tuple[float, float]:
        tail = (1 - self.file.card.confidence / 100) / 2
        return tail, 1 - tail

    def _fit(self, region: str) -> RegionFit:
        if region not in self._fits:
            raise self._no_region(region)
        return self._fits[region]

    def _volumes(self, region: str, sex: str, ages: Sequence[float], z: float) -> tuple[float, ...]:
        fit = self._fit(region)
        for age in ages:
            self._refuse(sex, age)
        found = fit.model.quantile(
            np.full(len(ages), z), self.file.age_scale, _array(ages), _female(sex, len(ages)), vector(fit.model)
        )
        return tuple(float(value) for value in found[0])

    def _pair(self, pair: str, sex: str) -> PairFit:
        for entry in self.file.pairs:
            if (entry.pair, entry.sex) == (pair, sex):
                return entry
        raise self._no_pair(pair, sex)


def _array(values: Sequence[float] | Sequence[Sequence[float]]) -> Array:
    return np.asarray(values, dtype=np.float64)


def _female(sex: str, n: int) -> Array:
    return np.full(n, float(sex == "F"))
