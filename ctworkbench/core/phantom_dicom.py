"""A phantom's scan as a DICOM series with the header a GE scanner writes."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian

from ctworkbench.core.phantom_scan import PADDING_HU, ScanGrid

SITE = "Digital phantom"
SCANNER = "GE Revolution CT"
_ROOT = "2.25."
_INTERCEPT = -1024


@dataclass(frozen=True)
class SeriesHeader:
    """What a series says of its subject and its making; `identity` makes its UIDs, the same each time."""

    code: str
    sex: str
    age_years: float
    identity: str
    thickness_mm: float
    kernel: str


def write_series(folder: Path, image: NDArray[np.int16], grid: ScanGrid, header: SeriesHeader) -> None:
    """Write one file per slice, `001.dcm` the lowest.

    Args:
        folder: made if need be; slices of an earlier phantom (`NNN.dcm`) in it are removed.
        image: HU, (columns, rows, slices).
        grid: where the voxels lie.
        header: who and how.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.glob("[0-9][0-9][0-9].dcm"):  # an earlier phantom may have had more slices
        stale.unlink()
    stored = (image.astype(np.int32) - _INTERCEPT).astype(np.int16)
    dataset = _common(grid, header)
    for k in range(grid.shape[2]):
        x, y, z = grid.first
        position = [x, y, round(z + k * grid.spacing[2], 4)]
        dataset.SOPInstanceUID = uid(header.identity, f"slice {k}")
        dataset.InstanceNumber = k + 1
        dataset.ImagePositionPatient = position
        dataset.SliceLocation = position[2]
        dataset.PixelData = np.ascontiguousarray(stored[:, :, k].T).tobytes()
        dataset.file_meta = _file_meta(dataset.SOPInstanceUID)
        dataset.save_as(folder / f"{k + 1:03d}.dcm", enforce_file_format=True)


def uid(identity: str, what: str) -> UID:
    """A UID made from a text (UUID-derived root 2.25): the same text, the same UID."""
    return UID(
        _ROOT + str(int.from_bytes(hashlib.sha256(f"ctworkbench phantom|{identity}|{what}".encode()).digest()[:15]))
    )


def _file_meta(instance: UID) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = instance
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = uid("implementation", "")
    meta.ImplementationVersionName = "CTWORKBENCH"
    return meta


def _common(grid: ScanGrid, header: SeriesHeader) -> Dataset:
    """What all slices of a series share."""
    d = Dataset()
    d.SpecificCharacterSet = "ISO_IR 100"
    d.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    d.SOPClassUID = CTImageStorage
    d.StudyDate = d.SeriesDate = d.AcquisitionDate = d.ContentDate = "20200101"
    d.StudyTime = d.SeriesTime = d.AcquisitionTime = d.ContentTime = "120000"
    d.AccessionNumber = ""
    d.Modality = "CT"
    d.Manufacturer = "GE MEDICAL SYSTEMS"
    d.InstitutionName = SITE
    d.ReferringPhysicianName = ""
    d.StudyDescription = "HEAD PHANTOM"
    d.SeriesDescription = "Head axial"
    d.ManufacturerModelName = SCANNER.removeprefix("GE ")
    d.PatientName = f"Phantom^{header.code}"
    d.PatientID = header.code
    d.PatientBirthDate = ""
    d.PatientSex = header.sex
    d.PatientAge = age_string(header.age_years)
    d.PatientIdentityRemoved = "YES"
    d.DeidentificationMethod = "Digital phantom: no patient"
    d.BodyPartExamined = "HEAD"
    d.SliceThickness = header.thickness_mm
    d.KVP = 120
    d.DataCollectionDiameter = 320
    d.SoftwareVersions = "phantom"
    d.ReconstructionDiameter = round(grid.shape[0] * grid.spacing[0], 4)
    d.GantryDetectorTilt = grid.tilt_degrees
    d.TableHeight = 150
    d.RotationDirection = "CW"
    d.ExposureTime = 1000
    d.XRayTubeCurrent = 150
    d.FilterType = "HEAD FILTER"
    d.ConvolutionKernel = header.kernel
    d.PatientPosition = "HFS"
    d.StudyInstanceUID = uid(header.identity, "study")
    d.SeriesInstanceUID = uid(header.identity, "series")
    d.StudyID = "1"
    d.SeriesNumber = 2
    d.AcquisitionNumber = 1
    d.ImageOrientationPatient = list(grid.orientation)
    d.FrameOfReferenceUID = uid(header.identity, "frame of reference")
    d.PositionReferenceIndicator = "OM"
    d.SamplesPerPixel = 1
    d.PhotometricInterpretation = "MONOCHROME2"
    d.Rows, d.Columns = grid.shape[1], grid.shape[0]
    d.PixelSpacing = [grid.spacing[1], grid.spacing[0]]
    d.BitsAllocated = d.BitsStored = 16
    d.HighBit = 15
    d.PixelRepresentation = 1
    d.PixelPaddingValue = PADDING_HU - _INTERCEPT
    d.BurnedInAnnotation = "NO"
    d.LossyImageCompression = "00"
    d.WindowCenter, d.WindowWidth = 35, 80
    d.RescaleIntercept, d.RescaleSlope = _INTERCEPT, 1
    d.RescaleType = "HU"
    return d


def age_string(years: float) -> str:
    """DICOM age: whole months under two years as scanners write them, then whole years, such as "002Y"."""
    return f"{int(years * 12 + 1e-9):03d}M" if years < 2 else f"{int(years):03d}Y"
