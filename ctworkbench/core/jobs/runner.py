"""The jobs of one study: started, cancelled, and told from their folders."""

import json
import logging
import threading
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from ctworkbench.core.code_version import code_version
from ctworkbench.core.errors import JobError, WorkbenchError
from ctworkbench.core.files import replace_text
from ctworkbench.core.jobs.job import (
    Event,
    Job,
    JobContext,
    JobState,
    placed,
    portable_json,
    read_events,
    read_job,
    study_of,
)
from ctworkbench.core.jobs.process import WORKER, alive, end, identity, process_of, supervise
from ctworkbench.core.settings import Settings

if TYPE_CHECKING:
    from ctworkbench.core.jobs.cluster import ClusterExecutor

log = logging.getLogger(__name__)


class JobRunner:
    """The jobs of one study: starts them, cancels them, and tells their state from their folders."""

    def __init__(self, folder: Path, settings: Settings, executor: Executor | None = None) -> None:
        self.folder = folder
        self._settings = settings
        self._cluster = settings.cluster
        self._executor = executor
        self._left: list[Executor] = []  # where jobs were given to before
        self._futures: dict[str, Future[None]] = {}

    def submit(self, job: Job) -> None:
        """Write a job down and queue it; one that was cut off, failed or cancelled starts again in its old folder."""
        folder = self.folder / job.id
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "job.json").exists():
            replace_text(folder / "job.json", portable_json(job, folder))
        for stale in ("CANCEL", WORKER):
            (folder / stale).unlink(missing_ok=True)
        replace_text(folder / "queue.json", identity(psutil.Process()))
        future = self._give(folder, job.threads)
        future.add_done_callback(lambda done: _tell_of_failure(folder, done))
        self._futures[job.id] = future

    @property
    def cluster(self) -> str:
        """Where jobs are given to: address of a cluster; empty for the slots of this machine."""
        return self._cluster

    def move(self, cluster: str) -> int:
        """Give jobs to a cluster from now on, or to the slots of this machine ("").

        Returns:
            The number of workers that are there now, or of slots.

        Raises:
            ClusterError: it cannot be used; nothing is changed.
        """
        executor = self._connected(cluster)
        if self._executor is not None:
            self._left.append(self._executor)
        self._cluster, self._executor = cluster, executor
        return self._settings.slots if executor is None else executor.workers

    def _connected(self, cluster: str) -> "ClusterExecutor | None":
        if not cluster:
            return None
        from ctworkbench.core.jobs.cluster import ClusterExecutor

        return ClusterExecutor(cluster, self.folder)

    def _give(self, folder: Path, threads: int) -> "Future[None]":
        """Queue a job on the cluster, or else in a slot of this machine."""
        settings, grace = self._settings, self._settings.cancel_grace_seconds
        if self._cluster:
            from ctworkbench.core.jobs.cluster import supervise_on_worker

            if self._executor is None:
                self._executor = self._connected(self._cluster)
            assert self._executor is not None
            # A worker's threads are its slots: each job has one thread unless more are asked for.
            threads = threads or settings.threads or 1
            return self._executor.submit(supervise_on_worker, folder, threads, grace, code_version())
        if self._executor is None:
            self._executor = ThreadPoolExecutor(settings.slots, thread_name_prefix="job")
        return self._executor.submit(supervise, folder, threads or settings.threads_per_job, grace)

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
        if alive(folder / WORKER):
            return JobState.RUNNING
        if self._waits(job_id):
            return JobState.QUEUED
        if alive(folder / WORKER):  # its process was born between the two looks
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
        if (folder / WORKER).exists() or (folder / "CANCEL").exists():
            return False
        return process_of(folder / "queue.json") is not None

    def events(self, job_id: str) -> list[Event]:
        """All events of a job so far; a line cut off by a crash is left out."""
        return list(read_events(self.folder / job_id / "events.jsonl"))

    def result(self, job_id: str) -> dict[str, Any]:
        """The result of a job that is done, as JSON."""
        folder = self.folder / job_id
        return placed(json.loads((folder / "result.json").read_text(encoding="utf-8")), study_of(folder))

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
        worker = self.folder / job_id / WORKER
        if process_of(worker) is not None and process_of(self.folder / job_id / "queue.json") is None:
            # its supervisor is gone with the program that started it, so nobody else will end it
            threading.Timer(self._settings.cancel_grace_seconds, end, (worker,)).start()

    def stop(self) -> None:
        """Cancel every job of this runner that has not ended."""
        for job_id, future in list(self._futures.items()):
            if not future.done():
                self.cancel(job_id)

    def close(self) -> None:
        """Forget the queue; jobs that run go on by themselves, and those that waited are nobody's any more."""
        for executor in (*self._left, *([self._executor] if self._executor else [])):
            executor.shutdown(wait=False, cancel_futures=True)
        for job_id, future in self._futures.items():
            if future.cancelled():
                (self.folder / job_id / "queue.json").unlink(missing_ok=True)


def _tell_of_failure(folder: Path, future: "Future[None]") -> None:
    """Write down why a job could not even be started, such as a worker that does not see it."""
    error = None if future.cancelled() else future.exception()
    if error is not None:
        log.error("%s was not supervised to its end", folder.name, exc_info=error)
        remedy = error.remedy if isinstance(error, WorkbenchError) else "Start the job again."
        message = error.message if isinstance(error, WorkbenchError) else f"{type(error).__name__}: {error}"
        JobContext(folder).write(Event(kind="failed", message=message, remedy=remedy))
