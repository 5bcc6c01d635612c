"""The measurement error of a way of labelling, as the study itself tells it, or as it is shipped."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.model import Annotation, Measurement, Origin, Scan, Subject
from ctworkbench.core.norms.measurement_error import (
    ENOUGH_CHILDREN,
    TOTAL,
    MeasurementError,
    against_experts,
    from_study,
    shipped,
    shipped_methods,
    unknown,
    within_subject_sd,
)
from ctworkbench.core.register import REGISTRATION
from ctworkbench.core.schemes import load as load_scheme
from ctworkbench.core.workbench.current import annotation_rows, version_for
from ctworkbench.core.workbench.lineage import machine_made
from ctworkbench.core.workbench.measuring import VOLUME
from ctworkbench.core.workbench.open_study import OpenStudy
from ctworkbench.core.workbench.rows import AnnotationRow

MAX_GAP_YEARS = 0.1
_DAYS_PER_YEAR = 365.25
_BEFORE = {"quick": "syn", "syn": "syn"}
"""What presets of an older registration are called now, where they are still there."""


@dataclass(frozen=True)
class Method:
    """A way of labelling: label maps of one method may be compared from scan to scan.

    Attributes:
        template_labels: voxel key of the template's label map, those offered where the scan decided among several,
            "" where no template was registered.
        model_id: the model that labelled, None where none did.
    """

    origin: Origin
    preset: str = ""
    template_labels: str = ""
    model_id: int | None = None

    @property
    def title(self) -> str:
        """For people and for the shipped figures: "registration, quick", "model 3", "expert"."""
        if self.origin is Origin.MODEL:
            return f"model {self.model_id}"
        return f"{self.origin}, {self.preset}" if self.preset else str(self.origin)


@dataclass(frozen=True)
class _Measured:
    """One measured label map of one scan, with what tells repeats from copies."""

    subject: str
    scan_id: int
    age_years: float | None
    day: date | None
    image_key: str
    volumes: Mapping[str, float]


def method_of(row: AnnotationRow) -> Method:
    """The way in which a label map was made."""
    if row.origin is Origin.EXPERT:
        return Method(row.origin)
    if row.origin is Origin.MODEL:
        return Method(row.origin, model_id=row.model_id)
    told = row.parameters
    templates = told.get("templates_offered") or told.get("template_labels", "")
    preset = str(told.get("preset", ""))
    if told.get("registration", 1) < REGISTRATION:
        preset = _BEFORE.get(preset, f"{preset} of an older program" if preset else "")
    return Method(row.origin, preset, str(templates))


def measurement_errors(
    study: OpenStudy, source: str, max_gap_years: float = MAX_GAP_YEARS
) -> dict[str, MeasurementError]:
    """The measurement error of a kind of label maps, by name of region and pair, and "total".

    Args:
        study: the open study.
        source: "registration", "expert" or "model".
        max_gap_years: scans of one child no further apart than this count as repeats.

    Raises:
        WorkbenchError: an unknown source.
    """
    if source not in list(Origin):
        raise WorkbenchError(f"There is no source {source!r}.", f"Choose one of {', '.join(Origin)}.")
    with study.database.reading() as session:
        chosen = [version_for(versions, source) for versions in annotation_rows(session).values()]
    methods = sorted({method_of(row) for row in chosen if row is not None}, key=lambda method: method.title)
    if len(methods) == 1:
        return errors_of(study, methods[0], max_gap_years)
    names = list(dict.fromkeys(method.title for method in methods))
    alike = "" if len(names) == len(methods) else ", with different templates"
    told = f"label maps were made in {len(methods)} ways ({', '.join(names)}{alike})"
    if not methods:
        told = f"no label map is of {source}"
    return {name: unknown(name, source, told) for name in names_of(study.scheme)}


def measurement_error(study: OpenStudy, name: str, source: str) -> MeasurementError:
    """The measurement error of one region, pair or "total".

    Raises:
        WorkbenchError: an unknown name or source.
    """
    names = names_of(study.scheme)
    if name not in names:
        raise WorkbenchError(f"There is no region or pair {name!r}.", f"Choose one of {', '.join(names)}.")
    return measurement_errors(study, source)[name]


def errors_of(study: OpenStudy, method: Method, max_gap_years: float = MAX_GAP_YEARS) -> dict[str, MeasurementError]:
    """The measurement error of one way of labelling, by name of region and pair, and "total".

    Children of the study scanned twice speak first, if there are enough of them; then the shipped figures.
    """
    names = names_of(study.scheme)
    pairs = tuple(right.name.removeprefix("right_") for right, _ in load_scheme(study.scheme).pairs)
    repeats = _repeats(study, method, max_gap_years)
    ready = shipped(method.title, method.template_labels)
    corrected = _corrections(study, method, names, pairs)
    found: dict[str, MeasurementError] = {}
    for name in names:
        groups = [[value for one in group if (value := _value(one, name, pairs)) is not None] for group in repeats]
        own = within_subject_sd(groups)
        if own is not None and own.children >= ENOUGH_CHILDREN:
            error = from_study(name, method.title, own, max_gap_years)
        elif name in ready:
            error = ready[name]
        else:
            error = unknown(name, method.title, _why(method, 0 if own is None else own.children))
        found[name] = against_experts(error, corrected.get(name, ()))
    return found


def names_of(scheme: str) -> tuple[str, ...]:
    """Everything that has a measurement error: the regions, the pairs and the total."""
    known = load_scheme(scheme)
    pairs = tuple(right.name.removeprefix("right_") for right, _ in known.pairs)
    return (*known.region_names, *pairs, TOTAL)


def _why(method: Method, children: int) -> str:
    """Why neither the study nor the shipped figures speak."""
    few = f"{children or 'no'} {'child' if children == 1 else 'children'} of this study"
    own = f"{few} {'was' if children == 1 else 'were'} scanned again and labelled alike (it takes {ENOUGH_CHILDREN})"
    if method.origin is not Origin.REGISTRATION:
        return f"nothing was shipped for labels of a{'n' * (method.origin is Origin.EXPERT)} {method.origin}, and {own}"
    if method.title in shipped_methods():
        return f"the shipped figures are of another template, and {own}"
    return f"nothing was shipped for {method.title or 'this registration'}, and {own}"


def _repeats(study: OpenStudy, method: Method, max_gap_years: float) -> list[list[Mapping[str, float]]]:
    """The volumes of children scanned again within the gap, by child; one image imported twice counts once."""
    with study.database.reading() as session:
        several = select(Scan.subject_id).group_by(Scan.subject_id).having(func.count() > 1)
        scans = session.execute(select(Scan, Subject.code).join(Subject).where(Scan.subject_id.in_(several))).all()
        if not scans:
            return []
        chosen = {
            scan_id: row
            for scan_id, versions in annotation_rows(session, [scan.id for scan, _ in scans]).items()
            if (row := version_for(versions, method.origin)) is not None and method_of(row) == method
        }
        query = select(Measurement.annotation_id, Measurement.region, Measurement.value)
        wanted = Measurement.annotation_id.in_([row.id for row in chosen.values()])
        volumes: dict[int, dict[str, float]] = defaultdict(dict)
        for annotation, region, value in session.execute(query.where(Measurement.statistic == VOLUME, wanted)).tuples():
            volumes[annotation][region] = value
    children: dict[str, list[_Measured]] = defaultdict(list)
    for scan, code in scans:
        row = chosen.get(scan.id)
        if row is None or row.id not in volumes:
            continue
        told = str(scan.protocol.get("study_date", ""))
        day = date.fromisoformat(told) if told else None
        children[code].append(_Measured(code, scan.id, scan.age_years, day, scan.image_key, volumes[row.id]))
    return [
        [one.volumes for one in group]
        for child in children.values()
        for group in _close_together(child, max_gap_years)
        if len(group) > 1
    ]


def _close_together(scans: Sequence[_Measured], max_gap_years: float) -> list[list[_Measured]]:
    """Groups of scans of one child of which the first and the last lie within the gap; copies of an image left out."""
    seen: set[str] = set()
    own: list[_Measured] = []
    for scan in sorted(scans, key=lambda scan: scan.scan_id):
        if scan.image_key not in seen:
            seen.add(scan.image_key)
            own.append(scan)
    dated = all(scan.day is not None for scan in own)
    moments = [(_moment(scan, dated), scan) for scan in own]
    groups: list[list[_Measured]] = []
    first = None
    for moment, scan in sorted(((m, s) for m, s in moments if m is not None), key=lambda pair: pair[0]):
        if first is not None and moment - first <= max_gap_years + 1e-9:
            groups[-1].append(scan)
        else:
            groups.append([scan])
            first = moment
    return groups


def _moment(scan: _Measured, dated: bool) -> float | None:
    """When a child was scanned, in years: by the dates where all scans have one, else by age; None if unknown."""
    if dated and scan.day is not None:
        return scan.day.toordinal() / _DAYS_PER_YEAR
    return scan.age_years


def _corrections(
    study: OpenStudy, method: Method, names: Iterable[str], pairs: Sequence[str]
) -> dict[str, list[float]]:
    """Machine minus expert of every label map of this method that an expert has corrected, by name."""
    if method.origin is Origin.EXPERT:
        return {}
    with study.database.reading() as session:
        experts = select(Annotation.scan_id).where(Annotation.origin == Origin.EXPERT).distinct()
        couples: list[tuple[int, int]] = []
        for versions in annotation_rows(session, session.scalars(experts).all()).values():
            expert = version_for(versions, Origin.EXPERT)
            machine = None if expert is None else machine_made({row.id: row for row in versions}, expert)
            if expert is not None and machine is not None and method_of(machine) == method:
                couples.append((machine.id, expert.id))
        ids = [annotation for couple in couples for annotation in couple]
        query = select(Measurement.annotation_id, Measurement.region, Measurement.value)
        volumes: dict[int, dict[str, float]] = defaultdict(dict)
        wanted = (Measurement.statistic == VOLUME, Measurement.annotation_id.in_(ids))
        for annotation, region, value in session.execute(query.where(*wanted)).tuples():
            volumes[annotation][region] = value
    found: dict[str, list[float]] = defaultdict(list)
    for name in names:
        for machine, expert in couples:
            made, read = _value(volumes[machine], name, pairs), _value(volumes[expert], name, pairs)
            if made is not None and read is not None:
                found[name].append(made - read)
    return found


def _value(volumes: Mapping[str, float], name: str, pairs: Sequence[str]) -> float | None:
    """One number of a label map in cm³: a region, right minus left, or the total; None where a region is missing."""
    if name == TOTAL:
        return sum(volumes.values()) if volumes and min(volumes.values()) > 0 else None
    if name in pairs:
        right, left = volumes.get(f"right_{name}", 0.0), volumes.get(f"left_{name}", 0.0)
        return right - left if min(right, left) > 0 else None
    value = volumes.get(name, 0.0)
    return value if value > 0 else None
