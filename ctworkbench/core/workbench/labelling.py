"""The labelling room: the template is registered to scans, and its labels become version 1."""

from collections.abc import Container, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.model import Annotation, Origin, Preprocessing, Scan, Subject, Template
from ctworkbench.core.register import LabelParams, LabelResult
from ctworkbench.core.store import key_of
from ctworkbench.core.wording import count
from ctworkbench.core.workbench.current import next_version
from ctworkbench.core.workbench.open_study import OpenStudy
from ctworkbench.core.workbench.rows import Changes
from ctworkbench.core.workbench.templates import TemplatesRoom

LABEL = "label"
_INPUTS = ("scan", "image", "brain", "template_image", "template_labels", "template_mask")


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

    def pseudo_label(
        self,
        preset: str = "quick",
        scan_ids: Sequence[int] | None = None,
        again: bool = False,
        template: str | None = None,
        initiator: object = None,
    ) -> list[str]:
        """Start the registration of the template to the scans that have no registered label map; the jobs' ids.

        Args:
            preset: "quick" (2 mm) or "fine" (1 mm).
            scan_ids: the scans wanted; all that are preprocessed by default.
            again: label also the scans that have a registered label map; the new one is a further version.
            template: name of the template; the one in use by default. The scan that it was drawn on is left out unless
                it is asked for.
            initiator: handed on in the announcement.

        Raises:
            WorkbenchError: no such template, no scans at all, some asked for not preprocessed, or none that is.
        """
        study = self._study
        with study.database.reading() as session:
            study.need_scans(session)
            labelled = select(Annotation.scan_id).where(Annotation.origin == Origin.REGISTRATION)
            done = set() if again else set(session.scalars(labelled))
            rows = session.execute(select(Scan.id, Scan.image_key, Subject.code).join(Subject)).tuples().all()
            prepared = preprocessings(session)
        chosen = self._templates.named(template)
        if scan_ids is None:
            done.add(self._templates.scan_of(chosen) or 0)
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
                    template_image=path(chosen.image_key),
                    template_labels=path(chosen.labels_key),
                    template_mask=path(chosen.mask_key),
                    preset=preset,  # pyright: ignore[reportArgumentType] - validated by pydantic
                    seed=study.split_seed,
                ),
            )
            for scan, key, code in rows
        }
        return study.start_each(LABEL, wanted, "ctworkbench.core.register:pseudo_label", initiator)

    def record_label(self, job_id: str) -> Changes:
        """Take the label map of a registration job into the study as a new version."""
        study = self._study
        result = LabelResult.model_validate(study.jobs.result(job_id))
        job = study.jobs.job(job_id)
        if job.subject is None:
            raise WorkbenchError(f"The job {job_id} names no scan.")
        key = study.store.put_file(result.labels)
        request = LabelParams.model_validate(job.params)
        used = {name: key_of(getattr(request, name)) for name in _INPUTS}
        with study.database.writing() as session:
            if not study.claim(session, job_id):
                return Changes()
            query = select(Template).where(
                Template.image_key == used["template_image"], Template.labels_key == used["template_labels"]
            )
            template = session.scalars(query).first()
            if template is None:
                raise WorkbenchError(f"The template of the job {job_id} is not in the study any more.")
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
                parameters={"preset": request.preset, "seed": request.seed, "template": template.name, **used},
                template_id=template.id,
                code_version=job.code_version,
                job_id=job_id,
            )
            session.add(row)
            session.flush()
            told = {"version": version, "template": template.name, "preset": request.preset, "job": job_id}
            study.audit(session, "label", f"annotation {row.id}", told, job.subject)
        study.discard(result.labels)
        return Changes(annotations=True, jobs=True)
