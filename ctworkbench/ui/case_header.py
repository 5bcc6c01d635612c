"""The lines above the views: which case, which version, and what the reader must know of it."""

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QComboBox, QFrame, QHBoxLayout, QLabel, QSizePolicy, QToolButton, QWidget

from ctworkbench.core.workbench import AnnotationRow, ScanRow
from ctworkbench.ui.case import title_of
from ctworkbench.ui.worklist import who

_WIDEST_PICKER = 240


class CaseHeader(QFrame):
    """Subject, image, version picker, compare.

    Signals:
        version_chosen: another version is to be shown (its number in the study).
        compare_asked: the earlier version is to be shown, or no longer.
        keys_asked: the list of keys is to be shown.
        previous_asked, next_asked: go through the list.
    """

    version_chosen = Signal(int)
    compare_asked = Signal()
    keys_asked = Signal()
    previous_asked = Signal()
    next_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("caseHeader")
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 4, 8, 4)
        row.setSpacing(7)
        self.previous = self._button("‹", "Previous scan in the list  (PgUp)")
        self.previous.clicked.connect(self.previous_asked)
        self.next = self._button("›", "Next scan in the list  (PgDn); Space goes to the next to review")
        self.next.clicked.connect(self.next_asked)
        self.subject = QLabel()
        self.subject.setObjectName("caseSubject")
        self.details = ShortenedLabel()
        self.details.setProperty("role", "muted")
        self.warnings = QLabel()
        self.warnings.setProperty("role", "warning")
        self.unsaved = QLabel("● unsaved")
        self.unsaved.setObjectName("unsaved")
        self.unsaved.setToolTip("There are corrections that are not saved as a version yet (Ctrl+S)")
        self.versions = QComboBox()
        self.versions.setToolTip("Versions of the label map; older ones are shown to look at only")
        self.versions.setMaximumWidth(_WIDEST_PICKER)
        self.versions.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.versions.activated.connect(lambda place: self.version_chosen.emit(self.versions.itemData(place)))
        self.compare = self._button("Compare", "Show the earlier version in place of this one, and back  (C)")
        self.compare.setCheckable(True)
        self.compare.clicked.connect(self.compare_asked)
        self.keys = self._button("?", "All keys  (?)")
        self.keys.clicked.connect(self.keys_asked)
        for widget in (self.previous, self.next, self.subject):
            row.addWidget(widget)
        row.addWidget(self.details, 1)
        for widget in (self.warnings, self.unsaved, self.versions, self.compare, self.keys):
            row.addWidget(widget)
        self.show_nothing()

    def show_nothing(self) -> None:
        """No scan is open."""
        self.subject.setText("No scan open")
        self.details.clear()
        for widget in (self.warnings, self.unsaved, self.versions):
            widget.hide()
        self.compare.setEnabled(False)

    def show_scan(self, scan: ScanRow) -> None:
        """Who this is, and what the image is."""
        self.subject.setText("  ".join(part for part in (scan.subject, who(scan)) if part))
        size = "×".join(str(number) for number in scan.shape)
        spacing = "×".join(f"{length:.2f}" for length in scan.spacing)
        parts = [size, f"{spacing} mm", scan.scanner, *scan.corrections]
        text = "  ·  ".join(part for part in parts if part)
        self.details.setText(text)
        self.details.setToolTip(f"{text}\nSeries {scan.series_uid}")
        count = len(scan.warnings)
        self.warnings.setText(f"⚠ {count} warning{'s' if count > 1 else ''}")
        self.warnings.setToolTip("\n".join(scan.warnings))
        self.warnings.setVisible(bool(count))

    def show_versions(self, versions: tuple[AnnotationRow, ...], shown: AnnotationRow | None) -> None:
        """Offer the versions, newest first, with the one that is shown."""
        with QSignalBlocker(self.versions):
            self.versions.clear()
            for row in versions:
                self.versions.addItem(title_of(row), row.id)
            if shown is not None:
                self.versions.setCurrentIndex(self.versions.findData(shown.id))
        self.versions.setVisible(bool(versions))

    @staticmethod
    def _button(title: str, tip: str) -> QToolButton:
        button = QToolButton()
        button.setText(title)
        button.setToolTip(tip)
        button.setFocusPolicy(button.focusPolicy().NoFocus)
        return button


class ShortenedLabel(QLabel):
    """A line that gives way when the window is narrow, ending in an ellipsis."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw as much as there is room for."""
        painter = QPainter(self)
        text = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)
