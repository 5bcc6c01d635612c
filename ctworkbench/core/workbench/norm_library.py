"""The norms that a study has: fitted in it, imported into it, and the one it uses."""

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from ctworkbench.core.errors import StudyError, WorkbenchError
from ctworkbench.core.files import replace_text
from ctworkbench.core.jobs import JobState
from ctworkbench.core.model import Annotation, NormChoice, NormRecord, Scan, Verdict
from ctworkbench.core.norms import Norm, card, card_pages, comparing, norm_file, published_norm
from ctworkbench.core.norms.cohort import LEAST_PER_SEX, METHOD_TITLES, Method, NormScan, Selection, check, gather
from ctworkbench.core.norms.fitted import FittedNorm
from ctworkbench.core.norms.fitting import FitParams, FitResult
from ctworkbench.core.schemes import load
from ctworkbench.core.workbench.current import CURRENT, chosen_versions
from ctworkbench.core.workbench.lineage import phantom_scans, trained_on
from ctworkbench.core.workbench.open_study import OpenStudy
from ctworkbench.core.workbench.rows import Changes, NormPreview, NormRow
from ctworkbench.core.workbench.volumes import nothing_measured, scanners, volumes

FIT = "fit norm"
_MOST_REPEATS = 5000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def norm(study: OpenStudy, name: str | None = None) -> Norm:
    """The norm in use, or the one of a name.

    Raises:
        WorkbenchError: there is no norm of that name, or its record was altered.
    """
    name = name or chosen(study)
    if name == published_norm().name:
        return published_norm()
    with study.database.reading() as session:
        record = session.scalar(select(NormRecord).where(NormRecord.name == name))
        names = [published_norm().name, *session.scalars(select(NormRecord.name).order_by(NormRecord.id))]
        phantoms = 0 if record is None else _phantoms(session, record)
    if record is None:
        raise WorkbenchError(f"The study has no norm {name!r}.", f"It has {', '.join(names)}.")
    return _parsed(record.name, record.sha256, record.content, phantoms)


def chosen(study: OpenStudy) -> str:
    """Name of the norm in use: the published one unless another was chosen."""
    with study.database.reading() as session:
        return _chosen(session)


def _chosen(session: Session) -> str:
    newest = select(NormChoice.name).order_by(NormChoice.id.desc()).limit(1)
    return session.scalar(newest) or published_norm().name


def library(study: OpenStudy) -> list[NormRow]:
    """All norms that the study has, the published one first."""
    used = chosen(study)
    with study.database.reading() as session:
        records = session.scalars(select(NormRecord).order_by(NormRecord.id)).all()
        counted = [(record, _phantoms(session, record)) for record in records]
    rows = [_row(published_norm(), "published", used)]
    rows += [_row(_parsed(one.name, one.sha256, one.content, n), one.origin, used, one) for one, n in counted]
    return rows


def choose_norm(study: OpenStudy, name: str, initiator: object = None) -> None:
    """Use a norm from now on for charts, tables of one child, and reports.

    Raises:
        WorkbenchError: there is no norm of that name, or it is of another region scheme than the study.
    """
    _check_scheme(study, norm(study, name).scheme, name)
    with study.database.writing() as session:
        if name == _chosen(session):  # asked in the transaction: another program may choose at the same time
            return
        session.add(NormChoice(name=name, author=study.settings.author))
        study.audit(session, "use norm", name, {})
    study.announce(Changes(norms=True), initiator)


def preview(study: OpenStudy, method: Method, source: str, selection: Selection) -> NormPreview:
    """Who a norm would be made from, and why it cannot be made, without making it."""
    try:
        cohort = gather(_scans(study, source), selection)
    except WorkbenchError as error:
        return NormPreview(0, 0, None, {}, (), LEAST_PER_SEX[method], f"{error.message} {error.remedy}")
    refusal = ""
    try:
        check(cohort, method, selection)
    except WorkbenchError as error:
        refusal = f"{error.message} {error.remedy}"
    ages = (float(cohort.ages.min()), float(cohort.ages.max())) if cohort.scans else None
    return NormPreview(
        cohort.count("M"), cohort.count("F"), ages, cohort.excluded, cohort.notes, LEAST_PER_SEX[method], refusal
    )


def fit_norm(
    study: OpenStudy,
    name: str,
    method: Method,
    title: str,
    source: str,
    selection: Selection,
    population: str,
    centre: str,
    repeats: int | None,
    initiator: object,
) -> list[str]:
    """Start the fit of a norm to the study's own children, or join the one that is under way; the job's id.

    Raises:
        WorkbenchError: the name cannot be used, or the children cannot carry a norm: too few of a sex, all of one age …
    """
    with study.database.reading() as session:
        _check_name(session, name)
    if repeats is not None and not 0 <= repeats <= _MOST_REPEATS:
        raise WorkbenchError(f"{repeats} bootstrap samples cannot be drawn.", f"Ask for 0 to {_MOST_REPEATS}.")
    scans = _scans(study, source)
    if not scans:
        raise nothing_measured(source)
    check(gather(scans, selection), method, selection)
    params = FitParams(
        name=name,
        title=title or f"{METHOD_TITLES[method][0].upper()}{METHOD_TITLES[method][1:]}, {study.folder.name}",
        method=method,
        scheme=study.scheme,
        scans=tuple(scans),
        selection=selection,
        population=population,
        centre=centre,
        repeats=repeats,
        author=study.settings.author,
    )
    with study.deciding():
        for job in study.live(FIT):
            if job.params == params.model_dump(mode="json"):
                return [job.id]
            if job.params.get("name") == name:
                raise WorkbenchError(f"A norm {name} is being fitted already.", "Wait for it, or choose another name.")
        made = "ctworkbench.core.norms.fitting:fit_norm"
        started = study.start_or_resume(FIT, f"Fit the norm {name} ({method})", made, params)
    study.announce(Changes(jobs=True), initiator)
    return [started]


def record_fit(study: OpenStudy, job_id: str) -> Changes:
    """Take a fitted norm into the study."""
    result = FitResult.model_validate(study.jobs.result(job_id))
    found = result.norm
    asked = FitParams.model_validate(study.jobs.job(job_id).params)
    label_maps = sorted(scan.annotation for scan in gather(asked.scans, asked.selection).scans)
    with study.database.writing() as session:
        if not study.claim(session, job_id):
            return Changes()
        if session.scalar(select(NormRecord.id).where(NormRecord.name == found.card.name)) is not None:
            raise WorkbenchError(f"The study has a norm {found.card.name} already.", "Fit it under another name.")
        session.add(
            NormRecord(
                name=found.card.name,
                sha256=found.sha256,
                origin="fitted",
                content=found.text(),
                details={"notes": list(result.notes), "label_maps": label_maps, "phantoms": found.card.phantoms},
                author=study.settings.author,
                job_id=job_id,
            )
        )
        study.audit(session, "keep norm", found.card.name, {"sha256": found.sha256, "job": job_id})
    study.discard(*(study.jobs.folder / job_id / f"{entry.region}.json" for entry in found.regions))
    return Changes(norms=True, jobs=True)


def fit_notes(study: OpenStudy, job_ids: Sequence[str]) -> list[str]:
    """What fits have to say to those who may see the study: who was left out, whose volumes lie far off."""
    jobs = study.jobs
    done = [job_id for job_id in job_ids if jobs.state(job_id) is JobState.DONE]
    return [text for job_id in done for text in FitResult.model_validate(jobs.result(job_id)).notes]


def import_norm(study: OpenStudy, path: Path, name: str = "", initiator: object = None) -> NormRow:
    """Take a norm from a file into the study, under its own name or another.

    Raises:
        WorkbenchError: no norm of this program, of a newer version of it, changed after it was written, of another
            region scheme, there already, or the name is taken.
    """
    found = norm_file.read(path)
    _check_scheme(study, found.card.scheme, path.name)
    foreign = sorted({entry.region for entry in found.regions} - set(load(study.scheme).region_names))
    if foreign:
        raise WorkbenchError(
            f"The norm {path.name} has regions that the scheme {study.scheme} does not know: {', '.join(foreign)}.",
            "Ask for the file where it comes from.",
        )
    name = name or found.card.name
    with study.database.writing() as session:  # asked in the transaction: another program may import the same
        same = session.scalar(select(NormRecord.name).where(NormRecord.sha256 == found.sha256))
        if same is not None:
            raise WorkbenchError(f"The study has this norm already, as {same}.", f"Use it: norm use STUDY {same}")
        _check_name(session, name)
        record = NormRecord(
            name=name,
            sha256=found.sha256,
            origin="imported",
            content=found.text(),
            details={"source": path.name},
            author=study.settings.author,
            job_id=None,
        )
        session.add(record)
        study.audit(session, "import norm", name, {"sha256": found.sha256, "source": path.name})
    study.announce(Changes(norms=True), initiator)
    return next(row for row in library(study) if row.name == name)


def export_norm(study: OpenStudy, name: str, out: Path) -> Path:
    """Write a norm as a file that another study imports (`.json`), or its card for people (`.md`, `.pdf`).

    Raises:
        WorkbenchError: no such norm, an ending that is none of these, the published norm as JSON, one as JSON whose
            file hides that it is of phantoms, or the file cannot be written.
    """
    found = norm(study, name)
    kind = out.suffix.lower()
    unsaid = isinstance(found, FittedNorm) and found.limits.phantoms > found.file.card.phantoms
    if kind not in (".json", ".md", ".pdf"):
        raise WorkbenchError(f"A norm cannot be written as {out.name}.", "End the name in .json, .md or .pdf.")
    if kind == ".json" and not isinstance(found, FittedNorm):
        raise WorkbenchError(f"The norm {name} is part of every CT Workbench.", "Its card can be written: .md or .pdf.")
    if kind == ".json" and unsaid:
        raise WorkbenchError(
            f"The norm {name} was made of digital phantoms before norms said so: its file would not tell it elsewhere.",
            "Fit it again from children, or as a rehearsal with --phantoms; its card can be written: .md or .pdf.",
        )
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        if kind == ".pdf":
            card_pages.write(found, out)
        elif isinstance(found, FittedNorm) and kind == ".json":
            replace_text(out, found.file.text())
        else:
            replace_text(out, card.markdown(found))
    except OSError as error:
        raise StudyError(f"{out} cannot be written: {error.strerror or error}.", "Choose another folder.") from error
    return out


def compare_norms(study: OpenStudy, one: str, other: str) -> comparing.Comparison:
    """How far two norms of the study lie apart, by region, sex and age.

    Raises:
        WorkbenchError: no such norm, or they share no region, sex or age.
    """
    return comparing.compare(norm(study, one), norm(study, other))


def damaged(study: OpenStudy) -> list[str]:
    """Norms whose content does not have the hash they were kept with, one sentence each."""
    with study.database.reading() as session:
        records = session.scalars(select(NormRecord).order_by(NormRecord.id)).all()
    problems: list[str] = []
    for record in records:
        try:
            _parsed(record.name, record.sha256, record.content)
        except WorkbenchError as error:
            problems.append(error.message)
    return problems


@lru_cache(maxsize=8)
def _parsed(name: str, sha256: str, content: str, phantoms: int = 0) -> FittedNorm:
    found = norm_file.parse(content, f"The norm {name}")
    if found.sha256 != sha256:
        raise WorkbenchError(f"The norm {name} is not the one that was kept.", "Restore the study from a backup.")
    return FittedNorm(found, name, phantoms)


def _phantoms(session: Session, record: NormRecord) -> int:
    """How many scans of a norm are of phantoms; of norms that were kept before that was counted, asked of the study."""
    known = record.details.get("phantoms")
    label_maps = frozenset(record.details.get("label_maps", ()))
    if known is not None or not label_maps:
        return known or 0
    unreal = phantom_scans(session)
    if not unreal:
        return 0
    made = session.execute(select(Annotation.id, Annotation.scan_id)).tuples()
    return sum(annotation in label_maps and scan in unreal for annotation, scan in made)


def _check_name(session: Session, name: str) -> None:
    if _NAME.fullmatch(name) is None:
        raise WorkbenchError(
            f"{name!r} cannot be the name of a norm.",
            "Use letters, digits, point, hyphen and underscore, 64 at most, a letter or digit first.",
        )
    taken = {published_norm().name.lower(), *(known.lower() for known in session.scalars(select(NormRecord.name)))}
    if name.lower() in taken:
        raise WorkbenchError(f"The study has a norm {name} already; norms are kept for good.", "Choose another name.")


def _check_scheme(study: OpenStudy, scheme: str, what: str) -> None:
    if scheme != study.scheme:
        raise WorkbenchError(
            f"The norm {what} is of the region scheme {scheme}; this study is of {study.scheme}.",
            "Choose a norm of the same regions.",
        )


def _scans(study: OpenStudy, source: str = CURRENT) -> list[NormScan]:
    """The measured scans of a study with what a norm asks of them."""
    rows = volumes(study, source)
    with study.database.reading() as session:
        chosen_ones, device = chosen_versions(session, source), scanners(session)
        sites = dict(session.execute(select(Scan.id, Scan.site)).tuples().all())
        learned, unreal = trained_on(session), phantom_scans(session)
    found: dict[int, NormScan] = {}
    regions: dict[int, dict[str, float]] = {}
    for row in rows:
        regions.setdefault(row.scan_id, {})[row.region] = row.volume_cm3
        if row.scan_id not in found:
            found[row.scan_id] = NormScan(
                subject=row.subject,
                scan=row.scan_id,
                sex=None if row.sex is None else row.sex.value,
                age_years=row.age_years,
                volumes_cm3={},
                source=str(row.source),
                annotation=row.annotation_id,
                accepted=chosen_ones[row.scan_id].verdict is Verdict.ACCEPT,
                unread=chosen_ones[row.scan_id].accepted_unread,
                remembered=row.annotation_id in learned,
                site=sites[row.scan_id],
                scanner=device[row.scan_id],
                thickness_mm=row.thickness_mm,
                phantom=row.scan_id in unreal,
            )
    return [scan.model_copy(update={"volumes_cm3": regions[number]}) for number, scan in found.items()]


def _row(found: Norm, origin: str, used: str, record: NormRecord | None = None) -> NormRow:
    limits = found.limits
    return NormRow(
        name=found.name,
        title=found.title,
        origin=origin,
        method=found.file.card.method_title if isinstance(found, FittedNorm) else limits.method,
        population=limits.population,
        ages=limits.ages,
        n_male=limits.n_male,
        n_female=limits.n_female,
        regions=found.regions,
        scanners=limits.scanners,
        thickness=limits.thicknesses,
        cautions=limits.cautions,
        used=found.name == used,
        sha256="" if record is None else record.sha256,
        created=None if record is None else record.created,
        author="" if record is None else record.author,
        error=max((entry.calibration.error for entry in found.file.regions), default=None)
        if isinstance(found, FittedNorm)
        else None,
    )
