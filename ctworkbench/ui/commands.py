"""What can be done in the review room, with its keys; `keymap`, cheat sheet and dialog of keys are made from it."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """One thing that a key does.

    Attributes:
        group: heading that it stands under in the cheat sheet.
        title: what it does, for people; empty where the command before it speaks for both.
        keys: key sequences in Qt's notation; the first is the one that is shown.
        act: does it.
        shown: how the key is written for people, where Qt's notation reads badly.
        alone: what it does, where it is told apart from the command that speaks for it.
        name: what it is known by in the reader's settings; made of group and title, or of the key, if left out.
    """

    group: str
    title: str
    keys: tuple[str, ...]
    act: Callable[[], object]
    shown: str = ""
    alone: str = ""
    name: str = ""

    @property
    def key(self) -> str:
        """The key as people read it, as shipped."""
        return self.shown or self.keys[0]

    @property
    def id(self) -> str:
        """What it is known by in the reader's settings."""
        words = self.name or f"{self.group} {self.alone or self.title or self.keys[0]}"
        return "_".join(words.lower().split())
