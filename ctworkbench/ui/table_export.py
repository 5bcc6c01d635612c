"""The dialog that asks where tables are written, and as what."""

from pathlib import Path

from PySide6.QtCore import QSettings, QStandardPaths
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

FORMATS = (
    ("csv", "CSV", "For a spreadsheet or a program: numbers in full"),
    ("docx", "Word (DOCX)", "All tables in one document, captions above, notes below"),
    ("latex", "LaTeX", "A file for each table, with booktabs rules, to be taken in by a paper"),
    ("svg", "Figures as SVG", "Figures 1 to 3 as drawings for the web or an editor"),
    ("pdf", "Figures as PDF", "Figures 1 to 3 as drawings for print"),
)
_FOLDER, _KINDS = "tables_folder", "tables_formats"


class ExportDialog(QDialog):
    """Folder and formats, remembered; `chosen` is what was asked for."""

    def __init__(self, memory: QSettings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._memory = memory
        self.setWindowTitle("Export tables and figures")
        documents = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
        self.folder = QLineEdit(str(memory.value(_FOLDER, str(Path(documents or Path.home()) / "tables"))))
        self.folder.setObjectName("export_folder")
        self.folder.setAccessibleName("Folder")
        self.folder.setMinimumWidth(380)
        browse = QPushButton("Browse…")
        browse.setAutoDefault(False)  # Enter in the folder exports
        browse.clicked.connect(self._browse)
        place = QHBoxLayout()
        place.addWidget(self.folder, 1)
        place.addWidget(browse)
        remembered = str(memory.value(_KINDS, "csv docx latex svg pdf")).split()
        grid = QGridLayout()
        grid.setHorizontalSpacing(14)
        self.boxes: dict[str, QCheckBox] = {}
        for row, (kind, title, meaning) in enumerate(FORMATS):
            box = QCheckBox(title)
            box.setObjectName(f"format_{kind}")
            box.setChecked(kind in remembered)
            box.toggled.connect(self._check)
            explained = QLabel(meaning)
            explained.setProperty("role", "muted")
            self.boxes[kind] = box
            grid.addWidget(box, row, 0)
            grid.addWidget(explained, row, 1)
        self.buttons = QDialogButtonBox()
        self.buttons.addButton("Export", QDialogButtonBox.ButtonRole.AcceptRole).setDefault(True)
        cancel = self.buttons.addButton(QDialogButtonBox.StandardButton.Cancel)
        cancel.setIcon(QIcon())  # the words are enough
        cancel.setAutoDefault(False)
        self.buttons.accepted.connect(self._accept)
        self.buttons.rejected.connect(self.reject)
        self.folder.textChanged.connect(self._check)
        layout = QVBoxLayout(self)
        layout.setSpacing(10)
        layout.addWidget(QLabel("Folder; files of the same names in it are replaced:"))
        layout.addLayout(place)
        layout.addLayout(grid)
        layout.addWidget(QLabel("Notes and all numbers (notes.txt, statistics.json) are always written."))
        layout.addWidget(self.buttons)
        self._check()

    @property
    def chosen(self) -> tuple[Path, tuple[str, ...]]:
        """Folder and formats."""
        return Path(self.folder.text().strip()).expanduser(), tuple(
            k for k, box in self.boxes.items() if box.isChecked()
        )

    def _browse(self) -> None:
        found = QFileDialog.getExistingDirectory(self, "Folder for the tables", self.folder.text())
        if found:
            self.folder.setText(found)

    def _check(self) -> None:
        ready = bool(self.folder.text().strip()) and any(box.isChecked() for box in self.boxes.values())
        for button in self.buttons.buttons():
            if self.buttons.buttonRole(button) == QDialogButtonBox.ButtonRole.AcceptRole:
                button.setEnabled(ready)

    def _accept(self) -> None:
        folder, kinds = self.chosen
        self._memory.setValue(_FOLDER, str(folder))
        self._memory.setValue(_KINDS, " ".join(kinds))
        self.accept()
