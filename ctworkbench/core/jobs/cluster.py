"""Jobs on many machines, through a dask.distributed cluster that sees the study under the same path.

The optional package `distributed` is needed here alone, and imported when a cluster is asked for.
"""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from ctworkbench.core.code_version import code_version
from ctworkbench.core.errors import ClusterError, JobError
from ctworkbench.core.jobs.process import supervise
from ctworkbench.core.settings import cores

if TYPE_CHECKING:
    from distributed import Client

_CONNECT_SECONDS = 10
_Given = ParamSpec("_Given")
_Answer = TypeVar("_Answer")


class ClusterExecutor(Executor):
    """Gives jobs to the workers of a cluster; one that is lost is replaced, and its job done again by another.

    Args:
        address: of the scheduler, such as "tcp://head:8786", or the path of its scheduler file.
        jobs: the folder of the study's jobs, which every worker must see under this path.

    Raises:
        ClusterError: there is no such cluster, or a worker that does not see the study or runs another version.
    """

    def __init__(self, address: str, jobs: Path) -> None:
        self._client = _connect(address)
        self._futures: list[Future[Any]] = []
        try:
            self.workers = _looked_over(self._client, address, jobs)
        except ClusterError:
            self._client.close()
            raise
        # Not pure: the same job may be given again; a lost worker's job is given to another one by the scheduler.
        self._executor = self._client.get_executor(pure=False)

    def submit(
        self, fn: Callable[_Given, _Answer], /, *args: _Given.args, **kwargs: _Given.kwargs
    ) -> "Future[_Answer]":
        """Queue a call on the cluster."""
        future: Future[_Answer] = self._executor.submit(fn, *args, **kwargs)
        self._futures.append(future)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Let go of the cluster; work that runs goes on to its end, as no thread of a worker can be stopped.

        A cluster that is gone has let go by itself.
        """
        if self._client.status == "closed":
            return
        if cancel_futures:
            for future in self._futures:
                future.cancel()
        self._executor.shutdown(wait=wait)
        self._client.close()


def supervise_on_worker(folder: Path, threads: int, grace_seconds: float, version: str) -> None:
    """Do a job on the machine of a worker; what the cluster is given to do.

    Raises:
        JobError: the worker runs another version of the program, or does not see the job.
    """
    fault = _fault_of(_look(folder), version)
    if fault:
        raise JobError(f"The job was given to a worker that {fault}.", "Mend or stop that worker; start the job again.")
    supervise(folder, min(threads, cores()), grace_seconds, bound=True)


def _connect(address: str) -> "Client":
    try:
        from distributed import Client
    except ImportError as error:
        raise ClusterError(
            "The package for clusters is not installed.", "Install it: pip install 'ctworkbench[cluster]'"
        ) from error
    where: dict[str, Any] = {"address": address} if "://" in address else {"scheduler_file": address}
    if "scheduler_file" in where and not Path(address).is_file():
        raise ClusterError(
            f"There is no scheduler file {address}.", "Give its path, or an address such as tcp://head:8786."
        )
    try:
        return Client(**where, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ClusterError(
            f"No cluster answers at {address}: {error}.",
            "Start one (dask scheduler, dask worker), or check the address.",
        ) from error


def _look(folder: Path) -> tuple[str, bool]:
    """Version of the program on a worker, and whether it sees a folder."""
    return code_version(), folder.exists()


def _fault_of(seen: tuple[str, bool], version: str) -> str:
    """What keeps a worker from doing jobs; empty if nothing does."""
    runs, sees = seen
    if runs != version:
        return f"runs CT Workbench {runs}, not {version}"
    return "" if sees else "does not see the study under the same path"


def _looked_over(client: "Client", address: str, jobs: Path) -> int:
    """Number of workers, all of them fit; a cluster may also have none yet, and get them as there is work."""
    seen = cast(dict[str, tuple[str, bool]], client.run(_look, jobs))
    for worker, answer in sorted(seen.items()):
        fault = _fault_of(answer, code_version())
        if fault:
            raise ClusterError(
                f"The worker {worker} of {address} {fault}.",
                "All machines need the same installation, and the study on storage that they share.",
            )
    return len(seen)
