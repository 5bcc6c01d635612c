"""Trainings as they are asked for: told apart by what they are made of, found where they were done, started once."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select

from ctworkbench.core.jobs import Job, JobState
from ctworkbench.core.model import JobRecord, ModelRun
from ctworkbench.core.store import key_of
from ctworkbench.core.training import TrainCase, TrainRequest, changed_settings
from ctworkbench.core.wording import count
from ctworkbench.core.workbench.open_study import OpenStudy

TRAIN = "train"
FUNCTION = "ctworkbench.train.loop:train"
_TAKEN_LESS = ("title", "together", "patch")  # what memory decides, and words


def parameters(request: TrainRequest) -> dict[str, Any]:
    """What a training was, by the content of its files: the same wherever the study lies."""
    cases = [case_keys(case) for case in request.cases]
    told: dict[str, Any] = {"seed": request.seed, "fold": request.fold, "scheme": request.scheme, "cases": cases}
    if request.changes:
        told["changes"] = dict(request.changes)
    if request.fold is not None and request.fold_seed not in (None, request.seed):
        told["fold_seed"] = request.fold_seed
    return told


def identity(params: Mapping[str, Any]) -> str:
    """What a training's parameters ask for, short enough to look up; by how many processes is no matter."""
    told = {name: value for name, value in params.items() if name != "processes"}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def case_keys(case: TrainCase) -> dict[str, str]:
    """What a training case was, by the keys of its files in the voxel store."""
    files = {"labels": case.labels, "image": case.image, "brain": case.brain}
    keys = {name: key_of(path) for name, path in files.items()}
    return {"subject": case.subject, "label_kind": case.label_kind, **keys}


def made_by(study: OpenStudy, requests: Sequence[TrainRequest]) -> list[list[int]]:
    """For each request the numbers of the models that were trained on exactly this, oldest first.

    A preset of the same name that has other settings now is another training.
    """
    if not requests:
        return []
    names = {request.network for request in requests}
    query = select(ModelRun).where(ModelRun.network.in_(names)).order_by(ModelRun.id)
    with study.database.reading() as session:
        runs = session.scalars(query).all()
    found: list[list[int]] = []
    for request in requests:
        told, settings = parameters(request), changed_settings(request.preset, request.changes)
        found.append(
            [
                run.id
                for run in runs
                if (run.network, run.preset, run.parameters) == (request.network, request.preset, told)
                and _same(run.result.get("settings") or {}, settings)
            ]
        )
    return found


def _same(had: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    """Whether a training had these settings; what an older program did not tell is no difference."""
    return all(had[name] == value for name, value in asked.items() if name in had and name not in _TAKEN_LESS)


def jobs_of(study: OpenStudy, kind: str) -> list[Job]:
    """All jobs of a kind whose folder is there, oldest first."""
    with study.database.reading() as session:
        ids = session.scalars(select(JobRecord.id).where(JobRecord.kind == kind).order_by(JobRecord.id)).all()
    return [study.jobs.job(job_id) for job_id in ids if (study.jobs.folder / job_id / "job.json").exists()]


def train_each(study: OpenStudy, requests: Sequence[TrainRequest], again: bool = False) -> list[str]:
    """Start, join or go on with each training; the jobs' ids, without those that were done already.

    One that was begun goes on with as many processes as it was begun with. The caller holds `study.deciding()`.
    """
    live = {job.id for job in study.live(TRAIN)}  # also those that are done and about to be recorded
    known = list(reversed(jobs_of(study, TRAIN)))
    started: list[str] = []
    for request, done in zip(requests, made_by(study, requests), strict=True):
        wanted = identity(request.model_dump(mode="json"))
        newest = next((job for job in known if identity(job.params) == wanted), None)
        if newest is not None and newest.id in live:
            started.append(newest.id)
        elif newest is not None and study.jobs.state(newest.id) is not JobState.DONE:
            study.restart(newest.id)
            started.append(newest.id)
        elif again or not done:
            threads = study.settings.all_threads if len(requests) == 1 else 0
            started.append(study.start(TRAIN, title_of(request), FUNCTION, request, threads=threads))
    return started


def title_of(request: TrainRequest) -> str:
    """One line for people."""
    told = ", ".join((request.preset, *variant(request.changes, request.fold)))
    return f"Train {request.network} ({told}) on {count(len(request.cases), 'label map')}"


def variant(changes: Mapping[str, Any], fold: int | None) -> list[str]:
    """What tells a training from others of its preset, in words; the fold first, as lists may have room for no more."""
    changed = [f"{name} {value}" for name, value in changes.items() if name != "folds"]
    return ([] if fold is None else [f"fold {fold}"]) + changed
