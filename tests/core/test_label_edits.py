"""Operations on a region: on grids that are turned, flipped and uneven, in mm, with left on the patient's left."""

import itertools

import numpy as np
import pytest
from scipy.spatial import KDTree

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.label_edits.cleaning import fill_holes, remove_islands
from ctworkbench.core.label_edits.drawing import Change, Drawing, Limits
from ctworkbench.core.label_edits.growing import grow
from ctworkbench.core.label_edits.midplane import find_midplane
from ctworkbench.core.label_edits.proposal import propose
from ctworkbench.core.label_edits.sides import mirror_across, split
from ctworkbench.core.label_edits.slices import copy_slice, interpolate
from ctworkbench.core.label_edits.smoothing import smooth
from ctworkbench.core.schemes import load
from ctworkbench.core.volume import Volume

SCHEME = load()
RIGHT_FRONTAL, LEFT_FRONTAL, RIGHT_PARIETAL, LEFT_PARIETAL, CEREBELLUM = 1, 2, 3, 4, 9
SHAPE = (64, 72, 40)


def turned(yaw: float, roll: float = 0.0, pitch: float = 0.0) -> np.ndarray:
    """A rotation about the body's axis, then the nose's, then the ears', in degrees."""
    a, b, c = np.radians([yaw, roll, pitch])
    about_z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    about_y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(c), -np.sin(c)], [0, np.sin(c), np.cos(c)]])
    return about_z @ about_y @ about_x


def grid(spacing=(3.0, 3.0, 5.0), turn=None, flips=(1, 1, 1), shape=SHAPE) -> np.ndarray:
    """An affine about the origin: voxel axes of that spacing, turned, some of them running backwards."""
    affine = np.eye(4)
    affine[:3, :3] = (np.eye(3) if turn is None else turn) @ np.diag(np.multiply(spacing, flips))
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return affine


GRIDS = {
    "straight": grid(),
    "cubes": grid((4.8, 4.8, 4.8)),
    "flipped": grid(flips=(-1, -1, 1)),
    "left-handed": grid(flips=(-1, 1, 1)),
    "oblique": grid((2.8, 3.2, 5.0), turned(9, 5, 14)),
    "oblique and flipped": grid((2.8, 3.2, 5.0), turned(-7, 4, -10), (-1, 1, -1)),
}
EVERY_GRID = pytest.mark.parametrize("affine", GRIDS.values(), ids=GRIDS.keys())


def world(affine: np.ndarray, shape=SHAPE) -> np.ndarray:
    index = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), -1)
    return index @ affine[:3, :3].T + affine[:3, 3]


def drawing(affine: np.ndarray, labels: np.ndarray, image: np.ndarray | None = None) -> Drawing:
    hu = np.full(labels.shape, 35, np.int16) if image is None else image
    return Drawing(np.asfortranarray(labels.astype(np.uint8)), Volume(np.asfortranarray(hu), affine), SCHEME)


def ball(affine: np.ndarray, centre=(0.0, 0.0, 0.0), radius=40.0) -> np.ndarray:
    return np.linalg.norm(world(affine) - centre, axis=-1) <= radius


def after(drawn: Drawing, change: Change | None) -> np.ndarray:
    labels = drawn.labels.copy()
    assert change is not None
    labels[change.box] = change.codes
    assert change.voxels == np.count_nonzero(labels != drawn.labels)
    return labels


def skull(affine: np.ndarray, turn: np.ndarray, off=(0.0, 0.0, 0.0)) -> np.ndarray:
    """HU of a head turned in the scanner, with a nose, a clot on its right and a slanted head rest behind it."""
    at = (world(affine) - np.array(off)) @ turn
    x, y, z = np.moveaxis(at, -1, 0)
    hu = np.full(SHAPE, -1000.0)

    def egg(a: float, b: float, c: float) -> np.ndarray:
        return (x / a) ** 2 + (y / b) ** 2 + (z / c) ** 2 <= 1

    hu[(np.abs(x) < 9) & (y > 80) & (y < 102) & (z < 0) & (z > -45)] = 40
    hu[egg(76, 94, 90)] = 40
    hu[egg(71, 89, 86)] = 900
    hu[egg(65, 82, 80)] = 33
    hu[np.linalg.norm(at - [35, 20, 20], axis=-1) < 14] = 65
    rest = world(affine) @ np.array([0.0, 1.0, 0.15])
    hu[(rest < -100) & (rest > -104)] = 200
    return (hu + np.random.default_rng(1).normal(0, 4, SHAPE)).astype(np.int16)


@EVERY_GRID
def test_that_smoothing_rounds_a_ragged_border_and_keeps_the_volume(affine):
    whole = ball(affine)
    ragged = whole.copy()
    rim = np.abs(np.linalg.norm(world(affine), axis=-1) - 40) < 3
    ragged[rim] = np.random.default_rng(0).random(int(rim.sum())) < 0.5
    drawn = drawing(affine, ragged * RIGHT_FRONTAL)
    smoothed = after(drawn, smooth(drawn, RIGHT_FRONTAL, 4.0)) == RIGHT_FRONTAL
    assert smoothed.sum() == pytest.approx(ragged.sum(), rel=0.002)
    assert (smoothed ^ whole).sum() < 0.6 * (ragged ^ whole).sum()


def test_that_smoothing_leaves_no_gap_between_neighbours():
    affine = GRIDS["straight"]
    whole = ball(affine)
    x = world(affine)[..., 0]
    jagged = x + 6 * np.random.default_rng(0).normal(size=SHAPE) > 0
    drawn = drawing(affine, np.where(whole, np.where(jagged, RIGHT_FRONTAL, LEFT_FRONTAL), 0))
    smoothed = after(drawn, smooth(drawn, RIGHT_FRONTAL, 4.0))
    inner = ball(affine, radius=30)
    assert (smoothed[inner] > 0).all()
    assert np.count_nonzero(smoothed[inner] != np.where(x[inner] > 0, RIGHT_FRONTAL, LEFT_FRONTAL)) < 0.3 * (
        np.count_nonzero(drawn.labels[inner] != np.where(x[inner] > 0, RIGHT_FRONTAL, LEFT_FRONTAL))
    )


def test_that_smoothing_thick_slices_does_not_reach_across_them():
    affine = grid((1.0, 1.0, 10.0))
    labels = np.zeros(SHAPE)
    labels[10:50, 10:50, 10:20] = RIGHT_FRONTAL
    drawn = drawing(affine, labels)
    change = smooth(drawn, RIGHT_FRONTAL, 2.0)
    assert change is not None
    assert (change.box[2].start, change.box[2].stop) == (10, 20)


@EVERY_GRID
def test_that_islands_take_the_code_around_them_and_the_largest_piece_stays(affine):
    labels = np.where(ball(affine, (-10, 0, 0)), LEFT_FRONTAL, 0)
    labels[4:24, 10:60, 4:10] = RIGHT_FRONTAL
    labels[32:34, 36:38, 20] = RIGHT_FRONTAL
    labels[60, 68, 38] = RIGHT_FRONTAL
    drawn = drawing(affine, labels)
    cleaned = after(drawn, remove_islands(drawn, RIGHT_FRONTAL))
    assert (cleaned[32:34, 36:38, 20] == LEFT_FRONTAL).all()
    assert cleaned[60, 68, 38] == 0
    assert (cleaned[4:24, 10:60, 4:10] == RIGHT_FRONTAL).all()
    small = 2.5 * drawn.image.grid.voxel_volume_mm3
    kept = after(drawn, remove_islands(drawn, RIGHT_FRONTAL, small))
    assert (kept[32:34, 36:38, 20] == RIGHT_FRONTAL).all()
    assert kept[60, 68, 38] == 0
    assert remove_islands(drawn, LEFT_FRONTAL) is None


@EVERY_GRID
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_that_holes_are_filled_in_a_slice_in_all_slices_and_in_three_dimensions(affine, axis):
    labels = np.zeros(SHAPE)
    labels[10:30, 12:32, 8:28] = CEREBELLUM
    labels[18:22, 20:24, 16:20] = 0  # closed on all sides
    tunnel = [slice(14, 16), slice(16, 18), slice(12, 14)]
    tunnel[axis] = slice(None)
    labels[tuple(tunnel)] = 0  # open at both ends
    labels[25, 27, 22] = LEFT_FRONTAL
    drawn = drawing(affine, labels)
    solid = after(drawn, fill_holes(drawn, CEREBELLUM))
    assert (solid[18:22, 20:24, 16:20] == CEREBELLUM).all()
    assert not (solid[tuple(tunnel)] == CEREBELLUM).any()
    assert solid[25, 27, 22] == LEFT_FRONTAL
    sliced = after(drawn, fill_holes(drawn, CEREBELLUM, axis))
    assert np.count_nonzero(sliced[10:30, 12:32, 8:28] == CEREBELLUM) == 8000 - 1
    index = 20
    alone = after(drawn, fill_holes(drawn, CEREBELLUM, axis, index))
    assert set(np.argwhere(alone != drawn.labels)[:, axis]) == {index}
    owned = after(drawn, fill_holes(drawn, CEREBELLUM, limits=Limits(over=LEFT_FRONTAL)))
    assert [tuple(at) for at in np.argwhere(owned != drawn.labels)] == [(25, 27, 22)]


@EVERY_GRID
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_that_slices_between_drawn_ones_are_interpolated_by_shape(affine, axis):
    truth = ball(affine)
    drawn_only = np.zeros_like(truth)
    present = np.flatnonzero(truth.any(axis=tuple(n for n in range(3) if n != axis)))
    keys = [int(index) for index in present[::4]]
    for key in keys:
        at = [slice(None)] * 3
        at[axis] = slice(key, key + 1)
        drawn_only[tuple(at)] = truth[tuple(at)]
    drawn = drawing(affine, drawn_only * LEFT_FRONTAL)
    made = after(drawn, interpolate(drawn, LEFT_FRONTAL, axis)) == LEFT_FRONTAL
    inside = [slice(None)] * 3
    inside[axis] = slice(keys[0], keys[-1] + 1)
    made, truth = made[tuple(inside)], truth[tuple(inside)]
    assert 2 * np.sum(made & truth) / (made.sum() + truth.sum()) > 0.95


def test_that_interpolation_replaces_what_stood_between_the_drawn_slices_and_follows_a_slant():
    affine = grid((1.0, 1.0, 2.0))
    labels = np.zeros(SHAPE)
    labels[10:20, 10:20, 10] = RIGHT_FRONTAL
    labels[40:50, 10:20, 20] = RIGHT_FRONTAL
    labels[55:60, 60:70, 15] = RIGHT_FRONTAL  # what registration left there
    drawn = drawing(affine, labels)
    made = after(drawn, interpolate(drawn, RIGHT_FRONTAL, 2, (10, 20)))
    assert not made[55:60, 60:70, 15].any()
    middle = np.argwhere(made[..., 15] == RIGHT_FRONTAL)
    assert middle.mean(axis=0) == pytest.approx([29.5, 14.5], abs=1)
    assert len(middle) == pytest.approx(100, rel=0.2)
    with pytest.raises(WorkbenchError, match="one slice only"):
        interpolate(drawing(affine, np.where(np.arange(SHAPE[2]) == 10, labels, 0)), RIGHT_FRONTAL, 2)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_that_a_slice_is_copied_from_the_one_beside_it_and_other_regions_close_up(axis):
    affine = GRIDS["oblique"]
    labels = np.zeros(SHAPE)
    labels[10:40, 10:40, 10:30] = LEFT_FRONTAL
    labels[15:25, 15:25, 15:25] = RIGHT_FRONTAL
    drawn = drawing(affine, labels)
    copied = after(drawn, copy_slice(drawn, RIGHT_FRONTAL, axis, 25, -1))
    here, there = np.take(copied, 25, axis), np.take(labels, 24, axis)
    assert np.array_equal(here == RIGHT_FRONTAL, there == RIGHT_FRONTAL)
    back = after(drawing(affine, copied), copy_slice(drawing(affine, copied), LEFT_FRONTAL, axis, 25, 1))
    assert np.array_equal(np.take(back, 25, axis), np.take(labels, 26, axis))
    with pytest.raises(WorkbenchError, match="holds no right frontal"):
        copy_slice(drawn, RIGHT_FRONTAL, axis, 27, -1)
    with pytest.raises(WorkbenchError, match="last one"):
        copy_slice(drawn, RIGHT_FRONTAL, axis, SHAPE[axis] - 1, 1)


@EVERY_GRID
def test_that_a_region_grows_and_shrinks_by_millimetres_of_the_patient(affine):
    places, region = world(affine), ball(affine)
    drawn = drawing(affine, region * CEREBELLUM)
    inner, outer = places[region], places[~region]
    grown = after(drawn, grow(drawn, CEREBELLUM, 8.0)) == CEREBELLUM
    assert np.array_equal(grown[~region], KDTree(inner).query(outer)[0] <= 8)
    shrunk = after(drawn, grow(drawn, CEREBELLUM, -8.0)) == CEREBELLUM
    assert np.array_equal(shrunk[region], KDTree(outer).query(inner)[0] > 8)
    assert grown[region].all()
    assert not shrunk[~region].any()


def test_that_growing_goes_by_the_voxels_size_and_keeps_to_its_limits():
    affine = grid((1.0, 2.0, 5.0))
    labels = np.zeros(SHAPE)
    labels[30, 30, 20] = CEREBELLUM
    labels[32, 30, 20] = LEFT_FRONTAL
    drawn = drawing(affine, labels)
    grown = after(drawn, grow(drawn, CEREBELLUM, 2.0))
    at = np.argwhere(grown == CEREBELLUM)
    assert at.min(axis=0).tolist() == [28, 29, 20]
    assert at.max(axis=0).tolist() == [32, 31, 20]
    kept = after(drawn, grow(drawn, CEREBELLUM, 2.0, Limits(over=0)))
    assert kept[32, 30, 20] == LEFT_FRONTAL
    assert grow(drawn, CEREBELLUM, 0.5) is None
    image = np.full(SHAPE, 35, np.int16)
    image[27] = 900
    walled = drawing(affine, labels, image)
    grown = after(walled, grow(walled, CEREBELLUM, 6.0, Limits(hu=(0, 80))))
    assert np.argwhere(grown == CEREBELLUM)[:, 0].min() == 28  # it does not leap over bone
    with pytest.raises(WorkbenchError, match="would vanish"):
        grow(drawn, CEREBELLUM, -20.0)


def test_that_shrinking_hands_voxels_to_the_neighbour_they_lie_next_to():
    affine = GRIDS["cubes"]
    whole = ball(affine)
    x = world(affine)[..., 0]
    drawn = drawing(affine, np.where(whole, np.where(x > 0, RIGHT_FRONTAL, LEFT_FRONTAL), 0))
    shrunk = after(drawn, grow(drawn, RIGHT_FRONTAL, -8.0))
    lost = (drawn.labels == RIGHT_FRONTAL) & (shrunk != RIGHT_FRONTAL)
    core = ball(affine, radius=20)
    assert set(np.unique(shrunk[lost & core])) == {LEFT_FRONTAL}
    assert set(np.unique(shrunk[lost & (x > 12)])) == {0}


def halves(affine: np.ndarray, turn: np.ndarray, off=(0.0, 0.0, 0.0)) -> np.ndarray:
    """Right and left frontal and parietal labels of a head turned in the scanner."""
    x, y, z = np.moveaxis((world(affine) - np.array(off)) @ turn, -1, 0)
    brain = (x / 65) ** 2 + (y / 82) ** 2 + (z / 80) ** 2 <= 1
    right, left = np.where(y > 0, RIGHT_FRONTAL, RIGHT_PARIETAL), np.where(y > 0, LEFT_FRONTAL, LEFT_PARIETAL)
    return np.where(brain, np.where(x > 0, right, left), 0)


TURNS = ((0, 0, 0), (18, 0, 0), (-25, 8, 0), (12, -15, 20))


@EVERY_GRID
@pytest.mark.parametrize("source", ["labels", "symmetry"])
def test_that_the_midsagittal_plane_is_the_heads_own(affine, source):
    for turns in TURNS[2:] if source == "symmetry" else TURNS:
        turn, off = turned(*turns), (6.0, -4.0, 3.0)
        labels = halves(affine, turn, off) if source == "labels" else np.zeros(SHAPE)
        plane = find_midplane(drawing(affine, labels, skull(affine, turn, off)))
        assert plane.source == source
        assert np.degrees(np.arccos(plane.normal @ turn[:, 0])) < 1.5
        half_a_voxel = max(np.linalg.norm(affine[:3, :3], axis=0)) / 2
        assert abs(plane.right_mm(np.array(off))) < half_a_voxel


def test_that_no_plane_is_made_up_where_there_is_no_head():
    noise = np.random.default_rng(0).normal(-1000, 5, SHAPE).astype(np.int16)
    with pytest.raises(WorkbenchError, match="cannot be found"):
        find_midplane(drawing(GRIDS["cubes"], np.zeros(SHAPE), noise))


@EVERY_GRID
@pytest.mark.parametrize("turns", TURNS[1::2])
def test_that_a_region_is_split_at_the_plane_of_a_turned_head_and_left_is_left(affine, turns):
    turn = turned(*turns)
    truth = halves(affine, turn)
    one_sided = np.where(truth == LEFT_FRONTAL, RIGHT_FRONTAL, truth)  # the reader filled both frontal lobes as one
    one_sided[truth == LEFT_PARIETAL] = RIGHT_PARIETAL
    drawn = drawing(affine, one_sided, skull(affine, turn))
    plane = find_midplane(drawn)
    assert plane.source == "symmetry"
    after_split = after(drawn, split(drawn, RIGHT_FRONTAL, plane))
    frontal = np.isin(truth, (RIGHT_FRONTAL, LEFT_FRONTAL))
    assert np.mean(after_split[frontal] == truth[frontal]) > 0.98
    assert np.array_equal(after_split[~frontal], one_sided[~frontal])
    x = world(affine)[..., 0]
    assert x[after_split == RIGHT_FRONTAL].mean() > x[after_split == LEFT_FRONTAL].mean() + 35


def test_that_swapped_sides_are_put_right_by_splitting():
    affine, turn = GRIDS["oblique"], turned(12)
    truth = halves(affine, turn)
    swapped = SCHEME.mirror_table[truth]
    drawn = drawing(affine, swapped, skull(affine, turn))
    plane = find_midplane(drawn)
    assert plane.normal[0] > 0.9
    for code in (RIGHT_FRONTAL, LEFT_PARIETAL):
        drawn = drawing(affine, after(drawn, split(drawn, code, plane)), drawn.image.voxels)
    assert np.mean(drawn.labels == truth) > 0.99


@EVERY_GRID
def test_that_a_region_is_mirrored_across_the_heads_plane_with_the_other_sides_code(affine):
    turn, off = turned(15, 6), (5.0, 0.0, 0.0)
    truth = halves(affine, turn, off)
    half = truth.copy()
    half[truth == LEFT_FRONTAL] = 0
    half[4:8, 4:8, 4:8] = LEFT_FRONTAL  # left over from somewhere
    drawn = drawing(affine, half, skull(affine, turn, off))
    plane = find_midplane(drawing(affine, truth, drawn.image.voxels))
    made = after(drawn, mirror_across(drawn, RIGHT_FRONTAL, plane))
    mirrored, wanted = made == LEFT_FRONTAL, truth == LEFT_FRONTAL
    assert 2 * np.sum(mirrored & wanted) / (mirrored.sum() + wanted.sum()) > 0.95
    assert np.array_equal(made == RIGHT_FRONTAL, truth == RIGHT_FRONTAL)
    assert not (made[4:8, 4:8, 4:8] == LEFT_FRONTAL).any()
    again = mirror_across(drawing(affine, made, drawn.image.voxels), RIGHT_FRONTAL, plane)
    assert again is None


def test_that_regions_without_sides_or_voxels_are_refused_by_name():
    affine = GRIDS["cubes"]
    drawn = drawing(affine, halves(affine, np.eye(3)), skull(affine, np.eye(3)))
    plane = find_midplane(drawn)
    for act in (split, mirror_across):
        with pytest.raises(WorkbenchError, match="Cerebellum has no left and right"):
            act(drawn, CEREBELLUM, plane)
    for act in (smooth, remove_islands, fill_holes):
        with pytest.raises(WorkbenchError, match="no cerebellum in this label map"):
            act(drawn, CEREBELLUM)
    with pytest.raises(WorkbenchError, match="no cerebellum"):
        grow(drawn, CEREBELLUM, 2.0)


@pytest.mark.parametrize(("over", "window"), itertools.product([None, 0, LEFT_FRONTAL], [None, (30, 36)]))
def test_that_no_operation_changes_what_the_limits_protect(over, window):
    affine = GRIDS["oblique"]
    turn = np.eye(3)
    labels = halves(affine, turn)
    labels[20:44, 30:40, 10:14] = RIGHT_FRONTAL
    drawn = drawing(affine, labels, skull(affine, turn))
    plane = find_midplane(drawn)
    limits = Limits(over, window)
    changes = [
        smooth(drawn, RIGHT_FRONTAL, 3.0, limits),
        grow(drawn, RIGHT_FRONTAL, 9.0, limits),
        grow(drawn, RIGHT_FRONTAL, -4.0, limits),
        copy_slice(drawn, RIGHT_FRONTAL, 2, 20, -7, limits),
        interpolate(drawn, RIGHT_FRONTAL, 2, (5, 30), limits),
        mirror_across(drawn, RIGHT_FRONTAL, plane, limits),
        fill_holes(drawn, RIGHT_FRONTAL, 2, limits=limits),
    ]
    assert sum(change is not None for change in changes) >= 4
    for change in changes:
        if change is None:
            continue
        made = after(drawn, change)
        differs = made != drawn.labels
        hu = drawn.image.voxels[differs]
        if window is not None:
            assert hu.min() >= window[0]
            assert hu.max() <= window[1]
        if over is not None:
            subject = RIGHT_FRONTAL if (made[differs] == RIGHT_FRONTAL).any() else LEFT_FRONTAL
            gained = differs & (made == subject) & (drawn.labels != subject)
            assert set(np.unique(drawn.labels[gained])) <= {over, RIGHT_FRONTAL, LEFT_FRONTAL}


def sheets(truth: np.ndarray, axis: int, step: int) -> tuple[np.ndarray, list[int]]:
    """Every so many slices of a region, and their indices."""
    present = np.flatnonzero(truth.any(axis=tuple(n for n in range(3) if n != axis)))
    keys = [int(index) for index in present[::step]]
    here = np.zeros(truth.shape[axis], bool)
    here[keys] = True
    shape = [1, 1, 1]
    shape[axis] = -1
    return truth & here.reshape(shape), keys


def agreement(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * np.sum(a & b) / (a.sum() + b.sum())


@EVERY_GRID
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_that_the_rest_of_a_region_is_proposed_from_a_few_slices_of_any_plane(affine, axis):
    truth = ball(affine, (10, 0, 0))
    few, keys = sheets(truth, axis, 4)
    drawn = drawing(affine, few * RIGHT_FRONTAL)
    made = after(drawn, propose(drawn, RIGHT_FRONTAL, axis, keys)) == RIGHT_FRONTAL
    inside = np.swapaxes(made, 0, axis)[keys[0] : keys[-1] + 1]
    assert agreement(inside, np.swapaxes(truth, 0, axis)[keys[0] : keys[-1] + 1]) > 0.96
    assert np.array_equal(np.take(made, keys, axis), np.take(few, keys, axis))


def test_that_a_proposal_follows_the_hu_where_they_show_the_border_better_than_the_outlines():
    affine = grid((1.5, 1.5, 3.0))
    x, y, z = np.moveaxis(world(affine), -1, 0)
    truth = np.hypot(x - 12 * np.sin(z / 5), y - 12 * np.cos(z / 5)) < 22
    image = np.where(truth, 65, 25) + np.random.default_rng(0).normal(0, 5, SHAPE)
    few, keys = sheets(truth, 2, 6)
    bright = drawing(affine, few * RIGHT_FRONTAL, image.astype(np.int16))
    made = after(bright, propose(bright, RIGHT_FRONTAL, 2, keys))[..., : keys[-1]] == RIGHT_FRONTAL
    plain = drawing(affine, few * RIGHT_FRONTAL)
    blind = after(plain, propose(plain, RIGHT_FRONTAL, 2, keys))[..., : keys[-1]] == RIGHT_FRONTAL
    assert agreement(made, truth[..., : keys[-1]]) > 0.95
    assert agreement(made, truth[..., : keys[-1]]) > agreement(blind, truth[..., : keys[-1]]) + 0.05


def test_that_a_correction_is_carried_between_and_a_little_beyond_the_corrected_slices():
    affine = grid((1.5, 1.5, 3.0))
    z = world(affine)[..., 2]
    registered = ball(affine, (0, 0, 0), 42)
    truth = registered & (world(affine)[..., 0] < 12)  # registration went 30 mm too far to the right
    labels = registered.copy()
    keys = [14, 24]
    labels[..., keys] = truth[..., keys]
    before = (registered * CEREBELLUM).astype(np.uint8)
    drawn = drawing(affine, labels * CEREBELLUM)
    made = after(drawn, propose(drawn, CEREBELLUM, 2, keys, before)) == CEREBELLUM
    between = (np.arange(SHAPE[2]) > 14) & (np.arange(SHAPE[2]) < 24)
    assert agreement(made[..., between], truth[..., between]) > 0.97
    assert agreement(registered[..., between], truth[..., between]) < 0.9
    # beyond the ends it fades, and further on nothing is touched
    assert (made[..., 25] ^ truth[..., 25]).sum() < (registered[..., 25] ^ truth[..., 25]).sum()
    assert np.array_equal(made[..., 34:], registered[..., 34:])
    assert z.max() > 0


def test_that_a_proposal_keeps_what_was_drawn_in_another_plane():
    affine = GRIDS["straight"]
    truth = ball(affine)
    few, keys = sheets(truth, 2, 5)
    few[30, 36, keys[1] + 1 : keys[2]] = True
    dent = [slice(30, 34), slice(36, 40), keys[2] + 2]
    before = np.zeros(SHAPE, np.uint8)
    before[tuple(dent)] = RIGHT_FRONTAL  # erased since by the reader, in a coronal slice
    drawn = drawing(affine, few * RIGHT_FRONTAL)
    made = after(drawn, propose(drawn, RIGHT_FRONTAL, 2, keys, before))
    assert not made[tuple(dent)].any()
    assert (made[few] == RIGHT_FRONTAL).all()


def test_that_nothing_is_proposed_from_one_slice_of_nothing():
    affine = GRIDS["straight"]
    labels = np.zeros(SHAPE)
    drawn = drawing(affine, labels)
    with pytest.raises(WorkbenchError, match="in no slice of this view"):
        propose(drawn, RIGHT_FRONTAL, 2, [])
    labels[10:20, 10:20, 7] = RIGHT_FRONTAL
    with pytest.raises(WorkbenchError, match="in one slice of this view"):
        propose(drawing(affine, labels), RIGHT_FRONTAL, 2, [7])
