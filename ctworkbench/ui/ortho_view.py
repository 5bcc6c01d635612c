"""One plane of a head CT on a napari canvas: axial, coronal or sagittal, in radiological convention.

The arrays shown have the axes (z, y, x) and run to the superior, the posterior and the left (index 0 of the last axis
is the patient's right). Gestures that do not paint are handled here before napari sees them; painting is napari's own.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Literal, cast

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image
from napari.qt import QtViewer
from napari.utils.colormaps import DirectLabelColormap
from PySide6.QtCore import QEvent, QObject, QPointF, Qt, QTimer, Signal
from PySide6.QtGui import QEnterEvent, QMouseEvent, QResizeEvent, QShowEvent, QWheelEvent
from PySide6.QtWidgets import QApplication, QGridLayout, QLabel, QScrollBar, QWidget
from vispy.scene.visuals import InfiniteLine

from ctworkbench.ui.framing import Index
from ctworkbench.ui.lasso import Lasso
from ctworkbench.ui.shared_labels import SharedLabels
from ctworkbench.ui.tool import Drag

_CROSSHAIR = (0.25, 0.85, 0.75, 0.55)
_LETTER_WIDTH, _LETTER_HEIGHT = 24, 22
_ZOOM_STEP = 1.15
_WHEEL_NOTCH = 120


@dataclass(frozen=True)
class Plane:
    """How one plane of the (z, y, x) array lies on the screen.

    Attributes:
        name: its name.
        axis: array axis that the plane is a slice of.
        down: array axis that runs along the screen's height.
        across: array axis that runs along the screen's width, to the right.
        vertical: whether index 0 of `down` is at the top ("down") or at the bottom ("up").
        letters: patient directions at the screen's left, right, top and bottom.
    """

    name: str
    axis: int
    down: int
    across: int
    vertical: Literal["down", "up"]
    letters: tuple[str, str, str, str]

    @property
    def order(self) -> tuple[int, int, int]:
        """Order of the array axes as napari takes it."""
        return (self.axis, self.down, self.across)


AXIAL = Plane("Axial", 0, 1, 2, "down", ("R", "L", "A", "P"))
CORONAL = Plane("Coronal", 1, 0, 2, "up", ("R", "L", "S", "I"))
SAGITTAL = Plane("Sagittal", 2, 0, 1, "up", ("A", "P", "S", "I"))


class _Drag(Enum):
    CROSSHAIR = "crosshair"
    WINDOW = "window"
    PAN = "pan"


class OrthoView(QWidget):
    """One plane with its direction letters, slice number, crosshair and slice bar.

    Positions are world coordinates of the canvas: array index times voxel size in mm, along (z, y, x).

    Signals:
        pointed: the crosshair was put at a position (tuple of 3 floats).
        stepped: go so many slices on (int).
        windowed: the display window was dragged by (level, width) in pixels of the mouse.
        hovered: the mouse is over a position (tuple of 3 floats), or left the view (None).
        activated: the mouse came over this view.
        maximised: the view was double-clicked.
    """

    pointed = Signal(object)
    stepped = Signal(int)
    windowed = Signal(int, int)
    hovered = Signal(object)
    activated = Signal()
    maximised = Signal()

    def __init__(self, plane: Plane, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.plane = plane
        self.left_drag: Drag = "crosshair"
        self._drag: _Drag | None = None
        self._dragged_from = QPointF()
        self._fitted = True
        self._wheel = 0
        self._disposed = False
        self._low = (0.0, 0.0, 0.0)
        self._high = (1.0, 1.0, 1.0)
        self._scale = (1.0, 1.0, 1.0)

        self.model = ViewerModel(title=plane.name, order=plane.order, axis_labels=("z", "y", "x"))
        self.viewer = QtViewer(self.model, show_welcome_screen=False)
        self.viewer.setAcceptDrops(False)
        self.viewer.dims.hide()
        camera = self.model.scene.camera
        camera.orientation2d = (plane.vertical, "right")
        camera.mouse_pan = False
        camera.mouse_zoom = False
        self.model.canvas.background_color_override = "black"
        self.canvas: QWidget = self.viewer.canvas.native
        self.canvas.setMinimumSize(120, 90)

        blank = np.zeros((2, 2, 2), dtype=np.int16)
        self.image = Image(blank, name="CT", colormap="gray", interpolation2d="linear", contrast_limits=(0, 80))
        self.labels = SharedLabels(blank.astype(np.uint8), name="Labels", opacity=0.4)
        self.compared = SharedLabels(blank.astype(np.uint8), name="Compared", opacity=0.4, visible=False)
        for layer in (self.image, self.compared, self.labels):
            self.model.add_layer(layer)
        self.model.layers.selection.active = self.labels

        scene = self.viewer.canvas.view.scene
        self._lines = (
            InfiniteLine(0, vertical=True, color=_CROSSHAIR, parent=scene),
            InfiniteLine(0, vertical=False, color=_CROSSHAIR, parent=scene),
        )
        for line in self._lines:
            line.order = 1_000_000
            line.set_gl_state("translucent", depth_test=False)

        self.lasso = Lasso(self)

        self.slice_bar = QScrollBar(Qt.Orientation.Vertical)
        self.slice_bar.setObjectName("sliceBar")
        # The superior end of the head is the top of the bar, as in the two upright views.
        self.slice_bar.setInvertedAppearance(plane is AXIAL)
        self.slice_bar.setInvertedControls(False)
        self.slice_bar.setToolTip(f"{plane.name} slice (wheel, ↑ ↓)")
        self.slice_bar.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.slice_bar.valueChanged.connect(self._scrolled)
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.viewer, 0, 0)
        layout.addWidget(self.slice_bar, 0, 1)
        layout.setColumnStretch(0, 1)

        self.letters = tuple(self._overlay(letter, "direction") for letter in plane.letters)
        self.caption = self._overlay("", "caption")
        self.corner = self._overlay("", "corner")
        self.canvas.setMouseTracking(True)
        self.canvas.installEventFilter(self)
        self.viewer.installEventFilter(self)

    def set_geometry(
        self, shape: tuple[int, int, int], scale: tuple[float, float, float], low: Index, high: Index
    ) -> None:
        """Tell the view the array it shows, and fill it with a part of that.

        Args:
            shape: size of the array along (z, y, x).
            scale: voxel sizes in mm along (z, y, x).
            low: first corner of the part that fills the view, an array index.
            high: corner beyond the last voxel of that part.
        """
        # A voxel's middle lies at its index, so its near edge is half a voxel before that.
        self._low = ((low[0] - 0.5) * scale[0], (low[1] - 0.5) * scale[1], (low[2] - 0.5) * scale[2])
        self._high = ((high[0] - 0.5) * scale[0], (high[1] - 0.5) * scale[1], (high[2] - 0.5) * scale[2])
        self._scale = scale
        self.slice_bar.blockSignals(True)
        self.slice_bar.setRange(0, shape[self.plane.axis] - 1)
        self.slice_bar.setPageStep(max(1, shape[self.plane.axis] // 10))
        self.slice_bar.blockSignals(False)
        self.fit()

    def show_position(self, index: tuple[int, int, int], scale: tuple[float, float, float], count: int) -> None:
        """Slice at an array index, with the crosshair there."""
        axis = self.plane.axis
        world = index[axis] * scale[axis]
        # Only the axis that is sliced: touching the others makes napari upload an unchanged slice again.
        if self.model.dims.point[axis] != world:
            self.model.dims.set_point(axis, world)
        self._lines[0].set_data(pos=index[self.plane.across] * scale[self.plane.across])
        self._lines[1].set_data(pos=index[self.plane.down] * scale[self.plane.down])
        self.slice_bar.blockSignals(True)
        self.slice_bar.setValue(index[axis])
        self.slice_bar.blockSignals(False)
        self.caption.setText(f"{self.plane.name}  {index[axis] + 1} / {count}")
        self.caption.adjustSize()

    def show_crosshair(self, visible: bool) -> None:
        """Draw the crosshair or leave it out."""
        for line in self._lines:
            line.visible = visible

    def show_corner(self, text: str) -> None:
        """Text in the lower left corner."""
        self.corner.setText(text)
        self._place_overlays()

    def set_colormap(self, colormap: DirectLabelColormap) -> None:
        """Colours of the regions."""
        self.labels.colormap = colormap
        self.compared.colormap = colormap

    def fit(self) -> None:
        """Show the whole head; it stays whole when the view changes its size, until someone zooms."""
        self._fitted = True
        width, height = max(1, self.canvas.width()), max(1, self.canvas.height())
        down, across = self.plane.down, self.plane.across
        tall, wide = self._high[down] - self._low[down], self._high[across] - self._low[across]
        camera = self.model.scene.camera
        camera.center = (0.0, (self._low[down] + self._high[down]) / 2, (self._low[across] + self._high[across]) / 2)
        # The letters at the edges stay beside the head.
        camera.zoom = max(0.1, min((width - 2 * _LETTER_WIDTH) / wide, (height - 2 * _LETTER_HEIGHT) / tall))

    def world_at(self, pixel: QPointF) -> tuple[float, float, float]:
        """World position under a pixel of the canvas."""
        _, down, across = self.model.scene.camera.center
        zoom = self.model.scene.camera.zoom
        sign = 1 if self.plane.vertical == "down" else -1
        position = [float(value) for value in self.model.dims.point]
        position[self.plane.across] = across + (pixel.x() - self.canvas.width() / 2) / zoom
        position[self.plane.down] = down + sign * (pixel.y() - self.canvas.height() / 2) / zoom
        return (position[0], position[1], position[2])

    def pixel_of(self, world: tuple[float, float, float]) -> QPointF:
        """Pixel of the canvas that shows a world position of this slice."""
        _, down, across = self.model.scene.camera.center
        zoom = self.model.scene.camera.zoom
        sign = 1 if self.plane.vertical == "down" else -1
        return QPointF(
            self.canvas.width() / 2 + (world[self.plane.across] - across) * zoom,
            self.canvas.height() / 2 + sign * (world[self.plane.down] - down) * zoom,
        )

    def zoom_by(self, factor: float, pixel: QPointF | None = None) -> None:
        """Zoom, keeping what is under `pixel` (or the middle) where it is."""
        camera = self.model.scene.camera
        self._fitted = False
        at = pixel or QPointF(self.canvas.width() / 2, self.canvas.height() / 2)
        before = self.world_at(at)
        camera.zoom = float(np.clip(camera.zoom * factor, 0.2, 200.0))
        self._move_center(before, self.world_at(at))

    def dispose(self) -> None:
        """Clear the layers and close the canvas; the view cannot be used afterwards."""
        if self._disposed:
            return
        self._disposed = True
        self.canvas.removeEventFilter(self)
        self.viewer.removeEventFilter(self)
        for line in self._lines:
            line.parent = None
        self.lasso.dispose()
        self.model.layers.clear()
        self.viewer.close()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take the gestures that do not paint; keep napari's own keys away from the canvas."""
        kind = event.type()
        if kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
            # Ignored but filtered: the key goes on to our parents and past napari's key map.
            event.ignore()
            return True
        if watched is not self.canvas:
            return False
        if kind == QEvent.Type.MouseButtonPress:
            return self._pressed(cast(QMouseEvent, event))
        if kind == QEvent.Type.MouseMove:
            return self._moved(cast(QMouseEvent, event))
        if kind == QEvent.Type.MouseButtonRelease:
            return self._released(cast(QMouseEvent, event))
        if kind == QEvent.Type.MouseButtonDblClick:
            return self._double_clicked(cast(QMouseEvent, event))
        if kind == QEvent.Type.Wheel:
            return self._wheeled(cast(QWheelEvent, event))
        if kind == QEvent.Type.Enter:
            self.activated.emit()
        elif kind == QEvent.Type.Leave:
            self.hovered.emit(None)
        elif kind == QEvent.Type.Resize:
            QTimer.singleShot(0, self, self._resized)
        return False

    def showEvent(self, event: QShowEvent) -> None:
        """Draw what was changed while the view was out of sight."""
        super().showEvent(event)
        QTimer.singleShot(0, self, self._redraw)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep letters at the edges and the slice whole."""
        super().resizeEvent(event)
        QTimer.singleShot(0, self, self._resized)

    def enterEvent(self, event: QEnterEvent) -> None:
        """The arrow keys step through the view under the mouse."""
        super().enterEvent(event)
        self.activated.emit()

    def _pressed(self, event: QMouseEvent) -> bool:
        modifiers = event.modifiers()
        button = event.button()
        shift = bool(modifiers & Qt.KeyboardModifier.ShiftModifier)
        control = bool(modifiers & Qt.KeyboardModifier.ControlModifier)
        self.canvas.setFocus(Qt.FocusReason.MouseFocusReason)
        if button == Qt.MouseButton.RightButton:
            self._drag = _Drag.WINDOW
        elif button == Qt.MouseButton.MiddleButton or (button == Qt.MouseButton.LeftButton and control):
            self._drag = _Drag.PAN
        elif button == Qt.MouseButton.LeftButton and (shift or self.left_drag == "crosshair"):
            self._drag = _Drag.CROSSHAIR
            self.pointed.emit(self.world_at(event.position()))
        elif button == Qt.MouseButton.LeftButton and self.left_drag == "window":
            self._drag = _Drag.WINDOW
        elif button == Qt.MouseButton.LeftButton and self.left_drag == "lasso":
            self.lasso.press(event)
            return True
        else:
            return button != Qt.MouseButton.LeftButton
        self._dragged_from = event.position()
        return True

    def _moved(self, event: QMouseEvent) -> bool:
        at = event.position()
        if self._drag is None:
            self.hovered.emit(self.world_at(at))
            if self.lasso.active:
                self.lasso.move(event)
            # napari has no more to do with a free mouse unless it draws the brush's ring.
            return self.left_drag != "paint"
        step = at - self._dragged_from
        if self._drag is _Drag.CROSSHAIR:
            self.pointed.emit(self.world_at(at))
        elif self._drag is _Drag.WINDOW:
            self.windowed.emit(round(step.y()), round(step.x()))
        else:
            self._fitted = False
            self._move_center(self.world_at(self._dragged_from), self.world_at(at))
        self._dragged_from = at
        return True

    def _released(self, event: QMouseEvent) -> bool:
        ours = self._drag is not None or self.left_drag == "lasso"
        if self._drag is None and self.lasso.active and event.button() == Qt.MouseButton.LeftButton:
            self.lasso.release(event)
        self._drag = None
        return ours

    def _double_clicked(self, event: QMouseEvent) -> bool:
        if event.button() == Qt.MouseButton.LeftButton and self.left_drag == "paint":
            # Qt calls the second of two quick dabs a double click; napari would zoom and lose the dab.
            dab = QMouseEvent(
                QEvent.Type.MouseButtonPress,
                event.position(),
                event.globalPosition(),
                event.button(),
                event.buttons(),
                event.modifiers(),
            )
            QApplication.sendEvent(self.canvas, dab)
        elif event.button() == Qt.MouseButton.LeftButton and self.left_drag == "lasso":
            self.lasso.close(bool(event.modifiers() & Qt.KeyboardModifier.AltModifier))
        elif event.button() == Qt.MouseButton.LeftButton and self.left_drag == "crosshair":
            self.maximised.emit()
        return True

    def _wheeled(self, event: QWheelEvent) -> bool:
        delta = event.angleDelta().y()
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.zoom_by(_ZOOM_STEP ** (delta / _WHEEL_NOTCH), event.position())
        else:
            # Touch pads send fractions of a notch.
            self._wheel += delta
            steps = int(self._wheel / _WHEEL_NOTCH)
            self._wheel -= steps * _WHEEL_NOTCH
            if steps:
                self.stepped.emit(steps)
        event.accept()
        return True

    def _scrolled(self, value: int) -> None:
        self.stepped.emit(value - round(self.model.dims.point[self.plane.axis] / self._scale[self.plane.axis]))

    def _move_center(self, before: tuple[float, float, float], after: tuple[float, float, float]) -> None:
        _, down, across = self.model.scene.camera.center
        self.model.scene.camera.center = (
            0.0,
            down + before[self.plane.down] - after[self.plane.down],
            across + before[self.plane.across] - after[self.plane.across],
        )

    def _overlay(self, text: str, name: str) -> QLabel:
        # Plain labels over the canvas: napari's text overlay draws its text anew on every change.
        label = QLabel(text, self.canvas)
        label.setObjectName(name)
        label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        return label

    def _redraw(self) -> None:
        if not self._disposed:
            # Past vispy's own update(), which waits for ever for a repaint that was due when the canvas was hidden.
            self.canvas.update()

    def _resized(self) -> None:
        if self._disposed:
            return
        self._place_overlays()
        if self._fitted:
            self.fit()

    def _place_overlays(self) -> None:
        width, height = self.canvas.width(), self.canvas.height()
        for label in (*self.letters, self.caption, self.corner):
            label.adjustSize()
        left, right, top, bottom = self.letters
        left.move(6, (height - left.height()) // 2)
        right.move(width - right.width() - 6, (height - right.height()) // 2)
        top.move((width - top.width()) // 2, 4)
        bottom.move((width - bottom.width()) // 2, height - bottom.height() - 4)
        self.caption.move(8, 5)
        self.corner.move(8, height - self.corner.height() - 5)
