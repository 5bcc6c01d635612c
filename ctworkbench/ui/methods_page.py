"""Honest methods: the checklists of a study on the left, what does not add up on the right; all of it live."""

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSettings, Signal
from PySide6.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QLabel, QPushButton, QSplitter, QVBoxLayout, QWidget

from ctworkbench.core.methods.soundness import Severity
from ctworkbench.core.wording import SOURCE_TITLES, count
from ctworkbench.ui.bridge import Bridge, OpenScan
from ctworkbench.ui.checklist_panel import ChecklistPanel
from ctworkbench.ui.shortened_label import ShortenedLabel
from ctworkbench.ui.warning_list import WarningList

if TYPE_CHECKING:
    from ctworkbench.core.methods.writing import MethodsReport
    from ctworkbench.core.workbench import Changes, Workbench

_HALVES, _SOURCE = "methods_halves", "methods_source"


class MethodsPage(QWidget):
    """Checklists and warnings of the open study, read anew with every change."""

    scan_wanted = Signal(int)
    """Open this scan in Review."""
    place_wanted = Signal(str)
    """Go to "cohort" or "train"."""
    page_wanted = Signal(str)
    """Go to "charts" or "tables"."""

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
        self._memory = memory
        self.report: MethodsReport | None = None
        self.checklists = ChecklistPanel(workbench, bridge, memory)
        self.warnings = WarningList()
        self.warnings.place_wanted.connect(self._go)
        self.heading = QLabel("What does not add up")
        self.heading.setProperty("role", "heading")
        right = QWidget()
        column = QVBoxLayout(right)
        column.setContentsMargins(4, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self.heading)
        column.addWidget(self.warnings, 1)
        self.halves = QSplitter()
        self.halves.setChildrenCollapsible(False)
        self.halves.addWidget(self.checklists)
        self.halves.addWidget(right)
        self.halves.setStretchFactor(0, 3)
        self.halves.setStretchFactor(1, 2)
        self.halves.setSizes([740, 440])
        state = memory.value(_HALVES)
        if state is not None:
            self.halves.restoreState(state)  # pyright: ignore[reportArgumentType] - what QSettings was given
        self.halves.splitterMoved.connect(lambda *_: memory.setValue(_HALVES, self.halves.saveState()))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 12, 14, 8)
        layout.setSpacing(8)
        layout.addLayout(self._build_head())
        layout.addWidget(self.halves, 1)
        bridge.changed.connect(self._on_changed)

    def _build_head(self) -> QHBoxLayout:
        title = QLabel("Methods")
        title.setProperty("role", "title")
        self.summary = ShortenedLabel()
        self.summary.setObjectName("methods_summary")
        self.summary.setProperty("role", "muted")
        self.source = QComboBox()
        self.source.setObjectName("methods_source")
        self.source.setAccessibleName("Label maps")
        self.source.setToolTip("Which label maps and volumes the answers and warnings are about")
        for name, text in SOURCE_TITLES.items():
            self.source.addItem(text, name)
        self.source.setCurrentIndex(max(0, self.source.findData(str(self._memory.value(_SOURCE, "current")))))
        self.source.currentIndexChanged.connect(self._on_source)
        self.export_button = QPushButton("Export…")
        self.export_button.setObjectName("export_methods")
        self.export_button.setToolTip("Both checklists (CSV, Markdown, DOCX) and the warnings, into a folder")
        self.export_button.setEnabled(False)
        self.export_button.clicked.connect(self._ask_export)
        head = QHBoxLayout()
        head.addWidget(title)
        head.addSpacing(10)
        head.addWidget(self.summary, 1)
        head.addWidget(self.source)
        head.addWidget(self.export_button)
        return head

    # -- what is shown ---------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Read the study again."""
        methods, source = self._workbench.methods, self.source.currentData()
        if self.report is None:
            self.summary.setText("Reading the study…")
        self._bridge.run(
            lambda: methods.report(source), self._show, self._failed, key="methods", message="Checking the methods…"
        )

    def settle(self) -> None:
        """Keep text that was typed, at once: the study is about to be closed."""
        self.checklists.settle()

    def _show(self, report: "MethodsReport") -> None:
        self.report = report
        self.checklists.show_report(report)
        self.warnings.show_warnings(report.warnings, report.kept, report.scans)
        counts = [(sum(row.severity is severity for row in report.warnings), severity) for severity in Severity]
        told = ", ".join(severity.counted(number) for number, severity in counts if number)
        self.heading.setText(f"What does not add up: {told}" if told else "What does not add up")
        self.summary.setText(f"Numbers of the study as of {report.made}. Research use only – not for diagnosis.")
        self.export_button.setEnabled(True)

    def _failed(self, error: Exception) -> None:
        self.summary.setText("The study could not be read.")
        self._bridge.report(error)

    def _on_source(self) -> None:
        self._memory.setValue(_SOURCE, self.source.currentData())
        self.refresh()

    def _on_changed(self, changes: "Changes") -> None:
        if self.isVisible() and changes:
            self.refresh()

    def hideEvent(self, event: object) -> None:
        """Text that was typed is kept when another page is shown."""
        self.checklists.save()
        super().hideEvent(event)  # pyright: ignore[reportArgumentType]

    # -- going and writing -----------------------------------------------------------------------------------------

    def _go(self, kind: str, key: str) -> None:
        if kind == "scan":
            if self._open_scan.open(int(key)):
                self.scan_wanted.emit(int(key))
        elif kind == "table":
            self.page_wanted.emit("tables")
        elif kind in ("template", "norm"):
            self.page_wanted.emit("norms" if kind == "norm" else "charts")
        else:
            self.place_wanted.emit("train" if kind == "model" else "cohort")

    def _ask_export(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Folder for the checklists and warnings")
        if chosen:
            self.export(Path(chosen))

    def export(self, out: Path) -> None:
        """Write both checklists and the warnings into a folder, aside, as the study is now."""
        self.settle()
        methods, source = self._workbench.methods, self.source.currentData()
        self._bridge.run(
            lambda: methods.export(out, methods.report(source)),
            lambda paths: self._bridge.notify(f"{count(len(paths), 'file')} written to {out}."),
            message="Writing the checklists…",
        )
