"""Which label map of a scan counts, which one is to review, and what a verdict is called: queries, never flags.

**One reader.** The newest accepted version counts, else the newest that was not rejected.

**Several readers** (scans that were assigned, see `reading`). Corrections and verdicts of second and repeated readings
stand aside: what counts is the first reader's by the rule above. Where the first and a second reading differ in their
verdict, or the mean Dice of their label maps lies under the study's bound, the scan is *to adjudicate*, and the first
reader's version counts meanwhile. Label maps that were not compared yet neither agree nor differ: it is *undecided*.
The version that the adjudicator accepts, one of the readers' or the adjudicator's own correction, counts from then on
over all that was there, until a newer version is accepted.

**Blinded.** A reader with an open blinded assignment sees, of that scan, the machine's label map that the others began
from and their own corrections and verdicts, numbered as if there were no others. Whatever is shown for one scan asks
with `seen_by`; whatever is computed over the cohort (training, norms, tables) asks without, and gets what stands.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ctworkbench.core.model import Annotation, Origin, ReaderRole, Review, Verdict
from ctworkbench.core.workbench.reading import Said, ScanReadings, readings, tasks_of
from ctworkbench.core.workbench.rows import AnnotationRow, Standing

CURRENT = "current"
NO_VERDICT = "no verdict"
TO_REVIEW = "to review"
TO_ADJUDICATE = "to adjudicate"
NOT_COMPARED = "not yet compared"
_VERDICT_TEXTS = {
    Verdict.ACCEPT: "accepted",
    Verdict.NEEDS_EDITS: "needs edits",
    Verdict.REJECT: "rejected",
    Verdict.LATER: "later",
}


class Judged(Protocol):
    """What is asked of a version to choose one by."""

    @property
    def origin(self) -> Origin:
        """What made it."""
        ...

    @property
    def verdict(self) -> Verdict | None:
        """The last one on it."""
        ...

    @property
    def aside(self) -> bool:
        """Whether it does not count by itself: a second reading, or one that was not chosen."""
        ...


V = TypeVar("V", bound=Judged)


@dataclass(frozen=True, slots=True)
class Version:
    """As much of a version as it takes to choose one a scan: a cohort has thousands."""

    id: int
    scan_id: int
    version: int
    origin: Origin
    verdict: Verdict | None
    accepted_unread: bool
    aside: bool = False
    settled: bool = False
    disputed: bool = False
    undecided: bool = False
    due: bool = False


Shown = TypeVar("Shown", Version, AnnotationRow)


def verdict_text(verdict: Verdict | None, accepted_unread: bool = False) -> str:
    """What a verdict is called everywhere: "accepted", "accepted unread", "needs edits" … or "no verdict"."""
    if verdict is None:
        return NO_VERDICT
    return "accepted unread" if accepted_unread and verdict is Verdict.ACCEPT else _VERDICT_TEXTS[verdict]


def waiting_text(row: AnnotationRow) -> str:
    """What a version that waits is called: "to review", "to adjudicate", or "later" where a reader has put it off."""
    if row.disputed:
        return TO_ADJUDICATE
    return verdict_text(row.verdict) if row.verdict else TO_REVIEW


def last_verdicts(
    session: Session, scan_ids: Iterable[int] | None = None, seen_by: str = ""
) -> dict[int, tuple[Verdict, bool]]:
    """By label map the last verdict that counts, and whether it was accepted though nobody has looked at it.

    A reader leaves the time that the case was on the screen, or a grade; who accepts all at once leaves neither.

    Args:
        session: of the study.
        scan_ids: scans; all by default.
        seen_by: the reader to whom they are shown; "" for what stands.
    """
    chosen = None if scan_ids is None else list(scan_ids)
    return _last_verdicts(session, chosen, readings(session, chosen), seen_by)


def _last_verdicts(
    session: Session, scan_ids: list[int] | None, several: dict[int, ScanReadings], seen_by: str
) -> dict[int, tuple[Verdict, bool]]:
    query = select(Review.annotation_id, Review.verdict, Review.seconds, Review.grade).order_by(Review.id)
    if scan_ids is not None:
        query = query.join(Annotation, Annotation.id == Review.annotation_id).where(Annotation.scan_id.in_(scan_ids))
    found: dict[int, Verdict] = {}
    looked_at: set[int] = set()
    for annotation, verdict, seconds, grade in session.execute(query).tuples():
        found[annotation] = verdict
        if seconds or grade is not None:
            looked_at.add(annotation)
    for scan in several.values():
        task = scan.blinded(seen_by)
        said: list[Said] = scan.standing() if task is None else scan.said_in(task)
        for row in scan.drawn:
            found.pop(row.id, None)
        found.update({one.annotation_id: one.verdict for one in said})
        looked_at -= {row.id for row in scan.drawn}
        looked_at |= {one.annotation_id for one in said if one.seconds or one.grade is not None}
    return {key: (verdict, verdict is Verdict.ACCEPT and key not in looked_at) for key, verdict in found.items()}


def annotation_rows(
    session: Session, scan_ids: Iterable[int] | None = None, seen_by: str = ""
) -> dict[int, list[AnnotationRow]]:
    """All versions of each scan, newest first, with the last verdict on each.

    Args:
        session: of the study.
        scan_ids: scans; all by default.
        seen_by: the reader to whom they are shown: what is kept from them is left out; "" for what stands.
    """
    chosen = None if scan_ids is None else list(scan_ids)
    annotations = select(Annotation).order_by(Annotation.version.desc())
    if chosen is not None:
        annotations = annotations.where(Annotation.scan_id.in_(chosen))
    several = readings(session, chosen)
    verdicts = _last_verdicts(session, chosen, several, seen_by)
    found: dict[int, list[AnnotationRow]] = {}
    for annotation in session.scalars(annotations):
        row = annotation_row(annotation, *verdicts.get(annotation.id, (None, False)))
        found.setdefault(annotation.scan_id, []).append(row)
    for scan_id, scan in several.items():
        found[scan_id] = _seen(found.get(scan_id, []), scan, seen_by)
    return {scan_id: rows for scan_id, rows in found.items() if rows}


def _seen(rows: list[Shown], scan: ScanReadings, reader: str) -> list[Shown]:
    """Versions of a scan with several readers as one of them sees it: newest first, marked, or left out."""
    task = scan.blinded(reader)
    if task is not None:
        shown = scan.shown_to(task)
        kept = [row for row in rows if row.id in shown]
        return [replace(row, version=len(kept) - place) for place, row in enumerate(kept)]
    aside, settled = scan.aside, bool(reader) and scan.settled(reader)
    disputed, undecided = scan.disputed, scan.undecided
    due = bool(reader) and scan.open_task(reader) is not None
    marked = [
        replace(
            row,
            aside=row.id in aside,
            settled=settled,
            disputed=row.id == disputed,
            undecided=row.id == undecided,
        )
        for row in rows
    ]
    newest = next((place for place, row in enumerate(marked) if not row.aside), None)
    if due and newest is not None:
        marked[newest] = replace(marked[newest], due=True)
    return marked


def annotation_row(
    annotation: Annotation, verdict: Verdict | None = None, accepted_unread: bool = False
) -> AnnotationRow:
    """A version as a frozen row."""
    scores: dict[str, Any] = dict(annotation.scores)
    return AnnotationRow(
        id=annotation.id,
        scan_id=annotation.scan_id,
        version=annotation.version,
        parent_id=annotation.parent_id,
        origin=annotation.origin,
        author=annotation.author,
        created=annotation.created,
        comment=annotation.comment,
        scheme=annotation.scheme,
        verdict=verdict,
        scores=scores,
        parameters=dict(annotation.parameters),
        model_id=annotation.model_id,
        code_version=annotation.code_version,
        labels_key=annotation.labels_key,
        accepted_unread=accepted_unread,
    )


def chosen_versions(session: Session, source: str, seen_by: str = "") -> dict[int, Version]:
    """By scan the version that a source stands for; scans without one are not in it. See `version_for`.

    Args:
        session: of the study.
        source: "current", "registration", "expert" or "model".
        seen_by: the reader to whom they are shown; "" for what stands.
    """
    several = readings(session)
    verdicts = _last_verdicts(session, None, several, seen_by)
    # columns, not objects: scores and parameters, which choose nothing, are most of a row
    columns = select(Annotation.id, Annotation.scan_id, Annotation.version, Annotation.origin)
    versions: dict[int, list[Version]] = {}
    for number, scan, version, origin in session.execute(columns.order_by(Annotation.version.desc())).tuples():
        row = Version(number, scan, version, origin, *verdicts.get(number, (None, False)))
        versions.setdefault(scan, []).append(row)
    versions |= {scan: _seen(versions.get(scan, []), told, seen_by) for scan, told in several.items()}
    chosen = {scan: version_for(own, source) for scan, own in versions.items()}
    return {scan: row for scan, row in chosen.items() if row is not None}


def current(versions: Sequence[V]) -> V | None:
    """The version that counts: the newest accepted one, else the newest that was not rejected.

    Args:
        versions: all versions of one scan, newest first.
    """
    own = [row for row in versions if not row.aside]
    accepted = (row for row in own if row.verdict is Verdict.ACCEPT)
    open_ones = (row for row in own if row.verdict is not Verdict.REJECT)
    return next(accepted, None) or next(open_ones, None)


def registration_rejected(versions: Sequence[Judged]) -> bool:
    """Whether a scan needs another registration: all it has stand rejected, and nothing was accepted in their place."""
    verdicts = [row.verdict for row in versions if row.origin is Origin.REGISTRATION]
    accepted = any(row.verdict is Verdict.ACCEPT for row in versions)
    return bool(verdicts) and not accepted and all(verdict is Verdict.REJECT for verdict in verdicts)


def standing_of(versions: Sequence[AnnotationRow]) -> Standing:
    """Which version of a scan counts, and which one is to review.

    Args:
        versions: all versions of one scan, newest first.
    """
    counts = current(versions) or next(iter(versions), None)
    floor = 0 if counts is None else counts.version
    own = [row for row in versions if not row.aside]
    open_ones = (row for row in own if row.verdict in (None, Verdict.LATER) and row.version >= floor)
    called = next((row for row in versions if row.disputed or row.due), None)
    waiting = called or next(open_ones, None)
    return Standing(counts, None if waiting is None or waiting.settled else waiting)


def version_for(versions: Sequence[V], source: str) -> V | None:
    """The version that a source stands for: "current", or the newest of an origin that was not rejected.

    Args:
        versions: all versions of one scan, newest first.
        source: "current", "registration", "expert" or "model".
    """
    if source == CURRENT:
        return current(versions)
    own = (row for row in versions if row.origin == source and not row.aside)
    return next((row for row in own if row.verdict is not Verdict.REJECT), None)


def version_named(versions: Iterable[AnnotationRow], name: str) -> AnnotationRow | None:
    """The version that somebody means; None if it is not among them.

    Args:
        versions: of one scan, or of several.
        name: "2", as the reader who asks counts the versions of one scan, or "a17": the number that a label map has in
            the study for everybody and for good, also while something is kept from a blinded reader.
    """
    return next((row for row in versions if name in (row.handle, str(row.version))), None)


def next_version(session: Session, scan_id: int) -> int:
    """Number of the next version of a scan's label map."""
    newest = session.scalar(select(func.max(Annotation.version)).where(Annotation.scan_id == scan_id))
    return (newest or 0) + 1


def corrected_already(session: Session, scan_id: int, parent_id: int | None, author: str) -> int | None:
    """Version that an expert has drawn from the same parent already; None if there is none.

    A scan with several readers has a branch for each: somebody to whom it was assigned meets their own versions alone,
    and those of a repeated reading since it was given. Whoever reads without an assignment meets no second readings.
    """
    query = select(Annotation.version).where(Annotation.scan_id == scan_id, Annotation.origin == Origin.EXPERT)
    known = tasks_of(session, [scan_id]).get(scan_id, [])
    tasks = [task for task in known if task.reader == author]
    if not tasks:
        second = {task.reader for task in known if task.role in (ReaderRole.SECOND, ReaderRole.REPEAT)}
        query = query.where(Annotation.author.not_in(second))
    else:
        query = query.where(Annotation.author == author)
        since = [task.created for task in tasks if task.role is ReaderRole.REPEAT]
        query = query.where(Annotation.created >= max(since)) if since else query
    same = Annotation.parent_id.is_(None) if parent_id is None else Annotation.parent_id == parent_id
    return session.scalar(query.where(same).order_by(Annotation.version.desc()).limit(1))
