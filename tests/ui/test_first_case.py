"""While the viewer loads, the case that Space will open is read."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QObject, QSettings
from pytestqt.qtbot import QtBot

from ctworkbench.core.workbench import Verdict, Workbench
from ctworkbench.ui import first_case
from ctworkbench.ui.bridge import Bridge
from ctworkbench.ui.first_case import FirstCase
from ctworkbench.ui.prefetch import Prefetch, Wanted
from ctworkbench.ui.recovery import RecoveryFolder
from tests.ui.study_with_heads import make_study


@pytest.fixture
def workbench(tmp_path: Path) -> Iterator[Workbench]:
    made = make_study(tmp_path / "study", scans=3)
    yield made
    made.close()


@pytest.fixture
def bridge(workbench: Workbench, qapp: QObject) -> Iterator[Bridge]:
    made = Bridge(workbench)
    yield made
    made.close()


@pytest.fixture
def prefetch(workbench: Workbench, bridge: Bridge) -> Prefetch:
    return Prefetch(workbench, bridge, RecoveryFolder(workbench.folder / "recovery"), bridge)


def test_that_the_room_is_given_the_case_that_is_first_to_review(
    workbench: Workbench, bridge: Bridge, prefetch: Prefetch, memory: QSettings, qtbot: QtBot
) -> None:
    memory.setValue("review/order", "subject")
    workbench.review.judge_subject("P001", Verdict.ACCEPT, "", grade=5)
    first = FirstCase(workbench, bridge, memory, bridge)
    first.read()
    qtbot.waitUntil(lambda: bridge.idle)
    assert prefetch.kept == ()
    first.hand_to(prefetch)
    assert prefetch.kept == (Wanted(2),)
    case = prefetch.take(Wanted(2))
    assert case is not None
    assert case.scan.subject == "P002"


def test_that_a_case_that_is_read_after_the_room_is_there_still_reaches_it(
    workbench: Workbench, bridge: Bridge, prefetch: Prefetch, memory: QSettings, qtbot: QtBot
) -> None:
    first = FirstCase(workbench, bridge, memory, bridge)
    first.read(3)
    first.hand_to(prefetch)
    qtbot.waitUntil(lambda: prefetch.kept == (Wanted(3),))
    first.read(1)  # once for a study: from now on the room reads for itself
    qtbot.waitUntil(lambda: bridge.idle)
    assert prefetch.kept == (Wanted(3),)


def test_that_a_case_that_came_late_does_not_push_out_what_the_room_wants(
    workbench: Workbench, bridge: Bridge, prefetch: Prefetch, memory: QSettings, qtbot: QtBot
) -> None:
    prefetch.want([Wanted(2)], 0)
    qtbot.waitUntil(lambda: prefetch.kept == (Wanted(2),))
    first = FirstCase(workbench, bridge, memory, bridge)
    first.hand_to(prefetch)
    first.read(3)
    qtbot.waitUntil(lambda: bridge.idle)
    assert prefetch.kept == (Wanted(2),)


def test_that_nobody_is_told_of_a_first_case_that_cannot_be_read(
    workbench: Workbench, bridge: Bridge, prefetch: Prefetch, memory: QSettings, qtbot: QtBot
) -> None:
    notices: list[object] = []
    bridge.noticed.connect(notices.append)
    (workbench.folder / "voxels").rename(workbench.folder / "voxels_away")
    first = FirstCase(workbench, bridge, memory, bridge)
    first.read()
    first.hand_to(prefetch)
    qtbot.waitUntil(lambda: bridge.idle)
    assert notices == []
    assert prefetch.kept == ()


def test_that_nothing_is_read_where_memory_is_short(
    workbench: Workbench, bridge: Bridge, memory: QSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Short:
        available = 100

    monkeypatch.setattr(first_case.psutil, "virtual_memory", Short)
    FirstCase(workbench, bridge, memory, bridge).read()
    assert bridge.idle
