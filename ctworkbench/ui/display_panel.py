"""How the image and the labels are drawn: window presets, labels, opacity, layout."""

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QSlider, QToolButton, QWidget

from ctworkbench.ui.annotate import AnnotateView
from ctworkbench.ui.keymap import mark
from ctworkbench.ui.window_levels import PRESETS, preset_of


class DisplayPanel(QFrame):
    """Buttons that show and set what the views draw."""

    def __init__(self, view: AnnotateView, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("displayPanel")
        self._view = view
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(8, 6, 8, 8)
        self._grid.setSpacing(4)
        self._heading("Window", 0)
        self.presets: dict[str, QToolButton] = {}
        for number, (name, window) in enumerate(PRESETS.items()):
            tip = f"Level {window.level:.0f}, width {window.width:.0f} HU"
            button = self._button(name, str(number + 1), tip, 1 + number // 2, number % 2)
            button.clicked.connect(lambda _=False, window=window: view.set_window(window))
            self.presets[name] = button
        self._heading("Labels", 3)
        self.labels = self._button("Show", "V", "Show or hide the labels", 4, 0)
        self.labels.clicked.connect(view.set_labels_shown)
        self.contour = self._button("Outline", "T", "Outlines of the regions, or filled", 4, 1)
        self.contour.clicked.connect(view.set_contour)
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setObjectName("opacity")
        self.opacity.setRange(5, 100)
        self.opacity.setFixedWidth(54)
        self.opacity.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.opacity.setToolTip("Opacity of filled labels  (−  =)")
        self.opacity.valueChanged.connect(lambda percent: view.set_opacity(percent / 100))
        opacity = QLabel("Opacity")
        opacity.setProperty("role", "muted")
        beside = QHBoxLayout()  # one row for both: each row of this panel is one less of the regions above it
        beside.addWidget(opacity, 1)
        beside.addWidget(self.opacity)
        self._grid.addLayout(beside, 5, 0)
        self.uncertainty = self._button("Unsure", "Y", "No label map is shown", 5, 1)
        self.uncertainty.setEnabled(False)
        self._heading("Views", 7)
        self.crosshair = self._button("Crosshair", "H", "Show or hide the crosshair", 8, 0)
        self.crosshair.clicked.connect(view.set_crosshair_shown)
        self.single = self._button("One view", "M", "Give one view all the room (or double-click it)", 8, 1)
        self.single.clicked.connect(lambda: view.maximise())
        self.linked = self._button("Scale", "Z", "One scale: a millimetre is as long in each of the three views", 9, 0)
        self.solo = self._button("Solo", "Q", "Show the selected region alone, or all of them", 9, 1)
        view.state_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the state of the views."""
        view = self._view
        preset = preset_of(view.window_level)
        for name, button in self.presets.items():
            button.setChecked(name == preset)
        self.labels.setChecked(view.labels_shown)
        self.contour.setChecked(view.contour)
        self.crosshair.setChecked(view.crosshair_shown)
        self.single.setChecked(view.maximised is not None)
        self.solo.setChecked(len(view.hidden_codes) == len(view.scheme.codes) - 1)
        self.opacity.setEnabled(not view.contour)
        with QSignalBlocker(self.opacity):
            self.opacity.setValue(round(view.opacity * 100))

    def _heading(self, text: str, row: int) -> None:
        heading = QLabel(text)
        heading.setProperty("role", "heading")
        self._grid.addWidget(heading, row, 0, 1, 2)

    def _button(self, title: str, key: str, tip: str, row: int, column: int) -> QToolButton:
        button = QToolButton()
        mark(button, title, key, tip)
        button.setCheckable(True)
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        button.setSizePolicy(button.sizePolicy().Policy.Expanding, button.sizePolicy().Policy.Fixed)
        self._grid.addWidget(button, row, column)
        return button
