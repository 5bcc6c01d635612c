"""A group of tables as the page of tables lists it: what there is, how it is read, how it is written."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ctworkbench.core.analysis.article_tables import TITLES, sheets
from ctworkbench.core.analysis.sheet import TableSheet

if TYPE_CHECKING:
    from ctworkbench.core.analysis.harmonization import Harmonizing
    from ctworkbench.core.analysis.tables import Repeats
    from ctworkbench.core.workbench import Workbench

Tell = Callable[[str], object]


@dataclass(frozen=True)
class Choice:
    """What tables are made of.

    Attributes:
        source: of the label maps, such as "current".
        repeats: of a child with several scans, the "first" or "all".
        harmonize: what volumes are harmonized over; None for the volumes as measured.
    """

    source: str = "current"
    repeats: "Repeats" = "first"
    harmonize: "Harmonizing | None" = None


@dataclass(frozen=True)
class TableGroup:
    """One more function is one more table: `read` gives the sheets that `tables` names.

    Attributes:
        title: heading in the list.
        tables: name and title of each sheet, known before anything is read.
        read: makes the sheets; called aside, touches no widget.
        write: writes all of them into a folder in some formats, and tells what it is at; what could not be made.
    """

    title: str
    tables: tuple[tuple[str, str], ...]
    read: Callable[["Workbench", Choice], Sequence[TableSheet]]
    write: Callable[["Workbench", Choice, Path, Sequence[str], Tell], Sequence[str]]


def _read(workbench: "Workbench", choice: Choice) -> Sequence[TableSheet]:
    return sheets(workbench.norms.tables(choice.source, choice.repeats, choice.harmonize))


def _write(workbench: "Workbench", choice: Choice, out: Path, formats: Sequence[str], tell: Tell) -> Sequence[str]:
    result = workbench.norms.statistics(out, choice.source, formats, choice.repeats, tell, choice.harmonize)
    return result.not_made


ARTICLE = TableGroup("Tables of the article", TITLES, _read, _write)
