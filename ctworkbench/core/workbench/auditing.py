"""The audit room: who did what, when, from which version and why; and whether anything of it was altered."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ctworkbench.core import trail
from ctworkbench.core.analysis.sheet import Column, TableSheet
from ctworkbench.core.analysis.writing import csv_text
from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.files import replace_text
from ctworkbench.core.model import Annotation, Audit, Scan, Subject
from ctworkbench.core.workbench.open_study import OpenStudy
from ctworkbench.core.workbench.overlaps import COMPARE
from ctworkbench.core.workbench.readers import hidden_scans

_COLUMNS = (
    Column("number", "No.", "count", meaning="Place in the chain"),
    Column("time", "When", "text", meaning="In UTC"),
    Column("author", "Who", "text"),
    Column("subject", "Subject", "text"),
    Column("action", "What", "text"),
    Column("version", "Version", "text", meaning="Of the label map"),
    Column("from_version", "From", "text", meaning="Version that it was drawn from"),
    Column("why", "Why", "text", meaning="Comment and reasons"),
    Column("details", "Details", "text"),
    Column("hash", "Hash", "text", meaning="Of this entry; it takes in that of the one before"),
)


@dataclass(frozen=True)
class AuditRow:
    """One entry of the trail.

    Attributes:
        id: its place in the chain.
        subject: code of the subject that it belongs to; "" where it belongs to the study.
        target: what was done to, such as "annotation 12".
        version, from_version: of the label map, and of the one that it was drawn from; None without one.
        why: comment and reasons, as they were given.
        details: all else that was told.
    """

    id: int
    time: datetime
    author: str
    action: str
    subject: str
    target: str
    version: int | None
    from_version: int | None
    why: str
    details: str
    hash: str
    scan_id: int | None = None


@dataclass(frozen=True)
class Verified:
    """What a check of the trail found.

    Attributes:
        entries: how many there are.
        head: hash of the last one; written down elsewhere, it lets anybody find later that the trail was written anew.
        problems: a sentence for each entry or row that is not as it was written.
    """

    entries: int
    head: str
    problems: tuple[str, ...]


class AuditRoom:
    """The trail, read and checked; it is written by whatever it tells of."""

    def __init__(self, study: OpenStudy) -> None:
        self._study = study

    def entries(
        self, subject: str = "", since: date | None = None, author: str = "", scan_id: int | None = None
    ) -> list[AuditRow]:
        """Entries of the trail, newest first, without the others' on scans that the reader is still to read blinded.

        Args:
            subject: code of a subject; "" for all.
            since: the first day, in UTC.
            author: who did it; "" for all.
            scan_id: of one scan alone.

        Raises:
            WorkbenchError: there is no such subject.
        """
        with self._study.database.reading() as session:
            code_of = dict(session.execute(select(Scan.id, Subject.code).join(Subject)).tuples().all())
            if subject and subject not in code_of.values():
                raise WorkbenchError(
                    f"There is no subject {subject} in this study.", "See who is there: ctworkbench review STUDY"
                )
            version_of = dict(session.execute(select(Annotation.id, Annotation.version)).tuples().all())
            query = select(Audit).order_by(Audit.id.desc())
            if scan_id is not None:
                query = query.where(Audit.scan_id == scan_id)
            if author:
                query = query.where(Audit.author == author)
            rows = [
                _row(entry, code_of.get(entry.scan_id or 0, ""), version_of)
                for entry in session.scalars(query)
                if since is None or entry.time.date() >= since
            ]
            me = self._study.settings.author
            hidden = hidden_scans(session, me)
        kept = {row.id for row in rows if row.author == me and row.action != COMPARE}
        rows = [row for row in rows if row.scan_id not in hidden or row.id in kept]
        return [row for row in rows if not subject or subject in (row.subject, row.target)]

    def sheet(self, rows: Sequence[AuditRow]) -> TableSheet:
        """Entries as a table."""
        cells = tuple(
            (
                row.id,
                f"{row.time:%Y-%m-%d %H:%M:%S}",
                row.author,
                row.subject or row.target,
                row.action,
                "" if row.version is None else f"v{row.version}",
                "" if row.from_version is None else f"v{row.from_version}",
                row.why,
                row.details,
                row.hash,
            )
            for row in rows
        )
        return TableSheet("audit", "Audit trail", "Audit trail: who did what, when, and why.", _COLUMNS, cells)

    def write_csv(self, rows: Sequence[AuditRow], path: Path) -> Path:
        """Write entries as CSV.

        Raises:
            WorkbenchError: the file cannot be written.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_text(path, csv_text(self.sheet(rows)))
        except OSError as error:
            raise WorkbenchError(
                f"{path} cannot be written: {error.strerror or error}.", "Choose another file."
            ) from error
        return path

    def verify(self, head: str = "") -> Verified:
        """Check every entry of the trail, and every row that it tells of.

        Args:
            head: a hash that was written down earlier; the trail must still hold it.
        """
        with self._study.database.reading() as session:
            problems = trail.check(session, self._study.database.heads)
            entries, newest = _newest(session)
            if head and session.scalar(select(Audit.id).where(Audit.hash == head)) is None:
                problems.append(f"No entry has the hash {head}: the trail was cut off or written anew since.")
        return Verified(entries, newest, tuple(problems))


def _newest(session: Session) -> tuple[int, str]:
    hashes = list(session.scalars(select(Audit.hash).order_by(Audit.id)))
    return len(hashes), hashes[-1] if hashes else ""


def _row(entry: Audit, code: str, version_of: Mapping[int, int]) -> AuditRow:
    details: dict[str, Any] = dict(entry.details)
    named = re.fullmatch(r"annotation (\d+)", entry.subject)
    version = details.pop("version", None)
    if version is None and named:
        version = version_of.get(int(named[1]))
    before = details.pop("from version", None)
    reasons = [str(reason) for reason in details.pop("reasons", None) or []]
    why = "; ".join([*reasons, *([str(told)] if (told := details.pop("why", "")) else [])])
    told = ", ".join(f"{name}: {value}" for name, value in details.items() if value not in (None, "", [], {}))
    return AuditRow(
        id=entry.id,
        time=entry.time,
        author=entry.author,
        action=entry.action,
        subject=code,
        target=entry.subject,
        version=version,
        from_version=before,
        why=why,
        details=told,
        hash=entry.hash,
        scan_id=entry.scan_id,
    )
