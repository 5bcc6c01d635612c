"""What the charts and the open child's table show: volumes against the norm."""

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.model import Sex
from ctworkbench.core.norms import Norm, published_norm
from ctworkbench.core.schemes import load as load_scheme
from ctworkbench.core.workbench.current import CURRENT
from ctworkbench.core.workbench.open_study import OpenStudy
from ctworkbench.core.workbench.rows import Band, ChartData, ChildRow, Dot, VolumeRow
from ctworkbench.core.workbench.volumes import volumes


def chart(study: OpenStudy, region: str, source: str = CURRENT) -> ChartData:
    """Volume of one region against age: the cohort's dots, the published norm's bands by sex."""
    norm = published_norm()
    outside: dict[int, str] = {}
    dots: list[Dot] = []
    for row in volumes(study, source):
        if row.region != region:
            continue
        assessed = norm.assess(region, row.sex, row.age_years, row.volume_cm3)
        if assessed.reason:
            outside[row.scan_id] = assessed.reason
        dots.append(_dot(row, row.volume_cm3, assessed.z))
    bands = [_band(norm, region, sex) for sex in Sex]
    return ChartData(load_scheme(study.scheme).region(region).title, "cm³", dots, bands, norm.limits.text, outside)


def asymmetry(study: OpenStudy, pair: str, source: str = CURRENT) -> ChartData:
    """Right minus left of one pair ("frontal", "parietal", "occipital", "temporal") against age, in cm³."""
    norm = published_norm()
    if pair not in norm.pairs:
        raise WorkbenchError(f"There is no pair {pair!r}.", f"Choose one of {', '.join(norm.pairs)}.")
    sides: dict[int, dict[str, VolumeRow]] = {}
    for row in volumes(study, source):
        side, _, name = row.region.partition("_")
        if name == pair:
            sides.setdefault(row.scan_id, {})[side] = row
    outside: dict[int, str] = {}
    dots: list[Dot] = []
    for scan_id, both in sides.items():
        if len(both) < 2 or min(row.volume_cm3 for row in both.values()) <= 0:
            outside[scan_id] = "one side is not in the label map"
            continue
        right, left = both["right"], both["left"]
        reason = norm.refusal(right.sex, right.age_years)
        z = None
        if reason is not None:
            outside[scan_id] = reason
        elif right.sex is not None and right.age_years is not None:
            z = norm.asymmetry_z(pair, right.sex, right.age_years, right.volume_cm3, left.volume_cm3)
        dots.append(_dot(right, right.volume_cm3 - left.volume_cm3, z))
    low, high = norm.limits.age_min_years, norm.limits.age_max_years
    bands: list[Band] = []
    for sex in Sex:
        mean, sd = norm.asymmetry_mean(pair, sex), norm.asymmetry_sd(pair, sex)
        levels = {k: [mean + k * sd] * 2 for k in (-2, -1, 0, 1, 2)}
        bands.append(Band(sex, [low, high], levels[-2], levels[-1], levels[0], levels[1], levels[2]))
    return ChartData(f"{pair.capitalize()} lobe, right minus left", "cm³", dots, bands, norm.limits.text, outside)


def child(study: OpenStudy, scan_id: int, source: str = CURRENT) -> list[ChildRow]:
    """The volumes of one scan against the norm; `reason` says why there is no centile."""
    norm = published_norm()
    rows: list[ChildRow] = []
    for row in volumes(study, source):
        if row.scan_id != scan_id:
            continue
        found = norm.assess(row.region, row.sex, row.age_years, row.volume_cm3)
        title = load_scheme(study.scheme).region(row.region).title
        rows.append(
            ChildRow(row.region, title, row.volume_cm3, found.expected_cm3, found.z, found.centile, found.reason)
        )
    return rows


def _dot(row: VolumeRow, value: float, z: float | None) -> Dot:
    return Dot(row.scan_id, row.subject, row.sex, row.age_years, value, z, str(row.source))


def _band(norm: Norm, region: str, sex: Sex) -> Band:
    found = norm.bands(region, sex)
    return Band(
        sex,
        list(found.ages),
        list(found.minus2),
        list(found.minus1),
        list(found.mean),
        list(found.plus1),
        list(found.plus2),
    )
