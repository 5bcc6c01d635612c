"""All checks of a study: what went wrong in published work, looked for in one's own.

Each check is one function over plain facts. What could not go wrong here is said as well (`kept`).
"""

from collections.abc import Callable

from ctworkbench.core.methods.asymmetry_checks import (
    asymmetry_against_literature,
    asymmetry_follows_template,
    asymmetry_turns_with_template,
)
from ctworkbench.core.methods.facts import StudyFacts
from ctworkbench.core.methods.label_checks import (
    mixed_label_sources,
    norm_leaning,
    norm_of_own_children,
    phantoms_among_children,
    single_reader,
    verdicts_without_reading,
)
from ctworkbench.core.methods.soundness import Assurance, SoundnessWarning, by_weight, counted
from ctworkbench.core.methods.split_checks import (
    held_out_above_train,
    imitated_test_labels,
    labelled_by_own_model,
    leaked_test_subjects,
    model_drawn_test_labels,
    no_fold_results,
    reopened_test_set,
    split_sizes_disagree,
)
from ctworkbench.core.methods.volume_checks import (
    paired_effect_as_group,
    repeated_scans,
    sex_gap_is_brain_size,
    sex_gap_with_unequal_ages,
    tests_without_correction,
)

Check = Callable[[StudyFacts], list[SoundnessWarning]]

VOLUME_CHECKS: tuple[Check, ...] = (
    asymmetry_turns_with_template,
    asymmetry_follows_template,
    asymmetry_against_literature,
    sex_gap_with_unequal_ages,
    paired_effect_as_group,
    tests_without_correction,
    sex_gap_is_brain_size,
)
"""What a table of volumes must say of itself, beside what its own module tells."""

CHECKS: tuple[Check, ...] = (
    phantoms_among_children,
    leaked_test_subjects,
    labelled_by_own_model,
    imitated_test_labels,
    held_out_above_train,
    verdicts_without_reading,
    asymmetry_turns_with_template,
    asymmetry_follows_template,
    asymmetry_against_literature,
    split_sizes_disagree,
    reopened_test_set,
    model_drawn_test_labels,
    mixed_label_sources,
    norm_leaning,
    norm_of_own_children,
    repeated_scans,
    sex_gap_with_unequal_ages,
    paired_effect_as_group,
    tests_without_correction,
    single_reader,
    no_fold_results,
    sex_gap_is_brain_size,
)
"""Heaviest first, within one severity."""


def check(facts: StudyFacts, checks: tuple[Check, ...] = CHECKS) -> list[SoundnessWarning]:
    """What does not add up in a study, heaviest first."""
    return by_weight(warning for one in checks for warning in one(facts))


def kept(facts: StudyFacts) -> list[Assurance]:
    """Rules that published work broke and that this program keeps by itself, with what stands for it in this study."""
    prepared = sum(bool(scan.preprocessed_by) for scan in facts.scans)
    flips = [model for model in facts.models if model.settings.get("augmentation", {}).get("flip")]
    return [
        Assurance(
            "Masks come from HU, before any equalization",
            f"Skull and brain masks of {counted(prepared, 'preprocessed scan')} were made from CT numbers. Equalized "
            "images are a network's input alone; volumes are counted on label maps.",
        ),
        Assurance(
            "Volumes are counted on the scan's own grid",
            "Voxels × the determinant of the scan's affine; tilt and uneven slices are corrected or the series is "
            "refused.",
        ),
        Assurance(
            "A flip swaps the labels of left and right",
            f"{counted(len(flips), 'model')} learned from flipped images; the labels were swapped with each flip."
            if flips
            else "No model of this study learned from flipped images; where one does, the labels are swapped with it.",
        ),
        Assurance(
            "A split is by subject, made once and stored",
            f"{counted(len(facts.role_of), 'subject')} have a role for good; no subject has two.",
        ),
        Assurance(
            "Agreement with pseudo-labels and Dice against experts are separate figures",
            "They are never averaged together, and each is called what it is.",
        ),
        Assurance(
            "The weights are those of the last epoch",
            "No epoch is chosen by its validation Dice, which would flatter it.",
        ),
    ]
