"""Plugins are found without being imported, and loaded by name."""

import subprocess
import sys

import pytest

from ctworkbench.core import plugins
from ctworkbench.core.errors import WorkbenchError


def test_that_networks_and_presets_are_listed_without_importing_torch() -> None:
    script = (
        "import sys; from ctworkbench.core import plugins; "
        "print(plugins.names(plugins.NETWORKS), plugins.names(plugins.PRESETS)); "
        "plugins.load(plugins.PRESETS, 'paper').PRESET.folds; "
        "sys.exit('torch' in sys.modules or 'ctworkbench.train.networks.resunet' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "resunet" in done.stdout and "demo" in done.stdout and "paper" in done.stdout


def test_that_an_unknown_plugin_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(WorkbenchError, match=r"'nonsense' among the networks.*resunet"):
        plugins.load(plugins.NETWORKS, "nonsense")


def test_that_an_unknown_package_is_refused() -> None:
    with pytest.raises(WorkbenchError, match="no package"):
        plugins.names("ctworkbench.nothing")


@pytest.mark.parametrize("name", plugins.names(plugins.NETWORKS))
def test_that_every_network_has_params_and_builds_from_their_json(name: str) -> None:
    module = plugins.load(plugins.NETWORKS, name)
    params = module.Params(channels=(2, 3), classes=4, in_channels=1)
    network = module.build(module.Params.model_validate(params.model_dump(mode="json")))
    import torch

    assert network(torch.zeros(1, 1, 6, 7, 5)).shape == (1, 4, 6, 7, 5)


@pytest.mark.parametrize("name", plugins.names(plugins.STATISTICS))
def test_that_every_statistic_has_a_unit_and_computes(name: str) -> None:
    module = plugins.load(plugins.STATISTICS, name)
    assert isinstance(module.UNIT, str)
    assert callable(module.compute)
