"""Uncertainty: what it is of sure and unsure answers, where it lies in the patient, and what readers are told of it."""

import numpy as np
import pytest

from ctworkbench.core.checks import uncertainty as check
from ctworkbench.core.findings import Severity
from ctworkbench.core.uncertainty import (
    normalised_entropy,
    passes_text,
    toss_percent,
    uncertain_spots,
    uncertainty_map,
)
from ctworkbench.core.volume import Volume
from tests.core.checked_head import SCHEME, STRAIGHT, case_of, coordinates, labels_of

CLASSES = 11


def answers(*classes: int) -> np.ndarray:
    """Probabilities (11, 1, 1, 1) that are shared by these classes evenly."""
    found = np.zeros((CLASSES, 1, 1, 1), np.float32)
    for one in classes:
        found[one] += 1 / len(classes)
    return found


def test_that_a_sure_answer_has_no_uncertainty_and_one_that_may_be_anything_all_of_it() -> None:
    assert normalised_entropy(answers(4))[0, 0, 0] == pytest.approx(0, abs=1e-6)
    assert normalised_entropy(answers(*range(CLASSES)))[0, 0, 0] == pytest.approx(1)
    assert 100 * normalised_entropy(answers(2, 7))[0, 0, 0] == pytest.approx(toss_percent(CLASSES))
    assert round(toss_percent(CLASSES)) == 29


def test_that_two_sure_networks_which_disagree_are_as_unsure_as_one_that_wavers() -> None:
    mean = (answers(2) + answers(7)) / 2
    np.testing.assert_allclose(normalised_entropy(mean), normalised_entropy(answers(2, 7)))


def test_that_the_map_lies_at_its_place_on_a_tilted_grid_of_another_direction() -> None:
    probabilities = np.zeros((CLASSES, 30, 30, 30), np.float32)
    probabilities[1] = 1
    probabilities[1:3, 18:22, 8:12, 14:18] = 0.5
    tilted = np.array([[-1.0, 0, 0, 29], [0, 1, 0.4, -4], [0, 0, 1, 0], [0, 0, 0, 1]])
    inside = Volume(np.ones((30, 30, 30), np.uint8), tilted)
    found = uncertainty_map(probabilities, np.eye(4), inside)
    assert found.voxels.dtype == np.uint8
    assert found.voxels.max() == round(toss_percent(CLASSES))
    world = np.argwhere(found.voxels > 20) @ tilted[:3, :3].T + tilted[:3, 3]
    np.testing.assert_allclose(world.mean(0), [19.5, 9.5, 15.5], atol=0.3)


def test_that_outside_the_brain_nothing_is_uncertain() -> None:
    probabilities = np.full((CLASSES, 12, 12, 12), 1 / CLASSES, np.float32)
    inside = Volume(np.zeros((12, 12, 12), np.uint8), np.eye(4))
    assert not uncertainty_map(probabilities, np.eye(4), inside).voxels.any()
    inside.voxels[3:6, 2:9, 4:7] = 1
    found = uncertainty_map(probabilities, np.eye(4), inside).voxels
    assert (found == 100 * inside.voxels).all()


def test_that_the_least_sure_spot_comes_first_and_no_other_close_to_it() -> None:
    voxels = np.zeros((80, 80, 40), np.uint8)
    voxels[20:29, 20:29, 10:14] = 60
    voxels[60:69, 50:59, 26:30] = 30
    voxels[30:32, 24:26, 12] = 90
    affine = np.diag([1.0, 1.0, 2.5, 1.0])
    spots = uncertain_spots(Volume(voxels, affine))
    assert [round(spot.percent, -1) for spot in spots[:2]] == [60, 30]
    np.testing.assert_allclose(spots[0].voxel, (24, 24, 12), atol=3)
    np.testing.assert_allclose(spots[1].voxel, (64, 54, 28), atol=3)
    places = np.array([spot.voxel for spot in spots]) * [1, 1, 2.5]
    apart = np.linalg.norm(places[:, None] - places[None], axis=-1)
    assert (apart[~np.eye(len(spots), dtype=bool)] >= 15).all()
    assert uncertain_spots(Volume(np.zeros_like(voxels), affine)) == []


def test_that_a_check_names_the_unsure_region_and_its_place_and_never_calls_it_wrong() -> None:
    labels = labels_of(STRAIGHT)
    doubt = np.where(labels.voxels > 0, 2, 0).astype(np.uint8)
    doubt[labels.voxels == 7] = 80
    found = check.find(case_of(labels, uncertainty=Volume(doubt, labels.affine), networks=5, passes=5))
    whole, *regions = found
    assert whole.region == "" and 5 < whole.value < 20
    told = [one for one in regions if one.severity is Severity.LOOK]
    assert [one.region for one in told] == ["right_temporal"]
    assert told[0].value == pytest.approx(80, abs=1)
    assert "mean of 5 networks" in told[0].sentence and "alone" not in told[0].sentence
    x, _, _ = told[0].where or (0, 0, 0)
    assert x > 0  # in the patient's right
    assert len(regions) == len(SCHEME.codes)


def test_that_one_network_is_told_apart_from_several() -> None:
    labels = labels_of(STRAIGHT)
    flat = Volume(np.full(labels.voxels.shape, 10, np.uint8), labels.affine)
    (alone, *_) = check.find(case_of(labels, uncertainty=flat, networks=1, passes=2))
    assert alone.sentence.startswith("10.0 % uncertain on average (one network, of the head and its mirror image)")
    assert "too sure of itself" in alone.sentence
    assert passes_text(3, 6) == "mean of 3 networks, each of the mirrored head too"
    assert check.find(case_of(labels)) == []


def test_that_a_label_map_of_two_grids_is_met_where_it_lies() -> None:
    labels = labels_of(STRAIGHT)
    u, _, _ = coordinates(labels.grid, STRAIGHT)
    doubt = Volume(np.where(u > 0, 90, 0).astype(np.uint8), labels.affine).oriented("LPS")
    values = {one.region: one.value for one in check.find(case_of(labels, uncertainty=doubt, networks=3, passes=3))}
    assert values["right_frontal"] > 85 and values["left_frontal"] < 5
