"""The faint lines of a chart at its axes' ticks."""

from PySide6.QtCore import QLineF, QRectF
from PySide6.QtGui import QColor, QPainter, QPen

from ctworkbench.ui.chart_pixels import PixelItem, is_file
from ctworkbench.ui.plotting import pg

_OPACITY = 31  # of 255


class Grid(PixelItem):
    """The grid of one plot, behind all else.

    pyqtgraph's own is drawn by its axes, smoothed and with their numbers, and costs a third of a chart's drawing.

    Args:
        plot: the plot; its axes lose the marks at their ticks.
        across: with a line at each tick of the bottom axis too.
    """

    def __init__(self, plot: pg.PlotItem, across: bool) -> None:
        super().__init__()
        self._axes = {side: plot.getAxis(side) for side in (("left", "bottom") if across else ("left",))}
        self._pen = QPen()
        for axis in self._axes.values():
            axis.setStyle(tickLength=0)
        self.setZValue(-100)
        plot.addItem(self, ignoreBounds=True)

    def dress(self, color: str) -> None:
        """Take the axes' colour."""
        shaded = QColor(color)
        shaded.setAlpha(_OPACITY)
        self._pen = QPen(shaded, 1)
        self.update()

    def lines(self, view: QRectF, scale: tuple[float, float, float, float]) -> list[QLineF]:
        """The lines in view, in pixels.

        Args:
            view: what is in view, in pixels.
            scale: as of `PixelItem.draw`.
        """
        across, right, down, below = scale
        seen = self.boundingRect()
        found: list[QLineF] = []
        for side, axis in self._axes.items():
            upright = side == "bottom"
            low, high = (seen.left(), seen.right()) if upright else (seen.top(), seen.bottom())
            length = view.width() if upright else view.height()
            for _, values in axis.tickValues(low, high, length):
                for value in values:
                    if upright:
                        place = value * across + right
                        found.append(QLineF(place, view.top(), place, view.bottom()))
                    else:
                        place = value * down + below
                        found.append(QLineF(view.left(), place, view.right(), place))
        return found

    def draw(self, painter: QPainter, view: QRectF, scale: tuple[float, float, float, float]) -> None:
        """Draw the lines; on the screen each is one row or column of pixels."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, is_file(painter))
        painter.setPen(self._pen)
        painter.drawLines(self.lines(view, scale))
