"""One training by several processes: each takes its share of every batch, and all take the same step together.

torchrun's elastic launcher starts them within the job, one for each GPU, or sharing the threads of a CPU. Gradients are
added up (NCCL between GPUs, Gloo between CPUs), so that all hold the same weights after every step. Torch's
`DistributedDataParallel` is not used: a process whose memory runs out, or that is told to pause, must be heard by the
others before any of them takes the step, and it has no word for that.
"""

import atexit
import os
import tempfile
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel
from torch import distributed, nn

from ctworkbench.core.errors import JobCancelled, WorkbenchError
from ctworkbench.core.jobs import Event, JobContext, end_with

_Params = TypeVar("_Params", bound=BaseModel)
_Result = TypeVar("_Result", bound=BaseModel)
_Item = TypeVar("_Item")
_PATIENCE = timedelta(days=2)  # the others wait while the first validates; one that dies is noticed by the launcher


class Ranks:
    """The processes of a training as one of them sees them; by default it is alone.

    Attributes:
        rank: which one this is, from 0; the first alone tells of the training and writes its files.
        size: how many there are.
    """

    def __init__(self, rank: int = 0, size: int = 1) -> None:
        self.rank = rank
        self.size = size

    @property
    def first(self) -> bool:
        """Whether this is the one that tells and writes."""
        return self.rank == 0

    def share(self, items: Sequence[_Item]) -> Sequence[_Item]:
        """This process's part of what is dealt out to all."""
        return items[self.rank :: self.size]

    def add_up(self, network: nn.Module, sums: NDArray[np.float64], trouble: Exception | None) -> NDArray[np.float64]:
        """Give every process the sum of all gradients; the sum of all `sums`.

        Args:
            network: with this process's gradients; those of the whole batch afterwards.
            sums: figures of this process, of one shape in all.
            trouble: why this process could not take its part.

        Raises:
            JobCancelled: the training is to pause; in every process, before the same step.
            OutOfMemoryError: a step did not fit into the memory of one of them; likewise.
        """
        if self.size == 1:
            if trouble is not None:
                raise trouble
            return sums
        cancelled = isinstance(trouble, JobCancelled)
        told = np.concatenate([[cancelled, trouble is not None and not cancelled], sums.ravel()])
        told = _sum(told)
        if trouble is not None:
            raise trouble
        if told[0]:
            raise JobCancelled
        if told[1]:
            raise torch.OutOfMemoryError("out of memory in another process of this training")
        learned = [parameter for parameter in network.parameters() if parameter.requires_grad]
        for parameter in learned:
            if parameter.grad is None:  # the last batch of an epoch may have too few brains for all
                parameter.grad = torch.zeros_like(parameter)
        gradients = [parameter.grad for parameter in learned if parameter.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(flat)
        for gradient, part in zip(gradients, flat.split([gradient.numel() for gradient in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))
        return told[2:].reshape(sums.shape)

    def led(self, work: Callable[[], None]) -> None:
        """Let the first process do what is not dealt out; where it fails or is told to stop, all stop.

        Raises:
            Exception: what `work` raised; `JobCancelled` in the others.
        """
        if self.size == 1:
            work()
            return
        trouble: JobCancelled | WorkbenchError | None = None
        if self.first:
            try:
                work()
            except (JobCancelled, WorkbenchError) as error:
                trouble = error
        stop = _sum(np.array([float(trouble is not None)]))[0]
        if trouble is not None:
            raise trouble
        if stop:
            raise JobCancelled  # why, the first tells

    def told(self, flag: bool) -> bool:
        """What the first process says, in all: clocks differ, and none may stay behind."""
        return flag if self.size == 1 else bool(_sum(np.array([float(flag and self.first)]))[0])

    def check_alike(self, network: nn.Module) -> None:
        """See that all processes hold the same weights.

        Raises:
            WorkbenchError: they do not, in every process.
        """
        if self.size == 1:
            return
        own = torch.stack([parameter.detach().double().sum() for parameter in network.parameters()]).cpu()
        least, most = own.clone(), own.clone()
        distributed.all_reduce(least, distributed.ReduceOp.MIN)
        distributed.all_reduce(most, distributed.ReduceOp.MAX)
        if not torch.equal(least, most):
            raise WorkbenchError(
                f"The {self.size} processes of the training do not hold the same weights any more.",
                "Train with one process; are the GPUs of one kind?",
            )


def launch(
    work: Callable[[_Params, JobContext, Ranks], _Result | None],
    params: _Params,
    context: JobContext,
    processes: int,
) -> _Result:
    """Have `work` done by several processes of this machine; what the first of them returns.

    Args:
        work: a function of a module, called in each process with a context and ranks of its own.
        params: its parameters.
        context: of the job; its threads are dealt out.
        processes: how many.

    Raises:
        JobCancelled: the job was cancelled; all processes have ended.
        WorkbenchError: what the first raised, one that was killed or failed, or more processes than GPUs.
    """
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if 0 < gpus < processes:
        raise WorkbenchError(
            f"{processes} processes need as many GPUs; this machine has {gpus}.", f"Train with {gpus} at most."
        )
    threads = max(1, context.threads // processes)
    with tempfile.TemporaryDirectory(prefix="ctworkbench-") as logs:
        config = LaunchConfig(
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=processes,
            run_id=context.folder.name,
            rdzv_backend="c10d",
            rdzv_endpoint="127.0.0.1:0",  # any free port
            local_addr="127.0.0.1",  # nothing is asked of a name server, and nobody else can join
            max_restarts=0,  # a training that was cut off goes on when its user says so
            monitor_interval=0.1,
            start_method="spawn",
            logs_specs=DefaultLogsSpecs(log_dir=logs),
        )
        try:
            answers = elastic_launch(config, _take_part)(work, params, context.folder, threads, os.getpid())
        except ChildFailedError as error:
            context.check()
            rank, failure = error.get_first_failure()
            how = f"was killed ({failure.signal_name()})" if failure.exitcode < 0 else "failed"
            raise WorkbenchError(
                f"Process {rank + 1} of {processes} of the training {how}.",
                "Let it go on: it continues from its checkpoint. The whole story is in the job's log.txt.",
            ) from error
    answer = answers[0]
    if isinstance(answer, Exception):
        raise answer
    return answer


class _PartContext(JobContext):
    """The job as one of its processes sees it: all hear that it is cancelled, the first alone tells of it."""

    def __init__(self, folder: Path, threads: int, launcher: int, tells: bool) -> None:
        super().__init__(folder, threads)
        self._launcher = launcher
        self._tells = tells

    def progress(self, fraction: float, message: str = "") -> None:
        """As the job's; silent in all but the first, which must not stop by themselves."""
        if self._tells:
            super().progress(fraction, message)

    def write(self, event: Event) -> None:
        """As the job's; silent in all but the first."""
        if self._tells:
            super().write(event)

    def check(self) -> None:
        """As the job's; a part whose launcher was killed stops too, where the system does not end it."""
        super().check()
        if os.getppid() != self._launcher:
            raise JobCancelled


def _take_part(
    work: Callable[[_Params, JobContext, Ranks], _Result | None],
    params: _Params,
    folder: Path,
    threads: int,
    launcher: int,
) -> _Result | Exception | None:
    """What each process does; errors that all know of are its answer, any other ends it and so the others."""
    end_with(launcher)
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    distributed.init_process_group(backend, timeout=_PATIENCE)
    ranks = Ranks(distributed.get_rank(), distributed.get_world_size())
    try:
        answer = work(params, _PartContext(folder, threads, launcher, ranks.first), ranks)
    except (JobCancelled, WorkbenchError) as error:
        answer = error
    distributed.destroy_process_group()
    atexit.register(os._exit, 0)  # to take torch apart lasts seconds on a busy machine, and a pause must not
    return answer


def _sum(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sum over all processes, on the CPU."""
    told = torch.from_numpy(values.astype(np.float64))
    distributed.all_reduce(told)
    return told.numpy()
