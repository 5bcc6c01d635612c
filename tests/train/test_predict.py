"""Segmentation answers on the scan's own grid, with left on the left, and only with the weights it was told of."""

from pathlib import Path

import numpy as np
import pytest

from ctworkbench.core import schemes
from ctworkbench.core.errors import VolumeError, WorkbenchError
from ctworkbench.core.jobs import JobContext
from ctworkbench.core.label_maps import dice
from ctworkbench.core.training import SegmentCase, SegmentModel, SegmentRequest
from ctworkbench.core.volume import Grid, Volume, read_grid, read_nifti, write_nifti
from ctworkbench.train.checkpoint import load_weights, save_weights
from ctworkbench.train.course import TrainParams
from ctworkbench.train.data import NetworkImage, network_image
from ctworkbench.train.inference import eager
from ctworkbench.train.loop import train
from ctworkbench.train.outcome import TrainResult
from ctworkbench.train.predict import brain_on, build_network, class_probabilities, label_scan, segment
from tests.train.heads import TINY, Head, make_head

SCHEME = schemes.load()


@pytest.fixture(scope="module")
def heads(tmp_path_factory: pytest.TempPathFactory) -> list[Head]:
    """Five heads: three to train on, one to validate on, one never seen."""
    folder = tmp_path_factory.mktemp("heads")
    return [make_head(folder, number) for number in range(5)]


@pytest.fixture(scope="module")
def model(heads: list[Head], tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    """A model good enough to tell left from right."""
    cases = tuple(head.case("train" if i < 3 else "validation") for i, head in enumerate(heads[:4]))
    settings = TINY.model_copy(update={"channels": (8, 12, 16), "epochs": 25})
    return train(TrainParams(cases=cases, settings=settings), JobContext(tmp_path_factory.mktemp("model")))


def request(model: TrainResult, heads: list[Head]) -> SegmentRequest:
    """What the study asks for; the label files serve as scans, since only their grid is read."""
    return SegmentRequest(
        cases=tuple(SegmentCase(key=h.subject, image=h.image, brain=h.brain, scan=h.labels) for h in heads),
        weights=model.weights,
        weights_sha256=model.weights_sha256,
        network=model.network,
        network_params=model.network_params,
        settings=model.settings.model_dump(mode="json"),
    )


def test_that_an_unseen_head_is_segmented_on_its_own_grid_with_left_on_the_left(heads, model, tmp_path: Path) -> None:
    result = segment(request(model, [heads[4]]), JobContext(tmp_path))
    labels = read_nifti(result.cases[0].labels)
    truth = heads[4].truth
    assert labels.voxels.dtype == np.uint8
    assert labels.grid.matches(truth.grid)
    overlap = dice(labels.voxels, truth.voxels, SCHEME.codes)
    assert np.mean(list(overlap.values())) > 0.65
    for right, left in SCHEME.pairs:
        x = {
            region.code: (labels.affine[:3, :3] @ np.argwhere(labels.voxels == region.code).mean(0))[0]
            for region in (right, left)
        }
        assert x[right.code] > x[left.code] + 10
    assert 0.2 < result.cases[0].scores["mean_probability"] <= 1
    assert result.cases[0].scores["missing_regions"] == 0
    assert (result.cases[0].windows, result.cases[0].device) == (False, "cpu")


def test_that_several_scans_go_through_one_job_and_done_ones_are_not_done_again(heads, model, tmp_path: Path) -> None:
    first = segment(request(model, [heads[3]]), JobContext(tmp_path))
    written = first.cases[0].labels.stat().st_mtime_ns
    both = segment(request(model, heads[3:5]), JobContext(tmp_path))
    assert [case.key for case in both.cases] == ["H03", "H04"]
    assert both.cases[0].labels.stat().st_mtime_ns == written
    assert both.cases[0] == first.cases[0]


def test_that_weights_with_another_hash_are_refused(heads, model, tmp_path: Path) -> None:
    changed = tmp_path / "weights.safetensors"
    content = bytearray(model.weights.read_bytes())
    content[-1] ^= 1
    changed.write_bytes(content)
    asked = request(model, [heads[4]]).model_copy(update={"weights": changed})
    with pytest.raises(WorkbenchError, match=r"weights\.safetensors have the hash"):
        segment(asked, JobContext(tmp_path))
    with pytest.raises(WorkbenchError, match=r"gone\.safetensors are missing"):
        segment(asked.model_copy(update={"weights": tmp_path / "gone.safetensors"}), JobContext(tmp_path))


def test_that_weights_of_another_network_are_refused(heads, model, tmp_path: Path) -> None:
    wider = {**model.network_params, "channels": (8, 12, 20)}
    with pytest.raises(WorkbenchError, match="do not fit the network"):
        segment(
            request(model, [heads[4]]).model_copy(update={"network_params": wider}),
            JobContext(tmp_path),
        )


def probabilities_of(codes: np.ndarray) -> np.ndarray:
    """Certain probabilities (11, x, y, z) of a map of codes."""
    return np.stack([(codes == number) for number in range(11)]).astype(np.float32)


def test_that_islands_and_all_outside_the_brain_are_removed() -> None:
    codes = np.zeros((24, 24, 24), dtype=np.uint8)
    codes[2:12, 2:22, 2:22] = 1
    codes[12:22, 2:22, 2:22] = 2
    codes[16:18, 10:12, 10:12] = 1  # an island of the first region within the second
    grid = Grid((24, 24, 24), np.eye(4))
    brain = Volume(np.ones((24, 24, 24), dtype=np.uint8), np.eye(4))
    brain.voxels[:, :6] = 0
    view = NetworkImage(brain.voxels.astype(np.float32), grid, (24.0, 24.0, 24.0))
    labels, scores = label_scan(probabilities_of(codes), view, brain, grid, SCHEME)
    assert not labels.voxels[:, :6].any()
    assert (labels.voxels[16:18, 10:12, 10:12] == 2).all()
    assert scores["removed_fraction"] == pytest.approx(8 / (20 * 16 * 20))
    assert scores["missing_regions"] == 8
    assert scores["mean_probability"] == 1


def test_that_a_sheared_scan_gets_its_labels_at_the_right_place() -> None:
    codes = np.zeros((30, 30, 30), dtype=np.uint8)
    codes[4:15, 4:26, 4:26] = 2
    codes[15:26, 4:26, 4:26] = 1
    brain = Volume((codes > 0).astype(np.uint8), np.eye(4))
    grid = Grid((30, 30, 30), np.eye(4))
    tilted = np.array([[-1.0, 0, 0, 29], [0, 1, 0.4, -4], [0, 0, 1, 0], [0, 0, 0, 1]])
    own = Grid((30, 30, 30), tilted)
    view = NetworkImage(brain.voxels.astype(np.float32), grid, (22.0, 22.0, 22.0))
    labels, _ = label_scan(probabilities_of(codes), view, brain, own, SCHEME)
    world = np.argwhere(labels.voxels == 1) @ tilted[:3, :3].T + tilted[:3, 3]
    assert world[:, 0].min() >= 14
    np.testing.assert_allclose(world.mean(0)[0], 20, atol=0.6)
    assert (labels.voxels > 0).sum() == pytest.approx(22**3, rel=0.04)


def test_that_the_grid_of_a_scan_is_read_from_its_header_alone(tmp_path: Path) -> None:
    affine = np.diag([-0.5, 0.5, 5.0, 1.0])
    path = tmp_path / "scan.nii"
    write_nifti(Volume(np.zeros((12, 10, 4), dtype=np.int16), affine), path)
    path.write_bytes(path.read_bytes()[:400])  # voxels cut off
    assert read_grid(path).matches(Grid((12, 10, 4), affine))
    with pytest.raises(VolumeError, match=r"gone\.nii cannot be read"):
        read_grid(tmp_path / "gone.nii")


def test_that_several_networks_label_by_the_mean_of_their_answers(heads, model, tmp_path: Path) -> None:
    alone = request(model, [heads[4]])
    twice = alone.model_copy(
        update={"others": (SegmentModel(**alone.model_dump(include=set(SegmentModel.model_fields))),)}
    )
    folders = [tmp_path / name for name in ("one", "two", "mixed")]
    for folder in folders:
        folder.mkdir()
    one, two = (segment(asked, JobContext(where)) for where, asked in zip(folders, (alone, twice), strict=False))
    np.testing.assert_array_equal(read_nifti(one.cases[0].labels).voxels, read_nifti(two.cases[0].labels).voxels)
    assert (one.cases[0].passes, two.cases[0].passes) == (2, 4)  # each network also of the mirrored head
    fresh = build_network(model.network, model.network_params)
    weights = tmp_path / "fresh.safetensors"
    sha256 = save_weights(weights, fresh, {})
    other = SegmentModel(**{**dict(twice.others[0]), "weights": weights, "weights_sha256": sha256})
    view = network_image(read_nifti(heads[4].image), read_nifti(heads[4].brain), model.settings, "H04")
    answers: list[np.ndarray] = []
    for used in (alone, other):
        network = build_network(used.network, used.network_params)
        load_weights(used.weights, used.weights_sha256, network)
        answers.append(class_probabilities(eager(network.eval(), "cpu"), view, model.settings, SCHEME))
    mixed = segment(alone.model_copy(update={"others": (other,)}), JobContext(folders[2])).cases[0]
    brain, own = read_nifti(heads[4].brain), read_grid(heads[4].labels)
    wanted, _ = label_scan((answers[0] + answers[1]) / 2, view, brain, own, SCHEME)
    differ = np.count_nonzero(read_nifti(mixed.labels).voxels != wanted.voxels)
    assert differ <= 1e-3 * np.count_nonzero(wanted.voxels)  # OpenVINO rounds otherwise than torch
    assert mixed.scores["uncertainty"] > one.cases[0].scores["uncertainty"]  # a network that knows nothing joined


def test_that_uncertainty_lies_on_the_scans_own_grid_within_the_brain(heads, model, tmp_path: Path) -> None:
    (case,) = segment(request(model, [heads[4]]), JobContext(tmp_path)).cases
    assert case.uncertainty is not None
    found, labels = read_nifti(case.uncertainty), read_nifti(case.labels)
    assert found.voxels.dtype == np.uint8
    assert found.grid.matches(labels.grid)
    assert 0 < found.voxels.max() <= 100
    brain = brain_on(read_nifti(heads[4].brain), labels.grid)
    assert not found.voxels[brain.voxels == 0].any()
    assert found.voxels[labels.voxels > 0].mean() == pytest.approx(case.scores["uncertainty"])
    wrong = (labels.voxels != heads[4].truth.voxels) & (labels.voxels > 0)
    right = (labels.voxels == heads[4].truth.voxels) & (labels.voxels > 0)
    assert found.voxels[wrong].mean() > found.voxels[right].mean()


def test_that_flips_that_are_asked_for_count_as_answers(heads, model, tmp_path: Path) -> None:
    asked = request(model, [heads[4]]).model_copy(update={"flips": False})
    assert segment(asked, JobContext(tmp_path)).cases[0].passes == 1
