"""Are the sets alike? Age and sex of the children of each set compared: the article's Table 1."""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from statistics import fmean, stdev

from ctworkbench.core.analysis.group_tests import GroupTest, age_tests, sex_tests
from ctworkbench.core.analysis.observations import Ledger, Observation, Row
from ctworkbench.core.norms import SEX_CODE
from ctworkbench.core.wording import count

Kind = Callable[[Observation], str]
TEST_SET = "test"
POOLED, POOLED_SETS = "train and validation", "set, pooled"
ROLES = ("train", "validation", TEST_SET)


class Group(Row):
    """One set of children; each child stands in a set once, with the age at its first scan there."""

    grouping: str
    group: str
    n: int
    male: int
    female: int
    sex_unknown: int
    n_age: int
    age_mean_years: float | None
    age_sd_years: float | None
    age_min_years: float | None
    age_max_years: float | None


def compare(
    rows: Sequence[Observation], ledger: Ledger | None = None
) -> tuple[tuple[Group, ...], tuple[GroupTest, ...]]:
    """Table 1: the sets of the split, and the sites and scanners where there are several."""
    ledger = ledger or Ledger()
    groups: list[Group] = []
    tests: list[GroupTest] = []
    kinds: list[tuple[str, Kind]] = [("set", lambda row: row.role)]
    if set(ROLES) <= {row.role for row in rows}:
        kinds.append((POOLED_SETS, _pooled))
    kinds += [("site", lambda row: row.site), ("scanner", lambda row: row.scanner)]
    for grouping, kind in kinds:
        found, tested = grouped(rows, grouping, kind, ledger)
        if grouping == "set" and not found:
            ledger.note(
                "Table 1 has no sets to compare: no child has a part in a split yet; `ctworkbench train` makes it."
            )
        if len(found) > 1 or grouping == "set":
            groups += found
            tests += tested
    return tuple(groups), tuple(tests)


def grouped(
    rows: Sequence[Observation], grouping: str, kind: Kind, ledger: Ledger
) -> tuple[list[Group], list[GroupTest]]:
    """The children of each group, and the tests of age and sex between them.

    Args:
        rows: volumes; a child whose regions were all left out still counts.
        grouping: name of what divides them, such as "site".
        kind: the group of a row; "" where it is unknown, which is told and not compared.
        ledger: is told of children without a group, and of children in several.
    """
    children: dict[str, dict[str, Observation]] = defaultdict(dict)
    unknown: set[str] = set()
    for row in rows:
        name = kind(row)
        if not name:
            unknown.add(row.subject)
            continue
        known = children[name].get(row.subject)
        if known is None or _age(row) < _age(known):
            children[name][row.subject] = row
    unknown -= {subject for group in children.values() for subject in group}
    if unknown and children and grouping != POOLED_SETS:  # told of the sets already
        ledger.note(f"Table 1: {grouping} unknown of {count(len(unknown), 'child', 'children')}, left out there.")
    several = sum(map(len, children.values())) - len({subject for group in children.values() for subject in group})
    if several:
        ledger.note(f"Table 1: {count(several, 'child', 'children')} under more than one {grouping}, counted in each.")
    names = [name for name in ("train", "validation", POOLED, TEST_SET) if name in children]
    names += sorted(name for name in children if name not in names)
    groups = [_group(grouping, name, list(children[name].values())) for name in names]
    if len(groups) < 2:
        return groups, []
    ages = {name: [row.age_years or 0.0 for row in children[name].values() if _age(row) < math.inf] for name in names}
    return groups, [
        *age_tests(grouping, ages, ledger),
        *sex_tests(grouping, [(group.male, group.female) for group in groups], ledger),
    ]


def _pooled(row: Observation) -> str:
    """The two sets that training saw as one, as the article knows a training and a test set alone."""
    return row.role if row.role in ("", TEST_SET) else POOLED


def _group(grouping: str, name: str, children: Sequence[Observation]) -> Group:
    ages = [row.age_years or 0.0 for row in children if _age(row) < math.inf]
    return Group(
        grouping=grouping,
        group=name,
        n=len(children),
        male=sum(row.sex == "M" for row in children),
        female=sum(row.sex == "F" for row in children),
        sex_unknown=sum(row.sex not in SEX_CODE for row in children),
        n_age=len(ages),
        age_mean_years=fmean(ages) if ages else None,
        age_sd_years=stdev(ages) if len(ages) > 1 else None,
        age_min_years=min(ages, default=None),
        age_max_years=max(ages, default=None),
    )


def _age(row: Observation) -> float:
    """Age in years, infinite where it is unknown."""
    return row.age_years if row.age_years is not None and math.isfinite(row.age_years) else math.inf
