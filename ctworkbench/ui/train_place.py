"""The place Train: one training at a time, or several compared, under a slim tab bar."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QWidget

from ctworkbench.ui.bridge import Bridge
from ctworkbench.ui.comparison_page import ComparisonPage
from ctworkbench.ui.tabbed_place import TabbedPlace
from ctworkbench.ui.train import TrainPage

if TYPE_CHECKING:
    from ctworkbench.core.workbench import Workbench


class TrainPlace(TabbedPlace):
    """Pages "training" and "comparison"; the comparison is read when it is first shown.

    Args:
        workbench: the open study.
        bridge: runs slow reads aside and tells what changed.
        memory: where the last tab is remembered.
        parent: the widget it lies in.
    """

    def __init__(
        self, workbench: "Workbench", bridge: Bridge, memory: QSettings, parent: QWidget | None = None
    ) -> None:
        super().__init__("train", memory, parent)
        self.training = TrainPage(workbench, bridge)
        self.comparison = ComparisonPage(workbench, bridge, memory)
        self.add_pages((("training", "Training", self.training), ("comparison", "Comparison", self.comparison)))

    def refresh(self) -> None:
        """Read what is shown again; the comparison reads itself when it comes into sight."""
        self.training.refresh()
        if self.page == "comparison":
            self.comparison.refresh()
