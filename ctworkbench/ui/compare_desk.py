"""Two versions of a label map at once: side by side, under a curtain, or what differs between them, with a table."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QLabel,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ctworkbench.core.label_changes import RegionChange, changed_in_slices, region_changes
from ctworkbench.core.workbench import AnnotationRow
from ctworkbench.ui.annotate import AnnotateView
from ctworkbench.ui.bridge import Bridge
from ctworkbench.ui.case import read_labels, story_of, title_of
from ctworkbench.ui.change_table import ChangeTable, thousands
from ctworkbench.ui.framing import Frame
from ctworkbench.ui.lightbox import PLANES
from ctworkbench.ui.overlays import OverViews
from ctworkbench.ui.plane import AXIAL, Plane, for_display
from ctworkbench.ui.readout import describe
from ctworkbench.ui.shortened_box import ShortenedBox
from ctworkbench.ui.slice_pane import SlicePane, Viewpoint
from ctworkbench.ui.slice_picture import draw_difference, draw_slice, look_of, plane_of, to_qimage

if TYPE_CHECKING:
    from ctworkbench.core.workbench import Workbench

SIDE, CURTAIN, DIFFERENCE = "Side by side", "Curtain", "Differences"
_LEAST_PICKER = 120
_KEPT = 4
"""Label maps held in memory at once, each of a byte per voxel."""


class CompareDesk(OverViews):
    """The desk over the views; slice, window, outlines and hidden regions follow the views' own keys.

    Signals:
        failed: a version could not be read (the exception).
        hovered: a line on what is under the mouse, in both versions.
    """

    failed = Signal(object)
    hovered = Signal(str)

    def __init__(self, view: AnnotateView, workbench: "Workbench", bridge: Bridge) -> None:
        super().__init__(view)
        self._view, self._workbench, self._bridge = view, workbench, bridge
        self._versions: tuple[AnnotationRow, ...] = ()
        self._held: dict[int, NDArray[np.uint8]] = {}
        self._frame: Frame | None = None
        self._changed: dict[int, NDArray[np.int64]] = {}
        self.changes: list[RegionChange] = []
        self.plane: Plane = AXIAL
        self.mode = SIDE
        self.viewpoint = Viewpoint()
        self.left, self.right = SlicePane(self.viewpoint), SlicePane(self.viewpoint)
        self.left_version, self.right_version = ShortenedBox(_LEAST_PICKER), ShortenedBox(_LEAST_PICKER)
        self.table = ChangeTable(view.scheme)
        self.told = QLabel()
        self.modes: dict[str, QToolButton] = {}
        self.planes: dict[str, QToolButton] = {}
        self._build()
        for pane in (self.left, self.right):
            pane.stepped.connect(self._step)
            pane.windowed.connect(view.drag_window)
            pane.pointed.connect(self._point)
            pane.viewed.connect(self._view_moved)
            pane.hovered.connect(self._hover)
        view.moved.connect(self._draw)
        view.state_changed.connect(self._draw)

    # What the room calls

    def show_versions(self, versions: tuple[AnnotationRow, ...], left: int, right: int, frame: Frame) -> None:
        """Open the desk on two versions.

        Args:
            versions: all of the scan, newest first.
            left: number of the version that is put on the left.
            right: of the one on the right.
            frame: the head, which fills the panes at first.
        """
        if self._versions and versions[0].scan_id != self._versions[0].scan_id:
            self._held.clear()
        self._versions, self._frame = versions, frame
        self.viewpoint.zoom = 0.0
        for box, chosen in ((self.left_version, left), (self.right_version, right)):
            with QSignalBlocker(box):
                box.clear()
                for row in versions:
                    told = f"{title_of(row)} · {row.author}"
                    box.add(told, told, row.id, story_of(row, versions))
                box.setCurrentIndex(box.findData(chosen))
        self.open()
        self.set_plane(self.plane)
        self._read()

    def set_mode(self, mode: str) -> None:
        """Side by side, curtain or differences."""
        self.mode = mode
        self.right.setVisible(mode == SIDE)
        self.left.curtain = (self.left.curtain or 0.5) if mode == CURTAIN else None
        for name, button in self.modes.items():
            button.setChecked(name == mode)
        self._draw()

    def step_mode(self) -> None:
        """The next way to compare."""
        names = list(self.modes)
        self.set_mode(names[(names.index(self.mode) + 1) % len(names)])

    def step_version(self, left: bool) -> None:
        """Put the next older version on one side; after the oldest the newest."""
        box = self.left_version if left else self.right_version
        if box.count():
            box.setCurrentIndex((box.currentIndex() + 1) % box.count())

    def set_plane(self, plane: Plane) -> None:
        """Axial, coronal or sagittal; the arrow keys step through this plane."""
        self.plane = plane
        self._view.active = next(view for view in self._view.views if view.plane is plane)
        self.viewpoint.zoom = 0.0
        self._draw()

    def step_plane(self) -> None:
        """The next plane."""
        self.set_plane(PLANES[(PLANES.index(self.plane) + 1) % len(PLANES)])

    def changed_slices(self) -> NDArray[np.int64]:
        """Voxels that differ in each slice of the plane that is shown; empty until both versions are there."""
        pair = self._pair()
        if pair is None:
            return np.zeros(0, np.int64)
        axis = self.plane.axis
        if axis not in self._changed:
            self._changed[axis] = changed_in_slices(*pair, axis)
        return self._changed[axis]

    def put_away(self) -> None:
        """Show the views again, and let the label maps go."""
        super().put_away()
        self._held.clear()
        self._changed.clear()

    # Reading

    def _chosen(self) -> tuple[int, int]:
        return int(self.left_version.currentData()), int(self.right_version.currentData())

    def _pair(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]] | None:
        """The displayed arrays of both versions, once they are read."""
        if not self._versions:
            return None
        one, other = self._chosen()
        if one not in self._held or other not in self._held:
            return None
        return for_display(self._held[one]), for_display(self._held[other])

    def _read(self) -> None:
        chosen = self._chosen()
        self._changed.clear()
        self.changes = []
        self.told.setText("Reading…")
        held, codes = dict(self._held), self._view.scheme.codes
        image = self._view.image
        voxel = 0.0 if image is None else image.grid.voxel_volume_mm3

        def read() -> tuple[dict[int, NDArray[np.uint8]], list[RegionChange]]:
            maps = {number: held.get(number) for number in chosen}
            there = {n: read_labels(self._workbench, n) if kept is None else kept for n, kept in maps.items()}
            before, after = (for_display(there[number]) for number in chosen)
            return there, region_changes(before, after, codes, voxel)

        self._bridge.run(read, partial(self._take, chosen), self._fail, key="review desk", message="Comparing…")

    def _take(self, chosen: tuple[int, int], answer: tuple[dict[int, NDArray[np.uint8]], list[RegionChange]]) -> None:
        if self.isHidden() or chosen != self._chosen():
            return
        maps, self.changes = answer
        others = {n: kept for n, kept in self._held.items() if n not in maps}
        self._held = dict(list(others.items())[: _KEPT - len(maps)]) | maps
        self._fill()
        self._draw()

    def _fail(self, error: Exception) -> None:
        self.put_away()
        self.failed.emit(error)

    # Showing

    def _fill(self) -> None:
        one, other = (next(row for row in self._versions if row.id == number) for number in self._chosen())
        self.table.show_changes(self.changes, f"v{one.version}", f"v{other.version}")
        pair = self._pair()
        total = 0 if pair is None else int(self.changed_slices().sum())
        slices = int(np.count_nonzero(self.changed_slices()))
        self.told.setText(
            f"{thousands(total)} voxels differ, in {slices} slices" if total else "The two label maps are the same"
        )

    def _draw(self) -> None:
        pair, image = self._pair(), self._view.image
        if self.isHidden() or pair is None or image is None or self._frame is None:
            return
        plane = self.plane
        index = self._view.index
        place = index[plane.axis]
        shown = for_display(image.voxels)
        if shown.shape != pair[0].shape:
            return  # another case came into the views meanwhile
        for name, button in self.planes.items():
            button.setChecked(name == plane.name)
        look = look_of(self._view)
        hu = plane_of(shown, plane, place)
        before, after = (plane_of(labels, plane, place) for labels in pair)
        rows = hu.shape[0]
        up = plane.vertical == "up"
        spacing = image.spacing[::-1]
        voxel = (spacing[plane.down], spacing[plane.across])
        row = rows - 1 - index[plane.down] if up else index[plane.down]
        cross = (float(row), float(index[plane.across]))
        low, high = self._frame.low, self._frame.high
        top = rows - high[plane.down] if up else low[plane.down]
        box = QRectF(
            low[plane.across] * voxel[1],
            top * voxel[0],
            (high[plane.across] - low[plane.across]) * voxel[1],
            (high[plane.down] - low[plane.down]) * voxel[0],
        )
        area = self.changed_slices()[place] * voxel[0] * voxel[1] / 100
        where = f"{plane.name}  {place + 1} / {shown.shape[plane.axis]}"
        names = [f"v{row.version}" for number in self._chosen() for row in self._versions if row.id == number]
        self.left.second_title = ""
        if self.mode == DIFFERENCE:
            first, second = to_qimage(draw_difference(hu, before, after, look)), None
            self.left.title = f"{where}   {names[0]} → {names[1]}   {area:.2f} cm² differ"
        else:
            first, second = (to_qimage(draw_slice(hu, codes, look)) for codes in (before, after))
            self.left.title = f"{where}   {names[0]}"
            self.right.title = f"{where}   {names[1]}   {area:.2f} cm² differ"
        if self.mode == CURTAIN:
            self.left.second_title = names[1]
        self.left.show_slice(plane, first, second if self.mode == CURTAIN else None, voxel, box, cross)
        if self.mode == SIDE and second is not None:
            self.right.show_slice(plane, second, None, voxel, box, cross)

    # Mouse

    def _step(self, steps: int) -> None:
        index = list(self._view.index)
        index[self.plane.axis] += steps
        self._view.go_to((index[0], index[1], index[2]))

    def _index_at(self, row: float, column: float) -> tuple[int, int, int] | None:
        """Index of the displayed array at a row and column of the slice; None outside."""
        plane, image = self.plane, self._view.image
        if image is None:
            return None
        shape = for_display(image.voxels).shape
        index = list(self._view.index)
        index[plane.down] = round(shape[plane.down] - 1 - row if plane.vertical == "up" else row)
        index[plane.across] = round(column)
        inside = all(0 <= value < size for value, size in zip(index, shape, strict=True))
        return (index[0], index[1], index[2]) if inside else None

    def _point(self, row: float, column: float) -> None:
        index = self._index_at(row, column)
        if index is not None:
            self._view.go_to(index)

    def _hover(self, row: float, column: float) -> None:
        index, image = self._index_at(row, column), self._view.image
        if index is None or image is None or self._pair() is None:
            return
        chosen = self._chosen()
        names = [f"v{one.version}" for number in chosen for one in self._versions if one.id == number]
        first, second = (describe(image, self._held[number], self._view.scheme, index) for number in chosen)
        other = second.rsplit("    ", 1)[-1]
        self.hovered.emit(f"{first} in {names[0]}, {other} in {names[1]}")

    def _view_moved(self) -> None:
        self.left.update()
        self.right.update()

    def step_region(self, steps: int) -> None:
        """Go so many rows of the table on, past the ends to the other one: as a click on the region does."""
        codes = self._view.scheme.codes
        self._region_clicked((codes.index(self._view.selected) + steps) % len(codes), 0)

    def _region_clicked(self, row: int, _column: int) -> None:
        self.table.setCurrentCell(row, 0)
        code = self._view.scheme.regions[row].code
        self._view.select_region(code)
        pair = self._pair()
        if pair is None:
            return
        one, other = pair
        areas = changed_in_slices(one == code, other == code, self.plane.axis)
        if areas.any():
            index = list(self._view.index)
            index[self.plane.axis] = int(areas.argmax())
            self._view.go_to((index[0], index[1], index[2]))
        else:
            self._view.jump_to(code)

    # Building

    def _build(self) -> None:
        top, bar = QHBoxLayout(), QHBoxLayout()
        top.setContentsMargins(8, 4, 8, 0)
        bar.setContentsMargins(8, 4, 8, 4)
        for box, tip in ((self.left_version, "Version on the left"), (self.right_version, "Version on the right")):
            box.setToolTip(tip)
            box.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            box.currentIndexChanged.connect(lambda _: self._read())
        top.addWidget(self.left_version, 1)
        top.addWidget(self._button("⇄", "Change sides", self._swap))
        top.addWidget(self.right_version, 1)
        top.addWidget(self._button("✕", "Back to the views  (Esc)", self.put_away))
        tips = {
            SIDE: "Both versions, linked in slice, zoom and place",
            CURTAIN: "One over the other; drag the curtain",
            DIFFERENCE: "Only the voxels that differ, in the colour of the new region; white where it became none",
        }
        groups: list[tuple[dict[str, QToolButton], dict[str, str], Callable[[str], None]]] = [
            (self.modes, tips, self.set_mode),
            (self.planes, {plane.name: f"{plane.name} slices" for plane in PLANES}, self._plane_named),
        ]
        for buttons, names, act in groups:
            group = QButtonGroup(self)
            for name, tip in names.items():
                button = self._button(name, tip, partial(act, name))
                button.setCheckable(True)
                group.addButton(button)
                bar.addWidget(button)
                buttons[name] = button
            bar.addSpacing(12)
        self.modes[SIDE].setChecked(True)
        self.planes[AXIAL.name].setChecked(True)
        bar.addStretch(1)
        self.table.cellClicked.connect(self._region_clicked)
        self.told.setWordWrap(True)
        self.told.setProperty("role", "muted")
        side = QVBoxLayout()
        side.setContentsMargins(6, 0, 6, 6)
        side.addWidget(self.told)
        side.addWidget(self.table, 1)
        beside = QWidget()
        beside.setLayout(side)
        beside.setFixedWidth(274)
        body = QHBoxLayout()
        body.setSpacing(2)
        body.addWidget(self.left, 1)
        body.addWidget(self.right, 1)
        body.addWidget(beside)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(top)
        layout.addLayout(bar)
        layout.addLayout(body, 1)

    def _plane_named(self, name: str) -> None:
        self.set_plane(next(plane for plane in PLANES if plane.name == name))

    def _swap(self) -> None:
        one, other = self.left_version.currentIndex(), self.right_version.currentIndex()
        with QSignalBlocker(self.left_version), QSignalBlocker(self.right_version):
            self.left_version.setCurrentIndex(other)
            self.right_version.setCurrentIndex(one)
        self._read()

    @staticmethod
    def _button(title: str, tip: str, act: Callable[[], object]) -> QToolButton:
        button = QToolButton()
        button.setText(title)
        button.setToolTip(tip)
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        button.clicked.connect(lambda _=False: act())
        return button
