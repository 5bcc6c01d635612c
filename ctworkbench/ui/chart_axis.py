"""An axis with one level of ticks: 1, 2 or 5 apart, and as many as have room."""

import math
from collections.abc import Sequence

from ctworkbench.ui.plotting import pg


class Axis(pg.AxisItem):
    """An axis of a chart; finer lines of a grid would take half of the time of drawing it.

    Args:
        orientation: "left" or "bottom".
        least_pixels: from one tick to the next.
    """

    def __init__(self, orientation: str, least_pixels: float) -> None:
        super().__init__(orientation)
        self._least_pixels = least_pixels
        self.last = math.inf
        """No tick beyond it: what follows is room for words."""
        self.setStyle(hideOverlappingLabels=False)  # else the first and the last age have no number

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        """The numbers at the ticks, negative ones with a true minus sign."""
        return [text.replace("-", "−") for text in super().tickStrings(values, scale, spacing)]

    def tickValues(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, list[float]]]:  # noqa: N803 - Qt's way
        """The ticks, none beyond the last."""
        levels = super().tickValues(minVal, maxVal, size)
        return [(spacing, [value for value in values if value <= self.last + 1e-9]) for spacing, values in levels]

    def tickSpacing(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, float]]:  # noqa: N803 - Qt's way
        """The distance of the ticks and where they start, in the axis' unit, for `size` pixels."""
        return [(nice_step(abs(maxVal - minVal) * self._least_pixels / max(size, 1.0)), 0.0)]


def axes(left_pixels: float = 26.0, bottom_pixels: float = 42.0) -> dict[str, pg.AxisItem]:
    """Both axes of a plot, as pyqtgraph takes them."""
    return {"left": Axis("left", left_pixels), "bottom": Axis("bottom", bottom_pixels)}


def nice_step(least: float) -> float:
    """The smallest of … 0.1, 0.2, 0.5, 1, 2, 5, 10 … that is no smaller than `least`."""
    if least <= 0 or not math.isfinite(least):
        return 1.0
    unit = 10.0 ** math.floor(math.log10(least))
    return next(step * unit for step in (1, 2, 5, 10) if step * unit >= least * (1 - 1e-9))
