"""Saving and judging label maps: nothing is overwritten, the second of two saves fails, a crash loses nothing."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ctworkbench.core.errors import ConflictError, WorkbenchError
from ctworkbench.core.settings import Settings
from ctworkbench.core.volume import Volume
from ctworkbench.core.workbench import Changes, Origin, Verdict, Workbench
from tests.core.heads import labels_of, study_with_heads


@pytest.fixture
def study(tmp_path: Path) -> Iterator[Workbench]:
    with study_with_heads(tmp_path) as workbench:
        yield workbench


def drawn(study: Workbench, extra: int = 0) -> Volume:
    """A label map of scan 1 that differs by `extra` voxels."""
    labels = labels_of(study.cohort.image(1))
    voxels = labels.voxels.copy()
    voxels.flat[:extra] = 3
    return Volume(voxels, labels.affine)


def test_that_a_label_map_can_be_drawn_from_nothing_and_corrected(study: Workbench) -> None:
    first = study.review.save(1, None, drawn(study))
    second = study.review.save(1, first.id, drawn(study, 5), author="Dr B", comment="edge")
    assert [(row.version, row.author) for row in study.review.annotations(1)] == [(2, "Dr B"), (1, "reader")]
    assert second.origin is Origin.EXPERT
    assert np.array_equal(study.review.labels(first.id).voxels, drawn(study).voxels)
    assert np.array_equal(study.review.labels(second.id).voxels, drawn(study, 5).voxels)


def test_that_a_second_save_of_the_same_version_fails_and_loses_nothing(study: Workbench) -> None:
    first = study.review.save(1, None, drawn(study))
    second = study.review.save(1, first.id, drawn(study, 1))
    with pytest.raises(ConflictError, match="Version 2 was drawn"):
        study.review.save(1, first.id, drawn(study, 2))
    assert [row.id for row in study.review.annotations(1)] == [second.id, first.id]
    assert study.verify() == []


def test_that_of_many_simultaneous_saves_one_wins(study: Workbench) -> None:
    first = study.review.save(1, None, drawn(study))
    outcomes: list[str] = []

    def save(extra: int) -> None:
        with Workbench.open(study.folder, Settings(author=f"reader {extra}")) as other:
            try:
                other.review.save(1, first.id, drawn(other, extra))
                outcomes.append("saved")
            except ConflictError:
                outcomes.append("refused")

    threads = [threading.Thread(target=save, args=(extra,)) for extra in range(1, 6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["refused"] * 4 + ["saved"]
    assert len(study.review.annotations(1)) == 2


def test_that_a_label_map_of_another_grid_or_with_unknown_codes_is_refused(study: Workbench) -> None:
    labels = drawn(study)
    with pytest.raises(WorkbenchError, match="does not fit"):
        study.review.save(1, None, Volume(labels.voxels[1:], labels.affine))
    flipped = labels.affine @ np.diag([-1, 1, 1, 1])
    with pytest.raises(WorkbenchError, match="does not fit"):
        study.review.save(1, None, Volume(labels.voxels, flipped))
    wrong = labels.voxels.copy()
    wrong[0, 0, 0] = 77
    with pytest.raises(WorkbenchError, match="77"):
        study.review.save(1, None, Volume(wrong, labels.affine))
    assert study.review.annotations(1) == []


def test_that_the_current_version_is_the_newest_accepted_or_else_the_newest_not_rejected(study: Workbench) -> None:
    first = study.review.save(1, None, drawn(study))
    second = study.review.save(1, first.id, drawn(study, 1))
    third = study.review.save(1, second.id, drawn(study, 2))

    def current() -> int | None:
        row = study.review.current(1)
        return row.version if row else None

    assert current() == 3
    study.review.judge(third.id, Verdict.REJECT)
    assert current() == 2
    study.review.judge(first.id, Verdict.ACCEPT)
    assert current() == 1
    study.review.judge(first.id, Verdict.NEEDS_EDITS, comment="on second thought")
    assert current() == 2
    assert [row.verdict for row in study.review.reviews(first.id)] == [Verdict.ACCEPT, Verdict.NEEDS_EDITS]


def test_that_a_verdict_needs_a_label_map_and_a_grade_of_one_to_five(study: Workbench) -> None:
    with pytest.raises(WorkbenchError, match="no label map 99"):
        study.review.judge(99, Verdict.ACCEPT)
    with pytest.raises(WorkbenchError, match="S1 has no label map"):
        study.review.judge_subject("S1", Verdict.ACCEPT)
    row = study.review.save(1, None, drawn(study))
    with pytest.raises(WorkbenchError, match="grade 6"):
        study.review.judge(row.id, Verdict.ACCEPT, grade=6)


def test_that_every_write_says_once_what_changed_and_who_asked(study: Workbench) -> None:
    heard: list[tuple[Changes, object]] = []
    study.changed.connect(lambda changes, initiator: heard.append((changes, initiator)))
    row = study.review.save(1, None, drawn(study), initiator="me")
    study.review.judge(row.id, Verdict.ACCEPT, initiator="me")
    assert heard == [(Changes(annotations=True), "me"), (Changes(reviews=True), "me")]


_SAVER = """
import sys
from pathlib import Path
from ctworkbench.core.settings import Settings
from ctworkbench.core.volume import Volume
from ctworkbench.core.workbench import Workbench
import numpy as np
with Workbench.open(Path(sys.argv[1]), Settings(author="killed")) as study:
    image = study.cohort.image(1)
    parent, count = study.review.annotations(1)[0].id, 0
    print("ready", flush=True)
    while True:
        voxels = np.random.default_rng().integers(0, 11, image.voxels.shape).astype(np.uint8)
        parent = study.review.save(1, parent, Volume(voxels, image.affine)).id
        count += 1
        print(count, flush=True)
"""


def test_that_a_kill_during_a_save_leaves_every_earlier_version_intact(study: Workbench) -> None:
    study.review.save(1, None, drawn(study))
    chance = random.Random(3)
    told = 1
    for _ in range(6):
        before = len(study.review.annotations(1))
        saver = subprocess.Popen([sys.executable, "-c", _SAVER, study.folder], stdout=subprocess.PIPE, text=True)
        assert saver.stdout is not None
        assert saver.stdout.readline() == "ready\n"
        time.sleep(chance.uniform(0.02, 0.3))
        os.kill(saver.pid, signal.SIGKILL)
        lines = saver.stdout.read().splitlines()
        saver.wait()
        saver.stdout.close()
        told = before + (int(lines[-1]) if lines else 0)
        with Workbench.open(study.folder, Settings()) as again:
            versions = [row.version for row in again.review.annotations(1)]
            assert again.verify() == []
        assert versions == list(range(len(versions), 0, -1))
        assert len(versions) >= told


def test_that_an_older_version_can_be_corrected_when_nobody_has_done_so(study: Workbench) -> None:
    first = study.review.save(1, None, drawn(study))
    second = study.review.save(1, first.id, drawn(study, 1))
    third = study.review.save(1, second.id, drawn(study, 2))
    study.review.judge(second.id, Verdict.ACCEPT)
    with pytest.raises(ConflictError, match="Version 3"):
        study.review.save(1, second.id, drawn(study, 3))
    assert study.review.save(1, third.id, drawn(study, 3)).parent_id == third.id


def test_that_a_scan_whose_label_maps_were_all_rejected_says_so(study: Workbench) -> None:
    row = study.review.save(1, None, drawn(study))
    assert study.cohort.scan(1).unread == 1
    study.review.judge(row.id, Verdict.REJECT)
    scan = study.cohort.scan(1)
    assert (scan.verdict, scan.origin, scan.unread) == (Verdict.REJECT, Origin.EXPERT, 0)
    assert study.review.current(1) is None
