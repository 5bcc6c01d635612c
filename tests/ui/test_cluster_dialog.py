"""Where jobs run, chosen in the window: tried before it is taken, refused with the reason, remembered."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from distributed import LocalCluster
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDialogButtonBox
from pytestqt.qtbot import QtBot

from ctworkbench.core.settings import Settings
from ctworkbench.core.workbench import Workbench
from ctworkbench.ui.bridge import Bridge
from ctworkbench.ui.cluster_dialog import ClusterDialog


@pytest.fixture
def workbench(tmp_path: Path) -> Iterator[Workbench]:
    with Workbench.create(tmp_path / "study", Settings(author="reader")) as opened:
        yield opened


@pytest.fixture
def dialog(workbench: Workbench, qtbot: QtBot) -> Iterator[ClusterDialog]:
    bridge = Bridge(workbench)
    made = ClusterDialog(workbench, bridge)
    qtbot.addWidget(made)
    made.show()
    yield made
    bridge.close()


def use(dialog: ClusterDialog, address: str) -> None:
    dialog.address.selectAll()
    QTest.keyClicks(dialog.address, address)
    button = dialog._box.button(QDialogButtonBox.StandardButton.Ok)
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def test_that_a_cluster_that_cannot_be_used_is_refused_with_the_reason(
    dialog: ClusterDialog, workbench: Workbench, qtbot: QtBot
) -> None:
    use(dialog, "nowhere.json")
    qtbot.waitUntil(lambda: "no scheduler file nowhere.json" in dialog.said.text())
    assert dialog.isVisible()
    assert dialog.address.isEnabled()
    assert workbench.jobs.cluster == ""


def test_that_a_cluster_is_used_from_now_on_and_at_the_next_opening(
    dialog: ClusterDialog, workbench: Workbench, qtbot: QtBot
) -> None:
    options = {"n_workers": 1, "threads_per_worker": 1, "processes": False, "dashboard_address": None}
    with LocalCluster(**options, silence_logs=50) as cluster:
        use(dialog, cluster.scheduler_address)
        qtbot.waitUntil(lambda: not dialog.isVisible(), timeout=20_000)
        assert workbench.jobs.cluster == cluster.scheduler_address
        with Workbench.open(workbench.folder, Settings()) as again:
            assert again.jobs.cluster == cluster.scheduler_address
            assert again.set_cluster("") >= 1
    with Workbench.open(workbench.folder, Settings()) as again:
        assert again.jobs.cluster == ""
        assert again.name == "study"
