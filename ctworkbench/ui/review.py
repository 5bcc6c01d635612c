"""The review room: go through the label maps, correct them, judge them, all from the keyboard."""

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QSettings, Qt, Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QLabel, QMessageBox, QWidget

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.schemes import load as load_scheme
from ctworkbench.core.settings import resource
from ctworkbench.core.workbench import ScanRow, Verdict
from ctworkbench.ui.annotate import AnnotateView
from ctworkbench.ui.bridge import Bridge
from ctworkbench.ui.case import read_labels, title_of
from ctworkbench.ui.case_header import CaseHeader
from ctworkbench.ui.cheat_sheet import CheatSheet
from ctworkbench.ui.check_chips import CheckChips, CheckDesk
from ctworkbench.ui.display_panel import DisplayPanel
from ctworkbench.ui.editing import Editing
from ctworkbench.ui.keymap import Keymap
from ctworkbench.ui.limits_panel import LimitsPanel
from ctworkbench.ui.opening import Opening
from ctworkbench.ui.overlays import Cover, Flash
from ctworkbench.ui.plane import for_display
from ctworkbench.ui.prefetch import Prefetch
from ctworkbench.ui.reader_desk import ReaderDesk
from ctworkbench.ui.reading import ReadingAids
from ctworkbench.ui.region_counts import RegionCounts
from ctworkbench.ui.region_list import RegionList
from ctworkbench.ui.review_banner import Banner
from ctworkbench.ui.review_dialogs import ask_about_unsaved
from ctworkbench.ui.review_keys import review_commands
from ctworkbench.ui.review_layout import lay_out
from ctworkbench.ui.review_session import ReviewSession
from ctworkbench.ui.saving import Saving
from ctworkbench.ui.tools import ToolBar
from ctworkbench.ui.verdict_bar import VerdictBar
from ctworkbench.ui.worklist import Worklist

if TYPE_CHECKING:
    from ctworkbench.core.workbench import Workbench


class ReviewPage(QWidget):
    """Worklist, views, regions and verdict around one open scan.

    Args:
        workbench: the open study.
        bridge: runs slow reads aside, reports errors, tells what changed.
        memory: where keys, the order of the list and other settings of the reader are kept.

    Signals:
        scan_opened: a scan is shown (its number).
    """

    scan_opened = Signal(int)

    def __init__(
        self, workbench: "Workbench", bridge: Bridge, memory: QSettings | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("reviewPage")
        self.setStyleSheet(resource("review.qss").read_text(encoding="utf-8"))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        memory = memory or QSettings()
        self.workbench = workbench
        self.bridge = bridge
        self._verdicts_given = 0
        self._stale = True
        self._next_asked = False
        self.disposed = False

        self.view = AnnotateView(load_scheme())
        self.session = ReviewSession(workbench, self.view, self)
        self.prefetch = Prefetch(workbench, bridge, self.session.recovery, self)
        self.opening = Opening(self)
        self.worklist = Worklist(memory=memory)
        self.header = CaseHeader()
        self.chips = CheckChips()
        self.banner = Banner()
        self.editing = Editing(self.view, self.session, bridge, workbench, self.tell)
        self.tools = ToolBar(self.view, self.editing)
        self.regions = RegionList(self.view)
        self.limits = LimitsPanel(self.view)
        self.display = DisplayPanel(self.view)
        self.verdicts = VerdictBar()
        self.readout = QLabel()
        self.readout.setObjectName("readout")
        self.cover = Cover(self.view)
        self.flash = Flash(self.view)
        self.saving = Saving(
            self, self.session, self.view, bridge, lambda: self.verdicts.comment.text().strip(), self.tell
        )
        self.checks = CheckDesk(self, bridge)
        self.reading = ReadingAids(self, memory)
        self.desk = ReaderDesk(self, workbench, bridge)
        lay_out(self)
        self.keymap = Keymap(review_commands(self), memory, self)
        self.keymap.bind(self)
        self.keymap.changed.connect(self._label_keys)
        self._label_keys()
        self.cheat_sheet = CheatSheet(self.keymap, self)
        self._connect()
        self.cover.tell("Choose a scan in the list, or press Space for the next one to review.")
        self.show_state()

    # What the window calls

    def open_scan(self, scan_id: int) -> None:
        """Show a scan; asks first when there are corrections that are not saved."""
        self.opening.open(scan_id)

    def show_region(self, name: str) -> None:
        """Let a region stand out in the scan that is open, or in the one that is loading once it is there."""
        self.opening.show_region(name)

    def show_selection(self, scan_ids: frozenset[int]) -> None:
        """List these scans alone, until the chip above the list is clicked, and open the first of them."""
        self.worklist.show_only(scan_ids, "the chart")
        if self.opening.wanted not in scan_ids and self.worklist.rows:
            self.opening.open_listed(self.worklist.rows[0].id)

    def maybe_close(self) -> bool:
        """Whether the open case may be left: unsaved corrections are saved or given up first, as the user says."""
        self.session.wait()
        if not self.session.dirty:
            return True
        answer = ask_about_unsaved(self, self._subject())
        if answer == QMessageBox.StandardButton.Save:
            return self.saving.finish()
        if answer == QMessageBox.StandardButton.Discard:
            self.session.discard_edits()
            return True
        return False

    def refresh(self) -> None:
        """Read the list again; a hidden room does so when it is shown."""
        self._stale = True
        if self.isVisible() and not self.disposed:
            self._stale = False
            take = partial(self._take_scans, self._verdicts_given)
            self.bridge.run(self.workbench.cohort.scans, take, self.bridge.report, key="review list")
            self.checks.refresh()
            self.desk.refresh()

    def dispose(self) -> None:
        """Finish writing, clear the layers and close the canvases."""
        if not self.disposed:
            self.disposed = True
            self.reading.close_surface()
            self.prefetch.clear()
            self.session.close()
            self.view.dispose()

    # What keys and buttons do

    def judge(self, verdict: Verdict) -> None:
        """Give a verdict on the version shown, saving corrections first, and go to the next scan to review."""
        case, shown = self.session.case, self.session.shown
        if self.opening.loading:
            # A verdict must never go to the case that is just leaving the screen.
            self.show_state()
            self.tell("The next scan is loading: that key was not taken")
            return
        if case is None or (shown is None and not self.session.dirty):
            self.tell("There is no label map to judge")
            return
        looking = self.view.comparing or not self.reading.desk.isHidden()
        if self.session.read_only or looking or self.session.recovery_open:
            self.show_state()
            self.tell(
                "Go back to the current version first" if not self.session.recovery_open else "Restore or discard first"
            )
            return
        if self.editing.suggestion.pending or self.view.locked:
            self.show_state()
            self.tell("Take the suggestion (Enter) or drop it (Esc) first" if not self.view.locked else "One moment…")
            return
        if not self.desk.has_name():
            self.show_state()
            return
        if self.session.dirty or self.session.saving:
            self.saving.begin(then=partial(self.judge, verdict))
            return
        bar = self.verdicts
        try:
            self.session.judge(verdict, bar.chosen_grade, bar.comment.text().strip(), bar.chosen_reasons)
        except WorkbenchError as error:
            self.bridge.report(error)
            return
        self._verdicts_given += 1
        self.worklist.mark(case.scan.id, self.session.standing)
        self.tell(f"{case.scan.subject}: {verdict.value}")
        if self.worklist.next_to_review() is None:
            self.tell(f"{case.scan.subject}: {verdict.value}. Nothing is left to review")
        else:
            self.go_to_next_to_review()

    def save(self) -> None:
        """Begin to save corrections as a new version; work can go on."""
        if self.session.saving:
            self.tell("Saving…")
        elif self.session.dirty:
            if self.desk.has_name():
                self.saving.begin()
        else:
            self.tell("There is nothing to save")

    def go(self, steps: int) -> None:
        """Open the next or the previous scan of the list."""
        scan_id = self.worklist.neighbour(steps)
        if scan_id is None:
            self.tell("End of the list")
        else:
            self.opening.open_listed(scan_id)

    def go_to_next_to_review(self) -> None:
        """Open the next scan that waits for a verdict, once the list is there."""
        self._next_asked = not self.worklist.is_read
        scan_id = self.worklist.next_to_review()
        if self._next_asked:
            self.tell("Reading the list…")
        elif scan_id is None:
            self.tell("Nothing else is left to review")
        else:
            self.opening.open_listed(scan_id)

    def compare(self, annotation_id: int | None = None) -> None:
        """Show another version in place of this one, or go back.

        Args:
            annotation_id: the version to look at; by default the one that this one was drawn from, or the one before
                it, or, under corrections, this one as it was saved.
        """
        if self.opening.loading:
            self.show_state()
            return
        self.editing.suggestion.drop()
        if self.view.comparing and annotation_id is None:
            self.view.hide_compared()
            self.regions.refresh()
            self.flash.hide()
            self.show_state()
            return
        chosen = next((row for row in self.session.versions if row.id == annotation_id), self.session.compare_with)
        if chosen is None:
            self.show_state()
            self.tell("There is no other version to compare with")
            return
        scan_id = self.opening.wanted
        own = self.session.shown is not None and chosen.id == self.session.shown.id
        title = f"{title_of(chosen)}{', as it was saved' if own else ''}"

        def read() -> tuple[NDArray[np.uint8], RegionCounts]:
            labels = read_labels(self.workbench, chosen.id)
            return labels, RegionCounts(for_display(labels))

        def show(answer: tuple[NDArray[np.uint8], RegionCounts]) -> None:
            if self.opening.wanted == scan_id and not self.disposed:
                self.view.show_compared(*answer)
                self.regions.refresh()
                self.show_state()
                # Over the views, not above them: the image must not move between the two versions.
                self.tell(f"{title}  –  C goes back", stays=True)

        self.bridge.run(read, show, self.bridge.report, key="review compare")

    def show_version(self, scan_id: int, annotation_id: int) -> None:
        """Show a version of the scan that is open; nothing happens if another one was opened meanwhile."""
        if scan_id == self.opening.wanted:
            self.opening.read(scan_id, annotation_id)

    def leave(self) -> None:
        """Put away what lies over the room and give the keys back to the views."""
        if self.editing.escape():
            return
        self.cheat_sheet.hide()
        if not self.reading.put_away() and self.view.comparing:
            self.compare()
        self.setFocus()

    def tell(self, text: str, stays: bool = False, passing: int = 1800) -> None:
        """Say something over the views, for so many milliseconds or until something else is said."""
        self.flash.tell(text, stays, passing)

    # Qt

    def showEvent(self, event: QShowEvent) -> None:
        """The clock of the case runs while the room is in sight."""
        super().showEvent(event)
        self.session.clock.watch(self)
        self.session.resume()
        self.setFocus()
        if self._stale:
            self.refresh()

    def hideEvent(self, event: QHideEvent) -> None:
        """The clock of the case stops."""
        super().hideEvent(event)
        self.session.pause()

    # Reading

    def _take_scans(self, verdicts_given: int, rows: list[ScanRow]) -> None:
        if self.disposed:
            return
        if verdicts_given != self._verdicts_given:
            self.refresh()  # read before the last verdict: that scan would be offered again
            return
        self.worklist.show_scans(rows)
        if self._next_asked:
            self.go_to_next_to_review()
        self.worklist.set_open(self.opening.wanted)
        self.opening.look_ahead()
        case = self.session.case
        if case is None:
            if not rows:
                self.cover.tell("No scans in this study yet.\nImport some under Cohort.")
            elif self.opening.wanted is None:
                self.cover.tell("Choose a scan in the list, or press Space for the next one to review.")
            return
        known = len(self.session.versions)  # not those of `rows`, which may have been read before the newest was saved
        self.session.read_versions()
        newer = len(self.session.versions) > known
        if newer and not (self.session.dirty or self.session.saving or self.opening.loading):
            self.opening.read(case.scan.id)
            return
        self.show_state()

    # Showing

    def _label_keys(self) -> None:
        self.keymap.label(self)
        self.tools.edit.label(self.keymap)

    def show_state(self) -> None:
        """Bring header, bars and chips to what the session says."""
        session, header = self.session, self.header
        case = session.case
        open_ = case is not None
        header.show_unsaved(session.dirty, session.saving)
        header.compare.setChecked(self.view.comparing)
        shown = session.shown
        header.compare.setEnabled(session.compare_with is not None)
        if open_:
            header.show_versions(session.versions, shown)
        self.verdicts.show_verdict(shown.verdict if shown and not session.dirty else None)
        judge = open_ and not session.read_only and not session.recovery_open and (shown is not None or session.dirty)
        self.verdicts.enable(judge, session.dirty and not session.saving)
        self.banner.show_for(session)
        self.checks.follow(case.scan.id if case else None, shown.id if shown else None)

    def _banner_first(self) -> None:
        session = self.session
        if session.case is None:
            return
        if session.recovery_open:
            session.restore()
            self.regions.refresh()
        elif self.banner.target is not None:
            self.opening.choose_version(self.banner.target)

    def _banner_second(self) -> None:
        if self.session.recovery_open:
            self.session.discard_recovered()
            self.view.set_editable(not self.session.read_only)

    def _subject(self) -> str:
        return self.session.case.scan.subject if self.session.case else ""

    # Building

    def _connect(self) -> None:
        self.view.hovered.connect(self.readout.setText)
        self.session.changed.connect(self.show_state)
        self.editing.suggestion.changed.connect(self.show_state)
        self.session.autosave_failed.connect(self.bridge.report)
        self.worklist.chosen.connect(self.opening.open_listed)
        self.worklist.filter.textChanged.connect(self.opening.look_ahead)
        self.worklist.status.currentIndexChanged.connect(self.opening.look_ahead)
        self.header.version_chosen.connect(self.opening.choose_version)
        self.header.compare_asked.connect(lambda: self.compare())
        self.header.compare_with.connect(self.compare)
        self.header.keys_asked.connect(lambda: self.cheat_sheet.toggle())
        self.cheat_sheet.change_asked.connect(self.reading.change_keys)
        self.session.clock.ticked.connect(lambda: self.header.show_clock(self.session.clock))
        self.header.previous_asked.connect(lambda: self.go(-1))
        self.header.next_asked.connect(lambda: self.go(1))
        self.banner.first.clicked.connect(self._banner_first)
        self.banner.second.clicked.connect(self._banner_second)
        self.verdicts.judged.connect(self.judge)
        self.verdicts.save_asked.connect(self.save)
        self.bridge.changed.connect(self._study_changed)

    def _study_changed(self, changes: object) -> None:
        if any(getattr(changes, kind) for kind in ("scans", "annotations", "reviews")):
            self.refresh()
        elif any(getattr(changes, kind) for kind in ("checks", "norms")):
            self._stale = not self.isVisible()
            if not self._stale:
                self.checks.refresh()
