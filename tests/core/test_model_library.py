"""Models are carried from one study to another with their card, and tell there that they were trained elsewhere."""

import hashlib
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.methods import model_answers
from ctworkbench.core.methods.facts import TRUTH
from ctworkbench.core.model import ModelRun
from ctworkbench.core.model_registry import card
from ctworkbench.core.model_registry.package import read_package
from ctworkbench.core.settings import Settings, resource
from ctworkbench.core.workbench import Workbench
from ctworkbench.core.workbench.lineage import teachings
from ctworkbench.core.workbench.model_library import model_to_use, name_of
from ctworkbench.core.workbench.study_facts import study_facts
from ctworkbench.train.networks import resunet
from tests.train.heads import TINY

PARAMS = resunet.Params(channels=(4, 6, 8), in_channels=4)


def with_model(folder: Path, *cautions: str) -> Workbench:
    """A study with one trained model."""
    study = Workbench.create(folder, Settings(author="Ada"))
    torch.manual_seed(3)
    weights = save(resunet.build(PARAMS).state_dict())
    sha256 = hashlib.sha256(weights).hexdigest()
    (study.folder / "models" / f"{sha256}.safetensors").write_bytes(weights)
    figures = {"label_kind": "pseudo", "n": 2, "mean": 0.8, "sd": 0.1, "regions": {"brainstem": 0.7}}
    with study._study.database.writing() as session:
        session.add(
            ModelRun(
                job_id="train-1",
                network="resunet",
                preset="tiny",
                parameters={"seed": 5, "fold": None, "scheme": "lobes10", "cases": []},
                result={
                    "network_params": PARAMS.model_dump(mode="json"),
                    "settings": TINY.model_dump(mode="json"),
                    "validation": [figures],
                    "dice_validation": 0.8,
                    "label_kind": "pseudo",
                    "dice_train": 0.9,
                    "history": [{"epoch": 1, "loss": 2.0}],
                    "seconds": 60.0,
                    "device": "cpu",
                    "cautions": list(cautions),
                },
                split={"S1": "train", "S2": "validation"},
                label_kind="pseudo-labels",
                code_version="0.0.7",
                weights_hash=sha256,
            )
        )
    return study


def test_that_a_model_goes_to_another_study_and_names_no_subject_there(tmp_path: Path) -> None:
    with with_model(tmp_path / "one") as study:
        sent = study.modelling.export_model(1, tmp_path / "model.ctwmodel")
        before = study.modelling.facts(1)
    assert b"S1" not in sent.read_bytes()
    with Workbench.create(tmp_path / "two", Settings(author="Bea")) as study:
        assert not study.wait(study.modelling.import_model(sent))
        row = study.modelling.models()[0]
        assert (row.source, row.dice_validation, row.subjects) == ("model.ctwmodel", 0.8, 2)
        assert (study.folder / "models" / f"{row.weights_hash}.safetensors").exists()
        assert card.markdown(study.modelling.facts(row.id)) == card.markdown(before)
        assert study.modelling.import_model(sent) == []
        assert not study.verify()
        with study._study.database.reading() as session:
            assert teachings(session, [row.id])[row.id].notes == (
                "The model was trained elsewhere: whom it learned from is not known here.",
            )
        again = study.modelling.export_model(row.id, tmp_path / "again.ctwmodel")
    assert again.read_bytes() == sent.read_bytes()


def test_that_a_card_is_written_for_people(tmp_path: Path) -> None:
    with with_model(tmp_path / "one") as study:
        text = study.modelling.export_model(1, tmp_path / "card.md").read_text()
        assert study.modelling.export_model(1, tmp_path / "card.pdf").stat().st_size > 5000
        assert "1 train, 1 validation" in text
        assert "agreement with pseudo-labels" in text
        with pytest.raises(WorkbenchError, match=r"cannot be written as model\.pt"):
            study.modelling.export_model(1, tmp_path / "model.pt")
        with pytest.raises(WorkbenchError, match="There is no model 7"):
            study.modelling.facts(7)


def test_that_changed_weights_are_not_sent(tmp_path: Path) -> None:
    with with_model(tmp_path / "one") as study:
        weights = next((study.folder / "models").glob("*.safetensors"))
        weights.write_bytes(weights.read_bytes() + b" ")
        with pytest.raises(WorkbenchError, match="were changed"):
            study.modelling.export_model(1, tmp_path / "model.ctwmodel")
        assert not (tmp_path / "model.ctwmodel").exists()


def test_that_the_starter_model_is_taken_in_once_and_tells_that_it_saw_no_child(tmp_path: Path) -> None:
    with Workbench.create(tmp_path / "study", Settings(author="Ada")) as study:
        jobs, _ = study.modelling.starter()
        assert not study.wait(jobs)
        again, number = study.modelling.starter()
        assert (again, number) == ([], 1)
        assert study.modelling.models()[0].validation_kind == "truth of phantoms"
        with study._study.database.reading() as session:
            notes = teachings(session, [1])[1].notes
        assert "it has never seen the scan of a child" in notes[0]
        told = card.markdown(study.modelling.facts(1))
    assert "batch 2" in told
    assert not any(word in told for word in ("augmentation", "rotation", "epochs 1"))


def test_that_the_card_beside_the_starter_model_is_the_one_of_its_facts() -> None:
    package = read_package(resource("models/starter.ctwmodel"))
    assert resource("models/starter.md").read_text(encoding="utf-8") == card.markdown(package.facts)


def test_that_the_methods_can_be_written_once_the_starter_model_is_there(tmp_path: Path) -> None:
    with Workbench.create(tmp_path / "study", Settings(author="Ada")) as study:
        assert not study.wait(study.modelling.starter()[0])
        facts = study_facts(study._study)
    (figure,) = [figure for model in facts.models for figure in model.figures if figure.role == "validation"]
    assert figure.kind == TRUTH
    assert "Dice against the truth of digital phantoms 0.8" in model_answers.internal_evaluation(facts)


def test_that_an_imported_model_is_not_taken_by_default_where_one_was_trained_here(tmp_path: Path) -> None:
    with with_model(tmp_path / "study") as study:
        assert not study.wait(study.modelling.starter()[0])
        with study._study.database.reading() as session:
            assert [row.id for row in study.modelling.models()] == [2, 1]
            assert name_of(model_to_use(session)) == "model 1 (resunet, tiny)"
            assert name_of(model_to_use(session, 2)) == "model 2 (starter.ctwmodel)"
    with Workbench.create(tmp_path / "new", Settings(author="Ada")) as study:
        with study._study.database.reading() as session, pytest.raises(WorkbenchError, match="no trained model"):
            model_to_use(session)
        assert not study.wait(study.modelling.starter()[0])
        with study._study.database.reading() as session:
            assert model_to_use(session).id == 1


def test_that_the_card_says_what_the_training_had_to_do_otherwise(tmp_path: Path) -> None:
    text = "The memory was too small for the preset."
    with with_model(tmp_path / "study", text) as study:
        assert text in card.markdown(study.modelling.facts(1))
