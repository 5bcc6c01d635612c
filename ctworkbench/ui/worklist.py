"""The scans to be reviewed, as a list that is read at a glance and walked with the keyboard."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QRect, QSettings, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QLabel,
    QLineEdit,
    QListView,
    QPushButton,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from ctworkbench.core.workbench import ScanRow, Standing, Verdict
from ctworkbench.core.workbench.current import NOT_COMPARED, TO_ADJUDICATE, TO_REVIEW, verdict_text, waiting_text
from ctworkbench.ui.risk_marks import mark_of, told_of
from ctworkbench.ui.worklist_choices import WorklistChoices, next_to_review, urgency

if TYPE_CHECKING:
    from ctworkbench.core.workbench.checking import CheckedMap

_ALL, _TO_REVIEW, _UNREAD, _TO_ADJUDICATE = "All", "To review", "Accepted unread", "To adjudicate"
_STATUS: dict[str, Verdict | None] = {
    _ALL: None,
    _TO_REVIEW: None,
    "Accepted": Verdict.ACCEPT,
    _UNREAD: None,
    "Needs edits": Verdict.NEEDS_EDITS,
    "Rejected": Verdict.REJECT,
}
# Ground and text of the chips: 4.5:1 or more.
VERDICT_COLORS: dict[Verdict | None, tuple[str, str]] = {
    Verdict.ACCEPT: ("#1f5c3a", "#d7f5e3"),
    Verdict.NEEDS_EDITS: ("#6b4d12", "#ffe7b3"),
    Verdict.REJECT: ("#74282b", "#ffdada"),
    Verdict.LATER: ("#3a4657", "#dbe6f3"),
    None: ("#274a6e", "#d6e9fb"),
}
_ADJUDICATE_COLORS = ("#5b3a73", "#efdcff")
_UNREAD_COLORS = ("#2f4a3c", "#cfe3d7")
_NO_LABELS = ("no labels", "#333a45", "#b8c1cd")
_ROW_HEIGHT = 46
_MARK_WIDTH = 18
_SCAN = int(Qt.ItemDataRole.UserRole)
_CHECKED = _SCAN + 1


class _Scans(QAbstractListModel):
    def __init__(self) -> None:
        super().__init__()
        self.rows: list[ScanRow] = []
        self.checked: Mapping[int, CheckedMap] = {}
        self.titles: Mapping[str, str] = {}

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.rows)

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row = self.rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return row.subject
        if role == _SCAN:
            return row
        if role == _CHECKED:
            return self.checked.get(row.id)
        if role == Qt.ItemDataRole.ToolTipRole:
            warned = [f"⚠ {warning}" for warning in row.warnings]
            found = told_of(self.checked.get(row.id), self.titles)
            return "\n".join([f"{row.subject}: {row.series_uid}", *row.cautions, *warned, *found])
        return None

    def show(self, rows: list[ScanRow]) -> None:
        self.beginResetModel()
        self.rows = rows
        self.endResetModel()


class _RowPainter(QStyledItemDelegate):
    """Subject and chip above, who and which label map below; on the left what the checks found.

    A code that leaves no room for the chip has the first line to itself.
    """

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(160, _ROW_HEIGHT)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        row: ScanRow = index.data(_SCAN)
        state: Any = getattr(option, "state")  # noqa: B009 - not in the type stubs
        area: QRect = getattr(option, "rect")  # noqa: B009
        font: QFont = getattr(option, "font")  # noqa: B009
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if state & QStyle.StateFlag.State_Selected:
            painter.fillRect(area, QColor("#2b4d70"))
            painter.fillRect(QRect(area.left(), area.top(), 3, area.height()), QColor("#4aa3df"))
        elif state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(area, QColor("#282e37"))
        painter.setPen(QColor("#2c333d"))
        painter.drawLine(area.bottomLeft(), area.bottomRight())
        box = area.adjusted(9 + _MARK_WIDTH, 5, -7, -5)
        bold = QFont(font)
        bold.setWeight(QFont.Weight.DemiBold)
        small = QFont(font)
        small.setPixelSize(11)
        glyph, number, color = mark_of(index.data(_CHECKED))
        column = QRect(area.left() + 5, box.top(), _MARK_WIDTH, box.height())
        painter.setPen(QColor(color))
        painter.drawText(column, Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignHCenter, glyph)
        painter.setFont(small)
        painter.drawText(column, Qt.AlignmentFlag.AlignBottom | Qt.AlignmentFlag.AlignHCenter, number)
        text, ground, ink = chip_of(row)
        painter.setFont(small)
        wide = painter.fontMetrics().horizontalAdvance(text) + 14
        painter.setFont(bold)
        long = painter.fontMetrics().horizontalAdvance(row.subject) > box.width() - wide - 6
        painter.setFont(small)
        chip = QRect(box.right() - wide + 1, box.bottom() - 16 if long else box.top(), wide, 17)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(ground))
        painter.drawRoundedRect(chip, 8, 8)
        painter.setPen(QColor(ink))
        painter.drawText(chip, Qt.AlignmentFlag.AlignCenter, text)
        painter.setFont(bold)
        painter.setPen(QColor("#eef1f5"))
        # Codes of one site begin alike: what tells them apart is rather their end.
        room = box.width() - (0 if long else wide + 6)
        name = painter.fontMetrics().elidedText(row.subject, Qt.TextElideMode.ElideMiddle, room)
        painter.drawText(box, Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft, name)
        painter.setFont(small)
        if long:
            box.setRight(chip.left() - 6)
        if row.warnings:
            painter.setPen(QColor("#f2b84b"))
            warned = f"⚠ {len(row.warnings)}"
            painter.drawText(box, Qt.AlignmentFlag.AlignBottom | Qt.AlignmentFlag.AlignRight, warned)
            box.setRight(box.right() - painter.fontMetrics().horizontalAdvance(warned) - 8)
        painter.setPen(QColor("#aab4c1"))
        said = painter.fontMetrics().elidedText(_second_line(row), Qt.TextElideMode.ElideRight, box.width())
        painter.drawText(box, Qt.AlignmentFlag.AlignBottom | Qt.AlignmentFlag.AlignLeft, said)
        painter.restore()


class _ScanList(QListView):
    """The rows; where there are none it says so."""

    def __init__(self) -> None:
        super().__init__()
        self.empty = ""

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the rows, or why there are none."""
        super().paintEvent(event)
        if self.empty:
            painter = QPainter(self.viewport())
            painter.setPen(QColor("#aab4c1"))
            middle = Qt.AlignmentFlag.AlignHCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(self.viewport().rect().adjusted(10, 16, -10, 0), int(middle), self.empty)
            painter.end()


class Worklist(QWidget):
    """Filter, status and the list.

    Signals:
        chosen: the user asked for a scan (its number).
    """

    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None, memory: QSettings | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("worklist")
        self._checked: Mapping[int, CheckedMap] = {}
        self._titles: Mapping[str, str] = {}
        self._all: list[ScanRow] = []
        self.is_read = False
        """Whether the study's scans are known yet."""
        self._open: int | None = None
        self._only: frozenset[int] | None = None
        self.only = QPushButton()
        self.only.setObjectName("only_selection")
        self.only.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.only.setToolTip("The list holds these scans alone; click to list all again")
        self.only.clicked.connect(lambda: self.show_only(None))
        self.only.hide()
        self.filter = QLineEdit()
        self.filter.setPlaceholderText("Filter: subject, site, scanner")
        self.filter.setClearButtonEnabled(True)
        self.filter.setToolTip("Filter the list (Ctrl+F); Esc goes back to the views")
        self.status = QComboBox()
        self.status.addItems(list(_STATUS))
        self.status.setToolTip("Which scans are listed")
        self.status.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.choices = WorklistChoices(memory or QSettings())
        self._model = _Scans()
        self.list = _ScanList()
        self.list.setObjectName("scans")
        self.list.setModel(self._model)
        self.list.setItemDelegate(_RowPainter(self.list))
        self.list.setMouseTracking(True)
        self.list.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        # The keys of the room must not end in the list's own search.
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.count = QLabel()
        self.count.setProperty("role", "muted")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 6, 6, 6)
        layout.setSpacing(5)
        for widget in (self.only, self.filter, self.status, self.choices, self.list, self.count):
            layout.addWidget(widget, 1 if widget is self.list else 0)
        self.filter.textChanged.connect(self._fill)
        self.status.currentIndexChanged.connect(self._fill)
        self.choices.changed.connect(self._fill)
        self.list.clicked.connect(lambda index: self.chosen.emit(index.data(_SCAN).id))

    @property
    def rows(self) -> tuple[ScanRow, ...]:
        """The rows that are listed."""
        return tuple(self._model.rows)

    @property
    def checked(self) -> "Mapping[int, CheckedMap]":
        """What the checks found, by number of the scan."""
        return self._checked

    def show_scans(self, rows: Sequence[ScanRow]) -> None:
        """List these scans, all of the study, filtered as before."""
        self._all = list(rows)
        self.is_read = True
        self.choices.offer(self._all, self._checked, self._titles)
        self._fill()

    def show_checked(self, checked: "Mapping[int, CheckedMap]", titles: Mapping[str, str]) -> None:
        """Mark the scans with what the checks found.

        Args:
            checked: what they say of the version that waits, else of the one that counts, by number of the scan.
            titles: what each check is called, by its name.
        """
        self._checked, self._titles = checked, titles
        self._model.checked, self._model.titles = checked, titles
        self.choices.offer(self._all, checked, titles)
        self._fill()

    def show_only(self, scan_ids: frozenset[int] | None, source: str = "") -> None:
        """List these scans alone, under a chip that takes the filter away; None lists all again.

        Args:
            scan_ids: numbers of scans.
            source: where they were chosen, such as "the chart".
        """
        self._only = scan_ids
        if scan_ids is not None:
            self.only.setText(f"✕  Selection of {len(scan_ids)} from {source}")
            self.status.setCurrentText(_ALL)
            self.filter.clear()
            self.choices.clear()
        self.only.setVisible(scan_ids is not None)
        self._fill()

    def offer_disputes(self, wanted: bool) -> None:
        """Whether what readers disagree on is a choice of its own: where a study has several."""
        place = self.status.findText(_TO_ADJUDICATE)
        if wanted and place < 0:
            self.status.insertItem(self.status.findText(_TO_REVIEW) + 1, _TO_ADJUDICATE)
        elif not wanted and place >= 0:
            self.status.removeItem(place)

    def mark(self, scan_id: int, standing: Standing) -> None:
        """Show a verdict at once, ahead of the next reading."""
        counts = standing.counts
        if counts is None:
            return
        told = {"verdict": counts.verdict, "origin": counts.origin, "accepted_unread": counts.accepted_unread}
        self._all = [replace(row, standing=standing, **told) if row.id == scan_id else row for row in self._all]
        self._fill()

    def waiting(self, scan_id: int) -> int | None:
        """The version of a scan that waits for a reader beside the one that counts (its number in the study)."""
        newer = next((row.standing.newer for row in self._all if row.id == scan_id), None)
        return None if newer is None else newer.id

    def set_open(self, scan_id: int | None) -> None:
        """Highlight the scan that is open."""
        self._open = scan_id
        self._highlight()

    def neighbour(self, steps: int) -> int | None:
        """The listed scan so many rows on from the open one; None past the ends."""
        ids = [row.id for row in self._model.rows]
        if not ids:
            return None
        if self._open not in ids:
            return ids[0]
        place = ids.index(self._open) + steps
        return ids[place] if 0 <= place < len(ids) else None

    def next_to_review(self) -> int | None:
        """The next scan after the open one that waits for a verdict: fresh ones first, then those put off.

        The order is that of the list. By risk, a case that was judged leaves those that wait, so that the riskiest of
        them is next.
        """
        rows = self.choices.ordered([row for row in self._all if self._found(row)], self._checked)
        return next_to_review(rows, self._open)

    def _found(self, row: ScanRow) -> bool:
        if self._only is not None and row.id not in self._only:
            return False
        if not self.choices.admits(row, self._checked.get(row.id)):
            return False
        words = self.filter.text().lower().split()
        text = " ".join((row.subject, row.site, row.scanner, row.series_uid, who(row))).lower()
        return all(word in text for word in words)

    def _fill(self) -> None:
        status = self.status.currentText()
        wanted = _STATUS.get(status)
        found = [
            row
            for row in self._all
            if self._found(row)
            and (
                status == _ALL
                or (status == _TO_REVIEW and urgency(row))
                or (status == _UNREAD and row.accepted_unread)
                or (status == _TO_ADJUDICATE and row.standing.disputed)
                or (wanted is not None and row.verdict is wanted)
            )
        ]
        listed = self.choices.ordered(found, self._checked)
        self.list.empty = "None of the scans is found by these filters." if self._all and not listed else ""
        self._model.show(listed)
        waiting = sum(row.standing.waiting is not None for row in self._all)
        self.count.setText(f"{len(self._model.rows)} of {len(self._all)} scans · {waiting} {TO_REVIEW}")
        self._highlight()

    def _highlight(self) -> None:
        for number, row in enumerate(self._model.rows):
            if row.id == self._open:
                index = self._model.index(number)
                self.list.setCurrentIndex(index)
                self.list.scrollTo(index)
                return
        self.list.clearSelection()


def who(row: ScanRow) -> str:
    """Sex and age, as far as they are known; of a phantom that it is one, and no child."""
    age = "" if row.age_years is None else f"{row.age_years:.1f} y"
    return " ".join(part for part in ("phantom" if row.phantom else "", row.sex.value if row.sex else "", age) if part)


def chip_of(row: ScanRow) -> tuple[str, str, str]:
    """What the chip of a scan says, its ground and its ink: the version that is to review, else the verdict."""
    newer = row.standing.newer
    if not row.versions:
        return _NO_LABELS
    if row.standing.disputed:
        return (TO_ADJUDICATE, *_ADJUDICATE_COLORS)
    if row.standing.undecided:
        return (NOT_COMPARED, *VERDICT_COLORS[None])
    if newer is not None:
        return (f"v{newer.version} {waiting_text(newer)}", *VERDICT_COLORS[newer.verdict])
    if row.verdict is None:
        return (TO_REVIEW, *VERDICT_COLORS[None])
    ground, ink = _UNREAD_COLORS if row.accepted_unread else VERDICT_COLORS[row.verdict]
    return verdict_text(row.verdict, row.accepted_unread), ground, ink


def _second_line(row: ScanRow) -> str:
    counts, newer = row.standing.counts, row.standing.newer
    if counts is None:
        said = "no label map"
    elif newer is not None:
        said = f"v{counts.version} {verdict_text(counts.verdict, counts.accepted_unread)}"
    else:
        said = f"{counts.origin.value} v{counts.version}"
    return " · ".join(part for part in (who(row), said) if part)
