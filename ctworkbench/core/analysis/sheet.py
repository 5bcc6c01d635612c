"""A table as people see it: what the window shows, and what is written as CSV, DOCX and LaTeX, is one thing."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ctworkbench.core.analysis.observations import Exclusion

Cell = str | float | int | None
MISSING = "–"
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        key: heading in CSV, where numbers stand in full.
        title: heading for people, with the unit.
        kind: how a value is told: "text" as it is, "count" as a whole number, "number" with `digits` decimals,
            "p" as a probability.
        digits: decimals of a number.
        meaning: what a clinician must know of it, one sentence.
        names: names for people of the values of a text, such as "boys" for "M".
        until: key of the next column where both share a cell in print: the ends of an interval, a mean and its SD.
        joint: what stands between them, "1.20 to 3.40" or "208.01 ± 18.51".
        print_title: heading in print, where it is another.
        printed: whether print has it; CSV and the window have every column.
    """

    key: str
    title: str
    kind: Literal["text", "count", "number", "p"] = "number"
    digits: int = 2
    meaning: str = ""
    names: Mapping[str, str] = field(default_factory=dict[str, str])
    until: str = ""
    joint: str = " to "
    print_title: str = ""
    printed: bool = True

    def text(self, value: Cell) -> str:
        """A value as people read it; a dash where there is none."""
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return MISSING
        if isinstance(value, str):
            return self.names.get(value, value)
        if self.kind == "count":
            return f"{value:.0f}"
        if self.kind == "p":
            return p_text(value)
        text = f"{value:.{self.digits}f}"
        return text.replace("-", "−") if float(text) else text.lstrip("-")


@dataclass(frozen=True)
class TableSheet:
    """One table: `rows` hold a cell for each column, numbers in full.

    Attributes:
        name: of its files, such as "table2_volumes_by_sex".
        title: short, for a list.
        caption: what stands over it in print.
        notes: sentences that a reader must see with it.
        exclusions: what it did not use, and why.
    """

    name: str
    title: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()
    exclusions: tuple[Exclusion, ...] = ()

    def texts(self) -> list[list[str]]:
        """All cells as people read them."""
        return [[column.text(cell) for column, cell in zip(self.columns, row, strict=True)] for row in self.rows]

    def printed(self) -> tuple[list[str], list[list[str]]]:
        """Headings and cells for print, with what shares a cell in one: "1.20 to 3.40"."""
        kept = self._printed_columns()
        rows: list[list[str]] = []
        for cells in self.texts():
            row: list[str] = []
            for i in kept:
                both = (cells[i], cells[i + 1]) if self.columns[i].until else (cells[i],)
                row.append(MISSING if set(both) == {MISSING} else self.columns[i].joint.join(both))
            rows.append(row)
        return [self.columns[i].print_title or self.columns[i].title for i in kept], rows

    def printed_numbers(self) -> list[bool]:
        """Which columns of `printed` hold numbers."""
        return [self.columns[i].kind != "text" for i in self._printed_columns()]

    def _printed_columns(self) -> list[int]:
        second = {column.until for column in self.columns if column.until}
        return [i for i, column in enumerate(self.columns) if column.printed and column.key not in second]


def p_text(p: float) -> str:
    """A probability to three decimals, small ones by their power of ten: 0.043, 3.1×10⁻⁷."""
    if p >= 0.001:
        return f"{p:.3f}"
    if p < 1e-300:
        return "<10⁻³⁰⁰"
    digits, _, power = f"{p:.1e}".partition("e")
    return f"{digits}×10{str(int(power)).translate(_SUPERSCRIPT)}"
