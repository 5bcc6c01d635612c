"""The course of one region in one child: its scans joined, with measurement error, over the norm's band."""

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from ctworkbench.ui.chart_axis import axes
from ctworkbench.ui.chart_theme import DARK, Theme
from ctworkbench.ui.plotting import pg

if TYPE_CHECKING:
    from ctworkbench.core.norms import Norm
    from ctworkbench.core.norms.child import Child

_HEIGHT = 120


class GrowthPlot(pg.PlotWidget):
    """Volume against age of one region; the norm is drawn where it holds for this child and scan."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, background=DARK.ground, axisItems=axes(20.0, 40.0))
        self.setObjectName("child_course")
        self.setAccessibleName("Course of one region")
        self.setMinimumHeight(_HEIGHT)
        self.setMouseEnabled(x=False, y=False)
        self.hideButtons()
        self.setMenuEnabled(False)

    def show_course(self, child: "Child", region: str, norm: "Norm | None", theme: Theme = DARK) -> None:
        """Draw all scans of a child; those labelled in another way than the open one stand apart, not joined."""
        self.clear()
        self.setBackground(theme.ground)
        for side in ("left", "bottom"):
            self.getAxis(side).setPen(theme.axis)
            self.getAxis(side).setTextPen(theme.muted)
        title = next((row.title for row in child.rows if row.region == region), region)
        self.setTitle(f"{title}: cm³ by age in years", color=theme.ink, size="10pt")
        if norm is not None and child.refusal is None and child.sex is not None and region in norm.regions:
            bands = norm.bands(region, child.sex)
            color = pg.mkColor(theme.series[0 if child.sex == "M" else 1])
            for low, high, alpha in ((bands.minus2, bands.plus2, 28), (bands.minus1, bands.plus1, 40)):
                edges = [pg.PlotCurveItem(np.array(bands.ages), np.array(level), pen=None) for level in (low, high)]
                color.setAlpha(alpha)
                self.addItem(pg.FillBetweenItem(*edges, brush=pg.mkBrush(color)))
            color.setAlpha(200)
            self.plot(np.array(bands.ages), np.array(bands.mean), pen=pg.mkPen(color, width=1.2))
        found = [scan for scan in child.scans if scan.age_years is not None and scan.volumes_cm3.get(region, 0.0) > 0]
        joined = [scan for scan in found if scan.method_key == child.scan.method_key]
        ink = pg.mkPen(theme.ink, width=1.4)
        if len(joined) > 1:
            ages = [scan.age_years or 0.0 for scan in joined]
            self.plot(ages, [scan.volumes_cm3[region] for scan in joined], pen=ink)
        for scan in found:
            error = scan.errors.get(region)
            reach = None if error is None else error.reach_cm3
            place = np.array([scan.age_years]), np.array([scan.volumes_cm3[region]])
            if reach is not None:
                height = np.array([2 * reach])
                self.addItem(pg.ErrorBarItem(x=place[0], y=place[1], height=height, beam=0.0, pen=ink))
            own = scan.scan_id == child.scan.scan_id
            brush = pg.mkBrush(theme.ink if own else theme.ground)
            self.plot(*place, pen=None, symbol="o", symbolSize=9, symbolBrush=brush, symbolPen=ink)
        self.setCursor(Qt.CursorShape.ArrowCursor)
        self.autoRange()
