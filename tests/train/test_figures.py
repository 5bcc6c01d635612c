"""Scores case by case: as MONAI has them on a straight grid, kept by a training, and measured anew from its weights."""

from pathlib import Path

import numpy as np
import pytest
import torch

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.jobs import JobContext
from ctworkbench.core.segmentation_scores import region_scores
from ctworkbench.core.training import MeasureCase, MeasureRequest
from ctworkbench.core.volume import Volume
from ctworkbench.train import figures
from ctworkbench.train.course import TrainParams
from ctworkbench.train.figures import measure
from ctworkbench.train.loop import train
from ctworkbench.train.outcome import TrainResult
from tests.train.heads import SCHEME, TINY, Head, make_head

ROLES = ("train", "train", "train", "validation", "validation", "test")


@pytest.fixture(scope="module")
def heads(tmp_path_factory: pytest.TempPathFactory) -> list[Head]:
    folder = tmp_path_factory.mktemp("heads")
    return [make_head(folder, number) for number in range(len(ROLES))]


@pytest.fixture(scope="module")
def trained(heads: list[Head], tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    cases = tuple(head.case(role) for head, role in zip(heads, ROLES, strict=True))
    return train(TrainParams(cases=cases, settings=TINY), JobContext(tmp_path_factory.mktemp("trained")))


def request(trained: TrainResult, cases: list[MeasureCase]) -> MeasureRequest:
    return MeasureRequest(
        model=1,
        cases=tuple(cases),
        weights=trained.weights,
        weights_sha256=trained.weights_sha256,
        network=trained.network,
        network_params=trained.network_params,
        settings=trained.settings.model_dump(mode="json"),
    )


def case(head: Head, part: str, **references: Path) -> MeasureCase:
    given = references or {"pseudo": head.labels}
    return MeasureCase(subject=head.subject, part=part, image=head.image, brain=head.brain, references=given)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.5, 0.5, 5.0), (1.7, 1.2, 3.0)])
def test_that_scores_are_monais_on_a_straight_grid(spacing: tuple[float, float, float]) -> None:
    from monai.metrics.hausdorff_distance import compute_hausdorff_distance
    from monai.metrics.surface_dice import compute_surface_dice

    x, y, z = np.meshgrid(*[np.arange(40.0)] * 3, indexing="ij")
    one = ((x - 18) ** 2 + (y - 20) ** 2 + (1.5 * (z - 19)) ** 2 < 140).astype(np.uint8)
    other = ((x - 20) ** 2 + (1.2 * (y - 19)) ** 2 + (z - 21) ** 2 < 110).astype(np.uint8)
    affine = np.diag([*spacing, 1.0])
    found = region_scores(Volume(one, affine), Volume(other, affine), (1,))[1]
    a, b = (torch.from_numpy(mask)[None, None].float() for mask in (one, other))
    told = compute_hausdorff_distance(a, b, include_background=True, percentile=95, spacing=list(spacing))
    assert found.hd95_mm == pytest.approx(float(told), rel=1e-5)
    told = compute_surface_dice(a, b, [1.0], include_background=True, spacing=list(spacing))
    assert found.surface_dice == pytest.approx(float(told), abs=1e-6)


def test_that_a_training_keeps_figures_of_every_validation_case_and_of_training_cases(trained: TrainResult) -> None:
    parts = {case.subject: case.part for case in trained.figures}
    assert parts == {"H00": "train", "H01": "train", "H02": "train", "H03": "validation", "H04": "validation"}
    kept = {case.subject: case.regions for case in trained.figures if case.part == "validation"}
    for told in trained.validation[0].cases:  # the Dice that was always told is the same number
        assert {name: scores.dice for name, scores in kept[told.subject].items()} == pytest.approx(told.regions)


def test_that_figures_of_a_bounded_sample_of_training_subjects_are_kept(heads: list[Head]) -> None:
    items = [type("P", (), {"case": head.case("train")})() for head in (*heads, heads[0])]
    chosen = [item.case.subject for item in figures.some_of(items, 3)]
    assert len(set(chosen)) == 3
    assert chosen == [item.case.subject for item in figures.some_of(items[::-1], 3)]


def test_that_measuring_the_weights_anew_gives_the_figures_of_the_training(trained, heads, tmp_path: Path) -> None:
    found = measure(request(trained, [case(heads[3], "validation")]), JobContext(tmp_path)).figures
    (kept,) = [row for row in trained.figures if row.subject == "H03"]
    assert found[0].regions.keys() == kept.regions.keys()
    for name, scores in found[0].regions.items():
        assert scores.dice == pytest.approx(kept.regions[name].dice, abs=0.002)  # OpenVINO rounds otherwise than torch


def test_that_a_case_is_measured_against_each_of_its_references(trained, heads, tmp_path: Path) -> None:
    given = case(heads[5], "test", expert=heads[5].labels, pseudo=heads[5].labels)
    found = measure(request(trained, [given]), JobContext(tmp_path)).figures
    assert [(row.subject, row.part, row.label_kind) for row in found] == [
        ("H05", "test", "expert"),
        ("H05", "test", "pseudo"),
    ]
    assert found[0].regions == found[1].regions
    assert set(found[0].regions) <= {region.name for region in SCHEME.regions}


def test_that_cases_that_were_measured_are_not_measured_again(trained, heads, tmp_path, monkeypatch) -> None:
    wanted = request(trained, [case(heads[3], "validation")])
    first = measure(wanted, JobContext(tmp_path))
    monkeypatch.setattr(figures, "_scored", lambda *_: pytest.fail("it was measured already"))
    assert measure(wanted, JobContext(tmp_path)) == first


def test_that_a_missing_file_is_named_with_its_subject(trained, heads, tmp_path: Path) -> None:
    gone = case(heads[3], "validation", pseudo=tmp_path / "gone.nii.gz")
    with pytest.raises(WorkbenchError, match=r"H03: gone\.nii\.gz is missing"):
        measure(request(trained, [gone]), JobContext(tmp_path))


def test_that_changes_of_a_preset_are_trained_with(heads: list[Head], tmp_path: Path) -> None:
    cases = tuple(head.case(role) for head, role in zip(heads, ROLES, strict=True) if role != "test")
    params = TrainParams(cases=cases, changes={"epochs": 1, "channels": [4, 6, 8], "augmentation.flip": 0.0})
    result = train(params, JobContext(tmp_path))
    assert len(result.history) == 1
    assert (result.settings.channels, result.settings.augmentation.flip) == ((4, 6, 8), 0.0)


def test_that_repeats_share_their_folds_by_the_seed_of_the_folds(heads: list[Head], tmp_path: Path) -> None:
    cases = tuple(head.case("train") for head in heads)
    found = []
    for seed in (1, 2):
        changes = {"epochs": 1, "channels": [4, 6, 8], "folds": 3}
        params = TrainParams(cases=cases, changes=changes, seed=seed, fold=0, fold_seed=1)
        found.append(
            train(params, JobContext(tmp_path / str(seed)) if (tmp_path / str(seed)).mkdir() is None else None)
        )
    assert found[0].roles == found[1].roles
    assert found[0].weights_sha256 != found[1].weights_sha256
