"""What the mouse does on one plane, apart from painting: crosshair, window, pan, zoom, slices, the lasso's corners."""

from enum import Enum
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QApplication

if TYPE_CHECKING:
    from ctworkbench.ui.ortho_view import OrthoView

_ZOOM_STEP = 1.15
_WHEEL_NOTCH = 120


class _Drag(Enum):
    CROSSHAIR = "crosshair"
    WINDOW = "window"
    PAN = "pan"


class SliceMouse:
    """Turns the gestures over one view into what it tells and does; `view.left_drag` says what the left button does.

    Args:
        view: the view; its canvas, marks and lasso are at hand.
    """

    def __init__(self, view: "OrthoView") -> None:
        self._view = view
        self._drag: _Drag | None = None
        self._dragged_from = QPointF()
        self._wheel = 0

    def take(self, event: QMouseEvent | QWheelEvent) -> bool:
        """Whether an event of the canvas is dealt with; what is not goes on to napari."""
        if isinstance(event, QWheelEvent):
            return self._wheeled(event)
        kind = event.type()
        if kind == QEvent.Type.MouseButtonPress:
            return self._pressed(event)
        if kind == QEvent.Type.MouseMove:
            return self._moved(event)
        if kind == QEvent.Type.MouseButtonRelease:
            return self._released(event)
        if kind == QEvent.Type.MouseButtonDblClick:
            return self._double_clicked(event)
        return False

    def place_ring(self, at: QPointF | None) -> None:
        """Let the ring of the brush follow the mouse."""
        model = self._view.model
        cursor = model.cursor
        shown = self._view.left_drag == "paint" and cursor.style in ("circle", "circle_frozen")
        size = cursor.size * (model.scene.camera.zoom if cursor.scaled else 1.0)
        self._view.marks.put_ring(at if shown else None, float(size))

    def _pressed(self, event: QMouseEvent) -> bool:
        view = self._view
        modifiers = event.modifiers()
        button = event.button()
        shift = bool(modifiers & Qt.KeyboardModifier.ShiftModifier)
        control = bool(modifiers & Qt.KeyboardModifier.ControlModifier)
        view.canvas.setFocus(Qt.FocusReason.MouseFocusReason)
        if button == Qt.MouseButton.RightButton:
            self._drag = _Drag.WINDOW
        elif button == Qt.MouseButton.MiddleButton or (button == Qt.MouseButton.LeftButton and control):
            self._drag = _Drag.PAN
        elif button == Qt.MouseButton.LeftButton and (shift or view.left_drag == "crosshair"):
            self._drag = _Drag.CROSSHAIR
            view.pointed.emit(view.world_at(event.position()))
        elif button == Qt.MouseButton.LeftButton and view.left_drag == "window":
            self._drag = _Drag.WINDOW
        elif button == Qt.MouseButton.LeftButton and view.left_drag == "lasso":
            view.lasso.press(event)
            return True
        else:
            return button != Qt.MouseButton.LeftButton
        self._dragged_from = event.position()
        return True

    def _moved(self, event: QMouseEvent) -> bool:
        view = self._view
        at = event.position()
        self.place_ring(at)
        if self._drag is None:
            view.hovered.emit(view.world_at(at))
            if view.lasso.active:
                view.lasso.move(event)
            # napari has no more to do with a free mouse unless it draws the brush's ring.
            return view.left_drag != "paint"
        step = at - self._dragged_from
        if self._drag is _Drag.CROSSHAIR:
            view.pointed.emit(view.world_at(at))
        elif self._drag is _Drag.WINDOW:
            view.windowed.emit(round(step.y()), round(step.x()))
        else:
            view.pan(self._dragged_from, at)
        self._dragged_from = at
        return True

    def _released(self, event: QMouseEvent) -> bool:
        view = self._view
        ours = self._drag is not None or view.left_drag == "lasso"
        if self._drag is None and view.lasso.active and event.button() == Qt.MouseButton.LeftButton:
            view.lasso.release(event)
        self._drag = None
        return ours

    def _double_clicked(self, event: QMouseEvent) -> bool:
        view = self._view
        if event.button() == Qt.MouseButton.LeftButton and view.left_drag == "paint":
            # Qt calls the second of two quick dabs a double click; napari would zoom and lose the dab.
            dab = QMouseEvent(
                QEvent.Type.MouseButtonPress,
                event.position(),
                event.globalPosition(),
                event.button(),
                event.buttons(),
                event.modifiers(),
            )
            QApplication.sendEvent(view.canvas, dab)
        elif event.button() == Qt.MouseButton.LeftButton and view.left_drag == "lasso":
            view.lasso.close(bool(event.modifiers() & Qt.KeyboardModifier.AltModifier))
        elif event.button() == Qt.MouseButton.LeftButton and view.left_drag == "crosshair":
            view.maximised.emit()
        return True

    def _wheeled(self, event: QWheelEvent) -> bool:
        delta = event.angleDelta().y()
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self._view.zoom_by(_ZOOM_STEP ** (delta / _WHEEL_NOTCH), event.position())
        else:
            # Touch pads send fractions of a notch.
            self._wheel += delta
            steps = int(self._wheel / _WHEEL_NOTCH)
            self._wheel -= steps * _WHEEL_NOTCH
            if steps:
                self._view.stepped.emit(steps)
        event.accept()
        return True
