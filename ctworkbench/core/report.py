"""The one-page report of a child: images, ten volumes, where they stand in the norm, and where the norm ends."""

import io
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ctworkbench.core import schemes
from ctworkbench.core.errors import StudyError, VolumeError, WorkbenchError
from ctworkbench.core.measure import check
from ctworkbench.core.norms import Assessment, Norm, published_norm
from ctworkbench.core.report_figures import GREY, INK, SMALL, cuts, draw_bars, draw_chart, draw_cut
from ctworkbench.core.schemes import Scheme
from ctworkbench.core.volume import Volume

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RESEARCH_ONLY = "Research use only – not for diagnosis."
_WIDTH_MM, _HEIGHT_MM = 210.0, 297.0
_LEFT, _RIGHT = 12.0, 198.0
_RED = "#b00020"
_HEADER_MM = 48.0  # where the header ends unless it is long
_MAX_REGIONS = 12
_IMPLAUSIBLE_SD = 5.0
_MM_PER_POINT = 25.4 / 72


@dataclass(frozen=True, eq=False)
class ReportInput:
    """What a report shows.

    Attributes:
        subject: the subject's code, never a name.
        sex: "M", "F" or None where unknown.
        age_years: age at the scan, None where unknown.
        image: HU on the scan's own grid.
        labels: uint8 label map on the same grid.
        volumes_cm3: volume by name of region, as measured.
        label_source: where the labels come from, with their version: "expert, version 3".
        scan: what tells the scan from all others, such as its series UID.
        scanner: maker and model, "" where unknown.
        provenance: (title, value) lines: the model or registration run, code version, hashes of weights and templates.
        warnings: sentences about this scan; what `measure.check` finds wrong with the labels is added.
        program: name and version of the program.
    """

    subject: str
    sex: str | None
    age_years: float | None
    image: Volume
    labels: Volume
    volumes_cm3: dict[str, float]
    label_source: str
    scan: str
    scanner: str = ""
    provenance: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    scheme: str = schemes.DEFAULT
    program: str = "CT Workbench"
    norm: Norm = field(default_factory=published_norm)


def child_report(report: ReportInput, out: Path) -> Path:
    """Write the report as a PDF of one A4 page, fonts embedded, the same bytes for the same input; its path.

    Raises:
        VolumeError: the labels stand on another grid than the image.
        WorkbenchError: a region of the scheme was not measured, or more regions than a page holds.
        StudyError: the file cannot be written.
    """
    from matplotlib import rc_context

    content = io.BytesIO()
    with rc_context({"pdf.fonttype": 42, "font.family": ["DejaVu Sans"], "axes.linewidth": 0.5}):
        figure = compose(report)
        metadata = {
            "Title": f"Regional brain volumes of {report.subject}",
            "Subject": RESEARCH_ONLY,
            "Creator": report.program,
            "CreationDate": None,  # the same input gives the same bytes
        }
        figure.savefig(content, format="pdf", dpi=220, metadata=metadata)
    temporary = out.with_name(f".{out.name}.{uuid.uuid4().hex[:8]}")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content.getvalue())
        temporary.replace(out)
    except OSError as error:
        raise StudyError(f"The report cannot be written to {out}: {error}", "Choose another folder.") from error
    return out


def assessments(report: ReportInput) -> dict[str, Assessment]:
    """Where each region of the report stands in the norm, or why that is not said, by name of region."""
    found: dict[str, Assessment] = {}
    for region, volume in report.volumes_cm3.items():
        if region in report.norm.regions:
            found[region] = report.norm.assess(region, report.sex, report.age_years, volume)
        else:
            found[region] = Assessment(region, volume, None, None, None, "the norm has no such region")
    return found


def centile_text(centile: float | None) -> str:
    """A centile as it is printed: no more digits than mean something, "—" where there is none."""
    if centile is None:
        return "—"
    if centile < 0.1:
        return "<0.1"
    if centile > 99.9:
        return ">99.9"
    return f"{centile:.1f}" if centile < 1 or centile > 99 else f"{centile:.0f}"


def _check(report: ReportInput, scheme: Scheme) -> None:
    if not report.labels.grid.matches(report.image.grid):
        raise VolumeError("The labels stand on another grid than the image.", "Give both on the scan's own grid.")
    missing = [name for name in scheme.region_names if name not in report.volumes_cm3]
    if missing:
        raise WorkbenchError(f"No volume was given for {', '.join(missing)}.", "Measure the label map first.")
    if len(scheme.regions) > _MAX_REGIONS:
        raise WorkbenchError(f"The page holds {_MAX_REGIONS} regions; {scheme.name} has {len(scheme.regions)}.")


class _Page:
    """An A4 page addressed in mm from its upper left corner."""

    def __init__(self, figure: "Figure") -> None:
        self.figure = figure
        self.sheet = figure.add_axes((0, 0, 1, 1))
        self.sheet.set(xlim=(0, _WIDTH_MM), ylim=(_HEIGHT_MM, 0))
        self.sheet.axis("off")

    def axes(self, x: float, y: float, width: float, height: float) -> "Axes":
        """Axes whose upper left corner is at x, y."""
        bottom = _HEIGHT_MM - y - height
        box = (x / _WIDTH_MM, bottom / _HEIGHT_MM, width / _WIDTH_MM, height / _HEIGHT_MM)
        return self.figure.add_axes(box)

    def text(self, x: float, y: float, text: str, size: float = 7.5, **style: Any) -> None:
        """One line of text whose baseline is at y."""
        defaults: dict[str, Any] = {"fontsize": size, "color": INK, "va": "baseline", "parse_math": False}
        self.sheet.text(x, y, text, **(defaults | style))

    def paragraph(
        self, x: float, y: float, text: str, width: float, size: float = 7.5, lines: int = 99, **style: Any
    ) -> float:
        """Text wrapped to `width` mm, ended with "…" after `lines`; the baseline below the last line."""
        wrapped = wrap(text, width, size)
        if len(wrapped) > lines:
            wrapped = [*wrapped[: lines - 1], wrapped[lines - 1][:-1].rstrip() + "…"]
        for line in wrapped:
            self.text(x, y, line, size, **style)
            y += size * _MM_PER_POINT * 1.3
        return y

    def rule(self, y: float, x0: float = _LEFT, x1: float = _RIGHT) -> None:
        """A thin line across."""
        self.sheet.plot([x0, x1], [y, y], color="#bbbbbb", linewidth=0.5)


def wrap(text: str, width_mm: float, size: float) -> list[str]:
    """Lines of text no wider than `width_mm` in the report's font at `size` points; long words are broken."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        while _width_mm(word, size) > width_mm:  # a UID or a hash
            head = word
            while _width_mm(head, size) > width_mm - (_width_mm(line + " ", size) if line else 0) and len(head) > 1:
                head = head[:-1]
            lines.append(f"{line} {head}".strip())
            line, word = "", word[len(head) :]
        joined = f"{line} {word}".strip()
        if _width_mm(joined, size) > width_mm:
            lines.append(line)
            joined = word
        line = joined
    return [*lines, line] if line or not lines else lines


@cache
def _width_mm(text: str, size: float) -> float:
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    width, _, _ = text_to_path.get_text_width_height_descent(text, FontProperties("DejaVu Sans", size=size), False)
    return float(width) * _MM_PER_POINT


def compose(report: ReportInput) -> "Figure":
    """The page, drawn but not written.

    Raises:
        VolumeError, WorkbenchError: as `child_report`.
    """
    from matplotlib.backends.backend_pdf import FigureCanvasPdf
    from matplotlib.figure import Figure

    scheme = schemes.load(report.scheme)
    _check(report, scheme)
    page = _Page(Figure(figsize=(_WIDTH_MM / 25.4, _HEIGHT_MM / 25.4)))
    FigureCanvasPdf(page.figure)
    refusal = report.norm.refusal(report.sex, report.age_years)
    found = assessments(report)
    page.text(_LEFT, 15, "Regional brain volumes on CT", 14, fontweight="bold")
    page.text(_RIGHT, 15, RESEARCH_ONLY, 10, ha="right", fontweight="bold", color=_RED)
    page.rule(18)
    y = _header(page, report, 23)
    side = 61 - max(0.0, y - _HEADER_MM)  # a long provenance takes its room from the images
    for i, cut in enumerate(cuts(report.image, report.labels, scheme)):
        draw_cut(page.axes(_LEFT + i * 62.5 + (61 - side) / 2, y, side, side), cut, scheme)
    y += side + 7
    _volume_table(page, y, scheme, found)
    below = _asymmetry_table(page, y, report, scheme, refusal)
    warnings = tuple(dict.fromkeys((*report.warnings, *check(report.labels, scheme))))
    _warnings(page, below + 3, y + 60, warnings)
    y += 68
    if refusal is None and report.sex is not None and report.age_years is not None:
        _charts(page, y, report, scheme)
    else:
        _no_norm(page, y, report, scheme, refusal or "")
    _limits(page, report)
    return page.figure


def _header(page: _Page, report: ReportInput, y: float) -> float:
    """Who, what and from where, in two columns; the y below it."""
    sex = {"M": "male", "F": "female"}.get(report.sex or "", "unknown")
    age = "unknown" if report.age_years is None else f"{report.age_years:.2f} years at the scan"
    left = (
        ("Subject", report.subject),
        ("Sex", sex),
        ("Age", age),
        ("Series UID", report.scan or "unknown"),
        ("Scanner", report.scanner or "unknown"),
    )
    right = (("Labels", report.label_source or "unknown"), *report.provenance)
    ends = (_pairs(page, _LEFT, y, 16, 68, left), _pairs(page, 102, y, 24, 72, right))
    return max(*ends, _HEADER_MM - 1) + 1


def _pairs(page: _Page, x: float, y: float, indent: float, width: float, lines: Sequence[tuple[str, str]]) -> float:
    for i, (title, value) in enumerate(lines):
        if y > _HEADER_MM + 13:
            page.text(x, y, f"… and {len(lines) - i} more lines in the program.", 7, color=GREY)
            return y + 4
        page.text(x, y, title, 7, color=GREY)
        y = page.paragraph(x + indent, y, value, width, 7, lines=3) + 0.5
    return y


def _volume_table(page: _Page, y: float, scheme: Scheme, found: dict[str, Assessment]) -> None:
    columns = ((78.0, "Volume\ncm³"), (94.0, "Expected\ncm³"), (107.0, "z"), (121.0, "Centile"))
    page.text(_LEFT, y + 3, "Volumes", 8.5, fontweight="bold")
    for x, title in columns:
        page.text(x, y + 3, title, 7, ha="right", color=GREY, va="bottom", linespacing=1.1)
    page.rule(y + 4.5, _LEFT, 121)
    step = min(4.9, 56 / len(scheme.regions))
    for i, region in enumerate(scheme.regions):
        row, line = found[region.name], y + 8.6 + i * step
        page.sheet.plot([_LEFT + 1], [line - 0.9], "s", color=region.color, markersize=4.5, markeredgewidth=0)
        page.text(_LEFT + 4, line, region.title)
        style: dict[str, Any] = {
            "ha": "right",
            "fontweight": "bold" if row.z is not None and abs(row.z) > 2 else "normal",
        }
        page.text(columns[0][0], line, f"{row.volume_cm3:.1f}" if row.volume_cm3 > 0 else "not found", **style)
        page.text(columns[1][0], line, "—" if row.expected_cm3 is None else f"{row.expected_cm3:.1f}", ha="right")
        page.text(columns[2][0], line, _signed(row.z), **style)
        page.text(columns[3][0], line, centile_text(row.centile), **style)
    line = y + 8.6 + len(scheme.regions) * step
    scores = [abs(row.z) for row in found.values() if row.z is not None]
    note = "Bold: beyond ±2 SD." if scores else "— : no norm, see below."
    if scores and max(scores) > _IMPLAUSIBLE_SD:
        note += f" Beyond ±{_IMPLAUSIBLE_SD:g} SD an error of the labels is likelier than anatomy: look at them first."
    page.text(_LEFT, line, note, SMALL, color=GREY)


def _asymmetry_table(page: _Page, y: float, report: ReportInput, scheme: Scheme, refusal: str | None) -> float:
    """Right minus left of each pair, beside the volumes; the y below it."""
    x0, columns = 130.0, ((158.0, "R − L\ncm³"), (169.0, "R − L\n%"), (184.0, "Expected\ncm³"), (_RIGHT, "z"))
    page.text(x0, y + 3, "Asymmetry", 8.5, fontweight="bold")
    for x, title in columns:
        page.text(x, y + 3, title, 7, ha="right", color=GREY, va="bottom", linespacing=1.1)
    page.rule(y + 4.5, x0)
    for i, (right, left) in enumerate(scheme.pairs):
        line, pair = y + 8.6 + i * 4.9, right.name.removeprefix("right_")
        r, l_ = report.volumes_cm3[right.name], report.volumes_cm3[left.name]
        page.text(x0, line, pair.capitalize())
        if r <= 0 or l_ <= 0:
            page.text(columns[2][0], line, "a side is missing", ha="right")
            continue
        page.text(columns[0][0], line, _signed(r - l_), ha="right")
        page.text(columns[1][0], line, _signed(200 * (r - l_) / (r + l_), 1), ha="right")
        expected = z = None
        if refusal is None and report.sex and report.age_years is not None and pair in report.norm.pairs:
            expected = report.norm.asymmetry_mean(pair, report.sex)
            z = report.norm.asymmetry_z(pair, report.sex, report.age_years, r, l_)
        page.text(columns[2][0], line, _signed(expected), ha="right")
        weight = "bold" if z is not None and abs(z) > 2 else "normal"
        page.text(columns[3][0], line, _signed(z), ha="right", fontweight=weight)
    return y + 8.6 + len(scheme.pairs) * 4.9


def _warnings(page: _Page, y: float, bottom: float, warnings: Sequence[str]) -> None:
    """Sentences about this scan, as many as there is room for, and how many there was none for."""
    if not warnings:
        return
    page.text(130, y, "Warnings", 8.5, fontweight="bold", color=_RED)
    y += 4.2
    for i, warning in enumerate(warnings):
        height = len(wrap(f"• {warning}", 68, 7)) * 7 * _MM_PER_POINT * 1.3
        last = i == len(warnings) - 1
        if y + height > bottom - (0 if last else 3.5):
            page.text(130, y, f"… and {len(warnings) - i} more in the program.", 7, color=_RED)
            return
        y = page.paragraph(130, y, f"• {warning}", 68, 7) + 0.4


def _charts(page: _Page, y: float, report: ReportInput, scheme: Scheme) -> None:
    who = {"M": "boys", "F": "girls"}[report.sex or ""]
    page.text(
        _LEFT,
        y,
        f"Against the norm of {who}: expected volume, ±1 and ±2 SD over age (years), in cm³",
        8.5,
        fontweight="bold",
    )
    regions = [region for region in scheme.regions if region.name in report.norm.regions]
    # right over left: the scheme gives the pairs one after the other
    order = [*regions[0::2], *regions[1::2]]
    columns = (len(order) + 1) // 2
    step = (_RIGHT - _LEFT) / columns
    for i, region in enumerate(order):
        axes = page.axes(_LEFT + 6 + (i % columns) * step, y + 5.5 + (i // columns) * 32, step - 8, 23.5)
        volume = report.volumes_cm3[region.name]
        draw_chart(axes, report.norm, region.name, region.title, report.sex or "", report.age_years or 0.0, volume)


def _no_norm(page: _Page, y: float, report: ReportInput, scheme: Scheme, refusal: str) -> None:
    from matplotlib.patches import Rectangle

    page.sheet.add_patch(
        Rectangle((_LEFT, y - 4), _RIGHT - _LEFT, 14, facecolor="#fdecee", edgecolor=_RED, linewidth=0.8)
    )
    page.text(_LEFT + 3, y + 1, f"No z-score and no centile: {refusal}.", 9, fontweight="bold", color=_RED)
    page.text(
        _LEFT + 3,
        y + 6.5,
        "A comparison would be a guess beyond the norm's children. The volumes stand as measured.",
        7.5,
    )
    draw_bars(page.axes(_LEFT + 8, y + 17, _RIGHT - _LEFT - 8, 44), scheme, report.volumes_cm3)


def _limits(page: _Page, report: ReportInput) -> None:
    """Where the norm ends, at the foot of the page."""
    y = 258.0
    page.rule(y - 4)
    y = page.paragraph(_LEFT, y, report.norm.limits.text, _RIGHT - _LEFT, SMALL)
    y = page.paragraph(_LEFT, y + 0.6, " ".join(report.norm.limits.cautions), _RIGHT - _LEFT, SMALL)
    page.paragraph(_LEFT, y + 0.6, "A centile says how common a volume is, not whether a child is ill.", 186, SMALL)
    page.text(_LEFT, 291, RESEARCH_ONLY, 7.5, fontweight="bold", color=_RED)
    page.text(_RIGHT, 291, report.program, SMALL, ha="right", color=GREY)


def _signed(value: float | None, digits: int = 2) -> str:
    if value is None:
        return "—"
    text = f"{value:+.{digits}f}"
    return text.replace("-", "−") if float(text) else text[1:]
