"""The program as a whole, in a process of its own: it starts, shows a study, takes its picture, and ends."""

import os
import subprocess
import sys
from pathlib import Path

from PySide6.QtGui import QImage

from tests.ui.seeded_study import seed

_RUN = """
import logging, sys
from pathlib import Path
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from ctworkbench.core.settings import Settings
from ctworkbench.ui import app
app.application()
def tell():
    for window in QApplication.topLevelWidgets():
        if window.inherits("QMainWindow"):
            logging.getLogger("ctworkbench").warning(window.windowTitle())
QTimer.singleShot(700, tell)
QTimer.singleShot(1500, QApplication.closeAllWindows)
sys.exit(app.run(Path(sys.argv[1]), Settings()))
"""


def test_that_the_program_starts_on_a_study_keeps_a_log_and_ends_cleanly(tmp_path: Path) -> None:
    seed(tmp_path / "study", children=3).close()
    environment = os.environ | {"XDG_DATA_HOME": str(tmp_path / "data")}
    command = [sys.executable, "-c", _RUN, str(tmp_path / "study")]
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "Traceback" not in ended.stderr
    (log,) = (tmp_path / "data").rglob("ctworkbench.log")
    text = log.read_text(encoding="utf-8")
    assert "study – CT Workbench" in text
    assert "Traceback" not in text


def test_that_a_picture_of_a_place_has_the_size_asked_for_and_shows_something(tmp_path: Path) -> None:
    seed(tmp_path / "study", children=6).close()
    code = (
        "import sys; from pathlib import Path; from ctworkbench.ui.app import screenshot; "
        "screenshot(Path(sys.argv[1]), Path(sys.argv[2]), 'charts', (1366, 740))"
    )
    picture = tmp_path / "shots" / "charts.png"
    command = [sys.executable, "-c", code, str(tmp_path / "study"), str(picture)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
    image = QImage(str(picture))
    assert (image.width(), image.height()) == (1366, 740)
    colors = {image.pixel(x, y) for x in range(340, 1000, 3) for y in range(110, 600, 3)}
    assert len(colors) > 100
