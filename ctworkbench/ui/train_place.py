"""The place Train: one training at a time, or several compared, under a slim tab bar."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QSettings
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QStackedWidget, QTabBar, QVBoxLayout, QWidget

from ctworkbench.ui.bridge import Bridge
from ctworkbench.ui.comparison_page import ComparisonPage
from ctworkbench.ui.train import TrainPage

if TYPE_CHECKING:
    from ctworkbench.core.workbench import Workbench

_TAB = "train_tab"
_NAMES = ("training", "comparison")


class TrainPlace(QWidget):
    """One page at a time; the comparison is read when it is first shown.

    Args:
        workbench: the open study.
        bridge: runs slow reads aside and tells what changed.
        memory: where the last tab is remembered.
        parent: the widget it lies in.
    """

    def __init__(
        self, workbench: "Workbench", bridge: Bridge, memory: QSettings, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._memory = memory
        self.training = TrainPage(workbench, bridge)
        self.comparison = ComparisonPage(workbench, bridge, memory)
        self.tabs = QTabBar()
        self.tabs.setObjectName("train_tabs")
        self.tabs.setAccessibleName("Training, comparison")
        self.tabs.setDrawBase(False)
        self.tabs.setExpanding(False)
        self.stack = QStackedWidget()
        for title, page in (("Training", self.training), ("Comparison", self.comparison)):
            self.tabs.addTab(title)
            self.stack.addWidget(page)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.tabs)
        layout.addWidget(self.stack, 1)
        self.show_page(str(memory.value(_TAB, _NAMES[0])))
        self.stack.setCurrentIndex(self.tabs.currentIndex())
        self.tabs.currentChanged.connect(self._turn_to)
        for keys, step in (("Ctrl+Tab", 1), ("Ctrl+Shift+Tab", -1)):
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.activated.connect(
                lambda step=step: self.tabs.setCurrentIndex((self.tabs.currentIndex() + step) % 2)
            )

    @property
    def page(self) -> str:
        """Name of the page that is shown: "training" or "comparison"."""
        return _NAMES[self.stack.currentIndex()]

    def show_page(self, name: str) -> None:
        """Turn to a page; the first one where there is none of that name."""
        self.tabs.setCurrentIndex(_NAMES.index(name) if name in _NAMES else 0)

    def refresh(self) -> None:
        """Read what is shown again; the comparison reads itself when it comes into sight."""
        self.training.refresh()
        if self.page == "comparison":
            self.comparison.refresh()

    def _turn_to(self, index: int) -> None:
        self.stack.setCurrentIndex(index)
        self._memory.setValue(_TAB, self.page)
