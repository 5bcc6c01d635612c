"""What the dots of a chart are coloured by, and the groups that this makes."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ctworkbench.ui.chart_theme import Theme

if TYPE_CHECKING:
    from ctworkbench.core.workbench.rows import Dot

SEX_TITLES = {"M": "male", "F": "female", "": "sex unknown"}
VERDICTS = {
    "accept": "accepted",
    "accept unread": "accepted unread",
    "needs edits": "needs edits",
    "later": "later",
    "": "no verdict",
}
_SOURCES = {"registration": "atlas registration", "expert": "expert", "model": "model"}
_PHANTOMS = {"no": "child", "yes": "digital phantom, no child"}
_OTHER = "\0other"
# Shapes of pyqtgraph that are told apart at five pixels.
_SYMBOLS = ("s", "o", "t1", "d", "t", "star", "p")


def sex_key(sex: str | None) -> str:
    """The key of a sex: "M", "F", or "" where the sex is unknown."""
    return str(sex) if sex else ""


@dataclass(frozen=True)
class Group:
    """Dots of one colour and shape.

    Attributes:
        series: its colour's place in `Theme.series`; None for the neutral colour.
        symbol: name of a shape of pyqtgraph.
    """

    key: str
    title: str
    series: int | None
    symbol: str

    def color(self, theme: Theme) -> str:
        """Its colour on a ground."""
        return theme.neutral if self.series is None else theme.series[self.series]


@dataclass(frozen=True)
class ColorBy:
    """One thing to colour by; `titles` gives the fixed order of its groups where there is one."""

    title: str
    key: "Callable[[Dot], str]"
    titles: dict[str, str] | None = None
    nothing: str = "unknown"


COLOR_BY = {
    "sex": ColorBy("Sex", lambda dot: sex_key(dot.sex), SEX_TITLES),
    "site": ColorBy("Site", lambda dot: dot.site),
    "scanner": ColorBy("Scanner", lambda dot: dot.scanner),
    "role": ColorBy(
        "Split", lambda dot: dot.role, {"train": "train", "validation": "validation", "test": "test", "": "no role yet"}
    ),
    "verdict": ColorBy("Verdict", lambda dot: dot.verdict, VERDICTS),
    "warnings": ColorBy(
        "Warnings",
        lambda dot: "some" if dot.warnings else "none",
        {"none": "no warning on the scan", "some": "warnings on the scan"},
    ),
    "source": ColorBy("Labels by", lambda dot: dot.source, _SOURCES),
    "phantom": ColorBy("Phantoms", lambda dot: "yes" if dot.phantom else "no", _PHANTOMS),
}


class Grouping:
    """The groups of a cohort by one thing; the same for all of its charts.

    Args:
        by: a key of `COLOR_BY`.
        dots: of the whole cohort.
    """

    def __init__(self, by: str, dots: "Iterable[Dot]") -> None:
        self.by = by
        self._rule = COLOR_BY[by]
        self.counts = Counter(map(self._rule.key, dots))
        self.groups = self._make()
        self._index = {group.key: number for number, group in enumerate(self.groups)}

    @property
    def title(self) -> str:
        """What it is grouped by, for people."""
        return self._rule.title

    def of(self, dots: "Sequence[Dot]") -> NDArray[np.intp]:
        """The number of each dot's group in `groups`."""
        other = self._index.get(_OTHER, 0)
        return np.array([self._index.get(self._rule.key(dot), other) for dot in dots], np.intp)

    def count(self, group: Group) -> int:
        """Number of dots in a group."""
        if group.key != _OTHER:
            return self.counts[group.key]
        return sum(count for key, count in self.counts.items() if key not in self._index)

    def _make(self) -> tuple[Group, ...]:
        titles = self._rule.titles
        if titles is not None:  # each of them keeps its colour, there or not
            found = [
                Group(key, title, None if key == "" else place, "d" if key == "" else _SYMBOLS[place])
                for place, (key, title) in enumerate(titles.items())
            ]
            return tuple(group for group in found if self.by == "sex" or self.counts[group.key])
        common = [key for key, _ in self.counts.most_common() if key]
        rest = common[len(_SYMBOLS) :]
        named = sorted(common[: len(_SYMBOLS)])
        groups = [Group(key, key, place, _SYMBOLS[place]) for place, key in enumerate(named)]
        if self.counts[""]:
            groups.append(Group("", f"{self.title.lower()} {self._rule.nothing}", None, "d"))
        if rest:
            groups.append(Group(_OTHER, f"{len(rest)} others", None, "d"))
        return tuple(groups)
