"""DICOM series as they lie on disk: found by their headers alone, grouped, nothing judged yet.

Only the tags named here are read; the patient's name, the institution and the physicians are never looked at.
"""

import os
import re
import struct
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pydicom
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.uid import UID

_SLICE_TAGS = [
    "SOPClassUID",
    "SOPInstanceUID",
    "SeriesInstanceUID",
    "StudyInstanceUID",
    "InstanceNumber",
    "Modality",
    "ImageType",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "SliceThickness",
    "Rows",
    "Columns",
    "NumberOfFrames",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "BitsAllocated",
    "RescaleSlope",
    "RescaleIntercept",
    "RescaleType",
    "ConvolutionKernel",
    "GantryDetectorTilt",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
]
_SERIES_TAGS = [
    "PatientID",
    "PatientSex",
    "PatientAge",
    "PatientBirthDate",
    "StudyDate",
    "SeriesDate",
    "AcquisitionDate",
    "SeriesNumber",
    "Manufacturer",
    "ManufacturerModelName",
    "KVP",
    "Exposure",
    "ExposureTime",
    "XRayTubeCurrent",
    "LossyImageCompression",
    "DeidentificationMethod",
]
_DICOM_SUFFIXES = {".dcm", ".dicom", ".ima"}
_OTHER_SUFFIXES = {
    ".csv",
    ".json",
    ".txt",
    ".md",
    ".pdf",
    ".png",
    ".jpg",
    ".xml",
    ".html",
    ".xlsx",
    ".gz",
    ".nii",
    ".zip",
}

UNREADABLE = (
    InvalidDicomError,
    BytesLengthException,
    EOFError,
    OSError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    NotImplementedError,
    OverflowError,
    struct.error,
)
"""What pydicom raises on damaged files."""

Triple = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class SliceHeader:
    """What one image (a file, or a frame of a multi-frame file) says of its place and its values.

    Attributes:
        frame: number of the frame in a multi-frame file, from 0; None in a file of one image.
        position: centre of the first pixel, LPS mm; None if not given.
        orientation: direction cosines of a row (along which the column number grows) and of a column, LPS.
        spacing: distance between rows and between columns, in mm.
        thickness: nominal slice thickness in mm, where given.
        slope, intercept: HU = stored value × slope + intercept; None if not given.
    """

    path: Path
    frame: int | None
    instance: int | None
    sop_uid: str
    image_type: tuple[str, ...]
    position: Triple | None
    orientation: tuple[float, ...] | None
    spacing: tuple[float, float] | None
    rows: int
    columns: int
    samples: int
    photometric: str
    thickness: float | None
    slope: float | None
    intercept: float | None
    rescale_type: str
    kernel: str
    tilt: float | None

    @property
    def is_localizer(self) -> bool:
        """Whether the image is a scout view, by its image type."""
        return any("LOCALIZER" in part or part == "SCOUT" for part in self.image_type)


@dataclass(slots=True)
class Series:
    """All images of one SeriesInstanceUID.

    Attributes:
        header: tags of the first file that was read, restricted to what this module names.
        damaged: files that belong here but cannot be read whole: name → why.
    """

    uid: str
    study_uid: str
    modality: str
    sop_class: str
    header: Dataset
    folder: str
    slices: list[SliceHeader] = field(default_factory=list[SliceHeader])
    damaged: dict[str, str] = field(default_factory=dict[str, str])
    syntaxes: set[str] = field(default_factory=set[str])

    def text(self, keyword: str) -> str:
        """A tag of the header as stripped text; empty if absent."""
        value = self.header.get(keyword)
        return "" if value is None else str(value).strip()

    def number(self, keyword: str) -> float | None:
        """A tag of the header as a number; None if absent or not a number."""
        return number(self.header.get(keyword))


@dataclass(slots=True)
class Found:
    """What lies under the paths given.

    Attributes:
        series: series by UID.
        unreadable: DICOM files that could not be given to any series: name → why.
        files: all files that are DICOM.
    """

    series: dict[str, Series] = field(default_factory=dict[str, Series])
    unreadable: dict[str, str] = field(default_factory=dict[str, str])
    files: set[Path] = field(default_factory=set[Path])


def find_series(paths: Iterable[Path], told: Callable[[int], None] = lambda _: None) -> Found:
    """Group the DICOM files among `paths` (files only) by SeriesInstanceUID, headers only.

    Args:
        paths: files; those that are not DICOM are left out silently unless they are named as DICOM (.dcm, .ima).
        told: called with the number of files looked at, now and then.
    """
    found = Found()
    lost: list[tuple[Path, str]] = []
    cut: list[tuple[Path, Dataset]] = []
    folders: dict[Path, set[str]] = {}
    for count, path in enumerate(paths):
        if count % 64 == 0:
            told(count)
        try:
            header = read_header(path)
        except PermissionError:
            lost.append((path, "it may not be read (permission denied)"))
        except UNREADABLE as error:
            lost.append((path, f"it is not readable as DICOM ({_line(error)})"))
        else:
            if header is None:
                continue
            found.files.add(path)
            if not header.get("SeriesInstanceUID"):
                lost.append((path, "it ends before its SeriesInstanceUID: the file is truncated or is not an image"))
            elif not header.get("Rows") and header.get("Modality") == "CT":
                cut.append((path, header))
            else:
                folders.setdefault(path.parent, set()).add(_add(found, path, header).uid)
    for path, header in cut:  # even the UID may be cut short: trusted only if nothing in the folder says otherwise
        uids = folders.get(path.parent, set())
        own = str(header["SeriesInstanceUID"].value)
        series = found.series[next(iter(uids))] if own not in found.series and len(uids) == 1 else None
        (series or _series(found, path, header)).damaged[path.name] = "it is truncated: it ends before its pixels"
    found.files.update(path for path, _ in lost)
    for path, fault in lost:  # a file without a readable UID belongs to the series it lies with, if there is but one
        uids = folders.get(path.parent, set())
        if len(uids) == 1:
            found.series[next(iter(uids))].damaged[path.name] = fault
        else:
            found.unreadable[path.name] = fault
    return found


def _series(found: Found, path: Path, header: Dataset) -> Series:
    """The series that a file names, begun if it is the first of it."""
    uid = str(header["SeriesInstanceUID"].value)
    if uid not in found.series:
        found.series[uid] = Series(
            uid=uid,
            study_uid=str(header.get("StudyInstanceUID") or ""),
            modality=str(header.get("Modality") or ""),
            sop_class=str(header.get("SOPClassUID") or ""),
            header=header,
            folder=path.parent.name or path.name,
        )
    return found.series[uid]


def _add(found: Found, path: Path, header: Dataset) -> Series:
    """Add the images of one file to the series it names, or note why the file is damaged."""
    series = _series(found, path, header)
    try:
        syntax = transfer_syntax(header)
        series.slices.extend(_slices(path, header))
        fault = _truncation(path, header, syntax)
    except UNREADABLE as error:
        fault = f"its header is damaged ({_line(error)})"
    else:
        series.syntaxes.add(str(syntax))
    if fault:
        series.damaged[path.name] = fault
    return series


def _truncation(path: Path, header: Dataset, syntax: UID) -> str:
    """Why a file cannot be whole, by its size against what its header promises; empty if it can."""
    if not header.get("Rows") or syntax.is_compressed or syntax.is_deflated:
        return ""
    samples = int(header.get("NumberOfFrames") or 1) * int(header.get("SamplesPerPixel") or 1)
    needed = (
        int(header["Rows"].value) * int(header["Columns"].value) * samples * int(header.get("BitsAllocated") or 8) // 8
    )
    size = path.stat().st_size
    return f"it is truncated: {size} bytes where the pixels alone take {needed}" if size < needed else ""


def read_header(path: Path, tags: Sequence[str] = (*_SLICE_TAGS, *_SERIES_TAGS)) -> Dataset | None:
    """The named tags of a file, pixels left out; None if the file is not DICOM and is not named as such.

    Raises:
        InvalidDicomError, OSError, EOFError, ValueError: named or marked as DICOM, yet unreadable.
    """
    suffix = path.suffix.lower()
    named = suffix in _DICOM_SUFFIXES
    if path.name == "DICOMDIR" or (suffix in _OTHER_SUFFIXES):
        return None
    with path.open("rb") as stream:
        marked = stream.read(132)[128:] == b"DICM"
        stream.seek(0)
        if not marked and not named and path.suffix and not re.fullmatch(r"\.\d+", path.suffix):
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom warns of odd values; they are judged here where they matter
            if not marked and os.fstat(stream.fileno()).st_size < 256:
                if named:
                    raise InvalidDicomError("the file is empty or cut off")
                return None
            try:
                header = pydicom.dcmread(stream, stop_before_pixels=True, force=not marked, specific_tags=list(tags))
                _convert(header)
            except UNREADABLE:
                if marked or named:
                    raise
                return None  # not told as DICOM in any way, and not readable as such: something else
    if not marked and not header.get("SOPClassUID"):
        if named:
            raise InvalidDicomError("it has neither the DICOM mark nor a SOP class")
        return None
    return header


def _convert(header: Dataset) -> None:
    """Turn all values from bytes now, while their file is known; one that merely describes is dropped if damaged."""
    descriptive = {tag_for_keyword(keyword) for keyword in _SERIES_TAGS}
    for tag in list(header.keys()):
        try:
            header[tag]
        except UNREADABLE:
            if int(tag) not in descriptive:
                raise
            del header[tag]


def transfer_syntax(header: Dataset) -> UID:
    """The transfer syntax of a file; implicit little endian where none is told, as the standard has it."""
    meta: Any = getattr(header, "file_meta", None)
    return UID(str((meta.get("TransferSyntaxUID") if meta else None) or "1.2.840.10008.1.2"))


def number(value: Any) -> float | None:
    """A DICOM value as a finite number, or None."""
    try:
        result = float(value)
    except (TypeError, ValueError):
        return None
    return result if result == result and abs(result) != float("inf") else None


def _numbers(value: Any, count: int) -> tuple[float, ...] | None:
    """A DICOM multi-value of exactly `count` numbers, or None."""
    if value is None or isinstance(value, str) or len(value) != count:
        return None
    return tuple(float(part) for part in value)


def _slices(path: Path, header: Dataset) -> Iterator[SliceHeader]:
    """The images of one file: one, or one per frame."""
    per_frame: Any = header.get("PerFrameFunctionalGroupsSequence")
    if not per_frame:
        frames = int(header.get("NumberOfFrames") or 1)
        yield _slice(path, None if frames == 1 else 0, header, [header])
        return
    shared: Any = header.get("SharedFunctionalGroupsSequence")
    common = [shared[0]] if shared else []
    for index, groups in enumerate(per_frame):
        yield _slice(path, index, header, [*_macros(groups), *(m for group in common for m in _macros(group)), header])


def _macros(groups: Dataset) -> list[Dataset]:
    """The functional group macros inside one item: each is a sequence of one item."""
    return [element.value[0] for element in groups if element.VR == "SQ" and len(element.value)]


def _slice(path: Path, frame: int | None, header: Dataset, places: Sequence[Dataset]) -> SliceHeader:
    """One image's header, each tag from the first place that has it (frame, shared groups, the file itself)."""

    def get(keyword: str) -> Any:
        return next(
            (place[keyword].value for place in places if keyword in place and place[keyword].value is not None), None
        )

    position = _numbers(get("ImagePositionPatient"), 3)
    spacing = _numbers(get("PixelSpacing"), 2)
    kernel: Any = get("ConvolutionKernel")
    image_type: Any = header.get("ImageType") or ()
    return SliceHeader(
        path=path,
        frame=frame,
        instance=int(header["InstanceNumber"].value) if header.get("InstanceNumber") is not None else None,
        sop_uid=str(header.get("SOPInstanceUID") or ""),
        image_type=tuple(str(p).upper() for p in ([image_type] if isinstance(image_type, str) else image_type)),
        position=(position[0], position[1], position[2]) if position else None,
        orientation=_numbers(get("ImageOrientationPatient"), 6),
        spacing=(spacing[0], spacing[1]) if spacing else None,
        rows=int(header.get("Rows") or 0),
        columns=int(header.get("Columns") or 0),
        samples=int(header.get("SamplesPerPixel") or 1),
        photometric=str(header.get("PhotometricInterpretation") or ""),
        thickness=number(get("SliceThickness")),
        slope=number(get("RescaleSlope")),
        intercept=number(get("RescaleIntercept")),
        rescale_type=str(get("RescaleType") or ""),
        kernel=(str(kernel) if isinstance(kernel, str) else " ".join(str(p) for p in kernel or ())).strip(),
        tilt=number(get("GantryDetectorTilt")),
    )


def _line(error: Exception) -> str:
    """An error in one short line without paths."""
    return (str(error).splitlines() or [type(error).__name__])[0][:120]
