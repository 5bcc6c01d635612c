"""Files under the paths that a user gives: folders searched through, archives unpacked."""

import lzma
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from ctworkbench.core.errors import ImportRefused

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz")
_MAX_BYTES = 64 * 2**30
_DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    lzma.LZMAError,
    zlib.error,
    EOFError,
    RuntimeError,
    NotImplementedError,
)
"""What the readers of archives raise over one that is damaged or encrypted."""


def walk(folder: Path) -> Iterator[Path]:
    """Files under a folder, sorted, hidden ones left out.

    Raises:
        OSError: a folder may not be listed.
    """
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name == "__MACOSX":
            continue
        if path.is_dir():
            yield from walk(path)
        elif path.is_file():
            yield path


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack an archive under a folder of its own.

    Raises:
        ImportRefused: damaged, encrypted, or too large.
    """
    target = folder / archive.name.split(".")[0]
    target.mkdir(parents=True)
    try:
        if archive.name.lower().endswith(".zip"):
            with zipfile.ZipFile(archive) as content:
                _check_size(archive, sum(entry.file_size for entry in content.infolist()))
                content.extractall(target)
        else:
            with tarfile.open(archive) as content:
                _check_size(archive, sum(entry.size for entry in content))
                _extract(content, target.resolve())
    except _DAMAGED as error:
        raise ImportRefused(
            f"{archive.name} cannot be unpacked: {error}.", "Unpack it yourself and give the folder."
        ) from error
    return target


def _extract(content: tarfile.TarFile, root: Path) -> None:
    """Write the regular files of an archive below `root`, nothing else; Python 3.11.3 has no filter that says so."""
    for entry in content:
        path = (root / entry.name).resolve()
        if not path.is_relative_to(root):
            raise tarfile.TarError(f"{entry.name} would lie outside the folder")
        stream = content.extractfile(entry) if entry.isfile() else None
        if stream is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            with stream, path.open("wb") as out:
                shutil.copyfileobj(stream, out)


def _check_size(archive: Path, size: int) -> None:
    if size > _MAX_BYTES:
        raise ImportRefused(f"{archive.name} would unpack to {size / 2**30:.0f} GB.", "Unpack it yourself.")
