"""One scan made ready for review: read aside, shown at once."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ctworkbench.core.errors import VolumeError, WorkbenchError
from ctworkbench.core.volume import Grid, Volume
from ctworkbench.core.workbench import AnnotationRow, Origin, ScanRow
from ctworkbench.core.workbench.current import current, verdict_text
from ctworkbench.core.workbench.rows import ReadingRow
from ctworkbench.ui.framing import Frame, frame_of
from ctworkbench.ui.plane import for_display
from ctworkbench.ui.recovery import Recovered, RecoveryFolder
from ctworkbench.ui.region_counts import RegionCounts

if TYPE_CHECKING:
    from ctworkbench.core.workbench import Workbench


@dataclass(frozen=True, eq=False)
class Case:
    """A scan with the version of its label map that is shown.

    Attributes:
        scan: its row.
        image: HU.
        versions: all versions of its label map, newest first.
        shown: the version that `labels` holds; None where there is none yet.
        labels: uint8 (x, y, z), writable; zeros where there is none yet.
        counts: its voxels by code.
        frame: where to look at first.
        recovered: unsaved corrections that were found.
        damaged: why unsaved corrections that were found cannot be read.
        readings: what each of several readers made of it, as far as it may be seen.
    """

    scan: ScanRow
    image: Volume
    versions: tuple[AnnotationRow, ...]
    shown: AnnotationRow | None
    labels: NDArray[np.uint8]
    counts: RegionCounts
    frame: Frame
    recovered: Recovered | None
    damaged: str = ""
    readings: tuple[ReadingRow, ...] = ()


def read_case(
    workbench: "Workbench",
    recovery: RecoveryFolder,
    scan_id: int,
    annotation_id: int | None = None,
    given_up: Callable[[], bool] | None = None,
) -> Case:
    """Read a scan with the version that counts, or the one asked for. Slow: touches no widget.

    Args:
        workbench: the open study.
        recovery: where unsaved corrections would lie.
        scan_id: the scan.
        annotation_id: the version wanted.
        given_up: asked now and then; the reading ends as soon as it is no longer wanted.

    Raises:
        ReadingGivenUp: it was no longer wanted.
        WorkbenchError: no such scan or version, voxels that are gone, cannot be read, or do not fit each other.
    """
    scan = workbench.cohort.scan(scan_id)
    versions = tuple(workbench.review.annotations(scan_id))
    shown = version_to_show(versions, annotation_id)
    try:
        # Unpacking lets go of Python's lock, so the two files are read at once.
        with ThreadPoolExecutor(1, thread_name_prefix="labels") as aside:
            reading = None if shown is None else aside.submit(_read_counted, workbench, shown.id, given_up)
            image = workbench.cohort.image(scan_id, given_up)
        if reading is None:
            labels = np.zeros(image.voxels.shape, np.uint8, order="F")
            grid, counts = image.grid, RegionCounts(for_display(labels))
        else:
            labels, grid, counts = reading.result()
    except WorkbenchError as error:
        raise WorkbenchError(f"{scan.subject}: {error.message}", error.remedy) from error
    if not grid.matches(image.grid):
        raise WorkbenchError(
            f"{scan.subject}: version {shown.version if shown else 0} of its label map does not lie on the grid of its "
            "image.",
            "Restore the study's voxels from a backup; `ctworkbench verify` names all that is damaged.",
        )
    recovered, damaged = None, ""
    try:
        recovered = recovery.read(scan_id)
    except VolumeError as error:
        damaged = str(error)
    if recovered is not None and not recovered.labels.grid.matches(image.grid):
        recovered, damaged = None, "The unsaved corrections that were found belong to another image."
    readings = tuple(workbench.review.readings(scan_id))
    return Case(scan, image, versions, shown, labels, counts, frame_of(image, labels), recovered, damaged, readings)


def _read_counted(
    workbench: "Workbench", annotation_id: int, given_up: Callable[[], bool] | None
) -> tuple[NDArray[np.uint8], Grid, RegionCounts]:
    volume = workbench.review.labels(annotation_id, given_up)
    labels = _own(volume)
    return labels, volume.grid, RegionCounts(for_display(labels))


def version_to_show(versions: Sequence[AnnotationRow], annotation_id: int | None) -> AnnotationRow | None:
    """The version asked for, else the one that counts, else the newest; None where there is none.

    Raises:
        WorkbenchError: the version asked for is not among them.
    """
    if annotation_id is None:
        # All versions may stand rejected: then the newest is the one to look at.
        return current(list(versions)) or next(iter(versions), None)
    found = next((row for row in versions if row.id == annotation_id), None)
    if found is None:
        raise WorkbenchError(f"There is no version {annotation_id} of this scan's label map.")
    return found


def read_labels(workbench: "Workbench", annotation_id: int) -> NDArray[np.uint8]:
    """A version's label map of one's own, writable, axes (x, y, z), laid out as the views read it."""
    return _own(workbench.review.labels(annotation_id))


def _own(volume: Volume) -> NDArray[np.uint8]:
    labels = np.asfortranarray(volume.voxels, dtype=np.uint8)
    return labels if labels.flags.writeable else labels.copy(order="F")


def title_of(row: AnnotationRow) -> str:
    """One line that tells a version from the others: "v2 expert · accepted"; of several readers, by whom."""
    reader = f" ({row.author})" if row.origin is Origin.EXPERT and (row.aside or row.disputed) else ""
    return f"v{row.version} {row.origin.value}{reader} · {verdict_text(row.verdict, row.accepted_unread)}"


def brief_title_of(row: AnnotationRow) -> str:
    """What tells a version from the others where there is little room: "v2 accepted"."""
    return f"v{row.version} {verdict_text(row.verdict, row.accepted_unread)}"


def story_of(row: AnnotationRow, versions: Sequence[AnnotationRow]) -> str:
    """All that is known of a version: what it is, by whom, when, what it was drawn from, and what was said of it."""
    parent = next((other for other in versions if other.id == row.parent_id), None)
    parts = [
        title_of(row),
        f"by {row.author}" if row.author not in ("", "unknown") else "",
        row.created.astimezone().strftime("%d %b %Y %H:%M"),
        f"drawn from v{parent.version}" if parent else "",
        f"“{row.comment}”" if row.comment else "",
    ]
    return "  ·  ".join(part for part in parts if part)
