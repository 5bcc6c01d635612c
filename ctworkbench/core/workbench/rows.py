"""What the service layer answers: frozen rows, free of the database, for the window and the command line alike."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from ctworkbench.core.model import Origin, Sex, Verdict


@dataclass(frozen=True)
class Changes:
    """What a write changed; told once to everybody who listens."""

    scans: bool = False
    annotations: bool = False
    reviews: bool = False
    measurements: bool = False
    models: bool = False
    jobs: bool = False
    norms: bool = False
    methods: bool = False
    checks: bool = False

    def __or__(self, other: "Changes") -> "Changes":
        return Changes(*(getattr(self, name) or getattr(other, name) for name in self.__dataclass_fields__))

    def __bool__(self) -> bool:
        return any(getattr(self, name) for name in self.__dataclass_fields__)


@dataclass(frozen=True)
class ScanRow:
    """A scan as the cohort table shows it.

    Attributes:
        versions: number of its label maps.
        unread: number of its label maps that have no verdict.
        origin, verdict, accepted_unread: of the label map that counts; of the newest where all were rejected.
        standing: which of its label maps counts, and which one is to review.
        phantom: whether it is of a digital phantom, and of no child.
        cautions: what must be known of the label map that counts for what its model learned from: this child, phantoms
            alone, children of other ages; the gravest first, one sentence each.
    """

    id: int
    subject: str
    sex: Sex | None
    age_years: float | None
    series_uid: str
    source: str
    site: str
    scanner: str
    shape: tuple[int, ...]
    spacing: tuple[float, ...]
    corrections: tuple[str, ...]
    preprocessed: bool
    versions: int
    unread: int
    origin: Origin | None
    verdict: Verdict | None
    split: str
    warnings: tuple[str, ...]
    orientation: str
    protocol: dict[str, Any]
    accepted_unread: bool = False
    standing: "Standing" = field(default_factory=lambda: Standing())
    phantom: bool = False
    cautions: tuple[str, ...] = ()


@dataclass(frozen=True)
class AnnotationRow:
    """One version of a label map, with the last verdict on it.

    Attributes:
        accepted_unread: whether it was accepted though nobody has looked at it: together with all others, or by a
            program.
        aside: whether it does not count by itself: a second or repeated reading, or one that was not chosen.
        disputed: whether readers disagree, so that the scan is to adjudicate; on the first reader's version.
        undecided: whether it is not known if readers agree, as their label maps were not compared yet; likewise.
        settled: whether it waits for others, not for the one who looks.
        due: whether it was assigned to the one who looks, who has not read it yet.
    """

    id: int
    scan_id: int
    version: int
    parent_id: int | None
    origin: Origin
    author: str
    created: datetime
    comment: str
    scheme: str
    verdict: Verdict | None
    scores: dict[str, Any]
    parameters: dict[str, Any]
    model_id: int | None
    code_version: str
    labels_key: str
    accepted_unread: bool = False
    aside: bool = False
    disputed: bool = False
    undecided: bool = False
    settled: bool = False
    due: bool = False

    @property
    def handle(self) -> str:
        """What names it for everybody and for good, "a17": versions are counted anew for a blinded reader."""
        return f"a{self.id}"


@dataclass(frozen=True)
class TemplateRow:
    """A template of a study.

    Attributes:
        id: None for the bundled one before it was first used.
        annotation_id: the version that it was made of; None for the bundled one.
        subject, version, author: of that version, as the reader counts them; without version and author where they are
            kept from the reader.
        in_use: whether labels are carried from it.
        sex, age_years: of the child that a bundled one is; "" and None where it is of many, or drawn.
    """

    id: int | None
    name: str
    annotation_id: int | None = None
    subject: str = ""
    version: int | None = None
    author: str = ""
    created: datetime | None = None
    in_use: bool = False
    sex: str = ""
    age_years: float | None = None

    def marked(self, in_use: bool) -> "TemplateRow":
        """The same, in use or not."""
        return replace(self, in_use=in_use)


@dataclass(frozen=True)
class Standing:
    """Where the label maps of one scan stand.

    Attributes:
        counts: the version that is measured and shown; the newest where all were rejected.
        waiting: the version that is to review: the newest without a verdict, or put off, unless an accepted one is
            newer.
    """

    counts: AnnotationRow | None = None
    waiting: AnnotationRow | None = None

    @property
    def disputed(self) -> bool:
        """Whether readers disagree, so that the scan is to adjudicate."""
        return any(row is not None and row.disputed for row in (self.counts, self.waiting))

    @property
    def undecided(self) -> bool:
        """Whether readers' label maps are still to be compared before it is known if they agree."""
        return any(row is not None and row.undecided for row in (self.counts, self.waiting))

    @property
    def newer(self) -> AnnotationRow | None:
        """The version that is to review, where another one counts."""
        return None if self.waiting == self.counts else self.waiting


@dataclass(frozen=True)
class WorklistRow:
    """A label map as the list of `review` shows it: the one that counts, or a newer one that is to review.

    Attributes:
        version: as the reader counts them; 0 where the scan has no label map.
        handle: what names it for everybody and for good, "a17"; "" where the scan has none.
        waiting: whether it is to review.
    """

    scan_id: int
    subject: str
    version: int
    origin: Origin | None
    verdict: Verdict | None
    accepted_unread: bool
    counts: bool
    waiting: bool
    handle: str = ""


@dataclass(frozen=True)
class ReviewRow:
    """One verdict."""

    id: int
    annotation_id: int
    verdict: Verdict
    grade: int | None
    reasons: tuple[str, ...]
    reviewer: str
    seconds: float
    comment: str
    created: datetime


@dataclass(frozen=True)
class ReadingRow:
    """What one of several readers made of a scan.

    Attributes:
        role: "first", "second" or "repeat".
        version: of the label map that the verdict is of.
    """

    reader: str
    role: str
    version: int
    verdict: Verdict
    grade: int | None
    reasons: tuple[str, ...]
    comment: str


@dataclass(frozen=True)
class RefusalRow:
    """A series or file that was not imported; `skipped` where nobody asked for it in particular."""

    source: str
    reason: str
    remedy: str
    skipped: bool
    created: datetime


@dataclass(frozen=True)
class ModelRow:
    """A trained network.

    Attributes:
        dice_validation: mean Dice over regions and validation subjects, against `validation_kind`.
        dice_test: the same over the locked test subjects, against `test_kind`; None until it was opened for this model.
        label_kind: what it was trained on: "pseudo-labels", "expert labels", or "pseudo- and expert labels".
        validation_kind, test_kind: "pseudo-labels" or "expert labels", never both in one figure; "" without a figure.
        source: name of the file that it was imported from; "" if it was trained here.
        dice_train: mean Dice over its training cases, on the network's own grid.
        members, folds: numbers of the models whose answers it averages, and of all folds of its training; often none.
        variant: what tells it from others of its preset, in words: fold, changed settings, the seed of a repeat.
    """

    id: int
    job_id: str
    network: str
    preset: str
    created: datetime
    weights_hash: str
    dice_validation: float | None
    dice_test: float | None
    label_kind: str
    subjects: int
    validation_kind: str = ""
    test_kind: str = ""
    source: str = ""
    dice_train: float | None = None
    members: tuple[int, ...] = ()
    folds: tuple[int, ...] = ()
    variant: str = ""


@dataclass(frozen=True)
class VolumeRow:
    """A measured volume with the way back to its label map.

    Attributes:
        scanner: maker and model as a norm's limits ask for them; "" where unknown.
        thickness_mm: of the scan's slices; None where unknown.
    """

    scan_id: int
    subject: str
    sex: Sex | None
    age_years: float | None
    series_uid: str
    region: str
    volume_cm3: float
    source: Origin
    version: int
    annotation_id: int
    scanner: str = ""
    thickness_mm: float | None = None


@dataclass(frozen=True)
class Dot:
    """One scan on a chart; `z` is None where the norm does not hold.

    Attributes:
        source: what made the label map: "registration", "expert" or "model".
        centile: 0 to 100; None where there is no z.
        role: of its subject in the study's split: "train", "validation", "test", or "" before there is one.
        verdict: the last one on the label map that was measured, such as "accept", or "accept unread" by somebody who
            did not look; "" without one.
        warnings: number of warnings on the scan.
        learned: the part its subject had in the training of the model that this label map goes back to; "" if none.
        version: of the label map.
        phantom: whether it is of a digital phantom, and of no child.
    """

    scan_id: int
    subject: str
    sex: Sex | None
    age_years: float | None
    value: float
    z: float | None
    source: str
    centile: float | None = None
    site: str = ""
    scanner: str = ""
    role: str = ""
    verdict: str = ""
    warnings: int = 0
    learned: str = ""
    version: int = 0
    phantom: bool = False


@dataclass(frozen=True)
class Band:
    """The norm of one sex along age: mean and ±1/±2 SD, and the 5th, 25th, 50th, 75th and 95th centile by number."""

    sex: Sex
    ages: list[float]
    minus2: list[float]
    minus1: list[float]
    mean: list[float]
    plus1: list[float]
    plus2: list[float]
    centiles: dict[int, list[float]] = field(default_factory=dict)


@dataclass(frozen=True)
class ChartData:
    """All that a chart shows; `outside` tells for a scan why it has no centile.

    Attributes:
        name: of the region or, for right minus left, of the pair.
        norm: title of the norm that the bands are of.
        signed: whether it is of right minus left; else a value of 0 says that the region was not found.
    """

    title: str
    unit: str
    dots: list[Dot]
    bands: list[Band]
    note: str
    outside: dict[int, str] = field(default_factory=dict)
    name: str = ""
    norm: str = ""
    signed: bool = False


@dataclass(frozen=True)
class StatusSummary:
    """Where a study stands, and what to do next.

    Attributes:
        unreviewed: scans with a label map that is to review; the number that the window shows.
        accepted_unread: how many of the `accepted` nobody has looked at.
    """

    name: str
    subjects: int
    scans: int
    preprocessed: int
    labelled: int
    accepted: int
    needs_edits: int
    rejected: int
    unreviewed: int
    models: int
    segmented: int
    measured: int
    refused: int
    jobs: dict[str, int]
    next_step: str
    accepted_unread: int = 0


@dataclass(frozen=True)
class NormRow:
    """A norm that a study can use.

    Attributes:
        origin: "published", "fitted" (in this study) or "imported".
        method: how it was made, one line.
        used: whether it is the norm of the study.
        sha256: over its content; "" for the published one, which is part of the program.
        created, author: when and by whom it was taken into the study; None and "" for the published one.
        error: mean distance of its centiles' coverage from what they say, in points of a percent, of the region where
            it is largest; None where it was not calibrated here.
    """

    name: str
    title: str
    origin: str
    method: str
    population: str
    ages: str
    n_male: int
    n_female: int
    regions: tuple[str, ...]
    scanners: tuple[str, ...]
    thickness: str
    cautions: tuple[str, ...]
    used: bool
    sha256: str = ""
    created: datetime | None = None
    author: str = ""
    error: float | None = None


@dataclass(frozen=True)
class NormPreview:
    """Who a norm would be made from.

    Attributes:
        ages: youngest and oldest, in years; None where nobody is left.
        excluded: number of scans that would be left out, by reason.
        notes: what must be known of those who stay.
        least: how many of each sex the method needs.
        refusal: why no norm can be made from them, and what to do; "" where one can.
    """

    n_male: int
    n_female: int
    ages: tuple[float, float] | None
    excluded: dict[str, int]
    notes: tuple[str, ...]
    least: int
    refusal: str
