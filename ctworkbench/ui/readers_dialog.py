"""Several readers, for the coordinator: who they are, what they are to read, how far they agree."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from ctworkbench.core.analysis.sheet import Column, TableSheet
from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.model import ReaderRole
from ctworkbench.core.wording import count
from ctworkbench.ui.sheet_view import SheetView

if TYPE_CHECKING:
    from ctworkbench.core.workbench import Workbench
    from ctworkbench.core.workbench.agreeing import Agreement
    from ctworkbench.core.workbench.readers import AssignmentRow
    from ctworkbench.ui.bridge import Bridge

_ROLES = {
    ReaderRole.SECOND: "second reading",
    ReaderRole.FIRST: "first reading",
    ReaderRole.REPEAT: "the same once more",
    ReaderRole.ADJUDICATOR: "adjudication",
}


class ReadersDialog(QDialog):
    """Readers and their shares on one page, agreement on the other."""

    def __init__(self, workbench: "Workbench", bridge: "Bridge", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._workbench, self._bridge = workbench, bridge
        self.setWindowTitle("Readers")
        self.resize(860, 560)
        self.tabs = QTabWidget()
        self.tabs.addTab(self._build_readers(), "Readers")
        self.tabs.addTab(self._build_agreement(), "Agreement")
        close = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        close.rejected.connect(self.reject)
        close.button(QDialogButtonBox.StandardButton.Close).setAutoDefault(False)  # Enter adds a reader
        layout = QVBoxLayout(self)
        layout.addWidget(self.tabs, 1)
        layout.addWidget(close)
        self.tabs.currentChanged.connect(lambda place: self._read_agreement() if place == 1 else None)
        bridge.changed.connect(self._study_changed)
        self.refresh()

    # -- readers -------------------------------------------------------------------------------------------------------

    def _build_readers(self) -> QWidget:
        self.name = QLineEdit()
        self.name.setObjectName("reader_new")
        self.name.setPlaceholderText("Name of a reader")
        self.add = QPushButton("Add")
        self.add.setObjectName("reader_add")
        self.sheet = SheetView()
        self.reader = QComboBox()
        self.reader.setObjectName("assign_reader")
        self.reader.setMinimumWidth(140)
        self.role = QComboBox()
        self.role.setObjectName("assign_role")
        for role, title in _ROLES.items():
            self.role.addItem(title, role)
        self.share = QSpinBox()
        self.share.setObjectName("assign_share")
        self.share.setRange(1, 100)
        self.share.setValue(20)
        self.share.setSuffix(" % of the scans")
        self.share.setToolTip("Of those that can be given; which ones, is drawn at random")
        self.seed = QSpinBox()
        self.seed.setRange(0, 2**31 - 1)
        self.seed.setValue(1)
        self.seed.setPrefix("seed ")
        self.seed.setToolTip("The same seed draws the same scans")
        self.blinded = QCheckBox("blinded")
        self.blinded.setChecked(True)
        self.blinded.setToolTip(
            "The others' verdicts and corrections are kept from this reader until their own verdict"
        )
        self.give = QPushButton("Assign")
        self.give.setObjectName("assign")
        self.give.setProperty("role", "primary")
        self.withdraw = QPushButton("Take back what is not read")
        self.withdraw.setObjectName("withdraw")
        self.bound = QDoubleSpinBox()
        self.bound.setObjectName("dice_bound")
        self.bound.setRange(0.0, 1.0)
        self.bound.setSingleStep(0.01)
        self.bound.setValue(self._workbench.readers.dice_bound)
        self.bound.setToolTip("Verdicts that differ, or a mean Dice below this, make a scan “to adjudicate”")
        self.told = QLabel()
        self.told.setObjectName("readers_told")
        self.told.setWordWrap(True)
        for button in (self.add, self.give, self.withdraw):
            button.setAutoDefault(False)
        first = QHBoxLayout()
        first.addWidget(self.name, 1)
        first.addWidget(self.add)
        grid = QGridLayout()
        grid.setHorizontalSpacing(10)
        for column, (title, widget) in enumerate(
            (("Reader", self.reader), ("To do", self.role), ("Share", self.share), ("Draw", self.seed))
        ):
            heading = QLabel(title)
            heading.setProperty("role", "muted")
            grid.addWidget(heading, 0, column)
            grid.addWidget(widget, 1, column)
        grid.addWidget(self.blinded, 1, 4)
        grid.addWidget(self.give, 1, 5)
        grid.setColumnStretch(6, 1)
        last = QHBoxLayout()
        last.addWidget(QLabel("Readers agree from a mean Dice of"))
        last.addWidget(self.bound)
        last.addStretch(1)
        last.addWidget(self.withdraw)
        page = QWidget()
        layout = QVBoxLayout(page)
        layout.setSpacing(10)
        layout.addLayout(first)
        layout.addWidget(self.sheet, 1)
        layout.addLayout(grid)
        layout.addLayout(last)
        layout.addWidget(self.told)
        self.add.clicked.connect(self._add)
        self.name.returnPressed.connect(self._add)
        self.give.clicked.connect(self._assign)
        self.withdraw.clicked.connect(self._withdraw)
        self.bound.editingFinished.connect(self._set_bound)
        return page

    def _study_changed(self, _changes: object) -> None:
        self.refresh()

    def refresh(self) -> None:
        """Read who is to read what."""
        readers = self._workbench.readers
        self._bridge.run(lambda: (readers.names(), readers.assignments()), self._take, key="readers")

    def _take(self, answer: "tuple[list[str], list[AssignmentRow]]") -> None:
        names, rows = answer
        chosen = self.reader.currentText()
        self.reader.clear()
        self.reader.addItems(names)
        self.reader.setCurrentText(chosen if chosen in names else (names[0] if names else ""))
        self.sheet.show_sheet(_progress_sheet(names, rows))
        for widget in (self.give, self.withdraw, self.reader):
            widget.setEnabled(bool(names))
        disputed = sorted({row.subject for row in rows if row.disputed})
        open_ones = len({row.scan_id for row in rows if row.undecided})
        wait = f"Not yet compared: {count(open_ones, 'scan')}. " if open_ones else ""
        if disputed:
            some = ", ".join(disputed[:8]) + (" …" if len(disputed) > 8 else "")
            self.told.setText(f"{wait}To adjudicate: {count(len(disputed), 'scan')} ({some})")
        elif not names:
            self.told.setText("No readers yet. Add those who read this study; whoever reads signs in under that name.")
        else:
            self.told.setText(f"{wait}Nothing is to adjudicate{' so far' if wait else ''}.")

    def _add(self) -> None:
        if self.name.text().strip():
            self._do(partial(self._workbench.readers.add, self.name.text()), self._added)

    def _added(self, name: str) -> None:
        self.name.clear()
        self.told.setText(f"{name} was added.")

    def _assign(self) -> None:
        reader, role = self.reader.currentText(), ReaderRole(self.role.currentData())
        share, seed, blinded = self.share.value() / 100.0, self.seed.value(), self.blinded.isChecked()
        act = partial(self._workbench.readers.assign, reader, role, share, seed, None, blinded)
        self._do(act, lambda given: self._bridge.notify(f"{reader}: {count(len(given), 'scan')} to read."))

    def _withdraw(self) -> None:
        reader, role, readers = self.reader.currentText(), ReaderRole(self.role.currentData()), self._workbench.readers

        def act() -> int:
            own = [row.scan_id for row in readers.assignments() if row.reader == reader and row.role is role]
            return readers.withdraw(reader, own, role)

        self._do(act, lambda taken: self._bridge.notify(f"{reader}: {count(taken, 'scan')} taken back."))

    def _set_bound(self) -> None:
        readers, bound = self._workbench.readers, round(self.bound.value(), 2)
        if bound != round(readers.dice_bound, 2):
            self._do(partial(readers.set_dice_bound, bound), lambda _: None)

    def _do(self, act: Callable[[], Any], then: Callable[[Any], object]) -> None:
        self._bridge.run(act, then, self._refused)

    def _refused(self, error: Exception) -> None:
        if isinstance(error, WorkbenchError):
            self.told.setText(f"⚠ {error}")
        else:
            self._bridge.report(error)

    # -- agreement -----------------------------------------------------------------------------------------------------

    def _build_agreement(self) -> QWidget:
        self.which = QComboBox()
        self.which.setObjectName("agreement_table")
        self.which.setMinimumWidth(200)
        self.table = SheetView()
        self.export = QPushButton("Export tables and pictures…")
        self.export.setObjectName("agreement_export")
        self.export.setAutoDefault(False)
        self.export.setEnabled(False)
        self.note = QLabel()
        self.note.setObjectName("agreement_note")
        self.note.setWordWrap(True)
        self._sheets: Sequence[TableSheet] = ()
        self._out = ""
        page = QWidget()
        layout = QVBoxLayout(page)
        above = QHBoxLayout()
        above.addWidget(self.which)
        above.addStretch(1)
        above.addWidget(self.export)
        layout.addLayout(above)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.note)
        self.which.currentIndexChanged.connect(self._show_sheet)
        self.export.clicked.connect(self._export)
        return page

    def _read_agreement(self) -> None:
        self.note.setText("Comparing label maps…")

        read = self._workbench.readers.agreement
        self._bridge.run(
            read, self._take_agreement, self._not_compared, key="agreement", message="Comparing label maps…"
        )

    def _not_compared(self, error: Exception) -> None:
        self.note.setText(str(error))
        if not isinstance(error, WorkbenchError):
            self._bridge.report(error)

    def _take_agreement(self, found: "Agreement") -> None:
        self._sheets = found.sheets
        chosen = max(0, self.which.currentIndex())
        self.which.clear()
        self.which.addItems([sheet.title for sheet in found.sheets])
        self.which.setCurrentIndex(chosen)
        self.export.setEnabled(True)
        self._show_sheet()

    def _show_sheet(self) -> None:
        place = self.which.currentIndex()
        if 0 <= place < len(self._sheets):
            sheet = self._sheets[place]
            self.table.show_sheet(sheet)
            self.note.setText(" ".join((sheet.caption, *sheet.notes)))

    def _export(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Write the tables and pictures to")
        if chosen:
            write = partial(self._workbench.readers.write_agreement, Path(chosen))
            self._out = chosen
            self._bridge.run(write, self._written, message="Writing the agreement…")

    def _written(self, _found: "Agreement") -> None:
        self.note.setText(f"Written to {self._out}.")


def _progress_sheet(names: Sequence[str], rows: "Sequence[AssignmentRow]") -> TableSheet:
    """How much of what they were given each reader has read."""

    def cell(name: str, role: ReaderRole) -> str:
        own = [row for row in rows if row.reader == name and row.role is role]
        return f"{sum(row.done for row in own)} of {len(own)}" if own else "–"

    columns = (
        Column("reader", "Reader", "text"),
        *(Column(str(role), str(role).title(), "text") for role in ReaderRole),
    )
    cells = tuple((name, *(cell(name, role) for role in ReaderRole)) for name in names)
    return TableSheet("readers", "Readers", "What was read of what was given", columns, cells)
