"""Volumes against the norm: a dot a scan, the open child among them, and why some have no centile."""

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSettings, Qt, Signal
from PySide6.QtGui import QColor, QPixmap
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ctworkbench.core.schemes import DEFAULT, load
from ctworkbench.ui.bridge import Bridge, OpenScan
from ctworkbench.ui.chart_export import write_numbers, write_picture
from ctworkbench.ui.chart_plot import SEX_COLORS, SEX_TITLES, DotPlot, captioned, sex_key
from ctworkbench.ui.child_panel import ChildPanel
from ctworkbench.ui.cohort_table import age_text

if TYPE_CHECKING:
    from ctworkbench.core.workbench import Changes, Workbench
    from ctworkbench.core.workbench.rows import ChartData, Dot

ALL = "all"
SOURCE_TITLES = {
    "current": "Current label maps",
    "registration": "Atlas registration",
    "expert": "Expert corrections",
    "model": "Model",
}
SEX_SIGNS = {"M": "■", "F": "●", "": "◆"}


def pair_of(region: str) -> str:
    """The pair that a region belongs to, such as "frontal"; "frontal" for those with one side only."""
    side, _, pair = region.partition("_")
    return pair if side in ("right", "left") else "frontal"


class ChartsPage(QWidget):
    """Region and source on the left, the charts in the middle, the open child on the right."""

    scan_wanted = Signal(int)
    """A dot was clicked: open its scan."""

    def __init__(
        self,
        workbench: "Workbench",
        bridge: Bridge,
        open_scan: OpenScan,
        memory: QSettings,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._memory = memory
        self._workbench = workbench
        self._bridge = bridge
        self._open_scan = open_scan
        self._outside: dict[int, str] = {}
        self._charts: dict[str, ChartData] = {}
        self._asymmetry: ChartData | None = None
        self.multiples: dict[str, DotPlot] = {}
        self.chart = DotPlot(self._tip)
        self.chart.setObjectName("chart")
        self.chart.setAccessibleName("Volumes by age")
        self.asymmetry = DotPlot(self._tip, strip_width=68)
        self.asymmetry.setObjectName("asymmetry")
        self.asymmetry.setAccessibleName("Asymmetry by age")
        self.child = ChildPanel(workbench, bridge)
        for plot in (self.chart, self.asymmetry):
            plot.dot_clicked.connect(self._click)
        self.child.region_wanted.connect(self.choose_region)

        splitter = QSplitter()
        splitter.setChildrenCollapsible(False)
        splitter.addWidget(self._build_middle())
        splitter.addWidget(self.child)
        splitter.setStretchFactor(0, 1)
        splitter.setSizes([740, 366])
        columns = QHBoxLayout()
        columns.setSpacing(10)
        columns.addWidget(self._build_choices())
        columns.addWidget(splitter, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 12, 14, 8)
        layout.setSpacing(8)
        layout.addLayout(self._build_head())
        layout.addLayout(columns, 1)
        bridge.changed.connect(self._on_changed)
        open_scan.changed.connect(self._follow)

    # -- building --------------------------------------------------------------------------------------------------

    def _build_head(self) -> QHBoxLayout:
        title = QLabel("Charts")
        title.setProperty("role", "title")
        self.summary = QLabel()
        self.summary.setObjectName("charts_summary")
        self.summary.setProperty("role", "muted")
        reset = QPushButton("Reset view")
        reset.setObjectName("reset_view")
        reset.setToolTip("Undo zooming (wheel) and panning (drag)")
        reset.clicked.connect(self._reset)
        export = QToolButton()
        export.setText("Export ▾")
        export.setObjectName("export_chart")
        export.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(export)
        for kind, text in (("png", "Picture (PNG)…"), ("svg", "Drawing (SVG)…"), ("csv", "Numbers shown (CSV)…")):
            menu.addAction(text, lambda kind=kind: self._ask_export(kind))
        export.setMenu(menu)
        head = QHBoxLayout()
        head.addWidget(title)
        head.addSpacing(10)
        head.addWidget(self.summary, 1)
        head.addWidget(reset)
        head.addWidget(export)
        return head

    def _build_choices(self) -> QWidget:
        choices = QWidget()
        choices.setFixedWidth(184)
        self.regions = QListWidget()
        self.regions.setObjectName("regions")
        self.regions.setAccessibleName("Region")
        everything = QListWidgetItem("All ten regions")
        everything.setData(Qt.ItemDataRole.UserRole, ALL)
        self.regions.addItem(everything)
        for region in load(DEFAULT).regions:
            swatch = QPixmap(11, 11)
            swatch.fill(QColor(region.color))
            item = QListWidgetItem(swatch, region.title)
            item.setData(Qt.ItemDataRole.UserRole, region.name)
            self.regions.addItem(item)
        self.regions.setCurrentRow(1)
        self.regions.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.regions.setFixedHeight(11 * 24 + 14)
        self.regions.setUniformItemSizes(True)
        self.regions.currentRowChanged.connect(lambda _: self.refresh())
        self.source = QComboBox()
        self.source.setObjectName("source")
        self.source.setAccessibleName("Source of the label maps")
        self.source.addItem(SOURCE_TITLES["current"], "current")
        self.source.currentIndexChanged.connect(lambda _: self.refresh())
        layout = QVBoxLayout(choices)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        for text, widget in (("Region", self.regions), ("Label maps", self.source)):
            label = QLabel(text)
            label.setProperty("role", "muted")
            layout.addWidget(label)
            layout.addWidget(widget)
        label = QLabel("Shown")
        label.setProperty("role", "muted")
        layout.addWidget(label)
        self.sexes: dict[str, QCheckBox] = {}
        for sex, sign in SEX_SIGNS.items():
            box = QCheckBox(f"{sign} {SEX_TITLES[sex]}")
            box.setObjectName(f"sex_{sex or 'unknown'}")
            box.setStyleSheet(f"QCheckBox {{ color: {SEX_COLORS[sex]}; }}")
            box.setChecked(True)
            box.toggled.connect(lambda _: self._draw())
            self.sexes[sex] = box
            layout.addWidget(box)
        legend = QLabel("Line: mean of the norm\nInner band: ±1 SD\nOuter band: ±2 SD\nRing: the open scan")
        legend.setProperty("role", "muted")
        layout.addWidget(legend)
        layout.addStretch()
        return choices

    def _build_middle(self) -> QWidget:
        single = QSplitter()
        single.setChildrenCollapsible(False)
        single.addWidget(captioned(self.chart))
        single.addWidget(captioned(self.asymmetry))
        single.setSizes([430, 330])
        self._grid = QWidget()
        self._grid_layout = QGridLayout(self._grid)
        self._grid_layout.setContentsMargins(0, 0, 0, 0)
        self._grid_layout.setSpacing(4)
        self.stack = QStackedWidget()
        self.stack.addWidget(single)
        self.stack.addWidget(self._grid)
        self.note = QLabel()
        self.note.setObjectName("norm_note")
        self.note.setWordWrap(True)
        self.note.setProperty("role", "muted")
        self.note.setStyleSheet("font-size: 11px;")
        self.note.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.outside_note = QLabel()
        self.outside_note.setObjectName("outside_note")
        self.outside_note.setWordWrap(True)
        self.outside_note.setProperty("role", "warning")
        self.empty = QLabel(
            "Nothing is measured yet. Label the scans and press Measure (Run → Measure); each scan becomes a dot."
        )
        self.empty.setObjectName("charts_empty")
        self.empty.setProperty("role", "warning")
        self.empty.setWordWrap(True)
        self.empty.hide()
        self.figure = QFrame()
        layout = QVBoxLayout(self.figure)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self.empty)
        layout.addWidget(self.stack, 1)
        layout.addWidget(self.outside_note)
        layout.addWidget(self.note)
        return self.figure

    # -- what is shown ---------------------------------------------------------------------------------------------

    @property
    def region(self) -> str:
        """Name of the chosen region, or "all"."""
        return self.regions.currentItem().data(Qt.ItemDataRole.UserRole)

    def refresh(self) -> None:
        """Read what is chosen again."""
        region, source, norms = self.region, self.source.currentData() or "current", self._workbench.norms

        def read() -> tuple:
            if region == ALL:
                return norms.sources(), {name: norms.chart(name, source) for name in load(DEFAULT).region_names}, None
            return norms.sources(), {region: norms.chart(region, source)}, norms.asymmetry(pair_of(region), source)

        self._bridge.run(read, self._show, key="charts")
        self.child.follow(self._open_scan.scan_id, source)

    def _show(self, answer: "tuple[list[str], dict[str, ChartData], ChartData | None]") -> None:
        sources, self._charts, self._asymmetry = answer
        self._set_sources(sources)
        self._draw()

    def _set_sources(self, sources: list[str]) -> None:
        present = sources or ["current"]
        if [self.source.itemData(row) for row in range(self.source.count())] == present:
            return
        chosen = self.source.currentData()
        self.source.blockSignals(True)
        self.source.clear()
        for name in present:
            self.source.addItem(SOURCE_TITLES.get(name, name), name)
        self.source.setCurrentIndex(max(0, self.source.findData(chosen)))
        self.source.blockSignals(False)

    def _draw(self) -> None:
        if not self._charts:
            return
        sexes = frozenset(sex for sex, box in self.sexes.items() if box.isChecked())
        open_id = self._open_scan.scan_id
        first = next(iter(self._charts.values()))
        self._outside = first.outside
        if self._asymmetry is not None:
            self.stack.setCurrentIndex(0)
            self.chart.show_chart(first, sexes, open_id)
            self.asymmetry.show_chart(self._asymmetry, sexes, open_id)
        else:
            self.stack.setCurrentIndex(1)
            for number, (name, data) in enumerate(self._charts.items()):
                if name not in self.multiples:
                    plot = self.multiples[name] = DotPlot(self._tip, compact=True)
                    plot.setObjectName(f"chart_{name}")
                    plot.setMinimumSize(120, 120)
                    plot.dot_clicked.connect(self._click)
                    self._grid_layout.addWidget(captioned(plot), number % 2, number // 2)
                self.multiples[name].show_chart(data, sexes, open_id)
        self.empty.setVisible(not first.dots)
        self.note.setText(first.note)
        self._tell_outside(first)
        inside = sum(dot.z is not None for dot in first.dots)
        self.summary.setText(
            f"{len(first.dots)} scans measured  ·  {inside} of an age and sex that the norm covers"
            if first.dots
            else ""
        )

    def _tell_outside(self, data: "ChartData") -> None:
        subjects = {dot.scan_id: f"{dot.subject} ({dot.value:.0f} {data.unit})" for dot in data.dots}
        reasons = [f"{subjects[scan]}: {why}" for scan, why in data.outside.items() if scan in subjects]
        more = f"; and {len(reasons) - 3} more (see the tooltips)" if len(reasons) > 3 else ""
        self.outside_note.setVisible(bool(reasons))
        self.outside_note.setText(f"Not in the norm, so no centile – {'; '.join(reasons[:3])}{more}")

    def _tip(self, dot: "Dot") -> str:
        data = self._charts.get(self.region) or next(iter(self._charts.values()))
        z = (
            f"z {dot.z:+.2f}"
            if dot.z is not None
            else f"no centile: {self._outside.get(dot.scan_id, 'the norm does not hold')}"
        )
        sex = SEX_TITLES[sex_key(dot.sex)]
        who = f"{dot.subject} · {sex} · {age_text(dot.age_years)}"
        return f"{who}\n{dot.value:.1f} {data.unit} · {z}\nlabels: {dot.source}\nClick to open the scan"

    def _on_changed(self, changes: "Changes") -> None:
        if changes.measurements or changes.annotations or changes.scans:
            self.refresh()

    def _follow(self, scan_id: int | None) -> None:
        for plot in (self.chart, self.asymmetry, *self.multiples.values()):
            plot.mark(scan_id)
        self.child.follow(scan_id, self.source.currentData() or "current")

    def _click(self, scan_id: int) -> None:
        if self._open_scan.open(scan_id):
            self.scan_wanted.emit(scan_id)

    def choose_region(self, name: str) -> None:
        """Show the chart of a region, or those of all ("all")."""
        for row in range(self.regions.count()):
            if self.regions.item(row).data(Qt.ItemDataRole.UserRole) == name:
                self.regions.setCurrentRow(row)

    def _reset(self) -> None:
        for plot in (self.chart, self.asymmetry, *self.multiples.values()):
            plot.reset_view()

    # -- exporting -------------------------------------------------------------------------------------------------

    def _ask_export(self, kind: str) -> None:
        name = f"{self.region}.{kind}"
        chosen, _ = QFileDialog.getSaveFileName(self, "Export what is shown", name, f"{kind.upper()} (*.{kind})")
        if chosen:
            try:
                self.export(Path(chosen))
            except OSError as error:
                self._bridge.notify(f"{chosen} cannot be written: {error.strerror}.", "Choose another folder.", "error")
                return
            self._bridge.notify(f"Written: {chosen}")

    def export(self, path: Path) -> None:
        """Write what is shown as .png, .svg or .csv.

        Raises:
            OSError: the file cannot be written.
        """
        sexes = [sex for sex, box in self.sexes.items() if box.isChecked()]
        if path.suffix == ".csv":
            shown = list(self._charts.values()) + ([self._asymmetry] if self._asymmetry is not None else [])
            write_numbers(path, shown, sexes)
            return
        signs = "   ".join(f"{SEX_SIGNS[sex]} {SEX_TITLES[sex]}" for sex in sexes)
        legend = f"cm³ by age in years   {signs}   line: mean of the norm, bands: ±1 and ±2 SD, ring: the open scan"
        write_picture(path, self.figure, legend, self.chart.data.title if self.chart.data else "Chart")
