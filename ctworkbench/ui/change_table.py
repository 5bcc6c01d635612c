"""What differs between two versions of a label map, region by region."""

import math
from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from ctworkbench.core.label_changes import RegionChange
from ctworkbench.core.schemes import Scheme

_COLUMNS = ("Region", "Δ cm³", "Dice", "voxels")
_UNCHANGED = QColor("#8a94a3")


class ChangeTable(QTableWidget):
    """A row for every region of the scheme, in its order; regions that are the same stand back."""

    def __init__(self, scheme: Scheme, parent: QWidget | None = None) -> None:
        super().__init__(len(scheme.regions), len(_COLUMNS), parent)
        self._scheme = scheme
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalHeaderLabels(_COLUMNS)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(26)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setSectionsClickable(False)

    def show_changes(self, changes: Sequence[RegionChange], before: str, after: str) -> None:
        """Fill the rows.

        Args:
            changes: one for every region of the scheme.
            before: what the first version is called, such as "v1".
            after: what the other one is called.
        """
        for row, (region, change) in enumerate(zip(self._scheme.regions, changes, strict=True)):
            dice = "–" if math.isnan(change.dice) else f"{change.dice:.3f}"
            moved = f"{change.change_cm3:+.2f}".replace("-", "−") if change.changed else "0"
            volumes = f"{before} {change.before_cm3:.2f} cm³, {after} {change.after_cm3:.2f} cm³"
            voxels = f"{thousands(change.gained)} voxels gained, {thousands(change.lost)} lost"
            for column, text in enumerate((_short(region.title), moved, dice, thousands(change.changed))):
                item = QTableWidgetItem(text)
                if column:
                    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                if not change.changed:
                    item.setForeground(_UNCHANGED)
                item.setToolTip(f"{region.title}: {volumes}; {voxels}. A click or ← → goes to where it differs most")
                self.setItem(row, column, item)


def thousands(number: int) -> str:
    """A number with gaps between its thousands."""
    return f"{number:,}".replace(",", " ")


def _short(title: str) -> str:
    """A region's title for a narrow column: "R frontal"."""
    return title.removesuffix(" lobe").replace("Right ", "R ").replace("Left ", "L ")
