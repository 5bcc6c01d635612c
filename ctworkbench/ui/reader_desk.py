"""The reader at the review room: a name for every verdict, reasons of the study, the history of a case."""

import logging
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QInputDialog, QPushButton, QSizePolicy

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.settings import remember_author
from ctworkbench.core.wording import count
from ctworkbench.core.workbench import Verdict
from ctworkbench.ui.audit_dialog import AuditDialog
from ctworkbench.ui.reader_name import NameDialog

if TYPE_CHECKING:
    from ctworkbench.core.workbench import Workbench
    from ctworkbench.ui.bridge import Bridge
    from ctworkbench.ui.review import ReviewPage

log = logging.getLogger(__name__)

Pair = tuple[int, int]
"""Two versions of a label map, by their numbers."""
_ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)


class ReaderDesk(QObject):
    """What the review room asks of the one who reads."""

    def __init__(self, page: "ReviewPage", workbench: "Workbench", bridge: "Bridge") -> None:
        super().__init__(page)
        self._page, self._workbench, self._bridge = page, workbench, bridge
        self._accepting = False
        self._given = ""
        self._comparing = False
        self._failed: set[Pair] = set()
        self.button = QPushButton()
        self.button.setObjectName("reading_as")
        self.button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)  # a long name must not widen it
        self.button.clicked.connect(self.ask)
        bar = page.verdicts
        bar.comment.returnPressed.connect(self._accept_now)
        bar.comment.installEventFilter(self)
        bar.reasons_wanted.connect(self.edit_reasons)
        page.header.history_asked.connect(self.show_history)
        self._given = workbench.author
        self._follow()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Leaving the comment gives up to accept with it; Enter is the comment's own there, not a key of the room."""
        if event.type() == QEvent.Type.FocusOut:
            self._stop_accepting()
        elif event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and event.key() in _ENTER:
            event.accept()
            return True
        return super().eventFilter(watched, event)

    def refresh(self) -> None:
        """Read the names of the readers and the reasons of the study again."""
        readers = self._workbench.readers
        self._bridge.run(
            lambda: (readers.names(), readers.reasons(), readers.uncompared()),
            self._take,
            self._bridge.report,
            key="reader desk",
        )
        if self._workbench.author != self._given:  # somebody signed in from a menu
            self._given = self._workbench.author
            self._follow()
            case = self._page.session.case
            if case is not None and not self._page.session.dirty:
                self._page.opening.read_again()

    def has_name(self) -> bool:
        """Whether a verdict can be given: asks for the name where it is missing."""
        # What was found of theirs is looked at first.
        return bool(self._workbench.author) or (self.ask() and not self._page.opening.loading)

    def ask(self) -> bool:
        """Ask who is reading; False if that stays open."""
        before = self._workbench.author
        dialog = NameDialog(self._workbench.readers.names(), before, self._page.window())
        if not dialog.exec() or dialog.chosen == before:
            return bool(before)
        if before and not self._page.maybe_close():  # what was drawn under the other name is saved under it
            return True
        try:
            self._workbench.sign_in(dialog.chosen)
            if dialog.keep.isChecked():
                remember_author(dialog.chosen)
        except WorkbenchError as error:
            self._bridge.report(error)
            return bool(self._workbench.author)
        except OSError:
            log.warning("the name of the reader cannot be remembered", exc_info=True)
        if not before:
            self._given = self._workbench.author
            self._follow()
            session = self._page.session
            if session.case is not None and not session.dirty and session.recovery.holds(session.case.scan.id):
                self._page.opening.read_again()  # before a stroke: what a crash left of theirs is offered
        return True

    def accept_with_comment(self) -> None:
        """Put the cursor into the comment; Enter accepts with it, Esc goes back."""
        bar = self._page.verdicts
        if not bar.comment.isEnabled():
            self._page.tell("There is no label map to judge")
            return
        self._accepting = True
        bar.comment.setPlaceholderText("Comment, then Enter accepts")
        bar.comment.setFocus()

    def edit_reasons(self) -> None:
        """Change the preset reasons of the study, one a line."""
        readers = self._workbench.readers
        words = "\n".join(readers.reasons())
        label = "Preset reasons of this study, one a line. Verdicts that were given keep their words."
        text, done = QInputDialog.getMultiLineText(self._page.window(), "Edit reasons", label, words)
        if not done:
            return
        try:
            readers.set_reasons([line for line in text.splitlines() if line.strip()])
        except WorkbenchError as error:
            self._bridge.report(error)
            return
        self.refresh()

    def show_history(self) -> None:
        """Show who did what to the scan that is open."""
        case = self._page.session.case
        if case is not None:
            AuditDialog(self._workbench, self._bridge, self._page.window(), case.scan.id, case.scan.subject).open()

    def _take(self, answer: tuple[list[str], dict[str, str], list[Pair]]) -> None:
        names, reasons, pairs = answer
        self._compare([pair for pair in pairs if pair not in self._failed])
        self._page.verdicts.show_reasons(reasons)
        self._page.worklist.offer_disputes(len(names) > 1)
        author = self._workbench.author
        known = not names or author in names
        who = f"{author or 'Nobody yet'} gives the verdicts here; click to change"
        self.button.setToolTip(who if known else f"{who}. This study has readers: {', '.join(names)}")

    def _compare(self, pairs: list[Pair]) -> None:
        """Compare readers' label maps aside, one pair at a time, so that the window can be closed in between."""
        if self._comparing or not pairs or self._page.disposed:
            return
        self._comparing, (pair, *rest) = True, pairs

        def done(_: object) -> None:
            self._comparing = False
            self._compare(rest)

        def failed(error: Exception) -> None:
            self._failed.add(pair)  # told once; the scan stays "not yet compared"
            self._bridge.report(error)
            done(None)

        message = f"Comparing readers' label maps: {count(len(pairs), 'pair')} left…"
        self._bridge.run(lambda: self._workbench.readers.compare(pair), done, failed, message=message)

    def _follow(self) -> None:
        """Unsaved corrections are found again by the one who drew them alone."""
        self._page.session.follow_reader()
        self.button.setText(f"Reading as {self._workbench.author or '…'}")

    def _accept_now(self) -> None:
        if self._accepting:
            self._stop_accepting()
            self._page.setFocus()
            self._page.judge(Verdict.ACCEPT)

    def _stop_accepting(self) -> None:
        self._accepting = False
        self._page.verdicts.comment.setPlaceholderText("Comment")
