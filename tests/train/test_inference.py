"""OpenVINO, windows and torch give one answer; nothing leaves the machine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from ctworkbench.train import inference
from ctworkbench.train.inference import eager, in_windows, prepare_answer
from ctworkbench.train.networks import resunet


@pytest.fixture(scope="module")
def network() -> nn.Module:
    torch.manual_seed(1)
    return resunet.build(resunet.Params(channels=(4, 8, 12), in_channels=4)).eval()


def same(first: torch.Tensor, second: torch.Tensor) -> float:
    """Share of voxels with the same class."""
    return float((first.argmax(1) == second.argmax(1)).float().mean())


def test_that_openvino_answers_as_torch_does_for_heads_of_any_size(network: nn.Module) -> None:
    answer, plain = prepare_answer(network, "cpu", 1), eager(network, "cpu")
    for shape in ((20, 28, 24), (24, 24, 20), (17, 21, 19)):
        image = torch.randn(1, 4, *shape, generator=torch.Generator().manual_seed(2))
        assert answer(image).shape == (1, 11, *shape)
        assert same(answer(image), plain(image)) > 0.995


def test_that_an_answer_is_not_overwritten_by_the_next(network: nn.Module) -> None:
    answer = prepare_answer(network, "cpu", 1)
    first = answer(torch.zeros(1, 4, 16, 16, 16))
    assert not answer.windows
    kept = first.clone()
    answer(torch.ones(1, 4, 16, 16, 16))
    assert torch.equal(first, kept)


def test_that_torch_answers_where_openvino_is_missing(network: nn.Module, monkeypatch, caplog) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    image = torch.randn(1, 4, 16, 16, 16)
    assert torch.equal(prepare_answer(network, "cpu", 1)(image), eager(network, "cpu")(image))
    assert "openvino is not installed" in caplog.text


def test_that_a_head_too_large_for_the_memory_is_answered_in_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = nn.Conv3d(1, 3, 3, padding=1)
    image = torch.randn(1, 1, 20, 30, 24)
    monkeypatch.setattr(inference, "WINDOW", (16, 16, 16))
    asked: list[torch.Size] = []

    def whole(part: torch.Tensor) -> torch.Tensor:
        asked.append(part.shape[2:])
        return eager(layer, "cpu")(part)

    monkeypatch.setattr(inference, "_openvino", lambda network, threads: whole)
    monkeypatch.setattr(inference, "_room", lambda device: 1.0)
    answer = prepare_answer(layer, "cpu", 1)
    found = answer(image)
    assert answer.windows
    assert len(asked) > 1
    assert set(asked) == {torch.Size((16, 16, 16))}
    assert same(found, eager(layer, "cpu")(image)) > 0.9  # the edges of windows see less
    assert torch.allclose(found, in_windows(whole, image))


def test_that_nothing_is_told_to_the_makers_of_openvino() -> None:
    script = """
import socket, sys
def refuse(*arguments): raise AssertionError("a connection was opened")
socket.socket.connect = refuse
import torch
from ctworkbench.train.inference import prepare_answer
layer = torch.nn.Conv3d(1, 2, 3, padding=1).eval()
prepare_answer(layer, "cpu", 1)(torch.zeros(1, 1, 8, 8, 8))
assert "openvino" in sys.modules
loaded = [name for name, module in sys.modules.items() if name.startswith("openvino_telemetry") and module]
assert not loaded, loaded
"""
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=root, env=dict(os.environ), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
