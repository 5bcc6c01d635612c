"""Crosshair and brush ring, laid over a canvas: they move with the mouse, and the scene below is not drawn for it."""

from PySide6.QtCore import QEvent, QObject, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

_CROSSHAIR = QColor.fromRgbF(0.25, 0.85, 0.75, 0.55)
_RING, _RING_EDGE = QColor(255, 255, 255), QColor(0, 0, 0, 160)
# A smaller ring cannot be seen; the mouse shows a cross there.
SMALLEST_RING = 8.0


class Marks(QWidget):
    """Two lines through a point of the canvas and a ring around another, in pixels of the canvas."""

    def __init__(self, canvas: QWidget) -> None:
        super().__init__(canvas)
        self._canvas = canvas
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self._cross: QPointF | None = None
        self._crosshair_shown = True
        self._ring: QRectF | None = None
        self.setGeometry(canvas.rect())
        canvas.installEventFilter(self)

    def show_crosshair(self, shown: bool) -> None:
        """Draw the crosshair or leave it out."""
        self._crosshair_shown = shown
        self.update()

    def put_crosshair(self, at: QPointF) -> None:
        """Let the lines cross at a pixel."""
        if at != self._cross:
            self._update_cross()
            self._cross = at
            self._update_cross()

    def put_ring(self, at: QPointF | None, diameter: float = 0.0) -> None:
        """Draw a ring around a pixel, or none."""
        ring = None
        if at is not None and diameter >= SMALLEST_RING:
            ring = QRectF(at.x() - diameter / 2, at.y() - diameter / 2, diameter, diameter)
        if ring != self._ring:
            for area in (self._ring, ring):
                if area is not None:
                    self.update(area.adjusted(-3, -3, 3, 3).toAlignedRect())
            self._ring = ring

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw what there is."""
        painter = QPainter(self)
        if self._cross is not None and self._crosshair_shown:
            painter.setPen(QPen(_CROSSHAIR, 1))
            x, y = round(self._cross.x()), round(self._cross.y())
            painter.drawLine(x, 0, x, self.height())
            painter.drawLine(0, y, self.width(), y)
        if self._ring is not None:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            for color, width in ((_RING_EDGE, 3.0), (_RING, 1.2)):
                painter.setPen(QPen(color, width))
                painter.drawEllipse(self._ring)
        painter.end()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stay as large as the canvas."""
        if watched is self._canvas and event.type() == QEvent.Type.Resize:
            self.setGeometry(self._canvas.rect())
        return False

    def _update_cross(self) -> None:
        if self._cross is not None and self._crosshair_shown:
            x, y = round(self._cross.x()), round(self._cross.y())
            self.update(QRect(x - 1, 0, 3, self.height()))
            self.update(QRect(0, y - 1, self.width(), 3))
