"""The norm of one sex in a chart: five lines, two fillings, and their names at the right end."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ctworkbench.core.workbench.rows import Band

LEVELS = ("outer_low", "inner_low", "middle", "inner_high", "outer_high")
BAND_KINDS = {"sd": "±1 and ±2 SD", "centiles": "Centiles 5 25 50 75 95"}
_NAMES = {"sd": ("−2 SD", "−1 SD", "mean", "+1 SD", "+2 SD"), "centiles": ("5th", "25th", "50th", "75th", "95th")}


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
    """

    kind: str
    color: str
    filled: bool
    dotted: bool
    fills: tuple[int, int]
    named: bool


class NormBand:
    """The items of one sex in one plot."""

    def __init__(self, plot: pg.PlotItem) -> None:
        self.lines = {name: pg.PlotCurveItem() for name in LEVELS}
        outer = pg.FillBetweenItem(self.lines["outer_low"], self.lines["outer_high"])
        inner = pg.FillBetweenItem(self.lines["inner_low"], self.lines["inner_high"])
        self.fills = (outer, inner)
        self.names = {name: pg.TextItem(anchor=(1, 0.9)) for name in LEVELS}
        font = QFont()
        font.setPixelSize(10)
        for fill in self.fills:
            plot.addItem(fill, ignoreBounds=True)
        for line in self.lines.values():  # over the dots: fifteen hundred of them would bury the lines
            line.setZValue(21)
            plot.addItem(line, ignoreBounds=True)
        for name in self.names.values():
            name.setFont(font)
            name.setZValue(21)
            plot.addItem(name, ignoreBounds=True)
        self._look: BandLook | None = None

    def dress_names(self, ground: QColor) -> None:
        """Set the names off from the dots that they lie on."""
        for name in self.names.values():
            name.fill = pg.mkBrush(ground)

    def thin_names(self, room: float) -> None:
        """Leave out names that would lie on one another.

        Args:
            room: height of a name in the plot's units.
        """
        if not self.filled or self._look is None or not self._look.named:
            return
        heights = {name: text.pos().y() for name, text in self.names.items()}
        shown: list[float] = []
        for name in ("middle", "outer_low", "outer_high", "inner_low", "inner_high"):
            free = all(abs(heights[name] - height) >= room for height in shown)
            self.names[name].setVisible(free)
            shown += [heights[name]] if free else []

    @property
    def visible(self) -> bool:
        """Whether the band is shown at all."""
        return self.lines["middle"].isVisible()

    @property
    def filled(self) -> bool:
        """Whether the band is filled."""
        return self.visible and self.fills[0].isVisible()

    def show(self, band: "Band | None", look: BandLook) -> None:
        """Follow a band, or hide."""
        shown = band is not None
        for name, line in self.lines.items():
            line.setVisible(shown and (look.filled or not name.startswith("inner")))
        for fill in self.fills:
            fill.setVisible(shown and look.filled)
        for text in self.names.values():
            text.setVisible(shown and look.filled and look.named)
        if band is None:
            return
        if look != self._look:
            self._dress(look)
        ages = np.asarray(band.ages)
        for name, values in zip(LEVELS, levels_of(band, look.kind), strict=True):
            self.lines[name].setData(ages, np.asarray(values))
            self.names[name].setPos(ages[-1], values[-1])

    def _dress(self, look: BandLook) -> None:
        self._look = look

        def shade(opacity: int) -> QColor:
            color = QColor(look.color)
            color.setAlpha(opacity)
            return color

        style = Qt.PenStyle.DotLine if look.dotted else Qt.PenStyle.SolidLine
        pens: dict[str, Any] = {
            "middle": pg.mkPen(shade(255), width=2, style=style),
            "inner": pg.mkPen(shade(120), width=1, style=style),
            "outer": pg.mkPen(shade(150), width=1, style=Qt.PenStyle.DotLine if look.dotted else Qt.PenStyle.DashLine),
        }
        for name, line in self.lines.items():
            line.setPen(pens[name.partition("_")[0]])
        for fill, opacity in zip(self.fills, look.fills, strict=True):
            fill.setBrush(shade(opacity))
        for name, text in zip(LEVELS, _NAMES[look.kind], strict=True):
            self.names[name].setText(text, color=look.color)
