"""The window: menus, status bar, and either the start page or one open study."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QByteArray, QSettings, QUrl
from PySide6.QtGui import QAction, QCloseEvent, QDesktopServices, QIcon, QKeySequence
from PySide6.QtWidgets import (
    QFileDialog,
    QMainWindow,
    QMenu,
    QMessageBox,
    QStackedWidget,
)

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.jobs import JobState
from ctworkbench.core.settings import Settings, resource
from ctworkbench.ui.about import AboutDialog, KeysDialog
from ctworkbench.ui.bridge import QUIET_KINDS, Notice
from ctworkbench.ui.job_strip import JobStrip
from ctworkbench.ui.notices import show_error
from ctworkbench.ui.shortened_label import ShortenedLabel
from ctworkbench.ui.start import StartPage, forget_study, recent_studies, remember_study
from ctworkbench.ui.study_view import PLACES, RESEARCH, StudyView

if TYPE_CHECKING:
    from ctworkbench.core.workbench import Workbench


_STATUS_HEIGHT = 30


class MainWindow(QMainWindow):
    """CT Workbench's window.

    Args:
        settings: of the program.
        memory: where the window remembers its shape, its last page and the recent studies.
        log_file: the program's log, for Help → Show log.
        preload: load the viewer's libraries aside soon after a study is opened.
    """

    def __init__(
        self, settings: Settings, memory: QSettings, log_file: Path | None = None, preload: bool = True
    ) -> None:
        super().__init__()
        self._settings = settings
        self._memory = memory
        self._log_file = log_file
        self._preload = preload
        self.study: StudyView | None = None
        self._strip: JobStrip | None = None
        self._study_actions: list[QAction] = []
        self.setWindowTitle(f"CT Workbench – {RESEARCH}")
        self.setWindowIcon(QIcon(str(resource("icons/app.svg"))))
        self.setMinimumSize(1024, 640)
        self.start_page = StartPage(memory)
        self.start_page.study_chosen.connect(self.open_study)
        self.start_page.new_chosen.connect(self.new_study)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.start_page)
        self.setCentralWidget(self.pages)
        self._last = ShortenedLabel()
        self._last.setObjectName("last_message")
        self.statusBar().addWidget(self._last, 1)
        self.statusBar().setFixedHeight(_STATUS_HEIGHT)  # with a job or without, so that the pages do not move
        self._build_menus()
        self._restore()

    # -- menus -----------------------------------------------------------------------------------------------------

    def _build_menus(self) -> None:
        file = self.menuBar().addMenu("&File")
        self._add(file, "&New study…", self.start_page.ask_new, QKeySequence.StandardKey.New)
        self._add(file, "&Open study…", self.start_page.ask_open, QKeySequence.StandardKey.Open)
        self._recent = file.addMenu("&Recent studies")
        self._recent.aboutToShow.connect(self._fill_recent)
        self._add(file, "&Close study", self.close_study, "Ctrl+W", study=True)
        file.addSeparator()
        self._add(file, "&Import…", lambda s: s.cohort.import_scans(), "Ctrl+I", study=True)
        self._add(file, "&Export…", self._export, "Ctrl+E", study=True)
        file.addSeparator()
        quit_action = self._add(file, "&Quit", self.close, QKeySequence.StandardKey.Quit)
        quit_action.setMenuRole(QAction.MenuRole.QuitRole)

        run = self.menuBar().addMenu("&Run")
        self._add(run, "&Preprocess", lambda s: s.cohort.preprocess(), study=True)
        self._add(run, "Label, &quick", lambda s: s.cohort.label("quick"), study=True)
        self._add(run, "Label, &balanced", lambda s: s.cohort.label("balanced"), study=True)
        self._add(run, "Label, &fine", lambda s: s.cohort.label("fine"), study=True)
        self._add(run, "Label as in the stud&y (SyN)", lambda s: s.cohort.label("syn"), study=True)
        self._add(run, "&Train…", lambda s: s.go("train"), study=True)
        self._add(run, "&Segment", lambda s: s.cohort.segment(), study=True)
        self._add(run, "&Measure", lambda s: s.cohort.measure(), study=True)
        run.addSeparator()
        self._add(run, "S&tatistics…", self._statistics, study=True)
        self._add(run, "&Verify the study", self._verify, study=True)
        self._add(run, "&Where jobs run…", self._choose_cluster, study=True)
        run.addSeparator()
        self._add(run, "&Readers and agreement…", self._show_readers, study=True)
        self._add(run, "&Audit trail…", self._show_audit, study=True)

        view = self.menuBar().addMenu("&View")
        for number, (place, title) in enumerate(PLACES.items(), start=1):
            action = self._add(view, f"{title}\tCtrl+{number}", lambda s, place=place: s.go(place), study=True)
            action.setObjectName(f"go_{place}")
        view.addSeparator()
        self._add(view, "&Narrow rail", lambda s: s.set_narrow(s.rail.width() > 60), "Ctrl+B", study=True)
        self._add(view, "&Full screen", self._toggle_full_screen, "F11")

        help_menu = self.menuBar().addMenu("&Help")
        self._add(help_menu, "&Keys", self._show_keys, "F1")
        self._add(help_menu, "Show &log", self._show_log)
        self._add(help_menu, "&About CT Workbench", self._show_about)
        self._enable()

    def _add(
        self, menu: QMenu, title: str, slot: Callable[..., object], keys: Any = None, study: bool = False
    ) -> QAction:
        """Add an action; one with `study` works on the open study, is given it, and is grey without one."""
        action = menu.addAction(title)
        if keys is not None:
            action.setShortcut(QKeySequence(keys))
        if study:
            self._study_actions.append(action)
            action.triggered.connect(lambda: self.study is not None and slot(self.study))
        else:
            action.triggered.connect(lambda: slot())
        return action

    def _enable(self) -> None:
        for action in self._study_actions:
            action.setEnabled(self.study is not None)

    def _fill_recent(self) -> None:
        self._recent.clear()
        for folder in recent_studies(self._memory):
            self._recent.addAction(str(folder), lambda folder=folder: self.open_study(folder))
        if self._recent.isEmpty():
            self._recent.addAction("none yet").setEnabled(False)

    # -- studies ---------------------------------------------------------------------------------------------------

    def new_study(self, folder: Path) -> bool:
        """Make a study and open it; a dialog says why where that cannot be done."""
        return self._enter(folder, new=True)

    def open_study(self, folder: Path, place: str = "") -> bool:
        """Open a study in the place of the one that is open."""
        return self._enter(folder, new=False, place=place)

    def _enter(self, folder: Path, new: bool, place: str = "") -> bool:
        from ctworkbench.core.workbench import Workbench

        if not self.close_study():
            return False
        try:
            workbench = Workbench.create(folder, self._settings) if new else Workbench.open(folder, self._settings)
        except WorkbenchError as error:
            if not new and not (folder / "study.toml").exists():
                forget_study(self._memory, folder)
                self.start_page.refresh()
            show_error(self, Notice("error", error.message, error.remedy))
            return False
        remember_study(self._memory, folder)
        self._show_study(workbench, place)
        return True

    def _show_study(self, workbench: "Workbench", place: str) -> None:
        self.study = StudyView(workbench, self._memory, self._preload)
        self.study.message.connect(self._say)
        self.study.cohort.export_wanted.connect(lambda: self.study is not None and self._export(self.study))
        self._strip = JobStrip(self.study.bridge)
        self._strip.jobs_wanted.connect(lambda: self.study is not None and self.study.go("jobs"))
        self.statusBar().addPermanentWidget(self._strip)
        self.pages.addWidget(self.study)
        self.pages.setCurrentWidget(self.study)
        self.setWindowTitle(f"{workbench.name} – CT Workbench – {RESEARCH}")
        self._enable()
        self.study.start(place)
        if workbench.jobs.cluster:  # reached aside, so that the first job does not wait for it in the window's thread
            self.study.bridge.run(partial(workbench.jobs.move, workbench.jobs.cluster), lambda _: None, key="cluster")

    def close_study(self, _study: StudyView | None = None) -> bool:
        """Close the open study and go back to the start page; False if the user wants to stay."""
        study = self.study
        if study is None:
            return True
        if not study.maybe_close() or not self._may_leave_jobs(study):
            return False
        self.study = None
        study.dispose()
        self.pages.removeWidget(study)
        study.deleteLater()
        if self._strip is not None:
            self.statusBar().removeWidget(self._strip)
            self._strip.deleteLater()
            self._strip = None
        self.setWindowTitle(f"CT Workbench – {RESEARCH}")
        self._last.clear()
        self.start_page.refresh()
        self._enable()
        return True

    def _may_leave_jobs(self, study: StudyView) -> bool:
        """Say what becomes of the jobs; whether to close."""
        live = [view for view in study.bridge.live if view.job.kind not in QUIET_KINDS]
        if not live:
            return True
        running = sum(view.state is JobState.RUNNING for view in live)
        waiting = len(live) - running
        text = []
        if running:
            text.append(
                f"{running} job{'s run' if running != 1 else ' runs'} and will go on without the window; the results "
                "are taken in when the study is opened again."
            )
        if waiting:
            text.append(
                f"{waiting} waiting job{'s' if waiting != 1 else ''} will not start; start them again under Jobs."
            )
        box = QMessageBox(QMessageBox.Icon.Information, "Jobs are under way", " ".join(text), parent=self)
        box.setObjectName("jobs_go_on")
        leave = box.addButton("Close, let them go on", QMessageBox.ButtonRole.AcceptRole)
        stop = box.addButton("Cancel all jobs and close", QMessageBox.ButtonRole.DestructiveRole)
        box.addButton("Stay", QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(leave)
        box.exec()
        if box.clickedButton() is stop:
            for view in live:
                study.workbench.jobs.cancel(view.job.id)
        return box.clickedButton() in (leave, stop)

    # -- acts on the open study ------------------------------------------------------------------------------------

    def _export(self, study: StudyView) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Export images, label maps and volumes to")
        if chosen:
            study.bridge.run(
                lambda: study.workbench.export(Path(chosen)),
                lambda path: study.bridge.notify(f"Exported to {Path(path).parent}."),
                key="export",
                message="Exporting…",
            )

    def _statistics(self, study: StudyView) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Write the tables to")
        if chosen:
            source = study.charts.source.currentData() or "current"

            def tell(not_made: Sequence[str]) -> None:
                missing = f" Not made: {' '.join(not_made)}" if not_made else ""
                study.bridge.notify(f"Tables and figures written to {chosen}.{missing}")

            study.bridge.run(
                lambda: study.workbench.norms.statistics(Path(chosen), source).not_made,
                tell,
                key="statistics",
                message="Computing the statistics…",
            )

    def _verify(self, study: StudyView) -> None:
        def tell(problems: list[str]) -> None:
            if not problems:
                study.bridge.notify("The study is whole: every image and label map is there and unaltered.")
                return
            more = f" (and {len(problems) - 8} more)" if len(problems) > 8 else ""
            study.bridge.notify("\n".join(problems[:8]) + more, "Restore the files from a backup.", "error")

        study.bridge.run(study.workbench.verify, tell, key="verify", message="Checking every file of the study…")

    def _choose_cluster(self, study: StudyView) -> None:
        from ctworkbench.ui.cluster_dialog import ClusterDialog

        self._open_dialog(ClusterDialog(study.workbench, study.bridge, self))

    def _show_readers(self, study: StudyView) -> None:
        from ctworkbench.ui.readers_dialog import ReadersDialog

        ReadersDialog(study.workbench, study.bridge, self).open()

    def _show_audit(self, study: StudyView) -> None:
        from ctworkbench.ui.audit_dialog import AuditDialog

        AuditDialog(study.workbench, study.bridge, self).open()

    # -- the rest --------------------------------------------------------------------------------------------------

    def _say(self, text: str) -> None:
        self._last.setText(text)

    def _show_keys(self) -> None:
        if self.study is not None and self.study.place == "review" and self.study.review is not None:
            self.study.review.cheat_sheet.toggle()
        else:
            self._open_dialog(KeysDialog(parent=self))

    def _show_about(self) -> None:
        self._open_dialog(AboutDialog(self))

    def _open_dialog(self, dialog: Any) -> None:
        from PySide6.QtCore import Qt

        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def _show_log(self) -> None:
        if self._log_file is None or not QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._log_file))):
            self._say(f"The log is {self._log_file}" if self._log_file else "This run of the program keeps no log.")

    def _toggle_full_screen(self) -> None:
        self.showNormal() if self.isFullScreen() else self.showFullScreen()

    def _restore(self) -> None:
        geometry = self._memory.value("geometry")
        if isinstance(geometry, QByteArray) and not geometry.isEmpty():
            self.restoreGeometry(geometry)
        else:
            self.resize(1440, 900)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Ask about what is not saved and about jobs; remember the window's shape."""
        if not self.close_study():
            event.ignore()
            return
        self._memory.setValue("geometry", self.saveGeometry())
        self._memory.sync()
        event.accept()
