"""The warnings of a study, heaviest first: what was found, what it means, what to do, and the rows it rests on."""

from collections.abc import Sequence
from html import escape

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from ctworkbench.core.methods.soundness import Assurance, Basis, Severity, SoundnessWarning

_COLORS = {Severity.SERIOUS: "#ff8a7a", Severity.CAUTION: "#f2b84b", Severity.NOTE: "#6cb8ec"}
_MOST = 3
_LINK = "color: #6cb8ec; text-decoration: none;"
_HINTS = {
    "scan": "Open this scan in Review",
    "model": "See the models in Train",
    "table": "See the tables",
    "template": "See the asymmetry in the charts",
    "norm": "See the norm and its calibration",
    "cohort": "See the cohort",
}


class WarningList(QScrollArea):
    """One card a warning; a click on a row goes to where it is seen."""

    place_wanted = Signal(str, str)
    """Kind and key of the row that was clicked; see `Basis`."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("warnings")
        self.setAccessibleName("Warnings")
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._shown: tuple[Sequence[SoundnessWarning], Sequence[Assurance], int] | None = None
        self.cards: list[QFrame] = []

    def show_warnings(self, warnings: Sequence[SoundnessWarning], kept: Sequence[Assurance], scans: int) -> None:
        """Show these warnings, and below them what the program keeps by itself; the same ones are left as they are."""
        if self._shown == (warnings, kept, scans):
            return
        self._shown = (warnings, kept, scans)
        at = self.verticalScrollBar().value()
        inside = QWidget()
        layout = QVBoxLayout(inside)
        layout.setContentsMargins(0, 0, 6, 0)
        layout.setSpacing(8)
        self.cards = [self._card(warning) for warning in warnings]
        for card in self.cards:
            layout.addWidget(card)
        if not warnings:
            text = "None of the checks found anything." if scans else "Nothing to check yet: the study holds no scans."
            layout.addWidget(_label(text, "muted", "no_warnings"))
        layout.addWidget(self._kept(kept))
        layout.addStretch()
        self.setWidget(inside)
        self.verticalScrollBar().setValue(at)

    def _card(self, warning: SoundnessWarning) -> QFrame:
        card = QFrame()
        card.setProperty("role", "card")
        card.setObjectName(f"warning_{warning.check}")
        layout = QVBoxLayout(card)
        layout.setContentsMargins(10, 8, 10, 8)
        layout.setSpacing(4)
        color = _COLORS[warning.severity]
        chip = _label(warning.severity.words, "")
        chip.setStyleSheet(f"color: {color}; font-size: 11px; font-weight: 600;")
        title = _label(warning.title, "")
        title.setStyleSheet("font-weight: 600;")
        layout.addWidget(chip)
        layout.addWidget(title)
        layout.addWidget(_label(warning.meaning, "muted"))
        layout.addWidget(_label(f"To do: {warning.remedy}", ""))
        rows = [self._row(basis) for basis in warning.basis]
        for row in rows:
            layout.addWidget(row)
        for row in rows[_MOST:]:
            row.hide()
        if len(rows) > _MOST:
            layout.addWidget(_more(rows[_MOST:]))
        return card

    def _row(self, basis: Basis) -> QLabel:
        row = QLabel(f"<a href='go' style='{_LINK}'>→ {escape(basis.text)}</a>")
        row.setWordWrap(True)
        row.setTextInteractionFlags(Qt.TextInteractionFlag.TextBrowserInteraction)
        row.setToolTip(_HINTS[basis.kind])
        row.setAccessibleName(f"{basis.text}: {_HINTS[basis.kind]}")
        row.linkActivated.connect(lambda _: self.place_wanted.emit(basis.kind, basis.key))
        return row

    def _kept(self, kept: Sequence[Assurance]) -> QFrame:
        box = QFrame()
        box.setObjectName("kept")
        layout = QVBoxLayout(box)
        layout.setContentsMargins(10, 6, 10, 8)
        layout.setSpacing(4)
        rows = [_label(f"<b>{row.title}.</b> {row.why}", "muted") for row in kept]
        head = QPushButton()
        head.setProperty("role", "link")
        head.setObjectName("kept_toggle")

        def turn() -> None:
            opened = rows[0].isHidden() if rows else False
            for row in rows:
                row.setVisible(opened)
            head.setText(f"{'▾' if opened else '▸'} {len(rows)} rules that the program keeps by itself")

        for row in rows:
            row.setVisible(True)
        head.clicked.connect(turn)
        layout.addWidget(head)
        for row in rows:
            layout.addWidget(row)
        turn()
        return box


def _more(rows: Sequence[QWidget]) -> QWidget:
    """A button that shows the rest, and hides it again."""
    button = QPushButton(f"and {len(rows)} more…")
    button.setProperty("role", "link")

    def turn() -> None:
        show = rows[0].isHidden()
        for row in rows:
            row.setVisible(show)
        button.setText("less" if show else f"and {len(rows)} more…")

    button.clicked.connect(turn)
    holder = QWidget()
    layout = QHBoxLayout(holder)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.addWidget(button)
    layout.addStretch()
    return holder


def _label(text: str, role: str, name: str = "") -> QLabel:
    label = QLabel(text)
    label.setWordWrap(True)
    label.setProperty("role", role)
    label.setObjectName(name)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
