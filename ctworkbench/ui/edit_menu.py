"""The Edit menu in the bar of tools: operations on the selected region, and how much they do."""

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDoubleSpinBox, QFormLayout, QMenu, QToolButton, QWidget, QWidgetAction

from ctworkbench.ui.annotate import AnnotateView
from ctworkbench.ui.editing import Editing
from ctworkbench.ui.keymap import Keymap, key_text

KEYS = {
    "smooth": "Shift+S",
    "islands": "Shift+I",
    "holes": "Shift+H",
    "holes 3d": "Shift+J",
    "between": "Shift+B",
    "next": "Ctrl+Up",
    "previous": "Ctrl+Down",
    "split": "Shift+L",
    "mirror": "Shift+M",
    "grow": "Shift+G",
    "shrink": "Shift+K",
    "propose": "S",
}


def operations(editing: Editing) -> list[tuple[str, str, Callable[[], object]]]:
    """What can be done to the selected region: name in `KEYS`, title, act; in the order of the menu."""
    return [
        ("propose", "Propose the rest from what was drawn", editing.propose),
        ("between", "Interpolate between drawn slices", editing.interpolate),
        ("next", "Copy from the next slice (↑)", lambda: editing.copy_slice(1)),
        ("previous", "Copy from the previous slice (↓)", lambda: editing.copy_slice(-1)),
        ("smooth", "Smooth the border", editing.smooth),
        ("islands", "Remove islands", editing.remove_islands),
        ("holes", "Fill holes in this slice", editing.fill_holes),
        ("holes 3d", "Fill holes in 3D", lambda: editing.fill_holes(everywhere=True)),
        ("grow", "Grow", lambda: editing.grow(1)),
        ("shrink", "Shrink", lambda: editing.grow(-1)),
        ("split", "Split at the midsagittal plane", editing.split),
        ("mirror", "Mirror to the other side", editing.mirror),
    ]


class EditMenu(QToolButton):
    """Operations on the selected region, with how much they do."""

    def __init__(self, view: AnnotateView, editing: Editing) -> None:
        super().__init__()
        self._view, self._editing = view, editing
        self.setText("Edit ▾")
        self.setToolTip("Operations on the selected region")
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        menu = QMenu(self)
        self.title = menu.addAction("")
        self.title.setEnabled(False)
        self.acts = {}
        for name, title, act in operations(editing):
            if name in ("smooth", "grow", "split"):
                menu.addSeparator()
            action = menu.addAction(title)
            action.triggered.connect(lambda _=False, act=act: act())
            self.acts[name] = action
        menu.addSeparator()
        amounts = QWidgetAction(menu)
        amounts.setDefaultWidget(self._amounts())
        menu.addAction(amounts)
        self.setMenu(menu)
        menu.aboutToShow.connect(self.refresh)

    def label(self, keymap: Keymap) -> None:
        """Write the keys of now beside the operations; the room binds them."""
        for name, action in self.acts.items():
            command = keymap.by_shipped_key(KEYS[name])
            keys = keymap.keys(command) if command is not None else ()
            title = action.text().partition("\t")[0]
            action.setText(f"{title}\t{key_text(keys[0])}" if keys else title)

    def refresh(self) -> None:
        """Name the region that the operations work on."""
        view = self._view
        title = next(region.title for region in view.scheme.regions if region.code == view.selected)
        self.title.setText(title)
        for action in self.acts.values():
            action.setEnabled(view.can_edit)

    def _amounts(self) -> QWidget:
        box = QWidget()
        form = QFormLayout(box)
        form.setContentsMargins(14, 6, 14, 8)
        form.setSpacing(5)
        amounts = self._editing.amounts
        self.smoothing = _spin(0.2, 10.0, 0.5, amounts.smoothing_mm, " mm")
        self.smoothing.setToolTip("Standard deviation of the blur that smooths a border; the volume is kept")
        self.smoothing.valueChanged.connect(lambda value: setattr(amounts, "smoothing_mm", value))
        form.addRow("Smooth by", self.smoothing)
        self.distance = _spin(0.2, 50.0, 0.5, amounts.grow_mm, " mm")
        self.distance.valueChanged.connect(lambda value: setattr(amounts, "grow_mm", value))
        form.addRow("Grow, shrink by", self.distance)
        self.islands = _spin(0.0, 100_000.0, 50.0, amounts.island_mm3, " mm³", decimals=0)
        self.islands.setSpecialValueText("all but the largest")
        self.islands.setToolTip("Pieces of the region that are smaller than this are islands")
        self.islands.valueChanged.connect(lambda value: setattr(amounts, "island_mm3", value))
        form.addRow("Islands below", self.islands)
        return box


def _spin(low: float, high: float, step: float, value: float, suffix: str, decimals: int = 1) -> QDoubleSpinBox:
    spin = QDoubleSpinBox()
    spin.setDecimals(decimals)
    spin.setRange(low, high)
    spin.setSingleStep(step)
    spin.setValue(value)
    spin.setSuffix(suffix)
    return spin
