"""Volumes are measured in patient space, and what is missing is said."""

from pathlib import Path

import numpy as np
import pytest

from ctworkbench.core import schemes
from ctworkbench.core.jobs import JobContext
from ctworkbench.core.measure import MeasureCase, MeasureParams, MeasureResult, check, measure
from ctworkbench.core.statistics import mean_hu, volume
from ctworkbench.core.volume import Volume, write_nifti

SCHEME = schemes.load()


def label_map(affine: np.ndarray | None = None) -> Volume:
    """Ten boxes of 8·(code) voxels, odd codes on the patient's right, none at the edge."""
    voxels = np.zeros((30, 24, 16), dtype=np.uint8)
    for region in SCHEME.regions:
        x = {"right": 20, "left": 4, "both": 12}[region.side]
        y = 2 + 2 * (region.code // 2)
        voxels[x : x + 4, y : y + 2, 2 : 2 + region.code] = region.code
    return Volume(voxels, np.eye(4) if affine is None else affine)


def run(tmp_path: Path, labels: Volume, image: Volume | None = None) -> MeasureResult:
    write_nifti(labels, tmp_path / "labels.nii.gz")
    if image is not None:
        write_nifti(image, tmp_path / "image.nii.gz")
    case = MeasureCase(
        annotation=7, labels=tmp_path / "labels.nii.gz", image=None if image is None else tmp_path / "image.nii.gz"
    )
    return measure(MeasureParams(cases=(case,)), JobContext(tmp_path))


def oblique() -> np.ndarray:
    """Turned, flipped along x, anisotropic voxels of 0.5 × 0.4 × 2.5 mm."""
    a, b = np.radians(20), np.radians(-12)
    rx = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    rz = np.array([[np.cos(b), -np.sin(b), 0], [np.sin(b), np.cos(b), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = rz @ rx @ np.diag([-0.5, 0.4, 2.5])
    affine[:3, 3] = 40, -60, 12
    return affine


@pytest.mark.parametrize("affine", [np.eye(4), np.diag([-0.43, 0.43, 0.625, 1.0]), oblique()])
def test_that_a_volume_is_voxels_times_the_determinant_of_the_affine(affine: np.ndarray) -> None:
    labels = label_map(affine)
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    for region in SCHEME.regions:
        expected = 8 * region.code * lengths.prod() / 1000
        assert volume.compute(labels, None, region.code) == pytest.approx(expected, rel=1e-12)


def test_that_shear_changes_the_volume_as_geometry_says() -> None:
    affine = np.eye(4)
    affine[1, 2] = 0.7
    affine[:3, :3] *= 2
    assert volume.compute(label_map(affine), None, 3) == pytest.approx(24 * 8 / 1000)


def test_that_every_region_is_measured_and_a_whole_label_map_has_no_problems(tmp_path: Path) -> None:
    labels = label_map()
    hu = np.where(labels.voxels > 0, 20 + labels.voxels.astype(np.int16), -1000).astype(np.int16)
    result = run(tmp_path, labels, Volume(hu, labels.affine))
    assert result.problems == []
    volumes = {row.region: row for row in result.rows if row.statistic == "volume"}
    assert tuple(volumes) == SCHEME.region_names
    assert volumes["left_temporal"] == (7, "left_temporal", "volume", pytest.approx(0.064), "cm³")
    means = {row.region: row.value for row in result.rows if row.statistic == "mean_hu"}
    assert means["brainstem"] == pytest.approx(30) and means["right_frontal"] == pytest.approx(21)
    assert MeasureResult.model_validate_json(result.model_dump_json()) == result


def test_that_a_missing_region_has_volume_0_and_a_warning(tmp_path: Path) -> None:
    labels = label_map()
    labels.voxels[labels.voxels == 10] = 0
    result = run(tmp_path, labels)
    assert [row.value for row in result.rows if row.region == "brainstem"] == [0.0]
    assert result.problems == ["Annotation 7: not found, so its volume is 0: Brainstem."]


def test_that_an_empty_label_map_is_called_empty() -> None:
    problems = check(Volume(np.zeros((4, 4, 4), dtype=np.uint8), np.eye(4)), SCHEME)
    assert len(problems) == 1 and "empty" in problems[0]


def test_that_unknown_codes_are_named() -> None:
    labels = label_map()
    labels.voxels[1, 1, 1:4] = 42
    assert check(labels, SCHEME) == ["codes that the scheme lobes10 does not know were left out: 42 (3 voxels)."]


def test_that_swapped_sides_are_seen_in_world_coordinates_and_only_there() -> None:
    flipped = np.diag([-1.0, 1, 1, 1])
    assert "left and right look swapped" in check(label_map(flipped), SCHEME)[0]
    right_again = Volume(np.asfortranarray(label_map().voxels[::-1]), flipped)
    assert check(right_again, SCHEME) == []


def test_that_a_region_cut_off_by_the_edge_of_the_scan_is_named() -> None:
    labels = label_map()
    cropped = labels.cropped((0, 0, 3), (30, 24, 16))
    problems = check(cropped, SCHEME)
    assert any("edge of the scan" in problem and "Cerebellum" in problem for problem in problems)


def test_that_an_unreadable_label_map_does_not_stop_the_others(tmp_path: Path) -> None:
    write_nifti(label_map(), tmp_path / "good.nii.gz")
    (tmp_path / "bad.nii.gz").write_bytes(b"not a NIfTI file")
    write_nifti(Volume(np.full((4, 4, 4), -700, dtype=np.int16), np.eye(4)), tmp_path / "image.nii.gz")
    names = ("bad", "image", "good")
    cases = tuple(MeasureCase(annotation=i, labels=tmp_path / f"{name}.nii.gz") for i, name in enumerate(names))
    result = measure(MeasureParams(cases=cases, statistics=("volume",)), JobContext(tmp_path))
    assert {row.annotation for row in result.rows} == {2}
    assert len(result.problems) == 2
    assert "bad.nii.gz" in result.problems[0] and "image.nii.gz is no label map" in result.problems[1]


def test_that_an_image_on_another_grid_is_left_aside_and_said(tmp_path: Path) -> None:
    labels = label_map()
    result = run(tmp_path, labels, Volume(np.zeros((30, 24, 16), dtype=np.int16), np.diag([1, 1, 1.1, 1])))
    assert {row.statistic for row in result.rows} == {"volume"}
    assert "another grid" in result.problems[0]


def test_that_the_mean_of_no_voxels_is_not_a_number() -> None:
    labels = label_map()
    assert np.isnan(mean_hu.compute(labels, labels, 99))
