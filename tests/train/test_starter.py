"""The model that is shipped: its file is whole, small and honest, and it labels a real head with left on the left."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ctworkbench.core import schemes
from ctworkbench.core.importing import ImportParams, import_scans
from ctworkbench.core.jobs import JobContext
from ctworkbench.core.methods.facts import ModelFact, StudyFacts
from ctworkbench.core.methods.model_answers import training
from ctworkbench.core.model_registry import Package, card, read_package
from ctworkbench.core.preprocess import PreprocessParams, preprocess
from ctworkbench.core.settings import resource
from ctworkbench.core.training import ImportModelRequest, SegmentCase, SegmentRequest
from ctworkbench.core.volume import Volume, read_nifti
from ctworkbench.train.model_import import import_model
from ctworkbench.train.predict import segment
from tests.bench import bench_starter

SCHEME = schemes.load()
STARTER = resource("models/starter.ctwmodel")


@pytest.fixture(scope="module")
def package() -> Package:
    return read_package(STARTER)


def test_that_the_card_tells_nothing_of_a_preset_that_was_none(package: Package) -> None:
    text = card.markdown(package.facts)
    assert "learning rate 0.002" in text
    assert "augmentation" not in text
    assert "rotation" not in text
    assert "epochs" not in text


def test_that_the_methods_text_counts_it_apart_and_makes_up_no_epochs(package: Package) -> None:
    facts = package.facts
    fact = ModelFact(
        1, facts.network, facts.preset, {}, settings=facts.settings, label_kind="drawn heads", imported=True
    )
    text = training(StudyFacts(models=(fact,)))
    assert text.startswith("1 model imported.")
    assert "epochs" not in text
    assert "rotation" not in text
    assert "subjects" not in text
    own = replace(fact, imported=False, preset="tiny", roles={"S1": "train"})
    assert "rotation degrees 15" in training(StudyFacts(models=(own,)))


def test_that_it_is_not_measured_on_the_heads_that_it_learned_from(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="learned from"):
        bench_starter.refuse_shipped(resource("heads"))
    for part in ("tissue", "labels10"):
        content = next(resource("heads").glob(f"*_{part}.nii.gz")).read_bytes()
        (tmp_path / f"head_90_{part}.nii.gz").write_bytes(content)
    with pytest.raises(SystemExit, match="head_90_tissue"):
        bench_starter.refuse_shipped(tmp_path)
    (tmp_path / "head_90_tissue.nii.gz").write_bytes(b"another")
    bench_starter.refuse_shipped(tmp_path)


@pytest.fixture(scope="module")
def labels(package: Package, tmp_path_factory: pytest.TempPathFactory) -> tuple[Volume, Path]:
    """Labels of the adult head of the demo, and its brain mask."""
    folder = tmp_path_factory.mktemp("head")
    context = JobContext(folder)
    archive = resource("demo/ge_head_tilt_varspacing.tar.xz")
    scan = import_scans(ImportParams(paths=(archive,)), context).accepted[0].image
    found = preprocess(PreprocessParams(image=scan), context)
    model = import_model(ImportModelRequest(package=STARTER), context)
    answer = segment(
        SegmentRequest(
            cases=(SegmentCase(key="head", image=found.image, brain=found.brain, scan=scan),),
            weights=model.weights,
            weights_sha256=package.facts.weights_sha256,
            network=package.facts.network,
            network_params=package.facts.network_params,
            settings=package.facts.settings,
        ),
        context,
    )
    return read_nifti(answer.cases[0].labels), found.brain


def test_that_the_file_is_small_and_its_card_lies_beside_it(package: Package) -> None:
    assert STARTER.stat().st_size < 25e6
    assert STARTER.with_suffix(".md").read_text(encoding="utf-8") == card.markdown(package.facts)
    assert package.facts.seed == 1


def test_that_the_card_says_what_it_was_measured_on(package: Package) -> None:
    (figure,) = package.facts.validation
    assert (figure.label_kind, figure.n) == ("truth", 6)
    assert figure.mean >= 0.82
    assert "it has never seen the scan of a child" in package.card
    assert "heads that it did not learn from" in package.card


def test_that_left_is_left_in_a_real_head_and_every_region_is_where_it_belongs(labels) -> None:
    volume, _ = labels
    place = {
        region.name: volume.affine[:3, :3] @ np.argwhere(volume.voxels == region.code).mean(0) + volume.affine[:3, 3]
        for region in SCHEME.regions
    }
    for right, left in SCHEME.pairs:
        assert place[right.name][0] > place[left.name][0] + 30
    for side in ("right", "left"):
        assert place[f"{side}_frontal"][1] > place[f"{side}_parietal"][1] > place[f"{side}_occipital"][1]
        assert place[f"{side}_temporal"][2] < place[f"{side}_parietal"][2]
    assert place["cerebellum"][1] < place["brainstem"][1]
    assert place["cerebellum"][2] < place["right_occipital"][2]


def test_that_most_of_a_real_brain_is_labelled_and_its_sides_are_alike(labels) -> None:
    volume, mask = labels
    brain = read_nifti(mask)
    labelled = np.count_nonzero(volume.voxels) * volume.grid.voxel_volume_mm3
    assert 0.75 < labelled / (np.count_nonzero(brain.voxels) * brain.grid.voxel_volume_mm3) < 1
    counts = np.bincount(volume.voxels.ravel(), minlength=11)
    for right, left in SCHEME.pairs:
        assert 0.7 < counts[right.code] / counts[left.code] < 1.4
