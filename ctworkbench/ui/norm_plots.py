"""The pictures of a norm: its centile curves with their intervals, and how it holds for children it has not seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from ctworkbench.core.norms import Norm
from ctworkbench.core.norms.calibration import BINS, Calibration, worm_band
from ctworkbench.core.norms.fitted import FittedNorm
from ctworkbench.core.wording import count, signed
from ctworkbench.ui.chart_axis import Axis, axes
from ctworkbench.ui.chart_theme import DARK, Theme
from ctworkbench.ui.plotting import pg

CENTILES = (5.0, 25.0, 50.0, 75.0, 95.0)
_DRAWN = (5.0, 50.0, 95.0)  # with their intervals, and of a norm beside
SEXES = {"M": "Boys", "F": "Girls"}
_REACH = 1.96
_HALF_A_NUMBER = 9  # pixels: the number at the topmost tick reaches as far above the plot
_BETWEEN = 0.06  # of a tick: boys and girls of one centile stand beside each other

Line = tuple[float, ...]


@dataclass(frozen=True)
class NormCurves:
    """One region of one norm, and perhaps of another beside it.

    Attributes:
        curves: cm³ by sex and centile, one value an age.
        intervals: lower and upper end of the curve's 95 % interval, where it is known.
        calibration: of the region; None where the norm was not calibrated here.
        caution: what must stand beside the picture, such as that a norm is made of phantoms.
        other_ages, other_curves: of the norm beside it; empty without one.
    """

    name: str
    region: str
    ages: Line
    curves: dict[str, dict[float, Line]]
    intervals: dict[str, dict[float, tuple[Line, Line]]]
    calibration: Calibration | None = None
    other: str = ""
    other_ages: Line = ()
    other_curves: dict[str, dict[float, Line]] = field(default_factory=dict)
    caution: str = ""


def read_curves(norm: Norm, region: str, other: Norm | None = None) -> NormCurves:
    """Everything that is drawn of a region; slow where a norm has many repeats.

    Raises:
        NormError: the norm has no such region.
    """
    ages = norm.ages()
    curves, intervals = {}, {}
    for sex in _sexes(norm):
        curves[sex] = norm.curves(region, sex, CENTILES, ages)
        ends = {centile: norm.curve_interval(region, sex, centile, ages) for centile in CENTILES}
        intervals[sex] = {centile: found for centile, found in ends.items() if found is not None}
    calibration = None
    if isinstance(norm, FittedNorm):
        calibration = next(entry.calibration for entry in norm.file.regions if entry.region == region)
    caution = norm.limits.rehearsal
    if other is None or region not in other.regions:
        return NormCurves(norm.name, region, ages, curves, intervals, calibration, caution=caution)
    if other.limits.rehearsal:
        caution = " ".join(filter(None, (caution, f"{other.name} is a n{other.limits.rehearsal[1:]}")))
    beside = {sex: other.curves(region, sex, CENTILES) for sex in _sexes(other)}
    foil = (other.name, other.ages(), beside, caution)
    return NormCurves(norm.name, region, ages, curves, intervals, calibration, *foil)


def _sexes(norm: Norm) -> list[str]:
    return [sex for sex, n in (("M", norm.limits.n_male), ("F", norm.limits.n_female)) if n]


class CurvesPlot(pg.PlotWidget):
    """Centile curves over age: the middle thick, its interval and that of the outer ones shaded, another dashed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, axisItems=axes())
        self.setObjectName("norm_curves")
        self.setAccessibleName("Centile curves")
        self.setMinimumSize(260, 200)
        self.shown: NormCurves | None = None
        self._theme = DARK
        _plain(self)
        self.setLabel("bottom", "age (years)")
        self.setLabel("left", "volume (cm³)")
        self.legend = self.addLegend(offset=(8, 4))

    def show_curves(self, shown: NormCurves, sexes: Sequence[str], theme: Theme) -> None:
        """Draw one region.

        Args:
            shown: what is drawn.
            sexes: "M", "F" or both.
            theme: colours.
        """
        self.shown, self._theme = shown, theme
        dress(self, theme)
        self.legend.setLabelTextColor(theme.ink)
        self.clear()
        self.legend.clear()
        ages = np.asarray(shown.ages)
        for position, sex in enumerate(SEXES):
            if sex not in sexes or sex not in shown.curves:
                continue
            color = pg.mkColor(theme.series[position])
            fill = pg.mkColor(color)
            fill.setAlpha(55)
            for centile, (low, high) in shown.intervals[sex].items():
                if centile in _DRAWN:
                    ends = [pg.PlotCurveItem(ages, np.asarray(end), pen=None) for end in (low, high)]
                    for end in ends:
                        self.addItem(end)
                    self.addItem(pg.FillBetweenItem(*ends, brush=fill))
            crowded = len(sexes) > 1 and len(shown.curves) > 1
            for centile, curve in shown.curves[sex].items():
                pen = pg.mkPen(color, width=2.4 if centile == 50 else 1.2)
                name = f"{SEXES[sex]}, {shown.name}" if centile == 50 else None
                self.plot(ages, np.asarray(curve), pen=pen, name=name)
                if centile in _DRAWN or not crowded:
                    self._name(centile, ages[-1], curve[-1], color)
            for centile, curve in shown.other_curves.get(sex, {}).items():
                if centile not in _DRAWN:
                    continue
                pen = pg.mkPen(color, width=1.8 if centile == 50 else 1.0, style=Qt.PenStyle.DashLine)
                name = f"{SEXES[sex]}, {shown.other}" if centile == 50 else None
                self.plot(np.asarray(shown.other_ages), np.asarray(curve), pen=pen, name=name)
        span = ages[-1] - ages[0]
        bottom = self.getAxis("bottom")
        assert isinstance(bottom, Axis)
        bottom.last = float(max((shown.ages[-1], *shown.other_ages[-1:])))
        self.autoRange()
        self.setXRange(ages[0], ages[-1] + 0.07 * span)  # room for the names of the curves

    def show_nothing(self, theme: Theme) -> None:
        """Draw nothing."""
        self.shown = None
        dress(self, theme)
        self.clear()
        self.legend.clear()

    def _name(self, centile: float, age: float, volume: float, color: object) -> None:
        label = pg.TextItem(f"{centile:g}th", color=color, anchor=(0, 0.5))
        label.setPos(age, volume)
        self.addItem(label, ignoreBounds=True)


class CalibrationPlots(QWidget):
    """Coverage, PIT histogram and worm plot of one region; a sentence where there are none."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.coverage, self.pit, self.worm, self.worms = (pg.PlotWidget(axisItems=axes()) for _ in range(4))
        titles = {
            self.coverage: ("norm_coverage", "Coverage of the centiles", "centile", "found less stated (points)"),
            self.pit: ("norm_pit", "PIT histogram", "centile of held-out children", "children"),
            self.worm: ("norm_worm", "Worm plot, all ages", "expected z", "found less expected (SD)"),
            self.worms: ("norm_worms", "Worm plots by age (years)", "expected z", "found less expected (SD)"),
        }
        tips = {
            self.coverage: "How many percent of the held-out children lie below each centile, less what it states; "
            "bars: 95 % interval. They should cross the line",
            self.pit: "How many held-out children lie in each twentieth of the centiles. Flat if the norm is right; "
            "dotted: 95 % by chance",
            self.worm: "Sorted z of the held-out children less those of a normal sample. Within the dotted band by "
            "chance; above the line: volumes larger than the norm says; a slope: too wide or narrow; a bend: skewed",
            self.worms: "The same in four groups of age: a norm may be right for all and wrong for the youngest",
        }
        self._drawn: list[QWidget] = []
        grid = QGridLayout(self)
        grid.setContentsMargins(8, 6, 8, 6)
        grid.setSpacing(6)
        for number, (plot, (name, title, bottom, left)) in enumerate(titles.items()):
            plot.setObjectName(name)
            plot.setAccessibleName(title)
            plot.setToolTip(tips[plot])
            plot.setLabel("bottom", bottom)
            plot.setLabel("left", left)
            plot.setMinimumSize(170, 120)
            _plain(plot)
            heading = QLabel(title)
            heading.setProperty("role", "muted")
            heading.setToolTip(tips[plot])
            row, column = divmod(number, 2)
            grid.addWidget(heading, 2 * row, column)
            grid.addWidget(plot, 2 * row + 1, column)
            grid.setRowStretch(2 * row + 1, 1)
            self._drawn += [heading, plot]
        self.coverage_legend = self.coverage.addLegend(offset=(4, 1), labelTextSize="8pt", colCount=3)
        self.worms_legend = self.worms.addLegend(offset=(4, 1), labelTextSize="8pt", colCount=2)
        self.told = QLabel()
        self.told.setObjectName("calibration_told")
        self.told.setWordWrap(True)
        self.told.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        grid.addWidget(self.told, 4, 0, 1, 2)
        self._grid = grid

    @property
    def plots(self) -> tuple[pg.PlotWidget, ...]:
        """All plots."""
        return self.coverage, self.pit, self.worm, self.worms

    def show_calibration(self, shown: Calibration | None, why_not: str, theme: Theme) -> None:
        """Draw the calibration of one region, or say why there is none."""
        for plot in self.plots:
            dress(plot, theme)
            plot.clear()
        for legend in (self.coverage_legend, self.worms_legend):
            legend.clear()
            legend.setLabelTextColor(theme.ink)
        for widget in self._drawn:
            widget.setVisible(shown is not None)
        for row, drawn in ((1, True), (3, True), (5, False)):  # a sentence alone stands at the top
            self._grid.setRowStretch(row, int((shown is not None) is drawn))
        if shown is None:
            self.told.setText(why_not)
            return
        self._draw_coverage(shown, theme)
        self._draw_pit(shown, theme)
        self._draw_worm(shown, theme)
        titles = {sex: title.lower() for sex, title in SEXES.items()}
        off = [f"{row.centile:g}th" for row in shown.wrong]
        off += [f"{row.centile:g}th of {titles.get(group, group)}" for group, row in shown.wrong_groups]
        wrong = ", ".join(off)
        verdict = f"Off by more than chance: {wrong}." if wrong else "No centile is off by more than chance explains."
        self.told.setText(
            f"{count(shown.n, 'child', 'children')}, each judged by models fitted to the others ({shown.folds} parts). "
            f"Mean distance of the five shares from what they should be: {shown.error:.1f} points, the largest "
            f"{shown.largest:.1f}. "
            f"z: mean {signed(shown.mean)}, SD {shown.sd:.2f}, skewness {signed(shown.skewness)}, "
            f"excess kurtosis {signed(shown.excess_kurtosis)}. {verdict}"
        )

    def _draw_coverage(self, shown: Calibration, theme: Theme) -> None:
        ticks = [(float(number), f"{row.centile:g}") for number, row in enumerate(shown.coverage)]
        self.coverage.getAxis("bottom").setTicks([ticks])
        self.coverage.addItem(pg.InfiniteLine(0, 0, pen=pg.mkPen(theme.axis)))
        groups = {"": shown.coverage} | shown.coverage_by_sex
        names = {"": "all"} | {sex: title.lower() for sex, title in SEXES.items()}
        colors = {"": theme.ink, "M": theme.series[0], "F": theme.series[1]}
        for place, (sex, rows) in enumerate(groups.items()):
            x = np.arange(len(rows)) + (place - 1) * 3 * _BETWEEN
            y = np.array([row.observed - row.centile for row in rows])
            bottom = y - np.array([row.low - row.centile for row in rows])
            top = np.array([row.high - row.centile for row in rows]) - y
            pen = pg.mkPen(colors[sex], width=1.5)
            self.coverage.addItem(pg.ErrorBarItem(x=x, y=y, top=top, bottom=bottom, beam=0.08, pen=pen))
            self.coverage.plot(
                x, y, pen=None, symbol="os"[sex == "M"], symbolSize=6, symbolBrush=colors[sex], name=names[sex]
            )
        self.coverage.setXRange(-0.5, len(shown.coverage) - 0.5)
        reach = max(max(row.centile - row.low, row.high - row.centile) for rows in groups.values() for row in rows)
        self.coverage.setYRange(-1.1 * reach, 1.5 * reach)  # the legend lies above

    def _draw_pit(self, shown: Calibration, theme: Theme) -> None:
        width = 100 / BINS
        fill = pg.mkColor(theme.series[0])
        fill.setAlpha(150)
        x = (np.arange(BINS) + 0.5) * width
        self.pit.addItem(pg.BarGraphItem(x=x, height=shown.pit, width=0.92 * width, brush=fill, pen=None))
        each = shown.n / BINS
        reach = _REACH * float(np.sqrt(each * (1 - 1 / BINS)))
        for level in (each - reach, each + reach):
            self.pit.addItem(pg.InfiniteLine(level, 0, pen=pg.mkPen(theme.muted, style=Qt.PenStyle.DotLine)))
        self.pit.setXRange(0, 100)
        self.pit.setYRange(0, 1.15 * max(*shown.pit, each + reach))

    def _draw_worm(self, shown: Calibration, theme: Theme) -> None:
        dotted = pg.mkPen(theme.muted, style=Qt.PenStyle.DotLine)
        for plot, worms in ((self.worm, shown.worms[:1]), (self.worms, shown.worms[1:])):
            plot.addItem(pg.InfiniteLine(0, 0, pen=pg.mkPen(theme.axis)))
            for number, worm in enumerate(worms):
                x = np.asarray(worm.expected)
                if number == 0:  # the groups have as many children each, and so one band
                    band = np.asarray(worm_band(worm.expected, worm.n))
                    for side in (-1, 1):
                        plot.plot(x, side * band, pen=dotted)
                color = theme.ink if plot is self.worm else theme.series[number]
                plot.plot(
                    x,
                    np.asarray(worm.deviation),
                    pen=pg.mkPen(color, width=1.2),
                    symbol="o",
                    symbolSize=4,
                    symbolBrush=color,
                    symbolPen=None,
                    name=worm.title.removesuffix(" years") if plot is self.worms else None,
                )
            highest = max((abs(value) for worm in worms for value in worm.deviation), default=0.0)
            reach = max(highest, *(worm_band(worms[0].expected, worms[0].n) if worms else (0.0,)))
            plot.setYRange(-1.1 * reach, (1.1 if plot is self.worm else 1.7) * reach)  # the legend lies above


def _plain(plot: pg.PlotWidget) -> None:
    """Numbers on the axes as they are; "x0.001" is no unit of a deviate. To be called before anything is drawn."""
    for side in ("left", "bottom"):
        plot.getAxis(side).enableAutoSIPrefix(False)
    plot.getPlotItem().layout.setContentsMargins(1, _HALF_A_NUMBER, _HALF_A_NUMBER, 1)


def dress(plot: pg.PlotWidget, theme: Theme) -> None:
    """Give a plot the colours of a theme."""
    plot.setBackground(theme.ground)
    for side in ("left", "bottom"):
        axis = plot.getAxis(side)
        axis.setPen(theme.axis)
        axis.setTextPen(theme.muted)


def csv_rows(shown: NormCurves) -> list[Mapping[str, object]]:
    """The curves that are drawn as rows for a CSV."""
    rows: list[Mapping[str, object]] = []
    both = ((shown.name, shown.ages, shown.curves), (shown.other, shown.other_ages, shown.other_curves))
    for name, ages, by_sex in both:
        for sex, curves in by_sex.items():
            for centile, curve in curves.items():
                ends = shown.intervals.get(sex, {}).get(centile) if name == shown.name else None
                for number, (age, volume) in enumerate(zip(ages, curve, strict=True)):
                    low, high = ("", "") if ends is None else (ends[0][number], ends[1][number])
                    rows.append(
                        {
                            "norm": name,
                            "region": shown.region,
                            "sex": sex,
                            "centile": centile,
                            "age_years": age,
                            "volume_cm3": volume,
                            "low_cm3": low,
                            "high_cm3": high,
                            "caution": shown.caution,
                        }
                    )
    return rows
