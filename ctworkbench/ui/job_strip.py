"""The right end of the status bar: the job that runs, how far it is, and a button to cancel it."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QWidget

from ctworkbench.core.jobs import JobState
from ctworkbench.ui.bridge import Bridge


class JobStrip(QWidget):
    """Follows the jobs of a bridge; out of sight while nothing runs or waits."""

    jobs_wanted = Signal()

    def __init__(self, bridge: Bridge, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self._job_id = ""
        self.busy = QLabel()
        self.busy.setObjectName("busy")
        self.busy.setProperty("role", "muted")
        self.title = QPushButton()
        self.title.setObjectName("running_job")
        self.title.setProperty("role", "link")
        self.title.setToolTip("Show all jobs (Ctrl+5)")
        self.title.clicked.connect(self.jobs_wanted)
        self.bar = QProgressBar()
        self.bar.setObjectName("running_progress")
        self.bar.setFixedWidth(130)
        self.bar.setRange(0, 100)
        self.cancel = QPushButton("Cancel")
        self.cancel.setObjectName("cancel_running")
        self.cancel.setToolTip("Cancel the job that runs")
        self.cancel.setStyleSheet("padding: 1px 8px;")
        self.cancel.clicked.connect(lambda: bridge.cancel(self._job_id))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 1, 4, 1)
        for widget in (self.busy, self.title, self.bar, self.cancel):
            layout.addWidget(widget)
        bridge.jobs_changed.connect(self.follow)
        bridge.busy.connect(self.busy.setText)
        self.follow()

    def follow(self) -> None:
        """Show the oldest running job and how many more there are."""
        live = self._bridge.live
        for widget in (self.title, self.bar, self.cancel):
            widget.setVisible(bool(live))
        if not live:
            return
        view = live[0]
        self._job_id = view.job.id
        more = f"  (+{len(live) - 1})" if len(live) > 1 else ""
        name = view.job.title if len(view.job.title) <= 48 else f"{view.job.title[:47]}…"
        self.title.setText(f"{name}{' – waits' if view.state is JobState.QUEUED else ''}{more}")
        self.bar.setValue(round(100 * (view.fraction or 0)))
        self.cancel.setToolTip(f"Cancel “{view.job.title}”")
