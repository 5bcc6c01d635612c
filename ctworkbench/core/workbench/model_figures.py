"""Figures of models case by case, made after their training: of an older program's models, and of the test set."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.model import (
    Annotation,
    Comparison,
    Evaluation,
    ModelRun,
    Origin,
    Role,
    Scan,
    Subject,
    Verdict,
)
from ctworkbench.core.model_comparison.plan import Plan
from ctworkbench.core.splits import some_subjects
from ctworkbench.core.training import (
    TRAINING_CASES,
    LabelKind,
    MeasureCase,
    MeasureRequest,
    MeasureResult,
    TrainAnswer,
)
from ctworkbench.core.workbench.comparison_runs import figures_of
from ctworkbench.core.workbench.current import annotation_rows, current
from ctworkbench.core.workbench.labelling import preprocessings
from ctworkbench.core.workbench.open_study import OpenStudy
from ctworkbench.core.workbench.rows import Changes
from ctworkbench.core.workbench.segmenting import OPEN_TEST, seen_key

FIGURES = "figures"
_FUNCTION = "ctworkbench.train.figures:measure"


def open_test(study: OpenStudy, name: str, models: Sequence[int]) -> list[str]:
    """Have models measured on the locked test set, which is told to the audit trail first; the jobs' ids.

    Raises:
        WorkbenchError: no test subject has an accepted label map.
    """
    with study.database.reading() as session:
        cases = {sees: test_cases(study, session, sees) for sees in ("equalized", "hu")}
        row = session.scalars(select(Comparison).where(Comparison.name == name)).one()
        chosen = [session.get_one(ModelRun, model) for model in models]
    if not cases["hu"]:
        raise WorkbenchError(
            "No subject of the test set has an accepted label map.", "Review the label maps of the test subjects."
        )
    told = {
        "name": name,
        "models": list(models),
        "subjects": sorted({case.subject for case in cases["hu"]}),
    }
    study.log(OPEN_TEST, f"comparison {row.id}", told)
    return [_measure(study, run, cases, name, final=True) for run in chosen]


def test_cases(study: OpenStudy, session: Session, sees: str) -> list[MeasureCase]:
    """Accepted label maps of the test set; an expert's with the registration's beside it, where there is one."""
    prepared = preprocessings(session)
    query = select(Scan.id, Subject.code).join(Subject, Subject.id == Scan.subject_id)
    scans = session.execute(query.where(Subject.role == Role.TEST).order_by(Subject.code, Scan.id)).tuples().all()
    versions = annotation_rows(session, [scan_id for scan_id, _ in scans])
    path, found = study.store.path, list[MeasureCase]()
    for scan_id, subject in scans:
        row = current(versions.get(scan_id, []))
        if row is None or row.verdict is not Verdict.ACCEPT or scan_id not in prepared:
            continue
        kind: LabelKind = "expert" if row.origin is Origin.EXPERT else "pseudo"
        references: dict[LabelKind, Path] = {kind: path(row.labels_key)}
        if kind == "expert":
            own = select(Annotation.labels_key).where(
                Annotation.scan_id == scan_id, Annotation.origin == Origin.REGISTRATION
            )
            drawn = session.scalars(own.order_by(Annotation.version.desc()).limit(1)).first()
            references |= {"pseudo": path(drawn)} if drawn is not None else {}
        found.append(
            MeasureCase(
                subject=subject,
                part="test",
                image=path(seen_key(prepared[scan_id], sees)),
                brain=path(prepared[scan_id].brain_key),
                references=references,
            )
        )
    return found


def measure_missing(study: OpenStudy, name: str, plan: Plan, models: Sequence[int]) -> str | None:
    """Measure a model of an older program case by case; the job's id, None where its figures are there."""
    with study.database.reading() as session:
        runs = [session.get_one(ModelRun, number) for number in models]
        rows = session.scalars(select(Evaluation).where(Evaluation.model_id.in_(models))).all()
    if not runs or any(figures_of(run, rows) for run in runs):
        return None
    run = runs[-1]
    live = next((job.id for job in study.live(FIGURES) if job.params.get("model") == run.id), None)
    if live is not None:
        return live
    learned = some_subjects((code for code, role in run.split.items() if role == Role.TRAIN), TRAINING_CASES)
    path, cases = study.store.path, dict[str, list[MeasureCase]]()
    for sees in ("equalized", "hu"):
        cases[sees] = [
            MeasureCase(
                subject=case.subject,
                part="train" if case.subject in learned else "validation",
                image=path(case.hu if sees == "hu" else case.equalized),
                brain=path(case.brain),
                references={case.label_kind: path(case.labels)},
            )
            for case in plan.cases
            if run.split.get(case.subject) == Role.VALIDATION or case.subject in learned
        ]
    return _measure(study, run, cases, name, final=False)


def _measure(study: OpenStudy, run: ModelRun, cases: Mapping[str, list[MeasureCase]], name: str, final: bool) -> str:
    weights = study.folder / "models" / f"{run.weights_hash}.safetensors"
    answer = TrainAnswer.model_validate({**run.result, "weights": weights, "figures": ()})
    params = MeasureRequest(
        model=run.id,
        cases=tuple(cases[str(answer.settings.get("sees", "equalized"))]),
        weights=weights,
        weights_sha256=answer.weights_sha256,
        network=run.network,
        network_params=answer.network_params,
        settings=answer.settings,
        scheme=study.scheme,
        final=final,
        comparison=name,
    )
    what = "on the test set" if final else "case by case"
    title = f"Measure model {run.id} ({run.network}, {run.preset}) {what}"
    return study.start_or_resume(FIGURES, title, _FUNCTION, params)


def record_figures(study: OpenStudy, job_id: str) -> Changes:
    """Take what a job measured into the study; a figure of the test set is told apart for good."""
    params = MeasureRequest.model_validate(study.jobs.job(job_id).params)
    result = MeasureResult.model_validate(study.jobs.result(job_id))
    part = "test" if params.final else "validation"
    with study.database.writing() as session:
        if not study.claim(session, job_id):
            return Changes()
        row = Evaluation(
            model_id=params.model,
            part=part,
            comparison=params.comparison,
            result=result.model_dump(mode="json"),
            author=study.settings.author,
            code_version=study.jobs.job(job_id).code_version,
            job_id=job_id,
        )
        session.add(row)
        session.flush()
        told = {"model": params.model, "set": part, "comparison": params.comparison}
        study.audit(session, "evaluate", f"evaluation {row.id}", told)
    return Changes(models=True, jobs=True)
