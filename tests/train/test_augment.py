"""Left stays left: a flipped head is a head whose sides are named anew."""

import numpy as np
import pytest
import torch
from scipy.ndimage import affine_transform

from ctworkbench.core import schemes
from ctworkbench.train.augment import augment, class_mirror, flip, patch, rotation
from ctworkbench.train.preset import Augmentation
from tests.train.heads import points, regions_at

SCHEME = schemes.load()
MIRROR = class_mirror(SCHEME.codes, SCHEME.mirror_table)
STILL = Augmentation(flip=0.0, rotation_degrees=0.0)


@pytest.fixture
def head() -> tuple[torch.Tensor, torch.Tensor, np.ndarray]:
    """Image (1, x, y, z), classes, and the world x of every voxel, right positive, 0 in the middle."""
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = -39
    world = points((40, 40, 40), affine)
    target = regions_at(world, np.zeros(3), np.array([30.0, 36.0, 32.0]))
    image = np.where(target > 0, 1 + 0.02 * target, 0).astype(np.float32)
    return torch.from_numpy(image)[None], torch.from_numpy(target).long(), world[0]


def sides_are_right(target: torch.Tensor, x: np.ndarray) -> bool:
    """Whether every region of the right lies right of the middle, and every region of the left lies left of it."""
    centres = {region.side: [] for region in SCHEME.regions}
    for region in SCHEME.regions:
        centres[region.side].append(float(x[target.numpy() == region.code].mean()))
    return min(centres["right"]) > 5 and max(centres["left"]) < -5


def test_that_left_stays_left_when_a_head_is_flipped(head) -> None:
    image, target, x = head
    assert sides_are_right(target, x)
    flipped, classes = flip(image, target, MIRROR)
    assert not torch.equal(flipped, image)
    assert sides_are_right(classes, x)


def test_that_a_flip_without_the_swap_would_be_caught(head) -> None:
    _, target, x = head
    assert not sides_are_right(target.flip(0), x)


def test_that_two_flips_give_the_head_back(head) -> None:
    image, target, _ = head
    again = flip(*flip(image, target, MIRROR), MIRROR)
    assert torch.equal(again[0], image)
    assert torch.equal(again[1], target)


def test_that_flips_happen_as_often_as_asked(head) -> None:
    image, target, x = head
    change = Augmentation(flip=0.5, rotation_degrees=0.0)
    seen = [augment(image, target, MIRROR, change, np.random.default_rng(seed)) for seed in range(60)]
    flips = [not torch.equal(changed, image) for changed, _ in seen]
    assert 18 <= sum(flips) <= 42
    assert all(sides_are_right(classes, x) for _, classes in seen)


def test_that_a_rotation_turns_image_and_labels_by_the_same_matrix() -> None:
    rng = np.random.default_rng(5)
    image = torch.from_numpy(rng.random((1, 18, 24, 14), dtype=np.float32))
    smooth = torch.nn.functional.avg_pool3d(image, 5, 1, 2)
    target = (smooth[0] > 0.5).long()
    state = np.random.default_rng(9)
    matrix = rotation(np.radians(state.uniform(-1, 1, 3) * 25.0))
    change = Augmentation(flip=0.0, rotation_degrees=25.0)
    turned, classes = augment(smooth, target, torch.arange(2), change, np.random.default_rng(9))
    centre = (np.array(smooth.shape[1:]) - 1) / 2
    expected = affine_transform(smooth[0].numpy(), matrix, centre - matrix @ centre, order=1)
    inner = (slice(4, -4), slice(4, -4), slice(4, -4))
    np.testing.assert_allclose(turned[0].numpy()[inner], expected[inner], atol=2e-3)
    nearest = affine_transform(target.numpy().astype(np.uint8), matrix, centre - matrix @ centre, order=0)
    assert (classes.numpy()[inner] == nearest[inner]).mean() > 0.99


def test_that_outside_the_brain_stays_empty_and_the_same_draw_gives_the_same_head(head) -> None:
    image, target, _ = head
    change = Augmentation(flip=0.5, gain=0.2, noise=0.2, rotation_degrees=0.0)
    one, two = (augment(image, target, MIRROR, change, np.random.default_rng(4)) for _ in range(2))
    assert torch.equal(one[0], two[0])
    assert not one[0][0][one[1] == 0].any()
    assert not torch.equal(one[0], image)


def test_that_nothing_is_changed_when_nothing_is_asked_for(head) -> None:
    image, target, _ = head
    changed, classes = augment(image, target, MIRROR, STILL, np.random.default_rng(1))
    assert torch.equal(changed, image)
    assert torch.equal(classes, target)


def test_that_a_bend_moves_image_and_classes_together(head) -> None:
    _image, target, _ = head
    painted = torch.where(target > 0, 1 + 0.02 * target, torch.zeros(())).float()[None]
    change = STILL.model_copy(update={"elastic_mm": 6.0})
    bent, classes = augment(painted, target, MIRROR, change, np.random.default_rng(4), 2.0)
    assert (classes != target).float().mean() > 0.01
    inside = (bent[0] > 1.0) & (classes > 0)
    off = (bent[0] - (1 + 0.02 * classes)).abs()[inside]
    assert float(off.median()) < 1e-3  # away from borders, each voxel has the value of its class


def test_that_thick_slices_and_blur_leave_classes_and_outside_as_they_are(head) -> None:
    image, target, _ = head
    change = STILL.model_copy(update={"blur": 1.5, "slices_mm": 12.0})
    changed, classes = augment(image, target, MIRROR, change, np.random.default_rng(2), 2.0)
    assert torch.equal(classes, target)
    assert not changed[image == 0].any()
    assert (changed - image).abs().max() > 0.01


def test_that_patches_show_small_regions_as_often_as_large_ones(head) -> None:
    image, target, _ = head
    rng = np.random.default_rng(1)
    seen = [target[patch(image, target, 8, rng)] for _ in range(200)]
    assert all(piece.shape == (8, 8, 8) for piece in seen)
    share = [sum(bool((piece == number).any()) for piece in seen) / 200 for number in range(1, 11)]
    assert min(share) > 0.08  # a tenth of the patches lies about each


def test_that_a_patch_larger_than_the_head_is_the_head(head) -> None:
    image, target, _ = head
    assert target[patch(image, target, 96, np.random.default_rng(1))].shape == target.shape
