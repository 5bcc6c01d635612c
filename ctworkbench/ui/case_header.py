"""The lines above the views: which case, which version, and what the reader must know of it."""

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QComboBox, QFrame, QHBoxLayout, QLabel, QMenu, QToolButton, QWidget

from ctworkbench.core.workbench import AnnotationRow, ScanRow
from ctworkbench.ui.case import story_of, title_of
from ctworkbench.ui.cohort_table import corrections_text, spacing_text
from ctworkbench.ui.shortened_label import ShortenedLabel
from ctworkbench.ui.worklist import who


class CaseHeader(QFrame):
    """Subject, image, version picker, compare.

    Signals:
        version_chosen: another version is to be shown (its number in the study).
        compare_asked: the earlier version is to be shown, or no longer.
        compare_with: a version chosen for comparing is to be shown (its number in the study).
        keys_asked: the list of keys is to be shown.
        previous_asked, next_asked: go through the list.
    """

    version_chosen = Signal(int)
    compare_asked = Signal()
    compare_with = Signal(int)
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
        self.versions.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.versions.activated.connect(lambda place: self.version_chosen.emit(self.versions.itemData(place)))
        self.compare = self._button(
            "Compare", "Show the earlier version in place of this one, and back  (C); the arrow offers all"
        )
        self.compare.setCheckable(True)
        self.compare.setPopupMode(QToolButton.ToolButtonPopupMode.MenuButtonPopup)
        self._others = QMenu(self.compare)
        self.compare.setMenu(self._others)
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
        corrected = corrections_text(scan.corrections)
        parts = [f"{spacing_text(scan.spacing)} mm", size, scan.scanner, corrected]
        text = "  ·  ".join(part for part in parts if part)
        self.details.setText(text)
        self.details.setToolTip("\n".join([text, *scan.corrections, f"Series {scan.series_uid}"]))
        known = (*scan.cautions, *scan.warnings)
        self.warnings.setText(f"⚠ {len(known)}")
        self.warnings.setToolTip("\n".join(known))
        self.warnings.setVisible(bool(known))

    def show_versions(self, versions: tuple[AnnotationRow, ...], shown: AnnotationRow | None) -> None:
        """Offer the versions, newest first, with the one that is shown."""
        with QSignalBlocker(self.versions):
            self.versions.clear()
            for row in versions:
                self.versions.addItem(title_of(row), row.id)
                story = story_of(row, versions)
                self.versions.setItemData(self.versions.count() - 1, story, Qt.ItemDataRole.ToolTipRole)
            if shown is not None:
                self.versions.setCurrentIndex(self.versions.findData(shown.id))
        self.versions.setToolTip("Versions of the label map" if shown is None else story_of(shown, versions))
        self.versions.setVisible(bool(versions))
        self._others.clear()
        for row in versions:
            if shown is not None and row.id != shown.id:
                self._others.addAction(title_of(row), lambda row=row: self.compare_with.emit(row.id))

    def show_unsaved(self, dirty: bool, saving: bool) -> None:
        """Say whether there are corrections that are not safe yet."""
        self.unsaved.setText("saving…" if saving else "● unsaved")
        self.unsaved.setVisible(dirty or saving)

    @staticmethod
    def _button(title: str, tip: str) -> QToolButton:
        button = QToolButton()
        button.setText(title)
        button.setToolTip(tip)
        button.setFocusPolicy(button.focusPolicy().NoFocus)
        return button
