"""The geometry of imported series: sides, tilt, spacing, against paths that share no code with ours."""

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray

from ctworkbench.core.archives import unpack
from ctworkbench.core.dicom import find_series
from ctworkbench.core.dicom_geometry import check_spacing, stack_slices
from ctworkbench.core.dicom_series import ReadSeries, read_series
from ctworkbench.core.errors import ImportRefused
from ctworkbench.core.settings import resource
from ctworkbench.core.volume import Volume
from tests.core.dicom_series import (
    AXIAL,
    BEAD_RADIUS_MM,
    BEADS_LPS,
    BRAIN_RADII_MM,
    CORONAL,
    SAGITTAL,
    head,
    tilted,
    write_series,
)


def read(files: list[Path]) -> ReadSeries:
    (series,) = find_series(files).series.values()
    return read_series(series)


def world(volume: Volume) -> NDArray[np.float64]:
    """RAS points of all voxels, shape (x, y, z, 3)."""
    index = np.stack(np.meshgrid(*[np.arange(n) for n in volume.voxels.shape], indexing="ij"), axis=-1)
    return index @ volume.affine[:3, :3].T + volume.affine[:3, 3]


def bead_centre(volume: Volume, points: NDArray[np.float64], value: int) -> NDArray[np.float64]:
    """Centre of mass of a bead in LPS mm, weighted by its HU above the brain's, near where it must be."""
    lps = points * [-1, -1, 1]
    near = np.linalg.norm(lps - BEADS_LPS[value], axis=-1) < BEAD_RADIUS_MM + 7
    weight = np.where(near, volume.voxels.astype(float) - 30, 0)
    return (weight[..., None] * lps).sum((0, 1, 2)) / weight.sum()


@pytest.mark.parametrize(
    "orientation", [AXIAL, CORONAL, SAGITTAL, tilted(12.0), (-1, 0, 0, 0, -1, 0), (0, 1, 0, -1, 0, 0)]
)
def test_that_every_voxel_lies_where_simpleitk_puts_it(tmp_path: Path, orientation: tuple[float, ...]) -> None:
    files = write_series(tmp_path, orientation=orientation)
    result = read(files)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames([str(path) for path in files])
    image = reader.Execute()
    other = sitk.GetArrayFromImage(image).transpose(2, 1, 0)
    assert result.volume.voxels.shape == other.shape
    rng = np.random.default_rng(0)
    for index in rng.integers(0, other.shape, size=(50, 3)):
        there = np.array(image.TransformIndexToPhysicalPoint([int(i) for i in index])) * [-1, -1, 1]
        here = np.linalg.solve(result.volume.affine, [*there, 1])[:3]
        np.testing.assert_allclose(here, index, atol=1e-3)
        assert result.volume.voxels[tuple(index)] == other[tuple(index)]
    assert result.corrections == ()


@pytest.mark.parametrize("orientation", [AXIAL, CORONAL, SAGITTAL])
def test_that_left_front_and_top_stay_left_front_and_top(tmp_path: Path, orientation: tuple[float, ...]) -> None:
    volume = read(write_series(tmp_path, orientation=orientation)).volume.oriented("RAS")
    points = world(volume)
    for value, (left, back, up) in BEADS_LPS.items():  # in RAS, x grows to the right and y to the front
        bead = np.unravel_index(np.abs(points - [-left, -back, up]).sum(-1).argmin(), volume.voxels.shape)
        assert volume.voxels[bead] == pytest.approx(30 + value, abs=20)
    bead = np.unravel_index(np.abs(points - [-32, -4, 2]).sum(-1).argmin(), volume.voxels.shape)
    assert (
        bead[0] < volume.voxels.shape[0] / 2
    )  # the bead at the patient's left stands in the lower half of an axis that runs to the right
    mirrored = np.unravel_index(np.abs(points - [32, -4, 2]).sum(-1).argmin(), volume.voxels.shape)
    assert volume.voxels[mirrored] == pytest.approx(30, abs=20)


def test_that_the_order_of_the_files_does_not_matter(tmp_path: Path) -> None:
    files = write_series(tmp_path)
    forward, backward = read(files), read(files[::-1])
    np.testing.assert_array_equal(forward.volume.voxels, backward.volume.voxels)
    np.testing.assert_allclose(forward.volume.affine, backward.volume.affine)


@pytest.mark.parametrize("degrees", [15.0, -15.0, 25.0])
def test_that_a_tilted_gantry_moves_no_landmark_and_changes_no_volume(tmp_path: Path, degrees: float) -> None:
    spacing = (1.6, 1.6)
    files = write_series(
        tmp_path,
        orientation=tilted(degrees),
        step=(0, 0, 1),
        spacing=spacing,
        shape=(104, 100),
        tags={"GantryDetectorTilt": degrees},
    )
    result = read(files)
    volume = result.volume
    assert f"gantry tilt {degrees:+.1f}° sheared" in result.corrections
    points = world(volume)
    for value in BEADS_LPS:
        off = bead_centre(volume, points, value) - BEADS_LPS[value]
        assert np.abs(off).max() < 0.5 * min(spacing)
    brain = float((volume.voxels > 500).sum()) * volume.grid.voxel_volume_mm3
    straight = read(write_series(tmp_path / "straight", spacing=spacing, shape=(104, 100))).volume
    expected = float((straight.voxels > 500).sum()) * straight.grid.voxel_volume_mm3
    assert brain == pytest.approx(expected, rel=0.01)
    enclosed = 4 / 3 * np.pi * float(np.prod(np.array(BRAIN_RADII_MM) + 8))
    everything = float((volume.voxels > 0).sum()) * volume.grid.voxel_volume_mm3
    assert everything == pytest.approx(enclosed, rel=0.01)


def test_that_a_tilted_volume_holds_the_hu_of_the_patient_at_every_world_point(tmp_path: Path) -> None:
    result = read(write_series(tmp_path, orientation=tilted(20), step=(0, 0, 1), spacing=(1.2, 1.2), shape=(140, 130)))
    expected = head(world(result.volume) * [-1, -1, 1])
    smooth = np.abs(np.stack(np.gradient(expected))).max(0) < 5
    scanned = result.volume.voxels > -900
    assert (smooth & scanned).sum() > 100_000
    assert np.abs(result.volume.voxels - expected)[smooth & scanned].max() < 6


def test_that_zones_of_two_spacings_become_one_even_grid_with_the_same_anatomy(tmp_path: Path) -> None:
    places = [*np.arange(-66, 0, 3.0), *np.arange(1.5, 67, 5.0)]
    result = read(write_series(tmp_path, places=places, spacing=(2.0, 2.0), shape=(80, 75)))
    assert result.corrections == ("slice spacing 3.00/5.00 mm equalized to 2.94 mm",)
    points = world(result.volume)
    for value in BEADS_LPS:
        assert np.abs(bead_centre(result.volume, points, value) - BEADS_LPS[value]).max() < 1.0
    assert result.volume.spacing[2] == pytest.approx(np.ptp(places) / (result.volume.voxels.shape[2] - 1))


def gaps_refused(gaps: list[float], thickness: float | None = None) -> str:
    """Why a stack with these distances is refused; empty if it is not."""
    places = np.concatenate([[0.0], np.cumsum(gaps)])
    stack = stack_slices(np.outer(places, [0, 0, 1.0]), np.array(AXIAL))
    try:
        check_spacing(stack, None if thickness is None else np.full(len(places), thickness))
    except ImportRefused as error:
        return error.message
    return ""


@pytest.mark.parametrize(
    ("gaps", "thickness"),
    [
        ([5.0] * 20, 5.0),
        ([4.0] * 13 + [1.08] + [7.0] * 13, None),
        ([2.5] * 12 + [3.75] + [5.0] * 14, None),
        ([2.5] * 12 + [5.0] * 14, None),
        ([5.0, 5.1, 4.9, 5.05, 4.95] * 4, 5.0),
    ],
)
def test_that_even_spacing_zones_and_an_imprecise_table_are_accepted(
    gaps: list[float], thickness: float | None
) -> None:
    assert gaps_refused(gaps, thickness) == ""


@pytest.mark.parametrize(
    ("gaps", "thickness"),
    [
        ([5.0] * 7 + [10.0] + [5.0] * 12, 5.0),
        ([10.0] + [5.0] * 18, 5.0),
        ([5.0] * 18 + [10.0], None),
        ([5.0] * 7 + [10.0, 10.0] + [5.0] * 12, None),
        ([5.0] * 7 + [10.0] * 4 + [5.0] * 12, 5.0),
        ([5.0] * 7 + [30.0] + [5.0] * 12, 5.0),
        ([0.625] * 60 + [1.25] + [0.625] * 100, 0.625),
        ([4.0] * 10 + [11.0] + [7.0] * 10, None),
        ([3.0, 7.0, 5.0, 2.0, 9.0, 4.0, 6.0, 3.0, 8.0, 5.0], None),
    ],
)
def test_that_a_hole_between_slices_is_refused(gaps: list[float], thickness: float | None) -> None:
    assert "missing" in gaps_refused(gaps, thickness) or "no order" in gaps_refused(gaps, thickness)


def test_that_slices_at_one_position_are_refused() -> None:
    assert "same position" in gaps_refused([5.0] * 5 + [0.0] + [5.0] * 10)


def unpacked(name: str, folder: Path) -> list[Path]:
    return sorted(unpack(resource(name), folder).rglob("*.dcm"))


def test_that_a_real_tilted_head_of_two_spacings_agrees_with_dcm2niix(tmp_path: Path) -> None:
    reference = json.loads(resource("demo/ge_head_reference.json").read_text())
    result = read(unpacked("demo/ge_head_tilt_varspacing.tar.xz", tmp_path))
    volume = result.volume
    assert sorted(volume.voxels.shape) == sorted(reference["shape"])
    np.testing.assert_allclose(volume.spacing, reference["spacing_mm"], atol=1e-4)
    assert result.corrections[:2] == (
        "gantry tilt +18.5° sheared",
        "slice spacing 4.00/7.00 mm equalized to 2.62 mm",
    )
    sampled = np.array(reference["sample_hu"]).reshape(reference["sample_shape"])
    index = (
        np.stack(np.meshgrid(*[np.arange(n) for n in sampled.shape], indexing="ij"), -1) * reference["sample_stride"]
    )
    affine = np.array(reference["affine_ras"])
    points = index @ affine[:3, :3].T + affine[:3, 3]
    here = (points - volume.affine[:3, 3]) @ np.linalg.inv(volume.affine[:3, :3]).T
    np.testing.assert_allclose(here, np.rint(here), atol=0.01)  # the two grids are one, counted from other corners
    found = volume.voxels[tuple(np.rint(here).astype(int).reshape(-1, 3).T)].reshape(sampled.shape)
    patient = (found > -200) & (sampled > -200)
    assert patient.sum() > 1000
    assert np.abs(found - sampled)[patient].mean() < 0.5
    assert np.corrcoef(found[patient], sampled[patient])[0, 1] > 0.999
    assert volume.voxels.min() == -1024
    outside = sampled < -1024
    assert (found[outside] < -900).mean() > 0.99


def test_that_the_real_failing_series_are_refused_for_what_is_wrong_with_them(tmp_path: Path) -> None:
    files = unpacked("demo/failing/dicom2nifti_failing.tar.xz", tmp_path)
    reasons: dict[str, str] = {}
    for series in find_series(files).series.values():
        with pytest.raises(ImportRefused) as refusal:
            read_series(series)
        folder = series.slices[0].path.parent
        reasons[f"{folder.parent.name}/{folder.name}"] = refusal.value.message
    assert "not a head volume: 4 slices" in reasons["gantrytilting/001"]
    assert "4 slices lie at the same position" in reasons["notavolume/001"]
    assert "a step of 10.00 mm" in reasons["sliceincrement/001"]
    assert "a step of 1.50 mm" in reasons["sliceincrement/002"]
