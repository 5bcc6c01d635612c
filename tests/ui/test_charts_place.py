"""The tabs of the place Charts: remembered, walked with the keys, read when they are shown."""

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from ctworkbench.core.workbench import Workbench
from ctworkbench.ui.bridge import Bridge, OpenScan
from ctworkbench.ui.charts_place import ChartsPlace
from tests.ui.seeded_study import seed


@pytest.fixture(scope="module")
def workbench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    opened = seed(tmp_path_factory.mktemp("place") / "study")
    yield opened
    opened.close()


@pytest.fixture
def bridge(workbench: Workbench) -> Iterator[Bridge]:
    made = Bridge(workbench)
    yield made
    made.close()


def place_of(workbench: Workbench, bridge: Bridge, memory: QSettings, qtbot: QtBot) -> ChartsPlace:
    made = ChartsPlace(workbench, bridge, OpenScan(), memory)
    made.resize(1200, 680)
    qtbot.addWidget(made)
    with qtbot.waitExposed(made):
        made.show()
    made.activateWindow()
    qtbot.waitUntil(made.isActiveWindow)
    return made


def test_that_ctrl_tab_walks_round_all_pages(
    workbench: Workbench, bridge: Bridge, memory: QSettings, qtbot: QtBot
) -> None:
    place = place_of(workbench, bridge, memory, qtbot)
    seen: list[str] = []
    for _ in place.names:
        seen.append(place.page)
        QTest.keyClick(place, Qt.Key.Key_Tab, Qt.KeyboardModifier.ControlModifier)
    assert seen == list(place.names)
    assert place.page == place.names[0]


def test_that_the_last_page_is_remembered(
    workbench: Workbench, bridge: Bridge, memory: QSettings, qtbot: QtBot
) -> None:
    place = place_of(workbench, bridge, memory, qtbot)
    last = place.names[-1]
    place.show_page(last)
    assert place_of(workbench, bridge, memory, qtbot).page == last


def test_that_an_unknown_page_is_the_first(
    workbench: Workbench, bridge: Bridge, memory: QSettings, qtbot: QtBot
) -> None:
    memory.setValue("charts_tab", "nowhere")
    assert place_of(workbench, bridge, memory, qtbot).page == "charts"
