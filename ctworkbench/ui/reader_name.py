"""Who is reading: asked once, remembered, and changed where readers share a desk."""

from collections.abc import Sequence

from PySide6.QtWidgets import QCheckBox, QComboBox, QDialog, QDialogButtonBox, QLabel, QVBoxLayout, QWidget

from ctworkbench.core.settings import UNKNOWN


class NameDialog(QDialog):
    """Asks for the name that verdicts and label maps are given under.

    Args:
        readers: names to choose from; another can be typed.
        current: who is signed in; "" if nobody is.
    """

    def __init__(self, readers: Sequence[str], current: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Who is reading?")
        self.setMinimumWidth(380)
        what = QLabel(
            "Verdicts and label maps are kept under this name for good. Where several read this study, it also says "
            "what is still kept from you: take your own."
        )
        what.setWordWrap(True)
        self.name = QComboBox()
        self.name.setObjectName("reader_name")
        self.name.setAccessibleName("Name of the reader")
        self.name.setEditable(True)
        self.name.addItems(list(readers))
        self.name.setCurrentText(current)
        self.name.setPlaceholderText("Name")
        self.keep = QCheckBox("Remember it on this computer")
        self.keep.setChecked(True)
        self._box = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self._box.accepted.connect(self.accept)
        self._box.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setSpacing(10)
        for widget in (what, self.name, self.keep, self._box):
            layout.addWidget(widget)
        self.name.editTextChanged.connect(self._check)
        self._check()
        self.name.setFocus()

    @property
    def chosen(self) -> str:
        """The name, without blanks around it."""
        return " ".join(self.name.currentText().split())

    def _check(self) -> None:
        named = bool(self.chosen) and self.chosen.casefold() != UNKNOWN
        self._box.button(QDialogButtonBox.StandardButton.Ok).setEnabled(named)
