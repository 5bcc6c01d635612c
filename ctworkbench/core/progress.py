"""Progress of jobs as text: one line that moves on a terminal, a line now and then elsewhere."""

import shutil
import time
from typing import TextIO

from ctworkbench.core.jobs import Event, JobRunner
from ctworkbench.core.wording import count

_QUIET_SECONDS = 5.0


class Progress:
    """Tells how a set of jobs gets on."""

    def __init__(self, runner: JobRunner, job_ids: list[str], stream: TextIO) -> None:
        self._titles = {job_id: runner.job(job_id).title for job_id in job_ids}
        self._fractions = dict.fromkeys(job_ids, 0.0)
        self._stream = stream
        self._started = self._told = time.monotonic()
        self._done = 0

    def show(self, job_id: str, event: Event) -> None:
        """Take in one event of a job and tell it if it is worth a line."""
        if event.kind == "metric":
            return
        if event.kind in ("done", "failed", "cancelled"):
            self._fractions[job_id] = 1.0
            self._done += 1
        elif event.fraction is not None:
            self._fractions[job_id] = event.fraction
        total = len(self._fractions)
        percent = 100 * sum(self._fractions.values()) / total
        counted = f" {self._done}/{total}" if total > 1 else ""
        line = f"[{percent:3.0f} %{counted}] {self._titles[job_id]}: {event.message}"
        if self._stream.isatty():
            width = shutil.get_terminal_size().columns - 1
            self._stream.write(f"\r{line[:width]:<{width}}")
            self._stream.flush()
            return
        now = time.monotonic()
        if event.kind in ("done", "failed", "cancelled") or now - self._told > _QUIET_SECONDS:
            self._told = now
            print(line, file=self._stream, flush=True)

    def close(self) -> None:
        """End the moving line."""
        if self._stream.isatty():
            print(file=self._stream)
        seconds = time.monotonic() - self._started
        print(f"{count(len(self._fractions), 'job')}, {seconds:.0f} s", file=self._stream, flush=True)
