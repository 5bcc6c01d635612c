"""Twenty-four slices of a case on one sheet, for a verdict at one glance."""

import numpy as np
from PySide6.QtCore import QPoint, QRect, QRectF, QSettings, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from ctworkbench.ui.annotate import AnnotateView
from ctworkbench.ui.framing import Frame
from ctworkbench.ui.overlays import OverViews
from ctworkbench.ui.plane import AXIAL, CORONAL, SAGITTAL, Plane, for_display
from ctworkbench.ui.readout import place_along
from ctworkbench.ui.shortened_label import ShortenedLabel
from ctworkbench.ui.slice_picture import draw_slice, look_of, plane_of, to_qimage

TILES = 24
PLANES = (AXIAL, CORONAL, SAGITTAL)
_STAYS = "lightbox_stays"
_GROUND, _INK, _FRAME = QColor("#000000"), QColor("#ffd166"), QColor("#4aa3df")
_LOOKED_AT = 128
_GAP = 2


class Lightbox(OverViews):
    """The sheet of slices over the views, drawn as the views are: window, labels, outlines, hidden regions.

    Args:
        view: the views that it lies over.
        memory: whether it stays open is remembered there.

    Signals:
        chosen: a slice was clicked (index of the displayed array).
    """

    chosen = Signal(object)

    def __init__(self, view: AnnotateView, memory: QSettings) -> None:
        super().__init__(view)
        self._view = view
        self._memory = memory
        self._frame: Frame | None = None
        self.plane = AXIAL
        row = QHBoxLayout()
        row.setContentsMargins(8, 4, 8, 4)
        self.planes: dict[str, QToolButton] = {}
        for plane in PLANES:
            button = QToolButton()
            button.setText(plane.name)
            button.setCheckable(True)
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            button.setToolTip(f"{plane.name} slices")
            button.clicked.connect(lambda _=False, plane=plane: self.set_plane(plane))
            row.addWidget(button)
            self.planes[plane.name] = button
        self.told = ShortenedLabel()
        self.told.setProperty("role", "muted")
        row.addSpacing(8)
        row.addWidget(self.told, 1)
        self.stays = QCheckBox("Stays open for the next case")
        self.stays.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.stays.setToolTip("Go through the list on this sheet: a verdict brings the slices of the next case")
        self.stays.setChecked(str(memory.value(_STAYS, "true")) == "true")
        self.stays.toggled.connect(lambda on: memory.setValue(_STAYS, "true" if on else "false"))
        row.addWidget(self.stays)
        row.addSpacing(8)
        close = QToolButton()
        close.setText("✕")
        close.setToolTip("Back to the views  (Esc)")
        close.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        close.clicked.connect(self.put_away)
        row.addWidget(close)
        self.sheet = _Sheet(view)
        self.sheet.clicked.connect(self._clicked)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(row)
        layout.addWidget(self.sheet, 1)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self._draw)
        view.state_changed.connect(self._changed)
        view.edited.connect(self._changed)
        view.moved.connect(self._moved)

    def toggle(self) -> None:
        """Open the sheet, or put it away."""
        if self.isHidden():
            self.open()
            self._draw()
        else:
            self.put_away()

    def show_case(self, frame: Frame) -> None:
        """Another case is in the views: show its slices, or make room for it.

        Args:
            frame: the part of the scan that holds the head.
        """
        self._frame = frame
        if self.isHidden():
            return
        if self.stays.isChecked():
            self._changed()
        else:
            self.put_away()

    def set_plane(self, plane: Plane) -> None:
        """Show axial, coronal or sagittal slices."""
        self.plane = plane
        self._draw()

    def step_plane(self) -> None:
        """Show the slices of the next plane."""
        self.set_plane(PLANES[(PLANES.index(self.plane) + 1) % len(PLANES)])

    def step(self, steps: int) -> None:
        """Go so many of the slices on the sheet further; the views follow beneath it, so that Esc shows the slice."""
        shown = self.slices()
        place, axis = list(self._view.index), self.plane.axis
        here = min(range(len(shown)), key=lambda number: abs(shown[number] - place[axis]))
        place[axis] = shown[min(max(here + steps, 0), len(shown) - 1)]
        self._view.go_to((place[0], place[1], place[2]))

    def slices(self) -> list[int]:
        """The slices that are shown, evenly over what is labelled, else over the head."""
        axis = self.plane.axis
        labels = for_display(self._view.labels_seen)
        steps = (1 if n == axis else max(1, size // _LOOKED_AT) for n, size in enumerate(labels.shape))
        coarse = labels[tuple(slice(None, None, step) for step in steps)]
        filled = np.flatnonzero(coarse.any(axis=tuple(n for n in range(3) if n != axis)))
        if len(filled):
            low, high = int(filled[0]), int(filled[-1])
        elif self._frame is not None:
            low, high = self._frame.low[axis], self._frame.high[axis] - 1
        else:
            low, high = 0, labels.shape[axis] - 1
        return sorted({round(place) for place in np.linspace(low, high, TILES)})

    def _changed(self) -> None:
        if not self.isHidden():
            self._soon.start()

    def _moved(self) -> None:
        if not self.isHidden():
            self.sheet.set_position(self._view.index[self.plane.axis])

    def _draw(self) -> None:
        image = self._view.image
        for name, button in self.planes.items():
            button.setChecked(name == self.plane.name)
        if image is None or self.isHidden():
            self.sheet.show_tiles([], self.plane, 1.0, 0)
            return
        frame, axis = self._frame, self.plane.axis
        shown, labels = for_display(image.voxels), for_display(self._view.labels_seen)
        box = [slice(None)] * 3
        if frame is not None:
            box = [slice(a, b) for a, b in zip(frame.low, frame.high, strict=True)]
        box[axis] = slice(None)
        spacing = image.spacing[::-1]
        look = look_of(self._view)
        tiles: list[tuple[int, str, QImage]] = []
        for index in self.slices():
            hu, codes = (plane_of(array[tuple(box)], self.plane, index) for array in (shown, labels))
            tiles.append((index, place_along(image, axis, index), to_qimage(draw_slice(hu, codes, look))))
        aspect = spacing[self.plane.down] / spacing[self.plane.across]
        self.sheet.show_tiles(tiles, self.plane, aspect, self._view.index[axis])
        step = "" if len(tiles) < 2 else f", every {(tiles[1][0] - tiles[0][0]) * spacing[axis]:.1f} mm"
        self.told.setText(f"{len(tiles)} slices{step} · ← → or a click goes to one")

    def _clicked(self, index: int) -> None:
        place = list(self._view.index)
        place[self.plane.axis] = index
        self.put_away()
        self.chosen.emit((place[0], place[1], place[2]))


class _Sheet(QWidget):
    """The tiles, as large as fits."""

    clicked = Signal(int)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._tiles: list[tuple[int, str, QImage]] = []
        self._plane = AXIAL
        self._aspect = 1.0
        self._position = 0
        self._scaled: dict[int, QImage] = {}
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def show_tiles(self, tiles: list[tuple[int, str, QImage]], plane: Plane, aspect: float, position: int) -> None:
        """Show these slices: index, place in mm, picture; `aspect` is height over width of a voxel."""
        self._tiles, self._plane, self._aspect, self._position = tiles, plane, aspect, position
        self._scaled = {}
        self.update()

    def set_position(self, position: int) -> None:
        """Frame the slice nearest to the crosshair."""
        self._position = position
        self.update()

    def cells(self) -> list[QRect]:
        """Where each tile lies."""
        if not self._tiles:
            return []
        picture = self._tiles[0][2]
        shape = picture.width() / max(1.0, picture.height() * self._aspect)
        count = len(self._tiles)

        def width_of(columns: int) -> float:
            rows = -(-count // columns)
            return min(self.width() / columns, self.height() / rows * shape)

        columns = max(range(1, count + 1), key=lambda number: (round(width_of(number), 3), -number))
        rows = -(-count // columns)
        wide, tall = self.width() // columns, self.height() // rows
        return [QRect(n % columns * wide, n // columns * tall, wide, tall) for n in range(count)]

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw pictures, places and sides."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), _GROUND)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        font = painter.font()
        font.setPixelSize(11)
        painter.setFont(font)
        left, right = self._plane.letters[:2]
        nearest = min((tile[0] for tile in self._tiles), key=lambda n: abs(n - self._position), default=None)
        for cell, (index, place, picture) in zip(self.cells(), self._tiles, strict=True):
            room = cell.adjusted(_GAP, _GAP, -_GAP, -_GAP)
            size = QSize(picture.width(), max(1, round(picture.height() * self._aspect)))
            size.scale(room.size(), Qt.AspectRatioMode.KeepAspectRatio)
            area = QRect(QPoint(0, 0), size)
            area.moveCenter(room.center())
            scaled = self._scaled.get(index)
            if scaled is None or scaled.size() != size:
                scaled = picture.scaled(
                    size, Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation
                )
                self._scaled[index] = scaled
            painter.drawImage(area.topLeft(), scaled)
            painter.setPen(_INK)
            text = room.adjusted(3, 1, -3, -1)
            painter.drawText(QRectF(text), Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft, place)
            middle = Qt.AlignmentFlag.AlignVCenter
            painter.drawText(QRectF(text), middle | Qt.AlignmentFlag.AlignLeft, left)
            painter.drawText(QRectF(text), middle | Qt.AlignmentFlag.AlignRight, right)
            if index == nearest:
                painter.setPen(QPen(_FRAME, 2))
                painter.drawRect(cell.adjusted(1, 1, -2, -2))
        painter.end()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Go to the slice that was clicked."""
        if event.button() != Qt.MouseButton.LeftButton:
            return
        for cell, (index, *_) in zip(self.cells(), self._tiles, strict=True):
            if cell.contains(event.position().toPoint()):
                self.clicked.emit(index)
                return
