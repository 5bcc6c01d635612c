"""What the network sees is where it is in the patient, and what cannot be used is refused by name."""

from pathlib import Path

import numpy as np
import pytest
import torch

from ctworkbench.core import schemes
from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.label_maps import dice
from ctworkbench.core.volume import Volume, read_nifti, write_nifti
from ctworkbench.train.data import network_image, network_input, padded, prepare, roles
from ctworkbench.train.preset import Preset
from tests.train.heads import TINY, Head, make_head, points, regions_at

CODES = schemes.load().codes


def at(spacing_mm: float, margin_mm: float = 4.0) -> Preset:
    """Settings with voxels of this size."""
    return TINY.model_copy(update={"spacing_mm": spacing_mm, "margin_mm": margin_mm})


@pytest.fixture(scope="module")
def head(tmp_path_factory: pytest.TempPathFactory) -> Head:
    """One head whose labels lie on a turned, left-handed grid."""
    return make_head(tmp_path_factory.mktemp("head"), 3)


def test_that_labels_of_a_turned_left_handed_scan_meet_the_image_in_the_patient(head: Head, tmp_path: Path) -> None:
    item = prepare(head.case("train"), tmp_path, at(3.0), CODES)
    rng = np.random.default_rng(3)
    centre, radii = rng.uniform(-6, 6, 3), np.array([30.0, 38.0, 32.0]) * rng.uniform(0.92, 1.08, 3)
    truth = regions_at(points(item.view.grid.shape, item.view.grid.affine), centre, radii)
    overlap = dice(item.target, truth, CODES)
    assert np.mean(list(overlap.values())) > 0.9
    assert max(dice(item.target, schemes.load().mirror_table[truth], CODES[:8]).values()) < 0.1


def test_that_prepared_arrays_are_kept_and_not_made_again(head: Head, tmp_path: Path) -> None:
    first = prepare(head.case("train"), tmp_path, at(4.0), CODES)
    (kept,) = tmp_path.iterdir()
    written = kept.stat().st_mtime_ns
    again = prepare(head.case("train"), tmp_path, at(4.0), CODES)
    assert kept.stat().st_mtime_ns == written
    assert np.array_equal(first.view.image, again.view.image)
    assert np.array_equal(first.target, again.target)
    assert first.view.grid.matches(again.view.grid)
    assert first.view.box_mm == again.view.box_mm


def test_that_values_in_the_brain_are_near_one_and_outside_are_zero(head: Head) -> None:
    view = network_image(read_nifti(head.image), read_nifti(head.brain), at(2.0), "H03")
    inside = view.image[view.image > 0.3]
    assert abs(inside.mean() - 1) < 0.05
    assert view.image[0].max() == 0
    scaled = Volume(read_nifti(head.image).voxels * 250 + 40, read_nifti(head.image).affine)
    other = network_image(scaled, read_nifti(head.brain), at(2.0), "H03")
    np.testing.assert_allclose(other.image, view.image, atol=1e-4)


def test_that_coordinates_run_from_face_to_face_of_the_brain(head: Head) -> None:
    brain = read_nifti(head.brain)
    view = network_image(read_nifti(head.image), brain, at(4.0), "H03")
    place = view.coordinates(view.grid.shape)
    world = points(view.grid.shape, view.grid.affine)
    inside = points(brain.voxels.shape, brain.affine)[:, brain.voxels > 0]
    for axis in range(3):
        low, high = inside[axis].min() - 1, inside[axis].max() + 1  # voxels of 2 mm
        expected = (world[axis] - (low + high) / 2) / ((high - low) / 2)
        np.testing.assert_allclose(place[axis].numpy(), expected, atol=1e-4)


def test_that_brains_of_two_sizes_share_a_centre_and_their_coordinates(tmp_path: Path) -> None:
    views = [
        network_image(read_nifti(head.image), read_nifti(head.brain), at(4.0), head.subject)
        for head in (make_head(tmp_path, 1), make_head(tmp_path, 6))
    ]
    views[0] = network_image(
        read_nifti(tmp_path / "1_image.nii.gz"), read_nifti(tmp_path / "1_brain.nii.gz"), at(4.0, 16.0), "H01"
    )
    batch = network_input([view.tensor() for view in views], views, coordinates=True)
    shape = tuple(batch.shape[2:])
    assert batch.shape[:2] == (2, 4)
    for number, view in enumerate(views):
        start = [(wanted - own) // 2 for wanted, own in zip(shape, view.grid.shape, strict=True)]
        box = tuple(slice(a, a + n) for a, n in zip(start, view.grid.shape, strict=True))
        assert torch.equal(batch[number, 0][box], view.tensor()[0])
        torch.testing.assert_close(batch[(number, slice(1, 4), *box)], view.coordinates(view.grid.shape))


def test_that_padding_is_even_on_both_sides() -> None:
    grown = padded(torch.ones(1, 4, 8, 4), (8, 8, 12))
    assert grown.shape == (1, 8, 8, 12)
    assert grown[0, 2:6, :, 4:8].sum() == grown.sum() == 128


def test_that_an_empty_mask_a_foreign_mask_and_a_uniform_image_are_refused(head: Head) -> None:
    image, brain = read_nifti(head.image), read_nifti(head.brain)
    empty = Volume(np.zeros_like(brain.voxels), brain.affine)
    moved = Volume(brain.voxels, brain.affine @ np.diag([1.1, 1, 1, 1]))
    flat = Volume(np.full_like(image.voxels, 7), image.affine)
    for pair, words in (
        ((image, empty), "P7: the brain mask is empty"),
        ((image, moved), "P7: image and brain mask"),
        ((flat, brain), "P7: the image is uniform"),
    ):
        with pytest.raises(WorkbenchError, match=words):
            network_image(*pair, at(3.0), "P7")


def test_that_a_missing_file_and_labels_of_another_place_are_named(head: Head, tmp_path: Path) -> None:
    gone = head.case("train").model_copy(update={"image": tmp_path / "gone.nii.gz"})
    with pytest.raises(WorkbenchError, match=r"H03: gone\.nii\.gz is missing"):
        prepare(gone, tmp_path, at(3.0), CODES)
    far = head.truth.affine.copy()
    far[:3, 3] += 500
    write_nifti(Volume(head.truth.voxels, far), tmp_path / "far.nii.gz")
    with pytest.raises(WorkbenchError, match=r"H03: the label map far\.nii\.gz holds no region"):
        prepare(head.case("train").model_copy(update={"labels": tmp_path / "far.nii.gz"}), tmp_path, at(3.0), CODES)


def test_that_a_subject_in_two_roles_is_refused(head: Head) -> None:
    with pytest.raises(WorkbenchError, match="H03 is both in validation and in train: that leaks"):
        roles([head.case("train"), head.case("validation")], None, 1, 1)


def test_that_no_accepted_labels_and_too_few_are_told(head: Head) -> None:
    with pytest.raises(WorkbenchError, match="No label map has been accepted"):
        roles([], None, 1, 1)
    with pytest.raises(WorkbenchError, match="1 accepted cases to train on, 0 to validate on: too few"):
        roles([head.case("train")], None, 1, 1)


def test_that_folds_hold_out_each_subject_once_and_never_touch_the_test_set(head: Head) -> None:
    cases = [
        head.case("test" if number < 3 else "train").model_copy(update={"subject": f"P{number}"})
        for number in range(13)
    ]
    dealt = [roles(cases, fold, 5, seed=1) for fold in range(5)]
    assert all(found[:3] == ["test"] * 3 for found in dealt)
    assert [sum(found[i] == "validation" for found in dealt) for i in range(3, 13)] == [1] * 10
    with pytest.raises(WorkbenchError, match="no fold 5"):
        roles(cases, 5, 5, seed=1)


def test_that_a_network_which_sees_hu_is_not_misled_by_what_lies_outside_the_brain_window(head: Head) -> None:
    brain, sees_hu = read_nifti(head.brain), at(3.0).model_copy(update={"sees": "hu"})
    image = read_nifti(head.image)
    hu = Volume(20 + 40 * image.voxels, image.affine)
    plain = network_image(hu, brain, sees_hu, "H03").image
    inside = np.argwhere(brain.voxels > 0)
    chosen = tuple(inside[len(inside) // 2])
    hu.voxels[chosen] = 80
    bright = network_image(hu, brain, sees_hu, "H03").image
    hu.voxels[chosen] = 3000
    np.testing.assert_array_equal(network_image(hu, brain, sees_hu, "H03").image, bright)
    assert np.abs(bright - plain).max() > 0
