"""Corrections that were not saved yet, kept on disk so that a crash costs the last stroke at most."""

import json
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime
from itertools import count
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
_MAP, _NOTE, _DECLINED = ".nii.gz", ".json", ".declined.json"


@dataclass(frozen=True)
class Recovered:
    """Unsaved corrections that were found.

    Attributes:
        labels: the label map as it was last written.
        parent_id: the version that it was drawn from; None where it was drawn from nothing.
        time: when it was written, local time.
        unnamed: whether it was drawn before a name was given, so that it may be somebody else's.
    """

    labels: Volume
    parent_id: int | None
    time: datetime
    unnamed: bool = False


class RecoveryFolder:
    """The files of a study that hold unsaved corrections of one reader.

    `scan_<id>.nii.gz` is the label map, `scan_<id>.json` names the version it was drawn from. Each appears whole. What
    was not drawn here is never overwritten: it becomes `scan_<id>.earlier_<n>.nii.gz`, and is offered in its turn. What
    lies in an unnamed folder is offered until the reader says that it is not theirs (`scan_<id>.declined.json`), and is
    never removed then.

    Args:
        folder: of the reader.
        unnamed: folders of corrections that may be the reader's.
        reader: their name.
    """

    def __init__(self, folder: Path, unnamed: Sequence[Path] = (), reader: str = "") -> None:
        self.folder, self.unnamed, self.reader = folder, tuple(unnamed), reader
        self._drawn_here: set[int] = set()

    def write(self, scan_id: int, labels: Volume, parent_id: int | None) -> None:
        """Keep a label map; the one kept before stays until the new one is whole on disk.

        One that was not drawn here, as before a crash, is set aside.

        Raises:
            StudyError: it cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            kept = _map(self.folder, scan_id)
            if scan_id not in self._drawn_here:
                _set_aside(kept)
            path, note = _beside(kept, _NOTE), json.dumps({"parent_id": parent_id}).encode()
            if not path.exists() or path.read_bytes() != note:
                replace_bytes(path, note)
            replace_bytes(kept, nifti_bytes(labels, compressed=True))
            self._drawn_here.add(scan_id)
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
        path = self._found(scan_id)
        if path is None:
            return None
        volume = read_nifti(path)
        try:
            parent_id = json.loads(_beside(path, _NOTE).read_text(encoding="utf-8"))["parent_id"]
        except (OSError, ValueError, KeyError) as error:
            raise VolumeError(
                f"The note beside {path.name} cannot be read: {error}", "Discard the unsaved corrections."
            ) from error
        labels = Volume(np.asfortranarray(volume.voxels, dtype=np.uint8), volume.affine)
        return Recovered(labels, parent_id, datetime.fromtimestamp(path.stat().st_mtime), path.parent != self.folder)

    def holds(self, scan_id: int) -> bool:
        """Whether there is one for a scan, readable or not."""
        return self._found(scan_id) is not None

    def discard(self, scan_id: int) -> None:
        """Forget what was drawn here on a scan; what was found stays until it is given up."""
        if scan_id in self._drawn_here:
            _remove(_map(self.folder, scan_id))
            self._drawn_here.discard(scan_id)

    def claim(self, scan_id: int) -> None:
        """What was found for a scan is the reader's: it goes into their folder, and nobody else is offered it.

        Raises:
            StudyError: it cannot be moved; it stays where it was.
        """
        path = self._found(scan_id)
        if path is not None:
            self._take_over(path, scan_id)

    def give_up(self, scan_id: int) -> None:
        """What was found is not wanted: forget it, or, if it may be somebody else's, offer it no more to this reader.

        Raises:
            StudyError: that cannot be written down.
        """
        path = self._found(scan_id)
        if path is None:
            return
        if path.parent == self.folder:
            _remove(path)
            return
        try:
            names = sorted({*_declined(path), self.reader})
            replace_bytes(_beside(path, _DECLINED), json.dumps(names).encode())
        except OSError as error:
            raise StudyError(
                f"That these corrections are not yours could not be written down: {error.strerror or error}.",
                "They will be offered again; nothing is lost.",
            ) from error

    def sign_in(self, folder: Path, unnamed: Sequence[Path], reader: str, scan_id: int | None = None) -> None:
        """From now on somebody else reads.

        Args:
            folder: theirs.
            unnamed: folders of corrections that may be theirs.
            reader: their name.
            scan_id: what they have drawn on this scan before they gave their name goes with them; what lies there of
                theirs is set aside.

        Raises:
            StudyError: it cannot be moved; it stays where it was.
        """
        before, self.folder, self.unnamed, self.reader = self.folder, folder, tuple(unnamed), reader
        if before != folder:
            self._drawn_here.clear()
        if scan_id is not None and _map(before, scan_id).exists():
            self._take_over(_map(before, scan_id), scan_id)

    def _found(self, scan_id: int) -> Path | None:
        """The label map to offer for a scan: the reader's own, the newest first, or else one not declined by them."""
        own = _maps(self.folder, scan_id)
        if own:
            return own[0]
        there = (path for folder in self.unnamed for path in _maps(folder, scan_id))
        reader = self.reader.casefold()
        return next((path for path in there if reader not in [name.casefold() for name in _declined(path)]), None)

    def _take_over(self, path: Path, scan_id: int) -> None:
        """Make a label map the reader's own, drawn here; whole there before it is gone here."""
        kept = _map(self.folder, scan_id)
        try:
            if path != kept:
                self.folder.mkdir(parents=True, exist_ok=True)
                _set_aside(kept)
                if _beside(path, _NOTE).exists():
                    replace_bytes(_beside(kept, _NOTE), _beside(path, _NOTE).read_bytes())
                replace_bytes(kept, path.read_bytes())
                _remove(path)
        except OSError as error:
            raise StudyError(
                f"Corrections that were kept aside could not be moved: {error.strerror or error}.",
                "Save them now (Ctrl+S).",
            ) from error
        self._drawn_here.add(scan_id)


def _map(folder: Path, scan_id: int) -> Path:
    return folder / f"scan_{scan_id}{_MAP}"


def _maps(folder: Path, scan_id: int) -> list[Path]:
    """The label maps of a scan in a folder, the newest first."""
    earlier = sorted(folder.glob(f"scan_{scan_id}.earlier_*{_MAP}"), key=lambda path: path.stat().st_mtime_ns)
    return [path for path in (_map(folder, scan_id), *reversed(earlier)) if path.exists()]


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name.removesuffix(_MAP) + ending)


def _set_aside(path: Path) -> None:
    """Give a label map another name, with what is told of it, so that the next one does not replace it."""
    if not path.exists():
        return
    names = (_beside(path, f".earlier_{number}{_MAP}") for number in count(1))
    aside = next(name for name in names if not name.exists())
    for ending in (_NOTE, _DECLINED):
        if _beside(path, ending).exists():
            replace_bytes(_beside(aside, ending), _beside(path, ending).read_bytes())
    path.rename(aside)
    _beside(path, _DECLINED).unlink(missing_ok=True)


def _remove(path: Path) -> None:
    """A label map and what is told of it, itself first."""
    for one in (path, _beside(path, _NOTE), _beside(path, _DECLINED)):
        one.unlink(missing_ok=True)


def _declined(path: Path) -> list[str]:
    """Readers who have said that this label map is not theirs."""
    try:
        return json.loads(_beside(path, _DECLINED).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []


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

    def sign_in(self, folder: Path, unnamed: Sequence[Path], reader: str, drawn: bool) -> None:
        """Somebody else reads, or has given their name; what was drawn and not saved yet goes with them.

        Args:
            folder: theirs.
            unnamed: folders of corrections that may be theirs.
            reader: their name.
            drawn: whether there is something.
        """
        scan_id = self._scan_id if drawn else None
        # In the writer's thread, after a write that may be under way.
        moving = self._writer.submit(self.folder.sign_in, folder, unnamed, reader, scan_id)
        wait([moving])
        self._written(moving)

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
