"""Agreement of readers, against the worked examples in which the methods were published."""

from pathlib import Path

import numpy as np
import pytest

from ctworkbench.core.agreement.kappa import cohen_kappa, fleiss_kappa_of_counts, weighted_kappa
from ctworkbench.core.agreement.overlap import overlap_counts
from ctworkbench.core.agreement.volumes import bland_altman, icc_absolute, icc_consistency
from ctworkbench.core.errors import VolumeError, WorkbenchError
from ctworkbench.core.label_maps import dice
from ctworkbench.core.model import ReaderRole
from ctworkbench.core.settings import Settings
from ctworkbench.core.volume import Volume
from ctworkbench.core.workbench import Verdict, Workbench
from tests.test_bad_input import run
from tests.ui.seeded_study import seed

# Shrout & Fleiss 1979, table 2: six targets by four judges.
JUDGES = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float)
# Fleiss 1971: 30 patients by 5 diagnoses, six psychiatrists each.
FLEISS = np.array(
    [
        *([0, 0, 0, 6, 0], [0, 3, 0, 0, 3], [0, 1, 4, 0, 1], [0, 0, 0, 0, 6], [0, 3, 0, 3, 0], [2, 0, 4, 0, 0]),
        *([0, 0, 4, 0, 2], [2, 0, 3, 1, 0], [2, 0, 0, 4, 0], [0, 0, 0, 0, 6], [1, 0, 0, 5, 0], [1, 1, 0, 4, 0]),
        *([0, 3, 3, 0, 0], [1, 0, 0, 5, 0], [0, 2, 0, 3, 1], [0, 0, 5, 0, 1], [3, 0, 0, 1, 2], [5, 1, 0, 0, 0]),
        *([0, 2, 0, 4, 0], [1, 0, 2, 0, 3], [0, 0, 0, 0, 6], [0, 1, 0, 5, 0], [0, 2, 0, 1, 3], [2, 0, 0, 4, 0]),
        *([1, 0, 0, 4, 1], [0, 5, 0, 1, 0], [4, 0, 0, 0, 2], [0, 2, 0, 4, 0], [1, 0, 5, 0, 0], [0, 0, 0, 0, 6]),
    ],
    float,
)
# Bland & Altman 1986: peak expiratory flow of 17 subjects by two meters, l/min.
LARGE = np.array([494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427], float)
MINI = np.array([512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451], float)


def test_that_icc_is_that_of_shrout_and_fleiss() -> None:
    absolute, consistency = icc_absolute(JUDGES), icc_consistency(JUDGES)
    assert (round(absolute.value, 2), round(consistency.value, 2)) == (0.29, 0.71)
    assert (round(absolute.low, 2), round(absolute.high, 2)) == (0.02, 0.76)  # R's psych::ICC on the same table
    assert (round(consistency.low, 2), round(consistency.high, 2)) == (0.34, 0.95)


def test_that_fleiss_kappa_is_that_of_fleiss() -> None:
    found = fleiss_kappa_of_counts(FLEISS)
    assert round(found.value, 3) == 0.430
    assert round(found.agreement, 3) == 0.556  # mean of P_i, as published: .5556
    assert found.low < found.value < found.high


def test_that_cohens_kappa_has_the_published_value_and_interval() -> None:
    # Fleiss, Levin & Paik 2003, table 18.1: two raters, three diagnoses, 100 patients: kappa 0.68.
    table = [[75, 1, 4], [5, 4, 1], [0, 0, 10]]
    pairs = [(str(i), str(j)) for i, row in enumerate(table) for j, number in enumerate(row) for _ in range(number)]
    found = cohen_kappa(pairs)
    assert round(found.value, 2) == 0.68
    assert found.agreement == pytest.approx(0.89)
    se = (found.high - found.low) / (2 * 1.96)
    assert se == pytest.approx(0.087, abs=0.001)  # as published, to its last digit


def test_that_weighted_kappa_follows_its_definition_and_forgives_near_misses() -> None:
    pairs = [(1, 1), (2, 2), (3, 4), (4, 4), (5, 5), (2, 3), (4, 5), (1, 2)]
    one, other = np.array(pairs).T
    distance = (one[:, None] - other[None, :]) ** 2
    expected = 1 - np.mean((one - other) ** 2) / distance.mean()
    assert weighted_kappa(pairs).value == pytest.approx(expected)
    assert weighted_kappa(pairs).value > cohen_kappa([(str(a), str(b)) for a, b in pairs]).value


def test_that_readers_who_all_say_the_same_have_no_kappa() -> None:
    found = cohen_kappa([("accept", "accept")] * 5)
    assert np.isnan(found.value) and found.agreement == 1.0


def test_that_one_case_has_no_kappa() -> None:
    for found in (cohen_kappa([("accept", "reject")]), weighted_kappa([(2, 4)])):
        assert found.cases == 1 and np.isnan([found.value, found.low, found.high]).all()


def test_that_limits_of_agreement_are_those_of_bland_and_altman() -> None:
    found = bland_altman(MINI, LARGE)
    assert (round(found.bias.value, 1), round(found.sd, 1)) == (-2.1, 38.8)
    assert (round(found.bias.low, 1), round(found.bias.high, 1)) == (-22.0, 17.8)  # as published: −22.0 to 17.8
    # published with 2 SD in place of 1.96: −79.7 to 75.5, the lower one known to 34.6 on either side
    bias, sd = round(found.bias.value, 1), round(found.sd, 1)  # the published limits come from rounded numbers
    assert (round(bias - 2 * sd, 1), round(bias + 2 * sd, 1)) == (-79.7, 75.5)
    assert found.lower.value == pytest.approx(found.bias.value - 1.96 * found.sd)
    assert found.lower.value - found.lower.low == pytest.approx(34.6, abs=0.3)
    assert found.upper.high - found.upper.value == pytest.approx(34.6, abs=0.3)


@pytest.mark.parametrize("cases", [0, 1, 2])
def test_that_too_few_cases_give_no_number(cases: int) -> None:
    values = np.arange(2.0 * cases).reshape(cases, 2)
    assert np.isnan(icc_absolute(values).value) and np.isnan(icc_consistency(values).value)
    assert bland_altman(values[:, 0], values[:, 1]).cases == cases


def test_that_overlaps_give_the_dice_of_the_label_maps() -> None:
    chance = np.random.default_rng(1)
    one, other = (chance.integers(0, 4, (9, 8, 7), dtype=np.uint8) for _ in range(2))
    counts = overlap_counts(one, other, {"a": 1, "b": 3})
    for name, code in (("a", 1), ("b", 3)):
        first, second, both = counts[name]
        assert 2 * both / (first + second) == pytest.approx(dice(one, other, [code])[code])
        assert first == np.count_nonzero(one == code)
    with pytest.raises(VolumeError):
        overlap_counts(one, other[1:], {})


def read(study: Workbench, name: str, scan_id: int, verdict: Verdict, grade: int, taken: int) -> None:
    """One reading of a scan: a correction that takes voxels of its region away, and the verdict on it."""
    study.sign_in(name)
    base = study.review.annotations(scan_id)[-1]
    labels = study.review.labels(base.id)
    voxels = np.array(labels.voxels)
    for place in np.argwhere(voxels)[:taken]:
        voxels[tuple(place)] = 0
    saved = study.review.save(scan_id, base.id, Volume(voxels, labels.affine))
    study.review.judge(saved.id, verdict, grade=grade, seconds=9.0)


def test_that_a_study_read_twice_and_repeated_gives_tables_and_pictures(tmp_path: Path) -> None:
    with seed(tmp_path / "study", children=11, settings=Settings(author="coordinator")) as study:
        with pytest.raises(WorkbenchError, match="No scan was read twice"):
            study.readers.agreement()
        for name in ("ada", "bob", "carl"):
            study.readers.add(name)
        scans = [11, 1]  # of one region, so that volumes can be compared
        study.readers.assign("ada", ReaderRole.FIRST, scan_ids=scans)
        study.readers.assign("bob", ReaderRole.SECOND, scan_ids=scans)
        study.readers.assign("carl", ReaderRole.SECOND, scan_ids=scans)
        for place, scan_id in enumerate(scans):
            read(study, "ada", scan_id, Verdict.ACCEPT, 4, 0)
            read(study, "bob", scan_id, (Verdict.ACCEPT, Verdict.REJECT)[place], 3, 8 * place)
            study.sign_in("carl")
            with pytest.raises(WorkbenchError, match="The agreement would show carl"):
                study.readers.agreement()
            read(study, "carl", scan_id, Verdict.ACCEPT, 5, 2)
        study.sign_in("coordinator")
        study.readers.assign("ada", ReaderRole.REPEAT, scan_ids=scans)
        for scan_id in scans:
            read(study, "ada", scan_id, Verdict.ACCEPT, 4, 1)
        study.sign_in("coordinator")
        verdicts, label_maps = study.readers.agreement().sheets
    names = {(row[0], row[1], row[3]) for row in verdicts.rows}
    assert ("between readers", "ada – bob", "Cohen") in names
    assert ("between readers", "3 readers", "Fleiss") in names
    assert ("same reader", "ada", "weighted") in names
    bob = next(row for row in label_maps.rows if row[1] == "ada – bob")
    keys = [column.key for column in label_maps.columns]
    voxel = 6.0 * 6.0 * 8.0 / 1000.0
    assert bob[keys.index("cases")] == 2
    assert bob[keys.index("bias")] == pytest.approx(-4 * voxel)  # 0 and 8 voxels taken away by bob alone
    whole = 6 * 8 * 4
    assert bob[keys.index("dice_mean")] == pytest.approx((1.0 + 2 * (whole - 8) / (2 * whole - 8)) / 2)
    done = run("agreement", tmp_path / "study", "--out", tmp_path / "out")
    assert done.code == 0 and "ada – bob" in done.out
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"agreement_verdicts.csv", "agreement_label_maps.csv", "notes.txt"} <= written
    assert sum(name.startswith("bland_altman_") and name.endswith(".svg") for name in written) == 1
