"""The statistics are those of R: `reference/article.R` made the numbers, compared here to 1e-8. R is not needed."""

import csv
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path

import pytest
from pydantic import BaseModel

from ctworkbench.core.analysis.correlation import correlations
from ctworkbench.core.analysis.group_tests import sex_tests
from ctworkbench.core.analysis.multiplicity import fdr, holm
from ctworkbench.core.analysis.observations import Ledger, Observation
from ctworkbench.core.analysis.tables import StatisticsTables, tables

FOLDER = Path(__file__).parent / "reference"
PRECISION = 1e-8
Reference = Mapping[tuple[str, str, str], Mapping[str, float]]


def _read(name: str) -> list[dict[str, str]]:
    with (FOLDER / name).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@cache
def cohort() -> tuple[Observation, ...]:
    rows: list[Observation] = []
    for child in _read("article_cohort.csv"):
        subject, role, site, scanner, sex, age = (child.pop(name) for name in list(child)[:6])
        for region, volume in child.items():
            rows.append(
                Observation(subject, sex, float(age), region, float(volume), "expert", None, role, site, scanner)
            )
    return tuple(rows)


@cache
def computed() -> StatisticsTables:
    return tables(cohort())


@cache
def reference() -> Reference:
    found: dict[tuple[str, str, str], dict[str, float]] = {}
    for row in _read("article_expected.csv"):
        found.setdefault((row["table"], row["row"], row["column"]), {})[row["quantity"]] = float(row["value"])
    return found


TABLES: dict[str, tuple[Callable[[], Sequence[BaseModel]], tuple[str, str]]] = {
    "describe": (lambda: computed().descriptions, ("region", "sex")),
    "regression": (lambda: computed().coefficients, ("region", "term")),
    "correlation": (lambda: computed().correlations, ("region", "group")),
    "hemispheres": (lambda: computed().hemispheres, ("pair", "sex")),
    "groups": (lambda: computed().group_tests, ("grouping", "test")),
}


@pytest.mark.parametrize("table", TABLES)
def test_that_every_number_of_a_table_is_that_of_r(table: str) -> None:
    read, keys = TABLES[table]
    rows = {tuple(getattr(row, key) for key in keys): row for row in read()}
    expected = {(row, column): values for (name, row, column), values in reference().items() if name == table}
    assert set(rows) - {key for key in rows if key[1] == "Fisher's exact"} == set(expected)
    compared = 0
    for key, values in expected.items():
        for quantity, value in values.items():
            ours = getattr(rows[key], quantity)
            assert ours == pytest.approx(value, rel=PRECISION, abs=0), (key, quantity)
            compared += 1
    assert compared >= {"describe": 300, "regression": 390, "correlation": 250, "hemispheres": 160, "groups": 60}[table]


def test_that_fishers_test_where_counts_are_low_is_that_of_r() -> None:
    ours = {row.grouping: row for row in computed().group_tests if row.test == "Fisher's exact"}
    assert set(ours) == {"scanner"}  # the one grouping with an expected count below 5
    for quantity, value in reference()["fisher", "scanner", "Fisher's exact"].items():
        assert getattr(ours["scanner"], quantity) == pytest.approx(value, rel=PRECISION, abs=0)


def test_that_the_p_of_few_children_without_ties_is_exact_as_rs() -> None:
    subjects = set(reference()["few", "children", ""])
    rows = {row.region: row for row in correlations([r for r in cohort() if r.subject in subjects]) if row.group == "F"}
    for (table, region, _), values in reference().items():
        if table == "few" and region != "children":
            assert rows[region].method == "exact" and rows[region].n == 8
            assert rows[region].rho == pytest.approx(values["rho"], rel=PRECISION, abs=0)
            assert rows[region].p == pytest.approx(values["p"], rel=PRECISION, abs=0)


def test_that_the_articles_p_for_sex_is_the_one_with_yates_correction() -> None:
    plain, yates = sex_tests("set", [(603, 471), (223, 190)], Ledger())
    assert plain.p == pytest.approx(reference()["article", "sex", ""]["plain"], rel=PRECISION, abs=0)
    assert yates.p == pytest.approx(reference()["article", "sex", ""]["yates"], rel=PRECISION, abs=0)
    assert (round(plain.p or 0, 3), round(yates.p or 0, 3)) == (0.455, 0.491)


def test_that_corrections_are_those_of_statsmodels_whatever_is_missing() -> None:
    from statsmodels.stats.multitest import multipletests

    ps = [0.04, None, 0.001, 0.04, 0.9, None, 1e-12, 0.3]
    tested = [p for p in ps if p is not None]
    for ours, method in ((holm(ps), "holm"), (fdr(ps), "fdr_bh")):
        assert [p is None for p in ours] == [p is None for p in ps]
        assert [p for p in ours if p is not None] == pytest.approx(multipletests(tested, method=method)[1], rel=1e-12)
