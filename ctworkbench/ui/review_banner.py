"""One line above the views that says what is special about a case, with up to two things to do about it."""

from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QWidget

from ctworkbench.ui.review_session import ReviewSession


class Banner(QFrame):
    """One line above the views that says what is special about this case, with up to two things to do about it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("banner")
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 4, 8, 4)
        self.text = QLabel()
        self.text.setWordWrap(True)
        row.addWidget(self.text, 1)
        self.first, self.second = QPushButton(), QPushButton()
        for button in (self.first, self.second):
            row.addWidget(button)
        self.hide()

    def tell(self, text: str, kind: str = "info", first: str = "", second: str = "") -> None:
        """Show a line; buttons without a title stay away."""
        self.setProperty("kind", kind)
        self.style().unpolish(self)
        self.style().polish(self)
        self.text.setText(text)
        for button, title in ((self.first, first), (self.second, second)):
            button.setText(title)
            button.setVisible(bool(title))
        self.show()

    def show_for(self, session: ReviewSession) -> None:
        """Say what the reader must know of the open case, the most pressing thing first."""
        case, shown = session.case, session.shown
        newest = session.versions[0] if session.versions else None
        if case is None:
            self.hide()
        elif session.recovery_open and case.recovered is not None:
            time = case.recovered.time.strftime("%d %b %H:%M")
            self.tell(f"Unsaved corrections from {time} were found.", "warning", "Restore", "Discard")
        elif session.recovery_open:
            text = f"Unsaved corrections were found but cannot be used. {case.damaged}"
            self.tell(text, "warning", second="Discard")
        elif shown is None and not session.dirty:
            self.tell("No label map yet: run Label under Cohort, or draw one here.")
        elif session.read_only and shown is not None:
            self.tell(f"v{shown.version} is shown to look at only.", first="Go to the current version")
        elif newest is not None and shown is not None and newest.id != shown.id:
            title = f"v{newest.version}"
            self.tell(f"A newer version exists: {title} ({newest.origin.value}).", first=f"Show {title}")
        else:
            self.hide()
