"""The two questions that the review room asks."""

from PySide6.QtWidgets import QMessageBox, QWidget

from ctworkbench.core.workbench import AnnotationRow


def ask_about_unsaved(parent: QWidget, subject: str) -> QMessageBox.StandardButton:
    """What to do with unsaved corrections: Save, Discard or Cancel."""
    return QMessageBox.question(
        parent,
        "Unsaved corrections",
        f"The corrections of {subject} are not saved yet. Save them as a new version?",
        QMessageBox.StandardButton.Save | QMessageBox.StandardButton.Discard | QMessageBox.StandardButton.Cancel,
        QMessageBox.StandardButton.Save,
    )


def ask_to_save_upon(parent: QWidget, newest: AnnotationRow) -> bool:
    """Whether corrections of an older version become the newest one, although another was saved meanwhile."""
    box = QMessageBox(
        QMessageBox.Icon.Warning,
        "Another version is newer",
        f"v{newest.version} ({newest.origin.value}, {newest.author}) is newer than the version you corrected.",
        parent=parent,
    )
    box.setInformativeText(
        f"Nothing is lost. Save yours as v{newest.version + 1} on top of it, or keep working and look at it first."
    )
    save = box.addButton(f"Save mine as v{newest.version + 1}", QMessageBox.ButtonRole.AcceptRole)
    box.addButton("Keep working", QMessageBox.ButtonRole.RejectRole)
    box.exec()
    return box.clickedButton() is save
