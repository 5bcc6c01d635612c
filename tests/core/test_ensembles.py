"""Models that answer together are kept as a model that names its members, and count as trained on whom any was."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.methods.model_answers import availability, ensembles
from ctworkbench.core.model import ModelRun
from ctworkbench.core.training import SegmentRequest, identity_of
from ctworkbench.core.volume import read_nifti
from ctworkbench.core.workbench import Workbench
from ctworkbench.core.workbench.lineage import learned_roles, trained_on
from ctworkbench.core.workbench.study_facts import study_facts
from tests.core.heads import study_with_heads
from tests.core.models import prepare_at_once, untrained_model

SPLITS = ({"S1": "train", "S2": "validation"}, {"S1": "validation", "S2": "train"}, {"S1": "test"})


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """Two scans; models 1 to 3 are folds, 4 has finer voxels, 5 is the mean of the first three, which has labelled."""
    with study_with_heads(tmp_path_factory.mktemp("ensembles"), count=2) as workbench:
        prepare_at_once(workbench)
        for fold, split in enumerate(SPLITS):
            untrained_model(workbench, spacing_mm=8.0, seed=fold, fold=fold, split=split)
        untrained_model(workbench, spacing_mm=6.0, seed=7)
        jobs = workbench.modelling.segment([3, 1, 2])
        failures = workbench.wait(jobs)
        assert not failures, failures
        yield workbench


def test_that_the_mean_of_models_is_a_model_that_names_its_members(study: Workbench) -> None:
    newest = study.modelling.models()[0]
    assert (newest.id, newest.members) == (5, (1, 2, 3))
    with study._study.database.reading() as session:
        run = session.get_one(ModelRun, 5)
        hashes = [session.get_one(ModelRun, number).weights_hash for number in (1, 2, 3)]
    assert [part["weights"] for part in run.parameters["members"]] == hashes
    assert run.weights_hash == identity_of(hashes[::-1])
    row = study.review.annotations(1)[0]
    assert (row.model_id, row.author) == (5, "model 5")
    assert (row.parameters["networks"], row.parameters["passes"]) == (3, 6)  # each looks at the mirrored head too
    assert sorted(row.parameters["members"]) == sorted(hashes)
    assert any(entry.action == "average models" for entry in study.audit.entries())


def test_that_whoever_one_member_was_trained_on_counts_as_trained_on(study: Workbench) -> None:
    with study._study.database.reading() as session:
        run = session.get_one(ModelRun, 5)
        assert run.split == {"S1": "train", "S2": "train"}
        numbers = {study.review.annotations(scan)[0].id for scan in (1, 2)}
        assert trained_on(session) == numbers
        assert set(learned_roles(session).values()) == {"train"}
    cautions = [text for scan in study.cohort.scans() for text in scan.cautions]
    assert sum("was trained on this subject" in text for text in cautions) == 2


def test_that_the_methods_text_tells_whose_answers_were_averaged(study: Workbench) -> None:
    facts = study_facts(study._study, "a", "model")
    assert "In 2 of 2 label maps the probabilities of models 1, 2 and 3 are averaged" in ensembles(facts)
    assert facts.newest_model is not None and facts.newest_model.id == 4
    assert "model 5" not in availability(facts)  # it has no weights of its own


def test_that_the_same_models_in_any_order_have_done_their_scans(study: Workbench) -> None:
    assert study.modelling.segment([1, 2, 3]) == []
    assert study.modelling.segment(5) == []
    assert study.modelling.segment([5, 2]) == []
    with pytest.raises(WorkbenchError, match="Model 5 has labelled 2 scans with the mirrored head already"):
        study.modelling.segment([1, 2, 3], flips=False)


def test_that_models_of_other_voxels_are_refused_by_name(study: Workbench) -> None:
    with pytest.raises(WorkbenchError, match=r"Models 1 \(resunet, demo\) and 4 .*voxels of 8 mm and voxels of 6 mm"):
        study.modelling.segment([1, 4])
    with pytest.raises(WorkbenchError, match="There is no model 77"):
        study.modelling.segment([1, 77])
    with pytest.raises(WorkbenchError, match="No model is named"):
        study.modelling.segment([])


def test_that_folds_of_one_training_are_found_from_any_of_them(study: Workbench) -> None:
    assert study.modelling.folds_of(2) == [1, 2, 3]
    assert {row.id: row.folds for row in study.modelling.models()}[3] == (1, 2, 3)
    with pytest.raises(WorkbenchError, match="Model 4 has no other folds"):
        study.modelling.folds_of(4)


def test_that_the_mean_is_taken_only_where_it_is_asked_for(study: Workbench) -> None:
    (job,) = study.modelling.segment(None, [1])
    request = SegmentRequest.model_validate(study.jobs.job(job).params)
    assert not request.others
    assert not study.wait([job])
    assert study.review.annotations(1)[0].model_id == 4


def test_that_a_study_with_a_mean_is_whole_and_keeps_its_uncertainty(study: Workbench) -> None:
    assert study.verify() == []
    key = study.review.annotations(2)[0].parameters["uncertainty"]
    study._study.store.path(key).unlink()
    assert any("uncertainty of the label map of scan 2, version 1" in problem for problem in study.verify())


def test_that_the_mean_has_a_card_and_no_file_of_weights(study: Workbench, tmp_path: Path) -> None:
    facts = study.modelling.facts(5)
    assert facts.title.startswith("Mean of models 1, 2 and 3: resunet")
    assert facts.cautions[0].startswith("It is the mean of models 1, 2 and 3")
    study.modelling.export_model(5, tmp_path / "card.md")
    with pytest.raises(WorkbenchError, match="has no weights of its own"):
        study.modelling.export_model(5, tmp_path / "five.ctwmodel")


def test_that_uncertainty_is_kept_with_the_labels_and_followed_by_corrections(study: Workbench) -> None:
    machine = next(row for row in study.review.annotations(1) if row.model_id == 5)
    labels = study.review.labels(machine.id)
    doubt = study.review.uncertainty(machine.id)
    assert doubt.grid.matches(labels.grid) and 0 < doubt.voxels.max() <= 100
    changed = labels.voxels.copy(order="F")
    changed[25, 25, 25] = 4
    corrected = study.review.save(1, machine.id, type(labels)(changed, labels.affine))
    assert (study.review.uncertainty(corrected.id).voxels == doubt.voxels).all()
    drawn = study.review.save(1, None, labels)
    with pytest.raises(WorkbenchError, match="no uncertainty is kept"):
        study.review.uncertainty(drawn.id)


def test_that_uncertainty_leaves_with_the_label_map_and_cannot_come_back_as_one(
    study: Workbench, tmp_path: Path
) -> None:
    machine = next(row for row in study.review.annotations(1) if row.model_id == 5)
    for form in ("nifti", "nrrd"):
        *_, labels = study.exchange.export(1, machine.id, tmp_path / form, form)
        doubt = tmp_path / form / f"S1_{machine.handle}_uncertainty.nii.gz"
        assert labels != doubt
        assert (read_nifti(doubt).voxels == study.review.uncertainty(machine.id).voxels).all()
    with pytest.raises(WorkbenchError, match="uncertainty"):
        study.exchange.take_back(1, doubt, machine.id)


def test_that_the_checks_read_the_uncertainty_of_the_machine_alone(study: Workbench) -> None:
    failures = study.wait(study.checks.check([1]))
    assert not failures, failures
    found = {row.origin: [one for one in row.findings if one.check == "uncertainty"] for row in study.checks.of_scan(1)}
    assert found["model"] and not found["expert"]
