"""Every network takes the form's parameters, any size of brain, and is answered for alike by OpenVINO."""

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from ctworkbench.core import plugins
from ctworkbench.train.inference import eager, prepare_answer
from ctworkbench.train.networks import segresnet
from ctworkbench.train.predict import build_network

NETWORKS = plugins.names(plugins.NETWORKS)
FORM = {"channels": (8, 16, 32), "kernel": (3, 3, 3), "in_channels": 4, "classes": 11}


def made(name: str, seed: int = 1) -> nn.Module:
    torch.manual_seed(seed)
    return build_network(name, FORM).eval()


def test_that_the_study_can_choose_the_articles_network_a_baseline_and_a_rival() -> None:
    assert {"resunet", "unet3d", "segresnet"} <= set(NETWORKS)


@pytest.mark.parametrize("name", NETWORKS)
def test_that_any_size_of_brain_is_answered_alike_by_torch_and_openvino(name: str) -> None:
    network = made(name)
    answer, plain = prepare_answer(network, "cpu", 1), eager(network, "cpu")
    for shape in ((20, 28, 24), (17, 23, 19)):
        image = torch.randn(1, 4, *shape, generator=torch.Generator().manual_seed(2))
        found, wanted = answer(image), plain(image)
        assert found.shape == wanted.shape == (1, 11, *shape)
        assert float((found.argmax(1) == wanted.argmax(1)).float().mean()) > 0.995


@pytest.mark.parametrize("name", NETWORKS)
def test_that_the_seed_decides_the_first_weights(name: str) -> None:
    first, again, other = (made(name, seed).state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)


@pytest.mark.parametrize("name", NETWORKS)
def test_that_every_weight_learns(name: str) -> None:
    network = made(name).train()
    network(torch.randn(2, 4, 16, 16, 16)).square().mean().backward()
    assert not [key for key, parameter in network.named_parameters() if parameter.grad is None]


def test_that_a_kernel_which_the_rival_lacks_is_refused() -> None:
    with pytest.raises(ValidationError, match="kernel"):
        segresnet.Params.model_validate({"channels": (8, 16), "kernel": (1, 3, 3)})
