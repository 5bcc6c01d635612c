"""Which label map of a scan counts: a query, never a flag."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ctworkbench.core.model import Annotation, Origin, Review, Verdict
from ctworkbench.core.workbench.rows import AnnotationRow

CURRENT = "current"


def annotation_rows(session: Session, scan_ids: Iterable[int] | None = None) -> dict[int, list[AnnotationRow]]:
    """All versions of each scan, newest first, with the last verdict on each."""
    chosen = None if scan_ids is None else list(scan_ids)
    annotations = select(Annotation).order_by(Annotation.version.desc())
    reviews = select(Review.annotation_id, Review.verdict).order_by(Review.id)
    if chosen is not None:
        annotations = annotations.where(Annotation.scan_id.in_(chosen))
        reviews = reviews.join(Annotation, Annotation.id == Review.annotation_id).where(Annotation.scan_id.in_(chosen))
    verdicts: dict[int, Verdict] = dict(session.execute(reviews).tuples().all())
    found: dict[int, list[AnnotationRow]] = {}
    for annotation in session.scalars(annotations):
        found.setdefault(annotation.scan_id, []).append(annotation_row(annotation, verdicts.get(annotation.id)))
    return found


def annotation_row(annotation: Annotation, verdict: Verdict | None) -> AnnotationRow:
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
    )


def current(versions: Sequence[AnnotationRow]) -> AnnotationRow | None:
    """The version that counts: the newest accepted one, else the newest that was not rejected.

    Args:
        versions: all versions of one scan, newest first.
    """
    accepted = (row for row in versions if row.verdict is Verdict.ACCEPT)
    open_ones = (row for row in versions if row.verdict is not Verdict.REJECT)
    return next(accepted, None) or next(open_ones, None)


def version_for(versions: Sequence[AnnotationRow], source: str) -> AnnotationRow | None:
    """The version that a source stands for: "current", or the newest of an origin that was not rejected.

    Args:
        versions: all versions of one scan, newest first.
        source: "current", "registration", "expert" or "model".
    """
    if source == CURRENT:
        return current(versions)
    return next((row for row in versions if row.origin == source and row.verdict is not Verdict.REJECT), None)


def machine_made(versions: Sequence[AnnotationRow], row: AnnotationRow) -> AnnotationRow | None:
    """The registration's or model's label map that a version goes back to; None if it was drawn from nothing.

    Args:
        versions: all versions of one scan.
        row: one of them.
    """
    known = {version.id: version for version in versions}
    found: AnnotationRow | None = row
    while found is not None and found.origin is Origin.EXPERT:
        found = None if found.parent_id is None else known.get(found.parent_id)
    return found


def next_version(session: Session, scan_id: int) -> int:
    """Number of the next version of a scan's label map."""
    newest = session.scalar(select(func.max(Annotation.version)).where(Annotation.scan_id == scan_id))
    return (newest or 0) + 1


def corrected_already(session: Session, scan_id: int, parent_id: int | None) -> int | None:
    """Version that an expert has drawn from the same parent already; None if there is none."""
    query = select(Annotation.version).where(Annotation.scan_id == scan_id, Annotation.origin == Origin.EXPERT)
    same = Annotation.parent_id.is_(None) if parent_id is None else Annotation.parent_id == parent_id
    return session.scalar(query.where(same).order_by(Annotation.version.desc()).limit(1))
