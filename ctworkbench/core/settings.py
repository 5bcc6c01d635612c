"""Settings of the program, and where its own files lie."""

import getpass
import json
import os
import sys
import tomllib
from importlib.resources import files
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

UNKNOWN = "unknown"


def resource(name: str) -> Path:
    """Path of a file or folder under `resources/`, in a checkout, a wheel and a frozen program alike.

    Raises:
        FileNotFoundError: nothing of that name was shipped.
    """
    frozen = getattr(sys, "_MEIPASS", None)
    package = Path(str(files("ctworkbench")))
    roots = [Path(frozen) / "resources"] if frozen else [package / "resources", package.parent / "resources"]
    for root in roots:
        path = root / name
        if path.exists():
            return path
    raise FileNotFoundError(f"resource {name!r} not found under {', '.join(map(str, roots))}")


def login_name() -> str:
    """The name of whoever runs the program, as the system knows it."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # an account without a name, as in some containers
        return UNKNOWN


def user_settings() -> Path:
    """The file that keeps what a user has set for good, `settings.toml`, where the system keeps such files."""
    if sys.platform == "win32":
        home = Path(os.environ.get("APPDATA", Path.home()))
    elif sys.platform == "darwin":
        home = Path.home() / "Library" / "Application Support"
    else:
        home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return home / "ctworkbench" / "settings.toml"


def remember_author(name: str) -> Path:
    """Keep a name for the next start of the program; the file.

    Raises:
        OSError: it cannot be written.
    """
    path = user_settings()
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    temporary.write_text(f"author = {json.dumps(name)}\n", encoding="utf-8")  # a JSON string is a TOML string
    temporary.replace(path)
    return path


def _remembered() -> dict[str, str]:
    """What a user has set for good; nothing where the file is missing or not TOML."""
    try:
        told = tomllib.loads(user_settings().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    author = told.get("author")
    return {"author": author} if isinstance(author, str) and author.strip() else {}


class Settings(BaseModel):
    """What a run of the program is told from outside; read once, never changed.

    Attributes:
        slots: number of jobs that run side by side; one per core by default, four at most.
        threads: threads that each job may use; 0 shares the cores between the slots.
        author: name written into annotations, reviews and the audit trail.
        idle_seconds: time without mouse or keys after which the clock of a case that is read stops.
        cancel_grace_seconds: time a cancelled job has to stop by itself before its process is ended.
        cluster: address of a dask scheduler, or path of its scheduler file; empty for jobs on this machine.
    """

    model_config = ConfigDict(frozen=True)

    slots: int = Field(default_factory=lambda: min(4, cores()), ge=1)
    threads: int = Field(default=0, ge=0)
    author: str = Field(default_factory=login_name)
    idle_seconds: float = Field(default=60.0, gt=0)
    cancel_grace_seconds: float = 2.5
    cluster: str = ""

    @classmethod
    def from_environment(cls) -> "Settings":
        """Settings with each `CTWORKBENCH_<NAME>` of the environment applied, else what the user has set for good."""
        given = {
            name: os.environ[key] for name in cls.model_fields if (key := f"CTWORKBENCH_{name.upper()}") in os.environ
        }
        return cls.model_validate(_remembered() | given)

    @property
    def threads_per_job(self) -> int:
        """Threads for one job: as set, or an equal share of the cores this process may use."""
        return self.threads or max(1, cores() // self.slots)

    @property
    def all_threads(self) -> int:
        """Threads for a job that runs alone, such as a training."""
        return self.threads or cores()


def cores() -> int:
    """Number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
