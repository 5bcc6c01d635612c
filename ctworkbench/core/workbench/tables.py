"""The cohort's tables, with what a reader must know of where the volumes come from."""

from pathlib import Path

from sqlalchemy import select

from ctworkbench.core.analysis.observations import Observation
from ctworkbench.core.analysis.tables import StatisticsTables, tables
from ctworkbench.core.analysis.writing import write
from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.model import Annotation, ModelRun, Origin, Role, Scan, Subject
from ctworkbench.core.workbench.current import CURRENT
from ctworkbench.core.workbench.methods import volume_notes
from ctworkbench.core.workbench.open_study import OpenStudy
from ctworkbench.core.workbench.volumes import volumes

LEANING = (
    "Labels of a registration lean towards the template, whose regions have the norm's mean proportions: "
    "uncorrected, they make a child look more ordinary than it is."
)


def statistics(study: OpenStudy, out: Path, source: str = CURRENT) -> StatisticsTables:
    """Write the cohort's tables as CSV: means by sex, regression on sex and age, left against right.

    Raises:
        WorkbenchError: nothing was measured.
    """
    rows = volumes(study, source)
    if not rows:
        raise WorkbenchError(f"No volumes of source {source!r} were measured.", "Run `ctworkbench measure` first.")
    observations = [
        Observation(
            subject=row.subject,
            sex=row.sex,
            age_years=row.age_years,
            region=row.region,
            volume_cm3=row.volume_cm3,
            source=str(row.source),
            scan=row.scan_id,
        )
        for row in rows
    ]
    result = tables(observations)
    remembered = _labelled_from_memory(study, {row.annotation_id for row in rows})
    notes = [LEANING] if any(row.source is Origin.REGISTRATION for row in rows) else []
    if remembered:
        notes.append(
            f"{len(remembered)} subjects were labelled by a model that was trained on them: "
            f"{', '.join(remembered)}. Their volumes tell how well it remembers."
        )
    notes += volume_notes(study, rows, result.coefficients, result.hemispheres, source)
    result = result.model_copy(update={"notes": (*result.notes, *notes)})
    write(result, out)
    return result


def _labelled_from_memory(study: OpenStudy, annotation_ids: set[int]) -> list[str]:
    """Subjects among these label maps whose model had them in its training set."""
    query = (
        select(Annotation.id, Subject.code, ModelRun.split)
        .join_from(Annotation, ModelRun, ModelRun.id == Annotation.model_id)
        .join(Scan, Scan.id == Annotation.scan_id)
        .join(Subject, Subject.id == Scan.subject_id)
    )
    with study.database.reading() as session:
        rows = session.execute(query).all()
    return sorted({code for row, code, split in rows if row in annotation_ids and split.get(code) == Role.TRAIN})
