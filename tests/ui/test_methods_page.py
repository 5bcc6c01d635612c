"""The page Methods: items with their state, the authors' text with real keys, warnings that lead to where they are."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot

from ctworkbench.core.methods.checklist import State
from ctworkbench.core.model import Scan
from ctworkbench.core.settings import Settings
from ctworkbench.core.workbench import Workbench
from ctworkbench.ui.bridge import Bridge, Notice, OpenScan
from ctworkbench.ui.charts_place import ChartsPlace
from ctworkbench.ui.methods_page import MethodsPage
from tests.ui.seeded_study import seed

CTRL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("methods") / "study"
    seed(folder).close()
    return folder


@pytest.fixture
def workbench(seeded: Path, tmp_path: Path) -> Iterator[Workbench]:
    shutil.copytree(seeded, tmp_path / "study")
    with Workbench.open(tmp_path / "study", Settings(author="reader")) as opened:
        yield opened


@pytest.fixture
def bridge(workbench: Workbench) -> Iterator[Bridge]:
    made = Bridge(workbench)
    yield made
    made.close()


@pytest.fixture
def page(workbench: Workbench, bridge: Bridge, memory: QSettings, qtbot: QtBot) -> MethodsPage:
    return page_of(workbench, bridge, memory, qtbot)


def page_of(workbench: Workbench, bridge: Bridge, memory: QSettings, qtbot: QtBot) -> MethodsPage:
    made = MethodsPage(workbench, bridge, OpenScan(), memory)
    made.resize(1200, 660)
    qtbot.addWidget(made)
    with qtbot.waitExposed(made):
        made.show()
    made.activateWindow()
    qtbot.waitUntil(made.isActiveWindow)
    made.refresh()
    qtbot.waitUntil(lambda: made.report is not None, timeout=20000)
    return made


def state_of(page: MethodsPage, number: str) -> State:
    filled = page.checklists.filled
    assert filled is not None
    return next(item.state for item in filled.items if item.item.number == number)


def quiet(page: MethodsPage, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: page._bridge.idle, timeout=20000)


def test_that_text_typed_for_an_item_is_kept_with_ctrl_s_and_the_item_is_filled(
    page: MethodsPage, workbench: Workbench, qtbot: QtBot
) -> None:
    panel = page.checklists
    assert panel.table.rowCount() == 44
    panel.choose("5")
    assert state_of(page, "5") is State.TO_WRITE and not panel.keep.isEnabled()
    panel.text.setFocus()
    QTest.keyClicks(panel.text, "Retrospective.")
    assert panel.keep.isEnabled() and panel.status.text() == "not saved yet"
    QTest.keyClick(panel.text, Qt.Key.Key_S, CTRL)
    qtbot.waitUntil(lambda: state_of(page, "5") is State.FILLED, timeout=20000)
    assert panel.text.toPlainText() == "Retrospective." and panel.status.text() == "kept in the study"
    assert "Retrospective." in (workbench.folder / "methods.toml").read_text(encoding="utf-8")


def test_that_leaving_an_item_keeps_its_text_and_the_keys_walk_what_is_to_write(
    page: MethodsPage, workbench: Workbench, qtbot: QtBot
) -> None:
    panel = page.checklists
    panel.choose("4")
    panel.text.setFocus()
    QTest.keyClicks(panel.text, "To build a norm.")
    QTest.keyClick(panel.text, Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
    assert panel.title.text().startswith("5 ") and panel.text.toPlainText() == ""
    qtbot.waitUntil(lambda: state_of(page, "4") is State.FILLED, timeout=20000)
    panel.choose("34")
    panel.not_applicable.click()
    QTest.keyClicks(panel.text, "No trial.")
    panel.keep.click()
    qtbot.waitUntil(lambda: state_of(page, "34") is State.NOT_APPLICABLE, timeout=20000)
    assert workbench.methods.report().checklist("claim2024").counts[State.NOT_APPLICABLE] == 1


def test_that_numbers_follow_the_study_and_a_text_being_written_stays(
    page: MethodsPage, workbench: Workbench, qtbot: QtBot
) -> None:
    panel = page.checklists
    panel.choose("7")
    assert panel.answer.toPlainText().startswith("17 scans of 17 subjects")
    panel.text.setFocus()
    QTest.keyClicks(panel.text, "From one hos")
    with workbench._study.database.writing() as session:
        session.get_one(Scan, 2).subject_id = 1
    workbench.review.judge(2, "accept")
    qtbot.waitUntil(  # scan 2 was given to subject 1: the page finds it by itself
        lambda: any(card.objectName() == "warning_repeated_scans" for card in page.warnings.cards), timeout=20000
    )
    QTest.keyClicks(panel.text, "pital.")
    assert panel.text.toPlainText() == "From one hospital."
    assert "17 scans" in panel.answer.toPlainText()


def test_that_a_text_of_somebody_else_is_shown_and_ones_own_stays(
    page: MethodsPage, workbench: Workbench, qtbot: QtBot
) -> None:
    told: list[Notice] = []
    page._bridge.noticed.connect(told.append)
    panel = page.checklists
    panel.choose("5")
    QTest.keyClicks(panel.text, "ours")
    page._bridge.changed.disconnect(page._on_changed)  # their text comes between two looks at the study
    workbench.methods.write("claim2024", "5", "theirs")
    panel.save()
    qtbot.waitUntil(lambda: bool(told), timeout=20000)
    assert "somebody else" in told[0].message and panel.text.toPlainText() == "ours"
    page.refresh()
    qtbot.waitUntil(lambda: "theirs" in panel.status.text(), timeout=20000)
    panel.save()
    qtbot.waitUntil(lambda: not panel.modified, timeout=20000)
    assert workbench.methods.report().checklist("claim2024").items[4].written.text == "ours"


def test_that_text_is_kept_when_the_study_is_closed(page: MethodsPage, workbench: Workbench) -> None:
    page.checklists.choose("6")
    QTest.keyClicks(page.checklists.text, "Feasibility.")
    page.settle()
    assert workbench.methods.report().checklist("claim2024").items[5].written.text == "Feasibility."


def test_that_filter_and_checklist_are_remembered(
    page: MethodsPage, workbench: Workbench, bridge: Bridge, memory: QSettings, qtbot: QtBot
) -> None:
    panel = page.checklists
    panel.chooser.setCurrentIndex(1)
    panel.filter.setCurrentIndex(panel.filter.findData("open"))
    open_ones = panel.table.rowCount()
    assert 0 < open_ones < 52
    again = page_of(workbench, bridge, memory, qtbot).checklists
    assert again.chooser.currentText() == "TRIPOD+AI"
    qtbot.waitUntil(lambda: again.table.rowCount() == open_ones, timeout=20000)


def test_that_warnings_stand_heaviest_first_with_their_rows(page: MethodsPage) -> None:
    assert page.report is not None
    shown = [card.objectName().removeprefix("warning_") for card in page.warnings.cards]
    assert shown == [warning.check for warning in page.report.warnings] and len(shown) >= 4
    card = page.warnings.cards[0]
    words = " ".join(label.text() for label in card.findChildren(QLabel))
    assert page.report.warnings[0].remedy in words
    assert page.heading.text().startswith("What does not add up: ")


def test_that_a_click_on_a_row_goes_to_where_it_is_seen(page: MethodsPage, qtbot: QtBot) -> None:
    for check, signal, wanted in (
        ("no_fold_results", page.place_wanted, "train"),
        ("single_reader", page.place_wanted, "cohort"),
        ("mixed_label_sources", page.page_wanted, "tables"),
    ):
        card = next(card for card in page.warnings.cards if card.objectName() == f"warning_{check}")
        link = next(label for label in card.findChildren(QLabel) if label.text().startswith("<a "))
        with qtbot.waitSignal(signal) as caught:
            link.linkActivated.emit("go")
        assert caught.args == [wanted]


def test_that_a_click_on_a_scan_opens_it_and_the_rest_of_the_rows_unfold(page: MethodsPage, qtbot: QtBot) -> None:
    card = next(card for card in page.warnings.cards if card.objectName() == "warning_imitated_test_labels")
    links = [label for label in card.findChildren(QLabel) if label.text().startswith("<a ")]
    assert links
    with qtbot.waitSignal(page.scan_wanted) as caught:
        links[0].linkActivated.emit("go")
    assert caught.args == [page._open_scan.scan_id]
    kept = page.warnings.widget().findChild(QPushButton, "kept_toggle")
    rule = page.warnings.widget().findChild(QLabel, "")
    assert rule is not None and kept.text().startswith("▸")
    kept.click()
    assert kept.text().startswith("▾")


def test_that_everything_shown_is_exported(page: MethodsPage, tmp_path: Path, qtbot: QtBot) -> None:
    page.checklists.choose("5")
    QTest.keyClicks(page.checklists.text, "Retrospective.")
    page.export(tmp_path / "out")
    qtbot.waitUntil(lambda: (tmp_path / "out" / "tripod_ai.docx").exists(), timeout=20000)
    quiet(page, qtbot)
    assert "Retrospective." in (tmp_path / "out" / "claim2024.md").read_text(encoding="utf-8")


def test_that_an_empty_study_says_so(tmp_path: Path, memory: QSettings, qtbot: QtBot) -> None:
    with Workbench.create(tmp_path / "empty", Settings()) as workbench:
        bridge = Bridge(workbench)
        page = page_of(workbench, bridge, memory, qtbot)
        words = [label.text() for label in page.warnings.widget().findChildren(QLabel)]
        assert "Nothing to check yet: the study holds no scans." in words
        assert page.checklists.counts.text() == "44 to write"
        bridge.close()


def test_that_the_place_charts_has_the_page_and_goes_where_it_points(
    workbench: Workbench, bridge: Bridge, memory: QSettings, qtbot: QtBot
) -> None:
    place = ChartsPlace(workbench, bridge, OpenScan(), memory)
    qtbot.addWidget(place)
    assert "methods" in place.names
    place.show_page("methods")
    qtbot.waitUntil(lambda: place.methods.report is not None, timeout=20000)
    with qtbot.waitSignal(place.place_wanted) as caught:
        place.methods.warnings.place_wanted.emit("model", "1")
    assert caught.args == ["train"]
    place.methods.warnings.place_wanted.emit("template", "atlas")
    assert place.page == "charts"
