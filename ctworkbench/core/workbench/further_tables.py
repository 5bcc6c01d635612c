"""The further tables of a study: adjusted, mixed, harmonized, asymmetry, missing data."""

from collections import defaultdict

from sqlalchemy import select

from ctworkbench.core.analysis.further import By, FurtherTables, further
from ctworkbench.core.analysis.harmonization import MIN_PER_BATCH
from ctworkbench.core.analysis.scans import ScanVolumes
from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.model import Preprocessing, Scan, Subject
from ctworkbench.core.schemes import load
from ctworkbench.core.workbench.current import CURRENT
from ctworkbench.core.workbench.open_study import OpenStudy
from ctworkbench.core.workbench.volumes import scanner_of, volumes


def intracranial_volumes(study: OpenStudy) -> dict[int, float]:
    """Inside of the skull down to the foramen magnum of each preprocessed scan, in cm³ by id of the scan.

    Measured on the 1 mm grid that preprocessing resamples to; the newest preprocessing counts.
    """
    with study.database.reading() as session:
        query = select(Preprocessing.scan_id, Preprocessing.brain_cm3).order_by(Preprocessing.id)
        return dict(session.execute(query).tuples().all())


def scan_volumes(study: OpenStudy, source: str = CURRENT) -> list[ScanVolumes]:
    """Every scan of the study with its volumes of one source; those without any have none.

    Raises:
        WorkbenchError: an unknown source.
    """
    found: dict[int, dict[str, float]] = defaultdict(dict)
    origins: dict[int, str] = {}
    for row in volumes(study, source):
        found[row.scan_id][row.region] = row.volume_cm3
        origins[row.scan_id] = str(row.source)
    skulls = intracranial_volumes(study)
    with study.database.reading() as session:
        query = select(Scan, Subject).join(Subject, Subject.id == Scan.subject_id).order_by(Subject.code, Scan.id)
        return [
            ScanVolumes(
                subject=subject.code,
                scan=scan.id,
                sex=subject.sex,
                age_years=scan.age_years,
                volumes_cm3=found.get(scan.id, {}),
                source=origins.get(scan.id, ""),
                site=scan.site,
                scanner=scanner_of(scan),
                intracranial_cm3=skulls.get(scan.id),
            )
            for scan, subject in session.execute(query).tuples()
        ]


def further_tables(
    study: OpenStudy,
    source: str = CURRENT,
    by: By = "scanner",
    harmonized: bool = False,
    min_per_batch: int = MIN_PER_BATCH,
) -> FurtherTables:
    """All further tables of the volumes of one source.

    Args:
        study: the open study.
        source: of the label maps; see `volumes.volumes`.
        by: what ComBat harmonizes over, "scanner" or "site".
        harmonized: make the models from harmonized volumes.
        min_per_batch: children that a scanner or site needs to be harmonized.

    Raises:
        WorkbenchError: an unknown source, nothing was measured, or nothing could be harmonized that should be.
    """
    scans = scan_volumes(study, source)
    if not any(scan.volumes_cm3 for scan in scans):
        raise WorkbenchError(f"No volumes of source {source!r} were measured.", "Run `ctworkbench measure` first.")
    tables = further(scans, load(study.scheme).region_names, by, harmonized, min_per_batch)
    if harmonized and not tables.harmonized:
        raise WorkbenchError(
            f"The volumes cannot be harmonized by {by}. {' '.join(tables.notes['harmonization'])}",
            "Use the measured volumes, or harmonize over something else.",
        )
    return tables
