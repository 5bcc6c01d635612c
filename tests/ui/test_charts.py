"""The charts: a dot is clicked with the mouse, scans outside the norm, exporting."""

import csv
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSettings, Qt
from PySide6.QtGui import QImage, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from ctworkbench.core.norms.change import ChildScan
from ctworkbench.core.norms.measurement_error import MeasurementError
from ctworkbench.core.workbench import Changes, Workbench
from ctworkbench.ui.bridge import Bridge, OpenScan
from ctworkbench.ui.chart_axis import nice_step
from ctworkbench.ui.chart_canvas import Look
from ctworkbench.ui.chart_dots import SINGLE_DOTS, density, dot_size
from ctworkbench.ui.chart_export import CSV_COLUMNS
from ctworkbench.ui.chart_groups import VERDICTS, Grouping
from ctworkbench.ui.chart_lasso import inside
from ctworkbench.ui.chart_legend import entries_of
from ctworkbench.ui.chart_marks import child_lines
from ctworkbench.ui.chart_pixels import clip_segments
from ctworkbench.ui.chart_plot import DotPlot
from ctworkbench.ui.chart_reader import every_chart, pair_of
from ctworkbench.ui.chart_tip import tip
from ctworkbench.ui.charts import ChartsPage
from ctworkbench.ui.child_tables import centile_text, z_text
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
    qtbot.wait(5)
    yield made
    bridge.close()


def click_dot(plot: DotPlot, scan_id: int) -> None:
    """Click a dot with the mouse."""
    place = plot.screen_position(scan_id)
    assert place is not None, f"scan {scan_id} has no dot"
    QTest.mouseMove(plot.viewport(), place.toPoint())
    QTest.mouseClick(plot.viewport(), Qt.MouseButton.LeftButton, pos=place.toPoint())


def press(plot: DotPlot, *keys: Qt.Key) -> None:
    """Press keys in a chart."""
    for key in keys:
        QTest.keyClick(plot, key)


def show_all(page: ChartsPage, qtbot: QtBot) -> None:
    """Turn to the ten small charts."""
    page.choose_region("all")
    qtbot.waitUntil(lambda: len(page.multiples) == 10 and page.stack.currentIndex() == 1)
    qtbot.wait(60)


def test_that_a_click_on_a_dot_opens_its_scan_at_the_region_of_the_chart(page: ChartsPage, qtbot: QtBot) -> None:
    with qtbot.waitSignal(page.scan_wanted) as wanted:
        click_dot(page.chart, CHILD)
    assert wanted.args == [CHILD, "right_frontal"]
    assert page._open_scan.scan_id == CHILD


def test_that_the_dot_of_the_open_scan_can_still_be_clicked(page: ChartsPage, qtbot: QtBot) -> None:
    page._open_scan.open(CHILD)
    with qtbot.waitSignal(page.scan_wanted):
        click_dot(page.chart, CHILD)


def test_that_a_click_beside_the_dots_opens_nothing(page: ChartsPage, qtbot: QtBot) -> None:
    heard: list[int] = []
    page.scan_wanted.connect(lambda scan_id, _: heard.append(scan_id))
    place = page.chart.screen_position(CHILD)
    assert place is not None
    QTest.mouseClick(page.chart.viewport(), Qt.MouseButton.LeftButton, pos=place.toPoint() + QPoint(0, 40))
    qtbot.wait(30)
    assert heard == []


def test_that_a_dot_of_the_asymmetry_chart_opens_the_chosen_side(page: ChartsPage, qtbot: QtBot) -> None:
    with qtbot.waitSignal(page.scan_wanted) as wanted:
        click_dot(page.asymmetry, CHILD)
    assert wanted.args == [CHILD, "right_frontal"]


def test_that_a_dot_of_a_small_chart_opens_the_region_of_that_chart(page: ChartsPage, qtbot: QtBot) -> None:
    show_all(page, qtbot)
    with qtbot.waitSignal(page.scan_wanted) as wanted:
        click_dot(page.multiples["cerebellum"], CHILD)
    assert wanted.args == [CHILD, "cerebellum"]


def test_that_an_adult_and_a_child_of_unknown_age_stand_beside_the_norm_with_the_reason(page: ChartsPage) -> None:
    assert set(page.chart.beside_ids) == {ADULT, NO_AGE}
    assert page.chart.strip.isVisible()
    told = page.outside_note.text()
    assert told.startswith("Not in the norm, so no centile – ")
    assert "GE-ADULT (" in told
    assert "age 45 y is outside the norm's 1.5–2.5 years" in told
    said = tip(page.chart, page.chart.dots[ADULT])
    assert "no centile: age 45 y is outside" in said
    assert "z " not in said


def test_that_a_child_of_unknown_sex_is_shown_without_a_z(page: ChartsPage) -> None:
    assert NO_SEX in page.chart.inside_ids
    assert "no centile: the sex is unknown" in tip(page.chart, page.chart.dots[NO_SEX])


def test_that_a_dot_says_who_what_where_and_by_whom(page: ChartsPage) -> None:
    dot = page.chart.dots[CHILD]
    said = tip(page.chart, dot)
    assert dot.z is not None
    assert f"{dot.value:.1f} cm³ · z {z_text(dot.z)} · centile" in said
    for part in ("P008 · female · 2.", "labels v1 by expert", VERDICTS[""], "site North", dot.scanner, "validation"):
        assert part in said


def test_that_a_dot_says_that_its_model_has_learned_from_the_child(page: ChartsPage) -> None:
    assert page.chart.data is not None
    dot = replace(page.chart.dots[CHILD], source="model", learned="train")
    assert "the model was trained on this child" in tip(page.chart, dot)
    seen = replace(page.chart.data, dots=[dot])
    page.chart.show_chart(seen)
    number, styles = page.chart.scatter.style_of(np.array([0]))
    assert styles[number[0]].hollow
    entries = entries_of(Grouping("sex", seen.dots), Look(), seen.dots, "", False)
    assert any(entry.text.startswith("hollow") for entry in entries)


def test_that_the_open_scan_is_ringed_and_its_volumes_are_listed(page: ChartsPage, qtbot: QtBot) -> None:
    page._open_scan.open(CHILD)
    qtbot.waitUntil(lambda: page.child.title.text() == "P008")
    assert list(page.chart.ring.ys) == [page.chart.dots[CHILD].value]
    assert page.chart.marks.label.isVisible()
    assert page.child.report.isEnabled()


def test_that_the_ring_in_small_charts_has_a_name_too(page: ChartsPage, qtbot: QtBot) -> None:
    show_all(page, qtbot)
    page._open_scan.open(CHILD)
    for plot in page.multiples.values():
        assert plot.marks.label.isVisible()
        assert plot.marks.label.toPlainText() == "P008"
    assert any("P008, the open scan" in entry.text for entry in page.choices.legend.entries)


def test_that_the_band_of_the_open_childs_sex_alone_is_filled(page: ChartsPage) -> None:
    bands = page.chart.bands
    assert not bands["M"].filled
    assert not bands["F"].filled
    page._open_scan.open(CHILD)
    assert bands["F"].filled
    assert bands["M"].isVisible()
    assert not bands["M"].filled
    page.tools.filled.setCurrentIndex(page.tools.filled.findData("M"))
    assert (bands["M"].filled, bands["F"].filled) == (True, False)


def test_that_centiles_can_be_drawn_in_place_of_sds(page: ChartsPage) -> None:
    assert page.chart.data is not None
    page.tools.bands.setCurrentIndex(page.tools.bands.findData("centiles"))
    assert list(page.chart.bands["M"].levels[-1]) == pytest.approx(page.chart.data.bands[0].centiles[95])


def test_that_changing_the_region_keeps_the_plots_items(page: ChartsPage, qtbot: QtBot) -> None:
    before = [id(item) for item in page.chart.plot.items]
    page.regions.setCurrentRow(4)
    qtbot.waitUntil(lambda: page.chart.data is not None and page.chart.data.title == "Left parietal lobe")
    assert [id(item) for item in page.chart.plot.items] == before
    assert page.asymmetry.data is not None
    assert page.asymmetry.data.title.startswith("Parietal")


def test_that_other_regions_are_read_ahead_and_read_anew_when_the_study_changes(
    page: ChartsPage, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    qtbot.waitUntil(lambda: page._bridge.idle)
    asked: list[list[str]] = []
    charts = page._workbench.norms.charts
    monkeypatch.setattr(
        page._workbench.norms, "charts", lambda names, source: (asked.append(names), charts(names, source))[1]
    )
    page.choose_region("cerebellum")
    assert page.chart.data is not None
    assert page.chart.data.title == "Cerebellum"
    assert asked == []
    page._bridge.changed.emit(Changes(measurements=True))
    qtbot.waitUntil(lambda: sorted(name for names in asked for name in names) == sorted(every_chart()))
    assert asked[0] == ["cerebellum", "frontal"]


def test_that_an_answer_from_before_a_change_is_not_kept(page: ChartsPage, qtbot: QtBot) -> None:
    reader, known = page._reader, page._reader._known
    qtbot.waitUntil(lambda: page._bridge.idle)
    old = dict(known)
    reader.forget()
    reader._keep(reader._age - 1, "current", {name: data for (_, name), data in old.items()})
    assert known == {}


def test_that_ten_small_charts_show_the_same_scans(page: ChartsPage, qtbot: QtBot) -> None:
    show_all(page, qtbot)
    inside = page.multiples["brainstem"].inside_ids
    assert CHILD in inside
    assert not set(inside) & {ADULT, NO_AGE}


def test_that_unticking_a_sex_hides_its_dots_and_its_band(page: ChartsPage) -> None:
    page.sexes["M"].setChecked(False)
    assert {str(dot.sex) for dot in page.chart.dots.values()} == {"F", "None"}
    assert not page.chart.bands["M"].isVisible()
    assert page.chart.bands["F"].isVisible()


@pytest.mark.parametrize(
    ("by", "titles"),
    [
        ("site", {"North", "South"}),
        ("scanner", {"GE HiSpeed Dual", "GE Revolution CT"}),
        ("role", {"train", "validation", "test"}),
        ("verdict", {"accepted", "needs edits", "no verdict"}),
        ("warnings", {"no warning on the scan", "warnings on the scan"}),
        ("source", {"atlas registration", "expert"}),
    ],
)
def test_that_dots_are_coloured_by_what_is_chosen_with_a_legend(page: ChartsPage, by: str, titles: set[str]) -> None:
    page.tools.color_by.setCurrentIndex(page.tools.color_by.findData(by))
    dots = {entry.text.rpartition(" (")[0]: entry for entry in page.choices.legend.entries if entry.dot}
    assert set(dots) == titles
    assert len({(entry.color, entry.dot and entry.dot.symbol) for entry in dots.values()}) == len(titles)
    _, styles = page.chart.scatter.style_of(np.array([0]))
    assert {entry.color for entry in dots.values()} == {style.color for style in styles}


def test_that_rare_groups_beyond_seven_are_one_and_keep_their_number(page: ChartsPage) -> None:
    dot = page.chart.dots[CHILD]
    dots = [
        replace(dot, scan_id=10 * number + n, site=f"S{number}") for number in range(12) for n in range(12 - number)
    ]
    grouping = Grouping("site", dots)
    assert [group.title for group in grouping.groups] == [f"S{number}" for number in range(7)] + ["5 others"]
    assert grouping.count(grouping.groups[-1]) == 5 + 4 + 3 + 2 + 1
    assert list(grouping.of(dots))[-1] == 7


def test_that_dots_are_smaller_where_they_would_hide_each_other() -> None:
    assert dot_size(20, False, 57_000) == dot_size(20, False) == 12
    crowded = dot_size(1487, False, 57_000)
    assert 2.5 <= crowded < dot_size(1487, False) and 1487 * crowded**2 <= 57_000 / 3
    assert dot_size(100_000, True, 1_000) == 2.5


def test_that_a_narrower_chart_has_smaller_dots_and_a_narrower_strip(workbench: Workbench, qtbot: QtBot) -> None:
    data = workbench.norms.chart("right_frontal")
    crowd = [replace(dot, scan_id=1000 * n + dot.scan_id) for n in range(80) for dot in data.dots]
    plot = DotPlot(lambda *_: "")
    qtbot.addWidget(plot)
    plot.resize(1200, 800)
    with qtbot.waitExposed(plot):
        plot.show()
    plot.show_chart(replace(data, dots=crowd))
    qtbot.waitUntil(lambda: plot.scatter.size == dot_size(len(crowd), False) and plot.strip.width() == 92)
    plot.resize(300, 400)
    qtbot.waitUntil(lambda: plot.scatter.size < dot_size(len(crowd), False) and plot.strip.width() < 92)
    small, (low, high) = plot.scatter.size, plot.boxes[0].viewRange()[0]
    plot.boxes[0].setXRange(low, low + (high - low) / 8, padding=0)
    qtbot.waitUntil(lambda: plot.scatter.size > small)  # zoomed in, there is room


def test_that_a_tool_in_hand_looks_so(page: ChartsPage) -> None:
    before = page.tools.light.grab().toImage()
    page.tools.light.setChecked(True)
    assert page.tools.light.grab().toImage() != before


def test_that_scans_of_one_child_are_joined_in_the_order_of_age() -> None:
    pairs = child_lines(["A", "B", "A", "A"], np.array([2.2, 2.0, 1.6, 1.9]))
    assert pairs.tolist() == [[2, 3], [3, 0]]


def test_that_the_measurement_error_is_a_bar_on_every_scan_of_the_open_child(page: ChartsPage) -> None:
    assert page.chart.data is not None
    dots = [page.chart.dots[CHILD], replace(page.chart.dots[CHILD], scan_id=99, age_years=1.7, value=180.0)]
    page.chart.show_chart(replace(page.chart.data, dots=dots), open_id=CHILD, reaches={CHILD: 4.0, 99: 5.0, 3: 6.0})
    bar = page.chart.marks.error
    assert bar.isVisible()
    ends = {(low, high) for _, low, _, high in bar.segments.tolist()}
    assert ends == {(dots[0].value - 4, dots[0].value + 4), (dots[1].value - 5, dots[1].value + 5)}
    assert page.chart.marks.own_line.isVisible()
    page.chart.show_chart(replace(page.chart.data, dots=dots), open_id=CHILD)
    assert not bar.isVisible()


def test_that_the_bars_are_the_measurement_error_that_the_study_knows(
    page: ChartsPage, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = ChildScan(CHILD, 2.0, {}, {"right_frontal": MeasurementError("right_frontal", "expert", sw_cm3=2.0)})
    child = SimpleNamespace(scans=(scan,))
    monkeypatch.setattr(page._workbench.norms, "child", lambda *_: child)
    monkeypatch.setattr(page.child, "follow", lambda *_: None)
    page._open_scan.open(CHILD)
    qtbot.waitUntil(page.chart.marks.error.isVisible)
    ((_, low, _, high),) = page.chart.marks.error.segments.tolist()
    assert high - low == pytest.approx(2 * 1.96 * 2.0)
    assert not page.asymmetry.marks.error.isVisible()
    assert any(entry.bar for entry in page.choices.legend.entries)


def drag_around(plot: DotPlot, scan_ids: list[int]) -> None:
    """Draw a loop around dots with Shift and the mouse."""
    places = [plot.screen_position(scan_id) for scan_id in scan_ids]
    points = [place.toPoint() for place in places if place is not None]
    left, right = min(p.x() for p in points) - 8, max(p.x() for p in points) + 8
    top, bottom = min(p.y() for p in points) - 8, max(p.y() for p in points) + 8
    corners = [QPoint(left, top), QPoint(right, top), QPoint(right, bottom), QPoint(left, bottom), QPoint(left, top)]
    path = [start + (end - start) * part / 5 for start, end in pairwise(corners) for part in range(1, 6)]
    kind, left_button, none = QEvent.Type, Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    steps = [(kind.MouseButtonPress, corners[0], left_button, left_button)]
    steps += [(kind.MouseMove, point, none, left_button) for point in path]
    steps += [(kind.MouseButtonRelease, corners[-1], left_button, none)]
    for event, point, button, held in steps:
        at, over = QPointF(point), QPointF(plot.viewport().mapToGlobal(point))
        shift = Qt.KeyboardModifier.ShiftModifier
        QApplication.sendEvent(plot.viewport(), QMouseEvent(event, at, over, button, held, shift))
        QTest.qWait(12)  # pyqtgraph takes a hundred movements a second


def test_that_a_loop_around_dots_selects_them_for_review_and_export(
    page: ChartsPage, qtbot: QtBot, tmp_path: Path
) -> None:
    around = sorted(page.chart.inside_ids, key=lambda scan: page.chart.dots[scan].value)[-3:]
    before = page.chart.boxes[0].viewRange()
    drag_around(page.chart, around)
    assert set(around) <= page.chosen
    assert page.chart.boxes[0].viewRange() == before
    assert page.selection.isVisible()
    assert page.selection.text.text() == f"{len(page.chosen)} scans selected"
    assert len(page.chart.marks.chosen) == len(page.chosen)
    assert len(page.asymmetry.marks.chosen) == len(page.chosen)
    with qtbot.waitSignal(page.review_wanted) as wanted:
        button = page.findChild(QWidget, "review_selection")
        assert button is not None
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert wanted.args == [page.chosen]
    page.export(tmp_path / "chosen.csv", page.chosen)
    with (tmp_path / "chosen.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {int(row["scan"]) for row in rows} == page.chosen
    page.activateWindow()
    qtbot.waitUntil(page.isActiveWindow)
    press(page.chart, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not page.chosen)
    assert not page.selection.isVisible()


def test_that_points_are_in_a_loop_by_the_even_odd_rule() -> None:
    loop = np.array([(0, 0), (4, 0), (4, 4), (2, 1), (0, 4)], float)
    xs, ys = np.array([0.5, 2.0, 2.0, 3.5, 5.0]), np.array([1.0, 0.5, 3.0, 1.0, 1.0])
    assert inside(loop, xs, ys).tolist() == [True, True, False, True, False]


def test_that_the_keys_go_from_dot_to_dot_in_the_order_of_age_and_open_one(page: ChartsPage, qtbot: QtBot) -> None:
    chart = page.chart
    chart.setFocus()
    press(chart, Qt.Key.Key_Home)
    ages = [chart.dots[scan].age_years for scan in chart.inside_ids]
    seen: list[float | None] = []
    for _ in ages:
        assert chart.pointed is not None
        seen.append(chart.dots[chart.pointed].age_years)
        press(chart, Qt.Key.Key_Right)
    assert seen == sorted(age for age in ages if age is not None)
    assert chart.pointed in chart.beside_ids
    press(chart, Qt.Key.Key_Left, Qt.Key.Key_Space)
    assert page.chosen == {chart.pointed}
    assert chart.accessibleDescription() == tip(chart, chart.dots[chart.pointed or 0])
    with qtbot.waitSignal(page.scan_wanted) as wanted:
        press(chart, Qt.Key.Key_Return)
    assert wanted.args == [chart.pointed, "right_frontal"]


def test_that_the_arrows_go_from_region_to_region(page: ChartsPage, qtbot: QtBot) -> None:
    page.chart.setFocus()
    press(page.chart, Qt.Key.Key_Down)
    assert page.region == "left_frontal"
    press(page.chart, Qt.Key.Key_Up, Qt.Key.Key_Up)
    assert page.region == "right_frontal"


def test_that_choices_are_remembered(workbench: Workbench, memory: QSettings, page: ChartsPage, qtbot: QtBot) -> None:
    page.choose_region("cerebellum")
    page.tools.color_by.setCurrentIndex(page.tools.color_by.findData("site"))
    page.tools.bands.setCurrentIndex(page.tools.bands.findData("centiles"))
    page.tools.light.setChecked(True)
    again = ChartsPage(workbench, page._bridge, OpenScan(), memory)
    qtbot.addWidget(again)
    assert again.region == "cerebellum"
    assert again.tools.color_by.currentData() == "site"
    assert again.tools.bands.currentData() == "centiles"
    assert again.tools.theme.name == "light"


def test_that_a_study_without_volumes_says_what_to_do(tmp_path: Path, memory: QSettings, qtbot: QtBot) -> None:
    opened = seed(tmp_path / "study", measured=False)
    bridge = Bridge(opened)
    made = ChartsPage(opened, bridge, OpenScan(), memory)
    qtbot.addWidget(made)
    made.show()
    made.refresh()
    qtbot.waitUntil(lambda: made.empty.isVisible())
    assert "press Measure" in made.empty.text()
    bridge.close()
    opened.close()


@pytest.mark.parametrize("compact", [False, True])
@pytest.mark.parametrize("ages", [[], [None], [None, 45.0], [2.0], [2.0, 2.0]])
@pytest.mark.parametrize("bands", [True, False])
def test_that_a_chart_of_few_dots_or_none_is_drawn(
    workbench: Workbench, qtbot: QtBot, compact: bool, ages: list[float | None], bands: bool
) -> None:
    data = workbench.norms.chart("cerebellum")
    dots = [replace(data.dots[0], scan_id=number, age_years=age, value=180.0) for number, age in enumerate(ages)]
    plot = DotPlot(tip, compact)
    qtbot.addWidget(plot)
    plot.resize(300, 300)
    plot.show_chart(replace(data, dots=dots, bands=data.bands if bands else []), open_id=0)
    plot.grab()
    plot.reset_view()
    plot.step(1)
    assert len(plot.scatter) + len(plot.outside) == len(ages)
    (left, right), (bottom, top) = plot.boxes[0].viewRange()
    assert left < right
    assert bottom < top


def test_that_too_many_dots_are_a_density_and_can_still_be_pointed_at(page: ChartsPage, qtbot: QtBot) -> None:
    assert page.chart.data is not None
    dot = page.chart.dots[CHILD]
    chance = np.random.default_rng(0)
    count = 2 * SINGLE_DOTS
    ages, values = chance.uniform(1.5, 2.5, count), chance.normal(195, 16, count)
    dots = [
        replace(dot, scan_id=number, subject=f"Q{number}", age_years=float(age), value=float(value))
        for number, (age, value) in enumerate(zip(ages, values, strict=True))
    ]
    page.chart.show_chart(replace(page.chart.data, title="Many", dots=dots))
    qtbot.wait(30)
    assert page.chart.crowd.isVisible()
    highest = int(np.argmax(values))
    with qtbot.waitSignal(page.chart.dot_clicked) as clicked:
        click_dot(page.chart, highest)
    assert clicked.args == [highest]
    page.chart.plot.setXRange(1.9, 2.0)
    assert not page.chart.crowd.isVisible()


def test_that_a_density_has_the_mean_colour_of_its_dots_and_is_stronger_where_there_are_more() -> None:
    red, blue = (255.0, 0.0, 0.0), (0.0, 0.0, 255.0)
    at = np.array([5.5, 5.5, 15.5])
    image = density(at, np.array([5.5, 5.5, 5.5]), np.array([red, blue, red]), (12, 24)).astype(int)
    opacity, strong, weak = image[..., 3], image[5, 5], image[5, 15]
    assert (opacity > 0).sum() == 10
    assert strong[3] > weak[3] > 0
    assert strong[0] == strong[2] == pytest.approx(strong[3] / 2, abs=1)
    assert list(weak[:3]) == [0, 0, weak[3]]
    assert opacity[0, 0] == 0


def test_that_the_numbers_shown_are_exported_with_the_reasons(page: ChartsPage, tmp_path: Path) -> None:
    page.export(tmp_path / "chart.csv")
    with (tmp_path / "chart.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert tuple(rows[0]) == CSV_COLUMNS
    of_chart = {row["subject"]: row for row in rows if row["chart"] == "Right frontal lobe"}
    assert len(of_chart) == len(page.chart.dots)
    assert of_chart["GE-ADULT"]["z"] == ""
    assert "outside the norm" in of_chart["GE-ADULT"]["no_centile_because"]
    dot = page.chart.dots[CHILD]
    assert float(of_chart["P008"]["value"]) == pytest.approx(dot.value, abs=1e-3)
    assert float(of_chart["P008"]["centile"]) == pytest.approx(dot.centile, abs=1e-2)
    assert (of_chart["P008"]["site"], of_chart["P008"]["split"]) == ("North", "validation")


@pytest.mark.parametrize("light", [False, True])
@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_that_a_picture_is_exported_on_the_chosen_ground(
    page: ChartsPage, tmp_path: Path, kind: str, light: bool
) -> None:
    path = tmp_path / f"chart.{kind}"
    page.tools.light.setChecked(light)
    page.export(path)
    if kind == "svg":
        root = ElementTree.parse(path).getroot()
        text = "".join(root.itertext())
        assert "Research use only" in text
        assert "Right frontal lobe" in text
        dots = page.chart.inside_ids + page.chart.beside_ids + page.asymmetry.inside_ids + page.asymmetry.beside_ids
        shapes = [entry for entry in root.iter() if entry.tag.endswith(("path", "polygon", "ellipse", "circle"))]
        assert len(shapes) > len(dots)
        assert not [entry for entry in root.iter() if entry.tag.endswith("image")]
        return
    if kind == "pdf":
        assert b"/Font" in path.read_bytes()
        assert path.read_bytes().count(b"/Subtype /Image") == 0
        return
    image = QImage(str(path))
    colors = {image.pixel(x, y) for x in range(0, image.width(), 7) for y in range(0, image.height(), 7)}
    assert len(colors) > 15
    assert (image.pixelColor(2, 2).lightness() > 200) == light


def test_that_a_drawing_of_a_chart_that_is_zoomed_in_keeps_within_its_axes(page: ChartsPage, tmp_path: Path) -> None:
    page._open_scan.open(CHILD)
    page.chart.plot.setXRange(2.2, 2.3)
    page.chart.plot.setYRange(200, 201)
    page.export(tmp_path / "zoomed.svg")
    text = (tmp_path / "zoomed.svg").read_text(encoding="utf-8")
    lines = _lines(ElementTree.fromstring(text))
    points = [point for line in lines for point in line]
    assert len(points) > 20
    assert all(0 <= x <= page.stack.width() + 30 and 0 <= y <= page.stack.height() + 130 for x, y in points)
    box = page.chart.boxes[0]
    ground = box.mapRectToScene(box.rect()).translated(12, 0)  # the page's margin
    ends = [(min(x for x, _ in line), max(x for x, _ in line)) for line in lines]
    assert ends.count((ground.left(), ground.right())) >= 5, "lines of the grid end at the axes"
    corners = [re.findall(r"([\d.]+),[\d.]+", way) for way in re.findall(r'd="([^"C]+)"', text)]
    bands = [way for way in corners if {*map(float, way)} == {ground.left(), ground.right()}]
    assert len(bands) >= 2, "bands end at the axes"
    assert text.count(">P008<") == 1, "the open dot is out of sight in one chart, and so is its name"


def _lines(drawing: ElementTree.Element) -> list[list[tuple[float, float]]]:
    """Points of all lines of a drawing, where they lie on the page."""
    found: list[list[tuple[float, float]]] = []
    for group in drawing.iter():
        matrix = group.attrib.get("transform", "matrix(1,0,0,1,0,0)").removeprefix("matrix(").removesuffix(")")
        a, b, c, d, right, down = map(float, matrix.split(","))
        for line in group:
            if line.tag.endswith("polyline"):
                pairs = [tuple(map(float, pair.split(","))) for pair in line.attrib["points"].split()]
                found.append([(a * x + c * y + right, b * x + d * y + down) for x, y in pairs])
    return found


@pytest.mark.parametrize(
    ("least", "step"), [(0.1, 0.1), (0.11, 0.2), (0.3, 0.5), (7, 10), (23, 50), (0.0, 1.0), (float("nan"), 1.0)]
)
def test_that_ticks_are_1_2_or_5_apart(least: float, step: float) -> None:
    assert nice_step(least) == pytest.approx(step)


def test_that_lines_are_cut_at_the_edge_of_the_view() -> None:
    view = QRectF(0, 0, 10, 10)
    lines = np.array([(-5, 5, 15, 5), (2, 2, 4, 4), (-5, -5, -1, 20), (5, 0, 5, 30), (-2, 8, 4, 14)], float)
    assert clip_segments(lines, view).tolist() == [[0, 5, 10, 5], [2, 2, 4, 4], [5, 0, 5, 10]]


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
    ("z", "text"), [(0.0, "+0.00"), (-1.234, "−1.23"), (9.999, "+10.0"), (44.31, "+44.3"), (-312.0, "−312")]
)
def test_that_a_z_score_fits_its_column(z: float, text: str) -> None:
    assert z_text(z) == text
