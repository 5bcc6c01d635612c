"""The volumes of a study: one label map per scan, from the source that is asked for."""

from sqlalchemy import select

from ctworkbench.core.dicom_series import THICK_MM
from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.model import Annotation, Measurement, Origin, Scan, Subject
from ctworkbench.core.workbench.current import CURRENT, annotation_rows, version_for
from ctworkbench.core.workbench.measuring import VOLUME
from ctworkbench.core.workbench.open_study import OpenStudy
from ctworkbench.core.workbench.rows import AnnotationRow, VolumeRow


def sources(study: OpenStudy) -> list[str]:
    """Kinds of label maps that have been measured, "current" first; empty if none has."""
    with study.database.reading() as session:
        query = select(Annotation.origin).join(Measurement, Measurement.annotation_id == Annotation.id).distinct()
        origins = sorted(str(origin) for origin in session.scalars(query))
    return [CURRENT, *origins] if origins else []


def volumes(study: OpenStudy, source: str = CURRENT, seen_by: str = "") -> list[VolumeRow]:
    """The volumes of one label map per scan, in cm³.

    Args:
        study: the open study.
        source: "current" for the version that counts, or "registration", "expert" or "model" for the newest
            version of that origin that was not rejected.
        seen_by: the reader to whom single scans are shown; "" for what stands, whatever is kept from whom.

    Raises:
        WorkbenchError: an unknown source.
    """
    if source != CURRENT and source not in list(Origin):
        raise WorkbenchError(f"There is no source {source!r}.", f"Choose {CURRENT}, {', '.join(Origin)}.")
    with study.database.reading() as session:
        chosen: dict[int, AnnotationRow] = {}
        for versions in annotation_rows(session, None, seen_by).values():
            row = version_for(versions, source)
            if row is not None:
                chosen[row.id] = row
        how = {scan.id: (scanner_of(scan), thickness_of(scan)) for scan in session.scalars(select(Scan))}
        # columns, not objects: ten times the scans are read here, and nothing else of them is asked for
        query = (
            select(
                Scan.id,
                Subject.code,
                Subject.sex,
                Scan.age_years,
                Scan.series_uid,
                Measurement.region,
                Measurement.value,
                Measurement.annotation_id,
            )
            .join_from(Measurement, Annotation, Measurement.annotation_id == Annotation.id)
            .join(Scan, Scan.id == Annotation.scan_id)
            .join(Subject, Subject.id == Scan.subject_id)
            .where(Measurement.statistic == VOLUME)
            .order_by(Subject.code, Scan.id, Measurement.id)
        )
        return [
            VolumeRow(
                scan_id=scan,
                subject=code,
                sex=sex,
                age_years=age,
                series_uid=series,
                region=region,
                volume_cm3=value,
                source=chosen[annotation].origin,
                version=chosen[annotation].version,
                annotation_id=annotation,
                scanner=how[scan][0],
                thickness_mm=how[scan][1],
            )
            for scan, code, sex, age, series, region, value, annotation in session.execute(query).tuples()
            if annotation in chosen
        ]


def scanner_of(scan: Scan) -> str:
    """Maker and model: as the series says them, else as the cohort table does; "" where neither tells."""
    named = " ".join(str(scan.protocol.get(key, "")) for key in ("manufacturer", "model")).strip()
    return named if scan.protocol.get("model") else scan.scanner


def thickness_of(scan: Scan) -> float | None:
    """Slice thickness in mm, or the distance of the slices where that is larger; None where unknown.

    A NIfTI file holds the distance alone, and perhaps that of a grid it was resampled to: only where it is so wide that
    the import warned of it is it taken for the thickness.
    """
    told = [scan.protocol.get(key) for key in ("slice_thickness_mm", "slice_spacing_mm")]
    known = [float(value) for value in told if value is not None]
    if known:
        return max(known)
    widest = max((float(scan.protocol.get(key, 0)) for key in ("x_mm", "y_mm", "z_mm")), default=0.0)
    return widest if widest >= THICK_MM else None
