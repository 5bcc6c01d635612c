"""Long work: a job is frozen data in a folder, done in a process of its own.

A job folder holds `job.json` (what to do), `events.jsonl` (what happened), `log.txt` (what was printed), `process.json`
(who does it), `result.json` (the outcome) and, once asked for, `CANCEL`. Its state is read from these files alone, so a
window that was closed, or killed, finds every job again, also in a study that was moved.
"""

import errno
import importlib
import json
import logging
import os
import subprocess
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, cast, get_type_hints

import psutil
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from ctworkbench.core.code_version import code_version
from ctworkbench.core.errors import JobCancelled, JobError, WorkbenchError
from ctworkbench.core.settings import Settings

log = logging.getLogger(__name__)

_POLL_SECONDS = 0.1
_IN_STUDY = "study:///"  # begins the name of a file of the study in job.json and result.json


class JobState(StrEnum):
    """What a job folder says of its job."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen unless the job is started again."""
        return self in (JobState.DONE, JobState.FAILED, JobState.CANCELLED, JobState.INTERRUPTED)


class Job(BaseModel):
    """One piece of long work.

    Attributes:
        id: name of the job's folder; sorts by time of creation.
        kind: the step it belongs to ("import", "preprocess", "label", "train", "segment" …).
        title: one line for people, such as "Label P001 (quick)".
        function: "package.module:name" of a function of `(params, context)` that returns a pydantic model.
        params: the function's first argument as JSON.
        subject: what the job is about (a scan's number), for finding it again; None where it is about many.
        threads: threads it may use; 0 for the share that the settings give.
        code_version: version of the program that wrote the job down, for the provenance of what comes of it.
    """

    model_config = ConfigDict(frozen=True)

    id: str = Field(default_factory=lambda: f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{uuid.uuid4().hex[:6]}")
    kind: str
    title: str
    function: str
    params: dict[str, JsonValue]
    subject: int | None = None
    threads: int = 0
    code_version: str = Field(default_factory=code_version)
    created: datetime = Field(default_factory=lambda: datetime.now(UTC))


class Event(BaseModel):
    """One thing that happened to a job.

    Attributes:
        kind: "started", "progress", "metric", "done", "failed" or "cancelled".
        fraction: part of the work done, 0 to 1, where known.
        message: one line for people.
        remedy: what to do about a failure.
        values: numbers of a metric, such as the loss and the Dice of an epoch.
    """

    model_config = ConfigDict(frozen=True)

    time: datetime = Field(default_factory=lambda: datetime.now(UTC))
    kind: str
    fraction: float | None = None
    message: str = ""
    remedy: str = ""
    values: dict[str, JsonValue] = Field(default_factory=dict)


class JobContext:
    """What a work function is given to tell of itself; `folder` is its own to write in."""

    def __init__(self, folder: Path, threads: int = 1) -> None:
        self.folder = folder
        self.threads = threads

    def progress(self, fraction: float, message: str = "") -> None:
        """Tell how far the work is (0 to 1).

        Raises:
            JobCancelled: the user cancelled the job.
        """
        self.check()
        self.write(Event(kind="progress", fraction=min(1.0, max(0.0, fraction)), message=message))

    def metric(self, **values: JsonValue) -> None:
        """Tell named numbers, such as `epoch=3, loss=0.41`."""
        self.write(Event(kind="metric", values=values))

    def check(self) -> None:
        """Raise `JobCancelled` if the user cancelled the job; cheap enough for an inner loop."""
        if (self.folder / "CANCEL").exists():
            raise JobCancelled

    def write(self, event: Event) -> None:
        """Append an event to the job's story."""
        with (self.folder / "events.jsonl").open("a", encoding="utf-8") as stream:
            stream.write(event.model_dump_json() + "\n")


WorkFunction = Callable[[Any, JobContext], BaseModel]


def read_job(folder: Path) -> Job:
    """The job of a folder, with the files of its study where they lie now."""
    job = Job.model_validate_json((folder / "job.json").read_text(encoding="utf-8"))
    return job.model_copy(update={"params": _placed(job.params, _study_of(folder))})


def _study_of(folder: Path) -> str:
    """The folder of the study that a job's folder lies in, with a slash at its end."""
    return str(folder.resolve().parents[1]) + os.sep


def _portable(value: Any, study: str) -> Any:
    """JSON in which files of the study are named from its folder, so that a study that was moved knows its jobs."""
    if isinstance(value, str):
        inside = value.startswith(study)
        return _IN_STUDY + value.removeprefix(study).replace(os.sep, "/") if inside else value
    if isinstance(value, dict):
        return {name: _portable(part, study) for name, part in value.items()}
    return [_portable(part, study) for part in value] if isinstance(value, list) else value


def _placed(value: Any, study: str) -> Any:
    """JSON in which the files of the study are named in full; undoes `_portable` wherever the study lies."""
    if isinstance(value, str):
        inside = value.startswith(_IN_STUDY)
        return study + value.removeprefix(_IN_STUDY).replace("/", os.sep) if inside else value
    if isinstance(value, dict):
        return {name: _placed(part, study) for name, part in value.items()}
    return [_placed(part, study) for part in value] if isinstance(value, list) else value


def run_job(folder: Path) -> int:
    """Do the job of a folder in this process and write its result; the exit code for the process.

    Called in a process of the job's own. A result is written under another name first, so one that exists is whole.
    """
    job = read_job(folder)
    context = JobContext(folder, threads=job.threads or int(os.environ.get("OMP_NUM_THREADS", "1")))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    try:
        context.check()
        context.write(Event(kind="started", message=job.title))
        function, params = _resolve(job)
        result = function(params, context)
        context.check()
        replace_text(folder / "result.json", _json(result, folder))
        context.write(Event(kind="done", fraction=1.0, message="Done."))
    except JobCancelled:
        context.write(Event(kind="cancelled", message="Cancelled."))
        return 3
    except WorkbenchError as error:
        log.exception("%s", error)
        context.write(Event(kind="failed", message=error.message, remedy=error.remedy))
        return 1
    except MemoryError:
        log.exception("out of memory")
        context.write(Event(kind="failed", message="Memory ran out.", remedy="Run fewer jobs side by side."))
        return 1
    except Exception as error:  # the last line of defence of a process: told, logged, never swallowed
        log.exception("unexpected")
        summary = traceback.format_exception_only(error)[-1].strip()
        remedy = f"The whole story is in {folder.name}/log.txt."
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            summary, remedy = "The disk is full.", "Free some space and run the command again."
        context.write(Event(kind="failed", message=summary, remedy=remedy))
        return 1
    return 0


def _json(content: BaseModel, folder: Path) -> str:
    """What a file of a job's folder holds."""
    return json.dumps(_portable(content.model_dump(mode="json"), _study_of(folder)), indent=1, ensure_ascii=False)


def _resolve(job: Job) -> tuple[WorkFunction, BaseModel]:
    """The function that a job names, and its parameters, validated."""
    module, _, name = job.function.partition(":")
    if not module.startswith("ctworkbench."):
        raise JobError(f"The job {job.id} names {job.function}, which is not a function of this program.")
    function = cast(WorkFunction, getattr(importlib.import_module(module), name))
    hints = [hint for key, hint in get_type_hints(function).items() if key != "return"]
    return function, hints[0].model_validate(job.params)


def replace_text(path: Path, text: str) -> None:
    """Write a file so that it is either wholly there or not at all."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    with temporary.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)


def supervise(folder: Path, threads: int, grace_seconds: float) -> None:
    """Start the process of a job and stay until it has ended; what an executor is given to do.

    The process outlives its supervisor: after a crash of the program the job ends by itself and is found again.
    """
    if (folder / "CANCEL").exists():
        return
    command = [sys.executable] if getattr(sys, "frozen", False) else [sys.executable, "-m", "ctworkbench"]
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS")
    environment = os.environ | dict.fromkeys(names, str(threads))
    environment.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin while they wait starve the other jobs
    with (folder / "log.txt").open("ab") as out:
        process = subprocess.Popen(
            [*command, "run-job", str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
        replace_text(folder / "process.json", _identity(psutil.Process(process.pid)))
        deadline: float | None = None
        while process.poll() is None:
            if deadline is None and (folder / "CANCEL").exists():
                deadline = time.monotonic() + grace_seconds
            elif deadline is not None and time.monotonic() > deadline:
                process.kill()
            time.sleep(_POLL_SECONDS)


class JobRunner:
    """The jobs of one study: starts them, cancels them, and tells their state from their folders."""

    def __init__(self, folder: Path, settings: Settings, executor: Executor | None = None) -> None:
        self.folder = folder
        self._settings = settings
        self._executor = executor
        self._futures: dict[str, Future[None]] = {}

    def submit(self, job: Job) -> None:
        """Write a job down and queue it; one that was cut off, failed or cancelled starts again in its old folder."""
        folder = self.folder / job.id
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "job.json").exists():
            replace_text(folder / "job.json", _json(job, folder))
        for stale in ("CANCEL", "process.json"):
            (folder / stale).unlink(missing_ok=True)
        replace_text(folder / "queue.json", _identity(psutil.Process()))
        if self._executor is None:
            self._executor = ThreadPoolExecutor(self._settings.slots, thread_name_prefix="job")
        threads = job.threads or self._settings.threads_per_job
        grace = self._settings.cancel_grace_seconds
        self._futures[job.id] = self._executor.submit(supervise, folder, threads, grace)

    def jobs(self) -> list[Job]:
        """All jobs of the study, oldest first; folders without a whole `job.json` are not jobs yet."""
        return [read_job(path.parent) for path in sorted(self.folder.glob("*/job.json"))]

    def job(self, job_id: str) -> Job:
        """One job by its id."""
        if not (self.folder / job_id / "job.json").exists():
            raise JobError(f"There is no job {job_id} in this study.", "See `ctworkbench status`.")
        return read_job(self.folder / job_id)

    def state(self, job_id: str) -> JobState:
        """Where a job stands, from its folder."""
        folder = self.folder / job_id
        if (folder / "result.json").exists():
            return JobState.DONE
        if _process(folder, "process.json") is not None:
            return JobState.RUNNING
        if self._waits(job_id):
            return JobState.QUEUED
        if _process(folder, "process.json") is not None:  # its process was born between the two looks
            return JobState.RUNNING
        if (folder / "result.json").exists():
            return JobState.DONE
        last = next((event.kind for event in reversed(self.events(job_id)) if event.kind != "metric"), None)
        if last in ("done", "failed", "cancelled"):
            return JobState(last)
        return JobState.CANCELLED if (folder / "CANCEL").exists() else JobState.INTERRUPTED

    def _waits(self, job_id: str) -> bool:
        """Whether a live program has this job in its queue and has not let go of it."""
        future = self._futures.get(job_id)
        if future is not None:
            return not future.done()
        folder = self.folder / job_id
        if (folder / "process.json").exists() or (folder / "CANCEL").exists():
            return False
        return _process(folder, "queue.json") is not None

    def events(self, job_id: str) -> list[Event]:
        """All events of a job so far; a line cut off by a crash is left out."""
        return list(read_events(self.folder / job_id / "events.jsonl"))

    def result(self, job_id: str) -> dict[str, Any]:
        """The result of a job that is done, as JSON."""
        folder = self.folder / job_id
        return _placed(json.loads((folder / "result.json").read_text(encoding="utf-8")), _study_of(folder))

    def failure(self, job_id: str) -> JobError:
        """Why a job did not end well, as an error that can be raised."""
        job = self.job(job_id)
        last = next((event for event in reversed(self.events(job_id)) if event.kind == "failed"), None)
        if last is not None:
            return JobError(f"{job.title}: {last.message}", last.remedy)
        state = self.state(job_id)
        return JobError(f"{job.title}: {state.value}.", "Run the command again and it goes on where it was.")

    def cancel(self, job_id: str) -> None:
        """Ask a job to stop; its process is ended if it does not within the grace time."""
        (self.folder / job_id / "CANCEL").touch()
        future = self._futures.get(job_id)
        if future is not None:
            future.cancel()
        process = _process(self.folder / job_id, "process.json")
        if process is not None and _process(self.folder / job_id, "queue.json") is None:
            # its supervisor is gone with the program that started it, so nobody else will end it
            threading.Timer(self._settings.cancel_grace_seconds, _kill, (self.folder / job_id,)).start()

    def stop(self) -> None:
        """Cancel every job of this runner that has not ended."""
        for job_id, future in list(self._futures.items()):
            if not future.done():
                self.cancel(job_id)

    def close(self) -> None:
        """Forget the queue; jobs that run go on by themselves, and those that waited are nobody's any more."""
        if self._executor is not None:
            self._executor.shutdown(wait=False, cancel_futures=True)
        for job_id, future in self._futures.items():
            if future.cancelled():
                (self.folder / job_id / "queue.json").unlink(missing_ok=True)


def read_events(path: Path) -> Iterator[Event]:
    """The whole lines of an events file; one that a crash cut off is left out, wherever it stands."""
    if not path.exists():
        return
    with path.open(encoding="utf-8", errors="replace") as stream:
        for line in stream:
            if line.endswith("\n"):
                with suppress(ValidationError):  # the end of a killed run, and what its next run wrote on the same line
                    yield Event.model_validate_json(line)


def _identity(process: psutil.Process) -> str:
    """What tells a process from a later one of the same number."""
    return json.dumps({"pid": process.pid, "created": process.create_time()})


def _process(folder: Path, name: str) -> psutil.Process | None:
    """The live process that a file of a job folder names; one that merely has the same number is not it."""
    try:
        known = json.loads((folder / name).read_text(encoding="utf-8"))
        process = psutil.Process(known["pid"])
        same = abs(process.create_time() - known["created"]) < 0.01
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except (FileNotFoundError, psutil.NoSuchProcess):
        return None


def _kill(folder: Path) -> None:
    """End the process of a cancelled job that did not stop by itself."""
    process = _process(folder, "process.json")
    if process is not None:
        process.kill()
