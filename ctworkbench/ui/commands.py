"""What can be done in the review room, with its keys; shortcuts and cheat sheet are made from it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget


@dataclass(frozen=True)
class Command:
    """One thing that a key does.

    Attributes:
        group: heading that it stands under in the cheat sheet.
        title: what it does, for people; empty where the command before it speaks for both.
        keys: key sequences in Qt's notation; the first is the one that is shown.
        act: does it.
        shown: how the key is written for people, where Qt's notation reads badly.
    """

    group: str
    title: str
    keys: tuple[str, ...]
    act: Callable[[], object]
    shown: str = ""

    @property
    def key(self) -> str:
        """The key as people read it."""
        return self.shown or self.keys[0]


def bind(commands: Iterable[Command], owner: QWidget) -> list[QShortcut]:
    """Make the keys of all commands work while `owner` or a child of it has the focus."""
    shortcuts: list[QShortcut] = []
    for command in commands:
        for key in command.keys:
            shortcut = QShortcut(QKeySequence(key), owner)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(command.act)
            shortcuts.append(shortcut)
    return shortcuts


# Three columns at the present number of keys: what fits a window of 1366 × 768.
_COLUMN_ROWS = 28

_MOUSE = (
    ("Click, drag", "Crosshair (N), paint (B E K F)"),
    ("Shift + drag", "Crosshair, with any tool"),
    ("Wheel", "Slice"),
    ("Ctrl + wheel", "Zoom"),
    ("Right drag", "Window and level"),
    ("Middle or Ctrl + drag", "Pan"),
    ("Double click (N)", "One view, three views"),
)


class CheatSheet(QFrame):
    """All keys on one sheet over the room; any click or the same key puts it away."""

    def __init__(self, commands: Iterable[Command], parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("cheatSheet")
        self._room = parent
        groups: dict[str, list[tuple[str, str]]] = {}
        for command in commands:
            # A command without a title is the other half of a pair that the one before it names.
            if command.title:
                groups.setdefault(command.group, []).append((command.key, command.title))
        groups["Mouse"] = list(_MOUSE)
        columns = QHBoxLayout()
        columns.setSpacing(22)
        names = list(groups)
        lengths = {name: len(rows) + 2 for name, rows in groups.items()}
        column, used = QVBoxLayout(), 0
        for name in names:
            if used and used + lengths[name] > _COLUMN_ROWS:
                column.addStretch(1)
                columns.addLayout(column)
                column, used = QVBoxLayout(), 0
            column.addWidget(self._block(name, groups[name]))
            used += lengths[name]
        column.addStretch(1)
        columns.addLayout(column)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(22, 14, 22, 12)
        heading = QLabel("Keys of the review room")
        heading.setProperty("role", "title")
        layout.addWidget(heading)
        layout.addLayout(columns)
        hint = QLabel("Press ? or click to close")
        hint.setProperty("role", "muted")
        layout.addWidget(hint, 0, Qt.AlignmentFlag.AlignRight)
        self.hide()

    def toggle(self) -> None:
        """Show the sheet in the middle of the room, or put it away."""
        if self.isVisible():
            self.hide()
            return
        self.adjustSize()
        room = self._room.rect()
        self.move((room.width() - self.width()) // 2, max(0, (room.height() - self.height()) // 2))
        self.show()
        self.raise_()

    def mousePressEvent(self, event: object) -> None:
        """Any click puts the sheet away."""
        self.hide()

    @staticmethod
    def _block(name: str, rows: list[tuple[str, str]]) -> QWidget:
        block = QWidget()
        grid = QGridLayout(block)
        grid.setContentsMargins(0, 6, 0, 2)
        grid.setHorizontalSpacing(14)
        grid.setVerticalSpacing(2)
        heading = QLabel(name)
        heading.setProperty("role", "heading")
        grid.addWidget(heading, 0, 0, 1, 2)
        for number, (key, title) in enumerate(rows, start=1):
            cap = QLabel(key)
            cap.setObjectName("keyCap")
            grid.addWidget(cap, number, 0, Qt.AlignmentFlag.AlignLeft)
            grid.addWidget(QLabel(title), number, 1)
        grid.setColumnStretch(1, 1)
        return block
