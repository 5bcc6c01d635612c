"""An A4 page addressed in millimetres, and text that is wrapped to fit it."""

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH_MM, HEIGHT_MM = 210.0, 297.0
LEFT, RIGHT = 12.0, 198.0
MM_PER_POINT = 25.4 / 72
SMALL = 6.5
INK, GREY, RED, RULE = "#1a1a1a", "#666666", "#b00020", "#bbbbbb"
_LEADING = 1.3


class Page:
    """An A4 page addressed in mm from its upper left corner."""

    def __init__(self, figure: "Figure") -> None:
        self.figure = figure
        self.sheet = figure.add_axes((0, 0, 1, 1))
        self.sheet.set(xlim=(0, WIDTH_MM), ylim=(HEIGHT_MM, 0))
        self.sheet.axis("off")

    def axes(self, x: float, y: float, width: float, height: float) -> "Axes":
        """Axes whose upper left corner is at x, y."""
        bottom = HEIGHT_MM - y - height
        return self.figure.add_axes((x / WIDTH_MM, bottom / HEIGHT_MM, width / WIDTH_MM, height / HEIGHT_MM))

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
            y += line_mm(size)
        return y

    def rule(self, y: float, x0: float = LEFT, x1: float = RIGHT) -> None:
        """A thin line across."""
        self.sheet.plot([x0, x1], [y, y], color=RULE, linewidth=0.5)


def line_mm(size: float) -> float:
    """Distance of two baselines of text of `size` points, in mm."""
    return size * MM_PER_POINT * _LEADING


def wrap(text: str, width_mm: float, size: float) -> list[str]:
    """Lines of text no wider than `width_mm` in the report's font at `size` points; long words are broken."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        while text_mm(word, size) > width_mm:  # a UID or a hash
            head = word
            while text_mm(head, size) > width_mm - (text_mm(line + " ", size) if line else 0) and len(head) > 1:
                head = head[:-1]
            lines.append(f"{line} {head}".strip())
            line, word = "", word[len(head) :]
        joined = f"{line} {word}".strip()
        if text_mm(joined, size) > width_mm:
            lines.append(line)
            joined = word
        line = joined
    return [*lines, line] if line or not lines else lines


@cache
def text_mm(text: str, size: float) -> float:
    """Width of a line of text in mm."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    width, _, _ = text_to_path.get_text_width_height_descent(text, FontProperties("DejaVu Sans", size=size), False)
    return float(width) * MM_PER_POINT
