"""Files for people: whole or not there, in a folder that is asked for first, safe to open in a spreadsheet."""

import os
import uuid
from collections.abc import Iterable
from pathlib import Path

from ctworkbench.core.errors import StudyError

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def replace_bytes(path: Path, content: bytes) -> None:
    """Write a file so that it is either wholly there or not at all, and nothing of it is left where it cannot be.

    Raises:
        OSError: the file cannot be written; what was there before is as it was.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        with temporary.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def replace_text(path: Path, text: str) -> None:
    """The same for text, as UTF-8."""
    replace_bytes(path, text.encode("utf-8"))


def need_folder(path: Path) -> None:
    """Make a folder if there is none, before anything is worked out that is to be written there.

    Raises:
        StudyError: it is a file, or cannot be made or written to.
    """
    remedy = "Choose a folder that can be written."
    if path.exists() and not path.is_dir():
        raise StudyError(f"{path} cannot be written to: it is a file, not a folder.", remedy)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StudyError(f"The folder {path} cannot be made: {error.strerror or error}.", remedy) from error
    if not os.access(path, os.W_OK):
        raise StudyError(f"The folder {path} cannot be written to.", remedy)


def guarded(cells: Iterable[object]) -> list[object]:
    """The cells of a row of CSV; text that a spreadsheet would run as a formula has an apostrophe before it.

    A subject's code may begin with "=": it comes from files of others. Numbers stay as they are, those below 0 too.
    """
    return [f"'{cell}" if isinstance(cell, str) and _runs(cell) else cell for cell in cells]


def unguarded(cell: str) -> str:
    """A cell of a table that a spreadsheet or `guarded` wrote, without that apostrophe."""
    return cell[1:] if cell[:1] == "'" and cell[1:].startswith(_FORMULA) else cell


def _runs(text: str) -> bool:
    if not text.startswith(_FORMULA) or len(text) == 1:
        return False
    try:
        float(text)
    except ValueError:
        return True
    return False
