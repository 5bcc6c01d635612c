"""A work function for the tests of jobs. The processes that they start find it as `ctworkbench.rehearsal`."""

import os
import time

from pydantic import BaseModel, ConfigDict

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.jobs import JobContext


class RehearsalParams(BaseModel):
    model_config = ConfigDict(frozen=True)

    seconds: float = 0.0
    deaf: bool = False
    fault: str = ""


class RehearsalResult(BaseModel):
    model_config = ConfigDict(frozen=True)

    starts: int
    threads: int
    omp: str


def rehearse(params: RehearsalParams, context: JobContext) -> RehearsalResult:
    """Count the starts in a checkpoint file; wait on the first one only, as resumed work has less left to do."""
    checkpoint = context.folder / "starts"
    starts = len(checkpoint.read_text()) + 1 if checkpoint.exists() else 1
    checkpoint.write_text("x" * starts)
    context.progress(0.1, "Counted.")
    if params.fault == "known":
        raise WorkbenchError("The series P001 has no slices.", "Send it again.")
    if params.fault == "unknown":
        raise ZeroDivisionError("by chance")
    end = time.monotonic() + (params.seconds if starts == 1 else 0.0)
    while time.monotonic() < end:
        time.sleep(0.02)
        if not params.deaf:
            context.progress(0.5, "Waiting.")
    context.metric(starts=starts)
    return RehearsalResult(starts=starts, threads=context.threads, omp=os.environ["OMP_NUM_THREADS"])
