"""Several readers of one scan: who has read what, what is kept from whom, and whether they agree.

A **reading** is what one reader makes of one scan: their last verdict other than "later", on a machine's label map or
on their own correction of it; an acceptance unread is none. Readings come from assignments (first, second, repeat);
where no first reader was assigned, the first reading is that of whoever judged the scan without an assignment.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from ctworkbench.core.model import Annotation, Assignment, Origin, Overlap, ReaderRole, Review, StudySetting, Verdict

POLICY = "adjudication"
DICE_BOUND = 0.90


@dataclass(frozen=True)
class Task:
    """A scan that a reader is to read, as it stands."""

    scan_id: int
    reader: str
    role: ReaderRole
    blinded: bool
    created: datetime


@dataclass(frozen=True)
class Said:
    """A verdict."""

    id: int
    annotation_id: int
    reader: str
    verdict: Verdict
    grade: int | None
    seconds: float
    created: datetime


@dataclass(frozen=True)
class Drawn:
    """A version of the label map."""

    id: int
    parent_id: int | None
    origin: Origin
    author: str
    created: datetime
    labels_key: str


@dataclass(frozen=True)
class Reading:
    """What a reader made of a scan; `role` is first where nobody was assigned."""

    reader: str
    role: ReaderRole
    said: Said
    labels_key: str


@dataclass(frozen=True, eq=False)
class ScanReadings:
    """All that is known of the reading of one scan.

    Attributes:
        tasks: assignments as they stand; said: verdicts, oldest first; drawn: versions, oldest first.
        overlaps: mean Dice by the two versions' ids, the smaller first.
        bound: mean Dice under which two readers disagree.
    """

    tasks: tuple[Task, ...]
    said: tuple[Said, ...]
    drawn: tuple[Drawn, ...]
    overlaps: Mapping[tuple[int, int], float]
    bound: float = DICE_BOUND

    @property
    def readings(self) -> tuple[Reading, ...]:
        """Readings that are complete: the first, the second ones, the repeats."""
        found: list[Reading] = []
        firsts = [task for task in self.tasks if task.role is ReaderRole.FIRST]
        if not firsts:
            tasked = {task.reader for task in self.tasks if task.role is not ReaderRole.REPEAT}
            free = [one for one in self.said if one.reader not in tasked and _read(one) and not self._repeats(one)]
            found += [self._reading(ReaderRole.FIRST, free[-1])] if free else []
        for role in (ReaderRole.FIRST, ReaderRole.SECOND, ReaderRole.REPEAT):
            for task in self.tasks:
                last = self.verdict_of(task) if task.role is role else None
                if last is not None:
                    found.append(self._reading(role, last))
        return tuple(found)

    def verdict_of(self, task: Task) -> Said | None:
        """The last verdict of a reader in one assignment: not "later", and not given unread."""
        return next((one for one in reversed(self.said_in(task)) if _read(one)), None)

    def open_task(self, reader: str) -> Task | None:
        """The assignment of a reader that has no verdict yet."""
        reads = (task for task in self.tasks if task.reader == reader and task.role is not ReaderRole.ADJUDICATOR)
        return next((task for task in reads if self.verdict_of(task) is None), None)

    def blinded(self, reader: str) -> Task | None:
        """The open assignment of a reader from whom the others' work is kept."""
        task = self.open_task(reader)
        return task if task is not None and task.blinded else None

    def shown_to(self, task: Task) -> set[int]:
        """Versions that a blinded reader sees: the machine's that the others began from, and their own."""
        machines = [row for row in self.drawn if row.origin is not Origin.EXPERT]
        earlier = [one.said for one in self.readings if one.reader != task.reader or task.role is ReaderRole.REPEAT]
        base = self.base_of(earlier[0].annotation_id) if earlier else None
        own = [row for row in self.drawn if row.author == task.reader and self.within(task, row.created)]
        kept = [row for row in machines if base is None or row.id == base]
        return {row.id for row in (*kept, *(row for row in own if row.origin is Origin.EXPERT))}

    def said_in(self, task: Task) -> list[Said]:
        """What a reader said in one assignment."""
        return [one for one in self.said if one.reader == task.reader and self.within(task, one.created)]

    def base_of(self, annotation_id: int) -> int | None:
        """The machine's label map that a version goes back to; None if it was drawn from nothing."""
        known = {row.id: row for row in self.drawn}
        row = known.get(annotation_id)
        while row is not None and row.origin is Origin.EXPERT:
            row = None if row.parent_id is None else known.get(row.parent_id)
        return None if row is None else row.id

    @property
    def adjudication(self) -> Said | None:
        """The adjudicator's last word: an acceptance or a rejection."""
        judges = {task.reader for task in self.tasks if task.role is ReaderRole.ADJUDICATOR}
        final = (Verdict.ACCEPT, Verdict.REJECT)
        return next((one for one in reversed(self.said) if one.reader in judges and one.verdict in final), None)

    @property
    def disputed(self) -> int | None:
        """The first reader's version where readers disagree and nobody has adjudicated; None otherwise."""
        found = self._opposed()
        differ = any(self._differ(found[0], other) for other in found[1:])
        return found[0].said.annotation_id if differ else None

    @property
    def undecided(self) -> int | None:
        """The first reader's version where it is not known whether readers agree, as label maps are to be compared."""
        return None if self.disputed is not None or not self.uncompared else self._opposed()[0].said.annotation_id

    @property
    def uncompared(self) -> list[tuple[int, int]]:
        """Versions of the first and another reader that decide whether they agree, and were not compared yet."""
        found = self._opposed()
        return [
            (found[0].said.annotation_id, other.said.annotation_id)
            for other in found[1:]
            if self._differ(found[0], other) is None
        ]

    @property
    def aside(self) -> set[int]:
        """Versions that do not count by themselves: second and repeated readings, and what was not chosen."""
        found: set[int] = set()
        for task in self.tasks:
            if task.role in (ReaderRole.SECOND, ReaderRole.REPEAT):
                found |= {
                    row.id
                    for row in self.drawn
                    if row.author == task.reader and row.origin is Origin.EXPERT and self.within(task, row.created)
                }
        last = self.adjudication
        if last is not None and last.verdict is Verdict.ACCEPT:
            found |= {row.id for row in self.drawn if row.created < last.created}
            found.discard(last.annotation_id)
        return found

    def standing(self) -> list[Said]:
        """The verdicts that count: not those of second and repeated readings on what is not theirs alone."""
        apart, aside = [t for t in self.tasks if t.role in (ReaderRole.SECOND, ReaderRole.REPEAT)], self.aside
        return [
            one
            for one in self.said
            if one.annotation_id in aside
            or not any(task.reader == one.reader and self.within(task, one.created) for task in apart)
        ]

    def settled(self, reader: str) -> bool:
        """Whether nothing of this scan waits for a reader."""
        own = [task for task in self.tasks if task.reader == reader]
        judges = [task for task in self.tasks if task.role is ReaderRole.ADJUDICATOR]
        if self.disputed is not None:
            return (
                any(task.role is not ReaderRole.ADJUDICATOR for task in own)
                if not judges
                else not any(task in judges for task in own)
            )
        return bool(own) and self.open_task(reader) is None

    def _opposed(self) -> list[Reading]:
        """The first reading and the second ones, once all have read; empty before, and after an adjudication."""
        found = [one for one in self.readings if one.role is not ReaderRole.REPEAT]
        wanted = [task for task in self.tasks if task.role in (ReaderRole.FIRST, ReaderRole.SECOND)]
        read = len(found) > 1 and all(self.verdict_of(task) is not None for task in wanted)
        return found if read and self.adjudication is None else []

    def _differ(self, one: Reading, other: Reading) -> bool | None:
        """Whether two readers disagree; None where that hangs on label maps that were not compared yet."""
        if one.said.verdict is not other.said.verdict:
            return True
        if one.labels_key == other.labels_key:
            return False
        first, second = sorted((one.said.annotation_id, other.said.annotation_id))
        overlap = self.overlaps.get((first, second))
        return None if overlap is None else overlap < self.bound

    def within(self, task: Task, moment: datetime) -> bool:
        """Whether something of a reader belongs to this assignment: a repeat begins where it was given."""
        repeats = [other for other in self.tasks if other.role is ReaderRole.REPEAT and other.reader == task.reader]
        if task.role is ReaderRole.REPEAT:
            return moment >= task.created
        return all(moment < other.created for other in repeats)

    def _repeats(self, one: Said) -> bool:
        return any(
            task.role is ReaderRole.REPEAT and task.reader == one.reader and one.created >= task.created
            for task in self.tasks
        )

    def _reading(self, role: ReaderRole, said: Said) -> Reading:
        key = next((row.labels_key for row in self.drawn if row.id == said.annotation_id), "")
        return Reading(said.reader, role, said, key)


def _read(one: Said) -> bool:
    """Whether a verdict is a reading: not put off, and not given unread."""
    seen = one.verdict is not Verdict.ACCEPT or one.seconds > 0 or one.grade is not None
    return seen and one.verdict is not Verdict.LATER


def tasks_of(session: Session, scan_ids: Iterable[int] | None = None) -> dict[int, list[Task]]:
    """Assignments as they stand, by scan; empty where a study has one reader."""
    query = select(Assignment).order_by(Assignment.id)
    if scan_ids is not None:
        query = query.where(Assignment.scan_id.in_(scan_ids))
    newest = {(row.scan_id, row.reader, row.role): row for row in session.scalars(query)}
    found: dict[int, list[Task]] = defaultdict(list)
    for row in newest.values():
        if row.active:
            found[row.scan_id].append(Task(row.scan_id, row.reader, row.role, row.blinded, row.created))
    return dict(found)


def readings(session: Session, scan_ids: Iterable[int] | None = None) -> dict[int, ScanReadings]:
    """Scans that were assigned to readers, with all that is known of their reading."""
    tasks = tasks_of(session, scan_ids)
    if not tasks:
        return {}
    said: dict[int, list[Said]] = defaultdict(list)
    verdicts = select(Review, Annotation.scan_id).join(Annotation, Annotation.id == Review.annotation_id)
    for row, scan_id in session.execute(verdicts.where(Annotation.scan_id.in_(tasks)).order_by(Review.id)).tuples():
        one = Said(row.id, row.annotation_id, row.reviewer, row.verdict, row.grade, row.seconds, row.created)
        said[scan_id].append(one)
    drawn: dict[int, list[Drawn]] = defaultdict(list)
    scan_of: dict[int, int] = {}
    for row in session.scalars(select(Annotation).where(Annotation.scan_id.in_(tasks)).order_by(Annotation.version)):
        one = Drawn(row.id, row.parent_id, row.origin, row.author, row.created, row.labels_key)
        drawn[row.scan_id].append(one)
        scan_of[row.id] = row.scan_id
    overlaps: dict[int, dict[tuple[int, int], float]] = defaultdict(dict)
    for row in session.scalars(select(Overlap).where(Overlap.annotation_id.in_(scan_of))):
        overlaps[scan_of[row.annotation_id]][(row.annotation_id, row.other_id)] = mean_dice(row.counts)
    bound = dice_bound(session)
    return {
        scan_id: ScanReadings(tuple(own), tuple(said[scan_id]), tuple(drawn[scan_id]), overlaps[scan_id], bound)
        for scan_id, own in tasks.items()
    }


def mean_dice(counts: Mapping[str, Sequence[int]]) -> float:
    """Mean Dice over the regions that are in either label map; 1 where both are empty."""
    found = [2 * both / (one + other) for one, other, both in counts.values() if one + other]
    return sum(found) / len(found) if found else 1.0


def setting(session: Session, name: str) -> dict[str, object] | None:
    """A setting of the study as it stands; None if it was never set."""
    query = select(StudySetting.value).where(StudySetting.name == name).order_by(StudySetting.id.desc()).limit(1)
    return session.scalar(query)


def dice_bound(session: Session) -> float:
    """Mean Dice under which two readers' label maps disagree."""
    told = (setting(session, POLICY) or {}).get("dice", DICE_BOUND)
    return float(told) if isinstance(told, int | float) else DICE_BOUND
