"""Scores of label maps: hand-made boxes, whose distances are known, and sheared grids."""

import numpy as np
import pytest

from ctworkbench.core.errors import VolumeError
from ctworkbench.core.segmentation_scores import RegionScores, region_scores, surface_distances
from ctworkbench.core.volume import Volume


def box(start: tuple[int, int, int], size: tuple[int, int, int], code: int = 1, shape=(30, 30, 30)) -> np.ndarray:
    voxels = np.zeros(shape, np.uint8)
    voxels[tuple(slice(s, s + n) for s, n in zip(start, size, strict=True))] = code
    return voxels


def scores(a: np.ndarray, b: np.ndarray, affine: np.ndarray | None = None, code: int = 1) -> RegionScores:
    affine = np.eye(4) if affine is None else affine
    return region_scores(Volume(a, affine), Volume(b, affine), (code,))[code]


def test_that_a_box_equals_itself() -> None:
    one = box((5, 5, 5), (10, 10, 10))
    assert scores(one, one) == RegionScores(dice=1.0, surface_dice=1.0, hd95_mm=0.0, volume_error_percent=0.0)


def test_that_two_shifted_boxes_have_the_distances_that_one_can_count() -> None:
    # Ten voxels a side, shifted by three along x, voxels of 2 mm in x: the far face is 6 mm off.
    affine = np.diag([2.0, 1.0, 1.0, 1.0])
    found = scores(box((8, 5, 5), (10, 10, 10)), box((5, 5, 5), (10, 10, 10)), affine)
    assert found.dice == pytest.approx(0.7)
    assert found.volume_error_percent == 0.0
    there, back = surface_distances(box((8, 5, 5), (10, 10, 10)) > 0, box((5, 5, 5), (10, 10, 10)) > 0, affine)
    assert there.size == back.size == 488
    assert there.max() == 6.0
    assert found.hd95_mm == 6.0  # the 100 voxels of a face are a fifth of the surface
    # Seven rings of 36 lie on the other's surface; of the face within the other box 28 voxels are 1 mm from its ring.
    assert found.surface_dice == (7 * 36 + 28) / 488


def test_that_a_shift_by_just_one_millimetre_is_within_the_tolerance() -> None:
    affine = np.diag([0.5, 0.5, 5.0, 1.0])
    one, other = box((5, 5, 5), (10, 10, 4)), box((7, 5, 5), (10, 10, 4))
    found = scores(one, other, affine)
    assert found.surface_dice == 1.0
    assert found.hd95_mm == pytest.approx(1.0)
    assert scores(one, box((8, 5, 5), (10, 10, 4)), affine).surface_dice < 1.0


def test_that_volume_error_keeps_its_sign_and_is_of_the_reference() -> None:
    small, large = box((5, 5, 5), (10, 10, 5)), box((5, 5, 5), (10, 10, 10))
    assert scores(small, large).volume_error_percent == -50.0
    assert scores(large, small).volume_error_percent == 100.0


def test_that_a_region_in_one_map_alone_has_no_distance_and_no_overlap() -> None:
    one, none = box((5, 5, 5), (4, 4, 4)), np.zeros((30, 30, 30), np.uint8)
    assert scores(none, one) == RegionScores(dice=0, surface_dice=0, hd95_mm=None, volume_error_percent=-100)
    assert scores(one, none) == RegionScores(dice=0, surface_dice=0, hd95_mm=None, volume_error_percent=None)
    assert region_scores(Volume(none, np.eye(4)), Volume(none, np.eye(4)), (1, 2)) == {}


def test_that_a_sheared_grid_is_measured_in_the_patient() -> None:
    # A tilted gantry: each slice of 5 mm is moved by 3 mm in y. One slice up and 3 mm forward are the same column.
    affine = np.diag([1.0, 1.0, 5.0, 1.0])
    affine[1, 2] = 3.0
    one, other = box((5, 5, 5), (1, 1, 1)), box((5, 5, 6), (1, 1, 1))
    assert scores(one, other, affine).hd95_mm == pytest.approx(np.hypot(5.0, 3.0))


def test_that_maps_on_two_grids_are_refused() -> None:
    one = box((5, 5, 5), (4, 4, 4))
    with pytest.raises(VolumeError, match="different grids"):
        region_scores(Volume(one, np.eye(4)), Volume(one, np.diag([1.0, 1, 2, 1])), (1,))
