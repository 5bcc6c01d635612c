"""What is left of a study when the program is killed in the middle of a correction."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from ctworkbench.core.settings import Settings
from ctworkbench.core.workbench import Workbench
from ctworkbench.ui.bridge import Bridge
from ctworkbench.ui.plane import for_display
from ctworkbench.ui.review import ReviewPage
from tests.ui.study_with_heads import CEREBELLUM, make_study

_ROOM = """
import sys, time
from pathlib import Path
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
app = QApplication([])
from ctworkbench.core.settings import Settings
from ctworkbench.core.workbench import Workbench
from ctworkbench.ui.bridge import Bridge
from ctworkbench.ui.review import ReviewPage
workbench = Workbench.open(Path(sys.argv[1]), Settings(author="reader"))
page = ReviewPage(workbench, Bridge(workbench))
page.show()
page.open_scan(1)
"""
_PAINTER = (
    _ROOM
    + """
number = 0
while True:
    app.processEvents()
    if page.session.case is not None:
        number += 1
        page.view.axial.labels.paint((12, 5 + number // 30 % 20, 5 + number % 30), 9)
    time.sleep(0.005)
"""
)
# One voxel a stroke, with the rest between two that a hand takes; then the last stroke, or a save, has no end.
_STROKES = (
    _ROOM
    + """
def work(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        app.processEvents()
        time.sleep(0.002)
while page.session.case is None:
    work(0.01)
page.view.set_brush_size(1)
for number in range(5):
    page.view.axial.labels.paint((12, 10, 10 + number), 9)
    print("stroke", flush=True)
    work(0.7)
if sys.argv[2] == "stroke":
    from ctworkbench.ui.tool import Tool
    page.view.set_brush_size(6)
    canvas = page.view.axial.canvas
    page.view.set_tool(Tool.BRUSH)
    middle = QPoint(canvas.width() // 2, canvas.height() // 2)
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, middle)
    print("last", flush=True)
    for step in range(100000):
        QTest.mouseMove(canvas, middle + QPoint(step % 40, step % 7))
        work(0.01)
else:
    from ctworkbench.core import store
    replace = Path.replace
    def stay(self, target):
        if str(target).endswith(".nii.gz") and "voxels" in str(target):
            print("last", flush=True)
            time.sleep(3600)
        return replace(self, target)
    if sys.argv[2] == "save":
        Path.replace = stay
    page.save()
    if sys.argv[2] == "saved":
        print("last", flush=True)
    work(3600)
"""
)


@contextmanager
def killed(script: str, *words: str) -> Generator["subprocess.Popen[str]"]:
    """A program that is killed at the end, as by `kill -9`."""
    command = [sys.executable, "-c", script, *words]
    program = subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True)
    try:
        yield program
    finally:
        os.kill(program.pid, signal.SIGKILL)
        program.wait()


@contextmanager
def opened(study: Path, qtbot: QtBot) -> Generator[tuple[ReviewPage, Workbench]]:
    """The room with the scan of a study, as the next start shows it."""
    workbench = Workbench.open(study, Settings(author="reader"))
    bridge = Bridge(workbench)
    page = ReviewPage(workbench, bridge)
    try:
        page.show()
        page.open_scan(1)
        qtbot.waitUntil(lambda: page.session.case is not None, timeout=20_000)
        yield page, workbench
    finally:
        page.dispose()
        bridge.close()
        workbench.close()
        page.close()
        page.deleteLater()


@pytest.mark.slow
def test_that_a_program_killed_while_it_keeps_corrections_loses_no_version_and_offers_them_again(
    tmp_path: Path, qtbot: QtBot
) -> None:
    workbench = make_study(tmp_path / "study", scans=1)
    before = workbench.review.labels(workbench.review.annotations(1)[0].id).voxels
    workbench.close()
    kept = workbench.readers.recovery_folder() / "scan_1.nii.gz"
    with killed(_PAINTER, str(tmp_path / "study")) as painter:
        deadline = time.monotonic() + 90
        while not kept.exists():
            assert painter.poll() is None, "the painter ended by itself"
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(0.6)
    with opened(tmp_path / "study", qtbot) as (page, workbench):
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


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["stroke", "save", "saved"])
def test_that_a_program_killed_in_a_stroke_or_a_save_offers_every_stroke_back_but_the_last(
    tmp_path: Path, qtbot: QtBot, moment: str
) -> None:
    study = tmp_path / "study"
    make_study(study, scans=1).close()
    with killed(_STROKES, str(study), moment) as program:
        assert program.stdout is not None
        assert [program.stdout.readline().strip() for _ in range(6)] == ["stroke"] * 5 + ["last"]
        time.sleep(0.0 if moment == "saved" else 0.1)
    with opened(study, qtbot) as (page, workbench):
        assert workbench.verify() == []
        assert {row.version for row in workbench.review.annotations(1)} in ({1}, {1, 2})
        if page.session.recovery_open:
            page.banner.first.click()
        else:
            assert moment == "saved"
        drawn = for_display(page.view.edited_labels())[12, 10, 10:15] == CEREBELLUM
        assert drawn.tolist() == [True] * 5
