"""What a network makes of a validation case while it learns: three slices with both outlines, newest or best epoch."""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QLineF, QPointF, QRectF, QSize, Qt, Signal
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
_LETTERS = {plane.name.lower(): plane.letters for plane in (AXIAL, CORONAL, SAGITTAL)}
_NONE = "Slices of a validation case appear here once an epoch has ended."
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
        self.told = QLabel(_NONE)
        self.told.setObjectName("example_told")
        self.told.setWordWrap(True)
        self.told.setProperty("role", "muted")
        layout = QVBoxLayout(self)
        layout.addLayout(head)
        layout.addWidget(self.pictures, 1)
        layout.addWidget(self.told)
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
        self.told.setText(_NONE if example is None else caption_of(example))

    def enlarge(self) -> None:
        """Show the slices in a window of their own."""
        if self.example is None:
            return
        dialog = QDialog(self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setObjectName("example_dialog")
        dialog.setWindowTitle("Example of the training")
        dialog.resize(1080, 480)
        pictures, told = _Pictures(), QLabel(caption_of(self.example))
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
    """What is seen, in a line, with the colours of both outlines."""
    return (
        f"{example.subject} (validation), epoch {example.epoch}, Dice of all {example.dice:.3f} &nbsp; "
        f"<span style='color:{_TRUTH.name()}'>━</span> label map &nbsp; "
        f"<span style='color:{_NETWORK.name()}'>━</span> network"
    )


class _Pictures(QWidget):
    """The three slices side by side, at one scale.

    Signals:
        clicked: the user wants to see them larger.
    """

    clicked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._example: Example | None = None
        self.setMinimumHeight(96)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def sizeHint(self) -> QSize:
        """As wide as the card, and three heads high enough."""
        return QSize(300, 120)

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
        """Each slice in its third, image below, the label map's outline under the network's."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor("#000000"))
        if self._example is None:
            return
        slices = self._example.slices
        third = self.width() / len(slices)
        scale = min(
            min(third / cut.image.shape[1], self.height() / cut.image.shape[0]) * 0.98 for cut in slices.values()
        )
        for number, (plane, cut) in enumerate(slices.items()):
            rows, columns = cut.image.shape
            corner = QPointF(number * third + (third - columns * scale) / 2, (self.height() - rows * scale) / 2)
            area = QRectF(corner.x(), corner.y(), columns * scale, rows * scale)
            grey = QImage(cut.image.data, columns, rows, columns, QImage.Format.Format_Grayscale8)
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(area, grey)
            for classes, color, width in ((cut.truth, _TRUTH, 2.4), (cut.prediction, _NETWORK, 1.2)):
                painter.setPen(QPen(color, width))
                ends = outlines(classes) * scale + np.array([corner.x(), corner.y()] * 2)
                painter.drawLines([QLineF(*(float(n) for n in edge)) for edge in ends])
            painter.setPen(QColor("#ffd166"))
            left, right = _LETTERS[plane][:2]
            painter.drawText(QRectF(number * third + 3, 0, 20, 16), Qt.AlignmentFlag.AlignLeft, left)
            painter.drawText(QRectF((number + 1) * third - 23, 0, 20, 16), Qt.AlignmentFlag.AlignRight, right)


def outlines(classes: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Edges between pixels of different classes, int64 (n, 4): x and y of both ends, in pixels from the upper left."""
    down, across = np.argwhere(classes[1:] != classes[:-1]), np.argwhere(classes[:, 1:] != classes[:, :-1])
    flat = np.stack([down[:, 1], down[:, 0] + 1, down[:, 1] + 1, down[:, 0] + 1], axis=1)
    upright = np.stack([across[:, 1] + 1, across[:, 0], across[:, 1] + 1, across[:, 0] + 1], axis=1)
    return np.concatenate([flat, upright])
