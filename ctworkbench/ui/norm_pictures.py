"""The pictures of one norm: region, sex and the norm beside it are chosen here; curves, calibration, comparison."""

import csv
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QSettings, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QTabWidget, QVBoxLayout, QWidget

from ctworkbench.core.norms.comparing import Comparison
from ctworkbench.core.schemes import DEFAULT, load
from ctworkbench.ui.chart_theme import Theme, chosen_theme
from ctworkbench.ui.norm_comparison import ComparisonTable, write_comparison
from ctworkbench.ui.norm_plots import SEXES, CalibrationPlots, CurvesPlot, NormCurves, csv_rows

_REGION, _SEX, _TAB = "norms_region", "norms_sex", "norms_tab"
_NOT_CALIBRATED = "The article gives no data to calibrate its norm with: fit a norm to your own children to see it."


class NormPictures(QWidget):
    """Choices above, three pages of pictures below; what is drawn is read by whoever hears `wanted`."""

    wanted = Signal()
    """Another region, sex or norm beside was chosen."""

    def __init__(self, memory: QSettings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._memory = memory
        self.setMinimumWidth(420)
        self.region = self._combo("norm_region", "Region", "Region that is drawn")
        for region in load(DEFAULT).regions:
            self.region.addItem(region.title, region.name)
        self.region.setCurrentIndex(max(0, self.region.findData(memory.value(_REGION, "right_frontal"))))
        self.sex = self._combo("norm_sex", "Sex", "Whose curves are drawn")
        for text, sex in (("Boys and girls", "MF"), ("Boys", "M"), ("Girls", "F")):
            self.sex.addItem(text, sex)
        self.sex.setCurrentIndex(max(0, self.sex.findData(memory.value(_SEX, "MF"))))
        self.beside = self._combo(
            "norm_beside", "Compare with", "Another norm, dashed in the curves and in numbers under Comparison"
        )
        choices = QHBoxLayout()
        for text, widget in (("Region", self.region), ("", self.sex), ("Compare with", self.beside)):
            if text:
                label = QLabel(text)
                label.setProperty("role", "muted")
                label.setBuddy(widget)
                choices.addWidget(label)
            choices.addWidget(widget)
        choices.addStretch()
        self.curves = CurvesPlot()
        self.calibration = CalibrationPlots()
        self.comparison = ComparisonTable()
        self.told = QLabel()
        self.told.setObjectName("curves_told")
        self.told.setProperty("role", "muted")
        self.told.setWordWrap(True)
        drawn = QWidget()
        inside = QVBoxLayout(drawn)
        inside.setContentsMargins(8, 8, 8, 6)
        inside.addWidget(self.curves, 1)
        inside.addWidget(self.told)
        self.tabs = QTabWidget()
        self.tabs.setObjectName("norm_pictures")
        for widget, text in ((drawn, "Curves"), (self.calibration, "Calibration"), (self.comparison, "Comparison")):
            self.tabs.addTab(widget, text)
        self.tabs.setCurrentIndex(int(str(memory.value(_TAB, 0))))
        self.tabs.currentChanged.connect(lambda index: memory.setValue(_TAB, index))
        for combo in (self.region, self.sex, self.beside):
            combo.currentIndexChanged.connect(lambda _: self._chosen())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 0, 0, 0)
        layout.addLayout(choices)
        layout.addWidget(self.tabs, 1)

    @staticmethod
    def _combo(name: str, spoken: str, tip: str) -> QComboBox:
        combo = QComboBox()
        combo.setObjectName(name)
        combo.setAccessibleName(spoken)
        combo.setToolTip(tip)
        return combo

    @property
    def shown(self) -> NormCurves | None:
        """The curves that are drawn."""
        return self.curves.shown

    @property
    def what(self) -> str:
        """Which page is shown: "curves", "calibration" or "comparison"."""
        return self.tabs.tabText(self.tabs.currentIndex()).lower()

    @property
    def theme(self) -> Theme:
        """Colours of the plots: those of the charts."""
        return chosen_theme(self._memory)

    def offer(self, names: Sequence[str]) -> None:
        """List the norms that one can be compared with."""
        before = self.beside.currentData()
        self.beside.blockSignals(True)
        self.beside.clear()
        self.beside.addItem("no other", "")
        for name in names:
            self.beside.addItem(name, name)
        self.beside.setCurrentIndex(max(0, self.beside.findData(before)))
        self.beside.blockSignals(False)

    def show_norm(self, name: str, shown: NormCurves | None, compared: Comparison | str) -> None:
        """Draw a norm; `shown` is None where it lacks the region, `compared` a sentence where nothing is compared."""
        theme = self.theme
        if shown is None:
            self.curves.show_nothing(theme)
            self.calibration.show_calibration(None, "The norm has no such region.", theme)
            self.told.setText(f"The norm {name} has no {self.region.currentText().lower()}.")
        else:
            self.curves.show_curves(shown, [sex for sex in SEXES if sex in self.sex.currentData()], theme)
            dashed = f" Dashed: {shown.other}." if shown.other else ""
            caution = f"{shown.caution} " if shown.caution else ""
            self.told.setText(
                f"{caution}5th, 25th, 50th, 75th and 95th centile; "
                f"shaded: 95 % interval of the 5th, 50th and 95th.{dashed}"
            )
            self.calibration.show_calibration(shown.calibration, _NOT_CALIBRATED, theme)
        if isinstance(compared, str):
            self.comparison.show_comparison(None, compared)
        else:
            self.comparison.show_comparison(compared, region=self.region.currentData())

    def write(self, path: Path) -> None:
        """Write what is shown: a picture (.png), or its numbers (.csv).

        Raises:
            OSError: the file cannot be written.
        """
        if path.suffix.lower() == ".png":
            if not self.tabs.currentWidget().grab().save(str(path)):
                raise OSError(0, "the picture could not be saved")
        elif self.what == "comparison" and self.comparison.shown is not None:
            write_comparison(self.comparison.shown, path)
        else:
            rows = [] if self.shown is None else csv_rows(self.shown)
            with path.open("w", encoding="utf-8", newline="") as stream:
                writer = csv.DictWriter(stream, list(rows[0]) if rows else ["norm"])
                writer.writeheader()
                writer.writerows(rows)

    def _chosen(self) -> None:
        self._memory.setValue(_REGION, self.region.currentData())
        self._memory.setValue(_SEX, self.sex.currentData())
        self.wanted.emit()
