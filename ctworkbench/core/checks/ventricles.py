"""Labels over the ventricles: the surest sign, without a border to be seen, that a label map is of another head.

An affine registration lays ventricles near their place; a deformation, a fit by HU or a reader leaves them out.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ctworkbench.core.check_case import CheckCase
from ctworkbench.core.findings import VENTRICLES, Finding, judged

TITLE = "ventricles labelled"
NEEDS_HEAD = True
_STEP = 2
_DEEP_MM = 16.0
_LEAST_ML = 1.0


def find(case: CheckCase) -> list[Finding]:
    """What part of the ventricles carries a label, in percent; nothing where they are slits of under 1 cm³.

    Ventricles are fluid 16 mm and more inside the skull, opened by 2 mm so that sulci and the Sylvian fissure fall out;
    on 2-mm blocks.
    """
    assert case.brain is not None
    deep = ndimage.distance_transform_edt(_blocks(case.brain) >= 0.5) * _STEP > _DEEP_MM
    core = ndimage.binary_opening(deep & (_blocks(case.csf) >= 0.75))
    cm3 = float(core.sum()) * case.ml_per_voxel * _STEP**3
    if cm3 < _LEAST_ML:
        return []
    labelled = _blocks(case.labels > 0)
    share = 100.0 * float(labelled[core].mean())
    over = core & (labelled >= 0.5)
    where = None
    if over.any():
        points = np.argwhere(over)
        nearest = points[((points - points.mean(0)) ** 2).sum(1).argmin()]
        where = case.world(nearest * _STEP + (_STEP - 1) / 2)
    said = f"{share:.0f} % of the ventricles ({cm3:.0f} cm³) carry a label"
    return [judged("ventricles", VENTRICLES, share, "%", said, where=where)]


def _blocks(mask: NDArray) -> NDArray[np.float32]:
    """Part of each 2-mm block that a mask fills."""
    x, y, z = (n // _STEP for n in mask.shape)
    whole = mask[: x * _STEP, : y * _STEP, : z * _STEP].reshape(x, _STEP, y, _STEP, z, _STEP)
    return whole.mean((1, 3, 5), dtype=np.float32)
