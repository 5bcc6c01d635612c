"""A slice of a scan with its labels as a picture, made by numpy: for sheets of many slices and pairs of versions.

Arrays are those that the views show: axes (z, y, x), running superior, posterior, left.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QImage

from ctworkbench.ui.plane import Plane
from ctworkbench.ui.window_levels import WindowLevel

if TYPE_CHECKING:
    from ctworkbench.ui.annotate import AnnotateView

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Look:
    """How a slice is drawn.

    Attributes:
        window: HU from black to white.
        colors: uint8 (256, 3), colour of each code.
        seen: bool (256,), whether the regions of a code are drawn.
        opacity: of filled regions, 0 to 1.
        contour: draw outlines, not areas.
    """

    window: WindowLevel
    colors: NDArray[np.uint8]
    seen: NDArray[np.bool_]
    opacity: float
    contour: bool


def look_of(view: "AnnotateView") -> Look:
    """The look that the views have now."""
    colors = np.full((256, 3), (255, 0, 255), np.uint8)
    seen = np.full(256, view.labels_shown)
    seen[0] = False
    for region in view.scheme.regions:
        colors[region.code] = list(bytes.fromhex(region.color[1:]))
        seen[region.code] &= region.code not in view.hidden_codes
    return Look(view.window_level, colors, seen, view.opacity, view.contour)


def plane_of(array: NDArray, plane: Plane, index: int) -> NDArray:
    """One slice of a displayed array as it stands on the screen: rows from the top, columns from the left."""
    cut = array[(slice(None),) * plane.axis + (index,)]
    return cut[::-1] if plane.vertical == "up" else cut


def draw_slice(image: NDArray, labels: Pixels, look: Look) -> Pixels:
    """HU and codes of one slice as RGB, uint8 (rows, columns, 3)."""
    low, high = look.window.limits
    gray = np.clip((image.astype(np.float32) - low) * (255 / (high - low)), 0, 255).astype(np.uint8)
    picture = np.repeat(gray[..., None], 3, axis=2)
    drawn = look.seen[labels]
    if look.contour:
        drawn &= _borders(labels)
        picture[drawn] = look.colors[labels[drawn]]
    else:
        ground = picture[drawn] * np.float32(1 - look.opacity)
        picture[drawn] = ground + look.colors[labels[drawn]] * np.float32(look.opacity)
    return picture


def draw_difference(image: NDArray, before: Pixels, after: Pixels, look: Look) -> Pixels:
    """One slice in grey; voxels that differ have the colour of their new region, white where they became none."""
    plain = Look(look.window, look.colors, np.zeros(256, bool), 0.0, False)
    picture = draw_slice(image, after, plain)
    differs = (before != after) & (look.seen[before] | look.seen[after])
    gone = differs & (after == 0)
    picture[differs] = look.colors[after[differs]]
    picture[gone] = 255
    return picture


def to_qimage(picture: Pixels) -> QImage:
    """A Qt image of its own memory."""
    rows, columns, _ = picture.shape
    packed = np.ascontiguousarray(picture)
    return QImage(packed.data, columns, rows, 3 * columns, QImage.Format.Format_RGB888).copy()


def _borders(labels: Pixels) -> NDArray[np.bool_]:
    """Voxels beside one of another code, within the slice."""
    edge = np.zeros(labels.shape, bool)
    down, across = labels[1:] != labels[:-1], labels[:, 1:] != labels[:, :-1]
    edge[1:] |= down
    edge[:-1] |= down
    edge[:, 1:] |= across
    edge[:, :-1] |= across
    return edge
