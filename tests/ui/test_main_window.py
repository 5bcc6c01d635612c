"""The whole window: studies, places, the one open scan, errors, and leaving."""

import logging
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from PySide6.QtCore import QSettings, Qt, QTimer, Signal
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QMessageBox, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.jobs import Job, JobState
from ctworkbench.core.settings import Settings
from ctworkbench.ui import study_view
from ctworkbench.ui.about import AboutDialog
from ctworkbench.ui.app import install_hooks
from ctworkbench.ui.bridge import JobView
from ctworkbench.ui.charts_place import ChartsPlace
from ctworkbench.ui.loading import load
from ctworkbench.ui.main_window import MainWindow
from ctworkbench.ui.start import recent_studies
from ctworkbench.ui.train import TrainPage
from tests.ui.seeded_study import seed


class Viewer(QWidget):
    """Stands in for the review page: the real one needs a graphics card's time and has tests of its own."""

    scan_opened = Signal(int)

    def __init__(self, workbench: object, bridge: object, memory: object = None) -> None:
        super().__init__()
        self.opened: list[int] = []
        self.regions: list[str] = []
        self.selections: list[frozenset[int]] = []
        self.may_close = True
        self.disposed = False
        self.prefetch = SimpleNamespace(keep=lambda wanted, case: None)

    def open_scan(self, scan_id: int) -> None:
        """Remember what was asked."""
        self.opened.append(scan_id)

    def show_region(self, name: str) -> None:
        """Remember what was asked."""
        self.regions.append(name)

    def show_selection(self, scan_ids: frozenset[int]) -> None:
        """Remember what was asked."""
        self.selections.append(scan_ids)

    def maybe_close(self) -> bool:
        """Say what the test wants."""
        return self.may_close

    def dispose(self) -> None:
        """Remember it."""
        self.disposed = True

    def refresh(self) -> None:
        """Nothing to read."""


@pytest.fixture
def study(tmp_path: Path) -> Path:
    seed(tmp_path / "study").close()
    return tmp_path / "study"


@pytest.fixture
def window(memory: QSettings, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[MainWindow]:
    stand_in = SimpleNamespace(ReviewPage=Viewer)
    monkeypatch.setattr(study_view, "load", lambda name: stand_in if name == "ctworkbench.ui.review" else load(name))
    made = MainWindow(Settings(author="reader"), memory, preload=False)
    with qtbot.waitExposed(made):
        made.show()
    yield made
    if made.study is not None:
        made.study.bridge.jobs.clear()
        if made.study.review is not None:
            made.study.review.may_close = True
    made.close()
    made.deleteLater()


def answer(button: str | None = None) -> list[str]:
    """Press a button of the next message box (its default one if none is named); the box's text comes in the list."""
    texts: list[str] = []

    def press() -> None:
        box = QApplication.activeModalWidget()
        if not isinstance(box, QMessageBox):
            QTimer.singleShot(20, press)
            return
        texts.append(f"{box.text()} {box.informativeText()}".strip())
        chosen = next((found for found in box.buttons() if button is None or found.text().startswith(button)), None)
        assert chosen is not None
        chosen.click()

    QTimer.singleShot(20, press)
    return texts


def find(window: MainWindow, name: str) -> QWidget:
    found = window.findChild(QWidget, name)
    assert found is not None, name
    return found


def test_that_a_page_with_plots_is_made_at_its_first_visit(window: MainWindow, study: Path) -> None:
    assert window.open_study(study, "cohort")
    assert window.study is not None
    assert window.study.findChild(TrainPage) is None
    assert window.study.findChild(ChartsPlace) is None
    window.study.go("train")
    assert window.study.train.isVisible()
    window.study.go("charts")
    assert window.study.charts_place.isVisible()


def test_that_the_name_and_the_purpose_are_always_in_sight(window: MainWindow, study: Path) -> None:
    assert window.open_study(study)
    assert window.study is not None
    for place in study_view.PLACES:
        window.study.go(place)
        for name, text in (("study_name", "study"), ("research_use", "Research use only – not for diagnosis")):
            label = find(window, name)
            assert isinstance(label, QLabel)
            assert label.isVisible()
            assert label.text() == text


def test_that_keys_go_from_place_to_place(window: MainWindow, study: Path, qtbot: QtBot) -> None:
    window.open_study(study)
    assert window.study is not None
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    for number, place in enumerate(study_view.PLACES, start=1):
        QTest.keyClick(window, Qt.Key(Qt.Key.Key_0 + number), Qt.KeyboardModifier.ControlModifier)
        qtbot.waitUntil(lambda place=place: window.study is not None and window.study.place == place)


def test_that_every_button_has_a_name(window: MainWindow, study: Path, qtbot: QtBot) -> None:
    window.open_study(study)
    qtbot.waitUntil(lambda: window.study is not None and window.study.cohort.proxy.rowCount() == 17)
    nameless = [
        button
        for button in window.findChildren(QPushButton)
        if not (button.objectName() and (button.text() or button.accessibleName() or button.isHidden()))
    ]
    assert [button.objectName() for button in nameless] == []


def test_that_every_place_follows_the_open_scan(window: MainWindow, study: Path, qtbot: QtBot) -> None:
    window.open_study(study)
    view = window.study
    assert view is not None
    view.cohort.scan_wanted.emit(8)
    qtbot.waitUntil(lambda: view.review is not None and view.review.opened == [8])
    assert view.place == "review"
    label = find(window, "open_scan")
    assert isinstance(label, QLabel)
    qtbot.waitUntil(lambda: "P008" in label.text())
    view.go("charts")
    qtbot.waitUntil(lambda: view.charts.child.title.text() == "P008" and len(view.charts.chart.ring) == 1)
    view.review.scan_opened.emit(6)
    qtbot.waitUntil(lambda: "P006" in label.text() and view.charts.child.title.text() == "P006")


def test_that_a_dot_and_a_selection_of_the_charts_reach_the_viewer_before_and_after_it_is_loaded(
    window: MainWindow, study: Path, qtbot: QtBot
) -> None:
    window.open_study(study)
    view = window.study
    assert view is not None
    assert view.review is None
    view.charts._click(8, "cerebellum")
    qtbot.waitUntil(lambda: view.review is not None and view.review.regions == ["cerebellum"])
    assert view.review.opened == [8]
    view.charts._click(6, "brainstem")
    assert view.review.regions == ["cerebellum", "brainstem"]
    view.charts.select(frozenset({6, 8}))
    view.charts.selection.review_asked.emit()
    assert view.place == "review"
    assert view.review.selections == [frozenset({6, 8})]


def test_that_unsaved_corrections_keep_the_scan_open(window: MainWindow, study: Path, qtbot: QtBot) -> None:
    window.open_study(study)
    view = window.study
    assert view is not None
    view.review_scan(8)
    qtbot.waitUntil(lambda: view.review is not None)
    view.review.may_close = False
    view.go("charts")
    view.charts._click(6)
    assert view.open_scan.scan_id == 8
    assert view.place == "charts"
    assert not window.close()
    assert window.isVisible()


def test_that_a_viewer_that_cannot_start_leaves_the_rest_working(
    window: MainWindow, study: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(name: str) -> None:
        raise RuntimeError("no OpenGL")

    monkeypatch.setattr(study_view, "load", fail)
    window.open_study(study)
    view = window.study
    assert view is not None
    told = answer()
    view.go("review")
    qtbot.waitUntil(lambda: bool(told))
    assert "no OpenGL" in told[0]
    assert "graphics driver" in told[0]
    view.go("cohort")
    qtbot.waitUntil(lambda: view.cohort.proxy.rowCount() == 17)


def test_that_a_folder_without_a_study_is_refused_in_a_dialog(window: MainWindow, tmp_path: Path, qtbot: QtBot) -> None:
    told = answer()
    assert not window.open_study(tmp_path / "nothing")
    qtbot.waitUntil(lambda: bool(told))
    assert "There is no study in" in told[0]
    assert window.study is None


def test_that_a_new_study_is_made_opened_and_remembered(
    window: MainWindow, memory: QSettings, tmp_path: Path, qtbot: QtBot
) -> None:
    assert window.new_study(tmp_path / "fresh")
    assert window.study is not None
    assert window.study.workbench.name == "fresh"
    assert recent_studies(memory) == [tmp_path / "fresh"]
    qtbot.waitUntil(lambda: window.study is not None and window.study.cohort.pages.currentIndex() == 0)
    window.study.go("charts")
    assert window.close_study()
    assert window.start_page.list.count() == 1
    assert window.open_study(tmp_path / "fresh")
    assert window.study.place == "charts"


def test_that_closing_tells_that_running_jobs_go_on(window: MainWindow, study: Path, qtbot: QtBot) -> None:
    window.open_study(study)
    view = window.study
    assert view is not None
    for number, state in enumerate((JobState.RUNNING, JobState.QUEUED)):
        job = Job(id=f"j{number}", kind="label", title="Label", function="ctworkbench.x:y", params={})
        view.bridge.jobs[job.id] = JobView(job, state)
    told = answer("Stay")
    assert not window.close()
    assert "1 job runs and will go on without the window" in told[0]
    assert "1 waiting job will not start" in told[0]
    answer("Close")
    assert window.close()
    assert window.study is None


@pytest.mark.parametrize("raiser", ["hook", "thread"])
def test_that_what_nobody_caught_is_logged_and_told(
    window: MainWindow, study: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
    raiser: str,
) -> None:  # fmt: skip
    window.open_study(study)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    monkeypatch.setattr("ctworkbench.ui.app.qInstallMessageHandler", lambda _: None)
    install_hooks(window)
    told = answer()
    error = KeyError("lost")
    if raiser == "hook":
        sys.excepthook(KeyError, error, None)
    else:
        threading.excepthook(threading.ExceptHookArgs((KeyError, error, None, None)))
    qtbot.waitUntil(lambda: bool(told))
    assert "Something unexpected went wrong" in told[0]
    assert any(record.levelno == logging.ERROR and record.exc_info for record in caplog.records)


def test_that_an_error_with_a_remedy_becomes_a_dialog_with_both(window: MainWindow, study: Path, qtbot: QtBot) -> None:
    window.open_study(study)
    assert window.study is not None
    told = answer()
    window.study.bridge.report(WorkbenchError("Scan 9 has two lefts.", "Import it again."))
    qtbot.waitUntil(lambda: bool(told))
    assert told == ["Scan 9 has two lefts. Import it again."]


def test_that_the_viewer_and_the_study_are_let_go_of(window: MainWindow, study: Path, qtbot: QtBot) -> None:
    window.open_study(study)
    view = window.study
    assert view is not None
    view.go("review")
    qtbot.waitUntil(lambda: view.review is not None)
    viewer = view.review
    assert window.close_study()
    assert viewer.disposed
    assert window.findChild(QWidget, "running_job") is None or not find(window, "running_job").isVisible()


def test_that_the_about_box_gives_licence_citation_and_notices(window: MainWindow, qtbot: QtBot) -> None:
    dialog = AboutDialog(window)
    qtbot.addWidget(dialog)
    text = " ".join(label.text() for label in dialog.findChildren(QLabel))
    assert "Front. Neurol. 2025; 16:1573060" in text
    assert "Research use only" in text


def test_that_what_measuring_found_wrong_is_told(
    window: MainWindow, study: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    window.open_study(study)
    view = window.study
    assert view is not None
    job = Job(id="m1", kind="measure", title="Measure", function="ctworkbench.x:y", params={})
    view.bridge.jobs[job.id] = JobView(job, JobState.DONE)
    monkeypatch.setattr(view.workbench.norms, "problems", lambda ids: [f"{ids[0]}: the cerebellum is empty."])
    view.bridge.job_state.emit(job.id, "done")
    qtbot.waitUntil(lambda: "the cerebellum is empty. Look at these label maps" in view.notice.text.text())
    assert view.notice.property("kind") == "warning"


def test_that_a_notice_moves_nothing_on_the_page(window: MainWindow, study: Path) -> None:
    assert window.open_study(study, "cohort")
    view = window.study
    assert view is not None
    QApplication.processEvents()
    before = view.cohort.mapTo(view, view.cohort.rect().topLeft()), view.cohort.size()
    view.bridge.notify("A long job is done, and this is said in a line that comes and goes.", kind="warning")
    QApplication.processEvents()
    assert view.notice.isVisible()
    assert (view.cohort.mapTo(view, view.cohort.rect().topLeft()), view.cohort.size()) == before
    place = view.notice.geometry()
    assert view.stack.rect().contains(place)
    assert place.bottom() > view.stack.height() - 20
