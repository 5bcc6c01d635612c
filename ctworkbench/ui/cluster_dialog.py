"""Where the jobs of a study run: on this machine, or on a cluster."""

from typing import TYPE_CHECKING

from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from ctworkbench.core.wording import count

if TYPE_CHECKING:
    from ctworkbench.core.workbench import Workbench
    from ctworkbench.ui.bridge import Bridge

_WHAT = (
    "Jobs that are started from now on run where you choose; those that run or wait stay where they are. A cluster is "
    "one of dask: its workers need the same version of CT Workbench, and this study's folder under the same path."
)


class ClusterDialog(QDialog):
    """Chooses this machine or a cluster, and tries the cluster before it is taken."""

    def __init__(self, workbench: "Workbench", bridge: "Bridge", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workbench = workbench
        self._bridge = bridge
        self.setWindowTitle("Where jobs run")
        self.resize(560, 260)
        known = workbench.jobs.cluster
        self.here = QRadioButton("This &machine")
        self.here.setChecked(not known)
        self.there = QRadioButton("A &cluster:")
        self.there.setChecked(bool(known))
        self.address = QLineEdit(known)
        self.address.setObjectName("cluster_address")
        self.address.setAccessibleName("Address of the cluster")
        self.address.setPlaceholderText("tcp://head:8786, or the path of a scheduler file")
        self.address.setToolTip("What `dask scheduler` prints when it starts, or the file given to --scheduler-file")
        self.address.textEdited.connect(lambda: self.there.setChecked(True))
        browse = QPushButton("File…")
        browse.clicked.connect(self._browse)
        self.said = QLabel()
        self.said.setObjectName("cluster_said")
        self.said.setWordWrap(True)
        what = QLabel(_WHAT)
        what.setWordWrap(True)
        what.setProperty("role", "muted")
        self._box = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self._box.button(QDialogButtonBox.StandardButton.Ok).setText("Use")
        self._box.accepted.connect(self._use)
        self._box.rejected.connect(self.reject)
        row = QHBoxLayout()
        row.addWidget(self.there)
        row.addWidget(self.address, 1)
        row.addWidget(browse)
        layout = QVBoxLayout(self)
        layout.setSpacing(10)
        layout.addWidget(what)
        layout.addWidget(self.here)
        layout.addLayout(row)
        layout.addWidget(self.said, 1)
        layout.addWidget(self._box)

    def _browse(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Scheduler file", "", "Scheduler files (*.json);;All files (*)")
        if path:
            self.address.setText(path)
            self.there.setChecked(True)

    def _use(self) -> None:
        address = self.address.text().strip() if self.there.isChecked() else ""
        if self.there.isChecked() and not address:
            self.said.setText("Give the address of the cluster.")
            self.address.setFocus()
            return
        self._wait(True)
        self.said.setText("Asking the cluster…" if address else "")
        self._bridge.run(lambda: self._workbench.set_cluster(address), self._taken, self._refused, key="cluster")

    def _taken(self, workers: int) -> None:
        cluster = self._workbench.jobs.cluster
        self._bridge.notify(
            f"Jobs run on the cluster at {cluster}: {count(workers, 'worker')} now."
            if cluster
            else f"Jobs run on this machine, {workers} side by side."
        )
        self.accept()

    def _refused(self, error: Exception) -> None:
        self._wait(False)
        self.said.setText(str(error))

    def _wait(self, waiting: bool) -> None:
        for widget in (self.here, self.there, self.address, self._box.button(QDialogButtonBox.StandardButton.Ok)):
            widget.setEnabled(not waiting)
