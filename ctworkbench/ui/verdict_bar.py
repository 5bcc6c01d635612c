"""The line below the views: what is under the mouse, the verdict, the grade and the comment."""

from collections.abc import Mapping

from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QComboBox, QFrame, QHBoxLayout, QLineEdit, QMenu, QPushButton, QToolButton, QWidget

from ctworkbench.core.workbench import Verdict
from ctworkbench.core.workbench.readers import PRESET_REASONS
from ctworkbench.ui.keymap import mark

VERDICT_KEYS = {
    Verdict.ACCEPT: ("Accept", ("A",)),
    Verdict.NEEDS_EDITS: ("Needs edits", ("X", "D")),
    Verdict.REJECT: ("Reject", ("R",)),
    Verdict.LATER: ("Later", ("L",)),
}
_WIDEST_COMMENT = 260
_LEAST_COMMENT = 40  # where there is little room the comment shrinks, so that every verdict can be read


class VerdictBar(QFrame):
    """Verdict buttons with their keys, an optional grade and comment, and Save.

    Signals:
        judged: a verdict was given.
        save_asked: the user wants the corrections saved.
        reasons_wanted: the user wants to edit the list of reasons.
    """

    judged = Signal(object)
    save_asked = Signal()
    reasons_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("verdictBar")
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 5, 8, 5)
        row.setSpacing(6)
        self.buttons: dict[Verdict, QPushButton] = {}
        for verdict, (title, keys) in VERDICT_KEYS.items():
            button = QPushButton()
            mark(button, title, keys[0], f"{title}, and go to the next scan")
            button.setProperty("verdict", verdict.value)
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            button.setCheckable(True)
            button.clicked.connect(lambda _=False, verdict=verdict: self.judged.emit(verdict))
            row.addWidget(button)
            self.buttons[verdict] = button
        self.grade = QComboBox()
        self.grade.addItems(["Grade –", "1 unusable", "2 poor", "3 fair", "4 good", "5 excellent"])
        # As wide as its title: the list itself opens wider.
        self.grade.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.grade.setMinimumContentsLength(3)
        self.grade.setMaximumWidth(96)
        self.grade.view().setMinimumWidth(110)
        self.grade.setToolTip("Quality of the label map as it was found (optional)")
        self.grade.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        row.addWidget(self.grade)
        self.reasons = QToolButton()
        self.reasons.setObjectName("reasons")
        self.reasons.setToolTip("What is wrong with the label map (optional); goes with the verdict")
        self.reasons.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.reasons.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._menu = _StayingMenu(self.reasons)
        self.reasons.setMenu(self._menu)
        self._reasons: dict[str, QAction] = {}
        self.show_reasons(PRESET_REASONS)
        row.addWidget(self.reasons)
        self.comment = QLineEdit()
        self.comment.setPlaceholderText("Comment")
        self.comment.setToolTip("Optional; goes with the verdict or the saved version; Esc goes back to the views")
        self.comment.setMinimumWidth(_LEAST_COMMENT)
        self.comment.setMaximumWidth(_WIDEST_COMMENT)
        row.addWidget(self.comment, 20)
        row.addStretch(1)
        self.save = QPushButton()
        mark(self.save, "Save", "Ctrl+S", "Save the corrections as a new version", key_on_it=False)
        self.save.setProperty("role", "primary")
        self.save.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.save.clicked.connect(self.save_asked)
        row.addWidget(self.save)

    @property
    def chosen_grade(self) -> int | None:
        """1 to 5, or None."""
        return self.grade.currentIndex() or None

    @property
    def chosen_reasons(self) -> tuple[str, ...]:
        """The reasons that are ticked, by the words that are kept."""
        return tuple(reason for reason, action in self._reasons.items() if action.isChecked())

    def step_grade(self, steps: int) -> None:
        """A better or a worse grade; past the ends comes none."""
        if self.grade.isEnabled():
            self.grade.setCurrentIndex((self.grade.currentIndex() + steps) % self.grade.count())

    def open_reasons(self) -> None:
        """Open the list of reasons, the first one chosen."""
        if self.reasons.isEnabled():
            QTimer.singleShot(0, self._menu, lambda: self._menu.setActiveAction(self._menu.actions()[0]))
            self.reasons.showMenu()

    def show_reasons(self, reasons: Mapping[str, str]) -> None:
        """Offer these reasons, word → title; what was ticked stays ticked."""
        if self._reasons and {word: action.text() for word, action in self._reasons.items()} == dict(reasons):
            return
        ticked, menu = self.chosen_reasons, self._menu
        menu.clear()
        self._reasons = {word: menu.addAction(title) for word, title in reasons.items()}
        for word, action in self._reasons.items():
            action.setCheckable(True)
            action.setChecked(word in ticked)
            action.toggled.connect(lambda _: self._count_reasons())
        menu.addSeparator()
        menu.addAction("Edit reasons…", self.reasons_wanted.emit)
        self._count_reasons()

    def show_verdict(self, verdict: Verdict | None) -> None:
        """Mark the verdict that stands."""
        for known, button in self.buttons.items():
            button.setChecked(known is verdict)

    def enable(self, judge: bool, save: bool) -> None:
        """Which buttons can be pressed."""
        for button in self.buttons.values():
            button.setEnabled(judge)
        self.grade.setEnabled(judge)
        self.reasons.setEnabled(judge)
        self.comment.setEnabled(judge or save)
        self.save.setEnabled(save)

    def clear(self) -> None:
        """Forget grade, reasons and comment, for the next scan."""
        self.grade.setCurrentIndex(0)
        self.comment.clear()
        for action in self._reasons.values():
            action.setChecked(False)

    def _count_reasons(self) -> None:
        chosen = len(self.chosen_reasons)
        self.reasons.setText(f"Reasons {chosen} ▾" if chosen else "Reasons ▾")


class _StayingMenu(QMenu):
    """A menu that stays open while entries are ticked."""

    def event(self, event: QEvent) -> bool:
        """Keys belong to the menu while it is open: none of them judges, or opens the next scan."""
        if event.type() == QEvent.Type.ShortcutOverride:
            event.accept()
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Space ticks and stays; Enter ticks and closes, as in every menu."""
        action = self.activeAction()
        if event.key() == Qt.Key.Key_Space and action is not None and action.isCheckable():
            action.trigger()
        else:
            super().keyPressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Tick and stay."""
        action = self.actionAt(event.position().toPoint())
        if action is not None and action.isCheckable():
            action.trigger()
        else:
            super().mouseReleaseEvent(event)
