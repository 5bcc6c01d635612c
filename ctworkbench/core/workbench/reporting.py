"""Reports of children, with the way back from each number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.files import need_folder
from ctworkbench.core.model import (
    Annotation,
    ModelRun,
    Origin,
    Preprocessing,
    Review,
    Scan,
    Subject,
    Template,
    Verdict,
)
from ctworkbench.core.norms import Norm
from ctworkbench.core.norms.child import Child
from ctworkbench.core.norms.fitted import FittedNorm
from ctworkbench.core.report import child_report
from ctworkbench.core.report.batch import ReportCase, ReportsParams, ReportsResult, file_name, load_case
from ctworkbench.core.translation import _
from ctworkbench.core.workbench import norm_library
from ctworkbench.core.workbench.child import Chosen, ErrorsOf, Found, describe_child, find, latest, reader
from ctworkbench.core.workbench.current import CURRENT, verdict_text
from ctworkbench.core.workbench.ensembles import mean_of, members_of
from ctworkbench.core.workbench.lineage import machine_made
from ctworkbench.core.workbench.open_study import OpenStudy
from ctworkbench.core.workbench.readers import refuse_hidden
from ctworkbench.core.workbench.reading import readings
from ctworkbench.core.workbench.rows import AnnotationRow, Changes
from ctworkbench.core.workbench.tables import LEANING

REPORT = "report"
_CASES_PER_JOB = 50


@dataclass(frozen=True)
class _Sources:
    """What label maps go back to, by id, and who judged them."""

    templates: Mapping[int, Template]
    template_of: Mapping[int, int]
    models: Mapping[int, ModelRun]
    prepared: Mapping[int, list[str]]
    reviewers: Mapping[int, str]


def report(study: OpenStudy, subject_code: str, out: Path, source: str = CURRENT) -> Path:
    """Write the one-page PDF of a subject's latest scan, under the subject's name where `out` is a folder.

    Raises:
        WorkbenchError: no such subject, or none of its scans has a measured label map.
    """
    norm = norm_library.norm(study)
    with study.database.reading() as session:
        refuse_hidden(session, study.settings.author, "This report", _scans_of(session, subject_code))
        found = find(session, [subject_code], source)
        sources = _read_sources(session)
    if subject_code not in found:
        raise WorkbenchError(f"There is no subject {subject_code} in this study.", "See `ctworkbench status`.")
    case = _case(study, found[subject_code], source, norm, reader(study), sources)
    if out.is_dir():
        out = out / case.file
    return child_report(load_case(case, norm), out)


def reports(study: OpenStudy, out: Path, source: str = CURRENT, initiator: object = None) -> list[str]:
    """Start the reports of all subjects into a folder; the jobs' ids. What is there and up to date is kept.

    Raises:
        WorkbenchError: no subject has a measured label map.
    """
    out = out.resolve()
    need_folder(out)
    norm = norm_library.norm(study)
    with study.database.reading() as session:
        refuse_hidden(session, study.settings.author, "These reports")
        found = find(session, None, source)
        sources = _read_sources(session)
    errors = reader(study)
    cases: list[ReportCase] = []
    without: list[str] = []
    for code, subject in found.items():
        try:
            cases.append(_case(study, subject, source, norm, errors, sources))
        except WorkbenchError as error:
            without.append(f"No report of {code}: {error}")
    if not cases:
        raise WorkbenchError("No subject of this study has a measured label map.", "Run `ctworkbench measure` first.")
    text = norm.file.text() if isinstance(norm, FittedNorm) else ""
    started: list[str] = []
    with study.deciding():
        live = {job.id: job.params for job in study.live(REPORT)}
        for start in range(0, len(cases), _CASES_PER_JOB):
            chunk = tuple(cases[start : start + _CASES_PER_JOB])
            told = () if start else tuple(without)
            params = ReportsParams(cases=chunk, out=out, without=told, norm=text)
            same = next((job for job, known in live.items() if known == params.model_dump(mode="json")), None)
            title = f"Reports of {chunk[0].child.subject} to {chunk[-1].child.subject}"
            function = "ctworkbench.core.report.batch:write_reports"
            started.append(same or study.start_or_resume(REPORT, title, function, params))
    study.announce(Changes(jobs=True), initiator)
    return started


def record_reports(study: OpenStudy, job_id: str) -> Changes:
    """Take note that a job of reports ended; its files are its outcome."""
    result = ReportsResult.model_validate(study.jobs.result(job_id))
    with study.database.writing() as session:
        if not study.claim(session, job_id):
            return Changes()
        study.audit(session, "report", job_id, {"written": len(result.written), "kept": len(result.kept)})
    return Changes(jobs=True)


def report_results(study: OpenStudy, job_ids: Sequence[str]) -> ReportsResult:
    """What became of the reports of jobs that are done, together."""
    results = [
        ReportsResult.model_validate(study.jobs.result(job))
        for job in job_ids
        if (study.jobs.folder / job / "result.json").exists()
    ]
    return ReportsResult(
        written=tuple(name for result in results for name in result.written),
        kept=tuple(name for result in results for name in result.kept),
        problems=tuple(text for result in results for text in result.problems),
    )


def _case(study: OpenStudy, found: Found, source: str, norm: Norm, errors: ErrorsOf, sources: _Sources) -> ReportCase:
    """The report of a subject's latest measured scan.

    Raises:
        WorkbenchError: there is none.
    """
    code = found.subject.code
    found, one = latest(found, code, source)
    row = one.annotation
    if row is None:
        raise WorkbenchError(f"{code} has no label map.", "Make one.")
    child = describe_child(study, found, one, norm, errors)
    return ReportCase(
        child=child,
        image=study.store.path(one.scan.image_key),
        labels=study.store.path(row.labels_key),
        file=file_name(code),
        facts=_facts(found, one),
        acquisition=_acquisition(one.scan),
        provenance=tuple(_provenance(code, one, row, sources)),
        warnings=tuple(_warnings(found, one, row, child, sources)),
        phantom=child.scan.phantom,
        scheme=study.scheme,
        program=f"CT Workbench {study.code_version}",
    )


def _facts(found: Found, one: Chosen) -> tuple[tuple[str, str], ...]:
    scan = one.scan
    unknown = _("unknown")
    sex = {"M": _("male"), "F": _("female")}.get(found.subject.sex or "", unknown)
    age = unknown if scan.age_years is None else _("{years:.2f} years at the scan").format(years=scan.age_years)
    lines = [(_("Subject"), found.subject.code), (_("Sex"), sex), (_("Age"), age)]
    lines.append((_("Study date"), str(scan.protocol.get("study_date", _("not kept")))))
    if len(found.scans) > 1:
        told = _("{all} of this subject, {measured} measured").format(
            all=len(found.scans), measured=len(found.measured)
        )
        lines.append((_("Scans"), told))
    if scan.site:
        lines.append((_("Site"), scan.site))
    return tuple(lines)


def _acquisition(scan: Scan) -> tuple[tuple[str, str], ...]:
    told: dict[str, Any] = scan.protocol
    unknown = _("unknown")
    thick, gap = told.get("slice_thickness_mm"), told.get("slice_spacing_mm", scan.spacing[2])
    thickness = _("thickness unknown") if thick is None else _("{mm:g} mm thick").format(mm=thick)
    slices = _("{thickness}, {gap:.3g} mm apart; pixels {x:.2g} × {y:.2g} mm").format(
        thickness=thickness, gap=gap, x=scan.spacing[0], y=scan.spacing[1]
    )
    tube = [f"{told['kvp']:g} kVp"] if "kvp" in told else []
    tube += [f"{told['mas']:g} mAs"] if "mas" in told else []
    lines = [
        (_("Scanner"), scan.scanner or unknown),
        (_("Slices"), slices),
        (_("Kernel"), str(told.get("kernel", unknown))),
        (_("Tube"), ", ".join(tube) or unknown),
    ]
    if told.get("gantry_tilt_degrees"):
        lines.append((_("Tilt"), f"{told['gantry_tilt_degrees']:g}°"))
    lines.append((_("Series UID"), scan.series_uid or unknown))
    return tuple(lines)


def _provenance(code: str, one: Chosen, row: AnnotationRow, sources: _Sources) -> list[tuple[str, str]]:
    """From the label map back to what it was made with."""
    base = machine_made({version.id: version for version in one.versions}, row) or row
    lines = [
        (_("Labels"), f"{row.origin}, version {row.version}"),
        (_("Verdict"), _verdict(row, sources)),
        (_("Label map"), row.labels_key[:16]),
    ]
    if base is not row:
        lines.append((_("Drawn from"), f"version {base.version} ({base.origin}), {base.labels_key[:16]}"))
    template = sources.templates.get(sources.template_of.get(base.id, -1))
    if template is not None:
        made_by = f"template {template.name} ({template.labels_key[:12]}), preset {base.parameters.get('preset', '?')}"
        lines.append((_("Registration"), made_by))
    elif fused := base.parameters.get("templates"):
        named = ", ".join(f"{part['name']} ({100 * part['weight']:.0f} %)" for part in fused)
        lines.append((_("Registration"), f"{len(fused)} templates: {named}; preset {base.parameters['preset']}"))
    model = None if base.model_id is None else sources.models.get(base.model_id)
    if model is not None:
        members = members_of(model)
        which = f"{mean_of(members)}, " if members else ""
        made_by = f"{model.id}: {which}{model.network}, {model.preset}, weights {model.weights_hash[:16]}"
        if code in model.split:
            made_by += f"; this subject was in its {model.split[code]} set"
        lines.append((_("Model"), made_by))
    lines.append((_("Made by"), f"CT Workbench {row.code_version}, {row.created:%Y-%m-%d}, {row.author}"))
    return lines


def _verdict(row: AnnotationRow, sources: _Sources) -> str:
    """What was said of the label map and by whom; nobody who did not look is named as a reader."""
    text = verdict_text(row.verdict, row.accepted_unread)
    if row.accepted_unread:
        return _("{verdict}: no reader has looked at it").format(verdict=text)
    reviewer = sources.reviewers.get(row.id, "")
    return f"{text}, {reviewer}" if row.verdict is not None and reviewer else text


def _warnings(found: Found, one: Chosen, row: AnnotationRow, child: Child, sources: _Sources) -> list[str]:
    """What a reader of the numbers must know, the gravest first."""
    told: list[str] = []
    later = found.scans[found.scans.index(one) + 1 :]
    if later:
        told.append(_("A later scan of this subject has no measured label map: this is not the newest."))
    if row.verdict is Verdict.NEEDS_EDITS:
        told.append(_("A reader found that these labels need edits; they were measured as they are."))
    elif row.verdict is Verdict.REJECT:
        told.append(_("A reader rejected these labels."))
    elif row.verdict is not Verdict.ACCEPT or row.accepted_unread:
        told.append(_("No reader has looked at these labels: see that the contours above follow the brain."))
    told += child.scan.cautions
    if row.origin is Origin.REGISTRATION:
        told.append(LEANING)
    if child.since is not None:
        told += child.since.notes
    told += child.doubts
    told += one.scan.warnings
    told += sources.prepared.get(one.scan.id, [])
    told += one.scan.corrections
    return [text[:1].upper() + text[1:] for text in dict.fromkeys(told)]


def _read_sources(session: Session) -> _Sources:
    prepared = select(Preprocessing.scan_id, Preprocessing.warnings).order_by(Preprocessing.id)
    used = select(Annotation.id, Annotation.template_id).where(Annotation.template_id.is_not(None))
    reviews = select(Review.annotation_id, Review.reviewer).order_by(Review.id)
    return _Sources(
        templates={row.id: row for row in session.scalars(select(Template))},
        template_of={annotation: template for annotation, template in session.execute(used).tuples() if template},
        models={row.id: row for row in session.scalars(select(ModelRun))},
        prepared=dict(session.execute(prepared).tuples().all()),
        reviewers=dict(session.execute(reviews).tuples().all())
        | {one.annotation_id: one.reader for scan in readings(session).values() for one in scan.standing()},
    )


def _scans_of(session: Session, code: str) -> list[int]:
    return list(session.scalars(select(Scan.id).join(Subject).where(Subject.code == code)))
