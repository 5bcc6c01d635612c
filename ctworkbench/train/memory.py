"""Room for a training: the GPU for itself, and smaller bites of the same brains where a step does not fit."""

import sqlite3
import tempfile
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

import psutil
import torch

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.jobs import JobContext
from ctworkbench.core.settings import login_name

_SMALLEST = 32
_STEP = 16
_LOOK_SECONDS = 0.5
_CPU_WORDS = ("DefaultCPUAllocator", "can't allocate memory", "not enough memory")


@contextmanager
def gpu_alone(context: JobContext, lock: Path | None = None) -> Generator[None]:
    """Wait until no other training of this user has the GPUs: two would halve each other's memory, and so the cubes.

    The lock is that of an empty database: it works on every system and falls with its process.

    Args:
        context: of the job that waits.
        lock: its file; one for all studies of this machine by default.

    Raises:
        JobCancelled: the job was cancelled while it waited.
    """
    lock = lock or Path(tempfile.gettempdir()) / f"ctworkbench-{login_name()}.gpu"
    with closing(sqlite3.connect(lock, 0.0, isolation_level=None)) as held:
        waiting = False
        while True:
            try:
                held.execute("BEGIN EXCLUSIVE")
                break
            except sqlite3.OperationalError:
                if not waiting:
                    context.progress(0.0, "Waits until the training that has the GPU has ended")
                waiting = True
                context.check()
                time.sleep(_LOOK_SECONDS)
        yield


def out_of_memory(error: Exception) -> bool:
    """Whether an error of torch or Python says that memory ran out, on a GPU or on the CPU."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _CPU_WORDS)


def memory_held(device: str) -> float:
    """GB that this process holds: on the GPU at most so far, else in the machine's memory now."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 1e9
    return psutil.Process().memory_info().rss / 1e9


def smaller(together: int, patch: int) -> tuple[int, int]:
    """The next smaller bite: one brain at a time, then cubes of half the side.

    Args:
        together: brains that go through the network at once.
        patch: side of the cubes, or the longest side of the brains where they are shown whole.

    Returns:
        The same two, smaller.

    Raises:
        WorkbenchError: it is as small as is of use.
    """
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if together > 1:
        return 1, patch
    half = patch // 2 // _STEP * _STEP
    if half < _SMALLEST:
        raise WorkbenchError(
            f"The memory does not even hold a step on {patch} voxels a side.",
            "Close other programs, or choose a preset with coarser voxels or fewer channels.",
        )
    return 1, half
