"""The cohort: what is in the study, what each scan still needs, and the buttons that do it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QItemSelectionModel, QPoint, QSettings, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QStackedWidget,
    QTableView,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ctworkbench.core.jobs import JobState
from ctworkbench.core.wording import count
from ctworkbench.ui.bridge import Bridge, OpenScan
from ctworkbench.ui.cohort_table import COLUMNS, ROW_ROLE, CodeDelegate, CohortFilter, CohortModel, ScanTable, summary
from ctworkbench.ui.correction_dialog import ask_to_correct
from ctworkbench.ui.import_dialog import ImportDialog, RefusalsDialog
from ctworkbench.ui.label_menu import ask_to_label, label_menu, start_to_label
from ctworkbench.ui.segment_menu import segment_menu
from ctworkbench.ui.worklist import urgency

if TYPE_CHECKING:
    from ctworkbench.core.workbench import Changes, Workbench
    from ctworkbench.core.workbench.rows import ScanRow


class CohortPage(QWidget):
    """The table of scans with its tools."""

    scan_wanted = Signal(int)
    """A scan was double-clicked: open it in Review."""
    place_wanted = Signal(str)
    """The next step lies in another place of the window."""
    export_wanted = Signal()

    def __init__(
        self,
        workbench: "Workbench",
        bridge: Bridge,
        open_scan: OpenScan,
        memory: QSettings,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._workbench = workbench
        self._bridge = bridge
        self._open_scan = open_scan
        self._memory = memory
        self._refused_before: int | None = None
        self._doubt_before = ""
        self._measured: set[int] = set()
        self._models = 0
        self._next: Callable[[], object] = self.import_scans
        self.setAcceptDrops(True)

        self.model = CohortModel(self)
        self.proxy = CohortFilter(self)
        self.proxy.setSourceModel(self.model)
        self.table = self._build_table()
        self.pages = QStackedWidget()
        self.pages.addWidget(self._build_empty())
        self.pages.addWidget(self._build_full())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 12, 14, 10)
        layout.addWidget(self.pages)

        bridge.changed.connect(self._on_changed)
        bridge.jobs_changed.connect(self._on_jobs)
        open_scan.changed.connect(self._follow)

    # -- building --------------------------------------------------------------------------------------------------

    def _build_table(self) -> QTableView:
        table = ScanTable()
        table.setObjectName("cohort_table")
        table.setAccessibleName("Scans of the study")
        table.setModel(self.proxy)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        table.setAlternatingRowColors(True)
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.setSortingEnabled(True)
        table.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(27)
        header = table.horizontalHeader()
        header.setHighlightSections(False)
        header.setStretchLastSection(True)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        for number, width in enumerate((110, 40, 70, 88, 118, 52, 118, 54, 104, 190, 74, 84, 80)):
            table.setColumnWidth(number, width)
        table.setItemDelegateForColumn(0, CodeDelegate(table))
        table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        table.customContextMenuRequested.connect(self._show_menu)
        table.doubleClicked.connect(lambda _: self.open_selected())
        table.open_pressed.connect(self.open_selected)
        table.copy_pressed.connect(self.copy)
        table.selectionModel().selectionChanged.connect(lambda *_: self._show_next())
        return table

    def _build_empty(self) -> QWidget:
        page = QWidget()
        title = QLabel("This study has no scans yet")
        title.setProperty("role", "big")
        text = QLabel(
            "Import DICOM folders or NIfTI files, or drop them here. A cohort table (CSV) adds sex, age and site."
        )
        text.setProperty("role", "muted")
        button = QPushButton("Import…")
        button.setObjectName("import_first")
        button.setProperty("role", "big")
        button.clicked.connect(self.import_scans)
        self.empty_note = QLabel()
        self.empty_note.setProperty("role", "warning")
        layout = QVBoxLayout(page)
        layout.setSpacing(16)
        layout.addStretch(2)
        for widget in (title, text, button, self.empty_note):
            layout.addWidget(widget, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addStretch(3)
        return page

    def _build_full(self) -> QWidget:
        page = QWidget()
        title = QLabel("Cohort")
        title.setProperty("role", "title")
        self.summary = QLabel()
        self.summary.setObjectName("cohort_summary")
        self.summary.setProperty("role", "muted")
        self.refused = QPushButton()
        self.refused.setObjectName("refused")
        self.refused.setProperty("role", "link")
        self.refused.clicked.connect(self.show_refusals)
        self.filter = QLineEdit()
        self.filter.setObjectName("cohort_filter")
        self.filter.setAccessibleName("Filter the scans")
        self.filter.setPlaceholderText("Filter, such as: F model to review")
        self.filter.setClearButtonEnabled(True)
        self.filter.setFixedWidth(250)
        self.filter.textChanged.connect(self.proxy.set_words)
        top = QHBoxLayout()
        top.addWidget(title)
        top.addSpacing(10)
        top.addWidget(self.summary, 1)
        top.addWidget(self.refused)
        top.addWidget(self.filter)

        self.next_button = QPushButton()
        self.next_button.setObjectName("next_step")
        self.next_button.setProperty("role", "primary")
        self.next_button.clicked.connect(lambda: self._next())
        self.scope = QLabel()
        self.scope.setObjectName("scope")
        self.scope.setProperty("role", "muted")
        tools = QHBoxLayout()
        tools.addWidget(self.next_button)
        tools.addWidget(self.scope, 1)
        for text, name, tip, slot in (
            ("Import…", "import", "Take scans into the study (Ctrl+I)", self.import_scans),
            ("Preprocess", "preprocess", "Make skull and brain masks", self.preprocess),
        ):
            tools.addWidget(self._tool(text, name, tip, slot))
        tools.addWidget(self._label_tool())
        tools.addWidget(self._segment_tool())
        tip = "Measure the regional volumes of all label maps"
        tools.addWidget(self._tool("Measure", "measure", tip, self.measure))
        export = self._tool("Export…", "export", "", self.export_wanted.emit)
        export.setToolTip("Write images, label maps and volumes of the whole study (Ctrl+E)")
        tools.addWidget(export)
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(9)
        layout.addLayout(top)
        layout.addLayout(tools)
        layout.addWidget(self.table, 1)
        return page

    def _tool(self, text: str, name: str, tip: str, slot: Callable[[], object]) -> QToolButton:
        button = QToolButton()
        button.setText(text)
        button.setObjectName(name)
        button.setAccessibleName(text)
        button.setToolTip(f"{tip}. Works on the selected scans, or on all.")
        button.clicked.connect(lambda: slot())
        return button

    def _label_tool(self) -> QToolButton:
        tip = "Carry the template in use over by registration (quick)"
        button = self._tool("Label", "label", tip, lambda: self.label("quick"))
        button.setPopupMode(QToolButton.ToolButtonPopupMode.MenuButtonPopup)
        button.setMenu(label_menu(button, self.label, self._workbench, self._bridge))
        return button

    def _segment_tool(self) -> QToolButton:
        tip = "Let the newest model of this study make label maps; the arrow has others, and all folds of one together"
        button = self._tool("Segment", "segment", tip, self.segment)
        button.setPopupMode(QToolButton.ToolButtonPopupMode.MenuButtonPopup)
        button.setMenu(segment_menu(button, self.segment, self._workbench, self._bridge))
        return button

    # -- what is shown ---------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Read the cohort again."""

        def read() -> tuple:
            workbench = self._workbench
            scans = workbench.cohort.scans()
            measured = {row.scan_id for row in workbench.norms.volumes("current")} if scans else set()
            return (
                scans,
                workbench.cohort.refusals(),
                measured,
                len(workbench.modelling.models()),
                workbench.cohort.age_doubts(),
            )

        self._bridge.run(read, self._show, key="cohort")

    def _show(self, answer: tuple) -> None:
        scans, refusals, self._measured, self._models, doubt = answer
        refused = [refusal for refusal in refusals if not refusal.skipped]
        self.model.set_scans(scans)
        self.pages.setCurrentIndex(1 if scans else 0)
        self.summary.setText(summary(scans))
        self.refused.setVisible(bool(refusals))
        self.refused.setText(f"{len(refused)} refused…" if refused else f"{len(refusals)} skipped…")
        if self._refused_before is not None and len(refused) > self._refused_before:
            new = len(refused) - self._refused_before
            self._bridge.notify(
                f"{new} series refused at import.",
                "Cohort → “refused…” says why.",
                "warning",
            )
        if doubt and self._refused_before is not None and doubt != self._doubt_before:
            self._bridge.notify(
                doubt, "Correct what is wrong: right click on the scan → Correct age or sex…", "warning"
            )
        self._doubt_before = doubt
        self._refused_before = len(refused)
        self._on_jobs()
        self._follow(self._open_scan.scan_id)

    def _on_changed(self, changes: "Changes") -> None:
        if changes:
            self.refresh()

    def _on_jobs(self) -> None:
        doing: dict[int, str] = {}
        for view in self._bridge.live:
            if view.job.subject is not None and view.job.subject not in doing:
                percent = f" {100 * view.fraction:.0f} %" if view.fraction else ""
                doing[view.job.subject] = (
                    f"{view.job.kind}{percent}" if view.state is JobState.RUNNING else f"{view.job.kind} (waits)"
                )
        self.model.set_doing(doing)
        importing = any(view.job.kind == "import" for view in self._bridge.live)
        self.empty_note.setText("Importing… the scans appear here one by one." if importing else "")
        self._show_next()

    def _follow(self, scan_id: int | None) -> None:
        """Let the table's current row be the open scan; a selection of several scans is left alone."""
        if scan_id is None or len(self.selected()) > 1:
            return
        for row, scan in enumerate(self.model.scans):
            if scan.id == scan_id:
                index = self.proxy.mapFromSource(self.model.index(row, 0))
                if index.isValid() and index.row() != self.table.currentIndex().row():
                    self.table.selectionModel().setCurrentIndex(index, QItemSelectionModel.SelectionFlag.NoUpdate)

    def selected(self) -> "list[ScanRow]":
        """The selected scans in the order shown."""
        rows = sorted(index.row() for index in self.table.selectionModel().selectedRows())
        return [self.proxy.index(row, 0).data(ROW_ROLE) for row in rows]

    def _scope(self) -> "list[ScanRow]":
        return self.selected() or self.model.scans

    def _ids(self) -> list[int] | None:
        """Ids of the selected scans; None for all."""
        return [scan.id for scan in self.selected()] or None

    def next_step(self) -> tuple[str, Callable[[], object] | None]:
        """What the scans in scope need next, and what does it; None while it is under way."""
        scans = self._scope()
        if not scans:
            return "Import…", self.import_scans
        live = {view.job.subject: view.job.kind for view in self._bridge.live}
        kinds = {view.job.kind for view in self._bridge.live}
        raw = [scan for scan in scans if not scan.preprocessed]
        rejected = [scan for scan in scans if scan.preprocessed and scan.verdict == "reject"]
        bare = [scan for scan in scans if scan.preprocessed and not scan.versions] + rejected
        to_review = sorted((scan for scan in scans if urgency(scan)), key=urgency, reverse=True)
        unmeasured = [scan for scan in scans if scan.versions and scan.id not in self._measured]
        for missing, verb, doing, act in (
            (raw, "Preprocess", "preprocess", self.preprocess),
            (bare, "Label", "label", self._label_bare),
        ):
            waiting = [scan for scan in missing if scan.id not in live]
            if waiting:
                return f"{verb} {count(len(waiting), 'scan')}", act
            if missing:
                return f"Under way: {doing} {count(len(missing), 'scan')}", None
        if to_review and urgency(to_review[0]) == 2:  # what was put off alone is no next step
            return f"Review {count(len(to_review), 'label map')}", lambda: self.scan_wanted.emit(to_review[0].id)
        if unmeasured and "measure" not in kinds:
            return f"Measure {count(len(unmeasured), 'label map')}", self.measure
        if not self._models and "train" not in kinds and any(scan.split for scan in scans):
            return "Train a network", lambda: self.place_wanted.emit("train")
        return "See the charts", lambda: self.place_wanted.emit("charts")

    def _show_next(self) -> None:
        title, act = self.next_step()
        self.next_button.setText(title)
        self.next_button.setEnabled(act is not None)
        self._next = act or self.refresh
        chosen = len(self.selected())
        self.scope.setText(f"for the {count(chosen, 'selected scan')}" if chosen else "for all scans")

    # -- acts ------------------------------------------------------------------------------------------------------

    def import_scans(self, paths: list[Path] | None = None) -> None:
        """Ask what to import, and import it."""
        dialog = ImportDialog(self._memory, self, paths if isinstance(paths, list) else None)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)

        def begin() -> None:
            chosen, cohort_csv = dialog.paths, dialog.cohort_csv
            self._bridge.start_jobs(lambda: self._workbench.cohort.import_paths(chosen, cohort_csv), "Import")

        dialog.accepted.connect(begin)
        dialog.open()

    def show_refusals(self) -> None:
        """Show what was refused at import."""

        def show(refusals: list) -> None:
            dialog = RefusalsDialog(refusals, self)
            dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            dialog.open()

        self._bridge.run(self._workbench.cohort.refusals, show, key="refusals")

    def preprocess(self) -> None:
        """Preprocess what is missing among the scans in scope."""
        ids = self._ids()
        self._bridge.start_jobs(lambda: self._workbench.cohort.preprocess(ids), "Preprocess")

    def label(self, preset: str) -> None:
        """Label the scans in scope by registration; those that have such a label map once more, if that is wanted."""
        ask_to_label(self, self._workbench, self._bridge, preset, self._ids(), len(self._scope()))

    def _label_bare(self) -> None:
        start_to_label(self._workbench, self._bridge, "quick", self._ids())

    def segment(self, models: Sequence[int] = ()) -> None:
        """Segment the scans in scope with some models together; by default with the newest that was trained here."""
        ids, chosen = self._ids(), list(models) or None
        told = f"Segment (model {', '.join(map(str, models))})" if models else "Segment"
        self._bridge.start_jobs(lambda: self._workbench.modelling.segment(chosen, ids), told)

    def measure(self) -> None:
        """Measure all label maps."""
        self._bridge.start_jobs(self._workbench.norms.measure, "Measure")

    def open_selected(self) -> None:
        """Open the current scan in Review."""
        index = self.table.currentIndex()
        if index.isValid():
            self.scan_wanted.emit(self.proxy.index(index.row(), 0).data(ROW_ROLE).id)

    def _show_menu(self, position: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Open in Review", self.open_selected)
        menu.addAction("Show in Charts", self._show_in_charts)
        menu.addSeparator()
        menu.addAction("Preprocess", self.preprocess)
        menu.addAction("Label, quick", lambda: self.label("quick"))
        menu.addAction("Label, balanced", lambda: self.label("balanced"))
        menu.addAction("Label, fine", lambda: self.label("fine"))
        menu.addAction("Label as in the study (SyN)", lambda: self.label("syn"))
        menu.addAction("Segment", lambda: self.segment())
        menu.addMenu(segment_menu(menu, self.segment, self._workbench, self._bridge))
        menu.addSeparator()
        correct = menu.addAction("Correct age or sex…", self.correct)
        correct.setEnabled(self.table.currentIndex().isValid())
        menu.addAction("Copy rows", self.copy)
        menu.popup(self.table.viewport().mapToGlobal(position))

    def correct(self) -> None:
        """Ask for another age or sex of the current scan, and write it with its reason."""
        index = self.table.currentIndex()
        if not index.isValid():
            return
        ask_to_correct(self.proxy.index(index.row(), 0).data(ROW_ROLE), self._workbench, self._bridge, self)

    def _show_in_charts(self) -> None:
        index = self.table.currentIndex()
        if index.isValid():
            self._open_scan.open(self.proxy.index(index.row(), 0).data(ROW_ROLE).id)
            self.place_wanted.emit("charts")

    def copy(self) -> None:
        """Put the scans in scope on the clipboard, columns parted by tabs."""
        lines = ["\t".join(column.title for column in COLUMNS if column.title != "Now")]
        columns = [column for column in COLUMNS if column.title != "Now"]
        lines += ["\t".join(self.model.text(scan, column) for column in columns) for scan in self._scope()]
        QGuiApplication.clipboard().setText("\n".join(lines))

    # -- dropping --------------------------------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take folders and files that are dragged in."""
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Offer what was dropped for import."""
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        event.acceptProposedAction()
        self.import_scans(paths)
