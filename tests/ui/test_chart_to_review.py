"""From a dot to the viewer: the region stands out, and a selection of the chart is gone through alone."""

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from ctworkbench.core.workbench import Verdict
from ctworkbench.ui.bridge import Bridge
from ctworkbench.ui.plane import for_display
from ctworkbench.ui.review import ReviewPage
from tests.ui.study_with_heads import LEFT_FRONTAL, RIGHT_TEMPORAL, make_study


@pytest.fixture(scope="module")
def shared(qapp: QApplication, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReviewPage]:
    """One room for all tests of this file: its canvases are slow to make."""
    workbench = make_study(tmp_path_factory.mktemp("chart") / "study", scans=5)
    bridge = Bridge(workbench)
    made = ReviewPage(workbench, bridge)
    made.resize(1200, 700)
    made.show()
    yield made
    made.dispose()
    bridge.close()
    made.close()
    made.deleteLater()
    workbench.close()


@pytest.fixture
def page(shared: ReviewPage, qtbot: QtBot) -> ReviewPage:
    shared.regions.spotlight.end()
    shared.worklist.show_only(None)
    shared.refresh()
    qtbot.waitUntil(lambda: len(shared.worklist.rows) == 5)
    return shared


def wait_for(page: ReviewPage, scan_id: int, qtbot: QtBot) -> None:
    qtbot.waitUntil(
        lambda: page.session.case is not None and page.session.case.scan.id == scan_id and not page.cover.isVisible(),
        timeout=20_000,
    )


def opacity(page: ReviewPage, code: int) -> float:
    """How much of a region's colour is seen."""
    return float(page.view.axial.labels.colormap.color_dict[code][3])


def region_under_crosshair(page: ReviewPage) -> int:
    return int(for_display(page.view.edited_labels())[page.view.index])


def test_that_the_region_of_a_dot_stands_out_once_its_scan_is_loaded(page: ReviewPage, qtbot: QtBot) -> None:
    page.open_scan(1)
    page.show_region("right_temporal")
    wait_for(page, 1, qtbot)
    assert page.view.selected == RIGHT_TEMPORAL
    assert region_under_crosshair(page) == RIGHT_TEMPORAL
    assert page.regions.tree.currentItem().text(0) == "Right temporal"
    assert opacity(page, RIGHT_TEMPORAL) == 1
    assert opacity(page, LEFT_FRONTAL) < 0.5
    assert page.flash.text() == "Right temporal lobe"


def test_that_all_regions_come_back_after_a_moment(page: ReviewPage, qtbot: QtBot) -> None:
    page.open_scan(1)
    wait_for(page, 1, qtbot)
    page.regions.spotlight._timer.setInterval(100)
    page.show_region("left_frontal")
    assert region_under_crosshair(page) == LEFT_FRONTAL
    assert opacity(page, RIGHT_TEMPORAL) < 0.5
    qtbot.waitUntil(lambda: opacity(page, RIGHT_TEMPORAL) == 1)


def test_that_a_hidden_region_is_shown_when_it_is_asked_for(page: ReviewPage, qtbot: QtBot) -> None:
    page.open_scan(1)
    wait_for(page, 1, qtbot)
    page.view.set_region_shown(LEFT_FRONTAL, False)
    page.regions._items[LEFT_FRONTAL].setCheckState(0, Qt.CheckState.Unchecked)
    page.show_region("left_frontal")
    assert page.view.hidden_codes == frozenset()
    assert opacity(page, LEFT_FRONTAL) == 1


def test_that_a_region_that_is_not_in_the_label_map_is_said_to_be_missing(page: ReviewPage, qtbot: QtBot) -> None:
    page.open_scan(1)
    wait_for(page, 1, qtbot)
    page.show_region("cerebellum")
    assert page.flash.text() == "Cerebellum: not in this label map"
    assert page.regions.spotlight.code is None


def test_that_a_selection_of_the_chart_is_listed_alone_until_its_chip_is_clicked(
    page: ReviewPage, qtbot: QtBot
) -> None:
    page.worklist.filter.setText("P001")
    page.show_selection(frozenset({2, 4}))
    wait_for(page, 2, qtbot)
    assert [row.id for row in page.worklist.rows] == [2, 4]
    assert page.worklist.only.isVisible()
    assert "Selection of 2 from the chart" in page.worklist.only.text()
    assert page.worklist.filter.text() == ""
    page.judge(Verdict.ACCEPT)
    wait_for(page, 4, qtbot)
    assert page.worklist.next_to_review() is None
    QTest.mouseClick(page.worklist.only, Qt.MouseButton.LeftButton)
    assert len(page.worklist.rows) == 5
    assert not page.worklist.only.isVisible()


def test_that_a_selection_stays_when_the_list_is_read_again(page: ReviewPage, qtbot: QtBot) -> None:
    page.show_selection(frozenset({3, 5}))
    page.refresh()
    qtbot.waitUntil(lambda: page.bridge.idle)
    assert [row.id for row in page.worklist.rows] == [3, 5]
