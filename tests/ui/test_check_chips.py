"""The list by risk, its filters, and the chips that lead to what the checks found."""

from collections.abc import Iterator

import numpy as np
import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from ctworkbench.core.settings import Settings
from ctworkbench.core.volume import Volume
from ctworkbench.core.workbench import Changes, Origin, Verdict, Workbench
from ctworkbench.ui.app import dress
from ctworkbench.ui.bridge import Bridge
from ctworkbench.ui.check_watch import CheckWatch
from ctworkbench.ui.review import ReviewPage
from ctworkbench.ui.worklist_choices import RISK
from tests.core.checked_head import SCHEME, STRAIGHT, coordinates, head_of, labels_of
from tests.core.test_checks_room import add_version, prepare
from tests.ui.study_with_heads import add_scan

ISLAND = (-35.0, -20.0, 30.0)
SOUND, ISLANDS, SWAPPED = 1, 2, 3


@pytest.fixture(scope="module")
def workbench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """P001 in order, P002 with an island of the right frontal lobe, P003 with swapped sides; all are checked."""
    folder = tmp_path_factory.mktemp("checks") / "study"
    labels = labels_of(STRAIGHT)
    u, v, w = coordinates(labels.grid, STRAIGHT)
    ball = (u - ISLAND[0]) ** 2 + (v - ISLAND[1]) ** 2 + (w - ISLAND[2]) ** 2 < 9**2
    island = np.where(ball, 1, labels.voxels).astype(np.uint8)
    with Workbench.create(folder, Settings(author="reader")) as study:
        for code, voxels in (("P001", labels.voxels), ("P002", island), ("P003", SCHEME.mirror_table[labels.voxels])):
            made = Volume(np.asfortranarray(voxels), labels.affine)
            prepare(study, add_scan(study, code, head_of(STRAIGHT).image, made))
        assert study.wait(study.checks.check()) == []
        yield study


class Room:
    def __init__(self, workbench: Workbench, memory: QSettings) -> None:
        self.bridge = Bridge(workbench)
        self.page = ReviewPage(workbench, self.bridge, memory=memory)

    @property
    def listed(self) -> list[int]:
        return [row.id for row in self.page.worklist.rows]


@pytest.fixture
def room(workbench: Workbench, qtbot: QtBot, qapp: QApplication, memory: QSettings) -> Iterator[Room]:
    plain = qapp.styleSheet()
    dress(qapp)
    room = Room(workbench, memory)
    room.page.resize(1200, 700)
    room.page.show()
    qtbot.waitUntil(lambda: bool(room.page.worklist.rows) and len(room.page.worklist.checked) == 3)
    room.page.activateWindow()
    qtbot.waitUntil(room.page.isActiveWindow)
    yield room
    room.page.dispose()
    room.bridge.close()
    room.page.close()
    qapp.setStyleSheet(plain)


def open_scan(room: Room, scan_id: int, qtbot: QtBot) -> None:
    page = room.page
    page.open_scan(scan_id)
    shown = lambda: page.session.case is not None and page.session.case.scan.id == scan_id  # noqa: E731
    qtbot.waitUntil(shown, timeout=20_000)
    qtbot.waitUntil(lambda: bool(page.chips.said.text()))


def test_that_the_order_can_be_chosen_and_is_remembered(room: Room, memory: QSettings) -> None:
    order = room.page.worklist.choices.order
    assert order.currentData() == RISK
    order.setCurrentIndex(order.findData("import"))
    assert room.listed == [SOUND, ISLANDS, SWAPPED]
    assert memory.value("review/order") == "import"
    order.setCurrentIndex(order.findData("oldest"))
    assert room.listed == [SOUND, ISLANDS, SWAPPED]
    order.setCurrentIndex(order.findData("subject"))
    assert room.listed == [SOUND, ISLANDS, SWAPPED]


def choose(room: Room, title: str) -> None:
    """Take a line of the filter's menu."""
    next(action for action in room.page.worklist.choices.menu.actions() if action.text() == title).trigger()


def test_that_the_list_is_filtered_by_what_was_found_and_by_who_made_the_label_map(room: Room) -> None:
    choices = room.page.worklist.choices
    choose(room, "swapped sides")
    assert room.listed == [SWAPPED] and choices.filters.text() == "Filter: swapped sides"
    choose(room, "registration")
    assert room.listed == [SWAPPED]
    choose(room, "No filter")
    assert len(room.listed) == 3 and choices.filters.text() == "Filter: none"
    choose(room, "any finding")
    assert room.listed == [SWAPPED, ISLANDS]
    choose(room, "any finding")  # again: it is taken away
    assert len(room.listed) == 3


def test_that_a_row_tells_in_its_tooltip_what_was_found(room: Room) -> None:
    model = room.page.worklist.list.model()
    tips = [str(model.index(number, 0).data(Qt.ItemDataRole.ToolTipRole)) for number in range(3)]
    assert "▲ swapped sides: Frontal: left and right are swapped in the patient" in tips[0]
    assert "△ pieces: Right frontal lobe: 2 pieces" in tips[1]
    assert "The checks found nothing to look at" in tips[2]


def test_that_a_click_on_a_chip_goes_to_the_place_and_says_what_is_there(room: Room, qtbot: QtBot) -> None:
    page = room.page
    open_scan(room, ISLANDS, qtbot)
    (chip,) = page.chips.chips
    assert chip.text() == "△ pieces"
    page.view.go_to((0, 0, 0))
    QTest.mouseClick(chip, Qt.MouseButton.LeftButton)
    where = page.view.describe(page.view.index)
    left, back, up = (float(where.split()[place]) for place in (1, 3, 5))
    assert np.linalg.norm([-left - ISLAND[0], -back - ISLAND[1], up - ISLAND[2]]) < 6
    assert where.startswith("L") and where.endswith("Right frontal lobe")
    assert page.view.selected == SCHEME.region("right_frontal").code
    assert "2 pieces" in page.flash.text()
    page.view.go_to((0, 0, 0))
    page.setFocus()
    QTest.keyClick(page, Qt.Key.Key_J)
    assert page.view.describe(page.view.index) == where


def test_that_nothing_moves_between_a_case_with_findings_and_one_without(room: Room, qtbot: QtBot) -> None:
    page = room.page
    open_scan(room, SWAPPED, qtbot)
    qtbot.waitUntil(lambda: [chip.text() for chip in page.chips.chips] == ["▲ swapped sides  4"])
    before = page.view.geometry(), page.chips.height()
    open_scan(room, SOUND, qtbot)
    qtbot.waitUntil(lambda: page.chips.said.text() == "✓ The checks found nothing to look at")
    assert (page.view.geometry(), page.chips.height()) == before and page.chips.chips == []


def test_that_chips_without_room_go_into_a_menu(room: Room, qtbot: QtBot) -> None:
    page = room.page
    open_scan(room, SWAPPED, qtbot)
    qtbot.waitUntil(lambda: bool(page.chips.chips))
    chips = page.chips
    chips.setFixedWidth(90)
    qtbot.waitUntil(lambda: not chips.chips[0].isVisible() and chips.more.isVisible())
    assert chips.more.text() == "+1"
    assert chips.more.menu().actions()[0].text().startswith("▲ swapped sides")


def test_that_the_riskiest_case_stands_first_and_space_goes_down_the_list(
    room: Room, workbench: Workbench, qtbot: QtBot
) -> None:
    page = room.page
    assert room.listed == [SWAPPED, ISLANDS, SOUND]
    page.setFocus()
    QTest.keyClick(page, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: page.session.case is not None and page.session.case.scan.id == SWAPPED, timeout=20_000)
    page.judge(Verdict.REJECT)
    qtbot.waitUntil(lambda: page.session.case is not None and page.session.case.scan.id == ISLANDS, timeout=20_000)
    qtbot.waitUntil(lambda: room.listed == [ISLANDS, SOUND, SWAPPED])  # what waits for a reader stands first
    workbench.review.judge(workbench.review.annotations(SWAPPED)[0].id, Verdict.LATER)
    qtbot.waitUntil(lambda: page.bridge.idle)
    assert room.listed == [ISLANDS, SOUND, SWAPPED]  # put off: behind what nobody has looked at


def test_that_what_comes_into_the_study_is_checked_without_being_asked_for(
    room: Room, workbench: Workbench, qtbot: QtBot
) -> None:
    page = room.page
    watch = CheckWatch(workbench, room.bridge)
    room.bridge.start()
    watch.start()
    open_scan(room, SOUND, qtbot)
    labels = labels_of(STRAIGHT)
    add_version(workbench, SOUND, Volume(SCHEME.mirror_table[labels.voxels], labels.affine), Origin.MODEL)
    said: list[str] = []
    room.bridge.noticed.connect(lambda notice: said.append(notice.message))
    workbench._study.announce(Changes(annotations=True), None)
    qtbot.waitUntil(lambda: "△ machines differ  8" in [chip.text() for chip in page.chips.chips], timeout=60_000)
    assert not any("Check" in text for text in said)
