"""The open subject's panel: numbers with their error, several scans joined, reports of one and of all."""

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pyqtgraph as pg
import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from ctworkbench.core.jobs import Job, JobState
from ctworkbench.core.model import Sex
from ctworkbench.core.norms.child import describe
from ctworkbench.core.report.batch import ReportsResult
from ctworkbench.core.settings import Settings
from ctworkbench.core.workbench import Workbench
from ctworkbench.ui.bridge import Bridge
from ctworkbench.ui.chart_theme import DARK, LIGHT
from ctworkbench.ui.child_panel import ChildPanel
from ctworkbench.ui.child_tables import ASYMMETRY_TITLES, VOLUME_TITLES
from ctworkbench.ui.error_dialog import ErrorDialog
from ctworkbench.ui.growth_plot import GrowthPlot
from ctworkbench.ui.study_view import StudyView
from tests.core.test_child import NORM, SCHEME, scan
from tests.core.test_reporting import add_scan


@pytest.fixture(scope="module")
def workbench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """Six children scanned twice within days, 2 cm³ apart, so that the study knows its error; C7 later, C8 an adult."""
    with Workbench.create(tmp_path_factory.mktemp("child") / "study", Settings(author="r", slots=1)) as opened:
        for number in range(1, 7):
            add_scan(opened, f"C{number}", age=2.0)
            add_scan(opened, f"C{number}", age=2.05, shift=2.0)
        add_scan(opened, "C7", age=1.6, shift=-8.0, protocol={"study_date": "2021-05-04"})
        add_scan(opened, "C7", age=2.2, protocol={"study_date": "2021-12-11"})
        add_scan(opened, "C8", age=45.0, sex=Sex.MALE)
        add_scan(opened, "C9", measured=False)
        add_scan(opened, "P1", age=1.9, protocol={"phantom": "truth"})
        yield opened


FIRST, LATER, ADULT, UNMEASURED, PHANTOM = 1, 14, 15, 16, 17


@pytest.fixture
def panel(workbench: Workbench, memory: QSettings, qtbot: QtBot) -> Iterator[ChildPanel]:
    bridge = Bridge(workbench)
    made = ChildPanel(workbench, bridge, memory)
    made.resize(430, 640)
    qtbot.addWidget(made)
    with qtbot.waitExposed(made):
        made.show()
    yield made
    bridge.close()


def follow(panel: ChildPanel, scan: int, qtbot: QtBot) -> None:
    panel.follow(scan, "current")
    qtbot.waitUntil(lambda: panel._bridge.idle)


def cells(panel: ChildPanel, row: int) -> list[str]:
    return [panel.table.item(row, column).text() for column in range(panel.table.columnCount())]


def test_that_what_is_missing_for_numbers_is_said_with_what_to_do(panel: ChildPanel, qtbot: QtBot) -> None:
    follow(panel, UNMEASURED, qtbot)
    assert panel.reason.text() == "Its volumes are not measured yet: Run → Measure."
    panel.follow(UNMEASURED, "model")
    qtbot.waitUntil(lambda: "Run → Label, quick" in panel.reason.text())


def test_that_volumes_have_their_error_and_the_total_stands_under_them(panel: ChildPanel, qtbot: QtBot) -> None:
    follow(panel, FIRST, qtbot)
    assert panel.table.rowCount() == 11
    first = cells(panel, 0)
    assert first[1].endswith(" ±2.8")  # Sw = √2 of pairs 2 cm³ apart
    assert first[3].endswith("≈") and "–" in first[5]
    assert cells(panel, 10)[0] == "Total" and cells(panel, 10)[3] == "–"
    assert "6 children of this study" in panel.error_note.text()


def test_that_a_phantom_is_never_shown_as_a_child(panel: ChildPanel, qtbot: QtBot) -> None:
    follow(panel, PHANTOM, qtbot)
    assert "digital phantom" in panel.title.text()
    follow(panel, FIRST, qtbot)
    assert panel.title.text() == "C1"


def test_that_a_row_is_read_out_in_words_with_both_intervals_named(panel: ChildPanel, qtbot: QtBot) -> None:
    follow(panel, FIRST, qtbot)
    with qtbot.waitSignal(panel.region_wanted) as wanted:
        panel.table.setFocus()
        QTest.keyClick(panel.table, Qt.Key.Key_Down)
    assert wanted.args == ["left_frontal" if panel.table.currentRow() == 1 else "right_frontal"]
    told = panel.words.text()
    assert "from the norm's sample" in told and "measuring again" in told
    assert "within the measurement error" in told


def test_that_several_scans_are_joined_with_the_smallest_detectable_change(panel: ChildPanel, qtbot: QtBot) -> None:
    follow(panel, LATER, qtbot)
    assert panel.tabs.tabText(2) == "Change (2 scans)" and panel.tabs.isTabEnabled(2)
    panel.tabs.setCurrentIndex(2)
    row = [panel.changes.item(0, column).text() for column in range(5)]
    assert row[1] == "+8.0" and row[3] == "3.9"  # 1.96 · √2 · √2
    assert panel.changes.item(0, 1).font().bold()
    assert "2021-12-11" in panel.facts.text()
    panel.changes.setCurrentCell(9, 0)
    assert panel.words.text().startswith("Brainstem: ") and "More than measurement error makes" in panel.words.text()
    assert "Brainstem" in panel.course.plotItem.titleLabel.text


@pytest.mark.parametrize(
    ("sex", "told", "drawn"),
    [("M", {}, 2), ("M", {"scanner": "Siemens Force"}, 0), ("F", {}, 0)],
    ids=["in the norm", "another scanner", "a norm of boys"],
)
def test_that_the_course_has_no_norm_behind_it_where_the_norm_refuses(sex, told, drawn: int, qtbot: QtBot) -> None:
    norm = replace(NORM, limits=replace(NORM.limits, n_female=0)) if sex == "F" else NORM
    child = describe("C1", sex, scan(**told), norm, SCHEME, (scan(2, 1.6),))
    plot = GrowthPlot()
    qtbot.addWidget(plot)
    plot.show_course(child, "brainstem", norm)
    items = plot.plotItem.items
    assert sum(isinstance(item, pg.FillBetweenItem) for item in items) == drawn


def test_that_a_child_with_one_scan_has_no_change_to_look_at(panel: ChildPanel, qtbot: QtBot) -> None:
    panel.tabs.setCurrentIndex(2)
    follow(panel, ADULT, qtbot)
    assert not panel.tabs.isTabEnabled(2)
    assert panel.tabs.currentIndex() == 0
    follow(panel, LATER, qtbot)
    assert panel.tabs.currentIndex() == 2


def test_that_the_adult_has_volumes_and_the_reason_in_place_of_centiles(panel: ChildPanel, qtbot: QtBot) -> None:
    follow(panel, ADULT, qtbot)
    assert panel.reason.text() == "No centile, because age 45 y is outside the norm's 1.5–2.5 years."
    assert {cells(panel, row)[column] for row in range(10) for column in (2, 3, 4, 5)} == {"–"}


def test_that_a_scan_that_is_not_measured_says_what_to_do(panel: ChildPanel, qtbot: QtBot) -> None:
    follow(panel, UNMEASURED, qtbot)
    assert "Run → Measure" in panel.reason.text()
    assert not panel.report.isEnabled() and not panel.table.isVisible()


def test_that_the_tab_is_remembered(panel: ChildPanel, workbench: Workbench, memory: QSettings, qtbot: QtBot) -> None:
    follow(panel, FIRST, qtbot)
    panel.tabs.setCurrentIndex(1)
    assert panel.sides.rowCount() == 4
    bridge = Bridge(workbench)
    other = ChildPanel(workbench, bridge, memory)
    qtbot.addWidget(other)
    follow(other, FIRST, qtbot)
    assert other.tabs.currentIndex() == 1
    bridge.close()


def test_that_the_numbers_are_exported_with_what_they_are_worth(
    panel: ChildPanel, tmp_path: Path, qtbot: QtBot
) -> None:
    follow(panel, LATER, qtbot)
    panel.write_numbers(tmp_path / "c7.csv")
    with (tmp_path / "c7.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    tables = [row["table"] for row in rows]
    assert [tables.count(name) for name in ("volume", "right minus left", "change 1.6 to 2.2 years", "note")] == [
        11, 4, 11, 1,
    ]  # fmt: skip
    brainstem = next(row for row in rows if row["region"] == "brainstem")
    assert float(brainstem["error_95_cm3"]) == pytest.approx(1.96 * 2**0.5, abs=1e-3)
    assert "6 children of this study" in rows[-1]["note"]
    heard: list[str] = []
    panel._bridge.noticed.connect(lambda notice: heard.append(notice.message))
    panel.write_numbers(tmp_path / "missing" / "c7.csv")
    assert "cannot be written" in heard[-1]


def test_that_the_error_of_each_kind_of_labels_can_be_looked_up(panel: ChildPanel, qtbot: QtBot) -> None:
    dialog = ErrorDialog(panel._workbench, panel._bridge, "registration", panel)
    qtbot.addWidget(dialog)
    qtbot.waitUntil(lambda: dialog.table.rowCount() == 15)
    assert [dialog.table.item(0, column).text() for column in (0, 1, 4)] == ["Right frontal", "1.41", "3.92"]
    dialog.show()
    QTest.keyClick(dialog.gap, Qt.Key.Key_Return)
    assert dialog.isVisible()
    dialog.source.setCurrentIndex(1)
    qtbot.waitUntil(lambda: "not known" in dialog.note.text())
    assert dialog.table.item(0, 1).text() == "–"


def test_that_the_window_tells_what_reports_were_written_and_why_others_were_not(qtbot: QtBot) -> None:
    heard: list[tuple] = []
    told = SimpleNamespace(
        bridge=SimpleNamespace(notify=lambda *words, **kind: heard.append((words[0], kind.get("kind", "info")))),
        notice=SimpleNamespace(text=QLabel()),
    )
    qtbot.addWidget(told.notice.text)
    job = Job(kind="report", title="Reports", function="f", params={"out": "/there"})
    StudyView._tell_reports(told, job, ReportsResult(written=("a.pdf",), kept=("b.pdf", "c.pdf"), problems=()))
    problems = ("No report of C9: it was not measured.", "No report of C8: its image is gone.")
    StudyView._tell_reports(told, job, ReportsResult(written=(), kept=(), problems=problems))
    assert heard[0] == ("1 report written to /there, 2 kept.", "info")
    assert heard[1] == (
        "0 reports written to /there, 0 kept. No report of C9: it was not measured. And 1 more.", "warning",
    )  # fmt: skip
    assert told.notice.text.toolTip() == "\n".join(problems)


def test_that_a_report_and_the_reports_of_all_are_written_from_here(
    panel: ChildPanel, workbench: Workbench, tmp_path: Path, qtbot: QtBot
) -> None:
    follow(panel, LATER, qtbot)
    panel.write_report(tmp_path / "C7.pdf")
    qtbot.waitUntil((tmp_path / "C7.pdf").exists, timeout=20_000)
    heard: list[str] = []
    panel._bridge.noticed.connect(lambda notice: heard.append(notice.message))
    panel.write_reports(tmp_path / "all")
    qtbot.waitUntil(lambda: any("1 job started" in text for text in heard), timeout=20_000)
    (job,) = [job for job in workbench.jobs.jobs() if job.kind == "report"]
    workbench.jobs.cancel(job.id)
    qtbot.waitUntil(lambda: workbench.jobs.state(job.id).ended, timeout=20_000)
    assert workbench.jobs.state(job.id) in (JobState.CANCELLED, JobState.DONE)


def test_that_the_panel_says_without_a_click_why_the_total_has_no_z(panel: ChildPanel, qtbot: QtBot) -> None:
    follow(panel, FIRST, qtbot)
    panel.tabs.setCurrentIndex(0)
    assert "so the total has no z" in panel.words.text()
    panel.tabs.setCurrentIndex(1)
    assert "total" not in panel.words.text()


def test_that_what_is_expected_has_one_name_in_all_tables_of_a_child() -> None:
    assert "Expected" in VOLUME_TITLES and "Expected" in ASYMMETRY_TITLES
    assert "Mean" not in (*VOLUME_TITLES, *ASYMMETRY_TITLES)


def test_that_the_course_lies_on_the_ground_of_the_charts(panel: ChildPanel, memory: QSettings, qtbot: QtBot) -> None:
    follow(panel, FIRST, qtbot)
    assert panel.course.backgroundBrush().color().name() == DARK.ground
    memory.setValue("charts/theme", "light")
    panel.dress()
    assert panel.course.backgroundBrush().color().name() == LIGHT.ground
