"""The walk of a reader through the real window: import, preprocess, review, correct, measure, chart, and back again."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, QSettings, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractItemView, QApplication, QDialogButtonBox, QFileDialog, QWidget
from pytestqt.qtbot import QtBot

from ctworkbench.core.settings import Settings
from ctworkbench.core.volume import write_nifti
from ctworkbench.core.workbench import Origin, Verdict
from ctworkbench.ui.app import dress
from ctworkbench.ui.import_dialog import ImportDialog
from ctworkbench.ui.main_window import MainWindow
from ctworkbench.ui.study_view import StudyView
from tests.core.heads import head, labels_of, write_cohort

JOB_MILLISECONDS = 120_000
CODES = ["W1", "W2"]
CEREBELLUM = 9
LEFT = Qt.MouseButton.LeftButton
PLAIN = Qt.KeyboardModifier.NoModifier
CONTROL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def window(qapp: QApplication, memory: QSettings, tmp_path: Path, qtbot: QtBot) -> Iterator[MainWindow]:
    """The window on a screen of 1366 × 768, at its start page, in the program's dress."""
    plain = qapp.styleSheet()
    dress(qapp)
    made = MainWindow(Settings(author="reader", slots=2), memory, preload=False)
    made.resize(1366, 768)
    with qtbot.waitExposed(made):
        made.show()
    made.activateWindow()
    qtbot.waitUntil(made.isActiveWindow)
    yield made
    if made.study is not None:
        made.study.bridge.jobs.clear()
        if made.study.review is not None:
            made.study.review.session.discard_edits()
    made.close()
    made.deleteLater()
    qapp.setStyleSheet(plain)


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """A folder with two small heads and their cohort table."""
    folder = tmp_path / "scans"
    folder.mkdir()
    for number, code in enumerate(CODES):
        write_nifti(head(number), folder / f"{code}_image.nii.gz")
    write_cohort(tmp_path / "cohort.csv", CODES)
    return folder


def click(parent: QWidget, name: str) -> None:
    """Press a button with the mouse."""
    button = parent.findChild(QWidget, name)
    assert button is not None, name
    assert button.isVisible(), f"{name} is out of sight"
    assert button.isEnabled(), f"{name} cannot be pressed"
    QTest.mouseClick(button, LEFT)


def click_row(view: QAbstractItemView, row: int, twice: bool = False) -> None:
    """Click, or double-click, a row of a table, tree or list with the mouse."""
    model = view.model()
    assert model is not None
    at = view.visualRect(model.index(row, 0)).center()
    QTest.mouseClick(view.viewport(), LEFT, PLAIN, at)
    if twice:
        QTest.mouseDClick(view.viewport(), LEFT, PLAIN, at)


def focused() -> QWidget:
    widget = QApplication.focusWidget()
    assert widget is not None
    return widget


def import_scans(window: MainWindow, study: StudyView, folder: Path, qtbot: QtBot) -> None:
    """Through the import dialog, its buttons pressed with the mouse."""
    click(study.cohort, "import_first")
    qtbot.waitUntil(lambda: study.cohort.findChild(ImportDialog) is not None)
    dialog = study.cohort.findChild(ImportDialog)
    assert dialog is not None
    qtbot.waitUntil(dialog.isVisible)
    click(dialog, "add_folder")
    click(dialog, "choose_csv")
    assert (dialog.paths, dialog.cohort_csv) == ([folder], folder.parent / "cohort.csv")
    box = dialog.findChild(QDialogButtonBox)
    assert box is not None
    QTest.mouseClick(box.button(QDialogButtonBox.StandardButton.Ok), LEFT)
    window.activateWindow()  # a bare X server has no window manager to do so when a dialog closes
    qtbot.waitUntil(window.isActiveWindow)
    qtbot.waitUntil(lambda: study.cohort.proxy.rowCount() == len(CODES), timeout=JOB_MILLISECONDS)


def stroke(canvas: QWidget, start: QPoint, end: QPoint) -> None:
    """Drag with the left mouse button."""
    QTest.mouseMove(canvas, start)
    QTest.mousePress(canvas, LEFT, PLAIN, start)
    for part in range(1, 6):
        QTest.mouseMove(canvas, start + (end - start) * part / 5)
    QTest.mouseRelease(canvas, LEFT, PLAIN, end)


@pytest.mark.slow
def test_that_a_reader_walks_from_import_to_chart_and_back_with_mouse_and_keys(
    window: MainWindow, scans: Path, tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "walk"), ""))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(scans))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(tmp_path / "cohort.csv"), ""))

    # Cohort: a new study, two scans, their masks.
    click(window.start_page, "new_study")
    qtbot.waitUntil(lambda: window.study is not None and window.study.cohort.pages.isVisible())
    study = window.study
    assert study is not None
    workbench = study.workbench
    import_scans(window, study, scans, qtbot)
    assert [(row.subject, row.sex) for row in workbench.cohort.scans()] == [("W1", "M"), ("W2", "F")]
    click(study.cohort, "preprocess")
    qtbot.waitUntil(lambda: all(row.preprocessed for row in study.cohort.model.scans), timeout=JOB_MILLISECONDS)
    ids = [row.id for row in workbench.cohort.scans()]
    for scan_id in ids:
        workbench.review.save(scan_id, None, labels_of(workbench.cohort.image(scan_id)))

    # Review: opened from the table, corrected with the brush, judged with a key.
    qtbot.waitUntil(lambda: all(row.versions == 1 for row in study.cohort.model.scans))
    click_row(study.cohort.table, 0, twice=True)
    qtbot.waitUntil(lambda: study.place == "review" and study.review is not None, timeout=30_000)
    review = study.review
    qtbot.waitUntil(lambda: review.session.case is not None and review.session.case.scan.id == ids[0], timeout=30_000)
    qtbot.waitUntil(lambda: window.isActiveWindow() and QApplication.focusWidget() is not None)
    QTest.keyClick(focused(), Qt.Key.Key_F1)
    assert review.cheat_sheet.isVisible(), "the key of the window's help shows the keys of the room"
    QTest.keyClick(focused(), Qt.Key.Key_F1)
    assert not review.cheat_sheet.isVisible()
    QTest.keyClick(focused(), Qt.Key.Key_B)
    click_row(review.regions.tree, CEREBELLUM - 1)
    axial = review.view.axial
    middle = QPoint(axial.canvas.width() // 2, axial.canvas.height() // 2)
    stroke(axial.canvas, middle - QPoint(70, 10), middle - QPoint(30, -10))
    assert review.header.unsaved.isVisible()
    window.grab().save(str(tmp_path / "corrected.png"))
    QTest.keyClick(axial.canvas, Qt.Key.Key_A)
    qtbot.waitUntil(lambda: review.session.case is not None and review.session.case.scan.id == ids[1], timeout=30_000)
    corrected, first = workbench.review.annotations(ids[0])
    assert (corrected.version, corrected.parent_id, corrected.origin) == (2, first.id, Origin.EXPERT)
    assert (corrected.verdict, first.verdict) == (Verdict.ACCEPT, None)
    drawn = workbench.review.labels(corrected.id)
    painted = np.argwhere(drawn.voxels == CEREBELLUM)
    assert len(painted) > 3
    world = painted @ drawn.affine[:3, :3].T + drawn.affine[:3, 3]
    assert (world[:, 0] > 0).all(), "the left of the screen is the patient's right"
    unchanged = drawn.voxels != CEREBELLUM
    assert np.array_equal(drawn.voxels[unchanged], workbench.review.labels(first.id).voxels[unchanged])

    # Measure, by its button.
    QTest.keyClick(focused(), Qt.Key.Key_1, CONTROL)
    qtbot.waitUntil(lambda: study.place == "cohort")
    study.cohort.table.clearSelection()
    click(study.cohort, "measure")
    qtbot.waitUntil(lambda: {row.scan_id for row in workbench.norms.volumes()} == set(ids), timeout=JOB_MILLISECONDS)
    (volume,) = (row for row in workbench.norms.volumes() if (row.scan_id, row.region) == (ids[0], "cerebellum"))
    assert volume.volume_cm3 == pytest.approx(len(painted) * 0.064, rel=1e-6)
    assert volume.version == 2

    # Charts: a click on the dot opens its scan, at the version that was measured.
    QTest.keyClick(window, Qt.Key.Key_4, CONTROL)
    qtbot.waitUntil(lambda: study.place == "charts")
    click_row(study.charts.regions, CEREBELLUM)
    chart = study.charts.chart
    qtbot.waitUntil(lambda: chart.data is not None and chart.data.title == "Cerebellum" and ids[0] in chart.dots)
    assert chart.dots[ids[0]].value == pytest.approx(volume.volume_cm3)
    assert study.open_scan.scan_id == ids[1]
    qtbot.wait(200)
    window.grab().save(str(tmp_path / "charts.png"))
    place = chart.screen_position(ids[0])
    assert isinstance(place, QPointF)
    QTest.mouseMove(chart.viewport(), place.toPoint())
    QTest.mouseClick(chart.viewport(), LEFT, PLAIN, place.toPoint())
    qtbot.waitUntil(lambda: study.place == "review" and study.open_scan.scan_id == ids[0])
    qtbot.waitUntil(lambda: review.session.case.scan.id == ids[0] and not review.cover.isVisible(), timeout=30_000)
    assert review.session.shown.version == 2
    assert np.array_equal(review.view.edited_labels(), drawn.voxels)
