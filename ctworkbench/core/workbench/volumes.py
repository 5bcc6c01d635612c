"""The volumes of a study: one label map per scan, from the source that is asked for."""

import math
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ctworkbench.core.dicom_series import THICK_MM
from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.model import Annotation, Measurement, Origin, Scan, Subject
from ctworkbench.core.scanners import one_name_each
from ctworkbench.core.wording import label_map
from ctworkbench.core.workbench.current import CURRENT, chosen_versions
from ctworkbench.core.workbench.measuring import VOLUME
from ctworkbench.core.workbench.open_study import OpenStudy
from ctworkbench.core.workbench.rows import VolumeRow


def sources(study: OpenStudy) -> list[str]:
    """Kinds of label maps that have been measured, "current" first; empty if none has."""
    with study.database.reading() as session:
        query = select(Annotation.origin).join(Measurement, Measurement.annotation_id == Annotation.id).distinct()
        origins = sorted(str(origin) for origin in session.scalars(query))
    return [CURRENT, *origins] if origins else []


def volumes(study: OpenStudy, source: str = CURRENT, seen_by: str = "") -> list[VolumeRow]:
    """The volumes of one label map per scan, in cm³; a number that is none, as in a damaged study, is not measured.

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
        chosen = chosen_versions(session, source, seen_by)
        # columns, not objects, and what is known of a scan once and not with each of its regions
        scans = (
            select(Scan.id, Subject.code, Subject.sex, Scan.age_years, Scan.series_uid, Scan.scanner, Scan.protocol)
            .join(Subject, Subject.id == Scan.subject_id)
            .order_by(Subject.code, Scan.id)
        )
        measured = (
            select(Measurement.annotation_id, Measurement.region, Measurement.value)
            .where(Measurement.statistic == VOLUME)
            .order_by(Measurement.id)
        )
        found: dict[int, list[tuple[str, float]]] = {row.id: [] for row in chosen.values()}
        for annotation, region, value in session.execute(measured).tuples():
            if annotation in found and math.isfinite(value):
                found[annotation].append((region, value))
        return [
            VolumeRow(
                scan_id=scan,
                subject=code,
                sex=sex,
                age_years=age,
                series_uid=series,
                region=region,
                volume_cm3=value,
                source=chosen[scan].origin,
                version=chosen[scan].version,
                annotation_id=chosen[scan].id,
                scanner=device,
                thickness_mm=thickness,
            )
            for scan, code, sex, age, series, named, protocol in session.execute(scans).tuples()
            if scan in chosen
            for device, thickness in ((scanner_of(protocol, named), thickness_of(protocol)),)
            for region, value in found[chosen[scan].id]
        ]


def nothing_measured(source: str) -> WorkbenchError:
    """The error of tables, charts and norms of a study in which no label map of this source has volumes."""
    return WorkbenchError(
        f"No {label_map(source)} was measured yet.",
        "Label the scans, then measure them: Run → Measure, or `ctworkbench measure`.",
    )


def scanner_of(protocol: Mapping[str, Any], named: str) -> str:
    """Maker and model as found: as the series says them, else as the cohort table does; "" where neither tells.

    Args:
        protocol: of the scan.
        named: the scanner of the cohort table.
    """
    told = " ".join(str(protocol.get(key, "")) for key in ("manufacturer", "model")).strip()
    return told if protocol.get("model") else named


def scanners(session: Session) -> dict[int, str]:
    """By scan the scanner to count it under: of several spellings of one device the most frequent; "" if unknown."""
    query = select(Scan.id, Scan.protocol, Scan.scanner)
    found = {scan: scanner_of(protocol, named) for scan, protocol, named in session.execute(query).tuples()}
    one_name = one_name_each(found.values())
    return {scan: one_name[name] for scan, name in found.items()}


def thickness_of(protocol: Mapping[str, Any]) -> float | None:
    """Slice thickness in mm, or the distance of the slices where that is larger; None where unknown.

    A NIfTI file holds the distance alone, and perhaps that of a grid it was resampled to: only where it is so wide that
    the import warned of it is it taken for the thickness.
    """
    told = [protocol.get(key) for key in ("slice_thickness_mm", "slice_spacing_mm")]
    known = [float(value) for value in told if value is not None]
    if known:
        return max(known)
    widest = max((float(protocol.get(key, 0)) for key in ("x_mm", "y_mm", "z_mm")), default=0.0)
    return widest if widest >= THICK_MM else None
