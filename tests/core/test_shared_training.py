"""A training by several processes, as a study starts it: refused, paused, gone on with, told on the card."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.jobs import JobState
from ctworkbench.core.model_comparison import parse_configuration
from ctworkbench.core.model_registry import card
from ctworkbench.core.training import TrainRequest
from ctworkbench.core.workbench import Workbench
from ctworkbench.core.workbench.training_runs import train_each
from tests.core.rehearsed import wait_until
from tests.core.trainable_study import TINY, trainable
from tests.test_bad_input import run


@pytest.fixture
def study(tmp_path: Path) -> Iterator[Workbench]:
    with trainable(tmp_path) as workbench:
        yield workbench


def test_that_more_processes_than_a_batch_has_brains_are_refused(study: Workbench) -> None:
    with pytest.raises(WorkbenchError, match="3 processes cannot share a batch of 2, which demo has"):
        study.modelling.train(processes=3)
    told = run("train", study.folder, "--processes", "0")
    assert (told.code, "Train with 1 to 2 processes." in told.err) == (1, True)
    assert study.jobs.jobs() == []


def test_that_it_is_paused_within_seconds_and_goes_on_as_it_was_begun(study: Workbench) -> None:
    (job,) = study.modelling.train(processes=2)
    wait_until(lambda: any(event.kind == "metric" for event in study.jobs.events(job)))
    asked = time.monotonic()
    study.jobs.cancel(job)
    wait_until(lambda: study.jobs.state(job) is JobState.CANCELLED)
    assert time.monotonic() - asked < 3
    told = [event.values["epoch"] for event in study.jobs.events(job) if event.kind == "metric"]
    assert study.modelling.train(processes=1) == [job]  # the same training, gone on with
    wait_until(lambda: len([e for e in study.jobs.events(job) if e.kind == "metric"]) > len(told))
    epochs = [event.values["epoch"] for event in study.jobs.events(job) if event.kind == "metric"]
    assert epochs == list(range(1, len(epochs) + 1))  # none twice
    study.jobs.cancel(job)
    study.wait([job])


def test_that_the_card_tells_of_it_and_a_comparison_uses_it(study: Workbench) -> None:
    both = tuple(parse_configuration(f"{network}:demo:{TINY}") for network in ("resunet", "unet3d"))
    request = TrainRequest(
        cases=tuple(study.modelling.cases()),
        seed=study._study.split_seed,
        changes=both[0].changes,
        processes=2,
    )
    with study._study.deciding():
        jobs = train_each(study._study, [request])
    assert not study.wait(jobs)
    (model,) = study.modelling.models()
    facts = study.modelling.facts(model.id)
    assert facts.processes == 2
    assert "on a CPU, 2 processes of 1 thread" in card.markdown(facts)
    (other,) = study.comparisons.start("nets", both)  # by how many processes it was trained is no matter
    assert study.jobs.job(other).params["network"] == "unet3d"
    study.jobs.cancel(other)
    study.wait([other])
