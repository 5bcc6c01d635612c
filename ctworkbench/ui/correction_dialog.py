"""Correcting the age at a scan or the sex of its subject, with a reason."""

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QDoubleValidator
from PySide6.QtWidgets import QComboBox, QDialog, QDialogButtonBox, QFormLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from ctworkbench.ui.bridge import Bridge

if TYPE_CHECKING:
    from ctworkbench.core.workbench import Workbench
    from ctworkbench.core.workbench.rows import ScanRow

_OLDEST_YEARS = 120.0


class CorrectionDialog(QDialog):
    """Age and sex as the study has them, to be written anew, and why."""

    def __init__(self, scan: "ScanRow", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._scan = scan
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(f"Correct {scan.subject}")
        self.resize(520, 330)
        title = QLabel(f"Age and sex of {scan.subject}")
        title.setProperty("role", "title")
        what = QLabel(
            f"The age belongs to this scan ({scan.source}), the sex to all scans of {scan.subject}. The audit trail "
            "keeps the value before and the reason. Centiles and charts follow; "
            "norms, reports and tables made before do not."
        )
        what.setWordWrap(True)
        what.setProperty("role", "muted")
        self.age = QLineEdit("" if scan.age_years is None else f"{scan.age_years:.4f}".rstrip("0").rstrip("."))
        self.age.setObjectName("correct_age")
        self.age.setAccessibleName("Age at the scan in years")
        self.age.setPlaceholderText("unknown")
        validator = QDoubleValidator(0, _OLDEST_YEARS, 4, self.age)
        validator.setNotation(QDoubleValidator.Notation.StandardNotation)
        validator.setLocale(validator.locale().c())
        self.age.setValidator(validator)
        self._age_before = self.age.text()
        self.sex = QComboBox()
        self.sex.setObjectName("correct_sex")
        self.sex.setAccessibleName("Sex")
        for text, value in (("male", "M"), ("female", "F"), *((("unknown", None),) if scan.sex is None else ())):
            self.sex.addItem(text, value)
        self.sex.setCurrentIndex(self.sex.findData(None if scan.sex is None else str(scan.sex)))
        self.reason = QLineEdit()
        self.reason.setObjectName("correct_reason")
        self.reason.setAccessibleName("Reason")
        self.reason.setPlaceholderText("such as: the table gave months")
        self._box = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self._box.button(QDialogButtonBox.StandardButton.Ok).setText("Correct")
        self._box.accepted.connect(self.accept)
        self._box.rejected.connect(self.reject)
        form = QFormLayout()
        form.addRow("Age at the scan (years)", self.age)
        form.addRow("Sex", self.sex)
        form.addRow("Reason", self.reason)
        layout = QVBoxLayout(self)
        layout.setSpacing(10)
        for item in (title, what):
            layout.addWidget(item)
        layout.addLayout(form)
        layout.addWidget(self._box)
        self.age.textChanged.connect(self._follow)
        self.sex.currentIndexChanged.connect(self._follow)
        self.reason.textChanged.connect(self._follow)
        self._follow()
        self.age.selectAll()

    @property
    def new_age(self) -> float | None:
        """The age in years, if it was changed."""
        text = self.age.text()
        return float(text) if text != self._age_before and self.age.hasAcceptableInput() else None

    @property
    def new_sex(self) -> str | None:
        """The sex, if it was changed."""
        value = self.sex.currentData()
        return None if value == (None if self._scan.sex is None else str(self._scan.sex)) else value

    def _follow(self) -> None:
        """Offer the correction once something differs and a reason is given."""
        typed = self.age.text() == self._age_before or self.age.hasAcceptableInput()
        changed = self.new_age is not None or self.new_sex is not None
        ready = typed and changed and bool(self.reason.text().strip())
        button = self._box.button(QDialogButtonBox.StandardButton.Ok)
        button.setEnabled(ready)
        button.setToolTip("" if ready else "Change the age or the sex, and say why")


def ask_to_correct(scan: "ScanRow", workbench: "Workbench", bridge: Bridge, parent: QWidget) -> None:
    """Ask for another age or sex of a scan, and write it with its reason."""
    dialog = CorrectionDialog(scan, parent)

    def write() -> None:
        age, sex, reason = dialog.new_age, dialog.new_sex, dialog.reason.text()
        number = None if age is None else scan.id
        bridge.run(
            lambda: workbench.cohort.correct(scan.subject, reason, age, sex, number),
            lambda done: bridge.notify(f"{scan.subject}: {', '.join(done.changes)}.", done.stale),
        )

    dialog.accepted.connect(write)
    dialog.open()
