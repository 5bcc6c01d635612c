"""A norm's card as pages of a PDF: text, centile curves of all regions, calibration."""

import io
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from ctworkbench.core.files import replace_bytes
from ctworkbench.core.norms.calibration import BINS, worm_band
from ctworkbench.core.norms.card import RESEARCH_ONLY, calibration_table, sections
from ctworkbench.core.norms.fitted import FittedNorm
from ctworkbench.core.norms.norm import Norm
from ctworkbench.core.schemes import spoken

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_pdf import PdfPages
    from matplotlib.figure import Figure

_A4 = (8.27, 11.69)
_COLORS = {"M": "#2f6db5", "F": "#c2487a"}
_SEXES = {"M": "boys", "F": "girls"}
_GREY = "#666666"
_CENTILES = (5.0, 50.0, 95.0)
_LINE = 0.0142  # of the page's height


def write(norm: Norm, out: Path) -> None:
    """Write the pages; the same bytes for the same norm.

    Raises:
        OSError: the file cannot be written.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_pdf import PdfPages

    content = io.BytesIO()
    metadata = {"Title": f"Norm {norm.name}", "Subject": RESEARCH_ONLY, "CreationDate": None}
    with (
        rc_context({"pdf.fonttype": 42, "font.family": ["DejaVu Sans"], "font.size": 7, "axes.linewidth": 0.5}),
        PdfPages(content, metadata=metadata) as pages,
    ):
        _text(norm, pages)
        _curves(norm, pages)
        if isinstance(norm, FittedNorm):
            _calibration(norm, pages)
    replace_bytes(out, content.getvalue())


def _page(norm: Norm, heading: str) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(_A4)
    figure.text(0.07, 0.962, f"Norm {norm.name}: {heading}", fontsize=12, weight="bold")
    figure.text(0.07, 0.025, f"{norm.title}  ·  {RESEARCH_ONLY}", fontsize=6.5, color=_GREY)
    return figure


def _text(norm: Norm, pages: "PdfPages") -> None:
    figure = _page(norm, norm.title)
    y = 0.93

    def room(lines: int) -> None:
        nonlocal figure, y
        if y - lines * _LINE < 0.05:
            pages.savefig(figure)
            figure, y = _page(norm, "card, continued"), 0.93

    for section in sections(norm):
        if not section.lines:
            continue
        room(4)
        y -= 0.5 * _LINE
        figure.text(0.07, y, section.heading, fontsize=9, weight="bold", va="top")
        y -= 1.4 * _LINE
        for title, text in section.lines:
            x, width = (0.22, 104) if title else (0.085, 125)
            lines = textwrap.wrap(text, width, break_long_words=True) or ["–"]
            room(len(lines))
            figure.text(0.07, y, title or "•", fontsize=7.5, va="top", color=_GREY if title else "black")
            figure.text(x, y, "\n".join(lines), fontsize=7.5, va="top", linespacing=1.35)
            y -= (len(lines) + 0.35) * _LINE
    if isinstance(norm, FittedNorm):
        heading, rows = calibration_table(norm)
        room(len(rows) + 5)
        y -= 0.5 * _LINE
        figure.text(0.07, y, "How well it holds", fontsize=9, weight="bold", va="top")
        y -= 1.5 * _LINE
        told = "Share of held-out children below each centile (%); error: mean distance of the five shares, in points."
        figure.text(0.07, y, told, fontsize=7, va="top", color=_GREY)
        y -= 1.5 * _LINE
        places = (0.07, 0.2, 0.235, 0.275, 0.315, 0.355, 0.395, 0.435, 0.475, 0.525, 0.57)
        for row in (heading, *rows):
            for x, cell in zip(places, row, strict=True):
                shown = cell if len(cell) < 62 else f"{cell[:60]}…"
                figure.text(x, y, shown, fontsize=6.2, va="top", weight="bold" if row is heading else "normal")
            y -= 1.15 * _LINE
    pages.savefig(figure)


def _grid(norm: Norm, heading: str, count: int) -> "tuple[Figure, list[Axes]]":
    figure = _page(norm, heading)
    columns = 3
    rows = -(-count // columns)
    axes = figure.subplots(
        rows,
        columns,
        squeeze=False,
        gridspec_kw={"left": 0.08, "right": 0.97, "bottom": 0.07, "top": 0.91, "hspace": 0.42, "wspace": 0.28},
    ).ravel()
    for spare in axes[count:]:
        spare.axis("off")
    for one in axes[:count]:
        for side in ("top", "right"):
            one.spines[side].set_visible(False)
        one.tick_params(length=2, width=0.5, labelsize=6)
    return figure, list(axes[:count])


def _curves(norm: Norm, pages: "PdfPages") -> None:
    """The 5th, 50th and 95th centile of both sexes over age, with the interval of the curves."""
    figure, axes = _grid(norm, "centile curves", len(norm.regions))
    figure.text(0.07, 0.94, "5th, 50th, 95th centile in cm³ over age in years; shaded: 95 % interval of the curve.")
    ages = norm.ages()
    for one, region in zip(axes, norm.regions, strict=True):
        one.set_title(spoken(region).capitalize(), fontsize=7.5)
        for sex, color in _COLORS.items():
            if norm.refusal(sex, ages[0]) is not None:
                continue
            for centile, curve in norm.curves(region, sex, _CENTILES, ages).items():
                ends = norm.curve_interval(region, sex, centile, ages)
                if ends is not None:
                    one.fill_between(ages, *ends, color=color, alpha=0.15, linewidth=0)
                label = _SEXES[sex] if centile == 50 else None
                one.plot(ages, curve, color=color, linewidth=1.1 if centile == 50 else 0.7, label=label)
    axes[0].legend(fontsize=6, frameon=False)
    pages.savefig(figure)


def _calibration(norm: FittedNorm, pages: "PdfPages") -> None:
    """PIT histograms and worm plots of all regions."""
    figure, axes = _grid(norm, "PIT histograms", len(norm.file.regions))
    figure.text(0.07, 0.94, "Held-out children by their centile; flat if the norm is right (dotted: 95 % by chance).")
    for one, entry in zip(axes, norm.file.regions, strict=True):
        share, n = 1 / BINS, entry.calibration.n
        edges = [100 * k * share for k in range(BINS)]
        one.bar(edges, entry.calibration.pit, width=100 * share, align="edge", color="#8aa7c4", edgecolor="white")
        reach = 1.96 * (n * share * (1 - share)) ** 0.5
        for level in (n * share - reach, n * share + reach):
            one.axhline(level, color=_GREY, linewidth=0.6, linestyle=":")
        one.set_title(spoken(entry.region).capitalize(), fontsize=7.5)
        one.set_xlim(0, 100)
    pages.savefig(figure)
    figure, axes = _grid(norm, "worm plots", len(norm.file.regions))
    figure.text(0.07, 0.94, "Deviate found less expected, by deviate expected, in SDs; dotted: 95 % by chance.")
    for one, entry in zip(axes, norm.file.regions, strict=True):
        worm = entry.calibration.worms[0]
        band = worm_band(worm.expected, worm.n)
        one.plot(worm.expected, worm.deviation, color="black", marker="o", markersize=1.6, linewidth=0.6)
        one.plot(worm.expected, band, color=_GREY, linewidth=0.6, linestyle=":")
        one.plot(worm.expected, [-value for value in band], color=_GREY, linewidth=0.6, linestyle=":")
        one.axhline(0, color=_GREY, linewidth=0.5)
        top = max(0.3, *(abs(value) for value in worm.deviation))
        one.set_ylim(-1.1 * top, 1.1 * top)
        one.set_title(spoken(entry.region).capitalize(), fontsize=7.5)
    pages.savefig(figure)
