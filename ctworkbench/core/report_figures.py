"""The pictures of a child's report: three planes with label contours, the norm's charts, or bars where it has none.

The axial and the coronal plane follow the radiological convention: the patient's right lies on the left of the page.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from ctworkbench.core.norms import Norm
from ctworkbench.core.schemes import Scheme
from ctworkbench.core.volume import Volume

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WINDOW_LEVEL_HU, WINDOW_WIDTH_HU = 40.0, 80.0
SMALL = 6.5
INK, GREY = "#1a1a1a", "#666666"
_MARGIN_MM = 22.0
_MIN_SHARE = 0.01

Plane = Literal["axial", "coronal", "sagittal"]
# axes of RAS voxels: the one that is cut, the one across the page, the one up the page; the letters left and right
_PLANES: dict[Plane, tuple[int, int, int, str, str]] = {
    "axial": (2, 0, 1, "R", "L"),
    "coronal": (1, 0, 2, "R", "L"),
    "sagittal": (0, 1, 2, "A", "P"),
}


@dataclass(frozen=True, eq=False)
class Cut:
    """One slice as it is shown: rows run up the page, columns from the left of the page to its right.

    Attributes:
        image: float HU, labels: uint8, both (rows, columns).
        across_mm, up_mm: length of a pixel.
        box: the part that is shown, (left, right, bottom, top) in mm of the slice.
        number, count: which slice of how many in the RAS volume, counted from 1.
        left, right: letters of the patient's directions at either edge.
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
    for plane, (cut, across, up, left, right) in _PLANES.items():
        # the middle is a poor sagittal plane: both sides meet there, in shreds
        worth = np.zeros(256, dtype=np.int64)
        for region in scheme.regions:
            worth[region.code] = -1 if plane == "sagittal" and region.side == "left" else 1
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
                left=left,
                right=right,
            )
        )
    return tuple(found)


def draw_cut(axes: "Axes", cut: Cut, scheme: Scheme) -> None:
    """Draw a slice in the brain window (level 40, width 80 HU) with the contour of each region."""
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
    axes.set(xlim=(left, right), ylim=(bottom, top), xticks=[], yticks=[])
    axes.set_facecolor("black")
    outline = [withStroke(linewidth=2, foreground="black")]
    style: dict[str, Any] = {"color": "white", "transform": axes.transAxes, "path_effects": outline}
    axes.text(0.02, 0.5, cut.left, va="center", ha="left", fontsize=10, fontweight="bold", **style)
    axes.text(0.98, 0.5, cut.right, va="center", ha="right", fontsize=10, fontweight="bold", **style)
    axes.text(0.02, 0.98, f"{cut.plane}, slice {cut.number} of {cut.count}", va="top", ha="left", fontsize=7, **style)
    axes.plot([right - 58, right - 8], [bottom + 6, bottom + 6], color="white", linewidth=1.5)
    axes.text(right - 33, bottom + 8, "5 cm", color="white", fontsize=SMALL, ha="center", va="bottom")


def draw_chart(
    axes: "Axes", norm: Norm, region: str, title: str, sex: str, age_years: float, volume_cm3: float
) -> None:
    """Draw one region's expected volume over age, ±1 and ±2 SD, and the child's dot where it has a volume."""
    bands = norm.bands(region, sex)
    axes.fill_between(bands.ages, bands.minus2, bands.plus2, color="#dbe7f3", linewidth=0)
    axes.fill_between(bands.ages, bands.minus1, bands.plus1, color="#b4cfe8", linewidth=0)
    axes.plot(bands.ages, bands.mean, color="#2b6ca3", linewidth=1)
    if volume_cm3 > 0:
        axes.plot([age_years], [volume_cm3], "o", color=INK, markersize=4, markeredgecolor="white", markeredgewidth=0.6)
    low, high = bands.ages[0], bands.ages[-1]
    axes.set(xlim=(low - 0.04, high + 0.04), xticks=[low, (low + high) / 2, high])
    axes.margins(y=0.06)
    axes.set_title(title, fontsize=7, pad=2.5, color=INK)
    _plain(axes)


def draw_bars(axes: "Axes", scheme: Scheme, volumes_cm3: Mapping[str, float]) -> None:
    """Draw the volumes alone, right beside left, for a child that the norm says nothing of."""
    pairs = {right.name: left.name for right, left in scheme.pairs}
    names = [region for region in scheme.regions if region.side != "left"]
    for i, region in enumerate(names):
        sides = [region.name, pairs[region.name]] if region.name in pairs else [region.name]
        for j, name in enumerate(sides):
            value = volumes_cm3.get(name, 0.0)
            x = i + (j - (len(sides) - 1) / 2) * 0.38
            axes.bar(x, value, 0.36, color=scheme.region(name).color, linewidth=0)
            letter = f"{'RL'[j]} " if len(sides) == 2 else ""
            text = f"{letter}{value:.1f}" if value > 0 else f"{letter}not found"
            axes.annotate(text, (x, value), (0, 2), textcoords="offset points", ha="center", fontsize=SMALL, color=INK)
    titles = [r.title.removeprefix("Right ").capitalize() for r in names]
    axes.set_xticks(range(len(names)), titles)
    axes.set_ylabel("cm³", fontsize=SMALL)
    axes.margins(y=0.12)
    _plain(axes)


def _plain(axes: "Axes") -> None:
    axes.tick_params(labelsize=SMALL, length=2, pad=1.5, colors=GREY)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)


def _box(labels: Volume) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Corners of the box of voxels that carry a label; the whole grid where none does."""
    start, stop = np.zeros(3, dtype=np.int64), np.array(labels.voxels.shape, dtype=np.int64)
    for axis in range(3):
        others = tuple(a for a in range(3) if a != axis)
        present = np.flatnonzero(labels.voxels.any(axis=others))
        if present.size:
            start[axis], stop[axis] = present[0], present[-1] + 1
    return start, stop


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
