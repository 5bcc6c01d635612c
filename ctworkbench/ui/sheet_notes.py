"""What stands below a table: its notes, what it left out, and what its columns mean."""

import re
from collections.abc import Sequence
from html import escape

from ctworkbench.core.analysis.sheet import TableSheet
from ctworkbench.core.wording import count

_SHOWN = 15


def notes_html(sheet: TableSheet) -> str:
    """Notes, what was left out and the meaning of the columns, as rich text."""
    parts = [_section("Notes", [as_html(note) for note in sheet.notes])] if sheet.notes else []
    left_out: list[str] = []
    for entry in sheet.exclusions:
        more = len(entry.subjects) - _SHOWN
        subjects = ", ".join(entry.subjects[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
        left_out.append(f"{count(entry.volumes, entry.unit)}, {escape(entry.reason)}: {escape(subjects)}")
    parts.append(_section("Left out", left_out))
    told = [f"<b>{escape(c.title)}</b>: {escape(c.meaning)}" for c in sheet.columns if c.meaning]
    parts.append(_section("Columns", list(dict.fromkeys(told))))
    return "".join(parts)


def as_html(text: str) -> str:
    """A sentence as rich text; what stands between back quotes is a command."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _section(title: str, lines: Sequence[str]) -> str:
    items = "".join(f"<li>{line}</li>" for line in lines) or "<li>nothing</li>"
    return f"<p style='margin:4px 0 2px 0'><b>{title}</b></p><ul style='margin:0 0 4px -18px'>{items}</ul>"
