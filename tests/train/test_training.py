"""Training learns, tells of itself, stops when asked, and goes on exactly where it was cut off."""

import errno
import hashlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from ctworkbench.core.errors import JobCancelled, WorkbenchError
from ctworkbench.core.jobs import JobContext, read_events
from ctworkbench.core.training import TrainAnswer, TrainCase
from ctworkbench.train import checkpoint, loop
from ctworkbench.train.course import TrainParams
from ctworkbench.train.loop import train
from ctworkbench.train.memory import gpu_alone
from ctworkbench.train.networks.resunet import ResUNet
from ctworkbench.train.outcome import TrainResult
from ctworkbench.train.predict import pick_device
from ctworkbench.train.preset import load_preset
from tests.train.heads import TINY, make_head

ROLES = ("train", "train", "train", "train", "validation", "validation")


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainCase, ...]:
    """Four heads to train on, two to validate on."""
    folder = tmp_path_factory.mktemp("heads")
    return tuple(make_head(folder, number).case(role) for number, role in enumerate(ROLES))


@pytest.fixture(scope="module")
def trained(cases: tuple[TrainCase, ...], tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainResult, Path]:
    """A short training, and its folder."""
    folder = tmp_path_factory.mktemp("trained")
    return train(TrainParams(cases=cases, settings=TINY, epochs=3), JobContext(folder)), folder


class Interrupted(JobContext):
    """A context whose user cancels at the n-th question."""

    def __init__(self, folder: Path, after: int) -> None:
        super().__init__(folder)
        self.left = after

    def check(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise JobCancelled


def test_that_training_beats_chance_by_far_on_heads_it_has_not_seen(cases, tmp_path: Path) -> None:
    settings = TINY.model_copy(update={"channels": (8, 12, 16), "epochs": 25})
    result = train(TrainParams(cases=cases, settings=settings), JobContext(tmp_path))
    assert result.dice_validation > 0.7  # a map of random codes reaches 0.1
    assert len(result.dice_validation_regions) == 10
    assert result.history[-1]["loss"] < 0.6 * result.history[0]["loss"]


def test_that_every_epoch_is_told_as_it_ends(trained) -> None:
    result, folder = trained
    events = list(read_events(folder / "events.jsonl"))
    metrics = [event.values for event in events if event.kind == "metric"]
    assert [values["epoch"] for values in metrics] == [1, 2, 3]
    assert {"loss", "dice_train", "dice_validation", "dice_validation_left_frontal"} <= set(metrics[0])
    assert [values["loss"] for values in metrics] == [epoch["loss"] for epoch in result.history]
    told = [event.message for event in events if event.kind == "progress"]
    assert any("Epoch 2 of 3, validation Dice" in message and "left" in message for message in told)


def test_that_the_result_says_where_the_model_comes_from(trained) -> None:
    result, _ = trained
    assert hashlib.sha256(result.weights.read_bytes()).hexdigest() == result.weights_sha256
    assert (result.seed, result.fold, result.device, result.threads) == (1, None, "cpu", 1)
    assert result.roles == {f"H{number:02d}": role for number, role in enumerate(ROLES)}
    assert result.label_kind == "pseudo"
    assert result.validation[0].title == "Agreement with pseudo-labels (Dice)"
    assert result.validation[0].n == 2
    assert result.dice_test is None
    TrainAnswer.model_validate_json(result.model_dump_json())


def test_that_a_training_cut_off_in_an_epoch_ends_with_the_same_weights(cases, trained, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(loop, "_SAVE_EVERY_SECONDS", 0.0)
    params = TrainParams(cases=cases, settings=TINY, epochs=3)
    # questions: six to prepare, then two a step (of two), two to validate, two to tell
    with pytest.raises(JobCancelled):
        train(params, Interrupted(tmp_path, after=6 + 9 + 3))
    assert (tmp_path / "checkpoint.safetensors").exists()
    assert not (tmp_path / "weights.safetensors").exists()
    result = train(params, JobContext(tmp_path))
    whole, _ = trained
    assert result.weights_sha256 == whole.weights_sha256
    assert result.history == whole.history


def test_that_a_training_killed_outright_ends_with_the_same_weights(cases, trained, tmp_path: Path) -> None:
    params = TrainParams(cases=cases, settings=TINY, epochs=3)
    (tmp_path / "params.json").write_text(params.model_dump_json())
    script = (
        "import os, signal, sys; from pathlib import Path\n"
        "from ctworkbench.core.jobs import JobContext; from ctworkbench.train.loop import train\n"
        "from ctworkbench.train.course import TrainParams\n"
        "folder = Path(sys.argv[1])\n"
        "class Killed(JobContext):\n"
        "    def metric(self, **values):\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "train(TrainParams.model_validate_json((folder / 'params.json').read_text()), Killed(folder))\n"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], cwd=root, env=dict(os.environ), check=False)
    assert done.returncode == -signal.SIGKILL
    assert not (tmp_path / "weights.safetensors").exists()
    result = train(params, JobContext(tmp_path))
    assert result.weights_sha256 == trained[0].weights_sha256


def test_that_a_finished_training_is_not_trained_again(cases, trained) -> None:
    result, folder = trained
    again = train(TrainParams(cases=cases, settings=TINY, epochs=3), JobContext(folder))
    assert again.weights_sha256 == result.weights_sha256
    assert again.seconds == result.seconds


def test_that_a_training_goes_on_in_a_study_that_was_moved(cases, trained, tmp_path: Path) -> None:
    result, folder = trained
    moved: list[TrainCase] = []
    for case in cases:
        files = {name: getattr(case, name) for name in ("image", "brain", "labels")}
        for path in files.values():
            shutil.copy(path, tmp_path / path.name)
        moved.append(case.model_copy(update={name: tmp_path / path.name for name, path in files.items()}))
    shutil.copytree(folder, tmp_path / "job")
    prepared = sorted((tmp_path / "job" / "prepared").iterdir())
    again = train(TrainParams(cases=tuple(moved), settings=TINY, epochs=3), JobContext(tmp_path / "job"))
    assert (again.weights_sha256, again.seconds) == (result.weights_sha256, result.seconds)
    assert sorted((tmp_path / "job" / "prepared").iterdir()) == prepared  # nothing was prepared anew


def test_that_a_checkpoint_of_other_parameters_is_refused(cases, trained) -> None:
    _, folder = trained
    with pytest.raises(WorkbenchError, match="another training"):
        train(TrainParams(cases=cases, settings=TINY, epochs=3, seed=2), JobContext(folder))


def test_that_a_broken_checkpoint_is_refused_by_name(cases, tmp_path: Path) -> None:
    (tmp_path / "checkpoint.safetensors").write_bytes(b"\x80\x04 a pickle, say")
    with pytest.raises(WorkbenchError, match=r"checkpoint\.safetensors cannot be read"):
        train(TrainParams(cases=cases, settings=TINY), JobContext(tmp_path))


def test_that_cancelling_is_heard_before_the_next_step(cases, tmp_path: Path) -> None:
    (tmp_path / "CANCEL").touch()
    with pytest.raises(JobCancelled):
        train(TrainParams(cases=cases, settings=TINY), JobContext(tmp_path))


def test_that_the_seed_changes_the_weights(cases, trained, tmp_path: Path) -> None:
    other = train(TrainParams(cases=cases, settings=TINY, epochs=1, seed=2), JobContext(tmp_path))
    assert other.weights_sha256 != trained[0].weights_sha256


def test_that_scans_of_test_subjects_are_not_opened(cases, tmp_path: Path) -> None:
    nowhere = Path("nowhere.nii.gz")
    locked = TrainCase(subject="T1", image=nowhere, brain=nowhere, labels=nowhere, role="test")
    result = train(TrainParams(cases=(*cases, locked), settings=TINY, epochs=1), JobContext(tmp_path))
    assert result.roles["T1"] == "test"
    assert "T1" not in [case.subject for case in result.validation[0].cases]


def test_that_a_fold_holds_out_other_subjects(cases, tmp_path: Path) -> None:
    results = [
        train(TrainParams(cases=cases, settings=TINY, epochs=1, fold=fold), JobContext(tmp_path / str(fold)))
        for fold in range(2)
        if not (tmp_path / str(fold)).mkdir()
    ]
    held_out = [{case.subject for case in result.validation[0].cases} for result in results]
    assert held_out[0] | held_out[1] == {case.subject for case in cases}
    assert not held_out[0] & held_out[1]


def test_that_a_region_which_no_label_map_holds_is_named(tmp_path: Path) -> None:
    codes = (1, 2, 3, 4, 5, 6, 7, 8, 9)
    cases = tuple(make_head(tmp_path, n, codes).case(role) for n, role in enumerate(("train", "train", "validation")))
    with pytest.raises(WorkbenchError, match="No training label map holds Brainstem"):
        train(TrainParams(cases=cases, settings=TINY), JobContext(tmp_path))


def test_that_a_loss_which_is_no_number_stops_the_training(cases, tmp_path: Path) -> None:
    wild = TINY.model_copy(update={"learning_rate": 1e30, "schedule": "constant", "epochs": 5})
    with pytest.raises(WorkbenchError, match="no longer a number in epoch"):
        train(TrainParams(cases=cases, settings=wild), JobContext(tmp_path))


def test_that_the_paper_preset_carries_the_settings_of_the_article() -> None:
    paper = load_preset("paper")
    assert (paper.optimizer, paper.learning_rate, paper.schedule) == ("adam", 1e-5, "constant")
    assert (paper.loss, paper.balanced, paper.batch) == ("cross-entropy", False, 4)
    assert (paper.epochs, paper.folds, paper.spacing_mm, paper.kernel) == (200, 5, 1.0, (3, 3, 3))
    assert paper.augmentation.flip == 0.5
    assert paper.augmentation.rotation_degrees > 0


WIDE = TINY.model_copy(
    update={
        "patch": 16,
        "average": 0.9,
        "clip": 1.0,
        "augmentation": TINY.augmentation.model_copy(update={"blur": 1.0, "slices_mm": 12.0, "elastic_mm": 3.0}),
    }
)


def test_that_a_paused_training_goes_on_from_its_very_step(cases, tmp_path: Path) -> None:
    params = TrainParams(cases=cases, settings=WIDE, epochs=3)
    for name in ("whole", "paused"):
        (tmp_path / name).mkdir()
    whole = train(params, JobContext(tmp_path / "whole"))
    for after in (11, 8, 7):  # each time within an epoch; nothing but the pause writes a checkpoint there
        with pytest.raises(JobCancelled):
            train(params, Interrupted(tmp_path / "paused", after))
    result = train(params, JobContext(tmp_path / "paused"))
    assert result.weights_sha256 == whole.weights_sha256
    assert result.history == whole.history


def test_that_a_pause_while_validating_costs_no_step(cases, tmp_path: Path, monkeypatch) -> None:
    params = TrainParams(cases=cases, settings=TINY, epochs=1)

    def paused(*_: object) -> dict[str, float]:
        raise JobCancelled

    with monkeypatch.context() as patched, pytest.raises(JobCancelled):
        patched.setattr(loop, "dice_on_network_grid", paused)
        train(params, JobContext(tmp_path))

    def again(*_: object) -> None:
        raise AssertionError("a step was taken again")

    monkeypatch.setattr(loop, "_step", again)
    assert len(train(params, JobContext(tmp_path)).history) == 1


def test_that_the_average_of_the_weights_is_what_is_kept(cases, tmp_path: Path) -> None:
    found: set[str] = set()
    for average in (0.0, 0.9):
        folder = tmp_path / str(average)
        folder.mkdir()
        settings = TINY.model_copy(update={"average": average})
        found.add(train(TrainParams(cases=cases, settings=settings), JobContext(folder)).weights_sha256)
    assert len(found) == 2


def test_that_a_step_too_large_for_the_memory_is_taken_in_smaller_bites(cases, tmp_path, monkeypatch) -> None:
    largest: list[int] = []
    forward = ResUNet.forward

    def tight(self: ResUNet, image: torch.Tensor) -> torch.Tensor:
        if self.training and image[:, 0].numel() > 40_000:
            raise torch.OutOfMemoryError("CUDA out of memory")
        if self.training:
            largest.append(image[:, 0].numel())
        return forward(self, image)

    monkeypatch.setattr(ResUNet, "forward", tight)
    settings = TINY.model_copy(update={"spacing_mm": 1.0})
    result = train(TrainParams(cases=cases, settings=settings, epochs=1), JobContext(tmp_path))
    assert max(largest) == 32**3
    told = [event.message for event in read_events(tmp_path / "events.jsonl") if event.kind == "progress"]
    said = [message.partition("going on with ")[2] for message in told if "memory was too small for a step" in message]
    assert said == ["one brain at a time", "cubes of 32 voxels a side"]
    assert len(result.history) == 1
    assert (result.settings.together, result.settings.patch) == (1, 32)
    assert "trained on cubes of 32 voxels a side instead of whole brains" in result.cautions[0]


def test_that_a_memory_which_holds_no_step_at_all_is_told(cases, tmp_path: Path, monkeypatch) -> None:
    def full(self: ResUNet, image: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(ResUNet, "forward", full)
    with pytest.raises(WorkbenchError, match="does not even hold a step"):
        train(TrainParams(cases=cases, settings=TINY), JobContext(tmp_path))


def test_that_a_full_disk_at_a_checkpoint_is_told_and_the_one_before_is_kept(cases, tmp_path, monkeypatch) -> None:
    params = TrainParams(cases=cases, settings=TINY, epochs=3)
    with pytest.raises(JobCancelled):
        train(params, Interrupted(tmp_path, after=6 + 9 + 3))
    before = (tmp_path / "checkpoint.safetensors").read_bytes()

    def full(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(checkpoint, "write_whole", full)
        with pytest.raises(WorkbenchError, match="cannot be written: the disk is full") as told:
            train(params, JobContext(tmp_path))
    assert "Make room" in told.value.remedy
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == before
    assert len(train(params, JobContext(tmp_path)).history) == 3


def test_that_a_network_which_lacks_the_presets_kernel_is_told(cases, tmp_path: Path) -> None:
    flat = TINY.model_copy(update={"kernel": (1, 3, 3)})
    with pytest.raises(WorkbenchError, match="The network segresnet cannot be made as paper133 asks"):
        train(TrainParams(cases=cases, network="segresnet", preset="paper133", settings=flat), JobContext(tmp_path))


@pytest.mark.parametrize("network", ["unet3d", "segresnet"])
def test_that_every_network_is_trained_alike(cases, network: str, tmp_path: Path) -> None:
    settings = TINY.model_copy(update={"channels": (8, 12, 16), "epochs": 12})
    result = train(TrainParams(cases=cases, network=network, settings=settings), JobContext(tmp_path))
    assert result.network == network
    assert result.history[-1]["loss"] < 0.8 * result.history[0]["loss"]


@pytest.mark.parametrize("name", ["best", "cpu"])
def test_that_the_wide_presets_take_their_steps(cases, name: str, tmp_path: Path) -> None:
    small = load_preset(name).model_copy(update={"spacing_mm": 3.0, "channels": (4, 6, 8), "patch": 24})
    result = train(TrainParams(cases=cases, preset=name, settings=small, epochs=2), JobContext(tmp_path))
    assert len(result.history) == 2


def test_that_the_paper_preset_takes_its_steps(cases, tmp_path: Path) -> None:
    coarse = load_preset("paper").model_copy(update={"spacing_mm": 4.0})  # all but the voxels, for time's sake
    result = train(TrainParams(cases=cases, preset="paper", settings=coarse, epochs=1, fold=4), JobContext(tmp_path))
    assert result.network_params["in_channels"] == 1
    assert 0 < result.history[0]["loss"] < 20
    assert result.fold == 4


def test_that_a_gpu_is_taken_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pick_device() == ("cuda" if torch.cuda.is_available() else "cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert pick_device() == "cuda"


def test_that_a_second_training_waits_for_the_gpu_and_can_be_cancelled_meanwhile(tmp_path: Path) -> None:
    lock = tmp_path / "gpu"
    with gpu_alone(JobContext(tmp_path), lock):
        (tmp_path / "second").mkdir()
        with pytest.raises(JobCancelled), gpu_alone(Interrupted(tmp_path / "second", after=2), lock):
            raise AssertionError("it has the GPU")
        (told,) = read_events(tmp_path / "second" / "events.jsonl")
        assert told.message == "Waits until the training that has the GPU has ended"
    with gpu_alone(JobContext(tmp_path), lock):
        assert not (tmp_path / "events.jsonl").exists()
