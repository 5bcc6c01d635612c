"""Reporting checklists: items, answers of the program, text of the authors, and what is still to be written."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.methods import cohort_answers, label_answers, model_answers, norm_answers
from ctworkbench.core.methods.facts import UNKNOWN, Answer, StudyFacts
from ctworkbench.core.settings import resource

FOLDER = "checklists"


class State(StrEnum):
    """How far an item is."""

    FILLED = "filled"
    PARTLY = "filled in part"
    TO_WRITE = "to write"
    NOT_APPLICABLE = "does not apply"


@dataclass(frozen=True)
class Item:
    """One item of a checklist, in words of this project.

    Attributes:
        fill: names of the functions that answer from the study.
        needs: what is left for the authors; "" where the program answers all of it.
    """

    number: str
    section: str
    text: str
    fill: tuple[str, ...]
    needs: str


@dataclass(frozen=True)
class Checklist:
    """A checklist; `reading` says how its words are meant here."""

    name: str
    title: str
    long_title: str
    citation: str
    reading: str
    items: tuple[Item, ...]

    def item(self, number: str) -> Item:
        """The item of a number.

        Raises:
            WorkbenchError: there is none.
        """
        for item in self.items:
            if item.number == number:
                return item
        raise WorkbenchError(
            f"{self.title} has no item {number!r}.", f"Its items are {self.items[0].number} to {self.items[-1].number}."
        )


@dataclass(frozen=True)
class AuthorText:
    """What the authors wrote for an item; `applies` False says that it does not apply, and `text` why."""

    text: str = ""
    applies: bool = True


@dataclass(frozen=True)
class FilledItem:
    """An item of a study.

    Attributes:
        answer: what the program says, from the study as it is now; "" for nothing.
        written: what the authors say.
    """

    item: Item
    answer: str
    written: AuthorText

    @property
    def state(self) -> State:
        """How far it is: what the authors wrote counts, and what the program fills in whole."""
        if not self.written.applies:
            return State.NOT_APPLICABLE
        if self.written.text.strip() or (self.answer and not self.item.needs and UNKNOWN not in self.answer):
            return State.FILLED
        return State.PARTLY if self.answer else State.TO_WRITE

    @property
    def needs(self) -> str:
        """What is still wanted; "" for nothing."""
        if self.state in (State.FILLED, State.NOT_APPLICABLE):
            return ""
        if not self.answer:
            return self.item.needs or "The study holds nothing for this yet: import, label, train or measure first."
        unknown = f"What is {UNKNOWN}." if UNKNOWN in self.answer else ""
        return " ".join(part for part in (self.item.needs, unknown) if part)


@dataclass(frozen=True)
class FilledChecklist:
    """A checklist of a study."""

    checklist: Checklist
    items: tuple[FilledItem, ...]

    @property
    def counts(self) -> dict[State, int]:
        """Number of items in each state."""
        return {state: sum(item.state is state for item in self.items) for state in State}


def limitations(facts: StudyFacts) -> str:
    """What the program warns of in this study, heaviest first."""
    return " ".join(facts.findings)


@cache
def answers() -> Mapping[str, Answer]:
    """The functions that answer, by name; each takes the facts of a study and gives sentences, or ""."""
    modules = (cohort_answers, label_answers, model_answers, norm_answers)
    every = [limitations, *(answer for module in modules for answer in module.ANSWERS)]
    return {answer.__name__: answer for answer in every}


def names() -> tuple[str, ...]:
    """Names of the checklists."""
    return ("claim2024", "tripod_ai")


@cache
def load(name: str) -> Checklist:
    """A checklist by name.

    Raises:
        WorkbenchError: there is none of that name.
    """
    if name not in names():
        raise WorkbenchError(f"There is no checklist {name!r}.", f"Choose {' or '.join(names())}.")
    content = tomllib.loads(resource(f"{FOLDER}/{name}.toml").read_text(encoding="utf-8"))
    items = tuple(
        Item(row["number"], row["section"], row["text"], tuple(row["fill"]), row["needs"]) for row in content["items"]
    )
    head = {key: content[key] for key in ("name", "title", "long_title", "citation", "reading")}
    return Checklist(**head, items=items)


def fill(checklist: Checklist, facts: StudyFacts, written: Mapping[str, AuthorText]) -> FilledChecklist:
    """Answer every item from a study; of an empty one nothing is said.

    Args:
        checklist: the checklist.
        facts: the study as it is now.
        written: what the authors wrote, by number of the item.
    """

    def said(item: Item) -> str:
        return " ".join(text for name in item.fill if (text := answers()[name](facts))) if facts.scans else ""

    items = [FilledItem(item, said(item), written.get(item.number, AuthorText())) for item in checklist.items]
    return FilledChecklist(checklist, tuple(items))
