"""The audit trail on the screen: of one case or of the whole study, checked and exported."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from ctworkbench.core.wording import count
from ctworkbench.ui.sheet_view import SheetView

if TYPE_CHECKING:
    from ctworkbench.core.workbench import Workbench
    from ctworkbench.core.workbench.auditing import AuditRow, Verified
    from ctworkbench.ui.bridge import Bridge


class AuditDialog(QDialog):
    """Who did what, when, from which version and why.

    Args:
        workbench: the open study.
        bridge: reads aside.
        parent: the window.
        scan_id: of one scan alone; None for the whole study.
        subject: its code.
    """

    def __init__(
        self,
        workbench: "Workbench",
        bridge: "Bridge",
        parent: QWidget | None = None,
        scan_id: int | None = None,
        subject: str = "",
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._workbench, self._bridge, self._scan_id = workbench, bridge, scan_id
        self._all: list[AuditRow] = []
        self._shown: list[AuditRow] = []
        self.setWindowTitle(f"History of {subject}" if scan_id is not None else "Audit trail")
        self.resize(1000, 560)
        self.filter = QLineEdit()
        self.filter.setObjectName("audit_filter")
        self.filter.setPlaceholderText("Filter: name, subject, act, words of a comment")
        self.filter.setClearButtonEnabled(True)
        self.sheet = SheetView()
        self.told = QLabel()
        self.told.setObjectName("audit_result")
        self.told.setWordWrap(True)
        self.told.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.check = QPushButton("Check the trail")
        self.check.setObjectName("audit_check")
        self.check.setToolTip("Find every entry, verdict, label map and number that was altered, removed or put in")
        self.export = QPushButton("Export CSV…")
        self.export.setObjectName("audit_export")
        close = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        close.rejected.connect(self.reject)
        close.button(QDialogButtonBox.StandardButton.Close).setAutoDefault(False)
        for button in (self.check, self.export):
            button.setAutoDefault(False)
        below = QHBoxLayout()
        below.addWidget(self.check)
        below.addWidget(self.export)
        below.addStretch(1)
        below.addWidget(close)
        layout = QVBoxLayout(self)
        layout.addWidget(self.filter)
        layout.addWidget(self.sheet, 1)
        layout.addWidget(self.told)
        layout.addLayout(below)
        self.filter.textChanged.connect(self._fill)
        self.check.clicked.connect(self._verify)
        self.export.clicked.connect(self._export)
        self.told.setText("Reading…")
        bridge.run(partial(workbench.audit.entries, scan_id=scan_id), self._take, key="audit trail")

    def _take(self, rows: "list[AuditRow]") -> None:
        self._all = rows
        hidden = self._workbench.readers.hidden()
        left_out = f"What others did to {count(hidden, 'scan')} that you are still to read is left out."
        self.told.setText(left_out if hidden else "")
        self._fill()

    def _fill(self) -> None:
        words = self.filter.text().lower().split()

        def fits(row: "AuditRow") -> bool:
            text = " ".join((row.author, row.subject, row.target, row.action, row.why, row.details)).lower()
            return all(word in text for word in words)

        self._shown = [row for row in self._all if fits(row)]
        self.sheet.show_sheet(self._workbench.audit.sheet(self._shown))

    def _verify(self) -> None:
        self.check.setEnabled(False)
        self.told.setText("Checking every entry and every row…")
        self._bridge.run(self._workbench.audit.verify, self._tell, key="audit check", message="Checking the trail…")

    def _tell(self, found: "Verified") -> None:
        self.check.setEnabled(True)
        if not found.problems:
            self.told.setText(f"{found.entries} entries: whole. Head {found.head}")
            return
        more = f"\n… and {len(found.problems) - 6} more" if len(found.problems) > 6 else ""
        self.told.setText("⚠ " + "\n⚠ ".join(found.problems[:6]) + more)

    def _export(self) -> None:
        name = "audit.csv" if self._scan_id is None else "history.csv"
        chosen, _ = QFileDialog.getSaveFileName(self, "Export the trail", name, "CSV (*.csv)")
        if chosen:
            rows = list(self._shown)
            self._bridge.run(
                partial(self._workbench.audit.write_csv, rows, Path(chosen)), self._written, key="audit export"
            )

    def _written(self, path: Path) -> None:
        self.told.setText(f"Written: {path}")
