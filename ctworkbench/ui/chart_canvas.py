"""What a chart shows: the norm's bands, a dot a scan, and beside them the scans that the norm says nothing about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QFont
from PySide6.QtWidgets import QLabel, QWidget

from ctworkbench.ui.chart_axis import Axis
from ctworkbench.ui.chart_bands import BandLook, NormBand, levels_of
from ctworkbench.ui.chart_dots import SINGLE_DOTS, DotsItem, Style, dot_size
from ctworkbench.ui.chart_edges import beyond_text, no_fault, placed
from ctworkbench.ui.chart_grid import Grid
from ctworkbench.ui.chart_groups import SEX_TITLES, Grouping, sex_key
from ctworkbench.ui.chart_lasso import LassoBox
from ctworkbench.ui.chart_marks import Marks
from ctworkbench.ui.chart_theme import DARK, Theme
from ctworkbench.ui.plotting import pg

if TYPE_CHECKING:
    from ctworkbench.core.workbench.rows import ChartData, Dot

_MANY = 400
_LEAST_ROOM = 1_000.0  # square pixels; a plot that is not laid out yet has fewer
_NARROWEST_STRIP = 66  # its title has room
_SIDE_PIXELS, _NAME_PIXELS = 14.0, 42.0  # room for half of an age's number; for the name of a line
_GAP, _GAP_SMALL = 6.0, 2.0  # from a dot to its arrow, in pixels; the ring of the open scan has room between
_ALL_SEXES = frozenset(SEX_TITLES)


@dataclass(frozen=True)
class Look:
    """How charts are drawn.

    Attributes:
        sexes: "M", "F" and "" (unknown) as they are shown.
        bands: a key of `chart_bands.BAND_KINDS`.
        filled: the sex whose band is filled: "M", "F", or "" for lines alone.
    """

    theme: Theme = DARK
    sexes: frozenset[str] = _ALL_SEXES
    bands: str = "sd"
    filled: str = ""


def styles_of(grouping: Grouping, theme: Theme) -> list[Style]:
    """Two styles a group, full and hollow: hollow are the subjects that the model has learned from."""
    return [Style(group.color(theme), group.symbol, hollow) for group in grouping.groups for hollow in (False, True)]


class ChartCanvas(pg.GraphicsLayoutWidget):
    """Dots by age over the norm; data is replaced in place.

    Args:
        compact: leave out the axes' titles and the strip, as in small multiples.
        strip_width: of the strip for scans that the norm says nothing about, in pixels.
        parent: the widget it lies in.
    """

    def __init__(self, compact: bool = False, strip_width: int = 92, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._compact = compact
        self._strip_width = strip_width
        self._look = Look()
        self._range: tuple[object, ...] = ()
        self._fitted: tuple[float, float] | None = None
        self._limits = self._scale = (0.0, 1.0)
        self._words: tuple[str, Theme] | None = None
        self.data: ChartData | None = None
        self.dots: dict[int, Dot] = {}
        self._inside: list[Dot] = []
        self._beside: list[Dot] = []
        self._places: dict[int, tuple[int, int]] = {}
        self.beyond_ids: frozenset[int] = frozenset()
        self.caption = QLabel()
        self.caption.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.boxes = (LassoBox(), LassoBox())
        self.plot, self.strip = (self._add_plot(column, box) for column, box in enumerate(self.boxes))
        self.grids = tuple(Grid(plot, across=plot is self.plot) for plot in (self.plot, self.strip))
        self.bands = {sex: NormBand(self.plot) for sex in ("M", "F")}
        self.scatter, self.outside = DotsItem(), DotsItem()
        self.marks = Marks(self.plot, self.scatter, compact)
        self.outside_marks = Marks(self.strip, self.outside, compact)
        self.ring = self.marks.ring
        self.crowd = pg.LabelItem("Too many dots to tell apart: shaded by their number. Zoom in.", size="8pt")
        self.crowd.setParentItem(self.boxes[0])
        self.crowd.anchor((0, 0), (0, 0), (4, 2))
        self.crowd.hide()
        self._lay_out()
        self._dress()
        self._closed = False
        self.boxes[0].sigRangeChanged.connect(lambda *_: self._follow_view())
        self.boxes[0].sigResized.connect(lambda _: self._fit_room())

    def _add_plot(self, column: int, box: LassoBox) -> pg.PlotItem:
        pixels = {"left": 30.0, "bottom": 24.0} if self._compact else {"left": 38.0, "bottom": 32.0}
        axes = {side: Axis(side, least) for side, least in pixels.items()}
        return self.addPlot(0, column, viewBox=box, axisItems=axes)  # type: ignore[attr-defined]

    def _lay_out(self) -> None:
        font = QFont()
        font.setPixelSize(10 if self._compact else 12)
        for plot in (self.plot, self.strip):
            plot.hideButtons()
            plot.setMenuEnabled(False)
            plot.disableAutoRange()
            for side in ("left", "bottom"):
                plot.getAxis(side).setTickFont(font)
            plot.getAxis("left").setWidth(31 if self._compact else 54)  # a width of its own would come a drawing late
            if not self._compact:
                plot.getAxis("bottom").setHeight(42)  # equal, so that both grounds end on one line
        self.boxes[0].setMouseEnabled(x=not self._compact, y=not self._compact)
        self.boxes[1].setMouseEnabled(x=False, y=False)
        self.strip.setYLink(self.plot)
        self.strip.getAxis("left").setStyle(showValues=False)
        self.strip.getAxis("left").setWidth(4)
        self.strip.getAxis("bottom").setStyle(showValues=False, tickLength=0)
        self.strip.getAxis("bottom").setTicks([])
        self.strip.setXRange(0, 1, padding=0)
        self.ci.layout.setColumnStretchFactor(0, 1)  # type: ignore[attr-defined]
        self.ci.layout.setColumnStretchFactor(1, 0)  # type: ignore[attr-defined]
        # half of a number stands above the axis
        self.ci.setContentsMargins(2, 7, 6, 2)
        self.strip.setVisible(False)

    def _dress(self) -> None:
        theme = self._look.theme
        self.setBackground(theme.ground)
        self.caption.setStyleSheet(
            f"background: {theme.ground}; color: {theme.ink}; font-weight: 600; padding-top: 4px;"
        )
        for plot in (self.plot, self.strip):
            for side in ("left", "bottom"):
                plot.getAxis(side).setPen(theme.axis)
                plot.getAxis(side).setTextPen(theme.muted)
        for grid in self.grids:
            grid.dress(theme.axis)
        self.boxes[1].setBackgroundColor(theme.strip)
        self.crowd.setText(self.crowd.text, color=theme.muted)
        for box in self.boxes:
            box.set_loop_color(theme.ink)
        for marks in (self.marks, self.outside_marks):
            marks.dress(theme)
        veil = QColor(theme.ground)
        veil.setAlpha(170)
        for band in self.bands.values():
            band.dress_names(veil)

    # -- what is shown ---------------------------------------------------------------------------------------------

    @property
    def inside_ids(self) -> list[int]:
        """Numbers of the scans that stand over the norm's ages, in the order of their dots."""
        return [dot.scan_id for dot in self._inside]

    @property
    def beside_ids(self) -> list[int]:
        """Numbers of the scans in the strip: no age, or one that the norm does not have."""
        return [dot.scan_id for dot in self._beside]

    def show_chart(
        self,
        data: "ChartData",
        grouping: Grouping | None = None,
        look: Look | None = None,
        open_id: int | None = None,
        chosen: frozenset[int] = frozenset(),
        reaches: Mapping[int, float] = MappingProxyType({}),
    ) -> None:
        """Show a chart's dots and bands; only what changed is drawn anew.

        Args:
            data: from the service layer.
            grouping: what the dots are coloured by; by sex if not given.
            look: how it is drawn.
            open_id: the open scan, which gets a ring.
            chosen: the selected scans.
            reaches: half of the 95 % interval by measurement error of the open child's scans, in the chart's unit.
        """
        grouping, look = grouping or Grouping("sex", data.dots), look or Look()
        dressed = look.theme == self._look.theme
        self.data, self._look = data, look
        if not dressed:
            self._dress()
        dots = [dot for dot in data.dots if sex_key(dot.sex) in look.sexes]
        self.dots = {dot.scan_id: dot for dot in dots}
        edges = [age for band in data.bands for age in (band.ages[0], band.ages[-1])]
        low, high = (min(edges), max(edges)) if edges else (-np.inf, np.inf)
        ages = np.array([np.nan if dot.age_years is None else dot.age_years for dot in dots], float)
        within = (ages >= low) & (ages <= high)
        self._inside = [dots[number] for number in np.flatnonzero(within)]
        self._beside = [dots[number] for number in np.flatnonzero(~within)]
        self._places = {
            dot.scan_id: (layer, number)
            for layer, entries in enumerate((self._inside, self._beside))
            for number, dot in enumerate(entries)
        }
        values, others = (np.array([dot.value for dot in layer], float) for layer in (self._inside, self._beside))
        whole, whole_beside = (no_fault(layer, data.signed) for layer in (values, others))
        span = self._span(data, values[whole] if whole.any() else others[whole_beside])
        self._show_bands(data, grouping)
        levels = placed(values, span, ~whole)
        self._set(self.scatter, self._inside, ages[within], levels, grouping)
        # those beside have no place along the ages, and stop at the ends of the vertical axis
        places = np.arange(1, len(self._beside) + 1) / (len(self._beside) + 1)
        heights = placed(others, span, ~whole_beside)
        self._set(self.outside, self._beside, places, heights, grouping)
        self._show_beyond(data, (values, levels), (others, heights))
        self.marks.join([dot.subject for dot in self._inside])
        self._show_strip(bool(self._beside) and not self._compact)
        self._show_words(data)
        self._limits = (low, high) if np.isfinite(low) else _ends(ages[within])
        self._scale = span
        self._fit(data.title, span)
        self._fit_ages()
        self.mark(open_id, reaches)
        self.choose(chosen)

    def _span(self, data: "ChartData", values: NDArray[np.float64]) -> tuple[float, float]:
        """What the vertical axis must hold: the bands and the dots that have an age and a volume."""
        lines = [levels_of(band, self._look.bands) for band in data.bands]
        ends = [value for line in lines for value in (min(line[0]), max(line[-1]))]
        every = [*ends, *([float(values.min()), float(values.max())] if values.size else [])]
        return (min(every), max(every)) if every else (-np.inf, np.inf)

    def _set(
        self,
        item: DotsItem,
        dots: "Sequence[Dot]",
        xs: NDArray[np.float64],
        ys: NDArray[np.float64],
        grouping: Grouping,
    ) -> None:
        learned = np.array([dot.learned == "train" for dot in dots], bool)
        theme = self._look.theme
        size = self._dot_size(item, len(dots))
        item.set_dots(xs, ys, 2 * grouping.of(dots) + learned, styles_of(grouping, theme), size, theme.ground)

    def _dot_size(self, item: DotsItem, number: int) -> float:
        """Width of the dots of the plot or of the strip, by how many it has; no bound before the chart is laid out."""
        box = self.boxes[1] if item is self.outside else self.boxes[0]
        room = box.width() * box.height()
        share = len(self.dots) / max(number, 1)  # of all dots, whose number the usual size is for
        return dot_size(len(self.dots), self._compact, room * share if room >= _LEAST_ROOM else np.inf)

    def _show_beyond(self, data: "ChartData", *layers: tuple[NDArray[np.float64], NDArray[np.float64]]) -> None:
        """Point from the dots that stand at the ends of the scale to where they belong, and write their values."""
        found: set[int] = set()
        for (values, levels), (_, item, dots), marks in zip(
            layers, self._layers(), (self.marks, self.outside_marks), strict=True
        ):
            off = np.flatnonzero(values != levels)
            found |= {dots[number].scan_id for number in off}
            texts = ["" if self._compact else beyond_text(dots[number].value, data.signed) for number in off]
            signs = np.where(values[off] > levels[off], 1.0, -1.0)
            gap = _GAP_SMALL if self._compact else _GAP
            marks.beyond.show_beyond(item.xs[off], item.ys[off], signs, texts, item.size / 2 + gap)
        self.beyond_ids = frozenset(found)

    def _show_bands(self, data: "ChartData", grouping: Grouping) -> None:
        look = self._look
        by_sex = {str(band.sex): band for band in data.bands}
        for place, (sex, item) in enumerate(self.bands.items()):
            of_sex = grouping.by == "sex"
            band_look = BandLook(
                kind=look.bands,
                color=look.theme.series[place] if of_sex else look.theme.muted,
                filled=look.filled == sex,
                dotted=sex == "F" and not of_sex,
                fills=look.theme.fills,
                named=not self._compact,
                halo=look.theme.ground if len(self._inside) >= _MANY else "",
            )
            item.show_band(by_sex.get(sex) if sex in look.sexes else None, band_look)

    def _show_strip(self, visible: bool) -> None:
        self.strip.setVisible(visible)
        width = min(self._strip_width, max(_NARROWEST_STRIP, self.width() // 5)) if visible else 0
        self.strip.setMinimumWidth(width)
        self.strip.setMaximumWidth(width)

    def _show_words(self, data: "ChartData") -> None:
        self.caption.setText(data.title.replace(" lobe", "") if self._compact else data.title)
        words = (data.unit, self._look.theme)
        if words != self._words and not self._compact:
            self._words = words
            color = self._look.theme.muted
            self.plot.setLabel("left", data.unit, color=color)
            self.plot.setLabel("bottom", "age at scan (years)", color=color)
            self.strip.setLabel("bottom", "no centile", color=self._look.theme.caution)
            for axis in (self.plot.getAxis("left"), self.plot.getAxis("bottom"), self.strip.getAxis("bottom")):
                axis.resizeEvent()  # else a title stands where one without letters had its middle

    # -- the view --------------------------------------------------------------------------------------------------

    def _fit(self, title: str, span: tuple[float, float]) -> None:
        """Fit the axes when another chart is shown or a dot lies outside; a zoomed view is left alone."""
        (low, high), (bottom, top) = self._limits, span
        key = (title, f"{bottom:.6g}", f"{top:.6g}", low, high)
        if key == self._range:
            return
        self._range = key
        self._fitted = None
        if np.isfinite(bottom):
            above = (0.13 if self._compact else 0.09) * (top - bottom) or 1.0
            self.boxes[0].setRange(None, None, (bottom - above, top + above), padding=0)

    def _fit_room(self) -> None:
        """Another size of the chart: ages and dots are fitted to it."""
        if self._closed:
            return
        self._fit_ages()
        self.outside.resize_dots(self._dot_size(self.outside, len(self.outside)))
        self._fit_dots()

    def _fit_dots(self) -> None:
        """The fewer dots are in view, the larger they may be; too many to be told apart keep their size."""
        if len(self.scatter) <= SINGLE_DOTS:
            seen = self.scatter.count_in(self.boxes[0].viewRect())
            self.scatter.resize_dots(self._dot_size(self.scatter, seen))

    def _fit_ages(self) -> None:
        """Leave room for the numbers of the first and the last age and the names of the lines; not in a zoomed view."""
        (now_low, now_high), (low, high) = self.boxes[0].viewRange()[0], self._limits
        zoomed = self._fitted is not None and not np.allclose((now_low, now_high), self._fitted, rtol=0, atol=1e-9)
        if self._closed or not self._range or zoomed:
            return
        wide, pixels = max(high - low, 1e-3), self.boxes[0].width()
        if self._compact:
            left = right = 0.18 * wide
        else:
            named = any(band.filled for band in self.bands.values())
            sides = _SIDE_PIXELS, _NAME_PIXELS if named else _SIDE_PIXELS
            left, right = (wide * side / max(pixels - sum(sides), pixels / 2, 1.0) for side in sides)
        self._fitted = low - left, high + right
        self.boxes[0].setRange(None, self._fitted, padding=0)

    def reset_view(self) -> None:
        """Undo zooming and panning."""
        self._range = ()
        if self.data is not None:
            self._fit(self.data.title, self._scale)
            self._fit_ages()

    def close(self) -> bool:
        """Take the chart apart; its view moves while that is done, and must not be followed."""
        self._closed = True
        return bool(super().close())

    def _follow_view(self) -> None:
        if self._closed:
            return
        view = self.boxes[0].viewRect()
        for box, marks in zip(self.boxes, (self.marks, self.outside_marks), strict=True):
            marks.place_label(box.viewRect(), box.viewPixelSize())
        for band in self.bands.values():
            band.thin_names(view, 13 * self.boxes[0].viewPixelSize()[1])
        self._fit_dots()
        self.crowd.setVisible(self.scatter.crowded(view) and not self._compact)

    def resizeEvent(self, ev: object) -> None:
        """Keep the names within what is in view."""
        super().resizeEvent(ev)
        if not getattr(self, "_closed", True):  # pyqtgraph resizes the widget before it is made
            self._show_strip(self.strip.isVisible())
            self._follow_view()

    # -- marks -----------------------------------------------------------------------------------------------------

    def mark(self, scan_id: int | None, reaches: Mapping[int, float] = MappingProxyType({})) -> None:
        """Put the ring and the name on the dot of the open scan, and the measurement error on all of the child's.

        Args:
            scan_id: of the open scan.
            reaches: half of the 95 % interval by measurement error, by scan; scans without one get no bar.
        """
        dot = None if scan_id is None else self.dots.get(scan_id)
        open_layer, open_number = self._places.get(dot.scan_id, (-1, -1)) if dot is not None else (-1, -1)
        for layer, (marks, dots) in enumerate(((self.marks, self._inside), (self.outside_marks, self._beside))):
            siblings = [n for n, entry in enumerate(dots) if entry.subject == dot.subject] if dot is not None else []
            number = open_number if layer == open_layer else None
            placed = {n: dots[n].scan_id for n in siblings if dots[n].scan_id not in self.beyond_ids}
            bars = {n: reaches[scan] for n, scan in placed.items() if scan in reaches}
            marks.mark_open(number, dot.subject if dot is not None else "", siblings, bars)
        self._follow_view()

    def choose(self, scan_ids: frozenset[int]) -> None:
        """Ring the selected scans."""
        chosen = [self._places[scan_id] for scan_id in scan_ids if scan_id in self._places]
        for layer, marks in enumerate((self.marks, self.outside_marks)):
            marks.mark_chosen(np.array([number for place, number in chosen if place == layer], np.intp))

    def screen_position(self, scan_id: int) -> QPointF | None:
        """Where the dot of a scan lies in this widget, in pixels; None where it is not shown."""
        if scan_id not in self._places:
            return None
        layer, number = self._places[scan_id]
        box, item, _ = self._layers()[layer]
        return QPointF(self.mapFromScene(box.mapViewToScene(QPointF(item.xs[number], item.ys[number]))))

    def _layers(self) -> "tuple[tuple[LassoBox, DotsItem, list[Dot]], ...]":
        """Both grounds: over the norm's ages, and beside them."""
        return ((self.boxes[0], self.scatter, self._inside), (self.boxes[1], self.outside, self._beside))


def _ends(ages: NDArray[np.float64]) -> tuple[float, float]:
    """First and last age; a year where there is none."""
    return (float(ages.min()), float(ages.max())) if ages.size else (0.0, 1.0)
