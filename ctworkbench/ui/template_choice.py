"""Templates in the window: a menu to choose one from, and a label map made one."""

from typing import TYPE_CHECKING

from PySide6.QtGui import QActionGroup
from PySide6.QtWidgets import QInputDialog, QMenu, QMessageBox, QWidget

from ctworkbench.core.workbench.rows import TemplateRow
from ctworkbench.ui.bridge import Bridge

if TYPE_CHECKING:
    from ctworkbench.core.workbench import Workbench
    from ctworkbench.ui.review import ReviewPage


def template_menu(parent: QWidget, workbench: "Workbench", bridge: Bridge) -> QMenu:
    """A menu of the study's templates, the one in use ticked; it is read anew whenever it opens."""
    menu = QMenu("Template of Quick", parent)
    menu.setToolTipsVisible(True)

    def fill() -> None:
        menu.clear()
        group = QActionGroup(menu)
        for row in workbench.templates.templates():
            if row.subject == "" and row.sex and not group.actions()[1:]:
                menu.addSection("Children, which Balanced and Fine choose among")
            action = menu.addAction(row.name, lambda name=row.name: use(name))
            action.setCheckable(True)
            action.setChecked(row.in_use)
            action.setToolTip(_story(row))
            group.addAction(action)
        menu.addSeparator()
        hint = menu.addAction("A label map becomes one in Review: ⋯ → Use as template…")
        hint.setEnabled(False)

    def use(name: str) -> None:
        bridge.run(
            lambda: workbench.templates.use(name),
            lambda row: bridge.notify(f"Labels are carried from {row.name} from now on."),
            message="Choosing the template…",
        )

    menu.aboutToShow.connect(fill)
    return menu


def use_as_template(page: "ReviewPage") -> None:
    """Make the version that is shown a template, under a name that is asked for; corrections are saved first."""
    session = page.session
    if session.case is None or (session.shown is None and not session.dirty):
        page.tell("There is no label map to make a template of")
        return
    if session.dirty or session.saving:
        page.saving.begin(then=lambda: use_as_template(page))
        return
    shown, subject = session.shown, session.case.scan.subject
    if shown is None:
        return
    text = f"v{shown.version} of {subject} becomes a template that labels can be carried from. Its name:"
    name, given = QInputDialog.getText(page, "Use as template", text, text=f"{subject} v{shown.version}")
    if not given:
        return
    templates = page.workbench.templates

    def added(row: TemplateRow) -> None:
        question = f"The template “{row.name}” was added. Carry labels from it from now on, in place of the one in use?"
        if QMessageBox.question(page, "Template added", question) == QMessageBox.StandardButton.Yes:
            page.bridge.run(
                lambda: templates.use(row.name), lambda used: page.tell(f"Labels are carried from {used.name} now")
            )
        else:
            page.tell("It can be chosen under Cohort → Label → Template of Quick; Balanced and Fine may choose it now")

    page.bridge.run(lambda: templates.add(shown.id, name), added, page.bridge.report, message="Making the template…")


def _story(row: TemplateRow) -> str:
    """Where a template comes from, for its tooltip."""
    if row.annotation_id is not None:
        drawn = f"v{row.version} of {row.subject}, by {row.author}" if row.version else f"A label map of {row.subject}"
        return f"{drawn}; Balanced and Fine may choose it too"
    if row.age_years is None:
        return "The atlas of the program, an average of many heads; used by Quick alone"
    return f"One head at the size of {row.age_years:g} years; Balanced and Fine take those most like the scan"
