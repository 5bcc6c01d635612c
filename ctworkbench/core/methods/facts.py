"""What a study is, as plain frozen facts: all that checklists are filled from and warnings are drawn from.

Nothing here knows a database. Sexes are "M", "F" or None; roles "train", "validation", "test" or None; volumes in cm³.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from ctworkbench.core.training import LABEL_KINDS

PSEUDO, EXPERT, TRUTH = LABEL_KINDS["pseudo"], LABEL_KINDS["expert"], LABEL_KINDS["truth"]
ROLES = ("train", "validation", "test")
UNKNOWN = "not recorded"
"""What an answer says of anything that the study does not hold; it is then for the authors to add."""


@dataclass(frozen=True)
class SubjectFact:
    """A child."""

    code: str
    sex: str | None
    role: str | None


@dataclass(frozen=True)
class ScanFact:
    """A scan.

    Attributes:
        spacing: of the scan's own grid in mm.
        thickness_mm: of its slices, or their distance where that is larger; None where unknown.
        protocol: acquisition facts of its series.
        preprocessed_by: version of the program that preprocessed it; "" where none did.
        phantom: whether it is of a digital phantom.
        imported: day that it came into the study, as YYYY-MM-DD.
    """

    id: int
    subject: str
    age_years: float | None
    site: str = ""
    scanner: str = ""
    spacing: tuple[float, ...] = ()
    thickness_mm: float | None = None
    protocol: Mapping[str, Any] = field(default_factory=dict)
    corrections: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    preprocessed_by: str = ""
    imported: str = ""
    phantom: bool = False


@dataclass(frozen=True)
class VerdictFact:
    """What a reader said of a label map; `seconds` 0 says that it was not on the screen."""

    verdict: str
    reader: str
    seconds: float
    reasons: tuple[str, ...] = ()
    grade: int | None = None

    @property
    def read(self) -> bool:
        """Whether somebody looked: who accepts all at once leaves neither time nor grade."""
        return self.seconds > 0 or self.grade is not None


@dataclass(frozen=True)
class LabelMapFact:
    """One version of a scan's label map.

    Attributes:
        origin: "registration", "expert" or "model".
        machine: "registration" or "model" that it goes back to, through any number of corrections; "" for none.
        template: name of the template that `machine` registered; "" for none.
        model_id: the model that `machine` is; None for none.
        flips, windows, device: how that model answered: mirrored head averaged, in windows, on "cpu" or "cuda"; None
            or "" where it was not kept.
        current: whether it is the version that counts.
        verdicts: oldest first; the last one holds.
    """

    id: int
    scan_id: int
    subject: str
    version: int
    origin: str
    machine: str = ""
    template: str = ""
    preset: str = ""
    model_id: int | None = None
    current: bool = True
    verdicts: tuple[VerdictFact, ...] = ()
    key: str = ""
    code_version: str = ""
    flips: bool | None = None
    windows: bool | None = None
    device: str = ""

    @property
    def verdict(self) -> str:
        """The last verdict; "" where nobody judged it."""
        return self.verdicts[-1].verdict if self.verdicts else ""

    @property
    def accepted(self) -> bool:
        """Whether the last verdict accepts it."""
        return self.verdict == "accept"


@dataclass(frozen=True)
class Figure:
    """Mean Dice over the regions, of one role, against one kind of truth.

    Attributes:
        role: "train", "validation" or "test".
        kind: `PSEUDO`, `EXPERT` or `TRUTH` (of digital phantoms).
        n: number of label maps; None where it was not recorded.
        sd: between label maps; None for fewer than two.
        regions: mean by region, where recorded.
    """

    role: str
    kind: str
    mean: float
    n: int | None = None
    sd: float | None = None
    regions: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class ModelFact:
    """A trained network.

    Attributes:
        fold, folds: which fold of how many the preset asks for; fold None is the stored split.
        roles: what each subject was in this training.
        training_labels: keys of the label maps it was shown.
        settings, network_params: as the training recorded them.
        imported: whether it was trained elsewhere and taken in from a file.
        members: numbers of the models whose answers it averages; empty for a single network.
    """

    id: int
    network: str
    preset: str
    roles: Mapping[str, str]
    fold: int | None = None
    folds: int = 1
    seed: int | None = None
    label_kind: str = ""
    training_labels: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    network_params: Mapping[str, Any] = field(default_factory=dict)
    device: str = ""
    seconds: float | None = None
    torch_version: str = ""
    code_version: str = ""
    weights_hash: str = ""
    imported: bool = False
    members: tuple[int, ...] = ()

    def figure(self, role: str) -> Figure | None:
        """The figure of a role; that against experts where there are two."""
        found = sorted((f for f in self.figures if f.role == role), key=lambda f: f.kind != EXPERT)
        return found[0] if found else None


class VolumeFact(NamedTuple):
    """One region of one scan, from the label map that counts; a tuple, for a cohort has tens of thousands."""

    scan_id: int
    subject: str
    sex: str | None
    age_years: float | None
    region: str
    volume_cm3: float
    label_map: int
    source: str = "registration"


@dataclass(frozen=True)
class TemplateFact:
    """A template: volumes of its own label map, by region."""

    name: str
    volumes_cm3: Mapping[str, float]


@dataclass(frozen=True)
class RegisteredVolume:
    """One region of one scan as one template labelled it, whether that version counts or not."""

    scan_id: int
    template: str
    region: str
    volume_cm3: float


@dataclass(frozen=True)
class ZFact:
    """z of one region of one scan that the norm covers."""

    scan_id: int
    sex: str | None
    site: str
    region: str
    z: float


@dataclass(frozen=True)
class NormFact:
    """The norm in use.

    Attributes:
        origin: "published", "fitted" to children of this study, or "imported" into it.
        text: population, ages, scanner, method and n in one paragraph.
        n: children that it was made from.
        expected_cm3: mean of boys and girls in the middle of its ages, by region.
        specification: the coefficients in full, for others to use; "" where the norm's own file holds them.
        calibration: what is known of how its centiles fit new children, one sentence; "" where nothing is.
        z: z of the cohort's scans that the norm covers.
        outside: scans that it gives no centile, by reason.
    """

    name: str
    title: str
    text: str = ""
    origin: str = "published"
    method: str = ""
    ages: str = ""
    scanner: str = ""
    thicknesses: str = ""
    n: int = 0
    n_male: int = 0
    n_female: int = 0
    cautions: tuple[str, ...] = ()
    expected_cm3: Mapping[str, float] = field(default_factory=dict)
    specification: str = ""
    calibration: str = ""
    z: tuple[ZFact, ...] = ()
    outside: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class SignificanceTest:
    """One significance test of the cohort's tables; tests of one family are corrected together."""

    family: str
    name: str
    p: float
    p_corrected: float


@dataclass(frozen=True)
class RefusalFact:
    """A series or file that was not imported; `skipped` where nobody asked for it in particular."""

    source: str
    reason: str
    skipped: bool = False


@dataclass(frozen=True)
class StudyFacts:
    """One study; `findings` are the titles of the warnings that were drawn from the rest of it."""

    name: str = ""
    program: str = ""
    scheme: str = ""
    regions: tuple[str, ...] = ()
    split_seed: int | None = None
    subjects: tuple[SubjectFact, ...] = ()
    scans: tuple[ScanFact, ...] = ()
    label_maps: tuple[LabelMapFact, ...] = ()
    models: tuple[ModelFact, ...] = ()
    volumes: tuple[VolumeFact, ...] = ()
    registered: tuple[RegisteredVolume, ...] = ()
    templates: tuple[TemplateFact, ...] = ()
    norm: NormFact | None = None
    tests: tuple[SignificanceTest, ...] = ()
    refusals: tuple[RefusalFact, ...] = ()
    software: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[str, ...] = ()

    @property
    def role_of(self) -> dict[str, str]:
        """Role of each subject that has one."""
        return {subject.code: subject.role for subject in self.subjects if subject.role}

    @property
    def current(self) -> tuple[LabelMapFact, ...]:
        """The label maps that count, one a scan."""
        return tuple(row for row in self.label_maps if row.current)

    @property
    def networks(self) -> tuple[ModelFact, ...]:
        """The models that were trained; what averages several of them is left out."""
        return tuple(model for model in self.models if not model.members)

    @property
    def newest_model(self) -> ModelFact | None:
        """The model trained last."""
        return max(self.networks, key=lambda model: model.id, default=None)

    def references(self, role: str) -> tuple[LabelMapFact, ...]:
        """What figures of a role are held against: each scan's newest accepted label map that no model alone made."""
        role_of = self.role_of
        newest: dict[int, LabelMapFact] = {}
        for row in sorted(self.label_maps, key=lambda row: row.version):
            if row.accepted and row.origin != "model" and role_of.get(row.subject) == role:
                newest[row.scan_id] = row
        return tuple(newest.values())

    def leans_on(self, row: LabelMapFact) -> str:
        """Name of the template that a label map repeats: its own, or that of all labels its model learned from.

        An expert's label map leans on none: somebody drew it.
        """
        if row.origin == "registration":
            return row.template
        return self._taught.get(row.model_id, "") if row.origin == "model" else ""

    @cached_property
    def _taught(self) -> dict[int | None, str]:
        """By model the one template that all its training labels are registrations of; no others."""
        by_key = {row.key: row.template if row.origin == "registration" else "" for row in self.label_maps if row.key}
        found: dict[int | None, str] = {}
        for model in self.models:
            names = {by_key[key] for key in model.training_labels if key in by_key}
            if len(names) == 1:
                found[model.id] = names.pop()
        return found

    @cached_property
    def pairs(self) -> "Pairs":
        """The volumes by pair of regions and scan."""
        return sides(self.volumes)

    @cached_property
    def by_region(self) -> dict[str, list[VolumeFact]]:
        """The volumes by region."""
        found: dict[str, list[VolumeFact]] = defaultdict(list)
        for row in self.volumes:
            found[row.region].append(row)
        return found


Pairs = dict[str, dict[int, tuple[VolumeFact, VolumeFact]]]
"""Pair, such as "frontal" → scan → its right and its left side."""


def sides(volumes: Iterable[VolumeFact]) -> Pairs:
    """Both sides of each pair in each scan; scans without one of them are left out."""
    rights: dict[str, dict[int, VolumeFact]] = defaultdict(dict)
    lefts: dict[str, dict[int, VolumeFact]] = defaultdict(dict)
    for row in volumes:
        side, _, pair = row.region.partition("_")
        if row.volume_cm3 > 0 and side in ("right", "left"):
            (rights if side == "right" else lefts)[pair][row.scan_id] = row
    return {
        pair: {scan: (right, lefts[pair][scan]) for scan, right in scans.items() if scan in lefts[pair]}
        for pair, scans in rights.items()
    }


Answer = Callable[[StudyFacts], str]
"""What the program says for items of a checklist; "" where a study holds nothing for it."""
