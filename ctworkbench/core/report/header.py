"""The head of the page: who, which scan, and where the labels come from."""

from collections.abc import Sequence

from ctworkbench.core.report.inputs import ReportInput
from ctworkbench.core.report.page import GREY, INK, LEFT, RED, RIGHT, Page, line_mm
from ctworkbench.core.translation import _

RESEARCH_ONLY = "Research use only – not for diagnosis."
_TOP, _BOTTOM = 22.5, 46.0
_SIZE = 7.0
_MOST_MM = 62.0  # what does not fit above is counted


def draw_header(page: Page, report: ReportInput) -> float:
    """Draw the head; the y below it, in mm."""
    page.text(LEFT, 15, _("Regional brain volumes on CT"), 14, fontweight="bold")
    page.text(RIGHT, 15, _(RESEARCH_ONLY), 10, ha="right", fontweight="bold", color=RED)
    page.rule(18)
    top = _TOP
    if report.phantom:
        told = _("Digital phantom: simulated images, no patient. The numbers say nothing about a child.")
        page.text(LEFT, top, told, 8.5, fontweight="bold", color=RED)
        top += 5
    columns = ((LEFT, 17, 36, report.facts), (67, 18, 46, report.acquisition), (134, 20, 44, report.provenance))
    ends = [_pairs(page, x, top, indent, width, lines) for x, indent, width, lines in columns]
    return max(*ends, _BOTTOM)


def _pairs(page: Page, x: float, y: float, indent: float, width: float, lines: Sequence[tuple[str, str]]) -> float:
    for number, (title, value) in enumerate(lines):
        if y > _MOST_MM - 2 * line_mm(_SIZE):
            more = _("… and {count} more lines in the program.").format(count=len(lines) - number)
            page.text(x, y, more, _SIZE, color=GREY)
            return y + line_mm(_SIZE)
        page.text(x, y, title, _SIZE, color=GREY)
        y = page.paragraph(x + indent, y, value, width, _SIZE, lines=3, color=INK) + 0.3
    return y
