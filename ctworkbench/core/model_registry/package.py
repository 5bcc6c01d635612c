"""A model as one file: weights, facts and card in a zip archive, with the hashes that hold them together.

Nothing in it is code: weights are safetensors, facts JSON, the card Markdown. The hashes find what was damaged or
swapped; they do not say who made the file, which only its way here can.
"""

import hashlib
import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.files import replace_bytes
from ctworkbench.core.model_registry.card import markdown
from ctworkbench.core.model_registry.facts import ModelFacts

SUFFIX = ".ctwmodel"
_FACTS, _CARD, _WEIGHTS, _SUMS = "model.json", "card.md", "weights.safetensors", "sha256.json"
_MEMBERS = (_FACTS, _CARD, _WEIGHTS)
_MOST_BYTES = 2 * 1024**3
_ENCRYPTED_OR_PATCHED = 0x61  # bits of a zip entry's flags
_ALWAYS = (1980, 1, 1, 0, 0, 0)  # the same model is the same file
_FOREIGN = f"Choose a {SUFFIX} file that CT Workbench has written."
_DAMAGED = "Ask for the file again where it comes from: it was damaged on its way, or changed."


@dataclass(frozen=True, eq=False)
class Package:
    """A model read from its file, all hashes found right."""

    facts: ModelFacts
    card: str
    weights: bytes


def write_package(facts: ModelFacts, weights: Path, out: Path) -> None:
    """Write a model as one file, whole or not at all.

    Raises:
        WorkbenchError: the weights are missing or are not those of the facts.
        OSError: the file cannot be written.
    """
    if not weights.exists():
        raise WorkbenchError(f"The weights {weights.name} are missing.", "Restore the study's folder `models`.")
    content = weights.read_bytes()
    if hashlib.sha256(content).hexdigest() != facts.weights_sha256:
        raise WorkbenchError(f"The weights {weights.name} were changed.", "Restore the study's folder `models`.")
    members = {_FACTS: facts.model_dump_json(indent=1).encode(), _CARD: markdown(facts).encode(), _WEIGHTS: content}
    sums = {name: hashlib.sha256(part).hexdigest() for name, part in members.items()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, part in {_SUMS: json.dumps(sums, indent=1).encode(), **members}.items():
            archive.writestr(zipfile.ZipInfo(name, _ALWAYS), part)
    replace_bytes(out, buffer.getvalue())


def read_package(path: Path) -> Package:
    """Read a model's file and check all of it; nothing is unpacked.

    Raises:
        WorkbenchError: no such file, not a model's file, damaged, changed, or card and weights of different models.
    """
    name = path.name
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            found = {entry.filename: entry.file_size for entry in entries}
            as_written = all(
                entry.compress_type == zipfile.ZIP_STORED and not entry.flag_bits & _ENCRYPTED_OR_PATCHED
                for entry in entries
            )
            if set(found) != {_SUMS, *_MEMBERS} or len(entries) != len(found) or not as_written:
                raise WorkbenchError(f"{name} is not a model of CT Workbench.", _FOREIGN)
            if sum(found.values()) > _MOST_BYTES:
                raise WorkbenchError(f"{name} holds more than 2 GB: no model does.", _FOREIGN)
            parts = {member: archive.read(member) for member in found}
    except FileNotFoundError as error:
        raise WorkbenchError(f"There is no file {path}.", "Check the path.") from error
    except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError) as error:  # all that zipfile says of damage
        raise WorkbenchError(f"{name} is damaged, or not a model of CT Workbench: {error}.", _FOREIGN) from error
    except OSError as error:
        raise WorkbenchError(f"{name} cannot be read: {error.strerror or error}.", "Check the file.") from error
    sums = _sums(parts[_SUMS], name)
    for member in _MEMBERS:
        if hashlib.sha256(parts[member]).hexdigest() != sums.get(member):
            raise WorkbenchError(f"{name}: {member} was changed after it was written.", _DAMAGED)
    try:
        facts = ModelFacts.model_validate_json(parts[_FACTS])
    except ValidationError as error:
        raise WorkbenchError(f"{name}: {_FACTS} does not tell what a model is.", _FOREIGN) from error
    if facts.weights_sha256 != sums[_WEIGHTS]:
        raise WorkbenchError(f"{name}: its weights are not those of the model that it tells of.", _DAMAGED)
    card = parts[_CARD].decode("utf-8", "replace")
    if facts.weights_sha256 not in card:
        raise WorkbenchError(f"{name}: its card is that of another model than its weights.", _DAMAGED)
    return Package(facts, card, parts[_WEIGHTS])


def _sums(content: bytes, name: str) -> dict[str, str]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise WorkbenchError(f"{name}: {_SUMS} cannot be read.", _DAMAGED) from error
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}
