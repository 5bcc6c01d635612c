"""Corrections that were not saved yet, kept on disk so that a crash costs the last stroke at most."""

import json
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QTimer, Signal

from ctworkbench.core.errors import StudyError, VolumeError
from ctworkbench.core.files import replace_bytes
from ctworkbench.core.volume import Affine, Volume, nifti_bytes, read_nifti

log = logging.getLogger(__name__)

# A copy and the write of it aside take a few hundredths of a second of a large scan, so each stroke can have its own.
QUIET_MILLISECONDS = 150
LATEST_MILLISECONDS = 1000


@dataclass(frozen=True)
class Recovered:
    """Unsaved corrections that were found.

    Attributes:
        labels: the label map as it was last written.
        parent_id: the version that it was drawn from; None where it was drawn from nothing.
        time: when it was written, local time.
    """

    labels: Volume
    parent_id: int | None
    time: datetime


class RecoveryFolder:
    """The files of a study that hold unsaved corrections: at most one label map per scan.

    `scan_<id>.nii.gz` is the label map, `scan_<id>.json` names the version it was drawn from. Each appears whole.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, scan_id: int, labels: Volume, parent_id: int | None) -> None:
        """Keep a label map; the one kept before stays until the new one is whole on disk.

        Raises:
            StudyError: it cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            path, note = self._note(scan_id), json.dumps({"parent_id": parent_id}).encode()
            if not path.exists() or path.read_bytes() != note:
                replace_bytes(path, note)
            replace_bytes(self._map(scan_id), nifti_bytes(labels, compressed=True))
        except OSError as error:
            raise StudyError(
                f"Corrections could not be kept aside: {error.strerror or error}. They stand in the views alone.",
                "Free some space, then save them (Ctrl+S).",
            ) from error

    def read(self, scan_id: int) -> Recovered | None:
        """The label map kept for a scan, if there is one.

        Raises:
            VolumeError: there is one and it cannot be read.
        """
        path = self._map(scan_id)
        if not path.exists():
            return None
        volume = read_nifti(path)
        try:
            parent_id = json.loads(self._note(scan_id).read_text(encoding="utf-8"))["parent_id"]
        except (OSError, ValueError, KeyError) as error:
            raise VolumeError(
                f"The note beside {path.name} cannot be read: {error}", "Discard the unsaved corrections."
            ) from error
        labels = Volume(np.asfortranarray(volume.voxels, dtype=np.uint8), volume.affine)
        return Recovered(labels, parent_id, datetime.fromtimestamp(path.stat().st_mtime))

    def holds(self, scan_id: int) -> bool:
        """Whether there is one for a scan, readable or not."""
        return self._map(scan_id).exists()

    def discard(self, scan_id: int) -> None:
        """Forget what was kept for a scan."""
        self._map(scan_id).unlink(missing_ok=True)
        self._note(scan_id).unlink(missing_ok=True)

    def _map(self, scan_id: int) -> Path:
        return self.folder / f"scan_{scan_id}.nii.gz"

    def _note(self, scan_id: int) -> Path:
        return self.folder / f"scan_{scan_id}.json"


class Autosave(QObject):
    """Writes the label map under correction aside, off the GUI thread.

    That is done when a stroke has ended, and once a second while strokes follow each other without a rest.


    Args:
        folder: where to write.
        snapshot: gives a copy of the label map as it stands, called on the GUI thread.

    Signals:
        failed: a write failed (the exception), the one before it did not.
    """

    failed = Signal(object)

    def __init__(
        self, folder: RecoveryFolder, snapshot: Callable[[], NDArray[np.uint8]], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.folder = folder
        self._snapshot = snapshot
        self._scan_id: int | None = None
        self._affine: Affine = np.eye(4)
        self._parent_id: int | None = None
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="autosave")
        self._writing: Future[None] | None = None
        self._failing = False
        self._quiet, self._latest = QTimer(self), QTimer(self)
        for timer, length in ((self._quiet, QUIET_MILLISECONDS), (self._latest, LATEST_MILLISECONDS)):
            timer.setSingleShot(True)
            timer.setInterval(length)
            timer.timeout.connect(self.write)

    def follow(self, scan_id: int, affine: Affine, parent_id: int | None) -> None:
        """From now on edits belong to this scan and this version."""
        self._rest()
        self._scan_id, self._affine, self._parent_id = scan_id, affine, parent_id

    def touch(self) -> None:
        """The label map was edited: write as soon as edits rest. They do not put the write off for over a second."""
        self._quiet.start()
        if not self._latest.isActive():
            self._latest.start()

    def write(self) -> None:
        """Write now what there is, aside."""
        self._rest()
        if self._scan_id is None:
            return
        if self._writing is not None and not self._writing.done():
            self._quiet.start()
            return
        scan_id, parent_id = self._scan_id, self._parent_id
        labels = Volume(self._snapshot(), self._affine)
        self._writing = self._writer.submit(self.folder.write, scan_id, labels, parent_id)
        self._writing.add_done_callback(self._written)

    def forget(self, stay: bool = True) -> None:
        """The edits were saved or given up: nothing is left to recover.

        Args:
            stay: return only when the files are gone, which may take as long as a write that is under way.
        """
        self._rest()
        if self._scan_id is None:
            return
        # In the writer's thread, after a write that may be under way.
        discarding = self._writer.submit(self.folder.discard, self._scan_id)
        if stay:
            discarding.result()
        else:
            discarding.add_done_callback(self._written)

    def close(self) -> None:
        """Finish a write that is under way; what is due is written first."""
        if self._quiet.isActive():
            if self._writing is not None:
                wait([self._writing])
            self.write()
        self._rest()
        self._writer.shutdown(wait=True)

    def _rest(self) -> None:
        self._quiet.stop()
        self._latest.stop()

    def _written(self, writing: "Future[None]") -> None:
        error = writing.exception()
        if error is not None:
            log.error("corrections could not be kept aside", exc_info=error)
            if not self._failing:  # said once, not after each stroke
                self.failed.emit(error)
        self._failing = error is not None
