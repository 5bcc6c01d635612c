"""The colours of uncertainty, and their legend in a corner of the views."""

from PySide6.QtCore import QEvent, QObject, QRect, Qt
from PySide6.QtGui import QColor, QLinearGradient, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from ctworkbench.core.uncertainty import toss_percent

LOWEST, HIGHEST = 5.0, 60.0
"""Percent at which the ramp begins and ends."""
# matplotlib's inferno without its dark beginning, fading in; it grows lighter evenly for every kind of colour vision.
RAMP = (
    *("#57106e00", "#781c6d90", "#9b2964b8", "#bc3754d0", "#d94d3de0"),
    *("#f1711fe8", "#fc9f07f0", "#fac42ff8", "#fcffa4ff"),
)
_BAR, _HEIGHT = 150, 46
_TEXT, _MUTED = QColor("#e4e8ee"), QColor("#aab3bf")


class UncertaintyLegend(QWidget):
    """The ramp with its figures, in the lower left corner of the views, above window and level.

    Args:
        below: the views.
        classes: number of regions and none.
    """

    def __init__(self, below: QWidget, classes: int) -> None:
        super().__init__(below)
        self._below, self._toss = below, toss_percent(classes)
        self.text = ""
        self.setObjectName("uncertaintyLegend")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        font = self.font()
        font.setPixelSize(11)
        self.setFont(font)
        below.installEventFilter(self)
        self.hide()

    def tell(self, text: str) -> None:
        """Show the legend, and whose uncertainty it is of."""
        self.text = text
        self.setAccessibleName(f"Uncertainty of {text}")
        self.resize(max(_BAR, self.fontMetrics().horizontalAdvance(text)) + 16, _HEIGHT)
        self._place()
        self.show()
        self.raise_()

    def paintEvent(self, event: QPaintEvent) -> None:
        """A bar from sure to unsure, with a tick where two regions are as likely as each other."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(0, 0, 0, 175))
        bar = QRect(8, 18, _BAR, 8)
        ramp = QLinearGradient(bar.left(), 0, bar.right(), 0)
        for number, color in enumerate(RAMP):
            ramp.setColorAt(number / (len(RAMP) - 1), QColor(color[:7]))
        painter.fillRect(bar, ramp)
        toss = bar.left() + round((self._toss - LOWEST) / (HIGHEST - LOWEST) * bar.width())
        painter.fillRect(QRect(toss, bar.top() - 2, 1, bar.height() + 4), _TEXT)
        painter.setPen(_TEXT)
        painter.drawText(QRect(8, 2, self.width() - 10, 14), Qt.AlignmentFlag.AlignLeft, self.text)
        painter.setPen(_MUTED)
        figures = QRect(8, 28, bar.width(), 14)
        painter.drawText(figures, Qt.AlignmentFlag.AlignLeft, f"{LOWEST:.0f} %")
        painter.drawText(figures, Qt.AlignmentFlag.AlignRight, f"{HIGHEST:.0f} %")
        painter.drawText(QRect(toss - 60, 28, 120, 14), Qt.AlignmentFlag.AlignHCenter, "one of two")
        painter.end()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stay in the corner."""
        if watched is self._below and event.type() == QEvent.Type.Resize:
            self._place()
        return super().eventFilter(watched, event)

    def _place(self) -> None:
        self.move(6, self._below.height() - self.height() - 28)
