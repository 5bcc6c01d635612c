"""Voxels as files beside the database, found by what they hold."""

import hashlib
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np

from ctworkbench.core.errors import StudyError, VolumeError, WorkbenchError
from ctworkbench.core.volume import Grid, Volume, nifti_bytes, read_grid, read_nifti

_RESTORE = "Restore it from a backup; `ctworkbench verify` names all that is damaged."


def content_key(volume: Volume) -> str:
    """SHA-256 of geometry and uncompressed voxels: equal for equal images, however their files were packed.

    The affine counts as float32, the precision in which NIfTI keeps it.
    """
    voxels = volume.voxels.astype(np.uint8) if volume.voxels.dtype == bool else volume.voxels
    digest = hashlib.sha256()
    digest.update(repr((voxels.shape, voxels.dtype.newbyteorder("<").str)).encode())
    digest.update((np.asarray(volume.affine, dtype="<f4")[:3] + np.float32(0.0)).tobytes())
    digest.update(np.asarray(voxels, dtype=voxels.dtype.newbyteorder("<")).tobytes(order="F"))
    return digest.hexdigest()


def key_of(path: Path) -> str:
    """The key of an image from the path that the store gave for it."""
    return path.name.removesuffix(".nii.gz")


def _age(path: Path) -> timedelta:
    """Time since a file was written, or put again."""
    return timedelta(seconds=time.time() - path.stat().st_mtime)


class VoxelStore:
    """A folder of images, `ab/abcd….nii.gz`, each written once and never changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, volume: Volume) -> str:
        """Keep an image; its key. An image that is there already costs a hash only."""
        key = content_key(volume)
        if not self._is_there(key):
            self._write(key, nifti_bytes(volume, compressed=True))
        return key

    def put_file(self, path: Path) -> str:
        """Keep an image that lies in a `.nii.gz` file; its key."""
        key = content_key(read_nifti(path))
        if not self._is_there(key):
            self._write(key, path.read_bytes())
        return key

    def get(self, key: str, given_up: Callable[[], bool] | None = None) -> Volume:
        """The image of a key.

        Raises:
            ReadingGivenUp: see `read_nifti`.
            StudyError: it is gone or cannot be read.
        """
        path = self.path(key)
        if not path.exists():
            raise StudyError(f"The image {key[:12]} is missing from the study's voxels.", _RESTORE)
        try:
            return read_nifti(path, given_up)
        except VolumeError as error:
            raise StudyError(
                f"The image {key[:12]} in the study's voxels is damaged: {error.message}", _RESTORE
            ) from error

    def grid(self, key: str) -> Grid:
        """The grid of an image, its voxels left unread.

        Raises:
            StudyError: it is gone or cannot be read.
        """
        if not self.path(key).exists():
            raise StudyError(f"The image {key[:12]} is missing from the study's voxels.", _RESTORE)
        try:
            return read_grid(self.path(key))
        except VolumeError as error:
            raise StudyError(
                f"The image {key[:12]} in the study's voxels is damaged: {error.message}", _RESTORE
            ) from error

    def path(self, key: str) -> Path:
        """Where the image of a key lies or would lie."""
        return self._folder / key[:2] / f"{key}.nii.gz"

    def verify(self, key: str) -> str | None:
        """What is wrong with a stored image, in a sentence; None if it is whole."""
        if not self.path(key).exists():
            return f"The image {key[:12]} is missing."
        try:
            found = content_key(read_nifti(self.path(key)))
        except WorkbenchError as error:
            return f"The image {key[:12]} cannot be read: {error.message}"
        return None if found == key else f"The image {key[:12]} was altered: its content hashes to {found[:12]}."

    def keys(self) -> Iterator[str]:
        """Keys of all images."""
        for path in sorted(self._folder.glob("??/*.nii.gz")):
            if not path.name.startswith("."):
                yield key_of(path)

    def older_than(self, age: timedelta) -> list[Path]:
        """Images, and files left half-written, that nobody has put here within `age`."""
        found = [path for path in self._folder.glob("??/*") if path.name.endswith((".nii.gz", ".part"))]
        return sorted(path for path in found if _age(path) > age)

    def gc(self, in_use: Iterable[str], among: Iterable[Path], age: timedelta) -> list[int]:
        """Remove images that nothing names, and files left half-written; the size in bytes of each one removed.

        Args:
            in_use: keys of images to keep.
            among: files to look at, those of `older_than` before `in_use` was read.
            age: what was put here again meanwhile, and so is younger, stays.
        """
        kept = set(in_use)
        removed: list[int] = []
        for path in among:
            if (path.name.endswith(".part") or key_of(path) not in kept) and _age(path) > age:
                removed.append(path.stat().st_size)
                path.unlink()
        return removed

    def _is_there(self, key: str) -> bool:
        """Whether an image is kept already; it counts as put here now, so that `gc` lets it be."""
        try:
            os.utime(self.path(key))
        except FileNotFoundError:
            return False
        except PermissionError:  # of a colleague, in a folder that a team shares
            return self.path(key).exists()
        return True

    def _write(self, key: str, content: bytes) -> None:
        """Write under a temporary name, sync, rename: the file is wholly there or not at all."""
        path = self.path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(path.parent).free
        if free < len(content) + 16 * 2**20:
            raise StudyError(f"The disk is full: {free // 2**20} MB are left.", "Free some space and try again.")
        temporary = path.with_name(f".{uuid.uuid4().hex}.part")
        try:
            with temporary.open("wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(path)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise StudyError(
                f"An image could not be written: {error.strerror}.", "Free some space and try again."
            ) from error
        if hasattr(os, "O_DIRECTORY"):  # a rename is durable once its folder is synced
            descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
