"""The cohort: its table, its next step, importing, and what was refused."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PySide6.QtCore import QItemSelectionModel, QMimeData, QPointF, QSettings, Qt, QUrl
from PySide6.QtGui import QDropEvent, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialogButtonBox, QLabel, QMessageBox, QToolButton
from pytestqt.qtbot import QtBot

from ctworkbench.core.settings import Settings
from ctworkbench.core.workbench import Verdict, Workbench
from ctworkbench.core.workbench.rows import RefusalRow
from ctworkbench.ui.bridge import Bridge, OpenScan
from ctworkbench.ui.cohort import CohortPage
from ctworkbench.ui.cohort_table import COLUMNS, ROW_ROLE
from ctworkbench.ui.correction_dialog import CorrectionDialog
from ctworkbench.ui.import_dialog import ImportDialog, RefusalsDialog
from tests.core.test_standing import model_version
from tests.ui.seeded_study import seed


@pytest.fixture
def workbench(tmp_path: Path) -> Iterator[Workbench]:
    opened = seed(tmp_path / "study")
    yield opened
    opened.close()


def show(workbench: Workbench, memory: QSettings, qtbot: QtBot) -> CohortPage:
    page = CohortPage(workbench, Bridge(workbench), OpenScan(), memory)
    page.resize(1200, 640)
    qtbot.addWidget(page)
    with qtbot.waitExposed(page):
        page.show()
    page.refresh()
    qtbot.waitUntil(lambda: page._refused_before is not None)
    return page


@pytest.fixture
def page(workbench: Workbench, memory: QSettings, qtbot: QtBot) -> Iterator[CohortPage]:
    made = show(workbench, memory, qtbot)
    yield made
    made._bridge.close()


def shown(page: CohortPage, column: int = 0) -> list[str]:
    return [page.proxy.index(row, column).data() for row in range(page.proxy.rowCount())]


def select(page: CohortPage, *subjects: str) -> None:
    page.table.clearSelection()
    for row, subject in enumerate(shown(page)):
        if subject in subjects:
            flags = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
            page.table.selectionModel().select(page.proxy.index(row, 0), flags)


def test_that_the_table_tells_of_every_scan(page: CohortPage) -> None:
    assert len(shown(page)) == 17
    row = shown(page).index("GE-ADULT")
    cells = [page.proxy.index(row, column).data() for column in range(page.proxy.columnCount())]
    assert cells[1:4] == ["M", "45.00 y", "South"]
    assert cells[6].startswith("tilt 18.5°")
    assert "gantry tilt 18.5°" in page.proxy.index(row, 6).data(Qt.ItemDataRole.ToolTipRole)
    assert cells[8] == "v1 registration"
    doubt = "age 45 years is no child's; if it is months, 3.75 years are meant, if days, 0.12"
    assert cells[-1] == f"{doubt}; slices of two spacings"
    assert "17 subjects" in page.summary.text()
    assert "8 M / 8 F" in page.summary.text()
    assert "1 of unknown age" in page.summary.text()


def test_that_ages_are_sorted_as_numbers(page: CohortPage) -> None:
    page.table.sortByColumn(2, Qt.SortOrder.DescendingOrder)
    assert shown(page)[0] == "GE-ADULT"
    assert shown(page)[-1] == "P005"


def test_that_the_filter_keeps_rows_with_every_word(page: CohortPage) -> None:
    page.filter.setText("F expert")
    assert shown(page) == ["P004", "P008", "P012"]
    page.filter.setText("nothing like it")
    assert shown(page) == []


def test_that_the_next_step_is_named_for_all_and_for_the_selection(page: CohortPage) -> None:
    assert page.next_button.text() == "Preprocess 1 scan"
    select(page, "P015")
    assert page.next_button.text() == "Label 1 scan"
    assert page.scope.text() == "for the 1 selected scan"
    select(page, "P003", "P008", "P001")
    assert page.next_button.text() == "Review 2 label maps"
    select(page, "P001")
    assert page.next_button.text() == "See the charts"


def test_that_the_tools_work_on_the_selection_alone(
    page: CohortPage, workbench: Workbench, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(workbench.labelling, "pseudo_label", lambda *given: asked.append(given) or [])
    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.Yes)
    select(page, "P001", "P002")
    page.label("fine")
    qtbot.waitUntil(lambda: bool(asked))
    assert asked == [("fine", [1, 2], True)]


def test_that_reading_comes_before_measuring_and_a_rejected_scan_is_to_label(
    page: CohortPage, workbench: Workbench, qtbot: QtBot
) -> None:
    page._measured = set()
    select(page, "P003", "P008", "P001")
    assert page.next_button.text() == "Review 2 label maps"
    workbench.review.judge_subject("P001", Verdict.REJECT)
    page.refresh()
    qtbot.waitUntil(lambda: page._bridge.idle)
    select(page, "P001")
    assert page.next_button.text() == "Label 1 scan"


def test_that_a_further_label_map_is_asked_for_and_the_others_are_made_without(
    page: CohortPage, workbench: Workbench, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    questions: list[str] = []
    monkeypatch.setattr(workbench.labelling, "pseudo_label", lambda *given: asked.append(given) or [])
    no = QMessageBox.StandardButton.No
    monkeypatch.setattr(QMessageBox, "question", lambda _page, _title, text: questions.append(text) or no)
    select(page, "P001")
    page.label("fine")
    qtbot.waitUntil(lambda: bool(questions))
    assert questions == ["1 scan has a label map of the registration. Make a further version?"] and not asked
    select(page, "P001", "P015")
    page.label("fine")
    qtbot.waitUntil(lambda: bool(asked))
    assert asked == [("fine", [1, 15], False)] and len(questions) == 2
    workbench.review.judge_subject("P001", Verdict.REJECT)
    select(page, "P001")
    page.label("fine")  # a rejected one is no reason to ask
    qtbot.waitUntil(lambda: len(asked) == 2)
    assert asked[1] == ("fine", [1], False) and len(questions) == 2


def test_that_the_menu_of_label_offers_the_presets_and_all_templates(
    page: CohortPage, workbench: Workbench, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(workbench.labelling, "pseudo_label", lambda preset, *_: asked.append(preset) or [])
    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.Yes)
    menu = page.findChild(QToolButton, "label").menu()
    presets = [action for action in menu.actions() if action.menu() is None and not action.isSeparator()]
    assert [action.text().split(" – ")[0] for action in presets] == ["Quick", "Balanced", "Fine", "As in the study"]
    select(page, "P001")
    presets[1].trigger()
    qtbot.waitUntil(lambda: asked == ["balanced"])
    (templates,) = [action.menu() for action in menu.actions() if action.menu() is not None]
    templates.aboutToShow.emit()
    named = [action for action in templates.actions() if action.isCheckable()]
    assert [action.text() for action in named] == [row.name for row in workbench.templates.templates()]
    assert [action.isChecked() for action in named] == [True] + 8 * [False]
    assert "average of many heads" in named[0].toolTip() and "2 years" in named[1].toolTip()


def test_that_the_menu_of_segment_offers_every_model_and_all_folds_together(
    page: CohortPage, workbench: Workbench, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[object, ...]] = []
    monkeypatch.setattr(workbench.modelling, "segment", lambda *given: asked.append(given) or [])
    (only,) = workbench.modelling.models()
    folds = [replace(only, id=number, folds=(7, 8), variant=f"fold {number - 7}") for number in (8, 7)]
    monkeypatch.setattr(workbench.modelling, "models", lambda: [*folds, only])
    menu = page.findChild(QToolButton, "segment").menu()
    menu.aboutToShow.emit()
    qtbot.waitUntil(lambda: len(menu.actions()) == 5)
    together, _, newest, *_, last = menu.actions()
    assert together.text() == "All folds of resunet (demo) – models 7, 8"
    assert newest.text().startswith("Model 8 – resunet (demo, fold 1)")
    select(page, "P001")
    for number, act in enumerate((together.trigger, last.trigger, page.segment), 1):
        act()
        qtbot.waitUntil(lambda number=number: len(asked) == number)
    (scan,) = page._ids() or []
    assert asked == [([7, 8], [scan]), ([only.id], [scan]), (None, [scan])]


def test_that_what_cannot_be_labelled_is_told(page: CohortPage, qtbot: QtBot) -> None:
    select(page, "P016")
    with qtbot.waitSignal(page._bridge.noticed) as told:
        page.label("quick")
    assert told.args is not None
    assert "1 scan is not preprocessed" in told.args[0].message
    assert told.args[0].remedy


def test_that_enter_and_a_double_click_open_the_scan(page: CohortPage, qtbot: QtBot) -> None:
    index = page.proxy.index(3, 0)
    page.table.setCurrentIndex(index)
    page.table.setFocus()
    with qtbot.waitSignal(page.scan_wanted) as wanted:
        QTest.keyClick(page.table, Qt.Key.Key_Return)
    assert wanted.args == [index.data(ROW_ROLE).id]
    other = page.proxy.index(6, 0)
    place = page.table.visualRect(other).center()
    QTest.mouseClick(page.table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    with qtbot.waitSignal(page.scan_wanted) as wanted:
        QTest.mouseDClick(page.table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert wanted.args == [other.data(ROW_ROLE).id]


def test_that_a_change_by_anyone_shows_and_the_selection_stays(
    page: CohortPage, workbench: Workbench, qtbot: QtBot
) -> None:
    select(page, "P003")
    assert workbench.review.accept_all() > 0
    row = shown(page).index("P003")
    qtbot.waitUntil(lambda: page.proxy.index(row, 9).data() == "accepted unread")
    assert [scan.subject for scan in page.selected()] == ["P003"]


def test_that_a_newer_version_is_to_review_and_the_numbers_agree(
    page: CohortPage, workbench: Workbench, qtbot: QtBot
) -> None:
    model_version(workbench, 1)
    workbench.review.judge(workbench.review.annotations(3)[0].id, Verdict.LATER)
    row = shown(page).index("P001")
    qtbot.waitUntil(lambda: page.proxy.index(row, 9).data() == "accepted, v2 to review")
    assert page.proxy.index(shown(page).index("P008"), 9).data() == "to review"
    qtbot.waitUntil(lambda: page.proxy.index(shown(page).index("P003"), 9).data() == "later")
    select(page, *[scan.subject for scan in page.model.scans if scan.versions])
    assert page.next_button.text() == f"Review {workbench.status().unreviewed} label maps" == "Review 4 label maps"
    page.filter.setText("to review")
    assert shown(page) == ["P001", "P008", "P013"]


def test_that_an_empty_study_offers_the_import(tmp_path: Path, memory: QSettings, qtbot: QtBot) -> None:
    with Workbench.create(tmp_path / "empty", Settings()) as workbench:
        page = show(workbench, memory, qtbot)
        assert page.pages.currentIndex() == 0
        page.pages.currentWidget().findChild(type(page.next_button), "import_first").click()
        dialog = QApplication.activeModalWidget()
        assert isinstance(dialog, ImportDialog)
        dialog.reject()
        page._bridge.close()


def test_that_dropped_folders_are_offered_for_import(page: CohortPage, tmp_path: Path) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(tmp_path / "scans")), QUrl.fromLocalFile(str(tmp_path / "cohort.csv"))])
    copy, left, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    page.dropEvent(QDropEvent(QPointF(5, 5), copy, mime, left, none))
    dialog = QApplication.activeModalWidget()
    assert isinstance(dialog, ImportDialog)
    assert dialog.paths == [tmp_path / "scans"]
    assert dialog.cohort_csv == tmp_path / "cohort.csv"
    dialog.reject()


def test_that_the_import_takes_what_was_chosen(
    page: CohortPage, workbench: Workbench, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(workbench.cohort, "import_paths", lambda *given: asked.append(given) or ["job"])
    page.import_scans([tmp_path, tmp_path])
    dialog = QApplication.activeModalWidget()
    assert isinstance(dialog, ImportDialog)
    dialog.accept()
    qtbot.waitUntil(lambda: bool(asked))
    assert asked == [([tmp_path], None)]


def test_that_refusals_are_shown_with_their_remedy_and_can_be_copied_and_saved(
    page: CohortPage, qtbot: QtBot, tmp_path: Path
) -> None:
    assert page.refused.text() == "1 refused…"
    page.refused.click()
    qtbot.waitUntil(lambda: isinstance(QApplication.activeModalWidget(), RefusalsDialog))
    dialog = QApplication.activeModalWidget()
    assert isinstance(dialog, RefusalsDialog)
    dialog.copy()
    line = "P099/series 4\tFour slices share one position.\tExport the series again without the localizer."
    assert line in QGuiApplication.clipboard().text()
    dialog.save(tmp_path / "refused.csv")
    assert "Four slices share one position." in (tmp_path / "refused.csv").read_text(encoding="utf-8")
    dialog.reject()


def test_that_what_was_skipped_is_called_so_in_the_dialog_too(qtbot: QtBot) -> None:
    rows = [RefusalRow(f"{n}.nii", "a label map", "", n > 1, datetime.now(UTC)) for n in range(1, 4)]
    for some, title in ((rows, "1 refused, 2 skipped beside what was taken"), (rows[1:], "2 skipped beside")):
        dialog = RefusalsDialog(some)
        qtbot.addWidget(dialog)
        assert any(label.text().startswith(title) for label in dialog.findChildren(QLabel))


def test_that_an_age_is_corrected_with_a_reason_and_the_row_follows(
    page: CohortPage, workbench: Workbench, qtbot: QtBot
) -> None:
    page.table.setCurrentIndex(page.proxy.index(shown(page).index("P002"), 0))
    page.correct()
    dialog = QApplication.activeModalWidget()
    assert isinstance(dialog, CorrectionDialog)
    button = dialog._box.button(QDialogButtonBox.StandardButton.Ok)
    dialog.age.clear()
    QTest.keyClicks(dialog.age, "29")
    assert not button.isEnabled()
    QTest.keyClicks(dialog.reason, "the form says so")
    assert button.isEnabled()
    with qtbot.waitSignal(page._bridge.noticed):
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    page.refresh()
    qtbot.waitUntil(lambda: any(scan.age_years == 29 for scan in page.model.scans))
    scan = next(scan for scan in page.model.scans if scan.subject == "P002")
    assert (scan.age_years, str(scan.sex)) == (29, "F")
    assert "2.42 years are meant" in page.model.text(scan, next(c for c in COLUMNS if c.title == "Warnings"))
    assert next(row for row in workbench.audit.entries() if row.action == "correct subject").why == "the form says so"


def test_that_the_import_dialog_doubts_a_table_of_months_before_it_is_used(page: CohortPage, tmp_path: Path) -> None:
    page.import_scans([tmp_path])
    dialog = QApplication.activeModalWidget()
    assert isinstance(dialog, ImportDialog)
    assert dialog.doubt.isHidden()
    (tmp_path / "months.csv").write_text("subject,sex,age_years\nA,M,25\nB,F,29\n")
    dialog.add([tmp_path / "months.csv"])
    assert not dialog.doubt.isHidden()
    assert "2.08 to 2.42 years are meant" in dialog.doubt.text()
    (tmp_path / "years.csv").write_text("subject,sex,age_years\nA,M,2.5\n")
    dialog.csv.setText(str(tmp_path / "years.csv"))
    assert dialog.doubt.isHidden()
    dialog.reject()
