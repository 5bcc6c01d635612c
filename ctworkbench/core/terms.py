"""The words of the domain that are stored and shown as they stand: where a label map comes from, verdict, role, sex."""

from enum import StrEnum

PREPROCESSING = 2
"""The way of preprocessing, raised when the same scan gives another equalized image or intracranial volume: those of
two ways are not compared, and a network that learned from the one is not shown the other."""


class Origin(StrEnum):
    """Where a label map comes from."""

    REGISTRATION = "registration"
    EXPERT = "expert"
    MODEL = "model"


class Verdict(StrEnum):
    """What a reader says of a label map."""

    ACCEPT = "accept"
    NEEDS_EDITS = "needs edits"
    REJECT = "reject"
    LATER = "later"


class Role(StrEnum):
    """The part of a split that a subject belongs to, for good."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


class Sex(StrEnum):
    """Sex of a subject; unknown is None."""

    MALE = "M"
    FEMALE = "F"

    @property
    def code(self) -> int:
        """1 for male, 2 for female, as in the regressions of the study."""
        return 1 if self is Sex.MALE else 2


class ReaderRole(StrEnum):
    """What a reader is to do with a scan of a study that several read."""

    FIRST = "first"
    SECOND = "second"
    REPEAT = "repeat"
    ADJUDICATOR = "adjudicator"
