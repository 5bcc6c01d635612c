"""What the charts and the open child's table show: volumes against the norm."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.model import Annotation, Scan, Sex, Subject
from ctworkbench.core.norms import Norm, centile_of
from ctworkbench.core.norms.norm import deviate_of
from ctworkbench.core.norms.units import volume_fault
from ctworkbench.core.schemes import load as load_scheme
from ctworkbench.core.workbench import norm_library
from ctworkbench.core.workbench.current import CURRENT, last_verdicts
from ctworkbench.core.workbench.lineage import is_phantom, learned_roles
from ctworkbench.core.workbench.open_study import OpenStudy
from ctworkbench.core.workbench.rows import Band, ChartData, Dot, VolumeRow
from ctworkbench.core.workbench.volumes import scanners, volumes

CENTILES = (5, 25, 50, 75, 95)


@dataclass(frozen=True)
class _Facts:
    """What a dot tells beside its volume."""

    site: str
    scanner: str
    role: str
    verdict: str
    warnings: int
    learned: str
    phantom: bool


def charts(study: OpenStudy, names: Sequence[str], source: str = CURRENT) -> dict[str, ChartData]:
    """Several charts against the norm in use from one reading of the study, by name.

    Args:
        study: the open study.
        names: of regions, such as "right_frontal", and of pairs, such as "frontal", for right minus left.
        source: which label maps; see `volumes.volumes`.

    Raises:
        WorkbenchError: a name that is neither, or an unknown source.
    """
    scheme = load_scheme(study.scheme)
    pairs = pairs_of(study.scheme)
    unknown = [name for name in names if name not in (*scheme.region_names, *pairs)]
    if unknown:
        raise WorkbenchError(
            f"There is no region or pair {unknown[0]!r}.",
            f"Choose one of {', '.join(scheme.region_names)}, or of {', '.join(pairs)} for right minus left.",
        )
    cohort = _Cohort(norm_library.norm(study), _read_facts(study))
    rows: dict[str, list[VolumeRow]] = {}
    for row in volumes(study, source, study.settings.author):
        rows.setdefault(row.region, []).append(row)
    return {
        name: cohort.asymmetry(name, rows)
        if name in pairs
        else cohort.volumes(name, scheme.region(name).title, rows.get(name, []))
        for name in names
    }


def pairs_of(scheme: str) -> tuple[str, ...]:
    """Names of the regions of a scheme with two sides, without the side, such as "frontal"."""
    return tuple(right.name.removeprefix("right_") for right, _ in load_scheme(scheme).pairs)


def chart(study: OpenStudy, region: str, source: str = CURRENT) -> ChartData:
    """Volume of one region against age: the cohort's dots, the norm's bands by sex."""
    return charts(study, [region], source)[region]


def asymmetry(study: OpenStudy, pair: str, source: str = CURRENT) -> ChartData:
    """Right minus left of one pair ("frontal", "parietal", "occipital", "temporal") against age, in cm³."""
    pairs = pairs_of(study.scheme)
    if pair not in pairs:
        raise WorkbenchError(f"There is no pair {pair!r}.", f"Choose one of {', '.join(pairs)}.")
    return charts(study, [pair], source)[pair]


class _Cohort:
    """The scans of a study against one norm; why the norm refuses a scan is asked once, for all of its regions."""

    def __init__(self, norm: Norm, facts: Mapping[int, _Facts]) -> None:
        self._norm = norm
        self._facts = facts
        self._refusals: dict[int, str | None] = {}

    def volumes(self, region: str, title: str, rows: Sequence[VolumeRow]) -> ChartData:
        """Volumes of one region."""
        norm, outside, dots = self._norm, dict[int, str](), list[Dot]()
        known = region in norm.regions
        for row in rows:
            reason, z = self._refusal(row), None
            if reason is None and not known:
                reason = "the norm has no such region"
            elif reason is None:
                reason = volume_fault(row.volume_cm3) or None
            if reason is not None:
                outside[row.scan_id] = reason
            elif row.sex is not None and row.age_years is not None:
                z = norm.z(region, row.sex, row.age_years, row.volume_cm3)
            dots.append(self._dot(row, row.volume_cm3, z))
        bands = [band_of(norm, region, sex) for sex in self._sexes()] if known else []
        return ChartData(title, "cm³", dots, bands, norm.limits.text, outside, region, norm.title)

    def asymmetry(self, pair: str, rows: Mapping[str, Sequence[VolumeRow]]) -> ChartData:
        """Right minus left of one pair."""
        norm, outside, dots = self._norm, dict[int, str](), list[Dot]()
        lefts = {row.scan_id: row for row in rows.get(f"left_{pair}", [])}
        rights = {row.scan_id: row for row in rows.get(f"right_{pair}", [])}
        known = pair in norm.pairs
        for scan_id in rights | lefts:
            right, left = rights.get(scan_id), lefts.get(scan_id)
            if right is None or left is None or min(right.volume_cm3, left.volume_cm3) <= 0:
                outside[scan_id] = "one side is not in the label map"
                continue
            fault = volume_fault(right.volume_cm3) or volume_fault(left.volume_cm3) or None
            reason, z = (self._refusal(right) or fault) if known else "the norm has no such pair", None
            if reason is not None:
                outside[scan_id] = reason
            elif right.sex is not None and right.age_years is not None:
                z = norm.asymmetry_z(pair, right.sex, right.age_years, right.volume_cm3, left.volume_cm3)
            dots.append(self._dot(right, right.volume_cm3 - left.volume_cm3, z))
        bands = [_asymmetry_band(norm, pair, sex) for sex in self._sexes()] if known else []
        title = f"{pair.capitalize()} lobe, right minus left"
        return ChartData(title, "cm³", dots, bands, norm.limits.text, outside, pair, norm.title, signed=True)

    def _sexes(self) -> list[Sex]:
        """The sexes that the norm holds for."""
        age = self._norm.limits.age_min_years
        return [sex for sex in Sex if self._norm.refusal(sex, age) is None]

    def _refusal(self, row: VolumeRow) -> str | None:
        if row.scan_id not in self._refusals:
            self._refusals[row.scan_id] = self._norm.refusal(row.sex, row.age_years, row.scanner, row.thickness_mm)
        return self._refusals[row.scan_id]

    def _dot(self, row: VolumeRow, value: float, z: float | None) -> Dot:
        facts = self._facts[row.annotation_id]
        return Dot(
            row.scan_id,
            row.subject,
            row.sex,
            row.age_years,
            value,
            z,
            str(row.source),
            None if z is None else centile_of(z),
            facts.site,
            facts.scanner,
            facts.role,
            facts.verdict,
            facts.warnings,
            facts.learned,
            row.version,
            facts.phantom,
        )


def _read_facts(study: OpenStudy) -> dict[int, _Facts]:
    """What is known of the scan, the subject and the label map of each annotation, by its id."""
    with study.database.reading() as session:
        verdicts = last_verdicts(session, None, study.settings.author)
        learned, device = learned_roles(session), scanners(session)
        query = (
            select(Annotation.id, Scan.id, Subject.role, Scan.site, Scan.warnings, Scan.protocol)
            .join_from(Annotation, Scan, Scan.id == Annotation.scan_id)
            .join(Subject, Subject.id == Scan.subject_id)
        )
        rows = session.execute(query).tuples().all()

    found: dict[int, _Facts] = {}
    for annotation, scan, role, site, warnings, protocol in rows:
        told, unread = verdicts.get(annotation, ("", False))
        verdict = f"{told} unread" if unread else str(told)
        part, phantom = learned.get(annotation, ""), is_phantom(protocol, site)
        found[annotation] = _Facts(site, device[scan], str(role or ""), verdict, len(warnings), part, phantom)
    return found


def band_of(norm: Norm, region: str, sex: Sex) -> Band:
    """The norm of one sex along the norm's ages, in cm³."""
    found = norm.bands(region, sex)
    curves = norm.curves(region, sex, CENTILES, found.ages)
    return Band(
        sex,
        list(found.ages),
        list(found.minus2),
        list(found.minus1),
        list(found.mean),
        list(found.plus1),
        list(found.plus2),
        {centile: list(curves[centile]) for centile in CENTILES},
    )


def _asymmetry_band(norm: Norm, pair: str, sex: Sex) -> Band:
    """Right minus left of one sex; norms give it a mean and an SD, and by them its z and its centile."""
    ages = norm.ages()
    middle = [norm.asymmetry_mean(pair, sex, age) for age in ages]
    sd = norm.asymmetry_sd(pair, sex)

    def shifted(z: float) -> list[float]:
        return [mean + z * sd for mean in middle]

    centiles = {centile: shifted(deviate_of(centile)) for centile in CENTILES}
    return Band(sex, list(ages), shifted(-2), shifted(-1), middle, shifted(1), shifted(2), centiles)
