"""The child that a phantom is to be: sex, age, head and regional volumes, drawn from published norms.

Regional volumes: Xi et al. 2025 (`norms.published_norm`). Intracranial volume, cephalic index and bone thickness:
normativeCranialGrowth (cuMIP, MIT), model means by age and sex, under `resources/norms/cranial`.
"""

import csv
import math
from dataclasses import dataclass
from functools import cache

import numpy as np

from ctworkbench.core.norms import Norm, published_norm
from ctworkbench.core.schemes import load
from ctworkbench.core.settings import resource

SHARED_SIZE = 0.6
CEPHALIC_INDEX_SD = 3.0
BONE_SD_RELATIVE = 0.1
MOST_SDS = 2.5


@dataclass(frozen=True)
class Child:
    """What is asked of one phantom.

    Attributes:
        sex: "M" or "F".
        age_years: 1.5 to 2.5, the range of the norm.
        volumes_cm3: drawn volume of each region, by name.
        intracranial_cm3: volume inside the skull.
        cephalic_index: 100 × width / length of the skull.
        bone_mm: thickness of the vault (frontal, parietal, occipital).
    """

    sex: str
    age_years: float
    volumes_cm3: dict[str, float]
    intracranial_cm3: float
    cephalic_index: float
    bone_mm: tuple[float, float, float]


def draw_child(rng: np.random.Generator, sex: str, age_years: float) -> Child:
    """Draw a child of a sex and age.

    Each region is normal about its mean with the norm's SD, cut at 2.5 SD. Regions share a factor of size (correlation
    0.6 between lobes, as brain volumes do), and the two sides of a lobe are tied so that their difference has the SD
    of the article's Table 5. The intracranial volume follows the drawn brain: its ratio to the brain is that of the
    norms' means, never under 1.05, for the norm of the regions fills the mean skull of the other norm almost wholly.

    Raises:
        NormError: an age or sex that the norm does not cover.
    """
    volumes = _draw_volumes(rng, published_norm(), sex, age_years)
    index = CEPHALIC_INDEX_SD * _cut_normal(rng)
    return _child(sex, age_years, volumes, index, 1 + BONE_SD_RELATIVE * _cut_normal(rng))


def mean_child(sex: str, age_years: float) -> Child:
    """The child whose regions, skull and bone have the norms' means.

    Raises:
        NormError: an age or sex that the norm does not cover.
    """
    norm = published_norm()
    volumes = {name: norm.mean(name, sex, age_years) for name in load().region_names}
    return _child(sex, age_years, volumes, 0.0, 1.0)


def _child(sex: str, age_years: float, volumes: dict[str, float], wider: float, thicker: float) -> Child:
    """A child of regional volumes in cm³; its cephalic index `wider` and its bone `thicker` (×) than the mean."""
    norm = published_norm()
    expected = sum(norm.mean(region, sex, age_years) for region in norm.regions)
    share = max(1.05, cranial("ICV", "ICV", sex, age_years) / expected)
    index = cranial("CI", "CI", sex, age_years) + wider
    frontal, parietal, occipital = (
        thicker * cranial("BoneThickness", f"{bone} bone", sex, age_years)
        for bone in ("Frontal", "Parietal", "Occipital")
    )
    return Child(sex, age_years, volumes, sum(volumes.values()) * share, index, (frontal, parietal, occipital))


def _draw_volumes(rng: np.random.Generator, norm: Norm, sex: str, age_years: float) -> dict[str, float]:
    """Volumes in cm³ by region; the sides of a pair correlate as their published difference says."""
    size = _cut_normal(rng)
    volumes: dict[str, float] = {}

    def part() -> float:
        z = math.sqrt(SHARED_SIZE) * size + math.sqrt(1 - SHARED_SIZE) * _cut_normal(rng)
        return min(MOST_SDS, max(-MOST_SDS, z))

    def put(name: str, z: float) -> None:
        volumes[name] = norm.mean(name, sex, age_years) + norm.sd(name) * z

    paired: set[str] = set()
    for right, left in load().pairs:
        pair = right.name.removeprefix("right_")
        sd_right, sd_left = norm.sd(right.name), norm.sd(left.name)
        r = (sd_right**2 + sd_left**2 - norm.asymmetry_sd(pair, sex) ** 2) / (2 * sd_right * sd_left)
        together, apart = math.sqrt((1 + r) / 2) * part(), math.sqrt((1 - r) / 2) * _cut_normal(rng)
        put(right.name, together + apart)
        put(left.name, together - apart)
        paired |= {right.name, left.name}
    for region in norm.regions:
        if region not in paired:
            put(region, part())
    return {name: volumes[name] for name in load().region_names}


def _cut_normal(rng: np.random.Generator) -> float:
    """A standard normal number within ±2.5."""
    while abs(z := float(rng.standard_normal())) > MOST_SDS:
        pass
    return z


def cranial(table: str, column: str, sex: str, age_years: float) -> float:
    """Model mean of a column of `resources/norms/cranial` at an age, linear between its rows (every 0.1 y)."""
    rows = _rows(table)
    name = next(key for key in rows[0] if key.lower().startswith(f"{column} {_WORD[sex]}".lower()))
    ages = [float(row["Age (years)"]) for row in rows]
    return float(np.interp(age_years, ages, [float(row[name]) for row in rows]))


_WORD = {"M": "male", "F": "female"}


@cache
def _rows(table: str) -> list[dict[str, str]]:
    with resource(f"norms/cranial/{table}.csv").open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))
