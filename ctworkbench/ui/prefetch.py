"""The cases that a reader will want next, read aside while this one is looked at.

A case that was read ahead is shown only if its label map is still the one to show and no unsaved correction was found
meanwhile; its verdicts are read again. At most two are kept, and none where memory is short.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import psutil
from PySide6.QtCore import QObject, QTimer

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.volume import ReadingGivenUp
from ctworkbench.ui.bridge import Bridge
from ctworkbench.ui.case import Case, read_case, version_to_show
from ctworkbench.ui.recovery import RecoveryFolder

if TYPE_CHECKING:
    from ctworkbench.core.workbench import Workbench

KEPT = 2
# The case on the screen has its frames to itself first.
_DELAY_MILLISECONDS = 60
# Image, label map and its counted copy of the next case, and as much again for what reading takes meanwhile.
_TIMES_OF_A_CASE = 3
_LEAST_FREE_BYTES = 1 << 30


@dataclass(frozen=True)
class Wanted:
    """A scan, at the version asked for, or at the one that counts."""

    scan_id: int
    annotation_id: int | None = None


class Prefetch(QObject):
    """Reads the cases that come next, one at a time, and hands them over.

    Args:
        workbench: the open study.
        bridge: runs the reads aside.
        recovery: where unsaved corrections would lie.
        parent: the room.
    """

    def __init__(self, workbench: "Workbench", bridge: Bridge, recovery: RecoveryFolder, parent: QObject) -> None:
        super().__init__(parent)
        self._workbench, self._bridge, self._recovery = workbench, bridge, recovery
        self._wanted: tuple[Wanted, ...] = ()
        self._kept: dict[Wanted, Case] = {}
        self._failed: set[Wanted] = set()
        self._reading: Wanted | None = None
        self._size = 0
        self._waiting: Callable[[Case | None], object] | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_DELAY_MILLISECONDS)
        self._timer.timeout.connect(self._read_next)

    @property
    def kept(self) -> tuple[Wanted, ...]:
        """What has been read and is kept."""
        return tuple(self._kept)

    def want(self, wanted: Sequence[Wanted], size: int) -> None:
        """Read these next, the first first; let go of what is no longer among them.

        Args:
            wanted: at most `KEPT` of them count.
            size: bytes that a case takes, to judge whether there is room.
        """
        chosen = tuple(dict.fromkeys(wanted))[:KEPT]
        if chosen != self._wanted:
            self._failed.clear()
        self._wanted, self._size = chosen, size
        self._kept = {case: kept for case, kept in self._kept.items() if case in chosen}
        self._timer.start()

    def keep(self, wanted: Wanted, case: Case) -> None:
        """Take over a case that was read elsewhere, unless others are wanted by now."""
        if not self._wanted or wanted in self._wanted:
            self._kept[wanted] = case

    def give_way(self) -> None:
        """Stop reading ahead: a case was asked for that is another, and it needs the processor alone."""
        self._wanted = ()

    def take(self, asked: Wanted) -> Case | None:
        """The case, if it was read ahead and still stands so; it is no longer kept then."""
        case = self._kept.pop(asked, None)
        return None if case is None else self._fresh(asked, case)

    def wait_for(self, asked: Wanted, on_case: Callable[[Case | None], object]) -> bool:
        """Whether just this case is being read ahead; if so it is handed over as soon as it is there, or None."""
        if self._reading != asked:
            return False
        self._waiting = on_case
        return True

    def forget_waiting(self) -> None:
        """Another case was asked for meanwhile."""
        self._waiting = None

    def clear(self) -> None:
        """Let go of everything."""
        self._timer.stop()
        self._wanted, self._waiting = (), None
        self._kept.clear()

    def _read_next(self) -> None:
        if self._reading is not None:
            return
        next_one = next((case for case in self._wanted if case not in self._kept and case not in self._failed), None)
        if next_one is None or not self._room():
            return
        self._reading = next_one

        def given_up() -> bool:  # the order may change while this stands in the queue, or is read
            return next_one not in self._wanted and self._waiting is None

        def read() -> Case | None:
            try:
                return read_case(self._workbench, self._recovery, next_one.scan_id, next_one.annotation_id, given_up)
            except ReadingGivenUp:
                return None

        self._bridge.run(read, self._take_read, self._take_failed)

    def _take_read(self, case: Case | None) -> None:
        read, self._reading = self._reading, None
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting(None if case is None or read is None else self._fresh(read, case))
        elif case is not None and read is not None and read in self._wanted:
            self._kept[read] = case
        self._timer.start()

    def _take_failed(self, error: Exception) -> None:
        """Nobody has asked yet: whoever opens the scan is told then."""
        del error
        read, self._reading = self._reading, None
        waiting, self._waiting = self._waiting, None
        if read is not None:
            self._failed.add(read)
        if waiting is not None:
            waiting(None)
        self._timer.start()

    def _room(self) -> bool:
        """Whether memory has room for one more case."""
        return psutil.virtual_memory().available > max(_LEAST_FREE_BYTES, _TIMES_OF_A_CASE * self._size)

    def _fresh(self, asked: Wanted, case: Case) -> Case | None:
        """The case with what is known of it now; None if it is to be read again."""
        if case.recovered is not None or case.damaged or self._recovery.holds(asked.scan_id):
            return None
        try:
            scan = self._workbench.cohort.scan(asked.scan_id)
            versions = tuple(self._workbench.review.annotations(asked.scan_id))
            shown = version_to_show(versions, asked.annotation_id)
            readings = tuple(self._workbench.review.readings(asked.scan_id))
        except WorkbenchError:
            return None
        if (shown and shown.id) != (case.shown and case.shown.id):
            return None
        return replace(case, scan=scan, versions=versions, shown=shown, readings=readings)
