"""Label maps become numbers: what is measured, and by which job."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ctworkbench.core import plugins
from ctworkbench.core.jobs import JobState
from ctworkbench.core.measure import MeasureCase, MeasureParams, MeasureResult
from ctworkbench.core.model import Annotation, Measurement, Scan, Subject
from ctworkbench.core.wording import count
from ctworkbench.core.workbench.open_study import OpenStudy
from ctworkbench.core.workbench.rows import Changes

MEASURE = "measure"
VOLUME = "volume"
_CASES_PER_JOB = 200


def measure(study: OpenStudy, initiator: object = None) -> list[str]:
    """Start the measurement of every label map that lacks a statistic; the jobs' ids.

    Raises:
        WorkbenchError: the study has no scans.
    """
    path = study.store.path
    with study.deciding():
        live = study.live(MEASURE)
        under_way = {case.annotation for job in live for case in MeasureParams.model_validate(job.params).cases}
        with study.database.reading() as session:
            study.need_scans(session)
            done = under_way | _measured(session)
            query = select(Annotation, Scan.image_key, Subject.code).join_from(Annotation, Scan).join(Subject)
            cases = [
                MeasureCase(
                    annotation=row.id,
                    labels=path(row.labels_key),
                    image=path(image),
                    title=f"{code}, version {row.version}",
                )
                for row, image, code in session.execute(query.order_by(Annotation.id))
                if row.id not in done
            ]
        started = [job.id for job in live]
        for start in range(0, len(cases), _CASES_PER_JOB):
            chunk = tuple(cases[start : start + _CASES_PER_JOB])
            params = MeasureParams(cases=chunk, scheme=study.scheme)
            title = f"Measure {count(len(chunk), 'label map')}"
            started.append(study.start_or_resume(MEASURE, title, "ctworkbench.core.measure:measure", params))
    if started:
        study.announce(Changes(jobs=True), initiator)
    return started


def record_measure(study: OpenStudy, job_id: str) -> Changes:
    """Take the numbers of a measuring job into the study."""
    result = MeasureResult.model_validate(study.jobs.result(job_id))
    with study.database.writing() as session:
        if not study.claim(session, job_id):
            return Changes()
        known = select(Measurement.annotation_id, Measurement.region, Measurement.statistic)
        done = set(session.execute(known).tuples())
        session.add_all(
            Measurement(
                annotation_id=row.annotation,
                region=row.region,
                statistic=row.statistic,
                value=row.value,
                unit=row.unit,
                code_version=study.jobs.job(job_id).code_version,
                job_id=job_id,
            )
            for row in result.rows
            if (row.annotation, row.region, row.statistic) not in done
        )
        study.audit(session, "measure", job_id, {"label maps": len({row.annotation for row in result.rows})})
    return Changes(measurements=True, jobs=True)


def unmeasured(study: OpenStudy) -> int:
    """Number of label maps that have no volumes."""
    with study.database.reading() as session:
        measured = select(Measurement.annotation_id)
        return session.scalar(select(func.count()).where(Annotation.id.not_in(measured))) or 0


def problems(study: OpenStudy, job_ids: list[str]) -> list[str]:
    """What measuring jobs found wrong with label maps, one sentence each."""
    jobs = study.jobs
    done = [job_id for job_id in job_ids if jobs.state(job_id) is JobState.DONE]
    return [text for job_id in done for text in MeasureResult.model_validate(jobs.result(job_id)).problems]


def _measured(session: Session) -> set[int]:
    """Label maps that have all statistics; an empty one has its volumes, which are 0, and no others."""
    wanted = set(plugins.names(plugins.STATISTICS))
    query = select(Measurement.annotation_id, Measurement.statistic, func.sum(Measurement.value))
    found: dict[int, set[str]] = {}
    for annotation, statistic, total in session.execute(
        query.group_by(Measurement.annotation_id, Measurement.statistic)
    ):
        found.setdefault(annotation, set()).update(wanted if statistic == VOLUME and not total else {statistic})
    return {annotation for annotation, statistics in found.items() if statistics >= wanted}
