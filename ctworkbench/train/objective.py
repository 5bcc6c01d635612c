"""What a training strives for: its loss, the overlap that is counted, and the pace of its steps."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ctworkbench.train.preset import Preset

_WARM_UP = 0.05


def loss_of(logits: Tensor, target: Tensor, kind: str, class_weights: Tensor | None = None) -> Tensor:
    """Loss of logits (n, classes, x, y, z) against class numbers (n, x, y, z).

    "cross-entropy" is the (weighted) mean over voxels; "+ dice" adds 1 − soft Dice, mean over regions (Milletari et al.
    2016).
    """
    loss = functional.cross_entropy(logits, target, class_weights)
    if kind == "cross-entropy + dice":
        found = torch.softmax(logits, 1).flatten(2)
        wanted = functional.one_hot(target.flatten(1), logits.shape[1]).transpose(1, 2).to(found.dtype)
        both, either = (found * wanted).sum(2), found.sum(2) + wanted.sum(2)
        loss = loss + 1 - ((2 * both + 1) / (either + 1))[:, 1:].mean()
    return loss


def learning_rate(settings: Preset, done: float) -> float:
    """Rate after the fraction `done` of the training."""
    if settings.schedule == "constant":
        return settings.learning_rate
    warm = min(1.0, (done + 0.2 * _WARM_UP) / _WARM_UP)
    return settings.learning_rate * warm * (0.01 + 0.99 * (1 + math.cos(math.pi * done)) / 2)


def count_overlap(found: Tensor, target: Tensor, classes: int) -> NDArray[np.float64]:
    """Per class, (classes, 2): twice the voxels in common, and the voxels of both together."""
    counts = torch.bincount((found * classes + target).flatten(), minlength=classes * classes)
    table = counts.reshape(classes, classes).cpu().numpy()
    return np.stack([2.0 * table.diagonal(), table.sum(0) + table.sum(1)], 1)
