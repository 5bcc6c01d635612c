"""Images, label maps and volumes leave the study as files that any program reads."""

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import select

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.files import guarded, replace_text
from ctworkbench.core.model import Annotation, Measurement, Scan, Subject
from ctworkbench.core.volume import write_nifti
from ctworkbench.core.workbench.current import annotation_rows, current
from ctworkbench.core.workbench.open_study import OpenStudy
from ctworkbench.core.workbench.readers import refuse_hidden

VOLUME_COLUMNS = ("subject", "scan", "region", "volume_cm3", "source", "version")


def export_study(study: OpenStudy, out: Path) -> Path:
    """Write `CODE_image.nii.gz`, `CODE_labels.nii.gz` and `volumes.csv`.

    Images stand on the scan's own grid, in the axis order in which the scan came. A subject's second scan is
    `CODE-2`, its third `CODE-3`; what a file name may not hold becomes "_". `volumes.csv` holds every volume measured,
    of every version.

    Raises:
        WorkbenchError: the folder cannot be written, the study has no scans, or an image of it is damaged.
    """
    with study.database.reading() as session:
        refuse_hidden(session, study.settings.author, "An export")
        query = select(Scan.id, Scan.image_key, Scan.orientation, Subject.code).join(Subject)
        scans = session.execute(query.order_by(Subject.code, Scan.id)).all()
        versions = annotation_rows(session)
    if not scans:
        raise WorkbenchError("The study holds no scans to export.", "Import some first.")
    path = out / "volumes.csv"
    try:
        out.mkdir(parents=True, exist_ok=True)
        names = file_names([code for *_, code in scans])
        for name, (scan_id, image_key, orientation, _) in zip(names, scans, strict=True):
            write_nifti(study.store.get(image_key).oriented(orientation), out / f"{name}_image.nii.gz")
            labels = current(versions.get(scan_id, []))
            if labels is not None:
                write_nifti(study.store.get(labels.labels_key).oriented(orientation), out / f"{name}_labels.nii.gz")
        replace_text(path, _volumes(study))
    except OSError as error:
        raise WorkbenchError(
            f"{out} cannot be written: {error.strerror or error}.", "Free some space, or choose another folder."
        ) from error
    study.log("export", "study", {"scans": len(scans), "out": out.name})
    return path


def file_names(codes: Sequence[str]) -> list[str]:
    """One name per scan for its files, made of its subject's code; no two are equal, none leads out of the folder.

    Args:
        codes: the subject of each scan; a code that stands there again is a further scan.
    """
    safe = [re.sub(r'[\x00-\x1f/\\:*?"<>|]|^\.+', "_", code)[:120] or "_" for code in codes]
    plain = set(safe)  # a further scan's number must not make it another subject's name
    taken: set[str] = set()
    names: list[str] = []
    for name in safe:
        number, chosen = 1, name
        while chosen in taken or (number > 1 and chosen in plain):
            number += 1
            chosen = f"{name}-{number}"
        taken.add(chosen)
        names.append(chosen)
    return names


def _volumes(study: OpenStudy) -> str:
    """All measured volumes as CSV."""
    query = (
        select(
            Subject.code, Scan.series_uid, Measurement.region, Measurement.value, Annotation.origin, Annotation.version
        )
        .join_from(Measurement, Annotation, Measurement.annotation_id == Annotation.id)
        .join(Scan, Scan.id == Annotation.scan_id)
        .join(Subject, Subject.id == Scan.subject_id)
        .where(Measurement.statistic == "volume")
        .order_by(Subject.code, Scan.id, Annotation.version, Measurement.id)
    )
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(VOLUME_COLUMNS)
    with study.database.reading() as session:
        for code, uid, region, value, origin, version in session.execute(query):
            writer.writerow(guarded((code, uid, region, f"{value:.4f}", origin, version)))
    return stream.getvalue()
