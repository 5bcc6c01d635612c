"""Dice is told apart by what it was measured against."""

from pathlib import Path

import numpy as np
import pytest

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.jobs import JobContext
from ctworkbench.core.volume import Volume, write_nifti
from ctworkbench.train.evaluate import EvaluateCase, EvaluateParams, evaluate


def written(path: Path, voxels: np.ndarray, affine: np.ndarray | None = None) -> Path:
    """A label map on disk."""
    write_nifti(Volume(voxels.astype(np.uint8), np.eye(4) if affine is None else affine), path)
    return path


@pytest.fixture
def half(tmp_path: Path) -> tuple[Path, Path]:
    """A prediction that has found half of region 1, all of region 2, and nothing else."""
    truth = np.zeros((8, 8, 8))
    truth[:4] = 1
    truth[4:] = 2
    found = truth.copy()
    found[:2] = 0
    return written(tmp_path / "found.nii.gz", found), written(tmp_path / "truth.nii.gz", truth)


def test_that_dice_is_by_region_and_absent_regions_are_left_out(half, tmp_path: Path) -> None:
    case = EvaluateCase(subject="P1", predicted=half[0], truth=half[1], label_kind="pseudo")
    (found,) = evaluate(EvaluateParams(cases=(case,)), JobContext(tmp_path)).agreements
    assert found.regions == pytest.approx({"right_frontal": 2 / 3, "left_frontal": 1.0})
    assert found.mean == pytest.approx(5 / 6)
    assert found.sd is None
    assert found.title == "Agreement with pseudo-labels (Dice)"


def test_that_agreement_with_pseudo_labels_is_never_mixed_with_expert_labels(half, tmp_path: Path) -> None:
    cases = (
        EvaluateCase(subject="P1", predicted=half[0], truth=half[1], label_kind="pseudo"),
        EvaluateCase(subject="P2", predicted=half[1], truth=half[1], label_kind="pseudo"),
        EvaluateCase(subject="P3", predicted=half[1], truth=half[1], label_kind="expert"),
    )
    expert, pseudo = evaluate(EvaluateParams(cases=cases), JobContext(tmp_path)).agreements
    assert (expert.title, expert.n, expert.mean) == ("Dice against expert labels", 1, 1.0)
    assert (pseudo.n, pseudo.mean) == (2, pytest.approx(11 / 12))
    assert pseudo.sd == pytest.approx(np.std([5 / 6, 1], ddof=1))
    assert [case.subject for case in pseudo.cases] == ["P1", "P2"]


def test_that_maps_on_two_grids_are_refused_by_subject(half, tmp_path: Path) -> None:
    moved = written(tmp_path / "moved.nii.gz", np.ones((8, 8, 8)), np.diag([1.0, 1, 2, 1]))
    case = EvaluateCase(subject="P1", predicted=moved, truth=half[1], label_kind="expert")
    with pytest.raises(WorkbenchError, match="P1: the label map and its truth lie on different grids"):
        evaluate(EvaluateParams(cases=(case,)), JobContext(tmp_path))


def test_that_nothing_to_evaluate_is_said(tmp_path: Path) -> None:
    with pytest.raises(WorkbenchError, match="no label map to evaluate"):
        evaluate(EvaluateParams(cases=()), JobContext(tmp_path))
