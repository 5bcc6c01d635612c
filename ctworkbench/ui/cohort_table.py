"""The cohort as a Qt table: one row a scan, sorted and filtered."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QSortFilterProxyModel,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QTableView

if TYPE_CHECKING:
    from ctworkbench.core.workbench.rows import ScanRow

Index = QModelIndex | QPersistentModelIndex
ROW_ROLE = int(Qt.ItemDataRole.UserRole)
SORT_ROLE = ROW_ROLE + 1

_VERDICT_COLORS = {"accept": "#6fcf97", "needs edits": "#f2b84b", "reject": "#f08a8a", "later": "#8fb8de"}
VERDICT_TITLES = {"accept": "accepted", "needs edits": "needs edits", "reject": "rejected", "later": "later"}


@dataclass(frozen=True)
class Column:
    """One column: its title, what it says of a scan, what it sorts by, and what it means."""

    title: str
    text: Callable[["ScanRow"], str]
    key: Callable[["ScanRow"], Any]
    help: str


def age_text(age_years: float | None) -> str:
    """An age for people: "2.31 y", or "unknown"."""
    return "unknown" if age_years is None else f"{age_years:.2f} y"


def _labels(scan: "ScanRow") -> str:
    return f"v{scan.versions} {scan.origin}" if scan.versions else "–"


def _slices(scan: "ScanRow") -> str:
    return "×".join(str(n) for n in scan.shape)


COLUMNS = (
    Column("Subject", lambda s: s.subject, lambda s: s.subject, "Code of the subject"),
    Column("Sex", lambda s: s.sex or "?", lambda s: s.sex or "", "M or F; ? where it is unknown"),
    Column(
        "Age",
        lambda s: age_text(s.age_years),
        lambda s: -1.0 if s.age_years is None else s.age_years,
        "Age at the scan",
    ),
    Column("Site", lambda s: s.site or "–", lambda s: s.site, "Where the scan was made"),
    Column(
        "Spacing (mm)",
        lambda s: "×".join(f"{length:.2f}" for length in s.spacing),
        lambda s: max(s.spacing, default=0.0),
        "Size of a voxel along x, y and z",
    ),
    Column("Voxels", _slices, lambda s: min(s.shape, default=0), "Number of voxels along x, y and z"),
    Column(
        "Corrections",
        lambda s: ", ".join(s.corrections) or "none",
        lambda s: len(s.corrections),
        "What was put right at import, such as gantry tilt",
    ),
    Column(
        "Preprocessed",
        lambda s: "yes" if s.preprocessed else "no",
        lambda s: s.preprocessed,
        "Skull and brain masks made",
    ),
    Column("Labels", _labels, lambda s: s.versions, "Newest version of the label map, and where it comes from"),
    Column(
        "Verdict",
        lambda s: VERDICT_TITLES[s.verdict.value] if s.verdict else ("not read" if s.versions else "–"),
        lambda s: s.verdict or "",
        "The reader's verdict on the current label map",
    ),
    Column(
        "Split", lambda s: s.split or "–", lambda s: s.split, "Part of the split: by subject, made once, never remade"
    ),
    Column("Now", lambda s: "", lambda s: "", "The job that works on this scan"),
    Column("Warnings", lambda s: "; ".join(s.warnings), lambda s: len(s.warnings), "What is doubtful about the scan"),
)
NOW = next(number for number, column in enumerate(COLUMNS) if column.title == "Now")


def count(number: int, noun: str) -> str:
    """A number with its noun: "1 scan", "3 scans"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def summary(scans: "list[ScanRow]") -> str:
    """One line on a cohort: subjects, sexes, ages."""
    subjects = {scan.subject: scan for scan in scans}.values()
    sexes = [str(scan.sex or "") for scan in subjects]
    ages = [scan.age_years for scan in scans if scan.age_years is not None]
    parts = [count(len(subjects), "subject"), count(len(scans), "scan"), f"{sexes.count('M')} M / {sexes.count('F')} F"]
    if sexes.count(""):
        parts.append(f"{sexes.count('')} of unknown sex")
    if ages:
        parts.append(f"{min(ages):.2f}–{max(ages):.2f} years")
    if len(ages) < len(scans):
        parts.append(f"{len(scans) - len(ages)} of unknown age")
    return "  ·  ".join(parts)


class CohortModel(QAbstractTableModel):
    """Rows of the cohort; new rows of the same scans are told as changed data, so the selection stays."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.scans: list[ScanRow] = []
        self.doing: dict[int, str] = {}

    def set_scans(self, scans: "list[ScanRow]") -> None:
        """Show these scans."""
        if [scan.id for scan in scans] == [scan.id for scan in self.scans]:
            self.scans = scans
            if scans:
                self.dataChanged.emit(self.index(0, 0), self.index(len(scans) - 1, len(COLUMNS) - 1))
            return
        self.beginResetModel()
        self.scans = scans
        self.endResetModel()

    def set_doing(self, doing: dict[int, str]) -> None:
        """Show what works on which scan."""
        if doing != self.doing:
            self.doing = doing
            if self.scans:
                self.dataChanged.emit(self.index(0, NOW), self.index(len(self.scans) - 1, NOW))

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """Number of scans."""
        return 0 if parent.isValid() else len(self.scans)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """Number of columns."""
        return 0 if parent.isValid() else len(COLUMNS)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Text, tooltip, colour, sort key, or under ROW_ROLE the row itself."""
        scan, column = self.scans[index.row()], COLUMNS[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return self.doing.get(scan.id, "") if index.column() == NOW else column.text(scan)
        if role == Qt.ItemDataRole.ToolTipRole:
            lines = [column.text(scan), f"Series {scan.series_uid}", f"Scanner: {scan.scanner or 'unknown'}"]
            return "\n".join(line for line in (*lines, *scan.warnings) if line)
        if role == Qt.ItemDataRole.ForegroundRole:
            if column.title == "Verdict" and scan.verdict:
                return QColor(_VERDICT_COLORS[scan.verdict.value])
            if column.title == "Warnings" or (column.text(scan) in ("–", "no", "none", "?", "unknown", "not read")):
                return QColor(
                    "#f2b84b" if column.title == "Warnings" or column.text(scan) in ("?", "unknown") else "#8f9aa8"
                )
        if role == SORT_ROLE:
            return self.doing.get(scan.id, "") if index.column() == NOW else column.key(scan)
        if role == ROW_ROLE:
            return scan
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Titles of the columns and what they mean."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section].title
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.ToolTipRole:
            return COLUMNS[section].help
        return None


class CohortFilter(QSortFilterProxyModel):
    """Sorts by value, not by text, and keeps the rows in which every word of the filter occurs somewhere."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.setSortRole(SORT_ROLE)
        self.setDynamicSortFilter(True)
        self._words: list[str] = []

    def set_words(self, text: str) -> None:
        """Filter by words, such as "F v2 accepted"."""
        self.beginFilterChange()
        self._words = text.lower().split()
        self.endFilterChange(QSortFilterProxyModel.Direction.Rows)

    def filterAcceptsRow(self, source_row: int, source_parent: Index) -> bool:
        """Whether a scan holds all words."""
        model = self.sourceModel()
        if not isinstance(model, CohortModel):
            return True
        scan = model.scans[source_row]
        content = " ".join([*(column.text(scan) for column in COLUMNS), model.doing.get(scan.id, "")]).lower()
        return all(word in content for word in self._words)

    def lessThan(self, source_left: Index, source_right: Index) -> bool:
        """Order of two cells by their sort keys."""
        model = self.sourceModel()
        return bool(model.data(source_left, SORT_ROLE) < model.data(source_right, SORT_ROLE))


class ScanTable(QTableView):
    """A table that tells of Enter and of Copy."""

    open_pressed = Signal()
    copy_pressed = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter opens, Copy copies; all else is the table's."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.open_pressed.emit()
        elif event.matches(QKeySequence.StandardKey.Copy):
            self.copy_pressed.emit()
        else:
            super().keyPressEvent(event)
