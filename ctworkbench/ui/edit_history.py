"""The steps that can be undone: bounded in number and in bytes, large ones packed.

napari keeps a step as a list of atoms, each a box with a mask and the codes that stood under it. That is small for a
dab and hundreds of megabytes for a stroke with a large ball or for an operation on a lobe. Here such atoms are packed:
the exclusive-or of the codes before and after, compressed. Applied once it undoes the change, applied again it makes it
again.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from isal import igzip
from napari.layers.labels.labels import _MaskedPaintAtom
from numpy.typing import NDArray

from ctworkbench.ui.region_counts import Box

MOST_STEPS = 500
MOST_BYTES = 128 * 2**20
"""Of undo and redo together."""

# A step that is larger is packed when it is done; of a stroke that goes on, each so many bytes.
LOOSE_BYTES = 64 * 2**10
LOOSE_BYTES_OF_STROKE = 2 * 2**20


class DrawnSlice(NamedTuple):
    """A slice in which a reader changed a region by hand.

    Attributes:
        axis: array axis (z, y, x) that the slice lies across.
        place: where along that axis.
        code: of the region.
    """

    axis: int
    place: int
    code: int


class EditAtom(_MaskedPaintAtom):
    """One change of a box as napari replays it, with the axis of the plane that it was drawn in by hand, if it was."""

    axis: int | None = None

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        return self.old_values.nbytes + (0 if self.mask is None else self.mask.nbytes)

    @property
    def drawn(self) -> frozenset[DrawnSlice]:
        """Slices that were drawn in by hand."""
        if self.axis is None:
            return frozenset()
        codes = {int(code) for code in np.unique(self.old_values)} | {int(self.new_value)}
        return frozenset(DrawnSlice(self.axis, self.slice_key[self.axis].start, code) for code in codes if code)


class PackedAtom(EditAtom):
    """A change of a box, as compressed exclusive-or; undone and redone alike."""

    slices: frozenset[DrawnSlice] = frozenset()

    @property
    def drawn(self) -> frozenset[DrawnSlice]:
        """Slices that were drawn in by hand."""
        return self.slices

    def replay(self, data: NDArray[np.uint8]) -> None:
        """Undo the change in an array, or make it again."""
        part = data[self.slice_key]
        part ^= np.frombuffer(igzip.decompress(self.old_values.tobytes()), np.uint8).reshape(part.shape)


def packed(box: Box, difference: NDArray[np.uint8], drawn: Iterable[DrawnSlice] = ()) -> PackedAtom:
    """Pack the exclusive-or of what stood in a box and what stands there now."""
    content = igzip.compress(np.ascontiguousarray(difference).tobytes(), compresslevel=1)
    atom = PackedAtom(box, None, np.frombuffer(content, np.uint8), 0)
    atom.slices = frozenset(drawn)
    return atom


def compacted(atoms: Sequence[Any], data: NDArray[np.uint8], most: int) -> list[Any]:
    """The same changes, the loose atoms among them joined into one packed atom if they hold more than `most` bytes.

    Args:
        atoms: oldest first; packed ones stand before loose ones.
        data: the array with all of them made.
        most: bytes that may stay loose.
    """
    first = next((place for place, atom in enumerate(atoms) if not isinstance(atom, PackedAtom)), len(atoms))
    loose = [atom for atom in atoms[first:] if isinstance(atom, EditAtom)]
    if len(loose) < len(atoms) - first or sum(atom.nbytes for atom in loose) <= most:
        return list(atoms)
    box = tuple(
        slice(min(atom.slice_key[i].start for atom in loose), max(atom.slice_key[i].stop for atom in loose))
        for i in range(data.ndim)
    )
    after = data[box]
    before = after.copy()
    for atom in reversed(loose):
        inner = tuple(slice(s.start - b.start, s.stop - b.start) for s, b in zip(atom.slice_key, box, strict=True))
        if atom.mask is None:
            before[inner] = atom.old_values
        else:
            before[inner][atom.mask] = atom.old_values
    drawn = frozenset[DrawnSlice]().union(*(atom.drawn for atom in loose))
    return [*atoms[:first], packed(box, before ^ after, drawn)]


class History(deque[list[Any]]):
    """Steps, oldest first; the oldest are let go when there are more than `MOST_STEPS`, or more than `MOST_BYTES`."""

    def __init__(self) -> None:
        super().__init__(maxlen=MOST_STEPS)
        self.nbytes = 0
        self.forgotten: set[DrawnSlice] = set()
        """Slices drawn in steps that were let go."""

    def append(self, item: list[Any]) -> None:
        """Add the newest step."""
        while self and (len(self) == self.maxlen or self.nbytes + size_of(item) > MOST_BYTES):
            oldest = self.popleft()
            self.nbytes -= size_of(oldest)
            self.forgotten |= drawn_in([oldest])
        self.nbytes += size_of(item)
        super().append(item)

    def pop(self) -> list[Any]:  # pyright: ignore[reportIncompatibleMethodOverride] - a deque pops the newest alone
        """Take the newest step out."""
        item = super().pop()
        self.nbytes -= size_of(item)
        return item

    def clear(self) -> None:
        """Forget all steps."""
        super().clear()
        self.nbytes = 0


def size_of(item: Iterable[Any]) -> int:
    """Bytes that a step holds."""
    return sum(
        atom.nbytes if isinstance(atom, EditAtom) else sum(np.asarray(part).nbytes for part in atom[0]) * 2
        for atom in item
    )


def drawn_in(steps: Iterable[Iterable[Any]]) -> set[DrawnSlice]:
    """Slices that were drawn in by hand in some steps."""
    return {place for item in steps for atom in item if isinstance(atom, EditAtom) for place in atom.drawn}
