"""Numbers of two commits can be told apart, and those of a changed program from those of its commit."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ctworkbench import __version__
from ctworkbench.core import code_version as module
from ctworkbench.core.code_version import code_version, commit_of
from ctworkbench.core.jobs import Job
from tests.test_bad_input import run
from tests.ui.seeded_study import seed


def git(folder: Path, *words: str) -> str:
    """One git command of a person with a name, whatever the machine's own settings are."""
    who = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}
    environment = os.environ | who | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(["git", *words], cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout of a program of one file, with one commit."""
    if shutil.which("git") is None:
        pytest.skip("no git on this machine")
    root = tmp_path / "a checkout"
    for name in ("ctworkbench/core/x.py", "resources/y.toml", "docs/z.md"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("1")
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "first")
    return root


@pytest.fixture
def fresh() -> Iterator[None]:
    """The version is looked up anew, in this test and after it."""
    code_version.cache_clear()
    yield
    code_version.cache_clear()


def test_that_a_commit_is_named_and_a_change_of_the_program_is_said(checkout: Path) -> None:
    commit = f"g{git(checkout, 'rev-parse', 'HEAD')[:8]}"
    assert commit_of(checkout) == commit
    (checkout / "docs" / "z.md").write_text("2")
    assert commit_of(checkout) == commit  # no number comes from there
    (checkout / "ctworkbench" / "core" / "x.py").write_text("2")
    assert commit_of(checkout) == f"{commit}+dirty"
    git(checkout, "commit", "-qam", "second")
    assert commit_of(checkout) == f"g{git(checkout, 'rev-parse', 'HEAD')[:8]}" != commit
    (checkout / "resources" / "new.toml").write_text("1")
    assert commit_of(checkout).endswith("+dirty")


@pytest.mark.parametrize("packed", [False, True], ids=["loose", "packed"])
def test_that_without_git_the_commit_is_read_and_said_to_be_unchecked(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, packed: bool
) -> None:
    expected = f"g{git(checkout, 'rev-parse', 'HEAD')[:8]}+unchecked"
    tree = checkout.parent / "tree"
    git(checkout, "worktree", "add", "-q", str(tree))
    if packed:
        git(checkout, "pack-refs", "--all")
    detached = checkout.parent / "detached"
    git(checkout, "worktree", "add", "-q", "--detach", str(detached))
    monkeypatch.setenv("PATH", str(checkout / "docs"))
    assert [commit_of(root) for root in (checkout, tree, detached)] == [expected] * 3


def test_that_a_folder_that_is_no_checkout_has_no_commit(tmp_path: Path) -> None:
    assert commit_of(tmp_path) == ""
    (tmp_path / ".git").mkdir()
    assert commit_of(tmp_path) == ""


def test_that_the_version_fits_its_columns_and_is_found_once(fresh: None, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Path] = []

    def answer(root: Path) -> str:
        asked.append(root)
        return "g1a2b3c4d+unchecked"

    monkeypatch.setattr(module, "commit_of", answer)
    assert code_version() == code_version() == f"{__version__}+g1a2b3c4d+unchecked"
    assert len(asked) == 1
    assert len(code_version()) <= 32


def test_that_help_and_status_ask_git_nothing(fresh: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seed(tmp_path / "study").close()

    def refuse(root: Path) -> str:
        raise AssertionError(f"asked of {root}")

    code_version.cache_clear()
    monkeypatch.setattr(module, "commit_of", refuse)
    assert run("--help").code == 0
    assert run("status", tmp_path / "study").code == 0


def test_that_what_is_made_keeps_the_version_and_the_commit(fresh: None, tmp_path: Path) -> None:
    expected = code_version()
    assert expected.startswith(__version__)
    assert run("--version").out == f"CT Workbench {expected}\n"
    assert Job(kind="x", title="X", function="none:none", params={}).code_version == expected
    with seed(tmp_path / "study") as study:
        row = study.review.save(1, study.review.annotations(1)[0].id, study.review.labels(1))
        assert row.code_version == expected
        assert study._study.code_version == expected
