"""Label maps and templates of a study as plain facts."""

from collections.abc import Mapping, Set
from functools import lru_cache
from pathlib import Path
from typing import TypedDict

from sqlalchemy import select
from sqlalchemy.orm import Session

from ctworkbench.core.methods.facts import LabelMapFact, RegisteredVolume, TemplateFact, VerdictFact
from ctworkbench.core.model import Annotation, Measurement, Origin, Review, Scan, Subject, Template
from ctworkbench.core.schemes import load as load_scheme
from ctworkbench.core.volume import read_nifti
from ctworkbench.core.workbench.current import annotation_rows, version_for
from ctworkbench.core.workbench.lineage import machine_made
from ctworkbench.core.workbench.measuring import VOLUME
from ctworkbench.core.workbench.open_study import OpenStudy
from ctworkbench.core.workbench.rows import AnnotationRow
from ctworkbench.core.workbench.templates import FUSED


@lru_cache(maxsize=16)
def template_volumes(path: Path, scheme: str) -> Mapping[str, float]:
    """Volumes in cm³ of the regions of a template's label map; a file of the voxel store never changes its content."""
    import numpy as np

    labels = read_nifti(path)
    counts = np.bincount(labels.voxels.ravel().astype(np.int64), minlength=256)
    voxel = abs(float(np.linalg.det(labels.affine[:3, :3]))) / 1000.0
    return {region.name: float(counts[region.code]) * voxel for region in load_scheme(scheme).regions}


def templates(study: OpenStudy, session: Session) -> tuple[TemplateFact, ...]:
    """The templates with the volumes of their own label maps; those that were fused also together, with their means."""
    volumes = {
        row.id: (row.name, template_volumes(study.store.path(row.labels_key), study.scheme))
        for row in session.scalars(select(Template).order_by(Template.id))
    }
    found = [TemplateFact(name, own) for name, own in volumes.values()]
    query = select(Annotation.parameters).where(Annotation.origin == Origin.REGISTRATION)
    told = session.scalars(query.where(Annotation.template_id.is_(None)))
    fused = {part["template"] for parameters in told for part in parameters.get("templates", ())}
    known = [volumes[number][1] for number in fused if number in volumes]
    if known:
        found.append(TemplateFact(FUSED, {name: sum(own[name] for own in known) / len(known) for name in known[0]}))
    return tuple(found)


def label_maps(session: Session, source: str) -> tuple[LabelMapFact, ...]:
    """All versions of all scans, each with its verdicts and the machine that it goes back to."""
    code_of = dict(session.execute(select(Scan.id, Subject.code).join(Subject)).tuples().all())
    template_of = dict(session.execute(select(Template.id, Template.name)).tuples().all())
    made_with = dict(session.execute(select(Annotation.id, Annotation.template_id)).tuples().all())
    verdicts: dict[int, list[VerdictFact]] = {}
    for row in session.scalars(select(Review).order_by(Review.id)):
        fact = VerdictFact(str(row.verdict), row.reviewer, row.seconds, tuple(row.reasons), row.grade)
        verdicts.setdefault(row.annotation_id, []).append(fact)
    found: list[LabelMapFact] = []
    for scan_id, versions in annotation_rows(session).items():
        known = {row.id: row for row in versions}
        counts = version_for(versions, source)
        for row in versions:
            base = machine_made(known, row)
            registered = base is not None and base.origin is Origin.REGISTRATION
            template = made_with.get(base.id) if base is not None and registered else None
            named = base.parameters.get("template", "") if base is not None else ""
            found.append(
                LabelMapFact(
                    id=row.id,
                    scan_id=scan_id,
                    subject=code_of[scan_id],
                    version=row.version,
                    origin=str(row.origin),
                    machine="" if base is None else str(base.origin),
                    template=(template_of.get(template, "") if template else str(named)) if registered else "",
                    preset=str(base.parameters.get("preset", "")) if base is not None else "",
                    model_id=None if base is None else base.model_id,
                    current=counts is not None and counts.id == row.id,
                    verdicts=tuple(verdicts.get(row.id, ())),
                    key=row.labels_key,
                    code_version=row.code_version,
                    **_answered(base),
                )
            )
    return tuple(found)


class _Answered(TypedDict, total=False):
    flips: bool | None
    windows: bool | None
    device: str


def _answered(base: AnnotationRow | None) -> _Answered:
    """How a model answered, where it was a model and that was kept."""
    if base is None or base.origin is not Origin.MODEL:
        return {}
    told = base.parameters
    return {"flips": told.get("flips"), "windows": told.get("windows"), "device": told.get("device") or ""}


def origins(session: Session, used: Set[int]) -> tuple[LabelMapFact, ...]:
    """Where label maps come from, and no more of them, by one query; those in `used` are the ones that count."""
    query = (
        select(
            Annotation.id,
            Annotation.scan_id,
            Annotation.version,
            Annotation.origin,
            Annotation.model_id,
            Annotation.labels_key,
            Template.name,
        )
        .join_from(Annotation, Template, Template.id == Annotation.template_id, isouter=True)
        .order_by(Annotation.id)
    )
    return tuple(
        LabelMapFact(
            id=number,
            scan_id=scan_id,
            subject="",
            version=version,
            origin=str(origin),
            template=template or (FUSED if origin is Origin.REGISTRATION else ""),
            model_id=model_id,
            current=number in used,
            key=key,
        )
        for number, scan_id, version, origin, model_id, key, template in session.execute(query).tuples()
    )


def registered(session: Session) -> tuple[RegisteredVolume, ...]:
    """Volumes of every registration, where scans were labelled with two templates or more; else none is asked for."""
    if (
        session.scalar(select(Annotation.template_id).where(Annotation.template_id.is_not(None)).distinct().offset(1))
        is None
    ):
        return ()
    query = (
        select(Annotation.scan_id, Template.name, Measurement.region, Measurement.value)
        .join_from(Measurement, Annotation, Annotation.id == Measurement.annotation_id)
        .join(Template, Template.id == Annotation.template_id)
        .where(Measurement.statistic == VOLUME, Annotation.origin == Origin.REGISTRATION)
        .order_by(Annotation.version)
    )
    return tuple(RegisteredVolume(*row) for row in session.execute(query).tuples())
