"""Label maps: carried between grids, cleaned, mirrored, compared."""

import numpy as np
import pytest

from ctworkbench.core.errors import VolumeError
from ctworkbench.core.label_maps import (
    dice,
    keep_largest_components,
    labels_from_probabilities,
    mirror,
    resample_labels,
)
from ctworkbench.core.schemes import load
from ctworkbench.core.volume import Grid, Volume

CODES = tuple(range(1, 11))


def brain(spacing: float = 1.0) -> Volume:
    """An ellipsoid of 80×100×70 mm in four quarters (codes 1 to 4) with a ball (10) within and a hollow (0)."""
    count = np.ceil(np.array([90, 110, 80]) / spacing).astype(int)
    affine = np.diag([spacing, spacing, spacing, 1.0])
    affine[:3, 3] = -(count - 1) / 2 * spacing
    x, y, z = np.meshgrid(*[(np.arange(n) - (n - 1) / 2) * spacing for n in count], indexing="ij", sparse=True)
    codes = 1 + (x < 0) * 1 + (y < 0) * 2 + 0 * z
    labels = np.where((x / 40) ** 2 + (y / 50) ** 2 + (z / 35) ** 2 < 1, codes, 0)
    labels = np.where(x**2 + (y + 10) ** 2 + (z + 12) ** 2 < 15**2, 10, labels)
    labels = np.where((x / 8) ** 2 + ((y - 20) / 15) ** 2 + (z / 10) ** 2 < 1, 0, labels)
    return Volume(labels.astype(np.uint8), affine)


def turned(degrees: float, shear: float = 0.0) -> np.ndarray:
    """A rotation about x and z, with a shear of z into y."""
    angle = np.radians(degrees)
    c, s = np.cos(angle), np.sin(angle)
    linear = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    linear = linear @ np.array([[1, 0, 0], [0, 1, shear], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = linear
    return affine


def grid_around(linear: np.ndarray, spacing: tuple[float, float, float]) -> Grid:
    """A grid of that direction and spacing, 140 mm wide, about the origin."""
    count = [int(140 / s) for s in spacing]
    affine = np.eye(4)
    affine[:3, :3] = linear[:3, :3] @ np.diag(spacing)
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(count) - 1) / 2) + 0.13  # no voxel on a border, where sides tie
    return Grid((count[0], count[1], count[2]), affine)


def volumes_mm3(labels: Volume) -> np.ndarray:
    return np.bincount(labels.voxels.ravel(), minlength=11) * labels.grid.voxel_volume_mm3


@pytest.mark.parametrize(
    ("degrees", "shear", "spacing"),
    [
        (0, 0, (0.6, 0.6, 1.25)),
        (7, 0, (0.9, 0.9, 5.0)),
        (20, 0, (0.8, 0.8, 2.0)),
        (5, 0.33, (0.8, 0.8, 2.5)),
        (4, 0, (2, 2, 2)),
    ],
)
def test_that_resampled_labels_keep_their_volumes_on_any_grid(degrees, shear, spacing):
    labels = brain()
    carried = resample_labels(labels, grid_around(turned(degrees, shear), spacing), CODES)
    before, after = volumes_mm3(labels)[1:], volumes_mm3(carried)[1:]
    present = before > 0
    assert carried.voxels.dtype == np.uint8
    assert np.abs(after[present] / before[present] - 1).max() < 0.015
    assert not after[~present].any()


@pytest.mark.parametrize("shear", [0.0, 0.33])
def test_that_resampled_labels_lie_where_they_lay(shear):
    there = grid_around(turned(12, shear), (0.7, 0.7, 1.0))
    carried = resample_labels(brain(), there, CODES)
    centres = there.affine[:3, :3] @ np.indices(there.shape).reshape(3, -1) + there.affine[:3, 3:]
    x, y, z = centres
    ball = ((x**2 + (y + 10) ** 2 + (z + 12) ** 2) < 15**2).reshape(there.shape)
    overlap = dice(np.where(ball, 10, 0).astype(np.uint8), np.where(carried.voxels == 10, 10, 0).astype(np.uint8), [10])
    assert overlap[10] > 0.97


def test_that_resampling_to_a_finer_grid_and_back_changes_next_to_nothing():
    labels = brain(1.5)
    there = resample_labels(labels, labels.grid.isotropic(0.75), CODES)
    back = resample_labels(there, labels.grid, CODES)
    assert min(value for value in dice(labels.voxels, back.voxels, [1, 2, 3, 4, 10]).values()) > 0.985


def test_that_labels_at_the_edge_of_their_grid_keep_half_a_voxel_beyond_it():
    labels = Volume(np.ones((4, 4, 4), dtype=np.uint8), np.eye(4))
    fine = np.diag([0.25, 0.25, 0.25, 1.0])
    fine[:3, 3] = -1.5
    carried = resample_labels(labels, Grid((28, 28, 28), fine), [1])
    along = np.flatnonzero(carried.voxels[:, 14, 14]) * 0.25 - 1.5
    assert along.min() == pytest.approx(-0.5, abs=0.26) and along.max() == pytest.approx(3.5, abs=0.26)


def test_that_labels_outside_the_target_grid_are_left_out():
    far = np.eye(4)
    far[:3, 3] = 500
    assert not resample_labels(brain(), Grid((5, 5, 5), far), CODES).voxels.any()


def test_that_codes_not_asked_for_become_background():
    labels = brain(2.0)
    assert set(np.unique(resample_labels(labels, labels.grid, [1, 10]).voxels)) == {0, 1, 10}
    assert set(np.unique(resample_labels(labels, labels.grid.isotropic(3.0), [1, 10]).voxels)) == {0, 1, 10}


@pytest.mark.parametrize("shear", [0.0, 0.3])
def test_that_probabilities_become_the_labels_that_hard_indicators_become(shear):
    labels = brain(2.0)
    hard = np.stack([labels.voxels == code for code in range(11)]).astype(np.float32)
    there = grid_around(turned(10, shear), (1.0, 1.0, 3.0))
    by_probability = labels_from_probabilities(hard, labels.affine, there)
    by_label = resample_labels(labels, there, CODES)
    assert (by_probability.voxels == by_label.voxels).mean() > 0.9999


def test_that_probability_channels_take_the_codes_they_are_given():
    probabilities = np.zeros((3, 4, 4, 4), dtype=np.float16)
    probabilities[0, :2], probabilities[1, 2:, :2], probabilities[2, 2:, 2:] = 0.9, 0.8, 0.7
    found = labels_from_probabilities(probabilities, np.eye(4), Grid((4, 4, 4), np.eye(4)), codes=[7, 9])
    assert found.voxels[0, 0, 0] == 0 and found.voxels[3, 0, 0] == 7 and found.voxels[3, 3, 3] == 9
    with pytest.raises(VolumeError, match="do not fit"):
        labels_from_probabilities(probabilities, np.eye(4), Grid((4, 4, 4), np.eye(4)), codes=[7])


def test_that_islands_go_to_what_surrounds_them():
    labels = np.zeros((30, 30, 30), dtype=np.uint8)
    labels[2:14, 2:28, 2:28] = 1
    labels[14:26, 2:28, 2:28] = 2
    clean = labels.copy()
    labels[6:8, 10:12, 10:12] = 2  # within region 1
    labels[20, 20, 20] = 3  # the smaller piece of a region that lies elsewhere
    labels[28, 5:9, 5:9] = 3
    labels[28, 20:22, 20:22] = 1  # touches nothing
    clean[28, 5:9, 5:9] = 3
    found = keep_largest_components(Volume(labels, np.eye(4)), [1, 2, 3])
    np.testing.assert_array_equal(found.voxels, clean)


def test_that_voxels_touching_by_a_corner_are_one_piece():
    labels = np.zeros((8, 8, 8), dtype=np.uint8)
    labels[1:3, 1:3, 1:3] = labels[3, 3, 3] = 5
    np.testing.assert_array_equal(keep_largest_components(Volume(labels, np.eye(4)), [5]).voxels, labels)


def test_that_a_region_in_one_piece_and_an_empty_map_stay_as_they_are():
    for labels in (brain(2.0), Volume(np.zeros((3, 3, 3), dtype=np.uint8), np.eye(4))):
        np.testing.assert_array_equal(keep_largest_components(labels, CODES).voxels, labels.voxels)


@pytest.mark.parametrize("axcodes", ["RAS", "LPS", "ASR", "IPL"])
def test_that_a_mirrored_map_has_left_and_right_swapped_and_mirroring_twice_is_the_identity(axcodes):
    scheme = load("lobes10")
    labels = brain(2.0).oriented(axcodes)
    mirrored = mirror(labels, scheme)
    once = mirrored.oriented("RAS").voxels
    original = brain(2.0).voxels
    assert set(np.unique(once)) == {0, 1, 2, 3, 4, 10}
    np.testing.assert_array_equal(once == 1, np.flip(original == 2, 0))
    np.testing.assert_array_equal(once == 10, np.flip(original == 10, 0))
    np.testing.assert_array_equal(mirror(mirrored, scheme).voxels, labels.voxels)


def test_that_dice_agrees_with_its_definition():
    rng = np.random.default_rng(3)
    a = rng.integers(0, 6, (20, 21, 22)).astype(np.uint8)
    b = np.where(rng.random(a.shape) < 0.7, a, rng.integers(0, 6, a.shape)).astype(np.uint8)
    found = dice(a, np.asfortranarray(b), [1, 2, 5, 9])
    for code in (1, 2, 5):
        assert found[code] == pytest.approx(
            2 * ((a == code) & (b == code)).sum() / ((a == code).sum() + (b == code).sum())
        )
    assert np.isnan(found[9])
    with pytest.raises(VolumeError, match="cannot be compared"):
        dice(a, b[1:], [1])
