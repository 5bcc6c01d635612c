"""What the charts and the open child's table show: volumes against the norm."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.model import Annotation, ModelRun, Origin, Scan, Sex, Subject
from ctworkbench.core.norms import Norm, centile_of, published_norm
from ctworkbench.core.schemes import load as load_scheme
from ctworkbench.core.workbench.current import CURRENT, last_verdicts
from ctworkbench.core.workbench.open_study import OpenStudy
from ctworkbench.core.workbench.rows import Band, ChartData, ChildRow, Dot, VolumeRow
from ctworkbench.core.workbench.volumes import volumes

CENTILES = (5, 25, 50, 75, 95)
# Where the centiles lie in a normal distribution: the asymmetry of the norm is given as mean and SD alone.
_NORMAL = {5: -1.6448536, 25: -0.6744898, 50: 0.0, 75: 0.6744898, 95: 1.6448536}


@dataclass(frozen=True)
class _Facts:
    """What a dot tells beside its volume."""

    site: str
    scanner: str
    role: str
    verdict: str
    warnings: int
    learned: str


def charts(study: OpenStudy, names: Sequence[str], source: str = CURRENT) -> dict[str, ChartData]:
    """Several charts from one reading of the study, by name.

    Args:
        study: the open study.
        names: of regions, such as "right_frontal", and of pairs, such as "frontal", for right minus left.
        source: which label maps; see `volumes.volumes`.

    Raises:
        WorkbenchError: a name that is neither, or an unknown source.
    """
    norm = published_norm()
    scheme = load_scheme(study.scheme)
    unknown = [name for name in names if name not in (*scheme.region_names, *norm.pairs)]
    if unknown:
        raise WorkbenchError(
            f"There is no region or pair {unknown[0]!r}.",
            f"Choose one of {', '.join(scheme.region_names)}, or of {', '.join(norm.pairs)} for right minus left.",
        )
    rows: dict[str, list[VolumeRow]] = {}
    for row in volumes(study, source):
        rows.setdefault(row.region, []).append(row)
    facts = _read_facts(study)
    return {
        name: _asymmetry(norm, name, rows, facts)
        if name in norm.pairs
        else _chart(norm, name, scheme.region(name).title, rows.get(name, []), facts)
        for name in names
    }


def chart(study: OpenStudy, region: str, source: str = CURRENT) -> ChartData:
    """Volume of one region against age: the cohort's dots, the norm's bands by sex."""
    return charts(study, [region], source)[region]


def asymmetry(study: OpenStudy, pair: str, source: str = CURRENT) -> ChartData:
    """Right minus left of one pair ("frontal", "parietal", "occipital", "temporal") against age, in cm³."""
    norm = published_norm()
    if pair not in norm.pairs:
        raise WorkbenchError(f"There is no pair {pair!r}.", f"Choose one of {', '.join(norm.pairs)}.")
    return charts(study, [pair], source)[pair]


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


def _chart(norm: Norm, region: str, title: str, rows: Sequence[VolumeRow], facts: Mapping[int, _Facts]) -> ChartData:
    outside: dict[int, str] = {}
    dots: list[Dot] = []
    for row in rows:
        found = norm.assess(region, row.sex, row.age_years, row.volume_cm3)
        if found.reason:
            outside[row.scan_id] = found.reason
        dots.append(_dot(row, row.volume_cm3, found.z, found.centile, facts[row.annotation_id]))
    bands = [_band(norm, region, sex) for sex in Sex]
    return ChartData(title, "cm³", dots, bands, norm.limits.text, outside, region, norm.title)


def _asymmetry(
    norm: Norm, pair: str, rows: Mapping[str, Sequence[VolumeRow]], facts: Mapping[int, _Facts]
) -> ChartData:
    lefts = {row.scan_id: row for row in rows.get(f"left_{pair}", [])}
    rights = {row.scan_id: row for row in rows.get(f"right_{pair}", [])}
    outside: dict[int, str] = {}
    dots: list[Dot] = []
    for scan_id in rights | lefts:
        right, left = rights.get(scan_id), lefts.get(scan_id)
        if right is None or left is None or min(right.volume_cm3, left.volume_cm3) <= 0:
            outside[scan_id] = "one side is not in the label map"
            continue
        reason = norm.refusal(right.sex, right.age_years)
        z = None
        if reason is not None:
            outside[scan_id] = reason
        elif right.sex is not None and right.age_years is not None:
            z = norm.asymmetry_z(pair, right.sex, right.age_years, right.volume_cm3, left.volume_cm3)
        centile = None if z is None else centile_of(z)
        dots.append(_dot(right, right.volume_cm3 - left.volume_cm3, z, centile, facts[right.annotation_id]))
    bands = [_asymmetry_band(norm, pair, sex) for sex in Sex]
    title = f"{pair.capitalize()} lobe, right minus left"
    return ChartData(title, "cm³", dots, bands, norm.limits.text, outside, pair, norm.title)


def _read_facts(study: OpenStudy) -> dict[int, _Facts]:
    """What is known of the scan, the subject and the label map of each annotation, by its id."""
    with study.database.reading() as session:
        splits = dict(session.execute(select(ModelRun.id, ModelRun.split)).tuples().all())
        verdicts = last_verdicts(session)
        drawn = select(Annotation.id, Annotation.parent_id, Annotation.origin, Annotation.model_id)
        origins = {row[0]: row[1:] for row in session.execute(drawn).tuples()}
        query = (
            select(Annotation.id, Subject.code, Subject.role, Scan.site, Scan.scanner, Scan.warnings)
            .join_from(Annotation, Scan, Scan.id == Annotation.scan_id)
            .join(Subject, Subject.id == Scan.subject_id)
        )
        rows = session.execute(query).tuples().all()

    def model_of(annotation: int | None) -> int | None:
        """The model that a label map goes back to: expert corrections are drawn from what a machine made."""
        while annotation is not None and annotation in origins:
            parent, origin, model = origins[annotation]
            if origin is not Origin.EXPERT:
                return model
            annotation = parent
        return None

    found: dict[int, _Facts] = {}
    for annotation, code, role, site, scanner, warnings in rows:
        model = model_of(annotation)
        learned = "" if model is None else str(splits.get(model, {}).get(code, ""))
        told, unread = verdicts.get(annotation, ("", False))
        verdict = f"{told} unread" if unread else str(told)
        found[annotation] = _Facts(site, scanner, str(role or ""), verdict, len(warnings), learned)
    return found


def _dot(row: VolumeRow, value: float, z: float | None, centile: float | None, facts: _Facts) -> Dot:
    return Dot(
        row.scan_id,
        row.subject,
        row.sex,
        row.age_years,
        value,
        z,
        str(row.source),
        centile,
        facts.site,
        facts.scanner,
        facts.role,
        facts.verdict,
        facts.warnings,
        facts.learned,
        row.version,
    )


def _band(norm: Norm, region: str, sex: Sex) -> Band:
    found = norm.bands(region, sex)
    sd = norm.sd(region)
    centiles = {percent: [mean + shift * sd for mean in found.mean] for percent, shift in _NORMAL.items()}
    return Band(
        sex,
        list(found.ages),
        list(found.minus2),
        list(found.minus1),
        list(found.mean),
        list(found.plus1),
        list(found.plus2),
        centiles,
    )


def _asymmetry_band(norm: Norm, pair: str, sex: Sex) -> Band:
    mean, sd = norm.asymmetry_mean(pair, sex), norm.asymmetry_sd(pair, sex)
    levels = {shift: [mean + shift * sd] * 2 for shift in (-2, -1, 0, 1, 2)}
    centiles = {percent: [mean + shift * sd] * 2 for percent, shift in _NORMAL.items()}
    ages = [norm.limits.age_min_years, norm.limits.age_max_years]
    return Band(sex, ages, levels[-2], levels[-1], levels[0], levels[1], levels[2], centiles)
