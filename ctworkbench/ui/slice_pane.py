"""One slice on a plain widget, with a viewpoint that several panes share: same slice, same zoom, same place."""

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent, QPen, QWheelEvent
from PySide6.QtWidgets import QWidget

from ctworkbench.ui.plane import AXIAL, Plane

_INK = QColor("#ffd166")
_CROSS = QColor(64, 217, 191, 140)
_NOTCH, _ZOOM_STEP = 120, 1.15
_HANDLE = 8
_TITLE = 18


@dataclass
class Viewpoint:
    """Where all panes of a desk look.

    Attributes:
        zoom: pixels per mm; 0 fits the head into the pane.
        centre: of the pane, in mm from the first corner of the picture (down, across).
    """

    zoom: float = 0.0
    centre: tuple[float, float] = (0.0, 0.0)


class SlicePane(QWidget):
    """Draws a picture of a slice, or two with a curtain between them.

    Signals:
        stepped: go so many slices on.
        windowed: the window was dragged by (level, width) pixels.
        pointed: the crosshair was put at (row, column) of the picture.
        viewed: the viewpoint was changed.
        hovered: the mouse is over (row, column) of the picture.
        curtain_moved: the curtain was dragged.
    """

    stepped = Signal(int)
    windowed = Signal(int, int)
    pointed = Signal(float, float)
    viewed = Signal()
    hovered = Signal(float, float)
    curtain_moved = Signal()

    def __init__(self, viewpoint: Viewpoint, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.viewpoint = viewpoint
        self.curtain: float | None = None
        """Place of the curtain, 0 to 1 of the width; None without one."""
        self.title = self.second_title = ""
        self._plane = AXIAL
        self._voxel = (1.0, 1.0)
        self._box = QRectF(0, 0, 1, 1)
        self._first: QImage | None = None
        self._second: QImage | None = None
        self._cross = (0.0, 0.0)
        self._from = QPointF()
        self._wheel = 0
        self._dragging: str | None = None
        self.setMinimumSize(160, 120)
        self.setMouseTracking(True)

    def show_slice(
        self,
        plane: Plane,
        first: QImage,
        second: QImage | None,
        voxel: tuple[float, float],
        box: QRectF,
        cross: tuple[float, float],
    ) -> None:
        """Show a slice.

        Args:
            plane: tells the letters at the edges.
            first: the picture.
            second: what lies to the right of the curtain.
            voxel: height and width of a voxel in mm.
            box: the head in the picture, in mm, which fills the pane until somebody zooms.
            cross: row and column of the crosshair.
        """
        self._plane, self._first, self._second = plane, first, second
        self._voxel, self._box, self._cross = voxel, box, cross
        self.update()

    @property
    def zoom(self) -> float:
        """Pixels per mm."""
        if self.viewpoint.zoom:
            return self.viewpoint.zoom
        return max(0.1, min((self.width() - 40) / self._box.width(), (self.height() - 40) / self._box.height()))

    def _centre(self) -> QPointF:
        if self.viewpoint.zoom:
            down, across = self.viewpoint.centre
            return QPointF(across, down)
        return self._box.center()

    def mm_at(self, pixel: QPointF) -> QPointF:
        """Place in the picture in mm (across, down) under a pixel."""
        return self._centre() + (pixel - QPointF(self.width() / 2, self.height() / 2)) / self.zoom

    def pixel_at(self, mm: QPointF) -> QPointF:
        """Pixel over a place in the picture."""
        return (mm - self._centre()) * self.zoom + QPointF(self.width() / 2, self.height() / 2)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw pictures, crosshair, curtain and letters."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), Qt.GlobalColor.black)
        if self._first is not None:
            down, across = self._voxel
            size = QPointF(self._first.width() * across, self._first.height() * down)
            area = QRectF(self.pixel_at(QPointF(0, 0)), self.pixel_at(size))
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(area, self._first)
            if self._second is not None and self.curtain is not None:
                edge = round(self.width() * self.curtain)
                painter.save()
                painter.setClipRect(edge, 0, self.width() - edge, self.height())
                painter.fillRect(self.rect(), Qt.GlobalColor.black)
                painter.drawImage(area, self._second)
                painter.restore()
                painter.setPen(QPen(_INK, 2))
                painter.drawLine(edge, 0, edge, self.height())
            row, column = self._cross
            at = self.pixel_at(QPointF((column + 0.5) * across, (row + 0.5) * down))
            painter.setPen(_CROSS)
            painter.drawLine(QPointF(at.x(), 0), QPointF(at.x(), self.height()))
            painter.drawLine(QPointF(0, at.y()), QPointF(self.width(), at.y()))
            self._letters(painter)
        painter.end()

    def _letters(self, painter: QPainter) -> None:
        room = QRectF(self.rect()).adjusted(6, 4, -6, -4)
        painter.setPen(_INK)
        font = painter.font()
        font.setPixelSize(14)
        font.setBold(True)
        painter.setFont(font)
        middle, centre = Qt.AlignmentFlag.AlignVCenter, Qt.AlignmentFlag.AlignHCenter
        places = (
            middle | Qt.AlignmentFlag.AlignLeft,
            middle | Qt.AlignmentFlag.AlignRight,
            centre | Qt.AlignmentFlag.AlignTop,
            centre | Qt.AlignmentFlag.AlignBottom,
        )
        below = room.adjusted(0, _TITLE, 0, 0)
        for letter, place in zip(self._plane.letters, places, strict=True):
            painter.drawText(below, place, letter)
        font.setPixelSize(12)
        font.setBold(False)
        painter.setFont(font)
        painter.drawText(room, Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft, self.title)
        painter.drawText(room, Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignRight, self.second_title)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Slice, or with Ctrl zoom at the mouse."""
        delta = event.angleDelta().y()
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self._zoom_at(event.position(), _ZOOM_STEP ** (delta / _NOTCH))
        else:
            self._wheel += delta  # touch pads send fractions of a notch
            steps = int(self._wheel / _NOTCH)
            self._wheel -= steps * _NOTCH
            if steps:
                self.stepped.emit(steps)
        event.accept()

    def _zoom_at(self, pixel: QPointF, factor: float) -> None:
        before = self.mm_at(pixel)
        centre, zoom = self._centre(), min(max(self.zoom * factor, 0.2), 200.0)
        self.viewpoint.zoom = zoom
        self.viewpoint.centre = (centre.y(), centre.x())
        moved = before - self.mm_at(pixel)
        self.viewpoint.centre = (centre.y() + moved.y(), centre.x() + moved.x())
        self.viewed.emit()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin a drag: curtain, crosshair, window, pan."""
        control = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        self._from = event.position()
        if event.button() == Qt.MouseButton.RightButton:
            self._dragging = "window"
        elif event.button() == Qt.MouseButton.MiddleButton or control:
            self._dragging = "pan"
        elif self._on_curtain(event.position()):
            self._dragging = "curtain"
        elif event.button() == Qt.MouseButton.LeftButton:
            self._dragging = "cross"
            self._point(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Go on with a drag."""
        step = event.position() - self._from
        if self._dragging is None:
            shape = Qt.CursorShape.SplitHCursor if self._on_curtain(event.position()) else Qt.CursorShape.CrossCursor
            self.setCursor(shape)
            self.hovered.emit(*self._place(event.position()))
            return
        if self._dragging == "window":
            self.windowed.emit(round(step.y()), round(step.x()))
        elif self._dragging == "pan":
            centre, zoom = self._centre(), self.zoom
            self.viewpoint.zoom = zoom
            self.viewpoint.centre = (centre.y() - step.y() / zoom, centre.x() - step.x() / zoom)
            self.viewed.emit()
        elif self._dragging == "curtain":
            self.curtain = min(max(event.position().x() / max(1, self.width()), 0.02), 0.98)
            self.curtain_moved.emit()
            self.update()
        else:
            self._point(event.position())
        self._from = event.position()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End a drag."""
        self._dragging = None

    def _on_curtain(self, at: QPointF) -> bool:
        return self.curtain is not None and abs(at.x() - self.curtain * self.width()) <= _HANDLE

    def _point(self, at: QPointF) -> None:
        self.pointed.emit(*self._place(at))

    def _place(self, at: QPointF) -> tuple[float, float]:
        """Row and column of the picture under a pixel."""
        mm = self.mm_at(at)
        return mm.y() / self._voxel[0] - 0.5, mm.x() / self._voxel[1] - 0.5
