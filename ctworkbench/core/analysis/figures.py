"""The article's Figures 2 and 3 as vector pictures: a test subject's contours, and volumes against age."""

import io
import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ctworkbench.core.analysis.article_tables import region_names
from ctworkbench.core.analysis.observations import Ledger, Observation, by_region, with_sex_and_age
from ctworkbench.core.errors import StudyError, WorkbenchError
from ctworkbench.core.files import replace_bytes
from ctworkbench.core.report.images import Cut, cuts, draw_cut
from ctworkbench.core.schemes import Scheme
from ctworkbench.core.volume import Volume

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FIGURE_FORMATS = ("svg", "pdf")
SEXES = (("M", "Boys", "#1f5fa8", "s"), ("F", "Girls", "#c2410c", "o"))
INK, GREY, CAUTION = "#1a1a1a", "#666666", "#b00020"
MIN_CHILDREN = 3
_WIDTH_INCHES = 7.1  # two columns of a journal
_MANY = 2500  # children; more dots than that are drawn as pixels, or the picture outgrows any viewer
_AXIS = {"axial": 2, "coronal": 1, "sagittal": 0}


@dataclass(frozen=True, eq=False)
class Picture:
    """A figure, drawn but not written; `name` is that of its files."""

    name: str
    caption: str
    figure: "Figure"


def save(picture: Picture, out: Path, formats: Sequence[str] = FIGURE_FORMATS) -> list[Path]:
    """Write a picture as NAME.svg, NAME.pdf or NAME.png, the same bytes for the same picture; the paths.

    Raises:
        StudyError: the folder cannot be written.
    """
    from matplotlib import rc_context

    paths: list[Path] = []
    for kind in formats:
        content, path = io.BytesIO(), out / f"{picture.name}.{kind}"
        dates: dict[str, Any] = {"CreationDate": None, "Creator": "CT Workbench"}
        if kind != "pdf":
            dates = {"Date": None} if kind == "svg" else {"Software": "CT Workbench"}
        metadata = {"Title": picture.name.replace("_", " "), **dates}
        with rc_context({"pdf.fonttype": 42, "svg.hashsalt": "ctworkbench"}):
            picture.figure.savefig(content, format=kind, dpi=300, metadata=metadata)
        try:
            out.mkdir(parents=True, exist_ok=True)
            replace_bytes(path, content.getvalue())
        except OSError as error:
            raise StudyError(f"{path} cannot be written: {error}", "Choose a folder that can be written.") from error
        paths.append(path)
    return paths


def new_figure(width: float = _WIDTH_INCHES, height: float = 4.0) -> "Figure":
    """A figure of some inches that belongs to no window."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height))


# -- Figure 2 ----------------------------------------------------------------------------------------------------------


def subject_figure(
    image: Volume, reference: Volume, predicted: Volume, scheme: Scheme, titles: tuple[str, str], caption: str
) -> Picture:
    """Figure 2: three planes of one scan, the reference's contours above, the model's on the same slices below.

    Args:
        image: HU.
        reference: uint8 labels that the model is compared with, on the image's grid; they choose the slices.
        predicted: uint8 labels of the model, on the same grid.
        scheme: of both.
        titles: what stands above either row.
        caption: what the picture shows.

    Raises:
        WorkbenchError: a label map stands on another grid than the image.
    """
    shapes = {volume.oriented("RAS").voxels.shape for volume in (image, reference, predicted)}
    if len(shapes) > 1:
        raise WorkbenchError(
            "Figure 2: the label maps do not stand on the grid of the image.", "Segment the scan again."
        )
    above = cuts(image, reference, scheme)
    below = [on_same_slice(cut, predicted) for cut in above]
    figure = new_figure(height=5.45)
    for row, (title, shown) in enumerate(zip(titles, (above, below), strict=True)):
        bottom = 0.53 - row * 0.472
        figure.text(0.01, bottom + 0.433, title, fontsize=8, fontweight="bold", color=INK, va="bottom")
        for column, cut in enumerate(shown):
            axes = figure.add_axes((0.01 + column * 0.33, bottom, 0.32, 0.425))
            draw_cut(axes, cut, scheme)
            axes.text(
                0.98,
                0.98,
                f"({'abcdef'[row * 3 + column]})",
                transform=axes.transAxes,
                color="white",
                fontsize=8,
                ha="right",
                va="top",
                fontweight="bold",
            )
    _region_key(figure, scheme)
    return Picture("figure2_test_subject", caption, figure)


def on_same_slice(cut: Cut, labels: Volume) -> Cut:
    """The same slice with the contours of another label map of the same grid."""
    plane = np.moveaxis(labels.oriented("RAS").voxels, _AXIS[cut.plane], 0)[cut.number - 1]
    return replace(cut, labels=plane.T[:, ::-1].astype(np.uint8))


def _region_key(figure: "Figure", scheme: Scheme) -> None:
    """Names of the regions in their colours, one line at the foot."""
    from matplotlib.lines import Line2D

    lines = [Line2D([], [], color=region.color, linewidth=2) for region in scheme.regions]
    figure.legend(
        lines,
        [region.title for region in scheme.regions],
        loc="lower center",
        ncols=math.ceil(len(lines) / 2),
        fontsize=6,
        frameon=False,
        handlelength=1.2,
        columnspacing=1.2,
        borderaxespad=0.0,
    )


# -- Figure 3 ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Line:
    """A straight line by least squares with the 95 % interval of its mean, over the ages of its children.

    Attributes:
        ages: years, volume, low, high: cm³, all of one length.
        slope: cm³ a year.
    """

    ages: NDArray[np.float64]
    volume: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    slope: float
    n: int


def line_of(ages: NDArray[np.float64], volumes: NDArray[np.float64], points: int = 60) -> Line | None:
    """Volume on age, ŷ ± t(0.975, n − 2) · s · √(1/n + (x − x̄)² / Sxx); None below 3 children or for equal ages."""
    from scipy.special import stdtrit

    n = ages.size
    middle = float(ages.mean()) if n else 0.0
    spread = float(((ages - middle) ** 2).sum())
    if n < MIN_CHILDREN or spread <= 1e-12:
        return None
    slope = float((ages - middle) @ volumes) / spread
    rest = volumes - volumes.mean() - slope * (ages - middle)
    sd = math.sqrt(float(rest @ rest) / (n - 2))
    x = np.linspace(float(ages.min()), float(ages.max()), points)
    y = float(volumes.mean()) + slope * (x - middle)
    half = float(stdtrit(n - 2, 0.975)) * sd * np.sqrt(1 / n + (x - middle) ** 2 / spread)
    return Line(x, y, y - half, y + half, slope, n)


def age_figure(rows: Sequence[Observation], caution: str = "") -> Picture:
    """Figure 3: the regions' volumes against age by sex, with regression lines and the 95 % intervals of their means.

    Args:
        rows: as the tables use them; those without sex or age are not drawn.
        caution: a sentence that must be seen with them, such as that they are of phantoms; "" for none.

    Raises:
        WorkbenchError: no volume has both sex and age.
    """
    panels = by_region(with_sex_and_age(rows, "figure3", Ledger()))
    if not panels:
        raise WorkbenchError("Figure 3 is not made: no volume has both sex and age.", "Complete the cohort table.")
    names, order = region_names(), _arranged(list(panels))
    columns = min(5, math.ceil(len(order) / 2))
    lines = math.ceil(len(order) / columns)
    figure = new_figure(height=0.75 + 2.0 * lines)
    grid = figure.subplots(lines, columns, squeeze=False, sharex=True)
    drawn = {sex: 0 for sex, *_ in SEXES}
    for place, axes in enumerate(grid.ravel()):
        if place >= len(order):
            axes.set_axis_off()
            continue
        counts = _panel(axes, panels[order[place]])
        drawn = {sex: max(drawn[sex], counts[sex]) for sex in drawn}
        axes.set_title(names.get(order[place], order[place]), fontsize=7.5, color=INK, pad=3)
        if place % columns == 0:
            axes.set_ylabel("Volume (cm³)", fontsize=7, color=INK)
        if place + columns >= len(order):
            axes.set_xlabel("Age (years)", fontsize=7, color=INK)
            axes.tick_params(labelbottom=True)
    _same_scale(order, list(grid.ravel()))
    _sex_key(figure, drawn)
    low = 0.16 / figure.get_figheight() if caution else 0
    figure.tight_layout(rect=(0, low, 1, 1 - 0.3 / figure.get_figheight()), pad=0.5, w_pad=0.7, h_pad=0.9)
    told = " and ".join(f"{drawn[sex]} {title.lower()}" for sex, title, *_ in SEXES if drawn[sex])
    caption = (
        f"Figure 3. Volume of each region against age, {told}; a dot is a child. Lines: least squares of volume on age "
        "in either sex by itself; bands: 95 % interval of the line's mean, not of a child. The lines of Tables 3 and 4 "
        "have one slope for both sexes."
    )
    if caution:
        figure.text(0.5, 0.005, caution, ha="center", va="bottom", fontsize=7, color=CAUTION)
        caption = f"{caption} {caution}"
    return Picture("figure3_volumes_by_age", caption, figure)


def _panel(axes: "Axes", rows: Sequence[Observation]) -> dict[str, int]:
    """Dots, lines and bands of one region; how many children of either sex are drawn."""
    counts: dict[str, int] = {}
    for sex, _, color, marker in SEXES:
        chosen = [row for row in rows if row.sex == sex]
        counts[sex] = len(chosen)
        ages = np.array([row.age_years for row in chosen], dtype=float)
        volumes = np.array([row.volume_cm3 for row in chosen], dtype=float)
        size = 9.0 if len(rows) < 200 else 3.0
        axes.plot(
            ages,
            volumes,
            marker,
            color=color,
            markersize=math.sqrt(size),
            alpha=0.75 if len(rows) < 200 else 0.3,
            markeredgewidth=0,
            rasterized=len(rows) > _MANY,
        )
        line = line_of(ages, volumes)
        if line is not None:
            axes.fill_between(line.ages, line.low, line.high, color=color, alpha=0.3, linewidth=0, zorder=3)
            axes.plot(line.ages, line.volume, color=color, linewidth=1.2, zorder=4)
    axes.tick_params(labelsize=6, length=2, pad=1.5, colors=GREY)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    return counts


def _arranged(regions: Sequence[str]) -> list[str]:
    """Right sides above their left sides, in columns, then what has one side only."""
    pairs = [name.removeprefix("right_") for name in regions if name.startswith("right_")]
    whole = [pair for pair in pairs if f"left_{pair}" in regions]
    others = [name for name in regions if name.partition("_")[2] not in whole]
    half = math.ceil(len(others) / 2)
    return [
        *(f"right_{pair}" for pair in whole),
        *others[:half],
        *(f"left_{pair}" for pair in whole),
        *others[half:],
    ]


def _same_scale(order: Sequence[str], panels: "Sequence[Axes]") -> None:
    """Both sides of a pair have one scale of volumes, or the eye compares scales."""
    by_name = dict(zip(order, panels, strict=False))
    for name, axes in by_name.items():
        other = by_name.get(name.replace("right_", "left_", 1))
        if name.startswith("right_") and other is not None:
            limits = [*axes.get_ylim(), *other.get_ylim()]
            axes.set_ylim(min(limits), max(limits))
            other.set_ylim(min(limits), max(limits))


def _sex_key(figure: "Figure", drawn: dict[str, int]) -> None:
    from matplotlib.lines import Line2D

    shown = [(title, color, marker) for sex, title, color, marker in SEXES if drawn[sex]]
    figure.legend(
        [Line2D([], [], color=color, marker=marker, markersize=4, linewidth=1.3) for _, color, marker in shown],
        [f"{title}: dots, regression line, 95 % interval of the line" for title, *_ in shown],
        loc="upper center",
        ncols=2,
        fontsize=7,
        frameon=False,
    )


def wrapped(text: str, width: int) -> str:
    """Text in lines of at most `width` characters."""
    return "\n".join(textwrap.wrap(text, width))
