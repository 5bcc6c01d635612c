"""The page of tables: what is chosen is shown, sorted by its numbers, copied with all digits, exported with figures."""

import csv
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QSettings, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDialogButtonBox
from pytestqt.qtbot import QtBot

from ctworkbench.core.analysis.article_tables import TITLES
from ctworkbench.core.analysis.sheet import Column, TableSheet
from ctworkbench.core.workbench import Workbench
from ctworkbench.core.workbench.rows import Changes
from ctworkbench.ui.bridge import Bridge, Notice, OpenScan
from ctworkbench.ui.sheet_notes import as_html
from ctworkbench.ui.sheet_view import SheetView
from ctworkbench.ui.table_export import ExportDialog
from ctworkbench.ui.tables_page import TablesPage
from tests.ui.seeded_study import seed


@pytest.fixture(scope="module")
def workbench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    opened = seed(tmp_path_factory.mktemp("tables") / "study", 24)
    yield opened
    opened.close()


@pytest.fixture
def bridge(workbench: Workbench) -> Iterator[Bridge]:
    made = Bridge(workbench)
    yield made
    made.close()


@pytest.fixture
def page(workbench: Workbench, bridge: Bridge, memory: QSettings, qtbot: QtBot) -> TablesPage:
    return open_page(workbench, bridge, memory, qtbot)


def open_page(workbench: Workbench, bridge: Bridge, memory: QSettings, qtbot: QtBot) -> TablesPage:
    made = TablesPage(workbench, bridge, OpenScan(), memory)
    made.resize(1200, 640)
    qtbot.addWidget(made)
    with qtbot.waitExposed(made):
        made.show()
    made.refresh()
    qtbot.waitUntil(lambda: bridge.idle and (made.view.sheet is not None or made.empty.isVisible()), timeout=20_000)
    return made


def shown(page: TablesPage, key: str) -> list[object]:
    sheet = page.view.sheet
    assert sheet is not None
    place = [column.key for column in sheet.columns].index(key)
    return [row[place] for row in page.view.shown_rows()]


def shown_numbers(page: TablesPage, key: str) -> list[float]:
    return [float(str(value)) for value in shown(page, key)]


def choose(page: TablesPage, bridge: Bridge, qtbot: QtBot, name: str) -> None:
    page.choose(name)
    qtbot.waitUntil(lambda: bridge.idle and page.view.sheet is not None and page.view.sheet.name == name)


def test_that_every_table_of_the_list_is_shown_with_its_caption_and_notes(
    page: TablesPage, bridge: Bridge, qtbot: QtBot
) -> None:
    for name, title in TITLES:
        choose(page, bridge, qtbot, name)
        sheet = page.view.sheet
        assert sheet is not None and sheet.title == title and sheet.rows
        assert sheet.caption.partition(". ")[0] in unescape(page.caption.text())
        assert "Columns" in page.notes.toPlainText()
    choose(page, bridge, qtbot, "table3_sex_effect")
    assert "sex unknown: P003" in page.notes.toPlainText() and "age unknown: P005" in page.notes.toPlainText()
    assert "p corrected by Holm" in page.notes.toPlainText()


def test_that_a_click_on_a_heading_sorts_by_the_numbers(page: TablesPage, bridge: Bridge, qtbot: QtBot) -> None:
    choose(page, bridge, qtbot, "table3_sex_effect")
    header = page.view.numbers.horizontalHeader()
    place = QPoint(header.sectionViewportPosition(1) + 20, header.height() // 2)
    QTest.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=place)
    upward = shown_numbers(page, "coefficient")
    assert upward == sorted(upward)
    QTest.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert shown_numbers(page, "coefficient") == sorted(upward, reverse=True)
    choose(page, bridge, qtbot, "table4_age_effect")
    assert shown(page, "region")[0] == "right_frontal"  # another table comes in its own order


def test_that_a_heading_that_is_sorted_by_is_read_whole_beside_its_arrow(
    page: TablesPage, bridge: Bridge, qtbot: QtBot
) -> None:
    choose(page, bridge, qtbot, "table3_sex_effect")
    header = page.view.numbers.horizontalHeader()
    before = header.sectionSize(2)
    place = QPoint(header.sectionViewportPosition(2) + 8, header.height() // 2)
    QTest.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert header.sectionSize(2) > before


def test_that_a_short_table_leaves_its_room_to_the_notes_until_it_is_shared_by_hand(
    page: TablesPage, bridge: Bridge, qtbot: QtBot
) -> None:
    choose(page, bridge, qtbot, "table2_descriptive")
    long_table = page.splitter.sizes()
    choose(page, bridge, qtbot, "table4_age_effect")
    short_table = page.splitter.sizes()
    assert short_table[0] < long_table[0] and long_table[1] >= 150
    assert page.view.numbers.verticalScrollBar().maximum() == 0  # all ten rows are seen
    page.splitter.splitterMoved.emit(1, 1)
    page.splitter.setSizes(long_table)
    choose(page, bridge, qtbot, "table3_sex_effect")
    assert page.splitter.sizes() == long_table


def test_that_a_text_that_is_cut_off_is_read_in_its_tooltip(qtbot: QtBot) -> None:
    columns = (Column("x", "x"), Column("who", "Who", "text"))
    names = ", ".join(f"P{number:03d}" for number in range(200))
    view = SheetView()
    qtbot.addWidget(view)
    view.show_sheet(TableSheet("s", "S", "S.", columns, ((1.25, names),)))
    index = view.numbers.model().index(0, 1)
    assert view.numbers.model().data(index, Qt.ItemDataRole.ToolTipRole) == names


def test_that_commands_in_the_notes_are_set_apart_without_quotes() -> None:
    assert as_html("which `ctworkbench preprocess` <measures>") == (
        "which <code>ctworkbench preprocess</code> &lt;measures&gt;"
    )


def test_that_what_has_no_value_comes_last_both_ways(qtbot: QtBot) -> None:
    columns = (Column("who", "Who", "text"), Column("x", "x"))
    sheet = TableSheet("s", "S", "S.", columns, (("a", None), ("b", 10.0), ("c", 9.0), ("d", -1.0)))
    view = SheetView()
    qtbot.addWidget(view)
    view.show_sheet(sheet)
    view.sort("x", Qt.SortOrder.AscendingOrder)
    assert [row[0] for row in view.shown_rows()] == ["d", "c", "b", "a"]
    view.sort("x", Qt.SortOrder.DescendingOrder)
    assert [row[0] for row in view.shown_rows()] == ["b", "c", "d", "a"]
    view.sort("who", Qt.SortOrder.DescendingOrder)
    assert [row[0] for row in view.shown_rows()] == ["d", "c", "b", "a"]


def test_that_ctrl_c_copies_the_table_with_headings_and_all_digits(
    page: TablesPage, bridge: Bridge, qtbot: QtBot
) -> None:
    choose(page, bridge, qtbot, "table2_volumes_by_sex")
    page.view.numbers.setFocus()
    QTest.keyClick(page.view.numbers, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    lines = [line.split("\t") for line in QGuiApplication.clipboard().text().splitlines()]
    assert lines[0][:3] == ["Region", "All, n", "All, mean (cm³)"]
    assert lines[1][0] == "Right frontal lobe" and float(lines[1][2]) == shown(page, "overall_mean_cm3")[0]
    assert len(lines) == 11


def test_that_selected_cells_alone_are_copied(page: TablesPage, bridge: Bridge, qtbot: QtBot) -> None:
    choose(page, bridge, qtbot, "table2_volumes_by_sex")
    page.view.names.selectRow(0)
    model = page.view.numbers.model()
    selection = page.view.numbers.selectionModel()
    selection.clear()
    for column in (0, 1):
        selection.select(model.index(2, column), selection.SelectionFlag.Select)
    assert page.view.copied() == "Region\tAll, n\nRight parietal lobe\t22\n"


def test_that_the_source_is_chosen_and_remembered_with_the_table(
    workbench: Workbench, bridge: Bridge, memory: QSettings, qtbot: QtBot
) -> None:
    page = open_page(workbench, bridge, memory, qtbot)
    choose(page, bridge, qtbot, "table5_hemispheres")
    everyone = sum(shown_numbers(page, "n"))
    page.source.setCurrentIndex(page.source.findData("registration"))
    qtbot.waitUntil(lambda: bridge.idle and sum(shown_numbers(page, "n")) < everyone)
    page.repeats.setCurrentIndex(1)
    again = open_page(workbench, bridge, memory, qtbot)
    assert (again.choice.source, again.choice.repeats) == ("registration", "all")
    assert again.view.sheet is not None and again.view.sheet.name == "table5_hemispheres"


def test_that_a_study_without_volumes_says_what_to_do(tmp_path: Path, memory: QSettings, qtbot: QtBot) -> None:
    with seed(tmp_path / "study", 3, measured=False) as workbench:
        bridge = Bridge(workbench)
        page = open_page(workbench, bridge, memory, qtbot)
        assert page.empty.text().startswith("No label map was measured yet.") and "Run → Measure" in page.empty.text()
        assert not page.export_button.isEnabled() and not page.copy_button.isEnabled()
        bridge.close()


def test_that_new_volumes_are_read_at_once(
    page: TablesPage, bridge: Bridge, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[object] = []
    original = page._workbench.norms.tables
    monkeypatch.setattr(page._workbench.norms, "tables", lambda *given: reads.append(given) or original(*given))
    bridge.changed.emit(Changes(models=True))
    bridge.changed.emit(Changes(measurements=True))
    qtbot.waitUntil(lambda: bridge.idle and len(reads) == 1)


def test_that_all_tables_and_figures_are_exported_with_progress_and_what_failed_is_told(
    page: TablesPage, bridge: Bridge, qtbot: QtBot, tmp_path: Path
) -> None:
    told: list[str] = []
    page.export_told.connect(told.append)
    notices: list[Notice] = []
    bridge.noticed.connect(notices.append)
    with qtbot.waitSignal(bridge.noticed, timeout=60_000):
        page.export(tmp_path / "out", ("csv", "svg"))
        assert page.progress.isVisible() and not page.export_button.isEnabled()
    assert not page.progress.isVisible() and page.export_button.isEnabled()
    assert "Tables…" in told and any(text.startswith("Figure 3") for text in told)
    assert notices[0].kind == "warning" and "Figure 1" in notices[0].message
    with (tmp_path / "out" / "table3_sex_effect.csv").open(encoding="utf-8", newline="") as stream:
        assert len(list(csv.DictReader(stream))) == 10
    assert (tmp_path / "out" / "figure3_volumes_by_age.svg").exists()


def test_that_a_folder_that_cannot_be_written_is_told(
    page: TablesPage, bridge: Bridge, qtbot: QtBot, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    notices: list[Notice] = []
    bridge.noticed.connect(notices.append)
    with qtbot.waitSignal(bridge.noticed, timeout=30_000):
        page.export(tmp_path / "file", ("csv",))
    assert notices[0].kind == "error" and "is a file, not a folder" in notices[0].message
    assert page.export_button.isEnabled()


def test_that_the_dialog_of_export_remembers_and_asks_for_something_to_write(
    memory: QSettings, qtbot: QtBot, tmp_path: Path
) -> None:
    dialog = ExportDialog(memory)
    qtbot.addWidget(dialog)
    export = next(
        button
        for button in dialog.buttons.buttons()
        if dialog.buttons.buttonRole(button) == QDialogButtonBox.ButtonRole.AcceptRole
    )
    dialog.folder.setText(str(tmp_path / "tables"))
    for kind in ("csv", "docx", "latex", "svg", "pdf"):
        dialog.boxes[kind].setChecked(False)
    assert not export.isEnabled()
    dialog.boxes["docx"].setChecked(True)
    export.click()
    assert dialog.chosen == (tmp_path / "tables", ("docx",))
    again = ExportDialog(memory)
    again.show()
    with qtbot.waitSignal(again.accepted):
        QTest.keyClick(again.folder, Qt.Key.Key_Return)
    qtbot.addWidget(again)
    assert again.chosen == dialog.chosen
