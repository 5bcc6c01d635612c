"""Bringing a scan of the list onto the screen: what is unsaved is asked about, and the case read aside or ahead."""

from functools import partial
from typing import TYPE_CHECKING

from ctworkbench.ui.case import Case, read_case
from ctworkbench.ui.prefetch import Wanted

if TYPE_CHECKING:
    from ctworkbench.ui.review import ReviewPage


class Opening:
    """Which scan of the review room is asked for, and its way onto the views.

    Args:
        page: the room; its session, views and list are at hand before the first scan is asked for.

    Attributes:
        wanted: the scan that is open, or that will be once it is read.
        loading: whether it is still being read; the views show the one before.
    """

    def __init__(self, page: "ReviewPage") -> None:
        self._page = page
        self.wanted: int | None = None
        self.loading = False
        self._asked: Wanted | None = None
        self._region = ""

    def open(self, scan_id: int, annotation_id: int | None = None) -> None:
        """Show a scan, at a version or at the one that counts, unless the one before may not be left."""
        if scan_id == self.wanted:
            return
        if not self._page.maybe_close():
            self._page.worklist.set_open(self.wanted)
            return
        self.read(scan_id, annotation_id)

    def open_listed(self, scan_id: int) -> None:
        """Open a scan of the list at the version that waits for a reader."""
        self.open(scan_id, self._page.worklist.waiting(scan_id))

    def choose_version(self, annotation_id: int) -> None:
        """Show another version of the scan that is open, unless this one may not be left."""
        session = self._page.session
        case = session.case
        if case is None or (session.shown is not None and annotation_id == session.shown.id):
            return
        if self._page.maybe_close():
            self.read(case.scan.id, annotation_id)
        else:
            self._page.show_state()

    def show_region(self, name: str) -> None:
        """Let a region stand out now, or once the scan that is loading is there."""
        self._region = name
        if not self.loading:
            self._highlight()

    def read(self, scan_id: int, annotation_id: int | None = None) -> None:
        """Show a scan with what is known of it now; whoever calls has seen to what is unsaved."""
        page = self._page
        self.wanted = scan_id
        self.loading = True
        page.view.set_editable(False)
        page.worklist.set_open(scan_id)
        page.session.pause()
        asked = self._asked = Wanted(scan_id, annotation_id)
        page.prefetch.forget_waiting()
        ready = page.prefetch.take(asked)
        if ready is not None:
            self._take_case(asked, ready)
            return
        page.cover.tell("Loading…")
        if not page.prefetch.wait_for(asked, partial(self._take_awaited, asked)):
            page.prefetch.give_way()
            self._read_aside(asked)

    def read_again(self) -> None:
        """Read the open scan anew, as for somebody else."""
        if self.wanted is not None:
            self.read(self.wanted)

    def look_ahead(self) -> None:
        """Let the cases be read that come next in the list, and the one before; at first the one that Space opens."""
        page, case = self._page, self._page.session.case
        if self.loading or page.disposed:
            return
        worklist = page.worklist
        around = () if case is None else (worklist.neighbour(1), worklist.neighbour(-1))
        order = (worklist.next_to_review(), *around)
        wanted = [Wanted(scan_id, worklist.waiting(scan_id)) for scan_id in order if scan_id is not None]
        size = 0 if case is None else case.image.voxels.nbytes + 2 * case.labels.nbytes
        page.prefetch.want([one for one in wanted if case is None or one.scan_id != case.scan.id], size)

    def _take_awaited(self, asked: Wanted, case: Case | None) -> None:
        """What was being read ahead when it was asked for; if that came to nothing it is read again."""
        if case is not None:
            self._take_case(asked, case)
        elif asked == self._asked and not self._page.disposed:
            self._read_aside(asked)

    def _read_aside(self, asked: Wanted) -> None:
        page = self._page
        read = partial(read_case, page.workbench, page.session.recovery, asked.scan_id, asked.annotation_id)
        take, failed = partial(self._take_case, asked), partial(self._failed, asked.scan_id)
        page.bridge.run(read, take, failed, key="review case", message="Loading scan…")

    def _take_case(self, asked: Wanted, case: Case) -> None:
        page = self._page
        if asked != self._asked or self.wanted != asked.scan_id or page.disposed:
            return
        self.loading = False
        same = page.session.case is not None and page.session.case.scan.id == case.scan.id
        index = page.view.index
        page.view.show_case(case.image, case.labels, case.counts, case.frame)
        if same:
            page.view.go_to(index)
        else:
            page.verdicts.clear()
        page.session.begin(case)
        if not page.isVisible():
            page.session.pause()
        page.cover.tell("")
        page.header.show_scan(case.scan)
        page.reading.show_case(case)
        page.regions.refresh()
        self._highlight()
        if not page.verdicts.comment.hasFocus() and not page.worklist.filter.hasFocus():
            page.setFocus()
        page.scan_opened.emit(case.scan.id)
        self.look_ahead()

    def _highlight(self) -> None:
        page = self._page
        name, self._region = self._region, ""
        scheme = page.view.scheme
        if name not in scheme.region_names or page.session.case is None:
            return
        region = scheme.region(name)
        there = page.regions.highlight(region.code)
        page.tell(region.title if there else f"{region.title}: not in this label map")

    def _failed(self, scan_id: int, error: Exception) -> None:
        page = self._page
        page.bridge.report(error)
        if scan_id == self.wanted:
            self.loading = False
            page.session.end()
            page.reading.put_away()
            page.header.show_nothing()
            page.regions.clear()
            page.readout.clear()
            page.show_state()  # nothing that was said of the last case may stand beside another
            self.wanted = None
            page.cover.tell(f"This scan cannot be shown.\n{error}")
