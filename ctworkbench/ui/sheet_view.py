"""A sheet as a Qt table: sorted by the numbers themselves, copied with all their digits."""

from functools import partial

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QSortFilterProxyModel,
    Qt,
    Signal,
)
from PySide6.QtGui import QAction, QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QAbstractItemView, QHBoxLayout, QTableView, QVBoxLayout, QWidget

from ctworkbench.core.analysis.sheet import Cell, TableSheet

Index = QModelIndex | QPersistentModelIndex
_SORT = int(Qt.ItemDataRole.UserRole)
_WIDEST = 260
_ARROW = 14
_NOWHERE = QModelIndex()


class SheetModel(QAbstractTableModel):
    """The cells of one sheet; empty before one is shown."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.sheet: TableSheet | None = None
        self._texts: list[list[str]] = []

    def show_sheet(self, sheet: TableSheet | None) -> None:
        """Show another sheet, or none."""
        self.beginResetModel()
        self.sheet = sheet
        self._texts = [] if sheet is None else sheet.texts()
        self.endResetModel()

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        """Rows of the sheet."""
        return 0 if parent.isValid() else len(self._texts)

    def columnCount(self, parent: Index = _NOWHERE) -> int:
        """Columns of the sheet."""
        return 0 if parent.isValid() or self.sheet is None else len(self.sheet.columns)

    def data(self, index: Index, role: int = int(Qt.ItemDataRole.DisplayRole)) -> object:
        """A cell as people read it; its tooltip is the number, or the text that may be cut off, in full."""
        if self.sheet is None or not index.isValid():
            return None
        column, value = self.sheet.columns[index.column()], self.sheet.rows[index.row()][index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return self._texts[index.row()][index.column()]
        if role == Qt.ItemDataRole.ToolTipRole and value is not None:
            return repr(value) if isinstance(value, float) else self._texts[index.row()][index.column()]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignLeft if column.kind == "text" else Qt.AlignmentFlag.AlignRight
            return side | Qt.AlignmentFlag.AlignVCenter
        if role == _SORT:
            return value
        return None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = int(Qt.ItemDataRole.DisplayRole)
    ) -> object:
        """Headings with their meaning as tooltip; rows are numbered by nobody."""
        if self.sheet is None or orientation != Qt.Orientation.Horizontal:
            return None
        column = self.sheet.columns[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.title
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{column.title}: {column.meaning}" if column.meaning else column.title
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignLeft if column.kind == "text" else Qt.AlignmentFlag.AlignRight
            return side | Qt.AlignmentFlag.AlignVCenter
        return None


class _ByValue(QSortFilterProxyModel):
    """Sorts numbers as numbers; what has no value comes last, whichever way the others go."""

    def lessThan(self, source_left: Index, source_right: Index) -> bool:
        left, right = (self.sourceModel().data(index, _SORT) for index in (source_left, source_right))
        if left is None or right is None:
            missing_last = self.sortOrder() == Qt.SortOrder.AscendingOrder
            return (right is None and left is not None) if missing_last else (left is None and right is not None)
        if isinstance(left, str) or isinstance(right, str):
            return str(left) < str(right)
        return float(left) < float(right)  # pyright: ignore[reportArgumentType]


class _Part(QTableView):
    """Some columns of the table; Ctrl+C is the whole table's."""

    copy_wanted = Signal()

    def __init__(self, model: QSortFilterProxyModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setModel(model)
        self.setSortingEnabled(True)
        self.setAlternatingRowColors(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        copy = QAction("Copy", self)
        copy.triggered.connect(self.copy_wanted)
        self.addAction(copy)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(24)
        self.horizontalHeader().setHighlightSections(False)
        self.horizontalHeader().sectionClicked.connect(self._make_room)

    def show_columns(self, shown: range, number: int, arrows: bool = False) -> int:
        """Show some of all columns, as wide as they need, with room for an arrow or without; their width together."""
        header = self.horizontalHeader()
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        for column in range(number):
            self.setColumnHidden(column, False)  # a hidden column has no width to begin with
        header.setSortIndicatorShown(arrows)
        self.resizeColumnsToContents()
        header.setSortIndicatorShown(True)
        for column in range(number):
            self.setColumnWidth(column, min(self.columnWidth(column) + 6, _WIDEST))
            self.setColumnHidden(column, column not in shown)
        return sum(self.columnWidth(column) for column in shown)

    def _make_room(self, by: int) -> None:
        """The heading that is sorted by gets room for its arrow: it is read whole."""
        self.setColumnWidth(by, max(self.columnWidth(by), self.horizontalHeader().sectionSizeHint(by) + _ARROW))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Ctrl+C copies with headings, as a spreadsheet wants it."""
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy_wanted.emit()
            event.accept()
        else:
            super().keyPressEvent(event)


class SheetView(QWidget):
    """A table to read, sort and copy from; the names of its rows stay in sight when the numbers are scrolled."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = SheetModel(self)
        self._sorted = _ByValue(self)
        self._sorted.setSourceModel(self._model)
        self.names, self.numbers = _Part(self._sorted), _Part(self._sorted)
        self.names.setObjectName("sheet_names")
        self.names.setAccessibleName("Rows of the table")
        self.numbers.setObjectName("sheet_numbers")
        self.numbers.setAccessibleName("Numbers of the table")
        self.names.setSelectionModel(self.numbers.selectionModel())
        self.names.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.names.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        for part, other in ((self.names, self.numbers), (self.numbers, self.names)):
            part.copy_wanted.connect(self.copy)
            part.verticalScrollBar().valueChanged.connect(other.verticalScrollBar().setValue)
            part.horizontalHeader().sectionClicked.connect(partial(self._mark_sorted, other))
        self.numbers.horizontalScrollBar().rangeChanged.connect(self._level)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        beside = QVBoxLayout()
        beside.setSpacing(0)
        beside.addWidget(self.names, 1)
        self._foot = QWidget()
        self._foot.setFixedHeight(0)
        beside.addWidget(self._foot)
        layout.addLayout(beside)
        layout.addWidget(self.numbers, 1)

    @property
    def sheet(self) -> TableSheet | None:
        """What is shown."""
        return self._model.sheet

    def show_sheet(self, sheet: TableSheet | None) -> None:
        """Show a sheet in its own order."""
        self._sorted.sort(-1)
        self._model.show_sheet(sheet)
        columns = () if sheet is None else sheet.columns
        named = next((i for i, column in enumerate(columns) if column.kind != "text"), len(columns))
        width = self.names.show_columns(range(named), len(columns), arrows=True)
        self.names.setFixedWidth(width + 2)
        self.names.setVisible(0 < named < len(columns))
        self.numbers.horizontalHeader().setStretchLastSection(bool(columns) and columns[-1].kind == "text")
        self.numbers.show_columns(range(named if named < len(columns) else 0, len(columns)), len(columns))

    def sort(self, key: str, order: Qt.SortOrder) -> None:
        """Sort by a column."""
        if self.sheet is not None:
            column = [entry.key for entry in self.sheet.columns].index(key)
            part = self.names if self.numbers.isColumnHidden(column) else self.numbers
            part.sortByColumn(column, order)

    @property
    def wanted_height(self) -> int:
        """Pixels that all rows need, with heading and scroll bar."""
        rows = self._sorted.rowCount() * self.numbers.verticalHeader().defaultSectionSize()
        bar = self.numbers.horizontalScrollBar()
        return self.numbers.horizontalHeader().sizeHint().height() + rows + bar.sizeHint().height() + 4

    def shown_rows(self) -> list[tuple[Cell, ...]]:
        """The rows of the sheet in the order in which they stand."""
        if self.sheet is None:
            return []
        order = (self._sorted.mapToSource(self._sorted.index(row, 0)).row() for row in range(self._sorted.rowCount()))
        return [self.sheet.rows[row] for row in order]

    def copied(self) -> str:
        """What is selected, or all of it if that is one cell or none, as tab-separated text with headings."""
        sheet = self.sheet
        if sheet is None:
            return ""
        chosen = [(index.row(), index.column()) for index in self.numbers.selectionModel().selectedIndexes()]
        rows = sorted({row for row, _ in chosen})
        columns = sorted({column for _, column in chosen})
        if len(chosen) < 2:
            rows, columns = list(range(self._sorted.rowCount())), list(range(len(sheet.columns)))
        shown = self.shown_rows()
        lines = [[sheet.columns[column].title for column in columns]]
        lines += [[_plain(sheet, shown[row][column], column) for column in columns] for row in rows]
        return "\n".join("\t".join(line) for line in lines) + "\n"

    def copy(self) -> None:
        """Put what `copied` says on the clipboard."""
        if self.sheet is not None:
            QGuiApplication.clipboard().setText(self.copied())

    def _mark_sorted(self, other: _Part, _section: int) -> None:
        """One part is sorted by: the other's mark of order goes."""
        header = other.horizontalHeader()
        header.blockSignals(True)
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        header.blockSignals(False)
        header.viewport().update()

    def _level(self, _low: int, high: int) -> None:
        """The rows of both parts stand level, whether the numbers have a scroll bar below or not."""
        self._foot.setFixedHeight(self.numbers.horizontalScrollBar().sizeHint().height() if high > 0 else 0)


def _plain(sheet: TableSheet, value: Cell, column: int) -> str:
    """A value for another program: numbers in full, names as people read them, nothing where there is none."""
    if value is None:
        return ""
    return sheet.columns[column].names.get(value, value) if isinstance(value, str) else repr(value)
