"""What is left of a study when the program is killed in the middle of a correction."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from ctworkbench.core.settings import Settings
from ctworkbench.core.workbench import Workbench
from ctworkbench.ui.bridge import Bridge
from ctworkbench.ui.review import ReviewPage
from tests.ui.study_with_heads import CEREBELLUM, make_study

_PAINTER = """
import sys, time
from pathlib import Path
from PySide6.QtWidgets import QApplication
app = QApplication([])
from ctworkbench.core.settings import Settings
from ctworkbench.core.workbench import Workbench
from ctworkbench.ui.bridge import Bridge
from ctworkbench.ui.review import ReviewPage
workbench = Workbench.open(Path(sys.argv[1]), Settings())
page = ReviewPage(workbench, Bridge(workbench))
page.show()
page.open_scan(1)
number = 0
while True:
    app.processEvents()
    if page.session.case is not None:
        number += 1
        page.view.axial.labels.paint((12, 5 + number // 30 % 20, 5 + number % 30), 9)
    time.sleep(0.005)
"""


@pytest.mark.slow
def test_that_a_program_killed_while_it_keeps_corrections_loses_no_version_and_offers_them_again(
    tmp_path: Path, qtbot: QtBot
) -> None:
    workbench = make_study(tmp_path / "study", scans=1)
    before = workbench.review.labels(workbench.review.annotations(1)[0].id).voxels
    workbench.close()
    kept = tmp_path / "study" / "recovery" / "scan_1.nii.gz"
    painter = subprocess.Popen([sys.executable, "-c", _PAINTER, str(tmp_path / "study")], cwd=Path(__file__).parents[2])
    try:
        deadline = time.monotonic() + 90
        while not kept.exists():
            assert painter.poll() is None, "the painter ended by itself"
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(0.6)
    finally:
        os.kill(painter.pid, signal.SIGKILL)
        painter.wait()
    workbench = Workbench.open(tmp_path / "study", Settings(author="reader"))
    bridge = Bridge(workbench)
    page = ReviewPage(workbench, bridge)
    try:
        page.show()
        page.open_scan(1)
        qtbot.waitUntil(lambda: page.session.case is not None, timeout=20_000)
        assert np.array_equal(page.view.edited_labels(), before)
        assert "Unsaved corrections from" in page.banner.text.text()
        assert not page.view.editable
        page.banner.first.click()
        assert page.session.dirty
        assert (page.view.edited_labels() == CEREBELLUM).any()
        assert page.saving.finish()
        assert workbench.review.annotations(1)[0].version == 2
        assert np.array_equal(workbench.review.labels(workbench.review.annotations(1)[1].id).voxels, before)
        assert workbench.verify() == []
        assert not kept.exists()
    finally:
        page.dispose()
        bridge.close()
        workbench.close()
        page.close()
        page.deleteLater()
