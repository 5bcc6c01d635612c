"""How many children a study needs: a small form, its answer in words, and the curve around it."""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSettings, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)
from shiboken6 import isValid

from ctworkbench.core.analysis.article_tables import region_names
from ctworkbench.core.analysis.power import Level, SampleSize, along, centile, paired, slope, spread_of, two_groups
from ctworkbench.ui.bridge import Bridge
from ctworkbench.ui.chart_theme import chosen_theme
from ctworkbench.ui.norm_plots import dress
from ctworkbench.ui.plotting import pg

if TYPE_CHECKING:
    from ctworkbench.core.norms import Norm
    from ctworkbench.core.workbench import Workbench

DESIGNS = {
    "two groups": "Two groups of children",
    "paired": "Left against right (paired)",
    "slope": "Growth with age (a slope)",
    "centile": "Precision of a norm's centile",
}
_EFFECTS = {"two groups": 5.0, "paired": 1.0, "slope": 8.0, "centile": 5.0}
_SPREADS = {False: 16.2, True: 3.7}
"""SD of a volume and, for pairs, of right minus left: of the frontal lobe in the published norm, in cm³."""
_MEMORY = "sample_size"
_FIELD = 236
Ask = Callable[[float | None, int | None], SampleSize]


@dataclass(frozen=True)
class Answer:
    """One answer, and those for other numbers of children."""

    found: SampleSize
    curve: list[SampleSize]


class SampleSizeDialog(QDialog):
    """A design, an effect in cm³ and a spread; answers with the children for a power, or the power of n children.

    Args:
        workbench: its norm in use tells the spread of a region.
        bridge: the answer is found aside, since the first one loads the distributions.
        memory: where the last question is remembered.
        parent: the widget it stands before.
    """

    def __init__(
        self, workbench: "Workbench", bridge: Bridge, memory: QSettings, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self._memory = memory
        self._answer: Answer | None = None
        self._effects, self._spreads = dict(_EFFECTS), dict(_SPREADS)
        self._shown_design = "two groups"
        self._norm: Norm = workbench.norms.norm()
        self.setWindowTitle("Sample size")
        self.resize(900, 500)
        self._build_inputs()
        title = QLabel("How many children?")
        title.setProperty("role", "title")
        self.answer = QLabel()
        self.answer.setObjectName("sample_size_answer")
        self.answer.setWordWrap(True)
        self.answer.setMinimumHeight(64)
        self.answer.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self.answer.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        theme = chosen_theme(memory)
        self.plot = pg.PlotWidget()
        dress(self.plot, theme)
        self.plot.setObjectName("sample_size_curve")
        self.plot.setAccessibleName("Power by number of children")
        self.plot.setMouseEnabled(False, False)
        self.plot.hideButtons()
        self.plot.setMenuEnabled(False)
        self.plot.showGrid(True, True, 0.15)
        self._line = self.plot.plot([], [], pen=pg.mkPen(theme.series[0], width=2))
        self._mark = self.plot.plot([], [], pen=None, symbol="o", symbolBrush=theme.series[1], symbolSize=10)
        self.note = QLabel()
        self.note.setObjectName("sample_size_note")
        self.note.setProperty("role", "muted")
        self.note.setWordWrap(True)
        right = QVBoxLayout()
        right.addWidget(self.answer)
        right.addWidget(self.plot, 1)
        right.addWidget(self.note)
        columns = QHBoxLayout()
        columns.setSpacing(18)
        columns.addWidget(self._inputs)
        columns.addLayout(right, 1)
        self._outs: list[QPushButton] = []
        box = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        box.rejected.connect(self.reject)
        box.button(QDialogButtonBox.StandardButton.Close).setAutoDefault(False)
        for text, name, slot in (("Copy answer", "copy_answer", self.copy), ("Save curve…", "save_curve", self._save)):
            button = box.addButton(text, QDialogButtonBox.ButtonRole.ActionRole)
            button.setObjectName(name)
            button.setAutoDefault(False)  # Enter in a field asks again and presses nothing
            button.clicked.connect(slot)
            self._outs.append(button)
        layout = QVBoxLayout(self)
        layout.setSpacing(10)
        layout.addWidget(title)
        layout.addLayout(columns, 1)
        layout.addWidget(box)
        self._restore()
        self._shown_design = self.design.currentData()
        self._arrange()
        self._listen()
        self._ask()

    # -- the form --------------------------------------------------------------------------------------------------

    def _build_inputs(self) -> None:
        self.design = QComboBox()
        for name, text in DESIGNS.items():
            self.design.addItem(text, name)
        self.region = QComboBox()
        self.region.setToolTip(
            "Takes the SD of the norm in use at its middle age, the wider of both sexes; “by hand” leaves it to you"
        )
        self._fill_spreads()
        self.effect = _number(5.0, 0.0, 1000.0, " cm³", "The smallest difference that would matter")
        self.sd = _number(16.2, 0.001, 1000.0, " cm³", "Of children of one age and sex")
        self.age_sd = _number(0.285, 0.001, 100.0, " years", "How far the ages of the children spread", 3)
        self.covariates = _count(1, 0, 50, "Other predictors in the model, such as sex")
        self.ratio = _number(1.0, 0.01, 100.0, "", "Size of the second group over that of the first")
        self.centile = _number(5.0, 0.1, 99.9, "", "The centile that is to be read", 1)
        self.half_width = _number(2.0, 0.001, 1000.0, " cm³", "Half of the width of the centile's 95 % interval")
        self.off_age = _number(0.0, 0.0, 10.0, " SD", "From the mean age; 1.73 is either end of an even range")
        self.normal = QCheckBox("Volumes are taken for normal")
        self.normal.setChecked(True)
        self.normal.setToolTip("Otherwise any distribution, as by quantile regression: that needs more children")
        self.sought = QComboBox()
        self.sought.addItem("Children needed", "children")
        self.sought.addItem("Power reached", "power")
        self.sought.setToolTip("What is to be found; the other is given below")
        self.power = _number(0.8, 0.01, 0.999, "", "Chance of finding the effect if it is there", 3)
        self.n = _count(100, 2, 10_000_000, "Children in all; for a centile, of one sex")
        self.alpha = _number(0.05, 0.0001, 0.5, "", "Chance of finding an effect that is not there", 4)
        self.tests = _count(1, 1, 1000, "Regions that are tested and share alpha (Bonferroni)")
        self.one_sided = QCheckBox("One-sided")
        self.one_sided.setToolTip("Only if an effect the other way round would be ignored")
        self._inputs = QWidget()
        self._inputs.setFixedWidth(_FIELD + 160)
        self._form = QFormLayout(self._inputs)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setLabelAlignment(Qt.AlignmentFlag.AlignRight)
        self._form.setVerticalSpacing(7)
        self._rows: dict[str, tuple[str, QWidget]] = {
            "design": ("Design", self.design),
            "region": ("Spread of", self.region),
            "effect": ("Difference", self.effect),
            "sd": ("SD", self.sd),
            "age_sd": ("SD of age", self.age_sd),
            "covariates": ("Other predictors", self.covariates),
            "ratio": ("Second group : first", self.ratio),
            "centile": ("Centile", self.centile),
            "off_age": ("Off the mean age", self.off_age),
            "normal": ("", self.normal),
            "find": ("Find", self.sought),
            "power": ("Power", self.power),
            "half_width": ("Half-width", self.half_width),
            "n": ("Children", self.n),
            "alpha": ("Alpha", self.alpha),
            "tests": ("Tests", self.tests),
            "one_sided": ("", self.one_sided),
        }
        for name, (text, widget) in self._rows.items():
            widget.setObjectName(f"sample_size_{name}")
            widget.setAccessibleName(text or name)
            widget.setFixedWidth(_FIELD)
            self._form.addRow(text, widget)

    def _fill_spreads(self) -> None:
        """Offer the regions of the norm, or its pairs where two sides are compared."""
        chosen = self.region.currentData()
        names = self._norm.pairs if self.design.currentData() == "paired" else self._norm.regions
        self.region.blockSignals(True)
        self.region.clear()
        self.region.addItem("by hand", "")
        for name in names:
            self.region.addItem(region_names().get(name, name), name)
        self.region.setCurrentIndex(max(0, self.region.findData(chosen)))
        self.region.blockSignals(False)

    def _arrange(self) -> None:
        """Show the rows of the chosen design."""
        design, for_n = self.design.currentData(), self.sought.currentData() == "children"
        shown = {"design", "region", "sd", "find"}
        if design == "centile":
            shown |= {"centile", "off_age", "normal", "half_width" if for_n else "n"}
        else:
            shown |= {"effect", "alpha", "tests", "one_sided", "power" if for_n else "n"}
        shown |= {"slope": {"age_sd", "covariates"}, "two groups": {"ratio"}}.get(design, set())
        for name, (_, widget) in self._rows.items():
            self._form.setRowVisible(widget, name in shown)
        label = self._form.labelForField
        texts = {"effect": "Slope" if design == "slope" else "Difference"}
        texts["sd"] = {"paired": "SD of the differences", "slope": "SD about the line"}.get(design, "SD")
        texts["region"] = "Spread of pair" if design == "paired" else "Spread of"
        for name, text in texts.items():
            field = label(self._rows[name][1])
            if isinstance(field, QLabel):
                field.setText(text)
        self.effect.setSuffix(" cm³/year" if design == "slope" else " cm³")
        self.sought.setItemText(1, "Half-width reached" if design == "centile" else "Power reached")

    def _listen(self) -> None:
        self.design.currentIndexChanged.connect(self._on_design)
        self.region.currentIndexChanged.connect(self._take_spread)
        for _, widget in self._rows.values():
            if isinstance(widget, QDoubleSpinBox | QSpinBox):
                widget.valueChanged.connect(lambda _: self._ask())
            elif isinstance(widget, QCheckBox):
                widget.toggled.connect(lambda _: self._ask())
        self.sought.currentIndexChanged.connect(lambda _: (self._arrange(), self._ask()))

    def _on_design(self) -> None:
        was = self._shown_design
        self._effects[was] = self.effect.value()
        self._shown_design = self.design.currentData()
        self.effect.setValue(self._effects[self._shown_design])
        self._spreads[was == "paired"] = self.sd.value()
        self.sd.setValue(self._spreads[self._shown_design == "paired"])
        self._fill_spreads()
        self._arrange()
        self._take_spread()
        self._ask()

    def _take_spread(self) -> None:
        """Take the SD of a region, or of a pair's difference, from the norm in use."""
        name = self.region.currentData()
        if not name:
            return
        self.sd.setValue(spread_of(self._norm, name, self.design.currentData() == "paired"))

    # -- the answer ------------------------------------------------------------------------------------------------

    def _question(self) -> Ask:
        """What is asked, with either the power (or half-width) or n left open; it touches no widget."""
        design, sd, effect = self.design.currentData(), self.sd.value(), self.effect.value()
        ratio, age_sd, covariates = self.ratio.value(), self.age_sd.value(), self.covariates.value()
        at, off, normal = self.centile.value(), self.off_age.value(), self.normal.isChecked()
        alpha, tests = self.alpha.value(), self.tests.value()
        one_sided = self.one_sided.isChecked()

        def ask(wanted: float | None, n: int | None) -> SampleSize:
            if design == "centile":
                return centile(at, wanted, n, sd, off_age=off, normal=normal)
            level = Level(alpha, tests, "one-sided" if one_sided else "two-sided")
            if design == "slope":
                return slope(effect, sd, age_sd, wanted, n, covariates, level)
            if design == "paired":
                return paired(effect / sd, wanted, n, level)
            return two_groups(effect / sd, wanted, n, ratio, level)

        return ask

    def _ask(self) -> None:
        ask = self._question()
        wanted = self.half_width.value() if self.design.currentData() == "centile" else self.power.value()
        n = self.n.value()
        for_n = self.sought.currentData() == "children"

        def find() -> Answer:
            found = ask(wanted, None) if for_n else ask(None, n)
            return Answer(found, along(lambda count: ask(None, count), found))

        if self._answer is None:
            self._say("Working it out…", "muted")
        self._bridge.run(find, self._show, self._refused, key="sample_size")

    def _show(self, answer: Answer) -> None:
        self._answer = answer
        centile_design = answer.found.design == "centile"
        self._say(answer.found.sentence, "heading")
        self._set_outs(True)
        values = [row.half_width if centile_design else row.power for row in answer.curve]
        self._line.setData([row.n for row in answer.curve], values)
        self._mark.setData([answer.found.n], [answer.found.half_width if centile_design else answer.found.power])
        self.plot.setLabel("bottom", "children of one sex" if centile_design else "children")
        self.plot.setLabel("left", "half-width (cm³)" if centile_design else "power")
        if centile_design:
            self.plot.enableAutoRange(axis="y")
        else:
            self.plot.setYRange(0, 1, padding=0.02)
        norm = f"Spread by hand, or from the norm in use: {self._norm.title}."
        self.note.setText(
            f"{norm} A calculation for planning; it knows nothing of drop-outs, failed scans or several sites."
        )

    def _refused(self, error: Exception) -> None:
        if not isValid(self):  # it was closed while the question was asked
            return
        self._answer = None
        self._say(str(error), "warning")
        self._line.setData([], [])
        self._mark.setData([], [])
        self._set_outs(False)

    def _set_outs(self, answered: bool) -> None:
        for button in self._outs:
            button.setEnabled(answered)

    def _say(self, text: str, role: str) -> None:
        self.answer.setProperty("role", role)
        self.answer.style().polish(self.answer)
        self.answer.setText(text)

    # -- out -------------------------------------------------------------------------------------------------------

    def copy(self) -> None:
        """Put the answer on the clipboard."""
        QGuiApplication.clipboard().setText(self.answer.text())

    def _save(self) -> None:
        chosen, _ = QFileDialog.getSaveFileName(self, "Save the curve", "sample_size.csv", "CSV (*.csv)")
        if chosen:
            try:
                self.save(Path(chosen))
            except OSError as error:
                self._bridge.notify(f"{chosen} cannot be written: {error.strerror}.", "Choose another folder.", "error")

    def save(self, path: Path) -> None:
        """Write the answer and its curve as CSV.

        Raises:
            OSError: the file cannot be written.
        """
        fields = [name for name in SampleSize.model_fields if name != "sentence"]
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(fields)
            for row in self._answer.curve if self._answer is not None else []:
                writer.writerow(["" if getattr(row, name) is None else getattr(row, name) for name in fields])

    def done(self, result: int) -> None:
        """Close, and remember the question."""
        self._memory.beginGroup(_MEMORY)
        for name, (_, widget) in self._rows.items():
            if isinstance(widget, QComboBox):
                self._memory.setValue(name, widget.currentData())
            elif isinstance(widget, QDoubleSpinBox | QSpinBox):
                self._memory.setValue(name, widget.value())
            elif isinstance(widget, QCheckBox):
                self._memory.setValue(name, int(widget.isChecked()))
        self._memory.endGroup()
        super().done(result)

    def _restore(self) -> None:
        self._memory.beginGroup(_MEMORY)
        for name, (_, widget) in self._rows.items():
            value = self._memory.value(name)
            if value is None:
                continue
            if isinstance(widget, QComboBox):
                widget.setCurrentIndex(max(0, widget.findData(str(value))))
                if widget is self.design:
                    self._fill_spreads()
            elif isinstance(widget, QDoubleSpinBox):
                widget.setValue(float(str(value)))
            elif isinstance(widget, QSpinBox):
                widget.setValue(int(str(value)))
            elif isinstance(widget, QCheckBox):
                widget.setChecked(bool(int(str(value))))
        self._memory.endGroup()


def _number(value: float, low: float, high: float, suffix: str, tip: str, digits: int = 2) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setDecimals(digits)
    box.setRange(low, high)
    box.setSingleStep(10**-digits * (10 if digits > 1 else 1))
    box.setValue(value)
    box.setSuffix(suffix)
    box.setToolTip(tip)
    box.setKeyboardTracking(False)
    box.lineEdit().setTextMargins(6, 0, 0, 0)
    return box


def _count(value: int, low: int, high: int, tip: str) -> QSpinBox:
    box = QSpinBox()
    box.setRange(low, high)
    box.setValue(value)
    box.setToolTip(tip)
    box.setKeyboardTracking(False)
    box.lineEdit().setTextMargins(6, 0, 0, 0)
    return box
