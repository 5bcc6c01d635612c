"""One plane of a head CT on a napari canvas: axial, coronal or sagittal, in radiological convention.

The arrays shown have the axes (z, y, x) and run to the superior, the posterior and the left (index 0 of the last axis
is the patient's right). Gestures that do not paint are taken before napari sees them (`slice_mouse`); it paints.
"""

from collections.abc import Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Literal

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image
from napari.qt import QtViewer
from napari.utils.action_manager import action_manager
from napari.utils.colormaps import Colormap, DirectLabelColormap
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QObject, QPointF, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QEnterEvent, QMouseEvent, QResizeEvent, QShowEvent, QWheelEvent
from PySide6.QtWidgets import QGridLayout, QLabel, QScrollBar, QWidget

from ctworkbench.ui.framing import Index
from ctworkbench.ui.lasso import Lasso
from ctworkbench.ui.marks import Marks
from ctworkbench.ui.picture_canvas import PictureWidget, canvas_class
from ctworkbench.ui.plane import AXIAL, Plane
from ctworkbench.ui.region_counts import Box
from ctworkbench.ui.shared_labels import SharedLabels
from ctworkbench.ui.slice_mouse import SliceMouse
from ctworkbench.ui.tool import Drag
from ctworkbench.ui.uncertainty_ramp import HIGHEST, LOWEST, RAMP

_LETTER_WIDTH, _LETTER_HEIGHT = 24, 22
_DOUBT_OPACITY = 0.55


class SliceImage(Image):
    """A napari image without the thumbnail that nobody sees."""

    @property
    def _type_string(self) -> str:
        # napari finds a layer's drawing class by this name.
        return "image"

    def _update_thumbnail(self) -> None:
        """Left out: every slice would pay for it."""


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
        self._fitted = True
        self._disposed = False
        self._low = (0.0, 0.0, 0.0)
        self._high = (1.0, 1.0, 1.0)
        self._scale = (1.0, 1.0, 1.0)

        self.model = ViewerModel(title=plane.name, order=plane.order, axis_labels=("z", "y", "x"))
        with action_manager.events.shortcut_changed.blocker():  # each would write the hidden welcome screens anew
            self.viewer = QtViewer(self.model, show_welcome_screen=False, canvas_class=canvas_class())
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
        self.image = SliceImage(blank, name="CT", colormap="gray", interpolation2d="linear", contrast_limits=(0, 80))
        self.image.contrast_limits_range = (-4096.0, 8192.0)
        # It lies at the bottom, so there is nothing to blend it with.
        self.image.blending = "opaque"
        self.labels = SharedLabels(blank.astype(np.uint8), name="Labels", opacity=0.4)
        self._compared: SharedLabels | None = None
        self._doubt: SliceImage | None = None
        for layer in (self.image, self.labels):
            self.model.add_layer(layer)
        self.model.layers.selection.active = self.labels

        self.labels.limit = self._limited
        self.marks = Marks(self.canvas)
        self._cross = (0.0, 0.0, 0.0)
        camera.events.connect(self._place_marks)

        self.lasso = Lasso(self)
        self.mouse = SliceMouse(self)

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

    @property
    def compared(self) -> SharedLabels:
        """The layer of what is compared, hidden; made when it is first wanted, for it takes as long as a frame."""
        if self._compared is None:
            layer = SharedLabels(np.zeros((2, 2, 2), np.uint8), name="Compared", visible=False)
            layer.scale, layer.colormap = self.labels.scale, self.labels.colormap
            layer.opacity, layer.contour = self.labels.opacity, self.labels.contour
            self.model.layers.insert(1, layer)
            self.model.layers.selection.active = self.labels
            self._compared = layer
        return self._compared

    def show_doubt(self, percent: NDArray[np.uint8] | None) -> None:
        """Lay how unsure networks were, axes (z, y, x), over image and labels, or take it away.

        The layer is made when it is first wanted, and holds nothing while it is not.
        """
        if percent is None:
            if self._doubt is not None and self._doubt.visible:
                self._doubt.visible = False
                self._doubt.data = np.zeros((2, 2, 2), np.uint8)
            return
        if self._doubt is None:
            ramp = Colormap(RAMP, name="uncertainty")
            self._doubt = SliceImage(
                np.zeros((2, 2, 2), np.uint8),
                name="Uncertainty",
                colormap=ramp,
                contrast_limits=(LOWEST, HIGHEST),
                interpolation2d="linear",
                opacity=_DOUBT_OPACITY,
                blending="translucent_no_depth",
                visible=False,
                scale=self.labels.scale,
            )
            self.model.add_layer(self._doubt)
            self.model.layers.selection.active = self.labels
        self._doubt.data = percent
        self._doubt.scale = self.labels.scale
        self._doubt.visible = True

    @property
    def layers(self) -> tuple[SliceImage | SharedLabels, ...]:
        """The layers that are there; that of the label map is the last one."""
        between = tuple(layer for layer in (self._doubt, self._compared) if layer is not None)
        return (self.image, *between, self.labels)

    @property
    def label_layers(self) -> tuple[SharedLabels, ...]:
        """Those that show label maps."""
        return (self.labels,) if self._compared is None else (self.labels, self._compared)

    @contextmanager
    def still(self) -> Generator[None]:
        """While another case is put in: slice and draw once, at the end, and not at every step."""
        with ExitStack() as blocked:
            for layer in self.layers:
                blocked.enter_context(layer._block_refresh())
            yield
        for layer in self.layers:
            layer.refresh(extent=False)

    def show_image(self, shown: NDArray, scale: tuple[float, float, float]) -> None:
        """Put in another image, axes (z, y, x)."""
        self.image.data = shown
        blank = np.zeros((2, 2, 2), np.uint8)
        if self._compared is not None and self._compared.data.shape != blank.shape:
            self._compared.data = blank
        self.show_doubt(None)
        for layer in self.layers[:-1]:
            # A layer of another voxel size would change the steps of the slider that all layers share.
            if tuple(layer.scale) != scale:
                layer.scale = scale

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
        for layer in self.layers[:-1]:
            for known in ("extent", "_extent_augmented"):
                layer.__dict__.pop(known, None)
        self.labels._clear_extent()
        self.model._on_layers_change()  # once for all three; it did so at each layer's data, by what it knew before
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
        self._cross = (index[0] * scale[0], index[1] * scale[1], index[2] * scale[2])
        self._place_marks()
        self.slice_bar.blockSignals(True)
        self.slice_bar.setValue(index[axis])
        self.slice_bar.blockSignals(False)
        self.caption.setText(f"{self.plane.name}  {index[axis] + 1} / {count}")
        self.caption.adjustSize()

    def show_crosshair(self, visible: bool) -> None:
        """Draw the crosshair or leave it out."""
        self.marks.show_crosshair(visible)

    def show_corner(self, text: str) -> None:
        """Text in the lower left corner."""
        self.corner.setText(text)
        self._place_overlays()

    def set_colormap(self, colormap: DirectLabelColormap) -> None:
        """Colours of the regions."""
        for layer in self.label_layers:
            layer.colormap = colormap

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

    @property
    def fitted(self) -> bool:
        """Whether the view shows the whole head and keeps doing so, until somebody zooms or pans."""
        return self._fitted

    def zoom_by(self, factor: float, pixel: QPointF | None = None) -> None:
        """Zoom, keeping what is under `pixel` (or the middle) where it is."""
        camera = self.model.scene.camera
        self._fitted = False
        at = pixel or QPointF(self.canvas.width() / 2, self.canvas.height() / 2)
        before = self.world_at(at)
        camera.zoom = float(np.clip(camera.zoom * factor, 0.2, 200.0))
        self._move_center(before, self.world_at(at))

    def pan(self, before: QPointF, after: QPointF) -> None:
        """Move the slice with the mouse, from one pixel to another."""
        self._fitted = False
        self._move_center(self.world_at(before), self.world_at(after))

    def dispose(self) -> None:
        """Clear the layers and close the canvas; the view cannot be used afterwards."""
        if self._disposed:
            return
        self._disposed = True
        self.canvas.removeEventFilter(self)
        self.viewer.removeEventFilter(self)
        self.model.scene.camera.events.disconnect(self._place_marks)
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
        if isinstance(event, QMouseEvent | QWheelEvent):
            return self.mouse.take(event)
        if kind == QEvent.Type.Enter:
            self.activated.emit()
        elif kind == QEvent.Type.Leave:
            self.mouse.place_ring(None)
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

    def _limited(self, box: Box) -> AbstractContextManager[None]:
        """While labels are changed in a box of the array: let the canvas draw that part of it alone."""
        if not isinstance(self.canvas, PictureWidget):
            return nullcontext()
        low, high = [self.pixel_of(self._corner(box, end)) for end in ("start", "stop")]
        area = QRectF(low, high).normalized().adjusted(-2, -2, 2, 2).toAlignedRect()
        return self.canvas.limited(area)

    def _corner(self, box: Box, end: Literal["start", "stop"]) -> tuple[float, float, float]:
        z, y, x = ((getattr(edge, end) - 0.5) * size for edge, size in zip(box, self._scale, strict=True))
        return (z, y, x)

    def _place_marks(self) -> None:
        if not self._disposed:
            self.marks.put_crosshair(self.pixel_of(self._cross))

    def _resized(self) -> None:
        if self._disposed:
            return
        self._place_overlays()
        self._place_marks()
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
