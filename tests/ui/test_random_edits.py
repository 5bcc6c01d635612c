"""A thousand acts of a reader by chance: label map, history, counts, versions and store agree after every one."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtWidgets import QApplication, QMessageBox
from pytestqt.qtbot import QtBot

from ctworkbench.core.workbench import Workbench
from ctworkbench.ui.bridge import Bridge
from ctworkbench.ui.edit_history import MOST_BYTES, size_of
from ctworkbench.ui.plane import for_display
from ctworkbench.ui.review import ReviewPage
from tests.ui.study_with_heads import SHAPE, make_study

ACTS = 1000
# How often each is drawn. Splitting and mirroring look for the head's plane, which takes its time.
WEIGHTS = {
    "paint": 24,
    "ball": 10,
    "erase": 10,
    "fill": 6,
    "lasso": 10,
    "undo": 26,
    "redo": 16,
    "save": 5,
    "next": 3,
    "back": 3,
    "limit": 6,
    "smooth": 3,
    "islands": 3,
    "holes": 3,
    "between": 3,
    "copy": 3,
    "grow": 3,
    "shrink": 2,
    "propose": 4,
    "accept": 4,
    "drop": 2,
    "split": 1,
    "mirror": 1,
}


class Reader:
    """Acts on the room and knows what must come of it."""

    def __init__(self, page: ReviewPage, workbench: Workbench, qtbot: QtBot, seed: int) -> None:
        self.page, self.workbench, self.qtbot = page, workbench, qtbot
        self.chance = np.random.default_rng(seed)
        self.versions: Counter[int] = Counter({row.id: row.versions for row in workbench.cohort.scans()})
        self.unsaved: str = ""
        self.steps = 0
        self.done: Counter[str] = Counter()
        self.begin()

    def begin(self) -> None:
        """A case was opened: its history is empty."""
        self.past: list[np.ndarray] = []
        self.future: list[np.ndarray] = []
        self.now = self.page.view.labels.copy()
        self.saved = self.now.copy()

    def settle(self) -> None:
        page = self.page
        self.qtbot.waitUntil(
            lambda: page.bridge.idle and not page.view.locked and not page.session.saving and not page.opening.loading,
            timeout=20_000,
        )

    def act(self, name: str) -> None:
        self.done[name] += 1
        getattr(self, name, self.operate)(*(() if hasattr(self, name) else (name,)))
        self.settle()

    # What changes the label map, always as one step

    def changed(self) -> None:
        if not np.array_equal(self.page.view.labels, self.now):
            self.steps += 1
            self.past.append(self.now)
            self.future.clear()
            self.now = self.page.view.labels.copy()

    def dabs(self, code: int, dimensions: int) -> None:
        view = self.page.view
        layer = view.views[int(self.chance.integers(3))].labels
        layer.n_edit_dimensions = dimensions
        view.set_brush_size(int(self.chance.choice([1, 3, 9, 20])))
        place = self.chance.integers(0, for_display(view.labels).shape)
        view.go_to((int(place[0]), int(place[1]), int(place[2])))
        with layer.block_history():
            for _ in range(int(self.chance.integers(1, 6))):
                axis = layer._slice_input.not_displayed[0]
                step = self.chance.integers(-2, 3, 3)
                step[axis] = 0
                place = np.clip(place + step, 0, np.array(for_display(view.labels).shape) - 1)
                layer.paint(tuple(int(value) for value in place), code)
        self.changed()

    def paint(self) -> None:
        self.choose()
        self.dabs(self.page.view.selected, 2)

    def ball(self) -> None:
        self.choose()
        self.dabs(self.page.view.selected, 3)

    def erase(self) -> None:
        self.dabs(0, int(self.chance.integers(2, 4)))

    def fill(self) -> None:
        view = self.page.view
        layer = view.views[int(self.chance.integers(3))].labels
        with layer.block_history():
            layer.fill(tuple(int(v) for v in self.chance.integers(0, layer.data.shape)), view.selected)
        self.changed()

    def lasso(self) -> None:
        view = self.page.view
        plane = view.views[int(self.chance.integers(3))]
        rows, columns = plane.plane.down, plane.plane.across
        size = np.array([plane.labels.data.shape[axis] for axis in (rows, columns)])
        scale = np.array([plane.labels.scale[axis] for axis in (rows, columns)])
        points = self.chance.uniform(-0.2, 1.2, (int(self.chance.integers(3, 8)), 2)) * size * scale
        plane.lasso.closed.emit(points, bool(self.chance.random() < 0.3))
        self.changed()

    def operate(self, name: str) -> None:
        editing, view = self.page.editing, self.page.view
        self.choose()
        view.active = view.views[int(self.chance.integers(3))]
        acts = {
            "smooth": editing.smooth,
            "islands": editing.remove_islands,
            "holes": lambda: editing.fill_holes(bool(self.chance.integers(2))),
            "between": editing.interpolate,
            "copy": lambda: editing.copy_slice(int(self.chance.choice([-1, 1]))),
            "grow": lambda: editing.grow(1),
            "shrink": lambda: editing.grow(-1),
            "split": editing.split,
            "mirror": editing.mirror,
            "propose": editing.propose,
        }
        acts[name]()
        self.settle()
        self.changed()

    def accept(self) -> None:
        self.page.editing.enter()
        self.changed()

    # What does not

    def choose(self) -> None:
        self.page.view.select_region(int(self.chance.choice(self.page.view.scheme.codes[:4])))

    def drop(self) -> None:
        self.page.editing.escape()
        assert np.array_equal(self.page.view.labels, self.now)

    def limit(self) -> None:
        self.page.view.limits.set_over([None, None, 0, 1][int(self.chance.integers(4))])
        self.page.view.limits.set_hu([None, None, (0, 80), (30, 50)][int(self.chance.integers(4))])

    def undo(self) -> None:
        self.page.view.undo()
        if self.past:
            self.future.append(self.now)
            self.now = self.past.pop()

    def redo(self) -> None:
        self.page.view.redo()
        if self.future:
            self.past.append(self.now)
            self.now = self.future.pop()

    def save(self) -> None:
        case = self.page.session.case
        assert case is not None
        if not np.array_equal(self.now, self.saved):  # what was only done and undone is no version
            self.versions[case.scan.id] += 1
        self.page.save()
        self.settle()
        self.saved = self.now.copy()

    def next(self) -> None:
        self.go(1)

    def back(self) -> None:
        self.go(-1)

    def go(self, steps: int) -> None:
        page = self.page
        case, target = page.session.case, page.worklist.neighbour(steps)
        assert case is not None
        if target is None:
            return
        self.unsaved = str(self.chance.choice(["save", "discard"]))
        if page.session.dirty and self.unsaved == "save":
            self.versions[case.scan.id] += not np.array_equal(self.now, self.saved)
            self.saved = self.now.copy()
        kept = self.saved
        page.go(steps)
        self.settle()
        newest = self.workbench.review.annotations(case.scan.id)[0]
        assert np.array_equal(self.workbench.review.labels(newest.id).voxels, kept)
        self.begin()

    def check(self, last: str) -> None:
        """Everything that must hold at any moment."""
        page, view = self.page, self.page.view
        session, layer = page.session, view.hub.layers[0]
        assert session.case is not None
        assert not session.recovery_open, last
        assert np.array_equal(view.labels, self.now), last
        assert all(np.shares_memory(plane.labels.data, view.labels) for plane in view.views)
        counted = np.bincount(self.now.ravel(), minlength=256)
        assert np.array_equal(view._counts.voxels, counted), last
        history, redo = layer._undo_history, layer._redo_history
        assert (len(history), len(redo)) == (len(self.past), len(self.future)), last
        assert all(plane.labels._undo_history is history for plane in view.views)
        assert history.nbytes == sum(map(size_of, history))
        assert redo.nbytes == sum(map(size_of, redo))
        assert history.nbytes + redo.nbytes <= MOST_BYTES
        rows = self.workbench.review.annotations(session.case.scan.id)
        assert len(rows) == self.versions[session.case.scan.id], last
        assert session.dirty or np.array_equal(self.now, self.saved), last
        if last in ("save", "next", "back"):
            shown = session.shown
            assert shown is not None
            assert np.array_equal(self.workbench.review.labels(shown.id).voxels, self.saved)
            assert [row.version for row in rows] == list(range(len(rows), 0, -1))
            assert all(row.parent_id is not None for row in rows[:-1])


@pytest.mark.slow
@pytest.mark.timeout(1800)  # half a minute on two free cores; a machine that is shared takes its time
def test_that_a_thousand_random_acts_leave_label_map_history_counts_and_store_consistent(
    qapp: QApplication, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workbench = make_study(tmp_path / "study", scans=3)
    bridge = Bridge(workbench)
    page = ReviewPage(workbench, bridge)
    qtbot.addWidget(page)
    page.resize(900, 500)
    page.show()
    try:
        qtbot.waitUntil(lambda: len(page.worklist.rows) == 3)
        page.open_scan(page.worklist.rows[0].id)
        qtbot.waitUntil(lambda: page.session.case is not None)
        reader = Reader(page, workbench, qtbot, seed=20)
        answers = {"save": QMessageBox.StandardButton.Save, "discard": QMessageBox.StandardButton.Discard}
        monkeypatch.setattr("ctworkbench.ui.review.ask_about_unsaved", lambda *_: answers[reader.unsaved])
        names = list(WEIGHTS)
        shares = np.array(list(WEIGHTS.values())) / sum(WEIGHTS.values())
        for _ in range(ACTS):
            name = str(reader.chance.choice(names, p=shares))
            reader.act(name)
            reader.check(name)
        assert page.view.labels.shape == SHAPE
        assert set(reader.done) == set(WEIGHTS)
        assert sum(reader.versions.values()) > 10
        assert workbench.verify() == []
        assert reader.steps > ACTS / 5
        if page.session.dirty:
            page.session.discard_edits()
    finally:
        page.dispose()
        bridge.close()
        workbench.close()
