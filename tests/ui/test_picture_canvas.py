"""What is drawn aside in parts is the picture drawn whole, and vispy and napari have the private parts it leans on."""

from collections.abc import Iterator

import numpy as np
import pytest
from napari._vispy.canvas import VispyCanvas
from PySide6.QtCore import QPoint, QPointF, QRect, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from vispy.app.backends import _qt
from vispy.scene import SceneCanvas

from ctworkbench.core.schemes import load as load_scheme
from ctworkbench.ui.annotate import AnnotateView
from ctworkbench.ui.picture_canvas import PictureWidget, draws_on_the_processor
from ctworkbench.ui.tool import Tool
from tests.ui.study_with_heads import CEREBELLUM, head

LEFT = Qt.MouseButton.LeftButton
PLAIN = Qt.KeyboardModifier.NoModifier


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
    if not draws_on_the_processor():
        pytest.skip("this screen has a graphics card")
    image, labels = head()
    canvases.set_editable(True)
    canvases.set_contour(False)
    canvases.show_case(image, labels.voxels)
    canvases.set_tool(Tool.BRUSH)
    canvases.select_region(CEREBELLUM)
    canvases.set_brush_size(5)
    qtbot.wait(60)
    return canvases


def pixels(picture: QImage) -> np.ndarray:
    bits = np.frombuffer(picture.constBits(), np.uint8)
    return bits.reshape(picture.height(), picture.bytesPerLine() // 4, 4)[:, : picture.width(), :3].copy()


def canvas_of(view: AnnotateView, name: str) -> PictureWidget:
    canvas = getattr(view, name).canvas
    assert isinstance(canvas, PictureWidget)
    return canvas


def assert_whole(view: AnnotateView) -> None:
    """What stands in every picture is what the scene would be if it were drawn anew, and the last stroke is in it."""
    for plane in view.views:
        canvas = plane.canvas
        assert isinstance(canvas, PictureWidget)
        stands = pixels(canvas._picture)
        assert np.array_equal(stands, pixels(canvas.grabFramebuffer())), plane.plane.name


def drag(view: AnnotateView, name: str, qtbot: QtBot) -> None:
    canvas = canvas_of(view, name)
    # Across the middle, where the slices of the other views lie.
    begin = QPoint(canvas.width() // 2 - 10, canvas.height() // 2 - 8)
    QTest.mousePress(canvas, LEFT, PLAIN, begin)
    for step in range(1, 6):
        QTest.mouseMove(canvas, begin + QPoint(4 * step, 3 * step))
        qtbot.wait(15)
    QTest.mouseRelease(canvas, LEFT, PLAIN, begin + QPoint(20, 15))
    qtbot.wait(30)


def test_that_vispy_and_napari_have_the_parts_that_are_leaned_on() -> None:
    for name in ("_on_cursor", "on_draw"):
        assert callable(getattr(VispyCanvas, name)), name
    for name in ("_draw_scene", "update"):
        assert callable(getattr(SceneCanvas, name)), name
    for name in ("_vispy_set_physical_size", "_vispy_mouse_move", "_process_backend_kwargs"):
        assert callable(getattr(_qt.QtBaseCanvasBackend, name)), name
    assert callable(_qt._set_config)


@pytest.mark.parametrize("contour", [False, True])
@pytest.mark.parametrize("name", ["axial", "coronal", "sagittal"])
def test_that_a_stroke_drawn_in_parts_is_the_picture_drawn_whole(
    view: AnnotateView, qtbot: QtBot, name: str, contour: bool
) -> None:
    view.set_contour(contour)
    canvases = [canvas_of(view, each) for each in ("axial", "coronal", "sagittal")]
    qtbot.waitUntil(lambda: not any(canvas._stale for canvas in canvases))
    before = [pixels(canvas._picture) for canvas in canvases]
    drag(view, name, qtbot)
    assert (view._labels == CEREBELLUM).any()
    for canvas, old in zip(canvases, before, strict=True):
        qtbot.waitUntil(lambda canvas=canvas, old=old: bool((old != pixels(canvas._picture)).any()))
    qtbot.waitUntil(lambda: not any(canvas._stale or not canvas._part.isEmpty() for canvas in canvases))
    assert_whole(view)
    view.undo()
    qtbot.wait(40)
    assert_whole(view)
    view.redo()
    qtbot.wait(40)
    assert_whole(view)


def test_that_zooming_at_once_after_a_stroke_draws_the_whole(view: AnnotateView, qtbot: QtBot) -> None:
    # Both are asked for before either is drawn: the whole must not be taken for the part.
    view.axial.labels.paint(view.index, CEREBELLUM)
    view.axial.zoom_by(1.7, QPointF(100, 100))
    qtbot.wait(60)
    assert_whole(view)
    view.axial.zoom_by(0.6, QPointF(100, 100))
    view.axial.labels.paint(view.index, 1)
    qtbot.wait(60)
    assert_whole(view)
    view.fit()


def test_that_a_stroke_draws_only_its_part(view: AnnotateView, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    parts: list[QRect | None] = []
    plain = PictureWidget._draw

    def watched(self: PictureWidget, part: QRect | None = None) -> None:
        parts.append(part)
        plain(self, part)

    monkeypatch.setattr(PictureWidget, "_draw", watched)
    view.axial.labels.paint(view.index, CEREBELLUM)
    qtbot.wait(50)
    assert len(parts) == 3
    for part in parts:
        assert part is not None
        assert part.width() < 120
        assert part.height() < 120


def test_that_a_view_whose_slice_a_stroke_does_not_meet_is_not_drawn(
    view: AnnotateView, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[PictureWidget] = []
    plain = PictureWidget._draw

    def watched(self: PictureWidget, part: QRect | None = None) -> None:
        drawn.append(self)
        plain(self, part)

    monkeypatch.setattr(PictureWidget, "_draw", watched)
    z, y, x = view.index
    view.axial.labels.paint((z, y + 10, x + 10), CEREBELLUM)
    qtbot.wait(50)
    assert drawn == [view.axial.canvas]


def test_that_the_mouse_and_the_crosshair_move_without_a_drawing_of_the_scene(
    view: AnnotateView, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[PictureWidget] = []
    plain = PictureWidget._draw

    def watched(self: PictureWidget, part: QRect | None = None) -> None:
        drawn.append(self)
        plain(self, part)

    canvas = canvas_of(view, "axial")
    QTest.mouseMove(canvas, QPoint(90, 100))  # the mouse comes in and is given its shape
    qtbot.wait(50)
    monkeypatch.setattr(PictureWidget, "_draw", watched)
    for step in range(5):
        QTest.mouseMove(canvas, QPoint(100 + 9 * step, 100))
        qtbot.wait(15)
    assert drawn == []
    view.step(1, view.axial)
    qtbot.wait(50)
    assert drawn == [canvas]
    assert view.coronal.marks._cross == view.coronal.pixel_of(view.coronal._cross)


def test_that_the_crosshair_is_seen_where_it_stands(view: AnnotateView, qtbot: QtBot) -> None:
    qtbot.wait(30)
    for plane in view.views:
        at = plane.pixel_of(plane._cross).toPoint()
        screen = plane.canvas.grab().toImage()
        color = screen.pixelColor(at.x(), plane.canvas.height() - 30)
        assert color.green() > color.red() + 20, plane.plane.name


def test_that_no_black_box_is_left_over_the_image_when_a_layer_is_added(view: AnnotateView, qtbot: QtBot) -> None:
    axial = view.axial
    canvas = canvas_of(view, "axial")
    at = QPoint(canvas.width() // 2, canvas.height() // 2)
    for step in range(3):
        QTest.mouseMove(canvas, at + QPoint(step, 0))
        qtbot.wait(20)
    shown = axial.viewer.canvas._viewer_overlay_to_visual[axial.model.canvas.overlays._brush_circle]
    assert shown, "napari keeps its ring elsewhere"
    axial.compared.refresh()  # the layer is made now, if it was not yet
    qtbot.wait(40)
    assert [visual.box.parent for visual in shown] == [None] * len(shown)
