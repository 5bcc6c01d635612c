"""A model from another workstation: taken in only if its weights fit the network that it names. A work function."""

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load
from torch import nn

from ctworkbench.core import plugins, schemes
from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.jobs import JobContext
from ctworkbench.core.model_registry import ModelFacts, read_package
from ctworkbench.core.training import ImportedModel, ImportModelRequest
from ctworkbench.train.data import write_whole
from ctworkbench.train.predict import build_network
from ctworkbench.train.preset import Preset

_SPACING_MM = (0.5, 10.0)  # finer does not fit a memory, coarser shows no lobe
_MOST_MARGIN_MM = 50.0
_REMEDY = "It may come from a newer program: update this one, or ask where the file comes from."


def import_model(params: ImportModelRequest, context: JobContext) -> ImportedModel:
    """Check a model's file and write its weights into the job's folder.

    Raises:
        WorkbenchError: the file is foreign, damaged or changed, or its weights do not fit its network.
    """
    context.progress(0.1, f"Checking {params.package.name}")
    package = read_package(params.package)
    check_fit(package.facts, package.weights, params.package.name)
    context.check()
    path = context.folder / "weights.safetensors"
    write_whole(path, package.weights)
    return ImportedModel(weights=path, facts=package.facts.model_dump(mode="json"), source=params.package.name)


def check_fit(facts: ModelFacts, weights: bytes, name: str) -> None:
    """Refuse what could not be used to segment.

    Raises:
        WorkbenchError: an unknown network, scheme or setting, other regions or another order of them than the scheme's,
            another input than the settings make, or tensors of other names or shapes than the network's.
    """
    scheme = schemes.load(facts.scheme)
    try:
        settings = Preset.model_validate(facts.settings)
        with torch.device("meta"):  # shapes alone
            network: nn.Module = build_network(facts.network, facts.network_params)
        params = plugins.load(plugins.NETWORKS, facts.network).Params.model_validate(facts.network_params)
    except ValidationError as error:
        raise WorkbenchError(
            f"{name}: its settings are not understood: {error.errors()[0]['msg']}.", _REMEDY
        ) from error
    told = facts.regions or tuple((region.code, region.name) for region in schemes.load(schemes.DEFAULT).regions)
    if told != tuple((region.code, region.name) for region in scheme.regions):
        raise WorkbenchError(f"{name}: its regions or their order are not those of {facts.scheme} here.", _REMEDY)
    low, high = _SPACING_MM
    if not low <= settings.spacing_mm <= high:
        raise WorkbenchError(
            f"{name}: its voxels of {settings.spacing_mm:g} mm are not between {low:g} and {high:g} mm.", _REMEDY
        )
    if not settings.margin_mm <= _MOST_MARGIN_MM:
        raise WorkbenchError(
            f"{name}: its margin of {settings.margin_mm:g} mm is more than {_MOST_MARGIN_MM:g} mm.", _REMEDY
        )
    wanted_inputs = 4 if settings.coordinates else 1
    if params.in_channels != wanted_inputs:
        raise WorkbenchError(
            f"{name}: its network takes {params.in_channels} inputs, its settings make {wanted_inputs}.", _REMEDY
        )
    try:
        found = load(weights)
    except SafetensorError as error:
        raise WorkbenchError(f"{name}: its weights cannot be read: {error}.", _REMEDY) from error
    wanted = network.state_dict()
    for key in sorted({*wanted, *found}):
        shapes = [tuple(tensors[key].shape) if key in tensors else None for tensors in (wanted, found)]
        if shapes[0] != shapes[1]:
            raise WorkbenchError(f"{name}: its weights do not fit the network {facts.network}, at {key}.", _REMEDY)
        if not bool(torch.isfinite(found[key]).all()):
            raise WorkbenchError(f"{name}: its weights hold values that are no numbers, at {key}.", _REMEDY)
    classes = facts.network_params.get("classes")
    if classes != len(scheme.codes) + 1:
        raise WorkbenchError(f"{name}: it tells {classes} classes apart, the scheme has {len(scheme.codes)}.", _REMEDY)
