"""What tests of jobs share: jobs that rehearse, and patience."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ctworkbench.core.jobs import Job

PATIENCE = 60.0


def let_jobs_rehearse(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the processes of jobs, and them alone, find `rehearsal.py` as a module of the program."""
    (site / "sitecustomize.py").write_text(
        f"import ctworkbench\nctworkbench.__path__.append({str(Path(__file__).parent)!r})\n"
    )
    root = Path(__file__).parents[2]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), str(root)]))


def job(**params: float | bool | str) -> Job:
    """A job that rehearses."""
    return Job(kind="rehearsal", title="Rehearse", function="ctworkbench.rehearsal:rehearse", params=dict(params))


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until it is so; an error after a while."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"not so within {PATIENCE} s"
        time.sleep(0.05)
