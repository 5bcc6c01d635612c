"""Long work as the user sees it: what runs, what waits, what went wrong, and the buttons for each."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QSortFilterProxyModel,
    Qt,
    QTimer,
    QUrl,
)
from PySide6.QtGui import QColor, QDesktopServices, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QSplitter,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionProgressBar,
    QStyleOptionViewItem,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from ctworkbench.core.jobs import JobState
from ctworkbench.ui.bridge import Bridge, JobView

Index = QModelIndex | QPersistentModelIndex
TITLES = ("Job", "Step", "State", "Progress", "Time", "Message")
PROGRESS = TITLES.index("Progress")
VIEW_ROLE = int(Qt.ItemDataRole.UserRole)
_LOG_BYTES = 24_000
_STATE_COLORS = {
    JobState.RUNNING: "#6cb8ec",
    JobState.QUEUED: "#a3adba",
    JobState.DONE: "#6fcf97",
    JobState.FAILED: "#f08a8a",
    JobState.CANCELLED: "#a3adba",
    JobState.INTERRUPTED: "#f2b84b",
}
_STATE_TITLES = {JobState.QUEUED: "waits", JobState.RUNNING: "runs", JobState.INTERRUPTED: "cut off"}
_FILTERS: dict[str, set[JobState]] = {
    "All jobs": set(JobState),
    "Running and waiting": {JobState.RUNNING, JobState.QUEUED},
    "Done": {JobState.DONE},
    "With trouble": {JobState.FAILED, JobState.INTERRUPTED, JobState.CANCELLED},
}


def elapsed_text(view: JobView, now: datetime) -> str:
    """Time a job has taken, such as "3 min 05 s"; empty before it has started."""
    if view.started is None:
        return ""
    end = view.ended if view.state.ended else now
    if end is None:
        return ""
    seconds = max(0, round((end - view.started).total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02d} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60:02d} min"


def log_tail(folder: Path, size: int = _LOG_BYTES) -> str:
    """The last whole lines of a job's log."""
    path = folder / "log.txt"
    if not path.exists():
        return ""
    with path.open("rb") as stream:
        length = path.stat().st_size
        stream.seek(max(0, length - size))
        text = stream.read().decode("utf-8", errors="replace")
    return text if length <= size else text.partition("\n")[2]


class JobModel(QAbstractTableModel):
    """Jobs, newest first."""

    def __init__(self, bridge: Bridge, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self.ids: list[str] = []

    def follow(self) -> None:
        """Show the jobs as the bridge knows them now."""
        new = [job_id for job_id in sorted(self._bridge.jobs) if job_id not in set(self.ids)]
        for job_id in new:
            self.beginInsertRows(QModelIndex(), 0, 0)
            self.ids.insert(0, job_id)
            self.endInsertRows()
        if self.ids:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self.ids) - 1, len(TITLES) - 1))

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """Number of jobs."""
        return 0 if parent.isValid() else len(self.ids)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """Number of columns."""
        return 0 if parent.isValid() else len(TITLES)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Text, tooltip, colour, or under VIEW_ROLE the `JobView` itself."""
        view = self._bridge.jobs[self.ids[index.row()]]
        if role == VIEW_ROLE:
            return view
        if role == Qt.ItemDataRole.DisplayRole:
            fraction = "" if view.fraction is None else f"{100 * view.fraction:.0f} %"
            state = _STATE_TITLES.get(view.state, view.state.value)
            now = datetime.now(UTC)
            return (view.job.title, view.job.kind, state, fraction, elapsed_text(view, now), view.message)[
                index.column()
            ]
        if role == Qt.ItemDataRole.ForegroundRole and index.column() == 2:
            return QColor(_STATE_COLORS[view.state])
        if role == Qt.ItemDataRole.ToolTipRole:
            return "\n".join(line for line in (view.job.title, view.message, view.remedy) if line)
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Titles of the columns."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return TITLES[section]
        return None


class JobFilter(QSortFilterProxyModel):
    """Jobs of some states whose text holds every word."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._states = set(JobState)
        self._words: list[str] = []

    def choose(self, title: str, text: str) -> None:
        """Filter by a title of the list of filters and by words."""
        self.beginFilterChange()
        self._states, self._words = _FILTERS[title], text.lower().split()
        self.endFilterChange(QSortFilterProxyModel.Direction.Rows)

    def filterAcceptsRow(self, source_row: int, source_parent: Index) -> bool:
        """Whether a job is shown."""
        view: JobView = self.sourceModel().index(source_row, 0).data(VIEW_ROLE)
        text = f"{view.job.title} {view.job.kind} {view.message}".lower()
        return view.state in self._states and all(word in text for word in self._words)


class ProgressDelegate(QStyledItemDelegate):
    """Draws a job's progress as a bar while it runs."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw one cell."""
        view: JobView = index.data(VIEW_ROLE)
        if view.state is not JobState.RUNNING:
            super().paint(painter, option, index)
            return
        bar = QStyleOptionProgressBar()
        bar.rect = option.rect.adjusted(4, 5, -4, -5)  # type: ignore[attr-defined]
        bar.minimum, bar.maximum = 0, 100  # type: ignore[attr-defined]
        bar.progress = round(100 * (view.fraction or 0))  # type: ignore[attr-defined]
        bar.text, bar.textVisible = f"{bar.progress} %", True  # type: ignore[attr-defined]
        bar.state = QStyle.StateFlag.State_Enabled | QStyle.StateFlag.State_Horizontal  # type: ignore[attr-defined]
        widget = self.parent()
        sample = widget.property("bar") if widget is not None else None
        QApplication.style().drawControl(QStyle.ControlElement.CE_ProgressBar, bar, painter, sample)


class JobsPage(QWidget):
    """The list of jobs, and the details of one."""

    def __init__(self, bridge: Bridge, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self.model = JobModel(bridge, self)
        self.proxy = JobFilter(self)
        self.proxy.setSourceModel(self.model)
        title = QLabel("Jobs")
        title.setProperty("role", "title")
        self.summary = QLabel()
        self.summary.setObjectName("jobs_summary")
        self.summary.setProperty("role", "muted")
        self.states = QComboBox()
        self.states.setObjectName("job_states")
        self.states.setAccessibleName("Which jobs are shown")
        self.states.addItems(list(_FILTERS))
        self.words = QLineEdit()
        self.words.setObjectName("job_filter")
        self.words.setAccessibleName("Filter the jobs")
        self.words.setPlaceholderText("Filter: words")
        self.words.setClearButtonEnabled(True)
        self.words.setFixedWidth(200)
        self.states.currentTextChanged.connect(self._filter)
        self.words.textChanged.connect(self._filter)
        self.cancel_all = self._button(
            "Cancel all", "cancel_all_jobs", "Cancel every job that runs or waits", self._cancel_all
        )
        top = QHBoxLayout()
        top.addWidget(title)
        top.addSpacing(10)
        top.addWidget(self.summary, 1)
        for widget in (self.states, self.words, self.cancel_all):
            top.addWidget(widget)

        self.table = self._build_table()
        splitter = QSplitter(Qt.Orientation.Vertical)
        splitter.addWidget(self.table)
        splitter.addWidget(self._build_detail())
        splitter.setSizes([420, 240])
        splitter.setChildrenCollapsible(False)
        self.empty = QLabel(
            "No job has been started yet. Importing, preprocessing, labelling, training and measuring appear here."
        )
        self.empty.setProperty("role", "muted")
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 12, 14, 10)
        layout.setSpacing(9)
        layout.addLayout(top)
        layout.addWidget(self.empty)
        layout.addWidget(splitter, 1)

        self._clock = QTimer(self)
        self._clock.setInterval(1000)
        self._clock.timeout.connect(self._tick)
        self._clock.start()
        bridge.jobs_changed.connect(self.refresh)
        self.refresh()

    def _button(self, text: str, name: str, tip: str, slot: Any) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(name)
        button.setToolTip(tip)
        button.clicked.connect(lambda: slot())
        return button

    def _build_table(self) -> QTableView:
        table = QTableView()
        table.setObjectName("job_table")
        table.setAccessibleName("Jobs")
        table.setModel(self.proxy)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        table.setAlternatingRowColors(True)
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(27)
        table.horizontalHeader().setStretchLastSection(True)
        table.horizontalHeader().setHighlightSections(False)
        table.setItemDelegateForColumn(PROGRESS, ProgressDelegate(table))
        for column, width in enumerate((270, 96, 86, 150, 96)):
            table.setColumnWidth(column, width)
        table.selectionModel().selectionChanged.connect(lambda *_: self._show_detail())
        return table

    def _build_detail(self) -> QWidget:
        detail = QWidget()
        self.title = QLabel("Choose a job to see its log.")
        self.title.setProperty("role", "heading")
        self.words_of_job = QLabel()
        self.words_of_job.setObjectName("job_message")
        self.words_of_job.setWordWrap(True)
        self.cancel = self._button("Cancel", "cancel_job", "Ask the selected jobs to stop", self._cancel)
        self.retry = self._button(
            "Start again", "retry_job", "Start again; it goes on where it was, where it can", self._retry
        )
        self.folder = self._button("Open folder", "open_job_folder", "Show the files of this job", self._open_folder)
        self.log = QPlainTextEdit()
        self.log.setObjectName("job_log")
        self.log.setAccessibleName("Log of the job")
        self.log.setReadOnly(True)
        self.log.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.log.setStyleSheet("font-family: 'DejaVu Sans Mono', 'Consolas', monospace; font-size: 12px;")
        head = QHBoxLayout()
        head.addWidget(self.title, 1)
        for button in (self.cancel, self.retry, self.folder):
            head.addWidget(button)
        layout = QVBoxLayout(detail)
        layout.setContentsMargins(0, 6, 0, 0)
        layout.addLayout(head)
        layout.addWidget(self.words_of_job)
        layout.addWidget(self.log, 1)
        return detail

    # -- what is shown ---------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show the jobs as they are now."""
        self.model.follow()
        live = self._bridge.live
        running = sum(view.state is JobState.RUNNING for view in live)
        trouble = sum(view.state in (JobState.FAILED, JobState.INTERRUPTED) for view in self._bridge.jobs.values())
        parts = [f"{running} running", f"{len(live) - running} waiting", f"{len(self.model.ids)} in all"]
        self.summary.setText("  ·  ".join(parts + ([f"{trouble} with trouble"] if trouble else [])))
        self.cancel_all.setEnabled(bool(live))
        self.empty.setVisible(not self.model.ids)
        self._filter()
        self._show_detail()

    def _filter(self) -> None:
        self.proxy.choose(self.states.currentText(), self.words.text())

    def _tick(self) -> None:
        """Let the clock of running jobs go on; nothing is read while the page is hidden."""
        if self.isVisible() and self._bridge.live:
            self.model.follow()
            self._show_detail()

    def selected(self) -> list[JobView]:
        """The selected jobs."""
        return [index.data(VIEW_ROLE) for index in self.table.selectionModel().selectedRows()]

    def select(self, job_id: str) -> None:
        """Show one job."""
        if job_id in self.model.ids:
            index = self.proxy.mapFromSource(self.model.index(self.model.ids.index(job_id), 0))
            self.table.selectRow(index.row())

    def _show_detail(self) -> None:
        views = self.selected()
        self.cancel.setEnabled(any(not view.state.ended for view in views))
        self.retry.setEnabled(
            bool(views) and all(view.state.ended and view.state is not JobState.DONE for view in views)
        )
        self.folder.setEnabled(len(views) == 1)
        if len(views) != 1:
            self.title.setText(f"{len(views)} jobs selected" if views else "Choose a job to see its log.")
            self.words_of_job.clear()
            self.log.clear()
            return
        view = views[0]
        self.title.setText(view.job.title)
        self.words_of_job.setText(f"{view.message} {view.remedy}".strip())
        text = log_tail(self._bridge.workbench.jobs.folder / view.job.id)
        if text != self.log.toPlainText():
            self.log.setPlainText(text)
            bar = self.log.verticalScrollBar()
            bar.setValue(bar.maximum())
        self.log.setPlaceholderText("This job has printed nothing.")

    # -- acts ------------------------------------------------------------------------------------------------------

    def _cancel(self) -> None:
        self._bridge.cancel(*(view.job.id for view in self.selected() if not view.state.ended))

    def _cancel_all(self) -> None:
        self._bridge.cancel(*(view.job.id for view in self._bridge.live))

    def _retry(self) -> None:
        for view in self.selected():
            self._bridge.retry(view.job.id)

    def _open_folder(self) -> None:
        folder = self._bridge.workbench.jobs.folder / self.selected()[0].job.id
        if not QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder))):
            self._bridge.notify(f"The folder of this job is {folder}")
