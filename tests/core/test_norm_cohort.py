"""Who a norm is made from: what is missing, doubled or of another unit is said, never guessed."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.norms import published_norm
from ctworkbench.core.norms.cohort import LEAST_PER_SEX, Cohort, NormScan, Selection, check, gather
from ctworkbench.core.norms.fitted import FittedNorm
from ctworkbench.core.norms.simulated import simulate
from tests.core.norm_cohorts import fitted, scans_of

NORM = published_norm()
SCANS = scans_of(simulate(NORM, 120, 1))


def changed(number: int, **fields: object) -> list[NormScan]:
    """The cohort with one scan changed."""
    return [scan.model_copy(update=fields) if at == number else scan for at, scan in enumerate(SCANS)]


def everybody(update: Callable[[NormScan], dict[str, object]]) -> list[NormScan]:
    return [scan.model_copy(update=update(scan)) for scan in SCANS]


def gathered(scans: list[NormScan], **selection: object) -> Cohort:
    return gather(scans, Selection(**selection))


def test_that_a_whole_cohort_is_taken_as_it_is() -> None:
    cohort = gathered(list(SCANS))
    assert (len(cohort.scans), cohort.excluded, cohort.notes) == (120, {}, ())
    check(cohort, "linear", Selection())


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"sex": None}, "sex unknown"),
        ({"age_years": None}, "age unknown"),
        ({"age_years": float("nan")}, "age unknown"),
        ({"accepted": False}, "the label map was not accepted"),
        ({"volumes_cm3": {"brainstem": 0.0}}, "no region in the label map"),
    ],
)
def test_that_who_is_left_out_is_counted_by_reason_and_named(fields: dict[str, object], reason: str) -> None:
    cohort = gathered(changed(3, **fields))
    assert len(cohort.scans) == 119
    assert cohort.excluded == {reason: 1} and cohort.left_out == {reason: (SCANS[3].subject,)}


def test_that_label_maps_nobody_accepted_are_taken_when_asked_for_and_said() -> None:
    cohort = gathered(changed(3, accepted=False), unreviewed=True)
    assert len(cohort.scans) == 120 and "Accepted by nobody: 1 of 120 label maps." in cohort.notes


def test_that_an_unread_acceptance_is_said() -> None:
    assert any("Accepted unread" in note for note in gathered(changed(3, unread=True)).notes)


@pytest.mark.parametrize(("repeats", "age"), [("first", 1.7), ("last", 2.4)])
def test_that_of_several_scans_of_one_child_one_is_taken_and_the_others_are_said(repeats: str, age: float) -> None:
    again = [
        SCANS[0].model_copy(update={"age_years": 1.7}),
        *SCANS[1:],
        SCANS[0].model_copy(update={"scan": 999, "age_years": 2.4}),
    ]
    cohort = gathered(again, repeats=repeats)
    assert len(cohort.scans) == 120 and cohort.scans[0].age_years == age
    assert cohort.excluded == {f"another scan of a child; the {repeats} was taken": 1}


def test_that_ages_sites_and_a_sex_can_be_chosen() -> None:
    scans = changed(0, site="South")
    assert len(gathered(scans, sites=("South",)).scans) == 1
    girls = gathered(scans, sex="F")
    assert {scan.sex for scan in girls.scans} == {"F"} and "another sex than was chosen" in girls.excluded
    young = gathered(scans, age_min=1.6, age_max=2.0)
    assert young.ages.min() >= 1.6 and young.ages.max() <= 2.0


@pytest.mark.parametrize("factor", [365.25, 12 * 8.0])
def test_that_ages_in_days_or_beyond_any_life_are_refused_with_the_child(factor: float) -> None:
    scans = everybody(lambda scan: {"age_years": (scan.age_years or 0.0) * factor})
    with pytest.raises(WorkbenchError, match=r"SIM\d+ is .* ages must be years, not") as refused:
        gathered(scans)
    assert "cohort table" in refused.value.remedy


def test_that_whole_ages_that_may_be_months_are_said() -> None:
    cohort = gathered(everybody(lambda scan: {"age_years": float(round((scan.age_years or 0.0) * 12))}))
    (note,) = cohort.notes
    assert "18 to 30" in note and "If they are months" in note


def test_that_a_negative_age_is_refused() -> None:
    with pytest.raises(WorkbenchError, match=r"is -0\.5 years old"):
        gathered(changed(3, age_years=-0.5))


def test_that_volumes_in_cubic_millimetres_are_refused_by_region_and_child() -> None:
    in_mm3 = {name: 1000 * value for name, value in SCANS[7].volumes_cm3.items()}
    with pytest.raises(WorkbenchError, match=rf"The [a-z ]+ of {SCANS[7].subject} has .* not mm³"):
        gathered(changed(7, volumes_cm3=in_mm3))


@pytest.mark.parametrize("method", list(LEAST_PER_SEX))
def test_that_too_few_of_a_sex_are_refused_with_the_number_there_is_and_the_number_needed(method: str) -> None:
    cohort = gathered(list(SCANS[:60]))
    with pytest.raises(WorkbenchError, match=f"needs {LEAST_PER_SEX[method]} of each sex"):
        check(cohort, method, Selection())


def test_that_one_sex_alone_is_refused_until_it_is_chosen() -> None:
    boys = [scan.model_copy(update={"sex": "M"}) for scan in SCANS]
    with pytest.raises(WorkbenchError, match="0 girls") as refused:
        check(gathered(boys), "linear", Selection())
    assert "choose the sex M" in refused.value.remedy
    check(gathered(boys, sex="M"), "linear", Selection(sex="M"))


def test_that_a_norm_of_one_sex_gives_no_centile_to_the_other(tmp_path: Path) -> None:
    scans = [scan for scan in SCANS if scan.sex == "F"]
    norm = FittedNorm(fitted(tmp_path, scans, selection=Selection(sex="F")).norm)
    assert norm.limits.n_male == 0 and norm.refusal("F", 2.0) is None
    assert norm.refusal("M", 2.0) == "the norm was made without boys"


def test_that_one_age_is_refused() -> None:
    with pytest.raises(WorkbenchError, match="All boys have the same age, 2 years"):
        check(gathered(everybody(lambda _: {"age_years": 2.0})), "linear", Selection())


def test_that_a_hole_between_the_ages_is_refused() -> None:
    with pytest.raises(WorkbenchError, match=r"no \w+ between .* and 45 years") as refused:
        check(gathered(changed(5, age_years=45.0)), "linear", Selection())
    assert "Choose the ages" in refused.value.remedy


def test_that_a_region_missing_in_some_scans_is_fitted_to_the_others_and_said(tmp_path: Path) -> None:
    without = {name: value for name, value in SCANS[4].volumes_cm3.items() if name != "brainstem"}
    result = fitted(tmp_path, changed(4, volumes_cm3=without))
    sizes = {entry.region: entry.n_male + entry.n_female for entry in result.norm.regions}
    assert sizes.pop("brainstem") == 119 and set(sizes.values()) == {120}
    assert "1 child has no brainstem in the label map, and was left out of this region." in result.norm.card.cautions
    assert f"The brainstem is missing in {SCANS[4].subject}, left out of this region." in result.notes


def test_that_a_region_that_too_few_have_is_not_in_the_norm(tmp_path: Path) -> None:
    scans = [
        scan.model_copy(update={"volumes_cm3": {n: v for n, v in scan.volumes_cm3.items() if n != "cerebellum"}})
        if number % 2
        else scan
        for number, scan in enumerate(SCANS)
    ]
    result = fitted(tmp_path, scans)
    assert "cerebellum" not in FittedNorm(result.norm).regions
    assert any("no cerebellum: only" in caution for caution in result.norm.card.cautions)


def test_that_a_pair_that_too_few_of_a_sex_have_is_not_in_the_norm_and_that_is_said(tmp_path: Path) -> None:
    girls = [number for number, scan in enumerate(SCANS) if scan.sex == "F"]
    scans = list(SCANS)
    for number in girls[30:]:
        kept = {name: value for name, value in SCANS[number].volumes_cm3.items() if name != "left_frontal"}
        scans[number] = SCANS[number].model_copy(update={"volumes_cm3": kept})
    found = fitted(tmp_path, scans).norm
    assert FittedNorm(found).pairs == ("parietal", "occipital", "temporal")
    assert "Too few have both sides of the frontal lobe: no asymmetry of it in the norm." in found.card.cautions


def test_that_mixed_sources_scanners_and_remembered_children_are_said() -> None:
    scans = changed(0, source="registration", scanner="SIEMENS Force", remembered=True)
    notes = " ".join(gathered(scans).notes)
    for part in (
        "several sources (expert 119, registration 1)",
        "not harmonized",
        "trained on that child",
        "lean towards",
    ):
        assert part in notes


def test_that_limits_which_rest_on_few_children_are_said() -> None:
    told = gathered(changed(3, scanner="Another CT", thickness_mm=5.0)).notes
    assert any("Fewer than 20 children were scanned on Another CT (1)" in note for note in told)
    assert "1 child had slices thicker than 0.625 mm: whether the norm holds to 5 mm is hardly known." in told
    unknown = gathered(changed(3, scanner="", thickness_mm=None)).notes
    assert not any("scanner" in note or "slices" in note for note in unknown)
    half = gathered(everybody(lambda scan: {"thickness_mm": 5.0 if scan.scan % 2 else 0.625})).notes
    assert not any("slices" in note for note in half)


def test_that_the_card_counts_scanners_sources_and_what_was_left_out_and_names_nobody(tmp_path: Path) -> None:
    scans = [replace_scanner(scan) for scan in changed(2, sex=None)]
    file = fitted(tmp_path, scans).norm
    card = file.card
    assert card.scanners == {"GE Revolution CT": 99, "unknown": 20} and card.sources == {"expert": 119}
    assert card.excluded == {"sex unknown": 1}
    assert not any(scan.subject in file.text() for scan in SCANS)
    assert FittedNorm(file).limits.scanners == ()


def replace_scanner(scan: NormScan) -> NormScan:
    return scan.model_copy(update={"scanner": ""}) if scan.scan <= 21 else scan


def test_that_a_norm_ends_where_either_sex_does(tmp_path: Path) -> None:
    scans = [scan for scan in SCANS if scan.sex == "M" or (scan.age_years or 0) < 2.2]
    limits = FittedNorm(fitted(tmp_path, scans).norm).limits
    oldest = max(scan.age_years for scan in scans if scan.sex == "F")
    assert oldest <= limits.age_max_years < oldest + 0.01
    assert FittedNorm(fitted(tmp_path, scans).norm).refusal("M", oldest + 0.02)
