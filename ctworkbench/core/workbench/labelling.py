"""The labelling room: the template is registered to scans, and its labels become version 1."""

from collections.abc import Container, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.model import Annotation, Origin, Preprocessing, Scan, Subject, Template
from ctworkbench.core.register import EFFORT, LabelParams, LabelResult, Part
from ctworkbench.core.store import key_of
from ctworkbench.core.template_library import TemplateFiles, offered_key
from ctworkbench.core.wording import count
from ctworkbench.core.workbench.current import annotation_rows, next_version, registration_rejected
from ctworkbench.core.workbench.open_study import OpenStudy
from ctworkbench.core.workbench.rows import Changes
from ctworkbench.core.workbench.templates import FUSED, PooledTemplate, TemplatesRoom

LABEL = "label"
_INPUTS = ("scan", "image", "brain")
_TEMPLATE_FILES = ("image", "labels", "mask")


def preprocessings(session: Session) -> dict[int, Preprocessing]:
    """The newest preprocessing of each scan."""
    return {row.scan_id: row for row in session.scalars(select(Preprocessing).order_by(Preprocessing.id))}


def only_prepared(
    rows: Sequence[tuple[int, str, str]], prepared: Container[int], asked_for: bool
) -> list[tuple[int, str, str]]:
    """The (scan, image key, subject) rows that are preprocessed; one scan that cannot be must not hold up the others.

    Raises:
        WorkbenchError: none of them is, or one that was asked for in particular is not.
    """
    ready = [row for row in rows if row[0] in prepared]
    missing = [row[2] for row in rows if row[0] not in prepared]
    if missing and (asked_for or not ready):
        some = f"{', '.join(missing[:5])}{' …' if len(missing) > 5 else ''}"
        raise WorkbenchError(
            f"{count(len(missing), 'scan')} {'is' if len(missing) == 1 else 'are'} not preprocessed: {some}.",
            "Run Preprocess first: ctworkbench preprocess STUDY",
        )
    return ready


class LabellingRoom:
    """Pseudo-labels by registration."""

    def __init__(self, study: OpenStudy, templates: TemplatesRoom) -> None:
        self._study = study
        self._templates = templates

    def labelled(self, scan_ids: Sequence[int] | None = None) -> set[int]:
        """Scans, of all by default, that have a registered label map and are labelled again only when that is asked."""
        with self._study.database.reading() as session:
            versions = annotation_rows(session, scan_ids, self._study.settings.author)
        return {
            scan
            for scan, own in versions.items()
            if any(row.origin is Origin.REGISTRATION for row in own) and not registration_rejected(own)
        }

    def pseudo_label(
        self,
        preset: str = "quick",
        scan_ids: Sequence[int] | None = None,
        again: bool = False,
        template: str | Sequence[str] | None = None,
        initiator: object = None,
    ) -> list[str]:
        """Start the registration of templates to the scans that have no registered label map, or only rejected ones.

        Args:
            preset: "quick" carries one template, "balanced" the one most like the scan; "fine" fuses eight of those;
                "syn" carries one as the study did, by ANTs.
            scan_ids: the scans wanted; all that are preprocessed by default.
            again: label also the other scans that have a registered label map; the new one is a further version.
            template: names of the templates. By default "quick" and "syn" carry the one in use, the others choose among
                all that are shipped or drawn. With one template the scan that it was drawn on is left out unless it is
                asked for; of several, those drawn on the scan's own subject are.
            initiator: handed on in the announcement.

        Returns:
            The jobs' ids.

        Raises:
            WorkbenchError: no such template or preset, several templates for "quick", no scans at all, some asked for
                not preprocessed, or none that is.
        """
        study = self._study
        names = [template] if isinstance(template, str) else list(template or ())
        if preset not in EFFORT:
            raise WorkbenchError(f"There is no preset {preset!r}.", f"There are {', '.join(EFFORT)}.")
        single = EFFORT[preset].tried == 1
        if single and len(names) > 1:
            raise WorkbenchError(f"{preset} carries one template.", "Name one, or fuse several: --preset fine")
        with study.database.reading() as session:
            study.need_scans(session)
            rows = session.execute(select(Scan.id, Scan.image_key, Subject.code).join(Subject)).tuples().all()
            children = {
                scan: (subject, sex, age)
                for scan, subject, sex, age in session.execute(
                    select(Scan.id, Subject.id, Subject.sex, Scan.age_years).join(Subject)
                ).tuples()
            }
            prepared = preprocessings(session)
        done = set[int]() if again else self.labelled(scan_ids)
        if single:
            chosen = self._templates.named(names[0] if names else None)
            pool = [PooledTemplate(chosen, None, None, None)]
            if scan_ids is None:
                done.add(self._templates.scan_of(chosen) or 0)
        else:
            pool = self._templates.pool(names)
        rows = [row for row in rows if row[0] not in done and (scan_ids is None or row[0] in scan_ids)]
        rows = only_prepared(rows, prepared, asked_for=scan_ids is not None)
        path = study.store.path
        wanted = {
            scan: (
                f"Label {code} ({preset})",
                LabelParams(
                    scan=path(key),
                    image=path(prepared[scan].image_key),
                    brain=path(prepared[scan].brain_key),
                    skull=path(prepared[scan].skull_key),
                    templates=self._for_subject(pool, children[scan][0], code),
                    sex=children[scan][1],  # pyright: ignore[reportArgumentType] - validated by pydantic
                    age_years=children[scan][2],
                    preset=preset,  # pyright: ignore[reportArgumentType] - validated by pydantic
                    seed=study.split_seed,
                ),
            )
            for scan, key, code in rows
        }
        return study.start_each(LABEL, wanted, "ctworkbench.core.register:pseudo_label", initiator)

    def _for_subject(self, pool: Sequence[PooledTemplate], subject_id: int, code: str) -> tuple[TemplateFiles, ...]:
        """The templates for one subject: those drawn on itself would give its own label map back."""
        path = self._study.store.path
        files = tuple(
            TemplateFiles(
                name=one.row.name,
                image=path(one.row.image_key),
                labels=path(one.row.labels_key),
                mask=path(one.row.mask_key),
                sex=one.sex,  # pyright: ignore[reportArgumentType] - validated by pydantic
                age_years=one.age_years,
            )
            for one in pool
            if one.subject_id is None or one.subject_id != subject_id
        )
        if not files:
            raise WorkbenchError(f"All the templates named are drawn on {code} itself.", "Name others, or none.")
        return files

    def record_label(self, job_id: str) -> Changes:
        """Take the label map of a registration job into the study as a new version."""
        study = self._study
        result = LabelResult.model_validate(study.jobs.result(job_id))
        job = study.jobs.job(job_id)
        if job.subject is None:
            raise WorkbenchError(f"The job {job_id} names no scan.")
        key = study.store.put_file(result.labels)
        request = LabelParams.model_validate(job.params)
        used: dict[str, Any] = {name: key_of(getattr(request, name)) for name in _INPUTS}
        keys = {one.name: [key_of(getattr(one, part)) for part in _TEMPLATE_FILES] for one in request.templates}
        parts = result.templates or tuple(Part(name=one.name, likeness=0.0, weight=1.0) for one in request.templates)
        with study.database.writing() as session:
            if not study.claim(session, job_id):
                return Changes()
            found = [_stored(session, *keys[part.name][:2]) for part in parts]
            if None in found:
                raise WorkbenchError(f"A template of the job {job_id} is not in the study any more.")
            offered = offered_key(one[1] for one in keys.values())
            template = found[0] if len(found) == 1 else None
            name = FUSED if template is None else template.name
            if template is None:
                told_of = zip(parts, found, strict=True)
                used["templates"] = [part.model_dump() | {"template": row.id} for part, row in told_of if row]
                used["template_labels"] = offered
                used["fusion"] = request.fusion
            else:
                used |= dict(zip((f"template_{part}" for part in _TEMPLATE_FILES), keys[parts[0].name], strict=True))
                if len(keys) > 1:
                    used["templates_offered"] = offered
            version = next_version(session, job.subject)
            row = Annotation(
                scan_id=job.subject,
                scheme=study.scheme,
                version=version,
                parent_id=None,
                labels_key=key,
                author=study.settings.author,
                origin=Origin.REGISTRATION,
                comment="; ".join(result.warnings),
                scores=dict(result.scores),
                parameters={
                    "preset": request.preset,
                    "registration": result.registration,
                    "seed": request.seed,
                    "template": name,
                    **used,
                },
                template_id=None if template is None else template.id,
                code_version=job.code_version,
                job_id=job_id,
            )
            session.add(row)
            session.flush()
            told = {"version": version, "template": name, "preset": request.preset, "job": job_id}
            study.audit(session, "label", f"annotation {row.id}", told, job.subject)
        study.discard(result.labels)
        return Changes(annotations=True, jobs=True)


def _stored(session: Session, image_key: str, labels_key: str) -> Template | None:
    """The template of these voxels."""
    query = select(Template).where(Template.image_key == image_key, Template.labels_key == labels_key)
    return session.scalars(query).first()
