"""The cohort's tables: choose what they are made of and which one is shown; sort it, copy it, export all of them."""

from collections.abc import Sequence
from functools import partial
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSettings, Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QPushButton,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from ctworkbench.core.analysis.sheet import TableSheet
from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.wording import SOURCE_TITLES, count
from ctworkbench.ui.bridge import Bridge, OpenScan
from ctworkbench.ui.further_tables import FURTHER, LeastChildren
from ctworkbench.ui.sample_size import SampleSizeDialog
from ctworkbench.ui.sheet_notes import as_html, notes_html
from ctworkbench.ui.sheet_view import SheetView
from ctworkbench.ui.table_export import ExportDialog
from ctworkbench.ui.table_group import ARTICLE, Choice, TableGroup
from ctworkbench.ui.table_splitter import TableSplitter

if TYPE_CHECKING:
    from ctworkbench.core.workbench import Changes, Workbench

GROUPS: tuple[TableGroup, ...] = (ARTICLE, FURTHER)
"""All groups of tables that the page lists."""

_TABLE, _SOURCE, _REPEATS, _VOLUMES = "tables_table", "tables_source", "tables_repeats", "tables_volumes"


class TablesPage(QWidget):
    """Choices and the list of tables on the left; the table with its caption, notes and what it left out."""

    export_told = Signal(str)
    """What an export is at; emitted from the thread that writes."""

    def __init__(
        self,
        workbench: "Workbench",
        bridge: Bridge,
        open_scan: OpenScan,
        memory: QSettings,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._workbench, self._bridge, self._memory = workbench, bridge, memory
        self._sheets: dict[tuple[str, Choice], dict[str, TableSheet]] = {}
        self._wanted_source = str(memory.value(_SOURCE, "current"))
        self._exporting = False
        self.splitter = TableSplitter(self._build_table(), self._build_notes(), self._wanted_height)
        columns = QHBoxLayout()
        columns.setSpacing(10)
        columns.addWidget(self._build_choices())
        columns.addWidget(self.splitter, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 12, 14, 8)
        layout.setSpacing(8)
        layout.addLayout(self._build_head())
        layout.addLayout(columns, 1)
        self.export_told.connect(self._tell_export)
        bridge.changed.connect(self._on_changed)
        shortcut = QShortcut(QKeySequence("Ctrl+E"), self)
        shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        shortcut.activated.connect(self.ask_export)

    # -- building --------------------------------------------------------------------------------------------------

    def _build_head(self) -> QHBoxLayout:
        title = QLabel("Tables")
        title.setProperty("role", "title")
        self.summary = QLabel()
        self.summary.setObjectName("tables_summary")
        self.summary.setProperty("role", "muted")
        self.progress = QProgressBar()
        self.progress.setObjectName("tables_progress")
        self.progress.setRange(0, 0)
        self.progress.setFixedWidth(120)
        self.progress.setTextVisible(False)
        self.progress.hide()
        self.progress_text = QLabel()
        self.progress_text.setProperty("role", "muted")
        self.copy_button = QPushButton("Copy table")
        self.copy_button.setObjectName("copy_table")
        self.copy_button.setToolTip("Copy this table, or the cells that are selected, with all digits (Ctrl+C)")
        self.copy_button.clicked.connect(self._copy)
        self.export_button = QPushButton("Export…")
        self.export_button.setObjectName("export_tables")
        self.export_button.setToolTip(
            "Write all tables as CSV, Word and LaTeX, and the figures as SVG and PDF (Ctrl+E)"
        )
        self.export_button.clicked.connect(self.ask_export)
        self.sample_size_button = QPushButton("Sample size…")
        self.sample_size_button.setObjectName("sample_size")
        self.sample_size_button.setToolTip("How many children a study needs, or what a number of children can show")
        self.sample_size_button.clicked.connect(self.ask_sample_size)
        head = QHBoxLayout()
        head.addWidget(title)
        head.addSpacing(10)
        head.addWidget(self.summary, 1)
        head.addWidget(self.progress_text)
        head.addWidget(self.progress)
        head.addWidget(self.sample_size_button)
        head.addWidget(self.copy_button)
        head.addWidget(self.export_button)
        return head

    def _build_choices(self) -> QWidget:
        choices = QWidget()
        choices.setFixedWidth(226)
        self.source = _combo("source", "Label maps", "Which label map of each scan is measured")
        self.source.addItem(SOURCE_TITLES["current"], "current")
        self.repeats = _combo(
            "repeats",
            "Scans of a child",
            "Tests take scans for independent; scans of one child are not. All: SE and p are too small",
        )
        self.repeats.addItem("First scan of each child", "first")
        self.repeats.addItem("All scans", "all")
        self.volumes = _combo(
            "volumes",
            "Volumes",
            "ComBat takes out what differs between scanners or sites, and may take out what differs between their "
            "children",
        )
        for text, by in (("As measured", ""), ("Harmonized by scanner", "scanner"), ("Harmonized by site", "site")):
            self.volumes.addItem(text, by)
        for combo, key in ((self.repeats, _REPEATS), (self.volumes, _VOLUMES)):
            combo.setCurrentIndex(max(0, combo.findData(self._memory.value(key, ""))))
            combo.currentIndexChanged.connect(partial(self._remember, key, combo))
        self.source.currentIndexChanged.connect(partial(self._remember, _SOURCE, self.source))
        self.least = LeastChildren(self._memory)
        self.least.setVisible(bool(self.volumes.currentData()))
        self.volumes.currentIndexChanged.connect(lambda _: self.least.setVisible(bool(self.volumes.currentData())))
        self.least.valueChanged.connect(lambda _: self._read())
        self.tables = QListWidget()
        self.tables.setObjectName("tables")
        self.tables.setAccessibleName("Table")
        self.tables.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        for group in GROUPS:
            heading = QListWidgetItem(group.title)
            heading.setFlags(Qt.ItemFlag.NoItemFlags)
            font = heading.font()
            font.setBold(True)
            heading.setFont(font)
            self.tables.addItem(heading)
            for name, title in group.tables:
                item = QListWidgetItem(f"   {title}")
                item.setToolTip(title)
                item.setData(Qt.ItemDataRole.UserRole, (group.title, name))
                self.tables.addItem(item)
        self.choose(str(self._memory.value(_TABLE, "table2_volumes_by_sex")))
        self.tables.currentItemChanged.connect(lambda *_: self._on_chosen())
        layout = QVBoxLayout(choices)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        for text, widget in (
            ("Label maps", self.source),
            ("Scans of a child", self.repeats),
            ("Volumes", self.volumes),
            ("Table", self.tables),
        ):
            label = QLabel(text)
            label.setProperty("role", "muted")
            label.setBuddy(widget)
            layout.addWidget(label)
            layout.addWidget(widget, 1 if widget is self.tables else 0)
            if widget is self.volumes:
                layout.addWidget(self.least)
        return choices

    def _build_table(self) -> QWidget:
        self.caption = QLabel()
        self.caption.setObjectName("table_caption")
        self.caption.setWordWrap(True)
        self.caption.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.empty = QLabel()
        self.empty.setObjectName("tables_empty")
        self.empty.setProperty("role", "warning")
        self.empty.setWordWrap(True)
        self.empty.hide()
        self.view = SheetView()
        self.view.setObjectName("sheet")
        body = QWidget()
        layout = QVBoxLayout(body)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self.caption)
        layout.addWidget(self.empty)
        layout.addWidget(self.view, 1)
        self._rest = QWidget()
        self._rest.hide()
        layout.addWidget(self._rest, 1)
        return body

    def _build_notes(self) -> QTextBrowser:
        self.notes = QTextBrowser()
        self.notes.setObjectName("table_notes")
        self.notes.setAccessibleName("Notes, what was left out, meaning of the columns")
        return self.notes

    # -- what is shown ---------------------------------------------------------------------------------------------

    @property
    def choice(self) -> Choice:
        """What the tables are made of."""
        from ctworkbench.core.analysis.harmonization import Harmonizing

        by = self.volumes.currentData()
        harmonize = Harmonizing(by, self.least.value()) if by else None
        return Choice(self.source.currentData() or "current", self.repeats.currentData(), harmonize)

    @property
    def table(self) -> tuple[TableGroup, str]:
        """Group and name of the table that is chosen."""
        group, name = self.tables.currentItem().data(Qt.ItemDataRole.UserRole)
        return next(entry for entry in GROUPS if entry.title == group), name

    def choose(self, name: str) -> None:
        """Turn to a table; the first one where there is none of that name."""
        items = [
            item for item in map(self.tables.item, range(self.tables.count())) if item.data(Qt.ItemDataRole.UserRole)
        ]
        named = [item for item in items if item.data(Qt.ItemDataRole.UserRole)[1] == name]
        self.tables.setCurrentItem((named or items)[0])

    def refresh(self) -> None:
        """Read what is chosen again."""
        self._sheets.clear()
        self._bridge.run(self._workbench.norms.sources, self._set_sources, key="table sources")

    def _set_sources(self, sources: list[str]) -> None:
        present = sources or ["current"]
        wanted = self._wanted_source if self._wanted_source in present else present[0]
        self.source.blockSignals(True)
        self.source.clear()
        for name in present:
            self.source.addItem(SOURCE_TITLES.get(name, name), name)
        self.source.setCurrentIndex(self.source.findData(wanted))
        self.source.blockSignals(False)
        self._read()

    def _read(self) -> None:
        group, name = self.table
        choice = self.choice
        known = self._sheets.get((group.title, choice))
        if known is not None:
            self._show(known[name])
            return
        workbench = self._workbench
        self._busy(f"{group.title}…")
        self._bridge.run(
            lambda: group.read(workbench, choice),
            lambda sheets: self._take(group, choice, sheets),
            self._fail,
            key="tables",
            message=f"{group.title}…",
        )

    def _take(self, group: TableGroup, choice: Choice, sheets: Sequence[TableSheet]) -> None:
        self._sheets[group.title, choice] = {sheet.name: sheet for sheet in sheets}
        if not self._exporting:
            self._busy("")
        chosen, name = self.table
        if (chosen, self.choice) == (group, choice):
            self._show(self._sheets[group.title, choice][name])

    def _fail(self, error: Exception) -> None:
        self._busy("")
        if not isinstance(error, WorkbenchError):
            self._bridge.report(error)
            return
        self.view.show_sheet(None)
        self.caption.clear()
        self.notes.clear()
        self.summary.clear()
        self.empty.setText(as_html(f"{error.message} {error.remedy}"))
        self.empty.show()
        self._set_filled(False)
        self._set_ready(False)

    def _show(self, sheet: TableSheet) -> None:
        title, _, rest = sheet.caption.partition(". ")
        self.caption.setText(f"<b>{escape(title)}.</b> {escape(rest)}")
        self.empty.setText("This table has no rows: see the notes below.")
        self.empty.setVisible(not sheet.rows)
        self._set_filled(True)
        self.view.show_sheet(sheet)
        self.notes.setHtml(notes_html(sheet))
        self.splitter.share()
        self.summary.setText(count(len(sheet.rows), "row"))
        self._set_ready(True)

    def _set_filled(self, filled: bool) -> None:
        """Without a table nothing stands but the reason."""
        self.view.setVisible(filled)
        self.notes.setVisible(filled)
        self._rest.setVisible(not filled)

    def _wanted_height(self) -> int:
        """What caption and table need to be seen whole; 0 without a table."""
        if not self.view.isVisibleTo(self):
            return 0
        empty = self.empty.height() + 6 if self.empty.isVisibleTo(self) else 0
        return self.caption.heightForWidth(max(self.view.width(), 1)) + empty + 6 + self.view.wanted_height

    def _set_ready(self, ready: bool) -> None:
        self.copy_button.setEnabled(ready)
        self.export_button.setEnabled(ready and not self._exporting)

    # -- acts ------------------------------------------------------------------------------------------------------

    def _on_chosen(self) -> None:
        self._memory.setValue(_TABLE, self.table[1])
        self._read()

    def _remember(self, key: str, combo: QComboBox, _index: int) -> None:
        self._memory.setValue(key, combo.currentData())
        if combo is self.source:
            self._wanted_source = combo.currentData()
        self._read()

    def _copy(self) -> None:
        self.view.copy()
        self._bridge.notify("The table is copied, with its headings and all digits.")

    def ask_sample_size(self) -> None:
        """Open the form of sample sizes; it needs no measured volume."""
        form = SampleSizeDialog(self._workbench, self._bridge, self._memory, self)
        form.finished.connect(form.deleteLater)
        form.open()

    def ask_export(self) -> None:
        """Ask for folder and formats, then write everything that the list names."""
        if not self.export_button.isEnabled():
            return
        dialog = ExportDialog(self._memory, self)
        if dialog.exec():
            self.export(*dialog.chosen)

    def export(self, folder: Path, formats: Sequence[str]) -> None:
        """Write all groups of tables and the figures, aside, telling what is being made."""
        workbench, choice = self._workbench, self.choice

        def write() -> list[str]:
            not_made: list[str] = []
            for group in GROUPS:
                not_made += group.write(workbench, choice, folder, formats, self.export_told.emit)
            return not_made

        self._exporting = True
        self._set_ready(True)
        self._busy("Export…")
        self._bridge.run(
            write, lambda not_made: self._exported(folder, not_made), self._failed_export, message="Export…"
        )

    def _exported(self, folder: Path, not_made: Sequence[str]) -> None:
        self._end_export()
        if not_made:
            self._bridge.notify(f"Written to {folder}, but not made: {' '.join(not_made)}", kind="warning")
        else:
            self._bridge.notify(f"Tables and figures are written to {folder}.")

    def _failed_export(self, error: Exception) -> None:
        self._end_export()
        self._bridge.report(error)

    def _end_export(self) -> None:
        self._exporting = False
        self._set_ready(True)
        self._busy("")

    def _tell_export(self, text: str) -> None:
        if self._exporting:
            self._busy(f"Export: {text}")

    def _busy(self, text: str) -> None:
        self.progress_text.setText(text)
        self.progress.setVisible(bool(text))

    def _on_changed(self, changes: "Changes") -> None:
        if changes.measurements or changes.reviews or changes.annotations or changes.scans:
            self._sheets.clear()
            if self.isVisible():
                self.refresh()


def _combo(name: str, spoken: str, tip: str) -> QComboBox:
    combo = QComboBox()
    combo.setObjectName(f"tables_{name}")
    combo.setAccessibleName(spoken)
    combo.setToolTip(tip)
    return combo
