"""Which keys do what: as shipped, or as the reader has changed them; remembered for the user, not for the study."""

import json
from collections.abc import Iterable, Sequence

from PySide6.QtCore import QObject, QSettings, Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QAbstractButton, QWidget

from ctworkbench.ui.commands import Command

_MEMORY = "review_keys"
_SHOWN = {"Up": "↑", "Down": "↓", "Left": "←", "Right": "→", "PgDown": "PgDn", "-": "−"}


class Keymap(QObject):
    """The keys of all commands of a room.

    Args:
        commands: everything that can be done there.
        memory: changed keys are kept in it, by the commands' identifiers.

    Signals:
        changed: a command has other keys now.
    """

    changed = Signal()

    def __init__(self, commands: Iterable[Command], memory: QSettings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.commands = tuple(commands)
        self._memory = memory
        self._own: dict[str, tuple[str, ...]] = _read(memory)
        self._owner: QWidget | None = None
        self.shortcuts: list[QShortcut] = []

    def keys(self, command: Command) -> tuple[str, ...]:
        """The keys that a command has now, in Qt's notation; the first is the one that is shown."""
        return self._own.get(command.id, command.keys)

    def is_changed(self, command: Command) -> bool:
        """Whether the keys differ from those that were shipped."""
        return self.keys(command) != command.keys

    def text(self, command: Command) -> str:
        """The keys of a command, and of those that share its line in the sheet, as people read them."""
        line = self._line(command)
        if command.shown and not any(self.is_changed(other) for other in line):
            return command.shown
        texts = [key_text(self.keys(other)[0]) for other in line if self.keys(other)]
        if len(texts) > 3:
            return f"{texts[0]} … {texts[-1]}"
        return "  ".join(texts)

    def title(self, command: Command) -> str:
        """What a command does, also where the sheet tells it together with the one before."""
        if command.alone:
            return command.alone
        line = self._line(command)
        first = line[0]
        return first.title if len(line) == 1 else f"{first.title} ({line.index(command) + 1} of {len(line)})"

    def by_shipped_key(self, key: str) -> Command | None:
        """The command that a key belonged to as shipped: how a button names the command it stands for."""
        return next((command for command in self.commands if key in command.keys), None)

    def owner_of(self, key: str, besides: Command | None = None) -> Command | None:
        """The command that a key works for now."""
        wanted = QKeySequence(key)
        for command in self.commands:
            if command is not besides and any(QKeySequence(own) == wanted for own in self.keys(command)):
                return command
        return None

    def set_keys(self, command: Command, keys: Sequence[str]) -> None:
        """Give a command these keys alone; a command that had one of them loses it."""
        for key in keys:
            other = self.owner_of(key, besides=command)
            if other is not None:
                self._put(other, [own for own in self.keys(other) if QKeySequence(own) != QKeySequence(key)])
        self._put(command, keys)
        self._save()

    def reset(self, command: Command) -> None:
        """Give a command the keys that were shipped."""
        self.set_keys(command, command.keys)

    def reset_all(self) -> None:
        """All keys as they were shipped."""
        self._own = {}
        self._save()

    def bind(self, owner: QWidget) -> None:
        """Let the keys work while `owner` or a child of it has the focus, now and after every change."""
        self._owner = owner
        self._bind()

    def label(self, root: QWidget) -> None:
        """Write the keys of now onto all buttons under `root` that were made by `mark`."""
        for button in root.findChildren(QAbstractButton):
            shipped = button.property("shippedKey")
            command = self.by_shipped_key(shipped) if shipped else None
            if command is not None:
                keys = self.keys(command)
                _write(button, key_text(keys[0]) if keys else "", " or ".join(map(key_text, keys)))

    def _line(self, command: Command) -> list[Command]:
        """The commands that one line of the sheet tells of: one with a title, and those without that follow it."""
        place = self.commands.index(command)
        while place and not self.commands[place].title:
            place -= 1
        line = [self.commands[place]]
        for other in self.commands[place + 1 :]:
            if other.title:
                break
            line.append(other)
        return line

    def _put(self, command: Command, keys: Sequence[str]) -> None:
        self._own[command.id] = tuple(keys)
        if not self.is_changed(command):
            del self._own[command.id]

    def _save(self) -> None:
        self._memory.setValue(_MEMORY, json.dumps(self._own))
        self._bind()
        self.changed.emit()

    def _bind(self) -> None:
        if self._owner is None:
            return
        for shortcut in self.shortcuts:
            shortcut.setEnabled(False)
            shortcut.deleteLater()
        self.shortcuts = []
        for command in self.commands:
            for key in self.keys(command):
                shortcut = QShortcut(QKeySequence(key), self._owner)
                shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
                shortcut.activated.connect(command.act)
                self.shortcuts.append(shortcut)


def mark(button: QAbstractButton, title: str, key: str, tip: str, key_on_it: bool = True) -> None:
    """Name a button and tell its key; `Keymap.label` writes another one once the reader has changed it.

    Args:
        button: the button.
        title: what is written on it.
        key: as shipped, in Qt's notation.
        tip: what it does.
        key_on_it: whether the key stands on the button too, or in the tooltip alone.
    """
    for name, value in (("shippedKey", key), ("title", title), ("tip", tip), ("keyOnIt", key_on_it)):
        button.setProperty(name, value)
    _write(button, key_text(key), key_text(key))


def key_text(key: str) -> str:
    """A key as people read it."""
    *modifiers, last = [key] if key.endswith("+") else key.split("+")
    return "+".join((*modifiers, _SHOWN.get(last, last)))


def _write(button: QAbstractButton, key: str, keys: str) -> None:
    title = button.property("title")
    button.setText(f"{title}  {key}" if key and button.property("keyOnIt") else title)
    button.setToolTip(f"{button.property('tip')}  ({keys})" if keys else button.property("tip"))


def _read(memory: QSettings) -> dict[str, tuple[str, ...]]:
    """The keys that were changed; none where what was kept cannot be read."""
    try:
        kept = json.loads(str(memory.value(_MEMORY, "{}")))
        return {str(name): tuple(str(key) for key in keys) for name, keys in kept.items()}
    except (ValueError, AttributeError, TypeError):
        return {}
