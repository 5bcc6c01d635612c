"""How the three planes of a head lie on the screen, in radiological convention."""

from dataclasses import dataclass
from typing import Literal

from numpy.typing import NDArray


@dataclass(frozen=True)
class Plane:
    """How one plane of the (z, y, x) array lies on the screen.

    Attributes:
        name: its name.
        axis: array axis that the plane is a slice of.
        down: array axis that runs along the screen's height.
        across: array axis that runs along the screen's width, to the right.
        vertical: whether index 0 of `down` is at the top ("down") or at the bottom ("up").
        letters: patient directions at the screen's left, right, top and bottom.
    """

    name: str
    axis: int
    down: int
    across: int
    vertical: Literal["down", "up"]
    letters: tuple[str, str, str, str]

    @property
    def order(self) -> tuple[int, int, int]:
        """Order of the array axes as napari takes it."""
        return (self.axis, self.down, self.across)


AXIAL = Plane("Axial", 0, 1, 2, "down", ("R", "L", "A", "P"))
CORONAL = Plane("Coronal", 1, 0, 2, "up", ("R", "L", "S", "I"))
SAGITTAL = Plane("Sagittal", 2, 0, 1, "up", ("A", "P", "S", "I"))


def for_display(voxels: NDArray) -> NDArray:
    """The (x, y, z) RAS array as (z, y, x) running superior, posterior, left; shares memory."""
    return voxels.transpose(2, 1, 0)[:, ::-1, ::-1]
