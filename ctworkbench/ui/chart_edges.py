"""What has no place on a chart's scale: arrows beside its dots, and where a bar is cut off by the view."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPolygonF

from ctworkbench.core.norms.units import LARGEST_CM3
from ctworkbench.ui.chart_pixels import LinesItem, PixelItem

_WIDE, _HIGH = 7.0, 5.0
_LETTERS = 10
_MOST_TEXTS = 100  # more arrows than this leave no room for what would be read
_BEYOND = 0.05  # share of the scale by which dots that belong beyond it stand off


class BeyondItem(PixelItem):
    """An arrow at each dot that stands at the end of the scale and belongs beyond it, with its value beside."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: tuple[str, ...] = ()
        self._xs = self._ys = self._signs = np.empty(0)
        self._reach = 0.0
        self._color = QColor()
        self._font = QFont()
        self._font.setPixelSize(_LETTERS)

    def dress(self, color: str) -> None:
        """Take the colour of a ground."""
        self._color = QColor(color)
        self.update()

    def show_beyond(
        self,
        xs: NDArray[np.float64],
        ys: NDArray[np.float64],
        signs: NDArray[np.float64],
        texts: Sequence[str],
        reach: float,
    ) -> None:
        """Replace all arrows.

        Args:
            xs: of the dots, in the plot's units, shape (n,).
            ys: where they stand instead, shape (n,).
            signs: 1 for a value above the scale, −1 for one below it, shape (n,).
            texts: what is written beside each; "" for nothing.
            reach: from the middle of a dot to its arrow in pixels.
        """
        self._xs, self._ys, self._signs = xs, ys, signs
        self.texts = tuple(texts)
        self._reach = reach
        self.setVisible(len(self.texts) > 0)
        self.update()

    def draw(self, painter: QPainter, view: QRectF, scale: tuple[float, float, float, float]) -> None:
        """Draw the arrows in view, and the texts that have room."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        across, down = self._xs * scale[0] + scale[1], self._ys * scale[2] + scale[3]
        for x, y, sign in zip(across.tolist(), down.tolist(), self._signs.tolist(), strict=True):
            if view.contains(QPointF(x, y)):
                draw_arrow(painter, QPointF(x, y - sign * self._reach), sign, self._color)
        painter.setFont(self._font)
        painter.setPen(self._color)
        for place, text in self.written(view, scale):
            painter.drawText(place, Qt.AlignmentFlag.AlignCenter, text)

    def written(self, view: QRectF, scale: tuple[float, float, float, float]) -> list[tuple[QRectF, str]]:
        """The texts that lie on no other and on no dot, and where in pixels; the dots tell the others.

        Args:
            view: what is in view, in pixels.
            scale: see `PixelItem.draw`.
        """
        across, down = self._xs * scale[0] + scale[1], self._ys * scale[2] + scale[3]
        seen = np.flatnonzero(
            (across >= view.left()) & (across <= view.right()) & (down >= view.top()) & (down <= view.bottom())
        )
        if seen.size > _MOST_TEXTS:
            return []
        metrics = QFontMetricsF(self._font)
        found: list[tuple[QRectF, str]] = []
        for number in seen.tolist():
            x, y, text = float(across[number]), float(down[number]), self.texts[number]
            wide, high = metrics.horizontalAdvance(text), metrics.height()
            place = QRectF(x + self._reach + 1, y - high / 2, wide, high)
            if place.right() > view.right():
                place.moveRight(x - self._reach - 1)
            others = seen[seen != number]
            covered = (across[others] > place.left()) & (across[others] < place.right())
            covered &= np.abs(down[others] - y) < high / 2
            free = not covered.any() and not any(place.intersects(other) for other, _ in found)
            if text and free and place.left() >= view.left():
                found.append((place, text))
        return found


class BarsItem(LinesItem):
    """Upright bars; one that the view cuts off ends in an arrow."""

    def draw(self, painter: QPainter, view: QRectF, scale: tuple[float, float, float, float]) -> None:
        """Draw the bars in view."""
        super().draw(painter, view, scale)
        for place, sign in self.cut(view, scale):
            draw_arrow(painter, place, sign, self.color)

    def cut(self, view: QRectF, scale: tuple[float, float, float, float]) -> list[tuple[QPointF, float]]:
        """Where bars leave the view: the foot of the arrow in pixels, and 1 for above or −1 for below.

        Args:
            view: what is in view, in pixels.
            scale: see `PixelItem.draw`.
        """
        found: list[tuple[QPointF, float]] = []
        for x, low, _, high in self.segments.tolist():
            across, top, bottom = x * scale[0] + scale[1], high * scale[2] + scale[3], low * scale[2] + scale[3]
            if not view.left() <= across <= view.right() or bottom <= view.top() or top >= view.bottom():
                continue
            if top < view.top():
                found.append((QPointF(across, view.top() + _HIGH), 1.0))
            if bottom > view.bottom():
                found.append((QPointF(across, view.bottom() - _HIGH), -1.0))
        return found


def draw_arrow(painter: QPainter, foot: QPointF, sign: float, color: QColor) -> None:
    """A small arrow head above (1) or below (−1) a point."""
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(color)
    corners = (-_WIDE / 2, 0.0), (_WIDE / 2, 0.0), (0.0, -sign * _HIGH)
    painter.drawPolygon(QPolygonF([foot + QPointF(*corner) for corner in corners]))


def no_fault(values: NDArray[np.float64], signed: bool) -> NDArray[np.bool_]:
    """Which values can be a volume of a region in cm³, or a difference of two; the others stretch no scale."""
    return np.isfinite(values) & (np.abs(values) <= LARGEST_CM3) & (signed | (values > 0))


def placed(values: NDArray[np.float64], span: tuple[float, float], faulty: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Where dots stand upwards: those that the scale cannot hold, and values that are no volumes, just beyond it."""
    low, high = span
    if not np.isfinite(low):
        return np.where(np.isfinite(values), values, 0.0)
    off = _BEYOND * (high - low)
    levels = np.where(values > high, high + off, np.where(values < low, low - off, values))
    return np.where(faulty & ~(values > high), low - off, levels)


def beyond_text(value: float, signed: bool) -> str:
    """What is written beside a dot that has no place on the scale."""
    if not np.isfinite(value):
        return "no volume"
    if signed:
        return f"{value:+,.0f}".replace("-", "−")
    return f"{value:,.0f}".replace("-", "−") if value else "not found"
