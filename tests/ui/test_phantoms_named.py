"""A scan of a digital phantom is called one wherever its numbers or its images are shown."""

import csv
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings
from pytestqt.qtbot import QtBot

from ctworkbench.core.settings import Settings
from ctworkbench.core.wording import phantoms
from ctworkbench.core.workbench import Workbench
from ctworkbench.ui.bridge import Bridge, OpenScan
from ctworkbench.ui.case_header import CaseHeader
from ctworkbench.ui.chart_files import Wanted, write_charts
from ctworkbench.ui.chart_tip import tip
from ctworkbench.ui.charts import ChartsPage
from ctworkbench.ui.main_window import MainWindow
from ctworkbench.ui.worklist import Worklist
from tests.ui.seeded_study import seed

PHANTOM, CHILD, MODEL_CHILD = 8, 7, 1


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("phantoms") / "study"
    seed(made).close()
    with sqlite3.connect(made / "study.db") as database:
        database.execute('update scan set protocol = \'{"phantom": "1"}\' where id = ?', (PHANTOM,))
        database.execute("update annotation set origin = 'model', model_id = 1 where scan_id = ?", (MODEL_CHILD,))
    return made


@pytest.fixture
def workbench(folder: Path) -> Iterator[Workbench]:
    opened = Workbench.open(folder, Settings(author="reader"))
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("number", "of", "told"),
    [
        (0, 9, ""),
        (1, 1487, "1 of 1,487 scans is of a digital phantom, not of a child."),
        (3, 9, "3 of 9 scans are of digital phantoms, not of children."),
        (9, 9, "All 9 scans are of digital phantoms, not of children."),
        (1, 1, "A digital phantom, no child."),
    ],
)
def test_that_phantoms_are_counted_in_words(number: int, of: int, told: str) -> None:
    assert phantoms(number, of) == told


def test_that_the_dot_the_head_and_the_files_of_a_chart_name_a_phantom(
    workbench: Workbench, memory: QSettings, qtbot: QtBot, tmp_path: Path
) -> None:
    bridge = Bridge(workbench)
    page = ChartsPage(workbench, bridge, OpenScan(), memory)
    qtbot.addWidget(page)
    page.show()
    page.refresh()
    qtbot.waitUntil(lambda: page.chart.data is not None)
    assert "digital phantom, no child" in tip(page.chart, page.chart.dots[PHANTOM])
    assert "phantom" not in tip(page.chart, page.chart.dots[CHILD])
    assert page.summary.text().endswith("1 digital phantom")
    page.export(tmp_path / "chart.csv")
    page.export(tmp_path / "chart.svg")
    bridge.close()
    with (tmp_path / "chart.csv").open(encoding="utf-8", newline="") as stream:
        told = {int(row["scan"]): row["phantom"] for row in csv.DictReader(stream)}
    assert (told[PHANTOM], told[CHILD]) == ("yes", "no")
    assert "1 of 15 scans is of a digital phantom, not of a child." in (tmp_path / "chart.svg").read_text("utf-8")


def test_that_charts_drawn_without_a_window_name_phantoms_and_what_small_charts_leave_out(
    workbench: Workbench, qtbot: QtBot, tmp_path: Path
) -> None:
    (drawing,) = write_charts(workbench, tmp_path, Wanted(kinds=("svg",)))
    text = drawing.read_text("utf-8")
    assert "1 of 15 scans is of a digital phantom" in text
    assert "Not drawn in small charts: 2 scans of unknown age" in text


def test_that_ten_small_charts_say_how_many_scans_they_leave_out(
    workbench: Workbench, memory: QSettings, qtbot: QtBot
) -> None:
    bridge = Bridge(workbench)
    page = ChartsPage(workbench, bridge, OpenScan(), memory)
    qtbot.addWidget(page)
    page.show()
    page.refresh()
    qtbot.waitUntil(lambda: page.chart.data is not None)
    assert "small charts" not in page.outside_note.text()
    page.choose_region("all")
    qtbot.waitUntil(lambda: "small charts" in page.outside_note.text())
    assert page.outside_note.text().startswith("Not drawn in small charts: 2 scans of unknown age, or younger or older")
    bridge.close()


def test_that_the_list_and_the_head_of_review_name_a_phantom_and_what_its_model_learned_from(
    workbench: Workbench, qtbot: QtBot
) -> None:
    rows = {row.id: row for row in workbench.cohort.scans()}
    header, worklist = CaseHeader(), Worklist()
    for widget in (header, worklist):
        qtbot.addWidget(widget)
    header.show_scan(rows[PHANTOM])
    assert "phantom F" in header.subject.text()
    header.show_scan(rows[MODEL_CHILD])
    assert "phantom" not in header.subject.text()
    assert "trained on this subject" in header.warnings.toolTip()
    assert not header.warnings.isHidden()
    worklist.show_scans(list(rows.values()))
    worklist.filter.setText("phantom")
    assert [row.id for row in worklist.rows] == [PHANTOM]


def test_that_the_head_of_the_window_names_a_phantom_and_what_the_model_learned_from(
    folder: Path, memory: QSettings, qtbot: QtBot
) -> None:
    window = MainWindow(Settings(author="reader"), memory, preload=False)
    qtbot.addWidget(window)
    window.show()
    assert window.open_study(folder, place="cohort")
    study = window.study
    assert study is not None
    study.open_scan.open(PHANTOM)
    qtbot.waitUntil(lambda: "P008" in study.scan_label.text())
    assert study.scan_caution.text() == "⚠ Digital phantom, no child."
    study.open_scan.open(MODEL_CHILD)
    qtbot.waitUntil(lambda: "P001" in study.scan_label.text())
    assert "trained on this subject" in study.scan_caution.text()
    study.open_scan.open(CHILD)
    qtbot.waitUntil(lambda: "P007" in study.scan_label.text())
    assert study.scan_caution.text() == ""
    window.close()


def test_that_tables_and_figure_3_name_phantoms(workbench: Workbench, tmp_path: Path) -> None:
    result = workbench.norms.statistics(tmp_path, formats=("svg",))
    assert any(note.startswith("1 of 15 scans is of a digital phantom") for note in result.notes)
    (caption,) = [text for text in result.figures if text.startswith("Figure 3")]
    assert caption.endswith("1 of 13 scans is of a digital phantom, not of a child.")
    assert "digital phantom" in (tmp_path / "figure3_volumes_by_age.svg").read_text("utf-8")
