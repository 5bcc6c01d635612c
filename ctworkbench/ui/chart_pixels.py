"""Items of a chart that are drawn in pixels, so that a line is as thin in a file as on the screen."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPaintEngine, QPainter, QPainterPath, QPen, QPolygonF
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from ctworkbench.ui.plotting import pg

_FILES = (QPaintEngine.Type.SVG, QPaintEngine.Type.Pdf, QPaintEngine.Type.Picture)


def is_file(painter: QPainter) -> bool:
    """Whether lines and letters are written as such, and not as pixels."""
    return painter.paintEngine().type() in _FILES


class PixelItem(pg.GraphicsObject):
    """An item that may lie anywhere in its plot and is drawn in pixels.

    Qt's SVG writer neither clips nor keeps a line's width under a scaled painter in a way that all programs read.
    `draw` is given a painter without transformation, and clips what it writes to a file itself.
    """

    def boundingRect(self) -> QRectF:
        """All that is in view."""
        return QRectF(self.viewRect() or QRectF())

    def viewTransformChanged(self) -> None:
        """Follow zooming and panning."""
        self.prepareGeometryChange()
        super().viewTransformChanged()
        self.update()

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        """Draw in pixels."""
        transform = painter.transform()
        view = transform.mapRect(self.boundingRect())
        scale = (transform.m11(), transform.dx(), transform.m22(), transform.dy())
        painter.save()
        painter.resetTransform()
        self.draw(painter, view, scale)
        painter.restore()

    def draw(self, painter: QPainter, view: QRectF, scale: tuple[float, float, float, float]) -> None:
        """Draw.

        Args:
            painter: without transformation.
            view: what is in view, in pixels.
            scale: factor and shift across, factor and shift down, from the plot's units to pixels.
        """
        raise NotImplementedError


def clip_segments(segments: NDArray[np.float64], view: QRectF) -> NDArray[np.float64]:
    """The parts of lines that lie in a rectangle (Liang & Barsky, ACM Trans. Graph. 1984; 3:1).

    Args:
        segments: both ends of each line, shape (n, 4): x1, y1, x2, y2.
        view: the rectangle.

    Returns:
        The lines that are left, shape (m, 4).
    """
    start, along = segments[:, :2], segments[:, 2:] - segments[:, :2]
    low, high = np.array([view.left(), view.top()]), np.array([view.right(), view.bottom()])
    with np.errstate(divide="ignore", invalid="ignore"):
        at_low, at_high = (low - start) / along, (high - start) / along
    flat = along == 0
    within = (start >= low) & (start <= high)
    enter = np.where(flat, np.where(within, -np.inf, np.inf), np.minimum(at_low, at_high)).max(axis=1)
    leave = np.where(flat, np.inf, np.maximum(at_low, at_high)).min(axis=1)
    enter, leave = np.maximum(enter, 0.0), np.minimum(leave, 1.0)
    seen = enter < leave
    ends = [start[seen] + part[seen, None] * along[seen] for part in (enter, leave)]
    return np.hstack(ends)


def polyline(xs: NDArray[np.float64], ys: NDArray[np.float64]) -> NDArray[np.float64]:
    """The lines from point to point, shape (n − 1, 4)."""
    return np.column_stack((xs[:-1], ys[:-1], xs[1:], ys[1:]))


class LinesItem(PixelItem):
    """Any number of lines of one pen."""

    def __init__(self) -> None:
        super().__init__()
        self.segments: NDArray[np.float64] = np.empty((0, 4))
        self._pen = QPen()

    def set_pen(self, color: str | QColor, width: float, style: Qt.PenStyle = Qt.PenStyle.SolidLine) -> None:
        """Colour, width in pixels and style of the lines."""
        self._pen = QPen(QColor(color), width, style)
        self._pen.setCapStyle(Qt.PenCapStyle.FlatCap)
        self.update()

    @property
    def color(self) -> QColor:
        """Colour of the lines."""
        return self._pen.color()

    def set_segments(self, segments: NDArray[np.float64]) -> None:
        """Replace all lines.

        Args:
            segments: both ends of each line in the plot's units, shape (n, 4): x1, y1, x2, y2.
        """
        self.segments = segments
        self.setVisible(len(segments) > 0)
        self.update()

    def draw(self, painter: QPainter, view: QRectF, scale: tuple[float, float, float, float]) -> None:
        """Draw the lines in view."""
        draw_segments(painter, self.segments, self._pen, view, scale)


def draw_segments(
    painter: QPainter,
    segments: NDArray[np.float64],
    pen: QPen,
    view: QRectF,
    scale: tuple[float, float, float, float],
) -> None:
    """Draw lines that are given in the plot's units; consecutive ones as one, so that dashes run on."""
    across, right, down, below = scale
    pixels = clip_segments(segments * (across, down, across, down) + (right, below, right, below), view)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(pen)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    breaks = np.flatnonzero(np.any(pixels[1:, :2] != pixels[:-1, 2:], axis=1)) + 1
    for part in np.split(pixels, breaks) if len(pixels) else []:
        if len(part) == 1:
            painter.drawLine(QLineF(*part[0].tolist()))
        else:
            points = [QPointF(*part[0, :2].tolist()), *(QPointF(x, y) for x, y in part[:, 2:].tolist())]
            painter.drawPolyline(QPolygonF(points))


def draw_filling(
    painter: QPainter,
    xs: NDArray[np.float64],
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
    color: QColor,
    view: QRectF,
    scale: tuple[float, float, float, float],
) -> None:
    """Fill between two lines that are given in the plot's units."""
    across, right, down, below = scale
    columns = (xs * across + right).tolist()
    edges: Sequence[list[float]] = [(ys * down + below).tolist() for ys in (lower, upper)]
    there = [QPointF(x, y) for x, y in zip(columns, edges[0], strict=True)]
    back = [QPointF(x, y) for x, y in zip(reversed(columns), reversed(edges[1]), strict=True)]
    path = QPainterPath()
    path.addPolygon(QPolygonF(there + back))
    path.closeSubpath()
    if is_file(painter):
        frame = QPainterPath()
        frame.addRect(view)
        path = path.intersected(frame)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(color)
    painter.drawPath(path)
