"""Saving in the review room: aside, with a question where somebody saved first, and a verdict that waits for it."""

from collections.abc import Callable

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QApplication, QWidget

from ctworkbench.core.errors import ConflictError
from ctworkbench.core.workbench import AnnotationRow
from ctworkbench.ui.annotate import AnnotateView
from ctworkbench.ui.bridge import Bridge
from ctworkbench.ui.review_dialogs import ask_to_save_upon
from ctworkbench.ui.review_session import ReviewSession


class Saving(QObject):
    """Carries a save from the key to the study.

    Args:
        room: the widget that asks.
        session: holds the corrections.
        view: shows them; it is locked while a verdict waits for the save.
        bridge: reports errors.
        comment: gives the comment that goes with a save.
        tell: says a line in passing.
    """

    def __init__(
        self,
        room: QWidget,
        session: ReviewSession,
        view: AnnotateView,
        bridge: Bridge,
        comment: Callable[[], str],
        tell: Callable[[str], None],
    ) -> None:
        super().__init__(room)
        self._room, self._session, self._view, self._bridge = room, session, view, bridge
        self._comment, self._tell = comment, tell
        self._then: Callable[[], object] | None = None
        self._drawn_from: int | None = None
        session.saved.connect(self._saved)
        session.save_failed.connect(self._failed)

    def begin(self, then: Callable[[], object] | None = None) -> None:
        """Save corrections aside; `then` is called once they are safe, and nothing can be edited until it was."""
        if then is not None:
            self._then = self._then or then
            self._view.set_editable(False)
        if not self._session.saving:
            self._save()

    def finish(self) -> bool:
        """Save corrections now, staying until that is done; whether they are safe."""
        QApplication.setOverrideCursor(Qt.CursorShape.WaitCursor)
        try:
            self._session.wait()
            if self._session.dirty:
                self._save()
            while self._session.saving:
                self._session.wait()
        finally:
            QApplication.restoreOverrideCursor()
        return not self._session.dirty

    def _save(self, upon: AnnotationRow | None = None) -> None:
        parent = upon or self._session.shown
        self._drawn_from = None if parent is None else parent.id
        self._session.save_aside(self._comment(), upon)

    def _saved(self, row: AnnotationRow) -> None:
        same = row.id == self._drawn_from
        self._tell(f"Nothing differs from v{row.version}: no version was made" if same else f"Saved as v{row.version}")
        then, self._then = self._then, None
        if then is not None:
            then()

    def _failed(self, error: Exception) -> None:
        then, self._then = self._then, None
        if not isinstance(error, ConflictError):
            self._bridge.report(error)
            return
        self._session.read_versions()
        newest = self._session.correction_of(self._session.shown)
        if newest is None:
            self._bridge.report(error)
        elif ask_to_save_upon(self._room, newest):
            self._then = then
            self._save(newest)
        else:
            self._session.changed.emit()
