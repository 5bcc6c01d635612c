"""The chain of the audit trail: what is hashed, and how; nothing else may decide it.

**Canonical form.** The content of a row is a JSON object: names of columns and values as the database gives them back,
keys sorted, no blanks, all text in ASCII escapes, floats in Python's shortest form that reads back the same. A moment
is text in UTC with microseconds, `2026-03-01T04:00:00.000000Z`; an enum is its value. A column that is empty (NULL) is
left out, so that a column which a later schema adds does not alter what was hashed before.

**Digest of a row** (of a review, a label map, …): SHA-256, in hexadecimal, over that JSON with its table as `"table"`.

**Chain.** The hash of an entry is the same over all its columns but `hash`; one of them is `previous_hash`, the hash of
the entry before it, or 64 zeros for the first. An entry holds the digests of the rows that were written with it.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any

GENESIS = "0" * 64


def canonical(content: Mapping[str, Any]) -> bytes:
    """The canonical form of a row.

    Raises:
        TypeError: a value that no column of a study holds.
    """
    kept = {name: value for name, value in content.items() if value is not None}
    text = json.dumps(kept, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=_plain)
    return text.encode("ascii")


def digest(table: str, content: Mapping[str, Any]) -> str:
    """SHA-256 of one row of a table."""
    return hashlib.sha256(canonical({**content, "table": table})).hexdigest()


def digest_of_many(table: str, contents: Iterable[Mapping[str, Any]]) -> str:
    """SHA-256 over the digests of several rows, in their order."""
    joined = "\n".join(digest(table, content) for content in contents)
    return hashlib.sha256(joined.encode("ascii")).hexdigest()


def link(entry: Mapping[str, Any]) -> str:
    """Hash of an entry of the trail, by all its columns but `hash`; `previous_hash` is among them."""
    content = {name: value for name, value in entry.items() if name != "hash"}
    return hashlib.sha256(canonical(content)).hexdigest()


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        moment = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    raise TypeError(f"{type(value).__name__} has no canonical form")
