"""From an event to the end of the frame that it brings about, on every canvas of a window."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QApplication


class Taken(NamedTuple):
    """What a step took: milliseconds by the clock, and of the processor in all threads of the program."""

    wall: float
    cpu: float


@dataclass
class Times:
    """What each of several steps took."""

    steps: list[Taken] = field(default_factory=list)

    @property
    def median(self) -> float:
        """Median by the clock."""
        return float(np.median([step.wall for step in self.steps]))

    @property
    def p95(self) -> float:
        """95th percentile by the clock."""
        return float(np.percentile([step.wall for step in self.steps], 95))

    @property
    def cpu(self) -> float:
        """Median of the processor's time, which other programs disturb less."""
        return float(np.median([step.cpu for step in self.steps]))


class Frames(QObject):
    """Tells when canvases have painted and their window has been sent to the screen.

    Qt paints whatever is due and sends the window to the screen in one and the same event, be it composed through
    OpenGL or not; then the display server is waited for.

    Args:
        canvases: napari's canvases (`QtViewer.canvas`), all in one window.
    """

    def __init__(self, canvases: Sequence[Any]) -> None:
        super().__init__()
        self._natives = [canvas.native for canvas in canvases]
        self._waiting: set[int] = set()
        self.paints = 0
        for native in self._natives:
            native.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """See a canvas painted."""
        if event.type() == QEvent.Type.Paint:
            self.paints += 1
            self._waiting.discard(self._natives.index(watched))
        return False

    def time(self, act: Callable[[], object], views: Sequence[int], limit: float = 10.0) -> Taken:
        """The time from the start of an act until all these canvases were painted anew and are on the screen.

        Raises:
            TimeoutError: one of them was not painted.
        """
        app = _application()
        self.settle()
        self._waiting = set(views)
        start, cpu = time.perf_counter(), time.process_time()
        act()
        while self._waiting:
            app.processEvents()
            if time.perf_counter() - start > limit:
                raise TimeoutError(f"canvases {sorted(self._waiting)} were not painted")
        app.sync()
        return Taken(1000 * (time.perf_counter() - start), 1000 * (time.process_time() - cpu))

    def settle(self, quiet: float = 0.02, limit: float = 20.0) -> None:
        """Let everything that is due happen, until nothing was painted for a while."""
        app = _application()
        begun = last = time.perf_counter()
        seen = self.paints
        while time.perf_counter() - last < quiet and time.perf_counter() - begun < limit:
            app.processEvents()
            if self.paints != seen:
                seen, last = self.paints, time.perf_counter()


def _application() -> QApplication:
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    return app
