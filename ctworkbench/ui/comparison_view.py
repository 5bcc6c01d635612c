"""What a comparison found: box plot, notes, tables of figures and of tests."""

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QSettings, Qt
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QSplitter,
    QStackedWidget,
    QTabWidget,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.model_comparison.box_plot import SET_TITLES, boxes
from ctworkbench.core.model_comparison.measures import BY_KEY, MEASURES
from ctworkbench.core.model_comparison.paired import TESTS
from ctworkbench.core.model_comparison.sheets import figure_sheet, sentences, test_sheet
from ctworkbench.core.training import LABEL_KINDS
from ctworkbench.core.wording import count
from ctworkbench.ui.box_plot import BoxPlot
from ctworkbench.ui.bridge import Bridge
from ctworkbench.ui.chart_theme import chosen_theme
from ctworkbench.ui.sheet_notes import notes_html
from ctworkbench.ui.sheet_view import SheetView
from ctworkbench.ui.shortened_label import ShortenedLabel

if TYPE_CHECKING:
    from ctworkbench.core.model_comparison.paired import Test
    from ctworkbench.core.model_comparison.result import ComparisonResult
    from ctworkbench.core.splits import Role


class ComparisonView(QWidget):
    """Choices of what is shown above; box plot beside the notes, tables below; a sentence where there is nothing.

    Args:
        bridge: makes the tables aside.
        memory: where choices are remembered.
        parent: the widget it lies in.
    """

    def __init__(self, bridge: Bridge, memory: QSettings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bridge, self._memory = bridge, memory
        self.result: ComparisonResult | None = None
        self.warning = ShortenedLabel()
        self.warning.setObjectName("comparison_warning")
        self.warning.setProperty("role", "warning")
        self.warning.hide()
        self.empty = QLabel()
        self.empty.setObjectName("comparison_empty")
        self.empty.setWordWrap(True)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.empty.setProperty("role", "muted")
        self.body = QStackedWidget()
        self.body.addWidget(self.empty)
        self.body.addWidget(self._build_body())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(7)
        layout.addWidget(self._build_choices())
        layout.addWidget(self.warning)
        layout.addWidget(self.body, 1)

    @property
    def test(self) -> "Test":
        """The paired test that is chosen."""
        return self.by.currentData()

    def _build_choices(self) -> QWidget:
        self.measure = named_combo("comparison_measure", "Measure", "What is compared")
        for measure in MEASURES:
            self.measure.addItem(measure.title, measure.key)
            self.measure.setItemData(self.measure.count() - 1, measure.meaning, Qt.ItemDataRole.ToolTipRole)
        self.region = named_combo(
            "comparison_region", "Region", "What the box plot shows; the tables hold every region"
        )
        self.kind = named_combo(
            "comparison_kind", "Against", "What the box plot is against; the tables hold every kind of labels"
        )
        self.by = named_combo("comparison_by", "Test", "Paired test over the subjects that two configurations share")
        for key, title in TESTS.items():
            self.by.addItem(title, key)
        self.choices = QWidget()
        row = QHBoxLayout(self.choices)
        row.setContentsMargins(0, 0, 0, 0)
        for title, box in (
            ("Measure", self.measure),
            ("Region", self.region),
            ("Against", self.kind),
            ("Test", self.by),
        ):
            label = QLabel(title)
            label.setProperty("role", "muted")
            label.setBuddy(box)
            row.addWidget(label)
            row.addWidget(box)
            row.addSpacing(10)
        row.addStretch()
        for box, key in ((self.measure, "measure"), (self.by, "by")):
            box.setCurrentIndex(max(0, box.findData(self._memory.value(f"comparison_{key}", ""))))
            box.currentIndexChanged.connect(partial(self._remember, box, f"comparison_{key}"))
        for box in (self.region, self.kind):
            box.currentIndexChanged.connect(lambda _: (self._draw(), self._tell_verdict()))
        return self.choices

    def _build_body(self) -> QWidget:
        self.plot = BoxPlot()
        self.legend = QLabel()
        self.legend.setObjectName("comparison_legend")
        self.legend.setProperty("role", "muted")
        left = QWidget()
        beside = QVBoxLayout(left)
        beside.setContentsMargins(0, 0, 0, 0)
        beside.setSpacing(2)
        self.verdict = ShortenedLabel()
        self.verdict.setObjectName("comparison_verdict")
        self.verdict.setToolTip("Differences of the region that is shown, by the test that is chosen")
        beside.addWidget(self.verdict)
        beside.addWidget(self.plot, 1)
        beside.addWidget(self.legend)
        self.notes = QTextBrowser()
        self.notes.setObjectName("comparison_notes")
        self.notes.setAccessibleName("Notes and meaning of the columns")
        above = QSplitter(Qt.Orientation.Horizontal)
        above.setChildrenCollapsible(False)
        above.addWidget(left)
        above.addWidget(self.notes)
        above.setSizes([680, 400])
        above.setStretchFactor(0, 1)
        self.figures, self.tests = SheetView(), SheetView()
        self.figures.setObjectName("comparison_figures")
        self.tests.setObjectName("comparison_tests")
        self.tables = QTabWidget()
        self.tables.setObjectName("comparison_tables")
        self.tables.addTab(self.figures, "Figures")
        self.tables.addTab(self.tests, "Tests")
        self.tables.currentChanged.connect(lambda _: self._tell_notes())
        whole = QSplitter(Qt.Orientation.Vertical)
        whole.setChildrenCollapsible(False)
        whole.addWidget(above)
        whole.addWidget(self.tables)
        whole.setSizes([300, 260])
        whole.setStretchFactor(0, 1)
        whole.setStretchFactor(1, 1)
        return whole

    def clear(self, text: str) -> None:
        """Show a sentence instead of a result."""
        self.result = None
        self.empty.setText(text)
        self.body.setCurrentIndex(0)
        self.choices.hide()
        self.warning.hide()

    def show_result(self, result: "ComparisonResult") -> None:
        """Show what a comparison found; region and kind of labels stay as they were chosen."""
        self.result = result
        for box, entries in (
            (self.region, result.regions),
            (self.kind, {kind: LABEL_KINDS[kind] for kind in result.kinds}),
        ):
            before = box.currentData()
            box.blockSignals(True)
            box.clear()
            for key, title in entries.items():
                box.addItem(title, key)
            box.setCurrentIndex(max(0, box.findData(before)))
            box.blockSignals(False)
        self.body.setCurrentIndex(1)
        self.choices.show()
        self._show()

    def _show(self) -> None:
        """Tables aside, for the bootstrap of many regions takes a moment; the plot at once."""
        result = self.result
        if result is None:
            return
        measure, by = BY_KEY[self.measure.currentData()], self.by.currentData()
        self._draw()

        def read() -> tuple:
            return figure_sheet(result, measure), test_sheet(result, measure, by), result.warnings(by)

        self._bridge.run(read, self._show_tables, self._fail, key="comparison tables")

    def _show_tables(self, answer: tuple) -> None:
        figures, tests, warnings = answer
        self.figures.show_sheet(figures)
        self.tests.show_sheet(tests)
        more = f" And {len(warnings) - 1} more: see the notes." if len(warnings) > 1 else ""
        self._tell_verdict()
        self.warning.setText(f"⚠ {warnings[0]}{more}" if warnings else "")
        self.warning.setToolTip("\n".join(warnings))
        self.warning.setVisible(bool(warnings))
        self._tell_notes()

    def _tell_verdict(self) -> None:
        """The tests of what the box plot shows, in words above it; of many pairs the first, all in the tip."""
        if self.tests.sheet is None:
            return
        told = sentences(self.tests.sheet, self.region.currentText(), self.kind.currentText())
        more = f"; {count(len(told) - 1, 'further pair')}" if len(told) > 1 else ""
        self.verdict.setText(f"{told[0]}{more}" if told else "")
        self.verdict.setToolTip("\n".join(told))

    def _tell_notes(self) -> None:
        sheet = (self.figures, self.tests)[self.tables.currentIndex()].sheet
        if sheet is not None:
            self.notes.setHtml(notes_html(sheet))

    def _draw(self) -> None:
        result, kind = self.result, self.kind.currentData()
        if result is None or kind is None:
            return
        theme, measure = chosen_theme(self._memory), BY_KEY[self.measure.currentData()]
        region = self.region.currentData() or ""
        found = boxes(result, measure, region, kind)
        self.plot.show_boxes(found, result.titles, measure, theme)
        looks: tuple[tuple[Role, str], ...] = (("train", "hollow"), ("validation", "filled"), ("test", "dense"))
        seen = {box.part for box in found}
        told = ", ".join(f"{look}: {SET_TITLES[part]}" for part, look in looks if part in seen)
        n = max((len(box.values) for box in found if box.part != "train"), default=0)
        self.legend.setText(
            f"{told}; a dot is a subject (n = {n}), averaged over repeats and folds; {measure.better} is better"
        )

    def _remember(self, box: QComboBox, key: str, _index: int) -> None:
        self._memory.setValue(key, box.currentData())
        self._show()

    def _fail(self, error: Exception) -> None:
        if isinstance(error, WorkbenchError):
            self.clear(f"{error.message} {error.remedy}".strip())
        else:
            self._bridge.report(error)


def named_combo(name: str, title: str, tip: str) -> QComboBox:
    """A chooser with its name for tests, for screen readers, and its tip."""
    box = QComboBox()
    box.setObjectName(name)
    box.setAccessibleName(title)
    box.setToolTip(tip)
    return box
