"""The keys that correct a region."""

from ctworkbench.ui.annotate import AnnotateView
from ctworkbench.ui.commands import Command
from ctworkbench.ui.edit_menu import KEYS, operations
from ctworkbench.ui.editing import Editing

# Two operations on one line of the cheat sheet: the line, and the keys as people read them.
_PAIRS = {
    "next": ("Copy from the next, previous slice", "Ctrl+↑  Ctrl+↓"),
    "holes": ("Fill holes in this slice, in 3D", "Shift+H  Shift+J"),
    "grow": ("Grow, shrink", "Shift+G  Shift+K"),
}
_SECONDS = ("previous", "holes 3d", "shrink")


def editing_commands(view: AnnotateView, editing: Editing) -> list[Command]:
    """Everything that a key does to the selected region, in the order of the cheat sheet."""
    limits = view.limits
    made: list[Command] = []
    for name, title, act in operations(editing):
        title, shown = _PAIRS.get(name, ("" if name in _SECONDS else title, ""))
        made.append(Command("Selected region", title, (KEYS[name],), act, shown))
    return [
        *made,
        Command("Selected region", "Take the suggestion; close the lasso", ("Return", "Enter"), editing.enter, "Enter"),
        Command("Selected region", "Take the lasso's last corner back", ("Backspace",), editing.lasso.take_back),
        Command("Paint", "Over unlabelled, or everything", ("U",), limits.toggle_unlabelled),
        Command("Paint", "Over the region at the crosshair", ("Shift+U",), view.limit_to_crosshair),
        Command("Paint", "On the last HU range, or any", ("I",), limits.toggle_hu),
    ]
