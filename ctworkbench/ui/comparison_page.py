"""Comparisons of trainings: decide one, watch it, read what it found, test last, take it away as files."""

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSettings, Qt, QTimer
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QMessageBox, QProgressBar, QPushButton, QVBoxLayout, QWidget

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.wording import count
from ctworkbench.ui.bridge import Bridge
from ctworkbench.ui.comparison_dialog import ComparisonDialog, ComparisonRequest
from ctworkbench.ui.comparison_view import ComparisonView, named_combo
from ctworkbench.ui.shortened_label import ShortenedLabel

if TYPE_CHECKING:
    from ctworkbench.core.model_comparison.result import ComparisonResult
    from ctworkbench.core.workbench import Changes, Workbench
    from ctworkbench.core.workbench.comparing_models import ComparisonRow

_CHOSEN, _FOLDER = "comparison_chosen", "comparison_folder"
_KINDS_OF_JOBS = ("train", "figures")
_SETTLE_MILLISECONDS = 300
_EMPTY = (
    "No comparison yet. “New…” compares networks, presets and settings: each is trained on the same subjects, "
    "as often as you like, and measured case by case."
)


class ComparisonPage(QWidget):
    """A comparison and where it stands above; box plot, notes and tables of it below.

    Args:
        workbench: the open study.
        bridge: runs slow reads aside and tells what changed.
        memory: where choices are remembered.
        parent: the widget it lies in.
    """

    def __init__(
        self, workbench: "Workbench", bridge: Bridge, memory: QSettings, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._workbench, self._bridge, self._memory = workbench, bridge, memory
        self.rows: list[ComparisonRow] = []
        self._stale = True
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(_SETTLE_MILLISECONDS)
        self._settle.timeout.connect(self._refresh_if_seen)
        self.view = ComparisonView(bridge, memory)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 10, 14, 8)
        layout.setSpacing(7)
        layout.addLayout(self._build_head())
        layout.addWidget(self.view, 1)
        bridge.changed.connect(self._on_changed)
        bridge.job_state.connect(self._on_job_state)
        self._clear(_EMPTY)

    # -- building --------------------------------------------------------------------------------------------------

    def _build_head(self) -> QHBoxLayout:
        self.chooser = named_combo("comparison", "Comparison", "Which comparison is shown")
        self.chooser.setMinimumWidth(190)
        self.chooser.currentIndexChanged.connect(lambda _: self._on_chosen())
        self.bar = QProgressBar()
        self.bar.setObjectName("comparison_progress")
        self.bar.setFixedWidth(110)
        self.bar.setTextVisible(False)
        self.told = ShortenedLabel()
        self.told.setObjectName("comparison_told_of")
        self.told.setProperty("role", "muted")
        self.new = _button("New…", "new_comparison", "Decide what is compared, and train it")
        self.new.clicked.connect(self._ask_new)
        self.go_on = _button(
            "Go on", "comparison_go_on", "Trains and measures what is missing, each from where it stopped"
        )
        self.go_on.clicked.connect(self._go_on)
        self.cancel = _button(
            "Cancel", "comparison_cancel", "Stops its trainings within seconds; they keep their place"
        )
        self.cancel.clicked.connect(self._cancel)
        self.test = _button("Final test…", "comparison_test", "Opens the locked test set for its models, last of all")
        self.test.clicked.connect(self._ask_test)
        self.export = _button(
            "Export…", "comparison_export", "Tables (CSV, Word, LaTeX), every case, box plots (SVG, PDF, PNG), notes"
        )
        self.export.clicked.connect(self._ask_export)
        head = QHBoxLayout()
        head.addWidget(self.chooser)
        head.addWidget(self.new)
        head.addSpacing(10)
        head.addWidget(self.bar)
        head.addWidget(self.told, 1)
        for button in (self.go_on, self.cancel, self.test, self.export):
            head.addWidget(button)
        return head

    # -- what is shown ---------------------------------------------------------------------------------------------

    @property
    def row(self) -> "ComparisonRow | None":
        """The comparison that is chosen."""
        return next((row for row in self.rows if row.name == self.chooser.currentData()), None)

    def showEvent(self, event: QShowEvent) -> None:
        """What changed while the page was out of sight is read now."""
        super().showEvent(event)
        if self._stale:
            self.refresh()

    def refresh(self) -> None:
        """Read the list of comparisons and the one that is chosen again."""
        self._stale = False
        self._bridge.run(self._workbench.comparisons.rows, self._show_rows, key="comparisons")

    def _refresh_if_seen(self) -> None:
        if self.isVisible():
            self.refresh()
        else:
            self._stale = True

    def _show_rows(self, rows: "list[ComparisonRow]") -> None:
        wanted = self.chooser.currentData() or self._memory.value(_CHOSEN, "")
        self.rows = rows
        self.chooser.blockSignals(True)
        self.chooser.clear()
        for row in rows:
            self.chooser.addItem(row.name, row.name)
            tip = "\n".join((*row.configurations, f"{row.created.astimezone():%Y-%m-%d %H:%M}, {row.author}"))
            self.chooser.setItemData(self.chooser.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        self.chooser.setCurrentIndex(max(0, self.chooser.findData(wanted)) if rows else -1)
        self.chooser.blockSignals(False)
        self._show_row()
        self._read()

    def _show_row(self) -> None:
        """Where the chosen comparison stands, and what can be done."""
        row = self.row
        self.chooser.setEnabled(bool(self.rows))
        self.bar.setVisible(row is not None)
        live = row is not None and row.running + row.waiting > 0
        self.go_on.setEnabled(row is not None and row.stopped)
        self.cancel.setEnabled(live)
        self.export.setEnabled(self.view.result is not None)
        done = row is not None and row.done == row.planned
        self.test.setEnabled(done and not (row is not None and row.tested))
        reason = "Opens the locked test set for its models, last of all"
        if row is not None and not done:
            reason = "Once all its trainings are done"
        elif row is not None and row.tested:
            reason = "Its models were tested already"
        self.test.setToolTip(reason)
        if row is None:
            self.told.setText("")
            return
        self.bar.setRange(0, row.planned)
        self.bar.setValue(row.done)
        parts = [row.told, f"{count(len(row.configurations), 'configuration')} × {count(row.repeats, 'repeat')}"]
        parts[1] += f" × {count(row.folds, 'fold')}" if row.folds > 1 else ", the study's split"
        parts += [row.failure] if row.failure else []
        self.told.setText(" · ".join(parts))
        self.told.setToolTip("\n".join((*row.configurations, *([row.failure] if row.failure else []))))

    def _on_chosen(self) -> None:
        self._memory.setValue(_CHOSEN, self.chooser.currentData())
        self._show_row()
        self._read()

    def _read(self) -> None:
        row = self.row
        if row is None:
            self._clear(_EMPTY)
            return
        self._bridge.run(
            lambda: self._workbench.comparisons.result(row.name), self._take, self._fail, key="comparison result"
        )

    def _fail(self, error: Exception) -> None:
        if isinstance(error, WorkbenchError):
            self._clear(f"{error.message} {error.remedy}")
        else:
            self._bridge.report(error)

    def _clear(self, text: str) -> None:
        self.view.clear(text)
        self._show_row()

    def _take(self, result: "ComparisonResult") -> None:
        self.view.show_result(result)
        self._show_row()

    # -- what others do --------------------------------------------------------------------------------------------

    def _on_changed(self, changes: "Changes") -> None:
        if changes.models or changes.jobs:
            self._settle.start()

    def _on_job_state(self, job_id: str, _state: str) -> None:
        view = self._bridge.jobs.get(job_id)
        if view is not None and view.job.kind in _KINDS_OF_JOBS:
            self._settle.start()

    # -- acts ------------------------------------------------------------------------------------------------------

    def _ask_new(self) -> None:
        modelling = self._workbench.modelling
        taken = [row.name for row in self.rows]
        form = ComparisonDialog(modelling.networks(), modelling.presets(), taken, self._memory, self)
        form.accepted.connect(lambda: self.start(form.chosen))
        form.finished.connect(form.deleteLater)
        form.open()

    def start(self, wanted: ComparisonRequest) -> None:
        """Decide a comparison and queue its trainings."""
        self._memory.setValue(_CHOSEN, wanted.name)
        self.chooser.blockSignals(True)
        self.chooser.setCurrentIndex(-1)  # the new one is shown once it is there
        self.chooser.blockSignals(False)
        comparisons = self._workbench.comparisons
        self._bridge.start_jobs(
            lambda: comparisons.start(wanted.name, wanted.configurations, wanted.repeats, wanted.folds),
            f"Compare: {wanted.name}",
            lambda _: self.refresh(),
        )

    def _go_on(self) -> None:
        row = self.row
        if row is not None:
            comparisons = self._workbench.comparisons
            self._bridge.start_jobs(
                lambda: comparisons.go_on(row.name), f"Go on with {row.name}", lambda _: self.refresh()
            )

    def _cancel(self) -> None:
        row = self.row
        if row is not None:
            comparisons = self._workbench.comparisons

            def cancelled(number: int) -> None:
                self._bridge.notify(f"{row.name}: {count(number, 'job')} cancelled. “Go on” continues.")
                self._bridge.look()
                self._settle.start()

            self._bridge.run(lambda: comparisons.cancel(row.name), cancelled, message="Cancelling…")

    def _ask_test(self) -> None:
        row, comparisons = self.row, self._workbench.comparisons
        if row is not None:
            self._bridge.run(
                lambda: (comparisons.test_subjects(), comparisons.openings()),
                lambda told: self._confirm_test(row, *told),
                key="test set",
            )

    def _confirm_test(self, row: "ComparisonRow", subjects: int, openings: int) -> None:
        box = QMessageBox(self)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setObjectName("final_test_box")
        box.setIcon(QMessageBox.Icon.Warning)
        box.setWindowTitle("Final test")
        box.setText(f"Open the locked test set ({count(subjects, 'subject')}) for {count(row.planned, 'model')}?")
        before = f"It was opened {count(openings, 'time')} before. " if openings else "It was never opened before. "
        box.setInformativeText(
            f"{before}Choose by the validation first: what is chosen by the test set has no test left. That it is "
            "opened, by whom and for which models stands in the audit trail for good."
        )
        yes = box.addButton("Open the test set", QMessageBox.ButtonRole.AcceptRole)
        box.setDefaultButton(box.addButton(QMessageBox.StandardButton.Cancel))
        yes.clicked.connect(lambda: self._test(row.name))
        box.open()

    def _test(self, name: str) -> None:
        comparisons = self._workbench.comparisons
        self._bridge.start_jobs(lambda: comparisons.final_test(name), f"Final test of {name}", lambda _: self.refresh())

    def _ask_export(self) -> None:
        folder = QFileDialog.getExistingDirectory(
            self, "Folder for tables and box plots", str(self._memory.value(_FOLDER, str(Path.home())))
        )
        if folder:
            self.write(Path(folder))

    def write(self, folder: Path) -> None:
        """Write tables, cases, notes and box plots into a folder of the comparison's name."""
        row, by = self.row, self.view.test
        if row is None:
            return
        self._memory.setValue(_FOLDER, str(folder))
        out, comparisons = folder / row.name, self._workbench.comparisons
        self._bridge.run(
            lambda: comparisons.export(row.name, out, test=by),
            lambda paths: self._bridge.notify(f"{count(len(paths), 'file')} written to {out}."),
            message="Writing tables and box plots…",
        )


def _button(text: str, name: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setObjectName(name)
    button.setToolTip(tip)
    return button
