"""How long a case was read: the time in sight, less the time in which nobody touched mouse or keys."""

import time
from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QTimer, Signal
from PySide6.QtWidgets import QWidget

_INPUT = frozenset(
    (
        QEvent.Type.MouseMove,
        QEvent.Type.MouseButtonPress,
        QEvent.Type.MouseButtonRelease,
        QEvent.Type.Wheel,
        QEvent.Type.KeyPress,
        QEvent.Type.KeyRelease,  # of a shortcut only the release comes to the window
        QEvent.Type.TouchUpdate,
        QEvent.Type.TabletMove,
    )
)


class ReadingClock(QObject):
    """Runs while a case is in sight; stops a while after the last event of mouse or keys, goes on with the next.

    Args:
        idle_seconds: how long the clock goes on after the last event; what comes after that is not counted.
        now: seconds of a clock that never goes back.

    Signals:
        ticked: about once a second while it runs, and when it stops or goes on.
    """

    ticked = Signal()

    def __init__(
        self, idle_seconds: float = 60.0, now: Callable[[], float] = time.monotonic, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.idle_seconds = idle_seconds
        self._now = now
        self._counted = 0.0
        self._since: float | None = None
        self._touched = 0.0
        self._watched: QObject | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(1000)
        self._timer.timeout.connect(self.ticked)

    @property
    def running(self) -> bool:
        """Whether a case is in sight."""
        return self._since is not None

    @property
    def idle(self) -> bool:
        """Whether a case is in sight and nobody has touched anything for long."""
        return self._since is not None and self._now() - self._touched > self.idle_seconds

    @property
    def seconds(self) -> float:
        """Time that was read, in seconds."""
        if self._since is None:
            return self._counted
        return self._counted + max(0.0, min(self._now(), self._touched + self.idle_seconds) - self._since)

    def restart(self) -> None:
        """Begin at 0, running: another case is in sight, or the same one after a verdict."""
        self._counted = 0.0
        self._since = self._touched = self._now()
        self._timer.start()
        self.ticked.emit()

    def resume(self) -> None:
        """The case is in sight again."""
        if self._since is None:
            self._since = self._touched = self._now()
            self._timer.start()
            self.ticked.emit()

    def pause(self) -> None:
        """The case is out of sight."""
        self._counted, self._since = self.seconds, None
        self._timer.stop()
        self.ticked.emit()

    def clear(self) -> None:
        """No case: 0, stopped."""
        self._counted, self._since = 0.0, None
        self._timer.stop()
        self.ticked.emit()

    def touch(self) -> None:
        """Mouse or keys were used."""
        if self._since is None:
            return
        was_idle = self.idle
        if was_idle:  # count up to where it stopped, and go on from here
            self._counted, self._since = self.seconds, self._now()
        self._touched = self._now()
        if was_idle:
            self.ticked.emit()

    def watch(self, room: QWidget) -> None:
        """Follow mouse and keys of the window that a room is in.

        The events are taken where the system hands them to the window, so that no widget has to pass them on.
        """
        handle = room.window().windowHandle()
        if handle is None or handle is self._watched:
            return
        if self._watched is not None:
            self._watched.removeEventFilter(self)
        self._watched = handle
        handle.installEventFilter(self)
        handle.destroyed.connect(self._forget)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Look at the event, and let it pass."""
        if event.type() in _INPUT:
            self.touch()
        return False

    def _forget(self) -> None:
        self._watched = None


def clock_text(seconds: float) -> str:
    """Minutes and seconds, such as "1:07"."""
    whole = int(seconds)
    return f"{whole // 60}:{whole % 60:02}"
