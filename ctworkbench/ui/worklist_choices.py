"""In which order the list of scans stands, and which of them it holds by check, maker and reader."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QSettings, Qt, Signal
from PySide6.QtWidgets import QComboBox, QMenu, QToolButton, QVBoxLayout, QWidget

from ctworkbench.core.workbench import AnnotationRow, Origin, ScanRow

if TYPE_CHECKING:
    from ctworkbench.core.workbench.checking import CheckedMap

_MEMORY = "review/order"
RISK = "risk"
_ORDERS = {
    RISK: (
        "Order: risk",
        "What waits for a reader first, the most worrying by the checks before others; then what was put off",
    ),
    "import": ("Order: as imported", "In the order in which the scans came"),
    "subject": ("Order: subject", "By the code of the subject"),
    "oldest": ("Order: oldest first", "The label maps that have been there longest first"),
}
_NO_FILTER = "Filter"
_ANY = "any finding"

Checked = Mapping[int, "CheckedMap"]


class WorklistChoices(QWidget):
    """A box for the order, which is remembered, and a menu of filters, which is not.

    Args:
        memory: where the order is remembered.

    Signals:
        changed: the list is to be filled again.
    """

    changed = Signal()

    def __init__(self, memory: QSettings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._memory = memory
        self.check, self.origin, self.reader = "", "", ""
        self._titles: Mapping[str, str] = {}
        self.order = QComboBox()
        self.order.setObjectName("worklistOrder")
        self.order.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        for key, (title, tip) in _ORDERS.items():
            self.order.addItem(title, key)
            self.order.setItemData(self.order.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        self.order.setCurrentIndex(max(0, self.order.findData(chosen_order(memory))))
        self.order.setToolTip("Order of the list; Space goes through it in this order")
        self.filters = QToolButton()
        self.filters.setObjectName("worklistFilters")
        self.filters.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.filters.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.filters.setToolTip("List only scans with a finding, or whose label map a certain machine or reader made")
        self.filters.setSizePolicy(self.order.sizePolicy())
        self.menu = QMenu(self.filters)
        self.filters.setMenu(self.menu)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        layout.addWidget(self.order)
        layout.addWidget(self.filters)
        self.order.currentIndexChanged.connect(self._ordered)
        self._name()

    def offer(self, rows: Sequence[ScanRow], checked: Checked, titles: Mapping[str, str]) -> None:
        """Offer the filters that these scans have an answer to."""
        found = {one.check for row in checked.values() for one in row.told}
        makers = {made.origin for row in rows if (made := shown_in(row)) is not None}
        readers = {made.author for row in rows if (made := shown_in(row)) is not None and made.origin is Origin.EXPERT}
        self.menu.clear()
        self.menu.addAction("No filter", lambda: self._choose("", "", ""))
        self._head("Found by the checks" if found else "")
        for name in [_ANY, *sorted(found, key=lambda name: titles.get(name, name))] if found else []:
            self._add(titles.get(name, name), self.check == name, lambda name=name: self._choose(check=name))
        self._head("Label map made by" if makers else "")
        for origin in Origin:
            if origin in makers:
                self._add(str(origin), self.origin == origin, lambda o=str(origin): self._choose(origin=o))
        self._head("Corrected by" if readers else "")
        for reader in sorted(readers):
            self._add(reader, self.reader == reader, lambda name=reader: self._choose(reader=name))
        self._titles = dict(titles)
        self._name()

    def admits(self, row: ScanRow, checked: "CheckedMap | None") -> bool:
        """Whether the filters leave a scan in the list."""
        made = shown_in(row)
        if self.origin and (made is None or made.origin != self.origin):
            return False
        if self.reader and (made is None or made.origin is not Origin.EXPERT or made.author != self.reader):
            return False
        told = () if checked is None else checked.told
        return not self.check or any(self.check in (_ANY, one.check) for one in told)

    def ordered(self, rows: Sequence[ScanRow], checked: Checked) -> list[ScanRow]:
        """The scans in the order chosen."""
        return in_order(rows, checked, self.order.currentData())

    def clear(self) -> None:
        """Take every filter away."""
        if self.check or self.origin or self.reader:
            self._choose("", "", "")

    def _head(self, title: str) -> None:
        """A line that names what follows; the title of a section is not drawn by every style."""
        if title:
            self.menu.addSeparator()
            self.menu.addAction(title).setEnabled(False)

    def _add(self, title: str, ticked: bool, act: Callable[[], None]) -> None:
        action = self.menu.addAction(title, act)
        action.setCheckable(True)
        action.setChecked(ticked)

    def _choose(self, check: str | None = None, origin: str | None = None, reader: str | None = None) -> None:
        """Set a filter; choosing it again takes it away."""
        for name, value in (("check", check), ("origin", origin), ("reader", reader)):
            if value is not None:
                setattr(self, name, "" if value == getattr(self, name) else value)
        self._name()
        self.changed.emit()

    def _name(self) -> None:
        parts = [self.check and self._titles.get(self.check, self.check), self.origin, self.reader]
        chosen = ", ".join(part for part in parts if part)
        self.filters.setText(f"{_NO_FILTER}: {chosen}" if chosen else f"{_NO_FILTER}: none")
        self.filters.setProperty("active", bool(chosen))
        self.filters.style().unpolish(self.filters)
        self.filters.style().polish(self.filters)

    def _ordered(self) -> None:
        self._memory.setValue(_MEMORY, self.order.currentData())
        self.changed.emit()


def chosen_order(memory: QSettings) -> str:
    """The order of the list that was used last."""
    return str(memory.value(_MEMORY, RISK))


def in_order(rows: Sequence[ScanRow], checked: Checked, order: str) -> list[ScanRow]:
    """The scans in an order of the list; those that it does not part stay as they came, by subject."""
    if order == "import":
        return sorted(rows, key=lambda row: row.id)
    if order == "oldest":
        return sorted(rows, key=_age)
    if order == "subject":
        return list(rows)
    return sorted(rows, key=lambda row: (-urgency(row), -checked[row.id].risk if row.id in checked else 0.0))


def next_to_review(rows: Sequence[ScanRow], after: int | None = None) -> int | None:
    """The next scan that waits for a verdict: fresh ones first, then those put off; None if none waits.

    Args:
        rows: the scans in the order of the list.
        after: the scan that is open, from which the search goes round.
    """
    places = [number for number, row in enumerate(rows) if row.id == after]
    start = places[0] + 1 if places else 0
    around = [row for row in [*rows[start:], *rows[:start]] if row.id != after and urgency(row)]
    return next((row.id for row in [*(row for row in around if urgency(row) == 2), *around]), None)


def urgency(row: ScanRow) -> int:
    """2 if a label map has no verdict and is to review, 1 if it was put off, 0 if none is."""
    waiting = row.standing.waiting
    return 0 if waiting is None else 1 if waiting.verdict else 2


def _age(row: ScanRow) -> float:
    """When the label map of a row came, in seconds; those without one come last."""
    made = shown_in(row)
    return float("inf") if made is None else made.created.timestamp()


def shown_in(row: ScanRow) -> AnnotationRow | None:
    """The version that a row of the list speaks of: the one that waits for a reader, else the one that counts."""
    return row.standing.waiting or row.standing.counts
