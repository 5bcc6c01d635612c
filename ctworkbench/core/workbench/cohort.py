"""The cohort room: scans come in, are looked up, and are preprocessed."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from ctworkbench.core.cohort_table import read_cohort
from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.importing import ImportedScan, ImportParams, ImportResult
from ctworkbench.core.model import Preprocessing, Refusal, Scan, Sex, Subject
from ctworkbench.core.norms.units import adult_doubt, adults_doubt
from ctworkbench.core.preprocess import PreprocessParams, PreprocessResult
from ctworkbench.core.terms import PREPROCESSING
from ctworkbench.core.volume import Volume
from ctworkbench.core.workbench import demographics
from ctworkbench.core.workbench.current import annotation_rows, standing_of
from ctworkbench.core.workbench.demographics import Correction
from ctworkbench.core.workbench.lineage import is_phantom, scan_cautions
from ctworkbench.core.workbench.open_study import OpenStudy
from ctworkbench.core.workbench.rows import Changes, RefusalRow, ScanRow

IMPORT = "import"
PREPROCESS = "preprocess"


class CohortRoom:
    """Scans of the study, from files to rows."""

    def __init__(self, study: OpenStudy) -> None:
        self._study = study

    def import_paths(
        self, paths: Sequence[Path], cohort_csv: Path | None = None, initiator: object = None
    ) -> list[str]:
        """Start the import of DICOM folders and NIfTI files; the job's id.

        Raises:
            WorkbenchError: a path that does not exist, or a cohort table that cannot be used.
        """
        for path in paths:
            if not path.exists():
                raise WorkbenchError(f"{path} does not exist.", "Check the path.")
        if cohort_csv is not None:
            read_cohort(cohort_csv)
        params = ImportParams(
            paths=tuple(path.resolve() for path in paths),
            cohort=None if cohort_csv is None else cohort_csv.resolve(),
        )
        title = f"Import {', '.join(path.name for path in paths)}"[:120]
        job = self._study.start(IMPORT, title, "ctworkbench.core.importing:import_scans", params)
        self._study.announce(Changes(jobs=True), initiator)
        return [job]

    def record_import(self, job_id: str) -> Changes:
        """Take the scans that an import job brought into the study."""
        study = self._study
        result = ImportResult.model_validate(study.jobs.result(job_id))
        keys = [study.store.put_file(scan.image) for scan in result.accepted]
        grids = [study.store.grid(key) for key in keys]
        with study.database.writing() as session:
            if not study.claim(session, job_id):
                return Changes()
            codes = {code.casefold(): code for code in session.scalars(select(Subject.code))}
            for scan, key, grid in zip(result.accepted, keys, grids, strict=True):
                refusal = self._add(session, scan, key, grid.shape, grid.spacing, job_id, codes)
                if refusal is not None:
                    session.add(refusal)
            for refused, skipped in [(r, False) for r in result.refused] + [(r, True) for r in result.skipped]:
                session.add(
                    Refusal(
                        job_id=job_id,
                        source=refused.source,
                        reason=refused.reason,
                        remedy=refused.remedy,
                        skipped=skipped,
                    )
                )
            counts = {"accepted": len(result.accepted), "refused": len(result.refused)}
            study.audit(session, "import", job_id, counts | {"code_version": study.code_version})
        study.discard(*(scan.image for scan in result.accepted))
        return Changes(scans=True, jobs=True)

    def _add(
        self,
        session: Session,
        found: ImportedScan,
        key: str,
        shape: tuple[int, int, int],
        spacing: tuple[float, float, float],
        job_id: str,
        codes: dict[str, str],
    ) -> Refusal | None:
        """Add one scan, or say why not; `codes` are those of the study by their folded form, and grow."""

        def refuse(reason: str, remedy: str, skipped: bool) -> Refusal:
            return Refusal(job_id=job_id, source=found.source, reason=reason, remedy=remedy, skipped=skipped)

        known = session.scalar(select(Scan).where(Scan.series_uid == found.series_uid))
        if known is not None:
            return refuse(*demographics.complete(self._study, session, known, found))
        sex = None if found.sex is None else Sex(found.sex)
        subject = session.scalar(select(Subject).where(Subject.code == found.subject))
        twin = codes.setdefault(found.subject.casefold(), found.subject)
        if subject is None and twin != found.subject:
            return refuse(
                f"{found.subject} and {twin} of this study differ in the case of their letters alone: on Windows and "
                "macOS the files of one would overwrite those of the other.",
                "Is it the same child? Write its code in one way. If not, give it another code.",
                False,
            )
        if subject is None:
            subject = Subject(code=found.subject, sex=sex, role=None)
            session.add(subject)
            session.flush()
        elif sex is not None and subject.sex is not None and subject.sex != sex:
            return refuse(
                f"{found.subject} is in the study as {subject.sex}, this scan says {sex}.",
                f"Is it another child? Correct the subject code. {demographics.REMEDY}",
                False,
            )
        elif subject.sex is None:
            subject.sex = sex
        session.add(
            Scan(
                subject_id=subject.id,
                series_uid=found.series_uid,
                age_years=found.age_years,
                site=found.site,
                scanner=found.scanner,
                source=found.source,
                orientation=found.orientation,
                shape=list(shape),
                spacing=list(spacing),
                protocol=dict(found.protocol),
                corrections=list(found.corrections),
                warnings=list(found.warnings),
                image_key=key,
                job_id=job_id,
            )
        )
        return None

    def correct(
        self,
        code: str,
        reason: str,
        age_years: float | None = None,
        sex: str | None = None,
        scan_id: int | None = None,
        initiator: object = None,
    ) -> Correction:
        """Correct the age at a scan or the sex of a subject, with a reason; see `demographics.correct`."""
        return demographics.correct(self._study, code, reason, age_years, sex, scan_id, initiator)

    def age_doubts(self, among: Collection[int] | None = None) -> str:
        """One sentence on the ages of some scans, or of all, that are no child's in years; "" where there are none."""
        with self._study.database.reading() as session:
            rows = session.execute(select(Scan.id, Subject.code, Scan.age_years).join(Subject)).tuples().all()
        return adults_doubt(
            {code: age for scan, code, age in rows if age is not None and (among is None or scan in among)}
        )

    def preprocess(self, scan_ids: Sequence[int] | None = None, initiator: object = None) -> list[str]:
        """Start preprocessing of the scans that lack it, or have that of an older program; the jobs' ids.

        Raises:
            WorkbenchError: the study has no scans.
        """
        study = self._study
        with study.database.reading() as session:
            study.need_scans(session)
            done = set(session.scalars(select(Preprocessing.scan_id).where(Preprocessing.version == PREPROCESSING)))
            rows = session.execute(select(Scan.id, Scan.image_key, Subject.code).join(Subject)).all()
        wanted = {
            scan: (f"Preprocess {code}", PreprocessParams(image=study.store.path(key)))
            for scan, key, code in rows
            if scan not in done and (scan_ids is None or scan in scan_ids)
        }
        return study.start_each(PREPROCESS, wanted, "ctworkbench.core.preprocess:preprocess", initiator)

    def record_preprocess(self, job_id: str) -> Changes:
        """Take what a preprocessing job made into the study."""
        study = self._study
        result = PreprocessResult.model_validate(study.jobs.result(job_id))
        scan_id = study.jobs.job(job_id).subject
        files = (result.image, result.brain, result.skull, result.equalized)
        keys = [study.store.put_file(path) for path in files]
        with study.database.writing() as session:
            if not study.claim(session, job_id):
                return Changes()
            session.add(
                Preprocessing(
                    scan_id=scan_id,
                    image_key=keys[0],
                    brain_key=keys[1],
                    skull_key=keys[2],
                    equalized_key=keys[3],
                    brain_cm3=result.brain_cm3,
                    version=result.version,
                    warnings=list(result.warnings),
                    code_version=study.jobs.job(job_id).code_version,
                    job_id=job_id,
                )
            )
            study.audit(session, "preprocess", job_id, {"brain_cm3": round(result.brain_cm3, 1)}, scan_id)
        study.discard(*files)
        return Changes(scans=True, jobs=True)

    def scans(self) -> list[ScanRow]:
        """All scans, by subject code."""
        return self._rows(None)

    def scan(self, scan_id: int) -> ScanRow:
        """One scan.

        Raises:
            WorkbenchError: there is none of that number.
        """
        rows = self._rows([scan_id])
        if not rows:
            raise WorkbenchError(f"There is no scan {scan_id} in this study.")
        return rows[0]

    def image(self, scan_id: int, given_up: Callable[[], bool] | None = None) -> Volume:
        """The HU image of a scan: int16, axes closest to RAS, the scan's own spacing.

        Raises:
            ReadingGivenUp: `given_up` said while it was read that it is no longer wanted.
            WorkbenchError: no such scan, or its voxels are gone or damaged.
        """
        with self._study.database.reading() as session:
            scan = session.get(Scan, scan_id)
        if scan is None:
            raise WorkbenchError(f"There is no scan {scan_id} in this study.")
        return self._study.store.get(scan.image_key, given_up)

    def refusals(self) -> list[RefusalRow]:
        """Series and files that were not imported, newest first."""
        with self._study.database.reading() as session:
            rows = session.scalars(select(Refusal).order_by(Refusal.id.desc()))
            return [RefusalRow(row.source, row.reason, row.remedy, row.skipped, row.created) for row in rows]

    def refused_by(self, job_id: str) -> list[RefusalRow]:
        """What one import job refused or skipped."""
        with self._study.database.reading() as session:
            rows = session.scalars(select(Refusal).where(Refusal.job_id == job_id).order_by(Refusal.id))
            return [RefusalRow(row.source, row.reason, row.remedy, row.skipped, row.created) for row in rows]

    def _rows(self, scan_ids: Sequence[int] | None) -> list[ScanRow]:
        query = select(Scan, Subject).join(Subject).order_by(Subject.code, Scan.id)
        warnings = select(Preprocessing.scan_id, Preprocessing.warnings).order_by(Preprocessing.id)
        if scan_ids is not None:
            query = query.where(Scan.id.in_(scan_ids))
            warnings = warnings.where(Preprocessing.scan_id.in_(scan_ids))
        with self._study.database.reading() as session:
            found = session.execute(query).all()
            prepared = dict(session.execute(warnings).tuples().all())
            versions = annotation_rows(session, scan_ids, self._study.settings.author)
            standings = {scan.id: standing_of(versions.get(scan.id, [])) for scan, _ in found}
            counts = {scan: row.counts for scan, row in standings.items() if row.counts is not None}
            cautions = scan_cautions(session, ((scan, subject.code) for scan, subject in found), counts, versions)
        rows: list[ScanRow] = []
        for scan, subject in found:
            own = versions.get(scan.id, [])
            standing = standings[scan.id]
            now = standing.counts
            rows.append(
                ScanRow(
                    id=scan.id,
                    subject=subject.code,
                    sex=subject.sex,
                    age_years=scan.age_years,
                    series_uid=scan.series_uid,
                    source=scan.source,
                    site=scan.site,
                    scanner=scan.scanner,
                    shape=tuple(scan.shape),
                    spacing=tuple(scan.spacing),
                    corrections=tuple(scan.corrections),
                    preprocessed=scan.id in prepared,
                    versions=len(own),
                    unread=sum(row.verdict is None for row in own),
                    origin=now.origin if now else None,
                    verdict=now.verdict if now else None,
                    split=subject.role.value if subject.role else "",
                    warnings=(*_doubts(scan), *scan.warnings, *prepared.get(scan.id, ())),
                    orientation=scan.orientation,
                    protocol=dict(scan.protocol),
                    accepted_unread=now is not None and now.accepted_unread,
                    standing=standing,
                    phantom=is_phantom(scan.protocol, scan.site),
                    cautions=cautions.get(scan.id, ()),
                )
            )
        return rows


def _doubts(scan: Scan) -> list[str]:
    """What is to be asked of a scan's age; said of the age that the study has now, so that a correction ends it."""
    doubt = adult_doubt(scan.age_years)
    return [doubt] if doubt else []
