"""The lasso as a tool: what is drawn around in a view is filled with the selected region, or erased."""

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject

from ctworkbench.ui.annotate import AnnotateView
from ctworkbench.ui.lasso import ERASING, inside
from ctworkbench.ui.ortho_view import OrthoView
from ctworkbench.ui.tool import Tool


class LassoTool(QObject):
    """Puts closed contours into the label map, each as one step.

    Attributes:
        erases: whether the lasso in hand erases, as it does when it was taken up from the eraser.
    """

    def __init__(self, view: AnnotateView) -> None:
        super().__init__(view)
        self._view = view
        self._tool = view.tool
        self._index = view.index
        self.erases = False
        for plane in view.views:
            plane.lasso.closed.connect(lambda points, erase, plane=plane: self._closed(plane, points, erase))
        view.state_changed.connect(self._follow)
        view.moved.connect(self._moved)

    @property
    def active(self) -> bool:
        """Whether a contour has been begun in one of the views."""
        return any(plane.lasso.active for plane in self._view.views)

    def close(self) -> None:
        """Close the contour that has been begun."""
        for plane in self._view.views:
            plane.lasso.close()

    def cancel(self) -> None:
        """Give the contour up that has been begun."""
        for plane in self._view.views:
            plane.lasso.cancel()

    def take_back(self) -> None:
        """Take the last corner back."""
        for plane in self._view.views:
            plane.lasso.take_back()

    def _follow(self) -> None:
        view = self._view
        if view.tool is not self._tool:
            self.erases = view.tool is Tool.LASSO and self._tool is Tool.ERASER
            self._tool = view.tool
        color = next(region.color for region in view.scheme.regions if region.code == view.selected)
        for plane in view.views:
            plane.lasso.color = ERASING if self.erases else color
            if view.tool_in_hand is not Tool.LASSO:
                plane.lasso.cancel()

    def _moved(self) -> None:
        # A contour belongs to the slice that it was begun in.
        for plane in self._view.views:
            if self._view.index[plane.plane.axis] != self._index[plane.plane.axis]:
                plane.lasso.cancel()
        self._index = self._view.index

    def _closed(self, plane: OrthoView, points: NDArray[np.float64], erase: bool) -> None:
        shape, scale = plane.labels.data.shape, plane.labels.scale
        rows, columns = plane.plane.down, plane.plane.across
        mask = inside(points, (scale[rows], scale[columns]), (shape[rows], shape[columns]))
        hit = [np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0)]
        if not len(hit[0]):
            return
        box = [slice(index, index + 1) for index in self._view.index]
        for axis, found in zip((rows, columns), hit, strict=True):
            box[axis] = slice(int(found[0]), int(found[-1]) + 1)
        code = 0 if erase or self.erases else self._view.selected
        plane.labels.draw_in_slice(tuple(box), mask[box[rows], box[columns]], code)
