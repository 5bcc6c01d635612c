"""Three views beside one another, and how they show a scan: window, overlay, hidden regions, crosshair, layout."""

import numpy as np
from napari.utils.colormaps import DirectLabelColormap
from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QGridLayout, QWidget

from ctworkbench.core.schemes import Scheme
from ctworkbench.ui.ortho_view import OrthoView
from ctworkbench.ui.plane import AXIAL, CORONAL, SAGITTAL
from ctworkbench.ui.tool import OPACITIES, stepped
from ctworkbench.ui.window_levels import PRESETS, WindowLevel, preset_of

_CONTOUR_PIXELS = 2
_HU_PER_PIXEL = 1.0


class LinkedViews(QWidget):
    """The axial, the coronal and the sagittal view, all shown the same way.

    Args:
        scheme: the regions, for their colours.

    Attributes:
        active: the view that the mouse was over last.
        maximised: the view that has all the room, if one has.
        comparing: whether the label map to compare with is seen in place of the one that is edited.

    Signals:
        state_changed: window, overlay, hidden regions, crosshair or layout was changed.
    """

    state_changed = Signal()

    def __init__(self, scheme: Scheme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.scheme = scheme
        self.window_level = PRESETS["Brain"]
        self.opacity = 0.3
        self.contour = False
        self.labels_shown = True
        self.crosshair_shown = True
        self.comparing = False
        self.hidden_codes: frozenset[int] = frozenset()
        self.maximised: OrthoView | None = None
        self.axial, self.coronal, self.sagittal = OrthoView(AXIAL), OrthoView(CORONAL), OrthoView(SAGITTAL)
        self.views = (self.axial, self.coronal, self.sagittal)
        self.active = self.axial
        self._layout = QGridLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(2)
        self._arrange()
        for view in self.views:
            view.windowed.connect(self.drag_window)
            view.activated.connect(lambda view=view: self._activated(view))
            view.maximised.connect(lambda view=view: self.maximise(view))
        self._apply_colors()
        self._apply_overlay()
        self.set_window(self.window_level)

    def set_window(self, window: WindowLevel) -> None:
        """Display window of all views."""
        self.window_level = window
        for view in self.views:
            view.image.contrast_limits = window.limits
        name = preset_of(window)
        self.axial.show_corner(f"{f'{name}   ' if name else ''}L {window.level:.0f}   W {window.width:.0f}")
        self.state_changed.emit()

    def drag_window(self, level: int, width: int) -> None:
        """Move level and width by so many pixels of the mouse."""
        # Wide windows are moved faster: a bone window would take metres of mouse mat.
        rate = _HU_PER_PIXEL * max(0.25, self.window_level.width / 200)
        self.set_window(self.window_level.moved(level * rate, width * rate))

    def set_opacity(self, opacity: float) -> None:
        """Opacity of the labels, 0 to 1."""
        self.opacity = float(np.clip(opacity, 0.05, 1.0))
        self._apply_overlay()
        self.state_changed.emit()

    def step_opacity(self, steps: int) -> None:
        """Make the labels more or less opaque."""
        self.set_opacity(stepped(OPACITIES, self.opacity, steps))

    def set_contour(self, contour: bool) -> None:
        """Draw the outlines of the regions only, or fill them."""
        self.contour = contour
        self._apply_overlay()
        self.state_changed.emit()

    def set_crosshair_shown(self, shown: bool) -> None:
        """Show or hide the crosshair."""
        self.crosshair_shown = shown
        for view in self.views:
            view.show_crosshair(shown)
        self.state_changed.emit()

    def set_region_shown(self, code: int, shown: bool) -> None:
        """Show or hide one region; hidden regions keep their voxels."""
        self.hidden_codes = self.hidden_codes - {code} if shown else self.hidden_codes | {code}
        self._apply_colors()
        self.state_changed.emit()

    def show_only(self, code: int | None) -> None:
        """Show one region alone, or all of them."""
        self.hidden_codes = frozenset() if code is None else frozenset(self.scheme.codes) - {code}
        self._apply_colors()
        self.state_changed.emit()

    def maximise(self, view: OrthoView | None = None) -> None:
        """Give one view all the room, or put the three back."""
        self.maximised = None if self.maximised is not None else (view or self.active)
        self._arrange()
        self.state_changed.emit()

    def fit(self) -> None:
        """Show the whole head in every view."""
        for view in self.views:
            view.fit()

    def _activated(self, view: OrthoView) -> None:
        self.active = view

    def _apply_overlay(self) -> None:
        for view in self.views:
            for layer in view.label_layers:
                layer.opacity = 1.0 if self.contour else self.opacity
                layer.contour = _CONTOUR_PIXELS if self.contour else 0
                visible = self.labels_shown and (layer is view.labels) is not self.comparing
                if layer.visible != visible:  # napari puts the brush down whenever this is set
                    layer.visible = visible

    def _apply_colors(self) -> None:
        colors: dict[int | None, str] = {None: "#ff00ff", 0: "transparent"}
        for region in self.scheme.regions:
            colors[region.code] = "transparent" if region.code in self.hidden_codes else region.color
        colormap = DirectLabelColormap(color_dict=colors)
        for view in self.views:
            view.set_colormap(colormap)

    def _arrange(self) -> None:
        with QSignalBlocker(self):
            for view in self.views:
                self._layout.removeWidget(view)
            if self.maximised is None:
                self._layout.addWidget(self.axial, 0, 0, 2, 1)
                self._layout.addWidget(self.coronal, 0, 1)
                self._layout.addWidget(self.sagittal, 1, 1)
            else:
                self._layout.addWidget(self.maximised, 0, 0, 2, 2)
            self._layout.setColumnStretch(0, 3)
            self._layout.setColumnStretch(1, 2)
            for view in self.views:
                view.setVisible(self.maximised in (None, view))
