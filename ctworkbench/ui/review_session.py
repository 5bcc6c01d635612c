"""The correction of one label map: what it was drawn from, whether it is saved, how long it took."""

import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from ctworkbench.core.volume import Volume
from ctworkbench.core.workbench import AnnotationRow, Verdict
from ctworkbench.ui.annotate import AnnotateView
from ctworkbench.ui.case import Case
from ctworkbench.ui.recovery import Autosave, RecoveryFolder

if TYPE_CHECKING:
    from ctworkbench.core.workbench import Workbench


class ReviewSession(QObject):
    """Carries one case at a time from the views to the study; never shows anything itself.

    Signals:
        changed: a case was begun, edited, saved, restored or judged.
        autosave_failed: corrections could not be kept aside (the exception).
    """

    changed = Signal()
    autosave_failed = Signal(object)

    def __init__(self, workbench: "Workbench", view: AnnotateView, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._workbench = workbench
        self._view = view
        self.recovery = RecoveryFolder(workbench.folder / "recovery")
        self._autosave = Autosave(self.recovery, view.edited_labels, self)
        self._autosave.failed.connect(self.autosave_failed)
        self.case: Case | None = None
        self.shown: AnnotationRow | None = None
        self.versions: tuple[AnnotationRow, ...] = ()
        self.dirty = False
        self.recovery_open = False
        self._seconds = 0.0
        self._since: float | None = None
        self._current_id: int | None = None
        view.edited.connect(self._edited)

    @property
    def read_only(self) -> bool:
        """Whether an older version is shown, to look at only."""
        if self.case is None or self.shown is None:
            return False
        newest = self.versions[0] if self.versions else None
        return self.shown.id not in (newest.id if newest else None, self._current_id)

    @property
    def seconds(self) -> float:
        """Time that the case was on the screen, in seconds."""
        return self._seconds + (0.0 if self._since is None else time.monotonic() - self._since)

    def begin(self, case: Case) -> None:
        """Take up a case that is shown now."""
        same = self.case is not None and self.case.scan.id == case.scan.id
        if not same:
            self._seconds = 0.0
        self._since = time.monotonic()
        self.case, self.shown, self.versions = case, case.shown, case.versions
        self._current_id = self._find_current()
        self.dirty = False
        self.recovery_open = case.recovered is not None or bool(case.damaged)
        self._follow()

    def pause(self) -> None:
        """The room is out of sight: the clock stops."""
        self._seconds, self._since = self.seconds, None

    def resume(self) -> None:
        """The room is in sight again."""
        if self.case is not None and self._since is None:
            self._since = time.monotonic()

    def end(self) -> None:
        """Let the case go; edits that were not saved must have been dealt with."""
        self.pause()
        self.case, self.shown, self.versions = None, None, ()
        self.dirty = self.recovery_open = False

    def save(self, comment: str = "", upon: AnnotationRow | None = None) -> AnnotationRow:
        """Save the label map as a new version, drawn from the one shown (or put upon another).

        Raises:
            ConflictError: another version was saved meanwhile; the edits stay.
            WorkbenchError: it cannot be written; the edits stay.
        """
        case = self._case()
        parent = upon or self.shown
        if upon is not None and self.shown is not None and upon.id != self.shown.id:
            comment = f"{comment} (drawn from v{self.shown.version})".strip()
        row = self._workbench.review.save(
            case.scan.id,
            parent.id if parent else None,
            Volume(self._view.edited_labels(), case.image.affine),
            author=self._workbench.settings.author,
            comment=comment,
            initiator=self,
        )
        self.dirty = False
        self._autosave.forget()
        self.shown = row
        self.read_versions()
        self._follow()
        return row

    def judge(self, verdict: Verdict, grade: int | None, comment: str) -> None:
        """Give a verdict on the version shown; edits must have been saved first.

        Raises:
            WorkbenchError: it cannot be written.
        """
        if self.shown is None or self.dirty:
            raise RuntimeError("only a saved version can be judged")
        self._workbench.review.judge(
            self.shown.id,
            verdict,
            grade=grade,
            comment=comment,
            seconds=round(self.seconds, 1),
            reviewer=self._workbench.settings.author,
            initiator=self,
        )
        self._seconds, self._since = 0.0, time.monotonic()
        self.read_versions()
        self.changed.emit()

    def read_versions(self) -> None:
        """Read the list of versions again."""
        self.versions = tuple(self._workbench.review.annotations(self._case().scan.id))
        if self.shown is not None:
            shown_id = self.shown.id
            self.shown = next((row for row in self.versions if row.id == shown_id), self.shown)
        self._current_id = self._find_current()

    def restore(self) -> None:
        """Take the unsaved corrections that were found back into the views."""
        recovered = self._case().recovered
        if recovered is None:
            raise RuntimeError("nothing was recovered")
        parent = next((row for row in self.versions if row.id == recovered.parent_id), None)
        self.shown = parent or self.shown
        self._view.show_labels(recovered.labels.voxels)
        self.recovery_open = False
        self.dirty = True
        self._follow()

    def discard_recovered(self) -> None:
        """Forget the unsaved corrections that were found."""
        self._autosave.forget()
        self.recovery_open = False
        self.changed.emit()

    def discard_edits(self) -> None:
        """Give the edits up; the views still show them until the next case."""
        self._autosave.forget()
        self.dirty = False
        self.changed.emit()

    def close(self) -> None:
        """Finish writing."""
        self._autosave.close()

    def _edited(self) -> None:
        if self.case is None:
            return
        first = not self.dirty
        self.dirty = True
        self._autosave.touch()
        if first:
            self.changed.emit()

    def _follow(self) -> None:
        case = self._case()
        self._autosave.follow(case.scan.id, case.image.affine, self.shown.id if self.shown else None)
        self._view.set_editable(not (self.read_only or self.recovery_open))
        self.changed.emit()

    def _find_current(self) -> int | None:
        row = self._workbench.review.current(self._case().scan.id)
        return row.id if row else None

    def _case(self) -> Case:
        if self.case is None:
            raise RuntimeError("no case is open")
        return self.case
