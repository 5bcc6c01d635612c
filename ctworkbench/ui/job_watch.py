"""Reads what is new in the job folders of a study; knows no Qt and may be called from any one thread at a time."""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import ValidationError

from ctworkbench.core.jobs import Event, Job, JobRunner, JobState

log = logging.getLogger(__name__)

_SETTLING_SECONDS = 5.0
_LOOKS_BETWEEN_RECHECKS = 10


@dataclass(frozen=True)
class JobReading:
    """What a look found out about one job: its state, and the events since the last look."""

    job: Job
    state: JobState
    events: tuple[Event, ...]


class JobWatch:
    """Tails the jobs of a runner.

    Jobs that are done are never read again, so a study with a thousand finished jobs costs one folder listing a look.
    Those that failed or were cut off are looked at now and then, for the command line may have started them again.
    """

    def __init__(self, runner: JobRunner) -> None:
        self._runner = runner
        self._jobs: dict[str, Job] = {}
        self._states: dict[str, JobState] = {}
        self._offsets: dict[str, int] = {}
        self._again: set[str] = set()
        self._read_out: set[str] = set()
        self._looks = 0

    def look_again(self, job_id: str) -> None:
        """Look at a job at the next read even if it had ended."""
        self._again.add(job_id)

    def read(self) -> list[JobReading]:
        """News of all jobs, oldest job first."""
        self._looks += 1
        again, self._again = self._again, set()
        readings: list[JobReading] = []
        for job_id in self._job_ids():
            if job_id not in again and not self._is_due(job_id):
                continue
            job = self._jobs.get(job_id) or self._runner.job(job_id)
            self._jobs[job_id] = job
            state = self._runner.state(job_id)  # before the events: an end that is seen has its last event behind it
            events = self._new_events(job_id)
            if events or state is not self._states.get(job_id):
                readings.append(JobReading(job, state, events))
            if state is JobState.DONE and self._states.get(job_id) is JobState.DONE:
                self._read_out.add(job_id)  # the result is there a moment before the last event: two looks see both
            else:
                self._read_out.discard(job_id)
            self._states[job_id] = state
        return readings

    def _job_ids(self) -> list[str]:
        folder = self._runner.folder
        if not folder.exists():
            return []
        names = sorted(path.name for path in folder.iterdir())
        return [name for name in names if name in self._jobs or (folder / name / "job.json").exists()]

    def _is_due(self, job_id: str) -> bool:
        state = self._states.get(job_id)
        if state is None or not state.ended:
            return True
        if state is JobState.DONE:
            return job_id not in self._read_out
        young = (datetime.now(UTC) - self._jobs[job_id].created).total_seconds() < _SETTLING_SECONDS
        return young or self._looks % _LOOKS_BETWEEN_RECHECKS == 0

    def _new_events(self, job_id: str) -> tuple[Event, ...]:
        """Events of the whole lines that were added since the last look."""
        path = self._runner.folder / job_id / "events.jsonl"
        offset = self._offsets.get(job_id, 0)
        try:
            size = path.stat().st_size
            if size == offset:
                return ()
            with path.open("rb") as stream:
                stream.seek(offset if offset < size else 0)
                start = stream.tell()
                content = stream.read()
        except FileNotFoundError:
            return ()
        whole = content[: content.rfind(b"\n") + 1]
        self._offsets[job_id] = start + len(whole)
        events: list[Event] = []
        for line in whole.splitlines():
            try:
                events.append(Event.model_validate_json(line))
            except ValidationError as error:
                log.warning("a line of the events of job %s is left out: %s", job_id, error)
        return tuple(events)
