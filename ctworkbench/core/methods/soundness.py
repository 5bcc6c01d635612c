"""A warning: what does not add up in a study, what that means, what to do, and the rows it rests on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a warning weighs."""

    SERIOUS = "serious"
    CAUTION = "caution"
    NOTE = "note"

    @property
    def rank(self) -> int:
        """0 for the heaviest."""
        return list(Severity).index(self)

    def counted(self, number: int) -> str:
        """So many of them: "3 serious", "1 caution", "2 notes"."""
        return f"{number} {self}" if self is Severity.SERIOUS or number == 1 else f"{number} {self}s"

    @property
    def words(self) -> str:
        """What it says of the study."""
        return {
            "serious": "Serious: a conclusion may be wrong",
            "caution": "Caution: a reader must be told",
            "note": "Note: say it in the methods",
        }[self]


@dataclass(frozen=True)
class Basis:
    """One row that a warning rests on.

    Attributes:
        kind: "scan", "model", "table", "template", "norm" or "cohort": the place it is seen at.
        key: number of the scan or model, name of the table or template; "" for the cohort.
        text: the row in words.
        subject: code of the child that it is about; "" for none.
    """

    kind: str
    key: str
    text: str
    subject: str = ""


@dataclass(frozen=True)
class SoundnessWarning:
    """What a check found.

    Attributes:
        check: name of the function that found it.
        title: the finding with its numbers, one sentence.
        meaning: what it does to a conclusion.
        remedy: what to do.
        basis: rows it rests on.
    """

    check: str
    severity: Severity
    title: str
    meaning: str
    remedy: str
    basis: tuple[Basis, ...] = ()

    @property
    def sentence(self) -> str:
        """Finding and meaning, for a note under a table."""
        return f"{self.title} {self.meaning}"


@dataclass(frozen=True)
class Assurance:
    """What cannot go wrong here, and why."""

    title: str
    why: str


def by_weight(found: Iterable[SoundnessWarning]) -> list[SoundnessWarning]:
    """Heaviest first; of one severity in the order of the checks."""
    return sorted(found, key=lambda warning: warning.severity.rank)


def named(codes: Iterable[str], most: int = 6) -> str:
    """Names for a sentence, the first ones of many."""
    listed = sorted(set(codes))
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more


def counted(number: int, one: str, many: str = "") -> str:
    """A number with its noun."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def listed(parts: Sequence[str]) -> str:
    """Parts of a sentence, joined by commas and "and"."""
    return " and ".join(part for part in (", ".join(parts[:-1]), *parts[-1:]) if part)
