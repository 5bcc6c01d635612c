"""The norm of one sex in a chart: five lines, two fillings, and their names beside the last age."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPen

from ctworkbench.ui.chart_pixels import PixelItem, draw_filling, draw_segments, polyline
from ctworkbench.ui.plotting import pg

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ctworkbench.core.workbench.rows import Band

LEVELS = ("outer_low", "inner_low", "middle", "inner_high", "outer_high")
BAND_KINDS = {"sd": "±1 and ±2 SD", "centiles": "Centiles 5 25 50 75 95"}
_NAMES = {"sd": ("−2 SD", "−1 SD", "0 SD", "+1 SD", "+2 SD"), "centiles": ("5th", "25th", "50th", "75th", "95th")}


def levels_of(band: "Band", kind: str) -> "Sequence[Sequence[float]]":
    """The five lines of a band, lowest first: ±2 and ±1 SD around the mean, or five centiles."""
    if kind == "centiles":
        return [band.centiles[percent] for percent in sorted(band.centiles)]
    return (band.minus2, band.minus1, band.mean, band.plus1, band.plus2)


@dataclass(frozen=True)
class BandLook:
    """How a band is drawn.

    Attributes:
        kind: "sd" or "centiles".
        filled: with fillings and all five lines; else the middle and the outer lines alone, so that two bands that lie
            over each other can be told apart.
        dotted: lines of the second sex where both have one colour.
        fills: opacity of the outer and the inner filling, 0 to 255.
        named: with the names of the lines.
        halo: colour around the lines where many dots lie under them; "" for none.
    """

    kind: str
    color: str
    filled: bool
    dotted: bool
    fills: tuple[int, int]
    named: bool
    halo: str = ""


class NormBand(PixelItem):
    """The band of one sex in one plot, under the dots.

    Its lines lie over them in `lines`: fifteen hundred dots would bury them.
    """

    def __init__(self, plot: pg.PlotItem) -> None:
        super().__init__()
        self.lines = _NormLines(self)
        self.names = {name: pg.TextItem(anchor=(0, 0.5)) for name in LEVELS}
        self.look: BandLook | None = None
        self.ages: NDArray[np.float64] = np.empty(0)
        self.levels: NDArray[np.float64] = np.empty((len(LEVELS), 0))
        font = QFont()
        font.setPixelSize(10)
        self.lines.setZValue(21)
        plot.addItem(self, ignoreBounds=True)
        plot.addItem(self.lines, ignoreBounds=True)
        for name in self.names.values():
            name.setFont(font)
            name.setZValue(21)
            name.hide()
            plot.addItem(name, ignoreBounds=True)
        self.setVisible(False)
        self.lines.setVisible(False)

    @property
    def filled(self) -> bool:
        """Whether the band is filled."""
        return self.isVisible() and self.look is not None and self.look.filled

    def dress_names(self, ground: QColor) -> None:
        """Set the names off from the dots that they lie on."""
        for name in self.names.values():
            name.fill = pg.mkBrush(ground)

    def show_band(self, band: "Band | None", look: BandLook) -> None:
        """Follow a band, or hide."""
        self.setVisible(band is not None)
        self.lines.setVisible(band is not None)
        if band is None:
            for text in self.names.values():
                text.hide()
            return
        if look != self.look:
            self.look = look
            for name, text in zip(LEVELS, _NAMES[look.kind], strict=True):
                self.names[name].setText(text, color=look.color)
        self.ages, self.levels = np.asarray(band.ages), np.array(levels_of(band, look.kind))
        for name, values in zip(LEVELS, self.levels, strict=True):
            self.names[name].setPos(self.ages[-1], values[-1])
        self.update()
        self.lines.update()

    def thin_names(self, view: QRectF, room: float) -> None:
        """Show the names of the lines that end in view, and leave out those that would lie on one another.

        Args:
            view: what is in view, in the plot's units.
            room: height of a name in the plot's units.
        """
        named = self.filled and self.look is not None and self.look.named
        shown: list[float] = []
        for name in ("middle", "outer_low", "outer_high", "inner_low", "inner_high"):
            place = self.names[name].pos()
            free = named and view.contains(place) and all(abs(place.y() - height) >= room for height in shown)
            self.names[name].setVisible(free)
            shown += [place.y()] if free else []

    def draw(self, painter: QPainter, view: QRectF, scale: tuple[float, float, float, float]) -> None:
        """Draw the fillings."""
        if self.look is None or not self.look.filled:
            return
        for (low, high), opacity in zip(((0, 4), (1, 3)), self.look.fills, strict=True):
            color = _shade(self.look.color, opacity)
            draw_filling(painter, self.ages, self.levels[low], self.levels[high], color, view, scale)


class _NormLines(PixelItem):
    """The lines of a band."""

    def __init__(self, band: NormBand) -> None:
        super().__init__()
        self._band = band

    def draw(self, painter: QPainter, view: QRectF, scale: tuple[float, float, float, float]) -> None:
        """Draw the lines: all of a filled band, else the middle and the outer ones."""
        band, look = self._band, self._band.look
        if look is None:
            return
        dots, dashes, whole = Qt.PenStyle.DotLine, Qt.PenStyle.DashLine, Qt.PenStyle.SolidLine
        pens = {
            "middle": QPen(_shade(look.color, 255), 2, dots if look.dotted else whole),
            "inner": QPen(_shade(look.color, 120), 1, dots if look.dotted else whole),
            "outer": QPen(_shade(look.color, 150), 1, dots if look.dotted else dashes),
        }
        for name, values in zip(LEVELS, band.levels, strict=True):
            kind = name.partition("_")[0]
            if not look.filled and kind == "inner":
                continue
            line, pen = polyline(band.ages, values), pens[kind]
            if look.halo:
                draw_segments(painter, line, QPen(_shade(look.halo, 170), pen.widthF() + 2), view, scale)
            draw_segments(painter, line, pen, view, scale)


def _shade(color: str, opacity: int) -> QColor:
    shaded = QColor(color)
    shaded.setAlpha(opacity)
    return shaded
