"""What a network makes of a validation case while it learns: three slices with both outlines, newest or best epoch."""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QLineF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QButtonGroup,
    QDialog,
    QDialogButtonBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ctworkbench.core.training import BEST_EXAMPLE, EXAMPLE_PLANES, NEWEST_EXAMPLE
from ctworkbench.ui.bridge import Bridge
from ctworkbench.ui.plane import AXIAL, CORONAL, SAGITTAL

if TYPE_CHECKING:
    from ctworkbench.core.workbench import Workbench

_TRUTH, _NETWORK = QColor("#ffffff"), QColor("#f0a020")
_KEY = (
    f"<span style='color:{_TRUTH.name()}'>━</span> label map &nbsp; "
    f"<span style='color:{_NETWORK.name()}'>━</span> network"
)
_LETTERS = {plane.name.lower(): plane.letters for plane in (AXIAL, CORONAL, SAGITTAL)}
_NONE = "Slices of a validation case appear here once an epoch has ended."
_ROW_FROM = 1.7
_CAPTION_TIP = "A case of the validation set; Dice is the mean over all of that set, on the network's grid"
_FILES = {"Newest": NEWEST_EXAMPLE, "Best": BEST_EXAMPLE}
_TIPS = {
    "Newest": "After the last epoch that has ended",
    "Best": "After the epoch of the highest validation Dice; the model keeps the weights of the last one all the same",
}


@dataclass(frozen=True, eq=False)
class Slice:
    """One slice as it stands on the screen: rows from the top, columns from the left.

    Attributes:
        image: uint8, grey; truth, prediction: uint8, class numbers.
    """

    image: NDArray[np.uint8]
    truth: NDArray[np.uint8]
    prediction: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Example:
    """The slices of one epoch, by the name of the plane."""

    subject: str
    epoch: int
    dice: float
    slices: dict[str, Slice]


def read_example(path: Path) -> Example | None:
    """The slices that a training wrote; None where there are none, or none that can be read."""
    try:
        with np.load(path, allow_pickle=False) as kept:
            slices = {
                plane: Slice(*(_on_screen(kept[f"{plane}_{name}"]) for name in ("image", "truth", "prediction")))
                for plane in EXAMPLE_PLANES
            }
            return Example(str(kept["subject"]), int(kept["epoch"]), float(kept["dice"]), slices)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None


def _on_screen(cut: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A slice along RAS axes in radiological convention: anterior or superior at the top, the patient's right left."""
    return np.ascontiguousarray(cut.T[::-1, ::-1])


class ExampleSlices(QFrame):
    """A card with the three slices of the training that is looked at; a click shows them larger."""

    def __init__(self, workbench: "Workbench", bridge: Bridge, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "card")
        self.setObjectName("example_slices")
        self._jobs, self._bridge = workbench.jobs.folder, bridge
        self._job: str | None = None
        self.example: Example | None = None
        self.buttons: dict[str, QToolButton] = {}
        heading = QLabel("Example")
        heading.setProperty("role", "heading")
        head = QHBoxLayout()
        head.addWidget(heading, 1)
        group = QButtonGroup(self)
        for name, tip in _TIPS.items():
            button = QToolButton()
            button.setText(name)
            button.setToolTip(tip)
            button.setCheckable(True)
            button.setObjectName(f"example_{name.lower()}")
            button.clicked.connect(self.refresh)
            group.addButton(button)
            head.addWidget(button)
            self.buttons[name] = button
        self.buttons["Newest"].setChecked(True)
        self.pictures = _Pictures()
        self.pictures.clicked.connect(self.enlarge)
        self.told, key = QLabel(), QLabel(_KEY)
        self.told.setObjectName("example_told")
        for label in (self.told, key):
            label.setProperty("role", "muted")
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)  # the curves need the width
        layout = QVBoxLayout(self)
        layout.addLayout(head)
        layout.addWidget(self.pictures, 1)
        layout.addWidget(self.told)
        layout.addWidget(key)
        self.show_example(None)

    def follow(self, job_id: str | None) -> None:
        """Show the slices of a training; they are read again whenever this is called."""
        if job_id != self._job:
            self._job = job_id
            self.show_example(None)
        self.refresh()

    def refresh(self) -> None:
        """Read the slices again."""
        job = self._job
        if job is None:
            return
        name = next(name for name, button in self.buttons.items() if button.isChecked())
        path = self._jobs / job / _FILES[name]

        def show(example: Example | None) -> None:
            if job == self._job:
                self.show_example(example)

        self._bridge.run(lambda: read_example(path), show, key="train examples")

    def show_example(self, example: Example | None) -> None:
        """Show slices, or say that there are none yet."""
        self.example = example
        self.pictures.show_example(example)
        for button in self.buttons.values():
            button.setEnabled(self._job is not None)
        self.told.setText("" if example is None else caption_of(example))
        self.told.setToolTip("" if example is None else _CAPTION_TIP)

    def enlarge(self) -> None:
        """Show the slices in a window of their own."""
        if self.example is None:
            return
        dialog = QDialog(self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setObjectName("example_dialog")
        dialog.setWindowTitle("Example of the training")
        dialog.resize(1080, 480)
        pictures, told = _Pictures(), QLabel(f"{caption_of(self.example)} &nbsp; {_KEY}")
        pictures.show_example(self.example)
        told.setProperty("role", "muted")
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(dialog.close)
        layout = QVBoxLayout(dialog)
        layout.addWidget(pictures, 1)
        layout.addWidget(told)
        layout.addWidget(buttons)
        dialog.open()


def caption_of(example: Example) -> str:
    """What is seen, in a line."""
    return f"{example.subject}, epoch {example.epoch}: Dice {example.dice:.3f}"


class _Pictures(QWidget):
    """The three slices side by side, at one scale.

    Signals:
        clicked: the user wants to see them larger.
    """

    clicked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._example: Example | None = None
        self.setMinimumSize(120, 90)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def sizeHint(self) -> QSize:
        """Enough to tell a lobe from another."""
        return QSize(220, 220)

    def show_example(self, example: Example | None) -> None:
        """Draw these slices."""
        self._example = example
        self.setCursor(Qt.CursorShape.PointingHandCursor if example else Qt.CursorShape.ArrowCursor)
        self.setToolTip("Click to see them larger" if example else "")
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """A click enlarges."""
        if self._example is not None and self.rect().contains(event.position().toPoint()):
            self.clicked.emit()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Each slice in its part: the image, and over it the label map's outline under the network's."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor("#000000"))
        if self._example is None:
            painter.setPen(QColor("#aab3bf"))
            middle = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(QRectF(self.rect()).adjusted(12, 8, -12, -8), middle, _NONE)
            return
        slices = self._example.slices
        places = self._places()
        scale = min(
            min(place.width() / slices[plane].image.shape[1], place.height() / slices[plane].image.shape[0])
            for plane, place in places.items()
        )
        for plane, place in places.items():
            _draw(painter, slices[plane], place, scale)
            painter.setPen(QColor("#ffd166"))
            left, right = _LETTERS[plane][:2]
            sides = place.adjusted(3, 1, -3, 0)
            painter.drawText(sides, Qt.AlignmentFlag.AlignLeft, left)
            painter.drawText(sides, Qt.AlignmentFlag.AlignRight, right)

    def _places(self) -> dict[str, QRectF]:
        """Where each plane is drawn: in a row where there is width for it, else the axial one over the two others."""
        width, height = float(self.width()), float(self.height())
        if width > _ROW_FROM * height:
            third = width / len(EXAMPLE_PLANES)
            return {plane: QRectF(number * third, 0, third, height) for number, plane in enumerate(EXAMPLE_PLANES)}
        upper = 0.56 * height
        axial, *others = EXAMPLE_PLANES
        below = [QRectF(number * width / 2, upper, width / 2, height - upper) for number in range(2)]
        return {axial: QRectF(0, 0, width, upper), **dict(zip(others, below, strict=True))}


def _draw(painter: QPainter, cut: Slice, place: QRectF, scale: float) -> None:
    """One slice in the middle of its place."""
    rows, columns = cut.image.shape
    area = QRectF(0, 0, columns * scale, rows * scale)
    area.moveCenter(place.center())
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    painter.drawImage(area, QImage(cut.image.data, columns, rows, columns, QImage.Format.Format_Grayscale8))
    for classes, color, width in ((cut.truth, _TRUTH, 2.0), (cut.prediction, _NETWORK, 1.0)):
        painter.setPen(QPen(color, width))
        ends = outlines(classes) * scale + np.array([area.x(), area.y()] * 2)
        painter.drawLines([QLineF(*(float(n) for n in edge)) for edge in ends])


def outlines(classes: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Edges between pixels of different classes, int64 (n, 4): x and y of both ends, in pixels from the upper left."""
    down, across = np.argwhere(classes[1:] != classes[:-1]), np.argwhere(classes[:, 1:] != classes[:, :-1])
    flat = np.stack([down[:, 1], down[:, 0] + 1, down[:, 1] + 1, down[:, 0] + 1], axis=1)
    upright = np.stack([across[:, 1] + 1, across[:, 0], across[:, 1] + 1, across[:, 0] + 1], axis=1)
    return np.concatenate([flat, upright])
