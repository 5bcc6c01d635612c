"""Phantoms: the same each time, true to the draw, whatever the scan, and with left on the left."""

import csv
from functools import cache
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest

from ctworkbench.core.jobs import JobContext
from ctworkbench.core.phantom import (
    PhantomError,
    PhantomParams,
    PhantomResult,
    make_phantom,
    plan_phantoms,
    scan_phantom,
    shape_phantom,
    write_cohort,
)
from ctworkbench.core.phantom_dicom import SeriesHeader, write_series
from ctworkbench.core.phantom_scan import Pose, ScanGrid, inside_on
from ctworkbench.core.schemes import load
from ctworkbench.core.settings import resource
from ctworkbench.core.volume import Volume, read_nifti, write_nifti


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory):
    """Makes the first phantom of a seed as it is asked for, once for each way of asking."""

    @cache
    def make(name: str, **acquisition: object) -> PhantomResult:
        folder = tmp_path_factory.mktemp(name)
        (params,) = plan_phantoms(folder, 1, 5, **acquisition)
        return make_phantom(params, JobContext(folder))

    return make


def slices(result: PhantomResult) -> list[pydicom.Dataset]:
    return [pydicom.dcmread(path) for path in sorted(result.series.glob("*.dcm"))]


def measured(result: PhantomResult) -> dict[str, float]:
    """Volumes in cm³ as anyone would measure them on the truth file."""
    image = nib.load(result.truth)
    voxel = abs(np.linalg.det(image.affine[:3, :3])) / 1000
    counts = np.bincount(np.asarray(image.dataobj).ravel(), minlength=11)
    return {region.name: counts[region.code] * voxel for region in load().regions}


def test_that_the_same_seed_gives_the_same_bytes(made) -> None:
    one, two = made("one"), made("again")
    files = [sorted(result.series.glob("*.dcm")) for result in (one, two)]
    assert len(files[0]) == len(files[1]) > 50
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(*files, strict=True))
    assert one.truth.read_bytes() == two.truth.read_bytes()


def test_that_every_region_is_within_two_percent_of_its_draw(made) -> None:
    result = made("one")
    for name, drawn in result.drawn_cm3.items():
        assert result.true_cm3[name] == pytest.approx(drawn, rel=0.02), name


def test_that_volumes_measured_on_the_truth_file_are_those_of_the_cohort_table(made, tmp_path: Path) -> None:
    result = made("one")
    with write_cohort([result], tmp_path).open(newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert list(row)[:6] == ["subject", "sex", "age_years", "site", "scanner", "true_right_frontal_cm3"]
    assert row["subject"] == "P001"
    for name, volume in measured(result).items():
        assert float(row[f"true_{name}_cm3"]) == pytest.approx(volume, rel=1e-3), name


def test_that_the_inside_of_the_skull_on_a_scan_has_the_intracranial_volume_in_any_pose(tmp_path: Path) -> None:
    (params,) = plan_phantoms(tmp_path, 1, 5, spacing=(2.0, 2.0, 2.5))
    anatomy = shape_phantom(params, JobContext(tmp_path))
    volumes: list[float] = []
    for pose in (Pose((0, 0, 0), (0, 0, 0)), Pose((20, -15, 25), (5, -3, 8))):
        scanned = scan_phantom(params, anatomy, pose, JobContext(tmp_path))
        inside = inside_on(anatomy.skull, pose, scanned.grid, anatomy.head)
        voxel = abs(np.linalg.det(scanned.grid.affine[:3, :3])) / 1000
        volumes.append(inside.sum() * voxel)
        brain = scanned.truth > 0
        assert (inside & brain).sum() > 0.995 * brain.sum()  # the brainstem's tip lies between two known points
    assert volumes[1] == pytest.approx(volumes[0], rel=0.005)
    assert volumes[0] == pytest.approx(anatomy.skull.intracranial_cm3, rel=0.03)  # which goes through the base's bone


def test_that_the_deformation_never_folds(made) -> None:
    assert made("one").smallest_jacobian > 0


@pytest.mark.parametrize(
    ("name", "acquisition"),
    [("tilted", {"tilt_degrees": 15.0}), ("coarser", {"spacing": (0.8, 0.8, 2.5), "rescan": 1})],
)
def test_that_another_scan_of_the_same_child_has_the_same_volumes(made, name: str, acquisition: dict) -> None:
    one, other = made("one"), made(name, **acquisition)
    assert other.drawn_cm3 == one.drawn_cm3
    assert slices(other)[0].SeriesInstanceUID != slices(one)[0].SeriesInstanceUID
    for region, volume in one.true_cm3.items():
        assert other.true_cm3[region] == pytest.approx(volume, rel=0.01), region


@pytest.mark.parametrize(("name", "tilt"), [("one", 0.0), ("tilted", 15.0)])
def test_that_the_truth_lies_where_the_dicom_header_puts_the_voxels(made, name: str, tilt: float) -> None:
    result = made(name, **({"tilt_degrees": tilt} if tilt else {}))
    files = slices(result)
    truth = nib.load(result.truth)
    assert truth.shape == (files[0].Columns, files[0].Rows, len(files))
    for k in (0, len(files) - 1):
        at = [np.array(files[k].ImagePositionPatient, dtype=float)]
        along, down = np.split(np.array(files[k].ImageOrientationPatient, dtype=float), 2)
        rows, columns = (float(s) for s in files[k].PixelSpacing)
        at.append(at[0] + 10 * columns * along + 20 * rows * down)
        for (i, j), lps in zip(((0, 0), (10, 20)), at, strict=True):
            ras = truth.affine @ [i, j, k, 1]
            assert ras[:3] == pytest.approx(lps * [-1, -1, 1], abs=1e-3)
    assert float(files[0].GantryDetectorTilt) == tilt


def test_that_the_series_has_the_header_of_a_ge_head_scan(made) -> None:
    result = made("one")
    files = slices(result)
    first = files[0]
    assert (first.Manufacturer, first.Modality, first.PatientID) == ("GE MEDICAL SYSTEMS", "CT", "P001")
    assert (first.PatientSex, str(first.PatientName)) == (result.sex, "Phantom^P001")
    assert int(first.PatientAge[:3]) == int(result.age_years * (12 if first.PatientAge.endswith("M") else 1))
    assert (first.RescaleIntercept, first.RescaleSlope, first.BurnedInAnnotation) == (-1024, 1, "NO")
    assert len({file.SOPInstanceUID for file in files}) == len(files)
    assert len({file.SeriesInstanceUID for file in files}) == 1
    assert max(len(str(value)) for value in first.ImageOrientationPatient) <= 16
    heights = [float(file.ImagePositionPatient[2]) for file in files]
    assert np.diff(heights) == pytest.approx(1.25)


def test_that_tissues_have_the_hu_of_a_childs_head(made) -> None:
    result = made("one")
    image = np.stack([file.pixel_array.T.astype(int) + int(file.RescaleIntercept) for file in slices(result)], axis=-1)
    truth = np.asarray(nib.load(result.truth).dataobj)
    brain = image[(truth > 0)]
    assert 25 < np.median(brain) < 40
    assert 3 < np.median(np.abs(brain - np.median(brain))) * 1.48 < 9
    assert np.percentile(image, 99.5) > 500, "no skull"
    assert image[image.shape[0] // 2, 4, image.shape[2] // 2] < -950, "no air in front of the head"


def test_that_a_sharp_kernel_is_louder_at_the_same_dose_and_a_soft_one_quieter(made) -> None:
    noise: dict[str, float] = {}
    for kernel in ("SOFT", "STANDARD", "BONE"):
        result = made("kernel", spacing=(1.0, 1.0, 10.0), kernel=kernel)
        scan = slices(result)
        assert {d.ConvolutionKernel for d in scan} == {kernel}
        truth = read_nifti(result.truth).voxels
        hu = np.stack([d.pixel_array.T * d.RescaleSlope + d.RescaleIntercept for d in scan], axis=-1)
        inside = truth[:, 1:] == truth[:, :-1]
        inside &= truth[:, 1:] > 0
        noise[kernel] = float(np.median(np.abs(np.diff(hu, axis=1)[inside])))  # edges are few
    assert noise["SOFT"] < 0.75 * noise["STANDARD"]
    assert noise["BONE"] > 2 * noise["STANDARD"]


def test_that_left_is_left(tmp_path: Path) -> None:
    heads = tmp_path / "heads"
    heads.mkdir()
    tissue = read_nifti(resource("heads") / "head_13_tissue.nii.gz")
    marked = np.where(tissue.voxels == 41, 506, tissue.voxels)  # the right white matter gets the HU of an eye, 12
    flipped = Volume(marked[::-1], tissue.affine @ _mirrored(marked.shape[0]))
    regions = read_nifti(resource("heads") / "head_13_labels10.nii.gz")
    write_nifti(flipped, heads / "head_13_tissue.nii.gz")  # stored right to left: only the affine tells the side
    write_nifti(Volume(regions.voxels[::-1], flipped.affine), heads / "head_13_labels10.nii.gz")
    (params,) = plan_phantoms(tmp_path, 1, 2, heads, pose=0.0, spacing=(1.5, 1.5, 3.0))
    result = make_phantom(params, JobContext(tmp_path))

    truth = nib.load(result.truth)
    labels = np.asarray(truth.dataobj)
    image = np.stack([f.pixel_array.T.astype(int) - 1024 for f in slices(result)], axis=-1)
    # LPS x grows to the left; DICOM columns run that way here
    assert list(slices(result)[0].ImageOrientationPatient[:3]) == [1, 0, 0]
    right, left = (image[labels == code] for code in (1, 2))
    assert np.mean(right < 18) > 0.3
    assert np.mean(left < 18) < 0.1
    x = {code: (truth.affine @ [*np.argwhere(labels == code).mean(axis=0), 1])[0] for code in (1, 2)}
    assert x[1] > x[2], "RAS x grows to the right"


def _mirrored(n: int) -> np.ndarray:
    matrix = np.diag([-1.0, 1.0, 1.0, 1.0])
    matrix[0, 3] = n - 1
    return matrix


def test_that_a_series_leaves_no_slices_of_a_longer_one_behind(tmp_path: Path) -> None:
    grid = ScanGrid((64, 64, 2), (1.0, 1.0, 2.0), 0.0, (0.0, 0.0, 0.0))
    header = SeriesHeader("P001", "M", 2.0, "test", 2.0, "STANDARD")
    (tmp_path / "003.dcm").write_bytes(b"stale")
    write_series(tmp_path, np.zeros(grid.shape, dtype=np.int16), grid, header)
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["001.dcm", "002.dcm"]


def test_that_a_longer_cohort_begins_with_the_shorter_one(tmp_path: Path) -> None:
    ten, twenty = plan_phantoms(tmp_path, 10, 3), plan_phantoms(tmp_path, 20, 3)
    assert twenty[:10] == ten
    assert [params.code for params in ten][:2] == ["P001", "P002"]
    assert {params.sex for params in twenty} == {"M", "F"}
    assert all(1.5 <= params.age_years <= 2.5 for params in twenty)
    assert {params.head.name for params in ten} == {path.name for path in resource("heads").glob("*_tissue.nii.gz")}
    assert plan_phantoms(tmp_path, 10, 4) != ten


def test_that_a_folder_without_heads_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PhantomError, match="no folder of heads"):
        plan_phantoms(tmp_path, 1, 1, tmp_path / "absent")
    with pytest.raises(PhantomError, match="holds no head"):
        plan_phantoms(tmp_path, 1, 1, tmp_path)
    (tmp_path / "head_01_tissue.nii.gz").write_bytes(b"")
    with pytest.raises(PhantomError, match=r"head_01_labels10\.nii\.gz"):
        plan_phantoms(tmp_path, 1, 1, tmp_path)


def test_that_regions_of_another_head_are_refused_by_name(tmp_path: Path) -> None:
    heads = resource("heads")
    (tmp_path / "head_03_tissue.nii.gz").write_bytes((heads / "head_03_tissue.nii.gz").read_bytes())
    (tmp_path / "head_03_labels10.nii.gz").write_bytes((heads / "head_04_labels10.nii.gz").read_bytes())
    (params,) = plan_phantoms(tmp_path, 1, 1, tmp_path)
    with pytest.raises(PhantomError, match=r"head_03_tissue.*different grids"):
        make_phantom(params, JobContext(tmp_path))


@pytest.mark.parametrize(("n", "seed"), [(0, 1), (10_000, 1), (1, -1)])
def test_that_impossible_cohorts_are_refused(tmp_path: Path, n: int, seed: int) -> None:
    with pytest.raises(PhantomError):
        plan_phantoms(tmp_path, n, seed)


def test_that_params_survive_json(tmp_path: Path) -> None:
    (params,) = plan_phantoms(tmp_path, 1, 1, tilt_degrees=15.0)
    assert PhantomParams.model_validate_json(params.model_dump_json()) == params
