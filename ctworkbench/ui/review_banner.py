"""One line above the views that says what is special about a case, with up to two things to do about it."""

from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QWidget

from ctworkbench.core.workbench import AnnotationRow, Verdict
from ctworkbench.core.workbench.current import verdict_text
from ctworkbench.core.workbench.rows import ReadingRow
from ctworkbench.ui.review_session import ReviewSession

_HEIGHT = 33  # of a line with buttons


class Banner(QFrame):
    """One line above the views that says what is special about this case, with up to two things to do about it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("banner")
        self.target: int | None = None
        """The version that the first button shows (its number in the study)."""
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 4, 8, 4)
        self.text = QLabel()
        self.text.setWordWrap(True)
        row.addWidget(self.text, 1)
        self.first, self.second = QPushButton(), QPushButton()
        for button in (self.first, self.second):
            row.addWidget(button)
        # Its room is kept, so that the views stay where they are from case to case.
        policy = self.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.setSizePolicy(policy)
        self.setMinimumHeight(_HEIGHT)
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
        case, shown, standing = session.case, session.shown, session.standing
        newest = next((row for row in session.versions if not row.aside), None)
        target: AnnotationRow | None = None
        if case is None:
            self.hide()
        elif session.recovery_open and case.recovered is not None:
            time = case.recovered.time.strftime("%d %b %H:%M")
            if case.recovered.unnamed:
                text = f"Unsaved corrections from {time} were found, drawn before a name was given. Are they yours?"
                self.tell(text, "warning", "Restore mine", "Not mine")
            else:
                self.tell(f"Unsaved corrections from {time} were found.", "warning", "Restore", "Discard")
        elif session.recovery_open:
            text = f"Unsaved corrections were found but cannot be used. {case.damaged}"
            self.tell(text, "warning", second="Discard")
        elif shown is None and not session.dirty:
            self.tell("No label map yet: run Label under Cohort, or draw one here.")
        elif standing.disputed and session.readings:
            told = "  ·  ".join(reading_text(one) for one in session.readings)
            self.tell(f"Readers disagree: {told}. What an adjudicator accepts counts.", "warning")
        elif standing.undecided and session.readings:
            told = "  ·  ".join(reading_text(one) for one in session.readings)
            self.tell(f"Not yet compared: {told}. Whether the label maps agree is being worked out.")
        elif session.read_only and shown is not None:
            target = session.correction_of(shown)
            after = f"; v{target.version} was drawn from it" if target is not None else ""
            self.tell(f"v{shown.version} is shown to look at only{after}.", first="Go to the current version")
        elif newest is not None and shown is not None and newest.id != shown.id:
            target = newest
            read = "" if newest.verdict else ", no verdict yet"
            self.tell(f"A newer version exists: v{newest.version} ({newest.origin.value}{read}).", first=_show(target))
        elif standing.counts is not None and shown is not None and standing.counts.id != shown.id:
            target = standing.counts
            what = f"v{shown.version} ({shown.origin.value})"
            known = "was rejected" if shown.verdict is Verdict.REJECT else "counts once it is accepted"
            self.tell(f"{what} {known}; v{target.version} ({target.origin.value}) counts now.", first=_show(target))
        else:
            self.hide()
        self.target = None if target is None else target.id


def reading_text(one: ReadingRow) -> str:
    """What a reader made of a case: "Dr. Marsh: rejected v1, grade 2, leak, “into the sinus”"."""
    parts = [f"{verdict_text(one.verdict)} v{one.version}"]
    parts += [f"grade {one.grade}"] if one.grade is not None else []
    parts += [*one.reasons, *([f"“{one.comment}”"] if one.comment else [])]
    return f"{one.reader}: {', '.join(parts)}"


def _show(row: AnnotationRow) -> str:
    return f"Show v{row.version}"
