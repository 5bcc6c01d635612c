"""What all rooms share: one open study with its database, voxels, jobs and announcements."""

import logging
import sqlite3
from collections.abc import Callable, Generator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.orm import Session

from ctworkbench.core import trail
from ctworkbench.core.code_version import code_version
from ctworkbench.core.database import Database
from ctworkbench.core.errors import NoScansError, ReaderError, StudyError
from ctworkbench.core.jobs import Job, JobRunner, JobState
from ctworkbench.core.model import JobRecord, Scan
from ctworkbench.core.settings import UNKNOWN, Settings
from ctworkbench.core.store import VoxelStore
from ctworkbench.core.trail import Entry
from ctworkbench.core.workbench.rows import Changes

log = logging.getLogger(__name__)

Announce = Callable[[Changes, object], None]

_LOCK_SECONDS = 30.0


@dataclass(eq=False)
class OpenStudy:
    """One open study; the rooms get it and nothing else. Its settings change when another reader signs in."""

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
            self.audit(session, f"start {kind}", job.id, {"title": title}, scan_id)
        self.jobs.submit(job)
        return job.id

    def restart(self, job_id: str) -> None:
        """Queue a job again that was cut off, cancelled or failed; it goes on where it was."""
        job = self.jobs.job(job_id)
        with self.database.writing() as session:
            record = session.get_one(JobRecord, job_id)
            record.state = JobState.QUEUED
            record.message = ""
            self.audit(session, f"restart {job.kind}", job_id, {"title": job.title}, job.subject)
        self.jobs.submit(job)

    @contextmanager
    def deciding(self) -> Generator[None]:
        """Hold the list of jobs while it is decided what to start: of two programs, the second sees the first's jobs.

        The lock is that of an empty database beside the jobs: it works on every system and falls with its program.

        Raises:
            StudyError: the folder cannot be written, or another program holds the lock for long.
        """
        self.jobs.folder.mkdir(exist_ok=True)
        try:
            with closing(sqlite3.connect(self.jobs.folder / ".lock", _LOCK_SECONDS, isolation_level=None)) as lock:
                lock.execute("BEGIN EXCLUSIVE")
                yield
        except sqlite3.OperationalError as error:
            raise StudyError(
                f"No job can be started in {self.folder}: {error}.", "Check that the folder can be written."
            ) from error

    def live(self, kind: str) -> list[Job]:
        """Jobs of a kind that are queued, running, or done and about to be recorded, oldest first."""
        open_ones = self._unrecorded(kind)
        return [job for job, state in open_ones if _is_live(state)]

    def unfinished(self, kind: str) -> list[Job]:
        """Jobs of a kind that were cut off, oldest first."""
        return [job for job, state in self._unrecorded(kind) if state is JobState.INTERRUPTED]

    def _unrecorded(self, kind: str) -> list[tuple[Job, JobState]]:
        """Jobs of a kind whose outcome is not in the study; those whose folder was removed are past help."""
        with self.database.reading() as session:
            query = select(JobRecord.id).where(
                JobRecord.kind == kind, JobRecord.recorded.is_(None), JobRecord.state != JobState.FAILED
            )
            rows = session.scalars(query.order_by(JobRecord.id)).all()
        there = [job for job in rows if (self.jobs.folder / job / "job.json").exists()]
        return [(self.jobs.job(job), self.jobs.state(job)) for job in there]

    def start_or_resume(self, kind: str, title: str, function: str, params: BaseModel) -> str:
        """Go on with the job of exactly these parameters that was cut off, or start one; its id."""
        wanted = params.model_dump(mode="json")
        old = next((job for job in self.unfinished(kind) if job.params == wanted), None)
        if old is None:
            return self.start(kind, title, function, params)
        self.restart(old.id)
        return old.id

    def start_each(
        self, kind: str, wanted: Mapping[int, tuple[str, BaseModel]], function: str, initiator: object = None
    ) -> list[str]:
        """One job per scan of `{scan: (title, params)}`; joins one that is live and restarts one that was cut off."""
        started: list[str] = []
        with self.deciding():
            known = self._unrecorded(kind)  # read once: a job that is born meanwhile must not fall between two looks
            live = {job.subject: job for job, state in known if _is_live(state)}
            unfinished = {job.subject: job for job, state in known if state is JobState.INTERRUPTED}
            for scan_id, (title, params) in wanted.items():
                if scan_id in live:
                    started.append(live[scan_id].id)
                    continue
                old = unfinished.get(scan_id)
                if old is not None and old.params == params.model_dump(mode="json"):
                    self.restart(old.id)
                    started.append(old.id)
                else:
                    started.append(self.start(kind, title, function, params, scan_id=scan_id))
        if started:
            self.announce(Changes(jobs=True), initiator)
        return started

    def need_scans(self, session: Session) -> None:
        """Refuse a step that has nothing to work on.

        Raises:
            WorkbenchError: the study has no scans.
        """
        if session.scalar(select(Scan.id).limit(1)) is None:
            raise NoScansError("There are no scans: import some first:", "ctworkbench import STUDY PATH")

    def claim(self, session: Session, job_id: str) -> bool:
        """Mark a job's outcome as recorded, in the transaction that records it; False if somebody was faster."""
        record = session.get_one(JobRecord, job_id)
        if record.recorded is not None:
            return False
        record.recorded = datetime.now(UTC)
        record.state = JobState.DONE
        return True

    def audit(
        self,
        session: Session,
        action: str,
        subject: str,
        details: Mapping[str, Any],
        scan_id: int | None = None,
        author: str = "",
    ) -> None:
        """Add an entry to the trail, in the transaction of what it tells.

        Args:
            session: that transaction's.
            action: what was done.
            subject: what it was done to.
            details: from which version, and why.
            scan_id: the scan that it belongs to.
            author: who did it; by default the author of the settings.
        """
        trail.tell(session, Entry(author or self.settings.author, action, subject, details, scan_id))

    def reader(self, name: str = "") -> str:
        """Who gives a verdict or draws a label map: a name, never nobody.

        Raises:
            ReaderError: nobody's name is known.
        """
        return name_of_person(name or self.settings.author)

    def log(self, action: str, subject: str, details: Mapping[str, Any], scan_id: int | None = None) -> None:
        """Add an entry to the trail of an act that writes nothing else into the study, such as an export."""
        with self.database.writing() as session:
            self.audit(session, action, subject, details, scan_id)

    @property
    def code_version(self) -> str:
        """Version and commit of the program, as provenance."""
        return code_version()

    def discard(self, *paths: Path) -> None:
        """Remove job files whose content now stands in the store."""
        for path in paths:
            path.unlink(missing_ok=True)


def name_of_person(name: str) -> str:
    """A name as it is kept.

    Raises:
        ReaderError: it is none.
    """
    told = " ".join(name.split())
    if not told or told.casefold() == UNKNOWN:
        raise ReaderError(
            "The name of the reader is missing.", "Give it: --author NAME, or `ctworkbench author NAME` for good."
        )
    if len(told) > 100:
        raise ReaderError("The name of the reader is longer than 100 characters.", "Give a shorter one.")
    return told


def _is_live(state: JobState) -> bool:
    """Whether a job that is not recorded yet will be without another start."""
    return not state.ended or state is JobState.DONE
