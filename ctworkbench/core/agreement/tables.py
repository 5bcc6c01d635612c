"""Tables of agreement between readers, and of readers with themselves."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from ctworkbench.core.agreement.kappa import Kappa, cohen_kappa, fleiss_kappa, weighted_kappa
from ctworkbench.core.agreement.volumes import bland_altman, icc_absolute, icc_consistency
from ctworkbench.core.analysis.sheet import Cell, Column, TableSheet

INTER, INTRA = "between readers", "same reader"


@dataclass(frozen=True)
class ReadingFact:
    """What one reader made of one scan.

    Attributes:
        order: 0 for the first reading, 1 and on for second ones; repeats come after their reader's own.
        annotation_id: the label map that the verdict is of.
    """

    scan_id: int
    subject: str
    reader: str
    order: int
    repeat: bool
    verdict: str
    grade: int | None
    annotation_id: int


@dataclass(frozen=True)
class PairFact:
    """Two readings of one scan; `counts` by region: voxels in the first, in the second, in both."""

    one: ReadingFact
    other: ReadingFact
    counts: Mapping[str, Sequence[int]]
    voxel_mm3: float

    @property
    def kind(self) -> str:
        """Whether two readers read, or one did twice."""
        return INTRA if self.one.reader == self.other.reader else INTER


@dataclass(frozen=True, eq=False)
class Compared:
    """Volumes in cm³ of one region by the first and the second reading, and the Dice of each case; NaN in neither."""

    first: NDArray[np.float64]
    second: NDArray[np.float64]
    dice: NDArray[np.float64]
    subjects: tuple[str, ...]


def paired(facts: Sequence[ReadingFact]) -> list[tuple[ReadingFact, ReadingFact]]:
    """Readings to compare: of two readers, neither repeated; and of one reader, the earlier with the repeated."""
    of_scan: dict[int, list[ReadingFact]] = defaultdict(list)
    for fact in facts:
        of_scan[fact.scan_id].append(fact)
    found: list[tuple[ReadingFact, ReadingFact]] = []
    for own in of_scan.values():
        plain = sorted((fact for fact in own if not fact.repeat), key=lambda fact: fact.order)
        found += combinations(plain, 2)
        found += [(one, other) for one in plain for other in own if other.repeat and other.reader == one.reader]
    return found


def groups_of(pairs: Sequence[PairFact]) -> dict[tuple[str, str], list[PairFact]]:
    """Pairs by kind and readers; where there are several groups of a kind, all of them together too."""
    found: dict[tuple[str, str], list[PairFact]] = defaultdict(list)
    for pair in pairs:
        name = pair.one.reader if pair.kind == INTRA else f"{pair.one.reader} – {pair.other.reader}"
        found[(pair.kind, name)].append(pair)
    grouped = dict(sorted(found.items(), key=lambda item: (item[0][0] == INTRA, item[0][1])))
    for kind in (INTER, INTRA):
        own = [pair for key, some in grouped.items() if key[0] == kind for pair in some]
        if sum(key[0] == kind for key in grouped) > 1:
            grouped[(kind, "all")] = own
    return grouped


def compared(pairs: Sequence[PairFact], region: str) -> Compared:
    """One region of all pairs in which it is in either label map."""
    rows: list[tuple[float, float, float]] = []
    subjects: list[str] = []
    for pair in pairs:
        one, other, both = pair.counts.get(region, (0, 0, 0))
        if one + other:
            to_cm3 = pair.voxel_mm3 / 1000.0
            rows.append((one * to_cm3, other * to_cm3, 2 * both / (one + other)))
            subjects.append(pair.one.subject)
    values = np.array(rows, dtype=float).reshape(-1, 3)
    return Compared(values[:, 0], values[:, 1], values[:, 2], tuple(subjects))


def verdict_sheet(pairs: Sequence[PairFact], facts: Sequence[ReadingFact]) -> TableSheet:
    """Kappa on verdicts, of two readers and of all; weighted kappa on grades."""
    rows: list[tuple[Cell, ...]] = []
    notes: list[str] = []
    for (kind, name), own in groups_of(pairs).items():
        verdicts = cohen_kappa([(pair.one.verdict, pair.other.verdict) for pair in own])
        rows.append((kind, name, "verdict", "Cohen", *_cells(verdicts)))
        grades = [(p.one.grade, p.other.grade) for p in own if p.one.grade is not None and p.other.grade is not None]
        if grades:
            rows.append((kind, name, "grade", "weighted", *_cells(weighted_kappa(grades))))
        if math.isnan(verdicts.value):
            why = "one case says nothing of chance" if len(own) == 1 else "all verdicts are alike"
            notes.append(f"{name}: {why}, so that no kappa can be given.")
    rows += _fleiss_rows(facts)
    return TableSheet(
        "agreement_verdicts",
        "Verdicts and grades",
        "Agreement of readers on verdicts (Cohen's and Fleiss' kappa) and grades (kappa with quadratic weights).",
        (
            Column("kind", "Kind", "text"),
            Column("readers", "Readers", "text"),
            Column("of", "Of", "text"),
            Column("kappa_of", "Kappa", "text", meaning="Cohen's, weighted (quadratic) or Fleiss'"),
            Column("cases", "Cases", "count"),
            Column("agreement", "Agreement", meaning="Share of cases with the same answer; of Fleiss', of pairs"),
            Column("kappa", "κ", meaning="Agreement beyond chance: 0 is chance, 1 is full"),
            Column("low", "κ low", meaning="95 % interval", until="high"),
            Column("high", "κ high", meaning="95 % interval"),
        ),
        tuple(rows),
        tuple(notes),
    )


def label_map_sheet(pairs: Sequence[PairFact], regions: Mapping[str, str]) -> TableSheet:
    """Dice, intraclass correlation, and Bland and Altman's limits of every region.

    Args:
        pairs: what is compared.
        regions: name → title.
    """
    rows: list[tuple[Cell, ...]] = []
    for (kind, name), own in groups_of(pairs).items():
        for region, title in regions.items():
            found = compared(own, region)
            if not len(found.dice):
                continue
            both = np.column_stack([found.first, found.second])
            absolute, consistency = icc_absolute(both), icc_consistency(both)
            limits = bland_altman(found.first, found.second)
            spread = float(found.dice.std(ddof=1)) if len(found.dice) > 1 else math.nan
            numbers = [float(found.dice.mean()), spread, float(found.dice.min())]
            for interval in (absolute, consistency, limits.bias, limits.lower, limits.upper):
                numbers += [interval.value, interval.low, interval.high]
            rows.append((kind, name, title, len(found.dice), *(_number(value) for value in numbers)))
    told = "95 % interval"
    columns = [
        Column("kind", "Kind", "text"),
        Column("readers", "Readers", "text"),
        Column("region", "Region", "text"),
        Column("cases", "Cases", "count"),
        Column("dice_mean", "Dice", digits=3, meaning="Mean overlap of the two label maps"),
        Column("dice_sd", "SD", digits=3),
        Column("dice_min", "Least", digits=3),
    ]
    for key, title, meaning in (
        ("icc_2_1", "ICC(2,1)", "Absolute agreement of volumes, readers taken as a sample"),
        ("icc_3_1", "ICC(3,1)", "Consistency of volumes, these readers alone"),
        ("bias", "Bias, cm³", "Mean difference, second minus first"),
        ("lower", "Lower limit, cm³", "Bias − 1.96 SD"),
        ("upper", "Upper limit, cm³", "Bias + 1.96 SD"),
    ):
        columns += [
            Column(key, title, meaning=meaning),
            Column(f"{key}_low", "from", meaning=told, until=f"{key}_high"),
            Column(f"{key}_high", "to", meaning=told),
        ]
    return TableSheet(
        "agreement_label_maps",
        "Label maps",
        "Agreement of readers on label maps: Dice, intraclass correlation of volumes, Bland and Altman's limits.",
        tuple(columns),
        tuple(rows),
        ("A case counts where the region is in either label map. ICC needs three cases.",),
    )


def _fleiss_rows(facts: Sequence[ReadingFact]) -> list[tuple[Cell, ...]]:
    """Kappa over all readers of the scans that three or more read, by number of readers."""
    of_scan: dict[int, list[ReadingFact]] = defaultdict(list)
    for fact in facts:
        if not fact.repeat:
            of_scan[fact.scan_id].append(fact)
    by_number: dict[int, list[list[str]]] = defaultdict(list)
    for own in of_scan.values():
        if len(own) >= 3:
            by_number[len(own)].append([fact.verdict for fact in own])
    return [
        (INTER, f"{number} readers", "verdict", "Fleiss", *_cells(fleiss_kappa(cases)))
        for number, cases in sorted(by_number.items())
    ]


def _cells(kappa: Kappa) -> tuple[Cell, ...]:
    numbers = (kappa.agreement, kappa.value, kappa.low, kappa.high)
    return (kappa.cases, *(_number(value) for value in numbers))


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
