"""Painting, undo and orientation in the three linked views, with the mouse and the keys of a user."""

from collections.abc import Iterator

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from ctworkbench.core.schemes import load as load_scheme
from ctworkbench.ui.annotate import AnnotateView
from ctworkbench.ui.ortho_view import OrthoView
from ctworkbench.ui.plane import for_display
from ctworkbench.ui.tool import Tool
from ctworkbench.ui.window_levels import PRESETS
from tests.ui.study_with_heads import CEREBELLUM, LEFT_FRONTAL, RIGHT_TEMPORAL, SHAPE, SPACING, head

LEFT = Qt.MouseButton.LeftButton
RIGHT = Qt.MouseButton.RightButton
PLAIN = Qt.KeyboardModifier.NoModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier


@pytest.fixture(scope="module")
def canvases(qapp: QApplication) -> Iterator[AnnotateView]:
    view = AnnotateView(load_scheme())
    view.resize(900, 600)
    view.show()
    yield view
    view.dispose()
    view.close()
    view.deleteLater()
    qapp.processEvents()


@pytest.fixture
def view(canvases: AnnotateView, qtbot: QtBot) -> AnnotateView:
    """The views with a fresh head, all settings as they are at first; canvases are slow to make and so are shared."""
    image, labels = head()
    view = canvases
    if view.maximised is not None:
        view.maximise()
    view.set_editable(True)
    view.set_tool(Tool.NAVIGATE)
    view.set_ball(False)
    view.set_contour(False)
    view.set_labels_shown(True)
    view.set_crosshair_shown(True)
    view.set_opacity(0.4)
    view.set_window(PRESETS["Brain"])
    for code in view.scheme.codes:
        view.set_region_shown(code, True)
    view.show_case(image, labels.voxels)
    qtbot.wait(30)
    return view


def pixel(view: AnnotateView, plane: OrthoView, voxel: tuple[int, int, int]) -> QPoint:
    """Where a voxel (x, y, z) lies on the canvas of a plane."""
    x, y, z = voxel
    shown = (z, SHAPE[1] - 1 - y, SHAPE[0] - 1 - x)
    world = (shown[0] * SPACING[2], shown[1] * SPACING[1], shown[2] * SPACING[0])
    return plane.pixel_of(world).toPoint()


def go_to_voxel(view: AnnotateView, voxel: tuple[int, int, int]) -> None:
    x, y, z = voxel
    view.go_to((z, SHAPE[1] - 1 - y, SHAPE[0] - 1 - x))


def click(plane: OrthoView, at: QPoint, modifier: Qt.KeyboardModifier = PLAIN) -> None:
    QTest.mouseMove(plane.canvas, at)
    QTest.mouseClick(plane.canvas, LEFT, modifier, at)


def shades(plane: OrthoView) -> np.ndarray:
    """RGB of the plane's canvas as it is drawn, (rows, columns, 3)."""
    return plane.viewer.screenshot(flash=False)[..., :3].astype(int)


def drawn(plane: OrthoView, code: int) -> np.ndarray:
    """Where a region is drawn, in its full colour."""
    color = next(region.color for region in load_scheme().regions if region.code == code)
    rgb = [int(color[start : start + 2], 16) for start in (1, 3, 5)]
    return np.all(np.abs(shades(plane) - rgb) <= 12, axis=-1)


def test_that_the_brush_paints_the_voxel_under_the_mouse_and_every_view_shows_it(
    view: AnnotateView, qtbot: QtBot
) -> None:
    voxel = (27, 22, 12)
    go_to_voxel(view, voxel)
    view.set_opacity(1.0)
    view.set_crosshair_shown(False)
    view.select_region(CEREBELLUM)
    view.set_brush_size(1)
    view.set_tool(Tool.BRUSH)
    labels = view._labels
    before = labels.copy()
    click(view.axial, pixel(view, view.axial, voxel))
    assert {tuple(at) for at in np.argwhere(labels != before)} == {voxel}
    assert labels[voxel] == CEREBELLUM
    qtbot.wait(50)
    for plane in view.views:
        at = pixel(view, plane, voxel)
        assert drawn(plane, CEREBELLUM)[at.y(), at.x()], plane.plane.name


@pytest.mark.parametrize("name", ["axial", "coronal", "sagittal"])
def test_that_a_click_in_any_view_paints_where_the_readout_says(view: AnnotateView, name: str) -> None:
    voxel = (12, 25, 8)
    go_to_voxel(view, voxel)
    view.select_region(CEREBELLUM)
    view.set_brush_size(1)
    view.set_tool(Tool.BRUSH)
    plane: OrthoView = getattr(view, name)
    said: list[str] = []
    view.hovered.connect(said.append)
    click(plane, pixel(view, plane, voxel))
    assert [tuple(at) for at in np.argwhere(view._labels == CEREBELLUM)] == [voxel]
    # x = 12 · 3 − 60 = −24: the patient's left; y = 25 · 4 − 70 = 30; z = 8 · 5 − 50 = −10.
    assert said[-1].startswith("L 24.0  A 30.0  I 10.0 mm")


def test_that_a_stroke_in_one_view_is_one_step_and_is_undone_from_another(view: AnnotateView, qtbot: QtBot) -> None:
    before = view._labels.copy()
    go_to_voxel(view, (20, 18, 12))
    view.set_opacity(1.0)
    view.select_region(CEREBELLUM)
    view.set_brush_size(5)
    view.set_tool(Tool.BRUSH)
    start, end = pixel(view, view.axial, (15, 18, 12)), pixel(view, view.axial, (25, 18, 12))
    QTest.mousePress(view.axial.canvas, LEFT, PLAIN, start)
    QTest.mouseMove(view.axial.canvas, (start + end) / 2)
    qtbot.wait(30)
    QTest.mouseMove(view.axial.canvas, end)
    qtbot.wait(30)
    QTest.mouseRelease(view.axial.canvas, LEFT, PLAIN, end)
    assert (view._labels[15:26, 18, 12] == CEREBELLUM).all()
    assert drawn(view.coronal, CEREBELLUM).any()
    view.coronal.labels.undo()
    assert np.array_equal(view._labels, before)
    for plane in view.views:
        assert not drawn(plane, CEREBELLUM).any(), plane.plane.name
    view.sagittal.labels.redo()
    assert (view._labels[15:26, 18, 12] == CEREBELLUM).all()
    assert drawn(view.axial, CEREBELLUM).any()


def test_that_a_stroke_of_small_moves_ends_under_the_mouse(view: AnnotateView) -> None:
    go_to_voxel(view, (20, 18, 12))
    view.select_region(CEREBELLUM)
    view.set_brush_size(9)
    view.set_tool(Tool.BRUSH)
    # One voxel at a time, an eighth of the brush and less; its edge is four voxels from its middle.
    for column in range(10, 20):
        view.axial.labels._draw(CEREBELLUM, (12.0, 18.0, column - 1.0), (12.0, 18.0, float(column)))
    painted = np.flatnonzero(for_display(view._labels)[12, 18] == CEREBELLUM)
    assert (painted.min(), painted.max()) == (10 - 4, 19 + 4)


@pytest.mark.parametrize("act", ["set_contour", "set_opacity"])
def test_that_the_brush_stays_in_hand_when_the_overlay_changes(view: AnnotateView, act: str) -> None:
    view.set_tool(Tool.BRUSH)
    getattr(view, act)(1)
    assert {str(plane.labels.mode) for plane in view.views} == {"paint"}


def test_that_a_case_of_another_size_is_shown_whole(view: AnnotateView, qtbot: QtBot) -> None:
    image, labels = head()
    small = image.cropped((4, 5, 6), (30, 29, 20))
    view.show_case(small, np.asfortranarray(labels.cropped((4, 5, 6), (30, 29, 20)).voxels))
    qtbot.wait(30)
    for plane in view.views:
        assert [round(edge.stop) for edge in plane.model.dims.range] == [13 * 5, 23 * 4, 25 * 3]
        assert plane.slice_bar.maximum() == (13, 23, 25)[plane.plane.axis]
        place = plane.model.dims.point[plane.plane.axis] / view._scale[plane.plane.axis]
        assert round(place) == view.index[plane.plane.axis]
        shown = plane.image._slice.image.view
        assert np.array_equal(shown, np.take(for_display(small.voxels), view.index[plane.plane.axis], plane.plane.axis))


def test_that_two_hundred_strokes_can_be_taken_back(view: AnnotateView) -> None:
    before = view._labels.copy()
    go_to_voxel(view, (20, 18, 12))
    view.set_brush_size(1)
    view.set_tool(Tool.BRUSH)
    for number in range(220):
        plane = view.views[number % 3].labels
        plane.paint((12, 5 + number // 26, 5 + number % 26), CEREBELLUM)
    assert (view._labels == CEREBELLUM).sum() == 220
    for _ in range(220):
        view.undo()
    assert np.array_equal(view._labels, before)


def test_that_the_volumes_follow_brush_eraser_fill_undo_and_redo(view: AnnotateView) -> None:
    def check() -> None:
        counted = {code: float((view._labels == code).sum()) * np.prod(SPACING) / 1000 for code in view.scheme.codes}
        assert view.volumes_cm3() == pytest.approx(counted)

    voxel = (12, 25, 12)
    go_to_voxel(view, voxel)
    at = pixel(view, view.axial, voxel)
    view.select_region(CEREBELLUM)
    view.set_brush_size(4)
    for tool in (Tool.BRUSH, Tool.ERASER, Tool.FILL):
        view.set_tool(tool)
        before = view._labels.copy()
        click(view.axial, at)
        assert not np.array_equal(view._labels, before), tool
        check()
    for act in (view.undo, view.undo, view.redo, view.undo, view.undo):
        act()
        check()
    view.set_ball(True)
    view.set_tool(Tool.BRUSH)
    click(view.sagittal, pixel(view, view.sagittal, voxel))
    planes = np.unique(np.argwhere(view._labels == CEREBELLUM)[:, 0])
    assert len(planes) > 1
    check()


@pytest.mark.parametrize("name", ["axial", "coronal"])
def test_that_the_patients_left_stands_on_the_right_of_the_screen(view: AnnotateView, name: str) -> None:
    view.set_opacity(1.0)
    view.set_crosshair_shown(False)
    go_to_voxel(view, (10, 26, 12))
    plane: OrthoView = getattr(view, name)
    columns = np.argwhere(drawn(plane, LEFT_FRONTAL))[:, 1]
    assert columns.size > 100
    assert columns.min() > plane.canvas.width() / 2
    assert [letter.text() for letter in plane.letters[:2]] == ["R", "L"]
    assert plane.letters[0].x() < plane.letters[1].x()
    view.set_labels_shown(False)
    # The lesion itself, without labels: 60 HU against 35 HU of brain.
    view.set_window(PRESETS["Stroke"])
    bright = (shades(plane).min(axis=-1) > 250) & (shades(plane).max(axis=-1) > 250)
    middle = bright[:, plane.canvas.width() // 2 + 40 : plane.canvas.width() // 2 + 90].mean()
    mirrored = bright[:, plane.canvas.width() // 2 - 90 : plane.canvas.width() // 2 - 40].mean()
    assert middle > mirrored + 0.1


def test_that_front_is_up_in_axial_and_the_top_of_the_head_is_up_in_the_upright_views(view: AnnotateView) -> None:
    view.set_opacity(1.0)
    view._labels[:] = 0
    view._labels[18:22, 30, 20] = CEREBELLUM  # anterior and superior
    view.show_labels(view._labels)
    go_to_voxel(view, (20, 30, 20))
    for plane in view.views:
        rows, columns = np.argwhere(drawn(plane, CEREBELLUM)).mean(axis=0)
        assert rows < plane.canvas.height() / 2, plane.plane.name
        if plane is view.sagittal:
            assert columns < plane.canvas.width() / 2
    assert [letter.text() for letter in view.sagittal.letters] == ["A", "P", "S", "I"]


def test_that_a_click_moves_the_crosshair_and_the_other_views_follow(view: AnnotateView) -> None:
    go_to_voxel(view, (20, 18, 12))
    click(view.axial, pixel(view, view.axial, (30, 10, 12)))
    assert view.index == (12, SHAPE[1] - 1 - 10, SHAPE[0] - 1 - 30)
    assert view.coronal.model.dims.current_step[1] == SHAPE[1] - 1 - 10
    assert view.sagittal.model.dims.current_step[2] == SHAPE[0] - 1 - 30


def test_that_shift_moves_the_crosshair_with_the_brush_in_hand_and_paints_nothing(view: AnnotateView) -> None:
    before = view._labels.copy()
    go_to_voxel(view, (20, 18, 12))
    view.set_tool(Tool.BRUSH)
    click(view.axial, pixel(view, view.axial, (8, 20, 12)), SHIFT)
    assert view.index[2] == SHAPE[0] - 1 - 8
    assert np.array_equal(view._labels, before)


def test_that_the_wheel_changes_the_slice_and_with_control_the_zoom(view: AnnotateView) -> None:
    go_to_voxel(view, (20, 18, 12))
    at = QPointF(view.coronal.canvas.width() / 2, view.coronal.canvas.height() / 2)

    def turn(modifier: Qt.KeyboardModifier) -> None:
        event = QWheelEvent(
            at,
            view.coronal.canvas.mapToGlobal(at),
            QPoint(0, 0),
            QPoint(0, 120),
            Qt.MouseButton.NoButton,
            modifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(view.coronal.canvas, event)

    index, zoom = view.index, view.coronal.model.scene.camera.zoom
    turn(PLAIN)
    assert view.index == (index[0], index[1] + 1, index[2])
    assert view.coronal.model.scene.camera.zoom == zoom
    turn(Qt.KeyboardModifier.ControlModifier)
    assert view.index[1] == index[1] + 1
    assert view.coronal.model.scene.camera.zoom > zoom


def test_that_dragging_with_the_right_button_changes_the_window_of_all_views(view: AnnotateView) -> None:
    canvas = view.axial.canvas
    view.set_tool(Tool.BRUSH)
    before = view._labels.copy()
    QTest.mousePress(canvas, RIGHT, PLAIN, QPoint(100, 100))
    QTest.mouseMove(canvas, QPoint(140, 110))
    QTest.mouseRelease(canvas, RIGHT, PLAIN, QPoint(140, 110))
    assert view.window_level.width > 80
    assert view.window_level.level > 40
    assert {tuple(plane.image.contrast_limits) for plane in view.views} == {view.window_level.limits}
    assert np.array_equal(view._labels, before)


def test_that_the_second_of_two_quick_dabs_paints_too(view: AnnotateView) -> None:
    voxel = (27, 22, 12)
    go_to_voxel(view, voxel)
    view.select_region(CEREBELLUM)
    view.set_brush_size(1)
    view.set_tool(Tool.BRUSH)
    at = pixel(view, view.axial, voxel)
    zoom = view.axial.model.scene.camera.zoom
    click(view.axial, at)
    view._labels[voxel] = 0
    QTest.mouseDClick(view.axial.canvas, LEFT, PLAIN, at)
    QTest.mouseRelease(view.axial.canvas, LEFT, PLAIN, at)
    assert view._labels[voxel] == CEREBELLUM
    assert view.axial.model.scene.camera.zoom == zoom


def test_that_a_double_click_gives_one_view_all_the_room_and_back(view: AnnotateView, qtbot: QtBot) -> None:
    at = QPoint(30, 30)
    width = view.coronal.canvas.width()
    QTest.mouseDClick(view.coronal.canvas, LEFT, PLAIN, at)
    qtbot.waitUntil(lambda: view.coronal.canvas.width() > width)
    assert not view.axial.isVisible()
    QTest.mouseDClick(view.coronal.canvas, LEFT, PLAIN, at)
    qtbot.waitUntil(lambda: view.coronal.canvas.width() == width)
    assert view.axial.isVisible()


def test_that_a_map_for_looking_only_cannot_be_painted(view: AnnotateView) -> None:
    before = view._labels.copy()
    view.set_tool(Tool.BRUSH)
    view.set_editable(False)
    click(view.axial, QPoint(200, 200))
    view.set_tool(Tool.FILL)
    click(view.axial, QPoint(200, 200))
    view.undo()
    assert np.array_equal(view._labels, before)
    assert view.tool is Tool.NAVIGATE


def test_that_a_hidden_region_keeps_its_voxels(view: AnnotateView) -> None:
    view.set_opacity(1.0)
    go_to_voxel(view, (10, 26, 12))
    assert drawn(view.axial, LEFT_FRONTAL).any()
    volume = view.volumes_cm3()[LEFT_FRONTAL]
    view.set_region_shown(LEFT_FRONTAL, False)
    assert not drawn(view.axial, LEFT_FRONTAL).any()
    assert view.volumes_cm3()[LEFT_FRONTAL] == volume


def test_that_a_region_is_found_and_one_that_is_empty_is_not(view: AnnotateView) -> None:
    assert view.jump_to(RIGHT_TEMPORAL)
    assert for_display(view._labels)[view.index] == RIGHT_TEMPORAL
    index = view.index
    assert not view.jump_to(CEREBELLUM)
    assert view.index == index


def test_that_the_next_case_starts_without_the_history_of_the_last(view: AnnotateView) -> None:
    view.set_tool(Tool.BRUSH)
    view.axial.labels.paint((12, 10, 10), CEREBELLUM)
    image, labels = head()
    view.show_case(image, labels.voxels)
    before = labels.voxels.copy()
    view.undo()
    assert np.array_equal(view._labels, before)
    assert view._labels is labels.voxels
    assert all([layer.name for layer in plane.model.layers] == ["CT", "Labels"] for plane in view.views)


def test_that_free_mouse_moves_over_the_canvas_cost_no_undo_step(view: AnnotateView) -> None:
    view.set_tool(Tool.BRUSH)
    QTest.mouseMove(view.axial.canvas, QPoint(120, 120))
    QTest.mouseMove(view.axial.canvas, QPoint(160, 120))
    assert not view.axial.labels._undo_history


def test_that_leaving_the_canvas_puts_the_readout_back_to_the_crosshair(view: AnnotateView) -> None:
    said: list[str] = []
    view.hovered.connect(said.append)
    QApplication.sendEvent(view.axial.canvas, QEvent(QEvent.Type.Leave))
    assert said == [view.describe(view.index)]


def test_that_a_view_that_was_hidden_shows_what_was_changed_meanwhile(view: AnnotateView, qtbot: QtBot) -> None:
    go_to_voxel(view, (10, 26, 12))
    view.set_opacity(1.0)
    view.set_labels_shown(False)
    view.maximise(view.axial)
    qtbot.wait(50)
    view.set_labels_shown(True)
    view.maximise()
    color = QColor(load_scheme().region("left_frontal").color)
    at = pixel(view, view.sagittal, (10, 26, 12)) + QPoint(6, 6)

    def on_screen() -> QColor:
        screen = view.screen().grabWindow(view.winId()).toImage()
        place = view.sagittal.canvas.mapTo(view, at)
        return screen.pixelColor(place)

    qtbot.waitUntil(lambda: abs(on_screen().red() - color.red()) < 12 and abs(on_screen().blue() - color.blue()) < 12)


def test_that_the_readout_speaks_of_the_version_that_is_shown(view: AnnotateView) -> None:
    go_to_voxel(view, (10, 26, 12))
    assert view.describe(view.index).endswith("Left frontal lobe")
    view.show_compared(np.full(SHAPE, CEREBELLUM, np.uint8, order="F"))
    assert view.describe(view.index).endswith("Cerebellum")
    view.hide_compared()
    assert view.describe(view.index).endswith("Left frontal lobe")
