"""What commands answer when there is nothing to do, nothing to work on, or something left over."""

import contextlib
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from ctworkbench.core.model import Annotation, JobRecord, ModelRun, NormRecord
from ctworkbench.core.settings import Settings
from ctworkbench.core.wording import count
from ctworkbench.core.workbench import Workbench
from ctworkbench.core.workbench.training_runs import parameters
from tests.core.heads import head
from tests.test_bad_input import run
from tests.ui.seeded_study import seed
from tests.ui.study_with_heads import add_scan


@pytest.fixture
def study(tmp_path: Path) -> Iterator[Workbench]:
    """Measured label maps of fourteen children, nine of them accepted; a model that nobody could make again."""
    with seed(tmp_path / "study") as workbench:
        yield workbench


def trained(study: Workbench) -> int:
    """A model as a training on the accepted label maps would have left it; its number in the study."""
    (request,) = study.modelling._requests("resunet", "demo", None)
    with study._study.database.writing() as session:
        run = ModelRun(
            job_id="t2",
            network="resunet",
            preset="demo",
            parameters=parameters(request),
            result={"dice_validation": 0.8},
            split={},
            label_kind="pseudo-labels",
            code_version="0",
            weights_hash="b" * 64,
        )
        session.add(run)
        session.flush()
        return run.id


@pytest.mark.parametrize("step", ["preprocess", "label", "check", "segment", "measure"])
def test_that_a_step_on_a_study_without_scans_says_what_comes_first(tmp_path: Path, step: str) -> None:
    assert run("new", tmp_path / "study").code == 0
    done = run(step, tmp_path / "study")
    assert done.code == 1
    told = "ctworkbench: There are no scans: import some first: ctworkbench import STUDY PATH"
    assert done.err.splitlines() == [told]
    assert not list((tmp_path / "study" / "voxels").rglob("*.nii.gz"))  # not even the template


def test_that_a_training_that_was_done_is_told_and_not_done_again(study: Workbench) -> None:
    number = trained(study)
    jobs = len(study.jobs.jobs())
    done = run("train", study.folder)
    assert done.code == 0
    told = f"resunet (demo) is already trained on exactly these label maps: model {number}; --again trains anew."
    assert told in done.err
    assert len(study.jobs.jobs()) == jobs
    place = study.folder.with_name("moved")
    shutil.copytree(study.folder, place)
    again = run("train", place)
    assert again.code == 0 and told in again.err
    (job,) = study.modelling.train(again=True)
    study.jobs.cancel(job)
    study.wait([job])


def test_that_a_training_on_other_label_maps_is_another_one(study: Workbench) -> None:
    trained(study)
    study.review.accept_all()
    (job,) = study.modelling.train()
    study.jobs.cancel(job)
    study.wait([job])
    with study._study.database.reading() as session:
        assert session.get_one(JobRecord, job).kind == "train"


def test_that_what_comes_first_is_told_with_its_command(study: Workbench) -> None:
    label = run("label", study.folder, "--subject", "P016")
    assert "1 scan is not preprocessed: P016. Run Preprocess first: ctworkbench preprocess STUDY" in label.err
    assert (
        "no subject P099 in this study. See who is there: ctworkbench review STUDY"
        in run("label", study.folder, "--subject", "P099").err
    )


def test_that_a_study_without_label_maps_is_not_said_to_be_measured(tmp_path: Path) -> None:
    with Workbench.create(tmp_path / "study", Settings()) as workbench:
        add_scan(workbench, "P001", head(), None)
    done = run("measure", tmp_path / "study")
    assert (done.code, done.err) == (0, "No label map to measure: ctworkbench label STUDY\n")


@pytest.mark.parametrize(("number", "told"), [(0, "0 scans"), (1, "1 scan"), (2, "2 scans")])
def test_that_numbers_agree_with_their_nouns(number: int, told: str) -> None:
    assert count(number, "scan") == told


def test_that_the_command_of_a_jobs_own_process_is_not_offered(tmp_path: Path) -> None:
    done = run("nonsense")
    assert done.code == 2
    assert "invalid choice: 'nonsense'" in done.err and "run-job" not in done.err
    assert run("run-job").code == 2


def test_that_verify_says_what_to_do_about_every_problem(study: Workbench) -> None:
    scan, labels = study.cohort.scan(1), study.review.annotations(1)[0]
    path = study._study.store.path(labels.labels_key)
    path.unlink()
    (study.folder / "models").mkdir(exist_ok=True)
    done = run("verify", study.folder)
    assert done.code == 1
    name = path.relative_to(study.folder).as_posix()
    told = f"label map of scan {scan.id}, version 1: The image {labels.labels_key[:12]} is missing. Restore {name} "
    assert any(line.startswith(told) for line in done.err.splitlines()), done.err
    lines = done.err.splitlines()
    assert all("Restore " in line for line in lines)
    assert any(line.startswith("model 1: Its weights are missing.") and "train again" in line for line in lines)
    assert f"{count(len(lines), 'problem')} found." in done.out


def age(path: Path, days: float) -> None:
    then = time.time() - days * 86_400
    os.utime(path, (then, then))


def test_that_clean_removes_what_nothing_names_once_it_is_a_day_old(study: Workbench) -> None:
    store = study._study.store
    kept = [store.path(key) for key in store.keys()]  # noqa: SIM118 - not a mapping
    old, young = store.path(store.put(head(11))), store.path(store.put(head(12)))
    part = old.with_name(".0123.part")
    part.write_bytes(b"half")
    for path in (*kept, old, part):
        age(path, 2)
    size = old.stat().st_size + 4
    done = run("verify", study.folder, "--clean")
    assert f"Removed 2 files that nothing in the study names, {size / 1e6:.1f} MB." in done.out
    assert not old.exists() and not part.exists()
    assert young.exists()
    assert all(path.exists() for path in kept)
    assert "Removed 0 files that nothing in the study names." in run("verify", study.folder, "--clean").out


def test_that_clean_keeps_what_models_and_open_jobs_name(study: Workbench) -> None:
    store = study._study.store
    of_model, of_job = store.put(head(13)), store.put(head(14))
    for key in (of_model, of_job):
        age(store.path(key), 9)
    folder = study.jobs.folder / "open"
    folder.mkdir(parents=True)
    (folder / "job.json").write_text(f'{{"params": {{"image": "voxels/xx/{of_job}.nii.gz"}}}}')
    with study._study.database.writing() as session:
        session.add(JobRecord(id="open", kind="label", scan_id=1, state="queued", message=""))
        session.add(
            ModelRun(
                job_id="t3",
                network="n",
                preset="p",
                parameters={"cases": [{"image": of_model}]},
                result={},
                split={},
                label_kind="pseudo-labels",
                code_version="0",
                weights_hash="c" * 64,
            )
        )
    assert study.clean().files == 0
    assert store.path(of_model).exists() and store.path(of_job).exists()


def test_that_nothing_is_removed_from_a_study_whose_database_is_damaged(study: Workbench) -> None:
    orphan = study._study.store.path(study._study.store.put(head(15)))
    age(orphan, 9)
    with contextlib.closing(sqlite3.connect(study.folder / "study.db")) as other:  # it minds no foreign keys
        other.execute("UPDATE annotation SET scan_id = 4711 WHERE id = 1")
        other.commit()
    done = run("verify", study.folder, "--clean")
    assert done.code == 1
    assert "Database: a row of annotation names a row of scan that is not there." in done.err
    assert "Nothing was removed" in done.err
    assert orphan.exists()


def test_that_a_correction_names_the_norms_that_were_fitted_before(study: Workbench) -> None:
    scan = next(row for row in study.cohort.scans() if row.subject == "P002")
    with study._study.database.writing() as session:
        number = session.scalars(select(Annotation.id).where(Annotation.scan_id == scan.id)).first()
        session.add(
            NormRecord(
                name="own", sha256="c" * 64, origin="fitted", content="{}", details={"label_maps": [number]}, author="r"
            )
        )
    asked = ("correct", study.folder, "--subject", "P002", "--reason", "the table gave months")
    done = run(*asked, "--age", "2.45")
    assert done.code == 0, done.err
    assert done.out.strip() == f"P002: age {scan.age_years:g} years → 2.45 years."
    assert "Fitted with the value before: the norm own; fit it again." in done.err
    assert run(*asked, "--age", "2.45").code == 1
    assert run(*asked, "--age", "290").code == 1
    assert study.cohort.scan(scan.id).age_years == 2.45
