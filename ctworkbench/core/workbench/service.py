"""The Workbench: one open study and its rooms."""

import json
import logging
import tomllib
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from psygnal import Signal
from sqlalchemy import URL, select

from ctworkbench.core import trail
from ctworkbench.core.database import Database
from ctworkbench.core.errors import ReaderError, StudyError, WorkbenchError
from ctworkbench.core.files import replace_text
from ctworkbench.core.jobs import Event, JobRunner, JobState, read_events
from ctworkbench.core.model import JobRecord, Study
from ctworkbench.core.schemes import DEFAULT
from ctworkbench.core.settings import Settings
from ctworkbench.core.store import VoxelStore
from ctworkbench.core.workbench import (
    checking,
    cohort,
    labelling,
    measuring,
    methods,
    model_library,
    modelling,
    norm_library,
    norms,
    reporting,
)
from ctworkbench.core.workbench.auditing import AuditRoom
from ctworkbench.core.workbench.comparing_models import FIGURES, ComparisonsRoom
from ctworkbench.core.workbench.exchange import ExchangeRoom
from ctworkbench.core.workbench.exporting import export_study
from ctworkbench.core.workbench.open_study import OpenStudy, name_of_person
from ctworkbench.core.workbench.readers import ReadersRoom
from ctworkbench.core.workbench.review import ReviewRoom
from ctworkbench.core.workbench.rows import Changes, StatusSummary
from ctworkbench.core.workbench.status import summarize
from ctworkbench.core.workbench.templates import TemplatesRoom
from ctworkbench.core.workbench.upkeep import Cleaned, clean_study, verify_study

log = logging.getLogger(__name__)

STUDY_FILE = "study.toml"
DATABASE_FILE = "study.db"
HEADS_FILE = "audit.heads"
DEFAULT_SPLIT_SEED = 20250424
_FOLDERS = ("voxels", "jobs", "models", "recovery")


class Workbench:
    """One open study: every act of a user is a method of one of its rooms.

    `changed` is emitted once after every write with what changed and who asked for it.
    """

    changed = Signal(Changes, object)

    def __init__(self, folder: Path, database: Database, settings: Settings) -> None:
        folder = folder.resolve()  # jobs name their files in full, whatever folder they are started or resumed from
        self.folder = folder
        self.settings = settings
        with database.reading() as session:
            study = session.scalars(select(Study)).one()
        self.name = study.name
        self.jobs = JobRunner(folder / "jobs", settings)
        self._study = OpenStudy(
            folder=folder,
            scheme=study.scheme,
            split_seed=study.split_seed,
            settings=settings,
            database=database,
            store=VoxelStore(folder / "voxels"),
            jobs=self.jobs,
            announce=self._announce,
        )
        self.cohort = cohort.CohortRoom(self._study)
        self.templates = TemplatesRoom(self._study)
        self.labelling = labelling.LabellingRoom(self._study, self.templates)
        self.review = ReviewRoom(self._study)
        self.checks = checking.ChecksRoom(self._study)
        self.exchange = ExchangeRoom(self._study, self.review)
        self.modelling = modelling.ModellingRoom(self._study)
        self.comparisons = ComparisonsRoom(self._study, self.modelling)
        self.norms = norms.NormsRoom(self._study)
        self.methods = methods.MethodsRoom(self._study, self.name)
        self.audit = AuditRoom(self._study)
        self.readers = ReadersRoom(self._study)
        self.settings = settings.model_copy(update={"author": self.readers.spelling(settings.author)})
        self._study.settings = self.settings  # "Ada" must not see what is kept from "ada"
        self._recorders: dict[str, Callable[[str], Changes]] = {
            cohort.IMPORT: self.cohort.record_import,
            cohort.PREPROCESS: self.cohort.record_preprocess,
            labelling.LABEL: self.labelling.record_label,
            modelling.TRAIN: self.modelling.record_train,
            modelling.SEGMENT: self.modelling.record_segment,
            FIGURES: self.comparisons.record_figures,
            model_library.IMPORT_MODEL: self.modelling.record_import_model,
            measuring.MEASURE: self.norms.record_measure,
            checking.CHECK: self.checks.record_check,
            norm_library.FIT: self.norms.record_fit,
            reporting.REPORT: self.norms.record_reports,
        }

    @property
    def author(self) -> str:
        """Who is signed in: the name that verdicts and label maps are given under; "" if it is not known."""
        try:
            return self._study.reader()
        except ReaderError:
            return ""

    def sign_in(self, name: str) -> None:
        """Let somebody else read, from now on, in this program.

        Raises:
            ReaderError: no name.
        """
        before, name = self.settings.author, self.readers.spelling(name_of_person(name))
        self.settings = self.settings.model_copy(update={"author": name})
        self._study.settings = self.settings
        self._study.log("sign in", name[:64], {"before": before})
        self._announce(Changes(scans=True, annotations=True, reviews=True, measurements=True), None)

    @classmethod
    def create(cls, folder: Path, settings: Settings, database_url: str | None = None) -> "Workbench":
        """Make a study folder and open it.

        Raises:
            StudyError: the folder holds something already, or cannot be written.
        """
        if (folder / STUDY_FILE).exists():
            raise StudyError(f"{folder} is a study already.", f"Open it: ctworkbench open {folder}")
        if folder.exists() and (not folder.is_dir() or not _is_half_made(folder)):
            raise StudyError(f"{folder} is not empty.", "Choose a new folder for the study.")
        try:
            for name in _FOLDERS:
                (folder / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StudyError(f"{folder} cannot be written: {error.strerror}.", "Choose another folder.") from error
        database = Database.create(database_url or _sqlite_url(folder), folder / HEADS_FILE)
        name = folder.resolve().name
        with database.writing() as session:
            if session.scalar(select(Study.id)) is None:
                study = Study(name=name, uid=str(uuid.uuid4()), scheme=DEFAULT, split_seed=DEFAULT_SPLIT_SEED)
                session.add(study)
                session.flush()
                trail.begin(session, settings.author)
            elif database_url is not None:
                raise StudyError(f"The database {database_url} holds a study already.", "Give an empty database.")
        content: dict[str, Any] = {"name": name, "format": 1}
        if database_url is not None:
            content["database"] = database_url
        _write_study_file(folder, content)
        return cls(folder, database, settings)

    @classmethod
    def open(cls, folder: Path, settings: Settings) -> "Workbench":
        """Open a study folder, upgrading an older schema.

        Raises:
            StudyError: there is no study, or it was made by a newer version of the program.
        """
        content = _read_study_file(folder)
        url = content.get("database")
        if url is None and not (folder / DATABASE_FILE).exists():
            raise StudyError(f"The database of {folder} is missing.", "Restore it from a backup.")
        database = Database.open(url or _sqlite_url(folder), str(content.get("name", folder.name)), folder / HEADS_FILE)
        with database.reading() as session:
            begun = trail.begun(session)
        if not begun:
            with database.writing() as session:
                trail.begin(session, settings.author)
        if not settings.cluster:
            settings = settings.model_copy(update={"cluster": str(content.get("cluster", ""))})
        return cls(folder, database, settings)

    def __enter__(self) -> "Workbench":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            self.jobs.stop()  # a command that is interrupted while it starts jobs does not follow them yet
        self.close()

    def close(self) -> None:
        """Let go of the study; jobs that run go on and are found at the next opening."""
        self.jobs.close()
        self._study.database.close()

    def collect(self) -> Changes:
        """Take the outcome of every job that ended since the last time into the study."""
        with self._study.database.reading() as session:
            query = select(JobRecord.id, JobRecord.kind, JobRecord.state).where(JobRecord.recorded.is_(None))
            waiting = session.execute(query.order_by(JobRecord.id)).all()
        changes = Changes()
        for job_id, kind, known in waiting:
            state = self.jobs.state(job_id)
            message = ""
            if state is JobState.DONE:
                if known == JobState.FAILED:  # its outcome could not be recorded; said once, tried again at a restart
                    continue
                try:
                    changes |= self._recorders[kind](job_id)
                    continue
                except (WorkbenchError, OSError, ValueError, KeyError) as error:
                    log.warning("the outcome of %s could not be recorded", job_id, exc_info=True)
                    state, message = JobState.FAILED, f"Its outcome could not be recorded: {error}"
            if state != known:
                changes |= self._note(job_id, state, message)
        if changes:
            self.changed.emit(changes, None)
        return changes

    def wait(self, job_ids: Sequence[str], watch: Callable[[str, Event], None] | None = None) -> list[WorkbenchError]:
        """Stay until jobs have ended, recording each as it ends; the failures among them.

        Args:
            job_ids: the jobs to wait for.
            watch: told every event of them, in order.
        """
        import time

        offsets = dict.fromkeys(job_ids, 0)
        left = list(job_ids)
        failures: list[WorkbenchError] = []
        while left:
            for job_id in list(left):
                state = self.jobs.state(job_id)
                events = list(read_events(self.jobs.folder / job_id / "events.jsonl"))
                for event in events[offsets[job_id] :]:
                    if watch is not None:
                        watch(job_id, event)
                offsets[job_id] = len(events)
                if state.ended:
                    left.remove(job_id)
                    self.collect()
                    failure = self.failure(job_id)
                    if failure is not None:
                        failures.append(failure)
            if left:
                time.sleep(0.15)
        return failures

    def failure(self, job_id: str) -> WorkbenchError | None:
        """Why a job that ended is not in the study; None if it is."""
        with self._study.database.reading() as session:
            record = session.get_one(JobRecord, job_id)
        if record.recorded is not None:
            return None
        if record.message:
            return WorkbenchError(record.message, "Run the command again.")
        return self.jobs.failure(job_id)

    def restart(self, job_id: str) -> None:
        """Start a job again that failed, was cancelled or cut off; it goes on from its last checkpoint."""
        self._study.restart(job_id)
        self.changed.emit(Changes(jobs=True), None)

    def set_cluster(self, address: str, initiator: object = None) -> int:
        """Give this study's jobs to a cluster from now on, also when it is opened again, or to this machine ("").

        Args:
            address: of a dask scheduler, or path of its scheduler file.
            initiator: handed on in the announcement.

        Returns:
            The number of workers that are there now, or of slots of this machine.

        Raises:
            ClusterError: it cannot be used; nothing is changed.
        """
        workers = self.jobs.move(address)
        content = _read_study_file(self.folder)
        content.pop("cluster", None)
        _write_study_file(self.folder, content | ({"cluster": address} if address else {}))
        self.changed.emit(Changes(jobs=True), initiator)
        return workers

    def export(self, out: Path) -> Path:
        """Write image and current label map of every scan, and all volumes; the path of `volumes.csv`."""
        return export_study(self._study, out)

    def status(self) -> StatusSummary:
        """Where the study stands."""
        return summarize(self._study, self.name)

    def verify(self) -> list[str]:
        """What is wrong with the study, and what to do about it, a line each; empty if nothing is."""
        return verify_study(self._study)

    def clean(self) -> Cleaned:
        """Remove images that nothing in the study names and that are older than a day."""
        return clean_study(self._study)

    def _announce(self, changes: Changes, initiator: object) -> None:
        self.changed.emit(changes, initiator)

    def _note(self, job_id: str, state: JobState, message: str) -> Changes:
        with self._study.database.writing() as session:
            record = session.get_one(JobRecord, job_id)
            if record.recorded is not None:  # another program recorded it meanwhile, and removed the job's files
                return Changes()
            record.state = state
            record.message = message
        return Changes(jobs=True)


def _is_half_made(folder: Path) -> bool:
    """Whether a folder holds nothing, or only what a `create` leaves that was cut off before it wrote `study.toml`."""
    return all(
        (entry.name in _FOLDERS and entry.is_dir() and not any(entry.iterdir()))
        or entry.name.startswith((DATABASE_FILE, HEADS_FILE, f".{STUDY_FILE}."))
        for entry in folder.iterdir()
    )


def _read_study_file(folder: Path) -> dict[str, Any]:
    path = folder / STUDY_FILE
    if not path.exists():
        raise StudyError(
            f"There is no study in {folder.absolute()}.", f"Check the path, or make one: ctworkbench new {folder}"
        )
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise StudyError(f"{path} cannot be read: {error}", "Restore it from a backup.") from error


def _write_study_file(folder: Path, content: dict[str, Any]) -> None:
    """Write flat TOML; strings and numbers of JSON are those of TOML."""
    replace_text(folder / STUDY_FILE, "".join(f"{name} = {json.dumps(value)}\n" for name, value in content.items()))


def _sqlite_url(folder: Path) -> URL:
    return URL.create("sqlite", database=str((folder / DATABASE_FILE).resolve()))
