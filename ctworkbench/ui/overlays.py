"""What is laid over the views: a cover while there is nothing to see, and words in passing."""

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QFrame, QLabel, QWidget

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

    def tell(self, text: str, stays: bool = False, passing: int = _PASSING_MILLISECONDS) -> None:
        """Show a line, for so many milliseconds; with no text, put it away."""
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
            self._timer.start(passing)


class OverViews(QFrame):
    """A sheet that lies over the views and is as large as they are, for as long as it is open.

    Signals:
        closed: it was put away.
    """

    closed = Signal()

    def __init__(self, below: QWidget) -> None:
        super().__init__(below)
        self._below = below
        self.setObjectName("overViews")
        below.installEventFilter(self)
        self.hide()

    def open(self) -> None:
        """Lay the sheet over the views."""
        self.resize(self._below.size())
        self.show()
        self.raise_()

    def put_away(self) -> None:
        """Show the views again."""
        if not self.isHidden():
            self.hide()
            self.closed.emit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stay as large as the views."""
        if watched is self._below and event.type() == QEvent.Type.Resize:
            self.resize(self._below.size())
        return super().eventFilter(watched, event)
