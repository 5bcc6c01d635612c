"""The norms room: label maps become volumes, volumes become tables, charts and one child's report."""

from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ctworkbench.core import cohort_tables, plugins
from ctworkbench.core.analysis import tables
from ctworkbench.core.cohort_tables import Observation, StatisticsTables
from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.jobs import JobState
from ctworkbench.core.measure import MeasureCase, MeasureParams, MeasureResult
from ctworkbench.core.model import (
    Annotation,
    Measurement,
    ModelRun,
    Origin,
    Preprocessing,
    Role,
    Scan,
    Sex,
    Subject,
    Template,
    Verdict,
)
from ctworkbench.core.norms import Norm, published_norm
from ctworkbench.core.report import ReportInput, child_report
from ctworkbench.core.schemes import load as load_scheme
from ctworkbench.core.workbench.current import annotation_rows, current, machine_made
from ctworkbench.core.workbench.open_study import OpenStudy
from ctworkbench.core.workbench.rows import (
    AnnotationRow,
    Band,
    Changes,
    ChartData,
    ChildRow,
    Dot,
    VolumeRow,
)

MEASURE = "measure"
CURRENT = "current"
VOLUME = "volume"
LEANING = (
    "Labels of a registration lean towards the template, whose regions have the norm's mean proportions: "
    "uncorrected, they make a child look more ordinary than it is."
)
_CASES_PER_JOB = 200


class NormsRoom:
    """Volumes against the published norm."""

    def __init__(self, study: OpenStudy) -> None:
        self._study = study
        self._scheme = load_scheme(study.scheme)

    def measure(self, initiator: object = None) -> list[str]:
        """Start the measurement of every label map that lacks a statistic; the jobs' ids."""
        study = self._study
        path = study.store.path
        with study.deciding():
            live = study.live(MEASURE)
            under_way = {case.annotation for job in live for case in MeasureParams.model_validate(job.params).cases}
            with study.database.reading() as session:
                done = under_way | _measured(session)
                query = select(Annotation, Scan.image_key, Subject.code).join_from(Annotation, Scan).join(Subject)
                cases = [
                    MeasureCase(
                        annotation=row.id,
                        labels=path(row.labels_key),
                        image=path(image),
                        title=f"{code}, version {row.version}",
                    )
                    for row, image, code in session.execute(query.order_by(Annotation.id))
                    if row.id not in done
                ]
            started = [job.id for job in live]
            for start in range(0, len(cases), _CASES_PER_JOB):
                chunk = tuple(cases[start : start + _CASES_PER_JOB])
                params = MeasureParams(cases=chunk, scheme=study.scheme)
                title = f"Measure {len(chunk)} label maps"
                started.append(study.start_or_resume(MEASURE, title, "ctworkbench.core.measure:measure", params))
        if started:
            study.announce(Changes(jobs=True), initiator)
        return started

    def record_measure(self, job_id: str) -> Changes:
        """Take the numbers of a measuring job into the study."""
        study = self._study
        result = MeasureResult.model_validate(study.jobs.result(job_id))
        with study.database.writing() as session:
            if not study.claim(session, job_id):
                return Changes()
            known = select(Measurement.annotation_id, Measurement.region, Measurement.statistic)
            done = set(session.execute(known).tuples())
            session.add_all(
                Measurement(
                    annotation_id=row.annotation,
                    region=row.region,
                    statistic=row.statistic,
                    value=row.value,
                    unit=row.unit,
                    code_version=study.jobs.job(job_id).code_version,
                    job_id=job_id,
                )
                for row in result.rows
                if (row.annotation, row.region, row.statistic) not in done
            )
        return Changes(measurements=True, jobs=True)

    def unmeasured(self) -> int:
        """Number of label maps that have no volumes."""
        with self._study.database.reading() as session:
            measured = select(Measurement.annotation_id)
            return session.scalar(select(func.count()).where(Annotation.id.not_in(measured))) or 0

    def problems(self, job_ids: list[str]) -> list[str]:
        """What measuring jobs found wrong with label maps, one sentence each."""
        jobs = self._study.jobs
        done = [job_id for job_id in job_ids if jobs.state(job_id) is JobState.DONE]
        return [text for job_id in done for text in MeasureResult.model_validate(jobs.result(job_id)).problems]

    def sources(self) -> list[str]:
        """Kinds of label maps that have been measured, "current" first; empty if none has."""
        with self._study.database.reading() as session:
            query = select(Annotation.origin).join(Measurement, Measurement.annotation_id == Annotation.id).distinct()
            origins = sorted(str(origin) for origin in session.scalars(query))
        return [CURRENT, *origins] if origins else []

    def volumes(self, source: str = CURRENT) -> list[VolumeRow]:
        """The volumes of one label map per scan, in cm³.

        Args:
            source: "current" for the version that counts, or "registration", "expert" or "model" for the newest
                version of that origin that was not rejected.

        Raises:
            WorkbenchError: an unknown source.
        """
        if source != CURRENT and source not in list(Origin):
            raise WorkbenchError(f"There is no source {source!r}.", f"Choose {CURRENT}, {', '.join(Origin)}.")
        with self._study.database.reading() as session:
            chosen: dict[int, AnnotationRow] = {}
            for versions in annotation_rows(session).values():
                row = _choose(versions, source)
                if row is not None:
                    chosen[row.id] = row
            query = (
                select(Measurement, Scan, Subject)
                .join_from(Measurement, Annotation, Measurement.annotation_id == Annotation.id)
                .join(Scan, Scan.id == Annotation.scan_id)
                .join(Subject, Subject.id == Scan.subject_id)
                .where(Measurement.statistic == VOLUME)
                .order_by(Subject.code, Scan.id, Measurement.id)
            )
            return [
                VolumeRow(
                    scan_id=scan.id,
                    subject=subject.code,
                    sex=subject.sex,
                    age_years=scan.age_years,
                    series_uid=scan.series_uid,
                    region=measured.region,
                    volume_cm3=measured.value,
                    source=chosen[measured.annotation_id].origin,
                    version=chosen[measured.annotation_id].version,
                    annotation_id=measured.annotation_id,
                )
                for measured, scan, subject in session.execute(query)
                if measured.annotation_id in chosen
            ]

    def chart(self, region: str, source: str = CURRENT) -> ChartData:
        """Volume of one region against age: the cohort's dots, the published norm's bands by sex."""
        norm = published_norm()
        outside: dict[int, str] = {}
        dots: list[Dot] = []
        for row in self.volumes(source):
            if row.region != region:
                continue
            assessed = norm.assess(region, row.sex, row.age_years, row.volume_cm3)
            if assessed.reason:
                outside[row.scan_id] = assessed.reason
            dots.append(_dot(row, row.volume_cm3, assessed.z))
        bands = [_band(norm, region, sex) for sex in Sex]
        return ChartData(self._scheme.region(region).title, "cm³", dots, bands, norm.limits.text, outside)

    def asymmetry(self, pair: str, source: str = CURRENT) -> ChartData:
        """Right minus left of one pair ("frontal", "parietal", "occipital", "temporal") against age, in cm³."""
        norm = published_norm()
        if pair not in norm.pairs:
            raise WorkbenchError(f"There is no pair {pair!r}.", f"Choose one of {', '.join(norm.pairs)}.")
        sides: dict[int, dict[str, VolumeRow]] = {}
        for row in self.volumes(source):
            side, _, name = row.region.partition("_")
            if name == pair:
                sides.setdefault(row.scan_id, {})[side] = row
        outside: dict[int, str] = {}
        dots: list[Dot] = []
        for scan_id, both in sides.items():
            if len(both) < 2 or min(row.volume_cm3 for row in both.values()) <= 0:
                outside[scan_id] = "one side is not in the label map"
                continue
            right, left = both["right"], both["left"]
            reason = norm.refusal(right.sex, right.age_years)
            z = None
            if reason is not None:
                outside[scan_id] = reason
            elif right.sex is not None and right.age_years is not None:
                z = norm.asymmetry_z(pair, right.sex, right.age_years, right.volume_cm3, left.volume_cm3)
            dots.append(_dot(right, right.volume_cm3 - left.volume_cm3, z))
        low, high = norm.limits.age_min_years, norm.limits.age_max_years
        bands: list[Band] = []
        for sex in Sex:
            mean, sd = norm.asymmetry_mean(pair, sex), norm.asymmetry_sd(pair, sex)
            levels = {k: [mean + k * sd] * 2 for k in (-2, -1, 0, 1, 2)}
            bands.append(Band(sex, [low, high], levels[-2], levels[-1], levels[0], levels[1], levels[2]))
        return ChartData(f"{pair.capitalize()} lobe, right minus left", "cm³", dots, bands, norm.limits.text, outside)

    def child(self, scan_id: int, source: str = CURRENT) -> list[ChildRow]:
        """The volumes of one scan against the norm; `reason` says why there is no centile."""
        norm = published_norm()
        rows: list[ChildRow] = []
        for row in self.volumes(source):
            if row.scan_id != scan_id:
                continue
            found = norm.assess(row.region, row.sex, row.age_years, row.volume_cm3)
            title = self._scheme.region(row.region).title
            rows.append(
                ChildRow(row.region, title, row.volume_cm3, found.expected_cm3, found.z, found.centile, found.reason)
            )
        return rows

    def statistics(self, out: Path, source: str = CURRENT) -> StatisticsTables:
        """Write the cohort's tables as CSV: means by sex, regression on sex and age, left against right.

        Raises:
            WorkbenchError: nothing was measured.
        """
        rows = self.volumes(source)
        if not rows:
            raise WorkbenchError(f"No volumes of source {source!r} were measured.", "Run `ctworkbench measure` first.")
        observations = [
            Observation(
                subject=row.subject,
                sex=row.sex,
                age_years=row.age_years,
                region=row.region,
                volume_cm3=row.volume_cm3,
                source=str(row.source),
                scan=row.scan_id,
            )
            for row in rows
        ]
        result = tables(observations)
        remembered = self._labelled_from_memory({row.annotation_id for row in rows})
        notes = [LEANING] if any(row.source is Origin.REGISTRATION for row in rows) else []
        if remembered:
            notes.append(
                f"{len(remembered)} subjects were labelled by a model that was trained on them: "
                f"{', '.join(remembered)}. Their volumes tell how well it remembers."
            )
        result = result.model_copy(update={"notes": (*result.notes, *notes)})
        cohort_tables.write(result, out)
        return result

    def _labelled_from_memory(self, annotation_ids: set[int]) -> list[str]:
        """Subjects among these label maps whose model had them in its training set."""
        query = (
            select(Annotation.id, Subject.code, ModelRun.split)
            .join_from(Annotation, ModelRun, ModelRun.id == Annotation.model_id)
            .join(Scan, Scan.id == Annotation.scan_id)
            .join(Subject, Subject.id == Scan.subject_id)
        )
        with self._study.database.reading() as session:
            rows = session.execute(query).all()
        return sorted({code for row, code, split in rows if row in annotation_ids and split.get(code) == Role.TRAIN})

    def report(self, subject_code: str, out: Path, source: str = CURRENT) -> Path:
        """Write the one-page PDF of a subject's newest scan.

        Raises:
            WorkbenchError: no such subject, or its scan has no measured label map.
        """
        study = self._study
        with study.database.reading() as session:
            query = select(Scan, Subject).join(Subject).where(Subject.code == subject_code).order_by(Scan.id.desc())
            found = session.execute(query.limit(1)).first()
            if found is None:
                raise WorkbenchError(f"There is no subject {subject_code} in this study.", "See `ctworkbench status`.")
            scan, subject = found.tuple()
            versions = annotation_rows(session, [scan.id]).get(scan.id, [])
            chosen = _choose(versions, source)
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
        provenance.append(
            ("Made by", f"CT Workbench {chosen.code_version}, {chosen.created:%Y-%m-%d}, {chosen.author}")
        )
        provenance.append(("Verdict", str(chosen.verdict or "not reviewed")))
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


def _measured(session: Session) -> set[int]:
    """Label maps that have all statistics; an empty one has its volumes, which are 0, and no others."""
    wanted = set(plugins.names(plugins.STATISTICS))
    query = select(Measurement.annotation_id, Measurement.statistic, func.sum(Measurement.value))
    found: dict[int, set[str]] = {}
    for annotation, statistic, total in session.execute(
        query.group_by(Measurement.annotation_id, Measurement.statistic)
    ):
        found.setdefault(annotation, set()).update(wanted if statistic == VOLUME and not total else {statistic})
    return {annotation for annotation, statistics in found.items() if statistics >= wanted}


def _choose(versions: list[AnnotationRow], source: str) -> AnnotationRow | None:
    """The version of a scan that a source stands for; versions newest first."""
    if source == CURRENT:
        return current(versions)
    return next((row for row in versions if row.origin == source and row.verdict is not Verdict.REJECT), None)


def _dot(row: VolumeRow, value: float, z: float | None) -> Dot:
    return Dot(row.scan_id, row.subject, row.sex, row.age_years, value, z, str(row.source))


def _band(norm: Norm, region: str, sex: Sex) -> Band:
    found = norm.bands(region, sex)
    return Band(
        sex,
        list(found.ages),
        list(found.minus2),
        list(found.minus1),
        list(found.mean),
        list(found.plus1),
        list(found.plus2),
    )
