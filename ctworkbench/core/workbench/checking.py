"""The checks of a study: which label maps lack them, what was found, and which case to look at first.

What was found of a label map alone is stored; how its volumes stand against the norm and against the other children is
a query, since both change while a study grows.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ctworkbench.core import plugins
from ctworkbench.core.checking import UNPREPARED, CheckAnswer, CheckParams, CheckTask
from ctworkbench.core.findings import Finding, Severity, risk
from ctworkbench.core.jobs import JobState
from ctworkbench.core.model import CheckResult, Origin, Preprocessing, Scan, Subject, Verdict
from ctworkbench.core.schemes import load as load_scheme
from ctworkbench.core.wording import count
from ctworkbench.core.workbench import norm_library
from ctworkbench.core.workbench.current import annotation_rows, current, standing_of
from ctworkbench.core.workbench.labelling import preprocessings
from ctworkbench.core.workbench.open_study import OpenStudy
from ctworkbench.core.workbench.rows import AnnotationRow, Changes
from ctworkbench.core.workbench.volume_checks import Measured, VolumeChecks
from ctworkbench.core.workbench.volumes import scanners, thickness_of

CHECK = "check"
_CASES_PER_JOB = 100
_OTHER = {Origin.REGISTRATION: Origin.MODEL, Origin.MODEL: Origin.REGISTRATION}
_ORDER = (Severity.WRONG, Severity.LOOK, Severity.NOT_DONE, Severity.OK)
_TITLES_AT_READING = {"volume": "volume", "asymmetry": "asymmetry", "reading": "not checked"}


@dataclass(frozen=True)
class CheckedMap:
    """What the checks say of one version of a label map.

    Attributes:
        checked: whether they were done; a version that was made a moment ago waits for its job.
        risk: ranks the list, 0 to 299; see `findings.risk`.
        findings: gravest first; those that are "ok" are among them.
    """

    annotation_id: int
    scan_id: int
    subject: str
    version: int
    origin: Origin
    author: str
    checked: bool
    risk: float
    findings: tuple[Finding, ...]

    @property
    def severity(self) -> Severity:
        """The gravest of its findings; "not done" before the checks."""
        return self.findings[0].severity if self.findings else Severity.NOT_DONE

    @property
    def told(self) -> tuple[Finding, ...]:
        """The findings that a reader is told: all but those that are in order."""
        return tuple(finding for finding in self.findings if finding.severity is not Severity.OK)


class ChecksRoom:
    """Automatic checks: they tell a reader where to look, and never judge."""

    def __init__(self, study: OpenStudy) -> None:
        self._study = study

    def check(self, scan_ids: Sequence[int] | None = None, again: bool = False, initiator: object = None) -> list[str]:
        """Start the checks of every label map that lacks them; the jobs' ids.

        Args:
            scan_ids: the scans wanted; all by default.
            again: check also what was checked; the newer findings count, the older ones stay.
            initiator: handed on in the announcement.

        Raises:
            WorkbenchError: the study has no scans.
        """
        study = self._study
        with study.deciding():
            live = study.live(CHECK)
            under_way = {case.annotation for job in live for case in CheckParams.model_validate(job.params).cases}
            with study.database.reading() as session:
                study.need_scans(session)
                tasks = self._tasks(session, scan_ids, again, under_way)
            started = [job.id for job in live]
            for start in range(0, len(tasks), _CASES_PER_JOB):
                chunk = tuple(tasks[start : start + _CASES_PER_JOB])
                params = CheckParams(cases=chunk, scheme=study.scheme)
                title = f"Check {count(len(chunk), 'label map')}"
                started.append(study.start_or_resume(CHECK, title, "ctworkbench.core.checking:check", params))
        if tasks:
            study.announce(Changes(jobs=True), initiator)
        return started

    def record_check(self, job_id: str) -> Changes:
        """Take the findings of a checking job into the study."""
        study = self._study
        answer = CheckAnswer.model_validate(study.jobs.result(job_id))
        version = study.jobs.job(job_id).code_version
        with study.database.writing() as session:
            if not study.claim(session, job_id):
                return Changes()
            session.add_all(
                CheckResult(
                    annotation_id=annotation,
                    name=found.check,
                    region=found.region,
                    value=found.value,
                    unit=found.unit,
                    severity=str(found.severity),
                    level=found.level,
                    sentence=found.sentence,
                    place=None if found.where is None else list(found.where),
                    code_version=version,
                    job_id=job_id,
                )
                for annotation, found in answer.rows
            )
        return Changes(checks=True, jobs=True)

    def problems(self, job_ids: Sequence[str]) -> list[str]:
        """Which checks of these jobs could not be done, and why, a sentence each."""
        jobs = self._study.jobs
        done = [job_id for job_id in job_ids if jobs.state(job_id) is JobState.DONE]
        return [text for job_id in done for text in CheckAnswer.model_validate(jobs.result(job_id)).problems]

    def titles(self) -> dict[str, str]:
        """What each check is called for people, in a word or two, by its name."""
        names = plugins.names(plugins.CHECKS)
        return {name: str(plugins.load(plugins.CHECKS, name).TITLE) for name in names} | _TITLES_AT_READING

    def of_scan(self, scan_id: int) -> list[CheckedMap]:
        """What the checks say of every version of a scan's label map, newest first."""
        with self._study.database.reading() as session:
            versions = annotation_rows(session, [scan_id], self._study.settings.author)
            return self._checked(session, versions.get(scan_id, []))

    def worklist(self, scan_ids: Sequence[int] | None = None, brief: bool = False) -> list[CheckedMap]:
        """What the checks say of the version of each scan that is to review, else of the one that counts; by risk.

        Args:
            scan_ids: the scans wanted; all by default.
            brief: of what is in order, leave sentence, region and place out; a long list is read in half the time.
        """
        with self._study.database.reading() as session:
            versions = annotation_rows(session, scan_ids, self._study.settings.author)
            standings = [standing_of(rows) for rows in versions.values()]
            rows = [row for one in standings if (row := one.waiting or one.counts) is not None]
            found = self._checked(session, rows, brief)
        return sorted(found, key=lambda row: (-row.risk, row.subject, row.scan_id))

    def _checked(self, session: Session, rows: Sequence[AnnotationRow], brief: bool = False) -> list[CheckedMap]:
        """Stored findings and those of the moment, of some versions, in their order."""
        code_of = dict(session.execute(select(Scan.id, Subject.code).join(Subject)).tuples().all())
        stored = stored_findings(session, [row.id for row in rows], brief=brief)
        volumes = self._volumes(session, rows, stored)
        checked: list[CheckedMap] = []
        for row in rows:
            own = stored.get(row.id, [])
            found = [*own, *(volumes.of(row.id) if own else [])]
            found.sort(key=lambda one: (_ORDER.index(one.severity), -one.level))
            checked.append(
                CheckedMap(
                    annotation_id=row.id,
                    scan_id=row.scan_id,
                    subject=code_of[row.scan_id],
                    version=row.version,
                    origin=row.origin,
                    author=row.author,
                    checked=bool(own),
                    risk=risk(found),
                    findings=tuple(found),
                )
            )
        return checked

    def _volumes(
        self, session: Session, rows: Sequence[AnnotationRow], stored: dict[int, list[Finding]]
    ) -> VolumeChecks:
        """The volumes of these versions, and those of the versions that count, to hold them against."""
        counting = [
            row
            for versions in annotation_rows(session).values()
            if (row := current(versions)) is not None and row.verdict is not Verdict.REJECT
        ]
        others = stored_findings(session, [row.id for row in counting if row.id not in stored], ("missing",))
        device, scans = scanners(session), {scan.id: scan for scan in session.scalars(select(Scan))}
        sexes = dict(session.execute(select(Subject.id, Subject.sex)).tuples().all())
        brains = {scan: row.brain_cm3 for scan, row in preprocessings(session).items()}

        def measured(row: AnnotationRow, found: Iterable[Finding]) -> Measured:
            scan = scans[row.scan_id]
            sex = sexes[scan.subject_id]
            sizes = {one.region: one for one in found if one.check == "missing" and one.region}
            return Measured(
                annotation_id=row.id,
                scan_id=row.scan_id,
                sex=None if sex is None else str(sex),
                age_years=scan.age_years,
                scanner=device[scan.id],
                thickness_mm=thickness_of(scan.protocol),
                inside_cm3=brains.get(row.scan_id),
                sizes=sizes,
            )

        known = stored | others
        return VolumeChecks(
            load_scheme(self._study.scheme),
            norm_library.norm(self._study),
            [measured(row, known.get(row.id, [])) for row in rows],
            [measured(row, known.get(row.id, [])) for row in counting],
        )

    def _tasks(
        self, session: Session, scan_ids: Sequence[int] | None, again: bool, under_way: set[int]
    ) -> list[CheckTask]:
        """What was never checked, or not since its scan was preprocessed or another machine labelled it."""
        prepared = preprocessings(session)
        done = set(session.scalars(select(CheckResult.annotation_id).distinct()))
        waiting = select(CheckResult.annotation_id).where(CheckResult.sentence == UNPREPARED)
        checked_since = select(CheckResult.annotation_id).where(
            CheckResult.name == "shift", CheckResult.severity != str(Severity.NOT_DONE)
        )
        unprepared = set(session.scalars(waiting)) - set(session.scalars(checked_since))
        codes = dict(session.execute(select(Scan.id, Subject.code).join(Subject)).tuples().all())
        tasks: list[CheckTask] = []
        for scan_id, versions in annotation_rows(session, scan_ids).items():
            newest = {origin: next((row for row in versions if row.origin is origin), None) for origin in _OTHER}
            lacking = {row.id for row in versions if row.id not in done or again}
            lacking |= {row.id for row in versions if row.id in unprepared and scan_id in prepared}
            lacking |= {
                other.id
                for origin, row in newest.items()
                if row is not None and row.id not in done and (other := newest[_OTHER[origin]]) is not None
            }
            for row in reversed(versions):
                if row.id in lacking - under_way:
                    other = newest.get(_OTHER[row.origin]) if row.origin in _OTHER else None
                    tasks.append(self._task(codes[scan_id], row, prepared.get(scan_id), other))
        return tasks

    def _task(
        self, code: str, row: AnnotationRow, prepared: Preprocessing | None, other: AnnotationRow | None
    ) -> CheckTask:
        path = self._study.store.path
        numbers = {key: float(value) for key, value in row.scores.items() if isinstance(value, int | float)}
        brain: Path | None = None if prepared is None else path(prepared.brain_key)
        return CheckTask(
            annotation=row.id,
            title=f"{code}, version {row.version}",
            labels=path(row.labels_key),
            image=None if prepared is None else path(prepared.image_key),
            brain=brain,
            scores=numbers,
            other=None if other is None else path(other.labels_key),
            other_title="" if other is None else f"{other.origin} v{other.version}",
            **_doubt(row, path),
        )


class _Doubt(TypedDict, total=False):
    uncertainty: Path
    networks: int
    passes: int


def _doubt(row: AnnotationRow, path: Callable[[str], Path]) -> _Doubt:
    """How unsure the networks were that made a label map, where that is kept."""
    told = row.parameters
    if row.origin is not Origin.MODEL or not told.get("uncertainty"):
        return {}
    return {
        "uncertainty": path(told["uncertainty"]),
        "networks": int(told.get("networks", 1)),
        "passes": int(told.get("passes", 1)),
    }


def stored_findings(
    session: Session, annotation_ids: Sequence[int], names: Sequence[str] | None = None, brief: bool = False
) -> dict[int, list[Finding]]:
    """The findings of the newest check of each label map; those that were never checked are left out.

    Args:
        session: of the study.
        annotation_ids: the label maps.
        names: the checks wanted; all by default.
        brief: of each check that is in order, the highest level alone; volumes are kept.
    """
    wanted = set(annotation_ids)
    if not wanted:
        return {}
    newest = dict(
        session.execute(
            select(CheckResult.annotation_id, func.max(CheckResult.job_id)).group_by(CheckResult.annotation_id)
        )
        .tuples()
        .all()
    )
    query = select(
        CheckResult.annotation_id,
        CheckResult.job_id,
        CheckResult.name,
        CheckResult.region,
        CheckResult.value,
        CheckResult.unit,
        CheckResult.severity,
        CheckResult.level,
        CheckResult.sentence,
        CheckResult.place,
    ).order_by(CheckResult.id)
    if names is not None:
        query = query.where(CheckResult.name.in_(names))
    if brief:
        query = query.where((CheckResult.severity != str(Severity.OK)) | (CheckResult.name == "missing"))
    if len(wanted) <= 50:  # one case: its rows alone; a list: all of them in one go, as SQLite takes few parameters
        query = query.where(CheckResult.annotation_id.in_(wanted))
    found: dict[int, list[Finding]] = {}
    for annotation, job, name, region, value, unit, severity, level, sentence, place in session.execute(query).tuples():
        if annotation in wanted and newest.get(annotation) == job:
            where = None if place is None else (float(place[0]), float(place[1]), float(place[2]))
            finding = Finding(name, region, value, unit, Severity(severity), level, sentence, where)
            found.setdefault(annotation, []).append(finding)
    if brief:
        highest = select(
            CheckResult.annotation_id, CheckResult.job_id, CheckResult.name, func.max(CheckResult.level)
        ).where(CheckResult.severity == str(Severity.OK), CheckResult.name != "missing")
        grouped = highest.group_by(CheckResult.annotation_id, CheckResult.job_id, CheckResult.name)
        for annotation, job, name, level in session.execute(grouped).tuples():
            if annotation in wanted and newest.get(annotation) == job:
                found.setdefault(annotation, []).append(Finding(name, "", 0.0, "", Severity.OK, level, ""))
    return found
