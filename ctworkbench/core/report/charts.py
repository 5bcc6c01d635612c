"""The charts of the page: volume over age in the norm, or the volumes alone where the norm says nothing."""

from typing import TYPE_CHECKING

from ctworkbench.core.norms.change import ChildScan
from ctworkbench.core.report.inputs import ReportInput
from ctworkbench.core.report.page import GREY, INK, LEFT, RED, RIGHT, SMALL, Page
from ctworkbench.core.schemes import Region, Scheme
from ctworkbench.core.translation import _

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROW_MM = 23.5
_AXES_MM = 15.5


def draw_charts(page: Page, y: float, report: ReportInput, scheme: Scheme) -> None:
    """Ten small charts of volume over age, the right side over the left."""
    title, legend = _("Volume over age"), [_("cm³ over years")]
    if report.in_norm:
        title = _("In the norm of girls") if report.child.sex == "F" else _("In the norm of boys")
        legend.append(_("line and bands: expected volume, ±1 and ±2 SD"))
    if any(error.known for scan in _scans(report) for error in scan.errors.values()):
        legend.append(_("bars: measurement error, 95 %"))
    if len(_scans(report)) > 1:
        legend.append(_("hollow: other scans"))
    page.text(LEFT, y, title, 8.5, fontweight="bold")
    page.text(RIGHT, y, "; ".join(legend), SMALL, ha="right", color=GREY)
    shown = scheme.regions if not report.in_norm else [r for r in scheme.regions if r.name in report.norm.regions]
    order = [*shown[0::2], *shown[1::2]]  # right over left: the scheme gives the pairs one after the other
    columns = (len(order) + 1) // 2
    step = (RIGHT - LEFT) / columns
    for number, region in enumerate(order):
        x = LEFT + 6 + (number % columns) * step
        axes = page.axes(x, y + 4.5 + (number // columns) * _ROW_MM, step - 8, _AXES_MM)
        _draw_chart(axes, report, region)


def draw_no_norm(page: Page, x: float, y: float, report: ReportInput) -> float:
    """The reason why there is no centile, in a box from x to the margin; the y below it."""
    from matplotlib.patches import Rectangle

    reason = _("No z-score and no centile: {reason}.").format(reason=report.child.refusal)
    told = _("A comparison would be a guess beyond the norm's children. The volumes stand as measured.")
    width = RIGHT - x - 6
    below = page.paragraph(x + 3, y + 5, reason, width * 0.92, 9, fontweight="bold", color=RED)  # bold runs wider
    below = page.paragraph(x + 3, below + 0.4, told, width, 7.5)
    height = below - y - 1
    box = Rectangle((x, y), RIGHT - x, height, facecolor="#fdecee", edgecolor=RED, linewidth=0.8, zorder=0)
    page.sheet.add_patch(box)
    return y + height + 3


def draw_bars(page: Page, y: float, bottom: float, report: ReportInput, scheme: Scheme) -> None:
    """The volumes alone, right beside left, for a child that the norm says nothing of."""
    rows = {row.region: row for row in report.child.rows}
    pairs = {right.name: left.name for right, left in scheme.pairs}
    names = [region for region in scheme.regions if region.side != "left"]
    axes = page.axes(90, y, RIGHT - 90, bottom - y)
    for i, region in enumerate(names):
        sides = [region.name, pairs[region.name]] if region.name in pairs else [region.name]
        for j, name in enumerate(sides):
            row = rows[name]
            x = i + (j - (len(sides) - 1) / 2) * 0.38
            axes.bar(x, row.volume_cm3, 0.36, color=scheme.region(name).color, linewidth=0)
            if row.reach_cm3 is not None:
                axes.errorbar([x], [row.volume_cm3], [row.reach_cm3], fmt="none", ecolor=INK, elinewidth=0.8)
            text = f"{row.volume_cm3:.0f}" if row.volume_cm3 > 0 else _("not\nfound")
            top = row.volume_cm3 + (row.reach_cm3 or 0.0)
            axes.annotate(text, (x, top), (0, 2), textcoords="offset points", ha="center", fontsize=SMALL, color=INK)
            if len(sides) == 2 and row.volume_cm3 > 0:
                axes.annotate("RL"[j], (x, 0), (0, 2), textcoords="offset points", ha="center", fontsize=SMALL)
    axes.set_xticks(range(len(names)), [_(region.title).removeprefix("Right ").capitalize() for region in names])
    axes.set_ylabel("cm³", fontsize=SMALL)
    axes.margins(y=0.12)
    _plain(axes)


def _scans(report: ReportInput) -> tuple[ChildScan, ...]:
    """The child's scans that have an age."""
    return tuple(scan for scan in report.child.scans if scan.age_years is not None)


def _draw_chart(axes: "Axes", report: ReportInput, region: Region) -> None:
    """One region: the norm's band of this sex, the child's scans with their bars, joined where they may be compared."""
    child = report.child
    if report.in_norm:
        bands = report.norm.bands(region.name, child.sex or "")
        axes.fill_between(bands.ages, bands.minus2, bands.plus2, color="#dbe7f3", linewidth=0)
        axes.fill_between(bands.ages, bands.minus1, bands.plus1, color="#b4cfe8", linewidth=0)
        axes.plot(bands.ages, bands.mean, color="#2b6ca3", linewidth=1)
        low, high = bands.ages[0], bands.ages[-1]
    else:
        ages = [scan.age_years or 0.0 for scan in _scans(report)] or [0.0]
        low, high = min(ages), max(max(ages), min(ages) + 0.1)
    found = [scan for scan in _scans(report) if scan.volumes_cm3.get(region.name, 0.0) > 0]
    joined = [scan for scan in found if scan.method_key == child.scan.method_key]
    axes.plot(*_points(joined, region.name), color=GREY, linewidth=0.8)
    for scan in found:
        error = scan.errors.get(region.name)
        reach = None if error is None else error.reach_cm3
        (age,), (volume,) = _points([scan], region.name)
        if reach is not None:
            axes.errorbar([age], [volume], [reach], fmt="none", ecolor=INK, elinewidth=0.8)
        own = scan.scan_id == child.scan.scan_id
        face, edge = (INK, "white") if own else ("white", INK)
        axes.plot([age], [volume], "o", color=face, markersize=3.8, markeredgecolor=edge, markeredgewidth=0.6)
        low, high = min(low, age), max(high, age)
    margin = 0.04 * (high - low)
    axes.set(xlim=(low - margin, high + margin), xticks=[low, (low + high) / 2, high])
    axes.set_xticklabels([f"{tick:.2g}" if high - low >= 0.5 else f"{tick:.2f}" for tick in axes.get_xticks()])
    axes.locator_params(axis="y", nbins=4)
    axes.margins(y=0.06)
    axes.set_title(_(region.title), fontsize=7, pad=2.0, color=INK)
    _plain(axes)


def _points(scans: "list[ChildScan]", region: str) -> tuple[list[float], list[float]]:
    return [scan.age_years or 0.0 for scan in scans], [scan.volumes_cm3[region] for scan in scans]


def _plain(axes: "Axes") -> None:
    axes.tick_params(labelsize=SMALL, length=2, pad=1.5, colors=GREY)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
