"""Uncertainty in the review room: a quiet layer on a key, its legend, jumps, and nothing where there is none."""

from collections.abc import Iterator

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from ctworkbench.core.errors import StudyError
from ctworkbench.core.model import Annotation, ModelRun, Origin
from ctworkbench.core.volume import Volume
from ctworkbench.core.workbench import Workbench
from ctworkbench.core.workbench.current import next_version
from ctworkbench.ui.app import dress
from ctworkbench.ui.plane import for_display
from ctworkbench.ui.review import ReviewPage
from ctworkbench.ui.uncertainty import Uncertainty
from tests.ui.study_with_heads import CEREBELLUM, LEFT_FRONTAL, head, make_study
from tests.ui.test_review import Room, open_scan, press

SHIFT = Qt.KeyboardModifier.ShiftModifier


def doubt() -> Volume:
    """A spot in the patient's front left that is least sure, and one farther back that is surer."""
    _, labels = head()
    voxels = np.zeros(labels.voxels.shape, np.uint8, order="F")
    voxels[labels.voxels > 0] = 4
    voxels[12:16, 22:26, 12:15] = 70
    voxels[24:28, 10:13, 10:13] = 45
    return Volume(voxels, labels.affine)


def add_model_labels(workbench: Workbench, scan_id: int, uncertain: bool = True) -> int:
    """A further version, as three networks have left it, with their uncertainty or without."""
    study = workbench._study
    _, labels = head()
    key, doubts = study.store.put(labels), study.store.put(doubt())
    told = {"networks": 3, "passes": 3, **({"uncertainty": doubts} if uncertain else {})}
    with study.database.writing() as session:
        run = session.query(ModelRun).first()
        if run is None:
            run = ModelRun(
                job_id="t",
                network="resunet",
                preset="paper",
                parameters={},
                result={},
                split={},
                label_kind="pseudo-labels",
                code_version="0",
                weights_hash="e" * 64,
            )
            session.add(run)
            session.flush()
        row = Annotation(
            scan_id=scan_id,
            scheme="lobes10",
            version=next_version(session, scan_id),
            parent_id=None,
            labels_key=key,
            author="model 1",
            origin=Origin.MODEL,
            scores={},
            parameters=told,
            model_id=run.id,
            code_version="0",
        )
        session.add(row)
        session.flush()
        return row.id


@pytest.fixture(scope="module")
def shared_room(qapp: QApplication, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    """One room for all tests of this file."""
    workbench = make_study(tmp_path_factory.mktemp("uncertainty") / "study", scans=1)
    plain = qapp.styleSheet()
    dress(qapp)
    room = Room(workbench)
    room.page.resize(1232, 670)
    room.page.show()
    yield room
    room.close()
    workbench.close()
    qapp.setStyleSheet(plain)
    qapp.processEvents()


@pytest.fixture
def room(shared_room: Room, qtbot: QtBot) -> Room:
    """Three fresh scans: the first two labelled by networks, the last by registration alone; the first is open."""
    page = shared_room.page
    if page.session.dirty:
        page.session.discard_edits()
    page.reading.uncertainty.set_wanted(False)
    shared_room.add_scans()
    for scan in shared_room.ids[:2]:
        add_model_labels(shared_room.workbench, scan)
    page.worklist.filter.setText(f"T{shared_room.round:02}")
    page.refresh()
    qtbot.waitUntil(lambda: sorted(row.id for row in page.worklist.rows) == shared_room.ids)
    page.activateWindow()
    qtbot.waitUntil(page.isActiveWindow)
    open_scan(page, shared_room.ids[0], qtbot)
    return shared_room


@pytest.fixture
def page(room: Room) -> ReviewPage:
    return room.page


def seen(page: ReviewPage) -> list[str]:
    """The layers of the axial view that can be seen, the lowest first."""
    return [layer.name for layer in page.view.axial.model.layers if layer.visible]


def test_that_a_key_lays_the_uncertainty_over_the_views_and_takes_it_away(page: ReviewPage, qtbot: QtBot) -> None:
    button, view = page.display.uncertainty, page.view
    assert button.isEnabled() and not button.isChecked()
    assert "mean of 3 networks" in button.toolTip()
    assert "Uncertainty" not in seen(page)
    press(page, Qt.Key.Key_Y)
    qtbot.waitUntil(lambda: view.doubt_shown)
    assert seen(page)[-1] == "Uncertainty"
    for one in view.views:
        assert one.model.layers.selection.active is one.labels  # which the brush goes to
        layer = one.model.layers["Uncertainty"]
        np.testing.assert_array_equal(layer.data, for_display(doubt().voxels))
        assert tuple(layer.scale) == tuple(one.labels.scale)
    assert button.isChecked()
    legend = page.reading.uncertainty.legend
    assert legend.isVisible() and legend.text == "v2: mean of 3 networks"
    press(page, Qt.Key.Key_Y)
    assert not view.doubt_shown and legend.isHidden()
    assert view.axial.model.layers["Uncertainty"].data.shape == (2, 2, 2)


def test_that_it_is_read_only_when_it_is_wanted(
    page: ReviewPage, room: Room, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    review = room.workbench.review
    told = review.uncertainty
    monkeypatch.setattr(review, "uncertainty", lambda number: read.append(number) or told(number))
    open_scan(page, room.ids[1], qtbot)
    assert read == []
    page.display.uncertainty.click()
    qtbot.waitUntil(lambda: page.view.doubt_shown)
    assert len(read) == 1


def test_that_the_next_spot_is_shown_the_least_sure_one_first(page: ReviewPage, qtbot: QtBot) -> None:
    press(page, Qt.Key.Key_Y, SHIFT)
    qtbot.waitUntil(lambda: page.view.doubt_shown)
    data = for_display(doubt().voxels)
    assert data[page.view.index] == 70
    assert page.flash.text().startswith("Uncertain spot 1 of 2")
    press(page, Qt.Key.Key_Y, SHIFT)
    assert data[page.view.index] == 45
    press(page, Qt.Key.Key_Y, SHIFT)
    assert data[page.view.index] == 70


def test_that_what_was_shown_follows_from_case_to_case_and_is_remembered(
    page: ReviewPage, room: Room, qtbot: QtBot
) -> None:
    press(page, Qt.Key.Key_Y)
    qtbot.waitUntil(lambda: page.view.doubt_shown)
    open_scan(page, room.ids[1], qtbot)
    qtbot.waitUntil(lambda: page.view.doubt_shown)
    open_scan(page, room.ids[2], qtbot)
    assert not page.view.doubt_shown and page.reading.uncertainty.legend.isHidden()
    open_scan(page, room.ids[0], qtbot)
    qtbot.waitUntil(lambda: page.view.doubt_shown)
    memory = page.reading.uncertainty._memory
    memory.sync()
    assert Uncertainty(page, memory).wanted
    page.reading.uncertainty.set_wanted(False)
    assert not Uncertainty(page, memory).wanted


def test_that_where_there_is_none_the_switch_says_why(page: ReviewPage, room: Room, qtbot: QtBot) -> None:
    open_scan(page, room.ids[2], qtbot)
    button = page.display.uncertainty
    assert not button.isEnabled()
    assert button.toolTip().startswith("Only label maps of a network have an uncertainty")
    press(page, Qt.Key.Key_Y)
    assert page.flash.text() == "Only label maps of a network have an uncertainty"
    older = add_model_labels(room.workbench, room.ids[2], uncertain=False)
    page.show_version(room.ids[2], older)
    qtbot.waitUntil(lambda: page.session.shown is not None and page.session.shown.id == older)
    assert button.toolTip().startswith("The program that made this label map kept no uncertainty")
    assert not page.view.doubt_shown


def test_that_voxels_that_are_gone_are_told_once_and_nothing_is_shown(
    page: ReviewPage, room: Room, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported: list[Exception] = []
    monkeypatch.setattr(page.bridge, "report", reported.append)

    def gone(_number: int) -> Volume:
        raise StudyError("The image is missing from the study's voxels.")

    monkeypatch.setattr(room.workbench.review, "uncertainty", gone)
    press(page, Qt.Key.Key_Y)
    qtbot.waitUntil(lambda: len(reported) == 1)
    page.session.changed.emit()
    qtbot.wait(100)
    assert len(reported) == 1 and not page.view.doubt_shown


def test_that_the_brush_draws_on_the_labels_under_it(page: ReviewPage, room: Room, qtbot: QtBot) -> None:
    press(page, Qt.Key.Key_Y)
    qtbot.waitUntil(lambda: page.view.doubt_shown)
    before = page.view.edited_labels()
    press(page, Qt.Key.Key_B)
    page.view.select_region(CEREBELLUM)
    canvas = page.view.axial.canvas
    at = QPoint(canvas.width() // 2, canvas.height() // 2)
    QTest.mouseMove(canvas, at)
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at)
    assert page.session.dirty
    assert set(np.unique(page.view.labels[page.view.labels != before])) == {CEREBELLUM}
    assert page.view.doubt_shown


def test_that_a_correction_keeps_the_uncertainty_of_the_networks_it_was_drawn_from(
    page: ReviewPage, room: Room, qtbot: QtBot
) -> None:
    scan = room.ids[0]
    machine = room.workbench.review.annotations(scan)[0]
    labels = room.workbench.review.labels(machine.id)
    voxels = labels.voxels.copy(order="F")
    voxels[labels.voxels == LEFT_FRONTAL] = CEREBELLUM
    saved = room.workbench.review.save(scan, machine.id, Volume(voxels, labels.affine))
    page.show_version(scan, saved.id)
    qtbot.waitUntil(lambda: page.session.shown is not None and page.session.shown.id == saved.id)
    assert page.display.uncertainty.isEnabled()
    press(page, Qt.Key.Key_Y)
    qtbot.waitUntil(lambda: page.view.doubt_shown)
    assert page.reading.uncertainty.legend.text == "v2: mean of 3 networks"


def test_that_the_sheet_of_keys_tells_of_it(page: ReviewPage) -> None:
    told = {page.keymap.text(command): command.title for command in page.keymap.commands if command.title}
    assert told["Y"] == "Uncertainty of the networks" and told["Shift+Y"] == "Next uncertain spot"
