"""The deformation by local correlation: it finds a warp that is known, and folds nothing."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from ctworkbench.core.alignment import Brain
from ctworkbench.core.diffeomorphism import deform
from ctworkbench.core.registration_scores import deformation_scores
from ctworkbench.core.volume import Volume

SHAPE = (90, 110, 84)
AFFINE = np.array([[1.0, 0, 0, -45], [0, 1, 0, -60], [0, 0, 1, -30], [0, 0, 0, 1]])


def brain(displacement: NDArray[np.float64] | None = None, affine: NDArray[np.float64] = AFFINE) -> Brain:
    """A textured ellipsoid in a grid of 1 mm, read at its voxels displaced by so many mm (3, x, y, z)."""
    noise = np.random.default_rng(7).normal(size=SHAPE)
    texture = ndimage.gaussian_filter(noise, 4)
    where = np.indices(SHAPE).astype(float) if displacement is None else np.indices(SHAPE) + displacement
    middle = (np.array(SHAPE) - 1)[:, None, None, None] / 2
    inside = (((where - middle) / np.array([36, 46, 32])[:, None, None, None]) ** 2).sum(axis=0) < 1
    hu = 32 + 8 * ndimage.map_coordinates(texture / texture.std(), where, order=1, mode="nearest")
    voxels = np.where(inside, np.clip(hu, 1, 80), 0).astype(np.float32)
    return Brain(Volume(voxels, affine), Volume(inside.astype(np.uint8), affine))


@pytest.fixture(scope="module")
def bulge() -> NDArray[np.float64]:
    """Up to 5 mm away from a point left of the middle, smooth, and nothing at the edge."""
    away = np.indices(SHAPE) - np.array([30, 60, 45])[:, None, None, None]
    return 0.5 * away * np.exp(-(away**2).sum(axis=0) / (2 * 14.0**2))


def test_that_a_smooth_warp_is_found_within_a_millimetre_and_folds_nothing(bulge: NDArray[np.float64]) -> None:
    scan, template = brain(bulge), brain()
    displacement, grid = deform(scan, template, np.eye(4))
    index = np.indices(displacement.shape[:3]).reshape(3, -1).T @ grid[:3, :3].T + grid[:3, 3]
    at = (index - AFFINE[:3, 3]).T
    true = np.stack([ndimage.map_coordinates(one, at, order=1, mode="nearest") for one in bulge], -1)
    deep = ndimage.map_coordinates(ndimage.binary_erosion(scan.mask.voxels, iterations=6).astype(float), at, order=1)
    before = np.linalg.norm(true, axis=1)[deep > 0.99]
    after = np.linalg.norm(displacement.reshape(-1, 3) - true, axis=1)[deep > 0.99]
    assert before.max() > 4.0
    assert after.mean() < 0.6
    assert np.percentile(after, 95) < 1.5
    scores = deformation_scores(displacement, grid, scan)
    assert scores["folding_fraction"] == 0
    assert scores["jacobian_min"] > 0.2


def test_that_equal_brains_are_left_where_they_are_but_for_half_a_voxel() -> None:
    displacement, _ = deform(brain(), brain(), np.eye(4))
    assert np.linalg.norm(displacement, axis=-1).max() < 1.0


def test_that_a_template_that_is_stored_the_other_way_round_gives_the_same(bulge: NDArray[np.float64]) -> None:
    scan, template = brain(bulge), brain()
    turned = AFFINE.copy()
    turned[:3, 0] *= -1
    turned[0, 3] = AFFINE[0, 3] + SHAPE[0] - 1
    other = Brain(*(Volume(one.voxels[::-1], turned) for one in (template.image, template.mask)))
    straight, _ = deform(scan, template, np.eye(4))
    round_about, _ = deform(scan, other, np.eye(4))
    np.testing.assert_allclose(round_about, straight, atol=1e-3)


def test_that_the_affine_transform_comes_after_the_deformation() -> None:
    shifted = AFFINE.copy()
    shifted[:3, 3] += (40, -25, 10)
    affine = np.eye(4)
    affine[:3, 3] = (40, -25, 10)
    displacement, _ = deform(brain(), brain(affine=shifted), affine)
    assert np.linalg.norm(displacement, axis=-1).max() < 1.0
