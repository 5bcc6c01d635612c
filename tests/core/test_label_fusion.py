"""Label maps of several templates made one: whom the HU speak for is believed, and where they part is told."""

import numpy as np
import pytest

from ctworkbench.core.label_fusion import Carried, Fusion, fuse

SHAPE = (40, 40, 40)


def half(edge: int) -> np.ndarray:
    """Region 1 below an edge along x, region 2 above it, nothing in the outer 4 voxels."""
    labels = np.zeros(SHAPE, np.uint8)
    labels[4:edge, 4:-4, 4:-4] = 1
    labels[edge:-4, 4:-4, 4:-4] = 2
    return labels


def grey(labels: np.ndarray) -> np.ndarray:
    """Regions that HU tell apart."""
    return np.array([0, 29, 37], np.float32)[labels]


TRUE = half(20)
SCAN = (grey(TRUE) + np.random.default_rng(1).normal(0, 1.5, SHAPE)).astype(np.float32)
BRAIN = TRUE > 0
RIGHT, WRONG = Carried(TRUE, grey(TRUE)), Carried(half(28), grey(half(28)))


@pytest.mark.parametrize("method", ["joint", "local"])
def test_that_the_template_that_is_like_the_scan_outvotes_two_that_are_not(method: Fusion) -> None:
    found = fuse(SCAN, BRAIN, [WRONG, RIGHT, WRONG], [1, 2], method)
    assert np.mean(found.labels[BRAIN] == TRUE[BRAIN]) > 0.97
    assert found.weights.sum() == pytest.approx(1)


@pytest.mark.parametrize("method", ["majority", "staple"])
def test_that_a_vote_of_labels_alone_goes_with_the_many(method: Fusion) -> None:
    found = fuse(SCAN, BRAIN, [WRONG, RIGHT, WRONG], [1, 2], method)
    np.testing.assert_array_equal(found.labels, WRONG.labels)


def test_that_one_template_is_taken_as_it_is_and_agrees_with_itself() -> None:
    found = fuse(SCAN, BRAIN, [WRONG], [1, 2])
    np.testing.assert_array_equal(found.labels, WRONG.labels)
    assert not found.apart.any()


def test_that_places_where_templates_part_are_told() -> None:
    flat = np.where(BRAIN, np.float32(33), np.float32(0))  # HU say nothing
    found = fuse(flat, BRAIN, [Carried(half(edge), flat) for edge in (16, 20, 24)], [1, 2])
    assert found.apart[18:22, 10:30, 10:30].mean() > 0.4
    assert not found.apart[8:12, 10:30, 10:30].any() and not found.apart[30:34, 10:30, 10:30].any()
