"""One child's report, with the way back from each number."""

from pathlib import Path

from sqlalchemy import select

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.model import Annotation, Measurement, ModelRun, Origin, Preprocessing, Scan, Subject, Template
from ctworkbench.core.report import ReportInput, child_report
from ctworkbench.core.workbench.current import CURRENT, annotation_rows, machine_made, verdict_text, version_for
from ctworkbench.core.workbench.measuring import VOLUME
from ctworkbench.core.workbench.open_study import OpenStudy
from ctworkbench.core.workbench.tables import LEANING


def report(study: OpenStudy, subject_code: str, out: Path, source: str = CURRENT) -> Path:
    """Write the one-page PDF of a subject's newest scan.

    Raises:
        WorkbenchError: no such subject, or its scan has no measured label map.
    """
    with study.database.reading() as session:
        query = select(Scan, Subject).join(Subject).where(Subject.code == subject_code).order_by(Scan.id.desc())
        found = session.execute(query.limit(1)).first()
        if found is None:
            raise WorkbenchError(f"There is no subject {subject_code} in this study.", "See `ctworkbench status`.")
        scan, subject = found.tuple()
        versions = annotation_rows(session, [scan.id]).get(scan.id, [])
        chosen = version_for(versions, source)
        if chosen is None:
            kind = "" if source == CURRENT else f" of the source {source!r}"
            raise WorkbenchError(f"{subject_code} has no label map{kind}.", "Make one, or choose another source.")
        machine = machine_made(versions, chosen)
        volumes = (
            session.execute(
                select(Measurement.region, Measurement.value).where(
                    Measurement.annotation_id == chosen.id, Measurement.statistic == VOLUME
                )
            )
            .tuples()
            .all()
        )
        base = machine or chosen
        template_id = session.scalar(select(Annotation.template_id).where(Annotation.id == base.id))
        template = None if template_id is None else session.get(Template, template_id)
        model = None if base.model_id is None else session.get(ModelRun, base.model_id)
        prepared = session.scalar(
            select(Preprocessing.warnings).where(Preprocessing.scan_id == scan.id).order_by(Preprocessing.id.desc())
        )
    if not volumes:
        raise WorkbenchError(f"The label map of {subject_code} was not measured.", "Run `ctworkbench measure`.")
    provenance = [("Label map", chosen.labels_key[:16])]
    if base is not chosen:
        provenance.append(("Drawn from", f"version {base.version} ({base.origin}), {base.labels_key[:16]}"))
    if template is not None:
        made_by = f"template {template.name} ({template.labels_key[:12]}), preset {base.parameters['preset']}"
        provenance.append(("Registration", made_by))
    if model is not None:
        made_by = f"{model.id}: {model.network}, {model.preset}, weights {model.weights_hash[:16]}"
        if subject.code in model.split:
            made_by += f"; this subject was in its {model.split[subject.code]} set"
        provenance.append(("Model", made_by))
    provenance.append(("Made by", f"CT Workbench {chosen.code_version}, {chosen.created:%Y-%m-%d}, {chosen.author}"))
    provenance.append(("Verdict", verdict_text(chosen.verdict, chosen.accepted_unread)))
    return child_report(
        ReportInput(
            subject=subject.code,
            sex=subject.sex,
            age_years=scan.age_years,
            image=study.store.get(scan.image_key),
            labels=study.store.get(chosen.labels_key),
            volumes_cm3=dict(volumes),
            label_source=f"{chosen.origin}, version {chosen.version}",
            scan=scan.series_uid,
            scanner=scan.scanner,
            provenance=tuple(provenance),
            warnings=(
                *((LEANING,) if chosen.origin is Origin.REGISTRATION else ()),
                *scan.corrections,
                *scan.warnings,
                *(prepared or ()),
            ),
            scheme=study.scheme,
            program=f"CT Workbench {study.code_version}",
        ),
        out,
    )
