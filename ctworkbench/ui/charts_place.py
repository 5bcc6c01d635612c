"""The place Charts: charts, tables, norms and methods of one study under a slim tab bar."""

from typing import TYPE_CHECKING, Protocol, cast

from PySide6.QtCore import QSettings, Signal
from PySide6.QtWidgets import QWidget

from ctworkbench.ui.bridge import Bridge, OpenScan
from ctworkbench.ui.charts import ChartsPage
from ctworkbench.ui.methods_page import MethodsPage
from ctworkbench.ui.norms_page import NormsPage
from ctworkbench.ui.tabbed_place import TabbedPlace
from ctworkbench.ui.tables_page import TablesPage

if TYPE_CHECKING:
    from ctworkbench.core.workbench import Changes, Workbench


class Page(Protocol):
    """What the place asks of a page beside being a widget."""

    def refresh(self) -> None:
        """Read what is shown again."""
        ...


class ChartsPlace(TabbedPlace):
    """Pages "charts", "tables", "norms" and "methods"; a page that is out of sight is read again when it is next shown.

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
        super().__init__("charts", memory, parent)
        self.charts = ChartsPage(workbench, bridge, open_scan, memory)
        self.charts.scan_wanted.connect(self.scan_wanted)
        self.charts.review_wanted.connect(self.review_wanted)
        self.methods = MethodsPage(workbench, bridge, open_scan, memory)
        self.methods.scan_wanted.connect(lambda scan_id: self.scan_wanted.emit(scan_id, ""))
        self.methods.place_wanted.connect(self.place_wanted)
        self.methods.page_wanted.connect(self.show_page)
        self.tables = TablesPage(workbench, bridge, open_scan, memory)
        self.norms = NormsPage(workbench, bridge, open_scan, memory)
        self.add_pages(
            (
                ("charts", "Charts", self.charts),
                ("tables", "Tables", self.tables),
                ("norms", "Norms", self.norms),
                ("methods", "Methods", self.methods),
            )
        )
        self._stale = set(self.names)
        self.page_turned.connect(self._read)
        bridge.changed.connect(self._on_changed)

    def settle(self) -> None:
        """Keep what was typed and not saved: the study is about to be closed."""
        self.methods.settle()

    def refresh(self) -> None:
        """Read the page in sight again, and the others once they are shown."""
        self._stale = set(self.names)
        self._read()

    def _read(self) -> None:
        if self.page in self._stale:
            self._stale.discard(self.page)
            cast("Page", self.stack.currentWidget()).refresh()

    def _on_changed(self, _changes: "Changes") -> None:
        self._stale |= set(self.names) - {self.page}
