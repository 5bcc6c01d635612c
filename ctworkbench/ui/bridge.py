"""Between the service layer and the widgets: whatever happens off the GUI thread comes in here, and only here."""

import logging
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot
from shiboken6 import isValid

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.jobs import Event, Job, JobState
from ctworkbench.ui.job_watch import JobReading, JobWatch

if TYPE_CHECKING:
    from ctworkbench.core.workbench import Changes, Workbench

log = logging.getLogger(__name__)

POLL_MILLISECONDS = 400
QUIET_KINDS = ("check",)
"""Kinds of jobs that start by themselves, also at the next opening: nobody is told of their end, or asked about it."""


@dataclass(frozen=True)
class Notice:
    """Something the user is told.

    Attributes:
        kind: "info" and "warning" are shown in passing, "error" waits for the user.
        message: one sentence.
        remedy: what to do next; may be empty.
    """

    kind: Literal["info", "warning", "error"]
    message: str
    remedy: str = ""


@dataclass
class JobView:
    """A job as the window last saw it; only the GUI thread touches it.

    Attributes:
        fraction: part of the work done, 0 to 1; None before the job has told.
        message: its last words for people.
        metrics: values of its metric events, oldest first.
    """

    job: Job
    state: JobState
    fraction: float | None = None
    message: str = ""
    remedy: str = ""
    started: datetime | None = None
    ended: datetime | None = None
    metrics: list[dict[str, Any]] = field(default_factory=list)

    def take(self, event: Event) -> None:
        """Let the view follow one more event."""
        if event.kind == "metric":
            self.metrics.append(dict(event.values))
            return
        if event.kind == "started":
            self.started, self.ended, self.fraction, self.remedy = event.time, None, 0.0, ""
        if event.fraction is not None:
            self.fraction = event.fraction
        if event.message and event.kind != "started":
            self.message, self.remedy = event.message, event.remedy
        if event.kind in ("done", "failed", "cancelled"):
            self.ended = event.time


class OpenScan(QObject):
    """The one scan that is open; every place of the window follows it."""

    changed = Signal(object)
    """The number of the scan that was opened, or None."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.scan_id: int | None = None
        self.guard: Callable[[], bool] | None = None
        """Asked before another scan is opened; may say no, as when corrections are not saved."""

    def open(self, scan_id: int | None) -> bool:
        """Make a scan the open one; False if the guard refused. Opening it again says nothing."""
        if scan_id == self.scan_id:
            return True
        if self.guard is not None and not self.guard():
            return False
        self.scan_id = scan_id
        self.changed.emit(scan_id)
        return True


@dataclass(frozen=True)
class _Call:
    key: Hashable | None
    on_result: Callable[[Any], object]
    on_error: Callable[[Exception], object] | None
    message: str


class Bridge(QObject):
    """Polls the jobs of one open study, runs slow reads aside, and tells the widgets on the GUI thread.

    Args:
        workbench: the open study.
        parent: the QObject that owns the bridge.
        poll_milliseconds: time between two looks at the job folders.
    """

    changed = Signal(object)
    """A `Changes`: what was written to the study, by whomever."""
    job_event = Signal(str, object)
    """Job id and the `Event` that was just read."""
    job_state = Signal(str, str)
    """Job id and its new state."""
    jobs_changed = Signal()
    """Once per look that found news of any job."""
    noticed = Signal(object)
    """A `Notice` for the user."""
    busy = Signal(str)
    """What is being done aside just now; empty when nothing is."""

    _change_arrived = Signal(object)
    _readings_arrived = Signal(object)
    _answer_arrived = Signal(int, object)
    _error_arrived = Signal(object)

    def __init__(
        self, workbench: "Workbench", parent: QObject | None = None, poll_milliseconds: int = POLL_MILLISECONDS
    ) -> None:
        super().__init__(parent)
        self.workbench = workbench
        self.jobs: dict[str, JobView] = {}
        self._watch = JobWatch(workbench.jobs)
        self._readers = ThreadPoolExecutor(2, thread_name_prefix="read")
        self._collector = ThreadPoolExecutor(1, thread_name_prefix="collect")
        self._looking: Future[None] | None = None
        self._first_look = True
        self._closed = False
        self._last_failure = ""
        self._number = 0
        self._latest: dict[Hashable, int] = {}
        self._calls: dict[int, _Call] = {}
        self._starting: set[str] = set()
        queued = Qt.ConnectionType.QueuedConnection
        self._change_arrived.connect(self._relay, queued)
        self._readings_arrived.connect(self._take_readings, queued)
        self._answer_arrived.connect(self._deliver, queued)
        self._error_arrived.connect(self._show, queued)
        workbench.changed.connect(self._announce)
        self._timer = QTimer(self)
        self._timer.setInterval(poll_milliseconds)
        self._timer.timeout.connect(self.look)

    def start(self) -> None:
        """Begin to poll; results of jobs that ended while no window was open are recorded at once."""
        self._timer.start()
        self.look()

    def close(self) -> None:
        """Stop polling and wait for a recording that is under way; nothing is emitted afterwards."""
        self._closed = True
        self._timer.stop()
        self.workbench.changed.disconnect(self._announce)
        self._calls.clear()
        self._readers.shutdown(wait=True, cancel_futures=True)
        self._collector.shutdown(wait=True, cancel_futures=True)

    # -- slow reads ------------------------------------------------------------------------------------------------

    def run(
        self,
        function: Callable[[], Any],
        on_result: Callable[[Any], object],
        on_error: Callable[[Exception], object] | None = None,
        *,
        key: Hashable | None = None,
        message: str = "",
    ) -> int:
        """Call a function aside and hand its answer over on the GUI thread.

        Args:
            function: what to call; it must touch no widget.
            on_result: given the answer; not called if its owner was deleted meanwhile.
            on_error: given the exception; without one the error is reported.
            key: of several calls with one key only the answer of the newest is handed over.
            message: what to show while it lasts.

        Returns:
            The generation number of the call.
        """
        self._number += 1
        number = self._number
        if key is not None:
            self._latest[key] = number
        self._calls[number] = _Call(key, on_result, on_error, message)
        future = self._readers.submit(function)
        future.add_done_callback(lambda done: self._answer_arrived.emit(number, done))
        self._tell_busy()
        return number

    @property
    def idle(self) -> bool:
        """Whether every answer has come and was handed over."""
        return not self._calls

    def start_jobs(
        self, submit: Callable[[], list[str]], title: str, on_started: Callable[..., object] | None = None
    ) -> None:
        """Submit jobs aside and say how many were started; a second press while the first is under way does nothing.

        Args:
            submit: a Workbench method that returns job ids.
            title: what is started, such as "Preprocess".
            on_started: given the ids.
        """
        if title in self._starting:
            return
        self._starting.add(title)

        def started(ids: list[str]) -> None:
            self._starting.discard(title)
            for job_id in ids:
                self._watch.look_again(job_id)
            text = f"{title}: {len(ids)} job{'s' if len(ids) != 1 else ''} started."
            self.notify(text if ids else f"{title}: there is nothing to do; it is done or under way for these scans.")
            self.look()
            if on_started is not None:
                on_started(ids)

        def failed(error: Exception) -> None:
            self._starting.discard(title)
            self.report(error)

        self.run(submit, started, failed, message=f"{title}: starting…")

    def retry(self, job_id: str) -> None:
        """Start a job again that failed, was cancelled or was cut off."""

        def again() -> list[str]:
            self.workbench.restart(job_id)
            return [job_id]

        view = self.jobs.get(job_id)
        self.start_jobs(again, f"Start again “{view.job.title if view else job_id}”")

    def cancel(self, *job_ids: str) -> None:
        """Ask jobs to stop; those that still wait never start."""

        def stop() -> None:
            for job_id in job_ids:
                self.workbench.jobs.cancel(job_id)

        self.run(stop, lambda _: self.look(), message="Cancelling…")

    # -- words -----------------------------------------------------------------------------------------------------

    def notify(self, message: str, remedy: str = "", kind: Literal["info", "warning", "error"] = "info") -> None:
        """Tell the user something in passing."""
        self.noticed.emit(Notice(kind, message, remedy))

    def report(self, error: BaseException) -> None:
        """Tell the user of an error, and the log of an unexpected one; may be called from any thread."""
        if not isinstance(error, WorkbenchError):
            log.error("unexpected", exc_info=(type(error), error, error.__traceback__))
        self._error_arrived.emit(error)

    @Slot(object)
    def _show(self, error: BaseException) -> None:
        if isinstance(error, WorkbenchError):
            self.noticed.emit(Notice("error", error.message, error.remedy))
        else:
            name = type(error).__name__
            remedy = "Your saved work is safe. The details are in the program's log (Help → Show log)."
            self.noticed.emit(Notice("error", f"Something unexpected went wrong: {error or name} ({name}).", remedy))

    # -- jobs ------------------------------------------------------------------------------------------------------

    @property
    def live(self) -> list[JobView]:
        """Jobs that run or wait, oldest first, running ones before waiting ones."""
        found = [view for view in self.jobs.values() if not view.state.ended]
        return sorted(found, key=lambda view: (view.state is not JobState.RUNNING, view.job.id))

    @Slot()
    def look(self) -> None:
        """Look at the job folders now, aside, unless a look is under way."""
        if self._looking is None or self._looking.done():
            try:
                self._looking = self._collector.submit(self._look_aside)
            except RuntimeError:  # the study was closed while this call stood in the event queue
                log.debug("the study is closed; the look is left out")

    def _look_aside(self) -> None:
        try:
            readings = self._watch.read()
            if readings:
                self._readings_arrived.emit(readings)
            if self._first_look or any(reading.state.ended for reading in readings):
                known = not self._first_look
                self._first_look = False
                self.workbench.collect()
                for reading in readings:
                    failure = (
                        self.workbench.failure(reading.job.id) if known and reading.state is JobState.DONE else None
                    )
                    if failure is not None:
                        self._error_arrived.emit(failure)
            self._last_failure = ""
        except Exception as error:  # noqa: BLE001 - a thread's last line of defence: told once, logged, tried again at the next look
            if str(error) != self._last_failure:
                self._last_failure = str(error)
                self.report(error)

    @Slot(object)
    def _take_readings(self, readings: list[JobReading]) -> None:
        loading = not self.jobs
        for reading in readings:
            job_id = reading.job.id
            view = self.jobs.get(job_id)
            known = view.state if view else None
            if view is None:
                view = self.jobs[job_id] = JobView(reading.job, reading.state)
            view.state = reading.state
            for event in reading.events:
                view.take(event)
                if not loading:
                    self.job_event.emit(job_id, event)
            if reading.state != known:
                self.job_state.emit(job_id, reading.state.value)
                if known is not None:
                    self._tell_end(view)
        self.jobs_changed.emit()

    def _tell_end(self, view: JobView) -> None:
        if view.state is JobState.DONE and view.job.kind in QUIET_KINDS:
            return
        if view.state is JobState.DONE:
            self.notify(f"Done: {view.job.title}.")
        elif view.state is JobState.FAILED:
            self.notify(f"{view.job.title}: {view.message}", view.remedy, "warning")
        elif view.state is JobState.INTERRUPTED:
            self.notify(
                f"{view.job.title} was cut off.", "Start it again under Jobs; it goes on where it was.", "warning"
            )

    # -- arrivals --------------------------------------------------------------------------------------------------

    def _announce(self, changes: "Changes", _initiator: object) -> None:
        self._change_arrived.emit(changes)

    @Slot(object)
    def _relay(self, changes: "Changes") -> None:
        """Tell of a change, unless it stood in the event queue while the study was closed."""
        if not self._closed:
            self.changed.emit(changes)

    @Slot(int, object)
    def _deliver(self, number: int, future: "Future[Any]") -> None:
        call = self._calls.pop(number, None)
        self._tell_busy()
        if call is None or future.cancelled() or (call.key is not None and self._latest.get(call.key) != number):
            return
        owner = getattr(call.on_result, "__self__", None)
        if isinstance(owner, QObject) and not isValid(owner):
            return
        error = future.exception()
        if error is None:
            call.on_result(future.result())
        elif call.on_error is not None and isinstance(error, Exception):
            call.on_error(error)
        else:
            self.report(error)

    def _tell_busy(self) -> None:
        self.busy.emit(next((call.message for call in self._calls.values() if call.message), ""))
