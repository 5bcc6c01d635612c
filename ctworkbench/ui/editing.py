"""Operations on the selected region: worked out aside, made as one step that can be undone."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.label_edits.drawing import Change, Drawing, Limits
from ctworkbench.ui.annotate import AnnotateView
from ctworkbench.ui.bridge import Bridge
from ctworkbench.ui.case import read_labels
from ctworkbench.ui.edit_history import DrawnSlice
from ctworkbench.ui.lasso_tool import LassoTool
from ctworkbench.ui.review_session import ReviewSession
from ctworkbench.ui.suggestion import Suggestion, hatched

if TYPE_CHECKING:
    from ctworkbench.core.workbench import Workbench

Work = Callable[[Drawing, Limits], Change | None]

_PATIENCE_MILLISECONDS = 250
_PLANES = ("axial", "coronal", "sagittal")


@dataclass
class Amounts:
    """How much operations do; kept while the room is open.

    Attributes:
        smoothing_mm: standard deviation of the blur.
        grow_mm: how far a region grows or shrinks.
        island_mm3: pieces below this are islands; 0 for all but the largest piece.
    """

    smoothing_mm: float = 1.5
    grow_mm: float = 1.0
    island_mm3: float = 0.0


class Editing(QObject):
    """What keys and the Edit menu do to the selected region.

    Args:
        view: shows the label map; it is locked while an operation works on it.
        session: knows the version that the label map was opened from.
        bridge: runs the work aside.
        workbench: gives that version.
        tell: says a line over the views (text, whether it stays).

    Signals:
        finished: an operation came to its end, whatever it did.
    """

    finished = Signal()

    def __init__(
        self,
        view: AnnotateView,
        session: ReviewSession,
        bridge: Bridge,
        workbench: "Workbench",
        tell: Callable[[str, bool], None],
    ) -> None:
        super().__init__(view)
        self._view, self._session, self._bridge, self._workbench, self._tell = view, session, bridge, workbench, tell
        self.amounts = Amounts()
        self.lasso = LassoTool(view)
        self.suggestion = Suggestion(view)
        self._labels = view.labels
        self._opened_from: int | None = None
        self._doing = ""
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(_PATIENCE_MILLISECONDS)
        self._patience.timeout.connect(lambda: self._tell(f"{self._doing}…", True))
        session.changed.connect(self._follow)

    # What keys and the menu do

    def smooth(self) -> None:
        """Smooth the border of the selected region."""
        from ctworkbench.core.label_edits.smoothing import smooth

        code, mm = self._view.selected, self.amounts.smoothing_mm
        self._run(
            "Smoothing",
            lambda drawing, limits: smooth(drawing, code, mm, limits),
            f"Smoothing by {mm:.1f} mm changes nothing of {{}}",
        )

    def remove_islands(self) -> None:
        """Remove what does not hang together with the selected region."""
        from ctworkbench.core.label_edits.cleaning import remove_islands

        code, least = self._view.selected, self.amounts.island_mm3 or None
        small = f" below {least:.0f} mm³" if least else ""
        self._run(
            "Removing islands",
            lambda drawing, limits: remove_islands(drawing, code, least, limits),
            f"No islands{small} in {{}}",
        )

    def fill_holes(self, everywhere: bool = False) -> None:
        """Fill what the selected region encloses, in the slice of the active view or in three dimensions.

        With the tools set to all slices (a ball), all slices of the active view are gone through, one by one.
        """
        from ctworkbench.core.label_edits.cleaning import fill_holes

        code = self._view.selected
        axis, index = (None, None) if everywhere else self._slice()
        where = "" if everywhere else f" in this {self._plane()} slice"
        if self._view.ball and not everywhere:
            index, where = None, f" in {self._plane()} slices"
        self._run(
            "Filling holes",
            lambda drawing, limits: fill_holes(drawing, code, axis, index, limits),
            f"No holes in {{}}{where}",
            drawn=self._here(everywhere or self._view.ball),
        )

    def interpolate(self) -> None:
        """Fill the selected region in between the slices that were drawn in the plane of the active view."""
        from ctworkbench.core.label_edits.slices import interpolate

        code, axis = self._view.selected, self._slice()[0]
        drawn = self._drawn(axis)
        self._run(
            "Interpolating",
            lambda drawing, limits: interpolate(drawing, code, axis, drawn, limits),
            f"No gap between {self._plane()} slices of {{}}",
        )

    def copy_slice(self, steps: int) -> None:
        """Give the selected region in this slice the shape that it has in the next (1) or previous (−1) one."""
        from ctworkbench.core.label_edits.slices import copy_slice

        code = self._view.selected
        axis, index = self._slice()
        step = steps if axis == 2 else -steps
        self._run(
            "Copying",
            lambda drawing, limits: copy_slice(drawing, code, axis, index, step, limits),
            "{} is the same in both slices",
            drawn=self._here(False),
        )

    def split(self) -> None:
        """Give each half of the selected region the code of its side, at the head's own midsagittal plane."""
        from ctworkbench.core.label_edits.midplane import find_midplane
        from ctworkbench.core.label_edits.sides import split

        code = self._view.selected
        self._run(
            "Finding the midsagittal plane",
            lambda drawing, limits: split(drawing, code, find_midplane(drawing), limits),
            "All of {} lies on its own side",
        )

    def mirror(self) -> None:
        """Make the region of the other side the mirror image of the selected one."""
        from ctworkbench.core.label_edits.midplane import find_midplane
        from ctworkbench.core.label_edits.sides import mirror_across

        code = self._view.selected
        self._run(
            "Mirroring",
            lambda drawing, limits: mirror_across(drawing, code, find_midplane(drawing), limits),
            "The other side is the mirror image of {} already",
        )

    def grow(self, sign: int) -> None:
        """Grow (1) or shrink (−1) the selected region."""
        from ctworkbench.core.label_edits.growing import grow

        code, mm = self._view.selected, sign * self.amounts.grow_mm
        self._run(
            "Growing" if sign > 0 else "Shrinking",
            lambda drawing, limits: grow(drawing, code, mm, limits),
            f"{{}} cannot {'grow' if sign > 0 else 'shrink'} by {abs(mm):.1f} mm here",
        )

    def propose(self) -> None:
        """Guess the rest of the selected region from the slices drawn so far, as a suggestion."""
        from ctworkbench.core.label_edits.proposal import propose

        code, axis = self._view.selected, self._slice()[0]
        if not self._drawn(axis):
            axis = max(range(3), key=lambda other: len(self._drawn(other)))
        drawn, opened_from, workbench = self._drawn(axis), self._opened_from, self._workbench

        def work(drawing: Drawing, limits: Limits) -> object:
            before = None if opened_from is None else read_labels(workbench, opened_from)
            change = propose(drawing, code, axis, drawn, before, limits)
            return None if change is None else (change, hatched(drawing.labels, change, code))

        def show(answer: object) -> None:
            change, hatching = answer  # pyright: ignore[reportGeneralTypeIssues] - what `work` returns
            self.suggestion.show(change, hatching)
            cm3 = self._cm3(change)
            self._tell(f"Suggestion for {self._title(code)}: {cm3}  –  Enter takes it, Esc drops it", True)

        self._start("Proposing", work, show, "Nothing to add to {}: it follows from what you drew", code)

    def enter(self) -> None:
        """Close the contour that is being drawn, or take the suggestion."""
        if self.lasso.active:
            self.lasso.close()
            return
        change = self.suggestion.accept()
        if change is not None:
            self._tell(f"Taken: {self._cm3(change)} changed", False)

    def escape(self) -> bool:
        """Give up the contour that is being drawn, or the suggestion; whether there was one."""
        if self.lasso.active:
            self.lasso.cancel()
            return True
        if self.suggestion.pending:
            self.suggestion.drop()
            self._tell("Suggestion dropped", False)
            return True
        return False

    # How it is done

    def _run(self, doing: str, work: Work, nothing: str, drawn: Iterable[DrawnSlice] = ()) -> None:
        code = self._view.selected

        def apply(change: object) -> None:
            assert isinstance(change, Change)
            self._view.apply(change, drawn)
            self._tell(f"{self._title(code).capitalize()}: {self._cm3(change)} changed", False)

        self._start(doing, work, apply, nothing, code)

    def _start(
        self,
        doing: str,
        work: Callable[[Drawing, Limits], object],
        show: Callable[[object], None],
        nothing: str,
        code: int,
    ) -> None:
        view = self._view
        if view.image is None or not view.can_edit:
            refusal = "Go back to the current version first" if view.comparing else "This label map is for looking only"
            if self._session.case is None:
                refusal = "Open a scan first"
            self._tell(f"{self._doing}…" if view.locked else refusal, view.locked)
            return
        if view.hub.drawing:
            self._tell("Finish the stroke first", False)
            return
        self.suggestion.drop()
        labels, limits = view.labels, view.limits.limits
        drawing = Drawing(labels, view.image, view.scheme)
        title = self._title(code)
        self._doing = f"{doing} {title}" if not doing.startswith("Finding") else doing
        view.set_locked(True)
        self._patience.start()

        def finish(answer: object) -> None:
            if view.labels is not labels:
                return  # another case or version is on the screen, and unlocked
            self._unlock()
            if answer is None:
                said = nothing.format(title)
                within = " within the limits" if limits != Limits() else ""
                self._tell(f"{said[0].upper()}{said[1:]}{within}", False)
            else:
                show(answer)
            self.finished.emit()

        def fail(error: Exception) -> None:
            if view.labels is labels:
                self._unlock()
                if isinstance(error, WorkbenchError):
                    self._tell(f"{error.message} {error.remedy}".strip(), False)
                else:
                    self._bridge.report(error)
                self.finished.emit()

        self._bridge.run(lambda: work(drawing, limits), finish, fail, key="edit", message=f"{self._doing}…")

    def _unlock(self) -> None:
        if self._patience.isActive():
            self._patience.stop()
        else:
            self._tell("", False)
        self._view.set_locked(False)

    def _follow(self) -> None:
        if self._view.labels is not self._labels:
            self._labels = self._view.labels
            self._opened_from = None if self._session.shown is None else self._session.shown.id
            if self._view.locked:
                self._unlock()

    def _slice(self) -> tuple[int, int]:
        """Array axis (x, y, z) that the active view slices, and the slice that it shows."""
        shown = self._view.active.plane.axis
        return self._core(shown, self._view.index[shown])

    def _core(self, axis: int, place: int) -> tuple[int, int]:
        """An axis of the layers and a place along it, as those of the label map."""
        return 2 - axis, place if axis == 0 else self._view.labels.shape[2 - axis] - 1 - place

    def _drawn(self, axis: int) -> list[int]:
        """Slices across an axis (x, y, z) in which the selected region was drawn by hand since it was opened."""
        found = self._view.hub.drawn
        return sorted(
            self._core(at.axis, at.place)[1]
            for at in found
            if at.code == self._view.selected and self._core(at.axis, at.place)[0] == axis
        )

    def _here(self, everywhere: bool) -> list[DrawnSlice]:
        """The slice shown in the active view, as one that counts as drawn."""
        shown = self._view.active.plane.axis
        return [] if everywhere else [DrawnSlice(shown, self._view.index[shown], self._view.selected)]

    def _plane(self) -> str:
        return _PLANES[self._view.active.plane.axis]

    def _title(self, code: int) -> str:
        return next(region.title.lower() for region in self._view.scheme.regions if region.code == code)

    def _cm3(self, change: Change) -> str:
        voxel = 0.0 if self._view.image is None else self._view.image.grid.voxel_volume_mm3
        return f"{change.voxels * voxel / 1000:.2f} cm³"
