"""Where a study stands, and what to do next."""

from collections import Counter

from sqlalchemy import func, select

from ctworkbench.core.model import (
    JobRecord,
    Measurement,
    ModelRun,
    Origin,
    Preprocessing,
    Refusal,
    Scan,
    Subject,
    Verdict,
)
from ctworkbench.core.wording import count
from ctworkbench.core.workbench.current import annotation_rows, current, registration_rejected, standing_of
from ctworkbench.core.workbench.open_study import OpenStudy
from ctworkbench.core.workbench.rows import StatusSummary


def summarize(study: OpenStudy, name: str) -> StatusSummary:
    """Count what the study holds and name the next step."""
    with study.database.reading() as session:

        def number(query: object) -> int:
            return session.scalar(select(func.count()).select_from(query)) or 0  # pyright: ignore[reportArgumentType]

        subjects, scans = number(Subject), number(Scan)
        preprocessed = len(set(session.scalars(select(Preprocessing.scan_id))))
        versions = annotation_rows(session, None, study.settings.author)
        models = number(ModelRun)
        refused = number(select(Refusal.id).where(Refusal.skipped.is_(False)).subquery())
        measured = set(session.scalars(select(Measurement.annotation_id).distinct()))
        records = session.execute(select(JobRecord.id, JobRecord.recorded)).all()
    jobs = Counter("done" if recorded else str(study.jobs.state(job)) for job, recorded in records)
    rows = [row for row in map(current, versions.values()) if row is not None]
    verdicts = Counter(row.verdict for row in rows)
    standings = [standing_of(found) for found in versions.values()]
    waiting = [standing for standing in standings if standing.waiting is not None]
    fresh = sum(standing.newer is None for standing in waiting)
    segmented = sum(any(v.origin is Origin.MODEL for v in found) for found in versions.values())
    unmeasured = sum(row.id not in measured for row in rows)
    bare = scans - len(versions)
    again = sum(map(registration_rejected, versions.values()))
    edits = verdicts[Verdict.NEEDS_EDITS]
    steps = [
        (not scans, "import"),
        (preprocessed < scans, f"preprocess ({count(scans - preprocessed, 'scan')})"),
        (bool(bare), f"label ({count(bare, 'scan')})"),
        (bool(again), f"label again ({count(again, 'scan')} whose label map was rejected)"),
        (bool(fresh), f"review ({count(len(waiting), 'scan')})"),
        (bool(edits), f"correct ({count(edits, 'scan')} with the verdict needs edits)"),
        (not models, "train"),
        (segmented < scans, f"segment ({count(scans - segmented, 'scan')})"),
        (bool(unmeasured), f"measure ({count(unmeasured, 'scan')})"),
        (bool(waiting), f"review (newer label maps of {count(len(waiting), 'scan')})"),
    ]
    return StatusSummary(
        name=name,
        subjects=subjects,
        scans=scans,
        preprocessed=preprocessed,
        labelled=len(versions),
        accepted=verdicts[Verdict.ACCEPT],
        needs_edits=edits,
        rejected=sum(all(v.verdict is Verdict.REJECT for v in found) for found in versions.values()),
        unreviewed=len(waiting),
        models=models,
        segmented=segmented,
        measured=len(rows) - unmeasured,
        refused=refused,
        jobs=dict(jobs),
        next_step=next((step for due, step in steps if due), "stats"),
        accepted_unread=sum(row.accepted_unread for row in rows),
    )
