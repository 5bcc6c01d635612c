"""Labelling from the list of scans: the menu of presets and templates, and the question before a further version."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QMenu, QMessageBox, QWidget

from ctworkbench.ui.bridge import Bridge
from ctworkbench.ui.template_choice import template_menu

if TYPE_CHECKING:
    from ctworkbench.core.workbench import Workbench

_PRESETS = {
    "quick": "Quick – one template",
    "balanced": "Balanced – the template most like each scan, twice the time of quick",
    "fine": "Fine – the eight most like each scan fused, about seven times the time",
    "syn": "As in the study – one template by SyN of ANTs, slower than balanced",
}


def label_menu(parent: QWidget, label: Callable[[str], None], workbench: "Workbench", bridge: Bridge) -> QMenu:
    """The presets, each of which calls `label` with its name, and the study's templates."""
    menu = QMenu(parent)
    for preset, title in _PRESETS.items():
        menu.addAction(title, lambda preset=preset: label(preset))
    menu.addSeparator()
    menu.addMenu(template_menu(menu, workbench, bridge))
    return menu


def ask_to_label(
    parent: QWidget, workbench: "Workbench", bridge: Bridge, preset: str, scan_ids: list[int] | None, number: int
) -> None:
    """Label scans by registration; those that have such a label map once more, if that is wanted.

    Args:
        parent: of the question.
        workbench: the open study.
        bridge: reads aside, and starts the jobs.
        preset: a key of `register.EFFORT`.
        scan_ids: the scans wanted; None for all.
        number: how many those are.
    """

    def ask(labelled: set[int]) -> None:
        have = "scan has" if len(labelled) == 1 else "scans have"
        question = f"{len(labelled)} {have} a label map of the registration. Make a further version?"
        yes = QMessageBox.StandardButton.Yes
        again = bool(labelled) and QMessageBox.question(parent, f"Label ({preset})", question) == yes
        if again or len(labelled) < number:
            start_to_label(workbench, bridge, preset, scan_ids, again)

    bridge.run(lambda: workbench.labelling.labelled(scan_ids), ask, key="labelled")


def start_to_label(
    workbench: "Workbench", bridge: Bridge, preset: str, scan_ids: list[int] | None, again: bool = False
) -> None:
    """Label scans without a question; those that have a registered label map are left out unless `again` is set."""
    bridge.start_jobs(lambda: workbench.labelling.pseudo_label(preset, scan_ids, again), f"Label ({preset})")
