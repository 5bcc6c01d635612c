"""A closed contour drawn in a view: by dragging around, or by clicking corner after corner."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QPointF, Qt, Signal
from PySide6.QtGui import QMouseEvent
from vispy.scene.visuals import Line

if TYPE_CHECKING:
    from ctworkbench.ui.ortho_view import OrthoView

_DRAG_PIXELS = 3
_CLOSE_PIXELS = 9
_LINE_PIXELS = 2
ERASING = "#ffffff"


class Lasso(QObject):
    """Follows the mouse of one view.

    A drag draws freely and closes when the button is let go; single clicks set corners, which a double click, Enter, or
    a click on the first corner closes.

    Signals:
        closed: a contour was closed (points in mm along the view's down and across axes, (n, 2); whether to erase).
    """

    closed = Signal(object, bool)

    def __init__(self, view: "OrthoView") -> None:
        super().__init__(view)
        self._view = view
        self.color = ERASING
        self._points: list[tuple[float, float]] = []
        self._pressed_at: QPointF | None = None
        self._free = False
        self._erase = False
        self._line = Line(np.zeros((2, 2), np.float32), width=_LINE_PIXELS, parent=view.viewer.canvas.view.scene)
        self._line.order = 1_000_001
        self._line.set_gl_state("translucent", depth_test=False)
        self._line.visible = False

    @property
    def active(self) -> bool:
        """Whether a contour has been begun."""
        return bool(self._points)

    def press(self, event: QMouseEvent) -> None:
        """Begin, or set the next corner."""
        at = event.position()
        if len(self._points) > 2 and self._near_first(at):
            self.close(self._erases(event))
            return
        if not self._points:
            self._erase = False
        self._pressed_at, self._free = at, False
        self._erase = self._erase or self._erases(event)
        self._points.append(self._place(at))
        self._draw(at)

    def move(self, event: QMouseEvent) -> None:
        """Draw on while the button is down, else show where the next side would run."""
        at = event.position()
        if self._pressed_at is not None and event.buttons() & Qt.MouseButton.LeftButton:
            apart = at - self._pressed_at
            if self._free or abs(apart.x()) + abs(apart.y()) > _DRAG_PIXELS:
                self._free = True
                self._points.append(self._place(at))
        self._draw(at)

    def release(self, event: QMouseEvent) -> None:
        """Close what was drawn by dragging from the beginning."""
        self._pressed_at = None
        if self._free:
            self._free = False
            self.close(self._erases(event))

    def close(self, erase: bool = False) -> None:
        """Close the contour."""
        points, erase = np.array(self._points), self._erase or erase
        self.cancel()
        if len(points) > 2:
            self.closed.emit(points, erase)

    def take_back(self) -> None:
        """Take the last corner back."""
        if self._points:
            self._points.pop()
            self._draw(None)

    def cancel(self) -> None:
        """Give the contour up."""
        self._points.clear()
        self._pressed_at, self._free = None, False
        self._line.visible = False

    def dispose(self) -> None:
        """Let go of the canvas."""
        self._line.parent = None

    def _draw(self, at: QPointF | None) -> None:
        places = [*self._points, self._place(at)] if at is not None else self._points
        self._line.visible = len(places) > 1
        if len(places) > 1:
            color = ERASING if self._erase else self.color
            self._line.set_data(pos=np.array(places, np.float32)[:, ::-1], color=color)

    def _place(self, at: QPointF) -> tuple[float, float]:
        world = self._view.world_at(at)
        return (world[self._view.plane.down], world[self._view.plane.across])

    def _near_first(self, at: QPointF) -> bool:
        world = [0.0, 0.0, 0.0]
        world[self._view.plane.down], world[self._view.plane.across] = self._points[0]
        apart = self._view.pixel_of((world[0], world[1], world[2])) - at
        return abs(apart.x()) + abs(apart.y()) <= _CLOSE_PIXELS

    @staticmethod
    def _erases(event: QMouseEvent) -> bool:
        return bool(event.modifiers() & Qt.KeyboardModifier.AltModifier)


def inside(points: NDArray[np.float64], spacing: tuple[float, float], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """The pixels whose middle lies within a closed contour.

    Args:
        points: (n, 2) along rows and columns, in mm; a pixel's middle lies at its index times the spacing.
        spacing: of rows and columns, in mm.
        shape: of the slice.
    """
    from skimage.draw import polygon

    mask = np.zeros(shape, dtype=bool)
    mask[polygon(points[:, 0] / spacing[0], points[:, 1] / spacing[1], shape)] = True
    return mask
