"""The form of a fit: from whom, by which method, under which name; who would be taken is told as it is filled in."""

from collections.abc import Collection
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from PySide6.QtCore import QRegularExpression, QSettings, Qt, QTimer
from PySide6.QtGui import QRegularExpressionValidator
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from ctworkbench.core.norms.cohort import LEAST_PER_SEX, METHOD_TITLES, Method, Selection
from ctworkbench.core.wording import SOURCE_TITLES, count
from ctworkbench.ui.bridge import Bridge

if TYPE_CHECKING:
    from ctworkbench.core.workbench import Workbench
    from ctworkbench.core.workbench.rows import NormPreview

_METHOD_TIPS = {
    "lms": "Middle, spread and skewness follow age and sex; terms are chosen by BIC. The usual choice",
    "linear": "A straight line in age, one spread for all, normal residuals: the article's own model",
    "quantile": "One regression for each centile and no distribution at all; outer centiles are the least certain",
}
_MEMORY = "norm_fit_"
_NO_AGE = 0.0
_TOLD_HEIGHT = 132


@dataclass(frozen=True)
class FitRequest:
    """What was asked for."""

    name: str
    method: Method
    source: str
    selection: Selection
    title: str
    population: str
    centre: str


class FitDialog(QDialog):
    """Asks for a `FitRequest`; it can be accepted only where a norm can be made.

    Args:
        workbench: the open study.
        bridge: looks aside who would be taken.
        memory: where method, population and centre are remembered.
        sites: of the study's scans.
        taken: names of the norms that the study has.
        parent: the widget it lies over.
    """

    def __init__(
        self,
        workbench: "Workbench",
        bridge: Bridge,
        memory: QSettings,
        sites: Collection[str],
        taken: Collection[str],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._workbench, self._bridge, self._memory = workbench, bridge, memory
        self._taken = {name.lower() for name in taken}
        self.setWindowTitle("Fit a norm to this study's children")
        self.setObjectName("fit_dialog")
        self.setMinimumWidth(560)
        form = QFormLayout()
        form.setVerticalSpacing(7)
        self.name = QLineEdit()
        self.name.setObjectName("fit_name")
        self.name.setPlaceholderText("such as own-2026: letters, digits, . - _")
        self.name.setValidator(QRegularExpressionValidator(QRegularExpression(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")))
        form.addRow("Name", self.name)
        self.title = QLineEdit()
        self.title.setPlaceholderText("one line for people")
        form.addRow("Title", self.title)
        self.method = QComboBox()
        self.method.setObjectName("fit_method")
        for method, title in METHOD_TITLES.items():
            self.method.addItem(f"{title[0].upper()}{title[1:]}", method)
        self.method.setCurrentIndex(max(0, self.method.findData(memory.value(f"{_MEMORY}method", "lms"))))
        form.addRow("Method", self.method)
        self.explained = QLabel()
        self.explained.setProperty("role", "muted")
        self.explained.setWordWrap(True)
        self.explained.setFixedHeight(2 * self.explained.fontMetrics().lineSpacing() + 4)
        form.addRow("", self.explained)
        self.source = QComboBox()
        self.source.setObjectName("fit_source")
        for source, title in SOURCE_TITLES.items():
            self.source.addItem(title, source)
        form.addRow("Label maps", self.source)
        self.unreviewed = QCheckBox("also those that nobody has accepted")
        self.unreviewed.setObjectName("fit_unreviewed")
        form.addRow("", self.unreviewed)
        self.phantoms = QCheckBox("also digital phantoms, for a rehearsal")
        self.phantoms.setObjectName("fit_phantoms")
        self.phantoms.setToolTip(
            "Phantoms are no children and are left out otherwise. A norm that they are in says so for good, "
            "wherever it is shown"
        )
        form.addRow("Phantoms", self.phantoms)
        self.sex = QComboBox()
        self.sex.setObjectName("fit_sex")
        for title, sex in (("Boys and girls", ""), ("Boys alone", "M"), ("Girls alone", "F")):
            self.sex.addItem(title, sex)
        form.addRow("Sex", self.sex)
        self.age_min, self.age_max = (self._age_box(name) for name in ("fit_age_min", "fit_age_max"))
        ages = QHBoxLayout()
        ages.setSpacing(8)
        for widget in (self.age_min, QLabel("to"), self.age_max):
            ages.addWidget(widget)
        ages.addStretch()
        form.addRow("Ages", ages)
        self.site = QComboBox()
        self.site.setObjectName("fit_site")
        self.site.addItem("All sites", "")
        for site in sorted(filter(None, sites)):
            self.site.addItem(site, site)
        form.addRow("Site", self.site)
        self.repeats = QComboBox()
        for title, which in (("First", "first"), ("Last", "last")):
            self.repeats.addItem(f"{title} scan of each child", which)
        form.addRow("Several scans", self.repeats)
        self.population, self.centre = QLineEdit(), QLineEdit()
        self.population.setPlaceholderText("who the children are, such as: head CT read as normal")
        self.centre.setPlaceholderText("where they were scanned")
        form.addRow("Population", self.population)
        form.addRow("Centre", self.centre)
        for box, key in ((self.population, "population"), (self.centre, "centre")):
            box.setText(str(memory.value(f"{_MEMORY}{key}", "")))
        self.told = QLabel()
        self.told.setObjectName("fit_told")
        self.told.setWordWrap(True)
        self.told.setAlignment(Qt.AlignmentFlag.AlignTop)
        told = QScrollArea()  # what is told may be long; the form keeps its room
        told.setWidget(self.told)
        told.setWidgetResizable(True)
        told.setFrameShape(QFrame.Shape.NoFrame)
        told.setMinimumHeight(_TOLD_HEIGHT)
        self.buttons = QDialogButtonBox()
        self.fit_button = self.buttons.addButton("Fit", QDialogButtonBox.ButtonRole.AcceptRole)
        self.fit_button.setDefault(True)
        cancel = self.buttons.addButton(QDialogButtonBox.StandardButton.Cancel)
        cancel.setAutoDefault(False)  # else Enter in a field, once it was tabbed to, throws the form away
        self.buttons.accepted.connect(self._accept)
        self.buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(told, 1)
        layout.addWidget(self.buttons)
        self._ready = False
        self._wait = QTimer(self)
        self._wait.setSingleShot(True)
        self._wait.setInterval(150)
        self._wait.timeout.connect(self._look)
        self.name.textChanged.connect(lambda _: self._check())
        for combo in (self.method, self.source, self.sex, self.site, self.repeats):
            combo.currentIndexChanged.connect(lambda _: self._later())
        for age in (self.age_min, self.age_max):
            age.valueChanged.connect(lambda _: self._later())
        for tick in (self.unreviewed, self.phantoms):
            tick.toggled.connect(lambda _: self._later())
        self._later()

    @staticmethod
    def _age_box(name: str) -> QDoubleSpinBox:
        box = QDoubleSpinBox()
        box.setObjectName(name)
        box.setRange(_NO_AGE, 120.0)
        box.setDecimals(2)
        box.setSingleStep(0.5)
        box.setSpecialValueText("any")
        box.lineEdit().setTextMargins(6, 0, 0, 0)
        box.setSuffix(" years")
        return box

    @property
    def request(self) -> FitRequest:
        """What is asked for."""
        return FitRequest(
            name=self.name.text().strip(),
            method=self.method.currentData(),
            source=self.source.currentData(),
            selection=self.selection,
            title=self.title.text().strip(),
            population=self.population.text().strip(),
            centre=self.centre.text().strip(),
        )

    @property
    def selection(self) -> Selection:
        """Which children."""
        site = self.site.currentData()
        return Selection(
            sex=self.sex.currentData() or None,
            age_min=self.age_min.value() or None,
            age_max=self.age_max.value() or None,
            sites=(site,) if site else (),
            unreviewed=self.unreviewed.isChecked(),
            repeats=self.repeats.currentData(),
            phantoms=self.phantoms.isChecked(),
        )

    def _later(self) -> None:
        method = self.method.currentData()
        least = LEAST_PER_SEX[method]
        self.explained.setText(f"{_METHOD_TIPS[method]}. At least {least} boys and {least} girls.")
        self._ready = False
        self._check()
        self._wait.start()

    def _look(self) -> None:
        norms, asked = self._workbench.norms, self.request
        self._bridge.run(
            lambda: norms.preview_fit(asked.method, asked.source, asked.selection), self._tell, key="norm preview"
        )

    def _tell(self, found: "NormPreview") -> None:
        parts: list[str] = []
        if found.refusal:
            parts.append(f"<span style='color:#f2b84b'>{escape(found.refusal)}</span>")
        if found.ages is not None:
            young, old = found.ages
            who = f"{count(found.n_male, 'boy')} and {count(found.n_female, 'girl')}"
            parts.append(f"<b>{who}</b> of {young:.2f} to {old:.2f} years.")
        left = "; ".join(f"{reason}: {n}" for reason, n in found.excluded.items())
        if left:
            parts.append(f"Left out: {escape(left)}.")
        parts += [escape(note) for note in found.notes]
        self.told.setText("<br>".join(parts))
        self._ready = not found.refusal
        self._check()

    def _check(self) -> None:
        name = self.name.text().strip()
        free = bool(name) and name.lower() not in self._taken
        self.name.setToolTip("" if free or not name else "A norm of this name is there already")
        self.fit_button.setEnabled(self._ready and free)
        if not name:
            self.fit_button.setToolTip("Give the norm a name")
        elif not free:
            self.fit_button.setToolTip("A norm of this name is there already; norms are kept for good")
        else:
            self.fit_button.setToolTip("")

    def _accept(self) -> None:
        asked = self.request
        for key, value in (("method", asked.method), ("population", asked.population), ("centre", asked.centre)):
            self._memory.setValue(f"{_MEMORY}{key}", value)
        self.accept()
