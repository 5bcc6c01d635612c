"""Which label map is to review, and what a verdict is called: one answer for the command line and the window."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.model import Annotation, Origin
from ctworkbench.core.settings import Settings
from ctworkbench.core.workbench import Verdict, Workbench, demo
from ctworkbench.core.workbench.current import verdict_text, waiting_text
from tests.test_bad_input import run
from tests.ui.seeded_study import seed


@pytest.fixture
def study(tmp_path: Path) -> Iterator[Workbench]:
    """Fourteen label maps: P003, P008 and P013 have no verdict, P002, P007 and P012 need edits."""
    with seed(tmp_path / "study", settings=Settings(author="reader")) as workbench:
        yield workbench


def model_version(study: Workbench, scan_id: int) -> int:
    """A newer label map, by a model, beside what there is; its number in the study."""
    old = study.review.annotations(scan_id)[0]
    with study._study.database.writing() as session:
        row = Annotation(
            scan_id=scan_id,
            scheme=old.scheme,
            version=old.version + 1,
            parent_id=None,
            labels_key=old.labels_key,
            author="model 1",
            origin=Origin.MODEL,
            code_version="0",
        )
        session.add(row)
        session.flush()
        return row.id


def standing(study: Workbench, scan_id: int) -> tuple[int, int | None]:
    found = study.cohort.scan(scan_id).standing
    assert found.counts is not None
    return found.counts.version, None if found.waiting is None else found.waiting.version


def test_that_a_version_beside_an_accepted_one_waits_until_it_is_judged(study: Workbench) -> None:
    assert standing(study, 1) == (1, None)
    newer = model_version(study, 1)
    assert standing(study, 1) == (1, 2)
    study.review.judge(newer, Verdict.LATER)
    assert standing(study, 1) == (1, 2)
    study.review.judge(newer, Verdict.REJECT)
    assert standing(study, 1) == (1, None)
    study.review.judge(newer, Verdict.ACCEPT)
    assert standing(study, 1) == (2, None)


def test_that_an_older_version_without_a_verdict_does_not_wait(study: Workbench) -> None:
    newer = model_version(study, 3)
    study.review.judge(newer, Verdict.ACCEPT, grade=4)
    assert standing(study, 3) == (2, None)


def test_that_the_number_to_review_is_that_of_the_list_and_of_the_scans(study: Workbench) -> None:
    model_version(study, 1)
    study.review.judge(study.review.annotations(3)[0].id, Verdict.LATER)
    status = study.status()
    assert status.unreviewed == sum(row.waiting for row in study.review.worklist())
    assert status.unreviewed == sum(row.standing.waiting is not None for row in study.cohort.scans()) == 4
    assert "to review: 4\n" in run("status", study.folder).out


def test_that_label_maps_without_a_verdict_come_before_newer_ones_beside_an_accepted_one(tmp_path: Path) -> None:
    with seed(tmp_path / "study", children=13) as study:
        assert study.status().next_step == "review (3 scans)"
        study.review.accept_all()
        for code in ("P002", "P007"):
            study.review.judge_subject(code, Verdict.ACCEPT)
        assert study.status().next_step == "correct (1 scan with the verdict needs edits)"
        study.review.judge_subject("P012", Verdict.ACCEPT)
        assert study.status().next_step == "segment (14 scans)"
        for scan in study.cohort.scans():
            model_version(study, scan.id)
        assert study.status().next_step == "review (newer label maps of 14 scans)"


def test_that_who_accepts_without_looking_is_told_apart_from_a_reader(study: Workbench) -> None:
    study.review.accept_all()
    row = study.cohort.scan(3)
    assert row.accepted_unread
    assert verdict_text(row.verdict, row.accepted_unread) == "accepted unread"
    study.review.judge(study.review.annotations(3)[0].id, Verdict.ACCEPT, seconds=12.0)
    assert not study.cohort.scan(3).accepted_unread  # looked at since
    study.review.judge(study.review.annotations(3)[0].id, Verdict.ACCEPT)
    assert not study.cohort.scan(3).accepted_unread  # and that stands
    study.review.judge(study.review.annotations(8)[0].id, Verdict.ACCEPT, grade=5)
    assert not study.cohort.scan(8).accepted_unread
    status = study.status()
    assert (status.accepted, status.accepted_unread) == (11, 1)
    assert "accepted: 11, 1 of them unread\n" in run("status", study.folder).out


def test_that_every_verdict_has_one_name() -> None:
    told = [verdict_text(verdict) for verdict in (None, *Verdict)]
    assert told == ["no verdict", "accepted", "needs edits", "rejected", "later"]
    assert verdict_text(Verdict.REJECT, accepted_unread=True) == "rejected"


def test_that_the_demos_own_verdicts_stand_as_accepted_unread(study: Workbench) -> None:
    for scan_id in (15, 16):  # without a label map
        study.review.save(scan_id, None, study.review.labels(1))
    demo._judge(study)
    row = study.cohort.scan(3)
    assert verdict_text(row.verdict, row.accepted_unread) == "accepted unread"
    assert study.review.reviews(study.review.annotations(3)[0].id)[0].reviewer == "nobody (demo)"


def test_that_review_lists_what_counts_and_what_is_to_review(study: Workbench) -> None:
    model_version(study, 1)
    done = run("review", study.folder)
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    assert lines[0] == "subject version number origin verdict waiting"
    assert [line for line in lines if line.startswith(("P001", "P003", "P015"))] == [
        "P001 1 a1 registration accepted –",
        "P001 2 a16 model no verdict to review",
        "P003 1 a3 registration no verdict to review",
        "P015 – – no label map – –",
    ]
    assert "4 scans to review" in done.err


def test_that_a_newer_version_is_told_and_judged_by_its_number(study: Workbench) -> None:
    model_version(study, 1)
    first = run("review", study.folder, "--subject", "P001", "--verdict", "accept", "--grade", 4)
    assert first.code == 0
    assert "P001, version 1 (a1, registration): accepted." in first.out
    assert "version 2 of P001 (model) is newer and to review: --subject P001 --version a" in first.err
    second = run("review", study.folder, "--subject", "P001", "--version", 2, "--verdict", "accept")
    assert "P001, version 2 (a" in second.out and "model): accepted unread." in second.out
    assert "without a grade" in second.err and "newer" not in second.err
    current = study.review.current(1)
    assert current is not None and current.version == 2
    none = run("review", study.folder, "--subject", "P001", "--version", 7, "--verdict", "accept")
    assert none.code == 1
    assert "P001 has no version 7 of its label map. There is 1, 2." in none.err


@pytest.mark.parametrize("words", [["--version", "2"], ["--grade", "4"], ["--subject", "P001"], ["--grade", "9"]])
def test_that_options_that_belong_together_are_asked_for_together(study: Workbench, words: list[str]) -> None:
    assert run("review", study.folder, *words).code == 2


def test_that_accepting_all_leaves_newer_versions_to_a_reader_and_says_so(study: Workbench) -> None:
    model_version(study, 1)
    done = run("review", study.folder, "--accept-all")
    assert done.out == "Accepted 3 label maps, unread.\n"
    assert "version 2 of P001 (model) is newer and to review" in done.err
    assert standing(study, 1) == (1, 2)
    assert run("review", study.folder, "--accept-all").out == "Accepted 0 label maps, unread.\n"


def test_that_what_was_rejected_altogether_can_be_judged_again(study: Workbench) -> None:
    (row,) = study.review.judge_subject("P001", Verdict.REJECT)
    assert study.review.current(1) is None
    (again,) = study.review.judge_subject("P001", Verdict.ACCEPT, grade=3)
    assert (again.id, again.verdict) == (row.id, Verdict.ACCEPT)
    with pytest.raises(WorkbenchError, match="no subject NOBODY"):
        study.review.judge_subject("NOBODY", Verdict.ACCEPT)


def test_that_what_waits_is_to_review_or_put_off(study: Workbench) -> None:
    newer = study.review.annotation(model_version(study, 1))
    assert waiting_text(newer) == "to review"
    study.review.judge(newer.id, Verdict.LATER)
    assert waiting_text(study.review.annotation(newer.id)) == "later"


def test_that_a_dot_says_that_its_label_map_was_accepted_unread(study: Workbench) -> None:
    study.review.judge(study.review.annotations(3)[0].id, Verdict.ACCEPT)
    dots = {dot.scan_id: dot.verdict for dot in study.norms.chart("left_frontal").dots}
    assert (dots[3], dots[8], dots[1]) == ("accept unread", "", "accept")


def test_that_a_rejected_registration_is_made_again_without_being_asked_for(study: Workbench) -> None:
    everyone = study.labelling.labelled()
    assert everyone >= {1, 2, 3} and 15 not in everyone
    study.review.judge_subject("P001", Verdict.REJECT)
    assert study.labelling.labelled() == everyone - {1}
    newer = model_version(study, 1)
    assert 1 not in study.labelling.labelled()
    study.review.judge(newer, Verdict.ACCEPT, grade=4)
    assert 1 in study.labelling.labelled()  # another label map stands in its place


def test_that_status_says_which_rejected_scans_need_labels(tmp_path: Path) -> None:
    with seed(tmp_path / "study", children=13) as study:
        study.review.judge_subject("P001", Verdict.REJECT)
        assert study.status().next_step == "label again (1 scan whose label map was rejected)"


def test_that_label_says_how_a_further_version_is_made(study: Workbench) -> None:
    done = run("label", study.folder, "--preset", "fine", "--subject", "P001", "P002")
    assert "There is no scan to label." in done.err
    assert "2 scans have a registered label map; --again makes a further version." in done.err
    assert len(study.review.annotations(1)) == 1


def test_that_status_tells_jobs_in_words(study: Workbench) -> None:
    assert "jobs: none\n" in run("status", study.folder).out
