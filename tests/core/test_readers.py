"""Several readers: what is kept from whom, whose version counts, and who decides where they disagree."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ctworkbench.core.errors import ConflictError, ReaderError, WorkbenchError
from ctworkbench.core.exchange.slicer import write_segmentation
from ctworkbench.core.model import ReaderRole, Template
from ctworkbench.core.schemes import load
from ctworkbench.core.settings import Settings
from ctworkbench.core.volume import Volume, write_nifti
from ctworkbench.core.workbench import Verdict, Workbench
from ctworkbench.core.workbench.current import waiting_text
from ctworkbench.core.workbench.exchange import Format
from ctworkbench.core.workbench.readers import PRESET_REASONS
from tests.test_bad_input import run
from tests.ui.seeded_study import seed

FRESH = 3  # a scan whose label map has no verdict yet


@pytest.fixture
def study(tmp_path: Path) -> Iterator[Workbench]:
    """Twelve scans with label maps, and three readers; the coordinator is signed in."""
    with seed(tmp_path / "study", children=11, settings=Settings(author="coordinator")) as workbench:
        for name in ("ada", "bob", "carl"):
            workbench.readers.add(name)
        yield workbench


def test_that_corrections_of_a_program_that_told_names_apart_by_case_are_offered_to_that_name_alone(
    study: Workbench,
) -> None:
    earlier = study.folder / "recovery" / "reader_99a563ab2f6e"
    assert hashlib.sha256(b"Ada").hexdigest().startswith(earlier.name.removeprefix("reader_"))
    study.sign_in("Ada")
    assert earlier in study.readers.unnamed_recovery()
    study.sign_in("bob")
    assert earlier not in study.readers.unnamed_recovery()


def drawn(study: Workbench, scan_id: int, voxels: int = 0) -> Volume:
    """The first label map of a scan, with so many voxels of its region taken away."""
    with Workbench.open(study.folder, Settings(author="coordinator")) as other:
        image = other.cohort.image(scan_id)
        base = min(other.review.annotations(scan_id), key=lambda row: row.id)
        labels = np.array(other.review.labels(base.id).voxels)
    there = np.argwhere(labels)
    for place in there[:voxels]:
        labels[tuple(place)] = 0
    return Volume(labels, image.affine)


def judge(study: Workbench, annotation_id: int, verdict: Verdict, grade: int = 4) -> None:
    study.review.judge(annotation_id, verdict, grade=grade, seconds=20.0)


def two_readings(study: Workbench, second: Verdict, taken: int = 0, compared: bool = True) -> tuple[int, int]:
    """Ada accepts her correction of scan 3; bob, blinded, judges the base or his correction; both versions."""
    study.readers.assign("ada", ReaderRole.FIRST, scan_ids=[FRESH])
    study.readers.assign("bob", ReaderRole.SECOND, scan_ids=[FRESH])
    base = study.review.annotations(FRESH)[-1].id
    study.sign_in("ada")
    first = study.review.save(FRESH, base, drawn(study, FRESH, 1)).id
    judge(study, first, Verdict.ACCEPT)
    study.sign_in("bob")
    other = study.review.save(FRESH, base, drawn(study, FRESH, taken)).id if taken else base
    judge(study, other, second)
    study.sign_in("coordinator")
    if compared:
        for pair in study.readers.uncompared():
            study.readers.compare(pair)
    return first, other


def test_that_a_blinded_reader_sees_nothing_of_the_others_until_their_own_verdict(study: Workbench) -> None:
    study.readers.assign("bob", ReaderRole.SECOND, scan_ids=[FRESH])
    base = study.review.annotations(FRESH)[0]
    study.sign_in("ada")
    saved = study.review.save(FRESH, base.id, drawn(study, FRESH, 5), comment="ada's secret")
    study.review.judge(base.id, Verdict.REJECT, grade=1, comment="ada's secret", seconds=3.0)
    judge(study, saved.id, Verdict.ACCEPT, 5)

    study.sign_in("bob")
    (row,) = study.review.annotations(FRESH)
    assert (row.id, row.version, row.verdict) == (base.id, 1, None)
    assert study.review.current(FRESH) == row
    scan = study.cohort.scan(FRESH)
    assert (scan.versions, scan.verdict, scan.unread) == (1, None, 1)
    assert scan.standing.waiting == row and not scan.standing.disputed
    assert study.review.reviews(base.id) == []
    for look in (study.review.annotation, study.review.labels):
        with pytest.raises(WorkbenchError, match="kept from bob"):
            look(saved.id)
    with pytest.raises(WorkbenchError, match="kept from bob"):
        study.review.judge(saved.id, Verdict.ACCEPT)
    assert [entry.verdict for entry in study.review.worklist() if entry.scan_id == FRESH] == [None]
    assert not any("secret" in str(entry) for entry in study.audit.entries())
    dots = study.norms.chart("brainstem").dots
    assert [(dot.version, dot.verdict) for dot in dots if dot.scan_id == FRESH] == [(1, "")]
    assert all(entry.version == 1 for entry in study.norms.volumes() if entry.scan_id == FRESH)
    with pytest.raises(WorkbenchError, match="An export would show bob"):
        study.export(study.folder.parent / "out")
    with pytest.raises(WorkbenchError, match="This report would show bob"):
        study.norms.report("P003", study.folder.parent / "report.pdf")
    with pytest.raises(WorkbenchError, match="These reports would show bob"):
        study.norms.reports(study.folder.parent)
    assert study.readers.hidden() == 1 and study.review.readings(FRESH) == []

    judge(study, base.id, Verdict.ACCEPT, 3)
    assert [(row.id, row.version) for row in study.review.annotations(FRESH)] == [(saved.id, 2), (base.id, 1)]
    assert [entry.reviewer for entry in study.review.reviews(base.id)] == ["ada", "bob"]
    assert any("ada's secret" in entry.why for entry in study.audit.entries())
    assert study.readers.hidden() == 0


@pytest.mark.parametrize(("taken", "disputed"), [(2, False), (60, True)])
def test_that_label_maps_that_were_not_compared_yet_neither_agree_nor_differ(
    study: Workbench, taken: int, disputed: bool
) -> None:
    first, other = two_readings(study, Verdict.ACCEPT, taken, compared=False)
    assert study.readers.uncompared() == [(first, other)]
    standing = study.cohort.scan(FRESH).standing
    assert (standing.undecided, standing.disputed) == (True, False)
    assert {(row.undecided, row.disputed) for row in study.readers.assignments()} == {(True, False)}
    study.readers.compare((first, other))
    assert study.readers.uncompared() == []
    standing = study.cohort.scan(FRESH).standing
    assert (standing.undecided, standing.disputed) == (False, disputed)


def test_that_verdicts_from_the_command_line_are_compared_at_once(
    study: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, his = two_readings(study, Verdict.LATER, 60)
    monkeypatch.setenv("CTWORKBENCH_AUTHOR", "bob")
    verdict = ("--verdict", "accept", "--grade", 4)
    done = run("review", study.folder, "--subject", "P003", "--version", f"a{his}", *verdict)
    assert done.code == 0, done.err
    assert study.readers.uncompared() == [] and study.cohort.scan(FRESH).standing.disputed


def test_that_templates_tell_a_blinded_reader_nothing_of_versions_that_are_kept_from_them(study: Workbench) -> None:
    study.readers.assign("bob", ReaderRole.SECOND, scan_ids=[FRESH])
    base = study.review.annotations(FRESH)[0]
    hers = study.review.save(FRESH, base.id, drawn(study, FRESH, 5), "ada")
    with study._study.database.writing() as session:
        for name, annotation in (("the machine's", base.id), ("hers", hers.id)):
            key = hers.labels_key
            session.add(Template(name=name, annotation_id=annotation, image_key=key, labels_key=key, mask_key=name))

    def told() -> list[tuple[str, str, int | None, str]]:
        return [(row.name, row.subject, row.version, row.author) for row in study.templates.templates() if row.subject]

    everything = [("the machine's", "P003", 1, "reader"), ("hers", "P003", 2, "ada")]
    assert told() == everything
    study.sign_in("bob")
    assert told() == [everything[0], ("hers", "P003", None, "")]
    with pytest.raises(WorkbenchError, match="kept from bob"):
        study.templates.add(hers.id, "mine")
    judge(study, base.id, Verdict.ACCEPT)
    assert told() == everything


@pytest.mark.parametrize("form", ["nifti", "nrrd"])
def test_that_what_a_blinded_reader_took_along_comes_back_to_what_it_was_drawn_from(
    form: Format, study: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CTWORKBENCH_AUTHOR", "bob")
    study.readers.assign("bob", ReaderRole.SECOND, scan_ids=[FRESH])
    base = study.review.annotations(FRESH)[0]
    study.sign_in("ada")
    hers = study.review.save(FRESH, base.id, drawn(study, FRESH, 5))
    judge(study, hers.id, Verdict.ACCEPT)
    study.sign_in("bob")
    his = study.review.save(FRESH, base.id, drawn(study, FRESH, 9))
    assert his.version == 2  # hers is kept from him
    *_, path = study.exchange.export(FRESH, his.id, tmp_path, form)
    assert path.name.startswith(f"P003_a{his.id}")
    judge(study, his.id, Verdict.NEEDS_EDITS)
    assert [row.version for row in study.review.annotations(FRESH) if row.id in (hers.id, his.id)] == [3, 2]

    changed = drawn(study, FRESH, 12).oriented(study.cohort.scan(FRESH).orientation)
    if form == "nifti":
        write_nifti(changed, path)
    else:
        write_segmentation(changed, load(), path, his.handle)
    back = run("labels", "import", study.folder, "--subject", "P003", path)
    assert back.code == 0, back.err
    newest = study.review.annotations(FRESH)[0]
    assert (newest.parent_id, newest.author) == (his.id, "bob")
    assert "is version 4, drawn from version 3" in back.out
    told = run("review", study.folder, "--subject", "P003", "--version", his.handle, "--verdict", "reject")
    assert told.code == 0 and f"P003, version 3 (a{his.id}, expert): rejected" in told.out


def test_that_whoever_is_not_blinded_sees_all_and_training_asks_for_what_stands(study: Workbench) -> None:
    study.readers.assign("bob", ReaderRole.SECOND, scan_ids=[FRESH])
    base = study.review.annotations(FRESH)[0]
    study.sign_in("ada")
    saved = study.review.save(FRESH, base.id, drawn(study, FRESH, 5))
    judge(study, saved.id, Verdict.ACCEPT)
    for name in ("ada", "carl", "coordinator"):
        study.sign_in(name)
        assert study.cohort.scan(FRESH).versions == 2
    study.sign_in("bob")
    from ctworkbench.core.workbench.volumes import volumes

    with study._study.database.reading() as session:
        from ctworkbench.core.workbench.current import annotation_rows, current

        rows = annotation_rows(session)[FRESH]
    stands = current(rows)
    assert stands is not None and stands.id == saved.id
    assert all(row.annotation_id != saved.id for row in volumes(study._study, seen_by="bob"))


@pytest.mark.parametrize("typed", ["BOB", "  Bob "])
def test_that_a_name_typed_in_another_way_sees_no_more(study: Workbench, typed: str) -> None:
    study.readers.assign("bob", ReaderRole.SECOND, scan_ids=[FRESH])
    base = study.review.annotations(FRESH)[0]
    judge(study, base.id, Verdict.REJECT)
    study.sign_in(typed)
    assert study.author == "bob" and study.review.reviews(base.id) == []
    with Workbench.open(study.folder, Settings(author=typed)) as other:
        assert other.author == "bob" and other.review.reviews(base.id) == []


def test_that_an_unread_acceptance_does_not_open_the_others_work(study: Workbench) -> None:
    study.readers.assign("bob", ReaderRole.SECOND, scan_ids=[FRESH])
    base = study.review.annotations(FRESH)[0]
    study.sign_in("ada")
    judge(study, base.id, Verdict.NEEDS_EDITS)
    study.sign_in("bob")
    study.review.accept_all()
    study.review.judge(base.id, Verdict.ACCEPT)
    study.review.judge(base.id, Verdict.LATER, seconds=5.0)
    assert study.readers.hidden() == 1
    assert [row.reviewer for row in study.review.reviews(base.id)] == ["bob", "bob"]


def test_that_a_reader_is_told_their_own_verdict_and_not_the_first_readers(study: Workbench) -> None:
    study.readers.assign("ada", ReaderRole.SECOND, scan_ids=[FRESH])
    base = study.review.annotations(FRESH)[0]
    study.review.judge(base.id, Verdict.NEEDS_EDITS, grade=2, seconds=9.0)
    words = ("--author", "ada", "--subject", "P003", "--verdict", "accept")
    unread = run("review", study.folder, *words)
    assert unread.out == "P003, version 1 (a3, registration): accepted unread.\n"
    study.sign_in("ada")
    assert study.readers.hidden() == 1  # an acceptance unread opens nothing
    graded = run("review", study.folder, *words, "--grade", 3)
    assert graded.out == "P003, version 1 (a3, registration): accepted.\n"
    assert "unread" not in graded.err
    study.sign_in("coordinator")
    assert study.review.annotations(FRESH)[0].verdict is Verdict.NEEDS_EDITS


def test_that_each_reader_draws_a_branch_of_their_own_from_the_same_map(study: Workbench) -> None:
    study.readers.assign("bob", ReaderRole.SECOND, scan_ids=[FRESH])
    base = study.review.annotations(FRESH)[0]
    study.sign_in("ada")
    study.review.save(FRESH, base.id, drawn(study, FRESH, 3))
    with pytest.raises(ConflictError, match="Version 2 was drawn"):
        study.review.save(FRESH, base.id, drawn(study, FRESH, 4))
    study.sign_in("bob")
    saved = study.review.save(FRESH, base.id, drawn(study, FRESH, 5))
    assert (saved.version, saved.parent_id) == (2, base.id)  # as if there were no others
    with pytest.raises(ConflictError):
        study.review.save(FRESH, base.id, drawn(study, FRESH, 6))
    study.sign_in("carl")
    with pytest.raises(ConflictError):
        study.review.save(FRESH, base.id, drawn(study, FRESH, 6))
    assert study.audit.verify().problems == ()


def test_that_a_first_reader_without_an_assignment_draws_from_the_same_map_after_the_second(study: Workbench) -> None:
    study.readers.assign("bob", ReaderRole.SECOND, scan_ids=[FRESH])
    base = study.review.annotations(FRESH)[0]
    study.sign_in("bob")
    study.review.save(FRESH, base.id, drawn(study, FRESH, 5))
    study.sign_in("ada")
    assert study.review.save(FRESH, base.id, drawn(study, FRESH, 3)).parent_id == base.id


def test_that_the_trail_tells_the_version_as_it_stands_whatever_number_a_blinded_reader_saw(study: Workbench) -> None:
    study.readers.assign("bob", ReaderRole.SECOND, scan_ids=[FRESH])
    base = study.review.annotations(FRESH)[0]
    study.sign_in("ada")
    study.review.save(FRESH, base.id, drawn(study, FRESH, 3))
    study.sign_in("bob")
    saved = study.review.save(FRESH, base.id, drawn(study, FRESH, 5))
    judge(study, saved.id, Verdict.ACCEPT)
    study.sign_in("coordinator")
    told = {row.action: row.version for row in study.audit.entries(scan_id=FRESH) if row.author == "bob"}
    assert saved.version == 2
    assert told["judge"] == told["save label map"] == 3


def test_that_a_label_map_is_not_drawn_from_a_version_of_another_scan(study: Workbench) -> None:
    scans = [row.id for row in study.cohort.scans()]
    other = next(scan for scan in scans if scan != FRESH)
    foreign = study.review.annotations(other)[0]
    with pytest.raises(WorkbenchError, match="of another scan"):
        study.review.save(FRESH, foreign.id, drawn(study, FRESH, 3))


def test_that_the_first_readers_version_counts_where_readers_agree(study: Workbench) -> None:
    first, second = two_readings(study, Verdict.ACCEPT, taken=2)
    scan = study.cohort.scan(FRESH)
    assert scan.standing.counts is not None and scan.standing.counts.id == first
    assert scan.standing.waiting is None and not scan.standing.disputed
    assert {row.id: row.aside for row in study.review.annotations(FRESH)}[second]


@pytest.mark.parametrize(("verdict", "taken"), [(Verdict.REJECT, 0), (Verdict.NEEDS_EDITS, 2), (Verdict.ACCEPT, 60)])
def test_that_a_disagreement_waits_for_an_adjudicator_whose_choice_counts(
    study: Workbench, verdict: Verdict, taken: int
) -> None:
    first, second = two_readings(study, verdict, taken)
    standing = study.cohort.scan(FRESH).standing
    assert standing.disputed and standing.waiting is not None
    assert waiting_text(standing.waiting) == "to adjudicate"
    assert standing.counts is not None and standing.counts.id == first
    assert [row.subject for row in study.readers.assignments() if row.disputed] == ["P003", "P003"]
    study.readers.assign("carl", ReaderRole.ADJUDICATOR)
    for name in ("ada", "bob", "coordinator"):
        study.sign_in(name)
        assert study.cohort.scan(FRESH).standing.waiting is None
        assert study.cohort.scan(FRESH).standing.disputed
    study.sign_in("carl")
    waiting = study.cohort.scan(FRESH).standing.waiting
    assert waiting is not None and waiting.id == first
    assert {row.id for row in study.review.annotations(FRESH)} >= {first, second}
    assert [(row.reader, row.verdict) for row in study.review.readings(FRESH)] == [
        ("ada", Verdict.ACCEPT),
        ("bob", verdict),
    ]
    judge(study, second, Verdict.ACCEPT)
    standing = study.cohort.scan(FRESH).standing
    assert standing.counts is not None and standing.counts.id == second and not standing.disputed
    current = study.review.current(FRESH)
    assert current is not None and current.id == second


def test_that_the_adjudicators_own_correction_counts(study: Workbench) -> None:
    first, _ = two_readings(study, Verdict.REJECT)
    study.readers.assign("carl", ReaderRole.ADJUDICATOR)
    study.sign_in("carl")
    own = study.review.save(FRESH, first, drawn(study, FRESH, 7))
    judge(study, own.id, Verdict.ACCEPT)
    standing = study.cohort.scan(FRESH).standing
    assert standing.counts is not None and standing.counts.id == own.id and standing.waiting is None


def test_that_a_bound_on_dice_is_set_for_the_study(study: Workbench) -> None:
    two_readings(study, Verdict.ACCEPT, taken=60)
    assert study.cohort.scan(FRESH).standing.disputed
    study.readers.set_dice_bound(0.05)
    assert not study.cohort.scan(FRESH).standing.disputed
    with pytest.raises(WorkbenchError, match="outside 0 to 1"):
        study.readers.set_dice_bound(1.5)


def test_that_a_repeat_is_blinded_to_the_readers_own_first_reading(study: Workbench) -> None:
    base = study.review.annotations(FRESH)[0]
    study.sign_in("ada")
    saved = study.review.save(FRESH, base.id, drawn(study, FRESH, 4))
    judge(study, saved.id, Verdict.ACCEPT)
    study.sign_in("coordinator")
    assert study.readers.assign("ada", ReaderRole.REPEAT) == [FRESH]
    study.sign_in("ada")
    (row,) = study.review.annotations(FRESH)
    assert (row.id, row.verdict) == (base.id, None)
    again = study.review.save(FRESH, base.id, drawn(study, FRESH, 6))
    assert [row.id for row in study.review.annotations(FRESH)] == [again.id, base.id]
    judge(study, again.id, Verdict.ACCEPT)
    assert [row.id for row in study.review.annotations(FRESH)] == [again.id, saved.id, base.id]
    counts = study.cohort.scan(FRESH).standing.counts
    assert counts is not None and counts.id == saved.id


def test_that_a_second_reading_that_is_not_blinded_is_due_and_sees_the_others(study: Workbench) -> None:
    study.readers.assign("bob", ReaderRole.SECOND, scan_ids=[1], blinded=False)
    assert study.cohort.scan(1).standing.waiting is None  # accepted long ago
    study.sign_in("bob")
    scan = study.cohort.scan(1)
    assert scan.verdict is Verdict.ACCEPT and scan.standing.waiting is not None
    judge(study, scan.standing.waiting.id, Verdict.ACCEPT)
    assert study.cohort.scan(1).standing.waiting is None


def test_that_a_share_is_drawn_at_random_by_its_seed_among_what_can_be_given(study: Workbench) -> None:
    given = study.readers.assign("bob", ReaderRole.SECOND, share=0.5, seed=7)
    assert len(given) == 6
    study.readers.withdraw("bob", given, ReaderRole.SECOND)
    assert study.readers.assign("bob", ReaderRole.SECOND, share=0.5, seed=7) == given
    rest = study.readers.assign("bob", ReaderRole.SECOND)
    assert len(rest) == 6 and not set(rest) & set(given)
    with pytest.raises(WorkbenchError, match="no scan that bob can be given"):
        study.readers.assign("bob", ReaderRole.SECOND)
    with pytest.raises(WorkbenchError, match="dora is no reader"):
        study.readers.assign("dora", ReaderRole.SECOND)
    with pytest.raises(WorkbenchError, match="outside 0 to 1"):
        study.readers.assign("ada", ReaderRole.SECOND, share=2)
    with pytest.raises(WorkbenchError, match="reader of this study already"):
        study.readers.add("ADA ")


def test_that_what_was_assigned_and_done_stands_in_the_trail(study: Workbench) -> None:
    two_readings(study, Verdict.ACCEPT, taken=3)
    actions = [row.action for row in study.audit.entries("P003")]
    assert {"assign", "save label map", "judge", "compare label maps"} <= set(actions)
    assert study.audit.verify().problems == ()


@pytest.mark.parametrize("name", ["", "  ", "unknown", "Unknown"])
def test_that_a_verdict_and_a_label_map_need_a_name(study: Workbench, name: str) -> None:
    base = study.review.annotations(FRESH)[0]
    study._study.settings = study._study.settings.model_copy(update={"author": name})
    assert study.author == ""
    with pytest.raises(ReaderError, match="name of the reader is missing"):
        study.review.judge(base.id, Verdict.ACCEPT)
    with pytest.raises(ReaderError):
        study.review.save(FRESH, base.id, drawn(study, FRESH))
    with pytest.raises(ReaderError):
        study.review.accept_all()
    with pytest.raises(ReaderError):
        study.sign_in(name)
    assert study.review.reviews(base.id) == []


def test_that_the_command_line_asks_for_a_name_and_takes_one(
    study: Workbench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CTWORKBENCH_AUTHOR", "unknown")
    words = ("review", study.folder, "--subject", "P003", "--verdict", "reject", "--reason", "leak", "own words")
    refused = run(*words)
    assert refused.code == 1 and "--author NAME" in refused.err
    assert run("author").code == 1
    assert run(*words, "--author", "Dr. Ada").code == 0
    (review,) = study.review.reviews(study.review.annotations(FRESH)[0].id)
    assert (review.reviewer, review.reasons) == ("Dr. Ada", ("leak", "own words"))
    monkeypatch.delenv("CTWORKBENCH_AUTHOR")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert run("author", "Dr.  Bob").code == 0
    assert run("author").out == "Dr. Bob\n"
    assert Settings.from_environment().author == "Dr. Bob"


def test_that_readers_are_managed_from_the_command_line(study: Workbench) -> None:
    assert run("readers", "add", study.folder, "dora").out == "dora is a reader of this study.\n"
    given = run("readers", "assign", study.folder, "--reader", "dora", "--share", "0.25", "--seed", 3)
    assert given.out == "dora: 3 scans to read (second).\n"
    listed = run("readers", "list", study.folder).out
    assert "dora" in listed and "0/3" in listed
    assert run("readers", "withdraw", study.folder, "--reader", "dora").out == "dora: 3 scans taken back.\n"
    assert "0.8" in run("readers", "policy", study.folder, "--dice", "0.8").out
    assert run("readers", "assign", study.folder, "--reader", "nobody").code == 1


def test_that_the_preset_reasons_are_a_list_of_the_study(study: Workbench) -> None:
    assert study.readers.reasons() == PRESET_REASONS
    base = study.review.annotations(FRESH)[0]
    study.review.judge(base.id, Verdict.REJECT, reasons=("leak",))
    study.readers.set_reasons(["border", "  sinus   included"])
    assert study.readers.reasons() == {"border": PRESET_REASONS["border"], "sinus included": "sinus included"}
    assert study.review.reviews(base.id)[0].reasons == ("leak",)
    with pytest.raises(WorkbenchError, match="cannot be used"):
        study.readers.set_reasons(["twice", "twice"])
    assert run("reasons", study.folder, "--set", "a", "b c").out == "a\nb c\n"
    assert list(study.readers.reasons()) == ["a", "b c"]
