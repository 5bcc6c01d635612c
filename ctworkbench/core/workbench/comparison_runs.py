"""The trainings of a comparison: what each asks for, which model came of it, where the whole stands."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from ctworkbench.core import plugins
from ctworkbench.core.errors import StudyError
from ctworkbench.core.jobs import Job, JobState
from ctworkbench.core.model import Comparison, Evaluation, ModelRun
from ctworkbench.core.model_comparison.measures import ComparedRun
from ctworkbench.core.model_comparison.plan import Plan
from ctworkbench.core.training import CaseFigures, TrainCase, TrainRequest, changed_settings
from ctworkbench.core.wording import count
from ctworkbench.core.workbench.open_study import OpenStudy
from ctworkbench.core.workbench.training_runs import identity, made_by


@dataclass(frozen=True)
class ComparisonRow:
    """A comparison as a list shows it.

    Attributes:
        configurations: in words.
        planned, done: trainings; done ones have their figures.
        running, waiting: of the others, those that run or wait, measuring included.
        failed: of the others, those whose last try failed; `failure` is what one of them said.
        tested: whether all its models have figures of the test set.
    """

    name: str
    created: datetime
    author: str
    configurations: tuple[str, ...]
    repeats: int
    folds: int
    planned: int
    done: int
    running: int
    waiting: int
    failed: int
    failure: str
    tested: bool

    @property
    def stopped(self) -> bool:
        """Whether something is left to do that nobody does."""
        return self.done + self.running + self.waiting < self.planned

    @property
    def told(self) -> str:
        """Where it stands, in words."""
        parts = [f"{self.done} of {count(self.planned, 'training')} done"]
        parts += [f"{self.running} running"] if self.running else []
        parts += [f"{self.waiting} waiting"] if self.waiting else []
        left = self.planned - self.done - self.running - self.waiting - self.failed
        parts += [f"{self.failed} failed"] if self.failed else []
        parts += [f"{left} stopped"] if left > 0 else []
        return ", ".join(parts)


def requests_of(study: OpenStudy, plan: Plan) -> list[TrainRequest]:
    """What each run of the plan asks for, in the plan's order."""
    path = study.store.path
    cases: dict[str, tuple[TrainCase, ...]] = {}
    for sees in ("hu", "equalized"):
        cases[sees] = tuple(
            TrainCase(
                subject=case.subject,
                image=path(case.hu if sees == "hu" else case.equalized),
                brain=path(case.brain),
                labels=path(case.labels),
                role=case.role,
                label_kind=case.label_kind,
            )
            for case in plan.cases
        )
    found: list[TrainRequest] = []
    for run in plan.runs:
        own = plan.configurations[run.configuration]
        folds = plugins.load(plugins.PRESETS, own.preset).PRESET.folds
        changes = dict(own.changes) | ({"folds": plan.folds} if plan.folds not in (1, folds) else {})
        seed = plan.seed + run.repeat
        found.append(
            TrainRequest(
                cases=cases[changed_settings(own.preset, changes)["sees"]],
                network=own.network,
                preset=own.preset,
                scheme=plan.scheme,
                seed=seed,
                fold=run.fold,
                changes=changes,
                fold_seed=None if run.fold is None or seed == plan.seed else plan.seed,
            )
        )
    return found


def runs_of(study: OpenStudy, plan: Plan, requests: Sequence[TrainRequest]) -> list[ComparedRun | None]:
    """For each run of the plan its newest model, one with figures first; None where there is none yet."""
    models = made_by(study, requests)
    wanted = {number for numbers in models for number in numbers}
    with study.database.reading() as session:
        runs = {run.id: run for run in session.scalars(select(ModelRun).where(ModelRun.id.in_(wanted)))}
        rows = session.scalars(select(Evaluation).where(Evaluation.model_id.in_(wanted)).order_by(Evaluation.id))
        evaluations = list(rows)
    found: list[ComparedRun | None] = []
    for planned, request, numbers in zip(plan.runs, requests, models, strict=True):
        held = {number: figures_of(runs[number], evaluations) for number in numbers}
        number = max(numbers, key=lambda number: (bool(held[number]), number), default=None)
        if number is None:
            found.append(None)
            continue
        result = runs[number].result
        found.append(
            ComparedRun(
                configuration=planned.configuration,
                repeat=planned.repeat,
                fold=planned.fold,
                model_id=number,
                seed=request.seed,
                figures=held[number],
                device=str(result.get("device", "")),
                code_version=runs[number].code_version,
                cautions=tuple(result.get("cautions") or ()),
            )
        )
    return found


def row_of(study: OpenStudy, row: Comparison, trainings: Sequence[Job], measuring: Sequence[Job]) -> ComparisonRow:
    """Where a comparison stands.

    Args:
        study: the open study.
        row: the comparison.
        trainings: all jobs that train.
        measuring: live jobs that measure models.
    """
    plan = Plan.model_validate(row.plan)
    requests = requests_of(study, plan)
    runs = runs_of(study, plan, requests)
    of_job = {identity(job.params): job.id for job in trainings}
    in_work = [job.params.get("model") for job in measuring]
    states: list[JobState] = []
    failure = ""
    done = 0
    for request, run in zip(requests, runs, strict=True):
        if run is not None and run.figures:
            done += 1
        elif run is not None:
            states += [JobState.RUNNING] if run.model_id in in_work else []
        elif (job := of_job.get(identity(request.model_dump(mode="json")))) is not None:
            states.append(study.jobs.state(job))
            if states[-1] is JobState.FAILED:
                failure = str(study.jobs.failure(job))
    return ComparisonRow(
        name=row.name,
        created=row.created,
        author=row.author,
        configurations=tuple(own.title for own in plan.configurations),
        repeats=plan.repeats,
        folds=plan.folds,
        planned=len(requests),
        done=done,
        running=sum(state in (JobState.RUNNING, JobState.DONE) for state in states),
        waiting=states.count(JobState.QUEUED),
        failed=states.count(JobState.FAILED),
        failure=failure,
        tested=done == len(requests) and all(run is not None and has_test(run.figures) for run in runs),
    )


def plan_of(session: Session, name: str) -> Plan | None:
    """What a comparison was decided to be; None where there is none of that name."""
    kept = session.scalars(select(Comparison.plan).where(Comparison.name == name)).first()
    if kept is None:
        return None
    try:
        return Plan.model_validate(kept)
    except ValueError as error:
        raise StudyError(
            f"The comparison {name} was decided by another version of the program.", "Open the study with that version."
        ) from error


def figures_of(run: ModelRun, evaluations: Sequence[Evaluation]) -> tuple[CaseFigures, ...]:
    """Figures of a model by case: what its training kept, or what was measured later, and its newest final test."""
    own = [row.result["figures"] for row in evaluations if row.model_id == run.id and row.part != "test"]
    test = [row.result["figures"] for row in evaluations if row.model_id == run.id and row.part == "test"]
    held = run.result.get("figures") or (own[-1] if own else [])
    if not held:
        return ()
    return tuple(CaseFigures.model_validate(case) for case in [*held, *(test[-1] if test else [])])


def has_test(figures: Sequence[CaseFigures]) -> bool:
    """Whether there are figures of the locked test set among them."""
    return any(case.part == "test" for case in figures)
