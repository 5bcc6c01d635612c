"""Going through label maps with the keyboard: verdicts, new versions, recovery, comparing."""

import gc
import weakref
from collections.abc import Iterator

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QSettings, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMessageBox
from pytestqt.qtbot import QtBot

from ctworkbench.core.errors import StudyError, VolumeError
from ctworkbench.core.model import Annotation
from ctworkbench.core.volume import Volume
from ctworkbench.core.workbench import Changes, Origin, Verdict, Workbench
from ctworkbench.ui.app import dress
from ctworkbench.ui.bridge import Bridge, Notice
from ctworkbench.ui.case import Case
from ctworkbench.ui.recovery import RecoveryFolder
from ctworkbench.ui.review import ReviewPage
from ctworkbench.ui.tool import Tool
from ctworkbench.ui.verdict_bar import VerdictBar
from ctworkbench.ui.window_levels import PRESETS
from ctworkbench.ui.worklist import chip_of
from tests.ui.study_with_heads import CEREBELLUM, add_scan, head, make_study

VOXEL = (20, 18, 12)


class Room:
    """The review room over a study, with three scans that no test has touched yet.

    Attributes:
        ids: the scans, in the order of the list.
    """

    def __init__(self, workbench: Workbench) -> None:
        self.workbench = workbench
        self.bridge = Bridge(workbench)
        memory = QSettings(str(workbench.folder / "window.ini"), QSettings.Format.IniFormat)
        self.page = ReviewPage(workbench, self.bridge, memory)
        self.ids: list[int] = []
        self.round = 0

    def add_scans(self, labelled: bool = True) -> None:
        """Put three fresh scans into the study; the list shows these alone."""
        self.round += 1
        image, labels = head()
        codes = [f"T{self.round:02}-{number}" for number in (1, 2, 3)]
        self.ids = [add_scan(self.workbench, code, image, labels if labelled else None) for code in codes]

    def close(self) -> None:
        self.page.dispose()
        self.bridge.close()
        self.page.close()
        self.page.deleteLater()


@pytest.fixture(scope="module")
def shared_room(qapp: QApplication, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    """One room for all tests of this file: its canvases are slow to make."""
    workbench = make_study(tmp_path_factory.mktemp("review") / "study", scans=1)
    plain = qapp.styleSheet()
    dress(qapp)
    room = Room(workbench)
    room.page.resize(1200, 700)
    room.page.show()
    yield room
    room.close()
    workbench.close()
    qapp.setStyleSheet(plain)
    qapp.processEvents()


@pytest.fixture
def closed_room(shared_room: Room, qtbot: QtBot) -> Room:
    """The room with three fresh scans, none of them open yet."""
    page = shared_room.page
    if page.session.dirty:
        page.session.discard_edits()
    view = page.view
    view.hide_compared()
    view.set_labels_shown(True)
    view.set_contour(False)
    view.set_brush_size(12)
    page.cheat_sheet.hide()
    page.worklist.status.setCurrentIndex(0)
    shared_room.add_scans()
    page.worklist.filter.setText(f"T{shared_room.round:02}")
    page.refresh()
    qtbot.waitUntil(lambda: [row.id for row in page.worklist.rows] == shared_room.ids)
    page.activateWindow()
    qtbot.waitUntil(page.isActiveWindow)
    return shared_room


@pytest.fixture
def room(closed_room: Room, qtbot: QtBot) -> Room:
    """The room with the first of its scans open."""
    open_scan(closed_room.page, closed_room.ids[0], qtbot)
    closed_room.page.view.set_tool(Tool.NAVIGATE)
    return closed_room


@pytest.fixture
def page(room: Room) -> ReviewPage:
    return room.page


@pytest.fixture
def workbench(shared_room: Room) -> Workbench:
    return shared_room.workbench


@pytest.fixture
def ids(closed_room: Room) -> list[int]:
    return closed_room.ids


def open_scan(page: ReviewPage, scan_id: int, qtbot: QtBot) -> None:
    page.open_scan(scan_id)
    wait_for(page, scan_id, qtbot)


def wait_for(page: ReviewPage, scan_id: int, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: page.session.case is not None and page.session.case.scan.id == scan_id, timeout=20_000)


def press(page: ReviewPage, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    """Press a key where a reader's keys arrive: on the canvas."""
    page.view.axial.canvas.setFocus()
    QTest.keyClick(page.view.axial.canvas, key, modifier)


def dab(page: ReviewPage) -> QPoint:
    """One dab of the brush in the middle of the axial view, with the keys and the mouse; where it was."""
    press(page, Qt.Key.Key_B)
    page.view.select_region(CEREBELLUM)
    canvas = page.view.axial.canvas
    at = QPoint(canvas.width() // 2, canvas.height() // 2)
    QTest.mouseMove(canvas, at)
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at)
    assert page.session.dirty
    return at


def test_that_keys_judge_and_go_to_the_next_scan_to_review(
    page: ReviewPage, workbench: Workbench, qtbot: QtBot, ids: list[int]
) -> None:
    opened: list[int] = []
    page.scan_opened.connect(opened.append)
    press(page, Qt.Key.Key_A)
    wait_for(page, ids[1], qtbot)
    press(page, Qt.Key.Key_X)
    wait_for(page, ids[2], qtbot)
    press(page, Qt.Key.Key_R)
    verdicts = {scan_id: workbench.review.annotations(scan_id)[0].verdict for scan_id in ids}
    assert verdicts == dict(zip(ids, (Verdict.ACCEPT, Verdict.NEEDS_EDITS, Verdict.REJECT), strict=True))
    assert opened == ids[1:]
    assert workbench.review.reviews(workbench.review.annotations(ids[0])[0].id)[0].reviewer == "reader"


def test_that_a_scan_put_off_comes_back_when_nothing_fresh_is_left(
    page: ReviewPage, workbench: Workbench, qtbot: QtBot, ids: list[int]
) -> None:
    press(page, Qt.Key.Key_L)
    wait_for(page, ids[1], qtbot)
    press(page, Qt.Key.Key_A)
    wait_for(page, ids[2], qtbot)
    press(page, Qt.Key.Key_A)
    wait_for(page, ids[0], qtbot)
    assert workbench.review.annotations(ids[0])[0].verdict is Verdict.LATER


def test_that_grade_comment_and_reading_time_go_with_the_verdict(
    page: ReviewPage, workbench: Workbench, qtbot: QtBot, ids: list[int]
) -> None:
    page.verdicts.grade.setCurrentIndex(4)
    page.verdicts.comment.setText("good")
    page.verdicts._reasons["leak"].trigger()
    qtbot.wait(250)
    press(page, Qt.Key.Key_A)
    review = workbench.review.reviews(workbench.review.annotations(ids[0])[0].id)[0]
    assert (review.grade, review.comment, review.reasons) == (4, "good", ("leak",))
    assert 0.2 <= review.seconds < 60
    wait_for(page, ids[1], qtbot)
    assert (page.verdicts.chosen_grade, page.verdicts.comment.text()) == (None, "")
    assert page.verdicts.chosen_reasons == ()


def test_that_letters_typed_into_a_field_judge_nothing(page: ReviewPage, workbench: Workbench, ids: list[int]) -> None:
    page.worklist.filter.setFocus()
    QTest.keyClicks(page.worklist.filter, "arx")
    assert page.worklist.filter.text().endswith("arx")
    assert workbench.review.annotations(ids[0])[0].verdict is None


def test_that_control_s_saves_a_new_version_and_keeps_the_old_one(
    page: ReviewPage, workbench: Workbench, qtbot: QtBot, ids: list[int]
) -> None:
    first = workbench.review.annotations(ids[0])[0]
    before = workbench.review.labels(first.id).voxels
    dab(page)
    press(page, Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)
    assert page.header.unsaved.text() == "saving…"
    qtbot.waitUntil(lambda: not page.session.saving)
    newest, oldest = workbench.review.annotations(ids[0])
    assert (newest.version, newest.parent_id, newest.origin, newest.author) == (2, first.id, Origin.EXPERT, "reader")
    saved = workbench.review.labels(newest.id)
    assert (saved.voxels == CEREBELLUM).any()
    assert np.array_equal(saved.voxels, page.view.edited_labels())
    assert np.array_equal(workbench.review.labels(oldest.id).voxels, before)
    assert not page.session.dirty
    assert saved.grid.matches(workbench.cohort.image(ids[0]).grid)


def test_that_a_verdict_on_unsaved_corrections_saves_them_first_and_judges_the_new_version(
    page: ReviewPage, workbench: Workbench, qtbot: QtBot, ids: list[int]
) -> None:
    dab(page)
    press(page, Qt.Key.Key_A)
    wait_for(page, ids[1], qtbot)
    newest, oldest = workbench.review.annotations(ids[0])
    assert (newest.version, newest.verdict) == (2, Verdict.ACCEPT)
    assert oldest.verdict is None


def test_that_undo_and_redo_work_from_the_keyboard(page: ReviewPage) -> None:
    before = page.view.edited_labels()
    dab(page)
    after = page.view.edited_labels()
    press(page, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert np.array_equal(page.view.edited_labels(), before)
    press(page, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    assert np.array_equal(page.view.edited_labels(), after)


def test_that_tool_and_display_keys_reach_the_views(page: ReviewPage) -> None:
    view = page.view
    for key, tool in (
        (Qt.Key.Key_B, Tool.BRUSH),
        (Qt.Key.Key_E, Tool.ERASER),
        (Qt.Key.Key_F, Tool.FILL),
        (Qt.Key.Key_P, Tool.PICK),
        (Qt.Key.Key_W, Tool.WINDOW),
        (Qt.Key.Key_N, Tool.NAVIGATE),
    ):
        press(page, key)
        assert view.tool is tool
        assert page.tools.tools[tool].isChecked()
    for key, name in zip((Qt.Key.Key_4, Qt.Key.Key_3, Qt.Key.Key_2, Qt.Key.Key_1), reversed(PRESETS), strict=True):
        press(page, key)
        assert view.axial.image.contrast_limits == list(PRESETS[name].limits)
        assert page.display.presets[name].isChecked()
    size = view.brush_size
    press(page, Qt.Key.Key_BracketRight)
    assert view.brush_size > size
    press(page, Qt.Key.Key_V)
    assert not view.labels_shown
    press(page, Qt.Key.Key_T)
    assert view.contour
    view.axial.activated.emit()  # the arrow keys step through the view that the mouse was over last
    index = view.index[0]
    press(page, Qt.Key.Key_Up)
    assert view.index[0] == index + 1
    press(page, Qt.Key.Key_Question, Qt.KeyboardModifier.ShiftModifier)
    assert page.cheat_sheet.isVisible()
    press(page, Qt.Key.Key_Escape)
    assert not page.cheat_sheet.isVisible()


def test_that_napari_s_own_keys_do_nothing(page: ReviewPage) -> None:
    press(page, Qt.Key.Key_Y, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier)
    press(page, Qt.Key.Key_G, Qt.KeyboardModifier.ControlModifier)
    press(page, Qt.Key.Key_T, Qt.KeyboardModifier.ControlModifier)
    model = page.view.axial.model
    assert model.dims.ndisplay == 2
    assert tuple(model.dims.order) == (0, 1, 2)


def test_that_the_second_of_two_saves_loses_nothing(
    page: ReviewPage, workbench: Workbench, monkeypatch: pytest.MonkeyPatch, ids: list[int]
) -> None:
    dab(page)
    mine = page.view.edited_labels()
    first = workbench.review.annotations(ids[0])[0]
    theirs = workbench.review.labels(first.id)
    workbench.review.save(ids[0], first.id, theirs, author="other")
    asked: list[str] = []

    def answer(box: QMessageBox) -> int:
        asked.append(box.text())
        next(button for button in box.buttons() if button.text() == choice).click()
        return 0

    monkeypatch.setattr(QMessageBox, "exec", answer)
    choice = "Keep working"
    assert not page.saving.finish()
    assert "v2" in asked[0]
    assert page.session.dirty
    assert np.array_equal(page.view.edited_labels(), mine)
    assert len(workbench.review.annotations(ids[0])) == 2
    choice = "Save mine as v3"
    assert page.saving.finish()
    newest = workbench.review.annotations(ids[0])[0]
    assert (newest.version, newest.author) == (3, "reader")
    assert "drawn from v1" in newest.comment
    assert np.array_equal(workbench.review.labels(newest.id).voxels, mine)


@pytest.mark.parametrize("answer", ["Save", "Discard", "Cancel"])
def test_that_leaving_unsaved_corrections_asks_first(
    answer: str, page: ReviewPage, workbench: Workbench, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, ids: list[int]
) -> None:
    dab(page)
    monkeypatch.setattr(QMessageBox, "question", lambda *_: getattr(QMessageBox.StandardButton, answer))
    press(page, Qt.Key.Key_PageDown)
    if answer == "Cancel":
        assert page.session.case.scan.id == ids[0]
        assert page.session.dirty
        return
    wait_for(page, ids[1], qtbot)
    assert len(workbench.review.annotations(ids[0])) == (2 if answer == "Save" else 1)
    assert not list((workbench.readers.recovery_folder()).glob(f"scan_{ids[0]}.*"))


def test_that_an_older_version_is_for_looking_only(
    page: ReviewPage, workbench: Workbench, qtbot: QtBot, ids: list[int]
) -> None:
    dab(page)
    assert page.saving.finish()
    page.opening.choose_version(workbench.review.annotations(ids[0])[1].id)
    qtbot.waitUntil(lambda: page.session.shown is not None and page.session.shown.version == 1)
    assert page.session.read_only
    assert not page.view.editable
    assert "look at only" in page.banner.text.text()
    press(page, Qt.Key.Key_A)
    assert all(row.verdict is None for row in workbench.review.annotations(ids[0]))
    page.banner.first.click()
    qtbot.waitUntil(lambda: page.session.shown.version == 2)
    assert page.view.editable


def test_that_c_shows_the_version_before_and_back(page: ReviewPage, qtbot: QtBot) -> None:
    assert not page.header.compare.isEnabled()
    dab(page)
    assert page.saving.finish()
    mine = page.view.edited_labels()
    press(page, Qt.Key.Key_C)
    qtbot.waitUntil(lambda: page.view.comparing)
    assert page.view.axial.compared.visible
    assert not page.view.axial.labels.visible
    assert not (page.view.axial.compared.data == CEREBELLUM).any()
    assert page.view.volumes_cm3()[CEREBELLUM] == 0
    canvas = page.view.axial.canvas
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(150, 150))
    assert np.array_equal(page.view.edited_labels(), mine)
    press(page, Qt.Key.Key_C)
    assert not page.view.comparing
    assert page.view.axial.labels.visible
    assert page.view.axial.labels.mode == "paint"


def test_that_corrections_are_kept_aside_within_two_seconds_and_forgotten_once_saved(
    page: ReviewPage, workbench: Workbench, qtbot: QtBot, ids: list[int]
) -> None:
    dab(page)
    kept = workbench.readers.recovery_folder() / f"scan_{ids[0]}.nii.gz"
    qtbot.waitUntil(kept.exists, timeout=4000)
    found = RecoveryFolder(workbench.readers.recovery_folder()).read(ids[0])
    assert np.array_equal(found.labels.voxels, page.view.edited_labels())
    assert found.parent_id == workbench.review.annotations(ids[0])[0].id
    assert page.saving.finish()
    assert not kept.exists()


def test_that_found_corrections_can_be_given_up(
    workbench: Workbench, closed_room: Room, qtbot: QtBot, ids: list[int]
) -> None:
    image, labels = head()
    changed = labels.voxels.copy()
    changed[VOXEL] = CEREBELLUM
    folder = RecoveryFolder(workbench.readers.recovery_folder())
    folder.write(ids[0], Volume(changed, image.affine), workbench.review.annotations(ids[0])[0].id)
    page = closed_room.page
    open_scan(page, ids[0], qtbot)
    assert page.banner.first.text() == "Restore"
    page.banner.second.click()
    assert not page.banner.isVisible()
    assert page.view.editable
    assert np.array_equal(page.view.edited_labels(), labels.voxels)
    assert folder.read(ids[0]) is None


def test_that_damaged_corrections_are_named_and_do_not_keep_the_scan_from_opening(
    workbench: Workbench, closed_room: Room, qtbot: QtBot, ids: list[int]
) -> None:
    folder = workbench.readers.recovery_folder()
    (folder / f"scan_{ids[0]}.nii.gz").write_bytes(b"broken")
    with pytest.raises(VolumeError, match=r"scan_\d+\.nii\.gz"):
        RecoveryFolder(folder).read(ids[0])
    page = closed_room.page
    open_scan(page, ids[0], qtbot)
    assert f"scan_{ids[0]}.nii.gz" in page.banner.text.text()
    page.banner.second.click()
    assert page.view.editable


def test_that_a_scan_without_labels_says_so_and_can_be_drawn_on(
    workbench: Workbench, closed_room: Room, qtbot: QtBot
) -> None:
    scan_id = add_scan(workbench, "P900", head()[0], None)
    page = closed_room.page
    open_scan(page, scan_id, qtbot)
    assert "No label map yet" in page.banner.text.text()
    press(page, Qt.Key.Key_A)
    assert workbench.review.annotations(scan_id) == []
    dab(page)
    assert page.saving.finish()
    row = workbench.review.annotations(scan_id)[0]
    assert (row.version, row.parent_id, row.origin) == (1, None, Origin.EXPERT)


def test_that_an_image_that_cannot_be_read_is_reported_and_the_room_stays_usable(
    workbench: Workbench, closed_room: Room, qtbot: QtBot, ids: list[int]
) -> None:
    page = closed_room.page
    noticed: list[Notice] = []
    page.bridge.noticed.connect(noticed.append)
    page.open_scan(4711)
    qtbot.waitUntil(lambda: "cannot be shown" in page.cover.text())
    qtbot.waitUntil(lambda: len(noticed) == 1)
    assert "4711" in noticed[0].message
    open_scan(page, ids[0], qtbot)
    assert not page.cover.isVisible()


def test_that_nothing_said_of_the_last_case_stands_beside_one_that_cannot_be_shown(
    workbench: Workbench, page: ReviewPage, qtbot: QtBot, ids: list[int]
) -> None:
    dab(page)
    assert page.saving.finish()
    page.show_version(ids[0], workbench.review.annotations(ids[0])[1].id)
    qtbot.waitUntil(page.banner.isVisible)
    page.open_scan(4711)
    qtbot.waitUntil(lambda: "cannot be shown" in page.cover.text())
    assert not page.banner.isVisible()
    assert page.chips.chips == []
    assert page.readout.text() == ""
    press(page, Qt.Key.Key_A)
    press(page, Qt.Key.Key_S)
    assert page.flash.text() == "Open a scan first"
    assert all(row.verdict is None for row in workbench.review.annotations(ids[0]))


def test_that_the_next_scan_opens_also_where_it_is_asked_for_before_the_list_is_there(
    closed_room: Room, qtbot: QtBot, ids: list[int]
) -> None:
    page = closed_room.page
    page.worklist.show_scans([])
    page.worklist.is_read = False
    press(page, Qt.Key.Key_Space)
    assert page.flash.text() == "Reading the list…"
    page.refresh()
    wait_for(page, ids[0], qtbot)


def test_that_a_list_in_which_nothing_is_found_says_so(page: ReviewPage) -> None:
    assert page.worklist.list.empty == ""
    page.worklist.status.setCurrentText("Rejected")
    assert page.worklist.rows == ()
    assert page.worklist.list.empty


def test_that_the_list_is_filtered_by_subject_and_by_status(page: ReviewPage, qtbot: QtBot, ids: list[int]) -> None:
    press(page, Qt.Key.Key_R)
    wait_for(page, ids[1], qtbot)
    mine = page.worklist.filter.text()
    page.worklist.filter.setText(f"{mine.lower()}-3")
    assert [row.id for row in page.worklist.rows] == ids[2:]
    page.worklist.filter.setText(mine)
    page.worklist.status.setCurrentText("To review")
    assert [row.id for row in page.worklist.rows] == ids[1:]
    page.worklist.status.setCurrentText("Rejected")
    assert [row.id for row in page.worklist.rows] == ids[:1]
    page.refresh()
    qtbot.wait(200)
    assert [row.id for row in page.worklist.rows] == ids[:1]


def test_that_a_version_made_elsewhere_is_shown_when_nothing_is_unsaved(
    page: ReviewPage, workbench: Workbench, qtbot: QtBot, ids: list[int]
) -> None:
    first = workbench.review.annotations(ids[0])[0]
    labels = workbench.review.labels(first.id)
    changed = labels.voxels.copy()
    changed[VOXEL] = CEREBELLUM
    workbench.review.save(ids[0], first.id, Volume(changed, labels.affine), author="other")
    qtbot.waitUntil(lambda: page.session.shown.version == 2, timeout=10_000)
    assert page.view.edited_labels()[VOXEL] == CEREBELLUM


def test_that_a_list_that_was_read_before_a_save_does_not_hide_the_version_that_it_made(
    page: ReviewPage, workbench: Workbench, qtbot: QtBot, ids: list[int]
) -> None:
    read_before = list(page.worklist.rows)
    first = workbench.review.annotations(ids[0])[0]
    labels = workbench.review.labels(first.id)
    changed = labels.voxels.copy()
    changed[VOXEL] = CEREBELLUM
    workbench.review.save(ids[0], first.id, Volume(changed, labels.affine), author="other")
    page._take_scans(page._verdicts_given, read_before)
    qtbot.waitUntil(lambda: page.session.shown.version == 2 and not page.opening.loading, timeout=10_000)
    assert page.view.edited_labels()[VOXEL] == CEREBELLUM


def test_that_the_room_fits_a_small_screen(page: ReviewPage) -> None:
    # What a window of 1366 × 768 leaves beside its rail and between its bars.
    assert page.minimumSizeHint().width() <= 1232
    assert page.minimumSizeHint().height() <= 690
    page.resize(1232, 690)
    page.cheat_sheet.toggle()
    assert page.cheat_sheet.width() <= 1232
    assert page.cheat_sheet.height() <= 690
    assert page.cheat_sheet._scroll.horizontalScrollBar().maximum() == 0
    page.cheat_sheet.toggle()


def test_that_a_second_verdict_key_while_the_next_scan_loads_judges_nothing(
    page: ReviewPage, workbench: Workbench, qtbot: QtBot, ids: list[int]
) -> None:
    press(page, Qt.Key.Key_A)
    press(page, Qt.Key.Key_R)
    wait_for(page, ids[1], qtbot)
    verdicts = [workbench.review.annotations(scan_id)[0].verdict for scan_id in ids]
    assert verdicts == [Verdict.ACCEPT, None, None]
    assert len(workbench.review.reviews(workbench.review.annotations(ids[0])[0].id)) == 1


def test_that_the_brush_stays_in_hand_from_scan_to_scan(page: ReviewPage, qtbot: QtBot, ids: list[int]) -> None:
    press(page, Qt.Key.Key_B)
    press(page, Qt.Key.Key_PageDown)
    wait_for(page, ids[1], qtbot)
    assert page.view.tool_in_hand is Tool.BRUSH
    dab(page)
    page.session.discard_edits()


def test_that_strokes_made_while_a_save_is_under_way_stay_unsaved_corrections_of_the_new_version(
    page: ReviewPage, workbench: Workbench, qtbot: QtBot, ids: list[int]
) -> None:
    dab(page)
    first = page.view.edited_labels()
    press(page, Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)
    assert page.session.saving
    canvas = page.view.axial.canvas
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=QPoint(canvas.width() // 2 + 60, canvas.height() // 2))
    qtbot.waitUntil(lambda: not page.session.saving)
    second = page.view.edited_labels()
    assert not np.array_equal(first, second)
    assert page.session.dirty
    newest = workbench.review.annotations(ids[0])[0]
    assert np.array_equal(workbench.review.labels(newest.id).voxels, first)
    assert page.saving.finish()
    last = workbench.review.annotations(ids[0])[0]
    assert (last.version, last.parent_id) == (3, newest.id)
    assert np.array_equal(workbench.review.labels(last.id).voxels, second)


def test_that_a_save_that_fails_keeps_the_corrections_and_judges_nothing(
    page: ReviewPage, workbench: Workbench, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, ids: list[int]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise StudyError("The disk is full.", "Free some space.")

    dab(page)
    noticed: list[Notice] = []
    page.bridge.noticed.connect(noticed.append)
    monkeypatch.setattr(workbench.review, "save", fail)
    press(page, Qt.Key.Key_A)
    qtbot.waitUntil(lambda: bool(noticed))
    assert "disk is full" in noticed[0].message
    assert page.session.dirty
    assert page.view.editable
    assert [row.verdict for row in workbench.review.annotations(ids[0])] == [None]


def newer_model_version(workbench: Workbench, scan_id: int) -> int:
    """A label map by a model beside the one by registration; its number."""
    study = workbench._study
    with study.database.writing() as session:
        old = session.get_one(Annotation, workbench.review.annotations(scan_id)[0].id)
        row = Annotation(
            scan_id=scan_id, scheme=old.scheme, version=old.version + 1, parent_id=None, labels_key=old.labels_key,
            author="reader", origin=Origin.MODEL, comment="", scores={}, parameters={}, code_version="test",
        )  # fmt: skip
        session.add(row)
        session.flush()
        made = row.id
    study.announce(Changes(annotations=True), None)
    return made


def test_that_an_unread_version_beside_an_accepted_one_is_to_be_reviewed(
    page: ReviewPage, workbench: Workbench, qtbot: QtBot, ids: list[int]
) -> None:
    workbench.review.judge(workbench.review.annotations(ids[2])[0].id, Verdict.ACCEPT)
    page.worklist.status.setCurrentText("To review")
    qtbot.waitUntil(lambda: [row.id for row in page.worklist.rows] == ids[:2])
    newer = newer_model_version(workbench, ids[2])
    qtbot.waitUntil(lambda: [row.id for row in page.worklist.rows] == ids)
    assert page.worklist.waiting(ids[2]) == newer
    press(page, Qt.Key.Key_PageDown)
    wait_for(page, ids[1], qtbot)
    press(page, Qt.Key.Key_PageDown)
    wait_for(page, ids[2], qtbot)
    assert page.session.shown.id == newer
    assert "v1 (registration) counts now" in page.banner.text.text()
    press(page, Qt.Key.Key_C)
    qtbot.waitUntil(lambda: page.view.comparing)
    assert page.flash.text().startswith("v1 registration · accepted")
    press(page, Qt.Key.Key_C)
    press(page, Qt.Key.Key_A)
    wait_for(page, ids[0], qtbot)
    assert workbench.review.current(ids[2]).id == newer
    assert [row.id for row in page.worklist.rows] == ids[:2]


def test_that_what_was_accepted_unread_is_said_and_can_be_listed(
    page: ReviewPage, workbench: Workbench, qtbot: QtBot, ids: list[int]
) -> None:
    workbench.review.judge(workbench.review.annotations(ids[1])[0].id, Verdict.ACCEPT)
    page.worklist.status.setCurrentText("Accepted unread")
    qtbot.waitUntil(lambda: [row.id for row in page.worklist.rows] == [ids[1]])
    assert chip_of(page.worklist.rows[0])[0] == "accepted unread"
    open_scan(page, ids[1], qtbot)
    assert page.header.versions.currentText() == "v1 registration · accepted unread"
    page.worklist.status.setCurrentText("All")
    press(page, Qt.Key.Key_A)  # looked at and accepted
    qtbot.waitUntil(lambda: chip_of(next(row for row in page.worklist.rows if row.id == ids[1]))[0] == "accepted")
    assert not workbench.cohort.scan(ids[1]).accepted_unread


def test_that_an_older_version_that_nobody_corrected_can_be_corrected(
    page: ReviewPage, workbench: Workbench, qtbot: QtBot, ids: list[int]
) -> None:
    first = workbench.review.annotations(ids[0])[0]
    newer = newer_model_version(workbench, ids[0])
    qtbot.waitUntil(lambda: page.session.shown is not None and page.session.shown.id == newer)
    page.opening.choose_version(first.id)
    qtbot.waitUntil(lambda: page.session.shown.id == first.id)
    assert not page.session.read_only
    dab(page)
    assert page.saving.finish()
    saved = workbench.review.annotations(ids[0])[0]
    assert (saved.version, saved.parent_id, saved.origin) == (3, first.id, Origin.EXPERT)


def test_that_a_verdict_that_was_never_given_on_an_old_version_is_not_asked_for(
    page: ReviewPage, workbench: Workbench, qtbot: QtBot, ids: list[int]
) -> None:
    dab(page)
    press(page, Qt.Key.Key_A)
    wait_for(page, ids[1], qtbot)
    page.worklist.status.setCurrentText("To review")
    page.refresh()
    qtbot.wait(150)
    assert workbench.cohort.scan(ids[0]).unread == 1
    assert [row.id for row in page.worklist.rows] == ids[1:]


def test_that_going_through_twenty_scans_keeps_the_same_layers(page: ReviewPage, qtbot: QtBot, ids: list[int]) -> None:
    def layers() -> list[int]:
        return [id(layer) for view in page.view.views for layer in view.model.layers]

    before, visuals = layers(), [len(view.viewer.canvas.layer_to_visual) for view in page.view.views]
    tracked: list[weakref.ref[Case]] = []
    for number in range(20):
        scan_id = ids[1 + number % 2]
        open_scan(page, scan_id, qtbot)
        tracked.append(weakref.ref(page.session.case))
    assert layers() == before
    assert [len(view.viewer.canvas.layer_to_visual) for view in page.view.views] == visuals
    gc.collect()
    assert sum(case() is not None for case in tracked) <= 2  # the one that is open, and one that an answer may hold


@pytest.mark.parametrize("width", [797, 738])  # of the middle of windows of 1366 and 1280 pixels
def test_that_every_verdict_can_be_read_in_a_small_window_for_the_comment_shrinks_first(
    qtbot: QtBot, width: int
) -> None:
    dress(QApplication.instance())
    bar = VerdictBar()
    qtbot.addWidget(bar)
    bar.resize(width, bar.sizeHint().height())
    bar.show()
    assert bar.width() == width
    for button in (*bar.buttons.values(), bar.reasons, bar.save):
        assert button.width() >= button.sizeHint().width(), button.text()
    assert bar.save.toolTip().endswith("(Ctrl+S)")


def test_that_a_stroke_that_was_undone_makes_no_version_and_the_verdict_goes_to_the_label_map_itself(
    page: ReviewPage, workbench: Workbench, ids: list[int], qtbot: QtBot
) -> None:
    before = workbench.review.annotations(ids[0])
    dab(page)
    press(page, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    press(page, Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: not page.session.saving and not page.session.dirty)
    assert workbench.review.annotations(ids[0]) == before
    dab(page)
    press(page, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    press(page, Qt.Key.Key_A)
    qtbot.waitUntil(lambda: workbench.review.annotations(ids[0])[0].verdict is Verdict.ACCEPT)
    (row,) = workbench.review.annotations(ids[0])
    assert row.origin is not Origin.EXPERT


def test_that_grade_reasons_and_comment_are_given_with_keys_alone(page: ReviewPage, qtbot: QtBot) -> None:
    bar, alt = page.verdicts, Qt.KeyboardModifier.AltModifier
    press(page, Qt.Key.Key_Left, alt)
    assert bar.chosen_grade == 5
    press(page, Qt.Key.Key_Left, alt)
    assert bar.chosen_grade == 4
    press(page, Qt.Key.Key_Right, alt)
    press(page, Qt.Key.Key_Right, alt)
    assert bar.chosen_grade is None
    ticked: list[tuple[str, ...]] = []

    def tick() -> None:
        menu = bar.reasons.menu()
        QTest.keyClick(menu, Qt.Key.Key_Space)
        QTest.keyClick(menu, Qt.Key.Key_Down)
        QTest.keyClick(menu, Qt.Key.Key_Space)
        ticked.append(bar.chosen_reasons)
        QTest.keyClick(menu, Qt.Key.Key_Escape)

    QTimer.singleShot(200, tick)
    press(page, Qt.Key.Key_R, Qt.KeyboardModifier.ShiftModifier)
    qtbot.waitUntil(lambda: bool(ticked))
    assert len(ticked[0]) == 2
    press(page, Qt.Key.Key_Slash)
    assert bar.comment.hasFocus()
    QTest.keyClick(bar.comment, Qt.Key.Key_Escape)
    bar.clear()


def test_that_keys_make_the_labels_less_and_more_opaque(page: ReviewPage) -> None:
    view = page.view
    before = view.opacity
    press(page, Qt.Key.Key_Equal)
    more = view.opacity
    assert more > before
    press(page, Qt.Key.Key_Minus)
    assert view.opacity < more
    assert all(plane.labels.opacity == view.opacity for plane in view.views)
    view.set_opacity(before)


def test_that_the_room_fills_a_screen_of_3840_by_2160(page: ReviewPage) -> None:
    size = page.size()
    page.resize(3840, 2160)
    QApplication.processEvents()
    views = page.view
    assert views.width() > 2800
    assert views.axial.height() == views.height()
    assert page.verdicts.geometry().bottom() <= page.height()
    page.resize(size)
    QApplication.processEvents()


def test_that_the_views_stay_where_they_are_whether_or_not_a_banner_is_said(page: ReviewPage) -> None:
    def place() -> tuple[int, int]:
        QApplication.processEvents()
        return page.view.mapTo(page, QPoint(0, 0)).y(), page.view.height()

    page.banner.hide()
    without = place()
    page.banner.tell("A newer version exists: v2 (model, no verdict yet).", first="Show v2")
    assert place() == without
    page.banner.tell("Nothing can be done about this.")
    assert place() == without
    page.banner.hide()
