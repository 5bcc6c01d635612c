"""Values that cannot be what they are called: ages in months or days, volumes in mm³. Said, never converted."""

import math
from collections.abc import Mapping, Sequence
from statistics import median

OLDEST_YEARS = 120.0
LARGEST_CM3 = 2000.0  # more than any whole brain; the smallest region in mm³, a brainstem, is five times that
CHILD_YEARS = 18.0
_DAYS_PER_YEAR = 365.25
_SHOWN = 8


def volume_fault(volume_cm3: float) -> str:
    """Why a number is no volume of a region, for a sentence; "" where it can be one."""
    if volume_cm3 == 0:
        return "the region is not in the label map"
    if not math.isfinite(volume_cm3) or volume_cm3 < 0:
        return f"{volume_cm3:g} cm³ is no volume"
    if volume_cm3 > LARGEST_CM3:
        return f"{volume_cm3:,.0f} cm³ is more than any brain: mm³?"
    return ""


def age_possible(age_years: float | None) -> bool:
    """Whether an age is known and can be a human one in years."""
    return age_years is not None and 0 <= age_years <= OLDEST_YEARS


def months_doubt(ages_years: Sequence[float]) -> str:
    """What is to be asked of ages that would all be children's if they were months; "" where nothing is."""
    if not ages_years:
        return ""
    low, middle, high = min(ages_years), median(ages_years), max(ages_years)
    if middle <= CHILD_YEARS or high / 12 > CHILD_YEARS:
        return ""
    return (
        f"The ages run from {low:g} to {high:g} years, half of them above {middle:g}. If they are months, "
        f"{low / 12:.2f} to {high / 12:.2f} years are meant. They were taken for years, as the cohort table says."
    )


def adult_doubt(age_years: float | None) -> str:
    """What is to be asked of one age that is no child's in years, with what would be meant; "" where nothing is."""
    if age_years is None or age_years <= CHILD_YEARS:
        return ""
    return (
        f"age {age_years:g} years is no child's; if it is months, {age_years / 12:.2f} years are meant, "
        f"if days, {age_years / _DAYS_PER_YEAR:.2f}"
    )


def adults_doubt(ages_years: Mapping[str, float]) -> str:
    """One sentence on the ages, by subject, that are no child's in years; "" where there are none."""
    adults = {subject: age for subject, age in sorted(ages_years.items()) if adult_doubt(age)}
    if not adults:
        return ""
    low, high = min(adults.values()), max(adults.values())

    def span(per_year: float) -> str:
        first, last = f"{low / per_year:.2f}", f"{high / per_year:.2f}"
        return first if first == last else f"{first} to {last}"

    shown = ", ".join(f"{subject} {age:g}" for subject, age in list(adults.items())[:_SHOWN])
    return (
        f"{len(adults)} of {len(ages_years)} ages lie above {CHILD_YEARS:g} years: {shown}"
        f"{' …' if len(adults) > _SHOWN else ''}. If they are months, {span(12)} years are meant; if days, "
        f"{span(_DAYS_PER_YEAR)}. They are taken for years; nothing is converted."
    )
