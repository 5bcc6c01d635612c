"""The history of edits: exact, bounded in steps and bytes; and the private parts of napari that it leans on."""

import inspect

import numpy as np
import pytest
from napari.layers import Labels
from napari.layers.labels.labels import _MaskedPaintAtom
from napari.utils.colormaps import DirectLabelColormap

from ctworkbench.ui.edit_history import MOST_BYTES, DrawnSlice, EditAtom, History, PackedAtom, drawn_in, packed, size_of
from ctworkbench.ui.paint_limits import PaintLimits
from ctworkbench.ui.shared_labels import LabelHub, SharedLabels

SHAPE = (60, 150, 140)


def hub_on(array: np.ndarray) -> LabelHub:
    hub = LabelHub()
    for _ in range(3):
        layer = SharedLabels(array)
        layer.colormap = DirectLabelColormap(color_dict={None: "red", 0: "transparent"})
        hub.add(layer)
    return hub


def stroke(layer: SharedLabels, places: list[tuple[int, int, int]], code: int) -> None:
    """A stroke as napari draws one: many dabs, one step."""
    with layer.block_history():
        for place in places:
            layer.paint(place, code)


def test_that_napari_has_the_private_parts_that_are_overridden() -> None:
    assert _MaskedPaintAtom._fields == ("slice_key", "mask", "old_values", "new_value")
    for name, parameters in (
        ("_apply_mask_to_data", ["self", "data", "mask", "new_label", "volume_slice"]),
        ("_history_atom_for_mask_paint", ["volume_slice", "region_data", "mask", "new_label"]),
        ("_save_history", ["self", "value"]),
        ("_commit_staged_history", ["self"]),
        ("_replay_masked_atom", ["self", "atom", "undoing"]),
        ("_accumulate_updated_slice", ["self", "updated_slice"]),
    ):
        assert list(inspect.signature(getattr(Labels, name)).parameters) == parameters, name
    draw = list(inspect.signature(Labels._paint_region_with_mask).parameters)
    assert draw[:5] == ["self", "slice_key", "mask", "new_label", "dims_to_paint"]


@pytest.mark.parametrize("size", [3, 90])
def test_that_strokes_of_any_size_are_undone_and_redone_exactly(size: int) -> None:
    array = np.random.default_rng(0).integers(0, 3, SHAPE).astype(np.uint8)
    hub = hub_on(array)
    layer = hub.layers[0]
    layer.brush_size, layer.n_edit_dimensions = size, 3
    states = [array.copy()]
    for number in range(4):
        stroke(layer, [(20 + number, 40 + 2 * step, 60 - step) for step in range(12)], 1 + number % 3)
        states.append(array.copy())
    assert isinstance(layer._undo_history[-1][0], PackedAtom) == (size == 90)
    for state in states[-2::-1]:
        assert hub.undo()
        assert np.array_equal(array, state)
    for state in states[1:]:
        assert hub.redo()
        assert np.array_equal(array, state)


def test_that_five_hundred_strokes_of_a_large_ball_take_a_bounded_memory_and_two_hundred_can_be_undone() -> None:
    array = np.random.default_rng(0).integers(0, 11, SHAPE).astype(np.uint8)
    hub = hub_on(array)
    layer = hub.layers[1]
    layer.brush_size, layer.n_edit_dimensions = 60, 3
    chance = np.random.default_rng(1)
    kept: dict[int, np.ndarray] = {}
    for number in range(520):
        if number == 320:
            kept[number] = array.copy()
        place = chance.integers(0, SHAPE)
        stroke(
            layer,
            [(int(place[0]), int(place[1]) + step, int(place[2])) for step in (0, 4)],
            int(chance.integers(0, 11)),
        )
    history = layer._undo_history
    assert isinstance(history, History)
    assert history.nbytes == sum(map(size_of, history)) <= MOST_BYTES
    assert 200 <= len(history) <= 500
    for _ in range(200):
        assert hub.undo()
    assert np.array_equal(array, kept[320])
    assert history.nbytes + layer._redo_history.nbytes <= MOST_BYTES


def test_that_steps_of_a_whole_volume_push_the_oldest_out_before_memory_runs_over(monkeypatch) -> None:
    monkeypatch.setattr("ctworkbench.ui.edit_history.MOST_BYTES", 3 * 2**20)
    chance = np.random.default_rng(0)
    array = np.zeros(SHAPE, np.uint8)
    hub = hub_on(array)
    whole = tuple(slice(0, size) for size in SHAPE)
    drawn = DrawnSlice(0, 7, 4)
    states = []
    for number in range(8):
        states.append(array.copy())
        hub.apply(whole, chance.integers(0, 11, SHAPE).astype(np.uint8), [drawn] if not number else [])
    history = hub.layers[0]._undo_history
    assert history.nbytes <= 3 * 2**20
    assert 1 <= len(history) < 8
    assert drawn in hub.drawn  # though its step is forgotten
    for state in states[: -len(history) - 1 : -1]:
        hub.undo()
        assert np.array_equal(array, state)
    assert not hub.undo()


def test_that_an_operation_is_one_step_whose_box_and_codes_every_view_is_told() -> None:
    array = np.zeros(SHAPE, np.uint8)
    hub = hub_on(array)
    boxes = []
    hub.edited.connect(boxes.append)
    box = (slice(2, 8), slice(3, 9), slice(4, 7))
    hub.apply(box, np.full((6, 6, 3), 5, np.uint8))
    assert (array[box] == 5).all()
    assert array.sum() == 5 * 6 * 6 * 3
    hub.layers[2].undo()
    assert not array.any()
    hub.layers[1].redo()
    assert (array[box] == 5).all()
    assert boxes == [box] * 3


def test_that_slices_drawn_by_hand_are_known_by_plane_and_region_and_forgotten_with_undo() -> None:
    array = np.zeros(SHAPE, np.uint8)
    hub = hub_on(array)
    layer = hub.layers[0]
    layer.brush_size = 3
    stroke(layer, [(12, 30, 30)], 4)
    assert hub.drawn == {DrawnSlice(0, 12, 4)}
    stroke(layer, [(12, 31, 30)], 6)
    stroke(layer, [(13, 31, 30)], 0)
    assert hub.drawn == {DrawnSlice(0, 12, 4), DrawnSlice(0, 12, 6)}
    layer.n_edit_dimensions = 3
    stroke(layer, [(20, 30, 30)], 5)
    assert {place.code for place in hub.drawn} == {4, 6}  # a ball draws no slice
    layer.draw_in_slice((slice(30, 31), slice(5, 9), slice(5, 9)), np.ones((4, 4), bool), 5)
    assert DrawnSlice(0, 30, 5) in hub.drawn
    hub.undo()
    assert DrawnSlice(0, 30, 5) not in hub.drawn
    atom = packed((slice(0, 1),) * 3, np.ones((1, 1, 1), np.uint8), [DrawnSlice(1, 2, 3)])
    assert drawn_in([[atom, EditAtom(atom.slice_key, None, np.zeros(1, np.uint8), 2)]]) == {DrawnSlice(1, 2, 3)}


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("act", ["paint", "erase", "fill", "lasso"])
def test_that_limits_hold_for_brush_ball_eraser_fill_and_lasso(act: str, dimensions: int) -> None:
    chance = np.random.default_rng(0)
    for over in (None, 0, 2):
        for hu in (None, (0.0, 80.0)):
            array = np.zeros(SHAPE, np.uint8)
            array[10:40, 40:100, 40:70] = 2
            array[10:40, 40:100, 70:100] = 3
            hub = hub_on(array)
            limits = PaintLimits()
            limits.image = chance.integers(-50, 150, SHAPE).astype(np.int16)
            limits.set_over(over)
            limits.set_hu(hu)
            layer = hub.layers[0]
            layer.guard, layer.n_edit_dimensions, layer.brush_size = limits, dimensions, 41
            before = array.copy()
            if act == "fill":
                layer.fill((0, 0, 0), 5) if over == 0 else layer.fill((20, 60, 60), 5)
            elif act == "lasso":
                layer.draw_in_slice((slice(0, 1), slice(30, 110), slice(30, 110)), np.ones((80, 80), bool), 5)
            else:
                layer.paint((20 if dimensions == 3 else 0, 60, 70), 5 if act == "paint" else 0)
            differs = array != before
            if act in ("paint", "erase") and dimensions == 3:
                assert differs.any()
            if hu is not None:
                assert not differs[(limits.image < 0) | (limits.image > 80)].any()
            if over is not None and not (act == "erase" and over == 0):
                assert set(np.unique(before[differs])) <= {over}
            hub.undo()
            assert np.array_equal(array, before)
