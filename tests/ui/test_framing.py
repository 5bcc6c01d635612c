"""Where a scan is opened: at the middle of the brain, filled by the head."""

import numpy as np
import pytest

from ctworkbench.core.volume import Volume
from ctworkbench.ui.framing import frame_of, middle_of
from ctworkbench.ui.plane import for_display


def scan(head_rest: bool) -> tuple[Volume, np.ndarray]:
    """A ball of 60 mm off the middle of a field of 200 mm, 2 mm voxels; with a thin shell below it on demand."""
    x, y, z = np.meshgrid(*[np.arange(100) * 2.0] * 3, indexing="ij")
    image = np.full(x.shape, -1000, np.int16)
    radius = np.sqrt((x - 120) ** 2 + (y - 90) ** 2 + (z - 80) ** 2)
    image[radius < 60] = 40
    if head_rest:
        image[(y > 2) & (y < 6) & (x > 10)] = 300
    labels = np.zeros(x.shape, np.uint8)
    labels[np.sqrt((x - 120) ** 2 + (y - 90) ** 2 + (z - 100) ** 2) < 25] = 3
    return Volume(image, np.diag([2.0, 2.0, 2.0, 1.0])), labels


@pytest.mark.parametrize("head_rest", [False, True])
def test_that_the_frame_holds_the_head_and_leaves_out_a_thin_head_rest(head_rest: bool) -> None:
    image, labels = scan(head_rest)
    frame = frame_of(image, labels)
    shown = for_display(image.voxels)
    box = tuple(slice(low, high) for low, high in zip(frame.low, frame.high, strict=True))
    assert (shown[box] == 40).sum() == (shown == 40).sum()
    sides = [2.0 * (high - low) for low, high in zip(frame.low, frame.high, strict=True)]
    assert all(120 <= side <= 150 for side in sides)


def test_that_a_scan_opens_at_the_middle_of_its_labels_or_else_of_the_head() -> None:
    image, labels = scan(head_rest=False)
    # The displayed array runs superior, posterior, left: the last voxel of the old axis is the first of the new one.
    assert np.allclose(frame_of(image, labels).centre, (50, 99 - 45, 99 - 60), atol=2)
    assert np.allclose(frame_of(image, np.zeros_like(labels)).centre, (40, 99 - 45, 99 - 60), atol=2)


def test_that_an_empty_image_is_shown_whole() -> None:
    image = Volume(np.full((10, 12, 14), -1000, np.int16), np.eye(4))
    frame = frame_of(image, np.zeros((10, 12, 14), np.uint8))
    assert (frame.low, frame.high, frame.centre) == ((0, 0, 0), (14, 12, 10), (7, 6, 5))


def test_that_the_middle_of_a_bent_region_lies_in_it() -> None:
    labels = np.zeros((3, 9, 9), np.uint8)
    labels[1, 1:8, 1] = labels[1, 1, 1:8] = labels[1, 7, 1:8] = 4
    place = middle_of(labels, 4)
    assert place is not None
    assert labels[place] == 4
    assert middle_of(labels, 5) is None
