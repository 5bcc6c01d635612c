"""Choosing what to import, and reading what was refused."""

import csv
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSettings, Qt
from PySide6.QtGui import QGuiApplication, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from ctworkbench.core.cohort_table import doubtful_ages, read_cohort
from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.files import guarded

if TYPE_CHECKING:
    from ctworkbench.core.workbench.rows import RefusalRow

_CSV_HELP = (
    "<b>Cohort table</b> (optional): a CSV with a heading and one row a scan. Columns: <code>subject</code>, "
    "<code>sex</code> (M, F or U), <code>age_years</code> (or <code>birth_date</code> and <code>study_date</code>); if "
    "wanted <code>site</code>, <code>scanner</code>, <code>series_uid</code>, <code>file</code>. It tells what "
    "the files leave out; NIfTI files carry neither sex nor age."
)


class ImportDialog(QDialog):
    """Folders and files to import, with or without a cohort table."""

    def __init__(self, memory: QSettings, parent: QWidget | None = None, paths: list[Path] | None = None) -> None:
        super().__init__(parent)
        self._memory = memory
        self.setWindowTitle("Import scans")
        self.resize(720, 470)
        self.list = QListWidget()
        self.list.setObjectName("import_paths")
        self.list.setAccessibleName("Folders and files to import")
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.csv = QLineEdit()
        self.csv.setObjectName("import_csv")
        self.csv.setAccessibleName("Cohort table")
        self.csv.setPlaceholderText("no cohort table")
        self.csv.setClearButtonEnabled(True)

        title = QLabel("Which scans?")
        title.setProperty("role", "title")
        what = QLabel(
            "DICOM folders are searched to the bottom; every head CT series in them becomes a scan. NIfTI files (.nii, "
            ".nii.gz) are taken as they are. Nothing is changed in your folders, and names of patients are not kept."
        )
        what.setWordWrap(True)
        what.setProperty("role", "muted")
        buttons = QHBoxLayout()
        for text, name, slot in (
            ("Add folder…", "add_folder", self._add_folder),
            ("Add files…", "add_files", self._add_files),
            ("Remove", "remove_paths", self._remove),
        ):
            button = QPushButton(text)
            button.setObjectName(name)
            button.clicked.connect(slot)
            buttons.addWidget(button)
        buttons.addStretch()
        help_text = QLabel(_CSV_HELP)
        help_text.setWordWrap(True)
        self.doubt = QLabel()
        self.doubt.setObjectName("import_doubt")
        self.doubt.setWordWrap(True)
        self.doubt.setProperty("role", "warning")
        self.doubt.hide()
        self.csv.textChanged.connect(self._look_at_table)
        choose = QPushButton("Choose…")
        choose.setObjectName("choose_csv")
        choose.clicked.connect(self._choose_csv)
        row = QHBoxLayout()
        row.addWidget(self.csv, 1)
        row.addWidget(choose)
        self._box = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self._box.button(QDialogButtonBox.StandardButton.Ok).setText("Import")
        self._box.accepted.connect(self.accept)
        self._box.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setSpacing(10)
        for item in (title, what):
            layout.addWidget(item)
        layout.addWidget(self.list, 1)
        layout.addLayout(buttons)
        layout.addWidget(help_text)
        layout.addLayout(row)
        layout.addWidget(self.doubt)
        layout.addWidget(self._box)
        QShortcut(QKeySequence.StandardKey.Delete, self.list, self._remove, context=Qt.ShortcutContext.WidgetShortcut)
        self.add(paths or [])

    @property
    def paths(self) -> list[Path]:
        """What was chosen, in order."""
        return [Path(self.list.item(row).text()) for row in range(self.list.count())]

    @property
    def cohort_csv(self) -> Path | None:
        """The cohort table, if one was chosen."""
        text = self.csv.text().strip()
        return Path(text) if text else None

    def add(self, paths: list[Path]) -> None:
        """Add paths; a CSV among them is taken as the cohort table, one chosen twice is kept once."""
        known = set(self.paths)
        for path in paths:
            if path.suffix.lower() == ".csv":
                self.csv.setText(str(path))
            elif path not in known:
                known.add(path)
                self.list.addItem(str(path))
        self._box.button(QDialogButtonBox.StandardButton.Ok).setEnabled(self.list.count() > 0)

    def _look_at_table(self) -> None:
        """Say before the import what is wrong with the table, or doubtful in its ages."""
        path, said = self.cohort_csv, ""
        if path is not None and path.is_file():
            try:
                said = doubtful_ages(read_cohort(path))
            except WorkbenchError as error:
                said = f"{error.message} {error.remedy}"
        self.doubt.setText(said)
        self.doubt.setVisible(bool(said))

    def _remember(self, path: Path) -> None:
        self._memory.setValue("import_folder", str(path))

    def _start_folder(self) -> str:
        return str(self._memory.value("import_folder", str(Path.home())))

    def _add_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Folder with scans", self._start_folder())
        if chosen:
            self._remember(Path(chosen))
            self.add([Path(chosen)])

    def _add_files(self) -> None:
        kinds = "Scans (*.nii *.nii.gz *.dcm *.DCM);;All files (*)"
        chosen, _ = QFileDialog.getOpenFileNames(self, "Scans", self._start_folder(), kinds)
        if chosen:
            self._remember(Path(chosen[0]).parent)
            self.add([Path(name) for name in chosen])

    def _choose_csv(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(
            self, "Cohort table", self._start_folder(), "CSV (*.csv);;All files (*)"
        )
        if chosen:
            self.csv.setText(chosen)

    def _remove(self) -> None:
        for item in self.list.selectedItems():
            self.list.takeItem(self.list.row(item))
        self.add([])


def _counted(refusals: "list[RefusalRow]") -> str:
    """What was refused and what was skipped, in the words of the link that leads here."""
    skipped = sum(row.skipped for row in refusals)
    told = ((len(refusals) - skipped, "refused"), (skipped, "skipped beside what was taken"))
    return ", ".join(f"{number} {word}" for number, word in told if number) or "Nothing was refused."


class RefusalsDialog(QDialog):
    """What was not imported, why, and what to do; can be copied and saved."""

    TITLES = ("What", "Why it was not taken", "What to do")

    def __init__(self, refusals: "list[RefusalRow]", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Not imported")
        self.resize(980, 430)
        self._refusals = refusals
        self.table = QTableWidget(len(refusals), 3)
        self.table.setObjectName("refusals")
        self.table.setAccessibleName("Refused series")
        self.table.setHorizontalHeaderLabels(list(self.TITLES))
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.verticalHeader().hide()
        self.table.setWordWrap(True)
        self.table.setAlternatingRowColors(True)
        for row, refusal in enumerate(refusals):
            for column, text in enumerate((refusal.source, refusal.reason, refusal.remedy)):
                item = QTableWidgetItem(text)
                item.setToolTip(text)
                self.table.setItem(row, column, item)
        for column, width in enumerate((280, 350, 310)):
            self.table.setColumnWidth(column, width)
        self.table.horizontalHeader().setStretchLastSection(True)
        self.table.resizeRowsToContents()
        title = QLabel(_counted(refusals))
        title.setProperty("role", "title")
        box = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        box.rejected.connect(self.reject)
        for text, name, slot in (("Copy", "copy_refusals", self.copy), ("Save as CSV…", "save_refusals", self._save)):
            button = box.addButton(text, QDialogButtonBox.ButtonRole.ActionRole)
            button.setObjectName(name)
            button.clicked.connect(slot)
        layout = QVBoxLayout(self)
        layout.addWidget(title)
        layout.addWidget(self.table, 1)
        layout.addWidget(box)
        QShortcut(QKeySequence.StandardKey.Copy, self.table, self.copy, context=Qt.ShortcutContext.WidgetShortcut)

    def copy(self) -> None:
        """Put the selected rows, or all, on the clipboard, columns parted by tabs."""
        rows = sorted({index.row() for index in self.table.selectedIndexes()}) or range(len(self._refusals))
        lines = ["\t".join(self.TITLES)]
        for row in rows:
            refusal = self._refusals[row]
            lines.append("\t".join((refusal.source, refusal.reason, refusal.remedy)))
        QGuiApplication.clipboard().setText("\n".join(lines))

    def _save(self) -> None:
        chosen, _ = QFileDialog.getSaveFileName(self, "Save refusals", "refused.csv", "CSV (*.csv)")
        if chosen:
            self.save(Path(chosen))

    def save(self, path: Path) -> None:
        """Write all rows as CSV."""
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(self.TITLES)
            writer.writerows(guarded((row.source, row.reason, row.remedy)) for row in self._refusals)
