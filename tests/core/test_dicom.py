"""Which series are refused, and why; how stored values become HU."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    EnhancedCTImageStorage,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEGLSNearLossless,
    RLELossless,
    SecondaryCaptureImageStorage,
    generate_uid,
)

from ctworkbench.core.dicom import Found, find_series
from ctworkbench.core.dicom_series import NotForUs, ReadSeries, is_bone_kernel, read_series
from ctworkbench.core.errors import ImportRefused
from tests.core.dicom_series import AXIAL, CORONAL, edit, head, write_series


def found(folder: Path) -> Found:
    return find_series(sorted(path for path in folder.rglob("*") if path.is_file()))


def read(folder: Path) -> ReadSeries:
    (series,) = found(folder).series.values()
    return read_series(series)


def refusal(folder: Path) -> ImportRefused:
    with pytest.raises(ImportRefused) as raised:
        read(folder)
    assert raised.value.remedy
    return raised.value


@pytest.mark.parametrize("kept", [0, 60, 140, 300, 420, *range(600, 1100, 25), 4000])
def test_that_a_truncated_dicom_file_is_refused_by_name(tmp_path: Path, kept: int) -> None:
    file = write_series(tmp_path)[7]
    file.write_bytes(file.read_bytes()[:kept])
    assert "007.dcm" in refusal(tmp_path).message


def test_that_a_truncated_compressed_file_is_refused_by_name(tmp_path: Path) -> None:
    file = write_series(tmp_path, change=lambda _, dataset: dataset.compress(RLELossless))[7]
    file.write_bytes(file.read_bytes()[:-500])
    assert "007.dcm" in refusal(tmp_path).message


def test_that_a_truncated_file_without_any_series_is_told_of_by_name(tmp_path: Path) -> None:
    (tmp_path / "lone.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\x02\0")
    assert "lone.dcm" in found(tmp_path).unreadable


def set_all(**tags: object) -> Callable[[int, Dataset], None]:
    def change(_: int, dataset: Dataset) -> None:
        for name, value in tags.items():
            if value is None:
                delattr(dataset, name)
            else:
                setattr(dataset, name, value)

    return change


@pytest.mark.parametrize(
    ("tags", "reason", "is_kind"),
    [
        ({"Modality": "MR"}, "modality MR", True),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "localizer", True),
        ({"SOPClassUID": SecondaryCaptureImageStorage}, "secondary capture", True),
        ({"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"}, "RGB", True),
        ({"ConvolutionKernel": "Hr64f"}, "bone kernel Hr64f", True),
        ({"ImageType": ["DERIVED", "SECONDARY", "MIP"]}, "MIP", True),
        ({"ImagePositionPatient": None}, "no ImagePositionPatient", False),
        ({"ImageOrientationPatient": None}, "no ImageOrientationPatient", False),
        ({"PixelSpacing": None}, "no PixelSpacing", False),
        ({"RescaleIntercept": None}, "rescale", False),
        ({"RescaleSlope": "0"}, "rescale", False),
        ({"SliceThickness": "10"}, "10.0 mm thick", False),
    ],
)
def test_that_what_is_no_soft_kernel_ct_volume_is_refused_by_its_reason(
    tmp_path: Path, tags: dict[str, object], reason: str, is_kind: bool
) -> None:
    write_series(tmp_path, change=set_all(**tags))
    error = refusal(tmp_path)
    assert reason in error.message
    assert isinstance(error, NotForUs) is is_kind


def test_that_a_hole_in_a_series_is_refused_and_a_trimmed_end_is_not(tmp_path: Path) -> None:
    write_series(tmp_path / "hole", drop=(20,))
    assert "a step of 6.00 mm after 57.0 mm" in refusal(tmp_path / "hole").message
    write_series(tmp_path / "two holes", drop=(1, 30, 31))
    assert "missing" in refusal(tmp_path / "two holes").message
    write_series(tmp_path / "end", drop=(0, 44))
    assert read(tmp_path / "end").volume.voxels.shape == (64, 60, 43)


def test_that_duplicate_slices_are_refused(tmp_path: Path) -> None:
    files = write_series(tmp_path)
    shutil.copy(files[3], tmp_path / "copy.dcm")
    assert "2 slices lie at the same position" in refusal(tmp_path).message


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"orientation": CORONAL}, "two orientations"),
        ({"shape": (40, 40)}, "60×64"),
        ({"spacing": (2.0, 2.0)}, "pixel spacings"),
        ({"tags": {"ConvolutionKernel": "Hr64f"}}, "Hr64f"),
    ],
)
def test_that_two_series_mixed_under_one_uid_are_refused(tmp_path: Path, other: dict[str, object], reason: str) -> None:
    uid = generate_uid()
    write_series(tmp_path / "a", change=set_all(SeriesInstanceUID=uid))
    write_series(tmp_path / "b", change=set_all(SeriesInstanceUID=uid), **other)  # type: ignore[arg-type]
    assert reason in refusal(tmp_path).message


def test_that_a_short_series_is_refused_as_no_head(tmp_path: Path) -> None:
    write_series(tmp_path, places=np.arange(0, 60, 3.0).tolist())
    assert "20 slices cover 60 mm" in refusal(tmp_path).message


def test_that_a_localizer_among_the_slices_is_left_out_with_a_warning(tmp_path: Path) -> None:
    def scout(index: int, dataset: Dataset) -> None:
        if index == 0:
            dataset.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]

    write_series(tmp_path, change=scout)
    assert "1 localizer images of the series left out" in read(tmp_path).warnings


def test_that_slices_of_five_mm_are_taken_with_a_warning(tmp_path: Path) -> None:
    write_series(tmp_path, places=np.arange(-60, 61, 5.0).tolist())
    assert any("5.0 mm thick" in warning for warning in read(tmp_path).warnings)


@pytest.mark.parametrize(
    ("kernel", "maker", "is_bone"),
    [
        ("BONE", "GE MEDICAL SYSTEMS", True),
        ("BONEPLUS", "GE MEDICAL SYSTEMS", True),
        ("EDGE", "GE MEDICAL SYSTEMS", True),
        ("STANDARD", "GE MEDICAL SYSTEMS", False),
        ("STD+", "GE MEDICAL SYSTEMS", False),
        ("SOFT", "GE MEDICAL SYSTEMS", False),
        ("H60s", "SIEMENS", True),
        ("H70h", "SIEMENS", True),
        ("Hr60f 3", "Siemens Healthineers", True),
        ("H31s", "SIEMENS", False),
        ("J40s 2", "SIEMENS", False),
        ("Hc44f", "SIEMENS", False),
        ("YD", "Philips", True),
        ("UB", "Philips", False),
        ("B", "Philips", False),
        ("FC30", "TOSHIBA", True),
        ("FC81", "CANON_MEC", True),
        ("FC26", "TOSHIBA", False),
        ("", "GE MEDICAL SYSTEMS", False),
    ],
)
def test_that_bone_kernels_are_known_by_their_makers_names(kernel: str, maker: str, is_bone: bool) -> None:
    assert is_bone_kernel(kernel, maker) is is_bone


def expected(folder: Path) -> np.ndarray:
    """HU of the made-up head on the grid of the read series."""
    volume = read(folder).volume
    index = np.stack(np.meshgrid(*[np.arange(n) for n in volume.voxels.shape], indexing="ij"), axis=-1)
    return head((index @ volume.affine[:3, :3].T + volume.affine[:3, 3]) * [-1, -1, 1])


@pytest.mark.parametrize(
    ("slope", "intercept", "signed", "dtype"),
    [
        (1, -1024, False, np.int16),
        (1, 0, True, np.int16),
        (2, -1024, False, np.int16),
        (0.5, -1024.5, False, np.float32),
    ],
)
def test_that_stored_values_become_hu(
    tmp_path: Path, slope: float, intercept: float, signed: bool, dtype: type
) -> None:
    write_series(tmp_path, slope=slope, intercept=intercept, signed=signed)
    voxels = read(tmp_path).volume.voxels
    assert voxels.dtype == dtype
    assert np.abs(voxels - expected(tmp_path)).max() <= max(0.51, slope)


def test_that_each_slice_is_rescaled_by_its_own_intercept(tmp_path: Path) -> None:
    def shifted(index: int, dataset: Dataset) -> None:
        stored = np.frombuffer(dataset.PixelData, np.uint16) + index
        dataset.PixelData, dataset.RescaleIntercept = stored.astype(np.uint16).tobytes(), str(-1024 - index)

    write_series(tmp_path, change=shifted)
    assert np.abs(read(tmp_path).volume.voxels - expected(tmp_path)).max() <= 0.51


def test_that_padding_outside_the_field_of_view_becomes_air_and_is_recorded(tmp_path: Path) -> None:
    def pad(_: int, dataset: Dataset) -> None:
        stored = np.frombuffer(dataset.PixelData, np.int16).copy().reshape(60, 64)
        stored[:, :3] = -2000
        dataset.PixelData = stored.tobytes()
        dataset.add_new("PixelPaddingValue", "US", 65536 - 2000)  # written with the wrong sign, as some do

    write_series(tmp_path, signed=True, intercept=0, change=pad)
    result = read(tmp_path)
    assert (result.volume.voxels[:3] == -1024).all()
    assert "set to -1024" in str(result.protocol["padding"])


def test_that_overlay_bits_above_the_high_bit_do_not_reach_the_hu(tmp_path: Path) -> None:
    def overlay(_: int, dataset: Dataset) -> None:
        stored = np.frombuffer(dataset.PixelData, np.uint16) | 0x8000
        dataset.PixelData, dataset.BitsStored, dataset.HighBit = stored.tobytes(), 12, 11

    write_series(tmp_path, change=overlay)
    assert np.abs(read(tmp_path).volume.voxels - expected(tmp_path)).max() <= 0.51


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless])
def test_that_transfer_syntaxes_do_not_change_the_hu(tmp_path: Path, syntax: pydicom.uid.UID) -> None:
    files = write_series(tmp_path)
    plain = read(tmp_path).volume
    for path in files:
        dataset = pydicom.dcmread(path)
        if syntax.is_encapsulated:
            dataset.compress(syntax)
            dataset.save_as(path)
            continue
        if not syntax.is_little_endian:
            dataset.PixelData = np.frombuffer(dataset.PixelData, "<u2").astype(">u2").tobytes()
        dataset.file_meta.TransferSyntaxUID = syntax
        pydicom.dcmwrite(
            path, dataset, implicit_vr=syntax.is_implicit_VR, little_endian=syntax.is_little_endian, force_encoding=True
        )
    np.testing.assert_array_equal(read(tmp_path).volume.voxels, plain.voxels)


@pytest.mark.parametrize("compressor", ["JPEG", "JPEG2000", "JPEGLS"])
def test_that_losslessly_compressed_pixels_are_decoded_to_the_same_hu(tmp_path: Path, compressor: str) -> None:
    files = write_series(tmp_path)
    plain = read(tmp_path).volume
    for path in files:
        dataset = pydicom.dcmread(path)
        image = sitk.GetImageFromArray(dataset.pixel_array.astype(np.uint16))
        squeezed = tmp_path / "squeezed.dcm"
        writer = sitk.ImageFileWriter()
        writer.SetImageIO("GDCMImageIO")
        writer.SetFileName(str(squeezed))
        writer.UseCompressionOn()
        writer.SetCompressor(compressor)
        writer.Execute(image)
        other = pydicom.dcmread(squeezed)
        assert other.file_meta.TransferSyntaxUID.is_encapsulated
        dataset["PixelData"] = other["PixelData"]
        dataset.file_meta.TransferSyntaxUID = other.file_meta.TransferSyntaxUID
        dataset.BitsStored, dataset.HighBit = other.BitsStored, other.HighBit
        squeezed.unlink()
        dataset.save_as(path)
    np.testing.assert_array_equal(read(tmp_path).volume.voxels, plain.voxels)


def test_that_a_compression_that_cannot_be_decoded_is_named(tmp_path: Path) -> None:
    for path in write_series(tmp_path):
        dataset = pydicom.dcmread(path)
        dataset.PixelData = pydicom.encaps.encapsulate([b"not a picture"])
        dataset["PixelData"].is_undefined_length = True
        dataset.file_meta.TransferSyntaxUID = JPEGLSNearLossless
        dataset.save_as(path)
    error = refusal(tmp_path)
    assert "JPEG-LS" in error.message
    assert "uncompressed" in error.remedy


def test_that_a_multi_frame_enhanced_ct_is_read_frame_by_frame(tmp_path: Path) -> None:
    files = write_series(tmp_path / "single")
    plain = read(tmp_path / "single").volume
    slices = [pydicom.dcmread(path) for path in files][::-1]
    enhanced = pydicom.dcmread(files[-1])
    for name in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "RescaleSlope", "RescaleIntercept"):
        delattr(enhanced, name)
    enhanced.SOPClassUID = enhanced.file_meta.MediaStorageSOPClassUID = EnhancedCTImageStorage
    enhanced.NumberOfFrames = len(slices)
    enhanced.PixelData = b"".join(dataset.PixelData for dataset in slices)
    frames: list[Dataset] = []
    for dataset in slices:
        place, frame = Dataset(), Dataset()
        place.ImagePositionPatient = dataset.ImagePositionPatient
        frame.PlanePositionSequence = Sequence([place])
        frames.append(frame)
    plane, measures, values, shared = Dataset(), Dataset(), Dataset(), Dataset()
    plane.ImageOrientationPatient = list(AXIAL)
    measures.PixelSpacing, measures.SliceThickness = slices[0].PixelSpacing, "3"
    values.RescaleSlope, values.RescaleIntercept, values.RescaleType = "1", "-1024", "HU"
    shared.PlaneOrientationSequence = Sequence([plane])
    shared.PixelMeasuresSequence = Sequence([measures])
    shared.PixelValueTransformationSequence = Sequence([values])
    enhanced.SharedFunctionalGroupsSequence = Sequence([shared])
    enhanced.PerFrameFunctionalGroupsSequence = Sequence(frames)
    (tmp_path / "multi").mkdir()
    enhanced.save_as(tmp_path / "multi" / "enhanced.dcm")
    volume = read(tmp_path / "multi").volume
    np.testing.assert_array_equal(volume.voxels, plain.voxels)
    np.testing.assert_allclose(volume.affine, plain.affine, atol=1e-5)


def test_that_the_protocol_tells_nothing_of_the_patient(tmp_path: Path) -> None:
    files = write_series(tmp_path)
    edit(files[0], lambda dataset: setattr(dataset, "PatientBirthDate", "20190101"))
    told = repr(read(tmp_path).protocol)
    for secret in ("Doe", "P007", "2019", "Hospital", "2021"):
        assert secret not in told
    assert read(tmp_path).protocol["kernel"] == "Hr38f"
    assert read(tmp_path).protocol["kvp"] == 100.0


def test_that_a_tilt_told_but_not_seen_in_the_positions_is_warned_of(tmp_path: Path) -> None:
    write_series(tmp_path, tags={"GantryDetectorTilt": "15"})
    assert any("gantry tilt of +15.0°" in warning for warning in read(tmp_path).warnings)
