"""The process of a job: started, watched, told from others of the same number, and ended."""

import ctypes
import errno
import importlib
import json
import logging
import os
import platform
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, cast, get_type_hints

import psutil
from pydantic import BaseModel

from ctworkbench.core.errors import JobCancelled, JobError, WorkbenchError
from ctworkbench.core.files import replace_text
from ctworkbench.core.jobs.job import Event, Job, JobContext, portable_json, read_job

log = logging.getLogger(__name__)

WORKER = "process.json"
LOST_SECONDS = 30.0
_POLL_SECONDS = 0.1
_HEARTBEAT_SECONDS = 5.0
_SUPERVISOR = "CTWORKBENCH_SUPERVISOR"
_PR_SET_PDEATHSIG = 1  # linux/prctl.h

WorkFunction = Callable[[Any, JobContext], BaseModel]


def run_job(folder: Path) -> int:
    """Do the job of a folder in this process and write its result; the exit code for the process.

    Called in a process of the job's own. A result is written under another name first, so one that exists is whole.
    """
    if supervisor := os.environ.pop(_SUPERVISOR, ""):
        end_with(int(supervisor))
    job = read_job(folder)
    context = JobContext(folder, threads=job.threads or int(os.environ.get("OMP_NUM_THREADS", "1")))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    try:
        context.check()
        context.write(Event(kind="started", message=job.title))
        function, params = _resolve(job)
        result = function(params, context)
        context.check()
        replace_text(folder / "result.json", portable_json(result, folder))
        context.write(Event(kind="done", fraction=1.0, message="Done."))
    except JobCancelled:
        context.write(Event(kind="cancelled", message="Cancelled."))
        return 3
    except WorkbenchError as error:
        log.exception("%s", error)
        context.write(Event(kind="failed", message=error.message, remedy=error.remedy))
        return 1
    except MemoryError:
        log.exception("out of memory")
        context.write(Event(kind="failed", message="Memory ran out.", remedy="Run fewer jobs side by side."))
        return 1
    except Exception as error:  # the last line of defence of a process: told, logged, never swallowed
        log.exception("unexpected")
        summary = traceback.format_exception_only(error)[-1].strip()
        remedy = f"The whole story is in {folder.name}/log.txt."
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            summary, remedy = "The disk is full.", "Free some space and run the command again."
        context.write(Event(kind="failed", message=summary, remedy=remedy))
        return 1
    return 0


def _resolve(job: Job) -> tuple[WorkFunction, BaseModel]:
    """The function that a job names, and its parameters, validated."""
    module, _, name = job.function.partition(":")
    if not module.startswith("ctworkbench."):
        raise JobError(f"The job {job.id} names {job.function}, which is not a function of this program.")
    function = cast(WorkFunction, getattr(importlib.import_module(module), name))
    hints = [hint for key, hint in get_type_hints(function).items() if key != "return"]
    return function, hints[0].model_validate(job.params)


def supervise(folder: Path, threads: int, grace_seconds: float, bound: bool = False) -> None:
    """Start the process of a job and stay until it has ended; what an executor is given to do.

    A job that is at work already, here or elsewhere, is waited for and not started twice.

    Args:
        folder: the job's folder.
        threads: threads that its process may use.
        grace_seconds: time that a cancelled job has to stop by itself.
        bound: whether the process ends with its supervisor. By default it outlives it: after a crash of the program the
            job ends by itself and is found again. On a cluster, where a lost worker's jobs are given to another one, a
            process that went on would do the work a second time.
    """
    while alive(folder / WORKER):
        time.sleep(_POLL_SECONDS)
    if (folder / "CANCEL").exists() or (folder / "result.json").exists():
        return
    command = [sys.executable] if getattr(sys, "frozen", False) else [sys.executable, "-m", "ctworkbench"]
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS")
    environment = os.environ | dict.fromkeys(names, str(threads))
    environment.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin while they wait starve the other jobs
    if bound:
        environment[_SUPERVISOR] = str(os.getpid())
    with (folder / "log.txt").open("ab") as out:
        process = subprocess.Popen(
            [*command, "run-job", str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
        replace_text(folder / WORKER, identity(psutil.Process(process.pid)))
        deadline: float | None = None
        beat = time.monotonic()
        while process.poll() is None:
            if time.monotonic() - beat > _HEARTBEAT_SECONDS:
                beat = time.monotonic()
                os.utime(folder / WORKER)
            if deadline is None and (folder / "CANCEL").exists():
                deadline = time.monotonic() + grace_seconds
            elif deadline is not None and time.monotonic() > deadline:
                process.kill()
            time.sleep(_POLL_SECONDS)
        with suppress(FileNotFoundError):  # its outcome was recorded, and the folder cleared, in the meantime
            os.utime(folder / WORKER, (0, 0))  # no sign of life any more, for those who look from another machine


def identity(process: psutil.Process) -> str:
    """What tells a process from a later one of the same number, and from those of other machines."""
    return json.dumps({"host": platform.node(), "pid": process.pid, "created": process.create_time()})


def process_of(path: Path) -> psutil.Process | None:
    """The live process of this machine that a file names; one that merely has the same number is not it."""
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        if known.get("host", platform.node()) != platform.node():
            return None
        process = psutil.Process(known["pid"])
        same = abs(process.create_time() - known["created"]) < 0.01
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except (FileNotFoundError, psutil.NoSuchProcess):
        return None


def alive(path: Path) -> bool:
    """Whether the process that a file names lives, here or on another machine.

    Another machine's supervisor touches the file every few seconds; one that has not for half a minute is lost. The
    clocks of machines that share a study must agree to some seconds.
    """
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        if known.get("host", platform.node()) == platform.node():
            return process_of(path) is not None
        return time.time() - path.stat().st_mtime < LOST_SECONDS
    except FileNotFoundError:
        return False


def end(path: Path) -> None:
    """End the process of this machine that a file names, if it lives."""
    process = process_of(path)
    if process is not None:
        process.kill()


def end_with(parent: int) -> None:
    """Let this process be killed when `parent`, which started it, dies; Linux alone knows how."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before it could be told
        raise SystemExit(1)
