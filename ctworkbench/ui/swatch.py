"""A region's colour as a small square in a list."""

from PySide6.QtGui import QColor, QIcon, QPixmap


def swatch(color: str, side: int = 12) -> QIcon:
    """A square of one colour, which stays that colour in a row that is selected."""
    pixmap = QPixmap(side, side)
    pixmap.fill(QColor(color))
    icon = QIcon(pixmap)
    icon.addPixmap(pixmap, QIcon.Mode.Selected)  # without this Qt tints it
    return icon
