"""From an event to the end of the frame that it brings about, on every canvas of a window."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PySide6.QtWidgets import QApplication


@dataclass
class Times:
    """Milliseconds of each of several steps."""

    milliseconds: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """Median."""
        return float(np.median(self.milliseconds))

    @property
    def p95(self) -> float:
        """95th percentile."""
        return float(np.percentile(self.milliseconds, 95))


class Frames:
    """Tells when canvases have painted and their window has been swapped to the screen.

    Qt paints every canvas that is due into a buffer of its own and then composes the window once; `frameSwapped` comes
    after the buffers were exchanged, for which Mesa's software renderer finishes all that was drawn.

    Args:
        canvases: napari's canvases (`QtViewer.canvas`), all in one window.
    """

    def __init__(self, canvases: Sequence[Any]) -> None:
        self._canvases = list(canvases)
        self._painted: set[int] = set()
        self._waiting: set[int] = set()
        self.swapped = 0
        self.paints = 0
        for number, canvas in enumerate(self._canvases):
            canvas._scene_canvas.events.draw.connect(lambda _event, number=number: self._paint(number), position="last")
        self._canvases[0].native.frameSwapped.connect(self._swap)

    def _paint(self, number: int) -> None:
        self.paints += 1
        self._painted.add(number)

    def _swap(self) -> None:
        self.swapped += 1
        self._waiting -= self._painted
        self._painted.clear()

    def time(self, act: Callable[[], object], views: Sequence[int], limit: float = 10.0) -> float:
        """Milliseconds from the start of an act to the swap of a frame in which all these canvases were painted anew.

        Raises:
            TimeoutError: one of them was not painted.
        """
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        self.settle()
        self._painted.clear()
        self._waiting = set(views)
        start = time.perf_counter()
        act()
        while self._waiting:
            app.processEvents()
            if time.perf_counter() - start > limit:
                raise TimeoutError(f"canvases {sorted(self._waiting)} were not painted")
        return 1000 * (time.perf_counter() - start)

    def settle(self, quiet: float = 0.02, limit: float = 20.0) -> None:
        """Let everything that is due happen, until nothing was painted for a while."""
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        begun = last = time.perf_counter()
        seen = (self.paints, self.swapped)
        while time.perf_counter() - last < quiet and time.perf_counter() - begun < limit:
            app.processEvents()
            if (self.paints, self.swapped) != seen:
                seen, last = (self.paints, self.swapped), time.perf_counter()
