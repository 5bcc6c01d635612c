"""Which label map of a scan counts, and which one still waits for a reader."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ctworkbench.core.workbench import AnnotationRow, ScanRow, Verdict
from ctworkbench.core.workbench.current import current

if TYPE_CHECKING:
    from ctworkbench.core.workbench import Workbench


@dataclass(frozen=True)
class Standing:
    """Where the label maps of one scan stand.

    Attributes:
        counts: the version that is measured and shown; the newest where all were rejected.
        waiting: the newest version that nobody has judged, or that was put off, unless an accepted one is newer.
    """

    counts: AnnotationRow | None
    waiting: AnnotationRow | None

    @property
    def newer(self) -> AnnotationRow | None:
        """The version that waits, where another one counts."""
        return None if self.waiting == self.counts else self.waiting


def standing_of(versions: Sequence[AnnotationRow]) -> Standing:
    """The standing of a scan with these versions, newest first."""
    counts = current(versions) or next(iter(versions), None)
    floor = 0 if counts is None else counts.version
    open_ones = (row for row in versions if row.verdict in (None, Verdict.LATER) and row.version >= floor)
    return Standing(counts, next(open_ones, None))


class Standings:
    """Reads the standing of scans with several versions, each again only when its row has changed."""

    def __init__(self, workbench: "Workbench") -> None:
        self._workbench = workbench
        self._known: dict[int, tuple[tuple[object, ...], Standing]] = {}

    def read(self, rows: Iterable[ScanRow]) -> dict[int, Standing]:
        """The standing of every scan that has more than one version. Slow at first: touches no widget."""
        found: dict[int, Standing] = {}
        for row in rows:
            if row.versions < 2:
                continue
            key = (row.versions, row.unread, row.origin, row.verdict)
            known = self._known.get(row.id)
            if known is None or known[0] != key:
                known = (key, standing_of(self._workbench.review.annotations(row.id)))
                self._known[row.id] = known
            found[row.id] = known[1]
        return found

    def forget(self, scan_id: int) -> None:
        """Read the versions of a scan again the next time."""
        self._known.pop(scan_id, None)
