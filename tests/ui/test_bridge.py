"""The bridge: answers from aside, news of jobs, errors."""

import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel
from pytestqt.qtbot import QtBot

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.jobs import Event, Job, JobState
from ctworkbench.core.model import JobRecord
from ctworkbench.core.workbench import Workbench
from ctworkbench.ui.bridge import Bridge, JobView, Notice, OpenScan
from ctworkbench.ui.job_watch import JobWatch
from tests.ui.seeded_study import seed


@pytest.fixture
def workbench(tmp_path: Path) -> Iterator[Workbench]:
    """A study of two children without any job."""
    opened = seed(tmp_path / "study", children=2)
    yield opened
    opened.close()


@pytest.fixture
def bridge(workbench: Workbench, qtbot: QtBot) -> Iterator[Bridge]:
    """A bridge that polls quickly; not started."""
    made = Bridge(workbench, poll_milliseconds=30)
    yield made
    made.close()


def write_job(workbench: Workbench, name: str = "a", kind: str = "label") -> Job:
    """Put a job into the study as another run of the program would have left it: cut off."""
    job = Job(
        id=f"20260101T00000000000{name}",
        kind=kind,
        title=f"Job {name}",
        function="ctworkbench.x:y",
        params={},
        subject=1,
    )
    folder = workbench.jobs.folder / job.id
    folder.mkdir(parents=True)
    (folder / "job.json").write_text(job.model_dump_json())
    with workbench._study.database.writing() as session:
        session.add(JobRecord(id=job.id, kind=kind, scan_id=1, state=JobState.QUEUED, message=""))
    return job


def tell(workbench: Workbench, job: Job, *events: Event, tail: str = "") -> None:
    """Add events to a job, and a line that is not whole yet."""
    with (workbench.jobs.folder / job.id / "events.jsonl").open("a") as stream:
        stream.write("".join(event.model_dump_json() + "\n" for event in events) + tail)


def test_that_of_two_answers_to_one_question_only_the_newer_is_handed_over(bridge: Bridge, qtbot: QtBot) -> None:
    slow = threading.Event()
    answers: list[str] = []
    bridge.run(lambda: slow.wait(5) and "old", answers.append, key="question")
    bridge.run(lambda: "new", answers.append, key="question")
    qtbot.waitUntil(lambda: answers == ["new"])
    slow.set()
    bridge.run(lambda: "last", answers.append)
    qtbot.waitUntil(lambda: "last" in answers)
    assert answers == ["new", "last"]


def test_that_answers_come_on_the_gui_thread(bridge: Bridge, qtbot: QtBot) -> None:
    threads: list[tuple[int, int]] = []
    bridge.run(threading.get_ident, lambda aside: threads.append((aside, threading.get_ident())))
    qtbot.waitUntil(lambda: bool(threads))
    aside, here = threads[0]
    assert here == threading.main_thread().ident
    assert aside != here


def test_that_an_error_aside_is_told_with_its_remedy(bridge: Bridge, qtbot: QtBot) -> None:
    def fail() -> None:
        raise WorkbenchError("Scan 7 is gone.", "Import it again.")

    with qtbot.waitSignal(bridge.noticed) as told:
        bridge.run(fail, lambda _: None)
    assert told.args == [Notice("error", "Scan 7 is gone.", "Import it again.")]


def test_that_an_unexpected_error_is_logged_and_told(
    bridge: Bridge, qtbot: QtBot, caplog: pytest.LogCaptureFixture
) -> None:
    with qtbot.waitSignal(bridge.noticed) as told:
        bridge.run(lambda: 1 / 0, lambda _: None)
    assert told.args is not None
    assert "division by zero" in told.args[0].message
    assert any("ZeroDivisionError" in str(record.exc_info) for record in caplog.records)


def test_that_a_write_by_anyone_is_told_once(bridge: Bridge, workbench: Workbench, qtbot: QtBot) -> None:
    heard: list[object] = []
    bridge.changed.connect(heard.append)
    assert workbench.review.accept_all() > 0
    qtbot.waitUntil(lambda: bool(heard))
    qtbot.wait(50)
    assert len(heard) == 1
    assert heard[0].reviews  # type: ignore[attr-defined]


def test_that_only_new_whole_lines_of_events_are_read(workbench: Workbench) -> None:
    job = write_job(workbench)
    watch = JobWatch(workbench.jobs)
    tell(workbench, job, Event(kind="started"), tail='{"kind": "prog')
    assert [event.kind for event in watch.read()[0].events] == ["started"]
    tell(workbench, job, tail='ress", "fraction": 0.5}\n')
    watch.look_again(job.id)
    (reading,) = watch.read()
    assert [(event.kind, event.fraction) for event in reading.events] == [("progress", 0.5)]


def test_that_a_job_cut_off_while_the_window_was_closed_is_found(
    bridge: Bridge, workbench: Workbench, qtbot: QtBot
) -> None:
    job = write_job(workbench)
    tell(workbench, job, Event(kind="started"), Event(kind="progress", fraction=0.4, message="Aligning"))
    bridge.start()
    qtbot.waitUntil(lambda: job.id in bridge.jobs)
    view = bridge.jobs[job.id]
    assert (view.state, view.fraction, view.message) == (JobState.INTERRUPTED, 0.4, "Aligning")
    assert bridge.live == []


def test_that_metrics_are_kept_and_told(bridge: Bridge, workbench: Workbench, qtbot: QtBot) -> None:
    job = write_job(workbench, kind="train")
    bridge.start()
    qtbot.waitUntil(lambda: job.id in bridge.jobs)
    told: list[Event] = []
    bridge.job_event.connect(lambda _, event: told.append(event))
    tell(workbench, job, Event(kind="metric", values={"epoch": 1, "loss": 0.7}))
    bridge._watch.look_again(job.id)
    qtbot.waitUntil(lambda: bool(told))
    assert bridge.jobs[job.id].metrics == [{"epoch": 1, "loss": 0.7}]


class NoParams(BaseModel):
    """Nothing is needed."""


def test_that_a_failing_look_is_told_once_and_tried_again(
    bridge: Bridge, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []

    def fail() -> list:
        looks.append(1)
        raise WorkbenchError("The disk is gone.", "Connect it.")

    monkeypatch.setattr(bridge._watch, "read", fail)
    told: list[Notice] = []
    bridge.noticed.connect(told.append)
    bridge.start()
    qtbot.waitUntil(lambda: len(looks) >= 3)
    qtbot.wait(50)
    assert told == [Notice("error", "The disk is gone.", "Connect it.")]


def test_that_nothing_arrives_after_closing(workbench: Workbench, qtbot: QtBot) -> None:
    bridge = Bridge(workbench, poll_milliseconds=20)
    answers: list[str] = []
    bridge.run(lambda: time.sleep(0.05) or "late", answers.append)
    bridge.close()
    qtbot.wait(100)
    assert answers == []


def test_that_a_view_follows_a_job_that_starts_again() -> None:
    view = JobView(Job(kind="label", title="t", function="ctworkbench.x:y", params={}), JobState.FAILED)
    for event in (
        Event(kind="started"),
        Event(kind="failed", message="No brain was found.", remedy="Look at the scan."),
    ):
        view.take(event)
    assert (view.message, view.remedy) == ("No brain was found.", "Look at the scan.")
    assert view.ended is not None
    view.take(Event(kind="started"))
    assert (view.fraction, view.remedy, view.ended) == (0.0, "", None)


def test_that_the_open_scan_changes_only_when_the_guard_agrees(qtbot: QtBot) -> None:
    scan = OpenScan()
    heard: list[object] = []
    scan.changed.connect(heard.append)
    assert scan.open(3)
    assert scan.open(3)
    scan.guard = lambda: False
    assert not scan.open(4)
    assert (scan.scan_id, heard) == (3, [3])


def test_that_the_bridge_loads_no_viewer() -> None:
    import subprocess

    code = (
        "import sys, ctworkbench.ui.main_window; print([m for m in ('napari', 'torch', 'vispy') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
