"""Slices of one validation case, as the network labels them while it learns: the newest, and those of the best epoch.

They are to look at. Nothing is chosen by them: the weights of a training are those of its last epoch.
"""

import io
import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ctworkbench.core.training import BEST_EXAMPLE, EXAMPLE_PLANES, NEWEST_EXAMPLE
from ctworkbench.core.volume import Volume
from ctworkbench.train.data import Prepared, write_whole

_BRIGHTEST = 2.0  # of a network's image, whose brain has the mean 1
_log = logging.getLogger(__name__)


def keep_example(folder: Path, item: Prepared, classes: NDArray, epoch: int, dice: float, best: bool) -> None:
    """Write slices of a case as the newest, and as the best where they are that: two small files at most.

    A slice has its axes along RAS: axial (x, y), coronal (x, z), sagittal (y, z), uint8 image and class numbers. Each
    plane is cut where the truth has most.

    Args:
        folder: of the job.
        item: the case, on the network's grid.
        classes: class numbers (x, y, z) that the network gave.
        epoch: that has just ended, from 1.
        dice: mean Dice of the validation cases after it.
        best: whether no epoch before had a higher one.
    """
    affine = item.view.grid.affine
    shade = np.clip(item.view.image * np.float32(255 / _BRIGHTEST), 0, 255).astype(np.uint8)
    arrays = {"image": shade, "truth": item.target, "prediction": classes.astype(np.uint8)}
    turned = {name: Volume(array, affine).oriented("RAS").voxels for name, array in arrays.items()}
    content = {"subject": np.array(item.case.subject), "epoch": np.array(epoch), "dice": np.array(dice)}
    for plane, axis in EXAMPLE_PLANES.items():
        others = tuple(other for other in range(3) if other != axis)
        index = int((turned["truth"] > 0).sum(axis=others).argmax())
        content |= {f"{plane}_{name}": array.take(index, axis) for name, array in turned.items()}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **content)
    try:
        for name in (NEWEST_EXAMPLE, *([BEST_EXAMPLE] if best else ())):
            write_whole(folder / name, buffer.getvalue())
    except OSError as error:  # a full disk stops the training at its checkpoint, with a message; not for a picture
        _log.warning("the example slices could not be written: %s", error)
