"""Two norms side by side in numbers: how far their centiles lie apart, by region, sex and age."""

import csv
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QBrush, QColor
from PySide6.QtWidgets import QHeaderView, QLabel, QTableWidget, QTableWidgetItem, QVBoxLayout, QWidget

from ctworkbench.core.norms.comparing import Comparison, Difference
from ctworkbench.core.schemes import DEFAULT, load
from ctworkbench.core.wording import signed

_COLUMNS = ("Sex", "Age\nyears", "Centile", "This", "Other", "Difference\ncm³", "%", "Other's\ncentile")
_TIPS = (
    "",
    "Years",
    "Of this norm",
    "Volume at this centile of this norm, cm³",
    "Volume at this centile of the other norm, cm³",
    "This less the other, cm³",
    "Of the other norm's volume",
    "Which centile of the other norm this norm's volume is",
)
_SEXES = {"M": "boys", "F": "girls"}
_FAR = 10.0  # centiles: what a child would be told by one norm and not by the other


class ComparisonTable(QWidget):
    """Differences of one region at three centiles; what else differs between the norms stands below."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.shown: Comparison | None = None
        self.table = QTableWidget(0, len(_COLUMNS))
        self.table.setObjectName("norm_comparison")
        self.table.setAccessibleName("Differences of two norms")
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.table.setAlternatingRowColors(True)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(23)
        for number, title in enumerate(_COLUMNS):
            self._head(number, title)
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.told = QLabel()
        self.told.setObjectName("comparison_told")
        self.told.setWordWrap(True)
        self.told.setProperty("role", "muted")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 6)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.told)
        layout.addStretch()

    def _head(self, column: int, title: str) -> None:
        item = QTableWidgetItem(title)
        item.setToolTip(_TIPS[column])
        self.table.setHorizontalHeaderItem(column, item)

    def show_comparison(self, found: Comparison | None, why_not: str = "", region: str = "") -> None:
        """Show the differences of one region; a sentence where there is nothing to compare."""
        self.shown = found
        self.table.setRowCount(0)
        self.table.setVisible(found is not None)
        if found is None:
            self.told.setText(why_not)
            return
        titles = {entry.name: entry.title for entry in load(DEFAULT).regions}
        rows = [row for row in found.rows if row.region == region]
        for column, name in ((3, found.one), (4, found.other)):
            self._head(column, f"{name}\ncm³")
        self.table.setRowCount(len(rows))
        for number, row in enumerate(rows):
            far = abs(row.centile_in_other - row.centile) > _FAR
            for column, text in enumerate(_texts(row)):
                item = QTableWidgetItem(text)
                side = Qt.AlignmentFlag.AlignLeft if column < 1 else Qt.AlignmentFlag.AlignRight
                item.setTextAlignment(side | Qt.AlignmentFlag.AlignVCenter)
                if far and column >= 5:
                    item.setForeground(QBrush(QColor("#f2b84b")))
                self.table.setItem(number, column, item)
        widest = max((found.largest(name) for name in found.regions), key=lambda row: abs(row.percent))
        differ = " ".join(f"{note.split(': ')[0]}." for note in found.notes)
        self.told.setText(
            f"Both hold from {found.ages[0]:.2f} to {found.ages[-1]:.2f} years. "
            "Farthest apart of all regions in the middle (50th): "
            f"{titles.get(widest.region, widest.region)}, {_SEXES[widest.sex]} of {widest.age_years:.2f} years, "
            f"{signed(widest.difference_cm3, 1)} cm³ ({signed(widest.percent, 1)} %). {differ}"
        )
        self.told.setToolTip("\n".join(found.notes))


def write_comparison(found: Comparison, path: Path) -> None:
    """Write all differences as CSV.

    Raises:
        OSError: the file cannot be written.
    """
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(
            (
                "region", "sex", "age_years", "centile", f"{found.one}_cm3", f"{found.other}_cm3", "difference_cm3",
                "percent", f"centile_in_{found.other}",
            )
        )  # fmt: skip
        for row in found.rows:
            writer.writerow(
                (
                    row.region, row.sex, row.age_years, row.centile, row.one_cm3, row.other_cm3, row.difference_cm3,
                    row.percent, row.centile_in_other,
                )
            )  # fmt: skip


def _texts(row: Difference) -> tuple[str, ...]:
    return (
        _SEXES[row.sex],
        f"{row.age_years:.2f}",
        f"{row.centile:g}",
        f"{row.one_cm3:.1f}",
        f"{row.other_cm3:.1f}",
        signed(row.difference_cm3, 1),
        signed(row.percent, 1),
        f"{row.centile_in_other:.0f}",
    )
