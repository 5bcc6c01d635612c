"""The audit trail in the database: the one place that writes its entries, and the check that finds what was altered.

An entry is written at the end of the transaction that it tells of, under the write lock, so that the chain cannot fork.
The lines of `audit.heads` beside the database say which hash each transaction began and ended with: without them, an
entry removed from the end would leave no gap.
"""

import json
import logging
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import RowMapping, Table, event, select
from sqlalchemy.orm import Session, UOWTransaction

from ctworkbench.core.audit_chain import GENESIS, digest, digest_of_many, link
from ctworkbench.core.model import CHAINED, Audit, Base, Measurement, Study

log = logging.getLogger(__name__)

BEGIN = "begin trail"
UNTOLD = "write rows"
_ENTRIES, _TOUCHED = "ctworkbench_entries", "ctworkbench_touched"
_MANY = 500

Heads = tuple[dict[int, set[str]], dict[int, set[str]]]


@dataclass(frozen=True)
class Entry:
    """What is to be written down, before it has a place in the chain."""

    author: str
    action: str
    subject: str
    details: Mapping[str, Any]
    scan_id: int | None = None


@dataclass(frozen=True)
class Head:
    """The last entry of a transaction: its number and its hash."""

    id: int
    hash: str


def tell(session: Session, entry: Entry) -> None:
    """Put an entry down in the transaction of what it tells; it is chained when the transaction ends."""
    session.info.setdefault(_ENTRIES, []).append(entry)


def follow(session: Session) -> None:
    """Take note of every row that is written in a session."""
    touched: set[tuple[type[Base], int]] = session.info.setdefault(_TOUCHED, set())

    @event.listens_for(session, "after_flush")
    def _flushed(session: Session, _context: UOWTransaction) -> None:
        written = [*session.new, *(row for row in session.dirty if session.is_modified(row))]
        for row in written:
            if isinstance(row, Measurement):
                touched.add((Measurement, row.annotation_id))
            elif isinstance(row, CHAINED):
                touched.add((type(row), getattr(row, "id")))  # noqa: B009 - every chained table has one


def seal(session: Session) -> Head | None:
    """Chain the entries of a transaction, the last with the digests of all its rows; None if nothing was written."""
    session.flush()
    entries: list[Entry] = session.info.pop(_ENTRIES, [])
    touched: set[tuple[type[Base], int]] = session.info.pop(_TOUCHED, set())
    if not entries and not touched:
        return None
    session.execute(select(Study.id).with_for_update())  # SQLite holds the write lock already and ignores this
    rows = _digests(session, touched)
    if not entries:
        entries = [Entry("", UNTOLD, ", ".join(sorted({kind.__tablename__ for kind, _ in touched}))[:64], {})]
    newest = session.execute(select(Audit.id, Audit.hash).order_by(Audit.id.desc()).limit(1)).first()
    number, previous = (newest.id, newest.hash) if newest else (0, GENESIS)
    for place, entry in enumerate(entries, start=1):
        audit = Audit(
            id=number + place,
            time=datetime.now(UTC),
            author=entry.author,
            action=entry.action,
            subject=entry.subject,
            details=json.loads(json.dumps(entry.details, default=str)),
            scan_id=entry.scan_id,
            rows=rows if place == len(entries) else {},
            previous_hash=previous,
            hash="",
        )
        audit.hash = previous = link(_content(Audit.__table__, audit))
        session.add(audit)
    session.flush()
    return Head(number + len(entries), previous)


def begin(session: Session, author: str) -> None:
    """Let the trail hold digests of all rows that are there; done once, when a study is made or comes from before."""
    if session.scalar(select(Audit.id).where(Audit.action == BEGIN).limit(1)) is not None:
        return
    touched: set[tuple[type[Base], int]] = session.info.setdefault(_TOUCHED, set())
    for kind in CHAINED:
        key = Measurement.annotation_id if kind is Measurement else kind.__table__.c.id
        touched.update((kind, number) for number in session.scalars(select(key).distinct()))
    tell(session, Entry(author, BEGIN, "study", {"rows": len(touched)}))


def begun(session: Session) -> bool:
    """Whether the trail holds digests."""
    return session.scalar(select(Audit.id).where(Audit.action == BEGIN).limit(1)) is not None


# -- the heads beside the database -------------------------------------------------------------------------------------


def note(heads: Path, word: str, head: Head) -> None:
    """Add a line to `audit.heads`: "begin" before a transaction is written, "end" after it.

    A disk that is full must not undo what a reader has done: that the line is missing is told by the next check.
    """
    try:
        with heads.open("a+b") as stream:
            size = stream.seek(0, os.SEEK_END)
            if size:
                stream.seek(size - 1)
            torn = size > 0 and stream.read(1) != b"\n"  # a program was killed while it wrote
            stream.write(b"\n" * torn + f"{word} {head.id} {head.hash}\n".encode("ascii"))
    except OSError:
        log.warning("%s cannot be written", heads, exc_info=True)


def read_heads(heads: Path) -> Heads:
    """Hashes by number of entry, of transactions that began and of those that ended; a torn line is left out."""
    found: dict[str, dict[int, set[str]]] = {"begin": defaultdict(set), "end": defaultdict(set)}
    for line in heads.read_text(encoding="ascii", errors="replace").splitlines():
        words = line.split()
        if len(words) == 3 and words[0] in found and words[1].isdigit() and len(words[2]) == 64:
            found[words[0]][int(words[1])].add(words[2])
    return found["begin"], found["end"]


# -- the check ---------------------------------------------------------------------------------------------------------


def check(session: Session, heads: Path | None) -> list[str]:
    """Every entry and every row that is not as it was written, a sentence each; empty if all are.

    Others may write meanwhile: the session must be a fresh one, so that all is read as it stood at one moment.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    before = _heads_of(heads)  # what had ended then is in the database that is read now
    problems: list[str] = []
    previous, last = GENESIS, 0
    hashes: dict[int, str] = {}
    told: dict[str, tuple[str, int]] = {}
    query = select(Audit.__table__).order_by(Audit.id).execution_options(yield_per=_MANY)
    for row in map(_plain, session.execute(query).mappings()):
        number, name = row["id"], f"Audit entry {row['id']} ({row['action']}, {row['subject']}, {row['time']:%F %T})"
        if number > last + 1:
            gone = f"{last + 1}" if number == last + 2 else f"{last + 1} to {number - 1}"
            problems.append(f"Audit entry {gone} is missing.")
        elif row["previous_hash"] != previous:
            problems.append(f"{name} does not follow the one before it: an entry was put in, moved or written anew.")
        if link(row) != row["hash"]:
            problems.append(f"{name} was altered.")
        hashes[number] = row["hash"]
        for key, found in row["rows"].items():
            told[key] = (found, number)
        previous, last = row["hash"], number
    problems += _head_problems(heads, before, _heads_of(heads), hashes)
    return problems + _row_problems(session, told)


def _heads_of(heads: Path | None) -> Heads | None:
    return None if heads is None or not heads.exists() else read_heads(heads)


def _head_problems(
    heads: Path | None, before: Heads | None, after: Heads | None, hashes: Mapping[int, str]
) -> list[str]:
    """What the lines read before and after the entries say of them; a transaction begins before it can be read."""
    if heads is None or not hashes:
        return []
    if before is None or after is None:
        return [f"{heads.name} is missing: whether entries are gone from the end of the audit trail cannot be told."]
    ended, begun = before[1], after[0]
    newest = max(hashes)
    gone = sorted(number for number in ended if number not in hashes and number > newest)
    problems = []
    if gone:
        what = f"{newest + 1}" if gone[-1] == newest + 1 else f"{newest + 1} to {gone[-1]}"
        problems.append(f"Audit entry {what} is missing from the end, by {heads.name}.")
    problems += [
        f"Audit entry {number} is not the one that was written, by {heads.name}."
        for number in sorted(set(ended) & set(hashes))
        if ended[number] != {hashes[number]}
    ]
    known = max((number for number in ended if number in hashes), default=0)
    # what was written just before the program was killed has begun and not ended
    known = max((n for n in begun if n > known and hashes.get(n) in begun[n]), default=known)
    if newest > known:
        what = f"{known + 1}" if newest == known + 1 else f"{known + 1} to {newest}"
        problems.append(f"Audit entry {what} was added by another hand: {heads.name} does not know it.")
    return problems


def _row_problems(session: Session, told: Mapping[str, tuple[str, int]]) -> list[str]:
    if not told:
        return ["The audit trail holds no digests of the study's rows."]
    there: dict[str, str] = {}
    for kind in CHAINED:
        there |= _digests_of(session, kind, None)
    problems = [
        f"{_name(key)} is not as audit entry {told[key][1]} tells: it was altered."
        for key, found in there.items()
        if key in told and told[key][0] != found
    ]
    problems += [f"{_name(key)} is in no audit entry: it was put in by another hand." for key in there.keys() - told]
    problems += [f"{_name(key)} is missing; audit entry {told[key][1]} tells of it." for key in told.keys() - there]
    return sorted(problems)


def _name(key: str) -> str:
    return f"{key[:1].upper()}{key[1:]}"


# -- digests -----------------------------------------------------------------------------------------------------------


def _digests(session: Session, touched: Iterable[tuple[type[Base], int]]) -> dict[str, str]:
    """Digests by name of row, of rows as the database gives them back."""
    numbers: dict[type[Base], set[int]] = defaultdict(set)
    for kind, number in touched:
        numbers[kind].add(number)
    found: dict[str, str] = {}
    for kind, chosen in numbers.items():
        ordered = sorted(chosen)
        for start in range(0, len(ordered), _MANY):
            found |= _digests_of(session, kind, ordered[start : start + _MANY])
    return found


def _digests_of(session: Session, kind: type[Base], numbers: list[int] | None) -> dict[str, str]:
    table = kind.__table__
    many = kind is Measurement
    key = table.c.annotation_id if many else table.c.id
    query = select(table).order_by(table.c.id)
    found = session.execute(query if numbers is None else query.where(key.in_(numbers)))
    rows = [_plain(row) for row in found.mappings()]
    if not many:
        return {f"{table.name} {row['id']}": digest(str(table.name), row) for row in rows}  # pyright: ignore[reportAttributeAccessIssue]
    grouped: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        grouped[row["annotation_id"]].append(row)
    return {f"measurements of annotation {one}": digest_of_many("measurement", own) for one, own in grouped.items()}


def _plain(row: RowMapping) -> dict[str, Any]:
    return {str(name): value for name, value in row.items()}


def _content(table: Any, row: Base) -> dict[str, Any]:
    columns: Table = table
    return {column.name: getattr(row, column.name) for column in columns.columns}
