"""A template carries the anatomy of one child into the labels of all others: that child is never tested on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.model import Annotation, Preprocessing, Role, Scan, Subject, Template
from ctworkbench.core.norms import published_norm
from ctworkbench.core.norms.simulated import simulate
from ctworkbench.core.workbench import Workbench
from tests.core.norm_study import study_of

CHILDREN = 20


@pytest.fixture
def study(tmp_path: Path) -> Iterator[Workbench]:
    """Accepted label maps of twenty children, ready to be trained on; nobody has a role yet."""
    workbench = study_of(tmp_path / "study", simulate(published_norm(), CHILDREN, 3))
    with workbench._study.database.writing() as session:
        for scan in session.query(Scan).all():
            keys = dict.fromkeys(("image_key", "brain_key", "skull_key", "equalized_key"), scan.image_key)
            made = {"brain_cm3": 1.0, "warnings": [], "code_version": "0", "job_id": "p"}
            session.add(Preprocessing(scan_id=scan.id, **keys, **made))
    yield workbench
    workbench.close()


def draw_template(study: Workbench, code: str) -> None:
    """A template on the label map of a subject, as `template add` keeps it."""
    with study._study.database.writing() as session:
        query = session.query(Annotation).join(Scan, Annotation.scan_id == Scan.id)
        drawn = query.join(Subject, Scan.subject_id == Subject.id).filter(Subject.code == code).one()
        keys = {"image_key": f"image of {code}", "labels_key": drawn.labels_key, "mask_key": "mask"}
        session.add(Template(name=f"Drawn on {code}", annotation_id=drawn.id, **keys))


def roles(study: Workbench) -> dict[str, Role | None]:
    with study._study.database.reading() as session:
        return {subject.code: subject.role for subject in session.query(Subject).all()}


def test_that_subjects_a_template_is_drawn_on_train_although_the_hash_would_test_on_them(
    study: Workbench, tmp_path: Path
) -> None:
    study.modelling.cases()
    held_out = [code for code, role in roles(study).items() if role is not Role.TRAIN]
    with study._study.database.writing() as session:
        for subject in session.query(Subject).all():
            subject.role = None
    for code in held_out[:3]:
        draw_template(study, code)
    cases = study.modelling.cases()
    found = roles(study)
    assert {found[code] for code in held_out[:3]} == {Role.TRAIN}
    assert {case.subject for case in cases if case.role == "train"} >= set(held_out[:3])
    assert list(found.values()).count(Role.TEST) == 4 and list(found.values()).count(Role.VALIDATION) == 4
    assert study.modelling.split_notes() == [
        f"{code} trains, for the template Drawn on {code} is drawn on a scan of it." for code in sorted(held_out[:3])
    ]


def test_that_a_template_on_a_subject_of_the_test_set_is_not_used_and_is_told_of(study: Workbench) -> None:
    study.modelling.cases()
    tested = next(code for code, role in roles(study).items() if role is Role.TEST)
    draw_template(study, tested)
    with pytest.raises(WorkbenchError, match=f"{tested} is of the test set"):
        study.templates.use(f"Drawn on {tested}")
    assert study.modelling.split_notes() == [
        f"{tested} is of the test set and the template Drawn on {tested} is drawn on it: figures of it flatter."
    ]


def test_that_templates_on_all_but_one_leave_nobody_to_test_on_and_no_role_is_given(study: Workbench) -> None:
    for code in sorted(roles(study))[1:]:
        draw_template(study, code)
    with pytest.raises(WorkbenchError, match="1 of 20 subjects may be kept from the training"):
        study.modelling.cases()
    assert set(roles(study).values()) == {None}
