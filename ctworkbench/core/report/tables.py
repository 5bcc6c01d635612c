"""The tables of the page: volumes with what measurement error leaves open, right minus left, and change."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ctworkbench.core.norms.child import AsymmetryRow, ChildRow
from ctworkbench.core.norms.measurement_error import TOTAL
from ctworkbench.core.report.inputs import ReportInput
from ctworkbench.core.report.numbers import NOTHING, centile_text, range_text, reach_text, signed, years_text, z_text
from ctworkbench.core.report.page import GREY, INK, LEFT, RED, RIGHT, RULE, SMALL, Page, wrap
from ctworkbench.core.schemes import Scheme
from ctworkbench.core.translation import _

if TYPE_CHECKING:
    from matplotlib.axes import Axes

IMPLAUSIBLE_SD = 5.0
ROWS_MM = 43.0
_AXIS_SD = 4.0
_WIDE = 150.0  # where the numbers of the norm end and the picture of them begins


def draw_volumes(page: Page, y: float, report: ReportInput, scheme: Scheme, room: float = ROWS_MM) -> float:
    """The volumes and the total, with bars of z or with the change since the scan before; the y below them.

    Args:
        page: to draw on.
        y: upper edge in mm.
        report: what is shown.
        scheme: its regions.
        room: height of the rows in mm.
    """
    child = report.child
    columns = _columns(report)
    page.text(LEFT, y + 3, _("Volumes"), 8.5, fontweight="bold")
    for x, title in columns:
        page.text(x, y + 3, title, SMALL, ha="right", color=GREY, va="bottom", linespacing=1.1)
    page.rule(y + 4.2, LEFT, columns[-1][0])
    step = room / max(10, len(child.rows))
    top = y + 8.0
    for number, (region, row) in enumerate(zip(scheme.regions, child.rows, strict=True)):
        line = top + number * step
        page.sheet.plot([LEFT + 1], [line - 0.9], "s", color=region.color, markersize=4.5, markeredgewidth=0)
        page.text(LEFT + 4, line, _(region.title))
        _cells(page, line, row, [x for x, _title in columns], report)
    line = top + len(child.rows) * step + 0.8
    page.rule(line - 3.5, LEFT, columns[-1][0])
    page.text(LEFT + 4, line, _("Total of the {count}").format(count=len(child.rows)), fontweight="bold")
    _cells(page, line, child.total, [x for x, _title in columns], report)
    if child.since is not None:
        _change(page, y, top, step, report)
    elif report.in_norm:
        _bars(page, y, top, step, child.rows)
    return _notes(page, line + 3.8, report)


def draw_asymmetries(page: Page, y: float, report: ReportInput) -> float:
    """Right minus left of each pair; the y below it."""
    columns = [(45.0, _("R − L\ncm³")), (57.0, _("± error\n95 %")), (68.0, _("R − L\n%"))]
    if report.in_norm:
        columns += [(83.0, _("Expected\ncm³")), (96.0, "z")]
    page.text(LEFT, y + 3, _("Asymmetry"), 8.5, fontweight="bold")
    for x, title in columns:
        page.text(x, y + 3, title, SMALL, ha="right", color=GREY, va="bottom", linespacing=1.1)
    page.rule(y + 4.2, LEFT, columns[-1][0])
    for place, row in enumerate(report.child.asymmetries):
        line = y + 8.0 + place * 4.4
        page.text(LEFT, line, _(row.title))
        if row.difference_cm3 is None:
            page.text(columns[2][0], line, _("a side is missing"), ha="right")
            continue
        cells = (
            signed(row.difference_cm3),
            reach_text(row.reach_cm3),
            signed(row.percent, 1),
            signed(row.expected_cm3),
            z_text(row.z),
        )[: len(columns)]
        for number, ((x, _title), text) in enumerate(zip(columns, cells, strict=True)):
            bold = row.beyond_surely and number == 4
            page.text(x, line, text, ha="right", fontweight="bold" if bold else "normal")
        if report.in_norm:
            _mark(page, columns[-1][0], line, row)
    return y + 8.0 + len(report.child.asymmetries) * 4.4


def draw_warnings(page: Page, y: float, bottom: float, warnings: Sequence[str], x: float, width: float) -> None:
    """Sentences about this scan, as many as there is room for, and how many there was none for."""
    if not warnings:
        return
    page.text(x, y + 3, _("Warnings, the gravest first"), 8.5, fontweight="bold", color=RED)
    y += 7.2
    for number, warning in enumerate(warnings):
        height = len(wrap(f"• {warning}", width, SMALL)) * SMALL * 25.4 / 72 * 1.3
        last = number == len(warnings) - 1
        if y + height > bottom - (0 if last else 3.2):
            more = _("… and {count} more in the program.").format(count=len(warnings) - number)
            page.text(x, y, more, SMALL, color=RED)
            return
        y = page.paragraph(x, y, f"• {warning}", width, SMALL) + 0.3


def _columns(report: ReportInput) -> list[tuple[float, str]]:
    """Right edges and titles of the numbers; those of the norm only where it says something."""
    volume = [(58.0, _("Volume\ncm³")), (71.0, _("± error\n95 %"))]
    if not report.in_norm:
        return volume
    return [
        *volume,
        (84.0, _("Expected\ncm³")),
        (96.0, "z"),
        (109.0, _("Centile")),
        (129.0, _("95 % by the\nnorm's sample")),
        (_WIDE, _("95 % by meas-\nurement error")),
    ]


def _cells(page: Page, line: float, row: ChildRow, columns: Sequence[float], report: ReportInput) -> None:
    found = row.volume_cm3 > 0
    missing = NOTHING if row.region == TOTAL else _("not found")
    cells = [f"{row.volume_cm3:,.1f}" if found else missing, reach_text(row.reach_cm3)]
    if report.in_norm:
        expected = NOTHING if row.expected_cm3 is None else f"{row.expected_cm3:,.1f}"
        cells += [expected, z_text(row.z), centile_text(row.centile)]
        cells += [range_text(row.centile_low, row.centile_high), range_text(row.measured_low, row.measured_high)]
    for number, (x, text) in enumerate(zip(columns, cells, strict=True)):
        bold = row.beyond_surely and number in (0, 3, 4)
        page.text(x, line, text, ha="right", fontweight="bold" if bold else "normal")
    if report.in_norm and found:
        _mark(page, columns[3], line, row)


def _mark(page: Page, x: float, line: float, row: ChildRow | AsymmetryRow) -> None:
    """A sign after a z whose difference measurement error alone could make."""
    if row.within_error:
        page.text(x + 0.6, line, "≈", 7, color=GREY)
    elif row.beyond and not row.beyond_surely:
        page.text(x + 0.6, line, "?", 7, color=GREY)


def _notes(page: Page, y: float, report: ReportInput) -> float:
    """What the marks mean and where the measurement error comes from."""
    child = report.child
    rows = (*child.rows, *child.asymmetries)
    told: list[str] = []
    if report.in_norm:
        known = child.errors_known
        told.append(_("Bold: beyond ±2 SD, measurement error allowed for.") if known else _("Bold: beyond ±2 SD."))
    if any(row.within_error for row in rows):
        told.append(_("≈: the difference from what is expected is within the measurement error."))
    if any(row.beyond and not row.beyond_surely for row in rows):
        told.append(_("?: beyond ±2 SD, but measurement error could have made it."))
    if child.since is not None:
        told.append(_("Change: bold where it is beyond the smallest detectable change, 1.96·√2·Sw."))
    told.append(child.error_note)
    if any(abs(row.z) > IMPLAUSIBLE_SD for row in rows if row.z is not None):
        told.append(
            _("Beyond ±{sd:g} SD an error of the labels is likelier than anatomy: look at them first.").format(
                sd=IMPLAUSIBLE_SD
            )
        )
    if child.total.reason not in ("", child.refusal):
        told.append(_("Total: {reason}.").format(reason=child.total.reason))
    return page.paragraph(LEFT, y, " ".join(told), RIGHT - LEFT, SMALL, lines=4, color=GREY) + 2


def _bars(page: Page, y: float, top: float, step: float, rows: Sequence[ChildRow]) -> None:
    """Each z with the interval that measurement error makes, over ±1 and ±2 SD of the norm."""
    height = len(rows) * step
    x = _WIDE + 5
    axes = page.axes(x, top - step * 0.75, RIGHT - x, height)
    axes.set(xlim=(-_AXIS_SD, _AXIS_SD), ylim=(len(rows) - 0.5, -0.5), yticks=[])
    axes.axvspan(-2, 2, color="#dbe7f3", linewidth=0)
    axes.axvspan(-1, 1, color="#b4cfe8", linewidth=0)
    axes.axvline(0, color="#2b6ca3", linewidth=0.8)
    for number, row in enumerate(rows):
        if row.z is not None:
            _bar(axes, number, row.z, row.z_low, row.z_high)
    axes.set_xticks([-2, 0, 2], ["−2", "0", "+2"])
    axes.tick_params(labelsize=SMALL, length=2, pad=1.5, colors=GREY)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(RULE)
    middle = (x + RIGHT) / 2
    title = _("z with\nmeasurement error") if any(row.z_low is not None for row in rows) else "z"
    page.text(middle, y + 3, title, SMALL, ha="center", color=GREY, va="bottom", linespacing=1.1)


def _bar(axes: "Axes", number: int, z: float, low: float | None, high: float | None) -> None:
    """One z with its bar; beyond the axis an arrow at its edge."""
    edge = _AXIS_SD - 0.15
    if low is not None and high is not None and low < edge and high > -edge:
        ends = [max(low, -_AXIS_SD), min(high, _AXIS_SD)]
        axes.plot(ends, [number, number], color=INK, linewidth=1.1, solid_capstyle="butt")
    marker = "o" if abs(z) <= edge else (">" if z > 0 else "<")
    style: dict[str, Any] = {"color": INK, "markersize": 4, "markeredgecolor": "white", "markeredgewidth": 0.5}
    axes.plot([max(-edge, min(edge, z))], [number], marker, clip_on=False, **style)


def _change(page: Page, y: float, top: float, step: float, report: ReportInput) -> None:
    """The change since the scan before, region by region, beside the smallest that can be detected."""
    since = report.child.since
    if since is None:
        return
    since_text = _("Change from\n{years} y, cm³").format(years=years_text(since.before.age_years))
    detectable, last = _("Detectable\nfrom, cm³"), _("Expected\nchange, cm³")
    right = (168.0, 182.0, RIGHT)
    if not report.in_norm:
        right, last = (92.0, 107.0, 119.0), _("Change\n%")
    titles = (since_text, detectable, last)
    for x, title in zip(right, titles, strict=True):
        page.text(x, y + 3, title, SMALL, ha="right", color=GREY, va="bottom", linespacing=1.1)
    left = right[0] - 13
    page.rule(y + 4.2, left, right[-1])
    for number, row in enumerate(since.rows):
        line = top + number * step + (0.8 if number == len(since.rows) - 1 else 0)
        smallest = NOTHING if row.smallest_cm3 is None else f"{row.smallest_cm3:.1f}"
        cells = (signed(row.change_cm3, 1), smallest, signed(row.expected_cm3 if report.in_norm else row.percent, 1))
        for x, text, bold in zip(right, cells, (bool(row.beyond_error), False, False), strict=True):
            page.text(x, line, text, ha="right", fontweight="bold" if bold else "normal")
