"""Aids of reading: the sheet of slices, two versions on the desk, jumps, own keys, the clock, other programs."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, QSettings, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QInputDialog, QMessageBox
from pytestqt.qtbot import QtBot

from ctworkbench.core.label_changes import region_changes
from ctworkbench.core.model import Preprocessing
from ctworkbench.core.volume import Volume, read_nifti, write_nifti
from ctworkbench.core.workbench import Verdict
from ctworkbench.ui.app import dress
from ctworkbench.ui.compare_desk import CURTAIN, DIFFERENCE, SIDE
from ctworkbench.ui.keymap import Keymap
from ctworkbench.ui.keys_dialog import KeysDialog
from ctworkbench.ui.linked_zoom import crosshair_mm
from ctworkbench.ui.plane import AXIAL, CORONAL, SAGITTAL, for_display
from ctworkbench.ui.reading import tilt_of
from ctworkbench.ui.reading_clock import ReadingClock, clock_text
from ctworkbench.ui.review import ReviewPage
from ctworkbench.ui.slice_picture import draw_difference, draw_slice, look_of, plane_of
from ctworkbench.ui.template_choice import template_menu
from tests.ui.study_with_heads import CEREBELLUM, LEFT_FRONTAL, RIGHT_TEMPORAL, SPACING, add_scan, head, make_study
from tests.ui.test_review import Room, open_scan, press, wait_for

SHIFT = Qt.KeyboardModifier.ShiftModifier
ALT = Qt.KeyboardModifier.AltModifier


@pytest.fixture(scope="module")
def shared_room(qapp: QApplication, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    """One room for all tests of this file."""
    workbench = make_study(tmp_path_factory.mktemp("reading") / "study", scans=1)
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
    """Three fresh scans, the first of them open."""
    page = shared_room.page
    page.reading.put_away()
    if page.session.dirty:
        page.session.discard_edits()
    page.view.show_only(None)
    page.view.set_contour(False)
    page.keymap.reset_all()
    shared_room.add_scans()
    page.worklist.filter.setText(f"T{shared_room.round:02}")
    page.refresh()
    qtbot.waitUntil(lambda: [row.id for row in page.worklist.rows] == shared_room.ids)
    page.activateWindow()
    qtbot.waitUntil(page.isActiveWindow)
    open_scan(page, shared_room.ids[0], qtbot)
    return shared_room


@pytest.fixture
def page(room: Room) -> ReviewPage:
    return room.page


def corrected(room: Room, qtbot: QtBot) -> tuple[np.ndarray, np.ndarray]:
    """Save a second version of the open scan that differs in two axial slices, and show it; both label maps."""
    scan = room.ids[0]
    first = room.workbench.review.annotations(scan)[0]
    before = room.workbench.review.labels(first.id)
    voxels = before.voxels.copy()
    voxels[20:24, 18:20, 12] = CEREBELLUM
    voxels[20, 18, 15] = RIGHT_TEMPORAL
    saved = room.workbench.review.save(scan, first.id, Volume(voxels, before.affine))
    room.page.show_version(scan, saved.id)
    qtbot.waitUntil(lambda: room.page.session.shown is not None and room.page.session.shown.id == saved.id)
    return before.voxels, voxels


def test_that_a_slice_is_drawn_with_the_left_of_the_patient_on_the_right(page: ReviewPage) -> None:
    image, labels = (for_display(volume.voxels) for volume in head())
    look = look_of(page.view)
    z, y, x = (int(np.median(axis)) for axis in np.nonzero(labels == LEFT_FRONTAL))
    for plane, index in ((AXIAL, z), (CORONAL, y)):
        picture = draw_slice(plane_of(image, plane, index), plane_of(labels, plane, index), look)
        colored = np.argwhere(np.ptp(picture.astype(int), axis=2) > 8)
        left = np.argwhere(plane_of(labels, plane, index) == LEFT_FRONTAL)
        assert left[:, 1].mean() > picture.shape[1] / 2
        assert set(map(tuple, left)) <= set(map(tuple, colored))
    front = np.argwhere(plane_of(labels, AXIAL, z) == LEFT_FRONTAL)
    assert front[:, 0].mean() < labels.shape[1] / 2  # anterior is up
    up = np.argwhere(plane_of(np.arange(labels.shape[0])[:, None, None] + 0 * labels.astype(int), SAGITTAL, x) == 0)
    assert (up[:, 0] == labels.shape[0] - 1).all()  # inferior is down


def test_that_hidden_regions_outlines_and_the_window_reach_the_pictures(page: ReviewPage) -> None:
    image, labels = (for_display(volume.voxels)[12] for volume in head())
    filled = draw_slice(image, labels, look_of(page.view))
    page.view.set_region_shown(LEFT_FRONTAL, False)
    hidden = draw_slice(image, labels, look_of(page.view))
    there = labels == LEFT_FRONTAL
    assert (np.ptp(filled[there].astype(int), axis=1) > 8).all()
    assert (np.ptp(hidden[there].astype(int), axis=1) == 0).all()
    page.view.show_only(None)
    page.view.set_contour(True)
    outlined = np.ptp(draw_slice(image, labels, look_of(page.view)).astype(int), axis=2) > 8
    assert 0 < outlined[there].sum() < there.sum()
    changed = labels.copy()
    changed[there] = 0
    difference = draw_difference(image, labels, changed, look_of(page.view))
    assert (difference[there] == 255).all()
    assert (np.ptp(difference[~there].astype(int), axis=1) == 0).all()


def test_that_the_sheet_shows_24_slices_with_their_places_and_a_click_goes_there(page: ReviewPage) -> None:
    lightbox, view = page.reading.lightbox, page.view
    press(page, Qt.Key.Key_O)
    assert lightbox.isVisible()
    assert page.header.sheet.toolTip().endswith("(O)")
    labelled = np.flatnonzero(for_display(view.labels_seen).any(axis=(1, 2)))
    indices = lightbox.slices()
    assert (indices[0], indices[-1]) == (labelled[0], labelled[-1])
    tiles = lightbox.sheet._tiles
    assert [tile[0] for tile in tiles] == indices
    z = indices[3]
    world = -50.0 + 5.0 * z
    assert tiles[3][1] == f"{'S' if world >= 0 else 'I'} {abs(world):.1f}"
    QTest.mouseClick(lightbox.sheet, Qt.MouseButton.LeftButton, pos=lightbox.sheet.cells()[3].center())
    assert not lightbox.isVisible()
    assert view.index[0] == z
    press(page, Qt.Key.Key_O)
    press(page, Qt.Key.Key_O, SHIFT)
    assert lightbox.plane is CORONAL
    assert len(lightbox.sheet._tiles) == 24
    press(page, Qt.Key.Key_O, SHIFT)
    press(page, Qt.Key.Key_O, SHIFT)
    press(page, Qt.Key.Key_Escape)
    assert not lightbox.isVisible()


@pytest.mark.parametrize("stays", [True, False])
def test_that_a_verdict_on_the_sheet_brings_the_next_case_on_it_if_it_is_to_stay(
    stays: bool, page: ReviewPage, room: Room, qtbot: QtBot
) -> None:
    lightbox = page.reading.lightbox
    if lightbox.stays.isChecked() is not stays:
        press(page, Qt.Key.Key_O, Qt.KeyboardModifier.AltModifier)
    assert lightbox.stays.isChecked() is stays
    press(page, Qt.Key.Key_O)
    press(page, Qt.Key.Key_A)
    wait_for(page, room.ids[1], qtbot)
    qtbot.waitUntil(lambda: lightbox.isVisible() is stays)
    assert room.workbench.review.annotations(room.ids[0])[0].verdict is Verdict.ACCEPT
    lightbox.stays.setChecked(True)


def test_that_the_key_of_changes_walks_through_the_slices_that_differ_and_says_when_it_begins_again(
    page: ReviewPage, room: Room, qtbot: QtBot
) -> None:
    corrected(room, qtbot)
    view = page.view
    view.axial.activated.emit()
    view.go_to((13, 10, 10))
    press(page, Qt.Key.Key_Up, ALT)
    qtbot.waitUntil(lambda: view.index[0] == 15)
    area = SPACING[0] * SPACING[1] / 100
    assert page.flash.text() == f"Axial slice 16: {area:.2f} cm² differ from v1"
    press(page, Qt.Key.Key_Up, ALT)
    qtbot.waitUntil(lambda: view.index[0] == 12)
    assert "from the other end" in page.flash.text()
    assert f"{8 * area:.2f} cm²" in page.flash.text()
    press(page, Qt.Key.Key_Down, ALT)
    qtbot.waitUntil(lambda: view.index[0] == 15)
    view.sagittal.activated.emit()
    press(page, Qt.Key.Key_Up, ALT)
    qtbot.waitUntil(lambda: page.flash.text().startswith("Sagittal"))
    assert view.index[0] == 15
    view.axial.activated.emit()


def test_that_a_version_drawn_from_nothing_and_one_without_changes_say_so(page: ReviewPage, qtbot: QtBot) -> None:
    press(page, Qt.Key.Key_Up, ALT)
    assert page.flash.text() == "v1 was not drawn from another version"
    press(page, Qt.Key.Key_C, SHIFT)
    assert page.flash.text() == "There are no two versions to compare"
    assert page.reading.desk.isHidden()


def test_that_the_desk_shows_two_versions_and_what_differs_region_by_region(
    page: ReviewPage, room: Room, qtbot: QtBot
) -> None:
    before, after = corrected(room, qtbot)
    desk, view = page.reading.desk, page.view
    press(page, Qt.Key.Key_C, SHIFT)
    qtbot.waitUntil(lambda: bool(desk.changes))
    assert [box.currentText()[:2] for box in (desk.left_version, desk.right_version)] == ["v1", "v2"]
    voxel = float(np.prod(SPACING))
    wanted = region_changes(before, after, view.scheme.codes, voxel)
    row = [region.code for region in view.scheme.regions].index(CEREBELLUM)
    shown = [desk.table.item(row, column).text() for column in range(4)]
    assert shown == ["Cerebellum", f"{wanted[row].change_cm3:+.2f}", "0.000", "8"]
    assert "in 2 slices" in desk.told.text()
    assert (desk.left.isVisible(), desk.right.isVisible()) == (True, True)
    view.go_to((3, 10, 10))
    press(page, Qt.Key.Key_Up, ALT)
    assert view.index[0] == 12
    assert "differ" in desk.right.title
    press(page, Qt.Key.Key_Up)
    assert view.index[0] == 13
    assert desk.left.title.startswith("Axial  14 / 24")
    at = desk.right.pixel_at(QPointF((40 - 1 - 20 + 0.5) * SPACING[0], (36 - 1 - 18 + 0.5) * SPACING[1])).toPoint()
    press(page, Qt.Key.Key_Down)
    QTest.mouseMove(desk.right, at)
    assert page.readout.text().endswith("no region in v1, Cerebellum in v2")
    press(page, Qt.Key.Key_Left, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: desk.told.text() == "The two label maps are the same")
    press(page, Qt.Key.Key_Left, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: "in 2 slices" in desk.told.text())
    press(page, Qt.Key.Key_D, SHIFT)
    assert desk.mode == CURTAIN
    at = round(desk.left.width() * (desk.left.curtain or 0))
    QTest.mousePress(desk.left, Qt.MouseButton.LeftButton, pos=QPoint(at, 50))
    QTest.mouseMove(desk.left, QPoint(at + 60, 50))
    QTest.mouseRelease(desk.left, Qt.MouseButton.LeftButton, pos=QPoint(at + 60, 50))
    assert round(desk.left.width() * (desk.left.curtain or 0)) == at + 60
    press(page, Qt.Key.Key_D, SHIFT)
    assert desk.mode == DIFFERENCE
    desk.set_mode(SIDE)
    desk._region_clicked(row, 0)
    assert view.index[0] == 12
    press(page, Qt.Key.Key_A)
    assert room.workbench.review.annotations(room.ids[0])[0].verdict is None
    assert "current version" in page.flash.text()
    press(page, Qt.Key.Key_Escape)
    assert desk.isHidden()


def test_that_both_panes_of_the_desk_follow_one_zoom_and_a_click_moves_the_crosshair(
    page: ReviewPage, room: Room, qtbot: QtBot
) -> None:
    corrected(room, qtbot)
    desk, view = page.reading.desk, page.view
    press(page, Qt.Key.Key_C, SHIFT)
    qtbot.waitUntil(lambda: bool(desk.changes))
    fitted = desk.left.zoom
    under = desk.left.mm_at(QPointF(30, 40))
    desk.left._zoom_at(QPointF(30, 40), 2.0)
    assert desk.right.zoom == desk.left.zoom == pytest.approx(2 * fitted)
    assert (desk.left.mm_at(QPointF(30, 40)) - under).manhattanLength() == pytest.approx(0, abs=1e-6)
    at = desk.right.pixel_at(QPointF((17 + 0.5) * SPACING[0], (21 + 0.5) * SPACING[1])).toPoint()
    QTest.mouseClick(desk.right, Qt.MouseButton.LeftButton, pos=at)
    assert view.index[1:] == (21, 17)
    press(page, Qt.Key.Key_Escape)


def test_that_arrow_keys_go_from_slice_to_slice_of_the_sheet(page: ReviewPage) -> None:
    lightbox, view = page.reading.lightbox, page.view
    press(page, Qt.Key.Key_O)
    shown = lightbox.slices()
    view.go_to((shown[4], 10, 10))
    press(page, Qt.Key.Key_Right)
    press(page, Qt.Key.Key_Right)
    assert view.index == (shown[6], 10, 10)
    view.go_to((shown[0], 10, 10))
    press(page, Qt.Key.Key_Left)
    assert view.index[0] == shown[0]  # at the end of the sheet
    assert lightbox.isVisible()
    press(page, Qt.Key.Key_Escape)
    assert not lightbox.isVisible()


def test_that_arrow_keys_go_from_region_to_region_of_the_comparison(page: ReviewPage, room: Room, qtbot: QtBot) -> None:
    corrected(room, qtbot)
    desk, view = page.reading.desk, page.view
    press(page, Qt.Key.Key_C, SHIFT)
    qtbot.waitUntil(lambda: bool(desk.changes))
    codes = view.scheme.codes
    view.select_region(codes[codes.index(CEREBELLUM) - 1])
    view.go_to((3, 10, 10))
    press(page, Qt.Key.Key_Right)
    assert (view.selected, view.index[0]) == (CEREBELLUM, 12)
    assert [item.row() for item in desk.table.selectedItems()] == [codes.index(CEREBELLUM)] * 4
    view.select_region(codes[0])
    press(page, Qt.Key.Key_Left)
    assert view.selected == codes[-1]
    press(page, Qt.Key.Key_Escape)


def test_that_a_picker_without_room_says_what_tells_the_versions_apart(
    page: ReviewPage, room: Room, qtbot: QtBot
) -> None:
    box = page.header.versions
    full, brief = box.currentText(), "v1 no verdict"
    box.resize(box.sizeHint())
    assert box.shown_text() == full == "v1 registration · no verdict"
    box.resize(box.sizeHint().width() - 20, box.height())
    assert box.shown_text() == brief
    box.resize(80, box.height())
    assert box.shown_text().endswith("…")
    assert box.geometry().right() < page.header.compare.geometry().left()
    page.header.updateGeometry()


def test_that_solo_shows_one_region_and_then_all_and_number_keys_go_to_regions(page: ReviewPage) -> None:
    view, codes = page.view, page.view.scheme.codes
    view.select_region(LEFT_FRONTAL)
    press(page, Qt.Key.Key_Q)
    assert view.hidden_codes == frozenset(codes) - {LEFT_FRONTAL}
    ticked = [code for code, item in page.regions._items.items() if item.checkState(0) is Qt.CheckState.Checked]
    assert ticked == [LEFT_FRONTAL]
    assert page.display.solo.isChecked()
    press(page, Qt.Key.Key_Q)
    assert not view.hidden_codes
    press(page, Qt.Key.Key_7, ALT)
    assert view.selected == RIGHT_TEMPORAL
    assert for_display(view.labels_seen)[view.index] == RIGHT_TEMPORAL
    press(page, Qt.Key.Key_0, ALT)
    assert page.flash.text() == "Brainstem: not in this label map"


def test_that_one_scale_makes_a_millimetre_as_long_in_every_view(page: ReviewPage, qtbot: QtBot) -> None:
    view = page.view

    def zooms() -> list[float]:
        return [round(one.model.scene.camera.zoom, 6) for one in view.views]

    assert len(set(zooms())) > 1
    press(page, Qt.Key.Key_Z)
    assert page.display.linked.isChecked()
    assert len(set(zooms())) == 1
    at = [one.pixel_of(crosshair_mm(view)) for one in view.views]
    view.coronal.zoom_by(1.5)
    assert len(set(zooms())) == 1
    moved = [one.pixel_of(crosshair_mm(view)) for one in view.views]
    for place in (0, 2):
        assert (moved[place] - at[place]).manhattanLength() < 1
    press(page, Qt.Key.Key_Z)
    view.coronal.zoom_by(1.5)
    assert len(set(zooms())) == 2
    view.fit()


def test_that_no_two_commands_share_a_key_or_a_name(page: ReviewPage) -> None:
    commands = page.keymap.commands
    keys = [key for command in commands for key in command.keys]
    assert sorted(keys) == sorted(set(keys))
    names = [command.id for command in commands]
    assert sorted(names) == sorted(set(names))


def test_that_a_key_is_changed_by_pressing_it_and_buttons_and_sheet_follow(
    page: ReviewPage, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    keymap = page.keymap
    accept = keymap.by_shipped_key("A")
    dialog = KeysDialog(keymap, page)
    qtbot.addWidget(dialog)
    dialog.show()
    dialog.select(accept)
    dialog.record()
    QTest.keyClick(dialog, Qt.Key.Key_F8)
    assert keymap.keys(accept) == ("F8",)
    button = page.verdicts.buttons[Verdict.ACCEPT]
    assert button.text() == "Accept  F8"
    assert button.toolTip().endswith("(F8)")
    assert keymap.text(accept) == "F8"
    asked: list[str] = []

    def answer(_parent: object, _title: str, text: str) -> QMessageBox.StandardButton:
        asked.append(text)
        return QMessageBox.StandardButton.Yes if len(asked) > 1 else QMessageBox.StandardButton.No

    monkeypatch.setattr(QMessageBox, "question", answer)
    brush = keymap.by_shipped_key("B")
    for _ in range(2):
        dialog.record()
        QTest.keyClick(dialog, Qt.Key.Key_B)
        if len(asked) == 1:
            assert keymap.keys(accept) == ("F8",)
    assert "B is the key of “Brush”" in asked[0]
    assert keymap.keys(accept) == ("B",)
    assert keymap.keys(brush) == ()
    assert page.tools.tools[page.view.tool.BRUSH].text() == "Brush"
    dialog.record()
    QTest.keyClick(dialog, Qt.Key.Key_1, Qt.KeyboardModifier.ControlModifier)
    assert "belongs to the window" in dialog.told.text()
    dialog.reset_all.click()
    assert (keymap.keys(accept), keymap.keys(brush)) == (("A",), ("B",))
    assert button.text() == "Accept  A"
    dialog.close()


def test_that_a_changed_key_works_and_is_remembered(page: ReviewPage, room: Room, qtbot: QtBot) -> None:
    keymap = page.keymap
    accept = keymap.by_shipped_key("A")
    keymap.set_keys(accept, ("F8",))
    again = Keymap(keymap.commands, keymap._memory)
    assert again.keys(accept) == ("F8",)
    press(page, Qt.Key.Key_A)
    assert room.workbench.review.annotations(room.ids[0])[0].verdict is None
    press(page, Qt.Key.Key_F8)
    wait_for(page, room.ids[1], qtbot)
    assert room.workbench.review.annotations(room.ids[0])[0].verdict is Verdict.ACCEPT
    keymap.reset_all()


def test_that_keys_that_cannot_be_read_are_those_that_were_shipped(page: ReviewPage, memory: QSettings) -> None:
    for broken in ("{", "[1]", '{"x": 3}'):
        memory.setValue("review_keys", broken)
        keymap = Keymap(page.keymap.commands, memory)
        assert not any(keymap.is_changed(command) for command in keymap.commands)


def test_that_the_clock_leaves_out_the_time_in_which_nobody_touched_anything(qapp: QApplication) -> None:
    now = [100.0]
    clock = ReadingClock(60.0, now=lambda: now[0])
    clock.restart()
    now[0] += 50
    clock.touch()
    now[0] += 59
    assert (clock.seconds, clock.idle) == (109, False)
    now[0] += 600
    assert (clock.seconds, clock.idle) == (110, True)
    clock.touch()
    now[0] += 5
    assert (clock.seconds, clock.idle) == (115, False)
    clock.pause()
    now[0] += 1000
    clock.touch()
    assert clock.seconds == 115
    clock.resume()
    now[0] += 10
    assert clock.seconds == 125
    now[0] += 500
    clock.pause()
    assert clock.seconds == 175
    clock.restart()
    assert clock.seconds == 0
    assert clock_text(67.9) == "1:07"


def test_that_mouse_and_keys_keep_the_clock_going(page: ReviewPage, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = page.session.clock
    touched: list[int] = []
    monkeypatch.setattr(clock, "touch", lambda: touched.append(1))
    clock.watch(page)
    handle = page.window().windowHandle()
    QTest.mouseMove(handle, QPoint(300, 300))
    assert touched
    touched.clear()
    QTest.keyClick(handle, Qt.Key.Key_H)
    assert touched
    QTest.keyClick(handle, Qt.Key.Key_H)
    assert page.header.clock.isVisible()


def test_that_a_label_map_leaves_through_the_menu_and_comes_back_as_the_version_shown(
    page: ReviewPage, room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    entries = {action.text(): action for action in page.header.menu.actions()}
    entries["Save a copy for 3D Slicer (.seg.nrrd)…"].trigger()
    code = page.session.case.scan.subject
    path = tmp_path / f"{code}_{page.session.shown.handle}.seg.nrrd"
    qtbot.waitUntil(path.exists)
    qtbot.waitUntil(lambda: path.name in page.flash.text())
    import SimpleITK as sitk

    image = sitk.ReadImage(str(path))
    image[20, 18, 12] = CEREBELLUM
    sitk.WriteImage(image, str(path))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
    entries["Take a label map back…"].trigger()
    qtbot.waitUntil(lambda: page.session.shown is not None and page.session.shown.version == 2)
    assert page.view.edited_labels()[20, 18, 12] == CEREBELLUM
    assert page.session.shown.comment == f"from {path.name}"
    reported: list[Exception] = []
    monkeypatch.setattr(page.bridge, "report", reported.append)
    again = path.with_name(f"{code}_{page.session.shown.handle}.seg.nrrd")
    path.rename(again)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(again), ""))
    entries["Take a label map back…"].trigger()
    qtbot.waitUntil(lambda: bool(reported))
    assert "nothing changed" in str(reported[0])


def test_that_what_comes_back_late_is_put_upon_the_newest_version_if_the_reader_says_so(
    page: ReviewPage, room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    scan = room.ids[0]
    *_, path = room.workbench.exchange.export(scan, room.workbench.review.annotations(scan)[0].id, tmp_path, "nifti")
    corrected(room, qtbot)
    back = read_nifti(path)
    back.voxels[5, 5, 5] = CEREBELLUM
    write_nifti(back, path)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))

    def answer(box: QMessageBox) -> int:
        next(button for button in box.buttons() if button.text() == "Save mine as v3").click()
        return 0

    monkeypatch.setattr(QMessageBox, "exec", answer)
    next(act for act in page.header.menu.actions() if act.text() == "Take a label map back…").trigger()
    qtbot.waitUntil(lambda: page.session.shown is not None and page.session.shown.version == 3)
    assert page.session.shown.parent_id == page.session.versions[1].id
    assert np.array_equal(page.view.edited_labels(), back.voxels)


def test_that_an_oblique_scan_is_called_one(page: ReviewPage) -> None:
    c, s = np.cos(np.radians(17)), np.sin(np.radians(17))
    affine = np.array([[1, 0, 0, 0], [0, c, -s, 0], [0, s, c, 0], [0, 0, 0, 1.0]]) @ np.diag([0.5, 0.5, 5, 1])
    assert tilt_of(affine) == pytest.approx(17)
    page.header.show_tilt(17)
    assert "oblique 17°" in page.header.details.text()
    assert "along its own slices" in page.header.details.toolTip()
    assert tilt_of(np.diag([-1.0, 1, 2, 1])) == pytest.approx(0)


def ten_regions() -> tuple[Volume, Volume, Volume]:
    """A head, the inside of its skull, and all ten regions drawn in it, rights to the right."""
    image, _ = head()
    inside = (image.voxels > 0) & (image.voxels < 100)
    x, y, z = np.meshgrid(*[np.linspace(-1, 1, size) for size in image.voxels.shape], indexing="ij")
    codes = 2 * np.select([z < -0.3, y > 0.3, y < -0.3], [3, 0, 2], 1) + np.where(x > 0, 1, 2)
    codes[z < -0.5] = 9
    codes[(z < -0.5) & (y > 0)] = 10
    labels = np.asfortranarray(np.where(inside, codes, 0).astype(np.uint8))
    return image, Volume(np.asfortranarray(inside.astype(np.uint8)), image.affine), Volume(labels, image.affine)


def test_that_a_label_map_becomes_a_template_from_the_menu_and_is_chosen_there_and_under_cohort(
    page: ReviewPage, room: Room, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    entry = next(action for action in page.header.menu.actions() if action.text() == "Use as template…")
    monkeypatch.setattr(QInputDialog, "getText", lambda *_, text: ("By Dr B", True))
    reported: list[Exception] = []
    monkeypatch.setattr(page.bridge, "report", reported.append)
    entry.trigger()
    qtbot.waitUntil(lambda: bool(reported))
    assert "not preprocessed" in str(reported[0])
    image, inside, labels = ten_regions()
    scan = add_scan(room.workbench, f"T{room.round:02}-T", image, labels)
    study = room.workbench._study
    brain, image_key = study.store.put(inside), study.store.put(image)
    keys = {"image_key": image_key, "brain_key": brain, "skull_key": brain, "equalized_key": image_key}
    with study.database.writing() as session:
        session.add(Preprocessing(scan_id=scan, **keys, brain_cm3=1.0, warnings=[], code_version="", job_id="t"))
    open_scan(page, scan, qtbot)
    answers: list[str] = []

    def answer(_parent: object, title: str, _text: str) -> QMessageBox.StandardButton:
        answers.append(title)
        return QMessageBox.StandardButton.No

    monkeypatch.setattr(QMessageBox, "question", answer)
    entry.trigger()
    qtbot.waitUntil(lambda: bool(answers))
    bundled, *_children, own = room.workbench.templates.templates()
    assert (bundled.in_use, own.name, own.in_use) == (True, "By Dr B", False)
    menu = template_menu(page, room.workbench, page.bridge)
    menu.aboutToShow.emit()
    entries = {action.text(): action for action in menu.actions()}
    assert entries[bundled.name].isChecked()
    assert entries[own.name].toolTip().startswith(f"v1 of T{room.round:02}-T")
    entries[own.name].trigger()
    qtbot.waitUntil(lambda: room.workbench.templates.templates()[-1].in_use)


def test_that_the_surface_has_a_body_per_region_and_letters_on_the_patient_s_sides(
    page: ReviewPage, room: Room, qtbot: QtBot
) -> None:
    next(act for act in page.header.menu.actions() if act.text() == "Surface in 3D…").trigger()
    surface = page.reading.surface
    assert surface is not None
    qtbot.waitUntil(lambda: bool(surface.meshes))
    assert set(surface.meshes) == {LEFT_FRONTAL, RIGHT_TEMPORAL}
    right, left = (surface.letters[letter].pos[0][0] for letter in "RL")
    assert right > left
    corners = [surface.canvas.scene.node_transform(surface._box.scene).imap(surface.letters[x].pos[0]) for x in "RL"]
    assert corners[0][0] < corners[1][0]  # from the front the right stands on the left of the screen
    page.view.set_region_shown(LEFT_FRONTAL, False)
    assert not surface.meshes[LEFT_FRONTAL].visible
    page.activateWindow()
    qtbot.waitUntil(page.isActiveWindow)  # the keys go to the window in front
    press(page, Qt.Key.Key_PageDown)
    wait_for(page, room.ids[1], qtbot)
    qtbot.waitUntil(lambda: page.reading.surface is None)
