"""Label maps that come into the study are checked without being asked for."""

import logging
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from ctworkbench.core.errors import NoScansError, WorkbenchError
from ctworkbench.ui.bridge import Bridge

if TYPE_CHECKING:
    from ctworkbench.core.workbench import Workbench

log = logging.getLogger(__name__)


class CheckWatch(QObject):
    """Starts the checks of what lacks them: when a study is opened, and whenever label maps or brain masks came.

    Args:
        workbench: the open study.
        bridge: tells what changed, and starts the job aside.
    """

    def __init__(self, workbench: "Workbench", bridge: Bridge) -> None:
        super().__init__(bridge)
        self._workbench, self._bridge = workbench, bridge
        bridge.changed.connect(self._changed)

    def start(self) -> None:
        """Look for label maps that lack checks, and start their job."""
        self._bridge.run(
            self._workbench.checks.check,
            lambda _: self._bridge.look(),
            self._not_started,
        )

    def _not_started(self, error: Exception) -> None:
        if isinstance(error, NoScansError):
            return
        log.warning("no checks were started", exc_info=error)
        remedy = error.remedy if isinstance(error, WorkbenchError) else "Run `ctworkbench check` on the study."
        self._bridge.notify(f"The label maps could not be checked: {error}", remedy, "warning")

    def _changed(self, changes: object) -> None:
        if any(getattr(changes, kind) for kind in ("annotations", "scans")):
            self.start()
