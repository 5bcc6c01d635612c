"""What all rooms share: one open study with its database, voxels, jobs and announcements."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.orm import Session

from ctworkbench import __version__
from ctworkbench.core.database import Database
from ctworkbench.core.jobs import Job, JobRunner, JobState
from ctworkbench.core.model import Audit, JobRecord
from ctworkbench.core.settings import Settings
from ctworkbench.core.store import VoxelStore
from ctworkbench.core.workbench.rows import Changes

log = logging.getLogger(__name__)

Announce = Callable[[Changes, object], None]


@dataclass(frozen=True)
class OpenStudy:
    """One open study; the rooms get it and nothing else."""

    folder: Path
    scheme: str
    split_seed: int
    settings: Settings
    database: Database
    store: VoxelStore
    jobs: JobRunner
    announce: Announce

    def start(
        self, kind: str, title: str, function: str, params: BaseModel, scan_id: int | None = None, threads: int = 0
    ) -> str:
        """Write a job down in the study and queue it; its id."""
        job = Job(
            kind=kind,
            title=title,
            function=function,
            params=params.model_dump(mode="json"),
            subject=scan_id,
            threads=threads,
        )
        with self.database.writing() as session:
            session.add(JobRecord(id=job.id, kind=kind, scan_id=scan_id, state=JobState.QUEUED, message=""))
            self.audit(session, f"start {kind}", job.id, {"title": title})
        self.jobs.submit(job)
        return job.id

    def restart(self, job_id: str) -> None:
        """Queue a job again that was cut off, cancelled or failed; it goes on where it was."""
        job = self.jobs.job(job_id)
        with self.database.writing() as session:
            record = session.get_one(JobRecord, job_id)
            record.state = JobState.QUEUED
            record.message = ""
            self.audit(session, f"restart {job.kind}", job_id, {"title": job.title})
        self.jobs.submit(job)

    def live(self, kind: str) -> dict[int | None, str]:
        """Jobs of a kind that are queued or running, by the scan they are about."""
        with self.database.reading() as session:
            query = select(JobRecord.id, JobRecord.scan_id).where(JobRecord.kind == kind, JobRecord.recorded.is_(None))
            rows = session.execute(query).all()
        return {scan: job for job, scan in rows if not self.jobs.state(job).ended}

    def unfinished(self, kind: str) -> dict[int | None, str]:
        """Jobs of a kind that were cut off, by the scan they are about; the newest of each."""
        with self.database.reading() as session:
            query = (
                select(JobRecord.id, JobRecord.scan_id)
                .where(JobRecord.kind == kind, JobRecord.recorded.is_(None))
                .order_by(JobRecord.id)
            )
            rows = session.execute(query).all()
        return {scan: job for job, scan in rows if self.jobs.state(job) is JobState.INTERRUPTED}

    def start_each(
        self, kind: str, wanted: Mapping[int, tuple[str, BaseModel]], function: str, initiator: object = None
    ) -> list[str]:
        """One job per scan of `{scan: (title, params)}`; joins one that is live and restarts one that was cut off."""
        live, unfinished = self.live(kind), self.unfinished(kind)
        started: list[str] = []
        for scan_id, (title, params) in wanted.items():
            if scan_id in live:
                started.append(live[scan_id])
                continue
            old = unfinished.get(scan_id)
            if old is not None and self.jobs.job(old).params == params.model_dump(mode="json"):
                self.restart(old)
                started.append(old)
            else:
                started.append(self.start(kind, title, function, params, scan_id=scan_id))
        if started:
            self.announce(Changes(jobs=True), initiator)
        return started

    def claim(self, session: Session, job_id: str) -> bool:
        """Mark a job's outcome as recorded, in the transaction that records it; False if somebody was faster."""
        record = session.get_one(JobRecord, job_id)
        if record.recorded is not None:
            return False
        record.recorded = datetime.now(UTC)
        record.state = JobState.DONE
        return True

    def audit(self, session: Session, action: str, subject: str, details: dict[str, Any]) -> None:
        """Add a line to the trail, in the transaction of what it tells."""
        session.add(Audit(author=self.settings.author, action=action, subject=subject, details=details))

    @property
    def code_version(self) -> str:
        """Version of the program, as provenance."""
        return __version__

    def discard(self, *paths: Path) -> None:
        """Remove job files whose content now stands in the store."""
        for path in paths:
            path.unlink(missing_ok=True)
