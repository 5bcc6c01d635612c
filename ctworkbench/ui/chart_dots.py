"""Dots of a chart: drawn one by one while they can be told apart, as a picture of their density where they cannot."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray
from pyqtgraph.graphicsItems.ScatterPlotItem import Symbols
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPainterPath, QPen, QPixmap, QTransform

from ctworkbench.ui.chart_pixels import PixelItem, is_file

SINGLE_DOTS = 4_000
"""More dots than this in view are drawn as a density: a pixel of a chart then has several of them."""
_CELL_PIXELS = 2
_FEW, _CROWD_OPACITY = 400, 0.75
_ONE_DOT_OPACITY, _MOST_OPACITY = 0.3, 0.92
_SHAPES = cast("dict[str, QPainterPath]", Symbols)


@dataclass(frozen=True)
class Style:
    """Colour and shape of dots; of hollow ones the rim alone is drawn, a sixth of the dot wide or as wide as `rim`."""

    color: str
    symbol: str
    hollow: bool = False
    rim: float | None = None


def dot_size(count: int, compact: bool, room: float = np.inf) -> float:
    """Width of a dot in pixels: smaller where there are more of them, and where they would hide each other.

    Args:
        count: number of dots.
        compact: of a small chart.
        room: of the plot, in square pixels; dots cover a third of it at most.
    """
    sizes = (8, 5, 3.5, 3) if compact else (12, 9, 6, 4.5)
    usual = sizes[int(np.searchsorted((80, 400, 2500), count))]
    fitting = np.sqrt(room / (3 * max(count, 1)))
    return usual if fitting >= usual else max(2.5, np.floor(2 * fitting) / 2)


def draw_symbol(painter: QPainter, style: Style, size: float, outline: str) -> None:
    """Draw one dot around the origin, `size` pixels wide."""
    shape = QTransform.fromScale(size, size).map(_SHAPES[style.symbol])
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    if style.hollow:
        width = style.rim or max(1.4, size / 6)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor(outline), width + 1.6))
        painter.drawPath(shape)
        painter.setPen(QPen(QColor(style.color), width))
    else:
        painter.setPen(QPen(QColor(outline), 1 if size > 5 else 0.6))
        painter.setBrush(QColor(style.color))
    painter.drawPath(shape)


def symbol_pixmap(style: Style, size: float, outline: str, ratio: float = 1.0) -> QPixmap:
    """A dot as a small picture for the screen; `ratio` is that of the screen's pixels to the program's."""
    side = int(np.ceil(size)) + 4
    pixmap = QPixmap(round(side * ratio), round(side * ratio))
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.translate(side / 2, side / 2)
    draw_symbol(painter, style, size, outline)
    painter.end()
    return pixmap


class DotsItem(PixelItem):
    """Any number of dots in a plot; data is replaced in place.

    Up to `SINGLE_DOTS` dots in view are small pictures put side by side in the order of the data, so that no group
    hides another. Where there are more, the picture is a density: each cell has the mean colour of its dots, and is
    the more opaque the more there are. Dots are found under the mouse in either case.
    """

    def __init__(self) -> None:
        super().__init__()
        self.xs: NDArray[np.float64] = np.empty(0)
        self.ys: NDArray[np.float64] = np.empty(0)
        self.styles: Sequence[Style] = ()
        self._style: NDArray[np.intp] = np.empty(0, np.intp)
        self._colors: NDArray[np.float64] = np.empty((0, 3))
        self._size = 8.0
        self._outline = "#000000"
        self._pixmaps: dict[tuple[Style, float, str, float], QPixmap] = {}

    def __len__(self) -> int:
        return self.xs.size

    @property
    def size(self) -> float:
        """Width of a dot in pixels."""
        return self._size

    def set_dots(
        self,
        xs: NDArray[np.float64],
        ys: NDArray[np.float64],
        style: NDArray[np.intp],
        styles: Sequence[Style],
        size: float,
        outline: str,
    ) -> None:
        """Replace all dots.

        Args:
            xs: across, in the plot's units, shape (n,).
            ys: upwards, shape (n,).
            style: place of each dot's style in `styles`, shape (n,).
            styles: colours and shapes.
            size: width of a dot in pixels.
            outline: colour around each dot, that of the ground.
        """
        self.xs, self.ys, self._style = xs, ys, style
        self.styles, self._size, self._outline = styles, size, outline
        colors = [QColor(entry.color) for entry in styles]
        self._colors = np.array([(color.red(), color.green(), color.blue()) for color in colors], float).reshape(-1, 3)
        self.update()

    def resize_dots(self, size: float) -> None:
        """Draw the dots as wide as this in pixels."""
        if size != self._size:
            self._size = size
            self.update()

    def style_of(self, numbers: NDArray[np.intp]) -> tuple[NDArray[np.intp], Sequence[Style]]:
        """The styles of some dots, as `set_dots` takes them."""
        return self._style[numbers], self.styles

    def near(self, pixels: QPointF, reach: float = 0.0) -> NDArray[np.intp]:
        """The dots at a place in scene pixels, within `reach` of their rim, nearest first."""
        transform = self.sceneTransform()
        away = np.hypot(
            self.xs * transform.m11() + transform.dx() - pixels.x(),
            self.ys * transform.m22() + transform.dy() - pixels.y(),
        )
        found = np.flatnonzero(away <= self._size / 2 + reach)
        return found[np.argsort(away[found], kind="stable")]

    def crowded(self, view: QRectF) -> bool:
        """Whether too many dots to be told apart are in view.

        Args:
            view: what is in view, in the plot's units.
        """
        return self.xs.size > SINGLE_DOTS and self.count_in(view) > SINGLE_DOTS

    def count_in(self, view: QRectF) -> int:
        """How many dots are in view, in the plot's units."""
        low, high = sorted((view.top(), view.bottom()))
        seen = (self.xs >= view.left()) & (self.xs <= view.right()) & (self.ys >= low) & (self.ys <= high)
        return int(np.count_nonzero(seen))

    # -- drawing ---------------------------------------------------------------------------------------------------

    def draw(self, painter: QPainter, view: QRectF, scale: tuple[float, float, float, float]) -> None:
        """Draw what is in view."""
        if not self.xs.size:
            return
        across, down = self.xs * scale[0] + scale[1], self.ys * scale[2] + scale[3]
        rim = 0.0 if is_file(painter) else self._size  # a file is not clipped
        seen = np.flatnonzero(
            (across >= view.left() - rim)
            & (across <= view.right() + rim)
            & (down >= view.top() - rim)
            & (down <= view.bottom() + rim)
        )
        if seen.size > SINGLE_DOTS:
            self._draw_density(painter, view, across[seen], down[seen], self._style[seen])
            return
        painter.setOpacity(1.0 if self.xs.size < _FEW else _CROWD_OPACITY)
        if is_file(painter):
            for x, y, style in zip(across[seen], down[seen], self._style[seen], strict=True):
                painter.save()
                painter.translate(x, y)
                draw_symbol(painter, self.styles[style], self._size, self._outline)
                painter.restore()
        else:
            self._draw_pixmaps(painter, across[seen], down[seen], self._style[seen])

    def _draw_pixmaps(
        self, painter: QPainter, across: NDArray[np.float64], down: NDArray[np.float64], style: NDArray[np.intp]
    ) -> None:
        ratio = painter.device().devicePixelRatioF()
        pixmaps = [self._pixmap(entry, ratio) for entry in self.styles]
        half = pixmaps[0].width() / ratio / 2
        lefts, tops = np.rint(across - half).astype(int).tolist(), np.rint(down - half).astype(int).tolist()
        draw = painter.drawPixmap  # whole numbers: this way of calling it is three times as fast as the others
        for left, top, number in zip(lefts, tops, style.tolist(), strict=True):
            draw(left, top, pixmaps[number])

    def _pixmap(self, style: Style, ratio: float) -> QPixmap:
        key = (style, self._size, self._outline, ratio)
        if key not in self._pixmaps:
            self._pixmaps[key] = symbol_pixmap(style, self._size, self._outline, ratio)
        return self._pixmaps[key]

    def _draw_density(
        self,
        painter: QPainter,
        view: QRectF,
        across: NDArray[np.float64],
        down: NDArray[np.float64],
        style: NDArray[np.intp],
    ) -> None:
        cell = 1 if is_file(painter) else _CELL_PIXELS
        image = density(
            (across - view.left()) / cell,
            (down - view.top()) / cell,
            self._colors[style],
            (int(view.height() / cell) + 1, int(view.width() / cell) + 1),
        )
        height, width, _ = image.shape
        picture = QImage(image.data, width, height, width * 4, QImage.Format.Format_ARGB32_Premultiplied)
        painter.drawImage(QRectF(view.left(), view.top(), width * cell, height * cell), picture)


def density(
    across: NDArray[np.float64], down: NDArray[np.float64], colors: NDArray[np.float64], shape: tuple[int, int]
) -> NDArray[np.uint8]:
    """Dots as a picture in which each dot tints its cell and the four beside it.

    Args:
        across: in cells from the left edge, shape (n,).
        down: in cells from the top, shape (n,).
        colors: red, green, blue of each dot, 0 to 255, shape (n, 3).
        shape: height and width of the picture in cells.

    Returns:
        Blue, green, red, opacity, multiplied by the opacity, shape (height, width, 4).
    """
    height, width = shape
    column, row = across.astype(np.int32), down.astype(np.int32)
    inside = (across >= 0) & (column < width) & (down >= 0) & (row < height)
    cells = row[inside] * width + column[inside]

    def spread(weights: NDArray[np.float64] | None) -> NDArray[np.float32]:
        once = np.bincount(cells, weights, height * width).astype(np.float32).reshape(shape)
        wide = once.copy()
        wide[1:] += once[:-1]
        wide[:-1] += once[1:]
        wide[:, 1:] += once[:, :-1]
        wide[:, :-1] += once[:, 1:]
        return wide

    counts = spread(None)
    # by the logarithm, so that one dot is seen and ten thousand still differ from a hundred
    most = int(counts.max(initial=1))
    logarithms = np.log(np.arange(1, most + 1)) / np.log(max(most, 2))
    table = _ONE_DOT_OPACITY + (_MOST_OPACITY - _ONE_DOT_OPACITY) * logarithms
    opacity = np.concatenate(([0.0], table)).astype(np.float32)[counts.astype(np.intp)]
    share = opacity / np.maximum(counts, 1)
    image = np.empty((height, width, 4), np.uint8)
    for place, channel in enumerate((2, 1, 0)):
        image[..., place] = spread(colors[inside, channel]) * share
    image[..., 3] = opacity * 255
    return image
