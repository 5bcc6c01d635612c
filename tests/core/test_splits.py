"""Splits are by subject, complete, repeatable, and refuse what cannot be split."""

from collections import Counter

import pytest

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.splits import folds, split_subjects

COHORT = [f"P{number:03d}" for number in range(40)]


def test_that_every_subject_gets_one_role_and_shares_are_kept() -> None:
    split = split_subjects(COHORT, seed=7)
    assert set(split) == set(COHORT)
    assert Counter(split.values()) == {"train": 24, "validation": 8, "test": 8}


def test_that_a_child_with_several_scans_is_on_one_side_alone() -> None:
    scans = [*COHORT, *COHORT[:10]]
    assert split_subjects(scans, seed=7) == split_subjects(COHORT, seed=7)


def test_that_the_order_of_import_changes_nothing_and_the_seed_does() -> None:
    assert split_subjects(reversed(COHORT), seed=7) == split_subjects(COHORT, seed=7)
    assert split_subjects(COHORT, seed=8) != split_subjects(COHORT, seed=7)


@pytest.mark.parametrize("count", [3, 4, 5, 7, 11])
def test_that_no_role_is_left_empty_in_a_small_cohort(count: int) -> None:
    assert set(split_subjects(COHORT[:count], seed=1).values()) == {"train", "validation", "test"}


def test_that_a_split_is_the_same_on_every_machine() -> None:
    assert split_subjects(["A", "B", "C", "D"], seed=1) == {"A": "train", "B": "validation", "C": "test", "D": "train"}


def test_that_two_subjects_cannot_be_split_in_three() -> None:
    with pytest.raises(WorkbenchError, match="2 subjects cannot be split"):
        split_subjects(["A", "B"], seed=1)


def test_that_shares_must_sum_to_one() -> None:
    with pytest.raises(WorkbenchError, match="sum to 1"):
        split_subjects(COHORT, seed=1, fractions={"train": 0.7, "test": 0.2})


def test_that_each_subject_is_held_out_in_exactly_one_fold() -> None:
    groups = folds(COHORT[:23], 5, seed=3)
    assert Counter(code for group in groups for code in group) == dict.fromkeys(COHORT[:23], 1)
    assert {len(group) for group in groups} == {4, 5}


def test_that_more_folds_than_subjects_are_refused() -> None:
    with pytest.raises(WorkbenchError, match="4 subjects cannot be dealt into 5 folds"):
        folds(COHORT[:4], 5, seed=3)


def test_that_whoever_a_template_is_drawn_on_trains_and_the_shares_stay_as_they_were() -> None:
    held_out = [code for code, role in split_subjects(COHORT, seed=7).items() if role != "train"]
    learners = held_out[:3]
    split = split_subjects(COHORT, seed=7, learners=learners)
    assert {split[code] for code in learners} == {"train"}
    assert Counter(split.values()) == {"train": 24, "validation": 8, "test": 8}
    assert split_subjects(COHORT, seed=7, learners=["NOBODY"]) == split_subjects(COHORT, seed=7)


def test_that_many_templates_leave_one_to_validate_and_one_to_test_on_and_more_are_refused() -> None:
    split = split_subjects(COHORT[:6], seed=7, learners=COHORT[:4])
    assert {split[code] for code in COHORT[:4]} == {"train"} and {split[code] for code in COHORT[4:6]} == {
        "validation",
        "test",
    }
    with pytest.raises(WorkbenchError, match="1 of 6 subjects may be kept from the training"):
        split_subjects(COHORT[:6], seed=7, learners=COHORT[:5])
