"""The dialog in which a reader gives commands other keys."""

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QColor, QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QMessageBox,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from ctworkbench.ui.commands import Command
from ctworkbench.ui.keymap import Keymap, key_text

_COMMAND = Qt.ItemDataRole.UserRole
_BARE = (Qt.Key.Key_Shift, Qt.Key.Key_Control, Qt.Key.Key_Alt, Qt.Key.Key_Meta, Qt.Key.Key_AltGr, Qt.Key.Key_unknown)
_FIXED = ("Esc",)
"""Keys that always lead out and cannot be given away."""
_WINDOW = tuple(f"Ctrl+{number}" for number in range(1, 6))
"""The window's own: they change the place."""


class KeysDialog(QDialog):
    """All commands with their keys; a new key is recorded by pressing it."""

    def __init__(self, keymap: Keymap, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keys of the review room")
        self.resize(560, 600)
        self._keymap = keymap
        self._recording: Command | None = None
        self.search = QLineEdit()
        self.search.setPlaceholderText("Find a command or a key")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._filter)
        self.tree = QTreeWidget()
        self.tree.setHeaderLabels(["Command", "Keys"])
        self.tree.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.tree.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.tree.header().setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        self.tree.header().setStretchLastSection(False)
        self.tree.itemDoubleClicked.connect(lambda *_: self.record())
        self.tree.currentItemChanged.connect(lambda *_: self._stop())
        self._items: dict[str, QTreeWidgetItem] = {}
        groups: dict[str, QTreeWidgetItem] = {}
        for command in keymap.commands:
            group = groups.get(command.group)
            if group is None:
                group = groups[command.group] = QTreeWidgetItem([command.group])
                group.setFlags(Qt.ItemFlag.ItemIsEnabled)
                self.tree.addTopLevelItem(group)
            item = QTreeWidgetItem(group, [keymap.title(command), ""])
            item.setData(0, _COMMAND, command)
            self._items[command.id] = item
        self.tree.expandAll()
        self.told = QLabel()
        self.told.setWordWrap(True)
        self.told.setMinimumHeight(36)
        self.change = QPushButton("New key…")
        self.change.setToolTip("Then press the key (or double-click the command)")
        self.change.clicked.connect(self.record)
        self.add = QPushButton("One more key…")
        self.add.setToolTip("A second key for the same command")
        self.add.clicked.connect(lambda: self.record(more=True))
        self.reset = QPushButton("As shipped")
        self.reset.clicked.connect(self._reset)
        self.reset_all = QPushButton("All as shipped")
        self.reset_all.clicked.connect(self._reset_all)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        row = QHBoxLayout()
        for button in (self.change, self.add, self.reset, self.reset_all):
            button.setAutoDefault(False)
            row.addWidget(button)
        row.addStretch(1)
        layout = QVBoxLayout(self)
        for widget in (self.search, self.tree, self.told):
            layout.addWidget(widget)
        layout.addLayout(row)
        layout.addWidget(buttons)
        self._more = False
        keymap.changed.connect(self._fill)
        self._fill()
        self._say()

    def select(self, command: Command) -> None:
        """Make a command the current one."""
        self.tree.setCurrentItem(self._items[command.id])

    def record(self, more: bool = False) -> None:
        """Wait for the key that the current command is to have."""
        command = self._current()
        if command is None:
            self._say("Choose a command first.")
            return
        self._recording, self._more = command, bool(more)
        self._say(f"Press the key for “{self._keymap.title(command)}”. Esc leaves it as it is.")
        self.installEventFilter(self)
        self.setFocus()
        self.grabKeyboard()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take the key that is pressed while one is recorded, the dialog's own included."""
        if self._recording is not None and event.type() in (QEvent.Type.KeyPress, QEvent.Type.ShortcutOverride):
            event.accept()
            if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
                self._pressed(event)
            return True
        return super().eventFilter(watched, event)

    def done(self, result: int) -> None:
        """Stop recording before the dialog goes."""
        self._stop()
        super().done(result)

    def _pressed(self, event: QKeyEvent) -> None:
        if event.key() in _BARE:
            return
        command = self._recording
        key = QKeySequence(event.keyCombination()).toString(QKeySequence.SequenceFormat.PortableText)
        self._stop()
        if command is None or key == "Esc":
            return
        if key in _FIXED or key in _WINDOW or not key:
            self._say(f"{key_text(key) or 'This key'} belongs to the window and cannot be given to a command.")
            return
        title = self._keymap.title(command)
        other = self._keymap.owner_of(key, besides=command)
        if other is not None:
            text = f"{key_text(key)} is the key of “{self._keymap.title(other)}”."
            question = f"{text} Give it to “{title}” instead?"
            if QMessageBox.question(self, "The key is taken", question) != QMessageBox.StandardButton.Yes:
                self._say(f"{text} Nothing was changed.")
                return
        keys = self._keymap.keys(command) if self._more else ()
        self._keymap.set_keys(command, tuple(dict.fromkeys((*keys, key))))
        without = other is not None and not self._keymap.keys(other)
        rest = f" “{self._keymap.title(other)}” has no key now." if without and other is not None else ""
        self._say(f"{key_text(key)} is now the key of “{title}”.{rest}")

    def _stop(self) -> None:
        if self._recording is not None:
            self._recording = None
            self.removeEventFilter(self)
            self.releaseKeyboard()
            self._say()

    def _reset(self) -> None:
        command = self._current()
        if command is not None:
            self._keymap.reset(command)
            self._say(f"“{self._keymap.title(command)}” has its own key again.")

    def _reset_all(self) -> None:
        self._stop()
        self._keymap.reset_all()
        self._say("All keys are as shipped.")

    def _current(self) -> Command | None:
        item = self.tree.currentItem()
        return None if item is None else item.data(0, _COMMAND)

    def _fill(self) -> None:
        for command in self._keymap.commands:
            item = self._items[command.id]
            keys = self._keymap.keys(command)
            item.setText(1, "   ".join(map(key_text, keys)) or "none")
            changed = self._keymap.is_changed(command)
            item.setForeground(1, QColor("#ffd166" if changed else "#c6ced8"))
            shipped = "  or  ".join(map(key_text, command.keys))
            item.setToolTip(1, f"As shipped: {shipped}" if changed else "As shipped")

    def _filter(self, text: str) -> None:
        words = text.lower().split()
        for command in self._keymap.commands:
            item = self._items[command.id]
            said = f"{command.group} {item.text(0)} {item.text(1)}".lower()
            item.setHidden(not all(word in said for word in words))

    def _say(self, text: str = "") -> None:
        self.told.setText(text or "Double-click a command, then press its new key. Changed keys are yellow.")
