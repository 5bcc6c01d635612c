"""Digital phantoms are no children: no norm is made of them in silence, and one that is says so wherever it goes."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from ctworkbench.cli.main import main
from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.model import Annotation, NormRecord
from ctworkbench.core.norms import card, published_norm
from ctworkbench.core.norms.cohort import NormScan, Selection, check, gather
from ctworkbench.core.norms.comparing import compare
from ctworkbench.core.norms.norm_file import NormFile, parse
from ctworkbench.core.norms.simulated import simulate
from ctworkbench.core.settings import Settings
from ctworkbench.core.workbench import Workbench
from tests.core.norm_cohorts import fitted, scans_of
from tests.core.norm_study import study_of

NORM = published_norm()
REHEARSAL = "made of digital phantoms, for rehearsal only"
LEFT_OUT = "digital phantom, no child"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """A study of phantoms alone, and the norm "unreal" that was rehearsed with them."""
    workbench = study_of(tmp_path_factory.mktemp("phantoms") / "study", simulate(NORM, 110, 3), phantoms=110)
    job = workbench.norms.fit_norm("unreal", method="linear", repeats=20, selection=Selection(phantoms=True))
    assert workbench.wait(job) == []
    yield workbench
    workbench.close()


def mixed(n: int, phantoms: int) -> tuple[NormScan, ...]:
    scans = scans_of(simulate(NORM, n, 5), ("brainstem",))
    return tuple(scan.model_copy(update={"phantom": number < phantoms}) for number, scan in enumerate(scans))


def test_that_phantoms_are_left_out_of_a_norm_and_counted(tmp_path: Path) -> None:
    scans = mixed(160, 30)
    cohort = gather(scans, Selection())
    assert len(cohort.scans) == 130 and cohort.excluded == {LEFT_OUT: 30} and not cohort.phantoms
    made = fitted(tmp_path, scans)
    assert made.norm.card.excluded == {LEFT_OUT: 30} and made.norm.card.phantoms == 0
    assert REHEARSAL not in made.norm.text()


def test_that_phantoms_among_children_make_the_whole_norm_a_rehearsal(tmp_path: Path) -> None:
    made = fitted(tmp_path, mixed(160, 30), selection=Selection(phantoms=True)).norm
    assert made.card.phantoms == 30 and f"{REHEARSAL} (30 of 160 scans)" in made.card.cautions[0]


def test_that_a_study_of_phantoms_alone_is_told_so_with_what_can_be_done(study: Workbench) -> None:
    found = study.norms.preview_fit("lms", "current", Selection())
    assert found.excluded == {LEFT_OUT: 110} and found.ages is None
    assert "no child to make a norm from, only digital phantoms" in found.refusal and "--phantoms" in found.refusal
    with pytest.raises(WorkbenchError, match="only digital phantoms"):
        study.norms.fit_norm("real", method="linear")
    few = gather(mixed(10, 10), Selection(phantoms=True))
    with pytest.raises(WorkbenchError, match="needs 40 of each sex"):
        check(few, "linear", Selection(phantoms=True))


def test_that_a_norm_of_phantoms_says_so_wherever_it_is_shown(study: Workbench) -> None:
    norm = study.norms.norm("unreal")
    row = next(row for row in study.norms.library() if row.name == "unreal")
    assert REHEARSAL in norm.title and REHEARSAL in row.title and REHEARSAL in row.cautions[0]
    assert REHEARSAL in norm.limits.text and REHEARSAL in card.markdown(norm)
    assert [text for text in norm.limits.cautions if REHEARSAL in text] == [row.cautions[0]]
    assert any(REHEARSAL in note for note in compare(norm, NORM).notes)
    study.norms.choose_norm("unreal")
    chart, child = study.norms.chart("brainstem"), study.norms.subject("SIM0001")
    study.norms.choose_norm(NORM.name)
    assert REHEARSAL in chart.note and REHEARSAL in chart.norm
    assert child.rows[0].centile is not None and REHEARSAL in child.doubts[0] and REHEARSAL in child.norm
    assert not any(REHEARSAL in text for text in study.norms.subject("SIM0001").doubts)


def test_that_a_norm_made_before_phantoms_were_told_apart_says_so_where_its_scans_are_known(
    study: Workbench, tmp_path: Path
) -> None:
    made = fitted(tmp_path / "fit", mixed(160, 0)).norm
    with study._study.database.writing() as session:
        label_maps = list(session.scalars(select(Annotation.id)))
        session.add(
            NormRecord(
                name="older",
                sha256=made.sha256,
                origin="fitted",
                content=made.text(),
                details={"notes": [], "label_maps": label_maps},
                author="reader",
                job_id=None,
            )
        )
    norm = study.norms.norm("older")
    row = next(row for row in study.norms.library() if row.name == "older")
    assert norm.limits.phantoms == 110 and REHEARSAL in row.title and REHEARSAL in card.markdown(norm)
    with pytest.raises(WorkbenchError, match="its file would not tell it elsewhere"):
        study.norms.export_norm("older", tmp_path / "older.json")
    assert REHEARSAL in study.norms.export_norm("older", tmp_path / "older.md").read_text(encoding="utf-8")


def test_that_a_norm_of_phantoms_says_so_in_the_study_that_takes_it_in(study: Workbench, tmp_path: Path) -> None:
    path = study.norms.export_norm("unreal", tmp_path / "unreal.json")
    with Workbench.create(tmp_path / "other", Settings()) as other:
        row = other.norms.import_norm(path, "theirs")
        assert REHEARSAL in row.title and REHEARSAL in other.norms.norm("theirs").limits.cautions[0]


def test_that_a_program_which_knows_no_phantoms_refuses_the_file_and_norms_of_children_stay_as_they_were(
    study: Workbench, tmp_path: Path
) -> None:
    path = study.norms.export_norm("unreal", tmp_path / "unreal.json")
    assert json.loads(path.read_text(encoding="utf-8"))["version"] == 2
    made = fitted(tmp_path / "fit", mixed(160, 0)).norm
    content = json.loads(made.text())
    assert content["version"] == 1 and "phantoms" not in content["norm"]["card"]
    again: NormFile = parse(made.text(), "own.json")
    assert again == made and again.sha256 == content["sha256"]


def test_that_the_command_line_says_who_was_left_out_and_rehearses_when_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "study"
    study_of(folder, simulate(NORM, 110, 3), phantoms=110).close()
    fit = ["norm", "fit", str(folder), "--method", "linear", "--bootstrap", "10"]
    assert main([*fit, "--name", "own"]) != 0
    told = capsys.readouterr().err
    assert f"left out: {LEFT_OUT}: 110" in told and "only digital phantoms" in told and "--phantoms" in told
    assert main([*fit, "--name", "own", "--phantoms"]) == 0
    said = capsys.readouterr()
    assert f"caution: Norm {REHEARSAL}" in said.err and REHEARSAL in said.out
