"""A comparison that is killed outright, and its trainings with it, goes on with nothing lost and nothing done twice."""

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from ctworkbench.core.jobs import read_events
from ctworkbench.core.settings import Settings
from ctworkbench.core.workbench import Workbench
from tests.core.rehearsed import wait_until
from tests.core.test_comparisons_room import actions
from tests.core.trainable_study import trainable
from tests.test_bad_input import run
from tests.test_faults import jobs_of, kill_job

SHORT = "epochs=3:channels=[4,6,8]"
START = ("nets", "--with", f"resunet:demo:{SHORT}", f"unet3d:demo:{SHORT}", "--repeats", "2")


def epochs_of(job: Path) -> list[object]:
    """The epochs that a training has told, in the order told."""
    return [event.values["epoch"] for event in read_events(job / "events.jsonl") if event.kind == "metric"]


@pytest.mark.slow
def test_that_a_comparison_killed_outright_is_finished_with_nothing_done_twice(tmp_path: Path) -> None:
    with trainable(tmp_path) as workbench:
        study = workbench.folder
    environment = os.environ | {"CTWORKBENCH_SLOTS": "1"}
    command = [sys.executable, "-m", "ctworkbench", "compare", "start", study, *START]
    program = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def trainings() -> list[Path]:
        return sorted(jobs_of(study, "train"))

    def halfway() -> bool:
        """Whether the first training is done and the second has told an epoch."""
        return len(trainings()) == 4 and len(epochs_of(trainings()[1])) >= 1

    wait_until(halfway)
    os.kill(program.pid, signal.SIGKILL)
    program.wait()
    first, second, *waiting = trainings()
    kill_job(second)
    assert epochs_of(first) == [1, 2, 3]
    assert not (second / "result.json").exists()
    assert not any((job / "process.json").exists() for job in waiting)

    done = run("compare", "start", study, "nets")
    assert done.code == 0, done.err
    assert len(trainings()) == 4
    for job in trainings():
        assert epochs_of(job) == [1, 2, 3], job.name
    starts = [[event.kind for event in read_events(job / "events.jsonl")].count("started") for job in trainings()]
    assert starts == [1, 2, 1, 1]
    with Workbench.open(study, Settings(author="reader")) as workbench:
        (row,) = workbench.comparisons.rows()
        assert (row.done, row.planned, row.stopped) == (4, 4, False)
        assert len(workbench.modelling.models()) == 4
        told = Counter(actions(workbench))
        assert (told["compare models"], told["train"], told["start train"], told["restart train"]) == (1, 4, 4, 3)
    assert "All trainings of nets are done." in run("compare", "start", study, "nets").err
    assert run("verify", study).code == 0
