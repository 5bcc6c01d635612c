"""One open study on the screen: the rail with five places, the header, and the page of each place."""

import logging
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QSettings, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QLabel, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from ctworkbench.core.settings import resource
from ctworkbench.core.wording import PHANTOM, count
from ctworkbench.ui.bridge import Bridge, Notice, OpenScan
from ctworkbench.ui.check_watch import CheckWatch
from ctworkbench.ui.cohort import CohortPage
from ctworkbench.ui.cohort_table import age_text, labels_text, review_text
from ctworkbench.ui.first_case import FirstCase
from ctworkbench.ui.jobs import JobsPage
from ctworkbench.ui.loading import load
from ctworkbench.ui.notices import NoticeBar, show_error
from ctworkbench.ui.shortened_label import ShortenedLabel

if TYPE_CHECKING:
    from ctworkbench.core.jobs import Job
    from ctworkbench.core.report.batch import ReportsResult
    from ctworkbench.core.workbench import Workbench
    from ctworkbench.core.workbench.rows import ScanRow
    from ctworkbench.ui.charts import ChartsPage
    from ctworkbench.ui.charts_place import ChartsPlace
    from ctworkbench.ui.train import TrainPage
    from ctworkbench.ui.train_place import TrainPlace

log = logging.getLogger(__name__)

PLACES = {"cohort": "Cohort", "review": "Review", "train": "Train", "charts": "Charts", "jobs": "Jobs"}
_HINTS = {
    "cohort": "Scans: import, preprocess, label",
    "review": "Look at label maps, correct and judge them",
    "train": "Train networks on accepted label maps, and compare them",
    "charts": "Volumes against the norm",
    "jobs": "Long work: progress, cancel, start again",
}
_LIBRARIES = ("pyqtgraph", "vispy.scene", "dask.array", "skimage", "napari.layers", "napari.components")
_FRESH_SECONDS = 60.0
RESEARCH = "Research use only – not for diagnosis"


class StudyView(QWidget):
    """Header, rail and pages of one study; everything follows its `open_scan`.

    Args:
        workbench: the open study; it is closed by `dispose`.
        memory: where the last place is remembered.
        preload: load the libraries of viewer and charts aside soon after the start, not at the first visit only.
        parent: the widget it lies in.
    """

    message = Signal(str)
    """The last thing that was said, for the status bar."""
    place_changed = Signal(str)

    def __init__(
        self, workbench: "Workbench", memory: QSettings, preload: bool = True, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._preload = preload
        self.workbench = workbench
        self._memory = memory
        self.bridge = Bridge(workbench, self)
        self.checks = CheckWatch(workbench, self.bridge)
        self.open_scan = OpenScan(self)
        self.review: Any = None
        self._disposed = False
        self._region_wanted = ""
        self._selection_wanted: frozenset[int] = frozenset()
        self._stale = set(PLACES)
        self._told: set[str] = set()
        self.cohort = CohortPage(workbench, self.bridge, self.open_scan, memory)
        self.jobs = JobsPage(self.bridge)
        self._train_place: TrainPlace | None = None
        self._charts_place: ChartsPlace | None = None
        self._train_slot, self._charts_slot, self._review_slot = (QStackedWidget() for _ in range(3))
        self._first = FirstCase(workbench, self.bridge, memory, self)
        self.loading = QLabel("Loading the viewer…")
        self.loading.setObjectName("loading_viewer")
        self.loading.setProperty("role", "title")
        self.loading.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._review_slot.addWidget(self.loading)
        self.stack = QStackedWidget()
        for page in (self.cohort, self._review_slot, self._train_slot, self._charts_slot, self.jobs):
            self.stack.addWidget(page)
        self.notice = NoticeBar(self.stack)
        self.notice.action.clicked.connect(self._act_on_notice)

        body = QVBoxLayout()
        body.setContentsMargins(0, 0, 0, 0)
        body.setSpacing(0)
        body.addWidget(self._build_header())
        body.addWidget(self.stack, 1)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._build_rail())
        layout.addLayout(body, 1)

        self.cohort.scan_wanted.connect(self.review_scan)
        self.cohort.place_wanted.connect(self.go)
        self.bridge.noticed.connect(self._tell)
        self.bridge.job_state.connect(self._on_job_state)
        self.bridge.changed.connect(self._on_changed)
        self.open_scan.changed.connect(self._follow)

    # -- building --------------------------------------------------------------------------------------------------

    def _build_header(self) -> QWidget:
        header = QWidget()
        header.setObjectName("header")
        header.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        name = QLabel(self.workbench.name)
        name.setObjectName("study_name")
        name.setProperty("role", "study")
        name.setToolTip(str(self.workbench.folder))
        self.scan_label = QLabel("no scan open")
        self.scan_label.setObjectName("open_scan")
        self.scan_label.setProperty("role", "muted")
        self.scan_caution = ShortenedLabel()
        self.scan_caution.setObjectName("open_scan_caution")
        self.scan_caution.setProperty("role", "warning")
        research = QLabel(RESEARCH)
        research.setObjectName("research_use")
        research.setProperty("role", "research")
        layout = QHBoxLayout(header)
        layout.setContentsMargins(14, 6, 14, 6)
        layout.addWidget(name)
        layout.addSpacing(18)
        layout.addWidget(self.scan_label)
        layout.addSpacing(10)
        layout.addWidget(self.scan_caution, 1)
        layout.addSpacing(10)
        layout.addWidget(research)
        return header

    def _build_rail(self) -> QWidget:
        self.rail = QWidget()
        self.rail.setObjectName("rail")
        self.rail.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.places: dict[str, QPushButton] = {}
        group = QButtonGroup(self)
        group.setExclusive(True)
        layout = QVBoxLayout(self.rail)
        layout.setContentsMargins(0, 8, 1, 8)
        layout.setSpacing(2)
        for number, (place, title) in enumerate(PLACES.items(), start=1):
            button = QPushButton(QIcon(str(resource(f"icons/{place}.svg"))), f"  {title}")
            button.setObjectName(f"place_{place}")
            button.setAccessibleName(title)
            button.setIconSize(QSize(22, 22))
            button.setCheckable(True)
            button.setShortcut(f"Ctrl+{number}")
            button.setToolTip(f"{_HINTS[place]} (Ctrl+{number})")
            button.clicked.connect(lambda _=False, place=place: self.go(place))
            group.addButton(button)
            layout.addWidget(button)
            self.places[place] = button
        layout.addStretch()
        self.set_narrow(str(self._memory.value("narrow_rail", "false")) == "true")
        return self.rail

    def set_narrow(self, narrow: bool) -> None:
        """Show icons alone in the rail, or icons and words."""
        self.rail.setFixedWidth(52 if narrow else 134)
        for place, button in self.places.items():
            number = list(PLACES).index(place) + 1
            button.setText("" if narrow else f"  {PLACES[place]}")
            button.setShortcut(f"Ctrl+{number}")  # setText takes the shortcut away
        self._memory.setValue("narrow_rail", "true" if narrow else "false")

    # -- life ------------------------------------------------------------------------------------------------------

    def start(self, place: str = "") -> None:
        """Begin to poll and show the page used last; the viewer is loaded a moment after the window is up."""
        self.bridge.start()
        self.checks.start()
        self.go(place or str(self._memory.value("place", "cohort")))
        if self._preload:
            QTimer.singleShot(800, self, self._preload_viewer)

    def maybe_close(self) -> bool:
        """Ask about unsaved strokes; False if the user wants to stay."""
        return self.review is None or bool(self.review.maybe_close())

    def dispose(self) -> None:
        """Let go of the viewer, the polling and the study."""
        self._disposed = True
        if self._charts_place is not None:
            self._charts_place.settle()
        if self.review is not None:
            self.review.dispose()
        self.bridge.close()
        self.workbench.close()

    # -- places ----------------------------------------------------------------------------------------------------

    # Plots take a third of a second to load and build, so these two pages are made when they are first wanted.

    @property
    def train_place(self) -> "TrainPlace":
        """Training and comparison of networks."""
        if self._train_place is None:
            from ctworkbench.ui.train_place import TrainPlace

            self._train_place = TrainPlace(self.workbench, self.bridge, self._memory)
            self._train_slot.addWidget(self._train_place)
        return self._train_place

    @property
    def train(self) -> "TrainPage":
        """The training alone."""
        return self.train_place.training

    @property
    def charts_place(self) -> "ChartsPlace":
        """Charts, tables, norms and methods."""
        if self._charts_place is None:
            from ctworkbench.ui.charts_place import ChartsPlace

            page = self._charts_place = ChartsPlace(self.workbench, self.bridge, self.open_scan, self._memory)
            page.scan_wanted.connect(self.review_scan)
            page.review_wanted.connect(self.review_selection)
            page.place_wanted.connect(self.go)
            self._charts_slot.addWidget(page)
        return self._charts_place

    @property
    def charts(self) -> "ChartsPage":
        """The charts alone."""
        return self.charts_place.charts

    @property
    def place(self) -> str:
        """The place that is shown."""
        return list(PLACES)[self.stack.currentIndex()]

    def go(self, place: str) -> None:
        """Show a place."""
        if place not in PLACES:
            place = "cohort"
        if place in ("train", "charts"):
            self._page(place)
        self.stack.setCurrentIndex(list(PLACES).index(place))
        self.places[place].setChecked(True)
        self._memory.setValue("place", place)
        if place == "review":
            if self.review is None:
                self._first.read(self.open_scan.scan_id)
                QTimer.singleShot(30, self, self._load_review)
            elif self.open_scan.scan_id is not None:
                self.review.open_scan(self.open_scan.scan_id)
        if place in self._stale:
            self._refresh(place)
        self.place_changed.emit(place)

    def _page(self, place: str) -> "CohortPage | TrainPlace | ChartsPlace | Any | None":
        """The page of a place that reads the study; made now if it was not yet, the viewer left aside."""
        if place == "train":
            return self.train_place
        if place == "charts":
            return self.charts_place
        return {"cohort": self.cohort, "review": self.review}.get(place)

    def _refresh(self, place: str) -> None:
        page = self._page(place)
        if page is not None:
            page.refresh()
            self._stale.discard(place)

    def review_scan(self, scan_id: int, region: str = "") -> None:
        """Open a scan and go to Review, at a region if one is named."""
        if self.open_scan.open(scan_id):
            self._region_wanted = region
            self.go("review")
            self._hand_to_review()

    def review_selection(self, scan_ids: frozenset[int]) -> None:
        """Go to Review and list these scans alone."""
        self._selection_wanted = scan_ids
        self.go("review")
        self._hand_to_review()

    def _hand_to_review(self) -> None:
        """Give the viewer what was asked of it, now or once it is loaded."""
        if self.review is None:
            return
        if self._region_wanted:
            self.review.show_region(self._region_wanted)
        if self._selection_wanted:
            self.review.show_selection(self._selection_wanted)
        self._region_wanted, self._selection_wanted = "", frozenset()

    # -- the viewer ------------------------------------------------------------------------------------------------

    def _preload_viewer(self) -> None:
        """Import the libraries of viewer and charts aside, so that the first visit does not wait for them."""

        def load_all() -> None:
            try:
                for name in _LIBRARIES:
                    if not self._disposed:
                        load(name)
            except ImportError:
                log.exception("the viewer's libraries cannot be loaded")
            except RuntimeError:
                if not self._disposed:  # a library cannot ask to be told of the end of a program that is ending
                    raise

        if self.review is None:  # a daemon: closing the window does not wait for it
            threading.Thread(target=load_all, name="viewer libraries", daemon=True).start()

    def _load_review(self) -> None:
        """Import the viewer, which takes seconds, and put it in its place."""
        if self.review is not None:
            return
        self.message.emit("Loading the viewer…")
        self.loading.repaint()
        active = self.window().isActiveWindow()
        try:
            module = load("ctworkbench.ui.review")
            self.review = module.ReviewPage(self.workbench, self.bridge, self._memory)
        except Exception as error:  # a graphics driver can fail in any way; the other places go on
            self.loading.setText("The viewer cannot be shown on this screen.\nThe other places of the window work on.")
            log.error("the viewer could not be made", exc_info=error)
            hint = "It needs OpenGL 2.1: update the graphics driver, or avoid remote desktops without OpenGL."
            self.bridge.notify(f"The viewer could not be started: {error}", hint, "error")
            return
        self.review.scan_opened.connect(self.open_scan.open)
        self._review_slot.addWidget(self.review)
        self._review_slot.setCurrentWidget(self.review)
        if active:  # Qt makes the window anew for the first OpenGL canvas in it: the keys must find it again
            QTimer.singleShot(0, self.window(), self.window().activateWindow)
        self._stale.discard("review")
        self._first.hand_to(self.review.prefetch)
        self.review.refresh()
        self.message.emit("")
        self.open_scan.guard = self.review.maybe_close
        if self.open_scan.scan_id is not None and self.place == "review":
            self.review.open_scan(self.open_scan.scan_id)
        self._hand_to_review()

    # -- words -----------------------------------------------------------------------------------------------------

    def _tell(self, notice: Notice) -> None:
        self.message.emit(notice.message)
        if notice.kind == "error":
            log.warning("%s %s", notice.message, notice.remedy)
            show_error(self.window(), notice)
        elif notice.kind == "warning" or self.place != "review":  # it would lie over the verdicts for nothing
            job = "Show jobs" if notice.kind == "warning" and self.place != "jobs" else ""
            self.notice.tell(notice, job)

    def _act_on_notice(self) -> None:
        self.notice.hide()
        self.go("jobs")

    def _on_job_state(self, job_id: str, state: str) -> None:
        """Tell what a measuring job that ended just now found wrong with label maps, or which reports were not made."""
        view = self.bridge.jobs[job_id]
        if state != "done" or view.job.kind not in ("measure", "report") or job_id in self._told:
            return
        self._told.add(job_id)
        if view.ended is not None and (datetime.now(UTC) - view.ended).total_seconds() > _FRESH_SECONDS:
            return

        if view.job.kind == "report":
            norms = self.workbench.norms
            self.bridge.run(lambda: norms.report_results([job_id]), lambda result: self._tell_reports(view.job, result))
            return

        def tell(problems: list[str]) -> None:
            if problems:
                more = f" And {len(problems) - 1} more." if len(problems) > 1 else ""
                self.bridge.notify(problems[0] + more, "Look at these label maps in Review.", "warning")
                self.notice.text.setToolTip("\n".join(problems))

        self.bridge.run(lambda: self.workbench.norms.problems([job_id]), tell, message="Reading what was measured…")

    def _tell_reports(self, job: "Job", result: "ReportsResult") -> None:
        """Tell how many reports a job made, where, and why there is none of some subjects."""
        made = f"{count(len(result.written), 'report')} written to {job.params['out']}, {len(result.kept)} kept."
        if not result.problems:
            self.bridge.notify(made)
            return
        first, *others = result.problems
        more = f" And {len(others)} more." if others else ""
        self.bridge.notify(f"{made} {first}{more}", kind="warning")
        self.notice.text.setToolTip("\n".join(result.problems))

    def _on_changed(self, _changes: object) -> None:
        if self.open_scan.scan_id is not None:
            self._follow(self.open_scan.scan_id)

    def _follow(self, scan_id: int | None) -> None:
        if scan_id is None:
            self.scan_label.setText("no scan open")
            self.scan_caution.clear()
            return

        self.bridge.run(lambda: self.workbench.cohort.scan(scan_id), self._show_scan, key="header")

    def _show_scan(self, scan: "ScanRow") -> None:
        sex = {"M": "male", "F": "female"}.get(str(scan.sex or ""), "sex unknown")
        age = "age unknown" if scan.age_years is None else age_text(scan.age_years)
        labels = "no labels yet"
        if scan.versions:
            labels = f"labels {labels_text(scan)}, {review_text(scan)}"
        self.scan_label.setText(f"Open: <b>{scan.subject}</b> · {sex} · {age} · {labels}")
        self.scan_label.setToolTip(f"Series {scan.series_uid}\n{scan.source}")
        told = ((f"{PHANTOM.capitalize()}.",) if scan.phantom else ()) + scan.cautions
        self.scan_caution.setText(f"⚠ {' '.join(told)}" if told else "")
        self.scan_caution.setToolTip("\n".join(told))
