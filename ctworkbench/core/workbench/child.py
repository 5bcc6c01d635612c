"""One child of the study against the norm in use, with all of its measured scans."""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.model import Measurement, Scan, Subject
from ctworkbench.core.norms import Norm
from ctworkbench.core.norms.change import ChildScan
from ctworkbench.core.norms.child import Child, describe
from ctworkbench.core.norms.measurement_error import MeasurementError
from ctworkbench.core.schemes import load as load_scheme
from ctworkbench.core.wording import label_map
from ctworkbench.core.workbench import norm_library
from ctworkbench.core.workbench.current import CURRENT, annotation_rows, version_for
from ctworkbench.core.workbench.lineage import is_phantom, scan_cautions
from ctworkbench.core.workbench.measuring import VOLUME
from ctworkbench.core.workbench.open_study import OpenStudy
from ctworkbench.core.workbench.repeatability import Method, errors_of, method_of
from ctworkbench.core.workbench.rows import AnnotationRow
from ctworkbench.core.workbench.volumes import scanner_of, thickness_of

ErrorsOf = Callable[[Method], dict[str, MeasurementError]]


@dataclass(frozen=True)
class Chosen:
    """A scan of a child with the versions of its label map, the one that speaks for it, and its volumes."""

    scan: Scan
    versions: Sequence[AnnotationRow]
    annotation: AnnotationRow | None
    volumes_cm3: dict[str, float]
    cautions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Found:
    """A subject with all of its scans, in the order of their time."""

    subject: Subject
    scans: tuple[Chosen, ...]

    @property
    def measured(self) -> tuple[Chosen, ...]:
        """The scans that have volumes of the source that was asked for."""
        return tuple(one for one in self.scans if one.annotation is not None and one.volumes_cm3)


def child(study: OpenStudy, scan_id: int, source: str = CURRENT) -> Child | None:
    """A scan's child against the norm; None where the scan has no measured label map of this source.

    Raises:
        WorkbenchError: there is no such scan.
    """
    with study.database.reading() as session:
        code = session.scalar(select(Subject.code).join(Scan).where(Scan.id == scan_id))
        if code is None:
            raise WorkbenchError(f"There is no scan {scan_id} in this study.")
        found = find(session, [code], source, study.settings.author)[code]
    one = next((one for one in found.measured if one.scan.id == scan_id), None)
    return None if one is None else describe_child(study, found, one, norm_library.norm(study), reader(study))


def subject(study: OpenStudy, code: str, source: str = CURRENT) -> Child:
    """The latest measured scan of a subject against the norm.

    Raises:
        WorkbenchError: no such subject, or none of its scans has a measured label map.
    """
    with study.database.reading() as session:
        found = find(session, [code], source, study.settings.author).get(code)
    return describe_child(study, *latest(found, code, source), norm_library.norm(study), reader(study))


def latest(found: Found | None, code: str, source: str) -> tuple[Found, Chosen]:
    """A subject and its latest measured scan.

    Raises:
        WorkbenchError: no such subject, or none of its scans has a measured label map.
    """
    if found is None:
        raise WorkbenchError(f"There is no subject {code} in this study.", "See `ctworkbench status`.")
    if found.measured:
        return found, found.measured[-1]
    if all(one.annotation is None for one in found.scans):
        raise WorkbenchError(f"{code} has no {label_map(source)}.", "Make one, or choose another source.")
    raise WorkbenchError(f"The label map of {code} was not measured.", "Run `ctworkbench measure`.")


def describe_child(study: OpenStudy, found: Found, one: Chosen, norm: Norm, errors: ErrorsOf) -> Child:
    """One scan of a child against a norm, the child's other scans beside it."""
    scheme = load_scheme(study.scheme)
    others = [_scan(other, errors) for other in found.measured if other is not one]
    return describe(found.subject.code, found.subject.sex, _scan(one, errors), norm, scheme, others)


def reader(study: OpenStudy) -> ErrorsOf:
    """The measurement error by way of labelling, each read once."""
    return cache(partial(errors_of, study))


def find(session: Session, codes: Sequence[str] | None, source: str, seen_by: str = "") -> dict[str, Found]:
    """Subjects by code, with their scans in the order of their time; all of them if no codes are given."""
    query = select(Scan, Subject).join(Subject).order_by(Subject.code)
    if codes is not None:
        query = query.where(Subject.code.in_(codes))
    scans = [row.tuple() for row in session.execute(query)]
    ids = None if codes is None else [scan.id for scan, _ in scans]
    versions = annotation_rows(session, ids, seen_by)
    chosen = {scan.id: version_for(versions.get(scan.id, []), source) for scan, _ in scans}
    there = {scan: row for scan, row in chosen.items() if row is not None}
    wanted = [row.id for row in there.values()]
    cautions = scan_cautions(session, ((scan, subject.code) for scan, subject in scans), there, versions)
    measured = select(Measurement.annotation_id, Measurement.region, Measurement.value)
    measured = measured.where(Measurement.statistic == VOLUME)
    if codes is not None:
        measured = measured.where(Measurement.annotation_id.in_(wanted))
    volumes: dict[int, dict[str, float]] = defaultdict(dict)
    for annotation, region, value in session.execute(measured).tuples():
        if math.isfinite(value):  # a number that is none, as in a damaged study, is not measured
            volumes[annotation][region] = value
    subjects: dict[str, Subject] = {}
    grouped: dict[str, list[Chosen]] = defaultdict(list)
    for scan, subject in scans:
        row = chosen[scan.id]
        subjects[subject.code] = subject
        told = {} if row is None else volumes.get(row.id, {})
        grouped[subject.code].append(Chosen(scan, versions.get(scan.id, []), row, told, cautions.get(scan.id, ())))
    return {code: Found(subjects[code], tuple(sorted(rows, key=_when))) for code, rows in grouped.items()}


def _when(one: Chosen) -> tuple[float, str, int]:
    """What scans are sorted by: age, then the day, then the order in which they came; unknown ages come first."""
    age = one.scan.age_years
    return (-1.0 if age is None else age, str(one.scan.protocol.get("study_date", "")), one.scan.id)


def _scan(one: Chosen, errors: ErrorsOf) -> ChildScan:
    if one.annotation is None:
        raise WorkbenchError("A scan without a label map has no volumes.", "Label and measure it first.")
    method = method_of(one.annotation)
    protocol: dict[str, Any] = one.scan.protocol
    age, thickness = one.scan.age_years, thickness_of(protocol)
    return ChildScan(
        scan_id=one.scan.id,
        age_years=age,
        volumes_cm3=one.volumes_cm3,
        errors={name: error.for_scan(age, thickness) for name, error in errors(method).items()},
        labels=f"{one.annotation.origin}, version {one.annotation.version}",
        method=method.title,
        method_key=repr(method),
        scanner=scanner_of(protocol, one.scan.scanner),
        thickness_mm=thickness,
        day=str(protocol.get("study_date", "")),
        image_key=one.scan.image_key,
        series_uid=one.scan.series_uid,
        phantom=is_phantom(protocol, one.scan.site),
        cautions=one.cautions,
    )
