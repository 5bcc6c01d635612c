"""A proposed change of a region, hatched in all views until the reader takes it or drops it."""

import numpy as np
from napari.utils.colormaps import DirectLabelColormap
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from ctworkbench.core.label_edits.drawing import Change
from ctworkbench.ui.annotate import AnnotateView
from ctworkbench.ui.plane import for_display

GAINED, LOST = 1, 2
GAINED_COLOR, LOST_COLOR = "#ffffff", "#ff3ea5"
_STRIPE_VOXELS = 2


class Suggestion(QObject):
    """Shows one proposal over the label map; nothing is changed until it is accepted.

    It borrows the layers that show another version; that, an edit, or another label map drops it.

    Signals:
        changed: a proposal came, was accepted or dropped.
    """

    changed = Signal()

    def __init__(self, view: AnnotateView) -> None:
        super().__init__(view)
        self._view = view
        self._change: Change | None = None
        self._labels: NDArray[np.uint8] | None = None
        view.state_changed.connect(self._follow)
        view.hub.edited.connect(self.drop)

    @property
    def pending(self) -> bool:
        """Whether a proposal waits for an answer."""
        return self._change is not None

    def show(self, change: Change, hatching: NDArray[np.uint8]) -> None:
        """Show a proposal for the label map in the views; `hatching` is `hatched` of it."""
        self.drop()
        self._view.hide_compared()
        self._change, self._labels = change, self._view.labels
        for view in self._view.views:
            view.compared.data = for_display(hatching)
            view.compared.scale = view.labels.scale
        self._draw()
        self.changed.emit()

    def accept(self) -> Change | None:
        """Make the change, as one step that can be undone; the change, if there was one."""
        change = self._change
        if change is not None:
            self._end()
            self._view.apply(change)
            self.changed.emit()
        return change

    def drop(self) -> None:
        """Forget the proposal."""
        if self._change is not None:
            self._end()
            self.changed.emit()

    def _end(self) -> None:
        self._change = self._labels = None
        blank = np.zeros((2, 2, 2), np.uint8)
        for view in self._view.views:
            view.compared.visible = False
            view.compared.data = blank
            view.compared.scale = view.labels.scale
            view.compared.colormap = view.labels.colormap

    def _draw(self) -> None:
        colors = {None: "transparent", 0: "transparent", GAINED: GAINED_COLOR, LOST: LOST_COLOR}
        for view in self._view.views:
            view.compared.colormap = DirectLabelColormap(color_dict=colors)
            view.compared.contour = 0
            view.compared.opacity = 0.8
            view.compared.visible = True

    def _follow(self) -> None:
        if self._change is None:
            return
        if self._view.labels is not self._labels or self._view.comparing:
            self.drop()
        else:
            # Opacity, colours and outlines of the label map are put on these layers too.
            self._draw()


def hatched(labels: NDArray[np.uint8], change: Change, code: int) -> NDArray[np.uint8]:
    """What a change gives to a region and takes from it, edged and striped aslant in every plane, (x, y, z)."""
    from scipy import ndimage

    hatching = np.zeros(labels.shape, np.uint8, order="F")
    old, new = labels[change.box] == code, change.codes == code
    x, y, z = np.ogrid[change.box]
    stripes = (x + y + z) // _STRIPE_VOXELS % 2 == 0
    for kind, part in ((GAINED, new & ~old), (LOST, old & ~new)):
        edge = part & ~ndimage.binary_erosion(part, border_value=1)
        hatching[change.box][edge | (part & stripes)] = kind
    return hatching
