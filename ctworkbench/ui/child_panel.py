"""The open subject's ten volumes against the norm, and the way to the one-page report."""

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QFrame,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from ctworkbench.core.workbench.current import version_for
from ctworkbench.ui.bridge import Bridge
from ctworkbench.ui.chart_plot import SEX_TITLES, sex_key
from ctworkbench.ui.cohort_table import age_text

if TYPE_CHECKING:
    from ctworkbench.core.workbench import Workbench
    from ctworkbench.core.norms.child import ChildRow
    from ctworkbench.core.workbench.rows import AnnotationRow, ScanRow

_TITLES = ("Region", "cm³", "Mean", "z", "Centile")


def centile_text(centile: float) -> str:
    """A centile for people; beyond the 1st and the 99th no more is claimed than that."""
    if centile < 1:
        return "<1"
    return ">99" if centile > 99 else f"{centile:.0f}"


def z_text(z: float) -> str:
    """A z score in five characters: "+4.35", "+44.3", "+443"."""
    return f"{z:+.{2 if abs(z) < 9.995 else 1 if abs(z) < 99.95 else 0}f}"


class ChildPanel(QFrame):
    """Ten rows: volume, expected volume, z and centile, or the reason why there is none."""

    region_wanted = Signal(str)

    def __init__(self, workbench: "Workbench", bridge: Bridge, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workbench = workbench
        self._bridge = bridge
        self._subject = ""
        self._source = "current"
        self._regions: list[str] = []
        self.setProperty("role", "card")
        self.setMinimumWidth(366)
        self.title = QLabel("No scan is open")
        self.title.setObjectName("child_title")
        self.title.setProperty("role", "heading")
        self.facts = QLabel()
        self.facts.setObjectName("child_facts")
        self.facts.setProperty("role", "muted")
        self.facts.setWordWrap(True)
        self.reason = QLabel()
        self.reason.setObjectName("child_reason")
        self.reason.setProperty("role", "warning")
        self.reason.setWordWrap(True)
        self.table = QTableWidget(0, len(_TITLES))
        self.table.setObjectName("child_table")
        self.table.setAccessibleName("Volumes of the open subject")
        self.table.setHorizontalHeaderLabels(list(_TITLES))
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setShowGrid(False)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(26)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column, width in enumerate((55, 55, 55, 59), start=1):
            self.table.setColumnWidth(column, width)
        self.table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.table.cellClicked.connect(lambda row, _: self.region_wanted.emit(self._regions[row]))
        self.report = QPushButton("Report PDF…")
        self.report.setObjectName("report_pdf")
        self.report.setToolTip("One page: the volumes of this subject against the norm, with its limits")
        self.report.clicked.connect(self._ask_report)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 10, 12, 12)
        layout.setSpacing(8)
        for widget in (self.title, self.facts, self.reason):
            layout.addWidget(widget)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.report)
        self._show_nothing()

    def follow(self, scan_id: int | None, source: str) -> None:
        """Show the subject of a scan."""
        if scan_id is None:
            self._show_nothing()
            return
        workbench = self._workbench

        def read() -> tuple:
            version = version_for(workbench.review.annotations(scan_id), source)
            child = workbench.norms.child(scan_id, source)
            return workbench.cohort.scan(scan_id), version, list(child.rows) if child else [], source

        self._bridge.run(read, self._show, key="child")

    def _show_nothing(self) -> None:
        self._bridge.run(lambda: None, lambda _: None, key="child")  # an answer for the scan before comes too late
        self.title.setText("No scan is open")
        self.facts.setText("Click a dot, or open a scan in Cohort.")
        self.reason.hide()
        self.table.setRowCount(0)
        self.table.hide()
        self.report.setEnabled(False)

    def _show(self, answer: "tuple[ScanRow, AnnotationRow | None, list[ChildRow], str]") -> None:
        scan, version, rows, self._source = answer
        self._subject = scan.subject
        self._regions = [row.region for row in rows]
        sex = SEX_TITLES[sex_key(scan.sex)]
        self.title.setText(scan.subject)
        labels = f"labels v{version.version} {version.origin}" if version is not None else "no such labels yet"
        self.facts.setText(f"{sex}, {age_text(scan.age_years)} · {labels}")
        reasons = list(dict.fromkeys(row.reason for row in rows if row.reason))
        text = f"No centile, because {'; '.join(reasons)}." if reasons else ""
        self.reason.setText(text if rows else "Its volumes are not measured yet: Run → Measure.")
        self.reason.setVisible(bool(reasons) or not rows)
        self.table.setVisible(bool(rows))
        self.report.setEnabled(bool(rows))
        self.table.setRowCount(len(rows))
        for number, row in enumerate(rows):
            cells = (
                row.title.replace(" lobe", ""),
                f"{row.volume_cm3:.1f}",
                "–" if row.expected_cm3 is None else f"{row.expected_cm3:.1f}",
                "–" if row.z is None else z_text(row.z),
                "–" if row.centile is None else centile_text(row.centile),
            )
            for column, text in enumerate(cells):
                item = QTableWidgetItem(text)
                item.setToolTip(row.reason or f"{row.title}: click to see its chart")
                if column:
                    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                if row.z is not None and column >= 3 and abs(row.z) >= 2:
                    item.setForeground(QColor("#f2b84b"))
                self.table.setItem(number, column, item)

    def _ask_report(self) -> None:
        chosen, _ = QFileDialog.getSaveFileName(self, "Report", f"{self._subject}.pdf", "PDF (*.pdf)")
        if chosen:
            self.write_report(Path(chosen))

    def write_report(self, out: Path) -> None:
        """Write the report aside and say where it is."""
        subject, source = self._subject, self._source
        self._bridge.run(
            lambda: self._workbench.norms.report(subject, out, source),
            lambda path: self._bridge.notify(f"Report written: {path}"),
            message=f"Writing the report of {subject}…",
        )
