"""Cards of norms and models: their sections, and the pages of a PDF that they flow over."""

import io
import textwrap
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ctworkbench.core.files import replace_bytes

if TYPE_CHECKING:
    from matplotlib.backends.backend_pdf import PdfPages
    from matplotlib.figure import Figure

RESEARCH_ONLY = "Research use only – not for diagnosis."
GREY = "#666666"
LINE = 0.0142
"""Height of a line, as a part of the page's."""
_A4 = (8.27, 11.69)
_TOP, _FOOT, _LEFT = 0.93, 0.05, 0.07


@dataclass(frozen=True)
class Section:
    """A heading with lines of (title, value), or with sentences where the title is empty."""

    heading: str
    lines: tuple[tuple[str, str], ...]


class CardDocument:
    """The pages of one card; text flows from one to the next.

    Args:
        pages: where finished pages go.
        title: of every page, before the page's own heading.
        foot: the line at the foot of every page.
    """

    def __init__(self, pages: "PdfPages", title: str, foot: str) -> None:
        self._pages, self._title, self._foot = pages, title, foot
        self._figure: Figure | None = None
        self.y = _TOP
        """Where the next line stands, as a part of the page's height."""

    def page(self, heading: str) -> "Figure":
        """A new page, to be drawn on and added by `add`."""
        from matplotlib.figure import Figure

        figure = Figure(_A4)
        figure.text(_LEFT, 0.962, f"{self._title}: {heading}", fontsize=12, weight="bold", parse_math=False)
        foot = f"{self._foot}  ·  {RESEARCH_ONLY}"
        figure.text(_LEFT, 0.025, foot, fontsize=6.5, color=GREY, parse_math=False)
        return figure

    def add(self, figure: "Figure") -> None:
        """Put a page behind those before."""
        self._pages.savefig(figure)

    def text(self, heading: str, sections: Sequence[Section], indent: float, width: int) -> None:
        """Begin a page and let sections flow; those without lines are left out.

        Args:
            heading: of the first page.
            sections: in their order.
            indent: of values that have a title, as a part of the page's width.
            width: of such values, in letters.
        """
        self._figure, self.y = self.page(heading), _TOP
        for section in sections:
            if not section.lines:
                continue
            self.headline(section.heading, 4)
            for title, text in section.lines:
                x, letters = (indent, width) if title else (0.085, 125)
                lines = textwrap.wrap(text, letters, break_long_words=True) or ["–"]
                self.room(len(lines))
                self.put(_LEFT, title or "•", 7.5, GREY if title else "black")
                self.put(x, "\n".join(lines), 7.5)
                self.y -= (len(lines) + 0.35) * LINE

    def headline(self, text: str, lines: int) -> None:
        """A heading that stays with the lines which follow it."""
        self.room(lines)
        self.y -= 0.5 * LINE
        self.put(_LEFT, text, 9, weight="bold")
        self.y -= 1.4 * LINE

    def row(self, places: Sequence[float], cells: Sequence[str], size: float, bold: bool) -> None:
        """A line of a table, each cell at its place."""
        for x, cell in zip(places, cells, strict=False):
            self.put(x, cell, size, weight="bold" if bold else "normal")
        self.y -= 1.15 * LINE

    def put(self, x: float, text: str, size: float, color: str = "black", weight: str = "normal") -> None:
        """Text whose first line stands at `y`; it holds no mathematics."""
        assert self._figure is not None, "begun by `text`"
        self._figure.text(
            x, self.y, text, fontsize=size, color=color, weight=weight, va="top", linespacing=1.35, parse_math=False
        )

    def room(self, lines: int) -> None:
        """Go to the next page unless so many lines have room on this one."""
        if self.y - lines * LINE < _FOOT:
            self.end()
            self._figure, self.y = self.page("card, continued"), _TOP

    def end(self) -> None:
        """The text ends with this page."""
        assert self._figure is not None, "begun by `text`"
        self.add(self._figure)


@contextmanager
def written(out: Path, title: str, head: str, foot: str) -> Generator[CardDocument]:
    """A document that is written when the block ends, whole or not at all; the same bytes for the same card.

    Args:
        out: the file.
        title: of the file.
        head: title of every page.
        foot: the line at the foot of every page.

    Raises:
        OSError: the file cannot be written.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_pdf import PdfPages

    content = io.BytesIO()
    metadata = {"Title": title, "Subject": RESEARCH_ONLY, "CreationDate": None}
    with (
        rc_context({"pdf.fonttype": 42, "font.family": ["DejaVu Sans"], "font.size": 7, "axes.linewidth": 0.5}),
        PdfPages(content, metadata=metadata) as pages,
    ):
        yield CardDocument(pages, head, foot)
    replace_bytes(out, content.getvalue())
