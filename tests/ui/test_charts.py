"""The charts: a dot is clicked with the mouse, scans outside the norm, exporting."""

import csv
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PySide6.QtCore import QPoint, QSettings, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from ctworkbench.core.workbench import Workbench
from ctworkbench.ui.bridge import Bridge, OpenScan
from ctworkbench.ui.chart_export import CSV_COLUMNS
from ctworkbench.ui.chart_plot import DotPlot
from ctworkbench.ui.charts import ChartsPage, pair_of
from ctworkbench.ui.child_panel import centile_text, z_text
from tests.ui.seeded_study import ADULT, seed

NO_AGE, NO_SEX, CHILD = 5, 3, 8


@pytest.fixture(scope="module")
def workbench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    opened = seed(tmp_path_factory.mktemp("charts") / "study")
    yield opened
    opened.close()


@pytest.fixture
def page(workbench: Workbench, memory: QSettings, qtbot: QtBot) -> Iterator[ChartsPage]:
    bridge = Bridge(workbench)
    made = ChartsPage(workbench, bridge, OpenScan(), memory)
    made.resize(1200, 640)
    qtbot.addWidget(made)
    with qtbot.waitExposed(made):
        made.show()
    made.refresh()
    qtbot.waitUntil(lambda: made.chart.data is not None)
    qtbot.wait(60)
    yield made
    bridge.close()


def click_dot(plot: DotPlot, scan_id: int) -> None:
    """Click a dot with the mouse."""
    place = plot.screen_position(scan_id)
    assert place is not None, f"scan {scan_id} has no dot"
    QTest.mouseMove(plot.viewport(), place.toPoint())
    QTest.mouseClick(plot.viewport(), Qt.MouseButton.LeftButton, pos=place.toPoint())


def test_that_a_click_on_a_dot_opens_its_scan(page: ChartsPage, qtbot: QtBot) -> None:
    with qtbot.waitSignal(page.scan_wanted) as wanted:
        click_dot(page.chart, CHILD)
    assert wanted.args == [CHILD]
    assert page._open_scan.scan_id == CHILD


def test_that_the_dot_of_the_open_scan_can_still_be_clicked(page: ChartsPage, qtbot: QtBot) -> None:
    page._open_scan.open(CHILD)
    with qtbot.waitSignal(page.scan_wanted):
        click_dot(page.chart, CHILD)


def test_that_a_click_beside_the_dots_opens_nothing(page: ChartsPage, qtbot: QtBot) -> None:
    heard: list[int] = []
    page.scan_wanted.connect(heard.append)
    place = page.chart.screen_position(CHILD)
    assert place is not None
    QTest.mouseClick(page.chart.viewport(), Qt.MouseButton.LeftButton, pos=place.toPoint() + QPoint(0, 40))
    qtbot.wait(30)
    assert heard == []


def test_that_a_dot_of_the_asymmetry_chart_opens_its_scan_too(page: ChartsPage, qtbot: QtBot) -> None:
    with qtbot.waitSignal(page.scan_wanted) as wanted:
        click_dot(page.asymmetry, CHILD)
    assert wanted.args == [CHILD]


def test_that_an_adult_and_a_child_of_unknown_age_stand_beside_the_norm_with_the_reason(page: ChartsPage) -> None:
    beside = {point.data() for point in page.chart.outside.points()}
    assert beside == {ADULT, NO_AGE}
    assert page.chart.strip.isVisible()
    told = page.outside_note.text()
    assert told.startswith("Not in the norm, so no centile – ") and "GE-ADULT (" in told
    assert "age 45 y is outside the norm's 1.5–2.5 years" in told
    tip = page._tip(page.chart.dots[ADULT])
    assert "no centile: age 45 y is outside" in tip
    assert "z " not in tip


def test_that_a_child_of_unknown_sex_is_shown_without_a_z(page: ChartsPage) -> None:
    assert NO_SEX in {point.data() for point in page.chart.scatter.points()}
    assert "no centile: the sex is unknown" in page._tip(page.chart.dots[NO_SEX])


def test_that_the_open_scan_is_ringed_and_its_volumes_are_listed(page: ChartsPage, qtbot: QtBot) -> None:
    page._open_scan.open(CHILD)
    qtbot.waitUntil(lambda: page.child.table.rowCount() == 10 and page.child.title.text() == "P008")
    ring = page.chart.ring.points()
    (dot,) = [point for point in page.chart.scatter.points() if point.data() == CHILD]
    assert [point.pos() for point in ring] == [dot.pos()]
    shown = float(page.child.table.item(0, 1).text())
    assert shown == pytest.approx(dot.pos().y(), abs=0.06)
    assert page.child.report.isEnabled()


def test_that_the_adult_gets_the_reason_in_place_of_centiles(page: ChartsPage, qtbot: QtBot) -> None:
    page._open_scan.open(ADULT)
    qtbot.waitUntil(lambda: page.child.title.text() == "GE-ADULT")
    assert "outside the norm's 1.5–2.5 years" in page.child.reason.text()
    assert {page.child.table.item(row, column).text() for row in range(10) for column in (2, 3, 4)} == {"–"}


def test_that_changing_the_region_keeps_the_plots_items(page: ChartsPage, qtbot: QtBot) -> None:
    before = [id(item) for item in page.chart.plot.items]
    page.regions.setCurrentRow(4)
    qtbot.waitUntil(lambda: page.chart.data is not None and page.chart.data.title == "Left parietal lobe")
    assert [id(item) for item in page.chart.plot.items] == before
    assert page.asymmetry.data is not None
    assert page.asymmetry.data.title.startswith("Parietal")


def test_that_ten_small_charts_show_the_same_scans(page: ChartsPage, qtbot: QtBot) -> None:
    page.regions.setCurrentRow(0)
    qtbot.waitUntil(lambda: len(page.multiples) == 10)
    inside = {point.data() for point in page.multiples["brainstem"].scatter.points()}
    assert CHILD in inside
    assert not inside & {ADULT, NO_AGE}


def test_that_unticking_a_sex_hides_its_dots_and_its_band(page: ChartsPage) -> None:
    page.sexes["M"].setChecked(False)
    assert {str(dot.sex) for dot in page.chart.dots.values()} == {"F", "None"}
    assert not page.chart.bands["M"].lines["mean"].isVisible()
    assert page.chart.bands["F"].lines["mean"].isVisible()


def test_that_the_numbers_shown_are_exported_with_the_reasons(page: ChartsPage, tmp_path: Path) -> None:
    page.export(tmp_path / "chart.csv")
    with (tmp_path / "chart.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert tuple(rows[0]) == CSV_COLUMNS
    of_chart = {row["subject"]: row for row in rows if row["chart"] == "Right frontal lobe"}
    assert len(of_chart) == len(page.chart.dots)
    assert of_chart["GE-ADULT"]["z"] == ""
    assert "outside the norm" in of_chart["GE-ADULT"]["no_centile_because"]
    assert float(of_chart["P008"]["value"]) == pytest.approx(page.chart.dots[CHILD].value, abs=1e-3)


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_that_a_picture_is_exported_and_is_not_empty(page: ChartsPage, tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"chart.{kind}"
    page.export(path)
    if kind == "png":
        image = QImage(str(path))
        colors = {image.pixel(x, y) for x in range(0, image.width(), 7) for y in range(0, image.height(), 7)}
        assert len(colors) > 20
    else:
        text = "".join(ElementTree.parse(path).getroot().itertext())
        assert "Research use only" in text
        assert "Right frontal lobe" in text


def test_that_an_export_to_a_place_that_cannot_be_written_says_so(page: ChartsPage, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        page.export(tmp_path / "missing" / "chart.svg")


@pytest.mark.parametrize(("centile", "text"), [(0.2, "<1"), (1.0, "1"), (49.6, "50"), (99.0, "99"), (99.7, ">99")])
def test_that_centiles_claim_no_more_than_they_know(centile: float, text: str) -> None:
    assert centile_text(centile) == text


@pytest.mark.parametrize(
    ("region", "pair"), [("right_frontal", "frontal"), ("left_occipital", "occipital"), ("brainstem", "frontal")]
)
def test_that_each_region_has_a_pair_to_show(region: str, pair: str) -> None:
    assert pair_of(region) == pair


@pytest.mark.parametrize(
    ("z", "text"), [(0.0, "+0.00"), (-1.234, "-1.23"), (9.999, "+10.0"), (44.31, "+44.3"), (-312.0, "-312")]
)
def test_that_a_z_score_fits_its_column(z: float, text: str) -> None:
    assert z_text(z) == text
