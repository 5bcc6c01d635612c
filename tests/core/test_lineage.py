"""What a label map goes back to: one answer in tables, norms, charts, reports, the list of scans and the warnings."""

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from ctworkbench.cli import main
from ctworkbench.core.model import ModelRun, Origin, Scan
from ctworkbench.core.model_registry import card
from ctworkbench.core.workbench import Workbench, norm_library
from ctworkbench.core.workbench.child import find
from ctworkbench.core.workbench.lineage import is_phantom
from tests.core.test_charting import label_again
from tests.ui.seeded_study import seed

PHANTOM = {"phantom": "digital phantom, no patient"}


@pytest.fixture
def workbench(tmp_path: Path) -> Iterator[Workbench]:
    with seed(tmp_path / "study") as opened:
        yield opened


def correct_the_models_map(workbench: Workbench, scan: int) -> None:
    """A map of model 1, and a reader's correction of it that now counts; only the latter is accepted."""
    made = label_again(workbench, scan, Origin.MODEL, None, 1)
    corrected = label_again(workbench, scan, Origin.EXPERT, made, None)
    workbench.review.judge(corrected, "accept", grade=4, seconds=30.0)


def cautions_of(workbench: Workbench, code: str, source: str = "current") -> list[tuple[str, ...]]:
    with workbench._study.database.reading() as session:
        return [one.cautions for one in find(session, [code], source)[code].scans]


def train_model_on(workbench: Workbench, phantoms: tuple[int, ...], *codes: str) -> None:
    """Model 2, trained on these children; the scans of these numbers are of phantoms."""
    with workbench._study.database.writing() as session:
        for number in phantoms:
            session.get_one(Scan, number).protocol = dict(PHANTOM)
        session.add(
            ModelRun(
                job_id="t2",
                network="resunet",
                preset="demo",
                parameters={},
                result={},
                split=dict.fromkeys(codes, "train"),
                label_kind="pseudo-labels",
                code_version="0",
                weights_hash="a" * 64,
            )
        )


def test_that_a_correction_of_what_a_model_remembers_is_one_in_table_norm_chart_report_list_and_warnings(
    workbench: Workbench,
) -> None:
    correct_the_models_map(workbench, 1)  # of P001, which trained model 1
    correct_the_models_map(workbench, 4)  # of P004, which model 1 never saw
    notes = " ".join(workbench.norms.tables().notes)
    assert "1 subject has labels of a model that was trained on it, or corrections of such labels: P001." in notes
    norm_scans = {scan.subject: scan.remembered for scan in norm_library._scans(workbench._study)}
    assert (norm_scans["P001"], norm_scans["P004"]) == (True, False)
    learned = {dot.subject: dot.learned for dot in workbench.norms.chart("brainstem").dots}
    assert (learned["P001"], learned["P004"]) == ("train", "")
    (told,) = cautions_of(workbench, "P001")
    assert told[0].startswith("The model that these labels were corrected from was trained on this subject")
    assert not any("trained on this subject" in text for text in cautions_of(workbench, "P004")[0])
    rows = {row.subject: row.cautions for row in workbench.cohort.scans()}
    assert rows["P001"] == told and rows["P001"] == workbench.cohort.scan(1).cautions
    own = next(found for found in workbench.methods.report().warnings if found.check == "labelled_by_own_model")
    assert [row.subject for row in own.basis] == ["P001"]


def test_that_a_label_map_drawn_from_another_machines_is_not_taken_for_what_a_model_remembers(
    workbench: Workbench,
) -> None:
    """The newest map of P001 is a correction of its registration, though model 1 labelled it in between."""
    registered = next(row for row in workbench.review.annotations(1))
    label_again(workbench, 1, Origin.MODEL, None, 1)
    label_again(workbench, 1, Origin.EXPERT, registered.id, None)
    assert {dot.subject: dot.learned for dot in workbench.norms.chart("brainstem", "expert").dots}["P001"] == ""
    assert cautions_of(workbench, "P001", "expert") == [()]


def test_that_a_model_of_phantoms_alone_is_called_one_on_a_childs_scan_and_not_on_a_phantoms(
    workbench: Workbench,
) -> None:
    train_model_on(workbench, (1, 2, 6), "P001", "P002")
    for scan in (4, 6):
        label_again(workbench, scan, Origin.MODEL, None, 2)
    told = " ".join(cautions_of(workbench, "P004", "model")[0])
    assert "The model learned from digital phantoms alone: it has never seen the scan of a child." in told
    assert "phantoms" not in " ".join(cautions_of(workbench, "P006", "model")[0])


def test_that_some_phantoms_among_what_a_model_learned_from_are_counted(workbench: Workbench) -> None:
    train_model_on(workbench, (1,), "P001", "P002", "P006")
    label_again(workbench, 4, Origin.MODEL, None, 2)
    told = " ".join(cautions_of(workbench, "P004", "model")[0])
    assert "1 of the 3 scans that the model learned from are of digital phantoms." in told


def test_that_a_model_of_other_ages_is_said_for_the_adult_and_not_for_a_child_between_them(
    workbench: Workbench,
) -> None:
    ages = {2: 1.0, 4: 2.0, 6: 4.5}
    with workbench._study.database.writing() as session:
        for number, age in ages.items():
            session.get_one(Scan, number).age_years = age
    train_model_on(workbench, (), "P002", "P006")
    for scan in (4, 17):
        label_again(workbench, scan, Origin.MODEL, None, 2)
    assert cautions_of(workbench, "P004", "model") == [()]
    adult = "The model learned from scans at 1.00 to 4.50 years of age; this one is at 45.00."
    assert cautions_of(workbench, "GE-ADULT", "model") == [(adult,)]


def test_that_only_the_scans_a_model_was_shown_tell_its_ages(workbench: Workbench) -> None:
    """P002 has a second scan at 9 years that took no part in the training."""
    study = workbench._study
    with study.database.writing() as session:
        first = session.get_one(Scan, 2)
        first.age_years = 2.0
        later = {c.name: getattr(first, c.name) for c in Scan.__table__.columns if c.name not in ("id", "series_uid")}
        session.add(Scan(**later | {"age_years": 9.0}, series_uid="1.2.3.9"))
    train_model_on(workbench, (), "P002")
    key = workbench.review.annotations(2)[0].labels_key
    with study.database.writing() as session:
        cases = [{"subject": "P002", "labels": key, "image": "", "brain": "", "label_kind": "pseudo"}]
        session.execute(ModelRun.__table__.update().where(ModelRun.id == 2).values(parameters={"cases": cases}))
    label_again(workbench, 17, Origin.MODEL, None, 2)
    (told,) = cautions_of(workbench, "GE-ADULT", "model")
    assert told == ("The model learned from scans at 2.00 to 2.00 years of age; this one is at 45.00.",)


def test_that_the_command_of_one_child_tells_what_its_model_learned_from(
    workbench: Workbench, capsys: pytest.CaptureFixture[str]
) -> None:
    train_model_on(workbench, (1, 2), "P001", "P002")
    label_again(workbench, 4, Origin.MODEL, None, 2)
    assert main(["child", str(workbench.folder), "--subject", "P004", "--source", "model"]) == 0
    assert "The model learned from digital phantoms alone" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("protocol", "site", "phantom"),
    [({}, "", False), (PHANTOM, "", True), ({}, "Digital phantom", True), ({"phantom": None}, "North", False)],
)
def test_that_one_predicate_tells_a_phantom(protocol: dict, site: str, phantom: bool) -> None:
    assert is_phantom(protocol, site) is phantom


def test_that_rows_charts_and_warnings_call_the_same_scans_phantoms(workbench: Workbench) -> None:
    with workbench._study.database.writing() as session:
        session.get_one(Scan, 2).protocol = dict(PHANTOM)
        session.get_one(Scan, 7).site = "Digital phantom"
    assert {row.id for row in workbench.cohort.scans() if row.phantom} == {2, 7}
    found = next(one for one in workbench.methods.report().warnings if one.check == "phantoms_among_children")
    assert {row.key for row in found.basis} == {"2", "7"}
    children = [workbench.norms.child(scan) for scan in (1, 2, 7)]
    assert [child is not None and child.scan.phantom for child in children] == [False, True, True]


def test_that_the_card_of_a_model_tells_the_phantoms_and_the_ages_that_it_learned_from(workbench: Workbench) -> None:
    train_model_on(workbench, (1, 2), "P001", "P002")
    told = card.markdown(workbench.modelling.facts(2))
    assert "The model learned from digital phantoms alone: it has never seen the scan of a child." in told
    ages = [scan.age_years for scan in workbench.cohort.scans() if scan.subject in ("P001", "P002") and scan.age_years]
    low, high = math.floor(min(ages)), math.ceil(max(ages))
    assert f"The model learned from scans at {low} to {high} years of age." in told
