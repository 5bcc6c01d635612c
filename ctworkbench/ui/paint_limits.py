"""What the reader lets tools and operations paint on: which codes, and which HU."""

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from ctworkbench.core.label_edits.drawing import UNLABELLED, Limits
from ctworkbench.ui.region_counts import Box

BRAIN_HU = (0.0, 80.0)
LOWEST_HU, HIGHEST_HU = -1024, 3071


class PaintLimits(QObject):
    """The limits in force, for brush, ball, eraser, fill, lasso and operations alike.

    Signals:
        changed: the limits were changed.
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.over: int | None = None
        self.hu: tuple[float, float] | None = None
        self.last_hu = BRAIN_HU
        """What the HU window was when it was last in force."""
        self.image: NDArray = np.zeros((2, 2, 2), np.int16)
        """HU of the scan shown, in the axes of the layers (z, y, x)."""

    @property
    def limits(self) -> Limits:
        """As operations take them."""
        return Limits(self.over, self.hu)

    def set_over(self, over: int | None) -> None:
        """Paint over one code alone, `UNLABELLED` for voxels of no region, None for everything."""
        self.over = over
        self.changed.emit()

    def set_hu(self, hu: tuple[float, float] | None) -> None:
        """Paint on these HU alone, both included; None for any."""
        if hu is not None:
            low, high = (float(np.clip(value, LOWEST_HU, HIGHEST_HU)) for value in hu)
            hu = self.last_hu = (min(low, high), max(low, high))
        self.hu = hu
        self.changed.emit()

    def toggle_unlabelled(self) -> None:
        """Paint over unlabelled voxels alone, or over everything again."""
        self.set_over(UNLABELLED if self.over is None else None)

    def toggle_hu(self) -> None:
        """Put the last HU window in force, or out of force."""
        self.set_hu(self.last_hu if self.hu is None else None)

    def allowed(self, codes: NDArray[np.uint8], box: Box, new_code: int) -> NDArray[np.bool_] | None:
        """Where `new_code` may replace `codes`, which stand in `box` of the layers; None for everywhere."""
        # Erasing what is unlabelled means nothing, so that limit is none for the eraser.
        over = None if new_code == UNLABELLED and self.over == UNLABELLED else self.over
        if over is None and self.hu is None:
            return None
        return Limits(over, self.hu).allowed(codes, self.image[box])
