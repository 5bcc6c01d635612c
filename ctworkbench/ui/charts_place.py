"""The place Charts: charts, tables, norms and methods of one study under a slim tab bar."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, cast

from PySide6.QtCore import QSettings, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QStackedWidget, QTabBar, QVBoxLayout, QWidget

from ctworkbench.ui.bridge import Bridge, OpenScan
from ctworkbench.ui.charts import ChartsPage
from ctworkbench.ui.methods_page import MethodsPage
from ctworkbench.ui.norms_page import NormsPage
from ctworkbench.ui.tables_page import TablesPage

if TYPE_CHECKING:
    from ctworkbench.core.workbench import Changes, Workbench

_TAB = "charts_tab"


class Page(Protocol):
    """What the place asks of a page beside being a widget."""

    def refresh(self) -> None:
        """Read what is shown again."""
        ...


class ChartsPlace(QWidget):
    """One page at a time; a page that is out of sight is read again when it is next shown.

    Args:
        workbench: the open study.
        bridge: runs slow reads aside and tells what changed.
        open_scan: the scan that every place follows.
        memory: where the last tab is remembered.
        parent: the widget it lies in.
    """

    scan_wanted = Signal(int, str)
    """Open this scan in Review, at this region if one is named."""
    review_wanted = Signal(object)
    """Go through these scans in Review, a frozenset of their numbers."""
    place_wanted = Signal(str)
    """Go to another place, such as "train"."""

    def __init__(
        self,
        workbench: "Workbench",
        bridge: Bridge,
        open_scan: OpenScan,
        memory: QSettings,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._memory = memory
        self.charts = ChartsPage(workbench, bridge, open_scan, memory)
        self.charts.scan_wanted.connect(self.scan_wanted)
        self.charts.review_wanted.connect(self.review_wanted)
        self.methods = MethodsPage(workbench, bridge, open_scan, memory)
        self.methods.scan_wanted.connect(lambda scan_id: self.scan_wanted.emit(scan_id, ""))
        self.methods.place_wanted.connect(self.place_wanted)
        self.methods.page_wanted.connect(self.show_page)
        self.tables = TablesPage(workbench, bridge, open_scan, memory)
        self.norms = NormsPage(workbench, bridge, open_scan, memory)
        self._pages: list[tuple[str, str, QWidget]] = [
            ("charts", "Charts", self.charts),
            ("tables", "Tables", self.tables),
            ("norms", "Norms", self.norms),
            ("methods", "Methods", self.methods),
        ]
        self._stale = {name for name, _, _ in self._pages}
        self.tabs = QTabBar()
        self.tabs.setObjectName("charts_tabs")
        self.tabs.setAccessibleName("Charts, tables, norms, methods")
        self.tabs.setDrawBase(False)
        self.tabs.setExpanding(False)
        self.stack = QStackedWidget()
        for _, title, page in self._pages:
            self.tabs.addTab(title)
            self.stack.addWidget(page)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.tabs)
        layout.addWidget(self.stack, 1)
        self.tabs.setCurrentIndex(self._index(str(memory.value(_TAB, "charts"))))
        self.stack.setCurrentIndex(self.tabs.currentIndex())
        self.tabs.currentChanged.connect(self._turn_to)
        for keys, step in (("Ctrl+Tab", 1), ("Ctrl+Shift+Tab", -1)):
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.activated.connect(lambda step=step: self._step(step))
        bridge.changed.connect(self._on_changed)

    @property
    def names(self) -> Sequence[str]:
        """The pages in their order: "charts", "tables", "norms", "methods"."""
        return [name for name, _, _ in self._pages]

    @property
    def page(self) -> str:
        """Name of the page that is shown."""
        return self._pages[self.stack.currentIndex()][0]

    def show_page(self, name: str) -> None:
        """Turn to a page; the first one where there is none of that name."""
        self.tabs.setCurrentIndex(self._index(name))

    def settle(self) -> None:
        """Keep what was typed and not saved: the study is about to be closed."""
        self.methods.settle()

    def refresh(self) -> None:
        """Read the page in sight again, and the others once they are shown."""
        self._stale = set(self.names)
        self._read()

    def _index(self, name: str) -> int:
        return self.names.index(name) if name in self.names else 0

    def _step(self, step: int) -> None:
        self.tabs.setCurrentIndex((self.tabs.currentIndex() + step) % self.tabs.count())

    def _turn_to(self, index: int) -> None:
        self.stack.setCurrentIndex(index)
        self._memory.setValue(_TAB, self.page)
        self._read()

    def _read(self) -> None:
        if self.page in self._stale:
            self._stale.discard(self.page)
            cast("Page", self.stack.currentWidget()).refresh()

    def _on_changed(self, _changes: "Changes") -> None:
        self._stale |= set(self.names) - {self.page}
