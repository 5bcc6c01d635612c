"""The modelling room: accepted label maps train a network, the network labels scans."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import select

from ctworkbench.core import plugins
from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.model import ModelRun, Origin, Role, Scan, Subject, Verdict
from ctworkbench.core.model_registry import ModelFacts
from ctworkbench.core.splits import split_subjects
from ctworkbench.core.training import (
    LABEL_KINDS,
    LabelKind,
    TrainAnswer,
    TrainCase,
    TrainRequest,
)
from ctworkbench.core.wording import count
from ctworkbench.core.workbench import ensembles, model_library, segmenting
from ctworkbench.core.workbench.current import annotation_rows, current
from ctworkbench.core.workbench.labelling import preprocessings
from ctworkbench.core.workbench.open_study import OpenStudy
from ctworkbench.core.workbench.rows import AnnotationRow, Changes, ModelRow
from ctworkbench.core.workbench.templates import templates_on
from ctworkbench.core.workbench.training_runs import TRAIN, made_by, parameters, train_each

__all__ = ["SEGMENT", "TRAIN", "ModellingRoom"]

SEGMENT = segmenting.SEGMENT
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

    def most_processes(self, preset: str) -> int:
        """How many processes can train together with a preset: as many as a batch of it has brains."""
        return int(plugins.load(plugins.PRESETS, preset).PRESET.batch)

    def train(
        self,
        network: str = "resunet",
        preset: str = "demo",
        fold: int | None = None,
        again: bool = False,
        initiator: object = None,
        processes: int = 1,
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
            processes: how many train together on each batch: one for each GPU, or sharing the cores.

        Raises:
            WorkbenchError: too few accepted label maps, an unknown network, preset or fold, or more processes than a
                batch of the preset has brains.
        """
        study = self._study
        with study.deciding():
            requests = [
                request.model_copy(update={"processes": processes}) for request in self._requests(network, preset, fold)
            ]
            most = self.most_processes(preset)
            if not 1 <= processes <= most:
                raise WorkbenchError(
                    f"{processes} processes cannot share a batch of {most}, which {preset} has.",
                    f"Train with 1 to {most} processes.",
                )
            started = train_each(study, requests, again)
        if started:
            study.announce(Changes(jobs=True), initiator)
        return started

    def trained(self, network: str = "resunet", preset: str = "demo", fold: int | None = None) -> list[ModelRow]:
        """Models that `train` of the same arguments would only make again, oldest first.

        Raises:
            WorkbenchError: as `train` does.
        """
        requests = self._requests(network, preset, fold)
        wanted = {number for numbers in made_by(self._study, requests) for number in numbers}
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
        cases = tuple(self.cases(settings.sees))
        return [
            TrainRequest(
                cases=cases, network=network, preset=preset, scheme=study.scheme, seed=study.split_seed, fold=number
            )
            for number in chosen
        ]

    def cases(self, sees: str = "equalized") -> list[TrainCase]:
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
            segmenting.refuse_older({subject.code: prepared[scan] for scan, subject in subjects.items()}, sees)
            return [
                TrainCase(
                    subject=subject.code,
                    image=path(segmenting.seen_key(prepared[scan_id], sees)),
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
                    parameters=parameters(params),
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
        model: int | Sequence[int] | None = None,
        scan_ids: Sequence[int] | None = None,
        initiator: object = None,
        flips: bool | None = None,
    ) -> list[str]:
        """Start the labelling of the scans that a model has not labelled yet; see `segmenting.segment`."""
        return segmenting.segment(self._study, model, scan_ids, initiator, flips)

    def folds_of(self, model_id: int) -> list[int]:
        """Numbers of the models that are folds of one training, by fold.

        Raises:
            WorkbenchError: there is no such model, or no other fold of its training.
        """
        with self._study.database.reading() as session:
            return [run.id for run in ensembles.folds_of(session, model_id)]

    def record_segment(self, job_id: str) -> Changes:
        """Take the label maps of a segmenting job into the study."""
        return segmenting.record_segment(self._study, job_id)
