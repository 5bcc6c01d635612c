"""What goes wrong under the review room: a disk that is full, voxels that are gone or do not fit each other."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from ctworkbench.core.store import VoxelStore
from ctworkbench.core.volume import Volume, write_nifti
from ctworkbench.core.workbench import Workbench
from ctworkbench.ui.bridge import Bridge, Notice
from ctworkbench.ui.recovery import RecoveryFolder
from ctworkbench.ui.review import ReviewPage
from tests.ui.study_with_heads import CEREBELLUM, add_scan, head, make_study

PLACE = (12, 17, 20)  # in the brain, an index of the array that the views show


@pytest.fixture(scope="module")
def shared(qapp: QApplication, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ReviewPage, Workbench]]:
    """One room for all tests of this file: its canvases are slow to make."""
    workbench = make_study(tmp_path_factory.mktemp("faults") / "study", scans=1)
    bridge = Bridge(workbench)
    page = ReviewPage(workbench, bridge, QSettings(str(workbench.folder / "w.ini"), QSettings.Format.IniFormat))
    page.resize(1100, 650)
    page.show()
    yield page, workbench
    page.dispose()
    bridge.close()
    workbench.close()
    page.close()
    page.deleteLater()
    qapp.processEvents()


@pytest.fixture
def page(shared: tuple[ReviewPage, Workbench], qtbot: QtBot) -> Iterator[ReviewPage]:
    """The room with its first scan open, as it was saved."""
    page = shared[0]
    open_scan(page, 1, qtbot)
    yield page
    page.session.wait()
    if page.session.dirty:
        page.session.discard_edits()


@pytest.fixture
def workbench(shared: tuple[ReviewPage, Workbench]) -> Workbench:
    return shared[1]


@pytest.fixture
def notices(page: ReviewPage) -> Iterator[list[Notice]]:
    """What the user is told."""
    told: list[Notice] = []
    page.bridge.noticed.connect(told.append)
    yield told
    page.bridge.noticed.disconnect(told.append)


def open_scan(page: ReviewPage, scan_id: int, qtbot: QtBot) -> None:
    page.open_scan(scan_id)

    def shown() -> bool:
        case = page.session.case
        return case is not None and case.scan.id == scan_id and not page.opening.loading

    qtbot.waitUntil(shown, timeout=20_000)


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("study.db")}


def test_that_a_full_disk_leaves_no_half_save_and_keeps_the_work_which_is_saved_once_there_is_room(
    page: ReviewPage, workbench: Workbench, notices: list[Notice], qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = workbench.readers.recovery_folder() / "scan_1.nii.gz"
    page.view.axial.labels.paint(PLACE, CEREBELLUM)
    qtbot.waitUntil(kept.exists, timeout=5000)
    page.session._autosave._writer.submit(int).result(timeout=10)
    drawn, before = page.view.edited_labels(), files(workbench.folder)

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", full)
        page.save()
        qtbot.waitUntil(lambda: bool(notices) and not page.session.saving, timeout=10_000)
        assert "No space left" in notices[0].message and "Free some space" in notices[0].remedy
        page.view.axial.labels.paint((PLACE[0], PLACE[1] + 4, PLACE[2]), CEREBELLUM)
        qtbot.waitUntil(lambda: any("kept aside" in notice.message for notice in notices), timeout=10_000)
        more = page.view.edited_labels()
    assert (more != drawn).any()
    assert page.session.dirty and page.view.editable
    assert files(workbench.folder) == before
    assert [row.version for row in workbench.review.annotations(1)] == [1]
    found = RecoveryFolder(workbench.readers.recovery_folder()).read(1)
    assert found is not None and np.array_equal(found.labels.voxels, drawn)  # as it was before the disk was full
    assert workbench.verify() == []
    assert page.saving.finish()
    newest = workbench.review.annotations(1)[0]
    assert newest.version == 2
    assert np.array_equal(workbench.review.labels(newest.id).voxels, more)
    assert not kept.exists()


def test_that_a_scan_that_disappeared_is_named_and_the_room_goes_on(
    page: ReviewPage, workbench: Workbench, notices: list[Notice], qtbot: QtBot
) -> None:
    image = head()[0]
    other = Volume(image.voxels + np.int16(1), image.affine)
    gone = add_scan(workbench, "GONE", other, head()[1])
    VoxelStore(workbench.folder / "voxels").path(workbench._study.store.put(other)).unlink()
    page.open_scan(gone)
    qtbot.waitUntil(lambda: bool(notices), timeout=10_000)
    assert "GONE: " in notices[0].message and "missing" in notices[0].message
    assert "backup" in notices[0].remedy
    assert "GONE" in page.cover.text()
    open_scan(page, 1, qtbot)
    assert not page.cover.isVisible() and page.view.editable


@pytest.mark.parametrize("fault", ["cropped", "moved", "cut off"])
def test_that_a_label_map_that_does_not_fit_its_scan_is_refused_by_name(
    page: ReviewPage, workbench: Workbench, notices: list[Notice], qtbot: QtBot, fault: str
) -> None:
    image, labels = head()
    codes = labels.voxels.copy(order="F")
    codes[0, 0, 0] = 1 + len(fault)  # a label map of its own
    own = Volume(codes, labels.affine)
    scan_id = add_scan(workbench, f"MISFIT-{fault.replace(' ', '-')}", image, own)
    path = VoxelStore(workbench.folder / "voxels").path(workbench._study.store.put(own))
    moved = own.affine.copy()
    moved[0, 3] += 9.0
    if fault == "cut off":
        path.write_bytes(path.read_bytes()[:-300])
    else:
        write_nifti(own.cropped((1, 0, 0), codes.shape) if fault == "cropped" else Volume(codes, moved), path)
    page.open_scan(scan_id)
    qtbot.waitUntil(lambda: bool(notices), timeout=10_000)
    assert "MISFIT" in notices[0].message
    assert ("cannot be read" if fault == "cut off" else "does not lie on the grid") in notices[0].message
    open_scan(page, 1, qtbot)
    assert page.view.editable
