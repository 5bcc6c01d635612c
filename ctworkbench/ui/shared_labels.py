"""One label map edited in several napari views: every view shows an edit at once, and undo is common to all.

napari keeps the slice on the layer, so each view needs a layer of its own; the layers here stand on one array and one
history. This leans on private parts of napari's `Labels` (`_partial_labels_refresh`, `_updated_slice`, `_draw`,
`_load_history`, `_undo_history`, `_redo_history`, `_reset_history`, `_accumulate_updated_slice`, `_block_history`);
`tests/ui/test_annotate_napari.py` fails if they change.
"""

from collections import deque
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from ctworkbench.ui.edit_history import DrawnSlice, drawn_in, packed
from ctworkbench.ui.recorded_labels import RecordedLabels
from ctworkbench.ui.region_counts import Box


class SharedLabels(RecordedLabels):
    """A napari labels layer that tells its `LabelHub` of every edit made in place.

    Attributes:
        limit: what a view is told while a box of the array is drawn anew; within it nothing else changes.
    """

    hub: "LabelHub | None" = None
    limit: Callable[[Box], AbstractContextManager[None]] | None = None

    @property
    def _type_string(self) -> str:
        # napari finds a layer's drawing class by this name.
        return "labels"

    def _draw(self, new_label: int, last_cursor_coord: Any, coordinates: Any) -> None:
        """Paint up to the mouse: of a move shorter than an eighth of the brush napari would paint its beginning."""
        if last_cursor_coord is not None and coordinates is not None:
            far = max(abs(a - b) for a, b in zip(last_cursor_coord, coordinates, strict=True))
            if round(4 * far / self.brush_size) == 0:
                last_cursor_coord = coordinates
        super()._draw(new_label, last_cursor_coord, coordinates)

    def redraw(self, box: Box) -> None:
        """Draw a box of the array anew, if the slice shown meets it and the layer is seen."""
        at = self._get_pt_not_disp()
        if not all(box[axis].start <= index < box[axis].stop for axis, index in at.items()):
            return
        if self.visible and self.limit is not None:
            with self.limit(box):
                self._draw_box(box)
        else:
            self._draw_box(box)

    def _draw_box(self, box: Box) -> None:
        self._updated_slice = box
        super()._partial_labels_refresh()
        self._updated_slice = None

    def _partial_labels_refresh(self) -> None:
        box = self._updated_slice
        if box is not None:
            self._updated_slice = None
            self._edited(cast(Box, box))

    def _load_history(self, before: deque[Any], after: deque[Any], undoing: bool = True) -> None:
        box = _box_of(before[-1]) if before else None
        if box is not None:
            with self._block_refresh():
                super()._load_history(before, after, undoing)
            self._edited(self._expand_updated_slice_for_contour(box))

    def _edited(self, box: Box) -> None:
        if self.hub is not None:
            self.hub.announce(box)
        else:
            self.redraw(box)

    def _update_thumbnail(self) -> None:
        """Nobody sees it, and every slice would pay for it."""


class LabelHub(QObject):
    """The layers that show one label map, their common history and their edits.

    Signals:
        edited: a box of the array was changed (tuple of slices, array order of the layers).
    """

    edited = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._layers: list[SharedLabels] = []

    @property
    def layers(self) -> tuple[SharedLabels, ...]:
        """Every layer that shows the label map."""
        return tuple(self._layers)

    def add(self, layer: SharedLabels) -> None:
        """Take in a layer that stands on the same array as the others."""
        layer.hub = self
        self._layers.append(layer)
        self._share_history()

    def show(self, labels: NDArray[np.uint8], scale: tuple[float, float, float]) -> None:
        """Put another label map into every layer and forget the history of the last one."""
        for layer in self._layers:
            with layer.events.data.blocker():  # else its colours are built, and its shader compiled, anew
                layer.data = labels
            if tuple(layer.scale) != scale:
                layer.scale = scale
            layer._reset_history()
        self._share_history()

    def undo(self) -> bool:
        """Take back the last stroke, whichever view it was made in; whether there was one."""
        possible = bool(self._layers and self._layers[0]._undo_history)
        if possible:
            self._layers[0].undo()
        return possible

    def redo(self) -> bool:
        """Make the last stroke that was taken back again; whether there was one."""
        possible = bool(self._layers and self._layers[0]._redo_history)
        if possible:
            self._layers[0].redo()
        return possible

    @property
    def drawing(self) -> bool:
        """Whether a stroke is being drawn."""
        return any(layer._block_history for layer in self._layers)

    @property
    def drawn(self) -> set[DrawnSlice]:
        """The slices in which regions were changed by hand since the label map was put on the layers."""
        history = self._layers[0]._undo_history
        return drawn_in(history) | history.forgotten

    def apply(self, box: Box, codes: NDArray[np.uint8], drawn: Iterable[DrawnSlice] = ()) -> None:
        """Put new codes into a box, as one step of the common history; `drawn` counts as drawn by hand."""
        layer = self._layers[0]
        layer._save_history(packed(box, layer.data[box] ^ codes, drawn))
        layer.data[box] = codes
        layer._accumulate_updated_slice(box)
        layer._partial_labels_refresh()

    def announce(self, box: Box) -> None:
        """Redraw `box` in the views that show it, and tell who listens."""
        for layer in self._layers:
            layer.redraw(box)
        self.edited.emit(box)

    def detach(self) -> None:
        """Let go of the layers."""
        for layer in self._layers:
            layer.hub = None
        self._layers.clear()

    def _share_history(self) -> None:
        first = self._layers[0]
        for layer in self._layers[1:]:
            layer._undo_history = first._undo_history
            layer._redo_history = first._redo_history


def _box_of(item: Iterable[Any]) -> Box | None:
    """The smallest box around everything that one step of napari's history changed."""
    box: list[list[int]] | None = None
    for atom in item:
        if hasattr(atom, "slice_key"):
            edges = [[part.start, part.stop] for part in atom.slice_key]
        else:
            edges = [[int(np.min(index)), int(np.max(index)) + 1] for index in atom[0]]
        both = zip(box or edges, edges, strict=True)
        box = [[min(a[0], b[0]), max(a[1], b[1])] for a, b in both]
    return None if box is None else tuple(slice(start, stop) for start, stop in box)
