"""Training a network: what it would learn from, how it goes, and which models there are."""

from collections import Counter
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QSettings
from PySide6.QtGui import QColor, QIcon, QPixmap
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from ctworkbench.core import plugins
from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.jobs import Event, JobState
from ctworkbench.core.schemes import DEFAULT, load
from ctworkbench.core.wording import count
from ctworkbench.ui.bridge import Bridge, JobView
from ctworkbench.ui.example_slices import ExampleSlices
from ctworkbench.ui.model_panel import ModelPanel
from ctworkbench.ui.plotting import pg

if TYPE_CHECKING:
    from ctworkbench.core.workbench import Changes, Workbench
    from ctworkbench.core.workbench.rows import ScanRow

_PROCESSES = "training/processes"
_PAUSED = (JobState.CANCELLED, JobState.INTERRUPTED, JobState.FAILED)
_TRAIN_COLOR, _VALIDATION_COLOR = "#56b4e9", "#e69f00"


def curves(metrics: list[dict[str, Any]]) -> dict[str, tuple[list[float], list[float]]]:
    """Curves of a training from its metric events: name → (epochs, values).

    An epoch that was told twice, as after a resumed training, counts as it was told last.
    """
    found: dict[str, dict[float, float]] = {}
    for number, values in enumerate(metrics):
        epoch = values.get("epoch", number)
        if not isinstance(epoch, int | float):
            continue
        for name, value in values.items():
            if name != "epoch" and isinstance(value, int | float) and not isinstance(value, bool):
                found.setdefault(name, {})[epoch] = float(value)
    return {name: (sorted(points), [points[epoch] for epoch in sorted(points)]) for name, points in found.items()}


def label_kind(view: JobView) -> str:
    """What the Dice of a training is an agreement with: pseudo-labels, expert labels, or both."""
    cases = view.job.params.get("cases")
    found = cases if isinstance(cases, list) else []
    kinds = {str(case.get("label_kind")) for case in found if isinstance(case, dict)}
    if kinds == {"expert"}:
        return "expert labels"
    return "pseudo-labels" if kinds == {"pseudo"} else "pseudo- and expert labels"


def basis_text(scans: "list[ScanRow]") -> tuple[str, bool]:
    """What would be trained on, and whether that is enough to start."""
    accepted = [scan for scan in scans if scan.verdict is not None and scan.verdict.value == "accept"]
    if not accepted:
        return "No label map is accepted yet. Review the label maps first: only accepted ones are learned from.", False
    subjects = {scan.subject: scan for scan in accepted}.values()
    parts = Counter(scan.split or "not yet split" for scan in subjects)
    origins = Counter(str(scan.origin) for scan in accepted)
    split = ", ".join(f"{number} {part}" for part, number in sorted(parts.items()))
    origin = ", ".join(f"{number} from {name}" for name, number in sorted(origins.items()))
    unread = sum(scan.accepted_unread for scan in accepted)
    looked = f", {unread} of them unread" if unread else ""
    return (
        f"{count(len(accepted), 'accepted label map')} of {count(len(subjects), 'subject')} ({origin}){looked}.\n"
        f"Split by subject, made once and kept: {split}. The test subjects are never learned from.",
        len(subjects) >= 2,
    )


def _shown_first(view: JobView) -> tuple[bool, bool, str]:
    """Which training is looked at: the one that runs, else one that waits, else the newest."""
    return view.state is JobState.RUNNING, not view.state.ended, view.job.id


class TrainPage(QWidget):
    """The form, the live curves and the table of models."""

    def __init__(self, workbench: "Workbench", bridge: Bridge, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workbench = workbench
        self._bridge = bridge
        self._memory = QSettings()
        self._job: JobView | None = None
        self._ready = False
        self.models = ModelPanel(workbench, bridge)
        left = QVBoxLayout()
        left.setSpacing(10)
        left.addWidget(self._build_form())
        left.addWidget(self._build_toggles(), 1)
        right = QVBoxLayout()
        right.setSpacing(8)
        self.progress = QLabel("No training has run yet. The curves of a training appear here while it runs.")
        self.progress.setObjectName("train_progress")
        self.progress.setProperty("role", "muted")
        right.addWidget(self.progress)
        plots = QHBoxLayout()
        self.loss_plot = self._build_plot("Loss", "loss")
        self.dice_plot = self._build_plot("Dice", "Dice, 0 to 1")
        self.dice_plot.setYRange(0, 1, padding=0.02)
        plots.addWidget(self.loss_plot, 5)
        plots.addWidget(self.dice_plot, 6)
        self.examples = ExampleSlices(workbench, bridge)
        plots.addWidget(self.examples, 4)
        right.addLayout(plots, 3)
        right.addWidget(self.models, 2)
        columns = QHBoxLayout()
        columns.setSpacing(12)
        columns.addLayout(left)
        columns.addLayout(right, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 12, 14, 10)
        layout.addLayout(columns, 1)
        self._items: dict[str, pg.PlotDataItem] = {}
        self._colors = {region.name: region.color for region in load(DEFAULT).regions}
        bridge.changed.connect(self._on_changed)
        bridge.job_event.connect(self._on_event)
        bridge.jobs_changed.connect(self._on_jobs)
        self._on_jobs()  # a training may run already: the page is made at the first visit

    # -- building --------------------------------------------------------------------------------------------------

    def _build_form(self) -> QWidget:
        card = QFrame()
        card.setProperty("role", "card")
        card.setFixedWidth(330)
        self.network = QComboBox()
        self.network.setObjectName("network")
        self.network.setAccessibleName("Network")
        self.preset = QComboBox()
        self.preset.setObjectName("preset")
        self.preset.setAccessibleName("Preset")
        self.preset.currentTextChanged.connect(self._describe)
        self.description = QLabel()
        self.description.setObjectName("preset_description")
        self.description.setWordWrap(True)
        self.description.setProperty("role", "muted")
        self.basis = QLabel()
        self.basis.setObjectName("train_basis")
        self.basis.setWordWrap(True)
        self.processes = QSpinBox()
        self.processes.setObjectName("processes")
        self.processes.setAccessibleName("Processes")
        self.processes.setMinimum(1)
        self.processes.setToolTip(
            "How many processes train together, each on its share of every batch: one for each GPU of this machine; "
            "on a CPU they share its cores"
        )
        self.start = QPushButton("Start training")
        self.start.setObjectName("start_training")
        self.start.setProperty("role", "primary")
        self.start.clicked.connect(self._start)
        self.stop = QPushButton("Pause")
        self.stop.setObjectName("pause_training")
        self.stop.clicked.connect(self._pause_or_go_on)
        layout = QGridLayout(card)
        layout.setVerticalSpacing(9)
        layout.addWidget(QLabel("Network"), 0, 0)
        layout.addWidget(self.network, 0, 1)
        layout.addWidget(QLabel("Preset"), 1, 0)
        layout.addWidget(self.preset, 1, 1)
        layout.addWidget(self.description, 2, 0, 1, 2)
        layout.addWidget(QLabel("Processes"), 3, 0)
        layout.addWidget(self.processes, 3, 1)
        layout.addWidget(self.basis, 4, 0, 1, 2)
        buttons = QHBoxLayout()
        buttons.addWidget(self.start, 1)
        buttons.addWidget(self.stop)
        layout.addLayout(buttons, 5, 0, 1, 2)
        layout.setColumnStretch(1, 1)
        return card

    def _build_toggles(self) -> QWidget:
        card = QFrame()
        card.setProperty("role", "card")
        card.setFixedWidth(330)
        layout = QVBoxLayout(card)
        heading = QLabel("Curves")
        heading.setProperty("role", "heading")
        layout.addWidget(heading)
        keys = QLabel(
            f"<span style='color:{_TRAIN_COLOR}'>━ training</span> &nbsp; "
            f"<span style='color:{_VALIDATION_COLOR}'>━ validation</span>, mean of the regions"
        )
        layout.addWidget(keys)
        grid = QGridLayout()
        self.toggles: dict[str, QCheckBox] = {}
        for number, region in enumerate(load(DEFAULT).regions):
            box = QCheckBox(region.title.replace(" lobe", ""))
            box.setObjectName(f"curve_{region.name}")
            box.setToolTip(f"Dice of the {region.title.lower()}, validation")
            swatch = QPixmap(10, 10)
            swatch.fill(QColor(region.color))
            box.setIcon(QIcon(swatch))
            box.toggled.connect(lambda _: self._draw())
            self.toggles[region.name] = box
            grid.addWidget(box, number // 2, number % 2)
        layout.addLayout(grid)
        layout.addStretch()
        return card

    def _build_plot(self, title: str, unit: str) -> pg.PlotWidget:
        plot = pg.PlotWidget(background="#1b1f25")
        plot.setAccessibleName(title)
        plot.setLabel("left", unit)
        plot.setLabel("bottom", "epoch")
        plot.showGrid(x=True, y=True, alpha=0.15)
        plot.setTitle(title, color="#e4e8ee", size="11pt")
        plot.setMinimumHeight(190)
        plot.setMenuEnabled(False)
        return plot

    # -- what is shown ---------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Read networks, presets, models and the cohort again."""

        def read() -> tuple:
            modelling = self._workbench.modelling
            scans, notes = self._workbench.cohort.scans(), modelling.split_notes()
            return modelling.networks(), modelling.presets(), modelling.models(), scans, notes

        self._bridge.run(read, self._show, key="train")
        self._on_jobs()

    def _show(self, answer: tuple) -> None:
        networks, presets, models, scans, notes = answer
        for box, names, first in ((self.network, networks, "resunet"), (self.preset, presets, "demo")):
            if [box.itemText(row) for row in range(box.count())] != list(names):
                box.clear()
                box.addItems(names)
                box.setCurrentText(first)
        text, self._ready = basis_text(scans)
        self.basis.setText(" ".join((text, *notes)))
        self.models.show_models(models)
        self._enable()

    def _describe(self, preset: str) -> None:
        if not preset:
            return
        content = plugins.load(plugins.PRESETS, preset).PRESET
        self.processes.setMaximum(content.batch)  # each needs a brain of every batch
        self.processes.setValue(int(str(self._memory.value(_PROCESSES, 1))))
        folds = f", {content.folds}-fold cross-validation" if content.folds > 1 else ""
        self.description.setText(
            f"{content.title}.\n{content.epochs} epochs, {content.spacing_mm:g} mm voxels, loss: {content.loss}{folds}."
        )

    def _on_changed(self, changes: "Changes") -> None:
        if changes.models or changes.reviews or changes.annotations or changes.scans:
            self.refresh()

    def _on_jobs(self) -> None:
        trainings = [view for view in self._bridge.jobs.values() if view.job.kind == "train"]
        newest = max(trainings, key=_shown_first, default=None)
        if newest is not self._job:
            self._job = newest
            self._draw()
            self.examples.follow(None if newest is None else newest.job.id)
        if self._job is not None:
            fraction = "" if self._job.fraction is None else f" · {100 * self._job.fraction:.0f} %"
            words = " · ".join(
                part for part in (self._job.job.title, self._job.state.value + fraction, self._job.message) if part
            )
            self.progress.setText(words)
        self._enable()

    def _on_event(self, job_id: str, event: Event) -> None:
        if self._job is not None and job_id == self._job.job.id and event.kind == "metric":
            self._draw()
            self.examples.follow(job_id)

    def _draw(self) -> None:
        """Bring the curves up to the metrics, in place."""
        found = curves(self._job.metrics) if self._job is not None else {}
        kind = label_kind(self._job) if self._job is not None else ""
        self.dice_plot.setTitle(f"Dice: agreement with {kind}" if kind else "Dice", color="#e4e8ee", size="11pt")
        shown: set[str] = set()
        for name, (epochs, values) in found.items():
            region = name.removeprefix("dice_validation_")
            if region in self.toggles:
                if not self.toggles[region].isChecked():
                    continue
                plot, pen = self.dice_plot, pg.mkPen(self._colors[region], width=1.4)
            elif "loss" in name or "dice" in name:
                plot = self.loss_plot if "loss" in name else self.dice_plot
                validation = "validation" in name
                pen = pg.mkPen(_VALIDATION_COLOR if validation else _TRAIN_COLOR, width=2.2)
            else:
                continue
            shown.add(name)
            if name not in self._items:
                self._items[name] = plot.plot(
                    pen=pen, symbol="o", symbolSize=4, symbolPen=None, symbolBrush=pen.color()
                )
            self._items[name].setData(epochs, values)
        for name, item in self._items.items():
            item.setVisible(name in shown)

    def _enable(self) -> None:
        running = self._job is not None and not self._job.state.ended
        paused = self._job is not None and self._job.state in _PAUSED
        self.start.setEnabled(self._ready)
        ready = "Waits in the queue until a slot is free, and on a GPU until the training that runs has ended"
        ready = ready if running else ""
        self.start.setToolTip(ready if self._ready else "Accept label maps of at least two subjects first")
        self.stop.setText("Go on" if paused else "Pause")
        self.stop.setToolTip(
            "Goes on from the very step at which it stopped" if paused else "Stops within seconds and keeps its place"
        )
        self.stop.setEnabled(running or paused)

    # -- acts ------------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        network, preset = self.network.currentText(), self.preset.currentText()
        processes = self.processes.value()
        self._memory.setValue(_PROCESSES, processes)

        def submit() -> list[str]:
            jobs = self._workbench.modelling.train(network, preset, processes=processes)
            if not jobs:
                same = ", ".join(f"model {row.id}" for row in self._workbench.modelling.trained(network, preset))
                raise WorkbenchError(
                    f"{network} ({preset}) is already trained on exactly these label maps: {same}.",
                    "Segment with it, or accept further label maps; `ctworkbench train STUDY --again` trains anew.",
                )
            return jobs

        self._bridge.start_jobs(submit, f"Train {network} ({preset})")

    def _pause_or_go_on(self) -> None:
        if self._job is None:
            return
        if self._job.state in _PAUSED:
            self._bridge.retry(self._job.job.id)
        else:
            self._bridge.cancel(self._job.job.id)
