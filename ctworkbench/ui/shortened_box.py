"""A choice whose text gives way when the window is narrow, and never looks cut."""

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QComboBox, QSizePolicy, QStyle, QStyleOptionComboBox, QStylePainter, QWidget

_BRIEF = int(Qt.ItemDataRole.UserRole) + 1
_FRAME = 8


class ShortenedBox(QComboBox):
    """A combo box that shows the chosen text in full, else the brief one, else as much as fits with an ellipsis.

    Args:
        least: width in pixels below which it does not give way.
    """

    def __init__(self, least: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._least = least
        # Contents that set the size would resize the box behind the layout's back, over its neighbours.
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.currentIndexChanged.connect(lambda _: self.updateGeometry())

    def add(self, text: str, brief: str, data: object, tip: str) -> None:
        """Add a choice.

        Args:
            text: in full, as the open list shows it.
            brief: what still tells it from the others where there is no room.
            data: what the choice stands for.
            tip: all that is known of it.
        """
        self.addItem(text, data)
        self.setItemData(self.count() - 1, brief, _BRIEF)
        self.setItemData(self.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        self.updateGeometry()

    def shown_text(self) -> str:
        """What there is room for now."""
        option = self._option()
        field = QStyle.SubControl.SC_ComboBoxEditField
        area = self.style().subControlRect(QStyle.ComplexControl.CC_ComboBox, option, field, self)
        room = area.width() - _FRAME
        texts = (self.currentText(), self.currentData(_BRIEF) or self.currentText())
        fitting = (text for text in texts if self.fontMetrics().horizontalAdvance(text) <= room)
        return next(fitting, self.fontMetrics().elidedText(texts[-1], Qt.TextElideMode.ElideRight, room))

    def sizeHint(self) -> QSize:
        """Room for the chosen text in full."""
        wide = self.fontMetrics().horizontalAdvance(self.currentText()) + _FRAME
        size = QSize(wide, self.fontMetrics().height())
        kind = QStyle.ContentsType.CT_ComboBox
        needed = self.style().sizeFromContents(kind, self._option(), size, self)
        return QSize(max(self._least, needed.width()), super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        """Room for the brief text."""
        return QSize(self._least, super().minimumSizeHint().height())

    def showPopup(self) -> None:
        """The open list shows every text in full."""
        self.view().setMinimumWidth(self.view().sizeHintForColumn(0) + 2 * _FRAME)
        super().showPopup()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw what fits."""
        painter, option = QStylePainter(self), self._option()
        setattr(option, "currentText", self.shown_text())  # noqa: B010 - not in the type stubs
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)

    def _option(self) -> QStyleOptionComboBox:
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        return option
