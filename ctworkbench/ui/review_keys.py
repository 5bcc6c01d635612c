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
    view, reading = page.view, page.reading
    regions = zip("1234567890", view.scheme.regions, strict=False)

    def verdict(given: Verdict) -> Command:
        title, keys = VERDICT_KEYS[given]
        return Command("Verdict", title, keys, lambda: page.judge(given), " or ".join(keys))

    def tool(chosen: Tool) -> Command:
        return Command("Tools", _TOOL_TITLES[chosen], (_TOOL_KEYS[chosen],), lambda: view.set_tool(chosen))

    def preset(number: int, name: str) -> Command:
        return Command("Window", name, (str(number),), lambda: view.set_window(PRESETS[name]))

    def region(number: int, key: str, name: str) -> Command:
        title = "Go to a region" if number == 0 else ""
        keys = (f"Alt+{key}",)
        return Command(
            "Labels",
            title,
            keys,
            lambda: reading.go_to_region(number),
            alone=f"Go to: {name}",
            name=f"region_{number + 1}",
        )

    return [
        *(verdict(given) for given in VERDICT_KEYS),
        Command("Verdict", "Accept with comment", ("Shift+A",), page.desk.accept_with_comment),
        Command(
            "Verdict",
            "Better, worse grade",
            ("Alt+Right",),
            lambda: page.verdicts.step_grade(1),
            "Alt+→  Alt+←",
            alone="Better grade",
        ),
        Command("Verdict", "", ("Alt+Left",), lambda: page.verdicts.step_grade(-1), alone="Worse grade"),
        Command("Verdict", "Reasons: ↑ ↓, Space ticks", ("Shift+R",), page.verdicts.open_reasons),
        Command("Verdict", "Comment", ("/",), page.verdicts.comment.setFocus),
        Command("Verdict", "Save corrections as a new version", ("Ctrl+S",), page.save),
        Command("Scans", "Next to review", ("Space",), page.go_to_next_to_review),
        Command(
            "Scans", "Next, previous in the list", ("PgDown",), lambda: page.go(1), "PgDn  PgUp", "Next in the list"
        ),
        Command("Scans", "", ("PgUp",), lambda: page.go(-1), alone="Previous in the list"),
        Command("Scans", "Filter the list", ("Ctrl+F",), page.worklist.filter.setFocus),
        Command("Scans", "Next finding of the checks", ("J",), page.checks.show_next),
        *(tool(chosen) for chosen in _TOOL_KEYS),
        Command("Tools", "Brush smaller, larger", ("[",), lambda: view.step_brush(-1), "[  ]", "Brush smaller"),
        Command("Tools", "", ("]",), lambda: view.step_brush(1), alone="Brush larger"),
        Command("Tools", "This slice, or all slices (3D)", ("G",), lambda: view.set_ball(not view.ball)),
        Command("Tools", "Previous, next region", (",",), lambda: view.step_region(-1), ",  .", "Previous region"),
        Command("Tools", "", (".",), lambda: view.step_region(1), alone="Next region"),
        Command("Tools", "Undo", ("Ctrl+Z",), view.undo),
        Command("Tools", "Redo", ("Ctrl+Shift+Z", "Ctrl+Y"), view.redo),
        *editing_commands(view, page.editing),
        *(preset(number, name) for number, name in enumerate(PRESETS, start=1)),
        Command("Labels", "Show, hide", ("V",), lambda: view.set_labels_shown(not view.labels_shown)),
        Command("Labels", "Outline or filled", ("T",), lambda: view.set_contour(not view.contour)),
        Command("Labels", "Less, more opaque", ("-",), lambda: view.step_opacity(-1), "−  =", "Less opaque"),
        Command("Labels", "", ("=", "+"), lambda: view.step_opacity(1), alone="More opaque"),
        Command("Labels", "Uncertainty of the networks", ("Y",), reading.uncertainty.toggle),
        Command("Labels", "Next uncertain spot", ("Shift+Y",), reading.uncertainty.go_to_next),
        Command("Versions", "Earlier version in place of this one", ("C",), lambda: page.compare(), name="compare"),
        Command("Labels", "Only the selected region", ("Q",), reading.solo),
        *(region(number, key, one.title) for number, (key, one) in enumerate(regions)),
        Command("Versions", "Side by side, curtain, differences", ("Shift+C",), reading.toggle_desk),
        Command("Versions", "Next way to compare", ("Shift+D",), reading.desk.step_mode),
        Command(
            "Versions",
            "Another version on the left, right",
            ("Ctrl+Left",),
            lambda: reading.step_version(True),
            "Ctrl+←  Ctrl+→",
            alone="Another version on the left",
        ),
        Command(
            "Versions",
            "",
            ("Ctrl+Right",),
            lambda: reading.step_version(False),
            alone="Another version on the right",
        ),
        Command(
            "Versions",
            "Next, previous slice that was changed",
            ("Alt+Up",),
            lambda: reading.go_to_change(True),
            "Alt+↑  Alt+↓",
            alone="Next slice that was changed",
        ),
        Command(
            "Versions",
            "",
            ("Alt+Down",),
            lambda: reading.go_to_change(False),
            alone="Previous slice that was changed",
        ),
        Command("Versions", "History of this case", ("Ctrl+H",), page.desk.show_history),
        Command("View", "Sheet of 24 slices", ("O",), reading.toggle_lightbox),
        Command("View", "Sheet and comparison: next plane", ("Shift+O",), reading.step_plane),
        Command(
            "View",
            "Slice of the sheet; region compared",
            ("Left",),
            lambda: reading.step_shown(-1),
            "←  →",
            alone="Sheet: previous slice shown; comparison: previous region",
        ),
        Command(
            "View",
            "",
            ("Right",),
            lambda: reading.step_shown(1),
            alone="Sheet: next slice shown; comparison: next region",
        ),
        Command("View", "Sheet: stays open for the next case, or not", ("Alt+O",), reading.lightbox.stays.toggle),
        Command("View", "One scale for the three views", ("Z",), lambda: reading.zoom.set_on(not reading.zoom.on)),
        Command("View", "Next, previous slice", ("Up",), lambda: view.step(1), "↑  ↓", "Next slice"),
        Command("View", "", ("Down",), lambda: view.step(-1), alone="Previous slice"),
        Command("View", "One view, three views", ("M",), lambda: view.maximise()),
        Command("View", "Whole head", ("Home",), view.fit),
        Command("View", "Crosshair", ("H",), lambda: view.set_crosshair_shown(not view.crosshair_shown)),
        Command("View", "Menu: other programs, template, keys", ("F10",), page.header.more.showMenu),
        Command("View", "All keys", ("?", "Shift+?"), lambda: page.cheat_sheet.toggle()),
        Command("View", "Back to the views", ("Esc",), page.leave),
    ]
