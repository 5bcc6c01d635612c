"""The start page and its list of recent studies."""

from pathlib import Path

from PySide6.QtCore import QSettings, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from ctworkbench.core.settings import Settings
from ctworkbench.core.workbench import Workbench
from ctworkbench.ui.start import StartPage, forget_study, recent_studies, remember_study


def test_that_recent_studies_are_kept_newest_first_and_once(memory: QSettings, tmp_path: Path) -> None:
    for name in ("a", "b", "a", *(f"s{number}" for number in range(9))):
        remember_study(memory, tmp_path / name)
    found = recent_studies(memory)
    assert found[0] == tmp_path / "s8"
    assert found[-1] == tmp_path / "a"
    assert len(found) == 10
    forget_study(memory, tmp_path / "s8")
    assert recent_studies(memory)[0] == tmp_path / "s7"


def test_that_a_single_recent_study_survives_the_settings_file(memory: QSettings, tmp_path: Path) -> None:
    remember_study(memory, tmp_path / "only")
    memory.sync()
    again = QSettings(memory.fileName(), QSettings.Format.IniFormat)
    assert recent_studies(again) == [tmp_path / "only"]


def test_that_a_click_opens_a_recent_study_and_one_that_is_gone_cannot_be_chosen(
    memory: QSettings, tmp_path: Path, qtbot: QtBot
) -> None:
    Workbench.create(tmp_path / "here", Settings()).close()
    remember_study(memory, tmp_path / "here")
    remember_study(memory, tmp_path / "gone")
    page = StartPage(memory)
    qtbot.addWidget(page)
    with qtbot.waitExposed(page):
        page.show()
    gone, here = page.list.item(0), page.list.item(1)
    assert "not found" in gone.text()
    heard: list[object] = []
    page.study_chosen.connect(heard.append)
    for item in (gone, here):
        place = page.list.visualItemRect(item).center()
        QTest.mouseClick(page.list.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert heard == [tmp_path / "here"]
