"""The images of a child's report: three planes with the contours of the labels.

The axial and the coronal plane follow the radiological convention: the patient's right lies on the left of the page.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from ctworkbench.core.report.page import SMALL
from ctworkbench.core.schemes import Scheme
from ctworkbench.core.translation import _
from ctworkbench.core.volume import Volume

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WINDOW_LEVEL_HU, WINDOW_WIDTH_HU = 40.0, 80.0
_MARGIN_MM = 22.0
_MIN_SHARE = 0.01

Plane = Literal["axial", "coronal", "sagittal"]
# axes of RAS voxels: the one that is cut, the one across the page, the one up the page; the patient's directions at the
# left, right, top and bottom edge
_PLANES: dict[Plane, tuple[int, int, int, str]] = {
    "axial": (2, 0, 1, "RLAP"),
    "coronal": (1, 0, 2, "RLSI"),
    "sagittal": (0, 1, 2, "APSI"),
}


@dataclass(frozen=True, eq=False)
class Cut:
    """One slice as it is shown: rows run up the page, columns from the left of the page to its right.

    Attributes:
        image: float HU, labels: uint8, both (rows, columns).
        across_mm, up_mm: length of a pixel.
        box: the part that is shown, (left, right, bottom, top) in mm of the slice.
        number, count: which slice of how many in the RAS volume, counted from 1.
        left, right, top, bottom: letters of the patient's directions at the edges.
    """

    plane: Plane
    image: NDArray[np.float64]
    labels: NDArray[np.uint8]
    across_mm: float
    up_mm: float
    box: tuple[float, float, float, float]
    number: int
    count: int
    left: str
    right: str
    top: str
    bottom: str


def cuts(image: Volume, labels: Volume, scheme: Scheme) -> tuple[Cut, ...]:
    """An axial, a coronal and a sagittal slice through the labels, at one scale, each turned as it is shown.

    Args:
        image: HU, any orientation.
        labels: uint8 label map on the same grid.
        scheme: what its codes mean.
    """
    image, labels = image.oriented("RAS"), labels.oriented("RAS")
    start, stop = _box(labels)
    spacing = np.array(labels.spacing)
    half = float(((stop - start) * spacing).max()) / 2 + _MARGIN_MM
    found: list[Cut] = []
    for plane, (cut, across, up, letters) in _PLANES.items():
        worth = np.zeros(256, dtype=np.int64)
        for region in scheme.regions:
            worth[region.code] = _worth(plane, region.side)
        k = _slice_number(labels, cut, worth, int((start[cut] + stop[cut]) // 2))
        # columns run towards the patient's left or back, against the array's axis
        pixels, codes = (np.moveaxis(v.voxels, cut, 0)[k].T[:, ::-1] for v in (image, labels))
        size = labels.voxels.shape
        middle_across = (size[across] - (start[across] + stop[across]) / 2) * spacing[across]
        middle_up = (start[up] + stop[up]) / 2 * spacing[up]
        found.append(
            Cut(
                plane=plane,
                image=pixels.astype(np.float64),
                labels=codes.astype(np.uint8),
                across_mm=float(spacing[across]),
                up_mm=float(spacing[up]),
                box=(middle_across - half, middle_across + half, middle_up - half, middle_up + half),
                number=k + 1,
                count=size[cut],
                left=letters[0],
                right=letters[1],
                top=letters[2],
                bottom=letters[3],
            )
        )
    return tuple(found)


def draw_cut(axes: "Axes", cut: Cut, scheme: Scheme) -> None:
    """Draw a slice in the brain window (level 40, width 80 HU) with the contour of each region.

    The axes may be wider than high: what lies beside the box is then shown as far as it goes.
    """
    from matplotlib.patheffects import withStroke

    rows, columns = cut.image.shape
    low = WINDOW_LEVEL_HU - WINDOW_WIDTH_HU / 2
    extent = (0.0, columns * cut.across_mm, 0.0, rows * cut.up_mm)
    axes.imshow(
        cut.image, cmap="gray", vmin=low, vmax=low + WINDOW_WIDTH_HU, origin="lower", extent=extent, aspect="equal"
    )
    x, y = (np.arange(columns) + 0.5) * cut.across_mm, (np.arange(rows) + 0.5) * cut.up_mm
    for region in scheme.regions:
        mask = cut.labels == region.code
        if mask.any():
            axes.contour(x, y, mask.astype(float), levels=[0.5], colors=[region.color], linewidths=0.7)
    left, right, bottom, top = cut.box
    size = axes.get_window_extent()
    beside = max(0.0, (right - left) * (size.width / size.height - 1) / 2)
    left, right = left - beside, right + beside
    axes.set(xlim=(left, right), ylim=(bottom, top), xticks=[], yticks=[])
    axes.set_facecolor("black")
    axes.spines[:].set_visible(False)

    def outline(width: float) -> list[Any]:
        return [withStroke(linewidth=width, foreground="black")]

    style: dict[str, Any] = {"color": "white", "transform": axes.transAxes, "path_effects": outline(2)}
    letters: dict[str, Any] = style | {"fontsize": 9, "fontweight": "bold"}
    axes.text(0.02, 0.5, cut.left, va="center", ha="left", **letters)
    axes.text(0.98, 0.5, cut.right, va="center", ha="right", **letters)
    axes.text(0.5, 0.905, cut.top, va="top", ha="center", **letters)
    axes.text(0.5, 0.02, cut.bottom, va="bottom", ha="center", **letters)
    titles = {"axial": _("axial"), "coronal": _("coronal"), "sagittal": _("sagittal")}
    place = _("{plane}, slice {number} of {count}").format(plane=titles[cut.plane], number=cut.number, count=cut.count)
    axes.text(0.02, 0.98, place, va="top", ha="left", fontsize=SMALL, **style)
    window = f"W {WINDOW_WIDTH_HU:g} L {WINDOW_LEVEL_HU:g}"
    axes.text(0.02, 0.02, window, va="bottom", ha="left", fontsize=SMALL, **style)
    ends = [right - 56, right - 6], [bottom + 6, bottom + 6]
    axes.plot(*ends, color="white", linewidth=1.5, path_effects=outline(3.5))
    axes.text(
        right - 31,
        bottom + 8,
        "50 mm",
        color="white",
        fontsize=SMALL,
        ha="center",
        va="bottom",
        path_effects=outline(2),
    )


def _box(labels: Volume) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Corners of the box of voxels that carry a label; the whole grid where none does."""
    start, stop = np.zeros(3, dtype=np.int64), np.array(labels.voxels.shape, dtype=np.int64)
    for axis in range(3):
        others = tuple(a for a in range(3) if a != axis)
        present = np.flatnonzero(labels.voxels.any(axis=others))
        if present.size:
            start[axis], stop[axis] = present[0], present[-1] + 1
    return start, stop


def _worth(plane: Plane, side: str) -> int:
    """What a region adds to the worth of a slice.

    The middle is a poor sagittal plane: both sides meet there, in shreds. An axial slice through cerebellum and
    brainstem lies so low that it misses most of the lobes.
    """
    if plane == "sagittal" and side == "left":
        return -1
    return 0 if plane == "axial" and side == "both" else 1


def _slice_number(labels: Volume, axis: int, worth: NDArray[np.int64], otherwise: int) -> int:
    """The slice whose regions are worth most together, and of those the one with the most labelled voxels."""
    best, number = (0, 0), otherwise
    for k in range(labels.voxels.shape[axis]):
        plane = np.moveaxis(labels.voxels, axis, 0)[k]
        counts = np.bincount(plane[plane > 0], minlength=256)
        total = int(counts.sum())
        score = (int(worth[counts > _MIN_SHARE * total].sum()), total) if total else (0, 0)
        if score > best:
            best, number = score, k
    return number
