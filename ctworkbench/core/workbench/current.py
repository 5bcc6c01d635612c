"""Which label map of a scan counts, which one is to review, and what a verdict is called: queries, never flags."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ctworkbench.core.model import Annotation, Origin, Review, Verdict
from ctworkbench.core.workbench.rows import AnnotationRow, Standing

CURRENT = "current"
NO_VERDICT = "no verdict"
TO_REVIEW = "to review"
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


V = TypeVar("V", bound=Judged)


class Version(NamedTuple):
    """As much of a version as it takes to choose one a scan: a cohort has thousands."""

    id: int
    scan_id: int
    version: int
    origin: Origin
    verdict: Verdict | None
    accepted_unread: bool


def verdict_text(verdict: Verdict | None, accepted_unread: bool = False) -> str:
    """What a verdict is called everywhere: "accepted", "accepted unread", "needs edits" … or "no verdict"."""
    if verdict is None:
        return NO_VERDICT
    return "accepted unread" if accepted_unread and verdict is Verdict.ACCEPT else _VERDICT_TEXTS[verdict]


def waiting_text(row: AnnotationRow) -> str:
    """What a version that waits is called: "to review", or "later" where a reader has put it off."""
    return verdict_text(row.verdict) if row.verdict else TO_REVIEW


def last_verdicts(session: Session, scan_ids: Iterable[int] | None = None) -> dict[int, tuple[Verdict, bool]]:
    """By label map the last verdict, and whether it was accepted though nobody has looked at it.

    A reader leaves the time that the case was on the screen, or a grade; who accepts all at once leaves neither.
    """
    query = select(Review.annotation_id, Review.verdict, Review.seconds, Review.grade).order_by(Review.id)
    if scan_ids is not None:
        query = query.join(Annotation, Annotation.id == Review.annotation_id).where(Annotation.scan_id.in_(scan_ids))
    found: dict[int, Verdict] = {}
    looked_at: set[int] = set()
    for annotation, verdict, seconds, grade in session.execute(query).tuples():
        found[annotation] = verdict
        if seconds or grade is not None:
            looked_at.add(annotation)
    return {key: (verdict, verdict is Verdict.ACCEPT and key not in looked_at) for key, verdict in found.items()}


def annotation_rows(session: Session, scan_ids: Iterable[int] | None = None) -> dict[int, list[AnnotationRow]]:
    """All versions of each scan, newest first, with the last verdict on each."""
    chosen = None if scan_ids is None else list(scan_ids)
    annotations = select(Annotation).order_by(Annotation.version.desc())
    if chosen is not None:
        annotations = annotations.where(Annotation.scan_id.in_(chosen))
    verdicts = last_verdicts(session, chosen)
    found: dict[int, list[AnnotationRow]] = {}
    for annotation in session.scalars(annotations):
        row = annotation_row(annotation, *verdicts.get(annotation.id, (None, False)))
        found.setdefault(annotation.scan_id, []).append(row)
    return found


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


def chosen_versions(session: Session, source: str) -> dict[int, Version]:
    """By scan the version that a source stands for; scans without one are not in it. See `version_for`."""
    verdicts = last_verdicts(session)
    # columns, not objects: scores and parameters, which choose nothing, are most of a row
    columns = select(Annotation.id, Annotation.scan_id, Annotation.version, Annotation.origin)
    versions: dict[int, list[Version]] = {}
    for number, scan, version, origin in session.execute(columns.order_by(Annotation.version.desc())).tuples():
        row = Version(number, scan, version, origin, *verdicts.get(number, (None, False)))
        versions.setdefault(scan, []).append(row)
    chosen = {scan: version_for(own, source) for scan, own in versions.items()}
    return {scan: row for scan, row in chosen.items() if row is not None}


def current(versions: Sequence[V]) -> V | None:
    """The version that counts: the newest accepted one, else the newest that was not rejected.

    Args:
        versions: all versions of one scan, newest first.
    """
    accepted = (row for row in versions if row.verdict is Verdict.ACCEPT)
    open_ones = (row for row in versions if row.verdict is not Verdict.REJECT)
    return next(accepted, None) or next(open_ones, None)


def standing_of(versions: Sequence[AnnotationRow]) -> Standing:
    """Which version of a scan counts, and which one is to review.

    Args:
        versions: all versions of one scan, newest first.
    """
    counts = current(versions) or next(iter(versions), None)
    floor = 0 if counts is None else counts.version
    open_ones = (row for row in versions if row.verdict in (None, Verdict.LATER) and row.version >= floor)
    return Standing(counts, next(open_ones, None))


def version_for(versions: Sequence[V], source: str) -> V | None:
    """The version that a source stands for: "current", or the newest of an origin that was not rejected.

    Args:
        versions: all versions of one scan, newest first.
        source: "current", "registration", "expert" or "model".
    """
    if source == CURRENT:
        return current(versions)
    return next((row for row in versions if row.origin == source and row.verdict is not Verdict.REJECT), None)


def next_version(session: Session, scan_id: int) -> int:
    """Number of the next version of a scan's label map."""
    newest = session.scalar(select(func.max(Annotation.version)).where(Annotation.scan_id == scan_id))
    return (newest or 0) + 1


def corrected_already(session: Session, scan_id: int, parent_id: int | None) -> int | None:
    """Version that an expert has drawn from the same parent already; None if there is none."""
    query = select(Annotation.version).where(Annotation.scan_id == scan_id, Annotation.origin == Origin.EXPERT)
    same = Annotation.parent_id.is_(None) if parent_id is None else Annotation.parent_id == parent_id
    return session.scalar(query.where(same).order_by(Annotation.version.desc()).limit(1))
