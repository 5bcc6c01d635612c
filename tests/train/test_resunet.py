"""The network is the one the article counts, and takes any size of brain."""

import torch

from ctworkbench.train.networks.resunet import Params, build, counted_convolutions
from ctworkbench.train.preset import load_preset


def test_that_the_presets_have_27_convolutions() -> None:
    for name in ("demo", "paper", "paper133", "best", "cpu"):
        preset = load_preset(name)
        network = build(Params(channels=preset.channels, kernel=preset.kernel))
        assert counted_convolutions(network) == 27


def test_that_any_size_of_brain_comes_back_at_its_own_size() -> None:
    network = build(Params(channels=(2, 3, 4, 5, 6), in_channels=4, classes=11))
    for shape in ((36, 44, 40), (17, 23, 19), (5, 6, 33)):
        assert network(torch.zeros(1, 4, *shape)).shape == (1, 11, *shape)


def test_that_the_1_3_3_kernel_is_one_voxel_thick_across_slices() -> None:
    weights = build(Params(channels=(2, 3), kernel=(1, 3, 3))).state_dict()
    shapes = {
        tuple(weights[name].shape[2:]) for name in ("down.0.first.weight", "down.1.second.weight", "up.0.third.weight")
    }
    assert shapes == {(3, 3, 1)}  # arrays are (x, y, z): the slice axis is the last


def test_that_the_seed_decides_the_first_weights() -> None:
    def first(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return build(Params(channels=(2, 3))).state_dict()["down.0.first.weight"]

    assert torch.equal(first(3), first(3))
    assert not torch.equal(first(3), first(4))
