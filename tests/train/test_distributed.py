"""A training by two processes is the training of one: the same steps, weights that stay alike, and one that tells."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import torch
from safetensors.torch import load_file

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.jobs import JobContext, read_events
from ctworkbench.core.training import TrainCase
from ctworkbench.train.course import TrainParams
from ctworkbench.train.distributed import Ranks, launch
from ctworkbench.train.loop import train
from ctworkbench.train.outcome import TrainResult
from tests.train.heads import TINY, make_head

ROLES = ("train", "train", "train", "train", "train", "validation")
ONE_BY_ONE = TINY.model_copy(update={"together": 1, "average": 0.9, "clip": 1.0})
"""Brains that go through the network one by one are the same batch however it is dealt out; five make an odd one."""


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainCase, ...]:
    """Five heads to train on, one to validate on."""
    folder = tmp_path_factory.mktemp("heads")
    return tuple(make_head(folder, number).case(role) for number, role in enumerate(ROLES))


@pytest.fixture(scope="module")
def alone(cases: tuple[TrainCase, ...], tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    """The training of one process."""
    folder = tmp_path_factory.mktemp("alone")
    return train(TrainParams(cases=cases, settings=ONE_BY_ONE, epochs=3), JobContext(folder))


@pytest.fixture(scope="module")
def shared(cases: tuple[TrainCase, ...], tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainResult, Path]:
    """The same by two, and its folder."""
    folder = tmp_path_factory.mktemp("shared")
    params = TrainParams(cases=cases, settings=ONE_BY_ONE, epochs=3, processes=2)
    return train(params, JobContext(folder, threads=2)), folder


def test_that_two_processes_with_half_the_batch_take_the_steps_of_one(alone, shared) -> None:
    result, _ = shared
    for own, other in zip(alone.history, result.history, strict=True):
        assert own["loss"] == pytest.approx(other["loss"], rel=1e-4)
    one, two = load_file(alone.weights), load_file(result.weights)
    for name, weights in one.items():
        assert torch.allclose(weights, two[name], rtol=1e-3, atol=1e-4), name
    assert (result.processes, result.threads, alone.processes) == (2, 1, 1)


def test_that_the_first_alone_tells_of_the_training(shared) -> None:
    _, folder = shared
    events = list(read_events(folder / "events.jsonl"))
    assert [event.values["epoch"] for event in events if event.kind == "metric"] == [1, 2, 3]
    prepared = [event.message for event in events if event.message.startswith("Preparing")]
    assert len(prepared) == len(set(prepared)) == len(ROLES)


def drifting(params: TrainParams, context: JobContext, ranks: Ranks) -> TrainParams | None:
    """Weights that one process alone has changed."""
    network = torch.nn.Linear(2, 2)
    with torch.no_grad():
        network.weight.fill_(1.0 + ranks.rank)
        network.bias.zero_()
    ranks.check_alike(network)
    return params


def test_that_weights_which_drift_apart_stop_the_training(cases, tmp_path: Path) -> None:
    with pytest.raises(WorkbenchError, match="do not hold the same weights any more"):
        launch(drifting, TrainParams(cases=cases), JobContext(tmp_path), 2)


def tight(params: TrainParams, context: JobContext, ranks: Ranks) -> TrainParams | None:
    """A step that does not fit into the memory of the second process, and then does."""
    network = torch.nn.Linear(2, 1)
    full = torch.OutOfMemoryError("full") if ranks.rank == 1 else None
    try:
        ranks.add_up(network, torch.ones(1).double().numpy(), full)
    except torch.OutOfMemoryError:
        (network(torch.ones(1, 2)) * (1 + ranks.rank)).sum().backward()
        sums = ranks.add_up(network, torch.ones(1).double().numpy(), None)
        gradient = network.weight.grad
        assert gradient is not None
        context.metric(sum=float(sums[0]), gradient=float(gradient[0, 0]))
    return params


def test_that_memory_that_runs_out_in_one_is_heard_by_all(cases, tmp_path: Path) -> None:
    launch(tight, TrainParams(cases=cases), JobContext(tmp_path), 2)
    (told,) = read_events(tmp_path / "events.jsonl")
    assert told.values == {"sum": 2.0, "gradient": 3.0}


@pytest.fixture
def running(cases, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A training of two processes in a process of its own, as a job has it."""
    params = TrainParams(cases=cases, settings=ONE_BY_ONE, epochs=3, processes=2)
    (tmp_path / "params.json").write_text(params.model_dump_json())
    script = (
        "import sys; from pathlib import Path\n"
        "from ctworkbench.core.errors import JobCancelled; from ctworkbench.core.jobs import JobContext\n"
        "from ctworkbench.train.course import TrainParams; from ctworkbench.train.loop import train\n"
        "folder = Path(sys.argv[1])\n"
        "params = TrainParams.model_validate_json((folder / 'params.json').read_text())\n"
        "if __name__ == '__main__':\n"
        "    try:\n"
        "        train(params, JobContext(folder, 2))\n"
        "    except JobCancelled:\n"
        "        sys.exit(3)\n"
    )
    (tmp_path / "job.py").write_text(script)
    root = Path(__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": str(root)}
    with (tmp_path / "log.txt").open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, tmp_path / "job.py", tmp_path], cwd=root, env=environment, stdout=out, stderr=out
        )
        yield process
        process.kill()
        process.wait()


def wait_for_epoch(folder: Path, number: int) -> None:
    """Wait until an epoch is told."""
    deadline = time.monotonic() + 120
    while not any(event.values.get("epoch") == number for event in read_events(folder / "events.jsonl")):
        assert time.monotonic() < deadline, (folder / "log.txt").read_text()
        time.sleep(0.01)


def living(parts: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Those that still work after some seconds; one that has ended and that nobody has asked about does not."""
    _, left = psutil.wait_procs(parts, timeout=seconds)
    return [part for part in left if part.is_running() and part.status() != psutil.STATUS_ZOMBIE]


def test_that_a_pause_stops_all_within_seconds_and_the_training_goes_on_from_its_step(
    cases, shared, running: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    wait_for_epoch(tmp_path, 1)
    parts = psutil.Process(running.pid).children(recursive=True)
    (tmp_path / "CANCEL").touch()
    asked = time.monotonic()
    assert running.wait(30) == 3
    assert time.monotonic() - asked < 3
    assert not living(parts, seconds=1)
    (tmp_path / "CANCEL").unlink()
    params = TrainParams(cases=cases, settings=ONE_BY_ONE, epochs=3, processes=2)
    result = train(params, JobContext(tmp_path, threads=2))
    assert result.history == shared[0].history
    assert result.weights_sha256 == shared[0].weights_sha256


def test_that_a_job_killed_outright_takes_its_processes_along_and_goes_on(
    cases, shared, running: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    wait_for_epoch(tmp_path, 1)
    parts = psutil.Process(running.pid).children(recursive=True)
    assert len(parts) >= 2
    os.kill(running.pid, signal.SIGKILL)
    assert not living(parts, seconds=3)
    params = TrainParams(cases=cases, settings=ONE_BY_ONE, epochs=3, processes=2)
    assert train(params, JobContext(tmp_path, threads=2)).weights_sha256 == shared[0].weights_sha256


def test_that_a_part_which_is_killed_ends_the_training_with_a_message(
    running: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    wait_for_epoch(tmp_path, 1)
    parts = psutil.Process(running.pid).children(recursive=True)
    os.kill(next(part.pid for part in parts if "spawn_main" in " ".join(part.cmdline())), signal.SIGKILL)
    assert running.wait(30) == 1
    assert "of 2 of the training was killed (SIGKILL)" in (tmp_path / "log.txt").read_text()


def test_that_a_fault_that_the_first_finds_is_told_as_it_is(cases, tmp_path: Path) -> None:
    lost = cases[0].model_copy(update={"image": Path("nowhere.nii.gz")})
    with pytest.raises(WorkbenchError, match=r"H00: nowhere\.nii\.gz is missing"):
        train(TrainParams(cases=(lost, *cases[1:]), settings=ONE_BY_ONE, processes=2), JobContext(tmp_path))


def test_that_a_batch_too_small_for_the_processes_is_refused(cases, tmp_path: Path) -> None:
    with pytest.raises(WorkbenchError, match="3 processes cannot share a batch of 2"):
        train(TrainParams(cases=cases, settings=ONE_BY_ONE, processes=3), JobContext(tmp_path))


def test_that_a_request_of_one_process_is_written_as_before_there_were_several(cases) -> None:
    assert "processes" not in json.loads(TrainParams(cases=cases).model_dump_json())
    assert json.loads(TrainParams(cases=cases, processes=2).model_dump_json())["processes"] == 2
