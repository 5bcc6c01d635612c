"""Checklists filled from a study that lives: answers, states, the authors' text, the files, the notes under tables."""

import json
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from ctworkbench.cli import main
from ctworkbench.core.errors import ConflictError, StudyError, WorkbenchError
from ctworkbench.core.methods import checklist, model_answers
from ctworkbench.core.methods.checklist import AuthorText, FilledItem, Item, State
from ctworkbench.core.methods.checks import VOLUME_CHECKS
from ctworkbench.core.methods.cohort_answers import scans_left_out
from ctworkbench.core.methods.facts import LabelMapFact, ModelFact, ScanFact, StudyFacts, VolumeFact
from ctworkbench.core.model import Annotation, Origin, Scan, Subject, Template
from ctworkbench.core.norms import published_norm
from ctworkbench.core.norms.simulated import simulate
from ctworkbench.core.settings import Settings
from ctworkbench.core.template_library import average_template
from ctworkbench.core.workbench import Workbench
from ctworkbench.core.workbench.methods import TEXT_FILE
from tests.core.norm_study import study_of
from tests.ui.seeded_study import seed


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study that nobody changes; each test has a copy."""
    folder = tmp_path_factory.mktemp("methods") / "study"
    seed(folder).close()
    return folder


@pytest.fixture
def study(seeded: Path, tmp_path: Path) -> Iterator[Workbench]:
    shutil.copytree(seeded, tmp_path / "study")
    with Workbench.open(tmp_path / "study", Settings(author="reader")) as workbench:
        yield workbench


def item_of(study: Workbench, name: str, number: str) -> FilledItem:
    filled = study.methods.report().checklist(name)
    return next(item for item in filled.items if item.item.number == number)


@pytest.mark.parametrize(("name", "count", "last"), [("claim2024", 44, "44"), ("tripod_ai", 52, "27c")])
def test_that_a_checklist_has_all_its_items_and_every_answer_is_a_function(name: str, count: int, last: str) -> None:
    loaded = checklist.load(name)
    assert len({item.number for item in loaded.items}) == len(loaded.items) == count
    assert loaded.items[-1].number == last
    for item in loaded.items:
        assert set(item.fill) <= set(checklist.answers())
        assert item.fill or item.needs, f"{name} {item.number} is answered by nobody"


def test_that_every_answer_is_used_by_an_item() -> None:
    used = {name for checks in checklist.names() for item in checklist.load(checks).items for name in item.fill}
    assert used == set(checklist.answers())


def test_that_an_item_knows_how_far_it_is() -> None:
    whole = Item("1", "", "", ("x",), "")
    rest = Item("2", "", "", ("x",), "the rest")
    assert FilledItem(whole, "said", AuthorText()).state is State.FILLED
    assert FilledItem(rest, "said", AuthorText()).state is State.PARTLY
    assert FilledItem(rest, "", AuthorText()).state is State.TO_WRITE
    assert FilledItem(rest, "said", AuthorText("written")).state is State.FILLED
    assert FilledItem(rest, "", AuthorText("no trial", applies=False)).state is State.NOT_APPLICABLE
    unknown = FilledItem(whole, "Scanner not recorded.", AuthorText())
    assert (unknown.state, unknown.needs) == (State.PARTLY, "What is not recorded.")


def test_that_answers_are_live_numbers_of_the_study(study: Workbench) -> None:
    first = item_of(study, "claim2024", "7").answer
    assert first.startswith("17 scans of 17 subjects: 8 boys, 8 girls, 1 of unknown sex; age")
    assert "Sites: South (9 scans), North (8 scans)." in first
    with study._study.database.writing() as session:
        session.get_one(Subject, 3).sex = "M"
        session.get_one(Scan, 1).site = "West"
    again = item_of(study, "claim2024", "7").answer
    assert "9 boys, 8 girls; age" in again and "West (1 scan)" in again


def test_that_exclusions_split_and_figures_come_from_the_study(study: Workbench) -> None:
    assert "refused 1 series: Four slices share one position (1)" in item_of(study, "claim2024", "35").answer
    split = item_of(study, "claim2024", "19").answer
    assert "seed 20250424" in split and "train 11 (" in split and "test 3 (" in split
    figures = item_of(study, "claim2024", "37")
    assert "validation agreement with pseudo-labels 0.861" in figures.answer
    assert figures.state is State.PARTLY  # neither n nor SD was recorded of this model
    assert "1 reader gave 12 verdicts" in item_of(study, "claim2024", "16").answer


def test_that_further_scans_of_a_child_are_not_said_to_be_in_the_tables() -> None:
    facts = StudyFacts(
        scans=tuple(ScanFact(i, "A" if i < 3 else "B", 2.0, preprocessed_by="1") for i in (1, 2, 3)),
        label_maps=tuple(LabelMapFact(i, i, "A" if i < 3 else "B", 1, "expert") for i in (1, 2, 3)),
        volumes=tuple(VolumeFact(i, "A" if i < 3 else "B", "M", 2.0, "brainstem", 20.0, i) for i in (1, 2, 3)),
    )
    told = "All 3 scans are measured. Tables of one scan a child use the first, 2 scans."
    assert scans_left_out(facts) == told


def test_that_the_norm_of_tripod_is_given_in_full_with_its_limits(study: Workbench) -> None:
    model = item_of(study, "tripod_ai", "22").answer
    assert "right_frontal 180.78 -15.28 · sex +21.18 · age, SD 16.22" in model
    outside = item_of(study, "tripod_ai", "20c").answer
    assert "3 scans get no centile" in outside and "the sex is unknown (1)" in outside
    fit = item_of(study, "tripod_ai", "23a").answer
    assert "right_frontal" in fit and "boys" in fit


def test_that_limitations_are_the_warnings_of_the_study(study: Workbench) -> None:
    limits = item_of(study, "claim2024", "40").answer
    warnings = study.methods.warnings()
    assert warnings and all(warning.title in limits for warning in warnings)


def test_that_an_empty_study_leaves_every_item_to_write(tmp_path: Path) -> None:
    with Workbench.create(tmp_path / "empty", Settings()) as workbench:
        report = workbench.methods.report()
        paths = workbench.methods.export(tmp_path / "out")
    assert [filled.counts[State.TO_WRITE] for filled in report.checklists] == [44, 52]
    assert report.warnings == ()
    assert "The study holds no scans yet." in (tmp_path / "out" / "warnings.md").read_text(encoding="utf-8")
    assert all(path.exists() for path in paths)


def test_that_the_authors_text_is_kept_in_the_study_and_can_be_taken_away(study: Workbench) -> None:
    text = 'Retrospective; "ethics" at C:\\board\n\tSecond line: ä – 頭 🧠\x00\x0b'
    kept = study.methods.write("claim2024", "5", text)
    assert kept.text == 'Retrospective; "ethics" at C:\\board\n\tSecond line: ä – 頭 🧠'
    study.methods.write("claim2024", "34", "no trial", applies=False)
    assert item_of(study, "claim2024", "5").written == kept
    assert item_of(study, "claim2024", "34").state is State.NOT_APPLICABLE
    folder, settings = study.folder, study.settings
    with Workbench.open(folder, settings) as again:
        assert item_of(again, "claim2024", "5").written == kept
    study.methods.write("claim2024", "5", "")
    assert item_of(study, "claim2024", "5").state is State.TO_WRITE
    assert set(tomllib.loads((folder / TEXT_FILE).read_text(encoding="utf-8"))["claim2024"]) == {"34"}


def test_that_a_text_written_by_somebody_else_meanwhile_is_not_written_over(study: Workbench) -> None:
    seen = item_of(study, "claim2024", "5").written
    study.methods.write("claim2024", "5", "theirs", seen=seen)
    with pytest.raises(ConflictError, match="somebody else"):
        study.methods.write("claim2024", "5", "ours", seen=seen)
    assert item_of(study, "claim2024", "5").written.text == "theirs"
    study.methods.write("claim2024", "5", "theirs", seen=seen)  # the same text again is no conflict


def test_that_unknown_items_and_damaged_text_are_told_by_name(study: Workbench) -> None:
    with pytest.raises(WorkbenchError, match="CLAIM 2024 has no item '45'"):
        study.methods.write("claim2024", "45", "x")
    with pytest.raises(WorkbenchError, match="no checklist 'prisma'"):
        study.methods.write("prisma", "1", "x")
    (study.folder / TEXT_FILE).write_text("[claim2024\n", encoding="utf-8")
    with pytest.raises(StudyError, match=r"methods\.toml cannot be read"):
        study.methods.report()
    with pytest.raises(StudyError, match=r"methods\.toml cannot be read"):
        study.methods.write("claim2024", "5", "x")
    assert (study.folder / TEXT_FILE).read_text(encoding="utf-8") == "[claim2024\n"


def test_that_the_files_hold_what_the_study_and_the_authors_say(study: Workbench, tmp_path: Path) -> None:
    from docx import Document

    study.methods.write("claim2024", "5", "Retrospective.")
    out = tmp_path / "out"
    names = {path.name for path in study.methods.export(out)}
    assert names == {
        *(f"{name}.{kind}" for name in ("claim2024", "tripod_ai") for kind in ("csv", "md", "docx")),
        "warnings.csv",
        "warnings.md",
        "methods.json",
    }
    assert "CLAIM 2024,5," in (out / "claim2024.csv").read_text(encoding="utf-8")
    text = (out / "claim2024.md").read_text(encoding="utf-8")
    assert "Retrospective." in text and "Research use only" in text and "17 scans of 17 subjects" in text
    table = Document(str(out / "claim2024.docx")).tables[0]
    row = next(row for row in table.rows if row.cells[0].text == "5")
    assert [cell.text for cell in row.cells[2:4]] == ["filled", "Retrospective."]
    assert "Kept by the program" in (out / "warnings.md").read_text(encoding="utf-8")


def test_that_the_command_line_writes_files_texts_and_json(
    study: Workbench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(study.folder)
    assert main(["methods", folder, "--answer", "claim2024", "5", "Retrospective."]) == 0
    assert (
        main(["methods", folder, "--not-applicable", "claim2024", "34", "no trial", "--out", str(tmp_path / "o")]) == 0
    )
    told = capsys.readouterr()
    assert "1 item written" in told.err and "CLAIM 2024:" in told.out and "caution: " in told.out
    assert main(["methods", folder, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    items = {row["number"]: row for row in data["checklists"]["claim2024"]["items"]}
    assert items["5"]["by_the_authors"] == "Retrospective." and items["34"]["state"] == "does not apply"
    assert {"severity", "title", "meaning", "remedy", "basis"} <= set(data["warnings"][0])
    assert main(["methods", folder]) == 2
    assert main(["methods", folder, "--answer", "claim2024", "99", "x"]) == 1


def labelled_by_model(study: Workbench, number: int) -> None:
    """One more version of a scan's label map, made by the study's model."""
    with study._study.database.writing() as session:
        session.add(
            Annotation(
                scan_id=number,
                scheme="lobes10",
                version=2,
                parent_id=None,
                labels_key="k" * 64,
                author="model 1",
                origin=Origin.MODEL,
                scores={"dice_accepted": 0.95, "dice_accepted_origin": "registration"},
                model_id=1,
                code_version="0",
            )
        )


def test_that_facts_follow_corrections_back_to_the_machine_and_the_template(study: Workbench) -> None:
    files = average_template()
    keys = [study._study.store.put_file(path) for path in (files.image, files.labels, files.mask)]
    with study._study.database.writing() as session:
        session.add(Template(id=7, name="atlas", image_key=keys[0], labels_key=keys[1], mask_key=keys[2]))
        session.flush()
        session.add(
            Annotation(
                scan_id=15,
                scheme="lobes10",
                version=1,
                parent_id=None,
                labels_key="a",
                author="a",
                origin=Origin.REGISTRATION,
                parameters={"preset": "fine"},
                template_id=7,
                code_version="0",
            )
        )
        session.flush()
        first = session.query(Annotation).filter_by(scan_id=15).one()
        session.add(
            Annotation(
                scan_id=15,
                scheme="lobes10",
                version=2,
                parent_id=first.id,
                labels_key="b",
                author="a",
                origin=Origin.EXPERT,
                code_version="0",
            )
        )
    facts = study.methods.facts()
    corrected = next(row for row in facts.label_maps if row.scan_id == 15 and row.version == 2)
    assert (corrected.machine, corrected.template, corrected.preset) == ("registration", "atlas", "fine")
    assert corrected.current and facts.leans_on(corrected) == ""
    assert facts.templates[0].volumes_cm3["right_frontal"] > 150
    assert set(facts.templates[0].volumes_cm3) == set(published_norm().regions)


def test_that_test_figures_are_kept_by_model_and_kind(study: Workbench) -> None:
    test = next(scan for scan in range(1, 15) if scan % 5 == 4)  # scans 4 and 9 are of the test set
    labelled_by_model(study, test)
    figure = study.methods.facts().models[0].figure("test")
    assert figure is not None and (figure.mean, figure.n, figure.kind) == (0.95, 1, "pseudo-labels")
    assert study.modelling.models()[0].dice_test == figure.mean


def test_that_a_table_says_what_its_volumes_need_and_nothing_twice(study: Workbench, tmp_path: Path) -> None:
    with study._study.database.writing() as session:
        for scan in session.query(Scan).filter(Scan.id.in_((10, 12))):
            scan.subject_id = 2
    made = study.norms.statistics(tmp_path / "tables")
    told = [warning for warning in study.methods.warnings() if warning.check in {one.__name__ for one in VOLUME_CHECKS}]
    assert told
    assert [note for note in made.notes if any(note.startswith(warning.title) for warning in told)]
    assert len(set(made.notes)) == len(made.notes)
    assert sum("independent" in note for note in made.notes) == 1
    assert told[0].title in (tmp_path / "tables" / "notes.txt").read_text(encoding="utf-8")


def test_that_a_fitted_norm_is_told_with_its_calibration_and_as_ones_own(tmp_path: Path) -> None:
    with study_of(tmp_path / "study", simulate(published_norm(), 110, 3)) as study:
        (job,) = study.norms.fit_norm("own", method="linear", repeats=0)
        assert study.wait([job]) == []
        study.norms.choose_norm("own")
        assert "was developed from children of this study" in item_of(study, "tripod_ai", "1").answer
        assert "Calibration on children who were held out" in item_of(study, "tripod_ai", "12c").answer
        assert study.norms.norm().file.sha256[:16] in item_of(study, "tripod_ai", "22").answer
        assert "norm_of_own_children" in {warning.check for warning in study.methods.warnings()}


def test_that_facts_of_an_unknown_source_are_refused(study: Workbench) -> None:
    with pytest.raises(WorkbenchError, match="no source 'atlas'"):
        study.methods.report("atlas")
    assert study.methods.report("expert").source == "expert"


def test_that_answers_are_empty_where_there_is_nothing_to_say() -> None:
    filled = [checklist.fill(checklist.load(name), StudyFacts(), {}) for name in checklist.names()]
    assert not any(item.answer for one in filled for item in one.items)


def test_that_the_starter_model_tells_no_augmentation_or_epochs_and_is_not_counted_as_trained_here() -> None:
    settings = {"batch": 2, "epochs": 1, "augmentation": {"flip": 0.5, "rotation_degrees": 15.0}}
    own = ModelFact(1, "resunet", "tiny", {"S1": "train"}, settings=settings)
    starter = ModelFact(2, "resunet", "starter", {}, settings=settings, imported=True)
    told = model_answers.training(StudyFacts(models=(own, starter)))
    assert told.startswith("1 model trained and 1 model imported. Model 2, preset starter, labels:")
    assert "batch 2" in told
    assert not any(word in told for word in ("Augmentation", "rotation", "epochs", "subjects"))
    told = model_answers.training(StudyFacts(models=(own,)))
    assert told.startswith("1 model trained. Model 1, preset tiny, on 1 train")
    assert "Augmentation: flip 0.5" in told and "epochs 1" in told
