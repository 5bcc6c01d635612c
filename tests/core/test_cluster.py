"""Jobs on a cluster of two workers: done, cancelled, and done again when their worker is lost."""

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from distributed import LocalCluster

from ctworkbench.core.errors import ClusterError
from ctworkbench.core.jobs import Job, JobRunner, JobState
from ctworkbench.core.jobs import cluster as cluster_module
from ctworkbench.core.settings import Settings
from tests.core.rehearsed import PATIENCE, job, let_jobs_rehearse, wait_until


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        let_jobs_rehearse(tmp_path_factory.mktemp("site"), patch)
        options = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
        with LocalCluster(**options, silence_logs=50) as cluster:
            yield cluster.scheduler_address


@pytest.fixture
def runner(address: str, tmp_path: Path) -> Iterator[JobRunner]:
    (tmp_path / "jobs").mkdir()
    runner = JobRunner(tmp_path / "jobs", Settings(cluster=address, cancel_grace_seconds=0.5))
    yield runner
    runner.stop()
    wait_until(lambda: all(runner.state(job.id).ended for job in runner.jobs()))
    runner.close()


def at_work(runner: JobRunner, work: Job) -> psutil.Process:
    """The process of a job that was submitted, once it has begun."""
    wait_until(lambda: any(event.message == "Counted." for event in runner.events(work.id)))
    return psutil.Process(json.loads((runner.folder / work.id / "process.json").read_text())["pid"])


def lives(process: psutil.Process) -> bool:
    """Whether a process is at work; one whose parent was killed may wait to be buried."""
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def test_that_jobs_run_on_the_workers_unchanged_and_at_once(runner: JobRunner) -> None:
    works = [job(seconds=2.0) for _ in range(2)]
    for work in works:
        runner.submit(work)
    parents = {at_work(runner, work).ppid() for work in works}
    assert len(parents) == 2 and os.getpid() not in parents
    for work in works:
        wait_until(lambda work=work: runner.state(work.id).ended)
        assert runner.state(work.id) == JobState.DONE
        assert runner.result(work.id) == {"starts": 1, "threads": 1, "omp": "1"}


def test_that_the_job_of_a_worker_that_is_killed_is_done_by_another_and_no_other_job_twice(runner: JobRunner) -> None:
    lost, others = job(seconds=PATIENCE), [job(seconds=0.5) for _ in range(3)]
    for work in (lost, *others):
        runner.submit(work)
    process = at_work(runner, lost)
    os.kill(process.ppid(), signal.SIGKILL)
    for work in (lost, *others):
        wait_until(lambda work=work: runner.state(work.id).ended)
        assert runner.state(work.id) == JobState.DONE
    assert not lives(process)
    assert runner.result(lost.id)["starts"] == 2
    assert [runner.result(work.id)["starts"] for work in others] == [1, 1, 1]


def test_that_a_job_on_a_worker_stops_within_three_seconds_also_if_it_does_not_listen(runner: JobRunner) -> None:
    work = job(seconds=PATIENCE, deaf=True)
    runner.submit(work)
    process = at_work(runner, work)
    runner.cancel(work.id)
    begin = time.monotonic()
    wait_until(lambda: runner.state(work.id).ended)
    assert time.monotonic() - begin < 3
    assert runner.state(work.id) == JobState.CANCELLED
    assert not lives(process)


def test_that_a_job_on_another_machine_is_at_work_as_long_as_it_gives_signs_of_life(runner: JobRunner) -> None:
    work = job()
    folder = runner.folder / work.id
    folder.mkdir()
    (folder / "job.json").write_text(work.model_dump_json())
    sign = folder / "process.json"
    sign.write_text(json.dumps({"host": "elsewhere", "pid": os.getpid(), "created": 1.0}))
    assert runner.state(work.id) == JobState.RUNNING
    os.utime(sign, (time.time() - 60, time.time() - 60))
    assert runner.state(work.id) == JobState.INTERRUPTED


def test_that_a_cluster_that_does_not_answer_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, "_CONNECT_SECONDS", 1)
    runner = JobRunner(tmp_path, Settings())
    with pytest.raises(ClusterError, match=r"No cluster answers at tcp://127\.0\.0\.1:9"):
        runner.move("tcp://127.0.0.1:9")
    with pytest.raises(ClusterError, match=r"no scheduler file nowhere\.json"):
        runner.move("nowhere.json")
    assert runner.cluster == ""


def test_that_a_worker_of_another_version_is_refused(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_module, "code_version", lambda: "9.9")
    with pytest.raises(ClusterError, match=r"runs CT Workbench .*, not 9\.9"):
        JobRunner(tmp_path, Settings()).move(address)


def test_that_workers_that_do_not_see_the_study_are_refused(address: str, tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="does not see the study"):
        JobRunner(tmp_path / "unseen", Settings()).move(address)


def test_that_jobs_are_given_elsewhere_from_now_on(address: str, runner: JobRunner) -> None:
    assert runner.move("") >= 1
    here = job(seconds=2.0)
    runner.submit(here)
    assert at_work(runner, here).ppid() == os.getpid()
    assert runner.move(address) == 2
    there = job(seconds=2.0)
    runner.submit(there)
    assert at_work(runner, there).ppid() != os.getpid()
    for work in (here, there):
        wait_until(lambda work=work: runner.state(work.id).ended)
        assert runner.state(work.id) == JobState.DONE


def test_that_a_study_closes_after_its_cluster_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    let_jobs_rehearse(tmp_path, monkeypatch)
    monkeypatch.setattr(cluster_module, "_CONNECT_SECONDS", 3)
    (tmp_path / "jobs").mkdir()
    options = {"n_workers": 1, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with LocalCluster(**options, silence_logs=50) as cluster:
        runner = JobRunner(tmp_path / "jobs", Settings(cluster=cluster.scheduler_address))
        work = job(seconds=0.1)
        runner.submit(work)
        wait_until(lambda: runner.state(work.id).ended)
    executor = runner._executor
    assert isinstance(executor, cluster_module.ClusterExecutor)
    wait_until(lambda: executor._client.status == "closed")
    runner.close()
    assert runner.state(work.id) == JobState.DONE
