"""The keys of the review room."""

from typing import TYPE_CHECKING

from ctworkbench.core.workbench import Verdict
from ctworkbench.ui.commands import Command
from ctworkbench.ui.edit_keys import editing_commands
from ctworkbench.ui.tool import Tool
from ctworkbench.ui.verdict_bar import VERDICT_KEYS
from ctworkbench.ui.window_levels import PRESETS

if TYPE_CHECKING:
    from ctworkbench.ui.review import ReviewPage

_TOOL_KEYS = {
    Tool.NAVIGATE: "N",
    Tool.WINDOW: "W",
    Tool.BRUSH: "B",
    Tool.ERASER: "E",
    Tool.LASSO: "K",
    Tool.FILL: "F",
    Tool.PICK: "P",
}
_TOOL_TITLES = {
    Tool.NAVIGATE: "Move the crosshair",
    Tool.WINDOW: "Window and level by dragging",
    Tool.BRUSH: "Brush",
    Tool.ERASER: "Eraser",
    Tool.LASSO: "Lasso: draw around (Alt erases)",
    Tool.FILL: "Fill",
    Tool.PICK: "Pick the region under the mouse",
}


def review_commands(page: "ReviewPage") -> list[Command]:
    """Everything that a key does in the room, in the order of the cheat sheet."""
    view = page.view

    def verdict(given: Verdict) -> Command:
        title, keys = VERDICT_KEYS[given]
        return Command("Verdict", title, keys, lambda: page.judge(given), " or ".join(keys))

    def tool(chosen: Tool) -> Command:
        return Command("Tools", _TOOL_TITLES[chosen], (_TOOL_KEYS[chosen],), lambda: view.set_tool(chosen))

    def preset(number: int, name: str) -> Command:
        return Command("Window", name, (str(number),), lambda: view.set_window(PRESETS[name]))

    return [
        *(verdict(given) for given in VERDICT_KEYS),
        Command("Verdict", "Save corrections as a new version", ("Ctrl+S",), page.save),
        Command("Scans", "Next to review", ("Space",), page.go_to_next_to_review),
        Command("Scans", "Next, previous in the list", ("PgDown",), lambda: page.go(1), "PgDn  PgUp"),
        Command("Scans", "", ("PgUp",), lambda: page.go(-1)),
        Command("Scans", "Filter the list", ("Ctrl+F",), page.worklist.filter.setFocus),
        *(tool(chosen) for chosen in _TOOL_KEYS),
        Command("Tools", "Brush smaller, larger", ("[",), lambda: view.step_brush(-1), "[  ]"),
        Command("Tools", "", ("]",), lambda: view.step_brush(1)),
        Command("Tools", "This slice, or all slices (3D)", ("G",), lambda: view.set_ball(not view.ball)),
        Command("Tools", "Previous, next region", (",",), lambda: view.step_region(-1), ",  ."),
        Command("Tools", "", (".",), lambda: view.step_region(1)),
        Command("Tools", "Undo", ("Ctrl+Z",), view.undo),
        Command("Tools", "Redo", ("Ctrl+Shift+Z", "Ctrl+Y"), view.redo),
        *editing_commands(view, page.editing),
        *(preset(number, name) for number, name in enumerate(PRESETS, start=1)),
        Command("Labels", "Show, hide", ("V",), lambda: view.set_labels_shown(not view.labels_shown)),
        Command("Labels", "Outline or filled", ("T",), lambda: view.set_contour(not view.contour)),
        Command("Labels", "Less, more opaque", ("-",), lambda: view.step_opacity(-1), "−  ="),
        Command("Labels", "", ("=", "+"), lambda: view.step_opacity(1)),
        Command("Labels", "Compare with the earlier version", ("C",), lambda: page.compare()),
        Command("View", "Next, previous slice", ("Up",), lambda: view.step(1), "↑  ↓"),
        Command("View", "", ("Down",), lambda: view.step(-1)),
        Command("View", "One view, three views", ("M",), lambda: view.maximise()),
        Command("View", "Whole head", ("Home",), view.fit),
        Command("View", "Crosshair", ("H",), lambda: view.set_crosshair_shown(not view.crosshair_shown)),
        Command("View", "All keys", ("?", "Shift+?", "F1"), lambda: page.cheat_sheet.toggle()),
        Command("View", "Back to the views", ("Esc",), page.leave),
    ]
