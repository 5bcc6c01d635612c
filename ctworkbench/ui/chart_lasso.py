"""A plot in which a loop can be drawn around dots."""

import numpy as np
from numpy.typing import NDArray
from pyqtgraph.GraphicsScene.mouseEvents import MouseDragEvent
from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QColor, QPainterPath
from PySide6.QtWidgets import QGraphicsPathItem

from ctworkbench.ui.plotting import pg

_SHIFT, _CONTROL = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier


class LassoBox(pg.ViewBox):
    """A view that is panned by a drag, and lassoed by a drag with Shift or with the lasso in hand."""

    lassoed = Signal(object, bool)
    """Corners of the loop in pixels of the scene, shape (n, 2), and whether it adds to what is selected (Ctrl)."""

    def __init__(self) -> None:
        super().__init__(enableMenu=False)
        self.lasso_in_hand = False
        self._corners: list[QPointF] = []
        self._loop = QGraphicsPathItem(self)
        self._loop.setZValue(100)
        self._loop.hide()

    def set_loop_color(self, color: str) -> None:
        """Colour of the loop while it is drawn."""
        fill = QColor(color)
        fill.setAlpha(30)
        self._loop.setPen(pg.mkPen(color, width=1, style=Qt.PenStyle.DashLine))
        self._loop.setBrush(fill)

    def mouseDragEvent(self, ev: MouseDragEvent, axis: int | None = None) -> None:
        """Draw the loop, or pan."""
        starts = self.lasso_in_hand or bool(ev.modifiers() & _SHIFT)
        if ev.isStart() and axis is None and ev.button() == Qt.MouseButton.LeftButton and starts:
            self._corners = [QPointF(ev.buttonDownPos())]
        if not self._corners:
            super().mouseDragEvent(ev, axis)
            return
        ev.accept()
        self._corners.append(QPointF(ev.pos()))
        path = QPainterPath()
        path.addPolygon(self._corners)
        path.closeSubpath()
        self._loop.setPath(path)
        self._loop.setVisible(not ev.isFinish())
        if ev.isFinish():
            places = [self.mapToScene(corner) for corner in self._corners]
            self._corners = []
            loop = np.array([(place.x(), place.y()) for place in places])
            self.lassoed.emit(loop, bool(ev.modifiers() & _CONTROL))


def inside(loop: NDArray[np.float64], xs: NDArray[np.float64], ys: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which points lie in a loop, by the number of its sides that a ray from the point crosses (even-odd rule).

    Args:
        loop: corners, shape (n, 2); it is closed from the last to the first.
        xs: of the points, shape (m,).
        ys: of the points, shape (m,).
    """
    found = np.zeros(xs.shape, bool)
    near = np.flatnonzero((xs >= loop[:, 0].min()) & (xs <= loop[:, 0].max()))
    x, y = xs[near], ys[near]
    odd = np.zeros(near.shape, bool)
    for (x1, y1), (x2, y2) in zip(loop, np.roll(loop, -1, axis=0), strict=True):
        between = (y1 > y) != (y2 > y)
        if between.any():
            odd[between] ^= x[between] < (x2 - x1) * (y[between] - y1) / (y2 - y1) + x1
    found[near] = odd
    return found
