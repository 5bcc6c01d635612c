"""The next case is read ahead, shown at once, and never shown as it no longer stands."""

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from ctworkbench.core.volume import ReadingGivenUp, Volume
from ctworkbench.core.workbench import Workbench
from ctworkbench.ui import opening, prefetch
from ctworkbench.ui.bridge import Bridge
from ctworkbench.ui.prefetch import Wanted
from ctworkbench.ui.review import ReviewPage
from tests.ui.study_with_heads import CEREBELLUM, make_study


@pytest.fixture(scope="module")
def shared(qapp: QApplication, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ReviewPage, Workbench]]:
    """One room for all tests of this file: its canvases are slow to make."""
    workbench = make_study(tmp_path_factory.mktemp("prefetch") / "study", scans=6)
    bridge = Bridge(workbench)
    page = ReviewPage(workbench, bridge)
    page.resize(1100, 650)
    page.show()
    yield page, workbench
    page.dispose()
    bridge.close()
    workbench.close()
    page.close()
    page.deleteLater()
    qapp.processEvents()


@pytest.fixture
def page(shared: tuple[ReviewPage, Workbench], qtbot: QtBot) -> ReviewPage:
    """The room at scan 1, nothing of it left to do."""
    page = shared[0]
    if page.session.dirty:
        page.session.discard_edits()
    page.prefetch.clear()
    qtbot.waitUntil(lambda: len(page.worklist.rows) == 6 and page.bridge.idle)
    if page.opening.wanted != 1:
        page.open_scan(1)
    qtbot.waitUntil(lambda: shown(page) == 1 and not page.opening.loading)
    page.opening.look_ahead()
    page.activateWindow()
    qtbot.waitUntil(page.isActiveWindow)
    return page


@pytest.fixture
def workbench(shared: tuple[ReviewPage, Workbench]) -> Workbench:
    return shared[1]


def shown(page: ReviewPage) -> int:
    return 0 if page.session.case is None else page.session.case.scan.id


def read(page: ReviewPage) -> list[int]:
    return [case.scan_id for case in page.prefetch.kept]


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The scans that the room reads from now on because they were not there."""
    numbers: list[int] = []
    plain = opening.read_case

    def reading(workbench: Any, recovery: Any, scan_id: int, *rest: Any) -> Any:
        numbers.append(scan_id)
        return plain(workbench, recovery, scan_id, *rest)

    monkeypatch.setattr(opening, "read_case", reading)
    return numbers


def test_that_the_next_case_is_there_within_the_key(
    page: ReviewPage, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    qtbot.waitUntil(lambda: 2 in read(page))
    asked = counted(monkeypatch)
    QTest.keyClick(page, Qt.Key.Key_PageDown)
    assert shown(page) == 2
    assert asked == []
    assert not page.cover.isVisible()
    assert page.view._labels is page.session.case.labels


def test_that_at_most_two_cases_are_kept_the_next_and_the_one_before(page: ReviewPage, qtbot: QtBot) -> None:
    page.open_scan(3)
    qtbot.waitUntil(lambda: shown(page) == 3 and sorted(read(page)) == [2, 4])
    qtbot.wait(200)
    assert sorted(read(page)) == [2, 4]
    page.open_scan(6)
    qtbot.waitUntil(lambda: shown(page) == 6 and sorted(read(page)) == [1, 5])


def test_that_a_new_version_puts_away_what_was_read_ahead(page: ReviewPage, workbench: Workbench, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: 2 in read(page))
    old = workbench.review.labels(workbench.review.annotations(2)[0].id)
    voxels = old.voxels.copy()
    voxels[:3] = CEREBELLUM
    saved = workbench.review.save(2, workbench.review.annotations(2)[0].id, Volume(voxels, old.affine), author="other")
    QTest.keyClick(page, Qt.Key.Key_PageDown)
    qtbot.waitUntil(lambda: shown(page) == 2 and not page.opening.loading)
    assert page.session.shown is not None
    assert page.session.shown.id == saved.id
    assert np.array_equal(page.view._labels, voxels)


def test_that_a_verdict_given_elsewhere_is_shown_with_the_case_that_was_read_ahead(
    page: ReviewPage, workbench: Workbench, qtbot: QtBot
) -> None:
    from ctworkbench.core.workbench import Verdict

    page.open_scan(4)
    qtbot.waitUntil(lambda: shown(page) == 4 and 5 in read(page))
    workbench.review.judge(workbench.review.annotations(5)[0].id, Verdict.NEEDS_EDITS, reviewer="other")
    QTest.keyClick(page, Qt.Key.Key_PageDown)
    qtbot.waitUntil(lambda: shown(page) == 5 and not page.opening.loading)
    assert page.session.shown is not None
    assert page.session.shown.verdict is Verdict.NEEDS_EDITS


def test_that_corrections_found_since_are_offered(page: ReviewPage, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: 2 in read(page))
    image = page.session.case.image
    labels = np.full(image.voxels.shape, CEREBELLUM, np.uint8)
    page.session.recovery.write(2, Volume(labels, image.affine), None)
    QTest.keyClick(page, Qt.Key.Key_PageDown)
    qtbot.waitUntil(lambda: shown(page) == 2 and not page.opening.loading)
    assert page.session.recovery_open
    page.session.discard_recovered()


def test_that_a_case_that_is_just_being_read_is_not_read_twice(
    page: ReviewPage, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.prefetch.clear()
    qtbot.waitUntil(lambda: page.bridge.idle)
    asked = counted(monkeypatch)
    read_ahead: list[int] = []
    plain = prefetch.read_case

    def slowly(workbench: Any, recovery: Any, scan_id: int, *rest: Any) -> Any:
        read_ahead.append(scan_id)
        QTest.qSleep(400)
        return plain(workbench, recovery, scan_id, *rest)

    monkeypatch.setattr(prefetch, "read_case", slowly)
    page.opening.look_ahead()
    qtbot.waitUntil(lambda: read_ahead == [2])
    QTest.keyClick(page, Qt.Key.Key_PageDown)
    assert page.cover.isVisible()
    qtbot.waitUntil(lambda: shown(page) == 2 and not page.opening.loading)
    assert asked == []
    assert read_ahead.count(2) == 1


def test_that_reading_ahead_gives_way_to_a_case_that_is_asked_for(
    page: ReviewPage, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.prefetch.clear()
    qtbot.waitUntil(lambda: page.bridge.idle)
    told: list[str] = []
    plain = prefetch.read_case

    def read_until_given_up(workbench: Any, recovery: Any, scan_id: int, annotation: Any, given_up: Any) -> Any:
        if scan_id != 2:
            return plain(workbench, recovery, scan_id, annotation, given_up)
        told.append("begun")
        while not given_up():
            QTest.qSleep(5)
        told.append("given up")
        raise ReadingGivenUp

    monkeypatch.setattr(prefetch, "read_case", read_until_given_up)
    page.opening.look_ahead()
    qtbot.waitUntil(lambda: told == ["begun"])
    page.open_scan(6)
    qtbot.waitUntil(lambda: shown(page) == 6 and not page.opening.loading)
    assert told == ["begun", "given up"]
    page.open_scan(1)
    qtbot.waitUntil(lambda: shown(page) == 1 and not page.opening.loading)


def test_that_nothing_is_read_ahead_where_memory_is_short(
    page: ReviewPage, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.prefetch.clear()
    qtbot.waitUntil(lambda: page.bridge.idle)

    class Short:
        available = 100

    monkeypatch.setattr(prefetch.psutil, "virtual_memory", Short)
    page.opening.look_ahead()
    qtbot.wait(250)
    assert read(page) == []
    QTest.keyClick(page, Qt.Key.Key_PageDown)
    qtbot.waitUntil(lambda: shown(page) == 2 and not page.opening.loading)


def test_that_a_case_that_cannot_be_read_ahead_is_told_of_when_it_is_opened_and_not_before(
    page: ReviewPage, workbench: Workbench, qtbot: QtBot
) -> None:
    notices: list[Any] = []
    page.bridge.noticed.connect(notices.append)
    page.prefetch.clear()
    qtbot.waitUntil(lambda: page.bridge.idle)
    folder = workbench.folder / "voxels"
    hidden = folder.with_name("voxels_away")
    shutil.move(folder, hidden)
    try:
        page.opening.look_ahead()
        qtbot.wait(250)
        assert notices == []
        assert read(page) == []
        QTest.keyClick(page, Qt.Key.Key_PageDown)
        qtbot.waitUntil(lambda: bool(notices))
        assert "missing" in notices[0].message
    finally:
        shutil.move(hidden, folder)
        page.bridge.noticed.disconnect(notices.append)


def test_that_a_filter_changes_what_is_read_ahead(page: ReviewPage, qtbot: QtBot) -> None:
    def wait(until: Callable[[], bool]) -> None:
        qtbot.waitUntil(until)

    wait(lambda: 2 in read(page))
    page.worklist.filter.setText("P004")
    wait(lambda: read(page) == [4])
    page.worklist.filter.clear()
    assert Wanted(4) not in page.prefetch.kept
