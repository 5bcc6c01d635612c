"""The one-page report of a child: images, ten volumes, where they stand in the norm, and where the norm ends."""

import io
from pathlib import Path
from typing import TYPE_CHECKING

from ctworkbench.core import schemes
from ctworkbench.core.errors import StudyError, VolumeError, WorkbenchError
from ctworkbench.core.files import replace_bytes
from ctworkbench.core.measure import check
from ctworkbench.core.report.charts import draw_bars, draw_charts, draw_no_norm
from ctworkbench.core.report.header import RESEARCH_ONLY, draw_header
from ctworkbench.core.report.images import cuts, draw_cut
from ctworkbench.core.report.inputs import ReportInput
from ctworkbench.core.report.page import GREY, HEIGHT_MM, LEFT, RED, RIGHT, SMALL, WIDTH_MM, Page
from ctworkbench.core.report.tables import ROWS_MM, draw_asymmetries, draw_volumes, draw_warnings
from ctworkbench.core.schemes import Scheme
from ctworkbench.core.translation import _

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MAX_REGIONS = 12
_IMAGE_MM, _GAP_MM = 57.0, 2.0
_TABLES_MM = 109.0  # where the tables begin: a long head takes its room from the images
_CHARTS_MM = 208.5
_LIMITS_MM = 260.0
_RIGHT_HALF = 108.0


def child_report(report: ReportInput, out: Path, digest: str = "") -> Path:
    """Write the report as a PDF of one A4 page, fonts embedded, the same bytes for the same input; its path.

    Args:
        report: what it shows.
        out: file to write.
        digest: what the report was made from, written into the file so that a batch knows what need not be made again.

    Raises:
        VolumeError: the labels stand on another grid than the image.
        WorkbenchError: a region of the scheme was not measured, or more regions than a page holds.
        StudyError: the file cannot be written.
    """
    from matplotlib import rc_context

    try:
        out.parent.mkdir(parents=True, exist_ok=True)  # before the page is drawn, which takes its time
    except OSError as error:
        raise _not_written(out, error) from error
    content = io.BytesIO()
    with rc_context({"pdf.fonttype": 42, "font.family": ["DejaVu Sans"], "axes.linewidth": 0.5}):
        figure = compose(report)
        metadata = {
            "Title": f"Regional brain volumes of {report.child.subject}",
            "Subject": RESEARCH_ONLY,
            "Creator": report.program,
            "CreationDate": None,  # the same input gives the same bytes
        }
        if digest:
            metadata["Keywords"] = digest
        figure.savefig(content, format="pdf", dpi=220, metadata=metadata)
    try:
        replace_bytes(out, content.getvalue())
    except OSError as error:
        raise _not_written(out, error) from error
    return out


def _not_written(out: Path, error: OSError) -> StudyError:
    return StudyError(f"The report cannot be written to {out}: {error}", "Choose another folder.")


def compose(report: ReportInput) -> "Figure":
    """The page, drawn but not written.

    Raises:
        VolumeError, WorkbenchError: as `child_report`.
    """
    from matplotlib.backends.backend_pdf import FigureCanvasPdf
    from matplotlib.figure import Figure

    scheme = schemes.load(report.scheme)
    _check(report, scheme)
    page = Page(Figure(figsize=(WIDTH_MM / 25.4, HEIGHT_MM / 25.4)))
    FigureCanvasPdf(page.figure)
    y = draw_header(page, report)
    _images(page, y, report, scheme)
    warnings = tuple(dict.fromkeys((*_sentences(check(report.labels, scheme)), *report.warnings)))
    if report.in_norm or len(report.child.scans) > 1:
        _tables_and_charts(page, report, scheme, warnings)
    else:
        _volumes_alone(page, report, scheme, warnings)
    _limits(page, report)
    return page.figure


def _tables_and_charts(page: Page, report: ReportInput, scheme: Scheme, warnings: tuple[str, ...]) -> None:
    """A child in the norm, or one with several scans: tables, then ten charts."""
    y = draw_volumes(page, _TABLES_MM, report, scheme)
    if not report.in_norm:
        draw_no_norm(page, 126, _TABLES_MM + 1, report)
    draw_asymmetries(page, y, report)
    draw_warnings(page, y, _CHARTS_MM - 2.5, warnings, _RIGHT_HALF, RIGHT - _RIGHT_HALF)
    draw_charts(page, _CHARTS_MM, report, scheme)


def _volumes_alone(page: Page, report: ReportInput, scheme: Scheme, warnings: tuple[str, ...]) -> None:
    """One scan that the norm says nothing of: volumes as bars, and room for the warnings."""
    y = draw_volumes(page, _TABLES_MM, report, scheme, room=1.25 * ROWS_MM)
    draw_bars(page, _TABLES_MM + 1, _TABLES_MM + 4 + 1.25 * ROWS_MM, report, scheme)
    y = draw_no_norm(page, LEFT, y + 1, report) + 2
    draw_asymmetries(page, y, report)
    draw_warnings(page, y, _LIMITS_MM - 8, warnings, _RIGHT_HALF, RIGHT - _RIGHT_HALF)


def _check(report: ReportInput, scheme: Scheme) -> None:
    if not report.labels.grid.matches(report.image.grid):
        raise VolumeError("The labels stand on another grid than the image.", "Give both on the scan's own grid.")
    missing = [name for name in scheme.region_names if name not in report.child.scan.volumes_cm3]
    if missing:
        raise WorkbenchError(f"No volume was given for {', '.join(missing)}.", "Measure the label map first.")
    if len(scheme.regions) > _MAX_REGIONS:
        raise WorkbenchError(f"The page holds {_MAX_REGIONS} regions; {scheme.name} has {len(scheme.regions)}.")


def _sentences(problems: list[str]) -> list[str]:
    """What is wrong with the labels, as sentences."""
    return [f"{_('Labels')}: {problem}" for problem in problems]


def _images(page: Page, y: float, report: ReportInput, scheme: Scheme) -> None:
    """Three planes side by side in the room that the head leaves."""
    height = min(_IMAGE_MM, _TABLES_MM - 4 - y)
    width = (RIGHT - LEFT - 2 * _GAP_MM) / 3
    for number, cut in enumerate(cuts(report.image, report.labels, scheme)):
        draw_cut(page.axes(LEFT + number * (width + _GAP_MM), y, width, height), cut, scheme)


def _limits(page: Page, report: ReportInput) -> None:
    """Where the norm ends, at the foot of the page."""
    y = _LIMITS_MM
    page.rule(y - 3.5)
    y = page.paragraph(LEFT, y, report.norm.limits.text, RIGHT - LEFT, SMALL, lines=4)
    y = page.paragraph(LEFT, y + 0.5, " ".join(report.norm.limits.cautions), RIGHT - LEFT, SMALL, lines=5)
    told = _("A centile says how common a volume is, not whether a child is ill.")
    page.paragraph(LEFT, y + 0.5, told, RIGHT - LEFT, SMALL)
    page.text(LEFT, 291.5, _(RESEARCH_ONLY), 7.5, fontweight="bold", color=RED)
    page.text(RIGHT, 291.5, report.program, SMALL, ha="right", color=GREY)
