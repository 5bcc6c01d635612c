"""Files for people: whole or not there, in a folder that can be written, with nothing for a spreadsheet to run."""

import csv
import errno
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ctworkbench.cli import main
from ctworkbench.core.cohort_table import read_cohort
from ctworkbench.core.errors import StudyError
from ctworkbench.core.files import guarded, need_folder, replace_bytes, unguarded
from ctworkbench.core.model import Scan, Subject
from ctworkbench.core.norms import published_norm
from ctworkbench.core.norms.simulated import simulate
from ctworkbench.core.workbench import Workbench
from tests.core.norm_study import study_of

CODE = '=HYPERLINK("http://a.example","x")'


@pytest.fixture
def workbench(tmp_path: Path) -> Iterator[Workbench]:
    """Forty children, one of whom has a code that a spreadsheet would run, at a site of such a name."""
    with study_of(tmp_path / "study", simulate(published_norm(), 40, seed=8)) as opened:
        with opened._study.database.writing() as session:
            session.get_one(Subject, 1).code = CODE
            for number in range(1, 21):
                session.get_one(Scan, number).site = "@SUM(A1:A9)"
        yield opened


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+SUM(A1)", "'+SUM(A1)"),
        ("-2+3", "'-2+3"),
        ("@x", "'@x"),
        ("\tx", "'\tx"),
        ("-1.25", "-1.25"),
        ("+3", "+3"),
        ("-", "-"),
        (-1.25, -1.25),
        ("P-001=x", "P-001=x"),
        ("", ""),
        (None, None),
    ],
)
def test_that_text_that_a_spreadsheet_would_run_is_held_and_numbers_stay(cell: object, written: object) -> None:
    assert guarded([cell]) == [written]
    if isinstance(written, str):
        assert unguarded(written) == cell


def test_that_no_table_of_a_study_holds_a_formula(workbench: Workbench, tmp_path: Path) -> None:
    study, out = str(workbench.folder), tmp_path / "out"
    assert main(["stats", study, "--out", str(out), "--format", "csv", "--further"]) == 0
    assert main(["charts", study, "--out", str(out), "--format", "csv"]) == 0
    assert main(["methods", study, "--out", str(out)]) == 0
    cells = [
        cell
        for path in out.rglob("*.csv")
        for row in csv.reader(io.StringIO(path.read_text(encoding="utf-8"), newline=""))
        for cell in row
    ]
    assert f"'{CODE}" in cells and "'@SUM(A1:A9)" in cells
    assert cells == guarded(cells)


def test_that_a_code_that_a_spreadsheet_wrote_with_an_apostrophe_is_the_code(tmp_path: Path) -> None:
    path = tmp_path / "cohort.csv"
    path.write_text("subject,sex,age_years,site\n'=1+1,M,2,'North\n", encoding="utf-8")
    (row,) = read_cohort(path).values()
    assert (row.subject, row.site) == ("=1+1", "'North")


@pytest.mark.parametrize("command", ["stats", "charts", "report", "methods"])
def test_that_a_folder_that_is_a_file_is_said_in_one_line_and_left_as_it_is(
    workbench: Workbench, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    taken = tmp_path / "taken"
    taken.write_text("mine")
    extra = ["--all"] if command == "report" else []
    assert main([command, str(workbench.folder), "--out", str(taken), *extra]) == 1
    told = capsys.readouterr().err.splitlines()
    assert taken.read_text() == "mine" and "taken" in told[-1]
    assert not any("Figure" in line or "No report of" in line for line in told)  # before any work is done


def test_that_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StudyError, match="is a file, not a folder"):
        need_folder(tmp_path / "file")
    with pytest.raises(StudyError, match="cannot be made: Not a directory"):
        need_folder(tmp_path / "file" / "below")


def fill_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", full)


def test_that_a_full_disk_keeps_the_old_file_and_leaves_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "table.csv"
    replace_bytes(path, b"old")
    fill_the_disk(monkeypatch)
    with pytest.raises(OSError, match="No space left"):
        replace_bytes(path, b"new")
    assert [file.name for file in tmp_path.iterdir()] == ["table.csv"] and path.read_bytes() == b"old"


@pytest.mark.parametrize(
    "words",
    [
        ["charts", "--format", "pdf", "svg", "png"],
        ["stats", "--format", "csv", "docx", "latex", "svg", "pdf"],
        ["methods"],
        ["report", "--subject", "SIM0002"],
        ["norm", "export", published_norm().name],
    ],
)
def test_that_no_command_leaves_a_half_file_on_a_full_disk_or_says_that_all_is_well(
    workbench: Workbench,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    fill_the_disk(monkeypatch)
    study = str(workbench.folder)
    target = str(out / "a.pdf") if words[0] in ("report", "norm") else str(out)
    given = ["norm", "export", study, words[2]] if words[0] == "norm" else [words[0], study, *words[1:]]
    assert main([*given, "--out", target]) == 1
    assert "No space left" in capsys.readouterr().err
    assert list(out.rglob("*")) == []
