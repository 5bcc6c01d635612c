"""Slices of a validation case while the network learns: two small files, newest and best, left on the left."""

from pathlib import Path

import numpy as np

from ctworkbench.core.jobs import JobContext
from ctworkbench.core.training import BEST_EXAMPLE, NEWEST_EXAMPLE, TrainCase
from ctworkbench.core.volume import Grid
from ctworkbench.train.course import TrainParams
from ctworkbench.train.data import NetworkImage, Prepared
from ctworkbench.train.examples import keep_example
from ctworkbench.train.loop import train
from tests.train.heads import TINY, make_head


def test_that_a_training_leaves_slices_of_its_newest_and_its_best_epoch(tmp_path: Path) -> None:
    heads = [make_head(tmp_path / "heads", number) for number in range(3)]
    cases = tuple(head.case("train" if place < 2 else "validation") for place, head in enumerate(heads))
    (tmp_path / "job").mkdir()
    result = train(TrainParams(cases=cases, settings=TINY, epochs=3), JobContext(tmp_path / "job"))
    dice = [epoch["dice_validation"] for epoch in result.history]
    with np.load(tmp_path / "job" / NEWEST_EXAMPLE, allow_pickle=False) as kept:
        assert (str(kept["subject"]), int(kept["epoch"])) == ("H02", 3)
        assert float(kept["dice"]) == dice[-1]
        assert kept["axial_image"].shape == kept["axial_truth"].shape == kept["axial_prediction"].shape
        assert kept["sagittal_truth"].max() <= 10
    with np.load(tmp_path / "job" / BEST_EXAMPLE, allow_pickle=False) as kept:
        assert float(kept["dice"]) == max(dice)
    assert sum(path.stat().st_size for path in (tmp_path / "job").glob("example_*.npz")) < 200_000


def test_that_slices_lie_along_the_patients_axes_however_the_grid_runs(tmp_path: Path) -> None:
    target = np.zeros((20, 16, 12), np.uint8)
    target[3:6, 2:14, 2:10] = 1  # towards the end that the first axis begins at: the patient's left on this grid
    affine = np.diag([2.0, -2.0, 2.0, 1.0])
    view = NetworkImage(target.astype(np.float32), Grid((20, 16, 12), affine), (40.0, 32.0, 24.0))
    case = TrainCase(
        subject="H", image=Path("i"), brain=Path("b"), labels=Path("l"), role="validation", label_kind="pseudo"
    )
    keep_example(tmp_path, Prepared(case, view, target), target, 1, 0.5, best=False)
    assert not (tmp_path / BEST_EXAMPLE).exists()
    with np.load(tmp_path / NEWEST_EXAMPLE, allow_pickle=False) as kept:
        left = np.argwhere(kept["axial_truth"] == 1)[:, 0]
        assert left.max() < 10  # RAS: index 0 of the first axis is the patient's left
        assert kept["coronal_truth"].shape == (20, 12)
        np.testing.assert_array_equal(kept["axial_truth"], kept["axial_prediction"])


def test_that_a_picture_that_cannot_be_written_stops_no_training(tmp_path: Path, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("ctworkbench.train.examples.write_whole", full)
    view = NetworkImage(np.ones((4, 4, 4), np.float32), Grid((4, 4, 4), np.eye(4)), (4.0, 4.0, 4.0))
    case = TrainCase(subject="H", image=Path("i"), brain=Path("b"), labels=Path("l"), role="validation")
    ones = np.ones((4, 4, 4), np.uint8)
    keep_example(tmp_path, Prepared(case, view, ones), ones, 1, 0.5, best=True)
    assert not list(tmp_path.iterdir())
