"""The form of a new comparison: which configurations, how often, over which folds; how much work that is."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QSettings, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.model_comparison.plan import (
    Configuration,
    checked,
    checked_name,
    parse_changes,
    parse_configuration,
)
from ctworkbench.core.training import changed_settings
from ctworkbench.core.wording import count

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

_MEMORY = "comparison_"
_FIRST = "resunet:demo\nunet3d:demo"
_MOST = 20


@dataclass(frozen=True)
class ComparisonRequest:
    """What was asked for."""

    name: str
    configurations: tuple[Configuration, ...]
    repeats: int
    folds: int


class ComparisonDialog(QDialog):
    """Asks for a `ComparisonRequest`; it can be accepted only where a comparison can be decided.

    Args:
        networks: that can be trained.
        presets: that there are.
        taken: names of the comparisons that the study has.
        memory: where the last form is remembered.
        parent: the widget it lies over.
    """

    def __init__(
        self,
        networks: "Sequence[str]",
        presets: "Sequence[str]",
        taken: "Collection[str]",
        memory: QSettings,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._memory, self._taken = memory, set(taken)
        self.setObjectName("comparison_dialog")
        self.setWindowTitle("Compare trainings")
        self.setMinimumWidth(680)
        self.name = QLineEdit()
        self.name.setObjectName("comparison_name")
        self.name.setMaxLength(64)
        self.name.setText(self._free_name())
        self.list = QListWidget()
        self.list.setObjectName("comparison_configurations")
        self.list.setAccessibleName("Configurations that are compared")
        self.list.setMinimumHeight(96)
        self.network, self.preset = QComboBox(), QComboBox()
        self.network.addItems(list(networks))
        self.preset.addItems(list(presets))
        self.network.setObjectName("comparison_network")
        self.network.setAccessibleName("Network")
        self.preset.setObjectName("comparison_preset")
        self.preset.setAccessibleName("Preset")
        self.network.setCurrentText("resunet")
        self.preset.setCurrentText("demo")
        self.changes = QLineEdit()
        self.changes.setObjectName("comparison_changes")
        self.changes.setAccessibleName("Changes of the preset")
        self.changes.setPlaceholderText("changes, such as epochs=20; kernel=[1,3,3]")
        self.changes.setToolTip(
            "Settings that differ from the preset's, by name: epochs, learning_rate, loss, channels, spacing_mm, "
            "augmentation.flip …; values as in JSON"
        )
        self.add = QPushButton("Add")
        self.add.setObjectName("comparison_add")
        self.add.setAutoDefault(False)
        self.add.clicked.connect(self._add)
        self.changes.installEventFilter(self)
        self.remove = QPushButton("Remove")
        self.remove.setObjectName("comparison_remove")
        self.remove.setAutoDefault(False)
        self.remove.setToolTip("Take the selected configuration off the list (Delete)")
        self.remove.clicked.connect(self._remove)
        self.list.installEventFilter(self)
        self.repeats, self.folds = QSpinBox(), QSpinBox()
        for box, key, tip in (
            (self.repeats, "repeats", "Trainings of each configuration with other seeds; the article has ten"),
            (self.folds, "folds", "1: the study's own split. More: cross-validation over all but the test subjects"),
        ):
            box.setObjectName(f"comparison_{key}")
            box.setRange(1, _MOST)
            box.setToolTip(tip)
            box.setValue(int(str(memory.value(_MEMORY + key, 1))))
            box.valueChanged.connect(lambda _: self._check())
        self.told = QLabel()
        self.told.setObjectName("comparison_told")
        self.told.setWordWrap(True)
        self.told.setMinimumHeight(38)
        self.buttons = QDialogButtonBox()
        start = self.buttons.addButton("Start", QDialogButtonBox.ButtonRole.AcceptRole)
        start.setProperty("role", "primary")
        self.buttons.addButton(QDialogButtonBox.StandardButton.Cancel)
        self.buttons.accepted.connect(self._accept)
        self.buttons.rejected.connect(self.reject)
        self._lay_out()
        for text in str(memory.value(_MEMORY + "configurations", _FIRST)).splitlines():
            self._take(text)
        self.name.textChanged.connect(lambda _: self._check())
        self.list.currentRowChanged.connect(lambda _: self._check())
        self.list.setCurrentRow(self.list.count() - 1)
        self._check()

    def _lay_out(self) -> None:
        new = QHBoxLayout()
        new.addWidget(self.network)
        new.addWidget(self.preset)
        new.addWidget(self.changes, 1)
        new.addWidget(self.add)
        listed = QHBoxLayout()
        listed.addWidget(self.list, 1)
        listed.addWidget(self.remove, 0, Qt.AlignmentFlag.AlignTop)
        how_often = QHBoxLayout()
        how_often.addWidget(self.repeats)
        how_often.addSpacing(18)
        how_often.addWidget(QLabel("Folds"))
        how_often.addWidget(self.folds)
        how_often.addStretch()
        form = QFormLayout()
        form.addRow("Name", self.name)
        form.addRow("Compare", listed)
        form.addRow("Add", new)
        form.addRow("Repeats", how_often)
        layout = QVBoxLayout(self)
        layout.setSpacing(10)
        layout.addLayout(form)
        layout.addWidget(self.told)
        layout.addWidget(self.buttons)

    @property
    def texts(self) -> list[str]:
        """The configurations as the command line takes them."""
        return [self.list.item(row).data(Qt.ItemDataRole.UserRole) for row in range(self.list.count())]

    @property
    def chosen(self) -> ComparisonRequest:
        """What is asked for.

        Raises:
            WorkbenchError: it cannot be decided.
        """
        name = checked_name(self.name.text())
        if name in self._taken:
            raise WorkbenchError(f"The study has a comparison {name} already.", "Choose another name.")
        wanted = checked([parse_configuration(text) for text in self.texts], self.repeats.value(), self.folds.value())
        return ComparisonRequest(name, tuple(wanted), self.repeats.value(), self.folds.value())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Enter in the changes adds and does not start; Delete in the list takes off."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if watched is self.changes and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._add()
                return True
            if watched is self.list and event.key() == Qt.Key.Key_Delete:
                self._remove()
                return True
        return super().eventFilter(watched, event)

    def _free_name(self) -> str:
        return next(name for number in range(1, 10_000) if (name := f"Comparison {number}") not in self._taken)

    def _take(self, text: str) -> None:
        """Put a configuration on the list; one that this program does not know any more is left out."""
        try:
            configuration = parse_configuration(text)
        except WorkbenchError:
            return
        if configuration.network in self._items(self.network) and configuration.preset in self._items(self.preset):
            self.list.addItem(configuration.title)
            self.list.item(self.list.count() - 1).setData(Qt.ItemDataRole.UserRole, configuration.text)

    @staticmethod
    def _items(box: QComboBox) -> list[str]:
        return [box.itemText(row) for row in range(box.count())]

    def _add(self) -> None:
        try:
            changes = parse_changes(self.changes.text())
            network, preset = self.network.currentText(), self.preset.currentText()
            changed_settings(preset, changes)
        except WorkbenchError as error:
            self._tell(error)
            return
        wanted = Configuration(network=network, preset=preset, changes=changes)
        if wanted.text in self.texts:
            self._tell(WorkbenchError(f"{wanted.title} is on the list."))
            return
        self._take(wanted.text)
        self.changes.clear()
        self.list.setCurrentRow(self.list.count() - 1)
        self._check()

    def _remove(self) -> None:
        self.list.takeItem(self.list.currentRow())
        self._check()

    def _check(self) -> None:
        self.remove.setEnabled(self.list.currentRow() >= 0)
        try:
            wanted = self.chosen
        except WorkbenchError as error:
            self._tell(error)
            self._set_ready(False)
            return
        trainings = len(wanted.configurations) * wanted.repeats * wanted.folds
        self.told.setProperty("role", "muted")
        self._polish()
        self.told.setText(
            f"{count(trainings, 'training')}: {count(len(wanted.configurations), 'configuration')} × "
            f"{count(wanted.repeats, 'repeat')} × {count(wanted.folds, 'fold')}. Those that are done already with the "
            "same label maps, settings and seed are used. The test set stays closed."
        )
        self._set_ready(True)

    def _tell(self, error: WorkbenchError) -> None:
        self.told.setProperty("role", "warning")
        self._polish()
        self.told.setText(f"{error.message} {error.remedy}".strip())

    def _polish(self) -> None:
        self.told.style().unpolish(self.told)
        self.told.style().polish(self.told)

    def _set_ready(self, ready: bool) -> None:
        for button in self.buttons.buttons():
            if self.buttons.buttonRole(button) == QDialogButtonBox.ButtonRole.AcceptRole:
                button.setEnabled(ready)

    def _accept(self) -> None:
        self._memory.setValue(_MEMORY + "configurations", "\n".join(self.texts))
        self._memory.setValue(_MEMORY + "repeats", self.repeats.value())
        self._memory.setValue(_MEMORY + "folds", self.folds.value())
        self.accept()
