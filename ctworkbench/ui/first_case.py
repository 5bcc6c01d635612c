"""The case that a reader will open first, read while the viewer's libraries load."""

from typing import TYPE_CHECKING

import psutil
from PySide6.QtCore import QObject, QSettings

from ctworkbench.ui.bridge import Bridge
from ctworkbench.ui.case import Case, read_case
from ctworkbench.ui.prefetch import Prefetch, Wanted
from ctworkbench.ui.recovery import RecoveryFolder
from ctworkbench.ui.worklist_choices import chosen_order, in_order, next_to_review

if TYPE_CHECKING:
    from ctworkbench.core.workbench import Workbench

# Image and label map of a large scan, what reading them takes meanwhile, and as much again for the viewer.
_LEAST_FREE_BYTES = 2 << 30


class FirstCase(QObject):
    """Reads the case that Space will open, once, and hands it to the room when that is there.

    Args:
        workbench: the open study.
        bridge: runs the read aside.
        memory: where the order of the list is remembered.
        parent: the study's view.
    """

    def __init__(self, workbench: "Workbench", bridge: Bridge, memory: QSettings, parent: QObject) -> None:
        super().__init__(parent)
        self._workbench, self._bridge, self._memory = workbench, bridge, memory
        self._case: tuple[Wanted, Case] | None = None
        self._prefetch: Prefetch | None = None
        self._asked = False

    def read(self, scan_id: int | None = None) -> None:
        """Begin to read.

        Args:
            scan_id: the scan that is open in the window; by default the first of the list that is to review.
        """
        if not self._asked and psutil.virtual_memory().available > _LEAST_FREE_BYTES:
            self._asked = True
            order = chosen_order(self._memory)
            # What cannot be read is told when it is opened.
            self._bridge.run(lambda: self._read(scan_id, order), self._take, lambda _: None)

    def hand_to(self, prefetch: Prefetch) -> None:
        """Let the room have the case, now or as soon as it is read."""
        self._prefetch = prefetch
        if self._case is not None:
            prefetch.keep(*self._case)
            self._case = None

    def _read(self, scan_id: int | None, order: str) -> tuple[Wanted, Case] | None:
        wanted = Wanted(scan_id) if scan_id is not None else self._first(order)
        if wanted is None:
            return None
        recovery = RecoveryFolder(self._workbench.readers.recovery_folder())
        return wanted, read_case(self._workbench, recovery, wanted.scan_id, wanted.annotation_id)

    def _first(self, order: str) -> Wanted | None:
        """What Space opens first, at the version that waits for a reader."""
        rows = {row.id: row for row in self._workbench.cohort.scans()}
        checked = {row.scan_id: row for row in self._workbench.checks.worklist(brief=True)}
        first = next_to_review(in_order(list(rows.values()), checked, order))
        if first is None:
            return None
        newer = rows[first].standing.newer
        return Wanted(first, None if newer is None else newer.id)

    def _take(self, answer: tuple[Wanted, Case] | None) -> None:
        self._case = answer
        if self._prefetch is not None:
            self.hand_to(self._prefetch)
