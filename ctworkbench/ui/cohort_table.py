"""The cohort as a Qt table: one row a scan, sorted and filtered."""

import re
from collections.abc import Callable, Sequence
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
from PySide6.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem, QTableView

from ctworkbench.core.wording import count
from ctworkbench.core.workbench.current import TO_REVIEW, verdict_text, waiting_text

if TYPE_CHECKING:
    from ctworkbench.core.workbench.rows import ScanRow

Index = QModelIndex | QPersistentModelIndex
ROW_ROLE = int(Qt.ItemDataRole.UserRole)
SORT_ROLE = ROW_ROLE + 1

_VERDICT_COLORS = {"accept": "#6fcf97", "needs edits": "#f2b84b", "reject": "#f08a8a", "later": "#8fb8de"}
_UNREAD_COLOR = "#a5bfb0"


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


def corrections_text(corrections: Sequence[str]) -> str:
    """What was put right at import in a few words; the tooltip has them in full."""
    short: list[str] = []
    for correction in corrections:
        tilt = re.search(r"gantry tilt ([+-]?[\d.]+°)", correction)
        if tilt is not None:
            short.append(f"tilt {tilt.group(1)}")
        elif correction.startswith("slice spacing"):
            short.append("spacing")
        else:
            short.append(correction)
    return ", ".join(short)


def spacing_text(spacing: Sequence[float]) -> str:
    """Voxel sizes in mm for people: "1.0×1.0×1.25"."""
    return "×".join(f"{length:.2f}"[:-1] if f"{length:.2f}".endswith("0") else f"{length:.2f}" for length in spacing)


def labels_text(scan: "ScanRow") -> str:
    """The label map that counts: "v1 registration"."""
    counts = scan.standing.counts
    return "–" if counts is None else f"v{counts.version} {counts.origin}"


def review_text(scan: "ScanRow") -> str:
    """The reader's verdict on the label map that counts, and the newer one that is to review."""
    counts, newer = scan.standing.counts, scan.standing.newer
    if counts is None:
        return "–"
    told = verdict_text(counts.verdict, counts.accepted_unread) if counts.verdict else TO_REVIEW
    return told if newer is None else f"{told}, v{newer.version} {waiting_text(newer)}"


def _slices(scan: "ScanRow") -> int:
    """Number of slices: voxels along the axis with the largest spacing."""
    pairs = zip(scan.spacing, range(len(scan.shape)), scan.shape, strict=True)
    return max(((spacing, axis, number) for spacing, axis, number in pairs), default=(0.0, 0, 0))[2]


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
        lambda s: spacing_text(s.spacing),
        lambda s: max(s.spacing, default=0.0),
        "Size of a voxel along x, y and z",
    ),
    Column("Slices", lambda s: str(_slices(s)), _slices, "Number of slices; the tooltip tells the whole size"),
    Column(
        "Corrections",
        lambda s: corrections_text(s.corrections) or "none",
        lambda s: corrections_text(s.corrections),
        "What was put right at import, such as gantry tilt; the tooltip tells all of it",
    ),
    Column(
        "Masks",
        lambda s: "yes" if s.preprocessed else "no",
        lambda s: s.preprocessed,
        "Skull and brain masks are made by Preprocess",
    ),
    Column("Labels", labels_text, lambda s: (s.versions, str(s.origin)), "The label map that counts"),
    Column("Verdict", review_text, lambda s: s.verdict or "", "The reader's verdict on the label map that counts"),
    Column(
        "Split",
        lambda s: s.split or "–",
        lambda s: s.split,
        "Part of the split: by subject, made once, never remade",
    ),
    Column("Now", lambda s: "", lambda s: "", "The job that works on this scan"),
    Column("Warnings", lambda s: "; ".join(s.warnings), lambda s: len(s.warnings), "What is doubtful about the scan"),
)
NOW = next(number for number, column in enumerate(COLUMNS) if column.title == "Now")


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

    def text(self, scan: "ScanRow", column: Column) -> str:
        """What a column says of a scan."""
        if column.title == "Now":
            return self.doing.get(scan.id, "")
        return column.text(scan)

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
        text = self.text(scan, column)
        if role == Qt.ItemDataRole.DisplayRole:
            return text
        if role == Qt.ItemDataRole.ToolTipRole:
            size = "×".join(str(number) for number in scan.shape)
            lines = [text, f"Series {scan.series_uid}", f"{size} voxels, {spacing_text(scan.spacing)} mm"]
            lines.append(f"Scanner: {scan.scanner or 'unknown'}")
            lines += [f"Corrected: {correction}" for correction in scan.corrections]
            return "\n".join(line for line in (*lines, *scan.warnings) if line)
        if role == Qt.ItemDataRole.ForegroundRole:
            if column.title == "Verdict" and text.endswith(TO_REVIEW):
                return QColor("#8fb8de")
            if column.title == "Verdict" and scan.verdict:
                return QColor(_UNREAD_COLOR if scan.accepted_unread else _VERDICT_COLORS[scan.verdict.value])
            if column.title == "Warnings" or text in ("?", "unknown"):
                return QColor("#f2b84b")
            if text in ("–", "no", "none"):
                return QColor("#8f9aa8")
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
        content = " ".join(model.text(scan, column) for column in COLUMNS).lower()
        return all(word in content for word in self._words)

    def lessThan(self, source_left: Index, source_right: Index) -> bool:
        """Order of two cells by their sort keys."""
        model = self.sourceModel()
        return bool(model.data(source_left, SORT_ROLE) < model.data(source_right, SORT_ROLE))


class CodeDelegate(QStyledItemDelegate):
    """Shortens a long code in its middle: codes of one site begin alike, and their end tells them apart."""

    def initStyleOption(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:
        """Take the ellipsis into the middle."""
        super().initStyleOption(option, index)
        setattr(option, "textElideMode", Qt.TextElideMode.ElideMiddle)  # noqa: B010 - not in the type stubs


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
