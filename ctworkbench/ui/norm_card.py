"""The card of a norm as the window shows it."""

from collections.abc import Sequence
from html import escape

from ctworkbench.core.norms import Norm, card
from ctworkbench.core.norms.fitted import FittedNorm

_MUTED = "#a3adba"
_LONGEST = 24  # letters of a word that a narrow column can hold: a hash is longer
_TABLE_COLUMNS = 8  # of the calibration; models stand below


def card_html(norm: Norm) -> str:
    """The card as HTML: its sections, then how it holds and its models where it was fitted."""
    parts = [f"<h3>{escape(norm.title)}</h3>", f"<p><b>{escape(card.RESEARCH_ONLY)}</b></p>"]
    for section in card.sections(norm):
        if not section.lines:
            continue
        parts.append(f"<h4>{escape(section.heading)}</h4>")
        cells = "".join(
            f"<tr><td style='color:{_MUTED}; padding-right:10px'>{escape(title)}</td><td>{_broken(text)}</td></tr>"
            for title, text in section.lines
            if title
        )
        if cells:
            parts.append(f"<table cellspacing='2'>{cells}</table>")
        parts += [f"<p style='margin:3px 0'>• {escape(text)}</p>" for title, text in section.lines if not title]
    if isinstance(norm, FittedNorm):
        heading, rows = card.calibration_table(norm)
        lines = "".join(_line(row[:_TABLE_COLUMNS]) for row in (heading, *rows))
        parts += [
            "<h4>How well it holds</h4>",
            "<p>Percent of held-out children below each centile; error in points.</p>",
            f"<table cellspacing='0' cellpadding='2' style='font-size:11px'>{lines}</table>",
            "<h4>Models</h4>",
            *(f"<p style='margin:2px 0; font-size:11px'>{escape(row[0])}: {escape(row[-1])}</p>" for row in rows),
        ]
    return "".join(parts)


def _line(cells: Sequence[str]) -> str:
    sides = ("left", *("right" for _ in cells[1:]))
    return f"<tr>{''.join(f'<td align={side}>{escape(c)}</td>' for side, c in zip(sides, cells, strict=True))}</tr>"


def _broken(text: str) -> str:
    """Text with a long word, such as a hash, broken over lines."""
    if " " in text or len(text) <= _LONGEST:
        return escape(text)
    return "<br>".join(escape(text[start : start + _LONGEST]) for start in range(0, len(text), _LONGEST))
