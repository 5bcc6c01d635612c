"""How the window speaks: a bar for what passes by, a dialog for what the user must know."""

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QMessageBox, QPushButton, QWidget

from ctworkbench.ui.bridge import Notice

_PASSING_MILLISECONDS = 12_000
_MARGIN = 10


class NoticeBar(QFrame):
    """A line over the foot of the pages; goes away by itself unless it is a warning.

    It lies over them, so that nothing moves under the mouse when it comes and goes.
    """

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._pages = parent
        parent.installEventFilter(self)
        self.setObjectName("notice")
        self.text = QLabel()
        self.text.setObjectName("notice_text")
        self.text.setWordWrap(True)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.action = QPushButton()
        self.action.setObjectName("notice_action")
        self.action.hide()
        close = QPushButton("Dismiss")
        close.setObjectName("notice_dismiss")
        close.clicked.connect(self.hide)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 5, 6, 5)
        layout.addWidget(self.text, 1)
        layout.addWidget(self.action)
        layout.addWidget(close)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.hide)
        self.hide()

    def tell(self, notice: Notice, action: str = "") -> None:
        """Show a notice, with the title of a button where something can be done at once."""
        self.setProperty("kind", notice.kind)
        self.style().unpolish(self)
        self.style().polish(self)
        self.text.setText(f"{notice.message} {notice.remedy}".strip())
        self.action.setVisible(bool(action))
        self.action.setText(action)
        self.show()
        self.raise_()
        self._place()
        if notice.kind == "info":
            self._timer.start(_PASSING_MILLISECONDS)
        else:
            self._timer.stop()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the size of the pages."""
        if event.type() == QEvent.Type.Resize and self.isVisible():
            self._place()
        return super().eventFilter(watched, event)

    def _place(self) -> None:
        room = self._pages.rect().adjusted(_MARGIN, 0, -_MARGIN, -_MARGIN)
        high = max(self.heightForWidth(room.width()), self.sizeHint().height())
        self.setGeometry(room.left(), room.bottom() - high + 1, room.width(), high)


def show_error(parent: QWidget | None, notice: Notice) -> QMessageBox:
    """Open a dialog that names the fault and the remedy; it does not block the event loop."""
    box = QMessageBox(QMessageBox.Icon.Warning, "CT Workbench", notice.message, QMessageBox.StandardButton.Ok, parent)
    box.setObjectName("error_dialog")
    box.setInformativeText(notice.remedy)
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.open()
    return box
