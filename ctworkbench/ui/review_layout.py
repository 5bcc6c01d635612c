"""Where the parts of the review room lie."""

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QSplitter, QVBoxLayout, QWidget

if TYPE_CHECKING:
    from ctworkbench.ui.review import ReviewPage


def lay_out(page: "ReviewPage") -> None:
    """The list on the left, the views in the middle between what tells and what judges, the regions on the right."""
    centre = QWidget()
    column = QVBoxLayout(centre)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(0)
    for widget in (page.header, page.chips, page.banner, page.tools):
        column.addWidget(widget)
    column.addWidget(page.view, 1)
    column.addWidget(page.readout)
    column.addWidget(page.verdicts)
    beneath = page.worklist.layout()
    if beneath is not None:
        beneath.addWidget(page.desk.button)
    splitter = QSplitter(Qt.Orientation.Horizontal)
    side = QWidget()
    beside = QVBoxLayout(side)
    beside.setContentsMargins(0, 0, 0, 0)
    beside.setSpacing(0)
    beside.addWidget(page.regions, 1)
    beside.addWidget(page.limits)
    beside.addWidget(page.display)
    for widget, stretch in ((page.worklist, 0), (centre, 1), (side, 0)):
        splitter.addWidget(widget)
        splitter.setStretchFactor(splitter.indexOf(widget), stretch)
    splitter.setCollapsible(1, False)
    splitter.setSizes([190, 940, 214])
    layout = QHBoxLayout(page)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.addWidget(splitter)
