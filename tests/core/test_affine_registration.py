"""The affine transform: it finds one that is known, from a guess that is off, and refuses brains that lie apart."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ctworkbench.core.affine_registration import fit_affine
from ctworkbench.core.alignment import Brain
from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.volume import Volume
from tests.core.test_diffeomorphism import AFFINE, SHAPE, brain

CORNERS = np.array([[-36, 36, 0, 0, 0, 0], [0, 0, -46, 46, 0, 0], [0, 0, 0, 0, -32, 32], [1] * 6], float)


def affine(degrees: tuple[float, float, float], scale: tuple[float, float, float], shift: float) -> NDArray[np.float64]:
    """A turn after a scaling, and a shift along every axis."""
    found = np.eye(4)
    found[:3, :3] = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix() @ np.diag(scale)
    found[:3, 3] = shift
    return found


def seen_through(transform: NDArray[np.float64]) -> Brain:
    """The textured brain as a scan from whose world `transform` leads to that of the brain itself."""
    return brain(affine=np.linalg.inv(transform) @ AFFINE)


@pytest.mark.parametrize("scale", [(1.0, 1.0, 1.0), (0.9, 1.08, 1.0)])
def test_that_a_known_transform_is_found_within_half_a_millimetre(scale: tuple[float, float, float]) -> None:
    true = affine((4, -3, 5), scale, 6.0)
    middle = np.linalg.inv(true) @ AFFINE @ [*((np.array(SHAPE) - 1) / 2), 1]
    points = CORNERS + np.array([*middle[:3], 0])[:, None]
    before = np.linalg.norm((affine((0, 0, 0), (1, 1, 1), 4.0) @ points - true @ points)[:3], axis=0).max()
    found = fit_affine(seen_through(true), brain(), affine((0, 0, 0), (1, 1, 1), 4.0))
    assert before > 4.0
    assert np.linalg.norm((found @ points - true @ points)[:3], axis=0).max() < 0.5


def test_that_other_hu_of_the_template_change_less_than_a_tenth_of_a_millimetre() -> None:
    true, template = affine((4, -3, 5), (0.95, 1.0, 1.05), 5.0), brain()
    other = np.where(template.mask.voxels > 0, 0.7 * template.image.voxels + 10, 0).astype(np.float32)
    painted = Brain(Volume(other, template.image.affine), template.mask)
    first, second = (fit_affine(seen_through(true), one, np.eye(4)) for one in (template, painted))
    assert np.abs((second - first) @ CORNERS).max() < 0.1


def test_that_a_template_that_is_stored_the_other_way_round_gives_the_same() -> None:
    scan, template = seen_through(affine((4, -3, 5), (1.0, 1.0, 1.0), 3.0)), brain()
    turned = AFFINE.copy()
    turned[:3, 0] *= -1
    turned[0, 3] = AFFINE[0, 3] + SHAPE[0] - 1
    other = Brain(*(Volume(one.voxels[::-1], turned) for one in (template.image, template.mask)))
    straight, round_about = (fit_affine(scan, one, np.eye(4)) for one in (template, other))
    corners = AFFINE @ np.array([[0, 89, 45], [0, 109, 55], [0, 83, 42], [1, 1, 1]])
    assert np.abs((straight - round_about) @ corners).max() < 0.5


def test_that_brains_that_lie_apart_are_refused() -> None:
    away = np.eye(4)
    away[:3, 3] = 150
    with pytest.raises(WorkbenchError, match="next to nothing in common"):
        fit_affine(brain(), brain(), away)
