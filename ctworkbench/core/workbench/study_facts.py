"""A study read into plain facts, for checklists and warnings."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from statistics import fmean, stdev
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ctworkbench.core.analysis.observations import Observation
from ctworkbench.core.methods.facts import (
    EXPERT,
    PSEUDO,
    Figure,
    ModelFact,
    NormFact,
    RefusalFact,
    ScanFact,
    SignificanceTest,
    StudyFacts,
    SubjectFact,
    VolumeFact,
    ZFact,
)
from ctworkbench.core.model import (
    Annotation,
    ModelRun,
    NormRecord,
    Origin,
    Preprocessing,
    Refusal,
    Role,
    Scan,
    Subject,
)
from ctworkbench.core.norms import Norm, PublishedNorm
from ctworkbench.core.norms.fitted import FittedNorm
from ctworkbench.core.norms.units import age_possible, volume_fault
from ctworkbench.core.schemes import load as load_scheme
from ctworkbench.core.training import LABEL_KINDS
from ctworkbench.core.workbench import label_facts, norm_library
from ctworkbench.core.workbench.current import CURRENT
from ctworkbench.core.workbench.ensembles import members_of
from ctworkbench.core.workbench.lineage import is_phantom
from ctworkbench.core.workbench.open_study import OpenStudy
from ctworkbench.core.workbench.rows import VolumeRow
from ctworkbench.core.workbench.volumes import scanners, thickness_of, volumes

_PACKAGES = ("numpy", "scipy", "statsmodels", "torch", "SimpleITK", "antspyx", "scikit-image", "nibabel", "pydicom")


def study_facts(study: OpenStudy, name: str = "", source: str = CURRENT) -> StudyFacts:
    """All that checklists and warnings ask of a study, as it is now.

    Args:
        study: the open study.
        name: of the study, for people.
        source: which label maps and volumes count; see `volumes.volumes`.

    Raises:
        WorkbenchError: an unknown source.
    """
    scheme = load_scheme(study.scheme)
    rows = volumes(study, source)
    with study.database.reading() as session:
        scans = session.execute(select(Scan, Subject.code).join(Subject).order_by(Scan.id)).tuples().all()
        norm = norm_library.norm(study)
        return StudyFacts(
            name=name,
            program=study.code_version,
            scheme=study.scheme,
            regions=scheme.region_names,
            split_seed=study.split_seed,
            subjects=_subjects(session),
            scans=_scans(session, scans),
            label_maps=label_facts.label_maps(session, source),
            models=_models(session),
            volumes=_volumes(rows),
            registered=label_facts.registered(session),
            templates=label_facts.templates(study, session),
            norm=_norm(norm, _origin(session, norm), rows, {scan.id: scan for scan, _ in scans}),
            tests=_tests(rows),
            refusals=tuple(
                RefusalFact(row.source, row.reason, row.skipped)
                for row in session.scalars(select(Refusal).order_by(Refusal.id))
            ),
            software=_software(),
        )


def volume_facts(study: OpenStudy, rows: Sequence[VolumeRow], tests: tuple[SignificanceTest, ...]) -> StudyFacts:
    """What warnings about one table ask, and no more; `rows` are its volumes, `tests` its tests."""
    with study.database.reading() as session:
        return StudyFacts(
            label_maps=label_facts.origins(session, {row.annotation_id for row in rows}),
            models=_models(session),
            volumes=_volumes(rows),
            registered=label_facts.registered(session),
            templates=label_facts.templates(study, session),
            tests=tests,
        )


def significance_tests(coefficients: Sequence[Any], hemispheres: Sequence[Any]) -> tuple[SignificanceTest, ...]:
    """The tests of the cohort's tables that have a p."""
    found = [
        SignificanceTest(f"regression on {row.term}", row.region, row.p, row.p_holm)
        for row in coefficients
        if row.term != "intercept" and row.p is not None and row.p_holm is not None
    ]
    found += [
        SignificanceTest("right against left", f"{row.pair}, {row.sex}", row.p, row.p_holm)
        for row in hemispheres
        if row.p is not None and row.p_holm is not None
    ]
    return tuple(found)


def _subjects(session: Session) -> tuple[SubjectFact, ...]:
    query = select(Subject.code, Subject.sex, Subject.role).order_by(Subject.code)
    return tuple(
        SubjectFact(code, None if sex is None else str(sex), None if role is None else str(role))
        for code, sex, role in session.execute(query).tuples()
    )


def _scans(session: Session, scans: Sequence[tuple[Scan, str]]) -> tuple[ScanFact, ...]:
    versions = select(Preprocessing.scan_id, Preprocessing.code_version).order_by(Preprocessing.id)
    prepared, device = dict(session.execute(versions).tuples().all()), scanners(session)
    return tuple(
        ScanFact(
            id=scan.id,
            subject=code,
            age_years=scan.age_years,
            site=scan.site,
            scanner=device[scan.id],
            spacing=tuple(scan.spacing),
            thickness_mm=thickness_of(scan.protocol),
            protocol=dict(scan.protocol),
            corrections=tuple(scan.corrections),
            warnings=tuple(scan.warnings),
            preprocessed_by=prepared.get(scan.id, ""),
            imported=f"{scan.created:%Y-%m-%d}",
            phantom=is_phantom(scan.protocol, scan.site),
        )
        for scan, code in scans
    )


def _models(session: Session) -> tuple[ModelFact, ...]:
    tested: dict[int, dict[str, list[float]]] = {}
    query = (
        select(Annotation.model_id, Annotation.scores)
        .join(Scan, Scan.id == Annotation.scan_id)
        .join(Subject, Subject.id == Scan.subject_id)
        .where(Annotation.model_id.is_not(None), Subject.role == Role.TEST)
    )
    for model_id, scores in session.execute(query).tuples():
        if model_id is not None and scores.get("dice_accepted") is not None:
            kind = EXPERT if scores.get("dice_accepted_origin") == Origin.EXPERT else PSEUDO
            tested.setdefault(model_id, {}).setdefault(kind, []).append(scores["dice_accepted"])
    return tuple(
        ModelFact(
            id=run.id,
            network=run.network,
            preset=run.preset,
            roles=dict(run.split),
            fold=run.parameters.get("fold"),
            folds=int(run.result.get("settings", {}).get("folds", 1)),
            seed=run.parameters.get("seed"),
            label_kind=run.label_kind,
            training_labels=tuple(
                case["labels"]
                for case in run.parameters.get("cases", ())
                if run.split.get(case["subject"]) == Role.TRAIN
            ),
            figures=(*_own_figures(run), *_test_figures(tested.get(run.id, {}))),
            settings=run.result.get("settings", {}),
            network_params=run.result.get("network_params", {}),
            device=str(run.result.get("device", "")),
            seconds=run.result.get("seconds"),
            torch_version=str(run.result.get("torch_version", "")),
            code_version=run.code_version,
            weights_hash=run.weights_hash,
            imported="imported" in run.result,
            members=members_of(run),
        )
        for run in session.scalars(select(ModelRun).order_by(ModelRun.id))
    )


def _own_figures(run: ModelRun) -> list[Figure]:
    """What the training itself measured: on its training cases, and on its validation cases by kind of label."""
    result, found = run.result, list[Figure]()
    if result.get("dice_train") is not None:
        learned = Counter(run.split.values())[Role.TRAIN]
        regions = result.get("dice_train_regions") or {}
        found.append(Figure("train", run.label_kind, result["dice_train"], n=learned or None, regions=regions))
    told = result.get("validation") or ()
    for row in told:
        kind = LABEL_KINDS[row["label_kind"]]
        found.append(Figure("validation", kind, row["mean"], row["n"], row["sd"], row["regions"]))
    if not told and result.get("dice_validation") is not None:
        found.append(Figure("validation", LABEL_KINDS[result.get("label_kind") or "pseudo"], result["dice_validation"]))
    return found


def _test_figures(scores: Mapping[str, Sequence[float]]) -> list[Figure]:
    return [
        Figure("test", kind, fmean(values), len(values), stdev(values) if len(values) > 1 else None)
        for kind, values in scores.items()
    ]


def _volumes(rows: Sequence[VolumeRow]) -> tuple[VolumeFact, ...]:
    """The volumes that can be some, as the tables take them: in mm³ or below 0 there is none."""
    return tuple(_volume(row) for row in rows if row.volume_cm3 == 0 or not volume_fault(row.volume_cm3))


def _volume(row: VolumeRow) -> VolumeFact:
    return VolumeFact(
        scan_id=row.scan_id,
        subject=row.subject,
        sex=None if row.sex is None else str(row.sex),
        age_years=row.age_years if age_possible(row.age_years) else None,
        region=row.region,
        volume_cm3=row.volume_cm3,
        label_map=row.annotation_id,
        source=str(row.source),
    )


def _origin(session: Session, norm: Norm) -> str:
    """Where a norm comes from: "published", "fitted" in this study, or "imported" into it."""
    return session.scalar(select(NormRecord.origin).where(NormRecord.name == norm.name)) or "published"


def _norm(norm: Norm, origin: str, rows: Sequence[VolumeRow], scans: Mapping[int, Scan]) -> NormFact:
    limits = norm.limits
    middle = (limits.age_min_years + limits.age_max_years) / 2
    sexes = [sex for sex, n in (("M", limits.n_male), ("F", limits.n_female)) if n]
    z: list[ZFact] = []
    outside: dict[int, str] = {}
    for row in rows:
        scan = scans[row.scan_id]
        found = norm.assess(row.region, row.sex, row.age_years, row.volume_cm3, row.scanner or None, row.thickness_mm)
        if found.z is not None:
            sex = None if row.sex is None else str(row.sex)
            z.append(ZFact(row.scan_id, sex, scan.site, row.region, found.z))
        elif found.expected_cm3 is None:
            outside.setdefault(row.scan_id, found.reason)
    return NormFact(
        name=norm.name,
        title=norm.title,
        text=limits.text,
        origin=origin,
        method=limits.method,
        ages=limits.ages,
        scanner=limits.scanner,
        thicknesses=limits.thicknesses,
        n=limits.n,
        n_male=limits.n_male,
        n_female=limits.n_female,
        cautions=limits.cautions,
        specification=_specification(norm),
        calibration=_calibration(norm),
        expected_cm3={region: fmean(norm.mean(region, sex, middle) for sex in sexes) for region in norm.regions},
        z=tuple(z),
        outside=dict(Counter(outside.values())),
    )


def _specification(norm: Norm) -> str:
    """Coefficients of the published norm; those of a fitted one are too many for a sentence and stand in its file."""
    if isinstance(norm, FittedNorm):
        return f"The norm's file holds all of the model (`ctworkbench norm export`; SHA-256 {norm.file.sha256[:16]})."
    if not isinstance(norm, PublishedNorm):
        return ""
    lines = (
        f"{line.region} {line.intercept:.2f} {line.sex:+.2f} · sex {line.age:+.2f} · age, SD {line.sd:.2f}"
        for line in norm.coefficients
    )
    return f"Volumes in cm³: {'; '.join(lines)}."


def _calibration(norm: Norm) -> str:
    """What a fitted norm says of children who were held out when it was fitted."""
    if not isinstance(norm, FittedNorm):
        return ""
    regions = norm.file.regions
    folds = max(entry.calibration.folds for entry in regions)
    worst, off = norm.file.worst
    mean = fmean(entry.calibration.error for entry in regions)
    return (
        f"Calibration on children who were held out ({folds} folds): the 5th, 25th, 50th, 75th and 95th centile are "
        f"off by {mean:.1f} points of a percent on average, worst in {worst} ({off:.1f}). The intervals of the "
        f"centiles come from {norm.file.card.repeats} bootstrap samples."
    )


def _tests(rows: Sequence[VolumeRow]) -> tuple[SignificanceTest, ...]:
    if not rows:
        return ()
    from ctworkbench.core.analysis.tables import tables

    made = tables(
        [
            Observation(row.subject, row.sex, row.age_years, row.region, row.volume_cm3, str(row.source), row.scan_id)
            for row in rows
        ]
    )
    return significance_tests(made.coefficients, made.hemispheres)


@cache
def _software() -> Mapping[str, str]:
    """Versions of Python and of the libraries that numbers come from."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    found = {"Python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # an installation without it; what is not there made no number
            continue
    return found
