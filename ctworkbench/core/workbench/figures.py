"""The article's figures of a study: its network, a test subject, volumes against age. What cannot be made is said."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from ctworkbench.core.analysis.architecture import architecture_figure, flow_figure, read_network
from ctworkbench.core.analysis.figures import Picture, age_figure, subject_figure
from ctworkbench.core.analysis.observations import Observation
from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.model import Annotation, ModelRun, Origin, Role, Scan, Study, Subject, Verdict
from ctworkbench.core.schemes import load
from ctworkbench.core.wording import PHANTOM, count, phantoms
from ctworkbench.core.workbench.current import annotation_rows, verdict_text
from ctworkbench.core.workbench.ensembles import mean_of, members_of
from ctworkbench.core.workbench.lineage import is_phantom, phantom_scans
from ctworkbench.core.workbench.open_study import OpenStudy
from ctworkbench.core.workbench.readers import hidden_scans
from ctworkbench.core.workbench.rows import AnnotationRow
from ctworkbench.core.workbench.status import summarize

Keep = Callable[[Picture], object]


def figures(
    study: OpenStudy, annotation_ids: Iterable[int], rows: Sequence[Observation], keep: Keep
) -> tuple[list[str], list[str]]:
    """Draw Figures 1 to 3 and hand each over as soon as it is drawn; their captions, and what was not made and why.

    Args:
        study: the open study.
        annotation_ids: the label maps that the tables are made of; the model in use is the one most of them are from.
        rows: the volumes that the tables use.
        keep: takes a picture, and writes it.
    """
    captions: list[str] = []
    not_made: list[str] = []
    run = _model_in_use(study, set(annotation_ids))
    drawings: tuple[Callable[[], Picture], ...] = (
        lambda: _network(study, run),
        lambda: _test_subject(study, run),
        lambda: age_figure(rows, _phantoms(study, rows)),
    )
    for draw in drawings:
        try:
            picture = draw()
        except WorkbenchError as error:
            not_made.append(error.message)
            continue
        keep(picture)
        captions.append(picture.caption)
    if run is None:
        picture = _flow(study)
        keep(picture)
        captions.insert(0, picture.caption)
    return captions, not_made


def _phantoms(study: OpenStudy, rows: Sequence[Observation]) -> str:
    """How many of the scans that are drawn are of phantoms; "" where none is."""
    with study.database.reading() as session:
        phantom = phantom_scans(session)
    scans = {row.scan for row in rows if row.sex is not None and row.age_years is not None}
    return phantoms(len(scans & phantom), len(scans))


def _model_in_use(study: OpenStudy, annotation_ids: set[int]) -> ModelRun | None:
    """The model that made most of these label maps, else the newest; None where the study has none."""
    with study.database.reading() as session:
        made = select(Annotation.id, Annotation.model_id).where(Annotation.model_id.is_not(None))
        used = Counter(model for row, model in session.execute(made).tuples() if row in annotation_ids)
        if used:
            return session.get(ModelRun, used.most_common(1)[0][0])
        return session.scalars(select(ModelRun).order_by(ModelRun.id.desc()).limit(1)).first()


def _title(run: ModelRun) -> str:
    members = members_of(run)
    return f"model {run.id} ({run.network}, preset {run.preset}{f', {mean_of(members)}' if members else ''})"


def _network(study: OpenStudy, run: ModelRun | None) -> Picture:
    if run is None:
        raise WorkbenchError(
            "Figure 1 (architecture of the network): the study has no trained model; its flow is drawn instead."
        )
    members = run.parameters.get("members")
    sha256: str = members[0]["weights"] if members else run.weights_hash  # an ensemble is drawn as its first network
    weights = study.folder / "models" / f"{sha256}.safetensors"
    try:
        return architecture_figure(read_network(weights, _title(run), sha256))
    except WorkbenchError as error:
        raise WorkbenchError(f"Figure 1 (architecture of {_title(run)}): {error.message}", error.remedy) from error


def _test_subject(study: OpenStudy, run: ModelRun | None) -> Picture:
    """Figure 2 of the test subject of median agreement: neither the best nor the worst."""
    if run is None:
        raise WorkbenchError("Figure 2 (a test subject's label maps): the study has no trained model.")
    with study.database.reading() as session:
        found = _compared(session, run, study.settings.author)
    if not found:
        raise WorkbenchError(
            "Figure 2 (a test subject's label maps): no subject of the test set has both an accepted label map and "
            f"one of {_title(run)}.",
            "Accept the test subjects' label maps, then run `ctworkbench segment`.",
        )
    found.sort(key=lambda entry: (entry[0], entry[1].code))
    score, subject, scan, reference, predicted = found[(len(found) - 1) // 2]
    verdict = verdict_text(reference.verdict, reference.accepted_unread)
    origin = f"{reference.origin}, version {reference.version}, {verdict}"
    agreement = f" (mean Dice {score:.3f})" if score >= 0 else ""
    caution = ""
    if reference.origin is Origin.REGISTRATION:
        caution = (
            " The accepted label map comes from a registration, as labels to train on do: this shows how well the "
            "model imitates it, not how well it is right."
        )
    which = (
        f"of median agreement among {len(found)} subjects" if len(found) > 1 else "the only one with both label maps"
    )
    who = f"{subject.code} ({PHANTOM})" if is_phantom(scan.protocol, scan.site) else subject.code
    caption = (
        f"Figure 2. {who}, {which} of the test set{agreement}: axial, coronal and sagittal slices with the "
        f"contours of the accepted label map ({origin}; a–c), and on the same slices those of {_title(run)} (d–f). "
        f"R, L, A, P, S, I are the patient's directions.{caution}"
    )
    return subject_figure(
        study.store.get(scan.image_key),
        study.store.get(reference.labels_key),
        study.store.get(predicted.labels_key),
        load(study.scheme),
        (f"{who}: accepted label map ({origin})", f"{who}: {_title(run)}"),
        caption,
    )


def _compared(
    session: Session, run: ModelRun, reader: str
) -> list[tuple[float, Subject, Scan, AnnotationRow, AnnotationRow]]:
    """Scans of the test set with an accepted label map and the model's own: (mean Dice or −1, …)."""
    same = set(session.scalars(select(ModelRun.id).where(ModelRun.weights_hash == run.weights_hash)))
    query = select(Scan, Subject).join(Subject, Subject.id == Scan.subject_id).where(Subject.role == Role.TEST)
    hidden = hidden_scans(session, reader)
    scans = [row for row in session.execute(query).tuples() if row[0].id not in hidden]
    versions = annotation_rows(session, [scan.id for scan, _ in scans])
    found: list[tuple[float, Subject, Scan, AnnotationRow, AnnotationRow]] = []
    for scan, subject in scans:
        rows = versions.get(scan.id, [])
        accepted = [
            row for row in rows if row.verdict is Verdict.ACCEPT and row.origin is not Origin.MODEL and not row.aside
        ]
        model = next((row for row in rows if row.model_id in same and row.origin is Origin.MODEL), None)
        if accepted and model is not None and run.split.get(subject.code) in (None, Role.TEST):
            found.append((float(model.scores.get("dice_accepted", -1.0)), subject, scan, accepted[0], model))
    return found


def _flow(study: OpenStudy) -> Picture:
    """What came of each step so far."""
    with study.database.reading() as session:
        name = session.scalars(select(Study.name)).one()
    status = summarize(study, name)
    after_import, after_preprocessing = status.scans - status.preprocessed, status.preprocessed - status.labelled
    verdicts = (status.needs_edits, "to correct"), (status.rejected, "rejected"), (status.unreviewed, "to review")
    imported = f"{count(status.scans, 'scan')} of {count(status.subjects, 'subject')}"
    steps = (
        ("Imported", imported, _parts((status.refused, "refused"))),
        ("Preprocessed", count(status.preprocessed, "scan"), _parts((after_import, "not yet"))),
        ("Labelled", count(status.labelled, "scan"), _parts((after_preprocessing, "not yet"))),
        ("Accepted", count(status.accepted, "label map"), _parts(*verdicts)),
        ("Measured", count(status.measured, "label map"), ""),
    )
    return flow_figure(name, steps)


def _parts(*parts: tuple[int, str]) -> str:
    """What was left out on the way, by number and reason; "" where nothing was."""
    return ", ".join(f"{number} {reason}" for number, reason in parts if number > 0)
