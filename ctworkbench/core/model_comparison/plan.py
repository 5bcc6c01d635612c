"""What is compared: configurations of a training, repeated with other seeds, over the same subjects and folds."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from ctworkbench.core import plugins
from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.splits import Role, folds
from ctworkbench.core.training import LabelKind, changed_settings
from ctworkbench.core.wording import count

_BETWEEN = re.compile(r"\s*[;:]\s*|\s+(?=[a-z_.]+\s*=)")
_NAME = re.compile(r"[\w][\w .+-]{0,63}")
MOST_TRAININGS = 500
_LEAST_TO_TRAIN = 2


class Configuration(BaseModel):
    """A network, a preset, and what is changed of it, by name of the setting."""

    model_config = ConfigDict(frozen=True)

    network: str
    preset: str
    changes: dict[str, JsonValue] = {}

    @property
    def title(self) -> str:
        """As tables and charts name it: "resunet (demo, epochs 20)"."""
        told = "".join(f", {name.replace('_', ' ')} {_told(value)}" for name, value in self.changes.items())
        return f"{self.network} ({self.preset}{told})"

    @property
    def text(self) -> str:
        """As the command line takes it: "resunet:demo:epochs=20"."""
        return ":".join((self.network, self.preset, *(f"{k}={json.dumps(v)}" for k, v in self.changes.items())))


class PlannedCase(BaseModel):
    """An accepted label map of the comparison, by the keys of its files in the voxel store."""

    model_config = ConfigDict(frozen=True)

    subject: str
    role: Role
    label_kind: LabelKind
    labels: str
    brain: str
    hu: str
    equalized: str


class Plan(BaseModel):
    """A comparison as it was decided; it never changes, so that it goes on as it began.

    Attributes:
        repeats: trainings of each configuration and fold, with the seeds `seed`, `seed` + 1 …
        folds: of the cross-validation; 1 for the study's own split.
        seed: of the first repeat, and of the dealing into folds for all.
        cases: label maps that are learned from and validated on; none of a test subject.
    """

    model_config = ConfigDict(frozen=True)

    configurations: tuple[Configuration, ...]
    repeats: int = Field(ge=1)
    folds: int = Field(ge=1)
    seed: int
    scheme: str
    cases: tuple[PlannedCase, ...]

    @property
    def runs(self) -> list["PlannedRun"]:
        """All trainings: each repeat is finished for all configurations before the next begins."""
        numbers: list[int | None] = list(range(self.folds)) if self.folds > 1 else [None]
        return [
            PlannedRun(configuration=place, repeat=repeat, fold=fold)
            for repeat in range(self.repeats)
            for fold in numbers
            for place in range(len(self.configurations))
        ]


class PlannedRun(BaseModel):
    """One training of a plan: which configuration, from 0, which repeat, from 0, which fold, None without folds."""

    model_config = ConfigDict(frozen=True)

    configuration: int
    repeat: int
    fold: int | None


def parse_configuration(text: str) -> Configuration:
    """A configuration as it is typed: NETWORK:PRESET, then changes such as :epochs=20:kernel=[1,3,3].

    Raises:
        WorkbenchError: it is none.
    """
    network, _, rest = text.partition(":")
    preset, _, changes = rest.partition(":")
    if not network.strip() or not preset.strip():
        raise WorkbenchError(
            f"{text!r} is no configuration.", "Write NETWORK:PRESET, such as resunet:demo, or resunet:demo:epochs=20."
        )
    return Configuration(network=network.strip(), preset=preset.strip(), changes=parse_changes(changes))


def parse_changes(text: str) -> dict[str, JsonValue]:
    """Changes of settings as they are typed: "epochs=20; kernel=[1,3,3]", values as in JSON.

    Raises:
        WorkbenchError: something in it is no change.
    """
    found: dict[str, JsonValue] = {}
    for part in (part for part in _BETWEEN.split(text.strip()) if part):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not name or not value:
            raise WorkbenchError(f"{part!r} is no change of a setting.", "Write NAME=VALUE, such as epochs=20.")
        try:
            found[name] = json.loads(value)
        except json.JSONDecodeError:
            found[name] = value
    return found


def checked(configurations: Sequence[Configuration], repeats: int, number: int) -> list[Configuration]:
    """The configurations with what they change alone, `folds` set to the comparison's.

    Args:
        configurations: two or more, no two alike.
        repeats: of each.
        number: of folds; 1 for the study's split.

    Raises:
        WorkbenchError: fewer than two, two alike, an unknown network, preset or setting, or too many trainings.
    """
    if len(configurations) < 2:
        raise WorkbenchError("A comparison needs two configurations or more.", "Add another one.")
    if repeats < 1 or number < 1:
        raise WorkbenchError("Repeats and folds are counted from 1.", "Give 1 for none.")
    if repeats * number * len(configurations) > MOST_TRAININGS:
        wanted = repeats * number * len(configurations)
        raise WorkbenchError(f"These are {wanted} trainings, more than {MOST_TRAININGS}.", "Take fewer repeats.")
    networks = plugins.names(plugins.NETWORKS)
    found: list[Configuration] = []
    for given in configurations:
        if given.network not in networks:
            raise WorkbenchError(f"There is no network {given.network!r}.", f"Choose one of {', '.join(networks)}.")
        if "folds" in given.changes:
            raise WorkbenchError(f"{given.title}: folds are the comparison's own.", "Give the number of folds there.")
        preset = changed_settings(given.preset, {})
        settings = changed_settings(given.preset, given.changes)
        kept = {name: _value(settings, name) for name in given.changes}
        kept = {name: value for name, value in kept.items() if value != _value(preset, name)}
        found.append(Configuration(network=given.network, preset=given.preset, changes=kept))
    twice = next((own for place, own in enumerate(found) if own in found[:place]), None)
    if twice is not None:
        raise WorkbenchError(f"{twice.title} is named twice.", "Change one of the two, or leave it out.")
    return found


def check_folds(cases: Iterable[PlannedCase], number: int, seed: int) -> None:
    """Refuse a split in which a training would have too few subjects to learn from or to validate on.

    Raises:
        WorkbenchError: it is one.
    """
    role_of = {case.subject: case.role for case in cases}
    if number > 1:
        groups = folds(role_of, number, seed)
        smallest, learners = min(map(len, groups)), len(role_of) - max(map(len, groups))
        if learners < _LEAST_TO_TRAIN:
            raise WorkbenchError(
                f"{count(len(role_of), 'subject')} in {number} folds leave {learners} to train on, and {smallest} to "
                "validate on: too few.",
                "Take fewer folds, or accept the label maps of more subjects.",
            )
        return
    held_out = sum(role == "validation" for role in role_of.values())
    if not held_out or len(role_of) - held_out < _LEAST_TO_TRAIN:
        raise WorkbenchError(
            f"{len(role_of) - held_out} accepted subjects to train on, {held_out} to validate on: too few.",
            "Accept the label maps of more subjects.",
        )


def checked_name(name: str) -> str:
    """The name of a comparison.

    Raises:
        WorkbenchError: it cannot be one.
    """
    told = " ".join(name.split())
    if not _NAME.fullmatch(told):
        raise WorkbenchError(
            f"{name!r} cannot be the name of a comparison.", "Take up to 64 letters, digits, spaces and . + - _"
        )
    return told


def _value(settings: Mapping[str, Any], name: str) -> Any:
    outer, _, inner = name.partition(".")
    return settings[outer][inner] if inner else settings[outer]


def _told(value: JsonValue) -> str:
    return f"({', '.join(map(str, value))})" if isinstance(value, list) else str(value)
