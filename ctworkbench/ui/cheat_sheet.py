"""All keys of a room on one sheet over it."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from ctworkbench.ui.keymap import Keymap

_ROW_PIXELS = 23
_AROUND_PIXELS = 130
_MOST_ROWS = 200
_HEADING_ROWS, _FEWEST = 2, 4
_MOUSE = (
    ("Click, drag", "Crosshair (Move), paint (Brush …)"),
    ("Shift + drag", "Crosshair, with any tool"),
    ("Wheel", "Slice"),
    ("Ctrl + wheel", "Zoom"),
    ("Right drag", "Window and level"),
    ("Middle or Ctrl + drag", "Pan"),
    ("Double click", "One view, three views"),
)


class CheatSheet(QFrame):
    """All keys as they are now; any click or the same key puts the sheet away.

    Signals:
        change_asked: the reader wants other keys.
    """

    change_asked = Signal()

    def __init__(self, keymap: Keymap, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("cheatSheet")
        self._keymap = keymap
        self._room = parent
        self._scroll = QScrollArea()
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setWidgetResizable(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 14, 24, 12)
        heading = QLabel("Keys of the review room")
        heading.setProperty("role", "title")
        layout.addWidget(heading)
        layout.addWidget(self._scroll, 1)
        hint = QLabel("Press ? or click to close")
        hint.setProperty("role", "muted")
        self.change = QPushButton("Change keys…")
        self.change.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.change.clicked.connect(self._ask)
        foot = QHBoxLayout()
        foot.addWidget(self.change)
        foot.addStretch(1)
        foot.addWidget(hint)
        layout.addLayout(foot)
        self.hide()

    def toggle(self) -> None:
        """Show the sheet in the middle of the room, or put it away."""
        if self.isVisible():
            self.hide()
            return
        room = self._room.rect()
        rows = max(12, (room.height() - _AROUND_PIXELS) // _ROW_PIXELS)
        body = self._fill(rows)
        while body.sizeHint().width() + 20 > room.width() - 60 and rows < _MOST_ROWS:
            rows += 2  # fewer columns, to be scrolled down: nobody looks for keys to the side
            body = self._fill(rows)
        self._scroll.setMinimumSize(
            min(body.sizeHint().width() + 20, room.width() - 60),  # with room for a scroll bar
            min(body.sizeHint().height() + 4, room.height() - _AROUND_PIXELS),
        )
        self.adjustSize()
        self.move((room.width() - self.width()) // 2, max(0, (room.height() - self.height()) // 2))
        self.show()
        self.raise_()

    def mousePressEvent(self, event: object) -> None:
        """Any click puts the sheet away."""
        self.hide()

    def _ask(self) -> None:
        self.hide()
        self.change_asked.emit()

    def _fill(self, most: int) -> QWidget:
        """Lay the groups out in columns of so many rows at most; a long group goes on in the next one."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for command in self._keymap.commands:
            # A command without a title shares the line of the one before it.
            if command.title:
                groups.setdefault(command.group, []).append((self._keymap.text(command), command.title))
        groups["Mouse"] = list(_MOUSE)
        body = QWidget()
        columns = QHBoxLayout(body)
        columns.setContentsMargins(0, 0, 0, 0)
        columns.setSpacing(20)
        column, room = QVBoxLayout(), most
        for name, rows in groups.items():
            left = rows
            while left:
                if room < min(len(left), _FEWEST) + _HEADING_ROWS:
                    column.addStretch(1)
                    columns.addLayout(column)
                    column, room = QVBoxLayout(), most
                here = left[: room - _HEADING_ROWS]
                column.addWidget(_block(name, here))
                left = left[len(here) :]
                room -= len(here) + _HEADING_ROWS
        column.addStretch(1)
        columns.addLayout(column)
        self._scroll.setWidget(body)
        for label in body.findChildren(QLabel):
            label.ensurePolished()  # the room that a key cap needs is known once it is dressed
        return body


def _block(name: str, rows: list[tuple[str, str]]) -> QWidget:
    block = QWidget()
    grid = QGridLayout(block)
    grid.setContentsMargins(0, 4, 0, 2)
    grid.setHorizontalSpacing(10)
    grid.setVerticalSpacing(2)
    heading = QLabel(name)
    heading.setProperty("role", "heading")
    grid.addWidget(heading, 0, 0, 1, 2)
    for number, (key, title) in enumerate(rows, start=1):
        cap = QLabel(key or "–")
        cap.setObjectName("keyCap")
        grid.addWidget(cap, number, 0, Qt.AlignmentFlag.AlignLeft)
        grid.addWidget(QLabel(title), number, 1)
    grid.setColumnStretch(1, 1)
    return block
