"""The tables of one child: volumes, right minus left, and what changed from scan to scan."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from ctworkbench.core.norms.change import ChangeRow, Comparison
from ctworkbench.core.norms.child import AsymmetryRow, Child, ChildRow
from ctworkbench.core.norms.measurement_error import TOTAL
from ctworkbench.core.report.numbers import range_text, signed

_BEYOND = QColor("#f2b84b")
_MUTED = QColor("#a3adba")
VOLUME_TITLES = ("Region", "cm³", "Expected", "z", "Centile", "by error")
ASYMMETRY_TITLES = ("R − L", "cm³", "±", "%", "Expected", "z")
CHANGE_TITLES = ("Region", "Change", "%", "Limit", "Growth")
_VOLUME_TIPS = (
    "Click a region to see its chart and to read its numbers in words",
    "Volume in cm³; 95 % of repeated measurements of the same brain lie within ± this much of their mean",
    "The norm's 50th centile for this sex and age, in cm³: half of its children have less",
    "How many SDs of the norm the volume lies above the expected one; ≈: the difference is within the measurement "
    "error; ?: beyond ±2, but measurement error could have made it",
    "Share of the norm's children with a smaller volume",
    "Where the centile would lie if the same brain were scanned and labelled again (95 %); the uncertainty of the norm "
    "itself is another one and is told below the table",
)
_ASYMMETRY_TIPS = (
    "Lobe: right minus left",
    "Right minus left in cm³",
    "95 % of repeated measurements lie within this much",
    "Right minus left in % of the mean of both sides",
    "Mean difference of the norm's children of this sex, in cm³",
    "How many SDs of the norm the difference lies above the expected one; ≈: within the measurement error; "
    "?: beyond ±2, but measurement error could have made it",
)
_CHANGE_TIPS = (
    "Click a region to see its course",
    "Later minus earlier volume in cm³",
    "Change in % of the earlier volume",
    "Smallest detectable change in cm³: less than this, measurement error alone can make",
    "By how much the norm's children of this sex grow between these ages, in cm³",
)


def centile_text(centile: float) -> str:
    """A centile for people; beyond the 1st and the 99th no more is claimed than that."""
    if centile < 1:
        return "<1"
    return ">99" if centile > 99 else f"{centile:.0f}"


def z_text(z: float) -> str:
    """A z score in five characters: "+4.35", "+44.3", "+443"."""
    decimals = 2 if abs(z) < 9.995 else 1 if abs(z) < 99.95 else 0
    return f"{round(z, decimals) + 0.0:+.{decimals}f}".replace("-", "−")


class NumberTable(QTableWidget):
    """Rows that are read, not edited; a click or the keys choose one."""

    row_chosen = Signal(str)
    """Name of the region, pair or "total" whose row was chosen."""

    def __init__(self, titles: Sequence[str], tips: Sequence[str], widths: Sequence[int], name: str) -> None:
        super().__init__(0, len(titles))
        self._names: list[str] = []
        self.setObjectName(name)
        for column, (title, tip) in enumerate(zip(titles, tips, strict=True)):
            head = QTableWidgetItem(title)
            head.setToolTip(tip)
            self.setHorizontalHeaderItem(column, head)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setShowGrid(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(23)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setMinimumSectionSize(30)
        header.setStyleSheet("QHeaderView::section { font-size: 11px; padding: 5px 3px; }")
        for column, width in enumerate(widths, start=1):
            self.setColumnWidth(column, width)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.currentCellChanged.connect(lambda row, *_: self._tell(row))

    def show_rows(
        self, names: Sequence[str], rows: Sequence[Sequence[str]], paint: "Callable[[int, int], _Look]"
    ) -> None:
        """Show rows of texts; `paint(row, column)` tells how a cell looks."""
        self.blockSignals(True)
        chosen = self.currentRow()
        self._names = list(names)
        self.setRowCount(len(rows))
        for number, cells in enumerate(rows):
            for column, text in enumerate(cells):
                item = QTableWidgetItem(text)
                if column:
                    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                color, bold, tip = paint(number, column)
                if color is not None:
                    item.setForeground(color)
                font = item.font()
                font.setBold(bold)
                item.setFont(font)
                item.setToolTip(tip)
                self.setItem(number, column, item)
        if 0 <= chosen < len(rows):
            self.setCurrentCell(chosen, 0)
        self.blockSignals(False)

    def choose(self, name: str) -> None:
        """Mark the row of a name without telling of it."""
        if name in self._names:
            self.blockSignals(True)
            self.setCurrentCell(self._names.index(name), 0)
            self.blockSignals(False)

    def _tell(self, row: int) -> None:
        if 0 <= row < len(self._names):
            self.row_chosen.emit(self._names[row])


_Look = tuple[QColor | None, bool, str]


def volume_table(parent: QWidget | None = None) -> NumberTable:
    """The empty table of volumes."""
    table = NumberTable(VOLUME_TITLES, _VOLUME_TIPS, (82, 62, 62, 52, 56), "child_table")
    table.setAccessibleName("Volumes of the open subject")
    return table


def asymmetry_table(parent: QWidget | None = None) -> NumberTable:
    """The empty table of right minus left."""
    table = NumberTable(ASYMMETRY_TITLES, _ASYMMETRY_TIPS, (60, 48, 52, 64, 66), "child_asymmetry")
    table.setAccessibleName("Right minus left of the open subject")
    return table


def change_table(parent: QWidget | None = None) -> NumberTable:
    """The empty table of changes."""
    table = NumberTable(CHANGE_TITLES, _CHANGE_TIPS, (66, 56, 52, 56), "child_change")
    table.setAccessibleName("Change between two scans of the open subject")
    return table


def fill_volumes(table: NumberTable, child: Child) -> None:
    """The ten volumes and their total."""
    rows = (*child.rows, child.total)
    texts = [
        (
            short_title(row.title),
            f"{row.volume_cm3:.{digits(row)}f} {_reach(row.reach_cm3, digits(row))}".strip()
            if row.volume_cm3 > 0
            else "incomplete"
            if row.region == TOTAL
            else "not found",
            "–" if row.expected_cm3 is None else f"{row.expected_cm3:.{digits(row)}f}",
            "–" if row.z is None else z_text(row.z) + _mark(row),
            "–" if row.centile is None else centile_text(row.centile),
            range_text(row.measured_low, row.measured_high).replace("—", "–"),
        )
        for row in rows
    ]

    def look(number: int, column: int) -> _Look:
        row = rows[number]
        color = _BEYOND if row.beyond and column in (3, 4) else _MUTED if column in (2, 5) else None
        return color, row.beyond_surely and column in (3, 4), sentence(row)

    table.show_rows([row.region for row in rows], texts, look)


def fill_asymmetries(table: NumberTable, child: Child) -> None:
    """Right minus left of the pairs."""
    rows = child.asymmetries
    texts = [
        (
            row.title,
            signed(row.difference_cm3).replace("—", "–"),
            _reach(row.reach_cm3) or "–",
            signed(row.percent, 1).replace("—", "–"),
            signed(row.expected_cm3).replace("—", "–"),
            "–" if row.z is None else z_text(row.z) + _mark(row),
        )
        for row in rows
    ]

    def look(number: int, column: int) -> _Look:
        row = rows[number]
        color = _BEYOND if row.beyond and column == 5 else _MUTED if column == 2 else None
        return color, row.beyond_surely and column == 5, asymmetry_sentence(row)

    table.show_rows([row.pair for row in rows], texts, look)


def fill_changes(table: NumberTable, comparison: Comparison) -> None:
    """What changed between two scans."""
    rows = comparison.rows
    texts = [
        (
            short_title(row.title),
            signed(row.change_cm3, 1).replace("—", "–"),
            signed(row.percent, 1).replace("—", "–"),
            "–" if row.smallest_cm3 is None else f"{row.smallest_cm3:.1f}",
            signed(row.expected_cm3, 1).replace("—", "–"),
        )
        for row in rows
    ]

    def look(number: int, column: int) -> _Look:
        row = rows[number]
        beyond = bool(row.beyond_error) and column == 1
        return _BEYOND if beyond else _MUTED if column == 3 else None, beyond, change_sentence(row)

    table.show_rows([row.region for row in rows], texts, look)


def short_title(title: str) -> str:
    """A region's title that fits a narrow column: "R frontal" for "Right frontal lobe"."""
    return title.replace("Right ", "R ").replace("Left ", "L ").removesuffix(" lobe")


def sentence(row: ChildRow) -> str:
    """One volume in words, with both intervals by their names."""
    if row.volume_cm3 <= 0:
        return f"{row.title}: {row.reason}."
    told = [f"{row.title}: {row.volume_cm3:.1f} cm³"]
    told[0] += f" ± {row.reach_cm3:.1f} by measurement error." if row.reach_cm3 is not None else "."
    if row.z is None or row.centile is None:
        return " ".join([*told, f"No centile: {row.reason}."])
    told.append(f"Centile {centile_text(row.centile)}")
    if row.centile_low is not None:
        told[-1] += f"; from the norm's sample {range_text(row.centile_low, row.centile_high)} (95 %)"
    if row.measured_low is not None:
        told[-1] += f"; measuring again {range_text(row.measured_low, row.measured_high)} (95 %)"
    told[-1] += "."
    if row.within_error:
        told.append(f"The difference from the expected {row.expected_cm3:.1f} cm³ is within the measurement error.")
    elif row.beyond and not row.beyond_surely:
        told.append("Beyond ±2 SD, but measurement error could have made it.")
    return " ".join(told)


def asymmetry_sentence(row: AsymmetryRow) -> str:
    """One difference of sides in words."""
    if row.difference_cm3 is None:
        return f"{row.title}: {row.reason}."
    told = [f"{row.title}: right minus left {signed(row.difference_cm3)} cm³"]
    told[0] += f" ± {row.reach_cm3:.1f} by measurement error." if row.reach_cm3 is not None else "."
    if row.z is None:
        told.append(f"No z: {row.reason}.")
    elif row.within_error:
        told.append("The difference from what is expected is within the measurement error.")
    elif row.beyond and not row.beyond_surely:
        told.append("Beyond ±2 SD, but measurement error could have made it.")
    return " ".join(told)


def change_sentence(row: ChangeRow) -> str:
    """One change in words."""
    if row.change_cm3 is None:
        return f"{row.title}: not found in one of the scans."
    told = f"{row.title}: {row.before_cm3:.1f}, then {row.after_cm3:.1f} cm³."
    if row.beyond_error is None:
        return f"{told} How much measurement error makes is not known."
    if row.beyond_error:
        return f"{told} More than measurement error makes ({row.smallest_cm3:.1f} cm³)."
    return f"{told} Within the measurement error: less than {row.smallest_cm3:.1f} cm³ cannot be told from noise."


def digits(row: ChildRow) -> int:
    """Decimals of a volume: none for the total, whose error is of several cm³."""
    return 0 if row.region == TOTAL else 1


def _reach(reach: float | None, decimals: int = 1) -> str:
    """Half of the interval of measurement error; "" where it is not known."""
    return "" if reach is None else f"±{reach:.{decimals}f}"


def _mark(row: ChildRow | AsymmetryRow) -> str:
    """A sign after a z that measurement error alone could have made."""
    return "≈" if row.within_error else "?" if row.beyond and not row.beyond_surely else ""
