"""The choices above and beside the charts; each is remembered."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QSettings, Qt, Signal
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ctworkbench.core.schemes import DEFAULT, load
from ctworkbench.core.wording import SOURCE_TITLES, count
from ctworkbench.ui.chart_bands import BAND_KINDS
from ctworkbench.ui.chart_dots import Style, symbol_pixmap
from ctworkbench.ui.chart_groups import COLOR_BY, SEX_TITLES, Grouping
from ctworkbench.ui.chart_legend import Legend
from ctworkbench.ui.chart_theme import THEMES, Theme
from ctworkbench.ui.swatch import swatch

if TYPE_CHECKING:
    from collections.abc import Sequence

ALL = "all"
_FILLED = {"child": "Filled: sex of the open scan", "M": "Filled: boys", "F": "Filled: girls", "": "Lines alone"}
_EXPORTS = {
    "png": "Picture (PNG)…",
    "svg": "Drawing (SVG)…",
    "pdf": "Page (PDF)…",
    "csv": "Numbers shown (CSV)…",
}
_MEMORY = "charts/"


class ChartTools(QWidget):
    """One row: which label maps, colour, bands, lasso, ground, and what goes out."""

    source_changed = Signal()
    look_changed = Signal()
    lasso_taken = Signal(bool)
    reset_asked = Signal()
    export_asked = Signal(str)
    """"png", "svg", "pdf" or "csv"."""

    def __init__(self, memory: QSettings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._memory = memory
        self.source = self._combo("source", "Which label maps are shown", {"current": SOURCE_TITLES["current"]}, "")
        titles = {name: f"Colour: {rule.title.lower()}" for name, rule in COLOR_BY.items()}
        self.color_by = self._combo("color_by", "What the dots are coloured by", titles, "color_by")
        self.bands = self._combo("bands", "Lines of the norm", BAND_KINDS, "bands")
        self.filled = self._combo(
            "filled", "Whose band is filled; two fillings over each other cannot be read", _FILLED, "filled"
        )
        self.source.currentIndexChanged.connect(lambda _: self.source_changed.emit())
        self.lasso = QToolButton()
        self.lasso.setText("Lasso")
        self.lasso.setObjectName("lasso")
        self.lasso.setCheckable(True)
        self.lasso.setToolTip("Draw a loop around dots to select them; without the tool, drag with Shift.\nCtrl adds.")
        self.lasso.toggled.connect(self.lasso_taken)
        self.light = QToolButton()
        self.light.setText("Light")
        self.light.setObjectName("light_charts")
        self.light.setCheckable(True)
        self.light.setToolTip("Charts on a light ground, here and in what is exported")
        self.light.setChecked(str(memory.value(f"{_MEMORY}theme", "dark")) == "light")
        self.light.toggled.connect(self._theme_chosen)
        reset = QPushButton("Reset view")
        reset.setObjectName("reset_view")
        reset.setToolTip("Undo zooming (wheel) and panning (drag)")
        reset.clicked.connect(self.reset_asked)
        export = QToolButton()
        export.setText("Export ▾")
        export.setObjectName("export_chart")
        export.setToolTip("Write what is shown to a file")
        export.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(export)
        for kind, text in _EXPORTS.items():
            menu.addAction(text, lambda kind=kind: self.export_asked.emit(kind))
        export.setMenu(menu)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        for widget in (self.source, self.color_by, self.bands, self.filled):
            row.addWidget(widget)
        row.addStretch(1)
        for widget in (self.lasso, self.light, reset, export):
            widget.setAccessibleName(widget.text().removesuffix(" ▾"))
            row.addWidget(widget)

    def _combo(self, name: str, hint: str, titles: dict[str, str], key: str) -> QComboBox:
        """A choice; one with a key is remembered."""
        combo = QComboBox()
        combo.setObjectName(name)
        combo.setAccessibleName(hint)
        combo.setToolTip(hint)
        for value, title in titles.items():
            combo.addItem(title, value)
        if key:
            kept = str(self._memory.value(f"{_MEMORY}{key}", next(iter(titles))))
            combo.setCurrentIndex(max(0, combo.findData(kept)))
            combo.currentIndexChanged.connect(lambda _: self._chosen(key, combo))
        return combo

    def _chosen(self, key: str, combo: QComboBox) -> None:
        self._memory.setValue(f"{_MEMORY}{key}", combo.currentData())
        self.look_changed.emit()

    def _theme_chosen(self, light: bool) -> None:
        self._memory.setValue(f"{_MEMORY}theme", "light" if light else "dark")
        self.look_changed.emit()

    @property
    def theme(self) -> Theme:
        """The chosen ground."""
        return THEMES["light" if self.light.isChecked() else "dark"]

    def set_sources(self, sources: "Sequence[str]") -> None:
        """Offer the kinds of label maps that were measured; the chosen one stays chosen if it is among them."""
        present = list(sources) or ["current"]
        if [self.source.itemData(row) for row in range(self.source.count())] == present:
            return
        chosen = self.source.currentData()
        self.source.blockSignals(True)
        self.source.clear()
        for name in present:
            self.source.addItem(SOURCE_TITLES.get(name, name), name)
        self.source.setCurrentIndex(max(0, self.source.findData(chosen)))
        self.source.blockSignals(False)


class ChartChoices(QWidget):
    """The column beside the charts: region, sexes, and what the signs mean."""

    region_changed = Signal()
    sexes_changed = Signal()

    def __init__(self, memory: QSettings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._memory = memory
        self.setFixedWidth(190)
        self.regions = QListWidget()
        self.regions.setObjectName("regions")
        self.regions.setAccessibleName("Region")
        everything = QListWidgetItem("All ten regions")
        everything.setData(Qt.ItemDataRole.UserRole, ALL)
        self.regions.addItem(everything)
        for region in load(DEFAULT).regions:
            item = QListWidgetItem(swatch(region.color, 11), region.title)
            item.setData(Qt.ItemDataRole.UserRole, region.name)
            self.regions.addItem(item)
        self.regions.setCurrentRow(1)
        self.choose(str(memory.value(f"{_MEMORY}region", "")))
        self.regions.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.regions.setFixedHeight(11 * 24 + 14)
        self.regions.setUniformItemSizes(True)
        self.regions.currentRowChanged.connect(self._region_chosen)
        self.sexes: dict[str, QCheckBox] = {}
        self.legend = Legend()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        layout.addWidget(self.regions)
        for sex, title in SEX_TITLES.items():
            box = QCheckBox(title)
            box.setObjectName(f"sex_{sex or 'unknown'}")
            box.setToolTip(f"Show scans of {title} children" if sex else "Show scans of children of unknown sex")
            box.setChecked(True)
            box.toggled.connect(lambda _: self.sexes_changed.emit())
            self.sexes[sex] = box
            layout.addWidget(box)
        layout.addSpacing(4)
        layout.addWidget(self.legend)
        layout.addStretch(1)

    @property
    def region(self) -> str:
        """Name of the chosen region, or "all"."""
        return self.regions.currentItem().data(Qt.ItemDataRole.UserRole)

    @property
    def shown_sexes(self) -> frozenset[str]:
        """The sexes that are ticked."""
        return frozenset(sex for sex, box in self.sexes.items() if box.isChecked())

    def choose(self, name: str) -> None:
        """Choose a region, or "all"; nothing happens where there is none of that name."""
        for row in range(self.regions.count()):
            if self.regions.item(row).data(Qt.ItemDataRole.UserRole) == name:
                self.regions.setCurrentRow(row)

    def step(self, steps: int) -> None:
        """Choose a region so many rows on; "all" is passed over."""
        row = self.regions.currentRow() + steps
        self.regions.setCurrentRow(min(max(row, 1), self.regions.count() - 1))

    def show_groups(self, grouping: Grouping, theme: Theme) -> None:
        """Put the signs of the sexes beside their names where the dots are coloured by sex."""
        by_sex = {group.key: group for group in grouping.groups} if grouping.by == "sex" else {}
        for sex, box in self.sexes.items():
            group = by_sex.get(sex)
            count = f" ({grouping.counts[sex]:,})" if group is not None else ""
            box.setText(f"{SEX_TITLES[sex]}{count}")
            sign = QIcon()
            if group is not None:
                ratio = self.devicePixelRatioF()
                sign.addPixmap(symbol_pixmap(Style(group.color(theme), group.symbol), 11, theme.ground, ratio))
            box.setIcon(sign)

    def _region_chosen(self, _row: int) -> None:
        self._memory.setValue(f"{_MEMORY}region", self.region)
        self.region_changed.emit()


class SelectionBar(QWidget):
    """How many scans are selected, and what can be done with them."""

    review_asked = Signal()
    export_asked = Signal()
    cleared = Signal()
    shown = Signal(bool)
    """Whether there is a selection to tell of."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.text = QLabel()
        self.text.setObjectName("selection_text")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        row.addWidget(self.text)
        acts: tuple[tuple[str, str, str, Callable[[], None]], ...] = (
            ("review_selection", "Review these", "List these scans alone in Review", self.review_asked.emit),
            ("export_selection", "Export CSV…", "Write the numbers of these scans", self.export_asked.emit),
            ("clear_selection", "Clear", "Select nothing (Esc)", self.cleared.emit),
        )
        for name, title, hint, act in acts:
            button = QPushButton(title)
            button.setObjectName(name)
            button.setToolTip(hint)
            button.setStyleSheet("padding: 2px 10px;")
            button.clicked.connect(lambda _=False, act=act: act())
            row.addWidget(button)
        row.addStretch(1)

    def show_count(self, number: int) -> None:
        """Say how many are selected; nothing is said of none."""
        self.text.setText(f"{count(number, 'scan')} selected")
        self.shown.emit(number > 0)
