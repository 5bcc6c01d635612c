"""The private parts of napari that the shared label map leans on; a new napari must pass here before it is taken."""

import inspect
from collections import deque

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap

from ctworkbench.ui.plane import for_display
from ctworkbench.ui.region_counts import RegionCounts
from ctworkbench.ui.shared_labels import LabelHub, SharedLabels, _box_of


def layer(array: np.ndarray) -> SharedLabels:
    made = SharedLabels(array)
    made.colormap = DirectLabelColormap(color_dict={None: "red", 0: "transparent", 1: "blue"})
    return made


def test_that_napari_has_the_private_parts_that_are_overridden() -> None:
    for name in (
        "_partial_labels_refresh",
        "_load_history",
        "_reset_history",
        "_get_pt_not_disp",
        "_draw",
        "_block_refresh",
        "_clear_extent",
        "_expand_updated_slice_for_contour",
        "_update_thumbnail",
    ):
        assert callable(getattr(Labels, name)), name
    assert list(inspect.signature(Labels._draw).parameters) == ["self", "new_label", "last_cursor_coord", "coordinates"]
    assert list(inspect.signature(Labels._load_history).parameters) == ["self", "before", "after", "undoing"]
    assert isinstance(Labels._history_limit, int)


def test_that_the_slice_shown_is_the_array_itself() -> None:
    array = np.zeros((6, 7, 8), np.uint8, order="F")
    shown = for_display(array)
    made = layer(shown)
    assert np.shares_memory(made._slice.image.view, array)
    made.paint((0, 3, 3), 1)
    assert array.any()


def test_that_the_history_is_two_deques_of_atoms_whose_box_can_be_told() -> None:
    made = layer(np.zeros((6, 7, 8), np.uint8))
    assert isinstance(made._undo_history, deque)
    assert isinstance(made._redo_history, deque)
    assert made._undo_history.maxlen == SharedLabels._history_limit >= 200
    made.brush_size = 1
    with made.block_history():
        made.paint((2, 3, 4), 1)
        made.paint((2, 5, 6), 1)
    assert _box_of(made._undo_history[-1]) == (slice(2, 3), slice(3, 6), slice(4, 7))
    made.data_setitem((np.array([0, 5]), np.array([1, 2]), np.array([3, 3])), 1)
    assert _box_of(made._undo_history[-1]) == (slice(0, 6), slice(1, 3), slice(3, 4))


def test_that_every_edit_tells_the_box_it_changed() -> None:
    array = np.zeros((6, 7, 8), np.uint8)
    hub = LabelHub()
    first, second = layer(array), layer(array)
    hub.add(first)
    hub.add(second)
    boxes: list[tuple[slice, ...]] = []
    counts = RegionCounts(array)
    hub.edited.connect(boxes.append)
    hub.edited.connect(lambda box: counts.update(array, box))
    first.brush_size = 1
    first.paint((0, 3, 4), 1)
    first.fill((0, 0, 0), 1)
    second.undo()
    second.undo()
    second.redo()
    assert len(boxes) == 5
    assert counts.voxels[1] == np.count_nonzero(array) == 1
    assert first._undo_history is second._undo_history
