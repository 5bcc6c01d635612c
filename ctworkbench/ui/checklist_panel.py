"""A reporting checklist: its items with their state, what the study says, and what the authors write."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QSettings, Qt, Signal
from PySide6.QtGui import QColor, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QSplitter,
    QTableWidget,
    QTableWidgetItem,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from ctworkbench.core.methods.checklist import AuthorText, FilledChecklist, FilledItem, State
from ctworkbench.ui.bridge import Bridge

if TYPE_CHECKING:
    from ctworkbench.core.methods.writing import MethodsReport
    from ctworkbench.core.workbench import Workbench

ALL = "all"
_STATES = {
    State.FILLED: ("●", "#5fc18f"),
    State.PARTLY: ("◐", "#f2b84b"),
    State.TO_WRITE: ("○", "#ff9c7a"),
    State.NOT_APPLICABLE: ("–", "#a3adba"),
}
_FILTERS = ((ALL, "All items"), ("open", "Still to write"), *((str(state), str(state).capitalize()) for state in State))
_CHECKLIST, _FILTER, _PARTS = "methods_checklist", "methods_filter", "methods_parts"


class ChecklistPanel(QWidget):
    """Items on top, the chosen one below: the study's answer, the authors' text, saved with Ctrl+S or by leaving it."""

    saved = Signal(str, str)
    """Name of the checklist and number of the item that was kept in the study."""

    def __init__(
        self, workbench: "Workbench", bridge: Bridge, memory: QSettings, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._workbench = workbench
        self._bridge = bridge
        self._memory = memory
        self._report: MethodsReport | None = None
        self._shown: tuple[str, str] | None = None
        self._seen = AuthorText()
        self._filling = False
        self._unsaved: dict[tuple[str, str], AuthorText] = {}
        self.parts = QSplitter(Qt.Orientation.Vertical)
        self.parts.setChildrenCollapsible(False)
        self.parts.addWidget(self._build_items())
        self.parts.addWidget(self._build_item())
        self.parts.setSizes([290, 320])
        state = memory.value(_PARTS)
        if state is not None:
            self.parts.restoreState(state)  # pyright: ignore[reportArgumentType] - what QSettings was given
        self.parts.splitterMoved.connect(lambda *_: memory.setValue(_PARTS, self.parts.saveState()))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.parts)
        for keys, act in (("Ctrl+S", self.save), ("Alt+Down", self.next_open)):
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(act)

    # -- building --------------------------------------------------------------------------------------------------

    def _build_items(self) -> QWidget:
        self.chooser = QComboBox()
        self.chooser.setObjectName("checklist")
        self.chooser.setAccessibleName("Checklist")
        self.chooser.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.filter = QComboBox()
        self.filter.setObjectName("checklist_filter")
        self.filter.setAccessibleName("Items shown")
        for name, title in _FILTERS:
            self.filter.addItem(title, name)
        self.filter.setCurrentIndex(max(0, self.filter.findData(str(self._memory.value(_FILTER, ALL)))))
        self.filter.currentIndexChanged.connect(self._refilter)
        self.counts = QLabel()
        self.counts.setObjectName("checklist_counts")
        self.counts.setProperty("role", "muted")
        self.table = QTableWidget(0, 3)
        self.table.setObjectName("checklist_items")
        self.table.setAccessibleName("Items of the checklist")
        self.table.setHorizontalHeaderLabels(["No.", "Item", "State"])
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setShowGrid(False)
        self.table.setTabKeyNavigation(False)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(24)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        self.table.setColumnWidth(0, 44)
        self.table.setColumnWidth(2, 122)
        self.table.itemSelectionChanged.connect(self._choose)
        self.table.itemActivated.connect(lambda _: self.text.setFocus())
        head = QHBoxLayout()
        head.addWidget(self.chooser)
        head.addWidget(self.filter)
        head.addWidget(self.counts, 1)
        box = QWidget()
        layout = QVBoxLayout(box)
        layout.setContentsMargins(0, 0, 0, 4)
        layout.setSpacing(6)
        layout.addLayout(head)
        layout.addWidget(self.table, 1)
        return box

    def _build_item(self) -> QWidget:
        self.title = QLabel()
        self.title.setObjectName("item_title")
        self.title.setProperty("role", "heading")
        self.title.setWordWrap(True)
        self.answer = QTextBrowser()
        self.answer.setObjectName("item_answer")
        self.answer.setAccessibleName("What the study says")
        self.text = QPlainTextEdit()
        self.text.setObjectName("item_text")
        self.text.setAccessibleName("Text of the authors")
        self.text.setTabChangesFocus(True)
        self.text.textChanged.connect(self._edited)
        self.not_applicable = QCheckBox("Does not apply")
        self.not_applicable.setObjectName("item_not_applicable")
        self.not_applicable.setToolTip("Write above why it does not apply")
        self.not_applicable.toggled.connect(self._edited)
        self.status = QLabel()
        self.status.setObjectName("item_status")
        self.status.setProperty("role", "muted")
        self.next = QPushButton("Next to write")
        self.next.setObjectName("item_next")
        self.next.setToolTip("The next item that still wants text (Alt+Down)")
        self.next.clicked.connect(self.next_open)
        self.keep = QPushButton("Save text")
        self.keep.setObjectName("item_save")
        self.keep.setProperty("role", "primary")
        self.keep.setToolTip("Keep the text in the study (Ctrl+S); it is saved too when another item is chosen")
        self.keep.clicked.connect(self.save)
        buttons = QHBoxLayout()
        buttons.addWidget(self.not_applicable)
        buttons.addWidget(self.status, 1)
        buttons.addWidget(self.next)
        buttons.addWidget(self.keep)
        texts = QSplitter(Qt.Orientation.Horizontal)
        texts.setChildrenCollapsible(False)
        for caption, widget in (("From the study, as it is now", self.answer), ("By the authors", self.text)):
            half = QWidget()
            column = QVBoxLayout(half)
            column.setContentsMargins(0, 0, 0, 0)
            column.setSpacing(3)
            label = QLabel(caption)
            label.setProperty("role", "muted")
            column.addWidget(label)
            column.addWidget(widget, 1)
            texts.addWidget(half)
        texts.setSizes([400, 300])
        box = QWidget()
        layout = QVBoxLayout(box)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self.title)
        layout.addWidget(texts, 1)
        layout.addLayout(buttons)
        return box

    # -- what is shown ---------------------------------------------------------------------------------------------

    def show_report(self, report: "MethodsReport") -> None:
        """Show the checklists as the study fills them now; a text that is being written stays."""
        first = self._report is None
        self._report = report
        if first:
            wanted = str(self._memory.value(_CHECKLIST, report.checklists[0].checklist.name))
            for filled in report.checklists:
                self.chooser.addItem(filled.checklist.title, filled.checklist.name)
                head = filled.checklist
                words = f"{head.long_title}\n{head.citation}\n{head.reading}"
                self.chooser.setItemData(self.chooser.count() - 1, words, Qt.ItemDataRole.ToolTipRole)
            self.chooser.setCurrentIndex(max(0, self.chooser.findData(wanted)))
            self.chooser.currentIndexChanged.connect(self._switch)
        self._list()

    @property
    def filled(self) -> FilledChecklist | None:
        """The checklist that is shown, None before the study was read."""
        return None if self._report is None else self._report.checklist(self.chooser.currentData())

    @property
    def modified(self) -> bool:
        """Whether the text differs from what the study keeps."""
        return self._shown is not None and self._typed() != self._seen

    def choose(self, number: str) -> None:
        """Select an item."""
        for row in range(self.table.rowCount()):
            if self._number(row) == number:
                self.table.selectRow(row)

    def _number(self, row: int) -> str:
        """Number of the item in a row; "" where there is none."""
        cell = self.table.item(row, 0)
        return "" if cell is None else cell.text()

    def next_open(self) -> None:
        """Select the next item that still wants text, from the top again after the last."""
        filled = self.filled
        if filled is None:
            return
        rows = range(self.table.rowCount())
        start = self.table.currentRow()
        by_number = {item.item.number: item for item in filled.items}
        for step in rows:
            row = (start + 1 + step) % len(rows)
            if by_number[self._number(row)].needs:
                self.table.selectRow(row)
                self.text.setFocus()
                return

    def _switch(self) -> None:
        self.save()
        self._memory.setValue(_CHECKLIST, self.chooser.currentData())
        self._shown = None
        self._list()

    def _refilter(self) -> None:
        self._memory.setValue(_FILTER, self.filter.currentData())
        self._list()

    def _list(self) -> None:
        """Bring the table up to the report; the chosen item stays chosen where it is still shown."""
        filled = self.filled
        if filled is None:
            return
        head = filled.checklist
        self.chooser.setToolTip(f"{head.long_title}\n{head.citation}\n{head.reading}")
        self.counts.setText("  ·  ".join(f"{number} {state}" for state, number in filled.counts.items() if number))
        wanted = self.filter.currentData()
        items = [item for item in filled.items if wanted == ALL or str(item.state) == wanted or self._is_open(item)]
        chosen = self._shown[1] if self._shown else ""
        self._filling = True
        self.table.setRowCount(len(items))
        selected = 0
        for row, item in enumerate(items):
            sign, color = _STATES[item.state]
            cells = (item.item.number, item.item.text, f"{sign} {item.state}")
            for column, text in enumerate(cells):
                cell = QTableWidgetItem(text)
                cell.setToolTip(f"{item.item.section}\n{item.item.text}\n{item.needs or item.state}")
                if column == 2:
                    cell.setForeground(QColor(color))
                self.table.setItem(row, column, cell)
            if item.item.number == chosen:
                selected = row
        self.table.clearSelection()
        if items:
            self.table.selectRow(selected)
        self._filling = False
        self._choose()

    def _is_open(self, item: FilledItem) -> bool:
        """Whether the filter "still to write" shows an item; one that is being written stays in sight."""
        if self.filter.currentData() != "open":
            return False
        here = self._shown == (self.chooser.currentData(), item.item.number)
        return bool(item.needs) or (here and self.modified)

    def _choose(self) -> None:
        if self._filling or self.filled is None:
            return
        number = self._number(self.table.currentRow()) if self.table.selectedItems() else ""
        item = next((item for item in self.filled.items if item.item.number == number), None)
        for widget in (self.text, self.not_applicable, self.answer):
            widget.setEnabled(item is not None)
        if item is None:
            self.save()
            self._shown = None
            self.title.setText("No item is in this state.")
            self.answer.clear()
            self._put(AuthorText())
            return
        place = (self.filled.checklist.name, item.item.number)
        if place != self._shown:
            self.save()
            self._shown = place
            self._put(item.written)
            if place in self._unsaved:
                self._retype(self._unsaved.pop(place))
        elif item.written == self._typed() or not self.modified:
            self._put(item.written)
        elif item.written != self._seen:  # somebody else wrote it while it is being written here
            self._seen = item.written
            self._tell_state(f"Meanwhile somebody wrote: “{item.written.text}”")
        self.title.setText(f"{item.item.number}  {item.item.text}")
        self.title.setToolTip(item.item.section)
        self.answer.setPlainText(item.answer or "Nothing: the study does not hold what this item asks for.")
        self.text.setPlaceholderText(item.needs or item.item.needs or "The study says it all; add to it if you like.")

    def _put(self, written: AuthorText) -> None:
        self._filling = True
        self._seen = written
        if self.text.toPlainText() != written.text:
            self.text.setPlainText(written.text)
        self.not_applicable.setChecked(not written.applies)
        self._filling = False
        self._edited()

    def _retype(self, typed: AuthorText) -> None:
        """Put a text back that could not be saved; it is still to be kept."""
        self.text.setPlainText(typed.text)
        self.not_applicable.setChecked(not typed.applies)

    # -- keeping ---------------------------------------------------------------------------------------------------

    def save(self) -> None:
        """Keep the text in the study, aside; one that cannot be kept comes back when its item is shown again."""
        if not self.modified or self._shown is None:
            return
        (name, number), typed, seen = self._shown, self._typed(), self._seen
        place = self._shown

        def kept(_: object) -> None:
            if self._shown == place:
                self._seen = typed
                self._edited()
            self.saved.emit(name, number)

        def failed(error: Exception) -> None:
            if self._shown == place:
                self._tell_state("not saved")
            else:
                self._unsaved[place] = typed
            self._bridge.report(error)

        self._tell_state("saving…")
        methods = self._workbench.methods
        self._bridge.run(lambda: methods.write(name, number, typed.text, typed.applies, seen), kept, failed)

    def settle(self) -> None:
        """Keep what was typed, at once: the study is about to be exported or closed."""
        if not self.modified or self._shown is None:
            return
        name, number = self._shown
        typed = self._typed()
        try:
            self._workbench.methods.write(name, number, typed.text, typed.applies, self._seen)
        except Exception as error:  # noqa: BLE001 - whatever stands in the way, the user must learn that it is not kept
            self._bridge.report(error)
            return
        self._seen = typed

    def _typed(self) -> AuthorText:
        return AuthorText(self.text.toPlainText().strip(), not self.not_applicable.isChecked())

    def _edited(self) -> None:
        if self._filling:
            return
        self.keep.setEnabled(self.modified)
        written = self._seen != AuthorText()
        self._tell_state("not saved yet" if self.modified else "kept in the study" if written else "")

    def _tell_state(self, text: str) -> None:
        self.status.setText(text)
        self.status.setToolTip(text)
