"""Each check tells of its fault, in any pose and on any grid, and of nothing else."""

import numpy as np
import pytest
from scipy import ndimage

from ctworkbench.core import plugins
from ctworkbench.core.check_case import CheckCase, make_case
from ctworkbench.core.checking import UNPREPARED, findings_of
from ctworkbench.core.findings import Finding, Limit, Severity, judged, risk
from ctworkbench.core.volume import Volume
from tests.core.checked_head import POSES, SCHEME, STRAIGHT, Pose, case_of, coordinates, labels_of, told

NAMES = plugins.names(plugins.CHECKS)


def edited(pose: Pose, where: np.ndarray, code: int) -> Volume:
    labels = labels_of(pose)
    return Volume(np.where(where, code, labels.voxels).astype(np.uint8), labels.affine)


def ball(pose: Pose, u: float, v: float, w: float, radius: float) -> np.ndarray:
    """A ball in head coordinates, on the grid of the label map."""
    x, y, z = coordinates(labels_of(pose).grid, pose)
    return (x - u) ** 2 + (y - v) ** 2 + (z - w) ** 2 < radius**2


def in_head(pose: Pose, finding: Finding) -> np.ndarray:
    """The place of a finding in head coordinates."""
    assert finding.where is not None
    return pose.turn.T @ np.array(finding.where)


@pytest.mark.parametrize("name", NAMES)
def test_that_a_check_says_what_it_is_for_and_gives_findings_in_its_name(name: str) -> None:
    module = plugins.load(plugins.CHECKS, name)
    assert module.TITLE and isinstance(module.NEEDS_HEAD, bool) and (module.__doc__ or "").strip()
    for finding in module.find(case_of(labels_of(STRAIGHT), scores={"similarity": 0.5})):
        assert finding.check == name and finding.sentence and np.isfinite([finding.value, finding.level]).all()


@pytest.mark.parametrize("pose", POSES)
def test_that_a_sound_label_map_is_told_nothing_of(pose: Pose) -> None:
    assert told(case_of(labels_of(pose), pose)) == []


@pytest.mark.parametrize("pose", POSES)
def test_that_the_plane_of_symmetry_is_that_of_the_head_and_not_of_its_labels(pose: Pose) -> None:
    plane = case_of(edited(pose, ball(pose, 40, 0, 0, 30), 0), pose).midplane
    assert plane.normal @ pose.turn[:, 0] > np.cos(np.radians(2.0))
    assert abs(plane.offset) < 1.0


@pytest.mark.parametrize("pose", POSES)
def test_that_swapped_sides_are_told_of_every_pair(pose: Pose) -> None:
    labels = labels_of(pose)
    found = told(case_of(Volume(SCHEME.mirror_table[labels.voxels], labels.affine), pose))
    assert [one.check for one in found] == ["sides"] * 4
    assert {one.severity for one in found} == {Severity.WRONG}
    assert "Frontal: left and right are swapped in the patient" in [one.sentence for one in found]


@pytest.mark.parametrize("pose", POSES)
def test_that_one_swapped_pair_is_named(pose: Pose) -> None:
    labels = labels_of(pose)
    table = np.arange(256, dtype=np.uint8)
    table[[7, 8]] = [8, 7]
    (found,) = told(case_of(Volume(table[labels.voxels], labels.affine), pose))
    assert (found.check, found.region, found.severity) == ("sides", "right_temporal", Severity.WRONG)


@pytest.mark.parametrize("pose", POSES)
def test_that_a_shift_by_10_mm_is_told_with_its_direction(pose: Pose) -> None:
    labels = labels_of(pose)
    moved = labels.affine.copy()
    moved[:3, 3] += pose.turn @ [0, 10, 0]
    found = {one.check: one for one in told(case_of(Volume(labels.voxels, moved), pose))}
    assert found["shift"].severity is Severity.WRONG and "front" in found["shift"].sentence
    assert found["shift"].value == pytest.approx(10, abs=1.5)


@pytest.mark.parametrize("pose", POSES)
def test_that_a_missing_lobe_is_named_and_its_place_shown(pose: Pose) -> None:
    labels = labels_of(pose)
    found = told(case_of(edited(pose, labels.voxels == 3, 0), pose))
    checks = {one.check: one for one in found}
    assert checks["missing"].sentence == "Right parietal lobe: not in the label map"
    assert checks["missing"].severity is Severity.WRONG
    u, _, _ = in_head(pose, checks["coverage"])
    assert u > 10  # to the right


def test_that_an_empty_label_map_is_one_fault() -> None:
    labels = labels_of(STRAIGHT)
    (found,) = findings_of(case_of(Volume(np.zeros_like(labels.voxels), labels.affine)), NAMES)
    assert (found.sentence, found.severity) == ("the label map is empty", Severity.WRONG)


@pytest.mark.parametrize("pose", POSES)
def test_that_an_island_is_told_with_its_size_and_place(pose: Pose) -> None:
    (found,) = told(case_of(edited(pose, ball(pose, -35, -20, 30, 9), 1), pose), "pieces")
    assert found.region == "right_frontal"
    assert found.value == pytest.approx(4 / 3 * np.pi * 0.9**3, rel=0.15)
    assert found.sentence == f"Right frontal lobe: 2 pieces, {found.value:.1f} cm³ lie apart from the largest"
    assert np.linalg.norm(in_head(pose, found) - [-35, -20, 30]) < 5


@pytest.mark.parametrize("pose", POSES)
def test_that_a_hole_in_the_brain_is_told_and_a_ventricle_is_none(pose: Pose) -> None:
    (found,) = told(case_of(edited(pose, ball(pose, 30, 30, 10, 10), 0), pose), "holes")
    assert found.value == pytest.approx(4 / 3 * np.pi, rel=0.2)
    assert np.linalg.norm(in_head(pose, found) - [30, 30, 10]) < 5
    assert told(case_of(labels_of(pose), pose), "holes") == []


@pytest.mark.parametrize("pose", POSES)
def test_that_a_leak_through_the_skull_is_told_with_what_lies_in_bone(pose: Pose) -> None:
    out = ball(pose, 68, 10, 5, 14) & (labels_of(pose).voxels == 0)
    found = told(case_of(edited(pose, out, 3), pose), "leak")
    assert [one.region for one in found] == ["right_parietal"]
    assert "in bone" in found[0].sentence
    assert in_head(pose, found[0])[0] > 62


@pytest.mark.parametrize("pose", POSES)
def test_that_labels_over_the_ventricles_are_told(pose: Pose) -> None:
    labels = labels_of(pose)
    u, v, w = coordinates(labels.grid, pose)
    wide = ((np.abs(u) - 12) / 7) ** 2 + (v / 28) ** 2 + ((w - 5) / 9) ** 2 < 1
    case = case_of(edited(pose, wide, 3), pose)
    (found,) = findings_of(case, ["fluid"])
    (before,) = findings_of(case_of(labels, pose), ["fluid"])
    assert found.value > before.value + 0.5
    assert np.linalg.norm(in_head(pose, found)[2] - 5) < 9


@pytest.mark.parametrize("pose", POSES)
def test_that_ventricles_under_a_label_are_told_and_shown(pose: Pose) -> None:
    labels = labels_of(pose)
    wide = ndimage.binary_fill_holes(labels.voxels > 0)
    (found,) = told(case_of(edited(pose, wide & (labels.voxels == 0), 3), pose), "ventricles")
    assert found.value > 90 and found.severity is Severity.WRONG
    u, v, w = np.abs(in_head(pose, found) - [0, 0, 5])
    assert 3 < u < 21 and v < 28 and w < 10


def test_that_a_label_map_drawn_too_small_leaves_brain_without_a_label() -> None:
    labels = labels_of(STRAIGHT)
    small = ndimage.binary_erosion(labels.voxels > 0, iterations=3)
    found = {one.check for one in told(case_of(edited(STRAIGHT, ~small, 0)))}
    assert "coverage" in found


def test_that_speckle_is_a_ragged_border() -> None:
    labels = labels_of(STRAIGHT)
    speckled = (labels.voxels == 1) & (np.random.default_rng(0).random(labels.voxels.shape) < 0.25)
    found = told(case_of(edited(STRAIGHT, speckled, 2)), "roughness")
    assert {one.region for one in found} >= {"right_frontal"}


def test_that_a_region_at_the_edge_of_the_scan_is_told() -> None:
    labels = labels_of(STRAIGHT)
    bottom = np.flatnonzero((labels.voxels > 0).any((0, 1)))[0] + 12
    cut = labels.cropped((0, 0, bottom), labels.voxels.shape)
    found = told(case_of(cut), "edge")
    assert {one.region for one in found} >= {"cerebellum"}
    assert told(case_of(labels), "edge") == []


def test_that_scores_of_a_poor_registration_are_told() -> None:
    scores = {"similarity": 0.1, "pose_score": 0.5, "folding_fraction": 0.05, "jacobian_min": 1.0, "jacobian_max": 1.0}
    found = told(case_of(labels_of(STRAIGHT), scores=scores))
    assert [one.check for one in found] == ["registration"] * 4
    sound = {"similarity": 0.48, "pose_score": 0.7, "folding_fraction": 0.0, "jacobian_min": 0.3, "jacobian_max": 2.0}
    assert told(case_of(labels_of(STRAIGHT), scores=sound)) == []


def test_that_two_machines_that_differ_are_told_by_region() -> None:
    labels = labels_of(STRAIGHT)
    other = edited(STRAIGHT, (labels.voxels == 5) & ball(STRAIGHT, 25, -55, 20, 40), 3)
    found = told(case_of(labels, other=other, other_title="model v2"), "disagreement")
    assert {one.region for one in found} == {"right_occipital"}
    assert "with model v2" in found[0].sentence
    assert told(case_of(labels, other=labels, other_title="model v2")) == []


def test_that_a_scan_that_is_not_preprocessed_says_so_and_gets_the_other_checks() -> None:
    labels = labels_of(STRAIGHT)
    swapped = make_case(Volume(SCHEME.mirror_table[labels.voxels], labels.affine), SCHEME)
    found = told(swapped)
    assert {one.check for one in found if one.severity is Severity.NOT_DONE} == {
        name for name in NAMES if plugins.load(plugins.CHECKS, name).NEEDS_HEAD
    }
    assert {one.sentence for one in found if one.severity is Severity.NOT_DONE} == {UNPREPARED}
    assert {one.check for one in found if one.severity is Severity.WRONG} == {"sides"}


def test_that_a_check_that_fails_is_said_and_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(case: CheckCase) -> list[Finding]:
        raise ZeroDivisionError("by chance")

    monkeypatch.setattr(plugins.load(plugins.CHECKS, "leak"), "find", fail)
    found = findings_of(case_of(labels_of(STRAIGHT)), NAMES)
    (failed,) = (one for one in found if one.severity is Severity.NOT_DONE)
    assert (failed.check, failed.sentence) == ("leak", "this check failed: by chance")
    assert {one.check for one in found} >= {"shift", "sides", "coverage"}


def test_that_levels_run_from_best_over_look_to_wrong_both_ways() -> None:
    rising, falling = Limit(2.0, 10.0, 0.0, ""), Limit(0.6, 0.2, 1.0, "")
    assert [rising.level(value) for value in (0, 1, 2, 6, 10, 99)] == pytest.approx([0, 0.5, 1, 1.5, 2, 3])
    assert [falling.level(value) for value in (1, 0.8, 0.6, 0.4, 0.2, -9)] == pytest.approx([0, 0.5, 1, 1.5, 2, 3])


def test_that_the_gravest_severity_ranks_first_and_a_check_counts_once() -> None:
    limit = Limit(1.0, 10.0, 0.0, "")
    looks = [judged(name, limit, 9.0, "", "") for name in "abcdefgh"]
    wrong = [judged("a", limit, 10.0, "", "")]
    assert risk(wrong) > risk(looks) > risk(looks[:1]) > risk([judged("a", limit, 0.5, "", "")]) > risk([])
    assert risk([looks[0], looks[0]._replace(region="x")]) == risk(looks[:1])
