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


def test_that_pictures_of_places_and_charts_are_written_in_the_sizes_asked_for(tmp_path: Path) -> None:
    seed(tmp_path / "study", children=6).close()
    command = [sys.executable, "-m", "ctworkbench.ui.screenshots", str(tmp_path / "study"), str(tmp_path / "shots")]
    command += ["--charts", str(tmp_path / "charts"), "--places", "charts", "cohort"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
    for width, height in ((1366, 768), (1920, 1080)):
        for place in ("charts", "cohort"):
            image = QImage(str(tmp_path / "shots" / f"{place}_{width}x{height}.png"))
            assert (image.width(), image.height()) == (width, height)
        charts = QImage(str(tmp_path / "shots" / f"charts_{width}x{height}.png"))
        colors = {charts.pixel(x, y) for x in range(340, 1000, 3) for y in range(110, 600, 3)}
        assert len(colors) > 100
    assert QImage(str(tmp_path / "charts" / "all_regions.png")).width() > 1000
    assert (tmp_path / "charts" / "all_regions.svg").read_text().count("<path") > 50
    numbers = (tmp_path / "charts" / "brainstem.csv").read_text(encoding="utf-8").splitlines()
    assert sum(line.startswith("Brainstem,") for line in numbers) == 7
    assert not any(line.startswith("Cerebellum,") for line in numbers)


def test_that_pictures_of_no_study_are_refused_in_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ctworkbench.ui.screenshots", str(tmp_path), str(tmp_path / "shots")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 1
    assert "There is no study in" in ended.stderr
    assert "Traceback" not in ended.stderr
