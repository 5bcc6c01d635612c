"""The modelling room: accepted label maps train a network, the network labels scans."""

import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from sqlalchemy import select
from sqlalchemy.orm import Session

from ctworkbench.core import plugins
from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.jobs import JobState
from ctworkbench.core.label_maps import dice
from ctworkbench.core.model import Annotation, ModelRun, Origin, Preprocessing, Role, Scan, Subject, Verdict
from ctworkbench.core.model_registry import ModelFacts
from ctworkbench.core.schemes import load as load_scheme
from ctworkbench.core.splits import split_subjects
from ctworkbench.core.store import key_of
from ctworkbench.core.training import (
    LABEL_KINDS,
    LabelKind,
    SegmentCase,
    SegmentRequest,
    SegmentResult,
    TrainAnswer,
    TrainCase,
    TrainRequest,
)
from ctworkbench.core.wording import count
from ctworkbench.core.workbench import model_library
from ctworkbench.core.workbench.current import annotation_rows, current, next_version
from ctworkbench.core.workbench.labelling import only_prepared, preprocessings
from ctworkbench.core.workbench.open_study import OpenStudy
from ctworkbench.core.workbench.rows import AnnotationRow, Changes, ModelRow
from ctworkbench.core.workbench.templates import templates_on

TRAIN = "train"
SEGMENT = "segment"
_CASES_PER_JOB = 10
_LEAST_SUBJECTS = 4  # two to train on, one to validate on, one for the test


class ModellingRoom:
    """Networks of the study: trained, listed, used."""

    def __init__(self, study: OpenStudy) -> None:
        self._study = study

    def networks(self) -> list[str]:
        """Names of the networks that can be trained."""
        return plugins.names(plugins.NETWORKS)

    def presets(self) -> list[str]:
        """Names of the training presets."""
        return plugins.names(plugins.PRESETS)

    def train(
        self,
        network: str = "resunet",
        preset: str = "demo",
        fold: int | None = None,
        again: bool = False,
        initiator: object = None,
    ) -> list[str]:
        """Start a training on the accepted label maps, or go on with one that was cut off; the jobs' ids, if any.

        The split is by subject. It is made at the first training and stored; subjects accepted later are given a
        role then, and no role ever changes. Whoever a template is drawn on trains. Subjects of the test set are never
        shown to a training. A preset that
        cross-validates gives one job, and one model, per fold.

        Args:
            network: one of `networks()`.
            preset: one of `presets()`.
            fold: one fold of a cross-validation preset; all of them by default.
            again: train once more although the same was trained already.
            initiator: handed on in the announcement.

        Raises:
            WorkbenchError: too few accepted label maps, or an unknown network, preset or fold.
        """
        study = self._study
        with study.deciding():
            requests = self._requests(network, preset, fold)
            jobs = [self._train_once(request, again, alone=len(requests) == 1) for request in requests]
        started = [job_id for job_id in jobs if job_id is not None]
        if started:
            study.announce(Changes(jobs=True), initiator)
        return started

    def trained(self, network: str = "resunet", preset: str = "demo", fold: int | None = None) -> list[ModelRow]:
        """Models that `train` of the same arguments would only make again, oldest first.

        Raises:
            WorkbenchError: as `train` does.
        """
        requests = self._requests(network, preset, fold)
        wanted = {number for request in requests for number in self._made_by(request)}
        return [row for row in reversed(self.models()) if row.id in wanted]

    def _requests(self, network: str, preset: str, fold: int | None) -> list[TrainRequest]:
        """What `train` asks for, a request for each fold."""
        if network not in self.networks():
            raise WorkbenchError(f"There is no network {network!r}.", f"Choose one of {', '.join(self.networks())}.")
        settings = plugins.load(plugins.PRESETS, preset).PRESET
        folds: int = settings.folds
        if fold is not None and not 0 <= fold < folds:
            raise WorkbenchError(f"The preset {preset} has no fold {fold}.", f"It has {folds}, the first is 0.")
        study = self._study
        chosen: list[int | None] = [fold] if fold is not None or folds == 1 else list(range(folds))
        cases = tuple(self._cases(settings.sees))
        return [
            TrainRequest(
                cases=cases, network=network, preset=preset, scheme=study.scheme, seed=study.split_seed, fold=number
            )
            for number in chosen
        ]

    def _made_by(self, request: TrainRequest) -> list[int]:
        """Numbers of the models that were trained on exactly this."""
        same = select(ModelRun).where(ModelRun.network == request.network, ModelRun.preset == request.preset)
        with self._study.database.reading() as session:
            return [run.id for run in session.scalars(same) if run.parameters == _parameters(request)]

    def _train_once(self, request: TrainRequest, again: bool, alone: bool) -> str | None:
        """Start, join or continue one training; None if it was done already."""
        study = self._study
        wanted = request.model_dump(mode="json")
        live = {job.id for job in study.live(TRAIN)}  # also those that are done and about to be recorded
        newest = next((job for job in reversed(study.jobs.jobs()) if job.kind == TRAIN and job.params == wanted), None)
        if newest is not None and newest.id in live:
            return newest.id
        if newest is not None and study.jobs.state(newest.id) is not JobState.DONE:
            study.restart(newest.id)
            return newest.id
        if not again and self._made_by(request):
            return None
        of_fold = "" if request.fold is None else f", fold {request.fold}"
        title = f"Train {request.network} ({request.preset}{of_fold}) on {count(len(request.cases), 'label map')}"
        threads = study.settings.all_threads if alone else 0
        return study.start(TRAIN, title, "ctworkbench.train.loop:train", request, threads=threads)

    def _cases(self, sees: str = "equalized") -> list[TrainCase]:
        """Accepted label maps of all subjects but the test set's, each with its subject's role for good."""
        study = self._study
        path = study.store.path
        with study.database.writing() as session:
            prepared = preprocessings(session)
            accepted: dict[int, AnnotationRow] = {}
            for scan_id, versions in annotation_rows(session).items():
                row = current(versions)
                if row is not None and row.verdict is Verdict.ACCEPT and scan_id in prepared:
                    accepted[scan_id] = row
            query = select(Scan.id, Subject).join(Subject, Subject.id == Scan.subject_id).where(Scan.id.in_(accepted))
            subjects = dict(session.execute(query).tuples().all())
            new = {subject.code: subject for subject in subjects.values() if subject.role is None}
            settled = {subject.code for subject in subjects.values()} - set(new)
            drawn = set(new) & set(templates_on(session))
            kept = len(new) - len(drawn)  # who may be validated or tested on: one for each
            if len(new) >= (len(Role) if settled else _LEAST_SUBJECTS) and (kept > 1 or not settled):
                for code, role in split_subjects(new, study.split_seed, learners=drawn).items():
                    new[code].role = Role(role)
                study.audit(session, "split", "study", {code: subject.role for code, subject in sorted(new.items())})
            elif new and settled:  # too few for a split of their own: they train, and never move
                for subject in new.values():
                    subject.role = Role.TRAIN
                study.audit(session, "split", "study", dict.fromkeys(sorted(new), Role.TRAIN))
            elif new or not subjects:
                are = "is" if len(new) == 1 else "are"
                raise WorkbenchError(
                    f"{count(len(new), 'subject')} with an accepted label map {are} too few to train on.",
                    f"Review and accept at least {_LEAST_SUBJECTS} subjects, better twenty: ctworkbench review STUDY",
                )
            return [
                TrainCase(
                    subject=subject.code,
                    image=path(_seen(prepared[scan_id], sees)),
                    brain=path(prepared[scan_id].brain_key),
                    labels=path(accepted[scan_id].labels_key),
                    role="train" if subject.role is Role.TRAIN else "validation",
                    label_kind="expert" if accepted[scan_id].origin is Origin.EXPERT else "pseudo",
                )
                for scan_id, subject in sorted(subjects.items(), key=lambda item: (item[1].code, item[0]))
                if subject.role is not Role.TEST
            ]

    def split_notes(self) -> list[str]:
        """What is to be known of the stored split: who trains for a template that is drawn on them, or must not."""
        with self._study.database.reading() as session:
            drawn = templates_on(session)
            roles = dict(session.execute(select(Subject.code, Subject.role)).tuples().all())
        notes: list[str] = []
        for code, names in sorted(drawn.items()):
            told = f"the template {names[0]} is" if len(names) == 1 else f"the templates {', '.join(names)} are"
            if roles[code] is Role.TRAIN:
                notes.append(f"{code} trains, for {told} drawn on a scan of it.")
            elif roles[code] is not None:
                notes.append(f"{code} is of the {roles[code]} set and {told} drawn on it: figures of it flatter.")
        return notes

    def record_train(self, job_id: str) -> Changes:
        """Take a trained network into the study: its weights under their hash, its row with all provenance."""
        study = self._study
        job = study.jobs.job(job_id)
        params = TrainRequest.model_validate(job.params)
        result = TrainAnswer.model_validate(study.jobs.result(job_id))
        weights = study.folder / "models" / f"{result.weights_sha256}.safetensors"
        if not weights.exists():
            temporary = weights.with_suffix(".part")
            shutil.copyfile(result.weights, temporary)
            temporary.replace(weights)
        kinds: set[LabelKind] = {case.label_kind for case in params.cases}
        with study.database.writing() as session:
            if not study.claim(session, job_id):
                return Changes()
            session.add(
                ModelRun(
                    job_id=job_id,
                    network=params.network,
                    preset=params.preset,
                    parameters=_parameters(params),
                    result=result.model_dump(mode="json", exclude={"weights"}),
                    split=dict(result.roles),
                    label_kind=LABEL_KINDS[kinds.pop()] if len(kinds) == 1 else "pseudo- and expert labels",
                    code_version=result.code_version,
                    weights_hash=result.weights_sha256,
                )
            )
            study.audit(session, "train", job_id, {"network": params.network, "weights": result.weights_sha256})
        return Changes(models=True, jobs=True)

    def models(self) -> list[ModelRow]:
        """All trained networks, newest first."""
        return model_library.models(self._study)

    def facts(self, model_id: int) -> ModelFacts:
        """What the card of a model tells; see `model_library.facts`."""
        return model_library.facts(self._study, model_id)

    def export_model(self, model_id: int, out: Path) -> Path:
        """Write a model as one file, or its card; see `model_library.export_model`."""
        return model_library.export_model(self._study, model_id, out)

    def import_model(self, package: Path, initiator: object = None) -> list[str]:
        """Start to take in a model's file; see `model_library.import_model`."""
        return model_library.import_model(self._study, package, initiator)

    def record_import_model(self, job_id: str) -> Changes:
        """Take a checked model into the study."""
        return model_library.record_import(self._study, job_id)

    def has_starter(self) -> bool:
        """Whether a model is shipped with the program."""
        return model_library.starter_file() is not None

    def starter(self, initiator: object = None) -> tuple[list[str], int | None]:
        """Start to take in the model that is shipped with the program; the job's id, or the model if it is there.

        Raises:
            WorkbenchError: none is shipped.
        """
        package = model_library.starter_file()
        if package is None:
            raise WorkbenchError("No starter model is shipped with this program.", "Train one: ctworkbench train STUDY")
        jobs = self.import_model(package, initiator)
        return jobs, None if jobs else model_library.known_as(self._study, package)

    def segment(
        self,
        model_id: int | None = None,
        scan_ids: Sequence[int] | None = None,
        initiator: object = None,
        flips: bool | None = None,
    ) -> list[str]:
        """Start the labelling of the scans that a model has not labelled yet; the jobs' ids.

        Args:
            model_id: the model; by default as `model_library.model_to_use` chooses.
            scan_ids: the scans wanted; all preprocessed ones by default.
            flips: whether the mirrored head is looked at too; None as the model's preset says.
            initiator: handed on in the announcement.

        Raises:
            WorkbenchError: no scans at all, no such model, scans asked for that are not preprocessed, or none that is;
                all are labelled by this model, but not with the flips that are asked for.
        """
        study = self._study
        with study.deciding():
            live = study.live(SEGMENT)
            with study.database.reading() as session:
                study.need_scans(session)
                run = model_library.model_to_use(session, model_id)
                done = _segmented_by(session, run)
                otherwise = set() if flips is None else _segmented_by(session, run, flips=not flips)
                prepared = preprocessings(session)
                rows = session.execute(select(Scan.id, Scan.image_key, Subject.code).join(Subject)).tuples().all()
            live = [job for job in live if job.params["weights_sha256"] == run.weights_hash]
            done |= {int(case.key) for job in live for case in SegmentRequest.model_validate(job.params).cases}
            asked = {row[0] for row in rows if scan_ids is None or row[0] in scan_ids}
            if flips is not None and asked <= done and (other := asked & otherwise):
                how = "without the mirrored head" if flips else "with the mirrored head"
                raise WorkbenchError(
                    f"Model {run.id} has labelled {count(len(other), 'scan')} {how} already; those label maps stay.",
                    "Leave --flips or --no-flips out, or take another model.",
                )
            rows = [row for row in rows if row[0] in asked - done]
            rows = only_prepared(rows, prepared, asked_for=scan_ids is not None)
            path = study.store.path
            weights = study.folder / "models" / f"{run.weights_hash}.safetensors"
            answer = TrainAnswer.model_validate({**run.result, "weights": weights})
            started = [job.id for job in live]
            for start in range(0, len(rows), _CASES_PER_JOB):
                chunk = rows[start : start + _CASES_PER_JOB]
                params = SegmentRequest(
                    cases=tuple(
                        SegmentCase(
                            key=str(scan),
                            image=path(_seen(prepared[scan], str(answer.settings.get("sees", "equalized")))),
                            brain=path(prepared[scan].brain_key),
                            scan=path(key),
                        )
                        for scan, key, _ in chunk
                    ),
                    weights=weights,
                    weights_sha256=answer.weights_sha256,
                    network=run.network,
                    network_params=answer.network_params,
                    settings=answer.settings,
                    scheme=study.scheme,
                    flips=flips,
                )
                title = f"Segment {count(len(chunk), 'scan')} with {model_library.name_of(run)}"
                started.append(study.start_or_resume(SEGMENT, title, "ctworkbench.train.predict:segment", params))
        if started:
            study.announce(Changes(jobs=True), initiator)
        return started

    def record_segment(self, job_id: str) -> Changes:
        """Take the label maps of a segmenting job into the study, each with its agreement with the accepted one."""
        study = self._study
        params = SegmentRequest.model_validate(study.jobs.job(job_id).params)
        result = SegmentResult.model_validate(study.jobs.result(job_id))
        flips = bool(params.settings.get("mirror_average")) if params.flips is None else params.flips
        codes = load_scheme(study.scheme).codes
        keys = [study.store.put_file(case.labels) for case in result.cases]
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
            run = session.scalars(select(ModelRun).where(ModelRun.weights_hash == params.weights_sha256)).first()
            if run is None:
                raise WorkbenchError("The model of a finished segmentation is not in the study any more.")
            # a job that was cut off and started again by hand may bring what another one has brought meanwhile
            done = _segmented_by(session, run)
            for case, key, found in zip(result.cases, keys, scores, strict=True):
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
                        "flips": flips,
                        "windows": case.windows,
                        "device": case.device or result.device,
                    },
                    model_id=run.id,
                    code_version=study.jobs.job(job_id).code_version,
                    job_id=job_id,
                )
                session.add(row)
                session.flush()
                told = {"version": version, "model": run.id, "job": job_id}
                study.audit(session, "segment", f"annotation {row.id}", told, int(case.key))
        study.discard(*(case.labels for case in result.cases))
        return Changes(annotations=True, jobs=True)


def _segmented_by(session: Session, run: ModelRun, flips: bool | None = None) -> set[int]:
    """Scans that have a label map of these weights; one training that was done twice counts as one.

    With `flips` those alone that were made so; what an older program did not tell was made as the preset says.
    """
    same = select(ModelRun.id).where(ModelRun.weights_hash == run.weights_hash)
    query = select(Annotation.scan_id, Annotation.parameters).where(Annotation.model_id.in_(same))
    usual = bool(run.result.get("settings", {}).get("mirror_average"))
    return {
        scan for scan, told in session.execute(query).tuples() if flips is None or flips == told.get("flips", usual)
    }


def _parameters(request: TrainRequest) -> dict[str, object]:
    """What a training was, by the content of its files: the same wherever the study lies."""
    cases = [_keys(case) for case in request.cases]
    return {"seed": request.seed, "fold": request.fold, "scheme": request.scheme, "cases": cases}


def _keys(case: TrainCase) -> dict[str, str]:
    """What a training case was, by the keys of its files in the voxel store."""
    files = {"labels": case.labels, "image": case.image, "brain": case.brain}
    keys = {name: key_of(path) for name, path in files.items()}
    return {"subject": case.subject, "label_kind": case.label_kind, **keys}


def _seen(prepared: Preprocessing, sees: str) -> str:
    """Key of the image that a network sees."""
    return prepared.image_key if sees == "hu" else prepared.equalized_key
