"""The open subject against the norm: volumes, sides and change, each with its measurement error; and the reports."""

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSettings, QSignalBlocker, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QStackedWidget,
    QTabBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ctworkbench.core.report.numbers import years_text
from ctworkbench.core.wording import PHANTOM
from ctworkbench.core.workbench.current import version_for
from ctworkbench.ui.bridge import Bridge
from ctworkbench.ui.chart_groups import SEX_TITLES, sex_key
from ctworkbench.ui.chart_theme import Theme, chosen_theme
from ctworkbench.ui.child_export import write_child
from ctworkbench.ui.child_tables import (
    asymmetry_sentence,
    asymmetry_table,
    centile_text,
    change_sentence,
    change_table,
    fill_asymmetries,
    fill_changes,
    fill_volumes,
    sentence,
    volume_table,
    z_text,
)
from ctworkbench.ui.cohort_table import age_text
from ctworkbench.ui.error_dialog import ErrorDialog
from ctworkbench.ui.growth_plot import GrowthPlot

if TYPE_CHECKING:
    from ctworkbench.core.norms import Norm
    from ctworkbench.core.norms.change import Comparison
    from ctworkbench.core.norms.child import Child
    from ctworkbench.core.workbench import Workbench
    from ctworkbench.core.workbench.rows import AnnotationRow, ScanRow

__all__ = ["ChildPanel", "centile_text", "z_text"]

_TAB, _FOLDER = "child_tab", "reports_folder"
_TABS = (("volumes", "Volumes"), ("sides", "Asymmetry"), ("change", "Change"))
_NORMAL = "Choose a row to read its numbers in words."


class ChildPanel(QFrame):
    """Volumes, sides and change of the open subject, or the reason why there is no centile.

    Args:
        workbench: the open study.
        bridge: reads aside, starts jobs and tells.
        memory: where the last table and the folder of the reports are remembered.
        parent: the widget it lies in.
    """

    region_wanted = Signal(str)

    def __init__(
        self, workbench: "Workbench", bridge: Bridge, memory: QSettings | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._workbench = workbench
        self._bridge = bridge
        self._memory = memory or QSettings()
        self._subject = ""
        self._source = "current"
        self._child: Child | None = None
        self._norm: Norm | None = None
        self._course = "right_frontal"
        self.setProperty("role", "card")
        self.setMinimumWidth(430)
        self.title, self.facts, self.reason = QLabel("No scan is open"), QLabel(), QLabel()
        self.words, self.error_note = QLabel(), QLabel()
        for label, name, role in (
            (self.title, "child_title", "heading"),
            (self.facts, "child_facts", "muted"),
            (self.reason, "child_reason", "warning"),
            (self.words, "child_words", ""),
            (self.error_note, "child_error_note", "muted"),
        ):
            label.setObjectName(name)
            label.setProperty("role", role)
            label.setWordWrap(label is not self.title)
        self.words.setMinimumHeight(54)
        self.words.setStyleSheet("font-size: 12px;")
        self.error_note.setStyleSheet("font-size: 11px;")
        self.error_note.linkActivated.connect(lambda _: self.show_errors())
        self.table, self.sides, self.changes = volume_table(), asymmetry_table(), change_table()
        self.table.row_chosen.connect(self._choose_region)
        self.sides.row_chosen.connect(self._choose_pair)
        self.changes.row_chosen.connect(self._choose_change)
        self.tabs = QTabBar()
        self.tabs.setObjectName("child_tabs")
        self.tabs.setAccessibleName("Volumes, asymmetry, change")
        self.tabs.setDrawBase(False)
        self.tabs.setExpanding(False)
        self.stack = QStackedWidget()
        for (_name, title), page in zip(_TABS, (self.table, self.sides, self._build_change()), strict=True):
            self.tabs.addTab(title)
            self.stack.addWidget(page)
        self.tabs.setTabToolTip(2, "Several scans of this subject, joined")
        self.tabs.currentChanged.connect(self._turn_to)
        names = [name for name, _title in _TABS]
        wanted = str(self._memory.value(_TAB, "volumes"))
        self._wanted = names.index(wanted) if wanted in names else 0
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 10, 12, 10)
        layout.setSpacing(6)
        for widget in (self.title, self.facts, self.reason, self.tabs):
            layout.addWidget(widget)
        layout.addWidget(self.stack, 1)
        layout.addWidget(self.words)
        layout.addWidget(self.error_note)
        layout.addStretch()  # where there is nothing to show, what is said stays at the top
        layout.addLayout(self._build_buttons())
        self._show_nothing()

    def _build_change(self) -> QWidget:
        page = QWidget()
        self.spans = QComboBox()
        self.spans.setObjectName("child_spans")
        self.spans.setAccessibleName("Which two scans are compared")
        self.spans.currentIndexChanged.connect(lambda _: self._show_change())
        self.change_note = QLabel()
        self.change_note.setObjectName("change_note")
        self.change_note.setProperty("role", "warning")
        self.change_note.setWordWrap(True)
        self.course = GrowthPlot()
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.setSpacing(5)
        layout.addWidget(self.spans)
        layout.addWidget(self.change_note)
        layout.addWidget(self.changes, 3)
        layout.addWidget(self.course, 2)
        return page

    def _build_buttons(self) -> QHBoxLayout:
        self.report = QPushButton("Report PDF…")
        self.report.setObjectName("report_pdf")
        self.report.setToolTip("One page: this subject against the norm, with its measurement error and its limits")
        self.report.clicked.connect(self._ask_report)
        self.reports = QPushButton("Reports of all…")
        self.reports.setObjectName("reports_all")
        self.reports.setToolTip("One page for every subject of the study into a folder, as jobs that can be cancelled")
        self.reports.clicked.connect(self._ask_reports)
        self.export = QToolButton()
        self.export.setText("CSV…")
        self.export.setObjectName("child_csv")
        self.export.setToolTip("Write the numbers of this subject, all tables, as CSV")
        self.export.clicked.connect(self._ask_export)
        buttons = QHBoxLayout()
        buttons.setSpacing(6)
        buttons.addWidget(self.report, 1)
        buttons.addWidget(self.reports, 1)
        buttons.addWidget(self.export)
        return buttons

    # -- what is shown ---------------------------------------------------------------------------------------------

    def follow(self, scan_id: int | None, source: str) -> None:
        """Show the subject of a scan."""
        self._source = source
        if scan_id is None:
            self._show_nothing()
            return
        workbench = self._workbench

        def read() -> tuple:
            version = version_for(workbench.review.annotations(scan_id), source)
            norms = workbench.norms
            return workbench.cohort.scan(scan_id), version, norms.child(scan_id, source), norms.norm(), source

        self._bridge.run(read, self._show, key="child")

    def _show_nothing(self) -> None:
        self._bridge.run(lambda: None, lambda _: None, key="child")  # an answer for the scan before comes too late
        self._child = None
        self.title.setText("No scan is open")
        self.facts.setText("Click a dot, or open a scan in Cohort.")
        self._show_child("")

    def _show(self, answer: "tuple[ScanRow, AnnotationRow | None, Child | None, Norm, str]") -> None:
        scan, version, self._child, self._norm, self._source = answer
        self._subject = scan.subject
        self.title.setText(f"{scan.subject} – {PHANTOM}" if scan.phantom else scan.subject)
        labels = f"labels v{version.version} {version.origin}" if version is not None else "no such labels yet"
        day = f" · {self._child.scan.day}" if self._child is not None and self._child.scan.day else ""
        age = "age unknown" if scan.age_years is None else age_text(scan.age_years)
        self.facts.setText(f"{SEX_TITLES[sex_key(scan.sex)]}, {age}{day} · {labels}")
        unlabelled = "It has no such label map yet: label it (Run → Label, quick), then Run → Measure."
        self._show_child(unlabelled if version is None else "Its volumes are not measured yet: Run → Measure.")

    def _show_child(self, unmeasured: str) -> None:
        """Show the child's numbers, or what is missing for them."""
        child = self._child
        for widget in (self.tabs, self.stack, self.words, self.error_note):
            widget.setVisible(child is not None)
        for button in (self.report, self.export):
            button.setEnabled(child is not None)
        if child is None:
            self.table.setRowCount(0)
            self.reason.setText(unmeasured)
            self.reason.setVisible(bool(unmeasured))
            return
        refused = (f"No centile, because {child.refusal}.",) if child.refusal else ()
        told = (*refused, *child.scan.cautions, *child.doubts)
        self.reason.setText(" ".join(told))
        self.reason.setVisible(bool(told))
        fill_volumes(self.table, child)
        fill_asymmetries(self.sides, child)
        several = bool(child.comparisons)
        with QSignalBlocker(self.tabs):  # a child with one scan turns to the volumes, the next with two back again
            self.tabs.setTabEnabled(2, several)
            self.tabs.setTabText(2, f"Change ({len(child.scans)} scans)" if several else "Change")
            self.tabs.setCurrentIndex(self._wanted if several or self._wanted != 2 else 0)
        self.stack.setCurrentIndex(self.tabs.currentIndex())
        with QSignalBlocker(self.spans):
            self.spans.clear()
            for one in child.comparisons:
                self.spans.addItem(_span(one))
        self.spans.setVisible(len(child.comparisons) > 1)
        own = [n for n, one in enumerate(child.comparisons) if one.after.scan_id == child.scan.scan_id]
        self.spans.setCurrentIndex(own[0] if own else 0)
        self._show_change()
        self.words.setText(self._first_words)
        more = ' <a href="errors" style="color:#6cb8ec">How well volumes can be measured…</a>'
        self.error_note.setText(child.error_note + more)

    def dress(self) -> None:
        """Draw the course anew on the ground of the charts."""
        self._show_change()

    @property
    def _theme(self) -> Theme:
        """The ground of the charts."""
        return chosen_theme(self._memory)

    @property
    def _first_words(self) -> str:
        """What stands below a table before a row is chosen."""
        if self._child is None or self.tabs.currentIndex() or self._child.refusal:
            return _NORMAL
        return f"{_NORMAL} Total: {self._child.total.reason}."

    def _show_change(self) -> None:
        child, number = self._child, self.spans.currentIndex()
        if child is None or not 0 <= number < len(child.comparisons):
            return
        comparison = child.comparisons[number]
        fill_changes(self.changes, comparison)
        self.change_note.setText(" ".join(comparison.notes))
        self.change_note.setVisible(bool(comparison.notes))
        self.course.show_course(child, self._course, self._norm, self._theme)

    def _turn_to(self, index: int) -> None:
        self.stack.setCurrentIndex(index)
        self._wanted = index
        self._memory.setValue(_TAB, _TABS[index][0])
        self.words.setText(self._first_words)

    def _choose_region(self, region: str) -> None:
        child = self._child
        if child is None:
            return
        row = next(row for row in (*child.rows, child.total) if row.region == region)
        self.words.setText(sentence(row))
        if row is not child.total:
            self.region_wanted.emit(region)

    def _choose_pair(self, pair: str) -> None:
        child = self._child
        if child is not None:
            self.words.setText(asymmetry_sentence(next(row for row in child.asymmetries if row.pair == pair)))
            self.region_wanted.emit(f"right_{pair}")

    def _choose_change(self, region: str) -> None:
        child = self._child
        if child is None:
            return
        rows = child.comparisons[self.spans.currentIndex()].rows
        self.words.setText(change_sentence(next(row for row in rows if row.region == region)))
        if region in child.scan.volumes_cm3:
            self._course = region
            self.course.show_course(child, region, self._norm, self._theme)

    # -- what the user does ----------------------------------------------------------------------------------------

    def show_errors(self) -> None:
        """Tell how well each region can be measured."""
        source = self._child.scan.labels.split(",")[0] if self._child is not None else "registration"
        ErrorDialog(self._workbench, self._bridge, source, self).open()

    def _ask_report(self) -> None:
        folder = Path(str(self._memory.value(_FOLDER, "")))
        chosen, _ = QFileDialog.getSaveFileName(self, "Report", str(folder / f"{self._subject}.pdf"), "PDF (*.pdf)")
        if chosen:
            self._memory.setValue(_FOLDER, str(Path(chosen).parent))
            self.write_report(Path(chosen))

    def write_report(self, out: Path) -> None:
        """Write the report aside and say where it is."""
        subject, source = self._subject, self._source
        self._bridge.run(
            lambda: self._workbench.norms.report(subject, out, source),
            lambda path: self._bridge.notify(f"Report written: {path}"),
            message=f"Writing the report of {subject}…",
        )

    def _ask_reports(self) -> None:
        start = str(self._memory.value(_FOLDER, ""))
        chosen = QFileDialog.getExistingDirectory(self, "Reports of all subjects into", start)
        if chosen:
            self._memory.setValue(_FOLDER, chosen)
            self.write_reports(Path(chosen))

    def write_reports(self, out: Path) -> None:
        """Start the reports of all subjects; the jobs tell of their progress and can be cancelled there."""
        source = self._source
        self._bridge.start_jobs(lambda: self._workbench.norms.reports(out, source), "Reports of all")

    def _ask_export(self) -> None:
        folder = Path(str(self._memory.value(_FOLDER, "")))
        chosen, _ = QFileDialog.getSaveFileName(self, "Numbers", str(folder / f"{self._subject}.csv"), "CSV (*.csv)")
        if chosen:
            self.write_numbers(Path(chosen))

    def write_numbers(self, out: Path) -> None:
        """Write what is shown, all tables, as CSV and say where it is."""
        if self._child is None:
            return
        try:
            write_child(self._child, out)
        except OSError as error:
            self._bridge.notify(f"{out} cannot be written: {error.strerror}.", "Choose another folder.", "error")
            return
        self._bridge.notify(f"Written: {out}")


def _span(one: "Comparison") -> str:
    """Two scans by their ages, for people."""
    years = "" if one.years is None else f"  ({one.years:.2f} years)"
    return f"{years_text(one.before.age_years)} → {years_text(one.after.age_years)} y{years}"
