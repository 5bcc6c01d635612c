"""What a job is: frozen data in a folder, and what it tells of itself."""

import json
import os
import uuid
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from ctworkbench.core.code_version import code_version
from ctworkbench.core.errors import JobCancelled

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


def read_job(folder: Path) -> Job:
    """The job of a folder, with the files of its study where they lie now."""
    job = Job.model_validate_json((folder / "job.json").read_text(encoding="utf-8"))
    return job.model_copy(update={"params": placed(job.params, study_of(folder))})


def study_of(folder: Path) -> str:
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


def placed(value: Any, study: str) -> Any:
    """JSON in which the files of the study are named in full; undoes `_portable` wherever the study lies."""
    if isinstance(value, str):
        inside = value.startswith(_IN_STUDY)
        return study + value.removeprefix(_IN_STUDY).replace("/", os.sep) if inside else value
    if isinstance(value, dict):
        return {name: placed(part, study) for name, part in value.items()}
    return [placed(part, study) for part in value] if isinstance(value, list) else value


def portable_json(content: BaseModel, folder: Path) -> str:
    """What a file of a job's folder holds."""
    return json.dumps(_portable(content.model_dump(mode="json"), study_of(folder)), indent=1, ensure_ascii=False)


def read_events(path: Path) -> Iterator[Event]:
    """The whole lines of an events file; one that a crash cut off is left out, wherever it stands."""
    if not path.exists():
        return
    with path.open(encoding="utf-8", errors="replace") as stream:
        for line in stream:
            if line.endswith("\n"):
                with suppress(ValidationError):  # the end of a killed run, and what its next run wrote on the same line
                    yield Event.model_validate_json(line)
