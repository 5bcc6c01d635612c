"""The life of a job: done, failed, cancelled, killed and started again, each in a real process of its own."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from ctworkbench.core.errors import JobError
from ctworkbench.core.jobs import Event, Job, JobRunner, JobState, read_events
from ctworkbench.core.settings import Settings
from tests.core.rehearsed import PATIENCE, job, let_jobs_rehearse, wait_until


@pytest.fixture(autouse=True)
def rehearsal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "site"
    site.mkdir()
    let_jobs_rehearse(site, monkeypatch)


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[JobRunner]:
    runner = JobRunner(tmp_path / "jobs", Settings(slots=1, threads=3, cancel_grace_seconds=0.5))
    yield runner
    for work in runner.jobs():
        if not runner.state(work.id).ended:
            runner.cancel(work.id)
    wait_until(lambda: all(runner.state(work.id).ended for work in runner.jobs()))
    runner.close()


def finish(runner: JobRunner, job: Job) -> JobState:
    wait_until(lambda: runner.state(job.id).ended)
    return runner.state(job.id)


def start(runner: JobRunner, job: Job) -> int:
    """Submit a job and wait until it is at work; its process number."""
    runner.submit(job)
    wait_until(lambda: any(event.message == "Counted." for event in runner.events(job.id)))
    return int(json.loads((runner.folder / job.id / "process.json").read_text())["pid"])


def test_that_a_job_tells_its_story_and_leaves_its_result(runner: JobRunner) -> None:
    work = job()
    runner.submit(work)
    assert finish(runner, work) == JobState.DONE
    assert runner.result(work.id) == {"starts": 1, "threads": 3, "omp": "3"}
    kinds = [event.kind for event in runner.events(work.id)]
    assert kinds == ["started", "progress", "metric", "done"]
    assert runner.events(work.id)[2].values == {"starts": 1}
    assert runner.jobs() == [work]


def test_that_a_job_is_given_its_own_number_of_threads(runner: JobRunner) -> None:
    work = job().model_copy(update={"threads": 2})
    runner.submit(work)
    assert finish(runner, work) == JobState.DONE
    assert runner.result(work.id) == {"starts": 1, "threads": 2, "omp": "2"}


def test_that_a_known_fault_is_told_with_its_remedy(runner: JobRunner) -> None:
    work = job(fault="known")
    runner.submit(work)
    assert finish(runner, work) == JobState.FAILED
    failure = runner.failure(work.id)
    assert "The series P001 has no slices." in failure.message
    assert failure.remedy == "Send it again."


def test_that_an_unknown_fault_is_named_and_logged_whole(runner: JobRunner) -> None:
    work = job(fault="unknown")
    runner.submit(work)
    assert finish(runner, work) == JobState.FAILED
    assert "ZeroDivisionError: by chance" in runner.failure(work.id).message
    assert "Traceback" in (runner.folder / work.id / "log.txt").read_text()


def test_that_a_job_stops_when_it_is_cancelled_and_can_be_started_again(runner: JobRunner) -> None:
    work = job(seconds=PATIENCE)
    start(runner, work)
    assert runner.state(work.id) == JobState.RUNNING
    runner.cancel(work.id)
    assert finish(runner, work) == JobState.CANCELLED
    assert runner.events(work.id)[-1].kind == "cancelled"
    runner.submit(work)
    assert finish(runner, work) == JobState.DONE
    assert runner.result(work.id)["starts"] == 2


def test_that_a_job_that_does_not_listen_is_ended_after_the_grace_time(runner: JobRunner) -> None:
    work = job(seconds=PATIENCE, deaf=True)
    pid = start(runner, work)
    runner.cancel(work.id)
    assert finish(runner, work) == JobState.CANCELLED
    wait_until(lambda: not Path(f"/proc/{pid}").exists())


def test_that_a_killed_job_is_found_interrupted_and_goes_on_when_submitted_again(runner: JobRunner) -> None:
    work = job(seconds=PATIENCE)
    os.kill(start(runner, work), signal.SIGKILL)
    assert finish(runner, work) == JobState.INTERRUPTED
    assert "interrupted" in runner.failure(work.id).message
    runner.submit(work)
    assert finish(runner, work) == JobState.DONE
    assert runner.result(work.id)["starts"] == 2


def test_that_another_runner_sees_a_job_at_work_and_can_cancel_it(runner: JobRunner) -> None:
    work = job(seconds=PATIENCE)
    start(runner, work)
    other = JobRunner(runner.folder, Settings(cancel_grace_seconds=0.5))
    assert other.state(work.id) == JobState.RUNNING
    other.cancel(work.id)
    assert finish(other, work) == JobState.CANCELLED


def test_that_a_job_cancelled_in_the_queue_never_starts(runner: JobRunner) -> None:
    first, second = job(seconds=PATIENCE), job()
    start(runner, first)
    runner.submit(second)
    assert runner.state(second.id) == JobState.QUEUED
    runner.cancel(second.id)
    runner.cancel(first.id)
    assert finish(runner, first) == JobState.CANCELLED
    assert finish(runner, second) == JobState.CANCELLED
    assert not (runner.folder / second.id / "starts").exists()


def test_that_a_runner_that_stops_cancels_what_runs_and_what_waits(runner: JobRunner) -> None:
    first, second = job(seconds=PATIENCE), job()
    start(runner, first)
    runner.submit(second)
    runner.stop()
    assert finish(runner, first) == JobState.CANCELLED
    assert finish(runner, second) == JobState.CANCELLED


def test_that_a_function_of_another_program_is_refused(runner: JobRunner) -> None:
    work = Job(kind="x", title="X", function="os:system", params={"command": "true"})
    runner.submit(work)
    assert finish(runner, work) == JobState.FAILED
    assert "not a function of this program" in runner.failure(work.id).message


def test_that_a_process_of_the_same_number_is_not_taken_for_the_job(runner: JobRunner) -> None:
    work = job()
    folder = runner.folder / work.id
    folder.mkdir(parents=True)
    (folder / "job.json").write_text(work.model_dump_json())
    (folder / "process.json").write_text(json.dumps({"pid": os.getpid(), "created": 1.0}))
    assert runner.state(work.id) == JobState.INTERRUPTED


def test_that_an_event_cut_off_by_a_crash_is_left_out(tmp_path: Path) -> None:
    whole = Event(kind="progress", fraction=0.5).model_dump_json()
    (tmp_path / "events.jsonl").write_text(whole + "\n" + whole[:20])
    assert [event.fraction for event in read_events(tmp_path / "events.jsonl")] == [0.5]


def test_that_an_unknown_job_is_refused_by_name(runner: JobRunner) -> None:
    with pytest.raises(JobError, match="no job 42"):
        runner.job("42")
