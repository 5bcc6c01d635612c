"""The review room: go through the label maps, correct them, judge them, all from the keyboard."""

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QApplication, QHBoxLayout, QLabel, QMessageBox, QSplitter, QVBoxLayout, QWidget

from ctworkbench.core.errors import ConflictError, WorkbenchError
from ctworkbench.core.schemes import load as load_scheme
from ctworkbench.core.settings import resource
from ctworkbench.core.workbench import AnnotationRow, ScanRow, Verdict
from ctworkbench.ui.annotate import AnnotateView
from ctworkbench.ui.bridge import Bridge
from ctworkbench.ui.case import Case, read_case, read_labels, title_of
from ctworkbench.ui.case_header import CaseHeader
from ctworkbench.ui.commands import CheatSheet, bind
from ctworkbench.ui.display_panel import DisplayPanel
from ctworkbench.ui.overlays import Cover, Flash
from ctworkbench.ui.region_list import RegionList
from ctworkbench.ui.review_banner import Banner
from ctworkbench.ui.review_dialogs import ask_about_unsaved, ask_to_save_upon
from ctworkbench.ui.review_keys import review_commands
from ctworkbench.ui.review_session import ReviewSession
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

    Signals:
        scan_opened: a scan is shown (its number).
    """

    scan_opened = Signal(int)

    def __init__(self, workbench: "Workbench", bridge: Bridge, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("reviewPage")
        self.setStyleSheet(resource("review.qss").read_text(encoding="utf-8"))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._workbench = workbench
        self._bridge = bridge
        self._wanted: int | None = None
        self._loading = False
        self._stale = True
        self._disposed = False

        self.view = AnnotateView(load_scheme())
        self.session = ReviewSession(workbench, self.view, self)
        self.worklist = Worklist()
        self.header = CaseHeader()
        self.banner = Banner()
        self.tools = ToolBar(self.view)
        self.regions = RegionList(self.view)
        self.display = DisplayPanel(self.view)
        self.verdicts = VerdictBar()
        self.readout = QLabel()
        self.readout.setObjectName("readout")
        self.cover = Cover(self.view)
        self.flash = Flash(self.view)
        self._build()
        commands = review_commands(self)
        self.shortcuts = bind(commands, self)
        self.cheat_sheet = CheatSheet(commands, self)
        self._connect()
        self.cover.tell("Choose a scan in the list, or press Space for the next one to review.")
        self._show_state()

    # What the window calls

    def open_scan(self, scan_id: int) -> None:
        """Show a scan; asks first when there are corrections that are not saved."""
        if scan_id == self._wanted:
            return
        if not self.maybe_close():
            self.worklist.set_open(self._wanted)
            return
        self._read(scan_id)

    def maybe_close(self) -> bool:
        """Whether the open case may be left: unsaved corrections are saved or given up first, as the user says."""
        if not self.session.dirty:
            return True
        answer = ask_about_unsaved(self, self._subject())
        if answer == QMessageBox.StandardButton.Save:
            return self.save()
        if answer == QMessageBox.StandardButton.Discard:
            self.session.discard_edits()
            return True
        return False

    def refresh(self) -> None:
        """Read the list again; a hidden room does so when it is shown."""
        self._stale = True
        if self.isVisible() and not self._disposed:
            self._stale = False
            self._bridge.run(self._workbench.cohort.scans, self._take_scans, self._bridge.report, key="review list")

    def dispose(self) -> None:
        """Finish writing, clear the layers and close the canvases."""
        if not self._disposed:
            self._disposed = True
            self.session.close()
            self.view.dispose()

    # What keys and buttons do

    def judge(self, verdict: Verdict) -> None:
        """Give a verdict on the version shown, saving corrections first, and go to the next scan to review."""
        case, shown = self.session.case, self.session.shown
        if self._loading:
            # A verdict must never go to the case that is just leaving the screen.
            self._show_state()
            return
        if case is None or (shown is None and not self.session.dirty):
            self.tell("There is no label map to judge")
            return
        if self.session.read_only or self.view.comparing or self.session.recovery_open:
            self._show_state()
            self.tell(
                "Go back to the current version first" if not self.session.recovery_open else "Restore or discard first"
            )
            return
        if self.session.dirty and not self.save():
            return
        try:
            self.session.judge(verdict, self.verdicts.chosen_grade, self.verdicts.comment.text().strip())
        except WorkbenchError as error:
            self._bridge.report(error)
            return
        self.worklist.mark(case.scan.id, verdict)
        following = self.worklist.next_to_review()
        self.tell(f"{case.scan.subject}: {verdict.value}")
        if following is None:
            self.tell(f"{case.scan.subject}: {verdict.value}. Nothing is left to review")
        else:
            self.open_scan(following)

    def save(self) -> bool:
        """Save corrections as a new version; whether they are safe now."""
        if not self.session.dirty:
            self.tell("There is nothing to save")
            return True
        comment = self.verdicts.comment.text().strip()
        try:
            self._save(comment)
        except ConflictError as error:
            return self._save_upon_newest(error, comment)
        except WorkbenchError as error:
            self._bridge.report(error)
            return False
        return True

    def go(self, steps: int) -> None:
        """Open the next or the previous scan of the list."""
        scan_id = self.worklist.neighbour(steps)
        if scan_id is None:
            self.tell("End of the list")
        else:
            self.open_scan(scan_id)

    def go_to_next_to_review(self) -> None:
        """Open the next scan that waits for a verdict."""
        scan_id = self.worklist.next_to_review()
        if scan_id is None:
            self.tell("Nothing else is left to review")
        else:
            self.open_scan(scan_id)

    def compare(self) -> None:
        """Show the version before this one (or this one as it was saved, under corrections), or go back."""
        if self._loading:
            self._show_state()
            return
        if self.view.comparing:
            self.view.hide_compared()
            self.flash.hide()
            self._show_state()
            return
        shown = self.session.shown
        target = None if shown is None else shown.id if self.session.dirty else shown.parent_id
        if target is None:
            self._show_state()
            self.tell("There is no earlier version to compare with")
            return
        scan_id = self._wanted
        title = next((title_of(row) for row in self.session.versions if row.id == target), "Earlier version")

        def show(labels: NDArray[np.uint8]) -> None:
            if self._wanted == scan_id and not self._disposed:
                self.view.show_compared(labels)
                self._show_state()
                # Over the views, not above them: the image must not move between the two versions.
                self.tell(f"{title} as it was saved  –  C goes back", stays=True)

        self._bridge.run(partial(read_labels, self._workbench, target), show, self._bridge.report, key="review compare")

    def leave(self) -> None:
        """Put away what lies over the room and give the keys back to the views."""
        self.cheat_sheet.hide()
        if self.view.comparing:
            self.compare()
        self.setFocus()

    def tell(self, text: str, stays: bool = False) -> None:
        """Say something over the views, in passing or until something else is said."""
        self.flash.tell(text, stays)

    # Qt

    def showEvent(self, event: QShowEvent) -> None:
        """The clock of the case runs while the room is in sight."""
        super().showEvent(event)
        self.session.resume()
        self.setFocus()
        if self._stale:
            self.refresh()

    def hideEvent(self, event: QHideEvent) -> None:
        """The clock of the case stops."""
        super().hideEvent(event)
        self.session.pause()

    # Reading

    def _read(self, scan_id: int, annotation_id: int | None = None) -> None:
        self._wanted = scan_id
        self._loading = True
        self.view.set_editable(False)
        self.worklist.set_open(scan_id)
        self.session.pause()
        self.cover.tell("Loading…")
        read = partial(read_case, self._workbench, self.session.recovery, scan_id, annotation_id)
        self._bridge.run(
            read, self._take_case, partial(self._failed, scan_id), key="review case", message="Loading scan…"
        )

    def _take_case(self, case: Case) -> None:
        if case.scan.id != self._wanted or self._disposed:
            return
        self._loading = False
        same = self.session.case is not None and self.session.case.scan.id == case.scan.id
        index = self.view.index
        self.view.show_case(case.image, case.labels, case.counts)
        if same:
            self.view.go_to(index)
        else:
            self.verdicts.clear()
        self.session.begin(case)
        if not self.isVisible():
            self.session.pause()
        self.cover.tell("")
        self.header.show_scan(case.scan)
        self.regions.refresh()
        if not self.verdicts.comment.hasFocus() and not self.worklist.filter.hasFocus():
            self.setFocus()
        self.scan_opened.emit(case.scan.id)

    def _failed(self, scan_id: int, error: Exception) -> None:
        self._bridge.report(error)
        if scan_id == self._wanted:
            self._loading = False
            self.session.end()
            self.header.show_nothing()
            self.regions.clear()
            self._wanted = None
            self.cover.tell(f"This scan cannot be shown.\n{error}")

    def _take_scans(self, rows: list[ScanRow]) -> None:
        if self._disposed:
            return
        self.worklist.show_scans(rows)
        self.worklist.set_open(self._wanted)
        case = self.session.case
        if case is None:
            if not rows:
                self.cover.tell("No scans in this study yet.\nImport some under Cohort.")
            elif self._wanted is None:
                self.cover.tell("Choose a scan in the list, or press Space for the next one to review.")
            return
        newer = any(row.id == case.scan.id and row.versions > len(self.session.versions) for row in rows)
        if newer and not self.session.dirty and not self._loading:
            self._read(case.scan.id)
            return
        self.session.read_versions()
        self._show_state()

    def _version_chosen(self, annotation_id: int) -> None:
        case = self.session.case
        if case is None or (self.session.shown is not None and annotation_id == self.session.shown.id):
            return
        if self.maybe_close():
            self._read(case.scan.id, annotation_id)
        else:
            self._show_state()

    def _save(self, comment: str, upon: AnnotationRow | None = None) -> None:
        QApplication.setOverrideCursor(Qt.CursorShape.WaitCursor)
        try:
            row = self.session.save(comment, upon)
        finally:
            QApplication.restoreOverrideCursor()
        self.tell(f"Saved as v{row.version}")

    def _save_upon_newest(self, error: ConflictError, comment: str) -> bool:
        self.session.read_versions()
        newest = self.session.versions[0] if self.session.versions else None
        if newest is None:
            self._bridge.report(error)
            return False
        if not ask_to_save_upon(self, newest):
            self._show_state()
            return False
        try:
            self._save(comment, newest)
        except WorkbenchError as second:
            self._bridge.report(second)
            return False
        return True

    # Showing

    def _show_state(self) -> None:
        session, header = self.session, self.header
        case = session.case
        open_ = case is not None
        header.unsaved.setVisible(session.dirty)
        header.compare.setChecked(self.view.comparing)
        shown = session.shown
        header.compare.setEnabled(shown is not None and (session.dirty or shown.parent_id is not None))
        if open_:
            header.show_versions(session.versions, shown)
        self.verdicts.show_verdict(shown.verdict if shown and not session.dirty else None)
        judge = open_ and not session.read_only and not session.recovery_open and (shown is not None or session.dirty)
        self.verdicts.enable(judge, session.dirty)
        self.banner.show_for(session)

    def _banner_first(self) -> None:
        session = self.session
        if session.case is None:
            return
        if session.recovery_open:
            session.restore()
            self.regions.refresh()
        elif session.read_only:
            if self.maybe_close():
                self._read(session.case.scan.id)
        elif session.versions:
            self._version_chosen(session.versions[0].id)

    def _banner_second(self) -> None:
        if self.session.recovery_open:
            self.session.discard_recovered()
            self.view.set_editable(not self.session.read_only)

    def _subject(self) -> str:
        return self.session.case.scan.subject if self.session.case else ""

    # Building

    def _build(self) -> None:
        centre = QWidget()
        column = QVBoxLayout(centre)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for widget in (self.header, self.banner, self.tools):
            column.addWidget(widget)
        column.addWidget(self.view, 1)
        column.addWidget(self.readout)
        column.addWidget(self.verdicts)
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        side = QWidget()
        beside = QVBoxLayout(side)
        beside.setContentsMargins(0, 0, 0, 0)
        beside.setSpacing(0)
        beside.addWidget(self.regions, 1)
        beside.addWidget(self.display)
        for widget, stretch in ((self.worklist, 0), (centre, 1), (side, 0)):
            self.splitter.addWidget(widget)
            self.splitter.setStretchFactor(self.splitter.indexOf(widget), stretch)
        self.splitter.setCollapsible(1, False)
        self.splitter.setSizes([195, 900, 235])
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.splitter)

    def _connect(self) -> None:
        self.view.hovered.connect(self.readout.setText)
        self.session.changed.connect(self._show_state)
        self.session.autosave_failed.connect(self._bridge.report)
        self.worklist.chosen.connect(self.open_scan)
        self.header.version_chosen.connect(self._version_chosen)
        self.header.compare_asked.connect(self.compare)
        self.header.keys_asked.connect(lambda: self.cheat_sheet.toggle())
        self.header.previous_asked.connect(lambda: self.go(-1))
        self.header.next_asked.connect(lambda: self.go(1))
        self.banner.first.clicked.connect(self._banner_first)
        self.banner.second.clicked.connect(self._banner_second)
        self.verdicts.judged.connect(self.judge)
        self.verdicts.save_asked.connect(self.save)
        self._bridge.changed.connect(self._study_changed)

    def _study_changed(self, changes: object) -> None:
        if any(getattr(changes, kind) for kind in ("scans", "annotations", "reviews")):
            self.refresh()
