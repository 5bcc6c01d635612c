"""The lines above the views: which case, which version, and what the reader must know of it."""

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QMenu, QSizePolicy, QToolButton, QWidget

from ctworkbench.core.workbench import AnnotationRow, ScanRow
from ctworkbench.ui.case import brief_title_of, story_of, title_of
from ctworkbench.ui.cohort_table import corrections_text, spacing_text
from ctworkbench.ui.keymap import mark
from ctworkbench.ui.reading_clock import ReadingClock, clock_text
from ctworkbench.ui.shortened_box import ShortenedBox
from ctworkbench.ui.shortened_label import ShortenedLabel
from ctworkbench.ui.worklist import who

_OBLIQUE_DEGREES = 1.0

_LEAST_PICKER = 140
_GLYPH_WIDTH = 30
_NARROW = 900
_SHORT_NAME = 200
_ANY_WIDTH = 16777215


class CaseHeader(QFrame):
    """Subject, image, version picker, compare.

    Signals:
        version_chosen: another version is to be shown (its number in the study).
        compare_asked: the earlier version is to be shown, or no longer.
        compare_with: a version chosen for comparing is to be shown (its number in the study).
        history_asked: who did what to this scan is to be shown.
        keys_asked: the list of keys is to be shown.
        lightbox_asked: the sheet of slices is to be shown, or no longer.
        desk_asked: two versions are to be laid side by side.
        previous_asked, next_asked: go through the list.
    """

    version_chosen = Signal(int)
    compare_asked = Signal()
    compare_with = Signal(int)
    history_asked = Signal()
    keys_asked = Signal()
    previous_asked = Signal()
    next_asked = Signal()
    lightbox_asked = Signal()
    desk_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("caseHeader")
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 4, 8, 4)
        row.setSpacing(5)
        self.previous = self._button("‹", "Previous scan in the list", "PgUp")
        self.previous.clicked.connect(self.previous_asked)
        self.next = self._button("›", "Next scan in the list; Next to review goes to one that waits", "PgDown")
        self.next.clicked.connect(self.next_asked)
        self.subject = ShortenedLabel()
        self.subject.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        self.subject.setObjectName("caseSubject")
        self.details = ShortenedLabel()
        self.details.setProperty("role", "muted")
        self.warnings = QLabel()
        self.warnings.setProperty("role", "warning")
        self.unsaved = ShortenedLabel("● unsaved", brief="●")
        self.unsaved.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        self.unsaved.setMinimumWidth(_GLYPH_WIDTH // 2)
        self.unsaved.setObjectName("unsaved")
        self.unsaved.setToolTip("There are corrections that are not saved as a version yet (Ctrl+S)")
        self.versions = ShortenedBox(_LEAST_PICKER)
        self.versions.activated.connect(lambda place: self.version_chosen.emit(self.versions.itemData(place)))
        tip = "Show the earlier version in place of this one, and back; the arrow offers all"
        self.compare = self._button("Compare", tip, "C")
        self.compare.setCheckable(True)
        self.compare.setPopupMode(QToolButton.ToolButtonPopupMode.MenuButtonPopup)
        self._others = QMenu(self.compare)
        self.compare.setMenu(self._others)
        self.compare.clicked.connect(self.compare_asked)
        self.sheet = self._button("Slices", "24 slices on one sheet, for a verdict at one glance", "O")
        self.sheet.clicked.connect(self.lightbox_asked)
        self.clock = QLabel()
        self.clock.setProperty("role", "muted")
        self.clock.setToolTip("Time that this case was read: it stops while nobody touches mouse or keys")
        self.more = self._button("⋯", "Other programs, template, keys", "F10")
        self.more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.menu = QMenu(self.more)
        self.more.setMenu(self.menu)
        self.keys = self._button("?", "All keys", "?")
        self.keys.clicked.connect(self.keys_asked)
        for glyph in (self.previous, self.next, self.more, self.keys):
            glyph.setObjectName("glyph")
            glyph.setFixedWidth(_GLYPH_WIDTH)
        for widget in (self.previous, self.next, self.subject):
            row.addWidget(widget)
        row.addWidget(self.details, 1)
        shown = (self.clock, self.warnings, self.unsaved, self.versions, self.compare, self.sheet, self.more, self.keys)
        for widget in shown:
            row.addWidget(widget)
        self.show_nothing()

    def show_nothing(self) -> None:
        """No scan is open."""
        self._name("No scan open")
        self.details.clear()
        for widget in (self.warnings, self.unsaved, self.versions, self.clock):
            widget.hide()
        self.compare.setEnabled(False)

    def show_scan(self, scan: ScanRow) -> None:
        """Who this is, and what the image is."""
        self._name(scan.subject, who(scan))
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

    def show_tilt(self, degrees: float) -> None:
        """Say of an oblique scan that it is shown along its own slices."""
        if degrees >= _OBLIQUE_DEGREES:
            said = f"oblique {degrees:.0f}°"
            self.details.setText(f"{self.details.text()}  ·  {said}")
            known = self.details.toolTip()
            told = "shown along its own slices; letters name the nearest direction of the patient"
            self.details.setToolTip(f"{known}\n{said}: {told}")

    def show_clock(self, clock: ReadingClock) -> None:
        """Show for how long the case was read."""
        self.clock.setVisible(clock.running)
        self.clock.setText(f"❚❚ {clock_text(clock.seconds)}" if clock.idle else clock_text(clock.seconds))

    def show_versions(self, versions: tuple[AnnotationRow, ...], shown: AnnotationRow | None) -> None:
        """Offer the versions, newest first, with the one that is shown."""
        with QSignalBlocker(self.versions):
            self.versions.clear()
            for row in versions:
                self.versions.add(title_of(row), brief_title_of(row), row.id, story_of(row, versions))
            if shown is not None:
                self.versions.setCurrentIndex(self.versions.findData(shown.id))
        self.versions.setToolTip("Versions of the label map" if shown is None else story_of(shown, versions))
        self.versions.setVisible(bool(versions))
        self._others.clear()
        if len(versions) > 1:
            self._others.addAction("Side by side, curtain, differences…", self.desk_asked.emit)
            self._others.addSection("In place of this one")
        for row in versions:
            if shown is not None and row.id != shown.id:
                self._others.addAction(title_of(row), lambda row=row: self.compare_with.emit(row.id))
        self._others.addSeparator()
        self._others.addAction("History of this case…", self.history_asked.emit)

    def show_unsaved(self, dirty: bool, saving: bool) -> None:
        """Say whether there are corrections that are not safe yet."""
        self.unsaved.setText("saving…" if saving else "● unsaved")
        self.unsaved.setVisible(dirty or saving)

    def _name(self, code: str, more: str = "") -> None:
        """Say who this is; where there is no room the code alone is never shortened."""
        text = "  ".join(part for part in (code, more) if part)
        self.subject.setText(text)
        self.subject.setToolTip(text)
        self.subject.ensurePolished()
        width_of = self.subject.fontMetrics().horizontalAdvance
        needed = text if text == code or width_of(text) <= _SHORT_NAME else f"{code} …"
        self.subject.setMinimumWidth(width_of(needed) + 2)
        self._share()

    def _share(self) -> None:
        """In a narrow window the version goes before sex and age, which the line above says too."""
        narrow = self.width() < _NARROW
        self.subject.setMaximumWidth(self.subject.minimumWidth() if narrow else _ANY_WIDTH)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Share the room anew."""
        super().resizeEvent(event)
        self._share()

    @staticmethod
    def _button(title: str, tip: str, key: str) -> QToolButton:
        button = QToolButton()
        mark(button, title, key, tip, key_on_it=False)
        button.setFocusPolicy(button.focusPolicy().NoFocus)
        return button
