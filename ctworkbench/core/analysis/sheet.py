"""A table as people see it: what the window shows, and what is written as CSV, DOCX and LaTeX, is one thing."""

import math
from dataclasses import dataclass
from typing import Literal

from ctworkbench.core.analysis.observations import Exclusion

Cell = str | float | int | None
MISSING = "–"


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
    """

    key: str
    title: str
    kind: Literal["text", "count", "number", "p"] = "number"
    digits: int = 2
    meaning: str = ""

    def text(self, value: Cell) -> str:
        """A value as people read it; a dash where there is none."""
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return MISSING
        if isinstance(value, str):
            return value
        if self.kind == "count":
            return f"{value:.0f}"
        if self.kind == "p":
            return p_text(value)
        return f"{value:.{self.digits}f}"


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


def p_text(p: float) -> str:
    """A probability to three decimals, small ones by their power of ten: 0.043, 3.1e-07."""
    return f"{p:.3f}" if p >= 0.001 else f"{p:.1e}"
