"""How many voxels each region of a label map has while it is edited."""

import numpy as np
from numpy.typing import NDArray

Box = tuple[slice, ...]
# Codes are 8 bits wide, so a table of 256 counts holds every region of any scheme.
_CODES = 256


class RegionCounts:
    """Voxels of each code in a label map that is being edited, kept up to date box by box.

    Holds a copy of the label map as it was last counted, so that only the edited box is counted again.
    """

    def __init__(self, labels: NDArray[np.uint8]) -> None:
        self._counted = labels.copy()
        self.voxels = np.zeros(_CODES, dtype=np.int64)
        for plane in self._counted:
            # Half of a scan lies above and below the rows that hold a region.
            rows = np.flatnonzero(plane.max(axis=1))
            if rows.size:
                self.voxels += np.bincount(plane[rows[0] : rows[-1] + 1].ravel(), minlength=_CODES)
        self.voxels[0] += labels.size - int(self.voxels.sum())

    def update(self, labels: NDArray[np.uint8], box: Box) -> None:
        """Count a changed box again. `labels` is the array that was given at first."""
        self.voxels -= np.bincount(self._counted[box].ravel(), minlength=_CODES)
        self.voxels += np.bincount(labels[box].ravel(), minlength=_CODES)
        self._counted[box] = labels[box]
