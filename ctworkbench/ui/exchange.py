"""Label maps out of the review room to other programs, and back into it."""

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSettings, QStandardPaths
from PySide6.QtWidgets import QFileDialog

from ctworkbench.core.errors import ConflictError
from ctworkbench.core.workbench import AnnotationRow
from ctworkbench.core.workbench.exchange import FORMATS, Format
from ctworkbench.ui.review_dialogs import ask_to_save_upon

if TYPE_CHECKING:
    from ctworkbench.ui.review import ReviewPage

_FOLDER = "exchange_folder"
_FILTER = "Label maps (*.nii *.nii.gz *.seg.nrrd *.nrrd);;All files (*)"


class Exchange:
    """What the entries of the case menu do.

    Args:
        page: the room, with the case that is open.
        memory: the folder used last is remembered there.
    """

    def __init__(self, page: "ReviewPage", memory: QSettings) -> None:
        self._page = page
        self._memory = memory

    def save_copy(self, form: Format) -> None:
        """Ask for a folder and write image and label map into it; unsaved corrections are saved first."""
        page = self._page
        if page.session.case is None:
            page.tell("Open a scan first")
            return
        if page.session.dirty or page.session.saving:
            page.saving.begin(then=lambda: self.save_copy(form))
            return
        title = f"Save a copy for {FORMATS[form]}: choose a folder"
        folder = QFileDialog.getExistingDirectory(page, title, self._folder())
        if not folder:
            return
        self._memory.setValue(_FOLDER, folder)
        scan, shown = page.session.case.scan.id, page.session.shown
        exchange, out = page.workbench.exchange, Path(folder)
        page.bridge.run(
            lambda: exchange.export(scan, None if shown is None else shown.id, out, form),
            lambda paths: page.tell(f"Written to {out}: {', '.join(path.name for path in paths)}", passing=6000),
            page.bridge.report,
            message="Writing a copy…",
        )

    def take_back(self) -> None:
        """Ask for a file and keep it as a new version; then show it.

        It was drawn from the label map that the file or its name tells, or else from the one that is shown.
        """
        page = self._page
        case = page.session.case
        if case is None:
            page.tell("Open a scan first")
            return
        if not page.maybe_close():
            return
        shown = page.session.shown
        text = f"Take a label map of {case.scan.subject} back"
        name, _ = QFileDialog.getOpenFileName(page, text, self._folder(), _FILTER)
        if not name:
            return
        path = Path(name)
        self._memory.setValue(_FOLDER, str(path.parent))
        self._take(case.scan.id, path, None if shown is None else shown.id)

    def _take(self, scan_id: int, path: Path, otherwise: int | None, upon: int | None = None) -> None:
        page = self._page

        def taken(answer: tuple[AnnotationRow, tuple[str, ...]]) -> None:
            row, notes = answer
            if notes:
                page.bridge.notify(f"{path.name} is v{row.version}: {notes[0]}", " ".join(notes[1:]), "warning")
            parent = next((other for other in page.session.versions if other.id == row.parent_id), None)
            page.show_version(scan_id, row.id)
            page.tell(f"{path.name} is v{row.version}" + (f", drawn from v{parent.version}" if parent else ""))

        def failed(error: Exception) -> None:
            newest: AnnotationRow | None = None
            if isinstance(error, ConflictError):
                parent = next((row for row in page.session.versions if row.id == error.parent_id), None)
                newest = page.session.correction_of(parent)
            if newest is None:
                page.bridge.report(error)
            elif ask_to_save_upon(page, newest):
                self._take(scan_id, path, otherwise, newest.id)

        take_back = page.workbench.exchange.take_back
        message = f"Reading {path.name}…"
        page.bridge.run(lambda: take_back(scan_id, path, otherwise, upon), taken, failed, message=message)

    def _folder(self) -> str:
        home = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
        return str(self._memory.value(_FOLDER, home))
