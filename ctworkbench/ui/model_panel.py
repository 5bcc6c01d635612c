"""The study's models: a table, what each is used for, its card, and the way to and from another workstation."""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QItemSelectionModel, QSettings, Qt, QUrl
from PySide6.QtGui import QImage, QTextDocument
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from ctworkbench.core.model_registry import SUFFIX, card
from ctworkbench.core.training import LABEL_KINDS
from ctworkbench.ui.bridge import Bridge

if TYPE_CHECKING:
    from ctworkbench.core.model_registry import ModelFacts
    from ctworkbench.core.workbench import Workbench
    from ctworkbench.core.workbench.rows import ModelRow

_TITLES = (
    "No.",
    "Network",
    "Preset",
    "Trained",
    "Dice: valid.",
    "test",
    "train",
    "Learned from",
    "Subjects",
    "Weights",
)
_TIPS = {
    4: "Dice of the validation cases, on the scans' own grids, and what it is against: pseudo-labels, "
    "an expert's labels or the truth of phantoms. Figures of two kinds cannot be compared.",
    5: "Dice of the locked test set, and what it is against; measured by a final test, or once its scans are "
    "segmented: either opens the test set for this model and stands in the audit trail",
    6: "Dice of the training cases, on the network's own grid: how well it remembers",
}
_WIDTHS = (36, 66, 108, 124, 98, 96, 50, 102, 68)
_SHORT = {LABEL_KINDS["pseudo"]: "pseudo", LABEL_KINDS["expert"]: "expert", LABEL_KINDS["truth"]: "phantom"}
_FOLDER = "models/folder"
_SEGMENT_TIP = (
    "Label all preprocessed scans with this model; select several (Ctrl, Shift) for the mean of their answers"
)
_SEVERAL_TIP = "Label all preprocessed scans by the mean of the answers of these models"
_FOLDS_TIP = "Select a model that is a fold of a cross-validation, of which other folds are trained too"
_KINDS = f"Model (*{SUFFIX});;Card as PDF (*.pdf);;Card as Markdown (*.md)"


class ModelPanel(QWidget):
    """The table of models with its buttons."""

    def __init__(self, workbench: "Workbench", bridge: Bridge, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workbench = workbench
        self._bridge = bridge
        self._memory = QSettings()
        self.models: list[ModelRow] = []
        heading = QLabel("Models")
        heading.setProperty("role", "heading")
        self.segment = self._button("Segment", "segment_with_model", _SEGMENT_TIP)
        self.folds = self._button("Segment with all folds", "segment_with_folds", _FOLDS_TIP)
        self.show_card = self._button("Card…", "model_card", "What the model is, learned from, and where it ends")
        self.export = self._button(
            "Export…", "export_model", "Write the model as one file for another workstation, or its card"
        )
        self.take = self._button("Import…", "import_model", f"Take a model from a file (*{SUFFIX}) into this study")
        self.starter = self._button(
            "Starter model", "starter_model", "Take in the model that is shipped with the program: no training needed"
        )
        self.segment.clicked.connect(lambda: self._segment([model.id for model in self.selected]))
        self.folds.clicked.connect(lambda: self._segment(self.chosen.folds if self.chosen else ()))
        self.show_card.clicked.connect(self._read_card)
        self.export.clicked.connect(self._ask_export)
        self.take.clicked.connect(self._ask_import)
        self.starter.clicked.connect(
            lambda: bridge.start_jobs(lambda: workbench.modelling.starter()[0], "Starter model")
        )
        self.starter.setVisible(workbench.modelling.has_starter())
        head = QHBoxLayout()
        head.addWidget(heading, 1)
        for button in (self.starter, self.take, self.export, self.show_card, self.folds, self.segment):
            head.addWidget(button)
        self.table = QTableWidget(0, len(_TITLES))
        self.table.setObjectName("models")
        self.table.setAccessibleName("Trained models")
        self.table.setHorizontalHeaderLabels(list(_TITLES))
        for column, tip in _TIPS.items():
            heading_of = self.table.horizontalHeaderItem(column)
            assert heading_of is not None
            heading_of.setToolTip(tip)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.table.setAlternatingRowColors(True)
        self.table.setShowGrid(False)
        self.table.setWordWrap(False)
        self.table.verticalHeader().hide()
        self.table.horizontalHeader().setStretchLastSection(True)
        for column, width in enumerate(_WIDTHS):
            self.table.setColumnWidth(column, width)
        self.table.itemSelectionChanged.connect(self._enable)
        self.table.doubleClicked.connect(self._read_card)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(head)
        layout.addWidget(self.table, 1)
        self._enable()

    def _button(self, text: str, name: str, tip: str) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(name)
        button.setToolTip(tip)
        return button

    @property
    def selected(self) -> "list[ModelRow]":
        """The models that are selected, oldest first."""
        rows = self.table.selectionModel().selectedRows() if self.table.rowCount() else []
        found = [self.models[row.row()] for row in rows if row.row() < len(self.models)]
        return sorted(found, key=lambda model: model.id)

    @property
    def chosen(self) -> "ModelRow | None":
        """The model that is selected, where it is one alone."""
        found = self.selected
        return found[0] if len(found) == 1 else None

    def show_models(self, models: "list[ModelRow]") -> None:
        """List models; those that were selected stay selected."""
        before, self.models = {model.id for model in self.selected}, models
        self.table.setRowCount(len(models))
        for row, model in enumerate(models):
            cells = (
                str(model.id),
                f"mean of {len(model.members)}" if model.members else model.network,
                ", ".join(text for text in (model.preset, model.variant) if text),
                f"{model.created.astimezone():%Y-%m-%d %H:%M}",
                _against(model.dice_validation, model.validation_kind),
                _against(model.dice_test, model.test_kind),
                _shown(model.dice_train),
                model.label_kind,
                str(model.subjects),
                model.weights_hash[:12],
            )
            for column, text in enumerate(cells):
                item = QTableWidgetItem(text)
                item.setToolTip(f"<p>{escape(_tip(model))}</p>")
                self.table.setItem(row, column, item)
        self._select(before)
        self._enable()

    def _select(self, numbers: set[int]) -> None:
        chosen, model = self.table.selectionModel(), self.table.model()
        flags = QItemSelectionModel.SelectionFlag
        chosen.clearSelection()
        for row, one in enumerate(self.models):
            if one.id in numbers:
                chosen.select(model.index(row, 0), flags.Select | flags.Rows)

    def _enable(self) -> None:
        chosen, number = self.chosen, len(self.selected)
        for button in (self.show_card, self.export):
            button.setEnabled(chosen is not None)
        self.segment.setEnabled(number > 0)
        self.segment.setText(f"Segment with {number} models" if number > 1 else "Segment")
        self.segment.setToolTip(_SEVERAL_TIP if number > 1 else _SEGMENT_TIP)
        folds = () if chosen is None else chosen.folds
        self.folds.setEnabled(len(folds) > 1)
        named = f"models {', '.join(map(str, folds))}, the folds of one training"
        self.folds.setToolTip(f"Label by the mean of the answers of {named}" if len(folds) > 1 else _FOLDS_TIP)

    # -- acts ------------------------------------------------------------------------------------------------------

    def _segment(self, numbers: Sequence[int]) -> None:
        if not numbers:
            return
        models = numbers[0] if len(numbers) == 1 else list(numbers)
        with_what = f"model{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"
        self._bridge.start_jobs(lambda: self._workbench.modelling.segment(models), f"Segment with {with_what}")

    def _read_card(self) -> None:
        model = self.chosen
        if model is not None:
            self._bridge.run(lambda: self._workbench.modelling.facts(model.id), self._open_card, key="model card")

    def _open_card(self, facts: "ModelFacts") -> None:
        dialog = QDialog(self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setObjectName("model_card_dialog")
        dialog.setWindowTitle("Model card")
        dialog.resize(680, 620)
        text = _CardText()
        text.setObjectName("model_card_text")
        features = QTextDocument.MarkdownFeature
        text.document().setMarkdown(card.markdown(facts), features.MarkdownDialectGitHub | features.MarkdownNoHTML)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(dialog.close)
        layout = QVBoxLayout(dialog)
        layout.addWidget(text, 1)
        layout.addWidget(buttons)
        dialog.open()

    def _ask_export(self) -> None:
        model = self.chosen
        if model is None:
            return
        name = str(Path(self._folder) / f"model-{model.id}-{model.weights_hash[:8]}{SUFFIX}")
        path, kind = QFileDialog.getSaveFileName(self, "Export a model", name, _KINDS)
        if path:
            ending = kind.partition("*")[2].rstrip(")") or SUFFIX
            self.write(model.id, Path(path if Path(path).suffix else path + ending))

    def write(self, model_id: int, path: Path) -> None:
        """Write what the file's ending says: the model, or its card."""
        self._memory.setValue(_FOLDER, str(path.parent))
        modelling = self._workbench.modelling
        self._bridge.run(
            lambda: modelling.export_model(model_id, path),
            lambda written: self._bridge.notify(f"Written: {written}"),
            message="Exporting…",
        )

    def _ask_import(self) -> None:
        kinds = f"Models (*{SUFFIX});;All files (*)"
        path, _ = QFileDialog.getOpenFileName(self, "Import a model", self._folder, kinds)
        if path:
            self.take_from(Path(path))

    def take_from(self, path: Path) -> None:
        """Take in the model of a file."""
        self._memory.setValue(_FOLDER, str(path.parent))
        self._bridge.start_jobs(lambda: self._workbench.modelling.import_model(path), f"Import {path.name}")

    @property
    def _folder(self) -> str:
        return str(self._memory.value(_FOLDER, str(Path.home())))


class _CardText(QTextBrowser):
    """Shows a card and fetches nothing for it: its words may come from somebody else's file."""

    def __init__(self) -> None:
        super().__init__()
        self.setOpenLinks(False)
        self._empty = QImage(1, 1, QImage.Format.Format_ARGB32)
        self._empty.fill(Qt.GlobalColor.transparent)

    def loadResource(self, type: int, name: QUrl | str) -> QImage:
        """An empty image for whatever is named; Qt would look for the file by itself if it got none."""
        return self._empty


def _shown(dice: float | None) -> str:
    return "–" if dice is None else f"{dice:.3f}"


def _against(dice: float | None, kind: str) -> str:
    """A figure with what it was measured against: figures of two kinds in one column are not alike."""
    return " ".join((_shown(dice), *([_SHORT.get(kind, kind)] if dice is not None and kind else ())))


def _measured(kind: str) -> str:
    return f"agreement with {kind}" if kind == LABEL_KINDS["pseudo"] else f"Dice against {kind}"


def _tip(model: "ModelRow") -> str:
    told = [f"{model.network}, {model.preset}{f', {model.variant}' if model.variant else ''}."]
    told.append(f"Learned from {model.label_kind}.")
    if model.validation_kind:
        told.append(f"Validation: {_measured(model.validation_kind)}.")
    if model.test_kind:
        told.append(f"Test: {_measured(model.test_kind)}.")
    if model.members:
        told.append(f"The mean of the answers of models {', '.join(map(str, model.members))}.")
    if model.source:
        told.append(f"Imported from {model.source}.")
    return " ".join((*told, f"Weights {model.weights_hash}, job {model.job_id}"))
