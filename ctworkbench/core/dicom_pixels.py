"""Pixels of DICOM files as Hounsfield units."""

import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import RLELossless

from ctworkbench.core.dicom import UNREADABLE, SliceHeader, transfer_syntax
from ctworkbench.core.errors import ImportRefused

_PIXEL_TAGS = [
    "Rows",
    "Columns",
    "NumberOfFrames",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelPaddingValue",
    "PixelPaddingRangeLimit",
    "RescaleSlope",
    "RescaleIntercept",
    "PixelData",
]
LOWEST_HU = -1024


def padding_note(voxels: int) -> str:
    """What the protocol says of voxels that were no HU: scanners pad outside their field of view."""
    return f"{voxels} voxels below {LOWEST_HU} HU (padding outside the field of view) set to {LOWEST_HU}"


def read_hu(slices: Sequence[SliceHeader], told: Callable[[int], None] = lambda _: None) -> tuple[NDArray[Any], int]:
    """HU of the slices in the order given, and how many voxels were below −1024 HU or padding and became −1024.

    Returns:
        Array with axes (slice, row, column), int16, or float32 if a slope or intercept is not whole; and the count.

    Raises:
        ImportRefused: truncated, or compressed in a way that cannot be decoded.
    """
    whole = all(float(s.slope or 0).is_integer() and float(s.intercept or 0).is_integer() for s in slices)
    hu = np.empty((len(slices), slices[0].rows, slices[0].columns), dtype=np.int16 if whole else np.float32)
    lifted = 0
    opened: tuple[Path, NDArray[Any], NDArray[np.bool_] | None] | None = None
    for index, header in enumerate(slices):
        if index % 16 == 0:
            told(index)
        if opened is None or opened[0] != header.path:
            opened = (header.path, *_stored(header.path))
        _, stored, padding = opened
        frame = header.frame or 0
        if stored.shape[1:] != hu.shape[1:] or frame >= len(stored):
            raise ImportRefused(
                f"{header.path.name} holds fewer pixels than its header says.", "Export the series again."
            )
        image = stored[frame]
        slope, intercept = header.slope or 1.0, header.intercept or 0.0
        if whole:
            wide = image.astype(np.int32) * int(slope) + int(intercept) if (slope, intercept) != (1.0, 0.0) else image
        else:
            wide = image.astype(np.float32) * np.float32(slope) + np.float32(intercept)
        low = wide < LOWEST_HU
        if padding is not None:
            low |= padding[frame] & (wide < 0)
        lifted += int(np.count_nonzero(low & (wide != LOWEST_HU)))
        np.clip(wide, LOWEST_HU, np.iinfo(np.int16).max, out=hu[index], casting="unsafe")
        hu[index][low] = LOWEST_HU
    return hu, lifted


def _stored(path: Path) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """Stored values of a file, axes (frame, row, column), and where they are padding."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a cut-off file is told of below, by name
            return _read_stored(path, pydicom.dcmread(path, force=True, specific_tags=list(_PIXEL_TAGS)))
    except UNREADABLE as error:
        raise ImportRefused(f"{path.name} cannot be read: {error}", "Export the series again.") from error


def _read_stored(path: Path, dataset: Dataset) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """Stored values and padding of an opened file."""
    syntax = transfer_syntax(dataset)
    if "PixelData" not in dataset or not dataset.PixelData:
        raise ImportRefused(f"{path.name} is truncated: its pixels are missing.", "Export the series again.")
    bits = int(dataset.get("BitsAllocated") or 16)
    if bits not in (8, 16, 32):
        raise ImportRefused(f"{path.name} stores {bits} bits per pixel, which CT images do not.", "Export it again.")
    stored = _decoded(path, dataset) if syntax.is_encapsulated else _native(path, dataset, bits)
    padding: NDArray[np.bool_] | None = None
    value: Any = dataset.get("PixelPaddingValue")
    if value is not None:
        first = _as_stored(value, bits, bool(dataset.get("PixelRepresentation")))
        last = _as_stored(dataset.get("PixelPaddingRangeLimit", value), bits, bool(dataset.get("PixelRepresentation")))
        padding = (stored >= min(first, last)) & (stored <= max(first, last))
    return stored, padding


def _as_stored(value: Any, bits: int, signed: bool) -> int:
    """A padding value in the sign of the pixels, whichever sign its own tag was written with."""
    number = int.from_bytes(value, "little") if isinstance(value, bytes) else int(value)
    number &= (1 << bits) - 1
    return number - (1 << bits) if signed and number >> (bits - 1) else number


def _native(path: Path, dataset: Dataset, bits: int) -> NDArray[Any]:
    """Uncompressed pixels: overlay bits above the high bit cut off, the sign carried up from it."""
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    frames = int(dataset.get("NumberOfFrames") or 1)
    signed = bool(dataset.get("PixelRepresentation"))
    big = not transfer_syntax(dataset).is_little_endian
    kind = np.dtype(f"{'>' if big else '<'}{'i' if signed else 'u'}{bits // 8}")
    data: bytes = dataset.PixelData
    needed = rows * columns * frames * kind.itemsize
    if len(data) < needed:
        raise ImportRefused(
            f"{path.name} is truncated: {len(data)} bytes of pixels where {needed} are needed.",
            "Export the series again.",
        )
    pixels = np.frombuffer(data, dtype=kind, count=needed // kind.itemsize).reshape(frames, rows, columns)
    pixels = pixels.astype(kind.newbyteorder("="), copy=False)
    stored_bits = int(dataset.get("BitsStored") or bits)
    above = bits - 1 - int(dataset.get("HighBit", stored_bits - 1))
    if stored_bits < bits:
        pixels = np.right_shift(np.left_shift(pixels, above), bits - stored_bits)
    return pixels


def _decoded(path: Path, dataset: Dataset) -> NDArray[Any]:
    """Compressed pixels: RLE by pydicom, JPEG, JPEG-LS and JPEG 2000 by the GDCM inside SimpleITK."""
    syntax = transfer_syntax(dataset)
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    try:
        if syntax == RLELossless:
            return np.asarray(dataset.pixel_array).reshape(-1, rows, columns)
        return _decoded_by_gdcm(path).reshape(-1, rows, columns)
    except (RuntimeError, *UNREADABLE) as error:
        raise ImportRefused(
            f"{path.name} is compressed with {syntax.name} ({syntax}), which cannot be decoded here.",
            "Export the series uncompressed (Explicit VR Little Endian).",
        ) from error


def _decoded_by_gdcm(path: Path) -> NDArray[Any]:
    """Stored values of a compressed file, the rescaling that GDCM applies switched off by a neutral header."""
    import SimpleITK as sitk

    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(path, force=True)
        for keyword in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
            if keyword in dataset:
                del dataset[keyword]
        dataset.RescaleSlope, dataset.RescaleIntercept = "1", "0"
        neutral = Path(folder) / "image.dcm"
        dataset.save_as(neutral)
        sitk.ProcessObject.SetGlobalWarningDisplay(False)
        try:
            reader = sitk.ImageFileReader()
            reader.SetImageIO("GDCMImageIO")
            reader.SetFileName(str(neutral))
            return sitk.GetArrayFromImage(reader.Execute())
        finally:
            sitk.ProcessObject.SetGlobalWarningDisplay(True)
