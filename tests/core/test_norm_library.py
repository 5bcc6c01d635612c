"""A study's norms: fitted as a job, kept for good, chosen, exported, imported, compared; also on the command line."""

import json
import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config

from ctworkbench.cli.main import main
from ctworkbench.core.database import MIGRATIONS, Database
from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.jobs import JobState
from ctworkbench.core.model import ImmutableRowError, NormRecord
from ctworkbench.core.norms import published_norm
from ctworkbench.core.norms.cohort import Selection
from ctworkbench.core.norms.simulated import SimulatedChild, simulate
from ctworkbench.core.settings import Settings
from ctworkbench.core.workbench import Changes, Workbench
from ctworkbench.core.workbench.rows import NormRow
from tests.core.norm_study import study_of
from tests.core.older_schema import step_back

NORM = published_norm()


def cohort(n: int = 110, seed: int = 3) -> list[SimulatedChild]:
    return simulate(NORM, n, seed)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """A study with a fitted norm; tests only read it."""
    workbench = study_of(tmp_path_factory.mktemp("kept") / "study", cohort(), unaccepted=2)
    fit(workbench, "own")
    yield workbench
    workbench.close()


@pytest.fixture
def study(tmp_path: Path) -> Iterator[Workbench]:
    workbench = study_of(tmp_path / "study", cohort())
    yield workbench
    workbench.close()


def fit(workbench: Workbench, name: str, **others: object) -> str:
    (job,) = workbench.norms.fit_norm(name, method="linear", **{"repeats": 20} | others)
    assert workbench.wait([job]) == []
    return job


def test_that_a_fitted_norm_is_kept_with_its_hash_and_an_audit_line(kept: Workbench) -> None:
    published, own = kept.norms.library()
    assert (published.name, published.used, own.name, own.origin, own.used) == ("xi2025", True, "own", "fitted", False)
    assert own.n_male + own.n_female == 108 and len(own.sha256) == 64 and own.author == "reader"
    assert kept.norms.norm("own").limits.n == 108
    with kept._study.database.reading() as session:
        actions = session.connection().exec_driver_sql("SELECT action, subject FROM audit").fetchall()
    assert ("keep norm", "own") in [tuple(row) for row in actions]


def test_that_a_fitted_norm_leads_back_to_the_label_maps_that_it_was_made_from(kept: Workbench) -> None:
    with kept._study.database.reading() as session:
        record = session.query(NormRecord).one()
    used = [row.annotation_id for row in kept.norms.volumes() if row.region == "brainstem"]
    assert record.details["label_maps"] == sorted(used)[2:]  # nobody accepted the first two


def test_that_a_kept_norm_can_be_neither_changed_nor_removed(kept: Workbench) -> None:
    with pytest.raises(ImmutableRowError), kept._study.database.writing() as session:
        session.query(NormRecord).one().name = "another"
    with pytest.raises(ImmutableRowError), kept._study.database.writing() as session:
        session.delete(session.query(NormRecord).one())


def test_that_who_was_left_out_is_told_in_the_study_and_counted_in_the_card(kept: Workbench) -> None:
    (job,) = [job.id for job in kept.jobs.jobs()]
    assert any("SIM0001, SIM0002" in note for note in kept.norms.fit_notes([job]))
    assert kept.norms.norm("own").file.card.excluded == {"the label map was not accepted": 2}


def test_that_a_preview_says_who_would_be_taken_and_why_not(kept: Workbench) -> None:
    found = kept.norms.preview_fit("linear", "current", Selection())
    assert (found.n_male + found.n_female, found.excluded, found.refusal) == (
        108,
        {"the label map was not accepted": 2},
        "",
    )
    assert "needs 120 of each sex" in kept.norms.preview_fit("lms", "current", Selection()).refusal
    nobody = kept.norms.preview_fit("linear", "current", Selection(age_min=9.0))
    assert nobody.ages is None and "0 boys and 0 girls" in nobody.refusal


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("own", "has a norm own already"),
        ("XI2025", "already"),
        ("a b", "cannot be the name"),
        ("", "cannot be the name"),
    ],
)
def test_that_a_name_is_free_and_fit_for_a_file(kept: Workbench, name: str, words: str) -> None:
    with pytest.raises(WorkbenchError, match=words):
        kept.norms.fit_norm(name, method="linear")


def test_that_too_few_children_are_refused_before_a_job_is_started(kept: Workbench) -> None:
    before = len(kept.jobs.jobs())
    with pytest.raises(WorkbenchError, match="needs 120 of each sex"):
        kept.norms.fit_norm("larger", method="lms")
    with pytest.raises(WorkbenchError, match="No label map by a model was measured yet"):
        kept.norms.fit_norm("larger", method="linear", source="model")
    with pytest.raises(WorkbenchError, match="-1 bootstrap samples"):
        kept.norms.fit_norm("larger", method="linear", repeats=-1)
    with pytest.raises(WorkbenchError, match="younger age first"):
        kept.norms.fit_norm("larger", method="linear", selection=Selection(age_min=3, age_max=2))
    assert len(kept.jobs.jobs()) == before


def test_that_the_norm_in_use_is_the_one_chosen_last_and_everybody_is_told(study: Workbench) -> None:
    told: list[Changes] = []
    fit(study, "own")
    study.changed.connect(lambda changes, _: told.append(changes))
    assert study.norms.norm().name == "xi2025"
    study.norms.choose_norm("own")
    study.norms.choose_norm("own")
    assert study.norms.norm().name == "own" and [row.used for row in study.norms.library()] == [False, True]
    study.norms.choose_norm("xi2025")
    assert study.norms.norm() is published_norm()
    assert [changes.norms for changes in told] == [True, True]
    with pytest.raises(WorkbenchError, match="no norm 'theirs'"):
        study.norms.choose_norm("theirs")


def test_that_programs_that_choose_and_import_at_once_do_nothing_twice_and_say_so(
    kept: Workbench, tmp_path: Path
) -> None:
    path = kept.norms.export_norm("own", tmp_path / "own.json")
    folder = tmp_path / "shared"
    Workbench.create(folder, Settings()).close()

    def take(number: int) -> str:
        with Workbench.open(folder, Settings()) as other:
            try:
                other.norms.import_norm(path, f"name{number}")
            except WorkbenchError as error:
                return error.message
            return "imported"

    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(take, range(4)))
    assert told.count("imported") == 1
    assert sum(text.startswith("The study has this norm already, as name") for text in told) == 3
    (name,) = (row.name for row in _opened_library(folder) if row.origin == "imported")

    def choose(_: int) -> None:
        with Workbench.open(folder, Settings()) as other:
            other.norms.choose_norm(name)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(choose, range(4)))
    with closing(sqlite3.connect(folder / "study.db")) as connection:
        assert connection.execute("SELECT name FROM norm_choice").fetchall() == [(name,)]


def _opened_library(folder: Path) -> list[NormRow]:
    with Workbench.open(folder, Settings()) as study:
        return study.norms.library()


def test_that_a_norm_goes_from_one_study_to_another_and_says_the_same(kept: Workbench, tmp_path: Path) -> None:
    path = kept.norms.export_norm("own", tmp_path / "out" / "own.json")
    with Workbench.create(tmp_path / "other", Settings()) as other:
        row = other.norms.import_norm(path, "theirs")
        assert (row.name, row.origin, row.sha256) == ("theirs", "imported", kept.norms.library()[1].sha256)
        one, two = kept.norms.norm("own"), other.norms.norm("theirs")
        assert one.assess("brainstem", "F", 2.0, 25.0) == two.assess("brainstem", "F", 2.0, 25.0)
        assert two.name == "theirs"
        with pytest.raises(WorkbenchError, match="has this norm already, as theirs"):
            other.norms.import_norm(path)


def test_that_a_tampered_file_or_one_of_another_scheme_is_not_imported(kept: Workbench, tmp_path: Path) -> None:
    path = kept.norms.export_norm("own", tmp_path / "own.json")
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('"n_male":', '"n_male":1'), encoding="utf-8")
    with pytest.raises(WorkbenchError, match="was changed after it was written"):
        kept.norms.import_norm(path)
    file = kept.norms.norm("own").file
    other = with_scheme(file)
    path.write_text(other.text(), encoding="utf-8")
    with pytest.raises(WorkbenchError, match="region scheme lobes99"):
        kept.norms.import_norm(path)


def with_scheme(file):
    return file.model_copy(update={"card": file.card.model_copy(update={"scheme": "lobes99"})})


def test_that_cards_are_written_for_people_and_the_published_norm_is_no_file(kept: Workbench, tmp_path: Path) -> None:
    text = kept.norms.export_norm("own", tmp_path / "own.md").read_text(encoding="utf-8")
    whole = "expert 108; all read and accepted"
    for part in ("108 (", whole, "the label map was not accepted: 2", "SHA-256", "| brainstem"):
        assert part in text
    published = kept.norms.export_norm("xi2025", tmp_path / "xi.md").read_text(encoding="utf-8")
    assert "826 boys" in published and "0.625–1.25 mm (made from 0.625 mm slices" in published
    assert kept.norms.export_norm("own", tmp_path / "own.pdf").read_bytes().startswith(b"%PDF")
    with pytest.raises(WorkbenchError, match="part of every CT Workbench"):
        kept.norms.export_norm("xi2025", tmp_path / "xi.json")
    with pytest.raises(WorkbenchError, match=r"own\.txt"):
        kept.norms.export_norm("own", tmp_path / "own.txt")


def test_that_two_norms_are_compared_where_both_hold(kept: Workbench) -> None:
    found = kept.norms.compare_norms("own", "xi2025")
    assert found.regions == NORM.regions and found.ages[0] >= 1.5 and len(found.rows) == 10 * 2 * 3 * 5
    row = next(row for row in found.rows if (row.region, row.sex, row.centile) == ("brainstem", "F", 50.0))
    own = kept.norms.norm("own").mean("brainstem", "F", row.age_years)
    assert row.difference_cm3 == pytest.approx(own - NORM.mean("brainstem", "F", row.age_years))
    assert row.centile_in_other == pytest.approx(NORM.centile("brainstem", "F", row.age_years, own))
    same = kept.norms.compare_norms("own", "own")
    assert all(row.difference_cm3 == 0 and row.centile_in_other == pytest.approx(row.centile) for row in same.rows)
    assert any("methods differ" in note for note in found.notes) and same.notes == ()


def test_that_verify_finds_a_norm_that_was_altered(study: Workbench) -> None:
    fit(study, "own")
    assert study.verify() == []
    with sqlite3.connect(study.folder / "study.db") as connection:
        connection.execute("UPDATE norm SET content = replace(content, '\"n_male\":', '\"n_male\":1')")
    connection.close()
    by_its_hash, by_the_trail = study.verify()
    assert "The norm own was changed after it was written" in by_its_hash
    assert "Norm 1 is not as audit entry" in by_the_trail


def test_that_a_fit_that_is_killed_leaves_a_study_that_opens_and_goes_on_with_the_regions_that_are_missing(
    study: Workbench,
) -> None:
    (job,) = study.norms.fit_norm("own", method="linear", repeats=500)
    folder = study.jobs.folder / job
    deadline = time.monotonic() + 60
    while len(list(folder.glob("*_*.json"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(json.loads((folder / "process.json").read_text())["pid"], signal.SIGKILL)
    while not study.jobs.state(job).ended:
        time.sleep(0.05)
    assert study.jobs.state(job) is JobState.INTERRUPTED
    done = {path.name: path.stat().st_mtime_ns for path in folder.glob("*_*.json")}
    study.close()
    with Workbench.open(study.folder, Settings(author="reader")) as again:
        again.collect()
        assert [row.name for row in again.norms.library()] == ["xi2025"]
        assert again.norms.fit_norm("own", method="linear", repeats=500) == [job]
        while not again.jobs.state(job).ended:
            time.sleep(0.05)
        assert {name: (folder / name).stat().st_mtime_ns for name in done} == done
        again.collect()
        assert [row.name for row in again.norms.library()] == ["xi2025", "own"]
        assert again.verify() == []


def test_that_a_fit_can_be_cancelled_and_leaves_no_norm(study: Workbench) -> None:
    (job,) = study.norms.fit_norm("own", method="linear", repeats=5000)
    while not list((study.jobs.folder / job).glob("*_*.json")):
        time.sleep(0.02)
    study.jobs.cancel(job)
    (failure,) = study.wait([job])
    assert "cancelled" in str(failure) and len(study.norms.library()) == 1


def test_that_a_second_fit_of_the_same_is_the_first_and_of_the_same_name_is_refused(study: Workbench) -> None:
    first = study.norms.fit_norm("own", method="linear", repeats=2000)
    assert study.norms.fit_norm("own", method="linear", repeats=2000) == first
    with pytest.raises(WorkbenchError, match="is being fitted already"):
        study.norms.fit_norm("own", method="linear", repeats=30)
    study.jobs.cancel(first[0])
    study.wait(first)


def test_that_a_study_of_the_first_schema_is_upgraded_and_keeps_its_rows(tmp_path: Path) -> None:
    study = study_of(tmp_path / "study", cohort(3))
    study.close()
    step_back(tmp_path / "study", "0001")
    with Workbench.open(tmp_path / "study", Settings()) as again:
        assert len(again.cohort.scans()) == 3 and [row.name for row in again.norms.library()] == ["xi2025"]


def test_that_the_schema_can_be_built_step_by_step(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'study.db'}"
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    database = Database(url)
    for step in ("0001", "0002"):
        with database.engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, step)
    database.close()
    assert Database.open(url, "study").engine.dialect.has_table(Database(url).engine.connect(), "norm_choice")


def run(*words: object) -> int:
    return main([str(word) for word in words])


def test_that_the_command_line_fits_lists_shows_exports_compares_and_chooses(
    study: Workbench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = study.folder
    words = ("--name", "own", "--method", "linear", "--bootstrap", 20, "--population", "healthy children")
    assert run("norm", "fit", folder, *words) == 0
    told = capsys.readouterr()
    assert told.out.startswith("Fitted own (fitted)") and "caution:" in told.err and "100 %" in told.err
    assert run("norm", "list", folder, "--json") == 0
    assert [row["name"] for row in json.loads(capsys.readouterr().out)] == ["xi2025", "own"]
    assert run("norm", "show", folder, "own") == 0
    assert "healthy children" in capsys.readouterr().out
    assert run("norm", "show", folder, "--json") == 0
    assert json.loads(capsys.readouterr().out)["name"] == "xi2025"
    assert run("norm", "use", folder, "own") == 0
    assert run("norm", "list", folder) == 0
    assert "* own (fitted)" in capsys.readouterr().out
    assert run("norm", "export", folder, "own", "--out", tmp_path / "own.json") == 0
    assert run("norm", "compare", folder, "own", "xi2025") == 0
    assert "brainstem:" in capsys.readouterr().out
    assert run("norm", "import", folder, tmp_path / "own.json") == 1
    assert "has this norm already" in capsys.readouterr().err
    assert run("norm", "fit", folder, "--name", "more") == 1
    assert "needs 120 of each sex" in capsys.readouterr().err


def test_that_a_scan_of_another_scanner_or_with_thick_slices_has_no_centile_in_the_chart(tmp_path: Path) -> None:
    study = study_of(tmp_path / "study", cohort(4))
    with sqlite3.connect(study.folder / "study.db") as connection:
        connection.execute("UPDATE scan SET scanner = 'SIEMENS Force' WHERE id = 1")
        connection.execute("UPDATE scan SET protocol = '{\"slice_thickness_mm\": 5.0}' WHERE id = 2")
        connection.execute(
            'UPDATE scan SET scanner = \'\', protocol = \'{"manufacturer": "GE MEDICAL SYSTEMS", "model": '
            '"Revolution CT", "slice_thickness_mm": 0.625, "slice_spacing_mm": 0.625}\' WHERE id = 3'
        )
        connection.execute(
            'UPDATE scan SET scanner = \'\', protocol = \'{"format": "NIfTI", "x_mm": 1.0, "y_mm": 1.0, '
            '"z_mm": 2.5}\' WHERE id = 4'
        )
    connection.close()
    outside = study.norms.chart("brainstem").outside
    assert outside[1].startswith("the scanner SIEMENS Force is not") and "slices of 5 mm" in outside[2]
    assert 3 not in outside and 4 not in outside
    rows = {row.scan_id: row for row in study.norms.volumes()}
    assert (rows[4].scanner, rows[4].thickness_mm) == ("", None)
    assert (rows[3].scanner, rows[3].thickness_mm) == ("GE MEDICAL SYSTEMS Revolution CT", 0.625)
    study.close()
