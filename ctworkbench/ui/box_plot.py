"""Box plots of a comparison in the window: a dot is a subject, told by name under the pointer."""

from collections.abc import Sequence

from PySide6.QtGui import QColor
from PySide6.QtWidgets import QWidget

from ctworkbench.core.model_comparison.box_plot import SET_TITLES, Box, spread
from ctworkbench.core.model_comparison.measures import Measure
from ctworkbench.ui.chart_theme import DARK, Theme
from ctworkbench.ui.norm_plots import dress
from ctworkbench.ui.plotting import pg

_GROUP = 0.8
_DOT = 5


class BoxPlot(pg.PlotWidget):
    """Configurations side by side; of each, its training cases hollow and what was held out filled."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("comparison_boxes")
        self.setAccessibleName("Box plot of the comparison")
        self.setMinimumSize(320, 190)
        self.setMenuEnabled(False)
        self.hideButtons()
        self.shown: list[Box] = []
        for side in ("left", "bottom"):
            self.getAxis(side).enableAutoSIPrefix(False)
        self.getAxis("bottom").setHeight(44)
        self.showGrid(y=True, alpha=0.15)
        self.getViewBox().setMouseEnabled(x=False, y=True)

    def show_boxes(self, boxes: Sequence[Box], titles: Sequence[str], measure: Measure, theme: Theme) -> None:
        """Draw boxes.

        Args:
            boxes: what is drawn.
            titles: of the configurations, in words.
            measure: names the axis.
            theme: colours.
        """
        self.clear()
        self.shown = list(boxes)
        dress(self, theme)
        self.setLabel("left", measure.title)
        parts = [part for part in SET_TITLES if any(box.part == part for box in boxes)]
        width = _GROUP / max(len(parts), 1)
        for box in boxes:
            place = box.configuration + (parts.index(box.part) - (len(parts) - 1) / 2) * width
            color = QColor(theme.series[box.configuration % len(theme.series)])
            self._draw(box, place, 0.7 * width, color, measure)
        self.getAxis("bottom").setTicks([[(place, title.replace(" (", "\n(")) for place, title in enumerate(titles)]])
        self.setXRange(-0.55, len(titles) - 0.45, padding=0)
        self.getViewBox().enableAutoRange(axis="y")

    def show_nothing(self, theme: Theme = DARK) -> None:
        """Draw nothing."""
        self.clear()
        self.shown = []
        dress(self, theme)

    def _draw(self, box: Box, place: float, width: float, color: QColor, measure: Measure) -> None:
        fill = QColor(color)
        fill.setAlpha({"train": 0, "validation": 70, "test": 150}[box.part])
        pen = pg.mkPen(color, width=1.2)
        whiskers = ([place, place, place, place], [box.low, box.q1, box.q3, box.high])
        self.addItem(pg.PlotCurveItem(*whiskers, connect="pairs", pen=pen))
        height = box.q3 - box.q1
        self.addItem(pg.BarGraphItem(x=[place], y0=[box.q1], height=[height], width=width, pen=pen, brush=fill))
        ends = [place - width / 2, place + width / 2]
        self.addItem(pg.PlotCurveItem(ends, [box.median] * 2, pen=pg.mkPen(color, width=2.6)))
        dots = pg.ScatterPlotItem(
            x=[place + offset * width for offset in spread(len(box.values))],
            y=list(box.values.values()),
            data=list(box.values),
            size=_DOT,
            pen=None,
            brush=color,
            hoverable=True,
            hoverSize=_DOT + 4,
            tip=lambda x, y, data: f"{data}, {SET_TITLES[box.part]}: {y:.{measure.digits}f}",
        )
        self.addItem(dots)
