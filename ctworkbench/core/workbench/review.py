"""The review room: versions of label maps, and verdicts on them."""

import logging
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from ctworkbench.core.errors import ConflictError, WorkbenchError
from ctworkbench.core.model import Annotation, Origin, Review, Scan, Subject, Verdict
from ctworkbench.core.schemes import load as load_scheme
from ctworkbench.core.volume import Volume
from ctworkbench.core.workbench.current import (
    annotation_rows,
    corrected_already,
    current,
    next_version,
    standing_of,
    version_named,
)
from ctworkbench.core.workbench.lineage import doubted
from ctworkbench.core.workbench.open_study import OpenStudy
from ctworkbench.core.workbench.overlaps import count_overlaps, uncompared
from ctworkbench.core.workbench.reading import readings, tasks_of
from ctworkbench.core.workbench.rows import AnnotationRow, Changes, ReadingRow, ReviewRow, WorklistRow

log = logging.getLogger(__name__)


class ReviewRoom:
    """Label maps are read, saved as new versions, and judged; nothing is ever overwritten."""

    def __init__(self, study: OpenStudy) -> None:
        self._study = study

    def annotations(self, scan_id: int) -> list[AnnotationRow]:
        """All versions of a scan's label map that the reader may see, newest first."""
        with self._study.database.reading() as session:
            return annotation_rows(session, [scan_id], self._study.settings.author).get(scan_id, [])

    def current(self, scan_id: int) -> AnnotationRow | None:
        """The version that counts: the newest accepted one, else the newest not rejected."""
        return current(self.annotations(scan_id))

    def annotation(self, annotation_id: int) -> AnnotationRow:
        """One version.

        Raises:
            WorkbenchError: there is none of that number, or it is kept from the reader until their own verdict.
        """
        with self._study.database.reading() as session:
            scan_id = session.scalar(select(Annotation.scan_id).where(Annotation.id == annotation_id))
        if scan_id is None:
            raise WorkbenchError(f"There is no label map {annotation_id} in this study.")
        found = next((row for row in self.annotations(scan_id) if row.id == annotation_id), None)
        if found is None:
            raise WorkbenchError(
                f"The label map {annotation_id} is another reader's, and is kept from {self._study.settings.author}.",
                "Give your own verdict on this scan first.",
            )
        return found

    def labels(self, annotation_id: int, given_up: Callable[[], bool] | None = None) -> Volume:
        """The label map of a version: uint8 codes on the grid of its scan's image.

        Raises:
            ReadingGivenUp: `given_up` said while it was read that it is no longer wanted.
            WorkbenchError: no such version, or its voxels are gone or damaged.
        """
        return self._study.store.get(self.annotation(annotation_id).labels_key, given_up)

    def uncertainty(self, annotation_id: int, given_up: Callable[[], bool] | None = None) -> Volume:
        """How unsure the networks were that a version goes back to: whole percents on the grid of its scan's image.

        Raises:
            ReadingGivenUp: `given_up` said while it was read that it is no longer wanted.
            WorkbenchError: no such version, none is kept of it, or its voxels are gone or damaged.
        """
        row = self.annotation(annotation_id)
        base = doubted(self.annotations(row.scan_id), row)
        if base is None:
            raise WorkbenchError(
                f"Of version {row.version} no uncertainty is kept: no network made it, or an older program did.",
                "Segment the scan with another model, or with several.",
            )
        return self._study.store.get(base.parameters["uncertainty"], given_up)

    def save(
        self,
        scan_id: int,
        parent_id: int | None,
        labels: Volume,
        author: str = "",
        comment: str = "",
        initiator: object = None,
    ) -> AnnotationRow:
        """Keep a corrected (or new) label map as the next version.

        Args:
            scan_id: the scan it belongs to.
            parent_id: the version it was drawn from; None for one drawn from nothing.
            labels: integer codes of the study's scheme on the grid of the scan's image.
            author: who drew it; by default the author of the settings.
            comment: what was changed.
            initiator: handed on in the announcement.

        Raises:
            ConflictError: somebody saved a correction of the same version meanwhile; nothing was written.
            WorkbenchError: the grid or the codes do not fit the scan or the scheme.
        """
        study = self._study
        author = study.reader(author)
        with study.database.reading() as session:
            scan = session.get(Scan, scan_id)
            if scan is None:
                raise WorkbenchError(f"There is no scan {scan_id} in this study.")
            image_key = scan.image_key
        if parent_id is not None and self.annotation(parent_id).scan_id != scan_id:
            raise WorkbenchError(
                f"The label map {parent_id} is of another scan.", "Draw from a version of the scan that is open."
            )
        self._check(labels, image_key)
        key = study.store.put(Volume(labels.voxels.astype("uint8"), labels.affine))
        try:
            with study.database.writing() as session:
                taken = corrected_already(session, scan_id, parent_id, author)
                if taken is not None:
                    raise ConflictError(
                        f"Version {taken} was drawn from the same label map and saved meanwhile.",
                        "Your work is kept: compare with the newest version, then save upon it.",
                    )
                version = next_version(session, scan_id)
                row = Annotation(
                    scan_id=scan_id,
                    scheme=study.scheme,
                    version=version,
                    parent_id=parent_id,
                    labels_key=key,
                    author=author,
                    origin=Origin.EXPERT,
                    comment=comment,
                    scores={},
                    parameters={},
                    code_version=study.code_version,
                )
                session.add(row)
                session.flush()
                told: dict[str, object] = {"version": row.version, "why": comment}
                parent = None if parent_id is None else session.get(Annotation, parent_id)
                if parent is not None:
                    told["from version"] = parent.version
                study.audit(session, "save label map", f"annotation {row.id}", told, scan_id, author)
                saved_id = row.id
        except IntegrityError as error:
            raise ConflictError(
                "Another save of this label map came first.",
                "Your work is kept: compare with the newest version, then save upon it.",
            ) from error
        study.announce(Changes(annotations=True), initiator)
        with study.database.reading() as session:
            rows = annotation_rows(session, [scan_id], author)[scan_id]
        return next(row for row in rows if row.id == saved_id)

    def judge(
        self,
        annotation_id: int,
        verdict: Verdict,
        grade: int | None = None,
        reasons: tuple[str, ...] = (),
        comment: str = "",
        seconds: float = 0.0,
        reviewer: str = "",
        initiator: object = None,
    ) -> None:
        """Write down a verdict on a version; an earlier one stays and is no longer the last.

        Whether it agrees with another reader's may hang on their label maps, which are compared later
        (`ReadersRoom.compare`).

        Raises:
            ReaderError: the name of the reader is missing.
            WorkbenchError: no such version, or a grade outside 1 to 5.
        """
        if grade is not None and not 1 <= grade <= 5:
            raise WorkbenchError(f"The grade {grade} is outside 1 to 5.")
        study = self._study
        reviewer = study.reader(reviewer)
        judged = self.annotation(annotation_id)
        with study.database.writing() as session:
            session.add(
                Review(
                    annotation_id=annotation_id,
                    verdict=Verdict(verdict),
                    grade=grade,
                    reasons=list(reasons),
                    reviewer=reviewer,
                    seconds=seconds,
                    comment=comment,
                )
            )
            version = session.get_one(Annotation, annotation_id).version  # a blinded reader sees another number
            told = {"version": version, "verdict": str(verdict), "grade": grade, "reasons": list(reasons)}
            told |= {"why": comment, "seconds": seconds}
            study.audit(session, "judge", f"annotation {annotation_id}", told, judged.scan_id, reviewer)
        study.announce(Changes(reviews=True), initiator)

    def accept_all(self, initiator: object = None) -> int:
        """Accept the version that counts of every scan where it has no verdict; how many those were.

        Newer versions beside an accepted one are left to a reader: to accept them unread would change what counts. So
        are scans that were assigned to readers.

        Raises:
            ReaderError: the name of the reader is missing.
        """
        study = self._study
        reviewer = study.reader()
        with study.database.writing() as session:
            assigned = tasks_of(session)
            found = annotation_rows(session).items()
            rows = [current(versions) for scan_id, versions in found if scan_id not in assigned]
            open_ones = [row for row in rows if row is not None and row.verdict is None]
            for row in open_ones:
                session.add(
                    Review(
                        annotation_id=row.id,
                        verdict=Verdict.ACCEPT,
                        grade=None,
                        reasons=[],
                        reviewer=reviewer,
                        seconds=0.0,
                        comment="accepted together with all others, unread",
                    )
                )
            study.audit(session, "accept all", "study", {"annotations": [row.id for row in open_ones]})
        if open_ones:
            study.announce(Changes(reviews=True), initiator)
        return len(open_ones)

    def judge_subject(
        self,
        code: str,
        verdict: Verdict,
        comment: str = "",
        reviewer: str = "",
        version: str | None = None,
        grade: int | None = None,
        reasons: tuple[str, ...] = (),
    ) -> list[AnnotationRow]:
        """Judge one version of the label map of every scan of a subject; those versions with what the reviewer said.

        Another reader's verdict that counts over it is not told. Where that makes readers' label maps to compare, they
        are compared at once.

        Args:
            code: the subject.
            verdict: what is said of them.
            comment: a remark on it.
            reviewer: who says it; by default the author of the settings.
            version: which version, "2" as the reader counts them or "a17" (`version_named`); by default the one that
                counts.
            grade: 1 to 5; an acceptance without one stands as "accepted unread".
            reasons: what is wrong with them, in words of the study's list or others.

        Raises:
            WorkbenchError: no such subject or version, nothing of it to judge, or a grade outside 1 to 5.
        """
        with self._study.database.reading() as session:
            query = select(Scan.id).join(Subject, Subject.id == Scan.subject_id).where(Subject.code == code)
            scans = list(session.scalars(query))
            versions = annotation_rows(session, scans, self._study.settings.author)
        if not scans:
            raise WorkbenchError(
                f"There is no subject {code} in this study.", "See who is there: ctworkbench review STUDY"
            )
        if not versions:
            raise WorkbenchError(
                f"{code} has no label map to judge.", f"Make one first: ctworkbench label STUDY --subject {code}"
            )
        named = (
            standing_of(own).counts if version is None else version_named(own, version) for own in versions.values()
        )
        rows = [row for row in named if row is not None]
        if not rows:
            there = sorted({row.version for own in versions.values() for row in own})
            raise WorkbenchError(
                f"{code} has no version {version} of its label map.", f"There is {', '.join(map(str, there))}."
            )
        for row in rows:
            self.judge(row.id, verdict, grade=grade, reasons=reasons, comment=comment, reviewer=reviewer)
        _compare_aside(lambda: count_overlaps(self._study, uncompared(self._study, scans)))
        return [self._as_said(row.id, self._study.reader(reviewer)) for row in rows]

    def _as_said(self, annotation_id: int, reviewer: str) -> AnnotationRow:
        """A version with a reviewer's own last verdict, which is not the one that counts where others read it first."""
        own = [row for row in self.reviews(annotation_id) if row.reviewer == reviewer]
        looked = any(row.seconds or row.grade is not None for row in own)
        verdict = own[-1].verdict
        return replace(
            self.annotation(annotation_id),
            verdict=verdict,
            accepted_unread=verdict is Verdict.ACCEPT and not looked,
        )

    def worklist(self) -> list[WorklistRow]:
        """The label map that counts of every scan, by subject, each with the newer one that is to review."""
        with self._study.database.reading() as session:
            query = select(Scan.id, Subject.code).join(Subject, Subject.id == Scan.subject_id)
            scans = session.execute(query.order_by(Subject.code, Scan.id)).tuples().all()
            versions = annotation_rows(session, None, self._study.settings.author)
        rows: list[WorklistRow] = []
        for scan_id, code in scans:
            standing = standing_of(versions.get(scan_id, []))
            shown = [row for row in (standing.counts, standing.newer) if row is not None]
            if not shown:
                rows.append(WorklistRow(scan_id, code, 0, None, None, False, False, False))
            rows += [
                WorklistRow(
                    scan_id=scan_id,
                    subject=code,
                    version=row.version,
                    origin=row.origin,
                    verdict=row.verdict,
                    accepted_unread=row.accepted_unread,
                    counts=row is standing.counts,
                    waiting=row is standing.waiting,
                    handle=row.handle,
                )
                for row in shown
            ]
        return rows

    def reviews(self, annotation_id: int) -> list[ReviewRow]:
        """All verdicts on a version that the reader may see, oldest first."""
        with self._study.database.reading() as session:
            rows = session.scalars(
                select(Review).where(Review.annotation_id == annotation_id).order_by(Review.id)
            ).all()
            scan_id = session.scalar(select(Annotation.scan_id).where(Annotation.id == annotation_id))
            scan = None if scan_id is None else readings(session, [scan_id]).get(scan_id)
            task = None if scan is None else scan.blinded(self._study.settings.author)
            if scan is not None and task is not None:
                rows = [row for row in rows if row.reviewer == task.reader and scan.within(task, row.created)]
            return [
                ReviewRow(
                    id=row.id,
                    annotation_id=row.annotation_id,
                    verdict=row.verdict,
                    grade=row.grade,
                    reasons=tuple(row.reasons),
                    reviewer=row.reviewer,
                    seconds=row.seconds,
                    comment=row.comment,
                    created=row.created,
                )
                for row in rows
            ]

    def readings(self, scan_id: int) -> list[ReadingRow]:
        """What each of several readers made of a scan; nothing for a reader who is still to read it blinded."""
        with self._study.database.reading() as session:
            scan = readings(session, [scan_id]).get(scan_id)
        if scan is None or scan.blinded(self._study.settings.author) is not None:
            return []
        version_of = {row.id: row.version for row in self.annotations(scan_id)}
        told: list[ReadingRow] = []
        for one in scan.readings:
            said = next(row for row in self.reviews(one.said.annotation_id) if row.id == one.said.id)
            role, version = str(one.role), version_of[said.annotation_id]
            told.append(ReadingRow(one.reader, role, version, said.verdict, said.grade, said.reasons, said.comment))
        return told

    def _check(self, labels: Volume, image_key: str) -> None:
        """Refuse a label map that does not fit its scan or its scheme."""
        grid = self._study.store.grid(image_key)
        if not labels.grid.matches(grid):
            raise WorkbenchError(
                f"The label map's grid {labels.grid.shape} does not fit its scan's {grid.shape}, or lies elsewhere.",
                "Resample it to the scan first.",
            )
        codes = {0, *load_scheme(self._study.scheme).codes}
        present = {int(code) for code in np.unique(labels.voxels)}
        if not present <= codes:
            raise WorkbenchError(
                f"The label map holds codes that the scheme {self._study.scheme} lacks: {sorted(present - codes)}.",
                "Use the codes of the scheme.",
            )


def _compare_aside(compare: Callable[[], None]) -> None:
    """Compare readers' label maps; what was written stands, whatever becomes of the comparison."""
    try:
        compare()
    except (WorkbenchError, OSError, SQLAlchemyError):
        log.warning("the readers' label maps could not be compared", exc_info=True)
