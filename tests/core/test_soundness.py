"""Each warning on facts where it must fire and on facts where it must not."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from ctworkbench.core.methods import checks
from ctworkbench.core.methods.checks import CHECKS, VOLUME_CHECKS, check, kept
from ctworkbench.core.methods.facts import (
    EXPERT,
    PSEUDO,
    Figure,
    LabelMapFact,
    ModelFact,
    NormFact,
    RegisteredVolume,
    ScanFact,
    SignificanceTest,
    StudyFacts,
    SubjectFact,
    TemplateFact,
    VerdictFact,
    VolumeFact,
    ZFact,
)
from ctworkbench.core.methods.soundness import Severity, SoundnessWarning
from ctworkbench.core.norms import published_norm
from ctworkbench.core.norms.simulated import SimulatedChild, simulate

NORM = published_norm()
EXPECTED = {region: (NORM.mean(region, "M", 2.0) + NORM.mean(region, "F", 2.0)) / 2 for region in NORM.regions}
READ = VerdictFact("accept", "A", 60.0)


def swapped(volumes: dict[str, float]) -> dict[str, float]:
    """The same volumes with left and right taken for each other."""
    turn = {"right": "left", "left": "right"}
    return {
        f"{turn[region.split('_')[0]]}_{region.split('_', 1)[1]}" if "_" in region else region: value
        for region, value in volumes.items()
    }


def cohort(children: list[SimulatedChild], source: str = "registration", template: str = "atlas") -> StudyFacts:
    """A study of such children, each with one label map that was read and accepted."""
    return StudyFacts(
        subjects=tuple(SubjectFact(child.subject, child.sex, None) for child in children),
        scans=tuple(ScanFact(i, child.subject, child.age_years) for i, child in enumerate(children)),
        label_maps=tuple(
            LabelMapFact(
                i, i, child.subject, 1, source, machine=source, template=template, verdicts=(READ,), key=f"k{i}"
            )
            for i, child in enumerate(children)
        ),
        volumes=tuple(
            VolumeFact(i, child.subject, child.sex, child.age_years, region, volume, i, source)
            for i, child in enumerate(children)
            for region, volume in child.volumes_cm3.items()
        ),
    )


CHILDREN = simulate(NORM, 400, 3)
COHORT = cohort(CHILDREN)
ARTICLE = cohort(simulate(NORM, 1487, 1))
TURNED = cohort([replace(child, volumes_cm3=swapped(child.volumes_cm3)) for child in CHILDREN])


def split_study(**model: object) -> StudyFacts:
    """Five subjects with roles and label maps, one model that was trained on them."""
    roles = {"S1": "train", "S2": "train", "S3": "validation", "S4": "test", "S5": "test"}
    given = {"roles": {code: role for code, role in roles.items() if role != "test"}, "training_labels": ("k1", "k2")}
    return StudyFacts(
        subjects=tuple(SubjectFact(code, "M", role) for code, role in roles.items()),
        scans=tuple(ScanFact(i, code, 2.0) for i, code in enumerate(roles, 1)),
        label_maps=tuple(
            LabelMapFact(i, i, code, 1, "registration", "registration", "atlas", verdicts=(READ,), key=f"k{i}")
            for i, code in enumerate(roles, 1)
        ),
        models=(ModelFact(1, "resunet", "demo", **{**given, **model}),),
    )


def found(one: Callable[[StudyFacts], list[SoundnessWarning]], facts: StudyFacts) -> SoundnessWarning:
    warnings = one(facts)
    assert [warning.check for warning in warnings] == [one.__name__]
    assert warnings[0].basis
    return warnings[0]


def test_that_a_test_subject_in_a_training_is_told_and_a_clean_split_is_not() -> None:
    assert checks.leaked_test_subjects(split_study()) == []
    warning = found(checks.leaked_test_subjects, split_study(roles={"S1": "train", "S4": "validation"}))
    assert warning.severity is Severity.SERIOUS
    assert [row.subject for row in warning.basis] == ["S4"]


def test_that_sizes_of_split_model_and_tables_must_agree() -> None:
    same = split_study()
    volumes = tuple(VolumeFact(i, f"S{i}", "M", 2.0, "brainstem", 15.0, i) for i in range(1, 6))
    assert checks.split_sizes_disagree(same) == []
    assert checks.split_sizes_disagree(replace(same, volumes=volumes)) == []
    other = split_study(roles={"S1": "train", "S2": "validation", "S3": "validation"})
    assert "1 train / 2 validation / 0 test" in found(checks.split_sizes_disagree, other).title
    fewer = found(checks.split_sizes_disagree, replace(same, volumes=volumes[:-1]))
    assert "2 train / 1 validation / 1 test; stored split: 2 train / 1 validation / 2 test" in fewer.title


def test_that_a_fold_deals_roles_anew_without_a_warning_unless_children_are_missing() -> None:
    dealt = {"S1": "validation", "S2": "train", "S3": "train"}
    assert checks.split_sizes_disagree(split_study(roles=dealt, fold=0, folds=5)) == []
    found(checks.split_sizes_disagree, split_study(roles={"S1": "train", "S2": "train"}, fold=0, folds=5))


def test_that_test_dice_above_train_dice_is_told_as_in_the_article() -> None:
    article = (Figure("train", PSEUDO, 0.92), Figure("test", PSEUDO, 0.96, 446, 0.02))
    warning = found(checks.held_out_above_train, split_study(figures=article))
    assert warning.severity is Severity.SERIOUS
    assert "test 0.960 (n 446, SE 0.001 against pseudo-labels), train 0.920" in warning.title
    usual = (Figure("train", PSEUDO, 0.94), Figure("test", PSEUDO, 0.88))
    assert checks.held_out_above_train(split_study(figures=usual)) == []
    only_validation = (Figure("train", PSEUDO, 0.90), Figure("validation", PSEUDO, 0.91))
    assert found(checks.held_out_above_train, split_study(figures=only_validation)).severity is Severity.NOTE


def test_that_test_labels_of_the_training_labels_template_are_told() -> None:
    same = split_study(figures=(Figure("test", PSEUDO, 0.96),))
    assert found(checks.imitated_test_labels, same).severity is Severity.SERIOUS
    assert found(checks.imitated_test_labels, split_study()).severity is Severity.CAUTION
    maps = [replace(row, origin="expert") if row.subject in ("S4", "S5") else row for row in same.label_maps]
    assert checks.imitated_test_labels(replace(same, label_maps=tuple(maps))) == []
    maps = [replace(row, template="other") if row.subject in ("S4", "S5") else row for row in same.label_maps]
    assert checks.imitated_test_labels(replace(same, label_maps=tuple(maps))) == []


def test_that_expert_labels_of_the_test_set_drawn_from_a_model_are_told() -> None:
    study = split_study()
    drawn = [
        replace(row, origin="expert", machine="model", model_id=1) if row.subject == "S4" else row
        for row in study.label_maps
    ]
    assert "1 of 2 label maps" in found(checks.model_drawn_test_labels, replace(study, label_maps=tuple(drawn))).title
    free = [replace(row, origin="expert") if row.subject == "S4" else row for row in study.label_maps]
    assert checks.model_drawn_test_labels(replace(study, label_maps=tuple(free))) == []


def test_that_a_test_set_opened_for_two_trainings_is_told_and_folds_are_one() -> None:
    one = ModelFact(1, "resunet", "demo", {}, figures=(Figure("test", EXPERT, 0.8),))
    assert checks.reopened_test_set(StudyFacts(models=(one,))) == []
    found(checks.reopened_test_set, StudyFacts(models=(one, replace(one, id=2))))
    folds = tuple(replace(one, id=i, fold=i, folds=5) for i in range(5))
    assert checks.reopened_test_set(StudyFacts(models=folds)) == []
    unopened = replace(one, id=2, figures=(Figure("validation", EXPERT, 0.8),))
    assert checks.reopened_test_set(StudyFacts(models=(one, unopened))) == []


def test_that_missing_folds_are_told_and_a_whole_cross_validation_is_not() -> None:
    fold = ModelFact(1, "resunet", "paper", {}, fold=0, folds=5)
    assert "1 of 5 folds" in found(checks.no_fold_results, StudyFacts(models=(fold,))).title
    assert checks.no_fold_results(StudyFacts(models=tuple(replace(fold, id=i, fold=i) for i in range(5)))) == []
    alone = found(checks.no_fold_results, StudyFacts(models=(ModelFact(1, "resunet", "demo", {}),)))
    assert alone.severity is Severity.NOTE
    assert checks.no_fold_results(StudyFacts()) == []


def test_that_children_labelled_by_their_own_model_are_told() -> None:
    study = split_study()
    # of two children in the training set one has a reader's correction of what the model made
    kinds = {2: "expert"}
    maps = [replace(row, origin=kinds.get(row.id, "model"), machine="model", model_id=1) for row in study.label_maps]
    volumes = tuple(VolumeFact(i, f"S{i}", "M", 2.0, "brainstem", 15.0, i, "model") for i in range(1, 6))
    warning = found(checks.labelled_by_own_model, replace(study, label_maps=tuple(maps), volumes=volumes))
    assert warning.title.startswith("2 subjects") and {row.subject for row in warning.basis} == {"S1", "S2"}
    assert checks.labelled_by_own_model(replace(study, volumes=volumes)) == []
    others = replace(study, label_maps=tuple(maps), volumes=volumes[2:])
    assert checks.labelled_by_own_model(others) == []


def test_that_phantoms_are_told_from_children() -> None:
    assert checks.phantoms_among_children(COHORT) == []
    scans = (replace(COHORT.scans[0], phantom=True), *COHORT.scans[1:])
    assert "1 of 400 scans" in found(checks.phantoms_among_children, replace(COHORT, scans=scans)).title


def test_that_mixed_sources_are_told_with_the_sexes_in_each() -> None:
    assert checks.mixed_label_sources(COHORT) == []
    mixed = tuple(row._replace(source="expert") if row.scan_id < 10 else row for row in COHORT.volumes)
    assert (
        "expert: 10 scans (10 boys, 0 girls)" in found(checks.mixed_label_sources, replace(COHORT, volumes=mixed)).title
    )


@pytest.mark.parametrize(("unread", "severity"), [(1, Severity.CAUTION), (4, Severity.SERIOUS)])
def test_that_verdicts_without_reading_are_told(unread: int, severity: Severity) -> None:
    study = split_study()
    maps = [
        replace(row, verdicts=(VerdictFact("accept", "A", 0.0),)) if i < unread else row
        for i, row in enumerate(study.label_maps)
    ]
    warning = found(checks.verdicts_without_reading, replace(study, label_maps=tuple(maps)))
    assert warning.severity is severity and warning.title.startswith(f"{unread} of 5")
    assert len(warning.basis) == unread and warning.basis[0].subject == "S1"


def test_that_a_label_map_read_before_it_was_accepted_with_all_others_counts_as_read() -> None:
    study = split_study()
    assert checks.verdicts_without_reading(study) == []
    later = (VerdictFact("needs edits", "A", 50.0), VerdictFact("accept", "A", 0.0))
    maps = tuple(replace(row, verdicts=later) for row in study.label_maps)
    assert checks.verdicts_without_reading(replace(study, label_maps=maps)) == []


def test_that_a_single_reader_is_told_until_a_second_judges_the_same_label_maps() -> None:
    study = split_study()
    assert found(checks.single_reader, study).severity is Severity.CAUTION
    other = VerdictFact("accept", "B", 30.0)
    apart = [replace(row, verdicts=(other,)) if row.subject == "S5" else row for row in study.label_maps]
    assert found(checks.single_reader, replace(study, label_maps=tuple(apart))).severity is Severity.NOTE
    both = [replace(row, verdicts=(READ, other)) if row.subject == "S5" else row for row in study.label_maps]
    assert checks.single_reader(replace(study, label_maps=tuple(both))) == []
    nobody = tuple(replace(row, verdicts=()) for row in study.label_maps)
    assert checks.single_reader(replace(study, label_maps=nobody)) == []


def test_that_a_template_of_the_norms_proportions_is_told_and_another_is_not() -> None:
    norm = NormFact("xi2025", "", expected_cm3=EXPECTED)
    near = TemplateFact("atlas", {region: 1.2 * volume for region, volume in EXPECTED.items()})
    study = replace(COHORT, norm=norm, templates=(near,))
    assert "400 label maps" in found(checks.norm_leaning, study).title
    adult = TemplateFact("atlas", EXPECTED | {"right_parietal": 1.4 * EXPECTED["right_parietal"]})
    assert checks.norm_leaning(replace(study, templates=(adult,))) == []
    drawn = tuple(replace(row, origin="expert") for row in study.label_maps)
    assert checks.norm_leaning(replace(study, label_maps=drawn)) == []


def test_that_a_norm_fitted_to_the_same_children_is_told_and_another_is_not() -> None:
    z = (ZFact(1, "M", "", "brainstem", 0.1), ZFact(2, "F", "", "brainstem", -0.1))
    own = NormFact("own", "Ours", origin="fitted", n=120, z=z)
    assert "2 scans are held against the norm own" in found(checks.norm_of_own_children, StudyFacts(norm=own)).title
    assert checks.norm_of_own_children(StudyFacts(norm=replace(own, origin="published"))) == []
    assert checks.norm_of_own_children(StudyFacts(norm=replace(own, origin="imported"))) == []
    assert checks.norm_of_own_children(StudyFacts(norm=replace(own, z=()))) == []


def test_that_a_model_leans_on_the_template_that_all_its_labels_come_from() -> None:
    norm = NormFact("xi2025", "", expected_cm3=EXPECTED)
    made = tuple(
        LabelMapFact(1000 + row.id, row.scan_id, row.subject, 2, "model", "model", model_id=1)
        for row in COHORT.label_maps
    )
    learned = tuple(replace(row, current=False) for row in COHORT.label_maps)
    study = replace(
        COHORT,
        label_maps=learned + made,
        volumes=tuple(row._replace(label_map=1000 + row.label_map, source="model") for row in COHORT.volumes),
        models=(ModelFact(1, "resunet", "demo", {}, training_labels=("k1", "k2", "k3")),),
        norm=norm,
        templates=(TemplateFact("atlas", EXPECTED),),
    )
    found(checks.norm_leaning, study)
    corrected = tuple(replace(row, origin="expert") if row.key == "k2" else row for row in study.label_maps)
    assert checks.norm_leaning(replace(study, label_maps=corrected)) == []


def test_that_the_articles_paired_effects_are_told_and_effects_of_one_size_are_not() -> None:
    warning = found(checks.paired_effect_as_group, ARTICLE)
    assert len(warning.basis) == 8
    assert warning.basis[0].text.startswith("frontal, boys: d_z −1.0")  # Table 5: 1.06, by d_av 0.21
    assert "d_av −0.2" in warning.basis[0].text
    apart = [
        replace(child, volumes_cm3={"right_frontal": 100.0 + 7 * ((i * 7) % 13), "left_frontal": 100.0 + 7 * (i % 13)})
        for i, child in enumerate(CHILDREN)
    ]
    assert checks.paired_effect_as_group(cohort(apart)) == []


def test_that_the_raw_sex_gap_of_older_boys_is_told_and_that_of_equal_ages_is_not() -> None:
    warning = found(checks.sex_gap_with_unequal_ages, ARTICLE)
    assert "older than girls" in warning.title and "wider" in warning.title
    boys = [child for child in CHILDREN if child.sex == "M"]
    even = [
        replace(
            child,
            sex=sex,
            volumes_cm3={
                r: NORM.mean(r, sex, child.age_years) + v - NORM.mean(r, "M", child.age_years)
                for r, v in child.volumes_cm3.items()
            },
        )
        for child in boys
        for sex in ("M", "F")
    ]
    assert checks.sex_gap_with_unequal_ages(cohort(even)) == []
    assert checks.sex_gap_with_unequal_ages(cohort(CHILDREN[:8] + CHILDREN[-8:])) == []


def test_that_a_sex_gap_of_the_whole_head_is_told_and_one_of_a_region_is_not() -> None:
    bigger = [
        replace(
            child,
            volumes_cm3={
                region: EXPECTED[region] * (1.1 if child.sex == "M" else 1.0) * (1 + 0.001 * (i % 7))
                for region in NORM.regions
            },
        )
        for i, child in enumerate(CHILDREN)
    ]
    found(checks.sex_gap_is_brain_size, cohort(bigger))
    one = [
        replace(
            child,
            volumes_cm3={
                region: EXPECTED[region] * (1 + 0.002 * ((i + k) % 7))
                + (10 if child.sex == "M" and region == "cerebellum" else 0)
                for k, region in enumerate(NORM.regions)
            },
        )
        for i, child in enumerate(CHILDREN)
    ]
    assert checks.sex_gap_is_brain_size(cohort(one)) == []


def test_that_a_scan_without_all_regions_has_no_total_to_be_adjusted_for() -> None:
    def gap(children: list[SimulatedChild]) -> str:
        (warning,) = checks.sex_gap_is_brain_size(cohort(children))
        return warning.basis[0].text.partition(", at")[2]

    children = [
        replace(
            child, volumes_cm3={name: (1.3 if child.sex == "M" else 1.0) * v for name, v in child.volumes_cm3.items()}
        )
        for child in CHILDREN
    ]
    lacking = [
        replace(child, volumes_cm3=child.volumes_cm3 | {"brainstem": 0.0}) if i % 9 == 0 else child
        for i, child in enumerate(children)
    ]
    whole = [child for i, child in enumerate(children) if i % 9]
    assert gap(lacking) == gap(whole)


def test_that_asymmetry_that_is_the_templates_own_is_told_and_another_is_not() -> None:
    follows = replace(COHORT, templates=(TemplateFact("atlas", EXPECTED),))
    assert found(checks.asymmetry_follows_template, follows).severity is Severity.SERIOUS
    turned = replace(COHORT, templates=(TemplateFact("atlas", swapped(EXPECTED)),))
    assert checks.asymmetry_follows_template(turned) == []
    even = {region: EXPECTED[region.replace("left_", "right_")] for region in EXPECTED}
    assert checks.asymmetry_follows_template(replace(COHORT, templates=(TemplateFact("atlas", even),))) == []
    drawn = tuple(replace(row, origin="expert") for row in COHORT.label_maps)
    assert checks.asymmetry_follows_template(replace(follows, label_maps=drawn)) == []


def mirrored(turns: bool) -> StudyFacts:
    """Scans labelled by a template and by its mirror image; the asymmetry turns with the template, or stays."""
    rows: list[RegisteredVolume] = []
    for i, child in enumerate(CHILDREN[:12]):
        other = swapped(child.volumes_cm3) if turns else child.volumes_cm3
        for template, volumes in (("atlas", child.volumes_cm3), ("atlas, mirrored", other)):
            rows += [RegisteredVolume(i, template, region, volume) for region, volume in volumes.items()]
    templates = (TemplateFact("atlas", EXPECTED), TemplateFact("atlas, mirrored", swapped(EXPECTED)))
    return StudyFacts(registered=tuple(rows), templates=templates)


def test_that_asymmetry_that_turns_with_a_mirrored_template_is_told_and_one_that_stays_is_not() -> None:
    assert len(found(checks.asymmetry_turns_with_template, mirrored(turns=True)).basis) == 4
    assert checks.asymmetry_turns_with_template(mirrored(turns=False)) == []


def test_that_asymmetry_against_the_literature_is_told_and_the_usual_torque_is_not() -> None:
    warning = found(checks.asymmetry_against_literature, COHORT)
    assert "swap of left and right" in warning.meaning
    assert "the left larger here, the right in most studies" in warning.basis[0].text
    assert checks.asymmetry_against_literature(TURNED) == []
    assert checks.asymmetry_against_literature(cohort(CHILDREN[:5])) == []


def test_that_repeated_scans_of_a_child_are_told() -> None:
    assert checks.repeated_scans(COHORT) == []
    again = (VolumeFact(999, CHILDREN[0].subject, "M", 2.3, "brainstem", 15.0, 999),)
    assert (
        "401 scans of 400 subjects"
        in found(checks.repeated_scans, replace(COHORT, volumes=COHORT.volumes + again)).title
    )


def test_that_tests_significant_without_correction_alone_are_told() -> None:
    tests = (SignificanceTest("sex", "right_frontal", 0.03, 0.06), SignificanceTest("sex", "b", 0.001, 0.002))
    assert (
        "sex, right frontal lobe: p 0.030, 0.060 corrected for 2 tests"
        in found(checks.tests_without_correction, StudyFacts(tests=tests)).title
    )
    assert checks.tests_without_correction(StudyFacts(tests=tests[1:])) == []
    clear = (SignificanceTest("sex", "a", 0.001, 0.002), SignificanceTest("sex", "b", 0.4, 0.4))
    assert checks.tests_without_correction(StudyFacts(tests=clear)) == []


def test_that_an_empty_study_has_no_warning_and_every_check_is_listed_once() -> None:
    assert check(StudyFacts()) == []
    assert len(set(CHECKS)) == len(CHECKS)
    assert set(VOLUME_CHECKS) <= set(CHECKS)


def test_that_warnings_come_heaviest_first() -> None:
    study = replace(split_study(figures=(Figure("train", PSEUDO, 0.9), Figure("test", PSEUDO, 0.95))))
    ranks = [warning.severity.rank for warning in check(study)]
    assert ranks == sorted(ranks) and len(ranks) >= 4


def test_that_what_is_kept_names_masks_before_equalization_with_live_numbers() -> None:
    scans = (ScanFact(1, "S1", 2.0, preprocessed_by="0.1"), ScanFact(2, "S2", 2.0))
    first = kept(StudyFacts(scans=scans))[0]
    assert "before any equalization" in first.title and "1 preprocessed scan " in first.why
    flipped = ModelFact(1, "resunet", "demo", {}, settings={"augmentation": {"flip": 0.5}})
    assert any("1 model learned from flipped images" in row.why for row in kept(StudyFacts(models=(flipped,))))
