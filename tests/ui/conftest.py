"""What tests of the window share."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QApplication

from ctworkbench.ui.garbage import GarbageCollector


@pytest.fixture
def memory(tmp_path: Path) -> QSettings:
    """An empty memory of the window."""
    return QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat)


@pytest.fixture(autouse=True)
def settings_of_nobody(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Windows that are given no memory of their own keep nothing of a test for the next, nor for the user."""
    QSettings.setPath(QSettings.Format.NativeFormat, QSettings.Scope.UserScope, str(tmp_path_factory.mktemp("user")))


@pytest.fixture(scope="session")
def collector(qapp: QApplication) -> Iterator[GarbageCollector]:
    """Garbage is searched for as in the program: by the window's thread alone."""
    collector = qapp.findChild(GarbageCollector) or GarbageCollector(qapp)
    yield collector
    gc.enable()


@pytest.fixture(scope="module", autouse=True)
def what_is_there_is_not_searched_again() -> None:
    """Half a second a search, else: a million objects of the libraries are never garbage."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def garbage_ends_in_the_thread_of_the_window(collector: GarbageCollector) -> Iterator[None]:
    """Tests that never let the window's timers run collect when they end."""
    yield
    collector.collect()


@pytest.fixture(autouse=True)
def windows_left_open_are_closed(request: pytest.FixtureRequest) -> Iterator[None]:
    """Windows that a test leaves open are closed, so that none stands in the way of the next."""
    if "qtbot" not in request.fixturenames:
        yield
        return
    before = {id(widget) for widget in QApplication.topLevelWidgets() if widget.isVisible()}
    yield
    QApplication.processEvents()
    left = [widget for widget in QApplication.topLevelWidgets() if widget.isVisible() and id(widget) not in before]
    for widget in left:
        widget.close()
