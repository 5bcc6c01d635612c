"""What a label map goes back to and what its model learned from: one answer for tables, norms, charts and reports.

A correction is drawn from what a machine made: what the reader left as it was is the machine's, and so is what its
model remembers of a child.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from ctworkbench.core.model import Annotation, ModelRun, Origin, Role, Scan, Subject
from ctworkbench.core.phantom_dicom import SITE
from ctworkbench.core.translation import _
from ctworkbench.core.workbench.rows import AnnotationRow


class Version(Protocol):
    """What is asked of a version of a label map."""

    @property
    def parent_id(self) -> int | None:
        """The version it was drawn from; None for one drawn from nothing."""
        ...

    @property
    def origin(self) -> Origin:
        """What made it."""
        ...


V = TypeVar("V", bound=Version)
Versions = Mapping[int, Sequence[AnnotationRow]]


@dataclass(frozen=True)
class Teaching:
    """What a model learned from.

    Attributes:
        roles: by code of the subject, in this training.
        scans: of its training set, as far as the study has them; `phantoms` of them are of digital phantoms.
        ages: youngest and oldest of them in years; None where no age is known.
        notes: what its file told of it, where it was trained elsewhere.
    """

    roles: Mapping[str, str]
    scans: int
    phantoms: int
    ages: tuple[float, float] | None
    notes: tuple[str, ...] = ()


def machine_made(known: Mapping[int, V], row: V) -> V | None:
    """The registration's or model's label map that a version goes back to; None if it was drawn from nothing.

    Args:
        known: versions by id, all of one scan at least.
        row: one of them.
    """
    found: V | None = row
    while found is not None and found.origin is Origin.EXPERT:
        found = None if found.parent_id is None else known.get(found.parent_id)
    return found


def doubted(versions: Sequence[AnnotationRow], row: AnnotationRow) -> AnnotationRow | None:
    """The network's label map that a version goes back to, if it told how unsure it was; None otherwise.

    Args:
        versions: of the scan.
        row: one of them.
    """
    base = machine_made({version.id: version for version in versions}, row)
    return base if base is not None and base.parameters.get("uncertainty") else None


def models_behind(session: Session) -> dict[int, int]:
    """By label map the number of the model that it goes back to; those that go back to none are not in it."""
    query = select(Annotation.id, Annotation.parent_id, Annotation.origin, Annotation.model_id)
    known: dict[int, Any] = {row.id: row for row in session.execute(query)}
    bases = {number: machine_made(known, row) for number, row in known.items()}
    return {number: base.model_id for number, base in bases.items() if base is not None and base.model_id is not None}


def learned_roles(session: Session) -> dict[int, str]:
    """By label map the part its subject had in the training of the model that it goes back to, such as "train".

    Label maps of no model, and those of subjects that their model never met, are not in it.
    """
    models = models_behind(session)
    if not models:
        return {}
    splits = dict(session.execute(select(ModelRun.id, ModelRun.split)).tuples().all())
    query = select(Annotation.id, Subject.code).join_from(Annotation, Scan).join(Subject)
    codes = dict(session.execute(query).tuples().all())
    roles = {number: splits.get(model, {}).get(codes[number]) for number, model in models.items()}
    return {number: str(role) for number, role in roles.items() if role}


def trained_on(session: Session) -> set[int]:
    """Label maps that go back to a model which was trained on their child."""
    return {number for number, role in learned_roles(session).items() if role == Role.TRAIN}


def teachings(session: Session, models: Iterable[int]) -> dict[int, Teaching]:
    """What models learned from, by their number."""
    wanted = set(models)
    if not wanted:
        return {}
    scans: dict[str, dict[int, tuple[bool, float | None]]] = {}
    query = select(Scan.id, Subject.code, Scan.protocol, Scan.site, Scan.age_years).join(Subject)
    for scan, code, protocol, site, age in session.execute(query).tuples():
        scans.setdefault(code, {})[scan] = is_phantom(protocol, site), age
    drawn: dict[str, set[int]] = {}
    for key, scan in session.execute(select(Annotation.labels_key, Annotation.scan_id)).tuples():
        drawn.setdefault(key, set()).add(scan)
    found: dict[int, Teaching] = {}
    for run in session.scalars(select(ModelRun).where(ModelRun.id.in_(wanted))):
        taught = {code for code, role in run.split.items() if role == Role.TRAIN}
        keys = {case["subject"]: set[str]() for case in run.parameters.get("cases", ())}
        for case in run.parameters.get("cases", ()):
            keys[case["subject"]].add(case["labels"])
        own: list[tuple[bool, float | None]] = []
        for code in taught:
            shown = {scan for key in keys.get(code, ()) for scan in drawn.get(key, ())}
            own += [fact for scan, fact in scans.get(code, {}).items() if scan in shown or code not in keys]
        ages = [age for _phantom, age in own if age is not None]
        found[run.id] = Teaching(
            roles=dict(run.split),
            scans=len(own),
            phantoms=sum(phantom for phantom, _age in own),
            ages=(min(ages), max(ages)) if ages else None,
            notes=notes_of(run),
        )
    return found


def notes_of(run: ModelRun) -> tuple[str, ...]:
    """What must be known of a model that was trained elsewhere: its file's cautions, or that nothing is known.

    An ensemble keeps those of its members.
    """
    taken = run.result.get("imported")
    if taken is None:
        return tuple(run.result.get("notes", ()))
    unknown = _("The model was trained elsewhere: whom it learned from is not known here.")
    return tuple(taken.get("cautions") or (unknown,))


def is_phantom(protocol: Mapping[str, Any], site: str) -> bool:
    """Whether a scan is of a digital phantom: its numbers must never be taken for a child's.

    Args:
        protocol: of the scan; the import keeps what the series says of itself.
        site: that the cohort table of phantoms names, for those that came as NIfTI.
    """
    return bool(protocol.get("phantom")) or site == SITE


def phantom_scans(session: Session) -> set[int]:
    """Scans of the study that are of digital phantoms."""
    query = select(Scan.id, Scan.protocol, Scan.site)
    return {scan for scan, protocol, site in session.execute(query).tuples() if is_phantom(protocol, site)}


def scan_cautions(
    session: Session, scans: Iterable[tuple[Scan, str]], chosen: Mapping[int, AnnotationRow], versions: Versions
) -> dict[int, tuple[str, ...]]:
    """By id of the scan what must be known of its label map for what the model behind it learned from.

    Args:
        session: of the study.
        scans: with the code of the subject of each.
        chosen: the label map that speaks for a scan, by the scan's id; scans without one have no cautions.
        versions: of the label maps of each scan, by the scan's id.
    """
    bases = {
        scan: base
        for scan, row in chosen.items()
        if (base := machine_made({version.id: version for version in versions[scan]}, row)) is not None
    }
    taught = teachings(session, {base.model_id for base in bases.values() if base.model_id is not None})
    found: dict[int, tuple[str, ...]] = {}
    for scan, code in scans:
        base = bases.get(scan.id)
        if base is not None and base.model_id in taught:
            corrected, phantom = base.id != chosen[scan.id].id, is_phantom(scan.protocol, scan.site)
            found[scan.id] = tuple(_cautions(taught[base.model_id], code, scan.age_years, phantom, corrected))
    return found


def learned_limits(teaching: Teaching) -> list[str]:
    """What a model's card says of the scans that it learned from: phantoms among them, and their ages in whole years.

    Ages are told no finer, for a card leaves the house.
    """
    told = _phantoms_seen(teaching)
    if teaching.ages is not None:
        low, high = math.floor(teaching.ages[0]), math.ceil(teaching.ages[1])
        told.append(_("The model learned from scans at {low} to {high} years of age.").format(low=low, high=high))
    return told


def _phantoms_seen(teaching: Teaching) -> list[str]:
    if not teaching.phantoms:
        return []
    if teaching.phantoms == teaching.scans:
        return [_("The model learned from digital phantoms alone: it has never seen the scan of a child.")]
    some = _("{phantoms} of the {scans} scans that the model learned from are of digital phantoms.")
    return [some.format(phantoms=teaching.phantoms, scans=teaching.scans)]


def _cautions(teaching: Teaching, code: str, age_years: float | None, phantom: bool, corrected: bool) -> list[str]:
    """What the model behind a label map learned from, as far as it touches this child: the gravest first."""
    told: list[str] = [] if phantom else list(teaching.notes)
    trained = teaching.roles.get(code) == Role.TRAIN
    if trained and corrected:
        told.append(
            _(
                "The model that these labels were corrected from was trained on this subject: what the reader left as "
                "it was tells how well it remembers."
            )
        )
    elif trained:
        told.append(_("The model was trained on this subject: these labels tell how well it remembers."))
    if not phantom:
        told += _phantoms_seen(teaching)
    if teaching.ages is not None and age_years is not None:
        low, high, age = round(teaching.ages[0], 2), round(teaching.ages[1], 2), round(age_years, 2)
        if not low <= age <= high:
            text = _("The model learned from scans at {low:.2f} to {high:.2f} years of age; this one is at {age:.2f}.")
            told.append(text.format(low=low, high=high, age=age))
    return told
