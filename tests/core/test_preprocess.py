"""Preprocessing: one grid, skull and brain masks from HU, and the network input."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from ctworkbench.core.errors import WorkbenchError
from ctworkbench.core.jobs import JobContext
from ctworkbench.core.preprocess import PreprocessParams, PreprocessResult, equalize, preprocess
from ctworkbench.core.volume import Volume, read_nifti, resample, write_nifti
from tests.core.synthetic_head import Head, make_head


def run(head: Head, folder: Path) -> PreprocessResult:
    write_nifti(head.scan, folder / "scan.nii.gz")
    return preprocess(PreprocessParams(image=folder / "scan.nii.gz"), JobContext(folder))


def on_grid_of(mask: np.ndarray, head: Head, image: Volume) -> np.ndarray:
    return resample(Volume(mask.astype(np.uint8), head.scan.affine), image.grid, "nearest").voxels > 0


@pytest.mark.parametrize(
    ("degrees", "spacing"),
    [((0, 0, 0), (1, 1, 1)), ((25, -20, 28), (1, 1, 1)), ((-15, 10, 0), (0.8, 0.8, 4.0))],
)
def test_that_the_brain_mask_fills_a_skull_with_open_sutures_and_leaks_nowhere(tmp_path, degrees, spacing):
    head = make_head(spacing, degrees)
    result = run(head, tmp_path)
    brain = read_nifti(result.brain)
    inside = on_grid_of(head.inside, head, brain)
    found = brain.voxels > 0
    assert 2 * (found & inside).sum() / (found.sum() + inside.sum()) > 0.96
    assert (found & inside).sum() / inside.sum() > 0.94
    assert (found & ~ndimage.binary_dilation(inside, iterations=3)).sum() < 6000  # mm³: the canal below the foramen
    assert (found & on_grid_of(head.eyes, head, brain)).sum() < 100
    true_cm3 = head.inside.sum() * head.scan.grid.voxel_volume_mm3 / 1000
    assert result.brain_cm3 == pytest.approx(true_cm3, rel=0.02)  # out to the bone, unlike the mask
    assert result.brain_cm3 > found.sum() / 1000


def test_that_open_sutures_do_not_change_the_brain_mask(tmp_path):
    volumes = []
    for sutures in (False, True):
        folder = tmp_path / str(sutures)
        folder.mkdir()
        volumes.append(run(make_head(sutures=sutures), folder).brain_cm3)
    assert volumes[1] == pytest.approx(volumes[0], rel=0.01)


def test_that_all_results_stand_on_one_millimetre_grid_in_the_patients_place(tmp_path):
    head = make_head((0.9, 0.9, 2.0), (10, 0, 5))
    result = run(head, tmp_path)
    image = read_nifti(result.image)
    np.testing.assert_allclose(image.spacing, 1.0)
    assert image.voxels.dtype == np.int16
    for path in (result.brain, result.skull, result.equalized):
        volume = read_nifti(path)
        assert volume.grid.matches(image.grid) and volume.voxels.dtype == np.uint8
    back = resample(Volume(image.voxels.astype(np.float32), image.affine), head.scan.grid, "linear", fill=-1024).voxels
    core = ndimage.binary_erosion(head.inside, iterations=3)  # away from bone, whose edge any resampling blurs
    assert np.abs(back[core].astype(float).mean() - head.scan.voxels[core].mean()) < 0.2
    brain = read_nifti(result.brain)
    centre = brain.affine @ np.append(np.argwhere(brain.voxels > 0).mean(0), 1)
    truth = head.scan.affine @ np.append(np.argwhere(head.inside).mean(0), 1)
    np.testing.assert_allclose(centre[:3], truth[:3], atol=1.0)


def test_that_the_skull_mask_is_the_bone_of_the_head_without_its_holder(tmp_path):
    head = make_head(sutures=False)
    result = run(head, tmp_path)
    skull, image = read_nifti(result.skull).voxels > 0, read_nifti(result.image)
    brain = read_nifti(result.brain).voxels > 0
    assert (image.voxels[skull] > 200).all() and not (skull & brain).any()
    shell = ndimage.binary_dilation(on_grid_of(head.inside, head, image), iterations=2) & (image.voxels > 400)
    assert skull[shell].mean() > 0.98


def test_that_a_stack_turned_on_its_head_gives_the_same_brain(tmp_path):
    head = make_head()
    volumes = []
    for axcodes in ("RAS", "LPI", "SRP"):
        folder = tmp_path / axcodes
        folder.mkdir()
        write_nifti(head.scan.oriented(axcodes), folder / "scan.nii.gz")
        volumes.append(preprocess(PreprocessParams(image=folder / "scan.nii.gz"), JobContext(folder)).brain_cm3)
    assert volumes[1] == pytest.approx(volumes[0], rel=1e-3) == volumes[2]


def test_that_the_network_input_is_zero_outside_the_brain_and_spread_inside():
    rng = np.random.default_rng(0)
    brain = np.zeros((60, 60, 60), dtype=bool)
    brain[10:50, 10:50, 10:50] = True
    hu = np.where(brain, 34, 800) + rng.normal(0, 4, brain.shape)
    hu[20:30, 20:30, 20:30] = 8
    equalized = equalize(hu.astype(np.int16), brain)
    assert equalized.dtype == np.uint8 and not equalized[~brain].any() and equalized[brain].min() >= 1
    spread = np.ptp(np.percentile(equalized[brain], [2, 98])) / 255
    assert spread > 1.3 * np.ptp(np.percentile(np.clip(hu[brain], 0, 80), [2, 98])) / 80
    assert equalized[22:28, 22:28, 22:28].mean() < equalized[35:45, 35:45, 35:45].mean()


def test_that_the_equalized_image_is_that_of_simpleitk():
    rng = np.random.default_rng(0)
    smooth = ndimage.gaussian_filter(rng.normal(0, 1, (44, 40, 36)), 3)
    hu = np.rint(34 + 60 * smooth + rng.normal(0, 4, smooth.shape)).astype(np.int16)
    hu[:3, 0, 0] = 0, 80, 34  # the ends of the window, which SimpleITK takes from the image
    window = np.clip(hu, 0, 80).astype(np.float32)
    itk = sitk.AdaptiveHistogramEqualizationImageFilter()
    itk.SetRadius([5] * 3)
    itk.SetAlpha(0.3)
    itk.SetBeta(0.3)
    theirs = 1 + 254 * sitk.GetArrayFromImage(itk.Execute(sitk.GetImageFromArray(window))) / 80
    ours = equalize(hu, np.ones(hu.shape, dtype=bool))
    assert np.abs(ours - theirs).mean() < 1.5 and np.abs(ours - theirs).max() < 12  # of 255
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.999


def test_that_scans_without_a_brain_are_refused_with_a_reason(tmp_path):
    air = Volume(np.full((40, 40, 40), -1000, dtype=np.int16), np.diag([4.0, 4.0, 4.0, 1.0]))
    write_nifti(air, tmp_path / "air.nii.gz")
    with pytest.raises(WorkbenchError, match=r"air\.nii\.gz shows no head"):
        preprocess(PreprocessParams(image=tmp_path / "air.nii.gz"), JobContext(tmp_path))
    x, y, z = np.ogrid[-50:50, -50:50, -50:50]
    water = np.where(x**2 + y**2 + z**2 < 45**2, 0, -1000).astype(np.int16)
    write_nifti(Volume(water, np.diag([2.0, 2.0, 2.0, 1.0])), tmp_path / "water.nii.gz")
    with pytest.raises(WorkbenchError, match=r"water\.nii\.gz shows no skull"):
        preprocess(PreprocessParams(image=tmp_path / "water.nii.gz"), JobContext(tmp_path))
    head = make_head((2.0, 2.0, 2.0), sutures=False)
    neck = head.scan.cropped((0, 0, 0), (*head.scan.voxels.shape[:2], 38))
    write_nifti(neck, tmp_path / "neck.nii.gz")
    with pytest.raises(WorkbenchError, match=r"neck\.nii\.gz shows no"):
        preprocess(PreprocessParams(image=tmp_path / "neck.nii.gz"), JobContext(tmp_path))
