"""The tools that the left mouse button can be, and the steps in which their settings go."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Literal

BRUSH_SIZES = (1, 2, 3, 4, 5, 7, 9, 12, 16, 20, 26, 34, 44, 58, 76, 100)
OPACITIES = (0.15, 0.25, 0.4, 0.55, 0.7, 1.0)

Drag = Literal["crosshair", "window", "paint", "lasso"]


class Tool(StrEnum):
    """What the left mouse button does."""

    NAVIGATE = "navigate"
    WINDOW = "window"
    BRUSH = "brush"
    ERASER = "eraser"
    LASSO = "lasso"
    FILL = "fill"
    PICK = "pick"

    @property
    def edits(self) -> bool:
        """Whether the tool changes the label map."""
        return self in (Tool.BRUSH, Tool.ERASER, Tool.LASSO, Tool.FILL)


NAPARI_MODES = {
    Tool.NAVIGATE: "pan_zoom",
    Tool.WINDOW: "pan_zoom",
    Tool.BRUSH: "paint",
    Tool.ERASER: "erase",
    Tool.LASSO: "pan_zoom",
    Tool.FILL: "fill",
    Tool.PICK: "pick",
}


# What a left drag does with each tool: napari paints, fills and picks, the rest is ours.
DRAGS: dict[Tool, Drag] = {
    Tool.NAVIGATE: "crosshair",
    Tool.WINDOW: "window",
    Tool.BRUSH: "paint",
    Tool.ERASER: "paint",
    Tool.LASSO: "lasso",
    Tool.FILL: "paint",
    Tool.PICK: "paint",
}


def stepped(values: Sequence[float], value: float, steps: int) -> float:
    """The value so many steps up or down from `value`, which may lie between two, or the last there is."""
    beyond = [one for one in values if one > value] if steps > 0 else [one for one in reversed(values) if one < value]
    last = values[-1] if steps > 0 else values[0]
    return beyond[min(abs(steps), len(beyond)) - 1] if beyond else last
