"""The audit trail: whatever is altered, removed, put in or moved by hand is found and named."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from ctworkbench.core import trail
from ctworkbench.core.audit_chain import canonical, digest
from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.model import Verdict
from ctworkbench.core.settings import Settings
from ctworkbench.core.volume import Volume
from ctworkbench.core.workbench import Workbench
from tests.core.older_schema import step_back
from tests.test_bad_input import run
from tests.ui.seeded_study import seed


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A study of three scans, measured, with two verdicts and a correction of today."""
    with seed(tmp_path / "study", children=2, settings=Settings(author="coordinator")) as workbench:
        workbench.review.judge(1, Verdict.REJECT, grade=2, reasons=("leak",), comment="into the sinus", reviewer="ada")
        labels = workbench.review.labels(1)
        voxels = np.array(labels.voxels)
        voxels[5, 5, 5] = 3
        saved = workbench.review.save(1, 1, Volume(voxels, labels.affine), author="ada", comment="sinus freed")
        workbench.review.judge(saved.id, Verdict.ACCEPT, grade=5, reviewer="bob", seconds=31.5)
    return tmp_path / "study"


def by_hand(study: Path, *statements: str) -> None:
    with closing(sqlite3.connect(study / "study.db")) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def problems(study: Path) -> tuple[str, ...]:
    with Workbench.open(study, Settings(author="auditor")) as workbench:
        found = workbench.audit.verify()
        assert (
            workbench.verify()[-len(found.problems) :]
            == [f"{line} Restore the study from a backup, or find out who did it." for line in found.problems]
            or not found.problems
        )
    return found.problems


def last(study: Path) -> int:
    with closing(sqlite3.connect(study / "study.db")) as connection:
        return connection.execute("SELECT max(id) FROM audit").fetchone()[0]


def test_that_an_untouched_study_is_whole_and_tells_its_head(study: Path) -> None:
    done = run("audit", "verify", study)
    assert done.code == 0
    assert done.out.startswith(f"{last(study)} entries, head ") and done.out.endswith(": whole.\n")
    head = done.out.split()[3].rstrip(":")
    assert run("audit", "verify", study, "--head", head).code == 0
    gone = run("audit", "verify", study, "--head", "f" * 64)
    assert gone.code == 1 and "was cut off or written anew" in gone.err


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE audit SET author = 'eve' WHERE id = 3", "Audit entry 3 (judge, annotation 1"),
        ("UPDATE audit SET time = '2020-01-01 00:00:00.000000' WHERE id = 4", "Audit entry 4 (save label map"),
        ("UPDATE audit SET details = '{}' WHERE id = 3", "was altered"),
        ("UPDATE review SET verdict = 'accept' WHERE id = 2", "Review 2 is not as audit entry"),
        ("UPDATE review SET reviewer = 'eve' WHERE id = 1", "Review 1 is not as audit entry"),
        ("DELETE FROM review WHERE id = 3", "Review 3 is missing; audit entry"),
        ("UPDATE annotation SET labels_key = '0' WHERE id = 4", "Annotation 4 is not as audit entry 4 tells"),
        ("UPDATE measurement SET value = value + 1 WHERE id = 7", "Measurements of annotation 1 is not as"),
        ("DELETE FROM measurement WHERE id = 7", "Measurements of annotation 1 is not as"),
        ("UPDATE scan SET age_years = 3.0 WHERE id = 2", "Scan 2 is not as"),
        ("UPDATE subject SET sex = NULL WHERE id = 1", "Subject 1 is not as"),
        ("UPDATE subject SET role = 'test' WHERE id = 1", "Subject 1 is not as"),
        ("DELETE FROM audit WHERE id = 3", "Audit entry 3 is missing."),
        ("DELETE FROM audit WHERE id IN (3, 4)", "Audit entry 3 to 4 is missing."),
        (
            "INSERT INTO review SELECT 99, annotation_id, verdict, grade, reasons, reviewer, seconds, comment, created "
            "FROM review WHERE id = 1",
            "Review 99 is in no audit entry: it was put in by another hand.",
        ),
    ],
)
def test_that_what_was_altered_by_hand_is_found_and_named(study: Path, statement: str, told: str) -> None:
    by_hand(study, "PRAGMA foreign_keys=OFF", statement)
    assert any(told in line for line in problems(study)), problems(study)
    done = run("audit", "verify", study)
    assert done.code == 1 and told in done.err
    assert "not whole" in done.out


def test_that_the_last_entry_removed_is_found_though_the_study_was_written_to_since(study: Path) -> None:
    end = last(study)
    by_hand(study, f"DELETE FROM audit WHERE id = {end}", "DELETE FROM review WHERE id = (SELECT max(id) FROM review)")
    assert problems(study) == (f"Audit entry {end} is missing from the end, by audit.heads.",)
    with Workbench.open(study, Settings(author="eve")) as workbench:
        workbench.review.judge(2, Verdict.ACCEPT)
    assert problems(study) == (f"Audit entry {end} is not the one that was written, by audit.heads.",)


def test_that_without_the_heads_the_check_says_what_it_cannot_tell(study: Path) -> None:
    (study / "audit.heads").unlink()
    (told,) = problems(study)
    assert told.startswith("audit.heads is missing")


def test_that_an_entry_put_in_is_found_even_with_a_hash_of_its_own(study: Path) -> None:
    with closing(sqlite3.connect(study / "study.db")) as connection:
        connection.row_factory = sqlite3.Row
        row = dict(connection.execute("SELECT * FROM audit ORDER BY id DESC").fetchone())
    by_hand(
        study,
        "INSERT INTO audit SELECT id + 1, time, 'eve', action, subject, details, scan_id, rows, hash, hash FROM audit "
        f"WHERE id = {row['id']}",
    )
    assert any(f"Audit entry {row['id'] + 1} (judge" in line and "was altered" in line for line in problems(study))
    assert any("was added by another hand" in line for line in problems(study))


def test_that_entries_that_changed_places_are_found(study: Path) -> None:
    by_hand(
        study,
        "UPDATE audit SET id = 900 WHERE id = 3",
        "UPDATE audit SET id = 3 WHERE id = 4",
        "UPDATE audit SET id = 4 WHERE id = 900",
    )
    found = problems(study)
    assert sum("was altered" in line for line in found) == 2
    assert any("does not follow the one before it" in line for line in found)


def test_that_every_act_of_the_review_room_tells_who_from_which_version_and_why(study: Path) -> None:
    with Workbench.open(study, Settings(author="auditor")) as workbench:
        rows = {row.action: row for row in workbench.audit.entries("P001")}
        saved, judged = rows["save label map"], workbench.audit.entries(scan_id=1, author="ada")[-1]
        assert (saved.author, saved.version, saved.from_version, saved.why) == ("ada", 2, 1, "sinus freed")
        assert (judged.action, judged.version, judged.why) == ("judge", 1, "leak; into the sinus")
        assert "verdict: reject" in judged.details and "grade: 2" in judged.details
        assert [row.action for row in workbench.audit.entries(author="bob")] == ["judge"]
        assert workbench.audit.entries(since=date(2999, 1, 1)) == []
        with pytest.raises(WorkbenchError, match="no subject NOBODY"):
            workbench.audit.entries("NOBODY")


def test_that_the_trail_is_listed_and_exported(study: Path, tmp_path: Path) -> None:
    listed = run("audit", "list", study, "--subject", "P001")
    assert "ada" in listed.out and "sinus freed" in listed.out
    assert run("audit", "list", study, "--csv", tmp_path / "trail.csv").code == 0
    lines = (tmp_path / "trail.csv").read_text().splitlines()
    assert lines[0] == "number,time,author,subject,action,version,from_version,why,details,hash"
    assert len(lines) == 1 + last(study)


def test_that_an_export_stands_in_the_trail(study: Path, tmp_path: Path) -> None:
    assert run("export", study, "--out", tmp_path / "out").code == 0
    assert "export" in run("audit", "list", study).out


def test_that_a_study_from_before_is_chained_at_its_upgrade(tmp_path: Path) -> None:
    with seed(tmp_path / "study", children=2, settings=Settings(author="reader")) as workbench:
        told = workbench.review.reviews(1)
    step_back(tmp_path / "study", "0002")
    by_hand(
        tmp_path / "study",
        "DELETE FROM audit",
        "INSERT INTO audit VALUES"
        " (1, '2026-01-02 03:04:05.000006', 'ada', 'judge', 'annotation 1', '{\"a\": 0.1}'),"
        " (2, '2026-01-02 03:04:06.000000', 'bob', 'judge', 'annotation 2', '{}')",
    )
    with Workbench.open(tmp_path / "study", Settings(author="reader")) as workbench:
        assert [row.action for row in workbench.audit.entries()] == ["begin trail", "judge", "judge"]
        assert [row.author for row in workbench.audit.entries("P001")] == ["ada"]
        assert workbench.review.reviews(1) == told
    assert problems(tmp_path / "study") == ()
    by_hand(tmp_path / "study", "UPDATE review SET grade = 1 WHERE id = 1")
    assert problems(tmp_path / "study") == ("Review 1 is not as audit entry 3 tells: it was altered.",)


def test_that_two_programs_that_write_at_once_make_one_chain(study: Path) -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from ctworkbench.core.settings import Settings\n"
        "from ctworkbench.core.workbench import Verdict, Workbench\n"
        "with Workbench.open(Path(sys.argv[1]), Settings(author=sys.argv[2])) as workbench:\n"
        "    for _ in range(15):\n"
        "        workbench.review.judge(2, Verdict.LATER)\n"
    )
    before = last(study)
    writers = [subprocess.Popen([sys.executable, "-c", code, str(study), name]) for name in ("ada", "bob")]
    assert [writer.wait(120) for writer in writers] == [0, 0]
    assert last(study) == before + 30
    assert problems(study) == ()


def test_that_threads_that_write_at_once_make_one_chain(study: Path) -> None:
    with Workbench.open(study, Settings(author="reader")) as workbench:

        def judge() -> None:
            for _ in range(10):
                workbench.review.judge(2, Verdict.LATER)

        threads = [threading.Thread(target=judge) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert problems(study) == ()


def test_that_a_check_beside_somebody_who_writes_is_no_false_alarm(study: Path) -> None:
    done = threading.Event()

    def write() -> None:
        with Workbench.open(study, Settings(author="ada")) as other:
            while not done.is_set():
                other.review.judge(2, Verdict.LATER)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        with Workbench.open(study, Settings(author="auditor")) as workbench:
            assert [workbench.audit.verify().problems for _ in range(15)] == [()] * 15
    finally:
        done.set()
        writer.join()


def test_that_a_program_killed_while_it_writes_leaves_a_whole_trail(study: Path) -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from ctworkbench.core.settings import Settings\n"
        "from ctworkbench.core.workbench import Verdict, Workbench\n"
        "with Workbench.open(Path(sys.argv[1]), Settings(author='ada')) as workbench:\n"
        "    print('go', flush=True)\n"
        "    while True:\n"
        "        workbench.review.judge(2, Verdict.LATER)\n"
    )
    for seconds in (0.05, 0.11, 0.2):
        writer = subprocess.Popen([sys.executable, "-c", code, str(study)], stdout=subprocess.PIPE)
        assert writer.stdout is not None and writer.stdout.readline() == b"go\n"
        time.sleep(seconds)
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        assert problems(study) == ()


@pytest.mark.parametrize("moment", ["before the commit", "after the commit"])
def test_that_a_kill_on_either_side_of_the_commit_is_no_false_alarm(
    study: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    class Killed(BaseException): ...

    note = trail.note

    def killed(heads: Path, word: str, head: trail.Head) -> None:
        if word == "end":
            raise Killed
        note(heads, word, head)
        if moment == "before the commit":
            raise Killed

    before = last(study)
    with Workbench.open(study, Settings(author="ada")) as workbench, monkeypatch.context() as patch:
        patch.setattr(trail, "note", killed)
        with pytest.raises(Killed):
            workbench.review.judge(2, Verdict.LATER)
    assert last(study) == before + (moment == "after the commit")
    assert problems(study) == ()
    with Workbench.open(study, Settings(author="ada")) as workbench:
        workbench.review.judge(2, Verdict.ACCEPT)
    assert problems(study) == ()


def test_that_a_torn_line_of_the_heads_does_not_hide_the_next(study: Path) -> None:
    with (study / "audit.heads").open("a") as stream:
        stream.write("begin 99 abc")
    with Workbench.open(study, Settings(author="ada")) as workbench:
        workbench.review.judge(2, Verdict.ACCEPT)
    assert problems(study) == ()


def test_that_heads_that_cannot_be_written_do_not_undo_a_verdict(study: Path) -> None:
    kept = (study / "audit.heads").read_bytes()
    (study / "audit.heads").unlink()
    (study / "audit.heads").mkdir()
    with Workbench.open(study, Settings(author="ada")) as workbench:
        workbench.review.judge(2, Verdict.ACCEPT)
        assert workbench.review.reviews(2)[-1].reviewer == "ada"
    (study / "audit.heads").rmdir()
    (study / "audit.heads").write_bytes(kept)
    assert any("was added by another hand" in line for line in problems(study))
    with Workbench.open(study, Settings(author="ada")) as workbench:
        workbench.review.judge(2, Verdict.ACCEPT)
    assert problems(study) == ()


def test_that_the_canonical_form_is_what_is_documented() -> None:
    from datetime import UTC, datetime

    moment = datetime(2026, 3, 1, 4, tzinfo=UTC)
    content = {"b": 0.1, "a": "é", "none": None, "t": moment, "v": Verdict.ACCEPT}
    assert canonical(content) == b'{"a":"\\u00e9","b":0.1,"t":"2026-03-01T04:00:00.000000Z","v":"accept"}'
    assert digest("x", content) == digest("x", dict(reversed(content.items())))
    assert digest("x", content) != digest("y", content)
    assert canonical({"t": moment}) == canonical({"t": moment.replace(tzinfo=None)})
