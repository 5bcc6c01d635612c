"""How the window speaks: a bar for what passes by, a dialog for what the user must know."""

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QMessageBox, QPushButton, QWidget

from ctworkbench.ui.bridge import Notice

_PASSING_MILLISECONDS = 12_000


class NoticeBar(QFrame):
    """One line above the pages; goes away by itself unless it is a warning."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
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
        if notice.kind == "info":
            self._timer.start(_PASSING_MILLISECONDS)
        else:
            self._timer.stop()


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
