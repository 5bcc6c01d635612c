"""Which code made a number: the version of the package, and the commit that it was run or built from.

`commit_of` needs the standard library alone: the build hook runs it where nothing is installed.
"""

import os
import subprocess
from functools import cache
from pathlib import Path

BUILT_FROM = "COMMIT"  # in the package of a wheel: what `commit_of` said when it was built
_PROGRAM = ("ctworkbench", "resources")
_DIGITS = 8


@cache
def code_version() -> str:
    """Such as "0.1.0+g1a2b3c4d", or "0.1.0+g1a2b3c4d+dirty" where the program differs from that commit.

    Found once in a process, for it asks git. At most 32 characters, as the columns that keep it.
    """
    from ctworkbench import __version__

    package = Path(__file__).parents[1]
    commit = commit_of(package.parent)
    if not commit and (package / BUILT_FROM).exists():
        commit = (package / BUILT_FROM).read_text(encoding="utf-8").strip()
    return f"{__version__}+{commit}"[:32] if commit else __version__


def commit_of(root: Path) -> str:
    """The commit of a checkout: "g1a2b3c4d", with "+dirty" where files of the program were changed or added.

    "+unchecked" where git cannot be asked whether they were. "" for a folder that is no checkout.
    """
    if not (root / ".git").exists():
        return ""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "--no-optional-locks", "status", "--porcelain=v2", "--branch", "--", *_PROGRAM]
    try:
        done = subprocess.run(
            command, cwd=root, env=environment, capture_output=True, text=True, check=True, timeout=20
        )
    except (OSError, subprocess.SubprocessError):  # no git, or one that refuses a folder of another owner
        found = _head(root / ".git")
        return f"g{found[:_DIGITS]}+unchecked" if found else ""
    lines = done.stdout.splitlines()
    found = next((line.split()[-1] for line in lines if line.startswith("# branch.oid ")), "")
    if not _is_hash(found):  # no commit yet
        return ""
    dirty = any(not line.startswith("#") for line in lines)
    return f"g{found[:_DIGITS]}{'+dirty' if dirty else ''}"


def _head(git: Path) -> str:
    """The commit that is checked out, from git's files alone; "" where they do not tell."""
    try:
        if git.is_file():  # a worktree: the file names its folder
            git = (git.parent / git.read_text(encoding="utf-8").removeprefix("gitdir:").strip()).resolve()
        told = (git / "HEAD").read_text(encoding="utf-8").strip()
        if not told.startswith("ref:"):
            return told if _is_hash(told) else ""
        name, common = told.removeprefix("ref:").strip(), git
        if (git / "commondir").exists():
            common = git / (git / "commondir").read_text(encoding="utf-8").strip()
        for place in (git, common):
            if (place / name).is_file():
                return (place / name).read_text(encoding="utf-8").strip()
        for line in (common / "packed-refs").read_text(encoding="utf-8").splitlines():
            commit, _, reference = line.partition(" ")
            if reference == name:
                return commit
    except OSError:
        return ""
    return ""


def _is_hash(text: str) -> bool:
    return len(text) >= 40 and all(letter in "0123456789abcdef" for letter in text)
