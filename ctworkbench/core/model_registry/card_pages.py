"""A model's card as pages of a PDF: text, Dice by region, and the curves of its training."""

import io
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from ctworkbench.core.files import replace_bytes
from ctworkbench.core.model_registry.card import RESEARCH_ONLY, region_table, sections
from ctworkbench.core.model_registry.facts import ModelFacts

if TYPE_CHECKING:
    from matplotlib.backends.backend_pdf import PdfPages
    from matplotlib.figure import Figure

_A4 = (8.27, 11.69)
_GREY = "#666666"
_LINE = 0.0142  # of the page's height
_COLORS = {"dice_train": "#2f6db5", "dice_validation": "#c2487a"}
_NAMES = {"dice_train": "training, changed images", "dice_validation": "validation"}


def write(facts: ModelFacts, out: Path) -> None:
    """Write the pages; the same bytes for the same model.

    Raises:
        OSError: the file cannot be written.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_pdf import PdfPages

    content = io.BytesIO()
    metadata = {"Title": facts.title, "Subject": RESEARCH_ONLY, "CreationDate": None}
    with (
        rc_context({"pdf.fonttype": 42, "font.family": ["DejaVu Sans"], "font.size": 7, "axes.linewidth": 0.5}),
        PdfPages(content, metadata=metadata) as pages,
    ):
        _text(facts, pages)
        if facts.history:
            _curves(facts, pages)
    replace_bytes(out, content.getvalue())


def _page(facts: ModelFacts, heading: str) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(_A4)
    figure.text(0.07, 0.962, f"{facts.title}: {heading}", fontsize=12, weight="bold", parse_math=False)
    figure.text(
        0.07,
        0.025,
        f"Weights {facts.weights_sha256[:16]}  ·  {RESEARCH_ONLY}",
        fontsize=6.5,
        color=_GREY,
        parse_math=False,
    )
    return figure


def _text(facts: ModelFacts, pages: "PdfPages") -> None:
    figure, y = _page(facts, "model card"), 0.93

    def room(lines: int) -> None:
        nonlocal figure, y
        if y - lines * _LINE < 0.05:
            pages.savefig(figure)
            figure, y = _page(facts, "model card, continued"), 0.93

    for section in sections(facts):
        room(4)
        y -= 0.5 * _LINE
        figure.text(0.07, y, section.heading, fontsize=9, weight="bold", va="top")
        y -= 1.4 * _LINE
        for title, text in section.lines:
            x, width = (0.2, 108) if title else (0.085, 125)
            lines = textwrap.wrap(text, width, break_long_words=True) or ["–"]
            room(len(lines))
            figure.text(0.07, y, title or "•", fontsize=7.5, va="top", color=_GREY if title else "black")
            figure.text(x, y, "\n".join(lines), fontsize=7.5, va="top", linespacing=1.35, parse_math=False)
            y -= (len(lines) + 0.35) * _LINE
    heading, rows = region_table(facts)
    if rows:
        room(len(rows) + 4)
        y -= 0.5 * _LINE
        figure.text(0.07, y, "Dice by region", fontsize=9, weight="bold", va="top")
        y -= 1.5 * _LINE
        for row in (heading, *rows):
            for column, cell in enumerate(row):
                weight = "bold" if row is heading else "normal"
                figure.text(0.07 + 0.2 * column, y, cell, fontsize=7, va="top", weight=weight)
            y -= 1.15 * _LINE
    pages.savefig(figure)


def _curves(facts: ModelFacts, pages: "PdfPages") -> None:
    figure = _page(facts, "curves of the training")
    loss, dice = figure.subplots(2, 1, gridspec_kw={"left": 0.1, "right": 0.95, "bottom": 0.45, "top": 0.93})
    epochs = [row.get("epoch", number + 1.0) for number, row in enumerate(facts.history)]
    loss.plot(epochs, [row.get("loss", float("nan")) for row in facts.history], color="black", linewidth=1)
    loss.set_ylabel("loss")
    for name, color in _COLORS.items():
        values = [row.get(name, float("nan")) for row in facts.history]
        dice.plot(epochs, values, color=color, linewidth=1, label=_NAMES[name])
    dice.set_ylabel("Dice, on the network's grid")
    dice.set_ylim(0, 1)
    dice.set_xlabel("epoch")
    dice.legend(fontsize=7, frameon=False)
    for axes in (loss, dice):
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    pages.savefig(figure)
