"""What goes wrong under a study: programs and jobs that are killed, full disks, damaged files, other programs at work.

After each of them the study opens, is whole, and the same command again finishes.
"""

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from ctworkbench.core.errors import StudyError, WorkbenchError
from ctworkbench.core.jobs import JobContext, read_events
from ctworkbench.core.settings import Settings
from ctworkbench.core.store import VoxelStore
from ctworkbench.core.volume import Volume, read_nifti, write_nifti
from ctworkbench.core.workbench import Origin, Workbench
from tests.core.heads import head, labels_of, study_with_heads
from tests.core.models import prepare_at_once, untrained_model
from tests.test_bad_input import run

COMMAND = [sys.executable, "-m", "ctworkbench"]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of two heads that every test takes a copy of."""
    place = tmp_path_factory.mktemp("original")
    study_with_heads(place, count=2).close()
    return place


@pytest.fixture
def study(original: Path, tmp_path: Path) -> Path:
    """A study of two heads, neither preprocessed nor labelled; the files it came from lie beside it."""
    shutil.copytree(original, tmp_path, dirs_exist_ok=True)
    return tmp_path / "study"


@pytest.fixture
def labelled(study: Path) -> Path:
    """The same with a label map of each head."""
    with Workbench.open(study, Settings()) as workbench:
        for row in workbench.cohort.scans():
            workbench.review.save(row.id, None, labels_of(workbench.cohort.image(row.id)))
    return study


def status(study: Path) -> dict[str, object]:
    return json.loads(run("status", study, "--json").out)


def wait_until(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def jobs_of(study: Path, kind: str) -> list[Path]:
    """Folders of the jobs of a kind."""
    found = (study / "jobs").glob("*/job.json")
    return [path.parent for path in found if json.loads(path.read_text())["kind"] == kind]


def kill_job(folder: Path) -> None:
    """End the process of a job as the power failing would, if it still runs."""
    wait_until((folder / "process.json").exists)
    with contextlib.suppress(ProcessLookupError, psutil.NoSuchProcess):
        known = json.loads((folder / "process.json").read_text())
        if abs(psutil.Process(known["pid"]).create_time() - known["created"]) < 0.01:
            os.kill(known["pid"], signal.SIGKILL)


@pytest.mark.parametrize("with_jobs", [True, False], ids=["jobs die too", "jobs live on"])
def test_that_a_killed_command_is_finished_by_the_same_command(study: Path, with_jobs: bool) -> None:
    process = subprocess.Popen([*COMMAND, "preprocess", study], stderr=subprocess.DEVNULL)
    wait_until(lambda: any((job / "process.json").exists() for job in jobs_of(study, "preprocess")))
    process.kill()
    process.wait()
    if with_jobs:
        for job in jobs_of(study, "preprocess"):
            if (job / "process.json").exists():
                kill_job(job)
    assert run("verify", study).code == 0
    assert run("preprocess", study).code == 0
    assert status(study)["preprocessed"] == 2
    assert len(jobs_of(study, "preprocess")) == 2  # what was begun was gone on with, not begun anew
    assert run("verify", study).code == 0


@pytest.mark.parametrize("kind", ["import", "preprocess", "measure"])
def test_that_a_killed_job_fails_its_command_in_one_line_and_is_done_by_the_next(
    labelled: Path, tmp_path: Path, kind: str
) -> None:
    words: list[object] = [kind, labelled]
    if kind == "import":
        for number in range(6):
            write_nifti(head(30 + number), tmp_path / "files" / f"M{number}_image.nii.gz")
        words.append(tmp_path / "files")
    seen = set(jobs_of(labelled, kind))
    process = subprocess.Popen([*COMMAND, *map(str, words)], stderr=subprocess.PIPE, text=True)
    wait_until(lambda: set(jobs_of(labelled, kind)) - seen)
    for job in set(jobs_of(labelled, kind)) - seen:
        kill_job(job)
    _, err = process.communicate()
    assert process.returncode == 1
    assert "interrupted" in err and "Traceback" not in err
    assert run("verify", labelled).code == 0
    assert run(*words).code == 0
    found = status(labelled)
    expected = {"import": ("scans", 8), "preprocess": ("preprocessed", 2), "measure": ("measured", 2)}[kind]
    assert found[expected[0]] == expected[1]
    assert run("verify", labelled).code == 0


def test_that_label_maps_that_came_after_a_killed_measurement_are_measured_too(labelled: Path) -> None:
    with Workbench.open(labelled, Settings()) as workbench:
        (job,) = workbench.norms.measure()
        kill_job(labelled / "jobs" / job)
        wait_until(lambda: workbench.jobs.state(job).ended)
        scan = workbench.cohort.scans()[0]
        newest = workbench.review.annotations(scan.id)[0]
        workbench.review.save(scan.id, newest.id, labels_of(workbench.cohort.image(scan.id)))
        assert workbench.wait(workbench.norms.measure()) == []
        assert {row.version for row in workbench.norms.volumes()} == {1, 2}
        assert workbench.norms.measure() == []


def test_that_two_commands_at_once_do_nothing_twice(study: Path) -> None:
    both = [subprocess.Popen([*COMMAND, "preprocess", study], stderr=subprocess.PIPE, text=True) for _ in range(2)]
    errors = [process.communicate()[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], errors
    assert len(jobs_of(study, "preprocess")) == 2
    assert status(study)["preprocessed"] == 2
    assert run("verify", study).code == 0


def test_that_two_programs_that_decide_at_once_decide_one_after_the_other(study: Path) -> None:
    with Workbench.open(study, Settings(slots=1)) as one, Workbench.open(study, Settings(slots=1)) as other:
        answers: list[list[str]] = []
        threads = [threading.Thread(target=lambda w=w: answers.append(w.cohort.preprocess([1]))) for w in (one, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers[0] == answers[1] and len(answers[0]) == 1
        assert one.wait(answers[0]) == [] and other.wait(answers[0]) == []


def test_that_a_killed_export_leaves_no_half_file_under_a_final_name(labelled: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = subprocess.Popen([*COMMAND, "export", labelled, "--out", out], stdout=subprocess.DEVNULL)
    wait_until(lambda: out.exists() and any(out.iterdir()))
    process.kill()
    process.wait()
    for path in out.glob("[!.]*.nii.gz"):
        read_nifti(path)
    assert run("export", labelled, "--out", out).code == 0
    assert len(list(out.glob("[!.]*.nii.gz"))) == 4


def test_that_a_killed_new_can_be_done_again_and_a_full_folder_stays_as_it_is(tmp_path: Path) -> None:
    for name in ("voxels", "jobs"):
        (tmp_path / "cut" / name).mkdir(parents=True)
    (tmp_path / "cut" / "study.db").touch()
    assert run("new", tmp_path / "cut").code == 0
    assert run("verify", tmp_path / "cut").code == 0
    (tmp_path / "full" / "voxels" / "ab").mkdir(parents=True)
    assert run("new", tmp_path / "full").code == 1


class Full:
    """A file on a disk that is full."""

    def __init__(self, *_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")


def test_that_a_full_disk_is_told_and_leaves_what_was_there(
    labelled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    assert run("export", labelled, "--out", out).code == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    with monkeypatch.context() as full:
        full.setattr(os, "fsync", Full)
        for words in (["export", labelled, "--out", out], ["import", labelled, tmp_path / "files"]):
            done = run(*words)
            assert done.code == 1
            assert "No space left on device" in done.err and "Traceback" not in done.err
        with Workbench.open(labelled, Settings()) as workbench, pytest.raises(StudyError, match="No space left"):
            image = workbench.cohort.image(1)
            workbench.review.save(1, 1, Volume(np.zeros_like(image.voxels, np.uint8), image.affine))
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert not list(labelled.rglob("*.part"))
    assert run("verify", labelled).code == 0
    assert status(labelled)["labelled"] == 2


def test_that_a_work_function_that_fills_the_disk_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ctworkbench.core import jobs
    from ctworkbench.core.jobs import process

    def fill(*_: object) -> None:
        raise OSError(28, "No space left on device")

    job = jobs.Job(kind="x", title="X", function="ctworkbench.core.measure:measure", params={})
    (tmp_path / "job.json").write_text(job.model_dump_json())
    monkeypatch.setattr(process, "_resolve", fill)
    assert jobs.run_job(tmp_path) == 1
    (*_, last) = read_events(tmp_path / "events.jsonl")
    assert (last.kind, last.message) == ("failed", "The disk is full.")
    assert "Free some space" in last.remedy


def test_that_a_line_cut_off_by_a_kill_does_not_hide_what_the_next_run_tells(tmp_path: Path) -> None:
    context = JobContext(tmp_path)
    context.metric(epoch=1)
    with (tmp_path / "events.jsonl").open("a") as stream:
        stream.write('{"time":"2026-01-')
    context.metric(epoch=2)  # lands on the line that was cut off, and is lost with it
    context.metric(epoch=3)
    assert [event.values["epoch"] for event in read_events(tmp_path / "events.jsonl")] == [1, 3]


def test_that_damaged_voxels_are_named_by_verify_and_refused_elsewhere(labelled: Path, tmp_path: Path) -> None:
    with Workbench.open(labelled, Settings()) as workbench:
        key = VoxelStore(labelled / "voxels").path(workbench.review.annotations(1)[0].labels_key)
    content = bytearray(key.read_bytes())
    content[len(content) // 2] ^= 0xFF
    key.write_bytes(content)
    found = run("verify", labelled)
    assert found.code == 1
    assert "label map of scan 1, version 1" in found.err and "cannot be read" in found.err
    for words in (["export", labelled, "--out", tmp_path / "out"], ["measure", labelled]):
        done = run(*words)
        assert done.code == 1
        assert "cannot be read" in done.err and "Traceback" not in done.err
    assert not (tmp_path / "out" / "S1_labels.nii.gz").exists()
    key.unlink()
    assert "missing" in run("verify", labelled).err


def test_that_a_newer_schema_is_refused_by_name_and_not_touched(study: Path) -> None:
    with contextlib.closing(sqlite3.connect(study / "study.db")) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999_far_future'")
        database.commit()
    done = run("status", study)
    assert done.code == 1 and done.out == ""
    (line,) = done.err.splitlines()
    assert "9999_far_future" in line and "newer CT Workbench" in line


def test_that_a_database_that_is_none_is_one_line(study: Path) -> None:
    (study / "study.db").write_bytes(b"this is no database, " * 500)
    for name in ("study.db-wal", "study.db-shm"):
        (study / name).unlink(missing_ok=True)
    for words in (["status"], ["verify"], ["preprocess"]):
        done = run(*words, study)
        assert done.code == 1
        assert len(done.err.splitlines()) == 1 and "backup" in done.err


def test_that_a_study_that_cannot_be_opened_for_writing_is_one_line(study: Path) -> None:
    (study / "study.db").unlink()
    (study / "study.db").mkdir()  # what no user may open, not even one who may write everywhere
    done = run("status", study)
    assert done.code == 1
    assert len(done.err.splitlines()) == 1 and "Check that its folder can be written" in done.err


def test_that_job_folders_removed_by_hand_are_done_without(study: Path) -> None:
    with Workbench.open(study, Settings()) as workbench:
        for job in workbench.cohort.preprocess():
            kill_job(study / "jobs" / job)
            wait_until(lambda job=job: workbench.jobs.state(job).ended)
    shutil.rmtree(study / "jobs")
    assert run("status", study).code == 0
    assert run("verify", study).code == 0
    assert run("preprocess", study).code == 0
    assert status(study)["preprocessed"] == 2


@pytest.fixture
def held(study: Path) -> Iterator[sqlite3.Connection]:
    """The study's database in the hand of another program that writes."""
    with contextlib.closing(
        sqlite3.connect(study / "study.db", isolation_level=None, check_same_thread=False)
    ) as other:
        other.execute("BEGIN IMMEDIATE")
        yield other


def test_that_a_database_held_by_another_program_is_waited_for(study: Path, held: sqlite3.Connection) -> None:
    assert run("status", study).code == 0  # reading waits for nobody
    threading.Timer(1.5, held.execute, ("ROLLBACK",)).start()
    assert run("preprocess", study).code == 0
    assert status(study)["preprocessed"] == 2


def test_that_a_study_works_from_a_new_place_and_from_within(labelled: Path, tmp_path: Path) -> None:
    moved = tmp_path / "an anderem Ort" / "Größe"
    moved.parent.mkdir()
    labelled.rename(moved)
    for words in (["measure", "."], ["export", ".", "--out", "../out"], ["verify", "."]):
        done = subprocess.run([*COMMAND, *words], cwd=moved, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert len(list((moved.parent / "out").glob("*.nii.gz"))) == 4


def test_that_an_interrupted_command_ends_its_jobs_and_says_that_it_goes_on(study: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts what runs aside deaf to it
    process = subprocess.Popen([*COMMAND, "preprocess", study], stderr=subprocess.PIPE, text=True)
    signal.signal(signal.SIGINT, before)
    wait_until(lambda: any((job / "process.json").exists() for job in jobs_of(study, "preprocess")))
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Run the command again" in err and "Traceback" not in err
    assert run("preprocess", study).code == 0


def test_that_a_label_job_that_is_killed_is_gone_on_with_and_one_that_is_cancelled_leaves_nothing(study: Path) -> None:
    assert run("preprocess", study).code == 0
    with Workbench.open(study, Settings(slots=1)) as workbench:
        (job,) = workbench.labelling.pseudo_label(scan_ids=[1])
        wait_until((study / "jobs" / job / "process.json").exists)
        kill_job(study / "jobs" / job)
        wait_until(lambda: workbench.jobs.state(job).ended)
        assert workbench.labelling.pseudo_label(scan_ids=[1]) == [job]
        workbench.jobs.cancel(job)
        (failure,) = workbench.wait([job])
        assert isinstance(failure, WorkbenchError)
        assert workbench.review.annotations(1) == []
        assert workbench.verify() == []


def test_that_a_segmentation_that_is_killed_midway_keeps_what_was_there_and_is_finished_by_the_same_command(
    labelled: Path,
) -> None:
    with Workbench.open(labelled, Settings()) as workbench:
        prepare_at_once(workbench)
        untrained_model(workbench, spacing_mm=2.0)  # fine enough that a scan takes a while
        before = {row.id: row for scan in (1, 2) for row in workbench.review.annotations(scan)}
        assert len(before) == 2
    process = subprocess.Popen([*COMMAND, "segment", labelled], stderr=subprocess.PIPE, text=True)
    wait_until(lambda: jobs_of(labelled, "segment"))
    (job,) = jobs_of(labelled, "segment")
    wait_until(lambda: list(job.glob("segmented-1-*.json")))
    kill_job(job)
    _, err = process.communicate()
    assert process.returncode == 1
    assert "interrupted" in err and "Traceback" not in err
    (first,) = job.glob("segmented-*.json")  # the second scan was under way
    written = first.stat().st_mtime_ns
    assert run("verify", labelled).code == 0
    with Workbench.open(labelled, Settings()) as workbench:
        assert {row.id: row for scan in (1, 2) for row in workbench.review.annotations(scan)} == before

    assert run("segment", labelled).code == 0
    assert jobs_of(labelled, "segment") == [job]  # gone on with, not begun anew
    assert first.stat().st_mtime_ns == written
    with Workbench.open(labelled, Settings()) as workbench:
        for scan in (1, 2):
            newest, oldest = workbench.review.annotations(scan)
            assert (newest.version, newest.origin, newest.model_id) == (2, Origin.MODEL, 1)
            assert oldest == before[oldest.id]
    again = run("segment", labelled)
    assert (again.code, jobs_of(labelled, "segment")) == (0, [job])
    assert status(labelled)["segmented"] == 2
    assert run("verify", labelled).code == 0


def test_that_a_killed_segmentation_that_others_have_finished_brings_nothing_twice(labelled: Path) -> None:
    with Workbench.open(labelled, Settings()) as workbench:
        prepare_at_once(workbench)
        untrained_model(workbench)
        (job,) = workbench.modelling.segment()
        kill_job(labelled / "jobs" / job)
        wait_until(lambda: workbench.jobs.state(job).ended)
        workbench.collect()
        for scan in (1, 2):
            assert workbench.wait(workbench.modelling.segment(scan_ids=[scan])) == []
        workbench.restart(job)  # as somebody may do in the window
        assert workbench.wait([job]) == []
        assert [len(workbench.review.annotations(scan)) for scan in (1, 2)] == [2, 2]


def move(study: Path) -> Path:
    """The study in another folder; nothing is left where it was."""
    place = study.parent / "another place" / "study"
    place.parent.mkdir()
    return study.rename(place)


def test_that_jobs_that_were_cut_off_in_a_study_that_was_moved_since_go_on_where_they_were(labelled: Path) -> None:
    with Workbench.open(labelled, Settings(slots=1)) as workbench:
        prepare_at_once(workbench)
        untrained_model(workbench, spacing_mm=2.0)
        (segment,) = workbench.modelling.segment()
        wait_until(lambda: list((labelled / "jobs" / segment).glob("segmented-1-*.json")))
        kill_job(labelled / "jobs" / segment)
        (label,) = workbench.labelling.pseudo_label(scan_ids=[1])
        wait_until(lambda: any(event.kind == "started" for event in workbench.jobs.events(label)))
        kill_job(labelled / "jobs" / label)
        wait_until(lambda: all(workbench.jobs.state(job).ended for job in (segment, label)))
    place = move(labelled)
    for job in (segment, label):
        assert str(labelled) not in (place / "jobs" / job / "job.json").read_text()
    (first,) = (place / "jobs" / segment).glob("segmented-*.json")
    written = first.stat().st_mtime_ns
    assert run("segment", place).code == 0
    assert [path.name for path in jobs_of(place, "segment")] == [segment]
    assert first.stat().st_mtime_ns == written  # what was done before the move was not done again
    with Workbench.open(place, Settings(slots=1)) as workbench:
        assert workbench.labelling.pseudo_label(scan_ids=[1]) == [label]
        wait_until(lambda: sum(event.kind == "started" for event in workbench.jobs.events(label)) == 2)
        workbench.jobs.cancel(label)
        (failure,) = workbench.wait([label])
        assert "Cancelled" in str(failure) or "cancelled" in str(failure)
        assert [row.origin for row in workbench.review.annotations(1)] == [Origin.MODEL, Origin.EXPERT]
        assert workbench.verify() == []


def test_that_a_job_that_ended_before_the_study_was_moved_is_not_lost(study: Path) -> None:
    with Workbench.open(study, Settings()) as workbench:
        (job,) = workbench.cohort.preprocess([1])
        wait_until(lambda: workbench.jobs.state(job).ended)  # done, and not recorded
    place = move(study)
    with Workbench.open(place, Settings()) as workbench:
        workbench.collect()
        assert workbench.failure(job) is None
        assert workbench.cohort.scan(1).preprocessed
        assert workbench.verify() == []


def test_that_a_killed_job_of_an_older_program_that_names_the_old_folder_is_left_and_done_anew(study: Path) -> None:
    with Workbench.open(study, Settings()) as workbench:
        (job,) = workbench.cohort.preprocess([1])
        kill_job(study / "jobs" / job)
        wait_until(lambda: workbench.jobs.state(job).ended)
    path = study / "jobs" / job / "job.json"
    path.write_text(path.read_text().replace("study:///", f"{study}/"))  # as it was written before
    (study / "jobs" / job / "result.json").unlink(missing_ok=True)
    place = move(study)
    assert run("preprocess", place).code == 0
    assert status(place)["preprocessed"] == 2
    assert len(jobs_of(place, "preprocess")) == 3
    assert run("verify", place).code == 0
