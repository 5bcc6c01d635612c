"""The domain as tables: one class, one table; the words that their columns hold are in `terms`.

Annotations, reviews, measurements, models, norms, assignments and audit entries are added and never changed or removed;
"current" is a query.
"""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, Float, ForeignKey, Integer, String, Text, UniqueConstraint, event
from sqlalchemy.orm import DeclarativeBase, Mapped, Mapper, mapped_column

from ctworkbench.core.columns import UtcDateTime, enum_column, now
from ctworkbench.core.terms import PREPROCESSING, Origin, ReaderRole, Role, Sex, Verdict


class Base(DeclarativeBase):
    """Base of all tables."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {dict[str, Any]: JSON, list[str]: JSON, datetime: UtcDateTime}


class Study(Base):
    """The research study; one row."""

    __tablename__ = "study"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    uid: Mapped[str] = mapped_column(String(64))
    scheme: Mapped[str] = mapped_column(String(64))
    split_seed: Mapped[int] = mapped_column(Integer)
    created: Mapped[datetime] = mapped_column(default=now)


class Subject(Base):
    """A child, known by a code alone."""

    __tablename__ = "subject"

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(64), unique=True)
    sex: Mapped[Sex | None] = mapped_column(enum_column(Sex))
    role: Mapped[Role | None] = mapped_column(enum_column(Role))


class Scan(Base):
    """One CT series of a subject.

    Attributes:
        orientation: axis codes of the grid as it was found, such as "LPS"; the stored image is in the RAS order.
        corrections: what was done to its geometry, one sentence each.
        image_key: key of the HU image in the voxel store.
    """

    __tablename__ = "scan"

    id: Mapped[int] = mapped_column(primary_key=True)
    subject_id: Mapped[int] = mapped_column(ForeignKey("subject.id"), index=True)
    series_uid: Mapped[str] = mapped_column(String(128), unique=True)
    age_years: Mapped[float | None] = mapped_column(Float)
    site: Mapped[str] = mapped_column(String(100))
    scanner: Mapped[str] = mapped_column(String(200))
    source: Mapped[str] = mapped_column(String(300))
    orientation: Mapped[str] = mapped_column(String(3))
    shape: Mapped[list[int]] = mapped_column(JSON)
    spacing: Mapped[list[float]] = mapped_column(JSON)
    protocol: Mapped[dict[str, Any]]
    corrections: Mapped[list[str]]
    warnings: Mapped[list[str]]
    image_key: Mapped[str] = mapped_column(String(64))
    job_id: Mapped[str] = mapped_column(String(64))
    created: Mapped[datetime] = mapped_column(default=now)


class Preprocessing(Base):
    """What was made of a scan for registration and networks, on one 1 mm grid; the newest counts."""

    __tablename__ = "preprocessing"

    id: Mapped[int] = mapped_column(primary_key=True)
    scan_id: Mapped[int] = mapped_column(ForeignKey("scan.id"), index=True)
    image_key: Mapped[str] = mapped_column(String(64))
    brain_key: Mapped[str] = mapped_column(String(64))
    skull_key: Mapped[str] = mapped_column(String(64))
    equalized_key: Mapped[str] = mapped_column(String(64))
    brain_cm3: Mapped[float]
    version: Mapped[int] = mapped_column(default=PREPROCESSING, server_default="1")
    warnings: Mapped[list[str]]
    code_version: Mapped[str] = mapped_column(String(32))
    job_id: Mapped[str] = mapped_column(String(64))
    created: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (UniqueConstraint("scan_id", "job_id"),)


class Template(Base):
    """An image with its label map, to be registered to scans."""

    __tablename__ = "template"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    annotation_id: Mapped[int | None] = mapped_column(Integer)
    image_key: Mapped[str] = mapped_column(String(64))
    labels_key: Mapped[str] = mapped_column(String(64))
    mask_key: Mapped[str] = mapped_column(String(64))
    created: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (UniqueConstraint("image_key", "labels_key", "mask_key"),)


class TemplateChoice(Base):
    """From when on which template is registered; the newest counts."""

    __tablename__ = "template_choice"

    id: Mapped[int] = mapped_column(primary_key=True)
    template_id: Mapped[int] = mapped_column(ForeignKey("template.id"))
    author: Mapped[str] = mapped_column(String(100))
    created: Mapped[datetime] = mapped_column(default=now)


class ModelRun(Base):
    """A trained network with all that is needed to say where its numbers come from."""

    __tablename__ = "model_run"

    id: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[str] = mapped_column(String(64), unique=True)
    network: Mapped[str] = mapped_column(String(64))
    preset: Mapped[str] = mapped_column(String(64))
    parameters: Mapped[dict[str, Any]]
    result: Mapped[dict[str, Any]]
    split: Mapped[dict[str, Any]]
    label_kind: Mapped[str] = mapped_column(String(32))
    code_version: Mapped[str] = mapped_column(String(32))
    weights_hash: Mapped[str] = mapped_column(String(64))
    created: Mapped[datetime] = mapped_column(default=now)


class Evaluation(Base):
    """Figures of a model on cases, beside those that its training kept; `part` tells the final test from the rest.

    Attributes:
        part: "test" where the locked test set was opened for it, else "validation".
        comparison: name of the comparison that asked for it; "" for none.
        result: what `training.MeasureResult` tells: figures of each case.
    """

    __tablename__ = "evaluation"

    id: Mapped[int] = mapped_column(primary_key=True)
    model_id: Mapped[int] = mapped_column(ForeignKey("model_run.id"), index=True)
    part: Mapped[str] = mapped_column(String(16))
    comparison: Mapped[str] = mapped_column(String(64))
    result: Mapped[dict[str, Any]]
    author: Mapped[str] = mapped_column(String(100))
    code_version: Mapped[str] = mapped_column(String(32))
    job_id: Mapped[str] = mapped_column(String(64), unique=True)
    created: Mapped[datetime] = mapped_column(default=now)


class Comparison(Base):
    """A comparison of trainings; `plan` is what `model_comparison.Plan` tells."""

    __tablename__ = "comparison"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    plan: Mapped[dict[str, Any]]
    author: Mapped[str] = mapped_column(String(100))
    created: Mapped[datetime] = mapped_column(default=now)


class Annotation(Base):
    """One version of a scan's label map, on the scan's own grid."""

    __tablename__ = "annotation"

    id: Mapped[int] = mapped_column(primary_key=True)
    scan_id: Mapped[int] = mapped_column(ForeignKey("scan.id"), index=True)
    scheme: Mapped[str] = mapped_column(String(64))
    version: Mapped[int]
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("annotation.id"))
    labels_key: Mapped[str] = mapped_column(String(64))
    author: Mapped[str] = mapped_column(String(100))
    origin: Mapped[Origin] = mapped_column(enum_column(Origin), index=True)
    comment: Mapped[str] = mapped_column(Text, default="")
    scores: Mapped[dict[str, Any]] = mapped_column(default=dict)
    parameters: Mapped[dict[str, Any]] = mapped_column(default=dict)
    template_id: Mapped[int | None] = mapped_column(ForeignKey("template.id"))
    model_id: Mapped[int | None] = mapped_column(ForeignKey("model_run.id"))
    code_version: Mapped[str] = mapped_column(String(32))
    job_id: Mapped[str | None] = mapped_column(String(64))
    created: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (UniqueConstraint("scan_id", "version"), UniqueConstraint("scan_id", "job_id"))


class Review(Base):
    """A reader's verdict on one version of a label map."""

    __tablename__ = "review"

    id: Mapped[int] = mapped_column(primary_key=True)
    annotation_id: Mapped[int] = mapped_column(ForeignKey("annotation.id"), index=True)
    verdict: Mapped[Verdict] = mapped_column(enum_column(Verdict))
    grade: Mapped[int | None]
    reasons: Mapped[list[str]]
    reviewer: Mapped[str] = mapped_column(String(100))
    seconds: Mapped[float]
    comment: Mapped[str] = mapped_column(Text)
    created: Mapped[datetime] = mapped_column(default=now)


class Measurement(Base):
    """One number taken from one label map."""

    __tablename__ = "measurement"

    id: Mapped[int] = mapped_column(primary_key=True)
    annotation_id: Mapped[int] = mapped_column(ForeignKey("annotation.id"), index=True)
    region: Mapped[str] = mapped_column(String(64))
    statistic: Mapped[str] = mapped_column(String(64))
    value: Mapped[float]
    unit: Mapped[str] = mapped_column(String(16))
    code_version: Mapped[str] = mapped_column(String(32))
    job_id: Mapped[str] = mapped_column(String(64))

    __table_args__ = (UniqueConstraint("annotation_id", "region", "statistic"),)


class CheckResult(Base):
    """What one automatic check found of one label map; of several runs the newest job counts.

    Attributes:
        name: of the check; region: name of the region, "" for the whole label map.
        severity: "ok", "look", "wrong" or "not done"; level: the value on the scale of all checks (`findings`).
        place: where to look, RAS+ mm.
    """

    __tablename__ = "check_result"

    id: Mapped[int] = mapped_column(primary_key=True)
    annotation_id: Mapped[int] = mapped_column(ForeignKey("annotation.id"), index=True)
    name: Mapped[str] = mapped_column(String(64))
    region: Mapped[str] = mapped_column(String(64))
    value: Mapped[float]
    unit: Mapped[str] = mapped_column(String(16))
    severity: Mapped[str] = mapped_column(String(16))
    level: Mapped[float]
    sentence: Mapped[str] = mapped_column(Text)
    place: Mapped[list[float] | None] = mapped_column(JSON(none_as_null=True))
    code_version: Mapped[str] = mapped_column(String(32))
    job_id: Mapped[str] = mapped_column(String(64))


class NormRecord(Base):
    """A norm that was fitted in this study or imported into it.

    Attributes:
        name: by which it is chosen; of an imported norm perhaps another than its file has.
        sha256: over its content; content: the text of its file (`norms.norm_file`).
        origin: "fitted" or "imported".
        details: what is known of the fit inside the study alone: who was left out, numbers of the label maps that it
            was made from; source of an import.
    """

    __tablename__ = "norm"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    origin: Mapped[str] = mapped_column(String(16))
    content: Mapped[str] = mapped_column(Text)
    details: Mapped[dict[str, Any]]
    author: Mapped[str] = mapped_column(String(100))
    job_id: Mapped[str | None] = mapped_column(String(64))
    created: Mapped[datetime] = mapped_column(default=now)


class NormChoice(Base):
    """From when on which norm is that of the study; the newest counts."""

    __tablename__ = "norm_choice"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    author: Mapped[str] = mapped_column(String(100))
    created: Mapped[datetime] = mapped_column(default=now)


class JobRecord(Base):
    """A job that was started; `recorded` once its outcome stands in the study."""

    __tablename__ = "job"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(String(32), index=True)
    scan_id: Mapped[int | None] = mapped_column(index=True)
    state: Mapped[str] = mapped_column(String(16))
    message: Mapped[str] = mapped_column(Text, default="")
    created: Mapped[datetime] = mapped_column(default=now)
    recorded: Mapped[datetime | None]


class Refusal(Base):
    """A series or file that was not taken into the study, and why."""

    __tablename__ = "refusal"

    id: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[str] = mapped_column(String(64), index=True)
    source: Mapped[str] = mapped_column(String(300))
    reason: Mapped[str] = mapped_column(Text)
    remedy: Mapped[str] = mapped_column(Text)
    skipped: Mapped[bool]
    created: Mapped[datetime] = mapped_column(default=now)


class Reader(Base):
    """Somebody who reads scans of this study, known by name."""

    __tablename__ = "reader"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    author: Mapped[str] = mapped_column(String(100))
    created: Mapped[datetime] = mapped_column(default=now)


class Assignment(Base):
    """A scan that a reader is to read; of one scan, reader and role the newest row counts.

    Attributes:
        blinded: whether the others' verdicts and corrections are kept from the reader until there is one of their own.
        active: False where it was taken back.
    """

    __tablename__ = "assignment"

    id: Mapped[int] = mapped_column(primary_key=True)
    scan_id: Mapped[int] = mapped_column(ForeignKey("scan.id"), index=True)
    reader: Mapped[str] = mapped_column(String(100))
    role: Mapped[ReaderRole] = mapped_column(enum_column(ReaderRole))
    blinded: Mapped[bool]
    active: Mapped[bool]
    author: Mapped[str] = mapped_column(String(100))
    created: Mapped[datetime] = mapped_column(default=now)


class Overlap(Base):
    """How two label maps of one scan agree, in voxels: region → [in the first, in the other, in both]."""

    __tablename__ = "overlap"

    id: Mapped[int] = mapped_column(primary_key=True)
    annotation_id: Mapped[int] = mapped_column(ForeignKey("annotation.id"), index=True)
    other_id: Mapped[int] = mapped_column(ForeignKey("annotation.id"))
    voxel_mm3: Mapped[float]
    counts: Mapped[dict[str, Any]]
    code_version: Mapped[str] = mapped_column(String(32))
    created: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (UniqueConstraint("annotation_id", "other_id"),)


class StudySetting(Base):
    """Something that holds for a study and can be changed, such as its list of reasons; the newest row counts."""

    __tablename__ = "study_setting"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), index=True)
    value: Mapped[dict[str, Any]]
    author: Mapped[str] = mapped_column(String(100))
    created: Mapped[datetime] = mapped_column(default=now)


class Audit(Base):
    """The trail and the change feed: who did what, when, to which row; each entry is chained to the one before.

    Written by `core.trail` alone. Attributes:
        subject: what it was done to, such as "annotation 12".
        scan_id: the scan that it belongs to, if it belongs to one.
        details: from which version, and why, as far as that was told.
        rows: digests of the rows that were written with it: "review 7" → SHA-256 (`core.audit_chain`).
        previous_hash, hash: the chain.
    """

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(primary_key=True)
    time: Mapped[datetime] = mapped_column(default=now)
    author: Mapped[str] = mapped_column(String(100))
    action: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(64))
    details: Mapped[dict[str, Any]]
    scan_id: Mapped[int | None] = mapped_column(index=True)
    rows: Mapped[dict[str, Any]]
    previous_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


class ImmutableRowError(RuntimeError):
    """A program fault: an attempt to change or remove a row that is kept for good."""


def _refuse(mapper: Mapper[Any], connection: object, target: object) -> None:
    raise ImmutableRowError(f"{type(target).__name__} rows are never changed or removed")


KEPT = (
    *(Annotation, Review, Measurement, CheckResult, Audit, ModelRun, NormRecord, NormChoice, TemplateChoice),
    *(Reader, Assignment, Overlap, StudySetting, Evaluation, Comparison),
)
# What the trail holds digests of: all that a number or a verdict goes back to; findings of checks can be made again.
# Study, subject and scan can be completed; of them the newest digest counts.
CHAINED: tuple[type[Base], ...] = (
    *(Study, Subject, Scan, Preprocessing, Template, TemplateChoice, ModelRun, Annotation, Review, Measurement),
    *(NormRecord, NormChoice, Reader, Assignment, Overlap, StudySetting, Evaluation, Comparison),
)

for _kept in KEPT:
    event.listen(_kept, "before_update", _refuse)
    event.listen(_kept, "before_delete", _refuse)
