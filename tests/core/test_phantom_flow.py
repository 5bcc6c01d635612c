"""Flows do not fold, invert each other, and grow what they are asked to grow."""

import numpy as np
import pytest
from scipy import ndimage

from ctworkbench.core.phantom_flow import Steering, exponential, jacobian
from ctworkbench.core.phantom_head import region_at


@pytest.fixture(scope="module")
def ball() -> np.ndarray:
    x, y, z = np.indices((40, 44, 36)) - np.array([20, 22, 18]).reshape(3, 1, 1, 1)
    return (x**2 + y**2 + z**2 < 12**2).astype(np.float32)


def test_that_a_flow_and_its_reverse_cancel_and_never_fold() -> None:
    rng = np.random.default_rng(0)
    noise = [ndimage.gaussian_filter(rng.standard_normal((40, 44, 36)), 6) for _ in range(3)]
    velocity = np.stack([2 * part / part.std() for part in noise]).astype(np.float32)  # twice a phantom's, in cells
    there, back = exponential(velocity), exponential(-velocity)
    assert np.abs(there).max() > 2, "too tame a flow to prove anything"
    assert min(jacobian(there).min(), jacobian(back).min()) > 0
    at = np.indices(there.shape[1:]) + there
    again = there + np.stack([ndimage.map_coordinates(part, at, order=1, mode="nearest") for part in back])
    assert np.abs(again[:, 8:-8, 8:-8, 8:-8]).max() < 0.2


def test_that_one_half_of_a_brain_grows_by_as_much_as_the_other_shrinks(ball: np.ndarray) -> None:
    half = ball.copy()
    half[:20] = 0
    velocity = Steering(ball, np.full(3, 4.0)).flow(0.1 * half - 0.1 * (ball - half))
    volume = jacobian(exponential(velocity))
    assert (half * volume).sum() / half.sum() == pytest.approx(1.08, abs=0.03)
    assert ((ball - half) * volume).sum() / (ball - half).sum() == pytest.approx(0.92, abs=0.03)


def test_that_the_region_with_most_weight_wins() -> None:
    labels = np.zeros((3, 3, 3), dtype=np.uint8)
    labels[1:] = 4
    labels[1:, 2] = 7
    points = np.array([[0.4, 1.0, 1.0], [0.6, 1.0, 1.0], [1.0, 1.4, 1.0], [1.0, 1.6, 1.0]], dtype=np.float32).T
    assert region_at(labels, points).tolist() == [0, 4, 4, 7]
