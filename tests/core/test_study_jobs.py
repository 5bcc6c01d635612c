"""Jobs of a study: what was cut off goes on, nothing is done twice, nothing is lost."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from ctworkbench.core import plugins
from ctworkbench.core.errors import StudyError, WorkbenchError
from ctworkbench.core.files import replace_text
from ctworkbench.core.jobs import JobState
from ctworkbench.core.measure import MeasureCase, MeasureParams
from ctworkbench.core.settings import Settings
from ctworkbench.core.volume import write_nifti
from ctworkbench.core.workbench import Verdict, Workbench
from tests.core.heads import head, labels_of, study_with_heads, write_cohort


@pytest.fixture
def study(tmp_path: Path) -> Iterator[Workbench]:
    with study_with_heads(tmp_path, count=2) as workbench:
        yield workbench


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def kill(study: Workbench, job_id: str) -> None:
    """End a job's process as the power failing would."""
    path = study.jobs.folder / job_id / "process.json"
    wait_until(path.exists)
    process = next((p for p in psutil.process_iter(["cmdline"]) if job_id in " ".join(p.info["cmdline"] or [])), None)
    if process is not None:
        os.kill(process.pid, signal.SIGKILL)
    wait_until(lambda: study.jobs.state(job_id).ended)


def test_that_a_folder_with_files_in_it_is_not_made_a_study(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("keep me")
    with pytest.raises(StudyError, match="not empty"):
        Workbench.create(tmp_path, Settings())
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_that_a_folder_without_a_study_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="no study") as refused:
        Workbench.open(tmp_path, Settings())
    assert "ctworkbench new" in refused.value.remedy


@pytest.mark.parametrize("name", ['with "quotes"', "with space", "头颅 CT", "back\\slash", "100%?#"])
def test_that_a_study_may_have_any_name(tmp_path: Path, name: str) -> None:
    Workbench.create(tmp_path / name, Settings()).close()
    with Workbench.open(tmp_path / name, Settings()) as study:
        assert study.name == name
        assert study.cohort.scans() == []


def test_that_jobs_name_their_files_in_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study_with_heads(tmp_path).close()
    monkeypatch.chdir(tmp_path)
    with Workbench.open(Path("study"), Settings()) as study:
        jobs = study.cohort.preprocess()
        assert Path(str(study.jobs.job(jobs[0]).params["image"])).is_absolute()
        assert study.wait(jobs) == []


def test_that_a_study_can_be_moved(study: Workbench, tmp_path: Path) -> None:
    study.close()
    (tmp_path / "study").rename(tmp_path / "else where")
    with Workbench.open(tmp_path / "else where", Settings()) as moved:
        assert len(moved.cohort.scans()) == 2
        assert moved.verify() == []


def test_that_importing_the_same_files_again_adds_nothing(study: Workbench, tmp_path: Path) -> None:
    jobs = study.cohort.import_paths([tmp_path / "files"], tmp_path / "files" / "cohort.csv")
    assert study.wait(jobs) == []
    assert len(study.cohort.scans()) == 2
    assert {(row.skipped, row.reason) for row in study.cohort.refused_by(jobs[0])} == {
        (True, "It is in the study already.")
    }


def import_again(study: Workbench, files: Path, ages: dict[str, str]) -> list[tuple[bool, str]]:
    """Import the same images with a table of other ages; what was refused or skipped, and why."""
    rows = [f"{code},{'MF'[index % 2]},{ages[code]}" for index, code in enumerate(sorted(ages))]
    (files / "other.csv").write_text("\n".join(["subject,sex,age_years", *rows]) + "\n")
    jobs = study.cohort.import_paths([files], files / "other.csv")
    assert study.wait(jobs) == []
    return sorted((row.skipped, row.reason) for row in study.cohort.refused_by(jobs[0]))


def test_that_an_unknown_age_is_taken_from_a_later_table_and_a_known_one_never_changed(tmp_path: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    write_nifti(head(3), files / "S0_image.nii.gz")
    with Workbench.create(tmp_path / "study", Settings()) as study:
        assert study.wait(study.cohort.import_paths([files])) == []
        scan = study.cohort.scan(1)
        assert (scan.sex, scan.age_years) == (None, None)
        assert any("unknown" in warning for warning in scan.warnings)
        assert import_again(study, files, {"S0": "1.9"}) == [
            (True, "It is in the study already; now known: sex, age_years.")
        ]
        scan = study.cohort.scan(1)
        assert (str(scan.sex), scan.age_years) == ("M", 1.9)
        assert not any("unknown" in warning for warning in scan.warnings)
        refused = import_again(study, files, {"S0": "2.3"})
        assert refused == [(False, "It is in the study already with the age 1.90 years; here it is 2.30.")]
        assert study.cohort.scan(1).age_years == 1.9


def test_that_a_subject_whose_sex_changes_is_refused(study: Workbench, tmp_path: Path) -> None:
    files = tmp_path / "more"
    files.mkdir()
    write_nifti(head(8), files / "S1_image.nii.gz")
    write_cohort(files / "cohort.csv", ["S0", "S1"])  # S1 is second here, and so a girl
    jobs = study.cohort.import_paths([files], files / "cohort.csv")
    assert study.wait(jobs) == []
    refused = [row for row in study.cohort.refused_by(jobs[0]) if not row.skipped]
    assert len(refused) == 1
    assert "S1 is in the study as M" in refused[0].reason
    assert len(study.cohort.scans()) == 2


def test_that_a_subject_whose_code_differs_in_case_alone_is_refused_for_its_files_would_collide(
    study: Workbench, tmp_path: Path
) -> None:
    files = tmp_path / "more"
    files.mkdir()
    write_nifti(head(9), files / "s1_image.nii.gz")
    jobs = study.cohort.import_paths([files])
    assert study.wait(jobs) == []
    (refused,) = [row for row in study.cohort.refused_by(jobs[0]) if not row.skipped]
    assert "s1 and S1 of this study differ in the case of their letters alone" in refused.reason and refused.remedy
    assert [scan.subject for scan in study.cohort.scans()] == ["S1", "S2"]


def test_that_nothing_half_imported_stays_after_a_kill(study: Workbench, tmp_path: Path) -> None:
    files = tmp_path / "more"
    files.mkdir()
    for number in range(4):
        write_nifti(head(20 + number), files / f"M{number}_image.nii.gz")
    jobs = study.cohort.import_paths([files])
    kill(study, jobs[0])
    study.collect()
    assert len(study.cohort.scans()) in (2, 6)  # all or none; it may have been quicker than the kill
    assert study.verify() == []
    assert study.wait(study.cohort.import_paths([files])) == []
    assert len(study.cohort.scans()) == 6


def test_that_a_killed_job_leaves_a_study_that_opens_and_is_done_at_the_next_run(study: Workbench) -> None:
    jobs = study.cohort.preprocess()
    for job in jobs:
        kill(study, job)
    study.close()
    with Workbench.open(study.folder, Settings(slots=2)) as again:
        again.collect()
        assert again.verify() == []
        failures = again.wait(again.cohort.preprocess())
        assert failures == []
        assert all(row.preprocessed for row in again.cohort.scans())
        assert again.cohort.preprocess() == []


def test_that_a_job_that_ends_while_the_study_is_closed_is_not_lost(study: Workbench) -> None:
    jobs = study.cohort.preprocess([1])
    wait_until((study.jobs.folder / jobs[0] / "process.json").exists)
    study.close()  # the job goes on by itself
    with Workbench.open(study.folder, Settings()) as again:
        wait_until(lambda: again.jobs.state(jobs[0]).ended)
        again.collect()
        assert again.cohort.scan(1).preprocessed
        assert not again.cohort.scan(2).preprocessed


def test_that_a_running_job_is_joined_and_not_started_twice(study: Workbench) -> None:
    jobs = study.cohort.preprocess([1])
    assert study.cohort.preprocess([1]) == jobs
    assert study.wait(jobs) == []


def test_that_a_result_is_recorded_once_by_two_programs(study: Workbench) -> None:
    jobs = study.cohort.preprocess([1])
    wait_until(lambda: study.jobs.state(jobs[0]) is JobState.DONE)
    with Workbench.open(study.folder, Settings()) as other:
        answers: list[bool] = []
        threads = [
            threading.Thread(target=lambda one=one: answers.append(one.collect().scans)) for one in (study, other)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(answers) == [False, True]
        assert other.failure(jobs[0]) is None
        assert study.cohort.scan(1).preprocessed


def test_that_a_result_that_cannot_be_read_is_a_failure_and_not_a_crash(study: Workbench) -> None:
    jobs = study.cohort.preprocess([1])
    wait_until(lambda: study.jobs.state(jobs[0]) is JobState.DONE)
    result = study.jobs.result(jobs[0])
    Path(result["brain"]).unlink()
    replace_text(study.jobs.folder / jobs[0] / "result.json", (study.jobs.folder / jobs[0] / "result.json").read_text())
    failures = study.wait(jobs)
    assert len(failures) == 1
    assert "could not be recorded" in str(failures[0])
    assert not study.cohort.scan(1).preprocessed
    assert study.verify() == []


def test_that_steps_taken_too_early_say_what_comes_first(study: Workbench) -> None:
    with pytest.raises(WorkbenchError, match="not preprocessed") as early:
        study.labelling.pseudo_label()
    assert "Preprocess" in early.value.remedy
    with pytest.raises(WorkbenchError, match="too few to train"):
        study.modelling.train()
    with pytest.raises(WorkbenchError, match="no trained model"):
        study.modelling.segment()
    with pytest.raises(WorkbenchError, match="measured"):
        study.norms.statistics(study.folder / "tables")
    with pytest.raises(WorkbenchError, match="no label map"):
        study.norms.report("S1", study.folder / "s1.pdf")
    assert study.status().next_step.startswith("preprocess")


def test_that_a_path_that_is_not_there_is_refused_before_any_job(study: Workbench, tmp_path: Path) -> None:
    before = len(study.jobs.jobs())
    with pytest.raises(WorkbenchError, match="does not exist"):
        study.cohort.import_paths([tmp_path / "nowhere"])
    assert len(study.jobs.jobs()) == before


def test_that_a_scan_that_cannot_be_preprocessed_does_not_hold_up_the_others(study: Workbench) -> None:
    assert study.wait(study.cohort.preprocess([1])) == []
    jobs = study.labelling.pseudo_label()
    assert [study.jobs.job(job).subject for job in jobs] == [1]
    with pytest.raises(WorkbenchError, match="not preprocessed: S2"):
        study.labelling.pseudo_label(scan_ids=[1, 2])
    for job in jobs:
        study.jobs.cancel(job)
    study.wait(jobs)


def test_that_a_statistic_that_is_new_is_measured_on_what_was_measured_before(
    study: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    study.review.save(1, None, labels_of(study.cohort.image(1)))
    with monkeypatch.context() as before:
        before.setattr(plugins, "names", lambda _package: ["volume"])
        params = MeasureParams(
            cases=(
                MeasureCase(
                    annotation=1,
                    labels=study._study.store.path(study.review.annotation(1).labels_key),
                ),
            ),
            statistics=("volume",),
        )
        job = study._study.start("measure", "Measure volumes alone", "ctworkbench.core.measure:measure", params)
        assert study.wait([job]) == []
        assert study.norms.measure() == []
    volumes = study.norms.volumes()
    jobs = study.norms.measure()
    assert len(jobs) == 1
    assert study.wait(jobs) == []
    assert study.norms.measure() == []
    assert study.norms.volumes() == volumes


def test_that_three_subjects_are_too_few_to_train_on_and_get_no_role(tmp_path: Path) -> None:
    with study_with_heads(tmp_path, count=3) as study:
        assert study.wait(study.cohort.preprocess()) == []
        for scan in study.cohort.scans():
            labels = labels_of(study.cohort.image(scan.id))
            study.review.judge(study.review.save(scan.id, None, labels).id, Verdict.ACCEPT)
        with pytest.raises(WorkbenchError, match="too few to train") as few:
            study.modelling.train()
        assert "at least 4 subjects" in few.value.remedy
        assert {scan.split for scan in study.cohort.scans()} == {""}
