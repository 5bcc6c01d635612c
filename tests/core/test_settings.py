"""Settings come from the environment, and the program's own files are found."""

import os
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from ctworkbench.core.settings import Settings, resource


def test_that_the_environment_sets_what_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CTWORKBENCH_SLOTS", "3")
    monkeypatch.setenv("CTWORKBENCH_AUTHOR", "Dr. Example")
    settings = Settings.from_environment()
    assert (settings.slots, settings.author, settings.threads) == (3, "Dr. Example", 0)


@pytest.mark.parametrize("value", ["0", "-1", "many"])
def test_that_a_number_of_slots_that_cannot_be_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("CTWORKBENCH_SLOTS", value)
    with pytest.raises(ValidationError, match="slots"):
        Settings.from_environment()


def test_that_settings_cannot_change_while_the_program_runs() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().slots = 2  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="tells the cores of a process on Linux alone")
def test_that_jobs_share_the_cores_that_the_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    assert Settings(slots=2).threads_per_job == 4
    assert Settings(slots=16).threads_per_job == 1
    assert Settings(slots=2, threads=3).threads_per_job == 3


def test_that_a_resource_is_found_in_a_checkout() -> None:
    assert (resource("schemes") / "lobes10.toml").is_file()


def test_that_a_frozen_program_finds_its_resources_beside_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "resources" / "schemes").mkdir(parents=True)
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    assert resource("schemes") == tmp_path / "resources" / "schemes"


def test_that_a_missing_resource_is_named() -> None:
    with pytest.raises(FileNotFoundError, match="no_such_thing"):
        resource("no_such_thing")
