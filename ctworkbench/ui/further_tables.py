"""The further tables as a group of the page of tables, and how many children harmonizing needs."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QSpinBox, QWidget

from ctworkbench.core.analysis.further_sheets import SHEETS, harmonized_sheet, sheets
from ctworkbench.core.analysis.harmonization import LEAST_PER_BATCH, MIN_PER_BATCH
from ctworkbench.core.analysis.sheet import TableSheet
from ctworkbench.ui.table_group import Choice, TableGroup, Tell

if TYPE_CHECKING:
    from ctworkbench.core.workbench import Workbench


def _read(workbench: "Workbench", choice: Choice) -> Sequence[TableSheet]:
    tables = workbench.norms.further_tables(choice.source, choice.harmonize, choice.repeats)
    return (*sheets(tables), harmonized_sheet(tables))


def _write(workbench: "Workbench", choice: Choice, out: Path, formats: Sequence[str], tell: Tell) -> Sequence[str]:
    tell("Further tables…")
    workbench.norms.write_further_tables(out, choice.source, formats, choice.repeats, choice.harmonize)
    return ()


FURTHER = TableGroup("Further tables", SHEETS, _read, _write)

_LEAST = "tables_least_children"


class LeastChildren(QSpinBox):
    """Children that a scanner or site needs to be harmonized, remembered."""

    def __init__(self, memory: QSettings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("tables_least_children")
        self.setAccessibleName("Children that a scanner or site needs to be harmonized")
        self.setToolTip("A scanner or site with fewer children is left out by name; 20 to 30 are advised")
        self.setRange(LEAST_PER_BATCH, 1000)
        self.setPrefix("from ")
        self.setSuffix(" children")
        self.setKeyboardTracking(False)
        self.lineEdit().setTextMargins(6, 0, 0, 0)
        self.setValue(int(str(memory.value(_LEAST, MIN_PER_BATCH))))
        self.valueChanged.connect(lambda value: memory.setValue(_LEAST, value))
