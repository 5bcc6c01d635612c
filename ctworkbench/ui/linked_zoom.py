"""The three views at one scale: a millimetre is as long in each of them."""

from PySide6.QtCore import QObject, QTimer

from ctworkbench.ui.annotate import AnnotateView
from ctworkbench.ui.ortho_view import OrthoView


class LinkedZoom(QObject):
    """Carries the zoom of one view to the others while it is on; the crosshair stays where it is in each."""

    def __init__(self, view: AnnotateView) -> None:
        super().__init__(view)
        self._view = view
        self.on = False
        self._busy = False
        for one in view.views:
            one.model.scene.camera.events.zoom.connect(lambda _event=None, one=one: self._zoomed(one))

    def set_on(self, on: bool) -> None:
        """Link the views, beginning at the smallest scale among them so that nothing is cut off, or let them be."""
        self.on = on
        if on:
            self._level()
        self._view.state_changed.emit()

    def _zoomed(self, source: OrthoView) -> None:
        if not self.on or self._busy:
            return
        if source.fitted:  # a new size of the window, or the whole head: all views are about to be fitted
            QTimer.singleShot(0, self, self._level)
        else:
            self._carry(source.model.scene.camera.zoom)

    def _level(self) -> None:
        self._carry(min(one.model.scene.camera.zoom for one in self._view.views))

    def _carry(self, zoom: float) -> None:
        self._busy = True
        try:
            for one in self._view.views:
                if one.model.scene.camera.zoom != zoom:
                    one.zoom_by(zoom / one.model.scene.camera.zoom, one.pixel_of(crosshair_mm(self._view)))
        finally:
            self._busy = False


def crosshair_mm(view: AnnotateView) -> tuple[float, float, float]:
    """The crosshair in the canvases' own coordinates: array index times voxel size, along (z, y, x)."""
    sizes = (1.0, 1.0, 1.0) if view.image is None else view.image.spacing[::-1]
    z, y, x = (place * size for place, size in zip(view.index, sizes, strict=True))
    return (z, y, x)
