"""A chart that is pointed at: mouse, keys and lasso."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import QToolTip, QVBoxLayout, QWidget

from ctworkbench.ui.chart_canvas import ChartCanvas
from ctworkbench.ui.chart_groups import SEX_TITLES, sex_key
from ctworkbench.ui.chart_lasso import inside

if TYPE_CHECKING:
    from ctworkbench.core.workbench.rows import Dot

__all__ = ["SEX_TITLES", "DotPlot", "captioned", "sex_key"]

_REACH_PIXELS = 4.0
_OPEN = (Qt.Key.Key_Return, Qt.Key.Key_Enter)
_STEPS = {Qt.Key.Key_Right: 1, Qt.Key.Key_Left: -1, Qt.Key.Key_PageDown: 10, Qt.Key.Key_PageUp: -10}
_REGIONS = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}


class DotPlot(ChartCanvas):
    """A chart whose dots can be pointed at, opened and lassoed.

    With the mouse: point, click, drag, wheel, and Shift and a drag for the lasso. With the keys: ← and → from dot to
    dot in the order of age, Enter opens it, Space takes it into the selection or out of it, ↑ and ↓ another region.

    Args:
        tooltip: text for a dot of a chart.
        compact: leave out the axes' titles and the strip, as in small multiples.
        strip_width: of the strip for scans that the norm says nothing about, in pixels.
        parent: the widget it lies in.
    """

    dot_clicked = Signal(int)
    """The number of the scan whose dot was clicked."""
    lassoed = Signal(object, bool)
    """Numbers of the scans in a loop that was drawn, and whether they are added to the selection."""
    enlarged = Signal()
    """A double click beside the dots of a small chart: it is wanted alone."""
    toggled = Signal(int)
    """This scan is to be taken into the selection or out of it."""
    region_stepped = Signal(int)
    """↑ or ↓ was pressed: the chart before or after this one is wanted."""

    def __init__(
        self,
        tooltip: "Callable[[DotPlot, Dot], str]",
        compact: bool = False,
        strip_width: int = 92,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(compact, strip_width, parent)
        self._tooltip = tooltip
        self.pointed: int | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        scene: Any = self.scene()
        scene.sigMouseMoved.connect(self._hover)
        scene.sigMouseClicked.connect(self._clicked)
        for box in self.boxes:
            box.lassoed.connect(self._lassoed)

    def set_lasso(self, in_hand: bool) -> None:
        """Whether a drag draws a loop or pans."""
        for box in self.boxes:
            box.lasso_in_hand = in_hand
        self.viewport().setCursor(Qt.CursorShape.CrossCursor if in_hand else Qt.CursorShape.ArrowCursor)

    # -- the mouse -------------------------------------------------------------------------------------------------

    def _under(self, place: QPointF) -> "list[Dot]":
        """The dots at a place of the scene, nearest first."""
        for box, item, dots in self._layers():
            if box.isVisible() and box.sceneBoundingRect().contains(place):
                return [dots[number] for number in item.near(place, _REACH_PIXELS)]
        return []

    def _hover(self, place: QPointF) -> None:
        under = self._under(place)
        self.point_at(under[0].scan_id if under else None)
        if under:
            more = f"\n{len(under) - 1} more lie here: zoom in" if len(under) > 1 else ""
            corner = self.viewport().mapToGlobal(self.mapFromScene(place))
            QToolTip.showText(corner, self._tooltip(self, under[0]) + more, self.viewport())
        else:
            QToolTip.hideText()

    def _clicked(self, event: Any) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            return
        under = self._under(event.scenePos())
        if not under:
            if event.double() and self._compact:
                self.enlarged.emit()
        elif event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.toggled.emit(under[0].scan_id)
        else:
            self.dot_clicked.emit(under[0].scan_id)

    def _lassoed(self, loop: NDArray[np.float64], adds: bool) -> None:
        found: list[int] = []
        for _, item, dots in self._layers():
            transform = item.sceneTransform()
            xs = item.xs * transform.m11() + transform.dx()
            ys = item.ys * transform.m22() + transform.dy()
            found += [dots[number].scan_id for number in np.flatnonzero(inside(loop, xs, ys))]
        self.lassoed.emit(frozenset(found), adds)

    # -- the keys --------------------------------------------------------------------------------------------------

    def keyPressEvent(self, ev: QKeyEvent) -> None:
        """Go from dot to dot, open one, or step to another region."""
        key = Qt.Key(ev.key())
        if key in _STEPS:
            self.step(_STEPS[key])
        elif key in (Qt.Key.Key_Home, Qt.Key.Key_End):
            self.pointed = None
            self.step(1 if key == Qt.Key.Key_Home else -1)
        elif key in _REGIONS:
            self.region_stepped.emit(_REGIONS[key])
        elif key in _OPEN and self.pointed is not None:
            self.dot_clicked.emit(self.pointed)
        elif key == Qt.Key.Key_Space and self.pointed is not None:
            self.toggled.emit(self.pointed)
        else:
            super().keyPressEvent(ev)
            return
        ev.accept()

    def step(self, steps: int) -> None:
        """Point at the dot so many places on in the order of age; those beside the norm come last."""
        order: list[int] = []
        for _, item, dots in self._layers():
            order += [dots[number].scan_id for number in np.lexsort((item.ys, item.xs))]
        if not order:
            return
        first = 0 if steps > 0 else len(order) - 1
        place = order.index(self.pointed) + steps if self.pointed in order else first
        self.point_at(order[min(max(place, 0), len(order) - 1)])
        self._tell_pointed()

    def point_at(self, scan_id: int | None) -> None:
        """Ring a dot as the one under the mouse or the keys."""
        if scan_id == self.pointed:
            return
        self.pointed = scan_id
        layer, number = self._places.get(scan_id, (-1, -1)) if scan_id is not None else (-1, -1)
        for place, marks in enumerate((self.marks, self.outside_marks)):
            marks.point_at(number if place == layer else None)

    def _tell_pointed(self) -> None:
        """Say what is pointed at, on the screen and to a screen reader."""
        place = None if self.pointed is None else self.screen_position(self.pointed)
        if self.pointed is None or place is None:
            return
        text = self._tooltip(self, self.dots[self.pointed])
        self.setAccessibleDescription(text)
        QToolTip.showText(self.mapToGlobal(place.toPoint()), text, self)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show where the keys stand when they come in."""
        super().focusInEvent(event)
        if event.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason):
            if self.pointed is None:
                self.step(1)
            else:
                self._tell_pointed()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Take the ring away with the keys."""
        super().focusOutEvent(event)
        self.point_at(None)

    def leaveEvent(self, ev: QEvent) -> None:
        """Take the ring away with the mouse."""
        super().leaveEvent(ev)
        if not self.hasFocus():
            self.point_at(None)

    def show_chart(self, *args: Any, **kwargs: Any) -> None:
        """Show a chart; see `ChartCanvas.show_chart`."""
        pointed, self.pointed = self.pointed, None
        super().show_chart(*args, **kwargs)
        self.marks.point_at(None)
        self.outside_marks.point_at(None)
        if pointed in self.dots:
            self.point_at(pointed)


def captioned(plot: DotPlot) -> QWidget:
    """A plot with its caption above; a title inside the plot would not let it become narrower than its words."""
    holder = QWidget()
    layout = QVBoxLayout(holder)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(0)
    layout.addWidget(plot.caption)
    layout.addWidget(plot, 1)
    return holder
