"""Plain napari in three linked views, much as its own example `multiple_viewer_widget`: what ours is held against."""

from collections.abc import Sequence
from typing import Any

from napari.components import ViewerModel
from napari.qt import QtViewer
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, QSize
from PySide6.QtWidgets import QWidget

ORDERS = ((0, 1, 2), (1, 0, 2), (2, 0, 1))


class PlainViews(QWidget):
    """Three viewers over one image and one label map; everything else is as napari does it.

    Args:
        size: of the window.
        places: top left corner of each canvas.
        sizes: of each canvas.
    """

    def __init__(self, size: QSize, places: Sequence[QPoint], sizes: Sequence[QSize]) -> None:
        super().__init__()
        self.resize(size)
        self.models = [ViewerModel(title=str(order), order=order) for order in ORDERS]
        self.viewers = [QtViewer(model, show_welcome_screen=False) for model in self.models]
        for viewer, place, wanted in zip(self.viewers, places, sizes, strict=True):
            viewer.setParent(self)
            viewer.dims.hide()
            viewer.move(place)
            viewer.resize(wanted)
        self.images: list[Any] = []
        self.labels: list[Any] = []
        self._busy = False

    @property
    def canvases(self) -> list[Any]:
        """The three canvases."""
        return [viewer.canvas for viewer in self.viewers]

    def add(self, image: NDArray, labels: NDArray, scale: tuple[float, float, float], index: Sequence[int]) -> None:
        """Put in the layers, and the slices at an index."""
        for model in self.models:
            self.images.append(model.add_image(image, contrast_limits=(0, 80), scale=scale))
            self.labels.append(model.add_labels(labels, opacity=0.3, scale=scale))
            model.layers.selection.active = self.labels[-1]
            model.dims.set_point((0, 1, 2), [step * length for step, length in zip(index, scale, strict=True)])
        for model, layer in zip(self.models, self.labels, strict=True):
            model.dims.events.current_step.connect(lambda event, own=model: self._follow(own))
            layer.events.labels_update.connect(lambda event, own=layer: self._refresh(own))

    def show_case(self, image: NDArray, labels: NDArray) -> None:
        """Exchange the data of the layers."""
        self._busy = True
        for layer in self.images:
            layer.data = image
        for layer in self.labels:
            layer.data = labels
        self._busy = False

    def paint(self, size: int, code: int) -> None:
        """Take the brush into every view."""
        for layer in self.labels:
            layer.mode, layer.brush_size, layer.selected_label = "paint", size, code

    def undo(self) -> None:
        """Take the last stroke of the first view back."""
        self.labels[0].undo()
        self._refresh(self.labels[0])

    def dispose(self) -> None:
        """Close the viewers."""
        for model, viewer in zip(self.models, self.viewers, strict=True):
            model.layers.clear()
            viewer.close()
        self.close()

    def _follow(self, own: ViewerModel) -> None:
        if not self._busy:
            self._busy = True
            for model in self.models:
                if model is not own:
                    model.dims.point = own.dims.point
            self._busy = False

    def _refresh(self, own: Any) -> None:
        if not self._busy:
            self._busy = True
            for layer in self.labels:
                if layer is not own:
                    layer.refresh()
            self._busy = False
