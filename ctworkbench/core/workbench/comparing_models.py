"""The room of comparisons: which training serves best, over the same subjects, with the test set opened last."""

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import func, select

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.files import need_folder
from ctworkbench.core.model import Audit, Comparison
from ctworkbench.core.model_comparison.box_plot import pictures
from ctworkbench.core.model_comparison.paired import Test
from ctworkbench.core.model_comparison.plan import (
    Configuration,
    Plan,
    PlannedCase,
    check_folds,
    checked,
    checked_name,
)
from ctworkbench.core.model_comparison.result import ComparisonResult, need_figures
from ctworkbench.core.model_comparison.sheets import all_sheets, case_sheet
from ctworkbench.core.store import key_of
from ctworkbench.core.wording import count
from ctworkbench.core.workbench.comparison_runs import ComparisonRow, has_test, plan_of, requests_of, row_of, runs_of
from ctworkbench.core.workbench.model_figures import (
    FIGURES,
    measure_missing,
    open_test,
    record_figures,
    test_cases,
)
from ctworkbench.core.workbench.modelling import ModellingRoom
from ctworkbench.core.workbench.open_study import OpenStudy
from ctworkbench.core.workbench.rows import Changes
from ctworkbench.core.workbench.segmenting import OPEN_TEST
from ctworkbench.core.workbench.training_runs import TRAIN, identity, jobs_of, made_by, train_each

__all__ = ["FIGURES", "FORMATS", "ComparisonRow", "ComparisonsRoom"]

FORMATS = ("csv", "docx", "latex", "svg", "pdf", "png")
_TABLES = ("csv", "docx", "latex")


class ComparisonsRoom:
    """Comparisons of trainings: planned, trained, shown, tested."""

    def __init__(self, study: OpenStudy, modelling: ModellingRoom) -> None:
        self._study = study
        self._modelling = modelling

    def start(
        self,
        name: str,
        configurations: Sequence[Configuration],
        repeats: int = 1,
        folds: int = 1,
        initiator: object = None,
    ) -> list[str]:
        """Decide a comparison and queue its trainings, or go on with the same one; the jobs' ids.

        Trainings that the study has already with the same label maps, settings and seed are used, and not done again.

        Args:
            name: by which it is found again.
            configurations: two or more.
            repeats: trainings of each with other seeds.
            folds: of a cross-validation over all but the test subjects; 1 for the stored split.
            initiator: handed on in the announcement.

        Raises:
            WorkbenchError: the study has another comparison of that name, too few accepted label maps, a fold that is
                too small, or a configuration that cannot be.
        """
        study, name = self._study, checked_name(name)
        wanted = tuple(checked(configurations, repeats, folds))
        with study.database.reading() as session:
            plan = plan_of(session, name)
        if plan is None:
            plan = self._decide(name, wanted, repeats, folds)
        elif (plan.configurations, plan.repeats, plan.folds) != (wanted, repeats, folds):
            raise WorkbenchError(
                f"The comparison {name} was decided otherwise: {', '.join(c.text for c in plan.configurations)}; "
                f"{count(plan.repeats, 'repeat')}, {count(plan.folds, 'fold')}.",
                "Choose another name; a comparison is never changed.",
            )
        return self.go_on(name, initiator)

    def _decide(self, name: str, configurations: tuple[Configuration, ...], repeats: int, folds: int) -> Plan:
        """Write a comparison down, with the label maps that are accepted now."""
        study = self._study
        cases = [
            PlannedCase(
                subject=seen.subject,
                role=seen.role,
                label_kind=seen.label_kind,
                labels=key_of(seen.labels),
                brain=key_of(seen.brain),
                hu=key_of(hu.image),
                equalized=key_of(seen.image),
            )
            for seen, hu in zip(self._modelling.cases(), self._modelling.cases("hu"), strict=True)
        ]
        check_folds(cases, folds, study.split_seed)
        plan = Plan(
            configurations=configurations,
            repeats=repeats,
            folds=folds,
            seed=study.split_seed,
            scheme=study.scheme,
            cases=tuple(cases),
        )
        with study.database.writing() as session:
            row = Comparison(name=name, plan=plan.model_dump(mode="json"), author=study.settings.author)
            session.add(row)
            session.flush()
            told = {"name": name, "configurations": [own.text for own in configurations]}
            study.audit(session, "compare models", f"comparison {row.id}", told)
        return plan

    def go_on(self, name: str, initiator: object = None) -> list[str]:
        """Queue what is missing of a comparison; trainings go on from where they stopped. The ids of all that is live.

        Raises:
            WorkbenchError: there is no such comparison.
        """
        study = self._study
        plan = self._need(name)
        requests = requests_of(self._study, plan)
        with study.deciding():
            started = train_each(study, requests)
            for models in made_by(study, requests):
                job = measure_missing(study, name, plan, models)
                started += [job] if job is not None and job not in started else []
        if started:
            study.announce(Changes(jobs=True), initiator)
        return started

    def cancel(self, name: str, initiator: object = None) -> int:
        """Stop all that is live of a comparison, which keeps its place; how many jobs.

        Raises:
            WorkbenchError: there is no such comparison.
        """
        study = self._study
        wanted = {identity(request.model_dump(mode="json")) for request in requests_of(study, self._need(name))}
        jobs = [job for job in study.live(TRAIN) if identity(job.params) in wanted]
        jobs += [job for job in study.live(FIGURES) if job.params.get("comparison") == name]
        for job in jobs:
            study.jobs.cancel(job.id)
        if jobs:
            study.announce(Changes(jobs=True), initiator)
        return len(jobs)

    # -- what there is ---------------------------------------------------------------------------------------------

    def rows(self) -> list[ComparisonRow]:
        """All comparisons, newest first."""
        study = self._study
        with study.database.reading() as session:
            kept = session.scalars(select(Comparison).order_by(Comparison.id.desc())).all()
        if not kept:
            return []
        trainings, measuring = jobs_of(study, TRAIN), study.live(FIGURES)
        return [row_of(study, row, trainings, measuring) for row in kept]

    def result(self, name: str) -> ComparisonResult:
        """What a comparison found so far.

        Raises:
            WorkbenchError: there is no such comparison, no training of it is done, or none has figures by case.
        """
        plan = self._need(name)
        runs = [run for run in runs_of(self._study, plan, requests_of(self._study, plan)) if run is not None]
        measured = tuple(run for run in runs if run.figures)
        without = tuple(run.model_id for run in runs if not run.figures)
        found = ComparisonResult(name, plan, measured, without, self.openings())
        need_figures(found)
        return found

    def export(
        self, name: str, out: Path, formats: Sequence[str] = FORMATS, test: Test = "wilcoxon", initiator: object = None
    ) -> list[Path]:
        """Write tables, every case as CSV, notes and box plots of a comparison into a folder; the paths.

        Raises:
            WorkbenchError: as `result` does, or the folder cannot be written.
        """
        from ctworkbench.core.analysis.figures import save
        from ctworkbench.core.analysis.writing import RESEARCH_USE, write_sheets

        need_folder(out)
        found = self.result(name)
        notes = "\n".join((RESEARCH_USE, "", f"Comparison {name}.", *(f"- {text}" for text in found.notes(test)), ""))
        tables = [kind for kind in formats if kind in _TABLES]
        paths = write_sheets(all_sheets(found, test), out, tables, notes, "comparison")
        if "csv" in tables:
            paths += write_sheets([case_sheet(found)], out, ["csv"], notes)[:1]
        for drawn in pictures(found) if set(formats) - set(_TABLES) else ():
            paths += save(drawn, out, [kind for kind in formats if kind not in _TABLES])
        self._study.log("export comparison", name, {"formats": list(formats)})
        return paths

    # -- the test set ----------------------------------------------------------------------------------------------

    def openings(self) -> int:
        """For how many comparisons and models the test set was opened: by a final test, or by labelling its scans."""
        with self._study.database.reading() as session:
            return session.scalar(select(func.count(Audit.subject.distinct())).where(Audit.action == OPEN_TEST)) or 0

    def test_subjects(self) -> int:
        """How many test subjects have an accepted label map."""
        with self._study.database.reading() as session:
            return len({case.subject for case in test_cases(self._study, session, "equalized")})

    def final_test(self, name: str, initiator: object = None) -> list[str]:
        """Open the locked test set for the models of a comparison that is done; the jobs' ids, none where it was.

        That it was opened is written into the audit trail, with the models and by whom.

        Raises:
            WorkbenchError: a training is missing, or no test subject has an accepted label map.
        """
        study = self._study
        plan = self._need(name)
        runs = runs_of(study, plan, requests_of(study, plan))
        done = [run for run in runs if run is not None and run.figures]
        if len(done) < len(runs):
            raise WorkbenchError(
                f"{len(done)} of {count(len(runs), 'training')} of {name} are done: the final test comes last.",
                "Let the comparison go on, then test.",
            )
        started: list[str] = []
        with study.deciding():
            live = {job.params.get("model"): job.id for job in study.live(FIGURES) if job.params.get("final")}
            left = list({run.model_id: run for run in done if not has_test(run.figures)})
            fresh = [model for model in left if model not in live]
            started += [live[model] for model in left if model in live]
            if fresh:
                started += open_test(study, name, fresh)
        if started:
            study.announce(Changes(jobs=True), initiator)
        return started

    def _need(self, name: str) -> Plan:
        with self._study.database.reading() as session:
            plan = plan_of(session, name)
            known = session.scalars(select(Comparison.name).order_by(Comparison.id)).all()
        if plan is None:
            there = f"There are: {', '.join(known)}." if known else "Begin one: ctworkbench compare start STUDY NAME …"
            raise WorkbenchError(f"There is no comparison {name}.", there)
        return plan

    def record_figures(self, job_id: str) -> Changes:
        """Take what a job measured into the study."""
        return record_figures(self._study, job_id)
