"""Regions adjusted for the size of the brain or of the skull, and whether boys and girls grow alike.

Three answers to "is this region large for such a head?", as O'Brien et al. compare them (2011, Psychiatry Res 193:113):
the total as a covariate, the region's share of the total, the intracranial volume as a covariate. They ask different
questions and need not agree.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ctworkbench.core.analysis.effects import Effect, corrected, least_squares, varies
from ctworkbench.core.analysis.scans import Account, ScanVolumes, regions_of, tell_repeats, with_sex_and_age
from ctworkbench.core.schemes import spoken
from ctworkbench.core.wording import count

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TOTAL = "adjusted for total volume"
SHARE = "share of total volume"
INTRACRANIAL = "adjusted for intracranial volume"
INTERACTION = "age × sex"

SEX = "sex (girls − boys)"
AGE = "age"
_Value = Callable[[ScanVolumes], float | None]


def adjusted(scans: Sequence[ScanVolumes], account: Account) -> list[Effect]:
    """Least squares of each region on sex and age, adjusted for size in three ways.

    - `TOTAL`: volume = b0 + sex + age + total; the total is the sum of all regions, this one among them.
    - `SHARE`: 100 · volume / total (%) = b0 + sex + age.
    - `INTRACRANIAL`: volume = b0 + sex + age + inside of the skull, of the scans where it was measured.

    Sex is 0 for boys and 1 for girls, age in years, volumes in cm³.
    """
    regions = regions_of(scans)
    tell_repeats(scans, account)
    if not regions:
        account.note("No volume is left to adjust for the size of the brain.")
        return []
    account.note(
        f"Total volume is the sum of the {len(regions)} regions, so each region is a part of the total that it is "
        "adjusted for: its coefficient of the total is partly with itself."
    )
    rows: list[Effect] = []
    totals = {scan.scan: scan.total(regions) for scan in scans}

    def total(scan: ScanVolumes) -> float | None:
        return totals[scan.scan]

    whole = _known(scans, TOTAL, account, total, "a region is not in the label map")
    for region in regions:
        rows += _fit(whole, region, TOTAL, account, total=total)
    for region in regions:
        rows += _fit(whole, region, SHARE, account, share_of=total)
    measured = [scan for scan in scans if _intracranial(scan) is not None]
    if not measured:
        account.note("No intracranial volume: it is the inside of the skull, which `ctworkbench preprocess` measures.")
        return corrected(rows)
    account.note(
        "Intracranial volume is the inside of the skull down to the foramen magnum, measured on the 1 mm grid that "
        "preprocessing makes, not on the scan's own grid as the regions are."
    )
    skulls = _known(scans, INTRACRANIAL, account, _intracranial, "intracranial volume not measured")
    for region in regions:
        rows += _fit(skulls, region, INTRACRANIAL, account, intracranial=_intracranial)
    return corrected(rows)


def interaction(scans: Sequence[ScanVolumes], account: Account) -> list[Effect]:
    """Least squares of each region on sex, age and their product; the slopes of boys and girls, and their difference.

    Age is centred on the mean of all scans with sex and age, so that the sex effect is the one at that age. Rows: the
    product (girls' slope minus boys', cm³ a year), either slope, and the sex effect at the mean age (cm³).
    """
    import numpy as np

    tell_repeats(scans, account)
    known = with_sex_and_age(scans, INTERACTION, account)
    mean = float(np.mean([scan.age or 0.0 for scan in known])) if known else 0.0
    rows: list[Effect] = []
    for region in regions_of(scans):
        used, volumes = _volumes(known, region, INTERACTION, account)
        if not used:
            account.no_fit(INTERACTION, region, "no scan is left")
            continue
        sex, age = _sex_and_age(used)
        if not (varies(sex) and varies(age)):
            _tell_constant(sex, age, INTERACTION, account)
            continue
        if not (varies(age[sex == 0]) and varies(age[sex == 1])):
            account.no_fit(INTERACTION, region, "the boys or the girls are all of one age")
            continue
        columns = {"sex": sex, "age": age - mean, "product": sex * (age - mean)}
        terms = {
            "age × sex (girls − boys)": ({"product": 1.0}, "cm³/year"),
            "age in boys": ({"age": 1.0}, "cm³/year"),
            "age in girls": ({"age": 1.0, "product": 1.0}, "cm³/year"),
            "sex at mean age (girls − boys)": ({"sex": 1.0}, "cm³"),
        }
        account.note(f"{INTERACTION}: age is centred on {mean:.3f} years, the mean of the scans with sex and age.")
        rows += least_squares(volumes, columns, terms, INTERACTION, region, account)
    return corrected(rows)


def _fit(
    scans: Sequence[ScanVolumes],
    region: str,
    model: str,
    account: Account,
    total: _Value | None = None,
    share_of: _Value | None = None,
    intracranial: _Value | None = None,
) -> list[Effect]:
    """One region in one of the three models."""
    import numpy as np

    used, volumes = _volumes(scans, region, model, account)
    if not used:
        account.no_fit(model, region, "no scan is left")
        return []
    sex, age = _sex_and_age(used)
    unit = "cm³"
    if share_of is not None:
        volumes = 100 * volumes / np.array([share_of(scan) or np.nan for scan in used])
        unit = "%"
    columns: dict[str, NDArray[np.float64]] = {}
    terms: dict[str, tuple[dict[str, float], str]] = {}
    if varies(sex):
        columns["sex"], terms[SEX] = sex, ({"sex": 1.0}, unit)
    if varies(age):
        columns["age"], terms[AGE] = age - age.mean(), ({"age": 1.0}, f"{unit}/year")
    _tell_constant(sex, age, model, account)
    for name, title, value in (("total", "total volume", total), ("skull", "intracranial volume", intracranial)):
        if value is not None:
            size = np.array([value(scan) or np.nan for scan in used])
            if not varies(size):
                account.no_fit(model, region, f"the {title} is the same in all {count(size.size, 'scan')}")
                return []
            columns[name], terms[title] = size - size.mean(), ({name: 1.0}, "cm³/cm³")
    return least_squares(volumes, columns, terms, model, region, account) if columns else []


def _known(scans: Sequence[ScanVolumes], model: str, account: Account, value: _Value, reason: str) -> list[ScanVolumes]:
    """Scans with sex, age and a measure of size."""
    kept: list[ScanVolumes] = []
    for scan in with_sex_and_age(scans, model, account):
        if value(scan) is None:
            account.leave_out(model, reason, scan)
        else:
            kept.append(scan)
    return kept


def _volumes(
    scans: Sequence[ScanVolumes], region: str, model: str, account: Account
) -> "tuple[list[ScanVolumes], NDArray[np.float64]]":
    """The scans in which a region was found, and its volumes."""
    import numpy as np

    used = [scan for scan in scans if region in scan.found]
    for scan in scans:
        if region not in scan.found:
            account.leave_out(model, f"{spoken(region)} is not in the label map", scan)
    return used, np.array([scan.found[region] for scan in used])


def _sex_and_age(scans: Sequence[ScanVolumes]) -> "tuple[NDArray[np.float64], NDArray[np.float64]]":
    import numpy as np

    return np.array([scan.female for scan in scans], dtype=float), np.array([scan.age for scan in scans], dtype=float)


def _tell_constant(sex: "NDArray[np.float64]", age: "NDArray[np.float64]", model: str, account: Account) -> None:
    if not varies(sex):
        account.note(f"{model}: all scans of a fit are of one sex, so sex has no coefficient.")
    if not varies(age):
        account.note(f"{model}: all ages of a fit are equal, so age has no coefficient.")


def _intracranial(scan: ScanVolumes) -> float | None:
    value = scan.intracranial_cm3
    return value if value is not None and value > 0 else None
