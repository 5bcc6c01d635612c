"""The further tables in the window: listed, read aside, harmonized by choice, exported, and sample sizes."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot
from sqlalchemy import select

from ctworkbench.core.analysis.further_sheets import SHEETS
from ctworkbench.core.model import Scan
from ctworkbench.core.workbench import Workbench
from ctworkbench.ui.bridge import Bridge, OpenScan
from ctworkbench.ui.sample_size import SampleSizeDialog
from ctworkbench.ui.tables_page import TablesPage
from tests.ui.seeded_study import seed


@pytest.fixture(scope="module")
def workbench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """Forty children at two sites, every third one of the South."""
    opened = seed(tmp_path_factory.mktemp("further") / "study", children=40)
    with opened._study.database.writing() as session:
        for scan in session.scalars(select(Scan)):
            scan.site = "South" if scan.id % 3 == 0 else "North"
    yield opened
    opened.close()


@pytest.fixture
def page(workbench: Workbench, memory: QSettings, qtbot: QtBot) -> Iterator[TablesPage]:
    memory.setValue("tables_table", "missing_data")
    bridge = Bridge(workbench)
    made = TablesPage(workbench, bridge, OpenScan(), memory)
    made.resize(1200, 700)
    qtbot.addWidget(made)
    with qtbot.waitExposed(made):
        made.show()
    made.refresh()
    shown(made, "missing_data", qtbot)
    yield made
    bridge.close()


def shown(page: TablesPage, name: str, qtbot: QtBot) -> None:
    """Wait until a table is shown that was read after the last choice."""
    qtbot.waitUntil(
        lambda: page._bridge.idle and page.view.sheet is not None and page.view.sheet.name == name, timeout=20_000
    )


def test_that_every_further_table_is_listed_and_shown_with_its_notes(page: TablesPage, qtbot: QtBot) -> None:
    for name, title in SHEETS:
        page.choose(name)
        shown(page, name, qtbot)
        assert page.caption.text().startswith(f"<b>{title}.</b>")
    page.choose("missing_data")
    text = page.notes.toPlainText()
    assert "GE-ADULT 45" in text
    assert "whose scans lack it" in text


def test_that_what_was_left_out_is_said_with_its_model(page: TablesPage, qtbot: QtBot) -> None:
    page.choose("age_by_sex")
    shown(page, "age_by_sex", qtbot)
    assert "1 scan, sex unknown (age × sex): P003" in page.notes.toPlainText()


def test_that_harmonized_volumes_are_chosen_and_named_in_the_caption(page: TablesPage, qtbot: QtBot) -> None:
    page.least.setValue(10)
    assert not page.least.isVisible()
    page.volumes.setCurrentIndex(page.volumes.findData("site"))
    assert page.least.isVisible()
    page.choose("adjusted_for_size")
    shown(page, "adjusted_for_size", qtbot)
    assert "harmonized by site (ComBat)" in page.caption.text()
    page.choose("table2_volumes_by_sex")
    shown(page, "table2_volumes_by_sex", qtbot)
    assert "not as measured" in page.notes.toPlainText()


def test_that_too_few_children_are_said_and_fewer_can_be_asked_for(page: TablesPage, qtbot: QtBot) -> None:
    page.volumes.setCurrentIndex(page.volumes.findData("site"))
    qtbot.waitUntil(lambda: page.empty.isVisible() and "fewer than two sites have enough scans" in page.empty.text())
    assert "Site South has 11 children, fewer than 20." in page.empty.text()
    assert not page.export_button.isEnabled()
    page.least.setValue(10)
    shown(page, "missing_data", qtbot)
    assert not page.empty.isVisible()
    assert page._memory.value("tables_least_children") == 10


def test_that_an_export_writes_the_further_tables_too(page: TablesPage, qtbot: QtBot, tmp_path: Path) -> None:
    page.export(tmp_path, ["csv"])
    qtbot.waitUntil(lambda: page._bridge.idle and not page._exporting, timeout=30_000)
    assert (tmp_path / "further" / "adjusted_for_size.csv").exists()
    assert (tmp_path / "table2_volumes_by_sex.csv").exists()


def test_that_the_form_of_sample_sizes_opens_from_the_page(page: TablesPage, qtbot: QtBot) -> None:
    QTest.mouseClick(page.sample_size_button, Qt.MouseButton.LeftButton)
    (form,) = page.findChildren(SampleSizeDialog)
    qtbot.waitUntil(lambda: "children find a difference" in form.answer.text(), timeout=20_000)
    form.close()
    qtbot.waitUntil(lambda: not page.findChildren(SampleSizeDialog))
