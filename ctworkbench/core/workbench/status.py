"""Where a study stands, and whether it is whole."""

from collections import Counter

from sqlalchemy import func, select, text

from ctworkbench.core.model import (
    Annotation,
    JobRecord,
    Measurement,
    ModelRun,
    Origin,
    Preprocessing,
    Refusal,
    Scan,
    Subject,
    Template,
    Verdict,
)
from ctworkbench.core.wording import count
from ctworkbench.core.workbench.current import annotation_rows, current, standing_of
from ctworkbench.core.workbench.open_study import OpenStudy
from ctworkbench.core.workbench.rows import StatusSummary


def summarize(study: OpenStudy, name: str) -> StatusSummary:
    """Count what the study holds and name the next step."""
    with study.database.reading() as session:

        def number(query: object) -> int:
            return session.scalar(select(func.count()).select_from(query)) or 0  # pyright: ignore[reportArgumentType]

        subjects, scans = number(Subject), number(Scan)
        preprocessed = len(set(session.scalars(select(Preprocessing.scan_id))))
        versions = annotation_rows(session)
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
    labelled, edits = len(versions), verdicts[Verdict.NEEDS_EDITS]
    steps = [
        (not scans, "import"),
        (preprocessed < scans, f"preprocess ({count(scans - preprocessed, 'scan')})"),
        (labelled < scans, f"label ({count(scans - labelled, 'scan')})"),
        (bool(fresh), f"review ({count(fresh, 'scan')})"),
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
        labelled=labelled,
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


def verify_study(study: OpenStudy) -> list[str]:
    """Check that the database is sound and that every image it names is there and unaltered."""
    problems: list[str] = []
    with study.database.reading() as session:
        if study.database.engine.dialect.name == "sqlite":
            problems += [f"Database: {row}" for row in session.scalars(text("PRAGMA integrity_check")) if row != "ok"]
            problems += [
                f"Database: broken reference {row}" for row in session.execute(text("PRAGMA foreign_key_check"))
            ]
        named: dict[str, str] = {}
        for scan, key, code in session.execute(select(Scan.id, Scan.image_key, Subject.code).join(Subject)):
            named[key] = f"scan {scan} ({code})"
        for row in session.scalars(select(Preprocessing)):
            for key in (row.image_key, row.brain_key, row.skull_key, row.equalized_key):
                named.setdefault(key, f"preprocessing of scan {row.scan_id}")
        for row in session.scalars(select(Annotation)):
            named.setdefault(row.labels_key, f"label map of scan {row.scan_id}, version {row.version}")
        for row in session.scalars(select(Template)):
            for key in (row.image_key, row.labels_key, row.mask_key):
                named.setdefault(key, f"template {row.name}")
        models = session.execute(select(ModelRun.id, ModelRun.weights_hash)).all()
    for key, owner in named.items():
        problem = study.store.verify(key)
        if problem is not None:
            problems.append(f"{owner}: {problem}")
    for model_id, weights_hash in models:
        problem = weights_problem(study, weights_hash)
        if problem is not None:
            problems.append(f"model {model_id}: {problem}")
    return problems


def weights_problem(study: OpenStudy, weights_hash: str) -> str | None:
    """What is wrong with the weights of a model, in a sentence; None if they are whole."""
    import hashlib

    path = study.folder / "models" / f"{weights_hash}.safetensors"
    if not path.exists():
        return "Its weights are missing."
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    return None if found == weights_hash else "Its weights were altered."
