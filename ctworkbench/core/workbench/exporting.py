"""Images, label maps and volumes leave the study as files that any program reads."""

import csv
import io
import shutil
from pathlib import Path

from sqlalchemy import select

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.jobs import replace_text
from ctworkbench.core.model import Annotation, Measurement, Scan, Subject
from ctworkbench.core.volume import write_nifti
from ctworkbench.core.workbench.current import annotation_rows, current
from ctworkbench.core.workbench.open_study import OpenStudy

VOLUME_COLUMNS = ("subject", "scan", "region", "volume_cm3", "source", "version")


def export_study(study: OpenStudy, out: Path) -> Path:
    """Write `CODE_image.nii.gz`, `CODE_labels.nii.gz` and `volumes.csv`.

    Images stand on the scan's own grid, in the axis order in which the scan came. A subject's second scan is
    `CODE-2`, its third `CODE-3`. `volumes.csv` holds every volume measured, of every version.

    Raises:
        WorkbenchError: the folder cannot be written, or the study has no scans.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WorkbenchError(f"{out} cannot be written: {error.strerror}.", "Choose another folder.") from error
    with study.database.reading() as session:
        query = select(Scan.id, Scan.image_key, Scan.orientation, Subject.code).join(Subject)
        scans = session.execute(query.order_by(Subject.code, Scan.id)).all()
        versions = annotation_rows(session)
    if not scans:
        raise WorkbenchError("The study holds no scans to export.", "Import some first.")
    seen: dict[str, int] = {}
    for scan_id, image_key, orientation, code in scans:
        seen[code] = seen.get(code, 0) + 1
        name = code if seen[code] == 1 else f"{code}-{seen[code]}"
        _write(study, image_key, orientation, out / f"{name}_image.nii.gz")
        labels = current(versions.get(scan_id, []))
        if labels is not None:
            _write(study, labels.labels_key, orientation, out / f"{name}_labels.nii.gz")
    path = out / "volumes.csv"
    replace_text(path, _volumes(study))
    return path


def _write(study: OpenStudy, key: str, orientation: str, path: Path) -> None:
    """Write one stored image in the axis order its scan came in."""
    if study.store.grid(key).axcodes == orientation:
        shutil.copyfile(study.store.path(key), path)
    else:
        write_nifti(study.store.get(key).oriented(orientation), path)


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
            writer.writerow((code, uid, region, f"{value:.4f}", origin, version))
    return stream.getvalue()
