"""The list of jobs, over real processes."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from ctworkbench.core.jobs import Event, Job, JobState
from ctworkbench.core.model import JobRecord
from ctworkbench.core.settings import Settings
from ctworkbench.core.workbench import Changes, Workbench
from ctworkbench.ui.bridge import Bridge, JobView
from ctworkbench.ui.job_strip import JobStrip
from ctworkbench.ui.jobs import JobsPage, elapsed_text, log_tail

PATIENCE = 60_000


@pytest.fixture(autouse=True)
def rehearsal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the processes of jobs, and them alone, find `rehearsal.py` of the core's tests as a module of the program."""
    site = tmp_path / "site"
    site.mkdir()
    tests = Path(__file__).parents[1]
    (site / "sitecustomize.py").write_text(
        f"import ctworkbench\nctworkbench.__path__.append({str(tests / 'core')!r})\n"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), str(tests.parent)]))


@pytest.fixture
def workbench(tmp_path: Path) -> Iterator[Workbench]:
    opened = Workbench.create(tmp_path / "study", Settings(slots=1, threads=1, cancel_grace_seconds=0.5))

    def record(job_id: str) -> Changes:
        with opened._study.database.writing() as session:
            opened._study.claim(session, job_id)
        return Changes(jobs=True)

    opened._recorders["rehearsal"] = record
    yield opened
    for job in opened.jobs.jobs():
        if not opened.jobs.state(job.id).ended:
            opened.jobs.cancel(job.id)
    opened.close()


@pytest.fixture
def page(workbench: Workbench, qtbot: QtBot) -> Iterator[JobsPage]:
    bridge = Bridge(workbench, poll_milliseconds=50)
    made = JobsPage(bridge)
    made.resize(1100, 600)
    qtbot.addWidget(made)
    with qtbot.waitExposed(made):
        made.show()
    bridge.start()
    yield made
    bridge.close()


def submit(workbench: Workbench, title: str = "Rehearse", **params: float | bool | str) -> Job:
    """Start a job that the study knows of."""
    job = Job(kind="rehearsal", title=title, function="ctworkbench.rehearsal:rehearse", params=dict(params))
    with workbench._study.database.writing() as session:
        session.add(JobRecord(id=job.id, kind=job.kind, scan_id=None, state=JobState.QUEUED, message=""))
    workbench.jobs.submit(job)
    return job


def state(page: JobsPage, job: Job) -> JobState | None:
    view = page._bridge.jobs.get(job.id)
    return view.state if view else None


def test_that_a_running_job_is_cancelled_and_started_again_and_one_that_waits_never_starts(
    page: JobsPage, workbench: Workbench, qtbot: QtBot
) -> None:
    strip = JobStrip(page._bridge)
    qtbot.addWidget(strip)
    running, waiting = submit(workbench, "First", seconds=60.0), submit(workbench, "Second", seconds=60.0)
    qtbot.waitUntil(lambda: state(page, waiting) is JobState.QUEUED, timeout=PATIENCE)
    qtbot.waitUntil(lambda: page._bridge.jobs[running.id].message == "Waiting.", timeout=PATIENCE)
    assert page.summary.text().startswith("1 running  ·  1 waiting")
    assert strip.title.text() == "First  (+1)"
    page.select(waiting.id)
    page.cancel.click()
    qtbot.waitUntil(lambda: state(page, waiting) is JobState.CANCELLED, timeout=PATIENCE)
    strip.cancel.click()
    qtbot.waitUntil(lambda: state(page, running) is JobState.CANCELLED, timeout=PATIENCE)
    assert page._bridge.live == []
    assert not page.cancel_all.isEnabled()
    assert strip.title.isHidden()
    page.select(running.id)
    assert page.retry.isEnabled()
    page.retry.click()
    qtbot.waitUntil(lambda: state(page, running) is JobState.DONE, timeout=PATIENCE)
    assert not page.retry.isEnabled()


def leave_job(workbench: Workbench, name: str, *events: Event, log: str = "") -> Job:
    """A job that another run of the program left behind."""
    job = Job(id=f"20260101T{name}", kind="label", title=f"Label {name}", function="ctworkbench.x:y", params={})
    folder = workbench.jobs.folder / job.id
    folder.mkdir(parents=True)
    (folder / "job.json").write_text(job.model_dump_json())
    (folder / "events.jsonl").write_text("".join(event.model_dump_json() + "\n" for event in events))
    (folder / "log.txt").write_text(log)
    return job


def test_that_a_failed_job_says_why_what_to_do_and_shows_its_log(
    page: JobsPage, workbench: Workbench, qtbot: QtBot
) -> None:
    why = Event(kind="failed", message="No brain was found in P004.", remedy="Look at the scan in Review.")
    failed = leave_job(workbench, "P004", Event(kind="started"), why, log="a line\nthe last line\n")
    cut = leave_job(workbench, "P005", Event(kind="started"))
    qtbot.waitUntil(lambda: len(page.model.ids) == 2)
    page.states.setCurrentText("Done")
    assert page.proxy.rowCount() == 0
    page.states.setCurrentText("With trouble")
    assert page.proxy.rowCount() == 2
    page.words.setText("brain")
    assert page.proxy.rowCount() == 1
    page.select(failed.id)
    assert page.words_of_job.text() == "No brain was found in P004. Look at the scan in Review."
    assert "the last line" in page.log.toPlainText()
    assert page._bridge.jobs[cut.id].state is JobState.INTERRUPTED


def test_that_a_long_log_is_shown_from_a_whole_line_on(tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text("".join(f"line {number}\n" for number in range(5000)))
    tail = log_tail(tmp_path, 1000)
    assert tail.startswith("line 4")
    assert tail.endswith("line 4999\n")
    assert len(tail) <= 1000


@pytest.mark.parametrize(("seconds", "text"), [(4, "4 s"), (185, "3 min 05 s"), (7500, "2 h 05 min")])
def test_that_times_are_told_for_people(seconds: int, text: str) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    view = JobView(Job(kind="k", title="t", function="ctworkbench.x:y", params={}), JobState.RUNNING, started=start)
    assert elapsed_text(view, start + timedelta(seconds=seconds)) == text
