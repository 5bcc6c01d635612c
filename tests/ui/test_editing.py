"""Correcting a region with the keys and the mouse of a reader: lasso, limits, operations, proposals."""

from collections.abc import Iterator

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from ctworkbench.core.volume import Volume
from ctworkbench.core.workbench import Origin, Workbench
from ctworkbench.ui.app import dress
from ctworkbench.ui.bridge import Bridge
from ctworkbench.ui.ortho_view import OrthoView
from ctworkbench.ui.review import ReviewPage
from ctworkbench.ui.tool import Tool
from tests.ui.study_with_heads import (
    CEREBELLUM,
    LEFT_FRONTAL,
    RIGHT_TEMPORAL,
    SHAPE,
    SPACING,
    add_scan,
    head,
    make_study,
)

LEFT = Qt.MouseButton.LeftButton
PLAIN = Qt.KeyboardModifier.NoModifier
ALT, CONTROL, SHIFT = (
    Qt.KeyboardModifier.AltModifier,
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.ShiftModifier,
)
LEFT_TEMPORAL, RIGHT_FRONTAL = 8, 1
SCANS = iter(range(1, 1000))


@pytest.fixture(scope="module")
def desk(qapp: QApplication, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workbench, ReviewPage]]:
    """One room for all tests of this file: its canvases are slow to make."""
    workbench = make_study(tmp_path_factory.mktemp("editing") / "study", scans=1)
    plain = qapp.styleSheet()
    dress(qapp)
    bridge = Bridge(workbench)
    page = ReviewPage(workbench, bridge)
    page.resize(1200, 700)
    page.show()
    yield workbench, page
    page.dispose()
    bridge.close()
    page.close()
    page.deleteLater()
    workbench.close()
    qapp.setStyleSheet(plain)
    qapp.processEvents()


@pytest.fixture
def workbench(desk: tuple[Workbench, ReviewPage]) -> Workbench:
    return desk[0]


@pytest.fixture
def page(desk: tuple[Workbench, ReviewPage], qtbot: QtBot) -> ReviewPage:
    """The room with a fresh labelled head open and no limits set."""
    workbench, page = desk
    image, labels = head()
    opened(page, add_scan(workbench, f"E{next(SCANS):03}", image, labels), qtbot)
    return page


def opened(page: ReviewPage, scan_id: int, qtbot: QtBot) -> None:
    if page.session.dirty:
        page.session.discard_edits()
    page.view.set_tool(Tool.NAVIGATE)
    page.view.set_ball(False)
    page.view.limits.set_over(None)
    page.view.limits.set_hu(None)
    page.open_scan(scan_id)
    qtbot.waitUntil(lambda: page.session.case is not None and page.session.case.scan.id == scan_id, timeout=20_000)
    page.activateWindow()
    qtbot.waitUntil(page.isActiveWindow)
    page.view.active = page.view.axial
    qtbot.wait(20)


def press(page: ReviewPage, key: Qt.Key, modifier: Qt.KeyboardModifier = PLAIN) -> None:
    page.view.axial.canvas.setFocus()
    QTest.keyClick(page.view.axial.canvas, key, modifier)


def operate(page: ReviewPage, qtbot: QtBot, key: Qt.Key, modifier: Qt.KeyboardModifier = PLAIN) -> str:
    """Press the key of an operation and wait until it is done; what is said over the views."""
    with qtbot.waitSignal(page.editing.finished, timeout=20_000):
        press(page, key, modifier)
    return page.flash.text()


def pixel(page: ReviewPage, plane: OrthoView, voxel: tuple[float, float, float]) -> QPoint:
    x, y, z = voxel
    shown = (z, SHAPE[1] - 1 - y, SHAPE[0] - 1 - x)
    return plane.pixel_of((shown[0] * SPACING[2], shown[1] * SPACING[1], shown[2] * SPACING[0])).toPoint()


def go_to(page: ReviewPage, voxel: tuple[int, int, int]) -> None:
    x, y, z = voxel
    page.view.go_to((z, SHAPE[1] - 1 - y, SHAPE[0] - 1 - x))


def put(page: ReviewPage, labels: np.ndarray) -> None:
    """Other labels, as if the version that is open had held them."""
    page.view.labels[:] = labels
    page.view.show_labels(page.view.labels)


def steps(page: ReviewPage) -> int:
    return len(page.view.hub.layers[0]._undo_history)


def block(low: tuple[int, int, int], high: tuple[int, int, int], code: int) -> np.ndarray:
    labels = np.zeros(SHAPE, np.uint8)
    labels[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = code
    return labels


@pytest.mark.parametrize("name", ["axial", "coronal", "sagittal"])
def test_that_a_lasso_dragged_in_any_view_fills_what_it_encloses_in_that_slice(
    page: ReviewPage, qtbot: QtBot, name: str
) -> None:
    put(page, np.zeros(SHAPE))
    go_to(page, (20, 18, 12))
    page.view.select_region(CEREBELLUM)
    press(page, Qt.Key.Key_K)
    plane: OrthoView = getattr(page.view, name)
    low, high = [14.5, 12.5, 8.5], [25.5, 23.5, 15.5]
    axis = 2 - plane.plane.axis
    flat = [number for number in range(3) if number != axis]
    corners = []
    for one, two in ((0, 0), (1, 0), (1, 1), (0, 1)):
        voxel = [20.0, 18.0, 12.0]
        voxel[flat[0]], voxel[flat[1]] = (low, high)[one][flat[0]], (low, high)[two][flat[1]]
        corners.append(pixel(page, plane, (voxel[0], voxel[1], voxel[2])))
    QTest.mousePress(plane.canvas, LEFT, PLAIN, corners[0])
    for corner in (*corners[1:], corners[0]):
        QTest.mouseMove(plane.canvas, corner)
    QTest.mouseRelease(plane.canvas, LEFT, PLAIN, corners[0])
    wanted = [slice(int(a + 0.5), int(b + 0.5)) for a, b in zip(low, high, strict=True)]
    wanted[axis] = slice((20, 18, 12)[axis], (20, 18, 12)[axis] + 1)
    expected = np.zeros(SHAPE, np.uint8)
    expected[tuple(wanted)] = CEREBELLUM
    # a corner of the contour falls on whole pixels of the screen
    assert np.count_nonzero(page.view.labels != expected) <= 4
    assert steps(page) == 1
    press(page, Qt.Key.Key_Z, CONTROL)
    assert not page.view.labels.any()


def test_that_corners_clicked_make_a_contour_that_enter_closes_and_alt_or_the_eraser_erases(
    page: ReviewPage, qtbot: QtBot
) -> None:
    put(page, block((5, 5, 0), (35, 31, 24), RIGHT_TEMPORAL))
    go_to(page, (20, 18, 12))
    page.view.select_region(CEREBELLUM)
    canvas = page.view.axial.canvas

    def corners(modifier: Qt.KeyboardModifier = PLAIN) -> None:
        for x, y in ((14.5, 12.5), (25.5, 12.5), (25.5, 23.5), (14.5, 23.5)):
            QTest.mouseClick(canvas, LEFT, modifier, pixel(page, page.view.axial, (x, y, 12)))

    press(page, Qt.Key.Key_K)
    corners()
    assert not (page.view.labels == CEREBELLUM).any()
    press(page, Qt.Key.Key_Return)
    filled = page.view.labels[:, :, 12] == CEREBELLUM
    assert filled.sum() == pytest.approx(121, abs=12)
    corners(ALT)
    QTest.mouseDClick(canvas, LEFT, ALT, pixel(page, page.view.axial, (14.5, 18, 12)))
    assert (page.view.labels[:, :, 12] == 0)[filled].mean() > 0.9
    press(page, Qt.Key.Key_Z, CONTROL)
    press(page, Qt.Key.Key_E)
    press(page, Qt.Key.Key_K)
    assert page.editing.lasso.erases
    corners()
    press(page, Qt.Key.Key_Backspace)
    press(page, Qt.Key.Key_Escape)
    assert not page.editing.lasso.active
    assert np.array_equal(page.view.labels[:, :, 12] == CEREBELLUM, filled)
    corners()
    press(page, Qt.Key.Key_Return)
    assert (page.view.labels[:, :, 12] == 0)[filled].all()
    corners()
    page.view.step(1)  # a contour does not follow into another slice
    assert not page.editing.lasso.active
    assert page.view.tool_in_hand is Tool.LASSO


def test_that_the_brush_keeps_to_the_limits_and_the_panel_shows_them(page: ReviewPage) -> None:
    image = page.view.image
    assert image is not None
    labels = page.view.labels
    go_to(page, (10, 26, 12))
    page.view.select_region(CEREBELLUM)
    press(page, Qt.Key.Key_U)
    press(page, Qt.Key.Key_I)
    assert (page.limits.over.text(), page.limits.hu.text()) == ("Unlabelled", "0 to 80")
    assert page.limits.over.isChecked()
    before = labels.copy()
    press(page, Qt.Key.Key_B)
    page.view.set_brush_size(30)
    press(page, Qt.Key.Key_G)  # the ball too
    at = pixel(page, page.view.axial, (10, 26, 12))
    QTest.mouseMove(page.view.axial.canvas, at)
    QTest.mouseClick(page.view.axial.canvas, LEFT, PLAIN, at)
    painted = labels != before
    assert painted.sum() > 50
    assert set(np.unique(before[painted])) == {0}
    assert image.voxels[painted].min() >= 0
    assert image.voxels[painted].max() <= 80
    press(page, Qt.Key.Key_Z, CONTROL)
    press(page, Qt.Key.Key_U)
    press(page, Qt.Key.Key_I)
    press(page, Qt.Key.Key_U, SHIFT)
    assert page.limits.over.text() == "Left frontal"
    QTest.mouseClick(page.view.axial.canvas, LEFT, PLAIN, at)
    assert set(np.unique(before[labels != before])) == {LEFT_FRONTAL}
    page.limits.hu.shown.click()
    assert page.view.limits.hu == page.view.window_level.limits
    page.limits.hu.low.setValue(20)
    assert page.view.limits.hu == (20, 80)


def test_that_every_operation_has_a_key_makes_one_step_and_is_undone(page: ReviewPage, qtbot: QtBot) -> None:
    ragged = block((8, 8, 4), (30, 26, 20), RIGHT_TEMPORAL)
    chance = np.random.default_rng(0)
    ragged[7, 8:26, 4:20] = RIGHT_TEMPORAL * (chance.random((18, 16)) < 0.5)
    ragged[15:18, 15:18, 8:10] = 0
    ragged[20, 20, 12] = 0
    ragged[36, 30, 20] = RIGHT_TEMPORAL
    ragged[:, :, 16] = 0
    put(page, ragged)
    go_to(page, (20, 20, 12))
    page.view.select_region(RIGHT_TEMPORAL)
    page.editing.amounts.grow_mm, page.editing.amounts.smoothing_mm = 5.0, 4.0
    labels = page.view.labels
    for key in (
        Qt.Key.Key_S,
        Qt.Key.Key_I,
        Qt.Key.Key_H,
        Qt.Key.Key_J,
        Qt.Key.Key_B,
        Qt.Key.Key_G,
        Qt.Key.Key_K,
    ):
        if key in (Qt.Key.Key_I, Qt.Key.Key_H, Qt.Key.Key_J, Qt.Key.Key_B):
            put(page, ragged)
            labels = page.view.labels
        before, count = labels.copy(), steps(page)
        assert "changed" in operate(page, qtbot, key, SHIFT)
        assert not page.view.locked
        assert not np.array_equal(labels, before), key
        assert steps(page) == count + 1
        press(page, Qt.Key.Key_Z, CONTROL)
        assert np.array_equal(labels, before), key
        press(page, Qt.Key.Key_Z, CONTROL | SHIFT)
        assert not np.array_equal(labels, before), key
        press(page, Qt.Key.Key_Z, CONTROL)


def test_that_islands_holes_and_copies_land_where_the_reader_works(page: ReviewPage, qtbot: QtBot) -> None:
    labels = block((8, 8, 4), (30, 26, 20), RIGHT_TEMPORAL)
    labels[36, 30, 20] = RIGHT_TEMPORAL
    labels[20, 20, 4:20] = 0  # a channel from end to end
    put(page, labels)
    page.view.select_region(RIGHT_TEMPORAL)
    go_to(page, (20, 20, 12))
    operate(page, qtbot, Qt.Key.Key_I, SHIFT)
    assert page.view.labels[36, 30, 20] == 0
    assert "No islands in right temporal lobe" in operate(page, qtbot, Qt.Key.Key_I, SHIFT)
    assert "No holes in right temporal lobe" in operate(page, qtbot, Qt.Key.Key_J, SHIFT)
    operate(page, qtbot, Qt.Key.Key_H, SHIFT)
    assert page.view.labels[20, 20].tolist() == [*[0] * 12, RIGHT_TEMPORAL, *[0] * 11]
    press(page, Qt.Key.Key_G)
    operate(page, qtbot, Qt.Key.Key_H, SHIFT)
    assert page.view.labels[20, 20].tolist() == [*[0] * 4, *[RIGHT_TEMPORAL] * 16, *[0] * 4]
    press(page, Qt.Key.Key_Z, CONTROL)
    press(page, Qt.Key.Key_G)
    go_to(page, (20, 20, 20))
    operate(page, qtbot, Qt.Key.Key_Down, CONTROL)
    assert np.array_equal(page.view.labels[:, :, 20], page.view.labels[:, :, 19])
    page.view.active = page.view.sagittal
    go_to(page, (30, 20, 12))
    operate(page, qtbot, Qt.Key.Key_Down, CONTROL)  # the slice before, towards the right: x 31
    assert "holds no right temporal lobe" in page.flash.text()
    operate(page, qtbot, Qt.Key.Key_Up, CONTROL)
    assert np.array_equal(page.view.labels[30], page.view.labels[29])


def test_that_splitting_and_mirroring_put_left_on_the_left(page: ReviewPage, qtbot: QtBot) -> None:
    put(page, block((4, 8, 8), (36, 20, 16), RIGHT_TEMPORAL))
    page.view.select_region(RIGHT_TEMPORAL)
    operate(page, qtbot, Qt.Key.Key_L, SHIFT)
    x = np.arange(SHAPE[0])[:, None, None]
    labels = page.view.labels
    assert set(np.unique(labels[20:36, 8:20, 8:16])) == {RIGHT_TEMPORAL}
    assert set(np.unique(labels[4:19, 8:20, 8:16])) == {LEFT_TEMPORAL}
    press(page, Qt.Key.Key_Z, CONTROL)
    assert not (labels == LEFT_TEMPORAL).any()
    put(page, block((24, 8, 8), (36, 20, 16), RIGHT_TEMPORAL))
    operate(page, qtbot, Qt.Key.Key_M, SHIFT)
    mirrored = page.view.labels == LEFT_TEMPORAL
    assert mirrored.sum() == pytest.approx((page.view.labels == RIGHT_TEMPORAL).sum(), rel=0.1)
    assert np.broadcast_to(x, SHAPE)[mirrored].max() < 18
    page.view.select_region(CEREBELLUM)
    assert "has no left and right" in operate(page, qtbot, Qt.Key.Key_M, SHIFT)


def test_that_a_proposal_is_hatched_in_all_views_and_taken_as_one_step_or_dropped(
    page: ReviewPage, qtbot: QtBot
) -> None:
    put(page, np.zeros(SHAPE))
    page.session.shown = None
    page.editing._opened_from = None
    view = page.view
    view.select_region(RIGHT_FRONTAL)
    said = operate(page, qtbot, Qt.Key.Key_S)
    assert "in no slice of this view" in said
    press(page, Qt.Key.Key_K)
    for z in (6, 12, 18):
        go_to(page, (20, 18, z))
        for x, y in ((10.5, 10.5), (24.5, 10.5), (24.5, 24.5), (10.5, 24.5)):
            QTest.mouseClick(view.axial.canvas, LEFT, PLAIN, pixel(page, view.axial, (x, y, z)))
        press(page, Qt.Key.Key_Return)
    drawn = view.labels.copy()
    go_to(page, (20, 18, 9))
    said = operate(page, qtbot, Qt.Key.Key_S)
    assert "Enter takes it, Esc drops it" in said
    assert np.array_equal(view.labels, drawn)
    assert view.tool_in_hand is Tool.LASSO  # one can go on
    for plane in view.views:
        shades = plane.viewer.screenshot(flash=False)[..., :3].astype(int)
        assert (shades.min(axis=-1) > 190).sum() > 100, plane.plane.name  # white stripes
    press(page, Qt.Key.Key_A)  # a verdict waits for an answer
    assert page.session.case is not None
    assert "Take the suggestion" in page.flash.text()
    press(page, Qt.Key.Key_Escape)
    assert not page.editing.suggestion.pending
    assert not any(plane.compared.visible for plane in view.views)
    assert np.array_equal(view.labels, drawn)
    operate(page, qtbot, Qt.Key.Key_S)
    page.view.show_compared(np.zeros(SHAPE, np.uint8))
    page.compare()  # comparing borrows the same layers
    assert not page.editing.suggestion.pending
    operate(page, qtbot, Qt.Key.Key_S)
    count = steps(page)
    press(page, Qt.Key.Key_Return)
    assert steps(page) == count + 1
    assert (view.labels[12:24, 12:24, 6:19] == RIGHT_FRONTAL).all()
    assert np.array_equal(view.labels[..., [6, 12, 18]], drawn[..., [6, 12, 18]])
    press(page, Qt.Key.Key_Z, CONTROL)
    assert np.array_equal(view.labels, drawn)
    operate(page, qtbot, Qt.Key.Key_S)
    view.axial.labels.paint((9, 5, 5), CEREBELLUM)  # an edit drops it: it was made for other labels
    assert not page.editing.suggestion.pending


def test_that_a_correction_is_carried_from_what_the_opened_version_held(page: ReviewPage, qtbot: QtBot) -> None:
    view = page.view
    view.select_region(RIGHT_TEMPORAL)
    before = view.labels.copy()
    press(page, Qt.Key.Key_E)
    press(page, Qt.Key.Key_K)
    for z in (9, 15):  # cut a corner off in two slices
        go_to(page, (30, 8, z))
        for x, y in ((30.5, -0.5), (39.5, -0.5), (39.5, 30.5), (30.5, 30.5)):
            QTest.mouseClick(view.axial.canvas, LEFT, PLAIN, pixel(page, view.axial, (x, y, z)))
        press(page, Qt.Key.Key_Return)
    assert (before[31:, :, 12] == RIGHT_TEMPORAL).any()
    operate(page, qtbot, Qt.Key.Key_S)
    press(page, Qt.Key.Key_Return)
    assert not (view.labels[32:, :, 10:15] == RIGHT_TEMPORAL).any()
    assert np.array_equal(view.labels[..., :3], before[..., :3])


def test_that_the_label_map_is_locked_while_an_operation_works_and_a_late_answer_is_dropped(
    page: ReviewPage, workbench: Workbench, qtbot: QtBot
) -> None:
    image, labels = head()
    other = add_scan(workbench, f"E{next(SCANS):03}", image, labels)
    view = page.view
    view.select_region(RIGHT_TEMPORAL)
    press(page, Qt.Key.Key_B)
    press(page, Qt.Key.Key_M, SHIFT)
    assert view.locked
    before = view.labels.copy()
    at = QPoint(view.axial.canvas.width() // 2, view.axial.canvas.height() // 2)
    QTest.mouseClick(view.axial.canvas, LEFT, PLAIN, at)
    press(page, Qt.Key.Key_Z, CONTROL)
    press(page, Qt.Key.Key_G, SHIFT)
    assert np.array_equal(view.labels, before)
    page.open_scan(other)
    qtbot.waitUntil(lambda: page.session.case is not None and page.session.case.scan.id == other, timeout=20_000)
    qtbot.waitUntil(lambda: page.bridge.idle, timeout=20_000)
    if page.session.dirty:  # the answer was there before the other scan was
        page.session.discard_edits()
    else:
        assert np.array_equal(view.labels, labels.voxels)
    assert not view.locked
    assert view.tool_in_hand is Tool.BRUSH


def test_that_a_map_for_looking_only_is_not_operated_on(page: ReviewPage) -> None:
    before = page.view.labels.copy()
    page.view.set_editable(False)
    press(page, Qt.Key.Key_G, SHIFT)
    assert "looking only" in page.flash.text()
    assert not page.view.locked
    assert np.array_equal(page.view.labels, before)
    page.view.set_editable(True)


def test_that_a_scan_without_a_label_map_is_drawn_from_nothing_and_saved_as_version_one(
    desk: tuple[Workbench, ReviewPage], qtbot: QtBot
) -> None:
    workbench, page = desk
    image, _ = head()
    scan_id = add_scan(workbench, f"E{next(SCANS):03}", image, None)
    opened(page, scan_id, qtbot)
    view = page.view
    view.select_region(LEFT_FRONTAL)
    press(page, Qt.Key.Key_K)
    for z in (8, 14):
        go_to(page, (20, 18, z))
        for x, y in ((4.5, 20.5), (15.5, 20.5), (15.5, 30.5), (4.5, 30.5)):
            QTest.mouseClick(view.axial.canvas, LEFT, PLAIN, pixel(page, view.axial, (x, y, z)))
        press(page, Qt.Key.Key_Return)
    operate(page, qtbot, Qt.Key.Key_S)
    press(page, Qt.Key.Key_Return)
    made = view.labels.copy()
    press(page, Qt.Key.Key_S, CONTROL)
    qtbot.waitUntil(lambda: not page.session.saving and not page.session.dirty, timeout=20_000)
    (row,) = workbench.review.annotations(scan_id)
    assert (row.version, row.parent_id, row.origin) == (1, None, Origin.EXPERT)
    kept = workbench.review.labels(row.id)
    assert np.array_equal(kept.voxels, made)
    assert np.allclose(kept.affine, image.affine)
    assert isinstance(kept, Volume)
    world_x = image.affine[0, 0] * np.argwhere(made == LEFT_FRONTAL)[:, 0] + image.affine[0, 3]
    assert world_x.max() < 0  # the patient's left
    assert (made[6:14, 22:29, 8:15] == LEFT_FRONTAL).all()
