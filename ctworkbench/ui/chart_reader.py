"""Charts read aside and kept, so that turning to another region does not wait."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from ctworkbench.core.schemes import DEFAULT, load
from ctworkbench.ui.bridge import Bridge

if TYPE_CHECKING:
    from ctworkbench.core.workbench import Workbench
    from ctworkbench.core.workbench.rows import ChartData

_AHEAD_SCANS = 5_000
"""Up to so many scans, charts that nobody has asked for yet are read too; fourteen of 100,000 would fill the memory."""


def pair_of(region: str) -> str:
    """The pair that a region belongs to, such as "frontal"; "frontal" for those with one side only."""
    side, _, pair = region.partition("_")
    return pair if side in ("right", "left") else "frontal"


def every_chart() -> list[str]:
    """Names of all charts: the regions, and right minus left of each pair."""
    names = load(DEFAULT).region_names
    return list(dict.fromkeys([*names, *(pair_of(name) for name in names)]))


class ChartReader(QObject):
    """Reads charts of a study, each once until the study changes."""

    ready = Signal(object, object)
    """The charts that were asked for last, by name, and the kinds of label maps there are (None if not read anew)."""

    def __init__(self, workbench: "Workbench", bridge: Bridge, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._workbench = workbench
        self._bridge = bridge
        self._known: dict[tuple[str, str], ChartData] = {}
        self._age = 0

    def forget(self) -> None:
        """Read everything anew: the study has changed."""
        self._known.clear()
        self._age += 1

    def ask(self, names: Sequence[str], source: str) -> None:
        """Ask for charts by name; `ready` answers, at once where they are known."""
        norms, age = self._workbench.norms, self._age
        missing = [name for name in names if (source, name) not in self._known]

        def read() -> "tuple[dict[str, ChartData], list[str] | None]":
            return (norms.charts(missing, source), norms.sources()) if missing else ({}, None)

        def take(answer: "tuple[dict[str, ChartData], list[str] | None]") -> None:
            self._keep(age, source, answer[0])
            self.ready.emit({name: self._known[source, name] for name in names}, answer[1])
            self._read_ahead(source)

        if missing:
            self._bridge.run(read, take, key="charts", message="Reading the charts…")
        else:
            self._bridge.run(lambda: None, lambda _: None, key="charts")  # an answer for another region comes too late
            take(({}, None))

    def _keep(self, age: int, source: str, charts: "dict[str, ChartData]") -> None:
        if age == self._age:
            self._known |= {(source, name): data for name, data in charts.items()}

    def _read_ahead(self, source: str) -> None:
        """Read the other charts too, if that is little."""
        rest = [name for name in every_chart() if (source, name) not in self._known]
        scans = max((len(data.dots) for data in self._known.values()), default=0)
        norms, age = self._workbench.norms, self._age
        if rest and 0 < scans <= _AHEAD_SCANS:
            self._bridge.run(
                lambda: norms.charts(rest, source), lambda charts: self._keep(age, source, charts), key="charts ahead"
            )
