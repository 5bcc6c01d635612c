"""A napari labels layer that paints within limits and keeps its history in bounded memory.

This leans on private parts of napari's `Labels` (`_apply_mask_to_data`, `_history_atom_for_mask_paint`,
`_save_history`, `_commit_staged_history`, `_replay_masked_atom`, `_reset_history`, `_paint_region_with_mask`);
`tests/ui/test_edit_history.py` fails if they change.
"""

from typing import Any, Protocol

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray

from ctworkbench.ui.edit_history import (
    LOOSE_BYTES,
    LOOSE_BYTES_OF_STROKE,
    MOST_STEPS,
    Box,
    EditAtom,
    History,
    PackedAtom,
    compacted,
)


class VoxelGuard(Protocol):
    """Says which voxels may be painted."""

    def allowed(self, codes: NDArray[np.uint8], box: Box, new_code: int) -> NDArray[np.bool_] | None:
        """Where `new_code` may replace `codes`, which stand in `box`; None for everywhere."""
        ...


class RecordedLabels(Labels):
    """Brush, ball, eraser, fill and lasso go through here: what is protected stays, what is changed can be undone."""

    _history_limit = MOST_STEPS
    guard: VoxelGuard | None = None
    in_slice = False
    """Whether what is drawn now lies in the slice shown, whatever the brush is set to."""

    _loose_bytes = 0

    def draw_in_slice(self, box: Box, mask: NDArray[np.bool_], code: int) -> None:
        """Paint a mask in the slice that is shown, as one step; the mask has the two axes of the slice, ascending."""
        self.in_slice = True
        try:
            with self.block_history():
                axes = sorted(self._slice_input.displayed)
                self._paint_region_with_mask(box, mask, code, axes)
        finally:
            self.in_slice = False

    def _apply_mask_to_data(
        self, data: np.ndarray, mask: np.ndarray, new_label: int, volume_slice: tuple[slice, ...]
    ) -> np.ndarray | None:
        if self.guard is not None:
            allowed = self.guard.allowed(data, volume_slice, new_label)
            if allowed is not None:
                mask = mask & allowed
        return super()._apply_mask_to_data(data, mask, new_label, volume_slice)

    def _history_atom_for_mask_paint(  # pyright: ignore[reportIncompatibleMethodOverride] - napari's is static
        self, volume_slice: tuple[slice, ...], region_data: np.ndarray, mask: np.ndarray, new_label: int
    ) -> EditAtom:
        made = Labels._history_atom_for_mask_paint(volume_slice, region_data, mask, new_label)
        atom = EditAtom(*made)
        if self.in_slice or self.n_edit_dimensions == 2:
            atom.axis = int(self._slice_input.not_displayed[0])
        return atom

    def _save_history(self, value: Any) -> None:
        super()._save_history(value)
        if not self._block_history or not isinstance(value, EditAtom):
            return
        self._loose_bytes += value.nbytes
        if self._loose_bytes > LOOSE_BYTES_OF_STROKE:
            # napari makes the change that was saved last only after this.
            *made, last = self._staged_history
            self._staged_history = [*compacted(made, self.data, 0), last]
            self._loose_bytes = last.nbytes

    def _commit_staged_history(self) -> None:
        self._staged_history = compacted(self._staged_history, self.data, LOOSE_BYTES)
        self._loose_bytes = 0
        super()._commit_staged_history()

    def _replay_masked_atom(self, atom: Any, undoing: bool) -> None:
        if isinstance(atom, PackedAtom):
            atom.replay(self.data)
        else:
            super()._replay_masked_atom(atom, undoing)

    def _reset_history(self, event: Any = None) -> None:
        super()._reset_history(event)
        self._undo_history = History()
        self._redo_history = History()
