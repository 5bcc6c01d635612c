"""The correction of one label map: what it was drawn from, whether it is saved, how long it took."""

from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, Signal

from ctworkbench.core.errors import StudyError
from ctworkbench.core.volume import Volume
from ctworkbench.core.workbench import AnnotationRow, Origin, Standing, Verdict
from ctworkbench.core.workbench.current import standing_of
from ctworkbench.core.workbench.rows import ReadingRow
from ctworkbench.ui.annotate import AnnotateView
from ctworkbench.ui.case import Case
from ctworkbench.ui.reading_clock import ReadingClock
from ctworkbench.ui.recovery import Autosave, RecoveryFolder

if TYPE_CHECKING:
    from ctworkbench.core.workbench import Workbench


class ReviewSession(QObject):
    """Carries one case at a time from the views to the study; never shows anything itself.

    A save compresses and hashes up to a hundred million voxels, so it is done in a thread of its own on a copy; strokes
    that are made meanwhile stay unsaved corrections, now of the new version.

    Signals:
        changed: a case was begun, edited, saved, restored or judged, or a save was begun or failed.
        saved: corrections are safe as a version (its `AnnotationRow`): the one they were drawn from if all was undone.
        save_failed: they are not, and still stand in the views (the exception).
        autosave_failed: corrections could not be kept aside (the exception).
    """

    changed = Signal()
    saved = Signal(object)
    save_failed = Signal(object)
    autosave_failed = Signal(object)
    _landed = Signal(object)

    def __init__(self, workbench: "Workbench", view: AnnotateView, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._workbench = workbench
        self._view = view
        self.recovery = RecoveryFolder(*_recovery_of(workbench))
        self._autosave = Autosave(self.recovery, view.edited_labels, self)
        self._autosave.failed.connect(self.autosave_failed)
        self.case: Case | None = None
        self.shown: AnnotationRow | None = None
        self.versions: tuple[AnnotationRow, ...] = ()
        self.readings: tuple[ReadingRow, ...] = ()
        self.dirty = False
        self.recovery_open = False
        self.clock = ReadingClock(workbench.settings.idle_seconds, parent=self)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="save")
        self._saving: Future[AnnotationRow] | None = None
        self._strokes = 0
        self._strokes_taken = 0
        self._landed.connect(self._land)
        view.edited.connect(self._edited)

    @property
    def saving(self) -> bool:
        """Whether a save is under way."""
        return self._saving is not None

    @property
    def standing(self) -> Standing:
        """Which version of the open scan counts, and which one waits."""
        return standing_of(self.versions)

    @property
    def read_only(self) -> bool:
        """Whether the version shown is to look at only: an expert has corrected it, and it does not count."""
        if self.case is None or self.shown is None:
            return False
        counts = self.standing.counts
        return self.correction_of(self.shown) is not None and (counts is None or counts.id != self.shown.id)

    def correction_of(self, row: AnnotationRow | None) -> AnnotationRow | None:
        """The last of the corrections that experts drew from a version, or from nothing; None if there are none."""
        last: AnnotationRow | None = None
        parent = None if row is None else row.id
        drawn = {row.parent_id: row for row in reversed(self.versions) if row.origin is Origin.EXPERT}
        while parent in drawn:
            last = drawn.pop(parent)
            parent = last.id
        return last

    @property
    def compare_with(self) -> AnnotationRow | None:
        """What the labels shown are compared with: as saved, if they were corrected since, else the version before."""
        return self.shown if self.dirty else self.version_before

    @property
    def version_before(self) -> AnnotationRow | None:
        """The version that the one shown is laid beside: its parent, else the one before it, else any other."""
        shown = self.shown
        if shown is None:
            return None
        others = [row for row in self.versions if row.id != shown.id]
        parent = (row for row in others if row.id == shown.parent_id)
        before = (row for row in others if row.version < shown.version)
        return next(parent, None) or next(before, None) or next(reversed(others), None)

    @property
    def seconds(self) -> float:
        """Time that the case was read, in seconds: on the screen, without long pauses of mouse and keys."""
        return self.clock.seconds

    def begin(self, case: Case) -> None:
        """Take up a case that is shown now."""
        self.wait()
        same = self.case is not None and self.case.scan.id == case.scan.id
        if same:
            self.clock.resume()
        else:
            self.clock.restart()
        self.case, self.shown, self.versions = case, case.shown, case.versions
        self.readings = case.readings
        self.dirty = False
        self.recovery_open = case.recovered is not None or bool(case.damaged)
        self._follow()

    def pause(self) -> None:
        """The room is out of sight: the clock stops."""
        self.clock.pause()

    def resume(self) -> None:
        """The room is in sight again."""
        if self.case is not None:
            self.clock.resume()

    def end(self) -> None:
        """Let the case go; edits that were not saved must have been dealt with."""
        self.clock.clear()
        self.case, self.shown, self.versions = None, None, ()
        self.dirty = self.recovery_open = False

    def save_aside(self, comment: str = "", upon: AnnotationRow | None = None) -> None:
        """Begin to save the label map as a new version, drawn from the one shown (or put upon another).

        `saved` or `save_failed` tells the outcome; a failure leaves the edits as they are.
        """
        if self._saving is not None:
            raise RuntimeError("a save is under way")
        case = self._case()
        parent = upon or self.shown
        if upon is not None and self.shown is not None and upon.id != self.shown.id:
            comment = f"{comment} (drawn from v{self.shown.version})".strip()
        self._strokes_taken = self._strokes
        labels = Volume(self._view.edited_labels(), case.image.affine)
        self._saving = self._writer.submit(self._save, case.scan.id, parent, labels, comment)
        self._saving.add_done_callback(self._landed.emit)
        self.changed.emit()

    def _save(self, scan_id: int, parent: AnnotationRow | None, labels: Volume, comment: str) -> AnnotationRow:
        """Keep the label map; what was only done and undone is no correction, and its parent stands for it."""
        review = self._workbench.review
        if parent is not None and np.array_equal(review.labels(parent.id).voxels, labels.voxels):
            return parent
        number = None if parent is None else parent.id
        return review.save(scan_id, number, labels, self._workbench.author, comment, self)

    def wait(self) -> None:
        """Stay until a save that is under way has come to its end."""
        if self._saving is not None:
            wait([self._saving])
            self._take(self._saving, stay=True)

    def _land(self, saving: "Future[AnnotationRow]") -> None:
        self._take(saving, stay=False)

    def _take(self, saving: "Future[AnnotationRow]", stay: bool) -> None:
        if saving is not self._saving:
            return  # `wait` has dealt with it already
        self._saving = None
        error = saving.exception()
        if error is not None:
            self._follow()
            self._autosave.touch()
            self.save_failed.emit(error)
            return
        row = saving.result()
        self.dirty = self._strokes != self._strokes_taken
        if not self.dirty:
            self._autosave.forget(stay)
        self.shown = row
        self.read_versions()
        self._follow()
        if self.dirty:
            self._autosave.touch()
        self.saved.emit(row)

    def judge(self, verdict: Verdict, grade: int | None, comment: str, reasons: tuple[str, ...] = ()) -> None:
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
            reasons=reasons,
            comment=comment,
            seconds=max(0.1, round(self.seconds, 1)),  # it was on the screen, so never 0, which means unread
            reviewer=self._workbench.author,
            initiator=self,
        )
        self.clock.restart()
        self.read_versions()
        self.changed.emit()

    def read_versions(self) -> None:
        """Read the list of versions again, and what others made of them as far as it may be seen now."""
        self.versions = tuple(self._workbench.review.annotations(self._case().scan.id))
        self.readings = tuple(self._workbench.review.readings(self._case().scan.id))
        if self.shown is not None:
            shown_id = self.shown.id
            self.shown = next((row for row in self.versions if row.id == shown_id), self.shown)

    def restore(self) -> None:
        """Take the unsaved corrections that were found back into the views."""
        recovered = self._case().recovered
        if recovered is None:
            raise RuntimeError("nothing was recovered")
        parent = next((row for row in self.versions if row.id == recovered.parent_id), None)
        self.shown = parent or self.shown
        try:
            self.recovery.claim(self._case().scan.id)
        except StudyError as error:
            self.autosave_failed.emit(error)
        self._view.show_labels(recovered.labels.voxels)
        self.recovery_open = False
        self.dirty = True
        self._follow()

    def discard_recovered(self) -> None:
        """Forget the unsaved corrections that were found; what may be somebody else's is left to them."""
        try:
            self.recovery.give_up(self._case().scan.id)
        except StudyError as error:
            self.autosave_failed.emit(error)
        self.recovery_open = False
        self.changed.emit()

    def discard_edits(self) -> None:
        """Give the edits up; the views still show them until the next case."""
        self._autosave.forget()
        self.dirty = False
        self.changed.emit()

    def follow_reader(self) -> None:
        """Somebody else reads, or has given their name: from now on corrections are kept aside as theirs."""
        self._autosave.sign_in(*_recovery_of(self._workbench), drawn=self.dirty)

    def close(self) -> None:
        """Finish writing."""
        self.wait()
        self._writer.shutdown(wait=True)
        self._autosave.close()

    def _edited(self) -> None:
        if self.case is None:
            return
        self._strokes += 1
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

    def _case(self) -> Case:
        if self.case is None:
            raise RuntimeError("no case is open")
        return self.case


def _recovery_of(workbench: "Workbench") -> tuple[Path, tuple[Path, ...], str]:
    """Where unsaved corrections of the reader are, where those are that may be theirs, and their name."""
    return workbench.readers.recovery_folder(), workbench.readers.unnamed_recovery(), workbench.author
