"""A table above its notes: a short table leaves its room to them."""

from collections.abc import Callable

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSplitter, QWidget

_LEAST_NOTES = 150
"""Pixels that the notes keep below a long table."""


class TableSplitter(QSplitter):
    """Shares its height by what the table needs, until it was shared by hand.

    Args:
        table: above.
        notes: below.
        wanted: height in pixels that the table needs to be seen whole; 0 where none is shown.
    """

    def __init__(self, table: QWidget, notes: QWidget, wanted: Callable[[], int]) -> None:
        super().__init__(Qt.Orientation.Vertical)
        self._wanted, self._by_hand = wanted, False
        self.setChildrenCollapsible(False)
        self.addWidget(table)
        self.addWidget(notes)
        self.setStretchFactor(0, 1)
        self.setSizes([430, 170])
        self.splitterMoved.connect(lambda *_: self._share_by_hand())

    def _share_by_hand(self) -> None:
        self._by_hand = True

    def share(self) -> None:
        """Give the table what it needs, and the notes the rest."""
        whole, wanted = sum(self.sizes()), self._wanted()
        if not self._by_hand and wanted and whole > 2 * _LEAST_NOTES:
            table = min(wanted, whole - _LEAST_NOTES)
            self.setSizes([table, whole - table])

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Another height is shared anew, once both parts have theirs."""
        super().resizeEvent(event)
        QTimer.singleShot(0, self, self.share)
