"""A study of small heads whose label maps are accepted, written straight into it: ready to train on, no job needed."""

from pathlib import Path

from ctworkbench.core.model import Annotation, Origin, Preprocessing, Review, Role, Scan, Sex, Subject, Verdict
from ctworkbench.core.settings import Settings
from ctworkbench.core.volume import read_nifti
from ctworkbench.core.workbench import Workbench
from tests.train.heads import make_head

ROLES = (
    *(Role.TRAIN, Role.TRAIN, Role.TRAIN, Role.VALIDATION, Role.VALIDATION),
    *(Role.TEST, Role.TEST),
)
TINY = "epochs=1:channels=[4,6,8]"
"""Changes of a preset that make a training short."""


def trainable(folder: Path, experts: tuple[int, ...] = (6,)) -> Workbench:
    """Make a study of a head for each of `ROLES`, H00 and on; an expert has corrected the label maps of `experts`."""
    workbench = Workbench.create(folder / "study", Settings(author="reader", slots=1))
    study = workbench._study
    with study.database.writing() as session:
        for number, role in enumerate(ROLES):
            head = make_head(folder / "heads", number)
            keys = {name: study.store.put(read_nifti(getattr(head, name))) for name in ("image", "brain", "labels")}
            subject = Subject(code=head.subject, sex=Sex.MALE, role=role)
            session.add(subject)
            session.flush()
            scan = Scan(
                subject_id=subject.id,
                series_uid=f"1.2.3.{number}",
                age_years=2.0,
                site="S",
                scanner="none",
                source=head.subject,
                orientation="RAS",
                shape=list(head.truth.voxels.shape),
                spacing=list(head.truth.spacing),
                protocol={},
                corrections=[],
                warnings=[],
                image_key=keys["labels"],
                job_id="import",
            )
            session.add(scan)
            session.flush()
            made = Preprocessing(
                scan_id=scan.id,
                image_key=keys["image"],
                brain_key=keys["brain"],
                skull_key=keys["brain"],
                equalized_key=keys["image"],
                brain_cm3=900.0,
                warnings=[],
                code_version="0",
                job_id="p",
            )
            session.add(made)
            newest = 0
            origins = [Origin.REGISTRATION, *([Origin.EXPERT] if number in experts else [])]
            for version, origin in enumerate(origins, start=1):
                annotation = Annotation(
                    scan_id=scan.id,
                    scheme="lobes10",
                    version=version,
                    parent_id=None,
                    labels_key=keys["labels"],
                    author="reader",
                    origin=origin,
                    code_version="0",
                )
                session.add(annotation)
                session.flush()
                newest = annotation.id
            review = Review(
                annotation_id=newest,
                verdict=Verdict.ACCEPT,
                grade=5,
                reasons=[],
                reviewer="reader",
                seconds=30.0,
                comment="",
            )
            session.add(review)
    return workbench
