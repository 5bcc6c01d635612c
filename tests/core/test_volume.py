"""The contract of `core.volume`: left stays left, millimetres stay millimetres."""

import gzip
import itertools
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from nibabel.orientations import axcodes2ornt, inv_ornt_aff, ornt_transform
from numpy.typing import NDArray

from ctworkbench.core.errors import VolumeError
from ctworkbench.core.volume import (
    Grid,
    ReadingGivenUp,
    Volume,
    from_sitk,
    is_sheared,
    nifti_bytes,
    read_nifti,
    resample,
    to_sitk,
    write_nifti,
)

ORIENTATIONS = [
    "".join(code) for axes in itertools.permutations(("RL", "AP", "SI")) for code in itertools.product(*axes)
]


def rotation(degrees: tuple[float, float, float]) -> NDArray[np.float64]:
    """A rotation about x, then y, then z."""
    a, b, c = np.deg2rad(degrees)
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    about_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


def oblique(spacing: tuple[float, float, float] = (0.9, 1.1, 2.5), flip: float = 1.0) -> NDArray[np.float64]:
    """An affine turned about all three axes, with its first axis mirrored where `flip` is -1."""
    affine = np.eye(4)
    affine[:3, :3] = rotation((11, -7, 16)) * np.array(spacing) * np.array([flip, 1, 1])
    affine[:3, 3] = (-31.5, 12.25, 70.0)
    return affine


def asymmetric(affine: NDArray[np.float64] | None = None) -> Volume:
    """A volume in which no two voxels are alike, so any wrong flip or swap shows."""
    voxels = np.arange(5 * 6 * 7, dtype=np.int16).reshape(5, 6, 7) - 100
    return Volume(voxels, oblique() if affine is None else affine)


def world(volume: Volume, value: int) -> NDArray[np.float64]:
    """Where in the patient the voxel of a value stands, in mm."""
    (index,) = np.argwhere(volume.voxels == value)
    return (volume.affine @ np.append(index, 1.0))[:3]


def test_that_there_are_48_orientations() -> None:
    assert len(set(ORIENTATIONS)) == 48


@pytest.mark.parametrize("axcodes", ORIENTATIONS)
def test_that_every_voxel_keeps_its_place_in_the_patient_in_every_orientation_and_back(axcodes: str) -> None:
    original = asymmetric()
    turned = original.oriented(axcodes)
    assert turned.grid.axcodes == axcodes
    for value in (-100, -99, -93, 30, 109):
        np.testing.assert_allclose(world(turned, value), world(original, value), atol=1e-9)
    back = turned.oriented("RAS")
    np.testing.assert_array_equal(back.voxels, original.oriented("RAS").voxels)
    np.testing.assert_allclose(back.affine, original.oriented("RAS").affine, atol=1e-12)


@pytest.mark.parametrize("axcodes", ORIENTATIONS)
def test_that_orientation_agrees_with_nibabel(axcodes: str) -> None:
    original = asymmetric().oriented("RAS")
    change = ornt_transform(axcodes2ornt("RAS"), axcodes2ornt(tuple(axcodes)))
    expected = nib.Nifti1Image(original.voxels, original.affine).as_reoriented(change)
    turned = original.oriented(axcodes)
    np.testing.assert_array_equal(turned.voxels, np.asarray(expected.dataobj))
    np.testing.assert_allclose(turned.affine, original.affine @ inv_ornt_aff(change, original.voxels.shape), atol=1e-12)


@pytest.mark.parametrize("flip", [1.0, -1.0])
@pytest.mark.parametrize("name", ["scan.nii", "scan.nii.gz"])
def test_that_nifti_keeps_voxels_type_and_oblique_place(tmp_path: Path, name: str, flip: float) -> None:
    original = asymmetric(oblique(flip=flip))
    write_nifti(original, tmp_path / name)
    again = read_nifti(tmp_path / name)
    assert again.voxels.dtype == np.int16
    np.testing.assert_array_equal(again.voxels, original.voxels)
    np.testing.assert_allclose(again.affine, original.affine, atol=1e-5)


@pytest.mark.parametrize("flip", [1.0, -1.0])
def test_that_simpleitk_puts_a_voxel_where_nibabel_does(tmp_path: Path, flip: float) -> None:
    original = asymmetric(oblique(flip=flip))
    write_nifti(original, tmp_path / "scan.nii")
    images = [to_sitk(original), sitk.ReadImage(str(tmp_path / "scan.nii"))]
    for image in images:
        x, y, z = image.TransformIndexToPhysicalPoint((4, 1, 2))
        np.testing.assert_allclose((-x, -y, z), (original.affine @ (4, 1, 2, 1))[:3], atol=1e-4)
        assert image.GetPixel(4, 1, 2) == original.voxels[4, 1, 2]
    back = from_sitk(images[0])
    np.testing.assert_array_equal(back.voxels, original.voxels)
    np.testing.assert_allclose(back.affine, original.affine, atol=1e-9)


def test_that_the_same_volume_gives_the_same_bytes() -> None:
    assert nifti_bytes(asymmetric(), compressed=True) == nifti_bytes(asymmetric(), compressed=True)


def test_that_scaled_whole_numbers_come_back_as_int16(tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.arange(24, dtype=np.uint8).reshape(2, 3, 4), np.eye(4))
    image.header.set_slope_inter(50, -600)
    nib.save(image, tmp_path / "scaled.nii")
    voxels = read_nifti(tmp_path / "scaled.nii").voxels
    assert voxels.dtype == np.int16
    assert voxels.min() == -600
    assert voxels.max() == 550


def test_that_resampling_keeps_world_positions() -> None:
    """A field that is linear in world coordinates has the same value at the same place on any grid."""
    weights = np.array([2.0, -3.0, 5.0, 40.0])

    def field(grid: Grid) -> NDArray[np.float64]:
        indices = np.indices(grid.shape).reshape(3, -1)
        positions = grid.affine @ np.vstack([indices, np.ones(indices.shape[1])])
        return (weights @ positions).reshape(grid.shape)

    source = Grid((24, 22, 20), oblique((1.0, 1.2, 1.4), flip=-1.0))
    centre = source.affine @ np.array([11.5, 10.5, 9.5, 1.0])
    target = Grid((9, 8, 7), np.diag([0.8, 0.9, 1.1, 1.0]))
    target.affine[:3, 3] = centre[:3] - target.affine[:3, :3] @ np.array([4.0, 3.5, 3.0])
    moved = resample(Volume(field(source), source.affine), target, "linear", fill=np.nan)
    np.testing.assert_allclose(moved.voxels, field(target), atol=1e-3)
    np.testing.assert_array_equal(moved.affine, target.affine)


def test_that_nearest_resampling_onto_the_same_grid_changes_nothing() -> None:
    original = asymmetric(oblique(flip=-1.0))
    np.testing.assert_array_equal(resample(original, original.grid, "nearest").voxels, original.voxels)


def test_that_outside_the_source_stands_the_fill_value() -> None:
    original = asymmetric()
    far = original.affine.copy()
    far[:3, 3] += 1000
    moved = resample(original, Grid((3, 3, 3), far), fill=-1024)
    assert moved.voxels.dtype == np.int16
    assert (moved.voxels == -1024).all()


@pytest.mark.parametrize("flip", [1.0, -1.0])
def test_that_a_voxels_volume_is_the_determinant_and_not_the_product_of_rounded_sides(flip: float) -> None:
    assert asymmetric(oblique((0.5, 0.5, 5.0), flip)).grid.voxel_volume_mm3 == pytest.approx(1.25)
    sheared = np.diag([0.5, 0.5, 5.0, 1.0])
    sheared[1, 2] = 5.0 * np.tan(np.deg2rad(20))
    grid = Grid((2, 2, 2), sheared)
    assert grid.voxel_volume_mm3 == pytest.approx(1.25)
    assert np.prod(grid.spacing) > 1.3
    assert is_sheared(sheared)


def test_that_a_sheared_grid_is_refused_by_simpleitk_and_kept_by_nifti(tmp_path: Path) -> None:
    affine = np.diag([1.0, 1.0, 5.0, 1.0])
    affine[1, 2] = 1.5
    tilted = asymmetric(affine)
    with pytest.raises(VolumeError, match="right angles"):
        to_sitk(tilted)
    write_nifti(tilted, tmp_path / "tilted.nii.gz")
    np.testing.assert_allclose(read_nifti(tmp_path / "tilted.nii.gz").affine, affine, atol=1e-6)


def test_that_an_isotropic_grid_covers_the_same_box() -> None:
    grid = Grid((40, 44, 20), oblique((0.5, 0.5, 5.0)))
    cubes = grid.isotropic(1.0)
    assert cubes.shape == (20, 22, 100)
    np.testing.assert_allclose(cubes.spacing, (1, 1, 1))
    for part in (0.0, 1.0):
        corner = np.array(grid.shape) * part - 0.5
        corner_of_cubes = np.array(cubes.shape) * part - 0.5
        np.testing.assert_allclose(grid.affine @ (*corner, 1), cubes.affine @ (*corner_of_cubes, 1), atol=1e-9)


def test_that_a_crop_stays_at_its_place() -> None:
    original = asymmetric()
    crop = original.cropped((1, 2, 3), (4, 5, 6))
    value = int(original.voxels[2, 3, 4])
    assert crop.voxels.shape == (3, 3, 3)
    np.testing.assert_allclose(world(crop, value), world(original, value), atol=1e-9)


def test_that_grids_a_tenth_of_a_millimetre_apart_do_not_match() -> None:
    moved = oblique()
    moved[0, 3] += 0.1
    grid = Grid((5, 6, 7), oblique())
    assert grid.matches(Grid((5, 6, 7), oblique() + 1e-6))
    assert not grid.matches(Grid((5, 6, 7), moved))
    assert not grid.matches(Grid((5, 6, 8), oblique()))


def test_that_a_nifti_without_a_spatial_transform_is_refused_by_name(tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.zeros((2, 2, 2), np.int16), None)
    image.header["sform_code"] = image.header["qform_code"] = 0
    nib.save(image, tmp_path / "nowhere.nii")
    with pytest.raises(VolumeError, match=r"nowhere\.nii has no spatial transform"):
        read_nifti(tmp_path / "nowhere.nii")


@pytest.mark.parametrize("name", ["cut.nii", "cut.nii.gz"])
def test_that_a_truncated_nifti_is_refused_by_name(tmp_path: Path, name: str) -> None:
    whole = nifti_bytes(asymmetric(), compressed=name.endswith("gz"))
    (tmp_path / name).write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(VolumeError, match=r"cut\.nii"):
        read_nifti(tmp_path / name)


def test_that_a_file_of_something_else_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "letter.nii").write_text("Dear colleague, " * 40)
    with pytest.raises(VolumeError, match=r"letter\.nii"):
        read_nifti(tmp_path / "letter.nii")


def test_that_values_that_are_not_numbers_are_refused(tmp_path: Path) -> None:
    voxels = np.zeros((3, 3, 3), np.float32)
    voxels[1, 1, 1] = np.nan
    nib.save(nib.Nifti1Image(voxels, np.eye(4)), tmp_path / "holes.nii.gz")
    with pytest.raises(VolumeError, match="not numbers"):
        read_nifti(tmp_path / "holes.nii.gz")


def test_that_four_dimensions_are_refused_and_a_single_frame_is_taken(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Image(np.zeros((3, 3, 3, 2), np.int16), np.eye(4)), tmp_path / "film.nii")
    with pytest.raises(VolumeError, match="one 3D image is needed"):
        read_nifti(tmp_path / "film.nii")
    nib.save(nib.Nifti1Image(np.ones((3, 3, 3, 1), np.int16), np.eye(4)), tmp_path / "frame.nii")
    assert read_nifti(tmp_path / "frame.nii").voxels.shape == (3, 3, 3)


def test_that_a_geometry_in_metres_is_refused(tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.zeros((2, 2, 2), np.int16), np.eye(4))
    image.header.set_xyzt_units("meter")
    nib.save(image, tmp_path / "metres.nii")
    with pytest.raises(VolumeError, match="not in mm"):
        read_nifti(tmp_path / "metres.nii")


@pytest.mark.parametrize("affine", [np.zeros((4, 4)), np.full((4, 4), np.nan), np.eye(3)])
def test_that_a_volume_without_a_usable_transform_cannot_be_made(affine: NDArray[np.float64]) -> None:
    with pytest.raises(VolumeError, match="spatial transform"):
        Volume(np.zeros((2, 2, 2)), affine)


def test_that_whole_numbers_are_rounded_and_not_cut_off() -> None:
    ramp = np.arange(40, dtype=np.int16).reshape(40, 1, 1).repeat(4, 1).repeat(4, 2)
    volume = Volume(ramp, np.eye(4))
    grid = Grid((39, 4, 4), np.array([[1.0, 0, 0, 0.75], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]))
    found = resample(volume, grid)
    assert found.voxels.dtype == np.int16
    assert np.array_equal(found.voxels[:, 0, 0], np.arange(1, 40))


def packed(tmp_path: Path, *members: bytes) -> Path:
    """A file of several gzip members, as parallel packers write them: the last one alone tells a size at its end."""
    path = tmp_path / "members.nii.gz"
    path.write_bytes(b"".join(gzip.compress(member) for member in members))
    return path


def test_that_a_file_of_several_gzip_members_is_read_to_its_end(tmp_path: Path) -> None:
    voxels = np.arange(24000, dtype=np.int16).reshape((20, 30, 40), order="F")
    content = nifti_bytes(Volume(voxels, np.diag([2.0, 3.0, 4.0, 1.0])), compressed=False)
    for cut in (100, 352, 30_000, len(content) - 7):
        read = read_nifti(packed(tmp_path, content[:cut], content[cut:]))
        assert np.array_equal(read.voxels, voxels)
        assert read.voxels.flags.f_contiguous and read.voxels.flags.writeable


def test_that_a_file_that_holds_fewer_voxels_than_it_says_is_refused(tmp_path: Path) -> None:
    content = nifti_bytes(Volume(np.zeros((20, 30, 40), np.int16), np.eye(4)), compressed=False)
    for end in (20, 350, len(content) - 1):
        with pytest.raises(VolumeError, match="cannot be read"):
            read_nifti(packed(tmp_path, content[:end]))


def test_that_reading_ends_as_soon_as_the_image_is_no_longer_wanted(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(-1000, 1000, (128, 128, 128)).astype(np.int16)
    write_nifti(Volume(noise, np.eye(4)), tmp_path / "scan.nii.gz")
    asked: list[int] = []

    def given_up() -> bool:
        asked.append(1)
        return len(asked) == 2

    with pytest.raises(ReadingGivenUp):
        read_nifti(tmp_path / "scan.nii.gz", given_up)
    assert len(asked) == 2
    assert np.array_equal(read_nifti(tmp_path / "scan.nii.gz", lambda: False).voxels, noise)
