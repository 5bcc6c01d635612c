"""One chart: the norm's bands, a dot a scan, and beside them the scans that the norm says nothing about."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

if TYPE_CHECKING:
    from ctworkbench.core.workbench.rows import ChartData, Dot

# Okabe and Ito's palette, told apart by the colour-blind; the symbols tell the same a second time.
SEX_COLORS = {"M": "#56b4e9", "F": "#e69f00", "": "#c8ccd2"}
SEX_SYMBOLS = {"M": "s", "F": "o", "": "d"}
SEX_TITLES = {"M": "male", "F": "female", "": "sex unknown"}
_GROUND = "#1b1f25"
_BOUNDS = ("minus2", "minus1", "mean", "plus1", "plus2")


def sex_key(sex: str | None) -> str:
    """The key of a sex: "M", "F", or "" where the sex is unknown."""
    return str(sex) if sex else ""


class _SexBand:
    """The five lines and two fillings of one sex."""

    def __init__(self, plot: pg.PlotItem, sex: str) -> None:
        color = pg.mkColor(SEX_COLORS[sex])

        def shade(alpha: int) -> Any:
            shaded = pg.mkColor(color)
            shaded.setAlpha(alpha)
            return shaded

        pens = {
            "mean": pg.mkPen(color, width=2),
            "minus1": pg.mkPen(shade(110), width=1),
            "plus1": pg.mkPen(shade(110), width=1),
            "minus2": pg.mkPen(shade(130), width=1, style=Qt.PenStyle.DashLine),
            "plus2": pg.mkPen(shade(130), width=1, style=Qt.PenStyle.DashLine),
        }
        self.lines = {name: pg.PlotCurveItem(pen=pens[name]) for name in _BOUNDS}
        outer = pg.FillBetweenItem(self.lines["minus2"], self.lines["plus2"], brush=shade(20))
        inner = pg.FillBetweenItem(self.lines["minus1"], self.lines["plus1"], brush=shade(32))
        self.items = [outer, inner, *self.lines.values()]
        for item in self.items:
            plot.addItem(item)

    def show(self, band: Any | None) -> None:
        """Follow a band, or hide."""
        for item in self.items:
            item.setVisible(band is not None)
        if band is not None:
            for name, line in self.lines.items():
                line.setData(np.asarray(band.ages), np.asarray(getattr(band, name)))


class DotPlot(pg.GraphicsLayoutWidget):
    """Dots by age and sex over the norm; data is replaced in place.

    Args:
        tooltip: text for a dot.
        compact: leave out the axes' titles and the strip, as in small multiples.
        strip_width: of the strip for scans that the norm says nothing about, in pixels.
        parent: the widget it lies in.
    """

    dot_clicked = Signal(int)
    """The number of the scan whose dot was clicked."""
    title_clicked = Signal()

    def __init__(
        self,
        tooltip: "Callable[[Dot], str]",
        compact: bool = False,
        strip_width: int = 92,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setBackground(_GROUND)
        self._tooltip = tooltip
        self._compact = compact
        self._strip_width = strip_width
        self.caption = QLabel()
        self.caption.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.caption.setStyleSheet(f"background: {_GROUND}; font-weight: 600; padding-top: 4px;")
        self._range: tuple[str, ...] = ()
        self.data: ChartData | None = None
        self.dots: dict[int, Dot] = {}
        self.plot: pg.PlotItem = self.addPlot(0, 0)  # type: ignore[attr-defined]
        self.strip: pg.PlotItem = self.addPlot(0, 1)  # type: ignore[attr-defined]
        self.bands = {sex: _SexBand(self.plot, sex) for sex in ("M", "F")}
        self.scatter = self._add_scatter(self.plot)
        self.outside = self._add_scatter(self.strip)
        self.ring, self.label = self._add_ring(self.plot)
        self.outside_ring, self.outside_label = self._add_ring(self.strip)
        self._style()

    def _add_scatter(self, plot: pg.PlotItem) -> pg.ScatterPlotItem:
        scatter = pg.ScatterPlotItem(
            size=8 if self._compact else 12,
            pen=pg.mkPen(_GROUND, width=1),
            hoverable=True,
            hoverPen=pg.mkPen("#ffffff", width=2),
            tip=lambda x, y, data: self._tooltip(self.dots[data]),
        )
        scatter.setZValue(20)
        scatter.sigClicked.connect(lambda _, points, *__: self.dot_clicked.emit(int(points[0].data())))
        plot.addItem(scatter)
        return scatter

    def _add_ring(self, plot: pg.PlotItem) -> tuple[pg.ScatterPlotItem, pg.TextItem]:
        """A ring for the open scan; it lies under the dots so that they stay the ones that are clicked."""
        ring = pg.ScatterPlotItem(
            size=16 if self._compact else 22, symbol="o", pen=pg.mkPen("#ffffff", width=2), brush=None
        )
        ring.setZValue(10)
        label = pg.TextItem(color="#ffffff", anchor=(0.5, 1.5), fill=pg.mkBrush(27, 31, 37, 200))
        label.setZValue(30)
        plot.addItem(ring)
        plot.addItem(label, ignoreBounds=True)
        label.hide()
        return ring, label

    def _style(self) -> None:
        font = QFont()
        font.setPixelSize(10 if self._compact else 12)
        for plot in (self.plot, self.strip):
            plot.hideButtons()
            plot.setMenuEnabled(False)
            for side in ("left", "bottom"):
                axis = plot.getAxis(side)
                axis.setTickFont(font)
                axis.setPen("#5a6778")
                axis.setTextPen("#c3ccd8")
            plot.getAxis("bottom").setTickDensity(0.6)
            if not self._compact:
                plot.getAxis("bottom").setHeight(42)  # equal, so that both grounds end on one line
            plot.showGrid(x=plot is self.plot, y=True, alpha=0.12)
        self.plot.getViewBox().setMouseEnabled(x=not self._compact, y=not self._compact)
        self.strip.getViewBox().setMouseEnabled(x=False, y=False)
        self.strip.setYLink(self.plot)
        self.strip.getAxis("left").setStyle(showValues=False)
        self.strip.getAxis("left").setWidth(4)
        self.strip.getAxis("bottom").setStyle(showValues=False, tickLength=0)
        self.strip.setXRange(0, 1, padding=0)
        self.strip.getViewBox().setBackgroundColor("#23272e")
        self.ci.layout.setColumnStretchFactor(0, 1)  # type: ignore[attr-defined]
        self.ci.layout.setColumnStretchFactor(1, 0)  # type: ignore[attr-defined]
        self.ci.setContentsMargins(2, 2, 6, 2)  # type: ignore[attr-defined]
        self.strip.setVisible(False)

    # -- what is shown ---------------------------------------------------------------------------------------------

    def show_chart(
        self, data: "ChartData", sexes: frozenset[str] = frozenset(SEX_COLORS), open_id: int | None = None
    ) -> None:
        """Show a chart's dots and bands; only what changed is drawn anew.

        Args:
            data: from the service layer.
            sexes: "M", "F" and "" (unknown) as they are to be shown.
            open_id: the open scan, which gets a ring.
        """
        self.data = data
        by_sex = {str(band.sex): band for band in data.bands}
        for sex, band in self.bands.items():
            band.show(by_sex.get(sex) if sex in sexes else None)
        dots = [dot for dot in data.dots if sex_key(dot.sex) in sexes]
        self.dots = {dot.scan_id: dot for dot in dots}
        ages = [age for band in data.bands for age in (band.ages[0], band.ages[-1])]
        low, high = (min(ages), max(ages)) if ages else (-np.inf, np.inf)
        inside = [dot for dot in dots if dot.age_years is not None and low <= dot.age_years <= high]
        beside = [dot for dot in dots if dot.age_years is None or not low <= dot.age_years <= high]
        self._set(self.scatter, inside, [float(dot.age_years or 0) for dot in inside])
        at = [(number + 1) / (len(beside) + 1) for number in range(len(beside))]
        self._set(self.outside, beside, at, self._span(data, inside))
        self._show_strip(bool(beside) and not self._compact)
        self._show_words(data)
        self._fit(data, inside or dots, low, high)
        self.mark(open_id)

    @staticmethod
    def _span(data: "ChartData", inside: "list[Dot]") -> tuple[float, float]:
        """What the vertical axis must hold: the bands and the dots that have an age; others stop at its ends."""
        values = [dot.value for dot in inside]
        for band in data.bands:
            values += [min(band.minus2), max(band.plus2)]
        return (min(values), max(values)) if values else (-np.inf, np.inf)

    def _set(
        self,
        scatter: pg.ScatterPlotItem,
        dots: "list[Dot]",
        x: list[float],
        span: tuple[float, float] = (-np.inf, np.inf),
    ) -> None:
        scatter.setData(
            x=x,
            y=[min(max(dot.value, span[0]), span[1]) for dot in dots],
            symbol=[SEX_SYMBOLS[sex_key(dot.sex)] for dot in dots],
            brush=[pg.mkBrush(SEX_COLORS[sex_key(dot.sex)]) for dot in dots],
            data=[dot.scan_id for dot in dots],
        )

    def _show_strip(self, visible: bool) -> None:
        self.strip.setVisible(visible)
        width = self._strip_width if visible else 0
        self.strip.setMinimumWidth(width)
        self.strip.setMaximumWidth(width)
        self.strip.setLabel("bottom", "no centile", color="#f2b84b")

    def _show_words(self, data: "ChartData") -> None:
        self.caption.setText(data.title.replace(" lobe", "") if self._compact else data.title)
        if not self._compact:
            self.plot.setLabel("left", data.unit, color="#c3ccd8")
            self.plot.setLabel("bottom", "age at scan (years)", color="#c3ccd8")

    def _fit(self, data: "ChartData", dots: "list[Dot]", low: float, high: float) -> None:
        """Fit the axes when another chart is shown or a dot lies outside; a zoomed view is left alone."""
        values = [dot.value for dot in dots]
        for band in data.bands:
            values += [min(band.minus2), max(band.plus2)]
        key = (data.title, f"{min(values, default=0):.6g}", f"{max(values, default=1):.6g}")
        if key == self._range:
            return
        self._range = key
        if not np.isfinite(low):
            ages = [dot.age_years for dot in dots if dot.age_years is not None]
            low, high = (min(ages), max(ages)) if ages else (0.0, 1.0)
        self.plot.setXRange(low, high, padding=0.04 if high > low else 0.5)
        if values:
            self.plot.setYRange(min(values), max(values), padding=0.08)

    def reset_view(self) -> None:
        """Undo zooming and panning."""
        self._range = ()
        if self.data is not None:
            ages = [age for band in self.data.bands for age in (band.ages[0], band.ages[-1])]
            low, high = min(ages, default=-np.inf), max(ages, default=np.inf)
            inside = [dot for dot in self.dots.values() if dot.age_years is not None and low <= dot.age_years <= high]
            self._fit(self.data, inside or list(self.dots.values()), low, high)

    def mark(self, scan_id: int | None) -> None:
        """Put the ring and the label on the dot of a scan."""
        for scatter, ring, label in (
            (self.scatter, self.ring, self.label),
            (self.outside, self.outside_ring, self.outside_label),
        ):
            place = self._place(scatter, scan_id)
            ring.setData(x=[place.x()] if place else [], y=[place.y()] if place else [])
            label.setVisible(place is not None and not self._compact)
            if place is not None and scan_id is not None:
                label.setText(self.dots[scan_id].subject)
                label.setPos(0.5 if label is self.outside_label else place.x(), place.y())

    def _place(self, scatter: pg.ScatterPlotItem, scan_id: int | None) -> QPointF | None:
        for point in scatter.points():
            if point.data() == scan_id:
                return point.pos()
        return None

    def screen_position(self, scan_id: int) -> QPointF | None:
        """Where the dot of a scan lies in this widget, in pixels; None where it is not shown."""
        for plot, scatter in ((self.plot, self.scatter), (self.strip, self.outside)):
            place = self._place(scatter, scan_id)
            if place is not None:
                return QPointF(self.mapFromScene(plot.getViewBox().mapViewToScene(place)))
        return None


def captioned(plot: DotPlot) -> QWidget:
    """A plot with its caption above; a title inside the plot would not let it become narrower than its words."""
    holder = QWidget()
    layout = QVBoxLayout(holder)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(0)
    layout.addWidget(plot.caption)
    layout.addWidget(plot, 1)
    return holder
