"""Checks of a study: done once, kept for good, ranked, done again when asked, and safe from interruptions."""

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import select

from ctworkbench.core.checking import UNPREPARED, CheckAnswer, CheckParams
from ctworkbench.core.database import MIGRATIONS
from ctworkbench.core.errors import JobCancelled
from ctworkbench.core.findings import Severity
from ctworkbench.core.jobs import JobContext, JobState
from ctworkbench.core.model import Annotation, CheckResult, ImmutableRowError, Origin, Preprocessing
from ctworkbench.core.settings import Settings
from ctworkbench.core.volume import Volume
from ctworkbench.core.workbench import Changes, Verdict, Workbench
from ctworkbench.core.workbench.checking import CHECK
from ctworkbench.core.workbench.current import next_version
from tests.core.checked_head import SCHEME, STRAIGHT, head_of, labels_of
from tests.core.older_schema import step_back
from tests.ui.study_with_heads import add_scan

SOUND = labels_of(STRAIGHT)
SWAPPED = Volume(SCHEME.mirror_table[SOUND.voxels], SOUND.affine)


@pytest.fixture
def study(tmp_path: Path) -> Iterator[Workbench]:
    """Two children: P001 with swapped sides, P002 in order; neither is checked."""
    with Workbench.create(tmp_path / "study", Settings(author="reader", slots=2)) as workbench:
        for code, labels in (("P001", SWAPPED), ("P002", SOUND)):
            prepare(workbench, add_scan(workbench, code, head_of(STRAIGHT).image, labels))
        yield workbench


def prepare(workbench: Workbench, scan_id: int) -> None:
    """What preprocessing would leave of the head."""
    study, head = workbench._study, head_of(STRAIGHT)
    image, brain = study.store.put(head.image), study.store.put(head.brain)
    with study.database.writing() as session:
        session.add(
            Preprocessing(
                scan_id=scan_id,
                image_key=image,
                brain_key=brain,
                skull_key=brain,
                equalized_key=brain,
                brain_cm3=900.0,
                warnings=[],
                code_version="0",
                job_id="p",
            )
        )


def add_version(workbench: Workbench, scan_id: int, labels: Volume, origin: Origin) -> int:
    """A further version, as a machine leaves it."""
    study = workbench._study
    key = study.store.put(labels)
    with study.database.writing() as session:
        version = next_version(session, scan_id)
        row = Annotation(
            scan_id=scan_id,
            scheme="lobes10",
            version=version,
            parent_id=None,
            labels_key=key,
            author="machine",
            origin=origin,
            code_version="0",
        )
        session.add(row)
        session.flush()
        return row.id


def checked(workbench: Workbench, **how: bool) -> list[str]:
    jobs = workbench.checks.check(**how)
    assert workbench.wait(jobs) == []
    return jobs


def test_that_every_label_map_is_checked_once_and_the_riskiest_is_listed_first(study: Workbench) -> None:
    heard: list[Changes] = []
    study.changed.connect(lambda changes, _: heard.append(changes))
    assert [row.checked for row in study.checks.worklist()] == [False, False]
    assert len(checked(study)) == 1
    first, second = study.checks.worklist()
    assert (first.subject, first.severity, second.subject, second.severity) == ("P001", "wrong", "P002", "ok")
    assert first.risk > 200 > 100 > second.risk and second.told == ()
    assert any(changes.checks for changes in heard)
    brief = study.checks.worklist(brief=True)
    assert [(row.risk, row.told) for row in brief] == [(row.risk, row.told) for row in (first, second)]
    assert study.checks.check() == []


def test_that_findings_are_kept_for_good_and_those_of_the_newest_check_count(study: Workbench) -> None:
    checked(study)
    with study._study.database.reading() as session:
        before = len(session.scalars(select(CheckResult)).all())
    checked(study, again=True)
    with study._study.database.reading() as session:
        rows = session.scalars(select(CheckResult)).all()
    assert len(rows) == 2 * before
    sides = [one for one in study.checks.worklist()[0].findings if one.check == "sides"]
    assert len(sides) == 4
    with pytest.raises(ImmutableRowError), study._study.database.writing() as session:
        session.scalars(select(CheckResult).limit(1)).one().level = 0.0


def test_that_a_correction_is_checked_and_takes_the_place_of_what_it_corrects(study: Workbench) -> None:
    checked(study)
    (version,) = study.review.annotations(1)
    study.review.judge(version.id, Verdict.NEEDS_EDITS)
    study.review.save(1, version.id, SOUND)
    assert [row.checked for row in study.checks.worklist([1])] == [False]
    checked(study)
    newest, oldest = study.checks.of_scan(1)
    assert (newest.version, newest.severity, oldest.severity) == (2, Severity.OK, Severity.WRONG)


def test_that_a_new_map_of_the_other_machine_is_held_against_the_old_one_on_both(study: Workbench) -> None:
    checked(study)
    add_version(study, 2, SWAPPED, Origin.MODEL)
    checked(study)
    model, registered = study.checks.of_scan(2)
    for row, other in ((model, "registration v1"), (registered, "model v2")):
        found = [one for one in row.told if one.check == "disagreement"]
        assert len(found) == 8 and all(f"with {other}" in one.sentence for one in found)
    assert study.checks.check() == []


def test_that_a_scan_that_is_preprocessed_later_is_checked_again(study: Workbench) -> None:
    scan = add_scan(study, "P003", head_of(STRAIGHT).image, SOUND)
    checked(study)
    (row,) = study.checks.worklist([scan])
    assert UNPREPARED in {one.sentence for one in row.told}
    assert study.checks.check() == []
    prepare(study, scan)
    checked(study)
    (row,) = study.checks.worklist([scan])
    assert row.told == () and study.checks.check() == []


def test_that_a_label_map_that_is_gone_is_said_and_the_others_are_checked(study: Workbench) -> None:
    (broken,) = study.review.annotations(1)
    study._study.store.path(broken.labels_key).unlink()
    jobs = checked(study)
    (problem,) = study.checks.problems(jobs)
    assert problem.startswith("P001, version 1 could not be checked")
    by_subject = {row.subject: row for row in study.checks.worklist()}
    assert by_subject["P001"].severity is Severity.NOT_DONE and by_subject["P002"].severity is Severity.OK
    assert by_subject["P002"].checked


def test_that_volumes_are_held_against_the_other_children_where_the_norm_refuses(study: Workbench) -> None:
    small = SOUND.voxels.copy()
    z = np.flatnonzero((small == 5).any((0, 1)))
    small[:, :, : int(z.mean())][small[:, :, : int(z.mean())] == 5] = 9  # half of the right occipital lobe
    for number in range(3, 16):
        labels = Volume(small, SOUND.affine) if number == 3 else SOUND
        prepare(study, add_scan(study, f"P{number:03}", head_of(STRAIGHT).image, labels, age=30.0))
    checked(study)
    odd = next(row for row in study.checks.worklist() if row.subject == "P003")
    found = {one.check: one for one in odd.told if one.region.endswith("occipital")}
    assert "in this study" in found["volume"].sentence and "in this study" in found["asymmetry"].sentence
    assert found["volume"].severity is Severity.LOOK
    assert all(row.told == () for row in study.checks.worklist() if row.subject > "P003")


def test_that_a_job_that_was_killed_goes_on_with_what_is_left(study: Workbench) -> None:
    (job,) = study.checks.check()
    folder = study.jobs.folder / job
    until = time.monotonic() + 60
    while not list(folder.glob("checked_*.json")) and time.monotonic() < until:
        time.sleep(0.01)
    process = folder / "process.json"
    if study.jobs.state(job) is JobState.RUNNING:
        os.kill(int(json.loads(process.read_text())["pid"]), signal.SIGKILL)
    study.wait([job])
    first = {path.name: path.stat().st_mtime_ns for path in folder.glob("checked_*.json")}
    assert first
    assert checked(study) in ([job], [])
    assert {name: (folder / name).stat().st_mtime_ns for name in first} == first
    assert all(row.checked for row in study.checks.worklist())
    with study._study.database.reading() as session:
        assert session.scalars(select(CheckResult.job_id).distinct()).all() == [job]


def test_that_what_was_checked_before_a_job_was_cancelled_is_not_checked_again(study: Workbench) -> None:
    (job,) = study.checks.check()
    study.wait([job])
    params = CheckParams.model_validate(study.jobs.job(job).params)

    class Stopped(JobContext):
        def progress(self, fraction: float, message: str = "") -> None:
            if fraction >= 0.5:
                raise JobCancelled

    from ctworkbench.core.checking import check

    folder = study.folder / "alone"
    folder.mkdir()
    with pytest.raises(JobCancelled):
        check(params, Stopped(folder))
    (kept,) = folder.glob("checked_*.json")
    kept.write_text(CheckAnswer(rows=[], problems=["this was kept"]).model_dump_json())
    assert check(params, JobContext(folder)).problems == ["this was kept"]


def test_that_a_study_of_the_schema_before_is_upgraded_with_all_it_holds(tmp_path: Path) -> None:
    folder = tmp_path / "old"
    before = ScriptDirectory(str(MIGRATIONS)).get_revision("0004")
    with Workbench.create(folder, Settings()) as workbench:
        add_scan(workbench, "P001", head_of(STRAIGHT).image, SOUND)
    step_back(folder, str(before.down_revision))
    with Workbench.open(folder, Settings()) as workbench:
        (row,) = workbench.checks.worklist()
        assert (row.subject, row.checked) == ("P001", False)


def test_that_the_job_of_checks_is_of_its_own_kind(study: Workbench) -> None:
    (job,) = study.checks.check()
    assert study.jobs.job(job).kind == CHECK
    assert study.checks.check() == [job]  # joined, not started twice
    study.wait([job])
