"""A model from another workstation: taken in only if its weights fit the network that it names. A work function."""

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load
from torch import nn

from ctworkbench.core import schemes
from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.jobs import JobContext
from ctworkbench.core.model_registry import ModelFacts, read_package
from ctworkbench.core.training import ImportedModel, ImportModelRequest
from ctworkbench.train.data import write_whole
from ctworkbench.train.predict import build_network
from ctworkbench.train.preset import Preset

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
        WorkbenchError: an unknown network, scheme or setting, or tensors of other names or shapes than the network's.
    """
    scheme = schemes.load(facts.scheme)
    try:
        Preset.model_validate(facts.settings)
        with torch.device("meta"):  # shapes alone
            network: nn.Module = build_network(facts.network, facts.network_params)
    except ValidationError as error:
        raise WorkbenchError(
            f"{name}: its settings are not understood: {error.errors()[0]['msg']}.", _REMEDY
        ) from error
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
