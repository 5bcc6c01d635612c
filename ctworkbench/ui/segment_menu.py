"""Segmenting from the list of scans: the newest model by itself, or any other, or several that label together."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QMenu, QWidget

from ctworkbench.ui.bridge import Bridge

if TYPE_CHECKING:
    from ctworkbench.core.workbench import Workbench
    from ctworkbench.core.workbench.rows import ModelRow

_MOST = 12  # of older models the table under Train has all


def segment_menu(
    parent: QWidget, segment: Callable[[Sequence[int]], None], workbench: "Workbench", bridge: Bridge
) -> QMenu:
    """A menu of the study's models, read when it opens; each entry calls `segment` with the numbers that answer."""
    menu = QMenu("Segment with", parent)
    menu.setObjectName("segment_menu")
    menu.setToolTipsVisible(True)

    def show(models: "list[ModelRow]") -> None:
        menu.clear()
        for folds, model in {m.folds: m for m in models[:_MOST] if len(m.folds) > 1}.items():
            told = f"All folds of {model.network} ({model.preset}) – models {', '.join(map(str, folds))}"
            entry = menu.addAction(told, lambda folds=folds: segment(folds))
            entry.setToolTip("The mean of their answers labels; where they differ shows how unsure they are")
        if menu.actions():
            menu.addSeparator()
        for model in models[:_MOST]:
            menu.addAction(_name(model), lambda model=model: segment((model.id,)))
        if not models:
            menu.addAction("No model yet: train one, or take the starter model, under Train").setEnabled(False)
        if menu.isVisible():  # it was placed before it had its entries
            menu.adjustSize()
            room = menu.screen().availableGeometry()
            menu.move(
                max(room.left(), min(menu.x(), room.right() - menu.width())),
                max(room.top(), min(menu.y(), room.bottom() - menu.height())),
            )

    def read() -> None:
        menu.clear()
        menu.addAction("Reading…").setEnabled(False)
        bridge.run(workbench.modelling.models, show, key="segment menu")

    menu.aboutToShow.connect(read)
    return menu


def _name(model: "ModelRow") -> str:
    """A model as a line of the menu."""
    if model.members:
        return f"Model {model.id} – mean of models {', '.join(map(str, model.members))}"
    told = ", ".join(text for text in (model.preset, model.variant) if text)
    dice = "" if model.dice_validation is None else f", validation Dice {model.dice_validation:.3f}"
    return f"Model {model.id} – {model.source or f'{model.network} ({told})'}{dice}"
