"""Python's search for garbage, in the window's thread alone.

Python searches in whichever thread happens to allocate. Widgets and contexts of OpenGL that fall into a search by a
thread that reads aside end there: a context stays the current one of the window's thread though it is gone, and a lock
of Qt that the window waits for is held by who waits for Python. The window then crashes, or stands still for good.
"""

import gc

from PySide6.QtCore import QObject, QTimer

_INTERVAL_MILLISECONDS = 1000


class GarbageCollector(QObject):
    """Searches as often as Python would, from a timer of the thread that it was made in."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        gc.disable()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.collect)
        self._timer.start(_INTERVAL_MILLISECONDS)

    def collect(self) -> None:
        """Search the oldest generation that is due, if one is."""
        counts, thresholds = gc.get_count(), gc.get_threshold()
        due = [generation for generation in range(3) if counts[generation] > thresholds[generation]]
        if due:
            gc.collect(due[-1])
