"""What an older program preprocessed: no network is shown it, no table adjusts for it, and it can be made anew."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text, update

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.model import Preprocessing
from ctworkbench.core.terms import PREPROCESSING
from ctworkbench.core.workbench import Workbench
from ctworkbench.core.workbench.harmonizing import intracranial_volumes
from tests.core.models import untrained_model
from tests.core.trainable_study import trainable


@pytest.fixture
def study(tmp_path: Path) -> Iterator[Workbench]:
    """Nine subjects that are preprocessed and accepted, and a network that sees the equalized image."""
    with trainable(tmp_path / "study") as workbench:
        untrained_model(workbench)
        yield workbench


def make_older(study: Workbench, scan_id: int) -> None:
    """Have a scan preprocessed by an older program."""
    with study._study.database.writing() as session:
        session.execute(update(Preprocessing).where(Preprocessing.scan_id == scan_id).values(version=PREPROCESSING - 1))


def test_that_a_scan_equalized_by_an_older_program_is_neither_learned_from_nor_segmented(study: Workbench) -> None:
    first = study.cohort.scans()[0]
    make_older(study, first.id)
    with pytest.raises(WorkbenchError, match=f"older program equalized 1 scan in another way: {first.subject}"):
        study.modelling.cases()
    with pytest.raises(WorkbenchError, match=f"older program equalized 1 scan in another way: {first.subject}"):
        study.modelling.segment([first.id])
    assert study.modelling.cases("hu"), "HU are what they were"


def test_that_its_intracranial_volume_counts_as_not_measured(study: Workbench) -> None:
    first, second = study.cohort.scans()[:2]
    make_older(study, first.id)
    found = intracranial_volumes(study._study)
    assert first.id not in found and second.id in found


def test_that_preprocess_makes_it_anew(study: Workbench) -> None:
    first = study.cohort.scans()[0]
    assert study.cohort.preprocess() == []
    make_older(study, first.id)
    (job,) = study.cohort.preprocess()
    assert study._study.jobs.job(job).subject == first.id
    study.jobs.cancel(job)


def test_that_a_network_that_learned_from_such_images_does_not_answer(study: Workbench) -> None:
    with study._study.database.writing() as session:
        session.execute(text("UPDATE model_run SET result = json_remove(result, '$.settings.preprocessing')"))
    with pytest.raises(WorkbenchError, match="learned from images that an older program equalized"):
        study.modelling.segment()
