"""The first page: a new study, an old one, or one of the last."""

from pathlib import Path

from PySide6.QtCore import QSettings, Qt, Signal
from PySide6.QtWidgets import (
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

_KEPT = 10


def recent_studies(memory: QSettings) -> list[Path]:
    """Studies opened before, newest first."""
    value = memory.value("recent_studies", [])
    names = [value] if isinstance(value, str) else list(value or [])  # type: ignore[call-overload]
    return [Path(str(name)) for name in names if name]


def remember_study(memory: QSettings, folder: Path) -> None:
    """Put a study at the head of the list."""
    folder = folder.resolve()
    others = [path for path in recent_studies(memory) if path != folder]
    memory.setValue("recent_studies", [str(path) for path in [folder, *others][:_KEPT]])


def forget_study(memory: QSettings, folder: Path) -> None:
    """Take a study off the list; its files are left alone."""
    memory.setValue("recent_studies", [str(path) for path in recent_studies(memory) if path != folder])


class StartPage(QWidget):
    """New study, open study, recent studies."""

    study_chosen = Signal(object)
    """Path of an existing study."""
    new_chosen = Signal(object)
    """Path of a folder to make a study in."""

    def __init__(self, memory: QSettings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._memory = memory
        title = QLabel("CT Workbench")
        title.setProperty("role", "big")
        about = QLabel("From routine head CTs to regional brain volumes that can be checked.")
        about.setProperty("role", "muted")
        research = QLabel("Research use only – not for diagnosis")
        research.setProperty("role", "research")
        new = QPushButton("New study…")
        new.setObjectName("new_study")
        new.setProperty("role", "big")
        new.setToolTip("A study is a folder: choose an empty one, or a name for a new one")
        new.clicked.connect(self.ask_new)
        open_ = QPushButton("Open study…")
        open_.setObjectName("open_study")
        open_.setStyleSheet("font-size: 16px; padding: 11px 28px;")
        open_.clicked.connect(self.ask_open)
        buttons = QHBoxLayout()
        buttons.setSpacing(12)
        buttons.addWidget(new, 1)
        buttons.addWidget(open_, 1)
        self.heading = QLabel("Recent studies")
        self.heading.setProperty("role", "heading")
        self.list = QListWidget()
        self.list.setObjectName("recent_studies")
        self.list.setAccessibleName("Recent studies")
        self.list.itemClicked.connect(self._choose)
        self.list.itemActivated.connect(self._choose)
        card = QFrame()
        card.setFixedWidth(620)
        layout = QVBoxLayout(card)
        layout.setSpacing(12)
        for widget in (title, about, research):
            layout.addWidget(widget)
        layout.addSpacing(14)
        layout.addLayout(buttons)
        layout.addSpacing(14)
        layout.addWidget(self.heading)
        layout.addWidget(self.list)
        outer = QVBoxLayout(self)
        outer.addStretch(1)
        outer.addWidget(card, 0, Qt.AlignmentFlag.AlignHCenter)
        outer.addStretch(2)
        self.refresh()

    def refresh(self) -> None:
        """Show the recent studies that are still there."""
        self.list.clear()
        for folder in recent_studies(self._memory):
            present = (folder / "study.toml").exists()
            item = QListWidgetItem(
                f"{folder.name}   –   {folder}" if present else f"{folder.name}   –   {folder} (not found)"
            )
            item.setData(Qt.ItemDataRole.UserRole, str(folder))
            if not present:
                item.setFlags(Qt.ItemFlag.NoItemFlags)
            self.list.addItem(item)
        self.heading.setVisible(self.list.count() > 0)
        self.list.setVisible(self.list.count() > 0)
        self.list.setFixedHeight(min(8, self.list.count()) * 29 + 12)

    def ask_new(self) -> None:
        """Ask for the folder of a new study."""
        start = str(self._memory.value("study_folder", str(Path.home())))
        chosen, _ = QFileDialog.getSaveFileName(
            self, "Name of the new study", str(Path(start) / "study"), "Study folder (*)"
        )
        if chosen:
            self._memory.setValue("study_folder", str(Path(chosen).parent))
            self.new_chosen.emit(Path(chosen))

    def ask_open(self) -> None:
        """Ask for the folder of a study."""
        start = str(self._memory.value("study_folder", str(Path.home())))
        chosen = QFileDialog.getExistingDirectory(self, "Folder of the study", start)
        if chosen:
            self._memory.setValue("study_folder", str(Path(chosen).parent))
            self.study_chosen.emit(Path(chosen))

    def _choose(self, item: QListWidgetItem) -> None:
        if item.flags() & Qt.ItemFlag.ItemIsEnabled:
            self.study_chosen.emit(Path(item.data(Qt.ItemDataRole.UserRole)))
