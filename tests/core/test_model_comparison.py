"""Trainings compared: the subject is the unit, kinds of labels stay apart, and what is wrong is told."""

import itertools
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ctworkbench.core.analysis.figures import save
from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.model_comparison import ALL_REGIONS, MEASURES, Configuration, parse_changes, parse_configuration
from ctworkbench.core.model_comparison.box_plot import box_of, boxes, pictures
from ctworkbench.core.model_comparison.measures import BY_KEY, subject_values
from ctworkbench.core.model_comparison.paired import estimate, paired_tests
from ctworkbench.core.model_comparison.plan import PlannedCase, check_folds, checked, checked_name
from ctworkbench.core.model_comparison.result import need_figures
from ctworkbench.core.model_comparison.sheets import case_sheet, figure_sheet
from ctworkbench.core.model_comparison.sheets import test_sheet as sheet_of_tests
from ctworkbench.core.segmentation_scores import RegionScores
from ctworkbench.core.training import CaseFigures
from tests.core.compared import cases, result, run

DICE = BY_KEY["dice"]
EIGHT = [f"P{number}" for number in range(8)]


def of(base: float, step: float = 0.01) -> dict[str, float]:
    return {code: base + step * number for number, code in enumerate(EIGHT)}


def told(notes: list[str], words: str) -> list[str]:
    return [note for note in notes if words in note]


# -- the plan ----------------------------------------------------------------------------------------------------------


def test_that_a_configuration_is_read_as_it_is_typed() -> None:
    found = parse_configuration("resunet:demo:epochs=20:kernel=[1, 3, 3]:loss=cross-entropy")
    assert found.changes == {"epochs": 20, "kernel": [1, 3, 3], "loss": "cross-entropy"}
    assert found.title == "resunet (demo, epochs 20, kernel (1, 3, 3), loss cross-entropy)"
    assert parse_configuration(found.text) == found
    assert parse_changes("epochs=20; kernel=[1, 3, 3] augmentation.flip=0") == {
        "epochs": 20,
        "kernel": [1, 3, 3],
        "augmentation.flip": 0,
    }


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["resunet:demo"], "two configurations or more"),
        (["resunet:demo", "resunet:demo:epochs=54"], r"resunet \(demo\) is named twice"),  # 54 is the preset's own
        (["resunet:demo", "vnet:demo"], "no network 'vnet'"),
        (["resunet:demo", "resunet:quick"], "no 'quick' among the presets"),
        (["resunet:demo", "resunet:demo:depth=5"], "has no setting depth"),
        (["resunet:demo", "resunet:demo:epochs=0"], "setting epochs cannot be 0"),
        (["resunet:demo", "resunet:demo:folds=3"], "folds are the comparison's own"),
        (["resunet:demo", "resunet"], "is no configuration"),
        (["resunet:demo", "resunet:demo:epochs"], "is no change of a setting"),
    ],
)
def test_that_what_cannot_be_compared_is_refused_by_name(texts: list[str], words: str) -> None:
    with pytest.raises(WorkbenchError, match=words):
        checked([parse_configuration(text) for text in texts], 1, 1)


def test_that_too_many_trainings_and_odd_names_are_refused() -> None:
    both = [Configuration(network=name, preset="demo") for name in ("resunet", "unet3d")]
    with pytest.raises(WorkbenchError, match="These are 600 trainings"):
        checked(both, 100, 3)
    with pytest.raises(WorkbenchError, match="cannot be the name"):
        checked_name("../x")
    assert checked_name("  kernel  sizes ") == "kernel sizes"


def planned(*roles: str) -> list[PlannedCase]:
    return [
        PlannedCase(subject=f"P{n}", role=role, label_kind="pseudo", labels="l", brain="b", hu="h", equalized="e")
        for n, role in enumerate(roles)
    ]


def test_that_a_fold_that_is_too_small_is_refused() -> None:
    with pytest.raises(WorkbenchError, match="4 subjects cannot be dealt into 5 folds"):
        check_folds(planned(*["train"] * 4), 5, 1)
    with pytest.raises(WorkbenchError, match=r"3 subjects in 2 folds leave 1 to train on, and 1 to validate on"):
        check_folds(planned("train", "train", "validation"), 2, 1)
    with pytest.raises(WorkbenchError, match="0 to validate on"):
        check_folds(planned("train", "train"), 1, 1)
    check_folds(planned("train", "train", "validation"), 1, 1)
    check_folds(planned("train", "train", "validation"), 3, 1)


# -- figures -----------------------------------------------------------------------------------------------------------


def test_that_repeats_and_scans_of_a_subject_are_averaged_before_anything_is_counted() -> None:
    first = run(0, *cases({"A": 0.8, "B": 0.6}), *cases({"A": 0.6}))  # two scans of A
    second = run(0, *cases({"A": 0.9, "B": 0.7}), repeat=1)
    found = subject_values([first, second], DICE, ALL_REGIONS, "validation", "pseudo")
    assert found.of == pytest.approx({"A": (0.7 + 0.9) / 2, "B": 0.65})
    assert found.trainings == 2


def test_that_the_volume_error_is_compared_by_its_size() -> None:
    rows = [
        CaseFigures(
            subject=code,
            part="validation",
            label_kind="pseudo",
            regions={"brainstem": RegionScores(dice=1, surface_dice=1, hd95_mm=0, volume_error_percent=error)},
        )
        for code, error in (("A", -10.0), ("B", 10.0))
    ]
    found = subject_values([run(0, *rows)], BY_KEY["volume_error"], "brainstem", "validation", "pseudo")
    assert found.mean == 10.0


def test_that_kinds_of_labels_and_sets_are_columns_of_their_own() -> None:
    figures = (
        *cases({"A": 0.9, "B": 0.8, "C": 0.7}),
        *cases({"A": 0.6, "B": 0.5, "C": 0.4}, kind="expert"),
        *cases({"D": 0.95}, "train"),
        *cases({"E": 0.3}, "test", "expert"),
    )
    sheet = figure_sheet(result([run(0, *figures), run(1, *cases({"A": 0.5}))]), DICE)
    keys = [column.key for column in sheet.columns]
    row: dict[str, Any] = dict(zip(keys, sheet.rows[0], strict=True))
    assert (row["region"], row["configuration"]) == ("Mean of the regions", "resunet (demo)")
    assert row["pseudo_validation"] == pytest.approx(0.8)
    assert row["expert_validation"] == pytest.approx(0.5)
    assert row["pseudo_train"] == pytest.approx(0.95)
    assert row["expert_test"] == pytest.approx(0.3)
    assert row["pseudo_validation_low"] < 0.8 < row["pseudo_validation_high"]
    other = dict(zip(keys, sheet.rows[1], strict=True))
    assert (other["pseudo_validation_n"], other["pseudo_validation_low"]) == (1, None)
    assert len(sheet.rows) == 22


def test_that_the_bootstrap_interval_of_the_mean_is_near_that_of_theory() -> None:
    values = np.random.default_rng(3).normal(0.8, 0.05, 60)
    found = estimate(list(values))
    error = values.std(ddof=1) / math.sqrt(60)
    assert found.low == pytest.approx(values.mean() - 1.96 * error, abs=0.15 * error)
    assert found.high == pytest.approx(values.mean() + 1.96 * error, abs=0.15 * error)
    assert estimate(list(values)) == found
    assert (estimate([0.5, 0.6]).low, estimate([]).mean) == (None, None)


# -- tests -------------------------------------------------------------------------------------------------------------


def test_that_wilcoxons_p_is_the_share_of_all_signs() -> None:
    differences = [0.011, 0.022, -0.005, 0.043, 0.031, 0.012, 0.027]
    base = dict.fromkeys(EIGHT[:7], 0.7)
    other = {code: 0.7 + d for code, d in zip(EIGHT, differences, strict=False)}
    (row,) = paired_tests({ALL_REGIONS: [other, base]}, "wilcoxon")
    ranks = np.argsort(np.argsort(np.abs(differences))) + 1
    signed = abs(sum(r * math.copysign(1, d) for r, d in zip(ranks, differences, strict=True)))
    all_signs = [abs(sum(r * s for r, s in zip(ranks, s, strict=True))) for s in itertools.product((-1, 1), repeat=7)]
    assert row.p == pytest.approx(np.mean([value >= signed - 1e-9 for value in all_signs]))
    assert row.difference.mean == pytest.approx(np.mean(differences))


def test_that_the_paired_t_is_that_of_the_formula() -> None:
    from scipy import stats

    differences = np.array([0.011, 0.022, -0.005, 0.043])
    base = dict.fromkeys(EIGHT[:4], 0.7)
    other = {code: 0.7 + d for code, d in zip(EIGHT, differences, strict=False)}
    (row,) = paired_tests({ALL_REGIONS: [other, base]}, "t")
    t = differences.mean() / (differences.std(ddof=1) / 2)
    assert row.statistic == pytest.approx(t)
    assert row.p == pytest.approx(2 * stats.t.sf(abs(t), 3))


def test_that_only_subjects_of_both_are_compared_and_p_is_corrected_over_the_family() -> None:
    one, two, three = of(0.8), of(0.75, 0.013), {**of(0.7, 0.02), "Q": 0.1}
    rows = paired_tests({"a": [one, two, three], "b": [one, one, three]}, "wilcoxon")
    assert [(row.region, row.first, row.second) for row in rows][:3] == [("a", 0, 1), ("a", 0, 2), ("a", 1, 2)]
    assert all(row.difference.n == 8 for row in rows)
    same = rows[3]
    assert (same.p, same.why) == (None, "all differences are equal")
    smallest = min(row.p for row in rows if row.p is not None)
    assert min(row.p_holm for row in rows if row.p_holm is not None) == pytest.approx(5 * smallest)


def test_that_repeats_do_not_make_p_smaller() -> None:
    once = result([run(0, *cases(of(0.8))), run(1, *cases(of(0.78, 0.011)))])
    often = result(
        [run(n % 2, *cases(of(0.8) if n % 2 == 0 else of(0.78, 0.011)), repeat=n // 2) for n in range(10)], 5
    )
    first, second = (found.tests(DICE, "validation", "pseudo")[0] for found in (once, often))
    assert first.p == second.p
    assert second.difference.n == 8
    assert told(often.notes(), "averaged over the 5 trainings of a configuration, then over 8 subjects")
    assert told(often.notes(), "Repeats and folds are no further subjects")
    assert told(once.notes(), "what another seed would change is not known")


def test_that_too_few_subjects_for_a_test_are_told_and_get_no_p() -> None:
    few = result([run(0, *cases({"A": 0.8, "B": 0.7, "C": 0.9})), run(1, *cases({"A": 0.7, "B": 0.65, "C": 0.6}))])
    row = few.tests(DICE, "validation", "pseudo")[0]
    assert (row.p, row.why) == (None, "3 of at least 6 subjects")
    assert row.difference.mean == pytest.approx(0.15)
    assert told(few.notes(), "3 validation subjects against pseudo-labels: too few for the Wilcoxon")
    assert few.tests(DICE, "validation", "pseudo", "t")[0].p is not None
    eight = result([run(0, *cases(of(0.8))), run(1, *cases(of(0.7, 0.02)))])
    assert told(eight.notes(), "8 validation subjects against pseudo-labels: few")


def test_that_configurations_without_a_common_subject_are_refused() -> None:
    apart = result([run(0, *cases({"A": 0.8})), run(1, *cases({"B": 0.8}))])
    with pytest.raises(WorkbenchError, match="No two configurations of trial have figures of one subject in common"):
        apart.tests(DICE, "validation", "pseudo")


# -- what is told by itself --------------------------------------------------------------------------------------------


def test_that_a_network_that_does_better_on_what_it_has_not_seen_is_told() -> None:
    odd = result([run(0, *cases(of(0.9)), *cases({"T": 0.8}, "train")), run(1, *cases(of(0.8)))])
    assert told(
        odd.warnings(), "resunet (demo): Dice is lower on its own training cases (0.800) than on the validation"
    )
    right = result([run(0, *cases(of(0.7)), *cases({"T": 0.9}, "train")), run(1, *cases(of(0.8)))])
    assert not told(right.warnings(), "training cases (")


def test_that_a_region_that_was_not_found_is_told_since_it_has_no_distance() -> None:
    lost = CaseFigures(
        subject="A",
        part="validation",
        label_kind="pseudo",
        regions={"brainstem": RegionScores(dice=0, surface_dice=0, hd95_mm=None, volume_error_percent=-100)},
    )
    found = result([run(0, lost), run(1, *cases({"A": 0.8}))])
    assert found.values(0, BY_KEY["hd95"], "brainstem", "validation", "pseudo").of == {}
    assert found.values(0, DICE, "brainstem", "validation", "pseudo").mean == 0
    assert told(found.warnings(), "resunet (demo): in 1 region of a validation case")


def test_that_an_unfinished_comparison_says_so_and_an_empty_one_is_refused() -> None:
    half = result([run(0, *cases(of(0.8))), run(1, *cases(of(0.7)))], repeats=3)
    assert told(half.warnings(), "2 of 6 trainings are done (resunet (demo) 1, unet3d (demo) 1)")
    with pytest.raises(WorkbenchError, match="No training of trial is done yet"):
        need_figures(result([]))
    with pytest.raises(WorkbenchError, match="Model 3 has no figures by case: an older program trained it"):
        need_figures(replace(result([]), unmeasured=(3,)))
    assert told(replace(half, unmeasured=(3, 4)).warnings(), "Models 3, 4 have no figures by case and stay out")


def test_that_a_network_does_not_gain_by_the_region_that_it_did_not_find() -> None:
    def figures(subject: str, brainstem: float | None) -> CaseFigures:
        found = RegionScores(dice=0.3, surface_dice=0.2, hd95_mm=brainstem, volume_error_percent=20)
        easy = RegionScores(dice=0.9, surface_dice=0.8, hd95_mm=5.0, volume_error_percent=5)
        return CaseFigures(
            subject=subject, part="validation", label_kind="pseudo", regions={"cerebellum": easy, "brainstem": found}
        )

    lacks = run(0, figures("A", None), figures("B", 20.0))
    has = run(1, figures("A", 30.0), figures("B", 40.0))
    found, hd95 = result([lacks, has]), BY_KEY["hd95"]
    assert found.values(0, hd95, ALL_REGIONS, "validation", "pseudo").of == {"A": 5.0, "B": 12.5}
    assert found.values(1, hd95, ALL_REGIONS, "validation", "pseudo").of == {"A": 5.0, "B": 22.5}
    assert found.values(1, hd95, "brainstem", "validation", "pseudo").of == {"A": 30.0, "B": 40.0}
    (mean, *_) = found.tests(hd95, "validation", "pseudo")
    assert mean.difference.mean == -5.0  # of the subject that can be compared; not better on the other


def test_that_the_notes_say_what_was_opened_and_what_figures_are() -> None:
    folds = result([run(0, *cases(of(0.8)), fold=0), run(1, *cases(of(0.7)), fold=0)], folds=3)
    notes = folds.notes()
    assert told(notes, "trainings of a cross-validation share")
    assert told(notes, "agreement with the registration that made them, not accuracy")
    assert told(notes, "best in validation was chosen by it")
    opened = result([run(0, *cases(of(0.8), "test")), run(1, *cases(of(0.7), "test"))], openings=2)
    assert told(opened.notes(), "test set of this study was opened twice")


# -- tables and pictures -----------------------------------------------------------------------------------------------


def test_that_the_tables_of_tests_and_cases_hold_all_of_it() -> None:
    found = result([run(0, *cases(of(0.8))), run(1, *cases(of(0.7, 0.02)))])
    tests = sheet_of_tests(found, DICE, "wilcoxon")
    assert len(tests.rows) == 11
    assert tests.rows[0][:5] == (
        "Mean of the regions",
        "resunet (demo)",
        "unet3d (demo)",
        "pseudo-labels",
        "validation",
    )
    rows = case_sheet(found).rows
    assert len(rows) == 2 * 8 * 10
    assert rows[0][:9] == ("resunet (demo)", 1, 1, None, 7, "validation", "pseudo-labels", "P0", "right_frontal")


def test_that_a_box_has_the_quartiles_and_tukeys_whiskers() -> None:
    values = {str(n): float(n) for n in (1, 2, 3, 4, 5, 6, 7, 8, 30)}
    box = box_of(0, "validation", values)
    assert box is not None
    assert (box.low, box.q1, box.median, box.q3, box.high) == (1, 3, 5, 7, 8)
    assert box_of(0, "train", {}) is None


def test_that_boxes_show_training_beside_what_was_held_out() -> None:
    figures = (*cases(of(0.8)), *cases({"T": 0.9}, "train"))
    found = boxes(result([run(0, *figures), run(1, *figures)]), DICE, ALL_REGIONS, "pseudo")
    assert [(box.configuration, box.part) for box in found] == [
        (0, "train"),
        (0, "validation"),
        (1, "train"),
        (1, "validation"),
    ]


def test_that_pictures_are_written_as_svg_pdf_and_png_the_same_every_time(tmp_path: Path) -> None:
    figures = (*cases(of(0.8)), *cases({"T": 0.9}, "train"))
    found = result([run(0, *figures), run(1, *figures)])
    drawn = pictures(found)
    assert [picture.name for picture in drawn] == [f"{measure.key}_pseudo" for measure in MEASURES]
    paths = save(drawn[0], tmp_path / "a", ("svg", "pdf", "png"))
    again = save(pictures(found)[0], tmp_path / "b", ("svg", "pdf", "png"))
    assert [path.name for path in paths] == ["dice_pseudo.svg", "dice_pseudo.pdf", "dice_pseudo.png"]
    assert [path.read_bytes() for path in paths] == [path.read_bytes() for path in again]
    assert "resunet" in paths[0].read_text() or "<path" in paths[0].read_text()
