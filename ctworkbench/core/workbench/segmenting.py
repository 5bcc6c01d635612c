"""Networks label scans: which scans a model, or several together, have not labelled yet, and what the study keeps."""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean

from sqlalchemy import select
from sqlalchemy.orm import Session

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.label_maps import dice
from ctworkbench.core.model import Annotation, ModelRun, Origin, Preprocessing, Role, Scan, Subject, Verdict
from ctworkbench.core.schemes import load as load_scheme
from ctworkbench.core.terms import PREPROCESSING
from ctworkbench.core.training import SegmentCase, SegmentModel, SegmentRequest, SegmentResult, TrainAnswer, identity_of
from ctworkbench.core.wording import count
from ctworkbench.core.workbench import ensembles, model_library
from ctworkbench.core.workbench.current import annotation_rows, next_version
from ctworkbench.core.workbench.labelling import only_prepared, preprocessings
from ctworkbench.core.workbench.open_study import OpenStudy
from ctworkbench.core.workbench.rows import Changes

SEGMENT = "segment"
OPEN_TEST = "open test set"
_CASES_PER_JOB = 10


def segment(
    study: OpenStudy,
    model: int | Sequence[int] | None = None,
    scan_ids: Sequence[int] | None = None,
    initiator: object = None,
    flips: bool | None = None,
) -> list[str]:
    """Start the labelling of the scans that a model has not labelled yet; the jobs' ids.

    Args:
        study: the open study.
        model: number of the model, by default as `model_library.model_to_use` chooses; of several, the mean of their
            answers labels.
        scan_ids: the scans wanted; all preprocessed ones by default.
        initiator: handed on in the announcement.
        flips: whether the mirrored head is looked at too; None as the preset of each model says.

    Raises:
        WorkbenchError: no scans at all, no such model, models that cannot answer together, scans asked for that are
            not preprocessed, or none that is; all are labelled by this model, but not with the flips asked for.
    """
    with study.deciding():
        live = study.live(SEGMENT)
        with study.database.reading() as session:
            study.need_scans(session)
            runs = _chosen(session, model)
            identity = identity_of([run.weights_hash for run in runs])
            done = _segmented_by(session, identity)
            otherwise = set() if flips is None else _segmented_by(session, identity, flips=not flips)
            name, own_number = _name_of(session, runs, identity)
            prepared = preprocessings(session)
            rows = session.execute(select(Scan.id, Scan.image_key, Subject.code).join(Subject)).tuples().all()
        requests = {job.id: SegmentRequest.model_validate(job.params) for job in live}
        requests = {job: request for job, request in requests.items() if request.identity == identity}
        done |= {int(case.key) for request in requests.values() for case in request.cases}
        asked = {row[0] for row in rows if scan_ids is None or row[0] in scan_ids}
        if flips is not None and asked <= done and (other := asked & otherwise):
            how = "without the mirrored head" if flips else "with the mirrored head"
            raise WorkbenchError(
                f"Model {own_number} has labelled {count(len(other), 'scan')} {how} already; those label maps stay.",
                "Leave --flips or --no-flips out, or take another model.",
            )
        rows = [row for row in rows if row[0] in asked - done]
        rows = only_prepared(rows, prepared, asked_for=scan_ids is not None)
        first, *others = (_model(study, run) for run in runs)
        sees = str(first.settings.get("sees", "equalized"))
        for run, answering in zip(runs, (first, *others), strict=True):
            _refuse_older_model(run, answering.settings)
        refuse_older({code: prepared[scan] for scan, _, code in rows}, sees)
        path = study.store.path
        started = list(requests)
        for start in range(0, len(rows), _CASES_PER_JOB):
            chunk = rows[start : start + _CASES_PER_JOB]
            params = SegmentRequest(
                **dict(first),
                cases=tuple(
                    SegmentCase(
                        key=str(scan),
                        image=path(seen_key(prepared[scan], sees)),
                        brain=path(prepared[scan].brain_key),
                        scan=path(key),
                    )
                    for scan, key, _ in chunk
                ),
                others=tuple(others),
                scheme=study.scheme,
                flips=flips,
            )
            title = f"Segment {count(len(chunk), 'scan')} with {name}"
            started.append(study.start_or_resume(SEGMENT, title, "ctworkbench.train.predict:segment", params))
    if started:
        study.announce(Changes(jobs=True), initiator)
    return started


def record_segment(study: OpenStudy, job_id: str) -> Changes:
    """Take the label maps of a segmenting job into the study, each with its agreement with the accepted one.

    A test subject that has an accepted label map opens the test set for this model, which the audit trail tells.
    """
    job = study.jobs.job(job_id)
    params = SegmentRequest.model_validate(job.params)
    result = SegmentResult.model_validate(study.jobs.result(job_id))
    codes = load_scheme(study.scheme).codes
    keys = [study.store.put_file(case.labels) for case in result.cases]
    doubts = ["" if case.uncertainty is None else study.store.put_file(case.uncertainty) for case in result.cases]
    with study.database.reading() as session:
        versions = annotation_rows(session, [int(case.key) for case in result.cases])
    scores: list[dict[str, object]] = []
    for case, key in zip(result.cases, keys, strict=True):
        found: dict[str, object] = dict(case.scores)
        own = versions.get(int(case.key), [])
        accepted = [row for row in own if row.verdict is Verdict.ACCEPT and not row.aside]
        other = next((row for row in accepted if row.origin is not Origin.MODEL), None)
        if other is not None:
            overlap = dice(study.store.get(key).voxels, study.store.get(other.labels_key).voxels, codes)
            agreement = [value for value in overlap.values() if not math.isnan(value)]  # NaN: in neither map
            if agreement:
                found["dice_accepted"] = fmean(agreement)
                found["dice_accepted_origin"] = str(other.origin)
        scores.append(found)
    with study.database.writing() as session:
        if not study.claim(session, job_id):
            return Changes()
        known = session.scalar(select(ModelRun.id).where(ModelRun.weights_hash == params.identity).limit(1))
        run = ensembles.remembered(session, params, job_id, job.code_version)
        members = list(ensembles.members_of(run))
        if known is None:
            told: dict[str, object] = {"models": members, "weights": run.weights_hash}
            study.audit(session, "average models", f"model {run.id}", told)
        # a job that was cut off and started again by hand may bring what another one has brought meanwhile
        done = _segmented_by(session, run.weights_hash)
        for case, key, doubt, found in zip(result.cases, keys, doubts, scores, strict=True):
            if int(case.key) in done:
                continue
            version = next_version(session, int(case.key))
            row = Annotation(
                scan_id=int(case.key),
                scheme=study.scheme,
                version=version,
                parent_id=None,
                labels_key=key,
                author=f"model {run.id}",
                origin=Origin.MODEL,
                comment="",
                scores=found,
                parameters={
                    "weights": run.weights_hash,
                    "network": run.network,
                    "preset": run.preset,
                    "flips": params.mirrored,
                    "windows": case.windows,
                    "device": case.device or result.device,
                    "networks": len(params.models),
                    "passes": case.passes,
                }
                | ({"members": [model.weights_sha256 for model in params.models]} if members else {})
                | ({"uncertainty": doubt} if doubt else {}),
                model_id=run.id,
                code_version=job.code_version,
                job_id=job_id,
            )
            session.add(row)
            session.flush()
            what: dict[str, object] = {"version": version, "model": run.id, "job": job_id}
            study.audit(session, "segment", f"annotation {row.id}", what, int(case.key))
        _tell_of_opening(study, session, run.id, {int(case.key) for case in result.cases} - done)
    study.discard(*(case.labels for case in result.cases))
    study.discard(*(case.uncertainty for case in result.cases if case.uncertainty is not None))
    return Changes(annotations=True, models=known is None, jobs=True)


def _tell_of_opening(study: OpenStudy, session: Session, model: int, scans: set[int]) -> None:
    """Write into the audit trail that a model's Dice of test subjects is known: so the test set was opened for it."""
    query = (
        select(Subject.code, Annotation.scores)
        .join(Scan, Scan.subject_id == Subject.id)
        .join(Annotation, Annotation.scan_id == Scan.id)
        .where(Subject.role == Role.TEST, Annotation.model_id == model, Scan.id.in_(scans))
    )
    subjects = {code for code, scores in session.execute(query).tuples() if "dice_accepted" in scores}
    if subjects:
        study.audit(session, OPEN_TEST, f"model {model}", {"models": [model], "subjects": sorted(subjects)})


def seen_key(prepared: Preprocessing, sees: str) -> str:
    """Key of the image that a network sees."""
    return prepared.image_key if sees == "hu" else prepared.equalized_key


def refuse_older(prepared: Mapping[str, Preprocessing], sees: str) -> None:
    """Let no network see images that an older program equalized: it did so in another way.

    Args:
        prepared: preprocessing by subject.
        sees: what the network sees.

    Raises:
        WorkbenchError: there are such images.
    """
    older = [subject for subject, row in prepared.items() if row.version != PREPROCESSING]
    if sees == "equalized" and older:
        some = f"{', '.join(older[:5])}{' …' if len(older) > 5 else ''}"
        raise WorkbenchError(
            f"An older program equalized {count(len(older), 'scan')} in another way: {some}.",
            "Preprocess them again, label maps stay: ctworkbench preprocess STUDY",
        )


def _refuse_older_model(run: ModelRun, settings: Mapping[str, object]) -> None:
    """Likewise a network that learned from such images."""
    if settings.get("sees", "equalized") == "equalized" and settings.get("preprocessing", 1) != PREPROCESSING:
        raise WorkbenchError(
            f"{model_library.name_of(run).capitalize()} learned from images that an older program equalized in "
            "another way.",
            "Preprocess the scans again and train anew; label maps stay.",
        )


def _chosen(session: Session, model: int | Sequence[int] | None) -> tuple[ModelRun, ...]:
    """The networks that are to answer."""
    numbers = [model] if model is None or isinstance(model, int) else list(model)
    if not numbers:
        raise WorkbenchError("No model is named.", "See which there are: ctworkbench model list STUDY")
    return ensembles.answering(session, [model_library.model_to_use(session, number) for number in numbers])


def _name_of(session: Session, runs: Sequence[ModelRun], identity: str) -> tuple[str, str]:
    """What notices call the models that answer together, and their number, if there is one for all of them."""
    if len(runs) == 1:
        return model_library.name_of(runs[0]), str(runs[0].id)
    known = session.scalar(select(ModelRun.id).where(ModelRun.weights_hash == identity).limit(1))
    mean = ensembles.mean_of([run.id for run in runs])
    return f"the {mean}", f"{known or ''}" or mean.removeprefix("mean of ")


def _model(study: OpenStudy, run: ModelRun) -> SegmentModel:
    weights = study.folder / "models" / f"{run.weights_hash}.safetensors"
    answer = TrainAnswer.model_validate({**run.result, "weights": weights})
    return SegmentModel(
        weights=weights,
        weights_sha256=answer.weights_sha256,
        network=run.network,
        network_params=answer.network_params,
        settings=answer.settings,
    )


def _segmented_by(session: Session, identity: str, flips: bool | None = None) -> set[int]:
    """Scans that have a label map of these weights; one training that was done twice counts as one.

    With `flips` those alone that were made so; what an older program did not tell was made as the preset says.
    """
    same = session.scalars(select(ModelRun).where(ModelRun.weights_hash == identity)).all()
    usual = bool(same[0].result.get("settings", {}).get("mirror_average")) if same else False
    query = select(Annotation.scan_id, Annotation.parameters).where(Annotation.model_id.in_([run.id for run in same]))
    return {
        scan for scan, told in session.execute(query).tuples() if flips is None or flips == told.get("flips", usual)
    }
