"""How well volumes can be measured: the test–retest error of each region by kind of label maps."""

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from ctworkbench.core.schemes import DEFAULT, load
from ctworkbench.core.wording import SOURCE_TITLES
from ctworkbench.ui.bridge import Bridge
from ctworkbench.ui.child_tables import NumberTable

if TYPE_CHECKING:
    from ctworkbench.core.norms.measurement_error import MeasurementError
    from ctworkbench.core.workbench import Workbench

_TITLES = ("cm³", "Sw", "95 %", "± one scan", "Change from", "Bias", "SD of error")
_TIPS = (
    "Region; pairs stand for right minus left",
    "Within-subject SD of repeated measurements of one brain",
    "95 % interval of Sw: with few repeats it is wide",
    "1.96 · Sw: 95 % of measurements lie within this much of their mean",
    "1.96 · √2 · Sw: the smallest change between two scans that can be told from noise",
    "Mean of measured minus true volume",
    "SD of measured minus true volume",
)


class ErrorDialog(QDialog):
    """A table of regions, pairs and the total for one kind of label maps, with where it comes from."""

    def __init__(self, workbench: "Workbench", bridge: Bridge, source: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workbench = workbench
        self._bridge = bridge
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("How well volumes can be measured")
        self.setObjectName("error_dialog")
        self.resize(660, 620)
        self.source = QComboBox()
        self.source.setObjectName("error_source")
        for name in ("registration", "expert", "model"):
            self.source.addItem(SOURCE_TITLES[name], name)
        self.source.setCurrentIndex(max(0, self.source.findData(source)))
        self.gap = QDoubleSpinBox()
        self.gap.setObjectName("error_gap")
        self.gap.setRange(0.0, 1.0)
        self.gap.setSingleStep(0.05)
        self.gap.setValue(0.1)
        self.gap.setSuffix(" years")
        self.gap.lineEdit().setTextMargins(6, 0, 0, 0)
        self.gap.setToolTip("Two scans of one child no further apart than this count as a repeat")
        self.table = NumberTable(_TITLES, _TIPS, (56, 92, 88, 96, 60, 92), "error_table")
        self.note = QLabel()
        self.note.setObjectName("error_note")
        self.note.setWordWrap(True)
        self.note.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        choices = QHBoxLayout()
        for text, widget in (("Label maps", self.source), ("Repeats within", self.gap)):
            label = QLabel(text)
            label.setProperty("role", "muted")
            label.setBuddy(widget)
            choices.addWidget(label)
            choices.addWidget(widget)
        choices.addStretch(1)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        buttons.button(QDialogButtonBox.StandardButton.Close).setAutoDefault(False)  # Enter in a field asks again
        layout = QVBoxLayout(self)
        layout.addLayout(choices)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.note)
        layout.addWidget(buttons)
        self.source.currentIndexChanged.connect(lambda _: self.refresh())
        self.gap.valueChanged.connect(lambda _: self.refresh())
        self.refresh()

    def refresh(self) -> None:
        """Read what is chosen."""
        source, gap, norms = self.source.currentData(), self.gap.value(), self._workbench.norms
        self._bridge.run(lambda: norms.measurement_errors(source, gap), self._show, key="measurement errors")

    def _show(self, errors: "dict[str, MeasurementError]") -> None:
        titles = {region.name: region.title.replace(" lobe", "") for region in load(DEFAULT).regions}
        rows = list(errors.values())
        texts = [
            (
                titles.get(row.name, "Total of ten" if row.name == "total" else f"{row.name.capitalize()} R − L"),
                _number(row.sw_cm3),
                "–" if row.sw_low_cm3 is None else f"{row.sw_low_cm3:.2f}–{row.sw_high_cm3:.2f}",
                _number(row.reach_cm3, "±"),
                _number(row.smallest_change_cm3),
                "–" if row.bias_cm3 is None else f"{row.bias_cm3:+.2f}".replace("-", "−"),
                _number(row.error_sd_cm3),
            )
            for row in rows
        ]
        self.table.show_rows(
            [row.name for row in rows], texts, lambda number, _column: (None, False, rows[number].note)
        )
        told: list[str] = []
        for row in rows:
            varied = f" Varied: {row.detail}." if row.detail else ""
            against = f" Bias and SD against {row.against}." if row.against else ""
            told.append(f"{row.method.capitalize()}: {row.note}{varied}{against}")
        self.note.setText("\n".join(dict.fromkeys(told)))


def _number(value: float | None, sign: str = "") -> str:
    return "–" if value is None else f"{sign}{value:.2f}"
