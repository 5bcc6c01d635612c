"""A study's comparisons: decided once, trained as jobs, used where they are done, tested last, told in the trail."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.jobs import JobState
from ctworkbench.core.model import Audit, Evaluation, ModelRun
from ctworkbench.core.model_comparison import parse_configuration
from ctworkbench.core.settings import Settings
from ctworkbench.core.workbench import Workbench
from tests.core.models import untrained_model
from tests.core.trainable_study import TINY, trainable
from tests.test_bad_input import run

BOTH = tuple(parse_configuration(f"{network}:demo:{TINY}") for network in ("resunet", "unet3d"))


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """A comparison of two networks, trained, on five heads, two more being kept for the test."""
    with trainable(tmp_path_factory.mktemp("compared")) as workbench:
        jobs = workbench.comparisons.start("nets", BOTH)
        assert len(jobs) == 2
        assert not workbench.wait(jobs)
        yield workbench


@pytest.fixture
def study(tmp_path: Path) -> Iterator[Workbench]:
    with trainable(tmp_path) as workbench:
        yield workbench


def halt(workbench: Workbench, jobs: list[str]) -> None:
    for job in jobs:
        workbench.jobs.cancel(job)
    workbench.wait(jobs)


def actions(workbench: Workbench) -> list[str]:
    with workbench._study.database.reading() as session:
        return list(session.scalars(select(Audit.action).order_by(Audit.id)))


def test_that_a_comparison_trains_each_configuration_and_keeps_its_figures(compared: Workbench) -> None:
    (row,) = compared.comparisons.rows()
    assert (row.name, row.planned, row.done, row.running, row.waiting, row.stopped) == ("nets", 2, 2, 0, 0, False)
    assert row.told == "2 of 2 trainings done"
    found = compared.comparisons.result("nets")
    assert [run.configuration for run in found.runs] == [0, 1]
    assert found.titles[1] == "unet3d (demo, epochs 1, channels (4, 6, 8))"
    parts = {case.subject: case.part for case in found.runs[0].figures}
    assert set(parts) == {"H00", "H01", "H02", "H03", "H04"}
    assert sorted(code for code, part in parts.items() if part == "validation") == ["H03", "H04"]


def test_that_what_is_trained_is_used_and_not_trained_again(compared: Workbench) -> None:
    before = len(compared.modelling.models())
    assert compared.comparisons.start("nets", BOTH) == []
    assert compared.comparisons.start("the same again", BOTH) == []
    assert compared.comparisons.result("the same again").runs == compared.comparisons.result("nets").runs
    assert len(compared.modelling.models()) == before


def test_that_a_name_that_is_taken_by_another_comparison_is_refused(compared: Workbench) -> None:
    with pytest.raises(WorkbenchError, match="The comparison nets was decided otherwise"):
        compared.comparisons.start("nets", BOTH, repeats=2)
    with pytest.raises(WorkbenchError, match="There is no comparison nest") as refused:
        compared.comparisons.result("nest")
    assert "nets" in refused.value.remedy


def test_that_tables_cases_and_pictures_are_written(compared: Workbench, tmp_path: Path) -> None:
    paths = compared.comparisons.export("nets", tmp_path / "out")
    names = {path.name for path in paths}
    assert {"figures_dice.csv", "tests_hd95.csv", "cases.csv", "comparison.docx", "dice_pseudo.svg"} <= names
    assert {"dice_pseudo.pdf", "dice_pseudo.png", "notes.txt"} <= names
    notes = (tmp_path / "out" / "notes.txt").read_text(encoding="utf-8")
    assert "Research use only" in notes
    assert "2 validation subjects against pseudo-labels: too few" in notes
    assert (tmp_path / "out" / "cases.csv").read_text(encoding="utf-8").startswith("configuration,model,repeat")
    with pytest.raises(WorkbenchError, match="is a file, not a folder"):
        compared.comparisons.export("nets", tmp_path / "out" / "notes.txt")


def test_that_the_command_line_prints_and_lists_the_same(compared: Workbench, tmp_path: Path) -> None:
    done = run("compare", "show", compared.folder, "nets", "--out", tmp_path / "out", "--format", "csv")
    assert done.code == 0, done.err
    assert "Mean of the regions" in done.out
    assert "right" not in done.out.lower()
    assert "note: Against pseudo-labels a figure is agreement" in done.err
    assert (tmp_path / "out" / "figures_volume_error.csv").exists()
    assert "Right frontal" in run("compare", "show", compared.folder, "nets", "--regions").out
    assert "nets: resunet (demo, epochs 1" in run("compare", "list", compared.folder).out
    assert json.loads(run("compare", "list", compared.folder, "--json").out)[-1]["planned"] == 2
    again = run("compare", "start", compared.folder, "nets")
    assert again.code == 0 and "All trainings of nets are done." in again.err


def test_that_the_test_set_stays_closed_until_it_is_opened_by_name(compared: Workbench) -> None:
    kept = run("compare", "test", compared.folder, "nets")
    assert kept.code == 1
    assert "would open the locked test set (2 subjects with an accepted label map; opened 0 times so far)" in kept.err
    assert "open test set" not in actions(compared)
    jobs = compared.comparisons.final_test("nets")
    assert len(jobs) == 2
    assert not compared.wait(jobs)
    found = compared.comparisons.result("nets")
    assert {case.subject for case in found.runs[0].figures if case.part == "test"} == {"H05", "H06"}
    kinds = {(case.subject, case.label_kind) for case in found.runs[0].figures if case.part == "test"}
    assert kinds == {("H05", "pseudo"), ("H06", "expert"), ("H06", "pseudo")}
    assert found.openings == 1
    assert found.parts == ["validation", "test"]
    with compared._study.database.reading() as session:
        entry = session.scalars(select(Audit).where(Audit.action == "open test set")).one()
        rows = session.scalars(select(Evaluation)).all()
    assert entry.details["subjects"] == ["H05", "H06"]
    assert len(entry.details["models"]) == 2
    assert [(row.part, row.comparison, row.author) for row in rows] == [("test", "nets", "reader")] * 2
    assert compared.comparisons.final_test("nets") == []
    assert next(row for row in compared.comparisons.rows() if row.name == "nets").tested
    assert compared.verify() == []


def test_that_a_model_without_figures_is_measured_when_the_comparison_goes_on(
    compared: Workbench,
) -> None:
    place = compared.folder.with_name("older")
    shutil.copytree(compared.folder, place)
    with Workbench.open(place, Settings(author="reader", slots=1)) as older:
        with older._study.database.engine.begin() as connection:
            table = ModelRun.__table__
            for number, told in connection.execute(select(table.c.id, table.c.result)).tuples().all():
                kept = {name: value for name, value in told.items() if name != "figures"}
                connection.execute(table.update().where(table.c.id == number).values(result=kept))
            connection.execute(Evaluation.__table__.delete())
        with pytest.raises(WorkbenchError, match=r"Models 1, 2 have no figures by case"):
            older.comparisons.result("nets")
        jobs = older.comparisons.go_on("nets")
        assert [older.jobs.job(job).kind for job in jobs] == ["figures", "figures"]
        assert not older.wait(jobs)
        before, after = (study.comparisons.result("nets").runs[0].figures for study in (compared, older))
        held = [case for case in before if case.part == "validation"]
        again = [case for case in after if case.part == "validation"]
        assert [case.subject for case in held] == [case.subject for case in again]
        for one, other in zip(held, again, strict=True):
            for region, scores in one.regions.items():
                assert other.regions[region].dice == pytest.approx(scores.dice, abs=0.005)


def test_that_a_comparison_that_was_cancelled_goes_on_where_it_stopped(study: Workbench) -> None:
    jobs = study.comparisons.start("nets", BOTH)
    assert study.comparisons.cancel("nets") == 2
    study.wait(jobs)
    (row,) = study.comparisons.rows()
    assert (row.done, row.running, row.waiting, row.stopped) == (0, 0, 0, True)
    assert row.told == "0 of 2 trainings done, 2 stopped"
    with pytest.raises(WorkbenchError, match="No training of nets is done yet"):
        study.comparisons.result("nets")
    with pytest.raises(WorkbenchError, match="0 of 2 trainings of nets are done: the final test comes last"):
        study.comparisons.final_test("nets")
    assert study.comparisons.go_on("nets") == jobs  # the same jobs, from their checkpoints
    halt(study, jobs)
    assert "compare models" in actions(study)


def test_that_a_comparison_keeps_the_label_maps_it_began_with(study: Workbench) -> None:
    jobs = study.comparisons.start("nets", BOTH)
    halt(study, jobs)
    study.review.judge(study.review.annotations(1)[0].id, study.review.annotations(1)[0].verdict.REJECT)
    again = study.comparisons.go_on("nets")
    assert again == jobs
    halt(study, again)


def test_that_repeats_and_folds_are_all_queued_with_seeds_and_folds_of_their_own(study: Workbench) -> None:
    jobs = study.comparisons.start("folds", BOTH, repeats=2, folds=2)
    assert len(jobs) == 8
    told: list[dict[str, Any]] = [study.jobs.job(job).params for job in jobs]
    seed = study._study.split_seed
    assert [(one["network"], one["seed"], one["fold"], one.get("fold_seed")) for one in told] == [
        ("resunet", seed, 0, None),
        ("unet3d", seed, 0, None),
        ("resunet", seed, 1, None),
        ("unet3d", seed, 1, None),
        ("resunet", seed + 1, 0, seed),
        ("unet3d", seed + 1, 0, seed),
        ("resunet", seed + 1, 1, seed),
        ("unet3d", seed + 1, 1, seed),
    ]
    assert all(one["changes"]["folds"] == 2 for one in told)
    assert not {case["subject"] for case in told[0]["cases"]} & {"H05", "H06"}
    halt(study, jobs)


def test_that_the_ordinary_training_and_the_first_repeat_are_one(study: Workbench) -> None:
    (job,) = study.modelling.train("resunet", "demo")
    plain = (parse_configuration("resunet:demo"), parse_configuration("unet3d:demo"))
    jobs = study.comparisons.start("plain", plain)
    assert jobs[0] == job
    halt(study, jobs)
    assert study.jobs.state(job) is JobState.CANCELLED


def test_that_a_fold_that_is_too_small_is_refused_and_nothing_is_kept(study: Workbench) -> None:
    with pytest.raises(WorkbenchError, match="5 subjects cannot be dealt into 9 folds"):
        study.comparisons.start("folds", BOTH, folds=9)
    assert study.comparisons.rows() == []
    told = run("compare", "start", study.folder, "folds", "--with", "resunet:demo", "unet3d:demo", "--folds", "9")
    assert (told.code, "5 subjects cannot be dealt into 9 folds" in told.err) == (1, True)
    told = run("compare", "start", study.folder, "folds", "--folds", "3")
    assert (told.code, "belong to the configurations" in told.err) == (1, True)
    assert run("compare", "show", study.folder, "folds").code == 1


def test_that_labelling_the_test_subjects_opens_the_test_set_and_says_so(study: Workbench) -> None:
    model = untrained_model(study)
    scans = {row.subject: row.id for row in study.cohort.scans()}
    assert not study.wait(study.modelling.segment(model, [scans["H03"]]))
    assert (study.comparisons.openings(), study.modelling.models()[0].dice_test) == (0, None)
    told = run("segment", study.folder, "--model", model, "--subject", "H05")
    assert "note: scans of the test set were labelled" in told.err
    with study._study.database.reading() as session:
        entry = session.scalars(select(Audit).where(Audit.action == "open test set")).one()
    assert (entry.subject, entry.details) == (f"model {model}", {"models": [model], "subjects": ["H05"]})
    assert study.modelling.models()[0].dice_test is not None
    assert not study.wait(study.modelling.segment(model, [scans["H06"]]))
    assert study.comparisons.openings() == 1  # for the same model
