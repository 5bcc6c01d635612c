"""The readers of a study: who they are, what they are to read, when they disagree."""

import hashlib
import platform
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import Session

from ctworkbench.core.errors import ReaderError, WorkbenchError
from ctworkbench.core.model import Annotation, Assignment, Reader, ReaderRole, Review, Scan, StudySetting, Subject
from ctworkbench.core.settings import UNKNOWN, login_name
from ctworkbench.core.wording import count
from ctworkbench.core.workbench.open_study import OpenStudy, name_of_person
from ctworkbench.core.workbench.overlaps import count_overlaps, uncompared
from ctworkbench.core.workbench.reading import POLICY, ScanReadings, dice_bound, readings, setting
from ctworkbench.core.workbench.rows import Changes

if TYPE_CHECKING:
    from ctworkbench.core.workbench.agreeing import Agreement, Progress

REASONS = "reasons"
PRESET_REASONS: dict[str, str] = {
    "border": "Border between regions is wrong",
    "leak": "Leaks into skull, sinus or air",
    "missing region": "Region missing or incomplete",
    "sides swapped": "Left and right swapped",
    "artefact": "Motion or artefact in the scan",
}


@dataclass(frozen=True)
class AssignmentRow:
    """A scan that somebody is to read; `done` once there is a verdict, which is not told here."""

    scan_id: int
    subject: str
    reader: str
    role: ReaderRole
    blinded: bool
    done: bool
    disputed: bool
    undecided: bool


class ReadersRoom:
    """Readers, assignments and the rule of adjudication."""

    def __init__(self, study: OpenStudy) -> None:
        self._study = study

    def names(self) -> list[str]:
        """The readers, in the order in which they came."""
        with self._study.database.reading() as session:
            return list(session.scalars(select(Reader.name).order_by(Reader.id)))

    def spelling(self, name: str) -> str:
        """A name as it stands among the readers, however it was typed; as it is where it is none of theirs."""
        told = " ".join(name.split())
        return next((reader for reader in self.names() if reader.casefold() == told.casefold()), name)

    def add(self, name: str, initiator: object = None) -> str:
        """Take in a reader; the name as it is kept.

        Raises:
            WorkbenchError: no name, or one that is there already.
        """
        study, name = self._study, name_of_person(name)
        with study.database.writing() as session:
            known = list(session.scalars(select(Reader.name)))
            if name.casefold() in (other.casefold() for other in known):
                raise WorkbenchError(f"{name} is a reader of this study already.", "Choose another name.")
            session.add(Reader(name=name, author=study.settings.author))
            study.audit(session, "add reader", name[:64], {})
        study.announce(Changes(scans=True), initiator)
        return name

    def assignments(self) -> list[AssignmentRow]:
        """What was assigned, by subject."""
        with self._study.database.reading() as session:
            code_of = dict(session.execute(select(Scan.id, Subject.code).join(Subject)).tuples().all())
            several = readings(session)
        rows: list[AssignmentRow] = []
        for scan_id, scan in several.items():
            disputed, undecided = scan.disputed is not None, scan.undecided is not None
            for task in scan.tasks:
                judged = task.role is ReaderRole.ADJUDICATOR
                done = scan.adjudication is not None if judged else scan.verdict_of(task) is not None
                blinded = task.blinded and not judged
                code = code_of[scan_id]
                rows.append(AssignmentRow(scan_id, code, task.reader, task.role, blinded, done, disputed, undecided))
        return sorted(rows, key=lambda row: (row.subject, row.scan_id, list(ReaderRole).index(row.role), row.reader))

    def assign(
        self,
        reader: str,
        role: ReaderRole,
        share: float = 1.0,
        seed: int | None = None,
        scan_ids: Sequence[int] | None = None,
        blinded: bool = True,
        initiator: object = None,
    ) -> list[int]:
        """Give a reader scans to read, drawn at random where it is a share; the scans.

        Second readings are given of scans that this reader has not read, repeats of those that they have, adjudications
        of those that were given to a second reader and not to this one.

        Args:
            reader: one of `names`.
            role: what they are to do.
            share: of the scans that can be given, above 0 to 1.
            seed: of the draw; by default that of the study.
            scan_ids: choose among these; all that have a label map by default.
            blinded: keep the others' verdicts and corrections from them until they have given their own.
            initiator: handed on in the announcement.

        Raises:
            WorkbenchError: no such reader, a share outside its range, or no scan that can be given.
        """
        study = self._study
        if not 0 < share <= 1:
            raise WorkbenchError(f"The share {share:g} is outside 0 to 1.", "0.2 is every fifth scan.")
        with study.database.writing() as session:
            known = list(session.scalars(select(Reader.name)))
            if reader not in known:
                there = f"There are {', '.join(known)}." if known else "Add one: ctworkbench readers add STUDY NAME"
                raise WorkbenchError(f"{reader} is no reader of this study.", there)
            open_ones = self._open_to(session, reader, role)
            if scan_ids is not None:
                open_ones = [scan_id for scan_id in open_ones if scan_id in scan_ids]
            if not open_ones:
                raise WorkbenchError(
                    f"There is no scan that {reader} can be given as {_TITLES[role]}.", _REMEDIES[role]
                )
            number = max(1, round(share * len(open_ones)))
            chosen_seed = study.split_seed if seed is None else seed
            chosen = sorted(random.Random(chosen_seed).sample(open_ones, number))
            for scan_id in chosen:
                session.add(
                    Assignment(
                        scan_id=scan_id,
                        reader=reader,
                        role=role,
                        blinded=blinded,
                        active=True,
                        author=study.settings.author,
                    )
                )
                told = {"role": str(role), "blinded": blinded, "share": share, "seed": chosen_seed}
                study.audit(session, "assign", reader[:64], told, scan_id)
        study.announce(Changes(scans=True, annotations=True, reviews=True), initiator)
        return chosen

    def withdraw(self, reader: str, scan_ids: Sequence[int], role: ReaderRole, initiator: object = None) -> int:
        """Take back assignments that are not done; how many those were."""
        study, taken = self._study, 0
        with study.database.writing() as session:
            for scan_id, scan in readings(session, scan_ids).items():
                for task in scan.tasks:
                    if task.reader == reader and task.role is role and scan.verdict_of(task) is None:
                        session.add(
                            Assignment(
                                scan_id=scan_id,
                                reader=reader,
                                role=role,
                                blinded=task.blinded,
                                active=False,
                                author=study.settings.author,
                            )
                        )
                        study.audit(session, "withdraw", reader[:64], {"role": str(role)}, scan_id)
                        taken += 1
        if taken:
            study.announce(Changes(scans=True, annotations=True, reviews=True), initiator)
        return taken

    @property
    def dice_bound(self) -> float:
        """Mean Dice of two readers' label maps under which a scan is to adjudicate."""
        with self._study.database.reading() as session:
            return dice_bound(session)

    def set_dice_bound(self, bound: float, initiator: object = None) -> None:
        """Say from which mean Dice on two label maps agree.

        Raises:
            WorkbenchError: a bound outside 0 to 1.
        """
        if not 0 <= bound <= 1:
            raise WorkbenchError(f"The bound {bound:g} is outside 0 to 1.", "0.9 asks for a mean Dice of 0.9.")
        self._set(POLICY, {"dice": bound}, "set adjudication")
        self._study.announce(Changes(scans=True, reviews=True), initiator)

    def reasons(self) -> dict[str, str]:
        """The preset reasons of a verdict: word that is kept → title in the menu."""
        with self._study.database.reading() as session:
            told = (setting(session, REASONS) or {}).get("list")
        if not isinstance(told, list):
            return dict(PRESET_REASONS)
        return {str(word): PRESET_REASONS.get(str(word), str(word)) for word in told}

    def set_reasons(self, words: Sequence[str], initiator: object = None) -> None:
        """Make these the preset reasons; verdicts that were given keep their words.

        Raises:
            WorkbenchError: a reason twice, without words, or longer than 60 characters.
        """
        told = [" ".join(word.split()) for word in words]
        bad = next((word for word in told if not word or len(word) > 60 or told.count(word) > 1), None)
        if bad is not None:
            raise WorkbenchError(f"The reason {bad!r} cannot be used.", "Give each reason once, in 1 to 60 characters.")
        self._set(REASONS, {"list": told}, "set reasons")
        self._study.announce(Changes(scans=True), initiator)

    def agreement(self, progress: "Progress | None" = None) -> "Agreement":
        """Tables of agreement between readers, and of readers with themselves; see `agreeing.agreement`."""
        from ctworkbench.core.workbench.agreeing import agreement

        return agreement(self._study, progress)

    def write_agreement(self, out: Path, progress: "Progress | None" = None) -> "Agreement":
        """Write the tables as CSV and Bland and Altman's pictures as SVG; see `agreeing.write_agreement`."""
        from ctworkbench.core.workbench.agreeing import write_agreement

        return write_agreement(self._study, out, progress)

    def uncompared(self) -> list[tuple[int, int]]:
        """Pairs of versions that are to be compared (`compare`) before it is known whether readers agree."""
        return uncompared(self._study)

    def compare(self, pair: tuple[int, int], initiator: object = None) -> None:
        """Compare two readers' label maps, and keep how they agree; takes about a second, so it is done aside.

        Raises:
            WorkbenchError: one of them is gone or damaged.
        """
        count_overlaps(self._study, [pair])
        self._study.announce(Changes(scans=True, reviews=True), initiator)

    def recovery_folder(self) -> Path:
        """Where unsaved corrections of whoever is signed in are kept: a folder for each name, whatever its case.

        It is the same before and after the name is taken in among the readers. Where nobody is signed in, it is that of
        the login on this computer.
        """
        name = self._name()
        return self._recovery(_folder_of(name) if name else _desk())

    def unnamed_recovery(self) -> tuple[Path, ...]:
        """Where corrections may lie whose drawer is not known and may be the one who is signed in.

        They were drawn at this desk before a name was given, under its login if that is nobody of the readers, or kept
        by a program that wrote no names, or one that told names apart by their case.
        """
        name, login = self._name(), login_name()
        spellings = {name, name.capitalize(), name.title(), name.upper()} if name else set[str]()
        known = {reader.casefold() for reader in (*self.names(), name, UNKNOWN)}
        found = [self._recovery(_desk())] if name else []
        if login.casefold() not in known:
            found.append(self._recovery(_folder_of(login)))
        found += [self._recovery(_folder_spelled(one)) for one in sorted(spellings) if one != one.casefold()]
        return (*found, self._recovery(""))

    def _recovery(self, name: str) -> Path:
        return self._study.folder / "recovery" / name

    def _name(self) -> str:
        try:
            return self._study.reader()
        except ReaderError:
            return ""

    def hidden(self) -> int:
        """Number of scans of which something is kept from whoever is signed in."""
        with self._study.database.reading() as session:
            return len(hidden_scans(session, self._study.settings.author))

    def _set(self, name: str, value: dict[str, object], action: str) -> None:
        study = self._study
        with study.database.writing() as session:
            session.add(StudySetting(name=name, value=value, author=study.settings.author))
            study.audit(session, action, "study", value)

    def _open_to(self, session: Session, reader: str, role: ReaderRole) -> list[int]:
        """Scans with a label map that a reader can be given in a role, by number."""
        labelled = sorted(session.scalars(select(Annotation.scan_id).distinct()))
        several = readings(session)
        judged = select(Annotation.scan_id, Review.reviewer).join(Review, Review.annotation_id == Annotation.id)
        read_by: dict[int, set[str]] = {}
        for scan_id, name in session.execute(judged).tuples():
            read_by.setdefault(scan_id, set()).add(name)

        def fits(scan_id: int) -> bool:
            scan = several.get(scan_id)
            tasks = () if scan is None else scan.tasks
            roles = {task.role for task in tasks if task.reader == reader}
            read = reader in read_by.get(scan_id, set())
            if role is ReaderRole.FIRST:
                return not roles and all(task.role is not ReaderRole.FIRST for task in tasks)
            if role is ReaderRole.SECOND:
                return not roles and not read
            if role is ReaderRole.REPEAT:
                return read and ReaderRole.REPEAT not in roles and (scan is None or scan.open_task(reader) is None)
            return not roles and not read and any(task.role is ReaderRole.SECOND for task in tasks)

        return [scan_id for scan_id in labelled if fits(scan_id)]


def _hashed(name: str) -> str:
    """A name of a folder: what people are called may hold anything."""
    return hashlib.sha256(name.encode()).hexdigest()[:12]


def _folder_of(name: str) -> str:
    """The folder of a reader, in whatever case the name is typed."""
    return f"reader_{_hashed(name.casefold())}"


def _folder_spelled(name: str) -> str:
    """The folder that an earlier program gave a name as it is spelled."""
    return f"reader_{_hashed(name)}"


def _desk() -> str:
    """The folder of whoever has given no name on this computer, under this login."""
    return f"desk_{_hashed(f'{login_name()}@{platform.node()}')}"


def hidden_scans(session: Session, reader: str) -> dict[int, ScanReadings]:
    """Scans of which something is kept from a reader."""
    return {scan_id: scan for scan_id, scan in readings(session).items() if scan.blinded(reader) is not None}


def refuse_hidden(session: Session, reader: str, what: str, scan_ids: Sequence[int] | None = None) -> None:
    """Refuse what would show a reader the others' work on scans that they are still to read.

    Raises:
        WorkbenchError: there are such scans.
    """
    hidden = [scan_id for scan_id in hidden_scans(session, reader) if scan_ids is None or scan_id in scan_ids]
    if hidden:
        raise WorkbenchError(
            f"{what} would show {reader} what others have made of {count(len(hidden), 'scan')} still to be read.",
            "Give your own verdicts first, or let the coordinator do it.",
        )


_TITLES = {
    ReaderRole.FIRST: "first reader",
    ReaderRole.SECOND: "second reader",
    ReaderRole.REPEAT: "reader for a second time",
    ReaderRole.ADJUDICATOR: "adjudicator",
}
_REMEDIES = {
    ReaderRole.FIRST: "A scan has one first reader, and needs a label map.",
    ReaderRole.SECOND: "Second readings are of scans with a label map that this reader has not read.",
    ReaderRole.REPEAT: "Repeats are of scans that this reader has read.",
    ReaderRole.ADJUDICATOR: "Adjudication is of scans that others were given as second readers.",
}
