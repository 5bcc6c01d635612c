"""The reader in the window: a name for every verdict, blinding, reasons, comments, history, readers, agreement."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QSettings, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QDialogButtonBox, QFileDialog, QInputDialog
from pytestqt.qtbot import QtBot

from ctworkbench.core.model import ReaderRole
from ctworkbench.core.settings import Settings
from ctworkbench.core.volume import Volume
from ctworkbench.core.workbench import Verdict, Workbench
from ctworkbench.ui.audit_dialog import AuditDialog
from ctworkbench.ui.bridge import Bridge
from ctworkbench.ui.main_window import MainWindow
from ctworkbench.ui.reader_name import NameDialog
from ctworkbench.ui.readers_dialog import ReadersDialog
from ctworkbench.ui.recovery import RecoveryFolder
from ctworkbench.ui.review import ReviewPage
from ctworkbench.ui.worklist import chip_of
from tests.ui.seeded_study import seed
from tests.ui.study_with_heads import CEREBELLUM, make_study
from tests.ui.test_review import open_scan, press

_PATIENCE_SECONDS = 5.0


class Desk:
    """The review room over three scans, with the mouse and the keys of one reader after the other."""

    def __init__(self, workbench: Workbench, memory: QSettings, qtbot: QtBot) -> None:
        self.workbench, self.qtbot = workbench, qtbot
        self.bridge = Bridge(workbench)
        self.page = ReviewPage(workbench, self.bridge, memory)
        self.page.resize(1200, 700)
        self.page.show()
        self.ids = [row.id for row in workbench.cohort.scans()]
        self.page.refresh()
        qtbot.waitUntil(lambda: len(self.page.worklist.rows) == len(self.ids), timeout=20_000)
        self.take_keys()

    def open(self, scan_id: int) -> None:
        open_scan(self.page, scan_id, self.qtbot)

    def settle(self, version: int) -> None:
        """Wait until a version stands on the screen and nothing is read: a key pressed before is not taken."""
        session, opening = self.page.session, self.page.opening
        self.qtbot.waitUntil(
            lambda: (
                session.shown is not None
                and session.shown.version == version
                and not opening.loading
                and self.bridge.idle
            ),
            timeout=20_000,
        )

    def titles(self) -> list[str]:
        box = self.page.header.versions
        return [box.itemText(place) for place in range(box.count())]

    def sign_in(self, name: str) -> None:
        """Click on the reader's name and choose another."""
        answer_name(name)
        self.page.desk.button.click()
        self.qtbot.waitUntil(lambda: self.page.desk.button.text().startswith(f"Reading as {name}"))
        self.qtbot.waitUntil(lambda: not self.page.opening.loading)
        self.take_keys()

    def take_keys(self) -> None:
        """Make the page the window that keys go to again, behind a dialog: no window manager does it here."""
        self.page.activateWindow()
        self.qtbot.waitUntil(self.page.isActiveWindow)


@pytest.fixture
def desk(memory: QSettings, qtbot: QtBot, tmp_path: Path) -> Iterator[Desk]:
    make_study(tmp_path / "study", scans=3).close()
    workbench = Workbench.open(tmp_path / "study", Settings(author="ada"))
    desk = Desk(workbench, memory, qtbot)
    yield desk
    if desk.page.session.dirty:
        desk.page.session.discard_edits()
    desk.page.dispose()
    desk.bridge.close()
    desk.page.close()
    desk.page.deleteLater()
    workbench.close()


def answer(kind: type[QDialog], act: Callable[[QDialog], object]) -> None:
    """Do something in the next dialog of a kind, as soon as it stands; none that a later test opens."""
    began = time.monotonic()

    def look() -> None:
        dialog = QApplication.activeModalWidget()
        if isinstance(dialog, kind):
            act(dialog)
        elif time.monotonic() - began < _PATIENCE_SECONDS:
            QTimer.singleShot(30, look)

    QTimer.singleShot(30, look)


def answer_name(name: str, keep: bool = False) -> None:
    def give(dialog: QDialog) -> None:
        assert isinstance(dialog, NameDialog)
        dialog.name.setEditText(name)
        dialog.keep.setChecked(keep)
        box = dialog.findChild(QDialogButtonBox)
        assert box is not None
        box.button(QDialogButtonBox.StandardButton.Ok).click()

    answer(NameDialog, give)


def test_that_a_missing_name_is_asked_for_at_the_first_verdict_and_remembered(
    memory: QSettings, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    make_study(tmp_path / "study", scans=1).close()
    with Workbench.open(tmp_path / "study", Settings(author="unknown")) as workbench:
        desk = Desk(workbench, memory, qtbot)
        desk.open(desk.ids[0])
        desk.settle(version=1)
        (row,) = workbench.review.annotations(desk.ids[0])
        answer(NameDialog, lambda dialog: dialog.reject())
        press(desk.page, Qt.Key.Key_A)
        assert workbench.review.reviews(row.id) == []
        desk.take_keys()
        answer_name("Dr. Eve", keep=True)
        press(desk.page, Qt.Key.Key_A)
        assert [review.reviewer for review in workbench.review.reviews(row.id)] == ["Dr. Eve"]
        desk.page.dispose()
        desk.bridge.close()
        desk.page.close()
    assert Settings.from_environment().author == "Dr. Eve"


def test_that_no_name_is_no_answer(qtbot: QtBot) -> None:
    dialog = NameDialog(["ada"], "")
    qtbot.addWidget(dialog)
    ok = dialog.findChild(QDialogButtonBox).button(QDialogButtonBox.StandardButton.Ok)
    for name, possible in (("", False), ("  ", False), ("Unknown", False), ("ada", True)):
        dialog.name.setEditText(name)
        assert ok.isEnabled() is possible


def test_that_shift_a_puts_the_cursor_into_the_comment_and_enter_accepts(desk: Desk) -> None:
    scan_id = desk.ids[0]
    desk.open(scan_id)
    (row,) = desk.workbench.review.annotations(scan_id)
    press(desk.page, Qt.Key.Key_A, Qt.KeyboardModifier.ShiftModifier)
    comment = desk.page.verdicts.comment
    desk.qtbot.waitUntil(comment.hasFocus)
    assert comment.placeholderText() == "Comment, then Enter accepts"
    QTest.keyClicks(comment, "good, A to Z")
    assert desk.workbench.review.reviews(row.id) == []
    QTest.keyClick(comment, Qt.Key.Key_Return)
    (review,) = desk.workbench.review.reviews(row.id)
    assert (review.verdict, review.comment) == (Verdict.ACCEPT, "good, A to Z")
    assert comment.placeholderText() == "Comment"


def test_that_esc_gives_the_comment_up_without_a_verdict(desk: Desk) -> None:
    desk.open(desk.ids[0])
    press(desk.page, Qt.Key.Key_A, Qt.KeyboardModifier.ShiftModifier)
    comment = desk.page.verdicts.comment
    desk.qtbot.waitUntil(comment.hasFocus)
    QTest.keyClick(comment, Qt.Key.Key_Escape)
    comment.setFocus()
    QTest.keyClick(comment, Qt.Key.Key_Return)  # an ordinary comment again
    assert desk.workbench.review.reviews(desk.workbench.review.annotations(desk.ids[0])[0].id) == []


def test_that_reasons_are_edited_at_the_end_of_their_menu(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    bar = desk.page.verdicts
    bar._reasons["leak"].trigger()
    monkeypatch.setattr(QInputDialog, "getMultiLineText", lambda *_: ("leak\nsinus included\n\n", True))
    last = bar.reasons.menu().actions()[-1]
    assert last.text() == "Edit reasons…"
    last.trigger()
    desk.qtbot.waitUntil(lambda: list(bar._reasons) == ["leak", "sinus included"])
    assert bar.chosen_reasons == ("leak",)
    assert desk.workbench.readers.reasons()["sinus included"] == "sinus included"


def test_that_a_blinded_reader_sees_the_machines_map_alone_until_their_own_verdict(desk: Desk) -> None:
    workbench, page, scan_id = desk.workbench, desk.page, desk.ids[0]
    for name in ("ada", "bob"):
        workbench.readers.add(name)
    workbench.readers.assign("bob", ReaderRole.SECOND, scan_ids=[scan_id])
    desk.open(scan_id)
    page.view.select_region(CEREBELLUM)
    (base,) = workbench.review.annotations(scan_id)
    labels = workbench.review.labels(base.id)
    voxels = np.array(labels.voxels)
    voxels[20:24, 18:22, 10:14] = CEREBELLUM
    workbench.review.save(scan_id, base.id, Volume(voxels, labels.affine))
    desk.qtbot.waitUntil(lambda: desk.titles() == ["v2 expert · no verdict", "v1 registration · no verdict"])
    desk.settle(version=2)
    press(page, Qt.Key.Key_A)
    desk.qtbot.waitUntil(lambda: workbench.review.annotations(scan_id)[0].verdict is Verdict.ACCEPT)

    desk.qtbot.waitUntil(lambda: not page.opening.loading)
    desk.open(scan_id)
    desk.sign_in("bob")
    desk.qtbot.waitUntil(lambda: desk.titles() == ["v1 registration · no verdict"])
    assert int(np.count_nonzero(page.view.edited_labels() == CEREBELLUM)) == 0
    assert not page.header.compare.isEnabled()
    row = next(row for row in page.worklist.rows if row.id == scan_id)
    assert chip_of(row)[0] == "to review" and row.versions == 1
    press(page, Qt.Key.Key_H, Qt.KeyboardModifier.ControlModifier)
    history = next(dialog for dialog in page.window().findChildren(AuditDialog))
    desk.qtbot.waitUntil(lambda: "left out" in history.told.text())
    assert all(entry.author == "bob" for entry in history._all)
    history.close()
    page.activateWindow()
    desk.qtbot.waitUntil(page.isActiveWindow)

    press(page, Qt.Key.Key_R)
    desk.qtbot.waitUntil(lambda: workbench.readers.hidden() == 0 and not page.opening.loading)
    desk.open(scan_id)
    desk.qtbot.waitUntil(lambda: len(desk.titles()) == 2)
    assert desk.titles()[0] == "v2 expert (ada) · accepted"
    assert page.banner.text.text().startswith("Readers disagree: ada: accepted v2  ·  bob: rejected v1.")
    page.refresh()
    desk.qtbot.waitUntil(
        lambda: chip_of(next(row for row in page.worklist.rows if row.id == scan_id))[0] == "to adjudicate"
    )
    page.worklist.status.setCurrentText("To adjudicate")
    assert [row.id for row in page.worklist.rows] == [scan_id]


def test_that_a_verdict_does_not_wait_for_the_comparison_of_two_readers_label_maps(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    workbench, page, scan_id = desk.workbench, desk.page, desk.ids[0]
    for name in ("ada", "bob"):
        workbench.readers.add(name)
    workbench.readers.assign("bob", ReaderRole.SECOND, scan_ids=[scan_id])
    (base,) = workbench.review.annotations(scan_id)
    changed = workbench.review.labels(base.id)
    voxels = np.where(changed.voxels > np.unique(changed.voxels)[1], 0, changed.voxels).astype(np.uint8)
    saved = workbench.review.save(scan_id, base.id, Volume(voxels, changed.affine), "ada")
    workbench.review.judge(saved.id, Verdict.ACCEPT, grade=4, seconds=9.0, reviewer="ada")
    desk.sign_in("bob")
    desk.open(scan_id)
    compare, free = workbench.readers.compare, threading.Event()
    monkeypatch.setattr(workbench.readers, "compare", lambda pair: free.wait(20) and compare(pair))
    page.setFocus()
    press(page, Qt.Key.Key_A)
    assert workbench.review.reviews(base.id)[-1].reviewer == "bob"
    desk.open(scan_id)
    desk.qtbot.waitUntil(lambda: page.banner.text.text().startswith("Not yet compared: ada: accepted v2"))
    desk.qtbot.waitUntil(lambda: page.desk._comparing)
    assert chip_of(workbench.cohort.scan(scan_id))[0] == "not yet compared"
    free.set()
    desk.qtbot.waitUntil(lambda: page.banner.text.text().startswith("Readers disagree: ada"), timeout=20_000)
    assert chip_of(workbench.cohort.scan(scan_id))[0] == "to adjudicate"


def test_that_the_worklist_offers_what_is_to_adjudicate_where_there_are_several_readers_alone(desk: Desk) -> None:
    status = desk.page.worklist.status
    desk.workbench.readers.add("ada")
    desk.page.desk.refresh()
    desk.qtbot.waitUntil(lambda: desk.bridge.idle)
    assert status.findText("To adjudicate") < 0
    desk.workbench.readers.add("bob")
    desk.page.desk.refresh()
    desk.qtbot.waitUntil(lambda: status.findText("To adjudicate") == status.findText("To review") + 1)
    status.setCurrentText("To adjudicate")
    assert desk.page.worklist.rows == ()


def kept(desk: Desk) -> bool:
    """Whether the strokes of the open scan lie in the folder of whoever is signed in."""
    return (desk.workbench.readers.recovery_folder() / f"scan_{desk.ids[0]}.nii.gz").exists()


def stroke(desk: Desk) -> None:
    """Paint, and wait until it is kept aside."""
    desk.page.view.axial.labels.paint((12, 17, 20), CEREBELLUM)
    desk.qtbot.waitUntil(lambda: kept(desk), timeout=5000)


def crashed(workbench: Workbench, memory: QSettings, qtbot: QtBot) -> None:
    """A reader paints, and the program ends without a word."""
    desk = Desk(workbench, memory, qtbot)
    desk.open(desk.ids[0])
    stroke(desk)
    close(desk)
    workbench.close()


def close(desk: Desk) -> None:
    desk.page.dispose()
    desk.bridge.close()
    desk.page.close()


def banner_at(study: Path, name: str, memory: QSettings, qtbot: QtBot, press: str = "") -> str:
    """What a reader is told who opens the first scan; a button may be pressed."""
    with Workbench.open(study, Settings(author=name)) as workbench:
        desk = Desk(workbench, memory, qtbot)
        desk.open(desk.ids[0])
        banner = desk.page.banner
        told = banner.text.text() if banner.isVisible() else ""
        if press:
            button = next(one for one in (banner.first, banner.second) if one.text() == press)
            QTest.mouseClick(button, Qt.MouseButton.LeftButton)
            assert desk.page.session.dirty is (press != "Not mine")
            assert press == "Not mine" or kept(desk)
        close(desk)
    return told


def test_that_unsaved_corrections_are_offered_to_the_one_who_drew_them_alone(
    memory: QSettings, qtbot: QtBot, tmp_path: Path
) -> None:
    study = tmp_path / "study"
    make_study(study, scans=1).close()
    crashed(Workbench.open(study, Settings(author="Ada")), memory, qtbot)
    with Workbench.open(study, Settings(author="coordinator")) as workbench:
        for name in ("ada", "bob"):
            workbench.readers.add(name)  # after she has drawn, and in another case
    assert banner_at(study, "bob", memory, qtbot) == ""
    assert banner_at(study, "nobody", memory, qtbot) == ""
    assert "were found" in banner_at(study, "ada", memory, qtbot, press="Restore")
    assert "were found" in banner_at(study, "ADA", memory, qtbot)


def test_that_what_was_drawn_without_a_name_is_its_drawers_once_they_give_it(
    memory: QSettings, qtbot: QtBot, tmp_path: Path
) -> None:
    study = tmp_path / "study"
    make_study(study, scans=1).close()
    with Workbench.open(study, Settings(author="unknown")) as workbench:
        workbench.readers.add("ada")
        desk = Desk(workbench, memory, qtbot)
        desk.open(desk.ids[0])
        stroke(desk)
        nameless = workbench.readers.recovery_folder()
        answer_name("ada")
        desk.page.desk.button.click()
        assert kept(desk) and not list(nameless.glob("scan_*"))
        assert desk.page.session.dirty
        close(desk)
    assert banner_at(study, "bob", memory, qtbot) == ""
    assert "were found" in banner_at(study, "ada", memory, qtbot)


def test_that_what_was_drawn_without_a_name_before_a_crash_is_lost_to_nobody_who_says_it_is_not_theirs(
    memory: QSettings, qtbot: QtBot, tmp_path: Path
) -> None:
    study = tmp_path / "study"
    make_study(study, scans=1).close()
    crashed(Workbench.open(study, Settings(author="unknown")), memory, qtbot)
    assert "Are they yours?" in banner_at(study, "bob", memory, qtbot, press="Not mine")
    assert banner_at(study, "bob", memory, qtbot) == ""
    assert "Are they yours?" in banner_at(study, "ada", memory, qtbot, press="Restore mine")
    for name in ("carl", "unknown"):
        assert banner_at(study, name, memory, qtbot) == ""
    told = banner_at(study, "ada", memory, qtbot)
    assert "were found" in told and "yours" not in told


def test_that_corrections_of_a_crash_are_offered_when_their_reader_gives_the_name_with_the_scan_open(
    memory: QSettings, qtbot: QtBot, tmp_path: Path
) -> None:
    study = tmp_path / "study"
    make_study(study, scans=1).close()
    crashed(Workbench.open(study, Settings(author="ada")), memory, qtbot)
    with Workbench.open(study, Settings(author="unknown")) as workbench:
        desk = Desk(workbench, memory, qtbot)
        desk.open(desk.ids[0])
        assert not desk.page.banner.isVisible()
        desk.sign_in("ada")
        assert "were found" in desk.page.banner.text.text()
        assert not desk.page.view.editable
        close(desk)


def test_that_a_stroke_without_a_name_replaces_nothing_that_its_reader_left_in_a_crash(
    memory: QSettings, qtbot: QtBot, tmp_path: Path
) -> None:
    study = tmp_path / "study"
    make_study(study, scans=1).close()
    crashed(Workbench.open(study, Settings(author="ada")), memory, qtbot)
    with Workbench.open(study, Settings(author="ada")) as workbench:
        left = (workbench.readers.recovery_folder() / "scan_1.nii.gz").read_bytes()
    with Workbench.open(study, Settings(author="unknown")) as workbench:
        desk = Desk(workbench, memory, qtbot)
        desk.open(desk.ids[0])
        desk.page.view.axial.labels.paint((20, 17, 20), CEREBELLUM)
        desk.qtbot.waitUntil(lambda: kept(desk), timeout=5000)
        answer_name("ada")
        desk.page.desk.button.click()
        assert desk.page.session.dirty and kept(desk)
        folder = workbench.readers.recovery_folder()
        assert (folder / "scan_1.nii.gz").read_bytes() != left
        assert (folder / "scan_1.earlier_1.nii.gz").read_bytes() == left
        assert desk.page.saving.finish()  # saving forgets what was saved alone
        assert not (folder / "scan_1.nii.gz").exists()
        close(desk)
    assert "were found" in banner_at(study, "ada", memory, qtbot, press="Restore")
    assert (folder / "scan_1.nii.gz").read_bytes() == left
    assert not list(folder.glob("scan_1.earlier*"))


def test_that_corrections_found_on_disk_are_never_overwritten_by_the_next_stroke(tmp_path: Path) -> None:
    first, second, third = (Volume(np.full((4, 4, 4), value, np.uint8), np.eye(4)) for value in (1, 2, 3))
    RecoveryFolder(tmp_path / "ada").write(1, first, 7)
    folder = RecoveryFolder(tmp_path / "ada")
    for labels in (second, third):
        folder.write(1, labels, 8)
    assert len(list((tmp_path / "ada").glob("*.nii.gz"))) == 2
    folder.discard(1)
    found = folder.read(1)
    assert found is not None and found.parent_id == 7
    assert np.array_equal(found.labels.voxels, first.voxels)
    folder.give_up(1)
    assert not list((tmp_path / "ada").iterdir())


def test_that_what_was_declined_stays_declined_in_whatever_case_the_name_is_typed(tmp_path: Path) -> None:
    desk = tmp_path / "desk"
    labels = Volume(np.ones((4, 4, 4), np.uint8), np.eye(4))
    RecoveryFolder(desk).write(1, labels, None)
    RecoveryFolder(tmp_path / "bob", (desk,), "Bob").give_up(1)
    assert not RecoveryFolder(tmp_path / "bob", (desk,), "BOB").holds(1)
    assert RecoveryFolder(tmp_path / "ada", (desk,), "ada").holds(1)
    # The next nameless drawing is another, which nobody has declined.
    RecoveryFolder(desk).write(1, labels, None)
    assert RecoveryFolder(tmp_path / "bob", (desk,), "bob").holds(1)


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path, memory: QSettings) -> Iterator[MainWindow]:
    seed(tmp_path / "study", children=11, settings=Settings(author="coordinator")).close()
    window = MainWindow(Settings(author="coordinator"), memory, preload=False)
    window.show()
    window.open_study(tmp_path / "study", place="cohort")
    yield window
    window.close()


def action(window: MainWindow, title: str) -> None:
    next(entry for entry in window._study_actions if entry.text().replace("&", "") == title).trigger()


def test_that_the_coordinator_adds_readers_and_gives_them_scans(window: MainWindow, qtbot: QtBot) -> None:
    action(window, "Readers and agreement…")
    dialog = window.findChild(ReadersDialog)
    assert dialog is not None and window.study is not None
    readers = window.study.workbench.readers
    qtbot.waitUntil(lambda: "No readers yet" in dialog.told.text())
    assert not dialog.give.isEnabled()
    for name in ("ada", "bob"):
        QTest.keyClicks(dialog.name, name)
        QTest.keyClick(dialog.name, Qt.Key.Key_Return)
        qtbot.waitUntil(lambda name=name: name in readers.names() and not dialog.name.text())
    qtbot.waitUntil(lambda: dialog.reader.count() == 2)
    dialog.reader.setCurrentText("bob")
    dialog.share.setValue(50)
    QTest.mouseClick(dialog.give, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(readers.assignments()) == 6)
    qtbot.waitUntil(lambda: "0 of 6" in str(dialog.sheet.sheet and dialog.sheet.sheet.rows))
    dialog.reader.setCurrentText("ada")
    dialog.role.setCurrentIndex(dialog.role.findData(ReaderRole.REPEAT))
    QTest.mouseClick(dialog.give, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "no scan that ada can be given" in dialog.told.text())
    dialog.role.setCurrentIndex(dialog.role.findData(ReaderRole.SECOND))
    dialog.reader.setCurrentText("bob")
    QTest.mouseClick(dialog.withdraw, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: readers.assignments() == [])
    dialog.bound.setValue(0.8)
    dialog.bound.editingFinished.emit()
    qtbot.waitUntil(lambda: readers.dice_bound == 0.8)
    dialog.close()


def test_that_agreement_is_shown_and_exported(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert window.study is not None
    workbench = window.study.workbench
    workbench.readers.add("bob")
    given = workbench.readers.assign("bob", ReaderRole.SECOND, share=0.5)
    action(window, "Readers and agreement…")
    dialog = window.findChild(ReadersDialog)
    assert dialog is not None
    dialog.tabs.setCurrentIndex(1)
    qtbot.waitUntil(lambda: "No scan was read twice" in dialog.note.text())
    assert not dialog.export.isEnabled()
    for place, scan_id in enumerate(given):
        row = workbench.review.annotations(scan_id)[0]
        verdict = Verdict.REJECT if place == 0 else Verdict.ACCEPT
        workbench.review.judge(row.id, verdict, grade=4, seconds=9.0, reviewer="bob")
    dialog.tabs.setCurrentIndex(0)
    dialog.tabs.setCurrentIndex(1)
    qtbot.waitUntil(lambda: dialog.which.count() == 2, timeout=20_000)
    assert dialog.table.sheet is not None and dialog.table.sheet.rows[0][1] == "reader – bob"
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path / "out"))
    QTest.mouseClick(dialog.export, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "Written" in dialog.note.text(), timeout=20_000)
    assert (tmp_path / "out" / "agreement_label_maps.csv").exists()
    dialog.close()


def test_that_the_trail_is_read_filtered_checked_and_exported(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert window.study is not None
    workbench = window.study.workbench
    workbench.review.judge(1, Verdict.REJECT, comment="sinus")
    action(window, "Audit trail…")
    dialog = window.findChild(AuditDialog)
    assert dialog is not None
    qtbot.waitUntil(lambda: len(dialog._all) > 2)
    QTest.keyClicks(dialog.filter, "sinus")
    assert len(dialog.sheet.shown_rows()) == 1
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "trail.csv"), ""))
    QTest.mouseClick(dialog.export, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "Written" in dialog.told.text())
    assert len((tmp_path / "trail.csv").read_text().splitlines()) == 2
    QTest.mouseClick(dialog.check, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "whole" in dialog.told.text())
    dialog.close()
