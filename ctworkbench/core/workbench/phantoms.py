"""Digital head phantoms, many side by side; they need no study."""

import shutil
import time
from pathlib import Path
from typing import Any, TextIO

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.jobs import Job, JobRunner, JobState, read_events
from ctworkbench.core.phantom import PhantomResult, plan_phantoms, write_cohort
from ctworkbench.core.progress import Progress
from ctworkbench.core.settings import Settings
from ctworkbench.core.wording import count


def make_phantoms(
    out: Path,
    n: int,
    seed: int,
    heads: Path | None,
    settings: Settings,
    stream: TextIO,
    acquisition: dict[str, Any] | None = None,
) -> Path:
    """Make `n` phantoms under `out`, a DICOM folder and a truth map each; the path of `cohort.csv`.

    Phantoms that are there already, made with the same parameters, are kept.

    Args:
        out: folder; made if it is not there.
        n: how many.
        seed: same seed, same phantoms.
        heads: folder of other head maps than the shipped ones.
        settings: slots and threads.
        stream: where progress is told.
        acquisition: changes of the scanner's settings, such as `spacing` or `tilt_degrees`.

    Raises:
        WorkbenchError: head maps that cannot be used, or a phantom that could not be made.
    """
    out = out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    planned = plan_phantoms(out, n, seed, heads=heads, **(acquisition or {}))
    runner = JobRunner(out / ".jobs", settings)
    jobs = [
        Job(
            id=params.code,
            kind="phantom",
            title=f"Phantom {params.code}",
            function="ctworkbench.core.phantom:make_phantom",
            params=params.model_dump(mode="json"),
        )
        for params in planned
    ]
    started: list[str] = []
    for job in jobs:
        folder = runner.folder / job.id
        same = (folder / "job.json").exists() and runner.job(job.id).params == job.params
        if same and runner.state(job.id) is JobState.DONE:
            continue
        if not same and folder.exists():
            shutil.rmtree(folder)
        runner.submit(job)
        started.append(job.id)
    if started:
        _wait(runner, started, stream)
    failed = [job.id for job in jobs if runner.state(job.id) is not JobState.DONE]
    if failed:
        raise WorkbenchError(f"{count(len(failed), 'phantom')} could not be made. {runner.failure(failed[0])}")
    results = [PhantomResult.model_validate(runner.result(job.id)) for job in jobs]
    return write_cohort(results, out)


def _wait(runner: JobRunner, job_ids: list[str], stream: TextIO) -> None:
    """Stay until all have ended; an interruption cancels them."""
    progress = Progress(runner, job_ids, stream)
    seen = dict.fromkeys(job_ids, 0)
    left = list(job_ids)
    try:
        while left:
            for job_id in list(left):
                ended = runner.state(job_id).ended
                events = list(read_events(runner.folder / job_id / "events.jsonl"))
                for event in events[seen[job_id] :]:
                    progress.show(job_id, event)
                seen[job_id] = len(events)
                if ended:
                    left.remove(job_id)
            time.sleep(0.15)
    except KeyboardInterrupt:
        for job_id in left:
            runner.cancel(job_id)
        raise
    finally:
        progress.close()
        runner.close()
