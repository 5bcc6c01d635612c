"""Volumes against the norm: a dot a scan, the open child among them, and why some have no centile."""

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSettings, Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QApplication,
    QFileDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from ctworkbench.core.schemes import DEFAULT, load
from ctworkbench.core.wording import count, phantoms
from ctworkbench.ui.bridge import Bridge, OpenScan
from ctworkbench.ui.chart_canvas import Look
from ctworkbench.ui.chart_export import Figure, write_numbers, write_picture
from ctworkbench.ui.chart_groups import Grouping, sex_key
from ctworkbench.ui.chart_legend import Entry, entries_of
from ctworkbench.ui.chart_plot import DotPlot, captioned
from ctworkbench.ui.chart_reach import reaches_of
from ctworkbench.ui.chart_reader import ChartReader, pair_of
from ctworkbench.ui.chart_tip import left_out, tip
from ctworkbench.ui.chart_tools import ALL, ChartChoices, ChartTools, SelectionBar
from ctworkbench.ui.child_panel import ChildPanel

if TYPE_CHECKING:
    from ctworkbench.core.workbench import Changes, Workbench
    from ctworkbench.core.workbench.rows import ChartData, Dot

_IN_TOOLTIPS = " (see the tooltips)"

__all__ = ["ALL", "ChartsPage", "pair_of"]


class ChartsPage(QWidget):
    """Region on the left, the charts in the middle, the open child on the right."""

    scan_wanted = Signal(int, str)
    """A dot was clicked: open its scan, and show this region there ("" for none in particular)."""
    review_wanted = Signal(object)
    """The numbers of the scans that are to be gone through in Review."""

    def __init__(
        self,
        workbench: "Workbench",
        bridge: Bridge,
        open_scan: OpenScan,
        memory: QSettings,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._workbench = workbench
        self._bridge = bridge
        self._open_scan = open_scan
        self._reader = ChartReader(workbench, bridge, self)
        self._charts: dict[str, ChartData] = {}
        self._entries: list[Entry] = []
        self._stale = False
        self._behind = False
        self._errors: dict[str, dict[int, float]] = {}
        self.chosen: frozenset[int] = frozenset()
        self.tools = ChartTools(memory)
        self.choices = ChartChoices(memory)
        self.selection = SelectionBar()
        self.source, self.regions, self.sexes = self.tools.source, self.choices.regions, self.choices.sexes
        self.multiples: dict[str, DotPlot] = {}
        self.chart = self._plot("chart", "Volumes by age")
        self.asymmetry = self._plot("asymmetry", "Asymmetry by age", strip_width=68)
        self.child = ChildPanel(workbench, bridge, memory)

        splitter = QSplitter()
        splitter.setChildrenCollapsible(False)
        splitter.addWidget(self._build_middle())
        splitter.addWidget(self.child)
        splitter.setStretchFactor(0, 1)
        splitter.setSizes([740, 366])
        columns = QHBoxLayout()
        columns.setSpacing(10)
        columns.addWidget(self.choices)
        columns.addWidget(splitter, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 8, 12, 6)
        layout.setSpacing(6)
        layout.addWidget(self.tools)
        layout.addLayout(columns, 1)
        self._connect()

    # -- building --------------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        self.child.region_wanted.connect(self.choose_region)
        self._reader.ready.connect(self._show)
        self.tools.source_changed.connect(self._change_source)
        self.tools.look_changed.connect(self._draw)
        self.tools.look_changed.connect(self.child.dress)
        self.tools.lasso_taken.connect(self._take_lasso)
        self.tools.reset_asked.connect(self._reset)
        self.tools.export_asked.connect(self._ask_export)
        self.choices.region_changed.connect(self._read)
        self.choices.sexes_changed.connect(self._draw)
        self.selection.cleared.connect(lambda: self.select(frozenset()))
        self.selection.export_asked.connect(lambda: self._ask_export("csv", chosen=True))
        self.selection.review_asked.connect(lambda: self.review_wanted.emit(self.chosen))
        self._bridge.changed.connect(self._on_changed)
        self._open_scan.changed.connect(self._follow)
        escape = QShortcut(QKeySequence(Qt.Key.Key_Escape), self)
        escape.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        escape.activated.connect(lambda: self.select(frozenset()))

    def _plot(self, name: str, title: str, compact: bool = False, strip_width: int = 92) -> DotPlot:
        """A chart that answers to mouse and keys."""
        plot = DotPlot(tip, compact, strip_width)
        plot.setObjectName(name)
        plot.setAccessibleName(title)
        plot.set_lasso(self.tools.lasso.isChecked())
        plot.dot_clicked.connect(lambda scan_id: self._click(scan_id, self._region_of(plot)))
        plot.lassoed.connect(self._lassoed)
        plot.toggled.connect(lambda scan_id: self.select(self.chosen ^ {scan_id}))
        plot.region_stepped.connect(lambda steps: self._step_region(plot, steps))
        plot.enlarged.connect(lambda: self.choose_region(self._region_of(plot)))
        return plot

    def _build_middle(self) -> QWidget:
        single = QSplitter()
        single.setChildrenCollapsible(False)
        single.addWidget(captioned(self.chart))
        single.addWidget(captioned(self.asymmetry))
        single.setSizes([415, 345])
        self._grid = QWidget()
        self._grid_layout = QGridLayout(self._grid)
        self._grid_layout.setContentsMargins(0, 0, 0, 0)
        self._grid_layout.setSpacing(4)
        self.stack = QStackedWidget()
        self.stack.addWidget(single)
        self.stack.addWidget(self._grid)
        self.note, self.outside_note, self.empty, self.summary = QLabel(), QLabel(), QLabel(), QLabel()
        self.note.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        for label, name, role in (
            (self.note, "norm_note", "muted"),
            (self.outside_note, "outside_note", "warning"),
            (self.empty, "charts_empty", "warning"),
            (self.summary, "charts_summary", "muted"),
        ):
            label.setObjectName(name)
            label.setProperty("role", role)
            label.setWordWrap(label is not self.summary)
        self.note.setStyleSheet("font-size: 11px;")
        self.outside_note.setStyleSheet("font-size: 12px;")
        self.outside_note.hide()
        self.empty.hide()
        top = QStackedWidget()  # one in the place of the other, so that the charts do not move
        top.addWidget(self.summary)
        top.addWidget(self.selection)
        top.setFixedHeight(28)
        self.selection.shown.connect(lambda shown: top.setCurrentIndex(int(shown)))
        figure = QFrame()
        layout = QVBoxLayout(figure)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        layout.addWidget(top)
        layout.addWidget(self.empty)
        layout.addWidget(self.stack, 1)
        layout.addWidget(self.outside_note)
        layout.addWidget(self.note)
        return figure

    # -- what is shown ---------------------------------------------------------------------------------------------

    @property
    def region(self) -> str:
        """Name of the chosen region, or "all"."""
        return self.choices.region

    @property
    def plots(self) -> list[DotPlot]:
        """The charts in sight."""
        if self.region == ALL:
            return [self.multiples[name] for name in self._charts if name in self.multiples]
        return [self.chart, self.asymmetry]

    def refresh(self) -> None:
        """Read what is chosen again."""
        self._reader.forget()
        self._change_source()

    def _change_source(self) -> None:
        self._read()
        self._follow_child()

    def _read(self) -> None:
        """Ask for the charts of the chosen region."""
        self._stale = self._behind = False
        region = self.region
        names = load(DEFAULT).region_names if region == ALL else (region, pair_of(region))
        self._reader.ask(names, self.source.currentData() or "current")

    def _show(self, charts: "dict[str, ChartData]", sources: list[str] | None) -> None:
        self._charts = charts
        if sources is not None:
            self.tools.set_sources(sources)
        self._draw()

    def _draw(self) -> None:
        if not self._charts:
            return
        first = next(iter(self._charts.values()))
        open_id, theme = self._open_scan.scan_id, self.tools.theme
        dots = {dot.scan_id: dot for dot in first.dots}
        open_dot = None if open_id is None else dots.get(open_id)
        filled = self.tools.filled.currentData()
        if filled == "child":
            filled = "" if open_dot is None else sex_key(open_dot.sex)
        look = Look(theme, self.choices.shown_sexes, self.tools.bands.currentData(), filled)
        grouping = Grouping(self.tools.color_by.currentData(), first.dots)
        many = self.region == ALL
        self.stack.setCurrentIndex(int(many))
        if many:
            self._make_multiples()
        for plot, data in zip(self.plots, self._charts.values(), strict=True):
            plot.show_chart(data, grouping, look, open_id, self.chosen, self._errors.get(data.name, {}))
        self._show_words(first, look, grouping, open_dot)

    def _make_multiples(self) -> None:
        for number, (name, data) in enumerate(self._charts.items()):
            if name not in self.multiples:
                plot = self.multiples[name] = self._plot(f"chart_{name}", data.title, compact=True)
                plot.setMinimumSize(120, 120)
                plot.caption.setToolTip("Double-click the chart to see this region alone")
                self._grid_layout.addWidget(captioned(plot), number % 2, number // 2)

    def _show_words(self, data: "ChartData", look: Look, grouping: Grouping, open_dot: "Dot | None") -> None:
        shown = [dot for dot in data.dots if sex_key(dot.sex) in look.sexes]
        name = f"{open_dot.subject}, the open scan" if open_dot is not None and open_dot in shown else ""
        error = bool(name) and any(self._errors.get(chart) for chart in self._charts)
        self._entries = entries_of(grouping, look, shown, name, error)
        by_sex = grouping.by == "sex"  # then the ticks carry the signs of the dots
        beside = [entry for entry in self._entries if not (by_sex and entry.dot and not entry.dot.hollow)]
        self.choices.legend.show_entries(beside, look.theme)
        self.choices.show_groups(grouping, look.theme)
        nothing = "Nothing is measured yet. Label the scans and press Measure (Run → Measure); each becomes a dot."
        hidden = "No scan of the ticked sexes has this region."
        self.empty.setText(hidden if data.dots else nothing)
        self.empty.setVisible(not shown)
        self.note.setText(data.note)
        self._tell_outside(data)
        inside = sum(dot.z is not None for dot in data.dots)
        total = f"{len(data.dots):,} scans measured  ·  {inside:,} with a centile"
        unreal = sum(dot.phantom for dot in data.dots)
        total += f"  ·  {count(unreal, 'digital phantom')}" if unreal else ""
        self.summary.setToolTip(phantoms(unreal, len(data.dots)))
        self.summary.setText(total if data.dots else "")

    def _tell_outside(self, data: "ChartData") -> None:
        subjects = {dot.scan_id: f"{dot.subject} ({dot.value:.0f} {data.unit})" for dot in data.dots}
        reasons = [f"{subjects[scan]}: {why}" for scan, why in data.outside.items() if scan in subjects]
        more = f"; and {len(reasons) - 2:,} more{_IN_TOOLTIPS}" if len(reasons) > 2 else ""
        told = [f"Not in the norm, so no centile – {'; '.join(reasons[:2])}{more}"] if reasons else []
        if self.region == ALL:
            told[:0] = filter(None, [left_out(self.plots[0])])
        self.outside_note.setVisible(bool(told))
        self.outside_note.setText("\n".join(told))

    # -- what the user does ----------------------------------------------------------------------------------------

    def _on_changed(self, changes: "Changes") -> None:
        if (
            changes.measurements
            or changes.annotations
            or changes.scans
            or changes.reviews
            or changes.models
            or changes.norms
        ):
            self._stale = not self.isVisible()
            if not self._stale:
                self.refresh()

    def showEvent(self, event: object) -> None:
        """Read again what was written while the page was out of sight."""
        super().showEvent(event)  # type: ignore[arg-type]
        if self._stale:
            self.refresh()
        elif self._behind:
            self._follow(self._open_scan.scan_id)

    def _follow(self, _scan_id: int | None) -> None:
        self._behind = not self.isVisible()
        if self._behind:
            return
        self._errors = {}
        self._draw()
        self._follow_child()

    def _follow_child(self) -> None:
        """Let the panel follow the open scan, and read how far its numbers may be off."""
        scan_id, source, norms = self._open_scan.scan_id, self.source.currentData() or "current", self._workbench.norms
        self.child.follow(scan_id, source)

        def read() -> dict[str, dict[int, float]]:
            return {} if scan_id is None else reaches_of(norms.child(scan_id, source))

        self._bridge.run(read, self._take_errors, key="chart errors")

    def _take_errors(self, errors: dict[str, dict[int, float]]) -> None:
        if errors != self._errors:
            self._errors = errors
            self._draw()

    def _region_of(self, plot: DotPlot) -> str:
        """The region that a chart is of; for right minus left the chosen side, or the right one."""
        name = plot.data.name if plot.data is not None else ""
        if plot is not self.asymmetry:
            return name
        return self.region if pair_of(self.region) == name and "_" in self.region else f"right_{name}"

    def _click(self, scan_id: int, region: str = "") -> None:
        if self._open_scan.open(scan_id):
            self.scan_wanted.emit(scan_id, region)

    def _step_region(self, plot: DotPlot, steps: int) -> None:
        if self.region != ALL:
            self.choices.step(steps)
            return
        plots = self.plots
        plots[(plots.index(plot) + steps) % len(plots)].setFocus(Qt.FocusReason.TabFocusReason)

    def choose_region(self, name: str) -> None:
        """Show the chart of a region, or those of all ("all")."""
        self.choices.choose(name)

    def select(self, scan_ids: frozenset[int]) -> None:
        """Select scans; every chart rings them."""
        self.chosen = scan_ids
        for plot in (self.chart, self.asymmetry, *self.multiples.values()):
            plot.choose(scan_ids)
        self.selection.show_count(len(scan_ids))

    def _lassoed(self, scan_ids: frozenset[int], adds: bool) -> None:
        self.select(self.chosen | scan_ids if adds else scan_ids)

    def _take_lasso(self, in_hand: bool) -> None:
        for plot in (self.chart, self.asymmetry, *self.multiples.values()):
            plot.set_lasso(in_hand)

    def _reset(self) -> None:
        for plot in (self.chart, self.asymmetry, *self.multiples.values()):
            plot.reset_view()

    # -- exporting -------------------------------------------------------------------------------------------------

    def _ask_export(self, kind: str, chosen: bool = False) -> None:
        name = f"{self.region}{'_selection' if chosen else ''}.{kind}"
        path, _ = QFileDialog.getSaveFileName(self, "Export what is shown", name, f"{kind.upper()} (*.{kind})")
        if not path:
            return
        if not Path(path).suffix:
            path = f"{path}.{kind}"
        QApplication.setOverrideCursor(Qt.CursorShape.WaitCursor)  # a drawing of 15,000 dots takes a second
        try:
            self.export(Path(path), self.chosen if chosen else None)
        except OSError as error:
            self._bridge.notify(f"{path} cannot be written: {error.strerror}.", "Choose another folder.", "error")
            return
        finally:
            QApplication.restoreOverrideCursor()
        self._bridge.notify(f"Written: {path}")

    def export(self, path: Path, chosen: frozenset[int] | None = None) -> None:
        """Write what is shown as .png, .svg, .pdf or .csv.

        Args:
            path: the file; its ending says what is written.
            chosen: of a CSV, these scans alone.

        Raises:
            OSError: the file cannot be written.
        """
        if path.suffix.lower() == ".csv":
            write_numbers(path, list(self._charts.values()), self.choices.shown_sexes, chosen)
            return
        dots = next(iter(self._charts.values())).dots if self._charts else []
        words = [told] if (told := phantoms(sum(dot.phantom for dot in dots), len(dots))) else []
        words += [label.text() for label in (self.outside_note, self.note) if not label.isHidden() and label.text()]
        words = [text.replace(_IN_TOOLTIPS, "") for text in words]
        titles = [data.title for data in self._charts.values()]
        title = "All ten regions: cm³ by age in years" if self.region == ALL else titles[0] if titles else "Charts"
        figure = Figure(title, self._workbench.name, self.stack, self.plots, self._entries, words, self.tools.theme)
        write_picture(path, figure)
