"""DICOM series made up for tests: an asymmetric head whose place in the patient is known, and any fault.

The head is a smooth ellipsoid of brain in a shell of bone in air. A bead of 300 HU lies to the patient's left, one of
600 HU to the front and one of 900 HU at the top, so that no flip or permutation goes unseen.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

BEADS_LPS = {300: (32.0, 4.0, 2.0), 600: (3.0, -40.0, -5.0), 900: (-4.0, 5.0, 38.0)}
"""HU of each bead above the brain's 30 → its centre in LPS mm."""
BEAD_RADIUS_MM = 9.0
BRAIN_RADII_MM = (50.0, 60.0, 55.0)

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)
SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)


def tilted(degrees: float) -> tuple[float, ...]:
    """Axial planes turned about the left-right axis, as by a tilted gantry."""
    angle = np.radians(degrees)
    return (1.0, 0.0, 0.0, 0.0, float(np.cos(angle)), float(-np.sin(angle)))


def head(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """HU of the made-up head at LPS points of shape (..., 3); edges are smooth over 2 mm."""

    def inside(centre: Sequence[float], radii: Sequence[float]) -> NDArray[np.float64]:
        scaled = np.linalg.norm((points - np.array(centre)) / np.array(radii), axis=-1)
        return np.clip(0.5 + (1 - scaled) * float(np.mean(radii)) / 2.0, 0, 1)

    hu = np.full(points.shape[:-1], -1000.0)
    skull = inside((0, 0, 0), [r + 8 for r in BRAIN_RADII_MM])
    hu += skull * 2000
    hu += inside((0, 0, 0), BRAIN_RADII_MM) * -970
    for value, centre in BEADS_LPS.items():
        hu += inside(centre, [BEAD_RADIUS_MM] * 3) * value
    return hu


def write_series(
    folder: Path,
    *,
    orientation: Sequence[float] = AXIAL,
    step: Sequence[float] | None = None,
    places: Sequence[float] | None = None,
    spacing: tuple[float, float] = (3.0, 2.5),
    shape: tuple[int, int] = (60, 64),
    slope: float = 1.0,
    intercept: float = -1024.0,
    signed: bool = False,
    change: Callable[[int, Dataset], None] = lambda index, dataset: None,
    drop: Sequence[int] = (),
    tags: dict[str, object] | None = None,
) -> list[Path]:
    """Write the head as a DICOM series and return its files, lowest slice first.

    Args:
        orientation: direction cosines along a row and along a column.
        step: direction in which slices are stacked (LPS, per mm along the normal); None for the normal.
        places: place of each slice along the normal, mm; by default 45 slices 3 mm apart about the centre.
        spacing: distance between rows and between columns, mm.
        shape: rows and columns.
        change: called with each slice's number and dataset before it is written.
        drop: numbers of slices to leave out.
        tags: further tags of every slice.
    """
    folder.mkdir(parents=True, exist_ok=True)
    row, column = np.array(orientation[:3]), np.array(orientation[3:])
    normal = np.cross(row, column)
    along = normal if step is None else np.array(step) / (np.array(step) @ normal)
    heights = np.arange(-66.0, 67.0, 3.0) if places is None else np.array(places)
    corner = -row * spacing[1] * (shape[1] - 1) / 2 - column * spacing[0] * (shape[0] - 1) / 2
    grid = (
        row * spacing[1] * np.arange(shape[1])[None, :, None] + column * spacing[0] * np.arange(shape[0])[:, None, None]
    )
    series, study = generate_uid(), generate_uid()
    files: list[Path] = []
    for index, height in enumerate(heights):
        if index in drop:
            continue
        position = corner + along * height
        dataset = _header(series, study, index)
        dataset.ImagePositionPatient = [f"{p:.6f}" for p in position]
        dataset.ImageOrientationPatient = [f"{c:.8f}" for c in orientation]
        dataset.PixelSpacing = [str(spacing[0]), str(spacing[1])]
        dataset.SliceThickness = str(round(float(np.median(np.diff(heights))), 3)) if len(heights) > 1 else "3"
        dataset.Rows, dataset.Columns = shape
        dataset.PixelRepresentation = int(signed)
        dataset.RescaleSlope, dataset.RescaleIntercept = str(slope), str(intercept)
        stored = np.rint((head(position + grid) - intercept) / slope).astype(np.int16 if signed else np.uint16)
        dataset.PixelData = stored.tobytes()
        for name, value in (tags or {}).items():
            setattr(dataset, name, value)
        change(index, dataset)
        path = folder / f"{index:03d}.dcm"
        dataset.save_as(path, enforce_file_format=True)
        files.append(path)
    return files


def _header(series: str, study: str, index: int) -> FileDataset:
    """Tags of a slice that do not depend on its place."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
    dataset.SeriesInstanceUID, dataset.StudyInstanceUID = series, study
    dataset.Modality = "CT"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.Manufacturer, dataset.ManufacturerModelName = "SIEMENS", "SOMATOM Force"
    dataset.ConvolutionKernel = "Hr38f"
    dataset.KVP = "100"
    dataset.InstanceNumber = str(index + 1)
    dataset.SeriesNumber = "3"
    dataset.PatientID, dataset.PatientName = "P007", "Doe^Jane"
    dataset.PatientSex, dataset.PatientAge = "F", "002Y"
    dataset.StudyDate = "20210504"
    dataset.InstitutionName = "Some Hospital"
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    return dataset


def edit(path: Path, change: Callable[[Dataset], None]) -> None:
    """Change one written file."""
    dataset = pydicom.dcmread(path)
    change(dataset)
    dataset.save_as(path)
