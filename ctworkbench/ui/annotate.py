"""Three linked views of one scan and its label map, with the tools that correct it."""

from collections.abc import Iterable
from contextlib import ExitStack

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from ctworkbench.core.label_edits.drawing import Change
from ctworkbench.core.schemes import Scheme
from ctworkbench.core.volume import Volume
from ctworkbench.ui.edit_history import DrawnSlice
from ctworkbench.ui.framing import Frame, frame_of, middle_of
from ctworkbench.ui.linked_views import LinkedViews
from ctworkbench.ui.ortho_view import OrthoView
from ctworkbench.ui.paint_limits import PaintLimits
from ctworkbench.ui.plane import for_display
from ctworkbench.ui.readout import describe
from ctworkbench.ui.region_counts import Box, RegionCounts
from ctworkbench.ui.shared_labels import LabelHub
from ctworkbench.ui.tool import BRUSH_SIZES, DRAGS, NAPARI_MODES, Tool, stepped


class AnnotateView(LinkedViews):
    """The views with the case on them, and the state that they share: position, tool, region, brush.

    Signals:
        edited: the label map was changed.
        moved: the crosshair was moved.
        hovered: one line about what is under the mouse, or about the crosshair.
        state_changed: also when tool, brush or region was changed.
    """

    edited = Signal()
    moved = Signal()
    hovered = Signal(str)

    def __init__(self, scheme: Scheme, parent: QWidget | None = None) -> None:
        super().__init__(scheme, parent)
        self.tool = Tool.NAVIGATE
        self.selected = scheme.codes[0]
        self.brush_size = 12
        self.ball = False
        self.editable = False
        self.locked = False
        self.doubt_shown = False
        self.limits = PaintLimits(self)
        self.index = (0, 0, 0)
        self._scale = (1.0, 1.0, 1.0)
        self._image: Volume | None = None
        self._labels: NDArray[np.uint8] = np.zeros((2, 2, 2), np.uint8)
        self._counts = RegionCounts(for_display(self._labels))
        self._compared: NDArray[np.uint8] | None = None
        self._counts_compared: RegionCounts | None = None

        self.hub = LabelHub(self)
        for view in self.views:
            self.hub.add(view.labels)
            view.labels.guard = self.limits
            view.labels.events.selected_label.connect(self._picked)
            view.labels.events.brush_size.connect(self._brush_resized)
            view.pointed.connect(self._pointed)
            view.stepped.connect(lambda steps, view=view: self.step(steps, view))
            view.hovered.connect(self._hovered)
        self.hub.edited.connect(self._edited)

    # The case shown

    def show_case(
        self,
        image: Volume,
        labels: NDArray[np.uint8],
        counts: RegionCounts | None = None,
        frame: Frame | None = None,
    ) -> None:
        """Show a scan with a label map to be edited in place, the crosshair in the middle of the brain.

        Args:
            image: HU, axes (x, y, z), RAS.
            labels: region codes on the same grid, writable; edits go straight into it.
            counts: its counts over `for_display(labels)`, where they were made beforehand.
            frame: where to look at first, where that was found beforehand.
        """
        frame = frame or frame_of(image, labels)
        self._image = image
        spacing = image.spacing
        self._scale = (spacing[2], spacing[1], spacing[0])
        shown = self.limits.image = for_display(image.voxels)
        self.hide_compared()
        self.hide_doubt()
        with ExitStack() as still:
            for view in self.views:
                still.enter_context(view.still())
                view.show_image(shown, self._scale)
            self.show_labels(labels, counts)
            shape = (shown.shape[0], shown.shape[1], shown.shape[2])
            for view in self.views:
                view.set_geometry(shape, self._scale, frame.low, frame.high)
            self.go_to(frame.centre)

    def show_labels(self, labels: NDArray[np.uint8], counts: RegionCounts | None = None) -> None:
        """Put another label map of the same scan on the views; the history of edits starts afresh."""
        self.hide_compared()
        self._labels = labels
        shown = for_display(labels)
        self._counts = counts or RegionCounts(shown)
        self.hub.show(shown, self._scale)
        self._apply_tool()
        self.state_changed.emit()

    def show_compared(self, labels: NDArray[np.uint8], counts: RegionCounts | None = None) -> None:
        """Show another label map, and its volumes, in place of the one that is edited, to look at only."""
        self.comparing, self._compared = True, labels
        self._counts_compared = counts or RegionCounts(for_display(labels))
        for view in self.views:
            view.compared.data = for_display(labels)
            view.compared.scale = self._scale
        self._apply_overlay()
        self._apply_tool()
        self.state_changed.emit()

    def hide_compared(self) -> None:
        """Show the label map that is edited again."""
        if self.comparing:
            self.comparing, self._compared, self._counts_compared = False, None, None
            self._apply_overlay()
            self._apply_tool()
            self.state_changed.emit()

    def show_doubt(self, percent: NDArray[np.uint8]) -> None:
        """Lay over the views how unsure networks were: whole percents, axes (x, y, z), on the grid of the image."""
        self.doubt_shown = True
        for view in self.views:
            view.show_doubt(for_display(percent))

    def hide_doubt(self) -> None:
        """Show image and labels alone."""
        if self.doubt_shown:
            self.doubt_shown = False
            for view in self.views:
                view.show_doubt(None)

    @property
    def image(self) -> Volume | None:
        """The scan that is shown."""
        return self._image

    @property
    def labels_seen(self) -> NDArray[np.uint8]:
        """The label map that is seen, axes (x, y, z): the one that is edited, or the one it is compared with."""
        return self._labels if self._compared is None else self._compared

    @property
    def labels(self) -> NDArray[np.uint8]:
        """The label map that is edited, in place, axes (x, y, z): to look at, and to tell one from another."""
        return self._labels

    def edited_labels(self) -> NDArray[np.uint8]:
        """A copy of the label map as it stands, axes (x, y, z)."""
        return self._labels.copy(order="F")

    def volumes_cm3(self) -> dict[int, float]:
        """Volume of each region of the scheme in the label map that is seen, in cm³."""
        counts = self._counts_compared or self._counts
        voxel = 0.0 if self._image is None else self._image.grid.voxel_volume_mm3
        return {code: float(counts.voxels[code]) * voxel / 1000 for code in self.scheme.codes}

    # Position

    def go_to(self, index: tuple[int, int, int]) -> None:
        """Move the crosshair to an index of the displayed (z, y, x) array, kept inside it."""
        shape = for_display(self._labels).shape
        z, y, x = (int(np.clip(value, 0, size - 1)) for value, size in zip(index, shape, strict=True))
        self.index = (z, y, x)
        for view in self.views:
            view.show_position(self.index, self._scale, shape[view.plane.axis])
        self.moved.emit()
        self.hovered.emit(self.describe(self.index))

    def step(self, steps: int, view: OrthoView | None = None) -> None:
        """Go so many slices on in a view (towards superior, posterior, left)."""
        axis = (view or self.active).plane.axis
        index = list(self.index)
        index[axis] += steps
        self.go_to((index[0], index[1], index[2]))

    def jump_to(self, code: int) -> bool:
        """Move the crosshair into the middle of a region, on its largest axial slice; whether it has one."""
        place = middle_of(for_display(self._labels), code)
        if place is not None:
            self.go_to(place)
        return place is not None

    def describe(self, index: tuple[int, int, int]) -> str:
        """Patient position in mm, HU and region at an index of the displayed array; "" outside."""
        if self._image is None:
            return ""
        return describe(self._image, self.labels_seen, self.scheme, index)

    # Tools and edits

    def set_tool(self, tool: Tool) -> None:
        """What the left mouse button does; tools that edit are refused where the label map is for looking only."""
        self.tool = Tool.NAVIGATE if tool.edits and not self.editable else tool
        self._apply_tool()
        self.state_changed.emit()

    @property
    def tool_in_hand(self) -> Tool:
        """The tool that works: the one chosen, unless there is nothing to edit, or it cannot be seen."""
        blind = not self.can_edit or not self.labels_shown
        return Tool.NAVIGATE if blind and self.tool is not Tool.WINDOW else self.tool

    @property
    def can_edit(self) -> bool:
        """Whether the label map can be edited now."""
        return self.editable and not self.comparing and not self.locked

    def set_editable(self, editable: bool) -> None:
        """Whether the label map may be edited; the tool chosen stays chosen."""
        self.editable = editable
        self._apply_tool()
        self.state_changed.emit()

    def set_locked(self, locked: bool) -> None:
        """Keep everybody from editing for as long as an operation works on the label map."""
        self.locked = locked
        self._apply_tool()
        self.state_changed.emit()

    def select_region(self, code: int) -> None:
        """Region that brush and fill draw."""
        self.selected = code
        for view in self.views:
            view.labels.selected_label = code
        self.state_changed.emit()

    def step_region(self, steps: int) -> None:
        """Select the next or the previous region of the scheme."""
        codes = self.scheme.codes
        self.select_region(codes[(codes.index(self.selected) + steps) % len(codes)])

    def set_brush_size(self, size: int) -> None:
        """Diameter of brush and eraser in voxels of the finer axis."""
        self.brush_size = int(np.clip(size, BRUSH_SIZES[0], BRUSH_SIZES[-1]))
        for view in self.views:
            view.labels.brush_size = self.brush_size
        self.state_changed.emit()

    def step_brush(self, steps: int) -> None:
        """Make the brush larger or smaller."""
        self.set_brush_size(int(stepped(BRUSH_SIZES, self.brush_size, steps)))

    @property
    def brush_mm(self) -> float:
        """Diameter of the brush in mm."""
        return self.brush_size * min(self._scale[1:])

    def set_ball(self, ball: bool) -> None:
        """Edit in the slice alone, or in all directions (a ball; a fill through all slices)."""
        self.ball = ball
        for view in self.views:
            view.labels.n_edit_dimensions = 3 if ball else 2
        self.state_changed.emit()

    def set_labels_shown(self, shown: bool) -> None:
        """Show or hide the labels; what cannot be seen is not drawn on."""
        self.labels_shown = shown
        self._apply_overlay()
        self._apply_tool()
        self.state_changed.emit()

    def apply(self, change: Change, drawn: Iterable[DrawnSlice] = ()) -> None:
        """Make the change that an operation asks for, as one step; `drawn` counts as drawn by hand."""
        size_y, size_x = self._labels.shape[1], self._labels.shape[0]
        x, y, z = change.box
        box = (z, slice(size_y - y.stop, size_y - y.start), slice(size_x - x.stop, size_x - x.start))
        self.hub.apply(box, for_display(change.codes), drawn)

    def limit_to_crosshair(self) -> None:
        """Paint over what is at the crosshair alone."""
        self.limits.set_over(int(for_display(self._labels)[self.index]))

    def undo(self) -> None:
        """Take back the last stroke."""
        if self.can_edit:
            self.hub.undo()

    def redo(self) -> None:
        """Make the stroke that was taken back again."""
        if self.can_edit:
            self.hub.redo()

    def dispose(self) -> None:
        """Clear the layers and close the canvases; the views cannot be used afterwards."""
        self.hub.detach()
        for view in self.views:
            view.dispose()

    # Follow the views

    def _pointed(self, world: tuple[float, float, float]) -> None:
        self.go_to(self._index_of(world))

    def _index_of(self, world: tuple[float, float, float]) -> tuple[int, int, int]:
        z, y, x = (round(position / size) for position, size in zip(world, self._scale, strict=True))
        return (z, y, x)

    def _hovered(self, world: tuple[float, float, float] | None) -> None:
        index = self.index if world is None else self._index_of(world)
        self.hovered.emit(self.describe(index) or self.describe(self.index))

    def _picked(self, event: object) -> None:
        code = int(getattr(event, "source").selected_label)  # noqa: B009 - napari's events declare no source
        if code == self.selected:
            return
        if code not in self.scheme.codes:
            # Nothing was under the mouse: keep the region.
            self.select_region(self.selected)
            return
        self.select_region(code)
        if self.tool is Tool.PICK:
            self.set_tool(Tool.BRUSH)

    def _brush_resized(self, event: object) -> None:
        # Alt and a drag, napari's own gesture, sizes the brush of one view.
        size = int(getattr(event, "source").brush_size)  # noqa: B009 - napari's events declare no source
        if size != self.brush_size:
            self.set_brush_size(size)

    def _edited(self, box: Box) -> None:
        self._counts.update(for_display(self._labels), box)
        self.edited.emit()

    # Put the state into napari's layers

    def _apply_tool(self) -> None:
        tool = self.tool_in_hand
        for view in self.views:
            view.left_drag = DRAGS[tool]
            view.labels.mode = NAPARI_MODES[tool]
            view.labels.selected_label = self.selected
            view.labels.brush_size = self.brush_size
            view.labels.n_edit_dimensions = 3 if self.ball else 2
