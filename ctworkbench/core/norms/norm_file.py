"""A norm as a file: its card, its models and their calibration, with a SHA-256 over all of it.

The hash tells that the content is what was written, not by whom. A file names no child and holds no child's volumes.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.norms.calibration import Calibration
from ctworkbench.core.norms.cohort import METHOD_TITLES, Method
from ctworkbench.core.norms.design import AgeScale
from ctworkbench.core.norms.models import RegionModel
from ctworkbench.core.norms.norm_check import fault_of

FORMAT = "ctworkbench-norm"
VERSION = 2
_OF_CHILDREN = 1  # the version of a norm without phantoms: it is as it was, and so is its hash
_MOST_BYTES = 100_000_000
_FROZEN = ConfigDict(frozen=True, allow_inf_nan=False, extra="forbid")


class Card(BaseModel):
    """What a norm stands for, how it was made, and where it ends.

    Attributes:
        name: by which it is chosen; title: for people.
        method: "lms", "linear" or "quantile".
        age_min_years, age_max_years: the ages that are covered by every sex the norm is for.
        scanners: number of children by scanner; "unknown" where it was not told.
        thickness_min_mm, thickness_max_mm: of the slices; None where no scan told; thickness_unknown: how many did not.
        sources: number of label maps by what made them.
        unaccepted, unread: how many of them nobody had accepted, and how many were accepted without being looked at.
        excluded: number of scans that were left out, by reason.
        phantoms: how many of the children are digital phantoms, and no children.
        harmonized: whether volumes were made alike over scanners before the fit.
        repeats: of the bootstrap; confidence: of its intervals, in percent.
        program: name and version of the program; created: moment in UTC; author: who asked for the fit.
    """

    model_config = _FROZEN

    name: str
    title: str
    scheme: str
    method: Method
    population: str
    centre: str
    age_min_years: float
    age_max_years: float
    age_mean_years: float
    n_male: int
    n_female: int
    scanners: dict[str, int]
    thickness_min_mm: float | None
    thickness_max_mm: float | None
    thickness_unknown: int
    sources: dict[str, int]
    unaccepted: int
    unread: int
    excluded: dict[str, int]
    phantoms: int = 0
    harmonized: bool = False
    repeats: int
    confidence: float = 95.0
    seed: int
    cautions: tuple[str, ...]
    program: str
    created: str
    author: str

    @property
    def method_title(self) -> str:
        """The method for people."""
        return METHOD_TITLES[self.method]

    @property
    def scanner_text(self) -> str:
        """The scanners for people, with how many children each has."""
        told = ", ".join(f"{name} ({n})" for name, n in self.scanners.items())
        return f"{'scanner' if len(self.scanners) == 1 else 'scanners'} {told}" if told else "scanner unknown"

    @property
    def source_text(self) -> str:
        """What made the label maps, for people."""
        told = ", ".join(f"{name} {n}" for name, n in self.sources.items()) or "unknown"
        doubts = [
            f"{n} {what}"
            for n, what in ((self.unaccepted, "accepted by nobody"), (self.unread, "accepted unread"))
            if n
        ]
        return f"{told}; {', '.join(doubts) or 'all read and accepted'}"


class RegionFit(BaseModel):
    """One region of a norm.

    Attributes:
        model: fitted to all children.
        replicates: coefficients of the bootstrap's repeats, each as long as those of the model.
        calibration: of models fitted in the same way, choice of terms included, to the other children.
        notes: what must be known of this fit.
    """

    model_config = _FROZEN

    region: str
    n_male: int
    n_female: int
    model: RegionModel
    replicates: tuple[tuple[float, ...], ...]
    calibration: Calibration
    notes: tuple[str, ...] = ()


class PairFit(BaseModel):
    """Right minus left of one pair in one sex: mean + slope × (age − mean_age) in cm³, and the SD around it."""

    model_config = _FROZEN

    pair: str
    sex: str
    n: int
    mean: float
    slope: float
    mean_age: float
    sd: float


class NormFile(BaseModel):
    """All of a fitted norm."""

    model_config = _FROZEN

    card: Card
    age_scale: AgeScale
    regions: tuple[RegionFit, ...]
    pairs: tuple[PairFit, ...]

    @property
    def sha256(self) -> str:
        """Hash of the content in its canonical form: JSON with sorted keys and no spaces, UTF-8."""
        return hashlib.sha256(_canonical(self._content())).hexdigest()

    @property
    def worst(self) -> tuple[str, float]:
        """The region whose centiles are farthest from what they say, and by how many points of a percent."""
        worst = max(self.regions, key=lambda entry: entry.calibration.error)
        return worst.region, worst.calibration.error

    def text(self) -> str:
        """The file's text: the content and its hash."""
        return _canonical(self._content() | {"sha256": self.sha256}).decode() + "\n"

    def _content(self) -> dict[str, Any]:
        content = self.model_dump(mode="json")
        if self.card.phantoms:  # a program that does not know of them must not read it
            return {"format": FORMAT, "version": VERSION, "norm": content}
        del content["card"]["phantoms"]
        return {"format": FORMAT, "version": _OF_CHILDREN, "norm": content}


def parse(text: str, source: str) -> NormFile:
    """A norm from the text of its file.

    Args:
        text: of the file.
        source: name of the file, for what is said of it.

    Raises:
        WorkbenchError: not a norm of this program, of a newer version of it, or changed after it was written.
    """
    foreign = "Choose a file that `ctworkbench norm export` wrote."
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise WorkbenchError(f"{source} is not a norm: it is not JSON ({error}).", foreign) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise WorkbenchError(f"{source} is not a norm of CT Workbench.", foreign)
    version = content.get("version")
    if not isinstance(version, int) or version > VERSION:
        raise WorkbenchError(
            f"{source} is a norm of format {version}; this version of CT Workbench reads up to format {VERSION}.",
            "Install a newer CT Workbench.",
        )
    told = content.pop("sha256", None)
    if told != hashlib.sha256(_canonical(content)).hexdigest():
        raise WorkbenchError(
            f"{source} was changed after it was written: its content does not have the hash that it states.",
            "Ask for the file again where it comes from.",
        )
    try:
        return NormFile.model_validate(content.get("norm"))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise WorkbenchError(f"{source} is not a whole norm: {place}: {first['msg']}.", foreign) from error


def read(path: Path) -> NormFile:
    """A norm from a file, whoever wrote it: what the program could not have written is refused.

    Raises:
        WorkbenchError: the file cannot be read, holds what no norm can be, or see `parse`.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise WorkbenchError(f"{path.name} is too large for a norm.", "Choose a file of `ctworkbench norm export`.")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise WorkbenchError(f"{path} cannot be read: {error.strerror}.", "Check the path.") from error
    except UnicodeDecodeError as error:
        raise WorkbenchError(
            f"{path.name} is not a norm: it is not text.", "Choose a file of `ctworkbench norm export`."
        ) from error
    found = parse(text, path.name)
    fault = fault_of(found)
    if fault:
        raise WorkbenchError(f"{path.name} is not a whole norm: {fault}.", "Ask for the file where it comes from.")
    return found


def _canonical(content: dict[str, Any]) -> bytes:
    try:
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return text.encode()
    except ValueError as error:  # JSON of others may hold NaN, or half of a sign
        raise WorkbenchError(f"The norm holds a number or a sign that is none: {error}.", "It was damaged.") from error
