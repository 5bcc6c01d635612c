"""What is laid over the views: a cover while there is nothing to see, and words in passing."""

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtWidgets import QLabel, QWidget

_PASSING_MILLISECONDS = 1800
_FLASH_TOP = 34


class Cover(QLabel):
    """Covers the views, mouse included, as long as it has something to say."""

    def __init__(self, below: QWidget) -> None:
        super().__init__(below)
        self._below = below
        self.setObjectName("cover")
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setWordWrap(True)
        below.installEventFilter(self)

    def tell(self, text: str) -> None:
        """Cover the views with a text; with none, uncover them."""
        self.setText(text)
        self.resize(self._below.size())
        self.setVisible(bool(text))
        self.raise_()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stay as large as the views."""
        if watched is self._below and event.type() == QEvent.Type.Resize:
            self.resize(self._below.size())
        return super().eventFilter(watched, event)


class Flash(QLabel):
    """A line over the views, in passing or until something else is said."""

    def __init__(self, below: QWidget) -> None:
        super().__init__(below)
        self._below = below
        self.setObjectName("flash")
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.hide)
        self.hide()

    def tell(self, text: str, stays: bool = False) -> None:
        """Show a line; with none, put it away."""
        if not text:
            self.hide()
            return
        self.setText(text)
        self.adjustSize()
        self.move((self._below.width() - self.width()) // 2, _FLASH_TOP)
        self.show()
        self.raise_()
        if stays:
            self._timer.stop()
        else:
            self._timer.start(_PASSING_MILLISECONDS)
