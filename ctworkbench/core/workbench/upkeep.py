"""Whether a study is whole, and what lies in its voxels that nothing names."""

import hashlib
import re
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from ctworkbench.core import trail
from ctworkbench.core.errors import StudyError
from ctworkbench.core.model import Annotation, JobRecord, ModelRun, Preprocessing, Scan, Subject, Template
from ctworkbench.core.workbench import norm_library
from ctworkbench.core.workbench.ensembles import members_of
from ctworkbench.core.workbench.open_study import OpenStudy

GRACE = timedelta(days=1)
_KEY = re.compile(r"\b[0-9a-f]{64}\b")


@dataclass(frozen=True)
class Cleaned:
    """What was removed: how many files, and how large they were together."""

    files: int
    size_bytes: int


def verify_study(study: OpenStudy) -> list[str]:
    """Check that the database is sound and that every image and every model it names is there and unaltered.

    Returns:
        One line for each problem, with what to do about it.
    """
    with study.database.reading() as session:
        problems = _database_problems(study, session)
        owners = _owners(session)
        # an ensemble has no weights of its own; its members stand in the list themselves
        models = [(run.id, run.weights_hash) for run in session.scalars(select(ModelRun)) if not members_of(run)]
    for key, owner in owners.items():
        problem = study.store.verify(key)
        if problem is not None:
            name = study.store.path(key).relative_to(study.folder).as_posix()
            problems.append(f"{owner}: {problem} Restore {name} from a backup of the study.")
    for model_id, weights_hash in models:
        problem = _weights_problem(study, weights_hash)
        if problem is not None:
            remedy = f"Restore models/{weights_hash}.safetensors from a backup of the study, or train again (--again)."
            problems.append(f"model {model_id}: {problem} {remedy}")
    problems += [f"{problem} Restore the study from a backup." for problem in norm_library.damaged(study)]
    with study.database.reading() as session:
        told = trail.check(session, study.database.heads)
    return problems + [f"{problem} Restore the study from a backup, or find out who did it." for problem in told]


def clean_study(study: OpenStudy, grace: timedelta = GRACE) -> Cleaned:
    """Remove images that no row of the study and no job that may still be recorded names.

    They are left behind by programs that were killed between writing an image and writing its row.

    Args:
        study: the open study.
        grace: what is younger stays: another program may be about to write its row.

    Raises:
        StudyError: the database is damaged, so that what it names is not known.
    """
    with study.database.reading() as session:
        problems = _database_problems(study, session)
    if problems:
        raise StudyError(f"Nothing was removed: {problems[0]}", "Clean the study once it is whole.")
    found = study.store.older_than(grace)
    with study.database.reading() as session:  # after the look at the files: a row that came meanwhile counts
        named = _named(study, session)
    removed = study.store.gc(named, found, grace)
    return Cleaned(len(removed), sum(removed))


def _database_problems(study: OpenStudy, session: Session) -> list[str]:
    """What the database says of itself."""
    if study.database.engine.dialect.name != "sqlite":
        return []
    problems = [f"Database: {row}." for row in session.scalars(text("PRAGMA integrity_check")) if row != "ok"]
    broken = session.execute(text("PRAGMA foreign_key_check"))
    problems += [f"Database: a row of {row[0]} names a row of {row[2]} that is not there." for row in broken]
    return [f"{problem} Restore study.db from a backup of the study." for problem in problems]


def _owners(session: Session) -> dict[str, str]:
    """What each image that must be there is, by its key."""
    owners: dict[str, str] = {}
    for scan, key, code in session.execute(select(Scan.id, Scan.image_key, Subject.code).join(Subject)):
        owners[key] = f"scan {scan} ({code})"
    for row in session.scalars(select(Preprocessing)):
        for key in (row.image_key, row.brain_key, row.skull_key, row.equalized_key):
            owners.setdefault(key, f"preprocessing of scan {row.scan_id}")
    for row in session.scalars(select(Annotation)):
        owners.setdefault(row.labels_key, f"label map of scan {row.scan_id}, version {row.version}")
        if doubt := row.parameters.get("uncertainty"):
            owners.setdefault(doubt, f"uncertainty of the label map of scan {row.scan_id}, version {row.version}")
    for row in session.scalars(select(Template)):
        for key in (row.image_key, row.labels_key, row.mask_key):
            owners.setdefault(key, f"template {row.name}")
    return owners


def _named(study: OpenStudy, session: Session) -> set[str]:
    """Keys of all images that anything names: rows, their provenance, and jobs whose outcome is not recorded yet."""
    named = set(_owners(session))
    stories = [*session.scalars(select(Annotation.parameters)), *session.scalars(select(ModelRun.parameters))]
    texts = [str(story) for story in stories]
    for job in session.scalars(select(JobRecord.id).where(JobRecord.recorded.is_(None))):
        for name in ("job.json", "result.json"):
            path = study.jobs.folder / job / name
            if path.exists():
                texts.append(path.read_text(encoding="utf-8"))
    return named.union(*(_KEY.findall(told) for told in texts))


def _weights_problem(study: OpenStudy, weights_hash: str) -> str | None:
    """What is wrong with the weights of a model, in a sentence; None if they are whole."""
    path = study.folder / "models" / f"{weights_hash}.safetensors"
    if not path.exists():
        return "Its weights are missing."
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    return None if found == weights_hash else "Its weights were altered."
