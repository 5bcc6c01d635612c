"""Weights and interrupted trainings on disk: safetensors and JSON, never pickle, whole or not at all."""

import errno
import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor, nn

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.train.data import write_whole

_ANEW = "Remove {} and run the training again: it begins anew."


class TrainState(BaseModel):
    """Where a training stands. What is random is drawn from (seed, epoch, step), so no generator needs saving.

    Attributes:
        fingerprint: SHA-256 of the job's parameters; another job's checkpoint is refused.
        epoch: the epoch that is under way, from 0.
        step: optimizer steps done in it.
        loss_sum: sum of its losses so far.
        overlap: per class, twice the voxels in common, and the voxels of prediction plus target, so far in the epoch.
        seconds: time trained so far.
        together, patch: what is shown at once, where memory did not hold what the preset asks for.
        history: numbers of each epoch that is done.
    """

    fingerprint: str
    epoch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    overlap: list[list[float]] = []
    seconds: float = 0.0
    together: int | None = None
    patch: int | None = None
    history: list[dict[str, float]] = []


def save_checkpoint(
    path: Path, network: nn.Module, optimizer: torch.optim.Optimizer, state: TrainState, average: nn.Module
) -> None:
    """Write weights, their average, the optimizer's moments and the state into one file, so that they cannot disagree.

    Raises:
        WorkbenchError: it cannot be written; the checkpoint before it is as it was.
    """
    tensors = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    moments: dict[int, dict[str, Tensor]] = optimizer.state_dict()["state"]
    for number, entry in moments.items():
        tensors |= {f"optimizer.{number}.{name}": tensor for name, tensor in entry.items()}
    if average is not network:
        tensors |= {f"average.{name}": tensor for name, tensor in average.state_dict().items()}
    content = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    try:
        write_whole(path, save(content, {"state": state.model_dump_json()}))
    except OSError as error:
        reason = "the disk is full" if error.errno == errno.ENOSPC else error.strerror or str(error)
        raise WorkbenchError(
            f"The checkpoint of epoch {state.epoch + 1} cannot be written: {reason}.",
            "Make room, then let the training go on: it continues from the checkpoint before.",
        ) from error


def load_checkpoint(
    path: Path, network: nn.Module, optimizer: torch.optim.Optimizer, fingerprint: str, average: nn.Module
) -> TrainState | None:
    """Put network and optimizer back to where a training stood; None where there is no checkpoint.

    Raises:
        WorkbenchError: the file is broken, or belongs to a training with other parameters.
    """
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as stored:
            state = TrainState.model_validate_json((stored.metadata() or {})["state"])
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        raise WorkbenchError(f"The checkpoint {path.name} cannot be read: {error}", _ANEW.format(path)) from error
    if state.fingerprint != fingerprint:
        raise WorkbenchError(f"The checkpoint {path.name} is of another training.", _ANEW.format(path))
    network.load_state_dict(_below(tensors, "network."))
    if average is not network:
        average.load_state_dict(_below(tensors, "average."))
    moments: dict[int, dict[str, Tensor]] = {}
    for name, tensor in _below(tensors, "optimizer.").items():
        number, _, key = name.partition(".")
        moments.setdefault(int(number), {})[key] = tensor
    groups: list[dict[str, Any]] = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": moments, "param_groups": groups})
    return state


def save_weights(path: Path, network: nn.Module, description: dict[str, Any]) -> str:
    """Write the weights with a description in the header; the SHA-256 of the file.

    The description is one entry, for safetensors writes several in no fixed order and the hash would change.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    content = save(tensors, {"description": json.dumps(description, sort_keys=True)})
    write_whole(path, content)
    return hashlib.sha256(content).hexdigest()


def load_weights(path: Path, sha256: str, network: nn.Module) -> None:
    """Load weights that are exactly those of the model run.

    Raises:
        WorkbenchError: file missing, its hash differs, or the weights are of another network.
    """
    if not path.exists():
        raise WorkbenchError(f"The weights {path.name} are missing.", "Train the model again, or restore the study.")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != sha256:
        raise WorkbenchError(
            f"The weights {path.name} have the hash {found[:12]}…, the model was recorded with {sha256[:12]}….",
            "The file was changed or swapped: restore it, or train again.",
        )
    try:
        network.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError) as error:
        first = str(error).strip().splitlines()
        raise WorkbenchError(
            f"The weights {path.name} do not fit the network: {' '.join(first[:2]).strip()}",
            "Use the network and its parameters that the weights were trained with.",
        ) from error


def fingerprint(params: BaseModel) -> str:
    """SHA-256 of parameters as JSON; files count by their names, so that a study that was moved goes on.

    The names of a study's files are hashes of what they hold.
    """
    told = json.dumps(params.model_dump(), sort_keys=True, default=_plain)
    return hashlib.sha256(told.encode()).hexdigest()


def _plain(value: object) -> str:
    """What JSON cannot hold."""
    if isinstance(value, Path):
        return value.name
    raise TypeError(f"{type(value).__name__} has no place in a fingerprint")


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
