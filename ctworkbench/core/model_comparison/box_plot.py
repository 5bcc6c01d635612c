"""Box plots of a comparison: the same boxes in the window and in the files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ctworkbench.core.analysis.figures import GREY, INK, Picture, new_figure
from ctworkbench.core.model_comparison.measures import ALL_REGIONS, MEASURES, Measure
from ctworkbench.core.model_comparison.result import ComparisonResult
from ctworkbench.core.splits import Role
from ctworkbench.core.training import LABEL_KINDS, LabelKind

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SET_TITLES: dict[Role, str] = {"train": "training", "validation": "validation", "test": "final test"}
COLORS = ("#0072b2", "#c35e00", "#12a55f", "#7c0ffb", "#8a0f52", "#141414", "#2c3072")
_REACH = 1.5
_GROUP = 0.8
_LONGEST = 30
_BESIDE = 3


@dataclass(frozen=True)
class Box:
    """One box: a configuration in one set.

    Attributes:
        part: of which subjects.
        values: subject → number, averaged over repeats and folds first.
        low, high: ends of the whiskers: the furthest values within 1.5 interquartile ranges of the box (Tukey 1977).
        q1, median, q3: quartiles, as numpy has them.
    """

    configuration: int
    part: Role
    values: Mapping[str, float]
    low: float
    q1: float
    median: float
    q3: float
    high: float


def box_of(configuration: int, part: Role, values: Mapping[str, float]) -> Box | None:
    """A box over subjects; None without any."""
    import numpy as np

    if not values:
        return None
    numbers = np.array(list(values.values()), dtype=float)
    q1, median, q3 = (float(value) for value in np.percentile(numbers, [25, 50, 75]))
    reach = _REACH * (q3 - q1)
    near = numbers[(numbers >= q1 - reach) & (numbers <= q3 + reach)]
    return Box(configuration, part, values, float(near.min()), q1, median, q3, float(near.max()))


def boxes(result: ComparisonResult, measure: Measure, region: str, kind: LabelKind) -> list[Box]:
    """Boxes of every configuration: its training cases beside what was held out."""
    parts: list[Role] = ["train", *result.parts]
    found = [
        box_of(place, part, result.values(place, measure, region, part, kind).of)
        for place in range(len(result.titles))
        for part in parts
    ]
    return [box for box in found if box is not None]


def pictures(result: ComparisonResult) -> list[Picture]:
    """One picture for each measure and kind of labels."""
    return [picture(result, measure, kind) for measure in MEASURES for kind in result.kinds]


def picture(result: ComparisonResult, measure: Measure, kind: LabelKind) -> Picture:
    """The mean of the regions with training beside what was held out, and below it each region of what was held out."""
    figure = new_figure(height=6.4)
    above, below = figure.subplots(2, 1, gridspec_kw={"height_ratios": (1, 1.1)})
    found = boxes(result, measure, ALL_REGIONS, kind)
    _draw_sets(above, result, found)
    _draw_regions(below, result, measure, kind)
    for axes in (above, below):
        axes.set_ylabel(measure.title, fontsize=8, color=INK)
        axes.tick_params(labelsize=7, length=2, colors=INK)
        axes.grid(axis="y", color="#e3e6ea", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(GREY)
    above.set_title(f"{result.regions[ALL_REGIONS]}, against {LABEL_KINDS[kind]}", fontsize=8.5, loc="left", color=INK)
    figure.tight_layout(pad=0.6, h_pad=1.4)
    n = max((len(box.values) for box in found if box.part != "train"), default=0)
    caption = (
        f"{measure.title} against {LABEL_KINDS[kind]}, {result.name}: boxes from the first to the third quartile with "
        f"the median, whiskers to the furthest value within 1.5 of its length; a dot is a subject (up to {n}), "
        "averaged over repeats and folds."
    )
    return Picture(f"{measure.key}_{kind}", caption, figure)


def _draw_sets(axes: "Axes", result: ComparisonResult, found: Sequence[Box]) -> None:
    """Configurations side by side, their sets within each: training hollow."""
    parts: list[Role] = ["train", *result.parts]
    width = _GROUP / len(parts)
    for box in found:
        place = box.configuration + (parts.index(box.part) - (len(parts) - 1) / 2) * width
        _draw(axes, box, place, width * 0.7, COLORS[box.configuration % len(COLORS)], dots=True)
        axes.annotate(
            SET_TITLES[box.part],
            (place, 0.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, -9),
            textcoords="offset points",
            ha="center",
            fontsize=6.5,
            color=GREY,
        )
    axes.set_xticks(range(len(result.titles)), [_short(title) for title in result.titles], fontsize=7)
    axes.tick_params(axis="x", pad=12)
    axes.set_xlim(-0.6, len(result.titles) - 0.4)


def _draw_regions(axes: "Axes", result: ComparisonResult, measure: Measure, kind: LabelKind) -> None:
    """Regions side by side, the configurations within each, of the last part that was held out."""
    from matplotlib.patches import Patch

    part = result.parts[-1] if result.parts else "validation"
    regions = {name: title for name, title in result.regions.items() if name != ALL_REGIONS}
    width = _GROUP / len(result.titles)
    for number, region in enumerate(regions):
        for place in range(len(result.titles)):
            box = box_of(place, part, result.values(place, measure, region, part, kind).of)
            if box is not None:
                x = number + (place - (len(result.titles) - 1) / 2) * width
                _draw(axes, box, x, width * 0.75, COLORS[place % len(COLORS)], dots=False)
    axes.set_xticks(range(len(regions)), list(regions.values()), fontsize=6.5, rotation=30, ha="right")
    axes.set_title(f"Each region, {SET_TITLES[part]}", fontsize=8.5, loc="left", color=INK)
    axes.legend(
        [Patch(color=COLORS[place % len(COLORS)]) for place in range(len(result.titles))],
        result.titles,
        fontsize=6.5,
        frameon=False,
        ncols=len(result.titles) if len(result.titles) <= _BESIDE else 2,
        loc="lower right",
        bbox_to_anchor=(1.0, 0.995),  # above the boxes, never over them
        borderaxespad=0.0,
    )


def _draw(axes: "Axes", box: Box, x: float, width: float, color: str, dots: bool) -> None:
    hollow = box.part == "train"
    told = {"med": box.median, "q1": box.q1, "q3": box.q3, "whislo": box.low, "whishi": box.high, "fliers": []}
    axes.bxp(
        [told],
        positions=[x],
        widths=width,
        showfliers=False,
        patch_artist=True,
        manage_ticks=False,
        boxprops={"facecolor": "white" if hollow else f"{color}55", "edgecolor": color, "linewidth": 0.9},
        medianprops={"color": color, "linewidth": 1.5},
        whiskerprops={"color": color, "linewidth": 0.9},
        capprops={"color": color, "linewidth": 0.9},
    )
    numbers = list(box.values.values())
    shown = numbers if dots else [value for value in numbers if not box.low <= value <= box.high]
    places = [x + offset * width for offset in spread(len(shown))]
    axes.plot(places, shown, "o", color=color, markersize=2.2, alpha=0.75, markeredgewidth=0, linestyle="none")


def spread(number: int, reach: float = 0.3) -> list[float]:
    """Places beside each other, within `reach` of the middle, the same ones every time."""
    return [reach * (2 * ((0.5 + place * 0.618034) % 1) - 1) for place in range(number)]


def _short(title: str) -> str:
    """A title over two lines where it is long."""
    return title if len(title) <= _LONGEST else title.replace(" (", "\n(", 1)
