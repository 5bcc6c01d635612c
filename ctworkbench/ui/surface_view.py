"""The regions as solid bodies that can be turned: a look at their shape, apart from the views."""

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget
from vispy import scene
from vispy.color import Color

from ctworkbench.core.surfaces import Surface, region_surfaces
from ctworkbench.core.volume import Volume

if TYPE_CHECKING:
    from ctworkbench.ui.annotate import AnnotateView
    from ctworkbench.ui.bridge import Bridge

_GROUND, _INK = "#101418", "#ffd166"
_SIDES = {"Front": (180.0, 0.0), "Back": (0.0, 0.0), "Right": (90.0, 0.0), "Left": (-90.0, 0.0), "Top": (180.0, 90.0)}
"""Azimuth and elevation of the camera; it stands at (sin azimuth, −cos azimuth) of the patient's right and front."""
_LETTERS = {"R": (1, 0, 0), "L": (-1, 0, 0), "A": (0, 1, 0), "P": (0, -1, 0), "S": (0, 0, 1), "I": (0, 0, -1)}


class SurfaceView(QDialog):
    """A window of its own with one body per region, letters at the six sides of the patient; hidden regions stay away.

    Args:
        view: tells regions, colours and which of them are hidden.
        bridge: makes the surfaces aside.
        parent: the room.
    """

    def __init__(self, view: "AnnotateView", bridge: "Bridge", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Surface of the regions")
        self.resize(620, 640)
        self._view, self._bridge = view, bridge
        self.meshes: dict[int, scene.visuals.Mesh] = {}
        self.letters: dict[str, scene.visuals.Text] = {}
        self.canvas = scene.SceneCanvas(app="pyside6", bgcolor=_GROUND, show=False)
        self._box = self.canvas.central_widget.add_view()
        self.camera = scene.TurntableCamera(fov=0, azimuth=180.0, elevation=0.0)
        self._box.camera = self.camera
        self.told = QLabel()
        self.told.setProperty("role", "muted")
        row = QHBoxLayout()
        for name, (azimuth, elevation) in _SIDES.items():
            button = QPushButton(name)
            button.setAutoDefault(False)
            button.setToolTip(f"Look from: {name.lower()}")
            button.clicked.connect(lambda _=False, place=(azimuth, elevation): self.look_from(*place))
            row.addWidget(button)
        row.addStretch(1)
        row.addWidget(self.told)
        layout = QVBoxLayout(self)
        layout.addWidget(self.canvas.native, 1)
        layout.addLayout(row)
        view.state_changed.connect(self._show_hidden)

    def show_labels(self, labels: Volume, title: str) -> None:
        """Make the surfaces of a label map and show them."""
        self.setWindowTitle(f"Surface of the regions: {title}")
        self.told.setText("Making the surface…")
        codes = self._view.scheme.codes
        self._bridge.run(lambda: region_surfaces(labels, codes), self._take, key="surface", message="Surface…")
        self.show()
        self.raise_()

    def look_from(self, azimuth: float, elevation: float) -> None:
        """Turn the camera."""
        self.camera.azimuth, self.camera.elevation = azimuth, elevation

    def done(self, result: int) -> None:
        """Let the canvas go with the window."""
        self._view.state_changed.disconnect(self._show_hidden)
        self._clear()
        self.canvas.close()
        super().done(result)
        self.deleteLater()

    def _take(self, surfaces: list[Surface]) -> None:
        self._clear()
        if not surfaces:
            self.told.setText("The label map is empty")
            return
        colors = {region.code: region.color for region in self._view.scheme.regions}
        points = np.concatenate([surface.vertices for surface in surfaces])
        low, high = points.min(0), points.max(0)
        middle, size = (low + high) / 2, (high - low) / 2
        for surface in surfaces:
            mesh = scene.visuals.Mesh(
                surface.vertices, surface.faces, color=Color(colors[surface.code]), shading="smooth"
            )
            mesh.shading_filter.light_dir = (0, -0.4, -1)
            mesh.shading_filter.ambient_light = (1, 1, 1, 0.45)
            mesh.shading_filter.specular_light = (1, 1, 1, 0.12)
            self._box.add(mesh)
            self.meshes[surface.code] = mesh
        for letter, direction in _LETTERS.items():
            place = middle + np.array(direction) * (size + 14)
            text = scene.visuals.Text(letter, pos=place, color=_INK, font_size=14, bold=True)
            text.set_gl_state("translucent", depth_test=True)  # the letter of the far side stays behind the brain
            text.order = 1
            self._box.add(text)
            self.letters[letter] = text
        self.camera.center = tuple(float(value) for value in middle)
        self.camera.scale_factor = float(2.5 * size.max() + 30)
        self._show_hidden()
        self.told.setText("Drag to turn, wheel to zoom; to look at, not to measure")

    def _show_hidden(self) -> None:
        for code, mesh in self.meshes.items():
            mesh.visible = code not in self._view.hidden_codes
        self.canvas.update()

    def _clear(self) -> None:
        for visual in (*self.meshes.values(), *self.letters.values()):
            visual.parent = None
        self.meshes.clear()
        self.letters.clear()


def open_surface(view: "AnnotateView", bridge: "Bridge", parent: QWidget, title: str) -> SurfaceView | None:
    """Show the surface of the label map that is seen; None if no scan is open."""
    image = view.image
    if image is None:
        return None
    window = SurfaceView(view, bridge, parent)
    window.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    window.show_labels(Volume(view.labels_seen.copy(order="F"), image.affine), title)
    return window
