"""What the tools may paint on, beside the regions: over which voxels, and on which HU."""

from collections.abc import Callable

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
    QWidgetAction,
)
from superqt import QRangeSlider

from ctworkbench.core.label_edits.drawing import UNLABELLED
from ctworkbench.ui.annotate import AnnotateView
from ctworkbench.ui.paint_limits import BRAIN_HU, HIGHEST_HU, LOWEST_HU

_SLIDER_HU = (-100, 200)


class LimitsPanel(QFrame):
    """The limits in force; they stand out, lest a reader forgets them."""

    def __init__(self, view: AnnotateView, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("displayPanel")
        self.over, self.hu = OverButton(view), HuButton(view)
        grid = QGridLayout(self)
        grid.setContentsMargins(8, 6, 8, 6)
        grid.setSpacing(4)
        heading = QLabel("Paint")
        heading.setProperty("role", "heading")
        grid.addWidget(heading, 0, 0, 1, 2)
        for row, (title, button) in enumerate((("Over  U", self.over), ("HU  I", self.hu)), start=1):
            label = QLabel(title)
            label.setProperty("role", "muted")
            grid.addWidget(label, row, 0)
            grid.addWidget(button, row, 1)
        grid.setColumnStretch(1, 1)


class OverButton(QToolButton):
    """What the tools paint over: everything, what is unlabelled, one region."""

    def __init__(self, view: AnnotateView) -> None:
        super().__init__()
        self._view = view
        self.setCheckable(True)
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip("Which voxels tools and operations may change  (U: unlabelled, or everything)")
        menu = QMenu(self)
        titles = {region.code: region.title for region in view.scheme.regions}
        choices: list[tuple[str, int | None]] = [("Everything", None), ("Unlabelled", UNLABELLED)]
        choices += [(title, code) for code, title in titles.items()]
        self._titles = {code: title for title, code in choices}
        self.choices = {}
        for title, code in choices:
            if code == view.scheme.codes[0]:
                menu.addSeparator()
            action = menu.addAction(title)
            action.setCheckable(True)
            action.triggered.connect(lambda _=False, code=code: view.limits.set_over(code))
            self.choices[code] = action
        self.setMenu(menu)
        view.limits.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the limit in force."""
        over = self._view.limits.over
        self.setText(f"{self._titles[over].removesuffix(' lobe')}")
        self.setChecked(over is not None)
        for code, action in self.choices.items():
            action.setChecked(code == over)


class HuButton(QToolButton):
    """The HU that the tools paint on."""

    def __init__(self, view: AnnotateView) -> None:
        super().__init__()
        self._view = view
        self.setCheckable(True)
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip("Which HU tools and operations may change  (I: the last range, or any)")
        menu = QMenu(self)
        panel = QWidgetAction(menu)
        panel.setDefaultWidget(self._panel())
        menu.addAction(panel)
        self.setMenu(menu)
        view.limits.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the limit in force."""
        limits = self._view.limits
        low, high = limits.hu or limits.last_hu
        self.setText("Any" if limits.hu is None else f"{low:.0f} to {high:.0f}".replace("-", "−"))
        self.setChecked(limits.hu is not None)
        self.any.setEnabled(limits.hu is not None)
        with QSignalBlocker(self.slider), QSignalBlocker(self.low), QSignalBlocker(self.high):
            self.slider.setValue(tuple(min(max(round(v), _SLIDER_HU[0]), _SLIDER_HU[1]) for v in (low, high)))
            self.low.setValue(round(low))
            self.high.setValue(round(high))

    def _panel(self) -> QWidget:
        limits = self._view.limits
        box = QWidget()
        box.setMinimumWidth(250)
        column = QVBoxLayout(box)
        column.setContentsMargins(12, 10, 12, 10)
        row = QHBoxLayout()
        self.any = _push("Any", lambda: limits.set_hu(None))
        self.brain = _push("Brain 0–80", lambda: limits.set_hu(BRAIN_HU))
        self.shown = _push("As displayed", lambda: limits.set_hu(self._view.window_level.limits))
        self.shown.setToolTip("The HU between black and white of the display window")
        for button in (self.any, self.brain, self.shown):
            row.addWidget(button)
        column.addLayout(row)
        self.slider = QRangeSlider(Qt.Orientation.Horizontal)
        self.slider.setObjectName("huRange")
        self.slider.setRange(*_SLIDER_HU)
        self.slider.valueChanged.connect(limits.set_hu)
        column.addWidget(self.slider)
        ends = QHBoxLayout()
        self.low, self.high = QSpinBox(), QSpinBox()
        for spin in (self.low, self.high):
            spin.setRange(LOWEST_HU, HIGHEST_HU)
            spin.setSuffix(" HU")
            spin.setKeyboardTracking(False)
            spin.valueChanged.connect(lambda _: limits.set_hu((self.low.value(), self.high.value())))
        ends.addWidget(self.low)
        ends.addStretch(1)
        ends.addWidget(self.high)
        column.addLayout(ends)
        return box


def _push(text: str, act: Callable[[], object]) -> QPushButton:
    button = QPushButton(text)
    button.clicked.connect(lambda: act())
    return button
